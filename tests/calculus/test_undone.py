"""A factor that undoes a division joins it; what the rules come to stays what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import reused, undone
from tensorprop.core.equation import System

NORM = "m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); n_bi = (x_bi - m_b) / sqrt(v_b + 0.01)"
PAGES = {
    "alone": f"{NORM}; E = Σ_bi y_bi n_bi^3",
    "with a scale": f"{NORM} g_i; E = Σ_bi y_bi n_bi^3",
    "no root": NORM.replace("sqrt(v_b + 0.01)", "(v_b + 0.01)") + "; E = Σ_bi y_bi n_bi^3",
    "twice": f"{NORM}; k_b = mean_i(n_bi^2); w_bi = n_bi / sqrt(k_b + 1); E = Σ_bi y_bi w_bi^3",
}
SHAPES = {"x": (4, 3), "y": (4, 3), "g": (3,)}


def _values(rules: System, forward: System, names: list[str]) -> list[Any]:
    rng = np.random.default_rng(1)
    whole = (forward + rules).only(names)
    arrays = {n: rng.normal(size=SHAPES[n]) for n in sorted(whole.inputs)}
    made = tp.compile(whole, outputs=names, backend="numpy")(**arrays)
    return [made[n] for n in names] if len(names) > 1 else [made]


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_rules_come_to_what_they_came_to(text: str) -> None:
    s = tp.parse(text)
    wrt = [n for n in ("x", "g") if n in s.inputs]
    names = [f"δ{n}" for n in wrt]
    forward, rules = reused(s, tp.adjoint(s, wrt))
    made = undone(rules, forward.names, names)
    assert made != rules and {*names} <= {*made.names}
    for one, other in zip(_values(made, forward, names), _values(rules, forward, names), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_no_rule_of_a_normalisation_multiplies_by_its_deviation() -> None:
    s = tp.parse(PAGES["alone"])
    forward, rules = reused(s, tp.adjoint(s, "x"))
    assert "sqrt(v_b + 0.01)^2" in str(rules["δv"]) and "· sqrt" in str(rules["δx"])
    made = undone(rules, forward.names, {"δx"})
    assert str(made["δv0"]) == "δv0_b = -1/2 n_bi δn_bi / sqrt(v_b + 0.01)"
    assert str(made["δx"]).count("sqrt") == 1 and "· sqrt" not in str(made["δx"]) and "δv" not in made


@pytest.mark.parametrize("keep", ["δv", "another reader"])
def test_what_is_wanted_or_read_elsewhere_stays(keep: str) -> None:
    s = tp.parse(PAGES["alone"])
    forward, rules = reused(s, tp.adjoint(s, "x"))
    if keep == "δv":
        assert undone(rules, forward.names, {"δx", "δv"}) == rules
    else:
        more = rules + tp.parse("q_b = δv_b^2")
        assert undone(more, forward.names, {"δx", "q"}) == more
