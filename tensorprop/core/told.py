"""What expressions tell of their letters: the axes that they index, the bounds, the shifted reads.

In: expressions, node by node, and what a System states. Out: for every binder and every left side, how far its letters
run: as an axis is long (a `Witness`), as a letter further out, or as far as an expression of sizes says. In which order
the one or the other decides is said in `core.ranges`. Numbers are not known here. Whoever knows them walks the same
way, and is told of any two axes that meet (`Letters`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from tensorprop.core.affine import form, is_reciprocal, parts
from tensorprop.core.build import ONE, add, call, mul, number, substitute, subtract
from tensorprop.core.equation import Equation, Loop
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix, is_square, orders, runs
from tensorprop.core.names import primal_axes
from tensorprop.core.walk import fold, postorder

__all__ = ["Axis", "Letters", "Shifted", "Size", "Told", "Witness", "as_expr", "is_size", "largest", "limit"]

Axis = tuple[str, int]
"""``("W", 0)``: the first axis of the tensor W."""


class Witness(NamedTuple):
    """The axis (counted from 0) of the tensor ``name``, and the entry in which a letter stood there."""

    name: str
    axis: int
    entry: Tensor

    @property
    def size(self) -> Dim:
        """The size of the axis."""
        return Dim(self.name, self.axis)


Size = Witness | str | Expr
"""How far a letter runs: as an axis is long, as another letter further out, or an expression of sizes (in which an
``Index`` stands for the size of a letter further out)."""


class Shifted(NamedTuple):
    """A shifted subscript: its axis, its letters with their coefficients, and between what the rest of it lies."""

    place: Witness
    letters: dict[str, int]
    low: Expr
    high: Expr

    def within(self, letter: str, size: Expr) -> Shifted:
        """The read with a letter taken into the rest, since it runs over ``size`` values from 0."""
        c = self.letters[letter]
        far = mul(number(c), subtract(size, ONE))
        others = {i: n for i, n in self.letters.items() if i != letter}
        return Shifted(
            self.place, others, add(self.low, far) if c < 0 else self.low, add(self.high, far) if c > 0 else self.high
        )

    def renamed(self, names: Mapping[str, str]) -> Shifted:
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


_NO_WITNESSES: Mapping[str, Witness] = MappingProxyType({})


class Told(NamedTuple):
    """What an expression tells of its free letters.

    ``known``: a letter, and an axis that it indexes. ``soft``: the same within a product that also has the bracket
    ``[i < n]``, n being the length of that axis; elsewhere the letter may run further. ``ties``: letters that an
    equality bracket puts over one range, none of which indexes an axis yet. ``limits``: a letter i and n of a bracket
    ``[i < n]``. ``reads``: shifted subscripts. ``orders``: letters compared by ``<`` and the like; ``weak``: a letter
    and the size of what it was compared with, which was bound further in. ``meets``: axes that met under one letter, of
    which an equation with such products hears only once it is known that none is soft.
    """

    known: dict[str, Witness]
    ties: tuple[frozenset[str], ...] = ()
    limits: tuple[tuple[str, Expr], ...] = ()
    soft: Mapping[str, Witness] = _NO_WITNESSES
    reads: tuple[Shifted, ...] = ()
    orders: tuple[tuple[str, str], ...] = ()
    weak: tuple[tuple[str, Witness | Expr], ...] = ()
    meets: tuple[tuple[str, Witness, Witness], ...] = ()

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
        meet: Callable[[str, Witness, Witness], None],
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
    ) -> dict[str, Witness | Expr | None]:
        """The letters of the left side; a derivative has the axes of the ``primals`` that are known.

        In a loop, a shifted read of the loop's own tensors tells nothing of the letter that is the time. An equation
        that reads nothing else has as many steps as the others of its loop: ``b_t = b_{t-1} a_{t-1} + 1``.
        """
        found = self._left(eq, primals, loop)
        time = loop.time(eq)[0] if loop is not None and eq.place is None else None
        if loop is None or time is None or found.get(time) is not None:
            return found
        told = [self._left(other, primals, loop)[loop.time(other)[0]] for other in loop.body if other is not eq]
        steps = [p for p in told if p is not None and not (isinstance(p, Witness) and p.name in loop.axes)]
        for other in steps[1:]:
            if isinstance(steps[0], Witness) and isinstance(other, Witness):
                self._meet(time, steps[0], other)
        found[time] = steps[0] if steps else None
        return found

    def _left(
        self, eq: Equation, primals: Callable[[str], bool], loop: Loop | None
    ) -> dict[str, Witness | Expr | None]:
        """The letters of the left side, as the equation alone tells them."""
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
                s.name: Witness(name, axis, eq.target)
                for s, (name, axis) in zip(eq.target.subscripts, axes, strict=True)
                if isinstance(s, Index) and primals(name)
            }
            told = self._join((told, Told(shape)))
        for letter, one, other in told.meets:
            self._meet(letter.strip(), one, other)
        found: dict[str, Witness | Expr | None] = {}
        for letter in eq.letters:
            found[letter] = told.known.get(letter) or self._stated(letter) or told.soft.get(letter)
        _tied(told, found)
        self._rest(told, found)
        return found

    def _rest(self, told: Told, found: dict[str, Witness | Expr | None]) -> None:
        """The letters of a left side that bounds, shifted reads and orders tell."""
        limits = dict(told.limits)
        for letter, size in found.items():
            found[letter] = size or limits.get(letter)
        _tied(told, found)

        def others(letter: str) -> Expr | None:
            return as_expr(found.get(letter))

        again = True
        while again:
            again = False
            for letter, size in found.items():
                valid = largest(letter, told.reads, others, self._outside) if size is None else None
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
                    meets += self._put(known, s.name, Witness(e.name, axis, e))
            elif s.free:
                read = _read(Witness(e.name, axis, e), s)
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
        first: dict[str, Witness] = {}  # of what stands in order as many are meant as another axis tells
        if isinstance(e, Reduce):
            if is_square(e.op):
                ties.append(frozenset(private.values()))
            for i, entry in zip(runs(e.op, e.indices), e.at, strict=False):
                if not isinstance(entry, Index) or (orders(e.op) and self._stated(entry.name)):
                    continue
                place = body.known.get(i) or body.soft.get(i)
                if orders(e.op) and place is not None:
                    first[entry.name] = place
                else:
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
        told = told._replace(soft={**first, **told.soft}) if first else told
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
        for known in ({}, limits):
            for p in hidden:
                sizes[p] = sizes[p] or known.get(p)
            for group in told.ties:
                size = next((sizes[p] for p in sorted(group & hidden) if sizes[p] is not None), None)
                for p in group & hidden:
                    sizes[p] = sizes[p] or size

        def outer(i: str) -> Expr | None:
            """The size of a letter in a shifted read: one further out stands for its own."""
            return as_expr(sizes[i]) if i in sizes else as_expr(told.known.get(i)) or Index(i)

        again = True
        while again:
            again = False
            for p in sorted(hidden):
                if sizes[p] is None and (valid := largest(p, told.reads, outer, self._outside)) is not None:
                    sizes[p], again = valid, True
        return sizes

    # ----------------------------------------------------------------- putting together
    def _put(self, known: dict[str, Witness], letter: str, place: Witness) -> tuple[tuple[str, Witness, Witness], ...]:
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
        meets: list[tuple[str, Witness, Witness]] = []
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


def _tied(told: Told, found: dict[str, Witness | Expr | None]) -> None:
    """Let letters that an equality puts over one range have the range of the one among them that has one."""
    for group in told.ties:
        size = next((found[i] for i in sorted(group) if found.get(i) is not None), None)
        for i in group & found.keys():
            found[i] = found[i] or size


def _has_soft(e: Expr) -> bool:
    """Whether some product keeps a letter below the length of an axis that it may index there."""
    return any(
        type(n) is Mul
        and any(
            isinstance(f, Bracket) and f.relation == "<" and isinstance(f.left, Index) and limit(f, f.left.name)
            for f in n.factors
        )
        for n in postorder(e)
    )


def _read(place: Witness, s: Expr) -> Shifted | None:
    """A subscript as a shifted read; None for a gather that depends on a letter."""
    letters, rest = parts(form(s))
    if rest.free or any(c.denominator != 1 for c in letters.values()):
        return None
    return Shifted(place, {i: int(c) for i, c in letters.items()}, rest, rest)


def as_expr(size: Size | None) -> Expr | None:
    """A size as an expression; a letter further out stands for its own size."""
    return size.size if isinstance(size, Witness) else Index(size) if isinstance(size, str) else size


def largest(
    letter: str,
    reads: Iterable[Shifted],
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
    reads: list[Shifted] = []
    for r in told.reads:
        for i in [i for i in r.letters if i in sizes]:
            n = as_expr(sizes[i])
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


def is_size(e: Expr) -> bool:
    """Whether an expression is made of numbers and sizes: it may be how far a letter runs."""
    return not e.free and all(
        isinstance(n, (Number, Dim, Add, Mul))
        or (isinstance(n, Call) and n.function in ("floor", "min", "max"))
        or is_reciprocal(n)
        for n in postorder(e)
    )


def limit(f: Expr, letter: str) -> Expr | None:
    """n, where ``f`` is ``[i < n]`` and says of the letter i no more than its range."""
    match f:
        case Bracket("<", Index(name), n) | Bracket(">", n, Index(name)) if name == letter and is_size(n):
            return n
        case _:
            return None
