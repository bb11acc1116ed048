"""Functions of the kinds that people write in JAX, one a row: layers, losses, cells, decompositions, their gradients.

In: nothing. Out: ``KINDS``, rows of a name, a function and its arguments. An argument is a word of letters, one for
each axis, whose sizes are those of a table (a digit is a size that stays); ``<c`` behind it makes whole numbers below
the size of c, ``+`` positive numbers, ``!`` a symmetric positive definite matrix, ``~`` complex numbers.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.trace.kind import Kind
from tests.trace.more_kinds import MORE

__all__ = ["KINDS", "READ_AT", "RUN_AT", "Kind"]

READ_AT = {"b": 3, "i": 5, "j": 4, "k": 7, "t": 6, "u": 9, "c": 8, "h": 2, "g": 2, "e": 10, "f": 12, "n": 13}
RUN_AT = {"b": 4, "i": 3, "j": 6, "k": 5, "t": 8, "u": 7, "c": 5, "h": 3, "g": 4, "e": 6, "f": 24, "n": 11}
for _s in (READ_AT, RUN_AT):  # halves, thirds, fourths, products and sums of these
    _s.update(p=_s["e"] // 2, q=_s["f"] // 3, r=_s["f"] // 4, m=_s["h"] * _s["j"], s=_s["i"] + 3, x=_s["i"] + _s["j"])


# --------------------------------------------------------------------------- positions, parts of axes
def rotary(x):
    t, half = jnp.arange(x.shape[0]), x.shape[1] // 2
    angle = t[:, None] * 10000.0 ** (-jnp.arange(half) / half)
    a, b = jnp.split(x, 2, -1)
    return jnp.concatenate([a * jnp.cos(angle) - b * jnp.sin(angle), a * jnp.sin(angle) + b * jnp.cos(angle)], -1)


def rotated_pairs(x, cos, sin):
    a, b = x[:, ::2], x[:, 1::2]
    return jnp.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)


def sinusoids(x):
    t, d = x.shape[0], x.shape[1]
    angle = jnp.arange(t)[:, None] / 10000 ** (2 * jnp.arange(d // 2) / d)
    return x + jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], 1)


def alibi(s, m):
    n = s.shape[-1]
    return jax.nn.softmax(s - m[:, None, None] * jnp.abs(jnp.arange(n)[None] - jnp.arange(n)[:, None]))


def fused_qkv(x, W):
    q, k, v = jnp.split(x @ W, 3, -1)
    return jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2) / jnp.sqrt(q.shape[-1])) @ v


def glu(x, W):
    a, g = jnp.split(x @ W, 2, -1)
    return a * jax.nn.sigmoid(g)


def merged_heads(x, W):
    b, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, t, h * d) @ W


def patches(x):
    b, n, m, c = x.shape
    return x.reshape(b, n // 2, 2, m // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, (n // 2) * (m // 2), 4 * c)


def grouped_query(q, k, v):
    h, t, d = q.shape
    g = k.shape[0]
    q = q.reshape(g, h // g, t, d)
    p = jax.nn.softmax(jnp.einsum("gmtd,gud->gmtu", q, k) / jnp.sqrt(d), -1)
    return jnp.einsum("gmtu,gud->gmtd", p, v).reshape(h, t, v.shape[-1])


def repeated_heads(q, k, v):
    k, v = jnp.repeat(k, 2, 0), jnp.repeat(v, 2, 0)
    return jax.nn.softmax(jnp.einsum("htd,hud->htu", q, k), -1) @ v


def shifted_lm(x, E, W, tok):
    h = jnp.tanh(E[tok] + x)
    logp = jax.nn.log_softmax(h[:, :-1] @ W)
    return -jnp.mean(jnp.take_along_axis(logp, tok[:, 1:, None], -1))


def vae_heads(x, W, eps):
    m, s = jnp.split(x @ W, 2, -1)
    z = m + jnp.exp(s / 2) * eps
    return jnp.mean(z) - 0.5 * jnp.mean(jnp.sum(1 + s - m**2 - jnp.exp(s), -1))


def total_variation(x):
    return jnp.mean(jnp.abs(x[1:] - x[:-1])) + jnp.mean(jnp.abs(x[:, 1:] - x[:, :-1]))


def pinn(w, V, t):
    def u(s):
        return jnp.tanh(jnp.array([1.0, 0.5]) @ V * s) @ w

    return jnp.mean(jax.vmap(lambda s: jax.grad(jax.grad(u))(s) + u(s))(t) ** 2)


def pinn_inputs(W, v, x, t):
    def u(x, t):
        return jnp.tanh(jnp.stack([x, t]) @ W) @ v

    return jnp.mean(jax.vmap(lambda x, t: jax.grad(u, 1)(x, t) - jax.grad(jax.grad(u))(x, t))(x, t) ** 2)


def window_at(x, k):
    return lax.dynamic_slice_in_dim(x, k, 2, 0)


def masked_part(x, v):
    return lax.dynamic_update_slice(x, v, (1, 0))


# --------------------------------------------------------------------------- cells and loops
def gru_cell(x, h, W, U):
    z, r, n = jnp.split(x @ W, 3, -1)
    uz, ur, un = jnp.split(h @ U, 3, -1)
    z, r = jax.nn.sigmoid(z + uz), jax.nn.sigmoid(r + ur)
    return (1 - z) * jnp.tanh(n + r * un) + z * h


def lstm_cell(x, h, c, W, U, b):
    i, f, g, o = jnp.split(x @ W + h @ U + b, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c)


def rnn(x, W, U, h):
    def step(h, a):
        h = jnp.tanh(a @ W + h @ U)
        return h, h

    return lax.scan(step, h, x)[1]


def rnn_last(x, W, U):
    def step(h, a):
        return jnp.tanh(a @ W + h @ U), None

    return lax.scan(step, jnp.zeros((x.shape[1], U.shape[0])), x)[0]


def lstm(x, W, U, h, c):
    def step(s, a):
        h, c = s
        i, f, g, o = jnp.split(a @ W + h @ U, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return lax.scan(step, (h, c), x)[1]


def returns(r, v):
    return lax.scan(lambda g, a: (a + 0.9 * g, a + 0.9 * g), v, r, reverse=True)[1]


def linear_recurrence(a, b):
    return lax.scan(lambda h, z: (z[0] * h + z[1], h), jnp.zeros(a.shape[1]), (a, b))[1]


def repeated_map(x, W):
    return lax.fori_loop(0, 3, lambda k, h: jnp.tanh(h @ W), x)


def moving_average(x, h):
    return lax.scan(lambda m, a: (0.9 * m + 0.1 * a, None), h, x)[0]


def forward_algorithm(A, e, p):
    def step(a, e):
        a = jax.nn.logsumexp(a[:, None] + A, 0) + e
        return a, None

    return jax.nn.logsumexp(lax.scan(step, p, e)[0])


# --------------------------------------------------------------------------- linear algebra
def ridge(X, y):
    return jnp.linalg.solve(X.T @ X + 0.1 * jnp.eye(X.shape[1]), X.T @ y)


def gaussian(x, m, S):
    L = jnp.linalg.cholesky(S)
    z = jax.scipy.linalg.solve_triangular(L, x - m, lower=True)
    return -0.5 * jnp.sum(z**2) - jnp.sum(jnp.log(jnp.diag(L))) - 0.5 * len(x) * jnp.log(2 * jnp.pi)


def process(x, y):
    K = jnp.exp(-((x[:, None] - x) ** 2)) + jnp.eye(x.shape[0])
    L = jax.scipy.linalg.cho_factor(K, lower=True)
    return 0.5 * y @ jax.scipy.linalg.cho_solve(L, y)


def process_by_upper(x, y):
    K = jnp.exp(-((x[:, None] - x) ** 2)) + jnp.eye(x.shape[0])
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(K), y)


def lu_solved(A, b):
    return jax.scipy.linalg.lu_solve(jax.scipy.linalg.lu_factor(A), b)


def whitened(x, S):
    return x @ jnp.linalg.inv(jnp.linalg.cholesky(S)).T


# --------------------------------------------------------------------------- order
def nucleus(s):
    p = jax.nn.softmax(s)
    order = jnp.sort(p)[:, ::-1]
    rest = jnp.cumsum(order, -1) - order
    least = jnp.min(jnp.where(rest < 0.8, order, 2.0), -1, keepdims=True)
    return jnp.where(p >= least, p, 0.0)


def top_k_mask(x):
    return jnp.where(x >= lax.top_k(x, 2)[0][:, -1:], x, 0.0)


def experts(x, W):
    s = jax.nn.softmax(x @ W)
    return lax.top_k(s, 2)[0] / jnp.sum(lax.top_k(s, 2)[0], -1, keepdims=True)


def best_rows(x, s):
    return x[jnp.argsort(s)]


def chosen_rows(x, s):
    return x[lax.top_k(s, 2)[1]]


def kmeans(x, C):
    d = jnp.sum((x[:, None] - C) ** 2, -1)
    a = jax.nn.one_hot(jnp.argmin(d, -1), C.shape[0])
    return a.T @ x / (jnp.sum(a, 0)[:, None] + 1e-3)


# --------------------------------------------------------------------------- windows
def image_conv(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def strided_conv(x, w):
    return lax.conv_general_dilated(x, w, (2,), [(1, 1)], dimension_numbers=("NHC", "HIO", "NHC"))


def transposed_conv(x, w):
    return lax.conv_transpose(x, w, (2,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"))


def grouped_conv(x, w):
    return lax.conv_general_dilated(x, w, (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"), feature_group_count=2)


def depthwise_conv(x, w):
    return lax.conv_general_dilated(
        x, w, (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"), feature_group_count=x.shape[2]
    )


def padded_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3), (1, 1), ((0, 0), (1, 1)))


def average_pool(x):
    return lax.reduce_window(x, 0.0, lax.add, (1, 3), (1, 2), ((0, 0), (1, 1))) / 3


# --------------------------------------------------------------------------- norms
def batch_norm(x, g, b):
    m, v = jnp.mean(x, 0), jnp.var(x, 0)
    return g * (x - m) / jnp.sqrt(v + 1e-5) + b


def group_norm(x, g):
    b, t, c = x.shape
    z = x.reshape(b, t, 2, c // 2)
    m = z.mean((1, 3), keepdims=True)
    v = z.var((1, 3), keepdims=True)
    return ((z - m) / jnp.sqrt(v + 1e-5)).reshape(b, t, c) * g


def weight_norm(x, V, g):
    return x @ (g * V / jnp.linalg.norm(V, axis=0))


def standard(x):
    return (x - x.mean(0)) / jnp.std(x, 0, ddof=1)


# --------------------------------------------------------------------------- losses
def smoothed(s, y):
    t = jax.nn.one_hot(y, s.shape[-1])
    t = 0.9 * t + 0.1 / s.shape[-1]
    return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(s), -1))


def focal(s, y):
    p = jnp.take_along_axis(jax.nn.softmax(s), y[:, None], 1)
    return -jnp.mean((1 - p) ** 2 * jnp.log(p))


def huber(x, y):
    r = jnp.abs(x - y)
    return jnp.mean(jnp.where(r < 1, 0.5 * r**2, r - 0.5))


def info_nce(x, y):
    x = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    y = y / jnp.linalg.norm(y, axis=1, keepdims=True)
    return -jnp.mean(jnp.diag(jax.nn.log_softmax(x @ y.T / 0.1)))


def logistic(w, X, y):
    return jnp.mean(jax.nn.softplus(X @ w) - y * (X @ w)) + 0.05 * w @ w


def dice(s, y):
    p = jax.nn.sigmoid(s)
    return 1 - jnp.mean(2 * jnp.sum(p * y, 1) / (jnp.sum(p, 1) + jnp.sum(y, 1) + 1e-6))


def triplet(a, p, n):
    return jnp.mean(jnp.maximum(0, jnp.sum((a - p) ** 2, 1) - jnp.sum((a - n) ** 2, 1) + 1))


def distilled(s, t):
    p = jax.nn.softmax(lax.stop_gradient(t) / 2)
    return 4 * jnp.mean(jnp.sum(p * (jnp.log(p) - jax.nn.log_softmax(s / 2)), -1))


def policy(s, a, r):
    logp = jax.nn.log_softmax(s)[jnp.arange(s.shape[0]), a]
    return -jnp.mean(logp * (r - r.mean()) / (r.std() + 1e-6))


def entropy(s):
    return -jnp.mean(jnp.sum(jax.nn.softmax(s) * jax.nn.log_softmax(s), -1))


# --------------------------------------------------------------------------- attention and graphs
def flax_attention(q, k, v):
    q = q / jnp.sqrt(q.shape[-1]).astype(q.dtype)
    p = jax.nn.softmax(jnp.einsum("...qhd,...khd->...hqk", q, k))
    return jnp.einsum("...hqk,...khd->...qhd", p, v)


def cross_attention(x, y, Wq, Wk, Wv):
    q, k, v = x @ Wq, y @ Wk, y @ Wv
    return jax.nn.softmax(q @ jnp.swapaxes(k, 1, 2) / np.sqrt(q.shape[-1])) @ v


def padded_attention(q, k, v, mask):
    s = q @ k.T / jnp.sqrt(k.shape[1])
    return jax.nn.softmax(jnp.where(mask[None] > 0, s, -1e9)) @ v


def sliding(q, k, v):
    t = jnp.arange(q.shape[0])
    s = jnp.where((t[:, None] >= t) & (t[:, None] - t < 3), q @ k.T, -1e9)
    return jax.nn.softmax(s) @ v


def gat(x, W, a, c, A):
    h = x @ W
    e = jax.nn.leaky_relu((h @ a)[:, None] + (h @ c)[None], 0.2)
    return jax.nn.softmax(jnp.where(A > 0, e, -1e9)) @ h


def gcn(x, W, A):
    A = A + jnp.eye(A.shape[0])
    d = 1 / jnp.sqrt(A.sum(1))
    return jax.nn.relu(d[:, None] * A * d @ x @ W)


def edges(x, W, a, b):
    m = jnp.tanh((x[a] - x[b]) @ W)
    return jax.ops.segment_sum(m, b, x.shape[0])


def bag(E, tok, w):
    return jnp.sum(E[tok] * w[..., None], 1) / E.shape[1]


def factorisation(x, w, V):
    return x @ w + 0.5 * jnp.sum((x @ V) ** 2 - x**2 @ V**2, -1)


def fourier(x, B):
    z = 2 * jnp.pi * x @ B
    return jnp.concatenate([jnp.sin(z), jnp.cos(z)], -1)


def histogram(w, k):
    return jnp.zeros(k.shape[0]).at[k].add(w)


def squared(x, W, y):
    return jnp.mean((jnp.tanh(x @ W) - y) ** 2)


def residual(w, x, y):
    return (jnp.tanh(x @ w) - y) ** 2


def energy(w, x):
    return jnp.sum(jnp.tanh(x @ w) ** 2)


@jax.custom_vjp
def clipped(x):
    return x * 2


clipped.defvjp(lambda x: (x * 2, None), lambda _, g: (2 * g,))


@jax.custom_jvp
def softened(x):
    return jnp.log1p(jnp.exp(x))


softened.defjvp(lambda p, t: (softened(*p), t[0] * jax.nn.sigmoid(p[0])))


def clipped_distances(s, r):
    t = jnp.arange(len(s))
    return jax.nn.softmax(s + r[jnp.clip(t[None] - t[:, None], -2, 2) + 2])


def of_eigenvalues(S):
    w, V = jnp.linalg.eigh(S)
    return (V * jnp.exp(-w)) @ V.T


def segment_softmax(s, k):
    e = jnp.exp(s - jax.ops.segment_max(s, k, 5)[k])
    return e / jax.ops.segment_sum(e, k, 5)[k]


KINDS = [
    Kind("rotary embedding", rotary, "te"),
    Kind("rotary embedding, pairs", rotated_pairs, "te tp tp"),
    Kind("sinusoidal positions", sinusoids, "te"),
    Kind("alibi", alibi, "htt h"),
    Kind("fused qkv", fused_qkv, "bti if"),
    Kind("glu", glu, "bi ie"),
    Kind("merged heads", merged_heads, "bhtj mk"),
    Kind("softmax, but its last", lambda x, w: jax.nn.softmax(x)[:, :-1] @ w[:-1] + w[-1], "bi i"),
    Kind("image patches", patches, "beft"),
    Kind("grouped query attention", grouped_query, "fti gui guj"),
    Kind("repeated heads", repeated_heads, "4ti 2ui 2uj"),
    Kind("shifted language model", shifted_lm, "bti ci ic bt<c"),
    Kind("vae heads", vae_heads, "bi ie bp"),
    Kind("total variation", total_variation, "ti"),
    Kind("diff", lambda x: jnp.diff(x, 2), "bt"),
    Kind("pinn residual", pinn, "i 2i t"),
    Kind("pinn of stacked inputs", pinn_inputs, "2i i t t"),
    Kind("slice of an axis", lambda x: x[1:-1, 2:] * 2, "tu"),
    Kind("every second", lambda x: x[::2].sum(0) + x[1::2].sum(0), "ei"),
    Kind("roll", lambda x: x - jnp.roll(x, 1, 0), "ti"),
    Kind("padded", lambda x, w: jnp.pad(x, ((0, 0), (1, 2))) @ w, "bi sj"),
    Kind("dynamic slice", window_at, "ti <2"),
    Kind("dynamic update", masked_part, "ti 2i"),
    Kind("concatenated with a cache", lambda x, y, w: jnp.concatenate([x, y], 1) @ w, "bi bj xk"),
    Kind("set", lambda x, v: x.at[:, 0].set(v), "bt b"),
    Kind("gru cell", gru_cell, "bi bq if qf"),
    Kind("lstm cell", lstm_cell, "bi br br if rf f"),
    Kind("rnn", rnn, "tbi ij jj bj"),
    Kind("rnn, last state", rnn_last, "tbi ij jj"),
    Kind("lstm", lstm, "tbi if rf br br"),
    Kind("discounted returns", returns, "t "),
    Kind("linear recurrence", linear_recurrence, "ti ti"),
    Kind("three steps", repeated_map, "bi ii"),
    Kind("moving average", moving_average, "ti i"),
    Kind("forward algorithm", forward_algorithm, "cc tc c"),
    Kind("ridge", ridge, "ni n"),
    Kind("gaussian", gaussian, "i i i!i"),
    Kind("cho_solve", process, "i i"),
    Kind("cho_solve, upper", process_by_upper, "i i"),
    Kind("lu_solve", lu_solved, "i!i i"),
    Kind("whitened", whitened, "bi i!i"),
    Kind("triangular", lambda A, b: jax.scipy.linalg.solve_triangular(A, b, lower=True), "i!i ib"),
    Kind("cholesky", lambda S: jnp.linalg.cholesky(S), "i!i"),
    Kind("log-determinant", lambda S: jnp.linalg.slogdet(S)[1], "i!i"),
    Kind("trace of an inverse", lambda S: jnp.trace(jnp.linalg.inv(S)), "i!i"),
    Kind("sort", lambda x: jnp.sort(x, 0), "ti"),
    Kind("top_k", lambda x: lax.top_k(x, 3)[0], "bt"),
    Kind("top_k mask", top_k_mask, "bt"),
    Kind("nucleus", nucleus, "bc"),
    Kind("experts", experts, "bi ic"),
    Kind("rows in order", best_rows, "ti t"),
    Kind("rows of the best", chosen_rows, "ti t"),
    Kind("places in order", lambda x: jnp.argsort(x, 0), "ti", False),
    Kind("places downwards", lambda x: jnp.argsort(x, 1, descending=True), "ti", False),
    Kind("places of the greatest", lambda x: lax.top_k(x, 3)[1], "bt", False),
    Kind("ranks", lambda x: jnp.argsort(jnp.argsort(x, 1), 1), "bt", False),
    Kind("by two keys", lambda x, k, s: x[jnp.lexsort((s, k))], "ti t<3 t"),
    Kind("two keys of rows", lambda k, s: lax.sort((k, s), dimension=1, num_keys=2)[1], "bt<3 bt"),
    Kind("fewer in the order of others", lambda x, s: x[jnp.argsort(s)[:2]], "ti t"),
    Kind("top-2 accuracy", lambda z, y: jnp.mean((lax.top_k(z, 2)[1] == y[:, None]).any(1)), "bc b<c", False),
    Kind("back to their places", lambda s, v: jnp.zeros(len(s)).at[jnp.argsort(s)].set(v), "t t"),
    Kind("one of a row set", lambda x, k, v: x.at[jnp.arange(len(k)), k].set(v), "bc b<c b"),
    Kind("one of a row scaled", lambda x, k: x.at[jnp.arange(len(k)), k].multiply(2.0), "bc b<c"),
    Kind("one of a row less", lambda x, k: x.at[jnp.arange(len(k)), k].add(-1.0), "bc b<c"),
    Kind("set at an argument", lambda x, k, v: x.at[k].set(v), "ti <3 i"),
    Kind("window set at an argument", lambda x, k, v: lax.dynamic_update_slice_in_dim(x, v, k, 0), "ti <3 2i"),
    Kind("rows cleared", lambda x, k: x.at[k].set(0.0), "ti b<t"),
    Kind("greatest at places", lambda x, k, v: x.at[k].max(v), "t b<t b"),
    Kind("the one before", lambda x: x[jnp.clip(jnp.arange(len(x)) - 1, 0)] - x, "ti"),
    Kind("second difference, clipped", lambda x: x[jnp.minimum(jnp.arange(len(x)) + 1, len(x) - 1)] - 2 * x, "t"),
    Kind("clipped distances", clipped_distances, "tt 5"),
    Kind("padded by its edges", lambda x: jnp.pad(x, ((1, 1), (0, 0)), mode="edge"), "ti"),
    Kind("complex product", lambda A, z: A @ z, "jc~ c~"),
    Kind("hermitian", lambda A: A.conj().T @ A, "ji~"),
    Kind("expectation", lambda H, z: jnp.real(jnp.conj(z) @ H @ z) / jnp.real(jnp.vdot(z, z)), "ii~ i~"),
    Kind("phase retrieval", lambda A, z, b: jnp.mean((jnp.abs(A @ z) ** 2 - b) ** 2), "ji~ i~ j"),
    Kind("rotary embedding, complex", lambda x, w: jnp.real((x[:, ::2] + 1j * x[:, 1::2]) * jnp.exp(1j * w)), "te tp"),
    Kind("angles", lambda z: jnp.angle(z) + jnp.imag(z), "i~"),
    Kind("size of a sum of phases", lambda t: jnp.abs(jnp.sum(jnp.exp(1j * t))), "t"),
    Kind("capacity", lambda H: jnp.linalg.slogdet(jnp.eye(len(H)) + H @ H.conj().T)[1], "ji~"),
    Kind("gradient of complex", jax.grad(lambda z, A: jnp.sum(jnp.abs(A @ z) ** 2)), "i~ ji~"),
    Kind("state space", lambda a, u: lax.scan(lambda h, x: (a * h + x,) * 2, 0 * a, u)[1], "i~ ti~"),
    Kind("pseudoinverse", lambda A, b: jnp.linalg.pinv(A) @ b, "ni n"),
    Kind("least squares", lambda A, b: jnp.linalg.lstsq(A, b)[0], "ni n"),
    Kind("exponential", lambda A, x: jax.scipy.linalg.expm(-0.1 * A) @ x, "ii i"),
    Kind("eigenvalues", lambda S: jnp.sum(jnp.log(jnp.linalg.eigvalsh(S))), "i!i"),
    Kind("largest eigenvalue", lambda A: jnp.linalg.eigvalsh(A @ A.T)[-1], "ii"),
    Kind("function of a symmetric matrix", of_eigenvalues, "i!i"),
    Kind("nuclear norm", lambda A: jnp.linalg.norm(A, "nuc"), "in"),
    Kind("spectral norm", lambda W, x: x @ (W / jnp.linalg.norm(W, 2)), "ij bi"),
    Kind("gradient of nuclear norm", jax.grad(lambda A: jnp.linalg.norm(A, "nuc")), "ni"),
    Kind("copies", lambda x, W: jnp.tile(x, (1, 2)) @ W, "bp ej"),
    Kind("segment softmax", segment_softmax, "t t<5"),
    Kind("hessian of logaddexp", jax.hessian(lambda w, x: jnp.mean(jnp.logaddexp(0.0, x @ w))), "i bi"),
    Kind("median", lambda x: jnp.median(x, 0), "ti"),
    Kind("kmeans", kmeans, "bi ci"),
    Kind("cumsum", lambda x: jnp.cumsum(x, 1), "bt"),
    Kind("cumulative product", lambda x: jnp.cumprod(x, 1), "bt"),
    Kind("segments", lambda x, k: jax.ops.segment_sum(x, k, 5), "ti t<b"),
    Kind("convolution", image_conv, "bttj 33jk"),
    Kind("strided convolution", strided_conv, "bti 3ik"),
    Kind("transposed convolution", transposed_conv, "bti 3ik"),
    Kind("grouped convolution", grouped_conv, "bte 3pf"),
    Kind("depthwise convolution", depthwise_conv, "bti 31i"),
    Kind("padded pooling", padded_pool, "bt"),
    Kind("average pooling", average_pool, "bt"),
    Kind("convolve", lambda x, w: jnp.convolve(x, w, mode="valid"), "t 3"),
    Kind("batch norm", batch_norm, "bi i i"),
    Kind("group norm", group_norm, "bte e"),
    Kind("weight norm", weight_norm, "bi ij j"),
    Kind("standardised, ddof 1", standard, "bi"),
    Kind("layer norm", lambda x: jax.nn.standardize(x, -1), "bi"),
    Kind("label smoothing", smoothed, "bc b<c"),
    Kind("focal loss", focal, "bc b<c"),
    Kind("huber", huber, "bi bi"),
    Kind("info nce", info_nce, "bi bi"),
    Kind("logistic", logistic, "i bi b"),
    Kind("dice", dice, "bi b+i"),
    Kind("triplet", triplet, "bi bi bi"),
    Kind("distillation", distilled, "bc bc"),
    Kind("policy gradient", policy, "bc b<c b"),
    Kind("entropy", entropy, "bc"),
    Kind("flax attention", flax_attention, "bthi buhi buhi"),
    Kind("cross attention", cross_attention, "bti buj ik jk jc"),
    Kind("padded attention", padded_attention, "ti ui uj u"),
    Kind("sliding attention", sliding, "ti ti tj"),
    Kind("graph attention", gat, "ti ij j j tt"),
    Kind("graph convolution", gcn, "ti ij t+t"),
    Kind("message passing", edges, "ti ij u<t u<t"),
    Kind("bag of words", bag, "ci bt<c bt"),
    Kind("factorisation machine", factorisation, "bi i ij"),
    Kind("fourier features", fourier, "bi ij"),
    Kind("histogram", histogram, "t t<t"),
    Kind("own rule", lambda x: clipped(x) * 2, "bi"),
    Kind("own tangents", lambda x: softened(x) * 2, "bi"),
    Kind("gradient", jax.grad(squared), "bi ij bj"),
    Kind("gradient by weights", jax.grad(squared, 1), "bi ij bj"),
    Kind("hessian", jax.hessian(logistic), "i bi b"),
    Kind("jacfwd", jax.jacfwd(lambda x, W: jnp.tanh(x @ W)), "i ij"),
    Kind("jacrev", jax.jacrev(lambda x, W: jax.nn.softmax(x @ W)), "i ij"),
    Kind("hessian of attention", jax.hessian(lambda x, k: jax.nn.logsumexp(x @ k)), "i ij"),
    Kind("gradient of glu", jax.grad(lambda W, x: jnp.sum(glu(x, W) ** 2)), "ie bi"),
    Kind("gradient of smoothed labels", jax.grad(smoothed), "bc b<c"),
    Kind("gradient of batch norm", jax.grad(lambda x, g, b: jnp.sum(jnp.tanh(batch_norm(x, g, b)))), "bi i i"),
    Kind("gradient of variation", jax.grad(lambda x: jnp.sum(jnp.diff(x) ** 2)), "bt"),
    Kind("gradient of info nce", jax.grad(info_nce), "bi bi"),
    Kind("gradient of focal", jax.grad(focal), "bc b<c"),
    Kind("gradient of a table", jax.grad(lambda E, k, w: jnp.sum(jnp.tanh(bag(E, k, w)))), "ci bt<c bt"),
    Kind("gradient of ridge", jax.grad(lambda X, y: jnp.sum(ridge(X, y) ** 2)), "ni n"),
    Kind("gradient of a gaussian", jax.grad(gaussian), "i i i!i"),
    Kind("gradient of a convolution", jax.grad(lambda w, x: jnp.sum(strided_conv(x, w) ** 2)), "3ik bti"),
    Kind("class means", lambda x, y: jax.nn.one_hot(y, 5).T @ x, "ti t<5"),
    Kind("moving average of a window", lambda x: jnp.convolve(x, jnp.ones(3) / 3, mode="valid"), "t"),
    Kind("remainders", lambda x, y: x % y + x // 0.3 + jnp.fmod(x, 0.7), "b b+"),
    Kind("gamma density", lambda x, a: jax.scipy.stats.gamma.logpdf(x, a + 1), "b+ b+"),
    Kind("gradient of log gamma", jax.grad(lambda x: jnp.sum(jax.scipy.special.gammaln(x + 1) ** 2)), "b+"),
    Kind("weighted logsumexp", lambda x, w: jax.nn.logsumexp(x, axis=-1, b=w), "bi b+i"),
    Kind("greatest but nan", lambda x: jnp.nanmax(x, axis=1), "bi"),
    Kind("relative entropy", lambda p, q: jax.scipy.special.rel_entr(p, q).sum(-1), "b+c b+c"),
    Kind("unlike labels", lambda x, y: jnp.where((y[:, None] == y) ^ jnp.eye(len(y), dtype=bool), x, 0), "tt t<5"),
    Kind("loop in a loop", lambda x, W: lax.scan(
        lambda h, a: (lax.fori_loop(0, 2, lambda k, z: jnp.tanh(z @ W + a) + 0.1 * k, h),) * 2, x[0], x)[1], "ti ii"),
    Kind("per-example gradients", jax.vmap(jax.grad(residual), (None, 0, 0)), "i bi b"),
    Kind("hessian times a vector", lambda w, v, x: jax.jvp(lambda w: jax.grad(energy)(w, x), (w,), (v,))[1], "i i bi"),
    *MORE,
]  # fmt: skip
