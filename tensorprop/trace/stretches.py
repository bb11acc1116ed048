"""Arrays put together along an axis, which stay in parts until something needs them whole; and results.

In: values on a sheet. Out: values. A part of an axis is a shifted subscript, ``x[t + 1]``; what is elementwise is done
part by part; an array that is needed whole says by brackets where each part stands. This file does not know the
program's language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tensorprop.core.build import ZERO, add, bracket, mul, negate, remake, substitute, sum_over
from tensorprop.core.expr import Bracket, Expr, Index, Number, Tensor
from tensorprop.core.walk import fold
from tensorprop.trace.numbers import Extent
from tensorprop.trace.readable import Output, bare
from tensorprop.trace.sheet import Axis, AxisStretch, Sheet, Traced, is_one

__all__ = ["Parts"]

_MANY = 16  # parts of an array, from which on it is written as one


class Parts(Sheet):
    """A sheet on which arrays may be in parts."""

    def joined(self, pieces: Sequence[tuple[Extent, Traced]], along: int) -> Traced:
        """Arrays one after the other along an axis, each with its length."""
        start, parts = self.one(0), list[AxisStretch]()
        for size, value in pieces:
            if size == self.one(0):
                continue
            inner = [(size, value)]
            if value.parts and value.along == along:
                inner = [(p.size, p.value) for p in value.parts]
            for n, v in inner:
                parts.append(AxisStretch(start, n, v))
                start = tuple(a + b for a, b in zip(start, n, strict=True))
        if len(parts) == 1:
            return parts[0].value
        first = parts[0].value
        axes = list(first.axes)
        for k in range(len(axes)):
            axes[k] = max((p.value.axes[k] for p in parts), key=len)
        axes[along] = self.axis(start, stated=True)
        self.together.append((axes[along][0], tuple(p.value.axes[along] for p in parts)))
        parts = [self._like(p, tuple(axes), along) for p in parts]
        v = Traced(ZERO, tuple(axes), tuple(parts), along)
        return v if len(parts) <= _MANY else self.whole(v)

    def _like(self, p: AxisStretch, axes: tuple[Axis, ...], along: int) -> AxisStretch:
        """The part over the letters that the whole has along its other axes."""
        put: dict[str, Expr] = {}
        for k, (here, there) in enumerate(zip(p.value.axes, axes, strict=True)):
            if k != along:
                put.update(self.put(here, there))
        own = tuple(p.value.axes[k] if k == along else axis for k, axis in enumerate(axes))
        return p._replace(value=self.substituted(p.value, put, own))

    def substituted(self, v: Traced, put: Mapping[str, Expr], axes: tuple[Axis, ...]) -> Traced:
        """The value with expressions for letters; ``axes`` are those that it has then."""
        parts = tuple(
            p._replace(
                value=self.substituted(
                    p.value, put, tuple(p.value.axes[k] if k == v.along else a for k, a in enumerate(axes))
                )
            )
            for p in v.parts
        )
        return Traced(self.settled(substitute(v.expr, put)), axes, parts, v.along)

    def whole(self, v: Traced) -> Traced:
        """An array in parts as one expression: ``[i < 3] a_i + [i ≥ 3] b[i - 3]``."""
        if not v.parts:
            return v
        (letter,) = v.axes[v.along]
        terms: list[Expr] = []
        for n, p in enumerate(v.parts):
            part = self.whole(p.value)
            if len(part.axes[v.along]) > 1:
                part = self.one_letter(part, v.along)
            place = add(Index(letter), negate(self.amount_of(p.start)))
            own = part.axes[v.along]
            expr = part.expr
            if own and not isinstance(expr, (Tensor, Number)) and not bare(expr):
                expr = self.named(expr, part.axes)
            expr = substitute(expr, {own[0]: place}) if own else expr
            if expr is ZERO:
                continue
            end = tuple(a + b for a, b in zip(p.start, p.size, strict=True))
            if is_one(p.size):
                where: list[Expr] = [bracket("=", Index(letter), self.amount_of(p.start))]
            else:
                where = [bracket("≥", Index(letter), self.amount_of(p.start))] if n else []
                if n + 1 < len(v.parts):
                    where.append(bracket("<", Index(letter), self.amount_of(end)))
            terms.append(mul(*where, expr))
        return Traced(add(*terms), v.axes, held=v.held)

    def cut(self, v: Traced, k: int, start: Extent, size: Extent, step: Extent | None = None) -> Traced:
        """The entries ``start, start + step …`` along an axis, so many of them."""
        step = step or self.one(1)
        if is_one(step) and start == self.one(0) and size == self.size(v.axes[k]):
            return v
        if v.parts and k == v.along and is_one(step):
            got = self._within(v, start, size)
            if got:
                return self.joined(got, k)
        if v.parts and k == v.along:
            v = self.whole(v)
        if any(p.value.parts for p in v.parts):
            return self.joined([(p.size, self.cut(p.value, k, start, size, step)) for p in v.parts], v.along)
        axis = v.axes[k]
        if len(axis) > 1:
            return self._cut_merged(v, k, start, size, step)
        new = self.axis(size, stated=True)
        place = self.amount_of(start)
        if new:
            place = add(mul(self.amount_of(step), Index(new[0])), place)
        if new and is_one(step):
            self.made.append((new[0], axis))
        axes = tuple(new if n == k else a for n, a in enumerate(v.axes))
        return self.substituted(v, {i: place for i in axis}, axes)

    def _cut_merged(self, v: Traced, k: int, start: Extent, size: Extent, step: Extent) -> Traced:
        """A part of an axis made of several: whole blocks of the first of them, or the diagonal of two."""
        axis = v.axes[k]
        block = self.size(axis[1:])
        if len(axis) == 2 and start == self.one(0) and step == tuple(n + 1 for n in block) and size == block:
            self.one_range(*axis)
            axes = tuple((axis[0],) if n == k else a for n, a in enumerate(v.axes))
            return self.substituted(v, {axis[1]: Index(axis[0])}, axes)
        if len(axis) == 2 and step == block and size == self.sizes[axis[0]] and start in (self.one(0), self.one(1)):
            axes = tuple((axis[0],) if n == k else a for n, a in enumerate(v.axes))  # one of every block
            return self.substituted(v, {axis[1]: self.amount_of(start)}, axes)
        whole = all(a % b == 0 and n % b == 0 for a, n, b in zip(start, size, block, strict=True))
        if not is_one(step) or not whole:
            return self.cut(self.one_letter(v, k), k, start, size, step)
        count = tuple(n // b for n, b in zip(size, block, strict=True))
        first = tuple(a // b for a, b in zip(start, block, strict=True))
        new = self.axis(count, stated=True)
        place = add(Index(new[0]), self.amount_of(first)) if new else self.amount_of(first)
        axes = tuple((*new, *axis[1:]) if n == k else a for n, a in enumerate(v.axes))
        return self.substituted(v, {axis[0]: place}, axes)

    def one_letter(self, v: Traced, k: int) -> Traced:
        """With one letter for an axis that is made of several, told by a bracket: ``y_o = Σ_hk [o = 3h + k] x_hk``."""
        axis, expr = v.axes[k], v.expr
        o = self.letter(self.size(axis), stated=True)
        self.made.append((o, axis))
        if not bare(expr) and not isinstance(expr, Tensor):
            expr = self.define(expr, v.axes).expr
        if any(i in expr.free for i in axis):
            new = {i: self.letter(self.sizes[i], i) for i in axis}
            inside = substitute(expr, {i: Index(j) for i, j in new.items()})
            place = self.affine(tuple(new.values()))
            expr = sum_over(new.values(), mul(bracket("=", Index(o), place), inside))
        return Traced(expr, tuple((o,) if n == k else a for n, a in enumerate(v.axes)))

    def _within(self, v: Traced, start: Extent, size: Extent) -> list[tuple[Extent, Traced]]:
        """The parts of an array between two places, or pieces of them; none where sizes change which they are."""
        end = tuple(a + b for a, b in zip(start, size, strict=True))
        found: list[tuple[Extent, Traced]] = []
        for p in v.parts:
            last = tuple(a + b for a, b in zip(p.start, p.size, strict=True))
            pair, other = self.ordered(p.start, start), self.ordered(last, end)
            ends = self.ordered(pair[1], other[0]) if pair and other else None
            if pair is None or other is None or ends is None:
                return []
            low, high = pair[1], other[0]
            if all(a >= b for a, b in zip(low, high, strict=True)):
                continue
            offset = tuple(a - b for a, b in zip(low, p.start, strict=True))
            length = tuple(b - a for a, b in zip(low, high, strict=True))
            found.append((length, self.cut(p.value, v.along, offset, length)))
        return found

    def ordered(self, a: Extent, b: Extent) -> tuple[Extent, Extent] | None:
        """The lesser and the greater of two places; None if sizes change their order."""
        if all(x <= y for x, y in zip(a, b, strict=True)):
            self.orders.add((a, b))
            return a, b
        if all(x >= y for x, y in zip(a, b, strict=True)):
            self.orders.add((b, a))
            return b, a
        return None

    def alike(self, *axes: Axis) -> None:
        """Axes of one size run over one range."""
        letters = [i for axis in axes if len(axis) == 1 for i in axis]
        for i in letters[1:]:
            if self.sizes[i] == self.sizes[letters[0]]:
                self.one_range(letters[0], i)

    def segments(self, values: Sequence[Traced], along: Sequence[int]) -> list[tuple[Extent, Extent]] | None:
        """Start and size of the pieces into which arrays in parts fall along one axis.

        None if none is in parts, or if sizes change in which order they end.
        """
        edges: list[Extent] = []
        for v, k in zip(values, along, strict=True):
            if v.parts and v.along == k:
                edges += [p.start for p in v.parts]
                last = v.parts[-1]
                edges.append(tuple(a + b for a, b in zip(last.start, last.size, strict=True)))
        if not edges:
            return None
        found = sorted(set(edges))
        for a, b in pairwise(found):
            if (self.ordered(a, b) or ((),))[0] is not a:
                return None
        return [(a, tuple(y - x for x, y in zip(a, b, strict=True))) for a, b in pairwise(found)]

    def by_parts(self, args: Sequence[Traced], rule: Callable[[list[Traced]], Traced]) -> Traced:
        """What ``rule`` makes of arrays of one shape, part by part where some are in parts."""
        rank = max(len(v.axes) for v in args)
        k = next((v.along for v in args if v.parts), None)
        if k is None:
            return rule(list(args))
        args = [v if len(v.axes) == rank else Traced(v.expr, ((),) * rank, held=v.held) for v in args]
        self.alike(*(v.axes[k] for v in args))
        pieces = self.segments(args, [k] * len(args))
        if pieces is None or len(pieces) > _MANY:
            return rule([self.whole(v) for v in args])
        out = []
        for start, size in pieces:
            some = [self.cut(v, k, start, size) if v.axes[k] else v for v in args]
            out.append((size, self.by_parts(some, rule)))
        return self.joined(out, k)

    # ------------------------------------------------------------- results and tables
    def output(self, name: str, v: Traced) -> Output:
        """An output: one letter for every axis, and no axis of size 1 that nothing depends on.

        Axes that were made one are told apart by a bracket: ``y_o = Σ_hk [o = 3h + k] x_hk``.
        """
        v = self.whole(v)
        letters: list[str] = []
        expr = v.expr
        expr = self.counted(v).expr
        for k in range(len(v.axes)):
            if len(v.axes[k]) > 1:
                v = self.one_letter(v._replace(expr=expr), k)
                expr = v.expr
            axis = v.axes[k]
            if not axis:
                self.notes.append(f"axis {k} of {name} has size 1 and is left out")
            letters += axis
        return Output(name, tuple(letters), expr)

    def table(self, v: Traced) -> Traced:
        """A value that depends on no argument, as an input that is given.

        Errors: those of ``Sheet.constant``.
        """
        assert v.held is not None
        return self.constant(v.held())

    def counted(self, v: Traced) -> Traced:
        """Positions as numbers: i is how many places stand before it, ``Σ_s [s < i]``, at every size.

        Of part of a number, ``floor(i/2)``, nothing is said here: where that stands, the value is as it was.
        """
        if any(bare(p.value.expr) for p in v.parts):
            return v._replace(parts=tuple(p._replace(value=self.counted(p.value)) for p in v.parts))
        put: dict[str, Expr] = {}
        for i in sorted(v.expr.free) if bare(v.expr) else ():
            place, before = (self.letter(self.sizes[i], i, stated=True) for _ in range(2))
            count = sum_over((before,), bracket("<", Index(before), Index(place)))
            put[i] = substitute(self.named(count, ((place,),)), {place: Index(i)})

        def rule(e: Expr, children: tuple[Expr, ...]) -> Expr:
            if isinstance(e, Index):
                return put.get(e.name, e)
            return e if isinstance(e, (Tensor, Bracket)) else remake(e, children)

        return v._replace(expr=fold(v.expr, rule)) if put else v

    def constant(self, arrays: tuple[Any, ...], given: bool = False) -> Traced:
        """An array that the function holds, at each of the sizes."""
        raise NotImplementedError
