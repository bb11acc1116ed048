"""What elementwise functions have to do with one another: laws in the notation, and how they bring a form about.

In: an expression. Out: an equal one over fewer functions. The many elementwise functions become few: exp, log, σ, sin,
cos, erf, powers, and of all comparisons only ``[x > 0]`` and ``[x = 0]``, so that ``1 - tanh²``, ``cosh⁻²`` and
``4 σ (1 - σ)`` meet. Every law goes from left to right and ends: what stands on the right is nearer to the few. Neither
sizes nor arrays are known here.

The laws hold wherever both sides are real numbers; at ties of comparisons, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from tensorprop.check.prove.comparisons import at_a_tie, case_of, comparison, modulo_a_tie, on_a_line, split_by
from tensorprop.check.prove.logarithms import logarithm, logistic, quarter_turns, root, symbolic_power
from tensorprop.check.prove.monomials import (
    exponent,
    has_parity,
    is_exponential,
    is_odd,
    like_step,
    positive,
    sign_like,
)
from tensorprop.check.prove.relations import COMPOSED
from tensorprop.core.build import (
    ZERO,
    add,
    bracket,
    call,
    mul,
    negate,
    number,
    power,
    reduce,
    subtract,
)
from tensorprop.core.canon import leading
from tensorprop.core.expr import Add, Bracket, Call, Expr, Mul, Number, Reduce, Sum
from tensorprop.core.functions import FUNCTIONS, read, watch
from tensorprop.core.templates import meaning
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.core.walk import inline, postorder, transform
from tensorprop.text import parse_expression

__all__ = ["settled", "unfolded"]


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


def _signed(n: Expr) -> Expr:
    """The sign of tanh(x) and the like is that of x; ``|tanh(x)| = tanh(|x|)``; relu(x) > 0 where x is."""
    match n:
        case Call("sign", (Call(f, (x,)),)) if like_step(f):
            return bracket(">", x, ZERO)
        case Call("sign", (Call(f, (x,)),)) if sign_like(f, "sign(x)"):
            return call("sign", x)
        case Call("abs", (Call(f, (x,)),)) if is_odd(f) and sign_like(f, "sign(x)"):
            return call(f, call("abs", x))
        case Call("abs", (Call("abs", _) as x,)):
            return x
        case Call("log", (Call("abs", (Reduce("det", indices, body, ()),)),)):  # which is what logdet means
            return reduce("logdet", indices, body)
        case Bracket(">" | "≠" | "≤" | "=" as relation, Call(f, (x,)), right) if right is ZERO and like_step(f):
            return bracket(">" if relation in ">≠" else "≤", x, ZERO)
        case Bracket(relation, Call(f, (x,)), right) if right is ZERO and sign_like(f, "sign(x)"):
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


# --------------------------------------------------------------------------- on canonical forms
def settled(e: Expr, normal: Callable[[Expr], Expr]) -> Expr:
    """The canonical form of an unfolded expression, the laws that need canonical arguments applied until none does."""
    before = _MANY
    for _ in range(_ROUNDS):
        e = normal(e)
        if len(terms_of(e)) > 4 * before:  # cases of cases, of which each round makes many more
            break
        before = max(len(terms_of(e)), _MANY)
        new = transform(e, lambda n: _settle(n, normal))
        if new is e:
            break
        e = new
    return e


_ROUNDS = 12
_MANY = 60  # terms of a form, which may grow fourfold in a round


def _settle(n: Expr, normal: Callable[[Expr], Expr]) -> Expr:
    if isinstance(n, Call):
        cases = [(k, case) for k, a in enumerate(n.args) if (case := case_of(a)) is not None]
        if cases and not _is_whole_power(n):
            k, case = cases[0]
            return split_by(case, lambda e: call(n.function, *n.args[:k], e, *n.args[k + 1 :]), n.args[k])
    match n:
        case Bracket():
            return comparison(n, normal)
        case Mul():
            return on_a_line(n, normal) or at_a_tie(n, normal)
        case Sum():
            return modulo_a_tie(n, normal)
        case Reduce("max" | "min", indices, body):
            return _extremum(n.op, indices, body, normal)
        case Call("log", (x,)):
            return logarithm(x)
        case Call("sin" | "cos" as name, (x,)) if (turned := quarter_turns(name, x, normal)) is not None:
            return turned
        case Call(f, (Call(g, (x,)),)) if (f, g) in _composed():
            return inline(_composed()[f, g], {"x": ((), x)})
        case Call("sigmoid", (x,)):
            return logistic(x)
        case Call("power", (x, Add(terms) as w)) if any(isinstance(t, Number) for t in terms):
            c = next(t for t in terms if isinstance(t, Number))
            return mul(power(x, c), call("power", x, subtract(w, c)))  # x^{w + 2} = x² x^w
        case Call("power", (x, w)) if not isinstance(w, Number):
            return symbolic_power(x, w)
        case Call("power", (x, Number(w))) if w.denominator % 2 == 0:
            return root(x, w)
        case Call(name, (x,)) if is_odd(name) or has_parity(name, "even"):
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
    apart = [f for f in factors if f.free.isdisjoint(inside) and not isinstance(f, Number) and positive(f)]
    c = abs(leading(body))
    if apart or c != 1:
        left = normal(mul(number(1 / c), *(f for f in factors if f not in apart)))
        return mul(number(c), *apart, reduce("max", indices, left))
    if all(is_exponential(f) for f in factors):
        return call("exp", reduce("max", indices, normal(add(*map(exponent, factors)))))
    return reduce("max", indices, body)
