"""``[e ≥ 0] [e < n] f_{w,x}`` is ``Σ_j [e = j] f_{w,x}`` with j below n: a band of few places in place of a grid.

The brackets of a product that hold one form e of its letters, one of them with the factor ±1, between two numbers are
an equality for each of n values, so that `lowerings.selection` reads, or adds, at the places of the band alone. This is
what the adjoint of a window ``a[2x + u]`` says, ``[2x ≤ w] [w - 2x < n]``, and what a banded mask says,
``[t - u < 3] [u ≤ t]``. It is done where the band has fewer places than the letter that it tells has values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

from tensorprop.core.affine import Form, difference, written
from tensorprop.core.build import subtract
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Number
from tensorprop.run.lowerings.selection import Selects, called
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Rule, Value

__all__ = ["Bounds", "bands", "bounded"]

_SAVES = 2  # how many times fewer the places of the band must be


class Bounds(NamedTuple):
    """What brackets say of one form of letters: ``low ≤ form ≤ high``, None where nothing is said."""

    form: Form
    low: int | None
    high: int | None
    masks: list[Factor]


def bounded(on: Selects, p: Contraction) -> list[Bounds]:
    """The order brackets between letters, those of one form together."""
    found: dict[frozenset[tuple[Expr, Fraction]], Bounds] = {}
    for m in p.masks:
        e, names, _ = m
        said = _bound(on, p, e, names)
        if said is None:
            continue
        f, low, high = said
        key = frozenset(f.items())
        old = found.get(key, Bounds(f, None, None, []))
        lows = [n for n in (old.low, low) if n is not None]
        highs = [n for n in (old.high, high) if n is not None]
        found[key] = Bounds(f, max(lows, default=None), min(highs, default=None), [*old.masks, m])
    return list(found.values())


_Bound = tuple[Form, int | None, int | None]


def _bound(on: Selects, p: Contraction, e: Expr, names: Mapping[str, str]) -> _Bound | None:
    """A bracket as ``low ≤ form`` or ``form ≤ high``; the form is of letters alone, the first with a factor above 0."""
    if not isinstance(e, Bracket) or e.relation in ("=", "≠"):
        return None
    if on.affine(e.left) is None or on.affine(e.right) is None:
        return None
    rest = 0
    letters: Form = {}
    for part, c in difference(called(p, e.left, names), called(p, e.right, names)).items():
        match part:
            case Index():
                letters[part] = c
            case Number(value=n):
                rest += int(c * n)
            case Dim(tensor=name, axis=axis):
                rest += int(c) * on.size(name, axis)
            case _:
                return None
    if len(letters) < 2 or any(c.denominator != 1 for c in letters.values()):
        return None
    # letters + rest ⋛ 0
    less = e.relation in ("<", "≤")
    edge = -rest + {"<": -1, "≤": 0, ">": 1, "≥": 0}[e.relation]
    first = min(letters, key=lambda i: i.name if isinstance(i, Index) else "")
    if letters[first] < 0:
        letters, less, edge = {i: -c for i, c in letters.items()}, not less, -edge
    return (letters, None, edge) if less else (letters, edge, None)


def _nothing() -> Rule:
    """A product whose brackets hold nowhere."""
    yield from ()
    return Value(Fraction(0), ())


def bands(on: Selects, p: Contraction) -> Callable[[Selects], Rule] | None:
    """The product with an equality, and a letter of its own, for brackets that bound a form to few places."""
    made = p.within(p.free, ())
    for b in bounded(on, p):
        if b.low is None or b.high is None:
            continue
        letters = [i.name for i in b.form if isinstance(i, Index)]
        n = b.high - b.low + 1
        if n <= 0:
            return lambda on: _nothing()
        told = [i for i in letters if b.form[Index(i)] in (1, -1) and p.sizes[i] >= _SAVES * n]
        if not told or not any(i in p.bound for i in letters):
            continue
        letter = "band"
        while letter in made.sizes:
            letter += "′"
        made.sizes[letter] = n
        made.bound.append(letter)
        made.masks = [m for m in made.masks if m not in b.masks]
        place = subtract(written(b.form), Index(letter))
        made.masks.append((Bracket("=", place, Number(Fraction(b.low))), {}, made.sizes))
    return (lambda on: on.contract(made.within(made.free, ()))) if len(made.bound) > len(p.bound) else None
