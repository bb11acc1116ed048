"""Models of what goes on in time: pages of equations. t and n are steps; the states are met one after the other."""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = ["ConnectionistLoss", "HiddenMarkovModel", "KalmanFilter", "NeuralOde"]


class HiddenMarkovModel(Layer):
    """The forward recurrence in logarithms: ``α_tj = log Σ_i exp(α_{t-1,i} + A_ij) + o_tj``, from ``α_{-1} = g``, and
    ``E = -log Σ_j exp(α_Tj)``, minus the logarithm of how likely the observations are.

    A are logarithms of transitions i → j, o those of how likely each observation is in each state. Backward: ``-δα_tj``
    is how likely state j is at time t, all observations known; ``w_tij``, with its sign, that i → j was taken then, and
    ``δA_ij = Σ_t w_tij`` the expected count: the Baum–Welch algorithm's.

    Shapes: o (t, j), A (i, j), g (j), α (t, j), E ().
    Reference: Rabiner, A tutorial on hidden Markov models, Proceedings of the IEEE 77 (1989).
    """

    forward = """
        α[t,j]  = logsumexp_i(α[t-1,i] + A_ij) + o_tj
        α[-1,j] = g_j
        E       = -logsumexp_j(α[dim(o,0)-1, j])
    """
    backward = """
        w_tij = softmax_i(α[t-1,i] + A_ij) δα_tj
        δo_tj = δα_tj
        δA_ij = Σ_t w_tij
        δg_i  = Σ_j w_{0,i,j}
    """
    parameters = "A g"
    takes = "o"


class KalmanFilter(Layer):
    """Prediction ``m = F n``, ``P = F C Fᵀ + Q``; the gain ``K = P Hᵀ S⁻¹`` with ``S = H P Hᵀ + R``; correction
    ``n = m + K e``, ``C = P - K H P`` for the innovation ``e = y - H m``.

    ``E = ½ Σ_t (eᵀ S⁻¹ e + log|S|)`` is minus the logarithm of the observations' density, up to a constant. Backward:
    the covariances of the noise are owed by every step, ``δQ = Σ_t δP_t``, ``δR = Σ_t δS_t``; F as a factor of both
    predictions, ``δF = Σ_t (δm_t n_{t-1}ᵀ + δP_t F C_{t-1}ᵀ + δP_tᵀ F C_{t-1})``.

    Shapes: y (t, o), F (k, l), H (o, k), Q (k, l), R (o, p), n and C start at g (k) and V (k, l), E ().
    Reference: Kalman, A new approach to linear filtering and prediction problems (1960); the likelihood as in
    Schweppe, Evaluation of likelihood functions for Gaussian signals (1965).
    """

    forward = """
        m_tk       = F_kl n[t-1,l]
        P_tkl      = F_ki C[t-1,i,j] F_lj + Q_kl
        e_to       = y_to - H_ok m_tk
        S_top      = H_ok P_tkl H_pl + R_op
        K_tko      = P_tkl H_pl inv(S_t)_po
        n[t,k]     = m_tk + K_tko e_to
        C[t,k,l]   = P_tkl - K_tko H_oi P_til
        n[-1,k]    = g_k
        C[-1,k,l]  = V_kl
        E          = 1/2 Σ_t (e_to inv(S_t)_op e_tp + logdet(S_t))
        spd(Q)
        spd(R)
        spd(V)
    """
    backward = """
        δy_to = δe_to
        δQ_kl = Σ_t δP_tkl
        δR_op = Σ_t δS_top
        δF_ki = Σ_t (δm_tk n[t-1,i] + δP_tkl C[t-1,i,j] F_lj + δP_tlk F_lj C[t-1,j,i])
    """
    parameters = "F H Q R"
    takes = "y"


class NeuralOde(Layer):
    """``dx/dτ = tanh(x W + u)`` from a on by the classical method of Runge and Kutta, in steps of lengths h_n:
    ``x_n = x_{n-1} + h/6 (k + 2 l + 2 p + q)`` with four slopes, each taken where the one before it leads.

    Backward the slopes are owed in the other order: q ``h/6 δx_n``, p ``h/3 δx_n + h Q Wᵀ`` with ``Q = δq ⊙ (1 - q²)``,
    and so on: the exact derivative of what was computed, not of the equation.

    Shapes: a (b, i), h (n), W (i, j) square, u (j), x, k, l, p, q (n, b, j), y (b, j), the last x.
    Reference: Chen, Rubanova, Bettencourt, Duvenaud, Neural ordinary differential equations (2018).
    """

    forward = """
        k_nbj     = tanh(x[n-1,b,i] W_ij + u_j)
        l_nbj     = tanh((x[n-1,b,i] + 1/2 h_n k_nbi) W_ij + u_j)
        p_nbj     = tanh((x[n-1,b,i] + 1/2 h_n l_nbi) W_ij + u_j)
        q_nbj     = tanh((x[n-1,b,i] + h_n p_nbi) W_ij + u_j)
        x[n,b,j]  = x[n-1,b,j] + 1/6 h_n (k_nbj + 2 l_nbj + 2 p_nbj + q_nbj)
        x[-1,b,j] = a_bj
        y_bj      = x[dim(h,0)-1,b,j]
    """
    backward = """
        δq_nbj = 1/6 h_n δx_nbj
        Q_nbj  = δq_nbj (1 - q_nbj^2)
        δp_nbj = 1/3 h_n δx_nbj + h_n W_jk Q_nbk
        P_nbj  = δp_nbj (1 - p_nbj^2)
        δl_nbj = 1/3 h_n δx_nbj + 1/2 h_n W_jk P_nbk
        L_nbj  = δl_nbj (1 - l_nbj^2)
        δk_nbj = 1/6 h_n δx_nbj + 1/2 h_n W_jk L_nbk
        K_nbj  = δk_nbj (1 - k_nbj^2)
        δu_j   = Σ_nb (K_nbj + L_nbj + P_nbj + Q_nbj)
        δW_ij  = Σ_nb (x[n-1,b,i] K_nbj + (x[n-1,b,i] + 1/2 h_n k_nbi) L_nbj +
                       (x[n-1,b,i] + 1/2 h_n l_nbi) P_nbj + (x[n-1,b,i] + h_n p_nbi) Q_nbj)
    """
    parameters = "W u"
    takes = "a"


class ConnectionistLoss(Layer):
    """How likely a row of labels is when nobody says at which step each stands (CTC). y are the labels with a blank
    before, between and after them; ``r_ts = α_{t-1,s} + α_{t-1,s-1} + [y_s ≠ y_{s-2}] α_{t-1,s-2}``: stay, go on, or
    leave a blank out; ``a_ts = p_t(y_s) r_ts``, made to add up to 1 at every step: ``α = a / c``, ``c_t = Σ_s a_ts``.

    ``E = -Σ_t log c_t - log(the last two α)`` is minus the logarithm of that probability. Backward: a label v is owed
    by all places s where it stands, ``δp_tv = Σ_s [v = y_s] r_ts δa_ts``, and the scores by softmax's rule.

    Shapes: z (t, v) the scores, y (s) whole numbers, p (t, v), r, a, α (t, s), c (t), E ().
    Reference: Graves, Fernández, Gomez, Schmidhuber, Connectionist temporal classification (2006), section 4.1.
    """

    forward = """
        p_tv    = softmax_v(z_tv)
        r_ts    = α[t-1,s] + α[t-1,s-1] + [y_s ≠ y[s-2]] α[t-1,s-2]
        a_ts    = p[t, y_s] r_ts
        c_t     = Σ_s a_ts
        α[t,s]  = a_ts / c_t
        α[-1,s] = [s = 0]
        E       = -Σ_t log(c_t) - log(α[dim(z,0)-1, dim(y,0)-1] + α[dim(z,0)-1, dim(y,0)-2])
        outside(α) = 0
        outside(y) = -1
    """
    backward = """
        δp_tv = Σ_s [v = y_s] r_ts δa_ts
        δz_tv = p_tv (δp_tv - Σ_w p_tw δp_tw)
    """
    takes = "z"
