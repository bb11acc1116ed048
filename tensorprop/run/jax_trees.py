"""Parameters that are any pytree: which leaf is which tensor, and gradients in the shape of the tree.

In: a tree of JAX (nested dicts, tuples, dataclasses, modules), the names that the equations have. Out: arrays by name,
and the tree again with gradients in place of leaves. What the equations say is not known here.

A leaf is the tensor whose name is the last step of its path; a layer's label must be among the steps before:
``{"block1": {"W": …}}`` holds ``W^(block1)``. Numbered tensors W1, W3 are the leaves W at numbered places, in their
order, where there are as many of them: ``[{"W": …}, {}, {"W": …}]``, ``{"block": {"0": {"W": …}, "2": {"W": …}}}``.
What an attribute ``value`` holds, as in a ``Param`` of Flax, is called as what has the attribute.
Where several leaves would do, none is taken: a path has to be told.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import tree_util

from tensorprop.core.names import stem_and_label
from tensorprop.errors import MissingInput, NameConflict, TensorpropError, UsageError, near
from tensorprop.run.jax import traced

__all__ = ["ParameterTree", "is_tree", "leaves"]

Path = tuple[str, ...]
_NUMBERED = re.compile(r"(.*?[^\d(])(\d+)(\)?)")  # W2, W^(q2)


class ParameterTree(NamedTuple):
    """The leaves of a tree, their paths, and how a tree is made of others."""

    values: list[Any]
    paths: tuple[Path, ...]
    shape: Hashable
    made: Callable[[list[Any]], Any]

    def met(self, names: Iterable[str], told: Mapping[str, str]) -> dict[str, int]:
        """The place of the leaf of each name; a name that no leaf has is left out.

        Errors: NameConflict where several leaves could be meant, UsageError for a path that is told and is none.
        """
        found: dict[str, int] = {}
        numbered: dict[str, list[tuple[int, str]]] = {}
        for name in dict.fromkeys(names):
            places = self._told(name, told[name]) if name in told else self._places(name)
            if len(places) > 1:
                ways = [".".join(self.paths[k]) for k in places]
                raise NameConflict(
                    f"{name} may be {' or '.join(ways)} of the parameters",
                    fix=f'say which: paths={{"{name}": "{ways[0]}"}}, or give the tensor the label of its layer',
                )
            if places:
                found[name] = places[0]
            elif m := _NUMBERED.fullmatch(name):
                numbered.setdefault(m[1] + m[3], []).append((int(m[2]), name))
        for base, several in numbered.items():
            places = [k for k in self._in_order(base) if k not in found.values()]
            if len(places) == len(several):
                found |= {name: k for (_, name), k in zip(sorted(several), places, strict=True)}
        taken: dict[int, str] = {}
        for name, k in found.items():
            if taken.setdefault(k, name) != name:
                raise NameConflict(
                    f"{taken[k]} and {name} are both {'.'.join(self.paths[k])} of the parameters",
                    fix=f'say where they are: paths={{"{name}": "…"}}',
                )
        return found

    def _told(self, name: str, path: str) -> list[int]:
        for k, own in enumerate(self.paths):
            if ".".join(own) in (path, path.removesuffix(".value")):
                return [k]
        raise UsageError(
            f"the parameters have no leaf {path}",
            known=f"leaves: {self.listed()}",
            fix=f'correct paths={{"{name}": …}}',
        )

    def _places(self, name: str) -> list[int]:
        whole = [k for k, path in enumerate(self.paths) if path == (name,)]
        if whole:
            return whole
        base, label = stem_and_label(name)
        return [
            k
            for k, path in enumerate(self.paths)
            if path[-1:] == (name,) or (path[-1:] == (base,) and (label in path[:-1] or label == ".".join(path[:-1])))
        ]

    def _in_order(self, base: str) -> list[int]:
        """The leaves of this name at numbered places, such as those of a list, in the order of their numbers."""
        stem, label = stem_and_label(base)
        at: list[tuple[tuple[int, ...], int]] = []
        for k, path in enumerate(self.paths):
            numbers = tuple(int(step) for step in path[:-1] if step.isdecimal())
            if numbers and (path[-1] == base or (path[-1] == stem and label in path[:-1])):
                at.append((numbers, k))
        return [k for _, k in sorted(at)]

    def listed(self) -> str:
        """The paths, as an error tells them."""
        told = [".".join(path) or "the whole" for path in self.paths]
        return ", ".join(told[:12]) + (" …" if len(told) > 12 else "") if told else "none"

    def missing(self, names: Iterable[str]) -> TensorpropError:
        """What is said of names that no leaf has."""
        lacking = list(names)
        if () in self.paths:
            return UsageError(
                f"parameters are a tree of named arrays, not {'nothing' if self.values[0] is None else 'one array'}",
                fix="g({" + ", ".join(f'"{n}": …' for n in lacking) + "}, …)",
            )
        inner = [n for n in lacking if any(n in path[:-1] for path in self.paths)]
        if inner:
            return UsageError(
                f"{inner[0]} is no array in the parameters: it has parts of its own",
                known=f"leaves: {self.listed()}",
                fix=f'pass an array as {inner[0]}, or say which leaf it is: paths={{"{inner[0]}": "…"}}',
            )
        close = near(lacking[0], [path[-1] for path in self.paths if path])
        return MissingInput(
            f"no parameter {', '.join(lacking)}",
            known=f"parameters given: {self.listed()}",
            fix=f'say where it is: paths={{"{lacking[0]}": "{close[0]}"}}'
            if close
            else "what is differentiated belongs to the parameters, the first argument",
        )

    def gradients(self, found: Mapping[int, Any], rest: str) -> Any:
        """The tree with a gradient for every leaf that has one: zeros, or None, for the others."""
        idle = [k for k, leaf in enumerate(self.values) if rest == "zero" and k not in found and _inexact(leaf)]
        zeros = dict(zip(idle, _zeros([self.values[k] for k in idle]), strict=True))
        return self.made([found[k] if k in found else zeros.get(k) for k in range(len(self.values))])


def _zeros(like: list[Any]) -> list[Any]:
    """Zeros like each of these: in one call, unless one is spread over devices, whose zeros lie as it does."""
    apart = any(isinstance(a, jax.Array) and not traced(a) and len(a.devices()) > 1 for a in like)
    return [jnp.zeros_like(a) for a in like] if apart else _zeros_at_once(like)


@jax.jit
def _zeros_at_once(like: list[Any]) -> list[Any]:
    return [jnp.zeros_like(a) for a in like]


def leaves(params: Any) -> ParameterTree:
    """The leaves of a tree; a dataclass that JAX does not know is taken field by field."""
    if isinstance(params, Mapping) and tree_util.all_leaves([params]):
        params = dict(params)
    pairs, shape = tree_util.tree_flatten_with_path(params, is_leaf=lambda x: x is None)
    if len(pairs) == 1 and pairs[0][1] is params and dataclasses.is_dataclass(params) and not isinstance(params, type):
        kind = type(params)
        inner = leaves({f.name: getattr(params, f.name) for f in dataclasses.fields(params)})
        return inner._replace(shape=(kind, inner.shape), made=lambda out: kind(**inner.made(out)))
    paths = tuple(tuple(map(_step, _unboxed(path))) for path, _ in pairs)
    return ParameterTree([leaf for _, leaf in pairs], paths, shape, lambda out: tree_util.tree_unflatten(shape, out))


def is_tree(value: Any) -> bool:
    """Whether JAX takes a value apart."""
    return value is not None and not tree_util.all_leaves([value])


def _unboxed(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the last step where it leads into a box that holds a value, such as a ``Param`` of Flax."""
    return path[:-1] if len(path) > 1 and path[-1] == tree_util.GetAttrKey("value") else path


def _step(key: Any) -> str:
    """A step of a path as people write it."""
    for way in ("name", "key", "idx"):
        if hasattr(key, way):
            return str(getattr(key, way))
    return str(key)


def _inexact(leaf: Any) -> bool:
    """Whether a leaf is of numbers that have a gradient."""
    return isinstance(leaf, float | complex) or (
        hasattr(leaf, "dtype")
        and not jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
        and jnp.issubdtype(leaf.dtype, jnp.inexact)
    )
