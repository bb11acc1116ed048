"""Every layer against the same in plain JAX by another hand: what it gives, and what its own rules say is owed."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop import layers
from tensorprop.calculus.page import axis_letters
from tensorprop.core.kinds import whole_numbers
from tensorprop.layers import Layer
from tensorprop.rule.jax_function import jax_function
from tests.layers import by_hand_in_time  # noqa: F401
from tests.layers.by_hand import BY_HAND
from tests.uncompiled import uncompiled

CLASSES = {n: c for n, c in inspect.getmembers(layers, inspect.isclass) if issubclass(c, Layer) and c is not Layer}
SIZES = {i: int(n) for i, n in zip("bijkldehctugnmprqfvoxyw", "34526342543453232643643", strict=True)}
SAME = {
    "CausalAttention": "tu",
    "WindowAttention": "tu",
    "AlibiAttention": "tu",
    "InfoNce": "bc",
    "GraphAttention": "nm",
    "GruCell": "jl",
    "Gru": "jk",
    "Lstm": "jk",
    "Rnn": "jk",
    "NeuralOde": "ij",
}
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "Convolution1d": {"a": (2, 6, 3), "K": (3, 3, 4), "β": (4,)},
    "Convolution2d": {"a": (2, 5, 6, 3), "K": (2, 3, 3, 4), "β": (4,)},
    "Convolution3d": {"a": (2, 4, 5, 3, 2), "K": (2, 3, 2, 2, 3), "β": (3,)},
    "Embedding": {"n": (3, 5), "E": (4, 2)},
    "DiffusionLoss": {"a": (3,), "z": (3, 5), "ε": (3, 5), "W": (5, 5), "u": (5,)},
    "DepthwiseConvolution": {"a": (2, 6, 3), "K": (3, 3)},
    "SeparableConvolution": {"a": (2, 6, 3), "D": (3, 3), "W": (3, 4)},
    "TransposedConvolution": {"a": (2, 4, 3), "K": (3, 3, 2)},
    "MaxPool": {"a": (2, 6, 3)},
    "AveragePool": {"a": (2, 6, 3)},
    "GaussianProcess": {"K": (4, 4), "y": (4,)},
    "MaxPool2d": {"a": (2, 4, 6, 3)},
    "AveragePool2d": {"a": (2, 4, 6, 3)},
    "HiddenMarkovModel": {"o": (3, 3), "A": (3, 3), "g": (3,)},
    "KalmanFilter": {n: (3, 3) if n in "FQV" else (2, 2) if n == "R" else (3,) for n in "FQVRg"}
    | {"y": (4, 2), "H": (2, 3)},
    "ConnectionistLoss": {"z": (4, 3), "y": (5,)},
    "BatchNormRunning": {n: (4,) for n in "γβμν"} | {"x": (3, 4)},
}
POSITIVE = {"GaussianProcess": "K", "KalmanFilter": "QRV"}
OPTIONS: dict[str, dict[str, Any]] = {"WindowAttention": {"window": 2}}


def arrays(layer: Layer, kind: str, usual: dict[str, int] = SIZES) -> dict[str, Any]:
    """Numbers for every input, where they belong: labels whole, probabilities positive, matrices positive definite."""
    rng = np.random.default_rng(7)
    sizes = {**usual, **{i: usual[SAME[kind][0]] for i in SAME.get(kind, "")}}
    found: dict[str, Any] = {}
    for name in layer.system.inputs:
        known = SHAPES.get(kind, {}).get(name)
        letters = axis_letters(layer.system, name) if known is None else ()
        shape = known or tuple(sizes[i] for i in letters if i is not None)
        if name in whole_numbers(layer.system):
            found[name] = rng.integers(0, 4, shape)
        elif name in ("p", "v", "a", "τ", "λ") and len(shape) < 3 and kind not in ("Attention", "TripletLoss"):
            found[name] = rng.uniform(0.2, 0.8, shape)
        else:
            found[name] = rng.normal(size=shape)
    if kind in ("CrossEntropy", "KullbackLeibler", "SoftmaxCrossEntropy", "SmoothedCrossEntropy", "SoftmaxRegression"):
        found["y"] = np.random.default_rng(8).dirichlet(np.ones(found["y"].shape[1]), len(found["y"]))
    if kind == "GraphAttention":
        found["A"] = (np.abs(found["A"]) > 0.5) | np.eye(len(found["A"]), dtype=bool)
        found["A"] = found["A"].astype(float)
    if kind == "ConnectionistLoss":
        found["y"] = np.array([0, 1, 0, 2, 0])
    for name in POSITIVE.get(kind, ""):
        found[name] = found[name] @ found[name].T + np.eye(len(found[name]))
    return found


def test_every_layer_has_another_hand() -> None:
    assert CLASSES.keys() == BY_HAND.keys()


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_values_and_gradients(kind: str) -> None:
    layer = CLASSES[kind](**OPTIONS.get(kind, {}))
    given = arrays(layer, kind)
    plain = {"W^(q)": "Wq", "W^(k)": "Wk", "W^(v)": "Wv", "W^(o)": "Wo"}
    learnt = {n for n in given if f"δ{n}" in layer.rules.names and given[n].dtype.kind == "f"}
    wanted = [eq.name.removeprefix("δ") for eq in layer.written if eq.name.removeprefix("δ") in learnt]
    fixed = {n: v for n, v in given.items() if n not in wanted}

    def ours(x: dict[str, Any]) -> list[Any]:
        found = jax_function(layer)(**fixed, **x)
        return [found[n] for n in layer.outputs] if len(layer.outputs) > 1 else [found]

    def theirs(x: dict[str, Any]) -> list[Any]:
        found = BY_HAND[kind](**{plain.get(n, n): v for n, v in {**fixed, **x}.items()})
        return list(found) if isinstance(found, tuple) else [found]

    def both(x: dict[str, Any], draw: list[Any]) -> list[Any]:
        found = []
        for f in (ours, theirs):
            values, back = jax.vjp(f, x)
            found.append((values, back(draw)[0]))
        return found

    with jax.enable_x64(True):
        x = {n: jnp.asarray(given[n]) for n in wanted}
        draw = [np.random.default_rng(9).normal(size=v.shape) for v in jax.eval_shape(theirs, x)]
        (mine, mine_owed), (other, theirs_owed) = uncompiled(both)(x, draw)
    assert mine_owed.keys() == theirs_owed.keys() and mine_owed
    for ours_, theirs_ in zip(mine, other, strict=True):
        np.testing.assert_allclose(ours_, theirs_, rtol=1e-11, atol=1e-11)
    for name in POSITIVE.get(kind, ""):  # of a symmetric matrix there is no more than this
        for found in (mine_owed, theirs_owed):
            if name in found:
                found[name] = found[name] + found[name].T
    for name in mine_owed:
        np.testing.assert_allclose(mine_owed[name], theirs_owed[name], rtol=1e-10, atol=1e-11, err_msg=name)
