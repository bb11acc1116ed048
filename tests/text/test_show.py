"""Text and nodes are each other's inverse: what is shown reads back to the same object."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.derive import derive
from tensorprop.core.build import add, call, divide, mul, number, power, reduce, sum_over, tensor
from tensorprop.core.equation import equation, system
from tensorprop.core.expr import Dim, Expr, Index
from tensorprop.core.walk import postorder
from tensorprop.errors import UsageError
from tensorprop.text import parse, parse_expression, show
from tensorprop.text.show import MAX_SHOWN
from tests.text.random_systems import Maker, random_system
from tests.text.test_readings import SPELLINGS, SUMS

VERBATIM = """
y_k = t_k a[2out+k-1] [out > 1]
y = t + (z[out, out] + a[2out+out-1]) b[out]
z_bj = a_bi W_ij + b_j
E = 1/2 (h_bj - y_bj)^2
L = O_mn (T_mn - U_mk V_nk)^2
s = Σ_ij (A_ij - C_ik S_kj)^2
s = Σ_ijk (A_ij - C_ik S_kj)^2
δz_bj = δh_bj (1 - h_bj^2)
δW_ij = a_bi δz_bj
δb_j = Σ_b δz_bj
d_i = W_ij δ_j f′(z_i)
p_tu = exp(s_tu) / Σ_v exp(s_tv)
y = (u_i u_i) / Σ_j v_j v_j
y_t = softmax_u(s_tu) v_u
y_t = softmax_v(s_tu w_v)[u] c_u
y = logsumexp_u(s_u) - max_u(s_u)
y_i = -x_i^-0.5 + x_i^(1/3) - 0.02 x_i - 1e-5
y = a / b · c - a / (b c)
y = Σ_i (a_i + b_i) - Σ_i a_i
y = -Σ_i a_i
y = Σ_i (-a_i)
y = 2 Σ_i 3 a_i b_i
y = sqrt(Σ_i (x_i - a_i)^2)
W^(k)_ij = δ_ij - x_i / y_j^2
y = inv(X)_ij A_ji + det(X) - logdet(X)
∂y_i/∂x_k = W_ij δ_jk
∂²E/∂x_k∂x_l = A_kl + A_lk
y_btd = E[tok_bt, d]
y_bxc = a[b, 2x+u-1, c] w_u
y_ij = [i ≥ j] x_j + dim(j) - dim(q, 3)
y = 1 / dim(i) · Σ_i x_i
W[in, out] = a[in] b[out]
y = Σ[in] a[in]
y_i = σ(x_i) + leaky_relu(x_i) + f^(k)(x_i) + g″(x_i)
y_i = max(a_i, b_i) + where([a_i > 0], a_i, 0)
y = 12/35 a + 1.25e-7 b + 1e20 c + π
y = E^{(k)} + 2^a + a^n + (a q)^n + a^{n + 1} + b_i^(n c_i) d_i
y = (-2)^a + (1/2)^a - (a^b)^c
y_tc = [t = c[]] w_tc
""".strip().split("\n")


@pytest.mark.parametrize("text", VERBATIM)
def test_shown_as_it_is_written(text: str) -> None:
    s = parse(text)
    assert show(s) == text == str(s)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("y = (Σ_i a_i b_i)", "y = a_i b_i"),
        ("y = Σ_i (u_i u_i)(v_i v_i)", "y = u_i u_i v_i v_i"),
        ("y = (Σ_i u_i u_i)(Σ_i v_i v_i)", "y = (Σ_i u_i u_i) Σ_i v_i v_i"),
        ("y = a_i b_i / sqrt(Σ_j a_j a_j)", "y = a_i b_i / sqrt(a_j a_j)"),
        ("y = Σ_i a_i b_i sqrt(a_i a_i)", "y = Σ_i a_i b_i sqrt(a_i a_i)"),
        ("y = Σ_i 1 / x_i^2", "y = Σ_i 1 / x_i^2"),
        ("y = 1 / Σ_i x_i^2", "y = 1 / Σ_i x_i^2"),
        ("y = 1 / (x_i x_i)", "y = 1 / Σ_i x_i x_i"),
        ("y = log(1 + Σ_i x_i^2)", "y = log(1 + Σ_i x_i^2)"),
        ("y = exp(Σ_i a_i b_i)", "y = exp(a_i b_i)"),
        ("y = Σ_i W_ii^2", "y = Σ_i W_ii^2"),
        ("y = x_i^2 - 3", "y = x_i^2 - 3"),
        ("y = Σ_i [i = 2] [i < 3]", "y = Σ_i [i = 2] [i < 3]"),
        ("y = 0.5 a + 2/3", "y = 1/2 a + 2/3"),
        ("y = δz_b δz_b", "y = δz_b δz_b"),
        ("y_i = σ x_i + σ * (x_i + 1)", "y_i = σ x_i + σ · (x_i + 1)"),
        ("y_i = δ * x_i", "y_i = δ · x_i"),
        ("y_i = (x_i)^T", "y_i = (x_i)^T"),
        ("y_ij = A_ij; δ_bi = W_ij x_bj", "y_ij = A_ij\nδ_bi = W_ij x_bj"),
        ("y_ij = [i = j]; δ_bi = W_ij x_bj", "y_ij = [i = j]\nδ_bi = W_ij x_bj"),
    ],
)
def test_shown_in_its_own_way(text: str, shown: str) -> None:
    s = parse(text)
    assert show(s) == shown
    assert parse(shown) is s


@pytest.mark.parametrize(
    "text, shown",
    [
        ("δz_bj = Σ_k δh_bk f′(z_bj) [b ≥ j]", "delta z_bj = sum_k(delta h_bk f'(z_bj) [b >= j])"),
        ("y_ij = δ_ij π + σ(x_i) y2_j", "y_ij = delta_ij pi + sigmoid(x_i) y2_j"),
        ("∂²E/∂x_k∂x_l = A_kl", "partial^2 E/partial x_k partial x_l = A_kl"),
        ("η_μ = αx a_μ / b · c", r"\eta_{\mu} = \mathrm{\alpha x} a_{\mu} / b * c"),
        ("δμ[β] = g″(a[β])", r"delta \mu_{\beta} = g''(a_{\beta})"),
        ("y = Σ[in] a[in]", "y = sum[in](a[in])"),
    ],
)
def test_shown_on_an_ascii_terminal(text: str, shown: str) -> None:
    s = parse(text)
    assert show(s, ascii=True) == shown
    assert shown.isascii()
    assert parse(shown) is s


@pytest.mark.parametrize("text", [t for pair in SPELLINGS + SUMS for t in pair])
@pytest.mark.parametrize("ascii", [False, True])
def test_every_reading_comes_back(text: str, ascii: bool) -> None:
    s = parse(text)
    shown = show(s, ascii=ascii)
    assert parse(shown) is s
    assert not ascii or shown.isascii()


def test_random_systems_come_back() -> None:
    for seed in range(600):
        s = random_system(seed)
        assert parse(show(s)) is s, seed
        shown = show(s, ascii=True)
        assert shown.isascii() and parse(shown) is s, seed


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_systems_that_hypothesis_draws_come_back(r: object) -> None:
    s = Maker(r).system()  # type: ignore[arg-type]
    assert parse(show(s)) is s
    assert parse(show(s, ascii=True)) is s


DERIVED = [
    "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2",
    "q_bj = x_bi W_ij; p_bj = softmax_j(q_bj); L = -t_bj log(p_bj)",
    "m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); n_bi = (x_bi - m_b) / sqrt(v_b + 1e-5); y_bi = g_i n_bi + c_i",
    "s_tu = q_td k_ud / sqrt(dim(d)); p_tu = exp(s_tu) / Σ_v exp(s_tv); y_td = p_tu v_ud",
    "y = x_i A_ij x_j + f(b_i x_i)",
    "y_i = x_i^3 / (1 + x_j x_j)",
]


@pytest.mark.parametrize("text", DERIVED)
@pytest.mark.parametrize("ascii", [False, True])
def test_derived_systems_come_back(text: str, ascii: bool) -> None:
    s = parse(text)
    backward = adjoint(s)
    assert parse(show(backward, ascii=ascii)) is backward
    for name in s.inputs:
        if s.rank(name) == 1:
            d = system([derive(s.only(s.outputs[:1]), wrt=name)])
            assert parse(show(d, ascii=ascii)) is d


def test_an_expression_comes_back_with_its_free_letters() -> None:
    e = parse_expression("a_i W_ij f(Σ_k b_k)", free="j")
    assert show(e) == str(e) == "a_i W_ij f(Σ_k b_k)"
    assert parse_expression(show(e), free=e.free) is e


def test_a_size_is_called_by_a_letter_only_where_that_reads_back() -> None:
    a = sum_over("i", tensor("a", "i"))
    b = sum_over("i", tensor("b", "i"))
    s = system([equation(tensor("y"), mul(Dim("a", 0), Dim("b", 0), a, b))])
    assert show(s) == "y = dim(a, 0) dim(b, 0) (Σ_i a_i) Σ_i b_i"
    assert parse(show(s)) is s
    s = system([equation(tensor("δx", "i", "j"), mul(Dim("x", 1), tensor("c", "i")))])
    assert show(s) == "δx_ij = dim(j) c_i"
    assert parse(show(s)) is s


def test_long_numbers_come_back() -> None:
    for value in (10**120 + 1, 3**700, -(7**500), number(1).value / 3**400, number(2**300).value / 7**300, 10**60):
        s = system([equation(tensor("y"), mul(number(value), tensor("a")))])
        assert parse(show(s)) is s


def test_a_long_sum_of_sums_keeps_its_parts() -> None:
    parts = [add(*(tensor(f"a{k}", "i") for k in range(n, n + 40))) for n in (0, 40)]
    for value in (add(*parts), mul(*(mul(*p.terms) for p in parts if hasattr(p, "terms")))):
        s = system([equation(tensor("y", "i"), value)])
        assert parse(show(s)) is s


def _tower(n: int, step: object) -> Expr:
    e: Expr = tensor("x", "i")
    for _ in range(n):
        e = step(e)  # type: ignore[operator]
    return e


def test_deep_expressions_need_no_recursion() -> None:
    text = show(_tower(5000, lambda e: call("tanh", e)))
    assert text == "tanh(" * 5000 + "x_i" + ")" * 5000
    text = show(_tower(3000, lambda e: add(mul(e, tensor("a", "i")), tensor("b", "i"))))
    assert text.count("a_i") == 3000
    assert show(_tower(2000, lambda e: power(e, number("1/2")))).count("^0.5") == 2000
    assert show(_tower(2000, lambda e: divide(tensor("c"), e))).count("/") == 2000
    assert (
        show(_tower(2000, lambda e: sum_over("j", reduce("max", "k", mul(e, tensor("W", "j", "k")))))).count("W")
        == 2000
    )


def test_what_is_exponentially_long_is_abbreviated() -> None:
    e = _tower(200, lambda e: add(call("tanh", e), call("sin", e)))
    text = str(e)
    assert len(text) <= MAX_SHOWN + 1000 and "…" in text
    assert sum(1 for _ in postorder(e)) == 602
    short = _tower(10, lambda e: add(call("tanh", e), call("sin", e)))
    assert "…" not in show(short)
    assert parse_expression(show(short), free="i") is short


def test_a_power_of_a_tensor_called_e_comes_back() -> None:
    s = parse("y_t = (e)^(s_t) + (e)^x + e^2 + e^-0.5")
    assert show(s) == "y_t = (e)^(s_t) + (e)^x + e^2 + e^-0.5"
    assert parse(show(s)) is s and parse(show(s, ascii=True)) is s


def test_text_and_layers_are_shown() -> None:
    assert show("y_i=W_ij*x_j") == "y_i = W_ij x_j"
    with pytest.raises(UsageError):
        show(5)


def test_a_bound_letter_that_only_brackets_have_is_written() -> None:
    from tensorprop.core.build import bracket

    body = mul(bracket("<", Index("i"), number(3)), bracket(">", Index("i"), number(1)))
    s = system([equation(tensor("y"), sum_over("i", body))])
    assert show(s) == "y = Σ_i [i < 3] [i > 1]"
    assert parse(show(s)) is s


def test_facts_are_shown_alone() -> None:
    s = parse("y_x = a[x+u] k_u; z = S_ij x_i x_j; outside(a) = -∞; dim(x) = 2 dim(a, 0); S_ij = S_ji; spd(S)")
    assert {str(f) for f in s.facts} == {"outside(a) = -∞", "dim(x) = 2 dim(a, 0)", "S_ij = S_ji", "spd(S)"}
