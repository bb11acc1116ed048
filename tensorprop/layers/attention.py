"""Attention: pages of equations. t is where one looks from, u where one looks at, h the head, d and e entries.

``P_tu``, a row of probabilities for every t, is a softmax of the scores ``S_tu = Σ_d Q_td K_ud / sqrt(|d|)``. Its rule
needs ``Σ_u P_tu δP_tu``, one number for every t, and that number is ``Σ_e δO_te O_te``: it can be had from the result
alone, so that no probabilities need to be saved.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import whole_option

__all__ = [
    "AdditiveAttention",
    "AlibiAttention",
    "Attention",
    "CausalAttention",
    "CausalMultiHeadAttention",
    "CrossAttention",
    "GroupedQueryAttention",
    "LinearAttention",
    "MaskedAttention",
    "MultiHeadAttention",
    "MultiQueryAttention",
    "Rope",
    "WindowAttention",
]

_BACK = """
    D_t   = δO_te O_te
    δV_ue = P_tu δO_te
    δP_tu = δO_te V_ue
    δS_tu = P_tu (δP_tu - D_t)
    δQ_td = δS_tu K_ud / sqrt(dim(d))
    δK_ud = δS_tu Q_td / sqrt(dim(d))
"""

_HEADS = """
    δW^(o)_hek = O_bthe δy_btk
    δO_bthe    = δy_btk W^(o)_hek
    D_bht      = δO_bthe O_bthe
    δV_buhe    = P_bhtu δO_bthe
    δP_bhtu    = δO_bthe V_buhe
    δS_bhtu    = P_bhtu (δP_bhtu - D_bht)
    δQ_bthd    = δS_bhtu K_buhd / sqrt(dim(d))
    δK_buhd    = δS_bhtu Q_bthd / sqrt(dim(d))
    δW^(q)_chd = x_btc δQ_bthd
    δW^(k)_chd = x_buc δK_buhd
    δW^(v)_che = x_buc δV_buhe
    δx_btc     = δQ_bthd W^(q)_chd + δK_bthd W^(k)_chd + δV_bthe W^(v)_che
"""


class Attention(Layer):
    """``S = Q Kᵀ / sqrt(|d|)``, ``P = softmax(S)`` along u, ``O = P V``.

    Backward ``δV = Pᵀ δO``, ``δP = δO Vᵀ``, ``δS = P ⊙ (δP - D 1ᵀ)`` with ``D_t = Σ_e δO_te O_te``,
    ``δQ = δS K / sqrt(|d|)``, ``δK = δSᵀ Q / sqrt(|d|)``.

    Shapes: Q (t, d), K (u, d), V (u, e), O (t, e); batch and heads in front are carried along.
    Reference: Vaswani et al., Attention is all you need (2017); the rule as in Dao et al., FlashAttention (2022).

    >>> print(Attention().rules["δS"])
    δS_tu = P_tu (δP_tu - D_t)
    """

    forward = """
        S_tu = Q_td K_ud / sqrt(dim(d))
        P_tu = softmax_u(S_tu)
        O_te = P_tu V_ue
    """
    backward = _BACK
    takes = "Q"


class CausalAttention(Layer):
    """Attention that looks back only: ``[u ≤ t]`` is 1 where u is not after t, and what is after has no weight.

    Backward as for Attention: ``P`` is 0 where it was masked, so ``δS`` is too, and no bracket stands in the rules.

    Shapes: Q (t, d), K (u, d), V (u, e), O (t, e), with t and u over one range.
    Reference: Vaswani et al., Attention is all you need (2017), section 3.2.3.

    >>> print(CausalAttention().system["P"])
    P_tu = [u ≤ t] exp(S_tu) / Σ_v [v ≤ t] exp(S_tv)
    """

    forward = """
        S_tu = Q_td K_ud / sqrt(dim(d))
        P_tu = [u ≤ t] exp(S_tu) / Σ_v [v ≤ t] exp(S_tv)
        O_te = P_tu V_ue
    """
    backward = _BACK
    takes = "Q"


class WindowAttention(Layer):
    """Attention to the last few places: ``[u ≤ t] [t - u < w]`` for a window of w places, t itself among them.

    Shapes: Q (t, d), K (u, d), V (u, e), O (t, e), with t and u over one range.
    Reference: Beltagy, Peters, Cohan, Longformer: the long-document transformer (2020).
    """

    takes = "Q"

    def __init__(self, window: int = 128) -> None:
        w = whole_option(window, "window")
        super().__init__(
            forward=f"""
                S_tu = Q_td K_ud / sqrt(dim(d))
                P_tu = [u ≤ t] [t - u < {w}] exp(S_tu) / Σ_v [v ≤ t] [t - v < {w}] exp(S_tv)
                O_te = P_tu V_ue
            """,
            backward=_BACK,
        )


class MaskedAttention(Layer):
    """Attention with something added to its scores: a mask of 0 and large negative numbers, or a bias that is learnt.

    Backward as for Attention, and ``δM = δS``.

    Shapes: Q (b, t, d), K (b, u, d), V (b, u, e), M (b, t, u), O (b, t, e).
    Reference: Vaswani et al., Attention is all you need (2017); Shaw, Uszkoreit, Vaswani, Self-attention with
    relative position representations (2018).
    """

    forward = """
        S_btu = Q_btd K_bud / sqrt(dim(d)) + M_btu
        P_btu = softmax_u(S_btu)
        O_bte = P_btu V_bue
    """
    backward = """
        D_bt   = δO_bte O_bte
        δV_bue = P_btu δO_bte
        δP_btu = δO_bte V_bue
        δS_btu = P_btu (δP_btu - D_bt)
        δM_btu = δS_btu
        δQ_btd = δS_btu K_bud / sqrt(dim(d))
        δK_bud = δS_btu Q_btd / sqrt(dim(d))
    """
    takes = "Q"


class AlibiAttention(Layer):
    """Causal attention of heads h that fades with distance: ``S_htu = Σ_d Q_thd K_uhd / sqrt(|d|) - m_h (p_t - p_u)``.

    p holds the places, 0 1 2 …; m the slope of every head. Backward as for Attention, and
    ``δm_h = -Σ_tu δS_htu (p_t - p_u)`` where the slopes are learnt.

    Shapes: Q (t, h, d), K (u, h, d), V (u, h, e), m (h), p (t), O (t, h, e), with t and u over one range.
    Reference: Press, Smith, Lewis, Train short, test long: attention with linear biases (2022).
    """

    forward = """
        S_htu = Q_thd K_uhd / sqrt(dim(d)) - m_h (p_t - p_u)
        P_htu = [u ≤ t] exp(S_htu) / Σ_v [v ≤ t] exp(S_htv)
        O_the = P_htu V_uhe
    """
    backward = """
        D_ht   = δO_the O_the
        δV_uhe = P_htu δO_the
        δP_htu = δO_the V_uhe
        δS_htu = P_htu (δP_htu - D_ht)
        δm_h   = -δS_htu (p_t - p_u)
        δQ_thd = δS_htu K_uhd / sqrt(dim(d))
        δK_uhd = δS_htu Q_thd / sqrt(dim(d))
    """
    takes = "Q"


class MultiHeadAttention(Layer):
    """Self-attention of x in heads h, with the four maps that are learnt: ``y = concat_h(P_h V_h) W^(o)``.

    Backward: every map is owed as in Dense, x by all three that read it,
    ``δx = δQ W^(q)ᵀ + δK W^(k)ᵀ + δV W^(v)ᵀ``, each summed over heads and their entries.

    Shapes: x (b, t, c), W^(q) and W^(k) (c, h, d), W^(v) (c, h, e), W^(o) (h, e, k), y (b, t, k).
    Reference: Vaswani et al., Attention is all you need (2017), section 3.2.2.
    """

    forward = """
        Q_bthd = x_btc W^(q)_chd
        K_buhd = x_buc W^(k)_chd
        V_buhe = x_buc W^(v)_che
        S_bhtu = Q_bthd K_buhd / sqrt(dim(d))
        P_bhtu = softmax_u(S_bhtu)
        O_bthe = P_bhtu V_buhe
        y_btk  = O_bthe W^(o)_hek
    """
    backward = _HEADS
    parameters = "W^(q) W^(k) W^(v) W^(o)"


class CrossAttention(Layer):
    """Attention from one sequence x to another, s: the queries are read off x, keys and values off s.

    Backward: x is owed through the queries, s through keys and values, ``δs = δK W^(k)ᵀ + δV W^(v)ᵀ``.

    Shapes: x (b, t, c), s (b, u, f), W^(q) (c, d), W^(k) (f, d), W^(v) (f, e), O (b, t, e).
    Reference: Bahdanau, Cho, Bengio (2015); in this form Vaswani et al., Attention is all you need (2017).
    """

    forward = """
        Q_btd = x_btc W^(q)_cd
        K_bud = s_buf W^(k)_fd
        V_bue = s_buf W^(v)_fe
        S_btu = Q_btd K_bud / sqrt(dim(d))
        P_btu = softmax_u(S_btu)
        O_bte = P_btu V_bue
    """
    backward = """
        D_bt      = δO_bte O_bte
        δV_bue    = P_btu δO_bte
        δP_btu    = δO_bte V_bue
        δS_btu    = P_btu (δP_btu - D_bt)
        δQ_btd    = δS_btu K_bud / sqrt(dim(d))
        δK_bud    = δS_btu Q_btd / sqrt(dim(d))
        δW^(q)_cd = x_btc δQ_btd
        δW^(k)_fd = s_buf δK_bud
        δW^(v)_fe = s_buf δV_bue
        δx_btc    = δQ_btd W^(q)_cd
        δs_buf    = δK_bud W^(k)_fd + δV_bue W^(v)_fe
    """
    parameters = "W^(q) W^(k) W^(v)"
    takes = "x"


class GroupedQueryAttention(Layer):
    """Groups g of query heads h that share their keys and values; one group is multi-query attention.

    Backward as for Attention, and ``δK_bugd = Σ_ht δS_bghtu Q_btghd / sqrt(|d|)``: keys and values are owed by every
    head of their group, so h is summed for them.

    Shapes: Q (b, t, g, h, d), K (b, u, g, d), V (b, u, g, e), O (b, t, g, h, e).
    Reference: Ainslie et al., GQA: training generalized multi-query transformer models (2023).
    """

    forward = """
        S_bghtu = Q_btghd K_bugd / sqrt(dim(d))
        P_bghtu = softmax_u(S_bghtu)
        O_btghe = P_bghtu V_buge
    """
    backward = """
        D_btgh   = δO_btghe O_btghe
        δV_buge  = P_bghtu δO_btghe
        δP_bghtu = δO_btghe V_buge
        δS_bghtu = P_bghtu (δP_bghtu - D_btgh)
        δQ_btghd = δS_bghtu K_bugd / sqrt(dim(d))
        δK_bugd  = δS_bghtu Q_btghd / sqrt(dim(d))
    """
    takes = "Q"


class LinearAttention(Layer):
    """Attention without a softmax: ``S = Kᵀ V``, ``O = Q S``, linear in the number of places.

    Backward ``δQ = δO Sᵀ``, ``δS = Qᵀ δO``, ``δK = V δSᵀ``, ``δV = K δS``. Put a positive function on Q and K before.

    Shapes: Q (t, d), K (u, d), V (u, e), S (d, e), O (t, e).
    Reference: Katharopoulos, Vyas, Pappas, Fleuret, Transformers are RNNs (2020).
    """

    forward = """
        S_de = K_ud V_ue
        O_te = Q_td S_de
    """
    backward = """
        δQ_td = δO_te S_de
        δS_de = Q_td δO_te
        δK_ud = V_ue δS_de
        δV_ue = K_ud δS_de
    """
    takes = "Q"


class AdditiveAttention(Layer):
    """Scores from a small network: ``S_tu = Σ_j v_j tanh(Σ_i q_ti A_ij + Σ_i k_ui B_ij)``, ``O = softmax(S) V``.

    Backward: with ``a_tuj = δS_tu v_j (1 - h_tuj²)``, queries are owed what a adds up to over u, keys over t.

    Shapes: q (t, i), k (u, i), A (i, j), B (i, j), v (j), V (u, e), O (t, e).
    Reference: Bahdanau, Cho, Bengio, Neural machine translation by jointly learning to align and translate (2015).
    """

    forward = """
        h_tuj = tanh(q_ti A_ij + k_ui B_ij)
        S_tu  = h_tuj v_j
        P_tu  = softmax_u(S_tu)
        O_te  = P_tu V_ue
    """
    backward = """
        δV_ue = P_tu δO_te
        δP_tu = δO_te V_ue
        δS_tu = P_tu (δP_tu - Σ_v P_tv δP_tv)
        δv_j  = δS_tu h_tuj
        a_tuj = δS_tu v_j (1 - h_tuj^2)
        δq_ti = Σ_u a_tuj A_ij
        δk_ui = Σ_t a_tuj B_ij
        δA_ij = Σ_tu q_ti a_tuj
        δB_ij = Σ_tu k_ui a_tuj
    """
    parameters = "A B v"
    takes = "q"


class Rope(Layer):
    """Pairs (x, z) of entries turned by an angle that grows with the place: ``y = x cos(p θ) - z sin(p θ)``,
    ``w = x sin(p θ) + z cos(p θ)``.

    Backward the turn back: ``δx = δy cos + δw sin``, ``δz = δw cos - δy sin``, since a rotation's transpose is its
    inverse. p holds the places, 0 1 2 …; θ the angle of every pair.

    Shapes: x (t, i), z (t, i), p (t), θ (i), y (t, i), w (t, i).
    Reference: Su et al., RoFormer: enhanced transformer with rotary position embedding (2021).
    """

    forward = """
        y_ti = x_ti cos(p_t θ_i) - z_ti sin(p_t θ_i)
        w_ti = x_ti sin(p_t θ_i) + z_ti cos(p_t θ_i)
    """
    backward = """
        δx_ti = δy_ti cos(p_t θ_i) + δw_ti sin(p_t θ_i)
        δz_ti = δw_ti cos(p_t θ_i) - δy_ti sin(p_t θ_i)
    """
    takes = "x"


class CausalMultiHeadAttention(Layer):
    """MultiHeadAttention that looks back only: ``[u ≤ t]`` is 0 where u is after t, and what is after has no weight.

    Backward the rules of MultiHeadAttention, to the letter: where ``P_bhtu = 0``, its score is owed nothing.

    Shapes: x (b, t, c), W^(q) and W^(k) (c, h, d), W^(v) (c, h, e), W^(o) (h, e, k), y (b, t, k).
    Reference: Vaswani et al., Attention is all you need (2017), section 3.2.3.
    """

    forward = """
        Q_bthd = x_btc W^(q)_chd
        K_buhd = x_buc W^(k)_chd
        V_buhe = x_buc W^(v)_che
        S_bhtu = Q_bthd K_buhd / sqrt(dim(d))
        P_bhtu = [u ≤ t] exp(S_bhtu) / Σ_v [v ≤ t] exp(S_bhtv)
        O_bthe = P_bhtu V_buhe
        y_btk  = O_bthe W^(o)_hek
    """
    backward = _HEADS
    parameters = "W^(q) W^(k) W^(v) W^(o)"


class MultiQueryAttention(Layer):
    """All query heads h share one set of keys and values: ``S_bhtu = Σ_d Q_bthd K_bud / sqrt(|d|)``, ``O = P V``.

    Backward as for Attention, with keys and values owed by every head: ``δK_bud = Σ_ht δS_bhtu Q_bthd / sqrt(|d|)``,
    ``δV_bue = Σ_ht P_bhtu δO_bthe``.

    Shapes: Q (b, t, h, d), K (b, u, d), V (b, u, e), O (b, t, h, e).
    Reference: Shazeer, Fast transformer decoding: one write-head is all you need (2019).
    """

    forward = """
        S_bhtu = Q_bthd K_bud / sqrt(dim(d))
        P_bhtu = softmax_u(S_bhtu)
        O_bthe = P_bhtu V_bue
    """
    backward = """
        D_bth   = δO_bthe O_bthe
        δV_bue  = P_bhtu δO_bthe
        δP_bhtu = δO_bthe V_bue
        δS_bhtu = P_bhtu (δP_bhtu - D_bth)
        δQ_bthd = δS_bhtu K_bud / sqrt(dim(d))
        δK_bud  = δS_bhtu Q_bthd / sqrt(dim(d))
    """
    takes = "Q"
