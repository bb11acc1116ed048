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


STEP = "y_t = x[t+1] - x[t]; dim(t) = dim(x, 0) - 1"
LAST = "δh[dim(x,0)-1, k] = c[dim(x,0)-1, k]"

# forward, rules of which the first is wrong, its kind, what is said of it
WRONG = (
    (CONV, "δk_u = a[x+u+1] δy_x", "shift", "off by one: a[x+u+1] stands where a[x+u] belongs"),
    (CONV, "δa_w = k_u δy[w-u+1]; outside(δy) = 0", "shift", "off by one: δy[w-u+1] stands where δy[w-u] belongs"),
    (CONV, "δa_w = k_u δy_x [w = x+u+1]", "shift", "off by one: [w = x + u + 1] stands where [w = x + u] belongs"),
    (CONV, "δk_u = a[x-u] δy_x", "shift", "the sign of u is wrong in the subscript"),
    (STRIDED, "δk_u = a[x+u] δy_x", "stride", "the step 2 of x is lost: a[x+u] stands where a[2x+u] belongs"),
    (STRIDED, "δa_w = k_u δy_x [w = x+u]", "stride", "the step 2 of x is lost"),
    (STRIDED, "δk_u = a[3x+u] δy_x", "stride", "the step of x is 2, not 3"),
    ("y_x = a[x+2u] k_u", "δa_w = k_u δy[w-u]; outside(δy) = 0", "stride", "the step 2 of u is lost"),
    (SAME, "δk_u = a[x+u] δy_x", "shift", "off by one"),
    (PLANE, "δK[u,v,c,o] = a[b,s+u,t,c] δy[b,s,t,o]", "shift", "the shift by v is missing"),
    (PLANE, "δa[b,s,t,c] = K[v,u,c,o] δy[b,s-u,t-v,o]; outside(δy) = 0", "transposed", "K_vuco stands where K_uvco"),
    ("e_bd = E[tok_b, d]", "δE_vd = max_b([v = tok_b] δe_bd)", "reduction", "max_b([v = tok_b] δe_bd) stands where"),
    ("l_b = s[b, y_b]", "δs_bc = δl_b", "missing factor", "the factor [y_b = c] is missing"),
    (RNN, f"δh_tj = c_tj; {SLOPE}", "carried term", "truncated backpropagation through time, and not the derivative"),
    (RNN, f"δh_{{t-1,k}} = c_{{t-1,k}} + W_kj δz_tj; δh[dim(x,0)-1, k] = 0; {SLOPE}", "step", "only the last step"),
    (RNN, f"δh_{{t-1,k}} = c_{{t-1,k}} + W_jk δz_tj; {LAST}; {SLOPE}", "transposed", "W is transposed"),
    (RNN, f"δh_{{t-1,k}} = c_tk + W_kj δz_tj; {LAST}; {SLOPE}", "shift", "c[t+1, k] stands where c_tk belongs"),
    (RNN, f"δh_{{t-1,k}} = c_{{t-1,k}} + W_kj δh_tj; {LAST}", "tensor", "the slope of tanh, is missing"),
    (RNN, "δW_kj = h_tk δz_tj", "shift", "off by one: h_tk stands where h[t-1, k] belongs"),
    (RNN, "δW_kj = h_{t-1,k} δh_tj", "tensor", "1 - h_tj^2, the slope of tanh, is missing"),
    (RNN, "δW_kj = Σ_t [t < dim(x,0) - 1] h_{t-1,k} δz_tj", "extra factor", "it leaves terms out"),
    (LINEAR, "δs_t = a_t δs[t+1] + c_t; outside(δs) = 0", "shift", "a_t stands where a[t+1] belongs"),
)


@pytest.mark.parametrize("forward, rules, kind, words", WRONG)
def test_wrong_rules_are_refused_and_named(forward: str, rules: str, kind: str, words: str) -> None:
    report = tp.check(f"{forward}; {rules}")
    first = report.findings[0]
    assert len(report.findings) == 1 and first.diagnosis is not None, str(report)
    assert first.diagnosis.proved and first.diagnosis.kind == kind and words in first.diagnosis.words, str(report)


def test_an_entry_outside_is_what_the_line_says() -> None:
    assert tp.check(f"{STEP}; δx_w = δy[w-1] - δy_w; outside(δy) = 0").ok
    assert tp.check(f"{STEP}; δx_w = [w > 0] δy[w-1] - [w < dim(x,0)-1] δy[w]").proved
    outside = tp.check(f"{CONV}; δk_u = a[x+u+1] δy_x").findings[0]
    assert outside.kind == "outside" and "it reads what is not there" in outside.note


def test_a_shifted_rule_says_where_it_begins() -> None:
    with pytest.raises(TensorpropError, match="nothing says what δs is"):
        tp.check(f"{LINEAR}; δs_{{t-1}} = a_t δs_t + c_{{t-1}}")


def test_what_is_owed_outside_is_nothing() -> None:
    assert not tp.check(f"{CONV}; δa_w = k_u δy[w-u]; outside(δy) = 1").ok


def test_a_rule_in_places_is_shown_as_it_was_written() -> None:
    rule = "δs_{t-1} = a_t δs_t + c_{t-1}; δs[dim(x,0)-1] = c[dim(x,0)-1]"
    assert "δs[t-1] = a_t δs_t + c[t-1]; δs[dim(x, 0)-1] = c[dim(x, 0)-1]  proved" in str(tp.check(f"{LINEAR}; {rule}"))


@pytest.mark.parametrize(
    "text",
    [
        "s_{t} = a_t s_{t-1} + x_t; s_{-1} = g; E = Σ_t s_t^2",  # what cancels in s comes out in δs
        "a_{t} = a_{t-1} + b_{t-1} x_t; b_{t} = b_{t-1} a_{t-1} + 1; a_{-1} = g; b_{-1} = h; "
        "dim(t) = dim(x, 0); E = a[dim(x,0)-1] b[dim(x,0)-1]",
        "y[b,x,o] = a[b, 2x+u-1, c] K[u,c,o]; outside(a) = 0; dim(x) = dim(a, 1)/2",  # drawn with an even axis
    ],
)
def test_derived_rules_are_right(text: str) -> None:
    report = tp.check(text)
    assert report.ok and all(v.samples == 6 for v in report.verdicts), str(report)


MEANS = "c_g = Σ_n [g = s_n]; m_gd = Σ_n [g = s_n] x_nd / c_g"


@pytest.mark.parametrize(
    "rule, facts, says",
    [
        ("δm[s_n, d] / c[s_n]", "", "proved"),
        ("δm[s_n, d] / c[s_n]", "; dim(g) = 4; sorted(s)", "proved"),
        ("δm[s_n, d]", "", "the factor 1 / c_g is missing"),
        ("δm[s_n, d] c[s_n]", "; dim(g) = 4", "c_g stands where 1 / c_g belongs"),
        ("δm[s_n, d] / c[s_n] + x_nd", "; dim(g) = 4; sorted(s)", "the term + x_nd is one too many"),
    ],
)
def test_means_of_segments(rule: str, facts: str, says: str) -> None:
    """No group is empty and some have several; a range that nothing tells is taken, and said."""
    report = tp.check(tp.Layer(forward=MEANS + facts, backward=f"δx_nd = {rule}"))
    assert says in str(report) and report.proved == (says == "proved") and report.ok == (says == "proved")
    assert ("dim(g) = 2 where entries are compared" in str(report)) == (not facts)


def test_a_kink_that_every_sample_meets_has_the_stated_slope() -> None:
    """A median of an odd number is one of its entries, and |x| has the slope 0 at 0, whatever JAX takes there."""
    assert tp.check("m_u = median_b(x_bu); y_bu = abs(x_bu - m_u)").ok


@pytest.mark.parametrize(
    "page",
    [
        "y_td = Σ_u [u ≤ t] k[t-u] x_ud\nδx_ud = Σ_t [u ≤ t] k[t-u] δy_td\nδk_w = x_ud δy[u+w, d]",
        "y_td = Σ_u [t - u < 3] [u ≤ t] k[t-u] x_ud\nδx_ud = Σ_t [t - u < 3] [u ≤ t] k[t-u] δy_td",
        "y_t = x_t + Σ_u [u < t] a[t-u-1] x_u\nδa_w = x_u δy[u+w+1]",
    ],
)
def test_what_a_bracket_keeps_from_being_read_is_compared(page: str) -> None:
    """The gradient of what stands beside an entry outside is no NaN where the bracket is 0."""
    report = tp.check(page)
    assert report.ok and report.proved, str(report)


def test_entries_that_are_asked_whether_they_are_equal_are_so_now_and_then() -> None:
    """A softmax over segments: where all r differ nothing is owed, and any rule would be right."""
    forward = "p_e = exp(s_e) / Σ_f [r_f = r_e] exp(s_f)"
    assert tp.check(f"{forward}\nδs_e = p_e (δp_e - Σ_f [r_f = r_e] p_f δp_f)").proved
    report = tp.check(f"{forward}\nδs_e = 2 p_e (δp_e - Σ_f [r_f = r_e] p_f δp_f)")
    assert not report.ok and "the factor 2 is one too many" in str(report)


def test_a_maximum_of_labels_or_places_is_one_of_them_in_a_proof() -> None:
    page = "p[x] = max_u(a[2x+u-1]); outside(a) = -∞; dim(u) = 3; dim(x) = 4"
    rule = tp.adjoint(page).equations[0]
    assert tp.check(f"{page}\n{rule}").proved
    wrong = tp.check(f"{page}\n{rule.target} = 2 ({str(rule).partition(' = ')[2]})")
    assert not wrong.ok and "the factor 2 is one too many" in str(wrong)


def test_a_bracket_is_taken_out_of_every_term_of_a_rule() -> None:
    """What keeps ``p_ic`` from being read outside stands beside it, not inside the parentheses behind it."""
    page = "p_tc = softmax_c(x_tc x[t+1, c]); dim(t) = dim(x, 0) - 1"
    assert "p_ic (δp_ic - Σ_d p_id δp_id) [i < dim(x, 0) - 1]" in str(tp.adjoint(page))
    assert tp.check(page).ok
