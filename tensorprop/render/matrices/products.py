"""The search: a product of indexed factors as the most readable product of vectors and matrices.

In: factors that are scalars, vectors or matrices, each with the forms that it can take, and the indices that stay.
Out: the cheapest typed forms of the whole. Like a search for a contraction order, bottom-up over subsets of the
factors, with readability in place of flops. It knows neither text nor sizes, and no expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import TypeAlias

from tensorprop.core.expr import Dim
from tensorprop.render import weight as price
from tensorprop.render.matrices.laid import (
    HELD,
    Forms,
    Laid,
    MatrixPiece,
    Sign,
    as_diag,
    closed,
    hadamard,
    keep,
    outer_ones,
    times,
    turn,
)
from tensorprop.render.trees import (
    Diag,
    Diagonal,
    Entrywise,
    Figure,
    Hadamard,
    Identity,
    MathTree,
    MatrixTrace,
    Name,
    Norm,
    Ones,
    Product,
    ScalarPower,
    Transpose,
    Triangle,
)
from tensorprop.render.weight import nested, of_two

__all__ = ["merge", "search"]

Axis: TypeAlias = Callable[[str], tuple[Dim, ...]]
"""The axis that an index runs along; several where it stands for indices that are taken as one."""

_NUMBER: Sign = (None, None)
_LESS = 1.0  # so much less than its parts' sum a product may cost: a unit matrix that goes
_GAP = 4.0  # a form that is so much harder to read than the best never pays later
_MANY = 3  # more factors with the same indices than this are put together by ⊙ beforehand
_WIDE, _PATIENCE = 8, 300_000  # with more factors than this not every subset is tried; pairs of subsets at most
_LARGE = 6  # of more factors than this vectors along one index become one, matrices two


def _every(p: MatrixPiece) -> Iterator[Laid]:
    return (f for held in p.forms.values() for f in held)


def _least(a: MatrixPiece, b: MatrixPiece) -> float:
    """What a product of two pieces costs at least; of two that are one vector or matrix a norm, which shows it once."""
    one, other = (min(held[0].cost for held in p.forms.values()) for p in (a, b))
    return min(one, other) if a.letters == b.letters else one + other


def _dearest(forms: Forms) -> float:
    """From which cost on a form is not worth making, whichever way it lies."""
    return max(min(held[-1].cost if len(held) == HELD else math.inf, held[0].cost + _GAP) for held in forms.values())


class _Joining:
    """One product: what is summed, where the ones come from."""

    def __init__(self, axis: Axis, row_layout: bool, plane: frozenset[str] = frozenset()) -> None:
        self._axis = axis
        self._rows = row_layout
        self._plane = plane
        self._along: dict[str, tuple[Dim, ...]] = {}
        self._less, self._sign = _LESS, 0.0  # what ⊙ costs at least: a triangle is written around the other
        self._most: dict[Sign, float] = {}  # from which cost on a form of what is being made is not worth making

    def _pays(self, sign: Sign, f: Laid, g: Laid, more: float = 0.0) -> bool:
        """Whether two forms, and what is at least written beside them, may be less than what is known."""
        return f.cost + g.cost + more - self._less < self._most.get(sign, math.inf)

    def _pairs(self, sign: Sign, a: list[Laid], b: list[Laid], more: float = 0.0) -> Iterator[tuple[Laid, Laid]]:
        """Two forms, as long as a product of them that lies so may be less than what is known."""
        more -= self._less
        most = self._most
        return ((f, g) for f in a for g in b if f.cost + g.cost + more < most.get(sign, math.inf))

    def _ones(self, letter: str, place: int) -> tuple[Laid, Laid]:
        if letter not in self._along:
            self._along[letter] = self._axis(letter)
        return outer_ones(self._along[letter], self._rows, place)

    # ----------------------------------------------------------------- one piece, some indices summed away
    def summed(self, piece: MatrixPiece, kept: frozenset[str]) -> MatrixPiece:
        """The piece with the indices summed that are not kept."""
        gone = piece.letters - kept
        if not gone:
            return piece
        out: Forms = {}
        if len(piece.letters) == 1:
            (i,) = piece.letters
            for f in (*piece.forms[i, None], *piece.forms[None, i]):
                for total in self._total(f, i):
                    keep(out, (None, None), total)
        else:
            i, j = sorted(piece.letters)
            for r, c in ((i, j), (j, i)):
                for f in piece.forms[r, c]:
                    if c in gone:
                        column = times(f, self._ones(c, f.place)[0])
                        if r in gone:
                            row = self._ones(r, f.place)[1]
                            keep(out, (None, None), times(row, column))
                        else:
                            keep(out, (r, None), column)
                    elif r in gone:
                        keep(out, (None, c), times(self._ones(r, f.place)[1], f))
        return MatrixPiece(piece.letters & kept, closed(out))

    def _total(self, f: Laid, i: str) -> Iterator[Laid]:
        """The sum of a vector's entries."""
        tree = f.tree.of if isinstance(f.tree, Transpose) else f.tree
        if isinstance(tree, Diagonal):
            yield Laid(MatrixTrace(tree.of), f.cost - price.DIAG - isinstance(f.tree, Transpose) + price.TRACE, f.place)
            return
        column, row = self._ones(i, f.place)
        if f.tree.kind == "column":
            yield _tagged(times(row, f), price.SUMMED if isinstance(tree, Hadamard) else 0)
        else:
            yield _tagged(times(f, column), price.SUMMED + price.NESTED)

    # ----------------------------------------------------------------- two pieces
    def merged(self, a: MatrixPiece, b: MatrixPiece, kept: frozenset[str]) -> Iterator[tuple[Sign, Laid]]:
        """Every way to write the product of two pieces, with the shared indices summed that are not kept."""
        if len(a.letters) < len(b.letters):
            a, b = b, a
        shared = a.letters & b.letters
        gone = shared - kept
        match len(a.letters), len(b.letters):
            case 1, 1:
                yield from self._vectors(a, b, shared, gone)
            case 2, 1:
                yield from self._matrix_vector(a, b, shared, gone)
            case 2, 2:
                yield from self._matrices(a, b, shared, gone)
            case _:
                return

    def _vectors(
        self, a: MatrixPiece, b: MatrixPiece, shared: frozenset[str], gone: frozenset[str]
    ) -> Iterator[tuple[Sign, Laid]]:
        (i,), (j,) = a.letters, b.letters
        if not shared:
            for f, g in self._pairs((i, j), a.forms[i, None], b.forms[None, j]):
                yield (i, j), times(f, g)
            for f, g in self._pairs((j, i), a.forms[None, i], b.forms[j, None]):
                yield (j, i), times(g, f)
        elif gone:
            for x, y in ((a, b), (b, a)):
                for f, g in product(x.forms[None, i], y.forms[i, None]):
                    if _normed(f.tree, g.tree, self._plane):
                        norm = ScalarPower(Norm(_upright(g.tree)), _TWO)
                        yield _NUMBER, Laid(norm, min(f.cost, g.cost) + price.SIGN, f.place)
                    if not self._pays(_NUMBER, f, g):
                        continue
                    one, other = f.tree, g.tree
                    lopsided = isinstance(other, Hadamard) and not isinstance(one, Product)
                    lopsided |= isinstance(_upright(one), Hadamard) and not isinstance(other, Product)
                    around = f.place > g.place and not isinstance(one, Product) and not isinstance(other, Product)
                    more = price.LOPSIDED * lopsided + price.SCALED * _ends_in_diag(one, -1)
                    yield _NUMBER, _tagged(times(f, g), more + price.AROUND * around)
            for f, g in self._pairs(_NUMBER, a.forms[i, None], b.forms[i, None], self._sign + price.ONES):
                h = hadamard(f, g)
                if len(h.tree.children) > 2:
                    yield from ((_NUMBER, t) for t in self._total(h, i))
        else:
            for sign in ((i, None), (None, i)):
                for f, g in self._pairs(sign, a.forms[sign], b.forms[sign], self._sign):
                    yield sign, hadamard(f, g)

    def _matrix_vector(
        self, a: MatrixPiece, b: MatrixPiece, shared: frozenset[str], gone: frozenset[str]
    ) -> Iterator[tuple[Sign, Laid]]:
        (j,) = shared
        (i,) = a.letters - shared
        if gone:
            for f, g in self._pairs((i, None), a.forms[i, j], b.forms[j, None]):
                yield (i, None), _tagged(times(f, g), price.SCALED * _ends_in_diag(f.tree, -1))
            for f, g in self._pairs((None, i), b.forms[None, j], a.forms[j, i]):
                yield (None, i), _tagged(times(f, g), price.SCALED * _ends_in_diag(g.tree, 0))
        else:
            for f, g in self._pairs((i, j), a.forms[i, j], b.forms[j, None], self._sign):
                yield (i, j), times(f, as_diag(g))
            for f, g in self._pairs((j, i), b.forms[j, None], a.forms[j, i], self._sign):
                yield (j, i), times(as_diag(f), g)
                wide = times(f, self._ones(i, f.place)[1])
                ends = isinstance(f.tree, Product) and isinstance(_upright(f.tree.factors[-1]), Ones)
                yield (j, i), hadamard(g, _tagged(wide, -price.ALIKE * ends))

    def _matrices(
        self, a: MatrixPiece, b: MatrixPiece, shared: frozenset[str], gone: frozenset[str]
    ) -> Iterator[tuple[Sign, Laid]]:
        if len(shared) == 1:
            (j,) = shared
            (i,), (k,) = a.letters - shared, b.letters - shared
            for f, g in self._pairs((i, k), a.forms[i, j], b.forms[j, k]):
                yield (i, k), times(f, g)
            for f, g in self._pairs((k, i), b.forms[k, j], a.forms[j, i]):
                yield (k, i), times(f, g)
            return
        i, j = sorted(shared)
        if not gone:
            for sign in ((i, j), (j, i)):
                for f, g in self._pairs(sign, a.forms[sign], b.forms[sign], self._sign):
                    yield sign, hadamard(f, g)
        elif len(gone) == 1:
            (j,) = gone
            (i,) = shared - gone
            lies = (None, i) if self._rows else (i, None)
            for x, y in ((a, b), (b, a)):
                for f, g in self._pairs(lies, x.forms[i, j], y.forms[j, i], price.DIAG):
                    p = times(f, g)
                    cost = p.cost + price.DIAG + nested(p.tree) + price.DIAGONAL_OF_CUTS * (a.cut and b.cut)
                    cost += price.DIAGONAL_OF_TWO * of_two(p.tree)
                    yield lies, Laid(Diagonal(p.tree, "row" if self._rows else "column"), cost, p.place)
            summed = self._sign + price.ONES
            for f, g in self._pairs((i, None), a.forms[i, j], b.forms[i, j], summed):
                h = hadamard(f, g)
                yield (i, None), _tagged(times(h, self._ones(j, h.place)[0]), price.SUMMED)
                yield (None, i), _tagged(times(self._ones(j, h.place)[1], turn(h)), price.SUMMED)
            for f, g in product(a.forms[j, i], b.forms[j, i]):
                flat, upright = self._pays((None, i), f, g, summed), self._pays((i, None), f, g, summed)
                h = hadamard(f, g) if flat or upright else f
                if flat:
                    yield (None, i), _tagged(times(self._ones(j, h.place)[1], h), price.SUMMED)
                if upright:
                    yield (i, None), _tagged(times(turn(h), self._ones(j, h.place)[0]), price.SUMMED)
        else:
            for x, y in ((a, b), (b, a)):
                for r, c in ((i, j), (j, i)):
                    for f, g in product(x.forms[r, c], y.forms[c, r]):
                        if _normed(f.tree, g.tree, self._plane):
                            norm = ScalarPower(Norm(_upright(f.tree)), _TWO)
                            yield _NUMBER, Laid(norm, min(f.cost, g.cost) + price.SIGN, f.place)
                        if not self._pays(_NUMBER, f, g, price.TRACE):
                            continue
                        p = times(f, g)
                        late = price.TRANSPOSED_LAST * _ends_transposed(p.tree)
                        yield (
                            _NUMBER,
                            Laid(MatrixTrace(p.tree), p.cost + price.TRACE + nested(p.tree) + late, p.place),
                        )
            for f, g in self._pairs(_NUMBER, a.forms[i, j], b.forms[i, j], self._sign + 2 * price.ONES):
                h = hadamard(f, g)
                inner = times(h, self._ones(j, h.place)[0])
                yield _NUMBER, _tagged(times(self._ones(i, h.place)[1], inner), price.SUMMED)

    # ----------------------------------------------------------------- all pieces
    def run(self, pieces: list[MatrixPiece], kept: frozenset[str]) -> MatrixPiece | None:
        """The cheapest forms of the product of connected pieces; None where some step would need three indices."""
        pieces = self._grouped(pieces)
        kinds = {type(f.tree) for p in pieces for f in _every(p)}
        self._less = _LESS * (not kinds.isdisjoint((Identity, Triangle)))
        self._sign = 0.0 if Triangle in kinds else price.SIGN
        n = len(pieces)
        whole = (1 << n) - 1
        has: dict[str, int] = {}
        for k, p in enumerate(pieces):
            for letter in p.letters:
                has[letter] = has.get(letter, 0) | 1 << k

        def outside(s: int) -> frozenset[str]:
            """Indices of the subset that are needed outside it."""
            return frozenset(i for i, where in has.items() if where & s and (i in kept or where & ~s))

        best: dict[int, MatrixPiece] = {}
        for k, p in enumerate(pieces):
            if len(p.letters) > 2:
                return None
            cut = all(_cut(held[0].tree) for held in p.forms.values())
            best[1 << k] = self.summed(p, outside(1 << k))._replace(cut=cut)
        if n > _WIDE:
            self._joined(best, n, outside)
            return best.get(whole)
        for size in range(2, n + 1):
            for s in (s for s in range(3, whole + 1) if s.bit_count() == size):
                stays = outside(s)
                if len(stays) > 2:
                    continue
                halves: list[tuple[int, int]] = []
                low = s & -s
                sub = (s - 1) & s
                while sub:
                    if sub & low and sub in best and s ^ sub in best:
                        halves.append((sub, s ^ sub))
                    sub = (sub - 1) & s
                self._put(best, s, halves, stays)
        return best.get(whole)

    def _put(self, best: dict[int, MatrixPiece], s: int, halves: list[tuple[int, int]], stays: frozenset[str]) -> None:
        """The cheapest forms of a subset, from its parts."""
        forms: Forms = {}
        signs = 2 if stays else 1
        known = math.inf
        self._most = {}
        for a, b in halves:
            one, other = best[a], best[b]
            if known < math.inf and _least(one, other) - self._less >= known:
                continue  # whatever they give, two that are easier to read are known
            for sign, f in self.merged(one, other, stays):
                if keep(forms, sign, f):
                    known = _dearest(forms) if len(forms) == signs else math.inf
                    for way, held in forms.items():
                        self._most[way] = min(known, held[-1].cost) if len(held) == HELD else known
        self._most = {}
        if forms:
            a, b = halves[0]
            best[s] = MatrixPiece(stays, closed(forms), best[a].cut and best[b].cut)

    def _joined(self, best: dict[int, MatrixPiece], n: int, outside: Callable[[int], frozenset[str]]) -> None:
        """Many factors: not every subset, but those that come from joining two that share an index."""
        by_size: list[list[int]] = [[], list(best), *([] for _ in range(n))]
        tried = 0
        for size in range(2, n + 1):
            halves: dict[int, list[tuple[int, int]]] = {}
            for k in range(1, size // 2 + 1):
                for a in by_size[k]:
                    for b in by_size[size - k]:
                        tried += 1
                        if a & b == 0 and (2 * k < size or a < b) and best[a].letters & best[b].letters:
                            halves.setdefault(a | b, []).append((a, b))
                if tried > _PATIENCE:
                    return
            for s, pairs in halves.items():
                stays = outside(s)
                if len(stays) <= 2:
                    self._put(best, s, pairs, stays)
                    if s in best:
                        by_size[size].append(s)

    def _grouped(self, pieces: list[MatrixPiece]) -> list[MatrixPiece]:
        """Many factors with the same indices are put together first, so that the search stays small."""
        groups: dict[frozenset[str], list[MatrixPiece]] = {}
        for p in pieces:
            groups.setdefault(p.letters, []).append(p)
        out: list[MatrixPiece] = []
        for letters, group in groups.items():
            most = _MANY if len(pieces) <= _LARGE else max(1, len(letters))
            while len(group) > most and len(letters) <= 2:
                a, b = group[:2]
                forms: Forms = {}
                for sign in a.forms:
                    for f, g in product(a.forms[sign], b.forms[sign]):
                        keep(forms, sign, hadamard(f, g))
                group = [MatrixPiece(letters, forms), *group[2:]]
            out += group
        return out


_TWO = Figure(Fraction(2))


def _upright(t: MathTree) -> MathTree:
    return t.of if isinstance(t, Transpose) else t


def _normed(a: MathTree, b: MathTree, plane: frozenset[str]) -> bool:
    """Whether the two are one thing of real numbers, once upright and once transposed; ‖a ⊙ a‖² is no gain."""
    t = _upright(a)
    if isinstance(a, Transpose) == isinstance(b, Transpose) or t != _upright(b):
        return False
    real = isinstance(t, Entrywise) and t.function == "abs"
    if plane and not real and any(isinstance(n, Name) and n.tensor in plane for n in a.walk()):
        return False
    return not (isinstance(t, Hadamard) and len(set(t.factors)) == 1)


def _cut(t: MathTree) -> bool:
    """Whether every name is a slice."""
    return all(any(s is not None for s in n.slots) for n in t.walk() if isinstance(n, Name))


def _tagged(f: Laid, more: float) -> Laid:
    return Laid(f.tree, f.cost + more, f.place)


def _ends_in_diag(t: MathTree, end: int) -> bool:
    return isinstance(t.factors[end] if isinstance(t, Product) else t, Diag)


def _ends_transposed(t: MathTree) -> bool:
    return isinstance(t, Product) and isinstance(t.factors[-1], Transpose) and not isinstance(t.factors[0], Transpose)


def merge(a: MatrixPiece, b: MatrixPiece, axis: Axis, row_layout: bool) -> MatrixPiece:
    """The product of two pieces without a shared index: of two vectors the outer product."""
    letters = a.letters | b.letters
    if not a.letters or not b.letters:
        raise ValueError("a scalar is not merged but put in front")
    forms: Forms = {}
    for sign, f in _Joining(axis, row_layout).merged(a, b, letters):
        keep(forms, sign, f)
    return MatrixPiece(letters, closed(forms))


def search(
    pieces: Sequence[MatrixPiece],
    kept: frozenset[str],
    axis: Axis,
    row_layout: bool = False,
    plane: frozenset[str] = frozenset(),
) -> tuple[list[Laid], list[MatrixPiece]] | None:
    """Scalars, and what is left: the product falls into parts that share no index.

    None where a part has no form within matrices.
    """
    engine = _Joining(axis, row_layout, plane)
    scalars: list[Laid] = []
    rest: list[MatrixPiece] = []
    for part in _components(pieces):
        found = engine.run(part, kept)
        if found is None:
            return None
        if found.letters:
            rest.append(found)
        else:
            scalars.append(found.forms[None, None][0])
    return scalars, rest


def _components(pieces: Sequence[MatrixPiece]) -> list[list[MatrixPiece]]:
    """Pieces that are joined by indices."""
    out: list[tuple[set[str], list[int]]] = []
    for n, p in enumerate(pieces):
        letters, members = set(p.letters), [n]
        apart: list[tuple[set[str], list[int]]] = []
        for other in out:
            if other[0] & letters:
                letters |= other[0]
                members = other[1] + members
            else:
                apart.append(other)
        out = [*apart, (letters, members)]
    out.sort(key=lambda part: min(part[1]))
    return [[pieces[n] for n in sorted(members)] for _, members in out]
