"""In which order the factors of one contraction are multiplied, two at a time. opt_einsum is used here only.

In: the letters of every operand, those of the result, and sizes. Out: pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tensorprop.run.sizes import weight

__all__ = ["contraction_path"]

_EXHAUSTIVE = 5  # operands up to which every order is tried


def contraction_path(
    operands: Sequence[Sequence[str]], output: Iterable[str], sizes: Mapping[str, int]
) -> list[tuple[int, int]]:
    """Which two operands to contract, again and again, until one is left.

    Operands are the letters of their axes. A pair names places in the list as it then is: both are taken out, and the
    result is put at the end. Up to five operands every order is tried for the fewest flops; beyond, good ones.

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

    find: Any = paths.optimal if len(operands) <= _EXHAUSTIVE else paths.auto
    raw = find([frozenset(o) for o in operands], output & frozenset(i for i, _ in sizes), dict(sizes))
    path: list[tuple[int, int]] = []
    for step in raw:
        first, second = sorted(int(n) for n in step)
        path.append((first, second))
    return tuple(path)
