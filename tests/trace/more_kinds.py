"""More functions of the kinds that people write: positions, likelihoods, solvers, heads, windows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from tests.trace.kind import Kind


def rope_pairs(x):
    t, d = x.shape
    f = 1.0 / (10000.0 ** (jnp.arange(0, d, 2) / d))
    a = jnp.einsum("t,j->tj", jnp.arange(t, dtype=jnp.float32), f)
    c, s = jnp.cos(a), jnp.sin(a)
    p, q = x[..., ::2], x[..., 1::2]
    return jnp.stack([p * c - q * s, p * s + q * c], -1).reshape(x.shape)


def rope_half(x):
    _, t, d = x.shape
    f = 1.0 / (10000.0 ** (jnp.arange(0, d, 2, dtype=jnp.float32) / d))
    a = jnp.arange(t)[:, None] * f[None, :]
    a = jnp.concatenate([a, a], -1)[None]
    p, q = jnp.split(x, 2, -1)
    return x * jnp.cos(a) + jnp.concatenate([-q, p], -1) * jnp.sin(a)


def rope_scores(q, k):
    return jax.nn.softmax(rope_pairs(q) @ rope_pairs(k).T / jnp.sqrt(q.shape[-1]))


def alibi(q, k, v):
    t = jnp.arange(q.shape[0])
    return jax.nn.softmax(q @ k.T - 0.1 * jnp.abs(t[:, None] - t[None]), -1) @ v


def dct(x):
    n = x.shape[0]
    k = jnp.arange(n)
    return jnp.cos(jnp.pi / n * (k[None] + 0.5) * k[:, None]) @ x


def hann(x):
    return x * (0.5 - 0.5 * jnp.cos(2 * jnp.pi * jnp.arange(x.shape[0]) / x.shape[0]))


def poly(x, w):
    return (x[:, None] ** jnp.arange(w.shape[0])) @ w


def expdecay(x, g):
    t = jnp.arange(x.shape[0])
    d = t[:, None] - t[None]
    return jnp.where(d >= 0, jnp.exp(-g * d), 0.0) @ x


def retention(q, k, v):
    t = jnp.arange(q.shape[0])
    d = (t[:, None] - t[None]).astype(q.dtype)
    m = jnp.where(d >= 0, 0.9**d, 0.0)
    return ((q @ k.T) * m) @ v


def gp(X, y, r):
    d = jnp.sum((X[:, None] - X[None]) ** 2, -1)
    K = jnp.exp(-d / (2 * r**2)) + 0.1 * jnp.eye(X.shape[0])
    L = jax.scipy.linalg.cho_factor(K, lower=True)
    return 0.5 * y @ jax.scipy.linalg.cho_solve(L, y) + jnp.sum(jnp.log(jnp.diag(L[0])))


def kalman_step(m, P, F, H, z):
    m = F @ m
    P = F @ P @ F.T + 0.1 * jnp.eye(P.shape[0])
    S = H @ P @ H.T + 0.1 * jnp.eye(H.shape[0])
    K = jnp.linalg.solve(S, H @ P).T
    return m + K @ (z - H @ m)


def mvn_logpdf(x, m, S):
    return jax.scipy.stats.multivariate_normal.logpdf(x, m, S)


def gmm(x, w, m, s):
    a = jax.nn.log_softmax(w) - 0.5 * jnp.sum((x[:, None] - m) ** 2 * jnp.exp(-s), -1) - 0.5 * jnp.sum(s, -1)
    return jnp.mean(jax.nn.logsumexp(a, -1))


def cayley(A, x):
    S, one = A - A.T, jnp.eye(A.shape[0])
    return jnp.linalg.solve(one + S, (one - S) @ x)


def woodbury(U, d, x):
    K = jnp.eye(U.shape[1]) + U.T @ (U / d[:, None])
    return x / d - (U @ jnp.linalg.solve(K, U.T @ (x / d))) / d


def whiten(X):
    Xc = X - X.mean(0)
    C = Xc.T @ Xc / X.shape[0] + 0.1 * jnp.eye(X.shape[1])
    return jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(C), Xc.T, lower=True).T


def zca(X):
    C = X.T @ X / X.shape[0] + 0.1 * jnp.eye(X.shape[1])
    w, V = jnp.linalg.eigh(C)
    return X @ (V / jnp.sqrt(w)) @ V.T


def chol_param(L, x):
    L = jnp.tril(L, -1) + jnp.diag(jnp.exp(jnp.diag(L)))
    z = jax.scipy.linalg.solve_triangular(L, x, lower=True)
    return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(L)))


def lu_det(A, b):
    lu = jax.scipy.linalg.lu_factor(A)
    return jax.scipy.linalg.lu_solve(lu, b)


def lu_trans(A, b):
    return jax.scipy.linalg.lu_solve(jax.scipy.linalg.lu_factor(A), b, trans=1)


def gqa(q, k, v):
    h, t, d = q.shape
    g = k.shape[0]
    q = q.reshape(g, h // g, t, d)
    p = jax.nn.softmax(jnp.einsum("grtd,gud->grtu", q, k) / jnp.sqrt(d))
    return jnp.einsum("grtu,gud->grtd", p, v).reshape(h, t, -1)


def pixel_shuffle(x):
    b, h, w, c = x.shape
    return x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, c // 4)


def channel_shuffle(x):
    b, t, c = x.shape
    return x.reshape(b, t, 2, c // 2).swapaxes(2, 3).reshape(b, t, c)


def topk_moe(x, G, W):
    s = jax.nn.softmax(x @ G)
    i = lax.top_k(s, 2)[1]
    m = jax.nn.one_hot(i, s.shape[-1]).sum(1)
    g = s * m / jnp.sum(s * m, -1, keepdims=True)
    return jnp.einsum("be,bi,eij->bj", g, x, W)


def topk_gather(x, k):
    v, i = lax.top_k(x @ k, 2)
    return jax.nn.softmax(v)[:, None] * x[i]


def gru(x, W, U, h0):
    def step(h, a):
        r, z = jax.nn.sigmoid(a @ W[0] + h @ U[0]), jax.nn.sigmoid(a @ W[1] + h @ U[1])
        n = jnp.tanh(a @ W[2] + r * (h @ U[2]))
        h = (1 - z) * h + z * n
        return h, h

    return lax.scan(step, h0, x)[1]


def viterbi(A, e, p):
    return jnp.max(lax.scan(lambda a, b: (jnp.max(a[:, None] + A, 0) + b, None), p, e)[0])


def ema(x):
    return lax.scan(lambda m, a: (0.9 * m + 0.1 * a, 0.9 * m + 0.1 * a), jnp.zeros(x.shape[1]), x)[1]


def ssm(A, B, C, u):
    return lax.scan(lambda h, v: (A @ h + B * v, C @ (A @ h + B * v)), jnp.zeros(A.shape[0]), u)[1]


def conv_bn(x, w, g):
    y = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    m = y.mean((0, 1, 2))
    v = y.var((0, 1, 2))
    return jax.nn.relu(g * (y - m) / jnp.sqrt(v + 1e-5))


def dilated(x, w):
    return lax.conv_general_dilated(x, w, (1,), "VALID", rhs_dilation=(2,), dimension_numbers=("NHC", "HIO", "NHC"))


def conv_nchw(x, w):
    return lax.conv_general_dilated(x, w, (1, 1), ((1, 1), (1, 1)))


def causal_conv(x, w):
    return lax.conv_general_dilated(x, w, (1,), [(2, 0)], dimension_numbers=("NHC", "HIO", "NHC"))


def scatter_add(x, i):
    return jnp.zeros((5, x.shape[1])).at[i].add(x)


def gcn_edges(x, s, r, W):
    d = jnp.zeros(x.shape[0]).at[r].add(1.0)
    m = (x @ W)[s]
    return jnp.zeros((x.shape[0], W.shape[1])).at[r].add(m) / (d[:, None] + 1)


def take_rows(E, i):
    return jnp.take(E, i, axis=0).mean(1)


def gather2(x, i, j):
    return x[i, j]


def cumlogsum(x):
    return lax.cumlogsumexp(x, axis=0)


@jax.custom_jvp
def cj(x):
    return jnp.log1p(jnp.exp(x))


@cj.defjvp
def _(p, t):
    return cj(p[0]), jax.nn.sigmoid(p[0]) * t[0]


@jax.custom_vjp
def cv(x):
    return x * x


cv.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g,))


def ste(x):
    return x + lax.stop_gradient(jnp.round(x) - x)


def nadaraya(x, X, y):
    k = jnp.exp(-0.5 * jnp.sum((x[:, None] - X) ** 2, -1))
    return k @ y / k.sum(-1)


def sinkhorn(C, a, b):
    K = jnp.exp(-C)

    def it(k, v):
        return b / (K.T @ (a / (K @ v)))

    v = lax.fori_loop(0, 3, it, jnp.ones_like(b))
    return jnp.sum((a / (K @ v))[:, None] * K * v * C)


def matpow(A, x):
    return jnp.linalg.matrix_power(A, 3) @ x


def condlog(x):
    return lax.cond(jnp.sum(x) > 0, lambda x: x**2, lambda x: -x, x)


def interp_pos(x):
    return x + jnp.linspace(0.0, 1.0, x.shape[0])[:, None]


def kron_(A, B):
    return jnp.kron(A, B)


def newton_schulz(X):
    X = X / jnp.linalg.norm(X)
    for _ in range(2):
        X = 1.5 * X - 0.5 * X @ X.T @ X
    return X


def cubic(x, W):
    return jnp.einsum("bi,bj,ijk->bk", x, x, W)


def tri(A, b):
    return jax.scipy.linalg.solve_triangular(A, b, trans=1)


def topp_sorted(x):
    return jnp.cumsum(jnp.sort(x, 1)[:, ::-1], 1)


def wishart(L, S):
    S1 = L @ L.T + jnp.eye(L.shape[0])
    return jnp.linalg.slogdet(S1)[1] - jnp.trace(jnp.linalg.solve(S1, S))


def stein(x, S):
    return jax.grad(lambda x: -0.5 * x @ jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(S), x))(x)


MORE = [
    Kind("rotary, interleaved", rope_pairs, "te"),
    Kind("rotary, halves", rope_half, "bte"),
    Kind("scores of rotary pairs", rope_scores, "te te"),
    Kind("attention with distances", alibi, "ti ti tj"),
    Kind("cosine transform", dct, "t"),
    Kind("window of Hann", hann, "t"),
    Kind("polynomial", poly, "t+ i"),
    Kind("decay of distances", expdecay, "ti "),
    Kind("retention", retention, "ti ti tj"),
    Kind("process of a kernel", gp, "bi b "),
    Kind("kalman step", kalman_step, "i i!i ii ji j"),
    Kind("density of a normal", mvn_logpdf, "i i i!i"),
    Kind("mixture of normals", gmm, "bi c ci ci"),
    Kind("cayley", cayley, "ii i"),
    Kind("low rank beside a diagonal", woodbury, "ij i+ i"),
    Kind("whitened by a factor", whiten, "bi"),
    Kind("whitened by eigenvectors", zca, "bi"),
    Kind("factor by its entries", chol_param, "ii i"),
    Kind("lu and solve", lu_det, "i!i i"),
    Kind("lu and solve, transposed", lu_trans, "i!i i"),
    Kind("groups of heads", gqa, "fti gui guj"),
    Kind("pixel shuffle", pixel_shuffle, "btuf"),
    Kind("two of the experts", topk_moe, "bi ic cij"),
    Kind("the best, weighed", topk_gather, "ti i"),
    Kind("gated recurrence", gru, "tbi 3ij 3jj bj"),
    Kind("best path", viterbi, "cc tc c"),
    Kind("running mean", ema, "ti"),
    Kind("linear state space", ssm, "ii i i t"),
    Kind("normed convolution", conv_bn, "bttj 33jk k"),
    Kind("dilated convolution", dilated, "bti 3ik"),
    Kind("convolution, channels first", conv_nchw, "bitt ji33"),
    Kind("causal convolution", causal_conv, "bti 3ik"),
    Kind("scattered", scatter_add, "ti t<5"),
    Kind("mean of neighbours", gcn_edges, "ti u<t u<t ij"),
    Kind("mean of rows", take_rows, "ci bt<c"),
    Kind("entries of pairs", gather2, "ti b<t b<i"),
    Kind("running logsumexp", cumlogsum, "ti"),
    Kind("own tangent of softplus", lambda x:cj(x)*2, "bi"),
    Kind("own rule of a square", lambda x:cv(x).sum(0), "bi"),
    Kind("straight through", ste, "bi", False),
    Kind("kernel regression", nadaraya, "bi ni n"),
    Kind("balanced transport", sinkhorn, "ij i+ j+"),
    Kind("third power", matpow, "ii i"),
    Kind("one of two", condlog, "bi"),
    Kind("evenly spaced", interp_pos, "ti"),
    Kind("kronecker", kron_, "ij bt"),
    Kind("newton and schulz", newton_schulz, "ij"),
    Kind("cubic", cubic, "bi iij"),
    Kind("upper triangular, transposed", tri, "i!i ib"),
    Kind("running sum of sorted", topp_sorted, "bt"),
    Kind("wishart", wishart, "ij ii"),
    Kind("solve of a definite matrix", lambda A,b: jax.scipy.linalg.solve(A,b,assume_a="pos"), "i!i i"),
]  # fmt: skip
