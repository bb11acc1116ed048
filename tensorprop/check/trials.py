"""One draw of arrays: what a function gave for them, what it should have given, and how near that must be.

In: equations, shapes, a seed, a dtype. Out: the truth in float64, the numbers of the function and of its VJP, and the
rounding that each entry may have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tensorprop.calculus.page import seed_of
from tensorprop.check.calling import Function, outputs_of
from tensorprop.check.numbers.draw import KINDS, arrays, letter_sizes, shapes, sizes_told
from tensorprop.check.numbers.jax_oracle import Oracle
from tensorprop.check.numbers.jax_values import double_precision
from tensorprop.check.numbers.naive_systems import weigh
from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Index, Reduce, Sum
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, is_adjoint
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import NotFinite, TensorpropError, UnknownName, UsageError
from tensorprop.layers.layer import Layer
from tensorprop.run import compile as compiled
from tensorprop.run import extents
from tensorprop.trace.probe import Probe, eps

__all__ = ["Arrays", "Spec", "Trial", "largest", "shapes_tried", "where_tried"]

Arrays = Mapping[str, np.ndarray]
GRID = 5_000_000  # entries up to which an equation is evaluated naively
LARGEST = 100_000_000  # entries of an array that is drawn


def _sizes(x: Any) -> dict[str, int]:
    if not isinstance(x, Mapping):
        raise UsageError(f"sizes are those of letters, not {x!r:.40}", fix='write sizes={"b": 1000, "i": 64}')
    found = cast("Mapping[Any, Any]", x)
    for letter, n in found.items():
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise UsageError(f"{n!r:.40} is no size of {letter}", fix="a size is a whole number from 1")
    return {letter: int(n) for letter, n in found.items()}


# --------------------------------------------------------------------------- arrays, and what should come out
def shapes_tried(s: System, sizes: Mapping[str, int] | None) -> list[dict[str, tuple[int, ...]]]:
    """The shapes of all inputs that are tried."""
    if sizes is None:
        return [shapes(s), shapes(s, True), shapes(s, False, 7)]
    sizes = _sizes(sizes)
    ranges = infer(s)
    told: dict[object, str] = {}
    letters: set[str] = set()
    for eq in s:
        for t in (eq.target, *tensors_of(eq.value)):
            for k, place in enumerate(t.subscripts):
                if isinstance(place, Index):
                    letters.add(place.name)
                    if place.name in sizes:
                        first = told.setdefault(ranges.find(t.name, k), place.name)
                        if sizes[first] != sizes[place.name]:
                            raise UsageError(
                                f"{first} = {sizes[first]} and {place.name} = {sizes[place.name]}, "
                                "but they run over one range",
                                known=f"axis {k + 1} of {t.name} has both letters",
                                fix=f"leave {place.name} out of sizes",
                            )
    for letter in sizes:
        if letter not in letters:
            raise UnknownName(f"no index {letter} in the equations", known=f"indices: {', '.join(sorted(letters))}")

    def size(name: str, k: int, usual: int) -> int:
        letter = told.get(ranges.find(name, k))
        return usual if letter is None else sizes[letter]

    found = {n: tuple(size(n, k, d) for k, d in enumerate(shape)) for n, shape in shapes(s).items()}
    made = extents(s, found).shapes
    large = max((*found, *made), key=lambda n: math.prod({**found, **made}[n]))
    if math.prod({**found, **made}[large]) > LARGEST:
        raise UsageError(
            f"{large} would have {math.prod({**found, **made}[large]):,} entries", fix=f"choose at most {LARGEST:,}"
        )
    return [found]


class Spec:
    """The values of the outputs and the adjoints of all inputs, in float64, as the equations say."""

    def __init__(self, s: System) -> None:
        self.s = s
        self.labels = whole_numbers(s)
        self.smooth = [k for k, n in enumerate(s.inputs) if n not in self.labels]
        self.oracle = Oracle(s, self.labels)
        self._lowered: Function | None = None

    def __call__(self, given: Arrays, seeds: Arrays) -> dict[str, np.ndarray]:
        if not self.large(given):
            values, adjoints = self.oracle(given, seeds, self.shapes(given))
            return {**values, **{adjoint_name(n): a for n, a in adjoints.items()}}
        s, f = self.s, self._lowered or compiled(self.s)
        self._lowered = f
        arrays = [given[n] for n in s.inputs]
        probe = Probe(lambda *some: outputs_of(f(**dict(zip(s.inputs, some, strict=True))), s), arrays, "float64")
        grads = probe.pull(self.smooth, [seeds[n] for n in s.outputs])
        found = dict(zip(s.outputs, probe.values, strict=True))
        return found | {adjoint_name(s.inputs[k]): g for k, g in zip(self.smooth, grads, strict=True)}

    def shapes(self, given: Arrays) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor."""
        return extents(self.s, {n: a.shape for n, a in given.items()}).shapes

    def large(self, given: Arrays) -> bool:
        """Whether an equation has too many entries over all its letters to be evaluated naively."""
        known = self.shapes(given)
        return max(math.prod(letter_sizes([eq], known).values()) for eq in self.s) > GRID


class Trial:
    """One draw of arrays: what a function gave for them, what it should have given, and how near that must be."""

    def __init__(
        self,
        spec: Spec,
        layer: Layer,
        shape: Mapping[str, tuple[int, ...]],
        seed: int,
        dtype: np.dtype[Any],
        first: int,
    ) -> None:
        self.spec, self.s, self.seed, self.dtype = spec, spec.s, seed, dtype
        self.got: dict[str, np.ndarray] = {}
        self.tolerance: dict[str, np.ndarray] = {}
        self.refused = self.unpulled = ""
        self.gives = dtype  # the narrowest dtype of its outputs
        with double_precision(), np.errstate(all="ignore"):
            for kind in KINDS[first:]:
                drawn = arrays(self.s, shape, seed, kind, layer.page.given)
                self.given = {n: a if n in spec.labels else self._held(a) for n, a in drawn.items()}
                draw = np.random.default_rng([seed, 99])
                ends = spec.shapes(self.given)
                self.seeds = {n: self._held(self._end(draw, ends[n], first)) for n in self.s.outputs}
                self.truth = spec(self.given, self.seeds)
                if all(np.isfinite(a).all() for a in self.truth.values()):
                    return
        raise NotFinite("the values are not finite for any numbers that were tried")

    @staticmethod
    def _end(draw: np.random.Generator, shape: tuple[int, ...], first: int) -> np.ndarray:
        return draw.uniform(0.5, 1.5, shape) if first else draw.normal(size=shape) + 0.1

    def _held(self, a: np.ndarray) -> np.ndarray:
        """Numbers that the dtype holds, in float64."""
        return np.asarray(a).astype(self.dtype).astype(np.float64)

    @property
    def letters(self) -> dict[str, int]:
        """The sizes of the letters in the equations."""
        return sizes_told(self.s, {n: a.shape for n, a in self.given.items()})

    def run(self, fn: Callable[..., tuple[Any, ...]], names: tuple[str, ...], rules: Sequence[Equation]) -> None:
        """Call the function and its VJP; what JAX or the function says against it is kept in words."""
        s = self.s
        with double_precision(), np.errstate(all="ignore"):
            try:
                whole = self.spec.labels
                probe = Probe(fn, [a.astype(np.int32) if n in whole else a for n, a in self.given.items()], self.dtype)
            except UsageError:
                raise
            except Exception as error:  # whatever somebody's function raises
                self.refused = _brief(error)
                return
            self.got |= dict(zip(s.outputs, probe.values, strict=True))
            self.gives = max([self.dtype, *probe.dtypes], key=eps)
            self._weigh([*s, *rules], eps(self.gives))
            if not names or any(self.got[n].shape != self.truth[n].shape for n in s.outputs):
                return
            try:
                pulled = probe.pull([s.inputs.index(n) for n in names], [self.seeds[n] for n in s.outputs])
            except Exception as error:
                self.unpulled = _brief(error)
                return
            self.got |= {adjoint_name(n): g for n, g in zip(names, pulled, strict=True)}

    def _weigh(self, equations: Sequence[Equation], unit: float) -> None:
        """How far rounding may move each entry: by that of its terms, also of those of what it is made from."""
        whole, known = system(equations), self.spec.shapes(self.given)
        scales = {} if self.spec.large(self.given) else self._scales(whole, known)
        for name in self.truth:
            if name in whole:
                most = max(_terms(eq, known) for eq in whole.only([name]))
                size = np.maximum(scales.get(name, 0.0), largest(self.truth[name]))
                self.tolerance[name] = (16 + 4 * math.sqrt(most)) * unit * size

    def _scales(self, whole: System, known: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        """For each tensor the root of the sum of the squares of its terms, at least, through all equations."""
        seed = seed_of(self.s)
        ends = float(self.seeds[self.s.outputs[0]]) if seed is not None else 1.0
        truth = {n: a / ends if is_adjoint(n) else a for n, a in {**self.given, **self.truth}.items()}
        scales: dict[str, np.ndarray] = {n: np.abs(a) for n, a in truth.items()}
        for eq in whole.ordered:
            if eq.name not in truth:  # an adjoint that is zero, or of what has none
                continue
            try:
                scale = weigh(eq, truth, self.seed, scales).scale
            except TensorpropError:
                continue
            scales[eq.name] = np.maximum(scales[eq.name], scale / math.sqrt(_terms(eq, known)))  # Σ|t| ≤ √(K Σt²)
        return {n: a * abs(ends) if is_adjoint(n) else a for n, a in scales.items()}

    def near(self, name: str, expected: np.ndarray) -> bool:
        """Whether what the function gave is this, rounding apart."""
        got = self.got[name]
        if got.shape != expected.shape or not np.isfinite(got).all():
            return False
        large = max(1.0, largest(expected) / (largest(self.truth[name]) or 1.0))
        slack = np.maximum(self.tolerance[name], float(self.tolerance[name].max(initial=0.0)) / 8) * large
        return bool((np.abs(got - expected) <= slack).all())

    def wrong(self, name: str) -> np.ndarray:
        """The entries that are off by more than rounding, in reading order."""
        return np.argwhere(~(np.abs(self.got[name] - self.truth[name]) <= self.tolerance[name]))


def _terms(eq: Equation, known: Mapping[str, tuple[int, ...]]) -> int:
    """How many terms an entry is added up from."""
    sizes = letter_sizes([eq], known)
    inner = {i for e in postorder(eq.value) if isinstance(e, (Sum, Reduce)) for i in e.indices}
    return max(1, math.prod(sizes.get(i, 1) for i in inner.difference(eq.letters)))


def largest(a: np.ndarray) -> float:
    return float(np.abs(a).max(initial=0.0))


def _brief(error: Exception) -> str:
    """The first paragraph of what an exception says."""
    said = error.problem if isinstance(error, TensorpropError) else str(error).strip().split("\n\n")[0]
    return f"{type(error).__name__}: {' '.join(said.split())[:300]}"


def where_tried(t: Trial) -> str:
    sizes = ", ".join(f"{i} = {n}" for i, n in t.letters.items())
    return f" for {sizes}" if sizes else ""
