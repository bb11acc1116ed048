"""Affine forms: what a subscript, or a side of a bracket, is as a sum of whole multiples.

In: an expression such as ``2x + u - dim(K, 0) + 1``. Out: how often each letter, size and other part stands in it, and
back again, in the order in which people write such a form. Nothing is said here of what a letter runs over.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from tensorprop.core.build import ZERO, add, mul, number
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number

__all__ = ["Form", "form", "is_reciprocal", "measured", "parts", "shift", "whole", "written"]

Form = dict[Expr, Fraction]
"""Parts and how often each stands in the form; the part ``Number(1)`` counts for the constant."""

_ONE = Number(Fraction(1))
_MINUS_ONE = Number(Fraction(-1))


def form(e: Expr) -> Form:
    """The parts of ``e``: letters, sizes, entries of integer tensors, the constant under 1; what is none is a part.

    >>> from tensorprop.core.build import tensor
    >>> x, u = Index("x"), Index("u")
    >>> {str(p): int(n) for p, n in form(add(mul(number(2), x), u, number(-1))).items()}
    {'x': 2, 'u': 1, '1': -1}
    """
    found: Form = {}
    stack: list[tuple[Expr, Fraction]] = [(e, Fraction(1))]
    while stack:
        n, c = stack.pop()
        if isinstance(n, Number):
            n, c = _ONE, c * n.value
        elif isinstance(n, Add):
            stack.extend((t, c) for t in reversed(n.terms))
            continue
        elif isinstance(n, Mul) and isinstance(n.factors[0], Number):
            stack.append((mul(*n.factors[1:]), c * n.factors[0].value))
            continue
        total = found.get(n, Fraction(0)) + c
        if total:
            found[n] = total
        else:
            found.pop(n, None)
    return found


def written(parts: Form) -> Expr:
    """The expression of a form: letters first, what is added before what is taken away, the constant last.

    >>> str(written(form(add(number(-1), Index("u"), mul(number(2), Index("x"))))))
    'u + 2 x - 1'
    """
    rest = [(p, c) for p, c in parts.items() if p is not _ONE]
    rest.sort(key=lambda pair: (not isinstance(pair[0], Index), pair[1] < 0))
    if rest and rest[0][1] < 0:  # dim(a, 0) - x, not -x + dim(a, 0)
        rest.sort(key=lambda pair: pair[1] < 0)
    terms = [p if c == 1 else mul(number(c), p) for p, c in rest]
    if _ONE in parts:
        constant = number(parts[_ONE])
        terms = [constant, *terms] if rest and rest[0][1] < 0 and parts[_ONE] > 0 else [*terms, constant]
    return add(*terms) if terms else ZERO


def parts(f: Form) -> tuple[dict[str, Fraction], Expr]:
    """The letters of a form, each with how often it stands there, and the rest, which may have letters inside parts."""
    letters = {p.name: c for p, c in f.items() if isinstance(p, Index)}
    return letters, written({p: c for p, c in f.items() if not isinstance(p, Index)})


def shift(e: Expr) -> tuple[str, int] | None:
    """t and n of ``t + n``, n a whole number, perhaps 0.

    >>> shift(add(Index("t"), number(-1))), shift(mul(number(2), Index("t")))
    (('t', -1), None)
    """
    if isinstance(e, Index):
        return e.name, 0
    f = form(e)
    letters = [p for p in f if isinstance(p, Index)]
    if len(letters) == 1 and f[letters[0]] == 1 and all(p is _ONE or p is letters[0] for p in f):
        n = f.get(_ONE, Fraction(0))
        if n.denominator == 1:
            return letters[0].name, int(n)
    return None


def whole(e: Expr) -> bool:
    """Whether ``e`` is a whole number made of numbers and sizes: a place such as ``-1`` or ``dim(r, 0) - 1``."""
    f = form(e)
    return all(c.denominator == 1 and (p is _ONE or isinstance(p, Dim)) for p, c in f.items())


def measured(e: Expr) -> bool:
    """Whether ``e`` is made of numbers and sizes alone, by +, -, products, quotients and floor.

    >>> measured(mul(number("1/2"), Dim("x", 0), add(Dim("x", 1), number(-1)))), measured(Index("i"))
    (True, False)
    """
    stack = [e]
    while stack:
        n = stack.pop()
        floor = isinstance(n, Call) and n.function == "floor"
        if not (isinstance(n, (Number, Dim, Add, Mul)) or floor or is_reciprocal(n)):
            return False
        stack.extend(n.children)
    return True


def is_reciprocal(e: Expr) -> bool:
    """Whether ``e`` is one over something: ``power(n, -1)``."""
    return isinstance(e, Call) and e.function == "power" and e.args[1] is _MINUS_ONE


def difference(a: Expr, b: Expr) -> Form:
    """The form of ``a - b``."""
    if a is b:
        return {}
    f = form(a)
    for p, c in form(b).items():
        total = f.get(p, Fraction(0)) - c
        if total:
            f[p] = total
        else:
            f.pop(p, None)
    return f


def letters_in(forms: Iterable[Form]) -> set[str]:
    """Every letter that is a part of one of these forms."""
    return {p.name for f in forms for p in f if isinstance(p, Index)}
