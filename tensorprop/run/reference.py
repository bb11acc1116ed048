"""The slow evaluation that is obviously right: each node is an array over its free letters, in NumPy.

In: a System and its arrays. Out: an array for every name that the equations define. It knows no contraction order, no
rewriting and no stability: it computes what the expressions say, entry by entry, and everything faster is measured
against it.

A node's array has one axis for each of its free letters, in alphabetical order, at full size. A sum adds along its
letters; a subscripted tensor is indexed with grids of whole numbers; a false bracket makes its whole product zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.equation import Equation, Loop, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_known
from tensorprop.core.pattern import Patterns
from tensorprop.core.plane import complex_names, is_complex
from tensorprop.errors import NonNumericDtype, OpenFunction, OutOfRange, PlanTooLarge, TensorpropError
from tensorprop.run.arrays import accept
from tensorprop.run.bound import Functions, bound
from tensorprop.run.extents import brief
from tensorprop.run.numpy_functions import NUMPY, NUMPY_REDUCE
from tensorprop.run.reads import fold_outside
from tensorprop.run.sizes import Extents, Key, Steps, Visit
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


def evaluate(
    system: System, arrays: Mapping[str, object], dtype: Any = np.float64, *, functions: Functions | None = None
) -> dict[str, Array]:
    """The value of every tensor that the equations define.

    ``arrays`` gives the inputs. Arithmetic is done in ``dtype`` (complex where an input is; on a page that declares
    complex tensors, where a value is); a tensor of whole numbers
    stays one where it is copied, compared or used as a subscript. ``functions`` binds open ones: ``{"f": np.tanh}``.

    >>> from tensorprop.text import parse
    >>> evaluate(parse("y_i = A_ij x_j"), {"A": [[1, 2], [3, 4]], "x": [5, 6]})["y"]
    array([17., 39.])

    Errors: those of `extents` and `accept`; OutOfRange for a shifted subscript or a gather that leaves its axis;
    OpenFunction for an open function; PlanTooLarge where all indices of a product together need over 8 GiB.
    """
    given, sizes = accept(system, arrays)
    calls = bound(system.functions, functions)
    if calls:
        from tensorprop.run.jax import in_double

        calls = {name: in_double(f) for name, f in calls.items()}
    plane = complex_names(system)
    wide = np.result_type(dtype, np.complex64)
    work = dtype if plane else np.result_type(dtype, *(g.dtype for g in given.values() if g.dtype.kind == "c"))
    work = _Kinds(np.dtype(work), wide, plane)
    values = {name: _array(arrays[name], work, name) for name in system.inputs}
    number = {eq: n for n, eq in enumerate(system.equations)}
    twins = _Twins()
    now = system.equations[0]
    with np.errstate(all="ignore"):
        try:
            for block in system.blocks:
                if isinstance(block, Loop):
                    for eq in _loop(sizes.steps[block.body[0].name], sizes, values, work, calls):
                        now = eq
                else:
                    now = block
                    values[now.name] = _OneEquation(sizes, values, work, twins, calls=calls).equation(now)
        except TensorpropError as error:
            if isinstance(error.about, Expr):
                error.about = (number[now], error.about)
            raise locate(error, system) from None
    return {eq.name: _stored(values[eq.name], sizes, eq.name) for eq in system.equations}


def _loop(
    steps: Steps, sizes: Extents, values: dict[str, Array], kinds: _Kinds, calls: Functions
) -> Iterator[Equation]:
    """The tensors of a loop, one place of time after the other, its starts first; each holds its starts as well."""
    loop = steps.loop
    for name, (first, end) in steps.spans.items():
        shape = list(sizes.shapes[name])
        shape[loop.axes[name]] = end - first
        values[name] = np.full(shape, np.nan, kinds.named(name))

    def put(name: str, place: int, entry: Array) -> None:
        at: list[Any] = [slice(None)] * values[name].ndim
        at[loop.axes[name]] = place - steps.spans[name][0]
        values[name][tuple(at)] = entry

    for name, places in steps.places.items():
        for place, eq in places.items():
            yield eq
            put(name, place, _OneEquation(sizes, values, kinds, _Twins(), calls=calls).equation(eq))
    for place, here in steps.schedule():
        for eq, t in here:
            yield eq
            letter, _ = loop.time(eq)
            found = _OneEquation(sizes, values, kinds, _Twins(), (letter, t), calls).equation(eq)
            put(eq.name, place, np.take(found, 0, axis=eq.letters.index(letter)))


def _stored(array: Array, sizes: Extents, name: str) -> Array:
    """The tensor itself: of one that a loop makes, without the starts that lie outside of it."""
    steps = sizes.steps.get(name)
    if steps is None:
        return array
    axis, (first, _) = steps.loop.axes[name], steps.spans[name]
    at: list[Any] = [slice(None)] * array.ndim
    at[axis] = slice(-first, -first + sizes.shapes[name][axis])
    return array[tuple(at)]


def _array(value: object, kinds: _Kinds, name: str) -> Array:
    array = np.asarray(value)
    return array if array.dtype.kind in "iu" and name not in kinds.plane else array.astype(kinds.named(name))


class _Kinds(NamedTuple):
    """The dtype of real values, that of complex ones, and which tensors are complex."""

    real: np.dtype[Any]
    wide: np.dtype[Any]
    plane: frozenset[str]

    def named(self, name: str) -> np.dtype[Any]:
        """The dtype of a tensor."""
        return self.wide if name in self.plane else self.real

    def of(self, e: Expr) -> np.dtype[Any]:
        """The dtype of a node's value."""
        return self.wide if self.plane and is_complex(e, self.plane) else self.real


class _Grid(NamedTuple):
    """The array of a node, and which of its entries have no value, since they need what was read outside."""

    array: Array
    nowhere: Array | None


class _Twins:
    """Arrays of nodes that differ only in the names of their letters: made once, so that they have the same digits.

    ``[x_u = max_v x_v]`` relies on it, where x is worked out anew under another letter.
    """

    def __init__(self) -> None:
        self._patterns = Patterns()
        self._made: dict[object, tuple[tuple[str, ...], _Grid]] = {}

    def find(self, v: Visit, time: str | None) -> tuple[object, tuple[str, ...], _Grid | None]:
        """The key of a node, its letters, and its array over them in alphabetical order, if a twin has it.

        The ``time`` of a loop has one value in a step, and is no twin of a letter that runs over one.
        """
        number, letters = self._patterns.of(v.node)
        # what is bound has its sizes from the tensors inside, or from the brackets, which are part of the visit
        sizes = tuple(None if i == time else v.sizes[i] for i in letters)
        key = (number, sizes, tuple(sorted(v.bound.values())))
        found = self._made.get(key)
        if found is None:
            return key, letters, None
        first, made = found
        called = dict(zip(first, letters, strict=True))
        names = [called[i] for i in sorted(first)]
        order = [names.index(i) for i in sorted(letters)]
        nowhere = None if made.nowhere is None else np.transpose(made.nowhere, order)
        return key, letters, _Grid(np.transpose(made.array, order), nowhere)

    def keep(self, key: object, letters: tuple[str, ...], made: _Grid) -> None:
        """Remember an array over ``letters`` in alphabetical order."""
        self._made[key] = (letters, made)


class _OneEquation:
    """One equation: every node once for each set of sizes that it has there."""

    def __init__(
        self,
        extents: Extents,
        values: Mapping[str, Array],
        kinds: _Kinds,
        twins: _Twins,
        pinned: tuple[str, int] | None = None,
        calls: Functions = MappingProxyType({}),
    ) -> None:
        self.calls = calls
        self.twins = twins
        self.pinned = pinned
        self.nowhere: Array | None = None
        """Which entries of the tensor that was read last lie outside."""
        self.seen: tuple[Tensor, int, int, int] | None = None
        """The first subscript outside: of which tensor, on which axis, how much, and the size of the axis."""
        self.extents = extents
        self.values = values
        self.kinds = kinds
        self.dtype = kinds.real
        self.known: dict[Expr, np.dtype[Any]] = {}

    def equation(self, eq: Equation) -> Array:
        """The right side over the letters of the left, in the order in which they stand there."""
        done: dict[Key, _Grid] = {}
        letter = self.pinned[0] if self.pinned is not None else None
        for visit in self.extents.visits(eq, letter):
            _affordable(visit, self.kinds.of(visit.node))
            key, letters, made = self.twins.find(visit, letter)
            if made is None:
                parts = [done[k] for k in visit.children]
                array = np.broadcast_to(self._node(visit, [p.array for p in parts]), visit.shape)
                made = _Grid(array, self._lost(visit, parts))
                self.twins.keep(key, letters, made)
            done[visit.key] = made
        root = next(reversed(done))
        self._refuse(eq, done[root])
        sizes = self.extents.letters(eq)
        sizes = {i: 1 if i == letter else n for i, n in sizes.items()}
        full = _spread(done[root].array, self.extents.free(eq.value), sizes)
        letters = sorted(sizes)
        return self._real_if_bool(np.array(np.transpose(full, [letters.index(i) for i in eq.letters])))

    def _real_if_bool(self, array: Array) -> Array:
        return array.astype(self.dtype) if array.dtype.kind == "b" else array

    def _of(self, e: Expr) -> np.dtype[Any]:
        """The dtype of a node's value."""
        found = self.known.get(e)
        if found is None:
            found = self.known[e] = self.kinds.of(e)
        return found

    def _real(self, array: Array, e: Expr) -> Array:
        dtype = self._of(e)
        return array if array.dtype == dtype else array.astype(dtype)

    def _node(self, v: Visit, parts: list[Array]) -> Array:
        """The array of a node from those of its children."""
        e = v.node
        match e:
            case Number():
                return self._number(e)
            case Dim():
                return np.array(self.extents.shapes[e.tensor][e.axis])
            case Index():
                if self.pinned is not None and e.name == self.pinned[0]:
                    return np.array([self.pinned[1]])
                return np.arange(v.sizes[e.name])
            case Tensor():
                return self._entry(e, v, self._subscripts(v, parts))
            case Bracket():
                left, right = (self._aligned(c, p, v) for c, p in zip(e.children, parts, strict=True))
                return _RELATIONS[e.relation](left, right)
            case Add():
                total = np.zeros(v.shape, self._of(e))
                for child, part in zip(e.terms, parts, strict=True):
                    total = total + self._real(self._aligned(child, part, v), child)
                return total
            case Mul():
                return self._product(e, v, parts)
            case Sum():
                body = self._body(e.body, parts[0], v, sorted(e.free) + list(e.indices))
                return self._real(body, e.body).sum(axis=_last(len(e.indices)))
            case Reduce():
                return self._reduce(e, v, parts)
            case Call():
                f = self.calls.get(e.function)
                if f is None and not is_known(e.function):
                    raise OpenFunction(f"{e.function} is open: nothing says which function it is", about=e)
                args = [self._real(self._aligned(c, p, v), c) for c, p in zip(e.args, parts, strict=True)]
                return np.asarray((f or NUMPY[e.function])(*args), self._of(e))
            case _:
                raise AssertionError(type(e))

    def _number(self, e: Number) -> Array:
        value, kind = e.value, self.dtype.type
        try:
            return np.array(kind(value.numerator) / kind(value.denominator), self.dtype)
        except OverflowError:  # of one of the two, or of the quotient
            return np.array(kind(floating(value, e)), self.dtype)

    # ----------------------------------------------------------------- what lies outside
    def _entry(self, e: Tensor, v: Visit, subscripts: list[Array]) -> Array:
        """``a[x+u, tok_t]``: the entries, and what the System says of those outside, if it does."""
        how = self.extents.system.outside(e.name)
        there: Array | None = None
        inside: list[Array] = []
        for axis, s in enumerate(subscripts):
            first, end = self.extents.span(e.name, axis)
            found, here = fold_outside(s - first, end - first, how)
            inside.append(found)
            if here is not None and not here.all():
                there = here if there is None else there & here
                if self.seen is None and how is None:
                    self.seen = e, axis, int(s[~here][0]), self.extents.shapes[e.name][axis]
        array = self.values[e.name]
        if there is None:
            return array[tuple(inside)]
        if array.size == 0:
            array, inside = np.zeros((1,) * array.ndim, self.dtype), [np.zeros_like(s) for s in inside]
        if how is None:
            self.nowhere = ~there
            return np.where(there, self._real(array[tuple(inside)], e), np.nan)
        assert not isinstance(how, str) or how.endswith("∞")
        value = float(how.replace("∞", "inf")) if isinstance(how, str) else float(how.value)
        return np.where(there, self._real(array[tuple(inside)], e), self._of(e).type(value))

    def _lost(self, v: Visit, parts: list[_Grid]) -> Array | None:
        """Which entries of a node have no value, since something was read outside; a false bracket ends it."""
        e = v.node
        here, self.nowhere = self.nowhere, None
        if here is None and all(p.nowhere is None for p in parts):
            return None
        bad = np.zeros(v.shape, bool) if here is None else np.broadcast_to(here, v.shape)
        if isinstance(e, (Sum, Reduce)):
            sizes = {**v.sizes, **v.bound}
            for child, part in zip(e.children, parts, strict=True):
                if part.nowhere is None:
                    continue
                free = self.extents.free(child)
                inner = e.indices if child is e.body else ()
                some = np.asarray(part.nowhere.any(axis=tuple(k for k, i in enumerate(free) if i in inner)))
                bad = bad | _spread(some, [i for i in free if i not in inner], {i: sizes[i] for i in v.sizes})
            return bad
        for k, (child, part) in enumerate(zip(e.children, parts, strict=True)):
            if part.nowhere is not None:
                there = self._aligned(child, part.nowhere, v)
                if isinstance(e, Call) and e.function == "where" and k:
                    there = there & ((self._aligned(e.args[0], parts[0].array, v) != 0) == (k == 1))
                bad = bad | there
        for child, part in zip(e.children, parts, strict=True):
            if isinstance(e, Mul) and isinstance(child, Bracket) and part.nowhere is None:
                bad = bad & (self._aligned(child, part.array, v) != 0)
        return bad if bad.any() else None

    def _refuse(self, eq: Equation, root: _Grid) -> None:
        """Nothing may be read outside where nothing says what is there."""
        if root.nowhere is not None and root.nowhere.any():
            letters = self.extents.free(eq.value)
            at = ", ".join(f"{i} = {k}" for i, k in zip(letters, np.argwhere(root.nowhere)[0], strict=True))
            e, axis, wrong, size = self.seen or (eq.target, 0, 0, 0)
            raise OutOfRange(
                f"a subscript of {brief(e)} is {wrong}, outside axis {axis + 1} of {e.name}, which has size {size}",
                known=f"subscripts count from 0: 0 to {size - 1}" + (f"; needed for {at}" if at else ""),
                about=e,
            )

    def _product(self, e: Mul, v: Visit, parts: list[Array]) -> Array:
        """A false bracket makes the product zero, whatever the other factors are."""
        rest = np.ones(v.shape, self._of(e))
        holds = np.ones(v.shape, bool)
        for child, part in zip(e.factors, parts, strict=True):
            factor = self._aligned(child, part, v)
            if isinstance(child, Bracket):
                holds = holds & factor
            else:
                rest = rest * self._real(factor, child)
        return np.where(holds, rest, self._of(e).type(0))

    def _reduce(self, e: Reduce, v: Visit, parts: list[Array]) -> Array:
        """Reduce along the bound letters, which are put last; then pick the entry that ``at`` names."""
        outer = sorted(e.body.free - set(e.indices))
        body = self._real(self._body(e.body, parts[0], v, outer + list(e.indices)), e.body)
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
            known = np.where(np.isnan(part), 0, part) if part.dtype.kind in "fc" else part
            whole = known if known.dtype.kind in "iu" else np.rint(np.real(known)).astype(np.int64)
            if not np.array_equal(whole, known):
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
