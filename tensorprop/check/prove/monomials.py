"""What is known of an expression without its numbers: monomials, what is positive, which functions are odd.

In: expressions. Out: a term as a number, powers and the rest; whether an expression is positive for all arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from tensorprop.core.build import (
    ONE,
    call,
    mul,
    number,
    power,
    sum_over,
)
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.terms import base_and_exponent, factors_of
from tensorprop.core.walk import postorder, transform

__all__ = [
    "Monomial",
    "exponent",
    "has_parity",
    "is_about_indices",
    "is_exponential",
    "is_odd",
    "like_step",
    "monomial",
    "positive",
    "put_for",
    "quotient_of",
    "sign_like",
]


def sign_like(f: str, sign: str) -> bool:
    """Whether the sign of f(x) is this, by its row."""
    return f in FUNCTIONS and FUNCTIONS[f].sign == sign


def like_step(f: str) -> bool:
    return sign_like(f, "[x > 0]")


def has_parity(f: str, parity: str) -> bool:
    return f in FUNCTIONS and FUNCTIONS[f].parity == parity


def is_odd(f: str) -> bool:
    """Whether f(-x) = -f(x)."""
    return has_parity(f, "odd")


def is_about_indices(b: Bracket) -> bool:
    """Whether a bracket compares indices, ``[t ≥ u]`` or ``[y_b = c]``, and not numbers."""
    stack: list[Expr] = [b.left, b.right]
    while stack:
        n = stack.pop()
        if isinstance(n, Index):
            return True
        if not isinstance(n, Tensor):
            stack.extend(n.children)
    return False


def is_exponential(f: Expr) -> bool:
    match f:
        case Call("exp") | Call("power", (Call("exp"), Number())):
            return True
        case _:
            return False


def exponent(f: Expr) -> Expr:
    """n x of exp(x)^n."""
    match f:
        case Call("exp", (x,)):
            return x
        case Call("power", (Call("exp", (x,)), n)):
            return mul(n, x)
        case _:
            return call("log", f)


def put_for(e: Expr, old: Expr, new: Expr) -> Expr:
    """``e`` with one node for another, wherever it stands."""
    return transform(e, lambda n: new if n is old else n)


class Monomial(NamedTuple):
    """A term as a number, powers of what has none of its bound letters, and the sum of the rest."""

    number: Fraction
    powers: dict[Expr, Fraction]
    core: Expr

    @property
    def degree(self) -> Fraction:
        return sum(self.powers.values(), Fraction(self.core is not ONE))


def monomial(t: Expr) -> Monomial:
    letters, body = (t.indices, t.body) if isinstance(t, Sum) else ((), t)
    c, powers, core = Fraction(1), dict[Expr, Fraction](), list[Expr]()
    for f in factors_of(body):
        if isinstance(f, Number):
            c *= f.value
        elif not f.free.isdisjoint(letters):
            core.append(f)
        else:
            base, n = base_and_exponent(f)
            powers[base] = n
    return Monomial(c, powers, sum_over(letters, mul(*core)) if core else ONE)


def quotient_of(whole: Monomial, part: Monomial, normal: Callable[[Expr], Expr]) -> Expr | None:
    """``whole / (part / its number)``, where that is a monomial."""
    if any(m.denominator != 1 or m < 0 or whole.powers.get(a, Fraction(0)) < m for a, m in part.powers.items()):
        return None
    if part.core is not ONE and (whole.core is ONE or normal(part.core) is not normal(whole.core)):
        return None
    left = {a: m - part.powers.get(a, Fraction(0)) for a, m in whole.powers.items()}
    core = whole.core if part.core is ONE else ONE
    return mul(number(whole.number), core, *(power(a, number(m)) for a, m in left.items()))


def positive(e: Expr, or_zero: bool = False) -> bool:
    """Whether an expression is seen to be positive, or zero, for all arrays for which it is real."""
    done: dict[Expr, tuple[bool, bool]] = {}
    for n in postorder(e):
        below = [done[c] for c in n.children]
        match n:
            case Number(value):
                done[n] = value > 0, value >= 0
            case Dim():
                done[n] = True, True
            case Call(f, _) if sign_like(f, "1"):
                done[n] = True, True
            case Call("power", (_, Number(value))):
                even = value.denominator % 2 == 0 or value.numerator % 2 == 0
                done[n] = below[0][0] or (value.denominator % 2 == 0 and value < 0), below[0][1] or even
            case Call("power", _):
                done[n] = below[0][0], below[0][0]
            case Call("log", (Add(terms),)) if any(isinstance(t, Number) and t.value >= 1 for t in terms):
                rest = [done[t] for t in terms if not isinstance(t, Number)]
                done[n] = any(p for p, _ in rest) and all(z for _, z in rest), all(z for _, z in rest)
            case Add():
                done[n] = any(p for p, _ in below) and all(z for _, z in below), all(z for _, z in below)
            case Mul():
                done[n] = all(p for p, _ in below), all(z for _, z in below)
            case Sum() | Reduce(op="max" | "min" | "prod"):
                done[n] = below[0]
            case Bracket():
                done[n] = False, True
            case _:
                done[n] = False, False
    return done[e][or_zero]
