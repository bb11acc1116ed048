"""The ways in which one program can be done that give the same numbers, for whoever times them (`run.jax_tuned`).

In: nothing but names. Out: `FORMS`, and `done_as`, within which a lowering does it so. What a form changes is asked
where it is decided: which operand of a product gives the rows (`run.values`), by what its order is weighed
(`run.pairs`), whether what is zero is left out (`run.lower`), whose the derivatives are (`run.made`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

__all__ = ["FORMS", "Form", "done_as", "form"]


class Form(NamedTuple):
    """``other_rows``: the other operand of a product gives the rows; ``by_flops``: orders of fewest multiplications,
    whatever they move; ``whole``: nothing is left out beside a triangle; ``by_jax``: JAX differentiates the way there.
    """

    name: str
    other_rows: bool = False
    by_flops: bool = False
    whole: bool = False
    by_jax: bool = False


FORMS = (
    Form("as planned"),
    Form("JAX's own derivatives", by_flops=True, by_jax=True),
    Form("JAX's derivatives of the planned way there", by_jax=True),
    Form("orders of fewest multiplications", by_flops=True),
    Form("rows of the other operand", other_rows=True),
    Form("fewest multiplications, rows of the other operand", other_rows=True, by_flops=True),
    Form("nothing left out", whole=True),
)

_form: ContextVar[Form] = ContextVar("form", default=FORMS[0])


def form() -> Form:
    """The form in which a program is being made."""
    return _form.get()


@contextmanager
def done_as(chosen: Form) -> Iterator[None]:
    """What is lowered within is done so."""
    before = _form.set(chosen)
    try:
        yield
    finally:
        _form.reset(before)
