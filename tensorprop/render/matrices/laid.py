"""Typed forms: what a part of a product may look like, what operations make of it, and which forms are kept.

In: math trees with their prices. Out: trees with the price of their product, transpose or ⊙, and for every way to lay a
part out the few forms that are easiest to read. Which parts are put together is `products`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tensorprop.core.expr import Dim
from tensorprop.render import weight as price
from tensorprop.render.trees import (
    HADAMARD,
    PRODUCT,
    Diag,
    ElementPower,
    Entrywise,
    Figure,
    Hadamard,
    Identity,
    Inverse,
    MathTree,
    Ones,
    Product,
    Quotient,
    Transpose,
    Triangle,
    level,
)
from tensorprop.render.weight import diag_cost, transposed_cost

__all__ = [
    "HELD",
    "Forms",
    "Laid",
    "MatrixPiece",
    "Sign",
    "as_diag",
    "closed",
    "hadamard",
    "keep",
    "outer_ones",
    "times",
    "times_scalars",
    "turn",
]

Sign: TypeAlias = tuple[str | None, str | None]
"""Row index and column index: (i, None) is a column, (None, i) a row, (i, j) a matrix."""


class Laid(NamedTuple):
    """A typed form: its tree, how hard it is to read, and where its first and its last factor stand in the text."""

    tree: MathTree
    cost: float
    place: int = 0
    last: int = -1


Forms: TypeAlias = dict[Sign, list[Laid]]


class MatrixPiece(NamedTuple):
    """A part of a product: its indices, and for every way to lay them out the forms that it can take."""

    letters: frozenset[str]
    forms: Forms
    cut: bool = False  # whether every name in it is a slice, as far as the search knows


HELD = 2  # forms of a piece that lie the same way


# --------------------------------------------------------------------------- operations, with their price
def times(*parts: Laid) -> Laid:
    """The matrix product; scalars come to the front, unit matrices go."""
    scalars: list[MathTree] = []
    rest: list[MathTree] = []
    cost = 0.0
    for p in parts:
        tree = p.tree
        cost += p.cost
        if type(tree) is Product and tree.kind != "scalar":
            lead = 0
            while tree.factors[lead].kind == "scalar":
                lead += 1
            scalars += tree.factors[:lead]
            rest += tree.factors[lead:]
        else:
            rest.append(tree)
            if level(tree) < PRODUCT:
                cost += price.PARENTHESES
    if len(rest) > 1 and Identity in map(type, rest):
        slim = [t for t in rest if not isinstance(t, Identity)] or rest[:1]
        cost -= price.NAME * (len(rest) - len(slim))
        rest = slim
    cost += price.BACKWARD * (parts[0].place > parts[-1].place)
    factors = (*scalars, *rest)
    return Laid(factors[0] if len(factors) == 1 else Product(factors), cost, *_span(parts))


def _span(parts: Sequence[Laid]) -> tuple[int, int]:
    first, last = parts[0].place, -1
    for p in parts:
        first = min(first, p.place)
        last = max(last, p.place, p.last)
    return first, last


def turn(f: Laid) -> Laid:
    """The transpose."""
    match f.tree:
        case Transpose(Entrywise("conj") as of):
            return Laid(of, f.cost - price.CONJUGATED, f.place)
        case Transpose(of):
            return Laid(of, f.cost - transposed_cost(of), f.place)
        case Diag() | Identity() | Inverse(Diag()):
            return f
        case Product(factors) if factors[0].kind == "scalar" and f.tree.kind != "scalar":
            lead = 0
            while factors[lead].kind == "scalar":
                lead += 1
            rest = factors[lead:]
            turned = turn(Laid(rest[0] if len(rest) == 1 else Product(rest), f.cost, f.place))
            return times_scalars(factors[:lead], turned)
        case Quotient(numerator, denominator):
            turned = turn(Laid(numerator, f.cost, f.place))
            return Laid(Quotient(turned.tree, denominator), turned.cost, f.place)
        case Entrywise("conj"):  # Aᴴ
            return Laid(Transpose(f.tree), f.cost + price.CONJUGATED, f.place)
        case tree:
            return Laid(Transpose(tree), f.cost + transposed_cost(tree), f.place)


def times_scalars(scalars: Sequence[MathTree], f: Laid) -> Laid:
    """Scalars in front of a form; their own cost is already in it."""
    tail = f.tree.factors if isinstance(f.tree, Product) and f.tree.kind != "scalar" else (f.tree,)
    return Laid(Product((*scalars, *tail)), f.cost, f.place)


def hadamard(f: Laid, g: Laid) -> Laid:
    """The product entry by entry, in the order in which the factors were written."""
    if f.place > g.place:
        f, g = g, f
    if isinstance(f.tree, Triangle) != isinstance(g.tree, Triangle):  # it is written around the other: tril(A)
        other = g if isinstance(f.tree, Triangle) else f
        return Laid(Hadamard((f.tree, g.tree)), other.cost + price.FUNCTION, *_span((f, g)))
    factors: list[MathTree] = []
    for t in (f.tree, g.tree):
        factors += t.factors if isinstance(t, Hadamard) else (t,)
    cost = f.cost + g.cost + price.SIGN
    cost += price.PARENTHESES * ((level(f.tree) < HADAMARD) + (level(g.tree) < HADAMARD))
    cost += price.BACKWARD * (max(f.place, f.last) > g.place) + price.TORN * (f.last > g.place and _outer(f.tree))
    factors.sort(key=_reciprocal)
    return Laid(Hadamard(tuple(factors)), cost, *_span((f, g)))


def _outer(t: MathTree) -> bool:
    """Whether it is the product of two vectors, neither of them ones."""
    match t:
        case Product((a, b)):
            return a.kind == "column" and b.kind == "row" and not any(isinstance(x, Ones) for x in (a, *b.children))
        case _:
            return False


def _reciprocal(t: MathTree) -> bool:
    return isinstance(t, ElementPower) and isinstance(t.exponent, Figure) and t.exponent.value == -1


def as_diag(f: Laid) -> Laid:
    """The diagonal matrix of a vector, whichever way it lies."""
    tree = f.tree.of if isinstance(f.tree, Transpose) else f.tree
    cost = f.cost + price.DIAG - price.TRANSPOSED * isinstance(f.tree, Transpose)
    if isinstance(tree, ElementPower) and _reciprocal(tree):
        return Laid(Inverse(Diag(tree.base)), cost, f.place)
    return Laid(Diag(tree), cost - price.DIAG + diag_cost(tree), f.place, f.last)


def outer_ones(axes: tuple[Dim, ...], row_layout: bool, place: int = 0) -> tuple[Laid, Laid]:
    """The vector of ones as a column and as a row."""
    axis, *more = axes
    if row_layout:
        one = Laid(Ones(axis, "row", tuple(more)), price.ONES, place)
        return Laid(Transpose(one.tree), price.ONES + price.TRANSPOSED, place), one
    one = Laid(Ones(axis, "column", tuple(more)), price.ONES, place)
    return one, Laid(Transpose(one.tree), price.ONES + price.TRANSPOSED, place)


# --------------------------------------------------------------------------- sets of forms
def keep(forms: Forms, sign: Sign, new: Laid) -> bool:
    """Remember a form if it is the cheapest, or the cheapest of its kind beside a cheaper one; whether it is."""
    held = forms.setdefault(sign, [])
    if len(held) == HELD and new.cost >= held[-1].cost:
        return False
    shape = _shape(new.tree)
    for n, old in enumerate(held):
        if _shape(old.tree) is shape:
            if new.cost >= old.cost:
                return False
            held[n] = new
            held.sort(key=_cost)
            return True
    held.append(new)
    held.sort(key=_cost)
    del held[HELD:]
    return True


def _shape(t: MathTree) -> type[MathTree]:
    """The kind of a form, whatever scalars stand around it."""
    if isinstance(t, Quotient):
        return _shape(t.numerator)
    if isinstance(t, Product) and len(rest := [f for f in t.factors if f.kind != "scalar"]) == 1:
        return type(rest[0])
    return type(t)


def _cost(f: Laid) -> float:
    return f.cost


def closed(forms: Forms) -> Forms:
    """The forms together with the transposes of their mirror images."""
    for sign in list(forms):
        if sign != (None, None):
            for f in list(forms[sign]):
                keep(forms, (sign[1], sign[0]), turn(f))
    return forms
