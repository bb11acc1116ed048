"""Which indices may be carried along: "for every b, h", with an ordinary matrix formula for each.

In: an Equation. Out: sets of indices, the best candidates first. It knows no forms: whether what is left of the tensors
has a matrix form is tried by `matrix`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Bracket, Index, Reduce, Tensor
from tensorprop.core.walk import postorder, tensors_of

__all__ = ["prefixes", "singles"]


def _carriable(eq: Equation) -> dict[str, list[Tensor]]:
    """Indices of the left side that may be carried: no tensor has one twice, and each is shared, or cuts a slice."""
    letters = dict[str, list[Tensor]]()
    barred = set[str]()
    for e in postorder(eq.value):
        if isinstance(e, Tensor):
            plain = [s.name for s in e.subscripts if isinstance(s, Index)]
            for i in dict.fromkeys(plain):
                letters.setdefault(i, []).append(e)
                if plain.count(i) > 1:
                    barred.add(i)
        elif isinstance(e, Reduce):
            barred.update(i for a in e.at for i in a.free)
        elif isinstance(e, Bracket):
            barred.update(s.name for s in (e.left, e.right) if isinstance(s, Index))
    return {
        i: where
        for i in eq.letters
        if i not in barred and (where := letters.get(i, [])) and (len(where) > 1 or len(where[0].subscripts) > 2)
    }


def prefixes(eq: Equation) -> Iterator[tuple[str, ...]]:
    """Sets of indices that lead in every tensor of order three or more, the smallest sets first."""
    letters = _carriable(eq)
    if len(eq.letters) < 2 and not any(len(t.subscripts) > 2 for where in letters.values() for t in where):
        return
    everything = list(tensors_of(eq.value))
    for size in range(1, len(letters) + 1):
        for chosen in combinations(letters, size):
            cut = [
                [isinstance(s, Index) and s.name in chosen for s in t.subscripts]
                for t in everything
                if len(t.subscripts) > 2
            ]
            leads = all(c == sorted(c, reverse=True) for c in cut)
            if leads and _small(eq, everything, chosen):
                yield chosen


def singles(eq: Equation) -> Iterator[tuple[str, ...]]:
    """One index, wherever it stands."""
    everything = list(tensors_of(eq.value))
    for i in _carriable(eq):
        if _small(eq, everything, (i,)):
            yield (i,)


def _small(eq: Equation, everything: list[Tensor], carried: tuple[str, ...]) -> bool:
    """Whether matrices are left of the tensors, and not scalars only."""
    if isinstance(eq.value, Tensor) and any(
        isinstance(s, Index) and s.name in carried and eq.letters.index(s.name) != axis
        for axis, s in enumerate(eq.value.subscripts)
    ):
        return False  # a bare permutation of axes is no formula
    orders = [sum(not (isinstance(s, Index) and s.name in carried) for s in t.subscripts) for t in everything]
    return len(eq.letters) - len(carried) <= 2 and max(orders, default=0) in (1, 2)
