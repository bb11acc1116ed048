"""``Σ_u [u ≤ t] x_u w_t`` is a running sum; so is any reduction over u whose body has t only in such brackets.

In a product: brackets that hold ``u - c t`` below or above a number, or between two, and no factor that has both u and
t. What has u is worked out without t, its sums (over u ≤ c t + k, over u ≥ c t + k, or over a window) are taken along
u, one pass each, and read at every t; then what has t is multiplied on. In ``max_u``, ``min_u``, ``prod_u`` and
``logsumexp_u`` the brackets may stand anywhere in the body. Between two of their edges each of them is 0 or 1, and so

    max_u e = max(max_{u < b₁} e₀, max_{b₁ ≤ u < b₂} e₁, …),      b₁ = c t + k₁, …

with e₀, e₁ … that do not depend on t. Linear in time and memory, where a grid over t and u is quadratic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from tensorprop.core.build import ONE, ZERO
from tensorprop.core.expr import Bracket, Call, Expr, Index, Number, Reduce, Sum
from tensorprop.core.walk import postorder, transform
from tensorprop.run.lowerings.band import bounded
from tensorprop.run.lowerings.selection import Selects
from tensorprop.run.product import Contraction, Factor, contracted
from tensorprop.run.values import Array, Rule, Sizes, Value, Values, Wish

__all__ = ["NEUTRAL", "Reach", "compared", "letters_of", "running_product", "running_reduction", "with_far"]

NEUTRAL = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf, "logsumexp": -1e30}
"""What adds nothing; to a logarithm of sums, what is far below any logarithm of a number of the machine's."""


class Reach(NamedTuple):
    """Which u a t takes: those from ``c t + low`` to ``c t + high``, None where they go on to the end."""

    c: int
    low: int | None
    high: int | None


# --------------------------------------------------------------------------- along an axis
def _along(on: Selects, op: str, v: Value, letter: str, reach: Reach, out: str, size: int) -> Value:
    """An array over ``letter`` reduced over what every value of ``out`` reaches: in its place, one over ``out``."""
    axis, none = v.axes.index(letter), NEUTRAL[op]
    n = v.array.shape[axis]
    k = reach.high if reach.low is None else reach.low
    assert k is not None
    ends = [k, reach.c * (size - 1) + k]
    array, first = v.array, 0
    if reach.low is not None and reach.high is not None:
        width = max(0, reach.high - reach.low + 1)
        first = min(0, *ends)
        array = _window(on, op, array, axis, first, max(n, *(e + 1 for e in ends)) - first, width)
    elif reach.low is None:
        array = on.ops.running(op, array, axis, 0, max(0, max(ends) + 1 - n), False)
    else:
        first = min(0, *ends)
        array = on.ops.running(op, array, axis, -first, 0, True)
    if (k - first, reach.c) != (0, 1) or array.shape[axis] != size:
        array = on.ops.shifted(array, axis, k - first, size, reach.c, none)
    axes = tuple(out if i == letter else i for i in v.axes)
    return Value(on.ops.named(array, axes), axes)


def _window(on: Selects, op: str, a: Array, axis: int, first: int, size: int, width: int) -> Array:
    """``size`` reductions of ``width`` neighbours each, the first from ``first`` on: doubled until they are as wide."""
    none = NEUTRAL[op]
    part, wide = on.ops.shifted(a, axis, first, size + max(0, width - 1), 1, none), 1
    total, done = None, 0
    length = size + max(0, width - 1)
    while done < width:
        if width & wide:
            here = on.ops.shifted(part, axis, done, size, 1, none)
            total = here if total is None else _both(on, op, total, here)
            done += wide
        if done < width:
            part = _both(on, op, part, on.ops.shifted(part, axis, wide, length, 1, none))
            wide *= 2
    return total if total is not None else on.ops.full((*a.shape[:axis], size, *a.shape[axis + 1 :]), none)


def _both(on: Selects, op: str, a: Array, b: Array) -> Array:
    match op:
        case "sum":
            return on.ops.add(a, b)
        case "prod":
            return on.ops.multiply(a, b)
        case _:
            return on.ops.call("logaddexp" if op == "logsumexp" else op, a, b)


# --------------------------------------------------------------------------- products
def running_product(on: Selects, p: Contraction) -> Callable[[Selects], Rule] | None:
    """The rule for a product of this form, or nothing."""
    if p.picks:
        return None
    for b in bounded(on, p):
        letters = [i.name for i in b.form if isinstance(i, Index)]
        if len(letters) != 2:
            continue
        for u, t in (letters, letters[::-1]):
            c = b.form[Index(u)]
            every = [f for f in (*p.factors, *p.divisors, *p.masks) if f not in b.masks]
            if u not in p.bound or c not in (1, -1) or any({u, t} <= p.letters(f) for f in every):
                continue
            if t not in p.free and not any(t in p.letters(f) for f in every):
                continue
            low, high = (b.low, b.high) if c == 1 else _negated(b.low, b.high)
            reach = Reach(int(-c * b.form[Index(t)]), low, high)
            return lambda on, u=u, t=t, reach=reach, masks=b.masks: _summed(on, p, u, t, reach, masks)
    return None


def _negated(low: int | None, high: int | None) -> tuple[int | None, int | None]:
    return None if high is None else -high, None if low is None else -low


def _summed(on: Selects, p: Contraction, u: str, t: str, reach: Reach, masks: Sequence[Factor]) -> Rule:
    inner = p.within(p.free, masks)
    far = inner.split(lambda f: t in p.letters(f))
    beyond = letters_of(p, far)
    here = letters_of(p, inner)
    inner.free = frozenset({u, *(here & (p.free | beyond))})
    inner.result = inner.size(inner.free)
    inner.bound = [i for i in p.bound if i not in inner.free and i != t and (i in here or i not in beyond)]
    v = yield from on.contract(inner)
    axes = v.axes if u in v.axes else (*v.axes, u)
    v = Value(on.spread(Value(on.plain(v), v.axes), axes, p.sizes), axes)
    v = _along(on, "sum", v, u, reach, t, p.sizes[t])
    return (yield from with_far(on, p, far, v, beyond | {t} | (inner.free - {u})))


def with_far(on: Selects, p: Contraction, far: Contraction, v: Value, letters: frozenset[str]) -> Rule:
    """What was passed along, and the part of a product that stands beside it, summed over these letters."""
    far.free = p.free
    far.result = far.size(far.free)
    far.bound = [i for i in p.bound if i in letters]
    masks = yield from on.values_of(far, far.masks, 0)
    operands = yield from on.values_of(far, far.factors, 0)
    divisors = yield from on.values_of(far, far.divisors, 1)
    return contracted(cast(Values, on), far, masks, [v, *operands], divisors)


def letters_of(p: Contraction, of: Contraction) -> frozenset[str]:
    """The letters of a part of a product, as the product calls them."""
    return frozenset[str]().union(*(p.letters(f) for f in (*of.factors, *of.divisors, *of.masks)))


# --------------------------------------------------------------------------- reductions
def running_reduction(
    on: Selects, e: Reduce, sizes: Sizes, inner: Mapping[str, int]
) -> Callable[[Selects], Rule] | None:
    """The rule for a reduction whose body has a letter t only where it is compared with the letter that is bound."""
    if e.op not in NEUTRAL or e.at or len(e.indices) != 1:
        return None
    (u,) = e.indices
    found: dict[str, dict[Expr, tuple[int, str, int]]] = {}
    for n in postorder(e.body):
        said = compared(on, n, u)
        if said is not None:
            t, c, relation, k = said
            found.setdefault(t, {})[n] = (c, relation, k)
    for t, brackets in found.items():
        slopes = {c for c, _, _ in brackets.values()}
        if t not in e.free or len(slopes) != 1 or _elsewhere(e.body, t, brackets):
            continue
        (c,) = slopes
        return lambda on, t=t, c=c, brackets=brackets: _pieces(on, e, u, t, c, brackets, inner)
    return None


def compared(on: Selects, e: Expr, u: str) -> tuple[str, int, str, int] | None:
    """t, c, the relation and k of a bracket ``u ⋛ c t + k``."""
    if not isinstance(e, Bracket) or u not in e.free or len(e.free) != 2:
        return None
    left, right = on.affine(e.left), on.affine(e.right)
    if left is None or right is None:
        return None
    letters, rest = left.less(right)
    if letters.get(u) not in (1, -1) or len(letters) != 2:
        return None
    s = letters[u]
    (t,) = letters.keys() - {u}
    relation = e.relation if s == 1 else {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}.get(e.relation, e.relation)
    return t, -s * letters[t], relation, -s * rest


def _elsewhere(body: Expr, t: str, brackets: Iterable[Expr]) -> bool:
    """Whether a letter stands outside of these brackets, or one of them inside a binder."""
    known = frozenset(brackets)
    if any(isinstance(n, (Sum, Reduce)) and t in n.free for n in postorder(body)):
        return True
    return t in transform(body, lambda n: ONE if n in known else n).free


def _holds(relation: str, d: int, k: int) -> bool:
    return {"=": d == k, "≠": d != k, "<": d < k, "≤": d <= k, ">": d > k, "≥": d >= k}[relation]


def _pieces(
    on: Selects, e: Reduce, u: str, t: str, c: int, brackets: Mapping[Expr, tuple[int, str, int]], sizes: Sizes
) -> Rule:
    """The reduction of each piece, put together."""
    edges: set[int] = set()
    for _, relation, k in brackets.values():
        edges |= {"<": {k}, "≥": {k}, "≤": {k + 1}, ">": {k + 1}}.get(relation, {k, k + 1})
    starts = sorted(edges)
    total: Value | None = None
    for first, after in zip([None, *starts], [*starts, None], strict=True):
        d = first if first is not None else starts[0] - 1
        body = _settled(e.body, {b: _holds(relation, d, k) for b, (_, relation, k) in brackets.items()})
        if isinstance(body, Number) and float(body.value) == NEUTRAL[e.op]:
            continue
        v = yield Wish(body, {i: sizes[i] for i in body.free})
        axes = v.axes if u in v.axes else (*v.axes, u)
        v = Value(on.spread(Value(on.plain(v), v.axes), axes, sizes), axes)
        piece = _along(on, e.op, v, u, Reach(c, first, None if after is None else after - 1), t, sizes[t])
        if total is None:
            total = piece
            continue
        frame = tuple(dict.fromkeys((*total.axes, *piece.axes)))
        total = Value(_both(on, e.op, on.align(total, frame), on.align(piece, frame)), frame)
    return total if total is not None else Value(NEUTRAL[e.op], ())


def _settled(body: Expr, truth: Mapping[Expr, bool]) -> Expr:
    """The body where these brackets hold or do not."""

    def rule(n: Expr) -> Expr:
        if n in truth:
            return ONE if truth[n] else ZERO
        if isinstance(n, Call) and n.function == "where" and isinstance(n.args[0], Number):
            return n.args[1] if n.args[0].value else n.args[2]
        return n

    return transform(body, rule)
