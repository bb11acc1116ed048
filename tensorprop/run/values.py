"""Arrays whose axes bear index letters, and what is done with them.

In: arrays, their letters, and the array operations to use (`Operations`). Out: arrays with letters. Here it is said
over which axes an operation runs and in which order they lie; not what expression it serves, and not what an array is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from tensorprop.core.expr import Expr
from tensorprop.run.forms import form, way
from tensorprop.run.sizes import weight

__all__ = ["DOT", "MOVE", "Array", "Operations", "Rule", "Sizes", "Step", "Value", "Values", "Wish", "python"]

DOT, MOVE = 0.015, 0.5  # nanoseconds: one flop of a matrix product; one entry that it reads or writes
_OTHER_ROWS, _REDUCED = 1, 2  # ways of a product: the other operand gives the rows; entry by entry, and then summed
_ENTRIES = 1 << 24  # so many products of entries are not made one by one
_PASS = 1 << 16  # entries of an operand that it is worth not to multiply by a number,
_FAR = 4  # where the product has so many times fewer, and is multiplied instead
_LANES, _RAGGED = 8, 64  # entries of a row that are worked on together; beyond so many, the rest does not matter

Array = Any
Sizes = Mapping[str, int]
_Axes = tuple[int, ...]


Step = Callable[[Array, Sequence[Array], Sequence[Array]], tuple[Sequence[Array], Sequence[Array]]]


class Operations(Protocol):
    """What a program is made of. Operands of the elementwise ones have the same rank, or are Python's numbers.

    Arrays tell their ``shape``. Axes are counted from 0. ``where`` is zero where the mask is false. ``named`` says
    which letters the axes bear from here on, and which node or tensor (by its name) the array is the value of: nothing
    is done, and who keeps no record gives the array back. Arrays of one ``identity`` are one array.

    ``at`` gives the same operations for another dtype of arrays that are made of numbers alone, ``cast`` an array
    of real numbers in a dtype; None is the one that there is.

    ``take`` reads one place of an axis, which may be an array of one whole number. ``scan`` carries arrays through
    ``step(k, carried, read) → carried, made`` for k = 0 … length - 1, or backwards; ``read`` are entries k of arrays,
    and what is made is stacked, both along a first axis. ``concatenate`` puts arrays together along one.
    """

    @property
    def rides(self) -> bool:
        """Whether what reads a loop's tensors entry by entry is worked out in its steps."""
        ...

    def at(self, kind: str | None) -> Any: ...
    def cast(self, a: Array, kind: str | None) -> Array: ...
    def multiply(self, a: Array, b: Array) -> Array: ...
    def divide(self, a: Array, b: Array) -> Array: ...
    def add(self, a: Array, b: Array) -> Array: ...
    def subtract(self, a: Array, b: Array) -> Array: ...
    def negative(self, a: Array) -> Array: ...
    def power(self, a: Array, exponent: Fraction) -> Array: ...
    def call(self, function: str, *args: Array) -> Array: ...
    def constant(self, function: str, *args: float) -> float: ...
    def compare(self, relation: str, a: Array, b: Array) -> Array: ...
    def both(self, a: Array, b: Array) -> Array: ...
    def where(self, mask: Array, a: Array) -> Array: ...
    def full(self, shape: _Axes, a: float) -> Array: ...
    def kept(self, a: Array) -> Array:
        """The array, which is dear to make and read more than once: made once."""
        ...

    def lies(self, a: Array) -> _Axes | None:
        """The order of axes in which it is dear to have an array otherwise, since it lies so."""
        ...

    def iota(self, size: int) -> Array: ...
    def transpose(self, a: Array, order: _Axes) -> Array: ...
    def expand(self, a: Array, axes: _Axes) -> Array: ...
    def broadcast(self, a: Array, shape: _Axes) -> Array: ...
    def diagonal(self, a: Array, first: int, second: int) -> Array: ...
    def take(self, a: Array, entry: Any, axis: int) -> Array: ...
    def scan(
        self, step: Step, carried: Sequence[Array], read: Sequence[Array], length: int, back: bool
    ) -> tuple[Sequence[Array], Sequence[Array]]: ...
    def recurrence(self, rate: Array, a: Array, back: bool) -> Array:
        """``y_k = rate_k y_{k-1} + a_k`` along the first axis, or with y_{k+1}; nothing before the first."""
        ...

    def either(self, plain: Callable[[], Array], other: Callable[[], Array]) -> Array:
        """One of two ways to the same array: the plain one on a CPU, the other elsewhere."""
        ...

    def concatenate(self, arrays: Sequence[Array], axis: int = 0) -> Array: ...
    def sum(self, a: Array, axes: _Axes) -> Array: ...
    def reduce(self, op: str, a: Array, axes: _Axes) -> Array: ...
    def greatest(self, op: str, a: Array, count: int) -> Array:
        """The first ``count`` along the last axis of what is sorted downwards ("top"), or where they stood."""
        ...

    def dot(
        self,
        a: Array,
        b: Array,
        summed: tuple[_Axes, _Axes],
        batch: tuple[_Axes, _Axes],
        letters: tuple[tuple[str, ...], ...] = (),
    ) -> Array:
        """Summed over pairs of axes; the result's are those of the ``batch``, the left operand's own, the right one's.

        ``letters`` are those of both operands, and all of them, which are summed next by products to come at the end.
        """
        ...

    def reshape(self, a: Array, shape: _Axes) -> Array: ...
    def stack(self, arrays: Sequence[Array], axis: int) -> Array: ...

    def table(self, entries: Any) -> Array:
        """Whole numbers that are known while the program is made, as an array."""
        ...

    def whole(self, a: Array) -> Array:
        """An array of whole numbers, to be used as subscripts."""
        ...

    def within(self, index: Array, size: int, rule: str) -> Array:
        """Subscripts brought inside 0 … size - 1: the nearest one ("edge"), periodically ("wrap"), "mirror"."""
        ...

    def shifted(self, a: Array, axis: int, start: int, size: int, step: int, fill: float) -> Array:
        """``size`` entries along an axis, i ↦ a[start + step i], and ``fill`` where that is outside."""
        ...

    def spaced(self, a: Array, axis: int, start: int, size: int, step: int) -> Array:
        """Its transpose: ``size`` entries that are zero, but a[i] at start + step i; what is outside is lost."""
        ...

    def gather(
        self, a: Array, axes: _Axes, index: Sequence[Array], batch: Sequence[tuple[int, int]], fill: float | None
    ) -> Array:
        """``a[index, index, …]`` in ``axes``; the index arrays have one shape, which comes first in the result.

        ``batch`` pairs an axis of ``a`` with one of the index: both have the same subscript. Outside is ``fill``; None
        stands for what is not a number.
        """
        ...

    def conv(
        self,
        a: Array,
        b: Array,
        strides: _Axes,
        pads: tuple[tuple[int, int], ...],
        spread: tuple[tuple[int, int], ...],
        groups: int,
    ) -> Array:
        """The convolution of ``a`` (batch, axes, features) with ``b`` (axes, a group's features, the result's).

        ``spread`` are how far apart the entries of ``a`` and ``b`` lie along each axis; pads may be negative.
        """
        ...

    def scatter(self, a: Array, index: Sequence[Array], sizes: _Axes, batch: int, rising: bool) -> Array:
        """Zeros, to which ``a`` is added at ``index``; what is outside is lost. ``rising``: the index never falls.

        The axes of ``a`` are ``batch`` many, then the others of the index, which are summed, then the rest; those of
        the result the batch, the ``sizes``, the rest. Index arrays have the first two groups.
        """
        ...

    def factor(self, a: Array, kind: str) -> Any:
        """What solves with the matrices along the last two axes: by elimination, or, of spd ones, by Cholesky."""
        ...

    def solved(self, factor: Any, b: Array, transposed: bool) -> Array:
        """x of ``A x = b``, or of ``Aᵀ x = b``; the last axis of ``b`` counts right sides."""
        ...

    def logdet(self, factor: Any) -> Array: ...
    def frechet(self, a: Array, along: Array) -> Array:
        """The derivative of the exponential of the matrices ``a`` along others."""
        ...

    def running(self, op: str, a: Array, axis: int, before: int, after: int, back: bool) -> Array:
        """Every entry reduced with those in front of it (``back``: behind it): sum, prod, max, min or logsumexp.

        The axis is made longer at its ends first, by entries that add nothing; its type is real if ``op`` is no sum.
        """
        ...

    def apart(self, arrays: Mapping[str, Array], after: Sequence[Array]) -> dict[str, Array]:
        """The same arrays, through which a compiler may not look, there once those of ``after`` are."""
        ...

    def scope(self, name: str) -> AbstractContextManager[Any]:
        """What is made inside belongs to the equation of the tensor called so."""
        ...

    def named(self, a: Array, letters: tuple[str, ...], what: Expr | str | None = None) -> Array: ...
    def identity(self, a: Array) -> int: ...
    def typed(self, a: Array) -> Hashable:
        """All that an operation can know of an array before it has numbers."""
        ...


class Value(NamedTuple):
    """An array and the letter of each of its axes; without axes it may be a Python number. ``truth``: of booleans.

    ``over``: the value is a divisor, and the array one over it.
    """

    array: Array
    axes: tuple[str, ...]
    truth: bool = False
    over: bool = False

    @property
    def number(self) -> bool:
        """Whether this is a Python number, known while the program is made."""
        return isinstance(self.array, (int, float, Fraction))


Tree = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]
"""The identities of a product's operands, and the pairs."""
Pattern = tuple[int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]


class Twin(NamedTuple):
    """A product of two arrays (which are kept, so that nothing else takes their identity), its axes by number."""

    array: Array
    axes: tuple[int, ...]
    of: tuple[Array, Array]


class _Multiple(NamedTuple):
    """An array (which is kept, so that nothing else takes its identity) that is a number times another."""

    array: Array
    of: Array
    number: Any


class Wish(NamedTuple):
    """A node whose value is needed where its letters have these sizes; ``negated``: with the other sign."""

    node: Expr
    sizes: Sizes
    negated: bool = False


Rule = Generator[Wish, Value, Value]
"""What makes a value: it asks for the values of other nodes by yielding wishes, so that depth costs no stack."""


class Values:
    """The operations on arrays with letters. ``place`` orders the letters of the left side that is being made."""

    def __init__(self, ops: Operations) -> None:
        self.ops = ops
        self.place: dict[str, int] = {}
        self.products: dict[Pattern, Twin] = {}
        self._multiples: dict[int, _Multiple] = {}
        self.trees: list[Tree] = []
        """Products of several operands that were worked out, and in which pairs."""
        self._grown: dict[int, list[int]] = {}
        self.grew: list[Array] = []
        """The operands of these: an identity is one as long as its array lives."""
        self.fates: dict[str, int] = {}
        """How late letters are summed, in trees that were searched."""

    def diagonal(self, array: Array, axes: Sequence[str]) -> Value:
        """Axes with the same letter become one."""
        left = list(axes)
        while len(set(left)) < len(left):
            second = next(k for k, i in enumerate(left) if i in left[:k])
            first = left.index(left[second])
            array = self.ops.diagonal(array, first, second)
            letter = left.pop(second)
            left.pop(first)
            left.append(letter)
        return Value(array, tuple(left))

    def pattern(self, left: Value, right: Value, keep: frozenset[str]) -> tuple[Pattern, list[str]]:
        """What a product of two arrays is, whatever its indices are called; and these in the order of their numbers."""
        first, second = (self.ops.identity(v.array) for v in (left, right))
        if first > second:
            first, second, left, right = second, first, right, left
        number = {i: k for k, i in enumerate(dict.fromkeys((*left.axes, *right.axes)))}
        one, other = (tuple(number[i] for i in v.axes) for v in (left, right))
        kept = tuple(k for i, k in number.items() if i in keep)
        return (first, second, one, other, kept), list(number)

    def pair(self, left: Value, right: Value, keep: frozenset[str]) -> Value:
        """A product of two arrays, made once however its indices are called."""
        found = self.known(left, right, keep)
        if found is not None:
            return found
        key, letters = self.pattern(left, right, keep)
        made = self.product_of_two(left, right, keep)
        self.products[key] = Twin(made.array, tuple(map(letters.index, made.axes)), (left.array, right.array))
        return made

    def known(self, left: Value, right: Value, keep: frozenset[str]) -> Value | None:
        """A product of two arrays that is there, under whatever letters."""
        key, letters = self.pattern(left, right, keep)
        found = self.products.get(key)
        return Value(found.array, tuple(letters[k] for k in found.axes)) if found is not None else None

    def grown(self, operands: Sequence[Array], path: Sequence[tuple[int, int]]) -> None:
        """Keep in which pairs a product was worked out."""
        of = tuple(map(self.ops.identity, operands))
        for a in dict.fromkeys(of):
            self._grown.setdefault(a, []).append(len(self.trees))
        self.trees.append((of, tuple(path)))
        self.grew += operands

    def alike(self, operands: Sequence[int], before: int | None = None) -> list[Tree]:
        """The products (``before`` the one of this number) that have all of these operands, or all but some and one
        that is not among them."""
        shared = Counter(
            k for a in dict.fromkeys(operands) for k in self._grown.get(a, ()) if before is None or k < before
        )
        return [self.trees[k] for k, n in sorted(shared.items()) if n >= len(set(self.trees[k][0])) - 1]

    def product_of_two(self, left: Value, right: Value, keep: frozenset[str]) -> Value:
        """A matrix product where a side has a letter of its own, else entry by entry, then summed; or as was timed."""
        if not keep.issuperset((*left.axes, *right.axes)):
            left, right = self.as_it_lies(left), self.as_it_lies(right)
        batch = [i for i in left.axes if i in right.axes and i in keep]
        summed = [i for i in left.axes if i in right.axes and i not in keep]
        own = [i for i in left.axes if i not in right.axes], [i for i in right.axes if i not in left.axes]
        if not summed or not any(own):
            return self.entrywise(left, right, summed)
        chosen = way(lambda: self.place_of(left, right, keep))
        if chosen == _REDUCED:
            return self.entrywise(left, right, summed)
        swap = self.swapped(left, right, own, batch) if all(own) else self.turned(left, right, own, batch)
        if swap != ((form().other_rows and all(own)) ^ (chosen == _OTHER_ROWS)):
            left, right, own = right, left, own[::-1]
        (left, one), (right, other) = self.unscaled(left, right, summed), self.unscaled(right, left, summed)
        array = self.ops.dot(
            self.ops.named(left.array, left.axes),
            self.ops.named(right.array, right.axes),
            (tuple(map(left.axes.index, summed)), tuple(map(right.axes.index, summed))),
            (tuple(map(left.axes.index, batch)), tuple(map(right.axes.index, batch))),
            (left.axes, right.axes, self.by_fate((*batch, *summed, *own[0], *own[1]))),
        )
        axes = (*batch, *own[0], *own[1])
        return self.scaled(Value(self.ops.named(array, axes), axes), one * other, [])

    def by_fate(self, letters: Iterable[str]) -> tuple[str, ...]:
        """What is summed last comes first, and what never is before that."""
        return tuple(sorted(letters, key=lambda i: -self.fates.get(i, len(self.fates))))

    def unscaled(self, v: Value, other: Value, summed: Sequence[str]) -> tuple[Value, Any]:
        """What an operand is a number times, and the number, where the product with another is far smaller."""
        found = self._multiples.get(self.ops.identity(v.array))
        if found is None:
            return v, 1
        axes = [(i, n) for u in (v, other) for i, n in zip(u.axes, u.array.shape, strict=True)]
        if not all(isinstance(n, int) for _, n in axes):
            return v, 1
        result = math.prod(n for i, n in dict(axes).items() if i not in summed)
        far = math.prod(v.array.shape) >= max(_PASS, _FAR * result)
        return (v._replace(array=found.of), found.number) if far else (v, 1)

    def entrywise(self, left: Value, right: Value, summed: Sequence[str]) -> Value:
        """Multiplied entry by entry, and then summed."""
        frame = self.frame((left, right))
        product = self.ops.multiply(self.align(left, frame), self.align(right, frame))
        return self.summed(Value(product, frame), summed)

    def place_of(self, left: Value, right: Value, keep: frozenset[str]) -> tuple[str, int, float]:
        """What two arrays are whose product can be made in several ways, in how many, and what it takes."""
        number = {i: k for k, i in enumerate(dict.fromkeys((*left.axes, *right.axes)))}
        shapes = [[(number[i], n) for i, n in zip(v.axes, v.array.shape, strict=True)] for v in (left, right)]
        kept = [k for i, k in number.items() if i in keep]
        lengths = dict(pair for shape in shapes for pair in shape)
        entries, moved = math.prod(lengths.values()), sum(math.prod(n for _, n in shape) for shape in shapes)
        told = " × ".join(",".join(f"{k}:{n}" for k, n in shape) for shape in shapes)
        few = entries <= _ENTRIES
        return f"dot {told} → {kept}", 3 if few else 2, 2 * DOT * entries + MOVE * moved

    def swapped(self, left: Value, right: Value, own: tuple[list[str], list[str]], batch: Sequence[str]) -> bool:
        """Whether the right operand's indices are the rows: as the left side has them, else the larger ones.

        Columns are what a machine works on several at a time: few that do not fill it are better rows. Of a batch of
        products the larger operand is read as it lies: on the left if its summed indices are its last, on the right if
        they are its first.
        """
        lies = self._lies(left, right, own, batch) if batch else None
        if lies is not None:
            return lies
        here, there = (min((self.place[i] for i in letters if i in self.place), default=None) for letters in own)
        if here is not None and there is not None:
            return there < here
        rows, columns = (
            math.prod(v.array.shape[v.axes.index(i)] for i in letters)
            for v, letters in zip((left, right), own, strict=True)
        )
        ragged = min(rows, columns) < _RAGGED and min(rows, columns) % _LANES
        return columns < rows if ragged else columns > rows

    @staticmethod
    def _lies(left: Value, right: Value, own: tuple[list[str], list[str]], batch: Sequence[str]) -> bool | None:
        """Whether the operands of a batch of products change places, so that the larger one is read as it lies."""
        sizes = [math.prod(map(weight, v.array.shape)) for v in (left, right)]
        if sizes[0] == sizes[1]:
            return None
        larger = int(sizes[1] > sizes[0])
        axes = (left, right)[larger].axes
        mine = [k for k, i in enumerate(axes) if i in own[larger]]
        summed = [k for k, i in enumerate(axes) if i not in own[larger] and i not in batch]
        if max(mine) < min(summed):
            return larger == 1
        return larger == 0 if max(summed) < min(mine) else None

    def turned(self, left: Value, right: Value, own: tuple[list[str], list[str]], batch: Sequence[str]) -> bool:
        """Whether a matrix and a vector change places, so that the matrix is read as it lies: ``Σ_b v_b x_bi``."""
        matrix = left if own[0] else right
        last = [i for i in matrix.axes if i not in batch][-1]
        return (last in own[0]) if own[0] else (last not in own[1])

    def as_it_lies(self, v: Value) -> Value:
        """The same with its axes in the order in which they lie."""
        order = self.ops.lies(v.array)
        return v if order is None else Value(self.ops.transpose(v.array, order), tuple(v.axes[k] for k in order))

    def plain(self, v: Value) -> Array:
        """The array as numbers: fractions as Python's numbers, truth as 1 and 0."""
        if v.number:
            return python(v.array)
        return self.ops.where(v.array, 1) if v.truth else v.array

    def frame(self, values: Sequence[Value]) -> tuple[str, ...]:
        """The axes of a result: those of the largest operand, in its order; the left side's order decides a tie."""
        lead: tuple[str, ...] = ()
        for v in values:
            if len(v.axes) > len(lead) or (len(v.axes) == len(lead) and v.axes == self.sorted(v.axes)):
                lead = v.axes
        extra = dict.fromkeys(i for v in values for i in v.axes if i not in lead)
        return self.sorted((*lead, *extra)) if extra else lead

    def sorted(self, axes: Iterable[str]) -> tuple[str, ...]:
        """Axes in the order of the left side, then the others as they come."""
        return tuple(sorted(axes, key=lambda i: self.place.get(i, len(self.place))))

    def align(self, v: Value, frame: tuple[str, ...]) -> Array:
        """The array with its axes in the frame's order, and axes of size 1 where it has none."""
        if not v.axes:
            return self.plain(v) if v.number else v.array
        array = self.ops.named(v.array, v.axes)
        present = [i for i in frame if i in v.axes]
        order = tuple(map(v.axes.index, present))
        if order != tuple(range(len(order))):
            array = self.ops.transpose(array, order)
        if len(present) < len(frame):
            array = self.ops.expand(array, tuple(k for k, i in enumerate(frame) if i not in v.axes))
        return array

    def spread(self, v: Value, axes: tuple[str, ...], sizes: Sizes) -> Array:
        """The array over all these axes, in this order, repeated along those that it lacks."""
        shape = tuple(sizes[i] for i in axes)
        if v.number:
            return self.ops.full(shape, float(v.array))
        array = self.align(v, axes)
        return array if len(v.axes) == len(axes) else self.ops.broadcast(array, shape)

    def joined(self, a: Value, b: Value, minus: bool) -> Value:
        """``a + b`` or ``a - b``."""
        if a.number and b.number:
            return Value(a.array - b.array if minus else a.array + b.array, ())
        frame = self.frame((a, b))
        join = self.ops.subtract if minus else self.ops.add
        return Value(join(self.align(a, frame), self.align(b, frame)), frame)

    def divided(self, a: Value, d: Value) -> Value:
        frame = self.frame((a, d))
        join = self.ops.multiply if d.over else self.ops.divide
        return Value(join(self.align(a, frame), self.align(d, frame)), frame)

    def masked(self, a: Value, m: Value) -> Value:
        """``a`` where the bracket holds, zero elsewhere, whatever ``a`` is there."""
        frame = self.frame((a, m))
        return Value(self.ops.where(self.align(m, frame), self.align(a, frame)), frame)

    def scaled(self, v: Value, c: Any, scalar: Sequence[Value]) -> Value:
        """``c v``, and times a scalar array if there is one: one pass over ``v``."""
        array = v.array
        for s in scalar:
            factor = self.scaled(s, c, []).array
            return Value(self.ops.multiply(array, factor), v.axes)
        if c == 1:
            return v
        made = self.ops.negative(array) if c == -1 else self.ops.multiply(array, python(c))
        if isinstance(c, (int, Fraction)) and c.denominator == 1 and c:  # no other number keeps what is summed in range
            self._multiples[self.ops.identity(made)] = _Multiple(made, array, c)
        return Value(made, v.axes)

    def multiplied(self, values: Sequence[Value]) -> Value:
        """The product of arrays, from left to right."""
        total = values[0]
        for v in values[1:]:
            total = self.pair(total, v, frozenset((*total.axes, *v.axes)))
        return total

    def summed(self, v: Value, letters: Sequence[str]) -> Value:
        if not letters:
            return v
        array = self.ops.sum(self.ops.named(v.array, v.axes), tuple(map(v.axes.index, letters)))
        axes = tuple(i for i in v.axes if i not in letters)
        return Value(self.ops.named(array, axes), axes)

    def grouped(self, values: Sequence[Value]) -> list[Value]:
        """Arrays over the same indices multiplied (brackets: joined by "and"), in the order of their first."""
        groups: dict[frozenset[str], Value] = {}
        for v in values:
            key = frozenset(v.axes)
            known = groups.get(key)
            if known is None:
                groups[key] = v
            elif v.truth:
                frame = self.frame((known, v))
                groups[key] = Value(self.ops.both(self.align(known, frame), self.align(v, frame)), frame, truth=True)
            else:
                groups[key] = self.pair(known, v, key)
        return list(groups.values())


def python(c: Any) -> int | float:
    """A Python number, which takes the dtype of the array that it meets."""
    if isinstance(c, float):
        return c
    return int(c) if c.denominator == 1 and abs(c) < 2**31 else float(c)
