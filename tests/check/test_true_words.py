"""Words of a diagnosis are true and say where: of what was written, in its own letters."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.errors import UnknownName

NORM = (
    "m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); r_b = 1/sqrt(v_b + eps); n_bi = (x_bi - m_b) r_b; "
    "y_bi = g_i n_bi + c_i"
)

SAID = (
    (
        NORM,
        "w_bi = g_i δy_bi; c1_i = mean_b(n_bi w_bi); c2_b = mean_i(w_bi); δx_bi = (w_bi - (n_bi c1_i + c2_b)) r_b",
        "mean_b stands where mean_i belongs in c1",
    ),
    (
        "p_i = σ(s_i); L_i = -y_i (1 - p_i)^2 log(p_i)",
        "δs_i = δL_i y_i (1 - p_i)^2 (2 p_i log(p_i) + 1 - p_i)",
        "the sign of (1 - p_i) in (2 p_i log(p_i) + 1 - p_i) is wrong",
    ),
    ("y_i = tanh(0.3 x_i) + x_i", "δx_i = δy_i (1 + (1 - tanh(0.3 x_i)^2))", "the factor 0.3 is missing"),
    ("y_i = x_i - tanh(0.3 x_i)", "δx_i = δy_i (1 - (1 - tanh(0.3 x_i)^2))", "the factor 0.3 is missing"),
    (
        "y_i = x_i σ(1.702 x_i)",
        "s_i = σ(1.702 x_i); δx_i = δy_i (s_i + x_i s_i (1 - s_i))",
        "the factor 1.702 is missing",
    ),
)


@pytest.mark.parametrize("forward, rules, words", SAID)
def test_what_is_said(forward: str, rules: str, words: str) -> None:
    (finding,) = tp.check(tp.Layer(forward, rules)).findings
    assert finding.diagnosis is not None and finding.diagnosis.proved
    assert words in finding.diagnosis.words, finding.diagnosis.words


def test_a_differential_of_a_tensor_is_read_as_its_adjoint() -> None:
    page = "s_tu = q_td k_ud; p_tu = softmax_u(s_tu); o_td = p_tu v_ud"
    layer = tp.Layer(page, "dp_tu = do_td v_ud; δv_ud = p_tu do_td")
    assert [str(eq) for eq in layer.written] == ["δp_tu = δo_td v_ud", "δv_ud = p_tu δo_td"]
    assert tp.check(layer).proved
    with pytest.raises(UnknownName):
        tp.Layer(page, "δp_tu = dx_td v_ud")


ATTENTION = "s_tu = q_td k_ud / sqrt(dim(d)); p_tu = softmax_u(s_tu); o_te = p_tu v_ue"
LAYER_NORM = (
    "m_b = mean_i(x_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); r_b = (v_b + 1/1000)^(-1/2); n_bi = c_bi r_b; "
    "y_bi = g_i n_bi + h_i"
)
CONTRASTIVE = "z_ij = a_id b_jd / τ; E = -mean_i(z_ii - logsumexp_j(z_ij))"
STRIDED = "z[b,s,t,o] = a[b,2s+u,2t+v,c] K[u,v,c,o] + β_o"
GATED = "y_b = (1 - z_b) m_b"

# of attention, norms, losses, convolutions and gates: one fault each, of kinds that no test of a layer has
CAMPAIGN = (
    (ATTENTION, "δv_ue = p_ut δo_te", "p is transposed"),
    (ATTENTION, "δs_tu = p_tu (δp_tu - p_tw δp_tw p_tu)", "the factor p_tu is one too many"),
    (ATTENTION, "δs_tu = p_tu (δp_tu - Σ_w δp_tw)", "the factor p_tw is missing"),
    (ATTENTION, "δs_tu = p_tu (δp_tu - Σ_w p_wu δp_wu)", "the sum runs over the wrong index"),
    (ATTENTION, "δk_ud = δs_tu q_td / dim(d)", "1 / dim(d) stands where 1 / sqrt(dim(d)) belongs"),
    (ATTENTION, "D_t = δo_te v_te; δs_tu = p_tu (δp_tu - D_t)", "v_te stands where o_te belongs"),
    (LAYER_NORM, "δc_bi = δn_bi r_b", "the second path, through v, is missing"),
    (LAYER_NORM, "δg_i = δy_bi c_bi", "c_bi stands where n_bi belongs"),
    (LAYER_NORM, "δx_bi = r_b (δn_bi - mean_k(δn_bk) - n_bi mean_k(δn_bk))", "the factor n_bk is missing"),
    (CONTRASTIVE, "δz_ij = (softmax_i(z_ij) - [i = j]) / dim(z, 0)", "softmax_i(z_ij)"),
    (CONTRASTIVE, "δb_jd = δz_ji a_id / τ", "δz is transposed"),
    (STRIDED, "δβ_o = Σ_bs δz[b,s,0,o]", "the sum over t is missing"),
    (STRIDED, "δa[b,x,y,c] = K[u,v,c,o] δz[b,s,t,o] [x = 2s+u] [y = 2t-v]", "the sign of v is wrong in the subscript"),
    (GATED, "δm_b = δy_b z_b", "z_b stands where (1 - z_b) belongs"),
)


@pytest.mark.parametrize("forward, rules, words", CAMPAIGN)
def test_faults_in_attention_norms_losses_and_convolutions(forward: str, rules: str, words: str) -> None:
    (finding,) = tp.check(tp.Layer(forward, rules)).findings
    assert finding.diagnosis is not None and finding.diagnosis.proved
    assert words in finding.diagnosis.words, finding.diagnosis.words
