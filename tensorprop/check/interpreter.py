"""A formula in vectors and matrices, computed: columns are n × 1, rows 1 × n.

In: a tree and arrays. Out: its value, every operation checked by the shapes that it is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from tensorprop.check.numbers.naive_matrices import MATRICES
from tensorprop.core.expr import Dim
from tensorprop.core.functions import orders
from tensorprop.render import trees as m
from tensorprop.render.trees import MathTree
from tensorprop.run.numpy_functions import NUMPY, NUMPY_REDUCE
from tensorprop.text.numerals import floating

__all__ = ["Array", "Interpreter"]

Array = np.ndarray[Any, np.dtype[Any]]


class Interpreter:
    """Computes a math tree: columns are n × 1, rows 1 × n, so that every operation is checked by its shape."""

    def __init__(
        self,
        arrays: Mapping[str, Array],
        at: Mapping[str, int],
        opened: Mapping[str, str],
        sizes: Mapping[tuple[str, int], int],
    ) -> None:
        self._arrays = arrays
        self._at = at
        self._opened = opened
        self._sizes = sizes  # of tensors that only the left side names

    def _size(self, d: Dim) -> int:
        if d.tensor in self._arrays:
            return self._arrays[d.tensor].shape[d.axis]
        return self._sizes[d.tensor, d.axis]

    def value(self, t: MathTree) -> Any:
        """The value of a part."""
        match t:
            case m.Name():
                return self._name(t)
            case m.Figure(v):
                return floating(v)
            case m.IndexSize(_, axis):
                return float(self._size(axis))
            case m.Counter(letter):
                return float(self._at[letter])
            case m.Ones(axis, of, more):
                n = math.prod(map(self._size, (axis, *more)))
                return np.ones((n, 1) if of == "column" else (1, n))
            case m.Identity(axis, more):
                return np.eye(math.prod(map(self._size, (axis, *more))))
            case m.Over(letters, body):
                return self._over(letters, body)
            case m.Transpose(of):
                return np.transpose(self.value(of))
            case m.Product(factors):
                return self._product(factors, t.kind)
            case m.Hadamard(factors) | m.TermSum(factors):
                parts = [self.value(f) for f in factors]
                if len({np.shape(p) for p in parts}) > 1:
                    raise ValueError("parts of different shapes")
                return math.prod(parts[1:], start=parts[0]) if isinstance(t, m.Hadamard) else sum(parts[1:], parts[0])
            case m.Quotient(above, below):
                return self.value(above) / np.asarray(self.value(below))[()]
            case m.ScalarPower(base, exponent) | m.ElementPower(base, exponent):
                return np.power(_inexact(self.value(base)), self.value(exponent))
            case m.MatrixPower(base, n):
                return np.linalg.matrix_power(self.value(base), n)
            case m.Entrywise(function, args):
                return self._apply(function, [self.value(a) for a in args])
            case m.Indicator(relation, left, right):
                return _compare(relation, self.value(left), self.value(right))
            case m.Along(op, of, over, keeps):
                return self._along(op, self.value(of), over, keeps)
            case _:
                return self._structured(t)

    def _structured(self, t: MathTree) -> Any:
        """The value of what only matrices and tensors have: traces, diagonals, inverses, products of other kinds."""
        match t:
            case m.MatrixTrace(of):
                return np.trace(_square(self.value(of))).item()
            case m.Diagonal(of, lies):
                entries = np.diag(_square(self.value(of)))
                return entries[None, :] if lies == "row" else entries[:, None]
            case m.Diag(of):
                return np.diag(np.ravel(self.value(of)))
            case m.Triangle(of, part):
                v = self.value(of)
                return np.where(_compare(part, *np.indices(v.shape)) > 0, v, 0.0)
            case m.Mask():
                return self.value(t.spelled)
            case m.Picked(of, place):
                return np.ravel(self.value(of))[int(self.value(place))].item()
            case m.Norm(of):
                return float(np.linalg.norm(self.value(of)))
            case m.Inverse(of):
                return _inverse(self.value(of))
            case m.WholeMatrix(function, of):
                found = _of_matrix(function, self.value(of))
                return found[:, None] if t.kind == "column" else found[None, :] if t.kind == "row" else found
            case m.Directed(function, of, direction):
                return np.einsum("abuv,uv->ab", MATRICES[function](np, self.value(of)), self.value(direction))
            case m.Kronecker(left, right):
                return np.einsum("ij,kl->ikjl", self.value(left), self.value(right))
            case m.KhatriRao(left, right):
                return np.einsum("ij,kj->ikj", self.value(left), self.value(right))
            case m.Inner(left, right):
                return np.sum(self.value(left) * self.value(right)).item()
            case m.Outer(left, right):
                parts = [(side, self.value(side)) for side in (left, right)]
                return np.multiply.outer(*(np.ravel(v) if side.kind == "column" else v for side, v in parts))
            case m.ModeProduct(tensor, mode, matrix):
                axes = ([mode - 1], [1])
                return np.moveaxis(np.tensordot(self.value(tensor), self.value(matrix), axes), -1, mode - 1)
            case _:
                raise TypeError(f"no way to compute {type(t).__name__}")

    def _name(self, t: m.Name) -> Any:
        where = tuple(slice(None) if s is None else self._at[s] if isinstance(s, str) else s for s in t.slots)
        v = self._arrays[t.tensor][where]
        if t.kind == "scalar":
            return np.asarray(v).item()
        if t.kind == "tensor":
            return v
        kept = [k for k, s in enumerate(t.slots) if s is None]
        v = v.transpose([kept.index(axis) for axis in t.order])
        rows = t.rows if t.kind == "matrix" else v.ndim * (t.kind == "column")
        return v.reshape((math.prod(v.shape[:rows]), math.prod(v.shape[rows:])))

    def _over(self, letters: tuple[str, ...], body: MathTree) -> Any:
        """The sum over every value of carried indices."""
        names = [n for n in body.walk() if isinstance(n, m.Name)]
        sizes = [next(self._arrays[n.tensor].shape[n.slots.index(i)] for n in names if i in n.slots) for i in letters]
        found = [
            Interpreter(
                self._arrays, {**self._at, **dict(zip(letters, point, strict=True))}, self._opened, self._sizes
            ).value(body)
            for point in product(*map(range, sizes))
        ]
        return sum(found[1:], found[0])

    def _product(self, factors: tuple[MathTree, ...], kind: str) -> Any:
        scale, out = 1.0, None
        for f in factors:
            v = self.value(f)
            if f.kind == "scalar":
                scale = scale * v
            else:
                out = v if out is None else out @ v
        if out is None:
            return scale
        return scale * (out.reshape(()).item() if kind == "scalar" else out)

    def _apply(self, function: str, args: list[Any]) -> Any:
        if function in self._opened:
            args = [sum((n + 1) * a for n, a in enumerate(args))]
            function = self._opened[function]
        return NUMPY[function](*args)

    def _along(self, op: str, v: Any, over: str, keeps: bool) -> Any:
        axes = (0, 1) if over == "all" else (1,) if over == "rows" else (0,)
        found = NUMPY_REDUCE[op](
            v, _long_axis(v) if over == "all" and (op in ("argmax", "argmin") or orders(op)) else axes
        )
        if keeps:
            return found
        if over == "all":
            return np.ravel(found)[0].item()
        return found[:, None] if over == "rows" else found[None, :]


def _long_axis(v: Array) -> tuple[int, ...]:
    return (0,) if v.shape[1] == 1 else (1,)


def _inexact(v: Any) -> Array:
    v = np.asarray(v)
    return v if v.dtype.kind in "fc" else v.astype(float)


def _inverse(v: Array) -> Array:
    """The inverse; of a diagonal matrix entry by entry, so that a 0 there spoils its own row alone."""
    entries = np.diagonal(v)
    if v.ndim == 2 and 0 in entries and not np.any(v - np.diag(entries)):
        return np.diag(1 / entries)
    return np.linalg.inv(v)


def _of_matrix(function: str, v: Array) -> Array:
    """A function of a whole matrix; of one that has none, as the factor of one that is not definite, no numbers."""
    try:
        return MATRICES[function](np, v)
    except np.linalg.LinAlgError:
        return np.asarray(MATRICES[function](np, np.eye(*v.shape)) * np.nan)


def _square(v: Array) -> Array:
    if v.shape[0] != v.shape[1]:
        raise ValueError("a trace or a diagonal of a matrix that is not square")
    return v


def _compare(relation: str, a: Any, b: Any) -> Any:
    compare = {
        "=": np.equal, "≠": np.not_equal, "<": np.less, "≤": np.less_equal, ">": np.greater, "≥": np.greater_equal,
    }[relation]  # fmt: skip
    return compare(a, b).astype(float)
