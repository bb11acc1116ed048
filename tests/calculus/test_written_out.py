"""A function of which a rule reads a part is written out, and comes to what it came to, far out as well."""

from __future__ import annotations

import jax
import mpmath
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import written_out

OUT = {"gelu": "1/2 z_n erfc(-z_n / sqrt(2))", "silu": "z_n σ(z_n)", "mish": "z_n tanh(softplus(z_n))"}


@pytest.mark.parametrize("name", OUT)
def test_a_function_whose_rule_reads_a_part(name: str) -> None:
    s = tp.parse(f"h_n = {name}(z_n); E = h_n y_n")
    rules = tp.adjoint(s, "z")
    assert str(written_out(s, rules)["h"]) == f"h_n = {OUT[name]}"
    assert written_out(s, rules, {name}) is s and written_out(s, tp.adjoint(s, "y")) is s


@pytest.mark.parametrize("name", ["tanh", "softplus", "relu", "exp", "elu", "sinh", "arctanh", "gelu_tanh"])
def test_others_stay(name: str) -> None:
    s = tp.parse(f"h_n = {name}(z_n) + exp(z_n) + cosh(z_n); E = h_n y_n")  # parts of some stand beside them
    assert written_out(s, tp.adjoint(s, "z")) is s


FUNCTIONS = {
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_against_mpmath(name: str) -> None:
    x = np.array([-40.0, -20.0, -6.5, -1.0, -1e-3, 0.0, 1e-3, 0.7, 3.0, 12.0, 40.0])
    with jax.enable_x64(True):
        value, grads = tp.value_and_grad(f"h_n = {name}(z_n); E = h_n y_n", wrt="z")({"z": x}, y=np.ones(x.size))
    with mpmath.workdps(50):
        exact = [FUNCTIONS[name](mpmath.mpf(float(v))) for v in x]
        slopes = np.array([float(mpmath.diff(FUNCTIONS[name], mpmath.mpf(float(v)))) for v in x])
        terms, total = float(sum(map(abs, exact))), float(sum(exact))
    assert abs(float(value) - total) <= (16 + 4 * x.size**0.5) * 2.0**-52 * terms
    np.testing.assert_allclose(np.asarray(grads["z"]), slopes, rtol=2e-13, atol=1e-15)
