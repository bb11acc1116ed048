"""The layers of the library in plain JAX, as people write them; nothing of tensorprop is used here.

Each takes arrays by name and gives what the layer gives, in the order of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

BY_HAND: dict[str, Callable[..., Any]] = {}


def by_hand(fn: Callable[..., Any]) -> Callable[..., Any]:
    BY_HAND[fn.__name__] = fn
    return fn


def elementwise(name: str, f: Callable[[Any], Any]) -> None:
    BY_HAND[name] = lambda z: f(z)


for _name, _f in {
    "Elu": jax.nn.elu,
    "Gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "GeluTanh": lambda z: jax.nn.gelu(z, approximate=True),
    "LeakyRelu": jax.nn.leaky_relu,
    "LogSigmoid": jax.nn.log_sigmoid,
    "Mish": jax.nn.mish,
    "Relu": jax.nn.relu,
    "Selu": jax.nn.selu,
    "Sigmoid": jax.nn.sigmoid,
    "Silu": jax.nn.silu,
    "Softplus": jax.nn.softplus,
    "Softsign": jax.nn.soft_sign,
    "Tanh": jnp.tanh,
    "Softmax": jax.nn.softmax,
    "LogSoftmax": jax.nn.log_softmax,
}.items():
    elementwise(_name, _f)


# --------------------------------------------------------------------------- linear, factored, gated
@by_hand
def Dense(a, W, b):
    return a @ W + b


@by_hand
def LowRank(a, U, V, b):
    return (a @ U) @ V + b


@by_hand
def Lora(a, W, A, B):
    return a @ W + (a @ A) @ B


@by_hand
def Bilinear(x, W, y, b):
    return jnp.stack([jnp.sum((x @ W[:, k, :]) * y, axis=1) for k in range(W.shape[1])], axis=1) + b


@by_hand
def Embedding(n, E):
    return jnp.take(E, n, axis=0)


@by_hand
def OneHot(n, W):
    return jax.nn.one_hot(n, len(W)) @ W


@by_hand
def Unembedding(h, E):
    return h @ E.T


@by_hand
def Film(x, γ, β):
    return γ[:, None, :] * x + β[:, None, :]


@by_hand
def CanonicalPolyadic(x, A, B, C, λ):
    return sum(λ[r] * jnp.tensordot(x, A[:, r], (1, 0)) @ C[:, r] @ B[:, r] for r in range(A.shape[1]))


@by_hand
def Tucker(x, A, B, C, G):
    h = jnp.tensordot(x, A, (1, 0))  # b j k p
    h = jnp.tensordot(h, B, (1, 0))  # b k p q
    h = jnp.tensordot(h, C, (1, 0))  # b p q r
    return jnp.tensordot(h, G, 3)


@by_hand
def TensorTrain(x, A, B, C):
    W = jnp.tensordot(jnp.tensordot(A, B, (2, 0)), C, (4, 0))  # i l j m k n
    out = W.shape[1::2]
    return jnp.tensordot(x, W.transpose(0, 2, 4, 1, 3, 5).reshape(*x.shape[1:], -1), 3).reshape(len(x), *out)


@by_hand
def Glu(u, v):
    return jax.nn.glu(jnp.concatenate([v, u], -1))


@by_hand
def SwiGlu(x, W, V):
    return jax.nn.swish(x @ W) * (x @ V)


@by_hand
def GeGlu(x, W, V):
    return jax.nn.gelu(x @ W, approximate=False) * (x @ V)


@by_hand
def PRelu(z, c):
    return jnp.where(z > 0, z, c * z)


@by_hand
def Maxout(x, W, b):
    return (jnp.tensordot(x, W, 1) + b).max(-1)


@by_hand
def MixtureOfExperts(x, W, V):
    gates = jax.nn.softmax(x @ W)
    return sum(gates[:, e, None] * (x @ V[e]) for e in range(len(V)))


@by_hand
def TopExperts(x, W, V):
    scores = x @ W
    best, which = lax.top_k(scores, 2)
    said = jnp.stack([jnp.einsum("bi,bij->bj", x, V[which[:, n]]) for n in range(2)])
    return (jax.nn.softmax(best).T[..., None] * said).sum(0)


@by_hand
def Sparsemax(z):
    down = jnp.sort(z)[::-1]
    sums = jnp.cumsum(down)
    many = jnp.arange(1, len(z) + 1)
    k = (1 + many * down > sums).sum()
    return jnp.maximum(z - (sums[k - 1] - 1) / k, 0)


@by_hand
def TemperatureSoftmax(z, τ):
    return jax.nn.softmax(z / τ)


@by_hand
def GumbelSoftmax(z, g, τ):
    return jax.nn.softmax((z + g) / τ)


# --------------------------------------------------------------------------- norms
def _normal(x, axis):
    c = x - x.mean(axis, keepdims=True)
    return c / jnp.sqrt(x.var(axis, keepdims=True) + 1e-5)


@by_hand
def LayerNorm(x, γ, β):
    return _normal(x, 1) * γ + β


@by_hand
def RmsNorm(x, γ):
    return x / jnp.sqrt(jnp.mean(x**2, -1, keepdims=True) + 1e-5) * γ


@by_hand
def BatchNorm(x, γ, β):
    return _normal(x, 0) * γ + β


@by_hand
def BatchNormRunning(x, γ, β, μ, ν):
    hold = lax.stop_gradient
    return _normal(x, 0) * γ + β, 0.9 * μ + 0.1 * hold(x.mean(0)), 0.9 * ν + 0.1 * hold(x.var(0))


@by_hand
def BatchNormInference(x, m, v, γ, β):
    return (x - m) * γ / jnp.sqrt(v + 1e-5) + β


@by_hand
def GroupNorm(x, γ, β):
    return _normal(x, (2, 3)) * γ[..., None] + β[..., None]


@by_hand
def InstanceNorm(x, γ, β):
    return _normal(x, 1) * γ + β


@by_hand
def WeightNorm(a, v, g, b):
    return a @ (g * v / jnp.linalg.norm(v, axis=0)) + b


@by_hand
def SpectralNorm(a, W, u, v):
    return a @ (W / (u @ W @ v)).T


@by_hand
def Dropout(x, m):
    return x * m / (1 - 0.1)


# --------------------------------------------------------------------------- attention
def _attend(Q, K, V, mask=None, bias=0.0):
    S = Q @ K.mT / jnp.sqrt(Q.shape[-1]) + bias
    if mask is not None:
        S = jnp.where(mask, S, -jnp.inf)
    return jax.nn.softmax(S, -1) @ V


@by_hand
def Attention(Q, K, V):
    return _attend(Q, K, V)


@by_hand
def CausalAttention(Q, K, V):
    return _attend(Q, K, V, jnp.tril(jnp.ones((len(Q), len(K)), bool)))


@by_hand
def WindowAttention(Q, K, V):
    ones = jnp.ones((len(Q), len(K)), bool)
    return _attend(Q, K, V, jnp.tril(ones) & jnp.triu(ones, -1))


@by_hand
def MaskedAttention(Q, K, V, M):
    return _attend(Q, K, V, bias=M)


@by_hand
def AlibiAttention(Q, K, V, m, p):
    far = p[:, None] - p[None, :]
    Q, K, V = (x.swapaxes(0, 1) for x in (Q, K, V))
    return _attend(Q, K, V, jnp.tril(jnp.ones((len(p), len(p)), bool)), -m[:, None, None] * far).swapaxes(0, 1)


@by_hand
def MultiHeadAttention(x, Wq, Wk, Wv, Wo):
    Q, K, V = (jnp.einsum("btc,chd->bhtd", x, W) for W in (Wq, Wk, Wv))
    return jnp.einsum("bhte,hek->btk", _attend(Q, K, V), Wo)


@by_hand
def CausalMultiHeadAttention(x, Wq, Wk, Wv, Wo):
    Q, K, V = (jnp.einsum("btc,chd->bhtd", x, W) for W in (Wq, Wk, Wv))
    back = jnp.tril(jnp.ones((x.shape[1],) * 2, bool))
    return jnp.einsum("bhte,hek->btk", _attend(Q, K, V, back), Wo)


@by_hand
def MultiQueryAttention(Q, K, V):
    return _attend(Q.swapaxes(1, 2), K[:, None], V[:, None]).swapaxes(1, 2)


@by_hand
def CrossAttention(x, s, Wq, Wk, Wv):
    return _attend(x @ Wq, s @ Wk, s @ Wv)


@by_hand
def GroupedQueryAttention(Q, K, V):
    Q = Q.transpose(0, 2, 3, 1, 4)
    K, V = (x.transpose(0, 2, 1, 3)[:, :, None] for x in (K, V))
    return _attend(Q, K, V).transpose(0, 3, 1, 2, 4)


@by_hand
def LinearAttention(Q, K, V):
    return (Q @ K.T) @ V


@by_hand
def AdditiveAttention(q, k, A, B, v, V):
    return jax.nn.softmax(jnp.tanh((q @ A)[:, None] + (k @ B)[None]) @ v) @ V


@by_hand
def Rope(x, z, p, θ):
    turned = (x + 1j * z) * jnp.exp(1j * p[:, None] * θ)
    return turned.real, turned.imag


# --------------------------------------------------------------------------- convolutions
def _conv(a, K, axes, stride=1, groups=1):
    letters = "XYT"[:axes]
    return lax.conv_general_dilated(
        a,
        K,
        (stride,) * axes,
        "VALID",
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
    )


@by_hand
def Convolution1d(a, K, β):
    return _conv(a, K, 1) + β


@by_hand
def Convolution2d(a, K, β):
    return _conv(a, K, 2) + β


@by_hand
def Convolution3d(a, K, β):
    return _conv(a, K, 3) + β


@by_hand
def DepthwiseConvolution(a, K):
    return _conv(a, K[:, None, :], 1, groups=K.shape[1])


@by_hand
def SeparableConvolution(a, D, W):
    return _conv(a, D[:, None, :], 1, groups=D.shape[1]) @ W


@by_hand
def TransposedConvolution(a, K):
    n, u = a.shape[1], len(K)
    out = jnp.zeros((len(a), 2 * (n - 1) + u, K.shape[2]), a.dtype)
    for x in range(n):
        out = out.at[:, 2 * x : 2 * x + u].add(jnp.einsum("bc,uco->buo", a[:, x], K))
    return out


@by_hand
def MaxPool(a):
    return a.reshape(len(a), -1, 2, a.shape[2]).max(2)


@by_hand
def AveragePool(a):
    return a.reshape(len(a), -1, 2, a.shape[2]).mean(2)


def _pool(a, start, op):
    return lax.reduce_window(a, start, op, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


@by_hand
def MaxPool2d(a):
    return _pool(a, -jnp.inf, lax.max)


@by_hand
def AveragePool2d(a):
    return _pool(a, 0.0, lax.add) / 4


@by_hand
def GlobalAveragePool(a):
    return a.mean((1, 2))


# --------------------------------------------------------------------------- recurrent
@by_hand
def RnnCell(x, U, h, W, c):
    return jnp.tanh(jnp.concatenate([x, h], 1) @ jnp.concatenate([U, W]) + c)


@by_hand
def LstmCell(x, U, h, W, β, c):
    i, f, o, u = (x @ U[g] + h @ W[g] + β[g] for g in range(4))
    new = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(u)
    return jax.nn.sigmoid(o) * jnp.tanh(new), new


@by_hand
def GruCell(x, B, h, P, C, Q, D, A):
    z = jax.nn.sigmoid(x @ B + h @ P)
    r = jax.nn.sigmoid(x @ C + h @ Q)
    n = jnp.tanh(x @ A + r * (h @ D))
    return n + z * (h - n)


# --------------------------------------------------------------------------- losses
@by_hand
def CrossEntropy(y, p):
    return -(y * jnp.log(p)).sum(1).mean()


@by_hand
def SoftmaxCrossEntropy(s, y):
    return -(y * jax.nn.log_softmax(s)).sum(1).mean()


@by_hand
def LabelCrossEntropy(s, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(s), y[:, None], 1).mean()


@by_hand
def MeanSquaredError(a, y):
    return jnp.mean(jnp.square(a - y))


@by_hand
def Huber(a, y):
    e = a - y
    return jnp.where(jnp.abs(e) <= 1, 0.5 * e**2, jnp.abs(e) - 0.5).mean()


@by_hand
def KullbackLeibler(y, p):
    return jax.scipy.special.rel_entr(y, p).sum(1).mean()


@by_hand
def BinaryCrossEntropy(y, p):
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log1p(-p))


@by_hand
def LogitCrossEntropy(s, y):
    return -jnp.mean(y * jax.nn.log_sigmoid(s) + (1 - y) * jax.nn.log_sigmoid(-s))


@by_hand
def SmoothedCrossEntropy(s, y):
    return -((0.9 * y + 0.1 / y.shape[1]) * jax.nn.log_softmax(s)).sum(1).mean()


@by_hand
def FocalLoss(s, y):
    p = jax.nn.sigmoid(s)
    return -jnp.mean(y * (1 - p) ** 2 * jax.nn.log_sigmoid(s) + (1 - y) * p**2 * jax.nn.log_sigmoid(-s))


@by_hand
def GaussianNegativeLogLikelihood(m, v, y):
    return -(jax.scipy.stats.norm.logpdf(y, m, jnp.sqrt(v)) + 0.5 * jnp.log(2 * jnp.pi)).mean()


@by_hand
def PoissonLoss(s, y):
    return jnp.mean(jnp.exp(s) - y * s)


@by_hand
def MeanAbsoluteError(a, y):
    return jnp.abs(a - y).mean()


@by_hand
def LogCosh(a, y):
    return jnp.log(jnp.cosh(a - y)).mean()


@by_hand
def Hinge(s, y):
    return jnp.maximum(0, 1 - y * s).mean()


@by_hand
def QuantileLoss(a, y, τ):
    e = y - a
    return jnp.maximum(τ * e, (τ - 1) * e).mean()


@by_hand
def InfoNce(q, k, τ):
    return -jnp.diag(jax.nn.log_softmax(q @ k.T / τ)).mean()


@by_hand
def TripletLoss(a, p, n):
    d = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1
    return jnp.maximum(d, 0).mean()


@by_hand
def CosineLoss(a, y):
    unit = lambda x: x / jnp.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    return 1 - (unit(a) * unit(y)).sum(1).mean()


@by_hand
def PreferenceLoss(u, v, r, q):
    return -jax.nn.log_sigmoid(0.1 * ((u - r) - (v - q))).mean()


# --------------------------------------------------------------------------- models
@by_hand
def LogisticRegression(x, w, c, y):
    return LogitCrossEntropy(x @ w + c, y)


@by_hand
def SoftmaxRegression(x, W, u, y):
    return SoftmaxCrossEntropy(x @ W + u, y)


@by_hand
def RidgeRegression(x, w, y, λ):
    return 0.5 * ((x @ w - y) ** 2).sum() + 0.5 * λ * w @ w


@by_hand
def MatrixFactorisation(U, V, Y, M):
    return 0.5 * (((U @ V.T - Y) * M) ** 2).sum()


@by_hand
def FactorisationMachine(x, w, v, V):
    pairs = sum(x[:, i] * x[:, j] * (V[i] @ V[j]) for i in range(x.shape[1]) for j in range(i + 1, x.shape[1]))
    return w + x @ v + pairs


@by_hand
def GaussianProcess(y, K):
    return 0.5 * y @ jnp.linalg.solve(K, y) + 0.5 * jnp.linalg.slogdet(K)[1]


@by_hand
def GaussianMixture(x, w, μ, v):
    logs = jax.scipy.stats.norm.logpdf(x[:, None], μ, jnp.sqrt(v)) + 0.5 * jnp.log(2 * jnp.pi)
    return -jax.scipy.special.logsumexp(w + logs.sum(2), axis=1).mean()


@by_hand
def VariationalBottleneck(m, s, ε):
    return m + jnp.exp(s / 2) * ε, 0.5 * (m**2 + jnp.exp(s) - 1 - s).sum(1)


@by_hand
def Autoencoder(x, W, u, v):
    return ((jnp.tanh(x @ W + u) @ W.T + v - x) ** 2).mean()


@by_hand
def GraphConvolution(A, x, W):
    return A @ (x @ W)


@by_hand
def GraphAttention(x, A, W, u, v):
    h = x @ W
    s = jax.nn.leaky_relu((h @ u)[:, None] + (h @ v)[None])
    return jax.nn.softmax(jnp.where(A > 0, s, -jnp.inf)) @ h


@by_hand
def AffineCoupling(x, z, W, V):
    s = jnp.tanh(x @ W)
    return z * jnp.exp(s) + x @ V, s.sum(1)


@by_hand
def DiffusionLoss(a, z, ε, W, u):
    x = jnp.sqrt(a)[:, None] * z + jnp.sqrt(1 - a)[:, None] * ε
    return ((x @ W + u - ε) ** 2).mean()


@by_hand
def VariationalAutoencoder(x, W, u, M, μ, S, ν, ε, V, v, D, ω):
    h = jnp.tanh(x @ W + u)
    z, far = VariationalBottleneck(h @ M + μ, h @ S + ν, ε)
    o = jnp.tanh(z @ V + v) @ D + ω
    return far.mean() - (x * jax.nn.log_sigmoid(o) + (1 - x) * jax.nn.log_sigmoid(-o)).sum(1).mean()
