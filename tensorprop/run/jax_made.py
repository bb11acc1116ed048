"""What an array was made of, which another form of the same is made of again.

In: arrays that were added in places, or turned. Out: what was, sums of such sums, and what is turned again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import reduce
from typing import Any, NamedTuple

from jax import lax

__all__ = ["InPlaces", "Turned"]

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


class Turned(NamedTuple):
    """An array (which is kept, so that nothing else takes its identity), and what it is with its axes in another
    order, if it was turned."""

    array: Array
    source: Array
    order: tuple[int, ...] | None = None

    @staticmethod
    def of(a: Array) -> Turned:
        return Turned(a, a)

    @property
    def back(self) -> tuple[int, ...]:
        """The order of axes in which the array is what it was made of."""
        order = self.order or tuple(range(self.array.ndim))
        return tuple(map(order.index, range(len(order))))

    def turned(self, order: tuple[int, ...]) -> Turned:
        """The same with its axes in this order."""
        whole = order if self.order is None else tuple(self.order[k] for k in order)
        if whole == tuple(range(len(whole))):
            return Turned.of(self.source)
        return Turned(lax.transpose(self.source, whole), self.source, whole)
