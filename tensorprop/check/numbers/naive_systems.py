"""Systems evaluated naively, block after block, loops one entry of time after the other; an equation of one, weighed.

In: Systems and arrays of NumPy or JAX. Out: the values of all tensors; of one equation also Σ|terms|.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tensorprop.check.numbers.jax_values import double_precision
from tensorprop.check.numbers.naive import Arrays, Naive, Weighed, doubles, right_side
from tensorprop.core.build import number, substitute
from tensorprop.core.equation import Equation, Loop, System
from tensorprop.core.expr import Index, Tensor
from tensorprop.core.names import NOBODY
from tensorprop.core.plane import complex_names
from tensorprop.run.extents import extents

__all__ = ["all_values", "standing", "weigh"]


def all_values(xp: Any, system: System, given: Arrays, sample: int, nudges: Arrays | None = None) -> dict[str, Any]:
    values = dict(given)
    begins: dict[str, tuple[int, int, int]] = {}
    for block in system.blocks:
        if isinstance(block, Loop):
            begins.update(_loop(xp, system, block, values, sample, begins, nudges))
            continue
        found = right_side(xp, block, values, sample, weighing=False, under=system, begins=begins).value
        values[block.name] = found if nudges is None else found + nudges[block.name]
    for name, (axis, first, size) in begins.items():
        values[name] = xp.take(values[name], xp.arange(size) - first, axis)
    return values


def _loop(
    xp: Any,
    system: System,
    loop: Loop,
    values: dict[str, Any],
    sample: int,
    before: Mapping[str, tuple[int, int, int]],
    nudges: Arrays | None,
) -> dict[str, tuple[int, int, int]]:
    """The tensors of a loop, one entry of time after the other; their arrays hold the starts too."""
    sizes = extents(system, {n: tuple(values[n].shape) for n in system.inputs})
    steps = sizes.steps[loop.body[0].name]
    plane = complex_names(system)
    begins = {
        name: (loop.axes[name], first, sizes.shapes[name][loop.axes[name]]) for name, (first, _) in steps.spans.items()
    }
    for name, (first, end) in steps.spans.items():
        shape = list(sizes.shapes[name])
        shape[loop.axes[name]] = end - first
        values[name] = xp.zeros(tuple(shape), complex if name in plane else float)

    def put(eq: Equation, place: int, t: int | None) -> None:
        axis, first, size = begins[eq.name]
        letter = loop.time(eq)[0] if t is not None else ""
        left = tuple(Index(i) for i in eq.letters if i != letter)
        here = substitute(eq.value, {letter: number(t)}) if t is not None else eq.value
        known = {i: n for i, n in sizes.letters(eq).items() if i != letter}
        slice_ = Equation(Tensor(NOBODY, left), here)
        entry = right_side(xp, slice_, values, sample, False, None, system, {**before, **begins}, known).value
        if nudges is not None and 0 <= place < size:
            entry = entry + xp.take(nudges[eq.name], place, axis)
        at = np.arange(values[eq.name].shape[axis]).reshape([-1 if k == axis else 1 for k in range(len(left) + 1)])
        values[eq.name] = xp.where(at == place - first, xp.expand_dims(entry, axis), values[eq.name])

    for places in steps.places.values():
        for place, eq in places.items():
            put(eq, place, None)
    for place, here in steps.schedule():
        for eq, t in here:
            put(eq, place, t)
    return begins


class _LoopRun(NamedTuple):
    """A loop that was run: of which System, on which arrays (these very objects), and what it gave."""

    under: System
    sample: int
    given: tuple[Any, ...]
    loop: Loop
    begins: dict[str, tuple[int, int, int]]
    values: dict[str, Any]


_LAST: deque[_LoopRun] = deque(maxlen=64)
SMALL = 1_000_000  # entries of what is kept of one


def _started(under: System, arrays: dict[str, Any], sample: int) -> dict[str, tuple[int, int, int]]:
    """Put the starts of loops into the arrays of their tensors, which lack those that lie outside."""
    begins: dict[str, tuple[int, int, int]] = {}
    for loop in [b for b in under.blocks if isinstance(b, Loop) and all(eq.name in arrays for eq in b.body)]:
        needs = {n for eq in under for n in eq.inputs if not under.defines(n)}
        if not needs <= arrays.keys():
            continue
        found, values = _once(under, loop, arrays, sample, begins)
        for name, place in found.items():
            if values[name].shape != arrays[name].shape:
                arrays[name], begins[name] = values[name], place
    return begins


def _once(
    under: System, loop: Loop, arrays: dict[str, Any], sample: int, begins: dict[str, tuple[int, int, int]]
) -> tuple[dict[str, tuple[int, int, int]], dict[str, Any]]:
    """A loop run on arrays; what was run on the same ones a moment ago is not run again."""
    reads = dict.fromkeys([*under.inputs, *(n for eq in loop.equations for n in eq.inputs)])
    given = tuple(arrays.get(n) for n in reads)
    for system, before, same, ran, begun, kept in _LAST:
        if system is under and before == sample and ran == loop and all(map(operator.is_, same, given)):
            return begun, kept
    found = _loop(np, under, loop, values := dict(arrays), sample, begins, None)
    if sum(np.size(a) for a in values.values()) < SMALL:
        _LAST.append(_LoopRun(under, sample, given, loop, found, values))
    return found, values


def standing(given: Arrays, sample: int = 0, under: System | None = None) -> Naive:
    """An evaluation of NumPy arrays; those of the recurrences of ``under`` get their starts put in front."""
    arrays = dict(given)
    with double_precision(), np.errstate(all="ignore"):
        begins = _started(under, arrays, sample) if under is not None and under.recurrent else None
    return Naive(np, arrays, sample, weighing=False, under=under, begins=begins)


def weigh(
    eq: Equation,
    given: Mapping[str, np.ndarray],
    sample: int = 0,
    scales: Mapping[str, np.ndarray] | None = None,
    under: System | None = None,
) -> Weighed:
    """One equation's value in float64, with the Σ|terms| of every entry and the number of terms at most.

    Σ|terms| is the same right side with absolute values throughout; behind a function the argument's share counts
    with the function's slope there. It bounds from above what reordering the additions may change, per unit of eps.
    ``scales`` are those of tensors that were added up themselves, ``under`` is a System whose lines and loops hold.

    Errors: SizeMismatch, OutOfRange, UnknownRange, OpenFunction.
    """
    with double_precision(), np.errstate(all="ignore"):
        arrays = doubles(given)
        begins = _started(under, arrays, sample) if under is not None and under.recurrent else None
        weights = None if scales is None else doubles(scales)
        for name, (axis, first, size) in (begins or {}).items():
            if weights is not None and name in weights:
                whole = abs(arrays[name])
                own = tuple(slice(-first, size - first) if k == axis else slice(None) for k in range(whole.ndim))
                whole[own] = weights[name]
                weights[name] = whole
        return right_side(np, eq, arrays, sample, True, weights, under, begins)
