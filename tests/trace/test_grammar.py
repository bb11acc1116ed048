"""Functions drawn from a grammar, read at one set of sizes, run at three others, and differentiated.

What is drawn is made of products, means, norms, sizes, slices, splits, loops and gradients of these. Each is compared
with the function itself, and the System's gradient with JAX's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tensorprop.calculus.adjoint import adjoint
from tensorprop.core.equation import System
from tensorprop.run.reference import evaluate
from tensorprop.text import parse, show
from tensorprop.trace.jax_read import from_jax
from tests.uncompiled import uncompiled

READ, RUN = (7, 6, 3), ((5, 4, 7), (6, 10, 2), (9, 8, 5))


def halves(h):
    a, b = jnp.split(h, 2, 1)
    return jnp.concatenate([a * jax.nn.sigmoid(b), a - b], 1)


def differences(h):
    return jnp.concatenate([h[:1], h[1:] - h[:-1]])


def averaged(h):
    return lax.scan(lambda m, a: (0.7 * m + 0.3 * a,) * 2, jnp.zeros(h.shape[1]), h)[1]


def backwards(h):
    return lax.scan(lambda m, a: (jnp.tanh(m + a), m), h[-1], h, reverse=True)[1]


def heads(h):
    z = h.reshape(h.shape[0], 2, h.shape[1] // 2)
    return (z * jax.nn.softmax(z, -1)).reshape(h.shape)


def causal(h):
    s = h @ h.T / jnp.sqrt(h.shape[1])
    return jax.nn.softmax(jnp.where(jnp.tril(jnp.ones(s.shape, bool)), s, -1e9)) @ h


def pairs(h):
    a, b = h[:, ::2], h[:, 1::2]
    return jnp.stack([a * 0.6 - b * 0.8, a * 0.8 + b * 0.6], -1).reshape(h.shape)


def smoothed(h):
    return (h + jnp.pad(h, ((1, 0), (0, 0)))[:-1]) / 2


def normed(h):
    return (h - h.mean(1, keepdims=True)) / jnp.sqrt(jnp.var(h, 1, ddof=1, keepdims=True) + 1e-2)


def by_half(h):
    return h - h[:, : h.shape[1] // 2].mean(1, keepdims=True)


def steps(h):
    return lax.fori_loop(0, 2, lambda k, z: z - 0.1 * z @ (z.T @ z) / h.shape[0], h)


MOVES: list[Callable[[Any], Any]] = [
    halves, differences, averaged, backwards, heads, causal, pairs, smoothed, normed, by_half, steps,
    lambda h: h - h.mean(0),
    lambda h: h / jnp.sqrt(jnp.sum(h**2, -1, keepdims=True) + 1),
    jax.nn.softmax,
    lambda h: h / h.shape[1],
    lambda h: h * np.log(h.shape[0]),
    lambda h: jnp.tanh(h) + 0.1 / h.shape[1],
    lambda h: (h @ h.T / np.sqrt(h.shape[1])) @ h,
    lambda h: h - 1 / (h.shape[0] - 1),
    lambda h: jnp.roll(h, 1, 0) * h,
    lambda h: jnp.cumsum(h, 0) / h.shape[0],
    lambda h: h[::-1] + h,
    lambda h: jnp.where(h > 0, h, 0.1 * h),
    lambda h: jnp.sort(h, 0),
    lambda h: h - jax.nn.logsumexp(h, -1, keepdims=True),
    lambda h: jnp.stack([h, jnp.tanh(h)]).mean(0),
    lambda h: h.at[0].set(0.5),
    lambda h: h.at[:, 1].multiply(2),
    lambda h: h + h[:, -1:] - h[0],
    lambda h: jax.nn.softplus(h) / jnp.linalg.norm(h, axis=0),
    lambda h: h * jnp.max(h, 1, keepdims=True),
    lambda h: jnp.linalg.solve(h.T @ h + jnp.eye(h.shape[1]), h.T).T,
    lambda h: jnp.concatenate([h, h**2], 0)[: h.shape[0]],
    lambda h: jnp.repeat(h, 2, 1)[:, ::2],
]  # fmt: skip

ENDS: list[Callable[[Any, Any], Any]] = [
    lambda z, y: jnp.mean((z - y) ** 2),
    lambda z, y: -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), -1)),
    lambda z, y: jnp.sum(jnp.abs(z - y)) / z.size,
    lambda z, y: jnp.mean(jax.nn.logsumexp(z, 1)) + jnp.sum(z * y) / y.shape[1],
    lambda z, y: jnp.mean((z[1:] - z[:-1]) ** 2) + jnp.var(z * y),
    lambda z, y: jnp.sum(jnp.sqrt(jnp.mean((z * y) ** 2, 0) + 1)),
    lambda z, y: jnp.log(jnp.mean(jnp.exp(z[:, 0] - z[:, -1]) + y[:, 0] ** 2)),
]


def drawn(seed: int) -> tuple[Callable[..., Any], str]:
    """A function of x_bi, W_ij and y_bj, and how it was made."""
    rng = np.random.default_rng(seed)
    moves = rng.integers(0, len(MOVES), rng.integers(1, 4))
    end, by, inner = rng.integers(0, len(ENDS)), int(rng.integers(0, 5)), bool(rng.integers(0, 2))

    def array(x, W, y):
        h = x
        for k in moves:
            h = MOVES[k](h)
        return jnp.tanh(h @ W) if inner else h @ W

    def fn(x, W, y):
        return ENDS[end](array(x, W, y), y)

    made = array if by == 4 else fn if by == 3 else jax.grad(fn, by)
    return made, f"moves {moves}, end {end}, by {by}"


def near(ours: Any, theirs: Any, said: str) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    off = np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max()))
    assert off < 2e-5, f"{off}: {said}"


def compared(seed: int) -> None:
    fn, told = drawn(seed)
    b, i, j = READ
    f32 = [jax.ShapeDtypeStruct(shape, "float32") for shape in ((b, i), (i, j), (b, j))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*the last entry of an axis is read as")
        s = from_jax(fn, *f32, names="x W y -> out")
    said = f"{told}\n{show(s)}"
    assert parse(show(s)) is s, said
    rng = np.random.default_rng(seed)
    for b, i, j in RUN:
        given = {"x": rng.normal(size=(b, i)), "W": rng.normal(size=(i, j)), "y": rng.uniform(0.1, 1, (b, j))}
        mine = {n: a for n, a in given.items() if n in s.inputs}
        with jax.enable_x64(True):
            want = uncompiled(fn)(*given.values())
        near(evaluate(s, mine)["out"], want, f"sizes {b} {i} {j}: {said}")
    pulled(s, fn, given, mine, want, said)


def pulled(
    s: System, fn: Callable[..., Any], given: dict[str, Any], mine: dict[str, Any], want: Any, said: str
) -> None:
    """The gradient of Σ w out, by every input that it has."""
    weights = np.random.default_rng(0).normal(size=want.shape) if want.shape else np.ones(())
    wrt = [n for n in ("x", "W", "y") if n in s.inputs]
    both = s + adjoint(s, wrt)
    more = {"δout": weights, "δout^(out)": weights}
    found = evaluate(both, {n: a for n, a in {**mine, **more}.items() if n in both.inputs})
    with jax.enable_x64(True):
        slots = tuple("xWy".index(n) for n in wrt)
        some = tuple(map(jnp.asarray, given.values()))
        grads = uncompiled(jax.grad(lambda *a: jnp.sum(fn(*a) * weights), argnums=slots))(*some)
    for n, g in zip(wrt, grads, strict=True):
        near(found.get(f"δ{n}", np.zeros(g.shape)), g, f"gradient by {n}: {said}\n{show(both)}")


@pytest.mark.parametrize("seed", range(5))
def test_drawn(seed: int) -> None:
    compared(seed)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(5, 1000))
def test_drawn_many(seed: int) -> None:
    compared(seed)
