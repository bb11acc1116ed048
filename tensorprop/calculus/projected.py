"""Conventions of a gradient by a matrix of which something is declared.

In: the rule ``δS_ij = G_ij``, whose entries are those of a matrix of free entries, and a convention. Out: the rule in
that convention: the part of G along the matrices of which so much is declared, or the derivative by each free entry.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprop.calculus.simplify import known, simplify_expr
from tensorprop.core.build import add, bracket, fresh, mul, negate, number, substitute, sum_over
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.ranges import kept
from tensorprop.core.walk import freshen
from tensorprop.errors import UsageError

__all__ = ["CONVENTIONS", "convention", "projected"]

CONVENTIONS = ("free", "projected", "triangle")
"""What the gradient by a declared matrix is."""

_HALF = number(Fraction(1, 2))
_OF_MATRICES = frozenset(("symmetric", "orthogonal", "diagonal", "lower"))


def convention(name: object) -> str:
    """The name of a convention. Errors: UsageError for what is none."""
    if name not in CONVENTIONS:
        raise UsageError(
            f"no convention of a gradient under symmetry {name!r}",
            known="free (entries as if independent), projected (on what is declared), triangle (each free entry once)",
            fix='write symmetry="projected"',
        )
    return str(name)


def projected(rule: Equation, name: str, s: System, how: str, axes: tuple[str, ...] | None = None) -> Equation:
    """The rule ``δS_ij = G_ij`` of a declared matrix in a convention; ``axes`` are its letters, else all on the left.

    ``projected``: the part of G along the matrices of which so much is declared: ``(G + Gᵀ)/2``, the diagonal, the
    lower triangle, or for an orthogonal Q the tangent ``(G - Q Gᵀ Q)/2``. ``triangle``: the derivative by each free
    entry, those of a symmetric matrix being the ones of a triangle: ``G + Gᵀ - G ⊙ I``.
    """
    what = s.declared.get(name, frozenset())
    own = rule.letters if axes is None else axes
    if not what & _OF_MATRICES or how == "free" or len(own) < 2:
        return rule
    *_, i, j = own
    there = rule.value
    turned = substitute(there, {i: Index(j), j: Index(i)})
    same = bracket("=", Index(i), Index(j))
    if "diagonal" in what:
        value = mul(same, there)
    elif "orthogonal" in what and how == "projected":
        value = mul(_HALF, add(there, negate(_turned_about(there, own, name))))
    elif "symmetric" in what:
        both = add(there, turned)
        value = mul(_HALF, both) if how == "projected" else add(both, negate(mul(same, there)))
    elif "lower" in what:
        value = mul(bracket("≥", Index(i), Index(j)), there)
    else:
        raise UsageError(
            f"the entries of an orthogonal matrix are not free: {name} has no gradient by a triangle",
            fix='write symmetry="projected" for the tangent, or symmetry="free"',
        )
    value = known(simplify_expr(freshen(value, frozenset(rule.letters))), s.declared)
    if value.free != rule.value.free:
        value = kept(value, {k: Dim(name, axis) for axis, k in enumerate(own) if k not in value.free})
    return equation(rule.target, value)


def _turned_about(there: Expr, own: tuple[str, ...], name: str) -> Expr:
    """``(Q Gᵀ Q)_ij = Σ_km Q_ik G_mk Q_mj``."""
    *batch, i, j = own
    k = fresh("k", there.free | there.binds | {name})
    m = fresh("l", there.free | there.binds | {name, k})
    lead = tuple(map(Index, batch))
    inner = substitute(there, {i: Index(m), j: Index(k)})
    left, right = Tensor(name, (*lead, Index(i), Index(k))), Tensor(name, (*lead, Index(m), Index(j)))
    return sum_over((k, m), mul(left, inner, right))
