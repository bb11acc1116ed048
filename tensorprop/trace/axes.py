"""Primitives that move axes about, cut them, put them together and look entries up: rows of ``trace.primitives``.

In: lines of a program and values. Out: values. A part of an axis is a shifted subscript, ``x[t + 1]``; arrays one after
the other are kept as parts until something needs them whole; a reshape divides an axis or makes two one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tensorprop.core.build import ZERO, add, bracket, mul, negate, substitute, sum_over
from tensorprop.core.expr import Expr, Index, Number, Tensor
from tensorprop.trace.numbers import Extent, times
from tensorprop.trace.primitives import Operation, row
from tensorprop.trace.recognise import Recognition
from tensorprop.trace.sheet import Apart, Axis, AxisStretch, Traced, is_one

__all__ = ["opened", "spread", "squeezed"]

_RESHAPE = "index notation can divide an axis or put axes together, not both at once"


@row("iota")
def _iota(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    k = line.params["dimension"]
    axes = tuple(page.axis(n) for n in line.outs[0])
    return Traced(Index(axes[k][0]) if axes[k] else ZERO, axes)


@row("transpose")
def _transpose(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    (v,), order = args, [int(k) for k in line.params["permutation"]]
    return _turned(v, order)


def _turned(v: Traced, order: Sequence[int]) -> Traced:
    parts = tuple(p._replace(value=_turned(p.value, order)) for p in v.parts)
    return Traced(v.expr, tuple(v.axes[k] for k in order), parts, order.index(v.along) if v.parts else 0)


@row("rev")
def _rev(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``x[n - 1 - i]``."""
    v = page.fresh(page.whole(args[0]))
    put: dict[str, Expr] = {}
    for k in line.params["dimensions"]:
        if len(v.axes[k]) > 1:
            raise page.refuse("an axis that is made of two, reversed", "keep the axes apart")
        for i in v.axes[k]:
            put[i] = add(page.amount_of(tuple(n - 1 for n in line.ins[0][k])), negate(Index(i)))
    return page.substituted(v, put, v.axes)


@row("broadcast_in_dim")
def _broadcast(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    v, old = args[0], line.ins[0]
    from_ = {int(d): k for k, d in enumerate(line.params["broadcast_dimensions"])}
    put: dict[str, Expr] = {}
    axes: list[Axis] = []
    for d, n in enumerate(line.outs[0]):
        k = from_.get(d)
        if k is not None and old[k] == n:
            axes.append(v.axes[k])
            continue
        if k is not None:
            put.update({i: ZERO for i in v.axes[k]})
        axes.append(page.axis(n))
    if not v.parts:
        return Traced(substitute(v.expr, put), tuple(axes))
    at = next(d for d, k in from_.items() if k == v.along)

    def widened(p: Traced) -> Traced:
        own = tuple(p.axes[v.along] if d == at else a for d, a in enumerate(axes))
        return Traced(substitute(p.expr, put), own) if not p.parts else page.whole(p)

    parts = tuple(p._replace(value=widened(p.value)) for p in v.parts)
    if any(len(p.value.axes) != len(axes) for p in parts):
        whole = page.whole(v)
        return Traced(substitute(whole.expr, put), tuple(axes))
    return Traced(ZERO, tuple(axes), parts, at)


@row("squeeze")
def _squeeze(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    return squeezed(page, args[0], {int(k) % len(args[0].axes) for k in line.params["dimensions"]})


def squeezed(page: Recognition, v: Traced, gone: set[int]) -> Traced:
    """Without axes of size 1."""
    if v.parts and v.along in gone:
        v = page.whole(v)
    put: dict[str, Expr] = {i: ZERO for k in gone for i in v.axes[k]}
    axes = tuple(a for k, a in enumerate(v.axes) if k not in gone)
    if v.parts:
        at = v.along - sum(k < v.along for k in gone)
        return Traced(ZERO, axes, tuple(p._replace(value=squeezed(page, p.value, gone)) for p in v.parts), at)
    return Traced(substitute(v.expr, put), axes)


@row("expand_dims", "reshape")
def _reshape(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    if any(n == page.one(0) for n in line.outs[0]):  # without entries
        return Traced(ZERO, tuple(map(page.axis, line.outs[0])))
    if line.params.get("dimensions") is not None:
        raise page.refuse("a reshape that also transposes")
    return reshaped(page, args[0], line.ins[0], line.outs[0])


def _same_axis(page: Recognition, old: Sequence[Extent], new: Sequence[Extent], k: int) -> int | None:
    """Where an axis is after a reshape that leaves it as it is."""
    before = times(old[:k], page.count)
    for at, n in enumerate(new):
        if n == old[k] and times(new[:at], page.count) == before and not is_one(n):
            return at
    return None


def reshaped(page: Recognition, v: Traced, old: Sequence[Extent], new: Sequence[Extent]) -> Traced:
    """Axes are divided and put together; what does neither keeps its letter. Parts, and their parts, stay apart."""
    if v.parts:
        at = _same_axis(page, old, new, v.along)
        if at is not None:
            return page.joined([(p.size, _part_reshaped(page, p, v.along, at, old, new)) for p in v.parts], at)
        v = page.whole(v)
    put: dict[str, Expr] = {}
    queue: list[str] = []
    for axis, n in zip(v.axes, old, strict=True):
        if is_one(n):
            put.update({i: ZERO for i in axis})
        else:
            queue += axis
    axes: list[Axis] = []
    refusal = page.refuse(f"a reshape from {_first(old)} to {_first(new)}", _RESHAPE)
    k = 0
    while k < len(new):
        n = new[k]
        if is_one(n):
            axes.append(())
            k += 1
            continue
        if not queue or 0 in page.sizes[queue[0]]:
            raise page.refuse("a reshape of an array without entries")
        here = [queue.pop(0)]
        size = page.sizes[here[0]]
        if size != n and _divides(page, n, size):
            parts = [k]
            while times((new[p] for p in parts), page.count) != size and parts[-1] + 1 < len(new):
                parts.append(parts[-1] + 1)
            if times((new[p] for p in parts), page.count) != size:
                raise refusal
            letters = tuple(page.letter(new[p], stated=True) for p in parts if not is_one(new[p]))
            page.made.append((here[0], letters))
            put[here[0]] = page.affine(letters)
            rest = iter(letters)
            axes += [() if is_one(new[p]) else (next(rest),) for p in parts]
            k = parts[-1] + 1
            continue
        while page.size(tuple(here)) != n and queue:
            here.append(queue.pop(0))
        if page.size(tuple(here)) != n:
            raise refusal
        if len(here) > 1:
            page.stated.update(here)
        axes.append(tuple(here))
        k += 1
    whole = undivided(page, Traced(substitute(v.expr, put), tuple(axes)))
    if isinstance(whole.expr, Tensor) and whole.expr.name in page.definitions and whole.expr.letters is None:
        return Traced(page.named(whole.expr, whole.axes), whole.axes)
    return whole


def _part_reshaped(
    page: Recognition, p: AxisStretch, along: int, at: int, old: Sequence[Extent], new: Sequence[Extent]
) -> Traced:
    was = tuple(p.size if k == along else n for k, n in enumerate(old))
    will = tuple(p.size if k == at else n for k, n in enumerate(new))
    return reshaped(page, p.value, was, will)


def _first(shape: Sequence[Extent]) -> tuple[int, ...]:
    return tuple(n[0] for n in shape)


def undivided(page: Recognition, v: Traced) -> Traced:
    """``x[3h + k]`` with h and k made one again is ``x_j``."""
    expr = v.expr
    if isinstance(expr, Tensor) and isinstance(page.look(expr), Tensor):
        expr = page.look(expr)  # it was divided before
    if not isinstance(expr, Tensor):
        return v
    axes = list(v.axes)
    for k, axis in enumerate(v.axes):
        if len(axis) < 2:
            continue
        whole = page.affine(axis)
        if whole in expr.subscripts and sum(not s.free.isdisjoint(axis) for s in expr.subscripts) == 1:
            letter = page.letter(page.size(axis), stated=True)
            at = expr.subscripts.index(whole)
            letters = page.definitions[expr.name].letters if expr.name in page.definitions else page.inputs[expr.name]
            page.one_range(letters[at], letter)
            expr = Tensor(expr.name, tuple(Index(letter) if s is whole else s for s in expr.subscripts))
            axes[k] = (letter,)
    return Traced(expr, tuple(axes)) if axes != list(v.axes) else v


# --------------------------------------------------------------------------- parts of an axis
@row("slice")
def _slice(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    (v,) = args
    steps = line.sizes("strides") if line.params["strides"] else (page.one(1),) * len(line.ins[0])
    for k, (start, n, step) in enumerate(zip(line.sizes("start_indices"), line.outs[0], steps, strict=True)):
        last = tuple(a - 1 for a in line.ins[0][k])
        if is_one(n) and start == last and not is_one(line.ins[0][k]) and len(set(last)) == 1:
            page.notes.append(f"the last entry of an axis is read as entry {last[0]}, at {page.where}")
        v = page.cut(v, k, start, n, step)
    return v


@row("split")
def _split(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    k = line.params["axis"]
    start, out = page.one(0), list[Traced]()
    for size in line.sizes("sizes"):
        out.append(page.cut(args[0], k, start, size))
        start = tuple(a + b for a, b in zip(start, size, strict=True))
    return out


@row("concatenate")
def _concatenate(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    k = line.params["dimension"]
    return page.joined([(shape[k], v) for shape, v in zip(line.ins, args, strict=True)], k)


@row("stack")
def _stack(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    k, one = line.params["axis"] % len(line.outs[0]), page.one(1)
    return page.joined([(one, opened(page.whole(v), k)) for v in args], k)


@row("tile")
def _tile(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """Copies one after the other."""
    v = args[0]
    for k, (n, reps) in enumerate(zip(line.ins[0], line.sizes("reps"), strict=True)):
        if len(set(reps)) > 1:
            raise Apart("an array is repeated so often as a size says", page.where)
        v = page.joined([(n, v)] * reps[0], k) if reps[0] > 1 and v.axes[k] else v
        v = v if v.axes[k] else v._replace(axes=(*v.axes[:k], page.axis(reps), *v.axes[k + 1 :]))
    return v


def opened(v: Traced, k: int) -> Traced:
    """With an axis of size 1 more."""
    return Traced(v.expr, (*v.axes[:k], (), *v.axes[k:]))


@row("unstack")
def _unstack(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    k, one = line.params["axis"] % len(line.ins[0]), page.one(1)
    return [squeezed(page, page.cut(args[0], k, page.one(n), one), {k}) for n in range(len(line.outs))]


@row("pad")
def _pad(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    v, value = args
    for k in range(len(line.ins[0])):
        low, high, between = (tuple(int(p["padding_config"][k][n]) for p in line.every) for n in range(3))
        if any(between):
            if value.expr is not ZERO:
                raise page.refuse("padding between entries with another number than 0")
            v = spread(page, v, k, low, between, line.outs[0][k])
            continue
        size = line.ins[0][k]
        for n, first in ((low, True), (high, False)):
            if any(a < 0 for a in n):
                less = tuple(min(a, 0) for a in n)
                size = tuple(a + b for a, b in zip(size, less, strict=True))
                v = page.cut(v, k, tuple(-a for a in less) if first else page.one(0), size)
        pieces = [(size, v)]
        if any(a > 0 for a in low):
            pieces.insert(0, (low, _filled(page, value, v, k, low)))
        if any(a > 0 for a in high):
            pieces.append((high, _filled(page, value, v, k, high)))
        v = page.joined(pieces, k) if len(pieces) > 1 else v
    return v


def _filled(page: Recognition, value: Traced, like: Traced, k: int, size: Extent) -> Traced:
    return Traced(value.expr, tuple(page.axis(size) if n == k else a for n, a in enumerate(like.axes)))


def spread(page: Recognition, v: Traced, k: int, low: Extent, between: Extent, size: Extent) -> Traced:
    """Entries with room between them: ``Σ_i [o = (m + 1) i + p] x_i``, where the room holds 0."""
    v = page.fresh(page.whole(v))
    (o,), axis = page.axis(size, stated=True), v.axes[k]
    place = add(mul(Number(Fraction(between[0] + 1)), page.affine(axis)), page.amount_of(low))
    expr = sum_over(axis, mul(bracket("=", Index(o), place), v.expr))
    axes = tuple((o,) if n == k else a for n, a in enumerate(v.axes))
    return page.define(expr, axes)


def _divides(page: Recognition, part: Extent, whole: Extent) -> bool:
    """Whether the one is a part of the other, at all sizes.

    Errors: Apart, where it is at some of them.
    """
    less = [a <= b for a, b in zip(part, whole, strict=True)]
    if any(less) and not all(less) and any(a < b for a, b in zip(part, whole, strict=True)):
        raise Apart("an axis is divided at some sizes, and made of others at others", page.where)
    return all(less)
