"""Transformers of many layers as text, every layer with tensors of its own, against the same layers in JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp
from tests.benchmarks.clock import Ratio, interleaved, spent
from tests.benchmarks.depth import block
from tests.benchmarks.models import Model, model

BATCH, T, WIDTH, HEADS = 4, 64, 128, 4
SIZES = {"b": BATCH, "t": T, "i": WIDTH, "h": HEADS, "d": WIDTH // HEADS, "f": 4 * WIDTH}
LAYER = """
    m{k}_bt = mean_i(x{k}_bti); v{k}_bt = mean_i((x{k}_bti - m{k}_bt)^2)
    n{k}_bti = (x{k}_bti - m{k}_bt) / sqrt(v{k}_bt + 0.00001) g{k}_i + c{k}_i
    q{k}_bthd = n{k}_bti Q{k}_ihd; k{k}_buhd = n{k}_bui K{k}_ihd; w{k}_buhd = n{k}_bui V{k}_ihd
    p{k}_bhtu = softmax_u(q{k}_bthd k{k}_buhd / sqrt(dim(d))); o{k}_bthd = p{k}_bhtu w{k}_buhd
    r{k}_bti = x{k}_bti + o{k}_bthd O{k}_hdi
    s{k}_bt = mean_i(r{k}_bti); z{k}_bt = mean_i((r{k}_bti - s{k}_bt)^2)
    l{k}_bti = (r{k}_bti - s{k}_bt) / sqrt(z{k}_bt + 0.00001) e{k}_i + a{k}_i
    h{k}_btf = gelu(l{k}_bti W{k}_if + b{k}_f); x{n}_bti = r{k}_bti + h{k}_btf Y{k}_fi + u{k}_i
"""
NAMES = "gcQKVOeaWbYu"  # in the order in which a block takes them
SHAPES = {"Q": "ihd", "K": "ihd", "V": "ihd", "O": "hdi", "W": "if", "b": "f", "Y": "fi"}


def text(layers: int, mark: str = "") -> str:
    """The layers, whose names bear a mark, and a loss; a is what comes in and y what should come out."""
    lines = (LAYER.format(k=f"{mark}{k}", n=f"{mark}{k + 1}") for k in range(layers))
    return f"x{mark}0_bti = A_bti\n{''.join(lines)}\nE = mean_bti((x{mark}{layers}_bti - G_bti)^2)"


def names(layers: int, mark: str = "") -> list[str]:
    """The parameters of all layers."""
    return [f"{n}{mark}{k}" for k in range(layers) for n in NAMES]


def loss(layers: int) -> Any:
    """The same in JAX."""

    def of(p: Any, d: Any) -> Any:
        x = d["A"]
        for k in range(layers):
            x = block(x, tuple(p[f"{n}{k}"] for n in NAMES))
        return jnp.mean((x - d["G"]) ** 2)

    return of


def arrays(layers: int, sizes: Mapping[str, int] = SIZES) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of so many layers, and data."""
    rng = np.random.default_rng(6)
    p: dict[str, Any] = {}
    for n in names(layers):
        shape = tuple(sizes[i] for i in SHAPES.get(n[0], "i"))
        p[n] = jnp.asarray(0.05 * rng.normal(size=shape) + (n[0] in "ge"), jnp.float32)
    return p, {n: jnp.asarray(rng.normal(size=tuple(sizes[i] for i in "bti")), jnp.float32) for n in "AG"}


def written() -> list[Model]:
    """4, 8, 12 and 24 layers, and a wider block."""
    made: list[Model] = []
    for layers in (4, 8, 12, 24):
        title = f"transformer of {layers} layers as text, width {WIDTH}, T {T}, batch {BATCH}"
        made.append(model(title, text(layers), loss(layers), *arrays(layers)))
    wide = {"b": 8, "t": 128, "i": 256, "h": 8, "d": 32, "f": 1024}
    return [*made, model("transformer block as text, width 256, T 128, batch 8", text(1), loss(1), *arrays(1, wide))]


def front(layers: int = 12, repeats: int = 9) -> tuple[float, float, float]:
    """Processor seconds in which a text with names that nobody has met is parsed, differentiated and planned."""
    found: list[tuple[float, float, float]] = []
    for k in range(repeats):
        mark = f"{k}v"
        parse, s = spent(lambda mark=mark: tp.parse(text(layers, mark)))
        derive, g = spent(lambda s=s, mark=mark: tp.value_and_grad(s, names(layers, mark)))
        shapes = {n: tuple(SIZES[i] for i in SHAPES.get(n[0], "i")) for n in g.wrt} | {
            n: (BATCH, T, WIDTH) for n in "AG"
        }
        found.append((parse, derive, spent(lambda g=g, shapes=shapes: tp.plan(g.system, shapes=shapes))[0]))
    return sorted(found, key=sum)[0]


def dispatch(budget: float, count: int = 100) -> dict[str, Ratio]:
    """Calls with many small parameters against JAX's of a tree: one by one, packed, and packed where the loss is of one
    of them alone, so that what is timed is what it takes to hand the others over and back."""
    p = {f"w{k}": jnp.ones(4, jnp.float32) for k in range(count)}
    found: dict[str, Ratio] = {}
    for name, used in (("a sum over each", count), ("a sum over one", 1)):
        g = tp.value_and_grad("E = " + " + ".join(f"{n}_i {n}_i" for n in list(p)[:used]), wrt=tuple(p)[:used])
        theirs = jax.jit(jax.value_and_grad(lambda p, used=used: sum(jnp.sum(a * a) for a in list(p.values())[:used])))
        one = g.packed(p)
        if used == count:
            found[f"{name}, one by one"] = interleaved(lambda g=g: g(p), lambda f=theirs: f(p), budget)
        found[f"{name}, packed"] = interleaved(lambda f=one: f(f.vector), lambda f=theirs: f(p), budget)
    return found
