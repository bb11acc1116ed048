"""Recurrences whose state is a matrix or a cloud of points, and functions of convolutions, each in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import gelu, relu, sigmoid, softmax, softplus

from tests.benchmarks.models import Model, model

LINEAR = """
    S_btij = σ(g_bti) S[b,t-1,i,j] + k_bti v_btj; S[b,-1,i,j] = 0; o_btj = q_bti S_btij; E = mean_btj(o_btj^2)
"""
DELTA = """
    r_btj = v_btj - k_bti S[b,t-1,i,j]; S_btij = S[b,t-1,i,j] + σ(g_bt) k_bti r_btj; S[b,-1,i,j] = 0
    o_btj = q_bti S_btij; E = mean_btj(o_btj^2)
"""
SELECTIVE = """
    w_btd = softplus(D_btd); h_btdn = exp(-w_btd exp(A_dn)) h[b,t-1,d,n] + w_btd x_btd B_btn; h[b,-1,d,n] = 0
    y_btd = h_btdn C_btn; E = mean_btd(y_btd^2)
"""
SCALED = """
    K_ij = exp(-C_ij / 0.5); u_ti = a_i / Σ_j (K_ij v[t-1,j]); v_tj = b_j / Σ_i (K_ij u_ti); v[-1,j] = 1; dim(t) = 30
    E = u[29,i] K_ij C_ij v[29,j]
"""
READER = """
    e_tbs = h[t-1,b,j] A_jk m_bsk; p_tbs = softmax_s(e_tbs); c_tbk = p_tbs m_bsk
    h_tbj = tanh(x_tbi U_ij + h[t-1,b,k] W_kj + c_tbj); h[-1,b,j] = 0; E = mean_tbj(h_tbj^2)
"""
BODIES = """
    r_tij = Σ_k (x_tik - x_tjk)^2 + 0.1; a_tik = -Σ_j (x_tik - x_tjk) / r_tij^1.5 / dim(i); dim(t) = 100
    v[t+1,i,k] = v_tik + 0.01 a_tik; x[t+1,i,k] = x_tik + 0.01 v[t+1,i,k]; x[0,i,k] = p_ik; v[0,i,k] = q_ik
    E = x[100,i,k] x[100,i,k]
"""
GATED = "\n".join(
    f"a{k}_btc = tanh(Σ_se h{k}[b,t-{2**k} s,e] F{k}_sec) σ(Σ_se h{k}[b,t-{2**k} s,e] G{k}_sec); outside(h{k}) = 0; "
    f"h{k + 1}_btc = h{k}_btc + a{k}_bte R{k}_ec"
    for k in range(3)
)
IMAGES = """
    h_bijf = ACT(x[b,i+k,j+l,c] w_klcf + a_f); g_bijf = ACT(h[b,i+k,j+l,c] v_klcf + d_f); m_bf = mean_ij(g_bijf)
    E = mean_bk((m_bf W_fk)^2)
"""
FORMS = "E = Σ_b tanh((Σ_ij x_bi A_ij x_bj) (Σ_ij x_bi B_ij x_bj))"


def _first(x: Any) -> Any:
    return jnp.swapaxes(x, 0, 1)


def _outputs(step: Callable[[Any, Any], Any], p: Any) -> Any:
    """The mean square of what steps of a square state make of q, k, v and g."""
    b, _, n = p["q"].shape
    return jnp.mean(jax.lax.scan(step, jnp.zeros((b, n, n)), tuple(_first(p[m]) for m in "qkvg"))[1] ** 2)


def _linear(p: Any, d: Any) -> Any:
    def step(S: Any, now: Any) -> Any:
        q, k, v, g = now
        S = sigmoid(g)[:, :, None] * S + k[:, :, None] * v[:, None]
        return S, jnp.einsum("bi,bij->bj", q, S)

    return _outputs(step, p)


def _delta(p: Any, d: Any) -> Any:
    def step(S: Any, now: Any) -> Any:
        q, k, v, g = now
        r = v - jnp.einsum("bi,bij->bj", k, S)
        S = S + sigmoid(g)[:, None, None] * k[:, :, None] * r[:, None]
        return S, jnp.einsum("bi,bij->bj", q, S)

    return _outputs(step, p)


def _selective(p: Any, d: Any) -> Any:
    def step(h: Any, now: Any) -> Any:
        x, w, b, c = now
        h = jnp.exp(-w[..., None] * jnp.exp(p["A"])) * h + (w * x)[..., None] * b[:, None]
        return h, jnp.einsum("bdn,bn->bd", h, c)

    start = jnp.zeros((p["x"].shape[0], *p["A"].shape))
    steps = tuple(map(_first, (p["x"], softplus(p["D"]), p["B"], p["C"])))
    return jnp.mean(jax.lax.scan(step, start, steps)[1] ** 2)


def _scaled(p: Any, d: Any) -> Any:
    K = jnp.exp(-p["C"] / 0.5)

    def step(v: Any, _: Any) -> Any:
        u = d["a"] / (K @ v)
        return d["b"] / (K.T @ u), u

    v, us = jax.lax.scan(step, jnp.ones_like(d["b"]), None, length=30)
    return jnp.sum(us[-1][:, None] * K * p["C"] * v)


def _reader(p: Any, d: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        e = jnp.einsum("bj,jk,bsk->bs", h, p["A"], d["m"])
        h = jnp.tanh(x @ p["U"] + h @ p["W"] + jnp.einsum("bs,bsk->bk", softmax(e), d["m"]))
        return h, h

    return jnp.mean(jax.lax.scan(step, jnp.zeros_like(d["x"][0]), d["x"])[1] ** 2)


def _bodies(p: Any, d: Any) -> Any:
    def step(now: Any, _: Any) -> Any:
        x, v = now
        apart = x[:, None] - x
        v = v - 0.01 * jnp.sum(apart / (jnp.sum(apart**2, -1, keepdims=True) + 0.1) ** 1.5, 1) / len(x)
        return (x + 0.01 * v, v), None

    return jnp.sum(jax.lax.scan(step, (p["p"], p["q"]), None, length=100)[0][0] ** 2)


def _gated(p: Any, d: Any) -> Any:
    h = d["h0"]
    for k in range(3):

        def conv(w: Any, h: Any = h, k: int = k) -> Any:
            pads, names = [(2 * 2**k, 0)], ("NTC", "TIO", "NTC")
            return jax.lax.conv_general_dilated(h, w[::-1], (1,), pads, None, (2**k,), names)

        h = h + (jnp.tanh(conv(p[f"F{k}"])) * sigmoid(conv(p[f"G{k}"]))) @ p[f"R{k}"]
    return jnp.mean((h - d["y"]) ** 2)


def _images(act: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def loss(p: Any, d: Any) -> Any:
        def conv(x: Any, w: Any) -> Any:
            return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

        g = act(conv(act(conv(d["x"], p["w"]) + p["a"]), p["v"]) + p["d"])
        return jnp.mean((g.mean((1, 2)) @ p["W"]) ** 2)

    return loss


def _forms(p: Any, d: Any) -> Any:
    one, other = (jnp.einsum("bi,ij,bj->b", p["x"], p[m], p["x"]) for m in "AB")
    return jnp.sum(jnp.tanh(one * other))


def states() -> list[Model]:
    """Linear attention, delta rule, selective state space; scaling, bodies; convolutions in lines with functions."""
    rng = np.random.default_rng(8)

    def n(*shape: int, scale: float = 0.1) -> Any:
        return jnp.asarray(scale * rng.normal(size=shape), jnp.float32)

    full = {m: n(4, 128, 16, scale=1) for m in "qkvg"}
    delta = {**{m: n(4, 64, 16, scale=1) for m in "qv"}, "k": n(4, 64, 16), "g": n(4, 64, scale=1)}
    selective = {"x": n(4, 64, 32, scale=1), "D": n(4, 64, 32), "A": n(32, 8, scale=1)}
    selective |= {m: n(4, 64, 8, scale=1) for m in "BC"}
    gates = {f"{m}{k}": n(*((32, 32) if m == "R" else (3, 32, 32))) for k in range(3) for m in "FGR"}
    images = {"w": n(3, 3, 3, 16), "a": n(16), "v": n(3, 3, 16, 32), "d": n(32), "W": n(32, 10)}
    even = jnp.ones(100) / 100
    gated = f"{GATED}\ndim(t) = 256; E = mean_btc((h3_btc - y_btc)^2)"
    rows: list[tuple[str, str, Callable[[Any, Any], Any], dict[str, Any], dict[str, Any]]] = [
        ("gated linear attention, T 128, 16 × 16, batch 4", LINEAR, _linear, full, {}),
        ("delta rule, T 64, 16 × 16, batch 4", DELTA, _delta, delta, {}),
        ("selective state space, T 64, 32 × 8, batch 4", SELECTIVE, _selective, selective, {}),
        ("Sinkhorn scaling, 30 steps, 100 × 100", SCALED, _scaled, {"C": abs(n(100, 100, scale=1))},
         {"a": even, "b": even}),
        ("attention in each step of a recurrence, T 20, 30 places, width 32, batch 8", READER, _reader,
         {m: n(32, 32) for m in "AUW"}, {"x": n(20, 8, 32, scale=1), "m": n(8, 30, 32, scale=1)}),
        ("50 bodies, 100 steps", BODIES, _bodies, {"p": n(50, 3, scale=1), "q": n(50, 3)}, {}),
        ("gated dilated convolutions, 3 layers, 8 × 256 × 32", gated, _gated, gates,
         {"h0": n(8, 256, 32, scale=1), "y": n(8, 256, 32)}),
        *((f"two convolutions in a {name} each, 8 × 28 × 28 × 3", IMAGES.replace("ACT", name), _images(act), images,
           {"x": n(8, 28, 28, 3, scale=1)})
          for name, act in (("relu", relu), ("gelu", lambda x: gelu(x, approximate=False)))),
        ("tanh of two quadratic forms multiplied, 16 × 32", FORMS, _forms,
         {"x": n(16, 32, scale=1), "A": n(32, 32), "B": n(32, 32)}, {}),
    ]  # fmt: skip
    return [model(name, text, ref, params, data) for name, text, ref, params, data in rows]
