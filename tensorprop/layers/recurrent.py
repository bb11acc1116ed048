"""Recurrent networks: pages of equations. b is the example, k and l what comes in, j what is kept, t the step."""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = ["GruCell", "LstmCell", "RnnCell"]


class RnnCell(Layer):
    """One step: ``h' = tanh(x U + h W + 1 bᵀ)``.

    Backward, with ``z = δh' ⊙ (1 - h'²)``: ``δx = z Uᵀ``, ``δh = z Wᵀ``, ``δU = xᵀ z``, ``δW = hᵀ z``.

    Shapes: x (b, i), h (b, k), U (i, j), W (k, j), c (j), y (b, j), the new h.
    Reference: Elman, Finding structure in time, Cognitive Science 14 (1990).
    """

    forward = "y_bj = tanh(x_bi U_ij + h_bk W_kj + c_j)"
    backward = """
        z_bj  = δy_bj (1 - y_bj^2)
        δx_bi = z_bj U_ij
        δh_bk = z_bj W_kj
        δU_ij = x_bi z_bj
        δW_kj = h_bk z_bj
        δc_j  = Σ_b z_bj
    """
    parameters = "U W c"
    takes = "x"


class LstmCell(Layer):
    """One step: gates i, f, o and a proposal u of x and h; ``c' = f ⊙ c + i ⊙ u``, ``h' = o ⊙ tanh(c')``.

    The four gates g are one axis of the weights, ``z_gbj = Σ x_bk U_gkj + Σ h_bl W_glj + β_gj``, 0 to 3 for i, f, o, u.
    Backward: the new c is owed what the next step says and ``δh' ⊙ o ⊙ (1 - tanh²(c'))``; then each gate by its slope.

    Shapes: x (b, k), h (b, l), c (b, j), U (g, k, j), W (g, l, j), β (g, j); y (b, j) is the new h, s (b, j) the new c.
    Reference: Hochreiter, Schmidhuber, Long short-term memory, Neural Computation 9 (1997); with forget gates Gers,
    Schmidhuber, Cummins (2000).
    """

    forward = """
        z_gbj = x_bk U_gkj + h_bl W_glj + β_gj
        i_bj  = σ(z_{0,b,j})
        f_bj  = σ(z_{1,b,j})
        o_bj  = σ(z_{2,b,j})
        u_bj  = tanh(z_{3,b,j})
        m_bj  = f_bj c_bj + i_bj u_bj
        y_bj  = o_bj tanh(m_bj)
        s_bj  = m_bj
    """
    backward = """
        δm_bj  = δs_bj + δy_bj o_bj (1 - tanh(m_bj)^2)
        p_bj   = δm_bj u_bj i_bj (1 - i_bj)
        q_bj   = δm_bj c_bj f_bj (1 - f_bj)
        r_bj   = δy_bj tanh(m_bj) o_bj (1 - o_bj)
        v_bj   = δm_bj i_bj (1 - u_bj^2)
        δz_gbj = [g = 0] p_bj + [g = 1] q_bj + [g = 2] r_bj + [g = 3] v_bj
        δc_bj  = δm_bj f_bj
        δx_bk  = δz_gbj U_gkj
        δh_bl  = δz_gbj W_glj
        δU_gkj = x_bk δz_gbj
        δW_glj = h_bl δz_gbj
        δβ_gj  = Σ_b δz_gbj
    """
    parameters = "U W β"
    takes = "x"


class GruCell(Layer):
    """One step: gates z (how much is kept) and r (how much of h is heard), a proposal n, ``h' = (1 - z) ⊙ n + z ⊙ h``.

    Backward: n is owed ``δh' ⊙ (1 - z)``, z is owed ``δh' ⊙ (h - n)``, and r through ``n = tanh(x A + r ⊙ (h D))``.

    Shapes: x (b, k), h (b, j), A, B, C (k, j), D, P, Q (l, j), y (b, j), the new h.
    Reference: Cho et al., Learning phrase representations using RNN encoder–decoder (2014).
    """

    forward = """
        z_bj = σ(x_bk B_kj + h_bl P_lj)
        r_bj = σ(x_bk C_kj + h_bl Q_lj)
        v_bj = h_bl D_lj
        n_bj = tanh(x_bk A_kj + r_bj v_bj)
        y_bj = (1 - z_bj) n_bj + z_bj h_bj
    """
    backward = """
        δn_bj = δy_bj (1 - z_bj)
        δz_bj = δy_bj (h_bj - n_bj)
        a_bj  = δn_bj (1 - n_bj^2)
        δr_bj = a_bj v_bj
        δv_bj = a_bj r_bj
        p_bj  = δz_bj z_bj (1 - z_bj)
        q_bj  = δr_bj r_bj (1 - r_bj)
        δA_kj = x_bk a_bj
        δB_kj = x_bk p_bj
        δC_kj = x_bk q_bj
        δD_lj = h_bl δv_bj
        δP_lj = h_bl p_bj
        δQ_lj = h_bl q_bj
        δx_bk = a_bj A_kj + p_bj B_kj + q_bj C_kj
        δh_bl = δv_bj D_lj + p_bj P_lj + q_bj Q_lj + δy_bl z_bl
    """
    parameters = "A B C D P Q"
    takes = "x"
