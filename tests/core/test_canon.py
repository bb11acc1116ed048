"""Canonical form: equal as sums of products means the same object; a difference is never lost."""

from __future__ import annotations

import random

import pytest

from tensorprop.core.build import rename
from tensorprop.core.canon import canonical, same
from tensorprop.core.expr import Add, Expr, Mul, Sum
from tensorprop.core.walk import transform
from tensorprop.text import parse_expression


def read(text: str, free: str = "") -> Expr:
    return parse_expression(text, free=free.split())


@pytest.mark.parametrize(
    ("left", "right", "free"),
    [
        ("(x_i + y_i)^2", "x_i^2 + 2 y_i x_i + y_i y_i", "i"),
        ("Σ_ij A_ij x_i x_j", "Σ_kl x_l A_lk x_k", ""),
        ("Σ_ij X_ij X_ji", "Σ_ij X_ji X_ij", ""),
        ("Σ_ijk X_ij X_jk X_ki", "Σ_ijk X_jk X_ki X_ij", ""),
        ("Σ_i [i = j] a_i b_ik", "a_j b_jk", "j k"),
        ("[i = j] a_i", "[j = i] a_j", "i j"),
        ("1 / (2 x + 2 y)", "1/2 / (y + x)", ""),
        ("a / (a b + a c)", "1 / (b + c)", ""),
        ("sqrt(x)^2", "x", ""),
        ("x / sqrt(x)", "x^0.5", ""),
        ("softmax_u(s_tu)", "exp(s_tu) / Σ_v exp(s_tv)", "t u"),
        ("logsoftmax_u(s_tu)", "s_tu - logsumexp_v(s_tv)", "t u"),
        ("log(softmax_u(s_tu))", "log(exp(s_tu) / Σ_w exp(s_tw))", "t u"),
        ("var_i(x_i)", "mean_j((x_j - mean_k(x_k))^2)", ""),
        ("a_k (Σ_i b_i c_i) (Σ_i d_i e_i)", "Σ_ij d_j b_i a_k e_j c_i", "k"),
        ("p_t (g_t - Σ_u p_u g_u)", "p_t g_t - Σ_u p_t p_u g_u", "t"),
        ("[a > b]", "[b < a]", ""),
    ],
)
def test_equal_forms_meet(left: str, right: str, free: str) -> None:
    assert same(read(left, free), read(right, free))


@pytest.mark.parametrize(
    ("left", "right", "free"),
    [
        ("Σ_ij X_ij X_ij", "Σ_ij X_ij X_ji", ""),
        ("Σ_ij A_ij x_i y_j", "Σ_ij A_ij x_j y_i", ""),
        ("sqrt(x^2)", "x", ""),
        ("x_i", "x_j", "i j"),
        ("[i = j] a_i", "a_i", "i j"),
        ("Σ_i a_i", "Σ_i a_i^2", ""),
        ("[a > b]", "[a ≥ b]", ""),
        ("f(x)", "f′(x)", ""),
        ("Σ_ijk X_ij X_jk X_ki", "Σ_ijk X_ij X_jk X_ik", ""),
    ],
)
def test_different_forms_stay_apart(left: str, right: str, free: str) -> None:
    assert not same(read(left, free), read(right, free))


@pytest.mark.parametrize("n", range(2, 9))
def test_a_ring_of_equal_factors_has_one_form(n: int) -> None:
    letters = "abcdefgh"[:n]
    ring = [f"X_{letters[k]}{letters[(k + 1) % n]}" for k in range(n)]
    forms = {canonical(read(f"Σ_{{{','.join(letters)}}} {' '.join(ring[k:] + ring[:k])}")) for k in range(n)}
    assert len(forms) == 1


def _shuffled(e: Expr, rng: random.Random) -> Expr:
    def rule(n: Expr) -> Expr:
        if isinstance(n, (Add, Mul)):
            parts = list(n.children)
            head = [p for p in parts if type(p).__name__ == "Number"]
            rest = [p for p in parts if type(p).__name__ != "Number"]
            rng.shuffle(rest)
            return n.rebuild(tuple(head + rest))
        if isinstance(n, Sum):
            new = rng.sample([c for c in "αβγφηθλμνξπρτψω" if c not in n.body.free | n.body.binds], len(n.indices))
            return Sum(tuple(new), rename(n.body, dict(zip(n.indices, new, strict=True))))
        return n

    return transform(e, rule)


@pytest.mark.parametrize(
    "text",
    [
        "Σ_ijk A_ij A_jk A_ki x_i",
        "Σ_ijkl A_ij B_jk A_kl B_li",
        "Σ_i exp(Σ_j A_ij x_j) (x_i - Σ_k A_ik)^2",
        "Σ_ijk T_ijk T_jki x_i x_j",
        "tanh(Σ_i a_i b_i + c) / (1 + Σ_j exp(a_j))",
        "Σ_abcdef X_ab X_bc X_cd X_de X_ef X_fa",
    ],
)
def test_order_and_letters_do_not_matter(text: str) -> None:
    e, rng = read(text), random.Random(7)
    for _ in range(10):
        assert canonical(_shuffled(e, rng)) is canonical(e)


def test_canonical_is_idempotent() -> None:
    for text in ("(x_i + y_i)^3 / (2 a + 4 b)", "Σ_k softmax_i(s_ki) x_k", "Σ_kj exp(A_kj) / Σ_lm exp(A_lm)"):
        c = canonical(read(text, "i"))
        assert canonical(c) is c
