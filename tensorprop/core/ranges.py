"""What every index letter runs over: axes that one letter indexes have one size, whatever that size is.

In: a System. Out: classes of axes that must be equally long, and for every letter the axis that tells its range.
Sizes are not known here. Whoever knows them walks the same way, and is told of any two axes that meet (`Letters`).

A letter belongs to its binder: ``Σ_i a_i a_i + Σ_i b_i b_i`` has two different i. The same node may even stand
under both, so what a node tells is kept bottom-up, per node, without its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.names import primal_axes
from tensorprop.core.walk import fold, postorder

__all__ = ["Axis", "Letters", "Place", "Ranges", "Told", "infer"]

Axis = tuple[str, int]
"""``("W", 0)``: the first axis of the tensor W."""


class Place(NamedTuple):
    """The axis (counted from 0) of the tensor ``name``, and the entry in which a letter stood there."""

    name: str
    axis: int
    entry: Tensor


class Told(NamedTuple):
    """What an expression tells of its free letters.

    ``known``: a letter, and an axis that it indexes. ``ties``: letters that an equality bracket puts over one
    range, none of which indexes an axis yet. ``limits``: a letter i, and the axis whose size is n in a bracket
    ``[i < n]``; it counts only where nothing else tells the letter's range.
    """

    known: dict[str, Place]
    ties: tuple[frozenset[str], ...]
    limits: tuple[tuple[str, Place], ...] = ()


_NOTHING = Told({}, ())


class Letters:
    """The ranges of letters, node by node; ``meet(letter, one, other)`` hears of two axes under one letter."""

    def __init__(self, meet: Callable[[str, Place, Place], None]) -> None:
        self._meet = meet
        self._told: dict[Expr, Told] = {}
        self.binders: list[Expr] = []
        """Every binder, in the order in which it was met."""
        self.bound: dict[Expr, dict[str, Place | str | None]] = {}
        """For every binder met: its letters, and for each the axis that tells its range, or a letter further
        out that runs over the same range, or None where nothing tells it."""

    def read(self, root: Expr) -> Told:
        """What ``root`` tells of its free letters."""
        return fold(root, self._rule, self._told)

    def equation(self, eq: Equation, primals: Callable[[str], bool] = lambda name: True) -> dict[str, Place | None]:
        """The letters of the left side; a derivative has the axes of the ``primals`` that are known."""
        told = self.read(eq.value)
        axes = primal_axes(eq.target)
        if axes is not None and len(axes) == len(eq.letters):
            shape = {
                letter: Place(name, axis, eq.target)
                for letter, (name, axis) in zip(eq.letters, axes, strict=True)
                if primals(name)
            }
            told = self._join((told, Told(shape, ())))
        limits = dict(told.limits)
        return {letter: told.known.get(letter) or limits.get(letter) for letter in eq.letters}

    # ----------------------------------------------------------------- one rule per kind of node
    def _rule(self, e: Expr, parts: tuple[Told, ...]) -> Told:
        match e:
            case Tensor():
                told = self._join(parts) if any(p is not _NOTHING for p in parts) else _NOTHING
                known = dict(told.known)
                for axis, s in enumerate(e.subscripts):
                    if isinstance(s, Index):
                        self._put(known, s.name, Place(e.name, axis, e))
                return self._settle(known, told.ties) if told.ties else Told(known, ())
            case Bracket(relation="=", left=Index(name=i), right=Index(name=j)):
                return Told({}, (frozenset((i, j)),))
            case Bracket(relation="<", left=Index(name=i), right=Dim(tensor=name, axis=axis)):
                return Told({}, (), ((i, Place(name, axis, Tensor(name, ()))),))
            case Sum():
                return self._bind(e, parts[0], ())
            case Reduce():
                return self._bind(e, parts[0], parts[1:])
            case _:
                return self._join(parts)

    def _bind(self, e: Sum | Reduce, body: Told, outside: tuple[Told, ...]) -> Told:
        """Take the bound letters out. Inside they bear private names, since ``softmax_u(s_u)`` has u outside too."""
        self.binders.append(e)
        if not outside and not body.ties and not (isinstance(e, Reduce) and is_matrix(e.op)):
            limits = dict(body.limits)
            self.bound[e] = {i: body.known.get(i) or limits.get(i) for i in e.indices}
            known = {k: p for k, p in body.known.items() if k not in e.indices}
            return Told(known, (), tuple(pair for pair in body.limits if pair[0] not in e.indices))
        private = {i: f" {i}" for i in e.indices}
        ties = [frozenset(private.get(i, i) for i in group) for group in body.ties]
        if isinstance(e, Reduce):
            if is_matrix(e.op):
                ties.append(frozenset(private.values()))
            for i, entry in zip(e.indices, e.at, strict=False):
                if isinstance(entry, Index):
                    ties.append(frozenset((private[i], entry.name)))
        limits = tuple((private.get(k, k), p) for k, p in body.limits)
        inner = Told({private.get(k, k): p for k, p in body.known.items()}, tuple(ties), limits)
        told = self._join((inner, *outside))
        hidden = frozenset(private.values())
        same = {i: min(group - hidden) for group in told.ties if group - hidden for i in group}
        weak = dict(told.limits)
        self.bound[e] = {i: told.known.get(p) or same.get(p) or weak.get(p) for i, p in private.items()}
        left = tuple(group - hidden for group in told.ties if len(group - hidden) > 1)
        known = {k: p for k, p in told.known.items() if k not in hidden}
        return Told(known, left, tuple(pair for pair in told.limits if pair[0] not in hidden))

    # ----------------------------------------------------------------- putting together
    def _put(self, known: dict[str, Place], letter: str, place: Place) -> None:
        old = known.setdefault(letter, place)
        if old is not place and old[:2] != place[:2]:
            self._meet(letter, old, place)

    def _join(self, parts: tuple[Told, ...]) -> Told:
        """What several expressions tell that share a scope."""
        useful = [p for p in parts if p is not _NOTHING]
        if len(useful) < 2 and not (useful and useful[0].ties):
            return useful[0] if useful else _NOTHING
        known = dict(useful[0].known)
        for part in useful[1:]:
            for letter, place in part.known.items():
                self._put(known, letter, place)
        ties = [group for part in useful for group in part.ties]
        limits = tuple(dict.fromkeys(pair for part in useful for pair in part.limits))
        told = self._settle(known, ties) if ties else Told(known, ())
        return told._replace(limits=limits) if limits else told

    def _settle(self, known: dict[str, Place], ties: Iterable[frozenset[str]]) -> Told:
        """Tied letters take the range of the one among them that has one."""
        group_of: dict[str, set[str]] = {}
        for tie in ties:
            group: set[str] = set()
            for letter in sorted(tie):
                other = group_of.get(letter)
                if other is None:
                    group.add(letter)
                    group_of[letter] = group
                elif other is not group:
                    small, group = (group, other) if len(group) < len(other) else (other, group)
                    group |= small
                    group_of.update(dict.fromkeys(small, group))
        open_ties: list[frozenset[str]] = []
        for group in {id(g): g for g in group_of.values()}.values():
            letters = sorted(group)
            told = [known[letter] for letter in letters if letter in known]
            if not told:
                open_ties.append(frozenset(group))
                continue
            for letter in letters:
                old = known.setdefault(letter, told[0])
                if old[:2] != told[0][:2]:
                    self._meet(letter, told[0], old)
        return Told(known, tuple(open_ties))


class Ranges:
    """Axes of equal size, and the letters that run over them. Made by `infer`."""

    def __init__(self, system: System) -> None:
        self._parent: dict[Axis, Axis] = {}
        self._order: dict[Axis, int] = {}
        self._left: dict[Equation, dict[str, Axis]] = {}
        self.unknown: list[tuple[Equation, Expr, str]] = []
        """Letters whose range nothing tells: the equation, the binder (or the left side), the letter."""
        letters = Letters(lambda _, one, other: self._union(one[:2], other[:2]))
        self._bound = letters.bound
        for eq in system.ordered:
            before = len(letters.binders)
            told = letters.equation(eq)
            for e in postorder(eq.value):
                if isinstance(e, Tensor):
                    for axis in range(len(e.subscripts)):
                        self._add((e.name, axis))
                elif isinstance(e, Dim):
                    self._add((e.tensor, e.axis))
            for axis, letter in enumerate(eq.letters):
                place = told[letter]
                self._add((eq.name, axis))
                if place is None:
                    self.unknown.append((eq, eq.target, letter))
                else:
                    self._union(place[:2], (eq.name, axis))
            self._left[eq] = {letter: (eq.name, axis) for axis, letter in enumerate(eq.letters)}
            for binder in letters.binders[before:]:
                self.unknown += [(eq, binder, i) for i, place in letters.bound[binder].items() if place is None]

    def _add(self, axis: Axis) -> None:
        if axis not in self._parent:
            self._parent[axis] = axis
            self._order[axis] = len(self._order)

    def _union(self, one: Axis, other: Axis) -> None:
        self._add(one)
        self._add(other)
        a, b = self.find(*one), self.find(*other)
        if self._order[a] > self._order[b]:
            a, b = b, a
        self._parent[b] = a

    def find(self, tensor: str, axis: int) -> Axis:
        """The axis that stands for the class of this one.

        >>> from tensorprop.core.build import mul, sum_over, tensor
        >>> from tensorprop.core.equation import equation, system
        >>> product = sum_over("i", mul(tensor("a", "i"), tensor("W", "i", "j")))
        >>> ranges = infer(system([equation(tensor("z", "j"), product)]))
        >>> ranges.find("W", 0), ranges.find("z", 0)
        (('a', 0), ('W', 1))
        """
        at = (tensor, axis)
        if at not in self._parent:
            return at
        while (up := self._parent[at]) != at:
            self._parent[at] = at = self._parent[up]
        return at

    def classes(self) -> list[list[Axis]]:
        """Axes that share their size, each class and the list of them in the order of the equations."""
        found: dict[Axis, list[Axis]] = {}
        for axis in self._order:
            found.setdefault(self.find(*axis), []).append(axis)
        return list(found.values())

    def letters(self, equation: Equation) -> dict[str, Axis]:
        """The letters of the left side, and the class of each."""
        return {letter: self.find(*axis) for letter, axis in self._left[equation].items()}

    def bound(self, node: Expr) -> Mapping[str, Axis | str | None]:
        """The letters that a Sum or Reduce binds: the class of each, or a letter outside that runs over the
        same range (through a bracket), or None where nothing tells it."""
        told = self._bound.get(node, {})
        return {i: self.find(*p[:2]) if isinstance(p, Place) else p for i, p in told.items()}


def infer(system: System) -> Ranges:
    """Which axes have one size: those under one letter, tied by ``[i = j]``, or repeated by a derivative.

    Linear in the size of the expressions. Shifted subscripts (``a[x+u]``) and gathers tie nothing.
    """
    return Ranges(system)
