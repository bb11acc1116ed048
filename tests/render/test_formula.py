"""Formulas in vectors and matrices: what people expect to read, equal to the einsum on numbers, in every layout."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.verbs import formula
from tensorprop.check.verified import WrongFormula
from tensorprop.core.build import mul, sum_over, tensor
from tensorprop.core.equation import System, equation, system
from tensorprop.core.walk import tensors_of
from tensorprop.errors import BadArrow, RankMismatch, UsageError
from tensorprop.render.formula import Formula, render
from tensorprop.render.layout import Convention
from tensorprop.run.reference import evaluate
from tensorprop.text import parse
from tests.strategies import layouts

CASES = json.loads((Path(__file__).parents[1] / "data" / "einsum_to_matrix.json").read_text())["cases"]
BY_ID = {case["id"]: case for case in CASES}

# Where our text is neither the one that the corpus expects nor one of its alternatives: ours, and why.
ARGUED = {
    "bdot": ("(A ⊙ B)1", "better, as for slices and in the rule of a softmax; diag(ABᵀ) throws most of ABᵀ away"),
    "collapse-ac": ("(A ⊙ B)11ᵀ(C ⊙ D)ᵀ", "the corpus's alternative, with 1ᵀ(C ⊙ D)ᵀ for ((C ⊙ D)1)ᵀ"),
    "ijk-jk-ik": ("(C_i ⊙ A)ᵀ1  (for every i)", "better, as bdot, of columns"),
    "transpose3": ("Tᵀ  (columns (i,j))", "better: the corpus has none, but i and j are moved as one"),
    "bouter": ("A_b B_bᵀ  (for every b)", "the same; a slice keeps the letter's case as it was given"),
    "mamba-outer": ("T_bd A_dᵀ  (for every b, d)", "the same; a slice keeps the letter's case"),
    "three-shared": ("a_x C_x B_xᵀ  (for every x)", "the same; a slice keeps the letter's case as it was given"),
    "bbilinear": ("diag(L W_a Rᵀ)  (for every a)", "word for word the corpus's 'i.e.'"),
    "tensordot-2": ("AᵀB  ((i,j) as one)", "the corpus's mat(A)ᵀ mat(B) with rows (ij), told in the legend"),
    "vec-outer3": ("a ∘ b ∘ c", "better: the corpus has none"),
    "had-3-cef": ("A diag(B_c) Cᵀ  (for every c)", "better: the corpus has none, but c is only carried along"),
    "tensor-contract-rockt": ("ABᵀ  (rows (p,s), columns (t,u,v), (q,r) as one)", "better: the corpus has none"),
    "iijk": ("1ᵀ T_iikk  (for every i, k)", "better: the corpus has none"),
    "hyper-star": ("Bᵀ diag(A_a) C  (for every a)", "better: the corpus has none, but a is only carried along"),
    "ijk-ik-jk": ("C_kᵀ B_k  (for every k)", "better: the corpus has none, but k is only carried along"),
    "ao2mo": ("I ×₁ C ×₂ C ×₃ C ×₄ C", "the corpus accepts mode products"),
    "hyperedge": ("x_a diag(A_a) T_a  (for every a)", "better: the corpus has none, but a is only carried along"),
}


def of_spec(spec: str, operands: list[str]) -> System:
    """The System of a spec as einsum reads it, scalars and implicit output included."""
    left, arrow, right = spec.partition("->")
    parts = left.split(",")
    if not arrow:
        letters = "".join(parts)
        right = "".join(sorted(i for i in set(letters) if letters.count(i) == 1))
    body = mul(*(tensor(name, *letters) for name, letters in zip(operands, parts, strict=True)))
    return system([equation(tensor("out", *right), sum_over(sorted(body.free - set(right)), body))])


def shown(case: dict[str, object]) -> Formula:
    """The formula of a corpus case, right side only, checked on numbers."""
    s = of_spec(str(case["spec"]), list(case["operands"]))  # type: ignore[call-overload]
    formula(s)
    return render(s, Convention(), bare=True)


def plain(text: str) -> str:
    """Without spaces, and with the corpus's words for carried indices."""
    return re.sub(r"\(for every ([^)]*)\)$", r"for each \1", text).replace(" ", "")


def same(ours: str, expected: str) -> bool:
    return plain(ours) == plain(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_the_corpus_reads_as_expected(case):
    found = shown(case)
    if case["id"] in ARGUED:
        ours, _ = ARGUED[case["id"]]
        assert (None if found.kind == "index" else str(found)) == ours
    elif case["formula"] is None:
        assert found.kind == "index"
        assert found.why
    else:
        expected = [case["formula"], *(a["formula"] for a in case.get("alternatives", []))]
        assert any(same(str(found), text) for text in expected), (str(found), expected)


def test_nine_in_ten_are_as_expected():
    assert sum("better" not in why for _, why in ARGUED.values()) <= len(CASES) // 10


@pytest.mark.parametrize("layout, samples, derivative", layouts())
def test_the_corpus_is_right_on_numbers_in_every_layout(layout, samples, derivative):
    for case in CASES:
        s = of_spec(case["spec"], case["operands"])
        found = formula(s, layout, samples=samples, derivative=derivative)  # raises WrongFormula
        assert all((found.unicode, found.latex, found.typst, found.numpy, found.jax, found.convention))


@pytest.mark.parametrize("case", [c for c in CASES if c["has_matrix_form"]], ids=lambda c: c["id"])
def test_printed_numpy_code_computes_the_einsum(case):
    """The code is evaluated here, on the corpus's shapes; the package itself never runs it."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape) for name, shape in case["shapes"].items()}
    code = shown(case).numpy
    got = eval(code, {"np": np, "range": range, "__builtins__": {}, **arrays})
    want = np.einsum(case["spec"], *(arrays[name] for name in case["operands"]))
    assert np.shape(got) == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


# --------------------------------------------------------------------------- the contract, and golden formulas
@pytest.mark.parametrize(
    "equation, expected",
    [
        ("δW_ij = a_bi δz_bj", "δW = aᵀ δz"),
        ("z_bj = a_bi W_ij + b_j", "z = aW + 1bᵀ"),
        ("z_j = a_i W_ij + b_j", "z = Wᵀa + b"),
        ("d_i = W_ij e_j f′(z_i)", "d = We ⊙ f′(z)"),
        ("δ^(k)_i = W^(k)_ij δ^(k+1)_j f′(z^(k)_i)", "δ^(k) = W^(k) δ^(k+1) ⊙ f′(z^(k))"),
        ("E = 1/2 (h_bj - y_bj)^2", "E = ½‖h − y‖²"),
        ("y = x_i A_ij x_j", "y = xᵀAx"),
        ("g_i = A_ij x_j + A_ji x_j + b_i", "g = (A + Aᵀ)x + b"),
        ("y_bo = W_oi x_bi + B_or A_ri x_bi", "y = x(W + BA)ᵀ"),
        ("G_ij = X_ik b_k c_j + X_ik c_k b_j", "G = X(bcᵀ + cbᵀ)"),
        ("G_ij = 6 X_jk X_ki + 2 X_ji - 5 δ_ij", "G = (6X² + 2X − 5I)ᵀ"),
        ("G_ij = X_jk B_ki + B_jk X_ki", "G = (XB + BX)ᵀ"),
        ("G_ij = 2 X_ij / (1 + Σ_kl X_kl^2)", "G = 2X/(1 + ‖X‖²)"),
        ("g_i = (x_i - a_i) / sqrt(Σ_j (x_j - a_j)^2)", "g = (x − a)/‖x − a‖"),
        ("J_ij = δ_ij / r - (x_i - a_i) (x_j - a_j) / r^3", "J = I/r − (x − a)(x − a)ᵀ/r³"),
        ("J_ik = Σ_j A_ij (1 - u_j^2) M_jk", "J = A diag(1 − u^{∘2}) M"),
        ("L = O_mn (T_mn - U_mk V_nk)^2", "L = tr(Oᵀ(T − UVᵀ)^{∘2})"),
        ("E = -y_k log(p_k)", "E = −yᵀ log(p)"),
        ("p_k = exp(z_k) / (Σ_j exp(z_j))", "p = exp(z)/(1ᵀ exp(z))"),
        ("p_bk = softmax_k(z_bk)", "p = softmax(z)"),
        ("p_kb = softmax_k(z_kb)", "p = colsoftmax(z)"),
        ("m_b = mean_i(x_bi)", "m = rowmean(x)"),
        ("m_i = max_b(x_bi)", "m = colmax(x)ᵀ"),
        ("l = logsumexp_i(x_i)", "l = logsumexp(x)"),
        ("n_bi = c_bi / s_b", "n = diag(s)⁻¹ c"),
        ("n_i = c_i / s_i", "n = c ⊘ s"),
        ("q_i = [x_i > 0] d_i", "q = [x > 0] ⊙ d"),
        ("y_i = inv(X)_ij b_j", "y = X⁻¹b"),
        ("y_i = inv(X)_ji b_j", "y = X⁻ᵀb"),
        ("d = logdet(X)", "d = logdet(X)"),
        ("t_ij = x_i + y_j", "t = x1ᵀ + 1yᵀ"),
        ("z_i = max(x_i, 0)", "z = max(x, 0)"),
        ("y = lam x_i x_i", "y = lam ‖x‖²"),
        ("s_ij = 2 x_i y_j A_ij", "s = 2xyᵀ ⊙ A"),
        ("y_i = A_ij u_j v_j", "y = A(u ⊙ v)"),
        ("y = x_i A_ij u_j v_j", "y = xᵀA(u ⊙ v)"),
        ("d_i = W_ij f′(z_j) e_j", "d = W(f′(z) ⊙ e)"),
        ("D_ij = d_i [A_ij = y_i] / Σ_k [A_ik = y_i]", "D = diag(d ⊘ [A = y1ᵀ] 1) [A = y1ᵀ]"),
        ("d = x_i B_ij b_j + b_i B_ij x_j", "d = xᵀ(B + Bᵀ)b"),
        ("y = a x_i B_ij x_j + c x_i x_i", "y = a xᵀBx + c ‖x‖²"),
    ],
)
def test_golden(equation, expected):
    assert str(formula(equation)) == expected


ATTENTION = "S_bhtu = Q_bhti K_bhui / sqrt(d); P_bhtu = softmax_u(S_bhtu); O_bhti = P_bhtu V_bhui"


def test_attention_forward():
    assert str(formula(ATTENTION)) == "S = QKᵀ/√d, P = softmax(S), O = PV  (for every b, h)"
    assert formula(ATTENTION).kind == "batched"


def test_attention_backward():
    s = parse(ATTENTION + "; E = O_bhti G_bhti")
    rules = tp.adjoint(s, wrt=("Q", "K", "V"))
    found = {eq.name: str(formula(eq)).removesuffix("  (for every b, h)") for eq in rules}
    assert found["δV"] == "δV = Pᵀ δO"
    assert found["δP"] == "δP = δO Vᵀ"
    assert found["δS"] == "δS = P ⊙ (δP − (P ⊙ δP)11ᵀ)"
    assert found["δQ"] == "δQ = δS K/√d"
    assert found["δK"] == "δK = δSᵀ Q/√d"


FEEDFORWARD = "z_j = a_i W_ij + b_j; h_j = f(z_j); E = 1/2 (h_j - y_j)^2"


@pytest.mark.parametrize(
    "layout, derivative, expected",
    [
        ("column", "denominator", {"δz": "f′(z) ⊙ δh", "δW": "a δzᵀ", "δb": "δz", "δa": "W δz"}),
        ("row", "denominator", {"δz": "f′(z) ⊙ δh", "δW": "aᵀ δz", "δb": "δz", "δa": "δz Wᵀ"}),
        ("column", "numerator", {"δz": "f′(z)ᵀ ⊙ δh", "δW": "δzᵀ aᵀ", "δb": "δz", "δa": "δz Wᵀ"}),
        ("row", "numerator", {"δz": "f′(z)ᵀ ⊙ δh", "δW": "δz a", "δb": "δz", "δa": "W δz"}),
    ],
)
def test_the_layer_in_four_layouts(layout, derivative, expected):
    """z = Wᵀa + b, a = f(z): the learner's three lines; row vectors and numerator layout transpose them."""
    rules = tp.adjoint(FEEDFORWARD, wrt=("W", "b", "a"))
    for name, right in expected.items():
        found = formula(rules[name], layout, derivative=derivative)
        want = {right, " ⊙ ".join(reversed(right.split(" ⊙ "))), "(a δz)ᵀ" if right == "δzᵀ aᵀ" else right}
        assert str(found).partition(" = ")[2] in want, name


def test_the_batch():
    s = parse("z_bj = a_bi W_ij + c_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2")
    rules = tp.adjoint(s, wrt=("W", "c", "a"))
    found = {eq.name: str(formula(eq)).partition(" = ")[2] for eq in rules}
    assert found["δW"] == "aᵀ δz"
    assert found["δc"] == "δzᵀ 1"
    assert found["δa"] == "δz Wᵀ"
    columns = {eq.name: str(formula(eq, samples="columns")).partition(" = ")[2] for eq in rules}
    assert columns["δW"] == "a δzᵀ"
    assert columns["δc"] == "δz 1"
    assert columns["δa"] == "W δz"
    assert str(formula("z_bj = a_bi W_ij + c_j", samples="columns")) == "z = Wᵀa + c1ᵀ"


def test_layer_norm():
    s = "m_b = mean_i(x_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); n_bi = c_bi / sqrt(v_b + e)"
    found = str(formula(s)).split("\n") if "\n" in str(formula(s)) else str(formula(s)).split(", ")
    assert found[:3] == ["m = rowmean(x)", "c = x − m1ᵀ", "v = rowmean(c^{∘2})"]


def test_a_rule_may_repeat_what_it_is_given():
    """δx_ij = δs_i: only x tells how far j runs."""
    rule = tp.adjoint("s_i = Σ_j x_ij; E = s_i k_i", wrt="x")["δx"]
    assert str(formula(rule)) == "δx = δs 1ᵀ"
    assert formula(rule).numpy == "δx = np.broadcast_to(δs[:, None], (δs.shape[0], x.shape[1]))"


def test_jacobians_follow_the_layout():
    rule = tp.derive("y_i = A_ij x_j", "x_k")
    assert str(formula(rule)) == "∂y/∂x = Aᵀ"
    assert str(formula(rule, derivative="numerator")) == "∂y/∂x = A"
    gradient = tp.derive("y = a_i X_ij b_j", "X")
    assert str(formula(gradient)) == "∂y/∂X = abᵀ"
    assert str(formula(gradient, derivative="numerator")) == "∂y/∂X = baᵀ"


# --------------------------------------------------------------------------- options
@pytest.mark.parametrize(
    "adjoint, text, latex",
    [
        ("δz", "δW = aᵀ δz", r"\delta W = a^{\top} \, \delta z"),
        ("z̄", "W̄ = aᵀz̄", r"\bar{W} = a^{\top} \, \bar{z}"),
        ("∂E/∂z", "∂E/∂W = aᵀ ∂E/∂z", r"\frac{\partial E}{\partial W} = a^{\top} \, \frac{\partial E}{\partial z}"),
        ("∂L/∂z", "∂L/∂W = aᵀ ∂L/∂z", r"\frac{\partial L}{\partial W} = a^{\top} \, \frac{\partial L}{\partial z}"),
    ],
)
def test_how_adjoints_are_called(adjoint, text, latex):
    found = formula("δW_ij = a_bi δz_bj", adjoint=adjoint)
    assert (str(found), found.latex) == (text, latex)


def test_other_names_and_bold():
    assert str(formula("z_bj = a_bi W_ij", names={"a": "A", "z": "Z"})) == "Z = AW"
    assert formula("y_i = A_ij x_j", bold=True).latex == r"\mathbf{y} = \mathbf{A} \mathbf{x}"


def test_the_convention_is_one_line():
    vectors, samples, gradient = formula("δW_ij = a_bi δz_bj").convention.split("; ")
    assert (vectors, samples) == ("vectors are columns", "samples are rows")
    assert gradient == "a gradient has the shape of its variable (denominator layout)"
    assert "numerator" in formula("δW_ij = a_i δz_j", derivative="numerator").convention
    assert "rows" in formula("y_i = x_i", "row").convention


@pytest.mark.parametrize(
    "equation, column, row",
    [
        ("y_i = A_ii", "y = diag(A)", "y = diag(A)"),
        ("Y_ij = A_ii B_jj", "Y = diag(A) diag(B)ᵀ", "Y = diag(A)ᵀ diag(B)"),
        ("y = A_ii x_i", "y = diag(A)ᵀ x", "y = diag(A) xᵀ"),
        ("s_b = x_bi y_bi", "s = (x ⊙ y)1", "s = 1(x ⊙ y)ᵀ"),
        ("y_i = A_ij B_ij c_j", "y = (A ⊙ B)c", "y = c(A ⊙ B)ᵀ"),
        ("y_ij = P_ij (d_ij - Σ_k P_ik d_ik)", "y = P ⊙ (d − (P ⊙ d)11ᵀ)", "y = P ⊙ (d − (P ⊙ d)1ᵀ1)"),
    ],
)
def test_a_diagonal_lies_as_vectors_do(equation, column, row):
    """Rows in place of columns: every vector is transposed, diag(A) like any other, and nothing else changes."""
    assert (str(formula(equation)), str(formula(equation, "row"))) == (column, row)


@pytest.mark.parametrize("op", ["max", "min"])
def test_the_rule_of_a_maximum_is_checked_where_entries_are_equal(op):
    rule = tp.adjoint(f"m_i = {op}_j(A_ij)", wrt="A")["δA"]
    assert str(formula(rule)) == "δA = diag(δm ⊘ [A = m1ᵀ] 1) [A = m1ᵀ]"


def test_a_wrong_formula_with_an_equality_is_refused():
    """Random numbers would never be equal, and both sides 0: the entries that are compared are drawn equal."""
    from dataclasses import replace

    from tensorprop.check.verified import verify

    (line,) = formula("y_ij = A_ij [B_ij = C_ij]").lines
    (other,) = formula("y_ij = B_ij [B_ij = C_ij]").lines
    with pytest.raises(WrongFormula):
        verify(replace(line, right=other.right))


@pytest.mark.parametrize("spec", ["ij,jk", "ji", "ij,j", "bi,ij→bj"])
def test_a_spec_without_its_arrow_is_told_so(spec):
    with pytest.raises(BadArrow):
        formula(spec, names="A B" if "," in spec else "A")
    with pytest.raises(BadArrow):
        formula(spec)


@pytest.mark.parametrize(
    "spec, names, text",
    [(",i->i", "c x", "c x"), ("ij,->ij", "A c", "c A"), (",,ij,jk->ik", "a b A B", "a b AB"), (",->", "a b", "a b")],
)
def test_scalars_in_a_spec(spec, names, text):
    assert str(formula(spec, names=names)) == text


def test_an_index_can_be_carried_at_will():
    assert str(formula("s_b = x_bi y_bi")) == "s = (x ⊙ y)1"
    assert str(formula("s_b = x_bi y_bi", carry="b")) == "s = xᵀy  (for every b)"


def test_an_order_bracket_is_a_triangle_of_ones():
    assert str(formula(parse("y_i = Σ_j x_j [i ≥ j]"))) == "y = L x  (L_ij = [i ≥ j])"


@pytest.mark.parametrize(
    "equation, word",
    [
        ("y_x = a_{2x+u-1} k_u", "begins outside of a"),
        ("T_kji = S_ijk", "k, j and i all stay"),
        ("q_t = p[t, 2 t]", "computed"),
    ],
)
def test_what_has_no_matrix_form_says_why(equation, word):
    try:
        s = parse(equation)
    except tp.TensorpropError:
        s = parse(equation, convention="einsum")
    found = formula(s)
    assert found.kind == "index"
    assert word in found.why


def test_index_form_writes_its_sums():
    assert str(formula("ijk->kji", names="A")) == "Y_kji = A_ijk"
    assert formula("ijk->kji").numpy == "A.swapaxes(0, 2)"


@pytest.mark.parametrize(
    "spec, text, code",
    [
        ("bhwc->bchw", "A_bᵀ  (columns (h,w), for every b)", "A.transpose(0, 3, 1, 2)"),
        ("bshd->bhsd", "A_bdᵀ  (for every b, d)", "A.swapaxes(1, 2)"),
        ("abcde->deabc", "Aᵀ  (rows (d,e), columns (a,b,c))", "A.transpose(3, 4, 0, 1, 2)"),
        ("ijk->jik", "A_{··k}ᵀ  (for every k)", "A.swapaxes(0, 1)"),
    ],
)
def test_two_blocks_of_axes_that_change_places_are_a_transpose(spec, text, code):
    """What stays in front and at the end is carried, what is moved together taken as one."""
    f = formula(spec)
    assert (str(f), f.numpy) == (text, code)


def test_sizes_that_no_letter_runs_along_in_products_that_are_multiplied_out():
    page = "E_jk = b_j c_k; n_om = (x_moo + d_om + a) dim(W, 0) (dim(Q, 0) + C) W_m"
    assert "n_o = |m| (dim(Q, 0) + C) ((x_oo + d_o + a 1) ⊙ W)" in str(tp.formula(page))


@pytest.mark.parametrize(
    "page, text",
    [
        ("y_i = Σ_j P_ij (x_j - x_i)", "y = Px − P1 ⊙ x"),
        ("y_ik = A_ij (x_jk - x_ik)", "y = (A − diag(A1))x"),
        ("y_b = 1e30 x_b", "y = 1e30 x"),
        ("d_ij = (x_ic - y_jc)(x_ic - y_jc)", "d_ij = ‖x_i − y_j‖²  (for every i, j)"),  # easier by slices
        ("y_bi = (x_bj - m_j) W_ji", "y = (x − 1mᵀ)W"),  # as it is, where that is easier to read
    ],
)
def test_products_of_sums_are_multiplied_out_where_that_gives_a_formula(page, text):
    assert str(formula(page)) == text


def test_the_gradient_of_a_pseudoinverse_has_a_formula():
    s = parse("y_i = pinv(A)_ij x_j")
    found = formula(tp.adjoint(s, wrt="A"))
    assert found.kind == "matrix"
    assert str(found) == "δA = (x δyᵀ A⁺ − A⁺ᵀ δy xᵀ − AA⁺x δyᵀ A⁺)A⁺ᵀ + A⁺ᵀA⁺x δyᵀ − A⁺ᵀA⁺x δyᵀ A⁺A"


def test_a_layer_shows_forward_and_backward():
    found = str(formula(tp.Dense()))
    assert "Wᵀ" in found or "W" in found
    assert "δW" in found


@pytest.mark.parametrize("bad", [{"layout": "columns"}, {"samples": "row"}, {"adjoint": "grad"}, {"names": "A B"}])
def test_wrong_options_are_refused(bad):
    with pytest.raises(UsageError):
        formula("y_i = A_ij x_j", **bad)


def test_a_wrong_formula_is_never_shown(monkeypatch):
    """The check can fail: with a search that forgets transposes, no formula comes out."""
    from tensorprop.render.matrices import convert as matrix
    from tensorprop.render.matrices import laid, products

    def forgets(f: laid.Laid) -> laid.Laid:
        return f

    for file in (laid, products):
        monkeypatch.setattr(file, "turn", forgets)
    with pytest.raises((WrongFormula, ValueError)):
        formula("wrong_ij = A_ki B_kj")
    assert matrix


# --------------------------------------------------------------------------- speed
@pytest.mark.parametrize(
    "text",
    [
        "y_aj = A_ab B_bc C_cd D_de E_ef F_fg G_gh H_hj",
        "y = a_i b_i c_i d_i e_i f_i g_i h_i",
        "y_ij = A_ij B_ij C_ij D_ij E_ij F_ij G_ij H_ij",
        "y_i = A_ij x_j B_ij v_j C_ij z_j D_ij u_j",
        "y = x_i A_ij v_j B_jk z_k C_kl u_l D_li",
    ],
)
def test_eight_factors_are_quick(text):
    s = parse(text)
    best = min(_seconds(s) for _ in range(3))
    assert best < 0.15  # 50 ms on an idle machine; the margin is for busy ones


def test_long_chains():
    letters = "abcdefghijklmnopq"
    text = " ".join(f"{chr(65 + n)}_{letters[n]}{letters[n + 1]}" for n in range(14))
    assert str(formula(f"out_ao = {text}")) == "out = ABCDEFGHIJKLMN"
    many = " ".join(f"x{n}_i" for n in range(40))
    assert str(formula(f"out = {many}")).startswith("out = 1ᵀ(x0 ⊙ x1 ⊙")


def test_too_many_factors_fall_back():
    """A clique of vectors and matrices over many letters: index notation, and no long wait."""
    letters = "abcdefgh"
    text = " ".join(f"{a.upper()}{b}_{a}{b}" for a in letters for b in letters if a < b)
    found = formula(f"out = {text}")
    assert found.kind == "index"
    assert found.why


def _seconds(s: System) -> float:
    start = time.process_time()
    assert render(s, Convention()).kind == "matrix"
    return time.process_time() - start


# --------------------------------------------------------------------------- code
ELEMENTWISE = (
    "exp log1p sigmoid softplus logsigmoid relu leaky_relu elu selu silu mish gelu gelu_tanh softsign tanh erf step "
    "rsqrt abs sign"
).split()


@pytest.mark.parametrize("text", [f"y_i = {f}(x_i - 2 w_i)^2 / w_i" for f in ELEMENTWISE] + [
    "y_ij = softmax_j(A_ij + 1)", "y_ij = softmax_i(2 A_ij)", "y_i = logsoftmax_i(x_i - w_i)",
    "y_i = logsumexp_j(A_ij)",
    "y = logsumexp_ij(A_ij) B_kk", "y_ij = σ(A_ij) ^ 2 B_ij", "y_j = 2 - logsoftmax_j(x_j)", "y_i = max_j(A_ij)",
])  # fmt: skip
def test_the_code_runs_and_gives_the_numbers(text):
    """NumPy alone is enough, but for erf."""
    special = pytest.importorskip("scipy.special")
    from tensorprop.run.reference import evaluate

    rng = np.random.default_rng(0)
    s = parse(text)
    shapes = {"A": (3, 4), "B": (3, 4) if "B_ij" in text else (3, 3)}
    arrays = {name: rng.uniform(0.5, 2, shapes.get(name, 4 if "_j = " in text else 3)) for name in s.inputs}
    if "rsqrt" in text or "log1p" in text:
        arrays["x"] += 2 * arrays["w"]
    scipy = type("scipy", (), {"special": special})
    names: dict[str, object] = {"np": np, "__builtins__": {}, **arrays}
    if "erf" in text or "gelu" in text:
        names["scipy"] = scipy
    got = eval(formula(s).numpy.partition(" = ")[2], names)
    np.testing.assert_allclose(got, evaluate(s, arrays)["y"], rtol=1e-12)


def test_a_long_sum_is_quick():
    text = " + ".join(f"A{n}_ij x_j" for n in range(40))
    start = time.process_time()
    assert str(formula(f"y_i = {text}")).endswith("A39)x")
    assert str(formula(f"y_i = {text} + B_ij x_j")).endswith("+ Bx")
    assert time.process_time() - start < 4


@pytest.mark.parametrize("names", ["X Y", "X, Y", ["X", "Y"], ("X", "Y")])
def test_names_of_operands_in_a_string_or_a_sequence(names):
    assert str(formula("ij,jk->ik", names=names)) == "XY"


@pytest.mark.parametrize("name", ["<script>", "a b", "$x$", "", "1x", r"\input{x}"])
def test_what_is_no_name_is_not_shown(name):
    with pytest.raises(UsageError):
        formula("y_i = x_i", names={"x": name})


@pytest.mark.parametrize(
    "text, printed, indexed",
    [
        ("y_bi = inv(S_b)_ij x_bj", "y = S⁻¹x  (for every b)", "y_bi = Σ_j (S_b⁻¹)_ij x_bj"),
        ("E_b = logdet(S_b)", "E = logdet(S)  (for every b)", "E_b = logdet(S_b)"),
        ("d_b = det(S_b) x_b", "d = x det(S)  (for every b)", "d_b = det(S_b) x_b"),
    ],
)
def test_a_matrix_for_every_example(text: str, printed: str, indexed: str) -> None:
    assert str(tp.formula(text)) == printed
    assert indexed in str(tp.explain(text, wrt="S"))  # in index notation b is told, too


@pytest.mark.parametrize(
    ("text", "wrt", "shown", "code"),
    [
        (
            "y = a_i expm_ij(X_ij)[i, k] b_k", "X", "δX = expm′(Xᵀ)[abᵀ]",
            "δX = scipy.linalg.expm_frechet(X.T, np.outer(a, b), compute_expm=False)",
        ),
        (
            "Y_ij = expm_ij(X_ij)[i, j]", "X", "δX = expm′(Xᵀ)[δY]",
            "δX = scipy.linalg.expm_frechet(X.T, δY, compute_expm=False)",
        ),
        ("L_b = x_bi expm_ij(t_b A_ij)[i, j] y_bj", "A", "δA = Σ_b t_b δL_b expm′(t_b Aᵀ)[x_b y_bᵀ]", ""),
    ],
)  # fmt: skip
def test_a_derivative_of_the_exponential_in_a_direction(text: str, wrt: str, shown: str, code: str) -> None:
    s = tp.parse(text)
    rule = tp.adjoint(s, wrt=[wrt])
    found = tp.formula(rule)
    assert str(found) == shown
    assert found.numpy == code if code else found.numpy.startswith("# np has no expm′ for several matrices")
    for text in (found.unicode, found.latex, *([found.numpy] if code else [])):
        (eq,) = tp.parse_formula(text, like=s + rule)
        draw = np.random.default_rng(0)
        given = tensors_of(next(iter(rule)).value)
        arrays = {t.name: draw.normal(size=[2 if i == "b" else 3 for i in t.letters or ()]) for t in given}
        one, other = (evaluate(system([e]), arrays)[f"δ{wrt}"] for e in (eq, *rule))
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_derivative_in_a_direction_that_does_not_fit_is_refused() -> None:
    with pytest.raises(RankMismatch):
        tp.parse_formula("D = expm′(X)[v]", like={"X": "matrix", "v": "vector", "D": "matrix"})


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("y_t = Σ_s V_s W_ts + h_t Σ_s g_s [s<t]", "y = WV + h ⊙ L g  (L_ts = [s < t])"),
        ("y_ti = Σ_s [s <= t] V_si + Σ_s [s <= t] U_si", "y = L V + M U  (L_ts = [s ≤ t], M_ts = [s ≤ t])"),
        ("y_t = Σ_s [s <= t] W_ts Σ_u [u <= s] x_u", "y = tril(W) L x  (L_su = [u ≤ s])"),
        ("y_t = Σ_su [s <= t] [u <= s] V_s x_u", "y = L diag(V) M x  (L_ts = [s ≤ t], M_su = [u ≤ s])"),
    ],
)
def test_masks_of_one_relation_are_told_apart_by_their_axes(page: str, line: str) -> None:
    """The first two could not be computed: one ``tril(11ᵀ)`` was as long as the axis of another sum."""
    assert formula(page).unicode == line
