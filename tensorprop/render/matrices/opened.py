"""Products of sums, multiplied out: where a product has no matrix form, or a heavy one, its terms may have one each.

In: an Equation. Out: the same with every sum of terms among factors multiplied out, Σ in front of whole products, and
brackets used up, if that gives few terms; whether its formula reads better is decided by who asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from math import prod

from tensorprop.calculus.simplify import simplify
from tensorprop.core.build import add, mul, number, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Expr, Mul, Sum
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import freshen, postorder, transform

__all__ = ["multiplied_out"]

_TERMS = 6  # more terms are no easier to read


def multiplied_out(eq: Equation) -> Equation | None:
    """The equation without sums among the factors of its products; None where there are none, or too many terms.

    >>> from tensorprop.text import parse
    >>> print(multiplied_out(parse("y_i = P_ij (x_j - x_i)")["y"]))
    y_i = P_ij x_j + Σ_j (-P_ij x_i)
    """
    if not any(isinstance(n, Mul) and any(isinstance(f, Add) for f in n.factors) for n in postorder(eq.value)):
        return None
    value = transform(eq.value, _opened)
    if any(isinstance(n, Bracket) for n in postorder(value)):
        value = simplify(value)
    value = _collected(value) if isinstance(value, Add) else value
    few = isinstance(value, Add) and len(value.terms) <= _TERMS
    return Equation(eq.target, value) if few and value.free == eq.value.free else None


def _collected(e: Add) -> Expr:
    """Terms that are alike but for the order of their factors as one."""
    found: dict[Expr, list[Expr]] = {}
    for t in e.terms:
        found.setdefault(canonical(t), []).append(t)
    return add(*(mul(number(len(alike)), alike[0]) for alike in found.values()))


def _opened(e: Expr) -> Expr:
    match e:
        case Mul(factors) if any(isinstance(f, (Add, Sum)) for f in factors):
            parts = [f.terms if isinstance(f, Add) else (f,) for f in factors]
            return e if prod(map(len, parts)) > _TERMS else add(*map(_product, product(*parts)))
        case Sum(indices, Add(terms)) if all(set(indices) <= t.free for t in terms):
            return add(*(sum_over(indices, t) for t in terms))
        case _:
            return e


def _product(factors: Iterable[Expr]) -> Expr:
    """The product of factors, those that are sums of products under one Σ."""
    factors = [g for f in factors for g in factors_of(f)]
    taken = frozenset[str]().union(*(f.free for f in factors))
    bound: list[str] = []
    parts: list[Expr] = []
    for f in factors:
        if isinstance(f, Sum):
            f = freshen(f, taken)
            assert isinstance(f, Sum)
            bound += f.indices
            taken |= f.body.free
            parts += factors_of(f.body)
        else:
            parts.append(f)
    return sum_over(bound, mul(*parts))
