"""Elementwise operations of two arrays, asked of ``lax`` where nothing is left to promote.

In: arrays, tracers, Python's numbers. Out: what ``jnp.multiply`` and its like give, entry by entry, dtype by dtype.
Each of these is a jitted function of its own, which a program of thousands of operations waits for while it is traced;
where both operands have one real dtype and one rank, all that it does is the operation of ``lax``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

__all__ = ["WIDE", "add", "alike", "divide", "multiply", "settled", "subtract"]

Array = Any

WIDE = frozenset(map(np.dtype, (np.float32, np.float64)))
"""What is added up as it is: narrower numbers are added up in float32."""
_REAL = WIDE | frozenset(map(jnp.dtype, (jnp.float16, jnp.bfloat16)))
_ORDINARY = 1e-30, 2.0**31
"""Numbers of this size are rounded to an array's dtype in one way, wherever that is done."""


def settled(a: Array) -> bool:
    """Whether an array has a real dtype that it keeps, whatever it meets of its own kind."""
    return isinstance(a, jax.Array) and a.dtype in _REAL and not a.weak_type


def alike(a: Array, b: Array) -> tuple[Array, Array] | None:
    """Two operands that are as ``lax`` wants them: one real dtype, and one rank or no axes; a number beside an array
    of 32 or 64 bits takes its dtype. None where something is to be promoted."""
    if settled(a):
        if settled(b):
            fits = a.dtype == b.dtype and (a.ndim == b.ndim or not a.ndim or not b.ndim)
            return (a, b) if fits else None
        number = _number(b, a)
        return None if number is None else (a, number)
    if settled(b):
        number = _number(a, b)
        return None if number is None else (number, b)
    return None


def _number(c: object, like: Array) -> Any:
    """A Python number in the dtype of an array."""
    if type(c) not in (int, float) or like.dtype not in WIDE:
        return None
    assert isinstance(c, (int, float))
    return like.dtype.type(c) if c == 0 or _ORDINARY[0] < abs(c) < _ORDINARY[1] else None


def _of(promoted: Callable[..., Array], direct: Callable[..., Array]) -> Callable[[Array, Array], Array]:
    def applied(a: Array, b: Array) -> Array:
        pair = alike(a, b)
        return promoted(a, b) if pair is None else direct(*pair)

    return applied


multiply = _of(jnp.multiply, lax.mul)
divide = _of(jnp.divide, lax.div)
add = _of(jnp.add, lax.add)
subtract = _of(jnp.subtract, lax.sub)
