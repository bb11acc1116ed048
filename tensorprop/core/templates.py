"""Rows of the table of reductions, filled in: what a row says, for the node that stands before us.

In: a string of a row and a Reduce node. Out: an expression, the node's body in place of x, its letters in place of u,
fresh ones in place of v and w. Which strings there are is told in ``core.functions``; sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tensorprop.core.build import bracket, fresh, mul, reduce, remake, rename, substitute, sum_over
from tensorprop.core.expr import Bracket, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.functions import REDUCTIONS, is_matrix, keeps, read
from tensorprop.core.matrix_rows import ENTRY
from tensorprop.core.ranges import kept, size, unlimited, witness
from tensorprop.core.walk import fold, freshen, postorder
from tensorprop.errors import UnknownRange

__all__ = ["instance", "matrix_instance", "meaning"]


def meaning(n: Reduce, body: Expr, at: tuple[Expr, ...]) -> Expr | None:
    """A reduction over another body, at another entry, by what its row says that it means; else None.

    >>> from tensorprop.core.build import tensor
    >>> x = tensor("x", "i")
    >>> str(meaning(Reduce("mean", ("i",), x, ()), x, ()))
    'Σ_i x_i / dim(i)'
    """
    row = REDUCTIONS.get(n.op)
    if row is None or not row.means:
        return None
    node = n if body is n.body and at == n.at else Reduce(n.op, n.indices, body, at)
    try:
        found = instance(row.means, node, {}, free=("u",) if keeps(n.op) else ())
    except UnknownRange:
        return None
    return substitute(found, dict(zip(n.indices, at, strict=True))) if at else found


def instance(
    text: str, node: Reduce, given: Mapping[str, Expr], at: tuple[Expr, ...] = (), free: tuple[str, ...] = ("u",)
) -> Expr:
    """The row ``text``: the node's body for x, its letters for u, fresh ones for v and w, what is given for the rest.

    A name that stands without subscript in ``given`` serves with one too: its letters are then the node's own.

    Errors: UnknownRange where the row speaks of n, and no tensor in the body has one of the letters.
    """
    template = read(text, (*free, "a") if "[a]" in text else free)
    core = unlimited(node.body, node.indices)
    taken = set(node.body.free | node.body.binds | node.free).union(node.indices)
    for e in given.values():
        taken |= e.free | e.binds
    other: dict[str, dict[str, str]] = {"v": {}, "w": {}}
    for names in other.values():
        for i in node.indices:
            names[i] = fresh(i, taken)
            taken.add(names[i])
    letters = {"u": node.indices, **{run: tuple(names.values()) for run, names in other.items()}}

    def rule(e: Expr, children: tuple[Expr, ...]) -> Expr:
        match e:
            case Tensor(name="n"):
                return mul(*(witness(node.body, i) for i in node.indices))
            case Tensor(name=name, subscripts=(Index(name=run),)):
                value = core if name == "x" else given[f"{name}_u"] if f"{name}_u" in given else given[name]
                return rename(value, other[run]) if run in other else value
            case Tensor(name="a") | Index(name="a") if len(at) == 1:
                return at[0]
            case Tensor(name=name, subscripts=()):
                return given.get(name, e)
            case Index(name=run) if run in letters:
                return Index(letters[run][0])
            case Bracket(relation=relation, left=Index(name=run), right=Tensor(name="a")):
                return mul(*(bracket(relation, Index(i), a) for i, a in zip(letters[run], at, strict=True)))
            case Bracket(relation=relation, left=Index(name=run), right=Index(name=second)):
                pairs = zip(letters[run], letters[second], strict=True)
                return mul(*(bracket(relation, Index(i), Index(j)) for i, j in pairs))
            case Sum(indices=(run,)):
                pairs = zip(node.indices, letters[run], strict=True)
                sizes = {j: size(node.body, i) for i, j in pairs if j in children[0].free}
                return sum_over(letters[run], kept(children[0], sizes))
            case Reduce(op=op, indices=(run,)):
                pairs = zip(node.indices, letters[run], strict=True)
                return reduce(
                    op, letters[run], kept(children[0], {j: size(node.body, i) for i, j in pairs}), children[1:]
                )
            case _:
                return remake(e, children)

    whole = fold(template, rule)
    return freshen(whole, whole.free)


def matrix_instance(
    text: str,
    node: Reduce,
    given: Mapping[str, Expr],
    at: tuple[Expr, ...] = (),
    named: Callable[[tuple[Expr, ...]], Expr] | None = None,
) -> Expr:
    """The row of a function of a whole matrix: X is the node's body, u and v its row and column, a, b, c … the entry.

    Other letters of the row are summed, and take fresh names. ``named`` gives entries of the node's own matrix by the
    name that it has elsewhere.
    """
    template = read(text, ("u", "v", *ENTRY[: len(at)]))
    taken = set(node.body.free | node.body.binds | node.free).union(node.indices)
    for e in (*given.values(), *at):
        taken |= e.free | e.binds
    letters: dict[str, Expr] = {"u": Index(node.indices[0]), "v": Index(node.indices[1])}
    letters |= dict(zip(ENTRY, at, strict=False))
    own = (n for n in postorder(template) if isinstance(n, Sum) or (isinstance(n, Reduce) and not is_matrix(n.op)))
    for i in sorted(i for n in own for i in n.indices):
        new = fresh(i, taken)
        letters[i] = Index(new)
        taken.add(new)

    def rule(e: Expr, children: tuple[Expr, ...]) -> Expr:
        match e:
            case Index(name=i):
                return letters.get(i, e)
            case Reduce(op=op, indices=indices) if not is_matrix(op):
                return reduce(op, [_letter(letters, i) for i in indices], children[0], children[1:])
            case Reduce(op=op) if is_matrix(op):
                entry = children[1:]
                if op == node.op and named is not None:
                    return named(entry)
                return reduce(op, node.indices, node.body, entry)
            case Tensor(name=name, subscripts=()):
                return given.get(name, e)
            case Tensor(name="X"):
                return substitute(node.body, dict(zip(node.indices, children, strict=True)))
            case Sum(indices=indices):
                return sum_over([_letter(letters, i) for i in indices], children[0])
            case _:
                return remake(e, children)

    whole = fold(template, rule)
    return freshen(whole, whole.free)


def _letter(letters: Mapping[str, Expr], i: str) -> str:
    """What a letter of a row is called in an instance."""
    new = letters[i]
    assert isinstance(new, Index)
    return new.name
