"""A derivation as data: its steps, reasons and remarks, and the blocks of its page.

In: what `derivation` found. Out: a Derivation, which `document` writes for a terminal, as Markdown, LaTeX and HTML, all
from the same blocks, so that all say the same. Nothing is derived here, and nothing worded beyond headings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tensorprop.core.equation import Equation, System
from tensorprop.core.names import adjoint_name
from tensorprop.errors import UsageError
from tensorprop.render import dialects, document
from tensorprop.render.derivation.matrix import Shown
from tensorprop.render.derivation.passage import Passage, axes_of
from tensorprop.render.derivation.reasons import Reason
from tensorprop.render.derivation.sentences import Math, Sentence, letter, letters, listed, say, whole
from tensorprop.render.document import Block, Heading, Lines, Words
from tensorprop.render.layout import Convention
from tensorprop.render.names import Style
from tensorprop.render.notation import LATEX, UNICODE, Notation

__all__ = ["Derivation", "Judgement", "Part", "Remark", "Step"]


@dataclass(frozen=True)
class Step:
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
    matrix: Shown | None = None


@dataclass(frozen=True)
class Part:
    """How one rule comes about: ``rule`` is the very Equation that `adjoint` gives."""

    passage: Passage
    rule: Equation
    shown: Shown
    steps: tuple[Step, ...]
    reasons: tuple[Reason, ...]
    dimension: Sentence | None

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
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """What is said of a formula that somebody tried: ``right`` or not, as it was read, and sentences that say why."""

    formula: Math
    right: bool
    sentences: tuple[Sentence, ...]
    target: str

    def __str__(self) -> str:
        return "\n".join(s.unicode for s in self.sentences)


@dataclass(frozen=True)
class Derivation:
    """Numbered steps from the forward equations to each rule.

    ``str`` is for a terminal; ``markdown``, ``latex`` (``tex(align=True)`` with align*) and ``html`` are for pages,
    ``as_dict`` for JSON. ``parts`` has one entry for every rule.
    """

    system: System
    rules: System
    convention: Convention
    detail: Literal["full", "short"]
    forward: tuple[tuple[Equation, Shown], ...]
    parts: tuple[Part, ...]
    remarks: tuple[Remark, ...]
    error: str
    verdict: Judgement | None = None

    def part(self, name: str) -> Part:
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
    def formulas(self) -> Iterator[Shown]:
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

    def __str__(self) -> str:
        return document.text(self.blocks())

    def __repr__(self) -> str:
        return f"<Derivation of {', '.join(adjoint_name(p.name) for p in self.parts)}>"

    @property
    def markdown(self) -> str:
        """Markdown with ``$…$`` and ``$$…$$``."""
        return document.markdown(self.blocks())

    @property
    def latex(self) -> str:
        """LaTeX, one display after the other, without environments."""
        return self.tex()

    def tex(self, align: bool = False) -> str:
        """LaTeX; with ``align`` the lines of a rule stand under one another in align*."""
        return document.latex(self.blocks(), align)

    @property
    def html(self) -> str:
        """HTML with ``\\(…\\)`` and ``\\[…\\]``, as KaTeX's auto-render takes it; everything is escaped."""
        return document.html(self.blocks())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/markdown": self.markdown, "text/html": self.html}

    # ----------------------------------------------------------------- its blocks
    def blocks(self) -> Iterator[Block]:
        """The whole derivation, format aside."""
        if self.detail == "full":
            yield Heading(1, say("Forward"))
        yield Lines(tuple((self.line(eq), _matrix(shown)) for eq, shown in self.forward))
        yield Words(self._conventions())
        told: set[str] = set()
        for n, part in enumerate(self.parts, 1):
            yield from self._part(n, part, told)
        for remark in self.remarks:
            yield Heading(1, say(remark.title))
            yield Words(remark.text)
            shown = remark.shown or (None,) * len(remark.equations)
            if remark.equations:
                yield Lines(
                    tuple(
                        (self.line(eq), _matrix(s) if s is not None else self._rule_matrix(eq))
                        for eq, s in zip(remark.equations, shown, strict=True)
                    )
                )
        if len(self.parts) > 1:
            yield Heading(1, say("All rules"))
            yield Lines(tuple((self.line(p.rule, f"∂{self.error}/∂z"), _matrix(p.shown)) for p in self.parts))
        if self.verdict is not None:
            yield Heading(1, say("The attempt: {f}", f=self.verdict.formula))
            for s in self.verdict.sentences:
                yield Words(s)

    def _rule_matrix(self, eq: Equation) -> Math | None:
        return next((_matrix(p.shown) for p in self.parts if p.rule is eq), None)

    def _conventions(self) -> Sentence:
        """What E is, what δ is, what is given, and how vectors lie; shorter where the derivation is."""
        error = Math(self.error, self.error)
        layout = say("{says}.", says=self.convention.says(True, False).capitalize())
        x = whole(self.parts[0].name if self.parts else "x")
        adjoint = Math(
            f"δ{x.unicode} = ∂{self.error}/∂{x.unicode}",
            rf"\delta {x.latex} = \partial {self.error} / \partial {x.latex}",
        )
        outputs = [name for name in self.system.outputs if name != self.error or self.system.rank(name)]
        given = listed([whole(adjoint_name(name)) for name in outputs]) if outputs else None
        told = listed([whole(name) for name in outputs]) if outputs else None
        verb = "is" if len(outputs) == 1 else "are"
        if self.detail == "short":
            first = say("{adj} for the error {E}, and so for every tensor.", adj=adjoint, E=error)
            if given is not None:
                first = first + say("{given} {verb} given.", given=given, verb=verb)
            return first + layout if self.convention.layout == "row" else first
        if given is None or told is None:
            return (
                say("{E} is the error. {adj}, entry by entry, and so for every tensor.", E=error, adj=adjoint) + layout
            )
        text = (
            "{E} is an error, a number that depends on {outs} in a way that is not said here: {given} {verb} given. "
            "{adj}, entry by entry, and so for every tensor."
        )
        return say(text, E=error, outs=told, given=given, verb=verb, adj=adjoint) + layout

    def _part(self, n: int, part: Part, told: set[str]) -> Iterator[Block]:
        yield Heading(1, say("{n}. The rule for {x}", n=str(n), x=whole(part.rule.name)))
        if self.detail == "short":
            if part.passage.moves:
                yield Lines(((self.line(part.passage.chain), None),))
                yield Lines(((self.line(part.passage.inserted), None),))
            yield Lines(((self.line(part.rule), _matrix(part.shown)),))
            for reason in part.reasons:
                if reason.topic not in told:
                    yield Words(reason.answer, lead=reason.question)
            told |= {reason.topic for reason in part.reasons} & _ONCE
            yield from _no_matrix(part)
            return
        for k, step in enumerate(part.steps, 1):
            yield Heading(2, say("{n}.{k} {title}", n=str(n), k=str(k), title=step.title), step.law, step.statement)
            yield from self._step(step)
        for reason in part.reasons:
            yield Words(reason.answer, lead=reason.question)
        yield from _no_matrix(part)
        if part.dimension is not None:
            yield Words(part.dimension, lead="Dimensions, as a consequence.")

    def _step(self, step: Step) -> Iterator[Block]:
        if step.matrix is not None:
            shown = _matrix(step.matrix)
            if shown is not None:
                yield Lines(((shown, None),), deep=True)
        elif step.equations:
            yield Lines(tuple((self.line(eq), None) for eq in step.equations), deep=True)
        yield Words(step.reason)
        for note in step.notes:
            yield Words(note, bullet=True)

    def as_dict(self) -> dict[str, Any]:
        """Lists, dicts and strings, for JSON."""
        return {
            "forward": [{**_both(self.line(eq)), "matrix": _shown(shown)} for eq, shown in self.forward],
            "convention": self.convention.says(True, False),
            "rules": [
                {
                    "of": p.name,
                    "equation": str(p.rule),
                    **_both(self.line(p.rule)),
                    "matrix": _shown(p.shown),
                    "steps": [
                        {
                            "number": f"{n}.{k}",
                            "kind": step.kind,
                            "title": step.title,
                            "lines": [_both(self.line(eq)) for eq in step.equations],
                            "matrix": _shown(step.matrix) if step.matrix is not None else None,
                            "law": {"name": step.law, "statement": step.statement.unicode},
                            "reason": step.reason.unicode,
                            "notes": [note.unicode for note in step.notes],
                        }
                        for k, step in enumerate(p.steps, 1)
                    ],
                    "reasons": [
                        {"topic": r.topic, "question": r.question, "answer": r.answer.unicode} for r in p.reasons
                    ],
                    "dimensions": p.dimension.unicode if p.dimension is not None else None,
                }
                for n, p in enumerate(self.parts, 1)
            ],
            "remarks": [
                {"title": r.title, "text": r.text.unicode, "lines": [_both(self.line(eq)) for eq in r.equations]}
                for r in self.remarks
            ],
            "attempt": None
            if self.verdict is None
            else {
                "formula": self.verdict.formula.unicode,
                "right": self.verdict.right,
                "sentences": [s.unicode for s in self.verdict.sentences],
            },
        }


def _matrix(shown: Shown) -> Math | None:
    if not shown.unicode:
        return None
    if shown.carried:
        own = letters(shown.carried)
        each = r" \quad (\mathrm{for\ every}\ " + ", ".join(letter(i).latex for i in shown.carried) + ")"
        return Math(f"{shown.unicode}  (for every {own.unicode})", shown.latex + each)
    return Math(shown.unicode, shown.latex)


_ONCE = frozenset({"order", "jacobian"})  # reasons that say the same of every rule


def _no_matrix(part: Part) -> Iterator[Block]:
    why = part.shown.why
    if not part.shown.unicode and why:
        yield Words(say("{why}.", why=why[:1].upper() + why[1:]), lead="Why no matrix form?")


def _both(m: Math) -> dict[str, str]:
    return {"unicode": m.unicode, "latex": m.latex}


def _shown(s: Shown) -> dict[str, Any]:
    if not s.unicode:
        return {"unicode": None, "latex": None, "why": s.why}
    return {"unicode": s.unicode, "latex": s.latex, "for_every": list(s.carried)}
