"""Losses: pages of equations with one number E at the end, a mean over the examples b.

In all of them E is the error itself, so δE = 1 and the backward rules start there.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import Real, exact

__all__ = ["CrossEntropy", "Huber", "KullbackLeibler", "LabelCrossEntropy", "MeanSquaredError", "SoftmaxCrossEntropy"]


class CrossEntropy(Layer):
    """``E = -mean_b Σ_c y_bc log p_bc``: cross-entropy of probabilities p against a label distribution y.

    Backward ``δp = -y ⊘ p / n``, elementwise, for n examples. After a softmax take SoftmaxCrossEntropy instead: it
    never divides by a small p.

    Shapes: p (b, c), y (b, c) with ``Σ_c y_bc = 1``, E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), equation 4.108.
    """

    forward = "E = -mean_b(y_bc log(p_bc))"
    backward = "δp_bc = -y_bc / p_bc / dim(b)"
    takes = "p"


class SoftmaxCrossEntropy(Layer):
    """``E = -mean_b Σ_c y_bc log softmax_c(s_bc)``: cross-entropy of scores s against a label distribution y.

    Backward ``δs = (softmax(s) - y) / n`` for n examples: what is predicted minus what is true. That is the published
    form, and it uses that every row of y adds up to 1, which is stated as ``given``.

    Shapes: s (b, c), y (b, c) with ``Σ_c y_bc = 1``, E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), equation 4.109.

    >>> print(SoftmaxCrossEntropy().rules["δs"])
    δs_bc = (softmax_c(s_bc) - y_bc) / dim(b)
    """

    forward = """
        l_bc = logsoftmax_c(s_bc)
        E    = -mean_b(y_bc l_bc)
    """
    backward = """
        δl_bc = -y_bc / dim(b)
        δs_bc = (softmax_c(s_bc) - y_bc) / dim(b)
    """
    given = "Σ_c y_bc = 1"
    takes = "s"


class LabelCrossEntropy(Layer):
    """``E = -mean_b log softmax_c(s_bc)[y_b]``: cross-entropy of scores s against integer labels y_b in 0 … |c| - 1.

    The bracket ``[y_b = c]`` is the one-hot row of the label. Backward ``δs_bc = (softmax_c(s_bc) - [y_b = c]) / n``.

    Shapes: s (b, c), y (b) of whole numbers, E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.

    >>> print(LabelCrossEntropy().rules["δs"])
    δs_bc = (softmax_c(s_bc) - [y_b = c]) / dim(b)
    """

    forward = """
        l_bc = logsoftmax_c(s_bc)
        E    = -mean_b(l_bc [y_b = c])
    """
    backward = """
        δl_bc = -[y_b = c] / dim(b)
        δs_bc = (softmax_c(s_bc) - [y_b = c]) / dim(b)
    """
    takes = "s"


class MeanSquaredError(Layer):
    """``E = mean_bj (a_bj - y_bj)²``; ``δa = 2 (a - y) / (n m)`` for n examples of m entries.

    Shapes: a (b, j), y (b, j), E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), section 3.1.1.
    """

    forward = "E = mean_bj((a_bj - y_bj)^2)"
    backward = "δa_bj = 2 (a_bj - y_bj) / (dim(b) dim(j))"
    takes = "a"


class Huber(Layer):
    """``E = mean_bj h(a_bj - y_bj)``, where ``h(e) = e²/2`` up to the threshold t and ``t (|e| - t/2)`` beyond.

    Backward: the error, cut off at ±t: ``δa = max(-t, min(t, a - y)) / (n m)`` for n examples of m entries.

    Shapes: a (b, j), y (b, j), E ().
    Reference: Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35 (1964).

    >>> print(Huber(threshold="1/2").rules["δa"])
    δa_bj = (e_bj [abs(e_bj) ≤ 1/2] + 1/2 sign(e_bj) [abs(e_bj) > 1/2]) / (dim(b) dim(j))
    """

    takes = "a"

    def __init__(self, threshold: Real = 1) -> None:
        t = exact(threshold, "threshold")
        super().__init__(
            forward=f"""
                e_bj = a_bj - y_bj
                E    = mean_bj(1/2 e_bj^2 [abs(e_bj) ≤ {t}] + {t} (abs(e_bj) - {t / 2}) [abs(e_bj) > {t}])
            """,
            backward=f"""
                δe_bj = (e_bj [abs(e_bj) ≤ {t}] + {t} sign(e_bj) [abs(e_bj) > {t}]) / (dim(b) dim(j))
                δa_bj = (e_bj [abs(e_bj) ≤ {t}] + {t} sign(e_bj) [abs(e_bj) > {t}]) / (dim(b) dim(j))
            """,
        )


class KullbackLeibler(Layer):
    """``E = mean_b Σ_c y_bc log(y_bc / p_bc)``: how far the distribution p is from y.

    Backward ``δp = -y ⊘ p / n`` (as for the cross-entropy: they differ by a constant of y) and
    ``δy = (log y - log p + 1) / n``, elementwise, for n examples.

    Shapes: p (b, c), y (b, c), both positive, E ().
    Reference: Kullback, Leibler, On information and sufficiency, Ann. Math. Statist. 22 (1951).
    """

    forward = "E = mean_b(y_bc (log(y_bc) - log(p_bc)))"
    backward = """
        δp_bc = -y_bc / p_bc / dim(b)
        δy_bc = (log(y_bc) - log(p_bc) + 1) / dim(b)
    """
    takes = "p"
