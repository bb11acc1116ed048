"""Numbers on which slips are looked for: true values and adjoints of small draws, and what an expression gives there.

In: the forward equations, and expressions. Out: values, flat, over the letters of a left side. What a slip is, is not
known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from tensorprop.calculus import adjoint
from tensorprop.calculus.page import Given, seed_of
from tensorprop.check.numbers.draw import KINDS, arrays, shapes
from tensorprop.check.numbers.jax_oracle import evaluate
from tensorprop.check.numbers.jax_values import double_precision
from tensorprop.check.numbers.naive import doubles
from tensorprop.check.numbers.naive_systems import standing
from tensorprop.core.equation import Equation, Loop, System, system
from tensorprop.core.expr import Expr, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, primal_axes
from tensorprop.errors import NotDifferentiable, TensorpropError

__all__ = [
    "EXACT",
    "Arrays",
    "Sample",
    "adjoints_of",
    "both",
    "carried_outputs",
    "draws",
    "ratio_of",
    "same_values",
    "true_values",
    "with_adjoints",
]

Arrays = Mapping[str, np.ndarray]

EXACT = 1e-11  # two values that differ by less, measured by the largest entry, are one


class Sample:
    """The true values and adjoints of one draw, and expressions evaluated on them, each part once.

    ``under`` is a System whose lines say what lies outside, and whose recurrences say where they start.
    """

    def __init__(self, truth: Arrays, seed: int, target: Tensor, under: System | None = None) -> None:
        self.arrays: dict[str, Any] = doubles(truth)
        self.seed = seed
        self.letters = target.letters or ()
        axes = primal_axes(target) or []
        self.sizes = {i: self.arrays[name].shape[k] for i, (name, k) in zip(self.letters, axes, strict=True)}
        self.evaluation = standing(self.arrays, seed, under)

    def value(self, e: Expr) -> np.ndarray | None:
        """The value over the letters of the left side, flat; None where it has none."""
        try:
            with double_precision(), np.errstate(all="ignore"):
                found = self.evaluation.at(e, self.sizes)
        except (TensorpropError, KeyError, ValueError, TypeError):
            return None
        order = [found.letters.index(i) for i in self.letters if i in found.letters]
        array = np.transpose(found.value, order)
        array = np.expand_dims(array, tuple(k for k, i in enumerate(self.letters) if i not in found.letters))
        whole = np.broadcast_to(array, [self.sizes[i] for i in self.letters]).ravel()
        return whole if np.isfinite(whole).all() else None


def same_values(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Whether two values are one, rounding apart."""
    if a is None or b is None or a.shape != b.shape:
        return False
    size = max(float(np.abs(b).max(initial=0.0)), float(np.abs(a).max(initial=0.0)))
    return bool(np.abs(a - b).max(initial=0.0) <= EXACT * size) or size == 0.0


def ratio_of(a: np.ndarray | None, b: np.ndarray | None) -> float | None:
    """c with a = c b, where there is one."""
    if a is None or b is None or a.shape != b.shape or not a.size:
        return None
    k = int(np.abs(b).argmax())
    with np.errstate(all="ignore"):  # squares may underflow, or overflow
        square = float(np.vdot(b, b).real)
        if b[k] == 0 or a[k] == 0 or square == 0:
            return None
        c = float(np.vdot(b, a).real) / square
    return c if same_values(a, c * b) else None


@lru_cache(maxsize=64)
def draws(forward: System, given: Given) -> tuple[tuple[dict[str, np.ndarray], int], ...]:
    """True values and adjoints of all tensors: sizes all 3, twice, all 2, and all different."""
    found: list[tuple[dict[str, np.ndarray], int]] = []
    whole = adjoints_of(forward)
    for square, first, seed in ((True, 3, 0), (True, 3, 1), (True, 2, 2), (False, 2, 0)):
        truth = true_values(forward, whole, shapes(forward, square, first), seed, given)
        if truth is not None:
            found.append((truth, seed))
    return tuple(found)


def adjoints_of(forward: System) -> System:
    """The adjoint of every tensor that has one."""
    labels = whole_numbers(forward)
    carried = carried_outputs(forward)
    smooth = [n for n in forward.names if n not in labels and (n not in forward.outputs or n in carried)]
    try:
        return adjoint(forward, wrt=smooth) if smooth else system(())
    except NotDifferentiable:
        found: dict[str, Equation] = {}
        for name in smooth:
            try:
                found |= {eq.name: eq for eq in adjoint(forward, wrt=name)}
            except NotDifferentiable:
                continue
        return system(found.values())


def true_values(
    forward: System, backward: System, sizes: Mapping[str, tuple[int, ...]], seed: int, given: Given
) -> dict[str, np.ndarray] | None:
    for kind in KINDS:
        try:
            inputs = arrays(forward, sizes, seed, kind, given)
            found = with_adjoints(forward, backward, inputs, seed)
        except (TensorpropError, ValueError):
            return None
        if all(np.isfinite(a).all() for a in found.values()):
            return found
    return None


def with_adjoints(
    forward: System, backward: System, inputs: Mapping[str, np.ndarray], seed: int, whole: bool = False
) -> dict[str, np.ndarray]:
    """Values and adjoints of all tensors; those of the outputs are drawn, or 1 for a number at the end."""
    values = evaluate(forward, inputs, seed)
    draw = np.random.default_rng([seed, 77])
    ends: dict[str, np.ndarray] = {}
    for name in forward.outputs:
        shape = values[name].shape
        parts = (1, 1j) if np.iscomplexobj(values[name]) else (1,)
        ends[adjoint_name(name)] = np.sum([unit * _drawn(draw, shape, whole) for unit in parts], 0)
    if (last := seed_of(forward)) is not None:
        ends[last] = np.ones(())
    for name in carried_outputs(forward):
        ends[f"{adjoint_name(name)}^(out)"] = ends.pop(adjoint_name(name))
    if not len(backward):
        return {**values, **ends}
    return evaluate(both(forward, backward), {**inputs, **ends}, seed) | ends


def _drawn(draw: np.random.Generator, shape: tuple[int, ...], whole: bool) -> np.ndarray:
    return draw.integers(1, 4, shape) * draw.choice([-1.0, 1.0], shape) if whole else draw.normal(size=shape)


def carried_outputs(s: System) -> list[str]:
    """Outputs that a recurrence reads itself: ``δh^(out)`` is what comes from outside, and ``δh`` all of it."""
    return [eq.name for b in s.blocks if isinstance(b, Loop) for eq in b.body if eq.name in s.outputs]


def both(forward: System, backward: System) -> System:
    """The forward equations and rules, and all that is stated of their ranges and of what lies outside."""
    rules = [eq for eq in backward if eq.name not in forward]
    return system([*forward, *rules], dict.fromkeys((*forward.facts, *backward.facts)))
