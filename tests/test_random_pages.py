"""Every verb on random pages: an answer, or an error of the library; no other exception reaches a user."""

from __future__ import annotations

from random import Random

import pytest

import tensorprop as tp
from tests.text.random_systems import Maker

LAYOUTS = ({}, {"layout": "row"}, {"samples": "columns"}, {"derivative": "numerator"})


def _printed(s: tp.System, how: dict[str, str]) -> None:
    f = tp.formula(s, **how)
    assert f.unicode and f.latex and f.typst


def _coded(s: tp.System) -> None:
    f = tp.formula(s)
    assert f.numpy and f.loop and f.einsum


VERBS = {
    "adjoint": tp.adjoint,
    "simplify": tp.simplify,
    "explain": lambda s: str(tp.explain(s)),
    "diagram": lambda s: tp.diagram(s).svg,
    "plan": tp.plan,
    "derive": lambda s: tp.derive(s, wrt=s.inputs[0]) if len(s.outputs) == 1 and s.inputs else None,
    "code": _coded,
    **{f"formula {how}": lambda s, how=how: _printed(s, how) for how in LAYOUTS},
}


def _answered(seed: int) -> None:
    s = Maker(Random(seed)).system()
    for verb in VERBS.values():
        try:
            verb(s)
        except tp.TensorpropError as error:
            assert str(error)


def test_no_other_exception_reaches_a_user() -> None:
    for seed in range(10):
        _answered(seed)


@pytest.mark.campaign
def test_no_other_exception_reaches_a_user_of_many_pages() -> None:
    for seed in range(1000, 2500):
        _answered(seed)
