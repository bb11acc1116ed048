"""Recurrences as JAX functions: their rules, on what was kept of the way forward, against JAX through the program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

SHAPES = {"x": (4, 3), "U": (3, 2), "W": (2, 2), "b": (2,), "g": (2,), "r": (5,), "γ": (), "p": (), "q": ()}
SHAPES |= {"a": (2, 2), "V": (3, 2, 2)}


def drawn(name: str) -> Any:
    return np.random.default_rng(len(name) + ord(name[0])).normal(size=SHAPES[name])


@pytest.mark.parametrize(
    "text",
    [
        "h_{t,k} = tanh(x_ti U_ik + h_{t-1,j} W_jk + b_k); h_{-1,k} = g_k; E = Σ_tk h_tk^2",
        "h_{t,k} = tanh(x_ti U_ik + h_{t-1,j} W_jk + b_k); h_{-1,k} = g_k",  # all states are given
        "v_t = r_t + γ v[t+1]; v[dim(r,0)] = 0; E = v[0]^2",
        "f_{t} = p f_{t-1} + q f_{t-2} + r_t; f_{-1} = 0; f_{-2} = p; E = Σ_t f_t^2",
        "z_{l+1,b,j} = z_{l,b,j} + tanh(z_{l,b,i} V_lij); z_{0,b,j} = a_bj; y_bj = z[dim(V,0), b, j]; E = y_bj y_bj",
    ],
)
def test_gradients_of_a_recurrence(text: str) -> None:
    rule, program = tp.jax_function(text), tp.compile(text)
    given = {name: drawn(name) for name in rule.inputs}

    def loss(f: Any, p: dict[str, Any]) -> Any:
        return jnp.sum(jnp.sin(f(**p)))

    with jax.enable_x64(True):
        found = jax.grad(lambda p: loss(rule, p))(given)
        expected = jax.grad(lambda p: loss(program, p))(given)
    for name in given:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-12, err_msg=name)
