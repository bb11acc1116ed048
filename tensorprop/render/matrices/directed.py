"""Derivatives of functions of matrices in a direction: ``Σ_ab g_ab expm′(X)_abuv`` is ``expm′(Xᵀ)[G]``.

In: the factors of a product and the letters that are summed. Out: which of them is such a derivative, and which make
its direction; the forms of what the two are together. ``expm′(X)_abuv`` is ∂expm(X)_ab/∂X_uv. Summed over u and v it is
the derivative along a matrix; summed over a and b, that of a power series at Xᵀ, for tr(Gᵀ Xᵖ E X^q) is
tr(((Xᵀ)ᵖ G (Xᵀ)^q)ᵀ E).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tensorprop.core.build import mul
from tensorprop.core.expr import Expr, Index, Reduce, Tensor
from tensorprop.core.functions import REDUCTIONS, is_matrix
from tensorprop.render import trees as m
from tensorprop.render import weight as price
from tensorprop.render.matrices.laid import Forms, Laid, MatrixPiece, closed
from tensorprop.render.matrices.line import NoMatrix

__all__ = ["DirectedProduct", "directed", "forms"]


@dataclass(frozen=True)
class DirectedProduct:
    """A derivative in a product: ``along`` is its direction, a matrix at the letters of ``pair``, ``inner`` what is
    summed within; ``stands`` is a tensor in place of both, ``rest`` the other factors."""

    derivative: Reduce
    pair: tuple[str, str]
    others: tuple[str, str]
    turned: bool
    along: Expr
    inner: frozenset[str]
    rest: tuple[Expr, ...]

    @property
    def stands(self) -> Tensor:
        """What stands for the derivative in its direction."""
        return Tensor(f"‹{self.derivative.op}›", tuple(map(Index, self.others)))

    @property
    def gone(self) -> frozenset[str]:
        """The letters that are summed in it."""
        return self.inner | {*self.pair}


def directed(factors: tuple[Expr, ...], summed: frozenset[str], carried: frozenset[str]) -> DirectedProduct | None:
    """The first derivative among the factors two of whose letters are summed with factors that have no other of it.

    >>> from tensorprop.text import parse
    >>> body = parse("D_uv = a_i expm′(X)_ijuv b_j")["D"].value.body
    >>> found = directed(body.factors, frozenset("ij"), frozenset())
    >>> found.pair, found.others, str(found.along)
    (('i', 'j'), ('u', 'v'), 'a_i b_j')
    """
    return next(_found(factors, summed, carried), None)


def _found(factors: tuple[Expr, ...], summed: frozenset[str], carried: frozenset[str]) -> Iterator[DirectedProduct]:
    for f in factors:
        if not (isinstance(f, Reduce) and is_matrix(f.op) and f.op.endswith("′") and REDUCTIONS[f.op].axes == "uuuu"):
            continue
        letters = [a.name for a in f.at if isinstance(a, Index)]
        if len({*letters} - carried) < len(f.at):
            continue
        a, b, u, v = letters
        for pair, others in (((a, b), (u, v)), ((u, v), (a, b))):
            group = [g for g in factors if g is not f and g.free & {*pair}]
            rest = [g for g in factors if g is not f and not g.free & {*pair}]
            reach = frozenset[str]().union(*(g.free for g in group))
            beside = frozenset[str]().union(*(g.free for g in rest), f.free)
            inner = (reach & summed) - beside
            if {*pair} <= summed and group and reach - inner - carried <= {*pair}:
                yield DirectedProduct(f, pair, others, pair == (a, b), mul(*group), inner, tuple(rest))


def forms(d: DirectedProduct, of: MatrixPiece, along: MatrixPiece, place: int) -> MatrixPiece:
    """The derivative at a matrix along another, whichever way it lies. Errors: NoMatrix."""
    r, c = d.derivative.indices
    if of.letters != frozenset((r, c)) or along.letters != frozenset(d.pair):
        raise NoMatrix(f"{d.derivative.op} of a matrix for every value of another index")
    found: Forms = {}
    for turned in (False, True):  # the transpose is that of the transposed matrix along the transposed direction
        at = (r, c) if d.turned is turned else (c, r)
        (a, b), (u, v) = ((x, y) if not turned else (y, x) for x, y in (d.pair, d.others))
        one, other = of.forms[at][0], along.forms[a, b][0]
        tree = m.Directed(d.derivative.op, one.tree, other.tree)
        cost = one.cost + other.cost + price.FUNCTION + price.TURNED_WITHIN * turned
        found[u, v] = [Laid(tree, cost, place)]
    return MatrixPiece(frozenset(d.others), closed(found))
