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


def test_a_differential_of_a_tensor_is_offered_as_its_adjoint() -> None:
    with pytest.raises(UnknownName, match="the adjoint of o is written δo"):
        tp.Layer("s_tu = q_td k_ud; p_tu = softmax_u(s_tu); o_td = p_tu v_ud", "dp_tu = do_td v_ud; δv_ud = p_tu do_td")
