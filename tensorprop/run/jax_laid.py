"""Products of arrays that have many short axes: which axes are read as one, and in which order they lie.

In: two arrays, the axes that are summed and those that both keep. Out: the product, its axes those that both keep, the
left operand's own, the right one's.

To find where an entry of such an array goes is dear, axis by axis; so all axes of a kind are read as one, and an array
that was moved for a product is not moved again for the next. A product Z = X Y and its gradients δX = δZ Yᵀ and
δY = Xᵀ δZ know three groups of letters, each of them in four of these arrays. Wherever a group is met it has one order
of its letters, so each array has to lie with one of its groups before the other, or behind it, and no other way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax import lax
from jax.experimental.layout import Layout, with_layout_constraint

from tensorprop.run.jax_platform import on_cpu

__all__ = ["LaidOut", "known", "many_short", "own_axes"]

Array = Any
_Axes = tuple[int, ...]
_Pair = tuple[_Axes, _Axes]
_Letters = tuple[str, ...]

_MANY, _SHORT = 5, 8
_UNEVEN, _LESS_SHORT = 4, 17
_MOVED, _RUN = 0.5, 8.0
"""Nanoseconds for an entry that is moved, and for each run of entries that stay side by side."""
_LONG = 64
"""Entries that are copied as they lie side by side, however they are found."""


def known(*arrays: Array) -> bool:
    """Whether all sizes are numbers."""
    return all(isinstance(n, int) for x in arrays for n in x.shape)


def own_axes(x: Array, summed: _Axes, batch: _Axes) -> _Axes:
    """The axes that the other operand has not."""
    return tuple(k for k in range(x.ndim) if k not in summed and k not in batch)


def many_short(a: Array, b: Array, batch: bool = False) -> bool:
    """Whether an operand has so many and so short axes that it is dear to find where an entry goes, axis by axis.

    It is dearer where an axis is no power of two long, since an index is then divided and not shifted. Of a ``batch``
    of products XLA moves four axes well itself.
    """

    def short(shape: Sequence[int]) -> bool:
        uneven = not batch and any(n & (n - 1) for n in shape)
        many, limit = (_UNEVEN, _LESS_SHORT) if uneven else (_MANY, _SHORT)
        return len(shape) >= many and math.prod(shape) < limit ** len(shape)

    return any(short(x.shape) for x in (a, b) if known(x))


class _LiesThus(NamedTuple):
    """The entries of an array as they lie: in an array of whatever shape, with its axes in this order.

    ``made``: by a product or by moving them, so that they are there, and are not worked out where they are read.
    """

    array: Array
    order: _Axes
    made: bool = False


class _OneSide(NamedTuple):
    """An operand, how it lies, and its axes by kind, each kind in its order."""

    array: Array
    forms: Sequence[_LiesThus]
    batch: _Axes
    own: _Axes
    summed: _Axes

    def order(self, last: bool) -> _Axes:
        """The axes with the summed ones last, or before its own."""
        return (*self.batch, *self.own, *self.summed) if last else (*self.batch, *self.summed, *self.own)

    def found(self, last: bool) -> _LiesThus | None:
        """The form that lies so."""
        order = self.order(last)
        return next((f for f in self.forms if f.order == order), None)

    def moved(self, last: bool) -> tuple[float, _LiesThus]:
        """What it takes to bring a form into this order, and the form with which it takes least."""
        order, shape = self.order(last), self.array.shape
        return min(((_moving(f, order, shape), f) for f in self.forms), key=lambda found: found[0])

    def takes(self, last: bool) -> float:
        """What it takes to have the summed axes last, or first."""
        return 0 if self.found(last) is not None else self.moved(last)[0]


class LaidOut:
    """How arrays lie, of which products were made here or which were moved for one.

    A matrix is read as it lies: as a left operand with the summed axes last, as a right one with these first.
    """

    def __init__(self) -> None:
        self.depth = 0
        """In how many functions that are traced by themselves this is."""
        self._forms: dict[int, tuple[Array, list[_LiesThus]]] = {}
        self._orders: dict[frozenset[str], _Letters] = {}

    def alone(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is traced by itself: what is moved inside is not there outside of it."""

        def traced(*args: Any) -> Any:
            before, self._forms = self._forms, {}
            self.depth += 1
            try:
                return fn(*args)
            finally:
                self._forms = before
                self.depth -= 1

        return traced

    def moved(self, a: Array) -> bool:
        """Whether an array lies in another order than that of its axes."""
        return any(_turns(f.order) for f in self._forms.get(id(a), (a, []))[1])

    def product(self, a: Array, b: Array, summed: _Pair, batch: _Pair, letters: tuple[_Letters, ...] = ()) -> Array:
        """The product with all axes of a kind read as one; for ``letters`` see `Operations.dot`."""
        sides = self._sides(a, b, summed, batch, letters)
        left = min((0, 1), key=lambda k: sides[k].takes(True) + sides[1 - k].takes(False))
        x, y = self._matrices(sides[left], True), self._matrices(sides[1 - left], False)
        made = lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,))))
        there = [(0, k) for k in sides[0].batch] + [(n, k) for n in (left, 1 - left) for k in sides[n].own]
        made = lax.reshape(made, [sides[n].array.shape[k] for n, k in there])
        axes = [(0, k) for k in batch[0]] + [(n, k) for n, side in enumerate(sides) for k in sorted(side.own)]
        whole = lax.transpose(made, tuple(map(there.index, axes))) if there != axes else made
        self._forms[id(whole)] = whole, [_LiesThus(made, tuple(map(axes.index, there)), True)]
        return whole

    def _forms_of(self, a: Array) -> list[_LiesThus]:
        return self._forms.setdefault(id(a), (a, [_LiesThus(a, tuple(range(a.ndim)))]))[1]

    def _matrices(self, side: _OneSide, last: bool) -> Array:
        """The operand as a batch of matrices."""
        found = side.found(last)
        if found is None:
            found = _relaid(side.moved(last)[1], side.order(last), side.array.shape)
            self._forms_of(side.array).append(found)
        groups = (side.batch, *((side.own, side.summed) if last else (side.summed, side.own)))
        return lax.reshape(found.array, [math.prod(side.array.shape[k] for k in g) for g in groups])

    def _sides(self, a: Array, b: Array, summed: _Pair, batch: _Pair, letters: tuple[_Letters, ...]) -> list[_OneSide]:
        """Both operands, the order of each group that it has already, or as it lies in the larger operand.

        What the smaller one has of its own is in the order in which it will be summed: nothing has to be taken out from
        among others then.
        """
        orders = self._orders if letters else {}
        *names, fates = letters or _letters(a, b, summed, batch)
        larger = int(b.size > a.size)

        def ordered(side: int, axes: _Axes) -> _Letters:
            group = frozenset(names[side][k] for k in axes)
            if group not in orders:
                lies = fates if fates and side != larger else [names[side][k] for k in forms[side][-1].order]
                orders[group] = tuple(i for i in lies if i in group)
            return orders[group]

        forms = [self._forms_of(x) for x in (a, b)]
        kept, gone = ordered(larger, batch[larger]), ordered(larger, summed[larger])
        sides: list[_OneSide] = []
        for n, x in enumerate((a, b)):
            groups = kept, ordered(n, own_axes(x, summed[n], batch[n])), gone
            sides.append(_OneSide(x, forms[n], *(tuple(map(names[n].index, group)) for group in groups)))
        return sides


def _letters(a: Array, b: Array, summed: _Pair, batch: _Pair) -> tuple[_Letters, ...]:
    """Letters for the axes of arrays that come without."""
    shared = {n: k for one, other in (summed, batch) for k, n in zip(one, other, strict=True)}
    return tuple(map(str, range(a.ndim))), tuple(str(shared.get(n, a.ndim + n)) for n in range(b.ndim)), ()


def _turns(order: _Axes) -> bool:
    return order != tuple(range(len(order)))


def _runs(form: _LiesThus, order: _Axes) -> list[list[int]]:
    """The places in a form of the axes in an order, those together that stay side by side."""
    runs: list[list[int]] = []
    for k in map(form.order.index, order):
        if runs and runs[-1][-1] == k - 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return runs


def _moving(form: _LiesThus, order: _Axes, shape: Sequence[int]) -> float:
    """About nanoseconds to bring a form into an order: what lies side by side in the end is moved together."""
    last = math.prod(shape[form.order[k]] for k in _runs(form, order)[-1])
    return math.prod(shape) * (_MOVED + _RUN / last)


def _relaid(form: _LiesThus, order: _Axes, shape: Sequence[int]) -> _LiesThus:
    """The form with its axes in another order.

    What is moved is to lie there as it then reads, and to be found as it lay. Else XLA moves it on the way from or to a
    matrix, where an entry is found by its row and column, taken apart by divisions: that takes up to six times as long.
    """
    runs = _runs(form, order)
    there = sorted(runs)
    merged = lax.reshape(form.array, [math.prod(shape[form.order[k]] for k in run) for run in there])
    if form.made and on_cpu() and (runs[-1] != there[-1] or merged.shape[-1] < _LONG):
        merged = lax.optimization_barrier(merged)
    turned = lax.transpose(merged, [there.index(run) for run in runs])
    return _LiesThus(with_layout_constraint(turned, Layout(tuple(range(turned.ndim)))), order, True)
