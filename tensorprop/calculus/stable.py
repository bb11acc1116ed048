"""Hand-written softmaxes, log-sums and logistic functions, brought into the forms that do not overflow.

In: a System. Out: an equal System in which, for real numbers,

    exp(s_t) / Σ_u exp(s_u)   is   softmax_t(s_t)          log softmax_t(s_t)     is   logsoftmax_t(s_t)
    log Σ_u exp(s_u)          is   logsumexp_u(s_u)         s_t - logsumexp_u(s_u) is   logsoftmax_t(s_t)
    softmax_t(s_t + c)        is   softmax_t(s_t)           [B_t] exp(s_t) / Σ_u [B_u] exp(s_u)
    log(1 + exp(x))           is   softplus(x)                       is   [B_t] softmax_t(where([B_t], s_t, -1e30))
    1 / (1 + exp(-x))         is   σ(x)                     log σ(x), log(1-σ(x))  is   logsigmoid(x), logsigmoid(-x)

where B is any product of brackets, and c any term without the letter, such as the maximum that was taken away by hand;
also where the parts have names of their own (``e_t = exp(s_t)``). Meant for what is computed, not for what is shown.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprop.calculus.laws import exp_of_log
from tensorprop.calculus.source import as_system
from tensorprop.core.build import MINUS_ONE, ONE, add, call, mul, negate, number, reduce, substitute
from tensorprop.core.equation import Equation, Loop, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Reduce, Sum, Tensor
from tensorprop.core.pattern import Patterns
from tensorprop.core.plane import complex_names, is_complex
from tensorprop.core.ranges import kept, size, tells
from tensorprop.core.walk import postorder, transform

__all__ = ["MASKED", "match", "stabilise", "stable_expr"]

MASKED = number(-(10**30))
"""What a masked entry is in front of exp: its exponential is 0 beside any other."""

_MIRROR = {"=": "=", "≠": "≠", "<": ">", "≤": "≥", ">": "<", "≥": "≤"}

Look = Callable[[Expr], Expr]


def stabilise(s: System | Equation | str) -> System:
    """The same System in forms that neither overflow nor cancel.

    >>> print(stabilise("e_i = exp(x_i); p_i = e_i / Σ_j e_j; L = -t_i log(p_i)")["L"])
    L = -t_i logsoftmax_i(x_i)
    """
    s = as_system(s)
    plane = complex_names(s)
    defined: dict[str, tuple[tuple[str, ...], Expr]] = {}

    def look(e: Expr) -> Expr:
        """What a name stands for, one step deep."""
        while isinstance(e, Tensor) and e.name in defined:
            letters, value = defined[e.name]
            e = substitute(value, dict(zip(letters, e.subscripts, strict=True)))
        return e

    new: dict[Equation, Equation] = {}
    for block in s.blocks:
        for eq in block.equations if isinstance(block, Loop) else (block,):
            complex_ = bool(plane) and any(is_complex(n, plane) for n in postorder(eq.value))
            value = eq.value if complex_ else transform(eq.value, lambda n: _stable(n, look))
            new[eq] = eq if value is eq.value else equation(eq.target, value)
        if isinstance(block, Equation) and block.name not in plane and s.outside(block.name) is None:
            defined[block.name] = (block.letters, new[block].value)
    return system((new[eq] for eq in s), s.facts)


def stable_expr(e: Expr) -> Expr:
    """The same for one expression, in which every name stands for itself."""
    return transform(e, lambda n: _stable(n, lambda same: same))


def _stable(e: Expr, look: Look) -> Expr:
    if isinstance(e, Add):
        return _difference(e.terms, look) or e
    if isinstance(e, Mul):
        return _quotient(e.factors, look) or e
    if isinstance(e, Reduce) and e.op in ("softmax", "logsoftmax"):
        return _unmoved(e)
    if isinstance(e, Call):
        if e.function == "log":
            return _logarithm(look(e.args[0]), look) or e
        if e.function == "exp":
            return exp_of_log(e) or e
        if _is_reciprocal(e):
            return _quotient((e,), look) or e
    return e


def _is_reciprocal(e: Expr) -> bool:
    return isinstance(e, Call) and (e.function == "reciprocal" or (e.function == "power" and e.args[1] is MINUS_ONE))


def _exponent(e: Expr, look: Look) -> Expr | None:
    """x, where ``e`` is exp(x)."""
    e = look(e)
    return e.args[0] if isinstance(e, Call) and e.function == "exp" else None


def _quotient(factors: tuple[Expr, ...], look: Look) -> Expr | None:
    """A factor exp(a) over a factor Σ exp(b) or 1 + exp(b), taken together."""
    for k, below in enumerate(factors):
        if isinstance(below, Call) and below.function == "sigmoid":  # exp(x) σ(-x)
            for j, above in enumerate(factors):
                x = _exponent(above, look)
                if x is not None and below.args[0] is negate(x):
                    others = [f for n, f in enumerate(factors) if n not in (j, k)]
                    return mul(*others, call("sigmoid", x))
        if not _is_reciprocal(below):
            continue
        assert isinstance(below, Call)
        total = look(below.args[0])
        rest = [*factors[:k], *factors[k + 1 :]]
        x = _one_plus_exp(total, look)
        if x is not None:
            for j, above in enumerate(rest):
                if _exponent(above, look) is x:  # exp(x) / (1 + exp(x))
                    return mul(*rest[:j], call("sigmoid", x), *rest[j + 1 :])
            return mul(*rest, call("sigmoid", negate(x)))
        if isinstance(total, Sum):
            made = _softmax(total, rest, look)
            if made is not None:
                return made
    return None


def _softmax(total: Sum, rest: list[Expr], look: Look) -> Expr | None:
    """exp(a) among the factors over the total Σ [B] exp(b), taken together."""
    below = _masked(total.body, look)
    if below is None:
        return None
    b, masks = below
    for j, f in enumerate(rest):
        above = _masked(f, look)
        found = match(b, above[0], total.indices) if above is not None else None
        if above is None or found is None:
            continue
        others = [*rest[:j], *rest[j + 1 :]]
        there = [*above[1], *(g for g in others if isinstance(g, Bracket))]
        inside: dict[Expr, Bracket] = {Bracket(_MIRROR[m.relation], m.right, m.left): m for m in there}
        inside.update((m, m) for m in there)
        wanted = [inside.get(substitute(m, found)) for m in masks]
        if None in wanted:
            continue
        where = call("where", mul(*masks), b, MASKED) if masks else b
        at = [found[i] for i in total.indices]
        kept = [m for m in above[1] if m not in wanted]
        gone = wanted if all(_holds_at_zero(m, total.indices) for m in masks) else []
        kept += [m for m in wanted if m is not None and m not in others and m not in gone]
        before, after = ([g for g in part if g not in gone] for part in (rest[:j], rest[j + 1 :]))
        return mul(*kept, *before, _unmoved(reduce("softmax", total.indices, where, at)), *after)
    return None


def _masked(e: Expr, look: Look) -> tuple[Expr, list[Bracket]] | None:
    """x and the brackets, where ``e`` is a product of brackets and exp(x)."""
    e = look(e)
    factors = e.factors if isinstance(e, Mul) else (e,)
    masks = [f for f in factors if isinstance(f, Bracket)]
    rest = [f for f in factors if not isinstance(f, Bracket)]
    x = _exponent(rest[0], look) if len(rest) == 1 else None
    return None if x is None else (x, masks)


def _holds_at_zero(m: Bracket, letters: tuple[str, ...]) -> bool:
    """Whether a bracket is true where the one of the letters that it has is 0: ``[u ≤ t]``, since t is 0 at least."""
    small, large = (m.left, m.right) if m.relation == "≤" else (m.right, m.left)
    return m.relation in "≤≥" and isinstance(small, Index) and small.name in letters and isinstance(large, Index)


def _unmoved(e: Expr) -> Expr:
    """A softmax without the terms of its body that do not depend on what it runs over: they cancel."""
    if not isinstance(e, Reduce):
        return e
    masked = isinstance(e.body, Call) and e.body.function == "where" and e.body.args[2] is MASKED
    body = e.body.args[1] if masked and isinstance(e.body, Call) else e.body
    if not isinstance(body, Add):
        return e
    terms = [t for t in body.terms if not t.free.isdisjoint(e.indices)]
    if not terms or len(terms) == len(body.terms):
        return e
    left = add(*terms)
    if masked and isinstance(e.body, Call):
        left = call("where", e.body.args[0], left, MASKED)
    made = reduce(e.op, e.indices, left, e.at)
    lost = {i: size(e, i) for i in e.free if not tells(made, i)}
    return kept(made, lost) if all(n is not None and not n.free for n in lost.values()) else e


def _difference(terms: tuple[Expr, ...], look: Look) -> Expr | None:
    """A term s_t less log Σ_u exp(s_u), taken together."""
    for k, less in enumerate(terms):
        if not isinstance(less, Mul) or less.factors[0] is not MINUS_ONE or len(less.factors) != 2:
            continue
        total = look(less.factors[1])
        if not isinstance(total, Reduce) or total.op != "logsumexp":
            continue
        for j, s in enumerate(terms):
            found = match(total.body, s, total.indices)
            if found is not None:
                together = reduce("logsoftmax", total.indices, total.body, [found[i] for i in total.indices])
                return add(*(together if n == j else t for n, t in enumerate(terms) if n != k))
    return None


def _one_plus_exp(e: Expr, look: Look) -> Expr | None:
    if isinstance(e, Add) and len(e.terms) == 2 and ONE in e.terms:
        return _exponent(e.terms[1 - e.terms.index(ONE)], look)
    return None


def _logarithm(x: Expr, look: Look) -> Expr | None:
    """The logarithm of ``x``, where there is a better way."""
    if isinstance(x, Sum):
        b = _exponent(x.body, look)
        return reduce("logsumexp", x.indices, b) if b is not None else None
    if isinstance(x, Reduce) and x.op == "softmax":
        return reduce("logsoftmax", x.indices, x.body, x.at)
    if isinstance(x, Call) and x.function == "sigmoid":
        return call("logsigmoid", x.args[0])
    inner = _one_plus_exp(x, look)
    if inner is not None:
        return call("softplus", inner)
    if isinstance(x, Add) and len(x.terms) == 2 and ONE in x.terms:
        other = x.terms[1 - x.terms.index(ONE)]
        if isinstance(other, Mul) and other.factors[0] is MINUS_ONE and len(other.factors) == 2:
            p = look(other.factors[1])
            if isinstance(p, Call) and p.function == "sigmoid":
                return call("logsigmoid", negate(p.args[0]))
    return None


def match(pattern: Expr, target: Expr, letters: tuple[str, ...]) -> dict[str, Expr] | None:
    """What to put for the letters so that ``pattern`` becomes ``target``, whatever both bind; None where nothing does.

    >>> from tensorprop.core.build import tensor
    >>> match(tensor("s", "t", "u"), tensor("s", "t", "v"), ("u",))
    {'u': Index('v')}
    """
    found: dict[str, Expr] = {}
    stack = [(pattern, target)]
    while stack:
        p, t = stack.pop()
        if isinstance(p, (Sum, Reduce)) and isinstance(t, (Sum, Reduce)) and p.indices != t.indices:
            t = _bound_as(t, p.indices)
        if isinstance(p, Index) and p.name in letters:
            if found.setdefault(p.name, t) is not t:
                return None
        elif p is t and p.free.isdisjoint(letters):
            continue
        elif type(p) is not type(t) or len(p.children) != len(t.children) or p.rebuild(t.children) is not t:
            return None
        else:
            stack.extend(zip(p.children, t.children, strict=True))
    if len(found) < len(letters):
        return None
    same, made = Patterns(), substitute(pattern, found)
    return found if made is target or same.of(made) == same.of(target) else None


def _bound_as(e: Sum | Reduce, letters: tuple[str, ...]) -> Expr:
    """A sum (or another reduction) that calls what it binds otherwise, if none of these letters is taken."""
    if len(letters) != len(e.indices) or e.children[1:] or not (e.free | e.body.binds).isdisjoint(letters):
        return e
    body = substitute(e.body, dict(zip(e.indices, map(Index, letters), strict=True)))
    return Sum(letters, body) if isinstance(e, Sum) else Reduce(e.op, letters, body, e.at)
