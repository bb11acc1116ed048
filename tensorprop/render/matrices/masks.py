"""Matrices of ones and zeros with a name: ``L x`` for a sum over all that came before, ``L_tu = [u ≤ t]``.

In: the lines of a page. Out: the same, ``tril(11ᵀ)`` in them under a name that is free, and told in the legend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from tensorprop.core.equation import System
from tensorprop.core.expr import Bracket, Index
from tensorprop.core.names import primal
from tensorprop.core.walk import postorder
from tensorprop.render import trees as m
from tensorprop.render.matrices.line import Line
from tensorprop.render.trees import MathTree

__all__ = ["as_mask", "definitions", "with_masks"]

_NAMES = "LMCRKHJ"
_DEFINED = re.compile(r"([^\W\d_])_\{?([^\W\d_]) ?([^\W\d_])\}?\s*=\s*\[\s*([^\W\d_])\s*([≤≥<>])\s*([^\W\d_])\s*\]")
_SWAPPED = {"≥": "≤", "≤": "≥", ">": "<", "<": ">"}


def as_mask(words: str) -> tuple[str, str, str, str, str] | None:
    """A definition taken apart: the name, its letters, and what is compared how.

    >>> as_mask("L_tu = [u ≤ t]")
    ('L', 'tu', 'u', '≤', 't')
    """
    hit = _DEFINED.fullmatch(words.strip())
    return None if hit is None else (hit[1], hit[2] + hit[3], hit[4], hit[5], hit[6])


def definitions(text: str) -> list[tuple[str, str, str, str, str]]:
    """All definitions in a text."""
    return [(hit[1], hit[2] + hit[3], hit[4], hit[5], hit[6]) for hit in _DEFINED.finditer(text)]


def with_masks(lines: Iterable[Line], s: System) -> tuple[Line, ...]:
    """The lines, in which a triangle of ones that is part of a formula has a name.

    >>> from tensorprop.render.layout import Convention
    >>> from tensorprop.render.matrices.choose import lines
    >>> from tensorprop.text import parse
    >>> s = parse("c_t = Σ_u [u ≤ t] x_u")
    >>> with_masks(lines(s, Convention()), s)[0].legend
    (('L_tu = [u ≤ t]', ()),)
    """
    taken = {primal(name) for name in s.names}
    free = [c for c in _NAMES if c not in taken]
    known: dict[tuple[str, str, str], m.Mask] = {}

    def named(line: Line) -> Line:
        right, brackets = line.right, _orders(line)
        if right is None or not brackets:
            return line

        def rule(t: MathTree) -> MathTree:
            if not (isinstance(t, m.Triangle) and (ones := _ones(t.of)) is not None and t.part in _SWAPPED):
                return t.map(rule)
            lower = t.part in "≥>"
            part = t.part if lower else _SWAPPED[t.part]
            found = [(key, b) for key, b in brackets.items() if key[2] == part]
            if len(found) != 1 or (found[0][0] not in known and len(known) == len(free)):
                return t
            ((row, column, _), b) = found[0]
            new = m.Mask(
                free[min(len(known), len(free) - 1)], b, (row, column), part, ones if lower else (ones[1], ones[0])
            )
            mask = known.setdefault((row, column, part), new)
            mask = m.Mask(mask.name, mask.bracket, mask.letters, part, new.ones)
            return mask if lower else m.Transpose(mask)

        new = right if isinstance(right, m.Triangle) and _ones(right.of) is not None else rule(right)
        return line if new is right else replace(line, right=new)

    return tuple(map(named, lines))


def _orders(line: Line) -> dict[tuple[str, str, str], Bracket]:
    """The brackets that order two indices: by the greater one, the lesser, and whether they may be equal."""
    out: dict[tuple[str, str, str], Bracket] = {}
    for e in postorder(line.plain.value):
        match e:
            case Bracket(relation, Index(i), Index(j)) if relation in _SWAPPED and len(i) == len(j) == 1:
                key = (i, j, relation) if relation in "≥>" else (j, i, _SWAPPED[relation])
                out.setdefault(key, e)
            case _:
                pass
    return out


def _ones(t: MathTree) -> tuple[m.Ones, m.Ones] | None:
    """The vectors of ones of ``11ᵀ``."""
    match t:
        case m.Product((m.Ones() as a, m.Transpose(m.Ones() as b))) | m.Product(
            (m.Transpose(m.Ones() as a), m.Ones() as b)
        ):
            return a, b
        case _:
            return None
