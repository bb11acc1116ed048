"""Sums over windows without weights are shifted arrays, one axis after the other, and are what loops give."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.reference import evaluate

SHAPES = {"x": (2, 12, 11), "z": (2, 12, 11), "v": (2, 40), "g": (2, 10, 10), "h": (40,)}
BOXES = [
    "y_bij = Σ_kl x[b,i+k,j+l]; dim(k) = 3; dim(l) = 2",
    "y_bij = Σ_kl x[b,2i+k,j+3l] / 4; dim(k) = 3; dim(l) = 2",
    "y_bij = Σ_kl x[b,i+k-1,j+l-1]; outside(x) = 0; dim(k) = 3; dim(l) = 3; dim(i) = 12; dim(j) = 11",
    "y_bij = Σ_kl x[b,i+k-1,j-l+1]^2; outside(x) = 0; dim(k) = 3; dim(l) = 3; dim(i) = 12; dim(j) = 11",
    "y_bij = Σ_kl x[b,i+k,j+l] z[b,i+k,j+l] g_bij; dim(k) = 3; dim(l) = 2",
    "y_bij = Σ_kl exp(x[b,i+k,j+l] - z[b,i+k,j+l]); dim(k) = 3; dim(l) = 2",
    "y_bij = mean_kl(x[b,i+k,j+l]); dim(k) = 4; dim(l) = 2",
    "y_bi = Σ_kj x[b,i+k,j]; dim(k) = 3",  # another letter is summed, too
    "y_bt = Σ_k v[b,t+k]; dim(k) = 20",
    "y_bt = mean_k(v[b,2t+k-3]); outside(v) = 0; dim(k) = 13; dim(t) = 20",
    "y_bt = Σ_k v[b,39-t-2k]; dim(k) = 9; dim(t) = 20",
    "y_bt = Σ_k v[b,t-k]^3 h_t; outside(v) = 0; dim(k) = 11",
]
OTHERS = [
    "y_bt = Σ_k exp(v[b,t-k]); outside(v) = 0; dim(k) = 4; dim(t) = 40",  # what is outside counts 1
    "y_bt = Σ_k v[b,t+k] v[b,t+k+1]; dim(k) = 4",  # two places
    "y_bt = Σ_k (v[b,t+k] - h_t)^2; dim(k) = 4; dim(t) = 30",
    "y_bt = Σ_k [k ≤ t] v[b,t+k]; dim(k) = 4",
    "y_b = Σ_tk v[b,t+k]; dim(k) = 4",
]


def held(text: str) -> str:
    """The values and the gradients of a page are those of the reference; its program."""
    s = tp.parse(text)
    whole = s + tp.adjoint(s)
    rng = np.random.default_rng(6)
    p = {n: rng.normal(size=SHAPES[n]) for n in s.inputs}
    if "dim(t) = 30" in text:
        p["h"] = p["h"][:30]
    p |= {"δy": rng.normal(size=evaluate(s, p)["y"].shape)}
    want = evaluate(whole, p)
    names = ["y", *(f"δ{n}" for n in s.inputs)]
    got = tp.compile(whole, "numpy", outputs=names)(**p)
    for n in names:
        np.testing.assert_allclose(got[n], want[n], rtol=1e-12, atol=1e-12, err_msg=n)
    f = tp.compile(s, outputs="y")
    return str(jax.make_jaxpr(lambda d: f(**d))({n: p[n] for n in s.inputs}))


@pytest.mark.parametrize("text", BOXES)
def test_sums_over_windows_are_shifts(text: str) -> None:
    program = held(text)
    assert "gather" not in program and "concatenate" not in program and "conv_general" not in program


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_such_sum_is_right(text: str) -> None:
    held(text)


def test_a_square_takes_as_many_arrays_as_its_sides() -> None:
    f = tp.compile("y_ij = Σ_kl x[i+k,j+l]; dim(k) = 7; dim(l) = 7")
    program = str(jax.make_jaxpr(lambda x: f(x=x))(np.ones((20, 20))))
    assert program.count(" add ") == 12


def test_many_places_are_put_together_from_few() -> None:
    f = tp.compile("y_t = Σ_k x[t+k]; dim(k) = 100")
    program = str(jax.make_jaxpr(lambda x: f(x=x))(np.ones(300)))
    assert program.count(" add ") < 12


@pytest.mark.parametrize(
    "window, step, apart, start, out", [*itertools.product((9, 17), (1, -2), (1, -3), (0, 5), (8,))]
)
def test_long_windows(window: int, step: int, apart: int, start: int, out: int) -> None:
    """All signs of stride and dilation, what leaves the array counted nothing."""
    text = f"y_t = Σ_k v[{start + 20} {step:+d} t {apart:+d} k]; outside(v) = 0; dim(k) = {window}; dim(t) = {out}"
    v = np.random.default_rng(7).normal(size=40)
    at = [[step * t + apart * k + start + 20 for k in range(window)] for t in range(out)]
    want = [sum(v[i] for i in row if 0 <= i < 40) for row in at]
    np.testing.assert_allclose(tp.compile(text, "numpy")(v=v), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [BOXES[0], "y_bij = x[b,i+k,j+l] w_kl", "y_bt = mean_k(v[b,t+k]); dim(k) = 20", "y_bt = Σ_k v[b,t+k]; dim(k) = 40"],
)
def test_half_precision_adds_up_in_single(text: str) -> None:
    s = tp.parse(text)
    rng = np.random.default_rng(8)
    p = {n: rng.uniform(size=SHAPES.get(n, (3, 5))) for n in s.inputs}
    half = {n: jax.numpy.asarray(a, jax.numpy.bfloat16) for n, a in p.items()}
    want = evaluate(s, {n: np.asarray(a, np.float64) for n, a in half.items()})["y"]
    got = np.asarray(tp.compile(s)(**half), np.float64)
    assert np.abs(got - want).max() <= 2**-8 * np.abs(want).max()
