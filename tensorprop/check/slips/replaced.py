"""Two expressions beside one another: the smallest parts in which they differ.

In: a hand rule and a derived one. Out: what stands in the one where something else stands in the other, all that both
have in common taken away: terms, factors, functions, sums. To put the one for the other makes the same of both, so that
what is told of it is true by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from tensorprop.check.slips.costs import COST
from tensorprop.check.slips.edits import multiplied_out
from tensorprop.check.slips.held import Explanation, Held
from tensorprop.check.slips.wording import factor_apart, with_sign, written_out
from tensorprop.core.build import ONE, ZERO, add, mul, rename
from tensorprop.core.canon import canonical
from tensorprop.core.expr import Add, Call, Expr, Mul, Reduce, Sum
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.text import show

__all__ = ["parts_apart", "replaced"]

_LONG, _LONGER = 90, 170  # characters of both parts together, and of what is missing: longer ones are no words


def replaced(h: Held) -> Iterator[Explanation]:
    """What stands where something else belongs, the shortest first; nothing where all would have to be told."""
    if h.hand is None:
        return
    found: list[Explanation] = []
    every = (h.hand.value, h.whole(h.hand.value))
    for mine, form in product(
        dict.fromkeys((*every, *map(_apart, every))), dict.fromkeys((*h.forms, *map(_apart, h.forms)))
    ):
        wrong, right = parts_apart(mine, form)
        said = show(wrong) + show(right)
        if len(said) > (_LONGER if wrong in (ZERO, ONE) else _LONG) or len(said) >= len(show(mine) + show(form)):
            continue
        kind, words = _words(wrong, right)
        cost = COST["a part for another one"] + len(said) / 100
        corrected = None if form is h.derived.value else form
        found.append(Explanation(cost, (kind,), (words,), corrected, (form, h.derived.value)))
    yield from sorted(found, key=lambda f: f.cost)


def _apart(e: Expr) -> Expr:
    return add(*multiplied_out(e))


def _words(wrong: Expr, right: Expr) -> tuple[str, str]:
    if wrong is ZERO:
        return "missing term", f"the term {with_sign(right)} is missing"
    if right is ZERO:
        return "extra term", f"the term {with_sign(wrong)} is one too many"
    if wrong is ONE:
        return "missing factor", f"the factor {written_out(right)} is missing"
    if right is ONE:
        return "extra factor", f"the factor {written_out(wrong)} is one too many"
    return "factor", factor_apart(wrong, right) or f"{written_out(wrong)} stands where {written_out(right)} belongs"


def parts_apart(one: Expr, other: Expr) -> tuple[Expr, Expr]:
    """The smallest parts of two expressions that differ.

    >>> from tensorprop.text import parse_expression
    >>> a, b = (parse_expression(t, free="i") for t in ("w_i (1 + tanh(2 x_i))", "w_i (1 + tanh(x_i))"))
    >>> print(*parts_apart(a, b), sep=" for ")
    2 for 1
    """
    while True:
        less = _less(one, other)
        if less is None:
            return one, other
        one, other = less


def _less(one: Expr, other: Expr) -> tuple[Expr, Expr] | None:
    """Both without what they have in common; None where that is nothing, or all."""
    for parts, join in ((terms_of, add), (_factors, mul)):
        mine, theirs = list(parts(one)), list(parts(other))
        if len(mine) + len(theirs) > 2:
            left, right = _without(mine, theirs)
            if len(left) < len(mine) and (left or right):
                return join(*left), join(*right)
    match one, other:
        case Call(f, args), Call(g, others) if f == g and len(args) == len(others) and f != "power":
            pairs = [(a, b) for a, b in zip(args, others, strict=True) if canonical(a) is not canonical(b)]
            return pairs[0] if len(pairs) == 1 and f != "where" else None
        case Sum(i, body), Sum(j, inner) if len(i) == len(j) == 1:
            return body, rename(inner, {j[0]: i[0]})
        case Reduce(op, i, body, at), Reduce(p, j, inner, place) if op == p and i == j and at == place:
            return body, inner
        case _:
            return None


def _factors(e: Expr) -> Sequence[Expr]:
    """Factors, a number among them, and those that all terms of a sum have."""
    if isinstance(e, Mul):
        return [g for f in e.factors for g in (_factors(f) if isinstance(f, Add) else (f,))]
    if not isinstance(e, Add):
        return factors_of(e)
    first, *others = (_factors(t) if isinstance(t, Mul) else [t] for t in e.terms)
    shared = [f for f in first if all(canonical(f) in map(canonical, more) for more in others)]
    if not shared:
        return (e,)
    left = [mul(*_without(terms, shared)[0]) for terms in (first, *others)]
    return (*shared, add(*left))


def _without(mine: Sequence[Expr], theirs: Sequence[Expr]) -> tuple[list[Expr], list[Expr]]:
    """What is left of two lists, pairs of equal ones taken away."""
    keys = [canonical(e) for e in theirs]
    rest, left = list(theirs), list[Expr]()
    for e in mine:
        key = canonical(e)
        if key in keys:
            at = keys.index(key)
            del keys[at], rest[at]
        else:
            left.append(e)
    return left, rest
