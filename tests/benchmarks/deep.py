"""Deep residual networks whose normalisations are written by hand: mean, variance and result, a line each."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.models import Model, model

BLOCK = """
    m{l}_{k} = mean_{r}(x{l}_bi); v{l}_{k} = mean_{r}((x{l}_bi - m{l}_{k})^2)
    n{l}_bi = (x{l}_bi - m{l}_{k}) / sqrt(v{l}_{k} + 0.00001)
    h{l}_bj = relu(n{l}_bi W{l}_ij); x{n}_bi = x{l}_bi + h{l}_bi
"""


def deep_text(block: str, depth: int, kept: str, reduced: str) -> str:
    """So many blocks and a loss; an entry of the statistics for each ``kept``, over all ``reduced``."""
    blocks = (block.format(l=k, n=k + 1, k=kept, r=reduced) for k in range(depth))
    return f"x0_bi = a_bi\n{''.join(blocks)}\nE = mean_bi((x{depth}_bi - y_bi)^2)"


def _residual(p: Any, d: Any, axis: int) -> Any:
    x = d["a"]
    for k in range(len(p)):
        n = (x - x.mean(axis, keepdims=True)) * jax.lax.rsqrt(x.var(axis, keepdims=True) + 1e-5)
        x = x + jax.nn.relu(n @ p[f"W{k}"])
    return jnp.mean((x - d["y"]) ** 2)


def deep() -> list[Model]:
    """Residual MLPs of depth 24 and 48, with layer norm and with batch norm."""
    rng = np.random.default_rng(3)

    def normal(*shape: int) -> Any:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    made: list[Model] = []
    data = {"a": normal(256, 128), "y": normal(256, 128)}
    for depth in (24, 48):
        p = {f"W{k}": 0.05 * normal(128, 128) for k in range(depth)}
        for name, axis, kept, reduced in (("layer", -1, "b", "i"), ("batch", 0, "i", "b")):

            def theirs(p: Any, d: Any, axis: int = axis) -> Any:
                return _residual(p, d, axis)

            text = deep_text(BLOCK, depth, kept, reduced)
            made.append(
                model(f"residual MLP with {name} norm by hand, depth {depth}, width 128", text, theirs, p, data)
            )
    return made
