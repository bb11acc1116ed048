"""Functions of whole matrices in JAX, through jax.numpy.linalg and jax.scipy.linalg.

In: arrays whose last two axes are the matrix. Out: arrays whose last axes are those of the entries, in the type of the
arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["JAX_MATRICES", "expm_slope", "factored", "frechet", "logdet", "of_matrix", "solved"]


Array = Any
Axes = tuple[int, ...]


def of_matrix(f: Callable[[Array], Array]) -> Callable[[Array, Axes], Array]:
    """A function of whole matrices, whose rows and columns lie along two axes; the axes of its entries stand last."""
    return lambda x, axes: f(jnp.moveaxis(x, axes, (-2, -1)))


def _symmetric(x: Array) -> Array:
    return (x + jnp.swapaxes(x, -1, -2)) / 2


def _real(x: Array) -> Array:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))


def _cholesky(x: Array) -> Array:
    """The lower triangular L with L Lᵀ = (x + xᵀ) / 2."""
    return lax.linalg.cholesky(_real(x), symmetrize_input=True)


def _inv_cholesky(x: Array) -> Array:
    low = _cholesky(x)
    one = jnp.broadcast_to(jnp.eye(low.shape[-1], dtype=low.dtype), low.shape)
    return lax.linalg.triangular_solve(low, one, left_side=True, lower=True)


def expm_slope(x: Array, *along: Array) -> Array:
    """The derivative of expm at x along these matrices: the upper right block of expm at [[x, e], [0, x]] …"""
    n = x.shape[-1]
    for e in (x, *along)[1:]:
        many = x.shape[-1] // n
        e = jnp.kron(jnp.eye(many, dtype=x.dtype), e) if many > 1 else e
        x, e = jnp.broadcast_arrays(x, e)
        x = jnp.block([[x, e], [jnp.zeros_like(x), x]])
    return jax.scipy.linalg.expm(x)[..., :n, -n:]


def frechet(x: Array, along: Array) -> Array:
    """The derivative of expm at x along matrices, one for each x."""
    x = _real(x)
    one = partial(jax.scipy.linalg.expm_frechet, compute_expm=False)
    return jnp.vectorize(one, signature="(n,n),(n,n)->(n,n)")(x, jnp.asarray(along, x.dtype))


def _expm_slopes(order: int) -> Callable[[Array], Array]:
    """∂ᵏexpm(X)_ab/∂X_cd∂X_ef…, along every two, four … unit matrices."""

    def slopes(x: Array) -> Array:
        x = _real(x)
        n = x.shape[-1]
        units = jnp.eye(n * n, dtype=x.dtype).reshape(n * n, n, n)
        along: Callable[..., Array] = expm_slope
        for k in range(order):
            along = jax.vmap(along, in_axes=(None, *(0 if j == k else None for j in range(order))), out_axes=-1)
        one = along
        for _ in x.shape[:-2]:
            one = jax.vmap(one, in_axes=(0, *[None] * order))
        found = one(x, *[units] * order)
        return found.reshape(*found.shape[:-order], *(n, n) * order)

    return slopes


def _svdvals(x: Array) -> Array:
    """As many as x has columns; 0 for those that it has more than rows."""
    found = jnp.linalg.svd(_real(x), compute_uv=False)
    more = x.shape[-1] - found.shape[-1]
    return jnp.concatenate([found, jnp.zeros((*found.shape[:-1], more), found.dtype)], -1) if more else found


def _svdright(x: Array) -> Array:
    return jnp.swapaxes(jnp.linalg.svd(_real(x))[2], -1, -2)


JAX_MATRICES: dict[str, Callable[[Array, Axes], Array]] = {
    name: of_matrix(f)
    for name, f in {
        "inv": jnp.linalg.inv,
        "det": jnp.linalg.det,
        "logdet": lambda x: jnp.linalg.slogdet(x)[1],
        "pinv": jnp.linalg.pinv,
        "expm": lambda x: jax.scipy.linalg.expm(_real(x)),
        "expm′": _expm_slopes(1),
        "expm″": _expm_slopes(2),
        "cholesky": _cholesky,
        "inv_cholesky": _inv_cholesky,
        "eigvalsh": lambda x: jnp.linalg.eigh(_symmetric(x), symmetrize_input=False)[0],
        "eigvecs": lambda x: jnp.linalg.eigh(_symmetric(x), symmetrize_input=False)[1],
        "svdvals": _svdvals,
        "svdright": _svdright,
    }.items()
}


# --------------------------------------------------------------------------- factors, and what is done with them
class Factors(NamedTuple):
    """Of ``spd`` a triangle L with x = L Lᵀ; of ``lower`` and ``upper`` x itself.

    Of any other matrix two triangles in one array, and the ``order`` in which elimination took the rows.
    """

    low: Array
    order: Array | None
    kind: str


def factored(x: Array, kind: str) -> Factors:
    """The factors of a matrix of which something may be known."""
    x = _real(x)
    if kind == "spd":
        return Factors(lax.linalg.cholesky(x, symmetrize_input=True), None, kind)
    if kind:
        return Factors(x, None, kind)
    lu, _, order = lax.linalg.lu(x)
    return Factors(lu, order, kind)


def solved(factor: Factors, b: Array, transposed: bool) -> Array:
    """y of ``x y = b``, or of ``xᵀ y = b``."""
    low, order, kind = factor
    b = jnp.asarray(b, low.dtype)
    if kind in ("lower", "upper"):
        return lax.linalg.triangular_solve(low, b, left_side=True, lower=kind == "lower", transpose_a=transposed)
    if order is None:
        y = lax.linalg.triangular_solve(low, b, left_side=True, lower=True)
        return lax.linalg.triangular_solve(low, y, left_side=True, lower=True, transpose_a=True)
    if transposed:
        y = lax.linalg.triangular_solve(low, b, left_side=True, lower=False, transpose_a=True)
        y = lax.linalg.triangular_solve(low, y, left_side=True, lower=True, transpose_a=True, unit_diagonal=True)
        return jnp.take_along_axis(y, jnp.argsort(order, -1)[..., None], -2)
    b = jnp.take_along_axis(b, order[..., None], -2)
    y = lax.linalg.triangular_solve(low, b, left_side=True, lower=True, unit_diagonal=True)
    return lax.linalg.triangular_solve(low, y, left_side=True, lower=False)


def logdet(factor: Factors) -> Array:
    """log |det x|."""
    low, _, kind = factor
    each = jnp.log(jnp.abs(jnp.diagonal(low, axis1=-2, axis2=-1)))
    return jnp.sum(each, -1) * (2 if kind == "spd" else 1)
