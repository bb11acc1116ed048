"""Layers in which one part opens and shuts another, or pieces compete: pages of equations."""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import whole_option

__all__ = [
    "GeGlu",
    "Glu",
    "Maxout",
    "MixtureOfExperts",
    "PRelu",
    "SwiGlu",
    "TopExperts",
]


class Glu(Layer):
    """``a = σ(u) ⊙ v``: v is let through as far as u opens the gate.

    Backward ``δv = δa ⊙ σ(u)``, ``δu = δa ⊙ v ⊙ σ(u) ⊙ (1 - σ(u))``.

    Shapes: u (j), v (j), a (j); further axes in front are carried along.
    Reference: Dauphin, Fan, Auli, Grangier, Language modeling with gated convolutional networks (2017).
    """

    forward = "a_j = σ(u_j) v_j"
    backward = """
        δu_j = δa_j v_j σ(u_j) (1 - σ(u_j))
        δv_j = δa_j σ(u_j)
    """
    takes = "u"


class SwiGlu(Layer):
    """``u = x W``, ``v = x V``, ``a = silu(u) ⊙ v``: the feed-forward gate of present language models.

    Backward ``δv = δa ⊙ silu(u)``, ``δu = δa ⊙ v ⊙ σ(u) ⊙ (1 + u ⊙ (1 - σ(u)))``; x is owed by both,
    ``δx = δu Wᵀ + δv Vᵀ``.

    Shapes: x (b, i), W (i, j), V (i, j), a (b, j).
    Reference: Shazeer, GLU variants improve transformer (2020).
    """

    forward = """
        u_bj = x_bi W_ij
        v_bj = x_bi V_ij
        a_bj = silu(u_bj) v_bj
    """
    backward = """
        δv_bj = δa_bj silu(u_bj)
        δu_bj = δa_bj v_bj σ(u_bj) (1 + u_bj (1 - σ(u_bj)))
        δx_bi = δu_bj W_ij + δv_bj V_ij
        δW_ij = x_bi δu_bj
        δV_ij = x_bi δv_bj
    """
    parameters = "W V"


class GeGlu(Layer):
    """``u = x W``, ``v = x V``, ``a = gelu(u) ⊙ v``.

    Backward as for SwiGlu with the slope of gelu, ``Φ(u) + u φ(u)``, of the normal distribution Φ and its density φ.

    Shapes: x (b, i), W (i, j), V (i, j), a (b, j).
    Reference: Shazeer, GLU variants improve transformer (2020).
    """

    forward = """
        u_bj = x_bi W_ij
        v_bj = x_bi V_ij
        a_bj = gelu(u_bj) v_bj
    """
    backward = """
        δv_bj = δa_bj gelu(u_bj)
        δu_bj = δa_bj v_bj (1/2 (1 + erf(u_bj / sqrt(2))) + u_bj exp(-u_bj^2 / 2) / sqrt(2 π))
        δx_bi = δu_bj W_ij + δv_bj V_ij
        δW_ij = x_bi δu_bj
        δV_ij = x_bi δv_bj
    """
    parameters = "W V"


class PRelu(Layer):
    """``a = max(z, 0) - c max(-z, 0)``: a slope c_j of its own for what is negative.

    Backward ``δz_bj = δa_bj ([z_bj > 0] + c_j [z_bj < 0])``, ``δc_j = -Σ_b δa_bj max(-z_bj, 0)``: c serves every
    example. At z = 0 the slope is 0 on both sides, that of relu.

    Shapes: z (b, j), c (j), a (b, j).
    Reference: He, Zhang, Ren, Sun, Delving deep into rectifiers (2015).
    """

    forward = "a_bj = relu(z_bj) - c_j relu(-z_bj)"
    backward = """
        δz_bj = δa_bj ([z_bj > 0] + c_j [z_bj < 0])
        δc_j  = -Σ_b δa_bj relu(-z_bj)
    """
    parameters = "c"


class Maxout(Layer):
    """The largest of k affine maps: ``z_bjk = Σ_i x_bi W_ijk + b_jk``, ``a_bj = max_k z_bjk``.

    Backward: what is owed goes to the map that was largest, in equal shares where several were:
    ``δz_bjk = w_bjk δa_bj / Σ_l w_bjl`` with ``w_bjk = [z_bjk = a_bj]``.

    Shapes: x (b, i), W (i, j, k), b (j, k), a (b, j).
    Reference: Goodfellow, Warde-Farley, Mirza, Courville, Bengio, Maxout networks (2013).
    """

    forward = """
        z_bjk = x_bi W_ijk + b_jk
        a_bj  = max_k z_bjk
    """
    backward = """
        w_bjk  = [z_bjk = a_bj]
        δz_bjk = w_bjk δa_bj / Σ_l w_bjl
        δx_bi  = δz_bjk W_ijk
        δW_ijk = x_bi δz_bjk
        δb_jk  = Σ_b δz_bjk
    """
    parameters = "W b"


class MixtureOfExperts(Layer):
    """Experts e weighed by a softmax: ``g = softmax(x W)``, ``y_bj = Σ_e g_be Σ_i x_bi V_eij``.

    Backward: a gate is owed what its expert said, ``δg_be = Σ_j δy_bj z_bej``; an expert what was owed, weighed by its
    gate, ``δV_eij = Σ_b g_be x_bi δy_bj``; the scores by the softmax's rule.

    Shapes: x (b, i), W (i, e), V (e, i, j), y (b, j).
    Reference: Jacobs, Jordan, Nowlan, Hinton, Adaptive mixtures of local experts, Neural Computation 3 (1991).
    """

    forward = """
        s_be  = x_bi W_ie
        g_be  = softmax_e(s_be)
        z_bej = x_bi V_eij
        y_bj  = g_be z_bej
    """
    backward = """
        δg_be  = δy_bj z_bej
        δz_bej = g_be δy_bj
        δs_be  = g_be (δg_be - g_bf δg_bf)
        δV_eij = x_bi δz_bej
        δW_ie  = x_bi δs_be
        δx_bi  = δs_be W_ie + δz_bej V_eij
    """
    parameters = "W V"


class TopExperts(Layer):
    """Of the experts e the k with the largest scores, ``m_be = [fewer than k are larger]``, weighed by a softmax of
    their scores.

    Backward as for MixtureOfExperts: a gate that is shut, ``g_be = 0``, is owed nothing, nor is its expert; which are
    shut has no derivative.

    Shapes: x (b, i), W (i, e), V (e, i, j), m, g (b, e), y (b, j).
    Reference: Shazeer et al., Outrageously large neural networks: the sparsely-gated mixture-of-experts layer (2017).
    """

    parameters = "W V"

    def __init__(self, k: int = 2) -> None:
        super().__init__(
            forward=f"""
                s_be  = x_bi W_ie
                m_be  = [Σ_f [s_bf > s_be] < {whole_option(k, "k")}]
                g_be  = m_be exp(s_be) / Σ_f m_bf exp(s_bf)
                z_bej = x_bi V_eij
                y_bj  = g_be z_bej
            """,
            backward="""
                δg_be  = δy_bj z_bej
                δz_bej = g_be δy_bj
                δs_be  = g_be (δg_be - g_bf δg_bf)
                δV_eij = x_bi δz_bej
                δW_ie  = x_bi δs_be
                δx_bi  = δs_be W_ie + δz_bej V_eij
            """,
        )
