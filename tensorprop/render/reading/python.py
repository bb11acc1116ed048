"""Formulas as NumPy or JAX code, read into typed parts; nothing is run.

In: a Python expression, ``np.outer(a, δz)``, ``p * (δp - (p @ δp))``. Out: an array as its entry and its axes, with
NumPy's own rules: vectors lie nowhere, ``*`` broadcasts from the last axis, ``@`` sums the last axis of one with the
last but one of the other. The syntax is Python's own; what is no operation on arrays is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NoReturn

from tensorprop.calculus.laws import straightened
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    bracket,
    call,
    mul,
    negate,
    number,
    power,
    reduce,
    substitute,
)  # fmt: skip
from tensorprop.core.expr import Dim, Expr, Index, Number, Tensor
from tensorprop.core.functions import ALONG, SPELLED, is_matrix, keeps
from tensorprop.core.names import adjoint_name
from tensorprop.errors import ParseError, SpecTooLong, UnexpectedChar
from tensorprop.render.code import called, identifier, typed_as
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.reading.lexemes import LIMIT, WHOLE
from tensorprop.render.reading.places import axes_named, from_the_end, padded, picked, whole_number, widths_of
from tensorprop.render.reading.typed import Misfit, Typed, Types, along, of_matrix, power_of

__all__ = ["Code", "Operand", "is_code", "read_code"]

_MARKS = (
    *("np.", "jnp.", "scipy.", "numpy.", "jax.", "torch.", "**"),
    *(".shape", "len(", "None", ".mT", "axis=", ".sum(", ".mean(", ".dot("),
)
_ALIASES = {
    **{"maximum": "max", "minimum": "min", "amax": "max", "amin": "min", "absolute": "abs", "power": "power"},
    **{"sigmoid": "sigmoid", "log_softmax": "logsoftmax", "log_sigmoid": "logsigmoid", "logaddexp.reduce": "logsumexp"},
    **{"logsumexp": "logsumexp", "soft_sign": "softsign", "expit": "sigmoid", "matrix_exp": "expm"},
}
_PAIRS = {"slogdet[1]": "logdet", "eigh[0]": "eigvalsh", "eigh[1]": "eigvecs"}
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "≠", ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥",
}  # fmt: skip


def is_code(text: str) -> bool:
    """Whether a formula is Python: what no page of mathematics has stands in it.

    >>> is_code("np.outer(a, δz)"), is_code("a.T @ δz"), is_code("aᵀ δz")
    (True, True, False)
    """
    return any(mark in text for mark in _MARKS) or ("@" in text and not any(sign in text for sign in _PAGE))


_PAGE = "ᵀ⊤⊙⊘∘′'^‖√𝟏"  # what stands on a page, and in no code


@dataclass(frozen=True)
class Operand:
    """An entry, the letter of every axis (None for one of size 1), and how it was written."""

    entry: Expr
    axes: tuple[str | None, ...]
    math: Math

    @property
    def typed(self) -> Typed:
        """As a part that stands: a vector is a column."""
        rows, columns = (*self.axes, None, None)[:2]
        return Typed(self.entry, rows, columns, self.math)

    def whole(self, of: Callable[[Typed], Typed]) -> Operand:
        """A function of its last two axes as a matrix, for every value of those before."""
        last = of(replace(self, axes=self.axes[-2:]).typed)
        return Operand(last.entry, (*self.axes[:-2], *last.letters), self.math)


def read_code(text: str, types: Types) -> Operand:
    """The array that an expression gives."""
    if len(text) > LIMIT:
        raise SpecTooLong(f"the formula has {len(text):,} characters; the limit is {LIMIT:,}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return Code(text.strip(), types).value(tree.body)
    except SyntaxError as error:
        at = max(0, (error.offset or 1) - 1)
        raise ParseError(f"this is no Python expression: {error.msg}", text, (at, at + 1)) from None
    except (RecursionError, MemoryError, ValueError):
        raise ParseError("the expression is nested too deeply", text) from None


class Code:
    """A reader of expressions on arrays."""

    def __init__(self, text: str, types: Types) -> None:
        self._text = text
        self.types = types
        self._names = {identifier(n): n for n in types.names.ranks}
        self._names |= {identifier(adjoint_name(n)): adjoint_name(n) for n in types.names.ranks}
        for n in types.names.ranks:  # dW, as people type it
            for typed in (identifier(n), *typed_as(n)):  # W, and alpha for α
                self._names.setdefault(typed, n)
                self._names.setdefault(f"d{typed}", adjoint_name(n))

    def refuse(self, n: ast.AST, problem: str, fix: str | None = None) -> NoReturn:
        start, end = getattr(n, "col_offset", 0), getattr(n, "end_col_offset", 1) or 1
        encoded = self._text.encode()
        span = len(encoded[:start].decode(errors="ignore")), len(encoded[:end].decode(errors="ignore"))
        raise UnexpectedChar(problem, self._text, span, fix=fix)

    def math(self, n: ast.AST) -> Math:
        text = ast.get_source_segment(self._text, n) or ""  # type: ignore[arg-type]
        return Math(text, rf"\mathtt{{{text}}}".replace("_", r"\_"))

    def value(self, n: ast.AST) -> Operand:
        """An expression."""
        match n:
            case ast.Constant(complex(real=0.0, imag=times)):
                return Operand(mul(number(repr(times)), call("imaginary")), (), self.math(n))
            case ast.Constant(value) if isinstance(value, (int, float)) and not isinstance(value, bool):
                return Operand(Number(Fraction(repr(value))), (), self.math(n))
            case ast.Name(name):
                return self.named(n, name)
            case ast.UnaryOp(ast.USub(), of):
                a = self.value(of)
                return replace(a, entry=negate(a.entry), math=self.math(n))
            case ast.UnaryOp(ast.UAdd(), of):
                return self.value(of)
            case ast.BinOp(left, op, right):
                return self._binary(n, op, self.value(left), self.value(right))
            case ast.Compare(left, [op], [right]) if type(op) in _COMPARED:
                a, b, axes = self._alike(self.value(left), self.value(right), _COMPARED[type(op)])
                return Operand(bracket(_COMPARED[type(op)], a, b), axes, self.math(n))
            case ast.Attribute(of, "T" | "mT" as turn):
                a = self.value(of)
                k = max(len(a.axes) - 2, 0) if turn == "mT" else 0
                return replace(a, axes=(*a.axes[:k], *a.axes[k:][::-1]), math=self.math(n))
            case ast.Subscript(ast.Attribute(of, "shape"), k) if (axis := whole_number(k)) is not None:
                return self._size(n, self.value(of), axis)
            case ast.Call(ast.Name("len"), [of], []):
                return self._size(n, self.value(of), 0)
            case ast.Subscript(ast.Call(ast.Attribute(_, f), [inner]), ast.Constant(k)) if f"{f}[{k}]" in _PAIRS:
                t = of_matrix(self.types, _PAIRS[f"{f}[{k}]"], self.value(inner).typed)
                return Operand(t.entry, t.letters, self.math(n))
            case ast.Subscript(of, index):
                return self._indexed(n, self.value(of), index)
            case ast.Call():
                return self._call(n)
            case ast.Attribute(ast.Name("np" | "jnp" | "numpy" | "math"), "pi"):
                return Operand(call("pi"), (), self.math(n))
            case _:
                self.refuse(n, f"{type(n).__name__} is no operation on arrays")

    def named(self, n: ast.AST, name: str) -> Operand:
        if name not in self._names:
            return Operand(self.types.length(name, self._text).entry, (), self.math(n))
        whole, rank = self._names[name], self.types.names.rank(self._names[name]) or 0
        if rank > 2 and not self.types.carried:
            letters = tuple(self.types.new((whole, k)) for k in range(rank))
            return Operand(Tensor(whole, tuple(map(Index, letters))), letters, self.math(n))
        t = self.types.tensor(whole)
        return Operand(t.entry, t.letters, self.math(n))

    def _size(self, n: ast.AST, a: Operand, k: int) -> Operand:
        if not -len(a.axes) <= k < len(a.axes):
            self.refuse(n, f"there is no axis {k}")
        letter = a.axes[k]
        size = None if letter is None else self.types.names.size(self.types.range[letter])
        return Operand(ONE if letter is None else size or self.refuse(n, "nothing tells this size"), (), self.math(n))

    def _indexed(self, n: ast.AST, a: Operand, index: ast.AST) -> Operand:
        """``x[:, None]``, ``x[0]``."""
        parts = list(index.elts) if isinstance(index, ast.Tuple) else [index]
        left = list(a.axes)
        axes: list[str | None] = []
        places: list[tuple[str | None, Operand]] = []
        entry, at = a.entry, 0
        for p in parts:
            match p:
                case ast.Constant(None):
                    axes.append(None)
                case ast.Attribute(_, "newaxis"):
                    axes.append(None)
                case ast.Constant(value) if value is Ellipsis:
                    rest = sum(not (isinstance(q, ast.Constant) and q.value is None) for q in parts) - 1
                    axes += left[: len(left) - rest]
                    left = left[len(left) - rest :]
                case ast.Slice(None, None, None) if left:
                    axes.append(left.pop(0))
                case ast.Slice(None, None, step) if left and whole_number(step) == -1:
                    axes.append(i := left.pop(0))
                    entry = entry if i is None else self.turned(n, entry, i)
                case ast.Constant(int() as k) if left:
                    i = left.pop(0)
                    entry = entry if i is None else substitute(entry, {i: number(k)})
                case ast.Slice():
                    self.refuse(n, "only whole axes, entries and new axes can be read", "write x[:, None] or x[0]")
                case _ if left:
                    places.append((left.pop(0), self.value(p)))
                    at = len(axes) if len(places) == 1 else at
                case _:
                    self.refuse(n, f"the array has {len(a.axes)} axes, and more are named")
        if places:
            entry, common = self.at_places(entry, places)
            axes[at:at] = common
        return Operand(entry, (*axes, *left), self.math(n))

    def at_places(self, entry: Expr, places: list[tuple[str | None, Operand]]) -> tuple[Expr, tuple[str | None, ...]]:
        """What stands where arrays of places say, which are broadcast against one another."""
        found, common = [places[0][1].entry], places[0][1].axes
        for _, other in places[1:]:
            _, more, common = self._alike(Operand(ZERO, common, other.math), other, "[ ]")
            found.append(more)
        return picked(entry, [i for i, _ in places], found), common

    def turned(self, n: ast.AST, entry: Expr, i: str) -> Expr:
        """An entry read from the end: ``x[dim - 1 - i]``."""
        size = self.types.names.size(self.types.range[i])
        if size is None:
            self.refuse(n, "nothing tells this size")
        return straightened(substitute(entry, {i: add(size, MINUS_ONE, negate(Index(i)))}))

    # ----------------------------------------------------------------- two operands
    def _binary(self, n: ast.AST, op: ast.operator, a: Operand, b: Operand) -> Operand:
        match op:
            case ast.MatMult():
                return replace(self._product(a, b), math=self.math(n))
            case ast.Add() | ast.Sub():
                one, other, axes = self._alike(a, b, "+" if isinstance(op, ast.Add) else "−")
                return Operand(add(one, other if isinstance(op, ast.Add) else negate(other)), axes, self.math(n))
            case ast.Mult():
                one, other, axes = self._alike(a, b, "⊙")
                return Operand(mul(one, other), axes, self.math(n))
            case ast.Div():
                one, other, axes = self._alike(a, b, "⊘")
                return Operand(mul(one, power(other, MINUS_ONE)), axes, self.math(n))
            case ast.Pow():
                one, other, axes = self._alike(a, b, "^")
                return Operand(power_of(one, other), axes, self.math(n))
            case _:
                self.refuse(n, f"{type(op).__name__} is no operation on arrays")

    def _alike(self, a: Operand, b: Operand, sign: str) -> tuple[Expr, Expr, tuple[str | None, ...]]:
        """Both entries over common axes, matched from the last."""
        rank = max(len(a.axes), len(b.axes))
        mine = (None,) * (rank - len(a.axes)) + a.axes
        theirs = (None,) * (rank - len(b.axes)) + b.axes
        new: dict[str, Expr] = {}
        axes: list[str | None] = []
        for i, j in zip(mine, theirs, strict=True):
            if i is not None and j is not None:
                if not self.types.fits(i, j):
                    raise Misfit(a.typed, b.typed, sign, self.types)
                new[j] = Index(i)
            axes.append(i if i is not None else j)
        return a.entry, substitute(b.entry, new), tuple(axes)

    def _product(self, a: Operand, b: Operand) -> Operand:
        """``a @ b``."""
        if not a.axes or not b.axes:
            raise Misfit(a.typed, b.typed, "product", self.types)
        k = len(b.axes) - 2 if len(b.axes) > 1 else 0
        i, j = a.axes[-1], b.axes[k]
        if i is None or j is None or not self.types.fits(i, j):
            raise Misfit(a.typed, b.typed, "product", self.types)
        m = max(len(a.axes) - 2, 0)  # axes in front of the two that are multiplied run along together
        one, other, front = self._alike(replace(a, axes=a.axes[:m]), replace(b, axes=b.axes[: max(k, 0)]), "product")
        rest = (*front, *a.axes[m:-1], *b.axes[k + 1 :])
        return Operand(self.types.contract(one, i, other, j), rest, a.math)

    # ----------------------------------------------------------------- calls
    def _call(self, n: ast.Call) -> Operand:
        parts: list[str] = []
        f: ast.AST = n.func
        while isinstance(f, ast.Attribute):
            parts.insert(0, f.attr)
            f = f.value
        module = f.id if isinstance(f, ast.Name) else ""
        if module == "scipy" and len(parts) == 2:
            parts = parts[1:]
        if module not in ("np", "jnp", "numpy", "jax", "torch", "scipy") or not parts:
            if isinstance(n.func, ast.Attribute) and n.func.attr == "swapaxes":
                return self.swapaxes(n, self.value(n.func.value))
            if isinstance(n.func, ast.Attribute) and n.func.attr == "transpose":
                return self.transposed(n, self.value(n.func.value))
            if isinstance(n.func, ast.Attribute):  # x.sum(axis=0)
                return self._named(n, n.func.attr, [self.value(n.func.value), *map(self.value, n.args)])
            return self._open(n, module)
        parts = [p for p in parts if p not in ("nn", "linalg", "special", "scipy", "numpy")]
        name = ".".join(parts)
        if name in _SHAPED:
            return replace(_SHAPED[name](self, n), math=self.math(n))
        return self._named(n, name, [self.value(a) for a in n.args])

    def _open(self, n: ast.Call, name: str) -> Operand:
        """A function that is left open, ``df(z)`` for ``f′(z)``; or a known one by its bare name."""
        args = [self.value(a) for a in n.args]
        stem, primes = name, ""
        for order, mark in enumerate("′″‴", 1):
            for f in self.types.names.system.functions if self.types.names.system is not None else ():
                if name == called(f.rstrip("′″‴") + mark) and f.rstrip("′″‴"):
                    stem, primes = f.rstrip("′″‴"), "′" * order
        if primes:
            t = self.types.apply(stem, len(primes), [args[0].typed])
            return Operand(t.entry, args[0].axes, self.math(n))
        return self._named(n, name, args)

    def _named(self, n: ast.Call, name: str, args: list[Operand]) -> Operand:
        own, name = name, _ALIASES.get(name, name)
        options = {k.arg: k.value for k in n.keywords}
        op = ALONG.get(name)
        if name == "expm_frechet" and len(args) == 2 and isinstance(given := options.get("compute_expm"), ast.Constant):
            t = along(self.types, "expm′", args[0].typed, args[1].typed)
            return Operand(t.entry, t.letters, self.math(n)) if given.value is False else self.refuse(n, "two results")
        if op is not None and is_matrix(op) and len(args) == 1:
            return replace(args[0].whole(lambda a: of_matrix(self.types, op, a)), math=self.math(n))
        if op is not None and (len(args) == 1 or (len(args) == 2 and own in ALONG)):
            where = {"axis": n.args[-1]} if len(args) == 2 else {}  # x.sum(0), np.sum(x, 0)
            return self.along(n, op, args[0], where | options)
        if not args:
            self.refuse(n, f"{name} needs an argument")
        if name in WHOLE:
            self.refuse(n, f"{name} is not a function of entries", "write np." + name)
        if name in ("step", "heaviside"):
            args = args[:1]  # np.heaviside is also told what it is at 0
        first, *rest = args
        entries, axes = [first.entry], first.axes
        for a in rest:
            one, other, wider = self._alike(Operand(entries[0], axes, first.math), a, name)
            entries, axes = [one, *entries[1:], other], wider
        function = SPELLED.get(name, name)
        if function == "logaddexp":
            return Operand(call("log", add(*(call("exp", e) for e in entries))), axes, self.math(n))
        return Operand(power_of(*entries) if function == "power" else call(function, *entries), axes, self.math(n))

    def along(self, n: ast.AST, op: str, a: Operand, options: Mapping[str | None, ast.expr]) -> Operand:
        """A reduction along one axis, several or all."""
        axis = options.get("axis")
        kept = "keepdims" in options
        where = whole_number(axis)
        several = [whole_number(k) for k in axis.elts] if isinstance(axis, ast.Tuple) else [where]
        if axis is not None and None in several and not (isinstance(axis, ast.Constant) and axis.value is None):
            self.refuse(axis, "an axis is a whole number")
        if where is None and keeps(op) and axis is None:
            several = [-1]
        places = [k % max(len(a.axes), 1) for k in several if k is not None] or range(len(a.axes))
        letters = [i for k in places if (i := a.axes[k]) is not None]
        if not letters:
            return a
        if keeps(op):
            (i,) = letters
            k = self.types.new(self.types.range[i])
            body = substitute(a.entry, {i: Index(k)})
            return Operand(reduce(op, (k,), body, (Index(i),)), a.axes, self.math(n))
        entry = a.entry
        if op == "sum":
            for i in letters:
                entry = self.types.summed(entry, i)
        else:
            entry = reduce(op, tuple(letters), entry)
        axes = [None if k in places else i for k, i in enumerate(a.axes) if kept or k not in places]
        return Operand(entry, tuple(axes), self.math(n))

    # ----------------------------------------------------------------- calls that look at shapes
    def outer(self, n: ast.Call) -> Operand:
        a, b = (self.value(x) for x in n.args)
        if len(a.axes) != 1 or len(b.axes) != 1:
            raise Misfit(a.typed, b.typed, "outer", self.types)
        return Operand(mul(a.entry, b.entry), (*a.axes, *b.axes), a.math)

    def dot(self, n: ast.Call) -> Operand:
        return self._product(*(self.value(x) for x in n.args))

    def diag(self, n: ast.Call) -> Operand:
        inside = n.args[0]
        around, self.types.squares = self.types.squares, isinstance(inside, ast.Call) and _called(inside) == "diag"
        a = self.value(inside)
        self.types.squares = around
        options = {k.arg: whole_number(k.value) for k in n.keywords}
        if options == {"axis1": -2, "axis2": -1} and len(a.axes) > 2:
            *front, i, j = a.axes
            if i is None or j is None or not self.types.fits(i, j):
                raise Misfit(a.typed, a.typed, "diag", self.types)
            return Operand(substitute(a.entry, {j: Index(i)}), (*front, i), a.math)
        if len(a.axes) > 2 or None in a.axes or not a.axes:
            self.refuse(n, "diag takes a vector or a matrix")
        t = self.types.apply("diag", 0, [a.typed])
        return Operand(t.entry, t.letters, a.math)

    def transposed(self, n: ast.Call, a: Operand) -> Operand:
        """``x.transpose(2, 0, 1)``."""
        order = [whole_number(k) for k in n.args] or list(range(len(a.axes)))[::-1]
        if sorted(k for k in order if k is not None) != list(range(len(a.axes))):
            self.refuse(n, "a transposition names every axis once")
        return replace(a, axes=tuple(a.axes[k] for k in order if k is not None), math=self.math(n))

    def trace(self, n: ast.Call) -> Operand:
        if n.keywords:
            a = self.diag(n)
            assert a.axes[-1] is not None
            return Operand(self.types.summed(a.entry, a.axes[-1]), a.axes[:-1], self.math(n))
        return Operand(self.types.apply("tr", 0, [self.value(n.args[0]).typed]).entry, (), self.math(n))

    def solve(self, n: ast.Call) -> Operand:
        """``np.linalg.solve(A, b)``: the inverse of A times b."""
        a, b = (self.value(x) for x in n.args)
        return self._product(a.whole(self.types.inverse), b)

    def ones(self, n: ast.Call) -> Operand:
        """``np.ones(n)``: a vector whose length the size tells."""
        shape = n.args[0]
        sizes = shape.elts if isinstance(shape, ast.Tuple) else [shape]
        letters = tuple(self.extent(s) for s in sizes)
        return Operand(ONE, letters, self.math(n))

    def zeros(self, n: ast.Call) -> Operand:
        return replace(self.ones(n), entry=ZERO)

    def full(self, n: ast.Call) -> Operand:
        return replace(self.ones(n), entry=self.value(n.args[1]).entry)

    def broadcast_to(self, n: ast.Call) -> Operand:
        """The array repeated: its axes of size 1 and those that it lacks run over the sizes that are told."""
        a, shape = self.value(n.args[0]), n.args[1]
        sizes = shape.elts if isinstance(shape, ast.Tuple) else [shape]
        own = [None] * (len(sizes) - len(a.axes)) + list(a.axes)
        axes = tuple(i if i is not None else self.over(self.value(s), s) for i, s in zip(own, sizes, strict=True))
        return replace(a, axes=axes)

    def swapaxes(self, n: ast.Call, a: Operand) -> Operand:
        one, other = (whole_number(k) or 0 for k in n.args)
        axes = list(a.axes)
        axes[one], axes[other] = axes[other], axes[one]
        return replace(a, axes=tuple(axes))

    def eye(self, n: ast.Call) -> Operand:
        i = self.extent(n.args[0])
        j = self.types.new(self.types.range[i])
        return Operand(bracket("=", Index(i), Index(j)), (i, j), self.math(n))

    def extent(self, n: ast.AST) -> str:
        """A letter over a size; over one with a name of its own what stands beside it tells which."""
        if isinstance(n, ast.Name) and n.id not in self._names and not self.types.names.called(n.id):
            return self.types.any()
        return self.over(self.value(n), n)

    def over(self, size: Operand, n: ast.AST) -> str:
        if isinstance(size.entry, Dim):
            return self.types.new((size.entry.tensor, size.entry.axis))
        if isinstance(size.entry, Number):
            return self.types.any()
        self.refuse(n, "a size is x.shape[0]")

    def where(self, n: ast.Call) -> Operand:
        condition, yes, no = (self.value(a) for a in n.args)
        if yes.entry is ONE and no.entry is ZERO and not yes.axes and not no.axes:
            return condition
        one, other, axes = self._alike(yes, no, "where")
        c, rest, axes = self._alike(condition, Operand(add(one, negate(other)), axes, yes.math), "where")
        base = Operand(mul(c, rest), axes, yes.math)
        left, right, axes = self._alike(base, no, "where")
        return Operand(add(left, right), axes, self.math(n))

    def einsum(self, n: ast.Call) -> Operand:
        spec, *operands = n.args
        if not isinstance(spec, ast.Constant) or not isinstance(spec.value, str) or "->" not in spec.value:
            self.refuse(n, "einsum needs its spec in quotes, with an arrow")
        into, out = spec.value.replace(" ", "").split("->")
        letters: dict[str, str] = {}
        entries: list[Expr] = []
        for places, x in zip(into.split(","), operands, strict=False):
            a = self.value(x)
            if len(places) != len(a.axes) or None in a.axes:
                self.refuse(x, f"{places} does not name the axes of an array with {len(a.axes)}")
            new: dict[str, Expr] = {}
            for c, i in zip(places, a.axes, strict=True):
                assert i is not None
                if not self.types.fits(letters.setdefault(c, i), i):
                    self.refuse(x, f"{c} runs over axes of different lengths")
                new[i] = Index(letters[c])
            entries.append(substitute(a.entry, new))
        entry = mul(*entries)
        for c, i in letters.items():
            if c not in out:
                entry = self.types.summed(entry, i)
        return Operand(entry, tuple(letters[c] for c in out if c in letters), self.math(n))


def _slid(code: Code, n: ast.Call) -> Operand:
    """``np.convolve(a, v)``, ``np.correlate(a, v, "valid")`` of two vectors: v slides along a."""
    name = _called(n)
    mode = next((k.value for k in n.keywords if k.arg == "mode"), n.args[2] if len(n.args) > 2 else None)
    how = mode.value if isinstance(mode, ast.Constant) else "full" if name == "convolve" else "valid"
    if how not in ("full", "valid") or len(n.args) < 2:
        code.refuse(n, f'{name} is read of two vectors, "full" or "valid"')
    a, v = (code.value(x) for x in n.args[:2])
    (i, *more), (u, *others) = (a.axes or (None,)), (v.axes or (None,))
    if i is None or u is None or more or others:
        code.refuse(n, f"{name} takes two vectors")
    if name == "convolve" and how == "valid" and from_the_end(n.args[0]) and not from_the_end(n.args[1]):
        a, v, i, u = v, a, u, i  # the shorter one slides, whichever stands first
    turned = (name == "convolve") is (how == "valid")  # either way v is added up from its end
    x, entry = code.types.any(), code.turned(n, v.entry, u) if turned else v.entry
    at = add(Index(x), negate(Index(u)) if how == "full" else Index(u))
    entry = code.types.summed(mul(straightened(substitute(a.entry, {i: at})), entry), u)
    return Operand(entry, (x,), code.math(n))


def _arange(code: Code, n: ast.Call) -> Operand:
    """``np.arange(x.shape[0])``: the value of an index."""
    i = code.over(code.value(n.args[0]), n.args[0])
    return Operand(Index(i), (i,), code.math(n))


def _pad(code: Code, n: ast.Call) -> Operand:
    a, widths = code.value(n.args[0]), widths_of(n.args[1]) if len(n.args) == 2 else []
    found = None if n.keywords else padded(a.entry, a.axes, widths, code.types)
    if found is None:
        code.refuse(n, "zeros around an array are a pair for every axis", "write np.pad(a, ((1, 1), (0, 0)))")
    return Operand(*found, code.math(n))


def _norm(code: Code, n: ast.Call) -> Operand:
    options = {w.arg: w.value for w in n.keywords}
    if "axis" in options:  # of each row, of each column
        a = code.value(n.args[0])
        found = code.along(n, "sum", replace(a, entry=power(a.entry, number(2))), options)
        return replace(found, entry=call("sqrt", found.entry))
    return Operand(code.types.apply("norm", 0, [code.value(n.args[0]).typed]).entry, (), code.math(n))


def _matrix_power(code: Code, n: ast.Call) -> Operand:
    k = code.value(n.args[1])
    return code.value(n.args[0]).whole(lambda t: code.types.raised(t, k.entry, k.math.unicode))


def _inv(code: Code, n: ast.Call) -> Operand:
    return code.value(n.args[0]).whole(code.types.inverse)


def _triangle(code: Code, n: ast.Call) -> Operand:
    name = _called(n)
    a, *shift = (code.value(x) for x in n.args)
    if len(a.axes) < 2 or None in a.axes[-2:]:
        code.refuse(n, f"{name} takes a matrix")
    last = replace(a, axes=a.axes[-2:]).typed
    return replace(a, entry=code.types.apply(name, 0, [last, *(s.typed for s in shift)]).entry)


def _tensordot(code: Code, n: ast.Call) -> Operand:
    """``np.tensordot(a, b, axes=(1, 2))``: one axis of each is summed; ``axes=2``: the last of one, the first of
    the other."""
    a, b = code.value(n.args[0]), code.value(n.args[1])
    axes = next((k.value for k in n.keywords if k.arg == "axes"), None)
    many = whole_number(axes)
    sides = [axes_named(k) for k in axes.elts] if isinstance(axes, ast.Tuple) else []
    pairs = [(len(a.axes) - many + k, k) for k in range(many)] if many is not None else []
    if len(sides) == 2 and len(sides[0]) == len(sides[1]):
        pairs = list(zip(*sides, strict=True))
    if not pairs or not all(0 <= k < len(a.axes) and 0 <= m < len(b.axes) for k, m in pairs):
        code.refuse(n, "tensordot names one axis of each, axes=(1, 0), or how many, axes=2")
    entry = b.entry
    for k, m in pairs:
        i, j = a.axes[k], b.axes[m]
        if i is None or j is None or not code.types.fits(i, j):
            raise Misfit(a.typed, b.typed, "product", code.types)
        entry = substitute(entry, {j: Index(i)})
    entry = mul(a.entry, entry)
    for k, _ in pairs:
        entry = code.types.summed(entry, str(a.axes[k]))
    gone = [k for k, _ in pairs], [m for _, m in pairs]
    rest = [i for k, i in enumerate(a.axes) if k not in gone[0]] + [j for m, j in enumerate(b.axes) if m not in gone[1]]
    return Operand(entry, tuple(rest), a.math)


_SHAPED: dict[str, Callable[[Code, Any], Operand]] = {
    "outer": Code.outer, "dot": Code.dot, "matmul": Code.dot, "diag": Code.diag, "diagonal": Code.diag,
    "trace": Code.trace, "norm": _norm, "inv": _inv, "solve": Code.solve,
    "matrix_power": _matrix_power, "ones": Code.ones, "zeros": Code.zeros,
    "eye": Code.eye, "where": Code.where, "tril": _triangle, "triu": _triangle, "einsum": Code.einsum,
    "tensordot": _tensordot, "full": Code.full, "broadcast_to": Code.broadcast_to,
    "convolve": _slid, "correlate": _slid, "arange": _arange, "pad": _pad,
}  # fmt: skip


def _called(n: ast.Call) -> str:
    """The last name of what is called: ``diag`` of ``np.diag(x)``."""
    return n.func.attr if isinstance(n.func, ast.Attribute) else ""
