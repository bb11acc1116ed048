"""What is on the page while a program is read: arrays as expressions with letters, their sizes, and definitions.

In: operations on values, one after the other. Out: definitions by anonymous name. A value is an expression with the
letters of every axis; letters that run over one range are tied together. A program is read at several sizes of its
arguments at once, so a size is a tuple, one number for each. This file does not know the program's language, and calls
nothing by another name than the program does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.build import ONE, ZERO, add, call, mul, negate, substitute, sum_over
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Tensor
from tensorprop.core.pattern import Patterns
from tensorprop.core.plane import IMAGINARY
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import UnreadableFunction
from tensorprop.run.numpy_functions import NUMPY
from tensorprop.trace.numbers import Extent, fitted, fitted_whole, times
from tensorprop.trace.readable import (
    FINITE,
    INFINITY,
    IS_NAN,
    NOT_A_NUMBER,
    STOP,
    Definition,
    Output,
    Transcript,
    bare,
    clipped,
    distance,
    shorter,
    size_of,
)

__all__ = ["INF", "NO_POSITIONS", "TWO", "Apart", "Axis", "AxisStretch", "Sheet", "Traced", "is_one"]

INF = call(INFINITY)
TWO = Number(Fraction(2))
NO_POSITIONS = "positions stand in comparisons and subscripts only: pass them as an array of numbers"

_LENGTHS = 12  # lengths of axes of which a count may be the product

Axis = tuple[str, ...]
"""The letters of an array's axis: none if its size is 1, several if it is two axes made one."""


class Apart(Exception):
    """The program is another one at other sizes; ``where`` it parts."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what)
        self.what, self.where = what, where


class Traced(NamedTuple):
    """What a variable of the jaxpr is: an expression, and the letters of each axis.

    ``parts``: where it was put together along an axis, and is not one expression yet: ``along`` which, and of what.
    ``held``: the arrays that it is at the sizes of each trace, where it depends on no argument.
    """

    expr: Expr
    axes: tuple[Axis, ...]
    parts: tuple[AxisStretch, ...] = ()
    along: int = 0
    held: Callable[[], tuple[Any, ...]] | None = None


class AxisStretch(NamedTuple):
    """What stands from ``start`` on along an axis, ``size`` entries long."""

    start: Extent
    size: Extent
    value: Traced


def is_one(n: Extent) -> bool:
    return all(k == 1 for k in n)


class Sheet:
    """Definitions in order, the size of every letter, and which letters share a range."""

    def __init__(self, count: int = 1) -> None:
        self.count = count  # of the sizes at which the program is read
        self.definitions: dict[str, Definition] = {}
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.trees: set[str] = set()
        self.tables: dict[str, tuple[tuple[Any, ...], str]] = {}  # constant inputs: their arrays, and where made
        self.sizes: dict[str, Extent] = {}
        self.parent: dict[str, str] = {}
        self.dims: dict[Extent, Expr] = {}  # sizes that change: how an input tells them
        self.made: list[tuple[str, tuple[str, ...]]] = []  # a letter, and those that it was divided into
        self.together: list[tuple[str, tuple[Axis, ...]]] = []  # a letter, and the axes that it was put together from
        self.orders: set[tuple[Extent, Extent]] = set()  # places on axes that were taken to be in this order
        self.shares: dict[str, int] = {}  # letters of which a share was taken, and by what it was divided
        self.outside: set[str] = set()  # tensors that are 0 outside their axes
        self.complex: set[str] = set()  # inputs of complex numbers
        self.stated: set[str] = set()  # letters of parts of axes, whose size is to be stated
        self.patterns = Patterns()
        self.known: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.notes: list[str] = []
        self.numbers: list[tuple[float, str]] = []  # those that stay the same, and where they stand
        self.around: list[str] = []  # the times of the loops whose bodies are being read
        self.where = ""  # the place in the program that is being read
        self.guarding = False  # whether the program only keeps infinities out of a difference
        self.plane = False  # whether the line that is being read is of complex numbers
        self.idle = False  # whether entries hold an infinity in the program, and are read otherwise
        self.mean = False  # whether the program is there to take a mean
        self.close = 1e-6  # how near two numbers are that the program cannot tell apart

    def trace(self, outputs: list[Output]) -> Transcript:
        trees = frozenset(self.trees)
        return Transcript(
            self.definitions,
            self.inputs,
            trees,
            outputs,
            self.sizes,
            self.find,
            self.dims,
            frozenset(self.stated),
            self.tables,
            frozenset(self.outside),
            frozenset(self.complex),
        )

    # ------------------------------------------------------------- letters
    def letter(self, size: Extent, like: str | None = None, stated: bool = False) -> str:
        name = f"·{len(self.sizes)}"
        if stated:
            self.stated.add(name)
        self.sizes[name] = size
        self.parent[name] = name if like is None else self.find(like)
        return name

    def axis(self, size: Extent, stated: bool = False) -> Axis:
        """A letter for an axis, or none where it is of size 1; ``stated``: a part of another, or made of others."""
        return () if is_one(size) else (self.letter(size, stated=stated),)

    def find(self, letter: str) -> str:
        """The letter that stands for all that have the same range."""
        while self.parent.get(letter, letter) != letter:
            self.parent[letter] = self.parent[self.parent[letter]]
            letter = self.parent[letter]
        return letter

    def one_range(self, a: str, b: str) -> None:
        self.parent[self.find(b)] = self.find(a)

    def fresh(self, v: Traced) -> Traced:
        """The same array with letters of its own."""
        new = {i: self.letter(self.sizes[i], i) for axis in v.axes for i in axis}
        return self.renamed(v, new)

    def renamed(self, v: Traced, new: Mapping[str, str]) -> Traced:
        axes = tuple(tuple(new.get(i, i) for i in axis) for axis in v.axes)
        put = {i: Index(j) for i, j in new.items()}
        parts = tuple(p._replace(value=self.renamed(p.value, new)) for p in v.parts)
        return Traced(substitute(v.expr, put), axes, parts, v.along, v.held)

    def size(self, axis: Axis) -> Extent:
        return times((self.sizes[i] for i in axis), self.count)

    def one(self, n: int) -> Extent:
        return (n,) * self.count

    def put(self, here: Axis, there: Axis) -> dict[str, Expr]:
        """What to put for the letters of one axis so that it becomes the other one, which is as long."""
        if here == there or not here:
            return {}
        if len(here) == len(there) and all(self.sizes[i] == self.sizes[j] for i, j in zip(here, there, strict=True)):
            for i, j in zip(here, there, strict=True):
                self.one_range(j, i)
            return {i: Index(j) for i, j in zip(here, there, strict=True)}
        if len(here) == 1 and is_one(self.sizes[here[0]]):
            return {here[0]: ZERO}
        if len(here) == 1 and len(there) > 1:
            self.made.append((here[0], there))
            return {here[0]: self.affine(there)}
        raise self.refuse(
            "an axis that is made of two in one place is divided otherwise in another",
            "keep the axes apart, and contract over both: jnp.einsum",
        )

    def affine(self, letters: Axis) -> Expr:
        """``3h + k``: where the entry (h, k) lies once two axes are one."""
        terms = [mul(self.amount_of(self.size(letters[n + 1 :])), Index(i)) for n, i in enumerate(letters)]
        return add(*terms)

    def aligned(self, values: Sequence[Traced]) -> tuple[list[Expr], tuple[Axis, ...]]:
        """The expressions of arrays of one shape (or scalars) over the same letters."""
        rank = max(len(v.axes) for v in values)
        values = [v if len(v.axes) == rank else Traced(v.expr, ((),) * rank) for v in values]
        axes: tuple[Axis, ...] = ()
        for k in range(rank):
            axis = max((v.axes[k] for v in values), key=lambda a: (not is_one(self.size(a)), len(a)))
            if any(i in other for i in axis for other in axes):  # i[:, None] ≥ i has one letter in two places
                axis = tuple(self.letter(self.sizes[i], i) for i in axis)
            axes += (axis,)
        exprs: list[Expr] = []
        for v in values:
            put: dict[str, Expr] = {}
            for here, there in zip(v.axes, axes, strict=True):
                put.update(self.put(here, there))
            exprs.append(self.settled(substitute(v.expr, put)))
        return exprs, axes

    # ------------------------------------------------------------- sizes as numbers
    def amount_of(self, n: Extent) -> Expr:
        """A whole number that may change with the sizes, as an expression.

        Errors: Apart, where nothing tells how it changes.
        """
        found = fitted_whole(n, self.dims)
        if found is None:
            raise Apart(f"the whole number {n[0]} changes with the sizes in a way that is not told", self.where)
        if isinstance(found, Number) and abs(found.value) > 2:
            self.numbers.append((float(found.value), self.where))
        self._share(found)
        return found

    def _share(self, size: Expr) -> None:
        """Keep of which letters a size takes a share: a half of n, a third of n - 1."""
        for part in postorder(size):
            if isinstance(part, Number) and part.value.denominator > 1:
                of = [d.tensor for d in postorder(size) if isinstance(d, Dim)]
                self.shares.update((i, max(part.value.denominator, self.shares.get(i, 1))) for i in of)

    def told(self) -> None:
        """Of which letters the stated ranges take a share."""
        for extent in {self.sizes[i] for i in self.stated}:
            found = fitted_whole(extent, self.dims)
            if found is not None:
                self._share(found)

    def changing(self, values: Sequence[float]) -> Expr:
        """A number that changes with the sizes, as an expression of them; the same number where nothing tells how."""
        found = fitted(values, self.dims, self.close) or self._whole_share(values) or self._counted_off(values)
        if found is None:
            some = ", ".join(f"{v:.9g}" for v in values[1:3])
            how = f"is {some} at others, and nothing tells how it changes"
            raise Apart(f"the number {values[0]:.9g} {how}", self.where)
        above, below = found
        return mul(above, call("power", below, Number(Fraction(-1)))) if below is not ONE else above

    def _whole_share(self, values: Sequence[float]) -> tuple[Expr, Expr] | None:
        """A whole number that changes as ``floor(n/2)`` does, or one over it: above and below the fraction line."""
        for some, up in ((values, True), ([1 / v if v else 0.0 for v in values], False)):
            near = tuple(map(round, some))
            if all(n > 0 and abs(v / n - 1) < self.close for v, n in zip(some, near, strict=True)):
                e = fitted_whole(near, self.dims)
                if e is not None:
                    self._share(e)
                    return (e, ONE) if up else (ONE, e)
        return None

    def _counted_off(self, values: Sequence[float]) -> tuple[Expr, Expr] | None:
        """How many entries an array has, or one over it: a product of lengths that letters have."""
        lengths = list(dict.fromkeys(n for n in self.sizes.values() if len(set(n)) > 1))[:_LENGTHS]
        for up in (True, False):
            some = [v if up else (1 / v if v else 0.0) for v in values]
            for k in (2, 3, 4):
                for axes in combinations_with_replacement(lengths, k):
                    if all(abs(v - n) < self.close * n for v, n in zip(some, times(axes, self.count), strict=True)):
                        parts = [fitted_whole(n, self.dims) for n in axes]
                        e = mul(*(p for p in parts if p is not None))
                        if None not in parts:
                            self._share(e)
                            return (e, ONE) if up else (ONE, e)
        return None

    def values(self, e: Expr) -> np.ndarray[Any, Any] | None:
        """The numbers that an expression without letters and tensors is, trace by trace."""
        match e:
            case Number(value):
                return np.full(self.count, float(value))
            case Dim(name, _):
                return np.array(self.sizes[name], float) if name in self.sizes else None
            case Add() | Mul() | Call():
                if e.free or e is IMAGINARY or (isinstance(e, Call) and e.function not in NUMPY):
                    return None
                below = [self.values(c) for c in e.children]
                known = [b for b in below if b is not None]
                if len(known) < len(below):
                    return None
                if isinstance(e, Add):
                    return sum(known, np.zeros(self.count))
                if isinstance(e, Mul):
                    return np.prod(known, axis=0)
                with np.errstate(all="ignore"):
                    return np.broadcast_to(np.asarray(NUMPY[e.function](*known), float), (self.count,))
            case _:
                return None

    def bounds(self, e: Expr) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        """The least and the greatest value of an affine form of indices."""
        match e:
            case Index(name) if name in self.sizes:
                return np.zeros(self.count), np.array(self.sizes[name], float) - 1
            case Add():
                parts = [self.bounds(t) for t in e.terms]
                known = [p for p in parts if p is not None]
                if len(known) < len(parts):
                    return None
                none = np.zeros(self.count)
                return sum((p[0] for p in known), none), sum((p[1] for p in known), none)
            case Mul():
                inner = [f for f in e.factors if f.free]
                if not inner:
                    value = self.values(e)
                    return (value, value) if value is not None else None
                scale = self.values(mul(*(f for f in e.factors if not f.free)))
                part = self.bounds(inner[0]) if len(inner) == 1 else None
                if scale is None or part is None:
                    return None
                ends = np.array([scale * part[0], scale * part[1]])
                return ends.min(0), ends.max(0)
            case Call("max" | "min" as op, (a, b)):
                left, right, rule = self.bounds(a), self.bounds(b), np.maximum if op == "max" else np.minimum
                return (rule(left[0], right[0]), rule(left[1], right[1])) if left and right else None
            case _:
                value = self.values(e)
                return (value, value) if value is not None else None

    def settled(self, e: Expr) -> Expr:
        """``e`` with brackets that hold everywhere, or nowhere, said to do so."""

        def rule(n: Expr) -> Expr:
            if not isinstance(n, Bracket) or any(isinstance(c, Tensor) for c in n.children):
                return n
            span = self.bounds(add(n.left, negate(n.right)))
            if span is None:
                return n
            low, high = span
            apart, one = (low > 0) | (high < 0), (low == 0) & (high == 0)
            always = {"=": one, "≠": apart, "<": high < 0, "≤": high <= 0, ">": low > 0, "≥": low >= 0}
            never = {"=": apart, "≠": one, "<": low >= 0, "≤": low > 0, ">": high <= 0, "≥": high < 0}
            return ONE if always[n.relation].all() else ZERO if never[n.relation].all() else n

        return transform(e, rule) if e.free or isinstance(e, Bracket) else e

    def square(self) -> None:
        """Nothing, if letters that a bracket says are equal run over axes of one size.

        Errors: Apart; ``A_ii`` is of square matrices alone.
        """
        for _, value, where, _ in self.definitions.values():
            for n in postorder(value):
                match n:
                    case Bracket(relation="=", left=Index(name=i), right=Index(name=j)):
                        if i in self.sizes and j in self.sizes and self.sizes[i] != self.sizes[j]:
                            raise Apart("axes of different sizes have one letter", where)
                    case _:
                        pass

    # ------------------------------------------------------------- definitions
    def input(self, name: str, shape: tuple[Extent, ...], tree: bool = False) -> Traced:
        letters = tuple(self.letter(n) for n in shape)
        self.inputs[name] = letters
        for i, n in zip(letters, shape, strict=True):
            if len(set(n)) > 1 and not self.tables.get(name, ((), ""))[1]:
                self.dims.setdefault(n, size_of(i))
        if tree:
            self.trees.add(name)
        return Traced(Tensor(name, tuple(map(Index, letters))), tuple((i,) for i in letters))

    def define(self, expr: Expr, axes: tuple[Axis, ...]) -> Traced:
        """The value under a name, unless it is as simple as a name."""
        if bare(expr):
            if not isinstance(expr, (Index, Add, Mul)) and distance(expr) is None and not clipped(expr):
                raise self.refuse("the value of an index is used as a number", NO_POSITIONS)
            return Traced(expr, axes)
        if _simple(expr):
            return Traced(expr, axes)
        return Traced(self.named(expr, axes), axes)

    def named(self, expr: Expr, axes: tuple[Axis, ...]) -> Expr:
        """An entry of a tensor that is defined so; the same thing is defined once, whatever its letters."""
        number, order = self.patterns.of(expr)
        known = self.known.get(number)
        if known is not None and [self.sizes[i] for i in known[1]] == [self.sizes[i] for i in order]:
            name, old = known
            put = dict(zip(old, order, strict=True))
            for i, j in put.items():
                self.one_range(i, j)
            return Tensor(name, tuple(Index(put[i]) for i in self.definitions[name].letters))
        own = tuple(i for axis in axes for i in axis if i in expr.free)
        letters = (*(i for i in self.around if i in expr.free and i not in own), *own)
        name = f"·{len(self.definitions)}"
        self.definitions[name] = Definition(letters, expr, self.where)
        self.known[number] = name, order
        return Tensor(name, tuple(map(Index, letters)))

    def look(self, e: Expr) -> Expr:
        """What a name stands for, one step deep."""
        while isinstance(e, Tensor) and e.name in self.definitions:
            letters, value, _, start = self.definitions[e.name]
            if start is not None or len(letters) != len(e.subscripts):  # a recurrence stands for itself
                break
            if isinstance(value, Reduce) and value.at and shorter(self.sizes, letters, e.subscripts):
                break
            e = substitute(value, dict(zip(letters, e.subscripts, strict=True)))
            if isinstance(e, Tensor):
                break
        return e

    def refuse(self, problem: str, fix: str | None = None) -> UnreadableFunction:
        return UnreadableFunction(problem, known=f"at {self.where}" if self.where else None, fix=fix)

    # ------------------------------------------------------------- sums
    def total(self, letters: Sequence[str], body: Expr) -> Expr:
        """``Σ body``; over what the body does not depend on, as often as that is long.

        A sum in which a bracket says from where to where its letter runs, ``Σ_i [i ≥ 3] x[i - 3]``, is taken over that.
        """
        idle = [size_of(i) for i in letters if i not in body.free and not is_one(self.sizes[i])]
        left = [i for i in letters if i in body.free]
        return mul(*idle, sum_over(left, body))

    def reduced(self, v: Traced, axes: Sequence[int]) -> tuple[list[str], Expr, tuple[Axis, ...]]:
        if bare(v.expr):
            raise self.refuse("the value of an index is used as a number", NO_POSITIONS)
        gone = [i for k in axes for i in v.axes[k]]
        new = {i: self.letter(self.sizes[i], i) for i in gone}
        body = substitute(v.expr, {i: Index(j) for i, j in new.items()})
        return list(new.values()), body, tuple(a for k, a in enumerate(v.axes) if k not in axes)


def _simple(e: Expr) -> bool:
    """What needs no name: a number, an entry, a bracket, one of these with a sign or stopped."""
    match e:
        case Number() | Tensor() | Bracket() | Index() | Dim():
            return True
        case Call():
            if e.function in (INFINITY, NOT_A_NUMBER, FINITE, STOP, IS_NAN):
                return True
            return not e.free and _of_sizes(e)
        case Mul():
            return all(isinstance(f, (Bracket, Number)) or f is INF or _of_sizes(f) for f in e.factors)
        case Add():
            return _of_sizes(e)
        case _:
            return False


def _of_sizes(e: Expr) -> bool:
    """Whether there are only numbers and sizes in it."""
    stack = [e]
    while stack:
        n = stack.pop()
        if not isinstance(n, (Number, Dim, Add, Mul, Call)) or (isinstance(n, Call) and n.function.startswith("·")):
            return False
        stack.extend(n.children)
    return True
