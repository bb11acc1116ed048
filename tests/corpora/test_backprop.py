"""Layers and losses of libraries and papers: value and all gradients of the index form against hand-written code."""

from __future__ import annotations

import numpy as np
import pytest

from tensorprop.calculus.adjoint import adjoint
from tensorprop.core.equation import System
from tensorprop.errors import TensorpropError
from tensorprop.run.reference import evaluate
from tensorprop.text import parse
from tests.corpora.read import SEEDS, Case, arrays, cases, close, definition

CASES = [c for c in cases("backprop_rules.json") if c.get("index_evaluable")]


def fault(case: Case) -> str | None:
    """What is wrong with a case, or None."""
    try:
        s = parse(case["index_forward"])
        rules = adjoint(s, wrt=tuple(case["differentiate"]), of=s.outputs[-1])
    except TensorpropError as error:
        return str(error)
    for seed in SEEDS:
        given = arrays(case, seed)
        found = gradients(s, rules, given, seed)
        forward = definition(case["forward_code"], "forward")(**given)
        if not close(found["value"], forward):
            return f"the value is {found['value']} instead of {forward}"
        expected = definition(case["backward_code"], "backward")(found["seed"], **given)
        for x in case["differentiate"]:
            if not close(found[x], expected[x]):
                return f"{rules[f'δ{x}']} is wrong: {found[x]} instead of {expected[x]}"
    return None


def gradients(s: System, rules: System, given: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The output, the seed of its adjoint, and the adjoint of every variable."""
    output = s.outputs[-1]
    known = {n: a for n, a in given.items() if n in s.inputs}
    values = evaluate(s, known)
    shape = np.shape(values[output])
    cotangent = np.random.default_rng(seed + 7).normal(size=shape) if shape else np.float64(1)
    both = s + rules
    extra = {f"δ{output}": cotangent} if f"δ{output}" in both.inputs else {}
    found = evaluate(both, {**known, **extra})
    names = {r.name.removeprefix("δ"): found[r.name] for r in rules}
    return {**names, "value": values[output], "seed": cotangent}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_value_and_gradients(case: Case) -> None:
    assert fault(case) is None


def test_every_case_is_there() -> None:
    assert len(CASES) == 59


@pytest.mark.parametrize("case", CASES[::4], ids=lambda c: c["id"])
def test_value_and_gradients_compiled_with_jax(case: Case, x64: None) -> None:
    from tensorprop.run.api import compile

    s = parse(case["index_forward"])
    output = s.outputs[-1]
    both = s + adjoint(s, wrt=tuple(case["differentiate"]), of=output)
    variables = [r.name for r in both if r.name.removeprefix("δ") in case["differentiate"]]
    f = compile(both, outputs=[output, *variables])
    given = arrays(case, SEEDS[0])
    known = {n: a for n, a in given.items() if n in s.inputs}
    shape = np.shape(evaluate(s, known)[output])
    cotangent = np.random.default_rng(0).normal(size=shape) if shape else np.float64(1)
    extra = {f"δ{output}": cotangent} if f"δ{output}" in both.inputs else {}
    found = f(**known, **extra)
    expected = definition(case["backward_code"], "backward")(cotangent, **given)
    assert close(found[output], definition(case["forward_code"], "forward")(**given))
    for x in case["differentiate"]:
        assert close(found[f"δ{x}"], expected[x]), x


def test_the_comparison_can_fail() -> None:
    case = next(c for c in CASES if c["id"] == "dense")
    wrong = case["backward_code"].replace("gy.sum(0)", "gy.mean(0)")
    assert wrong != case["backward_code"]
    assert "δb" in (fault({**case, "backward_code": wrong}) or "")
