"""Every index of a rule in one line: where it stands, kept or summed, in how many factors, and what it becomes.

In: a rule, and its formula in matrices if it has one. Out: rows of a table, the answer at a glance. It is worded here
and laid out elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Expr, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.core.walk import postorder
from tensorprop.render import trees as m
from tensorprop.render.derivation.indexed import Indexed, Spot, scaling
from tensorprop.render.derivation.matrix import MatrixForm
from tensorprop.render.derivation.sentences import Math, Sentence, entry, join, letter, listed, say, whole
from tensorprop.render.derivation.signs import is_ones, reciprocal
from tensorprop.render.trees import MathTree

__all__ = ["HEAD", "Pattern", "Row", "index_table", "patterns"]

HEAD = ("index", "stands in", "is", "factors", "becomes")
"""What the columns of the table are called."""


class Pattern(NamedTuple):
    """One product of a rule: which letters are kept, which are summed, and the factors that have letters."""

    whole: Expr
    kept: tuple[str, ...]
    summed: tuple[str, ...]
    factors: tuple[Expr, ...]

    def having(self, i: str) -> list[Expr]:
        """The factors in which a letter stands."""
        return [f for f in self.factors if i in f.free]


def patterns(value: Expr, left: Iterable[str]) -> list[Pattern]:
    """The products that a right side is the sum of."""
    found: list[Pattern] = []
    order = list(left)
    for term in terms_of(value):
        summed: tuple[str, ...] = ()
        parts = list(factors_of(term))
        inner = [f for f in parts if isinstance(f, Sum)]
        if len(inner) == 1:  # a_k Σ_i b_i c_i is one product, too
            parts = [g for f in parts for g in (factors_of(f.body) if isinstance(f, Sum) else (f,))]
            summed = inner[0].indices
        with_letters = tuple(f for f in parts if f.free)
        kept = tuple(i for i in order if i in term.free)
        found.append(Pattern(term, kept, summed, with_letters))
    return found


Axes = Mapping[tuple[str, int], str] | None
"""A letter for every axis, with which sizes are shown."""


class Row(NamedTuple):
    """One index of one term of a rule."""

    sign: Math
    places: Sentence
    summed: bool
    factors: int
    becomes: Sentence
    letter: str
    term: int  # which term, 0 where there is one only or all are alike
    plain: Sentence  # the places without which of their indices it is


def index_table(rule: Equation, shown: MatrixForm, axes: Axes = None) -> tuple[Row, ...]:
    """The rows for a rule, kept indices first; the terms of a sum one after the other.

    >>> from tensorprop.render.derivation.matrix import matrix
    >>> from tensorprop.render.layout import Convention
    >>> from tensorprop.text import parse
    >>> eq = parse("δa_i = W_ij δz_j")["δa"]
    >>> for r in index_table(eq, matrix(eq, Convention())):
    ...     print(r.sign.unicode, r.places.unicode, r.summed, r.factors, r.becomes.unicode)
    i W (1st) False 1 the entries
    j W (2nd), δz True 2 the product W δz
    """
    rows: dict[tuple[str, str], Row] = {}
    for row in _rows(rule, shown, axes):
        key = row.letter, row.becomes.unicode
        before = rows.get(key)
        if before is not None and before.places.unicode != row.places.unicode:
            row = before._replace(places=join([before.places, row.places], "; "))
        rows[key] = row if before is None or row.places != before.places else before
    return tuple(_together(rows.values()))


def _together(rows: Iterable[Row]) -> Iterator[Row]:
    """Kept indices that every factor has, and that become the same sign, on one row."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        key = row.becomes.unicode, row.plain.unicode, row.term
        groups.setdefault(row.letter if row.summed or row.factors < 2 else key, []).append(row)
    for first, *others in groups.values():
        if not others:
            yield first
            continue
        names = list(dict.fromkeys(r.letter for r in (first, *others)))
        plain = say("{all}", all=listed([letter(i) for i in names]))
        yield first._replace(sign=plain.places[0][1], places=first.plain)


def _rows(rule: Equation, shown: MatrixForm, axes: Axes) -> Iterator[Row]:
    pats = patterns(rule.value, rule.letters)
    for n, pat in enumerate(pats):
        for i in (*pat.kept, *pat.summed):
            hits = pat.having(i)
            if not hits:
                continue
            yield Row(
                letter(i),
                join([_place(f, i, axes) for f in hits], ", "),
                i in pat.summed,
                len(hits),
                _becomes(shown, i, i in pat.summed, hits),
                i,
                n if len(pats) > 1 else 0,
                join([say("{f}", f=whole(f.name) if isinstance(f, Tensor) else entry(f, axes)) for f in hits], ", "),
            )


_ORDINAL = ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th")


def _place(f: Expr, i: str, axes: Axes) -> Sentence:
    """``W (2nd)``: a factor, and which of its indices it is."""
    if isinstance(f, Tensor):
        at = [n for n, s in enumerate(f.subscripts) if i in s.free]
        if len(f.subscripts) == 1:
            return say("{W}", W=whole(f.name))
        return say("{W} ({nth})", W=whole(f.name), nth=_nth(at))
    if isinstance(f, Reduce) and is_matrix(f.op) and len(f.at) > 1:
        return say("{f} ({nth})", f=entry(f, axes), nth=_nth([n for n, s in enumerate(f.at) if i in s.free]))
    inside = {n for n in postorder(f) if isinstance(n, Tensor) and i in n.free}
    places = {n for t in inside for n, s in enumerate(t.subscripts) if i in s.free}
    if len({t.name for t in inside}) == len(places) == 1 and all(len(t.subscripts) > 1 for t in inside):
        return say("{f} ({nth})", f=entry(f, axes), nth=_nth(places))
    return say("{f}", f=entry(f, axes))


def _nth(places: Iterable[int]) -> str:
    return " and ".join(_ORDINAL[n] if n < 8 else str(n + 1) for n in places)


# --------------------------------------------------------------------------- the sign that an index becomes
def _becomes(shown: MatrixForm, i: str, summed: bool, hits: list[Expr]) -> Sentence:
    f = shown.index
    if f is None:
        return say("a sum, Σ") if summed else say("an index of the result")
    if i in f.carried:
        return say("for every {i}", i=letter(i))
    if summed:
        return _summed_sign(shown, f, i, hits)
    if len(hits) > 1:
        return _shared_sign(f, i)
    return say({"column": "the entries", "row": "the entries"}.get(f.whole.tree.kind, _side(f, i)))


def _side(f: Indexed, i: str) -> str:
    names = f.whole.letters
    if len(names) == 2 and i in names:
        return ("rows", "columns")[names.index(i)]
    return "an axis of the result"


def _merged(f: Indexed, hits: list[Expr]) -> list[Spot]:
    """Where the sum of a term went that became one with another term: ``A x + Aᵀ x`` is ``(A + Aᵀ) x``."""
    names = {t.name for e in hits for t in postorder(e) if isinstance(t, Tensor)}
    return [
        s
        for s in f
        if isinstance(s.tree, m.Product)
        and s.summed
        and names <= {t.tensor for t in s.tree.walk() if isinstance(t, m.Name)}
    ]


def _summed_sign(shown: MatrixForm, f: Indexed, i: str, hits: list[Expr]) -> Sentence:
    """Where a summed letter goes."""
    spots = [s for s in f if i in s.summed and not isinstance(s.tree, (m.Inverse, m.WholeMatrix, m.Directed))]
    for s in spots or _merged(f, hits):
        match s.tree:
            case m.Product():
                own = s.summed if not spots else (i,)
                near = [{*s.seams[max(n - 1, 0) : n + 1]} & {*own} for n in range(len(s.factors))]
                parts = [f[p] for p, here in zip(s.factors, near, strict=True) if here or not s.letters]
                told = beside(shown, [p.tree for p in parts])
                if any(is_ones(p.tree) for p in parts):
                    return say("the sum {f}", f=told)
                return say("the inner product {f}" if not s.letters else "the product {f}", f=told)
            case m.MatrixTrace():
                return say("the trace")
            case m.Norm():
                return say("the norm {f}", f=shown.part(s.tree))
            case _:
                return say("{f}", f=shown.part(s.tree))
    return say("a sum within")


def beside(shown: MatrixForm, trees: Iterable[MathTree]) -> Math:
    """Factors beside one another, in parentheses where they are sums or elementwise products."""
    return shown.part(m.Product(tuple(trees)))


def _shared_sign(f: Indexed, i: str) -> Sentence:
    """What a kept letter in several factors becomes."""
    found: list[str] = []
    for s in f:
        if i not in s.letters:
            continue
        match s.tree:
            case m.Hadamard(factors):
                under = sum(map(reciprocal, factors[1:]))
                found += ["⊙"] * (len(factors) - under > 1) + ["⊘"] * (under > 0)
            case m.Diagonal():
                found.append("diag")
            case m.Product() if any(scaling(f[p].tree) is not None and i in f[p].letters for p in s.factors):
                found.append("diag")
            case _:
                pass
    if not found:
        return say(_side(f, i) if len(f.whole.letters) == 2 else "the entries")
    return say(" and ".join(dict.fromkeys(found)))
