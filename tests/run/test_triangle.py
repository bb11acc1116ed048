"""What is zero beside a triangle or a band is left out, block by block: the numbers are those of the whole square."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.sizes import Part, begin
from tests.run.judged import differences, lowered

RNG = np.random.default_rng(16)
T = 300  # two blocks, of which neither is a power of two
ARRAYS = {n: RNG.normal(size=(2, T, 3)) for n in "qkv"}
HEAD, TAIL = "s_htu = q_htd k_hud / 2; ", "; y_htd = p_htu v_hud"


def attention(inside: Any) -> Any:
    """softmax over those u for which ``inside(t, u)``, written out over the whole square."""

    def naive(q: Any, k: Any, v: Any) -> Any:
        t, u = np.mgrid[: q.shape[1], : k.shape[1]]
        s = jnp.einsum("htd,hud->htu", q, k) / 2
        e = jnp.where(inside(t, u), jnp.exp(s), 0.0)
        return jnp.einsum("htu,hud->htd", e / e.sum(-1, keepdims=True), v)

    return naive


def causal(t: Any, u: Any) -> Any:
    return u <= t


WEIGHTS = [
    ("p_htu = [u ≤ t] exp(s_htu) / Σ_v [v ≤ t] exp(s_htv)", causal),
    ("p_htu = softmax_u(where([t ≥ u], s_htu, -1e9))", causal),
    ("p_htu = softmax_u(s_htu - 1000000000 [u > t])", causal),
    ("p_htu = softmax_u(s_htu + log([u ≤ t]))", causal),
    ("m_ht = max_u s_htu; e_htu = [t ≥ u] exp(s_htu - m_ht); Z_ht = Σ_u e_htu; p_htu = e_htu / Z_ht", causal),
    (
        "p_htu = [t - u < 40] [u ≤ t] exp(s_htu) / Σ_v [t - v < 40] [v ≤ t] exp(s_htv)",
        lambda t, u: (t - 40 < u) & (u <= t),
    ),
    ("p_htu = softmax_u(where([u ≥ t], s_htu, -1e30))", lambda t, u: u >= t),
    ("p_htu = [u ≤ t + 7] exp(s_htu) / Σ_v [v ≤ t + 7] exp(s_htv)", lambda t, u: u <= t + 7),
]


@pytest.mark.parametrize("weights, inside", WEIGHTS, ids=[w for w, _ in WEIGHTS])
def test_attention_under_a_mask(weights: str, inside: Any, x64: None) -> None:
    assert differences(HEAD + weights + TAIL, ARRAYS, "q k v", attention(inside)) == []


@pytest.mark.parametrize("weights", [WEIGHTS[0][0], WEIGHTS[4][0], WEIGHTS[5][0]])
def test_no_square_of_scores_is_made(weights: str) -> None:
    """Neither scores, nor weights, nor what is owed to them is ever an array over all of t and u."""
    g = tp.value_and_grad(HEAD + weights + TAIL + "; E = y_htd y_htd", wrt="q k v")
    text = jax.jit(lambda p: g(p)).lower(ARRAYS).as_text()
    assert f"x{T}x{T}x" not in text and f"x{T // 4}x" in text


def test_a_mask_that_the_scores_may_reach_is_none() -> None:
    """Beside -1000 a weight may well be a number: nothing is left out."""
    text = lowered(HEAD + "p_htu = softmax_u(where([u ≤ t], s_htu, -1000))" + TAIL, ARRAYS)
    assert f"x{T}x{T}x" in text


def test_rows_without_any_entry_are_as_they_were(x64: None) -> None:
    """Where nothing is inside, a softmax of equal scores is 1 / n over the whole row."""

    def naive(q: Any, k: Any, v: Any) -> Any:
        t, u = np.mgrid[:T, :T]
        s = jnp.where(u < t, jnp.einsum("htd,hud->htu", q, k) / 2, -1e30)
        return jnp.einsum("htu,hud->htd", jax.nn.softmax(s), v)

    assert differences(HEAD + "p_htu = softmax_u(where([u < t], s_htu, -1e30))" + TAIL, ARRAYS, "q k v", naive) == []


A, X = RNG.normal(size=(T, T)), RNG.normal(size=(T, 70))
PRODUCTS = [
    ("y_ti = [u ≤ t] A_tu X_ui", lambda A, X: jnp.tril(A) @ X),
    ("y_ui = [u ≤ t] A_tu X_ti", lambda A, X: jnp.tril(A).T @ X),
    ("y_ti = [u > t] A_tu X_ui", lambda A, X: jnp.triu(A, 1) @ X),
    ("y_ti = [t - u < 9] [u ≤ t + 4] tanh(A_tu) X_ui / 3", lambda A, X: jnp.triu(jnp.tril(jnp.tanh(A), 4), -8) @ X / 3),
    ("L_tu = [u ≤ t] A_tu; y_ti = L_tu X_ui + Σ_u L_tu", lambda A, X: jnp.tril(A) @ X + jnp.tril(A).sum(1)[:, None]),
    ("y_i = [u ≤ t] A_tu X_ui X_ti", lambda A, X: jnp.einsum("tu,ui,ti->i", jnp.tril(A), X, X)),
    (
        "B_tu = [u ≤ t] A_tu; C_us = [s ≤ u] A_us; y_ts = B_tu C_us",
        lambda A, X: jnp.tril(A) @ jnp.tril(A) + 0 * X[0, 0],
    ),
]


@pytest.mark.parametrize("text, naive", PRODUCTS, ids=[t for t, _ in PRODUCTS])
def test_products_under_a_bracket(text: str, naive: Any, x64: None) -> None:
    arrays = {"A": A, "X": X} if "X" in text else {"A": A}
    f = naive if "X" in text else lambda A: naive(A, X)
    assert differences(text, arrays, " ".join(arrays), f) == []


def test_a_waiting_tensor_that_is_asked_for_is_whole(x64: None) -> None:
    """The weights as an output, and read at shifted places too."""
    text = HEAD + WEIGHTS[0][0] + "; o_htd = p_htu v_hud; r_ht = p[h, t, 0] + p[h, t, t]"
    got = tp.compile(text, outputs=("p", "o", "r"))(**ARRAYS)
    t, u = np.mgrid[:T, :T]
    e = np.where(u <= t, np.exp(np.einsum("htd,hud->htu", ARRAYS["q"], ARRAYS["k"]) / 2), 0)
    p = e / e.sum(-1, keepdims=True)
    r = p[:, :, 0] + np.einsum("htt->ht", p)
    for name, want in (("p", p), ("o", np.einsum("htu,hud->htd", p, ARRAYS["v"])), ("r", r)):
        np.testing.assert_allclose(got[name], want, rtol=1e-11, atol=1e-13)


def test_the_plan_counts_the_blocks() -> None:
    text = HEAD + WEIGHTS[0][0] + TAIL
    sizes = {"h": 2, "t": 1024, "u": 1024, "d": 64}
    whole = tp.plan(text.replace("[u ≤ t]", "1").replace("[v ≤ t]", "1"), sizes)
    assert tp.plan(text, sizes).flops < 0.65 * whole.flops
    assert re.search(r"htu", str(tp.plan(text, sizes)))


def test_a_part_of_a_range_is_its_size() -> None:
    part = Part(5, 3)
    assert (part, part + 1, begin(part), begin(5)) == (5, 6, 3, 0)


def test_parts_are_worked_out_in_their_precision() -> None:
    """Weights in float32 among equations in bfloat16, the same within what bfloat16 tells apart."""
    text = HEAD + WEIGHTS[0][0] + TAIL
    arrays = {n: jnp.asarray(a, jnp.float32) for n, a in ARRAYS.items()}
    f = tp.compile(text, precision={"default": "bfloat16", "p": "float32"})
    got, want = f(**arrays), tp.compile(text)(**arrays)
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(got, np.float32), want, atol=0.05)
    assert "xf32>" in jax.jit(lambda d: f(**d)).lower(arrays).as_text()
