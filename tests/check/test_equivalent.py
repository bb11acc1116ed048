"""Equal, different, or left open."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.errors import UsageError


@pytest.mark.parametrize(
    "x, y, verdict",
    [
        ("a_i b_i", "b_k a_k", True),
        ("(a_i + b_i)^2 c_i", "a_i^2 c_i + 2 a_i b_i c_i + c_i b_i^2", True),
        ("z_i = A_ij (B_jk x_k)", "y_j = (A_ji B_ik) x_k", True),
        ("y_i = Σ_j [i = j] x_j", "y_i = x_i", True),
        ("y_t = exp(s_t) / Σ_u exp(s_u)", "y_t = softmax_t(s_t)", True),
        ("z_j = a_i W_ij; h_j = tanh(z_j)", "h_j = tanh(W_ij a_i)", True),
        ("δz_j = δh_j f′(z_j)", "δz_j = f'(z_j) δh_j", True),
        ("a_i + b_i", "a_i - b_i", False),
        ("y_i = A_ij x_j", "y_i = A_ji x_j", False),
        ("y_i = f′(x_i)", "y_i = f(x_i)", False),
        ("x^2 + 1e-6 x", "x^2", False),
        ("y_i = x_i", "y_ij = x_i w_j", False),
        ("sin(x)^2 + cos(x)^2", "1", True),
        ("tanh(x)", "(exp(x) - exp(-x)) / (exp(x) + exp(-x))", True),
        ("arcsin(x) + arccos(x)", "π / 2", None),
    ],
)
def test_equivalent(x: str, y: str, verdict: bool | None) -> None:
    assert tp.equivalent(x, y) is verdict
    assert tp.equivalent(y, x) is verdict


def test_systems_are_compared_output_by_output() -> None:
    one = tp.parse("y_i = x_i + x_i; z = x_i x_i")
    assert tp.equivalent(one, "z = x_j x_j; y_i = 2 x_i") is True
    assert tp.equivalent(one, "z = x_j x_j; y_i = 3 x_i") is False
    with pytest.raises(UsageError, match="correspond"):
        tp.equivalent(one, "z = x_j x_j; w_i = 2 x_i")
