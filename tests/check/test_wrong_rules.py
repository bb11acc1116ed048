"""Wrong rules are refused, each with the tensor and its first wrong entry; right ones in other words are proved."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.errors import AmbiguousSum, TensorpropError

DENSE = "z_bj = a_bi W_ij + b_j"
NET = "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2"
OPEN = "z_bj = a_bi W_ij + b_j; h_bj = f(z_bj)"
SOFT = "p_bj = softmax_j(z_bj)"
TWICE = "y_i = W_ij x_j + V_ij x_j"


@pytest.mark.parametrize(
    "forward, rule",
    [
        (DENSE, "δa_bi = δz_bj W_ij"),
        (DENSE, "δa_bi = Σ_j W_ij δz_bj"),
        (DENSE, "δW_ij = a_bi δz_bj"),
        (DENSE, "δW_ij = Σ_b δz_bj a_bi"),
        (DENSE, "δW_kl = a_nk δz_nl"),
        (DENSE, "δb_j = Σ_b δz_bj"),
        (DENSE, "δb_j = dim(b) mean_b(δz_bj)"),
        (NET, "δh_bj = h_bj - y_bj"),
        (NET, "δz_bj = δh_bj (1 - h_bj^2)"),
        (NET, "δz_bj = δh_bj (1 - h_bj) (1 + h_bj)"),
        (NET, "δz_bj = (h_bj - y_bj) (1 - tanh(z_bj)^2)"),
        (NET, "δW_ij = Σ_b a_bi (h_bj - y_bj) (1 - h_bj^2)"),
        (NET, "δE = 1"),
        (NET, "δh_bj = δE (h_bj - y_bj)"),
        (OPEN, "δz_bj = f′(z_bj) δh_bj"),
        (OPEN, "δW_ij = a_bi f'(z_bj) δh_bj"),
        (OPEN, "δa_bi = W_ij f′(a_bk W_kj + b_j) δh_bj"),
        (SOFT, "δz_bj = p_bj (δp_bj - Σ_k p_bk δp_bk)"),
        (SOFT, "g_b = p_bj δp_bj; δz_bj = p_bj (δp_bj - g_b)"),
        (SOFT, "δz_bj = Σ_k δp_bk p_bk ([j = k] - p_bj)"),
        (TWICE, "δx_j = (W_ij + V_ij) δy_i"),
        (TWICE, "δx_j = δy_i V_ij + δy_i W_ij"),
        ("y_i = x_i / s; s = x_j x_j", "δx_i = δy_i / s + 2 x_i δs"),
        ("y_i = x_i / s; s = x_j x_j", "δs = -x_i δy_i / s^2"),
        ("E = -logsoftmax_c(s_bc) [y_b = c]", "δs_bc = softmax_c(s_bc) - [y_b = c]"),
    ],
)
def test_right_rules_are_proved(forward: str, rule: str) -> None:
    report = tp.check(f"{forward}\n{rule}")
    assert report.ok and report.proved, str(report)
    assert [v.words for v in report.verdicts if v.written] == ["proved"]


@pytest.mark.parametrize(
    "forward, rule, tensor",
    [
        # what is summed
        (DENSE, "δb_j = mean_b(δz_bj)", "b"),
        (DENSE, "δb_j = max_b(δz_bj)", "b"),
        (DENSE, "δW_ij = a_bi δz_bj / dim(b)", "W"),
        (DENSE, "δb_j = δz_bj a_bi a_bi", "b"),
        (SOFT, "δz_bj = p_bj δp_bj", "z"),
        (SOFT, "δz_bj = p_bj (δp_bj - Σ_k δp_bk)", "z"),
        (SOFT, "δz_bj = δp_bj p_bj (1 - p_bj)", "z"),
        # which axis
        (DENSE, "δa_bi = W_ji δz_bj", "a"),
        (DENSE, "δW_ij = a_bj δz_bi", "W"),
        (DENSE, "δb_j = Σ_b δz_jb", "b"),
        # sign and factor
        (DENSE, "δa_bi = -W_ij δz_bj", "a"),
        (DENSE, "δa_bi = 1.000000001 W_ij δz_bj", "a"),
        (NET, "δh_bj = y_bj - h_bj", "h"),
        (NET, "δh_bj = 2 (h_bj - y_bj)", "h"),
        # the slope
        (NET, "δz_bj = δh_bj (1 - z_bj^2)", "z"),
        (NET, "δz_bj = δh_bj (1 + h_bj^2)", "z"),
        (NET, "δz_bj = δh_bj", "z"),
        (OPEN, "δz_bj = δh_bj f(z_bj)", "z"),
        (OPEN, "δz_bj = δh_bj f″(z_bj)", "z"),
        (OPEN, "δz_bj = δh_bj f′(h_bj)", "z"),
        (OPEN, "δz_bj = δh_bj f′(z_bj)^2", "z"),
        # a term
        (TWICE, "δx_j = W_ij δy_i", "x"),
        (TWICE, "δx_j = (W_ij - V_ij) δy_i", "x"),
        ("y_i = x_i / s; s = x_j x_j", "δx_i = δy_i / s", "x"),
        ("E = x_i A_ij x_j", "δx_k = 2 A_ki x_i", "x"),
        ("E = x_i A_ij x_j", "δx_k = A_ki x_i", "x"),
        ("E = x_i A_ij x_j", "δE = 2", "E"),
        ("y_ij = x_i x_j", "δx_i = δy_ij x_j", "x"),
    ],
)
def test_wrong_rules_are_refused(forward: str, rule: str, tensor: str) -> None:
    report = tp.check(f"{forward}\n{rule}")
    assert not report.ok and not report.proved
    (finding,) = report.findings
    assert finding.kind == "value" and finding.tensor == tensor
    assert finding.entry is not None and finding.seed in (0, 1, 2) and finding.expected != finding.got
    text = str(report)
    assert "WRONG" in text and "first wrong entry" in text and ("derived:" in text) + ("correct:" in text) == 1


def test_the_first_wrong_entry_is_the_first() -> None:
    (finding,) = tp.check(f"{DENSE}\nδb_j = Σ_b δz_bj [j ≠ 2]").findings
    assert finding.entry == (2,) and finding.got == 0.0 and finding.sizes == {"j": 5, "b": 3}


def test_only_the_wrong_rule_is_blamed() -> None:
    report = tp.check(f"{NET}\nδh_bj = -(h_bj - y_bj)\nδz_bj = δh_bj (1 - h_bj^2)\nδW_ij = a_bi δz_bj")
    assert {v.rule.name: v.words for v in report.verdicts if v.written} == {
        "δh": "WRONG",
        "δz": "proved",
        "δW": "proved",
    }


def test_a_transposed_matrix_is_told_by_its_sizes_too() -> None:
    (finding,) = tp.check(f"{DENSE}\nδa_bi = W_ji δz_bj").findings
    assert "W" in finding.note and len(set(finding.sizes.values())) == 1


def test_a_missing_sum_is_refused_when_it_is_read() -> None:
    with pytest.raises(AmbiguousSum, match="b") as caught:
        tp.check(f"{DENSE}\nδb_j = δz_bj")
    assert "Σ_b" in str(caught.value) and "^" in str(caught.value)


@pytest.mark.parametrize(
    "rule, words",
    [
        ("δc_j = Σ_b δz_bj", "adjoint of nothing here"),
        ("δa_i = W_ij δz_bj a_bi", "1 index"),
        ("δz_bj = 1", "output"),
        ("δa_bi = V_ij δz_bj", "no tensor V"),
        ("δa_bi = δa_bi", "itself"),
        ("δa_bi = W_ij δz_bj; δa_bk = W_kj δz_bj", "two rules"),
        ("W_ij = 2 a_bi a_bj", "W"),
    ],
)
def test_rules_of_nothing_are_refused_with_a_caret(rule: str, words: str) -> None:
    with pytest.raises(TensorpropError) as caught:
        tp.Layer(DENSE, rule)
    assert words in str(caught.value)
    assert caught.value.text is not None and caught.value.span is not None and "^" in str(caught.value)


@pytest.mark.parametrize(
    "system",
    [
        DENSE,
        NET,
        OPEN,
        SOFT,
        "y_i = x_i^3 / (1 + x_j x_j)",
        "E = log(x_i A_ij x_j)",
        "E = Σ_i sqrt(x_i)",
        "m_i = mean_j(X_ij); v_i = var_j(X_ij); y_ij = (X_ij - m_i) / sqrt(v_i + 1e-5)",
        "y_b = logsumexp_c(s_bc)",
        "y_b = max_c(s_bc)",
        "E = -Σ_bc log(p_bc) [t_b = c]",
        "E = -logsoftmax_c(s_bc) [t_b = c]",
        "E = -log(softmax_c(s_bc)) [t_b = c]",
        "D_ij = a_i [i = j]",
        "t = A_ii",
        "y_i = where(x_i, a_i, c_i) + max(a_i, c_i) + a_i^c_i",
        "y_ij = f(x_i - w_j)",
    ],
)
def test_derived_rules_agree_with_jax(system: str) -> None:
    report = tp.check(system)
    assert report.ok, str(report)
    assert report.verdicts and all(v.samples == 6 for v in report.verdicts)


def test_what_cannot_be_compared_is_not_called_right() -> None:
    report = tp.check("y_i = log(-x_i^2)")
    assert not report.ok and not report.proved
    (finding,) = report.findings
    assert finding.kind == "undecided" and "finite" in finding.note
    assert "neither proved nor compared" in str(report)


def test_a_proof_needs_no_numbers() -> None:
    report = tp.check("y_i = log(-x_i^2); δx_i = 2 δy_i / x_i")
    assert report.ok and report.proved and not report.how


def test_inputs_of_logarithms_and_roots_are_drawn_where_they_are_real() -> None:
    report = tp.check("y_i = log(1 - x_i) + sqrt(x_i) + arcsin(x_i); δx_i = δy_i (1 / (x_i - 1) + 1 / (2 sqrt(x_i)))")
    (finding,) = report.findings
    assert finding.kind == "value" and finding.expected is not None and finding.got is not None


def test_x64_stays_as_it_was() -> None:
    import jax

    before = jax.config.read("jax_enable_x64")
    tp.check(DENSE)
    assert jax.config.read("jax_enable_x64") == before
    assert jax.numpy.ones(2).dtype == ("float64" if before else "float32")
