"""Rules that read the quotient of a normalisation arrive at the three-term rule, and keep the value."""

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import reused
from tensorprop.core.walk import tensors_of

NORM = "m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); "
CASES = {
    "the whole side": (NORM + "n_bi = (x_bi - m_b) / sqrt(v_b + 0.01); E = Σ_bi y_bi n_bi^3", ("x",)),
    "a part of it": (NORM + "n_bi = (x_bi - m_b) / sqrt(v_b + 0.01) g_i + c_i; E = Σ_bi y_bi n_bi^3", ("x", "g", "c")),
    "a power": (NORM + "n_bi = g_i (x_bi - m_b) (v_b + 0.01)^-0.5; E = Σ_bi y_bi n_bi^3", ("x", "g")),
    "another letter": (NORM + "n_bk = (x_bk - m_b) / sqrt(v_b + 0.01); E = Σ_bi y_bi n_bi^3", ("x",)),
    "along the batch": (
        "m_i = mean_b(x_bi); v_i = mean_b((x_bi - m_i)^2); n^(1)_bi = (x_bi - m_i) / sqrt(v_i + 0.01) c_i; "
        "E = Σ_bi y_bi n^(1)_bi^3",
        ("x", "c"),
    ),
    "no mean": ("n_bi = (x_bi - g_i) / c_i^2; E = y_bi n_bi n_bi", ("x", "g", "c")),
    "a mean of another": (
        "m_b = mean_i(y_bi); v_b = mean_i((x_bi - m_b)^2); n_bi = (x_bi - m_b) / sqrt(v_b + 0.01); E = Σ_bi n_bi^3",
        ("x", "y"),
    ),
}
SHAPES = {"x": (4, 3), "y": (4, 3), "g": (3,), "c": (3,)}


@pytest.mark.parametrize(("text", "wrt"), CASES.values(), ids=CASES)
def test_the_gradient_is_the_one_that_was_derived(text, wrt):
    s = tp.parse(text)
    rng = np.random.default_rng(0)
    arrays = {n: rng.normal(size=SHAPES[n]) + (2 if n == "c" else 0) for n in s.inputs}
    rules = tp.adjoint(s, wrt)
    forward, read = reused(s, rules)
    assert read is not rules
    names = [f"δ{n}" for n in wrt]
    plain = tp.compile((s + rules).only(names), outputs=names, backend="numpy")(**arrays)
    made = tp.compile((forward + read).only(names), outputs=names, backend="numpy")(**arrays)
    for n in names if len(names) > 1 else ():
        np.testing.assert_allclose(made[n], plain[n], rtol=1e-11, atol=1e-12)
    if len(names) == 1:
        np.testing.assert_allclose(made, plain, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["the whole side", "a part of it", "along the batch"])
def test_no_rule_reads_the_input_of_a_normalisation(name):
    text, wrt = CASES[name]
    s = tp.parse(text)
    _, rules = reused(s, tp.adjoint(s, wrt))
    assert not {"x", "m"} & {t.name for eq in rules for t in tensors_of(eq.value)}


def test_a_mean_of_another_tensor_does_not_cancel():
    text, wrt = CASES["a mean of another"]
    s = tp.parse(text)
    _, rules = reused(s, tp.adjoint(s, wrt))
    assert "δv" in {t.name for t in tensors_of(rules["δm"].value)}


def test_what_is_nowhere_divided_stays():
    s = tp.parse("d_i = x_i - y_i; E = d_i d_i")
    rules = tp.adjoint(s, "x")
    assert reused(s, rules) == (s, rules)
