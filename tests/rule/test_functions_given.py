"""Open functions, bound in `jax_function` and `plan` as in `compile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

_rng = np.random.default_rng(0)
W, x = _rng.normal(size=(3, 4)), _rng.normal(size=3)
TEXT = "z_j = x_i W_ij; h_j = f(z_j)"


def naive(x: Any, W: Any) -> Any:
    return jnp.sinc(x @ W)


def test_gradients_of_every_kind(x64: None) -> None:
    f = tp.jax_function(TEXT, functions={"f": jnp.sinc})
    along = tp.jax_function(TEXT, functions={"f": jnp.sinc}, forward=True)
    np.testing.assert_allclose(f(x, W), naive(x, W), rtol=1e-13)
    for ours, theirs in zip(
        *(jax.jit(jax.grad(lambda x, W, g=g: jnp.sum(g(x, W) ** 2), (0, 1)))(x, W) for g in (f, naive)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)
    second = (jax.jit(jax.hessian(lambda x, g=g: jnp.sum(g(x, W) ** 2)))(x) for g in (f, naive))
    np.testing.assert_allclose(*second, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(*(jax.jacfwd(g)(x, W) for g in (along, naive)), rtol=1e-11, atol=1e-13)


def test_a_slope_that_is_given_is_used(x64: None) -> None:
    given: dict[str, Callable[..., Any]] = {"f": jnp.tanh, "f′": lambda z: jnp.full_like(z, 2.0)}
    f = tp.jax_function(f"{TEXT}; δz_j = δh_j f′(z_j)", functions=given)
    np.testing.assert_allclose(jax.grad(lambda x: f(x, W).sum())(x), 2 * W.sum(1), rtol=1e-13)


def test_equal_if_made_of_equal_parts() -> None:
    one, same, other = (tp.jax_function(TEXT, functions={"f": f}) for f in (jnp.sin, jnp.sin, jnp.cos))
    assert one == same and hash(one) == hash(same) and one != other


def test_a_plan_counts_them() -> None:
    assert tp.plan(TEXT, {"i": 3, "j": 4}, functions={"f": jnp.tanh}).flops == 2 * 12 + 4


@pytest.mark.parametrize("verb", [tp.jax_function, lambda t, **o: tp.plan(t, {"i": 3, "j": 4}, **o)])
@pytest.mark.parametrize(
    "functions, told", [({}, "f is open"), ({"g": jnp.sin}, "no function g"), ({"f": 3}, "is to be a function")]
)
def test_wrong_uses_are_refused(verb: Callable[..., Any], functions: dict[str, Any], told: str) -> None:
    with pytest.raises(tp.TensorpropError, match=told):
        verb(TEXT, functions=functions)
