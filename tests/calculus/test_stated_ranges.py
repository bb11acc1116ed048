"""Gradients where a letter is stated to run less far than an axis that it indexes, against differences of values."""

from __future__ import annotations

import numpy as np
import pytest

from tensorprop.calculus.adjoint import adjoint
from tensorprop.run.reference import evaluate
from tensorprop.text import parse, show

_HALVES = "dim(k) = dim(x, 1); dim(l) = 1/2 dim(x, 1); dim(i) = 2; dim(j) = 1/2 dim(x, 1)"


@pytest.mark.parametrize("text", [
    "y = mean_ij((x[i+1, j] - x_ij)^2); dim(i) = dim(x, 0) - 1",
    "y = mean_ij((x[i+1, j] - x_ij)^2) + mean_bk(exp(x[b, k+1] - x_bk)); "
    "dim(i) = dim(x, 0) - 1; dim(k) = dim(x, 1) - 1",
    "y_bk = Σ_ij [k = 1/2 dim(x, 1) i + j] (x[b, dim(x, 1)/2 i + j] - mean_l(x[b, dim(x, 1)/2 i + l])); " + _HALVES,
    "y_bk = z_bi x_ik + z_bi x[i+dim(z, 1), k]; dim(i) = dim(z, 1)",
    "y_kbij = x[b, dim(x, 1)/dim(z, 1) i + j] z_ki; dim(j) = dim(x, 1)/dim(z, 1)",
    "y_bi = x[b, 2i+k-1]^2 w_k; dim(i) = floor((dim(x, 1) + 2 - dim(w, 0))/2) + 1; outside(x) = 0",
])  # fmt: skip
def test_gradient(text: str) -> None:
    s = parse(text.replace("; ", "\n"))
    assert parse(show(s)) is s
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(4, 6))} | ({"z": rng.normal(size=(3, 2))} if "z" in s.inputs else {})
    given |= {"w": rng.normal(size=3)} if "w" in s.inputs else {}
    (y,) = s.outputs
    value = evaluate(s, given)[y]
    seed = rng.normal(size=value.shape) if s.rank(y) else np.ones(())
    both = s + adjoint(s, "x")
    found = evaluate(both, {n: a for n, a in {**given, f"δ{y}": seed}.items() if n in both.inputs})["δx"]
    want = np.zeros_like(given["x"])
    for k in np.ndindex(want.shape):
        for sign in (1, -1):
            moved = given["x"].copy()
            moved[k] += sign * 1e-5
            want[k] += sign * np.sum(seed * evaluate(s, {**given, "x": moved})[y]) / 2e-5
    assert np.allclose(found, want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("text", [
    "h_tj = tanh(h[t+1, j] + x_tj); h[dim(x, 0), j] = x[1, j]; z_tj = h[t+1, j] w_tj",
    "d_ij = x[i+1, j] - x_ij; h_tj = tanh(h[t+1, j] + [t ≥ 1] d[t-1, j]); h[dim(x, 0), j] = d[dim(x, 0)-2, j]; "
    "z_tj = h_tj w_tj; dim(i) = dim(x, 0) - 1",
])  # fmt: skip
def test_a_start_at_the_end_of_another_tensor(text: str) -> None:
    """The loop runs as far as w, and starts behind the end of x, which is as long: the start is no entry of h."""
    s = parse(f"{text}; dim(t) = dim(w, 0)".replace("; ", "\n"))
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(4, 2)), "w": rng.normal(size=(4, 2)), "δz": rng.normal(size=(4, 2))}
    found = evaluate(s + adjoint(s, "x"), given)["δx"]
    want = np.zeros((4, 2))
    for k in np.ndindex(4, 2):
        for sign in (1, -1):
            moved = given["x"].copy()
            moved[k] += sign * 1e-5
            want[k] += sign * np.sum(given["δz"] * evaluate(s, {"x": moved, "w": given["w"]})["z"]) / 2e-5
    assert np.allclose(found, want, rtol=1e-6, atol=1e-8)
