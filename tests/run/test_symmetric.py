"""A large product that is its own transpose is made from its diagonal on, and mirrored; others are not."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import tensorprop as tp
from tests.uncompiled import uncompiled

N, B = 512, 600
SHAPES = {"x": (B, N), "y": (B, N), "z": (N, B), "s": (B,), "u": (N,)}


def products(text: str) -> tuple[int, Any, Any]:
    s = tp.parse(text)
    rng = np.random.default_rng(4)
    p = {n: rng.normal(size=SHAPES[n]) for n in s.inputs}
    f = tp.compile(s)
    program = str(jax.make_jaxpr(lambda d: f(**d))(p))
    with jax.enable_x64(True):
        return program.count("dot_general["), uncompiled(lambda d: f(**d))(p), p


@pytest.mark.parametrize(
    "text, naive",
    [
        ("G_ij = x_bi x_bj", lambda p: p["x"].T @ p["x"]),
        ("G_ij = 3 z_ib z_jb", lambda p: 3 * p["z"] @ p["z"].T),
        ("G_ij = x_bi σ(s_b) x_bj / 2", lambda p: (p["x"].T / (1 + np.exp(-p["s"]))) @ p["x"] / 2),
        ("G_ij = x_bi x_bj y_bi y_bj / s_b", lambda p: (p["x"] * p["y"]).T / p["s"] @ (p["x"] * p["y"])),
        ("G_ij = tanh(x_bi + u_i) tanh(x_bj + u_j)", lambda p: np.tanh(p["x"] + p["u"]).T @ np.tanh(p["x"] + p["u"])),
    ],
)
def test_what_is_its_own_transpose_is_mirrored(text: str, naive: Any) -> None:
    count, got, p = products(text)
    want = naive(p)
    assert count == 4
    np.testing.assert_allclose(got, want, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("text", ["G_ij = x_bi y_bj", "G_ij = x_bi x_bj y_bi", "G_i = x_bi s_b", "E = x_bi x_bi"])
def test_what_is_not_is_made_whole(text: str) -> None:
    assert products(text)[0] <= 1


def test_a_hessian_is_symmetric() -> None:
    s = tp.derive("E = Σ_b softplus(-s_b x_bi u_i)", wrt=("u_i", "u_j"))
    rng = np.random.default_rng(5)
    p = {n: rng.normal(size=SHAPES[n]) / 20 for n in s.inputs}
    with jax.enable_x64(True):
        got = uncompiled(lambda d: tp.compile(s)(**d))(p)
        want = uncompiled(jax.hessian(lambda u: jax.nn.softplus(-p["s"] * (p["x"] @ u)).sum()))(p["u"])
    np.testing.assert_allclose(got, want, atol=1e-12 * np.abs(want).max())
