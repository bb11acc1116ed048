"""Rules of shifted reads, windows, gathers and recurrences: right ones are proved, in either spelling."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.errors import TensorpropError

CONV = "y_x = a[x+u] k_u"
STRIDED = "y_x = a[2x+u] k_u"
SAME = "y_x = a[x+u-1] k_u; dim(x) = dim(a, 0); outside(a) = 0"
PLANE = "y[b,s,t,o] = a[b,s+u,t+v,c] K[u,v,c,o]"
RNN = "z_tj = x_ti U_ij + h_{t-1,k} W_kj; h_tj = tanh(z_tj); h_{-1,j} = g_j; E = Σ_tj c_tj h_tj"
SLOPE = "δz_tj = δh_tj (1 - h_tj^2)"
LINEAR = "s_t = a_t s_{t-1} + x_t; s_{-1} = g; E = Σ_t c_t s_t"

RIGHT = (
    (CONV, "δa_w = k_u δy[w-u]; outside(δy) = 0; δk_u = a[x+u] δy_x"),
    (CONV, "δa_w = k_u δy_x [w = x+u]"),
    (CONV, "δa_w = [u ≤ w] [w - u < dim(δy, 0)] k_u δy[w-u]"),
    (STRIDED, "δa_w = k_u δy_x [w = 2x+u]; δk_u = a[2x+u] δy_x"),
    ("y_x = a[x+2u] k_u", "δa_w = k_u δy[w-2u]; outside(δy) = 0; δk_u = a[x+2u] δy_x"),
    (SAME, "δa_w = k_u δy[w-u+1]; outside(δy) = 0; δk_u = a[x+u-1] δy_x"),
    (PLANE, "δa[b,s,t,c] = K[u,v,c,o] δy[b,s-u,t-v,o]; outside(δy) = 0; δK[u,v,c,o] = a[b,s+u,t+v,c] δy[b,s,t,o]"),
    ("y_t = x[t+1] - x[t]", "δx_t = δy[t-1] - δy_t; outside(δy) = 0"),
    ("y_x = 1/2 Σ_u a[2x+u]; dim(u) = 2", "δa_w = 1/2 Σ_u [w = 2x+u] δy_x"),
    ("e_btd = E[tok_bt, d]", "δE_vd = [v = tok_bt] δe_btd"),
    ("l_b = -logp[b, y_b]; logp_bc = logsoftmax_c(s_bc)", "δs_bc = δl_b (softmax_c(s_bc) - [c = y_b])"),
    (RNN, f"{SLOPE}; δh_tj = c_tj + W_jl δz[t+1, l]; outside(δz) = 0"),
    (RNN, f"{SLOPE}; δh_tj = c_tj + [t+1 < dim(t)] W_jl δz[t+1, l]"),
    (RNN, f"{SLOPE}; δh_{{t-1,k}} = c_{{t-1,k}} + W_kj δz_tj; δh[dim(x,0)-1, k] = c[dim(x,0)-1, k]"),
    (RNN, "δh_{t-1,k} = c_{t-1,k} + W_kj δh_tj (1 - h_tj^2); δh[dim(x,0)-1, k] = c[dim(x,0)-1, k]"),
    (RNN, f"{SLOPE}; δW_kj = h_{{t-1,k}} δz_tj; δU_ij = x_ti δz_tj; δg_k = W_kj δz[0, j]"),
    (RNN, "δW_kj = g_k δz[0, j] + Σ_t [t + 1 < dim(x, 0)] h_tk δz[t+1, j]"),
    (RNN, "δz_tj = δh_tj (1 - tanh(z_tj)^2)"),
    (LINEAR, "δs_{t-1} = a_t δs_t + c_{t-1}; δs[dim(x,0)-1] = c[dim(x,0)-1]; δa_t = δs_t s_{t-1}; δg = a_0 δs_0"),
    ("s_t = a_t s_{t-1} + x_t; s_{-1} = g", "δs_t = δs^(out)_t + [t + 1 < dim(x, 0)] a[t+1] δs[t+1]"),
    ("s_t = a_t s_{t-1} + x_t; s_{-1} = g; y = s[dim(x,0)-1]", "δa_t = δs_t s_{t-1}"),
)


@pytest.mark.parametrize("forward, rules", RIGHT)
def test_right_rules_are_proved(forward: str, rules: str) -> None:
    report = tp.check(f"{forward}; {rules}")
    assert all(v.words == "proved" for v in report.verdicts if v.written), str(report)
    assert report.ok and any(v.written for v in report.verdicts), str(report)


def test_a_shifted_rule_says_where_it_begins() -> None:
    with pytest.raises(TensorpropError, match="nothing says what δs is"):
        tp.check(f"{LINEAR}; δs_{{t-1}} = a_t δs_t + c_{{t-1}}")


def test_what_is_owed_outside_is_nothing() -> None:
    assert not tp.check(f"{CONV}; δa_w = k_u δy[w-u]; outside(δy) = 1").ok


def test_a_rule_in_places_is_shown_as_it_was_written() -> None:
    rule = "δs_{t-1} = a_t δs_t + c_{t-1}; δs[dim(x,0)-1] = c[dim(x,0)-1]"
    assert "δs[t-1] = a_t δs_t + c[t-1]; δs[dim(x, 0)-1] = c[dim(x, 0)-1]  proved" in str(tp.check(f"{LINEAR}; {rule}"))
