"""``Σ_n [n = e] f_n = [0 ≤ e < dim n] f_e``, a gather; and ``y_n = Σ_b [n = e_b] f_b``, a scatter that adds.

In a product that is summed, an equality in which a letter stands once and alone, with a factor of ±1, says what that
letter is. Where it is summed, it is put there: every factor that has the letter is read at e, and is zero where e lies
outside, as the bracket is. Where it is kept, and e has letters that are summed, what stands beside the bracket is
worked out without it, and added in its places. No array over both is ever made.

The bracket may stay one instead, where its letter has few values: comparing is then less work than reading at places
that the machine cannot foresee. Where a line says ``sorted(e)``, rows that are added in one place lie beside one
another (a sum of segments), and the machine is told so.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from tensorprop.core.affine import Form, form, written
from tensorprop.core.build import ZERO, rename, substitute
from tensorprop.core.equation import SORTED, System
from tensorprop.core.expr import Add, Bracket, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder
from tensorprop.run.lowerings.entries import Asks, entries
from tensorprop.run.lowerings.whole_form import Affine
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.sizes import Extents, Part
from tensorprop.run.values import Array, Rule, Sizes, Value, Wish

__all__ = [
    "Selects",
    "added",
    "called",
    "equalities",
    "of_brackets",
    "pick",
    "put",
    "read_at",
    "scatter",
    "solved",
    "targets",
]

# Work in entries that a loop handles: comparing and adding takes one, a place that is known only at run time many.
_FEW = 16  # values of a letter up to which a bracket is compared
_ROW = 60  # placing one row somewhere
_SLICES = 32  # slices that are added one by one


class Selects(Asks, Protocol):
    """What a selection is asked by: it can work out a product, too."""

    system: System
    extents: Extents
    arrays: dict[str, Any]
    waiting: frozenset[str]

    def contract(self, p: Contraction) -> Rule: ...
    def finish(self, p: Contraction, v: Value, after: Contraction) -> Rule: ...
    def plain(self, v: Value) -> object: ...
    def values_of(
        self, p: Contraction, factors: Iterable[Factor], outside: float
    ) -> Generator[Wish, Value, list[Value]]: ...
    def multiplied(self, values: Sequence[Value]) -> Value: ...
    def summed(self, v: Value, letters: Sequence[str]) -> Value: ...
    def scaled(self, v: Value, c: Any, scalar: Sequence[Value]) -> Value: ...
    def joined(self, a: Value, b: Value, minus: bool) -> Value: ...
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
        if any(isinstance(n, Part) for i, n in p.sizes.items() if i in p.letters(m)):
            continue  # places are told for whole ranges
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
    _guard(on, p, found)
    return found


def _guard(on: Asks, p: Contraction, found: Mapping[str, Expr]) -> None:
    """Where a letter is put into a factor, and may leave its range there, brackets say that nothing is counted."""
    trial = p.within(p.free, ())
    trial.picks = dict(found)
    every = (*p.factors, *p.divisors, *p.masks)
    for letter, e in found.items():
        if not _inside(on, (letter, e), p) and any(letter in p.letters(f) and put(trial, f) is not f for f in every):
            n = Number(Fraction(p.sizes[letter]))
            p.masks += [(Bracket("≥", e, ZERO), {}, p.sizes), (Bracket("<", e, n), {}, p.sizes)]


def _inside(on: Asks, option: tuple[str, Expr], p: Contraction) -> bool:
    """Whether the value of a letter is known to lie in its range, so that nothing need be zero."""
    letter, e = option
    known = on.affine(e)
    if known is None:
        return False
    low, high = known.bounds(p.sizes)
    return low >= 0 and high < p.sizes[letter]


def put(p: Contraction, f: Factor) -> Factor:
    """The factor with letters put that brackets tell, where that leaves it fewer entries to be worked out.

    An entry of a tensor is read at its place afterwards, and so is what a binder inside depends on.
    """
    letters = p.letters(f)
    here = {i: e for i, e in p.picks.items() if i in letters}
    after = frozenset[str]().union(letters - here.keys(), *(e.free for e in here.values()))
    if not here or isinstance(f[0], Tensor) or p.size(after) >= p.size(letters):
        return f
    e = called(p, f[0], f[1])
    if any(isinstance(n, (Sum, Reduce)) and not n.free.isdisjoint(here) for n in postorder(e)):
        return f
    return substitute(e, here), {}, p.sizes


def read_at(on: Asks, v: Value, found: Mapping[str, Expr], sizes: Sizes, outside: float) -> Rule:
    """A value with letters put for some of its axes; ``outside`` where they leave it."""
    while not found.keys().isdisjoint(v.axes):
        made = yield from entries(on, v.array, [found.get(i, Index(i)) for i in v.axes], sizes, outside)
        v = v._replace(array=made.array, axes=made.axes)
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


def of_brackets(on: Selects, p: Contraction) -> Rule | None:
    """The rule for ``Σ_n ([n' = e_n] - [n' = d_n]) f_n``: each bracket of the sum has a product of its own, if all
    of them say where to add; what stands beside them is worked out once."""
    for k, (e, names, sizes) in enumerate(p.factors):
        if not isinstance(e, Add) or not all(any(isinstance(n, Bracket) for n in _parts(t)) for t in e.terms):
            continue
        products = [beside(p, k, t, names, sizes) for t in e.terms]
        if all(targets(on, q) for q in products):
            return added(on, products)
    return None


def _parts(e: Expr) -> Sequence[Expr]:
    return e.factors if isinstance(e, Mul) else (e,)


def beside(p: Contraction, k: int, term: Expr, names: Mapping[str, str], sizes: Sizes) -> Contraction:
    """The product with this in place of factor k."""
    q = p.within(p.free, ())
    del q.factors[k]
    for f in _parts(term):
        if isinstance(f, Number):
            q.coefficient *= f.value
        else:
            (q.masks if isinstance(f, Bracket) else q.factors).append((f, names, sizes))
    return q


def added(on: Selects, products: Iterable[Contraction]) -> Rule:
    """Products worked out one after the other and added, those with a minus sign subtracted."""
    total: Value | None = None
    for q in products:
        minus = total is not None and q.coefficient < 0
        if minus:
            q.coefficient = -q.coefficient
        v = yield from on.contract(q)
        total = v if total is None else on.joined(total, v, minus)
    assert total is not None
    return total


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
    apart = len({i for k in known if k is not None for i in k.letters}) == sum(len(k.letters) for k in known if k)
    if apart and not batch and all(k is not None and _few(k, p.sizes) for k in known):
        made = Value(array, axes)
        for n, k in zip(names, known, strict=True):
            assert k is not None
            made = _spaced(on, made, k, n, p.sizes)
        made = Value(on.ops.named(made.array, made.axes), made.axes)
        return (yield from on.finish(p, made, after))
    else:
        index: list[object] = []
        for _, e in found.values():
            at = yield Wish(e, p.sizes)
            index.append(on.ops.whole(on.spread(at, (*batch, *summed), p.sizes)))
        rising = len(found) == 1 and not batch and all(_rising(on, e, summed) for _, e in found.values())
        array = on.ops.scatter(array, index, tuple(p.sizes[n] for n in names), len(batch), rising)
    out = (*batch, *names, *rest)
    result = Value(on.ops.named(array, out), out)
    return (yield from on.finish(p, result, after))


def _rising(on: Selects, e: Expr, summed: Sequence[str]) -> bool:
    """Whether places never fall along the one letter that is summed: of entries that are said to be sorted."""
    return len(summed) == 1 and all(
        c > 0 and (part is Index(summed[0]) or (isinstance(part, Tensor) and _sorted(on, part)))
        for part, c in form(e).items()
        if part.free
    )


def _sorted(on: Selects, t: Tensor) -> bool:
    """Whether an entry is one of a tensor of one axis, of which ``sorted(s)`` is said."""
    return on.system.declares(SORTED, t.name) and len(t.subscripts) == 1 and isinstance(t.subscripts[0], Index)


def _reading(e: Expr) -> list[str]:
    """The free letters of ``e``, in reading order."""
    found: dict[str, None] = {}
    for n in postorder(e):
        if isinstance(n, Index) and n.name in e.free:
            found[n.name] = None
    return list(found)


def _few(known: Affine, sizes: Sizes) -> bool:
    lengths = sorted(sizes[i] for i in known.letters)
    if 0 in lengths[:-1]:  # no slice at all
        return False
    return math.prod(lengths[:-1]) <= _SLICES or known.digits(sizes) is not None


def _spaced(on: Selects, v: Value, known: Affine, name: str, sizes: Sizes) -> Value:
    """The axes of the letters laid along one that is called ``name``, what falls on one place added.

    Digits of a number are one row of memory; else a slice for each value of all letters but the longest, with zeros
    between its entries.
    """
    digits = known.digits(sizes) if len(known.letters) > 1 else None
    if digits is not None:
        letters = [i for i, _ in digits]
        rest = [i for i in v.axes if i not in letters]
        place = min(v.axes.index(i) for i in letters)
        order = (*rest[:place], *letters, *rest[place:])
        array = on.align(v, order)
        for k, (i, n) in enumerate(digits):
            if n > sizes[i]:
                array = on.ops.spaced(array, place + k, 0, n, 1)
        n = math.prod(n for _, n in digits)
        array = on.ops.reshape(array, (*array.shape[:place], n, *array.shape[place + len(digits) :]))
        return Value(_laid(on, array, place, known.constant, sizes[name], 1), (*rest[:place], name, *rest[place:]))
    longest = max(known.letters, key=lambda i: sizes[i])
    parts = [(v.array, v.axes, known.constant)]
    for i in known.letters:
        if i != longest:
            parts = [
                (on.ops.take(a, n, axes.index(i)), tuple(j for j in axes if j != i), at + known.letters[i] * n)
                for a, axes, at in parts
                for n in range(sizes[i])
            ]
    total: object = None
    for a, axes, at in parts:
        part = _laid(on, a, axes.index(longest), at, sizes[name], known.letters[longest])
        total = part if total is None else on.ops.add(total, part)
    return Value(total, tuple(name if i == longest else i for i in parts[0][1]))


def _laid(on: Selects, a: Array, axis: int, start: int, size: int, step: int) -> Array:
    """An axis laid out along one of that size, unless it is one already."""
    return a if (start, step) == (0, 1) and a.shape[axis] == size else on.ops.spaced(a, axis, start, size, step)
