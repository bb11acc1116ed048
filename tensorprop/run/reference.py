"""The slow evaluation that is obviously right: each node is an array over its free letters, in NumPy.

In: a System and its arrays. Out: an array for every name that the equations define. It knows no contraction order, no
rewriting and no stability: it computes what the expressions say, entry by entry, and everything faster is measured
against it.

A node's array has one axis for each of its free letters, in alphabetical order, at full size. A sum adds along its
letters; a subscripted tensor is indexed with grids of whole numbers; a false bracket makes its whole product zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_known
from tensorprop.core.pattern import Patterns
from tensorprop.errors import NonNumericDtype, OutOfRange, PlanTooLarge, TensorpropError, Unsupported
from tensorprop.run.arrays import accept
from tensorprop.run.extents import Extents, Key, Visit, brief
from tensorprop.run.functions import NUMPY, NUMPY_REDUCE
from tensorprop.text import locate
from tensorprop.text.numerals import floating

__all__ = ["evaluate"]

Array = np.ndarray[Any, np.dtype[Any]]

_LIMIT = 2**33  # bytes of one array, which hold every index of a product at once

_RELATIONS = {
    "=": np.equal,
    "≠": np.not_equal,
    "<": np.less,
    "≤": np.less_equal,
    ">": np.greater,
    "≥": np.greater_equal,
}


def evaluate(system: System, arrays: Mapping[str, object], dtype: Any = np.float64) -> dict[str, Array]:
    """The value of every tensor that the equations define.

    ``arrays`` gives the inputs. Arithmetic is done in ``dtype`` (complex where an input is); a tensor of whole numbers
    stays one where it is copied, compared or used as a subscript.

    >>> from tensorprop.text import parse
    >>> evaluate(parse("y_i = A_ij x_j"), {"A": [[1, 2], [3, 4]], "x": [5, 6]})["y"]
    array([17., 39.])

    Errors: those of `extents` and `accept`; OutOfRange for a shifted subscript or a gather that leaves its axis;
    Unsupported for an open function; PlanTooLarge where all indices of a product together need over 8 GiB.
    """
    given, sizes = accept(system, arrays)
    work = np.result_type(dtype, *(g.dtype for g in given.values() if g.dtype.kind == "c"))
    values = {name: _array(arrays[name], work) for name in system.inputs}
    made: dict[str, Array] = {}
    number = {eq: n for n, eq in enumerate(system.equations)}
    twins = _Twins()
    with np.errstate(all="ignore"):
        for eq in system.ordered:
            try:
                made[eq.name] = values[eq.name] = _Evaluation(sizes, values, work, twins).equation(eq)
            except TensorpropError as error:
                if isinstance(error.about, Expr):
                    error.about = (number[eq], error.about)
                raise locate(error, system) from None
    return {eq.name: made[eq.name] for eq in system.equations}


def _array(value: object, dtype: np.dtype[Any]) -> Array:
    array = np.asarray(value)
    return array if array.dtype.kind in "iu" else array.astype(dtype)


class _Twins:
    """Arrays of nodes that differ only in the names of their letters: made once, so that they have the same digits.

    ``[x_u = max_v x_v]`` relies on it, where x is worked out anew under another letter.
    """

    def __init__(self) -> None:
        self._patterns = Patterns()
        self._made: dict[object, tuple[tuple[str, ...], Array]] = {}

    def find(self, v: Visit) -> tuple[object, tuple[str, ...], Array | None]:
        """The key of a node, its letters, and its array over them in alphabetical order, if a twin has it."""
        number, letters = self._patterns.of(v.node)
        # what is bound has its sizes from the tensors inside, or from the brackets, which are part of the visit
        key = (number, tuple(v.sizes[i] for i in letters), tuple(sorted(v.bound.values())))
        found = self._made.get(key)
        if found is None:
            return key, letters, None
        first, array = found
        called = dict(zip(first, letters, strict=True))
        names = [called[i] for i in sorted(first)]
        return key, letters, np.transpose(array, [names.index(i) for i in sorted(letters)])

    def keep(self, key: object, letters: tuple[str, ...], array: Array) -> None:
        """Remember an array over ``letters`` in alphabetical order."""
        self._made[key] = (letters, array)


class _Evaluation:
    """One equation: every node once for each set of sizes that it has there."""

    def __init__(self, extents: Extents, values: Mapping[str, Array], dtype: np.dtype[Any], twins: _Twins) -> None:
        self.twins = twins
        self.extents = extents
        self.values = values
        self.dtype = dtype

    def equation(self, eq: Equation) -> Array:
        """The right side over the letters of the left, in the order in which they stand there."""
        done: dict[Key, Array] = {}
        for visit in self.extents.visits(eq):
            _affordable(visit, self.dtype)
            key, letters, array = self.twins.find(visit)
            if array is None:
                array = np.broadcast_to(self._node(visit, [done[k] for k in visit.children]), visit.shape)
                self.twins.keep(key, letters, array)
            done[visit.key] = array
        sizes = self.extents.letters(eq)
        root = next(reversed(done))
        full = _spread(done[root], self.extents.free(eq.value), sizes)
        letters = sorted(sizes)
        return self._real_if_bool(np.array(np.transpose(full, [letters.index(i) for i in eq.letters])))

    def _real_if_bool(self, array: Array) -> Array:
        return array.astype(self.dtype) if array.dtype.kind == "b" else array

    def _real(self, array: Array) -> Array:
        return array if array.dtype == self.dtype else array.astype(self.dtype)

    def _node(self, v: Visit, parts: list[Array]) -> Array:
        """The array of a node from those of its children."""
        e = v.node
        match e:
            case Number():
                return self._number(e)
            case Dim():
                return np.array(self.extents.shapes[e.tensor][e.axis])
            case Index():
                return np.arange(v.sizes[e.name])
            case Tensor():
                return _pick(self.values[e.name], [], self._subscripts(v, parts), v, e)
            case Bracket():
                left, right = (self._aligned(c, p, v) for c, p in zip(e.children, parts, strict=True))
                return _RELATIONS[e.relation](left, right)
            case Add():
                total = np.zeros(v.shape, self.dtype)
                for child, part in zip(e.terms, parts, strict=True):
                    total = total + self._real(self._aligned(child, part, v))
                return total
            case Mul():
                return self._product(e, v, parts)
            case Sum():
                body = self._body(e.body, parts[0], v, sorted(e.free) + list(e.indices))
                return self._real(body).sum(axis=_last(len(e.indices)))
            case Reduce():
                return self._reduce(e, v, parts)
            case Call():
                if not is_known(e.function):
                    raise Unsupported(f"{e.function} is open: nothing says which function it is", about=e)
                args = [self._real(self._aligned(c, p, v)) for c, p in zip(e.args, parts, strict=True)]
                return np.asarray(NUMPY[e.function](*args), self.dtype)
            case _:
                raise AssertionError(type(e))

    def _number(self, e: Number) -> Array:
        value, kind = e.value, self.dtype.type
        try:
            return np.array(kind(value.numerator) / kind(value.denominator), self.dtype)
        except OverflowError:  # of one of the two, or of the quotient
            return np.array(kind(floating(value, e)), self.dtype)

    def _product(self, e: Mul, v: Visit, parts: list[Array]) -> Array:
        """A false bracket makes the product zero, whatever the other factors are."""
        rest = np.ones(v.shape, self.dtype)
        holds = np.ones(v.shape, bool)
        for child, part in zip(e.factors, parts, strict=True):
            factor = self._aligned(child, part, v)
            if isinstance(child, Bracket):
                holds = holds & factor
            else:
                rest = rest * self._real(factor)
        return np.where(holds, rest, self.dtype.type(0))

    def _reduce(self, e: Reduce, v: Visit, parts: list[Array]) -> Array:
        """Reduce along the bound letters, which are put last; then pick the entry that ``at`` names."""
        outer = sorted(e.body.free - set(e.indices))
        body = self._real(self._body(e.body, parts[0], v, outer + list(e.indices)))
        result = np.asarray(NUMPY_REDUCE[e.op](body, _last(len(e.indices))))
        if not e.at:
            return self._over(result, outer, v)
        return _pick(result, outer, self._subscripts(v, parts[1:], e.at), v, e)

    def _body(self, body: Expr, array: Array, v: Visit, letters: Sequence[str]) -> Array:
        """The body over these letters in this order, at full size also along those that it lacks."""
        sizes = {i: v.bound.get(i, v.sizes.get(i, 0)) for i in letters}
        full = _spread(array, self.extents.free(body), sizes)
        return np.transpose(full, [sorted(sizes).index(i) for i in letters])

    def _over(self, array: Array, letters: Sequence[str], v: Visit) -> Array:
        return _spread(array, letters, v.sizes)

    def _aligned(self, child: Expr, part: Array, v: Visit) -> Array:
        """A child's array over the letters of its parent."""
        return self._over(part, self.extents.free(child), v)

    def _subscripts(self, v: Visit, parts: list[Array], subscripts: Sequence[Expr] | None = None) -> list[Array]:
        """Subscripts as whole numbers over the letters of the node."""
        found: list[Array] = []
        for e, part in zip(v.node.children if subscripts is None else subscripts, parts, strict=True):
            whole = part if part.dtype.kind in "iu" else np.rint(np.real(part)).astype(np.int64)
            if not np.array_equal(whole, part):
                raise NonNumericDtype(f"the subscript {brief(e)} is not a whole number", about=v.node)
            found.append(self._aligned(e, whole, v))
        return found


def _pick(array: Array, plain: Sequence[str], subscripts: Sequence[Array], v: Visit, e: Expr) -> Array:
    """``array[grid, grid, …]``: first the axes of the letters in ``plain``, then those with subscripts."""
    for axis, s in enumerate(subscripts):
        size = array.shape[len(plain) + axis]
        if s.size and (s.min() < 0 or s.max() >= size):
            wrong = s.min() if s.min() < 0 else s.max()
            name = f"axis {axis + 1} of {e.name}" if isinstance(e, Tensor) else f"axis {axis + 1} of the result"
            raise OutOfRange(
                f"a subscript of {brief(e)} is {wrong}, outside {name}, which has size {size}",
                known=f"subscripts count from 0: 0 to {size - 1}",
                about=e,
            )
    grids = [_spread(np.arange(v.sizes[i]), (i,), v.sizes) for i in plain]
    return array[(*grids, *subscripts)]


def _spread(array: Array, letters: Sequence[str], sizes: Mapping[str, int]) -> Array:
    """An array over sorted ``letters``, as one over all letters of ``sizes``, sorted, at full size."""
    shape = [sizes[i] if i in letters else 1 for i in sorted(sizes)]
    return np.broadcast_to(array.reshape(shape), [sizes[i] for i in sorted(sizes)])


def _last(n: int) -> tuple[int, ...]:
    """The last n axes."""
    return tuple(range(-n, 0))


def _affordable(v: Visit, dtype: np.dtype[Any]) -> None:
    """Refuse an array that would fill the memory, before it is made."""
    need = math.prod(v.sizes.values()) * dtype.itemsize
    if isinstance(v.node, (Sum, Reduce)):
        need *= math.prod(v.bound.values())
    if need > _LIMIT:
        raise PlanTooLarge(
            f"the reference would hold {need / 2**30:,.1f} GiB for {brief(v.node)}",
            known="it keeps every index of a product at once; its limit is 8 GiB",
            fix='compile with backend="jax", which chooses an order, or take smaller sizes',
            about=v.node,
        )
