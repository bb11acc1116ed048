"""Formulas in matrices are read: whatever `formula` prints is the equation again, in every layout and format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tensorprop as tp
import tensorprop.layers as library
from tensorprop.check.prove.decide import Laws, decide
from tensorprop.core.equation import Equation, System
from tensorprop.core.kinds import whole_numbers
from tensorprop.errors import AmbiguousNotation, ParseError, RankMismatch, TensorpropError, UnknownName

PAGES = """
z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2
p_t = softmax_t(s_t)
p_bc = softmax_c(s_bc); E = -1/dim(b) Σ_bc y_bc log(p_bc)
E = 1/2 (u_i x_i - y)^2
y = x_i A_ij x_j
m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); r_b = 1/sqrt(v_b + e); n_bi = (x_bi - m_b) r_b; y_bi = g_i n_bi + c_i
D_ij = A_ik B_kj; E = D_ij C_ij
B_ij = A_ij / v_j
y_i = x_i / (x_j x_j)
E = A_ii
y_i = sqrt(x_i)
y_i = max(0, x_i)
z_i = [x_i > 0] y_i
y_i = A_ij A_jk x_k
L = (O_mn (T_mn - U_mk V_nk)^2)
y_i = c x_i^3
r_i = A_ij x_j - b_i; E = r_i r_i + λ x_j x_j
S_tu = Q_td K_ud / sqrt(dim(d)); P_tu = softmax_u(S_tu); O_td = P_tu V_ud
B_ij = A_ij - v_j / n
y_ij = a_i b_j + c_j
g_i = A_ij B_ij
z^(2)_j = a^(1)_i W^(2)_ij; h_j = f(z^(2)_j)
""".strip().split("\n")
LAYOUTS: list[dict[str, Any]] = [{}, {"layout": "row"}, {"derivative": "numerator"}, {"samples": "columns"}]


def rules(x: Any) -> Iterator[tuple[System, Equation]]:
    layer = x if isinstance(x, tp.Layer) else tp.Layer(x)
    try:
        derived = list(layer.derived)
    except TensorpropError:
        derived = []
    for eq in (*layer.system, *derived):
        yield layer.system, eq


def come_back(x: Any, formats: tuple[str, ...], layout: dict[str, Any]) -> int:
    """How many printed formulas were read, each as the very equation that it was printed of."""
    read = 0
    for s, eq in rules(x):
        printed = tp.formula(eq, **layout)
        if printed.kind != "matrix":
            continue
        for written in formats:
            text = getattr(printed, written)
            again = tp.parse_formula(text, like=s, **layout)[eq.name]
            laws = Laws(s, (), whole_numbers(s))
            assert decide(again, eq, laws=laws, numbers=False).proved, (text, str(again), str(eq))
            read += 1
    return read


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("page", PAGES)
def test_what_is_printed_is_read_again(page: str, layout: dict[str, Any]) -> None:
    assert come_back(page, ("unicode", "latex"), layout)


@pytest.mark.parametrize("page", PAGES)
def test_printed_code_is_read_again(page: str) -> None:
    assert come_back(page, ("numpy", "jax", "ascii"), {})


@pytest.mark.campaign
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_layer_is_read_again(layout: dict[str, Any]) -> None:
    kinds = [k for n in library.__all__ if isinstance(k := getattr(library, n), type) and k is not tp.Layer]
    assert sum(come_back(kind(), ("unicode", "latex", "ascii"), layout) for kind in kinds) > 100


# --------------------------------------------------------------------------- as people write it
DENSE = "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj)"


@pytest.mark.parametrize(
    "text, like, equation",
    [
        ("δW = aᵀ δz + λ W", "z_bj = a_bi W_ij; E = λ W_ij W_ij", "δW_ij = a_bi δz_bj + λ W_ij"),
        (r"\frac{\partial E}{\partial W} = a^\top \frac{\partial E}{\partial z}", DENSE, "δW_ij = a_bi δz_bj"),
        (r"\boldsymbol{\delta W} = \mathbf{a}^{T} \, \delta z", DENSE, "δW_ij = a_bi δz_bj"),
        ("dW = a.T @ dz", DENSE, "δW_ij = a_bi δz_bj"),
        ("δW = np.einsum('bi,bj->ij', a, δz)", DENSE, "δW_ij = a_bi δz_bj"),
        ("δb = δz.sum(axis=0)", DENSE, "δb_j = Σ_b δz_bj"),
        ("z = a @ W + b", DENSE, "z_bj = a_bi W_ij + b_j"),
        ("z = a @ W + b[None, :]", DENSE, "z_bj = a_bi W_ij + b_j"),
        ("z = aW + 1bᵀ", DENSE, "z_bj = a_bi W_ij + b_j"),
        ("δz = (𝟏𝟏ᵀ − h²) ⊙ δh", DENSE, "δz_bj = (1 - h_bj^2) δh_bj"),
        ("δz = (1 - h**2) * δh", DENSE, "δz_bj = (1 - h_bj^2) δh_bj"),
        ("δz = tanh′(z) ⊙ δh", DENSE, "δz_bj = (1 - tanh(z_bj)^2) δh_bj"),
        ("b̄ = z̄ᵀ 1", DENSE, "δb_j = Σ_b δz_bj"),
        ("y = ½ δx ⊘ √x", {"δx": "vector", "x": "vector"}, "y_i = 1/2 δx_i / sqrt(x_i)"),
        ("y = xxᵀAx", {"x": "vector", "A": "matrix"}, "y_i = x_i x_j A_jk x_k"),
        ("z = Wᵀa + b", None, "z_j = W_ij a_i + b_j"),
        ("B = D⁻¹A", None, "B_ik = inv(D)_ij A_jk"),
        ("y = A²x", {"A": "matrix", "x": "vector"}, "y_i = A_ij A_jk x_k"),
    ],
)
def test_formulas_as_people_write_them(text: str, like: Any, equation: str) -> None:
    (found,) = tp.parse_formula(text, like=like)
    (want,) = tp.parse(equation)
    assert found.name == want.name and tp.equivalent(found, want), str(found)


def test_several_lines_are_one_system_in_any_order() -> None:
    s = tp.parse_formula("h = tanh(z); z = Wᵀa + b", like={"W": "matrix", "a": "vector", "b": "vector"})
    assert [str(eq) for eq in s] == ["h_i = tanh(z_i)", "z_j = W_ij a_i + b_j"]


@pytest.mark.parametrize(
    "text, like, kind, words",
    [
        ("δW = δz aᵀ", DENSE, RankMismatch, "do not fit"),
        ("δW = a", DENSE, RankMismatch, "not as large as δW"),
        ("δW = aᵀ δq", DENSE, UnknownName, "no tensor q"),
        ("y = λ x", None, TensorpropError, "nothing says whether λ"),
        ("y = (x", None, ParseError, "not closed"),
        ("y = x ? z", None, ParseError, "no meaning"),
        ("y = np.foo(", DENSE, ParseError, "no Python expression"),
        ("y = [x for x in a] @ W", DENSE, ParseError, "no operation on arrays"),
        ("z = abc", {"a": "scalar", "ab": "scalar", "bc": "scalar", "c": "scalar"}, AmbiguousNotation, "could be"),
        ("a δz", DENSE, ParseError, "left side"),
        ("z = " + "(" * 90, DENSE, ParseError, "parentheses"),
        ("y = x_i^2", {"x": "vector"}, TensorpropError, "has indices"),
    ],
)
def test_what_is_no_formula_is_refused(text: str, like: Any, kind: type[TensorpropError], words: str) -> None:
    with pytest.raises(kind, match=words):
        tp.parse_formula(text, like=like)


@pytest.mark.parametrize(
    "equation",
    [
        "Y_ikjl = A_ij B_kl", "Y_ijkl = A_ij B_kl", "Y_ijk = A_ik B_jk", "Y_ijk = a_i b_j c_k", "Y_bij = A_bij B_bij",
        "Y_ibc = T_abc U_ia", "Y_ilk = T_ijk A_jl", "Y_bop = x_bij A_oi B_pj", "y = A_ijk B_ijk", "y_bi = x_bi^-0.5",
        "M_jk = X_ij X_ik; y = logdet(M)", "y_bi = x_bi erf(x_bi) + step(x_bi)", "δW_ij = a_bi δz_bj",
        "q_bc = 0.9 T_bc + 0.02; r_bd = U_bd + 1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["unicode", "latex", "ascii", "numpy", "jax"])
def test_whatever_is_printed_is_read_again(equation, kind):
    s = tp.parse(equation)
    text = getattr(tp.formula(s), kind)
    assert tp.equivalent(tp.parse_formula(text, s), s), text


@pytest.mark.parametrize("text", ["Y = T ×₄ U", "Y = T ×₁ Uᵀ", "Y = T ×₁ U U"])
def test_mode_products_that_do_not_fit_are_refused(text):
    with pytest.raises(tp.TensorpropError):
        tp.parse_formula(text, tp.parse("Y_ibc = T_abc U_ia"))


@pytest.mark.parametrize(
    "text, read",
    [
        ("z = W^(2) x", "z_i = W^(2)_ij x_j"),
        (r"z = W^{(2)} \tanh(W^{(1)} x + b^{(1)})", "z_i = W^(2)_ij tanh(W^(1)_jk x_k + b^(1)_j)"),
        (r"\delta^{(1)} = W^{(2)\top} \delta^{(2)}", "δ^(1)_j = W^(2)_ij δ^(2)_i"),
        ("z = W^(l) x", "z_i = W^(l)_ij x_j"),
        ("z = W^2 x", "z_i = (W_ij W_jk) x_k"),
        ("z = A^(-1) x", "z_i = inv(A)_ij x_j"),
        ("z = A^(T) x", "z_j = A_ij x_i"),
        ("z = A^T (x + y)", "z_j = A_ij (x_i + y_i)"),
        ("z = A^T(x + y)", "z_j = A_ij (x_i + y_i)"),
    ],
)
def test_a_number_in_parentheses_above_is_a_label(text: str, read: str) -> None:
    assert tp.parse_formula(text) == tp.parse(read)


def test_a_capital_before_parentheses_has_two_readings() -> None:
    with pytest.raises(AmbiguousNotation, match=r"function Q of what.*matrix Q times it(.|\n)*write Q \(…\)"):
        tp.parse_formula("y = Q(x - b)")
    assert tp.parse_formula("y = Q (x - b)") == tp.parse("y_i = Q_ij (x_j - b_j)")


def test_the_code_of_a_derivative_is_read_beside_a_page_that_has_the_derivative_alone() -> None:
    rule = tp.parse("δz_j = δh_j f′(z_j)")
    assert str(tp.parse_formula(tp.formula(rule).numpy, like=rule)) == str(rule)


ATTENTION = (
    "S_bhqk = Q_bqhd K_bkhd / sqrt(dim(Q, 3)); P_bhqk = softmax_k(S_bhqk); O_bqhd = P_bhqk V_bkhd; E = O_bqhd G_bqhd"
)


@pytest.mark.parametrize(
    "rule, right",
    [
        ("δV = Pᵀ δO", True),
        ("δV = P δO", False),
        ("δP = δO Vᵀ", True),
        ("δS = P ⊙ (δP − (P ⊙ δP)11ᵀ)", True),
        ("δS = P ⊙ (δP − 11ᵀ(P ⊙ δP))", False),
        (r"\delta K = \delta S^\top Q / \sqrt{|d|}", True),
        ("δV_bh = P_bhᵀ δO_bh  (for every b, h)", True),
        ("δQ_bh = δS_bhᵀ K_bh/√|d|  (for every b, h)", False),
    ],
)
def test_a_rule_of_every_head_need_not_say_so(rule, right):
    assert tp.check(ATTENTION, rule=rule).ok is right


def test_nothing_is_carried_where_several_letters_may_be_meant():
    with pytest.raises(RankMismatch):
        tp.parse_formula("δW = Xᵀ δY", like="Y_btj = X_bti W_ij")
    assert str(tp.parse_formula("δx = Aᵀ δy", like="y_bi = A_bij x_bj")) == "δx_bj = A_bij δy_bi"
