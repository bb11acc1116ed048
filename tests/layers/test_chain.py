"""Chained layers are one layer: names, letters, rules, numbers."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import RankMismatch, UsageError
from tensorprop.layers import (
    Dense,
    Gelu,
    LabelCrossEntropy,
    MeanSquaredError,
    Relu,
    Selu,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)


def test_a_network_is_one_line_for_every_intermediate() -> None:
    net = tp.chain(Dense(), Tanh(), Dense(), SoftmaxCrossEntropy())
    assert str(net.system).split("\n") == [
        "z1_bj = a_bi W1_ij + b1_j",
        "a1_bj = tanh(z1_bj)",
        "z2_bk = a1_bj W2_jk + b2_k",
        "l2_bk = logsoftmax_k(z2_bk)",
        "E = -mean_b(y_bk l2_bk)",
    ]
    assert net.parameters == ("W1", "b1", "W2", "b2") and net.inputs == ("a", "y") and net.outputs == ("E",)
    assert all(name.isidentifier() for name in net.parameters)
    rules = tp.adjoint(net, wrt=net.parameters)  # type: ignore[arg-type]
    assert [eq.name for eq in rules] == ["δl2", "δz2", "δa1", "δz1", "δW1", "δb1", "δW2", "δb2"]


def test_the_rules_of_the_layers_are_kept_and_proved() -> None:
    net = tp.chain(Dense(), Tanh(), Dense(), SoftmaxCrossEntropy())
    assert str(net.rules["δz1"]) == "δz1_bj = δa1_bj (1 - a1_bj^2)"
    assert str(net.rules["δz2"]) == "δz2_bk = (softmax_k(z2_bk) - y_bk) / dim(b)"
    report = tp.check(net)
    assert report.ok and report.proved, str(report)


def test_a_wrong_rule_of_one_layer_is_found_in_the_chain() -> None:
    wrong = tp.Layer("a_j = tanh(z_j)", "δz_j = δa_j (1 - a_j)")
    report = tp.check(tp.chain(Dense(), wrong, Dense(), LabelCrossEntropy()))
    assert [f.tensor for f in report.findings] == ["z1"]


def test_shapes_by_letter() -> None:
    net = tp.chain(Dense(), Relu(), Dense(), LabelCrossEntropy())
    assert net.shapes(i=64, j=32, k=10) == {"W1": (64, 32), "b1": (32,), "W2": (32, 10), "b2": (10,)}


def test_what_is_written_for_one_example_is_applied_to_all() -> None:
    affine = tp.Layer("z_j = a_i W_ij + b_j", "δW_ij = a_i δz_j; δb_j = δz_j", parameters="W b", name="affine")
    net = tp.chain(Dense(), Gelu(), affine, Softmax())
    assert str(net.system["z2"]) == "z2_bk = a1_bj W2_jk + b2_k"
    assert str(net.rules["δb2"]) == "δb2_k = Σ_b δz2_bk"
    report = tp.check(net)
    assert report.ok and report.proved, str(report)


def test_names_of_layers() -> None:
    net = tp.chain(Dense(), Tanh(), Dense(), names=("in", "", "out"))
    assert net.parameters == ("W^(in)", "b^(in)", "W^(out)", "b^(out)")
    assert str(net.system["a^(in)"]) == "a^(in)_bj = tanh(z^(in)_bj)"


def test_names_never_meet() -> None:
    net = tp.chain(Dense(), Tanh(), Tanh(), Tanh(), Dense())
    assert len(net.system) == 5 and len(set(net.system.names)) == len(net.system.names)
    assert tp.check(net).ok


def test_parts_of_rules_have_names_of_their_own() -> None:
    net = tp.chain(Dense(), Gelu(), Dense(), Selu(), Gelu(), LabelCrossEntropy())
    assert tp.check(net).proved
    assert len({eq.name for eq in net.rules}) == len(net.rules)


def test_a_deep_chain_stays_one_line_a_tensor() -> None:
    net = tp.chain(*[Dense(), Relu()] * 40, MeanSquaredError())
    assert len(net.system) == 81
    assert len(tp.adjoint(net, wrt=net.parameters)) == 160  # type: ignore[arg-type]
    letters = {i for eq in net.system for i in eq.letters}
    assert len(letters) == 41  # b, and one for every width but the first, which is summed


def test_a_chain_of_chains() -> None:
    block = tp.chain(Dense(), Tanh())
    net = tp.chain(block, block, LabelCrossEntropy())
    assert len(net.parameters) == 4 and len(set(net.parameters)) == 4
    assert tp.check(net).proved


def test_the_chain_computes_what_its_layers_do() -> None:
    net = tp.chain(Dense(), Tanh(), Dense(), LabelCrossEntropy())
    draw = np.random.default_rng(0)
    data = {"a": draw.normal(size=(5, 4)), "y": np.array([0, 2, 1, 1, 0])}
    params = {name: draw.normal(size=shape) for name, shape in net.shapes(i=4, j=6, k=3).items()}
    h = np.tanh(data["a"] @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]
    expected = np.mean(np.log(np.exp(h).sum(1)) - h[np.arange(5), data["y"]])
    found = tp.compile(net, backend="numpy")(**data, **params)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(UsageError, match="which comes from the layer before"):
        tp.chain(tp.Layer("z_j = a_i W_ij"), Tanh())
    with pytest.raises(RankMismatch, match="batch"):
        tp.chain(tp.Layer("z_j = a_i W_ij", parameters="W"), Dense())
    with pytest.raises(UsageError, match="outputs"):
        tp.chain(tp.Layer("y_i = x_i; w_i = 2 x_i"), Tanh())
    with pytest.raises(UsageError, match="names"):
        tp.chain(Dense(), names=("a", "b"))
    with pytest.raises(UsageError, match="layer"):
        tp.chain()
