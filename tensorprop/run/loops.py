"""A recurrence as a program: the plain way, one step after the other, each tensor of the loop kept whole.

In: a loop in numbers, and a way to work out one equation where its time is a number known only when the program runs.
Out: the arrays of the loop's tensors, with the starts that lie outside of them in front or behind. A step puts one
entry of each tensor in its place; what a step does not give stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprop.core.equation import Equation
from tensorprop.run.sizes import Steps
from tensorprop.run.values import Array, Operations

__all__ = ["looped"]

Evaluate = Callable[[Equation, dict[str, Array], Any], Array]
"""The array of an equation without its time axis, given the loop's tensors so far and the value of its letter (None:
the equation is a start)."""


def looped(steps: Steps, shapes: dict[str, tuple[int, ...]], ops: Operations, evaluate: Evaluate) -> dict[str, Array]:
    """The tensors of a loop by name."""
    loop = steps.loop
    made: dict[str, Array] = {}
    for name, (first, end) in steps.spans.items():
        shape = list(shapes[name])
        shape[loop.axes[name]] = end - first
        made[name] = ops.full(tuple(shape), 0.0)
    for name, places in steps.places.items():
        for place, eq in places.items():
            entry = evaluate(eq, made, None)
            made[name] = ops.update(made[name], entry, place - steps.spans[name][0], loop.axes[name])
    begins = min(loop.time(eq)[1] for eq in loop.body)
    ends = max(loop.time(eq)[1] + steps.times[eq] for eq in loop.body)
    names = tuple(made)

    def step(place: Array, carried: tuple[Array, ...]) -> tuple[Array, ...]:
        now = dict(zip(names, carried, strict=True))
        for eq in loop.body:
            if not steps.times[eq]:
                continue
            n, axis = loop.time(eq)[1], loop.axes[eq.name]
            t = ops.add(place, -n) if n else place
            here = ops.add(place, -steps.spans[eq.name][0]) if steps.spans[eq.name][0] else place
            holds = _holds(steps, eq, place, begins, ends, ops)
            if holds is not None:
                t = ops.within(t, steps.times[eq], "edge")
                here = ops.within(here, steps.spans[eq.name][1] - steps.spans[eq.name][0], "edge")
            entry = evaluate(eq, now, t)
            if holds is not None:
                entry = ops.call("where", holds, entry, ops.take(now[eq.name], here, axis))
            now[eq.name] = ops.update(now[eq.name], entry, here, axis)
        return tuple(now[name] for name in names)

    places = (begins, ends) if loop.step > 0 else (ends - 1, begins - 1)
    return dict(zip(names, ops.loop(step, tuple(made.values()), *places), strict=True))


def _holds(steps: Steps, eq: Equation, place: Array, begins: int, ends: int, ops: Operations) -> Array | None:
    """Whether the equation gives the entry at this place; None if it gives one at each place of the loop."""
    n = steps.loop.time(eq)[1]
    last = n + steps.times[eq]
    conditions = [("≥", n)] if begins < n else []
    conditions += [("<", last)] if last < ends else []
    conditions += [("≠", p) for p in steps.places[eq.name] if n <= p < last]
    found: Array | None = None
    for relation, p in conditions:
        one = ops.compare(relation, place, p)
        found = one if found is None else ops.both(found, one)
    return found
