"""A Python function held against equations: every entry of its values and of its VJP.

In: a function of arrays, such as a kernel with a ``jax.custom_vjp``, and the equations that say what it computes.
Out: a `Report`. How the function works is not known here: it is called, differentiated with ``jax.vjp``, and its
numbers are compared with those of the equations; numbers prove nothing, so nothing is called proved.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import permutations, product
from typing import Any, cast

import numpy as np

from tensorprop.calculus import adjoint
from tensorprop.calculus.page import seed_of
from tensorprop.calculus.source import Source, names_in
from tensorprop.check.numbers.draw import KINDS, arrays, letter_sizes, shapes
from tensorprop.check.numbers.naive import Oracle, double_precision, weigh
from tensorprop.check.report import Diagnosis, Finding, Report, Verdict, apart
from tensorprop.check.slips.search import diagnose_values
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Call, Index, Reduce, Sum
from tensorprop.core.functions import is_known
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.ranges import infer
from tensorprop.core.walk import inline, postorder, tensors_of
from tensorprop.errors import TensorpropError, UnknownName, Unsupported, UsageError, among
from tensorprop.layers.layer import Layer, as_layer
from tensorprop.run import compile as compiled
from tensorprop.run import extents
from tensorprop.text import locate
from tensorprop.trace.probe import Probe, dtype_of, eps, is_real

__all__ = ["FunctionReport", "check_function"]

Arrays = Mapping[str, np.ndarray]
Function = Callable[..., Any]

SEEDS = (0, 1, 2)
GRID = 5_000_000  # entries up to which an equation is evaluated naively
LARGEST = 100_000_000  # entries of an array that is drawn
DIAGNOSED = 2  # wrong gradients for which a slip is looked for


def check_function(
    fn: Function,
    against: Source,
    *,
    args: str | Iterable[str] | None = None,
    wrt: str | Iterable[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    dtype: Any = "float64",
    seeds: Sequence[int] = SEEDS,
) -> FunctionReport:
    """Hold the values of a function, and every entry of its VJP, against what equations say.

    The function takes the inputs of the equations, by name where its parameters are called so, else by place, and gives
    an array, or a tuple in the order of the outputs, or a dict of them. It is called and differentiated by ``jax.vjp``
    on sizes that are all different, on equal ones, and on larger ones; on normally distributed numbers, and on positive
    ones, whose sums do not cancel; with random cotangents, also where the output is one number, so that a rule which
    ignores its cotangent is found. An entry is wrong if it is off by more than (16 + 4√K) eps s, where at most K terms
    are added up, and s is the root of the sum of its terms' squares, or the largest entry of its tensor.

    args:   the inputs in the order of the parameters, where names and places do not tell: ``"W x"``.
    wrt:    the inputs whose gradients are compared; by default all that the equations are smooth in.
    sizes:  of letters, ``{"b": 1000}``; then these sizes are tried, and no others.
    dtype:  of the arrays with which the function is called. What it should give is worked out in float64.

    Errors: UsageError where parameters or results do not fit, or the function cannot be called; UnknownName.

    >>> import jax.numpy as jnp
    >>> check_function(lambda a, W: jnp.tanh(a @ W), "h_bj = tanh(a_bi W_ij)").ok
    True
    """
    layer = as_layer(against)
    s = layer.system
    _closed(s)
    dtype, seeds = _dtype(dtype), _seeds(seeds)
    names = _variables(s, _names("wrt", wrt))
    rules = {eq.name: eq for eq in adjoint(s, wrt=names)} if names else {}
    bound = _bound(fn, s, _names("args", args))
    spec = _Spec(s)
    trials = [
        _Trial(spec, layer, shape, seed, dtype, first)
        for shape in _shapes(s, sizes)
        for seed, first in (*((seed, 0) for seed in seeds), (seeds[0], 1))
    ]
    for trial in trials:
        trial.run(bound, names, list(rules.values()))
    if all(t.refused for t in trials):
        raise UsageError(
            f"the function cannot be called: {trials[0].refused}",
            known=f"it was given {', '.join(f'{n} {a.shape}' for n, a in trials[0].given.items())}",
            fix="say with args which input each parameter is, or with sizes which sizes the function takes",
        )
    rows = [s[name] for name in s.outputs] + [rules[adjoint_name(name)] for name in names]
    blamed = _blamed(trials, [adjoint_name(name) for name in names])
    verdicts = [Compared(eq, eq, False, False, *_judged(eq.name, trials, blamed)) for eq in rows]
    left = DIAGNOSED
    for n, v in enumerate(verdicts):
        if v.finding is not None and v.finding.kind != "size":
            slip = _slip(v.rule, trials, s, rules, search=left > 0)
            left -= v.finding.kind == "value"
            verdicts[n] = replace(v, finding=replace(v.finding, diagnosis=slip))
    given = [f"{one} = {other}" for one, other in layer.page.given]
    called = getattr(fn, "__name__", type(fn).__name__)
    return FunctionReport(called, s, tuple(verdicts), tuple(given), _how(trials, seeds))


# --------------------------------------------------------------------------- what is reported
class Difference(Finding):
    """A wrong entry of what a function gave: of a value, or of the gradient by a tensor."""

    def lines(self) -> list[str]:
        """The finding in words, a line each."""
        out: list[str] = []
        if self.entry is not None:
            name = self.tensor if self.kind == "output" else adjoint_name(self.tensor)
            where = name + (f"[{', '.join(map(str, self.entry))}]" if self.entry else "")
            expected, got = apart(self.expected or 0.0, self.got or 0.0)
            sizes = ", ".join(f"{i} = {n}" for i, n in self.sizes.items())
            places = "; ".join(part for part in (sizes, f"seed {self.seed}") if part)
            out.append(f"first wrong entry: {where} should be {expected}, the function gives {got}  ({places})")
        return [*out, *([self.note] if self.note else [])]


class Compared(Verdict):
    """What is known of one output, or of the gradient by one input."""

    @property
    def words(self) -> str:
        """The verdict in a word or two."""
        if self.finding is not None:
            return "WRONG"
        return f"agrees on {self.samples} samples" if self.samples else "not compared"


class FunctionReport(Report):
    """The verdicts on a function's outputs, and on its gradient by every input."""

    @property
    def proved(self) -> bool:
        """Numbers prove nothing."""
        return False

    def _total(self) -> str:
        wrong = len(self.findings)
        if wrong:
            return f"{wrong} of {len(self.verdicts)} {'is' if wrong == 1 else 'are'} not right."
        return "Values and gradients agree in every entry; that is no proof."


def _how(trials: Sequence[_Trial], seeds: Sequence[int]) -> str:
    told = dict.fromkeys(", ".join(f"{i} = {n}" for i, n in t.letters.items()) for t in trials)
    where = "; ".join(t for t in told if t)
    gives = max((t.gives for t in trials), key=eps)
    return (
        f"Every entry of values and VJP was compared, the function called in {trials[0].dtype}, "
        "the equations in float64, "
        + (f"for sizes {where}, " if where else "")
        + f"normally distributed numbers (seeds {', '.join(map(str, seeds))}) and positive ones."
        + (f" It gives {gives}, and was held to the rounding of that." if gives != trials[0].dtype else "")
    )


# --------------------------------------------------------------------------- options
def _closed(s: System) -> None:
    """Every function is known: one that is left open is whatever it is called with, and nothing can be compared."""
    for n, eq in enumerate(s.equations):
        for e in postorder(eq.value):
            if isinstance(e, Call) and not is_known(e.function):
                problem = f"{e.function} is open: nothing says which function it is"
                raise locate(Unsupported(problem, fix="write a known one in its place, such as tanh", about=(n, e)), s)


def _dtype(x: Any) -> np.dtype[Any]:
    try:
        found = dtype_of(x)
    except TypeError:
        found = None
    if found is None or not is_real(found):
        raise UsageError(
            f"dtype is one of real numbers, not {x!r:.40}", fix='write dtype="float64", "float32" or "bfloat16"'
        )
    return found


def _seeds(x: Any) -> tuple[int, ...]:
    found = tuple(cast("Iterable[Any]", x)) if isinstance(x, Iterable) else (x,)
    if not found or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in found):
        raise UsageError(f"seeds are whole numbers from 0, not {x!r:.40}", fix="write seeds=(0, 1, 2)")
    return tuple(map(int, found))


def _names(option: str, x: Any) -> tuple[str, ...] | None:
    if x is None or isinstance(x, str):
        return None if x is None else names_in(x)
    found = tuple(cast("Iterable[Any]", x)) if isinstance(x, Iterable) else (x,)
    for name in found:
        if not isinstance(name, str):
            raise UsageError(
                f"{option} names inputs; {name!r:.40} is no name", fix=f'write {option}="a b" or {option}=("a", "b")'
            )
    return found


def _sizes(x: Any) -> dict[str, int]:
    if not isinstance(x, Mapping):
        raise UsageError(f"sizes are those of letters, not {x!r:.40}", fix='write sizes={"b": 1000, "i": 64}')
    found = cast("Mapping[Any, Any]", x)
    for letter, n in found.items():
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise UsageError(f"{n!r:.40} is no size of {letter}", fix="a size is a whole number from 1")
    return {letter: int(n) for letter, n in found.items()}


# --------------------------------------------------------------------------- how the function is called
def _variables(s: System, wrt: tuple[str, ...] | None) -> tuple[str, ...]:
    smooth = [primal(eq.name) for eq in adjoint(s)]
    labels = whole_numbers(s)
    known = tuple(n for n in s.inputs if n in smooth and n not in labels)
    for name in wrt or ():
        if name not in known:
            raise UnknownName(
                f"no input {name} that the equations are smooth in",
                **among(name, known, "smooth inputs"),
            )
    return known if wrt is None else wrt


def _bound(fn: Function, s: System, args: tuple[str, ...] | None) -> Callable[..., tuple[Any, ...]]:
    """The function of arrays in the order of ``s.inputs``, giving a tuple in the order of ``s.outputs``."""
    if not callable(fn):
        raise UsageError(f"a {type(fn).__name__} cannot be called", fix="pass a function of arrays")
    names = s.inputs
    if args is not None:
        if sorted(args) != sorted(names):
            raise UsageError(
                f"args names {' '.join(args)}, but the inputs are {' '.join(names)}",
                fix="name each input once, in order",
            )
        order = [names.index(n) for n in args]
        return lambda *arrays: _outputs(fn(*(arrays[k] for k in order)), s)
    if _by_name(fn, names):
        return lambda *arrays: _outputs(fn(**dict(zip(names, arrays, strict=True))), s)
    return lambda *arrays: _outputs(fn(*arrays), s)


def _by_name(fn: Function, names: tuple[str, ...]) -> bool:
    """Whether the inputs are passed by name; by place otherwise, if that leaves no doubt."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return False
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    called = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if (anything or called.issuperset(names)) and set(needed) <= set(names):
        return True
    many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    enough = sum(p.default is p.empty for p in plain) <= len(names) and (many or len(names) <= len(plain))
    only = any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters)
    crossed = [p.name for k, p in enumerate(plain) if p.name in names and names.index(p.name) != k]
    if enough and not only and not crossed:
        return False
    told = ", ".join(p.name for p in parameters)
    raise UsageError(
        f"{' and '.join(crossed)} would be taken for another input"
        if crossed
        else "the parameters do not fit the inputs",
        known=f"parameters: {told or 'none'}\ninputs: {', '.join(names)}",
        fix=f'name the inputs in the order of the parameters: args="{" ".join(names)}"; '
        f"or pass lambda {', '.join(names)}: …",
    )


def _outputs(out: Any, s: System) -> tuple[Any, ...]:
    """What the function gave, as a tuple in the order of the outputs."""
    names = s.outputs
    fields = getattr(out, "_fields", ())  # of a named tuple
    if isinstance(out, Mapping) or (fields and set(names) <= set(fields)):
        by_name = cast("Mapping[str, Any]", out if isinstance(out, Mapping) else out._asdict())
        missing = [n for n in names if n not in by_name]
        if missing:
            raise UsageError(
                f"the function gives no {', '.join(missing)}",
                known=f"it gives {', '.join(map(str, by_name)) or 'nothing'}",
            )
        given = tuple(by_name[n] for n in names)
    else:
        given = tuple(cast("Iterable[Any]", out)) if isinstance(out, (tuple, list)) else (out,)
    if len(given) != len(names):
        raise UsageError(
            f"the function gives {len(given)} {'array' if len(given) == 1 else 'arrays'}, "
            f"the equations have {len(names)} {'output' if len(names) == 1 else 'outputs'}: {', '.join(names)}",
            fix="return a tuple in this order, or a dict by name",
        )
    for name, y in zip(names, given, strict=True):
        dtype = getattr(y, "dtype", None)
        if y is None or isinstance(y, (str, bytes, complex, Mapping)) or (dtype is not None and dtype.kind in "cOUSMm"):
            raise UsageError(
                f"what the function gives for {name} is "
                + (f"of dtype {dtype}" if dtype is not None else f"a {type(y).__name__}")
                + ", not an array of real numbers",
                fix="return arrays, and nothing besides: wrap the function in a lambda that picks them",
            )
    return given


# --------------------------------------------------------------------------- arrays, and what should come out
def _shapes(s: System, sizes: Mapping[str, int] | None) -> list[dict[str, tuple[int, ...]]]:
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


class _Spec:
    """The values of the outputs and the adjoints of all inputs, in float64, as the equations say."""

    def __init__(self, s: System) -> None:
        self.s = s
        self.labels = whole_numbers(s)
        self.smooth = [k for k, n in enumerate(s.inputs) if n not in self.labels]
        self.oracle = Oracle(s, self.labels)
        self._lowered: Function | None = None

    def __call__(self, given: Arrays, seeds: Arrays) -> dict[str, np.ndarray]:
        if not self.large(given):
            values, adjoints = self.oracle(given, seeds)
            return {**values, **{adjoint_name(n): a for n, a in adjoints.items()}}
        s, f = self.s, self._lowered or compiled(self.s)
        self._lowered = f
        arrays = [given[n] for n in s.inputs]
        probe = Probe(lambda *some: _outputs(f(**dict(zip(s.inputs, some, strict=True))), s), arrays, "float64")
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


class _Trial:
    """One draw of arrays: what a function gave for them, what it should have given, and how near that must be."""

    def __init__(
        self,
        spec: _Spec,
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
        raise Unsupported("the values are not finite for any numbers that were tried")

    @staticmethod
    def _end(draw: np.random.Generator, shape: tuple[int, ...], first: int) -> np.ndarray:
        return draw.uniform(0.5, 1.5, shape) if first else draw.normal(size=shape) + 0.1

    def _held(self, a: np.ndarray) -> np.ndarray:
        """Numbers that the dtype holds, in float64."""
        return np.asarray(a).astype(self.dtype).astype(np.float64)

    @property
    def letters(self) -> dict[str, int]:
        """The sizes of the letters in the equations."""
        return letter_sizes(self.s, {n: a.shape for n, a in self.given.items()})

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
                size = np.maximum(scales.get(name, 0.0), _largest(self.truth[name]))
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
        large = max(1.0, _largest(expected) / (_largest(self.truth[name]) or 1.0))
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


def _largest(a: np.ndarray) -> float:
    return float(np.abs(a).max(initial=0.0))


def _brief(error: Exception) -> str:
    """The first paragraph of what an exception says."""
    said = error.problem if isinstance(error, TensorpropError) else str(error).strip().split("\n\n")[0]
    return f"{type(error).__name__}: {' '.join(said.split())[:300]}"


# --------------------------------------------------------------------------- judging
def _judged(name: str, trials: Sequence[_Trial], blamed: frozenset[str]) -> tuple[int, Finding | None]:
    """On how many trials a tensor agreed, and the first thing that is wrong with it."""
    kind, tensor = ("value", primal(name)) if is_adjoint(name) else ("output", name)
    agreed, misfit = 0, ""
    for t in trials:
        got = t.got.get(name)
        if got is None:
            if kind == "output":
                misfit = misfit or f"the function fails{_where(t)}: {t.refused}"
            elif t.unpulled and name in blamed:
                misfit = misfit or f"the VJP fails{_where(t)}: {t.unpulled}"
        elif got.shape != t.truth[name].shape:
            misfit = misfit or f"its shape is {got.shape}, and should be {t.truth[name].shape}{_where(t)}"
        elif len(wrong := t.wrong(name)):
            entry = tuple(int(k) for k in wrong[0])
            expected, found = float(t.truth[name][entry]), float(got[entry])
            return agreed, Difference(kind, tensor, entry, expected, found, t.letters, t.seed, misfit)
        else:
            agreed += 1
    return agreed, Difference("size", tensor, note=misfit) if misfit else None


def _blamed(trials: Sequence[_Trial], names: Sequence[str]) -> frozenset[str]:
    """The gradients for whose sake a VJP fails: wrong where it does not, or of the shape that JAX names, or all."""
    failed = [t for t in trials if t.unpulled]
    if not failed:
        return frozenset()
    wrong = {n for n in names for t in trials if n in t.got and len(t.wrong(n))}
    if wrong:
        return frozenset(wrong)
    told = re.search(r"an input of type \w+\[([\d,]*)\]", failed[0].unpulled)
    if told is not None:
        shape = tuple(int(k) for k in told[1].split(",") if k)
        found = [n for n in names if failed[0].truth[n].shape == shape]
        if len(found) == 1:
            return frozenset(found)
    return frozenset(names)


def _where(t: _Trial) -> str:
    sizes = ", ".join(f"{i} = {n}" for i, n in t.letters.items())
    return f" for {sizes}" if sizes else ""


def _by_rounding(name: str, fit: Sequence[_Trial]) -> Diagnosis | None:
    """A narrower dtype inside the function, where its rounding would explain the differences."""
    if 2 * sum(len(t.wrong(name)) for t in fit) < sum(np.count_nonzero(t.truth[name]) for t in fit):
        return None  # it would touch most entries
    for wide, narrow in (("float64", "float32"), ("float32", "bfloat16")):
        wider = eps(narrow) / eps(wide)
        if all(
            t.dtype == wide and (np.abs(t.got[name] - t.truth[name]) <= wider * t.tolerance[name]).all() for t in fit
        ):
            words = f'rounding, if the function computes in {narrow}: then say dtype="{narrow}"'
            return Diagnosis("rounding", words, ("rounding",))
    return None


# --------------------------------------------------------------------------- the likely fault, from numbers
def _slip(
    rule: Equation, trials: Sequence[_Trial], s: System, rules: Mapping[str, Equation], search: bool
) -> Diagnosis | None:
    """What would give these numbers: something about the whole, a few entries, or a slip in the derived rule."""
    name = rule.name
    fit = [t for t in trials if name in t.got and t.got[name].shape == t.truth[name].shape]
    for kind, words in _as_a_whole(name, fit, s, rules):
        return Diagnosis(kind, words, (kind,))
    narrow = _by_rounding(name, fit)
    if narrow is not None:
        return narrow
    some = [t for t in fit if t.dtype == np.float64 and t.truth[name].size <= 1000]
    if search and some and is_adjoint(name):
        apart = [t for t in some if len(set(t.letters.values())) == len(t.letters)]
        found = _searched(rule, (apart or some)[0], s)
        if found is not None:
            return found
    worst = max(fit, key=lambda t: t.truth[name].size * bool(len(t.wrong(name))))
    few, entries = len(worst.wrong(name)), worst.truth[name].size
    if entries >= 4 and all(len(t.wrong(name)) <= max(1, t.truth[name].size // 8) for t in fit):
        words = f"{few} of {entries} entries {'is' if few == 1 else 'are'} wrong, the others agree{_where(worst)}"
        return Diagnosis("entries", words, ("entries",))
    return None


def _as_a_whole(
    name: str, fit: Sequence[_Trial], s: System, rules: Mapping[str, Equation]
) -> Iterator[tuple[str, str]]:
    if all(not t.got[name].any() for t in fit):
        yield "zero", "it is zero everywhere"
        return
    told = _multiple([_ratio(name, t) for t in fit], [t.letters for t in fit])
    if told is not None:
        yield told
    rank = len(fit[0].truth[name].shape)
    turns = [order for order in permutations(range(rank)) if order != tuple(range(rank))] if rank < 5 else []
    for order in turns:
        if all(t.near(name, np.transpose(t.truth[name], order)) for t in fit):
            yield "transposed", f"it is transposed: its axes are those of {name} in the order {order}"
    for other in rules:
        if other == name:
            continue
        same = [t for t in fit if other in t.truth and t.truth[other].shape == t.got[name].shape]
        if same and all(t.near(name, t.truth[other]) for t in same):
            yield "exchanged", f"it is {other}, the gradient by another input"
    if is_adjoint(name):
        ones = {n: np.ones_like(a) for n, a in fit[0].seeds.items()}
        with double_precision(), np.errstate(all="ignore"):
            if fit[0].near(name, fit[0].spec(fit[0].given, ones)[name]):
                ends = " and ".join(adjoint_name(n) for n in s.outputs)
                yield "cotangent", f"the cotangent is ignored: it is the gradient for {ends} = 1"


def _ratio(name: str, t: _Trial) -> float | None:
    """c where what the function gave is c times what it should have."""
    got, truth = t.got[name].ravel(), t.truth[name].ravel()
    square = float(truth @ truth)
    if not square or not np.isfinite(got).all():
        return None
    c = float(got @ truth) / square
    return c if c and t.near(name, c * t.truth[name]) else None


def _multiple(ratios: Sequence[float | None], sizes: Sequence[Mapping[str, int]]) -> tuple[str, str] | None:
    """One number, or one number times a size or its root, for all trials."""
    known = [(r, n) for r, n in zip(ratios, sizes, strict=True) if r is not None]
    if not known or len(known) < len(ratios):
        return None
    c = _constant([r for r, _ in known])
    if c == "-1":
        return "sign", "it is negated"
    if c is not None:
        return "factor", f"it is {c} times what it should be"
    letters = [i for i in dict.fromkeys(i for n in sizes for i in n) if len({n[i] for n in sizes}) > 1]
    for (p, kind), i in product(((1.0, "mean"), (0.5, "factor")), letters):  # one size cannot be told from a number
        size = f"dim({i})" if kind == "mean" else f"sqrt(dim({i}))"
        under, over = (_constant([_rounded(r * n[i] ** q) for r, n in known]) for q in (p, -p))
        if under is not None:
            return kind, f"it is divided by {size}{'' if under == '1' else f', and {under} times as large'}"
        if over is not None:
            return kind, f"it is {size} times {'' if over == '1' else f'{over} times '}what it should be"
    return None


def _rounded(r: float) -> float:
    """A ratio to as many digits as rounding leaves it in a narrow dtype."""
    return 1.0 if abs(r - 1) < 1e-3 else r


def _constant(values: Sequence[float]) -> str | None:
    """The one number that these are, as short as it may be written."""
    c = values[0]
    from_one = abs(c - 1) if abs(c - 1) > 1e-9 else 1.0  # 1.000001 is told from 1, what rounding leaves is not
    if any(abs(v - c) > 1e-3 * min(abs(c), from_one) for v in values):
        return None
    q = Fraction(c).limit_denominator(16)
    return str(q) if q and abs(float(q) - c) <= 1e-12 * abs(c) else f"{c:.{6 if abs(c - 1) > 1e-4 else 12}g}"


def _searched(rule: Equation, t: _Trial, s: System) -> Diagnosis | None:
    """The slip in the derived rule that gives these numbers; the seed of a single number is taken out of them."""
    truth, got, seed = {**t.given, **t.truth}, t.got[rule.name], seed_of(s)
    if seed is not None:
        scale = float(t.seeds[s.outputs[0]])
        truth |= {n: a / scale for n, a in truth.items() if is_adjoint(n)}
        got = got / scale
    truth |= {adjoint_name(n): a for n, a in t.seeds.items()} if seed is None else {seed: np.ones(())}
    unfolded = equation(rule.target, inline(rule.value, s.definitions()))  # a slope that its function's value tells
    for form in dict.fromkeys((rule, unfolded)):
        try:
            found = diagnose_values(got, form, s, truth, seed=t.seed)
        except (TensorpropError, ArithmeticError):  # numbers whose squares vanish: no diagnosis, but the finding stands
            continue
        if found is not None:
            return found
    return None
