"""Against what somebody who knows the mathematics writes in JAX: rules by hand, blocks beside a mask, halves of what is
symmetric, blocks of a diagonal alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp
from tests.benchmarks.deep import BLOCK, deep_text
from tests.benchmarks.masked import ATTENTION, CAUSAL
from tests.benchmarks.models import Model
from tests.benchmarks.written import NAMES, arrays
from tests.benchmarks.written import text as written_text

LOGISTIC = "E = Σ_b softplus(-y_b X_bi w_i)"
FACTORS = "E = Σ_mn 1/2 (T_mn - U_mk V_nk)^2"


def _against(name: str, ours: Callable[[], Any], theirs: Any, params: Any, data: Any) -> Model:
    """``ours`` makes a function of (params, **data); ``theirs`` is one of (params, data)."""

    def fresh() -> tuple[Any, Any]:
        return ours(), jax.jit(lambda p, d: theirs(p, d))

    mine, other = fresh()
    return Model(f"{name} by hand", lambda: mine(params, **data), lambda: other(params, data), fresh, params, data)


def _hessian(text: str, wrt: tuple[str, str]) -> Callable[[], Any]:
    def made() -> Any:
        f = tp.compile(tp.derive(text, wrt=wrt))
        return lambda p, **d: f(**{n: a for n, a in {**p, **d}.items() if n in f.inputs})

    return made


def _symmetric(p: Any, d: Any, parts: int = 4) -> Any:
    """Xᵀ diag(s (1 - s)) X in blocks of rows from the diagonal on; what is below it is mirrored."""
    s = jax.nn.sigmoid(d["y"] * (d["X"] @ p["w"]))
    z, n = d["X"] * jnp.sqrt(s * (1 - s))[:, None], d["X"].shape[1]
    e = [k * n // parts for k in range(parts + 1)]
    rows = [z[:, e[k] : e[k + 1]].T @ z[:, e[k] :] for k in range(parts)]
    below = [[rows[j][:, e[k] - e[j] : e[k + 1] - e[j]].T for j in range(k)] for k in range(parts)]
    return jnp.concatenate([jnp.concatenate([*below[k], rows[k]], 1) for k in range(parts)], 0)


def _product(p: Any, d: Any) -> Any:
    s = jax.nn.sigmoid(d["y"] * (d["X"] @ p["w"]))
    return (d["X"] * (s * (1 - s))[:, None]).T @ d["X"]


def _scattered(p: Any, d: Any) -> Any:
    """VᵀV set into the blocks of the diagonal of zeros."""
    (n, k), i = p["U"].shape, jnp.arange(p["U"].shape[0])
    block = jnp.broadcast_to(d["V"].T @ d["V"], (n, k, k))
    return jnp.zeros((n, k, n, k), jnp.float32).at[i, :, i, :].set(block)


def _ruled(axis: int) -> Callable[[Any, Any], Any]:
    """Value and gradients of the residual MLP with the three-term rule, which reads what is saved anyway."""

    def step(p: Any, d: Any) -> Any:
        x, saved = d["a"], list[Any]()
        for k in range(len(p)):
            far = x - x.mean(axis, keepdims=True)
            r = jax.lax.rsqrt((far * far).mean(axis, keepdims=True) + 1e-5)
            n = far * r
            h = n @ p[f"W{k}"]
            x = x + jax.nn.relu(h)
            saved.append((n, r, h))
        off = x - d["y"]
        owed, grads = 2 / off.size * off, dict[str, Any]()
        for k in reversed(range(len(p))):
            n, r, h = saved[k]
            dh = jnp.where(h > 0, owed, 0)
            grads[f"W{k}"] = n.T @ dh
            dn = dh @ p[f"W{k}"].T
            owed = owed + r * (dn - dn.mean(axis, keepdims=True) - n * (dn * n).mean(axis, keepdims=True))
        return jnp.mean(off * off), grads

    return step


def _blocked(p: Any, _: Any, parts: int = 8) -> Any:
    """Causal attention whose rows are taken in blocks with the columns that the mask leaves; there and back."""
    Q, K, V = p["Q"] / 8, p["K"], p["V"]
    T = Q.shape[1]
    e, mask = [k * T // parts for k in range(parts + 1)], np.tril(np.ones((T, T), bool))
    value, dQ, dK, dV = jnp.float32(0), list[Any](), jnp.zeros_like(K), jnp.zeros_like(V)
    for here, end in pairwise(e):
        q, k, v = Q[:, here:end], K[:, :end], V[:, :end]
        s = jnp.where(mask[here:end, :end], jnp.einsum("htd,hud->htu", q, k), -1e30)
        w = jax.nn.softmax(s)
        o = jnp.einsum("htu,hud->htd", w, v)
        value = value + jnp.sum(o * o)
        owed = 2 * o
        dw = jnp.einsum("htd,hud->htu", owed, v)
        ds = w * (dw - jnp.sum(owed * o, -1, keepdims=True))
        dQ.append(jnp.einsum("htu,hud->htd", ds, k) / 8)
        dK = dK.at[:, :end].add(jnp.einsum("htu,htd->hud", ds, q))
        dV = dV.at[:, :end].add(jnp.einsum("htu,htd->hud", w, owed))
    return value, {"Q": jnp.concatenate(dQ, 1), "K": dK, "V": dV}


def _normed(x: Any, g: Any, c: Any) -> tuple[Any, Any, Any]:
    """A layer norm, and what its three-term rule reads."""
    far = x - x.mean(-1, keepdims=True)
    r = jax.lax.rsqrt((far * far).mean(-1, keepdims=True) + 1e-5)
    n = far * r
    return n * g + c, n, r


def _unnormed(owed: Any, saved: list[Any], g: Any) -> tuple[Any, Any, Any]:
    """What is owed to the input of a layer norm, its scale and its shift."""
    (n, r), dn = saved, owed * g
    dx = r * (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True))
    return dx, (owed * n).sum((0, 1)), owed.sum((0, 1))


def _transformer(p: Any, d: Any) -> Any:
    """Value and gradients of the transformer as text: softmax and layer norm by their short rules, products saved."""
    x, saved, layers = d["A"], list[Any](), len(p) // len(NAMES)
    for k in range(layers):
        Q, K, V, P, W, Y = (p[f"{n}{k}"] for n in "QKVOWY")
        n, *first = _normed(x, p[f"g{k}"], p[f"c{k}"])
        q, key, v = (jnp.einsum("bti,ihd->bthd", n, w) for w in (Q, K, V))
        w = jax.nn.softmax(jnp.einsum("bthd,buhd->bhtu", q, key) / np.sqrt(q.shape[-1]))
        o = jnp.einsum("bhtu,buhd->bthd", w, v)
        x = x + jnp.einsum("bthd,hdi->bti", o, P)
        m, *second = _normed(x, p[f"e{k}"], p[f"a{k}"])
        z = m @ W + p[f"b{k}"]
        h = jax.nn.gelu(z, approximate=False)
        x = x + h @ Y + p[f"u{k}"]
        saved.append((n, first, q, key, v, w, o, m, second, z, h))
    off = x - d["G"]
    owed, grads = 2 / off.size * off, dict[str, Any]()
    for k in reversed(range(layers)):
        n, first, q, key, v, w, o, m, second, z, h = saved[k]
        Q, K, V, P, W, Y = (p[f"{name}{k}"] for name in "QKVOWY")
        slope = 0.5 * (1 + jax.lax.erf(z / np.sqrt(2))) + z * jnp.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        dz = (owed @ Y.T) * slope
        grads[f"Y{k}"], grads[f"u{k}"] = jnp.einsum("btf,bti->fi", h, owed), owed.sum((0, 1))
        grads[f"W{k}"], grads[f"b{k}"] = jnp.einsum("bti,btf->if", m, dz), dz.sum((0, 1))
        dr, grads[f"e{k}"], grads[f"a{k}"] = _unnormed(dz @ W.T, second, p[f"e{k}"])
        owed = owed + dr
        do = jnp.einsum("bti,hdi->bthd", owed, P)
        grads[f"O{k}"] = jnp.einsum("bthd,bti->hdi", o, owed)
        dw = jnp.einsum("bthd,buhd->bhtu", do, v)
        ds = w * (dw - jnp.sum(w * dw, -1, keepdims=True)) / np.sqrt(q.shape[-1])
        dq, dk = jnp.einsum("bhtu,buhd->bthd", ds, key), jnp.einsum("bhtu,bthd->buhd", ds, q)
        dv = jnp.einsum("bhtu,bthd->buhd", w, do)
        for name, g in zip("QKV", (dq, dk, dv), strict=True):
            grads[f"{name}{k}"] = jnp.einsum("bti,bthd->ihd", n, g)
        dn = sum(jnp.einsum("bthd,ihd->bti", g, a) for g, a in ((dq, Q), (dk, K), (dv, V)))
        dx, grads[f"g{k}"], grads[f"c{k}"] = _unnormed(dn, first, p[f"g{k}"])
        owed = owed + dx
    return jnp.mean(off * off), {name: grads[name] for name in p}


def experts() -> list[Model]:
    """Hessians, deep residual networks and causal attention against these."""
    rng = np.random.default_rng(11)

    def normal(*shape: int) -> Any:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    made: list[Model] = []
    for n in (300, 1000, 2000):
        p, d = {"w": 0.01 * normal(n)}, {"X": normal(2 * n, n), "y": jnp.sign(normal(2 * n))}
        for way, theirs in (("one product", _product), ("symmetric blocks", _symmetric)):
            name = f"Hessian of logistic regression, n {n}, against {way}"
            made.append(_against(name, _hessian(LOGISTIC, ("w_k", "w_l")), theirs, p, d))
    for n in (100, 200, 400):
        p, d = {"U": normal(n, 5)}, {"V": normal(n, 5), "T": normal(n, n)}
        name = f"Hessian of matrix factorisation, n {n}, rank 5, against scattered blocks"
        made.append(_against(name, _hessian(FACTORS, ("U_ia", "U_jc")), _scattered, p, d))
    d = {"a": normal(256, 128), "y": normal(256, 128)}
    for depth in (24, 48):
        p = {f"W{k}": 0.05 * normal(128, 128) for k in range(depth)}
        for norm, axis, kept, reduced in (("layer", -1, "b", "i"), ("batch", 0, "i", "b")):
            text = deep_text(BLOCK, depth, kept, reduced)
            ours = partial(tp.value_and_grad, text, tuple(p))
            name = f"residual MLP with {norm} norm, depth {depth}, against its three-term rule"
            made.append(_against(name, ours, _ruled(axis), p, d))
    for T in (512, 1024):
        p = {n: normal(8, T, 64) for n in "QKV"}
        text = ATTENTION.format(weights=CAUSAL["where"])
        ours = partial(tp.value_and_grad, text, "Q K V")
        made.append(_against(f"causal attention, 8 heads, T {T}, against 8 blocks", ours, _blocked, p, {}))
    p, d = arrays(24)
    ours = partial(tp.value_and_grad, written_text(24), tuple(p))
    made.append(_against("transformer of 24 layers as text, against softmax and layer norm", ours, _transformer, p, d))
    return made
