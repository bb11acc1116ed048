"""Which tensors a formula may name, how many axes each has, and which axes are equally long.

In: a System, or numbers of axes. Out: answers about names and axes; sizes are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

from tensorprop.core.equation import Loop, System
from tensorprop.core.expr import Dim, Index
from tensorprop.core.names import is_adjoint, primal
from tensorprop.core.ranges import infer
from tensorprop.core.walk import tensors_of
from tensorprop.errors import UnknownName
from tensorprop.text.vocabulary import COLUMN, ROW

__all__ = ["Axis", "Known"]

Axis = tuple[str, int]


class Known:
    """The tensors that a formula may name: how many axes each has, and which axes are equally long.

    Those of a System have ranges that are settled; those that are told by their number of axes alone have ranges that
    the formula settles, ``define`` adds what a line of it makes.
    """

    def __init__(self, s: System | None = None, ranks: Mapping[str, int] | None = None) -> None:
        self.system = s
        self.ranks: dict[str, int] = {} if s is None else _ranks(s)
        self.ranks |= ranks or {}
        loops = [b for b in (s.blocks if s is not None else ()) if isinstance(b, Loop)]
        self.time = {primal(n): k for b in loops for n, k in b.axes.items()}  # which axis is time
        self._settled: dict[Axis, Axis] = {}
        for members in infer(s).classes() if s is not None else ():
            first = min(members, key=lambda axis: is_adjoint(axis[0]))
            first = self._owner(first[0]), first[1]
            for n, k in members:
                self._settled.setdefault((self._owner(n), k), first)
        self._parent: dict[Axis, Axis] = {}
        self.letters: dict[Axis, str] = {}
        """How the equations call an axis, by its class."""
        self._also: dict[str, dict[Axis, None]] = {}  # other letters that they have for it
        for eq in s or ():
            for t in (eq.target, *tensors_of(eq.value)):
                for axis, i in enumerate(t.subscripts):
                    if isinstance(i, Index) and i.name not in (ROW, COLUMN):
                        self.letters.setdefault(self.find((t.name, axis)), i.name)
                        self._also.setdefault(i.name, {}).setdefault(self.find((t.name, axis)))

    def copy(self) -> Known:
        """The same names, their ranges to be settled anew."""
        other = Known.__new__(Known)
        other.__dict__.update(self.__dict__, ranks=dict(self.ranks), _parent=dict(self._parent))
        return other

    def rank(self, name: str) -> int | None:
        """The number of axes, also of an adjoint; None for a name that is not known."""
        return self.ranks.get(name, self.ranks.get(primal(name)))

    def _owner(self, name: str) -> str:
        """The tensor whose axes a δ has: the innermost that is known, x for δx, and δx for δδx where there is no x."""
        below, found = name, name if name in self.ranks else primal(name)
        while is_adjoint(below):
            below = primal(below)
            found = below if below in self.ranks else found
        return found

    def find(self, axis: Axis) -> Axis:
        """The axis that stands for all that are equally long; δz is as long as z."""
        axis = self._owner(axis[0]), axis[1]
        axis = self._settled.get(axis, axis)
        while (up := self._parent.get(axis, axis)) != axis:
            axis = up
        return axis

    def settled(self, axis: Axis) -> bool:
        """Whether the equations tell how long an axis is."""
        return self.system is not None and axis[0] in self.system.names

    def same(self, one: Axis, other: Axis) -> bool:
        """Whether two axes are equally long; what is not settled yet is made so."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return True
        if self.settled(one) and self.settled(other):
            return False
        if self.settled(one) or one[0] != "":
            one, other = other, one
        self._parent[one] = other
        return True

    def equate(self, one: Axis, other: Axis) -> bool:
        """Two axes are equally long, whatever the equations say."""
        one, other = self.find(one), self.find(other)
        if one != other:
            self._parent[one] = other
        return True

    def size(self, axis: Axis) -> Dim | None:
        """The size of an axis, if a tensor has it."""
        axis = self.find(axis)
        known = [(n, k) for n, rank in self.ranks.items() for k in range(rank) if self.find((n, k)) == axis]
        return Dim(self._owner(known[0][0]), known[0][1]) if known else None

    def meant(self, text: str) -> tuple[str, ...]:
        """The letters for every value of which a formula has to be meant that says none: the one least set of them
        without which no tensor in it, or on the whole page, has more than two axes. Empty where there are several.

        >>> from tensorprop.text import parse
        >>> page = Known(parse("S_bhqk = Q_bqhd K_bkhd; O_bqhd = S_bhqk V_bkhd"))
        >>> page.meant("δV = Sᵀ δO"), page.meant("δS = δO Vᵀ"), page.meant("S = 2 S")
        (('b', 'h'), ('b', 'h'), ('b', 'h'))
        """
        words = re.findall(r"δ?[^\W\d_](?:(?!ᵀ)[^\W_])*", text)
        named = {w for w in words if self.rank(w) is not None}
        named |= {n for n in self.ranks for w in words if w not in named and n in w}
        found = self._least(named)
        if len(found) > 1:
            found = [one for one in self._least({*self.ranks}) if one in found]
        if len(found) > 1:  # what every tensor of the formula has
            own = [{self.letters.get(self.find((n, k))) for k in range(self.rank(n) or 0)} for n in named]
            found = [one for one in found if all({*one} <= letters for letters in own if letters)]
        return found[0] if len(found) == 1 else ()

    def _least(self, named: set[str]) -> list[tuple[str, ...]]:
        """The least sets of letters without which none of these tensors has more than two axes."""
        axes = [[self.letters.get(self.find((n, k)), "") for k in range(self.rank(n) or 0)] for n in named]
        large = [own for own in axes if len(own) > 2]
        letters = sorted({i for own in large for i in own if i})
        for many in range(1, 1 + max((len(own) - 1 for own in large), default=0)):
            fit = [
                out
                for out in combinations(letters, many)
                if all(sum(i not in out for i in own) <= 2 for own in large)
                and all(own.count(i) < 2 for own in axes for i in out)
            ]
            if fit:
                return fit
        return []

    @property
    def long(self) -> frozenset[str]:
        """The words that are one index each, ``W[in, out]``."""
        return frozenset(i for i in (*self.letters.values(), *self._also) if len(i) > 1)

    def called(self, letter: str, where: str = "") -> list[Axis]:
        """The axes that the equations call by a letter, each class once; those of the tensors in a text alone, if
        there are such."""
        found = [axis for axis, i in self.letters.items() if i == letter] or list(self._also.get(letter, ()))
        near = {self.find((n, k)) for n, rank in self.ranks.items() if n in where for k in range(rank)}
        return [axis for axis in found if axis in near] or found


def _ranks(s: System) -> dict[str, int]:
    """The number of axes of every tensor that has entries in a System; of others only a size is told."""
    found: dict[str, int] = {}
    for name in s.names:
        try:
            found[name] = s.rank(name)
        except UnknownName:
            continue
    return found
