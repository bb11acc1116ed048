"""Which way to read an equation, and all equations of a page alike.

In: equations and a Convention. Out: for each a `Line`: its two sides as math trees, the indices that are carried or
taken as one, or the reason why there is none. One reading is turned into trees by `convert`; here the readings are
tried, the easiest to bear in mind first, and those of a page chosen so that no tensor is read in two ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby, islice, takewhile
from typing import NamedTuple

from tensorprop.core.build import ZERO, add
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Add, Bracket, Expr, Number, Reduce, Sum, Tensor
from tensorprop.core.ranges import infer
from tensorprop.core.walk import freshen, postorder, tensors_of
from tensorprop.render import trees as m
from tensorprop.render import weight as told
from tensorprop.render.entries_code import spec_of
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.convert import Conversion
from tensorprop.render.matrices.convolved import as_windows, put_in, whole_window, why_not
from tensorprop.render.matrices.line import Line, NoMatrix
from tensorprop.render.matrices.masks import as_softmax
from tensorprop.render.matrices.opened import multiplied_out
from tensorprop.render.matrices.orders import along_the_last, mode_product, special
from tensorprop.render.matrices.polish import polished
from tensorprop.render.matrices.stand_ins import Seen, picks, seen
from tensorprop.render.matrices.treatments import Look, Style, Treatment, looks, price, readings, within
from tensorprop.render.trees import MathTree

__all__ = ["Choices", "agreed", "lines"]

_TRIED, _KEPT, _BEAM, _INDEX = 400, 40, 12, 60.0  # readings of a line, those kept, pages at a time, no matrix form
_SLID = 8.0  # a window in index notation, beside a convolution: it reads as well, where the sign costs other lines more
_DOTS = 0.3  # how much slices with dots weigh on a page without convolutions and without time, which stands below
_HARD, _MORE = 2.2, 8  # signs for each name from which a line is hard to read; readings that are tried besides
_FEW, _VECTORS = 3, ("column", "row")
_DEEP = 200  # nodes on a path; what is nested deeper stays in index notation


def lines(s: System, convention: Convention, carry: tuple[str, ...] | None = None, style: Style = None) -> list[Line]:
    """A line for every equation, in all of which a tensor is read the same way.

    ``carry``: indices to be carried, where the choice is not left to the search. ``style``: how indices beyond a
    matrix's two are to be treated: carried, taken as one, or added up.
    """
    met = [seen(eq, s, soft if (soft := as_softmax(eq)) is not eq else None) for eq in s]
    page = tuple(eq if one is None else one.equation for eq, one in zip(s, met, strict=True))
    return agreed(
        [
            Choices(eq, convention, carry, style, page, one, _sliding(eq, s), _told_apart(eq, s) if one is None else eq)
            for eq, one in zip(s, met, strict=True)
        ]
    )


def _told_apart(eq: Equation, s: System) -> Equation:
    """The equation with another letter where one is bound in two terms along different axes.

    A term in which f is added up outside has nothing to do with f in another: ``Σ_ef U_edf h_ef + Σ_e G_de (Σ_f g_f)``.
    """
    terms = eq.value.terms if isinstance(eq.value, Add) else ()
    often = {i for n, t in enumerate(terms) for other in terms[:n] for i in t.binds & other.binds}
    if not often:
        return eq
    ranges, known, out = infer(s), dict[str, set[object]](), list[Expr]()
    for t in terms:
        runs: dict[str, set[object]] = {}
        for n in postorder(t):
            for i, axis in ranges.bound(n).items() if isinstance(n, (Sum, Reduce)) else ():
                if isinstance(axis, tuple):
                    runs.setdefault(i, set()).add(axis)
        clash = {i for i in often & runs.keys() if known.setdefault(i, runs[i]).isdisjoint(runs[i])}
        others = (eq.value.binds | eq.value.free) - t.binds
        out.append(freshen(t, others.union(clash)) if clash else t)
    return equation(eq.target, add(*out))


def _compares(eq: Equation) -> bool:
    """Whether a bound letter is compared: as ``tril(11ᵀ)`` it is as long as one axis, whichever else it runs along."""
    orders = (n for n in postorder(eq.value) if isinstance(n, Bracket) and n.relation != "=")
    return any(not n.free <= {*eq.letters} for n in orders)


def _sliding(eq: Equation, s: System) -> Seen | None:
    """The equation with stand-ins for its convolutions, too; None where there are none."""
    plain, windows = as_windows(eq)
    if any(
        min(w.offsets, default=0) < 0 and not w.opened and s.outside(w.image.name) is not ZERO for w in windows.values()
    ):
        return None  # padded with what nobody knows
    return seen(eq, s, plain, windows) if windows else None


class Choices:
    """The ways to read one equation, the best first; found as they are asked for."""

    def __init__(
        self,
        eq: Equation,
        convention: Convention,
        carry: tuple[str, ...] | None,
        style: Style,
        page: tuple[Equation, ...] = (),
        met: Seen | None = None,
        slid: Seen | None = None,
        clear: Equation | None = None,
    ) -> None:
        self._written = eq
        self._slid: Choices | None = None
        if slid is not None and style is None:
            others = tuple(slid.equation if e is eq else e for e in page)
            self._slid = Choices(eq, convention, carry, style, others, slid)
        self._met = met
        self._entries = dict(met.entries) if met is not None else {}
        self._out = met.out if met is not None else frozenset[str]()
        self._eq = eq if met is None else met.equation
        self._clear: Choices | None = None
        if clear is not None and clear is not eq:
            others = tuple(clear if e is eq else e for e in page)
            self._clear = Choices(clear, convention, carry, style, others)
            self._clear._written = eq
        self._page = page
        self._convention = convention
        self._carry = carry
        self._style: Style = style
        self.why = ""
        self.beside: float | None = None
        """What index notation costs beside a convolution, once the lines have been looked for."""

    @property
    def names(self) -> frozenset[str]:
        """The tensors of the equation."""
        return frozenset((self._written.name, *self._written.inputs))

    @property
    def timed(self) -> bool:
        """Whether a letter of time has to be carried."""
        return bool(self._out)

    def best(self) -> Line:
        """The line that is easiest to read."""
        return next(self.all())

    def all(self) -> Iterator[Line]:
        """Every line that was found, the best first; last the index notation, with the reason."""
        eq = self._eq
        if _depth(eq.value) > _DEEP:
            self.why = "the right side is nested too deep to be read as one formula"
            yield self.plainly()
            return
        yield from self._sliding()
        if self._carry is not None:
            found = self._line(Treatment(tuple(i for i in eq.letters if i in self._carry or i in self._out)))
            if found is not None:
                yield found
        else:
            if self._clear is None or not _compares(eq):
                yield from self._found()
            if self._clear is not None:
                yield from self._clear._found()
        yield self.plainly()

    def plainly(self) -> Line:
        """The line in index notation, with the reason."""
        why = self.why or "its tensors are read in another way in the other equations"
        return Line(self._written, None, None, why=why, seen=self._met)

    def _found(self) -> Iterator[Line]:
        eq = self._eq
        whole = special(eq) if self._met is None else self._whole(self._met)
        if whole is not None:
            yield whole
        plain = self._line(Treatment()) if not self._out and (self._style is None or _orders(eq) <= 2) else None
        opened = self._term_by_term(plain) if plain is None or _heavy(plain) else None
        if opened is not None and opened is not plain:
            slices = self._tiers(plain is None)
            first = next(slices, None)
            pair = (opened,) if first is None else (opened, first)
            yield from chain(sorted(pair, key=price), slices)
            return
        if plain is not None:
            yield plain
        modes = mode_product(eq) if plain is None and self._style is None and self._met is None else None
        if modes is not None and not along_the_last(eq):
            yield modes
            modes = None
        yield from self._tiers(plain is None)
        if modes is not None:
            yield modes

    def _term_by_term(self, whole: Line | None) -> Line | None:
        """The line with its products multiplied out, if that is easier to read than the whole."""
        other = multiplied_out(self._eq) if not self._out and self._met is None and self._style is None else None
        found = self._line(Treatment(), other) if other is not None else None
        return whole if found is None or (whole is not None and price(whole) <= price(found)) else found

    def _tiers(self, alone: bool) -> Iterator[Line]:
        """The lines that ask more and more of the reader; ``alone``: without carrying or joining there is none.

        Where the best of the first is hard to read, a few that ask more may be easier all the same.
        """
        ends = _ends(self._eq) if alone and self._met is None else None
        tiers = ([*tier] for _, tier in groupby(islice(self._readings(), _TRIED), key=lambda r: r.weight))
        for tier in tiers:
            found = self._lines(tier, ends)
            if found and alone and self._met is None and _hard(min(found, key=price)):
                more = [*islice(chain.from_iterable(tiers), _MORE)]
                yield from sorted((*found, *self._lines(more, ends)), key=lambda line: price(line, 1.0, letters=True))
            else:
                yield from sorted(found, key=_easiest)
            alone = alone and not found

    def _lines(self, tier: Iterable[Treatment], ends: frozenset[str] | None) -> list[Line]:
        found = [line for line in map(self._line, tier) if line is not None]
        if ends is None:
            return found
        # what is carried says how the others are turned
        return [x for x in found if isinstance(x.right, m.Transpose) and ends.issuperset(x.carried)]

    def _sliding(self) -> Iterator[Line]:
        """The lines in which windows are convolutions."""
        for line in self._slid.all() if self._slid is not None else ():
            if line.right is not None:
                self.beside = self.beside or price(line) + _SLID
                yield line
        if self._slid is not None and self.beside is None:
            self.why = self._slid.why
        self.why = self.why or why_not(self._written)

    def _whole(self, met: Seen) -> Line | None:
        """The right side as it is, in three axes or more."""
        if met.windows:
            return whole_window(self._written, met, self._convention)
        return _picked(self._written, met)

    def _readings(self) -> Iterator[Treatment]:
        yield from (found := [*readings(self._eq, self._style, self._page, self._out)])
        if len(self._page) > 1:
            yield from (r for r in readings(self._eq, self._style, (), self._out) if r not in found)

    def _line(self, reading: Treatment, eq: Equation | None = None) -> Line | None:
        try:
            work = Conversion(eq or self._eq, self._convention, reading, self._page, self._entries)
            left, sign = work.target()
            if self._met is not None and isinstance(self._eq.value, Number):  # a start, in every entry the same
                right: MathTree = m.Figure(self._eq.value.value)
            else:
                right = polished(work.read(sign))
            computed = right
            if self._met is not None and self._met.windows:
                right = put_in(right, dict(self._met.windows), self._convention)
        except NoMatrix as no:
            self.why = self.why or str(no)
            return None
        plain = right is computed
        line = Line(self._written, left, right, reading.carried, joined=reading.joined, seen=self._met)
        return line if plain else replace(line, computed=computed)


def _easiest(line: Line) -> tuple[float, int, list[str]]:
    """A line's place among others: those that are as easy in the order of the letters that are carried."""
    return round(price(line), 6), len(line.carried), sorted(line.carried)


def _hard(line: Line) -> bool:
    """Whether a line has many signs for what it names since a slice is repeated, or a diagonal is taken of slices.

    Of a bare product the diagonal has to be of slices that are written with dots.
    """
    assert line.right is not None
    parts = [*line.right.walk()]
    names = [n for n in parts if isinstance(n, m.Name)]
    odd = any(isinstance(t, m.Diagonal) and any(map(_cut, t.walk())) for t in parts)
    if spec_of(line.plain) is not None:
        return odd and len(names) <= _FEW and any(map(within, names))
    odd |= any(isinstance(t, m.Product) and _repeated(t) for t in parts)
    return odd and price(line) > _HARD * len(names)


def _heavy(line: Line) -> bool:
    """Whether a diagonal is taken of a product with a sum in which vectors are repeated: ``diag(P(x1ᵀ − 1xᵀ))``."""
    assert line.right is not None
    sums = (s for t in line.right.walk() if isinstance(t, m.Diagonal) for s in t.walk() if isinstance(s, m.TermSum))
    return any(isinstance(n, m.Ones) for s in sums for n in s.walk())


def _repeated(t: m.Product) -> bool:
    """Whether it is a slice beside ones: ``1 x_iᵀ``."""
    factors = [f.of if isinstance(f, m.Transpose) else f for f in t.factors]
    return any(isinstance(f, m.Ones) for f in factors) and any(_cut(f) and f.kind in _VECTORS for f in factors)


def _cut(t: MathTree) -> bool:
    return isinstance(t, m.Name) and t.slots.count(None) < len(t.slots)


def _picked(eq: Equation, met: Seen) -> Line | None:
    """``e[b, t, d] = E[tok_bt, d]`` in three axes or more, as it is: ``e = E[tok]``."""
    entry, target = met.equation.value, met.equation.target
    if not isinstance(entry, Tensor) or entry.letters != target.letters or len(entry.subscripts) < 3:
        return None
    read = dict(met.entries).get(entry.name)
    if read is None or picks(read) != 0 or target.name != eq.name:
        return None
    n = len(entry.subscripts)
    names = (m.Name(t.name, (None,) * n, tuple(range(n)), "tensor", 1, r) for t, r in ((target, None), (entry, read)))
    left, right = names
    return Line(eq, left, right, seen=met)


def agreed(choices: list[Choices]) -> list[Line]:
    """A line for every equation such that no tensor is read in two ways, as easy to read as that allows."""
    first = [c.best() for c in choices]
    if _consistent(first):
        return first
    if all(c.beside is None for c in choices):
        return _searched(choices, False)[1]
    return min((_searched(choices, slide) for slide in (True, False)), key=lambda found: found[0])[1]


def _searched(choices: list[Choices], slide: bool) -> tuple[float, list[Line]]:
    """The lines that agree, and their price; ``slide``: what can be a convolution is one, else in index notation."""
    beam = [_Agreement(0.0, [], {}, frozenset())]
    wholes = [slide or c.beside is None for c in choices]
    found = [[*islice(c.all(), _KEPT)] if whole else [] for c, whole in zip(choices, wholes, strict=True)]
    sliding, timed = any(c.beside is not None for c in choices), any(c.timed for c in choices)
    dots = _DOTS * (not sliding and not timed)
    letter = told.LETTER * (timed or not sliding)  # what is carried may be the way to a convolution
    order = _bound_first(choices, [len(lines) for lines in found])
    for c, lines, whole in ((choices[n], found[n], wholes[n]) for n in order):
        grown: list[_Agreement] = []
        for line in (*lines, c.plainly()):
            own = looks(line)
            if own is not None:
                cost = price(line, dots) if line.right is not None else _INDEX if whole else (c.beside or 0.0)
                grown += (page.grown(line, cost, own, letter) for page in beam if page.agrees(own))
        grown.sort(key=lambda page: page.cost)
        alike: dict[tuple[object, ...], _Agreement] = {}
        for page in grown:  # of those that read every tensor alike the first is the best
            alike.setdefault((frozenset(page.known.items()), page.carried), page)
        beam = [*alike.values()][:_BEAM]
    best = beam[0]
    return best.cost, [line for _, line in sorted(zip(order, best.lines, strict=True), key=lambda found: found[0])]


class _Agreement(NamedTuple):
    """Lines that agree: what they cost, how each tensor is read, and for which letters some of them hold."""

    cost: float
    lines: list[Line]
    known: dict[str, Look]
    carried: frozenset[str]

    def agrees(self, own: dict[str, Look]) -> bool:
        """Whether a line that reads its tensors so can stand beside these."""
        return all(self.known.get(name, look) == look for name, look in own.items())

    def grown(self, line: Line, cost: float, own: dict[str, Look], letter: float) -> _Agreement:
        """The page with a line more; ``letter``: what one costs for which no line before holds."""
        carried = self.carried.union(line.carried)
        cost += self.cost + letter * (len(carried) - len(self.carried))
        return _Agreement(cost, [*self.lines, line], self.known | own, carried)


def _bound_first(choices: list[Choices], ways: list[int]) -> list[int]:
    """Convolutions, which leave least choice, then each time the line that has most in common with those before.

    Of those that have as much the one that can be read in the fewest ways.
    """
    order = [n for n, c in enumerate(choices) if c.beside is not None]
    known = {name for n in order for name in choices[n].names}
    while len(order) < len(choices):
        rest = [n for n in range(len(choices)) if n not in order]
        n = max(rest, key=lambda n: (len(known & choices[n].names), -ways[n], -n))
        order.append(n)
        known |= choices[n].names
    return order


def _consistent(found: list[Line]) -> bool:
    known: dict[str, Look] = {}
    for line in found:
        own = looks(line)
        if own is None or any(known.setdefault(name, look) != look for name, look in own.items()):
            return False
    return True


def _depth(e: Expr) -> int:
    """Nodes on the longest path."""
    depth: dict[Expr, int] = {}
    for n in postorder(e):
        depth[n] = 1 + max((depth[c] for c in n.children), default=0)
    return depth[e]


def _orders(eq: Equation) -> int:
    """The greatest number of indices that a tensor has."""
    return max(len(t.subscripts) for t in (eq.target, *tensors_of(eq.value)))


def _ends(eq: Equation) -> frozenset[str] | None:
    """The indices that stay in front and at the end where one tensor's axes are put in another order, else None."""
    letters = eq.value.letters if isinstance(eq.value, Tensor) else None
    if letters is None or letters == eq.letters or sorted(letters) != sorted(eq.letters):
        return None
    both = [*zip(letters, eq.letters, strict=True)]
    ends = (takewhile(lambda p: p[0] == p[1], way) for way in (both, both[::-1]))
    return frozenset(i for way in ends for i, _ in way)
