"""Simplification: the laws of ``rules`` applied until none is left to apply.

In: an expression, an Equation or a System. Out: the same kind of thing, equal in value for all arrays.
"""

from __future__ import annotations

from typing import overload

from tensorprop.calculus import laws as _  # noqa: F401 - registers the laws
from tensorprop.calculus.declared import Kinds, shorter
from tensorprop.calculus.rewrite import LAWS, Law, rewrite
from tensorprop.calculus.source import as_system
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Expr
from tensorprop.core.names import primal_axes
from tensorprop.core.plane import complex_names, guarded, settled, unguarded
from tensorprop.core.ranges import spelled

__all__ = ["known", "simplify", "simplify_expr"]


_NONE: Kinds = {}
_KEPT = 50_000  # nodes of which is remembered what they become, before all are forgotten
_settled: tuple[tuple[Law, ...], dict[Expr, Expr]] = (), {}


def simplify_expr(e: Expr) -> Expr:
    """An expression with brackets eliminated, like terms collected and common factors taken out."""
    global _settled
    laws, done = _settled
    if laws != (now := tuple(LAWS.values())) or len(done) > _KEPT:
        laws, done = _settled = now, {}
    return rewrite(e, laws, done)


def known(e: Expr, kinds: Kinds, plane: frozenset[str] = frozenset()) -> Expr:
    """An expression simplified, with what is declared of its matrices put to use; tensors of the ``plane`` are complex.

    >>> from tensorprop.text import parse
    >>> s = parse("y_i = (S_ij + S_ji) Q_kj Q_kl x_l; S_ij = S_ji; orthogonal(Q)")
    >>> print(known(s["y"].value, s.declared))
    2 S_il x_l
    """
    if plane:
        return unguarded(settled(known(guarded(settled(e, plane), plane), kinds), plane))
    e = simplify_expr(shorter(e, kinds))
    while kinds and (new := simplify_expr(shorter(e, kinds))) is not e:
        e = new
    return e


@overload
def simplify(x: Equation) -> Equation: ...
@overload
def simplify(x: System | str) -> System: ...
@overload
def simplify(x: Expr) -> Expr: ...
def simplify(x: Expr | Equation | System | str) -> Expr | Equation | System:
    """The same rule in fewer symbols; idempotent, and equal in value.

    What a System declares of a matrix is used too: ``S_ij = S_ji``, ``orthogonal(Q)``, ``diagonal(D)``.

    >>> print(simplify("y_k = Σ_i [i = k] a_i x_i + x_k a_k"))
    y_k = 2 a_k x_k
    """
    if isinstance(x, Expr):
        return simplify_expr(x)
    if isinstance(x, Equation):
        return _simplified(x)
    s = as_system(x)
    plane = complex_names(s)
    return system((_simplified(eq, s.declared, plane) for eq in spelled(s)), s.facts)


def _simplified(eq: Equation, kinds: Kinds = _NONE, plane: frozenset[str] = frozenset()) -> Equation:
    value = known(eq.value, kinds, plane)
    if value.free != eq.value.free and primal_axes(eq.target) is None:
        return eq  # y_i = x_i - x_i tells the range of i, and y_i = 0 would not
    return equation(eq.target, value)
