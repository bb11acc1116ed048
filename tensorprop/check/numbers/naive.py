"""Equations evaluated naively: each node as it stands, every tensor broadcast over all letters around it.

In: equations and arrays of NumPy or JAX. Out: values, and how large the terms were that a value was added up from.
Slow, obvious, and without a line in common with the planner and the lowering.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from tensorprop.check.numbers.jax_values import (
    FUNCTIONS,
    NORMALISERS,
    REDUCTIONS,
    SPREAD,
    VALUES,
    Function,
    value_of,
    widest,
)
from tensorprop.check.numbers.naive_matrices import MATRICES, matrix_spread
from tensorprop.core import ranges
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS as ROWS
from tensorprop.core.functions import is_known, is_matrix, is_square, read, runs
from tensorprop.core.names import primal_axes
from tensorprop.core.templates import meaning
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import OutOfRange, SizeMismatch, UnknownRange, UsageError
from tensorprop.run.sizes import counted
from tensorprop.text.numerals import floating

__all__ = ["Arrays", "Naive", "Weighed", "doubles", "first_wrong", "right_side"]

Arrays = Mapping[str, Any]


# --------------------------------------------------------------------------- evaluation
class Weighed(NamedTuple):
    """A value over the axes ``letters``; ``scale`` is Σ|terms| it was added up from, ``terms`` how many at most."""

    letters: tuple[str, ...]
    value: Any
    scale: Any
    terms: int

    @property
    def finite(self) -> bool:
        """Whether every entry is a number."""
        return bool(np.all(np.isfinite(self.value)))


class Naive:
    """Right sides over given arrays, each node once; ``xp`` is NumPy, or jax.numpy where JAX differentiates.

    ``sample`` picks what open functions stand for; ``weighing`` asks for the Σ|terms| behind functions, and ``scales``
    are those of tensors that were added up themselves. ``under`` is a System whose lines tell ranges and what lies
    outside; ``begins`` says of a tensor of a loop where its array begins, since it holds its starts too.

    >>> from tensorprop.text import parse_expression
    >>> e = parse_expression("W_ij x_j", free="i")
    >>> Naive(np, {"W": np.ones((2, 3)), "x": np.arange(3.0)}, 0, weighing=False).at(e, {"i": 2}).value
    array([3., 3.])
    """

    def __init__(
        self,
        xp: Any,
        arrays: Arrays,
        sample: int,
        weighing: bool,
        scales: Arrays | None = None,
        under: System | None = None,
        begins: Mapping[str, tuple[int, int, int]] | None = None,
    ) -> None:
        self.xp = xp
        self.under = under if under is not None else System(())
        self.begins: Mapping[str, tuple[int, int, int]] = begins or {}  # time axis, first place, own length
        self.scales = None if not scales else Naive(xp, {**arrays, **scales}, sample, False, None, under, begins)
        self.arrays = arrays
        self.sample = sample
        self.weighing = weighing
        self.runs: dict[tuple[str, Expr], int | None] = {}
        self.done: dict[tuple[Expr, tuple[tuple[str, int], ...]], Weighed] = {}
        self.beside: Naive | None = None  # of what stands beside a bracket: an entry outside is no number there

    def at(self, e: Expr, sizes: Mapping[str, int]) -> Weighed:
        """``e`` over the letters that it depends on, of which ``sizes`` tells the range."""
        key = (e, tuple((i, sizes[i]) for i in sorted(e.free)))
        if key not in self.done:
            reads = self.xp is np or any(True for _ in tensors_of(e))
            of = self if reads else self.constants
            self.done[key] = of._node(e, sizes)
        return self.done[key]

    @cached_property
    def constants(self) -> Naive:
        """The evaluation in NumPy of what reads no entry, subscripts above all: JAX need not trace it."""
        return Naive(np, self.arrays, self.sample, self.weighing, None, self.under, self.begins)

    def _bracketed(self) -> Naive:
        """The evaluation of what stands beside a bracket, which may be false wherever an entry lies outside."""
        if self.beside is None:
            self.beside = copy(self)
            self.beside.done, self.beside.beside = {}, self.beside
            self.beside.scales = self.scales and self.scales._bracketed()
        return self.beside

    def _node(self, e: Expr, sizes: Mapping[str, int]) -> Weighed:
        match e:
            case Number(value):
                return self._leaf((), self.xp.asarray(floating(value, e)))
            case Index(name):
                return self._leaf((name,), self.xp.arange(sizes[name], dtype=float))
            case Dim(tensor, axis):
                return self._leaf((), self.xp.asarray(float(self.length(tensor, axis))))
            case Tensor():
                return self._entry(e, sizes)
            case Add(terms):
                parts = [self.at(t, sizes) for t in terms]
                letters, values, scales = self._aligned(parts)
                value = sum(values)
                return Weighed(letters, value, sum(scales) if self.weighing else value, sum(p.terms for p in parts))
            case Mul(factors):
                within = self._bracketed() if any(isinstance(f, Bracket) for f in factors) else self
                return self._product([within.at(f, sizes) for f in factors], factors)
            case Bracket(relation, left, right):
                letters, (a, b), _ = self._aligned([self.at(left, sizes), self.at(right, sizes)])
                return self._leaf(letters, self.xp.asarray(_RELATIONS[relation](a, b), dtype=float))
            case Sum(indices, body):
                inside = {**sizes, **{i: self.size(i, body, sizes) for i in indices}}
                return self._sum(self.at(body, inside), indices, inside)
            case Call(function, args):
                return self._call(function, args, [self.at(a, sizes) for a in args])
            case Reduce():
                return self._reduce(e, sizes)
            case _:
                raise UsageError(f"{type(e).__name__} has no naive evaluation", about=e)

    def _leaf(self, letters: tuple[str, ...], value: Any) -> Weighed:
        return Weighed(letters, value, self.xp.abs(value) if self.weighing else value, 1)

    def _aligned(self, parts: list[Weighed]) -> tuple[tuple[str, ...], list[Any], list[Any]]:
        return aligned_parts(self.xp, parts, None, self.weighing)

    def _entry(self, e: Tensor, sizes: Mapping[str, int]) -> Weighed:
        found = self._picked_from(e, sizes)
        return found if self.scales is None else found._replace(scale=abs(self.scales._picked_from(e, sizes).value))

    def _picked_from(self, e: Tensor, sizes: Mapping[str, int]) -> Weighed:
        array, how = self.arrays[e.name], self.under.outside(e.name)
        lengths = [self.length(e.name, k) for k in range(len(e.subscripts))]
        fits = all(not isinstance(s, Index) or sizes[s.name] == n for s, n in zip(e.subscripts, lengths, strict=True))
        for axis, s in enumerate(e.subscripts):
            told = how is not None or self.beside is self
            told = told or (isinstance(s, Index) and self.under.stated(s.name) is not None)
            if isinstance(s, Index) and sizes[s.name] != lengths[axis] and not told:
                raise SizeMismatch(
                    f"index {s.name} has size {sizes[s.name]}, axis {axis} of {e.name} has size {lengths[axis]}",
                    about=e,
                )
        plain = e.letters
        if fits and e.name not in self.begins and plain is not None and len(set(plain)) == len(plain):
            return self._leaf(plain, array)
        found = [self.at(s, sizes) for s in e.subscripts]
        xp = np if all(isinstance(p.value, np.ndarray) for p in found) else self.xp
        letters, places, _ = aligned_parts(xp, found, None, False)
        whole = [xp.rint(p).astype(int) for p in places]
        if e.name in self.begins:
            axis, first, _ = self.begins[e.name]
            whole[axis] = whole[axis] - first
        if isinstance(how, str) and not how.endswith("∞"):
            whole = [moved_inside(xp, p, n, how) for p, n in zip(whole, array.shape, strict=True)]
        elif how is not None or self.beside is self:
            inside = math.prod((p >= 0) & (p < n) for p, n in zip(whole, array.shape, strict=True)) != 0
            if 0 in array.shape:
                array = self.xp.zeros([max(1, n) for n in array.shape])
            near = tuple(xp.clip(p, 0, n - 1) for p, n in zip(whole, array.shape, strict=True))
            fill = (
                math.nan
                if how is None
                else float(how.replace("∞", "inf"))
                if isinstance(how, str)
                else float(how.value)
            )
            return self._leaf(letters, self.xp.where(inside, array[near], fill))
        for axis, (s, p) in enumerate(zip(e.subscripts, whole, strict=True)):
            _within(p, array.shape[axis], f"the subscript {s} leaves axis {axis} of {e.name}", e)
        return self._leaf(letters, array[tuple(whole)])

    def length(self, name: str, axis: int) -> int:
        """The size of an axis of a tensor."""
        begins = self.begins.get(name)
        return begins[2] if begins is not None and begins[0] == axis else int(self.arrays[name].shape[axis])

    def _product(self, parts: list[Weighed], factors: tuple[Expr, ...]) -> Weighed:
        letters, values, scales = self._aligned(parts)
        one = self.xp.asarray(1.0)
        holds = [v for v, f in zip(values, factors, strict=True) if isinstance(f, Bracket)]
        open_ = math.prod(holds, start=one) != 0 if holds else True
        if holds and self.xp is not np:  # nor is anything owed to what stands beside a NaN
            values = [self.xp.where(open_, v, 1.0) for v in values]
        value = math.prod(values, start=one)
        scale = math.prod(scales, start=one) if self.weighing else value
        if holds:  # [false] · NaN = 0
            value = self.xp.where(open_, value, 0.0)
            scale = self.xp.where(open_, scale, 0.0) if self.weighing else value
        return Weighed(letters, value, scale, max(p.terms for p in parts))

    def _sum(self, body: Weighed, indices: tuple[str, ...], sizes: Mapping[str, int]) -> Weighed:
        axes = tuple(k for k, i in enumerate(body.letters) if i in indices)
        absent = math.prod(sizes[i] for i in indices if i not in body.letters)
        many = math.prod(sizes[i] for i in indices)
        letters = tuple(i for i in body.letters if i not in indices)
        value = self.xp.sum(body.value, axes) * absent
        scale = self.xp.sum(body.scale, axes) * absent if self.weighing else value
        return Weighed(letters, value, scale, max(1, body.terms * many))

    def _call(self, name: str, args: tuple[Expr, ...], parts: list[Weighed]) -> Weighed:
        if name not in FUNCTIONS and is_known(name):
            return self._meant(name, parts)
        letters, values, scales = self._aligned(parts)
        if name == "power" and isinstance(args[1], Number):
            n = args[1].value
            whole = int(n) if n.denominator == 1 else float(n)
            return self._applied(lambda xp, x: x**whole, letters, values[:1], scales[:1], parts)
        return self._applied(value_of(name, self.sample), letters, values, scales, parts)

    def _meant(self, name: str, parts: list[Weighed]) -> Weighed:
        """A function by what its row says that it means, its arguments put in as they are."""
        row = ROWS[name]
        if not row.means:
            return self._applied(value_of(name, self.sample), (), [], [], parts)
        inner = Naive(self.xp, self.arrays, self.sample, self.weighing)
        for letter, part in zip(row.arguments, parts, strict=True):
            inner.done[Tensor(letter, ()), ()] = part
        return inner.at(read(row.means), {})

    def _applied(
        self, f: Function, letters: tuple[str, ...], values: list[Any], scales: list[Any], parts: list[Weighed]
    ) -> Weighed:
        """f of the values; an error of ``scale·eps`` in an argument is one of ``|f′|·scale·eps`` in the value."""
        value = f(self.xp, *values)
        scale = self.xp.abs(value)
        if self.weighing:
            for k, (x, s) in enumerate(zip(values, scales, strict=True)):
                d = 1e-6 * np.maximum(1.0, np.abs(x))
                ends = [f(np, *values[:k], x + e, *values[k + 1 :]) for e in (d, -d)]
                slope = np.abs(ends[0] - ends[1]) / (2 * d)
                if np.iscomplexobj(x):  # and across
                    ends = [f(np, *values[:k], x + 1j * e, *values[k + 1 :]) for e in (d, -d)]
                    slope = np.maximum(slope, np.abs(ends[0] - ends[1]) / (2 * d))
                scale = scale + np.where(np.isfinite(slope), slope, 1.0) * s
        return Weighed(letters, value, scale, max((p.terms for p in parts), default=1))

    def _reduce(self, e: Reduce, sizes: Mapping[str, int]) -> Weighed:
        if e.op not in VALUES:
            meant = meaning(e, e.body, e.at)
            if meant is None:
                raise UsageError(
                    f"nothing says what {e.op} is: it has a row, and neither a meaning there nor a value for checks",
                    fix=f'say it in the row, Reduction("{e.op}", …, means="…")',
                    about=e,
                )
            return self.at(meant, sizes)
        inside = {**sizes, **{i: self._bound(e, i, sizes) for i in e.indices}}
        body = self.at(e.body, inside)
        kept = tuple(i for i in body.letters if i not in e.indices)
        letters, shape = (*kept, *e.indices), tuple(inside[i] for i in (*kept, *e.indices))
        _, (value, *_), (scale, *_) = aligned_parts(
            self.xp, [body, *(self._leaf((i,), self.xp.zeros(inside[i])) for i in e.indices)], letters
        )
        value, scale = self.xp.broadcast_to(value, shape), self.xp.broadcast_to(scale, shape)
        axes = tuple(range(len(kept), len(letters)))
        many = max(1, math.prod(inside[i] for i in e.indices))
        if e.op in REDUCTIONS:
            result = REDUCTIONS[e.op](self.xp, value, axes)
            spread = SPREAD.get(e.op, widest)(value, scale, axes) if self.weighing else 0.0
            return Weighed(kept, result, self.xp.abs(result) + spread, body.terms * many)
        if e.op in NORMALISERS:
            result = NORMALISERS[e.op](self.xp, value, axes)
            if e.op == "softmax":
                scale = self.xp.abs(result) * (1 + 2 * self.xp.max(scale, axes, keepdims=True))
            elif e.op in SPREAD:
                scale = self.xp.abs(result) + (SPREAD[e.op](value, scale, axes) if self.weighing else 0.0)
            else:
                scale = self.xp.abs(result) + 2 * self.xp.max(scale, axes, keepdims=True)
            return self._picked(Weighed(letters, result, scale, body.terms * many), e, sizes)
        if is_matrix(e.op) and (shape[-1] == shape[-2] or not is_square(e.op)):
            own = tuple(inside[i] for i in runs(e.op, e.indices))
            names = (*kept, *(f" {n}" for n in range(len(own))))
            try:
                result = MATRICES[e.op](self.xp, value)
                spread = matrix_spread(e.op, np.asarray(value), np.asarray(scale)) if self.weighing else 0.0
            except np.linalg.LinAlgError:  # no inverse, no factor: no number
                result, spread = self.xp.full((*shape[:-2], *own), math.nan), 0.0
            found = Weighed(names, result, self.xp.abs(result) + spread, body.terms * many)
            return self._picked(found, e, sizes) if own else found
        raise SizeMismatch(f"{e.op} of a matrix that is not square", about=e)

    def _bound(self, e: Reduce, letter: str, sizes: Mapping[str, int]) -> int:
        """How far a reduction's own letter runs; what it is picked at may tell it too."""
        found = self._along(letter, e.body) if self.under.stated(letter) is None else None
        if found is not None:
            return found
        for i, a in zip(runs(e.op, e.indices), e.at, strict=False):
            if i == letter and isinstance(a, Index):
                return sizes[a.name]
        return self.size(letter, e.body, sizes)

    def _picked(self, whole: Weighed, e: Reduce, sizes: Mapping[str, int]) -> Weighed:
        """The entries ``at`` of a result whose last axes they pick from."""
        kept = whole.letters[: len(whole.letters) - len(e.at)]
        outer = [self._leaf((i,), self.xp.arange(sizes[i], dtype=float)) for i in kept]
        letters, places, _ = self._aligned([*outer, *(self.at(a, sizes) for a in e.at)])
        where = tuple(self.xp.rint(p).astype(int) for p in places)
        for n, a, p in zip(whole.value.shape[len(kept) :], e.at, where[len(kept) :], strict=True):
            _within(p, n, f"the place {a} leaves {e.op}", e)
        return Weighed(letters, whole.value[where], whole.scale[where], whole.terms)

    def size(self, letter: str, body: Expr, sizes: Mapping[str, int]) -> int:
        """How far a letter that is free in ``body`` runs."""
        stated = self.under.stated(letter)
        if stated is not None:
            return self._counted(stated)
        found = self._along(letter, body)
        found = self._beside(letter, body, sizes) if found is None else found
        if found is None and (told := ranges.size(body, letter, sizes, self.under)) is not None:
            found = max(0, self._counted(told, sizes))
        found = self._compared(letter, body, sizes) if found is None else found
        if found is None:
            raise UnknownRange(f"no tensor tells the range of {letter}", about=body)
        return found

    def _counted(self, size: Expr, sizes: Mapping[str, int] = MappingProxyType({})) -> int:
        """A size in numbers."""
        shapes = {(d.tensor, d.axis): self.length(d.tensor, d.axis) for d in postorder(size) if isinstance(d, Dim)}
        n = counted(size, shapes, sizes)
        if n != int(n):
            raise SizeMismatch(f"a range is {n}, and no whole number", about=size)
        return int(n)

    def _along(self, letter: str, body: Expr) -> int | None:
        """As far as the first tensor axis that the letter indexes."""
        if letter not in body.free:
            return None
        key = (letter, body)
        if key not in self.runs:
            self.runs[key] = self._runs(letter, body)
        return self.runs[key]

    def _runs(self, letter: str, body: Expr) -> int | None:
        if isinstance(body, Tensor):
            for axis, s in enumerate(body.subscripts):
                if isinstance(s, Index) and s.name == letter:
                    return self.length(body.name, axis)
        parts = body.children
        if isinstance(body, Reduce):
            for inner, a in zip(runs(body.op, body.indices), body.at, strict=False):
                if isinstance(a, Index) and a.name == letter:
                    return self._along(inner, body.body)
            parts = body.at if letter in body.indices else parts
        return next((found for p in parts if (found := self._along(letter, p)) is not None), None)

    def _beside(self, letter: str, body: Expr, sizes: Mapping[str, int]) -> int | None:
        """As far as its partner in a bracket ``[letter = partner]``."""
        for n in postorder(body):
            match n:
                case Bracket("=", Index(one), Index(other)) if letter in (one, other):
                    partner = other if one == letter else one
                    found = sizes.get(partner, self._along(partner, body))
                    if found is not None:
                        return found
                case _:
                    pass
        return None

    def _compared(self, letter: str, body: Expr, sizes: Mapping[str, int]) -> int | None:
        """As far as what an order bracket compares it with."""
        for n in postorder(body):
            match n:
                case Bracket("<" | "≤" | ">" | "≥", Index(one), Index(other)) if letter in (one, other):
                    partner = other if one == letter else one
                    scopes = [m.body for m in postorder(body) if isinstance(m, (Sum, Reduce)) and partner in m.indices]
                    found = sizes.get(partner) or next((k for m in scopes if (k := self._along(partner, m))), None)
                    if found is not None:
                        return found
                case _:
                    pass
        return None


def moved_inside(xp: Any, p: Any, n: int, how: str) -> Any:
    """The entry inside that a subscript outside means."""
    if how == "edge":
        return xp.clip(p, 0, n - 1)
    if how == "wrap":
        return xp.mod(p, n)
    far = max(1, 2 * n - 2)
    return xp.minimum(xp.mod(p, far), far - xp.mod(p, far))


def _within(places: Any, size: int, what: str, about: Expr) -> None:
    """Errors: OutOfRange where a place is none of 0 … size - 1. JAX's own arrays are looked at before, by NumPy."""
    if not isinstance(places, jax.Array) and places.size and (places.min() < 0 or places.max() >= size):
        raise OutOfRange(f"{what}, which has {size} entries", about=about)


_RELATIONS: dict[str, Function] = {
    "=": lambda a, b: a == b,
    "≠": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "≤": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "≥": lambda a, b: a >= b,
}


def aligned_parts(
    xp: Any, parts: list[Weighed], letters: tuple[str, ...] | None = None, weighing: bool = True
) -> tuple[tuple[str, ...], list[Any], list[Any]]:
    """The letters of all parts, and each part's arrays with an axis (perhaps of size 1) for every letter."""
    letters = tuple(dict.fromkeys(i for p in parts for i in p.letters)) if letters is None else letters

    def spread(p: Weighed, array: Any) -> Any:
        if p.letters == letters or not p.letters:
            return array
        places = [letters.index(i) for i in p.letters]
        order = sorted(range(len(places)), key=places.__getitem__)
        if order != list(range(len(order))):
            array = xp.transpose(array, order)
        if len(order) == len(letters):
            return array
        if xp is np:
            return array[tuple([slice(None) if k in places else None for k in range(len(letters))])]
        return xp.expand_dims(array, tuple([k for k in range(len(letters)) if k not in places]))

    values = [spread(p, p.value) for p in parts]
    return letters, values, [spread(p, p.scale) for p in parts] if weighing else values


def right_side(
    xp: Any,
    eq: Equation,
    arrays: Arrays,
    sample: int,
    weighing: bool,
    scales: Arrays | None = None,
    under: System | None = None,
    begins: Mapping[str, tuple[int, int, int]] | None = None,
    known: Mapping[str, int] | None = None,
) -> Weighed:
    """The value of one equation, its axes in the order of the left side; ``known``: letters whose size is known."""
    evaluation = Naive(xp, arrays, sample, weighing, scales, under, begins)
    sizes: dict[str, int] = {}
    primal = primal_axes(eq.target)
    for axis, letter in enumerate(eq.letters):
        if known is not None:
            sizes[letter] = known[letter]
        elif primal is not None and primal[axis][0] in arrays:
            sizes[letter] = evaluation.length(*primal[axis])
        else:
            sizes[letter] = evaluation.size(letter, eq.value, sizes)
    found = evaluation.at(eq.value, sizes)
    shape = tuple(sizes[i] for i in eq.letters)
    blank = [Weighed((i,), xp.zeros(sizes[i]), xp.zeros(sizes[i]), 1) for i in eq.letters]
    _, (value, *_), (scale, *_) = aligned_parts(xp, [found, *blank], eq.letters)
    return Weighed(eq.letters, xp.broadcast_to(value, shape), xp.broadcast_to(scale, shape), found.terms)


def first_wrong(got: Weighed, expected: Weighed | np.ndarray) -> tuple[int, ...] | None:
    """The first entry, in reading order, in which two values differ by more than rounding, or None.

    The tolerance of an entry added up from K terms is (16 + 4 √K) eps Σ|terms|, in float64.
    """
    if isinstance(expected, Weighed):
        scale, terms, value = np.maximum(got.scale, expected.scale), max(got.terms, expected.terms), expected.value
    else:
        scale, terms, value = got.scale, got.terms, expected
    if got.value.shape != np.shape(value):
        return (0,) * got.value.ndim
    tolerance = (16 + 4 * math.sqrt(terms)) * np.finfo(np.float64).eps * scale
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(got.value - value) <= tolerance)
    places = np.argwhere(wrong)
    return None if len(places) == 0 else tuple(int(k) for k in places[0])


def doubles(given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays in float64, those of complex numbers in complex128."""
    return {name: np.asarray(a, np.complex128 if np.iscomplexobj(a) else np.float64) for name, a in given.items()}
