"""Reductions along indices: one row each, its pullback written in the notation of this library.

In: a Reduce node, its result, and the cotangent of that result. Out: the cotangent of the node's body.
How a reduction is computed is not known here (see ``run.functions``), nor any size.

**The mathematics.** Let y be the reduction of x_u along u, a function of all the x_u, and g the cotangent of y: when x
changes, what is derived changes by ``g dy``. Then the cotangent of x_u is ``g ∂y/∂x_u``, and a row says it, with

    x_u   the body at u            y     the result            g     its cotangent
    v     a second run over the range of u                     n     the number of values of u

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

from collections.abc import Mapping
from functools import cache

from tensorprop.core.build import bracket, fresh, mul, reduce, remake, rename, sum_over
from tensorprop.core.expr import Bracket, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.names import MATRIX_OPS
from tensorprop.core.walk import fold, freshen, tells, witness
from tensorprop.errors import NotDifferentiable
from tensorprop.text import parse_expression

__all__ = ["REDUCTIONS", "Reduction", "pullback"]


class Reduction:
    """``y = op_u(x_u)`` and the cotangent of x_u, given the cotangent g of y.

    ``entry`` is, for a normaliser, the cotangent of x_u given that of the one entry a alone. ``means`` is the reduction
    in terms of simpler ones, ``kink`` what is done where the derivative has none or two values: what JAX does.

    >>> REDUCTIONS["softmax"].pullback
    'y_u (g_u - Σ_v y_v g_v)'
    """

    __slots__ = ("entry", "kink", "means", "op", "pullback")

    def __init__(self, op: str, pullback: str, *, entry: str = "", means: str = "", kink: str = "") -> None:
        self.op = op
        self.pullback = pullback
        self.entry = entry
        self.means = means
        self.kink = kink

    def __repr__(self) -> str:
        return f"Reduction({self.op!r}, {self.pullback!r})"


# The product's row multiplies all the others anew for each u: work of n², right where x is zero and for derivatives of
# any order. `g y / x_u` is neither.
REDUCTIONS: dict[str, Reduction] = {
    row.op: row
    for row in (
        Reduction("max",        "g [x_u = y] / Σ_v [x_v = y]",         kink="equal shares"),
        Reduction("min",        "g [x_u = y] / Σ_v [x_v = y]",         kink="equal shares"),
        Reduction("prod",       "g prod_v(where(δ_uv, 1, x_v))"),
        Reduction("mean",       "g / n",                               means="Σ_u x_u / n"),
        Reduction("var",        "2 g (x_u - mean_v(x_v)) / n",         means="mean_u((x_u - mean_v(x_v))²)"),
        Reduction("logsumexp",  "g exp(x_u - y)",                      means="log(Σ_u exp(x_u))"),
        Reduction("argmax",     "0",                                   kink="0, the first place where equal"),
        Reduction("argmin",     "0",                                   kink="0, the first place where equal"),
        Reduction("softmax",    "y_u (g_u - Σ_v y_v g_v)",             entry="g y ([u = a] - y_u)",
                                                                       means="exp(x_u) / Σ_v exp(x_v)"),
        Reduction("logsoftmax", "g_u - exp(y_u) Σ_v g_v",              entry="g ([u = a] - exp(y_u))",
                                                                       means="x_u - log(Σ_v exp(x_v))"),
    )
}  # fmt: skip


def pullback(node: Reduce, result: Expr | None, g: Expr) -> Expr:
    """The cotangent of ``node.body``, given the cotangent ``g`` of the node: ``g ∂y/∂x_u``, or ``Σ_v g_v ∂y_v/∂x_u``.

    Its free letters are those of the body, of g, and those of ``node.at``. ``result`` is another name of the node's
    value, such as ``p_tu`` for ``softmax_u(s_tu)``, with the same free letters; the node itself serves where it is
    None. A letter of ``node.at`` that the body does not have is left free, and is summed by whoever sums.

    Raises NotDifferentiable for what has no row, and UnknownRange where the number of values of a letter is needed
    (mean, var) and no tensor in the body has that letter as a subscript.

    >>> from tensorprop.core.build import tensor
    >>> s, p, g = tensor("s", "t", "u"), tensor("p", "t", "u"), tensor("δp", "t", "u")
    >>> found = pullback(reduce("softmax", ("u",), s, (Index("u"),)), p, g)
    >>> found is parse_expression("p_tu (δp_tu - Σ_v p_tv δp_tv)", free="tu")
    True
    >>> str(pullback(reduce("logsumexp", ("u",), s), tensor("m", "t"), tensor("δm", "t")))
    'δm_t exp(s_tu - m_t)'
    """
    row = REDUCTIONS.get(node.op)
    if row is None:
        why = "comes with functions of whole matrices" if node.op in MATRIX_OPS else "is not in the table"
        raise NotDifferentiable(f"the derivative of {node.op} {why}", about=node)
    y = node if result is None else result
    if not node.at:
        return _instance(row.pullback, node, {"y": y, "g": g})
    family = tuple(Index(i) for i in node.indices)
    if node.at == family:
        return _instance(row.pullback, node, {"y": y, "g": g})

    # One entry. A letter outside of the same name as a bound one steps aside, and is summed here.
    taken = set(node.body.free | node.body.binds | node.free | g.free | g.binds | y.free | y.binds).union(node.indices)
    aside: dict[str, str] = {}
    for i in node.indices:
        if any(i in a.free for a in node.at):
            aside[i] = fresh(i, taken)
            taken.add(aside[i])
    at = tuple(rename(a, aside) for a in node.at)
    whole = reduce(node.op, node.indices, node.body, family)
    given = {"y": rename(y, aside), "g": rename(g, aside), "y_u": whole}
    change = _instance(row.entry, node, given, at=at)
    return sum_over(aside.values(), change) if aside else change


def _instance(text: str, node: Reduce, given: Mapping[str, Expr], at: tuple[Expr, ...] = ()) -> Expr:
    """The row ``text`` with the node's body for x, its letters for u, fresh ones for v, and what is given for the rest.

    A name that stands without subscript in ``given`` serves with one too: its letters are then the node's own.
    """
    template = _parsed(text)
    taken = set(node.body.free | node.body.binds | node.free).union(node.indices)
    for e in given.values():
        taken |= e.free | e.binds
    other: dict[str, str] = {}
    for i in node.indices:
        other[i] = fresh(i, taken)
        taken.add(other[i])
    letters = {"u": node.indices, "v": tuple(other.values())}

    def rule(e: Expr, children: tuple[Expr, ...]) -> Expr:
        match e:
            case Tensor(name="n"):
                return mul(*(witness(node.body, i) for i in node.indices))
            case Tensor(name=name, subscripts=(Index(name=run),)):
                value = node.body if name == "x" else given[f"{name}_u"] if f"{name}_u" in given else given[name]
                return rename(value, other) if run == "v" else value
            case Tensor(name=name, subscripts=()):
                return given.get(name, e)
            case Bracket(relation=relation, left=Index(name=run), right=Tensor(name="a")):
                return mul(*(bracket(relation, Index(i), a) for i, a in zip(letters[run], at, strict=True)))
            case Bracket(relation=relation, left=Index(name=run), right=Index(name=second)):
                pairs = zip(letters[run], letters[second], strict=True)
                return mul(*(bracket(relation, Index(i), Index(j)) for i, j in pairs))
            case Sum(indices=(run,)):
                # a letter that only brackets have keeps the range of u by one more, which is always true
                pairs = zip(node.indices, letters[run], strict=True)
                kept = [
                    bracket("<", Index(j), witness(node.body, i))
                    for i, j in pairs
                    if j in children[0].free and not tells(children[0], j) and tells(node.body, i, by_ties=False)
                ]
                return sum_over(letters[run], mul(*children, *kept))
            case Reduce(op=op, indices=(run,)):
                return reduce(op, letters[run], children[0])
            case _:
                return remake(e, children)

    whole = fold(template, rule)
    return freshen(whole, whole.free)


@cache
def _parsed(text: str) -> Expr:
    return parse_expression(text, free=("u",))
