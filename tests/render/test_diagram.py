"""Tensor diagrams: a factor is a node, a summed index a wire, a kept one a leg with an open end."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import tensorprop as tp
from tensorprop.render.diagram import networks


@pytest.mark.parametrize(
    "text, lines",
    [
        ("z_j = a_i W_ij", ["z =   a ──i── W", "              │", "              j"]),
        ("y = x_i A_ij x_j", ["y =   x ──i── A ──j── x"]),
        ("C_ik = A_ij B_jk", ["C =   A ──j── B", "      │       │", "      i       k"]),
        ("t = Σ_i A_ii", ["t =   A", "      │", "      ● Σ_i"]),
    ],
)
def test_a_diagram_in_characters(text: str, lines: list[str]) -> None:
    assert tp.diagram(text).text.split("\n") == lines


def test_wires_are_summed_and_legs_are_kept() -> None:
    (net,) = networks(tp.parse("S_bhqk = Q_bqhd K_bkhd")["S"])
    assert net.nodes == ("Q", "K")
    assert {i: (ends, kept) for i, ends, kept in net.wires} == {
        "b": ((0, 1), True),
        "h": ((0, 1), True),
        "q": ((0,), True),
        "k": ((1,), True),
        "d": ((0, 1), False),
    }


@pytest.mark.parametrize(
    "x",
    [
        "ij,jk->ik",
        tp.parse("z_j = a_i W_ij + b_j; h_j = tanh(z_j)"),
        tp.parse("z_j = a_i W_ij")["z"],
        tp.explain("z_j = a_i W_ij", wrt="a"),
        tp.plan("z_j = a_i W_ij", sizes={"i": 3, "j": 4}),
        tp.Dense(),
    ],
    ids=["spec", "System", "Equation", "Derivation", "Plan", "Layer"],
)
def test_whatever_has_equations_has_a_diagram(x: object) -> None:
    d = tp.diagram(x)
    picture = ElementTree.fromstring(d.svg)
    labels = {e.text for e in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {label for net in d.networks for label in net.nodes} <= labels
    assert {i for net in d.networks for i, _, _ in net.wires} <= {str(t).removeprefix("Σ ") for t in labels}


def test_what_has_no_equations_is_refused() -> None:
    with pytest.raises(tp.TensorpropError):
        tp.diagram(3)
