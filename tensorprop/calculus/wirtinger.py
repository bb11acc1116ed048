"""Derivatives by a complex number and by its conjugate: the two terms of the chain rule where a function is not
holomorphic.

In: an expression, and which tensors are complex. Out: for every entry z in it the pair of ∂v/∂z and conj(∂v/∂conj(z)).
A change is ``dv = Σ ∂v/∂z dz + ∂v/∂conj(z) conj(dz)``, and ``dE = Re(δv dv)``, so that

    δz = Σ δv ∂v/∂z + conj(δv) conj(∂v/∂conj(z)).

Nothing of it is a second calculus: what `pullback` owes for a cotangent γ is ``γ ∂v/∂z + conj(γ) conj(∂v/∂conj(z))``,
and the two are read off it. Sizes and text are not known here.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tensorprop.calculus.pullback import pullback
from tensorprop.calculus.simplify import known
from tensorprop.core.build import ONE, ZERO, add, mul, negate, number, remake
from tensorprop.core.expr import Call, Expr, Tensor
from tensorprop.core.plane import IMAGINARY, conjugate, is_complex
from tensorprop.core.walk import fold, postorder

__all__ = ["Pair", "wirtinger"]

_SEED, _TURNED = Tensor("γ·", ()), Tensor("γ̄·", ())  # γ and conj(γ); no text can spell them
_HALF = number(Fraction(1, 2))


class Pair(NamedTuple):
    """``∂v/∂z`` and ``conj(∂v/∂conj(z))``."""

    straight: Expr
    mirrored: Expr


def wirtinger(
    value: Expr, plane: frozenset[str], *, result: Expr | None = None, fixed: frozenset[str] = frozenset()
) -> dict[Tensor, Pair]:
    """Both derivatives of a value by every tensor entry in it, in reading order.

    >>> from tensorprop.text import parse_expression
    >>> z = Tensor("z", ())
    >>> for text in ("z^2", "conj(z)", "re(z)", "z conj(z)", "angle(z)"):
    ...     a, b = wirtinger(parse_expression(text), frozenset("z"))[z]
    ...     print(f"{text}: {a}, {b}")
    z^2: 2 z, 0
    conj(z): 0, 1
    re(z): 1/2, 1/2
    z conj(z): conj(z), conj(z)
    angle(z): -1/2 ⅈ / z, -1/2 ⅈ / z
    """
    own = plane | {_SEED.name, _TURNED.name}
    owed = pullback(value, _SEED, result=result, fixed=fixed, plane=own)
    return {t: Pair(*(_read(_apart(g, own), part, own) for part in (_SEED, _TURNED))) for t, g in owed.items()}


def _apart(g: Expr, plane: frozenset[str]) -> Expr:
    """A cotangent with γ and conj(γ) as two unknowns: ``re(γ w) = (γ w + conj(γ) conj(w)) / 2``, and so for im."""
    seen: dict[Expr, bool] = {}
    for n in postorder(g):
        seen[n] = n is _SEED or any(seen[c] for c in n.children)

    def turned(z: Expr) -> Expr:
        return conjugate(z, lambda e: is_complex(e, plane), _swapped)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        new = remake(n, children)
        if not isinstance(new, Call) or not seen[n]:
            return new
        match new:
            case Call("conj", (z,)):
                return turned(z)
            case Call("re", (z,)):
                return mul(_HALF, add(z, turned(z)))
            case Call("im", (z,)):
                return mul(_HALF, IMAGINARY, add(turned(z), negate(z)))
            case _:
                return new

    return fold(g, rule)


def _swapped(z: Expr, _: object) -> Expr | None:
    return _TURNED if z is _SEED else _SEED if z is _TURNED else None


def _read(g: Expr, part: Tensor, plane: frozenset[str]) -> Expr:
    """What stands beside one of the unknowns, in which everything is linear."""
    put = {_SEED: ZERO, _TURNED: ZERO, part: ONE}
    return known(fold(g, lambda n, c: put[n] if isinstance(n, Tensor) and n in put else remake(n, c)), {}, plane)
