"""A layer when it learns and when it is used: two pages with the same parameters and outputs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.layers import BatchNorm, BatchNormInference, BatchNormRunning, Dense, Dropout, GumbelSoftmax, Tanh
from tensorprop.run.reference import evaluate

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(5, 3))
SCALE = {"γ": DRAW.normal(size=3), "β": DRAW.normal(size=3)}


def values(layer: tp.Layer, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    return evaluate(layer.system, arrays)


def test_batch_norm_with_the_statistics_of_its_examples_is_itself() -> None:
    layer = BatchNorm()
    learns = values(layer, x=X, **SCALE)
    used = values(layer.for_inference, x=X, m=learns["m"], v=learns["v"], **SCALE)
    np.testing.assert_allclose(used["y"], learns["y"], rtol=1e-13)
    assert layer.for_inference.parameters == layer.parameters
    assert layer.for_inference.system == BatchNormInference().system


def test_running_statistics_stay_as_they_are() -> None:
    layer = BatchNormRunning()
    kept = {"μ": X.mean(0), "ν": X.var(0)}
    used = values(layer.for_inference, x=X, **kept, **SCALE)
    np.testing.assert_allclose(used["y"], values(layer, x=X, **kept, **SCALE)["y"], rtol=1e-13)
    assert np.array_equal(used["p"], kept["μ"]) and np.array_equal(used["q"], kept["ν"])


def test_noise_is_gone() -> None:
    assert np.array_equal(values(Dropout(0.5).for_inference, x=X[0])["y"], X[0])
    τ = np.array(0.7)
    learns = values(GumbelSoftmax(), z=X[0], g=np.zeros(3), τ=τ)
    np.testing.assert_allclose(values(GumbelSoftmax().for_inference, z=X[0], τ=τ)["p"], learns["p"], rtol=1e-14)


def test_what_is_always_the_same_is_itself() -> None:
    for layer in (Dense(), Tanh(), tp.chain(Dense(), Tanh()), BatchNorm().for_inference):
        assert layer.for_inference is layer


MODEL = tp.chain(Dense(), BatchNorm(), Tanh(), Dropout(0.5), Dense(), BatchNorm())


@pytest.mark.parametrize("model", [MODEL, tp.chain(MODEL.rename(m="mask"), Dense()), MODEL.residual()])
def test_a_chain_has_the_same_names_in_both(model: tp.Layer) -> None:
    used = model.for_inference
    assert used.parameters == model.parameters and used.outputs == model.outputs
    new = set(used.inputs) - set(model.inputs)
    assert new and all(model.system.defines(name) for name in new)  # statistics, numbered as they were
    assert tp.check(used).ok
    again = pickle.loads(pickle.dumps(model))
    assert again == model and again.for_inference == used
    arrays = {n: DRAW.normal(size=[3] * model.system.rank(n)) for n in model.system.inputs}
    arrays |= {
        n: np.full_like(a, 0.5) for n, a in arrays.items() if n in ("m", "mask")
    }  # what dropout keeps on average
    learns = values(model, **arrays)
    found = values(used, **{n: arrays.get(n, learns.get(n)) for n in used.system.inputs})
    for name in model.outputs:
        np.testing.assert_allclose(found[name], learns[name], rtol=1e-11)


def test_a_composition() -> None:
    model = tp.compose(
        "y, p, q = Norm(x, μ0, ν0); h = Drop(y, mask); z = Dense(h); w_bj = z_bj^2",
        {"Norm": BatchNormRunning(), "Drop": Dropout(0.5), "Dense": Dense()},
    )
    used = model.for_inference
    assert used.parameters == model.parameters and used.outputs == model.outputs
    assert set(model.inputs) - set(used.inputs) == {"mask"}
    assert not used.system.defines("m1") and model.system.defines("m1")


def test_both_pages_give_the_same() -> None:
    with pytest.raises(tp.TensorpropError, match="gives y, and at inference z"):
        tp.Layer("y_j = 2 m_j x_j", takes="x", inference="z_j = x_j")


def test_a_class_of_ones_own() -> None:
    class Noisy(tp.Layer):
        forward = "y_i = x_i + n_i w_i"
        inference = "y_i = x_i"
        parameters = "w"
        takes = "x"

    assert Noisy().for_inference.parameters == () and Noisy().for_inference.takes == "x"
    both = tp.chain(Noisy(), Noisy().rename(n="k"))
    assert both.for_inference.inputs == ("x",)
