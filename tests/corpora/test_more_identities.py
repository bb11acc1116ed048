"""Identities that are in no corpus: values, gradients and second derivatives as JAX has them; rules proved or named."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.core.equation import System, system
from tensorprop.run.reference import evaluate
from tests.corpora.more_identities import IDENTITIES, Identity

DAILY = (
    "tr A inv(X) B",
    "gauss precision",
    "kalman gain",
    "batch det",
    "two idx batch",
    "KL gauss",
    "rayleigh",
    "kron solve",
)

LARGE = ("riccati resid",)  # the reference keeps every index of its second derivative at once


def _close(ours: object, theirs: object) -> None:
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * max(1.0, float(np.abs(b).max())))


def _run(s: System, given: dict[str, np.ndarray], name: str) -> np.ndarray:
    return np.asarray(evaluate(s, {n: given[n] for n in s.inputs})[name])


def _first_order(case: Identity) -> None:
    s, args = tp.parse(case.text), list(case.arrays.values())
    (y,) = s.outputs
    value = case.fn(*args)
    _close(_run(s, case.arrays, y), value)
    owed = np.random.default_rng(0).normal(size=value.shape) if value.ndim else np.ones(())
    names, wrt = list(case.arrays), case.wrt.split()
    theirs = jax.grad(lambda *some: jnp.sum(owed * case.fn(*some)), tuple(map(names.index, wrt)))(*args)
    both = s + tp.adjoint(s, wrt=wrt)
    for name, want in zip(wrt, theirs, strict=True):
        _close(_run(both, {**case.arrays, f"δ{y}": owed}, f"δ{name}"), want)


def _second_order(case: Identity) -> None:
    s, args = tp.parse(case.text), list(case.arrays.values())
    (y,) = s.outputs
    if s.rank(y) or case.name in LARGE:
        return
    x = case.wrt.split()[0]
    k = list(case.arrays).index(x)
    second = tp.derive(s, wrt=(x, x))
    both = system([*s, second], s.facts)
    want = jax.hessian(lambda v: case.fn(*args[:k], v, *args[k + 1 :]))(jnp.asarray(args[k]))
    _close(_run(both, case.arrays, second.name), want)


def _judged(case: Identity) -> None:
    if case.right is None:
        return
    report = tp.check(f"{case.text}; {case.right}")
    assert report.ok and report.proved, str(report)
    for rule in case.wrong:
        report = tp.check(f"{case.text}; {rule}")
        assert not report.ok and "no single slip" not in str(report), str(report)


@pytest.mark.parametrize("case", [c for c in IDENTITIES if c.name in DAILY], ids=lambda c: c.name)
def test_identity(case: Identity, x64: None) -> None:
    _first_order(case)
    _judged(case._replace(wrong=case.wrong[:1]))


@pytest.mark.campaign
@pytest.mark.parametrize("case", IDENTITIES, ids=lambda c: c.name)
def test_every_identity(case: Identity, x64: None) -> None:
    _first_order(case)
    _second_order(case)
    _judged(case)
    s = tp.parse(case.text)
    for shown in (tp.formula(s + tp.adjoint(s)), tp.explain(s, case.wrt.split()[0])):
        assert "⟨" not in str(shown)
