"""Subscripts and brackets whose letters stand in them linearly, with everything else known while the program is made.

In: a whole-valued expression and the sizes of axes. Out: ``c₁ i₁ + c₂ i₂ + … + k`` as whole numbers, or nothing where
an entry of a tensor, or anything else that only the arrays tell, is a part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tensorprop.core.affine import form
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Number
from tensorprop.run.sizes import begin

__all__ = ["Affine", "affine", "always"]


class Affine(NamedTuple):
    """``Σ c i + k``: the letters with their factors, none of which is zero, and the rest."""

    letters: dict[str, int]
    constant: int

    def less(self, other: Affine) -> Affine:
        """The difference of two.

        >>> Affine({"t": 1, "u": 2}, 1).less(Affine({"t": 1}, 3))
        Affine(letters={'u': 2}, constant=-2)
        """
        letters = {i: self.letters.get(i, 0) - other.letters.get(i, 0) for i in (self.letters | other.letters)}
        return Affine({i: c for i, c in letters.items() if c}, self.constant - other.constant)

    def bounds(self, sizes: Mapping[str, int]) -> tuple[int, int]:
        """The smallest and the largest value."""
        low = high = self.constant
        for i, c in self.letters.items():
            reach = c * (sizes[i] - 1)
            low, high = low + min(0, reach), high + max(0, reach)
        return low, high

    def digits(self, sizes: Mapping[str, int]) -> list[tuple[str, int]] | None:
        """The letters as digits of the value, the highest first, each with how many values its place has.

        ``2x + u`` with u below 2 counts through a row without a gap; with u below 1, every second place is left out.
        None where two values of the letters may give one place, or where neighbours are further apart than 1.

        >>> Affine({"x": 2, "u": 1}, 0).digits({"x": 5, "u": 2}), Affine({"x": 1, "u": 1}, 0).digits({"x": 5, "u": 2})
        ([('x', 5), ('u', 2)], None)
        """
        order = sorted(self.letters, key=lambda i: self.letters[i])
        places: list[tuple[str, int]] = []
        for n, i in enumerate(order):
            c = self.letters[i]
            if c <= 0 or (n == 0 and c != 1):
                return None
            above = self.letters[order[n + 1]] if n + 1 < len(order) else c * sizes[i]
            if above % c or above < c * sizes[i]:
                return None
            places.append((i, above // c))
        return places[::-1]


def affine(e: Expr, shapes: Mapping[str, tuple[int, ...]]) -> Affine | None:
    """The affine form of ``e``, once shapes are known.

    >>> from tensorprop.core.build import add, mul, number
    >>> affine(add(mul(number(2), Index("x")), Dim("a", 0), number(-1)), {"a": (5,)})
    Affine(letters={'x': 2}, constant=4)
    """
    letters: dict[str, int] = {}
    constant = 0
    for part, c in form(e).items():
        if c.denominator != 1:
            return None
        match part:
            case Index():
                letters[part.name] = int(c)
            case Number():
                constant += int(c)
            case Dim():
                constant += int(c) * shapes[part.tensor][part.axis]
            case _:
                return None
    return Affine(letters, constant)


def always(e: Bracket, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> bool:
    """Whether a bracket is true for all values of its letters: it says no more than how far they run.

    >>> from tensorprop.core.build import number
    >>> always(Bracket("<", Index("t"), number(20)), {}, {"t": 20})
    True
    """
    found = _between(e, shapes, sizes)
    if found is None:
        return False
    low, high = found
    match e.relation:
        case "<":
            return high < 0
        case "≤":
            return high <= 0
        case ">":
            return low > 0
        case "≥":
            return low >= 0
        case "=":
            return low == high == 0
        case _:
            return low > 0 or high < 0


def never(e: Bracket, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> bool:
    """Whether a bracket is false for all values of its letters.

    >>> from tensorprop.core.build import number
    >>> never(Bracket("=", Index("t"), number(20)), {}, {"t": 20})
    True
    """
    return always(Bracket(_OTHERWISE[e.relation], e.left, e.right), shapes, sizes)


_OTHERWISE = {"<": "≥", "≥": "<", ">": "≤", "≤": ">", "=": "≠", "≠": "="}


def _between(e: Bracket, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> tuple[int, int] | None:
    """The smallest and the largest value of left - right, where both are known now."""
    left, right = affine(e.left, shapes), affine(e.right, shapes)
    if left is None or right is None:
        return None
    letters, rest = left.less(right)
    if not all(isinstance(n, int) for n in (rest, *(sizes.get(i) for i in letters))):
        return None
    low = high = rest + sum(c * begin(sizes[i]) for i, c in letters.items())
    for i, c in letters.items():
        reach = c * (sizes[i] - 1)
        low, high = low + min(0, reach), high + max(0, reach)
    return low, high
