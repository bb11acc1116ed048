"""Somebody's JAX function called and differentiated once: line by line where it can be traced, else as it stands.

In: a function of arrays that gives a tuple of arrays, and NumPy arrays. Out: NumPy arrays in float64. Which values are
right is not known here; with which precision JAX computes is what its configuration says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tensorprop.run.jax_played import Played

__all__ = ["Probe", "dtype_of", "eps", "is_real", "placeholder"]

Array = Any


def eps(dtype: Any) -> float:
    """The distance from 1 to the next number of this dtype; of whole numbers 0."""
    return float(jnp.finfo(dtype).eps) if jnp.issubdtype(dtype, jnp.inexact) else 0.0


def placeholder(sizes: tuple[int, ...], dtype: str) -> jax.ShapeDtypeStruct:
    """An array of which only shape and dtype are told. Errors: TypeError for what is no dtype."""
    return jax.ShapeDtypeStruct(sizes, dtype)


def is_real(dtype: Any) -> bool:
    """Whether numbers of this dtype have a derivative.

    >>> is_real("float32"), is_real("int32"), is_real("complex64")
    (True, False, False)
    """
    return bool(jnp.issubdtype(dtype, jnp.floating))


class Probe:
    """``fn(*arrays)`` and its VJP by the inputs at ``places``; ``values`` are the outputs, ``dtypes`` theirs."""

    def __init__(self, fn: Callable[..., tuple[Array, ...]], arrays: Sequence[np.ndarray], dtype: Any) -> None:
        # whole numbers stay what they are
        self.arrays = [jnp.asarray(a, dtype if a.dtype.kind == "f" else jnp.int32) for a in arrays]
        self.fn = fn
        with jax.default_matmul_precision("highest"):
            given = [jnp.array(a) for a in self.arrays]  # the function may consume what it is given
            self.out = tuple(jnp.asarray(y) for y in _called(fn, *given))
        self.values = [np.asarray(y, np.float64) for y in self.out]
        self.dtypes = [y.dtype for y in self.out]

    def pull(self, places: Sequence[int], seeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The gradients of Σ seeds · outputs by these inputs, through the function's own rules."""

        def moved(*some: Array) -> tuple[Array, ...]:
            arrays = [jnp.array(a) for a in self.arrays]
            for k, a in zip(places, some, strict=True):
                arrays[k] = a
            return tuple(jnp.asarray(y) for y in self.fn(*arrays))

        def pulled(some: Sequence[Array], seeds: Sequence[Array]) -> Any:
            return jax.vjp(moved, *some)[1](tuple(seeds))

        with jax.default_matmul_precision("highest"):
            some = [jnp.array(self.arrays[k]) for k in places]
            return [np.asarray(g, np.float64) for g in _called(pulled, some, list(map(_seed, seeds, self.out)))]


def _called(fn: Callable[..., Any], *args: Any) -> Any:
    """The function of these arguments; one that asks for the numbers themselves cannot be traced, and is called."""
    try:
        return Played(fn)(*args)
    except Exception:  # whatever it says is said again
        return fn(*args)


def _seed(seed: np.ndarray, out: Array) -> Array:
    if jnp.issubdtype(out.dtype, jnp.inexact):
        return jnp.asarray(seed, out.dtype)
    return np.zeros(out.shape, jax.dtypes.float0)


def dtype_of(dtype: Any) -> np.dtype[Any]:
    """A dtype by its name, also those that only JAX knows.

    Errors: TypeError.
    """
    return np.dtype(jnp.dtype(dtype))
