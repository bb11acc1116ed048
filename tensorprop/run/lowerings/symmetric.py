"""``G_ij = Σ_b x_bi s_b x_bj`` is symmetric: what lies below its diagonal is mirrored.

In: a product that stays the same where its two free letters change places. Out: the form in which it is made in blocks
of rows, each from the diagonal on: of four blocks five eighths of the multiplications. The blocks are products of
matrices, which have to be large for that: Gram matrices, Hessians of generalised linear models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from tensorprop.core.build import rename
from tensorprop.core.expr import Expr
from tensorprop.run.lowerings.selection import called
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Array, Rule, Value

__all__ = ["mirrored_product"]

_LEAST, _SUMMED, _BLOCKS = 512, 512, 4
"""Rows of the result, and summed entries, from which on it pays; blocks of rows."""


def mirrored_product(p: Contraction) -> Callable[[Any], Rule] | None:
    """The form for a product with as many rows as columns that is its own transpose, by whoever lowers it."""
    if len(p.free) != 2 or p.masks or p.ready or p.picks or p.same or not p.bound:
        return None
    i, j = sorted(p.free)
    summed = math.prod(n for k in p.bound if isinstance(n := p.sizes[k], int))
    if p.sizes[i] != p.sizes[j] or not isinstance(p.sizes[i], int) or p.sizes[i] < _LEAST or summed < _SUMMED:
        return None
    one, other, rest = ([f for f in p.factors if p.letters(f) & p.free == some] for some in ({i}, {j}, set()))
    if len(one) + len(other) + len(rest) < len(p.factors) or any(p.letters(d) & p.free for d in p.divisors):
        return None
    if not one or _names(p, one, {i: j}) != _names(p, other, {}):
        return None
    return lambda on: _mirrored(on, p, i, j, one)


def _names(p: Contraction, factors: Iterable[Factor], new: dict[str, str]) -> list[Expr]:
    return sorted((rename(called(p, e, names), new) for e, names, _ in factors), key=str)


def _mirrored(on: Any, p: Contraction, i: str, j: str, one: list[Factor]) -> Rule:
    left, right = (p.within(frozenset((*p.bound, k)), ()) for k in (i, j))
    left.factors, left.divisors, left.coefficient = one, [], 1
    right.factors = [f for f in p.factors if f not in one]
    sides: list[Value] = []
    for side in (left, right):
        sides.append((yield from on.plain_product(side)))
    n = p.sizes[i]
    edges = [k * n // _BLOCKS for k in range(_BLOCKS + 1)]

    def columns(v: Value, letter: str, first: int, end: int) -> Value:
        return v._replace(array=on.ops.shifted(v.array, v.axes.index(letter), first, end - first, 1, 0))

    rows: list[Array] = []
    for first, end in pairwise(edges):
        made = on.pair(columns(sides[0], i, first, end), columns(sides[1], j, first, n), frozenset((i, j)))
        rows.append(on.align(made, (i, j)))
    whole: list[Array] = []
    for k, (first, end) in enumerate(pairwise(edges)):
        below = [on.ops.shifted(rows[m], 1, first - edges[m], end - first, 1, 0) for m in range(k)]
        whole.append(on.ops.concatenate([*(on.ops.transpose(b, (1, 0)) for b in below), rows[k]], 1))
    return Value(on.ops.named(on.ops.concatenate(whole, 0), (i, j)), (i, j))
