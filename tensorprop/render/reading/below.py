"""What stands below a name: ``h_{t-1}``, ``T_{·j·}``, ``Q_{bh}``, and on which axis each part of it stands.

In: the parts, as they were read. Out: for an axis what its subscript is. A letter stands on the axis that it runs
along, which `typed` knows; a figure, and what has dots beside it, stands in its place, or on the axis of time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tensorprop.core.build import add, number
from tensorprop.core.expr import Dim, Expr, Index
from tensorprop.errors import UsageError

__all__ = ["Below", "is_place", "subscript"]

_MOVED = re.compile(r"([^\W\d]\w*)([-+]\d+)")
_SIZED = re.compile(r"(?:\|(?P<letter>\w+)\||dim\((?P<name>\w+),(?P<axis>\d+)\))(?P<more>[-+]\d+)?")


def subscript(text: str, size: Callable[[str], Expr | None] = lambda letter: None) -> Expr:
    """The subscript that a part is; ``size``: of the axis that a letter runs along.

    >>> [str(subscript(part)) for part in ("t", "t-1", "-1", "dim(x,0)-1")]
    ['t', 't - 1', '-1', 'dim(x, 0) - 1']
    """
    if (found := _SIZED.fullmatch(text)) is not None:
        whole = Dim(found["name"], int(found["axis"])) if found["name"] else size(found["letter"])
        if whole is None:
            raise UsageError(f"nothing tells how far {found['letter']} runs")
        return add(whole, number(int(found["more"] or 0)))
    found = _MOVED.fullmatch(text)
    if found is not None:
        return add(Index(found[1]), number(int(found[2])))
    return number(int(text)) if text.lstrip("-").isdigit() else Index(text)


@dataclass(frozen=True)
class Below:
    """The parts below a name; ``time`` is the axis of time, if the tensor has one."""

    cut: tuple[str, ...]
    time: int | None = None

    @property
    def _places(self) -> tuple[str, ...]:
        """The parts, where they say which axis each stands on."""
        if len(self.cut) == 1 and self.time is not None and _fixed(self.cut[0]):
            return ("·",) * self.time + self.cut
        return self.cut if any(part == "·" or _fixed(part) for part in self.cut) else ()

    @property
    def in_place(self) -> bool:
        """Whether the parts stand in the order of the axes."""
        return bool(self._places)

    def at(self, axis: int, every: bool = False) -> str | None:
        """What stands on an axis, where the parts stand in their order; None if the axis stays.

        ``every``: there is a part for every axis, and no carried letter runs along this one: x_{t−2}.
        """
        places = self._places
        if every and not places and _MOVED.fullmatch(self.cut[axis]):
            return self.cut[axis]
        return places[axis] if axis < len(places) and places[axis] != "·" else None

    def often(self, letter: str) -> int:
        """How many axes a letter may stand on: one if nothing is said."""
        return self.letters.count(letter) if self.cut else 1

    def of(self, letter: str) -> str:
        """The part that is made of a letter."""
        return next((part for part, i in zip(self.cut, self.letters, strict=True) if i == letter), letter)

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of the parts: t of ``t-1``."""
        return tuple(found[1] if (found := _MOVED.fullmatch(part)) else part for part in self.cut)


def _fixed(part: str) -> bool:
    return part.lstrip("-").isdigit() or is_place(part)


def is_place(part: str) -> bool:
    """Whether a part is a place that is counted from the end of an axis, ``|t|-1``."""
    return _SIZED.fullmatch(part) is not None
