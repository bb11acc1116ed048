"""Rules with decimals: the words of a diagnosis are true, rounded constants are named, ties are told."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.calculus.backward import derived
from tensorprop.calculus.page import read
from tensorprop.check.prove.decide import Laws, decide


@pytest.mark.parametrize(
    "forward, rule",
    [
        ("y_i = tanh(0.3 x_i) + x_i", "δx_i = δy_i (1 + 0.3 (1 - tanh(0.3 x_i)^2))"),
        ("y_i = x_i σ(1.702 x_i)", "δx_i = σ(1.702 x_i) δy_i (1 + 1.702 (1 - σ(1.702 x_i)) x_i)"),
        ("E = 0.5 x_i x_i + 0.1 x_i w_i", "δx_i = 0.1 w_i + x_i"),
        ("y_i = 0.3 x_i x_i + 0.3 x_i w_i", "δx_i = 0.3 (w_i + 2 x_i) δy_i"),  # both are multiples of one decimal
    ],
)
def test_decimals_stay_as_they_were_written(forward: str, rule: str) -> None:
    assert str(tp.adjoint(forward, wrt="x")) == rule


SELU = "y_i = 1.0507 where([x_i > 0], x_i, 1.6733 (exp(x_i) - 1))"
TANH = "u_i = 0.797885 (x_i + 0.044715 x_i^3); t_i = tanh(u_i); y_i = 0.5 x_i (1 + t_i)"
HUBER = "E = Σ_i where([abs(a_i - y_i) ≤ {0}], 1/2 (a_i - y_i)^2, {0} (abs(a_i - y_i) - 1/2 {0}))"
LOST = "the factor 1.702 is missing"
# Forward equations with decimals, and rules in which one was lost, changed, or stands where it should not.
WRONG = [
    ("y_i = tanh(0.3 x_i) + x_i", "δx_i = δy_i (1 + (1 - tanh(0.3 x_i)^2))", "the factor 0.3 is missing"),
    ("y_i = x_i - tanh(0.3 x_i)", "δx_i = δy_i (1 - (1 - tanh(0.3 x_i)^2))",
     "the term - (1 - tanh(0.3 x_i)^2) is 10/3 times what it should be: the factor 0.3 is missing"),
    ("y_i = x_i σ(1.702 x_i)", "s_i = σ(1.702 x_i); δx_i = δy_i (s_i + x_i s_i (1 - s_i))", LOST),
    ("y_i = 0.7 x_i^2", "δx_i = 2 x_i δy_i", None),
    ("y_i = 0.7 x_i^2", "δx_i = -1.4 x_i δy_i", "the sign is wrong: the whole should be negated"),
    ("y_i = 0.7 x_i^2", "δx_i = 0.7 x_i δy_i", None),
    ("y_bj = 0.9 a_bi W_ij + 0.1 b_j", "δW_ij = a_bi δy_bj", None),
    ("y_bj = 0.9 a_bi W_ij + 0.1 b_j", "δa_bi = 0.9 W_ji δy_bj", "W is transposed: W_ji stands where W_ij belongs"),
    ("y_bj = 0.9 a_bi W_ij + 0.1 b_j", "δb_j = Σ_b δy_bj", None),
    ("h_i = exp(-0.25 x_i^2)", "δx_i = 0.5 x_i h_i δh_i", "the sign is wrong: the whole should be negated"),
    ("v_i = 0.9 m_i + 0.1 g_i^2", "δg_i = 0.1 g_i δv_i", None),
    ("y_i = 1.5 tanh(0.6 x_i)", "δx_i = 0.6 (1 - tanh(0.6 x_i)^2) δy_i", None),
    ("y_i = 1.5 tanh(0.6 x_i)", "δx_i = 0.9 (1 + tanh(0.6 x_i)^2) δy_i", None),
    (SELU, "δx_i = 1.0507 δy_i where([x_i > 0], 1, exp(x_i))", "the term + [x_i ≤ 0] exp(x_i) is"
     " 0.597621466563 times what it should be: the factor 1.6733 is missing"),
    (TANH, "δx_i = δy_i (0.5 (1 + t_i) + 0.5 x_i (1 - t_i^2) (1 + 0.134145 x_i^2))", "the factor 0.797885 is missing:"
     " 0.5 stands where 0.3989425 belongs"),
    ("u_i = 0.797885 (x_i + 0.044715 x_i^3); y_i = 0.5 x_i (1 + tanh(u_i))", "δx_i = δy_i (0.5 (1 + tanh(u_i)) +"
     " 0.5 x_i (1 - tanh(u_i)^2) 0.797885 (1 + 0.044715 x_i^2))",
     "the term + 0.044715 x_i^2 is 1/3 of what it should be: a factor 3 is missing"),
    ("y_i = where([x_i > 0], x_i, 0.01 x_i)", "δx_i = where([x_i > 0], 1, 0.1) δy_i", "0.1 stands where 0.01 belongs"),
    ("y_i = x_i abs(x_i)", "δx_i = 2 x_i δy_i", "x_i stands where abs(x_i) belongs"),
    ("E = -0.25 Σ_i (1 - p_i)^2 t_i log(p_i)", "δp_i = -0.25 t_i (1 - p_i)^2 / p_i", "the second path is missing: p"
     " stands twice in E, and one of the places owes it + 1/2 (1 - p_i) log(p_i) t_i"),
    *((HUBER.format(t), f"δa_i = where([abs(a_i - y_i) ≤ {t}], a_i - y_i, {t})",
       "the factor sign(a_i - y_i) is missing")
      for t in ("1", "0.5", "3", "d")),
    (TANH, "δx_i = δy_i (0.5 (1 + t_i) + x_i (1 - t_i^2) 0.797885 (1 + 0.134145 x_i^2))", "the term + 0.797885 x_i"
     " (1 - t_i^2) (1 + 0.134145 x_i^2) is 2 times what it should be: the factor 0.5 is missing"),
    ("y_i = x_i σ(1.702 x_i)", "δx_i = δy_i (σ(1.702 x_i) + 1.702 x_i σ(x_i) (1 - σ(x_i)))",
     "σ is taken at x_i, not at 1.702 x_i"),
    ("y_i = 0.2 x_i^3 - 0.5 x_i^2", "δx_i = (0.6 x_i^2 + x_i) δy_i",
     "the sign of x_i in (0.6 x_i^2 + x_i) is wrong: - belongs there, not +"),
    ("y_i = log10(x_i)", "δx_i = δy_i / x_i", "the factor 1 / log(10) is missing"),
    # by what stands beside what, all that both have in common taken away
    ("y_i = x_i σ(1.702 x_i)", "δx_i = δy_i (σ(1.702 x_i) + x_i σ(1.702 x_i) (1 - σ(x_i)))",
     "(1 - σ(x_i)) stands where 1.702 (1 - σ(1.702 x_i)) belongs"),
    ("y_i = 0.5 x_i (1 + tanh(0.797885 (x_i + 0.044715 x_i^3)))", "δx_i = δy_i (0.5 (1 + tanh(0.8 (x_i + 0.044715"
     " x_i^3))) + 0.5 x_i (1 - tanh(0.8 (x_i + 0.044715 x_i^3))^2) 0.8 (1 + 0.134145 x_i^2))",
     "0.8 stands where 0.797885 belongs"),
    ("y_i = x_i^1.7", "δx_i = 0.7 x_i^0.7 δy_i", "0.7 stands where 1.7 belongs"),
    ("y_i = 2.5^x_i", "δx_i = 0.91629 y_i δy_i", "0.91629 is log(5/2) to 5 digits"),
    ("y_i = where([abs(x_i) < 1.5], 0.5 x_i^2, 1.5 abs(x_i) - 1.125)",
     "δx_i = where([abs(x_i) < 1], x_i, 1.5 sign(x_i)) δy_i", "1 stands where 1.5 belongs"),
    # divided by where it is multiplied by, and not at all
    ("p_bc = softmax_c(s_bc / 0.7)", "δs_bc = p_bc (δp_bc - Σ_d p_bd δp_bd)",
     "the whole is 0.7 times what it should be: to divide by 0.7 is missing"),
    ("p_bc = softmax_c(s_bc / 0.7)", "δs_bc = 0.7 p_bc (δp_bc - Σ_d p_bd δp_bd)",
     "the whole is 49/100 times what it should be: 0.7 stands where 1 / 0.7 belongs"),
    ("y_i = exp(-x_i^2 / (2 0.3^2)) / (0.3 sqrt(2 π))", "δx_i = -x_i y_i δy_i / 0.3",
     "the whole is 0.3 times what it should be: to divide by 0.3 is missing"),
    ("s_tu = 0.125 q_td k_ud", "δq_td = δs_tu k_ud",
     "the whole is 8 times what it should be: the factor 0.125 is missing"),
]  # fmt: skip


@pytest.mark.parametrize("forward, rule, words", WRONG)
def test_every_claim_about_a_decimal_is_proved(forward: str, rule: str, words: str | None) -> None:
    found = tp.check(tp.Layer(forward, rule)).findings[0].diagnosis
    assert found is not None and found.proved and found.kind != "unknown", str(found)
    assert words is None or found.words == words, found.words
    page = read(forward, rule)
    right = {eq.name: eq for eq in derived(page)}
    assert found.corrected is not None and found.corrected.name in right
    parts = {eq.name: (eq.letters, eq.value) for eq in (*page.parts, *right.values(), *page.system)}
    assert decide(found.corrected, right[found.corrected.name], parts, Laws(page.system), numbers=False).proved


@pytest.mark.parametrize(
    "page, words",
    [
        ("y_i = max(-0.4, min(0.4, x_i)); δx_i = [x_i < 0.4] δy_i", "the factor [-0.4 < min(0.4, x_i)] is missing"),
        ("y_i = 0.2 x_i + 0.8 max(0, x_i); δx_i = (0.2 + [x_i > 0]) δy_i", "the factor 0.8 is missing"),
        ("y_i = min(1, max(0, 0.2 x_i + 0.5)); δx_i = [0 < 0.2 x_i + 0.5] [0.2 x_i + 0.5 < 1] δy_i", "0.2 is missing"),
        ("E = Σ_i max(0, 0.2 - s_i + n_i); δs_i = [0.2 - s_i + n_i > 0]", "the whole should be negated"),
        ("y_i = clip(x_i, -0.4, 0.4); δx_i = [abs(x_i) < 0.5] δy_i", "0.5 stands where 0.4 belongs"),
    ],
)
def test_a_slip_beside_ties_is_proved_apart_from_these(page: str, words: str) -> None:
    found = tp.check(page).findings[0].diagnosis
    assert found is not None and found.proved and words in found.words, found
    assert found.corrected is not None  # applied: where no two numbers are equal, it is the derived rule
    (verdict,) = (v for v in tp.check(f"{page.partition(';')[0]}; {found.corrected}").verdicts if v.written)
    assert verdict.finding is None and (verdict.proved or "apart from ties" in verdict.words), verdict.words


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("y_i = 0.5 (1 + erf(0.70710678 x_i)); δx_i = 0.39894228 exp(-x_i^2) δy_i",
         "the factor 1/2 is missing: -1 stands where -1/2 belongs; 0.39894228 is 1 / sqrt(2 π) to 7 digits"),
        ("y_i = log(x_i) / 2.302585; δx_i = 0.4342945 δy_i / x_i^2",
         "1 / x_i^2 stands where 1 / x_i belongs; 0.4342945 is 1 / log(10) to 6 digits"),
        ("y_i = 1.5957691 x_i; δx_i = 0.7978845 δy_i",
         "the whole is 1/2 of what it should be: a factor 2 is missing; 0.7978845 is sqrt(2 / π) to 6 digits"),
    ],
)  # fmt: skip
def test_a_slip_beside_rounded_constants_is_found_with_these_in_full(page: str, words: str) -> None:
    found = tp.check(page).findings[0].diagnosis
    assert found is not None and found.proved and found.words == words, found


def test_fifths_are_decimals() -> None:
    assert str(tp.parse("y_i = σ(0.2 x_i + 0.5) + 0.6")) == "y_i = σ(0.2 x_i + 1/2) + 0.6"


GELU = "y_i = gelu_tanh(x_i); δx_i = δy_i (1/2 (1 + tanh({c} (x_i + 0.044715 x_i^3))) + 1/2 x_i (1 - tanh({c} (x_i + 0.044715 x_i^3))^2) {c} (1 + 0.134145 x_i^2))"  # fmt: skip # noqa: E501


def test_rounded_constants_are_named_and_accepted_on_request() -> None:
    report = tp.check(GELU.format(c="0.797885"))
    found = report.findings[0].diagnosis
    assert not report.ok and found is not None and found.kind == "rounded" and found.proved
    assert found.words.startswith("0.797885 is sqrt(2 / π) to 6 digits")
    assert not tp.check(GELU.format(c="0.797885"), tolerance=1e-8).ok
    accepted = tp.check(GELU.format(c="0.797885"), tolerance=1e-5)
    assert accepted.ok and not accepted.proved and "right to 1e-05" in str(accepted)
    assert tp.check(GELU.format(c="sqrt(2 / π)")).proved


@pytest.mark.parametrize(
    "page",
    [
        "y_i = max(0, x_i); δx_i = [x_i > 0] δy_i",
        "y_i = max(0, 1 - x_i t_i); δx_i = -t_i [1 - x_i t_i > 0] δy_i",
        "y_i = relu(x_i); δx_i = [x_i ≥ 0] δy_i",
        "y_i = max(a_i, b_i); δa_i = [a_i > b_i] δy_i",
    ],
)
def test_what_differs_at_ties_alone_is_told(page: str) -> None:
    report = tp.check(page)
    (verdict,) = (v for v in report.verdicts if v.written)
    assert report.ok and not report.proved and verdict.words.startswith("proved apart from ties: where "), verdict.words


@pytest.mark.parametrize(
    "page",
    [
        "y_i = max(0, x_i); δx_i = [x_i > 1] δy_i",
        "y_i = max(0.1, x_i); δx_i = [x_i > 0] δy_i",  # no usual sample lies between 0 and 0.1
        "y_i = where([x_i > 0.02], x_i, 0); δx_i = [x_i > 0.01] δy_i",
        "y_i = x_i clip(0.2 x_i + 0.5, 0, 1); δx_i = δy_i (clip(0.2 x_i + 0.5, 0, 1) + 0.2 x_i)",
        "y_i = x_i hard_sigmoid(x_i); δx_i = δy_i (hard_sigmoid(x_i) + x_i / 6)",
        "y_i = relu6(x_i); δx_i = [x_i > 0] δy_i",
    ],
)
def test_a_wrong_rule_is_not_saved_by_ties(page: str) -> None:
    assert not tp.check(page).ok


@pytest.mark.parametrize(
    "page, words",
    [
        ("y_i = erf(x_i); δx_i = 1.128379 exp(-x_i^2) δy_i", "1.128379 is 2 / sqrt(π) to 7 digits"),
        (
            "y_i = erf(x_i); δx_i = 1.128379 exp(x_i^2) δy_i",
            "the sign of x_i^2 is wrong: - belongs there, not +; 1.128379 is 2 / sqrt(π) to 7 digits",
        ),
        (
            "y_i = 3.14159265 x_i^2; δx_i = 2 π x_i δy_i",
            "exact constants stand where rounded ones belong: 6.2831853 is 2 π to 8 digits",
        ),
        ("y_i = selu(x_i); δx_i = 1.0507 δy_i where([x_i > 0], 1, 1.67326 exp(x_i))", "1.67326 is 1.67326324235"),
    ],
)
def test_rounded_constants_on_either_side_and_beside_a_slip(page: str, words: str) -> None:
    report = tp.check(page)
    found = report.findings[0].diagnosis
    assert not report.ok and found is not None and found.proved and words in found.words, found


def test_the_sign_of_a_bracket_of_two_terms() -> None:
    page = "p_i = σ(s_i); L_i = -y_i (1 - p_i)^2 log(p_i); δs_i = δL_i y_i (1 - p_i)^2 (2 p_i log(p_i) + 1 - p_i)"
    found = tp.check(page).findings[0].diagnosis
    assert found is not None and found.proved
    assert found.words == "the sign of (1 - p_i) in (2 p_i log(p_i) + 1 - p_i) is wrong: - belongs there, not +"
