"""Logarithms of determinants, taken apart: ``log|A B| = log|A| + log|B|`` where both are square.

In: an expression, what defined tensors are, which of them are square, and what is declared. Out: an equal expression,
in which determinants are taken of matrices with names alone. A proof knows a determinant exactly, and of its logarithm
nothing but of which number it is: what a logarithm makes of a product is said here::

    log|c A B⁻¹ Cᵀ| = n log|c| + log|A| - log|B| + log|C|
    log|exp(A)| = Σ_i A_ii          log(det(S)) = log|S| of a positive definite S
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tensorprop.core.build import add, call, mul, negate, reduce, substitute, sum_over
from tensorprop.core.expr import Call, Dim, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import transform

__all__ = ["taken_apart"]

_DEEP = 8  # products of products


def taken_apart(
    e: Expr,
    definitions: Mapping[str, tuple[tuple[str, ...], Expr]],
    square: Callable[[str], bool],
    kinds: Mapping[str, frozenset[str]],
) -> Expr:
    """``e`` with logarithms of determinants of products as sums of such of their factors.

    >>> from tensorprop.text import parse
    >>> s = parse("S_ij = L_ik L_jk; y = logdet(S); lower(L)")
    >>> print(taken_apart(s["y"].value, s.definitions(), s.declared.__contains__, s.declared))
    logdet(L) + logdet(L)
    """

    def rule(n: Expr) -> Expr:
        match n:
            case Call("log", (Reduce("det", indices, Tensor(name=name) as body, ()),)) if "spd" in kinds.get(name, ()):
                return reduce("logdet", indices, body)
            case Reduce("logdet", body=Tensor(name=name) as body) if name in definitions:
                letters, value = definitions[name]
                return _of(n, substitute(value, dict(zip(letters, body.subscripts, strict=True))), square)
            case Reduce("logdet", body=Sum() | Reduce() as body):
                return _of(n, body, square)
            case _:
                return n

    for _ in range(_DEEP):
        new = transform(e, rule)
        if new is e:
            break
        e = new
    return e


def _of(n: Reduce, value: Expr, square: Callable[[str], bool]) -> Expr:
    """The logarithm of the determinant of a product; ``n`` as it is where it is no product of square matrices."""
    row, column = n.indices
    inside = frozenset((row, column, *(value.indices if isinstance(value, Sum) else ())))
    factors = factors_of(value.body if isinstance(value, Sum) else value)
    matrices = [f for f in factors if f.free & inside]
    rest = [f for f in factors if not f.free & inside]
    ends = [_ends(f, square) for f in matrices]
    if not matrices or not _is_chain([(i, j) for i, j in (e for e in ends if e)], row, column, inside):
        return n
    if len(ends) != len([e for e in ends if e]):
        return n
    terms = [_logarithm(f) for f in matrices]
    if rest:
        size = next((Dim(t.name, len(t.subscripts) - 1) for f in matrices if (t := _matrix(f)) is not None), None)
        if size is None:
            return n
        terms.append(mul(size, call("log", call("abs", mul(*rest)))))
    return add(*terms)


def _matrix(f: Expr) -> Tensor | None:
    """The matrix that has a name in a factor."""
    t = f.body if isinstance(f, Reduce) else f
    return t if isinstance(t, Tensor) and len(t.subscripts) > 1 else None


def _ends(f: Expr, square: Callable[[str], bool]) -> tuple[str, str] | None:
    """The row and the column of a factor that is a square matrix, or the inverse or the exponential of one."""
    t = _matrix(f)
    if t is None or (isinstance(f, Reduce) and f.op not in ("inv", "expm")):
        return None
    places = f.at if isinstance(f, Reduce) else t.subscripts[-2:]
    if not (isinstance(f, Reduce) or square(t.name)) or len(places) != 2:
        return None
    i, j = places
    return (i.name, j.name) if isinstance(i, Index) and isinstance(j, Index) and i is not j else None


def _is_chain(ends: list[tuple[str, str]], row: str, column: str, inside: frozenset[str]) -> bool:
    """Whether matrices stand one after the other from the row to the column, and no letter is anywhere else."""
    here, left, seen = row, list(ends), {row}
    while left:
        found = next((e for e in left if here in e), None)
        if found is None:
            return False
        left.remove(found)
        here = found[1] if found[0] == here else found[0]
        if here in seen:
            return False
        seen.add(here)
    return here == column and seen == inside


def _logarithm(f: Expr) -> Expr:
    match f:
        case Reduce("inv", indices, body):
            return negate(reduce("logdet", indices, body))
        case Reduce("expm", (i, j), body):
            return sum_over((i,), substitute(body, {j: Index(i)}))
        case Tensor(subscripts=(*_, Index(i), Index(j))):
            return reduce("logdet", (i, j), f)
        case _:
            raise AssertionError(f)
