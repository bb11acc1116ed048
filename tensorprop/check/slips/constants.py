"""Rounded constants: 0.797885 in a rule where √(2/π) belongs.

In: a rule with decimals. Out: the same rule with the constants that these are the first digits of, how many digits they
have, and how far off they are. Whether the rule is right then is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

import numpy as np

from tensorprop.core.build import MINUS_ONE, mul, negate, power
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Call, Expr, Number
from tensorprop.core.functions import FUNCTIONS, read
from tensorprop.core.walk import postorder, transform
from tensorprop.run.numpy_functions import NUMPY
from tensorprop.text import show
from tensorprop.text.numerals import finite

__all__ = ["Rounded", "constant", "has_constants", "rounded"]

# What people have by heart as digits; each is taken as it is, and divided and multiplied by small numbers.
_CONSTANTS: tuple[tuple[str, float], ...] = (
    ("π", math.pi),
    ("sqrt(2 / π)", math.sqrt(2 / math.pi)),
    ("sqrt(π)", math.sqrt(math.pi)),
    ("1 / sqrt(π)", 1 / math.sqrt(math.pi)),
    ("1 / sqrt(2 π)", 1 / math.sqrt(2 * math.pi)),
    ("1 / π", 1 / math.pi),
    ("sqrt(2)", math.sqrt(2)),
    ("sqrt(3)", math.sqrt(3)),
    ("log(2)", math.log(2)),
    ("log(10)", math.log(10)),
    ("1 / log(2)", 1 / math.log(2)),
    ("1 / log(10)", 1 / math.log(10)),
    ("exp(1)", math.e),
    ("180 / π", 180 / math.pi),
    ("π / 180", math.pi / 180),
    ("log(2 π)", math.log(2 * math.pi)),
)
_TIMES = tuple(Fraction(n) for n in ("1", "2", "1/2", "3", "1/3", "4", "1/4", "2/3", "3/2", "1/6", "1/8"))
_FRACTIONS = tuple(Fraction(n, d) for d in (3, 6, 7, 9, 11, 12) for n in range(1, d) if math.gcd(n, d) == 1)
_CLOSE = 1e-10  # of a number that was worked out
_DIGITS = 4  # as many, at least, must be right


@dataclass(frozen=True)
class Rounded:
    """A rule with its constants in full: ``words`` name them, ``error`` is the largest relative difference."""

    rule: Equation
    words: str
    error: float


def rounded(rule: Equation, other: Equation | None = None) -> Rounded | None:
    """The rule with every decimal that is a rounded constant in full; None where none is.

    A number of ``other`` with more digits counts as a constant, too: 1.0507 beside 1.0507009873554805.

    >>> from tensorprop.text import parse
    >>> rounded(parse("y_i = 0.797885 x_i")["y"]).words
    '0.797885 is sqrt(2 / π) to 6 digits'
    """
    numbers = [n for n in postorder(rule.value) if isinstance(n, Number)]
    long = [n for n in postorder(other.value) if isinstance(n, Number) and _long(n)] if other is not None else []
    long += [Number(a.value / b.value) for a, b in permutations(long, 2)]
    exact = [(n, float(n.value), len(str(n.value.numerator))) for n in long if n.value]
    exact += [(e, c, 17) for e, c in _constants_of(other.value)] if other is not None else []
    every = {n: _known(n.value) or _begun(n.value, exact) for n in numbers}
    found = {n: known for n, known in every.items() if known is not None}
    if not found:
        return None
    told = [f"{_spelled(n)} is {show(full)} to {digits} digits" for n, (full, digits, _) in found.items()]
    value = transform(rule.value, lambda n: found[n][0] if isinstance(n, Number) and n in found else n)
    return Rounded(equation(rule.target, value), "; ".join(dict.fromkeys(told)), max(e for _, _, e in found.values()))


def _spelled(n: Number) -> str:
    """1 / 1.41421356, for which there is no decimal."""
    below = Number(1 / n.value) if n.value and not finite(n.value) and finite(1 / n.value) else None
    return show(n) if below is None else f"1 / {show(below)}"


def _known(value: Fraction) -> tuple[Expr, int, float] | None:
    """The constant that a decimal begins like, the digits that are right, and the relative error."""
    if value.denominator == 1 or not value:
        return None
    figures = max((str(n).strip("-0") for n in (value.numerator, value.denominator)), key=len)
    if len(figures) < _DIGITS or (len(str(value.numerator).strip("-0")) < _DIGITS and finite(value)):
        return None
    c, best = abs(float(value)), None
    for full, exact in _candidates():
        error = abs(c / exact - 1)
        digits = min(len(figures), _digits(c, error))
        if digits >= max(_DIGITS, min(len(figures), 15) - 1) and (best is None or digits > best[1]):
            best = mul(Number(Fraction(-1 if value < 0 else 1)), full), digits, error
    return best


def _digits(c: float, error: float) -> int:
    """How many digits of a number are right that has this relative error: half of the last one may be lacking."""
    return 17 if error == 0 else math.floor(-math.log10(2 * error * c)) + math.floor(math.log10(c)) + 1


def _long(n: Number) -> bool:
    """Whether a number has so many digits that nobody writes them all."""
    return len(str(n.value.numerator)) > 4 * _DIGITS


def has_constants(rule: Equation) -> bool:
    """Whether a rule has constants that people round: π, √2, numbers of many digits."""
    return any(
        (isinstance(n, Number) and _long(n))
        or (isinstance(n, Call) and not n.free and all(isinstance(m, (Call, Number)) for m in postorder(n)))
        for n in postorder(rule.value)
    )


def _constants_of(e: Expr) -> Iterator[tuple[Expr, float]]:
    """Constants of an expression and their values: ``log(5/2)``."""
    for n in postorder(e):
        if isinstance(n, Call) and n.args and all(isinstance(a, Number) for a in n.args) and n.function in FUNCTIONS:
            with np.errstate(all="ignore"):
                c = complex(NUMPY[n.function](*(float(a.value) for a in n.args if isinstance(a, Number))))
            if not c.imag and math.isfinite(c.real) and c.real:
                yield n, c.real


def _begun(value: Fraction, others: Sequence[tuple[Expr, float, int]]) -> tuple[Expr, int, float] | None:
    """The longer number, or constant, of which a decimal has the first digits."""
    figures = len(str(value.numerator).strip("-0"))
    for e, c, size in others if value.denominator > 1 and figures >= _DIGITS else ():
        error = abs(float(value) / c - 1) if size > figures else 1.0
        digits = _digits(abs(float(value)), error)
        if digits >= _DIGITS:
            return e, min(digits, figures), error
    return None


def constant(c: float) -> Expr | None:
    """The constant that has this value, but for the last digits, or one over it.

    >>> print(constant(1.2533141373155))
    1 / sqrt(2 / π)
    """
    for full, exact in _candidates():
        if not isinstance(full, Number):
            for e, value in ((full, exact), (power(full, MINUS_ONE), 1 / exact)):
                if abs(abs(c) / value - 1) < _CLOSE:
                    return e if c > 0 else negate(e)
    return None


def _candidates() -> Iterator[tuple[Expr, float]]:
    for q in _TIMES:
        for text, value in _CONSTANTS:
            yield mul(Number(q), read(text)), float(q) * value
    for q in _FRACTIONS:
        yield Number(q), float(q)
