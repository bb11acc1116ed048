"""What a term is made of: factors, a number and the rest, a sign, a base and an exponent.

In: an expression. Out: its parts, and expressions put together from them. Letters and sizes are not looked at here.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprop.core.build import mul, number, sum_over
from tensorprop.core.expr import Add, Call, Expr, Mul, Number, Sum

__all__ = ["base_and_exponent", "factors_of", "number_and_rest", "scaled", "sign_and_rest", "terms_of"]


def factors_of(e: Expr) -> tuple[Expr, ...]:
    """The factors of a product, or the expression itself."""
    return e.factors if isinstance(e, Mul) else (e,)


def terms_of(e: Expr) -> tuple[Expr, ...]:
    """The terms of a sum, or the expression itself."""
    return e.terms if isinstance(e, Add) else (e,)


def number_and_rest(e: Expr) -> tuple[Fraction, Expr]:
    """A term as number and rest; the number in front of a sum's body counts.

    >>> from tensorprop.core.build import tensor
    >>> str(number_and_rest(sum_over("i", mul(number(-2), tensor("a", "i"))))[1])
    'Σ_i a_i'
    """
    if isinstance(e, Number):
        return e.value, number(1)
    if isinstance(e, Mul) and isinstance(e.factors[0], Number):
        return e.factors[0].value, mul(*e.factors[1:])
    if isinstance(e, Sum):
        c, body = number_and_rest(e.body)
        return (c, sum_over(e.indices, body)) if c != 1 else (c, e)
    return Fraction(1), e


def sign_and_rest(e: Expr) -> tuple[int, Expr]:
    """A term's sign, and the term without it: ``-2 x`` is -1 and ``2 x``."""
    c, rest = number_and_rest(e)
    return (-1, scaled(-c, rest)) if c < 0 else (1, e)


def scaled(c: Fraction, e: Expr) -> Expr:
    """``c e``, the number inside the sum where the term is one: ``Σ_i 2 a_i b_i`` is written ``2 a_i b_i``."""
    if c == 1:
        return e
    if isinstance(e, Sum) and not isinstance(e.body, Add):
        return sum_over(e.indices, mul(number(c), e.body))
    return mul(number(c), e)


def base_and_exponent(f: Expr) -> tuple[Expr, Fraction]:
    """Base and exponent of a factor: ``x^2`` is x and 2, any other is itself and 1.

    >>> from tensorprop.core.build import power, tensor
    >>> base_and_exponent(power(tensor("x"), number(-2)))
    (Tensor('x', ()), Fraction(-2, 1))
    """
    if isinstance(f, Call) and f.function == "power" and isinstance(f.args[1], Number):
        return f.args[0], f.args[1].value
    return f, Fraction(1)
