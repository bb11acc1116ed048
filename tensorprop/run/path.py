"""In which order the factors of one contraction are multiplied, two at a time. opt_einsum is used here only.

In: the letters of every operand, those of the result, and sizes. Out: pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from math import log
from random import Random
from typing import Any

from tensorprop.run.mended import cost_of, mended
from tensorprop.run.sizes import weight

__all__ = ["contraction_path"]

_EXHAUSTIVE = 5  # operands up to which every order is tried
_SEARCHED = 8  # up to which opt_einsum's search is good; beyond, greedy trees are made better part by part
_EAGER = (1.0, 0.7, 0.4, 0.1)  # how much a greedy search likes to take large arrays away
_SEEDS, _BLUR = 6, 0.7  # greedy trees for each of these, and how far they differ
_BEST = 4  # of them are made better


def contraction_path(
    operands: Sequence[Sequence[str]], output: Iterable[str], sizes: Mapping[str, int]
) -> list[tuple[int, int]]:
    """Which two operands to contract, again and again, until one is left.

    Operands are the letters of their axes. A pair names places in the list as it then is: both are taken out, and the
    result is put at the end. Up to five operands every order is tried for the fewest flops; beyond, good ones are
    searched, and of more than eight several greedy trees are made better part by part (`run.mended`).

    >>> contraction_path([("i", "j"), ("j", "k"), ("k",)], ("i",), {"i": 100, "j": 100, "k": 100})
    [(1, 2), (0, 1)]
    """
    if len(operands) < 3:
        return [(0, 1)] * (len(operands) - 1)
    key = tuple(tuple(o) for o in operands)
    used = sorted(frozenset(letter for o in key for letter in o))
    return list(_path(key, frozenset(output), tuple((i, weight(sizes[i])) for i in used)))


@lru_cache(maxsize=4096)
def _path(
    operands: tuple[tuple[str, ...], ...], output: frozenset[str], sizes: tuple[tuple[str, int], ...]
) -> tuple[tuple[int, int], ...]:
    from opt_einsum import paths

    arrays, size = [frozenset(o) for o in operands], dict(sizes)
    kept = output & size.keys()
    if len(operands) <= _SEARCHED:
        find: Any = paths.optimal if len(operands) <= _EXHAUSTIVE else paths.auto
        return tuple(_pairs(find(arrays, kept, size)))
    found: dict[tuple[tuple[int, int], ...], float] = {}
    greedy: Any = paths.greedy
    for seed, alpha in product(range(_SEEDS), _EAGER):
        path = tuple(_pairs(greedy(arrays, kept, size, cost_fn=_eager(alpha, seed))))
        found[path] = cost_of(arrays, kept, size, path)
    trees = [mended(arrays, kept, size, path) for path in sorted(found, key=lambda path: found[path])[:_BEST]]
    return tuple(min(trees, key=lambda path: cost_of(arrays, kept, size, path)))


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
