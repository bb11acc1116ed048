"""A size may be a name when a program is exported: values are those of the program made for the size."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import tensorprop as tp

TEXT = "z_bj = a_bi W_ij + c_j; h_bj = softmax_j(z_bj); E = 1/2 (h_bj - y_bj)^2 / dim(b)"
f, g, j = tp.compile(TEXT, outputs="h"), tp.value_and_grad(TEXT, "W c"), tp.jax_function(TEXT)
PROGRAMS: dict[str, Any] = {
    "compile": lambda a, W, c, y: f(a=a, W=W, c=c),
    "value_and_grad": lambda a, W, c, y: g({"W": W, "c": c}, a=a, y=y),
    "jax_function": lambda a, W, c, y: jax.value_and_grad(lambda W: j(a=a, W=W, c=c, y=y))(W),
}


def shape(*sizes: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


@pytest.mark.parametrize("verb", PROGRAMS)
def test_a_program_is_exported_for_every_batch(verb: str) -> None:
    (b,) = export.symbolic_shape("b")
    program = jax.jit(PROGRAMS[verb])
    made = export.export(program)(shape(b, 3), shape(3, 2), shape(2), shape(b, 2))
    rng = np.random.default_rng(1)
    for n in (1, 5):
        arrays = [jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((n, 3), (3, 2), (2,), (n, 2))]
        got, want = jax.tree.leaves(made.call(*arrays)), jax.tree.leaves(program(*arrays))
        for one, other in zip(got, want, strict=True):
            assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-5, abs=1e-6)


def test_shapes_alone_are_enough() -> None:
    out = jax.eval_shape(PROGRAMS["value_and_grad"], shape(4, 3), shape(3, 2), shape(2), shape(4, 2))
    assert out[0].shape == () and out[1]["W"].shape == (3, 2)
