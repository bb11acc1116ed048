"""Adjoints and derivatives as a student would write them: tables of equations."""

from __future__ import annotations

import pytest

from tensorprop.calculus import adjoint, batch, derive, simplify, stabilise
from tensorprop.core.canon import same
from tensorprop.core.equation import system
from tensorprop.errors import IndexMismatch, NameConflict, NotDifferentiable, RankMismatch, UnknownName, UsageError
from tensorprop.run import value_and_grad
from tensorprop.text import parse, parse_expression, show


def lines(s: object) -> list[str]:
    return show(s).split("\n")


@pytest.mark.parametrize(
    ("forward", "wrt", "backward"),
    [
        ("z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2", ("W", "b"),
         ["δh_bj = h_bj - y_bj", "δz_bj = (1 - h_bj^2) δh_bj", "δW_ij = a_bi δz_bj", "δb_j = Σ_b δz_bj"]),
        ("z_j = a_i W_ij + b_j", ("a", "W", "b"), ["δa_i = W_ij δz_j", "δW_ij = a_i δz_j", "δb_j = δz_j"]),
        ("a_i = f(z_i)", "z", ["δz_i = f′(z_i) δa_i"]),
        ("p_tu = softmax_u(s_tu)", "s", ["δs_tu = p_tu (δp_tu - Σ_v p_tv δp_tv)"]),
        ("y = X_ii", "X", ["δX_ij = δ_ij"]),
        ("y_i = Σ_j x_ij", "x", ["δx_ij = δy_i"]),
        ("y = x_i A_ij x_j", "x", ["δx_i = A_ij x_j + x_j A_ji"]),
        ("y = x_0 + x_2", "x", ["δx_i = [i = 0] + [i = 2]"]),
        ("m_i = mean_j(x_ij)", "x", ["δx_ij = δm_i / dim(j)"]),
        ("E = Σ_ij (a_ij + b_i)", "b", ["δb_i = dim(a, 1)"]),
        ("S_tu = q_td k_ud; P_tu = softmax_u(S_tu); O_td = P_tu v_ud", ("q", "k", "v"),
         ["δP_tu = v_ud δO_td", "δS_tu = P_tu (δP_tu - Σ_v P_tv δP_tv)", "δq_td = k_ud δS_tu",
          "δk_ud = q_td δS_tu", "δv_ud = P_tu δO_td"]),
        ("E = Σ_i y_i log(y_i / p_i)", "y p".split(), ["δy_i = log(y_i / p_i) + 1", "δp_i = -y_i / p_i"]),
        ("E = -Σ_c y_c log(softmax_c(z_c))", "z", ["δz_c = softmax_c(z_c) Σ_d y_d - y_c"]),
        ("y_i = sqrt(x_i)^2", "x", ["δx_i = δy_i"]),
        ("y_i = x_i / sqrt(x_j x_j)", "x", ["δx_i = δy_i / sqrt(x_j x_j) - x_i x_k δy_k / sqrt(x_j x_j)^3"]),
        ("E = (x[t+1] - x_t) (x[t+1] - x_t) c_t", "x",
         ["δx_t = 2 [t ≥ 1] [t - 1 < dim(t)] (x_t - x[t-1]) c[t-1] - 2 (x[t+1] - x_t) c_t"]),
        ("y_t = x[2t+1] x_t", "x", ["δx_t = [2u + 1 = t] x_u δy_u + x[2t+1] δy_t"]),
        ("h_i = x_i W_ij x_j; E = h_i h_i", "x", None),
    ],
)  # fmt: skip
def test_adjoint(forward: str, wrt: object, backward: list[str] | None) -> None:
    rules = adjoint(forward, wrt)
    assert parse(show(rules)) is rules
    if backward is not None:
        assert len(rules) == len(backward)
        for got, want in zip(rules, parse("\n".join(backward)), strict=True):
            assert got.name == want.name
            assert same(got.value, want.rename(dict(zip(want.letters, got.letters, strict=True))).value), show(got)


def test_the_two_layer_network_has_one_line_a_tensor() -> None:
    rules = adjoint(
        "z_bj = x_bi W_ij + b_j; h_bj = tanh(z_bj); o_bk = h_bj V_jk + c_k; E = 1/2 (o_bk - y_bk)^2",
        ("W", "b", "V", "c"),
    )
    assert lines(rules) == [
        "δo_bk = o_bk - y_bk",
        "δh_bj = V_jk δo_bk",
        "δz_bj = (1 - h_bj^2) δh_bj",
        "δW_ij = x_bi δz_bj",
        "δb_j = Σ_b δz_bj",
        "δV_jk = h_bj δo_bk",
        "δc_k = Σ_b δo_bk",
    ]


def test_default_variables_and_chosen_output() -> None:
    s = "z_j = a_i W_ij; E = z_j z_j; F = Σ_j z_j"
    assert adjoint(s, of="E").outputs == ("δa", "δW")
    with_both = adjoint(s, "W")
    assert set(with_both.inputs) >= {"δE", "δF"}


def test_labels_are_not_differentiated() -> None:
    rules = adjoint("E = -Σ_bc [y_b = c] logsoftmax_c(x_bc)")
    assert [eq.name for eq in rules] == ["δx"]


def test_a_variable_without_influence_has_derivative_zero() -> None:
    (rule,) = adjoint("y = a_i a_i; w = b_i b_i", "b", of="y")
    assert rule.name == "δb" and show(rule.value) == "0"


@pytest.mark.parametrize(
    ("forward", "wrt", "expected"),
    [
        ("z_j = a_i W_ij + b_j", "W_kl", "a_k δ_jl"),
        ("z_j = a_i W_ij + b_j", "b_k", "δ_jk"),
        ("z_j = a_i W_ij + b_j", "a_k", "W_kj"),
        ("y = x_i A_ij x_j", "x_k", "A_kj x_j + A_jk x_j"),
        ("y = x_i A_ij x_j", ("x_k", "x_l"), "A_kl + A_lk"),
        ("y = x_i A_ij x_j", ("x_k", "A_lm"), "δ_kl x_m + δ_km x_l"),
        ("y_i = x_i^3", ("x_k", "x_l"), "6 x_i δ_ik δ_il"),
        ("p_i = softmax_i(x_i)", "x_k", "softmax_i(x_i) (δ_ik - softmax_k(x_k))"),
        ("y = logsumexp_i(x_i)", "x_k", "softmax_k(x_k)"),
        ("y = log(1 + exp(w_i x_i))", "x_k", "w_k σ(w_i x_i)"),
        ("Y_ij = X_ki A_kj", "X_mn", "δ_in A_mj"),
        ("y = X_ij X_jk X_ki", "X_mn", "3 X_nk X_km"),
        ("y_i = a_i x_i", "x_j", "a_i δ_ij"),
        ("E = Σ_i max(x_i, 0)", "x_k", "[x_k > 0] + 1/2 [x_k = 0]"),
        ("y = f(g(x))", "x", "f′(g(x)) g′(x)"),
        ("y = f(x)", ("x", "x"), "f″(x)"),
    ],
)
def test_derivative(forward: str, wrt: object, expected: str) -> None:
    d = derive(forward, wrt)
    assert same(d.value, parse_expression(expected, free=d.letters)), show(d)
    assert parse(show(d))[d.name] is d


def test_bare_variables_take_fresh_letters_function_first() -> None:
    d = derive("z_j = a_i W_ij", "W")
    assert d.letters[0] == "j" and len(set(d.letters)) == 3 and d.target.name == "∂z·/∂W··"


def test_intermediates_are_put_in() -> None:
    d = derive("u_i = exp(M_ij x_j); y_i = c_k x_k u_i", "x_m")
    assert set(system([d]).inputs) == {"M", "x", "c"}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: derive("y = x_i x_i", "q"), UnknownName),
        (lambda: derive("y_i = x_i", "x_i"), IndexMismatch),
        (lambda: derive("y = x_i x_i", "x_ij"), RankMismatch),
        (lambda: derive("y = x_i x_i; z = x_i x_i x_i", "x"), UsageError),
        (lambda: derive("u_i = exp(x_i); y = u_i u_i", "u_k"), UsageError),
        (lambda: adjoint("y = x_i x_i", "X"), UnknownName),
        (lambda: adjoint("y = x_i x_i", of="q"), UnknownName),
        (lambda: adjoint("y = x_i x_i", ()), UsageError),
        (lambda: adjoint("y = f(x, w)", "x"), NotDifferentiable),
        (lambda: derive(3, "x"), UsageError),
        (lambda: batch("z_b = a_b", "b", over="a"), NameConflict),
        (lambda: batch("z_j = a_j", "b", over="q"), UnknownName),
    ],
)
def test_what_is_refused(call, error) -> None:
    with pytest.raises(error):
        call()


def test_batch_carries_an_index_through() -> None:
    s = batch("z_j = a_i W_ij + b_j; h_j = tanh(z_j); E = 1/2 (h_j - y_j)^2; r = W_ij W_ij", "n", over=("a", "y"))
    assert lines(s) == ["z_nj = a_ni W_ij + b_j", "h_nj = tanh(z_nj)", "E_n = 1/2 (h_nj - y_nj)^2", "r = W_ij W_ij"]


def test_batch_makes_bound_letters_step_aside() -> None:
    s = batch("z_j = a_b W_bj", "b", over="a")
    assert same(s["z"].value, parse("z_bj = a_bi W_ij")["z"].value)


@pytest.mark.parametrize(
    ("written", "stable"),
    [
        ("p_t = exp(s_t) / Σ_u exp(s_u)", "p_t = softmax_t(s_t)"),
        ("p_bt = exp(s_bt) / Σ_u exp(s_bu)", "p_bt = softmax_t(s_bt)"),
        ("p_t = 2 exp(s_t) v_t / Σ_u exp(s_u)", "p_t = 2 softmax_t(s_t) v_t"),
        ("y = log(σ(x))", "y = logsigmoid(x)"),
        ("y = log(1 - σ(x))", "y = logsigmoid(-x)"),
        ("y_b = log(Σ_i exp(x_bi))", "y_b = logsumexp_i(x_bi)"),
        ("y = log(1 + exp(x))", "y = softplus(x)"),
        ("y_bc = s_bc - log(Σ_d exp(s_bd))", "y_bc = logsoftmax_c(s_bc)"),
        ("y_bc = s_bc + 1 - logsumexp_d(s_bd)", "y_bc = logsoftmax_c(s_bc) + 1"),
        ("y = 1 / (1 + exp(-x))", "y = σ(x)"),
        ("y = exp(x) / (1 + exp(x))", "y = σ(x)"),
        ("y_i = log(softmax_i(x_i))", "y_i = logsoftmax_i(x_i)"),
    ],
)
def test_stable_forms(written: str, stable: str) -> None:
    assert stabilise(written) is parse(stable)


def test_stable_forms_through_names() -> None:
    s = stabilise("e_bc = exp(x_bc); p_bc = e_bc / Σ_k e_bk; L = -0.25 T_bc log(p_bc)")
    assert s["p"] is parse("p_bc = softmax_c(x_bc)")["p"]
    assert s["L"] is parse("L = -0.25 T_bc logsoftmax_c(x_bc)")["L"]


def test_other_quotients_are_left_alone() -> None:
    for text in (
        "p_t = exp(s_t) / Σ_u exp(2 s_u)",
        "p_t = exp(r_t) / Σ_u exp(s_u)",
        "p_t = m_t exp(s_t) / Σ_u m_u exp(s_u)",
    ):
        s = parse(text)
        assert stabilise(s) is s


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("y_k = Σ_i [i = k] a_i x_i + x_k a_k", "y_k = 2 a_k x_k"),
        ("y_i = A_ij x_j + B_ij x_j", "y_i = (A_ij + B_ij) x_j"),
        ("y_i = A_ij x_j + A_ji x_j", "y_i = (A_ij + A_ji) x_j"),
        ("y_t = p_t g_t - p_t Σ_u p_u g_u", "y_t = p_t (g_t - Σ_u p_u g_u)"),
        ("y = x - x", "y = 0"),
        ("y_i = a_i (Σ_j W_ij x_j)", "y_i = a_i W_ij x_j"),
        ("y_i = Σ_j a_i b_j", "y_i = a_i Σ_j b_j"),
        ("y_k = Σ_i (a_i + [i = k]) b_i", "y_k = Σ_i a_i b_i + b_k"),
        ("y = a^-1 b a^-2", "y = a^-3 b"),
        ("y = c Σ_i a_i + c Σ_i b_i", "y = c (Σ_i a_i + Σ_i b_i)"),  # the two i may have different ranges
    ],
)
def test_simplify(left: str, right: str) -> None:
    if right == "y = 0":
        assert show(simplify(left)) == "y = 0"
        return
    assert show(simplify(left)) == show(simplify(parse(right)))
    assert same(next(iter(simplify(left))).value, next(iter(parse(right))).value)
    assert simplify(simplify(left)) is simplify(left)


@pytest.mark.parametrize(
    ("forward", "wrt", "inputs"),
    [
        ("y_i = A_ij x_j", "A", {"A", "x"}),
        ("Y_ij = A_ik B_kj", ("A", "B"), {"A", "B"}),
        ("y = X_ii", "X", {"X"}),
        ("y_i = a_i x_i", "x", {"a"}),
        ("Y_ij = X_ij + b_j", "b", {"Y", "b"}),  # nothing else tells i
    ],
)
def test_a_derivative_asks_for_no_more_than_it_needs(forward: str, wrt: object, inputs: set[str]) -> None:
    assert set(system([derive(forward, wrt)]).inputs) == inputs


@pytest.mark.parametrize(
    "text, owed",
    [
        ("p_b = softmax_c(s_bc)[k_b]", {"δs"}),
        ("E = -Σ_bc l_bc [y_b = c]", {"δl"}),
        ("h_bd = T[tok_b, d]", {"δT"}),
        ("h_bd = T[tok_b, d] + tok_b", {"δT"}),
        ("h_i = x_i [x_i > t]", {"δx"}),
    ],
)
def test_nothing_is_owed_to_whole_numbers(text: str, owed: set[str]) -> None:
    assert {eq.name for eq in adjoint(text)} == owed


def test_rules_that_are_there_already_are_not_the_adjoints_of_another_error() -> None:
    """A page with its rules gives these; of what is made of a δ, the names would be taken twice, and that is said."""
    s = parse("z_j = a_i W_ij; h_j = tanh(z_j); E = h_j y_j")
    rules = adjoint(s)
    assert adjoint(f"{s}\n{rules}") is rules is adjoint(s + rules)
    for refused in (
        lambda: adjoint(f"{s}\n{rules}\nF = δW_ij δW_ij", wrt="W", of="F"),
        lambda: value_and_grad(s + rules + parse("F = δW_ij δW_ij"), "W", of="F"),
    ):
        with pytest.raises(NameConflict, match=r"δW is in these equations already.*adjoint of W besides"):
            refused()
