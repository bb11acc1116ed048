"""Logarithms, roots, σ, powers and turns: the laws that look at the form of an argument.

In: an argument in canonical form. Out: the function of it, by fewer functions or of a simpler argument.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tensorprop.check.prove.monomials import positive
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
from tensorprop.core.expr import Add, Call, Expr, Mul, Number, Sum
from tensorprop.core.terms import base_and_exponent, factors_of, number_and_rest, terms_of

__all__ = ["logarithm", "logistic", "quarter_turns", "root", "symbolic_power"]


def logistic(x: Expr) -> Expr:
    """``σ(-x) = 1 - σ(x)``; σ of a logarithm by what it means, so that the two meet."""
    if any(_log_term(t) for t in terms_of(x)):
        return power(add(ONE, call("exp", negate(x))), MINUS_ONE)
    if leading(x) < 0:
        return subtract(ONE, call("sigmoid", canonical(negate(x))))
    return call("sigmoid", x)


def root(x: Expr, n: Fraction) -> Expr:
    """``√(x² y) = |x| √y``; what is positive, and even powers, stand alone under their root."""
    out: list[Expr] = []
    kept: list[Expr] = []
    for f in factors_of(x):
        match f:
            case Call("power", (base, Number(m))) if m.denominator == 1 and m.numerator % 2 == 0 and not base.binds:
                size = add(mul(number(2), base, bracket(">", base, ZERO)), negate(base))
                out.append(power(size, number(m * n)))
            case _ if isinstance(x, Mul) and positive(f):
                out.append(power(f, number(n)))
            case _:
                kept.append(f)
    return mul(*out, power(mul(*kept), number(n))) if out else power(x, number(n))


def _log_term(t: Expr) -> bool:
    parts = factors_of(t)
    logs = [f for f in parts if isinstance(f, Call) and f.function in ("log", "arcsinh", "arccosh", "arctanh")]
    return len(logs) == 1 and all(isinstance(f, Number) for f in parts if f is not logs[0])


def logarithm(x: Expr) -> Expr:
    """``log(exp(a) b^n c) = a + n log b + log c``: where the left side is real, so is the right."""
    if isinstance(x, Number):
        return _log_of_number(x.value)
    if isinstance(x, Add):
        if ONE in x.terms and len(x.terms) == 2:
            match x.terms[1 - x.terms.index(ONE)]:
                case Mul((Number(value), Call("sigmoid", (y,)))) if value == -1:  # log(1 - σ(y)) = -log(1 + exp(y))
                    return negate(call("log", add(ONE, call("exp", y))))
                case _:
                    pass
        taken = _common_factors(x)
        if taken is ONE:
            return call("log", x)
        return add(call("log", divide(x, taken)), call("log", taken))
    if isinstance(x, Sum):
        groups = _groups(x)
        if sum(not positive(g, or_zero=True) for g in groups) > 1 or len(groups) == 1:
            return call("log", x)
        return add(*(call("log", g) for g in groups))
    out: list[Expr] = []
    kept: list[Expr] = []
    for f in factors_of(x):
        base, n = (f.args[0], f.args[1]) if isinstance(f, Call) and f.function == "power" else (f, ONE)
        if isinstance(base, Call) and base.function == "exp":
            out.append(mul(n, base.args[0]))
        elif isinstance(base, Call) and base.function == "sigmoid":
            out.append(mul(n, add(base.args[0], negate(call("log", add(ONE, call("exp", base.args[0])))))))
        elif isinstance(n, Number) and n is not ONE and (n.value.denominator % 2 == 0 or positive(base)):
            out.append(mul(n, call("log", base)))
        elif isinstance(x, Mul) and positive(f, or_zero=True):
            out.append(call("log", f))
        else:
            kept.append(f)
    if len(kept) == 1:  # the others are positive, so this one is
        match kept[0]:
            case Call("power", (base, Number(n))) if n.denominator == 1 and n.numerator % 2:
                return add(*out, mul(number(n), call("log", base)))
            case _:
                pass
    return add(*out, call("log", mul(*kept))) if kept else add(*out)


def _log_of_number(value: Fraction) -> Expr:
    """``log(12) = 2 log(2) + log(3)``; a factor that is too long to be found stays whole."""
    if value <= 0 or value == 1 or max(value.numerator, value.denominator) > 1 << 4096:
        return call("log", number(value)) if value != 1 else ZERO
    out: list[Expr] = []
    for n, sign in ((value.numerator, 1), (value.denominator, -1)):
        for q in (2, 3, *range(5, _TRIED, 2)):
            times = 0
            while n % q == 0:
                n, times = n // q, times + 1
            if times:
                out.append(mul(number(sign * times), call("log", number(q))))
        if n > 1:
            out.append(mul(number(sign), call("log", number(n))))
    return add(*out)


_TRIED = 200  # divisors that are tried


def _groups(x: Sum) -> list[Expr]:
    """``Σ_ij f_i g_j h`` as Σ_i f_i, Σ_j g_j and h."""
    factors = list(x.body.factors) if isinstance(x.body, Mul) else [x.body]
    groups: list[tuple[frozenset[str], list[Expr]]] = []
    for f in factors:
        letters, together = f.free & frozenset(x.indices), [f]
        apart: list[tuple[frozenset[str], list[Expr]]] = []
        for known, members in groups:
            if letters.isdisjoint(known) and (letters or known):
                apart.append((known, members))
            else:
                letters, together = letters | known, [*members, *together]
        groups = [*apart, (letters, together)]
    return [sum_over([i for i in x.indices if i in letters], mul(*members)) for letters, members in groups]


def _common_factors(x: Add) -> Expr:
    """What is positive, with the least power in which the terms have it: ``2 exp(x) + 2 exp(w) exp(x)`` has 2 exp(x),
    ``1 + exp(x)^-1`` has ``exp(x)^-1``. The first term is left without a number."""
    least: dict[Expr, Fraction] = {}
    counts: dict[Expr, int] = {}
    for t in x.terms:
        for f in factors_of(t):
            base, n = base_and_exponent(f)
            if not isinstance(base, Number) and positive(base):
                least[base] = min(least.get(base, n), n)
                counts[base] = counts.get(base, 0) + 1
    found = {b: n if counts[b] == len(x.terms) else min(n, Fraction(0)) for b, n in least.items()}
    return mul(number(abs(leading(x))), *(power(b, number(n)) for b, n in found.items() if n))


def quarter_turns(name: str, x: Expr, normal: Callable[[Expr], Expr]) -> Expr | None:
    """``sin(x + π) = -sin(x)``, ``cos(x + π / 2) = -sin(x)``, ``sin(π / 6) = 1/2``."""
    turns = ((*number_and_rest(t), t) for t in terms_of(x))
    found = [(c, t) for c, rest, t in turns if isinstance(rest, Call) and rest.function == "pi"]
    if not found:
        return None
    c, turn = found[0]
    rest = subtract(x, turn)
    if (2 * c).denominator == 1 or x is turn:
        k, left = divmod(2 * c, 1)
        angle = add(rest, mul(number(left / 2), call("pi")))
        back = {
            "sin": (("sin", 1), ("cos", 1), ("sin", -1), ("cos", -1)),
            "cos": (("cos", 1), ("sin", -1), ("cos", -1), ("sin", 1)),
        }
        f, sign = back[name][int(k) % 4]
        if x is turn and left in _ANGLES:
            square = _ANGLES[left] if f == "sin" else 1 - _ANGLES[left]
            return mul(number(sign), power(number(square), number(Fraction(1, 2))) if square else ZERO)
        return None if k == 0 else mul(number(sign), call(f, normal(angle)))
    return None


_ANGLES = {Fraction(k, 6): Fraction(n, 4) for k, n in ((0, 0), (2, 1), (3, 2), (4, 3))}
"""The square of the sine of so many right angles."""


def symbolic_power(x: Expr, w: Expr) -> Expr:
    """``(x^a)^w = x^{a w}`` and ``(x y)^w = x^w y^w`` for positive x, ``x^{w + 2} = x² x^w``."""
    match x:
        case Call("power", (base, a)) if positive(base):
            return call("power", base, mul(a, w))
        case Mul(factors) if any(positive(f) for f in factors):
            apart = [f for f in factors if positive(f)]
            rest = [f for f in factors if f not in apart]
            return mul(*(call("power", f, w) for f in apart), call("power", mul(*rest), w) if rest else ONE)
        case _:
            pass
    if isinstance(w, Add) and any(isinstance(t, Number) for t in w.terms):
        c = next(t for t in w.terms if isinstance(t, Number))
        return mul(power(x, c), call("power", x, subtract(w, c)))
    return call("power", x, w)
