"""A rule that was put together, as books end it: the normalised tensor, means for sums, what is common outside.

In: forward equations, and the right side of a rule. Out: the same value, ``(δn_bi - mean_j(δn_bj) - n_bi mean_j(n_bj
δn_bj)) / s_b``. Nothing is known here of words.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprop.calculus.reuse import reused
from tensorprop.calculus.stable import match
from tensorprop.core.build import MINUS_ONE, ONE, add, mul, power, reduce, substitute, sum_over
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Number, Reduce, Sum
from tensorprop.core.names import is_adjoint, primal
from tensorprop.core.ranges import infer
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.core.walk import tensors_of, transform

__all__ = ["brought_together", "read_again"]


def read_again(forward: System, eq: Equation) -> tuple[Expr, tuple[Equation, ...]]:
    """The right side of a rule, in which a difference that was divided is read off the quotient.

    And the equations of those quotients that have no name on the page.
    """
    eq = equation(eq.target, _called(forward, eq.value))
    there, rules = reused(forward, system([eq]))
    return rules[eq.name].value, tuple(e for e in there if e.name not in forward.names)


def _called(forward: System, e: Expr) -> Expr:
    """The expression with reductions and reciprocals of the page by their names: ``m_b`` for ``mean_j(x_bj)``.

    And ``r_b³`` for ``1 / sqrt(v_b)³``, where r_b is ``1 / sqrt(v_b)``.
    """
    plain = [eq for eq in forward if len({*eq.letters}) == len(eq.target.subscripts)]
    made = [eq for eq in plain if isinstance(eq.value, Reduce)]
    inverse = [
        (eq, base, eq.value.args[1]) for eq in plain if isinstance(eq.value, Call) and (base := _divisor(eq.value))
    ]

    def rule(n: Expr) -> Expr:
        below = _divisor(n)
        for eq, base, once in inverse if below is not None else ():
            assert isinstance(n, Call) and below is not None
            at, often = match(base, below, eq.letters), n.args[1]
            if at is not None and isinstance(once, Number) and isinstance(often, Number):
                return power(substitute(eq.target, at), Number(often.value / once.value))
        for eq in made if isinstance(n, Reduce) else ():
            assert isinstance(n, Reduce) and isinstance(eq.value, Reduce)
            if n.op == eq.value.op and not n.at and not eq.value.at and len(n.indices) == len(eq.value.indices):
                at = match(eq.value.body, n.body, (*eq.letters, *eq.value.indices))
                if at is not None and {at[i] for i in eq.value.indices} == set(map(Index, n.indices)):
                    return substitute(eq.target, {i: at[i] for i in eq.letters})
        return n

    return transform(e, rule)


def brought_together(forward: System, e: Expr) -> Expr:
    """Sums over a count as means, with what does not depend on their index before them; common factors outside."""
    same = _axes(forward)
    terms = [[g for f in factors_of(t) for g in _opened(f)] for t in terms_of(e)]
    terms = [_averaged(fs, same) for fs in terms]
    common = [f for f in terms[0] if not isinstance(f, Number) and all(f in fs for fs in terms[1:])]
    if len(terms) < 2 or not common:
        return add(*(mul(*fs) for fs in terms))
    rest: list[Expr] = []
    for fs in terms:
        left = list(fs)
        for f in common:
            left.remove(f)
        rest.append(mul(*left) if left else ONE)
    return mul(add(*rest), *common) if _below(common) else mul(*common, add(*rest))


def _below(factors: list[Expr]) -> bool:
    """Whether factors all divide."""
    return all(_divisor(f) is not None for f in factors)


def _divisor(f: Expr) -> Expr | None:
    match f:
        case Call(function="power", args=(base, Number(n))) if n < 0:
            return base
        case _:
            return None


def _opened(f: Expr) -> list[Expr]:
    """``Σ_j a_b c_bj`` as ``a_b`` and ``Σ_j c_bj``."""
    if not isinstance(f, Sum) or isinstance(f.body, Add):
        return [f]
    inner = factors_of(f.body)
    out = [g for g in inner if g.free.isdisjoint(f.indices)]
    return [*out, sum_over(f.indices, mul(*(g for g in inner if g not in out)))]


def _averaged(factors: list[Expr], same: Callable[[Dim, str, Expr], bool]) -> list[Expr]:
    """Factors in which a sum stands beside one over its count."""
    out = list(factors)
    for f in factors:
        if isinstance(f, Sum) and len(f.indices) == 1:
            for g in out:
                d = _divisor(g)
                if isinstance(d, Dim) and g is power(d, MINUS_ONE) and same(d, f.indices[0], f.body):
                    out[out.index(f)] = reduce("mean", f.indices, f.body)
                    out.remove(g)
                    break
    return out


def _axes(forward: System) -> Callable[[Dim, str, Expr], bool]:
    """Whether a size is that of a letter in an expression."""
    classes = {axis: n for n, group in enumerate(infer(forward).classes()) for axis in group}

    def same(d: Dim, letter: str, body: Expr) -> bool:
        for t in tensors_of(body):
            for k, s in enumerate(t.subscripts):
                if s is Index(letter):
                    at = (primal(t.name) if is_adjoint(t.name) else t.name, k)
                    if at == (d.tensor, d.axis) or classes.get(at, -1) == classes.get((d.tensor, d.axis), -2):
                        return True
        return False

    return same
