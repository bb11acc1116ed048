"""Windows of few terms (depthwise convolutions, one channel, sums without weights), stencils and schemes in time,
attention of graphs and groups: models that nobody had timed, each as one would write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import elu, gelu, leaky_relu, log_softmax, relu, silu, softmax

from tests.benchmarks.models import Model, model

CAUSAL = "y_btc = silu(Σ_k x[b,t-k,c] w_kc + a_c); outside(x) = 0; dim(t) = 128; E = mean_btc(y_btc^2)"
INVERTED = """
    e_bijd = relu(x_bijc A_cd); h_bijd = relu(e[b,i+k-1,j+l-1,d] w_kld); outside(e) = 0; dim(i) = 14; dim(j) = 14
    y_bijc = x_bijc + h_bijd B_dc; E = mean_bijc(y_bijc^2)
"""
NEXT = """
    h_bijc = x[b,i+k-3,j+l-3,c] w_klc; outside(x) = 0; dim(i) = 16; dim(j) = 16
    m_bij = mean_c(h_bijc); v_bij = mean_c((h_bijc - m_bij)^2)
    n_bijc = (h_bijc - m_bij) / sqrt(v_bij + 1e-5) g_c + s_c; u_bijd = gelu(n_bijc A_cd); y_bijc = x_bijc + u_bijd B_dc
    E = mean_bijc(y_bijc^2)
"""
DIGITS = """
    h_bijf = relu(x[b,i+k,j+l] w_klf); q_bijf = max_uv(h[b,2i+u,2j+v,f]); dim(u) = 2; dim(v) = 2
    g_bijo = relu(q[b,i+k,j+l,f] r_klfo); m_bo = mean_ij(g_bijo); s_bc = m_bo W_oc; L_bc = logsoftmax_c(s_bc)
    E = -mean_b(L[b,y_b])
"""
FILTER = "y_bij = x[b,i+k,j+l] w_kl; E = mean_bij((y_bij - t_bij)^2)"
AUTO = "e_bt = x[b,t+5] - Σ_k w_k x[b,t+k]; dim(k) = 5; E = mean_bt(e_bt^2)"
ALIKE = """
    m_bij = mean_kl(x[b,i+k,j+l]); n_bij = mean_kl(y[b,i+k,j+l]); a_bij = mean_kl(x[b,i+k,j+l]^2) - m_bij^2
    c_bij = mean_kl(y[b,i+k,j+l]^2) - n_bij^2; r_bij = mean_kl(x[b,i+k,j+l] y[b,i+k,j+l]) - m_bij n_bij
    S_bij = (2 m_bij n_bij + 0.01) (2 r_bij + 0.03) / (m_bij^2 + n_bij^2 + 0.01) / (a_bij + c_bij + 0.03)
    dim(k) = 7; dim(l) = 7; E = 1 - mean_bij(S_bij)
"""
LOCAL = """
    s_bijc = Σ_k x[b,i,j,c+k-2]^2; outside(x) = 0; dim(k) = 5; dim(c) = 32
    y_bijc = x_bijc / (2 + 0.1 s_bijc)^0.75; E = mean_bijc(y_bijc^2 q_bijc)
"""
SERIES = "m_bt = mean_k(x[b,t+k]); dim(k) = 20; E = mean_bt((x[b,t+19] - m_bt)^2)"
FLOW = """
    k1_tnj = tanh(x_tni W_ij + b_j); k2_tnj = tanh((x_tni + 0.05 k1_tni) W_ij + b_j)
    k3_tnj = tanh((x_tni + 0.05 k2_tni) W_ij + b_j); k4_tnj = tanh((x_tni + 0.1 k3_tni) W_ij + b_j)
    x[t+1,n,j] = x_tnj + 0.1/6 (k1_tnj + 2 k2_tnj + 2 k3_tnj + k4_tnj); x[0,n,j] = p_nj; dim(t) = 20
    E = mean_nj(x[20,n,j]^2)
"""
HEAT = """
    u[t+1,i,j] = u_tij + a (u[t,i+1,j] + u[t,i-1,j] + u[t,i,j+1] + u[t,i,j-1] - 4 u_tij); u[0,i,j] = p_ij
    outside(u) = wrap; dim(t) = 200; dim(i) = 64; dim(j) = 64; E = mean_ij((u[200,i,j] - q_ij)^2)
"""
WAVE = """
    u[t+1,i] = 2 u_ti - u[t-1,i] + c_i (u[t,i+1] - 2 u_ti + u[t,i-1]); u[0,i] = p_i; u[-1,i] = p_i
    outside(u) = 0; dim(t) = 300; dim(i) = 200; E = mean_i((u[300,i] - q_i)^2)
"""
EDGES = """
    h_nk = x_ni W_ik; s_nm = leaky_relu(h_nk a_k + h_mk b_k); p_nm = A_nm exp(s_nm) / Σ_u A_nu exp(s_nu)
    o_nk = elu(p_nm h_mk); E = mean_nk(o_nk^2)
"""
GROUPS = """
    q_btghd = x_btc Q_cghd; k_btgd = x_btc K_cgd; v_btgd = x_btc V_cgd
    p_bghts = [s ≤ t] exp(q_btghd k_bsgd / sqrt(dim(d))) / Σ_u [u ≤ t] exp(q_btghe k_buge / sqrt(dim(d)))
    o_btghd = p_bghts v_bsgd; E = mean_btghd(o_btghd^2)
"""
LEVELS = "z_n = x_ni w_i; E = -mean_n(log(σ(c[y_n+1] - z_n) - σ(c[y_n] - z_n)))"


def _conv(x: Any, w: Any, pad: Any = "VALID", groups: int = 1) -> Any:
    names = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (1, 1), pad, dimension_numbers=names, feature_group_count=groups)


def _deep(x: Any, w: Any) -> Any:
    return _conv(x, w[:, :, None], "SAME", x.shape[-1])


def _box(x: Any, *sides: int, pad: str = "VALID") -> Any:
    return lax.reduce_window(x, 0.0, lax.add, sides, (1,) * x.ndim, pad)


def _causal(p: Any, d: Any) -> Any:
    x = jnp.pad(d["x"], ((0, 0), (3, 0), (0, 0)))
    names = ("NWC", "WIO", "NWC")
    w = p["w"][::-1][:, None]
    y = lax.conv_general_dilated(x, w, (1,), "VALID", dimension_numbers=names, feature_group_count=x.shape[-1])
    return jnp.mean(silu(y + p["a"]) ** 2)


def _inverted(p: Any, d: Any) -> Any:
    return jnp.mean((d["x"] + relu(_deep(relu(d["x"] @ p["A"]), p["w"])) @ p["B"]) ** 2)


def _next(p: Any, d: Any) -> Any:
    h = _deep(d["x"], p["w"])
    n = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5) * p["g"] + p["s"]
    return jnp.mean((d["x"] + gelu(n @ p["A"], approximate=False) @ p["B"]) ** 2)


def _digits(p: Any, d: Any) -> Any:
    h = relu(_conv(d["x"][..., None], p["w"][:, :, None]))
    q = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    logp = log_softmax(relu(_conv(q, p["r"])).mean((1, 2)) @ p["W"])
    return -jnp.mean(jnp.take_along_axis(logp, d["y"][:, None], 1))


def _filter(p: Any, d: Any) -> Any:
    return jnp.mean((_conv(d["x"][..., None], p["w"][:, :, None, None])[..., 0] - d["t"]) ** 2)


def _auto(p: Any, d: Any) -> Any:
    x = d["x"]
    return jnp.mean((x[:, 5:] - sum(p["w"][k] * x[:, k : k - 5] for k in range(5))) ** 2)


def _alike(p: Any, d: Any) -> Any:
    def w(z: Any) -> Any:
        return _box(z, 1, 7, 7) / 49

    x, y = p["x"], d["y"]
    m, n = w(x), w(y)
    a, c, r = w(x * x) - m * m, w(y * y) - n * n, w(x * y) - m * n
    return 1 - jnp.mean((2 * m * n + 0.01) * (2 * r + 0.03) / (m * m + n * n + 0.01) / (a + c + 0.03))


def _local(p: Any, d: Any) -> Any:
    x = p["x"]
    return jnp.mean((x / (2 + 0.1 * _box(x * x, 1, 1, 1, 5, pad="SAME")) ** 0.75) ** 2 * d["q"])


def _series(p: Any, d: Any) -> Any:
    return jnp.mean((p["x"][:, 19:] - _box(p["x"], 1, 20) / 20) ** 2)


def _flow(p: Any, d: Any) -> Any:
    def f(x: Any) -> Any:
        return jnp.tanh(x @ p["W"] + p["b"])

    def step(x: Any, _: Any) -> Any:
        a = f(x)
        b = f(x + 0.05 * a)
        c = f(x + 0.05 * b)
        return x + 0.1 / 6 * (a + 2 * b + 2 * c + f(x + 0.1 * c)), None

    return jnp.mean(lax.scan(step, d["p"], None, length=20)[0] ** 2)


def _heat(p: Any, d: Any) -> Any:
    def step(u: Any, _: Any) -> Any:
        near = jnp.roll(u, 1, 0) + jnp.roll(u, -1, 0) + jnp.roll(u, 1, 1) + jnp.roll(u, -1, 1)
        return u + p["a"] * (near - 4 * u), None

    return jnp.mean((lax.scan(step, p["p"], None, length=200)[0] - d["q"]) ** 2)


def _wave(p: Any, d: Any) -> Any:
    def step(now: Any, _: Any) -> Any:
        u, before = now
        z = jnp.pad(u, 1)
        return (2 * u - before + p["c"] * (z[2:] - 2 * u + z[:-2]), u), None

    return jnp.mean((lax.scan(step, (p["p"], p["p"]), None, length=300)[0][0] - d["q"]) ** 2)


def _edges(p: Any, d: Any) -> Any:
    h = d["x"] @ p["W"]
    s = leaky_relu((h @ p["a"])[:, None] + h @ p["b"])
    return jnp.mean(elu(softmax(jnp.where(d["A"] > 0, s, -1e30)) @ h) ** 2)


def _groups(p: Any, d: Any) -> Any:
    q = jnp.einsum("btc,cghd->btghd", d["x"], p["Q"])
    k, v = (jnp.einsum("btc,cgd->btgd", d["x"], p[m]) for m in "KV")
    e = jnp.einsum("btghd,bsgd->bghts", q, k) / q.shape[-1] ** 0.5
    here = jnp.tril(jnp.ones(e.shape[-2:], bool))
    return jnp.mean(jnp.einsum("bghts,bsgd->btghd", softmax(jnp.where(here, e, -1e30)), v) ** 2)


def _levels(p: Any, d: Any) -> Any:
    z, s = d["x"] @ p["w"], jax.nn.sigmoid
    return -jnp.mean(jnp.log(s(p["c"][d["y"] + 1] - z) - s(p["c"][d["y"]] - z)))


def windows() -> list[Model]:
    """Depthwise convolutions, one channel, sums over windows, stencils, Runge and Kutta, graphs, groups, levels."""
    rng = np.random.default_rng(9)

    def n(*shape: int, scale: float = 0.1) -> Any:
        return jnp.asarray(scale * rng.normal(size=shape), jnp.float32)

    def u(*shape: int) -> Any:
        return jnp.asarray(rng.uniform(size=shape), jnp.float32)

    def drawn(most: int, *shape: int) -> Any:
        return jnp.asarray(rng.integers(0, most, shape), jnp.int32)

    edges = jnp.asarray(np.maximum(np.eye(300), rng.uniform(size=(300, 300)) > 0.9), jnp.float32)
    rows: list[tuple[str, str, Callable[[Any, Any], Any], dict[str, Any], dict[str, Any]]] = [
        ("causal depthwise convolution, 4 places, 8 × 128 × 64", CAUSAL, _causal, {"w": n(4, 64), "a": n(64)},
         {"x": n(8, 128, 64, scale=1)}),
        ("inverted residual, depthwise 3 × 3, 8 × 14 × 14 × 32", INVERTED, _inverted,
         {"A": n(32, 192), "w": n(3, 3, 192), "B": n(192, 32)}, {"x": n(8, 14, 14, 32, scale=1)}),
        ("residual block, depthwise 7 × 7, 8 × 16 × 16 × 64", NEXT, _next,
         {"w": n(7, 7, 64), "g": n(64), "s": n(64), "A": n(64, 256), "B": n(256, 64)},
         {"x": n(8, 16, 16, 64, scale=1)}),
        ("CNN 1-8-16, 28 × 28, max pooling, batch 32", DIGITS, _digits,
         {"w": n(5, 5, 8), "r": n(3, 3, 8, 16), "W": n(16, 10)}, {"x": n(32, 28, 28, scale=1), "y": drawn(10, 32)}),
        ("one filter 5 × 5, 8 × 64 × 64", FILTER, _filter, {"w": n(5, 5)},
         {"x": n(8, 64, 64, scale=1), "t": n(8, 60, 60)}),
        ("autoregression of 5, 64 series of 500", AUTO, _auto, {"w": n(5)}, {"x": n(64, 500, scale=1)}),
        ("structural similarity, windows 7 × 7, 4 × 48 × 48", ALIKE, _alike, {"x": u(4, 48, 48)}, {"y": u(4, 48, 48)}),
        ("local response norm, 5 channels, 8 × 14 × 14 × 32", LOCAL, _local, {"x": n(8, 14, 14, 32, scale=1)},
         {"q": n(8, 14, 14, 32)}),
        ("moving mean of 20, 32 series of 500", SERIES, _series, {"x": u(32, 500)}, {}),
        ("Runge and Kutta, 20 steps, width 32, batch 64", FLOW, _flow, {"W": n(32, 32), "b": n(32)},
         {"p": n(64, 32, scale=1)}),
        ("heat equation, 200 steps, 64 × 64", HEAT, _heat, {"a": jnp.float32(0.1), "p": n(64, 64, scale=1)},
         {"q": n(64, 64)}),
        ("wave equation, 300 steps, 200 places", WAVE, _wave, {"c": 0.3 + n(200), "p": n(200, scale=1)}, {"q": n(200)}),
        ("attention along edges, 300 nodes, width 32", EDGES, _edges, {"W": n(64, 32), "a": n(32), "b": n(32)},
         {"x": n(300, 64, scale=1), "A": edges}),
        ("grouped causal attention in one line, T 128, batch 4", GROUPS, _groups,
         {"Q": n(64, 2, 4, 16), "K": n(64, 2, 16), "V": n(64, 2, 16)}, {"x": n(4, 128, 64, scale=1)}),
        ("ordered levels, 1,000 rows of 20", LEVELS, _levels,
         {"w": n(20), "c": jnp.linspace(-3, 3, 7, dtype=jnp.float32)},
         {"x": n(1000, 20, scale=1), "y": drawn(6, 1000)}),
    ]  # fmt: skip
    return [model(name, text, ref, params, data) for name, text, ref, params, data in rows]
