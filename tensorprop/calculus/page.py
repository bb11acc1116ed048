"""A page of equations: forward rules, the backward rules that somebody wrote, the parts that these name, what is given.

In: text, or equations. Out: a `Page` with every name spelled out. Whether a written rule is right, and what the rules
are that nobody wrote, is not known here, nor any size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

from tensorprop.calculus.placed import everywhere
from tensorprop.calculus.shorthand import adjoints_spelled, forward_spelled
from tensorprop.core.english import counted
from tensorprop.core.equation import Equation, Loop, System, equation, renamed, system
from tensorprop.core.expr import Expr, Index, Number, Sum, Tensor
from tensorprop.core.names import adjoint_name, also_adjoints, is_adjoint, outer_adjoint, primal
from tensorprop.core.walk import called, tensors_of
from tensorprop.errors import (
    CircularDefinition,
    DuplicateDefinition,
    RankMismatch,
    TensorpropError,
    UnknownName,
    UsageError,
    among,
    meant,
)
from tensorprop.text import parse_expression
from tensorprop.text.parse import Spans, concern, equations, facts

__all__ = ["Given", "Page", "axis_letters", "given_in", "read", "seed_of", "sides", "without_given"]

Given = tuple[tuple[Expr, Expr], ...]


class Page:
    """A page, read: the forward System, the written rules, and the parts that these name for themselves.

    ``given`` are pairs of expressions that the inputs make equal. ``origin`` is the text of the rules as it was
    written, if it is known, so that what is wrong can be shown in the words of whoever wrote it. ``places`` are, by
    name, the lines of rules that were written in places, ``δh_{t-1,k} = …; δh[n-1, k] = …``, and are one rule here.
    """

    __slots__ = ("given", "origin", "parts", "places", "rules", "system")

    def __init__(
        self,
        forward: System,
        rules: tuple[Equation, ...] = (),
        parts: tuple[Equation, ...] = (),
        given: Given = (),
        origin: str | None = None,
        places: Mapping[str, tuple[Equation, ...]] | None = None,
    ) -> None:
        self.system = forward
        self.rules = rules
        self.parts = parts
        self.given = given
        self.origin = origin
        self.places = places or {}

    @property
    def whole(self) -> System:
        """All that is written on the page, names spelled out: forward equations, parts and rules."""
        return system([*self.system, *self.parts, *self.rules], self.system.facts) if self.rules else self.system

    def rename(self, names: Mapping[str, str]) -> Page:
        """The page with tensors, and their adjoints, called otherwise."""
        new = also_adjoints(names)
        return self.map(lambda e: called(e, new))

    def map(self, change: Callable[[Expr], Expr]) -> Page:
        """The page with both sides of every equation put through ``change``."""

        def both(eq: Equation) -> Equation:
            target = change(eq.target)
            assert isinstance(target, Tensor)
            return equation(target, change(eq.value))

        return Page(
            system(map(both, self.system), renamed(self.system.facts, change)),
            tuple(map(both, self.rules)),
            tuple(map(both, self.parts)),
            tuple((change(left), change(right)) for left, right in self.given),
        )


def read(
    forward: str | System,
    backward: str | None = None,
    given: str = "",
    *,
    convention: str = "strict",
    differentiated: bool = False,
) -> Page:
    """Read a page; see `tensorprop.Layer` for what may stand on it.

    ``differentiated``: all lines of ``forward`` are the forward pass, also those of a δ: a rule that is derived from.
    """
    if isinstance(forward, str):
        forward, told = without_given(forward)
        given = f"{given}\n{told}"
    source = _Source(forward, convention)
    mine, theirs = (source.equations, ()) if differentiated else sides(source.equations)
    if backward is not None and theirs:
        raise source.place(
            UsageError(
                f"{theirs[0].target} is a backward rule, and stands among the forward equations",
                fix="write it in backward",
                about=(None, theirs[0].target),
            )
        )
    back = source if backward is None else _Source(backward, convention)
    rest = theirs if backward is None else back.equations
    for part in (source, back):
        if part.reader is not None:
            concern(part.reader, (*source.equations, *back.equations))
    if not mine:
        raise source.place(UsageError("there is no forward equation", fix="write one, such as z_j = a_i W_ij + b_j"))
    try:
        built, split = forward_spelled(mine, source.facts if backward is None else (*source.facts, *back.facts))
    except TensorpropError as error:
        raise source.place(error) from None
    try:
        lines = adjoints_spelled(rest, built, split, back.said)
        spelled = everywhere(lines)
        places = {eq.name: tuple(e for e in lines if e.name == eq.name) for eq in spelled if eq not in lines}
        rules = tuple(eq for eq in spelled if is_adjoint(eq.name))
        parts = tuple(eq for eq in spelled if not is_adjoint(eq.name))
        _verify(built, rules, parts)
    except TensorpropError as error:
        raise back.place(error) from None
    if source.text is not None and split is None and not theirs:  # a text that is read as this very System
        object.__setattr__(built, "origin", source.text)
    return Page(built, rules, parts, given_in(given, built), back.text, places)


class _Source:
    """Equations with the text that they come from, for the caret of an error."""

    def __init__(self, x: str | System, convention: str) -> None:
        self.text = x if isinstance(x, str) else getattr(x, "origin", None)
        self.convention = convention
        if isinstance(x, str):
            reader, found = equations(x, convention, None)
            self.equations, self.facts, self.reader = tuple(found), tuple(facts(reader, found)), reader
        else:
            self.equations, self.facts, self.reader = x.equations, x.facts, None
        self.said: dict[Expr, Expr] = {}

    def place(self, error: TensorpropError) -> TensorpropError:
        """The error with its place in the text, where it speaks of something that stands there."""
        node: object = error.about
        if isinstance(node, tuple):
            node = cast("tuple[object, ...]", node)[1]
        if self.text is None or error.text is not None or not isinstance(node, Expr):
            return error
        spans: list[Spans] = []
        try:
            equations(self.text, self.convention, spans)
        except TensorpropError:
            return error
        found = (places.get(n) for n in (node, self.said.get(node)) for places in spans)
        span = next((place for place in found if place is not None), None)
        return error if span is None else error.at(self.text, span)


_GIVEN = re.compile("(?:^|(?<=[;\n]))[ \t]*(?:Σ|sum_)[^;\n=#]*=[^;\n#]*")


def without_given(text: str) -> tuple[str, str]:
    """A text with blanks for the lines that say what a sum of entries is, and these lines.

    >>> without_given("a_i = f(z_i); Σ_i t_i = 1")
    ('a_i = f(z_i);            ', 'Σ_i t_i = 1')
    """
    found = [hit.group().strip() for hit in _GIVEN.finditer(text)]
    return _GIVEN.sub(lambda hit: " " * len(hit.group()), text), "\n".join(found)


def given_in(text: str, s: System) -> Given:
    """``Σ_c y_bc = 1``: sums of entries of an input that are a known number."""
    pairs: list[tuple[Expr, Expr]] = []
    for line in filter(None, (part.strip() for part in text.replace("\n", ";").split(";"))):
        left, _, right = line.rpartition("=")
        pair = parse_expression(left, free=None), parse_expression(right, free=None)
        match pair:
            case Sum(_, Tensor(name)), Number() if name in s.inputs:
                pairs.append(pair)
            case _:
                raise UsageError(
                    f"{line} is not of the form that can be given",
                    fix="a sum of entries of an input is a number: Σ_c y_bc = 1",
                )
    return tuple(pairs)


def lines_of(text: str, convention: str = "strict") -> tuple[Equation, ...]:
    """The equations of a text as they stand, in circles too."""
    return _Source(text, convention).equations


def sides(equations: tuple[Equation, ...]) -> tuple[tuple[Equation, ...], tuple[Equation, ...]]:
    """Forward equations and backward ones; a line that needs a δ, or what needs one, belongs to the way back."""
    back = {eq.name for eq in equations if eq.name[:1] in "δ∂"}
    grown = True
    while grown:
        more = {
            eq.name for eq in equations if eq.name not in back and any(n[:1] in "δ∂" or n in back for n in eq.inputs)
        }
        back |= more
        grown = bool(more)
    return tuple(eq for eq in equations if eq.name not in back), tuple(eq for eq in equations if eq.name in back)


def _verify(forward: System, rules: tuple[Equation, ...], parts: tuple[Equation, ...]) -> None:
    """Rules speak of tensors that are there, each with its own number of axes."""
    for eq in parts:
        if eq.name in forward.names:
            raise DuplicateDefinition(
                f"{eq.name} names a part of a backward rule and a tensor of the layer",
                fix=f"give the part another name than {eq.name}",
                about=(None, eq.target),
            )
    seen: set[str] = set()
    for eq in (*rules, *parts):
        if eq.name in seen:
            raise DuplicateDefinition(
                f"there are two rules for {eq.name}",
                fix="add the two right sides in one rule: what a tensor is owed adds up",
                about=(None, eq.target),
            )
        seen.add(eq.name)
    ranks = {eq.name: len(eq.letters) for eq in parts}
    ranks |= {name: forward.rank(name) for name in forward.names}
    ranks |= {adjoint_name(name): forward.rank(name) for name in forward.names}
    carried = {eq.name for b in forward.blocks if isinstance(b, Loop) for eq in b.body}
    ranks |= {outer_adjoint(name): forward.rank(name) for name in forward.outputs if name in carried}
    for eq in (*rules, *parts):
        for t in (eq.target, *tensors_of(eq.value)):
            if t.name not in ranks:
                raise _unknown(t, forward, ranks)
            if len(t.subscripts) != ranks[t.name]:
                stem = primal(t.name)
                raise RankMismatch(
                    f"{t} has {counted(len(t.subscripts), 'index', 'indices')}, "
                    f"but {stem} has {counted(ranks[t.name], 'axis', 'axes')}",
                    fix=f"an adjoint has the axes of its tensor: one index for each axis of {stem}",
                    about=(None, t),
                )
    for eq in rules:
        if primal(eq.name) in forward.outputs and eq.name != seed_of(forward) and primal(eq.name) not in carried:
            others = [adjoint_name(name) for name in forward.names if name not in forward.outputs]
            raise UsageError(
                f"{eq.name} comes from what follows the layer: {primal(eq.name)} is its output",
                known=f"rules can be written for {', '.join(others)}",
                about=(None, eq.target),
            )
    try:
        system((*parts, *rules))
    except CircularDefinition as error:
        error.fix = "a rule may use the δ of what comes later in the forward pass, not its own"
        raise


def _unknown(t: Tensor, forward: System, ranks: Mapping[str, int]) -> UnknownName:
    if is_adjoint(t.name):
        return UnknownName(
            f"{t.name} is the adjoint of nothing here: no tensor {primal(t.name)} in the forward equations",
            known=f"known: {', '.join(forward.names)}",
            fix=meant(primal(t.name), forward.names, "δ"),
            about=(None, t),
        )
    typed = t.name  # ``do_td``, as papers and kernels call δo
    if typed[:1] == "d" and typed[1:] in forward.names:
        return UnknownName(
            f"no tensor {t.name} in the forward equations, and no line names such a part",
            known=f"known: {', '.join(ranks)}",
            fix=f"the adjoint of {typed[1:]} is written {adjoint_name(typed[1:])}",
            about=(None, t),
        )
    return UnknownName(
        f"no tensor {t.name} in the forward equations, and no line names such a part",
        **among(t.name, ranks),
        about=(None, t),
    )


# --------------------------------------------------------------------------- questions about a System
def seed_of(s: System) -> str | None:
    """``δE`` where E is the System's one output and a number: there δE = 1."""
    return adjoint_name(s.outputs[0]) if len(s.outputs) == 1 and s.rank(s.outputs[0]) == 0 else None


def axis_letters(s: System, name: str) -> tuple[str | None, ...]:
    """The letters with which the equations first use a tensor; None for an axis that is always shifted or gathered.

    >>> from tensorprop.text import parse
    >>> axis_letters(parse("z[b,x,o] = a[b, 2x+u, c] K[u,c,o]"), "a")
    ('b', None, 'c')
    """
    found: list[str | None] = [None] * s.rank(name)
    for eq in s:
        for t in (eq.target, *tensors_of(eq.value)):
            if t.name == name:
                if t.letters is not None:
                    return t.letters
                own = (i.name if isinstance(i, Index) else None for i in t.subscripts)
                found = [old or new for old, new in zip(found, own, strict=True)]
    return tuple(found)
