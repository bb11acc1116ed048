"""Sizes: what every index runs over, once the shapes of the arrays are known.

In: a System and the shape of every input. Out: the shape of every tensor and the size of every letter, or an error
that names the index, both tensors, both axes and both sizes. No array is touched, and nothing is stretched.

It also says which Systems can be compiled at all (`supported`), and visits the expressions of an equation together
with the sizes of their letters (`Extents.visits`): one node may stand in two places where its letters have two sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from tensorprop.core.equation import Equation, System, unrolled
from tensorprop.core.expr import Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import REDUCTIONS, is_known, is_matrix
from tensorprop.core.names import primal_axes
from tensorprop.core.ranges import Letters, Place
from tensorprop.core.walk import postorder
from tensorprop.errors import (
    MissingInput,
    OutOfRange,
    RankMismatch,
    SizeMismatch,
    SizeOneBroadcast,
    TensorpropError,
    UnknownName,
    UnknownRange,
    Unsupported,
    among,
)
from tensorprop.text import locate, show

__all__ = ["Extents", "Key", "Visit", "brief", "entries", "extents", "supported"]

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


class Extents:
    """The size of everything in a System: `shapes` of all tensors, letters by equation. Made by `extents`."""

    def __init__(
        self,
        system: System,
        shapes: dict[str, tuple[int, ...]],
        letters: dict[Equation, dict[str, int]],
        bound: Mapping[Expr, Mapping[str, Place | str | None]],
    ) -> None:
        self.system = system
        self.shapes = shapes
        self._letters = letters
        self._bound = bound
        self._free: dict[Expr, tuple[str, ...]] = {}

    def letters(self, equation: Equation) -> dict[str, int]:
        """The size of each letter of the left side."""
        return dict(self._letters[equation])

    def bound(self, node: Expr, scope: Mapping[str, int]) -> dict[str, int]:
        """The sizes of the letters that a Sum or Reduce binds, inside a scope whose letters have these sizes."""
        sizes: dict[str, int] = {}
        for letter, told in self._bound.get(node, {}).items():
            assert told is not None
            sizes[letter] = scope[told] if isinstance(told, str) else self.shapes[told.name][told.axis]
        return sizes

    def free(self, node: Expr) -> tuple[str, ...]:
        """The free letters of a node in alphabetical order: its axes, wherever it becomes an array."""
        found = self._free.get(node)
        if found is None:
            found = self._free[node] = tuple(sorted(node.free))
        return found

    def visits(self, equation: Equation) -> Iterator[Visit]:
        """Every node of the right side once for each set of sizes that it has there, children first."""
        root: Key = (equation.value, tuple(self._letters[equation][i] for i in self.free(equation.value)))
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
            bound = self.bound(node, sizes) if isinstance(node, (Sum, Reduce)) else {}
            keys: list[Key] = []
            for n, child in enumerate(node.children):
                scope = {**sizes, **bound} if bound and n == 0 else sizes
                keys.append((child, tuple(scope[i] for i in self.free(child))))
            stack.append(Visit(node, sizes, bound, top, tuple(keys)))
            stack.extend(k for k in reversed(keys) if k not in seen)


def extents(system: System, shapes: Mapping[str, tuple[int, ...]]) -> Extents:
    """The shape of every tensor and the size of every index, from the shapes of the inputs.

    One index has one size: ``z_bj = a_bi W_ij`` needs the second axis of a to be as long as the first of W.

    >>> from tensorprop.text import parse
    >>> found = extents(parse("z_bj = a_bi W_ij"), {"a": (5, 2), "W": (2, 3)})
    >>> found.shapes["z"]
    (5, 3)

    Errors: MissingInput, UnknownName, RankMismatch, SizeMismatch, SizeOneBroadcast (an axis of size 1 in place of a
    longer one: nothing is stretched), OutOfRange (``W_{0,j}`` where W has no row), UnknownRange.
    """
    try:
        return _Work(unrolled(system, "compute"), shapes).extents
    except TensorpropError as error:
        raise locate(error, system) from None


class _Work:
    """One walk through the equations, each after those that it needs."""

    def __init__(self, system: System, given: Mapping[str, tuple[int, ...]]) -> None:
        self.system = system
        self.number = {eq: n for n, eq in enumerate(system.equations)}
        self.now: int | None = None
        self.shapes = {name: tuple(int(n) for n in shape) for name, shape in _inputs(system, given).items()}
        self.letters = Letters(self._meet)
        self.sizes: dict[Equation, dict[str, int]] = {}
        self.extents = Extents(system, self.shapes, self.sizes, self.letters.bound)
        waiting = list(system.ordered)
        while waiting:
            later = [eq for eq in waiting if not self._equation(eq, patient=True)]
            if len(later) == len(waiting):  # a derivative of something that needs it: it must tell its own range
                later = [eq for eq in waiting if not self._equation(eq, patient=False)]
            waiting = later

    def _equation(self, eq: Equation, patient: bool) -> bool:
        """Sizes of one equation; False if a tensor whose shape it needs comes later."""
        primals = [name for name, _ in primal_axes(eq.target) or () if self.system.defines(name)]
        if any(name not in self.shapes for name in (*eq.inputs, *(primals if patient else ()))):
            return False
        self.now = self.number[eq]
        reduces = self._plain(eq)
        met = len(self.letters.binders)
        told = self.letters.equation(eq, lambda name: name in self.shapes)
        for binder in self.letters.binders[met:]:
            for letter, place in self.letters.bound[binder].items():
                if place is None:
                    raise self._unknown(letter, binder)
        sizes: dict[str, int] = {}
        for letter, place in told.items():
            if place is None:
                raise self._unknown(letter, eq.target)
            sizes[letter] = self._size(place)
        self.shapes[eq.name] = tuple(sizes.values())
        self.sizes[eq] = sizes
        if reduces:
            self._entries(eq)
        return True

    def _unknown(self, letter: str, where: Expr) -> TensorpropError:
        return UnknownRange(
            f"nothing tells the range of {letter}",
            fix=f"let {letter} stand alone as a subscript of some tensor",
            about=(self.now, where),
        )

    def _plain(self, eq: Equation) -> bool:
        """Sizes that are named, whole-number subscripts: what one node alone shows. Whether anything is reduced."""
        reduces = False
        for e in postorder(eq.value):
            if isinstance(e, Dim):
                shape = self.shapes[e.tensor]
                if e.axis >= len(shape):
                    raise RankMismatch(
                        f"{e.tensor} has shape {_shape(shape)}, so it has no axis {e.axis + 1}", about=(self.now, e)
                    )
            elif isinstance(e, Tensor):
                shape = self.shapes[e.name]
                for axis, s in enumerate(e.subscripts):
                    if isinstance(s, Number):
                        self._entry(s.value, shape[axis], f"axis {axis + 1} of {e.name}", e)
            elif isinstance(e, Reduce):
                reduces = True
        return reduces

    def _entry(self, value: Fraction, size: int, axis: str, where: Expr) -> None:
        if value.denominator != 1 or not 0 <= value < size:
            last = f"0 to {size - 1}" if size else "no entry at all"
            raise OutOfRange(
                f"subscript {value} is outside {axis}, which has size {size}",
                known=f"subscripts count from 0: {last}",
                about=(self.now, where),
            )

    def _entries(self, eq: Equation) -> None:
        """What needs the sizes of bound letters: entries of a softmax, reductions of nothing."""
        for v in self.extents.visits(eq):
            e = v.node
            if not isinstance(e, Reduce):
                continue
            for i, at in zip(e.indices, e.at, strict=False):
                if isinstance(at, Number):
                    self._entry(at.value, v.bound[i], f"the range of {i}", e)
            if not (is_matrix(e.op) or REDUCTIONS[e.op].empty) and 0 in v.bound.values():
                empty = [i for i, n in v.bound.items() if n == 0]
                raise OutOfRange(f"{e.op} over {', '.join(empty)}, which has no values", about=(self.now, e))

    def _size(self, place: Place) -> int:
        """The size of an axis, which a derivative may say of a tensor that is given with fewer."""
        shape = self.shapes[place.name]
        if place.axis >= len(shape):
            raise RankMismatch(
                f"{place.entry} speaks of axis {place.axis} of {place.name}, which has {len(shape) or 'no'} axes",
                fix=f"pass {place.name} with all its axes",
                about=(self.now, place.entry),
            )
        return shape[place.axis]

    def _meet(self, letter: str, one: Place, other: Place) -> None:
        """Two axes under one letter have one size."""
        if one.entry is other.entry and one.axis > other.axis:
            one, other = other, one
        a, b = self._size(one), self._size(other)
        if a == b:
            return
        (i, _), (j, place) = self._written(letter, one), self._written(letter, other)
        if i == j:
            problem = f"index {i} is {a} on {_axis(one)} and {b} on {_axis(other)}"
        else:  # a bracket, an entry outside a softmax, or a square matrix
            problem = f"{i} is {a} on {_axis(one)} and {j} is {b} on {_axis(other)}, though both run over one range"
        names = {p.entry if p.entry.name == p.name else p.name: self.shapes[p.name] for p in (one, other)}
        known = "; ".join(f"{name} has shape {_shape(shape)}" for name, shape in names.items())
        about = (self.now, other.entry, place)
        if 1 not in (a, b):
            fix = "pass arrays whose axes agree, or give the two axes different letters"
            raise SizeMismatch(problem, known=known, fix=fix, about=about)
        small, large = (one, other) if a == 1 else (other, one)
        raise SizeOneBroadcast(
            f"{problem}; an axis of size 1 is not stretched",
            known=known,
            fix=f"drop that axis of {small.name}, or sum {large.name} over {i if small is other else j} first"
            if small.name != large.name
            else f"pass an array {small.name} whose two axes agree, or give them different letters",
            about=about,
        )

    def _written(self, letter: str, place: Place) -> tuple[str, int]:
        """The letter that stands in the entry for this axis, and at which of its subscripts."""
        if place.entry.name != place.name:  # a derivative, which has the axes of what it is derived by
            letters = place.entry.letters or ()
            return letter, letters.index(letter) if letter in letters else 0
        at = place.entry.subscripts[place.axis]
        return (at.name if isinstance(at, Index) else letter), place.axis


def _inputs(system: System, given: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of every input, none missing, none too much, each with as many axes as its subscripts say."""
    missing = [name for name in system.inputs if name not in given]
    if missing:
        raise MissingInput(
            f"no array for {', '.join(missing)}",
            known=f"needed: {', '.join(system.inputs)}; given: {', '.join(given) or 'nothing'}",
            about=entries(system).get(missing[0]),
        )
    for name in given:
        if name not in system.inputs:
            if system.defines(name):
                raise UnknownName(
                    f"{name} is no input: an equation defines it",
                    known=f"inputs: {', '.join(system.inputs) or 'none'}",
                    about=(None, system[name].target),
                )
            raise UnknownName(
                f"no tensor is called {name}",
                **among(name, system.inputs, "inputs"),
            )
    places = entries(system)
    for name in system.inputs:
        if name not in places:
            continue
        entry, shape = places[name][1], tuple(given[name])
        if len(shape) != len(entry.subscripts):
            n = len(entry.subscripts)
            raise RankMismatch(
                f"{entry} has {n} {'subscript' if n == 1 else 'subscripts'}, "
                f"but the array for {name} has shape {_shape(shape)}: {_axes(len(shape))}",
                fix=f"pass an array with {_axes(n)}, or write one subscript for each axis",
                about=places[name],
            )
    return {name: tuple(given[name]) for name in system.inputs}


def entries(system: System) -> dict[str, tuple[int, Tensor]]:
    """The first entry of every tensor on a right side, and the number of its equation."""
    found: dict[str, tuple[int, Tensor]] = {}
    for n, eq in enumerate(system.equations):
        for e in postorder(eq.value):
            if isinstance(e, Tensor):
                found.setdefault(e.name, (n, e))
    return found


def brief(e: Expr) -> str:
    """The expression as people write it, its first 60 characters if there are more."""
    text = show(e)
    return text if len(text) <= 60 else text[:59] + "…"


def _axis(place: Place) -> str:
    return f"axis {place.axis + 1} of {place.name}"


def _axes(n: int) -> str:
    return "1 axis" if n == 1 else f"{n} axes"


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


# --------------------------------------------------------------------------- what can be compiled
def supported(system: System) -> None:
    """Refuse what cannot be compiled: shifted subscripts, gathers, open functions, whole-matrix functions.

    Errors: Unsupported, with the place.
    """
    for n, eq in enumerate(system.equations):
        for e in postorder(eq.value):
            error = _refusal(e)
            if error is not None:
                error.about = (n, e)
                raise locate(error, system)


def _refusal(e: Expr) -> Unsupported | None:
    match e:
        case Call() if not is_known(e.function):
            name = e.function
            return Unsupported(
                f"{name} is open: nothing says which function it is",
                fix=f"write a known function in place of {name}, such as tanh; derivatives work as they are",
            )
        case _:
            return None
    return None
