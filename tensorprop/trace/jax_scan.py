"""Loops of a known length: a scan is a recurrence of the notation, ``h_tj = … h_{t-1,k} …; h_{-1,j} = g_j``.

In: the lines ``scan`` of jaxprs at several sizes, the values of their arguments, and a way to read a body. Out: values.
What is carried from step to step is an entry of a tensor one step before (one step after, where the loop runs
backwards), what is sliced an entry at t. What is only handed on is what it was at the start, and a counter is the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from jax.extend.core import Literal

from tensorprop.core.build import add, mul, number, substitute
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.run.jax_played import carried_by
from tensorprop.trace.numbers import Extent
from tensorprop.trace.readable import Definition, Start, bare
from tensorprop.trace.recognise import Recognition
from tensorprop.trace.sheet import Axis, Traced

__all__ = ["scanned"]

Body = Callable[[Sequence[Any], list[Traced]], list[Traced]]
"""The results of jaxprs, given the values of their arguments."""
_STEPS = 8  # of a loop within a loop that are written out


class _Unrolled(NamedTuple):
    """The letter that is the time, how many steps there are, where a step reads and where the start stands."""

    time: str
    length: Extent
    before: Expr
    start: Expr
    last: Expr


def scanned(page: Recognition, eqns: Sequence[Any], args: list[Traced], body: Body) -> list[Traced]:
    """The last of what is carried, and what is stacked."""
    eqn, closed = eqns[0], [e.params["jaxpr"] for e in eqns]
    inner = closed[0].jaxpr
    given, carried, _ = carried_by(eqn)
    consts, first, rows = args[:given], args[given : given + carried], args[given + carried :]
    lengths = {int(e.params["length"]) for e in eqns}
    if page.around and len(lengths) == 1 and max(lengths) <= _STEPS and len(eqn.outvars) == carried:
        order = range(max(lengths))[:: -1 if eqn.params["reverse"] else 1]
        return _steps(page, order, (consts, first, rows), lambda some: body(closed, some))
    loop = _loop(page, tuple(int(e.params["length"]) for e in eqns), bool(eqn.params["reverse"]))
    names: dict[int, Traced] = {}
    state: list[Traced] = []
    for k, v in enumerate(first):
        into, out = inner.invars[given + k], inner.outvars[k]
        step = _counted(inner, into, out)
        if out is into:
            state.append(v)
        elif step is not None and not v.axes:
            state.append(Traced(_count(page, v.expr, step, Index(loop.time), loop), ()))
        else:
            names[k] = _carried(page, v, loop)
            state.append(names[k])
    page.around.append(loop.time)
    slices = [_at(page, v, Index(loop.time)) for v in rows]
    results = body(closed, [*consts, *state, *slices])
    for k, was in names.items():
        _defined(page, was, results[k], first[k], loop)
    ends = [_end(page, k, first[k], state[k], names, loop) for k in range(carried)]
    stacks = [_stacked(page, v, loop) for v in results[carried:]]
    page.around.pop()
    return [*ends, *stacks]


def _steps(
    page: Recognition,
    order: Iterable[int],
    given: tuple[list[Traced], list[Traced], list[Traced]],
    body: Callable[[list[Traced]], list[Traced]],
) -> list[Traced]:
    """A few steps within the step of another loop, one by one: what is carried out of the last."""
    consts, state, rows = given
    for k in order:
        state = body([*consts, *state, *(_at(page, v, number(k)) for v in rows)])
    return state


def _loop(page: Recognition, length: Extent, backwards: bool) -> _Unrolled:
    t = page.letter(length, stated=True)
    n = page.amount_of(length)
    if backwards:
        return _Unrolled(t, length, add(Index(t), number(1)), n, number(0))
    return _Unrolled(t, length, add(Index(t), number(-1)), number(-1), page.amount_of(tuple(k - 1 for k in length)))


def _counted(jaxpr: Any, into: Any, out: Any) -> int | None:
    """By how much a whole number grows with every step, if that is all that happens to it."""
    for e in jaxpr.eqns:
        if out in e.outvars and e.primitive.name == "add" and into.aval.dtype.kind in "iu":
            a, b = e.invars
            if a is into and isinstance(b, Literal):
                return int(b.val)
            if b is into and isinstance(a, Literal):
                return int(a.val)
    return None


def _count(page: Recognition, start: Expr, step: int, time: Expr, loop: _Unrolled) -> Expr:
    """``start + step t``; the steps of a loop that runs backwards are counted from its end."""
    passed = time
    if loop.start is not number(-1):
        passed = add(page.amount_of(tuple(k - 1 for k in loop.length)), mul(number(-1), time))
    return add(start, mul(number(step), passed))


def _carried(page: Recognition, v: Traced, loop: _Unrolled) -> Traced:
    """The entry one step before of a tensor that is not defined yet."""
    letters = [page.letter(page.size(axis)) if axis else None for axis in v.axes]
    name = f"·{len(page.definitions)}"
    page.definitions[name] = Definition((), number(0), page.where)  # its place in the order of the lines
    own = [Index(i) for i in letters if i is not None]
    axes: tuple[Axis, ...] = tuple(() if i is None else (i,) for i in letters)
    return Traced(Tensor(name, (*map(Index, page.around), loop.before, *own)), axes)


def _at(page: Recognition, v: Traced, time: Expr) -> Traced:
    """A row of what is sliced."""
    v = page.fresh(page.whole(v))
    if len(v.axes[0]) > 1:
        v = page.one_letter(v, 0)
    (axis, *rest) = v.axes
    if axis and isinstance(time, Index):
        page.one_range(axis[0], time.name)
    return Traced(substitute(v.expr, dict.fromkeys(axis, time)), tuple(rest))


def _defined(page: Recognition, was: Traced, new: Traced, first: Traced, loop: _Unrolled) -> None:
    """The recurrence: what a step makes of what was there, and the start."""
    assert isinstance(was.expr, Tensor)
    letters = tuple(i for axis in was.axes for i in axis)

    def over(v: Traced) -> Expr:
        v = page.fresh(page.whole(v))
        for k, there in enumerate(was.axes):
            if len(v.axes[k]) > len(there):
                v = page.one_letter(v, k)
        if bare(v.expr):
            raise page.refuse("a loop carries the value of an index", "count with the steps: jnp.arange(n)")
        put: dict[str, Expr] = {}
        for here, there in zip(v.axes, was.axes, strict=True):
            put.update(page.put(here, there))
        return substitute(v.expr, put)

    for axis, there in zip(first.axes, was.axes, strict=True):
        if len(axis) == 1 == len(there) and page.sizes[axis[0]] == page.sizes[there[0]]:
            page.one_range(axis[0], there[0])
    value, around = over(new), tuple(page.around[:-1])
    place = page.definitions.pop(was.expr.name)
    start = Start(around, len(around), loop.start, letters, over(first))
    page.definitions[was.expr.name] = Definition((*around, loop.time, *letters), value, place.where, start)


def _end(page: Recognition, k: int, first: Traced, state: Traced, names: dict[int, Traced], loop: _Unrolled) -> Traced:
    """What is carried out of the loop."""
    if k not in names:
        if state is first:
            return first
        after = add(loop.last, number(1 if loop.start is number(-1) else -1))
        return Traced(substitute(state.expr, {loop.time: after}), ())
    e = state.expr
    assert isinstance(e, Tensor)
    at = len(page.around) - 1
    new = {i: page.letter(page.sizes[i], i) for axis in state.axes for i in axis}
    places = (
        *e.subscripts[:at],
        loop.last,
        *(Index(new[s.name]) for s in e.subscripts[at + 1 :] if isinstance(s, Index)),
    )
    return Traced(Tensor(e.name, places), tuple(tuple(new[i] for i in axis) for axis in state.axes))


def _stacked(page: Recognition, v: Traced, loop: _Unrolled) -> Traced:
    v = page.whole(v)
    return Traced(v.expr, ((loop.time,), *v.axes))
