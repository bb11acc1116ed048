"""Primitives that look entries up, and put entries where they belong: rows of ``trace.primitives``.

In: lines of a program and values. Out: values. An entry that is looked up has a whole number in a
subscript, ``E[k_b, i]``; what is put somewhere, ``x.at[k].set(u)``, is told by a bracket, ``where([i = k], u, x_i)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from tensorprop.core.build import ONE, ZERO, add, bracket, call, mul, negate, reduce, substitute, sum_over
from tensorprop.core.expr import Bracket, Call, Expr, Index, Number, Reduce, Tensor
from tensorprop.core.functions import orders
from tensorprop.core.walk import postorder, transform
from tensorprop.trace.axes import opened, squeezed
from tensorprop.trace.numbers import Extent
from tensorprop.trace.primitives import Operation, elementwise, row
from tensorprop.trace.readable import bare, clipped
from tensorprop.trace.recognise import Recognition
from tensorprop.trace.sheet import INF, Axis, Traced, is_one

__all__: list[str] = []


def subscript(page: Recognition, e: Expr) -> Expr:
    """``e`` as a subscript."""
    if isinstance(e, (Index, Number, Tensor)) or bare(e) or page.values(e) is not None:
        return e
    raise page.refuse("an index that is computed from other things than positions", "gather by an integer array")


def _columns(page: Recognition, where: Traced, count: int) -> list[Expr]:
    """The whole numbers that stand side by side along the last axis of an array of places."""
    last = len(where.axes) - 1
    one = page.one(1)
    return [page.whole(page.cut(where, last, page.one(n), one)).expr for n in range(count)]


@row("gather")
def _gather(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """An entry is looked up: letters of the array are replaced by the numbers that say where."""
    d, sizes, shape = line.params["dimension_numbers"], line.sizes("slice_sizes"), line.ins[0]
    array, where = page.fresh(page.whole(args[0])), args[1]
    places = _columns(page, where, len(d.start_index_map))
    put: dict[str, Expr] = {}
    offset: list[Axis] = []
    along: list[str] = []
    looked: list[tuple[str, Expr]] = []
    scalars: dict[str, Expr] = {}
    for k, axis in enumerate(array.axes):
        if k in d.operand_batching_dims:
            there = where.axes[d.start_indices_batching_dims[d.operand_batching_dims.index(k)]]
            put.update(page.put(axis, there))
            along += there
            continue
        kept = axis
        if k in d.start_index_map:
            place = subscript(page, places[d.start_index_map.index(k)])
            if is_one(sizes[k]) and len(axis) < 2:
                kept = ()
                for i in axis:
                    if _scalars(place):
                        scalars[i] = place
                        continue
                    put[i] = place
                    if isinstance(place, Index):
                        page.one_range(i, place.name)
                        along.append(place.name)
                    elif isinstance(place, Tensor) and not _of_order(page, place):
                        looked.append((i, place))
            elif (sizes[k] != shape[k] or place is not ZERO) and len(axis) < 2:
                kept = page.axis(sizes[k], stated=True)
                (scalars if _scalars(place) else put).update({i: add(*map(Index, kept), place) for i in axis})
            elif sizes[k] != shape[k] or place is not ZERO:
                raise page.refuse("a window of an axis that is made of two", "keep the axes apart")
        elif sizes[k] != shape[k] and len(axis) < 2:
            kept = page.axis(sizes[k], stated=True)
            put.update({i: Index(kept[0]) for i in axis})
        elif sizes[k] != shape[k]:
            raise page.refuse("a gather of a part of an axis that is made of two", "keep the axes apart")
        if k not in d.collapsed_slice_dims:
            offset.append(kept)
    rows = iter(where.axes[:-1])
    rest = iter(offset)
    axes = tuple(next(rest) if k in d.offset_dims else next(rows) for k in range(len(line.outs[0])))
    if len(looked) == 1 and along and not any(offset):  # logp[b, y_b] is [y_b = c] logp_bc
        ((i, piece),) = looked
        del put[i]
        entry = substitute(array.expr, put)
        return page.define(sum_over((i,), mul(bracket("=", piece, Index(i)), entry)), axes)
    if any(map(clipped, put.values())):
        return page.define(_by_cases(page, array, put, scalars), axes)
    entry = page.settled(_found(substitute(array.expr, put), scalars))
    return page.define(entry, axes)


def _by_cases(page: Recognition, v: Traced, put: Mapping[str, Expr], scalars: Mapping[str, Expr]) -> Expr:
    """``x[max(t - 1, 0)]`` as ``[t ≥ 1] x[t - 1] + [t < 1] x_0``."""
    e = v.expr if isinstance(v.expr, Tensor) else page.named(v.expr, v.axes)
    done: list[Expr] = []
    left: list[tuple[Expr, dict[str, Expr]]] = [(ONE, dict(put))]
    while left:
        where, places = left.pop()
        inner = (n for p in places.values() for n in postorder(p))
        found = next((n for n in inner if isinstance(n, Call) and n.function in ("max", "min")), None)
        if found is None:
            done.append(page.settled(mul(where, _found(substitute(e, places), scalars))))
            continue
        a, b = found.args
        kept = ("≥", "<") if found.function == "max" else ("≤", ">")
        for way, taken in zip(kept, (a, b), strict=True):
            holds = mul(where, page.settled(bracket(way, a, b)))
            if holds is not ZERO:
                instead = {i: _instead(p, found, taken) for i, p in places.items()}
                left.append((holds, instead))
    return add(*done)


def _instead(e: Expr, old: Expr, new: Expr) -> Expr:
    return transform(e, lambda n: new if n is old else n)


@row("scatter-add", "scatter_add")
def _scatter_add(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``x_i + Σ_k [i = place_k] u_k``: the adjoint of looking up."""
    found = _updates(page, line, args)
    expr = page.total((*found.rows, *found.within), mul(*found.where, found.value))
    total = page.define(expr, found.axes) if expr is not ZERO else Traced(ZERO, found.axes)
    exprs, axes = page.aligned([args[0], total])
    return page.define(add(*exprs), axes)


@row("scatter", "scatter-mul", "scatter_mul", "scatter-min", "scatter_min", "scatter-max", "scatter_max")
def _scatter(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """Entries replaced, or made others: at a place that is known part by part, else ``where([i = k], u, x_i)``."""
    way = line.name[-3:]
    rules = {"mul": page.product, "min": partial(page.function, "min"), "max": partial(page.function, "max")}
    d = line.params["dimension_numbers"]
    v, where, new = args
    rows = len(line.ins[1]) - 1
    places = _columns(page, where, len(d.scatter_dims_to_operand_dims))
    starts: list[Any] = [page.values(ZERO)] * len(line.ins[0])
    for k, e in zip(d.scatter_dims_to_operand_dims, places, strict=True):
        starts[k] = page.values(e)
    several = any(not is_one(n) for n in line.ins[1][:rows]) or d.operand_batching_dims
    if several or any(a is None for a in starts):
        return _set(page, _updates(page, line, args), v, way, line.params.get("unique_indices", False))
    gone = {k for k in range(len(line.ins[2])) if k not in d.update_window_dims}
    update, window = squeezed(page, new, gone), [line.ins[2][k] for k in d.update_window_dims]
    for k in sorted(d.inserted_window_dims):
        update = opened(page.whole(update), k)
        window.insert(k, page.one(1))
    return _replaced(page, v, update, starts, line.ins[0], window, rules.get(way))


def _set(page: Recognition, found: _Updates, v: Traced, way: str, once: bool) -> Traced:
    """What ``_scatter`` makes at places that are computed.

    Every entry has one place in ``where([k_b = c], u_b, x_bc)``; of several that go to one, the greatest, the product
    and a number that all have are told, which is the last is not.
    """
    rows, where, value = list(found.rows), list(found.where), found.value
    for n, f in enumerate(found.where):  # [i = t] u_t is u_i
        if isinstance(f, Bracket) and isinstance(f.right, Index) and f.right.name in rows:
            put: dict[str, Expr] = {f.right.name: f.left}
            rows.remove(f.right.name)
            where = [ONE if k == n else substitute(w, put) for k, w in enumerate(where)]
            value = substitute(value, put)
    here = page.settled(mul(*where))
    once = once or all(any(_ordered(page, w, i) for w in where) for i in rows)
    letters = [i for i in (*rows, *found.within) if i in here.free]
    hit = page.total(letters, here) if rows else mul(*(_hit(page, w, found.within) for w in where))
    exprs, axes = page.aligned([page.whole(v), *(Traced(e, found.axes) for e in (here, value, hit))])
    x, here, value, hit = exprs
    if way == "max" or way == "min":
        if x in (INF, negate(INF)):  # what no update goes to holds an infinity
            some = {i: page.letter(page.sizes[i], i) for i in letters if i in value.free}
            inside = substitute(value, {i: Index(j) for i, j in some.items()})
            x = reduce("min" if way == "max" else "max", list(some.values()), inside) if some else value
            words = "least" if way == "max" else "greatest"
            page.idle = True
            change = page.choose(here, x, value)
            page.notes.append(f"entries to which nothing goes at {page.where} hold the {words} of all, not an infinity")
            return page.define(reduce(way, letters, change) if letters else change, axes)
        change = page.choose(here, x, call(way, x, value))
        return page.define(call(way, x, reduce(way, letters, change)) if letters else change, axes)
    if way == "mul":
        change = page.choose(here, ONE, value)
        return page.define(page.product(x, reduce("prod", letters, change) if letters else change), axes)
    if once or not rows:
        change = page.define(page.total(letters, mul(here, value)), axes).expr if letters else value
        return page.define(page.choose(page.define(hit, axes).expr if rows else hit, x, change), axes)
    if value.free & set(letters):
        fix = "mask: jnp.where(i == k, new, x), or use .at[…].add, .max or .min"
        raise page.refuse("entries replaced at places of which several may be one, and which is last is not told", fix)
    return page.define(page.choose(page.define(reduce("max", letters, here), axes).expr, x, value), axes)


def _hit(page: Recognition, e: Expr, within: Sequence[str]) -> Expr:
    """``[i ≥ k] [i < k + n]`` for ``Σ_w [i = k + w]``."""
    inner = [w for w in within if w in e.free]
    if not (inner and isinstance(e, Bracket)):
        return e
    start = substitute(e.right, {inner[0]: ZERO})
    end = add(start, page.amount_of(page.sizes[inner[0]]))
    return mul(bracket("≥", e.left, start), bracket("<", e.left, end))


def _ordered(page: Recognition, e: Expr, i: str) -> bool:
    """Whether a bracket asks for the place of the i-th of an order: no two have one."""
    return isinstance(e, Bracket) and _of_order(page, e.right, i)


def _of_order(page: Recognition, e: Expr, i: str | None = None) -> bool:
    """Whether a number says where an entry stood that comes t-th, or i-th."""
    order = page.look(e)
    return isinstance(order, Reduce) and orders(order.op) and (i is None or order.at == (Index(i),))


class _Updates(NamedTuple):
    """Where updates go: to an entry of ``axes`` where the brackets ``where`` hold, over the letters of ``rows``,

    which run over the updates, and of ``within``, which run over a window of one.
    """

    axes: tuple[Axis, ...]
    where: list[Expr]
    rows: list[str]
    within: list[str]
    value: Expr


def _updates(page: Recognition, line: Operation, args: list[Traced]) -> _Updates:
    """The updates of a line, and the brackets that say where each goes."""
    d = line.params["dimension_numbers"]
    where, update = page.fresh(args[1]), page.fresh(page.whole(args[2]))
    places = _columns(page, where, len(d.scatter_dims_to_operand_dims))
    windows = [k for k in range(len(line.ins[0])) if k not in (*d.inserted_window_dims, *d.operand_batching_dims)]
    window_of = dict(zip(windows, sorted(d.update_window_dims), strict=True))
    rows = [k for k in range(len(line.ins[2])) if k not in d.update_window_dims]
    put: dict[str, Expr] = {}  # the updates run over the letters of their places
    for k, there in zip(rows, where.axes[:-1], strict=True):
        put.update(page.put(update.axes[k], there))
    body = substitute(update.expr, put)
    axes: list[Axis] = []
    factors: list[Expr] = []
    letters = [i for axis in where.axes[:-1] for i in axis]
    within: list[str] = []
    for k, size in enumerate(line.ins[0]):
        inner = update.axes[window_of[k]] if k in window_of else ()
        if k in d.operand_batching_dims:
            there = where.axes[d.scatter_indices_batching_dims[d.operand_batching_dims.index(k)]]
            axes.append(there)
            letters = [i for i in letters if i not in there]
            continue
        place = ZERO
        if k in d.scatter_dims_to_operand_dims:
            place = subscript(page, places[d.scatter_dims_to_operand_dims.index(k)])
        if place is ZERO and inner and page.size(inner) == size:
            axes.append(inner)
            continue
        new = page.axis(size, stated=True)
        if len(inner) > 1:
            raise page.refuse("a window of an axis that is made of two", "keep the axes apart")
        axes.append(new)
        if new:
            if isinstance(place, Index) and not inner:
                page.one_range(new[0], place.name) if page.sizes[place.name] == size else None
            factors.append(bracket("=", Index(new[0]), add(place, *map(Index, inner))))
            within += inner
    return _Updates(tuple(axes), factors, letters, within, body)


# --------------------------------------------------------------------------- windows at a place
@row("dynamic_slice")
def _dynamic_slice(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    v, starts = page.fresh(page.whole(args[0])), args[1:]
    put: dict[str, Expr] = {}
    found: dict[str, Expr] = {}
    axes: list[Axis] = []
    for axis, n, taken, start in zip(v.axes, line.ins[0], line.outs[0], starts, strict=True):
        if taken == n:
            axes.append(axis)
        elif len(axis) == 1:
            new = page.axis(taken, stated=True)
            place = add(*map(Index, new), subscript(page, start.expr))
            (found if _scalars(place) else put)[axis[0]] = place
            axes.append(new)
        else:
            raise page.refuse("a window of an axis that is made of two", "keep the axes apart")
    if not found:
        return Traced(substitute(v.expr, put), tuple(axes))
    return page.define(_found(substitute(v.expr, put), found), tuple(axes))


def _scalars(place: Expr) -> bool:
    """Whether a place is told by a number that is an argument: a subscript takes that for an index."""
    return any(isinstance(e, Tensor) and not e.subscripts for e in postorder(place))


def _found(e: Expr, places: Mapping[str, Expr]) -> Expr:
    """``Σ_n [n = i + k] x_n``: the entries at these places."""
    return sum_over(places, mul(*(bracket("=", Index(i), place) for i, place in places.items()), e))


@row("dynamic_update_slice")
def _dynamic_update_slice(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """Part of an array replaced."""
    v, new, starts = args[0], args[1], args[2:]
    known = [page.values(s.expr) for s in starts]
    if all(a is not None for a, n, m in zip(known, *line.ins[:2], strict=True) if n != m):
        return _replaced(page, v, new, known, line.ins[0], line.ins[1])
    new, axes, where, within = page.fresh(page.whole(new)), list[Axis](), list[Expr](), list[str]()
    for n, m, there, start in zip(*line.ins[:2], new.axes, starts, strict=True):
        if len(there) > 1:
            raise page.refuse("a window of an axis that is made of two", "keep the axes apart")
        axes.append(there if n == m else page.axis(n, stated=True))
        if n != m:
            place = add(subscript(page, start.expr), *map(Index, there))
            where += [bracket("=", Index(i), place) for i in axes[-1]]
            within += there
    return _set(page, _Updates(tuple(axes), where, [], within, new.expr), v, "", once=True)


def _replaced(
    page: Recognition,
    v: Traced,
    new: Traced,
    starts: Sequence[Any],
    shape: Sequence[Extent],
    size: Sequence[Extent],
    rule: Callable[[Expr, Expr], Expr] | None = None,
) -> Traced:
    """Part of an array replaced, or what ``rule`` makes of the two."""
    short = [k for k in range(len(shape)) if shape[k] != size[k]]
    if not short:
        return new if rule is None else elementwise(page, [v, new], rule)
    k = short[0]
    first = tuple(round(float(a)) for a in starts[k])
    end = tuple(a + b for a, b in zip(first, size[k], strict=True))
    rest = tuple(a - b for a, b in zip(shape[k], end, strict=True))
    inner = page.cut(v, k, first, size[k])
    within = [size[k] if n == k else a for n, a in enumerate(shape)]
    middle = _replaced(page, inner, new, starts, within, size, rule)
    pieces = [(first, page.cut(v, k, page.one(0), first))] if any(first) else []
    pieces.append((size[k], middle))
    if any(rest):
        pieces.append((rest, page.cut(v, k, end, rest)))
    return page.joined(pieces, k)
