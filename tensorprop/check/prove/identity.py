"""Are two expressions equal? Both evaluated exactly, at random points of finite fields.

In: two expressions whose functions are few (see ``prove.unfold``), and which axes are equally long. Out: whether they
agree, at how many points, and a bound on the chance that they agree and are not equal.

A polynomial that is not zero has few zeros: of degree d it vanishes at a random point modulo a prime p with
probability d/p at most (Schwartz; Zippel). So entries of tensors become random residues, sums over small sizes are
added up, quotients use inverses, all in whole numbers of Python, and no digit is rounded. What is not a polynomial:

- ``exp(x)`` is g^x in a larger field, g of the order of the smaller one, in which x is evaluated. So
  ``exp(x + y) = exp(x) exp(y)`` holds there too, and no relation besides (Gonnet, Determining equivalence of
  expressions in random polynomial time, 1984). One exponential in another takes one field more. sin and cos come from
  another g.
- Residues that are squares play the positive numbers: 2, 3, 5 … are, -1 is not, products behave, and a square has one
  root that is a square. A point at which what stands under a root is none is drawn again.
- Any other function is an unknown for each value of its argument.
- Brackets of indices are exact. A comparison of numbers is an unknown too, ``[x > 0] + [x = 0] + [x < 0] = 1``: any
  residues first, which is a proof at ties as well; then 0 and 1.
- The size of an axis, where it stands as a number, is an unknown, so that what is proved holds for all sizes. A sum
  over it counts each entry w_i times, for unknown weights that add up to the size: what is true of all sizes is true
  where entries are repeated, hence of all whole weights, hence of any. Where an index is compared, or moved, entries
  are not alike, and the weights are 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np

from tensorprop.check.prove.unfold import is_about_indices, is_odd
from tensorprop.core.build import add
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.core.told import Letters, Witness
from tensorprop.core.walk import postorder, tensors_of

__all__ = ["Tested", "identical"]

Axis = tuple[str, int]
Table = tuple[tuple[str, ...], Any]
"""Values over the letters, in alphabetical order: an array of Python's whole numbers."""

POINTS = 3  # with any residues for comparisons
FLIPS = 256  # with 0 and 1 for comparisons
SIGNS = 96  # where a root may be that of a square
_DRAWN = 64  # times that a point is drawn again because a root is not there
_ENTRIES = 60_000  # of one table
_WORK = 600_000  # entries of all tables of a point
_RIVALS = 3  # classes whose sizes are compared with one another
_SMALL_RANGE = 2  # values that labels take anyway, and one that they may have more at another point
_LEVELS = 10  # of exponentials in exponentials
_SMALL = 8 * 3 * 5 * 7 * 11 * 13  # numbers whose primes are squares in all fields; no small root is missing


@dataclass(frozen=True)
class Tested:
    """What identity testing found.

    ``equal``: whether all points agreed; None where that cannot be evaluated, and ``why``. ``error`` bounds the
    probability that two expressions which are not equal agreed. ``exact``: a difference is one of numbers, since no
    function was an unknown. ``whole``: multiplying out would bring nothing to light, since nothing is in the
    expressions whose laws need a canonical argument.
    """

    equal: bool | None
    points: int = 0
    error: float = 1.0
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    exact: bool = False
    whole: bool = False
    why: str = ""


def identical(
    a: Expr,
    b: Expr,
    target: Tensor,
    axis: Callable[[Dim], Dim] = lambda d: d,
    labels: Iterable[str] = (),
    sums: Mapping[str, tuple[frozenset[int], Number]] | None = None,
    seed: int = 0,
    flips: bool = True,
) -> Tested:
    """Whether ``a`` and ``b`` agree, for each entry of ``target``, whose letters are their free ones.

    ``axis`` names one axis for all of the same length, ``labels`` are tensors of whole numbers within range, and
    ``sums`` says of a tensor to what it adds up along some axes. Without ``flips``, comparisons are any residues only.

    >>> from tensorprop.text import parse_expression
    >>> left, right = parse_expression("sin(x)^2 + cos(x)^2"), parse_expression("1")
    >>> identical(left, right, Tensor("y", ())).equal, identical(left, Tensor("x", ()), Tensor("y", ())).equal
    (True, False)
    """
    try:
        setting = _Setting(a, b, target, axis, frozenset(labels), sums or {})
    except _Unknown as error:
        return Tested(None, why=str(error))
    found = Tested(None)
    for kind in ("formal", "flips") if setting.compares and flips else ("formal",):
        found = _points(setting, kind, FLIPS if kind == "flips" else setting.points, seed)
        if found.equal is not False:
            break
    if found.equal is False and not setting.measured <= setting.weighted:
        # Σ_i 1 may have come about unseen, where the size as an unknown says nothing
        setting.measured = setting.weighted = frozenset()
        if _points(setting, "flips" if setting.compares and flips else "formal", POINTS, seed).equal is not False:
            return Tested(None, why="equal for some sizes")
    return found


def _points(setting: _Setting, kind: str, points: int, seed: int) -> Tested:
    sizes: dict[str, int] = {}
    doubtful = setting.roots()
    k = -1
    while (k := k + 1) < points or (doubtful and k < SIGNS):
        largest: dict[Axis, int] = {}
        agreed = None
        for attempt in range(_DRAWN):
            # sizes are others at each point; where roots are missing again and again, fewer of them have to be there
            try:
                largest = setting.sizes(k if k < setting.points and attempt < _DRAWN // 2 else None)
                agreed = setting.agree(largest, kind, (seed, kind, k, attempt), k)
                break
            except _NoRoot as error:
                doubtful.discard(error.node)
            except _Unknown as error:
                return Tested(None, k, why=str(error))
        if agreed is None:
            return Tested(None, k, why="the roots at no random point are all there")
        for (name, at), n in largest.items():
            sizes[f"dim({name}, {at})"] = max(n, sizes.get(f"dim({name}, {at})", 0))
        if not agreed:
            return Tested(False, k + 1, 0.0, sizes, setting.exact, setting.whole)
    error = setting.error(kind, k, len(doubtful))
    return Tested(True, k, error, sizes, setting.exact, setting.whole)


class _Unknown(Exception):
    """The expressions cannot be evaluated here."""


class _NoRoot(Exception):
    """At this point something under a root is no square, or a divisor is 0."""

    def __init__(self, node: Expr | None = None) -> None:
        super().__init__()
        self.node = node


# --------------------------------------------------------------------------- fields
@dataclass(frozen=True)
class _Field:
    """Whole numbers modulo a prime ``p``; ``g`` has the order of the next smaller field; ``i² = -1`` in a circle."""

    p: int
    order: int
    g: int
    i: int

    @property
    def positive(self) -> int:
        """How many residues count as positive numbers: an odd number of them, so that each has one positive root."""
        return (self.p - 1) // (4 if self.i else 2)


@cache
def _fields(which: int, circle: bool) -> tuple[_Field, ...]:
    """Fields for exponentials in exponentials, the outermost first; in a ``circle`` -1 has a root."""
    rest = next(r for r in range(_SMALL) if r % 8 == (5 if circle else 7) and (r + 1) % (_SMALL // 8) == 0)
    p = 2**61 // _SMALL * _SMALL + rest
    for _ in range(which + 1):
        p += _SMALL
        while not _is_prime(p):
            p += _SMALL
    fields = [_field(p, 1, 1, circle)]
    for _ in range(_LEVELS):
        q = fields[-1].p
        step = (rest - 1) * pow(q, -1, _SMALL) % _SMALL
        while not _is_prime(1 + q * step):
            step += _SMALL
        p = 1 + q * step
        h = 2
        while pow(h, step, p) == 1:
            h += 1
        fields.append(_field(p, q, pow(h, step, p), circle))
    return tuple(fields[::-1])


def _field(p: int, order: int, g: int, circle: bool) -> _Field:
    if not circle:
        return _Field(p, order, g, 0)
    roots = (pow(h, (p - 1) // 4, p) for h in itertools.count(2))
    return _Field(p, order, g, next(r for r in roots if r * r % p == p - 1))


def _is_prime(n: int) -> bool:
    """Miller and Rabin's test; its first twelve bases leave no doubt below 2^64, and next to none above."""
    for q in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % q == 0:
            return n == q
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(base, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


# --------------------------------------------------------------------------- what is evaluated
def _class(size: Witness | Expr) -> Axis:
    """The axis that is so long; what is no axis stands for itself."""
    if isinstance(size, Witness):
        return size[:2]
    return (size.tensor, size.axis) if isinstance(size, Dim) else (f"size {size}", 0)


_WHOLE = -1  # the level of subscripts: whole numbers, in no field


class _Setting:
    """Two expressions, the classes of their axes, and in which order and in which fields their nodes are evaluated."""

    def __init__(
        self,
        a: Expr,
        b: Expr,
        target: Tensor,
        axis: Callable[[Dim], Dim],
        labels: frozenset[str],
        sums: Mapping[str, tuple[frozenset[int], Number]],
    ) -> None:
        self.a, self.b = a, b
        self.target = target
        self.sums = sums
        self._axis = axis
        self._parent: dict[Axis, Axis] = {}
        self.both = add(a, b)
        self._ranges()
        self.labels = labels | {
            t.name for n in postorder(self.both) for place in _places(n) for t in _top_tensors(place)
        }
        self.order = self._order()
        self.compares = sum(isinstance(n, Bracket) and not self.of_indices(n) for n, _ in self.order)
        self.unknowns = sum(_is_unknown(n) for n, _ in self.order)
        self.circle = any(isinstance(n, Call) and n.function in ("sin", "cos") for n, _ in self.order)
        self.degree = _degree(self.both)
        self.classes = self._classes()
        self.rivals = self._compared_sizes()
        self.picks = self._picks()
        self.points = max(POINTS, math.factorial(len(self.rivals)))
        self.need = self._need()
        self.measured = self._measured()
        """The classes whose sizes stand as numbers, and are unknowns."""
        self.weighted = self.measured - self._told_apart()
        """Those of them of which a sum may count its entries several times."""
        self.whole = (
            not self.compares
            and self.measured <= self.weighted
            and not any(_wants_laws(n) or _may_be_a_square(n) for n, _ in self.order)
        )
        self.moved = self._moved()
        ranged = frozenset[Axis]().union(*self.classes.values())
        self.exact = self.unknowns == 0 and self.whole and not any(k in ranged for k, _ in self.moved)
        """Whether a difference is one of numbers: no function is unknown, no sign of a root, no place outside."""

    # ----------------------------------------------------------------- ranges
    def find(self, at: Axis) -> Axis:
        """The axis that stands for all that are as long as this one."""
        d = self._axis(Dim(*at))
        at = d.tensor, d.axis
        while (up := self._parent.get(at, at)) != at:
            at = up
        return at

    def _ranges(self) -> None:
        def meet(_: str, one: Witness, other: Witness) -> None:
            self._union(one[:2], other[:2])

        letters = Letters(meet)
        told = letters.read(self.both)
        limits = dict(told.limits)
        self.free: dict[str, Axis] = {}
        for k, s in enumerate(self.target.subscripts):
            if isinstance(s, Index):
                own = (self.target.name, k)
                place = told.known.get(s.name) or limits.get(s.name)
                if place is not None:
                    self._union(own, _class(place))
                self.free[s.name] = own
        for i in self.both.free - self.free.keys():
            place = told.known.get(i) or limits.get(i)
            self.free[i] = _class(place) if place is not None else (f"index {i}", 0)
        self.bound = letters.bound

    def _union(self, one: Axis, other: Axis) -> None:
        a, b = self.find(one), self.find(other)
        if a != b:
            self._parent[max(a, b)] = min(a, b)

    def range(self, binder: Sum | Reduce, letter: str) -> Axis:
        """The class over which a bound letter runs."""
        place = self.bound.get(binder, {}).get(letter)
        if place is None:
            place = next((Witness(d.tensor, d.axis, self.target) for d in _limits(binder.body, letter)), None)
        if isinstance(place, str):
            place = None if place not in self.free else Witness(*self.free[place], self.target)
        if place is not None:
            return self.find(_class(place))
        raise _Unknown(f"nothing tells over what {letter} is summed")

    # ----------------------------------------------------------------- order and counts
    def of_indices(self, b: Bracket) -> bool:
        """Whether a bracket compares whole numbers: indices, or labels."""
        return is_about_indices(b) or any(isinstance(s, Tensor) and s.name in self.labels for s in b.children)

    def children(self, n: Expr, level: int) -> Iterable[tuple[Expr, int]]:
        """What the value of ``n`` in a field is made of, and in which fields that is needed."""
        match n:
            case Tensor():
                return [(s, _WHOLE) for s in n.subscripts]
            case Bracket():
                return [(s, _WHOLE if self.of_indices(n) else 0) for s in n.children]
            case Call("exp" | "sigmoid" | "sin" | "cos", (x,)):
                return [(x, level + 1)]
            case Call("power", (_, Number())):
                return [(n.args[0], level)]
            case Call("power", (base, exponent)):
                return [(base, level), (exponent, level + 1)]
            case Reduce():
                return [(n.body, level), *((s, _WHOLE) for s in n.at)]
            case _:
                return [(c, level) for c in n.children]

    def _order(self) -> list[tuple[Expr, int]]:
        order: list[tuple[Expr, int]] = []
        seen: set[tuple[Expr, int]] = set()
        stack: list[tuple[tuple[Expr, int], bool]] = [((self.b, 0), False), ((self.a, 0), False)]
        while stack:
            at, ready = stack.pop()
            if ready:
                order.append(at)
            elif at not in seen:
                seen.add(at)
                if at[1] > _LEVELS:
                    raise _Unknown("too many exponentials in exponentials")
                stack.append((at, True))
                stack.extend((c, False) for c in self.children(*at) if c not in seen)
        return order

    def _need(self) -> dict[Axis, int]:
        """How many letters one term has over each class: fewer values would not tell its factors apart."""
        done: dict[Expr, dict[Axis, int]] = {}
        inside: dict[Axis, int] = {}
        for n in postorder(self.both):
            below = [done[c] for c in n.children]
            total: dict[Axis, int] = {}
            for part in below:
                for k, count in part.items():
                    total[k] = total.get(k, 0) + count if isinstance(n, Mul) else max(total.get(k, 0), count)
            if isinstance(n, (Sum, Reduce)):
                for i in n.indices:
                    if i in n.body.free:
                        k = self.range(n, i)
                        total[k] = total.get(k, 0) + 1
            if isinstance(n, Call) and n.function == "power" and isinstance(n.args[1], Number):
                times = math.ceil(abs(n.args[1].value))
                total = {k: count * max(1, times) for k, count in total.items()}
            elif isinstance(n, Call):  # one factor: its arguments are told apart on their own
                for i in n.free:
                    for k in self.classes.get(i, ()):
                        total[k] = total.get(k, 0) + 1
                inside = {k: max(inside.get(k, 0), total.get(k, 0)) for k in {*inside, *total}}
                total = {}
            done[n] = total
        need = dict(done[self.both])
        for at in self.free.values():
            k = self.find(at)
            need[k] = need.get(k, 0) + 1
        for n in postorder(self.both):
            if isinstance(n, Dim):
                need.setdefault(self.find((n.tensor, n.axis)), 1)
        need = {k: max(need.get(k, 0), inside.get(k, 0)) for k in {*need, *inside}}
        edges = self._edges()
        for k, n in edges.items():
            need[k] = need.get(k, 1) + n
        for t in tensors_of(self.both):  # a label takes every value that matters
            if t.name in self.labels and t.subscripts:
                most = max((need.get(k, 1) for k in self.picks.get(t.name, ()) if edges.get(k)), default=0)
                most = max(most, self.reach(t.name) if not self.picks.get(t.name) else 0)
                for k in self.classes.get(min(t.free, default=""), ()) if most > _SMALL_RANGE else ():
                    need[k] = max(need.get(k, 1), most + _SMALL_RANGE)
        return need

    def _edges(self) -> dict[Axis, int]:
        """How much longer a class has to be for the whole numbers with which its indices are compared, or at which
        it is read: ``[i ≠ 7]``, ``[i ≥ j + 2]``, ``x_3``."""
        found: dict[Axis, int] = {}
        for n in postorder(self.both):
            if isinstance(n, Bracket) and self.of_indices(n):
                constant = sum(_constant(side) for side in n.children)
                steepest = max(_steepest(side) for side in n.children)
                places = {k for t in tensors_of(n) for k in self.picks.get(t.name, ())}
                for k in {k for i in n.free for k in self.classes.get(i, ())} | places:
                    found[k] = found.get(k, 0) + constant + (steepest - 1) * (constant + 2)
            elif isinstance(n, Tensor):
                for axis, s in enumerate(n.subscripts):
                    if isinstance(s, Number):
                        k = self.find((n.name, axis))
                        found[k] = max(found.get(k, 0), math.ceil(abs(s.value)))
        return found

    def sizes(self, point: int | None) -> dict[Axis, int]:
        """A size for every class, others at each point and different ones for any two classes at one; as small as
        they may be where ``point`` is None, and where the tables would be large."""
        least = {k: max(n, 1) + (k in self.weighted) for k, n in self.need.items()}
        for place, k in enumerate(self._order_of_rivals(point or 0)):
            least[k] += place * max(least.values())
        more = dict.fromkeys(least, 0)
        if point is not None:
            more = {k: (point * (1 + r // 3) + r) % 3 for r, k in enumerate(sorted(least))}
        while True:
            found = self._reached({k: n + more[k] for k, n in least.items()})
            if self._work(found) <= _WORK:
                return found
            k = max(more, key=lambda k: (more[k], k), default=None)
            if k is None or not more[k]:
                raise _Unknown("the tables are too large")
            more[k] -= 1

    def _compared_sizes(self) -> list[Axis]:
        """Classes of which a bracket compares the sizes: that of x and w in ``Σ_t [t < dim(w, 0)] x_t``."""
        found: set[Axis] = set()
        for n in postorder(self.both):
            if isinstance(n, Bracket) and self.of_indices(n):
                sizes = {self.find((d.tensor, d.axis)) for d in postorder(n) if isinstance(d, Dim)}
                ranges = {k for i in n.free for k in self.classes.get(i, ())}
                if sizes and len(sizes | ranges) > 1:
                    found |= sizes | ranges
        if len(found) > _RIVALS:
            raise _Unknown("too many sizes are compared with one another")
        return sorted(found)

    def _order_of_rivals(self, point: int) -> tuple[Axis, ...]:
        """Those classes, the shortest first: in every order, at one point or another."""
        orders = list(itertools.permutations(self.rivals))
        return orders[point % len(orders)]

    def _reached(self, sizes: dict[Axis, int]) -> dict[Axis, int]:
        """The sizes, those of axes that are read at ``x + u`` large enough for it."""
        far = self.domains(sizes)
        for k, last in self.moved:
            if not any(k in self.classes.get(i, ()) for i in last.free):  # a recurrence is never long enough
                sizes[k] = max(sizes.get(k, 1), 1 + _largest(last, far))
        return sizes

    # ----------------------------------------------------------------- sizes as unknowns
    def _classes(self) -> dict[str, frozenset[Axis]]:
        """The classes over which a letter runs, free or bound anywhere."""
        found: dict[str, set[Axis]] = {i: {self.find(at)} for i, at in self.free.items()}
        for n in postorder(self.both):
            if isinstance(n, (Sum, Reduce)):
                for i in n.indices:
                    if i in n.body.free:
                        found.setdefault(i, set()).add(self.range(n, i))
        return {i: frozenset(classes) for i, classes in found.items()}

    def _measured(self) -> frozenset[Axis]:
        sizes = {self.find((n.tensor, n.axis)) for n, _ in self.order if isinstance(n, Dim)}
        for n, _ in self.order:
            if isinstance(n, Sum):
                parts = factors_of(n.body)
                counted = [i for i in n.indices if all(i not in f.free or any(_limits(f, i)) for f in parts)]
                sizes |= {self.range(n, i) for i in counted}
        return frozenset(sizes)

    def _told_apart(self) -> frozenset[Axis]:
        """Classes whose entries are not alike: an index of theirs is compared, moved or picked."""
        found: set[Axis] = set()
        for n in postorder(self.both):
            letters: Iterable[str] = ()
            if isinstance(n, Bracket) and self.of_indices(n):
                if not any(True for i in n.free for _ in _limits(n, i)):
                    letters = n.free
                    found |= {self.find((d.tensor, d.axis)) for d in n.children if isinstance(d, Dim)}
            elif isinstance(n, Tensor):
                for axis, s in enumerate(n.subscripts):
                    if not isinstance(s, Index):
                        found.add(self.find((n.name, axis)))
                        letters = (*letters, *s.free)
            elif isinstance(n, Reduce) and n.op not in ("max", "min"):
                letters = n.indices
            found |= {k for i in letters for k in self.classes.get(i, ())}
        return frozenset(found)

    def _moved(self) -> list[tuple[Axis, Expr]]:
        """Axes that are read at something other than an index, a number or a label, and at what."""
        return [
            (self.find((n.name, axis)), s)
            for n in postorder(self.both)
            if isinstance(n, Tensor)
            for axis, s in enumerate(n.subscripts)
            if isinstance(s, (Add, Mul)) and not any(True for _ in tensors_of(s))
        ]

    def domains(self, sizes: Mapping[Axis, int]) -> dict[str, int]:
        """How far every letter runs at most, free or bound anywhere."""
        found = {i: sizes[self.find(at)] for i, at in self.free.items()}
        for n in postorder(self.both):
            if isinstance(n, (Sum, Reduce)):
                for i in n.indices:
                    if i in n.body.free:
                        found[i] = max(found.get(i, 0), sizes[self.range(n, i)])
        return found

    def _work(self, sizes: Mapping[Axis, int]) -> int:
        far = self.domains(sizes)
        work = 0
        for n, _ in self.order:
            entries = 1
            for i in n.free:
                entries *= far.get(i, 1)
            work += entries * max(1, len(n.children))
            if entries > _ENTRIES:
                return _WORK + 1
        return work

    def _picks(self) -> dict[str, list[Axis]]:
        """The axes from which a label picks, and those over which an index runs that it is compared with."""
        found: dict[str, list[Axis]] = {}
        for n in postorder(self.both):
            if isinstance(n, Tensor):
                for k, s in enumerate(n.subscripts):
                    for t in _top_tensors(s):
                        found.setdefault(t.name, []).append(self.find((n.name, k)))
            elif isinstance(n, Bracket):
                for label, i in (n.children, n.children[::-1]):
                    if isinstance(label, Tensor) and label.name in self.labels and isinstance(i, Index):
                        found.setdefault(label.name, []).extend(self.classes.get(i.name, ()))
        return found

    def reach(self, label: str) -> int:
        """How many values a label has at least that picks from no axis: some more than it is compared with."""
        brackets = [n for n, _ in self.order if isinstance(n, Bracket) and any(t.name == label for t in tensors_of(n))]
        return 2 + sum(_constant(side) for n in brackets for side in n.children)

    def roots(self) -> set[Expr | None]:
        """Roots of what depends on tensors. One whose base is a square at every point may be that of a square, such as
        √(x²), whose sign is that of x at some points only: then many points are looked at."""
        return {
            n
            for n, _ in self.order
            if isinstance(n, Call)
            and n.function == "power"
            and isinstance(n.args[1], Number)
            and n.args[1].value.denominator % 2 == 0
            and any(True for _ in tensors_of(n.args[0]))
        }

    def error(self, kind: str, points: int, signs: int) -> float:
        """A bound on the chance that expressions which differ agreed at all points."""
        once = min(1.0, self.degree / 2**60)
        patterns = min(self.compares, _brackets_of_a_term(self.both, self)) if kind == "flips" else 0
        if patterns or signs:
            once = min(1.0, once + 1 - 0.25**patterns * 0.5**signs)
        return once**points

    # ----------------------------------------------------------------- values
    def agree(self, sizes: Mapping[Axis, int], kind: str, seed: object, number: int) -> bool:
        """Whether all entries agree at one random point."""
        point = _Point(self, sizes, kind, seed, number)
        done: dict[tuple[Expr, int], Table] = {}
        for n, level in self.order:
            letters, x = point.value(n, level, [done[c] for c in self.children(n, level)])
            done[n, level] = letters, np.asarray(x, dtype=object)  # NumPy makes a number of an array of no axes
        p = point.fields[0].p
        _, (one, other) = _aligned([done[self.a, 0], done[self.b, 0]])
        return not np.any((one - other) % p)


class _Point:
    """One random point: residues for all that is unknown."""

    def __init__(self, setting: _Setting, sizes: Mapping[Axis, int], kind: str, seed: object, number: int) -> None:
        self.setting = setting
        self.sizes = sizes
        self.far = setting.domains(sizes)
        self.kind = kind
        self.seed = repr(seed)
        self.in_turn = number % 2 == 1
        self.fields = _fields(_hash(seed) % 4, setting.circle)
        self.entries: dict[tuple[object, ...], int] = {}

    def draw(self, *key: object) -> int:
        """A random whole number for a key, the same one each time."""
        found = self.entries.get(key)
        if found is None:
            found = self.entries[key] = _hash((self.seed, *key))
        return found

    def value(self, n: Expr, level: int, parts: list[Table]) -> Table:
        """The table of a node, given those of what it is made of."""
        p = 0 if level == _WHOLE else self.fields[level].p
        match n:
            case Number(value):
                if level == _WHOLE:
                    if value.denominator != 1:
                        raise _Unknown("a subscript is no whole number")
                    return (), np.array(int(value), dtype=object)
                return (), np.array(self._quotient(value, p), dtype=object)
            case Index(name):
                return (name,), np.array(range(self.far.get(name, 1)), dtype=object)
            case Dim():
                return (), np.array(self._size(n, level, p), dtype=object)
            case Tensor():
                return self._map(lambda *at: self._entry(n, at, level, p), parts, n)
            case Bracket():
                return self._bracket(n, parts, level, p)
            case Add():
                letters, arrays = _aligned(parts)
                total: Any = sum(arrays[1:], arrays[0])
                return letters, total % p if p else total
            case Mul():
                letters, arrays = _aligned(parts)
                product = arrays[0]
                for x in arrays[1:]:
                    product = product * x % p if p else product * x
                return letters, product
            case Sum():
                return self._sum(n, parts[0], level, p)
            case Reduce():
                return self._reduce(n, parts, level, p)
            case Call():
                if level == _WHOLE:
                    raise _Unknown(f"{n.function} stands in a subscript")
                return self._call(n, parts, level)
            case _:
                raise _Unknown(f"{type(n).__name__} has no value here")

    def _map(self, rule: Callable[..., int], parts: list[Table], n: Expr) -> Table:
        if not parts:
            return (), np.array(rule(), dtype=object)
        letters, arrays = _aligned(parts)
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
        out = np.empty(shape, dtype=object)
        columns = [np.broadcast_to(x, shape).reshape(-1).tolist() for x in arrays]
        out.reshape(-1)[:] = [rule(*row) for row in zip(*columns, strict=True)]
        return letters, out

    @staticmethod
    def _quotient(value: Fraction, p: int) -> int:
        if value.denominator % p == 0:
            raise _NoRoot
        return value.numerator * pow(value.denominator, -1, p) % p

    def _size(self, d: Dim, level: int, p: int) -> int:
        k = self.setting.find((d.tensor, d.axis))
        if level == _WHOLE:
            return self.sizes[k]
        return self.measure(k, level)

    def measure(self, k: Axis, level: int) -> int:
        """The size of a class as a number: an unknown, and positive."""
        if k not in self.setting.measured:
            return self.sizes[k]
        return pow(self.draw("size", k, level), 4, self.fields[level].p)

    def weights(self, k: Axis, level: int) -> list[int]:
        """How many times a sum over a class counts each of its entries: unknowns that add up to the size."""
        if k not in self.setting.weighted:
            return [1] * self.sizes[k]
        p = self.fields[level].p
        found = [self.draw("weight", k, level, i) % p for i in range(self.sizes[k] - 1)]
        return [*found, (self.measure(k, level) - sum(found)) % p]

    def _entry(self, t: Tensor, at: tuple[int, ...], level: int, p: int) -> int:
        if t.name in self.setting.labels:
            picks = [self.sizes[k] for k in self.setting.picks.get(t.name, ()) if k in self.sizes]
            reach = min(picks) if picks else self.setting.reach(t.name)
            # at every other point one value after the other, so that none is left out
            value = (self.draw("label", t.name) + sum(at) if self.in_turn else self.draw("label", t.name, at)) % reach
            return value if level == _WHOLE else value % p
        if level == _WHOLE:
            raise _Unknown(f"{t.name} stands in a subscript")
        known = self.setting.sums.get(t.name)
        if known is not None:
            axes, total = known
            class_of = {k: self.setting.find((t.name, k)) for k in axes}
            times = {k: self.weights(c, level) if c in self.sizes else [1] for k, c in class_of.items()}
            if all(at[k] == len(w) - 1 for k, w in times.items()):
                rest = 0
                rows = (range(len(times[k])) if k in axes else (at[k],) for k in range(len(at)))
                for row in itertools.product(*rows):
                    if row != at:
                        often = math.prod(w[row[k]] for k, w in times.items())
                        rest += often * self.draw("entry", level, t.name, row)
                once = math.prod(w[at[k]] for k, w in times.items())
                return (self._quotient(total.value, p) - rest) * pow(once, -1, p) % p
        return self.draw("entry", level, t.name, at) % p

    # ----------------------------------------------------------------- brackets
    def _bracket(self, b: Bracket, parts: list[Table], level: int, p: int) -> Table:
        if self.setting.of_indices(b):
            holds: dict[str, Callable[[int, int], bool]] = {
                "=": lambda x, y: x == y,
                "≠": lambda x, y: x != y,
                "<": lambda x, y: x < y,
                "≤": lambda x, y: x <= y,
                ">": lambda x, y: x > y,
                "≥": lambda x, y: x >= y,
            }
            rule = holds[b.relation]
            return self._map(lambda x, y: int(rule(x, y)), parts, b)
        zero = self.fields[0].p
        return self._map(lambda x, y: self._compared(b.relation, (x - y) % zero, level, p), parts, b)

    def _compared(self, relation: str, v: int, level: int, p: int) -> int:
        if v == 0:
            more, tie = 0, 1
        else:
            first = self.fields[0]
            turned = v > first.p // 2
            size = first.p - v if turned else v
            if self.kind == "formal":
                tie = self.draw("tie", size, level) % p
                more = self.draw("more", size, level) % p
                if turned:
                    more = (1 - more - tie) % p
            else:
                tie = int(self.draw("tie", size) % 4 == 0)
                if first.i:
                    more = int(not tie and bool(self.draw("more", size) % 2) != turned)
                else:
                    more = int(not tie and pow(v, first.positive, first.p) == 1)
        match relation:
            case ">":
                return more
            case "=":
                return tie
            case "≥":
                return (more + tie) % p
            case "<":
                return (1 - more - tie) % p
            case "≤":
                return (1 - more) % p
            case _:
                return (1 - tie) % p

    # ----------------------------------------------------------------- binders
    def _sum(self, n: Sum, part: Table, level: int, p: int) -> Table:
        letters, x = part
        for i in n.indices:
            if i not in letters:
                raise _Unknown(f"nothing in a sum depends on {i}")
            k = letters.index(i)
            at = self.setting.range(n, i)
            if p and all(i not in f.free or any(_limits(f, i)) for f in factors_of(n.body)):  # Σ_i 1 is the size itself
                x = np.take(x, 0, axis=k) * self.measure(at, level)
            else:
                x = np.take(x, range(self.sizes[at]), axis=k)
                if p and at in self.setting.weighted:
                    shape = [-1 if a == k else 1 for a in range(x.ndim)]
                    x = x * np.array(self.weights(at, level), dtype=object).reshape(shape)
                x = x.sum(axis=k)
            x = np.asarray(x, dtype=object)
            letters = letters[:k] + letters[k + 1 :]
        return letters, x % p if p else x

    def _reduce(self, n: Reduce, parts: list[Table], level: int, p: int) -> Table:
        """A product exactly; any other reduction is an unknown for each family of values."""
        letters, x = parts[0]
        for i in n.indices:
            if i not in letters:
                raise _Unknown(f"nothing in {n.op} depends on {i}")
        sizes = [self.sizes[self.setting.range(n, i)] for i in n.indices]
        for i, size in zip(n.indices, sizes, strict=True):
            x = np.take(x, range(size), axis=letters.index(i))
        kept = tuple(i for i in letters if i not in n.indices)
        order = [letters.index(i) for i in (*kept, *n.indices)]
        rows = x.transpose(order).reshape([*(x.shape[letters.index(i)] for i in kept), -1])
        out = np.empty(rows.shape[:-1], dtype=object)
        for place in np.ndindex(*out.shape):
            row = rows[place].tolist()
            if n.op == "prod":
                product = 1
                for f in row:
                    product = product * f % p
                out[place] = product
            elif n.op in ("max", "min"):
                out[place] = self.draw(n.op, level, tuple(sorted(set(row)))) % p
            elif is_matrix(n.op):
                out[place] = self.draw(n.op, level, tuple(row)) % p
            else:
                raise _Unknown(f"{n.op} has no value here")
        table: Table = (kept, out)
        if n.at:
            table = self._map(lambda v, *at: self.draw(n.op, "entry", level, v, at) % p, [table, *parts[1:]], n)
        return table

    # ----------------------------------------------------------------- functions
    def _call(self, n: Call, parts: list[Table], level: int) -> Table:
        here = self.fields[level]
        p, name = here.p, n.function
        match n:
            case Call("pi", ()):
                return (), np.array(pow(self.draw("pi", level), 4, p), dtype=object)
            case Call("exp", _):
                return self._map(lambda x: pow(here.g, x, p), parts, n)
            case Call("sigmoid", _):
                return self._map(lambda x: self._logistic(pow(here.g, x, p), p), parts, n)
            case Call("sin" | "cos", _):
                turn = pow(here.g, self.draw("turn", level) % here.order, p)
                return self._map(lambda x: self._circle(name, pow(turn, x, p), here), parts, n)
            case Call("power", (_, Number(value))):
                return self._map(lambda x: self._power(x, value, here, n), parts, n)
            case Call("power", _):
                return self._map(lambda x, y: pow(self._base(x, here), y, p), parts, n)
            case _:
                return self._map(lambda *x: self._function(name, x, level, p), parts, n)

    @staticmethod
    def _logistic(e: int, p: int) -> int:
        if (1 + e) % p == 0:
            raise _NoRoot
        return e * pow(1 + e, -1, p) % p

    @staticmethod
    def _circle(name: str, u: int, field: _Field) -> int:
        """cos x = (u + 1/u)/2 and sin x = (u - 1/u)/(2 i) for u = exp(i x)."""
        over = pow(u, -1, field.p)
        if name == "cos":
            return (u + over) * pow(2, -1, field.p) % field.p
        return (u - over) * pow(2 * field.i, -1, field.p) % field.p

    @staticmethod
    def _power(x: int, n: Fraction, field: _Field, node: Expr) -> int:
        p = field.p
        if x == 0:
            if n < 0:
                raise _NoRoot
            return 0
        if n.denominator == 1:
            return pow(x, n.numerator, p)
        if pow(x, field.positive, p) != 1:
            raise _NoRoot(node)
        try:
            return pow(x, n.numerator * pow(n.denominator, -1, field.positive) % field.positive, p)
        except ValueError:
            raise _Unknown(f"there is no root of order {n.denominator} in these fields") from None

    def _base(self, x: int, field: _Field) -> int:
        """x^w = (a number of the order of the smaller field, drawn for x)^w."""
        return pow(field.g, self.draw("base", field.p, x) % field.order, field.p)

    def _function(self, name: str, x: tuple[int, ...], level: int, p: int) -> int:
        if is_odd(name) and x[0] > p // 2:
            return -self.draw("function", name, level, (p - x[0],)) % p
        if is_odd(name) and x[0] == 0:
            return 0
        return self.draw("function", name, level, x) % p


# --------------------------------------------------------------------------- small things
def _hash(key: object) -> int:
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=32).digest(), "big")


def _aligned(parts: list[Table]) -> tuple[tuple[str, ...], list[Any]]:
    """Tables over the letters of all of them."""
    letters = tuple(sorted({i for own, _ in parts for i in own}))
    return letters, [x.reshape([x.shape[own.index(i)] if i in own else 1 for i in letters]) for own, x in parts]


def _places(n: Expr) -> tuple[Expr, ...]:
    """Where whole numbers stand: in subscripts, and in brackets beside an index."""
    if isinstance(n, Tensor):
        return n.subscripts
    return n.children if isinstance(n, Bracket) and is_about_indices(n) else ()


def _limits(e: Expr, letter: str) -> Iterable[Dim]:
    """The sizes below which factors of ``e`` say that a letter is: ``[i < dim(x, 0)]``."""
    for f in factors_of(e):
        match f:
            case Bracket("<", Index(name), Dim() as d) | Bracket(">", Dim() as d, Index(name)) if name == letter:
                yield d
            case _:
                pass


def _top_tensors(e: Expr) -> Iterable[Tensor]:
    return (t for t in tensors_of(e))


def _is_unknown(n: Expr) -> bool:
    return (isinstance(n, Call) and n.function not in _NUMERIC) or (isinstance(n, Reduce) and n.op != "prod")


def _may_be_a_square(n: Expr) -> bool:
    """Whether ``n`` is an even root of what may be the square of something that is positive, and no square here."""
    match n:
        case Call("power", (base, Number(value))) if value.denominator % 2 == 0:
            return any(isinstance(m, (Add, Sum)) or (isinstance(m, Call) and m.args) for m in postorder(base))
        case _:
            return False


def _constant(e: Expr) -> int:
    """A bound on the number that stands in an affine form: 3 in ``2 i - 3``."""
    return sum(math.ceil(abs(n.value)) for n in postorder(e) if isinstance(n, Number))


def _steepest(e: Expr) -> int:
    """A bound on the numbers before the letters of an affine form: 2 in ``2 i - j``."""
    found = [abs(f.value) for n in postorder(e) if isinstance(n, Mul) for f in n.factors if isinstance(f, Number)]
    return max(1, math.ceil(max(found, default=1)))


def _largest(e: Expr, far: Mapping[str, int]) -> int:
    """The largest value of an affine form, each letter running from 0 to its range."""
    total = Fraction(0)
    for t in terms_of(e):
        factor, letters = Fraction(1), 1
        for f in factors_of(t):
            match f:
                case Number(value):
                    factor *= value
                case Index(name):
                    letters *= far.get(name, 1) - 1
                case _:
                    return 0
        if t.free:
            total += max(Fraction(0), factor * letters)
        else:
            total += factor
    return math.ceil(total)


def _wants_laws(n: Expr) -> bool:
    """Whether a law may be at hand that is not one of numbers here: of functions of functions, of π, of reductions."""
    if isinstance(n, Reduce):
        return n.op != "prod"
    if not isinstance(n, Call):
        return False
    if n.function == "log" or (n.function == "power" and not isinstance(n.args[1], Number)):
        return True
    return n.function != "power" and any(
        isinstance(m, Call) and m.function not in _NUMERIC for a in n.args for m in postorder(a)
    )


_NUMERIC = frozenset("exp sigmoid sin cos power".split())


def _degree(e: Expr) -> int:
    """A bound on the degree of the polynomial that has to vanish, quotients brought over one divisor."""
    done: dict[Expr, tuple[int, int]] = {}
    for n in postorder(e):
        below = [done[c] for c in n.children]
        over = sum(d for _, d in below)
        match n:
            case Add():
                done[n] = max((u - d for u, d in below), default=0) + over, over
            case Mul():
                done[n] = sum(u for u, _ in below), over
            case Sum() | Reduce():  # and a weight besides
                done[n] = (below[0][0] + 1) * 16, below[0][1] * 16
            case Call("power", (_, Number(value))):
                times = int(np.ceil(abs(float(value))))
                u, d = below[0]
                done[n] = (d * times, u * times) if value < 0 else (u * times, d * times)
            case Number() | Index() | Dim():
                done[n] = 0, 0
            case _:
                done[n] = 1 + sum(u + d for u, d in below), 0
        done[n] = min(done[n][0], 2**40), min(done[n][1], 2**40)
    return max(1, sum(done[e]))


def _brackets_of_a_term(e: Expr, setting: _Setting) -> int:
    """How many comparisons of numbers one term has at most."""
    done: dict[Expr, int] = {}
    for n in postorder(e):
        below = [done[c] for c in n.children]
        own = isinstance(n, Bracket) and not setting.of_indices(n)
        done[n] = min(64, (sum(below) if isinstance(n, Mul) else max(below, default=0)) + own)
    return max(1, done[e])
