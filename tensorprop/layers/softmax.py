"""Softmax and its logarithm along the last index: pages of equations."""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = ["LogSoftmax", "Softmax"]


class Softmax(Layer):
    """``p_j = exp(z_j) / Σ_k exp(z_k)``.

    Backward ``δz_j = p_j (δp_j - Σ_k p_k δp_k)``; in matrix form ``δz = (diag(p) - p pᵀ) δp``: one weighted mean of δp,
    taken once, is subtracted from every entry.

    Shapes: z (j), p (j); further axes in front are carried along.
    Reference: Bridle, Probabilistic interpretation of feedforward classification network outputs (1990).

    >>> print(Softmax().system)
    p_j = softmax_j(z_j)
    """

    forward = "p_j = softmax_j(z_j)"
    backward = "δz_j = p_j (δp_j - Σ_k p_k δp_k)"


class LogSoftmax(Layer):
    """``l_j = z_j - log Σ_k exp(z_k)``.

    Backward ``δz_j = δl_j - exp(l_j) Σ_k δl_k``; in matrix form ``δz = δl - p 1ᵀ δl`` with ``p = exp(l)``.

    Shapes: z (j), l (j); further axes in front are carried along.
    Reference: Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.2.2.3.

    >>> print(LogSoftmax().system)
    l_j = logsoftmax_j(z_j)
    """

    forward = "l_j = logsoftmax_j(z_j)"
    backward = "δz_j = δl_j - exp(l_j) Σ_k δl_k"
