"""In which order the factors of one contraction are multiplied, two at a time. opt_einsum is used here only.

In: the letters of every operand, those of the result, and sizes. Out: pairs. Of few operands the best tree is found;
of more, opt_einsum's greedy trees begin a search of our own: they are turned about (`run.annealed`), the best
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

_SEARCHED = 8  # operands up to which the best of all trees is found; beyond, greedy ones are made better
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
    result is put at the end. Up to eight operands the order of fewest multiplications is found; beyond, good ones are
    searched by turning greedy trees about.

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

    number = {i: k for k, (i, _) in enumerate(sizes)}  # a set of names has another order in every process
    arrays, size = [frozenset(number[i] for i in o) for o in operands], {number[i]: n for i, n in sizes}
    kept = frozenset(number[i] for i in output if i in number)
    network = Operands(arrays, kept, size)
    if len(operands) <= _SEARCHED:
        return tuple(_best_of_all(network))
    greedy: Any = paths.greedy
    sharing = Counter(i for o in arrays for i in o)
    count = max(_FEW, _WEIGHED // sum(n * n for n in sharing.values()))
    grown = [
        Pairing(network, _pairs(greedy(arrays, kept, size, cost_fn=_eager(alpha, seed))))
        for seed, alpha in [*product(range(_SEEDS), _EAGER)][:count]
    ]
    grown.sort(key=lambda tree: tree.total)
    return tuple(_searched(grown, effort).path())


def _best_of_all(network: Operands) -> list[tuple[int, int]]:
    """The tree of fewest multiplications, set by set of operands; of equal ones that which writes least."""
    n, every = len(network.operands), (1 << len(network.operands)) - 1
    has = [0] * (every + 1)
    for s in range(1, every + 1):
        has[s] = has[s & (s - 1)] | network.operands[(s & -s).bit_length() - 1]
    own = [has[s] & (network.output | has[every ^ s]) for s in range(every + 1)]
    best = [(0.0, 0.0, 0)] * (every + 1)
    for s in sorted(range(1, every + 1), key=int.bit_count):
        if s & (s - 1):
            written, found, part = network.size(own[s]), list[tuple[float, float, int]](), (s - 1) & s
            while part > s ^ part:
                one, other = best[part], best[s ^ part]
                work = one[0] + other[0] + network.size(own[part] | own[s ^ part])
                found.append((work, one[1] + other[1] + written, part))
                part = (part - 1) & s
            best[s] = min(found)
    pairs, stack, now = list[tuple[int, int]](), [every], [1 << k for k in range(n)]
    while stack:
        s = stack.pop()
        if s & (s - 1):
            pairs.append((best[s][2], s ^ best[s][2]))
            stack += pairs[-1]
    path: list[tuple[int, int]] = []
    for one, other in reversed(pairs):
        first, second = sorted((now.index(one), now.index(other)))
        path.append((first, second))
        now = [s for s in now if s not in (one, other)] + [one | other]
    return path


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
