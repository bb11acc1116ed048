"""Chained layers are one layer: names, letters, rules, numbers."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import RankMismatch, UsageError
from tensorprop.layers import (
    BatchNorm,
    Convolution1d,
    Dense,
    Dropout,
    Embedding,
    Gelu,
    LabelCrossEntropy,
    LayerNorm,
    MaxPool,
    MeanSquaredError,
    MultiHeadAttention,
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
    rules = tp.adjoint(net, wrt=net.parameters)
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
    assert len(tp.adjoint(net, wrt=net.parameters)) == 160
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
    found = tp.compile(net, backend="numpy")(**data, **params)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(UsageError, match="which comes from the layer before"):
        tp.chain(tp.Layer("z_j = a_i W_ij"), Tanh())
    with pytest.raises(RankMismatch, match="batch"):
        tp.chain(tp.Layer("E = Σ_i a_i^2"), Dense())
    with pytest.raises(RankMismatch, match="gives z_j"):
        tp.Layer("z_j = A_ij x_i t", parameters="A", takes="t").residual()
    with pytest.raises(UsageError, match="outputs"):
        tp.Layer("y_i = x_i; w_i = 2 x_i").residual()
    with pytest.raises(UsageError, match="outputs"):
        tp.chain(tp.Layer("y_i = x_i; w_i = 2 x_i"), Tanh())
    with pytest.raises(UsageError, match="names"):
        tp.chain(Dense(), names=("a", "b"))
    with pytest.raises(UsageError, match="layer"):
        tp.chain()


def test_the_first_layers_take_the_axes_that_a_later_one_needs() -> None:
    net = tp.chain(tp.Layer("z_j = a_i W_ij", "δW_ij = a_i δz_j", parameters="W"), Dense())
    assert str(net.system["z1"]) == "z1_bj = a_bi W1_ij"
    assert str(net.rules["δW1"]) == "δW1_ij = a_bi δz1_bj"
    assert tp.check(net).proved


def test_a_transformer_block_of_residuals() -> None:
    attention = tp.chain(LayerNorm(), MultiHeadAttention()).residual()
    assert str(attention.system["r"]) == "r_bti = x_bti + y2_bti"
    assert tp.check(attention).proved
    block = tp.chain(attention, tp.chain(LayerNorm(), Dense(), Gelu(), Dense()).residual())
    assert block.parameters == tuple("γ1 β1 W^(q2) W^(k2) W^(v2) W^(o2) γ3 β3 W4 b4 W5 b5".split())
    assert [str(eq) for eq in block.system][-4:] == [
        "z4_btj = y3_bti W4_ij + b4_j",
        "a4_btj = gelu(z4_btj)",
        "z5_btl = a4_btj W5_jl + b5_l",
        "r5_bti = r2_bti + z5_bti",
    ]
    draw = np.random.default_rng(1)
    sizes = dict(i=4, h=2, d=3, e=2, k=4, j=5, l=4)
    params = {n: draw.normal(size=s) for n, s in block.shapes(**sizes).items()}
    x = given = draw.normal(size=(2, 3, 4))

    def norm(x: np.ndarray, n: int) -> np.ndarray:
        unit = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return unit * params[f"γ{n}"] + params[f"β{n}"]

    q, k, v = (np.einsum("btc,chd->bhtd", norm(x, 1), params[f"W^({n}2)"]) for n in "qkv")
    p = np.exp(q @ k.swapaxes(2, 3) / np.sqrt(3))
    x = x + np.einsum("bhte,hek->btk", p / p.sum(-1, keepdims=True) @ v, params["W^(o2)"])
    z = norm(x, 3) @ params["W4"] + params["b4"]
    gelu = 0.5 * z * (1 + np.vectorize(math.erf)(z / np.sqrt(2)))
    found = tp.compile(block, backend="numpy")(x=given, **params)
    np.testing.assert_allclose(found, x + gelu @ params["W5"] + params["b5"], rtol=1e-12)


def test_chains_in_chains_are_counted_on() -> None:
    half = tp.chain(Dense(), Tanh())
    assert tp.chain(half, half).parameters == ("W1", "b1", "W2", "b2")
    assert tp.chain(tp.chain(half, half), Dense()).parameters == ("W1", "b1", "W2", "b2", "W3", "b3")
    assert tp.chain(half, half, names=("in", "out")).parameters == ("W1^(in)", "b1^(in)", "W1^(out)", "b1^(out)")


def test_convolutions_and_gathers_in_a_chain() -> None:
    net = tp.chain(Embedding(), Convolution1d(), Relu(), MaxPool(), Dense())
    assert str(net.system).split("\n") == [
        "e1_btd = E1[n_bt, d]",
        "z2_bxo = e1[b, x+u, d] K2_udo + β2_o",
        "a2_bxo = relu(z2_bxo)",
        "y2_bzo = max_y(a2[b, 2z+y, o])",
        "z3_bzj = y2_bzo W3_oj + b3_j",
        "dim(y) = 2",
    ]
    assert tp.check(net).ok
    with pytest.raises(tp.TensorpropError, match="6 on axis 2 of a"):
        tp.compile(Convolution1d().residual(), backend="numpy")(
            a=np.ones((1, 6, 2)), K=np.ones((3, 2, 2)), β=np.ones(2)
        )


def test_a_later_layer_takes_an_earlier_tensor_or_says_that_it_does_not() -> None:
    dense = tp.Layer("z_bj = x_bi W_ij", "δx_bi = W_ij δz_bj", parameters="W")
    tanh, skip = tp.Layer("a_bj = tanh(z_bj)"), tp.Layer("r_bi = u_bi + x_bi", takes="u")
    with pytest.raises(UsageError, match=r'the x of the chain, or an input of its own\?\n.*shares="x"'):
        tp.chain(dense, tanh, skip)
    with pytest.raises(UsageError, match=r'the z that an earlier layer has made, here z1, or an input.*\n.*shares="z"'):
        tp.chain(dense, tanh, tp.Layer("y_bj = h_bj + z_bj", takes="h"))
    moved = tp.Layer("s_bj = h_bj + m_b", takes="h")
    with pytest.raises(UsageError, match=r'the m that an earlier layer has made, here m1, or an input.*\n.*shares="m"'):
        tp.chain(LayerNorm(), moved)
    centred = tp.chain(LayerNorm(), moved, shares="m")
    assert str(centred.system).split("\n")[-1] == "s1_bi = y1_bi + m1_b" and "m" not in centred.inputs
    assert "m" in tp.chain(BatchNorm(), Dropout()).inputs and "m" in tp.chain(BatchNorm(), tp.chain(Dropout())).inputs
    net = tp.chain(dense, tanh, skip, shares="x")
    assert str(net.system) == "z1_bj = x_bi W1_ij\na1_bj = tanh(z1_bj)\nr1_bj = a1_bj + x_bj"
    assert tp.check(net).ok and "δx" not in str(net.written)
    with pytest.raises(UsageError, match="q is said to be shared"):
        tp.chain(dense, tanh, shares="q")


def test_weights_are_tied() -> None:
    layer = tp.Layer("y_bj = tanh(x_bi W_ij)", parameters="W")
    net = tp.chain(layer, layer, layer, shares="W")
    assert net.parameters == ("W",) and net.inputs == ("x",)
    back = tp.Layer("y_bi = a_bj W_ij", takes="a", parameters="W")
    auto = tp.chain(tp.Layer("a_bj = x_bi W_ij", "δW_ij = x_bi δa_bj", parameters="W"), back, shares="W")
    assert str(auto.system).split("\n")[-1] == "y2_bk = a1_bj W_kj"
    assert tp.check(auto).ok


def test_a_table_that_is_looked_up_has_the_letters_of_its_rule() -> None:
    net = tp.chain(Embedding(), Dense())
    sizes = {"v": 7, "d": 3, "j": 2}
    assert net.shapes(**sizes) == {"E1": (7, 3), "W2": (3, 2), "b2": (2,)}
    drawn = net.init(jax.random.key(0), **sizes)
    assert {name: a.shape for name, a in drawn.items()} == net.shapes(**sizes)
    with pytest.raises(UsageError, match="the size of v is needed for E1"):
        net.shapes(d=3, j=2)
    with pytest.raises(tp.TensorpropError, match="no index is called q"):
        net.init(jax.random.key(0), **sizes, q=3)
