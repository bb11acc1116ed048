"""Reductions along indices: their cotangents, as the rows of ``core.functions`` say them.

In: a Reduce node, its result, and the cotangent of that result. Out: the cotangent of the node's body.
How a reduction is computed is not known here (see ``run.numpy_functions``), nor any size.

**The mathematics.** Let y be the reduction of x_u along u, a function of all the x_u, and g the cotangent of y: when x
changes, what is derived changes by ``g dy``. Then the cotangent of x_u is ``g ∂y/∂x_u``, and a row says it, with

    x_u   the body at u            y     the result            g     its cotangent
    v, w  a second and a third run over the range of u         n     the number of values of u

A normaliser has a result for every u as well, and a cotangent for each, so its row has y_u and g_u, and adds over the
results: the cotangent of x_u is ``Σ_v g_v ∂y_v/∂x_u``. That is the row ``pullback``, and it serves where the node
stands for the whole family, ``softmax_u(s_u)``. Where it stands for the one entry a, as in ``softmax_u(s_u)[3]`` or
``softmax_u(S_ut)[t]``, there is one y (the entry at a) and one g, nothing to add, and the cotangent of x_u is
``g ∂y_a/∂x_u``: the row ``entry``, in which y_u is still the family. If a names a letter that the body binds (another
letter of the same name), that letter is free outside and cannot be inside, so it is summed: ``Σ_a g_a ∂y_a/∂x_u``.

Several letters at once, ``mean_bi``, ``softmax_uv``, are one run over pairs: u stands for all of them, ``[u = v]`` for
the product of their brackets.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprop.core.build import fresh, reduce, rename, substitute, sum_over
from tensorprop.core.expr import Expr, Index, Reduce
from tensorprop.core.functions import REDUCTIONS
from tensorprop.core.templates import instance, matrix_instance
from tensorprop.errors import NotDifferentiable

__all__ = ["pullback"]


def pullback(node: Reduce, result: Expr | None, g: Expr) -> Expr:
    """The cotangent of ``node.body``, given the cotangent ``g`` of the node: ``g ∂y/∂x_u``, or ``Σ_v g_v ∂y_v/∂x_u``.

    Its free letters are those of the body, of g, and those of ``node.at``. ``result`` is another name of the node's
    value, such as ``p_tu`` for ``softmax_u(s_tu)``, with the same free letters; the node itself serves where it is
    None. A letter of ``node.at`` that the body does not have is left free, and is summed by whoever sums.

    Raises NotDifferentiable for what has no row, and UnknownRange where the number of values of a letter is needed
    (mean, var) and no tensor in the body has that letter as a subscript.

    >>> from tensorprop.core.build import tensor
    >>> from tensorprop.text import parse_expression
    >>> s, p, g = tensor("s", "t", "u"), tensor("p", "t", "u"), tensor("δp", "t", "u")
    >>> found = pullback(reduce("softmax", ("u",), s, (Index("u"),)), p, g)
    >>> found is parse_expression("p_tu (δp_tu - Σ_v p_tv δp_tv)", free="tu")
    True
    >>> str(pullback(reduce("logsumexp", ("u",), s), tensor("m", "t"), tensor("δm", "t")))
    'δm_t exp(s_tu - m_t)'
    """
    row = REDUCTIONS.get(node.op)
    if row is None or row.pullback == "-":
        raise NotDifferentiable(
            f"the derivative of {node.op} is not in the table",
            known=f"derivatives of {node.op.rstrip('′″')} are there up to the second" if row is not None else None,
            about=node,
        )
    y = node if result is None else result
    if not node.at:
        made = matrix_instance if row.kind == "matrix" else instance
        return made(row.pullback, node, {"y": y, "g": g})
    family = tuple(Index(i) for i in node.indices)
    if node.at == family and row.kind != "matrix":
        return instance(row.pullback, node, {"y": y, "g": g})

    # One entry, or of a matrix. A letter outside of the same name as a bound one steps aside, and is summed here.
    taken = set(node.body.free | node.body.binds | node.free | g.free | g.binds | y.free | y.binds).union(node.indices)
    aside: dict[str, str] = {}
    for i in node.indices:
        if any(i in a.free for a in node.at):
            aside[i] = fresh(i, taken)
            taken.add(aside[i])
    at = tuple(rename(a, aside) for a in node.at)
    whole = reduce(node.op, node.indices, node.body, family)
    given = {"y": rename(y, aside), "g": rename(g, aside), "y_u": whole}
    if row.kind == "matrix":
        named = None if result is None else _entries(node, result)
        change = matrix_instance(row.pullback, node, given, at, named)
    else:
        named = None if result is None else _entries(node, result)
        change = instance(row.entry, node, given if named is None else {**given, "y_u": named(family)}, at=at)
    return sum_over(aside.values(), change) if aside else change


def _entries(node: Reduce, result: Expr) -> Callable[[tuple[Expr, ...]], Expr] | None:
    """Other entries of that whose entry ``node`` is called ``result``: of ``Y_ij`` any ``Y_pq``."""
    letters = [a.name for a in node.at if isinstance(a, Index)]
    if len({*letters}) < len(node.at) or any(i in node.body.free - {*node.indices} for i in letters):
        return None
    return lambda at: substitute(result, dict(zip(letters, at, strict=True)))
