"""Gradients of running log-sums: linear in time and memory, and no number is too far from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.jax import JaxOperations
from tensorprop.run.jax_functions import cumlogsumexp

T = 12
SETS: dict[str, Callable[[int, int], bool]] = {
    "u ≤ t": lambda u, t: u <= t,
    "u ≥ t": lambda u, t: u >= t,
    "t ≥ u": lambda u, t: u <= t,
    "u < t + 1": lambda u, t: u < t + 1,
    "u > t - 1": lambda u, t: u > t - 1,
    "u ≥ t - 2": lambda u, t: u >= t - 2,
    "u + 3 > t": lambda u, t: u + 3 > t,
    "u ≤ t + 2": lambda u, t: u <= t + 2,
}
FORMS = {
    "a logarithm": "l_tb = log(Σ_u [{set}] exp(z_ub)); E = l_tb g_tb",
    "a reduction": "l_tb = logsumexp_u(where({set}, z_ub, -1e30)); E = l_tb g_tb",
    "one line": "E = Σ_tb g_tb logsumexp_u(where({set}, z_ub, -1e30))",
    "a factor of its own": "z_ub = x_ub w_b^2; l_tb = log(Σ_u [{set}] exp(z_ub)); E = l_tb^2 g_tb",
    "one letter": "l_t = logsumexp_u(where({set}, x_ub v_b, -1e30)); E = Σ_b l_t g_tb",
}


def naive(form: str, holds: Callable[[int, int], bool], p: dict[str, Any], d: dict[str, Any]) -> Any:
    z = p["z"] if "z" in p else p["x"] * p["w"] ** 2 if "w" in p else (p["x"] @ p["v"])[:, None]
    total = 0.0
    for t in range(T):
        rows = [z[u] for u in range(T) if holds(u, t)]
        log = jax.scipy.special.logsumexp(jnp.stack(rows), axis=0)
        total += jnp.sum((log**2 if form == "a factor of its own" else log) * d["g"][t])
    return total


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("held", SETS)
def test_gradients_against_rows(held: str, form: str) -> None:
    page = FORMS[form].format(set=held) + f"; dim(t) = {T}"
    rng = np.random.default_rng(4)
    B = 2
    arrays = {"z": 3 * rng.normal(size=(T, B)), "x": 3 * rng.normal(size=(T, B)), "w": rng.normal(size=B)}
    arrays |= {"v": rng.normal(size=B), "g": rng.normal(size=(T, B))}
    wrt = [n for n in tp.parse(page).inputs if n != "g"]
    params = {n: arrays[n] for n in wrt}
    with jax.enable_x64(True):
        value, grads = tp.value_and_grad(page, wrt=wrt)(params, g=arrays["g"])
        other, slopes = jax.value_and_grad(lambda p: naive(form, SETS[held], p, arrays))(params)
    np.testing.assert_allclose(value, other, rtol=1e-12)
    for n in wrt:
        np.testing.assert_allclose(grads[n], slopes[n], rtol=1e-10, atol=1e-12)


PRODUCTS: dict[str, Callable[[int, int], bool]] = {
    "u ≤ t": lambda u, t: u <= t,
    "u < t": lambda u, t: u < t,
    "u ≥ t": lambda u, t: u >= t,
    "u > t": lambda u, t: u > t,
    "u ≤ t - 2": lambda u, t: u <= t - 2,
    "u ≤ t + 2": lambda u, t: u <= t + 2,
    "u ≥ t - 1": lambda u, t: u >= t - 1,
}


@pytest.mark.parametrize("zeros", [0, 1, 2])
@pytest.mark.parametrize("held", PRODUCTS)
def test_gradients_of_running_products(held: str, zeros: int) -> None:
    page = f"y_bt = prod_u(where({held}, x_bu - c_u, 1)); E = y_bt g_bt; dim(t) = {T}"
    rng = np.random.default_rng(6)
    x, c, g = rng.normal(size=(2, T)), rng.normal(size=T), rng.normal(size=(2, T))
    x[:, [2, 7][:zeros]] = c[[2, 7][:zeros]]

    def naive(p: dict[str, Any]) -> Any:
        total = 0.0
        for t in range(T):
            y = jnp.ones(2)
            for u in range(T):
                y = y * (p["x"][:, u] - p["c"][u]) if PRODUCTS[held](u, t) else y
            total += jnp.sum(y * g[:, t])
        return total

    with jax.enable_x64(True):
        params = {"x": jnp.asarray(x), "c": jnp.asarray(c)}
        value, grads = tp.value_and_grad(page, wrt=("x", "c"))(params, g=g)
        other, slopes = jax.value_and_grad(naive)(params)
    np.testing.assert_allclose(value, other, rtol=1e-12, atol=1e-13)
    for n in params:
        np.testing.assert_allclose(grads[n], slopes[n], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("held", ["u ≤ t", "u ≥ t"])
@pytest.mark.parametrize(
    "form", [FORMS["a logarithm"], FORMS["a reduction"], "l_tb = prod_u(where({set}, z_ub, 1)); E = l_tb g_tb"]
)
def test_no_grid_is_made(held: str, form: str) -> None:
    n = 300
    g = tp.value_and_grad(form.format(set=held), wrt="z")
    jaxpr = jax.make_jaxpr(lambda z, w: g({"z": z}, g=w))(np.ones((n, 1), np.float32), np.ones((n, 1), np.float32))
    largest = 0
    stack: list[Any] = [jaxpr.jaxpr]
    while stack:
        for eqn in stack.pop().eqns:
            largest = max([largest, *(v.aval.size for v in eqn.outvars)])
            stack += [getattr(p, "jaxpr", p) for p in eqn.params.values() if hasattr(getattr(p, "jaxpr", p), "eqns")]
    assert largest <= 2 * n


@pytest.mark.parametrize("held", ["u ≤ t", "u ≥ t"])
def test_far_apart_numbers_stay_numbers(held: str) -> None:
    rng = np.random.default_rng(0)
    z = np.float32(rng.normal(size=(T, 1)) * 400)
    page = FORMS["a reduction"].format(set=held)
    weight = np.ones((T, 1), np.float32)
    _, grads = tp.value_and_grad(page, wrt="z")({"z": z}, g=weight)
    with jax.enable_x64(True):
        slopes = jax.grad(lambda p: naive("a reduction", SETS[held], p, {"g": weight}))({"z": np.float64(z)})["z"]
    assert np.isfinite(grads["z"]).all()
    np.testing.assert_allclose(grads["z"], slopes, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(
    "row",
    [
        [-np.inf, -np.inf, -200.0, 3.0, np.inf, 2.0, 1.0],
        [1.0, -np.inf, -np.inf, 5.0, -np.inf, np.nan, 1.0],
        [np.inf, -np.inf, 1.0],
        [-1e30, -1e30, 3.0, -1e30],
        [700.0, -700.0, 0.0, 710.0],
    ],
)
def test_running_log_sums_at_the_ends(row: list[float], back: bool) -> None:
    with jax.enable_x64(True):
        a = jnp.asarray([row, row[::-1]])
        for axis, x in ((1, a), (0, a.T)):
            other = jax.lax.cumlogsumexp(x, axis=axis, reverse=back)
            np.testing.assert_allclose(cumlogsumexp(x, axis, back), other, rtol=1e-14)


@pytest.mark.parametrize("back", [False, True])
def test_recurrences_are_the_same_on_other_machines(back: bool) -> None:
    rng = np.random.default_rng(9)
    with jax.enable_x64(True):
        rate, a = (jnp.asarray(rng.normal(size=(T, 2))) for _ in range(2))
        ops = JaxOperations()
        loop = ops.recurrence(rate, a, back)
        divided = ops.elsewhere(lambda: ops.recurrence(rate, a, back))
    y, naive = np.zeros(2), []
    for k in range(T)[:: -1 if back else 1]:
        y = np.asarray(rate)[k] * y + np.asarray(a)[k]
        naive.append(y)
    for made in (loop, divided):
        np.testing.assert_allclose(made, naive[:: -1 if back else 1], rtol=1e-12)
