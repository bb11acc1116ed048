"""Operations of ``jax.lax`` by NumPy, a row each: what a program of JAX computes, without a compiler.

In: an operation's name and parameters, and arrays. Out: an array. What no row tells is left to JAX (`jax_played`).
The rows are of the arithmetic, of shapes and of places, of which programs consist; decompositions, convolutions and
random numbers have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["OPERATIONS", "SEVERAL", "Array", "Operation"]

Array = Any
Params = Mapping[str, Any]
Operation = Callable[..., Array]
"""An operation's parameters, then its arrays; what it gives is made of the dtype that the program says."""


# --------------------------------------------------------------------------- entry by entry
def _plain(fn: Callable[..., Array]) -> Operation:
    return lambda params, *arrays: fn(*arrays)


def _quotient(a: Array, b: Array) -> Array:
    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    return np.trunc(np.divide(a, b)) if a.dtype.kind == "i" else np.floor_divide(a, b)


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x)) if x.dtype.kind == "f" else np.exp(-x)
    return np.where(x < 0, e / (1 + e), 1 / (1 + e)) if x.dtype.kind == "f" else 1 / (1 + e)


def _power(x: Array, n: int) -> Array:
    """By squaring, as the exponent is a number."""
    if n < 0:
        return 1 / _power(x, -n)
    if n in (0, 1, 2):
        return (np.ones_like(x), x, x * x)[n]
    half = _power(x, n // 2)
    return half * half * x if n % 2 else half * half


def _converted(params: Params, x: Array) -> Array:
    to = np.dtype(params["new_dtype"])
    if to.kind == "b":
        return x != 0
    return x.real if x.dtype.kind == "c" and to.kind != "c" else x


def _chosen(params: Params, which: Array, *cases: Array) -> Array:
    if which.dtype == bool:
        return np.where(which, cases[1], cases[0])
    return np.choose(np.broadcast_to(which, cases[0].shape), cases)


def _rounded(params: Params, x: Array) -> Array:
    if "EVEN" in str(params["rounding_method"]):
        return np.round(x)
    return np.copysign(np.floor(np.abs(x) + 0.5), x)  # halves away from zero


_ENTRYWISE: dict[str, Operation] = {
    **{
        name: _plain(getattr(np, name))
        for name in (
            *("exp", "exp2", "expm1", "log", "log1p", "sqrt", "cbrt", "abs", "sign", "floor", "ceil", "square"),
            *("sin", "cos", "tan", "sinh", "cosh", "tanh", "real", "imag", "conj", "nextafter"),
        )
    },
    **{f"a{name}": _plain(getattr(np, f"arc{name}")) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "atan2": _plain(np.arctan2),
    "neg": _plain(np.negative),
    "not": _plain(np.invert),
    "is_finite": _plain(np.isfinite),
    "rsqrt": _plain(lambda x: 1 / np.sqrt(x)),
    "logistic": _plain(_logistic),
    "one_minus_square": _plain(lambda y: (1 - y) * (1 + y)),
    "integer_pow": lambda params, x: _power(x, params["y"]),
    "round": _rounded,
    "convert_element_type": _converted,
    "add": _plain(np.add),
    "add_any": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "div": _plain(_quotient),
    "rem": _plain(np.fmod),
    "pow": _plain(np.power),
    "max": _plain(np.maximum),
    "min": _plain(np.minimum),
    "complex": _plain(lambda re, im: re + 1j * im),
    "and": _plain(np.bitwise_and),
    "or": _plain(np.bitwise_or),
    "xor": _plain(np.bitwise_xor),
    "eq": _plain(np.equal),
    "ne": _plain(np.not_equal),
    "lt": _plain(np.less),
    "le": _plain(np.less_equal),
    "gt": _plain(np.greater),
    "ge": _plain(np.greater_equal),
    "select_n": _chosen,
    "clamp": _plain(lambda low, x, high: np.minimum(np.maximum(x, low), high)),
}


# --------------------------------------------------------------------------- shapes
def _spread(params: Params, x: Array, *sizes: Array) -> Array:
    shape, axes = params["shape"], params["broadcast_dimensions"]
    own = [1] * len(shape)
    for axis, n in zip(axes, x.shape, strict=True):
        own[axis] = n
    return np.broadcast_to(x.reshape(own), shape)


def _reshaped(params: Params, x: Array, *sizes: Array) -> Array:
    order = params.get("dimensions")
    return (x if order is None else np.transpose(x, order)).reshape(params["new_sizes"])


def _counted(params: Params, *sizes: Array) -> Array:
    shape, axis = params["shape"], params["dimension"]
    own = [n if k == axis else 1 for k, n in enumerate(shape)]
    return np.broadcast_to(np.arange(shape[axis], dtype=params["dtype"]).reshape(own), shape)


def _sliced(params: Params, x: Array) -> Array:
    strides = params["strides"] or (1,) * x.ndim
    return x[tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]


def _padded(params: Params, x: Array, fill: Array) -> Array:
    """Entries apart by ``inside``, with room before and behind; negative room is cut off."""
    config = params["padding_config"]
    wide = [max(0, (n - 1) * (inside + 1) + 1) if n else 0 for n, (_, _, inside) in zip(x.shape, config, strict=True)]
    out = np.full([low + n + high for n, (low, high, _) in zip(wide, config, strict=True)], fill, x.dtype)
    put, take = [], []
    for n, size, (low, _, inside) in zip(x.shape, out.shape, config, strict=True):
        step = inside + 1
        first = -(low // step) if low < 0 else 0  # the first entry that is not cut off
        last = min(n, (size - 1 - low) // step + 1) if size > 0 else 0
        take.append(slice(first, max(first, last)))
        put.append(slice(low + first * step, low + max(first, last - 1) * step + 1 if last > first else 0, step))
    out[tuple(put)] = x[tuple(take)]
    return out


def _starts(places: Sequence[Array], sizes: Sequence[int], shape: Sequence[int]) -> list[int]:
    """Where a slice begins: as far inside that all of it is."""
    return [min(max(int(p), 0), n - size) for p, size, n in zip(places, sizes, shape, strict=True)]


def _taken(params: Params, x: Array, *places: Array) -> Array:
    sizes = params["slice_sizes"]
    return x[tuple(slice(k, k + n) for k, n in zip(_starts(places, sizes, x.shape), sizes, strict=True))]


def _replaced(params: Params, x: Array, part: Array, *places: Array) -> Array:
    out = x.copy()
    starts = _starts(places, part.shape, x.shape)
    out[tuple(slice(k, k + n) for k, n in zip(starts, part.shape, strict=True))] = part
    return out


_SHAPES: dict[str, Operation] = {
    "broadcast_in_dim": _spread,
    "reshape": _reshaped,
    "squeeze": lambda params, x: np.squeeze(x, tuple(params["dimensions"])),
    "transpose": lambda params, x: np.transpose(x, params["permutation"]),
    "rev": lambda params, x: np.flip(x, params["dimensions"]),
    "concatenate": lambda params, *some: np.concatenate(some, params["dimension"]),
    "stack": lambda params, *some: np.stack(some, params["axis"]),
    "iota": _counted,
    "slice": _sliced,
    "pad": _padded,
    "dynamic_slice": _taken,
    "dynamic_update_slice": _replaced,
}


# --------------------------------------------------------------------------- sums and products
_FLOATS = "fV"  # NumPy takes bfloat16 for a kind of its own


def _lowest(dtype: np.dtype[Any]) -> Any:
    return False if dtype.kind == "b" else -np.inf if dtype.kind in _FLOATS else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return True if dtype.kind == "b" else np.inf if dtype.kind in _FLOATS else np.iinfo(dtype).max


def _reduced(fn: Any, start: Callable[[np.dtype[Any]], Any]) -> Operation:
    def go(params: Params, x: Array) -> Array:
        wide = np.dtype(np.float32) if x.dtype.kind in _FLOATS and x.dtype.itemsize < 4 else x.dtype
        return fn.reduce(x, tuple(params["axes"]), dtype=wide, initial=start(wide))

    return go


def _zero(dtype: np.dtype[Any]) -> Any:
    return dtype.type(0)


def _one(dtype: np.dtype[Any]) -> Any:
    return dtype.type(1)


def _along(fn: Any) -> Operation:
    def go(params: Params, x: Array) -> Array:
        axis = params["axis"]
        y = np.flip(x, axis) if params["reverse"] else x
        y = fn.accumulate(y, axis, dtype=x.dtype)
        return np.flip(y, axis) if params["reverse"] else y

    return go


def _product(params: Params, a: Array, b: Array) -> Array:
    """A batch of matrix products: what is kept of each stands behind what they share."""
    (sum_a, sum_b), (batch_a, batch_b) = params["dimension_numbers"]
    keep_a = [k for k in range(a.ndim) if k not in (*sum_a, *batch_a)]
    keep_b = [k for k in range(b.ndim) if k not in (*sum_b, *batch_b)]
    batch = [a.shape[k] for k in batch_a]
    n = math.prod(a.shape[k] for k in sum_a)
    rows, columns = [a.shape[k] for k in keep_a], [b.shape[k] for k in keep_b]
    left = np.transpose(a, (*batch_a, *keep_a, *sum_a)).reshape((*batch, math.prod(rows), n))
    right = np.transpose(b, (*batch_b, *sum_b, *keep_b)).reshape((*batch, n, math.prod(columns)))
    wanted = params.get("preferred_element_type")
    dtype = np.result_type(a, b) if wanted is None else np.dtype(wanted)
    return np.matmul(left.astype(dtype, copy=False), right.astype(dtype, copy=False)).reshape((*batch, *rows, *columns))


def _place_of(fn: Callable[..., Array]) -> Operation:
    """The first of equals; a nan comes before all numbers, as NumPy has it too."""
    return lambda params, x: fn(x, params["axes"][0])


_SUMS: dict[str, Operation] = {
    "reduce_sum": _reduced(np.add, _zero),
    "reduce_prod": _reduced(np.multiply, _one),
    "reduce_max": _reduced(np.maximum, _lowest),
    "reduce_min": _reduced(np.minimum, _highest),
    "reduce_and": _reduced(np.bitwise_and, _highest),
    "reduce_or": _reduced(np.bitwise_or, _zero),
    "argmax": _place_of(np.argmax),
    "argmin": _place_of(np.argmin),
    "cumsum": _along(np.add),
    "cumprod": _along(np.multiply),
    "cummax": _along(np.maximum),
    "cummin": _along(np.minimum),
    "cumlogsumexp": _along(np.logaddexp),
    "dot_general": _product,
}


# --------------------------------------------------------------------------- places
def _windows(
    shape: Sequence[int], places: Array, axes: Sequence[int], shared: Sequence[tuple[int, int]], sizes: Sequence[int],
    clip: bool,
) -> tuple[list[Array], Array]:  # fmt: skip
    """For each axis where the entries of windows lie, over (places…, axes…), and whether a window lies inside.

    A window of ``sizes`` begins at ``places[…, k]`` along the k-th of ``axes``, at the place's own number along the
    axes that are ``shared`` with the places, and at 0 along others.
    """
    many = places.ndim - 1
    starts: list[Array] = [np.zeros((1,) * many, np.intp) for _ in shape]
    inside: Array = np.ones((1,) * many, bool)
    for k, axis in enumerate(axes):
        start = places[..., k].astype(np.intp)
        room = shape[axis] - sizes[axis]
        inside = inside & (start >= 0) & (start <= room)
        starts[axis] = np.clip(start, 0, room) if clip else start
    for axis, batch in shared:
        own = [n if k == batch else 1 for k, n in enumerate(places.shape[:-1])]
        starts[axis] = np.arange(places.shape[batch], dtype=np.intp).reshape(own)
    found = []
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        own = [size if k == axis else 1 for k in range(len(shape))]
        found.append(start.reshape((*start.shape, *[1] * len(shape))) + np.arange(size).reshape(own))
    return found, inside.reshape((*inside.shape, *[1] * len(shape)))


def _missing(params: Params, dtype: np.dtype[Any]) -> Any:
    fill = params.get("fill_value")
    if fill is not None:
        return fill
    return np.nan if dtype.kind in ("c", *_FLOATS) else _lowest(dtype) if dtype.kind == "i" else _highest(dtype)


def _gathered(params: Params, x: Array, places: Array) -> Array:
    d, sizes, mode = params["dimension_numbers"], params["slice_sizes"], str(params["mode"])
    shared = list(zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True))
    fills = "FILL" in mode
    found, inside = _windows(x.shape, places, d.start_index_map, shared, sizes, clip=True)
    y = x[tuple(np.broadcast_arrays(*found))] if found else x
    if fills and not inside.all():
        y = np.where(inside, y, np.asarray(_missing(params, x.dtype), x.dtype))
    many = places.ndim - 1
    full = (*places.shape[:-1], *sizes)
    y = np.broadcast_to(y, full)
    gone = {*d.collapsed_slice_dims, *d.operand_batching_dims}
    kept = [k for k in range(x.ndim) if k not in gone]
    y = y.reshape((*places.shape[:-1], *(sizes[k] for k in kept)))
    order: list[int] = []
    batch, offsets = iter(range(many)), iter(range(many, many + len(kept)))
    for k in range(many + len(kept)):
        order.append(next(offsets) if k in d.offset_dims else next(batch))
    return np.transpose(y, order)


def _scattered(fn: Any) -> Operation:
    """``fn`` is what a window does to what is there; None puts it in its place."""

    def go(params: Params, x: Array, places: Array, updates: Array) -> Array:
        d, mode = params["dimension_numbers"], str(params["mode"])
        gone = {*d.inserted_window_dims, *d.operand_batching_dims}
        kept = [k for k in range(x.ndim) if k not in gone]
        windows = d.update_window_dims
        sizes = [1] * x.ndim
        for axis, w in zip(kept, windows, strict=True):
            sizes[axis] = updates.shape[w]
        shared = list(zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True))
        axes = d.scatter_dims_to_operand_dims
        found, inside = _windows(x.shape, places, axes, shared, sizes, clip="CLIP" in mode)
        batch = [k for k in range(updates.ndim) if k not in windows]
        full = (*places.shape[:-1], *sizes)
        values = np.transpose(updates, (*batch, *windows)).reshape(full)
        where = np.broadcast_to(inside, full) if "CLIP" not in mode else np.ones(full, bool)
        at = tuple(np.broadcast_to(f, full)[where] for f in found)
        out = x.copy()
        if fn is None:
            out[at] = values[where]
        else:
            fn.at(out, at, values[where])
        return out

    return go


_PLACES: dict[str, Operation] = {
    "gather": _gathered,
    "scatter": _scattered(None),
    "scatter-add": _scattered(np.add),
    "scatter-mul": _scattered(np.multiply),
    "scatter-max": _scattered(np.maximum),
    "scatter-min": _scattered(np.minimum),
}


def _sorted(params: Params, *arrays: Array) -> tuple[Array, ...]:
    """All arrays in the order of the first, equal ones in theirs; a nan comes last."""
    axis = params["dimension"]
    order = np.argsort(arrays[0], axis, kind="stable")
    return tuple(np.take_along_axis(a, order, axis) for a in arrays)


def _split(params: Params, x: Array) -> list[Array]:
    return np.split(x, np.cumsum(params["sizes"])[:-1], params["axis"])


OPERATIONS: dict[str, Operation] = {**_ENTRYWISE, **_SHAPES, **_SUMS, **_PLACES}

SEVERAL: dict[str, Operation] = {
    "split": _split,
    "unstack": lambda params, x: list(np.moveaxis(x, params["axis"], 0)),
    "sort": _sorted,
}
"""Operations that give several arrays."""
