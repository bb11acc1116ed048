"""How a program is made beside what it computes: the options that several verbs share, checked once.

In: what a user gave. Out: a `How`. Nothing is decided here.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from tensorprop.errors import UsageError

__all__ = ["How", "effort_of"]


class How(NamedTuple):
    """``effort``: how much work the search for an order of many operands does, 1 being a second or two at most."""

    effort: float = 1.0


def effort_of(effort: object) -> float:
    """The option ``effort=`` as a number."""
    if isinstance(effort, bool) or not isinstance(effort, (int, float)) or not (isfinite(effort) and effort >= 0):
        raise UsageError(
            f"effort={effort!r} is no amount of work",
            fix="effort=1 is the default, effort=10 searches ten times as long",
        )
    return float(effort)
