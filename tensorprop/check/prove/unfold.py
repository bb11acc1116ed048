"""What elementwise functions have to do with one another: laws in the notation, and how they bring a form about.

In: an expression. Out: an equal one over fewer functions. The many elementwise functions become few: exp, log, σ, sin,
cos, erf, powers, and of all comparisons only ``[x > 0]`` and ``[x = 0]``, so that ``1 - tanh²``, ``cosh⁻²`` and
``4 σ (1 - σ)`` meet. Every law goes from left to right and ends: what stands on the right is nearer to the few. Neither
sizes nor arrays are known here.

The laws hold wherever both sides are real numbers; at ties of comparisons, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import NamedTuple

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
    reduce,
    subtract,
    sum_over,
)
from tensorprop.core.canon import canonical, leading
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, read, watch
from tensorprop.core.templates import meaning
from tensorprop.core.terms import base_and_exponent, factors_of, number_and_rest, terms_of
from tensorprop.core.walk import inline, postorder, transform
from tensorprop.text import parse_expression

__all__ = ["COMPOSED", "RELATIONS", "Law", "is_odd", "settled", "unfolded"]


class Law(NamedTuple):
    """``left == right`` over numbers x, w and a condition c; ``where`` says for which x, anywhere if it is empty."""

    text: str
    where: str = ""

    @property
    def sides(self) -> tuple[str, str]:
        """The two sides of the text."""
        left, _, right = self.text.partition(" == ")
        return left, right


RELATIONS: tuple[Law, ...] = (
    # of one function with itself
    Law("σ(-x) == 1 - σ(x)"),
    Law("tanh(-x) == -tanh(x)"),
    Law("erf(-x) == -erf(x)"),
    Law("sin(-x) == -sin(x)"),
    Law("cos(-x) == cos(x)"),
    Law("arctan(-x) == -arctan(x)"),
    Law("exp(x) exp(w) == exp(x + w)"),
    Law("exp(-x) == 1 / exp(x)"),
    Law("exp(x)^2 == exp(2 x)"),
    Law("sqrt(x)^2 == x", "x > 0"),
    Law("sqrt(x²) == abs(x)"),
    Law("sqrt(x) sqrt(w) == sqrt(x w)", "x > 0"),
    Law("x / sqrt(x) == sqrt(x)", "x > 0"),
    Law("rsqrt(x)³ == rsqrt(x) / x", "x > 0"),
    Law("x^{w + 1} == x x^w", "x > 0"),
    Law("sign(x)² == 1 - [x = 0]"),
    # of two
    Law("sin(x)² + cos(x)² == 1"),
    Law("cosh(x)² - sinh(x)² == 1"),
    Law("tanh(x) == sinh(x) / cosh(x)"),
    Law("tanh(x) == (exp(2 x) - 1) / (exp(2 x) + 1)"),
    Law("1 - tanh(x)² == 1 / cosh(x)²"),
    Law("1 - tanh(x)² == 4 σ(2 x) (1 - σ(2 x))"),
    Law("1 + tan(x)² == 1 / cos(x)²"),
    Law("sin(x + w) == sin(x) cos(w) + cos(x) sin(w)"),
    Law("cos(2 x) == 1 - 2 sin(x)²"),
    Law("sin(x + π) == -sin(x)"),
    Law("sin(π / 2 - x) == cos(x)"),
    Law("cos(x + 2 π) == cos(x)"),
    Law("sinh(2 x) == 2 sinh(x) cosh(x)"),
    Law("σ(x) == 1 / (1 + exp(-x))"),
    Law("σ(x) == exp(x) / (1 + exp(x))"),
    Law("σ(x) == 1/2 (1 + tanh(x / 2))"),
    Law("exp(x) σ(-x) == σ(x)"),
    Law("log(σ(x)) == -softplus(-x)"),
    Law("log(1 - σ(x)) == -softplus(x)"),
    Law("softplus(x) - softplus(-x) == x"),
    Law("exp(softplus(x)) == 1 + exp(x)"),
    Law("exp(-softplus(x)) == σ(-x)"),
    Law("tanh(softplus(x)) == ((1 + exp(x))² - 1) / ((1 + exp(x))² + 1)"),
    Law("log(exp(x)) == x"),
    Law("log(4) == 2 log(2)"),
    Law("log(2 + 2 x²) == log(2) + log(1 + x²)"),
    Law("exp(w log(x)) == x^w", "x > 0"),
    Law("exp(x)^w == exp(w x)"),
    Law("x^w log(x + [x = 0]) == x^w log(x)", "x > 0"),
    Law("log(1 / x) == -log(x)", "x > 0"),
    Law("log(sqrt(x)) == 1/2 log(x)", "x > 0"),
    Law("exp(log(x)) == x", "x > 0"),
    Law("exp(1/2 log(x)) == sqrt(x)", "x > 0"),
    # with comparisons
    Law("[x > 0] + [x ≤ 0] == 1"),
    Law("[x > w] + [x < w] + [x = w] == 1"),
    Law("[x ≥ w] == 1 - [x < w]"),
    Law("[x ≠ w] == 1 - [x = w]"),
    Law("[2 x > 0] == [x > 0]"),
    Law("[-x > 0] == [x < 0]"),
    Law("x [x = 0] == 0"),
    Law("x [x = w] == w [x = w]"),
    Law("x [x ≥ 0] == x [x > 0]"),
    Law("[x > 1] [x > 0] == [x > 1]"),
    Law("[x > 1] [x < 0] == 0"),
    Law("[x < 1] [x > 0] == [x < 1] - [x ≤ 0]"),
    Law("[abs(x) ≤ 1] == [x ≤ 1] - [x < -1]"),
    Law("max(-1, min(1, x)) == x [abs(x) ≤ 1] + sign(x) [abs(x) > 1]"),
    Law("min(max(x, 0), 1) == relu(x) - relu(x - 1)"),
    Law("relu(x) == max(x, 0)"),
    Law("relu(x) == 1/2 (x + abs(x))"),
    Law("relu(x)² == x² [x > 0]"),
    Law("relu(x) - relu(-x) == x"),
    Law("abs(x) == x sign(x)"),
    Law("abs(x)² == x²"),
    Law("max(x, w) + min(x, w) == x + w"),
    Law("max(x, w) == 1/2 (x + w + abs(x - w))"),
    Law("max(x, w) == max(w, x)"),
    Law("max(-x, -w) == -min(x, w)"),
    Law("where(c, x, w) == [c ≠ 0] x + [c = 0] w"),
    Law("exp(min(x, 0)) == [x > 0] + [x ≤ 0] exp(x)"),
    Law("where([x > 0], w, c) == [x > 0] w + [x ≤ 0] c"),
    Law("[tanh(x) > 0] == [x > 0]"),
    Law("[relu(x) > 0] == [x > 0]"),
    Law("[x exp(w) > 0] == [x > 0]"),
    Law("[exp(x) > 1] == [x > 0]"),
    Law("[exp(x) > exp(w)] == [x > w]"),
    Law("[x w > 0] == [x > 0] [w > 0] + [x < 0] [w < 0]"),
    Law("sign(x w) == sign(x) sign(w)"),
    Law("abs(x w) == abs(x) abs(w)"),
    Law("relu(x w - 1) [x w = 1] == 0"),
    Law("max(exp(x), exp(w)) == exp(max(x, w))"),
    Law("max(x, max(w, c)) == max(max(c, x), w)"),
    Law("sign(softsign(x)) == sign(x)"),
    Law("abs(softsign(x)) == 1 - 1 / (1 + abs(x))"),
)
"""What follows: each is proved by what functions mean, by the canonical form, and by identity testing."""

COMPOSED: tuple[Law, ...] = (
    Law("sin(arcsin(x)) == x", "|x| < 1"),
    Law("cos(arccos(x)) == x", "|x| < 1"),
    Law("sin(arccos(x)) == sqrt(1 - x²)", "|x| < 1"),
    Law("cos(arcsin(x)) == sqrt(1 - x²)", "|x| < 1"),
    Law("sin(arctan(x)) == x rsqrt(1 + x²)"),
    Law("cos(arctan(x)) == rsqrt(1 + x²)"),
    Law("exp(arcsinh(x)) == x + sqrt(1 + x²)"),
    Law("exp(arccosh(x)) == x + sqrt(x - 1) sqrt(x + 1)", "x > 1"),
    Law("exp(arctanh(x)) == sqrt(1 + x) rsqrt(1 - x)", "|x| < 1"),
)
"""A function of the inverse of another one."""


@cache
def _composed() -> dict[tuple[str, str], Expr]:
    found: dict[tuple[str, str], Expr] = {}
    for law in COMPOSED:
        left, right = map(parse_expression, law.sides)
        assert isinstance(left, Call) and isinstance(left.args[0], Call)
        found[left.function, left.args[0].function] = right
    return found


@cache
def _meanings() -> dict[str, tuple[tuple[str, ...], Expr]]:
    """For every function that is unfolded: the letters of its arguments, and what it is, in functions that stay."""
    found = {name: (row.arguments, read(row.unfolds)) for name, row in FUNCTIONS.items() if row.unfolds}
    for _ in found:  # mish is tanh(softplus(x)), and both have meanings
        for name, (letters, right) in found.items():
            found[name] = letters, transform(right, lambda n: _meant(n, found))
        rest = (n for _, right in found.values() for n in postorder(right))
        if not any(isinstance(n, Call) and n.function in found for n in rest):
            break
    return found


watch(_meanings.cache_clear)


def _sign_like(f: str, sign: str) -> bool:
    """Whether the sign of f(x) is this, by its row."""
    return f in FUNCTIONS and FUNCTIONS[f].sign == sign


def _like_step(f: str) -> bool:
    return _sign_like(f, "[x > 0]")


def _is(f: str, parity: str) -> bool:
    return f in FUNCTIONS and FUNCTIONS[f].parity == parity


def is_odd(f: str) -> bool:
    """Whether f(-x) = -f(x)."""
    return _is(f, "odd")


def _signed(n: Expr) -> Expr:
    """The sign of tanh(x) and the like is that of x; ``|tanh(x)| = tanh(|x|)``; relu(x) > 0 where x is."""
    match n:
        case Call("sign", (Call(f, (x,)),)) if _like_step(f):
            return bracket(">", x, ZERO)
        case Call("sign", (Call(f, (x,)),)) if _sign_like(f, "sign(x)"):
            return call("sign", x)
        case Call("abs", (Call(f, (x,)),)) if is_odd(f) and _sign_like(f, "sign(x)"):
            return call(f, call("abs", x))
        case Call("abs", (Call("abs", _) as x,)):
            return x
        case Bracket(">" | "≠" | "≤" | "=" as relation, Call(f, (x,)), right) if right is ZERO and _like_step(f):
            return bracket(">" if relation in ">≠" else "≤", x, ZERO)
        case Bracket(relation, Call(f, (x,)), right) if right is ZERO and _sign_like(f, "sign(x)"):
            return bracket(relation, x, ZERO)
        case _:
            return n


def _meant(n: Expr, meanings: Mapping[str, tuple[tuple[str, ...], Expr]]) -> Expr:
    if not (isinstance(n, Call) and n.function in meanings):
        return n
    letters, right = meanings[n.function]
    return inline(right, {i: ((), a) for i, a in zip(letters, n.args, strict=True)})


def unfolded(e: Expr) -> Expr:
    """Functions, means and normalisers by their meaning; each node once, so that shared ones stay shared."""
    meanings = _meanings()

    done: dict[Expr, Expr] = {}

    def rule(n: Expr) -> Expr:
        if isinstance(n, Reduce):
            simpler = meaning(n, n.body, n.at)
            return n if simpler is None else transform(simpler, rule, done)  # a variance is a mean of means
        return _meant(n, meanings)

    return transform(transform(e, _signed), rule, done)


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


# --------------------------------------------------------------------------- on canonical forms
def settled(e: Expr, normal: Callable[[Expr], Expr]) -> Expr:
    """The canonical form of an unfolded expression, the laws that need canonical arguments applied until none does."""
    for _ in range(_ROUNDS):
        e = normal(e)
        new = transform(e, lambda n: _settle(n, normal))
        if new is e:
            break
        e = new
    return e


_ROUNDS = 12


def _settle(n: Expr, normal: Callable[[Expr], Expr]) -> Expr:
    if isinstance(n, Call):
        cases = [(k, case) for k, a in enumerate(n.args) if (case := _case(a)) is not None]
        if cases and not _is_whole_power(n):
            k, case = cases[0]
            return _split(case, lambda e: call(n.function, *n.args[:k], e, *n.args[k + 1 :]), n.args[k])
    match n:
        case Bracket():
            return _comparison(n, normal)
        case Mul():
            return _on_a_line(n, normal) or _at_a_tie(n, normal)
        case Sum():
            return _modulo_a_tie(n, normal)
        case Reduce("max" | "min", indices, body):
            return _extremum(n.op, indices, body, normal)
        case Call("log", (x,)):
            return _logarithm(x)
        case Call("sin" | "cos" as name, (x,)) if (turned := _quarter_turns(name, x, normal)) is not None:
            return turned
        case Call(f, (Call(g, (x,)),)) if (f, g) in _composed():
            return inline(_composed()[f, g], {"x": ((), x)})
        case Call("sigmoid", (x,)):
            return _logistic(x)
        case Call("power", (x, Add(terms) as w)) if any(isinstance(t, Number) for t in terms):
            c = next(t for t in terms if isinstance(t, Number))
            return mul(power(x, c), call("power", x, subtract(w, c)))  # x^{w + 2} = x² x^w
        case Call("power", (x, w)) if not isinstance(w, Number):
            return _symbolic_power(x, w)
        case Call("power", (x, Number(w))) if w.denominator % 2 == 0:
            return _root(x, w)
        case Call(name, (x,)) if is_odd(name) or _is(name, "even"):
            if leading(x) < 0:
                turned = call(name, normal(negate(x)))
                return negate(turned) if is_odd(name) else turned
            return n
        case _:
            return n


def _is_whole_power(n: Call) -> bool:
    """Whether ``n`` is x², x³ …, which the canonical form multiplies out."""
    exponent = n.args[1] if n.function == "power" else None
    return isinstance(exponent, Number) and exponent.value.denominator == 1 and exponent.value > 0


def _comparison(b: Bracket, normal: Callable[[Expr], Expr]) -> Expr:
    """``[a ≥ b]`` by ``[d > 0]`` and ``[d = 0]`` for d = a - b, its first coefficient 1."""
    if is_about_indices(b):
        return b
    d = normal(subtract(b.left, b.right))
    if isinstance(d, Number):
        return bracket(b.relation, d, ZERO)
    case = _case(d)
    if case is not None:
        return _split(case, lambda e: Bracket(b.relation, e, ZERO), d)
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
    if _positive(d):
        return ONE, ZERO
    if isinstance(d, (Mul, Call, Sum)):
        _, powers, core = _monomial(d)
        core = normal(core)
        factors = [power(f, number(n)) for f, n in powers.items()] + ([core] if core is not ONE else [])
        parts = [f for f in factors if not _positive(f)]
        if len(parts) == 1 and parts[0] is not core:
            return _sign_of_factor(parts[0], normal)
        if 1 < len(parts) <= _FACTORS:
            return _sign_of_product([_sign_of_factor(f, normal) for f in parts])
        d = mul(*parts)
    if isinstance(d, Add) and (simpler := _without_functions(d, normal)) is not None:
        return simpler
    more, tie = _opaque(d)
    return (subtract(ONE, tie), tie) if _positive(d, or_zero=True) else (more, tie)


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
    if _sign_like(f.function, "sign(x)"):
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
    if all(_is_exponential(f) for f in parts):
        if head < 0:
            return _sign(one, normal)
        below = normal(negate(add(call("log", number(head)), *(_exponent(f) for f in parts))))
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


def _is_exponential(f: Expr) -> bool:
    match f:
        case Call("exp") | Call("power", (Call("exp"), Number())):
            return True
        case _:
            return False


def _exponent(f: Expr) -> Expr:
    """n x of exp(x)^n."""
    match f:
        case Call("exp", (x,)):
            return x
        case Call("power", (Call("exp", (x,)), n)):
            return mul(n, x)
        case _:
            return call("log", f)


def _case(e: Expr) -> Bracket | None:
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


def _split(case: Bracket, f: Callable[[Expr], Expr], e: Expr) -> Expr:
    """``f(e) = [x > 0] f(e where x > 0) + (1 - [x > 0]) f(e elsewhere)``."""
    yes, no = (put_for(e, case, value) for value in (ONE, ZERO))
    return add(mul(case, f(yes)), mul(subtract(ONE, case), f(no)))


def put_for(e: Expr, old: Expr, new: Expr) -> Expr:
    """``e`` with one node for another, wherever it stands."""
    return transform(e, lambda n: new if n is old else n)


def _on_a_line(n: Mul, normal: Callable[[Expr], Expr]) -> Expr | None:
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
    for (x, s, one, a), (y, t, other, b) in itertools.combinations(found, 2):
        if x is not y:
            continue
        rest = [f for f in n.factors if f is not a and f is not b]
        if one == other == "=":
            return ZERO
        if one == other:
            return mul(*rest, a if (s > t) == (one == ">") else b)
        if "=" in (one, other):
            at, point, way, edge = (s, a, other, t) if one == "=" else (t, b, one, s)
            return mul(*rest, point) if (at > edge if way == ">" else at < edge) else ZERO
        low, high = (s, t) if one == ">" else (t, s)
        return mul(*rest, subtract(add(a, b), ONE)) if low < high else ZERO
    return None


def _at_a_tie(n: Mul, normal: Callable[[Expr], Expr]) -> Expr:
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
    return _modulo_a_tie(n, normal)


def _is_no_number(f: Expr, vanishes: Callable[[Expr], bool]) -> bool:
    """Whether ``f`` is 1/x or log(x), to any power, for an x that vanishes."""
    match f:
        case Call("power", (Call("log", (x,)), Number())) | Call("log", (x,)):
            return vanishes(x)
        case Call("power", (x, Number(n))) if n < 0:
            return vanishes(x)
        case _:
            return False


def _modulo_a_tie(e: Sum | Mul, normal: Callable[[Expr], Expr]) -> Expr:
    """``x w [x w = 1] = [x w = 1]``: beside ``[d = 0]`` the largest monomial of d is put away."""
    letters, body = (e.indices, e.body) if isinstance(e, Sum) else ((), e)
    factors = body.factors if isinstance(body, Mul) else ()
    for b in factors:
        if not (isinstance(b, Bracket) and b.relation == "=" and ZERO in (b.left, b.right)) or is_about_indices(b):
            continue
        d = b.left if b.right is ZERO else b.right
        if not isinstance(d, Add):
            continue
        monomials = [_monomial(t) for t in d.terms]
        k = max(range(len(monomials)), key=lambda k: monomials[k].degree)
        if not monomials[k].degree:
            continue
        inner = [i for i in letters if i not in b.free]
        whole = _monomial(sum_over(inner, mul(*(f for f in factors if f is not b))))
        rest = _quotient(whole, monomials[k], normal)
        if rest is not None:
            others = add(*(t for t in d.terms if t is not d.terms[k]))
            product = mul(number(-1 / monomials[k].number), rest, others, b)
            return sum_over([i for i in letters if i in b.free], product)
    return e


class _Monomial(NamedTuple):
    """A term as a number, powers of what has none of its bound letters, and the sum of the rest."""

    number: Fraction
    powers: dict[Expr, Fraction]
    core: Expr

    @property
    def degree(self) -> Fraction:
        return sum(self.powers.values(), Fraction(self.core is not ONE))


def _monomial(t: Expr) -> _Monomial:
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
    return _Monomial(c, powers, sum_over(letters, mul(*core)) if core else ONE)


def _quotient(whole: _Monomial, part: _Monomial, normal: Callable[[Expr], Expr]) -> Expr | None:
    """``whole / (part / its number)``, where that is a monomial."""
    if any(m.denominator != 1 or m < 0 or whole.powers.get(a, Fraction(0)) < m for a, m in part.powers.items()):
        return None
    if part.core is not ONE and (whole.core is ONE or normal(part.core) is not normal(whole.core)):
        return None
    left = {a: m - part.powers.get(a, Fraction(0)) for a, m in whole.powers.items()}
    core = whole.core if part.core is ONE else ONE
    return mul(number(whole.number), core, *(power(a, number(m)) for a, m in left.items()))


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


def _logistic(x: Expr) -> Expr:
    """``σ(-x) = 1 - σ(x)``; σ of a logarithm by what it means, so that the two meet."""
    if any(_log_term(t) for t in terms_of(x)):
        return power(add(ONE, call("exp", negate(x))), MINUS_ONE)
    if leading(x) < 0:
        return subtract(ONE, call("sigmoid", canonical(negate(x))))
    return call("sigmoid", x)


def _root(x: Expr, n: Fraction) -> Expr:
    """``√(x² y) = |x| √y``; what is positive, and even powers, stand alone under their root."""
    out: list[Expr] = []
    kept: list[Expr] = []
    for f in factors_of(x):
        match f:
            case Call("power", (base, Number(m))) if m.denominator == 1 and m.numerator % 2 == 0 and not base.binds:
                size = add(mul(number(2), base, bracket(">", base, ZERO)), negate(base))
                out.append(power(size, number(m * n)))
            case _ if isinstance(x, Mul) and _positive(f):
                out.append(power(f, number(n)))
            case _:
                kept.append(f)
    return mul(*out, power(mul(*kept), number(n))) if out else power(x, number(n))


def _log_term(t: Expr) -> bool:
    parts = factors_of(t)
    logs = [f for f in parts if isinstance(f, Call) and f.function in ("log", "arcsinh", "arccosh", "arctanh")]
    return len(logs) == 1 and all(isinstance(f, Number) for f in parts if f is not logs[0])


def _logarithm(x: Expr) -> Expr:
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
        if sum(not _positive(g, or_zero=True) for g in groups) > 1 or len(groups) == 1:
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
        elif isinstance(n, Number) and n is not ONE and (n.value.denominator % 2 == 0 or _positive(base)):
            out.append(mul(n, call("log", base)))
        elif isinstance(x, Mul) and _positive(f, or_zero=True):
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
            if not isinstance(base, Number) and _positive(base):
                least[base] = min(least.get(base, n), n)
                counts[base] = counts.get(base, 0) + 1
    found = {b: n if counts[b] == len(x.terms) else min(n, Fraction(0)) for b, n in least.items()}
    return mul(number(abs(leading(x))), *(power(b, number(n)) for b, n in found.items() if n))


def _positive(e: Expr, or_zero: bool = False) -> bool:
    """Whether an expression is seen to be positive, or zero, for all arrays for which it is real."""
    done: dict[Expr, tuple[bool, bool]] = {}
    for n in postorder(e):
        below = [done[c] for c in n.children]
        match n:
            case Number(value):
                done[n] = value > 0, value >= 0
            case Dim():
                done[n] = True, True
            case Call(f, _) if _sign_like(f, "1"):
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


def _quarter_turns(name: str, x: Expr, normal: Callable[[Expr], Expr]) -> Expr | None:
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


def _symbolic_power(x: Expr, w: Expr) -> Expr:
    """``(x^a)^w = x^{a w}`` and ``(x y)^w = x^w y^w`` for positive x, ``x^{w + 2} = x² x^w``."""
    match x:
        case Call("power", (base, a)) if _positive(base):
            return call("power", base, mul(a, w))
        case Mul(factors) if any(_positive(f) for f in factors):
            apart = [f for f in factors if _positive(f)]
            rest = [f for f in factors if f not in apart]
            return mul(*(call("power", f, w) for f in apart), call("power", mul(*rest), w) if rest else ONE)
        case _:
            pass
    if isinstance(w, Add) and any(isinstance(t, Number) for t in w.terms):
        c = next(t for t in w.terms if isinstance(t, Number))
        return mul(power(x, c), call("power", x, subtract(w, c)))
    return call("power", x, w)


def _extremum(op: str, indices: tuple[str, ...], body: Expr, normal: Callable[[Expr], Expr]) -> Expr:
    """``min_i(x_i) = -max_i(-x_i)``, ``max_i(2 c x_i + w) = w + 2 c max_i(x_i)`` for positive c,
    ``max_i(exp(x_i)) = exp(max_i(x_i))``, ``max_i(max_j(x_ij)) = max_ij(x_ij)``."""
    if op == "min":
        return negate(reduce("max", indices, normal(negate(body))))
    inside = frozenset(indices)
    if body.free.isdisjoint(inside):
        return body
    if isinstance(body, Reduce) and body.op == "max":
        return reduce("max", (*indices, *body.indices), body.body)
    if isinstance(body, Add):
        apart = [t for t in body.terms if t.free.isdisjoint(inside)]
        if apart:
            return add(*apart, reduce("max", indices, add(*(t for t in body.terms if t not in apart))))
    factors = factors_of(body)
    apart = [f for f in factors if f.free.isdisjoint(inside) and not isinstance(f, Number) and _positive(f)]
    c = abs(leading(body))
    if apart or c != 1:
        left = normal(mul(number(1 / c), *(f for f in factors if f not in apart)))
        return mul(number(c), *apart, reduce("max", indices, left))
    if all(_is_exponential(f) for f in factors):
        return call("exp", reduce("max", indices, normal(add(*map(_exponent, factors)))))
    return reduce("max", indices, body)
