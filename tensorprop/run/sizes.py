"""Sizes in numbers: of every tensor, of every letter, and of a loop's time.

In: what `extents` worked out. Out: the size of a letter wherever it stands, and the nodes of an equation together with
the sizes of their letters (`Extents.visits`): one node may stand in two places where its letters have two sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from tensorprop.core.equation import Equation, Loop, System
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum
from tensorprop.core.nameless import codes
from tensorprop.core.told import Size, Witness
from tensorprop.core.walk import postorder
from tensorprop.errors import SizeMismatch, UnknownRange

__all__ = ["Extents", "Key", "Part", "Steps", "Visit", "begin", "counted", "length", "weight"]


class Part(int):
    """The size of a part of a letter's range, which begins at ``start``: the letter's values are start, start + 1 …"""

    start: int

    def __new__(cls, size: int, start: int) -> Part:
        made = super().__new__(cls, size)
        made.start = start
        return made


def begin(n: int) -> int:
    """The first value of a letter of this size: 0, unless that is a part of its range."""
    return n.start if isinstance(n, Part) else 0


Key = tuple[Expr, tuple[int, ...]]
"""A node, and the sizes of its free letters in alphabetical order."""


class Visit(NamedTuple):
    """A node where it stands: the sizes of its free letters, of those that it binds, and its children's keys."""

    node: Expr
    sizes: dict[str, int]
    bound: dict[str, int]
    key: Key
    children: tuple[Key, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the free letters, in alphabetical order."""
        return self.key[1]


class Steps(NamedTuple):
    """A loop in numbers. ``spans``: for every tensor of it, where its entries on the time axis begin and end, starts
    included, which may lie outside of the tensor itself; ``times``: how far the time of every equation of the body
    runs; ``places``: where the starts of a tensor are."""

    loop: Loop
    spans: dict[str, tuple[int, int]]
    times: dict[Equation, int]
    places: dict[str, dict[int, Equation]]

    def given(self, eq: Equation) -> list[int]:
        """The places in time of an equation of the body, starts aside, which alone lie before 0."""
        n = self.loop.time(eq)[1]
        return [p for p in range(max(0, n), n + self.times[eq]) if p not in self.places[eq.name]]

    def schedule(self) -> Iterator[tuple[int, list[tuple[Equation, int]]]]:
        """Every place in time, in the order of the loop, with the equations that hold there and their letter's value
        there."""
        given = {eq: frozenset(self.given(eq)) for eq in self.loop.body}
        for p in sorted(frozenset[int]().union(*given.values()), reverse=self.loop.step < 0):
            yield p, [(eq, p - self.loop.time(eq)[1]) for eq in self.loop.body if p in given[eq]]


class Extents:
    """The size of everything in a System: `shapes` of all tensors, letters by equation. Made by `extents`."""

    def __init__(
        self,
        system: System,
        shapes: dict[str, tuple[int, ...]],
        letters: dict[Equation, dict[str, int]],
        bound: dict[Expr, dict[str, Size | None]],
    ) -> None:
        self.system = system
        self.shapes = shapes
        self.steps: dict[str, Steps] = {}
        """The loop that defines a tensor, in numbers."""
        self.codes = codes(system)
        """Equations up to the names of their tensors."""
        self._letters = letters
        self._bound = bound
        self._free: dict[Expr, tuple[str, ...]] = {}

    def letters(self, equation: Equation) -> dict[str, int]:
        """The size of each letter of the left side."""
        return dict(self._letters[equation])

    def span(self, name: str, axis: int) -> tuple[int, int]:
        """The first subscript that an axis has, and the one after its last: from 0 to its size, starts aside."""
        steps = self.steps.get(name)
        if steps is not None and steps.loop.axes[name] == axis:
            return steps.spans[name]
        return 0, self.shapes[name][axis]

    def bound(self, node: Expr, scope: Mapping[str, int]) -> dict[str, int]:
        """The sizes of the letters that a Sum or Reduce binds, inside a scope whose letters have these sizes."""
        sizes: dict[str, int] = {}
        for letter, told in self._bound.get(node, {}).items():
            assert told is not None
            sizes[letter] = self.number(told, scope)
        return sizes

    def steady(self, node: Expr) -> bool:
        """Whether the letters that a node binds are as long as axes or numbers are, and not as other letters."""
        told = self._bound.get(node, {}).values()
        return all(isinstance(n, Witness) or (isinstance(n, Expr) and not n.free) for n in told)

    def same_bounds(self, node: Expr, as_of: Expr) -> None:
        """A Sum or Reduce over another body binds letters as long as those of this one."""
        if as_of in self._bound:
            self._bound.setdefault(node, self._bound[as_of])

    def opened(self, eq: Equation, new: Equation, letter: str) -> None:
        """``new`` is an equation without its sum over one letter, which stands on the left."""
        sizes = self.letters(eq)
        self._letters[new] = {letter: self.bound(eq.value, sizes)[letter], **sizes}
        told = self._bound.get(eq.value, {})
        if new.value not in self._bound:
            self._bound[new.value] = {i: n for i, n in told.items() if i != letter}

    def number(self, size: Size, scope: Mapping[str, int]) -> int:
        """A size in numbers, inside a scope."""
        if isinstance(size, Witness):
            return self.shapes[size.name][size.axis]
        found = scope[size] if isinstance(size, str) else counted(size, self.shapes, scope)
        if isinstance(found, Fraction):
            raise SizeMismatch(
                f"a range that is stated comes to {found}, which is no whole number: {size}",
                fix="pass arrays that fit, or state floor(…) of it",
            )
        return found

    def free(self, node: Expr) -> tuple[str, ...]:
        """The free letters of a node in alphabetical order: its axes, wherever it becomes an array."""
        found = self._free.get(node)
        if found is None:
            found = self._free[node] = tuple(sorted(node.free))
        return found

    def inner(self, equation: Equation) -> Iterator[tuple[str, int]]:
        """The letters that are bound somewhere on the right side, with each size that they have there."""
        binders = [n for n in postorder(equation.value) if isinstance(n, (Sum, Reduce))]
        if all(map(self.steady, binders)):  # wherever they stand, what they bind is as long
            return (b for n in binders for b in self.bound(n, {}).items())
        return (b for v in self.visits(equation) for b in v.bound.items())

    def visits(self, equation: Equation, pinned: str | None = None) -> Iterator[Visit]:
        """Every node of the right side once for each set of sizes that it has there, children first.

        A ``pinned`` letter has one value at a time, as the time of a loop has: its axis has the length 1.
        """
        scope = {i: 1 if i == pinned else n for i, n in self._letters[equation].items()}
        whole = {pinned: self._letters[equation][pinned]} if pinned is not None else {}
        root: Key = (equation.value, tuple(scope[i] for i in self.free(equation.value)))
        seen: set[Key] = set()
        stack: list[Visit | Key] = [root]
        while stack:
            top = stack.pop()
            if isinstance(top, Visit):
                yield top
                continue
            if top in seen:
                continue
            seen.add(top)
            node, shape = top
            sizes = dict(zip(self.free(node), shape, strict=True))
            bound = self.bound(node, {**sizes, **whole}) if isinstance(node, (Sum, Reduce)) else {}
            keys: list[Key] = []
            for n, child in enumerate(node.children):
                scope = {**sizes, **bound} if bound and n == 0 else sizes
                keys.append((child, tuple(scope[i] for i in self.free(child))))
            stack.append(Visit(node, sizes, bound, top, tuple(keys)))
            stack.extend(k for k in reversed(keys) if k not in seen)


def counted(e: Expr, shapes: Any, scope: Mapping[str, int]) -> int:
    """A size in numbers: ``dim(a, 0) - dim(k, 0) + 1``. ``shapes``: by name, or by name and axis."""
    match e:
        case Number(value):
            found = value
        case Index(name):
            found = Fraction(scope[name])
        case Dim(tensor, axis):
            found = Fraction(shapes[tensor, axis] if (tensor, axis) in shapes else shapes[tensor][axis])
        case Add(terms):
            found = Fraction(sum(_part(t, shapes, scope) for t in terms))
        case Mul(factors):
            found = math.prod((_part(f, shapes, scope) for f in factors), start=Fraction(1))
        case Call("floor", (x,)):
            found = Fraction(math.floor(_part(x, shapes, scope)))
        case Call("power", (x, Number(n))) if n == -1:
            below = _part(x, shapes, scope)
            found = 1 / below if below else below  # of nothing there are no shares
        case Call("min" | "max" as f, args):
            found = (min if f == "min" else max)(_part(a, shapes, scope) for a in args)
        case _:
            raise UnknownRange(f"{e} is no size", about=e)
    return found if found.denominator != 1 else int(found)  # pyright: ignore[reportReturnType]


def _part(e: Expr, shapes: Any, scope: Mapping[str, int]) -> Fraction:
    return Fraction(counted(e, shapes, scope))


def length(n: Any) -> int:
    """A number of entries; what JAX exports for sizes that are not known yet, it writes as a name, and so it stays."""
    return n if type(n).__module__.startswith("jax") else int(n)


def weight(n: int) -> int:
    """How much a size counts where costs are weighed: itself; one that is not known yet counts as a common batch."""
    return n if isinstance(n, int) else 64
