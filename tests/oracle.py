"""An independent judge: naive loops over every index, one entry at a time, in extended precision.

In: a System and arrays. Out: every value, its exact-looking derivative by forward-mode dual numbers, and the two
numbers that the tolerance needs: Σ|terms| and the count K of terms. Nothing of the package is used but the classes
of its nodes; the rules of the functions below are written by hand and know nothing of the package's tables.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorprop.core.equation import System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor

EPS = float(np.finfo(np.float64).eps)
long = np.longdouble
Vector = Any  # an array of long doubles, one per differentiated entry; None is zero


@dataclass(slots=True)
class Entry:
    """A number, Σ|terms| that made it, their count, and the same for its derivative by every differentiated entry."""

    value: Any
    size: Any
    count: float
    slope: Vector = None
    slope_size: Vector = None


def exact(value: float) -> Entry:
    return Entry(long(value), abs(long(value)), 1.0)


ZERO = exact(0)


def plus(terms: Iterable[Entry]) -> Entry:
    """The sum: values, sizes and derivatives added."""
    value, size, count, slope, slope_size = long(0), long(0), 0.0, None, None
    for t in terms:
        value, size, count = value + t.value, size + t.size, count + t.count
        if t.slope is not None:
            slope = t.slope if slope is None else slope + t.slope
            slope_size = t.slope_size if slope_size is None else slope_size + t.slope_size
    return Entry(value, size, max(count, 1.0), slope, slope_size)


def times(factors: Iterable[Entry]) -> Entry:
    """The product, two factors at a time, by the product rule."""
    out = exact(1)
    for f in factors:
        slope, slope_size = None, None
        if out.slope is not None:
            slope, slope_size = out.slope * f.value, out.slope_size * f.size
        if f.slope is not None:
            right, right_size = f.slope * out.value, f.slope_size * out.size
            slope = right if slope is None else slope + right
            slope_size = right_size if slope_size is None else slope_size + right_size
        out = Entry(out.value * f.value, out.size * f.size, out.count * f.count, slope, slope_size)
    return out


def scaled(x: Entry, value: Any, size: Any, d: Any, d_size: Any) -> Entry:
    """f(x) with value, derivative d, and how large the terms of each are."""
    if x.slope is None:
        return Entry(value, size, x.count)
    return Entry(value, size, x.count, x.slope * d, x.slope_size * d_size)


# --------------------------------------------------------------------------- functions of one number, by hand
def erf(x: Any) -> Any:
    """2/√π e^{-x²} Σ_n 2ⁿ x^{2n+1} / (2n+1)!!, whose terms have one sign."""
    if abs(x) > 7:
        return long(math.copysign(1, x))
    term = total = x
    for n in range(1, 400):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
        if abs(term) < abs(total) * long(1e-22):
            break
    return 2 / np.sqrt(PI) * np.exp(-x * x) * total


PI = long("3.14159265358979323846264338327950288")


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(-abs(x))) + max(x, long(0))


def normal(x: Any) -> Any:
    """The density and the distribution function of the standard normal."""
    return np.exp(-x * x / 2) / np.sqrt(2 * PI), (1 + erf(x / np.sqrt(long(2)))) / 2


def _mish(x: Any) -> tuple[Any, Any, Any]:
    t = np.tanh(softplus(x))
    s = sigmoid(x)
    return x * t, t + x * s * (1 - t * t), abs(t) + abs(x) * s * (1 + t * t)


def _gelu(x: Any) -> tuple[Any, Any, Any]:
    density, below = normal(x)
    return x * below, below + x * density, below + abs(x) * density + 0.5


def _elu(x: Any) -> tuple[Any, Any, Any]:
    return (x, long(1), 1) if x > 0 else (np.expm1(x), np.exp(x), 1 + np.exp(x))


def _silu(x: Any) -> tuple[Any, Any, Any]:
    s = sigmoid(x)
    return x * s, s + x * s * (1 - s), s + abs(x) * s * (1 + s)


# name → (f, f′, Σ|terms| of f′ as it is usually written)
RULES: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "exp": lambda x: (np.exp(x), np.exp(x), np.exp(x)),
    "expm1": lambda x: (np.expm1(x), np.exp(x), 2 + np.exp(x)),
    "log": lambda x: (np.log(x), 1 / x, abs(1 / x)),
    "log1p": lambda x: (np.log1p(x), 1 / (1 + x), abs(1 / (1 + x))),
    "sqrt": lambda x: (np.sqrt(x), 1 / (2 * np.sqrt(x)), 1 / np.sqrt(x)),
    "rsqrt": lambda x: (1 / np.sqrt(x), -1 / (2 * x * np.sqrt(x)), 1 / (x * np.sqrt(x))),
    "reciprocal": lambda x: (1 / x, -1 / (x * x), 1 / (x * x)),
    "square": lambda x: (x * x, 2 * x, 2 * abs(x)),
    "abs": lambda x: (abs(x), long(np.sign(x)), 1),
    "sin": lambda x: (np.sin(x), np.cos(x), 1),
    "cos": lambda x: (np.cos(x), -np.sin(x), 1),
    "tan": lambda x: (np.tan(x), 1 + np.tan(x) ** 2, 1 + np.tan(x) ** 2),
    "sinh": lambda x: (np.sinh(x), np.cosh(x), np.cosh(x)),
    "cosh": lambda x: (np.cosh(x), np.sinh(x), np.cosh(x)),
    "tanh": lambda x: (np.tanh(x), 1 / np.cosh(x) ** 2, 1 + np.tanh(x) ** 2),
    "arctan": lambda x: (np.arctan(x), 1 / (1 + x * x), 1),
    "sigmoid": lambda x: (sigmoid(x), sigmoid(x) * sigmoid(-x), sigmoid(x) * (1 + sigmoid(x))),
    "softplus": lambda x: (softplus(x), sigmoid(x), sigmoid(x)),
    "logsigmoid": lambda x: (-softplus(-x), sigmoid(-x), 1 + sigmoid(x)),
    "softsign": lambda x: (x / (1 + abs(x)), 1 / (1 + abs(x)) ** 2, 1),
    "erf": lambda x: (erf(x), 2 / np.sqrt(PI) * np.exp(-x * x), 2 / np.sqrt(PI)),
    "relu": lambda x: (max(x, long(0)), long(1 if x > 0 else 0), 1),
    "elu": _elu,
    "silu": _silu,
    "gelu": _gelu,
    "mish": _mish,
}


def function(name: str, x: Entry) -> Entry:
    """f(x) by the chain rule. A rounding of x moves f by |f′| of it and f′ by |f″|, which is measured, not derived."""
    rule = RULES[name]
    value, d, terms = rule(x.value)
    if x.slope is None:
        return Entry(value, abs(value) + abs(d) * x.size, x.count)
    h = long(1e-6) * (1 + abs(x.value))
    h = min(h, abs(x.value) / 2) if name in ("log", "sqrt", "rsqrt", "reciprocal") else h
    bend = abs(rule(x.value + h)[1] - rule(x.value - h)[1]) / (2 * h)
    return scaled(x, value, abs(value) + abs(d) * x.size, d, terms + bend * x.size)


def power(x: Entry, n: Entry) -> Entry:
    """x^n for a constant n."""
    assert n.slope is None
    e = n.value
    whole = int(e) if e == int(e) else None
    value = x.value**whole if whole is not None else x.value**e
    d = e * x.value ** (e - 1) if (whole is None or x.value != 0) else long(1 if whole == 1 else 0)
    if x.value == 0:
        return scaled(x, value, abs(value), d, abs(d) + x.size)
    bend = abs(e * (e - 1) * x.value ** (e - 2))
    return scaled(x, value, abs(value) + abs(d) * x.size, d, abs(d) + bend * x.size)


# --------------------------------------------------------------------------- expressions
class Loops:
    """The entries of one System on given arrays."""

    def __init__(self, system: System, arrays: Mapping[str, np.ndarray], wrt: Iterable[str] = ()) -> None:
        self.tensors: dict[str, dict[tuple[int, ...], Entry]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {n: np.shape(a) for n, a in arrays.items()}
        wrt = tuple(wrt)
        total = sum(int(np.prod(self.shapes[n], dtype=int)) for n in wrt)
        place = 0
        self.spans: dict[str, slice] = {}
        for name, array in arrays.items():
            entries: dict[tuple[int, ...], Entry] = {}
            start = place
            for at in np.ndindex(*self.shapes[name]):
                entry = exact(np.asarray(array)[at])
                if name in wrt:
                    entry.slope = np.zeros(total, long)
                    entry.slope[place] = 1
                    entry.slope_size = entry.slope
                    place += 1
                entries[at] = entry
            self.tensors[name] = entries
            if name in wrt:
                self.spans[name] = slice(start, place)
        for eq in system.ordered:
            sizes = {i: self.range_of(i, eq.value) for i in eq.letters}
            self.shapes[eq.name] = tuple(sizes.values())
            self.tensors[eq.name] = {
                at: self.value(eq.value, dict(zip(eq.letters, at, strict=True)), sizes)
                for at in itertools.product(*(range(n) for n in sizes.values()))
            }

    def range_of(self, letter: str, e: Expr) -> int:
        """How far a letter that is free in ``e`` runs: an axis of the first tensor that has it as a plain subscript."""
        found = self.find(letter, e)
        if found is None:
            raise LookupError(f"no tensor tells the range of {letter}")
        return found

    def find(self, letter: str, e: Expr) -> int | None:
        if letter not in e.free:
            return None
        if isinstance(e, Tensor):
            for axis, s in enumerate(e.subscripts):
                if isinstance(s, Index) and s.name == letter:
                    return self.shapes[e.name][axis]
        if isinstance(e, Sum | Reduce) and letter in e.indices:
            return next((n for a in e.children[1:] if (n := self.find(letter, a)) is not None), None)
        if isinstance(e, Reduce):
            # an entry of a normaliser runs as far as the letter it stands for
            for bound, a in zip(e.indices, e.at, strict=False):
                if isinstance(a, Index) and a.name == letter and (n := self.find(bound, e.body)) is not None:
                    return n
        return next((n for c in e.children if (n := self.find(letter, c)) is not None), None)

    def subscript(self, e: Expr, at: Mapping[str, int], sizes: Mapping[str, int]) -> int:
        match e:
            case Index(name=name):
                return at[name]
            case Number(value=value):
                return int(value)
            case Add(terms=terms):
                return sum(self.subscript(t, at, sizes) for t in terms)
            case Mul(factors=factors):
                return math.prod(self.subscript(f, at, sizes) for f in factors)
            case _:
                return int(self.value(e, at, sizes).value)

    def side(self, e: Expr, at: Mapping[str, int], sizes: Mapping[str, int]) -> Any:
        """A side of a bracket: index arithmetic, or any value."""
        if isinstance(e, Index):
            return at[e.name]
        if isinstance(e, Add):
            return sum(self.side(t, at, sizes) for t in e.terms)
        if isinstance(e, Mul):
            return math.prod(self.side(t, at, sizes) for t in e.factors)
        return self.value(e, at, sizes).value

    def value(self, e: Expr, at: Mapping[str, int], sizes: Mapping[str, int]) -> Entry:
        """The entry of ``e`` at one assignment of its free letters."""
        match e:
            case Number(value=value):
                return exact(long(value.numerator) / long(value.denominator))
            case Dim(tensor=name, axis=axis):
                return exact(self.shapes[name][axis])
            case Tensor(name=name, subscripts=subscripts):
                return self.tensors[name][tuple(self.subscript(s, at, sizes) for s in subscripts)]
            case Bracket(relation=relation, left=left, right=right):
                a, b = self.side(left, at, sizes), self.side(right, at, sizes)
                holds = {"=": a == b, "≠": a != b, "<": a < b, "≤": a <= b, ">": a > b, "≥": a >= b}[relation]
                return exact(1 if holds else 0)
            case Add(terms=terms):
                return plus(self.value(t, at, sizes) for t in terms)
            case Mul(factors=factors):
                brackets = [self.value(f, at, sizes) for f in factors if isinstance(f, Bracket)]
                if any(b.value == 0 for b in brackets):
                    return ZERO
                return times(self.value(f, at, sizes) for f in factors if not isinstance(f, Bracket))
            case Sum(indices=indices, body=body):
                return plus(self.over(indices, body, at, sizes))
            case Reduce():
                return self.reduce(e, at, sizes)
            case Call(function="pi"):
                return exact(PI)
            case Call(function="power", args=(base, exponent)):
                return power(self.value(base, at, sizes), self.value(exponent, at, sizes))
            case Call(function="max", args=(a, b)):
                return max(self.value(a, at, sizes), self.value(b, at, sizes), key=lambda n: n.value)
            case Call(function="min", args=(a, b)):
                return min(self.value(a, at, sizes), self.value(b, at, sizes), key=lambda n: n.value)
            case Call(function=name, args=(x,)):
                return function(name, self.value(x, at, sizes))
            case _:
                raise NotImplementedError(type(e).__name__)

    def over(
        self, indices: tuple[str, ...], body: Expr, at: Mapping[str, int], sizes: Mapping[str, int]
    ) -> list[Entry]:
        """The entries of ``body`` for every assignment of ``indices``."""
        ranges = {i: self.range_of(i, body) for i in indices}
        inner = {**sizes, **ranges}
        return [
            self.value(body, {**at, **dict(zip(indices, here, strict=True))}, inner)
            for here in itertools.product(*(range(n) for n in ranges.values()))
        ]

    def reduce(self, e: Reduce, at: Mapping[str, int], sizes: Mapping[str, int]) -> Entry:
        entries = self.over(e.indices, e.body, at, sizes)
        n = exact(len(entries))
        minus = exact(-1)

        def mean(xs: list[Entry]) -> Entry:
            return times([plus(xs), power(n, minus)])

        match e.op:
            case "max":
                return max(entries, key=lambda x: x.value)
            case "min":
                return min(entries, key=lambda x: x.value)
            case "prod":
                return times(entries)
            case "mean":
                return mean(entries)
            case "var":
                middle = times([minus, mean(entries)])
                return mean([times([d, d]) for d in (plus([x, middle]) for x in entries)])
            case "logsumexp":
                return function("log", plus(function("exp", x) for x in entries))
            case "softmax" | "logsoftmax":
                here = [self.subscript(a, at, sizes) for a in e.at]
                inner = dict(zip(e.indices, here, strict=True))
                numerator = self.value(e.body, {**at, **inner}, {**sizes})
                total = plus(function("exp", x) for x in entries)
                if e.op == "softmax":
                    return times([function("exp", numerator), power(total, minus)])
                return plus([numerator, times([minus, function("log", total)])])
            case _:
                raise NotImplementedError(e.op)


@dataclass(frozen=True)
class Judged:
    """What an array must be, and how far from it rounding may take it."""

    value: np.ndarray
    tolerance: np.ndarray

    def accepts(self, found: Any, factor: float = 1.0) -> bool:
        found = np.asarray(found)
        if found.shape != self.value.shape:
            return False
        return bool(np.all(np.abs(found.astype(long) - self.value) <= factor * self.tolerance))

    def excess(self, found: Any) -> float:
        """The largest error in units of the tolerance."""
        if not self.value.size:
            return 0.0
        error = np.abs(np.asarray(found).astype(long) - self.value)
        return float(np.max(np.where(error == 0, 0, error / self.tolerance)))


def _judged(shape: tuple[int, ...], value: Any, size: Any, count: Any) -> Judged:
    tolerance = (16 + 4 * np.sqrt(count)) * EPS * size + 1e-300
    return Judged(np.reshape(value, shape), np.reshape(tolerance, shape))


def values(system: System, arrays: Mapping[str, np.ndarray]) -> dict[str, Judged]:
    """Every tensor that the System defines."""
    loops = Loops(system, arrays)
    out: dict[str, Judged] = {}
    for name in (eq.name for eq in system.equations):
        entries = list(loops.tensors[name].values())
        parts = (np.array([getattr(x, f) for x in entries], long) for f in ("value", "size", "count"))
        out[name] = _judged(loops.shapes[name], *parts)
    return out


def jacobians(system: System, arrays: Mapping[str, np.ndarray], output: str, wrt: Iterable[str]) -> dict[str, Judged]:
    """∂output/∂x for every x of ``wrt``: the axes of the output, then those of x."""
    loops = Loops(system, arrays, wrt)
    entries = list(loops.tensors[output].values())
    out: dict[str, Judged] = {}
    for name, span in loops.spans.items():
        shape = loops.shapes[output] + loops.shapes[name]
        zero = np.zeros(span.stop - span.start, long)
        rows = [(zero, zero) if x.slope is None else (x.slope[span], x.slope_size[span]) for x in entries]
        count = np.array([[x.count] * zero.size for x in entries], long)
        out[name] = _judged(shape, np.array([r[0] for r in rows], long), np.array([r[1] for r in rows], long), count)
    return out


def gradients(
    system: System, arrays: Mapping[str, np.ndarray], wrt: Iterable[str], seeds: Mapping[str, np.ndarray]
) -> dict[str, Judged]:
    """∂(Σ seed · output)/∂x for every x of ``wrt``, summed over every output that has a seed."""
    loops = Loops(system, arrays, wrt)
    terms = [
        times([exact(np.asarray(seed)[at]), entry])
        for name, seed in seeds.items()
        for at, entry in loops.tensors[name].items()
    ]
    total = plus(terms)
    out: dict[str, Judged] = {}
    for name, span in loops.spans.items():
        zero = np.zeros(span.stop - span.start, long)
        value, size = (zero, zero) if total.slope is None else (total.slope[span], total.slope_size[span])
        out[name] = _judged(loops.shapes[name], value, size, np.full(zero.size, total.count, long))
    return out
