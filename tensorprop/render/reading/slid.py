"""``a ⋆ b`` and ``a * b`` in a formula: the sums over shifted places that they stand for.

In: two parts of a formula with their types. Out: the part that they make, or a Misfit.
"""

from __future__ import annotations

from tensorprop.core.build import add, mul, negate, substitute, sum_over
from tensorprop.core.expr import Index
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.reading.typed import Misfit, Typed, Types

__all__ = ["convolved", "slides"]


def slides(types: Types, a: Typed, b: Typed) -> bool:
    """Whether ``*`` is no ⊙: so it was told, or one of two vectors, or matrices, is not as long as the other."""
    if a.scalar or b.scalar or len(a.letters) != len(b.letters):
        return False
    return types.slid or not all(types.fits(i, j) for i, j in zip(a.letters, b.letters, strict=True))


def convolved(types: Types, a: Typed, b: Typed, flipped: bool) -> Typed:
    """``a ⋆ b`` is ``Σ_u a[x + u] b_u``; ``a * b`` is ``Σ_u a[x − u] b_u``.

    Errors: Misfit of a number, of a vector and a matrix, of indices that are taken as one.
    """
    sign = "*" if flipped else "⋆"
    alike = (a.rows is None) == (b.rows is None) and (a.columns is None) == (b.columns is None)
    if a.scalar or not alike or any(types.each(i) != (i,) for i in (*a.letters, *b.letters)):
        raise Misfit(a, b, sign, types)
    new = {i: types.any() for i in a.letters}
    moved = {
        i: add(Index(new[i]), negate(Index(j)) if flipped else Index(j))
        for i, j in zip(a.letters, b.letters, strict=True)
    }
    entry = sum_over(b.letters, mul(substitute(a.entry, moved), b.entry))
    star = "*" if flipped else r"\star"
    math = Math(f"{a.math.unicode} {sign} {b.math.unicode}", f"{a.math.latex} {star} {b.math.latex}")
    rows, columns = (None if i is None else new[i] for i in (a.rows, a.columns))
    return Typed(entry, rows, columns, math)
