"""One equation as it is to be shown: its two sides as math trees, or why there are none.

In: nothing. Out: the class that the search fills in and the printers read, and a few words in plain English.
"""

from __future__ import annotations

from dataclasses import dataclass

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Tensor
from tensorprop.render.trees import Tree

__all__ = ["Line", "NoMatrix", "are", "count", "joined", "shown"]


class NoMatrix(Exception):
    """There is no matrix form, and why."""


@dataclass(frozen=True)
class Line:
    """One equation as it is to be shown.

    ``left`` and ``right`` are None where there is no matrix form; then ``why`` says so. ``carried``: indices for
    every value of which the line holds. ``note``: how a result of higher order is to be read.
    """

    equation: Equation
    left: Tree | None
    right: Tree | None
    carried: tuple[str, ...] = ()
    why: str = ""
    note: str = ""


def shown(t: Tensor) -> str:
    """A tensor's entry, for a sentence: ``T_ijk``."""
    letters = t.letters
    if letters is None:
        return t.name
    return t.name + ("_" + "".join(letters) if all(len(i) == 1 for i in letters) else f"[{', '.join(letters)}]")


_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def count(n: int, one: str, more: str) -> str:
    """``three indices``."""
    return f"{_WORDS[n] if n < len(_WORDS) else n} {one if n == 1 else more}"


def joined(words: list[str]) -> str:
    """``i, j and k``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def are(words: list[str]) -> str:
    """``is`` or ``are``."""
    return "is" if len(words) == 1 else "are"
