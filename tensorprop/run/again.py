"""Value and gradients where it is said what is kept of the way there: ``save="p"``.

In: the forward equations, the rules, and the tensors to keep. Out: a program of two parts. The first works out the
value and what is kept; the second has these, the inputs, and the rules, and makes again what else they need. Between
the two the compiler may carry nothing else over. Which equations each part holds is decided in `calculus.ways`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tensorprop.calculus.ways import Back, stored
from tensorprop.core.equation import System
from tensorprop.run.extents import extents
from tensorprop.run.lower import lower
from tensorprop.run.precision import Precision
from tensorprop.run.values import Operations

__all__ = ["TwoParts"]

Arrays = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]


class TwoParts:
    """The two Systems, and the tensors that go from the one to the other."""

    def __init__(
        self,
        forward: System,
        rules: System,
        error: str,
        wrt: tuple[str, ...],
        aux: tuple[str, ...],
        save: frozenset[str],
    ) -> None:
        self.task = Back(forward.only([error]), rules, save).of(wrt)
        made = [n for n in self.task.saved if forward.defines(n)]
        self.names = tuple(dict.fromkeys((error, *aux, *made)))
        self.there = forward.only(self.names)

    @property
    def saved(self) -> tuple[str, ...]:
        """What the way back is given: tensors that were made, and inputs."""
        return self.task.saved

    @property
    def again(self) -> tuple[str, ...]:
        """What is made a second time."""
        read = frozenset(self.task.loops)  # of these what was kept is read, and only their starts are made
        return tuple(dict.fromkeys(eq.name for eq in self.task.system if eq.name in self.there and eq.name not in read))

    def run(
        self, arrays: Arrays, names: Iterable[str], shapes: Shapes, ops: Operations, precision: Precision | None
    ) -> tuple[Any, ...]:
        """The arrays of these names, of those of the inputs, and of the shapes of all tensors."""
        from tensorprop.run.jax import apart

        def worked(s: System, given: Arrays, wanted: tuple[str, ...]) -> dict[str, Any]:
            sizes = extents(s, {n: shapes[n.removeprefix(stored(""))] for n in s.inputs})
            return lower(s, given, wanted, ops, sizes, precision)

        found = {**arrays, **worked(self.there, arrays, self.names)}
        kept = apart({n: found[n] for n in dict.fromkeys((*self.task.saved, *self.task.system.inputs)) if n in found})
        kept = {**kept, **{stored(n): kept[n] for n in self.task.loops}}
        found |= worked(self.task.system, kept, self.task.results)
        return tuple(found[n] for n in names)
