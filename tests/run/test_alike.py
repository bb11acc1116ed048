"""Equations that are alike are differentiated and worked out once: nothing else comes of it than of each by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.core.equation import Equation, equation, system
from tensorprop.core.expr import Tensor
from tensorprop.core.nameless import codes
from tensorprop.core.walk import called, dims_of
from tensorprop.errors import SizeMismatch
from tensorprop.run.count import Count
from tensorprop.run.extents import extents
from tensorprop.run.lower import lower
from tensorprop.run.replayed import Replays
from tensorprop.run.steps import steps
from tests.benchmarks.written import arrays, names, text
from tests.strategies import case_number

LAYERS = {
    "network": "h{n}_bi = tanh(h{k}_bj W{k}_ij + c{k}_i)",
    "two ways": "a{k}_bi = sigmoid(h{k}_bj W{k}_ij); h{n}_bi = a{k}_bi h{k}_bi + (1 - a{k}_bi) relu(h{k}_bj V{k}_ij)",
    "bilinear": "h{n}_bi = h{k}_bj T{k}_ijk h{k}_bk + h{k}_bi",
    "masked": "s{k}_tu = [u ≤ t] h{k}_ti h{k}_ui; p{k}_tu = softmax_u(s{k}_tu); h{n}_ti = p{k}_tu h{k}_uj W{k}_ij",
    "products": "h{n}_bi = h{k}_bj A{k}_jr B{k}_rs C{k}_si",
    "places": "h{n}_bi = h{k}_bj W{k}_ij + E{k}[tok_b, i]",
    "norm": "m{k}_b = mean_i(h{k}_bi); v{k}_b = mean_i((h{k}_bi - m{k}_b)^2); "
    "h{n}_bi = (h{k}_bi - m{k}_b) / sqrt(v{k}_b + 0.1) g{k}_i + h{k}_bi",
    "solved": "a{k}_bi = inv(S{k})_ij h{k}_bj + logdet(S{k}) h{k}_bi; h{n}_bi = tanh(a{k}_bi)",
}
SHAPES = {"T": (3, 3, 3), "g": (3,), "c": (3,), "h": (2, 3), "tok": (2,), "E": (5, 3)}


def _page(layer: str, count: int = 4) -> str:
    lines = (LAYERS[layer].format(k=k, n=k + 1) for k in range(count))
    return "\n".join([*lines, f"L = h{count}_bi h{count}_bi"])


def _shapes(s: tp.System) -> dict[str, tuple[int, ...]]:
    return {n: SHAPES.get(n.rstrip("0123456789"), (3, 3)) for n in s.inputs}


@pytest.mark.parametrize("layer", LAYERS)
def test_rules_are_those_of_each_by_itself(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s = tp.parse(_page(layer))
    together = tp.adjoint(s)
    monkeypatch.setattr(sys.modules["tensorprop.calculus.adjoint"], "plainly_told", lambda s: False)
    assert together is tp.adjoint(s)


def test_rules_of_a_transformer_are_those_of_each_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    s = tp.parse(text(3))
    together = tp.adjoint(s, names(3))
    monkeypatch.setattr(sys.modules["tensorprop.calculus.adjoint"], "plainly_told", lambda s: False)
    assert together is tp.adjoint(s, names(3))


@pytest.mark.parametrize("layer", LAYERS)
def test_programs_are_those_of_each_by_itself(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s = tp.parse(_page(layer))
    arrays = {n: jnp.zeros(shape, int if n == "tok" else float) for n, shape in _shapes(s).items()}
    params = {n: a for n, a in arrays.items() if n != "tok"}
    data = {n: a for n, a in arrays.items() if n == "tok"}
    made = 0
    done: Callable[..., object] = Replays.again

    def counted(*args: object) -> object:
        nonlocal made
        made += 1
        return done(*args)

    monkeypatch.setattr(Replays, "again", counted)
    together = str(jax.make_jaxpr(tp.value_and_grad(s, [*params]))(params, **data))
    assert made
    monkeypatch.setattr(Replays, "side", lambda self, run, eq: run.side(eq))
    assert together == str(jax.make_jaxpr(tp.value_and_grad(s, [*params]))(params, **data))


def test_of_a_transformer_no_more_is_worked_out_for_more_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that read what others have made, products and divisors, are done again, too."""
    done: Callable[..., object] = Replays.again
    made = 0

    def counted(*args: object) -> object:
        nonlocal made
        made += 1
        return done(*args)

    monkeypatch.setattr(Replays, "again", counted)
    found: list[tuple[int, str]] = []
    sizes = dict(zip("btuvijhdf", (2, 3, 3, 3, 4, 4, 2, 2, 5), strict=True))
    for layers in 3, 4, 3:
        made = 0
        p, d = arrays(layers, sizes)
        g = tp.value_and_grad(text(layers), names(layers))
        program = str(jax.make_jaxpr(g)(p, **d))
        found.append((len(g.system.ordered) - made, program))
        if len(found) == 2:
            monkeypatch.setattr(Replays, "side", lambda self, run, eq: run.side(eq))
    assert found[0][0] == found[1][0] < 60
    assert found[0][1] == found[2][1]


@pytest.mark.parametrize("layer", LAYERS)
def test_plans_are_those_of_each_by_itself(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s = tp.parse(_page(layer))
    whole = tp.value_and_grad(s, [n for n in s.inputs if n != "tok"]).system

    def rows() -> list[tuple[str, str, int, int]]:
        ops = Count()
        given = {n: ops.given(n, shape) for n, shape in _shapes(s).items()}
        made = lower(whole, given, whole.outputs, ops, extents(whole, _shapes(s)))
        return [(r.equation, str(r.row), r.flops, r.held) for r in steps(made, given.values())]

    together = rows()
    monkeypatch.setattr(Replays, "side", lambda self, run, eq: run.side(eq))
    assert together == rows()


def test_sizes_are_those_of_each_by_itself() -> None:
    s = tp.parse("y_i = A_ij x_j; z_i = B_ij y_j; w_i = C_ij z_j; E = sum_i(w_i)")
    with pytest.raises(SizeMismatch, match="index j is 4 on axis 2 of C and 3 on axis 1 of z"):
        extents(s, {"A": (3, 3), "B": (3, 3), "C": (3, 4), "x": (3,)})
    found = extents(s, {"A": (4, 3), "B": (3, 4), "C": (2, 3), "x": (3,)})
    assert [found.shapes[n] for n in "yzw"] == [(4,), (3,), (2,)]


def test_what_is_alike_is_one_text() -> None:
    s = tp.parse("y_i = A_ij x_j; z_i = B_ij y_j; w_ik = A_ij A_kj; v_i = y_j B_ij")
    first, second, third, fourth = (codes(s)[eq].text for eq in s)
    assert first == second
    assert len({first, third, fourth}) == 3


def test_rules_of_what_nothing_reads_have_its_axes() -> None:
    s = tp.parse("y = a_i a_i; z = b_ij b_ij; w = c + 1")
    assert str(tp.adjoint(s, "a b c", of="y")) == "δa_i = 2 a_i\nδb_ij = 0\nδc = 0"


def test_sizes_in_rules_are_told_by_what_is_as_long() -> None:
    page = (
        "a{k}_mi = B{k}_mi P{k}_i; y{k}_m = logsoftmax_m(D{k}_m - D{k}_m + G{k}) D{k}_m + a{k}_mi P{k}_i; "
        "E{k} = y{k}_m y{k}_m"
    )
    s = tp.parse("; ".join(page.format(k=k) for k in (1, 2)) + "; E = E1 + E2")
    rules = {eq.name: eq.value for eq in tp.adjoint(s, "D1 D2")}
    assert {d.tensor for d in dims_of(rules["δD1"])} == {"B1"}
    assert {d.tensor for d in dims_of(rules["δD2"])} == {"B2"}


def _called(eq: Equation, names: dict[str, str]) -> Equation:
    target = called(eq.target, names.__getitem__)
    assert isinstance(target, Tensor)
    return equation(target, called(eq.value, names.__getitem__))


@pytest.mark.parametrize("start", [0, pytest.param(20, marks=pytest.mark.campaign), 1240])
def test_random_systems_twice_are_those_of_each_by_itself(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies of a System under other names: rules, sizes and plans with and without what is alike."""
    for seed in range(start, start + 20):
        case = case_number(seed)
        other = {n: f"{n}2" for n in case.system.names}
        twice = system([*case.system, *(_called(eq, other) for eq in case.system)])
        arrays = {**case.arrays, **{f"δ{n}": a for n, a in case.seeds.items()}}
        shapes = {n: np.shape(a) for n, a in arrays.items()}
        shapes |= {f"{n}2": shape for n, shape in shapes.items()}
        found: list[tuple[object, ...]] = []
        for alone in (False, True):
            with monkeypatch.context() as m:
                if alone:
                    m.setattr(sys.modules["tensorprop.calculus.adjoint"], "plainly_told", lambda s: False)
                    m.setattr(Replays, "side", lambda self, run, eq: run.side(eq))
                    m.setattr(sys.modules["tensorprop.run.sizes"], "codes", lambda s: {})
                whole = twice + tp.adjoint(twice, [*case.wrt, *(other[n] for n in case.wrt)])
                own = {n: shapes[n] for n in whole.inputs}
                known, ops = extents(whole, own), Count()
                given = {n: ops.given(n, shape) for n, shape in own.items()}
                made = steps(lower(whole, given, whole.outputs, ops, known), given.values())
                rows = [(r.equation, str(r.row), r.flops, r.held, r.about) for r in made]
                found.append((whole, dict(known.shapes), rows))
        assert found[0] == found[1], f"case {seed}\n{case.system}"
