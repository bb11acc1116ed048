"""When the equations of a loop are worked out: each at a place of its own in every step, so that none of them idles.

    k_t = g(x_t),   x_{t+1} = x_t + k_t,   x_0 = p:      k is there for t = 0 … T − 1, and x for 1 … T

In: a loop in numbers. Out: how many steps it takes, the place on the time axis at which every tensor stands in the
lowest of them, the order within a step, and the right sides there. With every equation at one place, T + 1 steps are
needed in which k idles once and x is put aside once; with x one place ahead of k they are T, and nothing is put aside.
What one equation has more than the others is worked out before the first step, if it needs none:

    δx_t = [t = T] y + [t < T] (δx_{t+1} + g′(x_t) δk_t),   δk_t = δx_{t+1}:      δx_T = y, then T steps

A bracket that is as true, or as false, in all steps is none of their business. Where places do not fit together, all
equations stand at one place, and each is put aside where it does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tensorprop.core.affine import shift
from tensorprop.core.build import ONE, ZERO, number, remake
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Expr, Index, Mul, Reduce, Sum
from tensorprop.core.walk import fold, tensors_of
from tensorprop.run.lowerings.whole_form import always, never
from tensorprop.run.sizes import Extents, Part, Steps, counted

__all__ = ["Timing", "timed"]


class Timing(NamedTuple):
    """``low``: the place of every tensor in the lowest of ``length`` steps; ``body``: the equations in the order of a
    step, each with its right side; ``first``: what is worked out before, each at a place."""

    low: Mapping[str, int]
    length: int
    body: Mapping[Equation, Expr]
    first: tuple[tuple[Equation, int, Expr], ...]


def timed(steps: Steps, extents: Extents) -> Timing:
    """The steps of a loop: as few as there are, or with all equations at one place."""
    loop = steps.loop
    given = {eq: steps.given(eq) for eq in loop.body}
    every = [p for there in given.values() for p in there]
    begin, end = (min(every), max(every) + 1) if every else (0, 0)
    plain = Timing({eq.name: begin for eq in loop.body}, end - begin, {eq: eq.value for eq in loop.body}, ())
    if all(len(there) == end - begin for there in given.values()):
        return plain
    return _few(steps, extents, given) or plain


def _few(steps: Steps, extents: Extents, given: Mapping[Equation, list[int]]) -> Timing | None:
    """As many steps as the equation that holds least often takes, each equation at its last places."""
    loop = steps.loop
    count = min(map(len, given.values()))
    if not count or any(there[-1] - there[0] + 1 != len(there) for there in given.values()):
        return None
    low = {eq.name: there[0] if loop.step < 0 else there[-1] - count + 1 for eq, there in given.items()}
    values: dict[Equation, Expr] = {}
    before: list[tuple[int, Equation]] = []
    for eq, there in given.items():
        letter, n = loop.time(eq)
        values[eq] = _settled(eq.value, letter, Part(count, low[eq.name] - n), extents)
        before += [(p, eq) for p in there if not low[eq.name] <= p < low[eq.name] + count]
    order = _order(steps, low, values)
    if order is None:
        return None
    place = {eq: k for k, eq in enumerate(order)}
    first: list[tuple[Equation, int, Expr]] = []
    there = {name: {*starts} for name, starts in steps.places.items()}
    for p, eq in sorted(before, key=lambda at: (at[0] * loop.step, place[at[1]])):
        letter, n = loop.time(eq)
        value = _at(_settled(eq.value, letter, Part(1, p - n), extents), letter, p - n, extents)
        for t in tensors_of(value):
            if t.name in low:
                q = counted(t.subscripts[loop.axes[t.name]], extents.shapes, {})
                if q not in there[t.name]:
                    return None
        there[eq.name].add(p)
        first.append((eq, p, value))
    return Timing(low, count, {eq: values[eq] for eq in order}, tuple(first))


def _order(steps: Steps, low: Mapping[str, int], values: Mapping[Equation, Expr]) -> list[Equation] | None:
    """The equations, each after those whose entry of the same step it reads; None where there is no such order."""
    loop = steps.loop
    needs: dict[Equation, set[str]] = {}
    for eq, value in values.items():
        n = loop.time(eq)[1]
        needs[eq] = set()
        for t in tensors_of(value):
            if t.name in low:
                read = shift(t.subscripts[loop.axes[t.name]])
                if read is None:
                    return None
                ahead = (low[eq.name] - n + read[1] - low[t.name]) * loop.step
                if ahead > 0:
                    return None
                if ahead == 0:
                    needs[eq].add(t.name)
    order: list[Equation] = []
    while len(order) < len(needs):
        done = {eq.name for eq in order}
        ready = [eq for eq in needs if eq.name not in done and needs[eq] <= done]
        if not ready:
            return None
        order += ready
    return order


def _settled(e: Expr, letter: str, steps: Part, extents: Extents) -> Expr:
    """Sums and products without the brackets on the time that are as true in all steps, and the terms where one is
    false."""

    sizes = {letter: steps}

    def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
        match n:
            case Bracket() if n.free == {letter}:
                if always(n, extents.shapes, sizes):
                    return ONE
                return ZERO if never(n, extents.shapes, sizes) else n
            case Mul() | Add():
                return remake(n, parts)
            case Sum() if parts[0] is ZERO:
                return ZERO
            case Sum(indices) if parts != n.children and parts[0].free.issuperset(indices):
                made = Sum(indices, parts[0])
                extents.same_bounds(made, n)
                return made
            case _:
                return n

    return fold(e, rule)


def _at(e: Expr, letter: str, value: int, extents: Extents) -> Expr:
    """The right side at one time."""

    def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Index) and n.name == letter:
            return number(value)
        made = Sum(n.indices, parts[0]) if isinstance(n, Sum) else remake(n, parts)  # sums stay as they are nested
        if made is not n and isinstance(n, (Sum, Reduce)):
            extents.same_bounds(made, n)
        return made

    return fold(e, rule)
