"""JAX code read into equations: the same values, the same gradients, and what a person would have written."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import tensorprop as tp
from tensorprop.core.equation import System
from tensorprop.errors import ComplexConvention, TensorpropError, UnreadableFunction, UsageError
from tensorprop.run.api import compile, value_and_grad
from tensorprop.text import parse, show
from tensorprop.trace.jax_read import from_jax
from tests.strategies import some
from tests.uncompiled import uncompiled

F = jax.ShapeDtypeStruct
LETTERS = "abcdefghijklmnpqtuv"
TRACED = dict(zip(LETTERS, (6, 5, 7, 8, 3, 11, 13, 4, 10, 12, 9, 14, 15, 16, 17, 18, 19, 20, 21), strict=True))
OTHER = dict(zip(LETTERS, (4, 3, 2, 5, 6, 7, 3, 2, 5, 4, 6, 3, 2, 4, 5, 3, 6, 4, 5), strict=True))

Spec = str
"""Arguments by position: ``"bi ij j b<c 5"`` is a matrix, a matrix, a vector, whole numbers below the size c over b."""


def shapes(spec: Spec, sizes: dict[str, int]) -> list[tuple[tuple[int, ...], int | None]]:
    """The shape of each argument, and the limit of whole numbers."""
    out: list[tuple[tuple[int, ...], int | None]] = []
    for word in spec.split():
        letters, _, below = word.partition("<")
        out.append((tuple(sizes[i] for i in letters if i != "."), sizes[below] if below else None))
    return out


def structs(spec: Spec, sizes: dict[str, int] = TRACED) -> list[Any]:
    return [F(shape, "int32" if below else "float64") for shape, below in shapes(spec, sizes)]


def arrays(spec: Spec, sizes: dict[str, int], seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [
        jnp.asarray(rng.integers(0, below, shape), jnp.int32) if below else jnp.asarray(rng.normal(size=shape))
        for shape, below in shapes(spec, sizes)
    ]


def names(fn: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(fn).parameters)


def read(fn: Callable[..., Any], *args: Any, **more: Any) -> System:
    """The System, which is also what its text says."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = from_jax(fn, *args, **more)
    assert parse(show(s)) is s
    return s


def run(s: System, fn: Callable[..., Any], args: list[Any], backend: str) -> Any:
    given = dict(zip(names(fn), args, strict=True))
    out = compile(s, backend=backend)(**{n: a for n, a in given.items() if n in s.inputs})  # type: ignore[arg-type]
    return out


def near(ours: Any, theirs: Any) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


# --------------------------------------------------------------------------- the table
def dense(x, W, b):
    return jnp.tanh(x @ W + b)


def relu_mlp(x, W1, b1, W2, b2):
    return jax.nn.relu(x @ W1 + b1) @ W2 + b2


def gelu_mlp(x, W1, b1, W2, b2):
    return jax.nn.gelu(x @ W1 + b1) @ W2 + b2


def soft_labels(s, t):
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(s), axis=-1))


def one_hot_labels(s, y):
    return -jnp.mean(jnp.sum(jax.nn.one_hot(y, s.shape[-1]) * jax.nn.log_softmax(s), axis=-1))


def label_entries(s, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(s), y[:, None], axis=1))


def label_rows(s, y):
    return -jnp.mean(jax.nn.log_softmax(s)[jnp.arange(s.shape[0]), y])


def layer_norm(x, g, b):
    m = x.mean(-1, keepdims=True)
    v = x.var(-1, keepdims=True)
    return (x - m) / jnp.sqrt(v + 1e-5) * g + b


def layer_norm_by_hand(x, g, b):
    m = jnp.mean(x, -1, keepdims=True)
    v = jnp.mean(jnp.square(x - m), -1, keepdims=True)
    return (x - m) * lax.rsqrt(v + 1e-5) * g + b


def rms_norm(x, g):
    return x * lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6) * g


def attention(q, k, v):
    return jax.nn.softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v


def causal(x, Wq, Wk, Wv):
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    s = jnp.einsum("btd,bud->btu", q, k) / jnp.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones(s.shape[1:], bool))
    return jax.nn.softmax(jnp.where(mask, s, -1e9)) @ v


def causal_by_infinity(q, k, v):
    s = jnp.einsum("btd,bud->btu", q, k)
    t = jnp.arange(s.shape[1])
    return jax.nn.softmax(jnp.where(t[:, None] >= t, s, -jnp.inf), axis=-1) @ v


def stable_softmax(x):
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def swiglu(x, W, V, U):
    return (jax.nn.silu(x @ W) * (x @ V)) @ U


def residual(x, W, V):
    return x + jax.nn.relu(x @ W) @ V


def regression(x, W, t):
    return jnp.mean((x @ W - t) ** 2)


def half_squares(x, W, t):
    return 0.5 * jnp.sum((x @ W - t) ** 2) / x.shape[0]


def covariance(x):
    d = x - x.mean(0)
    return d.T @ d / x.shape[0]


def contrastive(u, v):
    u = u / jnp.linalg.norm(u, axis=-1, keepdims=True)
    v = v / jnp.linalg.norm(v, axis=-1, keepdims=True)
    s = u @ v.T
    return jnp.mean(jax.nn.logsumexp(s, axis=1)) - jnp.mean(jnp.sum(u * v, -1))


def hinge(s, t):
    return jnp.sum(jnp.maximum(0, 1 - s * t))


def huber(x, t):
    d = jnp.abs(x - t)
    return jnp.sum(jnp.where(d < 1, 0.5 * d**2, d - 0.5))


def logistic_loss(x, w, t):
    z = x @ w
    return jnp.mean(jax.nn.softplus(z) - t * z)


def machine(x, w, V):
    return x @ w + 0.5 * jnp.sum((x @ V) ** 2 - x**2 @ V**2, axis=-1)


def several_heads(q, k, v):
    s = jnp.einsum("btnd,bund->bntu", q, k) / jnp.sqrt(q.shape[-1])
    return jnp.einsum("bntu,bund->btnd", jax.nn.softmax(s), v)


def per_example(W, x):
    return jax.vmap(lambda r: jnp.tanh(W @ r))(x)


def spec(s: str) -> Callable[..., Any]:
    """jnp.einsum with operands called A, B, C."""
    two: Callable[..., Any] = lambda A, B: jnp.einsum(s, A, B)  # noqa: E731
    three: Callable[..., Any] = lambda A, B, C: jnp.einsum(s, A, B, C)  # noqa: E731
    return (lambda A: jnp.einsum(s, A), two, three)[s.count(",")]


TABLE: list[tuple[str, Callable[..., Any], Spec, str]] = [
    ("dense", dense, "bi ij j", "z_bj = x_bi W_ij + b_j; y_bj = tanh(z_bj)"),
    ("relu mlp", relu_mlp, "bi ij j jk k",
     "z1_bj = x_bi W1_ij + b1_j; h1_bj = relu(z1_bj); y_bk = h1_bj W2_jk + b2_k"),
    ("gelu mlp", gelu_mlp, "bi ij j jk k",
     "z1_bj = x_bi W1_ij + b1_j; h1_bj = gelu_tanh(z1_bj); y_bk = h1_bj W2_jk + b2_k"),
    ("soft labels", soft_labels, "bc bc", "y = -mean_b(t_bc logsoftmax_c(s_bc))"),
    ("one-hot labels", one_hot_labels, "bc b<c", "E = -mean_b([y_b = c] logsoftmax_c(s_bc))"),
    ("label entries", label_entries, "bc b<c", "E = -mean_b([y_b = c] logsoftmax_c(s_bc))"),
    ("label rows", label_rows, "bc b<c", "E = -mean_b([y_b = c] logsoftmax_c(s_bc))"),
    ("layer norm", layer_norm, "bi i i",
     "y_bi = (x_bi - mean_j(x_bj)) / sqrt(var_j(x_bj) + 1e-5) · g_i + b_i"),
    ("layer norm by hand", layer_norm_by_hand, "bi i i",
     "y_bi = (x_bi - mean_j(x_bj)) rsqrt(var_j(x_bj) + 1e-5) g_i + b_i"),
    ("rms norm", rms_norm, "bi i", "y_bi = x_bi rsqrt(mean_j(x_bj^2) + 1e-6) g_i"),
    ("attention", attention, "td ud uj",
     "s_tu = q_ti k_ui / sqrt(dim(i)); p_tu = softmax_u(s_tu); y_tj = p_tu v_uj"),
    ("causal", causal, "bti ij ij ik",
     "q_btj = x_bti Wq_ij; k_btj = x_bti Wk_ij; v_btk = x_bti Wv_ik; s_btu = q_btj k_buj / sqrt(dim(j))\n"
     "p_btu = softmax_u(where([t ≥ u], s_btu, -1000000000)); y_btk = p_btu v_buk"),
    ("causal by infinity", causal_by_infinity, "btd btd btj",
     "s_btu = q_bti k_bui; p_btu = [t ≥ u] exp(s_btu) / Σ_v [t ≥ v] exp(s_btv); y_btj = p_btu v_buj"),
    ("heads", several_heads, "btnd bund bund", ""),
    ("softmax", lambda x: jax.nn.softmax(x), "bc", "y_bc = softmax_c(x_bc)"),
    ("softmax along rows", lambda x: jax.nn.softmax(x, axis=0), "bc", ""),
    ("stable softmax", stable_softmax, "bc", "y_bc = softmax_c(x_bc)"),
    ("log softmax", lambda x: jax.nn.log_softmax(x), "bc", "y_bc = logsoftmax_c(x_bc)"),
    ("log-sum-exp", lambda x: jax.nn.logsumexp(x, axis=-1), "bc", "y_b = logsumexp_c(x_bc)"),
    ("log-sum-exp of all", lambda x: jax.nn.logsumexp(x), "bc", ""),
    ("matrix product", lambda A, B: A @ B, "ij jk", "y_ik = A_ij B_jk"),
    ("batched product", lambda A, B: A @ B, "bij bjk", "y_ijl = A_ijk B_ikl"),
    ("gram", lambda x: x @ x.T, "bi", "y_ik = x_ij x_kj"),
    ("square", lambda A: A @ A, "ii", "y_ij = A_ik A_kj"),
    ("symmetric part", lambda A: (A + A.T) / 2, "ii", ""),
    ("trace", lambda A: jnp.trace(A), "ii", "y = A_ii"),
    ("diagonal", lambda A: jnp.diagonal(A), "ii", "y_i = A_ii"),
    ("from a diagonal", lambda v: jnp.diag(v), "i", "y_ij = δ_ij v_i"),
    ("plus identity", lambda A: A + 0.1 * jnp.eye(A.shape[0]), "ii", "y_ij = A_ij + 0.1 δ_ij"),
    ("lower triangle", lambda A: jnp.tril(A), "ii", ""),
    ("strict upper", lambda A: jnp.triu(A, 1), "ii", ""),
    ("cumulative sum", lambda x: jnp.cumsum(x) * x, "i", ""),
    ("bilinear", lambda x, A, y: x @ A @ y, "i ij j", "E = x_i A_ij y_j"),
    ("outer", lambda x, w: jnp.outer(x, w), "i j", "y_ij = x_i w_j"),
    ("low rank", lambda x, W, A, B: x @ W + 0.5 * (x @ A) @ B, "bi ij ik kj",
     "y_bj = x_bi W_ij + 1/2 x_bi A_ik B_kj"),
    ("gated", lambda x, W, V: (x @ W) * jax.nn.sigmoid(x @ V), "bi ij ij",
     "z1_bj = x_bi W_ij; z2_bj = x_bi V_ij; y_bj = z1_bj σ(z2_bj)"),
    ("swiglu", swiglu, "bi ij ij jk",
     "z1_bj = x_bi W_ij; z2_bj = x_bi V_ij; g_bj = silu(z1_bj) z2_bj; y_bk = g_bj U_jk"),
    ("residual", residual, "bi ij ji", "z_bj = x_bi W_ij; h_bj = relu(z_bj); y_bi = x_bi + h_bj V_ji"),
    ("regression", regression, "bi ij bj", "r_bj = x_bi W_ij - t_bj; y = mean_bj(r_bj^2)"),
    ("half squares", half_squares, "bi ij bj", "r_bj = x_bi W_ij - t_bj; y = 1/2 (Σ_bj r_bj^2) / dim(b)"),
    ("mean", lambda x: x.mean(), "bi", "y = mean_bi(x_bi)"),
    ("mean of rows", lambda x: x.mean(0), "bi", "y_i = mean_b(x_bi)"),
    ("variance", lambda x: jnp.var(x, axis=1), "bi", "y_b = var_i(x_bi)"),
    ("standardise", lambda x: (x - x.mean(0)) / x.std(0), "bi", ""),
    ("covariance", covariance, "bi", "d_bi = x_bi - mean_n(x_ni); y_ij = d_bi d_bj / dim(b)"),
    ("norm", lambda x: x / jnp.linalg.norm(x, axis=-1, keepdims=True), "bi", "y_bi = x_bi / sqrt(x_bj x_bj)"),
    ("contrastive", contrastive, "bi bi", ""),
    ("hinge", hinge, "b b", ""),
    ("huber", huber, "b b", ""),
    ("logistic", logistic_loss, "bi i b", ""),
    ("factorisation machine", machine, "bi i ik", ""),
    ("per example", per_example, "ij bj", "z_bi = x_bj W_ij; y_bi = tanh(z_bi)"),
    ("maximum", lambda x: x.max(1), "bi", "y_b = max_i(x_bi)"),
    ("minimum of all", lambda x: x.min(), "bi", ""),
    ("product", lambda x: jnp.prod(x, axis=1), "bi", "y_b = prod_i(x_bi)"),
    ("argmax", lambda x: jnp.argmax(x, axis=1), "bi", "y_b = argmax_i(x_bi)"),
    ("where", lambda x: jnp.where(x > 0, x, 0.01 * x), "i", "y_i = where([x_i > 0], x_i, 0.01 x_i)"),
    ("gate by sign", lambda x, w: jnp.where(x > 0, w, 0), "i i", "y_i = [x_i > 0] w_i"),
    ("not both", lambda x, w: jnp.where(~((x > 0) & (w > 0)), x, w), "i i", ""),
    ("either", lambda x, w: jnp.where((x > 0) | (w > 0), x * w, x), "i i", ""),
    ("clip", lambda x: jnp.clip(x, -1, 1), "i", ""),
    ("powers", lambda x: x**3 - 2 * x + 1 / (1 + x**2) + jnp.abs(x) ** 1.5, "i", ""),
    ("functions", lambda x: jnp.sin(x) * jnp.cosh(x) + jnp.arctan(x) - lax.erf(x) + jnp.sign(x) * jnp.log1p(x * x),
     "i", ""),
    ("activations",
     lambda x: jax.nn.elu(x) + jax.nn.selu(x) + jax.nn.leaky_relu(x) + jax.nn.mish(x) + jax.nn.soft_sign(x)
     + jax.nn.log_sigmoid(x) + jax.nn.softplus(x) + jax.nn.silu(x), "i",
     "y_i = elu(x_i) + selu(x_i) + leaky_relu(x_i) + mish(x_i) + softsign(x_i) + logsigmoid(x_i) + softplus(x_i) "
     "+ silu(x_i)"),
    ("exact gelu", lambda x: jax.nn.gelu(x, approximate=False), "bi", "y_bi = gelu(x_bi)"),
    ("first row", lambda x: x[0] * x[1], "bi", "y_i = x[0, i] x[1, i]"),
    ("a row axis", lambda x, b: x[:, None, :] - b[None, :, :], "bi ji", "y_bji = x_bi - b_ji"),
    ("there and back", lambda x: jnp.sum(x.reshape(x.shape[0] * x.shape[1], -1), 0), "bik", ""),
    ("nothing added", lambda x: x * 2 + 0 * x, "i", "y_i = 2 x_i"),
    ("einsum 1", spec("ij->ji"), "ij", "y_ji = A_ij"),
    ("einsum 2", spec("ii->i"), "ii", "y_i = A_ii"),
    ("einsum 3", spec("ij,kj->ik"), "ij kj", "y_ik = A_ij B_kj"),
    ("einsum 4", spec("bij,bjk->bik"), "bij bjk", ""),
    ("einsum 5", spec("i,j,k->ijk"), "i j k", ""),
    ("einsum 6", spec("bi,bj,bk->ijk"), "bi bj bk", ""),
    ("einsum 7", spec("ijk,ijk->"), "ijk ijk", "y = A_ijk B_ijk"),
    ("einsum 8", spec("ij->"), "ij", "y = Σ_ij A_ij"),
    ("einsum 9", spec("ijij->ij"), "ijij", ""),
    ("einsum 10", spec("ij,jk,kl->il"), "ij jk kl", "y_il = A_ij B_jk C_kl"),
]  # fmt: skip


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("fn, args, text", [c[1:] for c in TABLE], ids=[c[0] for c in TABLE])
def test_value_and_text(fn: Callable[..., Any], args: Spec, text: str) -> None:
    s = read(fn, *structs(args), verify=False)
    if text:
        assert str(s) == text.replace("; ", "\n")
    given = arrays(args, OTHER)
    want = uncompiled(fn)(*given)
    for backend in ("numpy", "jax"):
        near(run(s, fn, given, backend), want)


GRADIENTS = [c for c in TABLE if c[0] not in ("argmax", "cumulative sum")]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("fn, args", [c[1:3] for c in GRADIENTS], ids=[c[0] for c in GRADIENTS])
def test_gradient(fn: Callable[..., Any], args: Spec) -> None:
    s = read(fn, *structs(args), verify=False)
    given = arrays(args, OTHER, seed=1)
    (y,) = s.outputs
    G = jnp.asarray(np.random.default_rng(2).normal(size=jax.eval_shape(fn, *given).shape))
    letters = "".join(s[y].letters)
    entry = f"{y}_{letters}" if letters else y
    weighted = s + parse(f"Q9 = Σ_{letters} R9_{letters} {entry}" if letters else f"Q9 = R9 {entry}")
    floats = [n for n, a in zip(names(fn), given, strict=True) if jnp.issubdtype(a.dtype, jnp.floating)]
    data = dict(zip(names(fn), given, strict=True)) | {"R9": G}
    wrt = [n for n in floats if n in s.inputs]
    _, grads = uncompiled(value_and_grad(weighted, wrt, of="Q9"))({n: data.pop(n) for n in wrt}, **data)
    where = tuple(names(fn).index(n) for n in wrt)
    want = uncompiled(jax.grad(lambda *a: jnp.sum(fn(*a) * G), argnums=where))(*given)
    for n, w in zip(wrt, want, strict=True):
        near(grads[n], w)


# --------------------------------------------------------------------------- what is read and not run yet


def heads(x, Wq, Wk, Wv, Wo):
    B, T, D = x.shape
    q, k, v = ((x @ W).reshape(B, T, 2, D // 2) for W in (Wq, Wk, Wv))
    s = jnp.einsum("bthd,buhd->bhtu", q, k) / jnp.sqrt(D // 2)
    o = jnp.einsum("bhtu,buhd->bthd", jax.nn.softmax(s), v)
    return o.reshape(B, T, D) @ Wo


def test_axes_divided_and_made_one() -> None:
    square = [F((6, 6), "float32")] * 4
    s = read(heads, F((3, 5, 6), "float32"), *square, verify=False)
    assert str(s).split("\n") == [
        "q_btjk = x_bti Wq[i, dim(x, 2)/2 j+k]",
        "k_btjk = x_bti Wk[i, dim(x, 2)/2 j+k]",
        "v_btjl = x_bti Wv[i, dim(x, 2)/2 j+l]",
        "s_bjtu = q_btjk k_bujk / sqrt(1/2 dim(x, 2))",
        "p_bjtu = softmax_u(s_bjtu)",
        "y_btm = p_bjtu v_bujl Wo[dim(x, 2)/2 j+l, m]",
        "dim(j) = 2",
        "dim(k) = 1/2 dim(x, 2)",
        "dim(l) = 1/2 dim(x, 2)",
    ]
    assert str(read(lambda x, W: x.reshape(5, -1) @ W, F((5, 3, 4), "float32"), F((12, 7), "float32"))) == (
        "y_bj = x_bti W[4t+i, j]"
    )
    twice = read(lambda x: x.reshape(5, 3, 4).reshape(5, 12) * 2, F((5, 12), "float32"))
    assert str(twice) == "y_bi = 2 x_bi"
    assert str(read(lambda x: x.reshape(5, 1, 3)[:, 0], F((5, 3), "float32"))) == "y_bi = x_bi"


@pytest.mark.usefixtures("x64")
def test_lookups() -> None:
    def embed(E, tok, W):
        return jnp.tanh(E[tok] @ W)

    s = read(embed, *structs("ci bt<c ij"))
    assert str(s) == "z_btj = E[tok_bt, i] W_ij\ny_btj = tanh(z_btj)"
    assert str(read(lambda E, tok: jnp.take(E, tok, axis=0), *structs("ci bt<c"))) == "y_bti = E[tok_bt, i]"
    assert str(read(lambda w, k: w[k], *structs("i b<i"))) == "y_i = w[k_i]"
    given = arrays("ci bt<c ij", OTHER)
    near(run(s, embed, given, "numpy"), embed(*given))


def test_tied_language_model() -> None:
    def loss(E, tok, target):
        logp = jax.nn.log_softmax(jnp.tanh(E[tok]) @ E.T)
        return -jnp.mean(jnp.take_along_axis(logp, target[..., None], axis=-1))

    s = read(loss, *structs("ci bt<c bt<c"))
    assert str(s).split("\n") == [
        "h_bti = tanh(E[tok_bt, i])",
        "s_btc = h_bti E_ci",
        "y = -mean_bt([target_bt = c] logsoftmax_c(s_btc))",
    ]


# --------------------------------------------------------------------------- names and trees
def layers(params, x):
    for p in params[:-1]:
        x = jnp.tanh(x @ p["W"] + p["b"])
    return x @ params[-1]["W"] + params[-1]["b"]


def pairs(params, x):
    for W, b in params:
        x = jax.nn.relu(x @ W + b)
    return x


f32 = partial(F, dtype="float32")


def test_trees_give_names() -> None:
    one = {"W": f32((5, 7)), "b": f32((7,))}
    two = {"W": f32((7, 4)), "b": f32((4,))}
    assert str(read(layers, [one, two], f32((6, 5)))).split("\n") == [
        "z^(0)_bj = x_bi W^(0)_ij + b^(0)_j",
        "h^(0)_bj = tanh(z^(0)_bj)",
        "y_bk = h^(0)_bj W^(1)_jk + b^(1)_k",
    ]
    assert read(pairs, [tuple(one.values()), tuple(two.values())], f32((6, 5))).inputs == (
        "x", "W^(0)", "b^(0)", "W^(1)", "b^(1)",
    )  # fmt: skip
    flat = read(lambda p, x: x @ p["W"] + p["b"], one, f32((6, 5)))
    assert str(flat) == "y_bj = x_bi W_ij + b_j"
    nested = {"enc": {"kernel": f32((5, 7))}, "dec": {"kernel": f32((7, 3))}}
    s = read(lambda p, x: jnp.tanh(x @ p["enc"]["kernel"]) @ p["dec"]["kernel"], nested, f32((6, 5)))
    assert s.inputs == ("x", "kernel^(enc)", "kernel^(dec)")
    assert read(lambda *ws: ws[0] @ ws[1], f32((5, 3)), f32((3, 4))).inputs == ("ws^(0)", "ws^(1)")
    assert read(lambda w_in, x: w_in * x, f32((5,)), f32((5,))).inputs == ("wIn", "x")
    assert read(lambda exp, delta: exp @ delta, f32((5, 3)), f32((3,))).inputs == ("exp1", "delta1")
    assert read(lambda x, rate: x * rate, f32((5,)), 0.1).inputs == ("x", "rate")


def test_outputs_have_names() -> None:
    x = f32((6, 5))
    assert read(lambda x: {"m": x.mean(0), "total": x.sum()}, x).outputs == ("m", "total")
    assert read(lambda x: (x.mean(0), 2 * x), x).outputs == ("y1", "y2")
    assert read(lambda x, y: jnp.sum(x * y), x, x).outputs == ("E",)
    s = read(lambda x: (x, x), x)
    assert str(s) == "y1_bi = x_bi\ny2_bi = x_bi"


def test_names_on_request() -> None:
    def layer(x, W):
        return jnp.tanh(x @ W)

    args = f32((6, 5)), f32((5, 7))
    assert str(read(layer, *args, names="a V -> h")) == "z_bj = a_bi V_ij\nh_bj = tanh(z_bj)"
    assert str(read(layer, *args, names=["a", "V"])) == "z_bj = a_bi V_ij\ny_bj = tanh(z_bj)"
    assert str(read(layer, *args, names={"W": "V", "z": "s", "y": "h"})) == "s_bj = x_bi V_ij\nh_bj = tanh(s_bj)"
    for names in ("a", "a V -> h g", "a a", "a exp", {"W": "2"}, "a V ->"):
        with pytest.raises(UsageError):
            from_jax(layer, *args, names=names)


def test_data_and_trees_evaluate() -> None:
    rng = np.random.default_rng(0)
    params = [{"W": rng.normal(size=(5, 7)), "b": rng.normal(size=7)}, {"W": rng.normal(size=(7, 4)), "b": np.ones(4)}]
    x = rng.normal(size=(6, 5))
    s = read(layers, params, x)
    given = {f"{n}^({k})": a for k, p in enumerate(params) for n, a in p.items()}
    got = compile(s, backend="numpy")(x=x, **given)
    assert np.allclose(got, layers(params, x), atol=1e-4)


# --------------------------------------------------------------------------- numbers, sizes, notes
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.usefixtures("x64")
def test_numbers_are_the_shortest(dtype: str) -> None:
    assert str(read(lambda x: 0.1 * x + 1e-5, F((5,), dtype))) == "y_i = 0.1 x_i + 1e-5"
    assert str(read(lambda x: x / 3 - 1.5, F((7,), dtype))) == "y_i = 1/3 x_i - 3/2"


@pytest.mark.parametrize("fn, text", [
    (lambda x: jnp.sum(x) / x.shape[0],         "y = (Σ_bi x_bi) / dim(b)"),
    (lambda x: jnp.sum(x) / 6,                  "y = 1/6 Σ_bi x_bi"),
    (lambda x: jnp.sum(x) / x.size,             "y = mean_bi(x_bi)"),
    (lambda x: jnp.sum(x) / 30,                 "y = 1/30 Σ_bi x_bi"),
    (lambda x: jnp.sum(x) / 7,                  "y = 1/7 Σ_bi x_bi"),
    (lambda x: jnp.sum(x, 1) / x.shape[1],      "y_b = mean_i(x_bi)"),
    (lambda x: jnp.sum(x, 1) / 5,               "y_b = 0.2 Σ_i x_bi"),
    (lambda x: jnp.sum(x, 1) / x.shape[0],      "y_b = (Σ_i x_bi) / dim(b)"),
    (lambda x: x @ x.T / jnp.sqrt(x.shape[1]),  "y_ik = x_ij x_kj / sqrt(dim(j))"),
    (lambda x: x @ x.T / jnp.sqrt(5),           "y_ik = x_ij x_kj / sqrt(5)"),
])  # fmt: skip
def test_counts(fn: Callable[..., Any], text: str) -> None:
    assert str(read(fn, f32((6, 5)))) == text


def test_a_mean_of_two_is_a_mean() -> None:
    assert str(read(lambda x: x.mean(1), f32((5, 2)))) == "y_b = mean_i(x_bi)"
    assert str(read(lambda x: x.sum(1) / 2, f32((5, 2)))) == "y_b = 1/2 Σ_i x_bi"


@jax.custom_vjp
def by_hand(x):
    return jnp.sin(x)


by_hand.defvjp(lambda x: (by_hand(x), x), lambda x, g: (g * jnp.cos(x),))


@pytest.mark.parametrize("fn, text, words", [
    (lambda x: x @ np.arange(10.0).reshape(5, 2), "y_bj = x_bi const1_ij", ("closes over", "(5, 2)")),
    (lambda x: by_hand(x),                    "y_bi = sin(x_bi)",       ("rule of its own", "test_from_jax.py")),
    (lambda x: x.sum(1, keepdims=True),       "y_b = Σ_i x_bi",         ("size 1",)),
])  # fmt: skip
def test_notes(fn: Callable[..., Any], text: str, words: tuple[str, ...]) -> None:
    with pytest.warns(UserWarning) as caught:
        s = from_jax(fn, f32((6, 5)))
    assert str(s) == text
    assert all(w in str(caught[0].message) for w in words)
    assert caught[0].filename == __file__


def test_the_logarithm_of_a_determinant_alone() -> None:
    assert str(read(lambda A: jnp.linalg.slogdet(A)[1], f32((4, 4)))) == "y = logdet(A)"


def test_constants_in_the_notation_are_read_without_a_word() -> None:
    assert str(read(lambda x: lax.stop_gradient(x) * x, f32((6, 5)))) == "y_bi = stop(x_bi) x_bi"
    assert str(read(lambda x: jnp.where(jnp.isfinite(x), x, 0.0), f32((6, 5)))) == "y_bi = where(finite(x_bi), x_bi, 0)"


def test_constants_that_are_brackets() -> None:
    x = f32((5, 5))
    assert str(read(lambda x: x + np.eye(5), x)) == "y_ij = x_ij + δ_ij"
    assert str(read(lambda x: x * np.tril(np.ones((5, 5))), x)) == "y_tu = x_tu [t ≥ u]"
    assert str(read(lambda x: x * np.full((5, 5), 2.0), x)) == "y_bi = 2 x_bi"
    assert str(read(lambda x: x @ np.eye(5), x)) == "y_bi = x_bi"


@pytest.mark.parametrize("fn, shape, text", [
    (lambda x: jnp.broadcast_to(x, (7, 5)),                       ((5,),),   "y_ji = [j < 7] x_i\ndim(j) = 7"),
    (lambda x: jnp.eye(4),                                        ((5,),),   "y_ij = δ_ij\ndim(i) = 4\ndim(j) = 4"),
    (lambda x: jnp.convolve(x, jnp.ones(3) / 3, mode="valid"),    ((6,),),
     "y_i = Σ_j 1/3 x[i+j]\ndim(i) = dim(x, 0) - 2\ndim(j) = 3"),
])  # fmt: skip
def test_a_size_that_no_tensor_has_is_stated(
    fn: Callable[..., Any], shape: tuple[tuple[int, ...], ...], text: str
) -> None:
    assert str(read(fn, *map(f32, shape))) == text


# --------------------------------------------------------------------------- what is refused
def looped(x):
    return lax.while_loop(lambda c: jnp.sum(c) < 9, lambda c: 2 * c, x)


@pytest.mark.parametrize("fn, shape, error, words", [
    (looped,                                  ((5,),),        UnreadableFunction, ("while", "test_from_jax.py")),
    (lambda x: jnp.nextafter(x, 1.0),         ((5,),),        UnreadableFunction, ("nextafter", "test_from_jax.py")),
    (lambda x: x.reshape(9, 4),               ((6, 6),),      UnreadableFunction, ("reshape",)),
    (lambda x: jnp.frexp(x)[0],               ((5,),),        UnreadableFunction, ("reads the bits",)),
    (lambda x: jnp.fft.fft(x),                ((5,),),        UnreadableFunction, ("fft", "matrix of the transform")),
    (lambda x: x.astype(int),                 ((5,),),        UnreadableFunction, ("whole numbers",)),
    (lambda x: jax.random.normal(jax.random.key(0), (5,)) * x, ((5,),), UnreadableFunction, ("random",)),
])  # fmt: skip
def test_refusals(
    fn: Callable[..., Any], shape: tuple[tuple[int, ...], ...], error: type[TensorpropError], words: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        from_jax(fn, *map(f32, shape))
    assert all(w in str(caught.value) for w in words), str(caught.value)


def test_bad_use() -> None:
    with pytest.raises(UsageError):
        from_jax(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        from_jax(lambda x, mode: x, f32((5,)), "fast")
    assert "argument 1" in str(caught.value)
    with pytest.raises(ComplexConvention):
        from_jax(lambda z: jnp.sort(z), F((5,), "complex64"))


def test_what_is_not_needed_is_not_read() -> None:
    def unused(x):
        jnp.floor(x)
        return 2 * x

    assert str(read(unused, f32((5,)))) == "y_i = 2 x_i"


def test_a_function_that_only_looks_like_jax_nn() -> None:
    @jax.jit
    def elu(x):
        return jnp.maximum(x, 0) + 1

    assert str(read(lambda x: elu(x), f32((5,)))) == "y_i = max(x_i, 0) + 1"


# --------------------------------------------------------------------------- there and back
@pytest.mark.parametrize("text", [
    "z_bj = a_bi W_ij + b_j",
    "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj)",
    "y = x_i A_ij w_j",
    "p_bc = softmax_c(s_bc)",
    "p_bc = exp(s_bc) / Σ_d exp(s_bd)",
    "l_b = log(Σ_c exp(s_bc))",
    "E = -Σ_b t_bc logsoftmax_c(s_bc)",
    "s_tu = q_td k_ud / sqrt(dim(d)); p_tu = softmax_u(s_tu); o_tv = p_tu v_uv",
    "m_b = mean_i(x_bi); v_b = var_i(x_bi); n_bi = (x_bi - m_b) rsqrt(v_b + 1/100) g_i + h_i",
    "E = 1/2 (h_bj - y_bj)^2",
    "y_i = x_i / (1 + exp(-x_i))",
    "t = A_ii",
    "D_ij = a_i δ_ij",
    "y_bj = x_bi W_ij + 1/2 x_bi A_ik B_kj",
    "m_b = max_i(x_bi)",
    "E = mean_b((x_bi w_i - t_b)^2)",
    "y_i = where([x_i > 0], x_i, 0.1 x_i)",
    "y_ijk = a_i b_j c_k",
    "y_i = x_i^3 / sqrt(1 + x_i^2)",
    "y_bi = [x_bi > 0] w_bi log(x_bi)",
])  # fmt: skip
def test_there_and_back(text: str) -> None:
    s = parse(text)
    f = compile(s)
    entries = {n: next(m.group(1) for m in re.finditer(rf"(?<!\w){n}_([a-z]+)", text)) for n in s.inputs}
    args = [f32(tuple(TRACED[i] for i in letters)) for letters in entries.values()]
    back = from_jax(
        lambda *a: f(**dict(zip(s.inputs, a, strict=True))), *args, names=f"{' '.join(s.inputs)} -> {s.outputs[0]}"
    )
    assert tp.equivalent(s, back) is True, str(back)


# --------------------------------------------------------------------------- size of the work
def test_long_programs_are_read() -> None:
    def squares(x):
        for _ in range(200):
            x = x * x
        return x

    def deep(x):
        for _ in range(600):
            x = 0.9 * jnp.sin(x) + x
        return x

    assert len(read(squares, f32((5,)))) > 100
    assert len(read(deep, f32((5,)))) == 600
    assert len(read(lambda *a: sum(a), *[f32((5,))] * 200)) < 40


# --------------------------------------------------------------------------- random programs
def random_program(seed: int) -> tuple[Callable[..., Any], list[Any]]:
    """Elementwise arithmetic, products, reductions and transposes, of arrays whose axes are often equally long."""
    rng = np.random.default_rng(seed)
    given = [rng.normal(size=shape) for shape in ((3, 3), (3,), (4, 3), (2, 3, 3))]
    choices = rng.integers(0, 10**6, size=200)

    def fn(A, v, M, T):
        draw = iter(choices)
        pool = [A, v, M, T]
        used = [False] * 4

        def pick() -> Any:
            k = int(next(draw)) % len(pool)
            used[k] = True
            return pool[k]

        for _ in range(9):
            kind, x, y = int(next(draw)) % 12, pick(), pick()
            if kind < 4 and all(a == b for a, b in zip(x.shape[::-1], y.shape[::-1], strict=False)):
                new = (x + y, x * y, jnp.maximum(x, y), jnp.where(x > y, x, 0))[kind]
            elif kind == 4 and x.ndim >= 2:
                new = jnp.swapaxes(x, -1, -2)
            elif kind == 5 and x.ndim and y.ndim and x.shape[-1] == y.shape[0] and x.ndim + y.ndim < 6:
                new = jnp.tensordot(x, y, 1)
            elif kind == 6 and x.ndim:
                new = x.mean(-1, keepdims=True) + x
            elif kind == 7 and x.ndim:
                new = jax.nn.softmax(x, axis=0)
            elif kind == 8 and x.ndim >= 2:
                new = x.sum(0) * x.max(0)
            elif kind == 9 and x.ndim >= 2 and x.shape[-1] == x.shape[-2]:
                new = jnp.tril(x) - x
            elif kind == 10 and x.ndim:
                new = x / (1 + jnp.sum(x * x))
            else:
                new = jnp.tanh(x)
            pool.append(new)
            used.append(False)
        return sum(jnp.sum(jnp.sin(x)) for x, u in zip(pool, used, strict=True) if not u)

    return fn, [jnp.asarray(a) for a in given]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("seed", some(0, 40, 1, 20))
def test_random_programs(seed: int) -> None:
    fn, given = random_program(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it computes depends on which of its sizes are equal, which is said
        s = from_jax(fn, *given, verify=False)
    assert parse(show(s)) is s
    near(run(s, fn, given, "numpy"), uncompiled(fn)(*given))
