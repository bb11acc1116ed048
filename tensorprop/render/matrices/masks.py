"""Matrices of ones and zeros with a name: ``L x`` for a sum over all that came before, ``L_tu = [u ≤ t]``.

In: the lines of a page. Out: the same, ``tril(11ᵀ)`` in them under a name that is free, and told in the legend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from tensorprop.calculus.stable import MASKED, stable_expr
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Bracket, Call, Expr, Index
from tensorprop.core.names import primal
from tensorprop.core.walk import postorder
from tensorprop.render import trees as m
from tensorprop.render.matrices.line import Line
from tensorprop.render.trees import MathTree

__all__ = ["ToldMask", "as_mask", "as_softmax", "definitions", "with_masks"]

_NAMES = "LMCRKHJ"
_ADDED = "MNCRKHJL"  # what is added
_ORDER = r"([^\W\d_])\s*([≤≥<>])\s*([^\W\d_])"
_DEFINED = re.compile(
    rf"([^\W\d_])_\{{?([^\W\d_]) ?([^\W\d_])\}}?\s*=\s*"
    rf"(?:\[\s*{_ORDER}\s*\]|0\s*where\s*{_ORDER}\s*,\s*[-−]\s*(?:∞|inf|oo)\s*elsewhere)"
)
_SWAPPED = {"≥": "≤", "≤": "≥", ">": "<", "<": ">"}


class ToldMask(NamedTuple):
    """A definition taken apart: the name, its letters, what is compared how, and whether it is added."""

    name: str
    letters: str
    left: str
    relation: str
    right: str
    added: bool


def as_mask(words: str) -> ToldMask | None:
    """A definition as what it says.

    >>> as_mask("M_tu = 0 where u ≤ t, −∞ elsewhere")
    ToldMask(name='M', letters='tu', left='u', relation='≤', right='t', added=True)
    """
    hit = _DEFINED.fullmatch(words.strip())
    return None if hit is None else _taken_apart(hit)


def _taken_apart(hit: re.Match[str]) -> ToldMask:
    added = hit[4] is None
    left, relation, right = hit.groups()[6:] if added else hit.groups()[3:6]
    return ToldMask(hit[1], hit[2] + hit[3], left, relation, right, added)


def definitions(text: str) -> list[ToldMask]:
    """All definitions in a text."""
    return [*map(_taken_apart, _DEFINED.finditer(text))]


def as_softmax(eq: Equation) -> Equation:
    """The equation with a softmax under a mask, written out by hand, as one of what is masked by −∞.

    >>> from tensorprop.text import parse
    >>> print(as_softmax(parse("P_tu = [u ≤ t] exp(S_tu) / Σ_v [v ≤ t] exp(S_tv)")["P"]))
    P_tu = softmax_u(where([u ≤ t], S_tu, -1e30))
    """
    value = stable_expr(eq.value)
    if any(_hidden(e) for e in postorder(value)) and not any(_hidden(e) for e in postorder(eq.value)):
        return equation(eq.target, value)
    return eq


def _hidden(e: Expr) -> bool:
    return isinstance(e, Call) and e.function == "where" and e.args[2] is MASKED and isinstance(e.args[0], Bracket)


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
    known: dict[tuple[str, str, str, bool], m.Mask] = {}

    def named(line: Line) -> Line:
        right, brackets = line.right, _orders(line)
        if right is None or not brackets:
            return line

        def rule(t: MathTree) -> MathTree:
            match t:
                case m.Entrywise("log", (m.Triangle() as ones,)):
                    return mask(ones, True) or t.map(rule)
                case m.Along("softmax", m.Entrywise("where", (m.Triangle() as ones, inner, m.Figure(least)))) if (
                    least == MASKED.value and (hides := mask(ones, True)) is not None
                ):
                    return replace(t, of=m.TermSum((rule(inner), hides)))
                case m.Triangle():
                    return mask(t, False) or t.map(rule)
                case _:
                    return t.map(rule)

        def mask(t: m.Triangle, added: bool) -> MathTree | None:
            ones = _ones(t.of)
            if ones is None or t.part not in _SWAPPED:
                return None
            lower = t.part in "≥>"
            part = t.part if lower else _SWAPPED[t.part]
            found = [(key, b) for key, b in brackets.items() if key[2] == part]
            used = taken | {one.name for one in known.values()}
            free = [c for c in (_ADDED if added else _NAMES) if c not in used]
            if len(found) != 1 or not ((*found[0][0], added) in known or free):
                return None
            ((row, column, _), b) = found[0]
            if (row, column, part, added) not in known:
                known[row, column, part, added] = m.Mask(free[0], b, (row, column), part, ones, added)
            it = replace(known[row, column, part, added], ones=ones if lower else (ones[1], ones[0]))
            return it if lower else m.Transpose(it)

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
