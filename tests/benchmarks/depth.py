"""A transformer of many layers as a recurrence over depth, against JAX's scan and against its layers written out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp
from tensorprop.layers import Dense, Gelu, LayerNorm, MultiHeadAttention
from tests.benchmarks.models import Model

DEPTH, BATCH, T, WIDTH, HEADS = 24, 2, 64, 128, 4


def _block() -> tp.Layer:
    attention = tp.chain(LayerNorm(), MultiHeadAttention()).residual()
    return tp.chain(attention, tp.chain(LayerNorm(), Dense(), Gelu(), Dense()).residual())


def _page() -> tp.Layer:
    block = _block()
    loss = tp.Layer("E = mean_bti((x_bti - y_bti)^2)", takes="x")
    return tp.chain(tp.chain(block, repeat=True), loss)


NAMES = _page().parameters


def _norm(x: Any, g: Any, c: Any) -> Any:
    m = x.mean(-1, keepdims=True)
    return (x - m) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * g + c


def block(x: Any, p: tuple[Any, ...]) -> Any:
    g1, c1, q, k, v, o, g2, c2, w1, b1, w2, b2 = p
    n = _norm(x, g1, c1)
    Q, K, V = (jnp.einsum("bti,ihd->bthd", n, w) for w in (q, k, v))
    s = jnp.einsum("bthd,buhd->bhtu", Q, K) / np.sqrt(Q.shape[-1])
    a = jnp.einsum("bhtu,buhd->bthd", jax.nn.softmax(s), V)
    x = x + jnp.einsum("bthd,hdi->bti", a, o)
    h = jax.nn.gelu(_norm(x, g2, c2) @ w1 + b1, approximate=False)
    return x + h @ w2 + b2


def _loss(x: Any, d: Any) -> Any:
    return jnp.mean((x - d["y"]) ** 2)


def scanned(p: Any, d: Any) -> Any:
    """A scan over layers, as one writes it."""
    x, _ = jax.lax.scan(lambda x, layer: (block(x, layer), None), d["x"], tuple(p[n] for n in NAMES))
    return _loss(x, d)


def unrolled(p: Any, d: Any) -> Any:
    """The layers one after the other, each with its entries of the parameters."""
    x = d["x"]
    for k in range(DEPTH):
        x = block(x, tuple(p[n][k] for n in NAMES))
    return _loss(x, d)


def depth() -> list[Model]:
    """24 layers against a scan over layers, and against the layers written out."""
    page, rng = _page(), np.random.default_rng(4)
    wide, each = 4 * WIDTH, WIDTH // HEADS
    ins, outs = (WIDTH, HEADS, each), (HEADS, each, WIDTH)
    shapes = (
        (WIDTH,),
        (WIDTH,),
        ins,
        ins,
        ins,
        outs,
        (WIDTH,),
        (WIDTH,),
        (WIDTH, wide),
        (wide,),
        (wide, WIDTH),
        (WIDTH,),
    )
    p: dict[str, Any] = {}
    for name, shape in zip(page.parameters, shapes, strict=True):
        v = 0.05 * rng.normal(size=(DEPTH, *shape)) + (name[0] == "γ")
        p[name] = jnp.asarray(v, jnp.float32)
    data = {n: jnp.asarray(rng.normal(size=(BATCH, T, WIDTH)), jnp.float32) for n in "xy"}
    made: list[Model] = []
    for name, theirs in (("scan over layers", scanned), ("layers written out", unrolled)):

        def fresh(theirs: Any = theirs) -> tuple[Any, Any]:
            return tp.value_and_grad(_page(), page.parameters), jax.jit(jax.value_and_grad(theirs))

        ours, other = fresh()
        title = f"transformer of {DEPTH} layers as a recurrence, width {WIDTH}, T {T}, against JAX's {name}"
        made.append(
            Model(
                title,
                lambda ours=ours: ours(p, **data),
                lambda other=other: other(p, data),
                fresh,
                p,
                data,
            )
        )
    few = {n: a[:12] for n, a in p.items()}
    return [*made, _checkpointed(list(few), few, data)]


def _checkpointed(names: Iterable[str], p: dict[str, Any], data: dict[str, Any]) -> Model:
    """A scan over layers whose rule keeps what comes in and nothing else, against ``jax.checkpoint`` of the block."""

    def loss(layer: Any) -> Any:
        def of(p: Any, d: Any) -> Any:
            x, _ = jax.lax.scan(lambda x, own: (layer(x, own), None), d["x"], tuple(p[n] for n in names))
            return _loss(x, d)

        return jax.jit(jax.value_and_grad(of))

    def fresh() -> tuple[Any, Any]:
        f = tp.jax_function(_block(), save=())
        ours = loss(lambda x, layer: f(x, *layer))
        return lambda p, **d: ours(p, d), loss(jax.checkpoint(block))

    ours, theirs = fresh()
    title = f"scan over 12 layers whose rule keeps x alone, width {WIDTH}, T {T}, against jax.checkpoint"
    return Model(title, lambda: ours(p, **data), lambda: theirs(p, data), fresh, p, data)
