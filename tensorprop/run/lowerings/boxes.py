"""``Σ_kl f(x[b, i+k, j+l]) g_bij``: a sum over a window without weights is shifted arrays, one axis after the other.

In: a product whose summed letters stand in such subscripts alone, the same ones in all tensors that have them. Out: f
worked out once for every entry of x, then added up along each axis: for a window of 7 × 7 fourteen arrays, where there
were forty-nine. What lies outside counts nothing, so what is read there must be 0, and a power of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import NamedTuple

from tensorprop.core.expr import Bracket, Call, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.run.lowerings.selection import Selects, called
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Array, Operations, Rule, Sizes, Value, Wish

__all__ = ["box", "boxed_mean"]

_SHORT, _LONGEST = 8, 512
"""Places of a window along an axis up to which shifted arrays are added up one by one, and at all."""


class _BoxAxis(NamedTuple):
    """An axis that is read at ``c w + d u + k``: the letters w and u, the axis's own letter, and its length."""

    out: str
    window: str
    own: str
    length: int
    step: int
    apart: int
    start: int


def box(on: Selects, p: Contraction) -> Rule | None:
    """The rule for a product of this form, or nothing."""
    if not p.bound or p.ready or p.same or any(not p.letters(f).isdisjoint(p.bound) for f in (*p.masks, *p.divisors)):
        return None
    inside = [f for f in p.factors if not p.letters(f).isdisjoint(p.bound)]
    found: dict[Expr, _BoxAxis] = {}
    values: list[Expr] = []
    for f in inside:
        e = called(p, f[0], f[1])
        if any(isinstance(n, (Sum, Reduce)) for n in postorder(e)) or not _reads(on, p, e, found):
            return None
        values.append(e)
    axes = list(found.values())
    outs, windows = {a.out for a in axes}, {a.window for a in axes}
    if windows != set(p.bound) or len(outs) < len(axes) or len(windows) < len(axes):
        return None
    values = [transform(e, lambda n: _whole(n, found)) for e in values]
    if any(not e.free.isdisjoint(outs | windows) for e in values):
        return None
    return _added(on, p, [f for f in p.factors if f not in inside], values, axes)


def _reads(on: Selects, p: Contraction, e: Expr, found: dict[Expr, _BoxAxis]) -> bool:
    """Whether the summed letters of a factor stand in windows alone; which are found."""
    for t in tensors_of(e):
        for k, s in enumerate(t.subscripts):
            if isinstance(s, Index) or s.free.isdisjoint(p.bound):
                continue
            known = on.affine(s)
            if known is None or len(known.letters) != 2 or t.name in on.waiting:
                return False
            if t.name in on.arrays and on.arrays[t.name].itemsize < 4:
                return False  # sums of half precision add up in single
            kept = [i for i in known.letters if i in p.free]
            summed = [i for i in known.letters if i in p.bound]
            n = on.size(t.name, k)
            if len(kept) != 1 or len(summed) != 1 or not isinstance(n, int):
                return False
            sizes = [p.sizes[i] for i in (*kept, *summed)]
            if any(type(m) is not int for m in sizes) or not 1 < sizes[1] <= _LONGEST:
                return False
            low, high = known.bounds(p.sizes)
            if (low < 0 or high >= n) and not (on.zero_outside(t.name) and _is_power(e)):
                return False
            letters = known.letters
            a = _BoxAxis(
                kept[0], summed[0], f"{kept[0]}+{summed[0]}", n, letters[kept[0]], letters[summed[0]], known.constant
            )
            if found.setdefault(s, a) != a:
                return False
    return True


def _is_power(e: Expr) -> bool:
    """Whether this is a tensor, or a power of one: 0 where that is."""
    if isinstance(e, Call) and e.function == "power" and isinstance(e.args[1], Number) and e.args[1].value > 0:
        e = e.args[0]
    return isinstance(e, Tensor)


def _whole(n: Expr, found: Mapping[Expr, _BoxAxis]) -> Expr:
    """A tensor with letters of their own for the axes that are read in windows."""
    if not isinstance(n, Tensor) or found.keys().isdisjoint(n.subscripts):
        return n
    return Tensor(n.name, tuple(Index(found[s].own) if s in found else s for s in n.subscripts))


def _added(on: Selects, p: Contraction, rest: list[Factor], values: list[Expr], axes: list[_BoxAxis]) -> Rule:
    sizes = {**p.sizes, **{a.own: a.length for a in axes}}
    made: list[Value] = []
    for e in values:
        made.append((yield Wish(e, {i: sizes[i] for i in e.free})))
    v = on.multiplied(made)
    for a in axes:
        array = _summed(on.ops, on.ops.kept(v.array), v.axes.index(a.own), a, p.sizes[a.window], p.sizes[a.out])
        v = Value(array, tuple(a.out if i == a.own else i for i in v.axes))
    v = on.scaled(v._replace(array=on.ops.kept(v.array)), p.coefficient, [])
    after = p.within(p.free, ())
    after.factors = rest
    return (yield from on.finish(p, v, after))


def _summed(ops: Operations, array: Array, axis: int, a: _BoxAxis, window: int, out: int) -> Array:
    """The sums over the places of a window along an axis; of many places those of two, four, eight … put together."""
    if window <= _SHORT:
        parts = [ops.shifted(array, axis, a.apart * u + a.start, out, a.step, 0) for u in range(window)]
        return reduce(ops.add, parts)
    apart, first = abs(a.apart), a.start + min(0, a.apart * (window - 1))
    low = first + min(0, a.step * (out - 1))
    length = abs(a.step) * (out - 1) + apart * (window - 1) + 1
    power, done, total = ops.shifted(array, axis, low, length, 1, 0), 0, None
    for k in range(window.bit_length()):
        if window >> k & 1:
            part = ops.shifted(power, axis, first - low + apart * done, out, a.step, 0)
            total, done = part if total is None else ops.add(total, part), done + 2**k
        power = ops.kept(ops.add(power, ops.shifted(power, axis, apart * 2**k, length, 1, 0)))
    assert total is not None
    return total


def boxed_mean(on: Selects, e: Reduce, sizes: Sizes, inner: Sizes) -> Callable[[Selects], Rule] | None:
    """The form for a mean over a window, by whoever lowers it: a sum over it, divided."""
    parts = factors_of(e.body)
    if e.op != "mean" or any(isinstance(n, (Sum, Bracket)) for n in parts):
        return None

    def product(on: Selects) -> Contraction:
        p = Contraction(e.free, sizes, on.time)
        names = p.bind({i: inner[i] for i in e.indices}, {})
        for n in parts:
            if isinstance(n, Number):
                p.coefficient *= n.value
            else:
                p.factors.append((n, names, inner))
        if all(type(inner[i]) is int for i in e.indices):
            p.coefficient /= math.prod(inner[i] for i in e.indices)
        return p

    if box(on, product(on)) is None:
        return None

    def form(on: Selects) -> Rule:
        rule = box(on, product(on))
        assert rule is not None
        return rule

    return form
