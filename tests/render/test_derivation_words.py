"""What a derivation says beside its steps: what is stated of letters and inputs, and in how many words it is said."""

from __future__ import annotations

import pytest

from tensorprop.check import equivalent, explain
from tensorprop.core.build import mul, number, tensor
from tensorprop.core.equation import equation
from tensorprop.core.walk import inline
from tensorprop.errors import UsageError
from tensorprop.render.derivation.normalisers import MEANING, derived, slope
from tensorprop.text import parse, parse_expression

NETWORKS = [
    "z_bj = x_bi W_ij + c_j; h_bj = tanh(z_bj); u_bk = h_bj V_jk + d_k; E = 1/2 (u_bk - t_bk)^2",
    "z_j = x_i W_ij + c_j; h_j = tanh(z_j); u_k = h_j V_jk + d_k; E = 1/2 (u_k - t_k)^2",
    "z_bj = x_bi W_ij + b_j; h_bj = σ(z_bj); y_bk = h_bj V_jk + c_k",
    "z1_j = x_i W1_ij + b1_j; h1_j = f(z1_j); z2_k = h1_j W2_jk + b2_k; h2_k = g(z2_k)",
]
CLASSIFIER = f"{NETWORKS[2]}; p_bk = softmax_k(y_bk); E = -t_bk log(p_bk)"


@pytest.mark.parametrize("text", NETWORKS, ids=["batch", "one sample", "no error", "open functions"])
def test_a_network_of_two_layers_takes_few_words(text: str) -> None:
    for detail, limit in (("full", 900), ("short", 250)):
        said = str(explain(text, detail=detail))  # type: ignore[arg-type]
        assert len(said.split()) < limit
    assert "as for δW" in str(explain(text)) or "as for δW1" in str(explain(text))


def test_a_classifier_of_two_layers_takes_few_words() -> None:
    """With a softmax, whose derivative is derived, and its last line with and without a sum that is 1."""
    assert len(str(explain(CLASSIFIER, detail="short")).split()) < 250
    assert len(str(explain(CLASSIFIER)).split()) < 900


REPEATING = [
    "y_b = σ(z_b); E = -Σ_b t_b (1 - y_b)^2 log(y_b)",
    "n_b = sqrt(x_bi x_bi); m_b = sqrt(y_bi y_bi); c_b = x_bi y_bi / (n_b m_b)",
    "z_j = σ(x_i W_ij + h_k U_kj); n_j = tanh(x_i C_ij + h_k D_kj); y_j = (1 - z_j) n_j + z_j h_j",
    "m_bg = mean_cx(a_bgcx); n_bgcx = a_bgcx - m_bg",
    "d_ij = (x_ik - x_jk)^2; E = Σ_ij exp(-d_ij)",
    "y_xyo = a[x+u, y+v, c] w_uvco + b_o",
    "u = w_i A_ij w_j; v = w_i B_ij w_j; y = u / v",
]


@pytest.mark.parametrize("text", REPEATING)
def test_no_sentence_stands_twice_under_one_rule(text: str) -> None:
    for part in explain(text).parts:
        for answer in [str(r.answer) for r in part.reasons] + [str(part.steps[-2].reason)]:
            said = [s for s in answer.split(". ") if s]
            assert len(said) == len(set(said)), answer


@pytest.mark.parametrize(
    "text, name, sentence",
    [
        ("E = 1/2 (h_i - y_i)^2", "h", "Why no sign? No index is summed, and none stands in two factors"),
        ("u = (a_i - p_i)^2; v = (a_i - n_i)^2; L = relu(u - v)", "a", "δv has no index: it is one number, which"),
        ("E = Σ_b (1 - p_b)^g", "g", "∂(x^n)/∂n = x^n log(x)"),
        ("E = Σ_b (1 - p_b)^g", "p", "(x^n)′ = n x^(n − 1)"),
        ("y_j = mean_cx(a_jcx)", "a", "each has the weight 1/(|c| |x|)"),
        ("g_be = softmax_e(x_bi G_ie); y_bj = g_be W_ej", "x", "is subtracted: one number for every b."),
        ("E = Σ_b logsumexp_k(l_bk)", "l", "Values of exp, divided by their sum, are a softmax"),
        ("u = w_i A_ij w_j; v = w_i B_ij w_j; y = u / v", "w", "w stands in u and v as w_i and w_j: each"),
        ("E = Σ_b where([abs(r_b) < c], r_b^2 / 2, c abs(r_b))", "r", "δr = r ⊙ [|r| < c] + c (sign(r) ⊙ [|r| ≥ c])"),
        ("z_j = σ(x_i W_ij); n_j = tanh(x_i C_ij); y_j = z_j n_j", "x", "Slope: σ′(x) = y (1 − y)"),
        ("p_b = σ(z_b); d_b = p_b^2; E = Σ_b relu(m - d_b)", None, "δz"),
        ("y_i = x_i / sqrt(x_j x_j)", "x", "(Σ_j x_j²)^(3/2)"),
        ("r = x_i A_ij x_j / (x_k x_k)", "x", "m is summed, and stands in x and A; n is summed, and stands in A and x"),
    ],
)
def test_what_is_said_is_true_of_the_rule(text: str, name: str | None, sentence: str) -> None:
    assert sentence in " ".join(str(explain(text, name)).split())


@pytest.mark.parametrize(
    "text, rule",
    [
        ("y_u = sort_u(x_u)", "δx_u = δy_v [argsort_w(x_w)[v] = u]"),
        ("y_xy = a[x+u, y+v] w_uv", "δa_bz = w_uv δy[b-u, z-v]"),
        ("l_bk = x_bk^2; E = Σ_b logsumexp_k(l_bk)", "δl_bk = softmax_k(l_bk)"),
    ],
)
def test_a_letter_that_is_new_is_not_called_like_a_tensor(text: str, rule: str) -> None:
    d = explain(text)
    assert str(d.parts[0].rule) == rule
    assert not {n for n in d.system.names if f"_{n}(" in str(d)}


@pytest.mark.parametrize(
    "text, line",
    [
        ("y_x = mean_u(a[2x+u]); dim(u) = 2", "dim(u) = 2"),
        ("y_x = a[x+u] w_u; outside(a) = 0; dim(x) = dim(a, 0)", "outside(a) = 0"),
        ("y_x = a[x+u] w_u; outside(a) = 0; dim(x) = dim(a, 0)", "dim(x) = "),
        ("y_x = max_u(a[x+u]); dim(u) = 3; outside(a) = -inf; dim(x) = dim(a, 0)", "outside(a) = -∞"),
        ("e = r_i inv(S)_ij r_j; spd(S)", "spd(S)"),
        ("p_bc = softmax_c(z_bc); L = -t_bc log(p_bc); Σ_c t_bc = 1", "Σ_c t_bc = 1  (given)"),
    ],
)
def test_what_is_stated_stands_among_the_forward_equations(text: str, line: str) -> None:
    for detail in ("full", "short"):
        d = explain(text, detail=detail)  # type: ignore[arg-type]
        assert line in str(d).split("δ", 1)[0]
        assert d.markdown and d.html and d.latex


def test_a_sum_that_is_given_leads_to_the_last_line_of_textbooks() -> None:
    text = "p_bc = softmax_c(z_bc); L = -t_bc log(p_bc)"
    told = explain(f"{text}; Σ_c t_bc = 1", "z")
    assert told.remarks[0].shown[0].unicode == "δz = p − t" and len(told.remarks) == 1
    plain, supposed = explain(text, "z").remarks
    assert plain.shown[0].unicode == "δz = diag(t1) p − t" and supposed.shown[0].unicode == "δz = p − t"
    assert "Where Σ_d t_bd = 1" in str(supposed.text)
    with pytest.raises(UsageError, match="can be given"):
        explain(f"{text}; Σ_c q_bc = 1")


def test_sizes_are_those_of_tensors_that_stand_there() -> None:
    d = explain("z_b = x_bi w_i; s_b = σ(z_b); E = mean_b(-y_b log(s_b) - (1 - y_b) log(1 - s_b))", "w")
    assert d.remarks[0].shown[0].unicode == "δz = (s − y)/|b|"


@pytest.mark.parametrize("text", ["L = logdet(S)", "e = det(S)", "e = r_i inv(S)_ij r_j", "E = Σ_ij expm(X)_ij"])
def test_rows_and_columns_of_a_whole_matrix_have_letters(text: str) -> None:
    assert "⟨" not in str(explain(text)) and "⟨" not in explain(text).html


def test_the_sum_of_a_whole_matrix_meets_the_letters_of_its_rule() -> None:
    """``S⁻¹ r`` is a product whose summed index is that of the rule, and the table says so."""
    d = explain("e = r_i inv(S)_ij r_j", "r").part("r")
    rows = [(r.sign.unicode, r.becomes.unicode) for r in d.table]
    assert rows == [("i", "the entries"), ("j", "the product (S⁻¹ + S⁻ᵀ)r")]


@pytest.mark.parametrize("whole, shown", [("pinv(A)_ij", "A⁺ᵀ δy"), ("expm(A)_ij", "expm(A)ᵀ δy")])
def test_the_indices_of_a_function_of_a_matrix_are_those_of_its_entries(whole: str, shown: str) -> None:
    """Whichever index of A itself they run along: the rows of A⁺ are the columns of A."""
    d = explain(f"y_i = {whole} b_j", "b")
    rows = [(r.sign.unicode, r.places.unicode, r.becomes.unicode) for r in d.part("b").table]
    assert rows == [
        ("j", f"{whole} (2nd)", "the entries"),
        ("i", f"{whole} (1st), δy", f"the product {shown}"),
    ]
    assert "one number" not in str(d)


def test_steps_are_numbered_without_gaps() -> None:
    said = str(explain("S_tu = Q_td K_ud; P_tu = softmax_u(S_tu); O_te = P_tu V_ue"))
    numbers = [line.split()[0] for line in said.splitlines() if line[:3].strip() and line[2:3].isdigit()]
    for part in {n.split(".")[0] for n in numbers}:
        own = [int(n.split(".")[1]) for n in numbers if n.split(".")[0] == part]
        assert own == list(range(1, len(own) + 1))


def test_a_side_of_ones_is_said_as_it_is() -> None:
    said = str(explain("p_bc = softmax_c(z_bc)", "z"))
    assert "On the right it adds up every row" in " ".join(said.split())
    other = str(explain("c_j = Σ_b z_bj", "z", layout="row"))
    assert "columns that are added" not in other


@pytest.mark.parametrize("op", list(MEANING))
def test_the_slope_of_a_normaliser_follows_from_its_definition(op: str) -> None:
    """The row of the table, the definition put in for y, is what the rules of school give."""
    eq, value = derived(op)
    row = inline(slope(op), {"y": (eq.letters, eq.value)})
    letters_ = sorted(value.free | row.free)
    one, other = (equation(tensor("D", *letters_), e) for e in (value, row))
    assert equivalent(one, other) is True
    wrong = equation(tensor("D", *letters_), mul(value, number(2)))
    assert equivalent(wrong, other) is False
    fraction, name = (parse_expression(t, free="uv") for t in MEANING[op][1:])
    again = inline(name, {"y": (eq.letters, eq.value)})
    letters_ = sorted(fraction.free | again.free)
    assert equivalent(*(equation(tensor("D", *letters_), e) for e in (fraction, again))) is True


def test_the_matrix_of_a_softmax_is_derived() -> None:
    part = explain("p_j = softmax_j(z_j)", "z").part("z")
    notes = " ".join(str(n) for n in part.steps[1].notes)
    assert "Softmax along j is y_v = exp(x_v) / s with s = Σ_w exp(x_w)" in notes and "= y_v ([u = v] − y_u)" in notes
    said = next(str(r.answer) for r in part.reasons if r.topic == "jacobian")
    assert "diag(p) − ppᵀ" in said and "Its entries are p_j [j = l] − p_j p_l" in said


def test_a_quotient_that_got_a_name_is_read_in_an_attempt() -> None:
    text = "r = sqrt(mean_i(x_i^2)); y_i = g_i x_i / r"
    (ended,) = explain(text, "x").remarks
    assert ended.shown[0].unicode == "y0 = x/r"
    verdict = explain(text, "x", attempt=ended.shown[1].unicode).verdict
    assert verdict is not None and verdict.right


def test_a_recurrence_of_numbers_stands_beside_its_rules() -> None:
    assert "it reads itself" in str(explain("s_t = a s[t-1] + x_t; L = Σ_t (s_t - y_t)^2", detail="beside"))


def test_a_scalar_among_subscripts_is_told_from_an_index() -> None:
    d = explain("y_b = x[k[], b] w_b", wrt="w")
    assert d.line(d.forward[0][0]).unicode == "y_b = x[k[], b] w_b"
    assert all(parse(line) is parse("δw_b = x[k[], b] δy_b") for line in d.line(d.parts[0].rule))


def test_a_mask_has_one_name_on_a_page() -> None:
    """In every formula, and where it is a matrix of derivatives; another one has another name."""
    d = explain("c_t = Σ_u [u <= t] x_u; d_t = Σ_v [v <= t] c_v; e_t = Σ_u [u < t] d_u")
    assert [f.unicode for _, f in d.forward] == ["c = L x", "d = L c", "e = M d"]
    assert [p.shown.unicode for p in d.parts] == ["δd = Mᵀ δe", "δc = Lᵀ δd", "δx = Lᵀ δc"]
    said = " ".join(str(d).split())
    assert "It is ∂e/∂d = Mᵀ" in said and "in numerator layout M," in said and "11ᵀ" not in said
    beside = str(explain("c_t = Σ_u [u <= t] x_u", detail="beside"))
    assert "∂c/∂x = Lᵀ" in beside and "triu(" not in beside


@pytest.mark.parametrize(
    "text, lines",
    [
        (
            "z_n = X_nd w_d; s_n = σ(z_n); E = -Σ_n (y_n log(s_n) + (1 - y_n) log(1 - s_n))",
            [
                "δz_n = s_n (1 − s_n) ((1 − y_n) / (1 − s_n) − y_n / s_n)",
                "What stands above and below a fraction cancels: δz_n = s_n (1 − y_n) − (1 − s_n) y_n",
                "Multiplied out: δz_n = s_n − y_n δz = s − y",
            ],
        ),
        ("p_k = softmax_k(z_k); E = -t_k log(p_k)", ["δz_k = p_k (−t_k / p_k + Σ_l p_l t_l / p_l)"]),
        (
            "n = sqrt(x_i x_i); m = sqrt(y_i y_i); c = x_i y_i / (n m)",
            ["What is common, taken out: δx_i = (y_i / n − Σ_j y_j x_i x_j / n³) / m"],
        ),
    ],
)
def test_rules_are_put_together_line_by_line(text: str, lines: list[str]) -> None:
    said = " ".join(str(explain(text)).split())
    assert all(line in said for line in lines), said[said.find("Put together") :]


def test_rules_alone_are_told_sign_by_sign() -> None:
    """The line of the question, and rules of several lines; a bare δ is that of what the slope is taken of."""
    d = explain("δ_i = W_ij δ_j f′(z_i)")
    assert [p.shown.unicode for p in d.parts] == ["δz^(k) = W δz^(k+1) ⊙ f′(z^(k))"]
    assert {r.topic for r in d.parts[0].reasons} == {"product", "elementwise", "transpose", "order"}
    assert "Forward" not in str(d) and "is given" not in str(d) and d.html and d.latex and d.markdown
    rows = explain("δ_bi = W_ij V_jk δ_bk f'(z_bi)", layout="row").parts[0]
    assert rows.shown.unicode == "δz^(k) = δz^(k+1) VᵀWᵀ ⊙ f′(z^(k))"
    several = explain("δW_ij = a_bi δz_bj; δb_j = Σ_b δz_bj", detail="short")
    assert "b is summed, the first index of a: aᵀ." in " ".join(str(several).split())
    assert explain("δz_i = W_ij δy_j f′(z_i)", wrt="W").parts[0].name == "W"


def test_a_law_does_not_call_a_tensor_of_the_page_an_error() -> None:
    said = str(explain("e_td = E[tok_t, d]; h_tk = tanh(e_td W_dk); L = h_tk v_tk"))
    assert "∂L/∂x_k = Σ_j ∂L/∂v_j ∂v_j/∂x_k" in said and "∂E/" not in said and "δx_k = ∂L/∂x_k" in said


def test_the_matrix_of_derivatives_has_the_masks_of_the_page() -> None:
    told = str(explain("y_t = Σ_s [s <= t] W_ts Σ_u [u <= s] x_u", wrt="x"))
    assert "It is ∂y/∂x = Lᵀ triu(Wᵀ)" in told and "11ᵀ" not in told


def test_rules_put_together_stand_under_one_heading_and_say_what_was_done() -> None:
    page = "m_h = A_hj x_j; g_h = sigmoid(m_h); y_h = g_h m_h + (1 - g_h) x_h; E = Σ_h (y_h - t_h)^4"
    told = str(explain(page, wrt="A"))
    assert told.count("Put together\n") == 1 and "Multiplied out" not in told
    assert "What is common, taken out:\n    δA_hj = x_j g_h δy_h (1 + (1 − g_h) (m_h − x_h))" in told
    assert "diag(m − x), and diag(u) v" in told
