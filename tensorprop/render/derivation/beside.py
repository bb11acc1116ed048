"""A derivation twice, line by line: entry by entry on the left, in vectors and matrices on the right.

In: a derivation as data. Out: its forward equations and one table. The line is marked where the vector version leaves
matrices, since a derivative has more than two indices, and the one where it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.core.build import substitute
from tensorprop.core.english import counted
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Index, Tensor
from tensorprop.core.walk import tensors_of
from tensorprop.render.derivation.contents import Contents, RulePart
from tensorprop.render.derivation.matrix import MatrixForm, matrix
from tensorprop.render.derivation.sentences import Math, Sentence, join, letter, listed, say, whole
from tensorprop.render.document import Block, TextTable

__all__ = ["beside"]

_NAMES = {"chain": "chain rule", "local": "its derivative"}


def beside(d: Contents) -> Iterator[Block]:
    """The table of all rules."""
    rows: list[tuple[Sentence, ...]] = []
    for n, part in enumerate(d.parts, 1):
        rows += _rows(d, n, part)
    head = (say(""), say("entry by entry"), say("in vectors and matrices"))
    yield TextTable(head, tuple(rows))


def _rows(d: Contents, n: int, part: RulePart) -> Iterator[tuple[Sentence, ...]]:
    """The chain rule, each derivative and what comes of them; in between no other line has a form in matrices."""
    locals_ = [eq for s in part.steps if s.kind == "local" for eq in s.equations]
    many = [eq for eq in locals_ if len(set(eq.letters)) > 2]
    rule = say("{f}", f=d.line(part.rule))
    for s in part.steps:
        for eq in s.equations if s.kind in _NAMES else ():
            if eq is part.rule:
                continue
            name = say("{n}. {what}", n=str(n), what=_NAMES[s.kind]) if s.kind == "chain" else say(_NAMES[s.kind])
            yield name, say("{f}", f=d.line(eq)), _vectors(d, part, eq, s.kind, many)
    form = _form(part.shown)
    if form is None:
        yield say("so"), rule, say("no form in matrices: {why}", why=part.shown.why or "an index is left over")
    elif many:
        yield say("so"), rule, join([say("← here it comes back:"), _left(part.rule), say("{f}", f=form)])
    else:
        yield say("so"), rule, say("{f}", f=form)


def _vectors(d: Contents, part: RulePart, eq: Equation, kind: str, many: list[Equation]) -> Sentence:
    """What stands beside a line: its form in matrices, or that there is none."""
    if kind == "chain" and many:
        own = list(dict.fromkeys(many[0].letters))
        told = "← here it leaves matrices: {f} has {n}, {i}"
        n = counted(len(own), "index", "indices", words=True)
        return say(told, f=whole(many[0].target.name), n=n, i=listed([letter(i) for i in own]))
    if kind == "chain" and any(t.name == eq.name for t in tensors_of(eq.value)):
        return say("no matrix: it reads itself, at other places")
    if kind == "local" and set(eq.letters) == set(part.passage.letters):  # with the letters of the rule: |b|, not |c|
        put = {i: Index(j) for i, j in zip(part.passage.letters, part.rule.letters, strict=True)}
        eq = equation(Tensor(eq.name, tuple(Index(j) for j in part.rule.letters)), substitute(eq.value, put))
    form = None if eq in many else _form(matrix(eq, d.convention, d.system))
    return say("no matrix") if form is None else say("{f}", f=form)


def _form(m: MatrixForm) -> Math | None:
    return Math(m.unicode, m.latex) if m.unicode else None


def _left(eq: Equation) -> Sentence:
    """``i and j are left``, as the indices that a rule keeps."""
    if not eq.letters:
        return say("no index is left,")
    return say(
        "{i} {verb} left,", i=listed([letter(i) for i in eq.letters]), verb="is" if len(eq.letters) == 1 else "are"
    )
