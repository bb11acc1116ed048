"""A program done for a part of an index at a time, so that less lies in memory.

In: equations, sizes, and how many bytes there are. Out: the equations in three groups, before, for every part, after,
and the same arrays. An index can be cut where every tensor that has it is made entry by entry along it, and what is
summed over it is not read again by those:

    E = Σ_b f(x_b, W),  δW_ij = Σ_b g(x_b, W):     both added up over parts of b, one part after the other

A sum over the index becomes a tensor of its own, which the parts are added to; ``mean_b`` is a sum over its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tensorprop.core.build import mul, number, power, reduce, sum_over
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.ranges import Ranges, infer
from tensorprop.core.told import Axis
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.run.extents import Extents, extents
from tensorprop.run.lower import lower
from tensorprop.run.precision import Precision
from tensorprop.run.values import Array, Operations

__all__ = ["InParts", "Slices", "slices"]


class Slices(NamedTuple):
    """Equations before, for every part, and after; ``axes``: where a tensor has the index; ``sums``: what is added up.

    ``letter`` is what the index is called where it is first met, ``length`` how long it is.
    """

    letter: str
    length: int
    axes: Mapping[str, int]
    before: System
    each: System
    after: System
    sums: tuple[str, ...]


class InParts(NamedTuple):
    """Slices, and in how many parts the index is cut."""

    slices: Slices
    parts: int

    def __str__(self) -> str:
        each = self.slices.length // self.parts
        return f"{self.slices.letter} in {self.parts} parts of {each}, one after the other"

    def lower(
        self,
        system: System,
        arrays: Mapping[str, Array],
        outputs: Sequence[str],
        ops: Operations,
        sizes: Extents,
        precision: Precision | None = None,
    ) -> dict[str, Array]:
        """The arrays of the outputs, in place of `run.lower.lower`."""
        s, found = self.slices, dict(arrays)
        shapes = {n: sizes.shapes[n] for n in found}
        read = {n for eq in (*s.each, *s.after) for n in eq.inputs}
        found |= _worked(s.before, found, [n for n in s.before.names if n in read or n in outputs], ops, precision)
        shapes |= {n: tuple(found[n].shape) for n in s.before.names if n in found}
        kept = tuple(n for n in s.each.names if n in s.axes and n in outputs)
        found |= self._parts(found, shapes, kept, ops, precision)
        found |= _worked(s.after, found, [n for n in s.after.names if n in outputs], ops, precision)
        return {n: found[n] for n in outputs}

    def _parts(
        self,
        found: Mapping[str, Array],
        shapes: Mapping[str, tuple[int, ...]],
        kept: tuple[str, ...],
        ops: Operations,
        precision: Precision | None,
    ) -> dict[str, Array]:
        s, each = self.slices, self.slices.length // self.parts
        read = [n for n in s.each.inputs if n in s.axes]
        short = {n: _with(shapes[n], s.axes[n], each) if n in s.axes else shapes[n] for n in s.each.inputs}
        known = extents(s.each, short)

        def front(n: str) -> Array:
            """An array in parts: the part, and the place in it, in front."""
            shape, axis = shapes[n], s.axes[n]
            rest = [k for k in range(len(shape)) if k != axis]
            turned = ops.transpose(found[n], (axis, *rest))
            return ops.reshape(turned, (self.parts, each, *(shape[k] for k in rest)))

        def step(k: Array, carried: Sequence[Array], parts: Sequence[Array]) -> tuple[Sequence[Array], Sequence[Array]]:
            here = {n: found[n] for n in s.each.inputs if n not in s.axes}
            here |= {n: _back(ops, a, s.axes[n]) for n, a in zip(read, parts, strict=True)}
            made = lower(s.each, here, (*s.sums, *kept), ops, known, precision)
            sums = [ops.add(a, made[n]) for n, a in zip(s.sums, carried, strict=True)]
            return sums, [_front(ops, made[n], s.axes[n]) for n in kept]

        start = [ops.full(known.shapes[n], 0.0) for n in s.sums]
        sums, stacked = ops.scan(step, start, [front(n) for n in read], self.parts, False)
        whole = {n: ops.named(a, s.each[n].letters, n) for n, a in zip(s.sums, sums, strict=True)}
        for n, a in zip(kept, stacked, strict=True):
            joined = ops.reshape(a, (s.length, *a.shape[2:]))
            whole[n] = ops.named(_back(ops, joined, s.axes[n]), s.each[n].letters, n)
        return whole


def _with(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _back(ops: Operations, a: Array, axis: int) -> Array:
    """The first axis at its place again."""
    order = [*range(1, len(a.shape))]
    return ops.transpose(a, (*order[:axis], 0, *order[axis:]))


def _front(ops: Operations, a: Array, axis: int) -> Array:
    return ops.transpose(a, (axis, *(k for k in range(len(a.shape)) if k != axis)))


def _worked(
    s: System, found: Mapping[str, Array], names: Sequence[str], ops: Operations, precision: Precision | None
) -> dict[str, Array]:
    if not names:
        return {}
    needed = s.only(names)
    given = {n: found[n] for n in needed.inputs}
    return lower(needed, given, names, ops, extents(needed, {n: tuple(a.shape) for n, a in given.items()}), precision)


# --------------------------------------------------------------------------- which indices can be cut
def slices(whole: System, sizes: Extents, outputs: Iterable[str]) -> Iterator[Slices]:
    """Every index that can be cut, the longest first."""
    if whole.facts or whole.recurrent:
        return
    ranges = infer(whole)
    axes = {ranges.find(n, k): sizes.shapes[n][k] for n in whole.inputs for k in range(len(sizes.shapes[n]))}
    for axis, n in sorted(axes.items(), key=lambda found: -found[1]):
        if n > 1 and (made := _along(whole, ranges, axis, n)) is not None:
            yield made


def _along(whole: System, ranges: Ranges, axis: Axis, n: int) -> Slices | None:
    """The equations in three groups, if the index of this class of axes can be cut."""
    plain = whole.of([equation(eq.target, _counted(eq, ranges, axis, n)) for eq in whole])
    ranges = infer(plain)
    places: dict[str, int] = {}
    for t in [t for eq in plain for t in (eq.target, *tensors_of(eq.value))]:
        here = [k for k in range(len(t.subscripts)) if ranges.find(t.name, k) == ranges.find(*axis)]
        if len(here) > 1 or any(not isinstance(t.subscripts[k], Index) for k in here):
            return None
        places.update((t.name, k) for k in here)
    sorting = _Sorting(ranges, ranges.find(*axis), places)
    for eq in plain.ordered:
        if not sorting.takes(eq):
            return None
    if not sorting.sums or sorting.letter is None:
        return None
    before, each, after = (plain.of(eqs) for eqs in (sorting.before, sorting.each, sorting.after))
    return Slices(sorting.letter, n, places, before, each, after, tuple(sorting.sums))


def _counted(eq: Equation, ranges: Ranges, axis: Axis, n: int) -> Expr:
    """The right side, in which the size of the index is a number, and its mean a sum."""
    means = {
        e for e in postorder(eq.value) if isinstance(e, Reduce) and e.op == "mean" and axis in ranges.bound(e).values()
    }
    lengths = {e: ranges.bound(e) for e in means}

    def rule(e: Expr) -> Expr:
        return number(n) if isinstance(e, Dim) and ranges.find(e.tensor, e.axis) == axis else e

    done: dict[Expr, Expr] = {}
    for e in postorder(eq.value):  # children first, so that a mean is met with what its body has become
        if e in means and isinstance(e, Reduce):
            own = [i for i in e.indices if lengths[e][i] == axis]
            rest = tuple(i for i in e.indices if i not in own)
            body = transform(e.body, rule, done)
            inner = reduce("mean", rest, body) if rest else body
            done[e] = mul(power(number(n), number(-1)), sum_over(own, inner))
    return transform(eq.value, rule, done)


class _Sorting:
    """Equations one by one, in their order: before, for every part, after."""

    def __init__(self, ranges: Ranges, axis: Axis, places: Mapping[str, int]) -> None:
        self.ranges, self.axis, self.places = ranges, axis, places
        self.before: list[Equation] = []
        self.each: list[Equation] = []
        self.after: list[Equation] = []
        self.sums: list[str] = []
        self.late: set[str] = set()
        self.letter: str | None = None

    def takes(self, eq: Equation) -> bool:
        """Put an equation where it belongs; false if that cannot be."""
        free = [i for i, at in self.ranges.letters(eq).items() if at == self.axis]
        binders = {
            e: [i for i, at in self.ranges.bound(e).items() if at == self.axis]
            for e in postorder(eq.value)
            if isinstance(e, (Sum, Reduce))
        }
        bound = {e: own for e, own in binders.items() if own}
        if len(free) + max((len(own) for own in bound.values()), default=0) > 1 or (free and bound):
            return False
        letters = {*free, *(i for own in bound.values() for i in own)}
        if any(isinstance(e, Reduce) for e in bound) or not _only_subscripts(eq.value, letters):
            return False
        if free:
            self.letter = self.letter or free[0]
            self.each.append(eq)
            return self.late.isdisjoint(eq.inputs)
        if bound:
            value = transform(eq.value, lambda e: self._sum(e) if e in bound else e)
            self.letter = self.letter or next(iter(letters))
            self.after.append(equation(eq.target, value))
            self.late.add(eq.name)
            return self.late.isdisjoint(n for e in bound for t in tensors_of(e) for n in [t.name])
        self.late.update([eq.name] if not self.late.isdisjoint(eq.inputs) else [])
        (self.after if eq.name in self.late else self.before).append(eq)
        return True

    def _sum(self, e: Expr) -> Expr:
        """A sum over the index is a tensor of its own."""
        known = next((eq for eq in self.each if eq.value is e), None)
        if known is not None:
            return known.target
        target = Tensor(f"·{len(self.sums)}", tuple(Index(i) for i in sorted(e.free)))
        self.sums.append(target.name)
        self.each.append(equation(target, e))
        return target


def _only_subscripts(e: Expr, letters: set[str]) -> bool:
    """Whether these letters stand in subscripts alone, and not in brackets, places that are computed, or values."""
    inside = {s for t in tensors_of(e) for s in t.subscripts}
    for n in postorder(e):
        if isinstance(n, Tensor):
            continue
        if any(isinstance(c, Index) and c.name in letters for c in n.children):
            return False
    return not any(isinstance(s, Index) is False and s.free & letters for s in inside if not isinstance(s, Number))
