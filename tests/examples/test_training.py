"""What each example trains, trained with tensorprop's rules and with idiomatic JAX: the same losses, step by step.

A second hand wrote the losses below in plain JAX; ``jax.value_and_grad`` differentiates them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import digits
import digits_cnn
import gaussian_process
import jax
import jax.numpy as jnp
import karate_club
import lstm
import matrix_factorisation
import numpy as np
import optax
import pytest
import training
import transformer
import vae
from jax import lax

import tensorprop as tp

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Params = dict[str, Any]
DRAW = np.random.default_rng(11)


# --------------------------------------------------------------------------- the same in plain JAX
def labelled(scores, y):
    return optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()


def perceptron(p, x, y):
    h = jax.nn.relu(x @ p["W"] + p["u"])
    return optax.softmax_cross_entropy(h @ p["V"] + p["v"], y).mean()


def convolutional(p, a, y):
    for k in "12":
        a = lax.conv_general_dilated(a, p[f"K{k}"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        a = jax.nn.relu(a + p[f"β{k}"])
    a = lax.reduce_window(a, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return labelled(a.reshape(len(a), -1) @ p["W3"].reshape(-1, p["W3"].shape[-1]) + p["u3"], y)


def recurrent(p, n, y):
    def step(state, x):
        h, c = state
        i, f, o, u = jnp.einsum("bi,gij->gbj", x, p["U2"]) + jnp.einsum("bk,gkj->gbj", h, p["W2"]) + p["β2"][:, None]
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(u)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((len(n), p["W2"].shape[1]), p["W2"].dtype)
    _, h = lax.scan(step, (zero, zero), p["E1"][n].swapaxes(0, 1))
    return labelled(h.swapaxes(0, 1) @ p["W3"] + p["b3"], y)


def attentive(p, n, y):
    def norm(x, k):
        x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * p[f"γ{k}"] + p[f"β{k}"]

    x = p["E1"][n] + p["T2"]
    norms = sorted(int(name[1:]) for name in p if name[0] == "γ")
    heads, *maps = (
        sorted((name for name in p if name.startswith(s)), key=lambda name: int(re.sub(r"\D", "", name)))
        for s in ("W^(q", "A", "u", "B", "c")
    )
    for k, q in enumerate(heads):
        x_ = norm(x, norms[2 * k])
        Q, K, V = (jnp.einsum("btc,chd->bthd", x_, p[q.replace("q", s)]) for s in "qkv")
        S = jnp.einsum("bthd,buhd->bhtu", Q, K) / jnp.sqrt(Q.shape[-1])
        P = jax.nn.softmax(jnp.where(jnp.tril(jnp.ones(S.shape[-2:], bool)), S, -jnp.inf))
        O = jnp.einsum("bhtu,buhe->bthe", P, V)  # noqa: E741
        x = x + jnp.einsum("bthe,hek->btk", O, p[q.replace("q", "o")])
        A, u, B, c = (p[names[k]] for names in maps)
        x = x + jax.nn.gelu(norm(x, norms[2 * k + 1]) @ A + u, approximate=False) @ B + c
    return labelled(norm(x, norms[-1]) @ next(p[name] for name in p if name[0] == "U").T, y)


def factors(p, Y, M, λ):
    U, V = p["U"], p["V"]
    return 0.5 * jnp.sum((M * (U @ V.T - Y)) ** 2) + 0.5 * λ * (jnp.sum(U**2) + jnp.sum(V**2))


def bottleneck(p, x, ε):
    h = jnp.tanh(x @ p["W"] + p["u"])
    m, s = h @ p["M"] + p["μ"], h @ p["S"] + p["ν"]
    z = m + jnp.exp(s / 2) * ε
    o = jnp.tanh(z @ p["V"] + p["v"]) @ p["D"] + p["ω"]
    far = 0.5 * (m**2 + jnp.exp(s) - 1 - s).sum(1)
    return (optax.sigmoid_binary_cross_entropy(o, x).sum(1) + far).mean()


def evidence(p, x, y):
    far = (x[:, None] - x) ** 2
    K = jnp.exp(2 * p["s"]) * jnp.exp(-0.5 * far / jnp.exp(p["l"]) ** 2) + jnp.exp(2 * p["n"]) * jnp.eye(len(x))
    L = jnp.linalg.cholesky(K)
    return 0.5 * y @ jax.scipy.linalg.cho_solve((L, True), y) + jnp.log(jnp.diag(L)).sum()


def graph(p, A, x, y, M):
    s = A @ jnp.tanh(A @ (x @ p["W1"])) @ p["W2"]
    return M @ optax.softmax_cross_entropy_with_integer_labels(s, y)


# --------------------------------------------------------------------------- small data of the same kind
def digits_case():
    shapes = {"W": (9, 12), "u": (12,), "V": (12, 4), "v": (4,)}
    params = {n: DRAW.normal(0, 0.4, s) for n, s in shapes.items()}
    return digits.MODEL, params, {"x": DRAW.normal(size=(6, 9)), "y": np.eye(4)[DRAW.integers(0, 4, 6)]}, perceptron


def cnn_case():
    params = digits_cnn.start({"K1": (3, 3, 1, 3), "K2": (3, 3, 3, 4), "W3": (3, 2, 4, 5)}, "float64")
    data = {"a": DRAW.normal(size=(4, 10, 8, 1)), "y": DRAW.integers(0, 5, 4)}
    return digits_cnn.model, params, data, convolutional


def lstm_case():
    data = lstm.windows(DRAW.integers(0, 7, 200), np.arange(0, 60, 15), 8)
    return lstm.model, lstm.start(7, 4, 5, "float64"), data, recurrent


def transformer_case():
    model = transformer.language_model(2)
    data = transformer.windows(DRAW.integers(0, 7, 200), np.arange(0, 45, 15), 6)
    return model, transformer.start(model, 7, 8, 2, 6, "float64"), data, attentive


def factorisation_case():
    data = {"Y": DRAW.normal(size=(7, 5)), "M": DRAW.integers(0, 2, (7, 5)).astype(float), "λ": np.array(0.3)}
    return matrix_factorisation.model, matrix_factorisation.start(7, 5, 3, "float64"), data, factors


def vae_case():
    params = {n: DRAW.normal(0, 0.4, s) for n, s in vae.model.shapes(i=9, j=6, k=2, l=5).items()}
    return vae.model, params, {"x": DRAW.random((5, 9)), "ε": DRAW.normal(size=(5, 2))}, bottleneck


def process_case():
    params = {name: jnp.float64(value) for name, value in gaussian_process.START.items()}
    return gaussian_process.EVIDENCE, params, gaussian_process.data(12, "float64"), evidence


def club_case():
    return karate_club.model, karate_club.start("float64"), karate_club.data("float64"), graph


CASES: list[Callable[[], tuple[Any, Params, Params, Callable[..., Any]]]] = [
    *(digits_case, cnn_case, lstm_case, transformer_case, factorisation_case, vae_case, process_case, club_case)
]


def losses_of(gradient: Callable[..., Any], params: Params, data: Params) -> np.ndarray:
    """Those of 20 steps of Adam, in one loop of the machine."""
    optimiser = optax.adam(0.01)

    def step(state, _):
        loss, grads = gradient(state[0], **data)
        updates, moments = optimiser.update(grads, state[1])
        return (optax.apply_updates(state[0], updates), moments), loss

    run = jax.jit(lambda p: lax.scan(step, (p, optimiser.init(p)), length=20)[1])
    return np.asarray(run(params))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__)
def test_an_example_trains_as_plain_jax_does(case: Callable[[], Any]) -> None:
    with jax.enable_x64(True):
        model, params, data, plain = case()
        params, data = jax.tree.map(jnp.asarray, (params, data))
        mine = losses_of(tp.value_and_grad(model, wrt=tuple(params)), params, data)
        theirs = losses_of(jax.value_and_grad(plain), params, data)
    assert mine.dtype == np.float64 and mine[-1] < mine[0]
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_every_example_that_trains_is_here() -> None:
    trains = {path.stem for path in EXAMPLES.glob("*.py") if "value_and_grad" in path.read_text(encoding="utf-8")}
    assert len(trains) == len(CASES) and trains <= sys.modules.keys()


# --------------------------------------------------------------------------- stopped and gone on
def noisy(state: Any, n: int) -> tuple[Any, Any]:
    w = state["w"] - 0.1 * (state["w"] - np.random.default_rng(n).normal(size=3).astype("float32"))
    return {"w": w}, np.sum(w**2)


def test_a_run_that_was_stopped_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    def stopped(state: Any, n: int) -> tuple[Any, Any]:
        if n == 7:
            raise KeyboardInterrupt
        return noisy(state, n)

    begin = {"w": np.ones(3, "float32")}
    whole, losses = training.train(noisy, begin, 10)
    with pytest.raises(KeyboardInterrupt):
        training.train(stopped, begin, 10, str(tmp_path), every=2)
    again, after = training.train(noisy, begin, 10, str(tmp_path), every=2)
    np.testing.assert_array_equal(losses, after)
    np.testing.assert_array_equal(whole["w"], again["w"])
