"""The smallest counterexample: sizes, an entry and small whole numbers for which two rules differ.

In: a hand rule and the derived one. Out: a Counterexample, or None where none of the small sizes shows a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np

from tensorprop.calculus.page import Given
from tensorprop.check.numbers.draw import arrays, declared, sizes_told
from tensorprop.check.numbers.jax_oracle import evaluate
from tensorprop.check.report import Counterexample
from tensorprop.check.slips.samples import EXACT, Sample, adjoints_of, both, same_values, with_adjoints
from tensorprop.core.equation import Equation, System, system
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.ranges import infer
from tensorprop.core.walk import tensors_of
from tensorprop.errors import TensorpropError

__all__ = ["smallest"]

_CHOICES = 40  # sizes that are tried, the smallest first

Arrays = Mapping[str, np.ndarray]


def smallest(
    hand: Equation,
    derived: Equation,
    forward: System,
    *,
    parts: Iterable[Equation] = (),
    given: Given = (),
    backward: System | None = None,
) -> Counterexample | None:
    """The smallest sizes for which the two rules differ, an entry, both values, and small whole numbers that do it."""
    pieces = system(parts)
    backward = adjoints_of(forward) if backward is None else backward
    ranges = infer(forward)
    classes = list(dict.fromkeys(ranges.find(n, k) for n in forward.inputs for k in range(forward.rank(n))))
    choices = sorted(
        product((1, 2, 3), repeat=min(len(classes), 5)), key=lambda c: (math.prod(c), max(c, default=1), c)
    )
    for choice in choices[:_CHOICES]:
        sizes = dict(zip(classes, (*choice, *[2] * (len(classes) - len(choice))), strict=True))
        shape = {n: tuple(sizes[ranges.find(n, k)] for k in range(forward.rank(n))) for n in forward.inputs}
        for seed in range(2):
            truth = _whole(forward, backward, shape, given, seed)
            found = None if truth is None else _differs(hand, derived, pieces, truth, both(forward, backward))
            if found is not None:
                return found
    return None


def _whole(
    forward: System, backward: System, shape: Mapping[str, tuple[int, ...]], given: Given, seed: int
) -> dict[str, np.ndarray] | None:
    """Small whole numbers for every input, if the forward equations stand them."""
    labels = whole_numbers(forward)
    for low, scale in ((-3, 1.0), (1, 1.0), (1, 0.25)):
        try:
            inputs = arrays(forward, shape, seed, "positive", given)
            draw = np.random.default_rng(seed)
            fixed = {t.name for left, _ in given for t in tensors_of(left)}
            for name in inputs:
                if name not in labels and name not in fixed:
                    some = [n for n in range(low, 4) if n]
                    parts = (1, 1j) if np.iscomplexobj(inputs[name]) else (1,)
                    shape_ = inputs[name].shape
                    inputs[name] = np.asarray(sum(unit * draw.choice(some, shape_) * scale for unit in parts))
                    if name in forward.declared:
                        inputs[name] = declared(inputs[name], forward.declared[name], whole=True)
            found = with_adjoints(forward, backward, inputs, 0, whole=True)
        except (TensorpropError, ValueError):
            continue
        if all(np.isfinite(a).all() for a in found.values()):
            return found
    return None


def _differs(
    hand: Equation, derived: Equation, parts: System, truth: dict[str, np.ndarray], under: System
) -> Counterexample | None:
    try:
        more = evaluate(parts, {n: truth[n] for n in parts.inputs}) if len(parts) else {}
    except (TensorpropError, KeyError):
        return None
    sample = Sample({**truth, **more}, 0, hand.target, under)
    got, wanted = sample.value(hand.value), sample.value(derived.value)
    if got is None or wanted is None or same_values(got, wanted):
        return None
    size = max(float(np.abs(got).max()), float(np.abs(wanted).max()))
    place = int(np.argmax(np.abs(got - wanted) > EXACT * size))
    axes = tuple(sample.sizes[i] for i in sample.letters)
    entry = tuple(int(k) for k in np.unravel_index(place, axes)) if axes else ()
    named = dict.fromkeys(t.name for eq in (hand, derived) for t in tensors_of(eq.value) if t.name in truth)
    numbers = {name: (np.asarray(truth[name]) + 0.0).tolist() for name in named}  # -0.0 + 0.0 is 0.0
    known = sizes_told([hand], {n: a.shape for n, a in truth.items()})
    return Counterexample(known, entry, wanted[place].item() + 0.0, got[place].item() + 0.0, numbers)
