"""``Σ_ab g_ab expm′(X)_abuv`` is one Fréchet derivative of the exponential: no array of n⁴ entries is made.

``expm′(X)_abuv`` is ∂expm(X)_ab/∂X_uv. Summed with E_uv over u and v it is the derivative L(X, E)_ab along E; summed
with g_ab over a and b, what the exponential owes X, it is L(Xᵀ, g)_uv: of a power series, the sum of
c_n tr(gᵀ Xᵖ E X^q) over p + q = n - 1 is that of c_n tr(((Xᵀ)ᵖ g (Xᵀ)^q)ᵀ E). L takes a few products of matrices
(Al-Mohy and Higham, Computing the Fréchet Derivative of the Matrix Exponential, 2009). The factors that have either
summed subscript are worked out first; where they have one of the others too, or where all four are kept, the entries
are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from tensorprop.core.expr import Index, Reduce
from tensorprop.run.lowerings.solving import part
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Array, Rule, Value, Wish

__all__ = ["frechet"]


class _Summed(NamedTuple):
    """A derivative in a product, the two subscripts that are summed, the two others, and what has the first two."""

    factor: Factor
    summed: tuple[str, str]
    others: tuple[str, str]
    turned: bool
    factors: list[Factor]
    ready: list[Value]
    kept: frozenset[str]


def frechet(on: Any, p: Contraction) -> Rule | None:
    """The product with a derivative of the exponential put to use, if it has one two of whose subscripts are summed."""
    found = [] if p.picks else list(_found(on, p))
    return _made(on, p, min(found, key=lambda s: p.size(s.kept))) if found else None


def _found(on: Any, p: Contraction) -> Iterator[_Summed]:
    for f in p.factors:
        e, names, _ = f
        if not isinstance(e, Reduce) or e.op != "expm′":
            continue
        letters = [p.called(a.name, names) for a in e.at if isinstance(a, Index) and a.name not in on.time]
        if len(letters) != 4:
            continue
        a, b, u, v = letters
        for summed, others in (((a, b), (u, v)), ((u, v), (a, b))):
            if {*summed} <= {*p.bound} and {*summed}.isdisjoint(others) and others[0] != others[1]:
                found = _group(p, f, summed, others, summed == (a, b))
                if found is not None:
                    yield found


def _group(p: Contraction, f: Factor, summed: tuple[str, str], others: tuple[str, str], turned: bool) -> _Summed | None:
    """The factors that have a summed subscript; None where there is none, or where one has another of the four."""
    mine = [g for kind in (p.factors, p.divisors, p.masks) for g in kind if g is not f]
    chosen = [g for g in mine if not p.letters(g).isdisjoint(summed)]
    ready = [v for v in p.ready if not {*summed}.isdisjoint(v.axes)]
    reach = frozenset[str]().union(*map(p.letters, chosen), *(v.axes for v in ready))
    trace = summed[0] == summed[1]
    if not (trace or reach >= {*summed}) or not reach.isdisjoint(others):
        return None
    rest = frozenset[str]().union(
        *(p.letters(g) for g in mine if not any(g is h for h in chosen)),
        *(v.axes for v in p.ready if not any(v is w for w in ready)),
    )
    kept = frozenset(i for i in reach if i in summed or i in p.free or i in rest or i in p.letters(f))
    return _Summed(f, summed, others, turned, chosen, ready, kept)


def _diagonal(on: Any, a: Array, n: int) -> Array:
    """The matrices that have the entries along the last axis on their diagonals."""
    lead = a.shape[:-1]
    same = on.ops.compare("=", on.ops.expand(on.ops.iota(n), (1,)), on.ops.expand(on.ops.iota(n), (0,)))
    same = on.ops.broadcast(on.ops.expand(same, tuple(range(len(lead)))), (*lead, n, n))
    return on.ops.where(same, on.ops.broadcast(on.ops.expand(a, (len(lead),)), (*lead, n, n)))


def _made(on: Any, p: Contraction, s: _Summed) -> Rule:
    right = part(p, s.kept, s.factors, s.ready)
    right.coefficient = Fraction(1)
    along = yield from on.contract(right)
    e, names, sizes = s.factor
    assert isinstance(e, Reduce)
    inner = {**sizes, **on.extents.bound(e, sizes)}
    body = yield Wish(e.body, inner)
    lead = tuple(i for i in body.axes if i not in e.indices)
    rows = e.indices[::-1] if s.turned else e.indices
    called = tuple(p.called(i, names) for i in lead)
    more = tuple(i for i in along.axes if i not in s.summed and i not in called)
    beside = {f"{i}·": p.sizes[i] for i in more}
    x = on.spread(Value(on.plain(body), body.axes), (*lead, *beside, *rows), {**inner, **beside})
    direction = on.spread(Value(on.plain(along), along.axes), (*called, *more, *dict.fromkeys(s.summed)), p.sizes)
    if s.summed[0] == s.summed[1]:  # Σ_k g_k expm′(X)_kkuv is along the diagonal matrix of g
        direction = _diagonal(on, direction, p.sizes[s.summed[0]])
    axes = (*called, *more, *s.others)
    made = Value(on.ops.named(on.ops.frechet(x, direction), axes), axes)
    others = [g for kind in (p.factors, p.divisors, p.masks) for g in kind]
    others = [g for g in others if g is not s.factor and not any(g is h for h in s.factors)]
    left = part(p, p.free, others, [*(v for v in p.ready if not any(v is w for w in s.ready)), made])
    return (yield from on.contract(left))
