"""How the indices beyond a matrix's two may be read: carried, taken as one with others, or added up outside.

In: an Equation. Out: its readings, the simplest first. ``Q_bqhd K_bkhd`` is ``Q Kᵀ`` for every b and h; ``X_bti W_ij``
is ``X W`` whose rows are (b, t); ``X_bti Y_btj`` is ``Xᵀ Y`` with (b, t) as one, or ``Σ_b X_bᵀ Y_b``. Whether what is
left has a matrix form is tried by `convert`; here it is only known how many indices are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from typing import Literal, TypeAlias

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Index, Reduce, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.names import is_derivative
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.render import trees as m
from tensorprop.render import weight as told
from tensorprop.render.matrices.line import Line
from tensorprop.render.matrices.stand_ins import letters_of, picks
from tensorprop.render.weight import weight

__all__ = ["Look", "Style", "Treatment", "looks", "price", "readings", "within"]

Style: TypeAlias = Literal["carry", "join", "sum"] | None
Look: TypeAlias = tuple[tuple[object, ...], tuple[int, ...], str, int]
"""How a tensor is read: its slots, the axes that stay, what it is, how many axes are its rows'."""

_FACTORS = 9  # of terms with more tensors none is added up outside
_MOST = 4000  # sets of indices that are looked at


@dataclass(frozen=True)
class Treatment:
    """Indices of the left side that are carried, summed ones that are added up outside, and those taken as one."""

    carried: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    joined: tuple[tuple[str, ...], ...] = ()
    scattered: int = 0
    """Tensors whose axes have to be moved before those that are taken as one stand beside one another."""
    inner: int = 0
    """Carried indices that do not stand in front of every tensor that has more than two; batches that are joined."""

    @property
    def weight(self) -> int:
        """How much a reader has to bear in mind beside the formula."""
        return len(self.carried) + 2 * len(self.added) + bool(self.joined) + self.scattered + self.inner


def readings(
    eq: Equation, style: Style = None, page: Iterable[Equation] = (), out: frozenset[str] = frozenset()
) -> Iterator[Treatment]:
    """Readings after which no tensor has more than two indices left, those that ask least of the reader first.

    ``page``: equations beside this one; indices that are taken as one stand together in all of them. ``out``: indices
    that have to be carried or added up.
    """
    space = _Space(eq, page)
    if is_derivative(eq.name):
        return  # the axes of a derivative are two tensors', and fixing one says nothing
    terms = eq.value.terms if isinstance(eq.value, Add) else (eq.value,)
    many = max(sum(isinstance(e, Tensor) for e in postorder(t)) for t in terms) > _FACTORS
    kept, summed = space.kept, [i for i in space.summed if i in out or not (style == "carry" or many)]
    joins = (False, True) if style in ("join", None) else (False,)
    waiting: dict[int, list[Treatment]] = {}
    seen, need = 0, space.mask(out)
    for weight_ in range(1, len(kept) + 2 * len(summed) + len(space.places) + 2):
        for join, added in product(joins, range(min(len(summed), weight_ // 2) + 1)):
            carried = weight_ - join - 2 * added
            for one, other in product(space.sets(kept, carried), space.sets(summed, added)) if carried >= 0 else ():
                seen += 1
                if seen > _MOST:
                    break
                chosen = one | other
                if chosen & need == need and space.fits(chosen, join):
                    found = space.reading(chosen, join)
                    if join == bool(found.joined):
                        waiting.setdefault(found.weight, []).append(found)
        yield from waiting.pop(weight_, ())


class _Space:
    """The indices of one equation, and which of them always stand together."""

    def __init__(self, eq: Equation, page: Iterable[Equation]) -> None:
        self._eq = eq
        self.places: list[list[str]] = []
        marks: dict[str, set[object]] = {}
        self._apart = set[str]()  # what may not be taken as one with anything
        barred = set[str]()  # what may not be carried
        whole = set[str]()
        for e in postorder(eq.value):
            match e:
                case Tensor():
                    self._tensor(e, marks)
                case Bracket():
                    loose = {s.name for s in (e.left, e.right) if isinstance(s, Index)}
                    barred |= loose if e.left.free and e.right.free else set[str]()
                    self._apart |= loose
                case Reduce(op, indices, _, at):
                    if op != "mean":  # which is a sum over a size
                        barred.update(
                            indices, *(a.free for a in at if isinstance(a, Index) and a.name not in e.body.free)
                        )
                    for i in indices:
                        marks.setdefault(i, set()).add(e)
                    if is_matrix(e.op):
                        whole.update(indices, *(a.free for a in at))
                case _:
                    pass
        self._apart |= whole
        self._tensor(eq.target, marks)
        everything = dict.fromkeys(i for place in self.places for i in place)
        self.kept = [i for i in eq.letters if i in everything and i not in barred]
        self.summed = [i for i in everything if i not in eq.letters and i not in barred]
        for other in page:
            for t in () if other is eq else (other.target, *tensors_of(other.value)):
                for s in t.subscripts:
                    if isinstance(s, Index) and s.name in marks:
                        marks[s.name].add(t)
        for block in _runs(eq) if isinstance(eq.value, Tensor) else ():  # what is moved together is taken as one
            for i in block:
                marks[i].add(block)
        self._marks = {i: frozenset(found) for i, found in marks.items()}
        self._batch = {i for i in everything if all(i in place for place in self.places)}
        self._order = list(everything)
        self._bits = {i: 1 << n for n, i in enumerate(everything)}
        self._full = [place for place in self.places if len(place) > 2]
        self._wholes = [self.mask({*place}) for place in self._full]
        self._known: list[dict[int, tuple[int, int]]] = [{} for _ in self._full]

    def _tensor(self, t: Tensor, marks: dict[str, set[object]]) -> None:
        letters = [s.name for s in t.subscripts if isinstance(s, Index)]
        place = len(self.places)
        self.places.append(letters)
        for i in letters:
            marks.setdefault(i, set()).add(place)
            if letters.count(i) > 1:
                self._apart.add(i)

    def mask(self, letters: Iterable[str]) -> int:
        """A set of indices as a number, a bit for each."""
        return sum(self._bits.get(i, 1 << len(self._bits)) for i in letters)

    def sets(self, letters: list[str], n: int) -> Iterator[int]:
        """The sets of n of these indices."""
        return map(sum, combinations([self._bits[i] for i in letters], n))

    def _cut(self, place: int, out: int) -> tuple[int, int]:
        """How many indices a tensor has beside ``out``, and which of those in it do not stand in front."""
        letters = self._full[place]
        left = [n for n, i in enumerate(letters) if not self._bits[i] & out]
        behind = letters[left[0] :] if left else []
        return len(left), sum(self._bits[i] for i in {*behind} if self._bits[i] & out)

    def _cuts(self, out: int) -> Iterator[tuple[int, int]]:
        for place, whole in enumerate(self._wholes):
            known, key = self._known[place], out & whole
            if key not in known:
                known[key] = self._cut(place, key)
            yield known[key]

    def fits(self, out: int, join: bool) -> bool:
        """Whether no tensor has more than two indices beside ``out``, those that are taken as one as one."""
        for place, (left, _) in enumerate(self._cuts(out)):
            if left > 2 and not join:
                return False
            if left > 2:
                rest = [i for i in self._full[place] if not self._bits[i] & out]
                alone = sum(i in self._apart for i in rest)
                if alone + len({self._marks[i] for i in rest if i not in self._apart}) > 2:
                    return False
        return True

    def reading(self, out: int, join: bool) -> Treatment:
        """The reading that carries ``out``."""
        groups: dict[object, list[str]] = {}
        for i in self._order if join else ():
            if not self._bits[i] & out and i not in self._apart:
                groups.setdefault(self._marks[i], []).append(i)
        joined = tuple(tuple(g) for g in groups.values() if len(g) > 1)
        one = {i: n for n, group in enumerate(joined) for i in group}
        inner = 0
        for _, behind in self._cuts(out):
            inner |= behind
        return Treatment(
            tuple(i for i in self._eq.letters if self._bits[i] & out),
            tuple(i for i in self.summed if self._bits[i] & out),
            joined,
            sum(_gaps(letters, one) for letters in self.places) if one else 0,
            inner.bit_count() + 2 * any(map(self._batch.issuperset, joined)),
        )


def _runs(eq: Equation) -> list[tuple[str, ...]]:
    """The indices of the left side in blocks that stand so in the one tensor of the right side, too.

    >>> from tensorprop.text import parse
    >>> _runs(parse("Y_bchw = A_bhwc")["Y"])
    [('b',), ('c',), ('h', 'w')]
    """
    letters = eq.value.letters if isinstance(eq.value, Tensor) else None
    after = dict(pairwise(letters or ()))
    out: list[tuple[str, ...]] = []
    for i in eq.letters:
        if out and after.get(out[-1][-1]) == i:
            out[-1] = (*out[-1], i)
        else:
            out.append((i,))
    return out


def _gaps(letters: list[str], one: Mapping[str, int]) -> bool:
    """Whether indices that are taken as one do not stand beside one another, or in another order."""
    groups: dict[int, list[int]] = {}
    for place, i in enumerate(letters):
        if i in one:
            groups.setdefault(one[i], []).append(place)
    order = list(one)
    return any(
        places[-1] - places[0] >= len(places)
        or [letters[p] for p in places] != sorted((letters[p] for p in places), key=order.index)
        for places in groups.values()
    )


def price(line: Line, dots: float = 0.0, letters: bool = False) -> float:
    """What a line costs to read, its legend with it.

    ``dots``: how much slices with dots weigh; ``letters``: whether every letter below a Σ does.
    """
    assert line.right is not None
    total = weight(line.right)
    names = [n for side in (line.left, line.right) if side for n in side.walk() if isinstance(n, m.Name)]
    total += told.WITHIN * sum(map(within, names)) * dots
    for i in line.carried:
        leads = all(i in n.slots[: len(line.carried)] for n in names if i in n.slots and len(n.slots) > 2)
        total += told.LEADING if leads else told.CARRIED
        total += told.BESIDE * (line.seen is not None and bool(line.seen.out) and i not in line.seen.out)
    if line.carried and line.left is not None and line.left.kind != "matrix":
        total += told.SCALAR if line.left.kind == "scalar" else told.VECTOR
        total += told.ENTRIES * all(n.kind == "scalar" for n in names)
    total += sum(told.ADDED * (len(n.letters) if letters else 1) for n in line.right.walk() if isinstance(n, m.Over))
    if line.joined:
        total += told.JOINED + told.NEXT * (len(line.joined) - 1)
        total += told.SCATTERED * sum(_scattered(n) for n in names)
        tensors = (line.plain.target, *tensors_of(line.plain.value))
        total += told.BATCH * any(all(set(g) <= set(t.letters or ()) for t in tensors) for g in line.joined)
        total += told.FLAT * sum(n.kind in ("column", "row") and len(n.order) > 1 for n in names)
    return total


def within(n: m.Name) -> bool:
    """Whether a slice is written with dots, since an index behind those that stay is fixed: ``W_{·d·}``."""
    fixed = [k for k, s in enumerate(n.slots) if s is not None]
    return fixed != [*range(len(fixed))]


def _scattered(n: m.Name) -> bool:
    """Whether its axes would have to be moved before those that are taken as one stand beside one another."""
    parts = (n.order[: n.rows], n.order[n.rows :]) if n.kind == "matrix" else (n.order,)
    return any(part != tuple(range(part[0], part[0] + len(part))) for part in parts if part)


def looks(line: Line) -> dict[str, Look] | None:
    """How each tensor of a line is read; None if one is read in two ways, or moved along an axis that stays."""
    found: dict[str, Look] = {}
    sides = [side for side in (line.left, line.right) if side is not None]
    slices = {n for side in sides for n in _rows(side)}
    for side in sides:
        for n in side.walk():
            if isinstance(n, m.Name) and n not in slices:
                seen = _look(n)
                if seen is None or found.setdefault(seen[0], seen[1]) != seen[1]:
                    return None
    return found


def _rows(tree: m.MathTree) -> Iterator[m.Name]:
    """The rows, one by one, of which entries are added up: ``s_b`` in ``Σ_b logsoftmax(s_b)[y_b]``, of any ``s``."""
    for over in tree.walk():
        if isinstance(over, m.Over) and any(isinstance(n, m.Picked) for n in over.body.walk()):
            for n in over.body.walk():
                if isinstance(n, m.Name) and not {s for s in n.slots if s is not None}.isdisjoint(over.letters):
                    yield n


def _look(n: m.Name) -> tuple[str, Look] | None:
    """How a name is read; of an entry with a computed subscript how that makes its tensor look, if the axis is cut."""
    slots = tuple(s if s is None else "·" for s in n.slots)
    if not isinstance(n.read, Tensor) or picks(n.read) is not None:
        return n.tensor, (slots, n.order, n.kind, n.rows)
    letters = letters_of(n.read)
    axes = {s.name: k for k, s in enumerate(n.read.subscripts) if isinstance(s, Index)}
    if any(letters[k] not in axes for k in n.order):
        return None
    stays = {axes[letters[k]] for k in n.order}
    own = tuple(None if k in stays else "·" for k in range(len(n.read.subscripts)))
    return n.read.name, (own, tuple(axes[letters[k]] for k in n.order), n.kind, n.rows)
