"""``Σ_n [n = e] f_n = [0 ≤ e < dim n] f_e``, a gather; and ``y_n = Σ_b [n = e_b] f_b``, a scatter that adds.

In a product that is summed, an equality in which a letter stands once and alone, with a factor of ±1, says what that
letter is. Where it is summed, it is put there: every factor that has the letter is read at e, and is zero where e lies
outside, as the bracket is. Where it is kept, and e has letters that are summed, what stands beside the bracket is
worked out without it, and added in its places. No array over both is ever made.

The bracket may stay one instead, where its letter has few values: comparing is then less work than reading at places
that the machine cannot foresee.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tensorprop.core.affine import Form, form, written
from tensorprop.core.build import rename
from tensorprop.core.expr import Bracket, Expr, Index
from tensorprop.core.walk import postorder
from tensorprop.run.lowerings.entries import Asks, entries
from tensorprop.run.lowerings.whole_form import Affine
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Rule, Sizes, Value, Wish

__all__ = ["Selects", "called", "equalities", "pick", "read_at", "scatter", "solved", "targets"]

# Work in entries that a loop handles: comparing and adding takes one, a place that is known only at run time many.
_FEW = 16  # values of a letter up to which a bracket is compared
_ROW = 60  # placing one row somewhere
_SLICES = 32  # slices that are added one by one


class Selects(Asks, Protocol):
    """What a selection is asked by: it can work out a product, too."""

    def contract(self, p: Contraction) -> Rule: ...
    def finish(self, p: Contraction, v: Value, after: Contraction) -> Rule: ...
    def plain(self, v: Value) -> object: ...
    def values_of(
        self, p: Contraction, factors: Iterable[Factor], outside: float
    ) -> Generator[Wish, Value, list[Value]]: ...
    def multiplied(self, values: Sequence[Value]) -> Value: ...
    def summed(self, v: Value, letters: Sequence[str]) -> Value: ...
    def scaled(self, v: Value, c: Any, scalar: Sequence[Value]) -> Value: ...
    def whole_tensor(self, name: str, letters: tuple[str, ...]) -> Value: ...
    def zero_outside(self, name: str) -> bool: ...
    def size(self, name: str, axis: int) -> int: ...


def called(p: Contraction, e: Expr, names: Mapping[str, str]) -> Expr:
    """``e`` with its letters as the product calls them."""
    return rename(e, {i: p.called(i, names) for i in e.free})


def equalities(p: Contraction) -> Iterator[tuple[Factor, Form]]:
    """The brackets ``[left = right]`` as forms of left - right."""
    for m in p.masks:
        e, names, _ = m
        if isinstance(e, Bracket) and e.relation == "=":
            difference = form(called(p, e.left, names))
            for part, c in form(called(p, e.right, names)).items():
                difference[part] = difference.get(part, c - c) - c
            yield m, {part: c for part, c in difference.items() if c}


def solved(f: Form, letter: str) -> Expr | None:
    """e of ``letter = e``, if the form of the bracket says so."""
    c = f.get(Index(letter))
    if c not in (1, -1):
        return None
    rest = {part: -n / c for part, n in f.items() if part is not Index(letter)}
    if any(n.denominator != 1 for n in rest.values()) or any(letter in part.free for part in rest):
        return None
    return written(rest)


def pick(on: Asks, p: Contraction) -> dict[str, Expr]:
    """Summed letters that brackets say what they are; the brackets are taken out of the product, the letters too."""
    found: dict[str, Expr] = {}
    settled: set[str] = set()
    for m, f in list(equalities(p)):
        letters = frozenset[str]().union(*(part.free for part in f))
        if settled & letters:
            continue
        options = [(i, e) for i in p.bound if i in letters and (e := solved(f, i)) is not None]
        options = [(i, e) for i, e in options if on.affine(e) is not None or p.sizes[i] > _FEW]
        has = [i for i, _ in options if any(i in p.letters(g) for g in p.factors)]
        options = [(i, e) for i, e in options if i in has] or [o for o in options if _inside(on, o, p)]
        if options:
            letter, e = max(options, key=lambda o: p.sizes[o[0]])
            found[letter] = e
            settled |= letters
            p.masks.remove(m)
            p.bound.remove(letter)
    return found


def _inside(on: Asks, option: tuple[str, Expr], p: Contraction) -> bool:
    """Whether the value of a letter is known to lie in its range, so that nothing need be zero."""
    letter, e = option
    known = on.affine(e)
    if known is None:
        return False
    low, high = known.bounds(p.sizes)
    return low >= 0 and high < p.sizes[letter]


def read_at(on: Asks, v: Value, found: Mapping[str, Expr], sizes: Sizes, outside: float) -> Rule:
    """A value with letters put for some of its axes; ``outside`` where they leave it."""
    while not found.keys().isdisjoint(v.axes):
        made = yield from entries(on, v.array, [found.get(i, Index(i)) for i in v.axes], sizes, outside)
        v = Value(made.array, made.axes, v.truth)
    return v


def targets(on: Asks, p: Contraction) -> dict[str, tuple[Factor, Expr]]:
    """Kept letters that brackets give a value made of summed letters, where adding in places is less work."""
    found: dict[str, tuple[Factor, Expr]] = {}
    for m, f in equalities(p):
        for part in f:
            if not isinstance(part, Index) or part.name not in p.free or part.name in found:
                continue
            e = solved(f, part.name)
            if e is None or e.free.isdisjoint(p.bound) or not e.free.isdisjoint(found):
                continue
            if any(part.name in o.free for _, o in found.values()):
                continue
            if on.affine(e) is not None or _cheaper(p, part.name, e):
                found[part.name] = (m, e)
                break
    return found


def _cheaper(p: Contraction, letter: str, e: Expr) -> bool:
    """Whether adding rows in their places takes less than comparing every row with every value."""
    row = p.size(p.free - {letter} - e.free)
    return p.sizes[letter] * (1 + row / 8) > _ROW + row


def scatter(on: Selects, p: Contraction, found: Mapping[str, tuple[Factor, Expr]]) -> Rule:
    """The product without these brackets, its entries added where they say."""
    every = p.free.union(p.bound)
    letters = list(dict.fromkeys(i for _, e in found.values() for i in _reading(e) if i in every))
    kept = p.free - found.keys()
    inner = p.within(kept.union(letters), [m for m, _ in found.values()])
    after = inner.split(lambda f: not p.letters(f).isdisjoint(found) and p.letters(f) <= p.free)
    inner.picks.update({n: e for n, (_, e) in found.items()})
    v = yield from on.contract(inner)
    summed = [i for i in letters if i not in kept]
    batch = [i for i in letters if i in kept]
    rest = [i for i in v.axes if i not in letters]
    axes = (*batch, *summed, *rest)
    array = on.spread(Value(on.plain(v), v.axes), axes, p.sizes)
    names = list(found)
    known = [on.affine(e) for _, e in found.values()]
    if len(names) == 1 and known[0] is not None and not batch and _few(known[0], p.sizes):
        array = _spaced(on, Value(array, axes), known[0], p.sizes[names[0]], p.sizes)
    else:
        index: list[object] = []
        for _, e in found.values():
            at = yield Wish(e, p.sizes)
            index.append(on.ops.whole(on.spread(at, (*batch, *summed), p.sizes)))
        array = on.ops.scatter(array, index, tuple(p.sizes[n] for n in names), len(batch))
    out = (*batch, *names, *rest)
    result = Value(on.ops.named(array, out), out)
    return (yield from on.finish(p, result, after))


def _reading(e: Expr) -> list[str]:
    """The free letters of ``e``, in reading order."""
    found: dict[str, None] = {}
    for n in postorder(e):
        if isinstance(n, Index) and n.name in e.free:
            found[n.name] = None
    return list(found)


def _few(known: Affine, sizes: Sizes) -> bool:
    lengths = sorted(sizes[i] for i in known.letters)
    return math.prod(lengths[:-1]) <= _SLICES


def _spaced(on: Selects, v: Value, known: Affine, size: int, sizes: Sizes) -> object:
    """The axes of the letters laid along one: a slice for each value of all but the longest, padded and added."""
    letters: Sequence[str] = list(known.letters)
    longest = max(letters, key=lambda i: sizes[i])
    parts = [(v.array, v.axes, known.constant)]
    for i in letters:
        if i != longest:
            parts = [
                (on.ops.take(a, n, axes.index(i)), tuple(j for j in axes if j != i), at + known.letters[i] * n)
                for a, axes, at in parts
                for n in range(sizes[i])
            ]
    total: object = None
    for a, axes, at in parts:
        part = on.ops.spaced(a, axes.index(longest), at, size, known.letters[longest])
        total = part if total is None else on.ops.add(total, part)
    return total
