"""Identities of the Matrix Cookbook, of Wikipedia's "Matrix calculus" and of Laue et al.: derived and evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tensorprop.calculus.derive import derive
from tensorprop.core.build import tensor
from tensorprop.core.equation import System, equation, system
from tensorprop.errors import AmbiguousSum, TensorpropError
from tensorprop.run.reference import evaluate
from tensorprop.text import parse
from tests.corpora.read import SEEDS, Case, arrays, cases, close, value

COOKBOOK = cases("matrix_cookbook.json")
LAUE = cases("laue_benchmarks.json", "problems", "site_examples", "geno_problems")

# Index forms that are written here, where the case's own cannot be evaluated: a Kronecker product as a tensor of four
# axes, and δ_ii, which names no range, as Σ_i X_ii / X_ii.
WRITTEN = {
    "mc-141": "X_ij = [i ≥ j] P_ij + [i < j] P_ji; y = logdet(X)",
    "mc-039": "Z_ikjl = (X0_ij + t X1_ij)(Y0_kl + t Y1_kl)",
    "mc-098F": "y = 2 X_ij X_jk X_ki + X_ij X_ji - 5 X_ii + 7 Σ_i X_ii / X_ii",
}

# Refused as it stands, with both readings in the message; the reading that is meant.
REFUSED: dict[str, tuple[str, str]] = {
    "geno-nmf-C": ("s = (A_ij - C_ik S_kj)^2", "s = Σ_ij (A_ij - Σ_k C_ik S_kj)^2"),
    "geno-ls": ("s = (A_ij x_j - b_i)^2", "s = Σ_i (Σ_j A_ij x_j - b_i)^2"),
    "mco-6": ("n = (A_ij x_j - y_i)^2", "n = Σ_i (Σ_j A_ij x_j - y_i)^2"),
}


def text_of(case: Case) -> str | None:
    """The forward equations of a case, as our notation wants them; None where it has none that is complete."""
    if case["id"] in REFUSED:
        return REFUSED[case["id"]][1]
    if case.get("index_evaluable") is False or not case.get("index_function"):
        return WRITTEN.get(case["id"])
    return case["index_function"]


def convention(case: Case) -> str:
    return "einsum" if "sums-single-index" in case.get("index_conventions", ()) else "strict"


def forward(case: Case, text: str) -> System:
    return parse(text, convention=convention(case))


def derivative(case: Case, s: System) -> System:
    """The System with its first or second derivative by the case's variable."""
    variable = case["variable"]
    return system([*s, derive(s, wrt=(variable,) * case.get("order", 1))])


def as_compared(case: Case, found: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in the form in which the case compares them."""
    match case.get("compare"):
        case "lower_triangle" if found.ndim:
            return np.tril(found), np.tril(expected)
        case "diagonal":
            return np.diag(found), expected
        case "broadcast":
            return found, np.broadcast_to(expected, found.shape)
        case _ if case["id"] == "mc-039":
            return found, expected.reshape(found.shape)
        case _:
            return found, expected


def fault(case: Case, run: Callable[[System, dict[str, np.ndarray]], Any] = evaluate) -> str | None:
    """What is wrong with a case, or None."""
    text = text_of(case)
    if text is None:
        return "no index form"
    try:
        s = forward(case, text)
        both = derivative(case, s)
        for seed in SEEDS:
            given = arrays(case, seed)
            found = run(both, {n: a for n, a in given.items() if n in both.inputs})
            if not close(*as_compared(case, np.asarray(found[s.outputs[-1]]), value(case["f_code"], given))):
                return f"the value of {text} is wrong"
            got, expected = as_compared(case, np.asarray(found[both.outputs[-1]]), value(case["df_code"], given))
            if not close(got, expected):
                return f"{both.equations[-1]} is wrong: {got} instead of {expected}"
    except TensorpropError as error:
        return str(error)
    return None


def has_index_form(case: Case) -> bool:
    return text_of(case) is not None


@pytest.mark.parametrize("case", [c for c in COOKBOOK + LAUE if has_index_form(c)], ids=lambda c: c["id"])
def test_identity(case: Case) -> None:
    assert fault(case) is None


def test_the_cookbook_as_a_whole() -> None:
    """At least 97 % of the cases with an index form, and few cases without one."""
    whole = [c for c in COOKBOOK if has_index_form(c)]
    failing = {c["id"]: found for c in whole if (found := fault(c)) is not None}
    for name, found in failing.items():
        print(f"{name}: {found}")
    assert len(whole) >= 72
    assert len(failing) <= 0.03 * len(whole), failing


@pytest.mark.parametrize("name", REFUSED)
def test_two_readings_are_refused(name: str) -> None:
    """A square of something with an inner sum, summed into a scalar: in both conventions."""
    text, meant = REFUSED[name]
    for reading in ("strict", "einsum"):
        with pytest.raises(AmbiguousSum) as raised:
            parse(text, convention=reading)
        assert "Σ" in str(raised.value) and text in str(raised.value)
    parse(meant)


@pytest.mark.parametrize("case", [c for c in COOKBOOK if has_index_form(c)][::5], ids=lambda c: c["id"])
def test_identity_compiled_with_jax(case: Case, x64: None) -> None:
    from tensorprop.run.api import compile

    def run(s: System, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = compile(s)(**given)
        assert set(found) == set(s.outputs) and len(found) == 2
        return found

    assert fault(case, run) is None


@pytest.mark.parametrize("case", [c for c in LAUE if c.get("hessian_code")], ids=lambda c: c["id"])
def test_hessian(case: Case) -> None:
    assert fault({**case, "order": 2, "df_code": case["hessian_code"]}) is None


def named_as_derivative(case: Case, s: System) -> System:
    """``D_ijmn = δ_in A_mj`` as ``∂Y_ij/∂X_mn = δ_in A_mj``: the axes of Y and X tell how far i and n run."""
    *before, last = s.equations
    forward = parse(text_of(case) or "", convention=convention(case))
    of, variable = forward.outputs[-1], case["variable"]
    times = case.get("order", 1)
    power = "²" if times == 2 else ""
    axes = (len(last.letters) - forward.rank(of)) // times
    name = f"∂{power}{of}{'·' * forward.rank(of)}/" + f"∂{variable}{'·' * axes}" * times
    return system([*before, equation(tensor(name, *last.letters), last.value)])


@pytest.mark.parametrize(
    "case",
    [c for c in COOKBOOK + LAUE if c.get("index_derivative") and c.get("index_evaluable", True)],
    ids=lambda c: c["id"],
)
def test_written_derivatives_evaluate(case: Case) -> None:
    """The index form of the derivative that the case itself gives, read and evaluated."""
    s = named_as_derivative(case, parse(case["index_derivative"], convention=convention(case)))
    of = parse(text_of(case) or "").outputs[-1]
    for seed in SEEDS:
        given = arrays(case, seed)
        given[of] = value(case["f_code"], given)
        found = evaluate(s, {n: given[n] for n in s.inputs})[s.outputs[-1]]
        assert close(*as_compared(case, np.asarray(found), value(case["df_code"], given)))


def test_the_comparison_can_fail() -> None:
    case = next(c for c in COOKBOOK if c["id"] == "mc-097")
    assert "is wrong" in (fault({**case, "df_code": "(A + A.T) @ x - b"}) or "")
    assert "is wrong" in (fault({**case, "f_code": "x @ A @ x"}) or "")
