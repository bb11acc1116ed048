"""What an array was made of, which another form of the same is made of again.

In: arrays that were added in places. Out: what was, and sums of such sums.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import reduce
from typing import Any, NamedTuple

from jax import lax

__all__ = ["InPlaces"]

Array = Any


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
