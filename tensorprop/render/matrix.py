"""From index notation to a formula in vectors and matrices.

In: an Equation or a System, and a Convention. Out: for every equation a `Line`: its two sides as math trees, the
indices that are carried along, or the reason why there is no matrix form. Products are left to `products`; here are
sums, functions, brackets and reductions, and the choice of the carried indices. It knows no output format and no size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

from tensorprop.core.build import number, power
from tensorprop.core.equation import Equation, System, primal_axes, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import MATRIX_OPS, NORMALISERS
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of, witness
from tensorprop.errors import UnknownRange
from tensorprop.render import mathtree as m
from tensorprop.render.layout import Convention
from tensorprop.render.mathtree import Kind, Tree, coefficient, level, scaled
from tensorprop.render.products import (
    Form,
    Forms,
    Piece,
    closed,
    diag_cost,
    keep,
    merge,
    outer_ones,
    search,
    times,
)

__all__ = ["Line", "lines"]

_NOTHING: frozenset[str] = frozenset()
_FEW = 3  # terms of a sum of which each is tried in two forms
_DEEP = 200  # nodes on a path; what is nested deeper stays in index notation


class NoMatrix(Exception):
    """There is no matrix form, and why."""


@dataclass(frozen=True)
class Line:
    """One equation as it is to be shown.

    ``left`` and ``right`` are None where there is no matrix form; then ``why`` says so. ``carried``: indices for
    every value of which the line holds. ``note``: how a result of higher order is to be read.
    """

    equation: Equation
    left: Tree | None
    right: Tree | None
    carried: tuple[str, ...] = ()
    why: str = ""
    note: str = ""


def lines(s: System, convention: Convention, carry: tuple[str, ...] | None = None) -> list[Line]:
    """A line for every equation. ``carry``: indices to be carried, where the choice is not left to the search."""
    return [_line(eq, convention, carry) for eq in s]


def _line(eq: Equation, convention: Convention, carry: tuple[str, ...] | None) -> Line:
    if _depth(eq.value) > _DEEP:
        return Line(eq, None, None, why="the right side is nested too deep to be read as one formula")
    if carry is not None:
        try:
            return _matrix_line(eq, convention, tuple(i for i in eq.letters if i in carry))
        except NoMatrix as no:
            return Line(eq, None, None, why=str(no))
    special = _special(eq, convention)
    if special is not None:
        return special
    reason = ""
    for carried in ((), *_prefixes(eq)):
        try:
            return _matrix_line(eq, convention, carried)
        except NoMatrix as no:
            reason = reason or str(no)
    special = _mode_product(eq, convention)
    if special is not None:
        return special
    found: list[Line] = []
    for carried in _singles(eq):
        try:
            found.append(_matrix_line(eq, convention, carried))
        except NoMatrix:
            continue
    return min(found, key=_weight, default=Line(eq, None, None, why=reason))


def _weight(line: Line) -> float:
    return weight(line.right) if line.right is not None else 0


def _matrix_line(eq: Equation, convention: Convention, carried: tuple[str, ...]) -> Line:
    work = _Conversion(eq, convention, frozenset(carried))
    left, sign = work.target()
    return Line(eq, left, polished(work.read(sign)), carried)


# --------------------------------------------------------------------------- which indices are carried along
def _carriable(eq: Equation) -> dict[str, list[Tensor]]:
    """Indices of the left side that may be carried: no tensor has one twice, and each is shared, or cuts a slice."""
    letters = dict[str, list[Tensor]]()
    barred = set[str]()
    for e in postorder(eq.value):
        if isinstance(e, Tensor):
            plain = [s.name for s in e.subscripts if isinstance(s, Index)]
            for i in dict.fromkeys(plain):
                letters.setdefault(i, []).append(e)
                if plain.count(i) > 1:
                    barred.add(i)
        elif isinstance(e, Reduce):
            barred.update(i for a in e.at for i in a.free)
        elif isinstance(e, Bracket):
            barred.update(s.name for s in (e.left, e.right) if isinstance(s, Index))
    return {
        i: where
        for i in eq.letters
        if i not in barred and (where := letters.get(i, [])) and (len(where) > 1 or len(where[0].subscripts) > 2)
    }


def _prefixes(eq: Equation) -> Iterator[tuple[str, ...]]:
    """Sets of indices that lead in every tensor of order three or more, the smallest sets first."""
    letters = _carriable(eq)
    if len(eq.letters) < 2 and not any(len(t.subscripts) > 2 for where in letters.values() for t in where):
        return
    everything = list(tensors_of(eq.value))
    for size in range(1, len(letters) + 1):
        for chosen in combinations(letters, size):
            cut = [
                [isinstance(s, Index) and s.name in chosen for s in t.subscripts]
                for t in everything
                if len(t.subscripts) > 2
            ]
            leads = all(c == sorted(c, reverse=True) for c in cut)
            if leads and _small(eq, everything, chosen):
                yield chosen


def _singles(eq: Equation) -> Iterator[tuple[str, ...]]:
    """One index, wherever it stands."""
    everything = list(tensors_of(eq.value))
    for i in _carriable(eq):
        if _small(eq, everything, (i,)):
            yield (i,)


def _small(eq: Equation, everything: list[Tensor], carried: tuple[str, ...]) -> bool:
    """Whether matrices are left of the tensors, and not scalars only."""
    if isinstance(eq.value, Tensor) and any(
        isinstance(s, Index) and s.name in carried and eq.letters.index(s.name) != axis
        for axis, s in enumerate(eq.value.subscripts)
    ):
        return False  # a bare permutation of axes is no formula
    orders = [sum(not (isinstance(s, Index) and s.name in carried) for s in t.subscripts) for t in everything]
    return len(eq.letters) - len(carried) <= 2 and max(orders, default=0) in (1, 2)


# --------------------------------------------------------------------------- one equation
class _Conversion:
    """The forms of every node of one equation's right side, bottom-up."""

    def __init__(self, eq: Equation, convention: Convention, carried: frozenset[str]) -> None:
        self._eq = eq
        self._convention = convention
        self._carried = carried
        self._rows = convention.layout == "row"
        self._ranges = infer(system([eq]))
        self._where = {e: n for n, e in enumerate(postorder(eq.value))}
        self._done: dict[Expr, Piece | NoMatrix] = {}

    def target(self) -> tuple[Tree, tuple[str | None, str | None]]:
        """The left side, and how its indices lie."""
        t = self._eq.target
        tree = self._name(t)
        rest = [t.letters[axis] for axis in tree.order] if t.letters is not None else []
        match tree.kind, rest:
            case "scalar", _:
                return tree, (None, None)
            case "column", [i]:
                return tree, (i, None)
            case "row", [i]:
                return tree, (None, i)
            case "matrix", [i, j]:
                return tree, (i, j)
            case _:
                raise NoMatrix(f"{_shown(t)} has {_count(len(rest), 'free index', 'free indices')}: a matrix has two")

    def read(self, sign: tuple[str | None, str | None]) -> Tree:
        """The right side, laid out as the left side is."""
        value = self._eq.value
        letters = frozenset(i for i in sign if i is not None)
        under = {e.body for e in self._where if isinstance(e, Sum) and isinstance(e.body, Mul)}
        for e in self._where:
            if isinstance(e, (Add, Mul, Call, Reduce, Bracket)) and e is not value:
                under.difference_update(e.children)
        for e in self._where:
            if e in under and e is not value:
                continue  # a product under its sum is read there, as a whole
            try:
                self._done[e] = self._rule(e)
            except NoMatrix as no:
                self._done[e] = no
        piece = self._get(value)
        piece = self._widened(piece, letters, value)
        return piece.forms[sign][0].tree

    # ----------------------------------------------------------------- nodes
    def _rule(self, e: Expr) -> Piece:
        match e:
            case Number(value):
                return self._scalar(m.Number(value), 1, e)
            case Dim(tensor, axis):
                return self._scalar(m.Size(self._letter(tensor, axis), Dim(tensor, axis)), 1, e)
            case Tensor():
                return self._tensor(e)
            case Bracket():
                return self._bracket(e)
            case Add(terms):
                return self._add(e, terms)
            case Mul(factors):
                return self._product(e, factors, _NOTHING)
            case Sum(indices, body):
                factors = body.factors if isinstance(body, Mul) else (body,)
                return self._product(body, factors, frozenset(indices))
            case Call():
                return self._call(e)
            case Reduce():
                return self._reduce(e)
            case _:  # an index as a number stands only in brackets and subscripts
                return self._scalar(m.Number(Fraction(0)), 1, e)

    def _get(self, e: Expr) -> Piece:
        found = self._done[e] if e in self._done else self._rule(e)
        if isinstance(found, NoMatrix):
            raise found
        return found

    def _letters(self, e: Expr) -> frozenset[str]:
        return e.free - self._carried

    def _scalar(self, tree: Tree, cost: float, e: Expr) -> Piece:
        return Piece(_NOTHING, {(None, None): [Form(tree, cost, self._where.get(e, 0))]})

    def _axis(self, letter: str, e: Expr) -> Dim:
        try:
            d = witness(e, letter)
        except UnknownRange:
            for (name, axis), i in zip(primal_axes(self._eq.target) or (), self._eq.letters, strict=False):
                if i == letter:
                    d = Dim(name, axis)
                    break
            else:
                try:
                    d = witness(self._eq.value, letter)
                except UnknownRange:
                    raise NoMatrix(f"nothing tells how far {letter} runs") from None
        return Dim(*self._ranges.find(d.tensor, d.axis))

    def _letter(self, tensor: str, axis: int) -> str:
        """A letter that runs along this axis, or along one of the same size."""
        kin = self._ranges.find(tensor, axis)
        primal = tuple(zip(primal_axes(self._eq.target) or (), self._eq.letters, strict=False))
        for (name, k), letter in primal:
            if self._ranges.find(name, k) == kin:
                return letter
        for t in (*tensors_of(self._eq.value), self._eq.target):
            for k, s in enumerate(t.subscripts):
                if isinstance(s, Index) and self._ranges.find(t.name, k) == kin:
                    return s.name
        return f"{tensor},{axis + 1}"

    def _name(self, t: Tensor) -> m.Name:
        slots: list[str | int | None] = []
        for s in t.subscripts:
            match s:
                case Index(name):
                    slots.append(name if name in self._carried else None)
                case Number(value):
                    slots.append(int(value))
                case _:
                    raise NoMatrix(f"{_shown(t)} has a subscript that is computed")
        order, kind = self._convention.placed(t, tuple(k for k, s in enumerate(slots) if s is None))
        return m.Name(t.name, tuple(slots), order, kind)

    def _tensor(self, t: Tensor) -> Piece:
        name = self._name(t)
        place = self._where.get(t, 0)
        letters: list[str] = []
        for axis in name.order:
            s = t.subscripts[axis]
            assert isinstance(s, Index)
            letters.append(s.name)
        cost = 1 + 0.25 * any(s is not None for s in name.slots)
        match name.kind, letters:
            case "scalar", _:
                return self._scalar(name, 1, t)
            case "column", [i]:
                return Piece(frozenset(letters), closed({(i, None): [Form(name, cost, place)]}))
            case "row", [i]:
                return Piece(frozenset(letters), closed({(None, i): [Form(name, cost, place)]}))
            case "matrix", [i, j] if i == j:
                return Piece(frozenset(letters), closed({(i, None): [Form(m.Diagonal(name), cost + 2, place)]}))
            case "matrix", [i, j]:
                return Piece(frozenset(letters), closed({(i, j): [Form(name, cost, place)]}))
            case _:
                raise NoMatrix(self._why_not(t, letters))

    def _why_not(self, t: Tensor, letters: list[str]) -> str:
        """Why a tensor of order three or more cannot be seen as a matrix."""
        kept = [i for i in dict.fromkeys(letters) if i in self._eq.letters]
        gone = [i for i in dict.fromkeys(letters) if i not in kept]
        head = f"{_shown(t)} has {_count(len(letters), 'index', 'indices')} and a matrix two"
        if kept and gone:
            return f"{head}: {_and(kept)} stay{'s' * (len(kept) == 1)} and {_and(gone)} {_is(gone)} summed"
        if gone:
            return f"{head}: {_and(gone)} {_is(gone)} summed, and each with another factor"
        return f"{head}: {_and(kept)} all stay"

    def _bracket(self, e: Bracket) -> Piece:
        place = self._where.get(e, 0)
        if isinstance(e.left, Index) and isinstance(e.right, Index) and e.relation == "=":
            i, j = e.left.name, e.right.name
            if {i, j} & self._carried:
                raise NoMatrix(f"the bracket [{i} = {j}] is a unit vector of its own for every value of a carried index")
            one = Form(m.Identity(self._axis(i, e)), 1, place)
            return Piece(frozenset((i, j)), {(i, j): [one], (j, i): [one]})
        if any(isinstance(n, Index) for side in (e.left, e.right) for n in (side, *side.children)) and not all(
            isinstance(side, (Tensor, Number, Call, Dim)) for side in (e.left, e.right)
        ):
            raise NoMatrix(f"the bracket {e} compares indices, not entries")
        return self._elementwise(
            e, (e.left, e.right), lambda trees: m.Indicator(e.relation, *trees), extra=1.0
        )

    # ----------------------------------------------------------------- sums of terms
    def _add(self, e: Expr, terms: tuple[Expr, ...]) -> Piece:
        letters = self._letters(e)
        pieces = [self._widened(self._get(t), letters, e) for t in terms]
        forms: Forms = {}
        for sign in _signs(letters):
            choices = [p.forms[sign] if len(pieces) <= _FEW else p.forms[sign][:1] for p in pieces]
            for parts in product(*choices):
                trees = collected([f.tree for f in parts])
                tree = trees[0] if len(trees) == 1 else m.Sum(tuple(trees))
                keep(forms, sign, Form(tree, weight(tree), min(f.place for f in parts)))
        return Piece(letters, closed(forms))

    def _widened(self, p: Piece, letters: frozenset[str], e: Expr) -> Piece:
        """The piece repeated along the letters that it lacks, with vectors of ones."""
        if p.letters == letters:
            return p
        if len(letters) > 2:
            raise NoMatrix(f"{_count(len(letters), 'free index', 'free indices')} stay: {_and(sorted(letters))}")
        forms: Forms = {}
        ones = {i: outer_ones(self._axis(i, e), self._rows, 1 << 30) for i in letters - p.letters}
        for sign in _signs(letters):
            r, c = sign
            if not p.letters:
                for f in p.forms[None, None]:
                    parts = [ones[r][0]] if r is not None else []
                    parts += [ones[c][1]] if c is not None else []
                    keep(forms, sign, _repeated(f, times(*parts)))
            elif r is not None and c is not None and r in p.letters:
                for f in p.forms[r, None]:
                    ends = isinstance(f.tree, m.Product) and isinstance(f.tree.factors[-1], m.Ones)
                    wide = times(f, ones[c][1])
                    keep(forms, sign, wide._replace(cost=wide.cost - 0.5 * ends))
            elif r is not None and c is not None:
                for f in p.forms[None, c]:
                    keep(forms, sign, times(ones[r][0]._replace(place=0), f))
        return Piece(letters, closed(forms))

    # ----------------------------------------------------------------- products
    def _product(self, e: Expr, factors: tuple[Expr, ...], summed: frozenset[str]) -> Piece:
        kept = self._letters(e) - summed
        ratio = Fraction(1)
        above: list[Form] = []
        below: list[Expr] = []
        pieces: list[Piece] = []
        for f in _squares_apart(factors, summed):
            if isinstance(f, Number):
                ratio *= f.value
                continue
            divisor = _divisor(f)
            if divisor is not None and not self._letters(divisor):
                below.append(divisor)
                continue
            p = self._get(f)
            if p.letters:
                pieces.append(p)
            else:
                above.append(p.forms[None, None][0])
        for i in summed - frozenset[str]().union(*(p.letters for p in pieces)):
            above.append(Form(m.Size(i, self._axis(i, e)), 1, 1 << 20))
        if len(kept) > 2 and not any(len(p.letters) > 2 for p in pieces):
            raise NoMatrix(f"{_and(sorted(kept))} all stay, and a matrix has two indices")
        found = search(pieces, kept, lambda i: self._axis(i, e), self._rows)
        if found is None:
            raise NoMatrix(self._why_product(pieces, kept))
        scalars, rest = found
        if len(rest) == 2 and all(len(p.letters) == 1 for p in rest):
            rest = [merge(rest[0], rest[1], lambda i: self._axis(i, e), self._rows)]
        if len(rest) > 1:
            raise NoMatrix(f"{_and(sorted(kept))} all stay, and a matrix has two indices")
        if ratio == 0:
            rest = []
        above += scalars
        above.sort(key=lambda f: (isinstance(f.tree, m.Product), f.place))
        under = [self._get(d).forms[None, None][0] for d in below]
        forms: Forms = {}
        place = self._where.get(e, 0)
        for sign, held in (rest[0].forms if rest else {(None, None): [None]}).items():
            for body in held:
                tree, cost = _assembled(ratio, above, body, under)
                keep(forms, sign, Form(tree, cost, min([f.place for f in (*above, *((body,) if body else ()))], default=place)))
        return Piece(rest[0].letters if rest else _NOTHING, forms)

    def _why_product(self, pieces: list[Piece], kept: frozenset[str]) -> str:
        has: dict[str, int] = {}
        for p in pieces:
            for i in p.letters:
                has[i] = has.get(i, 0) + 1
        many = sorted(i for i, n in has.items() if n > 2)
        if len(kept) > 2:
            return f"{_and(sorted(kept))} all stay, and a matrix has two indices"
        if many:
            return f"{_and(many)} joins more than two factors, and every order of multiplying needs three indices at once"
        return "every order of multiplying needs an intermediate with three indices"

    # ----------------------------------------------------------------- functions
    def _call(self, e: Call) -> Piece:
        match e:
            case Call("power", (base, Number(n))):
                return self._power(e, base, n)
            case Call("power", (base, exponent)):
                if self._letters(exponent):
                    raise NoMatrix("an exponent differs from entry to entry")
                top = self._get(exponent).forms[None, None][0]
                return self._raised(e, base, top.tree, top.cost)
            case Call("square", (base,)):
                return self._power(e, base, Fraction(2))
            case Call("reciprocal", (base,)):
                return self._power(e, base, Fraction(-1))
            case Call("sqrt", (base,)) if not self._letters(base):
                f = self._get(base).forms[None, None][0]
                if isinstance(f.tree, m.Power) and f.tree.exponent == _TWO and isinstance(f.tree.base, m.Norm):
                    return self._scalar(f.tree.base, f.cost - 1, e)
                return self._scalar(m.Apply("sqrt", (f.tree,)), f.cost + 1, e)
            case Call(function, ()):
                return self._scalar(m.Apply(function, ()), 1, e)
            case Call(function, args):
                return self._elementwise(e, args, lambda trees: m.Apply(function, trees), extra=1.3)

    def _power(self, e: Expr, base: Expr, n: Fraction) -> Piece:
        if self._letters(base) or n > 0 or n.denominator > 1:
            return self._raised(e, base, m.Number(n), 1)
        f = self._get(power(base, number(-n)) if n != -1 else base)
        f = f.forms[None, None][0]
        return self._scalar(m.Quotient(m.Number(Fraction(1)), f.tree), f.cost + 2, e)

    def _raised(self, e: Expr, base: Expr, exponent: Tree, cost: float) -> Piece:
        p = self._get(base)
        if not p.letters:
            f = p.forms[None, None][0]
            if isinstance(f.tree, m.Power) and isinstance(f.tree.exponent, m.Number) and isinstance(exponent, m.Number):
                return self._scalar(m.Power(f.tree.base, m.Number(f.tree.exponent.value * exponent.value)), f.cost, e)
            return self._scalar(m.Power(f.tree, exponent), f.cost + cost + (level(f.tree) < m.ATOM), e)
        forms: Forms = {}
        for sign in _signs(p.letters):
            f = p.forms[sign][0]
            tree = m.ElementPower(f.tree, exponent)
            cost_here = f.cost + cost + (level(f.tree) < m.ATOM) + 0.05 * _transposes(tree)
            keep(forms, sign, Form(tree, cost_here, self._where.get(e, f.place)))
        return Piece(p.letters, closed(forms))

    def _elementwise(
        self, e: Expr, args: tuple[Expr, ...], build: Callable[[tuple[Tree, ...]], Tree], extra: float
    ) -> Piece:
        letters = self._letters(e)
        pieces = [self._get(a) for a in args]
        pieces = [self._widened(p, letters, e) if p.letters else p for p in pieces]
        forms: Forms = {}
        for sign in _signs(letters):
            parts = [p.forms[sign if p.letters else (None, None)][0] for p in pieces]
            tree = build(tuple(f.tree for f in parts))
            cost = sum(f.cost for f in parts) + extra + 0.05 * _transposes(tree)
            keep(forms, sign, Form(tree, cost, self._where.get(e, 0)))
        return Piece(letters, closed(forms))

    # ----------------------------------------------------------------- reductions
    def _reduce(self, e: Reduce) -> Piece:
        if e.op in MATRIX_OPS:
            return self._whole_matrix(e)
        place = self._where.get(e, 0)
        p = self._get(e.body)
        bound = [i for i in e.indices if i in p.letters]
        if len(bound) < len(e.indices):
            raise NoMatrix(f"{e.op} runs along an index that its body does not have")
        forms: Forms = {}
        if e.op in NORMALISERS:
            names: dict[str, str] = {}
            for i, a in zip(e.indices, e.at, strict=True):
                if not isinstance(a, Index) or a.name in p.letters - {i} or a.name in self._carried:
                    raise NoMatrix(f"{e.op} is taken at one entry")
                names[i] = a.name
            if len(set(names.values())) < len(names):
                raise NoMatrix(f"{e.op} is taken on its diagonal")
            for sign in _signs(p.letters):
                for f in p.forms[sign]:
                    tree = m.Along(e.op, f.tree, _over(sign, set(bound)), True)
                    late = 0.4 * (tree.over == "columns")
                    after = (names.get(sign[0] or "", sign[0]), names.get(sign[1] or "", sign[1]))
                    keep(forms, after, Form(tree, f.cost + 1.3 + late, place))
            return Piece(frozenset(names.get(i, i) for i in p.letters), closed(forms))
        letters = p.letters - set(bound)
        for sign in _signs(p.letters):
            over = _over(sign, set(bound))
            after = (
                (None, None) if over == "all" else (sign[0], None) if over == "rows" else (None, sign[1])
            )
            for f in p.forms[sign]:
                keep(forms, after, Form(m.Along(e.op, f.tree, over, False), f.cost + 1.3, place))
        return Piece(letters, closed(forms))

    def _whole_matrix(self, e: Reduce) -> Piece:
        k, l = e.indices
        p = self._get(e.body)
        if p.letters != {k, l}:
            raise NoMatrix(f"{e.op} of a matrix for every value of another index")
        place = self._where.get(e, 0)
        f = p.forms[k, l][0]
        if e.op != "inv":
            return self._scalar(m.WholeMatrix(e.op, f.tree), f.cost + 1.3, e)
        match e.at:
            case (Index(i), Index(j)) if i != j and not {i, j} & self._carried:
                cost = f.cost + 1 + (level(f.tree) < m.ATOM)
                return Piece(frozenset((i, j)), closed({(i, j): [Form(m.Inverse(f.tree), cost, place)]}))
            case _:
                raise NoMatrix("one entry of an inverse")


_TWO = m.Number(Fraction(2))


def _signs(letters: frozenset[str]) -> list[tuple[str | None, str | None]]:
    match sorted(letters):
        case []:
            return [(None, None)]
        case [i]:
            return [(i, None), (None, i)]
        case [i, j]:
            return [(i, j), (j, i)]
        case more:
            raise NoMatrix(f"{_count(len(more), 'free index', 'free indices')} stay: {_and(more)}")


def _over(sign: tuple[str | None, str | None], bound: set[str]) -> str:
    r, c = sign
    rest = {i for i in (r, c) if i is not None} - bound
    return "all" if not rest else "rows" if c in bound else "columns"


def _repeated(f: Form, ones: Form) -> Form:
    """A scalar at every entry: 1 becomes the ones themselves."""
    if f.tree == m.Number(Fraction(1)):
        return ones
    if isinstance(f.tree, m.Number):
        return Form(scaled(ones.tree, f.tree.value), ones.cost + 1, f.place)
    tail = ones.tree.factors if isinstance(ones.tree, m.Product) else (ones.tree,)
    if isinstance(f.tree, m.Quotient):
        head = f.tree.numerator
        top = tail if head == m.Number(Fraction(1)) else (*_scalar_factors(head), *tail)
        up = top[0] if len(top) == 1 else m.Product(top)
        return Form(m.Quotient(up, f.tree.denominator), f.cost + ones.cost, f.place)
    return Form(m.Product((*_scalar_factors(f.tree), *tail)), f.cost + ones.cost + (level(f.tree) <= m.PRODUCT), f.place)


def _scalar_factors(t: Tree) -> tuple[Tree, ...]:
    """The factors of a scalar that may stand on their own in front of something."""
    if isinstance(t, m.Product) and all(f.kind == "scalar" for f in t.factors):
        return t.factors
    return (t,)


def _divisor(f: Expr) -> Expr | None:
    """b where the factor is b^-1, b² where it is b^-2."""
    match f:
        case Call("power", (base, Number(n))) if n < 0:
            return power(base, number(-n))
        case Call("reciprocal", (base,)):
            return base
        case Call("rsqrt", (base,)):
            return Call("sqrt", (base,))
        case _:
            return None


def _squares_apart(factors: tuple[Expr, ...], summed: frozenset[str]) -> Iterator[Expr]:
    """A square whose every index is summed, and has no other factor, is a product: ``Σ_i x_i²`` is ``x_i x_i``."""
    for n, f in enumerate(factors):
        match f:
            case Call("power", (base, Number(value))) if value == 2 and base.free and base.free <= summed:
                others = frozenset[str]().union(*(g.free for k, g in enumerate(factors) if k != n))
                if not base.free & others:
                    yield base
                yield base if not base.free & others else f
            case _:
                yield f


def _assembled(ratio: Fraction, above: list[Form], body: Form | None, below: list[Form]) -> tuple[Tree, float]:
    """Number, scalars, body, over the divisors."""
    front: list[Tree] = []
    for f in above:
        front += _scalar_factors(f.tree)
    cost = sum(f.cost for f in above) + (body.cost if body else 0) + sum(f.cost for f in below) + bool(below)
    if body is not None and not front and isinstance(body.tree, m.Hadamard):
        tree = scaled(body.tree, ratio)
        cost += ratio != 1
    else:
        tail: tuple[Tree, ...] = ()
        if body is not None:
            tail = body.tree.factors if isinstance(body.tree, m.Product) and body.tree.kind != "scalar" else (body.tree,)
            cost += level(body.tree) < m.PRODUCT and bool(front or ratio != 1)
        everything = [*front, *tail]
        numbers = [t for t in everything if isinstance(t, m.Number)]
        for t in numbers:
            ratio *= t.value
        everything = [t for t in everything if not isinstance(t, m.Number)]
        cost += sum(isinstance(t, m.Product) for t in everything) if len(everything) > 1 else 0
        if ratio != 1 or not everything:
            everything.insert(0, m.Number(ratio))
            cost += 1
        tree = everything[0] if len(everything) == 1 else m.Product(tuple(everything))
    if below:
        under = [t for f in below for t in _scalar_factors(f.tree)]
        tree = m.Quotient(tree, under[0] if len(under) == 1 else m.Product(tuple(under)))
    return tree, cost


# --------------------------------------------------------------------------- sums: common factors taken out
@dataclass(frozen=True)
class _Term:
    """number · scalars · matrices / divisors."""

    ratio: Fraction
    scalars: tuple[Tree, ...]
    rest: tuple[Tree, ...]
    below: Tree | None

    @staticmethod
    def of(t: Tree) -> _Term:
        """The parts of a term."""
        match t:
            case m.Quotient(numerator, denominator):
                inner = _Term.of(numerator)
                return _Term(inner.ratio, inner.scalars, inner.rest, denominator)
            case m.Number(value):
                return _Term(value, (), (), None)
            case m.Product(factors):
                ratio = Fraction(1)
                if isinstance(factors[0], m.Number):
                    ratio, factors = factors[0].value, factors[1:]
                lead = 0
                while lead < len(factors) and factors[lead].kind == "scalar":
                    lead += 1
                return _Term(ratio, factors[:lead], factors[lead:], None)
            case m.Hadamard():
                ratio = coefficient(t)
                return _Term(ratio, (), (scaled(t, 1 / ratio),) if ratio else (t,), None)
            case _ if t.kind == "scalar":
                return _Term(Fraction(1), (t,), (), None)
            case _:
                return _Term(Fraction(1), (), (t,), None)

    def tree(self) -> Tree:
        """The term put together again."""
        if not self.scalars and len(self.rest) == 1:
            t = scaled(self.rest[0], self.ratio)
        else:
            factors = (*self.scalars, *self.rest)
            t = m.Number(self.ratio) if not factors else scaled(_joined(factors), self.ratio)
        return t if self.below is None else m.Quotient(t, self.below)


def _joined(factors: tuple[Tree, ...]) -> Tree:
    return factors[0] if len(factors) == 1 else m.Product(factors)


def collected(trees: list[Tree]) -> list[Tree]:
    """Terms with their common factors taken out, as long as that makes them shorter.

    ``Ax + Aᵀx`` is ``(A + Aᵀ)x``.
    """
    trees = list(trees)
    while len(trees) > 1:
        best: tuple[float, int, int, Tree] | None = None
        for i, j in combinations(range(len(trees)), 2):
            both = weight(m.Sum((trees[i], trees[j])))
            for t in _together(trees[i], trees[j]):
                gain = both - weight(t)
                if gain > -0.01 and (best is None or gain > best[0]):
                    best = (gain, i, j, t)
        if best is None:
            break
        _, i, j, t = best
        trees[i] = t
        del trees[j]
    return trees


def _together(a: Tree, b: Tree) -> Iterator[Tree]:
    """The sum of two terms as one product, every way there is."""
    s, t = _Term.of(a), _Term.of(b)
    if s.below != t.below:
        return
    below = s.below
    ratio = Fraction(1)
    if s.ratio == t.ratio and s.ratio != 1:
        ratio = s.ratio
    elif s.ratio == -t.ratio and abs(s.ratio) != 1:
        ratio = abs(s.ratio)
    scalars = tuple(x for x in s.scalars if x in t.scalars)
    left = _Term(s.ratio / ratio, _without(s.scalars, scalars), s.rest, None)
    right = _Term(t.ratio / ratio, _without(t.scalars, scalars), t.rest, None)
    if below is not None or ((ratio != 1 or scalars) and (s.rest or t.rest or scalars)):
        body = _sum(left, right)
        yield _Term(ratio, (*scalars, *((body,) if body.kind == "scalar" else ())), (body,) if body.kind != "scalar" else (), below).tree()
    first = 0
    while first < min(len(s.rest), len(t.rest)) - 0 and s.rest[first] == t.rest[first]:
        first += 1
    last = 0
    while last < min(len(s.rest), len(t.rest)) and s.rest[-1 - last] == t.rest[-1 - last]:
        last += 1
    for head, tail in ((first, 0), (0, last)):
        if not (head or tail):
            continue
        x = s.rest[head : len(s.rest) - tail]
        y = t.rest[head : len(t.rest) - tail]
        if bool(x) != bool(y):
            continue
        body = _sum(_Term(left.ratio, left.scalars, x, None), _Term(right.ratio, right.scalars, y, None))
        if body.kind == "scalar":
            yield _Term(ratio, (*scalars, body), (*s.rest[:head], *s.rest[len(s.rest) - tail :]), below).tree()
        else:
            outer = (*s.rest[:head], body, *s.rest[len(s.rest) - tail :])
            yield _Term(ratio, scalars, outer, below).tree()
    if len(s.rest) == len(t.rest) == 1 and isinstance(s.rest[0], m.Hadamard) and isinstance(t.rest[0], m.Hadamard):
        one, two = s.rest[0].factors, t.rest[0].factors
        common = tuple(x for x in one if x in two)
        x, y = _without(one, common), _without(two, common)
        if common and x and y:
            body = _sum(
                _Term(left.ratio, left.scalars, (_entrywise(x),), None),
                _Term(right.ratio, right.scalars, (_entrywise(y),), None),
            )
            yield _Term(ratio, scalars, (m.Hadamard((*common, body)),), below).tree()


def _entrywise(factors: tuple[Tree, ...]) -> Tree:
    return factors[0] if len(factors) == 1 else m.Hadamard(factors)


def _sum(a: _Term, b: _Term) -> Tree:
    x, y = a.tree(), b.tree()
    terms = (*(x.terms if isinstance(x, m.Sum) else (x,)), *(y.terms if isinstance(y, m.Sum) else (y,)))
    return m.Sum(terms)


def _without(whole: tuple[Tree, ...], part: tuple[Tree, ...]) -> tuple[Tree, ...]:
    left = list(part)
    out: list[Tree] = []
    for x in whole:
        if x in left:
            left.remove(x)
        else:
            out.append(x)
    return tuple(out)


def weight(t: Tree) -> float:
    """How many symbols a formula has: names, signs, and pairs of parentheses.

    A function's name counts with its parentheses as one and a bit; juxtaposition counts nothing.
    """
    total = 0.0
    for n in t.walk():
        match n:
            case m.Name(slots=slots):
                total += 1 + 0.25 * any(s is not None for s in slots)
            case m.Number() | m.Ones() | m.Identity() | m.Size():
                total += 1
            case m.Product(factors):
                total += sum(level(f) < m.PRODUCT or isinstance(f, m.Product) for f in factors)
                if isinstance(factors[0], m.Number) and factors[0].value == -1:
                    total -= 1
                pairs = zip(factors, factors[1:], strict=False)
                total -= 0.5 * any(_eleven(a, b) for a, b in pairs)
            case m.Hadamard(factors):
                total += len(factors) - 1 + sum(level(f) < m.HADAMARD for f in factors)
            case m.Sum(terms):
                total += len(terms) - 1
            case m.Transpose(of):
                total += 1 if level(of) >= m.POSTFIX else 2.5
            case m.Diag(of):
                total += diag_cost(of)
            case m.Diagonal():
                total += 2
            case m.Trace():
                total += 1.5
            case m.Apply() | m.Along() | m.WholeMatrix():
                total += 1.3 + 0.05 * _transposes(n)
            case m.Power(base, _) | m.ElementPower(base, _) | m.MatrixPower(base, _):
                total += (level(base) < m.ATOM) + 0.05 * _transposes(base)
            case m.Inverse(base):
                total += 1 + (level(base) < m.ATOM)
            case _:
                total += 1
    return total


def _eleven(a: Tree, b: Tree) -> bool:
    """Whether two factors are 11ᵀ, whatever the two lengths."""
    one = a.of if isinstance(a, m.Transpose) else a
    other = b.of if isinstance(b, m.Transpose) else b
    return isinstance(one, m.Ones) and isinstance(other, m.Ones) and a.kind == "column" and b.kind == "row"


def _transposes(t: Tree) -> int:
    """How many parts are transposed; inside a function it reads better outside."""
    return sum(isinstance(n, m.Transpose) for n in t.walk())


def polished(t: Tree) -> Tree:
    """The last touch: AA is written A²."""
    match t:
        case m.Product(factors):
            out: list[Tree] = []
            for f in map(polished, factors):
                before = out[-1] if out else None
                base, n = (before.base, before.exponent) if isinstance(before, m.MatrixPower) else (before, 1)
                if f.kind == "matrix" and base == f:
                    out[-1] = m.MatrixPower(f, n + 1)
                else:
                    out.append(f)
            return _joined(tuple(out))
        case m.Hadamard(factors):
            return m.Hadamard(tuple(map(polished, factors)))
        case m.Sum(terms):
            return m.Sum(tuple(map(polished, terms)))
        case m.Quotient(a, b):
            return m.Quotient(polished(a), polished(b))
        case m.Power(a, b):
            return m.Power(polished(a), b)
        case m.ElementPower(a, b):
            return m.ElementPower(polished(a), b)
        case m.Apply(function, args):
            return m.Apply(function, tuple(map(polished, args)))
        case m.Indicator(relation, a, b):
            return m.Indicator(relation, polished(a), polished(b))
        case m.Along(op, of, over, keeps):
            return m.Along(op, polished(of), over, keeps)
        case m.WholeMatrix(function, of):
            return m.WholeMatrix(function, polished(of))
        case m.Transpose(of):
            return m.Transpose(polished(of))
        case m.Trace(of):
            return m.Trace(polished(of))
        case m.Diagonal(of):
            return m.Diagonal(polished(of))
        case m.Diag(of):
            return m.Diag(polished(of))
        case m.Norm(of):
            return m.Norm(polished(of))
        case m.Inverse(of):
            return m.Inverse(polished(of))
        case _:
            return t


# --------------------------------------------------------------------------- results of higher order
def _plain_factors(eq: Equation) -> list[tuple[Tensor, tuple[str, ...]]] | None:
    """The tensors of a bare product, None if the right side is anything else."""
    e = eq.value.body if isinstance(eq.value, Sum) else eq.value
    factors = e.factors if isinstance(e, Mul) else (e,)
    out: list[tuple[Tensor, tuple[str, ...]]] = []
    for f in factors:
        if not isinstance(f, Tensor) or f.letters is None:
            return None
        out.append((f, f.letters))
    return out


def _whole(t: Tensor) -> m.Name:
    n = len(t.subscripts)
    kinds: list[Kind] = ["scalar", "column", "matrix"]
    return m.Name(t.name, (None,) * n, tuple(range(n)), kinds[n] if n < 3 else "tensor")


def _special(eq: Equation, convention: Convention) -> Line | None:
    """⊙ of tensors of any order; Kronecker, Khatri–Rao and outer products of two matrices."""
    factors = _plain_factors(eq)
    out = eq.letters
    if factors is None or len(out) < 3 or len(factors) < 2:
        return None
    left = _whole(eq.target)
    if all(letters == out for _, letters in factors):
        return Line(eq, left, m.Hadamard(tuple(_whole(t) for t, _ in factors)))
    if len(factors) != 2 or isinstance(eq.value, Sum) or any(len(letters) != 2 for _, letters in factors):
        return None
    (a, (i, j)), (b, (k, l)) = factors
    one, two = _whole(a), _whole(b)
    if len({i, j, k, l}) == 4:
        for x, y, (i, j), (k, l) in ((one, two, (i, j), (k, l)), (two, one, (k, l), (i, j))):
            if out == (i, k, j, l):
                return Line(eq, left, m.Kronecker(x, y), note=f" (reshaped to ({i}{k}),({j}{l}))")
            if out == (i, j, k, l):
                return Line(eq, left, m.Outer(x, y), note=" (tensor outer product)")
    elif j == l and i != k and i != j != k:
        for x, y, i, k in ((one, two, i, k), (two, one, k, i)):
            if out == (i, k, j):
                return Line(eq, left, m.KhatriRao(x, y), note=f", column-wise Khatri–Rao (reshaped to ({i}{k}),{j})")
    return None


def _mode_product(eq: Equation, convention: Convention) -> Line | None:
    """One tensor, each of some axes run through a matrix: ``T ×₁ U ×₃ V``."""
    factors = _plain_factors(eq)
    if factors is None or len(factors) < 2:
        return None
    large = [(t, letters) for t, letters in factors if len(letters) == len(eq.letters) and len(letters) > 2]
    if len(large) != 1:
        return None
    ((tensor, axes),) = large
    tree: Tree = _whole(tensor)
    now = list(axes)
    if len(set(axes)) < len(axes):
        return None
    for t, letters in factors:
        if t is tensor and letters == axes:
            continue
        if len(letters) != 2:
            return None
        inner = [i for i in letters if i in axes and i not in eq.letters]
        outer = [i for i in letters if i in eq.letters and i not in axes]
        if len(inner) != 1 or len(outer) != 1 or inner[0] not in now:
            return None
        mode = now.index(inner[0])
        now[mode] = outer[0]
        matrix: Tree = _whole(t) if letters == (outer[0], inner[0]) else m.Transpose(_whole(t))
        tree = m.ModeProduct(tree, mode + 1, matrix)
    if tuple(now) != eq.letters:
        return None
    modes: list[tuple[int, Tree]] = []
    while isinstance(tree, m.ModeProduct):
        modes.append((tree.mode, tree.matrix))
        tree = tree.tensor
    for mode, matrix in sorted(modes, key=lambda pair: pair[0]):
        tree = m.ModeProduct(tree, mode, matrix)
    return Line(eq, _whole(eq.target), tree)


# --------------------------------------------------------------------------- words
def _shown(t: Tensor) -> str:
    letters = t.letters
    if letters is None:
        return t.name
    return t.name + ("_" + "".join(letters) if all(len(i) == 1 for i in letters) else f"[{', '.join(letters)}]")


_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _count(n: int, one: str, more: str) -> str:
    return f"{_WORDS[n] if n < len(_WORDS) else n} {one if n == 1 else more}"


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _is(words: list[str]) -> str:
    return "is" if len(words) == 1 else "are"


def _depth(e: Expr) -> int:
    """Nodes on the longest path."""
    depth: dict[Expr, int] = {}
    for n in postorder(e):
        depth[n] = 1 + max((depth[c] for c in n.children), default=0)
    return depth[e]
