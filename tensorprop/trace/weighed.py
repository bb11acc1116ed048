"""Sums of exponentials with weights, as ``logsumexp(s, b=w)`` writes them for the machine's sake.

In: expressions of a page, and what looks their names up. Out: the same without the maximum that was taken out of the
exponents, and without the places that have no weight. This file knows no sizes.
"""

from __future__ import annotations

from typing import Protocol

from tensorprop.core.build import ZERO, add, bracket, call, mul, negate, sum_over
from tensorprop.core.expr import Bracket, Call, Expr, Mul, Sum
from tensorprop.core.terms import terms_of
from tensorprop.trace.sheet import INF

__all__ = ["Looks", "is_masked", "log_of_size", "signed", "unscaled", "weighted"]


class Looks(Protocol):
    """A page that knows what a name stands for, and what is taken out of exponents."""

    def look(self, e: Expr) -> Expr:
        """What a name stands for."""
        ...

    def is_shift(self, e: Expr) -> bool:
        """Whether it is a maximum that is taken out."""
        ...


def is_masked(e: Expr) -> bool:
    """``where(c, s, -∞)``."""
    return isinstance(e, Call) and e.function == "where" and e.args[2] is negate(INF)


def signed(page: Looks, c: Expr) -> Expr | None:
    """x of ``[sign(x) < 0]``."""
    asked = page.look(c.left) if isinstance(c, Bracket) and c.relation == "<" and c.right is ZERO else None
    return asked.args[0] if isinstance(asked, Call) and asked.function == "sign" else None


def weighted(page: Looks, e: Expr, w: Expr) -> Expr | None:
    """``exp(where([w ≠ 0], s, -∞) - k) w`` is ``exp(s - k) w``: what has the weight 0 adds nothing."""
    value = page.look(e)
    if not (isinstance(value, Call) and value.function == "exp"):
        return None
    terms = terms_of(page.look(value.args[0]))
    for t in terms:
        inner = page.look(t)
        if is_masked(inner) and isinstance(inner, Call) and inner.args[0] is bracket("≠", w, ZERO):
            return mul(call("exp", add(inner.args[1], *(u for u in terms if u is not t))), w)
    return None


def unscaled(page: Looks, e: Expr) -> tuple[Expr, Expr] | None:
    """``Σ_i w_i exp(s_i - k)``, or some terms of this kind, as exp(k) were one, and k; None for anything else."""
    total = page.look(e)
    indices = total.indices if isinstance(total, Sum) else ()
    found: list[tuple[Expr, Expr]] = []
    for term in terms_of(total.body if isinstance(total, Sum) else total):
        value = page.look(term)
        factors = value.factors if isinstance(value, Mul) else (term,)
        powers = [(f, e.args[0]) for f in factors if isinstance(e := page.look(f), Call) and e.function == "exp"]
        if len(powers) != 1:
            return None
        ((power, exponent),) = powers
        rest = terms_of(page.look(exponent))
        k = next((m for t in rest if (m := negate(t)).free.isdisjoint(indices) and page.is_shift(m)), None)
        if k is None:
            return None
        bare_power = call("exp", add(*(t for t in rest if negate(t) is not k)))
        found.append((mul(*(bare_power if f is power else f for f in factors)), k))
    if not found or any(k is not found[0][1] for _, k in found):
        return None
    body = add(*(t for t, _ in found))
    return (sum_over(indices, body) if indices else body), found[0][1]


def log_of_size(page: Looks, e: Expr) -> tuple[Expr, Expr] | None:
    """Of ``log(abs(q))``, or ``log(q)``, where q is a sum of exponentials less k: q without k, and k."""
    if not (isinstance(e, Call) and e.function == "log"):
        return None
    q = page.look(e.args[0])
    return unscaled(page, q.args[0] if isinstance(q, Call) and q.function == "abs" else q)
