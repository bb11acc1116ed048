"""Numbers as the notation writes them: small fractions, exact decimals, powers of ten.

In: a Fraction. Out: text that reads back to it. Signs are the caller's.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprop.errors import NumberTooLarge
from tensorprop.text.cursor import MAX_DIGITS

__all__ = ["decimal", "digits", "finite", "floating", "is_decimal", "whole"]

_SMALL = 10  # denominators below are those of fractions, 1/2 and 3/8


def floating(v: Fraction, about: object = None) -> float:
    """The floating-point number next to ``v``.

    >>> floating(Fraction(1, 3))
    0.3333333333333333

    Errors: NumberTooLarge beyond some 1e308, with ``about`` as what the error speaks of.
    """
    try:
        return float(v)
    except OverflowError:
        raise NumberTooLarge(
            "a number here is outside the range of floating point",
            fix="divide it among the factors, or work with its logarithm",
            about=about,
        ) from None


def finite(v: Fraction) -> bool:
    d = v.denominator
    for p in (2, 5):
        while d % p == 0:
            d //= p
    return d == 1


def is_decimal(v: Fraction) -> bool:
    """Whether a number is written as a decimal, and not as a small fraction: 0.3 and 0.2, not 1/2."""
    return v.denominator == 5 or (v.denominator >= _SMALL and finite(v))


def digits(v: Fraction) -> str:
    """A number that is not negative: 3, 1/2, 0.02, 1e-5, 12/35."""
    n, d = v.numerator, v.denominator
    if n.bit_length() > 3 * MAX_DIGITS or d.bit_length() > 3 * MAX_DIGITS:
        if d != 1:
            return f"({whole(n)}) / ({whole(d)})"
        return whole(n)
    if d == 1:
        return whole(n)
    if not is_decimal(v):
        return f"{n}/{d}"
    text = decimal(v)
    return text if len(text) <= MAX_DIGITS else f"{n}/{d}"


def decimal(v: Fraction) -> str:
    """A finite decimal, exactly."""
    shift = 0
    while v.denominator != 1:
        v *= 10
        shift += 1
    figures = str(v.numerator)
    if shift - len(figures) >= 4:
        return f"{figures}e-{shift}" if len(figures) == 1 else f"{figures[0]}.{figures[1:]}e-{shift - len(figures) + 1}"
    figures = figures.rjust(shift + 1, "0")
    return f"{figures[:-shift]}.{figures[-shift:]}" if shift else figures


def whole(n: int) -> str:
    """A whole number that is not negative; one of more digits than may be written at once as a sum of parts.

    >>> whole(1000), whole(10**30), whole(25 * 10**18), whole(10**120)
    ('1000', '1e30', '2.5e19', '1e120')
    """
    zeros = 0
    while n.bit_length() > 3 * MAX_DIGITS and n % 10**20 == 0:
        n //= 10**20
        zeros += 20
    if n.bit_length() <= 3 * MAX_DIGITS:
        text = str(n)
        figures = text.rstrip("0")
        places = len(text) - 1 + zeros
        if zeros + len(text) - len(figures) <= 12:
            return text
        return f"{figures[0]}.{figures[1:]}e{places}" if len(figures) > 1 else f"{figures}e{places}"
    n *= 10**zeros
    step = 10**80
    parts: list[str] = []
    shift = 0
    while n:
        n, low = divmod(n, step)
        if low:
            parts.append(whole(low * 10**shift))
        shift += 80
    return " + ".join(reversed(parts))
