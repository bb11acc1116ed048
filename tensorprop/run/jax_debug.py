"""The first NaN or infinity of a program, by step, equation, tensor and entry: ``debug="nan"``.

In: what `lower` asks of `Operations`. Out: the same arrays, every step done at once and looked at; loops run step by
step, in Python. An infinity is refused where none was put in: neither an input nor a line ``outside(a) = -∞`` has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax.numpy as jnp
import numpy as np

from tensorprop.core.equation import System
from tensorprop.core.expr import Call, Expr, Index, Number, Tensor
from tensorprop.errors import NotFinite, UsageError
from tensorprop.run.jax import JaxOperations, traced
from tensorprop.run.values import Step
from tensorprop.text import show

__all__ = ["Watched"]

Array = Any
_Letters = tuple[str, ...]
_SHOWN = 4  # numbers that an entry is made of


class Watched(JaxOperations):
    """JAX's operations on arrays that are there, each value looked at as soon as it has a name."""

    def __init__(
        self, dtype: Any, functions: Mapping[str, Callable[..., Array]], system: System, arrays: Mapping[str, Array]
    ) -> None:
        super().__init__(dtype, functions)
        self.system = system
        self.equation = ""
        self.turn: int | None = None
        self.arrays: dict[str, np.ndarray] = {}
        self.seen: dict[Expr, tuple[np.ndarray, _Letters]] = {}
        self.endless = any("∞" in str(getattr(fact, "value", "")) for fact in system.facts)
        for name, a in arrays.items():
            if traced(a):
                raise UsageError(
                    f'debug="nan" looks at numbers, and {name} is traced', fix="call it outside of jit, grad and vmap"
                )
            self.arrays[name] = values = np.asarray(a)
            if values.dtype.kind != "f" and values.dtype.name != "bfloat16":
                continue
            self.endless |= bool(np.isinf(values).any())
            if (bad := _first(np.isnan(values))) is not None:
                raise NotFinite(f"the input {name} is NaN at {_place(bad)}", known="nothing has been computed yet")

    @property
    def rides(self) -> bool:
        return False

    def either(self, plain: Callable[[], Array], other: Callable[[], Array]) -> Array:
        return plain()

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        before, self.equation = self.equation, name
        try:
            yield
        finally:
            self.equation = before

    def named(self, a: Array, letters: _Letters, what: object = None) -> Array:
        """Look at a value; ``what`` is the node that it is of, or the tensor's name."""
        if what is None or isinstance(a, (int, float)) or not hasattr(a, "dtype") or traced(a):
            return a
        values = np.asarray(a, np.float64) if jnp.issubdtype(a.dtype, jnp.floating) else None
        if values is not None:
            wrong = np.isnan(values) if self.endless else ~np.isfinite(values)
            bad = _first(wrong)
            if bad is not None:
                raise self._told(what, letters, bad, float(values[bad]))
        if isinstance(what, Expr):
            self.seen[what] = (np.asarray(a), letters)
        elif self.turn is None:
            self.arrays[str(what)] = np.asarray(a)
        return a

    def scan(
        self, step: Step, carried: Sequence[Array], read: Sequence[Array], length: int, back: bool
    ) -> tuple[Sequence[Array], Sequence[Array]]:
        """The steps one after the other, so that the first bad one is known."""
        made: dict[int, Sequence[Array]] = {}
        held = list(carried)
        for n in reversed(range(length)) if back else range(length):
            self.turn = n
            self.seen.clear()
            held, made[n] = step(jnp.asarray(n, jnp.int32), held, [a[n] for a in read])
        self.turn = None
        stacks = [jnp.stack(parts) for parts in zip(*(made[n] for n in range(length)), strict=True)]
        return held, stacks

    def _told(self, what: object, letters: _Letters, bad: tuple[int, ...], value: float) -> NotFinite:
        """The error: which step of which equation, which entry, and from which numbers."""
        eq = self.system[self.equation]
        numbers = [e.name for e in self.system.ordered]
        node = what if isinstance(what, Expr) else eq.value
        kind = "NaN" if np.isnan(value) else "infinity"
        turn = "" if self.turn is None else f", in step {self.turn} of its loop"
        entry = dict(zip(letters, bad, strict=True))
        place = _where(letters, bad)
        line = f"line {numbers.index(eq.name) + 1} of the program: {show(eq)}"
        made_of = self._made_of(node, entry)
        return NotFinite(
            f"the first {kind} is {show(node)}{f' at {place}' if place else ''}, in {eq.target}{turn}",
            known="\n".join(part for part in (line, f"there {made_of}" if made_of else "") if part),
            about=(None, node),
        )

    def _made_of(self, node: Expr, entry: Mapping[str, int]) -> str:
        """The numbers that an entry is made of: those with the same letters, and what is not finite of the others."""
        found: list[str] = []
        stack = [(child, node) for child in reversed(node.children)]
        while stack and len(found) < _SHOWN:
            child, parent = stack.pop()
            known = self._values(child)
            if known is None:
                stack += ((inner, child) for inner in reversed(child.children))
                continue
            values, letters = known
            if set(letters) <= set(entry):
                at = tuple(entry[i] for i in letters)
            else:
                part = values[tuple(entry.get(i, slice(None)) for i in letters)]
                wrong = ~np.isfinite(part) | (part == 0 if _divides(parent) else False)
                bad = _first(wrong)
                if bad is None:
                    continue
                rest = iter(bad)
                at = tuple(entry[i] if i in entry else next(rest) for i in letters)
            place = f" at {_where(letters, at)}" if not set(letters) <= set(entry) else ""
            found.append(f"{show(child)} = {float(values[at]):.6g}{place}")
        return ", ".join(dict.fromkeys(found))

    def _values(self, e: Expr) -> tuple[np.ndarray, _Letters] | None:
        """The values of a node, and their letters; of a tensor also where nothing but its array is known."""
        if e in self.seen:
            values, letters = self.seen[e]
            values = values.astype(np.float64)
        elif isinstance(e, Tensor) and e.name in self.arrays and all(isinstance(i, Index) for i in e.subscripts):
            values, letters = self.arrays[e.name], e.letters or ()
        else:
            return None
        return (values, letters) if len(letters) == values.ndim else None


def _divides(e: Expr) -> bool:
    """Whether something is a power with a negative exponent."""
    match e:
        case Call("power", (_, Number(n))):
            return n < 0
        case _:
            return False


def _where(letters: _Letters, at: tuple[int, ...]) -> str:
    return ", ".join(f"{i} = {n}" for i, n in zip(letters, at, strict=True))


def _first(wrong: np.ndarray) -> tuple[int, ...] | None:
    """The first entry, in reading order, that is marked."""
    if not wrong.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def _place(bad: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, bad))}]"
