"""A row of layers repeated is a recurrence over depth, with the values and gradients of the layers written out."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import RankMismatch, UsageError
from tensorprop.layers import Dense, Gelu, LayerNorm, MeanSquaredError, Tanh
from tests.uncompiled import uncompiled

N, B, D = 4, 3, 5
_rng = np.random.default_rng(0)


def block() -> tp.Layer:
    return tp.chain(LayerNorm(), Dense(), Tanh()).residual()


def model(deep: Any) -> tp.Layer:
    return tp.chain(Dense(), deep, Gelu(), Dense(), MeanSquaredError())


def arrays(layer: tp.Layer) -> dict[str, Any]:
    letters = {i for eq in layer.system for i in (*eq.letters, *eq.value.free, *eq.value.binds)}
    shapes = layer.shapes(**dict.fromkeys(letters, D) | {"l": N})
    return {name: _rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("times", [N, True])
def test_the_values_and_gradients_of_the_layers_written_out(times: Any, x64: None) -> None:
    deep = model(tp.chain(block(), repeat=times))
    flat = model(tp.chain(block(), repeat=N, unroll=True))
    p = arrays(deep)
    data = {"a": _rng.normal(size=(B, D)), "y": _rng.normal(size=(B, D))}
    stacked = [n for n in p if p[n].shape[0] == N]
    apart = {n: v for n, v in p.items() if n not in stacked}
    first, *inner, last_w, last_b = flat.parameters
    assert len(inner) == 1 + len(stacked) * N
    order = [n for n in deep.parameters if n in apart]
    known: dict[str, Any] = dict(zip((first, inner[0], last_w, last_b), (p[n] for n in order), strict=True))
    for k in range(N):
        for j, n in enumerate(stacked):
            known[inner[1 + k * len(stacked) + j]] = p[n][k]
    loss, found = tp.value_and_grad(deep, deep.parameters)(p, **data)
    same, expected = tp.value_and_grad(flat, flat.parameters)(known, **data)
    np.testing.assert_allclose(loss, same, rtol=1e-14)
    for k in range(N):
        for j, n in enumerate(stacked):
            np.testing.assert_allclose(found[n][k], expected[inner[1 + k * len(stacked) + j]], rtol=1e-11, atol=1e-13)
    for n, m in zip(order, (first, inner[0], last_w, last_b), strict=True):
        np.testing.assert_allclose(found[n], expected[m], rtol=1e-11, atol=1e-13)


def test_it_is_read_again_and_its_rules_are_those_that_were_written() -> None:
    deep = tp.chain(Dense(), Tanh(), repeat=3)
    assert str(deep.system).split("\n") == [
        "z1_lbj = a1[l-1, b, i] W1_lij + b1_lj",
        "a1_lbj = tanh(z1_lbj)",
        "a1[-1, b, i] = a_bi",
        "z_bi = a1[2, b, i]",
        "dim(l) = 3",
    ]
    assert tp.parse(tp.show(deep.system)) is deep.system
    assert {eq.name for eq in deep.written} == {"δa1", "δz1", "δW1", "δb1", "δa"}
    report = tp.check(deep)
    assert report.ok, str(report)


def test_a_wrong_rule_of_the_block_is_found() -> None:
    wrong = tp.Layer("h_j = tanh(z_j)", "δz_j = δh_j (1 - h_j)", name="wrong")
    report = tp.check(tp.chain(Dense(), wrong, repeat=2))
    assert [f.tensor for f in report.findings] == ["z1"]


def test_what_is_saved_is_said_as_in_jax_function(x64: None) -> None:
    deep = tp.chain(block(), repeat=N)
    p = {**arrays(deep), "x": _rng.normal(size=(B, D))}

    def own(f: Any) -> Any:
        return jax.grad(lambda q: (f(**q) ** 2).sum())(p)

    (state,) = {eq.name for eq in deep.system if eq.place is not None}
    every, few = tp.jax_function(deep), tp.jax_function(deep, save=state)
    inner = {eq.name for eq in deep.system} - {state}
    assert inner & set(every.saved) and not inner & set(few.saved) and state in few.saved
    for a, b in zip(jax.tree.leaves(own(every)), jax.tree.leaves(own(few)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tied", [False, True])
def test_a_composition_calls_a_row_as_any_page(tied: bool) -> None:
    """Twice, with parameters of its own or the same; the rules that the row was written with hold there."""
    given = ", W1=W, b1=b" if tied else ""
    row = tp.chain(Dense(), Tanh(), repeat=3)
    made = tp.compose(f"u = Row(x{given})\nv = Row(u{given})\ny_bi = u_bi v_bi", {"Row": row})
    own = [("W", "b")] * 2 if tied else [("W1", "b1"), ("W2", "b2")]
    p = {n: _rng.normal(size=(3, D, D) if n[0] == "W" else (3, D)) for pair in own for n in pair}
    x = _rng.normal(size=(B, D))
    states = [x]
    for W, b in own:
        h = states[-1]
        for k in range(3):
            h = np.tanh(h @ p[W][k] + p[b][k])
        states.append(h)
    np.testing.assert_allclose(tp.compile(made, "numpy")(x=x, **p), states[1] * states[2], rtol=1e-13)
    assert {"δz1", "δa1", "δz2", "δa2"} <= {eq.name for eq in made.written}
    assert ("δW1" in {eq.name for eq in made.written}) is not tied
    if not tied:
        report = tp.check(made)
        assert report.ok and report.proved, str(report)


def test_it_compiles_once_whatever_the_depth() -> None:
    def lowered(n: int) -> int:
        deep = tp.chain(block(), repeat=n)
        shapes = {k: (n, *v.shape[1:]) for k, v in arrays(deep).items()} | {"x": (B, D)}
        f = tp.compile(deep)
        args = {k: jax.ShapeDtypeStruct(v, "float32") for k, v in shapes.items()}
        return jax.jit(lambda a: f(**a)).lower(args).as_text().count("\n")

    assert lowered(4) == lowered(400)


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: tp.chain(Tanh(), repeat=True), UsageError, "repeat=12"),
        (lambda: tp.chain(Dense(), repeat=0), UsageError, "once or more"),
        (lambda: tp.chain(Dense(), MeanSquaredError(), repeat=2), UsageError, "loss"),
        (lambda: tp.chain(tp.Layer("y_b = x_bi w_i", parameters="w"), repeat=2), RankMismatch, "gives what it takes"),
        (lambda: tp.chain(Dense(), repeat=True, unroll=True), UsageError, "repeat=12"),
    ],
)
def test_refused(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as e:
        make()
    assert said in str(e.value)


LOSS = tp.Layer("E = mean_bi((x_bi - y_bi)^2)", takes="x")


def test_what_a_chain_saves_holds_for_both_verbs_and_in_a_chain(x64: None) -> None:
    """``save=`` on chain, kept by chain, rename and residual, and on value_and_grad: one set of words and numbers."""
    deep = tp.chain(Dense(), Tanh(), repeat=N, save="a1")
    model = tp.chain(deep, LOSS)
    p = {n: _rng.normal(size=s) for n, s in model.shapes(l=N, i=D, j=D).items()}
    data = {"a": _rng.normal(size=(B, D)), "y": _rng.normal(size=(B, D))}
    all_, few, none = (tp.value_and_grad(tp.chain(tp.chain(Dense(), Tanh(), repeat=N), LOSS)),
                       tp.value_and_grad(model), tp.value_and_grad(model, save=()))  # fmt: skip
    assert all_.again == () and "z2" in few.again and "a1" not in few.again and {"a1", "z2"} <= set(none.again)
    assert "a1" in few.saved and not {"a1", "z2"} & set(none.saved)
    assert set(tp.jax_function(model).saved) == set(few.saved) and tp.jax_function(model, save="z2").saved != few.saved
    found = [jax.tree.leaves(uncompiled(lambda p, g=g: g(p, **data))(p)) for g in (all_, few, none)]
    for one, other in ((found[0], found[1]), (found[0], found[2])):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert deep.rename(a1="q").save == {"q"} and tp.chain(Dense(), Tanh(), save="a1").residual().save == {"a1", "r"}
    assert tp.compose("u = Row(x)\ny_bi = u_bi v_bi", {"Row": deep}).save == {"a1", "y"}
    for refused in (lambda: tp.chain(Dense(), save="q"), lambda: tp.value_and_grad(model, save="q")):
        with pytest.raises(tp.TensorpropError, match="no tensor q to save"):
            refused()


def test_what_is_not_saved_is_made_behind_a_barrier() -> None:
    page = "z_bj = a_bi W_ij; p_bj = softmax_j(z_bj); E = (p_bj - y_bj)^2"
    arrays = {"a": np.ones((B, D)), "y": np.ones((B, D))}
    for save, again in ((None, ()), ("p", ()), ("z", ("p",)), ((), ("z", "p"))):
        g = tp.value_and_grad(page, "W", save=save)
        program = str(jax.make_jaxpr(lambda W, g=g: g({"W": W}, **arrays))(np.ones((D, D))))
        assert g.again == again and program.count(" exp ") == 1 + ("p" in again)
        assert ("optimization_barrier" in program) == (save is not None)
