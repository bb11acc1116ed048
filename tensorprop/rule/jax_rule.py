"""A function of named arrays whose derivative JAX takes from rules: all that is known here of custom derivatives.

In: how the values are worked out, and the gradients and the tangents, as functions of dicts of arrays (`Ways`). Out:
one function of a dict, with ``jax.custom_vjp`` or ``jax.custom_jvp`` around it; where JAX has a primitive that carries
both, `rule.jax_both` makes one. Which rules they are is not known here, nor what an index is; where JAX offers a better
way to install a rule, this file is what changes.

What JAX asks for, and who says so: an input of whole numbers has no cotangent (None, which JAX turns into float0);
an input that nobody differentiates by is not ``perturbed``, so nothing is saved for it; an output that nobody used has
a symbolic zero, so its terms are left out; a cotangent varies over the same mesh axes of ``shard_map`` as its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import SymbolicZero, zero_from_primal
from jax.experimental import hijax

from tensorprop.run.jax import owed, spread, varying

__all__ = ["Kept", "Ways", "as_real", "carries_both", "forward_rule", "is_forward_refusal", "reverse_rule", "types_of"]

Array = Any
Arrays = Mapping[str, Any]
Outputs = tuple[Array, ...]
Types = tuple[tuple[str, Any, frozenset[str]], ...]
"""Names of arrays, each with its dtype and the mesh axes over which it varies."""


@dataclass(frozen=True)
class Kept:
    """What a derivative has of the way forward: arrays, and facts that need none (``note``, which is hashable)."""

    arrays: dict[str, Array]
    wanted: tuple[str, ...]
    types: Types  # of the inputs
    note: Any


jax.tree_util.register_dataclass(Kept, data_fields=["arrays"], meta_fields=["wanted", "types", "note"])


@dataclass(frozen=True, eq=False)
class Ways:
    """What a function of named arrays says of itself.

    ``value(arrays)`` gives the outputs. ``save(arrays, wanted, back, ahead)`` gives the outputs, the arrays to keep for
    the way back and the way ahead, and a note. ``pull(kept, cotangents)`` gives the gradients of the ``wanted`` inputs
    by name, where cotangents of outputs that are zero are missing, and gradients that are zero may be.
    ``push(kept, tangents)`` gives the tangents of the outputs by name, linear in those of the inputs; what does not
    move is missing from both. ``moving(wanted, ahead)`` names the outputs that have a derivative by these inputs,
    ``saved(wanted, back, ahead)`` what is kept, ``reach(tensor)`` the inputs that a tensor depends on. ``barrier``: the
    compiler may not keep on its own what ``pull`` works out again.
    """

    value: Callable[[Arrays], Outputs]
    save: Callable[[Arrays, tuple[str, ...], bool, bool], tuple[Outputs, dict[str, Array], Any]]
    pull: Callable[[Kept, dict[str, Array]], dict[str, Array]]
    push: Callable[[Kept, dict[str, Array]], dict[str, Array]]
    moving: Callable[[tuple[str, ...], bool], tuple[str, ...]]
    saved: Callable[[tuple[str, ...], bool, bool], tuple[str, ...]]
    reach: Callable[[str], frozenset[str]]
    outputs: tuple[str, ...]
    barrier: bool = False
    pulled: Callable[[Kept, dict[str, Array]], dict[str, Array]] = field(init=False)

    def __post_init__(self) -> None:
        """``pulled``: the gradients as JAX is owed them, read once; else equations are read anew at every step outside
        of jit."""
        object.__setattr__(self, "pulled", jax.jit(self._pulled, inline=True))

    def taken(self, arrays: Arrays, wanted: tuple[str, ...], back: bool, ahead: bool) -> tuple[Outputs, Kept]:
        """The outputs, and what is kept, under its names for ``jax.checkpoint_policies``.

        Inputs have none: under a new name a scan would keep what it reads a second time.
        """
        out, kept, note = self.save(arrays, wanted, back, ahead)
        named = {n: a if n in arrays else checkpoint_name(a, n) for n, a in kept.items()}
        return out, Kept(named, wanted, types_of(arrays), note)

    def _pulled(self, kept: Kept, given: dict[str, Array]) -> dict[str, Array]:
        if self.barrier:
            kept = Kept(lax.optimization_barrier(kept.arrays), kept.wanted, kept.types, kept.note)
        found = self.pull(kept, given)
        return {n: owed(jnp.asarray(found[n], dtype), over) for n, dtype, over in kept.types if n in found}

    def pushed(self, kept: Kept, moved: dict[str, Array], types: Types) -> dict[str, Array]:
        """The tangents of outputs, each of the type of its output."""
        found = self.push(kept, moved)
        return {n: spread(jnp.asarray(found[n], dtype), over) for n, dtype, over in types if n in found}


def carries_both() -> bool:
    """Whether this JAX has a primitive that carries a rule for each way and costs nothing where none is asked for: the
    one before it, ``VJPHiPrimitive``, made each call of a compiled function some 260 µs longer."""
    return hasattr(hijax, "HiPrim")


def reverse_rule(ways: Ways) -> Callable[[Arrays], Outputs]:
    """The value, with the gradients that ``pull`` gives under ``jax.grad`` and ``jax.vjp``."""

    @jax.custom_vjp
    def run(arrays: Arrays) -> Outputs:
        return ways.value(arrays)

    def forward(arrays: Arrays) -> tuple[Outputs, Kept]:
        wanted = tuple(n for n, a in arrays.items() if a.perturbed and jnp.issubdtype(a.value.dtype, jnp.inexact))
        return ways.taken({n: a.value for n, a in arrays.items()}, wanted, True, False)

    def backward(kept: Kept, cotangents: Sequence[Any]) -> tuple[dict[str, Array | None]]:
        given = {n: c for n, c in zip(ways.outputs, cotangents, strict=True) if _is_array(c)}
        found = ways.pulled(kept, given) if given else {}
        return ({n: found.get(n) for n, *_ in kept.types},)

    run.defvjp(forward, backward, symbolic_zeros=True)
    return run


def forward_rule(ways: Ways) -> Callable[[Arrays], Outputs]:
    """The value, with the tangents that ``push`` gives under ``jax.jvp``, and their transpose under ``jax.grad``."""

    @jax.custom_jvp
    def run(arrays: Arrays) -> Outputs:
        return ways.value(arrays)

    def rule(primals: tuple[Arrays], tangents: tuple[dict[str, Any]]) -> tuple[Outputs, Outputs]:
        moved = {n: t for n, t in tangents[0].items() if _is_array(t)}
        out, kept = ways.taken(primals[0], tuple(moved), False, True)
        named = dict(zip(ways.outputs, out, strict=True))
        found = ways.pushed(kept, moved, types_of(named))
        return out, tuple(found[n] if n in found else zero_from_primal(o) for n, o in named.items())

    run.defjvp(rule, symbolic_zeros=True)
    return run


def types_of(arrays: Arrays) -> Types:
    """What the types of arrays are."""
    return tuple((n, a.dtype, varying(a)) for n, a in arrays.items())


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
