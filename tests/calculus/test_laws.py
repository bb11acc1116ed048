"""Every law of simplification: both sides parsed, equal on random arrays, the left one rewritten to the right one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tensorprop.calculus.rewrite import LAWS, Law, rewrite
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.core.build import add
from tensorprop.core.canon import same
from tensorprop.core.equation import equation, system
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.run.reference import evaluate
from tensorprop.text import parse_expression

N = 4  # one size for all letters, so that every law of square things holds too


def sides(law: Law) -> tuple[Expr, Expr]:
    left, right = law.sides
    return parse_expression(left, free=law.free), parse_expression(right, free=law.free)


def values(exprs: list[Expr], letters: tuple[str, ...], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    # a carrier tells the range of letters that only brackets have
    carrier = Tensor("carrier", tuple(Index(i) for i in letters))
    target = Tensor("out", carrier.subscripts)
    found = []
    systems = [system([equation(target, add(e, carrier))]) for e in exprs]
    shapes = {n: s.rank(n) for s in systems for n in s.inputs}
    arrays = {n: rng.uniform(0.5, 2.0, size=(N,) * k) for n, k in shapes.items()}
    for s in systems:
        found.append(evaluate(s, {n: arrays[n] for n in s.inputs})["out"])
    return found


def test_there_are_laws() -> None:
    assert len(LAWS) >= 15


@pytest.mark.parametrize("name", sorted(LAWS))
def test_law_holds(name: str) -> None:
    law = LAWS[name]
    left, right = sides(law)
    assert left.free == right.free
    for seed in range(3):
        a, b = values([left, right], tuple(sorted(left.free)), seed)
        np.testing.assert_allclose(a, b, rtol=1e-13)
    assert law.because and law.because[0].islower()


@pytest.mark.parametrize("name", sorted(LAWS))
def test_law_goes_from_left_to_right(name: str) -> None:
    left, right = sides(LAWS[name])
    assert left is not right
    assert rewrite(left, [LAWS[name]]) is right, (str(rewrite(left, [LAWS[name]])), str(right))


EXPRESSIONS = [
    "Σ_i [i = k] (a_i + [i = j] b_i) c_i",
    "a_i b_i + 2 b_i a_i - 3 a_i Σ_j b_j c_j",
    "p_t (Σ_u g_u p_u) - p_t g_t",
    "A_ij x_j + x_j A_ji + B_ij x_j",
    "2 (4 a_i + 6 b_i) (x_j y_j)",
    "x^2 x^3 / y / y^2",
    "Σ_ij [i = j] [i = j] X_ij Y_ik",
    "Σ_i a_k b_i (c_l (d_m e_m))",
    "-(a_i - b_i) - (a_i + b_i)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_order_of_the_laws_does_not_matter(text: str) -> None:
    e, rng = parse_expression(text, free=None), random.Random(3)
    first = simplify_expr(e)
    assert simplify_expr(first) is first
    for _ in range(8):
        laws = list(LAWS.values())
        rng.shuffle(laws)
        other = rewrite(e, laws)
        assert same(other, first), (str(other), str(first))
        assert rewrite(other, laws) is other
        a, b = values([e, other], tuple(sorted(e.free)), 1)
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(
    "text, short",
    [
        ("-(Σ_k x_bk R_kj d_bj) + h_bj d_bj", "(h_bj - Σ_k x_bk R_kj) d_bj"),
        ("-2 (Σ_k a_b x_bk) + 3 (Σ_k a_b z_bk)", "a_b (3 Σ_k z_bk - 2 Σ_k x_bk)"),
        ("a_b z_bj - 2 (Σ_k a_b x_bk) - (Σ_k a_b x_bk^2)", "a_b (z_bj - 2 Σ_k x_bk - Σ_k x_bk^2)"),
    ],
)
def test_what_is_taken_out_of_sums_with_numbers_before_them_stays(text: str, short: str) -> None:
    e = parse_expression(text, free="b j")
    a, b = values([e, simplify_expr(e)], ("b", "j"), 0)
    np.testing.assert_allclose(a, b, rtol=1e-13)
    assert str(simplify_expr(e)) == short
