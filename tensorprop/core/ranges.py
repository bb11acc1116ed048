"""What every index letter runs over: the one answer to the question "how far?".

In: expressions, and what a System states. Out: for every letter a range, which is a class of axes (axes that one letter
indexes have one size, whatever that size is), or a size made of the sizes of axes. Numbers are not known here. Whoever
knows them walks the same way, and is told of any two axes that meet (`Letters`).

A letter's range is told, in this order, by

* an axis that it indexes alone, ``a_i``;
* the line ``dim(i) = …`` of the System;
* a bracket ``[i = j]``, by the range of j;
* a bound ``[i < n]``, where n is a number or made of sizes: this is also how a rule keeps the range of a letter whose
  last tensor it takes away (`kept`);
* shifted reads, ``a[2i + u]``: the largest range for which every read is inside;
* an order bracket ``[u ≤ i]`` of a letter on the left: what it is compared with.

A letter belongs to its binder: ``Σ_i a_i a_i + Σ_i b_i b_i`` has two different i. The same node may even stand
under both, so what a node tells is kept bottom-up, per node, without its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from tensorprop.core.affine import form, parts, shift
from tensorprop.core.build import ONE, add, bracket, call, mul, number, remake, substitute, subtract
from tensorprop.core.equation import Equation, Loop, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.names import primal_axes
from tensorprop.core.walk import fold, postorder, transform
from tensorprop.errors import UnknownRange

__all__ = [
    "Axis",
    "Letters",
    "Place",
    "Ranges",
    "Read",
    "Size",
    "Told",
    "infer",
    "is_size",
    "kept",
    "limit",
    "size",
    "spelled",
    "tells",
    "told",
    "unlimited",
    "witness",
]

Axis = tuple[str, int]
"""``("W", 0)``: the first axis of the tensor W."""


class Place(NamedTuple):
    """The axis (counted from 0) of the tensor ``name``, and the entry in which a letter stood there."""

    name: str
    axis: int
    entry: Tensor

    @property
    def size(self) -> Dim:
        """The size of the axis."""
        return Dim(self.name, self.axis)


Size = Place | str | Expr
"""How far a letter runs: as an axis is long, as another letter further out, or an expression of sizes (in which an
``Index`` stands for the size of a letter further out)."""


class Read(NamedTuple):
    """A shifted subscript: its axis, its letters with their coefficients, and between what the rest of it lies."""

    place: Place
    letters: dict[str, int]
    low: Expr
    high: Expr

    def within(self, letter: str, size: Expr) -> Read:
        """The read with a letter taken into the rest, since it runs over ``size`` values from 0."""
        c = self.letters[letter]
        far = mul(number(c), subtract(size, ONE))
        others = {i: n for i, n in self.letters.items() if i != letter}
        return Read(
            self.place, others, add(self.low, far) if c < 0 else self.low, add(self.high, far) if c > 0 else self.high
        )

    def renamed(self, names: Mapping[str, str]) -> Read:
        """The read with letters called otherwise."""
        return self._replace(letters={names.get(i, i): c for i, c in self.letters.items()})

    def valid(self, letter: str, outside: bool) -> Expr | None:
        """The number of values from 0 for which the one letter that is left keeps the read inside.

        Only the far end is looked at, unless something is said to lie ``outside``: then None where the read is, or may
        be, outside at 0 already.
        """
        c = self.letters[letter]
        near = form(self.low if c > 0 else subtract(subtract(self.place.size, ONE), self.high))
        if outside and (sum(near.values()) < 0 or any(n < 0 for part, n in near.items() if part is not ONE)):
            return None
        room = subtract(subtract(self.place.size, ONE), self.high) if c > 0 else self.low
        steps = room if abs(c) == 1 else call("floor", mul(number(Fraction(1, abs(c))), room))
        return add(steps, ONE)


_NO_PLACES: Mapping[str, Place] = MappingProxyType({})


class Told(NamedTuple):
    """What an expression tells of its free letters.

    ``known``: a letter, and an axis that it indexes. ``soft``: the same within a product that also has the bracket
    ``[i < n]``, n being the length of that axis; elsewhere the letter may run further. ``ties``: letters that an
    equality bracket puts over one range, none of which indexes an axis yet. ``limits``: a letter i and n of a bracket
    ``[i < n]``. ``reads``: shifted subscripts. ``orders``: letters compared by ``<`` and the like; ``weak``: a letter
    and the size of what it was compared with, which was bound further in. ``meets``: axes that met under one letter, of
    which an equation with such products hears only once it is known that none is soft.
    """

    known: dict[str, Place]
    ties: tuple[frozenset[str], ...] = ()
    limits: tuple[tuple[str, Expr], ...] = ()
    soft: Mapping[str, Place] = _NO_PLACES
    reads: tuple[Read, ...] = ()
    orders: tuple[tuple[str, str], ...] = ()
    weak: tuple[tuple[str, Place | Expr], ...] = ()
    meets: tuple[tuple[str, Place, Place], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether nothing is told but by axes."""
        return not (self.ties or self.limits or self.soft or self.reads or self.orders or self.weak or self.meets)


_NOTHING = Told({})
_NOBODY: Mapping[str, int] = {}


class Letters:
    """The ranges of letters, node by node; ``meet(letter, one, other)`` hears of two axes under one letter.

    ``stated`` tells the size that a line of the System gives a letter, ``outside`` what one says of a tensor.
    """

    def __init__(
        self,
        meet: Callable[[str, Place, Place], None],
        stated: Callable[[str], Expr | None] = lambda letter: None,
        outside: Callable[[str], object] = lambda name: None,
    ) -> None:
        self._meet = meet
        self._stated = stated
        self._outside = outside
        self.told: dict[Expr, Told] = {}
        self._time: Mapping[str, int] = _NOBODY
        self._patient = False
        self._shifted: frozenset[str] = frozenset()
        self.binders: list[Expr] = []
        """Every binder, in the order in which it was met."""
        self.bound: dict[Expr, dict[str, Size | None]] = {}
        """For every binder met: its letters and how far each runs, or None where nothing tells it."""

    def read(self, root: Expr) -> Told:
        """What ``root`` tells of its free letters."""
        return fold(root, self._rule, self.told)

    def equation(
        self, eq: Equation, primals: Callable[[str], bool] = lambda name: True, loop: Loop | None = None
    ) -> dict[str, Place | Expr | None]:
        """The letters of the left side; a derivative has the axes of the ``primals`` that are known.

        In a loop, a shifted read of the loop's own tensors tells nothing of the letter that is the time.
        """
        patient = _has_soft(eq.value)
        if loop is not None or self._time or patient != self._patient:
            self.told = {}  # what a node tells depends on the loop that it stands in
            self._patient = patient
            self._time = _NOBODY if loop is None else loop.axes
            self._shifted = frozenset(e.name for e in loop.body if loop.time(e)[1]) if loop is not None else frozenset()
        told = self.read(eq.value)
        axes = primal_axes(eq.target)
        if axes is not None and len(axes) == len(eq.target.subscripts):
            shape = {
                s.name: Place(name, axis, eq.target)
                for s, (name, axis) in zip(eq.target.subscripts, axes, strict=True)
                if isinstance(s, Index) and primals(name)
            }
            told = self._join((told, Told(shape)))
        for letter, one, other in told.meets:
            self._meet(letter.strip(), one, other)
        found: dict[str, Place | Expr | None] = {}
        for letter in eq.letters:
            found[letter] = told.known.get(letter) or self._stated(letter) or told.soft.get(letter)
        for group in told.ties:
            size = next((found[i] for i in sorted(group) if found.get(i) is not None), None)
            for i in group & found.keys():
                found[i] = found[i] or size
        self._rest(told, found)
        return found

    def _rest(self, told: Told, found: dict[str, Place | Expr | None]) -> None:
        """The letters of a left side that bounds, shifted reads and orders tell."""
        limits = dict(told.limits)
        for letter, size in found.items():
            found[letter] = size or limits.get(letter)

        def others(letter: str) -> Expr | None:
            return _expr(found.get(letter))

        again = True
        while again:
            again = False
            for letter, size in found.items():
                valid = _valid(letter, told.reads, others, self._outside) if size is None else None
                if valid is not None:
                    inner = {i: others(i) for i in valid.free}
                    if letter not in inner and all(n is not None and not n.free for n in inner.values()):
                        found[letter], again = substitute(valid, {i: n for i, n in inner.items() if n}), True
        weak = dict(told.weak)
        for letter, size in found.items():
            found[letter] = size or weak.get(letter)
        for _ in found:
            for one, other in told.orders:
                for a, b in ((one, other), (other, one)):
                    if a in found and found[a] is None:
                        found[a] = found.get(b)

    # ----------------------------------------------------------------- one rule per kind of node
    def _rule(self, e: Expr, parts: tuple[Told, ...]) -> Told:
        match e:
            case Tensor():
                return self._entry(e, parts)
            case Bracket(relation="=", left=Index(name=i), right=Index(name=j)):
                return Told({}, (frozenset((i, j)),))
            case (
                Bracket(relation="<", left=Index(name=i), right=n) | Bracket(relation=">", left=n, right=Index(name=i))
            ) if is_size(n):
                return Told({}, limits=((i, n),))
            case Bracket(relation="<" | ">" | "≤" | "≥", left=Index(name=i), right=Index(name=j)):
                return Told({}, orders=((i, j),))
            case Sum():
                return self._bind(e, parts[0], ())
            case Reduce():
                return self._bind(e, parts[0], parts[1:])
            case Mul() if any(p.limits for p in parts):
                return self._limited(e, self._join(parts))
            case _:
                return self._join(parts)

    def _entry(self, e: Tensor, parts: tuple[Told, ...]) -> Told:
        """``a[i, 2x+u, tok_bt]``: i indexes an axis, the second subscript is a shifted read, the third a gather."""
        told = self._join(parts) if any(p is not _NOTHING for p in parts) else _NOTHING
        known = dict(told.known)
        reads, meets = list(told.reads), list(told.meets)
        time = self._time.get(e.name)
        for axis, s in enumerate(e.subscripts):
            if axis == time and (e.name in self._shifted or not isinstance(s, Index)):
                continue
            if isinstance(s, Index):
                if self._stated(s.name) is None:
                    meets += self._put(known, s.name, Place(e.name, axis, e))
            elif s.free:
                read = _read(Place(e.name, axis, e), s)
                reads += [read] if read is not None else []
        told = told._replace(known=known, reads=tuple(reads), meets=tuple(meets))
        return self._settle(told) if told.ties else told

    def _limited(self, e: Mul, told: Told) -> Told:
        """Letters that a bracket of the product keeps below the length of an axis: elsewhere they may run further."""
        own = {
            f.left.name
            for f in e.factors
            if isinstance(f, Bracket) and isinstance(f.left, Index) and limit(f, f.left.name)
        }
        soft = {i: p for i, p in told.known.items() if i in own}
        if not soft:
            return told
        known = {i: p for i, p in told.known.items() if i not in soft}
        meets = tuple(m for m in told.meets if m[0] not in own)
        return told._replace(known=known, soft={**told.soft, **soft}, meets=meets)

    def _bind(self, e: Sum | Reduce, body: Told, outside: tuple[Told, ...]) -> Told:
        """Take the bound letters out. Inside they bear private names, since ``softmax_u(s_u)`` has u outside too."""
        self.binders.append(e)
        if not outside and body.plain and not (isinstance(e, Reduce) and is_matrix(e.op)):
            self.bound[e] = {i: body.known.get(i) or self._stated(i) for i in e.indices}
            return Told({k: p for k, p in body.known.items() if k not in e.indices})
        private = {i: f" {i}" for i in e.indices}
        ties = [frozenset(private.get(i, i) for i in group) for group in body.ties]
        if isinstance(e, Reduce):
            if is_matrix(e.op):
                ties.append(frozenset(private.values()))
            for i, entry in zip(e.indices, e.at, strict=False):
                if isinstance(entry, Index):
                    ties.append(frozenset((private[i], entry.name)))
        inner = Told(
            {private.get(k, k): p for k, p in body.known.items()},
            tuple(ties),
            tuple((private.get(k, k), n) for k, n in body.limits),
            {private.get(k, k): p for k, p in body.soft.items()},
            tuple(r.renamed(private) for r in body.reads),
            tuple((private.get(i, i), private.get(j, j)) for i, j in body.orders),
            tuple((private.get(k, k), n) for k, n in body.weak),
            tuple((private.get(k, k), one, other) for k, one, other in body.meets),
        )
        told = self._join((inner, *outside))
        sizes = self._sizes(told, private)
        self.bound[e] = {i: sizes[p] for i, p in private.items()}
        return _without(told, sizes)

    def _sizes(self, told: Told, private: Mapping[str, str]) -> dict[str, Size | None]:
        """How far the bound letters run, by their private names."""
        hidden = frozenset(private.values())
        same = {i: min(group - hidden) for group in told.ties if group - hidden for i in group & hidden}
        limits = dict(told.limits)
        sizes: dict[str, Size | None] = {}
        for i, p in private.items():
            sizes[p] = told.known.get(p) or self._stated(i) or same.get(p) or told.soft.get(p)
        for group in told.ties:
            size = next((sizes[p] for p in sorted(group & hidden) if sizes[p] is not None), None)
            for p in group & hidden:
                sizes[p] = sizes[p] or size
        for p in hidden:
            sizes[p] = sizes[p] or limits.get(p)

        def outer(i: str) -> Expr | None:
            """The size of a letter in a shifted read: one further out stands for its own."""
            return _expr(sizes[i]) if i in sizes else _expr(told.known.get(i)) or Index(i)

        again = True
        while again:
            again = False
            for p in sorted(hidden):
                if sizes[p] is None and (valid := _valid(p, told.reads, outer, self._outside)) is not None:
                    sizes[p], again = valid, True
        return sizes

    # ----------------------------------------------------------------- putting together
    def _put(self, known: dict[str, Place], letter: str, place: Place) -> tuple[tuple[str, Place, Place], ...]:
        """Let a letter index one more axis; what is put off until the surroundings are known."""
        old = known.setdefault(letter, place)
        if old is place or old[:2] == place[:2]:
            return ()
        if self._patient:
            return ((letter, old, place),)
        self._meet(letter, old, place)
        return ()

    def _join(self, parts: tuple[Told, ...]) -> Told:
        """What several expressions tell that share a scope."""
        useful = [p for p in parts if p is not _NOTHING]
        if len(useful) < 2 and not (useful and useful[0].ties):
            return useful[0] if useful else _NOTHING
        known = dict(useful[0].known)
        meets: list[tuple[str, Place, Place]] = []
        for part in useful[1:]:
            for letter, place in part.known.items():
                meets += self._put(known, letter, place)
        if not meets and all(p.plain for p in useful):
            return Told(known)
        told = Told(
            known,
            tuple(group for part in useful for group in part.ties),
            tuple(dict.fromkeys(pair for part in useful for pair in part.limits)),
            {i: p for part in reversed(useful) for i, p in part.soft.items()},
            tuple(read for part in useful for read in part.reads),
            tuple(dict.fromkeys(pair for part in useful for pair in part.orders)),
            tuple(dict.fromkeys(pair for part in useful for pair in part.weak)),
            tuple(dict.fromkeys((*(m for part in useful for m in part.meets), *meets))),
        )
        return self._settle(told) if told.ties else told

    def _settle(self, told: Told) -> Told:
        """Tied letters take the range of the one among them that has one."""
        known = dict(told.known)
        group_of: dict[str, set[str]] = {}
        for tie in told.ties:
            group: set[str] = set()
            for letter in sorted(tie):
                other = group_of.get(letter)
                if other is None:
                    group.add(letter)
                    group_of[letter] = group
                elif other is not group:
                    small, group = (group, other) if len(group) < len(other) else (other, group)
                    group |= small
                    group_of.update(dict.fromkeys(small, group))
        open_ties: list[frozenset[str]] = []
        for group in {id(g): g for g in group_of.values()}.values():
            letters = sorted(group)
            places = [known[letter] for letter in letters if letter in known]
            if not places:
                open_ties.append(frozenset(group))
                continue
            for letter in letters:
                old = known.setdefault(letter, places[0])
                if old[:2] != places[0][:2]:
                    self._meet(letter, places[0], old)
        return told._replace(known=known, ties=tuple(open_ties))


def _has_soft(e: Expr) -> bool:
    """Whether some product keeps a letter below the length of an axis that it may index there."""
    return any(
        isinstance(n, Mul)
        and any(
            isinstance(f, Bracket) and f.relation == "<" and isinstance(f.left, Index) and limit(f, f.left.name)
            for f in n.factors
        )
        for n in postorder(e)
    )


def _read(place: Place, s: Expr) -> Read | None:
    """A subscript as a shifted read; None for a gather that depends on a letter."""
    letters, rest = parts(form(s))
    if rest.free or any(c.denominator != 1 for c in letters.values()):
        return None
    return Read(place, {i: int(c) for i, c in letters.items()}, rest, rest)


def _expr(size: Size | None) -> Expr | None:
    """A size as an expression; a letter further out stands for its own size."""
    return size.size if isinstance(size, Place) else Index(size) if isinstance(size, str) else size


def _valid(
    letter: str,
    reads: Iterable[Read],
    size: Callable[[str], Expr | None],
    outside: Callable[[str], object] = lambda name: None,
) -> Expr | None:
    """The largest range of a letter for which every read is inside; None where there is none, or another is missing."""
    found: list[Expr] = []
    for r in reads:
        if letter not in r.letters:
            continue
        for i in [i for i in r.letters if i != letter]:
            n = size(i)
            if n is None:
                return None
            r = r.within(i, n)
        n = r.valid(letter, outside(r.place.name) is not None)
        if n is None:
            return None
        found.append(n)
    smallest = found[0] if found else None
    for n in found[1:]:
        if n is not smallest and smallest is not None:
            smallest = call("min", smallest, n)
    return smallest


def _without(told: Told, sizes: Mapping[str, Size | None]) -> Told:
    """What is told of the letters further out, once those with these sizes are bound."""
    reads: list[Read] = []
    for r in told.reads:
        for i in [i for i in r.letters if i in sizes]:
            n = _expr(sizes[i])
            if n is None:
                break
            r = r.within(i, n)
        else:
            reads += [r] if r.letters else []
    weak = list(told.weak)
    for one, other in told.orders:
        for a, b in ((one, other), (other, one)):
            n = sizes.get(b)
            if a not in sizes and b in sizes and n is not None and not isinstance(n, str):
                weak.append((a, n))
    return Told(
        {k: p for k, p in told.known.items() if k not in sizes},
        tuple(g for group in told.ties if len(g := group - sizes.keys()) > 1),
        tuple(pair for pair in told.limits if pair[0] not in sizes),
        {k: p for k, p in told.soft.items() if k not in sizes},
        tuple(reads),
        tuple(pair for pair in told.orders if pair[0] not in sizes and pair[1] not in sizes),
        tuple(pair for pair in weak if pair[0] not in sizes),
        told.meets,
    )


# --------------------------------------------------------------------------- one expression
def is_size(e: Expr) -> bool:
    """Whether an expression is made of numbers and sizes: it may be how far a letter runs."""
    return not e.free and all(
        isinstance(n, (Number, Dim, Add, Mul)) or (isinstance(n, Call) and n.function in ("floor", "min", "max"))
        for n in postorder(e)
    )


def limit(f: Expr, letter: str) -> Expr | None:
    """n, where ``f`` is ``[i < n]`` and says of the letter i no more than its range."""
    match f:
        case Bracket("<", Index(name), n) | Bracket(">", n, Index(name)) if name == letter and is_size(n):
            return n
        case _:
            return None


_told: dict[Expr, Told] = {}
_KEPT = 50_000  # nodes of which is remembered what they tell, before all are forgotten


def told(e: Expr) -> Told:
    """What an expression by itself tells of its free letters."""
    global _told
    if len(_told) > _KEPT:
        _told = {}
    letters = Letters(lambda letter, one, other: None)
    letters.told = _told
    return letters.read(e)


_NO_LINES = System(())


def size(e: Expr, letter: str, around: Container[str] = (), under: System | None = None) -> Expr | None:
    """How far a free letter of ``e`` runs, as ``e`` tells it by itself; else None.

    Letters ``around`` it may stand in the answer, an ``Index`` for the size of each; the lines of the System ``under``
    which ``e`` stands are heeded.

    >>> from tensorprop.core.build import mul, tensor
    >>> size(mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i")
    Dim('a', 1)
    >>> a, k = Tensor("a", (add(Index("x"), Index("u")),)), tensor("k", "u")
    >>> str(size(mul(a, k), "x"))
    'dim(a, 0) - (-1 + dim(k, 0))'
    """
    lines = under if under is not None else _NO_LINES
    found = told(e) if under is None else Letters(lambda letter, one, other: None, lines.stated, lines.outside).read(e)
    limits = dict(found.limits)

    def plain(i: str) -> Expr | None:
        known = _expr(found.known.get(i) or found.soft.get(i) or limits.get(i))
        return Index(i) if known is None and i in around and i != letter else known

    valid = plain(letter) or _valid(letter, found.reads, plain, lines.outside)
    return None if valid is not None and letter in valid.free else valid


def witness(e: Expr, letter: str) -> Expr:
    """The size of a free index, as ``e`` tells it.

    Errors: UnknownRange.

    >>> from tensorprop.core.build import mul, tensor
    >>> witness(mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i")
    Dim('a', 1)
    """
    found = size(e, letter)
    if found is None:
        raise UnknownRange(
            f"no tensor tells the range of {letter}", fix=f"let a tensor with the index {letter} stand there", about=e
        )
    return found


def tells(e: Expr, letter: str, by_ties: bool = True) -> bool:
    """Whether ``e`` says what the letter runs over: by a tensor's axis, by ``[i < n]``, or by ``[i = j]``.

    Shifted reads do not count: a rule that takes one of several away changes what the others tell.
    """
    found = told(e)
    if letter in found.known or letter in found.soft or any(i == letter for i, _ in found.limits):
        return True
    return by_ties and any(letter in group for group in found.ties)


def kept(e: Expr, sizes: Mapping[str, Expr | None]) -> Expr:
    """``e`` with these letters told to run so far; where ``e`` does not say it, by ``[i < size]``, which is true.

    This is the one place where a range outlives the tensor that told it.

    >>> from tensorprop.core.build import tensor
    >>> str(kept(mul(Bracket("≤", Index("k"), Index("m")), tensor("p", "m")), {"k": Dim("G", 0)}))
    '[k ≤ m] p_m [k < dim(G, 0)]'
    """
    lost = [
        bracket("<", Index(i), n)
        for i, n in sorted(sizes.items())
        if n is not None and not n.free and not tells(e, i) and size(e, i) is not n
    ]
    return mul(e, *lost) if lost else e


def unlimited(e: Expr, letters: Iterable[str]) -> Expr:
    """A product without the brackets that only say how far these letters run: what `kept` gave it."""
    if not isinstance(e, Mul):
        return e
    left = [f for f in e.factors if not any(limit(f, i) is not None for i in letters)]
    new = mul(*left)
    return new if len(left) < len(e.factors) and new.free == e.free else e


def spelled(s: System) -> System:
    """The System with what it states of a letter that is bound also said where it is bound, by ``[u < size]``.

    So that rules that take a sum apart, and call its letter otherwise, keep its range.

    >>> from tensorprop.core.build import reduce, tensor
    >>> from tensorprop.core.equation import Range, equation, system
    >>> a = Tensor("a", (add(Index("n"), Index("u")),))
    >>> s = system([equation(tensor("y", "n"), reduce("max", ("u",), a))], [Range("u", number(3))])
    >>> print(spelled(s)["y"].value)
    max_u(a[n+u] [u < 3])
    """
    if all(s.stated(i) is None for eq in s for i in eq.value.binds):
        return s

    ranges = infer(s)

    def same(body: Expr, letter: str, far: Expr) -> bool:
        """Whether a tensor of the body says the same."""
        here = told(body).known.get(letter)
        return here is not None and form(ranges.size(*here[:2])) == form(ranges.named(far))

    def rule(n: Expr) -> Expr:
        if not isinstance(n, (Sum, Reduce)):
            return n
        said = {i: far for i in n.indices if (far := s.stated(i)) is not None and not same(n.body, i, far)}
        have = {f for f in (n.body.factors if isinstance(n.body, Mul) else (n.body,)) if isinstance(f, Bracket)}
        new = [b for i, size in said.items() if (b := bracket("<", Index(i), size)) not in have]
        return remake(n, (mul(n.body, *new), *n.children[1:])) if new else n

    return system((equation(eq.target, transform(eq.value, rule)) for eq in s), s.facts)


class Ranges:
    """Axes of equal size, and the letters that run over them. Made by `infer`."""

    def __init__(self, system: System) -> None:
        self._parent: dict[Axis, Axis] = {}
        self._order: dict[Axis, int] = {}
        self._left: dict[Equation, dict[str, Axis | Expr | None]] = {}
        self._sizes: dict[Axis, Expr] = {}
        self._first: dict[Axis, Axis] = {}
        self._loops = {eq.name for b in system.blocks if isinstance(b, Loop) for eq in b.body}
        self.unknown: list[tuple[Equation, Expr, str]] = []
        """Letters whose range nothing tells: the equation, the binder (or the left side), the letter."""
        letters = Letters(lambda _, one, other: self._union(one[:2], other[:2]), system.stated, system.outside)
        self._bound = letters.bound
        for block in system.blocks:
            loop = block if isinstance(block, Loop) else None
            for eq in (block,) if isinstance(block, Equation) else block.equations:
                self._equation(eq, letters, loop)

    def _equation(self, eq: Equation, letters: Letters, loop: Loop | None) -> None:
        before = len(letters.binders)
        found = letters.equation(eq, loop=loop)
        for e in postorder(eq.value):
            if isinstance(e, Tensor):
                for axis in range(len(e.subscripts)):
                    self._add((e.name, axis))
            elif isinstance(e, Dim):
                self._add((e.tensor, e.axis))
        told: dict[str, Axis | Expr | None] = {}
        for axis, s in enumerate(eq.target.subscripts):
            self._add((eq.name, axis))
            moved = shift(s)
            if moved is None:
                continue
            letter, n = moved
            size = found[letter]
            whole_axis = (n == 0 and loop is None) or not (loop is not None and loop.axes[eq.name] == axis and n)
            if whole_axis:
                self._tie((eq.name, axis), size)
                told[letter] = (eq.name, axis)
            else:
                told[letter] = size[:2] if isinstance(size, Place) else size
                n = max(n, n + len(loop.places(eq.name)) if loop is not None and n < 0 else n)
                if size is not None:
                    self._tie((eq.name, axis), add(_expr(size) or ONE, number(n)))
            if size is None and not (primal_axes(eq.target) is None and eq.place is not None):
                self.unknown.append((eq, eq.target, letter))
        self._left[eq] = told
        for binder in letters.binders[before:]:
            self.unknown += [(eq, binder, i) for i, place in letters.bound[binder].items() if place is None]

    def _tie(self, axis: Axis, size: Place | Expr | None) -> None:
        """Let an axis have a size: that of another axis, or an expression."""
        match size:
            case Place():
                self._union(size[:2], axis)
            case Dim(tensor=name, axis=k):
                self._union((name, k), axis)
            case None:
                pass
            case _:
                self._sizes.setdefault(self.find(*axis), size)

    def _add(self, axis: Axis) -> None:
        if axis not in self._parent:
            self._parent[axis] = axis
            self._order[axis] = len(self._order)

    def _union(self, one: Axis, other: Axis) -> None:
        self._add(one)
        self._add(other)
        a, b = self.find(*one), self.find(*other)
        if self._order[a] > self._order[b]:
            a, b = b, a
        self._parent[b] = a
        if b in self._sizes and a is not b:
            self._sizes.setdefault(a, self._sizes.pop(b))

    def find(self, tensor: str, axis: int) -> Axis:
        """The axis that stands for the class of this one.

        >>> from tensorprop.core.build import mul, sum_over, tensor
        >>> from tensorprop.core.equation import equation, system
        >>> product = sum_over("i", mul(tensor("a", "i"), tensor("W", "i", "j")))
        >>> ranges = infer(system([equation(tensor("z", "j"), product)]))
        >>> ranges.find("W", 0), ranges.find("z", 0)
        (('a', 0), ('W', 1))
        """
        at = (tensor, axis)
        if at not in self._parent:
            return at
        while (up := self._parent[at]) != at:
            self._parent[at] = at = self._parent[up]
        return at

    def size(self, tensor: str, axis: int) -> Expr:
        """The size of an axis: that of the first axis of its class (of a tensor that no loop makes, if there is one),
        or what is stated or follows from reads."""
        at = self.find(tensor, axis)
        if not self._first:
            for other in self._order:
                rest = self._first.setdefault(self.find(*other), other)
                if rest[0] in self._loops and other[0] not in self._loops:
                    self._first[self.find(*other)] = other
        return self._sizes.get(at) or Dim(*self._first.get(at, at))

    def named(self, e: Expr) -> Expr:
        """An expression in which every size is that of the axis which stands for its class."""
        return transform(e, lambda n: self.size(n.tensor, n.axis) if isinstance(n, Dim) else n)

    def classes(self) -> list[list[Axis]]:
        """Axes that share their size, each class and the list of them in the order of the equations."""
        found: dict[Axis, list[Axis]] = {}
        for axis in self._order:
            found.setdefault(self.find(*axis), []).append(axis)
        return list(found.values())

    def letters(self, equation: Equation) -> dict[str, Axis]:
        """The letters of the left side that run over a whole axis, and the class of each."""
        left = self._left[equation]
        return {letter: self.find(*axis) for letter, axis in left.items() if isinstance(axis, tuple)}

    def bound(self, node: Expr) -> Mapping[str, Axis | str | None]:
        """The letters that a Sum or Reduce binds: the class of each, or a letter outside that runs over the
        same range (through a bracket), or None where nothing tells it or where it is no axis (see `reach`)."""
        found: dict[str, Axis | str | None] = {}
        for i, p in self._bound.get(node, {}).items():
            axis = p[:2] if isinstance(p, Place) else (p.tensor, p.axis) if isinstance(p, Dim) else None
            found[i] = p if isinstance(p, str) else self.find(*axis) if axis is not None else None
        return found

    def reach_left(self, equation: Equation, letter: str) -> Expr | None:
        """How far a letter of the left side runs: in a loop, its time may run less far than the axis is long."""
        found = self._left[equation].get(letter)
        if isinstance(found, Dim):
            return self.size(found.tensor, found.axis)
        return self.size(*found) if isinstance(found, tuple) else found

    def reach(self, node: Expr) -> Mapping[str, Size | None]:
        """How far the letters run that a Sum or Reduce binds, whatever tells it."""
        return self._bound.get(node, {})


@lru_cache(maxsize=64)
def infer(system: System) -> Ranges:
    """Which axes have one size: those under one letter, tied by ``[i = j]``, or repeated by a derivative.

    Linear in the size of the expressions. Shifted subscripts (``a[x+u]``) and gathers tie nothing. What was found is
    remembered for a while, since Systems are interned.
    """
    return Ranges(system)
