"""The same equations for every member of a batch.

In: a System, a new index and the inputs that have it. Out: the System in which these inputs, and all that depends on
them, carry the index in front. Nothing else changes: what was a number for each i is a number for each b and i.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorprop.calculus.page import Page, read, seed_of, sides
from tensorprop.calculus.source import Source, as_system, names_in
from tensorprop.core.build import mul, sum_over
from tensorprop.core.equation import Equation, System, equation, renamed, system
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.walk import freshen, transform
from tensorprop.errors import NameConflict, UnknownName, UsageError, among

__all__ = ["batch"]


def batch(s: Source, index: str, over: str | Iterable[str]) -> System:
    """``z_j = a_i W_ij`` over a is ``z_bj = a_bi W_ij``: an index in front of every tensor that depends on ``over``.

    Errors: UnknownName for a tensor that is no input; NameConflict where the index is already on a left side that
    would get it; UsageError where backward rules say the gradient of one number, of which there would be many.

    Rules on the page are carried along: what every example shares is owed the sum over them.

    >>> print(batch("z_j = a_i W_ij + b_j; E = 1/2 (z_j - y_j)^2", "n", over=("a", "y")))
    z_nj = a_ni W_ij + b_j
    E_n = 1/2 (z_nj - y_nj)^2
    >>> print(batch("z_j = a_i W_ij; δa_i = W_ij δz_j; δW_ij = a_i δz_j", "n", over="a"))
    z_nj = a_ni W_ij
    δa_ni = W_ij δz_nj
    δW_ij = a_ni δz_nj
    """
    s = as_system(s)
    if not index.isalnum():
        raise UsageError(f"{index!r} is not an index", fix='give one letter, such as "b", or a name such as "batch"')
    names = names_in(over, "over")
    if all(sides(s.equations)) and not any(name[:1] in "δ∂" for name in names):
        return lifted(read(s), index, names).whole
    for name in names:
        if name not in s.inputs:
            raise UnknownName(
                f"{name} is not an input of these equations",
                **among(name, s.inputs, "inputs"),
            )
    carried, grew = set(names), True
    while grew:  # in a loop, a tensor may come to have the index by one that stands after it
        more = {eq.name for eq in s if eq.name not in carried and not carried.isdisjoint(eq.inputs)}
        carried |= more
        grew = bool(more)
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
    return system(out, renamed(s.facts, rule))


def lifted(page: Page, index: str, over: str | Iterable[str]) -> Page:
    """The page for every value of one more index, which ``over`` and all that depends on it has in front."""
    forward = batch(page.system, index, over)
    carried = {name for name in forward.names if forward.rank(name) > page.system.rank(name)}
    seed = seed_of(page.system)
    if page.rules and seed is not None and primal(seed) in carried:
        raise UsageError(
            f"the rules say the gradient of the one number {primal(seed)}, which would be many",
            known=f"over {index} it is {forward[primal(seed)].target}",
            fix="batch the forward equations, and let the rules be derived",
        )
    carried |= {adjoint_name(name) for name in carried}
    for eq in system(page.parts).ordered:
        if not carried.isdisjoint(eq.inputs):
            carried.add(eq.name)

    def rule(n: Expr) -> Expr:
        if isinstance(n, Tensor) and n.name in carried:
            return Tensor(n.name, (Index(index), *n.subscripts))
        return Dim(n.tensor, n.axis + 1) if isinstance(n, Dim) and n.tensor in carried else n

    def put(eq: Equation) -> Equation:
        target, value = rule(eq.target), transform(freshen(eq.value, frozenset((index,))), rule)
        assert isinstance(target, Tensor)
        if is_adjoint(eq.name) and eq.name not in carried:  # what every example shares is owed the sum over them
            value = sum_over([index], value) if index in value.free else mul(Dim(forward.outputs[0], 0), value)
        return equation(target, value)

    return Page(forward, tuple(map(put, page.rules)), tuple(map(put, page.parts)), page.given)
