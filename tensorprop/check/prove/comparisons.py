"""Comparisons of numbers: brought to ``[d > 0]`` and ``[d = 0]`` of few d, and what holds at ties and on a line.

In: brackets, and products and sums with brackets in them, on canonical forms. Out: the same by fewer brackets.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction

from tensorprop.check.prove.monomials import (
    exponent,
    is_about_indices,
    is_exponential,
    monomial,
    positive,
    put_for,
    quotient_of,
    sign_like,
)
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    bracket,
    call,
    divide,
    mul,
    negate,
    number,
    power,
    subtract,
    sum_over,
)
from tensorprop.core.canon import canonical, leading
from tensorprop.core.expr import Add, Bracket, Call, Expr, Mul, Number, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.terms import factors_of, number_and_rest, terms_of
from tensorprop.core.walk import postorder

__all__ = ["at_a_tie", "case_of", "comparison", "modulo_a_tie", "on_a_line", "split_by"]


def comparison(b: Bracket, normal: Callable[[Expr], Expr]) -> Expr:
    """``[a ≥ b]`` by ``[d > 0]`` and ``[d = 0]`` for d = a - b, its first coefficient 1."""
    if is_about_indices(b):
        return b
    d = normal(subtract(b.left, b.right))
    if isinstance(d, Number):
        return bracket(b.relation, d, ZERO)
    case = case_of(d)
    if case is not None:
        return split_by(case, lambda e: Bracket(b.relation, e, ZERO), d)
    more, tie = _sign(d, normal)
    return {
        ">": more,
        "=": tie,
        "≠": subtract(ONE, tie),
        "≥": add(more, tie),
        "<": subtract(subtract(ONE, more), tie),
        "≤": subtract(ONE, more),
    }[b.relation]


Sign = tuple[Expr, Expr]
"""``[d > 0]`` and ``[d = 0]``."""


def _sign(d: Expr, normal: Callable[[Expr], Expr]) -> Sign:
    """When a canonical expression is positive, and when it is 0, by brackets of simpler ones."""
    if isinstance(d, Number):
        return bracket(">", d, ZERO), bracket("=", d, ZERO)
    c = leading(d)
    if c != 1:
        more, tie = _sign(normal(mul(number(1 / c), d)), normal)
        return (more, tie) if c > 0 else (subtract(subtract(ONE, more), tie), tie)
    if positive(d):
        return ONE, ZERO
    if isinstance(d, (Mul, Call, Sum)):
        _, powers, core = monomial(d)
        core = normal(core)
        factors = [power(f, number(n)) for f, n in powers.items()] + ([core] if core is not ONE else [])
        parts = [f for f in factors if not positive(f)]
        if len(parts) == 1 and parts[0] is not core:
            return _sign_of_factor(parts[0], normal)
        if 1 < len(parts) <= _FACTORS:
            return _sign_of_product([_sign_of_factor(f, normal) for f in parts])
        d = mul(*parts)
    if isinstance(d, Add) and (simpler := _without_functions(d, normal)) is not None:
        return simpler
    more, tie = _opaque(d)
    return (subtract(ONE, tie), tie) if positive(d, or_zero=True) else (more, tie)


_FACTORS = 3  # factors up to which the sign of a product is that of each


def _opaque(d: Expr) -> Sign:
    return Bracket(">", d, ZERO), canonical(Bracket("=", d, ZERO))


def _sign_of_factor(f: Expr, normal: Callable[[Expr], Expr]) -> Sign:
    """The sign of x^n by that of x."""
    match f:
        case Call("power", (base, Number(n))):
            more, tie = _sign(base, normal)
            odd = n.denominator % 2 and n.numerator % 2
            return (more, tie) if odd else (subtract(ONE, tie), tie)  # a root is real where its base is not negative
        case Call():
            return _sign_of_one(f, normal)
        case _:
            return _sign(f, normal) if isinstance(f, Add) else _opaque(f)


def _sign_of_product(signs: list[Sign]) -> Sign:
    """sign(x w) = sign(x) sign(w)."""
    sign = mul(*(add(mul(number(2), more), tie, MINUS_ONE) for more, tie in signs))
    there = mul(*(subtract(ONE, tie) for _, tie in signs))
    return mul(number(Fraction(1, 2)), add(there, sign)), subtract(ONE, there)


def _sign_of_one(f: Call, normal: Callable[[Expr], Expr]) -> Sign:
    """``log(x) > 0`` where x > 1, and the sign of erf(x) is that of x."""
    if f.function == "log":
        return _sign(normal(subtract(f.args[0], ONE)), normal)
    if sign_like(f.function, "sign(x)"):
        return _sign(f.args[0], normal)
    return _opaque(f)


def _without_functions(d: Add, normal: Callable[[Expr], Expr]) -> Sign | None:
    """``exp(x) > c exp(w)`` where x > w + log(c); σ(x) > c where x > log(c / (1 - c)); f(x) > f(w) where f rises."""
    if len(d.terms) != 2:
        return None
    one, other = d.terms
    ratio = normal(negate(divide(other, one)))  # d = one (1 - ratio)
    head = leading(ratio)
    parts = [f for f in factors_of(ratio) if not isinstance(f, Number)]
    if all(is_exponential(f) for f in parts):
        if head < 0:
            return _sign(one, normal)
        below = normal(negate(add(call("log", number(head)), *(exponent(f) for f in parts))))
        return _sign_of_product([_sign(one, normal), _sign(below, normal)])
    for (c, f), (k, g) in itertools.permutations([number_and_rest(one), number_and_rest(other)]):
        if not (isinstance(f, Call) and len(f.args) == 1 and f.function in FUNCTIONS and FUNCTIONS[f.function].rises):
            continue
        x = f.args[0]
        if isinstance(g, Call) and g.function == f.function and c == -k:
            inner = subtract(x, g.args[0])
        elif g is ONE and f.function == "sigmoid":
            at = -k / c
            if not 0 < at < 1:
                return (ZERO, ZERO) if (c > 0) == (at >= 1) else (ONE, ZERO)
            inner = subtract(x, call("log", number(at / (1 - at))))
        else:
            continue
        return _sign(normal(inner if c > 0 else negate(inner)), normal)
    return None


def case_of(e: Expr) -> Bracket | None:
    """A comparison of numbers that a term of ``e`` has as a factor, or a term of what is raised to a power there."""
    stack, steps = [e], 0
    while stack and steps < _LOOKED_AT:
        n = stack.pop()
        steps += 1
        if isinstance(n, Bracket):
            if not is_about_indices(n):
                return n
        elif isinstance(n, (Add, Mul)):
            stack.extend(n.children)
        elif isinstance(n, Call) and n.function == "power":
            stack.append(n.args[0])
    return None


_LOOKED_AT = 64


def split_by(case: Bracket, f: Callable[[Expr], Expr], e: Expr) -> Expr:
    """``f(e) = [x > 0] f(e where x > 0) + (1 - [x > 0]) f(e elsewhere)``."""
    yes, no = (put_for(e, case, value) for value in (ONE, ZERO))
    return add(mul(case, f(yes)), mul(subtract(ONE, case), f(no)))


def on_a_line(n: Mul, normal: Callable[[Expr], Expr]) -> Expr | None:
    """``[x > 1] [x > 0] = [x > 1]``, ``[x > 0] [x < 1] = [x > 0] + [x < 1] - 1``: two thresholds of one number."""
    found: list[tuple[Expr, Fraction, str, Bracket]] = []
    for b in n.factors:
        if isinstance(b, Bracket) and b.relation in ">=" and ZERO in (b.left, b.right) and not is_about_indices(b):
            d = b.left if b.right is ZERO else b.right
            terms = d.terms if isinstance(d, Add) else ()
            start = next((t.value for t in terms if isinstance(t, Number)), Fraction(0))
            x = normal(subtract(d, number(start)))
            c = leading(x)
            x = normal(mul(number(1 / c), x))
            found.append((x, -start / c, "=" if b.relation == "=" else ">" if c > 0 else "<", b))
    for x in dict.fromkeys(line for line, *_ in found):
        here = [f for f in found if f[0] is x]
        if len(here) > 1:
            met = _between(here)
            return met if met is ZERO else mul(*(f for f in n.factors if all(f is not b for *_, b in here)), met)
    return None


def _between(thresholds: Sequence[tuple[Expr, Fraction, str, Bracket]]) -> Expr:
    """The product of thresholds of one number, all at once: a point, or what lies above one and below another."""
    points = {s: b for _, s, way, b in thresholds if way == "="}
    low = max(((s, b) for _, s, way, b in thresholds if way == ">"), key=lambda f: f[0], default=None)
    high = min(((s, b) for _, s, way, b in thresholds if way == "<"), key=lambda f: f[0], default=None)
    if points:
        (at, point), *others = points.items()
        inside = not others and (low is None or at > low[0]) and (high is None or at < high[0])
        return point if inside else ZERO
    if low is None or high is None:
        return next(f[1] for f in (low, high) if f is not None)
    return subtract(add(low[1], high[1]), ONE) if low[0] < high[0] else ZERO


def at_a_tie(n: Mul, normal: Callable[[Expr], Expr]) -> Expr:
    """``x [x = w] = w [x = w]``: beside ``[d = 0]`` an entry that d is solved for is put away, and with it the product
    where it is no number, such as ``[x = 0] / x``."""
    for b in n.factors:
        if not (isinstance(b, Bracket) and b.relation == "=" and ZERO in (b.left, b.right)) or is_about_indices(b):
            continue
        d = b.left if b.right is ZERO else b.right
        others = [f for f in n.factors if f is not b]
        bare = number_and_rest(d)[1]
        if any(_is_no_number(f, lambda e, d=d, bare=bare: e is d or number_and_rest(e)[1] is bare) for f in others):
            return ZERO
        found = _solved(d)
        if found is None and not isinstance(d, Sum):
            continue
        entry, value = found or (d, ZERO)
        if any(entry.free & f.binds for f in others):  # a letter of the same name further in is another one
            continue
        if any(entry in postorder(f) for f in others):
            others = [put_for(f, entry, value) for f in others]
            if any(_is_no_number(f, lambda e: normal(e) is ZERO) for f in others):
                return ZERO
            return mul(*others, b)
    return modulo_a_tie(n, normal)


def _is_no_number(f: Expr, vanishes: Callable[[Expr], bool]) -> bool:
    """Whether ``f`` is 1/x or log(x), to any power, for an x that vanishes."""
    match f:
        case Call("power", (Call("log", (x,)), Number())) | Call("log", (x,)):
            return vanishes(x)
        case Call("power", (x, Number(n))) if n < 0:
            return vanishes(x)
        case _:
            return False


def modulo_a_tie(e: Sum | Mul, normal: Callable[[Expr], Expr]) -> Expr:
    """``x w [x w = 1] = [x w = 1]``: beside ``[d = 0]`` the largest monomial of d is put away."""
    letters, body = (e.indices, e.body) if isinstance(e, Sum) else ((), e)
    factors = body.factors if isinstance(body, Mul) else ()
    for b in factors:
        if not (isinstance(b, Bracket) and b.relation == "=" and ZERO in (b.left, b.right)) or is_about_indices(b):
            continue
        d = b.left if b.right is ZERO else b.right
        if not isinstance(d, Add):
            continue
        monomials = [monomial(t) for t in d.terms]
        k = max(range(len(monomials)), key=lambda k: monomials[k].degree)
        if not monomials[k].degree:
            continue
        inner = [i for i in letters if i not in b.free]
        whole = monomial(sum_over(inner, mul(*(f for f in factors if f is not b))))
        rest = quotient_of(whole, monomials[k], normal)
        if rest is not None:
            others = add(*(t for t in d.terms if t is not d.terms[k]))
            product = mul(number(-1 / monomials[k].number), rest, others, b)
            return sum_over([i for i in letters if i in b.free], product)
    return e


def _solved(d: Expr) -> tuple[Tensor, Expr] | None:
    """``d = 0`` solved for an entry that stands in one term, alone but for a number."""
    terms = terms_of(d)
    for t in terms:
        c, entry = (t.factors[0], t.factors[1:]) if isinstance(t, Mul) else (ONE, (t,))
        if len(entry) != 1 or not isinstance(entry[0], Tensor) or not isinstance(c, Number):
            continue
        others = add(*(u for u in terms if u is not t))
        if all(n is not entry[0] for n in postorder(others)):
            return entry[0], mul(number(-1 / c.value), others)
    return None
