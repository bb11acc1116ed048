"""For which machines a program is made.

In: what JAX has here, and what is said while a program is traced. Out: whether it is for a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import jax

__all__ = ["elsewhere", "on_cpu"]

_elsewhere: ContextVar[bool] = ContextVar("elsewhere", default=False)


def on_cpu() -> bool:
    """Whether what is compiled here is run on a CPU, unless it is told otherwise."""
    return not _elsewhere.get() and _here() == "cpu"


@contextmanager
def elsewhere() -> Iterator[None]:
    """What is traced within is for machines that are no CPU."""
    token = _elsewhere.set(True)
    try:
        yield
    finally:
        _elsewhere.reset(token)


@cache
def _here() -> str:
    return jax.default_backend()
