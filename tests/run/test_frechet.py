"""A derivative of expm that is summed over two subscripts is a Fréchet derivative: no array of n⁴ entries is made."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tests.uncompiled import uncompiled

_rng = np.random.default_rng(0)
n = 4
ARRAYS = {
    "A": _rng.normal(size=(n, n)), "S": _rng.normal(size=(3, n, n)), "T": _rng.normal(size=(5, n, n)),
    "G": _rng.normal(size=(n, n)), "x": _rng.normal(size=n), "y": _rng.normal(size=n),
}  # fmt: skip

MADE = [  # and how many entries the largest array may have
    ("o_uv = expm′(A)_ijuv G_ij", n * n),
    ("o_ij = expm′(A)_ijuv G_uv", n * n),
    ("o_uv = expm′(A)_ijuv x_i y_j", n * n),
    ("o_uv = expm′(A)_kkuv", n * n),
    ("o_uv = Σ_k expm′(A)_kkuv x_k", n * n),
    ("o_buv = expm′(S_b)_ijuv S_bij", 3 * n * n),
    ("o_uv = Σ_b expm′(S_b)_ijuv G_ij", 3 * n * n),
    ("o_cuv = expm′(A)_ijuv T_cij", 5 * n * n),
    ("o_bcuv = expm′(S_b)_ijuv T_cij x_u", 15 * n * n),
    ("o_u = Σ_v expm′(A)_ijuv G_ij y_v / (1 + y_v^2)", n * n),
    ("o = expm′(A)_ijuv G_ij G_uv", n * n),
]
KEPT = [
    "o = expm′(A)_ijuv G_iu G_jv",
    "o_ju = expm′(A)_ijuv G_iv",
    "o_i = Σ_j expm′(A)_ijij G_ij",
    "o_ijuv = expm′(A)_ijuv",
]


def largest(text: str) -> int:
    f = tp.compile(text, jit=False)
    given = {name: ARRAYS[name] for name in tp.parse(text).inputs}
    jaxpr = jax.make_jaxpr(lambda a: f(**a))(given).jaxpr
    return max(int(v.aval.size) for eqn in jaxpr.eqns for v in eqn.outvars)  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [t for t, _ in MADE] + KEPT)
def test_equal_to_the_entries_one_by_one(text: str, x64: None) -> None:
    given = {name: ARRAYS[name] for name in tp.parse(text).inputs}
    f = tp.compile(text)
    got, entries = uncompiled(f)(**given), tp.compile(text, backend="numpy")(**given)
    np.testing.assert_allclose(got, entries, rtol=1e-11, atol=1e-11 * float(np.abs(entries).max()))


@pytest.mark.parametrize("text, most", MADE)
def test_no_larger_array_is_made(text: str, most: int) -> None:
    assert largest(text) <= most


def test_a_form_that_needs_all_entries_has_them() -> None:
    assert largest(KEPT[0]) >= n**4


def test_gradient_at_a_hundred_rows(x64: None) -> None:
    m = 100
    A, G = _rng.normal(size=(m, m)) / 10, _rng.normal(size=(m, m))

    def f(a: Any) -> Any:
        return jnp.sum(G * jax.scipy.linalg.expm(a))

    _, grads = tp.value_and_grad("E = G_ij expm(A)_ij", wrt="A")({"A": A}, G=G)
    expected = uncompiled(jax.grad(f))(A)
    np.testing.assert_allclose(grads["A"], expected, rtol=1e-9, atol=1e-10 * float(np.abs(expected).max()))
    rule = tp.adjoint("E = G_ij expm(A)_ij", wrt="A")
    assert tp.plan(rule, shapes={"A": (m, m), "G": (m, m)}).flops < 100 * m**3
