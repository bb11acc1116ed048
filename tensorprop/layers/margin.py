"""Losses of distances and margins: pages of equations with one number E at the end, a mean over the examples b.

In all of them E is the error itself, so δE = 1 and the backward rules start there. At a kink the slope is that of the
function that stands in the page.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import Real, exact

__all__ = [
    "CosineLoss",
    "Hinge",
    "InfoNce",
    "LogCosh",
    "MeanAbsoluteError",
    "PreferenceLoss",
    "QuantileLoss",
    "TripletLoss",
]


class MeanAbsoluteError(Layer):
    """``E = mean_bj |a - y|``; ``δa = sign(a - y) / (n m)`` for n examples of m entries, 0 where a is y.

    Shapes: a (b, j), y (b, j), E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), section 1.5.5.
    """

    forward = "E = mean_bj(abs(a_bj - y_bj))"
    backward = "δa_bj = sign(a_bj - y_bj) / (dim(b) dim(j))"
    takes = "a"


class LogCosh(Layer):
    """``E = mean_bj log cosh(a - y)``: the squared error near 0, the absolute error far away.

    Written as ``e + softplus(-2 e) - log 2``, which does not overflow. Backward ``δa = tanh(a - y) / (n m)``.

    Shapes: a (b, j), y (b, j), E ().
    Reference: Saleh, Saleh, Statistical properties of the log-cosh loss function (2022).
    """

    forward = """
        e_bj = a_bj - y_bj
        E    = mean_bj(e_bj + softplus(-2 e_bj) - log(2))
    """
    backward = "δa_bj = tanh(e_bj) / (dim(b) dim(j))"
    takes = "a"


class Hinge(Layer):
    """``E = mean_b max(0, 1 - y s)`` for labels y of -1 and 1: no error beyond the margin.

    Backward ``δs = -y [y s < 1] / n``.

    Shapes: s (b), y (b), E ().
    Reference: Cortes, Vapnik, Support-vector networks, Machine Learning 20 (1995).
    """

    forward = "E = mean_b(relu(1 - y_b s_b))"
    backward = "δs_b = -y_b [y_b s_b < 1] / dim(b)"
    takes = "s"


class QuantileLoss(Layer):
    """``E = mean_b (τ max(0, y - a) + (1 - τ) max(0, a - y))``: at its best, a is the quantile τ of y.

    Backward ``δa = ((1 - τ) [a > y] - τ [a < y]) / n``.

    Shapes: a (b), y (b), τ () between 0 and 1, E ().
    Reference: Koenker, Bassett, Regression quantiles, Econometrica 46 (1978).
    """

    forward = """
        e_b = y_b - a_b
        E   = mean_b(τ relu(e_b) + (1 - τ) relu(-e_b))
    """
    backward = "δa_b = ((1 - τ) [a_b > y_b] - τ [a_b < y_b]) / dim(b)"
    takes = "a"


class InfoNce(Layer):
    """Every q_b has to find its own k_b among all: ``S = q kᵀ / τ``, ``E = -mean_b log softmax_c(S_bc)`` at c = b.

    Backward ``δS = (softmax(S) - I) / n``, ``δq = δS k / τ``, ``δk = δSᵀ q / τ``.

    Shapes: q (b, i), k (c, i) with as many rows, τ (), E ().
    Reference: van den Oord, Li, Vinyals, Representation learning with contrastive predictive coding (2018).
    """

    forward = """
        s_bc = q_bi k_ci / τ
        l_bc = logsoftmax_c(s_bc)
        E    = -mean_b(l_bc [b = c])
    """
    backward = """
        δs_bc = (softmax_c(s_bc) - [b = c]) / dim(b)
        δq_bi = δs_bc k_ci / τ
        δk_ci = δs_bc q_bi / τ
    """
    takes = "q"


class TripletLoss(Layer):
    """``E = mean_b max(0, |a - p|² - |a - n|² + m)``: a has to be nearer to p than to n, by a margin m.

    Backward, with ``w = [it is not yet] / n``: ``δa = 2 w (n - p)``, ``δp = 2 w (p - a)``, ``δn = 2 w (a - n)``.

    Shapes: a (b, i), p (b, i), n (b, i), E ().
    Reference: Schroff, Kalenichenko, Philbin, FaceNet (2015).
    """

    takes = "a"

    def __init__(self, margin: Real = 1) -> None:
        super().__init__(
            forward=f"""
                d_b = Σ_i (a_bi - p_bi)^2 - Σ_i (a_bi - n_bi)^2 + {exact(margin, "margin")}
                E   = mean_b(relu(d_b))
            """,
            backward="""
                w_b   = [d_b > 0] / dim(b)
                δa_bi = 2 w_b (n_bi - p_bi)
                δp_bi = 2 w_b (p_bi - a_bi)
                δn_bi = 2 w_b (a_bi - n_bi)
            """,
        )


class CosineLoss(Layer):
    """``E = mean_b (1 - c_b)`` with the cosine ``c = aᵀy / (|a| |y|)`` of the angle between a_b and y_b.

    Backward ``δa = -(y / |y| - c a / |a|) / |a| / n``: the part of y's direction that a does not have.

    Shapes: a (b, i), y (b, i), E ().
    Reference: Salton, Wong, Yang, A vector space model for automatic indexing, CACM 18 (1975).
    """

    forward = """
        r_b = sqrt(Σ_i a_bi^2)
        q_b = sqrt(Σ_i y_bi^2)
        c_b = a_bi y_bi / (r_b q_b)
        E   = mean_b(1 - c_b)
    """
    backward = "δa_bi = -(y_bi / q_b - c_b a_bi / r_b) / r_b / dim(b)"
    takes = "a"


class PreferenceLoss(Layer):
    """``E = -mean_b log σ(β (u - r - v + q))``: logarithms u of the answer that was liked and v of the other, and r and
    q of the same two under the model from which one started.

    Backward, with ``h`` the bracket: ``δu = -β σ(-h) / n``, ``δv = β σ(-h) / n``: large where the order is wrong.

    Shapes: u (b), v (b), r (b), q (b), E ().
    Reference: Rafailov et al., Direct preference optimization (2023).
    """

    takes = "u"

    def __init__(self, beta: Real = 0.1) -> None:
        b = exact(beta, "beta")
        super().__init__(
            forward=f"""
                h_b = {b} (u_b - r_b - v_b + q_b)
                E   = mean_b(softplus(-h_b))
            """,
            backward=f"""
                δu_b = -{b} σ(-h_b) / dim(b)
                δv_b = {b} σ(-h_b) / dim(b)
            """,
        )
