"""The ways in which one program can be done that give the same numbers, for whoever times them (`run.jax_tuned`).

In: nothing but names. Out: `FORMS`, `done_as`, within which a lowering does it so, and `way`, asked wherever one
product can be done in several ways. What a form changes is asked where it is decided: how two arrays are multiplied
and which gives the rows (`run.values`), in which order, by what it is weighed (`run.pairs`), whether what is zero is
left out (`run.lower`), whose the derivatives are (`run.made`).

A place is what stands there (shapes and letters by number), not where it stands: products alike are done in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

__all__ = ["FORMS", "Choice", "Form", "done_as", "form", "gathering", "way"]


class Form(NamedTuple):
    """``other_rows``: the other operand of a product gives the rows; ``by_flops``: orders of fewest multiplications,
    whatever they move; ``whole``: nothing is left out beside a triangle; ``by_jax``: JAX differentiates the way there;
    ``ways``: places at which it is done another way than planned, and which.
    """

    name: str
    other_rows: bool = False
    by_flops: bool = False
    whole: bool = False
    by_jax: bool = False
    ways: tuple[tuple[str, int], ...] = ()


FORMS = (
    Form("as planned"),
    Form("JAX's own derivatives", by_flops=True, by_jax=True),
    Form("JAX's derivatives of the planned way there", by_jax=True),
    Form("orders of fewest multiplications", by_flops=True),
    Form("rows of the other operand", other_rows=True),
    Form("fewest multiplications, rows of the other operand", other_rows=True, by_flops=True),
    Form("nothing left out", whole=True),
)


class Choice(NamedTuple):
    """In how many ways it can be done there, and what it takes: nanoseconds, all that are alike together."""

    ways: int
    cost: float


_form: ContextVar[Form] = ContextVar("form", default=FORMS[0])
_places: ContextVar[dict[str, Choice] | None] = ContextVar("places", default=None)


def form() -> Form:
    """The form in which a program is being made."""
    return _form.get()


def gathering() -> bool:
    """Whether it is being gathered where there is a choice."""
    return _places.get() is not None


def way(place: Callable[[], tuple[str, int, float]]) -> int:
    """Which way to take; 0, as planned, unless the form says another. ``place`` gives its key, ways and cost."""
    places, ways = _places.get(), form().ways
    if places is None and not ways:
        return 0
    key, count, cost = place()
    if places is not None:
        known = places.get(key)
        places[key] = Choice(max(count, known.ways), cost + known.cost) if known else Choice(count, cost)
    return min(dict(ways).get(key, 0), count - 1)


@contextmanager
def done_as(chosen: Form, places: dict[str, Choice] | None = None) -> Iterator[None]:
    """What is lowered within is done so; ``places`` gathers where there was a choice."""
    before, there = _form.set(chosen), _places.set(places)
    try:
        yield
    finally:
        _form.reset(before)
        _places.reset(there)
