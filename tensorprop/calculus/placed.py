"""A backward rule that is written in places: what holds at one step, what carries on from there, put into one equation.

In: rules, of which some have a shifted left side or stand at one place, ``δh_{t-1,k} = …; δh[dim(x, 0) - 1, k] = …``.
Out: one rule for each tensor, on plain letters, ``δh_tk = [t = dim(x, 0) - 1] … + [t ≠ dim(x, 0) - 1] …``. Sizes are
not known here.
"""

from __future__ import annotations

from tensorprop.calculus.laws import straightened
from tensorprop.core.affine import shift
from tensorprop.core.build import ONE, add, bracket, mul, number, substitute, subtract
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.names import primal
from tensorprop.errors import UsageError

__all__ = ["everywhere"]


def everywhere(rules: tuple[Equation, ...]) -> tuple[Equation, ...]:
    """Rules with plain left sides, one for each tensor.

    Errors: UsageError for a shifted rule of which nothing says how it begins.

    >>> from tensorprop.text import parse
    >>> s = parse("δh_{t-1,k} = c_{t-1,k} + W_kj δh_tj; δh[dim(c, 0) - 1, k] = c[dim(c, 0) - 1, k]")
    >>> print(*everywhere(s.equations))
    δh_tk = [t = dim(t) - 1] c[dim(c, 0)-1, k] + [t ≠ dim(t) - 1] (c_tk + W_kj δh[t+1, j])
    """
    starts: dict[str, list[Equation]] = {}
    for eq in rules:
        if eq.place is not None:
            starts.setdefault(eq.name, []).append(eq)
    found: list[Equation] = []
    for eq in rules:
        if eq.place is None:
            found.append(_whole(eq, starts.pop(eq.name, [])))
    return (*found, *(eq for group in starts.values() for eq in group))


def _whole(eq: Equation, starts: list[Equation]) -> Equation:
    """The rule on plain letters, its starts beside it."""
    letters: list[str] = []
    back: dict[str, Expr] = {}
    for s in eq.target.subscripts:
        moved = shift(s)
        assert moved is not None  # an Equation's left side has no other
        letters.append(moved[0])
        if moved[1]:
            back[moved[0]] = add(Index(moved[0]), number(-moved[1]))
    if not starts and not back:
        return eq
    if not starts:
        raise UsageError(
            f"{eq.target} is shifted, and nothing says what {eq.name} is at the step from which it is carried on",
            fix=f"write it beside the rule: {eq.name}[dim({primal(eq.name)}, 0) - 1, …] = …",
            about=(None, eq.target),
        )
    plain = tuple(map(Index, letters))
    terms: list[Expr] = []
    elsewhere: list[Expr] = []
    for start in starts:
        pairs = list(zip(start.target.subscripts, plain, strict=True))
        here = {old.name: i for old, i in pairs if isinstance(old, Index)}
        there = mul(*(bracket("=", i, s) for s, i in pairs if not s.free))
        terms.append(mul(there, substitute(start.value, here)))
        places = [bracket("≠", i, s) for s, i in pairs if not s.free]
        elsewhere += places if len(places) == 1 else [subtract(ONE, there)]
    body = straightened(substitute(eq.value, back)) if back else eq.value
    return equation(Tensor(eq.name, plain), add(*terms, mul(*elsewhere, body)))
