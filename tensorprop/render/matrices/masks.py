"""Matrices of ones and zeros with a name: ``L x`` for a sum over all that came before, ``L_tu = [u ≤ t]``.

In: the lines of a page. Out: the same, ``tril(11ᵀ)`` in them under a name that is free, and told in the legend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import compress
from typing import NamedTuple, TypeAlias

from tensorprop.calculus.stable import MASKED, stable_expr
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index
from tensorprop.core.names import primal, primal_axes
from tensorprop.core.ranges import one_axis
from tensorprop.core.told import Axis
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.render import trees as m
from tensorprop.render.matrices.line import Line
from tensorprop.render.trees import MathTree

__all__ = ["Key", "ToldMask", "as_mask", "as_softmax", "as_told", "definitions", "masks_of", "with_masks"]

_NAMES = "LMCRKHJ"
_ADDED = "MNCRKHJL"  # what is added
_ORDER = r"([^\W\d_])\s*([≤≥<>])\s*([^\W\d_])"
_DEFINED = re.compile(
    rf"([^\W\d_])_\{{?([^\W\d_]) ?([^\W\d_])\}}?\s*=\s*"
    rf"(?:\[\s*{_ORDER}\s*\]|0\s*where\s*{_ORDER}\s*,\s*[-−]\s*(?:∞|inf|oo)\s*elsewhere)"
)
_SWAPPED = {"≥": "≤", "≤": "≥", ">": "<", "<": ">"}
_UNTOLD: Axis = ("", 0)  # the axis of a letter that no tensor has


_Brackets: TypeAlias = dict[tuple[str, str, str], Bracket]


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


def as_told(mask: m.Mask) -> ToldMask:
    """A mask of a page as its definition would be read."""
    match mask.bracket:
        case Bracket(relation, Index(left), Index(right)):
            return ToldMask(mask.name, "".join(mask.letters), left, relation, right, mask.added)
        case _:
            raise AssertionError(mask)


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


Key: TypeAlias = tuple[Axis, Axis, str, bool]
"""Which mask it is: the axes of its rows and of its columns, what is compared how, and whether it is added."""


def with_masks(lines: Iterable[Line], s: System, known: Iterable[tuple[Key, m.Mask]] = ()) -> tuple[Line, ...]:
    """The lines, in which a triangle of ones that is part of a formula has a name: one for all that are the same.

    ``known``: those that have a name on the page already (`masks_of`).

    >>> from tensorprop.render.layout import Convention
    >>> from tensorprop.render.matrices.choose import lines
    >>> from tensorprop.text import parse
    >>> s = parse("c_t = Σ_u [u ≤ t] x_u; d_t = Σ_v [v ≤ t] c_v")
    >>> [line.legend for line in with_masks(lines(s, Convention()), s)]
    [(('L_tu = [u ≤ t]', ()),), (('L_tu = [u ≤ t]', ()),)]
    """
    namer = _Namer(s, dict(known))
    return tuple(map(namer.named, lines))


def masks_of(lines: Iterable[Line], s: System) -> tuple[tuple[Key, m.Mask], ...]:
    """The masks that the lines of a page have, each with its name."""
    namer = _Namer(s, {})
    for line in lines:
        namer.named(line)
    return tuple(namer.known.items())


class _Namer:
    """The names of the masks of one page."""

    def __init__(self, s: System, known: dict[Key, m.Mask]) -> None:
        self._names = {n for name in s.names for n in (name, primal(name))}
        self._axis = one_axis(s)
        self.known = known

    def named(self, line: Line) -> Line:
        """The line with names for masks; one that is nothing but a mask has one only if the page has named it."""
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
            return self._mask(t, added, brackets, line.plain, new=t is not right)

        named = rule(right)
        return line if named is right else replace(line, right=named)

    def _mask(self, t: m.Triangle, added: bool, brackets: _Brackets, eq: Equation, new: bool) -> MathTree | None:
        ones = _ones(t.of)
        if ones is None or t.part not in _SWAPPED:
            return None
        lower = t.part in "≥>"
        part = t.part if lower else _SWAPPED[t.part]
        found = [(key, b) for key, b in brackets.items() if key[2] == part]
        along = [self._long(one) for one in (ones if lower else ones[::-1])]
        told = [[self._of(i, eq) for i in key[:2]] for key, _ in found]
        if len(found) > 1:  # the one of the axes that the ones have; several of the same axes are one matrix
            there = [all(a in (of or (_UNTOLD,)) for a, of in zip(along, pair, strict=True)) for pair in told]
            found, told = list(compress(found, there)), list(compress(told, there))
        if not found:
            return None
        ((row, column, _), b), pair = found[0], told[0]
        rows, columns = (a if a in of else (*of, _UNTOLD)[0] for a, of in zip(along, pair, strict=True))
        key = self._same((rows, columns, part, added))
        if key not in self.known:
            used = self._names | {one.name for one in self.known.values()}
            free = [c for c in (_ADDED if added else _NAMES) if c not in used]
            several = _UNTOLD in key[:2] and any(known[2:] == key[2:] for known in self.known)
            if not free or not new or several:  # several: it may be any of these
                return None
            self.known[key] = m.Mask(free[0], b, (row, column), part, ones, added)
        it = replace(self.known[key], ones=ones if lower else (ones[1], ones[0]))
        return it if lower else m.Transpose(it)

    def _same(self, key: Key) -> Key:
        """The key of a known mask, the only one that this can be; else itself."""
        same = [
            k
            for k in self.known
            if k[2:] == key[2:] and all(b in (a, _UNTOLD) for a, b in zip(k, key[:2], strict=False))
        ]
        return same[0] if len(same) == 1 else key

    def _long(self, one: m.Ones) -> Axis:
        """The axis that is as long as a vector of ones."""
        name = one.axis.tensor if one.axis.tensor in self._names else primal(one.axis.tensor)
        if one.more or name not in self._names:
            return _UNTOLD
        found = self._axis(Dim(name, one.axis.axis))
        return found.tensor, found.axis

    def _of(self, letter: str, eq: Equation) -> tuple[Axis, ...]:
        """The axes along which a letter runs, as tensors tell it that have the letter or one that equals it."""
        tied = {letter}
        for e in postorder(eq.value):
            match e:
                case Bracket("=", Index(i), Index(j)) if letter in (i, j):
                    tied |= {i, j}
                case _:
                    pass
        out: dict[Axis, None] = {}
        for t in (eq.target, *tensors_of(eq.value)):
            axes = primal_axes(t) or [(t.name, k) for k in range(len(t.subscripts))]
            for axis, place in zip(axes, t.subscripts, strict=True):
                if axis[0] in self._names and isinstance(place, Index) and place.name in tied:
                    found = self._axis(Dim(*axis))
                    out[found.tensor, found.axis] = None
        return tuple(out)


def _orders(line: Line) -> _Brackets:
    """The brackets that order two indices: by the greater one, the lesser, and whether they may be equal."""
    out: _Brackets = {}
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
