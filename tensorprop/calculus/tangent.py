"""Tangents of a System: one equation ``∂z/∂ε`` for every tensor that moves when the variables do.

In: a System and the names of variables. Out: a System of equations for the derivatives by a number ε on which the
variables depend, linear in theirs. Sizes are not known here, and nothing is expanded: as `adjoint` sweeps back over
equations, this goes forward over them.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.source import as_system
from tensorprop.core.build import ZERO, add, mul, rename, sum_over
from tensorprop.core.equation import Equation, System, equation, system, unrolled
from tensorprop.core.expr import Dim, Expr, Tensor
from tensorprop.core.names import NOBODY, adjoint_name, derivative_name, primal
from tensorprop.core.walk import freshen, transform

__all__ = ["tangent_name", "tangents"]


def tangent_name(name: str, rank: int) -> str:
    """The tensor ∂z/∂ε, which has the axes of z: ``tangent_name("z", 2)`` is ``∂z··/∂ε``."""
    return derivative_name(name, rank, [("ε", 0)])


def tangents(s: System | Equation | str, wrt: Iterable[str]) -> System:
    """The chain rule forwards: for every tensor v that depends on ``wrt``,

        ∂v_J/∂ε = Σ over tensors x in v's equation, Σ_K  ∂v_J/∂x_K ∂x_K/∂ε.

    Each is found by transposing twice: what δv owes to its arguments is linear in δv, so that
    ``T = Σ_x Σ_K δx_K ∂x_K/∂ε`` is linear in δv too, and its gradient by δv is ∂v/∂ε.

    Errors: NotDifferentiable for functions without a slope.

    >>> print(tangents("z_j = a_i W_ij; h_j = tanh(z_j)", ("a",)))
    ∂z_j/∂ε = W_ij ∂a_i/∂ε
    ∂h_j/∂ε = (1 - h_j^2) ∂z_j/∂ε
    """
    s = unrolled(as_system(s), "differentiate")
    moving = set(wrt)
    rules: list[Equation] = []
    for eq in s.ordered:
        names = [name for name in eq.inputs if name in moving]
        found = _tangent(eq, names, s) if names else None
        if found is not None:
            moving.add(eq.name)
            rules.append(found)
    return system(rules)


def _tangent(eq: Equation, names: list[str], s: System) -> Equation | None:
    """One equation's rule; None where it depends on these tensors only in brackets and subscripts."""
    terms: list[Expr] = []
    for rule in adjoint(system([eq]), wrt=names):
        name = primal(rule.name)
        moved = Tensor(tangent_name(name, s.rank(name)), rule.target.subscripts)
        terms.append(sum_over(rule.letters, mul(rule.value, moved)))
    owed = add(*terms)
    if owed is ZERO:
        return None
    target = Tensor(tangent_name(eq.name, s.rank(eq.name)), eq.target.subscripts)
    if not eq.letters:  # δv = 1, and T is ∂v/∂ε itself
        return equation(target, simplify_expr(owed))
    seed = adjoint_name(eq.name)
    (rule,) = adjoint(system([equation(Tensor(NOBODY, ()), owed)]), wrt=seed)
    value = rename(freshen(rule.value, frozenset(eq.letters)), dict(zip(rule.letters, eq.letters, strict=True)))
    whose = {seed: eq.name, **{tangent_name(name, s.rank(name)): name for name in names}}
    sized = transform(value, lambda n: Dim(whose.get(n.tensor, n.tensor), n.axis) if isinstance(n, Dim) else n)
    return equation(target, simplify_expr(sized))
