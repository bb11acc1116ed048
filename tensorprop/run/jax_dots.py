"""How one product of two arrays is made: which axes are read as one, and what is no product of matrices.

In: two arrays, the axes that are summed and those that both keep. Out: the product, its axes those that both keep, the
left operand's own, the right one's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from jax import lax
from jax.experimental.layout import Layout, with_layout_constraint

from tensorprop.run.jax_direct import WIDE
from tensorprop.run.jax_laid import LaidOut, known, many_short, own_axes
from tensorprop.run.jax_platform import on_cpu

__all__ = ["as_sum", "of_matrices", "one_sum", "product"]

Array = Any
_Axes = tuple[int, ...]
_Pair = tuple[_Axes, _Axes]

_WORTH = 2**12
"""Entries of an operand that it is worth to read as it lies."""
_FEW = range(2**12, 2**15 + 1)
"""Entries of a matrix whose product with a vector takes ten microseconds, and its kernel ten milliseconds to compile,
each anew, where a sum has a kernel that is there. A sum of fewer entries is compiled for its shape, too."""
_ROWS = 2**7
"""Rows up to which a sum along each of them takes no more than twice as long as the product."""


def product(
    a: Array, b: Array, summed: _Pair, batch: _Pair, laid: LaidOut, letters: tuple[tuple[str, ...], ...] = ()
) -> Array:
    """``lax.dot_general`` of two arrays of one dtype, in the way that is cheapest to compile and to run."""
    if known(a, b) and (many_short(a, b, bool(batch[0])) or laid.moved(a) or laid.moved(b)):
        return laid.product(a, b, summed, batch, letters)
    made = as_sum(a, b, summed, batch) if not laid.depth else None  # a loop is compiled once
    if made is not None:
        return made
    a, b, (summed, batch) = one_sum(a, b, summed, batch)
    return lax.dot_general(a, b, (summed, batch)) if batch[0] else of_matrices(a, b, summed)


def as_sum(a: Array, b: Array, summed: _Pair, batch: _Pair) -> Array | None:
    """A matrix of few entries times a vector as the sum of its columns, or rows, times numbers."""
    own = (own_axes(a, summed[0], batch[0]), own_axes(b, summed[1], batch[1]))
    if batch[0] or len(summed[0]) != 1 or all(own) or not any(own) or not known(a, b) or a.dtype not in WIDE:
        return None
    matrix, vector, axis = (a, b, summed[0][0]) if own[0] else (b, a, summed[1][0])
    size, last = math.prod(matrix.shape), axis == matrix.ndim - 1
    if size not in _FEW or (last and size > _ROWS * matrix.shape[axis]):
        return None
    return lax.reduce_sum(lax.mul(matrix, lax.broadcast_in_dim(vector, matrix.shape, (axis,))), (axis,))


def of_matrices(a: Array, b: Array, summed: _Pair) -> Array:
    """A product without a batch, its operands so placed that neither is turned on the way, where that takes less.

    A left operand whose summed axis is its last and a right one whose summed axis is its first are read as they lie.
    On a CPU any other left operand is turned on the way, by one thread unless it has several axes of its own; where
    both lie the other way, both are. The result of swapped operands is turned afterwards, by all threads.
    """
    own = (own_axes(a, summed[0], ()), own_axes(b, summed[1], ()))
    if len(summed[0]) != 1 or not (known(a, b) and all(own)) or max(a.size, b.size) < _WORTH:
        return lax.dot_general(a, b, (summed, ((), ())))
    sides = _Placed.of(a, own[0], summed[0][0]), _Placed.of(b, own[1], summed[1][0])
    kept = (*(a.shape[k] for k in own[0]), *(b.shape[k] for k in own[1]))
    if on_cpu() and _turned(*sides) > _turned(*sides[::-1]) + math.prod(kept):
        left, right = (_flat(x, side) for x, side in zip((a, b), sides, strict=True))
        made = lax.dot_general(right, left, (((int(sides[1].last),), (int(sides[0].last),)), ((), ())))
        return lax.reshape(lax.transpose(with_layout_constraint(made, Layout((0, 1))), (1, 0)), kept)
    if sides[1].last and sides[1].axes > 1:  # read from its other side; of more axes XLA makes a turned copy
        made = lax.dot_general(a, _flat(b, sides[1]), ((summed[0], (1,)), ((), ())))
        return lax.reshape(made, kept)
    return lax.dot_general(a, b, (summed, ((), ())))


class _Placed(NamedTuple):
    """An operand: its entries, how many axes of its own it has, and whether the summed one is its first or its last."""

    size: int
    axes: int
    first: bool
    last: bool

    @staticmethod
    def of(x: Array, own: _Axes, summed: int) -> _Placed:
        return _Placed(x.size, len(own), min(own) > summed, max(own) < summed)


def _turned(left: _Placed, right: _Placed) -> float:
    """What is turned on the way, counted in entries of a result that is turned afterwards. As was timed."""
    if not left.first or not (right.first or right.last):
        return 0
    return left.size / (4 if left.axes == 1 else 8) if right.first else 1.25 * (left.size + right.size)


def _flat(x: Array, side: _Placed) -> Array:
    """The array as a matrix."""
    own = math.prod(x.shape[:-1] if side.last else x.shape[1:])
    return lax.reshape(x, (own, x.shape[-1]) if side.last else (x.shape[0], own))


def one_sum(a: Array, b: Array, summed: _Pair, batch: _Pair) -> tuple[Array, Array, tuple[_Pair, _Pair]]:
    """Summed axes that lie side by side in both operands read as one: a matrix is then not turned for the product."""
    order = sorted(range(len(summed[0])), key=lambda k: summed[0][k])
    first, second = ([side[k] for k in order] for side in summed)
    if len(order) < 2 or any(s != [*range(s[0], s[0] + len(s))] for s in (first, second)):
        return a, b, (summed, batch)
    gone = len(order) - 1

    def merged(x: Array, at: int) -> Array:
        return lax.reshape(x, (*x.shape[:at], math.prod(x.shape[at : at + gone + 1]), *x.shape[at + gone + 1 :]))

    one, other = (
        tuple(k if k < s[0] else k - gone for k in axes) for axes, s in zip(batch, (first, second), strict=True)
    )
    return merged(a, first[0]), merged(b, second[0]), (((first[0],), (second[0],)), (one, other))
