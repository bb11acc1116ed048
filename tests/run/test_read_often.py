"""What is gathered and read more than once is made once, and brackets that are added up are added in places."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.jax_platform import on_cpu

SIZES = {"n": 300, "k": 4, "u": 7, "v": 5, "m": 3}


def sizes_of(g: Any, params: dict[str, Any], data: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """The largest array of a program, and how often each operation stands in it."""
    jaxpr = jax.make_jaxpr(lambda p, d: g(p, **d))(params, data)
    counts: dict[str, int] = {}
    largest = 0
    stack = [jaxpr.jaxpr]
    while stack:
        for eqn in stack.pop().eqns:
            counts[eqn.primitive.name] = counts.get(eqn.primitive.name, 0) + 1
            largest = max([largest, *(v.aval.size for v in eqn.outvars)])
            stack += [getattr(p, "jaxpr", p) for p in eqn.params.values() if hasattr(getattr(p, "jaxpr", p), "eqns")]
    return largest, counts


KEPT = {  # how many barriers, on a CPU
    "E = mean_n((A[u_n,k] B[v_n,k] - r_n)^2)": 4,  # two rows, each under two letters
    "e_nk = A[u_n,k]; E = e_nk e_nk": 1,
    "E = Σ_n A[u_n,k] w_k": 0,  # once
    "z_n = a[u_n] - r_n; E = z_n z_n": 1,  # one by one
}


@pytest.mark.parametrize("page", KEPT)
def test_what_is_read_more_than_once_is_kept(page: str) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "A": rng.normal(size=(7, 4)), "B": rng.normal(size=(5, 4)), "a": rng.normal(size=7),
        "u": rng.integers(0, 7, 300), "v": rng.integers(0, 5, 300), "r": rng.normal(size=300), "w": rng.normal(size=4),
    }  # fmt: skip
    s = tp.parse(page)
    wrt = [n for n in s.inputs if n not in "uvw" and n != "r"]
    g = tp.value_and_grad(page, wrt=wrt)
    params = {n: arrays[n] for n in wrt}
    data = {n: arrays[n] for n in s.inputs if n not in wrt}
    _, counts = sizes_of(g, params, data)
    assert counts.get("optimization_barrier", 0) == (KEPT[page] if on_cpu() else 0)


def test_a_place_outside_is_no_number_all_the_same() -> None:
    g = tp.value_and_grad("E = Σ_n (A[u_n,k] w_k)^2", wrt="A")
    rows = np.ones((3, 2), np.float32)
    value, grads = jax.jit(lambda u: g({"A": rows}, u=u, w=np.ones(2, np.float32)))(np.array([0, 5, 1]))
    assert np.isnan(value) and grads["A"].shape == (3, 2)


PAIRS = {
    "a difference": (
        "E = mean_n(softplus(r[j_n] - r[i_n]))",
        lambda d: np.logaddexp(0, d["r"][d["j"]] - d["r"][d["i"]]),
    ),
    "with factors": (
        "E = mean_n((3 r[j_n] - w_n r[i_n])^2)",
        lambda d: (3 * d["r"][d["j"]] - d["w"] * d["r"][d["i"]]) ** 2,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_sum_of_brackets_is_added_in_places(name: str) -> None:
    page, each = PAIRS[name]
    rng = np.random.default_rng(1)
    n, items = 60, 100
    arrays = {
        "r": rng.normal(size=items),
        "i": rng.integers(0, items, n),
        "j": rng.integers(0, items, n),
        "w": rng.normal(size=n),
    }
    data = {k: arrays[k] for k in tp.parse(page).inputs if k != "r"}
    with jax.enable_x64(True):
        g = tp.value_and_grad(page, wrt="r")
        value, grads = g({"r": arrays["r"]}, **data)
        largest, _ = sizes_of(g, {"r": arrays["r"]}, data)
        text = jax.jit(lambda r, d: g({"r": r}, **d)).lower(arrays["r"], data).compile().as_text()
    np.testing.assert_allclose(value, each(arrays).mean(), rtol=1e-14)
    slopes = np.zeros(items)
    for k in range(n):  # each pair's own slope, by steps along its two numbers
        for at in {int(arrays["i"][k]), int(arrays["j"][k])}:
            step = np.zeros(items)
            step[at] = 1e-6
            up, down = (each({**arrays, "r": arrays["r"] + s * step})[k] for s in (1, -1))
            slopes[at] += (up - down) / 2e-6 / n
    np.testing.assert_allclose(grads["r"], slopes, rtol=1e-7, atol=1e-9)
    assert largest < n * items and 1 <= text.count(" scatter(") <= 2


def test_places_are_looked_at_again_where_they_may_be_others() -> None:
    g = tp.value_and_grad("E = Σ_n (A[u_n,k] w_k)^2", wrt="A")
    table, w = np.ones((5, 2), np.float32), np.ones(2, np.float32)
    lasting = jax.numpy.asarray([0, 4, 1])
    for _ in range(2):
        g({"A": table}, u=lasting, w=w)
    for params, u in (({"A": table[:4]}, lasting), ({"A": table}, lasting + 1)):  # a smaller table; other places
        for _ in range(2):
            with pytest.raises(tp.TensorpropError, match="outside axis 1 of A"):
                g(params, u=u, w=w)
    changing = np.array([0, 4, 1])
    g({"A": table}, u=changing, w=w)
    changing[1] = 5
    with pytest.raises(tp.TensorpropError, match=r"A\[u_n, k\] is 5"):
        g({"A": table}, u=changing, w=w)
    changing[1] = -1
    with pytest.raises(tp.TensorpropError, match=r"A\[u_n, k\] is -1"):
        g({"A": table}, u=changing, w=w)
