"""What texts mean: every spelling, and where the implicit sums stand."""

from __future__ import annotations

import pytest

from tensorprop.core.build import (
    add,
    bracket,
    call,
    delta,
    divide,
    mul,
    negate,
    number,
    power,
    reduce,
    sum_over,
    tensor,
)
from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Dim, Index
from tensorprop.errors import AmbiguousNotation
from tensorprop.text import parse, parse_expression
from tensorprop.text.vocabulary import COLUMN, ROW


def one(letters: str, value: object) -> System:
    return system([equation(tensor("y", *letters), value)])


def _inv(name: str, i: str, j: str) -> object:
    return reduce("inv", (ROW, COLUMN), tensor(name, ROW, COLUMN), [Index(i), Index(j)])


A, W, a, b, c, x = (lambda *s, n=n: tensor(n, *s) for n in "AWabcx")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("y_j = a_i W_ij + b_j", one("j", add(sum_over("i", mul(a("i"), W("i", "j"))), b("j")))),
        ("y = -2 a_i b_i / 3", one("", sum_over("i", mul(number("-2/3"), a("i"), b("i"))))),
        ("y = a - b - c", one("", add(a(), negate(b()), negate(c())))),
        ("y = a / b c", one("", mul(divide(a(), b()), c()))),
        ("y = a / b / c", one("", divide(divide(a(), b()), c()))),
        ("y = a^b^2", one("", power(a(), power(b(), number(2))))),
        ("y = -a^2", one("", negate(power(a(), number(2))))),
        ("y_i = x_i^-0.5", one("i", power(x("i"), number("-1/2")))),
        ("y = 0.1 + 1e-5 a", one("", add(number("1/10"), mul(number("1/100000"), a())))),
        ("y = f′(a) g''(b)", one("", mul(call("f′", a()), call("g″", b())))),
        ("y_i = W_ij δ_jk a_k", one("i", sum_over("jk", mul(W("i", "j"), delta("j", "k"), a("k"))))),
        ("y_t = [t ≥ u] a_u", one("t", sum_over("u", mul(bracket("≥", Index("t"), Index("u")), a("u"))))),
        ("y_b = [c_b = n] a_b", one("b", mul(bracket("=", c("b"), tensor("n")), a("b")))),
        ("y = max_i(a_i) b", one("", mul(reduce("max", "i", a("i")), b()))),
        ("y = mean_ij A_ij", one("", reduce("mean", "ij", A("i", "j")))),
        ("y_u = softmax_u(a_u)", one("u", reduce("softmax", "u", a("u"), [Index("u")]))),
        ("y_u = softmax_v(A_uv)[u]", one("u", reduce("softmax", "v", A("u", "v"), [Index("u")]))),
        ("y = inv(A)_ij b_ij", one("", sum_over("ij", mul(_inv("A", "i", "j"), b("i", "j"))))),
        ("y = det(A)", one("", reduce("det", (ROW, COLUMN), A(ROW, COLUMN)))),
        ("y = dim(i) a_i b_i", one("", sum_over("i", mul(Dim("a", 0), a("i"), b("i"))))),
        ("y_i = |i| + A_ji c_j", one("i", add(Dim("A", 1), sum_over("j", mul(A("j", "i"), c("j")))))),
        ("y = 1/dim(i) Σ_i a_i", one("", mul(power(Dim("a", 0), number(-1)), sum_over("i", a("i"))))),
        ("y = dim(A, 1)", one("", Dim("A", 1))),
        ("y = π a", one("", mul(call("pi"), a()))),
        ("y = √2 √(a)", one("", mul(call("sqrt", number(2)), call("sqrt", a())))),
        ("y_bt = A[c_bt, 2t+1]", one("bt", A(c("b", "t"), add(mul(number(2), Index("t")), number(1))))),
        ("y_t = a_{t-1} b_0", one("t", mul(a(add(Index("t"), number(-1))), b(0)))),
        ("y = a[3] b[0, 12]", one("", mul(a(3), b(0, 12)))),
        ("y = c[]", one("", c())),
    ],
)
def test_meaning(text: str, expected: System) -> None:
    assert parse(text) is expected


SPELLINGS = [
    ("W_{ij} = 3 a_i b_j", "W_ij = 3 a_i b_j"),
    ("Wᵢⱼ = 3aᵢbⱼ", "W_ij = 3 a_i b_j"),
    ("W[i, j] = 3 a[i] b[j]", "W_ij = 3 a_i b_j"),
    ("W_{i,j} = 3 a_{i} b_{j}", "W_ij = 3 a_i b_j"),
    ("W_{i j} = 3 · a_i ⊙ b_j", "W_ij = 3 * a_i × b_j"),
    ("y_{in,out} = a[in] b[out]", "y[in, out] = a[in] b[out]"),
    ("W_αβ = 2 a_α b_β", r"W_{\alpha\beta} = 2 a_\alpha b_{\beta}"),
    ("y_t = h_{t-1} + x[t+u, 2u] w_u", "y_t = hₜ₋₁ + x[t + u, 2 u] w_u"),
    ("y = a² b⁻¹ c^{2} d^(-1)", "y = a^2 / b c^2 / d"),
    ("y = aⁿ", "y = a^n"),
    ("y = − a − b", "y = -a - b"),
    ("W^(k)_ij = b^(k+1)_i c_j", "W^{(k)}_{ij} = b_i^{(k + 1)} c_j"),
    ("E^{(k)} = 2 a", "E^{( k )} = 2 a"),
    ("δz_bj = 2 δ h_bj", "delta z_bj = 2 delta h_bj"),
    (r"\delta z_{bj} = 2 \delta h_{bj}", "δz_bj = 2 δh_bj"),
    ("y_ij = delta_ij x_i", "y_ij = [i = j] x_i"),
    ("y_ij = δ[i, j] x_i", r"y_ij = \delta_{ij} x_i"),
    ("y = Σ_i a_i", "y = sum_i a_i"),
    ("y = Σ_ij A_ij", r"y = \sum_{i,j} A_{ij}"),
    ("y = ∑_i a_i", "y = sum[i](a_i)"),
    ("y = ∏_i a_i", "y = prod_i(a_i)"),
    ("y = sum_i(a_i) b", "y = (Σ_i a_i) b"),
    ("y = sum_i a_i b", "y = Σ_i (a_i b)"),
    ("y = Σ_i(a_i) b", "y = (Σ_i a_i) b"),
    ("y = Σ_i (a_i + 1) b_i", "y = Σ_i ((a_i + 1) b_i)"),
    ("y = a / Σ_i b_i c", "y = a / (Σ_i b_i c)"),
    ("y = Σ_i -a_i", "y = Σ_i (-a_i)"),
    ("y = Σ_i Σ_j A_ij", "y = Σ_ij A_ij"),
    ("y_i = sigma(x_i) + σ(z_i)", "y_i = sigmoid(x_i) + sigmoid(z_i)"),
    ("y_i = ln(x_i) + atan(x_i) + ReLU(x_i)", "y_i = log(x_i) + arctan(x_i) + relu(x_i)"),
    ("y_i = f'(x_i) + g''(x_i)", "y_i = f′(x_i) + g″(x_i)"),
    (r"y_i = f^\prime(x_i) + f^{\prime\prime}(x_i)", "y_i = f′(x_i) + f″(x_i)"),
    ("y_i = pow(x_i, 2)", "y_i = x_i^2"),
    ("y_u = log_softmax_u(x_u)", "y_u = logsoftmax_u(x_u)"),
    ("y_i = leaky_relu(x_i)", "y_i = LeakyReLU(x_i)"),
    ("y_t = [t >= u] a_u + [t != u] a_u + [t <= u] a_u", "y_t = [t ≥ u] a_u + [t ≠ u] a_u + [t ≤ u] a_u"),
    (r"y_t = [t \ge u] a_u + [t \neq u] a_u + [t \leq u] a_u", "y_t = [t ≥ u] a_u + [t ≠ u] a_u + [t ≤ u] a_u"),
    ("y = a[i = j] b_i c_j", "y = a δ_ij b_i c_j"),
    ("∂y_i/∂x_k = W_ik", "partial y_i/partial x_k = W_ik"),
    ("∂y_i/∂x_k = W_ik", "dy_i/dx_k = W_ik"),
    ("∂y_i/∂x_k = W_ik", r"\frac{\partial y_i}{\partial x_k} = W_{ik}"),
    ("∂²E/∂x_k∂x_l = A_kl", r"\frac{\partial^2 E}{\partial x_k \partial x_l} = A_kl"),
    ("∂²E/∂x_k∂x_l = A_kl", "partial^2 E / partial x_k partial x_l = A_kl"),
    (r"y = \frac{a}{b} c", "y = a / b c"),
    (r"E = \frac12 (h_j - y_j)^2", "E = 1/2 (h_j - y_j)^2"),
    (r"E = \tfrac 1 2 a", "E = 1/2 a"),
    (r"y_i = \sum\limits_{j} W_{ij} x_j", "y_i = Σ_j W_ij x_j"),
    (r"y_i = \sigma\left( x_i \right) \, \odot \mathrm{softmax}_i(x_i)", "y_i = σ(x_i) softmax_i(x_i)"),
    (r"y_i = \sqrt{x_i} + \operatorname{relu}(x_i)", "y_i = sqrt(x_i) + relu(x_i)"),
    (r"W_{\mathrm{in},\mathrm{out}} = a[\mathrm{in}] b[out]", "W[in, out] = a[in] b[out]"),
    ("a = b # a comment\nc = 2 a", "a = b; c = 2 a"),
    ("z_j = a_i W_ij +\n  b_j", "z_j = a_i W_ij + b_j"),
    ("z = f(a,\n  b)\n\n\n", "z = f(a, b);"),
    ("\n ; y = a ;; ", "y = a"),
    ("y\u00a0=\u2009a\r\nz = b", "y = a; z = b"),
]


@pytest.mark.parametrize("one, other", SPELLINGS)
def test_spellings_mean_the_same(one: str, other: str) -> None:
    assert parse(one) is parse(other)


SUMS = [
    ("y = x_i A_ij x_j", "y = Σ_ij x_i A_ij x_j"),
    ("z_j = a_i W_ij + b_j", "z_j = (Σ_i a_i W_ij) + b_j"),
    ("y = A_ii", "y = Σ_i A_ii"),
    ("y = A_ii X_jj", "y = Σ_ij A_ii X_jj"),
    ("y = A_ii p_i", "y = Σ_i A_ii p_i"),
    ("y = O_mn (T_mn + U_mk V_nk)^2", "y = Σ_mn O_mn (T_mn + Σ_k U_mk V_nk)^2"),
    ("y_i = (W_ij a_j)^2", "y_i = (Σ_j W_ij a_j)^2"),
    ("E = 1/2 (h_bj - y_bj)^2", "E = Σ_bj 1/2 (h_bj - y_bj)^2"),
    ("y = x_i^2", "y = Σ_i x_i^2"),
    ("y = 3 x_i^3", "y = Σ_i 3 x_i^3"),
    ("y_i = f(W_ij a_j)", "y_i = f(Σ_j W_ij a_j)"),
    ("y = (u_i u_i) / (v_j v_j)", "y = (Σ_i u_i u_i) / (Σ_j v_j v_j)"),
    ("y = a_i / b_i", "y = Σ_i a_i / b_i"),
    ("y = (x_i - s_i) W_ij (x_j - s_j)", "y = Σ_ij (x_i - s_i) W_ij (x_j - s_j)"),
    ("y = c_i x_i + exp(b_i x_i)", "y = (Σ_i c_i x_i) + exp(Σ_i b_i x_i)"),
    ("y = -a_i b_i", "y = Σ_i (-a_i b_i)"),
    ("y = a - b_i c_i", "y = a + Σ_i (-b_i c_i)"),
    ("y = -(a_i b_i)", "y = -Σ_i a_i b_i"),
    ("y = 2 (a_i b_i)", "y = 2 Σ_i a_i b_i"),
    ("y = (a_i b_i) c_i", "y = Σ_i a_i b_i c_i"),
    ("y_i = W_ij δ_j (1 - h_j^2)", "y_i = Σ_j W_ij δ_j (1 - h_j^2)"),
    ("y_i = W_ij δ_j (1 - h_j^2) (1 + g_j^2)^2", "y_i = Σ_j W_ij δ_j (1 - h_j^2) (1 + g_j^2)^2"),
    ("y = 1 - h_j^2", "y = 1 + Σ_j (-h_j^2)"),
    ("y = a (1 + h_j^2)", "y = a (1 + Σ_j h_j^2)"),
    ("y = (a_i b_i + c) (u_j v_j + c)", "y = ((Σ_i a_i b_i) + c) ((Σ_j u_j v_j) + c)"),
    ("y_t = exp(s_tu) v_u", "y_t = Σ_u exp(s_tu) v_u"),
    ("y = [a_i > b_i]", "y = Σ_i [a_i > b_i]"),
    ("y = max_i(A_ij b_j)", "y = max_i(Σ_j A_ij b_j)"),
    ("y_t = softmax_u(s_tu) v_u", "y_t = Σ_u softmax_u(s_tu) v_u"),
    ("y = Σ_i a_ij b_j", "y = Σ_ij a_ij b_j"),
    ("y_b = E[tok_bt, d] w_td", "y_b = Σ_td E[tok_bt, d] w_td"),
    ("y_x = a[x+u] w_u", "y_x = Σ_u a[x+u] w_u"),
    ("y = s_i x_i^s_i", "y = Σ_i s_i x_i^s_i"),
    ("y = a_i b_i; z = a_i c_i", "y = Σ_i a_i b_i; z = Σ_i a_i c_i"),
]


@pytest.mark.parametrize("text, written", SUMS)
def test_implicit_sums_are_those_of_the_rule(text: str, written: str) -> None:
    assert parse(text) is parse(written)


@pytest.mark.parametrize(
    "text, written",
    [
        ("y_i = A_ij", "y_i = Σ_j A_ij"),
        ("L = 0.5 s_bi", "L = Σ_bi 0.5 s_bi"),
        ("C = A_ij B_jk", "C = Σ_ijk A_ij B_jk"),
        ("y = 2 (a_i + b_i)", "y = Σ_i 2 (a_i + b_i)"),
        ("y = a_i + b_j c_j", "y = (Σ_i a_i) + Σ_j b_j c_j"),
        ("y = -(a_i b)", "y = Σ_i -(a_i b)"),
    ],
)
def test_einsums_convention_also_sums_a_lone_index(text: str, written: str) -> None:
    assert parse(text, convention="einsum") is parse(written)


def test_an_expression_keeps_the_letters_that_it_is_given() -> None:
    assert parse_expression("a_i W_ij", free="j") is sum_over("i", mul(a("i"), W("i", "j")))
    assert parse_expression("a_i W_ij", free="ij") is mul(a("i"), W("i", "j"))
    assert parse_expression("a_i W_ij", free=None) is sum_over("i", mul(a("i"), W("i", "j")))
    assert parse_expression("1 - y²") is add(number(1), negate(power(tensor("y"), number(2))))
    assert parse_expression("[x > 0]") is bracket(">", x(), number(0))


def test_a_delta_that_is_defined_is_a_tensor() -> None:
    s = parse("δ_bi = W_ij δz_bj; y_b = δ_bi x_i")
    assert s["y"].value is sum_over("i", mul(tensor("δ", "b", "i"), x("i")))
    assert parse("δ^(k)_ij = A_ij; y_ij = δ_ij δ^(k)_ij")["y"].value is mul(delta("i", "j"), tensor("δ^(k)", "i", "j"))


def test_letters_belong_to_their_equation() -> None:
    s = parse("y = a_i b_i; z_i = [i = 2] a_i; w_t = [t = i] x_t")
    assert s["w"].value is mul(bracket("=", Index("t"), tensor("i")), x("t"))


def test_the_origin_is_kept_and_plays_no_part_in_equality() -> None:
    s = parse("y  =  a_i b_i")
    assert s.origin == "y  =  a_i b_i"
    assert parse("y = a_i b_i") is s


def test_equal_texts_and_interned_letters() -> None:
    assert parse("z_bj = a_bi W_ij + b_j") is parse("z_bj=a_{bi}W_{ij}+b_j")
    assert parse("z_bj = a_bi W_ij") is not parse("z_bk = a_bi W_ik")


def test_a_bound_letter_may_stand_again_elsewhere() -> None:
    s = parse("y_j = Σ_i a_ij + max_i(a_ij) + f(b_i c_i)")
    assert isinstance(s["y"].value.free, frozenset) and s["y"].value.free == {"j"}
    assert s["y"].value.binds == {"i"}
    assert parse("y = sum_i(a_i) sum_i(b_i)")["y"].value is mul(sum_over("i", a("i")), sum_over("i", b("i")))


def test_a_matrix_function_steps_aside_for_its_hidden_letters() -> None:
    s = parse("y[row] = a[row] det(A)")
    assert s["y"].value.free == {"row"}
    assert not s["y"].value.binds & {"row"}


@pytest.mark.parametrize("text", [
    r"E = \frac{1}{2}\sum_{j}(t_{j}-y_{j})^{2}",
    r"E = \frac{1}{2}\sum_j\left(t_j-y_j\right)^2",
    r"E = \frac{1}{2} \sum_{j} (t_{j}-y_{j})^{2}",
    "E = 1/2 Σ_j (t_j - y_j)^2",
])  # fmt: skip
def test_the_square_of_what_is_summed(text: str) -> None:
    assert parse(text) is parse("E = 1/2 Σ_j (t_j - y_j)^2")


def test_the_square_after_a_sum_has_two_readings() -> None:
    with pytest.raises(AmbiguousNotation, match="the square of the sum, or the sum of squares") as refused:
        parse("E = 1/2 Σ_j(t_j - y_j)^2")
    assert "`Σ_j (t_j - y_j)^…`" in str(refused.value) and "`(Σ_j(t_j - y_j))^…`" in str(refused.value)
    assert parse("E = sum_j(t_j - y_j)^2") is parse("E = (Σ_j (t_j - y_j))^2")
