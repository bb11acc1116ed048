"""``a ⋆ b`` and ``a * b`` in a formula: the sums over shifted places that they stand for.

In: two parts of a formula with their types. Out: the part that they make, or a Misfit.
"""

from __future__ import annotations

import re

from tensorprop.core.build import add, mul, number, substitute, sum_over
from tensorprop.core.expr import Expr, Index
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.dialects import LATEX, UNICODE
from tensorprop.render.pen import Pen, Style
from tensorprop.render.reading.typed import Misfit, Typed, Types

__all__ = ["convolved", "offset_in", "place", "slides"]


def place(x: str, u: str, flipped: bool, stride: int = 1, dilation: int = 1, offset: int = 0) -> Expr:
    """Where the image is read: ``stride x ± dilation u + offset``.

    >>> print(place("x", "u", True, 1, 2, -1))
    x - 2 u - 1
    """
    steps = mul(number(-dilation if flipped else dilation), Index(u))
    return add(mul(number(stride), Index(x)), steps, number(offset))


def offset_in(remark: str) -> tuple[int, ...] | None:
    """Where images are read from, by the remark behind a formula; None where it does not speak of what lies outside.

    >>> offset_in("(padding 1, a = 0 outside)"), offset_in("(offset (1, 2))"), offset_in("(a = 0 outside)")
    ((-1,), (1, 2), ())
    """
    found = _OFFSET.search(remark)
    if found is None:
        return () if _OUTSIDE.search(remark) is not None else None
    return tuple(int(n) * (-1 if found[1] == "padding" else 1) for n in re.findall(r"\d+", found[2]))


_OUTSIDE = re.compile(r"=\s*\S+\s+outside")
_OFFSET = re.compile(r"\b(padding|offset)\s+(\d+|\([\d,\s]+\))")


def slides(types: Types, a: Typed, b: Typed) -> bool:
    """Whether ``*`` is no ⊙: so it was told, or one of two vectors, or matrices, is not as long as the other."""
    if a.scalar or b.scalar or len(a.letters) != len(b.letters):
        return False
    return types.slid is not None or not all(types.fits(i, j) for i, j in zip(a.letters, b.letters, strict=True))


def convolved(
    types: Types, a: Typed, b: Typed, flipped: bool, strides: tuple[int, ...] = (), dilations: tuple[int, ...] = ()
) -> Typed:
    """``a ⋆ b`` is ``Σ_u a[x + u] b_u``; ``a * b`` is ``Σ_u a[x − u] b_u``.

    One stride, one dilation is that of every direction. Errors: Misfit of a number, of a vector and a matrix, of
    indices that are taken as one, of other numbers of steps than there are directions.
    """
    sign, star = (
        Pen(to, Style()).slides(flipped, *(",".join(map(str, n)) for n in (strides, dilations)))
        for to in (UNICODE, LATEX)
    )
    many = len(a.letters)
    steps = ((strides, 1), (dilations, 1), (types.slid or (), 0))
    each = [n * many if len(n) == 1 else n or (single,) * many for n, single in steps]
    alike = (a.rows is None) == (b.rows is None) and (a.columns is None) == (b.columns is None)
    if (
        a.scalar
        or not alike
        or {*map(len, each)} != {many}
        or any(types.each(i) != (i,) for i in (*a.letters, *b.letters))
    ):
        raise Misfit(a, b, sign, types)
    new = {i: types.any() for i in a.letters}
    moved = {i: place(new[i], j, flipped, *moves) for i, j, *moves in zip(a.letters, b.letters, *each, strict=True)}
    entry = sum_over(b.letters, mul(substitute(a.entry, moved), b.entry))
    math = Math(f"{a.math.unicode} {sign} {b.math.unicode}", f"{a.math.latex} {star} {b.math.latex}")
    rows, columns = (None if i is None else new[i] for i in (a.rows, a.columns))
    return Typed(entry, rows, columns, math)
