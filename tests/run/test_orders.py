"""Entries in order: the greatest, where they stand, what belongs to them; as many as one asks for."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import tensorprop as tp

_rng = np.random.default_rng(0)
X = _rng.normal(size=(3, 7))
TIED = _rng.integers(0, 3, (3, 7)).astype(float)
V = _rng.normal(size=(3, 7))
G = _rng.normal(size=(3, 4))


def in_order(x: Any, sign: int) -> Any:
    """Which entry of every row comes k-th, counted with loops: equal ones as they stand."""
    out = np.zeros(x.shape, int)
    for b, row in enumerate(x):
        for u, here in enumerate(row):
            out[b, sum(sign * v < sign * here or (v == here and w < u) for w, v in enumerate(row))] = u
    return out


@pytest.mark.parametrize("x", [X, TIED], ids=["apart", "tied"])
@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("op, sign", [("sort", 1), ("top", -1)])
def test_values_and_entries(op: str, sign: int, backend: Literal["numpy", "jax"], x: Any, x64: None) -> None:
    s = tp.parse(f"y_bk = {op}_u(x_bu)[k]; i_bk = arg{op}_u(x_bu)[k]; z_bk = v[b, i_bk]; dim(k) = 4")
    assert tp.parse(tp.show(s)) is s
    found = tp.compile(s, backend=backend)(x=x, v=V)
    order = in_order(x, sign)[:, :4]
    assert (np.asarray(found["y"]) == np.take_along_axis(x, order, 1)).all()
    assert (np.asarray(found["z"]) == np.take_along_axis(V, order, 1)).all()


@pytest.mark.parametrize("x", [X, TIED], ids=["apart", "tied"])
def test_what_is_owed_goes_to_the_entries_that_were_taken(x: Any, x64: None) -> None:
    text = "y_bk = top_u(x_bu)[k]; E = g_bk y_bk^2; dim(k) = 4"
    _, found = tp.value_and_grad(text, "x")({"x": x}, g=G)
    own = jax.grad(lambda x: jnp.sum(G * lax.top_k(x, 4)[0] ** 2))(jnp.asarray(x))
    np.testing.assert_allclose(found["x"], own, rtol=1e-15)
    order, expected = in_order(x, -1), np.zeros_like(x)
    for b in range(3):
        for k in range(4):
            expected[b, order[b, k]] += 2 * G[b, k] * x[b, order[b, k]]
    np.testing.assert_allclose(found["x"], expected, rtol=1e-15)


def test_of_a_whole_order_and_of_one_entry(x64: None) -> None:
    text = "y_bu = top_u(x_bu); m_b = top_u(x_bu)[1]; E = (y_bu v_bu) (m_c m_c)"
    _, found = tp.value_and_grad(text, "x")({"x": X}, v=V)

    def naive(x: Any) -> Any:
        y = -jnp.sort(-x, 1)
        return jnp.sum(y * V) * jnp.sum(y[:, 1] ** 2)

    np.testing.assert_allclose(found["x"], jax.grad(naive)(jnp.asarray(X)), rtol=1e-13)


def test_the_rule_is_read_and_its_reverse_refuted() -> None:
    text = "y_bk = top_u(x_bu)[k]; dim(k) = 2"
    right, wrong = "δx_bu = δy_bk [argtop_w(x_bw)[k] = u]", "δx_bu = δy_bk [argsort_w(x_bw)[k] = u]"
    assert tp.check(tp.Layer(forward=text, backward=right)).ok
    assert not tp.check(tp.Layer(forward=text, backward=wrong)).ok


@pytest.mark.parametrize(
    "f", [lambda x: lax.top_k(x, 3)[0], lambda x: jnp.sort(x, 0), lambda x: jnp.sort(x, -1)[:, :2]]
)
def test_code_in_jax_is_read_as_an_order(f: Any, x64: None) -> None:
    s = tp.from_jax(f, X)
    assert "Σ" not in str(s)
    np.testing.assert_array_equal(tp.compile(s)(x=X), f(X))


def test_code_is_run() -> None:
    y: Any = tp.formula("y_bu = top_u(x_bu)")
    assert (y.numpy, y.jax) == ("y = -np.sort(-x, axis=1)", "y = -jnp.sort(-x, axis=1)")
    assert "take a slice" in tp.formula("y_bk = top_u(x_bu)[k]; dim(k) = 2").numpy


@pytest.mark.parametrize("place", ["k", "2"])
def test_the_greatest_are_found_without_a_sort(place: str, x64: None) -> None:
    """As a sort leaves them: equal ones as they stand, what is no number behind all others."""
    left, more = ("bk", "; dim(k) = 3") if place == "k" else ("b", "")
    x = np.array([[1.0, np.nan, 3.0, 3.0, -np.inf, 0.5], [2.0, 5.0, 2.0, 2.0, 5.0, 1.0]])
    for op in ("top", "argtop"):
        text = f"y_{left} = {op}_u(x_bu)[{place}]{more}"
        f = tp.compile(text)
        np.testing.assert_array_equal(f(x=x), tp.compile(text, "numpy")(x=x))
        said = str(jax.make_jaxpr(lambda x, f=f: f(x=x))(x))
        assert "top_k" in said and " sort[" not in said


def test_what_takes_nearly_all_is_sorted() -> None:
    assert " sort[" in str(jax.make_jaxpr(lambda x: tp.compile("y_bu = top_u(x_bu)")(x=x))(X))
