"""Values and gradients of a System by ``jax.vjp`` of its naive evaluation: the second opinion of a check.

In: a System and arrays. Out: values of all tensors, exact adjoints in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tensorprop.check.numbers.jax_values import double_precision
from tensorprop.check.numbers.naive import Arrays, doubles
from tensorprop.check.numbers.naive_systems import all_values
from tensorprop.core.equation import System
from tensorprop.core.functions import is_known
from tensorprop.core.plane import complex_names
from tensorprop.run.jax_played import Played

__all__ = ["Oracle", "evaluate"]


# --------------------------------------------------------------------------- what a check asks
def evaluate(system: System, given: Mapping[str, np.ndarray], sample: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of the System in float64, inputs among them. ``sample`` picks what open functions stand for.

    Errors: SizeMismatch, OutOfRange, UnknownRange, OpenFunction.
    """
    with double_precision(), np.errstate(all="ignore"):
        return all_values(np, system, doubles(given), sample)


class Oracle:
    """``∂(Σ seeds · outputs)/∂x`` for every tensor x of a System, by one ``jax.vjp`` of the naive evaluation.

    An intermediate is differentiated by a nudge of zero added to it. ``counts`` are integer-valued inputs: they have
    no derivative.
    """

    def __init__(self, system: System, counts: frozenset[str] = frozenset()) -> None:
        self.system = system
        self.counts = counts
        self.open = any(not is_known(name) for name in system.functions)
        self._played = Played(self._run, static=1)

    def __call__(
        self, given: Arrays, seeds: Arrays, shapes: Mapping[str, tuple[int, ...]], sample: int = 0
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The values of all tensors, and their adjoints, in float64; ``shapes`` are those of all tensors."""
        arrays = doubles(given)
        counts = {name: a for name, a in arrays.items() if name in self.counts}
        smooth = {name: a for name, a in arrays.items() if name not in self.counts}
        plane = complex_names(self.system)
        kinds = {eq.name: complex if eq.name in plane else float for eq in self.system if eq.place is None}
        nudges = {name: np.zeros(shapes[name], kind) for name, kind in kinds.items()}
        with double_precision():
            return self._played(sample if self.open else 0, counts, smooth, nudges, doubles(seeds))

    def _run(self, sample: int, counts: Arrays, smooth: Arrays, nudges: Arrays, seeds: Arrays) -> tuple[Arrays, Arrays]:
        def outputs(inputs: Arrays, nudges: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
            values = all_values(jnp, self.system, {**counts, **inputs}, sample, nudges)
            return {name: values[name] for name in self.system.outputs}, values

        _, pull, values = jax.vjp(outputs, smooth, nudges, has_aux=True)
        by_input, by_nudge = pull(dict(seeds))
        return values, {**by_input, **by_nudge}
