"""The comparison of derived rules with the oracle, as the random tests make it and the seeded faults must fail it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorprop.calculus.adjoint import adjoint
from tensorprop.core.equation import System
from tensorprop.run.reference import evaluate
from tests import oracle
from tests.strategies import Case


def wrong(found: Mapping[str, Any], judged: Mapping[str, oracle.Judged], name: str = "{}") -> list[str]:
    """What in ``found`` is outside the tolerance, in words."""
    out: list[str] = []
    for x, must in judged.items():
        is_ = np.asarray(found[name.format(x)])
        if is_.shape != must.value.shape:
            out.append(f"{name.format(x)} has shape {is_.shape}, not {must.value.shape}")
        elif not must.accepts(is_):
            far = f"{must.excess(is_):.3g} tolerances away"
            out.append(f"{name.format(x)} is {far}:\n{is_}\nnot\n{must.value.astype(float)}")
    return out


def backward(case: Case) -> System:
    """The forward equations with their derived rules."""
    return case.system + adjoint(case.system, wrt=case.wrt)


def wrong_gradients(case: Case) -> list[str]:
    """Where the adjoint System, run by the reference, differs from the oracle's dual numbers."""
    both = backward(case)
    seeds = {f"δ{n}": a for n, a in case.seeds.items() if f"δ{n}" in both.inputs}
    found = evaluate(both, {**case.arrays, **seeds})
    return wrong(found, oracle.gradients(case.system, case.arrays, case.wrt, case.seeds), "δ{}")
