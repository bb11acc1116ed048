"""How a program is made beside what it computes: the options that several verbs share, checked once.

In: what a user gave. Out: a `How`. Nothing is decided here.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import NamedTuple

from tensorprop.errors import UsageError

__all__ = ["PLAIN", "How", "effort_of", "how", "in_bytes", "memory", "unlike"]

_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


class How(NamedTuple):
    """``effort``: how much work the search for an order of many operands does, 1 being a second or two at most.

    ``memory``: the bytes that may lie in memory at a time, None for any. ``tune``: the form that runs is the fastest.
    """

    effort: float = 1.0
    memory: int | None = None
    tune: bool = False


PLAIN = How()


def how(effort: float, budget: int | str | None, tune: bool = False) -> How:
    """The options as they were given, checked."""
    if not isinstance(tune, bool):
        raise UsageError(f"tune={tune!r}", fix="tune=True times the forms of the program once and keeps the fastest")
    if tune and budget is not None:
        raise UsageError("tune= chooses by time and memory= by bytes", fix="leave one of them out")
    return How(effort_of(effort), None if budget is None else in_bytes(budget), tune)


def effort_of(effort: object) -> float:
    """The option ``effort=`` as a number."""
    if isinstance(effort, bool) or not isinstance(effort, (int, float)) or not (isfinite(effort) and effort >= 0):
        raise UsageError(
            f"effort={effort!r} is no amount of work",
            fix="effort=1 is the default, effort=10 searches ten times as long",
        )
    return float(effort)


def in_bytes(limit: int | str, called: str = "memory") -> int:
    """``"2GB"`` is 2·10⁹, ``"2GiB"`` 2·2³⁰; ``called``: the option that gives it.

    >>> in_bytes("2KiB")
    2048
    """
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        return limit
    found = re.fullmatch(r"\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kmgtp]?)(i?)(b?)\s*", str(limit).lower())
    if not isinstance(limit, str) or found is None or (found[3] and not found[2]):
        raise UsageError(f"{called}={limit!r} is no size", fix='give bytes, or text such as "2GB" or "512MiB"')
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _UNITS[found[2]])


def memory(n: int) -> str:
    """Bytes in three digits.

    >>> memory(2**31)
    '2 GiB'
    """
    for power, unit in ((50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if n >= 1 << power:
            x = n / (1 << power)
            return f"{x:.3g} {unit}" if x < 1000 else f"{x:.0f} {unit}" if x < 10**6 else f"{x:.1e} {unit}"
    return f"{n} B"


def unlike(argnums: object, has_aux: object) -> None:
    """The options of ``jax.value_and_grad`` that have other names here."""
    if argnums is not None:
        raise UsageError(
            "arguments have names here, not numbers",
            fix='instead of argnums name the tensors: wrt="W b"',
        )
    if has_aux is not None:
        raise UsageError(
            "what else is returned is named here",
            fix='instead of has_aux name the tensors: aux="h", which gives ((E, {"h": …}), gradients)',
        )
