"""What a part of a formula in matrices is: its entry, and the indices of its rows and of its columns.

In: names with their axes, and the operations of linear algebra on what is known of their factors. Out: a `Typed` part,
or a `Misfit`. A product sums over what stands between its two factors, ⊙ keeps what both have. Sizes are not known
here: two axes fit if the equations make them equally long, or if nothing is known yet of one of them. How a formula
is written is not known here either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count

from tensorprop.calculus.slope import slope
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    bracket,
    call,
    mul,
    negate,
    number,
    power,
    reduce,
    rename,
    substitute,
    sum_over,
)
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Reduce, Tensor
from tensorprop.core.functions import ALONG, SPELLED, is_known, is_matrix, is_square, keeps, runs, takes_symmetric_part
from tensorprop.core.names import primal
from tensorprop.errors import AmbiguousNotation, RankMismatch, UnknownName, UsageError, near
from tensorprop.render.derivation.sentences import Math, whole
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX
from tensorprop.render.reading.below import Below, subscript
from tensorprop.render.reading.lengths import Axis, Known

__all__ = ["Misfit", "Typed", "Types", "along", "of_matrix", "power_of"]

_FRESH = count(1)  # ranges that nothing tells yet; those of different lines are different


@dataclass(frozen=True)
class Typed:
    """A part of a formula: its entry, the letters of its rows and of its columns, and how it was written."""

    entry: Expr
    rows: str | None
    columns: str | None
    math: Math

    @property
    def scalar(self) -> bool:
        """Whether it is one number."""
        return self.rows is None and self.columns is None

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters that it has, those of the rows first."""
        return tuple(i for i in (self.rows, self.columns) if i is not None)


class Misfit(Exception):
    """Two neighbours that do not fit; ``sign`` is ``"product"``, or the sign between them, ``shown`` calls letters."""

    def __init__(self, left: Typed, right: Typed, sign: str, types: Types) -> None:
        super().__init__()
        self.left, self.right, self.sign = left, right, sign
        self.shown = {i: types.shown(i) for i in (*left.letters, *right.letters)}


# --------------------------------------------------------------------------- operations
class Types:
    """Which axes a part has, and what an operation does with them."""

    def __init__(
        self,
        names: Known,
        convention: Convention,
        carried: Iterable[str] = (),
        standing: bool = False,
        joined: Iterable[tuple[str, ...]] = (),
        slid: tuple[int, ...] | None = None,
    ):
        """``carried``: letters for every value of which the formula is meant; ``standing``: 𝟏 is a column;
        ``joined``: letters that are taken as one; ``slid``: ``*`` is a convolution, of images read from there on."""
        self.slid = slid
        self.names = names
        self.convention = convention
        self.row = convention.layout == "row"
        self.standing = standing or not self.row
        self.squares = False  # whether a matrix has to be square, because diag(diag(A)) is one as large as it
        self.every = tuple(carried)
        self.carried: dict[Axis, tuple[str, ...]] = {}
        for i in self.every:
            self.carry(i)
        self._joined = [tuple(names.called(i) for i in group) for group in joined]
        self._parts: dict[str, tuple[str, ...]] = {}
        self.range: dict[str, Axis] = {}

    def carry(self, letter: str, *along: Axis) -> None:
        """What is read is meant for every value of an index, along the axes that equations call so, or along these."""
        for axis in along or self.names.called(letter):
            self.carried[axis] = (*self.carried.get(axis, ()), letter)

    def new(self, axis: Axis) -> str:
        """A letter over an axis."""
        i = f"·{len(self.range) + 1}"
        self.range[i] = axis
        return i

    def _copy(self, i: str) -> str:
        """Another letter over the same range."""
        j = self.new(self.range[i])
        if i in self._parts:
            self._parts[j] = tuple(self.new(self.range[k]) for k in self._parts[i])
        return j

    def any(self) -> str:
        """A letter over a range that its neighbour will tell."""
        return self.new(("", next(_FRESH)))

    def shown(self, i: str) -> str:
        """The letter that the equations have for an axis."""
        return self.names.letters.get(self.names.find(self.range[i]), "?") if i in self.range else i

    def fits(self, i: str | None, j: str | None) -> bool:
        """Whether two letters run over one range."""
        if i is None or j is None:
            return i is j
        return self.names.same(self.range[i], self.range[j])

    # ----------------------------------------------------------------- what has no parts
    def number(self, value: Fraction | int | str, shown: str = "") -> Typed:
        """A number."""
        text = shown or str(value)
        return Typed(number(value), None, None, Math(text, text))

    def slots(self, name: str, cut: tuple[str, ...] = ()) -> tuple[Tensor, list[int]]:
        """A tensor with a letter for each axis, carried ones among them, and the axes that stay."""
        rank = self.names.rank(name)
        assert rank is not None
        letters, stay, had = list[str](), list[int](), list[str]()
        below = Below(cut, self.names.time.get(primal(name)))
        told = {i for own in self.carried.values() for i in own}
        for i in set(self.every).intersection(below.letters) - told:  # of a sum: it runs along what is cut off first
            self.carry(i, self.names.find((name, self.names.time.get(primal(name), 0))))
        for axis in range(rank):
            own = () if below.in_place else self.carried.get(self.names.find((name, axis)), ())
            if (fixed := below.at(axis, not own and len(cut) == rank)) is not None:
                letters.append(fixed)
                continue
            carried = next((i for i in own if had.count(i) < below.often(i)), None)
            if carried is not None:
                had.append(carried)
                letters.append(below.of(carried))
                continue
            stay.append(axis)
            letters.append(self.new((name, axis)))
        return Tensor(name, tuple(subscript(i, self._length) for i in letters)), stay

    def _length(self, letter: str) -> Expr | None:
        found = self.size(letter)
        return None if found is None else found.entry

    def tensor(self, name: str, cut: tuple[str, ...] = ()) -> Typed:
        """A tensor as the convention lays it.

        ``cut``: what stands below its name: carried indices; an entry of each axis where there are dots or figures.
        """
        value, stay = self.slots(name, cut)
        letters = [i.name if isinstance(i, Index) else "" for i in value.subscripts]
        places = self._as_one(name, stay, letters)
        if len(places) > 2:
            raise RankMismatch(
                f"{name} has {len(stay)} axes, and a matrix has two", fix="write its rule in index notation"
            )
        order, kind = self.convention.placed(value, tuple(sorted(places)))
        own = [places[k] for k in order]
        match kind:
            case "matrix":
                return Typed(value, own[0], own[1], whole(name))
            case "column":
                return Typed(value, own[0], None, whole(name))
            case "row":
                return Typed(value, None, own[0], whole(name))
            case _:
                return Typed(value, None, None, whole(name))

    def _as_one(self, name: str, stay: list[int], letters: list[str]) -> dict[int, str]:
        """The letters of a tensor's axes by their first place; axes that are taken as one have one letter."""
        left = list(stay)
        out: dict[int, str] = {}
        for group in self._joined:
            found = [next((k for k in left if self.names.find((name, k)) in axes), None) for axes in group]
            if len(set(found)) < len(group) or None in found:
                continue
            axes = [k for k in found if k is not None]
            one = self.new(("+".join(map(str, (self.names.find((name, k)) for k in axes))), -1))
            self._parts[one] = tuple(letters[k] for k in axes)
            out[min(axes)] = one
            left = [k for k in left if k not in axes]
        return out | {k: letters[k] for k in left}

    def pairs(self, i: str | None, j: str | None) -> dict[str, str]:
        """What ``i`` has to be called to be ``j``: of letters taken as one each by itself."""
        if i is None or j is None or i == j:
            return {}
        mine, theirs = self._parts.get(i, (i,)), self._parts.get(j, (j,))
        if len(mine) == len(theirs):
            return dict(zip(mine, theirs, strict=True))
        if i not in self._parts:  # a vector of ones has no letter of its own
            return {}
        raise RankMismatch("indices that are taken as one meet another index")

    def each(self, i: str) -> tuple[str, ...]:
        """The letters that one stands for."""
        return self._parts.get(i, (i,))

    def ones(self) -> Typed:
        """A vector of ones."""
        i, math = self.any(), Math("𝟏", r"\mathbf{1}")
        return Typed(ONE, i, None, math) if self.standing else Typed(ONE, None, i, math)

    def identity(self) -> Typed:
        """The unit matrix."""
        i = self.any()
        j = self.new(self.range[i])
        return Typed(bracket("=", Index(i), Index(j)), i, j, Math("I", "I"))

    def size(self, letter: str, where: str = "") -> Typed | None:
        """``|i|``, if one range alone is called so in a formula."""
        found = self.names.called(letter, where)
        if len(found) > 1:
            raise AmbiguousNotation(
                f"|{letter}| could be the size of {' or of '.join(f'axis {k} of {n}' for n, k in found)}",
                fix=f"write dim({found[0][0]}, {found[0][1]})",
            )
        return self.dim(*found[0], f"|{letter}|") if found else None

    def length(self, letter: str, text: str, span: tuple[int, int] | None = None) -> Typed:
        """``n`` in 1/n: a letter that counts an axis, and is no tensor, is how many it counts. Errors: UnknownName."""
        found = self.size(letter, text) if self.names.rank(letter) is None else None
        if found is None:
            raise self.known(letter, text, span)
        return found

    def dim(self, name: str, axis: int, shown: str = "") -> Typed:
        """The size of an axis of a tensor."""
        text = shown or f"dim({name}, {axis})"
        return Typed(Dim(primal(name), axis), None, None, Math(text, text))

    # ----------------------------------------------------------------- products and sums
    def times(self, a: Typed, b: Typed, sign: str = " ") -> Typed:
        """``a b``: the sum over what stands between them; a number times anything."""
        math = Math(f"{a.math.unicode}{sign}{b.math.unicode}", f"{a.math.latex} {b.math.latex}")
        if a.scalar or b.scalar:
            keep = b if a.scalar else a
            return Typed(mul(a.entry, b.entry), keep.rows, keep.columns, math)
        if not self.fits(a.columns, b.rows):
            raise Misfit(a, b, "product", self)
        if a.columns is None or b.rows is None:
            return Typed(mul(a.entry, b.entry), a.rows, b.columns, math)
        return Typed(self.contract(a.entry, a.columns, b.entry, b.rows), a.rows, b.columns, math)

    def contract(self, one: Expr, i: str, other: Expr, j: str) -> Expr:
        """``Σ_i one_i other_i``."""
        if j in self._parts and i not in self._parts:
            one, i, other, j = other, j, one, i
        return self.summed(mul(one, substitute(other, self._instead(j, i))), i)

    def _instead(self, j: str | None, i: str | None) -> dict[str, Expr]:
        return {k: Index(n) for k, n in self.pairs(j, i).items()}

    def summed(self, body: Expr, i: str) -> Expr:
        """``Σ_i body``."""
        if i in self._parts:
            for k in self._parts[i]:
                body = self.summed(body, k)
            return body
        if i in body.free:
            return sum_over([i], body)
        size = self.names.size(self.range[i])
        if size is None:
            raise UsageError("nothing tells how many ones 𝟏ᵀ𝟏 adds up", fix="write the number")
        return mul(size, body)

    def entrywise(self, a: Typed, b: Typed, over: bool = False) -> Typed:
        """``a ⊙ b``, or ``a ⊘ b``."""
        sign = "⊘" if over else "⊙"
        math = Math(
            f"{a.math.unicode} {sign} {b.math.unicode}",
            rf"{a.math.latex} \o{'slash' if over else 'dot'} {b.math.latex}",
        )
        factor = replace(b, entry=power(b.entry, MINUS_ONE)) if over else b
        if a.scalar or b.scalar:
            keep = b if a.scalar else a
            return Typed(mul(a.entry, factor.entry), keep.rows, keep.columns, math)
        return Typed(mul(a.entry, self.like(a, factor, sign)), a.rows, a.columns, math)

    def plus(self, a: Typed, b: Typed, minus: bool) -> Typed:
        """``a + b``, ``a − b``; a number serves every entry."""
        sign = "−" if minus else "+"
        math = Math(
            f"{a.math.unicode} {sign} {b.math.unicode}", f"{a.math.latex} {'-' if minus else '+'} {b.math.latex}"
        )
        if a.scalar != b.scalar:
            keep = b if a.scalar else a
            return Typed(add(a.entry, negate(b.entry) if minus else b.entry), keep.rows, keep.columns, math)
        other = self.like(a, b, sign)
        return Typed(add(a.entry, negate(other) if minus else other), a.rows, a.columns, math)

    def like(self, a: Typed, b: Typed, sign: str) -> Expr:
        """The entry of b in the letters of a."""
        if not (self.fits(a.rows, b.rows) and self.fits(a.columns, b.columns)):
            raise Misfit(a, b, sign, self)
        return substitute(b.entry, self._instead(b.rows, a.rows) | self._instead(b.columns, a.columns))

    def negative(self, a: Typed) -> Typed:
        """``−a``."""
        return replace(a, entry=negate(a.entry), math=Math(f"−{a.math.unicode}", f"-{a.math.latex}"))

    def over(self, a: Typed, b: Typed) -> Typed:
        """``a / b``, b a number."""
        if not b.scalar:
            raise Misfit(a, b, "/", self)
        math = Math(f"{a.math.unicode}/{b.math.unicode}", rf"\frac{{{a.math.latex}}}{{{b.math.latex}}}")
        return Typed(mul(a.entry, power(b.entry, MINUS_ONE)), a.rows, a.columns, math)

    # ----------------------------------------------------------------- what stands above
    def turned(self, a: Typed, conjugated: bool = False) -> Typed:
        """``aᵀ``; ``aᴴ``, of every entry the conjugate."""
        mark = ("ᴴ", r"^\mathsf{H}") if conjugated else ("ᵀ", r"^\top")
        return Typed(call("conj", a.entry) if conjugated else a.entry, a.columns, a.rows, _after(a, *mark))

    def raised(self, a: Typed, exponent: Expr, shown: str, entrywise: bool = False) -> Typed:
        """``aⁿ``: Aⁿ and A⁻¹ of a matrix that can be square; else, or where ``entrywise`` says so, of every entry."""
        mark = f"∘{shown}" if entrywise else shown
        small = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
        latex = mark.replace("∘", "\\circ ").replace("−", "-")
        above = mark.translate(small) if mark.replace("−", "-").lstrip("-").isdigit() else f"^{{{mark}}}"
        math = _after(a, above, f"^{{{latex}}}")
        whole_number = isinstance(exponent, Number) and exponent.value.denominator == 1
        if entrywise or a.rows is None or a.columns is None or not whole_number or not self._square(a):
            return Typed(power_of(a.entry, exponent), a.rows, a.columns, math)
        assert isinstance(exponent, Number)
        found = a if exponent.value > 0 else self.inverse(a)
        out = found
        for _ in range(abs(int(exponent.value)) - 1):
            out = self.times(out, self.afresh(found))
        return replace(out, math=math)

    def _square(self, a: Typed) -> bool:
        assert a.rows is not None and a.columns is not None
        return self.fits(a.rows, a.columns)

    def afresh(self, a: Typed) -> Typed:
        """The same part once more, in letters of its own."""
        new = {i: self._copy(i) for i in a.letters}
        rows, columns = (None if i is None else new[i] for i in (a.rows, a.columns))
        new = {k: n for i, j in new.items() for k, n in self.pairs(i, j).items()}
        return Typed(rename(a.entry, new), rows, columns, a.math)

    def inverse(self, a: Typed) -> Typed:
        """``A⁻¹``; of a diagonal matrix, entry by entry."""
        i, j = a.rows, a.columns
        if i is None or j is None or not self.fits(i, j):
            raise Misfit(a, a, "inverse", self)
        diagonal = _of_diagonal(a.entry, i, j)
        if diagonal is not None:
            return replace(a, entry=mul(power(diagonal, MINUS_ONE), bracket("=", Index(i), Index(j))))
        new = self.afresh(a)
        assert new.rows is not None and new.columns is not None
        entry = Reduce("inv", (new.rows, new.columns), new.entry, (Index(i), Index(j)))
        return Typed(entry, i, j, a.math)

    # ----------------------------------------------------------------- functions
    def apply(self, name: str, primes: int, args: list[Typed]) -> Typed:
        """``f(a)``: entry by entry, along rows or columns, or of the whole matrix."""
        inner = Math(", ".join(a.math.unicode for a in args), ", ".join(a.math.latex for a in args))
        shown = name + "′" * primes
        math = Math(f"{shown}({inner.unicode})", f"{LATEX.function(shown)}({inner.latex})")
        if not primes and name in ("tril", "triu") and args[0].rows is not None and args[0].columns is not None:
            return replace(_triangle(name, args[0], args[1:]), math=math)
        if not primes and len(args) == 1:
            found = self._whole(name, args[0])
            if found is not None:
                return replace(found, math=math)
        shape = next((a for a in args if not a.scalar), args[0])
        parts = [a.entry if a.scalar else self.like(shape, a, shown) for a in args]
        function = SPELLED.get(name, name)
        if is_known(function):
            e = call(function, *parts)
            for _ in range(primes):
                e = slope(function, 0, tuple(parts), e)
        else:
            e = call(function + "′" * primes, *parts)
        return Typed(e, shape.rows, shape.columns, math)

    def _whole(self, name: str, a: Typed) -> Typed | None:
        """Functions that are not entry by entry; None for one that is."""
        i, j = a.rows, a.columns
        match name:
            case "diag" if len(a.letters) == 1:
                (i,) = a.letters
                j = self.new(self.range[i])
                return Typed(mul(a.entry, bracket("=", Index(i), Index(j))), i, j, a.math)
            case "diag" if i is not None and j is not None:
                if not (self.names.equate(self.range[i], self.range[j]) if self.squares else self.fits(i, j)):
                    raise Misfit(a, self.turned(a), "diag", self)
                entry = substitute(a.entry, {j: Index(i)})
                return Typed(entry, None, i, a.math) if self.row else Typed(entry, i, None, a.math)
            case "diag":
                return None
            case "tr" | "trace":
                if i is None or j is None or not self.fits(i, j):
                    raise Misfit(a, self.turned(a), "tr", self)
                return Typed(self.summed(substitute(a.entry, {j: Index(i)}), i), None, None, a.math)
            case "norm":
                entry = power(a.entry, number(2))
                for k in a.letters:
                    entry = self.summed(entry, k)
                return Typed(call("sqrt", entry), None, None, a.math)
            case "inv":
                return self.inverse(a)
            case _:
                return of_matrix(self, name, a) if is_matrix(name) else self._along(name, a)

    def _along(self, name: str, a: Typed) -> Typed | None:
        """``softmax(S)``, ``rowmax(S)``, ``mean(S)``: along each row, each column, or all of it."""
        side = next((s for s in ("row", "col") if name.startswith(s) and name[3:] in ALONG), "")
        op = ALONG.get(name[3:] if side else name)
        if op is None or (is_known(SPELLED.get(name, name)) and a.scalar):
            return None
        if side == "row" or (not side and keeps(op)):
            over = [a.columns if a.columns is not None else a.rows]
        else:
            over = [a.rows if a.rows is not None else a.columns] if side else list(a.letters)
        letters = [i for i in over if i is not None]
        if not letters:
            return None
        if keeps(op):
            new = {i: self.new(self.range[i]) for one in letters for i in self.each(one)}
            body, at = rename(a.entry, new), tuple(map(Index, new))
            return Typed(reduce(op, tuple(new.values()), body, at), a.rows, a.columns, a.math)
        entry = a.entry
        if op == "sum":
            for i in letters:
                entry = self.summed(entry, i)
        else:
            entry = reduce(op, tuple(i for one in letters for i in self.each(one)), entry)
        rows, columns = (None if i in letters else i for i in (a.rows, a.columns))
        return Typed(entry, rows, columns, a.math)

    def compared(self, relation: str, a: Typed, b: Typed) -> Typed:
        """``[a > b]``, entry by entry."""
        shape = b if a.scalar else a
        one, other = (t.entry if t.scalar else self.like(shape, t, relation) for t in (a, b))
        math = Math(f"[{a.math.unicode} {relation} {b.math.unicode}]", f"[{a.math.latex} {relation} {b.math.latex}]")
        return Typed(bracket(relation, one, other), shape.rows, shape.columns, math)

    def known(self, name: str, text: str, span: tuple[int, int] | None) -> UnknownName:
        """The error of a name that stands for nothing."""
        names = list(self.names.ranks)
        close = near(primal(name), names)
        return UnknownName(
            f"no tensor {primal(name)} in these equations",
            text,
            span,
            known=f"known: {', '.join(names)}, and the δ of each",
            fix=f"did you mean {close[0]}?" if close else None,
        )


def _triangle(name: str, a: Typed, shift: list[Typed]) -> Typed:
    """``tril(A)``, ``tril(A, −1)``, ``triu(A, 1)``: the entries whose row and column are in order."""
    strict = number(-1 if name == "tril" else 1)
    if shift and shift[0].entry is not strict:
        fix = f"write {name}(A) or {name}(A, {strict.value})"
        raise UsageError(f"{name} with {shift[0].math.unicode}", fix=fix)
    relation = (">" if shift else "≥") if name == "tril" else ("<" if shift else "≤")
    assert a.rows is not None and a.columns is not None
    return replace(a, entry=mul(bracket(relation, Index(a.rows), Index(a.columns)), a.entry))


def of_matrix(types: Types, name: str, a: Typed) -> Typed:
    """``det(A)``, ``expm(A)``, ``A⁺``, ``eigvalsh(A)``: a function of a whole matrix."""
    new = types.afresh(a)
    u, v = new.rows, new.columns
    if u is None or v is None or (is_square(name) and not types.fits(u, v)):
        raise Misfit(a, types.turned(a), name, types)
    at = tuple(types.new(types.range[i]) for i in runs(name, (u, v)))
    rows, columns = (*at, None, None)[:2] if not (types.row and len(at) == 1) else (None, *at)
    body = _half_of(new.entry, u, v) if takes_symmetric_part(name) else new.entry
    return Typed(Reduce(name, (u, v), body, tuple(map(Index, at))), rows, columns, a.math)


def along(types: Types, name: str, a: Typed, direction: Typed) -> Typed:
    """``expm′(A)[E]``: the derivative of a function of a whole matrix at A along E."""
    at, e = of_matrix(types, name.rstrip("′"), a), types.afresh(direction)
    if not (types.fits(at.rows, e.rows) and types.fits(at.columns, e.columns)):
        raise Misfit(a, direction, name, types)
    assert isinstance(at.entry, Reduce) and e.rows is not None and e.columns is not None
    entries = Reduce(name, at.entry.indices, at.entry.body, (*at.entry.at, Index(e.rows), Index(e.columns)))
    entry = types.summed(types.summed(mul(e.entry, entries), e.rows), e.columns)
    math = Math(
        f"{name}({a.math.unicode})[{direction.math.unicode}]", f"{name}({a.math.latex})[{direction.math.latex}]"
    )
    return Typed(entry, at.rows, at.columns, math)


def power_of(base: Expr, exponent: Expr) -> Expr:
    """A power; of a norm, whose root goes."""
    match base, exponent:
        case Call("sqrt", (inner,)), Number(value) if value.denominator == 1 and value % 2 == 0:
            return power(inner, Number(value / 2))
        case _:
            return power(base, exponent)


def _of_diagonal(e: Expr, i: str, j: str) -> Expr | None:
    """v where an entry is ``v_i [i = j]``."""
    delta = bracket("=", Index(i), Index(j))
    factors = list(e.children) if type(e).__name__ == "Mul" else [e]
    if delta not in factors:
        return None
    factors.remove(delta)
    rest = mul(*factors)
    return rest if rest is not ZERO and j not in rest.free else None


def _half_of(e: Expr, i: str, j: str) -> Expr:
    """``A_ij`` of ``(A_ij + A_ji)/2``, for a function that takes the symmetric part all the same."""
    match e:
        case Mul((Number(value), Add((a, b)))) if value * 2 == 1 and rename(a, {i: j, j: i}) is b:
            return a
        case _:
            return e


def _after(a: Typed, unicode: str, latex: str) -> Math:
    bare = len(a.math.unicode) <= 3 or a.math.unicode.endswith(")") or " " not in a.math.unicode
    u, x = (a.math.unicode, a.math.latex) if bare else (f"({a.math.unicode})", f"({a.math.latex})")
    return Math(u + unicode, x + latex)
