"""A convolution with few terms for an entry, or of few places: one shifted product for each.

    y_btc = Σ_k x_{b,t+k,c} w_kc = x_{b,t+0,c} w_0c + x_{b,t+1,c} w_1c + …      few terms: shifted arrays, added up
    v_kc  = Σ_bt x_{b,t+k,c} g_btc                                              few places: a sum for each

In: the axes of a convolution (`lowerings.convolution`) and the arrays of its two sides. Out: the same without one. The
matrix product that machines make of a convolution is then no larger than a vector: groups with one feature each, images
of one channel or three. A sum for each place pays where there are groups, along which it is vectors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from tensorprop.run.lowerings.whole_form import Affine
from tensorprop.run.product import Contraction
from tensorprop.run.values import Array, Operations, Value

__all__ = ["ConvAxis", "few_places"]

_ALONE, _ADDED, _MATRIX = 64, 32, 512
"""Terms up to which shifted arrays are added up, without features and with; entries of the matrix that these make."""
_SUMMED, _GROUPS = 16, 8
"""Places of a result up to which each has a sum of its own, and how many groups there must be."""


class ConvAxis(NamedTuple):
    """One axis: the letter of the result, and of the two factors; ``letter``, which is one of them, is ``form``."""

    out: str
    first: str
    second: str
    letter: str
    form: Affine


class Arrays(Protocol):
    """What is asked of the lowering: products and sums of arrays."""

    ops: Operations

    def multiplied(self, values: Sequence[Value]) -> Value: ...
    def summed(self, v: Value, letters: Sequence[str]) -> Value: ...
    def joined(self, a: Value, b: Value, minus: bool) -> Value: ...
    def align(self, v: Value, frame: tuple[str, ...]) -> Array: ...


def few_places(
    on: Arrays, p: Contraction, axes: Sequence[ConvAxis], left: Value, right: Value, where: Mapping[str, int]
) -> Value | None:
    """The convolution of two arrays by shifts, if it is one of these; ``where``: how long every letter is."""
    inner = {i for a in axes for i in (a.first, a.second)}
    features = [i for i in right.axes if i not in inner and i not in left.axes]
    groups = [i for i in left.axes if i in right.axes and i in p.free]
    summed = [i for i in left.axes if i in right.axes and i not in p.free]
    batch = [i for i in left.axes if i not in inner and i not in right.axes]
    window, out = [where[a.second] for a in axes], [p.sizes[a.out] for a in axes]
    if (
        not all(isinstance(n, int) for n in (*where.values(), *out))
        or min(left.array.itemsize, right.array.itemsize) < 4
    ):
        return None  # convolutions of half precision add up in single
    terms = math.prod(window) * math.prod(where[i] for i in summed)
    matrix = terms * math.prod(where[i] for i in features)
    if (terms <= _ALONE and not features and not summed) or (terms <= _ADDED and matrix <= _MATRIX):
        return _added(on, axes, left, right, {i: where[i] for i in (*(a.second for a in axes), *summed)}, out)
    many = math.prod(where[i] for i in groups)
    if (
        not batch
        and not features
        and math.prod(out) <= _SUMMED
        and many >= _GROUPS
        and all(a.letter == a.first for a in axes)
    ):
        return _summed(on, axes, left, right, window, out, groups)
    return None


def _added(
    on: Arrays, axes: Sequence[ConvAxis], left: Value, right: Value, terms: Mapping[str, int], out: list[int]
) -> Value:
    """The terms of an entry, each a shifted array times an entry of the other."""
    total: Value | None = None
    source = on.ops.kept(left.array)  # not made anew for each place
    names = {a.first: a.out for a in axes}
    moved: dict[tuple[int, ...], Array] = {}
    for u in itertools.product(*map(range, terms.values())):
        places = u[: len(axes)]
        array = moved.get(places, source)
        for a, n, size in zip(axes, places if places not in moved else (), out, strict=False):
            k, d = a.form.constant, a.form.letters[a.second]
            axis = left.axes.index(a.first)
            if a.letter == a.out:  # w = c x + d u + k
                array = on.ops.spaced(array, axis, d * n + k, size, a.form.letters[a.first])
            else:  # x = c w + d u + k
                array = on.ops.shifted(array, axis, d * n + k, size, a.form.letters[a.out], 0)
        moved[places] = array
        at = dict(zip(terms, u, strict=True))
        one = _entry(on, Value(array, tuple(names.get(i, i) for i in left.axes)), at)
        term = on.multiplied([one, _entry(on, right, at)])
        total = term if total is None else on.joined(total, term, False)
    assert total is not None
    return total._replace(array=on.ops.kept(total.array))  # and not made anew for each who reads it


def _entry(on: Arrays, v: Value, at: Mapping[str, int]) -> Value:
    """An array where some of its letters have one value."""
    array, axes = v.array, list(v.axes)
    for i, n in at.items():
        if i in axes:
            array = on.ops.take(array, n, axes.index(i))
            axes.remove(i)
    return Value(array, tuple(axes))


def _summed(
    on: Arrays,
    axes: Sequence[ConvAxis],
    left: Value,
    right: Value,
    window: list[int],
    out: list[int],
    groups: list[str],
) -> Value:
    """A sum over the window, and all else that is summed, for every place of the result."""
    names = {a.first: a.second for a in axes}

    def place(w: tuple[int, ...]) -> Array:
        array = left.array
        for a, n, size in zip(axes, w, window, strict=True):  # x = c w + d u + k
            start = a.form.letters[a.out] * n + a.form.constant
            array = on.ops.shifted(array, left.axes.index(a.first), start, size, a.form.letters[a.second], 0)
        product = on.multiplied([Value(array, tuple(names.get(i, i) for i in left.axes)), right])
        return on.align(on.summed(product, [i for i in product.axes if i not in groups]), tuple(groups))

    def placed(before: tuple[int, ...], sizes: list[int]) -> Array:
        if not sizes:
            return place(before)
        return on.ops.stack([placed((*before, n), sizes[1:]) for n in range(sizes[0])], 0)

    return Value(placed((), out), (*(a.out for a in axes), *groups))
