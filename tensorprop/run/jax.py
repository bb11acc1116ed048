"""The array operations of JAX, as :mod:`tensorprop.run.values` asks for them.

In: arrays or tracers, axes as numbers. Out: arrays or tracers. Each operation is what careful JAX code would write:
dtypes are those of the arrays (Python's numbers take the dtype of what they meet), index values are int32, and a
matrix product is one ``dot_general``. What an index is, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from fractions import Fraction
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core as jax_core
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tensorprop.errors import UsageError
from tensorprop.run.jax_direct import WIDE, add, alike, divide, multiply, settled, subtract
from tensorprop.run.jax_dots import product
from tensorprop.run.jax_functions import JAX, JAX_REDUCE, cumlogsumexp
from tensorprop.run.jax_laid import LaidOut
from tensorprop.run.jax_made import InPlaces, Turned
from tensorprop.run.jax_matrices import factored, frechet, logdet, solved
from tensorprop.run.jax_platform import elsewhere, on_cpu
from tensorprop.run.lowerings.running import NEUTRAL
from tensorprop.run.numpy_functions import NUMPY
from tensorprop.run.values import Step

__all__ = [
    "JaxOperations",
    "array",
    "as_dtype",
    "common_dtype",
    "concrete",
    "jit",
    "lasting",
    "owed",
    "raw",
    "spread",
    "traced",
    "varying",
    "widened",
]

Array = Any
_Axes = tuple[int, ...]

_RELATIONS = {
    "=": jnp.equal,
    "≠": jnp.not_equal,
    "<": jnp.less,
    "≤": jnp.less_equal,
    ">": jnp.greater,
    "≥": jnp.greater_equal,
}


_MANY = 2**8
"""Entries that it is worth to have side by side."""
_RUNNING: dict[str, Callable[..., Array]] = {
    "sum": lax.cumsum,
    "prod": lax.cumprod,
    "max": lax.cummax,
    "min": lax.cummin,
    "logsumexp": lax.cumlogsumexp,
}


class JaxOperations:
    """See :class:`tensorprop.run.values.Operations`. ``dtype`` is that of arrays which are made of numbers alone."""

    def __init__(self, dtype: Any = None, functions: Mapping[str, Callable[..., Array]] | None = None) -> None:
        self.dtype = dtype
        self.given = dtype
        self.functions = functions or {}
        self.indices: list[Array] = []
        self.placed: dict[int, InPlaces] = {}
        """By their identities arrays that were made by adding in places."""
        self.laid = LaidOut()
        self.stacks: dict[int, Turned] = {}
        """What loops have stacked, by identity, as it lies."""

    @property
    def rides(self) -> bool:
        """On a CPU steps are short; elsewhere all of them are done at once, where they can be."""
        return on_cpu()

    def at(self, kind: str | None) -> JaxOperations:
        if kind == "float64" and not jax.config.read("jax_enable_x64"):
            raise UsageError("float64 is not enabled in JAX", fix='jax.config.update("jax_enable_x64", True)')
        same = copy(self)
        same.dtype = self.given if kind is None else jnp.dtype(kind)
        return same

    def cast(self, a: Array, kind: str | None) -> Array:
        if kind is None or not jnp.issubdtype(jnp.result_type(a), jnp.floating):
            return a
        return jnp.asarray(a).astype(kind)

    def multiply(self, a: Array, b: Array) -> Array:
        return multiply(a, b)

    def divide(self, a: Array, b: Array) -> Array:
        return divide(a, b)

    def add(self, a: Array, b: Array) -> Array:
        one, other = self.placed.get(id(a)), self.placed.get(id(b))
        return self._kept(one.and_(other)) if one is not None and other is not None else add(a, b)

    def subtract(self, a: Array, b: Array) -> Array:
        """What was added in places is added with the other sign: XLA adds in places at once what is added to such."""
        one, other = self.placed.get(id(a)), self.placed.get(id(b))
        if other is None:
            return subtract(a, b)
        if one is not None:
            return self._kept(one.and_(other.negated()))
        return reduce(add, (put(lax.neg(updates)) for updates, put in other.parts.values()), a)

    def _kept(self, placed: InPlaces) -> Array:
        self.placed[id(placed.array)] = placed
        return placed.array

    def negative(self, a: Array) -> Array:
        return lax.neg(a) if settled(a) else jnp.negative(a)

    def power(self, a: Array, exponent: Fraction) -> Array:
        """Whole powers by multiplication, half powers by square roots, the rest by ``pow``."""
        if exponent.denominator == 1:
            n = int(exponent)
            if n == 1:
                return a
            if n == 2:
                return multiply(a, a)
            if n < 0:
                return divide(1, self.power(a, -exponent))
            return lax.integer_pow(a, n)
        if exponent == Fraction(1, 2):
            return jnp.sqrt(a)
        if exponent == Fraction(-1, 2):
            return lax.rsqrt(_inexact(a))
        return jnp.power(a, float(exponent))

    def call(self, function: str, *args: Array) -> Array:
        given = self.functions.get(function)
        return JAX[function](*args) if given is None else given(*args)

    def constant(self, function: str, *args: float) -> float:
        """A function of numbers, worked out in double precision while the program is made."""
        if function in self.functions:
            with jax.ensure_compile_time_eval():
                return float(self.functions[function](*map(jnp.asarray, map(float, args))))
        with np.errstate(all="ignore"):
            return float(NUMPY[function](*map(float, args)))

    def compare(self, relation: str, a: Array, b: Array) -> Array:
        return _RELATIONS[relation](a, b)

    def both(self, a: Array, b: Array) -> Array:
        return jnp.logical_and(a, b)

    def where(self, mask: Array, a: Array) -> Array:
        if isinstance(a, (int, float)) and self.dtype is not None:
            a = jnp.asarray(a, self.dtype)
        return jnp.where(mask, a, jnp.zeros((), jnp.result_type(a)))

    def kept(self, a: Array) -> Array:
        """XLA makes what takes few operations anew for each who reads it, and on a CPU keeps its parts instead: of rows
        that are gathered these, and for each reader a pass that fills in what is outside."""
        return lax.optimization_barrier(a) if on_cpu() else a

    def full(self, shape: _Axes, a: float) -> Array:
        return jnp.full(shape, a, self.dtype or jnp.result_type(float))

    def iota(self, size: int) -> Array:
        return lax.iota(jnp.int32, size)

    def transpose(self, a: Array, order: _Axes) -> Array:
        """What a loop has stacked is turned at last, or not at all if it is turned back: XLA looks through no slice."""
        known = self.stacks.get(id(a))
        return lax.transpose(a, order) if known is None else self._stacked(known.turned(order))

    def lies(self, a: Array) -> _Axes | None:
        known = self.stacks.get(id(a))
        return known.back if known is not None and known.order is not None else None

    def _stacked(self, known: Turned) -> Array:
        self.stacks[id(known.array)] = known
        return known.array

    def expand(self, a: Array, axes: _Axes) -> Array:
        return lax.expand_dims(a, axes)

    def broadcast(self, a: Array, shape: _Axes) -> Array:
        return jnp.broadcast_to(a, shape)

    def diagonal(self, a: Array, first: int, second: int) -> Array:
        """The entries with two equal subscripts: every (n + 1)st of those n × n, as one strided slice."""
        others = tuple(k for k in range(a.ndim) if k not in (first, second))
        a = lax.transpose(a, (*others, first, second))
        *outer, n = a.shape[:-1]
        flat = lax.reshape(a, (*outer, n * n))
        return lax.slice_in_dim(flat, 0, n * n, n + 1, axis=-1)

    def take(self, a: Array, entry: Any, axis: int) -> Array:
        if isinstance(entry, int):
            return lax.index_in_dim(a, entry, axis, keepdims=False)
        return lax.dynamic_index_in_dim(a, entry, axis, keepdims=False)

    def scan(
        self, step: Step, carried: Sequence[Array], read: Sequence[Array], length: int, back: bool
    ) -> tuple[Sequence[Array], Sequence[Array]]:
        """One ``lax.scan``; what is carried has the dtype that a step makes of it."""

        alone = self.laid.alone(step)

        def body(held: Sequence[Array], now: tuple[Array, Sequence[Array]]) -> tuple[Sequence[Array], Sequence[Array]]:
            after, made = alone(now[0], held, now[1])
            return [jnp.asarray(a, b.dtype) for a, b in zip(after, held, strict=True)], made

        carried = [jnp.asarray(a) for a in carried]
        if carried:
            entries = [jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in read]
            place = jax.ShapeDtypeStruct((), jnp.int32)
            after, _ = jax.eval_shape(alone, place, carried, entries)
            carried = [a.astype(jnp.result_type(a, b.dtype)) for a, b in zip(carried, after, strict=True)]
        last, made = lax.scan(body, carried, (lax.iota(jnp.int32, length), list(read)), length, reverse=back)
        return last, [self._stacked(Turned.of(a)) for a in made]

    def recurrence(self, rate: Array, a: Array, back: bool) -> Array:
        """A loop on a CPU; elsewhere one pass that the machine divides, as maps ``y ↦ rate y + a`` are associative."""
        if on_cpu():
            return lax.scan(lambda y, now: (now[0] * y + now[1],) * 2, jnp.zeros_like(a[0]), (rate, a), reverse=back)[1]
        return lax.associative_scan(lambda one, two: (one[0] * two[0], one[1] * two[0] + two[1]), (rate, a), back)[1]

    def either(self, plain: Callable[[], Array], other: Callable[[], Array]) -> Array:
        """Both are in the program; which one is compiled is chosen by the platform."""
        here = self.laid.alone(plain)
        dtype = jax.eval_shape(here).dtype
        return lax.platform_dependent(cpu=here, default=lambda: jnp.asarray(self.elsewhere(other), dtype))

    def elsewhere(self, made: Callable[[], Array]) -> Array:
        """What is made as it is for a machine that is no CPU."""
        with elsewhere():
            return self.laid.alone(made)()

    def concatenate(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        whole = jnp.concatenate([jnp.asarray(a) for a in arrays], axis)
        return self._stacked(Turned.of(whole)) if any(id(a) in self.stacks for a in arrays) else whole

    def sum(self, a: Array, axes: _Axes) -> Array:
        return lax.reduce_sum(a, axes) if settled(a) and a.dtype in WIDE else jnp.sum(a, axes)

    def reduce(self, op: str, a: Array, axes: _Axes) -> Array:
        return JAX_REDUCE[op](a, axes)

    def greatest(self, op: str, a: Array, count: int) -> Array:
        """``lax.top_k``, for which what is no number is below all that is: as a sort has it."""
        if jnp.issubdtype(a.dtype, jnp.inexact):
            _, at = lax.top_k(jnp.where(jnp.isnan(a), -jnp.inf, a), count)
        else:
            _, at = lax.top_k(a, count)
        return jnp.take_along_axis(a, at, -1) if op == "top" else at.astype(jnp.result_type(int))

    def dot(
        self,
        a: Array,
        b: Array,
        summed: tuple[_Axes, _Axes],
        batch: tuple[_Axes, _Axes],
        letters: tuple[tuple[str, ...], ...] = (),
    ) -> Array:
        if alike(a, b) is None:
            dtype = jnp.result_type(a, b)
            a, b = jnp.asarray(a, dtype), jnp.asarray(b, dtype)
        if _spread(a) is None and _spread(b) is None:
            return product(a, b, summed, batch, self.laid, letters)
        return lax.dot_general(a, b, (summed, batch), out_sharding=_split(a, b, summed, batch))

    def reshape(self, a: Array, shape: _Axes) -> Array:
        return lax.reshape(a, shape)

    def stack(self, arrays: Sequence[Array], axis: int) -> Array:
        return jnp.stack(arrays, axis)

    def table(self, entries: Any) -> Array:
        return jnp.asarray(entries, jnp.int32)

    def whole(self, a: Array) -> Array:
        """What is no whole number is nowhere: -1, which is outside of every axis."""
        a = jnp.asarray(a)
        if jnp.issubdtype(a.dtype, jnp.integer):
            return a
        near = jnp.rint(a)
        return jnp.where(near == a, near, -1).astype(jnp.int32)

    def within(self, index: Array, size: int, rule: str) -> Array:
        if rule == "edge":
            return jnp.clip(index, 0, size - 1)
        if rule == "wrap":
            return jnp.mod(index, size)
        turn = jnp.mod(index, max(2 * size - 2, 1))  # the mirror image does not repeat the last entry
        return jnp.minimum(turn, 2 * size - 2 - turn)

    def shifted(self, a: Array, axis: int, start: int, size: int, step: int, fill: float) -> Array:
        """One pad (what is outside) and one strided slice; a negative step reads backwards."""
        known = self.stacks.get(id(a))
        if known is not None and known.order is not None:
            part = self.shifted(known.source, known.order[axis], start, size, step, fill)
            return self.transpose(self._stacked(Turned.of(part)), known.order)
        if step < 0:
            a, start, step = lax.rev(a, (axis,)), a.shape[axis] - 1 - start, -step
        last = start + step * (size - 1) + 1
        low, high = max(0, -start), max(0, last - a.shape[axis])
        if low or high:
            pads = [(0, 0, 0)] * a.ndim
            pads[axis] = (low, high, 0)
            a = lax.pad(a, jnp.asarray(fill, a.dtype), pads)
        return lax.slice_in_dim(a, start + low, last + low, step, axis)

    def spaced(self, a: Array, axis: int, start: int, size: int, step: int) -> Array:
        """One pad with zeros between; negative pads cut what is outside."""
        n = a.shape[axis]
        if step < 0:
            a, start, step = lax.rev(a, (axis,)), start + step * (n - 1), -step
        pads = [(0, 0, 0)] * a.ndim
        pads[axis] = (start, size - (start + step * (n - 1) + 1), step - 1)
        return lax.pad(a, jnp.zeros((), a.dtype), pads)

    def gather(
        self, a: Array, axes: _Axes, index: Sequence[Array], batch: Sequence[tuple[int, int]], fill: float | None
    ) -> Array:
        """Of rows of one entry XLA makes a column for a CPU, and works on one entry after the other; not where they are
        an array by themselves."""
        rank = index[0].ndim
        start = jnp.stack([jnp.asarray(i, jnp.int32) for i in index], -1)
        paired = dict(batch)
        own = [k for k in range(a.ndim) if k not in axes and k not in paired]
        numbers = lax.GatherDimensionNumbers(
            offset_dims=tuple(range(rank, rank + len(own))),
            collapsed_slice_dims=tuple(sorted(axes)),
            start_index_map=tuple(axes),
            operand_batching_dims=tuple(sorted(paired)),
            start_indices_batching_dims=tuple(paired[k] for k in sorted(paired)),
        )
        out = lax.gather(
            a,
            start,
            numbers,
            tuple(n if k in own else 1 for k, n in enumerate(a.shape)),
            mode=lax.GatherScatterMode.FILL_OR_DROP,
            fill_value=fill,
        )
        return self.kept(out) if not own and isinstance(out.size, int) and out.size >= _MANY else out

    def conv(
        self,
        a: Array,
        b: Array,
        strides: _Axes,
        pads: tuple[tuple[int, int], ...],
        spread: tuple[tuple[int, int], ...],
        groups: int,
    ) -> Array:
        dtype = jnp.result_type(a, b)
        axes = "XYZ"[: len(strides)]
        return lax.conv_general_dilated(
            jnp.asarray(a, dtype),
            jnp.asarray(b, dtype),
            strides,
            pads,
            lhs_dilation=tuple(one for one, _ in spread),
            rhs_dilation=tuple(other for _, other in spread),
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            feature_group_count=groups,
        )

    def scatter(self, a: Array, index: Sequence[Array], sizes: _Axes, batch: int, rising: bool) -> Array:
        rank = index[0].ndim
        start = jnp.stack([jnp.asarray(i, jnp.int32) for i in index], -1)
        rest = a.shape[rank:]
        numbers = lax.ScatterDimensionNumbers(
            update_window_dims=tuple(range(rank, a.ndim)),
            inserted_window_dims=tuple(range(batch, batch + len(sizes))),
            scatter_dims_to_operand_dims=tuple(range(batch, batch + len(sizes))),
            operand_batching_dims=tuple(range(batch)),
            scatter_indices_batching_dims=tuple(range(batch)),
        )
        zeros = jnp.zeros((*a.shape[:batch], *sizes, *rest), a.dtype)
        drop = lax.GatherScatterMode.FILL_OR_DROP

        def put(updates: Array) -> Array:
            return lax.scatter_add(zeros, start, updates, numbers, indices_are_sorted=rising, mode=drop)

        if not settled(a):
            return put(a)
        places = (*map(id, index), a.dtype, zeros.shape, batch, rising)
        self.indices += index
        return self._kept(InPlaces(put(a), {places: (a, put)}))

    def factor(self, a: Array, kind: str) -> Any:
        return factored(a, kind)

    def solved(self, factor: Any, b: Array, transposed: bool) -> Array:
        return solved(factor, b, transposed)

    def logdet(self, factor: Any) -> Array:
        return logdet(factor)

    def frechet(self, a: Array, along: Array) -> Array:
        return frechet(a, along)

    def running(self, op: str, a: Array, axis: int, before: int, after: int, back: bool) -> Array:
        a = jnp.asarray(a) if op == "sum" else _inexact(a)
        if before or after:
            pads = [(0, 0, 0)] * a.ndim
            pads[axis] = (before, after, 0)
            a = lax.pad(a, jnp.asarray(NEUTRAL[op], a.dtype), pads)
        if op == "logsumexp" and on_cpu() and not jnp.iscomplexobj(a):
            return cumlogsumexp(a, axis, back)
        return _RUNNING[op](a, axis, reverse=back)

    def apart(self, arrays: Mapping[str, Array], after: Sequence[Array]) -> dict[str, Array]:
        return lax.optimization_barrier((dict(arrays), list(after)))[0]

    def scope(self, name: str) -> AbstractContextManager[Any]:
        return jax.named_scope(name.replace("·", "").replace("/", "∕"))

    def named(self, a: Array, letters: tuple[str, ...], what: object = None) -> Array:
        return a

    def identity(self, a: Array) -> int:
        return id(a)

    def typed(self, a: Array) -> Hashable:
        return a.aval


def differentiated(values: Callable[[Any], Any], params: Any) -> Any:
    """``jax.value_and_grad`` of the first thing that a function gives."""
    return jax.value_and_grad(values, has_aux=True)(params)


def types_of_arrays(arrays: Any) -> Any:
    """Shapes and dtypes in place of arrays."""
    return {n: jax.ShapeDtypeStruct(a.shape, a.dtype) for n, a in arrays.items()}


def _inexact(a: Array) -> Array:
    return a if jnp.issubdtype(jnp.result_type(a), jnp.inexact) else jnp.asarray(a, jnp.result_type(float))


# --------------------------------------------------------------------------- arrays over explicit axes of a mesh
def _spread(a: Array) -> tuple[Any, tuple[Any, ...]] | None:
    """The mesh with explicit axes that an array lies on, and over what each of its axes is split."""
    found = getattr(jax.typeof(a), "sharding", None)
    if found is None or AxisType.Explicit not in (found.mesh.axis_types or ()):
        return None
    return found.mesh, (*found.spec, *(None,) * (np.ndim(a) - len(found.spec)))


def _split(a: Array, b: Array, summed: tuple[_Axes, _Axes], batch: tuple[_Axes, _Axes]) -> NamedSharding | None:
    """How a contraction is split that sums over axes which are: as its operands, every axis of the mesh used once."""
    one, other = _spread(a), _spread(b)
    if one is None or other is None:
        return None
    mesh, left, right = one[0], one[1], other[1]
    if not any((*(left[k] for k in summed[0]), *(right[k] for k in summed[1]))):
        return None
    wanted = [
        *(left[k] or right[n] for k, n in zip(*batch, strict=True)),
        *(s for k, s in enumerate(left) if k not in (*summed[0], *batch[0])),
        *(s for k, s in enumerate(right) if k not in (*summed[1], *batch[1])),
    ]
    used: set[str] = set()
    spec: list[Any] = []
    for s in wanted:
        names = () if s is None else s if isinstance(s, tuple) else (s,)
        spec.append(s if used.isdisjoint(names) else None)
        used.update(names if spec[-1] is not None else ())
    return NamedSharding(mesh, PartitionSpec(*spec))


# --------------------------------------------------------------------------- at the edges of a program
class Listed(TypeError):
    """A list came in where JAX wants an array; raised while tracing, so that it is turned into one outside."""


def jit(program: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The program compiled for each set of shapes, and part of the whole where an outer ``jit`` traces it."""

    def traced(*args: Any) -> Any:
        return program(*args)

    traced.__name__ = traced.__qualname__ = name
    return jax.jit(traced, inline=True)


def traced(value: object) -> bool:
    """Whether a value has no numbers yet."""
    return isinstance(value, jax_core.Tracer)


def lasting(value: object) -> bool:
    """Whether the entries of an array stay what they are."""
    return isinstance(value, jax.Array)


def array(value: object) -> Array:
    """An input as an array; truth values count as the integers 0 and 1."""
    found = raw(value)
    return found.astype(jnp.int32) if found.dtype == jnp.bool_ else found


def raw(value: object) -> Array:
    """An input as an array with the dtype that it has."""
    if isinstance(value, (list, tuple)):
        raise Listed("lists are passed as arrays")
    return jnp.asarray(value)


def common_dtype(arrays: Iterable[Array], plane: bool = False) -> Any:
    """The dtype that real arrays come to together; None where all are of whole numbers. ``plane``: some are declared
    to be complex, and what is made of numbers alone is real all the same."""
    real = [a for a in arrays if jnp.issubdtype(jnp.result_type(a), jnp.inexact)]
    found = jnp.result_type(*real) if real else None
    return jnp.finfo(found).dtype if plane and found is not None else found


def widened(a: Array) -> Array:
    """An array as one of complex numbers."""
    return a.astype(jnp.result_type(a, jnp.complex64))


def concrete(value: object) -> Array:
    """Anything like an array as one; a number stays one. Errors: TypeError, ValueError, OverflowError."""
    if isinstance(value, (int, float, complex)):
        jnp.asarray(value)
        return value
    if not isinstance(value, (list, tuple, jax.Array)):
        value = np.asarray(value)
        wide = {"f": np.float64, "c": np.complex128}.get(value.dtype.kind)
        if wide is not None and value.dtype.itemsize > np.dtype(wide).itemsize:
            value = value.astype(wide)
    return jnp.asarray(value)


def owed(g: Array, over: frozenset[str]) -> Array:
    """The cotangent of what varies ``over`` these mesh axes: added up over the others, where all have one array."""
    axes = tuple(varying(g) - over)
    return spread(lax.psum(g, axes) if axes else g, over)


def spread(a: Array, over: frozenset[str]) -> Array:
    """An array that is marked as varying over these mesh axes."""
    axes = tuple(over - varying(a))
    return lax.pcast(a, axes, to="varying") if axes else a


def varying(a: Array) -> frozenset[str]:
    """The mesh axes of a ``shard_map`` over which an array differs, where JAX tells; none outside of one."""
    told = jax.typeof(a) if hasattr(jax, "typeof") else None
    told = getattr(told, "manual_axis_type", told)  # its name since 0.10; before, what varies is told directly
    return frozenset(getattr(told, "varying", None) or getattr(told, "vma", None) or ())


def as_dtype(a: Array, like: Array) -> Array:
    """The gradient ``a`` with the dtype of ``like``, split over the axes of a mesh as ``like`` is."""
    dtype = jnp.result_type(like)
    if jnp.iscomplexobj(a) and not jnp.issubdtype(dtype, jnp.complexfloating):
        a = jnp.real(a)  # what is owed to real numbers
    made = jnp.asarray(a, dtype)
    if isinstance(like, jax.Array) and _spread(like) is not None:
        return jax.sharding.reshard(made, jax.typeof(like).sharding)
    return owed(made, varying(like)) if traced(made) else made


def slope_of(f: Callable[..., Array]) -> Callable[..., Array]:
    """The derivative of an elementwise function of one argument, by JAX."""
    return lambda x: jax.jvp(f, (jnp.asarray(x),), (jnp.ones_like(x),))[1]


def in_double(f: Callable[..., Array]) -> Callable[..., Any]:
    """A function as it is for NumPy's arrays: what it does in JAX is done with 64 bits."""

    def applied(*args: Any) -> Any:
        with jax.enable_x64(True):
            return np.asarray(f(*args))

    return applied
