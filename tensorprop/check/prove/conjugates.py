"""Complex numbers in a proof: z and conj(z) as two unknowns, and laws of all complex numbers alone.

In: an expression and which of its tensors are complex. Out: an equal one in which ``re(z) = (z + conj(z)) / 2``,
``im(z) = -ⅈ (z - conj(z)) / 2`` and ``abs(z) = (z conj(z))^(1/2)`` are written out, conjugates stand at tensors, and ⅈ
stands once in a product. Polynomials in z and conj(z) that are equal for all z are equal as polynomials in two
unknowns (Wirtinger), so that a canonical form decides them. Roots of complex numbers are functions that nobody knows:
``√(z²) = z`` and ``√(z w) = √z √w`` are no laws, nor is ``log(z w) = log z + log w``. What is a law of real numbers
only (``check.prove.unfold``, residues that play positive numbers) is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from tensorprop.core.build import ZERO, add, call, mul, negate, number, power, reduce, remake
from tensorprop.core.expr import Call, Expr, Number, Reduce
from tensorprop.core.plane import IMAGINARY, conjugate, guarded, is_complex, settled, with_adjoints
from tensorprop.core.walk import fold

__all__ = ["alike", "all_complex"]

Names = frozenset[str]
_HALF = number(Fraction(1, 2))
_ROUNDS = 8

# f(conj(z)) = conj(f(z)) wherever f(z) is: power series with real coefficients, quotients of these, and no cut
_MIRRORED = frozenset("exp expm1 sin cos tan sinh cosh tanh sigmoid silu square reciprocal".split())


def all_complex(names: Names, definitions: Mapping[str, tuple[tuple[str, ...], Expr]]) -> Names:
    """The complex tensors, those that definitions make of them, and the adjoints of all."""
    if not names:
        return names
    found = set(with_adjoints(names))
    again = True
    while again:
        known = frozenset(found)
        found |= with_adjoints(frozenset(n for n, (_, e) in definitions.items() if is_complex(e, known)))
        again = len(found) > len(known)
    return frozenset(found)


def alike(a: Expr, b: Expr, names: Names, normal: Callable[[Expr], Expr]) -> bool:
    """Whether two expressions are one canonical form, z and conj(z) being two unknowns.

    >>> from tensorprop.core.canon import canonical
    >>> from tensorprop.text import parse_expression
    >>> z = frozenset("z")
    >>> one, other, third = map(parse_expression, ("re(z)^2 + im(z)^2", "abs(z)^2", "z^2"))
    >>> alike(one, other, z, canonical), alike(one, third, z, canonical)
    (True, False)
    """
    return _form(a, names, normal) is _form(b, names, normal)


def _form(e: Expr, names: Names, normal: Callable[[Expr], Expr]) -> Expr:
    e = guarded(_parted(e, names), names)
    for _ in range(_ROUNDS):
        e = normal(e)
        new = fold(settled(e, names), lambda n, children: _squared(remake(n, children)))
        if new is e:
            break
        e = new
    return e


_ROOT = "root·"  # of a number that is real and not negative, as nobody knows it


def _squared(e: Expr) -> Expr:
    """Whole powers of an absolute value: ``|z|³ = (z conj(z)) |z|``."""
    match e:
        case Call("power", (Call(function=f, args=(q,)) as root, Number(k))) if f == _ROOT and k.denominator == 1:
            return mul(power(q, number(k // 2)), root) if k % 2 else power(q, number(k / 2))
        case _:
            return e


def _parted(e: Expr, names: Names) -> Expr:
    """Parts and absolute values by conjugates, and conjugates moved inwards as far as they go."""

    def more(z: Expr, conj: Callable[[Expr], Expr]) -> Expr | None:
        match z:
            case Reduce():
                return reduce(z.op, z.indices, conj(z.body), z.at)
            case Call(function, args) if function in _MIRRORED:
                return call(function, *map(conj, args))
            case Call(function) if function == _ROOT:
                return z
            case _:
                return None

    def conj(z: Expr) -> Expr:
        return conjugate(z, lambda e: is_complex(e, names), more)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        new = remake(n, children)
        match new:
            case Call("conj" | "re" | "im" | "abs", (z,)) if not is_complex(z, names):
                return ZERO if new.function == "im" else new if new.function == "abs" else z
            case Call("conj", (z,)):
                return conj(z)
            case Call("re", (z,)):
                return mul(_HALF, add(z, conj(z)))
            case Call("im", (z,)):
                return mul(_HALF, add(mul(IMAGINARY, conj(z)), negate(mul(IMAGINARY, z))))
            case Call("abs", (z,)):
                return Call(_ROOT, (mul(z, conj(z)),))
            case _:
                return _squared(new)

    return fold(e, rule)
