"""Primitives that add up, reduce and contract: rows of the table in ``trace.primitives``.

In: lines of a program and values. Out: values. What is summed over keeps its letter; an array in parts is summed part
by part.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from tensorprop.core.build import ONE, ZERO, add, bracket, call, mul, negate, number, reduce, substitute, sum_over
from tensorprop.core.expr import Expr, Index, Number, Tensor
from tensorprop.trace.axes import spread
from tensorprop.trace.primitives import PRIMITIVES, Operation, Rule, row
from tensorprop.trace.readable import bare
from tensorprop.trace.recognise import Recognition
from tensorprop.trace.sheet import NO_POSITIONS, Axis, Traced, is_one

__all__: list[str] = []


# --------------------------------------------------------------------------- products of arrays
@row("dot_general")
def _dot_general(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    (la, lb), (ba, bb) = line.params["dimension_numbers"]
    return contract(page, args[0], args[1], (tuple(la), tuple(lb)), (tuple(ba), tuple(bb)))


def contract(
    page: Recognition,
    a: Traced,
    b: Traced,
    summed: tuple[Sequence[int], Sequence[int]],
    batch: tuple[Sequence[int], Sequence[int]],
) -> Traced:
    """The product of two arrays, summed over pairs of axes; a sum over an axis in parts is a sum for every part."""
    for v, own in ((a, 0), (b, 1)):
        if not v.parts:
            continue
        k = v.along
        if k in summed[own]:
            n = summed[own].index(k)
            page.alike(a.axes[summed[0][n]], b.axes[summed[1][n]])
            pieces = page.segments((a, b), (summed[0][n], summed[1][n]))
            if pieces is None:
                return contract(page, page.whole(a), page.whole(b), summed, batch)
            terms = []
            for start, size in pieces:
                x = page.cut(a, summed[0][n], start, size)
                y = page.cut(b, summed[1][n], start, size)
                if (x.expr is ZERO and not x.parts) or (y.expr is ZERO and not y.parts):
                    continue
                terms.append(contract(page, x, y, summed, batch))
            return _added(page, terms) if terms else _nothing(a, b, summed, batch)
        if (own and k in batch[1]) or (not own and k in batch[0]):
            a, b = page.whole(a), page.whole(b)
            continue
        # an axis that is kept: part by part
        free_a = [n for n in range(len(a.axes)) if n not in (*summed[0], *batch[0])]
        free_b = [n for n in range(len(b.axes)) if n not in (*summed[1], *batch[1])]
        at = len(batch[0]) + (len(free_a) + free_b.index(k) if own else free_a.index(k))
        out = []
        for p in v.parts:
            out.append((p.size, contract(page, *((a, p.value) if own else (p.value, b)), summed, batch)))
        return page.joined(out, at)
    return _contracted(page, page.fresh(a), page.fresh(b), summed, batch)


def _nothing(
    a: Traced, b: Traced, summed: tuple[Sequence[int], Sequence[int]], batch: tuple[Sequence[int], Sequence[int]]
) -> Traced:
    """The product of two arrays that have no entries but 0 in one place."""
    left = (axis for k, axis in enumerate(a.axes) if k not in (*summed[0], *batch[0]))
    right = (axis for k, axis in enumerate(b.axes) if k not in (*summed[1], *batch[1]))
    return Traced(ZERO, (*(a.axes[k] for k in batch[0]), *left, *right))


def _contracted(
    page: Recognition,
    a: Traced,
    b: Traced,
    summed: tuple[Sequence[int], Sequence[int]],
    batch: tuple[Sequence[int], Sequence[int]],
) -> Traced:
    put_a: dict[str, Expr] = {}
    put_b: dict[str, Expr] = {}
    joint: list[Axis] = []
    for p, q in zip((*summed[0], *batch[0]), (*summed[1], *batch[1]), strict=True):
        left, right = a.axes[p], b.axes[q]
        axis = max(left, right, key=len)
        put_a.update(page.put(left, axis))
        put_b.update(page.put(right, axis))
        joint.append(axis)
    x, y = page.settled(substitute(a.expr, put_a)), page.settled(substitute(b.expr, put_b))
    if bare(x) or bare(y):
        raise page.refuse("the value of an index is used as a number", NO_POSITIONS)
    letters = [i for axis in joint[: len(summed[0])] for i in axis]
    axes = (
        *joint[len(summed[0]) :],
        *(axis for k, axis in enumerate(a.axes) if k not in (*summed[0], *batch[0])),
        *(axis for k, axis in enumerate(b.axes) if k not in (*summed[1], *batch[1])),
    )
    return page.define(page.dot(letters, x, y), axes)


def _added(page: Recognition, terms: Sequence[Traced]) -> Traced:
    """The sum of arrays of one shape."""
    total = terms[0]
    for t in terms[1:]:
        exprs, axes = page.aligned([page.whole(total), page.whole(t)])
        total = page.define(add(*exprs), axes)
    return total


# --------------------------------------------------------------------------- sums and reductions
@row("reduce_sum")
def _reduce_sum(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    return summed_over(page, args[0], [int(k) for k in line.params["axes"]])


def summed_over(page: Recognition, v: Traced, axes: Sequence[int]) -> Traced:
    """The sum over axes, also of an array in parts."""
    if v.parts and v.along in axes:
        return _added(page, [summed_over(page, p.value, axes) for p in v.parts])
    if v.parts:
        at = v.along - sum(k < v.along for k in axes)
        return page.joined([(p.size, summed_over(page, p.value, axes)) for p in v.parts], at)
    letters, body, left = page.reduced(v, axes)
    return page.define(page.total(letters, body), left)


_REDUCTIONS = {
    "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "argmax": "argmax", "argmin": "argmin",
    "reduce_or": "max", "reduce_and": "min",
}  # fmt: skip


def _reduction(op: str) -> Rule:
    def rule(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
        v = args[0]
        axes = [int(k) for k in line.params["axes"]]
        if v.parts and v.along in axes and op in ("max", "min"):
            some = [rule(page, line, [p.value]) for p in v.parts]
            total = some[0]
            for t in some[1:]:
                exprs, kept = page.aligned([page.whole(total), page.whole(t)])
                total = page.define(call(op, *exprs), kept)
            return total
        letters, body, left = page.reduced(page.whole(v), axes)
        kept = [i for i in letters if i in body.free]
        if op.startswith("arg") and len(kept) != 1:
            raise page.refuse(f"{op} over {len(kept)} axes", "take it along one axis")
        if op == "prod" and len(kept) < len(letters):
            raise page.refuse("a product over an axis that nothing depends on", "write the power")
        return page.define(reduce(op, kept, body) if kept else body, left)

    return rule


PRIMITIVES.update((n, _reduction(op)) for n, op in _REDUCTIONS.items())


def _running(page: Recognition, line: Operation, v: Traced) -> tuple[list[str], Expr, Expr, tuple[Axis, ...]]:
    """The letter that runs up to an entry of an axis, the bracket that says so, and what it runs over."""
    v, k = page.whole(v), line.params["axis"]
    if len(v.axes[k]) != 1 or v.axes[k][0] not in v.expr.free:
        raise page.refuse("a cumulative sum over an axis that nothing depends on")
    (t,) = v.axes[k]
    letters, body, _ = page.reduced(v, (k,))
    order = bracket("≤" if line.params["reverse"] else "≥", Index(t), Index(letters[0]))
    return letters, order, body, v.axes


@row("cumsum")
def _cumsum(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``Σ_u [t ≥ u] x_u``."""
    letters, order, body, axes = _running(page, line, args[0])
    return page.define(sum_over(letters, mul(order, body)), axes)


@row("cumprod")
def _cumprod(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``prod_u where([t ≥ u], x_u, 1)``."""
    letters, order, body, axes = _running(page, line, args[0])
    return page.define(reduce("prod", letters, call("where", order, body, ONE)), axes)


@row("cumlogsumexp")
def _cumlogsumexp(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``log Σ_u [t ≥ u] exp(x_u)``."""
    letters, order, body, axes = _running(page, line, args[0])
    return page.define(call("log", sum_over(letters, mul(order, call("exp", body)))), axes)


def _running_extreme(op: str) -> Rule:
    """``max_u where([t ≥ u], x_u, x_t)``: what comes later gives way to x_t."""

    def rule(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
        v = page.whole(args[0])
        letters, order, body, axes = _running(page, line, v)
        return page.define(reduce(op, letters, call("where", order, body, v.expr)), axes)

    return rule


PRIMITIVES["cummax"], PRIMITIVES["cummin"] = _running_extreme("max"), _running_extreme("min")


class _Windowed(NamedTuple):
    """An array seen through windows: what to put for its letters, and what its axes are then.

    ``middle``: the same for an entry that every window has; ``inside``: where a window lies on the array; ``over``: the
    letters that run over a window.
    """

    put: dict[str, Expr]
    middle: dict[str, Expr]
    inside: list[Expr]
    axes: tuple[Axis, ...]
    over: list[str]

    def body(self, e: Expr, less: Expr = ZERO) -> Expr:
        """An entry of a window; what lies outside gives way to one that every window has, ``less`` so much."""
        body = substitute(e, self.put)
        if not self.inside:
            return body
        return call("where", mul(*self.inside), body, add(substitute(e, self.middle), negate(less)))


def _windowed(page: Recognition, line: Operation, v: Traced, outs: Sequence[Axis] | None = None) -> _Windowed:
    """An array through the windows of a line; ``outs`` are the letters of the windows, or new ones."""
    p = line.params
    if any(n != 1 for n in p.get("base_dilation", ())) or any(len(a) > 1 for a in v.axes):
        raise page.refuse("windows of a dilated array", "keep the array as it is")
    put: dict[str, Expr] = {}
    middle: dict[str, Expr] = {}
    inside: list[Expr] = []
    axes: list[Axis] = []
    over: list[str] = []
    shape = line.outs[0] if outs is None else line.ins[0]
    for n, (axis, out, window) in enumerate(zip(v.axes, shape, line.sizes("window_dimensions"), strict=True)):
        step, apart = p["window_strides"][n], p["window_dilation"][n] if "window_dilation" in p else 1
        low, high = zip(*(q["padding"][n] for q in line.every), strict=True)
        if is_one(window) and step == 1 and not any((*low, *high)):
            axes.append(axis if outs is None else outs[n])
            put.update({} if outs is None else page.put(axis, outs[n]))
            continue
        new = page.axis(out, stated=True) if outs is None else outs[n]
        inner = page.axis(window, stated=True)
        start = mul(Number(Fraction(step)), page.affine(new))
        taken = (mul(Number(Fraction(apart)), Index(i)) for i in inner)
        place = add(start, *taken, negate(page.amount_of(low)))
        size = page.size(axis)
        if any((*low, *high)):
            inside += [bracket("≥", place, ZERO), bracket("<", place, page.amount_of(size))]
            if any(step * (count - 1) > size - 1 for count, size in zip(out, size, strict=True)):
                raise page.refuse("windows that lie outside the array", "pad less")
        put.update(dict.fromkeys(axis, place))
        middle.update(dict.fromkeys(axis, start))
        axes.append(new)
        over += inner
    return _Windowed(put, {**put, **middle}, inside, tuple(axes), over)


def _windows(op: str) -> Rule:
    """``max_u(x[2t + u])``: sums and extremes of windows. Outside, x is 0 in a sum, and gives way in an extreme."""

    def rule(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
        v = page.fresh(page.whole(args[0]))
        if any(n for q in line.every for pair in q["padding"] for n in pair):
            v = _outside_zero(page, v)
        w = _windowed(page, line, v)
        if op == "sum":
            return page.define(sum_over(w.over, substitute(v.expr, w.put)), w.axes)
        body = w.body(v.expr)
        return page.define(reduce(op, w.over, body) if w.over else body, w.axes)

    return rule


@row("select_and_scatter_add")
def _select_and_scatter_add(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """What is owed to the greatest entry of every window: ``Σ_tu [p = 2t + u] [u = argmax_v(x[2t + v])] y_t``.

    Of several letters, the first is that of the first row in which the greatest stands, and so on: of entries that are
    equal the first is taken.
    """
    op = {"ge": "max", "le": "min"}.get(str(line.params["select_prim"]))
    if op is None:
        raise page.refuse("a choice from windows that is no extreme")
    y, x = page.fresh(page.whole(args[0])), page.fresh(page.whole(args[1]))
    if any(len(a) > 1 for a in y.axes):
        raise page.refuse("windows of an axis that is made of two", "keep the axes apart")
    if any(n for q in line.every for pair in q["padding"] for n in pair):
        x = _outside_zero(page, x)
    w = _windowed(page, line, x, y.axes)
    body = w.body(x.expr, ONE if op == "max" else number(-1))
    chosen: list[Expr] = []
    for k, i in enumerate(w.over):
        new = {j: page.letter(page.sizes[j], j) for j in w.over[k:]}
        inner = substitute(body, {j: Index(n) for j, n in new.items()})
        below = list(new.values())[1:]
        chosen.append(
            bracket("=", Index(i), reduce(f"arg{op}", (new[i],), reduce(op, below, inner) if below else inner))
        )
    axes: list[Axis] = []
    summed: list[str] = []
    for axis, there, size in zip(x.axes, w.axes, line.outs[0], strict=True):
        place = w.put[axis[0]] if axis else ZERO
        if not axis or place is Index(*there):
            axes.append(there)
            continue
        new = page.axis(size, stated=True)
        chosen.insert(0, bracket("=", Index(new[0]), place))
        axes.append(new)
        summed += there
    return page.define(page.total([*summed, *w.over], mul(*chosen, y.expr)), tuple(axes))


def _outside_zero(page: Recognition, v: Traced) -> Traced:
    """The array under a name that is 0 outside."""
    e = v.expr if isinstance(v.expr, Tensor) else page.named(v.expr, v.axes)
    if isinstance(e, Tensor):
        page.outside.add(e.name)
    return v._replace(expr=e)


PRIMITIVES.update((f"reduce_window_{op}", _windows(op)) for op in ("sum", "max", "min"))


# --------------------------------------------------------------------------- convolution
@row("conv_general_dilated")
def _convolution(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``Σ_uc a[b, s x + d u - p, c] k[u, c, o]``; outside, a is 0."""
    p = line.params
    x, kernel = page.fresh(page.whole(args[0])), page.fresh(page.whole(args[1]))
    spec = p["dimension_numbers"]
    (xb, xc, *xs), (_, _, *ks), (yb, yc, *ys) = spec.lhs_spec, spec.rhs_spec, spec.out_spec
    if p["batch_group_count"] != 1:
        raise page.refuse("a convolution whose examples are in groups", "write the equation by hand")
    for a, d in zip(xs, p["lhs_dilation"], strict=True):
        if d != 1:
            size = tuple(d * (n - 1) + 1 for n in line.ins[0][a])
            x = spread(page, x, a, page.one(0), page.one(d - 1), size)
    if not isinstance(x.expr, Tensor):
        x = Traced(page.named(x.expr, x.axes), x.axes)
    padding = [tuple(zip(*(q["padding"][n] for q in line.every), strict=True)) for n in range(len(xs))]
    put: dict[str, Expr] = {}
    axes: list[Axis] = [()] * len(x.axes)
    summed: list[str] = []
    for n, (a, k, y) in enumerate(zip(xs, ks, ys, strict=True)):
        out = page.axis(line.outs[0][y], stated=True)
        window = kernel.axes[k]
        if len(x.axes[a]) > 1 or len(window) > 1:
            raise page.refuse("a convolution along an axis that is made of two", "keep the axes apart")
        low, high = padding[n]
        stride, dilation = p["window_strides"][n], p["rhs_dilation"][n]
        place = add(
            *(mul(Number(Fraction(stride)), Index(i)) for i in out),
            *(mul(Number(Fraction(dilation)), Index(i)) for i in window),
            negate(page.amount_of(low)),
        )
        summed += window
        put.update(dict.fromkeys(x.axes[a], place))
        if any(low) or any(high):
            x = _outside_zero(page, x)
        axes[y] = out
    axes[yb] = x.axes[xb]
    into, put_k, axes[yc], more = _channels(page, line, x.axes[xc], kernel)
    put.update(into)
    body = mul(substitute(x.expr, put), substitute(kernel.expr, put_k))
    return page.define(sum_over([i for i in (*summed, *more) if i in body.free], body), tuple(axes))


def _channels(
    page: Recognition, line: Operation, channels: Axis, kernel: Traced
) -> tuple[dict[str, Expr], dict[str, Expr], Axis, Axis]:
    """What to put for the channels of an array and of a kernel, those that come out, and those that are summed.

    In groups, channel ``m g + c`` is the c-th of group g, and goes into the channels ``n g + o``.
    """
    ko, kc, *_ = line.params["dimension_numbers"].rhs_spec
    groups, outputs, inner = line.size("feature_group_count"), kernel.axes[ko], kernel.axes[kc]
    if is_one(groups):
        return {}, page.put(inner, channels), outputs, channels
    if len(channels) != 1 or len(outputs) != 1:
        raise page.refuse("a convolution in groups of an axis that is made of two", "keep the axes apart")
    alone = is_one(page.size(inner))
    g = channels if alone else page.axis(groups, stated=True)
    rest = page.axis(tuple(n // m for n, m in zip(line.ins[1][ko], groups, strict=True)), stated=True)
    into: dict[str, Expr] = {} if alone else {channels[0]: page.affine((*g, *inner))}
    page.made += [
        (whole[0], parts) for whole, parts in ((channels, (*g, *inner)), (outputs, (*g, *rest))) if len(parts) > 1
    ]
    if not rest:
        page.one_range(outputs[0], g[0])
        return into, {outputs[0]: Index(g[0])}, g, inner
    return into, {outputs[0]: page.affine((*g, *rest))}, (*g, *rest), inner
