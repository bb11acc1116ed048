"""The models that are timed: each as equations, and as the JAX code that one would write."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp
from tensorprop import jax_function
from tests.benchmarks.recurrences import LSTM, lstm

LAYERS = """
    z1_bi = x_bp W1_pi + b1_i;  a1_bi = {f}(z1_bi)
    z2_bj = a1_bi W2_ij + b2_j; a2_bj = {f}(z2_bj)
    s_bc = a2_bj W3_jc + b3_c
    L_bc = logsoftmax_c(s_bc)
"""
LABELS = LAYERS + "E = -Σ_bc [y_b = c] L_bc / dim(b)"
SOFT = LAYERS + "E = -y_bc L_bc / dim(b)"
SQUARES = "h_bj = tanh(x_bi W1_ij + b1_j); o_bk = h_bj W2_jk + b2_k; E = 1/2 (o_bk - y_bk)^2 / dim(b)"

ATTENTION = """
    S_bhtu = Q_bthd K_buhd / sqrt(dim(d)); P_bhtu = softmax_u(S_bhtu)
    O_bthd = P_bhtu V_buhd; E = O_bthd G_bthd
"""
NORM = """
    m_b = mean_i x_bi; v_b = var_i x_bi
    n_bi = (x_bi - m_b) rsqrt(v_b + 1e-5) g_i + c_i; E = n_bi y_bi
"""
NORM_LAYER = """
    m_b = mean_i x_bi; d_bi = x_bi - m_b; r_b = rsqrt(mean_i(d_bi^2) + 1e-5); n_bi = d_bi r_b
    y_bi = n_bi g_i + c_i
"""
NORM_RULE = """
    s_bi  = δy_bi g_i
    δx_bi = r_b (s_bi - mean_k(s_bk) - n_bi mean_k(s_bk n_bk))
    δg_i  = Σ_b δy_bi n_bi
    δc_i  = Σ_b δy_bi
"""
FLASH = """
    S_htu = Q_htd K_hud / sqrt(dim(d)); P_htu = softmax_u(S_htu); O_htd = P_htu V_hud
"""
FLASH_RULE = """
    δV_hud = P_htu δO_htd
    δP_htu = δO_htd V_hud
    δS_htu = P_htu (δP_htu - Σ_w P_htw δP_htw)
    δQ_htd = δS_htu K_hud / sqrt(dim(d))
    δK_hud = δS_htu Q_htd / sqrt(dim(d))
"""
LOW_RANK = "z_bj = x_bi U_ik V_kj; E = 1/2 (z_bj - y_bj)^2"
BILINEAR = "z_bk = x_bi W_kij u_bj; E = z_bk y_bk"
FACTORS = "E = Σ_mn 1/2 (T_mn - U_mk V_nk)^2"


GAUSS = "r_bi = x_bi - m_i; E = 1/2 Σ_b r_bi inv(S)_ij r_bj + 1/2 dim(b) logdet(S); spd(S)"
PROCESS = """
    K_mn = s^2 exp(-1/2 Σ_d (x_md - x_nd)^2 / l^2) + v [m = n]
    E = 1/2 y_m inv(K)_mn y_n + 1/2 logdet(K); spd(K)
"""


def _likelihood(S: Any, r: Any) -> Any:
    """½ rᵀ S⁻¹ r for every column of r, and ½ log det S for each, by Cholesky's factor."""
    low = jnp.linalg.cholesky(S)
    z = jax.scipy.linalg.solve_triangular(low, r, lower=True)
    return 0.5 * jnp.sum(z * z) + r.shape[1] * jnp.sum(jnp.log(jnp.diagonal(low)))


def _gauss(p: Any, d: Any) -> Any:
    return _likelihood(p["S"], (d["x"] - p["m"]).T)


def _process(p: Any, d: Any) -> Any:
    x = d["x"]
    far = jnp.sum((x[:, None, :] - x[None, :, :]) ** 2, -1)
    K = p["s"] ** 2 * jnp.exp(-0.5 * far / p["l"] ** 2) + p["v"] * jnp.eye(len(x), dtype=x.dtype)
    return _likelihood(K, d["y"][:, None])


class Model(NamedTuple):
    """A training step without its update, two ways: both take (params, data) and give (loss, gradients)."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    fresh: Callable[[], tuple[Any, Any]]
    params: dict[str, Any]
    data: dict[str, Any]


def _weights(sizes: tuple[int, ...], seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    params: dict[str, Any] = {}
    for k, (m, n) in enumerate(pairwise(sizes), 1):
        params[f"W{k}"] = jnp.asarray(rng.normal(size=(m, n)) / np.sqrt(m), jnp.float32)
        params[f"b{k}"] = jnp.zeros(n, jnp.float32)
    return params


def _mlp(activation: Callable[[Any], Any], labels: bool) -> Callable[[Any, Any], Any]:
    def loss(p: Any, d: Any) -> Any:
        a = activation(d["x"] @ p["W1"] + p["b1"])
        a = activation(a @ p["W2"] + p["b2"])
        logp = jax.nn.log_softmax(a @ p["W3"] + p["b3"])
        if labels:
            return -jnp.mean(jnp.take_along_axis(logp, d["y"][:, None], axis=1))
        return -jnp.mean(jnp.sum(d["y"] * logp, axis=1))

    return loss


def _squares(p: Any, d: Any) -> Any:
    h = jnp.tanh(d["x"] @ p["W1"] + p["b1"])
    o = h @ p["W2"] + p["b2"]
    return 0.5 * jnp.sum((o - d["y"]) ** 2) / o.shape[0]


def _attention(p: Any, d: Any) -> Any:
    scores = jnp.einsum("bthd,buhd->bhtu", p["Q"], p["K"]) / np.sqrt(p["Q"].shape[-1])
    return jnp.sum(jnp.einsum("bhtu,buhd->bthd", jax.nn.softmax(scores), p["V"]) * d["G"])


def _norm(p: Any, d: Any) -> Any:
    x = p["x"]
    n = (x - x.mean(1, keepdims=True)) * jax.lax.rsqrt(x.var(1, keepdims=True) + 1e-5)
    return jnp.sum((n * p["g"] + p["c"]) * d["y"])


def _norm_forward(x: Any, g: Any, c: Any) -> Any:
    d = x - x.mean(1, keepdims=True)
    r = jax.lax.rsqrt(jnp.mean(d * d, 1, keepdims=True) + 1e-5)
    n = d * r
    return n * g + c, (n, r, g)


def _norm_backward(kept: Any, dy: Any) -> Any:
    n, r, g = kept
    s = dy * g
    dx = r * (s - s.mean(1, keepdims=True) - n * (s * n).mean(1, keepdims=True))
    return dx, (dy * n).sum(0), dy.sum(0)


def _probabilities(Q: Any, K: Any) -> Any:
    return jax.nn.softmax(jnp.einsum("htd,hud->htu", Q, K) / np.sqrt(Q.shape[-1]))


def _flash_forward(Q: Any, K: Any, V: Any) -> Any:
    return jnp.einsum("htu,hud->htd", _probabilities(Q, K), V), (Q, K, V)


def _flash_backward(kept: Any, dO: Any) -> Any:
    Q, K, V = jax.lax.optimization_barrier(kept)  # else the compiler keeps P
    P = _probabilities(Q, K)
    dP = jnp.einsum("htd,hud->htu", dO, V)
    dS = P * (dP - jnp.sum(P * dP, -1, keepdims=True))
    dQ, dK = jnp.einsum("htu,hud->htd", dS, K), jnp.einsum("htu,htd->hud", dS, Q)
    return dQ / np.sqrt(Q.shape[-1]), dK / np.sqrt(Q.shape[-1]), jnp.einsum("htu,htd->hud", P, dO)


def _installed(
    name: str, layer: Callable[[], Any], forward: Any, backward: Any, params: dict[str, Any], data: dict[str, Any]
) -> Model:
    """A page of equations with its rule, against the same with ``jax.custom_vjp`` by hand; the loss is Σ out · w."""

    def fresh() -> tuple[Any, Any]:
        page = layer()
        hand = jax.custom_vjp(lambda *args: forward(*args)[0])
        hand.defvjp(forward, backward)
        ours = jax.value_and_grad(lambda p, d: jnp.sum(page(**p) * d["w"]))
        theirs = jax.value_and_grad(lambda p, d: jnp.sum(hand(*(p[n] for n in params)) * d["w"]))
        step = jax.jit(ours)  # called as theirs is
        return lambda p, **d: step(p, d), jax.jit(theirs)

    ours, theirs = fresh()
    name = f"{name}, against jax.custom_vjp by hand"
    return Model(name, lambda: ours(params, **data), lambda: theirs(params, data), fresh, params, data)


def _low_rank(p: Any, d: Any) -> Any:
    return 0.5 * jnp.sum((d["x"] @ p["U"] @ p["V"] - d["y"]) ** 2)


def _bilinear(p: Any, d: Any) -> Any:
    return jnp.sum(jnp.einsum("bi,kij,bj->bk", p["x"], p["W"], p["u"]) * d["y"])


def _factors(p: Any, d: Any) -> Any:
    return 0.5 * jnp.sum((d["T"] - p["U"] @ p["V"].T) ** 2)


def model(name: str, text: str, loss: Callable[[Any, Any], Any], params: Any, data: Any, tune: bool = False) -> Model:
    """A text, and the loss that it is the value of as JAX code, at these arrays."""

    def fresh() -> tuple[Any, Any]:
        return tp.value_and_grad(text, wrt=tuple(params), tune=tune), jax.jit(jax.value_and_grad(loss))

    ours, theirs = fresh()
    return Model(name, lambda: ours(params, **data), lambda: theirs(params, data), fresh, params, data)


def models() -> list[Model]:
    """MLPs with softmax cross-entropy and squares, and single layers; sizes and batches as their names say."""
    rng = np.random.default_rng(1)
    made: list[Model] = []
    for sizes, batch in (((784, 512, 512, 10), 128), ((64, 128, 128, 10), 64)):
        x = jnp.asarray(rng.normal(size=(batch, sizes[0])), jnp.float32)
        hard = jnp.asarray(rng.integers(0, sizes[-1], batch), jnp.int32)
        soft = jax.nn.softmax(jnp.asarray(rng.normal(size=(batch, sizes[-1])), jnp.float32))
        name = f"MLP {'-'.join(map(str, sizes))}, batch {batch}"
        for f, act in (("relu", jax.nn.relu), ("tanh", jnp.tanh)):
            p = _weights(sizes)
            made.append(model(f"{name}, {f}, labels", LABELS.format(f=f), _mlp(act, True), p, {"x": x, "y": hard}))
            made.append(model(f"{name}, {f}, soft labels", SOFT.format(f=f), _mlp(act, False), p, {"x": x, "y": soft}))
    x, y = (jnp.asarray(rng.normal(size=(256, n)), jnp.float32) for n in (256, 64))
    name = "MLP 256-256-64, batch 256, tanh, squares"
    made.append(model(name, SQUARES, _squares, _weights((256, 256, 64)), {"x": x, "y": y}))

    def normal(**shapes: tuple[int, ...]) -> dict[str, Any]:
        return {n: jnp.asarray(rng.normal(size=shape), jnp.float32) for n, shape in shapes.items()}

    heads = (4, 128, 4, 32)
    p, d = normal(Q=heads, K=heads, V=heads), normal(G=heads)
    made.append(model("attention, batch 4, 4 heads, T 128, d 32", ATTENTION, _attention, p, d))
    p, d = normal(x=(2048, 256), g=(256,), c=(256,)), normal(y=(2048, 256))
    made.append(model("layer norm, 2048 rows of 256", NORM, _norm, p, d))
    name, p, d = "layer norm with its three-term rule, 2048 rows of 256", p, normal(w=(2048, 256))
    page = lambda: jax_function(tp.Layer(NORM_LAYER, NORM_RULE))  # noqa: E731
    made.append(_installed(name, page, _norm_forward, _norm_backward, p, d))
    name, heads = "attention that keeps no probabilities, 8 heads, T 256, d 32", (8, 256, 32)
    page = lambda: jax_function(tp.Layer(FLASH, FLASH_RULE), save=())  # noqa: E731
    p, d = normal(Q=heads, K=heads, V=heads), normal(w=heads)
    made.append(_installed(name, page, _flash_forward, _flash_backward, p, d))
    p, d = normal(U=(512, 8), V=(8, 512)), normal(x=(256, 512), y=(256, 512))
    made.append(model("low rank 512-8-512, batch 256", LOW_RANK, _low_rank, p, d))
    for n in (64, 128, 256):
        p = normal(W=(n, 4, n), U=(n, 4, n), b=(4, n))
        p, d = {k: a / n**0.5 for k, a in p.items()}, normal(x=(64, 8, n), y=(64, 8, n))
        made.append(model(f"LSTM {n}, T 64, batch 8, against lax.scan", LSTM, lstm, p, d))
    p, d = normal(x=(64, 64), W=(32, 64, 64), u=(64, 64)), normal(y=(64, 32))
    made.append(model("bilinear 64 × 64 → 32, batch 64", BILINEAR, _bilinear, p, d))
    p, d = normal(U=(400, 8), V=(400, 8)), normal(T=(400, 400))
    made.append(model("matrix factorisation 400 × 400, rank 8", FACTORS, _factors, p, d))
    a = rng.normal(size=(200, 400))
    p = {"S": jnp.asarray(a @ a.T / 400 + np.eye(200) / 2, jnp.float32), "m": jnp.zeros(200, jnp.float32)}
    made.append(model("Gaussian log-likelihood, d 200, 100 samples", GAUSS, _gauss, p, normal(x=(100, 200))))
    p = {"s": jnp.float32(1.3), "l": jnp.float32(1.7), "v": jnp.float32(0.3)}
    made.append(model("Gaussian process, n 500", PROCESS, _process, p, normal(x=(500, 3), y=(500,))))
    return made
