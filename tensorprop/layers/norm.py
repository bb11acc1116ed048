"""Layers that bring values to mean 0 and variance 1, or weights to length 1; dropout: pages of equations.

In every rule of a normalisation two means are taken from what is owed: the mean itself, since the shift takes it out of
x, and the mean against the normalised values, since the scale takes their length out.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import Real, exact

__all__ = [
    "BatchNorm",
    "BatchNormInference",
    "BatchNormRunning",
    "Dropout",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "RmsNorm",
    "SpectralNorm",
    "WeightNorm",
]


class LayerNorm(Layer):
    """Every example b brought to mean 0 and variance 1 over i: ``n = (x - m) / sqrt(v + ε)``, ``y = γ ⊙ n + β``.

    Backward, with ``δn = γ ⊙ δy`` and means over i: ``δx = r ⊙ (δn - mean(δn) - n ⊙ mean(δn ⊙ n))``, three terms;
    ``δγ_i = Σ_b δy_bi n_bi``, ``δβ_i = Σ_b δy_bi``.

    Shapes: x (b, i), γ (i), β (i), y (b, i); m, v and r (b) are the mean, the variance and 1 / sqrt(v + ε).
    Reference: Ba, Kiros, Hinton, Layer normalization (2016).

    >>> print(LayerNorm().rules["δx"])
    δx_bi = r_b (δn_bi - mean_j(δn_bj) - n_bi mean_j(δn_bj n_bj))
    """

    parameters = "γ β"

    def __init__(self, epsilon: Real = "1/100000") -> None:
        super().__init__(
            forward=f"""
                m_b  = mean_i(x_bi)
                v_b  = mean_i((x_bi - m_b)^2)
                r_b  = 1 / sqrt(v_b + {exact(epsilon, "epsilon")})
                n_bi = (x_bi - m_b) r_b
                y_bi = γ_i n_bi + β_i
            """,
            backward="""
                δn_bi = γ_i δy_bi
                δx_bi = r_b (δn_bi - mean_j(δn_bj) - n_bi mean_j(δn_bj n_bj))
                δγ_i  = δy_bi n_bi
                δβ_i  = Σ_b δy_bi
            """,
        )


class RmsNorm(Layer):
    """Every example b brought to mean square 1 over i: ``n = x / sqrt(mean(x²) + ε)``, ``y = γ ⊙ n``.

    Backward, with ``δn = γ ⊙ δy``: ``δx = r ⊙ (δn - n ⊙ mean(δn ⊙ n))``. No mean is taken out of x, so none comes back.

    Shapes: x (b, i), γ (i), y (b, i); r (b) is 1 / sqrt(mean(x²) + ε).
    Reference: Zhang, Sennrich, Root mean square layer normalization (2019).
    """

    parameters = "γ"

    def __init__(self, epsilon: Real = "1/100000") -> None:
        super().__init__(
            forward=f"""
                r_b  = 1 / sqrt(mean_i(x_bi^2) + {exact(epsilon, "epsilon")})
                n_bi = x_bi r_b
                y_bi = γ_i n_bi
            """,
            backward="""
                δn_bi = γ_i δy_bi
                δx_bi = r_b (δn_bi - n_bi mean_j(δn_bj n_bj))
                δγ_i  = δy_bi n_bi
            """,
        )


def _kept(mean: str, variance: str, epsilon: Real) -> str:
    """Batch normalisation with a mean and a variance that were kept."""
    return f"""
        r_i  = 1 / sqrt({variance}_i + {exact(epsilon, "epsilon")})
        y_bi = γ_i (x_bi - {mean}_i) r_i + β_i
    """


class BatchNorm(Layer):
    """Every channel i brought to mean 0 and variance 1 over the examples b, as in training.

    Backward: ``δx = γ r ⊙ (δy - mean_b(δy) - n ⊙ mean_b(δy ⊙ n))``: what LayerNorm does along i, along b. γ stands in
    front, since it does not depend on b. ``for_inference`` is BatchNormInference: m and v are given.

    Shapes: x (b, i), γ (i), β (i), y (b, i); m, v and r (i).
    Reference: Ioffe, Szegedy, Batch normalization (2015).
    """

    parameters = "γ β"

    def __init__(self, epsilon: Real = "1/100000") -> None:
        super().__init__(
            forward=f"""
                m_i  = mean_b(x_bi)
                v_i  = mean_b((x_bi - m_i)^2)
                r_i  = 1 / sqrt(v_i + {exact(epsilon, "epsilon")})
                n_bi = (x_bi - m_i) r_i
                y_bi = γ_i n_bi + β_i
            """,
            inference=_kept("m", "v", epsilon),
            backward="""
                δx_bi = γ_i r_i (δy_bi - mean_c(δy_ci) - n_bi mean_c(δy_ci n_ci))
                δγ_i  = δy_bi n_bi
                δβ_i  = Σ_b δy_bi
            """,
        )


class BatchNormInference(Layer):
    """Batch normalisation with means m and variances v that were kept from training: an affine map of every entry.

    Backward ``δx = γ r ⊙ δy`` with ``r = 1 / sqrt(v + ε)``: m and v are given, so no mean comes back.

    Shapes: x (b, i), m (i), v (i), γ (i), β (i), y (b, i).
    Reference: Ioffe, Szegedy, Batch normalization (2015), algorithm 2.
    """

    parameters = "γ β"
    takes = "x"

    def __init__(self, epsilon: Real = "1/100000") -> None:
        super().__init__(
            forward=_kept("m", "v", epsilon),
            backward="""
                δx_bi = γ_i r_i δy_bi
                δγ_i  = δy_bi (x_bi - m_i) r_i
                δβ_i  = Σ_b δy_bi
            """,
        )


class GroupNorm(Layer):
    """Every group g of channels c brought to mean 0 and variance 1 over its channels and places i.

    Backward as for LayerNorm, with means over (c, i); ``δγ_gc = Σ_bi δy n``, ``δβ_gc = Σ_bi δy``.

    Shapes: x (b, g, c, i), γ (g, c), β (g, c), y (b, g, c, i); m, v and r (b, g).
    Reference: Wu, He, Group normalization (2018).
    """

    parameters = "γ β"

    def __init__(self, epsilon: Real = "1/100000") -> None:
        super().__init__(
            forward=f"""
                m_bg   = mean_ci(x_bgci)
                v_bg   = mean_ci((x_bgci - m_bg)^2)
                r_bg   = 1 / sqrt(v_bg + {exact(epsilon, "epsilon")})
                n_bgci = (x_bgci - m_bg) r_bg
                y_bgci = γ_gc n_bgci + β_gc
            """,
            backward="""
                δn_bgci = γ_gc δy_bgci
                δx_bgci = r_bg (δn_bgci - mean_dj(δn_bgdj) - n_bgci mean_dj(δn_bgdj n_bgdj))
                δγ_gc   = δy_bgci n_bgci
                δβ_gc   = Σ_bi δy_bgci
            """,
        )


class InstanceNorm(Layer):
    """Every channel c of every example b brought to mean 0 and variance 1 over its places i.

    Backward, with ``δn = γ ⊙ δy`` and means over i: ``δx = r ⊙ (δn - mean(δn) - n ⊙ mean(δn ⊙ n))``, as for LayerNorm.

    Shapes: x (b, i, c), γ (c), β (c), y (b, i, c); m, v and r (b, c).
    Reference: Ulyanov, Vedaldi, Lempitsky, Instance normalization (2016).
    """

    parameters = "γ β"

    def __init__(self, epsilon: Real = "1/100000") -> None:
        super().__init__(
            forward=f"""
                m_bc  = mean_i(x_bic)
                v_bc  = mean_i((x_bic - m_bc)^2)
                r_bc  = 1 / sqrt(v_bc + {exact(epsilon, "epsilon")})
                n_bic = (x_bic - m_bc) r_bc
                y_bic = γ_c n_bic + β_c
            """,
            backward="""
                δn_bic = γ_c δy_bic
                δx_bic = r_bc (δn_bic - mean_j(δn_bjc) - n_bic mean_j(δn_bjc n_bjc))
                δγ_c   = δy_bic n_bic
                δβ_c   = Σ_bi δy_bic
            """,
        )


class WeightNorm(Layer):
    """An affine map whose columns have length and direction apart: ``W_ij = g_j v_ij / |v_j|``, ``z = a W + 1 bᵀ``.

    Backward: ``δg_j = Σ_i δW_ij u_ij`` with the direction ``u_ij = v_ij / |v_j|``, and
    ``δv_ij = g_j (δW_ij - δg_j u_ij) / |v_j|``: what points along v is taken out, since the length of v does nothing.

    Shapes: a (b, i), v (i, j), g (j), b (j), z (b, j).
    Reference: Salimans, Kingma, Weight normalization (2016).
    """

    forward = """
        r_j  = 1 / sqrt(Σ_i v_ij^2)
        u_ij = v_ij r_j
        W_ij = g_j u_ij
        z_bj = a_bi W_ij + b_j
    """
    backward = """
        δW_ij = a_bi δz_bj
        δg_j  = δW_ij u_ij
        δv_ij = g_j r_j (δW_ij - δg_j u_ij)
        δa_bi = δz_bj W_ij
        δb_j  = Σ_b δz_bj
    """
    parameters = "v g b"
    takes = "a"


class SpectralNorm(Layer):
    """A linear map over its largest singular value: ``s = uᵀ W v``, ``z_bi = Σ_j W_ij a_bj / s``; u and v are given.

    Backward: ``δW = (G - (⟨G, W⟩ / s) u vᵀ) / s`` with ``G = δzᵀ a``: what a larger s takes back.

    Shapes: a (b, j), W (i, j), u (i), v (j), z (b, i); u and v are had by the power method, and owed nothing.
    Reference: Miyato, Kataoka, Koyama, Yoshida, Spectral normalization for generative adversarial networks (2018).
    """

    forward = """
        s    = u_i W_ij v_j
        z_bi = W_ij a_bj / s
    """
    backward = """
        G_ij  = δz_bi a_bj
        δW_ij = (G_ij - u_i v_j G_kl W_kl / s) / s
        δa_bj = W_ij δz_bi / s
    """
    parameters = "W"
    takes = "a"


class Dropout(Layer):
    """Entries left out at random, the others made larger: ``y = m ⊙ x / (1 - rate)`` for a mask m of zeros and ones.

    Backward ``δx = m ⊙ δy / (1 - rate)``: the same mask. It is drawn outside and handed in, so that the page stays
    mathematics; ``for_inference`` gives x as it is.

    Shapes: x (j), m (j), y (j); further axes in front are carried along.
    Reference: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, Dropout, JMLR 15 (2014).

    >>> print(Dropout(rate=0.2))
    # Dropout
    y_j = 5/4 m_j x_j
    # backward
    δm_j = 5/4 x_j δy_j    # derived
    δx_j = 5/4 m_j δy_j
    """

    takes = "x"

    def __init__(self, rate: Real = 0.1) -> None:
        kept = 1 / (1 - exact(rate, "rate", above=None, below=1))
        super().__init__(forward=f"y_j = {kept} m_j x_j", backward=f"δx_j = {kept} m_j δy_j", inference="y_j = x_j")


class BatchNormRunning(Layer):
    """BatchNorm as in training, with the running mean and variance that inference will use: ``p = (1 - α) μ + α m``,
    ``q = (1 - α) ν + α v``. They are constants to the gradient.

    Backward the rules of BatchNorm: ``δx = γ r ⊙ (δy - mean_b(δy) - n ⊙ mean_b(δy ⊙ n))``. ``for_inference`` takes μ
    and ν in place of the mean and variance of the examples, and leaves them as they are.

    Shapes: x (b, i), γ, β (i), μ, ν (i) as they were, y (b, i), p, q (i) as they are now.
    Reference: Ioffe, Szegedy, Batch normalization (2015), section 3.1.
    """

    parameters = "γ β"
    takes = "x"

    def __init__(self, momentum: Real = "1/10", epsilon: Real = "1/100000") -> None:
        α = exact(momentum, "momentum", below=1)
        super().__init__(
            forward=f"""
                m_i  = mean_b(x_bi)
                v_i  = mean_b((x_bi - m_i)^2)
                r_i  = 1 / sqrt(v_i + {exact(epsilon, "epsilon")})
                n_bi = (x_bi - m_i) r_i
                y_bi = γ_i n_bi + β_i
                p_i  = {1 - α} μ_i + {α} stop(m_i)
                q_i  = {1 - α} ν_i + {α} stop(v_i)
            """,
            inference=_kept("μ", "ν", epsilon) + "p_i = μ_i; q_i = ν_i",
            backward="""
                δx_bi = γ_i r_i (δy_bi - mean_c(δy_ci) - n_bi mean_c(δy_ci n_ci))
                δγ_i  = δy_bi n_bi
                δβ_i  = Σ_b δy_bi
            """,
        )
