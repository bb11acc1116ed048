"""LaTeX that every renderer takes, and that reads back to the same equations."""

from __future__ import annotations

import pytest
from matplotlib.mathtext import MathTextParser

from tensorprop.check.verbs import formula, parse_formula
from tensorprop.render.notation import as_latex
from tensorprop.text import parse

to_mathml = pytest.importorskip("latex2mathml.converter").convert

PAGE = [
    "z_j = a_i W_ij + b_j",
    "δW^(k)_ij = a^(k)_i δz^(k+1)_j",
    "δz^(k)_i = W^(k)_ij δz^(k+1)_j f′(z^(k)_i)",
    "z_bj = a_bi W_ij + b_j",
    "S_bhtu = Q_bhti K_bhui / sqrt(dim(i)); P_bhtu = softmax_u(S_bhtu); O_bhti = P_bhtu V_bhui",
    "δS_tu = P_tu (δP_tu - P_tv δP_tv)",
    "m_b = mean_i(x_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); n_bi = c_bi / sqrt(v_b + 1e-5)",
    "E = 1/2 (h_bj - y_bj)^2",
    "J_ij = δ_ij / r - (x_i - a_i) (x_j - a_j) / r^3",
    "G_ij = 6 X_jk X_ki + 2 X_ji - 5 δ_ij",
    "y_i = inv(X)_ij b_j; d = logdet(X); e = det(X)",
    "y_i = inv(X)_ji b_j",
    "L = O_mn (T_mn - U_mk V_nk)^2",
    "n_i = c_i / s_i",
    "q_i = [x_i > 0] d_i",
    "t = A_ii + B_ij C_ji",
    "y_j = A_ii B_ij x_i",
    "h_i = σ(u_i) + relu(v_i) + f″(x_i) + abs(r_i)",
    "α_i = β_ij γ_j + lam X0_ij x1_j",
    "T_ijk = U_ia S_ajk",
    "K_ikjl = A_ij B_kl",
    "R_abc = A_ia B_ib C_ic",
    "s_b = x_bi M_ij x_bj",
    "p_b = T_bij A_ij",
    "l = logsumexp_i(x_i) + max_i(x_i) - 0.1 c",
    "y[in] = W[in, out] x[out]",
    "ŷ_b = x_bi ŵ_i + β̃; L = mean_b((ŷ_b - y_b)^2)",
]


@pytest.mark.parametrize("text", PAGE)
@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("adjoint", ["δz", "∂E/∂z", "z̄"])
def test_renderers_accept_it(text, bold, adjoint):
    latex = formula(text, bold=bold, adjoint=adjoint).latex
    assert "merror" not in to_mathml(latex)
    MathTextParser("agg").parse(f"${latex}$")


@pytest.mark.parametrize("text", PAGE)
@pytest.mark.parametrize("sums", ["explicit", "einstein"])
def test_index_notation_reads_back(text, sums):
    s = parse(text)
    latex = as_latex(s, sums)
    assert parse(latex) is s
    for line in latex.split("\n"):
        assert "merror" not in to_mathml(line)
        MathTextParser("agg").parse(f"${line}$")


@pytest.mark.parametrize(
    "text, explicit, einstein",
    [
        (
            "z_bj = a_bi W_ij + b_j",
            r"z_{bj} = \sum_{i} a_{bi} W_{ij} + b_{j}",
            r"z_{bj} = a_{bi} W_{ij} + b_{j}",
        ),
        ("s_i = Σ_j A_ij", r"s_{i} = \sum_{j} A_{ij}", r"s_{i} = \sum_{j} A_{ij}"),
        ("p_i = exp(x_i) / (Σ_j exp(x_j))", None, r"p_{i} = \frac{\exp(x_{i})}{\sum_{j} \exp(x_{j})}"),
    ],
)
def test_sums_are_shown_or_understood(text, explicit, einstein):
    if explicit is not None:
        assert as_latex(parse(text)) == explicit
    assert as_latex(parse(text), "einstein") == einstein


def test_latex_of_a_formula():
    assert formula("δW^(k)_ij = a_i δz_j").latex == r"\delta W^{(k)} = a \, \delta z^{\top}"
    assert formula("y_i = W^(k)_ji x_j").latex == r"y = W^{(k)\top} \, x"
    s = parse("δw_i = x_bi δŷ_b")
    f = formula(s)
    assert (f.latex, f.unicode) == (r"\delta w = x^{\top} \, \delta \hat{y}", "δw = xᵀ δyhat")
    assert parse_formula(f.latex, like=s) is parse_formula("δw = xᵀδŷ", like=s) is s


def test_typst_of_a_formula():
    assert formula("δW_ij = a_bi δz_bj").typst == "δ W = a^(top) δ z"
    assert formula("n_bi = c_bi / s_b").typst == 'n = op("diag")(s)^(-1) c'


@pytest.mark.parametrize(
    "text, words",
    [
        ("K_ikjl = A_ij B_kl", r"\mathrm{(reshaped\ to\ (ik),(jl))}"),
        ("K_ijkl = A_ij B_kl", r"\mathrm{(tensor\ outer\ product)}"),
        ("K_ijr = A_ir B_jr", r"\mathrm{column-wise\ Khatri-Rao\ (reshaped\ to\ (ij),r)}"),
        ("y_i = A_ij x_j", ""),
    ],
)
def test_how_a_result_of_higher_order_is_read_is_on_the_page_too(text, words):
    latex = formula(text).latex
    assert latex.endswith(words)
    assert "merror" not in to_mathml(latex)
    MathTextParser("agg").parse(f"${latex}$")
