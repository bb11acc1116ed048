"""A derivation as data: its steps, parts and remarks, and how its lines are written.

In: nothing. Out: the classes that `derivation` fills in, `levels` lays out and `record` prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tensorprop.core.equation import Declared, Equation, Outside, Range, System
from tensorprop.core.expr import Expr
from tensorprop.errors import UsageError
from tensorprop.render import dialects
from tensorprop.render.derivation.index_table import Row
from tensorprop.render.derivation.matrix import MatrixForm
from tensorprop.render.derivation.passage import Passage, axes_of
from tensorprop.render.derivation.reasons import Reason
from tensorprop.render.derivation.sentences import Math, Sentence, entry, letter, whole
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX, UNICODE, Notation
from tensorprop.render.pen import Style
from tensorprop.render.svg import Network

__all__ = ["Contents", "DerivationStep", "Judgement", "Like", "Remark", "RulePart"]


@dataclass(frozen=True)
class DerivationStep:
    """One step: what it is called, the lines that it leads to, the law by name and statement, the reason.

    ``equations`` are lines of equal value with the step before; ``notes`` say more, one fact each.
    """

    kind: str
    title: str
    equations: tuple[Equation, ...]
    law: str
    statement: Math
    reason: Sentence
    notes: tuple[Sentence, ...] = ()
    matrix: MatrixForm | None = None
    brief: Sentence | None = None  # the reason where the like was said before


@dataclass(frozen=True)
class Like:
    """That a rule comes about as an earlier one: which, and what stands for what there."""

    name: str
    instead: tuple[tuple[str, str], ...]  # a name here, and the one in whose place it stands


@dataclass(frozen=True)
class RulePart:
    """How one rule comes about: ``rule`` is the very Equation that `adjoint` gives."""

    passage: Passage
    rule: Equation
    shown: MatrixForm
    steps: tuple[DerivationStep, ...]
    reasons: tuple[Reason, ...]
    dimension: Sentence | None
    table: tuple[Row, ...] = ()
    like: Like | None = None
    picture: Network | None = None  # the product with this tensor, its node cut out
    example: Sentence | None = None

    @property
    def name(self) -> str:
        """The tensor whose rule this is."""
        return self.passage.name


@dataclass(frozen=True)
class Remark:
    """Something that stands beside the steps: rules put together, the bias as a weight."""

    title: str
    text: Sentence
    equations: tuple[Equation, ...] = ()
    shown: tuple[MatrixForm, ...] = ()
    more: bool = False  # whether it goes on under the heading of the one before
    before: tuple[tuple[Sentence, Equation], ...] = ()  # lines of equal value that lead to it, each with what was done


@dataclass(frozen=True)
class Judgement:
    """What is said of a formula that somebody tried: ``right`` or not, as it was read, and sentences that say why.

    Of several formulas it is the first that is wrong, or the first; ``lines`` are the judgements of all then.
    """

    formula: Math
    right: bool
    sentences: tuple[Sentence, ...]
    target: str
    lines: tuple[Judgement, ...] = ()

    @property
    def each(self) -> tuple[Judgement, ...]:
        """The judgements of all formulas, in the order in which they were written."""
        return self.lines or (self,)

    def __str__(self) -> str:
        if wrong := [one for one in self.lines if not one.right]:
            return "\n".join(f"{one.formula.unicode}\n{one}" for one in wrong)
        return "\n".join(s.unicode for s in self.sentences)


@dataclass(frozen=True)
class Contents:
    """What was found: the forward equations, and how each rule comes about. ``parts`` has one entry for every rule."""

    system: System
    rules: System
    convention: Convention
    detail: Literal["full", "short", "beside"]
    forward: tuple[tuple[Equation, MatrixForm], ...]
    parts: tuple[RulePart, ...]
    remarks: tuple[Remark, ...]
    error: str
    given: tuple[tuple[Expr, Expr], ...] = ()
    verdict: Judgement | None = None

    def part(self, name: str) -> RulePart:
        """The derivation of the rule for δname."""
        for p in self.parts:
            if p.name == name:
                return p
        raise UsageError(f"nothing is derived for {name}", known=f"derived: {', '.join(p.name for p in self.parts)}")

    @cached_property
    def axes(self) -> dict[tuple[str, int], str]:
        """A letter for every axis, so that sizes can be shown as ``|i|``."""
        return axes_of(self.system)

    @property
    def stated(self) -> Iterator[Math]:
        """What is stated beside the equations: ``dim(u) = 2``, ``outside(a) = 0``, ``spd(S)``, sums that are given."""
        for f in self.system.facts:
            match f:
                case Range(i, size):
                    yield _stated("dim", letter(i), entry(size, self.axes))
                case Outside(tensor, value):
                    yield _stated("outside", whole(tensor), Math(value, _LIMITS.get(value, rf"\mathrm{{{value}}}"))
                                  if isinstance(value, str) else entry(value))  # fmt: skip
                case Declared(kind, tensor):
                    yield _stated(kind, whole(tensor), None)
        for left, right in self.given:
            one, other = entry(left, self.axes), entry(right, self.axes)
            yield Math(f"{one.unicode} = {other.unicode}  (given)", rf"{one.latex} = {other.latex} \; (\text{{given}})")

    @property
    def named(self) -> tuple[Equation, ...]:
        """Quotients that have no name on the page, with the one that they get where rules are put together."""
        own = {*self.system.names, *(p.rule.name for p in self.parts)}
        return tuple(eq for r in self.remarks for eq in r.equations if eq.name not in own)

    @property
    def formulas(self) -> Iterator[MatrixForm]:
        """Every formula in vectors and matrices that is shown."""
        yield from (shown for _, shown in self.forward)
        yield from (p.shown for p in self.parts)
        yield from (shown for r in self.remarks for shown in r.shown)

    def line(self, eq: Equation, written: str = "δz") -> Math:
        """An equation in index notation with every Σ."""
        if written == "δz":
            return Math(UNICODE.equation(eq, self.axes), LATEX.equation(eq, self.axes))
        style = Style(adjoint=written)
        notations = (Notation(to, style) for to in (dialects.UNICODE, dialects.LATEX))
        return Math(*(n.equation(eq, self.axes) for n in notations))


_LIMITS = {"∞": r"\infty", "-∞": r"-\infty"}


def _stated(kind: str, of: Math, value: Math | None) -> Math:
    """``dim(u) = 2``."""
    head = Math(f"{kind}({of.unicode})", rf"\operatorname{{{kind}}}({of.latex})")
    return head if value is None else Math(f"{head.unicode} = {value.unicode}", f"{head.latex} = {value.latex}")
