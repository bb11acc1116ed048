"""Numbers that a layer is made with, as they stand in its equations.

In: a number or its text. Out: exact decimal text, or an error that names the option.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprop.errors import UsageError

__all__ = ["Real", "exact", "whole_option"]

Real = str | int | float | Fraction


def exact(value: Real, what: str, above: int | None = 0, below: int | None = None) -> Fraction:
    """The number that is meant: ``0.1`` is one tenth.

    Errors: UsageError where it is no number, or not between ``above`` and ``below``.

    >>> exact(0.1, "rate"), exact("3/4", "threshold")
    (Fraction(1, 10), Fraction(3, 4))
    """
    try:
        x = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"the {what} {value!r} is not a number", fix='write 1, 0.5 or "1/2"') from None
    if above is not None and x <= above:
        raise UsageError(f"the {what} {value} is not {'positive' if above == 0 else f'above {above}'}")
    if below is not None and x >= below:
        raise UsageError(f"the {what} {value} is not below {below}")
    return x


def whole_option(value: int, what: str) -> int:
    """A whole number from 1 up. Errors: UsageError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"the {what} {value!r} is no whole number from 1 up", fix=f"{what}=2")
    return value
