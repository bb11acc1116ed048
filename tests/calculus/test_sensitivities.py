"""Derivatives of recurrences are recurrences: `derive` against JAX's forward mode of a naive loop, twice over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.core.equation import System
from tests.uncompiled import uncompiled


def rnn(x: Any, U: Any, W: Any, g: Any) -> Any:
    h, out = g, []
    for t in range(x.shape[0]):
        h = jnp.tanh(x[t] @ U + h @ W)
        out.append(h)
    return jnp.stack(out)


def backwards(r: Any, c: Any) -> Any:
    v, out = jnp.zeros(()), []
    for t in reversed(range(r.shape[0])):
        v = r[t] + c * v
        out.insert(0, v)
    return jnp.stack(out)


def depth(W: Any, a: Any) -> Any:
    x, out = a, [a]
    for layer in W:
        x = x + jnp.tanh(x @ layer)
        out.append(x)
    return jnp.stack(out)


def second(x: Any, p: Any, q: Any) -> Any:
    one, two, out = p, q, []
    for t in range(x.shape[0]):
        one, two = one * two + x[t], one
        out.append(one)
    return jnp.stack(out)


def lasting(a: Any, x: Any, g: Any) -> Any:
    s = g
    for t in range(x.shape[0]):
        s = a[t] * s + x[t] ** 2
    return s**2


SHAPES: dict[str, tuple[int, ...]] = {"U": (2, 3), "g": (3,), "r": (4,), "c": (), "p": (), "q": ()}
CASES: list[tuple[str, str, Callable[..., Any], dict[str, tuple[int, ...]]]] = [
    ("h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j", "x U W g", rnn, {"x": (4, 2), "W": (3, 3)}),
    ("v_t = r_t + c v[t+1]; v[dim(r, 0)] = 0", "r c", backwards, {}),
    ("x_{l+1,j} = x_lj + tanh(x_li W_lij); x_{0,j} = a_j", "W a", depth, {"W": (3, 2, 2), "a": (2,)}),
    ("f_t = f_{t-1} f_{t-2} + x_t; f_{-1} = p; f_{-2} = q", "x p q", second, {"x": (4,)}),
    ("s_{t} = a_t s_{t-1} + x_t^2; s_{-1} = g; E = s[dim(x, 0) - 1]^2", "a x g", lasting,
     {"a": (4,), "x": (4,), "g": ()}),
]  # fmt: skip


@pytest.mark.parametrize("text, names, naive, shapes", CASES, ids=[naive.__name__ for _, _, naive, _ in CASES])
def test_first_and_second_derivatives(
    text: str, names: str, naive: Callable[..., Any], shapes: dict[str, tuple[int, ...]], x64: None
) -> None:
    generator = np.random.default_rng(3)
    arrays = {n: generator.uniform(-1, 1, {**SHAPES, **shapes}[n]) for n in names.split()}
    order = list(arrays)
    slope = uncompiled(jax.jacfwd(naive, tuple(range(len(order)))))(*arrays.values())
    curve = uncompiled(jax.jacfwd(jax.jacfwd(naive, 0), tuple(range(len(order)))))(*arrays.values())
    for name, first, again in zip(order, slope, curve, strict=True):
        for wrt, want in ((name, first), ((order[0], name), again)):
            found = tp.derive(text, wrt=wrt)
            assert isinstance(found, System) and tp.parse(str(found)) is found
            given = {n: a for n, a in arrays.items() if n in found.inputs}
            got = tp.compile(found, backend="numpy")(**given)
            got = got[f"∂{found.outputs[-1][1:]}"] if isinstance(got, dict) else got
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12, err_msg=f"{wrt} of {text}")


def test_what_does_not_move_has_no_derivative() -> None:
    found = tp.derive("s_t = a_t s_{t-1} + x_t; s_{-1} = 0; y = 2 g; E_t = s_t", wrt="g", of="E")
    assert "∂E_t/∂g = 0" in str(found).splitlines()
