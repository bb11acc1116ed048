"""Places in code, read: what an array of whole numbers picks, ``a[k]``, and zeros around an array, ``np.pad``.

In: the entry of an array, the letters of its axes, places or widths. Out: the entry and the axes of what they give.
How code is written is read in `python`; nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tensorprop.calculus.laws import straightened
from tensorprop.core.build import ZERO, add, bracket, mul, number, substitute
from tensorprop.core.expr import Expr, Index
from tensorprop.render.reading.typed import Types

__all__ = ["axes_named", "from_the_end", "padded", "picked", "whole_number", "widths_of"]

Axes = tuple[str | None, ...]


def picked(entry: Expr, axes: Sequence[str | None], places: Sequence[Expr]) -> Expr:
    """The entry that stands where ``places`` say, one for each axis."""
    put = {i: place for i, place in zip(axes, places, strict=True) if i is not None}
    return straightened(substitute(entry, put))


def padded(entry: Expr, axes: Axes, widths: Sequence[tuple[int, int]], types: Types) -> tuple[Expr, Axes] | None:
    """An array with zeros before and behind; None where the widths do not fit its axes, or a size is not told."""
    widths = [*widths] * (len(axes) if len(widths) == 1 else 1)
    if len(widths) != len(axes):
        return None
    out: list[str | None] = []
    for i, (before, behind) in zip(axes, widths, strict=True):
        if i is None or not (before or behind):
            out.append(i)
            continue
        if (size := types.names.size(types.range[i])) is None:
            return None
        out.append(j := types.any())
        place = add(Index(j), number(-before))
        entry = mul(substitute(entry, {i: place}), bracket("≥", place, ZERO), bracket("<", place, size))
    return straightened(entry), tuple(out)


def widths_of(n: ast.expr) -> list[tuple[int, int]]:
    """``1``, ``(1, 2)``, ``((1, 1), (0, 0))``: how many zeros stand before and behind."""
    match n:
        case ast.Constant(int() as k):
            return [(k, k)]
        case ast.Tuple([ast.Constant(int() as k), ast.Constant(int() as m)]):
            return [(k, m)]
        case ast.Tuple(parts):
            return [pair for p in parts for pair in widths_of(p)]
        case _:
            return []


def from_the_end(n: ast.AST) -> bool:
    """Whether an array is read from its end, ``x[::-1]``."""
    return isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Slice) and whole_number(n.slice.step) == -1


def axes_named(n: ast.expr) -> list[int]:
    """``1`` or ``[0, 1]``: axes by number."""
    several = n.elts if isinstance(n, (ast.List, ast.Tuple)) else [n]
    return [k for x in several if (k := whole_number(x)) is not None]


def whole_number(n: ast.AST | None) -> int | None:
    """``2``, ``-1``; None for anything else."""
    match n:
        case ast.Constant(int() as k):
            return k
        case ast.UnaryOp(ast.USub(), ast.Constant(int() as k)):
            return -k
        case _:
            return None
