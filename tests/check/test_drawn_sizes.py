"""Arrays that are drawn fit the page, whatever tells how long they are."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.numbers.draw import shapes

PAGES = [
    "p_bg = max_u(a[b, 2g+u]); dim(u) = 2; E = p_bg q_bg",
    "p_bg = max_u(a[b, g+u-1]); dim(u) = 3; dim(g) = dim(a, 1); outside(a) = -∞; E = p_bg w_bg",
    "y_k = top_u(x_u)[k]; E = y_k g_k; dim(k) = 4",
    "m_nd = [n = r_e] h_ed; dim(n) = 4; E = Σ_nd tanh(m_nd) q_nd",
    "y_t = x_{t+u} k_u; E = y_t g_t",
    "s_ij = q_id k_jd + b[i-j+dim(q, 0)-1]; E = s_ij^2",
]


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("text", PAGES)
def test_a_page_runs_on_what_is_drawn(text: str, square: bool) -> None:
    s = tp.parse(text)
    given = {name: np.ones(shape) if name != "r" else np.zeros(shape, int) for name, shape in shapes(s, square).items()}
    assert np.isfinite(tp.compile(s, "numpy")(**given))


def test_rules_beside_windows_are_compared() -> None:
    report = tp.check(PAGES[0])
    assert report.ok and "undecided" not in str(report), str(report)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("s_nd = [n = r_e] x_ed; dim(n) = 4; E = s_nd^2", "∂E/∂x_kl = Σ_n 2 [n = r_k] [n < 4] [n = r_e] x_el"),
        ("y_t = Σ_u [u ≤ t] x_u; E = y_t^2", "∂E/∂x_k = Σ_t 2 [k ≤ t] [t < dim(k)] [u ≤ t] x_u"),
    ],
)
def test_a_range_that_a_line_or_a_bracket_tells_is_kept_by_derive(text: str, expected: str) -> None:
    found = tp.derive(text, wrt="x")
    assert str(found) == expected and str(tp.parse(str(found))) == expected


def test_what_is_sorted_has_a_formula() -> None:
    assert str(tp.formula("y_u = sort_u(x_u); E = y_u g_u")) == "y = sort(x), E = yᵀg"


def test_a_divisor_that_is_often_zero_spoils_no_formula() -> None:
    """Drawn at random, y is seldom the maximum: what is divided by is 0 for some t, and the matrix of them singular."""
    rules = tp.adjoint("y_t = max_u(where([u ≤ t], x_u, -1e30))")
    assert str(tp.formula(rules)).startswith("δx = triu(")
