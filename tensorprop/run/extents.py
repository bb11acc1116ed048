"""Sizes: what every index runs over, once the shapes of the arrays are known.

In: a System and the shape of every input. Out: the shape of every tensor and the size of every letter, or an error
that names the index, both tensors, both axes and both sizes. No array is touched, and nothing is stretched.

It also says which Systems can be compiled at all (`supported`), and visits the expressions of an equation together
with the sizes of their letters (`Extents.visits`): one node may stand in two places where its letters have two sizes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from tensorprop.core.build import COLUMN, ROW
from tensorprop.core.equation import Declared, Equation, Loop, System, primal_axes
from tensorprop.core.expr import Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import REDUCTIONS, is_known, is_matrix, runs
from tensorprop.core.nameless import Nameless
from tensorprop.core.ranges import infer, untold
from tensorprop.core.told import Axis, Letters, Size, Witness
from tensorprop.core.walk import postorder
from tensorprop.errors import (
    MissingInput,
    OpenFunction,
    OutOfRange,
    RankMismatch,
    SizeMismatch,
    SizeOneBroadcast,
    TensorpropError,
    UnknownName,
    UnknownRange,
    near,
)
from tensorprop.run.reads import inside
from tensorprop.run.sizes import Extents, Key, Steps, Visit, counted, length
from tensorprop.text import locate, show

__all__ = ["Extents", "Key", "Visit", "brief", "entries", "extents", "supported"]


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
        found = _Work(system, shapes).extents
        inside(found)
        return found
    except TensorpropError as error:
        raise locate(error, system) from None


class _Kind(NamedTuple):
    """Of equations that are alike: the sizes of the left side's letters; of every binder by its number, for each of its
    letters the tensor, the axis and the entry that tell it."""

    sizes: dict[str, int]
    bound: list[tuple[int, dict[str, tuple[int, int, int]]]]


class _Work:
    """One walk through the blocks, each after those that it needs."""

    def __init__(self, system: System, given: Mapping[str, tuple[int, ...]]) -> None:
        self.system = system
        self.number = {eq: n for n, eq in enumerate(system.equations)}
        self.now: int | None = None
        self.shapes = {name: tuple(map(length, shape)) for name, shape in _inputs(system, given).items()}
        for name in system.declared.keys() & self.shapes.keys():
            self._square(name)
        self.letters = Letters(self._meet, system.stated, system.outside)
        self.sizes: dict[Equation, dict[str, int]] = {}
        self.extents = Extents(system, self.shapes, self.sizes, self.letters.bound)
        self.kinds: dict[Any, _Kind | None] = {}
        waiting = list(system.blocks)
        while waiting:
            later = [b for b in waiting if not self._block(b, patient=True)]
            if len(later) == len(waiting):  # a derivative of something that needs it: it must tell its own range
                later = [b for b in waiting if not self._block(b, patient=False)]
            waiting = later

    def _square(self, name: str) -> None:
        """A matrix of which something is declared has as many rows as columns."""
        rows, columns = self.shapes[name][-2:]
        if rows != columns:
            said = next(f for f in self.system.facts if isinstance(f, Declared) and f.tensor == name)
            raise SizeMismatch(
                f"{name} is {rows} × {columns}, and it is declared that {name} is {said.kind}",
                known=f"{name}: {self.shapes[name]}",
                fix="pass a square matrix, or drop the declaration",
                about=(None, name),
            )

    def _block(self, block: Equation | Loop, patient: bool) -> bool:
        """Sizes of one block; False if a tensor whose shape it needs comes later."""
        equations = (block,) if isinstance(block, Equation) else block.equations
        own = {eq.name for eq in equations}
        for eq in equations:
            primals = [name for name, _ in primal_axes(eq.target) or () if self.system.defines(name)]
            needs = (*eq.inputs, *(primals if patient else ()), *self._needed(eq))
            if any(name not in self.shapes and name not in own for name in needs):
                return False
        if isinstance(block, Loop):
            self._loop(block)
        elif (code := self.extents.codes.get(block)) is not None:
            self._coded(block, code)
        else:
            self._equation(block)
        return True

    def _coded(self, eq: Equation, code: Nameless) -> None:
        """The sizes of the letters of an equation, as one that is alike has them."""
        axes = primal_axes(eq.target)
        primal = tuple((n in self.shapes and self.shapes[n][k : k + 1]) for n, k in axes) if axes is not None else None
        key = code.text, primal, tuple([self.shapes[n] for n in code.names])
        if key not in self.kinds:
            self._equation(eq)
            self.kinds[key] = self._kind(eq, code)
            return
        kind = self.kinds[key]
        if kind is None:
            self._equation(eq)
            return
        self.sizes[eq] = kind.sizes
        self.shapes[eq.name] = tuple(kind.sizes.values())
        for k, bound in kind.bound:
            binder = code.nodes[k]
            if binder not in self.letters.bound:
                self.letters.binders.append(binder)
                told: dict[str, Size | None] = {}
                for i, (name, axis, at) in bound.items():
                    entry = code.nodes[at]
                    assert isinstance(entry, Tensor)
                    told[i] = Witness(code.names[name], axis, entry)
                self.letters.bound[binder] = told

    def _kind(self, eq: Equation, code: Nameless) -> _Kind | None:
        """What is told of an equation, its tensors by number; None where sizes are told otherwise than by its axes."""
        nodes, names = ({n: k for k, n in enumerate(of)} for of in (code.nodes, code.names))
        bound: list[tuple[int, dict[str, tuple[int, int, int]]]] = []
        for k, n in enumerate(code.nodes):
            if isinstance(n, (Sum, Reduce)):
                sizes: dict[str, tuple[int, int, int]] = {}
                for letter, place in self.letters.bound[n].items():
                    if not isinstance(place, Witness) or place.entry not in nodes or place.name not in names:
                        return None
                    sizes[letter] = names[place.name], place.axis, nodes[place.entry]
                bound.append((k, sizes))
        return _Kind(self.sizes[eq], bound)

    def _needed(self, eq: Equation) -> list[str]:
        """The tensors whose sizes a line of the System gives to a letter of the equation."""
        letters = {*eq.letters, *eq.value.binds}
        said = [n for i in letters if (n := self.system.stated(i)) is not None]
        return [d.tensor for n in said for d in postorder(n) if isinstance(d, Dim) and d.tensor != eq.name]

    def _equation(self, eq: Equation, loop: Loop | None = None) -> None:
        """The sizes of the letters of one equation; in a loop, the shape of its tensor is known before."""
        self.now = self.number[eq]
        reduces = self._plain(eq)
        met = len(self.letters.binders)
        told = self.letters.equation(eq, lambda name: name in self.shapes, loop)
        sizes: dict[str, int] = {}
        time = loop.time(eq)[0] if loop is not None and eq.place is None else None
        for letter, place in told.items():
            axis = next((k for k, s in enumerate(eq.target.subscripts) if letter in s.free), None)
            if (
                loop is not None
                and axis is not None
                and (not isinstance(place, Witness) if letter != time else place is None)
            ):  # starts and steps have the axes of their tensor
                sizes[letter] = self.shapes[eq.name][axis]
            elif place is None:
                raise self._unknown(letter, eq.target)
            else:
                if not isinstance(place, Witness) and eq.name not in self.shapes and _sizes_of(eq.name, place):
                    raise self._circular(letter, place, eq.target)
                known = self._size(place) if isinstance(place, Witness) else None
                sizes[letter] = known if known is not None else max(0, self.extents.number(place, {}))
                if letter == time and known is None and eq.target.subscripts[axis or 0] is Index(letter):
                    sizes[letter] = min(sizes[letter], self.shapes[eq.name][axis or 0])
                self._agrees(letter, sizes[letter], place, eq.target)
        for binder in self.letters.binders[met:]:
            for letter, place in self.letters.bound[binder].items():
                if place is None:
                    raise self._unknown(letter, binder)
                if isinstance(place, Witness):
                    self._agrees(letter, self._size(place), place, binder)
        self.sizes[eq] = sizes
        if loop is None:
            self.shapes[eq.name] = tuple(sizes.values())
        if reduces:
            self._entries(eq)

    def _circular(self, letter: str, stated: Expr, where: Tensor) -> UnknownRange:
        return UnknownRange(
            f"dim({letter}) = {brief(stated)} tells the range of {letter} by {where.name}, which has {letter} itself",
            fix=f"call the letter otherwise in the equation of {where.name}, or state its size by another tensor",
            about=(self.now, where),
        )

    def _agrees(self, letter: str, size: int, place: object, where: Expr) -> None:
        """What is stated of a letter is what its tensors say."""
        stated = self.system.stated(letter)
        if stated is None or not isinstance(place, Witness):
            return  # a derivative has the axes of what it is of
        n = counted(stated, self.shapes, {})
        if n != size:
            raise SizeMismatch(
                f"index {letter} is {size} on {_axis(place)}, and dim({letter}) is stated to be {brief(stated)}"
                + ("" if isinstance(stated, Number) else f" = {n}"),
                fix=f"pass arrays that fit, or give the letter of {place.name} another name",
                about=(self.now, where),
            )

    def _loop(self, loop: Loop) -> None:
        """The shapes of the tensors of a loop, then the sizes of its letters."""
        classes = {axis: group for group in infer(self.system).classes() for axis in group}
        for eq in loop.body:
            self.now = self.number[eq]
            primals = primal_axes(eq.target)
            shape: list[int] = []
            for axis, s in enumerate(eq.target.subscripts):
                known = primals[axis] if primals is not None and primals[axis][0] in self.shapes else None
                n = self.shapes[known[0]][known[1]] if known is not None else self._class(eq.name, axis, classes)
                n = self._said(s) if n is None else n
                if n is None:
                    raise self._unknown(next(iter(s.free)), eq.target)
                shape.append(n)
            self.shapes[eq.name] = tuple(shape)
        places: dict[str, dict[int, Equation]] = {eq.name: {} for eq in loop.body}
        for name in places:
            for at, eq in loop.places(name):
                places[name][counted(at, self.shapes, {})] = eq
        for eq in loop.equations:
            self._equation(eq, loop)
        times: dict[Equation, int] = {}
        spans: dict[str, tuple[int, int]] = {}
        for eq in loop.body:
            letter, n = loop.time(eq)
            axis, times[eq] = loop.axes[eq.name], self.sizes[eq][letter]
            if primal_axes(eq.target) is None and n:
                ends = max(n + times[eq], *(p + 1 for p in places[eq.name]))
                self.shapes[eq.name] = (*self.shapes[eq.name][:axis], ends, *self.shapes[eq.name][axis + 1 :])
            size = self.shapes[eq.name][axis]
            given = {*range(n, n + times[eq]), *places[eq.name]}
            spans[eq.name] = (min({0, *places[eq.name]}), max({size, *(p + 1 for p in places[eq.name])}))
            missing = [p for p in range(size) if p not in given]
            if missing:
                raise OutOfRange(
                    f"nothing gives {eq.name} at {missing[0]} of axis {axis + 1}",
                    known=f"the equation gives {n} to {n + times[eq] - 1}, of the {size} entries of that axis",
                    fix="add a start for it",
                    about=(self.now, eq.target),
                )
        steps = Steps(loop, spans, times, places)
        self.extents.steps.update(dict.fromkeys(places, steps))

    def _said(self, s: Expr) -> int | None:
        """The size that a line of the System gives to a letter, if those are known that it is made of."""
        size = self.system.stated(s.name) if isinstance(s, Index) else None
        known = size is not None and all(d.tensor in self.shapes for d in postorder(size) if isinstance(d, Dim))
        return counted(size, self.shapes, {}) if size is not None and known else None

    def _class(self, name: str, axis: int, classes: Mapping[Axis, list[Axis]]) -> int | None:
        """The size of an axis, as another of its class has it, or as an expression of sizes says."""
        seen: set[Axis] = set()

        def look(at: Axis) -> int | None:
            if at[0] in self.shapes and at[1] < len(self.shapes[at[0]]):
                return self.shapes[at[0]][at[1]]
            if at in seen:
                return None
            group = classes.get(at, [at])
            seen.update(group)
            for other in group:
                if other[0] in self.shapes:
                    return self.shapes[other[0]][other[1]]
            size = infer(self.system).size(*at)
            if isinstance(size, Dim):
                return None
            parts = {(d.tensor, d.axis): look((d.tensor, d.axis)) for d in postorder(size) if isinstance(d, Dim)}
            if any(n is None for n in parts.values()):
                return None
            return counted(size, parts, {})

        return look((name, axis))

    def _unknown(self, letter: str, where: Expr) -> TensorpropError:
        return untold(letter, (self.now, where))

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
            for i, at in zip(runs(e.op, e.indices), e.at, strict=False):
                if isinstance(at, Number):
                    self._entry(at.value, v.bound[i], f"the range of {i}", e)
            if not (is_matrix(e.op) or REDUCTIONS[e.op].empty) and 0 in v.bound.values():
                empty = [i for i, n in v.bound.items() if n == 0]
                raise OutOfRange(f"{e.op} over {', '.join(empty)}, which has no values", about=(self.now, e))

    def _size(self, place: Witness) -> int:
        """The size of an axis, which a derivative may say of a tensor that is given with fewer."""
        shape = self.shapes[place.name]
        if place.axis >= len(shape):
            raise RankMismatch(
                f"{place.entry} speaks of axis {place.axis} of {place.name}, which has {len(shape) or 'no'} axes",
                fix=f"pass {place.name} with all its axes",
                about=(self.now, place.entry),
            )
        return shape[place.axis]

    def _meet(self, letter: str, one: Witness, other: Witness) -> None:
        """Two axes under one letter have one size."""
        if one.entry is other.entry and one.axis > other.axis:
            one, other = other, one
        a, b = self._size(one), self._size(other)
        if a == b:
            return
        (i, _), (j, place) = self._written(letter, one), self._written(letter, other)
        if i == j:
            problem = f"index {i} is {a} on {_axis(one)} and {b} on {_axis(other)}"
        elif {i, j} == {ROW, COLUMN}:
            raise SizeMismatch(
                f"{one.name} has {a if i == ROW else b} rows and {b if i == ROW else a} columns, "
                "and this is a function of square matrices",
                known=f"{one.name} has shape {_shape(self.shapes[one.name])}",
                fix="pass a square matrix; a matrix that is not square has pinv and svdvals",
                about=(self.now, other.entry, place),
            )
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

    def _written(self, letter: str, place: Witness) -> tuple[str, int]:
        """The letter that stands in the entry for this axis, and at which of its subscripts."""
        if place.entry.name != place.name:  # a derivative, which has the axes of what it is derived by
            letters = place.entry.letters or ()
            return letter, letters.index(letter) if letter in letters else 0
        at = place.entry.subscripts[place.axis]
        return (at.name if isinstance(at, Index) else letter), place.axis


def _sizes_of(name: str, e: Expr) -> bool:
    """Whether a size of the tensor stands in ``e``."""
    return any(isinstance(n, Dim) and n.tensor == name for n in postorder(e))


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
            close = near(name, system.inputs)
            raise UnknownName(
                f"no tensor is called {name}",
                known=f"inputs: {', '.join(system.inputs) or 'none'}",
                fix=f"did you mean {close[0]}?" if close else None,
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


def _axis(place: Witness) -> str:
    return f"axis {place.axis + 1} of {place.name}"


def _axes(n: int) -> str:
    return "1 axis" if n == 1 else f"{n} axes"


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


# --------------------------------------------------------------------------- what can be compiled
def supported(system: System, functions: Container[str] = ()) -> None:
    """Refuse what cannot be compiled: open functions, whole-matrix functions.

    Errors: OpenFunction, with the place.
    """
    for n, eq in enumerate(system.equations):
        for e in postorder(eq.value):
            error = _refusal(e, functions)
            if error is not None:
                error.about = (n, e)
                raise locate(error, system)


def _refusal(e: Expr, functions: Container[str]) -> OpenFunction | None:
    match e:
        case Call() if not is_known(e.function) and e.function not in functions:
            name = e.function
            return OpenFunction(
                f"{name} is open: nothing says which function it is",
                fix=f'bind it, functions={{"{name}": jnp.tanh}}, or write a known function in its place, such as tanh',
            )
        case _:
            return None
    return None
