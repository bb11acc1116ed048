"""Parameters are any pytree: the gradients are those of the flat dict, in the tree that was given."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import MissingInput, NameConflict, TensorpropError, UsageError

TEXT = "z_bj = a_bi W_ij + c_j; E = 1/2 (tanh(z_bj) - y_bj)^2"
rng = np.random.default_rng(5)
W, C = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((3, 2), (2,)))
DATA = {"a": rng.normal(size=(4, 3)).astype("float32"), "y": rng.normal(size=(4, 2)).astype("float32")}


def loss(W: Any, c: Any) -> Any:
    return 0.5 * jnp.sum((jnp.tanh(DATA["a"] @ W + c) - DATA["y"]) ** 2)


WANT, (DW, DC) = jax.value_and_grad(loss, argnums=(0, 1))(W, C)


class Pair(NamedTuple):
    W: Any
    c: Any


@dataclasses.dataclass
class Plain:
    W: Any
    c: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Known:
    W: Any
    c: Any


class Module(eqx.Module):
    W: Any
    c: Any
    act: Callable[..., Any]


class Net(eqx.Module):
    layers: list[Module]


class Box(eqx.Module):
    """What holds a value and says something of it, as Flax has it."""

    value: Any


CASES: dict[str, tuple[Any, str | None, dict[str, str], Callable[[Any], tuple[Any, Any]]]] = {
    "a dict in a dict": ({"net": {"W": W, "c": C}}, "W c", {}, lambda g: (g["net"]["W"], g["net"]["c"])),
    "a named tuple": (Pair(W, C), "W, c", {}, lambda g: (g.W, g.c)),
    "a dataclass": (Plain(W, C), "W c", {}, lambda g: (g.W, g.c)),
    "a dataclass that JAX knows": (Known(W, C), None, {}, lambda g: (g.W, g.c)),
    "a module": (Net([Module(W, C, jax.nn.relu)]), "W c", {}, lambda g: (g.layers[0].W, g.layers[0].c)),
    "paths": ([W, {"bias": C}], "W c", {"W": "0", "c": "1.bias"}, lambda g: (g[0], g[1]["bias"])),
    "boxes": ({"W": Box(W), "c": Box(C)}, "W c", {}, lambda g: (g["W"].value, g["c"].value)),
    "boxes, by paths": ([Box(W), Box(C)], None, {"W": "0", "c": "1.value"}, lambda g: (g[0].value, g[1].value)),
    "a dict with an order": (OrderedDict(W=W, c=C), "W c", {}, lambda g: (g["W"], g["c"])),
    "a flat dict, nothing named": ({"W": W, "c": C}, None, {}, lambda g: (g["W"], g["c"])),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_come_in_the_tree_that_was_given(case: str) -> None:
    params, wrt, paths, parts = CASES[case]
    E, grads = tp.value_and_grad(TEXT, wrt, paths=paths)(params, **DATA)
    assert type(grads) is type(params) and float(E) == pytest.approx(float(WANT), rel=1e-6)
    for got, want in zip(parts(grads), (DW, DC), strict=True):
        assert np.asarray(got) == pytest.approx(np.asarray(want), rel=1e-5, abs=1e-6)


def test_a_label_is_a_step_of_the_path() -> None:
    text = "h_bk = a_bi W^(one)_ik; z_bj = h_bk W^(two)_kj; E = z_bj z_bj"
    params = {"one": {"W": W, "n": jnp.ones(3)}, "two": {"W": W.T, "tag": "x", "count": np.arange(2)}}
    _, grads = tp.value_and_grad(text)(params, a=DATA["a"])
    want = jax.grad(lambda p: jnp.sum((DATA["a"] @ p[0] @ p[1]) ** 2))((W, W.T))
    assert np.asarray(grads["one"]["W"]) == pytest.approx(np.asarray(want[0]), rel=1e-4, abs=1e-5)
    assert np.asarray(grads["two"]["W"]) == pytest.approx(np.asarray(want[1]), rel=1e-4, abs=1e-5)
    assert not np.asarray(grads["one"]["n"]).any() and grads["two"]["tag"] is None and grads["two"]["count"] is None
    _, left = tp.value_and_grad(text, rest="none")(params, a=DATA["a"])
    assert left["one"]["n"] is None


def test_trees_go_through_jit_and_vmap() -> None:
    g = tp.value_and_grad(TEXT, "W c")
    _, grads = jax.jit(lambda p: g(p, **DATA))(Pair(W, C))
    assert np.asarray(grads.W) == pytest.approx(np.asarray(DW), rel=1e-5, abs=1e-6)
    many = Pair(jnp.stack([W, W]), jnp.stack([C, C]))
    _, grads = jax.vmap(lambda p: g(p, **DATA))(many)
    assert grads.W.shape == (2, 3, 2)


@pytest.mark.parametrize(
    "error, words, call",
    [
        (NameConflict, "x.W or y.W", lambda: tp.value_and_grad(TEXT, "W c")({"x": Pair(W, C), "y": {"W": W}}, **DATA)),
        (MissingInput, "no parameter c", lambda: tp.value_and_grad(TEXT, "W c")({"x": {"W": W}}, **DATA)),
        (UsageError, "no leaf q", lambda: tp.value_and_grad(TEXT, "W c", paths={"W": "q"})(Pair(W, C), **DATA)),
        (UsageError, "wrt=", lambda: tp.value_and_grad(TEXT, argnums=0)),
        (UsageError, "aux=", lambda: tp.value_and_grad(TEXT, "W", has_aux=True)),
        (UsageError, "rest=", lambda: tp.value_and_grad(TEXT, "W", rest="some")),
    ],
)
def test_what_is_not_clear_is_told(error: type[TensorpropError], words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error) as told:
        call()
    assert words in str(told.value)


@pytest.mark.parametrize("names", ["W c", "W, c", "W,c", ("W", "c"), ["W", "c"]])
def test_several_names_are_spelled_in_one_way_everywhere(names: Any) -> None:
    assert tp.adjoint(TEXT, wrt=names) == tp.adjoint(TEXT, wrt=("W", "c"))
    assert tp.explain(TEXT, wrt=names) == tp.explain(TEXT, wrt=("W", "c"))
    assert tp.value_and_grad(TEXT, names).wrt == ("W", "c")
    assert tp.value_and_grad(TEXT, "W", aux=("z", "E")).aux == tp.value_and_grad(TEXT, "W", aux="z, E").aux
    assert tp.jax_function(TEXT, wrt=names).wrt == ("W", "c")
    sizes = {"b": 2, "i": 3, "j": 2}
    assert tp.plan(TEXT, sizes, outputs="z, E") == tp.plan(TEXT, sizes, outputs=("z", "E"))


@pytest.mark.parametrize("nest", [
    lambda one, two: {"1": one, "2": two},
    lambda one, two: {"net": {"0": one, "1": two}},
    lambda one, two: [one, two],
    lambda one, two: {"layers": (one, {"scale": jnp.ones(2)}, two)},
])  # fmt: skip
def test_numbered_tensors_are_the_leaves_at_numbered_places_in_their_order(nest) -> None:
    text = "z1_bj = x_bi W1_ij + b1_j; z2_bk = tanh(z1_bj) W2_jk + b2_k; E = z2_bk z2_bk"
    draw = np.random.default_rng(0)
    flat = {n: jnp.asarray(draw.normal(size=s), jnp.float32) for n, s in
            {"W1": (3, 3), "b1": (3,), "W2": (3, 3), "b2": (3,)}.items()}  # fmt: skip
    x = jnp.asarray(draw.normal(size=(4, 3)), jnp.float32)
    E, want = tp.value_and_grad(text)(flat, x=x)
    tree = nest({"W": flat["W1"], "b": flat["b1"]}, {"W": flat["W2"], "b": flat["b2"]})
    F, found = tp.value_and_grad(text)(tree, x=x)
    expected = nest({"W": want["W1"], "b": want["b1"]}, {"W": want["W2"], "b": want["b2"]})
    assert float(E) == float(F) and jax.tree.structure(found) == jax.tree.structure(tree)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape and (a.shape == (2,) or np.array_equal(a, b))


def test_numbered_tensors_and_another_count_of_leaves_are_told() -> None:
    text = "z1_bj = x_bi W1_ij; z2_bk = z1_bj W2_jk; E = z2_bk z2_bk"
    W = jnp.ones((2, 2))
    with pytest.raises(tp.TensorpropError, match="no parameter W1, W2"):
        tp.value_and_grad(text)([{"W": W}, {"W": W}, {"W": W}], x=jnp.ones((3, 2)))


def test_start_values_of_a_chain_by_number() -> None:
    from tensorprop.layers import Dense, Tanh

    net = tp.chain(Dense(), Tanh(), Dense())
    tree = net.init(jax.random.key(0), i=3, j=4, k=2, nested=True)
    assert jax.tree.map(jnp.shape, tree) == {"1": {"W": (3, 4), "b": (4,)}, "2": {"W": (4, 2), "b": (2,)}}
    loss = tp.parse("\n".join([str(net.system), f"E = Σ_bk {net.outputs[0]}_bk^2"]))
    E, grads = tp.value_and_grad(loss)(tree, a=jnp.ones((5, 3)))
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, tree) and E.shape == ()
