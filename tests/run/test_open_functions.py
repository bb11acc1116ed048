"""Open functions bound when equations are compiled: values and derivatives against plain JAX, refusals."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

_rng = np.random.default_rng(0)
a, W = _rng.normal(size=3), _rng.normal(size=(3, 4))
TEXT = "z_j = a_i W_ij; h_j = f(z_j); E = h_j h_j"


def f(x: Any) -> Any:
    return jnp.sin(x) * x


def loss(W: Any) -> Any:
    return jnp.sum(f(a @ W) ** 2)


def test_value_and_gradient_with_the_derivative_by_jax(x64: None) -> None:
    value, grads = tp.value_and_grad(TEXT, "W", functions={"f": f})({"W": W}, a=a)
    np.testing.assert_allclose(value, loss(W), rtol=1e-14)
    np.testing.assert_allclose(grads["W"], jax.grad(loss)(W), rtol=1e-13)


@pytest.mark.parametrize("name", ["f'", "f′"])
def test_a_slope_that_is_given_is_taken(name: str, x64: None) -> None:
    _, grads = tp.value_and_grad(TEXT, "W", functions={"f": f, name: lambda x: 7 * x})({"W": W}, a=a)
    z = a @ W
    np.testing.assert_allclose(grads["W"], np.outer(a, 2 * f(z) * 7 * z), rtol=1e-13)


@pytest.mark.parametrize("backend", ["jax", "numpy"])
def test_second_slopes_and_numbers(backend: Any, x64: None) -> None:
    y = tp.compile("y_i = f(x_i) + f″(x_i) + f(2)", backend=backend, functions={"f": jnp.tanh})(x=a)
    t = np.tanh(a)
    np.testing.assert_allclose(y, t - 2 * t * (1 - t**2) + np.tanh(2), rtol=1e-13)


def test_in_recurrences_and_hessians(x64: None) -> None:
    h = tp.compile("h_t = f(h_{t-1} + x_t); h_{-1} = 0", functions={"f": jnp.tanh}, backend="numpy")(x=a)
    expected, last = [], 0.0
    for x in a:
        last = np.tanh(last + x)
        expected.append(last)
    np.testing.assert_allclose(h, expected, rtol=1e-13)
    hessian = tp.derive("E = Σ_i f(x_i)", wrt=("x_k", "x_l"))
    np.testing.assert_allclose(
        tp.compile(hessian, functions={"f": f})(x=a), jax.hessian(lambda x: jnp.sum(f(x)))(a), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize(
    "functions, says",
    [
        ({}, "f is open"),
        ({"g": jnp.tanh}, "no function g is open here"),
        ({"f": 3}, "not of type int"),
        ({"tanh": jnp.tanh}, "tanh is known"),
        ({"f": jnp.sum}, "applied to every entry"),
        ({"f": jax.nn.softmax}, "each entry of all of them"),
    ],
)
def test_what_cannot_be_bound_is_refused(functions: Any, says: str) -> None:
    with pytest.raises(tp.TensorpropError, match=says):
        tp.compile("y_i = f(x_i)", functions=functions)(x=a)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (np.tanh, "f, as it was given, ends in TracerArrayConversionError"),
        (lambda x: x if x > 0 else 0, "f, as it was given, ends in ValueError"),
        (lambda x, y: x, "f, as it was given, ends in TypeError"),
        (lambda x: 1 / 0, "ends in ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_function_raises_is_told(f: Any, says: str) -> None:
    """In a value and in a gradient."""
    for run in (
        lambda: tp.compile("y_i = f(x_i)", functions={"f": f})(x=a),
        lambda: tp.value_and_grad("E = Σ_i f(x_i)", wrt="x", functions={"f": f})({"x": a}),
    ):
        with pytest.raises(tp.TensorpropError, match=says) as told:
            run()
        assert "write it with jax.numpy" in str(told.value)
