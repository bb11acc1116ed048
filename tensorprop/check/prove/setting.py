"""What is evaluated at random points: two expressions, the classes of their axes, and sizes that tell terms apart.

In: two expressions and the letters on their left side. Out: in which order and in which fields their nodes are
evaluated, which axes are equally long, over which sizes, and how likely a point is to miss a difference. What a node
is worth at a point is not known here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tensorprop.check.prove.fields import LEVELS, Unevaluated
from tensorprop.check.prove.modular import EXACT_MATRICES
from tensorprop.check.prove.monomials import is_about_indices
from tensorprop.core.build import add
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.core.told import Letters, Witness, limit
from tensorprop.core.walk import postorder, tensors_of

__all__ = ["Axis", "Setting", "Table", "size_limits"]

Axis = tuple[str, int]
Table = tuple[tuple[str, ...], Any]
"""Values over the letters, in alphabetical order: an array of Python's whole numbers."""
POINTS = 3  # with any residues for comparisons
_ENTRIES = 60_000  # of one table
_WORK = 600_000  # entries of all tables of a point
_LARGE = 3  # rows of a matrix that has an inverse
_TURNED = 3  # orthogonal matrices, each with both determinants
_PLAIN = frozenset(("symmetric", "spd"))  # entries of such matrices may be counted several times
_NOTHING: Mapping[str, frozenset[str]] = {}
_RIVALS = 3  # classes whose sizes are compared with one another
_SMALL_RANGE = 2  # values that labels take anyway, and one that they may have more at another point


# --------------------------------------------------------------------------- what is evaluated
def _class(size: Witness | Expr) -> Axis:
    """The axis that is so long; what is no axis stands for itself."""
    if isinstance(size, Witness):
        return size[:2]
    return (size.tensor, size.axis) if isinstance(size, Dim) else (f"size {size}", 0)


WHOLE = -1  # the level of subscripts: whole numbers, in no field


class Setting:
    """Two expressions, the classes of their axes, and in which order and in which fields their nodes are evaluated."""

    def __init__(
        self,
        a: Expr,
        b: Expr,
        target: Tensor,
        axis: Callable[[Dim], Dim],
        labels: frozenset[str],
        sums: Mapping[str, tuple[frozenset[int], Number]],
        told: frozenset[str] = frozenset(),
        declared: Mapping[str, frozenset[str]] = _NOTHING,
        stated: Callable[[Axis], int | None] = lambda at: None,
    ) -> None:
        self.a, self.b = a, b
        self.target = target
        self.sums = sums
        self.told = told
        names = {t.name for e in (a, b) for t in tensors_of(e)}
        self.declared = {name: what for name, what in declared.items() if name in names}
        self.orthogonal = sorted(name for name, what in self.declared.items() if "orthogonal" in what)
        if len(self.orthogonal) > _TURNED:
            raise Unevaluated("too many orthogonal matrices")
        self._axis, self._stated = axis, stated
        self._parent: dict[Axis, Axis] = {}
        self.both = add(a, b)
        self._ranges()
        self.labels = labels | {t.name for n in postorder(self.both) for place in _places(n) for t in tensors_of(place)}
        self.order = self._order()
        self.compares = sum(isinstance(n, Bracket) and not self.of_indices(n) for n, _ in self.order)
        self.factored = any(isinstance(n, Reduce) and n.op in ("cholesky", "inv_cholesky") for n, _ in self.order)
        self.unknowns = sum(_is_unknown(n) for n, _ in self.order)
        self.circle = any(isinstance(n, Call) and n.function in ("sin", "cos") for n, _ in self.order)
        self.degree = _degree(self.both)
        self.classes = self._classes()
        self.rivals = self._compared_sizes()
        self.picks = self._picks()
        self.least = self._least()
        self.points = max(POINTS, math.factorial(len(self.rivals)), 4 ** len(self.orthogonal))
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
        self.moved = self._moved(everywhere=False)
        ranged = frozenset[Axis]().union(*self.classes.values())
        self.exact = self.unknowns == 0 and self.whole and not any(k in ranged for k, _ in self._moved(everywhere=True))
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
            place = next((Witness(d.tensor, d.axis, self.target) for d in size_limits(binder.body, letter)), None)
        if isinstance(place, str):
            place = None if place not in self.free else Witness(*self.free[place], self.target)
        if place is not None:
            return self.find(_class(place))
        raise Unevaluated(f"nothing tells over what {letter} is summed")

    # ----------------------------------------------------------------- order and counts
    def of_indices(self, b: Bracket) -> bool:
        """Whether a bracket compares whole numbers: indices, or labels."""
        return is_about_indices(b) or any(isinstance(s, Tensor) and s.name in self.labels for s in b.children)

    def children(self, n: Expr, level: int) -> Iterable[tuple[Expr, int]]:
        """What the value of ``n`` in a field is made of, and in which fields that is needed."""
        match n:
            case Tensor():
                return [(s, WHOLE) for s in n.subscripts]
            case Bracket():
                return [(s, WHOLE if self.of_indices(n) else 0) for s in n.children]
            case Call("exp" | "sigmoid" | "sin" | "cos", (x,)):
                return [(x, level + 1)]
            case Call("power", (_, Number())):
                return [(n.args[0], level)]
            case Call("power", (base, exponent)):
                return [(base, level), (exponent, level + 1)]
            case Reduce():
                return [(n.body, level), *((s, WHOLE) for s in n.at)]
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
                if at[1] > LEVELS:
                    raise Unevaluated("too many exponentials in exponentials")
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
            elif isinstance(n, Call) or (isinstance(n, Reduce) and is_matrix(n.op)):
                # one factor: its arguments are told apart on their own
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
        wholes = [n for n, _ in self.order if isinstance(n, Reduce) and is_matrix(n.op)]
        square = {self.range(n, i) for n in wholes for i in n.indices}
        if square:  # large enough for no law of small matrices, and the others larger, so that Xᵀ X has an inverse
            least = {k: max(n, _LARGE if k in square else _LARGE + 2) for k, n in least.items()}
            if self.factored:  # each pivot is a square half of the time
                least |= dict.fromkeys(square, _LARGE)
                point = None
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
                raise Unevaluated("the tables are too large")
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
            raise Unevaluated("too many sizes are compared with one another")
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
                counted = [i for i in n.indices if all(i not in f.free or any(size_limits(f, i)) for f in parts)]
                sizes |= {self.range(n, i) for i in counted}
        return frozenset(sizes)

    def _told_apart(self) -> frozenset[Axis]:
        """Classes whose entries are not alike: an index of theirs is compared, moved or picked."""
        found: set[Axis] = set()
        for n in postorder(self.both):
            letters: Iterable[str] = ()
            if isinstance(n, Bracket) and self.of_indices(n):
                if not any(True for i in n.free for _ in size_limits(n, i)):
                    letters = n.free
                    found |= {self.find((d.tensor, d.axis)) for d in n.children if isinstance(d, Dim)}
            elif isinstance(n, Tensor):
                for axis, s in enumerate(n.subscripts):
                    if not isinstance(s, Index):
                        found.add(self.find((n.name, axis)))
                        letters = (*letters, *s.free)
            elif isinstance(n, Reduce) and n.op not in ("max", "min"):
                letters = n.indices
            if isinstance(n, Tensor) and self.declared.get(n.name, _PLAIN) - _PLAIN:
                found.update(self.find((n.name, axis)) for axis in range(len(n.subscripts)))
            found |= {k for i in letters for k in self.classes.get(i, ())}
        return frozenset(found)

    def _moved(self, everywhere: bool) -> list[tuple[Axis, Expr]]:
        """Axes that are read at something other than an index, a number or a label, and at what."""
        return [
            (self.find((n.name, axis)), s)
            for n in postorder(self.both)
            if isinstance(n, Tensor) and (everywhere or n.name not in self.told)
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
                    for t in tensors_of(s):
                        found.setdefault(t.name, []).append(self.find((n.name, k)))
            elif isinstance(n, Bracket):
                for label, i in (n.children, n.children[::-1]):
                    if isinstance(label, Tensor) and label.name in self.labels and isinstance(i, Index):
                        found.setdefault(label.name, []).extend(self.classes.get(i.name, ()))
        return found

    def _least(self) -> dict[Axis, int]:
        """The lengths that are stated of the classes of which labels pick, as numbers."""
        found: dict[Axis, int] = {}
        picked = {k for places in self.picks.values() for k in places}
        tensors = tensors_of(self.both) if picked else ()
        for at in {(t.name, axis) for t in tensors for axis in range(len(t.subscripts))}:
            n = self._stated(at) if (k := self.find(at)) in picked else None
            if n is not None:
                found[k] = min(n, found.get(k, n))
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


def _places(n: Expr) -> tuple[Expr, ...]:
    """Where whole numbers stand: in subscripts, and in brackets beside an index."""
    if isinstance(n, Tensor):
        return n.subscripts
    return n.children if isinstance(n, Bracket) and is_about_indices(n) else ()


def size_limits(e: Expr, letter: str) -> Iterable[Dim]:
    """The sizes below which factors of ``e`` say that a letter is: ``[i < dim(x, 0)]``."""
    return (n for f in factors_of(e) if isinstance(n := limit(f, letter), Dim))


def _is_unknown(n: Expr) -> bool:
    if isinstance(n, Reduce):
        return n.op != "prod" and n.op not in EXACT_MATRICES
    return isinstance(n, Call) and n.function not in _NUMERIC


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
        return n.op != "prod" and n.op not in EXACT_MATRICES
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
            case Reduce(op=op) if op in EXACT_MATRICES:  # a quotient by the determinant
                done[n] = (below[0][0] + 1) * 16, below[0][1] * 16 + (below[0][0] + 1) * 16
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


def _brackets_of_a_term(e: Expr, setting: Setting) -> int:
    """How many comparisons of numbers one term has at most."""
    done: dict[Expr, int] = {}
    for n in postorder(e):
        below = [done[c] for c in n.children]
        own = isinstance(n, Bracket) and not setting.of_indices(n)
        done[n] = min(64, (sum(below) if isinstance(n, Mul) else max(below, default=0)) + own)
    return max(1, done[e])
