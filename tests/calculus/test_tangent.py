"""The chain rule forwards: a table; that it is the transpose of the adjoints is tested with arrays, in tests/run."""

from __future__ import annotations

import pytest

from tensorprop.calculus.tangent import tangents
from tensorprop.text import parse


@pytest.mark.parametrize(
    "forward, wrt, expected",
    [
        ("z_j = a_i W_ij + b_j", "a", "∂z_j/∂ε = W_ij ∂a_i/∂ε"),
        ("z_j = a_i W_ij + b_j", "b", "∂z_j/∂ε = ∂b_j/∂ε"),
        ("h_j = tanh(z_j)", "z", "∂h_j/∂ε = (1 - h_j^2) ∂z_j/∂ε"),
        ("p_bj = softmax_j(z_bj)", "z", "∂p_bj/∂ε = p_bj (∂z_bj/∂ε - Σ_k p_bk ∂z_bk/∂ε)"),
        ("y_ij = x_i + c_j", "x", "∂y_ij/∂ε = ∂x_i/∂ε"),
        ("y_ij = x_ii [i ≤ j]", "x", "∂y_ij/∂ε = [i ≤ j] ∂x_ii/∂ε"),
        ("E = x_i x_i", "x", "∂E/∂ε = 2 x_i ∂x_i/∂ε"),
        ("u_i = 2 x_i; v_i = c_i; E = u_i v_i", "x", "∂u_i/∂ε = 2 ∂x_i/∂ε; ∂E/∂ε = v_i ∂u_i/∂ε"),
        ("y_b = [x_b > 0] c_b", "x", ""),
    ],
)
def test_tangents(forward: str, wrt: str, expected: str) -> None:
    found = tangents(forward, (wrt,))
    assert "; ".join(map(str, found)) == expected
    assert not expected or parse(expected) is found


@pytest.mark.parametrize(
    "forward, wrt, expected",
    [
        ("s_t = a_t s[t-1] + x_t; s[-1] = g", "g", "∂s_t/∂ε = a_t ∂s[t-1]/∂ε; ∂s[-1]/∂ε = ∂g/∂ε"),
        ("v_t = r_t + c v[t+1]; v[dim(r, 0)] = 0", "r", "∂v_t/∂ε = ∂r_t/∂ε + c ∂v[t+1]/∂ε; ∂v[dim(r, 0)]/∂ε = 0"),
        ("x[l+1] = tanh(w_l x_l); x[0] = a", "a",
         "∂x[l+1]/∂ε = w_l (1 - x[l+1]^2) ∂x_l/∂ε; ∂x_0/∂ε = ∂a/∂ε; dim(l) = dim(w, 0)"),
        ("s_t = [s[t-1] > 0] x_t; s[-1] = g", "g", "∂s_t/∂ε = 0; ∂s[-1]/∂ε = ∂g/∂ε"),
    ],
)  # fmt: skip
def test_tangents_of_a_recurrence_are_a_recurrence(forward: str, wrt: str, expected: str) -> None:
    found = tangents(forward, (wrt,))
    assert parse(str(found)) is found
    assert "; ".join(str(found).splitlines()) == expected
