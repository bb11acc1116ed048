"""Parameters in one vector: where each lies, and a gradient as a function of the vector.

In: what `value_and_grad` gives, and a tree of arrays. Out: the vector, the tree again from any such vector, and a
function ``(vector, **data) → (E, gradient as a vector)`` that is one program of JAX.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tensorprop.errors import UsageError, public
from tensorprop.run.jax_trees import leaves
from tensorprop.run.side_by_side import ByRuns

__all__ = ["Packed"]

Array = Any
_FIX = "pass p.vector, or p.pack(params)"


class Packed:
    """A gradient by one vector. ``vector`` holds the parameters with which it was made.

    >>> import numpy as np
    >>> from tensorprop.run import value_and_grad
    >>> p = value_and_grad("E = a_i a_i + W_ij W_ij", wrt="a W").packed({"a": np.ones(2), "W": np.ones((1, 2))})
    >>> p.vector.tolist(), p.pack({"a": np.zeros(2), "W": np.ones((1, 2))}).tolist()
    ([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0])
    """

    def __init__(self, gradient: Any, params: Any) -> None:
        tree = leaves(params)
        self.gradient = gradient
        self._made, self._tree = tree.made, tree.shape
        self._paths = [".".join(path) or "the whole" for path in tree.paths]
        self._shapes = [tuple(map(int, np.shape(a))) for a in tree.values]
        kinds = {self._kind(a, path): path for a, path in zip(tree.values, self._paths, strict=True)}
        if len(kinds) != 1:
            told = ", ".join(f"{path} is {kind}" for kind, path in kinds.items()) or "there is none"
            raise UsageError(f"parameters in one vector are of one dtype: {told}", fix="cast them to one dtype")
        self.dtype = next(iter(kinds))
        ends = np.cumsum([math.prod(shape) for shape in self._shapes]).tolist()
        self._parts = list(zip([0, *ends[:-1]], ends, strict=True))
        self.size = ends[-1]
        self._traced = jax.jit(self._stepped)
        self.vector = self._flat(tree.values)

    def _kind(self, leaf: Any, path: str) -> Any:
        kind = jnp.result_type(leaf) if hasattr(leaf, "dtype") or isinstance(leaf, float) else None
        if kind is None or not jnp.issubdtype(kind, jnp.floating):
            raise UsageError(
                f"{path} of the parameters is no array of real numbers",
                fix="pack the others, and pass it by name with the data",
            )
        return kind

    def _flat(self, values: list[Any]) -> Array:
        """The leaves in one vector; leaves that are None are zeros, and such that lie side by side are one run."""
        parts: list[Array] = []
        for idle, run in groupby(zip(values, self._parts, strict=True), lambda leaf: leaf[0] is None):
            found = [*run]
            if idle:
                parts.append(jnp.zeros(found[-1][1][1] - found[0][1][0], self.dtype))
            else:
                parts += [jnp.reshape(jnp.asarray(a, self.dtype), (-1,)) for a, _ in found]
        return jnp.concatenate(parts)

    def pack(self, params: Any) -> Array:
        """The vector of other parameters in the same tree."""
        tree = leaves(params)
        shapes = [tuple(map(int, np.shape(a))) for a in tree.values]
        if tree.shape != self._tree or shapes != self._shapes:
            told = ", ".join(f"{path} {shape}" for path, shape in zip(self._paths, self._shapes, strict=True))
            raise UsageError("these parameters do not lie as the vector does", known=told, fix="make another packed(…)")
        return self._flat(tree.values)

    def unpack(self, vector: Array) -> Any:
        """The tree of parameters, or of gradients, that a vector holds."""
        if np.shape(vector) != (self.size,):
            raise UsageError(
                f"a vector of {self.size} numbers is needed here, not an array of shape {np.shape(vector)}",
                fix=_FIX,
            )
        parts = zip(self._parts, self._shapes, strict=True)
        return self._made([jnp.reshape(vector[a:b], shape) for (a, b), shape in parts])

    def _stepped(self, vector: Array, data: dict[str, Any]) -> Any:
        if not hasattr(vector, "shape"):
            raise UsageError(f"a vector of {self.size} numbers is needed here, not a {type(vector).__name__}", fix=_FIX)
        params = self.unpack(vector)
        tree = leaves(params)
        own = self.gradient.by_runs(tree, data)
        if own is not None:
            return self._by_runs(own, tree.values, vector, data)
        value, slopes = self.gradient.of_tree(params, data, "none")
        return value, self._flat(leaves(slopes).values)

    def _by_runs(self, own: ByRuns, values: list[Any], vector: Array, data: dict[str, Any]) -> Any:
        """Value and slopes by the leaves, and by what is made of several of them side by side."""
        spans = {name: self._spans([own.places[n] for n in of]) for name, of in own.runs.items()}
        params = {n: values[k] for n, k in own.places.items() if n in own.gradient.wrt}
        for name, parts in spans.items():
            params[name] = jnp.concatenate([vector[a:b] for a, b in parts])
        value, slopes = own.gradient(params, **data)
        by_leaf: list[Any] = [None] * len(values)
        for name, g in slopes.items():
            if name not in spans:
                by_leaf[own.places[name]] = g
        total = self._flat(by_leaf)
        for name, parts in spans.items():
            at = 0
            for a, b in parts:
                part = slopes[name][at : at + b - a]
                total = total + jax.lax.pad(part, jnp.zeros((), part.dtype), [(a, self.size - b, 0)])
                at += b - a
        return value, total

    def _spans(self, places: list[int]) -> list[tuple[int, int]]:
        """Where leaves lie in the vector; such that follow one another are one run."""
        found: list[tuple[int, int]] = []
        for a, b in (self._parts[k] for k in places):
            if found and found[-1][1] == a:
                found[-1] = found[-1][0], b
            else:
                found.append((a, b))
        return found

    @public
    def __call__(self, vector: Array, /, **data: Any) -> tuple[Any, Array]:
        return self._traced(vector, data)

    def __repr__(self) -> str:
        return f"<{self.size} parameters in one vector of {self.dtype}: {', '.join(self._paths[:12])}>"
