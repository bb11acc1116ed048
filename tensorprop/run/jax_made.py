"""What an array was made of, which another form of the same is made of again.

In: arrays that were put together, or added in places. Out: their parts, and sums of such sums.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from jax import lax

__all__ = ["InPlaces", "Joined"]

Array = Any


class Joined(NamedTuple):
    """An array (which is kept, so that nothing else takes its identity) and what was put together along an axis."""

    array: Array
    parts: Sequence[Array]
    axis: int

    def part(self, axis: int, start: int, size: int) -> Array | None:
        """The part that begins there and has this size."""
        here = 0
        for p in self.parts if axis == self.axis else ():
            if (here, p.shape[axis]) == (start, size):
                return p
            here += p.shape[axis]
        return None


class InPlaces(NamedTuple):
    """An array (which is kept, so that nothing else takes its identity) and what was added in places to make it: for
    each set of places what was, and how something is."""

    array: Array
    parts: dict[Hashable, tuple[Array, Callable[[Array], Array]]]

    def negated(self) -> InPlaces:
        return InPlaces(self.array, {k: (lax.neg(a), put) for k, (a, put) in self.parts.items()})

    def and_(self, other: InPlaces) -> InPlaces:
        """Both: what is added in the same places is added up before."""
        parts = dict(self.parts)
        for places, (a, put) in other.parts.items():
            parts[places] = (lax.add(parts[places][0], a), put) if places in parts else (a, put)
        first, *rest = (put(a) for a, put in parts.values())
        return InPlaces(reduce(lax.add, rest, first), parts)
