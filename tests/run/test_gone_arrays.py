"""Arrays that are not what they seem: masked ones, whose mask would be lost, and JAX arrays whose memory is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.reference import evaluate

TEXT = "y_b = x_bi w_i; E = Σ_b y_b^2"
W = np.ones(4)


def masked() -> Any:
    return np.ma.masked_array(np.ones((3, 4)), mask=np.eye(3, 4) > 0)


def deleted() -> Any:
    a = jnp.ones((3, 4))
    a.delete()
    return a


@pytest.mark.parametrize("make, words", [(masked, "masked"), (deleted, "deleted")])
@pytest.mark.parametrize("verb", [
    lambda a: tp.compile(TEXT)(x=a, w=W),
    lambda a: tp.compile(TEXT, backend="numpy")(x=a, w=W),
    lambda a: tp.value_and_grad(TEXT, wrt="w")({"w": W}, x=a),
    lambda a: tp.value_and_grad(TEXT, wrt="x")({"x": a}, w=W),
    lambda a: tp.value_and_grad(TEXT)({"x": a}, w=W),
    lambda a: tp.jax_function("z_bj = a_bi W_ij")(a, jnp.ones((4, 2))),
    lambda a: evaluate(tp.parse(TEXT), {"x": a, "w": W}),
    lambda a: tp.from_jax(lambda x: 2 * x, a),
    lambda a: tp.from_jax(lambda p: 2 * p["x"], {"x": a}),
])  # fmt: skip
def test_refused(verb: Callable[[Any], Any], make: Callable[[], Any], words: str) -> None:
    with pytest.raises(tp.TensorpropError) as caught:
        verb(make())
    assert words in str(caught.value)
