"""Functions of whole matrices: what of jax.numpy.linalg is a word of the notation.

In: calls and lines of a program, and values. Out: values such as ``inv(A)_ij b_j``; None where a call is not what its
name says, so that what is inside is read. A factorisation stands for what is done with it, which is told by the call
that holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprop.core.build import add, bracket, call, divide, mul, number, reduce, substitute, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.expr import Add, Call, Expr, Index, Mul, Reduce, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.walk import transform
from tensorprop.trace.primitives import Operation, row
from tensorprop.trace.readable import FACTORS, bare
from tensorprop.trace.recognise import Recognition
from tensorprop.trace.sheet import Apart, Axis, Traced

__all__ = ["FUNCTIONS", "solved_by"]

_DEEP = 8  # definitions within definitions that are looked into

Function = Callable[[Recognition, Operation, list[Traced]], list[Traced] | None]


def matrix(page: Recognition, v: Traced, square: bool = True) -> tuple[Tensor, Axis, str, str] | None:
    """A matrix under a name, for every value of the letters in front, and its two letters."""
    v = page.fresh(page.whole(v))
    for k in range(max(0, len(v.axes) - 2), len(v.axes)):
        v = page.one_letter(v, k) if len(v.axes[k]) > 1 else v
    if len(v.axes) < 2 or any(len(a) != 1 for a in v.axes[-2:]) or bare(v.expr):
        return None
    (i,), (j,) = v.axes[-2:]
    if square and page.sizes[i] != page.sizes[j]:
        return None
    if square:
        page.one_range(i, j)
    lead = tuple(k for axis in v.axes[:-2] for k in axis)
    e = v.expr
    plain = isinstance(e, Tensor) and e.letters is not None and set(e.letters) == {*lead, i, j}
    if plain and isinstance(e, Tensor) and e.letters is not None and sorted(e.letters[-2:]) == sorted((i, j)):
        return e, lead, i, j
    e = page.named(e, v.axes)
    if not isinstance(e, Tensor) or not {i, j} <= e.free:  # diagonal, constant …
        return None
    return e, lead, i, j


def of_matrix(page: Recognition, op: str, v: Traced) -> tuple[Expr, Axis, str, str] | None:
    """``op(A)_ij``, or ``op(A)`` of a function that is a number."""
    found = matrix(page, v)
    if found is None or not is_matrix(op):
        return None
    e, lead, i, j = found
    if op in ("det", "logdet"):
        return reduce(op, (i, j), e), lead, i, j
    k, m = page.letter(page.sizes[i], i), page.letter(page.sizes[i], i)
    body = substitute(e, {i: Index(k), j: Index(m)})
    if op == "eigvalsh":  # of the symmetric part, and so the same of Aᵀ
        return reduce(op, (k, m), body, (Index(i),)), lead, i, j
    if e.subscripts[-2:] == (Index(j), Index(i)):  # the inverse of Aᵀ is that of A, transposed
        if op == "cholesky":  # of the symmetric part, and so the same of Aᵀ
            return reduce(op, (m, k), body, (Index(i), Index(j))), lead, i, j
        return reduce(op, (m, k), body, (Index(j), Index(i))), lead, i, j
    return reduce(op, (k, m), body, (Index(i), Index(j))), lead, i, j


def _inv(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    if len(args) != 1 or len(line.outs) != 1:
        return None
    found = of_matrix(page, "inv", args[0])
    if found is None:
        return None
    e, lead, i, j = found
    return [page.define(e, (*((k,) for k in lead), (i,), (j,)))]


def _pinv(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    """``pinv(A)_ji``."""
    found = matrix(page, args[0], square=False) if len(args) == 1 and len(line.outs) == 1 else None
    if found is None:
        return None
    e, lead, i, j = found
    return [page.define(_pinv_of(page, e, i, j), (*((k,) for k in lead), (j,), (i,)))]


def _pinv_of(page: Recognition, e: Tensor, i: str, j: str) -> Expr:
    k, m = page.letter(page.sizes[i], i), page.letter(page.sizes[j], j)
    body = substitute(e, {i: Index(k), j: Index(m)})
    if e.subscripts[-2:] == (Index(j), Index(i)):
        return reduce("pinv", (m, k), body, (Index(i), Index(j)))
    return reduce("pinv", (k, m), body, (Index(j), Index(i)))


def _lstsq(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    """``pinv(A)_ji b_i``; the residuals, the rank and the singular values are not read."""
    found = matrix(page, args[0], square=False) if len(args) == 2 else None
    if found is None or found[1] or bare(args[1].expr):
        return None
    e, _, i, j = found
    b = page.fresh(page.whole(args[1]))
    if len(b.axes[0]) != 1:
        return None
    x = mul(_pinv_of(page, e, i, j), substitute(b.expr, page.put(b.axes[0], (i,))))
    rest = [Traced(call(FACTORS), tuple(map(page.axis, shape))) for shape in line.outs[1:]]
    return [page.define(sum_over((i,), x), ((j,), *b.axes[1:])), *rest]


def _expm(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    """``expm(A)_ij``."""
    found = of_matrix(page, "expm", args[0]) if len(args) == 1 and len(line.outs) == 1 else None
    if found is None:
        return None
    e, lead, i, j = found
    return [page.define(e, (*((k,) for k in lead), (i,), (j,)))]


@row("eigh")
def _eigh(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    """``eigvecs(S)_ij`` and ``eigvalsh(S)_i``, of the symmetric part, so of S where ``(S + Sᵀ)/2`` is given."""
    found = of_matrix(page, "eigvalsh", _symmetric_of(page, args[0])) if not page.plane else None
    if found is None:
        raise page.refuse("eigenvalues of a matrix that is not plain", "give the matrix a name of its own")
    e, lead, i, j = found
    assert isinstance(e, Reduce)
    batch = tuple((k,) for k in lead)
    vectors = reduce("eigvecs", e.indices, e.body, (Index(j), Index(i)))
    both = [page.define(vectors, (*batch, (j,), (i,))), page.define(e, (*batch, (i,)))]
    return both if len(line.outs[0]) > len(line.outs[1]) else both[::-1]


def _symmetric_of(page: Recognition, v: Traced) -> Traced:
    """S, where this is ``(S + Sᵀ)/2``."""
    v = page.whole(v)
    half = page.look(v.expr)
    total = page.look(mul(number(2), half))
    if len(v.axes) > 1 and isinstance(total, Mul) and len(total.factors) == 1:
        total = page.look(total.factors[0])
    if isinstance(total, Add) and len(total.terms) == 2 and all(len(a) == 1 for a in v.axes[-2:]):
        i, j = (axis[0] for axis in v.axes[-2:])
        for one, other in (total.terms, total.terms[::-1]):
            turned = substitute(one, {i: Index(j), j: Index(i)}) is other
            if turned and isinstance(one, Tensor) and one.subscripts[-2:] == (Index(i), Index(j)):
                return v._replace(expr=one)
    return v


@row("svd")
def _svd(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    """``svdvals(A)_k`` over the shorter axis, ``svdright(A)_jk``, and ``U_ik = A_ij V_jk / s_k``."""
    found = matrix(page, args[0], square=False) if not page.plane else None
    if found is None:
        raise page.refuse("the singular values of a matrix that is not plain", "give the matrix a name of its own")
    e, lead, i, j = found
    if len(line.outs) > 1 and line.params.get("full_matrices", True) and page.sizes[i] != page.sizes[j]:
        fix = "jnp.linalg.svd(A, full_matrices=False)"
        raise page.refuse("singular vectors of which more are asked for than a matrix has singular values", fix)
    order = page.ordered(page.sizes[i], page.sizes[j])
    if order is None:
        raise Apart("a matrix has more rows than columns at some sizes, and fewer at others", page.where)
    row_, column = (j, i) if order[0] == page.sizes[i] else (i, j)
    if e.subscripts[-2:] != (Index(row_), Index(column)):
        e = page.named(e, (*((k,) for k in lead), (row_,), (column,)))
    k, m = page.letter(page.sizes[row_], row_), page.letter(page.sizes[column], column)
    body, batch = substitute(e, {row_: Index(k), column: Index(m)}), tuple((b,) for b in lead)
    values = page.define(reduce("svdvals", (k, m), body, (Index(column),)), (*batch, (column,)))
    if len(line.outs) == 1:
        return [values]
    n = page.letter(page.sizes[column], column)
    short = page.define(reduce("svdright", (k, m), body, (Index(column), Index(n))), (*batch, (column,), (n,)))
    inner = mul(e, short.expr)
    value = substitute(values.expr, {column: Index(n)})
    long = page.define(divide(sum_over((column,), inner), value), (*batch, (row_,), (n,)))
    left, right = (long, short) if row_ == i else (short, long)
    return [values, left, right._replace(axes=(*batch, *right.axes[-2:][::-1]))]


def _det(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    if len(args) != 1 or len(line.outs) != 1:
        return None
    found = of_matrix(page, "det", args[0])
    return None if found is None else [page.define(found[0], tuple((k,) for k in found[1]))]


def _slogdet(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    """The sign of the determinant, and the logarithm of its absolute value."""
    if len(args) != 1 or len(line.outs) != 2:
        return None
    found, det = of_matrix(page, "logdet", args[0]), of_matrix(page, "det", args[0])
    if found is None or det is None:
        return None
    axes = tuple((k,) for k in found[1])
    if page.plane:  # of complex numbers det / |det| and log |det|
        size = call("abs", page.define(det[0], axes).expr)
        return [page.define(divide(det[0], size), axes), page.define(call("log", size), axes)]
    return [page.define(call("sign", det[0]), tuple((k,) for k in det[1])), page.define(found[0], axes)]


def _solve(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    """``inv(A)_ij b_j``."""
    if len(args) != 2 or len(line.outs) != 1 or len(line.ins[0]) < 2:
        return None
    return _solved(page, args[0], args[1], -1 if len(line.ins[1]) == 1 else -2)


def _solved(page: Recognition, a: Traced, b: Traced, at: int) -> list[Traced] | None:
    found = of_matrix(page, "inv", a)
    b = page.fresh(page.whole(b))
    at %= len(b.axes)
    b = page.one_letter(b, at) if len(b.axes[at]) > 1 else b
    if found is None or len(b.axes[at]) != 1 or bare(b.expr):
        return None
    e, lead, i, j = found
    put: dict[str, Expr] = dict(page.put(b.axes[at], (j,)))
    for here, k in zip(b.axes[: len(lead)], lead, strict=False):
        put.update(page.put(here, (k,)))
    axes = list(b.axes)
    axes[at] = (i,)
    for n, k in enumerate(lead):
        axes[n] = (k,)
    return [page.define(sum_over((j,), mul(e, substitute(b.expr, put))), tuple(axes))]


def solved_by(page: Recognition, a: Traced, b: Traced, order: tuple[int, ...], at: int) -> list[Traced] | None:
    """``inv(A)_ij b_j``, where ``order`` puts the axes of A as they are in A x: those in front, i, j.

    j is the axis ``at`` of x.
    """
    a = page.whole(a)
    return _solved(page, Traced(a.expr, tuple(a.axes[k] for k in order)), b, at)


@row("lu")
def _lu(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced]:
    """A factorisation: of use only to what is read by another name; the first result knows of what."""
    v = page.fresh(page.whole(args[0]))
    rest = [Traced(call(FACTORS), tuple(map(page.axis, shape))) for shape in line.outs[1:]]
    return [Traced(call(FACTORS, v.expr), v.axes), *rest]


@row("lu_pivots_to_permutation")
def _permutation(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    return Traced(call(FACTORS), tuple(map(page.axis, line.outs[0])))


def _lu_solve(page: Recognition, line: Operation, args: list[Traced]) -> list[Traced] | None:
    """``inv(A)_ij b_j``, given the factors of A."""
    if len(args) != 3 or len(line.outs) != 1:
        return None
    e = args[0].expr
    if not isinstance(e, Call) or e.function != FACTORS or not e.args:
        return None
    turned = _turned(line.params["jaxpr"])
    axes = args[0].axes
    if len(turned) != 1 or True in {c for _, c in turned}:
        return None
    if (True, False) in turned:  # inv(A)_ji b_j
        axes = (*axes[:-2], axes[-1], axes[-2])
    return _solved(page, Traced(e.args[0], axes), args[2], -1 if len(line.ins[2]) == 1 else -2)


def _turned(closed: Any) -> set[tuple[bool, bool]]:
    """Whether systems are solved with a matrix transposed, and conjugated."""
    lines = [e for e in getattr(closed, "jaxpr", closed).eqns]
    found = {(bool(e.params["transpose_a"]), bool(e.params["conjugate_a"])) for e in lines if "transpose_a" in e.params}
    inner = [p for e in lines for p in e.params.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr")]
    return found.union(*map(_turned, inner))


@row("cholesky")
def _cholesky(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``cholesky(S)_ij``."""
    found = of_matrix(page, "cholesky", args[0])
    if found is None:
        raise page.refuse("the Cholesky factor of a matrix that is not plain", "give the matrix a name of its own")
    e, lead, i, j = found
    if not _is_symmetric(page, args[0]):
        page.notes.append(
            f"{_called(page, args[0])}, of which one triangle is factored at {page.where}, is taken to be symmetric: "
            "what it is owed is symmetric too, (G + Gᵀ)/2 of what jax.grad gives"
        )
    return page.define(e, (*((k,) for k in lead), (i,), (j,)))


def _called(page: Recognition, v: Traced) -> str:
    given = page.look(v.expr)
    return given.name if isinstance(given, Tensor) and given.name in page.inputs else "a matrix"


def _is_symmetric(page: Recognition, v: Traced) -> bool:
    """Whether a matrix is the same with rows for columns, whatever the arguments are."""
    v = page.whole(v)
    if any(len(axis) != 1 for axis in v.axes[-2:]):
        return False
    (i,), (j,) = v.axes[-2:]
    e = v.expr
    for _ in range(_DEEP):
        new = transform(e, page.look)
        if new is e:
            break
        e = new
    return canonical(e) is canonical(substitute(e, {i: Index(j), j: Index(i)}))


FUNCTIONS: dict[str, Function] = {
    "inv": _inv,
    "det": _det,
    "slogdet": _slogdet,
    "solve": _solve,
    "lu_solve": _lu_solve,
    "pinv": _pinv,
    "_pinv": _pinv,
    "_lstsq": _lstsq,
    "expm": _expm,
}


@row("triangular_solve")
def _triangular_solve(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``inv(T)_ij b_j``, where T is a triangle of a matrix."""
    p = line.params
    v = page.fresh(page.whole(args[0]))
    (i,), (j,) = v.axes[-2:]
    order = "≥" if p["lower"] else "≤"
    if p["unit_diagonal"]:
        strict = bracket(">" if p["lower"] else "<", Index(i), Index(j))
        e = add(mul(strict, v.expr), bracket("=", Index(i), Index(j)))
    else:
        e = page.triangle(bracket(order, Index(i), Index(j)), v.expr)
    turned = bool(p["transpose_a"]) == bool(p["left_side"])
    axes = (*v.axes[:-2], (j,), (i,)) if turned else v.axes
    page.one_range(i, j)
    e = e if isinstance(e, Tensor) and e.letters is not None else page.named(e, v.axes)
    solved = _solved(page, Traced(e, axes), args[1], -2 if p["left_side"] else -1)
    if solved is None:
        raise page.refuse("a triangular system of a matrix that is not plain")
    return solved[0]
