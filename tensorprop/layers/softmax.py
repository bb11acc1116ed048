"""Softmax and its logarithm along the last index: pages of equations."""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = [
    "GumbelSoftmax",
    "LogSoftmax",
    "Softmax",
    "Sparsemax",
    "TemperatureSoftmax",
]


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


class TemperatureSoftmax(Layer):
    """``p = softmax(z / τ)``: even as τ grows, the largest alone as it shrinks.

    Backward the softmax's rule over τ, ``δz = p ⊙ (δp - pᵀδp) / τ``; ``δτ = -zᵀδz / τ``, since z and 1/τ come together.

    Shapes: z (j), τ (), p (j).
    Reference: Hinton, Vinyals, Dean, Distilling the knowledge in a neural network (2015).
    """

    forward = "p_j = softmax_j(z_j / τ)"
    backward = """
        δz_j = p_j (δp_j - Σ_k p_k δp_k) / τ
        δτ   = -Σ_j z_j δz_j / τ
    """
    takes = "z"


class GumbelSoftmax(Layer):
    """``p = softmax((z + g) / τ)`` for noise g that was drawn before: a draw that has a gradient.

    Backward as for a softmax with temperature; the noise is owed what z is, and nobody asks.

    Shapes: z (j), g (j), τ (), p (j).
    Reference: Jang, Gu, Poole, Categorical reparameterization with Gumbel-softmax (2017).
    """

    forward = "p_j = softmax_j((z_j + g_j) / τ)"
    backward = "δz_j = p_j (δp_j - Σ_k p_k δp_k) / τ"
    inference = "p_j = softmax_j(z_j / τ)"
    takes = "z"


class Sparsemax(Layer):
    """The probabilities nearest to z: ``p_j = max(z_j - t, 0)``, with t such that they add up to 1. Small ones are 0.

    ``q_j`` is 1 for what stays: ``1 + z_j n_j > Σ_k [z_k ≥ z_j] z_k``, n_j of them being at least as large; then
    ``t = (Σ_k q_k z_k - 1) / Σ_k q_k``. Backward: of what is owed its mean over those that stay is taken,
    ``δz = q ⊙ (δp - (qᵀδp / qᵀ1) 1)``, as a softmax takes a weighted mean.

    Shapes: z (j), q (j), p (j), t ().
    Reference: Martins, Astudillo, From softmax to sparsemax (2016), algorithm 1.
    """

    forward = """
        q_j = [1 + z_j Σ_k [z_k ≥ z_j] > Σ_k [z_k ≥ z_j] z_k]
        t   = (Σ_k q_k z_k - 1) / Σ_k q_k
        p_j = q_j (z_j - t)
    """
    backward = "δz_j = q_j (δp_j - Σ_k q_k δp_k / Σ_l q_l)"
