"""Functions of whole matrices, naively: as NumPy and JAX have them, and how far each moves with its matrix.

In: the module of arrays (NumPy or JAX's), arrays whose last two axes are the matrix. Out: arrays, and bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorprop.core.functions import REDUCTIONS

__all__ = ["MATRICES", "matrix_spread"]

Function = Callable[..., Any]
SQUARED = 4  # times that the exponential of x/16 is squared, each time with twice the rounding


def _symmetric(xp: Any, x: Any) -> Any:
    return (x + xp.swapaxes(x, -1, -2)) / 2


def _cholesky(xp: Any, x: Any) -> Any:
    return xp.linalg.cholesky(_symmetric(xp, x))


def _dual(xp: Any, x: Any, order: int) -> Any:
    """(Σ (x/16)ⁿ / n!)¹⁶ in numbers with ε₁² = ε₂² = 0: its part at ε₁ is the derivative along what x has there."""
    n = x.shape[-1]
    lead = x.shape[:-2]
    units = xp.eye(n * n).reshape(n * n, n, n)
    base = x.reshape(*lead, *(1,) * order, n, n) / 2**SQUARED
    parts = {0: base}
    for k in range(order):
        parts[1 << k] = units.reshape(*(n * n if j == k else 1 for j in range(order)), n, n) / 2**SQUARED

    def times(a: dict[int, Any], b: dict[int, Any]) -> dict[int, Any]:
        out: dict[int, Any] = {}
        for i, p in a.items():
            for j, q in b.items():
                if not i & j:
                    out[i | j] = out[i | j] + p @ q if i | j in out else p @ q
        return out

    one = xp.eye(n)
    total: dict[int, Any] = {0: xp.broadcast_to(one, base.shape)}
    for m in range(24, 0, -1):
        total = {i: t / m for i, t in times(parts, total).items()}
        total[0] = total[0] + one
    for _ in range(SQUARED):
        total = times(total, total)
    found = total[(1 << order) - 1]
    found = xp.moveaxis(found, (-2, -1), (-2 - order, -1 - order))
    return found.reshape(*lead, n, n, *(n, n) * order)


def _svdvals(xp: Any, x: Any) -> Any:
    found = xp.linalg.svd(x, compute_uv=False)
    return xp.concatenate([found, xp.zeros((*found.shape[:-1], max(0, x.shape[-1] - x.shape[-2])))], -1)


def _svdright(xp: Any, x: Any) -> Any:
    wide = x.shape[-2] < x.shape[-1]
    return xp.swapaxes(xp.linalg.svd(x, full_matrices=wide)[2], -1, -2)


MATRICES: dict[str, Function] = {
    "inv": lambda xp, x: xp.linalg.inv(x),
    "det": lambda xp, x: xp.linalg.det(x),
    "logdet": lambda xp, x: xp.linalg.slogdet(x)[1],
    "pinv": lambda xp, x: xp.linalg.pinv(x),
    "expm": lambda xp, x: _dual(xp, x, 0),
    "expm′": lambda xp, x: _dual(xp, x, 1),
    "expm″": lambda xp, x: _dual(xp, x, 2),
    "cholesky": _cholesky,
    "inv_cholesky": lambda xp, x: xp.linalg.inv(_cholesky(xp, x)),
    "eigvalsh": lambda xp, x: xp.linalg.eigvalsh(_symmetric(xp, x)),
    "eigvecs": lambda xp, x: xp.linalg.eigh(_symmetric(xp, x))[1],
    "svdvals": _svdvals,
    "svdright": _svdright,
}


def matrix_spread(op: str, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """How far a function of a whole matrix moves where its entries move by ``scale``: d inv(X) = -X⁻¹ dX X⁻¹."""
    if op in ("cholesky", "inv_cholesky"):  # d L = L Φ(M dX Mᵀ), M = L⁻¹, Φ the lower half
        low = _cholesky(np, x)
        back = np.abs(np.linalg.inv(low))
        half = np.tril(back @ (scale + np.swapaxes(scale, -1, -2)) @ np.swapaxes(back, -1, -2))
        return np.abs(low) @ half if op == "cholesky" else half @ back
    if op.startswith("expm"):  # what is added up on the way, all signs plus, grows with every squaring
        return _moved(op, x, scale) + 2**SQUARED * MATRICES[op](np, np.abs(x))
    if op not in ("inv", "det", "logdet"):
        return _moved(op, x, scale)
    back = np.abs(np.linalg.inv(x))
    if op == "inv":
        return back @ scale @ back
    share = np.sum(np.swapaxes(back, -1, -2) * scale, (-2, -1))
    return np.abs(np.linalg.det(x)) * share if op == "det" else share


def _moved(op: str, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Σ |∂f/∂X_uv| scale_uv, the derivatives taken as differences."""
    m, n = x.shape[-2:]
    free = (1,) * len(REDUCTIONS[op].axes)
    total: Any = 0.0
    for e in np.eye(m * n).reshape(m * n, m, n):
        d = 1e-6 * max(1.0, float(np.max(np.abs(x))))
        slope = np.abs(MATRICES[op](np, x + d * e) - MATRICES[op](np, x - d * e)) / (2 * d)
        total = total + slope * np.sum(e * scale, (-2, -1)).reshape(*x.shape[:-2], *free)
    return total
