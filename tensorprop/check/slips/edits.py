"""The slips that a hand makes: every expression that is one small edit away from a given one.

In: an expression, the letters of its left side, and what is known of the names around it. Out: edits, each with its
kind, what stood there and what stands there now. Which of them explains a fault is not known here, nor any number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from tensorprop.check.slips.changes import About, Names, Occurrence, changes_adding, changes_at
from tensorprop.check.slips.conjugated import turned
from tensorprop.check.slips.costs import COST
from tensorprop.core.build import (
    ONE,
    add,
    bracket,
    mul,
    remake,
    sum_over,
)
from tensorprop.core.expr import Add, Bracket, Call, Expr, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.walk import fold, postorder, transform
from tensorprop.errors import TensorpropError

__all__ = ["Edit", "Names", "by_cases", "edits", "multiplied_out", "places_of"]

_PLACES = 250  # places of an expression that are edited
_TERMS = 64  # terms that a product of sums is multiplied out to


@dataclass(frozen=True)
class Edit:
    """One edit: at one place ``new`` stands where ``old`` did, and the whole is now ``value``.

    ``kind`` names the edit as it is done; ``cost`` says how far-fetched it is. ``steps`` are the nodes around the
    place, from the inside out, before and after, by which the edit is found in a text. ``detail`` is a letter or name.
    """

    kind: str
    old: Expr
    new: Expr
    value: Expr
    cost: float
    steps: tuple[tuple[Expr, Expr], ...] = ()
    detail: str = ""


def places_of(value: Expr, letters: frozenset[str]) -> list[Occurrence]:
    """Every place, in reading order, those outside first."""
    found: list[Occurrence] = []
    stack = [Occurrence(value, None, 0, letters, False)]
    while stack and len(found) < _PLACES:
        p = stack.pop()
        found.append(p)
        n = p.node
        inner = p.scope | frozenset(n.indices) if isinstance(n, (Sum, Reduce)) else p.scope
        argument = p.argument or (isinstance(n, Call) and n.function != "power")
        for k, c in reversed(list(enumerate(n.children))):
            outside = isinstance(n, Reduce) and k > 0
            stack.append(Occurrence(c, p, k, p.scope if outside else inner, argument))
    return found


def edits(
    value: Expr,
    letters: Iterable[str],
    names: Names,
    runs: Mapping[str, object] | None = None,
    adding: bool = False,
) -> Iterator[Edit]:
    """Every expression one edit away, in reading order of the places; each has the same free letters or fewer.

    ``runs``: the ranges of the letters on the left side. ``adding``: factors are put in, and nothing else is done.
    """
    free = frozenset(letters)
    about = About(names, {**names.runs(value), **(runs or {})})
    seen: set[tuple[str, Expr]] = set()
    matrices = _matrices(value)  # of which only the entries are others: nobody writes inv(A) of a diagonal
    places = places_of(value, free)
    what = changes_adding if adding else changes_at
    changes = ((p, change) for p in places for change in what(p, about))
    for place, (kind, old, new, here, cost, detail) in changes:
        try:
            whole, steps = place.put(here)
        except TensorpropError:
            continue
        same = kind == "transposed" or matrices >= _matrices(whole)
        if same and whole is not value and whole.free <= free and (kind, whole) not in seen:
            seen.add((kind, whole))
            yield Edit(kind, old, new, whole, cost, steps, detail)
    for e in () if adding else _everywhere(value, names):
        if e.value is not value and e.value.free <= free and (e.kind, e.value) not in seen:
            seen.add((e.kind, e.value))
            yield e


def _matrices(e: Expr) -> set[tuple[str, tuple[str, ...]]]:
    """The functions of whole matrices in an expression, and what the rows and columns are called inside."""
    return {(n.op, n.indices) for n in postorder(e) if isinstance(n, Reduce) and is_matrix(n.op)}


# --------------------------------------------------------------------------- what goes wrong everywhere at once
def _everywhere(value: Expr, names: Names) -> Iterator[Edit]:
    """One name, or one transposition, wherever a tensor stands more than once."""
    entries: dict[str, list[Occurrence]] = {}
    for p in places_of(value, value.free):
        if isinstance(p.node, Tensor):
            entries.setdefault(p.node.name, []).append(p)
    yield from _arguments(value, names)
    for name, places in entries.items():
        t = places[0].node
        if len(places) < 2 or not isinstance(t, Tensor):
            continue
        for a, b in combinations(range(len(t.subscripts)), 2):
            yield _throughout(
                value, "transposed", name, t, _swapped(a, b), COST["two indices exchanged throughout"], name
            )
        if name in names.plane:
            yield _conjugated(value, name, t)
        kind = "argument" if all(p.argument for p in places) else "tensor"
        for other, fits in names.like(name):
            what = "another tensor throughout" if fits else "another tensor of another range throughout"
            yield _throughout(value, kind, name, t, _called(other), COST[what], other)


def _conjugated(value: Expr, name: str, t: Tensor) -> Edit:
    """A tensor conjugated wherever it is not, and the other way."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Tensor() if n.name == name:
                return turned(n)
            case Call("conj", (Tensor() as t,)) if t.name == name:
                return t
            case _:
                return remake(n, children)

    whole = fold(value, rule)
    return Edit("conjugate", t, turned(t), whole, COST["a conjugate throughout"], ((value, whole),), name)


def _arguments(value: Expr, names: Names) -> Iterator[Edit]:
    """A function's value at another argument at which the equations have it, ``σ(1.702 x_i)`` for ``σ(x_i)``."""
    for n in {n: None for n in postorder(value) if isinstance(n, Call) and len(n.args) == 1}:
        assert isinstance(n, Call)
        for other in names.calls:
            if other.function == n.function and other is not n and other.free == n.free:
                whole = transform(value, lambda m, n=n, other=other: other if m is n else m)
                steps = ((n.args[0], other.args[0]), (n, other))
                yield Edit("argument", n.args[0], other.args[0], whole, COST["an argument that is about"], steps)


def _swapped(a: int, b: int) -> Callable[[Tensor], Expr]:
    def change(t: Tensor) -> Expr:
        places = list(t.subscripts)
        places[a], places[b] = places[b], places[a]
        return Tensor(t.name, tuple(places))

    return change


def _called(name: str) -> Callable[[Tensor], Expr]:
    return lambda t: Tensor(name, t.subscripts)


def _throughout(
    value: Expr, kind: str, name: str, t: Tensor, change: Callable[[Tensor], Expr], cost: float, detail: str
) -> Edit:
    whole = transform(value, lambda n: change(n) if isinstance(n, Tensor) and n.name == name else n)
    return Edit(kind, t, change(t), whole, cost, ((value, whole),), detail)


# --------------------------------------------------------------------------- terms
_OPPOSITE = {"=": "≠", "≠": "=", "<": "≥", "≥": "<", ">": "≤", "≤": ">"}


def by_cases(e: Expr) -> Expr:
    """``where([x > 0], a, b)`` as ``[x > 0] a + [x ≤ 0] b``, which is how a derived rule says it.

    >>> from tensorprop.text import parse_expression
    >>> print(by_cases(parse_expression("where([x_i > 0], 1, x_i)", free="i")))
    [x_i > 0] + [x_i ≤ 0] x_i
    """

    def rule(n: Expr) -> Expr:
        match n:
            case Call("where", (Bracket(relation, left, right) as holds, one, other)):
                return add(mul(holds, one), mul(bracket(_OPPOSITE[relation], left, right), other))
            case _:
                return n

    return transform(e, rule)


def multiplied_out(e: Expr) -> list[Expr]:
    """The terms of an expression, products of sums multiplied out, letters as they are.

    >>> from tensorprop.text import parse_expression
    >>> [str(t) for t in multiplied_out(parse_expression("p_t (a_t - Σ_u p_u a_u)", free="t"))]
    ['p_t a_t', '-p_t Σ_u p_u a_u']
    """
    done: dict[Expr, list[Expr]] = {}
    for n in postorder(e):
        match n:
            case Add(parts):
                done[n] = [u for t in parts for u in done[t]]
            case Mul(factors):
                found: list[Expr] = [ONE]
                for f in factors:
                    more = done[f] if len(found) * len(done[f]) <= _TERMS else [f]
                    found = [mul(a, b) for a in found for b in more]
                done[n] = found
            case Sum(indices, body):
                done[n] = [_over(indices, t) for t in done[body]]
            case Call("power", (base, Number(value))) if value == 2 and len(done[base]) ** 2 <= _TERMS:
                done[n] = [mul(a, b) for a in done[base] for b in done[base]]
            case _:
                done[n] = [n]
    return done[e]


def _over(indices: tuple[str, ...], t: Expr) -> Expr:
    """``Σ t``, the number in front of the sum."""
    if isinstance(t, Mul) and isinstance(t.factors[0], Number):
        return mul(t.factors[0], sum_over(indices, mul(*t.factors[1:])))
    return sum_over(indices, t)
