"""A function of named arrays whose derivative JAX takes from rules: all that is known here of custom derivatives.

In: how the values are worked out, and the gradients (or the tangents), as functions of dicts of arrays. Out: one
function of a dict, with ``jax.custom_vjp`` or ``jax.custom_jvp`` around it. Which rules they are is not known here,
nor what an index is; where JAX offers a better way to install a rule, this file is what changes.

What JAX asks for, and who says so: an input of whole numbers has no cotangent (None, which JAX turns into float0);
an input that nobody differentiates by is not ``perturbed``, so nothing is saved for it; an output that nobody used has
a symbolic zero, so its terms are left out; a cotangent varies over the same mesh axes of ``shard_map`` as its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import SymbolicZero, zero_from_primal

__all__ = ["Kept", "as_real", "forward_rule", "is_forward_refusal", "reverse_rule"]

Array = Any
Arrays = Mapping[str, Any]
Outputs = tuple[Array, ...]
Save = Callable[[Arrays, tuple[str, ...]], tuple[Outputs, dict[str, Array], Any]]
Pull = Callable[["Kept", dict[str, Array]], dict[str, Array]]
Push = Callable[[Arrays, dict[str, Array]], tuple[Outputs, dict[str, Array]]]


@dataclass(frozen=True)
class Kept:
    """What the way back has of the way forward: arrays, and facts that need none (``note``, which is hashable)."""

    arrays: dict[str, Array]
    wanted: tuple[str, ...]
    types: tuple[tuple[str, Any, frozenset[str]], ...]  # dtype, and what `_varying` says, of every input
    note: Any


jax.tree_util.register_dataclass(Kept, data_fields=["arrays"], meta_fields=["wanted", "types", "note"])


def reverse_rule(
    value: Callable[[Arrays], Outputs], save: Save, pull: Pull, outputs: Sequence[str], barrier: bool
) -> Callable[[Arrays], Outputs]:
    """``value``, with the gradients that ``pull`` gives under ``jax.grad`` and ``jax.vjp``.

    ``save(arrays, wanted)`` gives the outputs, the arrays to keep, and a note; ``pull(kept, cotangents)`` the gradients
    of the ``wanted`` inputs by name, where cotangents of outputs that are zero are missing, and gradients that are zero
    may be. ``barrier``: the compiler may not keep on its own what ``pull`` works out again.
    """

    @jax.custom_vjp
    def run(arrays: Arrays) -> Outputs:
        return value(arrays)

    def forward(arrays: Arrays) -> tuple[Outputs, Kept]:
        wanted = tuple(n for n, a in arrays.items() if a.perturbed and jnp.issubdtype(a.value.dtype, jnp.inexact))
        out, arrays_kept, note = save({n: a.value for n, a in arrays.items()}, wanted)
        named = {n: checkpoint_name(a, n) for n, a in arrays_kept.items()}  # for jax.checkpoint_policies
        return out, Kept(named, wanted, tuple((n, a.value.dtype, _varying(a.value)) for n, a in arrays.items()), note)

    def pulled(kept: Kept, given: dict[str, Array]) -> dict[str, Array]:
        if barrier:
            kept = Kept(lax.optimization_barrier(kept.arrays), kept.wanted, kept.types, kept.note)
        found = pull(kept, given)
        return {n: _owed(jnp.asarray(found[n], dtype), over) for n, dtype, over in kept.types if n in found}

    traced_once = jax.jit(pulled, inline=True)  # else equations are read anew at every step outside of jit

    def backward(kept: Kept, cotangents: Sequence[Any]) -> tuple[dict[str, Array | None]]:
        given = {n: c for n, c in zip(outputs, cotangents, strict=True) if _is_array(c)}
        found = traced_once(kept, given) if given else {}
        return ({n: found.get(n) for n, *_ in kept.types},)

    run.defvjp(forward, backward, symbolic_zeros=True)
    return run


def forward_rule(value: Callable[[Arrays], Outputs], push: Push, outputs: Sequence[str]) -> Callable[[Arrays], Outputs]:
    """``value``, with the tangents that ``push`` gives under ``jax.jvp``, and their transpose under ``jax.grad``.

    ``push(arrays, tangents)`` gives the outputs, and their tangents by name, linear in the given ones; what does not
    move is missing from both.
    """

    @jax.custom_jvp
    def run(arrays: Arrays) -> Outputs:
        return value(arrays)

    def rule(primals: tuple[Arrays], tangents: tuple[dict[str, Any]]) -> tuple[Outputs, Outputs]:
        moved = {n: t for n, t in tangents[0].items() if _is_array(t)}
        out, found = push(primals[0], moved)
        pairs = zip(outputs, out, strict=True)
        return out, tuple(
            _spread(jnp.asarray(found[n], o.dtype), _varying(o)) if n in found else zero_from_primal(o)
            for n, o in pairs
        )

    run.defjvp(rule, symbolic_zeros=True)
    return run


def _owed(g: Array, over: frozenset[str]) -> Array:
    """The cotangent of what varies ``over`` these mesh axes: added up over the others, where all have one array."""
    axes = tuple(_varying(g) - over)
    return _spread(lax.psum(g, axes) if axes else g, over)


def _spread(a: Array, over: frozenset[str]) -> Array:
    """An array that is marked as varying over these mesh axes."""
    axes = tuple(over - _varying(a))
    return lax.pcast(a, axes, to="varying") if axes else a


def _varying(a: Array) -> frozenset[str]:
    """The mesh axes of a ``shard_map`` over which an array differs, where JAX tells; none outside of one."""
    told = jax.typeof(a) if hasattr(jax, "typeof") else None
    told = getattr(told, "manual_axis_type", told)  # its name since 0.10; before, what varies is told directly
    return frozenset(getattr(told, "varying", None) or getattr(told, "vma", None) or ())


def _is_array(c: Any) -> bool:
    """Whether a tangent or cotangent is one that counts: no symbolic zero, and not of a whole number's dtype float0."""
    return not isinstance(c, SymbolicZero) and c.dtype != jax.dtypes.float0


def as_real(a: Array, like: Sequence[Array]) -> Array:
    """Whole numbers in the dtype that the real arrays among ``like`` come to together; other arrays as they are."""
    real = [x for x in like if jnp.issubdtype(jnp.result_type(x), jnp.inexact)]
    return a.astype(jnp.result_type(*real)) if real and not jnp.issubdtype(a.dtype, jnp.inexact) else a


def is_forward_refusal(error: TypeError) -> bool:
    """Whether JAX says that a reverse rule cannot be differentiated forwards."""
    return "forward-mode" in str(error) and "custom_vjp" in str(error)
