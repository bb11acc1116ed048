"""Equations that read a loop's tensors entry by entry are worked out in its steps, while these are at hand.

In: a loop in numbers, and the equations after it. Out: the loop with such equations in its body. A tensor that nobody
else reads is then never stacked, and what is made of it is smaller:

    δS_tij = … δS_{t+1,ij};   δk_ti = Σ_j v_tj δS_tij;   δA_ij = Σ_t B_tij δS_tij

needs one δS at a time. Every letter of such an equation is one of the tensor's, so that nothing is gained by doing all
steps at once, as it is by the matrix product ``δW_kj = Σ_t h_tk δz_tj`` after its loop. A sum over time is over what
the steps give.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

from tensorprop.core.build import sum_over
from tensorprop.core.equation import Equation, Loop, System
from tensorprop.core.expr import Index, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.run.sizes import Extents, Steps

__all__ = ["Rider", "names_of", "ridden"]

_ENTRIES, _LESS = 2**8, 4
"""Entries of a tensor in a step from which on it is worth not to read them again, and how many times fewer are made."""


class Rider(NamedTuple):
    """An equation that is worked out in the steps of a loop, and as it stands there: if it sums over time, with time
    in front on the left."""

    equation: Equation
    inside: Equation
    time: str

    @property
    def summed(self) -> bool:
        """Whether it sums over time."""
        return self.inside is not self.equation


class WithLoops(Protocol):
    """What is asked of the lowering: the System, its sizes, the arrays that are there and the tensors that wait."""

    system: System
    extents: Extents
    arrays: dict[str, Any]
    waiting: frozenset[str]


def ridden(on: WithLoops, steps: Steps, wanted: Collection[str]) -> tuple[Steps, dict[str, Rider]]:
    """The loop with what is worked out in its steps."""
    after = [b for b in on.system.blocks if b != steps.loop]
    riders: dict[str, Rider] = {}
    for eq in after:
        if isinstance(eq, Equation) and eq.name not in on.arrays and eq.name not in on.waiting:
            found = _rider(on, steps, eq, riders)
            if found is not None:
                riders[eq.name] = found
    dropped = True
    while dropped:  # what sums over time is worth it if nobody else has the tensor stacked
        stacked = {*wanted, *(n for b in after if isinstance(b, Loop) or b.name not in riders for n in names_of(b))}
        own = steps.loop.axes.keys() & stacked
        dropped = [name for name, r in riders.items() if r.summed and not own.isdisjoint(r.equation.inputs)]
        for name in dropped:
            del riders[name]
    return (_joined(on, steps, riders.values()) if riders else steps), riders


def _joined(on: WithLoops, steps: Steps, riders: Collection[Rider]) -> Steps:
    loop = steps.loop
    for r in riders:
        if r.summed:
            on.extents.opened(r.equation, r.inside, r.time)
    ends = {r: on.extents.letters(r.inside)[r.time] for r in riders}
    axes = {r.equation.name: r.inside.letters.index(r.time) for r in riders}
    return Steps(
        loop._replace(body=(*loop.body, *(r.inside for r in riders)), axes=loop.axes | axes),
        steps.spans | {r.equation.name: (0, n) for r, n in ends.items()},
        steps.times | {r.inside: n for r, n in ends.items()},
        steps.places | {r.equation.name: {} for r in riders},
    )


def _rider(on: WithLoops, steps: Steps, eq: Equation, riders: Mapping[str, Rider]) -> Rider | None:
    """The equation as it stands in the steps; None if it is to stand after them."""
    loop, value = steps.loop, eq.value
    known = {*on.arrays, *loop.axes, *(name for name, r in riders.items() if not r.summed)}
    read = [t for t in tensors_of(value) if t.name in loop.axes]
    if not read or eq.place is not None or not known.issuperset(eq.inputs):
        return None
    if any(not isinstance(s, Index) for s in eq.target.subscripts):
        return None
    host = max(read, key=lambda t: len(t.free))
    place = host.subscripts[loop.axes[host.name]]
    if host.letters is None or not isinstance(place, Index):
        return None
    time = place.name
    axes = loop.axes | {name: r.inside.letters.index(r.time) for name, r in riders.items() if not r.summed}
    if any(t.subscripts[axes[t.name]] is not place for t in tensors_of(value) if t.name in axes):
        return None
    if time in eq.letters:
        inside, body = eq, value
    elif isinstance(value, Sum) and time in value.indices:
        body = sum_over(tuple(i for i in value.indices if i != time), value.body)
        inside = Equation(Tensor(eq.name, (place, *eq.target.subscripts)), body)
    else:
        return None
    bound = {i for n in postorder(body) if isinstance(n, (Sum, Reduce)) for i in n.indices}
    if not host.free >= {*inside.letters, *bound} or time in bound:
        return None
    sizes = on.extents.letters(eq)
    length = sizes[time] if inside is eq else on.extents.bound(value, sizes)[time]
    made = math.prod(sizes[i] for i in eq.letters if i != time)
    shape = on.extents.shapes[host.name]
    entries = math.prod(n for k, n in enumerate(shape) if k != loop.axes[host.name])
    if entries < max(_ENTRIES, _LESS * made) or not _within(steps, length):
        return None
    return Rider(eq, inside, time)


def _within(steps: Steps, length: int) -> bool:
    """Whether the steps go over the places 0 … length - 1, and no others."""
    places = [p for eq in steps.times for p in steps.given(eq)]
    return bool(places) and min(places) >= 0 and max(places) < length


def names_of(block: Equation | Loop) -> set[str]:
    """The names that a block reads."""
    equations = block.equations if isinstance(block, Loop) else (block,)
    return {name for eq in equations for name in eq.inputs}
