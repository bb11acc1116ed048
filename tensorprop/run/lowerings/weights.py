"""``Σ_t [u ≤ t] exp(z_u - l_t) g_t``, where ``l_t = log Σ_u [u ≤ t] exp(z_u)``: what is owed to z by running log-sums.

A factor ``softmax_u(where([u ≤ t], z_u, -1e30))``, or the exponential where l_t has a name. The sets of u grow with t,
so l_t does not fall, and with

    a_t = g_t + exp(l_t - l_{t+1}) a_{t+1},      Σ_t [u ≤ t] exp(z_u - l_t) g_t  =  exp(z_u - l_u) a_u,

no exponential is above 1: one pass along t, where a grid over t and u is quadratic. ``[u ≥ t]`` goes the other way.
So it is with products, and no x is divided by, which may be 0:

    Σ_t [u ≤ t] g_t prod_{v ≤ t, v ≠ u} x_v  =  prod_{v < u} x_v · a_u,      a_t = g_t + x_{t+1} a_{t+1}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tensorprop.calculus.stable import MASKED
from tensorprop.core.build import ONE, call, rename, substitute
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Reduce, Tensor
from tensorprop.core.terms import number_and_rest
from tensorprop.run.lowerings.running import Reach, compared, letters_of, with_far
from tensorprop.run.lowerings.selection import Selects, called
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Array, Operations, Rule, Sizes, Value, Wish

__all__ = ["running_weights"]

_FAR = -float(str(MASKED))
"""What is above every logarithm: its opposite has the exponential 0."""


class _Owed(NamedTuple):
    """``exp(z_u - l_t)``, for the u that a t reaches: z and l in the factor's letters, u and t in the product's; or the
    product of all z that it reaches but one, without l."""

    factor: Factor
    z: Expr
    logs: Expr | None
    u: str
    t: str
    reach: Reach
    masks: tuple[Factor, ...]


def running_weights(on: Selects, p: Contraction) -> Callable[[Selects], Rule] | None:
    """The rule for a product of this form, or nothing."""
    if p.picks:
        return None
    for f in p.factors:
        found = _owed(on, p, f)
        if found is None or found.u not in p.free or found.t not in p.bound:
            continue
        every = [g for g in (*p.factors, *p.divisors, *p.masks) if g is not f and g not in found.masks]
        if not any({found.u, found.t} <= p.letters(g) for g in every) and _reaches(p, found):
            return lambda on, found=found: _summed(on, p, found)
    return None


def _owed(on: Selects, p: Contraction, f: Factor) -> _Owed | None:
    e, names, _ = f
    match e:
        case Reduce("softmax", (v,), Call("where", (Bracket() as mask, body, low)), (Index(u),)) if low is MASKED:
            logs = Reduce("logsumexp", (v,), e.body, ())
            on.extents.same_bounds(logs, e)
            mask, z = (rename(x, {v: u}) for x in (mask, body))
        case Call("exp", (Add((Call("where", (Bracket() as mask, z, low)), less)),)) if low is MASKED:
            c, logs = number_and_rest(less)
            if c != -1 or not isinstance(logs, Tensor) or not _are_logs(on, logs, mask, z):
                return None
            (u,) = z.free - logs.free if len(z.free - logs.free) == 1 else ("",)
        case Reduce("prod", (v,), Call("where", (Bracket("=") as same, one, Call("where", (mask, body, two))))):
            here = [i.name for i in (same.left, same.right) if isinstance(i, Index) and i.name != v]
            if one is not ONE or two is not ONE or len(here) != 1 or not isinstance(mask, Bracket):
                return None
            (u,), logs = here, None
            mask, z = (rename(x, {v: u}) for x in (mask, body))
        case _:
            return None
    said = compared(on, mask, u) if u in mask.free else None
    if said is None or said[1] != 1 or said[2] not in ("<", "≤", ">", "≥") or said[0] in z.free:
        return None
    t, _, relation, k = said
    u, t = p.called(u, names), p.called(t, names)
    low, high = (k + (relation == ">"), None) if relation in (">", "≥") else (None, k - (relation == "<"))
    masks = tuple(m for m in p.masks if compared(on, called(p, m[0], m[1]), u) == (t, *said[1:]))
    return _Owed(f, z, logs, u, t, Reach(1, low, high), masks)


def _are_logs(on: Selects, logs: Tensor, mask: Expr, z: Expr) -> bool:
    """Whether a tensor is the logarithm of the sum of exp(z) under this mask."""
    if not on.system.defines(logs.name):
        return False
    eq = on.system[logs.name]
    if len(eq.letters) != len(logs.subscripts):
        return False
    there = substitute(eq.value, dict(zip(eq.letters, logs.subscripts, strict=True)))
    match there:
        case Reduce("logsumexp", (v,), body):
            (u,) = z.free - logs.free if len(z.free - logs.free) == 1 else ("",)
            return bool(u) and substitute(body, {v: Index(u)}) is call("where", mask, z, MASKED)
        case _:
            return False


def _reaches(p: Contraction, w: _Owed) -> bool:
    """Whether the t that reach a u are none, or begin (end) with one that there is; and no t reaches nothing unless a
    bracket stands beside it."""
    low, high = w.reach.low, w.reach.high
    if (w.logs is None and not w.masks) or not all(isinstance(p.sizes[i], int) for i in (w.u, w.t)):
        return False
    if low is not None:
        return p.sizes[w.u] - 1 - low < p.sizes[w.t] and (bool(w.masks) or low <= 0)
    assert high is not None
    return high <= 0 and (bool(w.masks) or high >= 0)


def _summed(on: Selects, p: Contraction, w: _Owed) -> Rule:
    inner = p.within(p.free, w.masks)
    inner.factors = [g for g in inner.factors if g is not w.factor]
    far = inner.split(lambda g: w.u in p.letters(g))
    _, names, own = w.factor
    nodes = [e for e in (w.z, w.logs) if e is not None]
    beyond = letters_of(p, far).union(p.called(i, names) for e in nodes for i in e.free)
    here = letters_of(p, inner)
    inner.free = frozenset({w.t, *(here & (p.free | beyond))}) - {w.u}
    inner.result = inner.size(inner.free)
    inner.bound = [i for i in p.bound if i not in inner.free and (i in here or i not in beyond)]
    g = yield from on.contract(inner)
    found: list[Value] = []
    for e in nodes:
        v = yield Wish(e, {i: own[i] for i in e.free})
        found.append(Value(on.plain(v), tuple(p.called(i, names) for i in v.axes)))
    others = [i for i in dict.fromkeys(i for v in (*found, g) for i in v.axes) if i not in (w.t, w.u)]
    along = on.spread(Value(on.plain(g), g.axes), (w.t, *others), p.sizes)
    if w.logs is None:
        z = on.spread(found[0], (w.u, *others), p.sizes)
        made = _without_one(on.ops, w, p.sizes, z, along)
    else:
        log = on.spread(found[1], (w.t, *others), p.sizes)
        z = on.spread(found[0], (w.u, *others), p.sizes)
        made = _weighted(on.ops, w, p.sizes, z, log, along)
    made = Value(on.ops.named(made, (w.u, *others)), (w.u, *others))
    return (yield from with_far(on, p, far, made, letters_of(p, far).union(others)))


def _weighted(ops: Operations, w: _Owed, sizes: Sizes, z: Array, log: Array, g: Array) -> Array:
    """``exp(z_u - l_{u-k}) a_{u-k}``, with u in front."""
    back, k = _way(w)
    before = ops.shifted(log, 0, 1 if back else -1, sizes[w.t], 1, _FAR)
    totals = ops.recurrence(ops.call("exp", ops.subtract(log, before)), g, back)
    there = ops.shifted(log, 0, -k, sizes[w.u], 1, _FAR)
    return ops.multiply(ops.call("exp", ops.subtract(z, there)), ops.shifted(totals, 0, -k, sizes[w.u], 1, 0.0))


def _without_one(ops: Operations, w: _Owed, sizes: Sizes, x: Array, g: Array) -> Array:
    """``prod_{v < u} x_v a_{u-k}``, with u in front."""
    back, k = _way(w)
    step = 1 if back else -1
    totals = ops.recurrence(ops.shifted(x, 0, k + step, sizes[w.t], 1, 1.0), g, back)
    before = ops.shifted(ops.running("prod", x, 0, 0, 0, not back), 0, -step, sizes[w.u], 1, 1.0)
    return ops.multiply(before, ops.shifted(totals, 0, -k, sizes[w.u], 1, 0.0))


def _way(w: _Owed) -> tuple[bool, int]:
    """Whether the pass goes down, and k, where t reaches the u up to (from) t + k."""
    k = w.reach.high if w.reach.low is None else w.reach.low
    assert k is not None
    return w.reach.low is None, k
