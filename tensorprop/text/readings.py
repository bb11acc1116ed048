"""Sums that could stand in two places: both readings, written out in the user's own text.

In: the text, the term and the letter in doubt. Out: the error to raise. Nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tensorprop.core.build import fresh
from tensorprop.errors import AmbiguousSum
from tensorprop.text.implied import Apply, Bind, Leaf, Plus, Power, Relate, Term, Tree, parts

__all__ = ["alone", "doubled", "twice"]


def alone(text: str, letter: str, letters: list[str], term: Term, holder: Tree, target: str) -> AmbiguousSum:
    """An index that stands once in a term and not on the left."""
    spot = _innermost(holder, letter)
    around = [sigma(letters) + _slice(text, term)]
    k = next((k for k, f in enumerate(term.factors) if letter in f.open), 0)
    if term.under is not None and term.under[k] and spot is not term.factors[k]:
        around.append(_edited(text, term, _divisor(term, k, letter)))
    if spot is not holder and spot is not term:
        around.append(_edited(text, term, _inserted(spot, letter)))
    also = f", and so do {', '.join(letters[1:])}" if len(letters) > 1 else ""
    left = f", or put {' and '.join(letters)} on the left of {target}" if target else ""
    leaf = _leaf(spot, letter)
    return AmbiguousSum(
        f"index {letter} stands once in this term and is not on the left{also}",
        text,
        (leaf.start, leaf.end),
        known="a sum is understood where an index stands twice or more in a term",
        fix=_either(around) if len(around) > 1 else f"write `{around[0]}` if the sum is meant{left}",
    )


def twice(text: str, letter: str, here: list[str], term: Term, outer: Collection[str]) -> AmbiguousSum:
    """An index that several factors, or a factor and the rest, would each sum for themselves."""
    shared = any(letter in f.open for f in term.factors)  # then the inner sums need a letter of their own
    other = fresh(letter, {c for f in term.factors for c in (*f.open, *f.closed)}.union(outer)) if shared else letter
    edits: list[tuple[int, int, str]] = []
    for f in term.factors:
        for spot in _closings(f, letter) if letter in f.closed else ():
            edits += _inserted(spot, other)
            if shared:
                edits += _renamed(text, spot, letter, other)
    return AmbiguousSum(
        f"one sum over {letter} around the whole, or one in each part?",
        text,
        (term.start, term.end),
        fix=_either([sigma([letter]) + _slice(text, term), _edited(text, term, edits)]),
    )


def doubled(text: str, letter: str, here: list[str], term: Term, outer: Collection[str]) -> AmbiguousSum:
    """An index of which only a power, or only a divisor, makes two."""
    k = next(k for k, f in enumerate(term.factors) if letter in f.open)
    f = term.factors[k]
    divides = term.under is not None and term.under[k]
    inner = [c for c in f.base.closed if c not in outer] if isinstance(f, Power) else []
    if inner and isinstance(f, Power):
        edits = [e for c in inner for spot in _closings(f.base, c) for e in _inserted(spot, c)]
        every = [*here, *(c for c in inner if c not in here)]
        readings = [sigma(here) + _edited(text, term, edits), sigma(every) + _slice(text, term)]
    else:
        spot = f.base if isinstance(f, Power) and not divides else f
        edits = [(spot.start, spot.start, f"({sigma([letter])}"), (spot.end, spot.end, ")")]
        readings = [sigma([letter]) + _slice(text, term), _edited(text, term, edits)]
    return AmbiguousSum(f"the sum over {letter} has two readings", text, (f.start, f.end), fix=_either(readings))


def sigma(letters: list[str]) -> str:
    """``Σ_ij`` with a space after it."""
    if all(len(c) == 1 for c in letters):
        return f"Σ_{''.join(letters)} "
    return f"Σ[{', '.join(letters)}] "


def _either(readings: list[str]) -> str:
    return "write " + ", or ".join(f"`{r}`" for r in readings)


def _slice(text: str, t: Tree) -> str:
    return text[t.start : t.end]


def _edited(text: str, t: Tree, edits: list[tuple[int, int, str]]) -> str:
    """The text of a tree with pieces of it replaced, none of which overlap."""
    out, at = "", t.start
    for start, end, what in sorted(dict.fromkeys(edits), key=lambda e: e[:2]):
        out, at = out + text[at:start] + what, end
    return out + text[at : t.end]


def _inserted(spot: Tree, letter: str) -> list[tuple[int, int, str]]:
    """The edits that put a sum around a part."""
    if isinstance(spot, Plus):
        return [(spot.start, spot.start, sigma([letter]) + "("), (spot.end, spot.end, ")")]
    return [(spot.start, spot.start, sigma([letter]))]


def _divisor(term: Term, k: int, letter: str) -> list[tuple[int, int, str]]:
    """The edits that put a sum around a divisor, which is all that a sum after the last / can take."""
    f = term.factors[k]
    if k == len(term.factors) - 1:
        return [(f.start, f.start, sigma([letter]))]
    return [(f.start, f.start, "(" + sigma([letter])), (f.end, f.end, ")")]


def _renamed(text: str, t: Tree, old: str, new: str) -> list[tuple[int, int, str]]:
    """The edits that call an index otherwise in every entry below."""
    if not isinstance(t, Leaf):
        return [e for p in parts(t) for e in _renamed(text, p, old, new)]
    if old not in t.open:
        return []
    name = re.match(r"[^_\[ₐ-ₜᵢ-ᵪ]*", text[t.start : t.end])
    start = t.start + (name.end() if name else 0)
    rest = text[start : t.end]
    whole = rf"\b{re.escape(old)}\b" if rest[:1] == "[" or len(old) > 1 else re.escape(old)
    return [(start, t.end, re.sub(whole, new, rest))]


def _innermost(t: Tree, letter: str) -> Tree:
    """The smallest part in which a sum over the letter could stand."""
    spot = t
    while True:
        inner = [p for p in parts(t) if letter in p.open]
        if len(inner) != 1:
            return spot
        if isinstance(t, (Plus, Apply, Relate, Bind, Power)):
            spot = inner[0]
        t = inner[0]


def _leaf(t: Tree, letter: str) -> Tree:
    """Where the letter stands first."""
    while True:
        inner = next((p for p in parts(t) if letter in p.open), None)
        if inner is None:
            return t
        t = inner


def _closings(t: Tree, letter: str) -> list[Tree]:
    """The products inside ``t`` around which the rule would put the sum over the letter."""
    if isinstance(t, Leaf):
        return []
    if isinstance(t, Term) and t.places(()).get(letter) != "inside":
        return [t]
    return [s for p in parts(t) if letter in p.closed for s in _closings(p, letter)]
