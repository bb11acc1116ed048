"""The same equations for every member of a batch.

In: a System, a new index and the inputs that have it. Out: the System in which these inputs, and all that depends on
them, carry the index in front. Nothing else changes: what was a number for each i is a number for each b and i.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorprop.core.equation import Equation, System, equation, system, unrolled
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.walk import freshen, transform
from tensorprop.errors import NameConflict, UnknownName, UsageError, near
from tensorprop.text.source import as_system

__all__ = ["batch"]


def batch(s: System | Equation | str, index: str, over: str | Iterable[str]) -> System:
    """``z_j = a_i W_ij`` over a is ``z_bj = a_bi W_ij``: an index in front of every tensor that depends on ``over``.

    Errors: UnknownName for a tensor that is no input; NameConflict where the index is already on a left side that
    would get it.

    >>> print(batch("z_j = a_i W_ij + b_j; E = 1/2 (z_j - y_j)^2", "n", over=("a", "y")))
    z_nj = a_ni W_ij + b_j
    E_n = 1/2 (z_nj - y_nj)^2
    """
    s = unrolled(as_system(s), "batch")
    if not index.isalnum():
        raise UsageError(f"{index!r} is not an index", fix='give one letter, such as "b", or a name such as "batch"')
    names = (over,) if isinstance(over, str) else tuple(over)
    for name in names:
        if name not in s.inputs:
            close = near(name, s.inputs)
            raise UnknownName(
                f"{name} is not an input of these equations",
                known=f"inputs: {', '.join(s.inputs)}",
                fix=f"did you mean {close[0]}?" if close else None,
            )
    carried = set(names)
    for eq in s.ordered:
        if not carried.isdisjoint(eq.inputs):
            carried.add(eq.name)
    letter = Index(index)

    def rule(n: Expr) -> Expr:
        if isinstance(n, Tensor) and n.name in carried:
            return Tensor(n.name, (letter, *n.subscripts))
        if isinstance(n, Dim) and n.tensor in carried:
            return Dim(n.tensor, n.axis + 1)
        return n

    out: list[Equation] = []
    for n, eq in enumerate(s):
        if eq.name not in carried:
            out.append(eq)
            continue
        if index in eq.letters:
            raise NameConflict(
                f"{eq.target} has an index {index} already", fix="give the batch another letter", about=(n, eq.target)
            )
        target = rule(eq.target)
        assert isinstance(target, Tensor)
        out.append(equation(target, transform(freshen(eq.value, frozenset((index,))), rule)))
    return system(out)
