"""Second derivatives of recurrences, against JAX's of naive loops.

The gradient of Σ w δp, by every parameter p, is the Hessian times w: once as the adjoint of the rules that `adjoint`
gave, by the reference, once as `jax.grad` of `value_and_grad`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop import adjoint, parse, value_and_grad
from tensorprop.run.reference import evaluate
from tests.uncompiled import uncompiled


def cell(p: dict[str, Any]) -> Any:
    h, E = p["g"], 0.0
    for t in range(4):
        h = jnp.tanh(p["x"][t] + h @ p["W"])
        E = E + h @ p["c"][t]
    return E


def gated(p: dict[str, Any]) -> Any:
    s, E = p["g"], 0.0
    for t in range(5):
        s = p["a"][t] * s + p["x"][t]
        E = E + s**2
    return E


def returns(p: dict[str, Any]) -> Any:
    v, E = 0.0, 0.0
    for t in reversed(range(4)):
        v = p["r"][t] + p["γ"] * v
        E = E + v**2
    return E


def two_steps(p: dict[str, Any]) -> Any:
    f = [p["g"], 2 * p["g"]]
    for t in range(2, 5):
        f.append(f[-1] + p["a"][t] * f[-2])
    return sum(v**2 for v in f)


@pytest.mark.parametrize(
    ("text", "naive", "shapes"),
    [
        ("h_tj = tanh(x_tj + h[t-1, k] W_kj); h_{-1,j} = g_j; E = h_tj c_tj", cell, "x 4 3, W 3 3, g 3, c 4 3"),
        ("s_t = a_t s_{t-1} + x_t; s_{-1} = g; E = s_t^2", gated, "a 5, x 5, g"),
        ("v_t = r_t + γ v[t+1]; v[dim(r,0)] = 0; E = v_t^2", returns, "r 4, γ"),
        ("f_t = f_{t-1} + a_t f_{t-2}; f_0 = g; f_1 = 2 g; E = f_t^2", two_steps, "a 5, g"),
    ],
)
def test_a_hessian_times_a_vector(text: str, naive: Callable[[dict[str, Any]], Any], shapes: str) -> None:
    s, rng = parse(text), np.random.default_rng(0)
    sizes = {name: tuple(map(int, n)) for name, *n in (part.split() for part in shapes.split(","))}
    p, w = ({n: rng.normal(size=size) / 2 for n, size in sizes.items()} for _ in range(2))

    def along(gradient: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
        return uncompiled(jax.grad(lambda q: sum(jnp.sum(w[n] * g) for n, g in gradient(q).items())))

    rules = parse(str(s + adjoint(s)).replace("δ", "d"))  # δ is free for the second sweep
    twice = rules + adjoint(rules)
    given = {**p, "δE": np.zeros(()), **{f"δd{n}": a for n, a in w.items()}}
    found = evaluate(twice, {n: given[n] for n in twice.inputs})
    with jax.enable_x64(True):
        want = along(jax.grad(naive))(p)
        have = along(lambda q: value_and_grad(s, wrt=list(p))(q)[1])(p)
    for n, must in want.items():
        scale = 1 + np.abs(must).max()
        np.testing.assert_allclose(found[f"δ{n}"], must, rtol=0, atol=1e-13 * scale, err_msg=n)
        np.testing.assert_allclose(have[n], must, rtol=0, atol=1e-13 * scale, err_msg=n)
