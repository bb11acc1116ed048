"""``X[i, 2x + u - 1, tok_bt, 0]``: entries of an array at subscripts of any kind.

A plain letter keeps its axis, a number takes it away. One letter, ``c i + k``, is a strided slice, padded where it
reads outside. Several letters, ``2x + u``, are the same memory with two axes where u counts through the 2 places
between; else a slice for each value of all of them but the longest, if those are few, else a gather from a table of
subscripts. What an array tells is a gather; a plain letter that the subscripts share with
the array, as b in ``X[b, y_b]``, pairs the two and is not spread into a grid.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tensorprop.core.equation import System
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.walk import postorder
from tensorprop.run.lowerings.whole_form import Affine, affine
from tensorprop.run.sizes import begin
from tensorprop.run.values import Array, Operations, Rule, Sizes, Value, Wish

__all__ = ["Outside", "entries", "read_often"]

_SLICES = 32  # slices that are put together rather than gathered

Outside = float | str | None
"""What is read outside an axis: a number, "edge", "wrap", "mirror", or None where nobody says."""


class Asks(Protocol):
    """What a lowering is asked by: the operations, the sizes, and the small steps of `Values`."""

    ops: Operations
    system: System
    uses: Counter[Expr]
    time: dict[str, Array]

    def affine(self, e: Expr) -> Affine | None: ...
    def diagonal(self, array: Array, axes: Sequence[str]) -> Value: ...
    def align(self, v: Value, frame: tuple[str, ...]) -> Array: ...
    def spread(self, v: Value, axes: tuple[str, ...], sizes: Sizes) -> Array: ...


def entries(
    on: Asks,
    array: Array,
    subscripts: Sequence[Expr],
    sizes: Sizes,
    outside: Outside = None,
    spans: Sequence[tuple[int, int]] | None = None,
    often: bool = False,
) -> Rule:
    """The entries of ``array`` at these subscripts, over the letters that stand in them.

    ``spans`` are the first subscript that each axis has and the one after its last. Where nobody says what lies
    outside, an entry there is 0 if the subscript is known now (a bracket makes it so), and not a number if the arrays
    tell it. Entries that are read ``often`` are gathered once.
    """
    axes: list[str | None] = []  # of the array as it now is; None: to be gathered
    waiting: list[tuple[Expr, int]] = []
    k = 0
    for s, (first, end) in zip(subscripts, spans or [(0, n) for n in array.shape], strict=True):
        known = _placed(on.affine(s), sizes)
        if isinstance(s, Index) and known is not None and (first, end - first) == (known.constant, sizes[s.name]):
            axes.append(s.name)
        elif known is None and s.free <= on.time.keys() and _steady(on, s, sizes, first, end):
            at = yield Wish(s, sizes)
            array = on.ops.take(array, on.ops.add(at.array, -first) if first else at.array, k)
            continue
        elif known is None or (isinstance(outside, str) and not _inside(known, sizes, first, end)):
            axes.append(None)
            waiting.append((s, first))
        elif not known.letters and first <= known.constant < end:
            array = on.ops.take(array, known.constant - first, k)
            continue
        elif _few(known, sizes) and not (len(known.letters) > 1 and _shared(known, subscripts)):
            known = known._replace(constant=known.constant - first)
            fill = float(outside) if isinstance(outside, (int, float)) else 0.0
            array = _slices(on, array, k, known, sizes, fill)
            axes += known.letters
            k += len(known.letters) - 1
        else:
            axes.append(None)
            waiting.append((s, first))
        k += 1
    if not waiting:
        return on.diagonal(array, [i for i in axes if i is not None])
    return (yield from _gathered(on, array, axes, waiting, sizes, outside, often))


def read_often(on: Asks, e: Tensor) -> bool:
    """Whether entries that an array tells are read more than once, as they are or as the tensor of an equation."""
    told = _told(e)
    if not any(told):
        return False
    same = [t for t in on.uses if isinstance(t, Tensor) and t.name == e.name and _told(t) == told]
    named = {eq.name for eq in on.system if eq.value in same}
    read = same + [t for t in on.uses if isinstance(t, Tensor) and t.name in named]
    return sum(on.uses[t] for t in read) > 1 + len(named)


def _told(e: Tensor) -> list[Expr | None]:
    """The subscripts that an array tells."""
    return [s if any(isinstance(n, Tensor) for n in postorder(s)) else None for s in e.subscripts]


def _placed(known: Affine | None, sizes: Sizes) -> Affine | None:
    """The form with letters that are counted from 0, of those of which there is a part."""
    if known is None:
        return None
    more = sum(c * begin(sizes[i]) for i, c in known.letters.items())
    return known._replace(constant=known.constant + more) if more else known


def _steady(on: Asks, e: Expr, sizes: Sizes, first: int, end: int) -> bool:
    """Whether a subscript made of times alone lies inside at every time."""
    known = affine(e, {})
    return known is not None and _inside(known, sizes, first, end)


def _inside(known: Affine, sizes: Sizes, first: int, end: int) -> bool:
    low, high = known.bounds(sizes)
    return low >= first and high < end


def _few(known: Affine, sizes: Sizes) -> bool:
    """Whether the values of all letters but the longest are few enough for a slice each, or none is needed."""
    lengths = sorted(sizes[i] for i in known.letters)
    if 0 in lengths[:-1]:  # no slice at all
        return False
    return math.prod(lengths[:-1]) <= _SLICES or known.digits(sizes) is not None


def _shared(known: Affine, subscripts: Sequence[Expr]) -> bool:
    """Whether a letter is a subscript by itself, too: ``s[t, t - j]``, of which slices would hold every t twice."""
    return any(isinstance(s, Index) and s.name in known.letters for s in subscripts)


def _slices(on: Asks, array: Array, axis: int, known: Affine, sizes: Sizes, fill: float) -> Array:
    """The axis replaced by one for each letter: slices along the longest, put together along the others."""
    if not known.letters:
        return on.ops.take(on.ops.shifted(array, axis, known.constant, 1, 1, fill), 0, axis)
    letters = list(known.letters)
    digits = known.digits(sizes) if len(letters) > 1 else None
    if digits is not None:
        row = on.ops.shifted(array, axis, known.constant, math.prod(n for _, n in digits), 1, fill)
        return _digits(on, row, axis, digits, letters, sizes)
    longest = max(letters, key=lambda i: sizes[i])
    others = [i for i in letters if i != longest]

    def part(at: Mapping[str, int], left: Sequence[str]) -> Array:
        if not left:
            start = known.constant + sum(known.letters[i] * n for i, n in at.items())
            return on.ops.shifted(array, axis, start, sizes[longest], known.letters[longest], fill)
        first, *rest = left
        parts = [part({**at, first: n}, rest) for n in range(sizes[first])]
        place = axis + sum(letters.index(i) < letters.index(first) for i in (*rest, longest))
        return on.ops.stack(parts, place)

    return part({}, others)


def _digits(
    on: Asks, array: Array, axis: int, digits: Sequence[tuple[str, int]], letters: Sequence[str], sizes: Sizes
) -> Array:
    """An axis read as several, the highest digit first; then as the ``letters`` stand."""
    array = on.ops.reshape(array, (*array.shape[:axis], *(n for _, n in digits), *array.shape[axis + 1 :]))
    names = [i for i, _ in digits]
    for k, (i, n) in enumerate(digits):
        if n > sizes[i]:
            array = on.ops.shifted(array, axis + k, 0, sizes[i], 1, 0.0)
    order = [axis + names.index(i) for i in letters]
    if order == sorted(order):
        return array
    after = range(axis + len(digits), len(array.shape))
    return on.ops.transpose(array, (*range(axis), *order, *after))


def _gathered(
    on: Asks,
    array: Array,
    axes: list[str | None],
    waiting: Sequence[tuple[Expr, int]],
    sizes: Sizes,
    outside: Outside,
    often: bool,
) -> Rule:
    """The axes without a letter gathered at these subscripts."""
    places = [k for k, i in enumerate(axes) if i is None]
    found: list[Value] = []
    for s, _ in waiting:
        known = _placed(on.affine(s), sizes)
        v = Value(_table(on, known, sizes), tuple(known.letters)) if known is not None else (yield Wish(s, sizes))
        found.append(v)
    letters = tuple(dict.fromkeys(i for v in found for i in v.axes))
    index: list[Array] = []
    for k, v, (_, first) in zip(places, found, waiting, strict=True):
        a = on.ops.whole(on.spread(v, letters, sizes))
        a = on.ops.add(a, -first) if first else a
        index.append(on.ops.within(a, array.shape[k], outside) if isinstance(outside, str) else a)
    batch: list[tuple[int, int]] = []
    for n, i in enumerate(letters):
        if axes.count(i) == 1:
            batch.append((axes.index(i), n))
    static = all(on.affine(s) is not None for s, _ in waiting)
    fill = float(outside) if isinstance(outside, (int, float)) else 0.0 if static else None
    out = on.ops.gather(array, tuple(places), index, batch, fill)
    out = on.ops.kept(out) if often and not static else out
    paired = {k for k, _ in batch}
    left = [i for k, i in enumerate(axes) if i is not None and k not in paired]
    return on.diagonal(on.ops.named(out, (*letters, *left)), [*letters, *left])


def _table(on: Asks, known: Affine, sizes: Sizes) -> Any:
    """The values of an affine form, worked out now."""
    shape = [sizes[i] for i in known.letters]
    total = np.full(shape, known.constant)
    for n, (i, c) in enumerate(known.letters.items()):
        total = total + c * np.arange(sizes[i]).reshape([-1 if m == n else 1 for m in range(len(shape))])
    return on.ops.table(total)
