"""Rules put together end as books end them, and have the value of the rules that were put in."""

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus.together import Ends, _brought_together
from tensorprop.core.equation import system
from tensorprop.core.ranges import one_axis
from tensorprop.core.walk import tensors_of
from tensorprop.text import parse, parse_expression

MEANS = "m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); "
ENDS = {
    "logistic regression": ("s_b = σ(z_b); L = -y_b log(s_b) - (1 - y_b) log(1 - s_b)", "z", ["δz_b = s_b - y_b"]),
    "RMS norm": (
        "r_b = sqrt(mean_i(x_bi^2) + 0.1); n_bi = x_bi / r_b; y_bi = g_i n_bi",
        "x",
        ["δx_bi = (δn_bi - n_bi mean_j(n_bj δn_bj)) / r_b"],
    ),
    "RMS norm with a reciprocal": (
        "r_b = 1 / sqrt(mean_i(x_bi^2) + 0.1); n_bi = x_bi r_b; y_bi = g_i n_bi",
        "x",
        ["δx_bi = r_b (δn_bi - n_bi mean_k(n_bk δn_bk))"],
    ),
    "RMS norm in one line": (
        "r = sqrt(mean_i(x_i^2)); y_i = g_i x_i / r",
        "x",
        ["δx_i = (g_i δy_i - y0_i mean_j(g_j y0_j δy_j)) / r"],
    ),
    "layer norm": (
        MEANS + "n_bi = (x_bi - m_b) / sqrt(v_b + 0.1)",
        "x",
        ["δx_bi = (δn_bi - n_bi mean_j(n_bj δn_bj) - mean_j(δn_bj)) / sqrt(v_b + 0.1)"],
    ),
    "layer norm, the deviation named": (
        "m_b = mean_i(x_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); n_bi = c_bi / sqrt(v_b + 0.1)",
        "x",
        ["δx_bi = (δn_bi - n_bi mean_j(n_bj δn_bj) - mean_j(δn_bj)) / sqrt(v_b + 0.1)"],
    ),
    "group norm, a mean over two indices": (
        "m_b = mean_ij(x_bij); s_b = sqrt(mean_ij((x_bij - m_b)^2) + 0.1); n_bij = (x_bij - m_b) / s_b",
        "x",
        ["δx_bij = (δn_bij - n_bij mean_kl(n_bkl δn_bkl) - mean_kl(δn_bkl)) / s_b"],
    ),
    "a softmax in one line": (
        "q_bi = exp(x_bi) / Σ_j exp(x_bj)",
        "x",
        ["δx_bi = q_bi (δq_bi - Σ_k q_bk δq_bk)"],
    ),
    "a unit vector": ("n = sqrt(x_i x_i); u_i = x_i / n", "x", ["δx_i = (δu_i - u_i Σ_j u_j δu_j) / n"]),
    "a softmax by hand": (
        "e_i = exp(x_i); s = Σ_i e_i; p_i = e_i / s",
        "x",
        ["δx_i = p_i (δp_i - Σ_j p_j δp_j)"],
    ),
    "a softmax by hand, and its loss": (
        "e_i = exp(x_i); s = Σ_i e_i; p_i = e_i / s; L = -y_i log(p_i)",
        "x",
        ["δx_i = p_i (δp_i - Σ_j p_j δp_j)", "δx_i = p_i Σ_j y_j - y_i"],
    ),
    "a softmax by hand in one line, and its loss": (
        "p_bi = exp(x_bi) / Σ_j exp(x_bj); L = -y_bi log(p_bi)",
        "x",
        ["δx_bi = p_bi Σ_k y_bk - y_bi"],
    ),
    "a softmax by hand of what is turned round, and an average": (
        "r_bi = exp(-x_bi) / Σ_j exp(-x_bj); y_b = r_bi x_bi",
        "x",
        ["δx_bi = r_bi δy_b (1 + r_bk x_bk - x_bi)"],
    ),
    "rows of weights by hand": (
        "a_ij = exp(x_i k_j) / Σ_l exp(x_i k_l); o_i = a_ij v_j",
        "x",
        ["δx_i = k_j a_ij δa_ij - (k_m a_im) Σ_j a_ij δa_ij"],
    ),
    "weight norm": (
        "r_j = 1 / sqrt(Σ_i x_ij^2); u_ij = x_ij r_j; W_ij = g_j u_ij",
        "x",
        ["δx_ij = r_j (δu_ij - u_ij Σ_k u_kj δu_kj)"],
    ),
    "nothing to put together": ("z_j = x_i W_ij; h_j = tanh(z_j)", "x", []),
    "a residual": ("h_i = tanh(x_i); y_i = x_i + h_i g_i", "x", []),
}


@pytest.mark.parametrize("text, wrt, lines", ENDS.values(), ids=ENDS)
def test_a_rule_ends_as_in_books_and_keeps_its_value(text, wrt, lines):
    s = tp.parse(text)
    rules = tp.adjoint(s, wrt)
    made = list(Ends(s, rules).all())
    assert [str(m.rule) for m in made] == lines
    rng = np.random.default_rng(0)
    size, whole = {"b": 4, "i": 3, "j": 3, "k": 3, "l": 3}, s + rules
    letters = {t.name: t.letters for eq in [*whole][::-1] for t in tensors_of(eq.value)}
    arrays = {n: 0.3 + 0.4 * rng.random([size[i] for i in letters[n]]) for n in whole.inputs}
    for m in made:
        name = m.rule.name
        ended = system([*s, *(r for r in rules if r.name != name), *m.named, m.rule])
        np.testing.assert_allclose(_value(ended, name, arrays), _value(whole, name, arrays), rtol=1e-11, atol=1e-13)


def _value(s, name, arrays):
    s = s.only([name])
    return tp.compile(s, outputs=[name], backend="numpy")(**{n: arrays[n] for n in s.inputs})


def test_probabilities_are_told_to_add_up_to_one():
    s = tp.parse("p_bc = softmax_c(z_bc); L = -t_bc log(p_bc)")
    (given,) = Ends(s, tp.adjoint(s, "z"), ((parse_expression("Σ_c t_bc", free="b"), parse_expression("1")),)).all()
    assert str(given.rule) == "δz_bc = p_bc - t_bc" and given.if_one is None and len(given.sums) == 1
    (open_,) = Ends(s, tp.adjoint(s, "z")).all()
    assert str(open_.rule) != "δz_bc = p_bc - t_bc" and str(open_.if_one[1]) == "δz_bc = p_bc - t_bc"


def test_cross_entropy_of_labels_ends_at_p_minus_the_one_hot_row():
    """The entry at the label is found again where the bracket is 1; with labels from another tensor nothing cancels."""
    s = tp.parse("p_bc = softmax_c(z_bc); L = -Σ_b log(p[b, y_b])")
    rules = tp.adjoint(s, "z")
    (made,) = Ends(s, rules).all()
    assert str(made.rule) == "δz_bc = p_bc - [y_b = c]" and len(made.sums) == 2
    arrays = {"z": np.random.default_rng(0).random((4, 3)), "y": np.array([2, 0, 1, 1])}
    ended = system([*s, made.rule])
    np.testing.assert_allclose(_value(ended, "δz", arrays), _value(s + rules, "δz", arrays), rtol=1e-12, atol=1e-14)
    two = tp.parse("p_bc = softmax_c(z_bc); q_b = p[b, x_b]; L = Σ_b p[b, y_b] / q_b")
    assert not any(_label_free(m.rule.value) for m in Ends(two, tp.adjoint(two, "z")).all())


def _label_free(e):
    return not any(t.name in ("x", "y") for t in tensors_of(e))


def test_a_sum_that_is_no_deviation_is_not_taken_for_zero():
    s = tp.parse("m_b = mean_i(y_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); n_bi = c_bi / sqrt(v_b + 0.1)")
    for m in Ends(s, tp.adjoint(s, ("x", "y"))).all():
        assert not m.sums


def test_a_factor_is_outside_as_often_as_the_least_of_the_terms_has_it():
    """``W²`` of one term and ``W`` of the other have one W in common: it was taken out of both twice."""
    value = parse("y = W W a + W b")["y"].value
    assert str(_brought_together(value, one_axis(parse("y = a")))) == "W (W a + b)"
