"""Recurrences that are timed: their equations, and the scan that one would write."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

LSTM = """
    z_tbqj = x_tbi W_iqj + h[t-1, b, k] U_kqj + b_qj
    i_tbj = σ(z[t, b, 0, j]); f_tbj = σ(z[t, b, 1, j]); g_tbj = tanh(z[t, b, 2, j]); o_tbj = σ(z[t, b, 3, j])
    c_tbj = f_tbj c[t-1, b, j] + i_tbj g_tbj; h_tbj = o_tbj tanh(c_tbj)
    c[-1, b, j] = 0; h[-1, b, j] = 0; E = h_tbj y_tbj
"""


def lstm(p: Any, d: Any) -> Any:
    """An LSTM as people write it: all gates in one product, cells carried, states stacked."""
    hidden = p["U"].shape[0]
    W, U, b = p["W"].reshape(-1, 4 * hidden), p["U"].reshape(hidden, -1), p["b"].reshape(-1)

    def step(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x @ W + h @ U + b, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((d["x"].shape[1], hidden), d["x"].dtype)
    _, hs = jax.lax.scan(step, (start, start), d["x"])
    return jnp.sum(hs * d["y"])


LINEAR = "s_tk = a_tk s_{t-1,k} + x_tk; s_{-1,k} = g_k; E = s_tk y_tk"


def linear(p: Any, d: Any) -> Any:
    """A linear recurrence by JAX's associative scan."""

    def joined(one: Any, other: Any) -> Any:
        return one[0] * other[0], other[0] * one[1] + other[1]

    first = d["x"].at[0].add(p["a"][0] * d["g"])
    return jnp.sum(jax.lax.associative_scan(joined, (p["a"], first))[1] * d["y"])
