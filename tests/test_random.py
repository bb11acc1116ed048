"""Random well-typed Systems against an independent oracle: values, gradients, Jacobians, simplification, printing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.derive import derive
from tensorprop.calculus.simplify import simplify
from tensorprop.core.equation import system
from tensorprop.run.reference import evaluate
from tensorprop.text import parse, show
from tests import oracle
from tests.compare import wrong, wrong_gradients
from tests.strategies import Case, case_number, cases, some
from tests.uncompiled import uncompiled

BLOCK = 100


def blocks(first: int, total: int) -> pytest.MarkDecorator:
    """Case numbers in blocks, so that a failure names a few and a run shows progress."""
    return pytest.mark.parametrize("start", range(first, first + total, BLOCK))


def complaint(number: int, case: Case, faults: list[str]) -> str:
    """All that is needed to look into a failing case."""
    head = f"case {number}\n{case.system}\ninputs { ({n: a.shape for n, a in case.arrays.items()}) }"
    return "\n".join([head, *faults[:3], "", str(adjoint(case.system, wrt=case.wrt))])


@pytest.mark.parametrize("start", some(0, 2000, BLOCK, 600))
def test_gradients_of_2000_random_systems(start: int) -> None:
    for number in range(start, start + BLOCK):
        case = case_number(number)
        faults = wrong_gradients(case)
        assert not faults, complaint(number, case, faults)


@blocks(10_000, 500)
def test_values(start: int) -> None:
    for number in range(start, start + BLOCK):
        case = case_number(number)
        faults = wrong(evaluate(case.system, case.arrays), oracle.values(case.system, case.arrays))
        assert not faults, f"case {number}\n{case.system}\n" + "\n".join(faults)


@blocks(20_000, 300)
def test_jacobians(start: int) -> None:
    for number in range(start, start + BLOCK):
        case = case_number(number, equations=(1, 2), depth=(1, 2))
        s = case.system
        output = s.outputs[-1]
        wrt = s.only([output]).inputs[:2]
        judged = oracle.jacobians(s, case.arrays, output, wrt)
        for x in wrt:
            jacobian = derive(s, wrt=x, of=output)
            found = evaluate(system([*s, jacobian]), case.arrays)[jacobian.name]
            faults = wrong({x: found}, {x: judged[x]}, "{}")
            assert not faults, f"case {number}\n{s}\n{jacobian}\n" + "\n".join(faults)


@blocks(30_000, 300)
def test_simplify_keeps_the_value_and_is_idempotent(start: int) -> None:
    for number in range(start, start + BLOCK):
        case = case_number(number)
        simple = simplify(case.system)
        assert simplify(simple) is simple, f"case {number}\n{case.system}\n→\n{simple}\n→\n{simplify(simple)}"
        # an input that fell out (x - x) is not asked for any more
        arrays = {n: a for n, a in case.arrays.items() if n in simple.inputs}
        faults = wrong(evaluate(simple, arrays), oracle.values(case.system, case.arrays))
        assert not faults, f"case {number}\n{case.system}\n→\n{simple}\n" + "\n".join(faults)


@blocks(40_000, 300)
def test_show_is_the_inverse_of_parse(start: int) -> None:
    for number in range(start, start + BLOCK):
        s = case_number(number).system
        assert parse(show(s)) is s, f"case {number}\n{show(s)}"
        assert parse(show(s, ascii=True)) is s, f"case {number}\n{show(s, ascii=True)}"


@settings(max_examples=100)
@given(cases())
def test_gradients_of_systems_that_shrink(case: Case) -> None:
    assert not wrong_gradients(case)


@pytest.mark.parametrize("start", some(50_000, 50_200, 20, 50_060))
def test_gradients_against_jax_grad(start: int, x64: None) -> None:
    """The rules against jax.grad of a naive evaluation; twenty cases are one program."""
    import jax
    import jax.numpy as jnp

    from tests import naive_jax

    numbered = {n: case_number(n) for n in range(start, start + 20)}

    def loss(inputs: dict[int, dict[str, Any]]) -> Any:
        total = jnp.asarray(0.0)
        for n, case in numbered.items():
            values = naive_jax.evaluate(case.system, inputs[n])
            total += sum(jnp.sum(seed * values[name]) for name, seed in case.seeds.items())
        return total

    inputs = {n: {x: jnp.asarray(a) for x, a in case.arrays.items()} for n, case in numbered.items()}
    expected = uncompiled(jax.grad(loss))(inputs)
    for n, case in numbered.items():
        rules = adjoint(case.system, wrt=case.wrt)
        both = case.system + rules
        seeds = {f"δ{name}": a for name, a in case.seeds.items() if f"δ{name}" in both.inputs}
        found = evaluate(both, {**case.arrays, **seeds})
        judged = oracle.gradients(case.system, case.arrays, case.wrt, case.seeds)
        for x in case.wrt:
            error = np.abs(found[f"δ{x}"] - np.asarray(expected[n][x]))
            both_values = f"δ{x}: {found[f'δ{x}']}, jax.grad {expected[n][x]}"
            assert np.all(error <= 2 * judged[x].tolerance), complaint(n, case, [both_values])


# --------------------------------------------------------------------------- the oracle itself
@pytest.mark.parametrize("start", range(0, 60, 20))
def test_the_oracle_agrees_with_differences(start: int) -> None:
    """Central differences of the oracle's values in extended precision, along one direction for each input."""
    h = np.longdouble(1e-6)
    for number in range(start, start + 20):
        case = case_number(number)
        generator = np.random.default_rng(number)
        judged = oracle.gradients(case.system, case.arrays, case.wrt, case.seeds)

        def loss(arrays: dict[str, np.ndarray], case: Case = case) -> np.longdouble:
            values = oracle.values(case.system, arrays)
            return sum((np.sum(seed * values[n].value) for n, seed in case.seeds.items()), start=np.longdouble(0))

        for x in case.wrt:
            way = generator.uniform(-1, 1, case.arrays[x].shape).astype(np.longdouble)
            up, down = ({**case.arrays, x: case.arrays[x] + sign * h * way} for sign in (1, -1))
            slope = (loss(up) - loss(down)) / (2 * h)
            assert abs(slope - np.sum(judged[x].value * way)) <= 1e-8 * (1 + abs(slope)), f"case {number}, {x}"


def test_the_generator_covers_the_language() -> None:
    """Among the 600 cases of every run: diagonals, repeated tensors, deltas, every reduction, one to four equations."""
    text = "\n".join(show(case_number(n).system) for n in range(600))
    for part in "softmax_ logsoftmax_ logsumexp_ max_ min_ prod_ mean_ var_ relu( ≤ / > = exp(".split():
        assert part in text, part
    sizes = {len(case_number(n).system) for n in range(200)}
    assert sizes == {1, 2, 3, 4}
