"""Finite fields in which expressions are evaluated: primes, one beneath the other, and what counts as positive there.

In: which of some fields, and whether -1 has a root. Out: a tower of fields, ``g^x`` of one taking an exponent of the
next. No expression is known here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

from tensorprop.core.expr import Expr

__all__ = ["Field", "NoRoot", "Unevaluated", "fields", "is_prime"]

LEVELS = 10  # of exponentials in exponentials
_SMALL = 8 * 3 * 5 * 7 * 11 * 13  # numbers whose primes are squares in all fields; no small root is missing


class Unevaluated(Exception):
    """The expressions cannot be evaluated here."""


class NoRoot(Exception):
    """At this point something under a root is no square, or a divisor is 0."""

    def __init__(self, node: Expr | None = None) -> None:
        super().__init__()
        self.node = node


# --------------------------------------------------------------------------- fields
@dataclass(frozen=True)
class Field:
    """Whole numbers modulo a prime ``p``; ``g`` has the order of the next smaller field; ``i² = -1`` in a circle."""

    p: int
    order: int
    g: int
    i: int

    @property
    def positive(self) -> int:
        """How many residues count as positive numbers: an odd number of them, so that each has one positive root."""
        return (self.p - 1) // (4 if self.i else 2)


@cache
def fields(which: int, circle: bool) -> tuple[Field, ...]:
    """Fields for exponentials in exponentials, the outermost first; in a ``circle`` -1 has a root."""
    rest = next(r for r in range(_SMALL) if r % 8 == (5 if circle else 7) and (r + 1) % (_SMALL // 8) == 0)
    p = 2**61 // _SMALL * _SMALL + rest
    for _ in range(which + 1):
        p += _SMALL
        while not is_prime(p):
            p += _SMALL
    fields = [field_of(p, 1, 1, circle)]
    for _ in range(LEVELS):
        q = fields[-1].p
        step = (rest - 1) * pow(q, -1, _SMALL) % _SMALL
        while not is_prime(1 + q * step):
            step += _SMALL
        p = 1 + q * step
        h = 2
        while pow(h, step, p) == 1:
            h += 1
        fields.append(field_of(p, q, pow(h, step, p), circle))
    return tuple(fields[::-1])


def field_of(p: int, order: int, g: int, circle: bool) -> Field:
    if not circle:
        return Field(p, order, g, 0)
    roots = (pow(h, (p - 1) // 4, p) for h in itertools.count(2))
    return Field(p, order, g, next(r for r in roots if r * r % p == p - 1))


def is_prime(n: int) -> bool:
    """Miller and Rabin's test; its first twelve bases leave no doubt below 2^64, and next to none above."""
    for q in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % q == 0:
            return n == q
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(base, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True
