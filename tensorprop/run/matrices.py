"""Functions of whole matrices in NumPy: what each row of ``core.matrix_rows`` means, in float64.

In: arrays whose last two axes are the matrix. Out: arrays whose last axes are those of the entries. Only NumPy is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["NUMPY_MATRICES", "of_matrix"]


Array = Any
Axes = tuple[int, ...]


def of_matrix(f: Callable[[Array], Array]) -> Callable[[Array, Axes], Array]:
    """A function of whole matrices, whose rows and columns lie along two axes; the axes of its entries stand last."""
    return lambda x, axes: f(np.moveaxis(x, axes, (-2, -1)))


def _symmetric(x: Array) -> Array:
    return (x + np.swapaxes(x, -1, -2)) / 2


def _cholesky(x: Array) -> Array:
    """The lower triangular L with L Lᵀ = (x + xᵀ) / 2; nan where there is none."""
    x = _symmetric(x)
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        if x.ndim == 2:
            return np.full(x.shape, np.nan)
        return np.stack([_cholesky(a) for a in x])


def _expm(x: Array) -> Array:
    """Σ xⁿ / n!, of x / 2ˢ whose norm is below 1/2, squared s times: what the series leaves out is below 10⁻²¹."""
    norm = np.max(np.sum(np.abs(x), axis=-2), initial=0.0)
    s = max(0, int(np.ceil(np.log2(norm))) + 1) if norm > 0 and np.isfinite(norm) else 0
    x = x / 2**s
    one = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    total = one
    for n in range(18, 0, -1):
        total = one + x @ total / n
    for _ in range(s):
        total = total @ total
    return total


def _expm_slopes(order: int) -> Callable[[Array], Array]:
    """∂ᵏexpm(X)_ab/∂X_cd∂X_ef…: the upper right block of expm at X ⊗ 1 and a unit matrix above for each direction."""

    def slopes(x: Array) -> Array:
        n = x.shape[-1]
        units = np.eye(n * n).reshape(n * n, n, n)
        blocks = np.kron(np.eye(2**order), np.ones((n, n))) * np.tile(x, (2**order, 2**order))
        blocks = np.expand_dims(blocks, tuple(range(-2 - order, -2)))
        for k in range(order):
            above = np.kron(np.eye(2**k), np.kron(np.eye(2, k=1), np.eye(2 ** (order - k - 1))))
            at = np.stack([np.kron(above, e) for e in units])
            blocks = blocks + at.reshape([n * n if j == k else 1 for j in range(order)] + list(at.shape[1:]))
        found = _expm(blocks)[..., :n, -n:]
        found = np.moveaxis(found, (-2, -1), (-2 - order, -1 - order))
        return found.reshape(*found.shape[:-order], *(n, n) * order)

    return slopes


def _svdvals(x: Array) -> Array:
    """As many as x has columns; 0 for those that it has more than rows."""
    found = np.linalg.svd(x, compute_uv=False)
    more = x.shape[-1] - found.shape[-1]
    return np.concatenate([found, np.zeros((*found.shape[:-1], more))], -1) if more else found


def _svdright(x: Array) -> Array:
    return np.swapaxes(np.linalg.svd(x)[2], -1, -2)


NUMPY_MATRICES: dict[str, Callable[[Array, Axes], Array]] = {
    name: of_matrix(f)
    for name, f in {
        "inv": np.linalg.inv,
        "det": np.linalg.det,
        "logdet": lambda x: np.linalg.slogdet(x)[1],
        "pinv": np.linalg.pinv,
        "expm": _expm,
        "expm′": _expm_slopes(1),
        "expm″": _expm_slopes(2),
        "cholesky": _cholesky,
        "inv_cholesky": lambda x: np.linalg.inv(_cholesky(x)),
        "eigvalsh": lambda x: np.linalg.eigvalsh(_symmetric(x)),
        "eigvecs": lambda x: np.linalg.eigh(_symmetric(x))[1],
        "svdvals": _svdvals,
        "svdright": _svdright,
    }.items()
}
