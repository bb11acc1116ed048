"""In which order the factors of one contraction are multiplied, two at a time. opt_einsum is used here only.

In: the letters of every operand, those of the result, and sizes. Out: pairs. Few operands are left to opt_einsum;
of more, its greedy trees are where a search of our own begins: they are turned about (`run.annealed`), and the best
made better part by part (`run.mended`). What the search may take is counted in steps, not in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from functools import lru_cache
from itertools import product
from math import log
from random import Random
from typing import Any

from tensorprop.run.annealed import anneal
from tensorprop.run.mended import mend
from tensorprop.run.pairings import Operands, Pairing
from tensorprop.run.sizes import weight

__all__ = ["contraction_path", "searching"]

_EXHAUSTIVE = 5  # operands up to which every order is tried
_SEARCHED = 8  # up to which opt_einsum's search is good; beyond, greedy trees are made better
_EAGER = (1.0, 0.7, 0.4, 0.1)  # how much a greedy search likes to take large arrays away
_SEEDS, _BLUR = 3, 0.7  # greedy trees for each of these, and how far they differ
_WEIGHED, _FEW = 300_000, 3  # pairs of operands that share a letter, weighed by all of them; but so many trees
_HOT = (2.0, 0.5, 1.0)  # where each search begins: hot ones forget their tree
_TURNS, _MOST = 150, 400_000  # turns for each pair of operands, and at most, of each search
_TRIES, _BEST = 60_000, 2  # pairs that are weighed part by part, of so many trees

_effort: ContextVar[float] = ContextVar("effort", default=1.0)


@contextmanager
def searching(effort: float) -> Iterator[None]:
    """How much work the searches for trees do within: 1.0 is a second or two for the largest products."""
    before = _effort.set(effort)
    try:
        yield
    finally:
        _effort.reset(before)


def contraction_path(
    operands: Sequence[Sequence[str]], output: Iterable[str], sizes: Mapping[str, int]
) -> list[tuple[int, int]]:
    """Which two operands to contract, again and again, until one is left.

    Operands are the letters of their axes. A pair names places in the list as it then is: both are taken out, and the
    result is put at the end. Up to five operands every order is tried for the fewest flops; beyond, good ones are
    searched, of more than eight by turning greedy trees about.

    >>> contraction_path([("i", "j"), ("j", "k"), ("k",)], ("i",), {"i": 100, "j": 100, "k": 100})
    [(1, 2), (0, 1)]
    """
    if len(operands) < 3:
        return [(0, 1)] * (len(operands) - 1)
    key = tuple(tuple(o) for o in operands)
    used = sorted(frozenset(letter for o in key for letter in o))
    lengths = tuple((i, weight(sizes[i])) for i in used)
    return list(_path(key, frozenset(output), lengths, _effort.get() if len(operands) > _SEARCHED else 1.0))


@lru_cache(maxsize=4096)
def _path(
    operands: tuple[tuple[str, ...], ...],
    output: frozenset[str],
    sizes: tuple[tuple[str, int], ...],
    effort: float,
) -> tuple[tuple[int, int], ...]:
    from opt_einsum import paths

    arrays, size = [frozenset(o) for o in operands], dict(sizes)
    kept = output & size.keys()
    if len(operands) <= _SEARCHED:
        find: Any = paths.optimal if len(operands) <= _EXHAUSTIVE else paths.auto
        return tuple(_pairs(find(arrays, kept, size)))
    network = Operands(arrays, kept, size)
    greedy: Any = paths.greedy
    sharing = Counter(i for o in arrays for i in o)
    count = max(_FEW, _WEIGHED // sum(n * n for n in sharing.values()))
    grown = [
        Pairing(network, _pairs(greedy(arrays, kept, size, cost_fn=_eager(alpha, seed))))
        for seed, alpha in [*product(range(_SEEDS), _EAGER)][:count]
    ]
    grown.sort(key=lambda tree: tree.total)
    return tuple(_searched(grown, effort).path())


def _searched(grown: Sequence[Pairing], effort: float) -> Pairing:
    """The best of these trees, made better: turned about from several temperatures, then part by part."""
    turns = int(effort * min(_TURNS * grown[0].operands ** 2, _MOST))
    found = [*grown[:_BEST]]
    for seed, hot in enumerate(_HOT):
        tree = copy(grown[seed // 2])
        anneal(tree, turns, hot, seed)
        found.append(tree)
    found.sort(key=lambda tree: tree.total)
    best = [copy(tree) for tree in found[:_BEST]]
    for tree in best:
        mend(tree, int(effort * _TRIES))
    return min(best, key=lambda tree: tree.cost)


def _pairs(raw: Iterable[Iterable[int]]) -> list[tuple[int, int]]:
    path: list[tuple[int, int]] = []
    for step in raw:
        first, second = sorted(int(n) for n in step)
        path.append((first, second))
    return path


def _eager(alpha: float, seed: int) -> Callable[..., float]:
    """How a greedy search weighs a pair: the size of the result less a part of those that it takes away.

    All but the first seed blur it, each in its own way.
    """
    blur = Random(seed).gauss

    def cost(size12: float, size1: float, size2: float, *_: object) -> float:
        weight = log(max(size12, 1)) - alpha * log(max(size1 + size2, 1))
        return weight + blur(0.0, _BLUR) if seed else weight

    return cost
