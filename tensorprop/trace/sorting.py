"""Primitives that put entries in order: rows of the table in ``trace.primitives``.

In: lines of a program and values. Out: values. Where the entry stood that comes t-th is a whole number with a name,
``k_t = argsort_u(x_u)``; whatever goes along with a key is looked up there, ``y[k_t]``. Of several keys the last is put
in order first, and the others after it: each leaves equal entries as they stood.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorprop.core.build import reduce, substitute
from tensorprop.core.expr import Expr, Index
from tensorprop.trace.primitives import Operation, row
from tensorprop.trace.readable import bare
from tensorprop.trace.recognise import Recognition
from tensorprop.trace.sheet import Axis, Traced

__all__: list[str] = []


def _in_order(page: Recognition, op: str, v: Traced, k: int, new: str) -> Traced:
    """``sort_i(x_i)[t]``, ``argsort_i(x_i)[t]``: as many entries as the letter t has values."""
    (i,), body, _ = page.reduced(v, (k,))
    if page.sizes[i] == page.sizes[new]:
        i, body = new, substitute(body, {i: Index(new)})
    axes = _along(v.axes, k, new)
    return Traced(page.named(reduce(op, (i,), body, (Index(new),)), axes), axes)


def _along(axes: Sequence[Axis], k: int, new: str) -> tuple[Axis, ...]:
    return tuple((new,) if n == k else a for n, a in enumerate(axes))


def _taken(page: Recognition, v: Traced, k: int, place: Expr, new: str) -> Traced:
    """``x[k_t]``; of positions what stands there, ``n - 1 - k_t``."""
    (i,) = v.axes[k]
    e = v.expr if bare(v.expr) else page.define(v.expr, v.axes).expr
    return page.define(substitute(e, {i: place}), _along(v.axes, k, new))


@row("sort")
def _sort(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    """The t-th smallest, ``sort_i(x_i)[t]``; of others in its order ``y[k_t]`` with ``k_t = argsort_i(x_i)[t]``."""
    k = line.params["dimension"]
    if not page.whole(args[0]).axes[k]:
        return list(args)
    exprs, axes = page.aligned([page.whole(v) for v in args])
    keys = exprs[: line.params.get("num_keys", 1)]
    if len(axes[k]) != 1 or any(axes[k][0] not in e.free for e in keys):
        raise page.refuse("a sort along an axis that nothing depends on")
    i = axes[k][0]
    place: Expr = Index(i)
    if len(exprs) > 1:
        here = i
        for key in reversed(keys):
            moved = _along(axes, k, here)
            part = Traced(key, axes) if here == i else _taken(page, Traced(key, axes), k, place, here)
            new = page.letter(page.sizes[i], i)
            order = _in_order(page, "argsort", part._replace(axes=moved), k, new)
            place, here = substitute(place, {here: order.expr}), new
    else:
        here = page.letter(page.sizes[i], i)
    return [
        _in_order(page, "sort", Traced(e, axes), k, here)
        if len(keys) == 1 and e is keys[0]
        else _taken(page, Traced(e, axes), k, place, here)
        for e in exprs
    ]


@row("top_k")
def _top_k(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    """The k greatest, greatest first, and where they stood: ``top_u(x_u)[k]``, ``argtop_u(x_u)[k]``."""
    v = page.whole(args[0])
    k = line.params.get("axis", len(v.axes) - 1) % len(v.axes)
    if len(v.axes[k]) != 1 or v.axes[k][0] not in v.expr.free:
        raise page.refuse("top_k along an axis that nothing depends on")
    new = page.letter(line.outs[0][k], stated=True)
    page.made.append((new, v.axes[k]))
    return [_in_order(page, op, v, k, new) for op in ("top", "argtop")]
