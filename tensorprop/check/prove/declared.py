"""What is declared of a matrix, used in a proof: of ``spd(S)``, that S and its inverse are symmetric.

In: an expression and the names of symmetric matrices. Out: the same with ``½ (S_ij + S_ji)`` for ``S_ij``, and so for
entries of inv(S): equal where S is symmetric, and, since both orders stand there, unchanged when S is transposed.
"""

from __future__ import annotations

from collections.abc import Container
from fractions import Fraction

from tensorprop.core.build import add, mul, number, reduce, remake
from tensorprop.core.expr import Expr, Reduce, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.walk import fold

__all__ = ["symmetrised"]

_HALF = number(Fraction(1, 2))
_ALIKE = frozenset(("inv", "pinv", "expm"))


def symmetrised(e: Expr, names: Container[str]) -> Expr:
    """``e`` with both orders of the subscripts of every symmetric matrix."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Reduce() if is_matrix(n.op) and isinstance(n.body, Tensor) and n.body.name in names:
                at = children[1:]
                one = reduce(n.op, n.indices, n.body, at)
                if n.op not in _ALIKE or at[0] is at[1]:
                    return one
                return mul(_HALF, add(one, reduce(n.op, n.indices, n.body, at[::-1])))
            case Tensor(name=name) if name in names and len(children) > 1 and children[-1] is not children[-2]:
                turned = Tensor(name, (*children[:-2], children[-1], children[-2]))
                return mul(_HALF, add(Tensor(name, children), turned))
            case _:
                return remake(n, children)

    return fold(e, rule)
