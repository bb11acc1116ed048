"""Sums that could stand in two places: both readings, written out in the user's own text.

In: the text, the term and the letter in doubt. Out: the error to raise. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Collection

from tensorprop.errors import AmbiguousSum
from tensorprop.text.terms import Apply, Bind, Leaf, Plus, Power, Relate, Term, Tree

__all__ = ["alone", "doubled", "twice"]


def alone(text: str, letter: str, letters: list[str], term: Term, holder: Tree) -> AmbiguousSum:
    """An index that stands once in a term and not on the left."""
    spot = _innermost(holder, letter)
    around = [sigma([letter]) + _slice(text, term)]
    if spot is not holder and spot is not term:
        around.append(_edited(text, term, _inserted(spot, letter)))
    also = f" (and so do {', '.join(letters[1:])})" if len(letters) > 1 else ""
    known = "an index is summed where it stands twice or more in a term; here nothing tells where the sum begins"
    leaf = _leaf(spot, letter)
    return AmbiguousSum(
        f"index {letter} stands once in this term and is not on the left{also}",
        text,
        (leaf.start, leaf.end),
        known=known,
        fix=_either(around) if len(around) > 1 else f"write `{around[0]}` if the sum is meant, or put {letter} on the left",
    )


def twice(text: str, letter: str, here: list[str], term: Term, outer: Collection[str]) -> AmbiguousSum:
    """An index that several factors, or a factor and the rest, would each sum for themselves."""
    edits: list[tuple[int, str]] = []
    for f in term.factors:
        if letter in f.closed:
            edits += [e for spot in _closings(f, letter) for e in _inserted(spot, letter)]
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
    span = (f.start, f.end)
    inner = [c for c in f.base.closed if c not in outer] if isinstance(f, Power) else []
    if inner and isinstance(f, Power):
        edits = [e for c in inner for spot in _closings(f.base, c) for e in _inserted(spot, c)]
        both = [sigma(here) + _edited(text, term, edits), sigma([*here, *(c for c in inner if c not in here)]) + _slice(text, term)]
    elif isinstance(f, Power) and not (term.under and term.under[k]):
        base = _slice(text, f.base)
        both = [sigma([letter]) + _slice(text, term), _edited(text, term, [(f.base.start, f"({sigma([letter])}"), (f.base.start + len(base), ")")])]
    else:
        both = [sigma([letter]) + _slice(text, term), _edited(text, term, [(f.start, f"({sigma([letter])}"), (f.end, ")")])]
    return AmbiguousSum(f"the sum over {letter} has two readings", text, span, fix=_either(both))


def sigma(letters: list[str]) -> str:
    """``Σ_ij`` with a space after it."""
    if all(len(c) == 1 for c in letters):
        return f"Σ_{''.join(letters)} "
    return f"Σ[{', '.join(letters)}] "


def _either(readings: list[str]) -> str:
    return "write " + ", or ".join(f"`{r}`" for r in readings)


def _slice(text: str, t: Tree) -> str:
    return text[t.start : t.end]


def _edited(text: str, t: Tree, edits: list[tuple[int, str]]) -> str:
    out, at = "", t.start
    for where, what in sorted(dict.fromkeys(edits), key=lambda e: e[0]):
        out, at = out + text[at:where] + what, where
    return out + text[at : t.end]


def _inserted(spot: Tree, letter: str) -> list[tuple[int, str]]:
    if isinstance(spot, Plus):
        return [(spot.start, sigma([letter]) + "("), (spot.end, ")")]
    return [(spot.start, sigma([letter]))]


def _parts(t: Tree) -> list[Tree]:
    match t:
        case Term():
            return t.factors
        case Plus():
            return t.terms
        case Power():
            return [t.base, t.exponent]
        case Apply():
            return t.args
        case Relate():
            return [t.left, t.right]
        case Bind():
            return [t.body]
        case _:
            return []


def _innermost(t: Tree, letter: str) -> Tree:
    """The smallest part in which a sum over the letter could stand."""
    spot = t
    while True:
        parts = [p for p in _parts(t) if letter in p.open]
        if len(parts) != 1:
            return spot
        if isinstance(t, (Plus, Apply, Relate, Bind, Power)):
            spot = parts[0]
        t = parts[0]


def _leaf(t: Tree, letter: str) -> Tree:
    """Where the letter stands first."""
    while True:
        inner = next((p for p in _parts(t) if letter in p.open), None)
        if inner is None:
            return t
        t = inner


def _closings(t: Tree, letter: str) -> list[Tree]:
    """The products inside ``t`` around which the rule would put the sum over the letter."""
    if isinstance(t, Leaf):
        return []
    if isinstance(t, Term) and t.place(letter, ()) != "inside":
        return [t]
    return [s for p in _parts(t) if letter in p.closed for s in _closings(p, letter)]
