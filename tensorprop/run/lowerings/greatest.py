"""``y_k = top_u(x_u)[k]; dim(k) = 3``: a few of the greatest are found without sorting the others.

Entries of what is sorted downwards, or of where they stood (``argtop_u``), whose place is a letter that runs less far
than u, or a number. The first n of ``top_u(x_u)`` do not depend on the order of those behind them:

    top_u(x_u)[k] [k < n] = (the n greatest of x, the greatest first)[k] [k < n]

Equal ones stand in the order in which they came, as the sort leaves them; what is no number stands last.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprop.core.expr import Index, Number, Reduce
from tensorprop.run.lowerings.selection import Selects
from tensorprop.run.values import Rule, Sizes, Value, Wish

__all__ = ["greatest"]


def greatest(on: Selects, e: Reduce, sizes: Sizes, inner: Sizes) -> Callable[[Selects], Rule] | None:
    """The rule for entries of what is sorted downwards, if fewer are read than there are."""
    if e.op not in ("top", "argtop") or len(e.indices) != 1 or len(e.at) != 1:
        return None
    (u,), (at,) = e.indices, e.at
    match at:
        case Index(k) if k in sizes and k not in e.body.free and 0 < sizes[k] < inner[u]:
            return lambda on: _found(on, e, u, k, sizes[k], inner)
        case Number(n) if n.denominator == 1 and 0 <= n < inner[u] - 1:
            return lambda on: _entry(on, e, u, int(n), inner)
        case _:
            return None


def _found(on: Selects, e: Reduce, u: str, k: str, count: int, inner: Sizes) -> Rule:
    body = yield Wish(e.body, inner)
    axes = (*(i for i in body.axes if i != u), u)
    array = on.spread(Value(on.plain(body), body.axes), axes, inner)
    out = on.ops.greatest(e.op, on.ops.named(array, axes), count)
    return Value(on.ops.named(out, (*axes[:-1], k)), (*axes[:-1], k))


def _entry(on: Selects, e: Reduce, u: str, n: int, inner: Sizes) -> Rule:
    v = yield from _found(on, e, u, u, n + 1, inner)
    axis = v.axes.index(u)
    left = tuple(i for i in v.axes if i != u)
    return Value(on.ops.named(on.ops.take(v.array, n, axis), left), left)
