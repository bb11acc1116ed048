"""Models whose subscripts are shifted, told by arrays, or compared: CNNs, embeddings, running sums, masks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.benchmarks.models import Model, model
from tests.benchmarks.recurrences import LINEAR, linear

CNN = """
    z1[b,x,y,o] = a[b, x+u-1, y+v-1, c] K1[u,v,c,o] + b1_o; h1[b,x,y,o] = relu(z1[b,x,y,o])
    outside(a) = 0; dim(x) = dim(a,1); dim(y) = dim(a,2)
    p1[b,g,e,o] = max_ij(h1[b, 2g+i, 2e+j, o]); dim(i) = 2; dim(j) = 2
    z2[b,s,t,q] = p1[b, s+m-1, t+n-1, o] K2[m,n,o,q] + b2_q; h2[b,s,t,q] = relu(z2[b,s,t,q])
    outside(p1) = 0; dim(s) = dim(p1,1); dim(t) = dim(p1,2)
    p2[b,k,l,q] = max_ij(h2[b, 2k+i, 2l+j, q]); f_bq = mean_kl(p2[b,k,l,q])
    s_br = f_bq W_qr + d_r; E = mean_b(logsumexp_r(s_br) - s[b, y_b])
"""
EMBEDDING = "e_btd = W[tok_bt, d]; h_btk = tanh(e_btd V_dk); E = h_btk g_btk"
RUNNING = "y_t = Σ_u [u ≤ t] x_u; E = Σ_t g_t sin(y_t)"
SOFTMAX = "p_htu = [u ≤ t] exp(s_htu - max_v s_htv) / Σ_w [w ≤ t] exp(s_htw - max_v s_htv); E = p_htu g_htu"
TRAIN = "y_b = x0_bi G0_ip x1_bj G1_pjq x2_bk G2_qkr x3_bl G3_rls x4_bm G4_smt x5_bn G5_nt; E = y_b y_b"


def _cnn(p: Any, d: Any) -> Any:
    def conv(x: Any, k: Any) -> Any:
        return lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def pool(x: Any) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    h = pool(jax.nn.relu(conv(d["a"], p["K1"]) + p["b1"]))
    h = pool(jax.nn.relu(conv(h, p["K2"]) + p["b2"]))
    logp = jax.nn.log_softmax(h.mean((1, 2)) @ p["W"] + p["d"])
    return -jnp.mean(jnp.take_along_axis(logp, d["y"][:, None], 1))


def _embedding(p: Any, d: Any) -> Any:
    return jnp.sum(jnp.tanh(p["W"][d["tok"]] @ p["V"]) * d["g"])


def _running(p: Any, d: Any) -> Any:
    return jnp.sum(d["g"] * jnp.sin(jnp.cumsum(p["x"])))


def _softmax(p: Any, d: Any) -> Any:
    mask = jnp.tril(jnp.ones(p["s"].shape[1:], bool))
    return jnp.sum(jax.nn.softmax(jnp.where(mask, p["s"], -1e30)) * d["g"])


def _train(p: Any, d: Any) -> Any:
    spec = "bi,ip,bj,pjq,bk,qkr,bl,rls,bm,smt,bn,nt->b"
    return jnp.sum(jnp.einsum(spec, *(part for k in range(6) for part in (d[f"x{k}"], p[f"G{k}"]))) ** 2)


def indexed() -> list[Model]:
    """CNNs of three sizes, an embedding of 50,000 rows, a running sum of 10⁶, linear recurrences, a masked softmax, a
    tensor train."""
    rng = np.random.default_rng(2)
    made: list[Model] = []

    def normal(*shape: int) -> Any:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    for batch, n, one, two in ((8, 16, 8, 16), (16, 28, 16, 32), (16, 32, 32, 64)):
        p = {"K1": 0.2 * normal(3, 3, 3, one), "b1": normal(one), "K2": 0.1 * normal(3, 3, one, two), "b2": normal(two)}
        p |= {"W": normal(two, 10), "d": normal(10)}
        data = {"a": normal(batch, n, n, 3), "y": jnp.asarray(rng.integers(0, 10, batch))}
        name = f"CNN 3-{one}-{two}, {n} × {n}, max pooling, batch {batch}"
        made.append(model(name, CNN, _cnn, p, data))
    tok = jnp.asarray(rng.integers(0, 50_000, (16, 64)))
    p, data = {"W": normal(50_000, 64), "V": normal(64, 64)}, {"tok": tok, "g": normal(16, 64, 64)}
    made.append(model("embedding of 50,000 rows of 64, 1,024 tokens", EMBEDDING, _embedding, p, data))
    made.append(model("running sum of 10⁶", RUNNING, _running, {"x": normal(10**6)}, {"g": normal(10**6)}))
    for T, K in ((1024, 1024), (65_536, 4)):
        p, data = {"a": 0.9 * jnp.tanh(normal(T, K))}, {"x": normal(T, K), "g": normal(K), "y": normal(T, K)}
        name = f"linear recurrence, {T} steps of {K}, against lax.associative_scan"
        made.append(model(name, LINEAR, linear, p, data))
    p, data = {"s": normal(8, 256, 256)}, {"g": normal(8, 256, 256)}
    made.append(model("masked softmax by hand, 8 × 256 × 256", SOFTMAX, _softmax, p, data))
    p = {f"G{k}": 0.3 * normal(*((12, 8) if k == 0 else (8, 12) if k == 5 else (8, 12, 8))) for k in range(6)}
    p["G5"] = p["G5"].T
    data = {f"x{k}": normal(256, 12) for k in range(6)}
    name = "tensor train of 6 cores, batch 256, all gradients"
    made.append(model(name, TRAIN, _train, p, data))
    made.append(model(f"{name}, tune=True", TRAIN, _train, p, data, tune=True))
    return made
