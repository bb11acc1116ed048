"""Models of many kinds, each as one would write it: what is measured here was found by trying, not chosen to win."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax, sigmoid, softmax
from jax.scipy.special import logsumexp

from tests.benchmarks.models import Model, model

RNG = np.random.default_rng(7)

MLP = "z_nf = x_nc W_cf + b_f; h_nf = gelu(z_nf); y_no = h_nf U_fo; E = mean_no(y_no^2)"
GRU = """
    z_tbj = σ(x_tbi Wz_ij + h[t-1,b,i] Uz_ij); r_tbj = σ(x_tbi Wr_ij + h[t-1,b,i] Ur_ij)
    g_tbj = tanh(x_tbi Wh_ij + r_tbi h[t-1,b,i] Uh_ij)
    h_tbj = (1 - z_tbj) h[t-1,b,j] + z_tbj g_tbj; h[-1,b,j] = 0; E = mean_tbj(h_tbj^2)
"""
EQUILIBRIUM = """
    h_tnj = tanh(h[t-1,n,i] K_ij + x_nj); h[-1,n,j] = x_nj; dim(t) = 30; E = mean_nj(h[29,n,j]^2)
"""
HIDDEN = """
    a_ij = A_ij - logsumexp_k(A_ik); e_iv = O_iv - logsumexp_w(O_iw)
    f_tbj = logsumexp_i(f[t-1,b,i] + a_ij) + e[j, o_tb]; f[0,b,j] = e[j, o[0,b]]
    E = -mean_b(logsumexp_j(f[99,b,j]))
"""
FIELD = """
    e_tbs = x_tbi W_is; f_tbj = logsumexp_i(f[t-1,b,i] + A_ij) + e_tbj; f[0,b,j] = e[0,b,j]; outside(y) = edge
    E = Σ_b logsumexp_j(f[49,b,j]) - Σ_tb e[t,b,y_tb] - Σ_tb [t > 0] A[y[t-1,b], y_tb]
"""
LENGTHS = """
    q_bthk = x_btc Q_chk; k_bshk = m_bsc R_chk; v_bshk = m_bsc V_chk; e_bhts = q_bthk k_bshk / sqrt(dim(k))
    p_bhts = [s < n_b] exp(e_bhts) / Σ_u [u < n_b] exp(e_bhtu); o_bthk = p_bhts v_bshk; E = mean_bthk(o_bthk^2)
"""
ADDITIVE = """
    a_bth = q_bti A_ih; c_bsh = m_bsi C_ih; e_bts = v_h tanh(a_bth + c_bsh); p_bts = softmax_s(e_bts)
    o_bti = p_bts m_bsi; E = mean_bti(o_bti^2)
"""
RATINGS = "E = mean_n((A[u_n,k] B[v_n,k] - r_n)^2)"
COMPARED = "E = mean_n(softplus(r[j_n] - r[i_n]))"
TRIPLETS = """
    d_n = Σ_k (T[a_n,k] - T[p_n,k])^2; f_n = Σ_k (T[a_n,k] - T[m_n,k])^2; E = mean_n(max(0, d_n - f_n + 1))
"""
GRAPH = """
    a_nf = x_ni W_if; m_nf = Σ_e [r_e = n] a[s_e,f]; h_nf = relu(m_nf); b_nc = h_nf V_fc
    o_nc = Σ_e [r_e = n] b[s_e,c]; E = mean_nc((o_nc - y_nc)^2); dim(n) = dim(x, 0)
"""
MIXTURE = """
    q_k = log(softmax_k(w_k)); e_nk = q_k - Σ_d l_kd - Σ_d (x_nd - m_kd)^2 exp(-2 l_kd) / 2
    E = -mean_n(logsumexp_k(e_nk))
"""
CENTRES = "d_nk = Σ_i (x_ni - c_ki)^2; E = mean_n(min_k(d_nk))"
PAIRS = "d_ij = Σ_k (x_ik - x_jk)^2 + 0.1; w_ij = 1/d_ij^3; E = Σ_ij (w_ij^2 - w_ij)"
HAZARDS = "z_n = x_ni w_i; l_n = log(Σ_m [m ≥ n] exp(z_m)); E = mean_n(l_n - z_n)"
SURVIVAL = "λ_nt = σ(h_nt); S_nt = prod_u(where(u < t, 1 - λ_nu, 1)); E = -Σ_nt e_nt (log(λ_nt) + log(S_nt))"
FLOW = [f"""
    h{k}_nj = tanh(a{k}_ni A{k}_ij); s{k}_ni = tanh(h{k}_nj S{k}_ji); c{k}_ni = b{k}_ni exp(s{k}_ni) + h{k}_nj T{k}_ji
    a{k + 1}_ni = c{k}_ni; b{k + 1}_ni = a{k}_ni
""" for k in range(4)]  # fmt: skip


def _normal(*shape: int, scale: float = 0.1) -> Any:
    return jnp.asarray(scale * RNG.normal(size=shape), jnp.float32)


def _drawn(n: int, *shape: int) -> Any:
    return jnp.asarray(RNG.integers(0, n, shape), jnp.int32)


def _mlp(p: Any, d: Any) -> Any:
    return jnp.mean((jax.nn.gelu(d["x"] @ p["W"] + p["b"], approximate=False) @ p["U"]) ** 2)


def _gru(p: Any, d: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        z = sigmoid(x @ p["Wz"] + h @ p["Uz"])
        r = sigmoid(x @ p["Wr"] + h @ p["Ur"])
        h = (1 - z) * h + z * jnp.tanh(x @ p["Wh"] + (r * h) @ p["Uh"])
        return h, h

    return jnp.mean(jax.lax.scan(step, jnp.zeros_like(d["x"][0]), d["x"])[1] ** 2)


def _equilibrium(p: Any, d: Any) -> Any:
    return jnp.mean(jax.lax.scan(lambda h, _: (jnp.tanh(h @ p["K"] + d["x"]), None), d["x"], None, length=30)[0] ** 2)


def _hidden(p: Any, d: Any) -> Any:
    a, e = log_softmax(p["A"]), log_softmax(p["O"])
    first = e[:, d["o"][0]].T
    last = jax.lax.scan(lambda f, o: (logsumexp(f[:, :, None] + a, 1) + e[:, o].T, None), first, d["o"][1:])[0]
    return -jnp.mean(logsumexp(last, -1))


def _field(p: Any, d: Any) -> Any:
    e, y = d["x"] @ p["W"], d["y"]
    last = jax.lax.scan(lambda f, e: (logsumexp(f[:, :, None] + p["A"], 1) + e, None), e[0], e[1:])[0]
    score = jnp.sum(jnp.take_along_axis(e, y[..., None], -1)) + jnp.sum(p["A"][y[:-1], y[1:]])
    return jnp.sum(logsumexp(last, -1)) - score


def _lengths(p: Any, d: Any) -> Any:
    q = jnp.einsum("btc,chk->bthk", d["x"], p["Q"])
    k, v = (jnp.einsum("btc,chk->bthk", d["m"], p[n]) for n in "RV")
    e = jnp.einsum("bthk,bshk->bhts", q, k) / q.shape[-1] ** 0.5
    here = jnp.arange(k.shape[1]) < d["n"][:, None]
    return jnp.mean(jnp.einsum("bhts,bshk->bthk", softmax(jnp.where(here[:, None, None], e, -1e30)), v) ** 2)


def _additive(p: Any, d: Any) -> Any:
    e = jnp.tanh((d["q"] @ p["A"])[:, :, None] + (d["m"] @ p["C"])[:, None]) @ p["v"]
    return jnp.mean(jnp.einsum("bts,bsi->bti", softmax(e), d["m"]) ** 2)


def _ratings(p: Any, d: Any) -> Any:
    return jnp.mean((jnp.sum(p["A"][d["u"]] * p["B"][d["v"]], -1) - d["r"]) ** 2)


def _compared(p: Any, d: Any) -> Any:
    return jnp.mean(jax.nn.softplus(p["r"][d["j"]] - p["r"][d["i"]]))


def _triplets(p: Any, d: Any) -> Any:
    a, near, far = (p["T"][d[n]] for n in "apm")
    return jnp.mean(jnp.maximum(0, jnp.sum((a - near) ** 2, 1) - jnp.sum((a - far) ** 2, 1) + 1))


def _graph(p: Any, d: Any) -> Any:
    n = d["x"].shape[0]
    h = jax.nn.relu(jax.ops.segment_sum((d["x"] @ p["W"])[d["s"]], d["r"], n))
    return jnp.mean((jax.ops.segment_sum((h @ p["V"])[d["s"]], d["r"], n) - d["y"]) ** 2)


def _mixture(p: Any, d: Any) -> Any:
    far = jnp.sum((d["x"][:, None] - p["m"]) ** 2 * jnp.exp(-2 * p["l"]), -1)
    return -jnp.mean(logsumexp(log_softmax(p["w"]) - jnp.sum(p["l"], -1) - 0.5 * far, -1))


def _centres(p: Any, d: Any) -> Any:
    return jnp.mean(jnp.min(jnp.sum((d["x"][:, None] - p["c"]) ** 2, -1), 1))


def _pairs(p: Any, d: Any) -> Any:
    w = 1 / (jnp.sum((p["x"][:, None] - p["x"]) ** 2, -1) + 0.1) ** 3
    return jnp.sum(w * w - w)


def _hazards(p: Any, d: Any) -> Any:
    z = d["x"] @ p["w"]
    return jnp.mean(jnp.log(jnp.cumsum(jnp.exp(z)[::-1])[::-1]) - z)


def _survival(p: Any, d: Any) -> Any:
    rate = sigmoid(p["h"])
    left = jnp.cumprod(jnp.concatenate([jnp.ones_like(rate[:, :1]), 1 - rate[:, :-1]], 1), 1)
    return -jnp.sum(d["e"] * (jnp.log(rate) + jnp.log(left)))


def _flow(p: Any, d: Any) -> Any:
    a, b, total = d["x"], d["y"], 0.0
    for k in range(4):
        h = jnp.tanh(a @ p[f"A{k}"])
        s = jnp.tanh(h @ p[f"S{k}"])
        a, b, total = b * jnp.exp(s) + h @ p[f"T{k}"], a, total + jnp.sum(s, -1)
    return jnp.mean(0.5 * jnp.sum(a * a + b * b, -1) - total)


def kinds() -> list[Model]:
    """An exact gelu; recurrences; attention to lengths and by addition; tables read by index; differences of pairs."""
    n, f = _normal, _drawn
    flow = "a0_ni = x_ni; b0_ni = y_ni\n" + "\n".join(FLOW)
    flow += "\nE = mean_n(Σ_i (a4_ni^2 + b4_ni^2) / 2 - Σ_i (s0_ni + s1_ni + s2_ni + s3_ni))"
    couplings = {f"{c}{k}": n(*s) for k in range(4) for c, s in (("A", (8, 64)), ("S", (64, 8)), ("T", (64, 8)))}
    rows: list[tuple[str, str, Callable[[Any, Any], Any], dict[str, Any], dict[str, Any]]] = [
        ("MLP 128-128-10, batch 64, gelu", MLP, _mlp, {"W": n(128, 128), "b": n(128), "U": n(128, 10)},
         {"x": n(64, 128, scale=1)}),
        *((f"GRU {h}, T 64, batch 8, against lax.scan", GRU, _gru,
           {f"{m}{g}": n(h, h) for m in "WU" for g in "zrh"}, {"x": n(64, 8, h, scale=1)}) for h in (64, 256)),
        ("deep equilibrium, 30 steps, width 64, batch 32", EQUILIBRIUM, _equilibrium, {"K": n(64, 64)},
         {"x": n(32, 64, scale=1)}),
        ("hidden Markov model, 20 states, T 100, batch 16", HIDDEN, _hidden,
         {"A": n(20, 20, scale=1), "O": n(20, 30, scale=1)}, {"o": f(30, 100, 16)}),
        ("conditional random field, 10 labels, T 50, batch 16", FIELD, _field,
         {"A": n(10, 10, scale=1), "W": n(32, 10)}, {"x": n(50, 16, 32, scale=1), "y": f(10, 50, 16)}),
        ("attention to lengths, batch 4, 4 heads, 64 × 200, d 32", LENGTHS, _lengths,
         {m: n(128, 4, 32) for m in "QRV"},
         {"x": n(4, 64, 128, scale=1), "m": n(4, 200, 128, scale=1), "n": jnp.array([200, 150, 100, 50])}),
        ("additive attention, batch 8, 40 × 60, width 64", ADDITIVE, _additive,
         {"A": n(64, 64), "C": n(64, 64), "v": n(64)}, {"q": n(8, 40, 64, scale=1), "m": n(8, 60, 64, scale=1)}),
        ("factorisation of 4,096 ratings, 5,000 × 3,000, rank 32", RATINGS, _ratings,
         {"A": n(5000, 32), "B": n(3000, 32)}, {"u": f(5000, 4096), "v": f(3000, 4096), "r": n(4096)}),
        ("comparisons of 100 items, 5,000 pairs", COMPARED, _compared, {"r": n(100)},
         {"i": f(100, 5000), "j": f(100, 5000)}),
        ("triplets of 5,000 rows of 64, 512 of them", TRIPLETS, _triplets, {"T": n(5000, 64)},
         {m: f(5000, 512) for m in "apm"}),
        ("graph convolution, 1,000 nodes, 5,000 edges, width 64", GRAPH, _graph, {"W": n(64, 64), "V": n(64, 16)},
         {"x": n(1000, 64, scale=1), "s": f(1000, 5000), "r": f(1000, 5000), "y": n(1000, 16)}),
        ("mixture of 20 Gaussians, 2,000 points of 32", MIXTURE, _mixture,
         {"m": n(20, 32, scale=1), "l": n(20, 32), "w": n(20)}, {"x": n(2000, 32, scale=1)}),
        ("affine couplings, 4 of width 64, batch 1,024", flow, _flow, couplings,
         {"x": n(1024, 8, scale=1), "y": n(1024, 8, scale=1)}),
        ("50 centres, 3,000 points of 16", CENTRES, _centres, {"c": n(50, 16, scale=1)}, {"x": n(3000, 16, scale=1)}),
        ("energy of pairs, 300 points", PAIRS, _pairs, {"x": n(300, 3, scale=3)}, {}),
        ("survival over 50 times, 500 rows", SURVIVAL, _survival, {"h": n(500, 50)},
         {"e": jnp.asarray(RNG.uniform(size=(500, 50)) < 0.1, jnp.float32)}),
        ("proportional hazards, 500 events", HAZARDS, _hazards, {"w": n(50)}, {"x": n(500, 50, scale=1)}),
    ]  # fmt: skip
    return [model(name, text, ref, params, data) for name, text, ref, params, data in rows]
