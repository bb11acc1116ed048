"""Pages that call pages: branches, several inputs and outputs, tied weights, residual ways; what is refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import DuplicateDefinition, RankMismatch, TensorpropError, UnknownName, UsageError
from tensorprop.layers import (
    Dense,
    Embedding,
    Gelu,
    LayerNorm,
    MultiHeadAttention,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
    Unembedding,
)

BLOCK = """
n = Norm(x)
a = Attention(n)
r_bti = x_bti + a_bti        # a way around
m = Norm(r)
f = Maps(m)
y_bti = r_bti + f_bti
"""
CELL = "h_j = tanh(x_j v_j + s_j); c_j = s_j + x_j"
PAGES = {"Norm": LayerNorm(), "Attention": MultiHeadAttention, "Maps": tp.chain(Dense(), Gelu(), Dense())}


def value(model: tp.Layer, given: dict[str, np.ndarray], params: dict[str, np.ndarray]) -> np.ndarray:
    return tp.compile(model, backend="numpy")(**given, **params)


def test_a_block_is_what_the_same_block_in_a_chain_is() -> None:
    one = tp.compose(BLOCK, PAGES)
    other = tp.chain(
        tp.chain(LayerNorm(), MultiHeadAttention()).residual(),
        tp.chain(LayerNorm(), Dense(), Gelu(), Dense()).residual(),
    )
    assert tuple(one.parameters) == tuple(other.parameters)
    draw = np.random.default_rng(0)
    sizes = dict(h=2, d=3, e=2, f=3, g=2, j=5, k=4, l=4, i=4, o=4, p=4, m=4, n=4)
    shapes = {n: (4, 2, 3) if n in ("W^(q2)", "W^(k2)") else (4, 2, 2) if n == "W^(v2)" else () for n in one.parameters}
    shapes |= other.shapes(**{i: n for i, n in sizes.items() if any(i in eq.letters for eq in other.system)} | {"i": 4})
    params = {n: draw.normal(size=shapes[n]) for n in one.parameters}
    x = draw.normal(size=(2, 3, 4))
    np.testing.assert_allclose(value(one, {"x": x}, params), value(other, {"x": x}, params), rtol=1e-12)
    assert {eq.name for eq in one.written} >= {"δγ1", "δW4", "δS2", "δa4", "δn1"}
    assert "δx" not in {eq.name for eq in one.written}  # two lines read x: what each owes is added up


def test_branches_and_several_outputs() -> None:
    model = tp.compose(
        """
        u = Left(x)
        v = Right(x)
        h, c = Cell(u, v, s)
        E = Loss(h, y)
        """,
        {
            "Left": tp.chain(Dense(), Tanh()),
            "Right": Dense(),
            "Cell": tp.Layer(CELL, "δs_j = δc_j + δh_j (1 - h_j^2)", takes="x"),
            "Loss": SoftmaxCrossEntropy(),
        },
    )
    assert model.inputs == ("x", "s", "y") and model.outputs == ("c", "E")
    assert model.parameters == ("W1", "b1", "W2", "b2")
    assert {"δW1", "δs"} <= {eq.name for eq in model.written} and "δh" not in {eq.name for eq in model.written}
    report = tp.check(model)
    assert report.ok and report.proved, str(report)


def test_weights_are_tied_by_name() -> None:
    model = tp.compose(
        "e = Look(n, E=T); s = Back(e, E=T); p = Softmax(s)",
        {"Look": Embedding(), "Back": Unembedding(), "Softmax": Softmax()},
    )
    assert model.parameters == ("T",) and model.inputs == ("n",)
    assert str(model.system).split("\n")[:2] == ["e_btd = T[n_bt, d]", "s_btv = e_btd T_vd"]
    report = tp.check(model)
    assert report.ok and "δT" not in {eq.name for eq in model.written}, str(report)
    T, n = np.arange(8.0).reshape(4, 2) / 7, np.array([[0, 2], [3, 1]])
    s = np.exp(T[n] @ T.T)
    np.testing.assert_allclose(value(model, {"n": n}, {"T": T}), s / s.sum(-1, keepdims=True), rtol=1e-12)


def test_a_page_written_for_fewer_axes_is_put_over_those_in_front() -> None:
    product = tp.Layer("z_j = x_j y_j", "δx_j = y_j δz_j; δy_j = x_j δz_j")
    model = tp.compose("q_bj = 2 a_bj; z = Product(q, g)\nw_j = g_j", {"Product": product})
    assert str(model.system["z"]) == "z_bj = q_bj g_j"
    assert tp.check(model).ok
    both = tp.compose("q_bj = 2 a_bj; z = Product(q, q)", {"Product": product})
    assert str(both.system["z"]) == "z_bj = q_bj q_bj"
    assert tp.check(both).ok


def test_equations_have_parameters_rules_and_start_values() -> None:
    model = tp.compose(
        "z_bj = a_bi V_ij\nδV_ij = a_bi δz_bj\nh = Tanh(z)\nE = Loss(h, y)",
        {"Tanh": Tanh(), "Loss": SoftmaxCrossEntropy()},
        parameters="V",
    )
    assert model.parameters == ("V",) and "δV" in {eq.name for eq in model.written}
    assert {n: a.shape for n, a in model.init(jax.random.key(0), i=3, j=2).items()} == {"V": (3, 2)}
    assert tp.check(model).proved


def test_a_model_is_a_page_again() -> None:
    block = tp.compose(BLOCK, PAGES, name="block")
    model = tp.compose("h = Block(x)\ny = Block(h)", {"Block": block})
    assert len(model.parameters) == 2 * len(block.parameters) and len(set(model.parameters)) == len(model.parameters)
    assert len(tp.chain(block, Dense()).parameters) == len(block.parameters) + 2


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("n = Norm(x, y)", UsageError, "Norm takes x, and is given x, y"),
        ("n, k = Norm(x)", UsageError, "Norm gives y, and 2 are named"),
        ("n = Norm(x, q=y)", UnknownName, "Norm takes no q"),
        ("n = Norm(γ=g, x)", UsageError, "by place after one by name"),
        ("n = Norm(k)\nk = Norm(x)", UsageError, "k is given before it is there"),
        ("n_i = x_i", UsageError, "no line calls Norm"),
        ("n = Norm(x)\nn_i = x_i", DuplicateDefinition, "n is defined twice"),
        ("n = Norm(x); n = Norm(n)", DuplicateDefinition, "n is defined twice"),
        ("n_bi = Norm(x_bi)", UsageError, "n_bi is no name of a whole tensor"),
        ("z_i = 2 x_i; n = Norm(z)", RankMismatch, "Norm takes x with 2 axes, and is given z_i"),
        ("n = Norm(x); y = n_i n_i", RankMismatch, "2 axes in one place and 1"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(text: str, kind: type[TensorpropError], words: str) -> None:
    with pytest.raises(kind) as caught:
        tp.compose(text, {"Norm": LayerNorm()})
    assert words in str(caught.value)
