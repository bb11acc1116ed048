"""Which index stands where in a formula of vectors and matrices.

In: an equation in index notation, and the tree of its matrix form, which names no index. Out: for every part of the
tree the letters of its rows and columns, and which letters are summed right there. Letters are found by what the
operations ask of their parts (a product: last of the left is first of the right), beginning with those of the left
side. Nothing is worded here, and no output format is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tensorprop.core.build import fresh
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Index, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.names import primal_axes
from tensorprop.core.walk import postorder
from tensorprop.render import trees as m
from tensorprop.render.trees import MathTree

__all__ = ["Indexed", "Path", "Spot", "indexed", "scaling"]

Path = tuple[int, ...]
Slot = int


@dataclass(frozen=True)
class Spot:
    """One part of a formula, with its indices.

    ``letters``: none for a scalar, one for a column or a row, two for a matrix (rows, columns), more for a tensor.
    ``summed``: the letters that are summed at this very place. ``seams``: of a product, the letter on which each two
    neighbours meet, None where a column meets a row. ``factors``: the places of those neighbours.
    """

    path: Path
    tree: MathTree
    letters: tuple[str, ...]
    summed: tuple[str, ...] = ()
    seams: tuple[str | None, ...] = ()
    factors: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Indexed:
    """A formula whose every part knows its indices: ``spots`` by place, the whole at ``()``."""

    equation: Equation
    carried: tuple[str, ...]
    spots: Mapping[Path, Spot]

    def __iter__(self) -> Iterator[Spot]:
        """Every part, from the outside in and from left to right."""
        return iter(sorted(self.spots.values(), key=lambda s: s.path))

    def __getitem__(self, path: Path) -> Spot:
        return self.spots[path]

    @property
    def whole(self) -> Spot:
        """The formula itself."""
        return self.spots[()]

    def parent(self, spot: Spot) -> Spot | None:
        """The part right around another."""
        return self.spots[spot.path[:-1]] if spot.path else None

    def below(self, spot: Spot) -> list[Spot]:
        """The parts right below."""
        return [self.spots[*spot.path, n] for n in range(len(spot.tree.children))]


def indexed(eq: Equation, left: MathTree, right: MathTree, carried: tuple[str, ...]) -> Indexed:
    """The letters of every part of ``right``, the matrix form of ``eq``.

    >>> from tensorprop.core.equation import system
    >>> from tensorprop.render.layout import Convention
    >>> from tensorprop.render.matrices.choose import lines
    >>> from tensorprop.text import parse
    >>> (line,) = lines(parse("δa_i = W_ij δz_j"), Convention())
    >>> indexed(line.equation, line.left, line.right, ()).whole.summed
    ('j',)
    """
    work = _Typing(eq)
    slots = work.visit(right, ())
    if isinstance(left, m.Name):
        given = [eq.target.subscripts[axis] for axis in left.order]
        for slot, s in zip(slots, given, strict=False):
            if isinstance(s, Index):
                work.fix(slot, s.name)
    return Indexed(eq, carried, work.finish(frozenset(carried)))


def scaling(t: MathTree) -> MathTree | None:
    """The vector on the diagonal, where a factor is a diagonal matrix."""
    match t:
        case m.Transpose(of):
            return scaling(of)
        case m.Diag(of) | m.Inverse(m.Diag(of)) | m.MatrixPower(m.Diag(of)):
            return of
        case _:
            return None


class _Typing:
    """Slots are the axes of the parts; slots that must carry one letter are one class."""

    def __init__(self, eq: Equation) -> None:
        self._eq = eq
        self._parent: list[Slot] = []
        self._fixed: dict[Slot, str] = {}
        self._may: dict[Slot, list[set[str]]] = {}
        self._found: dict[Path, tuple[MathTree, tuple[Slot, ...]]] = {}
        self._seams: dict[Path, tuple[tuple[Slot | None, ...], tuple[Path, ...]]] = {}
        self._used: dict[tuple[str, int], set[str]] = {}
        self._entries: tuple[set[str], set[str]] = (set(), set())  # letters of entries of whole matrices, by axis
        self._inside: list[Slot] = []  # axes within an inverse, which no letter of the rule reaches
        self._sums = [set(n.indices) for n in postorder(eq.value) if isinstance(n, Sum)]
        for n in postorder(eq.value):
            if isinstance(n, Reduce) and is_matrix(n.op):
                for found, s in zip(self._entries, n.at, strict=False):
                    found.update([s.name] if isinstance(s, Index) else [])
            if isinstance(n, Tensor):
                for axis, s in enumerate(n.subscripts):
                    if isinstance(s, Index):
                        self._used.setdefault((n.name, axis), set()).add(s.name)
        for (name, axis), s in zip(primal_axes(eq.target) or (), eq.target.subscripts, strict=False):
            if isinstance(s, Index):
                self._used.setdefault((name, axis), set()).add(s.name)

    # ----------------------------------------------------------------- classes of slots
    def _slot(self, tensor: str | None = None, axis: int = 0) -> Slot:
        self._parent.append(len(self._parent))
        slot = self._parent[-1]
        if tensor is not None and (tensor, axis) in self._used:
            self._may[slot] = [self._used[tensor, axis]]
        return slot

    def _find(self, a: Slot) -> Slot:
        while self._parent[a] != a:
            self._parent[a] = self._parent[self._parent[a]]
            a = self._parent[a]
        return a

    def _same(self, a: Slot, b: Slot) -> None:
        a, b = self._find(a), self._find(b)
        if a == b:
            return
        self._parent[b] = a
        self._may[a] = self._may.get(a, []) + self._may.pop(b, [])
        if b in self._fixed:
            self._fixed.setdefault(a, self._fixed.pop(b))

    def fix(self, a: Slot, letter: str) -> None:
        """A slot carries this letter."""
        self._fixed[self._find(a)] = letter

    # ----------------------------------------------------------------- one part
    def visit(self, t: MathTree, path: Path) -> tuple[Slot, ...]:
        """The slots of a part, its own parts first."""
        below = [self.visit(c, (*path, n)) for n, c in enumerate(t.children)]
        slots = self._slots(t, path, below)
        self._found[path] = (t, slots)
        return slots

    def _slots(self, t: MathTree, path: Path, below: list[tuple[Slot, ...]]) -> tuple[Slot, ...]:
        match t:
            case m.Name(tensor, _, order):
                return tuple(self._slot(tensor, axis) for axis in order)
            case m.Ones(axis):
                return (self._slot(axis.tensor, axis.axis),)
            case m.Mask(ones=(rows, columns)):
                return tuple(self._slot(one.axis.tensor, one.axis.axis) for one in (rows, columns))
            case m.Identity(axis):
                return self._slot(axis.tensor, axis.axis), self._slot(axis.tensor, axis.axis)
            case m.Transpose():
                return below[0][::-1]
            case m.Product():
                return self._product(t, path, below)
            case m.Diag():
                return below[0][0], self._slot()
            case m.Inverse(m.Diag()) | m.MatrixPower(m.Diag()):
                return below[0]
            case m.Diagonal() | m.MatrixTrace():
                rows, columns = below[0]
                self._same(rows, columns)
                return (rows,) if isinstance(t, m.Diagonal) else ()
            case m.Inverse() | m.WholeMatrix() | m.Directed() if t.kind != "scalar":
                self._inside += (i for part in below for i in part)
                return tuple(self._entry(axis) for axis in range(1 + (t.kind == "matrix")))
            case m.Along(_, _, over, keeps):
                if keeps or t.kind == "scalar":
                    return below[0] if keeps else ()
                return below[0][:1] if over == "rows" else below[0][-1:]
            case m.Kronecker() | m.KhatriRao() | m.Outer() | m.ModeProduct():
                return self._tensor(t, below)
            case m.MatrixPower():
                return below[0][0], self._slot()
            case _ if t.kind == "scalar":
                return ()
            case _:
                return self._entrywise(below)

    def _entry(self, axis: int) -> Slot:
        """An axis of a matrix whose entries are those of a function of a whole one."""
        slot = self._slot()
        if self._entries[axis]:
            self._may[slot] = [self._entries[axis]]
        return slot

    def _entrywise(self, below: list[tuple[Slot, ...]]) -> tuple[Slot, ...]:
        """What is added, multiplied or taken entry by entry has the same indices throughout; scalars serve all."""
        first = next((s for s in below if s), ())
        for other in below:
            for a, b in zip(first, other, strict=False):
                self._same(a, b)
        return first

    def _product(self, t: m.Product, path: Path, below: list[tuple[Slot, ...]]) -> tuple[Slot, ...]:
        parts = [(n, f, s) for n, (f, s) in enumerate(zip(t.factors, below, strict=True)) if s]
        scaled = [s for _, f, s in parts if scaling(f) is not None]
        for s in scaled[: len(parts) - 1]:  # beside anything else a diagonal matrix leaves one index, not two
            self._same(*s)
        seams: list[Slot | None] = []
        for (_, f, s), (_, g, r) in pairwise(parts):
            if f.kind == "column" and g.kind == "row":
                seams.append(None)
                continue
            self._same(s[-1], r[0])
            seams.append(s[-1])
        self._seams[path] = tuple(seams), tuple((*path, n) for n, _, _ in parts)
        if not parts:
            return ()
        (_, first, left), (_, last, right) = parts[0], parts[-1]
        if len(parts) == 1:
            return left
        rows = left[:1] if first.kind in ("column", "matrix", "tensor") else ()
        columns = right[-1:] if last.kind in ("row", "matrix", "tensor") else ()
        return rows + columns

    def _tensor(self, t: MathTree, below: list[tuple[Slot, ...]]) -> tuple[Slot, ...]:
        a, b = below[0], below[-1]
        match t:
            case m.Kronecker():
                return a[0], b[0], a[1], b[1]
            case m.KhatriRao():
                self._same(a[1], b[1])
                return a[0], b[0], a[1]
            case m.ModeProduct(_, mode):
                self._same(a[mode - 1], b[1])
                return (*a[: mode - 1], b[0], *a[mode:])
            case _:
                return a + b

    # ----------------------------------------------------------------- letters
    def finish(self, carried: frozenset[str]) -> dict[Path, Spot]:
        """Every part with letters in place of slots."""
        owners: dict[Slot, Path] = {}  # the outermost place at which a class is summed
        gone: dict[Path, list[Slot]] = {}
        for path, (t, slots) in sorted(self._found.items()):
            here = {self._find(s) for s in slots}
            inner = [self._find(s) for n in range(len(t.children)) for s in self._found[*path, n][1]]
            for c in dict.fromkeys(inner):
                if c not in here:
                    gone.setdefault(path, []).append(c)
                    owners.setdefault(c, path)
        names = self._named(owners, carried)
        out: dict[Path, Spot] = {}
        for path, (t, slots) in self._found.items():
            seams, factors = self._seams.get(path, ((), ()))
            out[path] = Spot(
                path,
                t,
                tuple(names[self._find(s)] for s in slots),
                tuple(names[c] for c in gone.get(path, ())),
                tuple(None if s is None else names[self._find(s)] for s in seams),
                factors,
            )
        return out

    def _named(self, owners: Mapping[Slot, Path], carried: frozenset[str]) -> dict[Slot, str]:
        """A letter for every class: that of the left side, else one that the equation has in its places."""
        names = {self._find(c): i for c, i in self._fixed.items()}
        taken = set(names.values()) | carried | set(self._eq.letters)
        hidden = {self._find(s) for s in self._inside}
        classes = dict.fromkeys(self._find(s) for s in range(len(self._parent)))
        beside = Counter(owners.get(c, ()) for c in classes if c not in names)  # what is summed at one place
        for c in sorted(classes, key=lambda c: c in hidden):
            if c in names:
                continue
            path = owners.get(c, ())
            near = {
                names[o] for o, p in owners.items() if o in names and (p[: len(path)] == path or path[: len(p)] == p)
            } | taken
            may = self._may.get(c, [])
            both = set[str].intersection(*may) - near if may else set[str]()
            some = set[str]().union(*may) - near
            mine = [i for i in sorted(both or some) if any(i in s and len(s) == beside[path] for s in self._sums)]
            first = mine[0] if mine else min(both or some, default="")
            names[c] = first or fresh("k", near | {i for s in self._used.values() for i in s})
        return names
