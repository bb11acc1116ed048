"""Inputs from outside that once failed (tests/data/outside.json): each is run as written, and what comes is right.

A case's own text runs; what it must give is told here: words of what it prints, of a warning, or of the error.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import TensorpropError

CASES = {c["id"]: c["input"] for c in json.loads((Path(__file__).parent / "data" / "outside.json").read_text("utf-8"))}
NEEDS = {"B-size-flax-attention": "flax", "B-size-smooth-labels": "optax", "B-eqx-arg": "equinox"}

# kind of the case → words that stand in what it prints or in its error; and words that must not
RIGHT: dict[str, tuple[list[str], list[str]]] = {
    "B-size-early-sqrt": (["/ sqrt(dim(i))", "softmax_c"], ["sqrt(6)"]),
    "B-size-flax-attention": (["/ sqrt(dim("], ["sqrt(6)"]),
    "B-size-ddof": (["(dim(n) - 1)"], ["1/4"]),
    "B-size-smooth-labels": (["0.9 t_bc", "1 / (10 dim(t, 1))"], ["0.025"]),
    "B-size-grad-ce": (["/ dim(b)", "softmax_c(s_bc)"], ["1/3"]),
    "B-size-grad-mse": (["2 (x_bk W_kj - y_bj) / (dim(j) dim(b)) · x_bi"], ["2/15"]),
    "B-isfinite": (["where(finite(x_i), x_i, 0)", " 3.0"], []),
    "B-finfo-warning": ([], ["Warning"]),
    "B-stop-gradient": (["stop(z_bi)"], []),
    "B-split": ([], ["UnreadableFunction"]),
    "B-slice": ([], ["UnreadableFunction"]),
    "B-position-number": ([], ["UnreadableFunction", "const1"]),
    "B-constants-both-sides": (["may be 1/n"], ["UnknownRange"]),
    "B-eqx-arg": ([], ["UsageError"]),
    "B-reshape-compile": (["W[i, 4j+k]"], ["UnreadableFunction"]),
    "B-2pi": (["log(2 π r_i)"], ["6.28"]),
    "C-std": (["s_j = std_b(x_bj) ('x',)", "δx_bj = δs_j (x_bj - mean_c(x_cj)) / (dim(b) s_j)"], []),
    "C-inf": (["ForbiddenName", "exp(s_tu) [u ≤ t]"], []),
    "C-words": (["ForbiddenName", "`[u ≤ t] [m_u > 0]`"], []),
    "C-index-as-scalar": (["AmbiguousNotation", "dim(d)", "d[]"], []),
    "C-message-underscore": (["`Wq_ij`", "`W^(q)_ij`"], []),
    "C-message-digit": (["[1, i]", "W1_i"], []),
    "C-message-power-of-function": (["tanh(z_j)^2"], []),
    "C-derive-drops-inputs": ([], ["UnknownName"]),
    "D-false-words": (["the factor 0.3 is missing"], []),
    "D-false-words-3": (["the factor 0.3 is missing"], []),
    "D-decimal-slip": (["the factor 1.702 is missing"], []),
    "D-rounded-constant": (["0.797885 is sqrt(2 / π) to 6 digits"], []),
    "D-hinge": (["proved apart from ties"], ["WRONG"]),
    "D-d-names": ([], ["UnknownName"]),
    "A-locally-connected": (["W[w-i, z-j, i, j, c, o]", "δW_stijco"], []),
    "A-inv-logdet": ([], ["NotDifferentiable"]),
}
# right, but for words that are not ours to say here: the value of a rule at a point where it has none, and a diagnosis
ELSEWHERE = {"A-norm-zero", "D-derived-vs-own"}


def said(code: str) -> str:
    """What the case prints, warns of, and refuses; every other error is its failure."""
    out = io.StringIO()
    with warnings.catch_warnings(record=True) as told, contextlib.redirect_stdout(out):
        warnings.simplefilter("always")
        try:
            exec(code, {})
        except TensorpropError as error:
            out.write(str(error))
        finally:
            warnings.simplefilter("default")
    return out.getvalue() + "".join(f"\n{w.category.__name__}: {w.message}" for w in told)


@pytest.mark.parametrize("case", RIGHT)
def test_a_case_from_outside(case: str) -> None:
    if case in NEEDS and importlib.util.find_spec(NEEDS[case]) is None:
        pytest.skip(f"{NEEDS[case]} is not installed")
    shown = said(CASES[case])
    wanted, never = RIGHT[case]
    assert [w for w in wanted if w not in shown] == [] and [w for w in never if w in shown] == [], shown


def test_every_case_is_told() -> None:
    assert {*RIGHT} | ELSEWHERE == {*CASES}


def test_the_names_of_papers_are_adjoints() -> None:
    forward = "s_tu = c q_td k_ud; p_tu = softmax_u(s_tu); o_td = p_tu v_ud"
    for name in ("d{}", "{}bar"):
        rules = "; ".join(
            (
                f"{name.format('v')}_ud = p_tu {name.format('o')}_td",
                f"{name.format('p')}_tu = {name.format('o')}_td v_ud",
                f"{name.format('s')}_tu = p_tu ({name.format('p')}_tu - {name.format('o')}_td o_td)",
            )
        )
        report = tp.check(tp.Layer(forward, rules))
        assert report.ok and report.proved, str(report)
        assert not tp.check(tp.Layer(forward, rules.replace(" - ", " + "))).ok
    named = tp.Layer("dz_j = a_i W_ij; z_j = tanh(dz_j)", "δdz_j = (1 - z_j²) δz_j")
    assert tp.check(named).proved  # where the page has a dz, it is no adjoint


ALONG = [
    ("s_j = std_b(x_bj)", lambda x: jnp.std(x, 0)),
    ("s_b = norm_i(x_bi)", lambda x: jnp.sqrt(jnp.sum(x * x, 1))),
    ("m_j = median_b(x_bj)", lambda x: jnp.median(x, 0)),
    ("m_b = median_i(x_bi)", lambda x: jnp.median(x, 1)),
    ("y_bt = cumsum_t(x_bt)", lambda x: jnp.cumsum(x, 1)),
    ("y_bt = cumprod_t(x_bt)", lambda x: jnp.cumprod(x, 1)),
    ("y_bu = sort_u(x_bu)", lambda x: jnp.sort(x, 1)),
    ("y_bi = x_bi + stop(sign(x_bi) - x_bi)", lambda x: x + jax.lax.stop_gradient(jnp.sign(x) - x)),
    ("y_bi = stop(x_bi) x_bi", lambda x: jax.lax.stop_gradient(x) * x),
    ("y_bi = sinc(x_bi) arctan2(x_bi, 2)", lambda x: jnp.sinc(x) * jnp.arctan2(x, 2.0)),
]


@pytest.mark.parametrize("text, function", ALONG, ids=[t for t, _ in ALONG])
def test_words_along_an_index_and_constants_through_the_verbs(text: str, function: object, x64: None) -> None:
    assert callable(function)
    x = np.random.default_rng(3).normal(size=(3, 4))
    s = tp.parse(text)
    assert tp.parse(str(s)) is s and s.inputs == ("x",)
    y = np.asarray(function(x))
    np.testing.assert_allclose(tp.compile(s, backend="numpy")(x=x), y, rtol=1e-13)
    c = np.random.default_rng(4).normal(size=y.shape)
    target = s.equations[0].target
    letters = "".join(target.letters or ())
    loss = tp.parse(f"{text}; E = c_{letters} {target.name}_{letters}")
    value, found = tp.value_and_grad(loss, wrt="x")({"x": x}, c=c)
    want, slope = jax.value_and_grad(lambda x: jnp.sum(c * function(x)))(x)
    np.testing.assert_allclose(value, want, rtol=1e-12)
    np.testing.assert_allclose(found["x"], slope, rtol=1e-11, atol=1e-13)
    assert tp.check(s).ok and str(tp.formula(s)) and str(tp.explain(s))
