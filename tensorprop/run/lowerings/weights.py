"""``Σ_t [u ≤ t] exp(z_u - l_t) g_t``, where ``l_t = log Σ_u [u ≤ t] exp(z_u)``: what is owed to z by running log-sums.

A factor ``softmax_u(where([u ≤ t], z_u, -1e30))``, or the exponential where l_t has a name. The sets of u grow with t,
so l_t does not fall, and with

    a_t = g_t + exp(l_t - l_{t+1}) a_{t+1},      Σ_t [u ≤ t] exp(z_u - l_t) g_t  =  exp(z_u - l_u) a_u,

no exponential is above 1: one pass along t, where a grid over t and u is quadratic. ``[u ≥ t]`` goes the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from tensorprop.calculus.stable import MASKED
from tensorprop.core.build import call, rename, substitute
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Reduce, Tensor
from tensorprop.core.terms import number_and_rest
from tensorprop.run.lowerings.running import Reach, compared, letters_of
from tensorprop.run.lowerings.selection import Selects, called
from tensorprop.run.product import Contraction, Factor, contracted
from tensorprop.run.values import Array, Rule, Value, Values, Wish

__all__ = ["running_weights"]

_FAR = -float(str(MASKED))
"""What is above every logarithm: its opposite has the exponential 0."""


class _Weights(NamedTuple):
    """``exp(z_u - l_t)``, for the u that a t reaches: z and l in the factor's letters, u and t in the product's."""

    factor: Factor
    z: Expr
    logs: Expr
    u: str
    t: str
    reach: Reach
    masks: tuple[Factor, ...]


def running_weights(on: Selects, p: Contraction) -> Callable[[Selects], Rule] | None:
    """The rule for a product of this form, or nothing."""
    if p.picks:
        return None
    for f in p.factors:
        found = _weights(on, p, f)
        if found is None or found.u not in p.free or found.t not in p.bound:
            continue
        every = [g for g in (*p.factors, *p.divisors, *p.masks) if g is not f and g not in found.masks]
        if not any({found.u, found.t} <= p.letters(g) for g in every) and _reaches(p, found):
            return lambda on, found=found: _summed(on, p, found)
    return None


def _weights(on: Selects, p: Contraction, f: Factor) -> _Weights | None:
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
        case _:
            return None
    said = compared(on, mask, u) if u in mask.free else None
    if said is None or said[1] != 1 or said[2] not in ("<", "≤", ">", "≥") or said[0] in z.free:
        return None
    t, _, relation, k = said
    u, t = p.called(u, names), p.called(t, names)
    low, high = (k + (relation == ">"), None) if relation in (">", "≥") else (None, k - (relation == "<"))
    masks = tuple(m for m in p.masks if compared(on, called(p, m[0], m[1]), u) == (t, *said[1:]))
    return _Weights(f, z, logs, u, t, Reach(1, low, high), masks)


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


def _reaches(p: Contraction, w: _Weights) -> bool:
    """Whether the t that reach a u are none, or begin (end) with one that there is; and no t reaches nothing unless a
    bracket stands beside it."""
    low, high = w.reach.low, w.reach.high
    if low is not None:
        return p.sizes[w.u] - 1 - low < p.sizes[w.t] and (bool(w.masks) or low <= 0)
    assert high is not None
    return high <= 0 and (bool(w.masks) or high >= 0)


def _summed(on: Selects, p: Contraction, w: _Weights) -> Rule:
    inner = p.within(p.free, w.masks)
    inner.factors = [g for g in inner.factors if g is not w.factor]
    far = inner.split(lambda g: w.u in p.letters(g))
    _, names, own = w.factor
    beyond = letters_of(p, far).union(p.called(i, names) for i in w.logs.free | w.z.free)
    here = letters_of(p, inner)
    inner.free = frozenset({w.t, *(here & (p.free | beyond))}) - {w.u}
    inner.result = inner.size(inner.free)
    inner.bound = [i for i in p.bound if i not in inner.free and (i in here or i not in beyond)]
    g = yield from on.contract(inner)
    logs = yield Wish(w.logs, {i: own[i] for i in w.logs.free})
    z = yield Wish(w.z, {i: own[i] for i in w.z.free})
    logs, z = (Value(on.plain(v), tuple(p.called(i, names) for i in v.axes)) for v in (logs, z))
    others = [i for i in dict.fromkeys((*logs.axes, *g.axes)) if i != w.t]
    made = _passed(on, w, p.sizes, others, logs, z, g)
    far.free = p.free
    far.result = far.size(far.free)
    far.bound = [i for i in p.bound if i in others or i in letters_of(p, far)]
    masks = yield from on.values_of(far, far.masks, 0)
    operands = yield from on.values_of(far, far.factors, 0)
    divisors = yield from on.values_of(far, far.divisors, 1)
    return contracted(cast(Values, on), far, masks, [made, *operands], divisors)


def _passed(
    on: Selects, w: _Weights, sizes: Mapping[str, int], others: list[str], logs: Value, z: Value, g: Value
) -> Value:
    """``exp(z_u - l_{u-k}) a_{u-k}``, over u and the other letters."""
    ops, back = on.ops, w.reach.low is None
    k = w.reach.high if back else w.reach.low
    assert k is not None
    log, a = (on.spread(Value(on.plain(v), v.axes), (w.t, *others), sizes) for v in (logs, g))
    step = 1 if back else -1
    before = ops.shifted(log, 0, step, sizes[w.t], 1, _FAR)
    rate = ops.call("exp", ops.subtract(log, before))

    def passed(_: Array, held: Any, now: Any) -> tuple[list[Array], list[Array]]:
        total = ops.add(ops.multiply(now[0], held[0]), now[1])
        return [total], [total]

    start = ops.full(tuple(sizes[i] for i in others), 0.0)
    totals = ops.scan(passed, [start], [rate, a], sizes[w.t], back)[1][0]
    at = [ops.shifted(x, 0, -k, sizes[w.u], 1, fill) for x, fill in ((log, _FAR), (totals, 0.0))]
    axes = (w.u, *others)
    exponent = on.joined(z, Value(at[0], axes), True)
    weights = Value(ops.call("exp", on.align(exponent, axes)), axes)
    return Value(ops.named(ops.multiply(weights.array, at[1]), axes), axes)
