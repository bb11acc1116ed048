"""Slips in a subscript: a shift that is off by one, a sign turned, a stride lost, two shifts exchanged.

In: an affine form that stands as a subscript, or the two sides of a bracket of indices. Out: the same with one slip.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from tensorprop.check.slips.costs import COST
from tensorprop.core.affine import Form, form, written
from tensorprop.core.build import ONE
from tensorprop.core.expr import Expr, Index, Number, Tensor

__all__ = ["crossed", "shifted"]

_STEPS = (1, 2, 3)  # by which a letter goes on in a subscript


def shifted(s: Expr, scope: frozenset[str]) -> Iterator[tuple[str, Expr, Expr, Expr, float, str]]:
    """Other subscripts in place of ``s``: ``w - u + 1`` and ``w + u`` for ``w - u``, ``x + u`` for ``2x + u``."""
    f = form(s)
    for step in (1, -1):
        yield from _other("shift", s, {**f, ONE: f.get(ONE, Fraction(0)) + step}, "a shift off by one", "")
    letters = [p for p in f if isinstance(p, Index)]
    for i in letters:
        c = f[i]
        if len(f) > 1:
            yield from _other("turned", s, {**f, i: -c}, "the sign of a shifted letter", i.name)
        for step in _STEPS:
            if abs(c) != step:
                new = {**f, i: Fraction(step if c > 0 else -step)}
                yield from _other("stride", s, new, "the step of a letter", i.name)
        if len(letters) > 1:
            yield from _other(
                "shift left out", s, {p: n for p, n in f.items() if p is not i}, "a shift left out", i.name
            )
    if ONE in f and letters:
        yield from _other("shift", s, {p: n for p, n in f.items() if p is not ONE}, "a shift left out", "")
        yield from _other("shift", s, {**f, ONE: -f[ONE]}, "a shift off by one", "")
    for j in sorted(scope - s.free) if len(letters) == 1 else ():  # ``x + u`` for ``x``
        for c in (1, -1):
            yield from _other("shift left out", s, {**f, Index(j): Fraction(c)}, "a shift left out", j)


def _other(kind: str, s: Expr, f: Form, cost: str, letter: str) -> Iterator[tuple[str, Expr, Expr, Expr, float, str]]:
    new = written({p: c for p, c in f.items() if c})
    if new is not s:
        yield kind, s, new, new, COST[cost], letter


def crossed(t: Tensor) -> Iterator[tuple[str, Expr, Expr, Expr, float, str]]:
    """``a[s+v, t+u]`` for ``a[s+u, t+v]``: what two subscripts are shifted by, exchanged."""
    places = [k for k, s in enumerate(t.subscripts) if not isinstance(s, (Index, Number, Tensor))]
    for a, b in combinations(places, 2):
        one, other = form(t.subscripts[a]), form(t.subscripts[b])
        for i in [p for p in one if isinstance(p, Index) and p not in other]:
            for j in [p for p in other if isinstance(p, Index) and p not in one]:
                if abs(one[i]) == abs(other[j]):
                    new = list(t.subscripts)
                    new[a] = written({j if p is i else p: c for p, c in one.items()})
                    new[b] = written({i if p is j else p: c for p, c in other.items()})
                    e = Tensor(t.name, tuple(new))
                    yield "transposed", t, e, e, COST["letters exchanged between shifts"], t.name
