"""A function of named arrays that JAX differentiates backwards by rules and forwards by tangents: a hijax primitive.

In: `Ways`. Out: one function of a dict of arrays. Two primitives do it. `Ruled` is the function: JAX works it out,
asks it for what to keep and for gradients (``jax.grad``, ``jax.vjp``), or for tangents (``jax.jvp``,
``jax.linearize``). `Pushed` is the linear map of the tangents, whose transpose is the rule again: so where JAX goes
forwards first and transposes what it found, as ``jax.checkpoint`` does, the gradients are still the rule's. Under
``vmap`` both are mapped as they are. Which rules they are is not known here, nor what an index is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import hijax

from tensorprop.rule.jax_rule import Kept, Types, Ways, types_of
from tensorprop.run.jax import jit, raw, traced

__all__ = ["two_way_rule"]

Array = Any
Arrays = Mapping[str, Any]
Outputs = tuple[Array, ...]
Pull = Callable[[Kept, Arrays], Arrays]

_Primitive: Any = hijax.HiPrim
_mapped: Any = hijax.vmap_rule
_MOST = 64


def two_way_rule(ways: Ways, name: str) -> Callable[[Arrays], Outputs]:
    """The value, with gradients by ``pull`` and tangents by ``push``, whichever way JAX asks."""
    value: Any = jit(lambda arrays: ways.value({n: raw(a) for n, a in arrays.items()}), name)
    whole = _Whole(ways, value)

    def run(arrays: Arrays) -> Outputs:
        if not any(map(traced, arrays.values())):
            return value(arrays)
        ready = {n: a if traced(a) else raw(a) for n, a in arrays.items()}
        return Ruled(whole, _types(ready), tuple(value.trace(ready).jaxpr.out_avals))(ready)

    return run


class _Maps(ABC):
    """What the primitives ask of a function, each map read once for all calls of the same types."""

    outputs: tuple[str, ...]
    value: Any
    pull: Any

    def __init__(self, ways: Ways | _Maps) -> None:
        self.outputs, self.moving, self.saved, self.reach = ways.outputs, ways.moving, ways.saved, ways.reach
        self._taken = jax.jit(self._take, inline=True, static_argnums=(1, 2))
        self._pushed = jax.jit(self._push, inline=True, static_argnums=2)
        self._along: dict[Any, _Maps] = {}

    def take(self, arrays: Arrays, wanted: tuple[str, ...], ahead: bool) -> tuple[Outputs, Kept]:
        """The outputs, and what is kept for the gradients by ``wanted``, and their tangents.

        Inputs are kept as they are: a scan sees that it has read them, and does not write them once more.
        """
        out, kept = self._taken(arrays, wanted, ahead)
        return out, replace(kept, arrays={n: arrays.get(n, a) for n, a in kept.arrays.items()})

    def push(self, kept: Kept, moved: Arrays, types: Types) -> Arrays:
        """The tangents of the outputs of these types."""
        return self._pushed(kept, moved, types)

    @abstractmethod
    def _take(self, arrays: Arrays, wanted: tuple[str, ...], ahead: bool) -> tuple[Outputs, Kept]:
        """`take`, line by line."""

    @abstractmethod
    def _push(self, kept: Kept, moved: Arrays, types: Types) -> Arrays:
        """`push`, line by line."""

    def along(self, axis: Any, dims: Mapping[str, int | None]) -> _Maps:
        """The same maps along an axis that the inputs have at the places ``dims``."""
        key = axis, tuple(dims.items())
        if key not in self._along:
            if len(self._along) == _MOST:
                self._along.clear()
            self._along[key] = _Mapped(self, axis, dims)
        return self._along[key]


class _Whole(_Maps):
    """The maps of `Ways`."""

    def __init__(self, ways: Ways, value: Any) -> None:
        super().__init__(ways)
        self.ways, self.value, self.pull = ways, value, ways.pulled

    def _take(self, arrays: Arrays, wanted: tuple[str, ...], ahead: bool) -> tuple[Outputs, Kept]:
        return self.ways.taken(arrays, wanted, True, ahead)

    def _push(self, kept: Kept, moved: Arrays, types: Types) -> Arrays:
        return self.ways.pushed(kept, dict(moved), types)


class _Mapped(_Maps):
    """The same maps along an axis; outputs have it in front."""

    def __init__(self, of: _Maps, axis: Any, dims: Mapping[str, int | None]) -> None:
        super().__init__(of)
        self.of, self.axis, self.dims = of, axis, dict(dims)
        self.having = frozenset(n for n, d in dims.items() if d is not None)
        self.value = jax.jit(_mapped(axis, of.value, (self.dims,), 0), inline=True)
        self.pull = jax.jit(self._pull, inline=True)

    def _take(self, arrays: Arrays, wanted: tuple[str, ...], ahead: bool) -> tuple[Outputs, Kept]:
        """What depends on no input that has the axis is kept once."""
        facts: list[Kept] = []

        def inner(arrays: Arrays) -> tuple[Outputs, Arrays]:
            out, kept = self.of.take(arrays, wanted, ahead)
            facts.append(kept)
            return out, kept.arrays

        dims = self._kept(self.saved(wanted, True, ahead))
        out, kept = _mapped(self.axis, inner, (self.dims,), (0, dims))(arrays)
        return out, replace(facts[0], arrays=kept)

    def _pull(self, kept: Kept, given: Arrays) -> Arrays:
        return _back(self.axis, self.of.pull, self._at(kept), self.dims)(kept, given)

    def _push(self, kept: Kept, moved: Arrays, types: Types) -> Arrays:
        dims = {n: self.dims[n] for n in moved}
        return _ahead(self.axis, self.of.push, (self._at(kept), dims), kept, moved, types)

    def _kept(self, names: Iterable[str]) -> dict[str, int | None]:
        return {n: self.dims[n] if n in self.dims else 0 if self.reach(n) & self.having else None for n in names}

    def _at(self, kept: Kept) -> Kept:
        """Where what is kept has the axis."""
        return replace(kept, arrays=self._kept(kept.arrays))


class Ruled(_Primitive):
    """The outputs of a function of arrays by name."""

    skip_linearization_on_zero_tangents = True
    of: _Maps

    def __init__(self, of: _Maps, inputs: Mapping[str, Any], outputs: tuple[Any, ...]) -> None:
        self.in_avals = (dict(inputs),)
        self.out_aval = outputs
        self.params = {"of": of}
        super().__init__()

    def pp_params(self) -> dict[str, Any]:
        return {"outputs": " ".join(self.of.outputs)}

    def expand(self, arrays: Arrays) -> Outputs:
        return self.of.value(arrays)

    def vjp_fwd(self, nzs_in: tuple[Mapping[str, bool]], arrays: Arrays) -> tuple[Outputs, Kept, tuple[bool, ...]]:
        wanted = tuple(n for n, moves in nzs_in[0].items() if moves and _is_real(self.in_avals[0][n]))
        out, kept = self.of.take(arrays, wanted, False)
        moving = self.of.moving(wanted, False)
        return out, kept, tuple(n in moving and _is_real(o) for n, o in zip(self.of.outputs, out, strict=True))

    def vjp_bwd_retval(self, kept: Kept, cotangents: Outputs) -> tuple[Arrays]:
        given = {n: c for n, c in zip(self.of.outputs, cotangents, strict=True) if _counts(c)}
        found = self.of.pull(kept, given) if given else {}
        return ({n: found[n] if n in found else hijax.Zero(a.to_ct_aval()) for n, a in self.in_avals[0].items()},)

    def jvp(self, primals: tuple[Arrays], tangents: tuple[Arrays]) -> tuple[Outputs, Outputs]:
        (arrays,) = primals
        moved = {n: t for n, t in tangents[0].items() if _counts(t) and _is_real(self.in_avals[0][n])}
        out, kept = self.of.take(arrays, tuple(moved), True)
        named = dict(zip(self.of.outputs, out, strict=True))
        names = [n for n in self.of.moving(tuple(moved), True) if _is_real(named[n])]
        types = types_of({n: named[n] for n in names})
        slopes = {n: t.to_tangent_aval() for n, t in zip(self.of.outputs, self.out_aval, strict=True)}
        pushed = Pushed((self.of.push, self.of.pull), types, tuple(slopes[n] for n in names), kept, moved)
        found = dict(zip(names, pushed(kept, moved), strict=True))
        return out, tuple(found.get(n, hijax.Zero(slopes[n])) for n in named)

    lin, linearized = hijax.linearize_from_jvp

    def batch(self, axis_data: Any, args: tuple[Arrays], dims: tuple[Any]) -> tuple[Outputs, tuple[int, ...]]:
        at = (0,) * len(self.of.outputs)
        outputs = hijax.unmap_avals(axis_data, self.out_aval, at)
        return Ruled(self.of.along(axis_data, dims[0]), _types(args[0]), outputs)(*args), at


class Pushed(_Primitive):
    """The tangents of outputs, of what is kept and the tangents of inputs, in which they are linear."""

    push: Any
    pull: Pull
    types: Types

    def __init__(self, maps: tuple[Any, Pull], types: Types, outputs: Any, kept: Kept, moved: Arrays) -> None:
        self.in_avals = (_types(kept), _types(moved))
        self.out_aval = outputs
        self.params = {"push": maps[0], "pull": maps[1], "types": types}
        super().__init__()

    def expand(self, kept: Kept, moved: Arrays) -> Outputs:
        found = self.push(kept, moved, types=self.types)
        return tuple(found[n] for n, *_ in self.types)

    def transpose(self, out_ct: Outputs, kept: Kept, moved: Arrays) -> None:
        given = {n: c for (n, *_), c in zip(self.types, out_ct, strict=True) if _counts(c)}
        found = self.pull(kept, given) if given else {}
        for n, owed in moved.items():
            if isinstance(owed, hijax.GradAccum) and n in found:
                owed.accum(found[n])

    def jvp(self, primals: tuple[Kept, Arrays], tangents: tuple[Kept, Arrays]) -> tuple[Outputs, Outputs]:
        """Where only the tangents move it is the same map; else it is differentiated as JAX does any other."""
        values, tree = jax.tree.flatten(primals)
        slopes = tree.flatten_up_to(tangents)
        if not any(map(_counts, jax.tree.leaves(tangents[0], is_leaf=_is_zero))):
            return self(*primals), self(primals[0], {n: hijax.instantiate_zeros(t) for n, t in tangents[1].items()})
        free = [k for k, t in enumerate(slopes) if _counts(t)]

        def of(*some: Array) -> Outputs:
            return self.expand(
                *tree.unflatten([dict(zip(free, some, strict=True)).get(k, a) for k, a in enumerate(values)])
            )

        return jax.jvp(of, [values[k] for k in free], [slopes[k] for k in free])

    lin, linearized = hijax.linearize_from_jvp
    vjp_fwd, vjp_bwd_retval = hijax.vjp_from_lin

    def batch(self, axis_data: Any, args: tuple[Kept, Arrays], dims: tuple[Any, Any]) -> tuple[Outputs, Any]:
        at = (0,) * len(self.types)
        push = partial(_ahead, axis_data, self.push, dims)
        pull = _back(axis_data, self.pull, *dims)
        outputs = hijax.unmap_avals(axis_data, self.out_aval, at)
        return Pushed((push, pull), self.types, outputs, *args)(*args), at


def _ahead(axis: Any, push: Any, dims: Any, kept: Kept, moved: Arrays, types: Types) -> Arrays:
    """Tangents along an axis that what is kept and what moves have at the places ``dims``."""
    return _mapped(axis, partial(push, types=types), dims, 0)(kept, moved)


def _back(axis: Any, pull: Pull, kept: Any, dims: Mapping[str, int | None]) -> Pull:
    """Gradients along an axis: those of inputs that have it, at its place; the others added up over it."""

    def mapped(arrays: Kept, given: Arrays) -> Arrays:
        found = _mapped(axis, pull, (kept, dict.fromkeys(given, 0)), 0)(arrays, given)
        return {n: jnp.sum(g, 0) if (at := dims[n]) is None else jnp.moveaxis(g, 0, at) for n, g in found.items()}

    return mapped


def _types(arrays: Any) -> Any:
    """The types of arrays in a tree."""
    return jax.tree.map(jax.typeof, arrays)


def _is_real(a: Any) -> bool:
    """Whether there are derivatives by an array: it is of real or complex numbers."""
    return jnp.issubdtype(a.dtype, jnp.inexact)


def _is_zero(t: Any) -> bool:
    return isinstance(t, hijax.Zero)


def _counts(t: Any) -> bool:
    """Whether a tangent or cotangent is one that counts."""
    return not _is_zero(t) and jax.typeof(t).dtype != jax.dtypes.float0
