"""What is on the page while a program is read: arrays as expressions with letters, definitions, arrays in parts.

In: operations on values, one after the other. Out: definitions by anonymous name. A value is an expression with the
letters of every axis; letters that run over one range are tied together. A program is read at several sizes of its
arguments at once, so a size is a tuple, one number for each. This file does not know the program's language, and calls
nothing by another name than the program does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.build import ONE, ZERO, add, bracket, call, mul, negate, substitute, sum_over
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Tensor
from tensorprop.core.pattern import Patterns
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import Unsupported
from tensorprop.run.functions import NUMPY
from tensorprop.trace.numbers import Extent, fitted, fitted_whole, times
from tensorprop.trace.readable import (
    FINITE,
    INFINITY,
    NOT_A_NUMBER,
    STOP,
    Definition,
    Output,
    Trace,
    bare,
    size_of,
)

__all__ = ["INF", "NO_POSITIONS", "TWO", "Apart", "Axis", "Part", "Sheet", "Traced", "is_one"]

INF = call(INFINITY)
TWO = Number(Fraction(2))
NO_POSITIONS = "positions stand in comparisons and subscripts only: pass them as an array of numbers"
_MANY = 16  # parts of an array, from which on it is written as one

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
    parts: tuple[Part, ...] = ()
    along: int = 0
    held: Callable[[], tuple[Any, ...]] | None = None


class Part(NamedTuple):
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
        self.outside: set[str] = set()  # tensors that are 0 outside their axes
        self.stated: set[str] = set()  # letters of parts of axes, whose size is to be stated
        self.patterns = Patterns()
        self.known: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.notes: list[str] = []
        self.numbers: list[tuple[float, str]] = []  # those that stay the same, and where they stand
        self.where = ""  # the place in the program that is being read
        self.mean = False  # whether the program is there to take a mean
        self.close = 1e-6  # how near two numbers are that the program cannot tell apart

    def trace(self, outputs: list[Output]) -> Trace:
        trees = frozenset(self.trees)
        return Trace(
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
        return found

    def changing(self, values: Sequence[float]) -> Expr:
        """A number that changes with the sizes, as an expression of them; the same number where nothing tells how."""
        found = fitted(values, self.dims, self.close)
        if found is None:
            some = ", ".join(f"{v:.9g}" for v in values[1:3])
            how = f"is {some} at others, and nothing tells how it changes"
            raise Apart(f"the number {values[0]:.9g} {how}", self.where)
        above, below = found
        return mul(above, call("power", below, Number(Fraction(-1)))) if below is not ONE else above

    def values(self, e: Expr) -> np.ndarray[Any, Any] | None:
        """The numbers that an expression without letters and tensors is, trace by trace."""
        match e:
            case Number(value):
                return np.full(self.count, float(value))
            case Dim(name, _):
                return np.array(self.sizes[name], float) if name in self.sizes else None
            case Add() | Mul() | Call():
                if e.free or (isinstance(e, Call) and e.function not in NUMPY):
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
        for _, value, where in self.definitions.values():
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
            if len(set(n)) > 1 and name not in self.tables:
                self.dims.setdefault(n, size_of(i))
        if tree:
            self.trees.add(name)
        return Traced(Tensor(name, tuple(map(Index, letters))), tuple((i,) for i in letters))

    def define(self, expr: Expr, axes: tuple[Axis, ...]) -> Traced:
        """The value under a name, unless it is as simple as a name."""
        if bare(expr):
            if not isinstance(expr, (Index, Add, Mul)):
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
        letters = tuple(i for axis in axes for i in axis if i in expr.free)
        name = f"·{len(self.definitions)}"
        self.definitions[name] = Definition(letters, expr, self.where)
        self.known[number] = name, order
        return Tensor(name, tuple(map(Index, letters)))

    def look(self, e: Expr) -> Expr:
        """What a name stands for, one step deep."""
        while isinstance(e, Tensor) and e.name in self.definitions:
            letters, value, _ = self.definitions[e.name]
            e = substitute(value, dict(zip(letters, e.subscripts, strict=True)))
            if isinstance(e, Tensor):
                break
        return e

    def output(self, name: str, v: Traced) -> Output:
        """An output: one letter for every axis, and no axis of size 1 that nothing depends on.

        Axes that were made one are told apart by a bracket: ``y_o = Σ_hk [o = 3h + k] x_hk``.
        """
        v = self.whole(v)
        letters: list[str] = []
        expr = v.expr
        if bare(expr) and v.held is not None:
            expr = self.table(v).expr
        for k, axis in enumerate(v.axes):
            if len(axis) > 1:
                o = self.letter(self.size(axis), stated=True)
                self.made.append((o, axis))
                if not bare(expr) and not isinstance(expr, Tensor):
                    expr = self.define(expr, v.axes).expr
                here = [i for i in axis if i in expr.free]
                new = {i: self.letter(self.sizes[i], i) for i in axis}
                inside = substitute(expr, {i: Index(j) for i, j in new.items()})
                if not here:
                    axis = (o,)
                else:
                    place = self.affine(tuple(new.values()))
                    expr = sum_over(new.values(), mul(bracket("=", Index(o), place), inside))
                    axis = (o,)
            if not axis:
                self.notes.append(f"axis {k} of {name} has size 1 and is left out")
            letters += axis
        return Output(name, tuple(letters), expr)

    def table(self, v: Traced) -> Traced:
        """A value that depends on no argument, as an input that is given.

        Errors: those of ``Sheet.constant``.
        """
        assert v.held is not None
        return self.constant(v.held())

    def constant(self, arrays: tuple[Any, ...], given: bool = False) -> Traced:
        """An array that the function holds, at each of the sizes."""
        raise NotImplementedError

    def refuse(self, problem: str, fix: str | None = None) -> Unsupported:
        return Unsupported(problem, known=f"at {self.where}" if self.where else None, fix=fix)

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

    # ------------------------------------------------------------- arrays in parts
    def joined(self, pieces: Sequence[tuple[Extent, Traced]], along: int) -> Traced:
        """Arrays one after the other along an axis, each with its length."""
        start, parts = self.one(0), list[Part]()
        for size, value in pieces:
            if size == self.one(0):
                continue
            inner = [(size, value)]
            if value.parts and value.along == along:
                inner = [(p.size, p.value) for p in value.parts]
            for n, v in inner:
                parts.append(Part(start, n, v))
                start = tuple(a + b for a, b in zip(start, n, strict=True))
        if len(parts) == 1:
            return parts[0].value
        first = parts[0].value
        axes = list(first.axes)
        for k in range(len(axes)):
            axes[k] = max((p.value.axes[k] for p in parts), key=len)
        axes[along] = self.axis(start, stated=True)
        self.together.append((axes[along][0], tuple(p.value.axes[along] for p in parts)))
        parts = [self._like(p, tuple(axes), along) for p in parts]
        v = Traced(ZERO, tuple(axes), tuple(parts), along)
        return v if len(parts) <= _MANY else self.whole(v)

    def _like(self, p: Part, axes: tuple[Axis, ...], along: int) -> Part:
        """The part over the letters that the whole has along its other axes."""
        put: dict[str, Expr] = {}
        for k, (here, there) in enumerate(zip(p.value.axes, axes, strict=True)):
            if k != along:
                put.update(self.put(here, there))
        own = tuple(p.value.axes[k] if k == along else axis for k, axis in enumerate(axes))
        return p._replace(value=self.substituted(p.value, put, own))

    def substituted(self, v: Traced, put: Mapping[str, Expr], axes: tuple[Axis, ...]) -> Traced:
        """The value with expressions for letters; ``axes`` are those that it has then."""
        parts = tuple(
            p._replace(
                value=self.substituted(
                    p.value, put, tuple(p.value.axes[k] if k == v.along else a for k, a in enumerate(axes))
                )
            )
            for p in v.parts
        )
        return Traced(self.settled(substitute(v.expr, put)), axes, parts, v.along)

    def whole(self, v: Traced) -> Traced:
        """An array in parts as one expression: ``[i < 3] a_i + [i ≥ 3] b[i - 3]``."""
        if not v.parts:
            return v
        (letter,) = v.axes[v.along]
        terms: list[Expr] = []
        for n, p in enumerate(v.parts):
            part = self.whole(p.value)
            place = add(Index(letter), negate(self.amount_of(p.start)))
            own = part.axes[v.along]
            expr = part.expr
            if own and not isinstance(expr, (Tensor, Number)) and not bare(expr):
                expr = self.named(expr, part.axes)
            if len(own) > 1:
                raise self.refuse("axes that were made one, put together with others", "keep the axes apart")
            expr = substitute(expr, {own[0]: place}) if own else expr
            if expr is ZERO:
                continue
            end = tuple(a + b for a, b in zip(p.start, p.size, strict=True))
            if is_one(p.size):
                where: list[Expr] = [bracket("=", Index(letter), self.amount_of(p.start))]
            else:
                where = [bracket("≥", Index(letter), self.amount_of(p.start))] if n else []
                if n + 1 < len(v.parts):
                    where.append(bracket("<", Index(letter), self.amount_of(end)))
            terms.append(mul(*where, expr))
        return Traced(add(*terms), v.axes, held=v.held)

    def cut(self, v: Traced, k: int, start: Extent, size: Extent, step: Extent | None = None) -> Traced:
        """The entries ``start, start + step …`` along an axis, so many of them."""
        step = step or self.one(1)
        if is_one(step) and start == self.one(0) and size == self.size(v.axes[k]):
            return v
        if v.parts and k == v.along and is_one(step):
            got = list(self._within(v, start, size))
            if got:
                return self.joined(got, k)
        if v.parts and k == v.along:
            v = self.whole(v)
        axis = v.axes[k]
        if len(axis) > 1:
            return self._cut_merged(v, k, start, size, step)
        new = self.axis(size, stated=True)
        place = self.amount_of(start)
        if new:
            place = add(mul(self.amount_of(step), Index(new[0])), place)
        if new and is_one(step):
            self.made.append((new[0], axis))
        axes = tuple(new if n == k else a for n, a in enumerate(v.axes))
        return self.substituted(v, {i: place for i in axis}, axes)

    def _cut_merged(self, v: Traced, k: int, start: Extent, size: Extent, step: Extent) -> Traced:
        """A part of an axis made of several: whole blocks of the first of them, or the diagonal of two."""
        axis = v.axes[k]
        block = self.size(axis[1:])
        if len(axis) == 2 and start == self.one(0) and step == tuple(n + 1 for n in block) and size == block:
            self.one_range(*axis)
            axes = tuple((axis[0],) if n == k else a for n, a in enumerate(v.axes))
            return self.substituted(v, {axis[1]: Index(axis[0])}, axes)
        whole = all(a % b == 0 and n % b == 0 for a, n, b in zip(start, size, block, strict=True))
        if not is_one(step) or not whole:
            raise self.refuse("a part of an axis that is made of two", "keep the axes apart")
        count = tuple(n // b for n, b in zip(size, block, strict=True))
        first = tuple(a // b for a, b in zip(start, block, strict=True))
        new = self.axis(count, stated=True)
        place = add(Index(new[0]), self.amount_of(first)) if new else self.amount_of(first)
        axes = tuple((*new, *axis[1:]) if n == k else a for n, a in enumerate(v.axes))
        return self.substituted(v, {axis[0]: place}, axes)

    def _within(self, v: Traced, start: Extent, size: Extent) -> Iterator[tuple[Extent, Traced]]:
        """The parts of an array between two places, or pieces of them."""
        end = tuple(a + b for a, b in zip(start, size, strict=True))
        for p in v.parts:
            last = tuple(a + b for a, b in zip(p.start, p.size, strict=True))
            low = self.ordered(p.start, start)[1]
            high = self.ordered(last, end)[0]
            if all(a >= b for a, b in zip(low, high, strict=True)):
                continue
            offset = tuple(a - b for a, b in zip(low, p.start, strict=True))
            length = tuple(b - a for a, b in zip(low, high, strict=True))
            yield length, self.cut(p.value, v.along, offset, length)

    def ordered(self, a: Extent, b: Extent) -> tuple[Extent, Extent]:
        """The lesser and the greater of two places, which must be in one order at all sizes."""
        if all(x <= y for x, y in zip(a, b, strict=True)):
            return a, b
        if all(x >= y for x, y in zip(a, b, strict=True)):
            return b, a
        raise Apart("two places on an axis change their order with the sizes", self.where)

    def alike(self, *axes: Axis) -> None:
        """Axes of one size run over one range."""
        letters = [i for axis in axes if len(axis) == 1 for i in axis]
        for i in letters[1:]:
            if self.sizes[i] == self.sizes[letters[0]]:
                self.one_range(letters[0], i)

    def segments(self, values: Sequence[Traced], along: Sequence[int]) -> list[tuple[Extent, Extent]] | None:
        """Start and size of the pieces into which arrays in parts fall along one axis; None if none is in parts."""
        edges: list[Extent] = []
        for v, k in zip(values, along, strict=True):
            if v.parts and v.along == k:
                edges += [p.start for p in v.parts]
                last = v.parts[-1]
                edges.append(tuple(a + b for a, b in zip(last.start, last.size, strict=True)))
        if not edges:
            return None
        found = sorted(set(edges))
        for a, b in pairwise(found):
            if self.ordered(a, b)[0] is not a:
                raise Apart("two places on an axis change their order with the sizes", self.where)
        return [(a, tuple(y - x for x, y in zip(a, b, strict=True))) for a, b in pairwise(found)]

    def by_parts(self, args: Sequence[Traced], rule: Callable[[list[Traced]], Traced]) -> Traced:
        """What ``rule`` makes of arrays of one shape, part by part where some are in parts."""
        rank = max(len(v.axes) for v in args)
        k = next((v.along for v in args if v.parts), None)
        if k is None:
            return rule(list(args))
        args = [v if len(v.axes) == rank else Traced(v.expr, ((),) * rank, held=v.held) for v in args]
        self.alike(*(v.axes[k] for v in args))
        pieces = self.segments(args, [k] * len(args))
        if pieces is None or len(pieces) > _MANY:
            return rule([self.whole(v) for v in args])
        out = []
        for start, size in pieces:
            some = [self.cut(v, k, start, size) if v.axes[k] else v for v in args]
            out.append((size, self.by_parts(some, rule)))
        return self.joined(out, k)


def _simple(e: Expr) -> bool:
    """What needs no name: a number, an entry, a bracket, one of these with a sign or stopped."""
    match e:
        case Number() | Tensor() | Bracket() | Index() | Dim():
            return True
        case Call():
            if e.function in (INFINITY, NOT_A_NUMBER, FINITE, STOP):
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
