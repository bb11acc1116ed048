"""At which other sizes a program is read: which axes go together, and what to take for them.

In: a page on which the program was read at the sizes of its example. Out: sizes for every axis of its arguments,
several times, in which what need not be equal is not. Axes that the program multiplies or compares go together;
an even axis stays even. The program is not known here, nor whether it takes these sizes: that is tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations
from math import prod
from typing import NamedTuple

from tensorprop.trace.sheet import Sheet

__all__ = [
    "Group", "assignment", "divided", "groups", "held_groups", "offers", "quotients", "residues", "shared",
    "sizes_like", "smaller",
]  # fmt: skip

TRACES = 4  # the sizes at which a program is read: those of the example, and three more
_STEPS = ((1, 4, 9), (3, 2, 8), (5, 8, 1), (2, 7, 3), (7, 3, 5), (4, 9, 6), (6, 1, 10), (8, 5, 2), (9, 6, 4))
_JITTER = ((0, 1, 1), (1, 0, 2), (1, 2, 0), (2, 1, 3), (0, 3, 1), (3, 0, 2), (2, 3, 0), (1, 3, 3))
_FOLDS = tuple(permutations((2, 3, 5))) + tuple(permutations((2, 3, 4)))
_LARGE = 24  # an example's size from which on smaller ones are tried first


class Group(NamedTuple):
    """Axes of arguments that are equally long: their letters, and how long they are in the example."""

    root: str
    letters: tuple[str, ...]
    size: int


def groups(page: Sheet, arguments: Sequence[str]) -> list[Group]:
    """The groups of the axes of these inputs, but for axes of size 1, and those that the code holds arrays for."""
    held = _held(page, arguments)
    return [g for g in _groups(page, arguments) if g.root not in held]


def held_groups(page: Sheet, arguments: Sequence[str]) -> list[Group]:
    """The groups of the axes that arrays have which the code holds, those of these inputs first: they cannot vary."""
    held = _held(page, arguments)
    return [g for g in _groups(page, (*arguments, *(n for n in page.tables if n not in arguments))) if g.root in held]


def _held(page: Sheet, arguments: Sequence[str]) -> set[str]:
    return {page.find(i) for name, letters in page.inputs.items() if name not in arguments for i in letters}


def _groups(page: Sheet, arguments: Sequence[str]) -> list[Group]:
    found: dict[str, list[str]] = {}
    for name in arguments:
        for i in page.inputs[name]:
            found.setdefault(page.find(i), []).append(i)
    sizes = ((root, letters, page.sizes[letters[0]][0]) for root, letters in found.items())
    return [Group(root, tuple(letters), size) for root, letters, size in sizes if size > 1]


def sizes_like(n: int, others: Sequence[int]) -> dict[float, str]:
    """Numbers that a size may be the reason of, and how each is made of it; m is another size.

    >>> {round(v, 3): words for v, words in sizes_like(5, [3]).items()}[0.067]
    '1/(n m)'
    """
    if n < 3:
        return {}
    found: dict[float, str] = {
        1 / n: "1/n", n**0.5: "the root of n", n**-0.5: "1 over the root of n", 1 / (n - 1): "1/(n - 1)",
        n: "n", n - 1: "n - 1", math.log(n): "the logarithm of n", 2 / n: "2/n", n / 2: "n/2",
        n / 3: "n/3", n * n: "n²",
    }  # fmt: skip
    found |= {k * n: f"{k} n" for k in range(2, 9)}
    found |= {k / (n * m): f"{k}/(n m)" for m in others if m > 2 for k in (1, 2)}
    found |= {n * m: "n m" for m in others if m > 2}
    return {v: words for v, words in reversed(found.items()) if v not in (0.5, 1, 2, 4, 1.5)}


def divided(page: Sheet, found: Sequence[Group]) -> bool:
    """Whether an axis of an argument is divided into one of an argument and one that is none."""
    roots = {g.root for g in found}
    return any(
        page.find(whole) in roots and len({page.find(i) in roots for i in parts}) == 2 for whole, parts in page.made
    )


def quotients(page: Sheet, found: Sequence[Group], called: Sequence[str]) -> list[tuple[str, int]]:
    """``axis 0 of q over axis 0 of k``, and how much that is, for the axes that are divided so."""
    axes = {page.find(i): f"axis {k} of {name}" for name in reversed(called) for k, i in enumerate(page.inputs[name])}
    roots = {g.root: g.size for g in found}
    out: dict[str, int] = {}
    for axis, parts in page.made:
        whole, below = page.find(axis), [page.find(i) for i in parts if page.find(i) in roots]
        if whole in roots and 0 < len(below) < len(parts):
            words = " over ".join(axes[r] for r in (whole, *below))
            out[words] = roots[whole] // prod(roots[r] for r in below)
    return list(out.items())


def shared(page: Sheet, found: Sequence[Group]) -> bool:
    """Whether an axis of an argument is as long as a share of another one: a half, a third …"""
    roots = {g.root for g in found}
    pairs = ((page.find(new), page.find(old[0])) for new, old in page.made if len(old) == 1)
    return any(
        a != b and {a, b} <= roots and page.sizes[a][0] > 1 and page.sizes[b][0] % page.sizes[a][0] == 0
        for a, b in pairs
    )


def offers(size: int, n: int) -> Iterator[tuple[int, ...]]:
    """Sizes to try for the n-th group, all different from those of other groups; the likeliest first."""
    step = 4 if size % 4 == 0 and size > 4 else 2
    jumps = [step * (k + 11 * (n // len(_STEPS))) for k in _STEPS[n % len(_STEPS)]]
    base = size if size < _LARGE else step * (3 + n) + size % 2
    yield tuple(base + k for k in jumps)
    if size >= _LARGE:
        yield tuple(size + k for k in jumps)
    jitter = _JITTER[n % len(_JITTER)]
    larger = (m * size + step * k for m, k in zip((4, 6, 5), jitter, strict=True))  # in the example's order
    yield tuple(k + (k - size) % 2 for k in larger)
    yield tuple(size * k for k in _FOLDS[n % len(_FOLDS)])


def smaller(page: Sheet, root: str, offer: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Offers for a group with a size at which places on an axis lie in another order than they were taken to.

    Places ``a ≤ b`` whose distance grows as the size n of the group does, ``b - a = n - 6``, are in the other order
    below 6. The smallest first; a size of 1 is another matter. Of an axis that is even in the reading, an even one too.
    """
    some = (n for i, n in page.sizes.items() if page.find(i) == page.find(root) and n[1:] == tuple(offer))
    sizes = next(some, None)
    if sizes is None:
        return
    step = 2 if len({n % 2 for n in sizes}) == 1 else 1
    found: set[int] = set()
    for a, b in page.orders:
        if len({y - x - n for x, y, n in zip(a, b, sizes, strict=True)}) == 1:
            n = sizes[0] - (b[0] - a[0]) - 1
            found |= {n, n - (sizes[0] - n) % step}
    for n in sorted(n for n in found if 1 < n < sizes[0])[:5]:
        yield (n, *offer[1:])


def residues(page: Sheet, root: str, n: int) -> tuple[int, ...] | None:
    """An offer for the n-th group that leaves every remainder, where shares of its size were read; None, if all are.

    Of odd sizes alone, ``(n - 1)/2`` and ``floor(n/2)`` are one.
    """
    for letter, q in page.shares.items():
        sizes = page.sizes[letter]
        if page.find(letter) == page.find(root) and len({k % q for k in sizes}) < q:
            return tuple(sizes[0] + k + 12 * (n % 5) for k in (5, 10, 19))
    return None


def assignment(page: Sheet, chosen: dict[str, int], ratios: bool = False, more: int = 0) -> dict[str, int]:
    """The size of every group, given some: products and parts of axes follow from one another.

    A part stays as much shorter than the whole, or (``ratios``) the same share of it, where the whole follows. What
    an axis is divided into that is none of an argument is by ``more`` longer.

    An axis that a reshape divides among axes of other arguments is as long as they together, and so is one that is
    contracted with arrays that were put together.
    """
    sizes = dict(chosen)
    for whole, parts in page.made:
        root, below = page.find(whole), [page.find(i) for i in parts]
        if root not in chosen or len(parts) < 2:
            continue
        product = prod(chosen.get(p, page.sizes[p][0] + more) for p in below)
        if any(p in chosen for p in below) and prod(page.sizes[p][0] for p in below) == page.sizes[root][0]:
            sizes[root] = product
    for new, (old, *others) in page.made:
        a, b = page.find(new), page.find(old)
        if not others and a in chosen and b in chosen and a != b:
            was, share = page.sizes[a][0], page.sizes[b][0]
            if not ratios:
                sizes[a] = sizes[b] + was - share
            elif share % was == 0:
                sizes[b] = sizes[a] * (share // was)
    for whole, axes in page.together:
        root = page.find(whole)
        if root in chosen:
            size = sum(prod(sizes.get(page.find(i), page.sizes[i][0]) for i in axis) for axis in axes)
            if size != page.sizes[root][0]:
                sizes[root] = size
    return sizes
