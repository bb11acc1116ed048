"""The recurrences of the library in plain JAX, where it can be in another form: all at once, or over every path.

Nothing of tensorprop is used here.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.layers.by_hand import GruCell, LstmCell, by_hand


def _over(step, start, *arrays):
    """What a step keeps, for every t of arrays (b, t, …)."""

    def one(kept, now):
        kept = step(kept, *now)
        return kept, kept

    return jax.tree.map(lambda h: h.swapaxes(0, 1), lax.scan(one, start, tuple(a.swapaxes(0, 1) for a in arrays))[1])


@by_hand
def Rnn(x, U, W, c):
    return _over(lambda h, x: jnp.tanh(x @ U + h @ W + c), jnp.zeros((len(x), len(W)), x.dtype), x)


@by_hand
def Lstm(x, U, W, β):
    zero = jnp.zeros((len(x), W.shape[1]), x.dtype)
    return _over(lambda hc, x: LstmCell(x, U, hc[0], W, β, hc[1]), (zero, zero), x)[0]


@by_hand
def Gru(x, B, P, C, Q, D, A):
    return _over(lambda h, x: GruCell(x, B, h, P, C, Q, D, A), jnp.zeros((len(x), len(P)), x.dtype), x)


@by_hand
def LinearRecurrence(a, x):
    return lax.associative_scan(lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1]), (a, x), axis=1)[1]


@by_hand
def SelectiveStateSpace(x, s, A, B, C, D):
    h, out = jnp.zeros(A.shape, x.dtype), []
    for t in range(len(x)):
        h = jnp.exp(s[t][:, None] * A) * h + jnp.outer(s[t] * x[t], B[t])
        out.append(h @ C[t] + D * x[t])
    return jnp.stack(out)


@by_hand
def Retention(Q, K, V, γ):
    n = jnp.arange(len(Q))
    return (jnp.tril(γ ** (n[:, None] - n)) * (Q @ K.T)) @ V


@by_hand
def CausalLinearAttention(Q, K, V):
    weights = jnp.tril((jax.nn.elu(Q) + 1) @ (jax.nn.elu(K) + 1).T)
    return weights @ V / weights.sum(1, keepdims=True)


def _paths(steps, states):
    return np.array(list(itertools.product(range(states), repeat=steps)))


@by_hand
def HiddenMarkovModel(o, A, g):
    ways = _paths(len(o) + 1, len(A))  # every path on its own
    moves, seen = A[ways[:, :-1], ways[:, 1:]].sum(1), o[np.arange(len(o)), ways[:, 1:]].sum(1)
    return -jax.scipy.special.logsumexp(g[ways[:, 0]] + moves + seen)


@by_hand
def KalmanFilter(y, F, H, Q, R, g, V):
    """All observations at once: they are normal together, with the covariances that the model says."""
    n = len(y)
    states = [F @ g]
    spread = [[F @ V @ F.T + Q]]  # of state s with state t, s ≤ t
    for t in range(1, n):
        states.append(F @ states[-1])
        spread = [[*row, row[-1] @ F.T] for row in spread]
        spread.append([None] * t + [F @ spread[t - 1][t - 1] @ F.T + Q])
    seen = [[H @ (spread[s][t] if s <= t else spread[t][s].T) @ H.T + (s == t) * R for t in range(n)] for s in range(n)]
    S, e = jnp.block(seen), jnp.concatenate([y[t] - H @ states[t] for t in range(n)])
    return 0.5 * (e @ jnp.linalg.solve(S, e) + jnp.linalg.slogdet(S)[1])


@by_hand
def NeuralOde(a, h, W, u):
    f = lambda x: jnp.tanh(x @ W + u)  # noqa: E731
    for dt in h:
        k = f(a)
        l = f(a + dt / 2 * k)  # noqa: E741
        p = f(a + dt / 2 * l)
        a = a + dt / 6 * (k + 2 * l + 2 * p + f(a + dt * p))
    return a


@by_hand
def ConnectionistLoss(z, y):
    """Every row of characters whose repeats and blanks, taken out, leave the labels."""
    labels, blank = list(y[1::2]), y[0]
    ways = _paths(len(z), z.shape[1])
    right = [w for w in ways if [c for c, _ in itertools.groupby(w) if c != blank] == labels]
    return -jnp.log(jax.nn.softmax(z)[np.arange(len(z)), np.array(right)].prod(1).sum())
