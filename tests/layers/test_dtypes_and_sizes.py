"""Every layer's rules in three widths of numbers, at sizes of 0, 1 and all alike, on arrays that are not contiguous.

What is right is what plain JAX code by another hand gives in float64, from numbers that were rounded to the width.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.errors import OutOfRange
from tensorprop.rule.jax_function import jax_function
from tests.layers.by_hand import BY_HAND
from tests.layers.test_against_jax import CLASSES, OPTIONS, SHAPES, SIZES, arrays

WIDTHS = {"float64": 1e-10, "float32": 2e-4, "bfloat16": 0.15}  # and how much of the largest entry may be off
SORTS = ("usual", "one", "square", "none", "strided")
JUMPS = {  # a rounded number may fall on the other side of a bound
    *("Sparsemax", "TopExperts", "Maxout", "MaxPool", "MaxPool2d", "Hinge", "TripletLoss", "KalmanFilter"),
    *("GaussianProcess", "LeakyRelu", "GraphAttention", "Huber", "QuantileLoss", "MeanAbsoluteError"),
}
NEEDS_MORE = {  # than one of each, or than none
    *("BatchNorm", "BatchNormRunning", "InstanceNorm", "GroupNorm", "LayerNorm"),  # a variance of one number is 0
    *("LstmCell", "Lstm", "TopExperts"),  # four gates, two experts
}


def case(kind: str, sort: str) -> dict[str, Any] | None:
    """Arrays for a layer; None where it is not of this sort."""
    layer = CLASSES[kind](**OPTIONS.get(kind, {}))
    fixed = kind in SHAPES or kind in NEEDS_MORE
    if sort in ("usual", "strided"):
        return arrays(layer, kind)
    if fixed or (sort == "none" and "b" not in {i for eq in layer.system for i in eq.letters}):
        return None
    if sort == "none":
        return arrays(layer, kind, {**SIZES, "b": 0})
    many = 1 if sort == "one" else 3
    return {
        n: a % many if a.dtype.kind == "i" else a for n, a in arrays(layer, kind, dict.fromkeys(SIZES, many)).items()
    }


def strided(a: Any) -> Any:
    """The same numbers with other steps through memory: backwards, and every second place of twice as many."""
    if a.ndim == 0:
        return a
    wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in a.shape)]
    view[...] = a
    assert not view.flags.c_contiguous or view.size < 2
    return view


def compared(kind: str, sort: str, width: str) -> bool:
    """Hold a layer against the other hand. False where it is not of this sort."""
    given = case(kind, sort)
    if given is None:
        return False
    layer = CLASSES[kind](**OPTIONS.get(kind, {}))
    plain = {"W^(q)": "Wq", "W^(k)": "Wk", "W^(v)": "Wv", "W^(o)": "Wo"}
    rounded = {n: a.astype(jnp.dtype(width)) if a.dtype.kind == "f" else a for n, a in given.items()}
    wanted = [n for n in given if f"δ{n}" in {eq.name for eq in layer.written} and given[n].dtype.kind == "f"]
    function = jax_function(layer)

    def ours(x: dict[str, Any], fixed: dict[str, Any]) -> list[Any]:
        found = function(**fixed, **x)
        return [found[n] for n in layer.outputs] if len(layer.outputs) > 1 else [found]

    def theirs(x: dict[str, Any], fixed: dict[str, Any]) -> list[Any]:
        found = BY_HAND[kind](**{plain.get(n, n): v for n, v in {**fixed, **x}.items()})
        return list(found) if isinstance(found, tuple) else [found]

    def run(f: Any, numbers: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        x = {n: numbers[n] for n in wanted}
        fixed = {n: a for n, a in numbers.items() if n not in wanted}

        def whole(x: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
            values, back = jax.vjp(lambda x: f(x, fixed), x)
            return values, back([jnp.ones_like(v) for v in values])[0]

        return jax.jit(whole)(x)

    with jax.enable_x64(True):
        try:
            mine = run(ours, {n: strided(a) for n, a in rounded.items()} if sort == "strided" else rounded)
        except OutOfRange as error:  # a mean of nothing has no value, and is refused
            assert sort == "none" and "has no values" in str(error)
            return False
        other = run(theirs, {n: a.astype("float64") if a.dtype.kind not in "iu" else a for n, a in rounded.items()})
    for (name, got), want in zip(
        [*((f"value {n}", v) for n, v in enumerate(mine[0])), *mine[1].items()],
        [*other[0], *other[1].values()],
        strict=True,
    ):
        assert got.dtype == width, f"{name} is {got.dtype}"
        want = np.asarray(want)
        assert got.shape == want.shape, name
        if want.size and np.isfinite(want).all():
            far = np.abs(np.asarray(got, "float64") - want).max()
            assert far <= WIDTHS[width] * max(1, np.abs(want).max()), f"{name} is off by {far}"
    return True


@pytest.mark.campaign
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_every_layer(kind: str, sort: str, width: str) -> None:
    if width == "bfloat16" and kind in JUMPS:
        return
    compared(kind, sort, width)


TABLE = [
    ("Dense", "none", "float32"),
    ("Softmax", "one", "bfloat16"),
    ("LayerNorm", "strided", "float32"),
    ("MultiHeadAttention", "square", "float32"),
    ("Convolution1d", "strided", "bfloat16"),
    ("LstmCell", "usual", "bfloat16"),
    ("SoftmaxCrossEntropy", "square", "bfloat16"),
    ("LinearRecurrence", "one", "float32"),
]


@pytest.mark.parametrize("kind, sort, width", TABLE)
def test_a_layer_of_each_kind(kind: str, sort: str, width: str) -> None:
    assert compared(kind, sort, width)
