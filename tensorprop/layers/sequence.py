"""Recurrences over a sequence: pages of equations. b is the example, t the step, i what comes in, j and k what is kept.

On the way back time runs the other way: what is owed to a state is what comes from outside, ``δh^(out)``, and what the
next step owes it. What is owed to weights is added up over all steps, after the loop.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = [
    "CausalLinearAttention",
    "Gru",
    "LinearRecurrence",
    "Lstm",
    "Retention",
    "Rnn",
    "SelectiveStateSpace",
]


class Rnn(Layer):
    """``h_t = tanh(x_t U + h_{t-1} W + c)``, from ``h_{-1} = 0``.

    Backward in time: ``δh_t = δh^(out)_t + δz_{t+1} Wᵀ``, ``δz_t = δh_t ⊙ (1 - h_t²)``, then
    ``δU = Σ_t x_tᵀ δz_t`` and ``δW = Σ_t h_{t-1}ᵀ δz_t``.

    Shapes: x (b, t, i), U (i, j), W (k, j), c (j), h (b, t, j).
    Reference: Elman, Finding structure in time, Cognitive Science 14 (1990); backward Werbos, Backpropagation through
    time (1990).

    >>> print(Rnn().rules["δW"])
    δW_kj = h[b, t-1, k] δz_btj
    """

    forward = """
        z[b,t,j]  = x_bti U_ij + h[b,t-1,k] W_kj + c_j
        h[b,t,j]  = tanh(z_btj)
        h[b,-1,j] = 0
    """
    backward = """
        δh_btk = δh^(out)_btk + [t + 1 < dim(x, 1)] W_kj δz[b,t+1,j]
        δz_btj = δh_btj (1 - h_btj^2)
        δx_bti = δz_btj U_ij
        δU_ij  = x_bti δz_btj
        δW_kj  = h[b,t-1,k] δz_btj
        δc_j   = Σ_bt δz_btj
    """
    parameters = "U W c"


class Lstm(Layer):
    """Gates i, f, o and a proposal u of x_t and h_{t-1}; ``c_t = f ⊙ c_{t-1} + i ⊙ u``, ``h_t = o ⊙ tanh(c_t)``.

    The four gates g are one axis of the weights, 0 to 3 for i, f, o, u. Backward in time: c is owed
    ``δh_t ⊙ o ⊙ (1 - tanh²(c_t)) + δc_{t+1} ⊙ f_{t+1}``, each gate by its slope, and h what the next step's gates owe.

    Shapes: x (b, t, i), U (g, i, j), W (g, k, j), β (g, j), h (b, t, j); h and c start at 0.
    Reference: Hochreiter, Schmidhuber, Long short-term memory, Neural Computation 9 (1997); with forget gates Gers,
    Schmidhuber, Cummins (2000).
    """

    forward = """
        z[b,t,g,j] = x_bti U_gij + h[b,t-1,k] W_gkj + β_gj
        i_btj      = σ(z[b,t,0,j])
        f_btj      = σ(z[b,t,1,j])
        o_btj      = σ(z[b,t,2,j])
        u_btj      = tanh(z[b,t,3,j])
        c[b,t,j]   = f_btj c[b,t-1,j] + i_btj u_btj
        h[b,t,j]   = o_btj tanh(c_btj)
        h[b,-1,j]  = 0
        c[b,-1,j]  = 0
    """
    backward = """
        δh_btk  = δh^(out)_btk + [t + 1 < dim(x, 1)] W_gkj δz[b,t+1,g,j]
        δc_btj  = δh_btj o_btj (1 - tanh(c_btj)^2) + [t + 1 < dim(x, 1)] δc[b,t+1,j] f[b,t+1,j]
        δz_btgj = [g = 0] δc_btj u_btj i_btj (1 - i_btj) + [g = 1] δc_btj c[b,t-1,j] f_btj (1 - f_btj) +
                  [g = 2] δh_btj tanh(c_btj) o_btj (1 - o_btj) + [g = 3] δc_btj i_btj (1 - u_btj^2)
        δx_bti  = δz_btgj U_gij
        δU_gij  = x_bti δz_btgj
        δW_gkj  = h[b,t-1,k] δz_btgj
        δβ_gj   = Σ_bt δz_btgj
    """
    parameters = "U W β"


class Gru(Layer):
    """Gates z (how much is kept) and r (how much of h is heard), a proposal n, ``h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}``.

    Backward in time: n is owed ``δh_t ⊙ (1 - z)``, z is owed ``δh_t ⊙ (h_{t-1} - n)``, and r through
    ``n = tanh(x_t A + r ⊙ (h_{t-1} D))``; h is owed by the next step's gates, and ``z_{t+1} ⊙ δh_{t+1}``.

    Shapes: x (b, t, i), A, B, C (i, j), D, P, Q (k, j), h (b, t, j), which starts at 0.
    Reference: Cho et al., Learning phrase representations using RNN encoder–decoder (2014).
    """

    forward = """
        z[b,t,j]  = σ(x_bti B_ij + h[b,t-1,k] P_kj)
        r[b,t,j]  = σ(x_bti C_ij + h[b,t-1,k] Q_kj)
        v[b,t,j]  = h[b,t-1,k] D_kj
        n[b,t,j]  = tanh(x_bti A_ij + r_btj v_btj)
        h[b,t,j]  = (1 - z_btj) n_btj + z_btj h[b,t-1,j]
        h[b,-1,j] = 0
    """
    backward = """
        δn_btj = δh_btj (1 - z_btj)
        δz_btj = δh_btj (h[b,t-1,j] - n_btj)
        a_btj  = δn_btj (1 - n_btj^2)
        δr_btj = a_btj v_btj
        δv_btj = a_btj r_btj
        p_btj  = δz_btj z_btj (1 - z_btj)
        q_btj  = δr_btj r_btj (1 - r_btj)
        δA_ij  = x_bti a_btj
        δB_ij  = x_bti p_btj
        δC_ij  = x_bti q_btj
        δD_kj  = h[b,t-1,k] δv_btj
        δP_kj  = h[b,t-1,k] p_btj
        δQ_kj  = h[b,t-1,k] q_btj
        δx_bti = a_btj A_ij + p_btj B_ij + q_btj C_ij
    """
    parameters = "A B C D P Q"


class LinearRecurrence(Layer):
    """``h_t = a_t ⊙ h_{t-1} + x_t``, from ``h_{-1} = 0``: nothing but decay.

    Backward the same recurrence, the other way: ``δh_t = δh^(out)_t + a_{t+1} ⊙ δh_{t+1}``, ``δx_t = δh_t``,
    ``δa_t = δh_t ⊙ h_{t-1}``.

    Shapes: a, x, h (b, t, j).
    Reference: Martin, Cundy, Parallelizing linear recurrent neural nets over sequence length (2018).
    """

    forward = """
        h[b,t,j]  = a_btj h[b,t-1,j] + x_btj
        h[b,-1,j] = 0
    """
    backward = """
        δh_btj = δh^(out)_btj + [t + 1 < dim(x, 1)] a[b,t+1,j] δh[b,t+1,j]
        δx_btj = δh_btj
        δa_btj = δh_btj h[b,t-1,j]
    """
    takes = "x"


class SelectiveStateSpace(Layer):
    """``h_t = exp(s_t A) ⊙ h_{t-1} + s_t x_t B_t``, ``y_t = h_t C_t + D ⊙ x_t``: s, B and C depend on the input.

    Backward in time ``δh_t = δy_t C_tᵀ + exp(s_{t+1} A) ⊙ δh_{t+1}``; with ``e_t = δh_t ⊙ h_{t-1} ⊙ exp(s_t A)``, what
    is owed to the exponent, ``δA = Σ_t s_t ⊙ e_t``.

    Shapes: x, s (t, d), A (d, n), B, C (t, n), D (d), h (t, d, n), y (t, d).
    Reference: Gu, Dao, Mamba: linear-time sequence modeling with selective state spaces (2023), algorithm 2.
    """

    forward = """
        h[t,d,n]  = exp(s_td A_dn) h[t-1,d,n] + s_td B_tn x_td
        h[-1,d,n] = 0
        y_td      = h_tdn C_tn + D_d x_td
    """
    backward = """
        δh_tdn = δy_td C_tn + [t + 1 < dim(x, 0)] exp(s[t+1,d] A_dn) δh[t+1,d,n]
        e_tdn  = δh_tdn h[t-1,d,n] exp(s_td A_dn)
        δA_dn  = s_td e_tdn
        δs_td  = e_tdn A_dn + δh_tdn B_tn x_td
        δB_tn  = s_td x_td δh_tdn
        δC_tn  = δy_td h_tdn
        δD_d   = δy_td x_td
        δx_td  = δy_td D_d + δh_tdn s_td B_tn
    """
    parameters = "A D"
    takes = "x"


class Retention(Layer):
    """A memory of outer products that fades: ``S_t = γ S_{t-1} + K_tᵀ V_t``, ``O_t = Q_t S_t``.

    It is ``O = (Q Kᵀ ⊙ G) V`` with ``G_tu = [u ≤ t] γ^(t-u)``, one step at a time. Backward in time
    ``δS_t = Q_tᵀ δO_t + γ δS_{t+1}``, ``δQ_t = δO_t S_tᵀ``, ``δK_t = V_t δS_tᵀ``, ``δV_t = K_t δS_t``.

    Shapes: Q, K (t, d), V (t, e), γ (), S (t, d, e), O (t, e).
    Reference: Sun et al., Retentive network: a successor to transformer for large language models (2023).
    """

    forward = """
        S[t,d,e]  = γ S[t-1,d,e] + K_td V_te
        S[-1,d,e] = 0
        O_te      = Q_td S_tde
    """
    backward = """
        δS_tde = Q_td δO_te + [t + 1 < dim(Q, 0)] γ δS[t+1,d,e]
        δQ_td  = S_tde δO_te
        δK_td  = δS_tde V_te
        δV_te  = δS_tde K_td
        δγ     = δS_tde S[t-1,d,e]
    """
    takes = "Q"


class CausalLinearAttention(Layer):
    """Attention whose weights are products ``q_t · k_u`` of positive numbers, as a recurrence:
    ``S_t = S_{t-1} + k_tᵀ V_t``, ``n_t = n_{t-1} + k_t``,
    ``O_t = q_t S_t / r_t`` with ``q = elu(Q) + 1``, ``k = elu(K) + 1``.

    Backward, with ``w_t = δO_t / r_t`` for the divisor ``r_t = q_t · n_t``, which is owed ``δr_t = -Σ_e w_te O_te``:
    ``δS_t = q_tᵀ w_t + δS_{t+1}``, ``δn_t = q_t δr_t + δn_{t+1}``, ``δk_t = V_t δS_tᵀ + δn_t``. The slope of elu(Q) is
    ``[Q > 0] + [Q ≤ 0] q``.

    Shapes: Q, K (t, d), V (t, e), S (t, d, e), n (t, d), r (t), O (t, e).
    Reference: Katharopoulos, Vyas, Pappas, Fleuret, Transformers are RNNs (2020), section 3.3.
    """

    forward = """
        q_td      = elu(Q_td) + 1
        k_td      = elu(K_td) + 1
        S[t,d,e]  = S[t-1,d,e] + k_td V_te
        S[-1,d,e] = 0
        n[t,d]    = n[t-1,d] + k_td
        n[-1,d]   = 0
        r_t       = q_td n_td
        O_te      = q_td S_tde / r_t
    """
    backward = """
        w_te   = δO_te / r_t
        δr_t   = -w_te O_te
        δq_td  = S_tde w_te + n_td δr_t
        δS_tde = q_td w_te + [t + 1 < dim(Q, 0)] δS[t+1,d,e]
        δn_td  = q_td δr_t + [t + 1 < dim(Q, 0)] δn[t+1,d]
        δk_td  = δS_tde V_te + δn_td
        δV_te  = δS_tde k_td
        δQ_td  = δq_td ([Q_td > 0] + [Q_td ≤ 0] q_td)
        δK_td  = δk_td ([K_td > 0] + [K_td ≤ 0] k_td)
    """
    takes = "Q"
