"""Whole matrices in finite fields: inverses, determinants and Cholesky factors, exactly.

In: a matrix of residues and the field. Out: what the function of it is there. An inverse is a quotient of polynomials,
so that ``A⁻¹ A = 1``, ``(A B)⁻¹ = B⁻¹ A⁻¹`` and whatever follows from these hold at every point, and nothing else does
but by chance. A Cholesky factor has square roots on its diagonal: those residues that play the positive numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprop.check.prove.fields import Field, NoRoot

__all__ = ["EXACT_MATRICES", "matrix_of"]

Matrix = list[list[int]]


def _reduced(m: Matrix, p: int) -> tuple[Matrix, int]:
    """The inverse and the determinant, by elimination. A matrix that has none is drawn again."""
    n = len(m)
    rows = [[x % p for x in row] + [int(i == k) for k in range(n)] for i, row in enumerate(m)]
    det = 1
    for c in range(n):
        pivot = next((r for r in range(c, n) if rows[r][c]), None)
        if pivot is None:
            raise NoRoot
        if pivot != c:
            rows[c], rows[pivot], det = rows[pivot], rows[c], -det
        det = det * rows[c][c] % p
        over = pow(rows[c][c], -1, p)
        rows[c] = [x * over % p for x in rows[c]]
        for r in range(n):
            if r != c and (f := rows[r][c]):
                rows[r] = [(x - f * y) % p for x, y in zip(rows[r], rows[c], strict=True)]
    return [row[n:] for row in rows], det % p


def _inverse(m: Matrix, field: Field) -> Matrix:
    return _reduced(m, field.p)[0]


def _determinant(m: Matrix, field: Field) -> int:
    return _reduced(m, field.p)[1]


def _cholesky(m: Matrix, field: Field) -> Matrix:
    """L with ``L Lᵀ = (m + mᵀ) / 2``, positive on its diagonal."""
    p, n, half = field.p, len(m), pow(2, -1, field.p)
    low = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            left = ((m[i][j] + m[j][i]) * half - sum(low[i][k] * low[j][k] for k in range(j))) % p
            if i == j:
                if not left or pow(left, field.positive, p) != 1:
                    raise NoRoot
                low[i][i] = pow(left, pow(2, -1, field.positive), p)
            else:
                low[i][j] = left * pow(low[j][j], -1, p) % p
    return low


def _inverse_cholesky(m: Matrix, field: Field) -> Matrix:
    return _inverse(_cholesky(m, field), field)


_FUNCTIONS: dict[str, Callable[[Matrix, Field], Matrix | int]] = {
    "inv": _inverse,
    "det": _determinant,
    "cholesky": _cholesky,
    "inv_cholesky": _inverse_cholesky,
}
EXACT_MATRICES = frozenset(_FUNCTIONS)
"""Functions of whole matrices that have a value in a finite field."""


def matrix_of(op: str, m: Matrix, field: Field) -> Matrix | int:
    """The function of a square matrix, a matrix or a number.

    >>> from tensorprop.check.prove.fields import fields
    >>> field = fields(0, False)[0]
    >>> m = [[2, 1], [5, 3]]
    >>> matrix_of("inv", m, field) == [[3, field.p - 1], [field.p - 5, 2]], matrix_of("det", m, field)
    (True, 1)
    """
    return _FUNCTIONS[op](m, field)
