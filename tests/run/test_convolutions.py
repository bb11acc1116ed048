"""Convolutions and their transposes are one operation of XLA each, or shifted arrays where an entry has few terms, and
are what naive sums and jax.grad give."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.lowerings import few_places
from tests.uncompiled import uncompiled

RNG = np.random.default_rng(3)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def naive(a: Any, K: Any, out: tuple[int, ...], stride: int = 1, step: int = 1, start: int = 0) -> Any:
    """y[b, x…, o] = Σ a[b, stride x + step u + start …, c] K[u…, c, o], what is outside being zero; entry by entry."""
    spatial = K.ndim - 2
    rows: list[Any] = []
    for x in itertools.product(*map(range, out)):
        total = 0.0
        for u in itertools.product(*map(range, K.shape[:spatial])):
            at = [stride * i + step * j + start for i, j in zip(x, u, strict=True)]
            if all(0 <= i < n for i, n in zip(at, a.shape[1 : 1 + spatial], strict=True)):
                total = total + a[(slice(None), *at)] @ K[u]
        rows.append(total + jnp.zeros((a.shape[0], K.shape[-1])))
    return jnp.stack(rows, 1).reshape(a.shape[0], *out, K.shape[-1])


def transposed(a: Any, K: Any) -> Any:
    y = jnp.zeros((a.shape[0], 2 * a.shape[1] + K.shape[0] - 2, K.shape[2]))
    for x in range(a.shape[1]):
        for u in range(K.shape[0]):
            y = y.at[:, 2 * x + u].add(a[:, x] @ K[u])
    return y


LINE = "y[b,x,o] = a[b, {}, c] K[u,c,o]"
CASES: list[tuple[str, Any, Any, Any]] = [
    (LINE.format("x+u"), normal(2, 7, 3), normal(3, 3, 4), lambda a, K: naive(a, K, (5,))),
    (LINE.format("2x+u"), normal(2, 8, 3), normal(3, 3, 4), lambda a, K: naive(a, K, (3,), 2)),
    (LINE.format("x+2u"), normal(2, 9, 3), normal(3, 3, 4), lambda a, K: naive(a, K, (5,), 1, 2)),
    (LINE.format("x+u-1") + "; outside(a) = 0; dim(x) = dim(a, 1)", normal(2, 6, 3), normal(3, 3, 2),
     lambda a, K: naive(a, K, (6,), start=-1)),
    (LINE.format("2x+u-1") + "; outside(a) = 0; dim(x) = 4", normal(2, 8, 3), normal(3, 3, 2),
     lambda a, K: naive(a, K, (4,), 2, start=-1)),
    (LINE.format("x-u") + "; outside(a) = 0; dim(x) = 8", normal(2, 6, 3), normal(3, 3, 2),
     lambda a, K: naive(a, K, (8,), 1, -1)),
    ("y[b,x,z,o] = a[b, x+u, 2z+v, c] K[u,v,c,o]", normal(2, 5, 6, 2), normal(2, 2, 2, 3),
     lambda a, K: jnp.stack([naive(a, K, (4, 5))[:, :, z] for z in (0, 2, 4)], 2)),
    ("y[b,w,o] = a[b,x,c] K[u,c,o] [w = 2x+u]; dim(w) = 2 dim(a, 1) + dim(K, 0) - 2",
     normal(2, 4, 3), normal(3, 3, 2), transposed),
    ("y[b,x,g] = a[b, x+u, g] K[u,g]", normal(2, 7, 3), normal(3, 3),
     lambda a, K: jnp.stack([naive(a[:, :, g : g + 1], K[:, g, None, None], (5,))[..., 0] for g in range(3)], 2)),
    ("y[o,x,b] = 3 a[c, b, x+u] K[o,u,c]", normal(3, 2, 7), normal(4, 3, 3),
     lambda a, K: 3 * naive(jnp.transpose(a, (1, 2, 0)), jnp.transpose(K, (1, 2, 0)), (5,)).transpose(2, 1, 0)),
]  # fmt: skip


@pytest.mark.parametrize("shifts", [True, False])
@pytest.mark.parametrize("text, a, K, f", CASES, ids=[c[0] for c in CASES])
def test_convolutions_and_their_gradients(
    text: str, a: Any, K: Any, f: Any, shifts: bool, x64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("_ALONE", "_ADDED", "_SUMMED"):
        monkeypatch.setattr(few_places, limit, 64 if shifts else 0)
    monkeypatch.setattr(few_places, "_GROUPS", 1)
    s = tp.parse(text)
    want = uncompiled(f)(a, K)
    seed = np.cos(1.0 + np.arange(want.size)).reshape(want.shape)
    slopes = uncompiled(jax.grad(lambda a, K: jnp.sum(f(a, K) * seed), (0, 1)))(a, K)
    forward = tp.compile(s, outputs="y")
    backward = tp.compile(s + tp.adjoint(s, wrt=("a", "K"), of="y"), outputs=("δa", "δK"))
    got = uncompiled(backward)(a=a, K=K, δy=seed)
    value = uncompiled(forward)(a=a, K=K)
    for mine, theirs in ((value, want), (got["δa"], slopes[0]), (got["δK"], slopes[1])):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=200 * np.finfo(float).eps * float(np.abs(theirs).max()))
    there = str(jax.make_jaxpr(lambda d: forward(**d))({"a": a, "K": K})).count("conv_general_dilated")
    both = str(jax.make_jaxpr(lambda d: backward(**d))({"a": a, "K": K, "δy": seed})).count("conv_general_dilated")
    assert (there, both) == ((0, 0) if shifts else (1, 2))


@pytest.mark.parametrize("features, convolutions", [(16, 0), (64, 1)])
def test_few_channels_are_added_up_and_many_features_are_a_product(features: int, convolutions: int) -> None:
    f = tp.compile("y_bijf = x[b,i+k,j+l,c] w_klcf")
    given = {"x": np.ones((2, 9, 9, 3)), "w": np.ones((3, 3, 3, features))}
    program = jax.make_jaxpr(lambda d: f(**d))(given)
    assert str(program).count("conv_general_dilated") == convolutions


def test_windows_of_no_entry_are_sums_of_nothing() -> None:
    text = "y_x = a[x+u-1] k_u; outside(a) = 0; dim(x) = dim(a,0)"
    for n, m in ((0, 0), (3, 0), (0, 3), (0, 1)):
        g = tp.value_and_grad(f"{text}; E = y_x y_x", "a k")
        value, grads = g({"a": np.ones(n), "k": np.ones(m)})
        assert value == 0 and [grads[x].shape for x in "ak"] == [(n,), (m,)]
        assert tp.compile(text)(a=np.ones(n), k=np.ones(m)).shape == (n,)
