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
    subtract,
    sum_over,
)
from tensorprop.core.canon import canonical, leading, meaning
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import inline, postorder, transform
from tensorprop.text import parse_expression

__all__ = ["ODD", "RELATIONS", "UNFOLDED", "Law", "settled", "unfolded"]


class Law(NamedTuple):
    """``left == right`` over numbers x, w and a condition c; ``where`` says for which x, anywhere if it is empty."""

    text: str
    where: str = ""

    @property
    def sides(self) -> tuple[str, str]:
        """The two sides of the text."""
        left, _, right = self.text.partition(" == ")
        return left, right


_λ, _α = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"

UNFOLDED: tuple[Law, ...] = (
    # powers
    Law("sqrt(x) == x^0.5", "x > 0"),
    Law("rsqrt(x) == x^-0.5", "x > 0"),
    Law("square(x) == x²"),
    Law("reciprocal(x) == x^-1"),
    # exponentials
    Law("expm1(x) == exp(x) - 1"),
    Law("sinh(x) == 1/2 exp(x) - 1/2 exp(-x)"),
    Law("cosh(x) == 1/2 exp(x) + 1/2 exp(-x)"),
    Law("tanh(x) == 2 σ(2 x) - 1"),
    Law("silu(x) == x σ(x)"),
    Law("mish(x) == x tanh(softplus(x))"),
    # logarithms
    Law("log1p(x) == log(1 + x)", "x > -1"),
    Law("log2(x) == log(x) / log(2)", "x > 0"),
    Law("log10(x) == log(x) / log(10)", "x > 0"),
    Law("softplus(x) == log(1 + exp(x))"),
    Law("logsigmoid(x) == x - log(1 + exp(x))"),
    # angles and the normal distribution
    Law("tan(x) == sin(x) / cos(x)"),
    Law("erfc(x) == 1 - erf(x)"),
    Law("gelu(x) == 1/2 x erfc(-x / sqrt(2))"),
    Law("gelu_tanh(x) == x σ(sqrt(8 / π) (x + 0.044715 x³))"),
    # comparisons
    Law("abs(x) == 2 x [x > 0] - x"),
    Law("sign(x) == 2 [x > 0] - 1 + [x = 0]"),
    Law("step(x) == [x > 0]"),
    Law("relu(x) == x [x > 0]"),
    Law("leaky_relu(x) == x [x > 0] + 0.01 x (1 - [x > 0])"),
    Law("elu(x) == x [x > 0] + (exp(x) - 1) (1 - [x > 0])"),
    Law(f"selu(x) == {_λ} (x [x > 0] + {_α} (exp(x) - 1) (1 - [x > 0]))"),
    Law("softsign(x) == x / (1 + abs(x))"),
    Law("max(x, w) == x [x > w] + w (1 - [x > w])"),
    Law("min(x, w) == w [x > w] + x (1 - [x > w])"),
    Law("where(c, x, w) == x + (w - x) [c = 0]"),
)
"""Functions by what they mean; each left side is one function of letters."""

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
    Law("sign(softsign(x)) == sign(x)"),
    Law("abs(softsign(x)) == 1 - 1 / (1 + abs(x))"),
)
"""What follows: each is proved by the laws above, by the canonical form, and by identity testing."""

ODD = frozenset("softsign erf sin sinh tan tanh arcsin arctan arcsinh arctanh".split())
"""Functions with f(-x) = -f(x)."""


@cache
def _meanings() -> dict[str, tuple[tuple[str, ...], Expr]]:
    """For every function that is unfolded: the letters of its arguments, and what it is, in functions that stay."""
    found: dict[str, tuple[tuple[str, ...], Expr]] = {}
    for law in UNFOLDED:
        left, right = map(parse_expression, law.sides)
        assert isinstance(left, Call)
        found[left.function] = tuple(a.name for a in left.args if isinstance(a, Tensor)), right
    for _ in range(_DEPTH):
        for name, (letters, right) in found.items():
            found[name] = letters, transform(right, lambda n: _meant(n, found))
    return found


_DEPTH = 4  # mish is tanh(softplus(x)), and both have meanings


_SIGNED = frozenset(
    (*"tanh sinh arctan arcsin arcsinh arctanh erf softsign".split(), *"silu mish gelu gelu_tanh elu selu".split())
) | {"leaky_relu"}
"""Functions that are negative, zero and positive where their argument is."""


def _signed(n: Expr) -> Expr:
    """The sign of tanh(x) and the like is that of x; ``|tanh(x)| = tanh(|x|)``; relu(x) > 0 where x is."""
    match n:
        case Call("sign", (Call("relu", (x,)),)):
            return bracket(">", x, ZERO)
        case Call("sign", (Call(f, (x,)),)) if f in _SIGNED:
            return call("sign", x)
        case Call("abs", (Call(f, (x,)),)) if f in ODD and f in _SIGNED:
            return call(f, call("abs", x))
        case Call("abs", (Call("abs", _) as x,)):
            return x
        case Bracket(relation, Call("relu", (x,)), right) if right is ZERO and relation in ">≠≤=":
            return bracket(">" if relation in ">≠" else "≤", x, ZERO)
        case Bracket(relation, Call(f, (x,)), right) if right is ZERO and f in _SIGNED:
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
        if cases and not _is_whole_power(n) and not cases[0][1].binds:
            k, case = cases[0]
            return _split(case, lambda e: call(n.function, *n.args[:k], e, *n.args[k + 1 :]), n.args[k])
    match n:
        case Bracket():
            return _comparison(n, normal)
        case Mul():
            return _on_a_line(n, normal) or _at_a_tie(n)
        case Call("log", (x,)):
            return _logarithm(x)
        case Call("sigmoid", (x,)):
            return _logistic(x)
        case Call("power", (x, Add(terms) as w)) if any(isinstance(t, Number) for t in terms):
            c = next(t for t in terms if isinstance(t, Number))
            return mul(power(x, c), call("power", x, subtract(w, c)))  # x^{w + 2} = x² x^w
        case Call("power", (x, Number(w))) if w.denominator % 2 == 0:
            return _root(x, w)
        case Call(name, (x,)) if name in ODD or name == "cos":
            if leading(x) < 0:
                turned = call(name, normal(negate(x)))
                return turned if name == "cos" else negate(turned)
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
    c = leading(d)
    if c != 1:
        d = normal(mul(number(1 / c), d))
    relation = b.relation if c > 0 else {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}.get(b.relation, b.relation)
    positive = [f for f in d.factors if _positive(f)] if isinstance(d, Mul) else []
    if isinstance(d, Mul) and positive:
        d = mul(*(f for f in d.factors if f not in positive))
        if isinstance(d, Number):
            return bracket(relation, d, ZERO)
    if _positive(d):
        return ONE if relation in ">≥≠" else ZERO
    more, tie = Bracket(">", d, ZERO), canonical(Bracket("=", d, ZERO))
    return {
        ">": more,
        "=": tie,
        "≠": subtract(ONE, tie),
        "≥": add(more, tie),
        "<": subtract(subtract(ONE, more), tie),
        "≤": subtract(ONE, more),
    }[relation]


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


def _at_a_tie(n: Mul) -> Expr:
    """``x [x = w] = w [x = w]``: beside ``[d = 0]`` an entry that d is solved for is put away."""
    for b in n.factors:
        if not (isinstance(b, Bracket) and b.relation == "=" and ZERO in (b.left, b.right)) or is_about_indices(b):
            continue
        d = b.left if b.right is ZERO else b.right
        found = _solved(d)
        if found is None:
            continue
        entry, value = found
        others = [f for f in n.factors if f is not b]
        if any(entry.free & f.binds for f in others):  # a letter of the same name further in is another one
            continue
        if any(entry in postorder(f) for f in others):
            return mul(*(put_for(f, entry, value) for f in others), b)
    return n


def _solved(d: Expr) -> tuple[Tensor, Expr] | None:
    """``d = 0`` solved for an entry that stands in one term, alone but for a number."""
    terms = d.terms if isinstance(d, Add) else (d,)
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
    if any(_log_term(t) for t in (x.terms if isinstance(x, Add) else (x,))):
        return power(add(ONE, call("exp", negate(x))), MINUS_ONE)
    if leading(x) < 0:
        return subtract(ONE, call("sigmoid", canonical(negate(x))))
    return call("sigmoid", x)


def _root(x: Expr, n: Fraction) -> Expr:
    """``√(x² y) = |x| √y``; what is positive, and even powers, stand alone under their root."""
    out: list[Expr] = []
    kept: list[Expr] = []
    for f in x.factors if isinstance(x, Mul) else (x,):
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
    parts = t.factors if isinstance(t, Mul) else (t,)
    logs = [f for f in parts if isinstance(f, Call) and f.function == "log"]
    return len(logs) == 1 and all(isinstance(f, Number) for f in parts if f is not logs[0])


def _logarithm(x: Expr) -> Expr:
    """``log(exp(a) b^n c) = a + n log b + log c``: where the left side is real, so is the right."""
    if isinstance(x, Add):
        if ONE in x.terms and len(x.terms) == 2:
            match x.terms[1 - x.terms.index(ONE)]:
                case Mul((Number(value), Call("sigmoid", (y,)))) if value == -1:  # log(1 - σ(y)) = -log(1 + exp(y))
                    return negate(call("log", add(ONE, call("exp", y))))
                case _:
                    pass
        taken = _common_exponentials(x)
        if taken is None:
            return call("log", x)
        return add(call("log", divide(x, taken)), call("log", taken))
    if isinstance(x, Sum):
        parts = x.body.factors if isinstance(x.body, Mul) else (x.body,)
        common = [f for f in parts if f.free.isdisjoint(x.indices) and _positive(f)]
        if not common:
            return call("log", x)
        left = sum_over(x.indices, mul(*(f for f in parts if f not in common)))
        return add(call("log", mul(*common)), call("log", left))
    out: list[Expr] = []
    kept: list[Expr] = []
    for f in x.factors if isinstance(x, Mul) else (x,):
        base, n = (f.args[0], f.args[1]) if isinstance(f, Call) and f.function == "power" else (f, ONE)
        if isinstance(base, Call) and base.function == "exp":
            out.append(mul(n, base.args[0]))
        elif isinstance(base, Call) and base.function == "sigmoid":
            out.append(mul(n, add(base.args[0], negate(call("log", add(ONE, call("exp", base.args[0])))))))
        elif isinstance(n, Number) and n is not ONE and (n.value.denominator % 2 == 0 or _positive(base)):
            out.append(mul(n, call("log", base)))
        elif isinstance(x, Mul) and _positive(f):
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


def _common_exponentials(x: Add) -> Expr | None:
    """Exponentials with the least power in which the terms have them: ``1 + exp(x)^-1`` has ``exp(x)^-1``."""
    least: dict[Expr, Fraction] = {}
    counts: dict[Expr, int] = {}
    for t in x.terms:
        for f in t.factors if isinstance(t, Mul) else (t,):
            base, n = f, Fraction(1)
            if isinstance(f, Call) and f.function == "power" and isinstance(f.args[1], Number):
                base, n = f.args[0], f.args[1].value
            if isinstance(base, Call) and base.function == "exp":
                least[base] = min(least.get(base, n), n)
                counts[base] = counts.get(base, 0) + 1
    found = {b: n if counts[b] == len(x.terms) else min(n, Fraction(0)) for b, n in least.items()}
    taken = [power(b, number(n)) for b, n in found.items() if n]
    return mul(*taken) if taken else None


def _positive(e: Expr) -> bool:
    """Whether an expression is seen to be positive for all arrays for which it is real."""
    done: dict[Expr, bool] = {}
    for n in postorder(e):
        match n:
            case Number(value):
                done[n] = value > 0
            case Dim():
                done[n] = True
            case Call("exp" | "sigmoid" | "cosh" | "pi", _):
                done[n] = True
            case Call("power", (base, Number(value))):
                done[n] = done[base] or value.denominator % 2 == 0
            case Add() | Mul():
                done[n] = all(done[c] for c in n.children)
            case Sum():
                done[n] = done[n.body]
            case _:
                done[n] = False
    return done[e]
