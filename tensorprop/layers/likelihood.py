"""Losses that are the negative logarithm of a probability, and their kin: pages of equations with one number E.

In all of them E is the error itself, a mean over the examples b, so δE = 1 and the backward rules start there.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import Real, exact

__all__ = [
    "BinaryCrossEntropy",
    "FocalLoss",
    "GaussianNegativeLogLikelihood",
    "LogitCrossEntropy",
    "PoissonLoss",
    "SmoothedCrossEntropy",
]


class BinaryCrossEntropy(Layer):
    """``E = -mean_bj (y log p + (1 - y) log(1 - p))`` of probabilities p against labels y between 0 and 1.

    Backward ``δp = (p - y) ⊘ (p ⊙ (1 - p)) / (n m)`` for n examples of m entries. After a sigmoid take
    LogitCrossEntropy instead: it never divides by a small number.

    Shapes: p (b, j), y (b, j), E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), equation 4.90.
    """

    forward = "E = -mean_bj(y_bj log(p_bj) + (1 - y_bj) log(1 - p_bj))"
    backward = "δp_bj = (p_bj - y_bj) / (p_bj (1 - p_bj)) / (dim(b) dim(j))"
    takes = "p"


class LogitCrossEntropy(Layer):
    """``E = mean_bj (softplus(s) - y s)``: the binary cross-entropy of scores s, whose probabilities are σ(s).

    Backward ``δs = (σ(s) - y) / (n m)``: what is predicted minus what is true.

    Shapes: s (b, j), y (b, j), E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), equation 4.91.

    >>> print(LogitCrossEntropy().rules["δs"])
    δs_bj = (σ(s_bj) - y_bj) / (dim(b) dim(j))
    """

    forward = "E = mean_bj(softplus(s_bj) - y_bj s_bj)"
    backward = "δs_bj = (σ(s_bj) - y_bj) / (dim(b) dim(j))"
    takes = "s"


class SmoothedCrossEntropy(Layer):
    """Cross-entropy of scores s against labels of which a part ε is spread over all classes: ``(1 - ε) y + ε / |c|``.

    Backward ``δs = (softmax(s) - (1 - ε) y - ε / |c|) / n``, for rows of y that add up to 1.

    Shapes: s (b, c), y (b, c) with ``Σ_c y_bc = 1``, E ().
    Reference: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, Rethinking the inception architecture (2016), section 7.
    """

    given = "Σ_c y_bc = 1"
    takes = "s"

    def __init__(self, smoothing: Real = 0.1) -> None:
        e = exact(smoothing, "smoothing", below=1)
        super().__init__(
            forward=f"""
                l_bc = logsoftmax_c(s_bc)
                q_bc = {1 - e} y_bc + {e} / dim(c)
                E    = -mean_b(q_bc l_bc)
            """,
            backward="δs_bc = (softmax_c(s_bc) - q_bc) / dim(b)",
            given="Σ_c y_bc = 1",
        )


class FocalLoss(Layer):
    """Binary cross-entropy in which what is already right counts less: ``-y (1 - p)² log p - (1 - y) p² log(1 - p)``.

    Backward, with ``p = σ(s)``: ``δs = (y g + (1 - y) h) / n``, where ``g = (1 - p)² (2 p log p - (1 - p))`` and
    ``h = p² (p - 2 (1 - p) log(1 - p))``.

    Shapes: s (b), y (b) of zeros and ones, E ().
    Reference: Lin, Goyal, Girshick, He, Dollár, Focal loss for dense object detection (2017).
    """

    forward = """
        p_b = σ(s_b)
        E   = -mean_b(y_b (1 - p_b)^2 log(p_b) + (1 - y_b) p_b^2 log(1 - p_b))
    """
    backward = """
        g_b  = y_b (1 - p_b)^2 (2 p_b log(p_b) - (1 - p_b))
        h_b  = (1 - y_b) p_b^2 (p_b - 2 (1 - p_b) log(1 - p_b))
        δs_b = (g_b + h_b) / dim(b)
    """
    takes = "s"


class GaussianNegativeLogLikelihood(Layer):
    """``E = mean_b ½ (log v + (m - y)² / v)`` for a mean m and a variance v that are both predicted.

    Backward ``δm = (m - y) ⊘ v / n`` and ``δv = ½ (1/v - (m - y)² ⊘ v²) / n``: at its best v is the squared error.

    Shapes: m (b), v (b) positive, y (b), E ().
    Reference: Nix, Weigend, Estimating the mean and variance of the target probability distribution (1994).
    """

    forward = "E = mean_b(1/2 (log(v_b) + (m_b - y_b)^2 / v_b))"
    backward = """
        δm_b = (m_b - y_b) / v_b / dim(b)
        δv_b = 1/2 (1 / v_b - (m_b - y_b)^2 / v_b^2) / dim(b)
    """
    takes = "m"


class PoissonLoss(Layer):
    """``E = mean_b (exp(s) - y s)``: counts y of which s is the logarithm of the rate; log y! is left out.

    Backward ``δs = (exp(s) - y) / n``: what is expected minus what was counted.

    Shapes: s (b), y (b), E ().
    Reference: McCullagh, Nelder, Generalized Linear Models (1989), chapter 6.
    """

    forward = "E = mean_b(exp(s_b) - y_b s_b)"
    backward = "δs_b = (exp(s_b) - y_b) / dim(b)"
    takes = "s"
