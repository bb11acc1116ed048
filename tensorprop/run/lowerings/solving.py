"""``Σ_j inv(A)_ij b_j`` is the solution x of ``Σ_j A_ij x_j = b_i``: no inverse is made.

In a product that is summed, an inverse with a subscript that is summed is taken together with the factors that have
it, or that all summed letters tie to it, which are worked out first: they are the right sides, one for every value of
their other letters. Either subscript will do, ``Σ_i y_i inv(A)_ij`` being the solution for Aᵀ; the choice with fewer
right sides is taken. What is solved stands in the product as one factor more. Where the right side has the other
subscript too, as in ``inv(A)_ij B_ji``, the inverse is made.

A matrix is factored once: inv(S) and logdet(S) share its factors, a permutation and two triangles, or, if the System
says ``spd(S)``, one triangle L with S = L Lᵀ. A matrix of which it says ``lower(L)`` is its own factor.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from tensorprop.core.expr import Index, Reduce, Tensor
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Array, Rule, Sizes, Value, Wish

__all__ = ["factored", "inverse", "logdet", "part", "solving"]


class _Side(NamedTuple):
    """An inverse in a product, the subscript that is summed and the other one, and what is tied to the first."""

    factor: Factor
    summed: str
    other: str
    factors: list[Factor]
    ready: list[Value]
    kept: frozenset[str]


def factored(on: Any, e: Reduce, sizes: Sizes) -> Generator[Wish, Value, tuple[Any, tuple[str, ...], Sizes]]:
    """The factors of the matrix of which ``e`` is a function, made once; its other letters; and all sizes."""
    inner = {**sizes, **on.extents.bound(e, sizes)}
    body = yield Wish(e.body, inner)
    lead = tuple(i for i in body.axes if i not in e.indices)
    axes = (*lead, *e.indices)
    kind = _kind(on, e)
    at = tuple(body.axes.index(i) if i in body.axes else -1 for i in axes)
    key = (on.ops.identity(body.array), at, tuple(inner[i] for i in e.indices), kind)
    if key not in on.factors:
        array = on.spread(Value(on.plain(body), body.axes), axes, inner)
        on.factors[key] = body.array, on.ops.factor(array, kind)
    return on.factors[key][1], lead, inner


def _kind(on: Any, e: Reduce) -> str:
    """What is declared of a matrix that its factors need not find: ``spd``, ``lower``, ``upper`` of its transpose."""
    if not isinstance(e.body, Tensor):
        return ""
    if on.system.declares("spd", e.body.name):
        return "spd"
    if on.system.declares("lower", e.body.name):
        places = [s.name for s in e.body.subscripts[-2:] if isinstance(s, Index)]
        return "lower" if places == [*e.indices] else "upper" if places == [*e.indices][::-1] else ""
    return ""


def logdet(on: Any, e: Reduce, sizes: Sizes) -> Rule:
    """log |det S|, from the factors."""
    factor, lead, _ = yield from factored(on, e, sizes)
    return Value(on.ops.logdet(factor), lead)


def inverse(on: Any, e: Reduce, sizes: Sizes) -> Generator[Wish, Value, tuple[Array, tuple[str, ...]]]:
    """All entries of an inverse, behind the letters of which there is one each."""
    factor, lead, inner = yield from factored(on, e, sizes)
    key = ("inverse", id(factor))
    if key in on.factors:
        return on.factors[key], lead
    n = inner[e.indices[0]]
    one = on.ops.compare("=", on.ops.expand(on.ops.iota(n), (1,)), on.ops.expand(on.ops.iota(n), (0,)))
    one = on.spread(Value(on.plain(Value(one, e.indices, True)), e.indices), (*lead, *e.indices), inner)
    on.factors[key] = on.ops.solved(factor, one, False)
    return on.factors[key], lead


def solving(on: Any, p: Contraction) -> Rule | None:
    """The product with an inverse put to use, if it has one with a summed subscript."""
    sides = [] if p.picks else list(_sides(on, p))
    if not sides:
        return None
    return _solved(on, p, min(sides, key=lambda s: p.size(s.kept)))


def _sides(on: Any, p: Contraction) -> Iterator[_Side]:
    for f in p.factors:
        e, names, _ = f
        if not isinstance(e, Reduce) or e.op != "inv":
            continue
        letters = [p.called(a.name, names) for a in e.at if isinstance(a, Index) and a.name not in on.time]
        if len({*letters}) != 2:
            continue
        for summed, other in (letters[::-1], letters):
            for links in ({summed}, {*p.bound} - {other} - p.letters(f) | {summed}) if summed in p.bound else ():
                found = _tied(p, f, summed, other, links)
                if found is not None:
                    yield found


def _tied(p: Contraction, f: Factor, summed: str, other: str, links: set[str]) -> _Side | None:
    """What these letters tie to one subscript of an inverse; None if that is nothing, or has the other one too."""
    items: list[tuple[frozenset[str], Any]] = [
        *((p.letters(g), g) for kind in (p.factors, p.divisors, p.masks) for g in kind if g is not f),
        *((frozenset(v.axes), v) for v in p.ready),
    ]
    group: list[Any] = []
    reach = {summed}
    again = True
    while again:
        again = False
        for letters, item in items:
            if not any(item is g for g in group) and letters & reach & links:
                group.append(item)
                reach |= letters
                again = True
    rest = frozenset[str]().union(*(letters for letters, item in items if not any(item is g for g in group)))
    if not group or other in reach or not p.letters(f).isdisjoint(reach - {summed} & {*p.bound} - p.free):
        return None
    kept = frozenset(i for i in reach if i == summed or i in p.free or i in rest or i in p.letters(f))
    ready = [g for g in group if isinstance(g, Value)]
    return _Side(f, summed, other, [g for g in group if not isinstance(g, Value)], ready, kept)


def part(p: Contraction, free: frozenset[str], factors: Sequence[Factor], ready: Sequence[Value]) -> Contraction:
    """The product of some of the factors, over these letters."""
    part = p.within(free, ())
    for kind in ("factors", "divisors", "masks"):
        setattr(part, kind, [g for g in getattr(p, kind) if any(g is h for h in factors)])
    part.ready = list(ready)
    letters = frozenset[str]().union(*(p.letters(g) for g in factors), *(v.axes for v in ready))
    part.bound = [i for i in p.bound if i in letters and i not in free]
    return part


def _solved(on: Any, p: Contraction, s: _Side) -> Rule:
    right = part(p, s.kept, s.factors, s.ready)
    right.coefficient = Fraction(1)
    b = yield from on.contract(right)
    e, names, sizes = s.factor
    assert isinstance(e, Reduce)
    factor, lead, _ = yield from factored(on, e, sizes)
    lead = tuple(p.called(i, names) for i in lead)
    columns = tuple(i for i in b.axes if i != s.summed and i not in lead)
    array = on.spread(Value(on.plain(b), b.axes), (*lead, s.summed, *columns), p.sizes)
    shape = array.shape[: len(lead) + 1]
    wide = [p.sizes[i] for i in columns]
    array = on.ops.reshape(array, (*shape, math.prod(wide)))
    row = p.called(e.at[0].name, names) if isinstance(e.at[0], Index) else ""
    turned = s.summed == row and _kind(on, e) != "spd"
    order = tuple(b.axes.index(i) if i in b.axes else -1 for i in (*lead, s.summed, *columns))
    key = ("solved", id(factor), on.ops.identity(b.array), order, turned)
    if key not in on.factors:  # what is solved once serves both subscripts of a symmetric inverse
        on.factors[key] = b.array, on.ops.reshape(on.ops.solved(factor, array, turned), (*shape, *wide))
    x = on.factors[key][1]
    others = [g for kind in (p.factors, p.divisors, p.masks) for g in kind]
    others = [g for g in others if g is not s.factor and not any(g is h for h in s.factors)]
    axes = (*lead, s.other, *columns)
    made = Value(on.ops.named(x, axes), axes)
    left = part(p, p.free, others, [*(v for v in p.ready if not any(v is h for h in s.ready)), made])
    return (yield from on.contract(left))
