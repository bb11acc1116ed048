"""What an expression is apart from the names of its letters.

In: expressions. Out: a number for each, the same for two that differ only in how their letters are called, and its free
letters in the order in which they are met. So ``exp(s_tu)`` and ``exp(s_tv)`` are one piece of work with two names, and
whoever computes it once gets the same digits both times.
"""

from __future__ import annotations

from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import fold

__all__ = ["Pattern", "Patterns"]

Pattern = tuple[int, tuple[str, ...]]
"""The number of a pattern, and the free letters in reading order."""


class Patterns:
    """Numbers for patterns; two expressions are compared only by the same object of this class.

    >>> from tensorprop.core.build import sum_over, tensor
    >>> same = Patterns()
    >>> same.of(sum_over("u", tensor("s", "t", "u"))), same.of(sum_over("v", tensor("s", "i", "v")))
    ((2, ('t',)), (2, ('i',)))
    """

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._done: dict[Expr, Pattern] = {}

    def of(self, e: Expr) -> Pattern:
        """The pattern of an expression; each node is looked at once."""
        return fold(e, self._rule, self._done)

    def _rule(self, e: Expr, parts: tuple[Pattern, ...]) -> Pattern:
        if isinstance(e, Index):
            return self._number("index"), (e.name,)
        bound: tuple[str, ...] = ()
        if isinstance(e, (Sum, Reduce)):
            # inside, the bound letters have names that nothing outside can have
            bound = tuple(f"{i} " for i in e.indices)
            own = dict(zip(e.indices, bound, strict=True))
            parts = ((parts[0][0], tuple(own.get(i, i) for i in parts[0][1])), *parts[1:])
        place: dict[str, int] = {}
        for _, letters in parts:
            for i in letters:
                place.setdefault(i, len(place))
        below = tuple((n, tuple(place[i] for i in letters)) for n, letters in parts)
        binds = tuple(place.get(i, -1) for i in bound)
        number = self._number((type(e).__name__, _data(e), binds if isinstance(e, Reduce) else frozenset(binds), below))
        return number, tuple(i for i in place if i not in bound)

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def _data(e: Expr) -> object:
    """What a node says besides its children and its letters."""
    match e:
        case Number(value):
            return value
        case Dim(tensor, axis):
            return tensor, axis
        case Tensor():
            return e.name
        case Bracket():
            return e.relation
        case Call():
            return e.function
        case Reduce():
            return e.op
        case _:
            return None
