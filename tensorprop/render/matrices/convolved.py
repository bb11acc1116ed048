"""Convolutions: ``y = a ⋆ k`` for ``Σ_u a[x + u] k_u``, ``a * k`` for ``Σ_u a[x − u] k_u``, channels summed.

In: an Equation whose right side is a sum over the product of two tensors, one of them read at shifted places. Out: a
Line, or None; of windows with a stride, a dilation or an offset the reason why there is none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from tensorprop.core.affine import form
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Index, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import tensors_of
from tensorprop.render import trees as m
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.line import Line
from tensorprop.render.matrices.stand_ins import Seen
from tensorprop.render.trees import MathTree

__all__ = ["convolved", "why_not"]


class _Moves(NamedTuple):
    """A subscript ``x ± u``: its axis, the index that stays, the one that is summed, and whether it counts down."""

    axis: int
    stays: str
    gone: str
    flipped: bool


def convolved(eq: Equation, met: Seen | None, convention: Convention, outside: tuple[str, ...] = ()) -> Line | None:
    """The line of a convolution in one or two directions; ``outside``: what is told of entries that it lacks.

    >>> from tensorprop.text import parse
    >>> line = convolved(parse("y_x = a[x+u] K_u")["y"], None, Convention())
    >>> line.right.flipped
    False
    """
    match eq.value, eq.letters:
        case Sum(summed, body), letters if len(letters) == len(eq.target.subscripts):
            factors = factors_of(body)
        case _:
            return None
    if len(factors) != 2:
        return None
    for a, k in (factors, factors[::-1]):
        if isinstance(a, Tensor) and isinstance(k, Tensor) and k.letters is not None:
            found = _line(eq, a, k, summed, met, convention)
            if found is not None:
                return replace(found, outside=outside if met is None else ())
    return None


def why_not(eq: Equation) -> str:
    """Why a window has no sign of its own: it does not move by single steps."""
    for t in tensors_of(eq.value):
        for s in t.subscripts:
            parts = {} if isinstance(s, (Index, Tensor)) else form(s)
            letters = [c for p, c in parts.items() if isinstance(p, Index)]
            if len(letters) == 2 and len(parts) > 2:
                return f"the window {t.name}[{s}] is offset, and ⋆ and * are not"
            if len(letters) == 2 and any(abs(c) != 1 for c in letters):
                return f"the window {t.name}[{s}] has a stride or a dilation, and ⋆ and * move by single steps"
    return ""


def _line(
    eq: Equation, a: Tensor, k: Tensor, summed: tuple[str, ...], met: Seen | None, convention: Convention
) -> Line | None:
    letters, own = eq.letters, k.letters or ()
    moves = _moves(a, letters, summed)
    if not moves or len({*letters}) < len(letters) or len({*own}) < len(own):
        return None
    stays, gone = [v.stays for v in moves], [v.gone for v in moves]
    plain = [s.name for s in a.subscripts if isinstance(s, Index)]
    used = [*plain, *stays, *gone]
    if len({*used}) < len(used) or not {*gone} <= {*own} or {*stays} & {*own}:
        return None
    added = tuple(i for i in summed if i not in gone)
    carried = tuple(i for i in letters if i not in stays)
    if not {*added} <= {*plain} & {*own} or not {*carried} <= {*plain, *own}:
        return None
    out = {*added, *carried}
    named = [
        _name(t, [axis[i] for i in order], out, convention)
        for t, axis, order in (
            (eq.target, {i: n for n, i in enumerate(letters)}, stays),
            (a, {v.stays: v.axis for v in moves}, stays),
            (k, {i: n for n, i in enumerate(own)}, gone),
        )
    ]
    left, one, other = named
    if left is None or one is None or other is None or len({n.kind for n in (left, one, other)}) > 1:
        return None
    tree: MathTree = m.Convolved(one, other, moves[0].flipped)
    return Line(eq, left, m.Over(added, tree) if added else tree, carried, seen=met)


def _moves(a: Tensor, letters: tuple[str, ...], summed: tuple[str, ...]) -> list[_Moves]:
    """The shifted subscripts of a tensor, in the order of what stays on the left side; empty if one is another."""
    found: list[_Moves] = []
    for axis, s in enumerate(a.subscripts):
        if isinstance(s, Index):
            continue
        parts = form(s)
        names = {p.name: c for p, c in parts.items() if isinstance(p, Index)}
        stays, gone = [i for i in names if i in letters], [i for i in names if i in summed]
        if len(parts) != 2 or len(stays) != 1 or len(gone) != 1 or names[stays[0]] != 1 or abs(names[gone[0]]) != 1:
            return []
        found.append(_Moves(axis, stays[0], gone[0], names[gone[0]] < 0))
    if len(found) > 2 or len({v.flipped for v in found}) > 1:
        return []
    return sorted(found, key=lambda v: letters.index(v.stays))


def _name(t: Tensor, order: list[int], out: set[str], convention: Convention) -> m.Name | None:
    """A tensor cut along what is carried; None where the convention shows it transposed."""
    slots = tuple(s.name if isinstance(s, Index) and s.name in out else None for s in t.subscripts)
    placed, kind = convention.placed(t, tuple(sorted(order)))
    return m.Name(t.name, slots, tuple(order), kind) if placed == tuple(order) else None
