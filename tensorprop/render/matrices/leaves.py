"""What has no parts: tensors, sizes and brackets between indices, in one reading of their indices.

In: a node of an equation. Out: its forms. It knows where indices run, which are carried and which are taken as one;
what is built from the leaves is `convert`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tensorprop.core.build import COLUMN, ROW
from tensorprop.core.english import are, counted, joined
from tensorprop.core.equation import Equation, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Mul, Number, Sum, Tensor
from tensorprop.core.names import primal_axes
from tensorprop.core.ranges import infer, size, unbounded
from tensorprop.core.told import Axis
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.render import trees as m
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.laid import Forms, Laid, MatrixPiece, closed, keep, outer_ones, times
from tensorprop.render.matrices.line import NoMatrix, shown
from tensorprop.render.matrices.stand_ins import Read, letters_of, picks
from tensorprop.render.matrices.treatments import Treatment
from tensorprop.render.trees import MathTree
from tensorprop.render.weight import DIAG, FUNCTION, NAME, ONES, name_cost

__all__ = ["Leaves"]

_NOTHING: frozenset[str] = frozenset()
_MIRRORED = {"≥": "≤", "≤": "≥", ">": "<", "<": ">", "≠": "≠"}


class Leaves:
    """The forms of tensors, sizes and brackets of one equation, and where its indices run."""

    def __init__(
        self,
        eq: Equation,
        convention: Convention,
        reading: Treatment,
        page: tuple[Equation, ...] = (),
        entries: Mapping[str, Read] | None = None,
    ) -> None:
        self._bounded, self._eq = eq, unbounded(eq)  # how far its letters run is no factor of a formula
        self._entries = entries or {}
        self._page = page
        self._convention = convention
        self._carried = frozenset((*reading.carried, *reading.added))
        self._added = reading.added
        self._one = {i: ",".join(group) for group in reading.joined for i in group}
        self._places = {i: n for group in reading.joined for n, i in enumerate(group)}
        self._rows = convention.layout == "row"
        self._ranges = infer(system([eq]))
        self._known = {  # for every class of axes one whose size is known: not the left side's own
            self._ranges.find(*axes[0]): next((Dim(*a) for a in axes if a[0] != eq.name), Dim(*axes[0]))
            for axes in self._ranges.classes()
        }
        self._nodes = tuple(postorder(self._eq.value))
        self._where = _entered(self._eq.value)

    def _letters(self, e: Expr) -> frozenset[str]:
        return frozenset(self._one.get(i, i) for i in e.free - self._carried)

    def _letters_of(self, t: Tensor, name: m.Name) -> list[str]:
        """The indices that stay, those that are taken as one as one, in the order in which the name has them."""
        out: list[str] = []
        for axis in name.order:
            s = t.subscripts[axis]
            assert isinstance(s, Index)
            one = self._one.get(s.name, s.name)
            if one == s.name or one not in out:
                out.append(one)
        return out

    def _whole(self, indices: Iterable[str]) -> frozenset[str]:
        """Bound indices, those that are taken as one as one. Errors: NoMatrix where some of these are not bound."""
        found = frozenset(self._one.get(i, i) for i in indices if i not in self._carried)
        if any(i not in indices for one in found for i in one.split(",") if "," in one):
            raise NoMatrix("indices that are taken as one are summed apart")
        return found

    def _scalar(self, tree: MathTree, cost: float, e: Expr) -> MatrixPiece:
        return MatrixPiece(_NOTHING, {(None, None): [Laid(tree, cost, self._where.get(e, 0))]})

    def _axis(self, letter: str, e: Expr) -> tuple[Dim, ...]:
        return tuple(self._axis_of(i, e) for i in letter.split(","))

    def _axis_of(self, letter: str, e: Expr) -> Dim:
        """The axis that an index runs over in ``e``: as ``e`` tells it, or the left side, or where it is bound."""
        d = size(e, letter)
        if d is None:
            d = next((Dim(*at) for at in self._around(letter)), None)
        if not isinstance(d, Dim):
            raise NoMatrix(f"{letter} does not run over an axis" if d else f"nothing tells how far {letter} runs")
        return self._known.get(self._ranges.find(d.tensor, d.axis), d)

    def _around(self, letter: str) -> Iterator[Axis]:
        left = self._ranges.letters(self._bounded)
        if letter in left:
            yield left[letter]
        for n in self._nodes:
            at = self._ranges.bound(n).get(letter)
            at = left.get(at) if isinstance(at, str) else at
            if at is not None:
                yield at

    def _letter(self, tensor: str, axis: int) -> str:
        """A letter that runs along this axis, or along one of the same size."""
        kin = self._ranges.find(tensor, axis)
        primal = tuple(zip(primal_axes(self._eq.target) or (), self._eq.letters, strict=False))
        for (name, k), letter in primal:
            if self._ranges.find(name, k) == kin:
                return letter
        for t in (*tensors_of(self._eq.value), self._eq.target):
            for k, s in enumerate(t.subscripts):
                if isinstance(s, Index) and s.name not in (ROW, COLUMN) and self._ranges.find(t.name, k) == kin:
                    return s.name
        picking = (t for read in self._entries.values() for t in tensors_of(read) if t.name == tensor)
        at = next((s.name for t in picking for s in t.subscripts[axis : axis + 1] if isinstance(s, Index)), "")
        return at or self._on_the_page(tensor, axis) or f"{tensor},{axis + 1}"

    def _on_the_page(self, tensor: str, axis: int) -> str:
        """A letter of this equation that runs as far as the axis by what the other equations say."""
        if len(self._page) < 2:
            return ""
        page = (self._eq if eq.name == self._eq.name else eq for eq in self._page)  # which may be multiplied out
        ranges = infer(system(page))
        kin = ranges.find(tensor, axis)
        letters = ((i, at) for i, at in ranges.letters(self._eq).items() if i not in (ROW, COLUMN))
        return next((i for i, at in letters if ranges.find(*at) == kin), "")

    def _name(self, t: Tensor) -> m.Name:
        slots: list[str | int | None] = []
        self._can_be_written(t)
        for s in t.subscripts:
            match s:
                case Index(name):
                    slots.append(name if name in self._carried else None)
                case Number(value):
                    slots.append(int(value))
                case _:
                    raise NoMatrix(f"{shown(t)} has a subscript that is computed")
        groups: dict[object, list[int]] = {}
        for k, s in enumerate(t.subscripts):
            if slots[k] is None:
                assert isinstance(s, Index)
                groups.setdefault(self._one.get(s.name, k), []).append(k)
        for one, axes in groups.items():
            if isinstance(one, str):
                axes.sort(key=lambda k: self._places[str(t.subscripts[k])])
                if len(axes) != len(one.split(",")):
                    raise NoMatrix("a tensor has some of the indices that are taken as one, and not the others")
        first = {axes[0]: axes for axes in groups.values()}
        order, kind = self._convention.placed(t, tuple(sorted(first)))
        if kind == "tensor":
            return m.Name(t.name, tuple(slots), tuple(k for k, s in enumerate(slots) if s is None), kind)
        rows = len(first[order[0]]) if kind == "matrix" else 1
        stays = tuple(k for axis in order for k in first[axis])
        return m.Name(t.name, tuple(slots), stays, kind, rows, self._entries.get(t.name))

    def _can_be_written(self, t: Tensor) -> None:
        """Errors: NoMatrix, for an entry that a place picks which has no sign with these indices carried."""
        read = self._entries.get(t.name)
        if read is None:
            return
        letters = t.letters or ()
        carried = {i for i, own in zip(letters_of(read), letters, strict=True) if own in self._carried}
        if isinstance(read, Bracket) and letters and letters[-1] in self._carried:
            raise NoMatrix(f"{read} is taken at one of its columns")
        axis = picks(read)
        if axis is None or not isinstance(read, Tensor):
            return
        if any(not isinstance(s, Index) for k, s in enumerate(read.subscripts) if k != axis):
            raise NoMatrix(f"{read.name} has two subscripts that are computed")
        if not all(isinstance(s, Index) and s.name in carried for s in read.subscripts[:axis]):
            raise NoMatrix(f"{read.subscripts[axis]} picks on another axis than the first")

    def _tensor(self, t: Tensor) -> MatrixPiece:
        name = self._name(t)
        place = self._where.get(t, 0)
        letters = self._letters_of(t, name)
        cost = name_cost(name.slots)
        match name.kind, letters:
            case "scalar", _:
                return self._scalar(name, NAME, t)
            case "column", [i]:
                return MatrixPiece(frozenset(letters), closed({(i, None): [Laid(name, cost, place)]}))
            case "row", [i]:
                return MatrixPiece(frozenset(letters), closed({(None, i): [Laid(name, cost, place)]}))
            case "matrix", [i, j]:
                return self._matrix(i, j, Laid(name, cost, place))
            case _:
                raise NoMatrix(self._why_not(t, letters))

    @property
    def _upright(self) -> m.Kind:
        """How vectors lie."""
        return "row" if self._rows else "column"

    def _vector(self, i: str, f: Laid) -> MatrixPiece:
        return MatrixPiece(frozenset((i,)), closed({(None, i) if self._rows else (i, None): [f]}))

    def _matrix(self, i: str, j: str, f: Laid) -> MatrixPiece:
        """A matrix at i and j; its diagonal, where they are one."""
        if i == j:
            return self._vector(i, f._replace(tree=m.Diagonal(f.tree, self._upright), cost=f.cost + DIAG))
        return MatrixPiece(frozenset((i, j)), closed({(i, j): [f]}))

    def _why_not(self, t: Tensor, letters: list[str]) -> str:
        """Why a tensor of order three or more cannot be seen as a matrix."""
        kept = [i for i in dict.fromkeys(letters) if i in self._eq.letters]
        gone = [i for i in dict.fromkeys(letters) if i not in kept]
        head = f"{shown(t)} has {counted(len(letters), 'index', 'indices', words=True)} and a matrix two"
        if kept and gone:
            return f"{head}: {joined(kept)} stay{'s' * (len(kept) == 1)} and {joined(gone)} {are(gone)} summed"
        if gone:
            body = self._eq.value.body if isinstance(self._eq.value, Sum) else self._eq.value
            others = [o for o in tensors_of(self._eq.value) if o is not t]
            if isinstance(body, Mul) and body.factors.count(t) > 1:
                others.append(t)
            if not any(set(o.letters or ()) & set(gone) for o in others):
                return f"{head}: {joined(gone)} {are(gone)} summed in {shown(t)} alone"
            if any(set(gone) <= set(o.letters or ()) for o in others):
                return f"{head}: {joined(gone)} {are(gone)} summed, all with one other factor of as many indices"
            return f"{head}: {joined(gone)} {are(gone)} summed, and with different factors"
        return f"{head}: {joined(kept)} all stay"

    def _triangle(self, e: Bracket, i: str, j: str) -> MatrixPiece:
        """``[t ≥ u]``: the lower triangle of a matrix of ones."""
        if {i, j} & (self._one.keys() | self._carried):
            raise NoMatrix(f"the bracket {e} compares indices that are carried or taken as one")
        forms: Forms = {}
        for r, c, part in ((i, j, e.relation), (j, i, _MIRRORED[e.relation])):
            try:
                column, row = (outer_ones(self._axis(k, e), self._rows)[n] for n, k in enumerate((r, c)))
            except NoMatrix as no:
                raise NoMatrix(f"the bracket {e} compares indices, and {no}") from None
            ones = times(column, row)
            keep(forms, (r, c), Laid(m.Triangle(ones.tree, part), ONES + FUNCTION, self._where.get(e, 0)))
        return MatrixPiece(frozenset((i, j)), forms)


def _entered(root: Expr) -> dict[Expr, int]:
    """Where each node begins, in reading order: a bracketed sum before what stands in it."""
    out: dict[Expr, int] = {}
    stack = [root]
    while stack:
        n = stack.pop()
        if n not in out:
            out[n] = len(out)
            stack += n.children[::-1]
    return out
