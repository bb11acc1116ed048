"""A program of JAX played line by line: what it computes, without waiting for a compiler.

In: a function, and arrays. Out: arrays of NumPy. The function is traced once for arrays of each shape and dtype; its
lines are then done by NumPy (`numpy_lax`), and those that have no row there by JAX, one at a time. It is for programs
that run a few times over a few numbers, where compiling is nearly all of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from tensorprop.run.numpy_lax import OPERATIONS, SEVERAL, Array

__all__ = ["HANDED_ON", "OWN", "Played", "carried_by", "inner_of", "results_of"]

_CALLS = frozenset(
    "jit pjit closed_call core_call call remat remat2 checkpoint custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr "
    "custom_lin xla_call".split()
)
OWN = "call_hi_primitive"
"""What JAX calls a primitive that carries its own rules."""
HANDED_ON = frozenset(
    "copy copy_p device_put name checkpoint_name optimization_barrier layout_constraint pvary pcast reshard "
    "sharding_constraint".split()
)
"""Lines that give what they are given."""
_LONG = 20_000
"""A loop of more lines than these in all is compiled."""


# --------------------------------------------------------------------------- what lines hold
def inner_of(name: str, params: Mapping[str, Any]) -> Any:
    """The jaxpr that a call holds, or that a primitive which carries its own rules stands for; None for what is no
    call."""
    if name == OWN:
        return jax.make_jaxpr(params["_prim"].expand)(*params["_prim"].in_avals)
    if name not in _CALLS:
        return None
    return next((params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in params), None)


class Carried(NamedTuple):
    """How many arguments of a scan are the same in every step, carried from step to step, and sliced."""

    same: int
    carried: int
    sliced: int


def carried_by(eqn: Any) -> Carried:
    """What a scan does with its arguments, as the axes of its body tell."""
    inner = eqn.params["jaxpr"].jaxpr
    sliced = sum(len(u.aval.shape) > len(v.aval.shape) for u, v in zip(eqn.invars, inner.invars, strict=True))
    stacked = sum(len(u.aval.shape) > len(v.aval.shape) for u, v in zip(eqn.outvars, inner.outvars, strict=True))
    carried = len(inner.outvars) - stacked
    return Carried(len(inner.invars) - carried - sliced, carried, sliced)


# --------------------------------------------------------------------------- a program
class Played:
    """``fn`` of trees of arrays, as trees of NumPy's arrays; ``static`` arguments come first and are told apart.

    >>> f = Played(lambda x: {"y": jnp.tanh(x) @ x})
    >>> f(np.ones(3, np.float32))["y"]
    array(2.2847824, dtype=float32)
    """

    def __init__(self, fn: Callable[..., Any], static: int = 0) -> None:
        self.fn, self.static = fn, static
        self._traced: dict[Any, tuple[Any, Any]] = {}

    def __call__(self, *args: Any, **named: Any) -> Any:
        told, given = args[: self.static], (args[self.static :], named)
        leaves, tree = jax.tree_util.tree_flatten(given)
        kinds = tuple((np.shape(a), str(jnp.result_type(a))) for a in leaves)
        key = told, tree, kinds, bool(jax.config.read("jax_enable_x64"))
        if key not in self._traced:
            trace = jax.make_jaxpr(lambda some, named: self.fn(*told, *some, **named), return_shape=True)
            self._traced[key] = trace(*given)
        closed, shapes = self._traced[key]
        with np.errstate(all="ignore"):
            results = played(closed.jaxpr, closed.consts, leaves)
        return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(shapes), results)


def played(jaxpr: Any, consts: Sequence[Array], args: Sequence[Array]) -> list[Array]:
    """The results of a jaxpr."""
    env: dict[Any, Array] = {}

    def read(v: Any) -> Array:
        return _as(v.val, v.aval) if isinstance(v, Literal) else env[v]

    for v, a in zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True):
        env[v] = _as(a, v.aval)
    for eqn in jaxpr.eqns:
        env.update(zip(eqn.outvars, results_of(eqn, [read(v) for v in eqn.invars]), strict=True))
    return [read(v) for v in jaxpr.outvars]


def results_of(eqn: Any, args: list[Array]) -> list[Array]:
    """The results of one line."""
    return [_as(a, v.aval) for v, a in zip(eqn.outvars, _results(eqn, args), strict=True)]


def _results(eqn: Any, args: list[Array]) -> Sequence[Array]:
    name, params = eqn.primitive.name, eqn.params
    operation = OPERATIONS.get(name)
    if operation is not None:
        return (operation(params, *args),)
    if name in SEVERAL and (name != "sort" or params["num_keys"] == 1):
        return SEVERAL[name](params, *args)
    inner = inner_of(name, params)
    if inner is not None:
        return _closed(inner, args)
    if name in HANDED_ON or name == "stop_gradient":
        return args
    if name == "cond":
        which = min(max(int(args[0]), 0), len(params["branches"]) - 1)
        return _closed(params["branches"][which], args[1:])
    if name == "scan" and params["length"] * len(params["jaxpr"].jaxpr.eqns) <= _LONG:
        return _loop(eqn, args)
    return _bound(eqn, args)


def _closed(jaxpr: Any, args: Sequence[Array]) -> list[Array]:
    """The results of a jaxpr that may hold its constants."""
    return played(getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ()), args)


def _loop(eqn: Any, args: list[Array]) -> list[Array]:
    """A scan, step by step."""
    same, carried, _ = carried_by(eqn)
    body, length = eqn.params["jaxpr"], eqn.params["length"]
    state, rows = args[same : same + carried], args[same + carried :]
    stacks = [np.zeros(v.aval.shape, v.aval.dtype) for v in eqn.outvars[carried:]]
    for t in reversed(range(length)) if eqn.params["reverse"] else range(length):
        results = _closed(body, [*args[:same], *state, *(a[t] for a in rows)])
        state = results[:carried]
        for stack, a in zip(stacks, results[carried:], strict=True):
            stack[t] = a
    return [*state, *stacks]


def _bound(eqn: Any, args: list[Array]) -> Sequence[Array]:
    """A line that no row does, by JAX."""
    primitive = eqn.primitive
    results = primitive.bind(*map(jnp.asarray, args), **primitive.get_bind_params(eqn.params))
    return results if primitive.multiple_results else (results,)


def _as(a: Any, aval: Any) -> Array:
    """The array as NumPy has it, of the dtype that the program says."""
    dtype = aval.dtype
    return np.asarray(a, dtype) if isinstance(dtype, np.dtype) else a
