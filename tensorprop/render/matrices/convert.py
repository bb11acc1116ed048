"""From index notation to a formula in vectors and matrices, in one reading of its indices.

In: an Equation, a Convention and a Treatment. Out: its two sides as math trees, or the reason why there are none.
Products are left to `products`; here are sums, functions, brackets and reductions. It knows no output format and no
size; which reading is best is `choose`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Literal

from tensorprop.core.build import mul, number, power
from tensorprop.core.english import counted, joined
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import has_entries, is_matrix, keeps, orders
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder
from tensorprop.render import trees as m
from tensorprop.render import weight as price
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.assemble import assembled, repeated
from tensorprop.render.matrices.collect import collected
from tensorprop.render.matrices.directed import DirectedProduct, directed, forms
from tensorprop.render.matrices.laid import Forms, Laid, MatrixPiece, closed, keep, outer_ones, times
from tensorprop.render.matrices.leaves import Leaves
from tensorprop.render.matrices.line import NoMatrix
from tensorprop.render.matrices.products import merge, search
from tensorprop.render.matrices.stand_ins import Read
from tensorprop.render.matrices.treatments import Treatment
from tensorprop.render.trees import MathTree, level
from tensorprop.render.weight import transposes, weight

__all__ = ["Conversion"]

_NOTHING: frozenset[str] = frozenset()
_FEW = 3  # terms of a sum of which each is tried in two forms


# --------------------------------------------------------------------------- one equation
class Conversion(Leaves):
    """The forms of every node of one equation's right side, bottom-up."""

    def __init__(
        self,
        eq: Equation,
        convention: Convention,
        reading: Treatment,
        page: tuple[Equation, ...] = (),
        entries: Mapping[str, Read] | None = None,
    ) -> None:
        super().__init__(eq, convention, reading, page, entries)
        self._done: dict[Expr, MatrixPiece | NoMatrix] = {}

    def target(self) -> tuple[MathTree, tuple[str | None, str | None]]:
        """The left side, and how its indices lie."""
        t = self._eq.target
        tree = self._name(t)
        rest = self._letters_of(t, tree)
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
                raise NoMatrix(f"{joined(rest)} all stay, and a matrix has two indices")

    def read(self, sign: tuple[str | None, str | None]) -> MathTree:
        """The right side, laid out as the left side is."""
        value = self._eq.value
        letters = frozenset(i for i in sign if i is not None)
        under = {e.body for e in self._nodes if isinstance(e, Sum) and isinstance(e.body, Mul)}
        for e in self._nodes:
            if isinstance(e, (Add, Mul, Call, Reduce, Bracket)) and e is not value:
                under.difference_update(e.children)
        for e in self._nodes:
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
    def _rule(self, e: Expr) -> MatrixPiece:
        match e:
            case Number(value):
                return self._scalar(m.Figure(value), price.NAME, e)
            case Dim(tensor, axis):
                return self._scalar(m.IndexSize(self._letter(tensor, axis), Dim(tensor, axis)), price.NAME, e)
            case Tensor():
                return self._tensor(e)
            case Bracket():
                return self._bracket(e)
            case Add(terms):
                return self._add(e, terms)
            case Mul(factors):
                return self._product(e, factors, _NOTHING)
            case Sum(indices, body):
                factors = factors_of(body)
                found = self._product(body, factors, self._whole(indices))
                return self._over(tuple(i for i in indices if i in self._added), found)
            case Call():
                return self._call(e)
            case Reduce():
                return self._reduced(e)
            case Index(name) if name in self._carried:
                return self._scalar(m.Counter(name, self._axis_of(name, self._eq.value)), price.NAME, e)
            case _:  # an index as a number stands only in brackets and subscripts
                raise NoMatrix("an index is used as a number")

    def _over(self, letters: tuple[str, ...], p: MatrixPiece) -> MatrixPiece:
        """The piece added up over carried indices."""
        if not letters:
            return p
        over = {
            sign: [f._replace(tree=m.Over(letters, f.tree), cost=f.cost + price.OVER) for f in held]
            for sign, held in p.forms.items()
        }
        return MatrixPiece(p.letters, over)

    def _get(self, e: Expr) -> MatrixPiece:
        found = self._done[e] if e in self._done else self._rule(e)
        if isinstance(found, NoMatrix):
            raise found
        return found

    def _bracket(self, e: Bracket) -> MatrixPiece:
        place = self._where.get(e, 0)
        if _counts(e) and not _both(e) and self._carried.issuperset(e.free):
            return self._compared(e)
        if isinstance(e.left, Index) and isinstance(e.right, Index) and e.relation == "=":
            i, j = e.left.name, e.right.name
            if {i, j} & self._one.keys():
                raise NoMatrix(f"the bracket [{i} = {j}] compares indices that are taken as one with others")
            if {i, j} & self._carried:
                raise NoMatrix(f"the bracket [{i} = {j}] is another unit vector for every value of a carried index")
            one = Laid(m.Identity(self._axis_of(i, e)), price.NAME, place)
            return MatrixPiece(frozenset((i, j)), {(i, j): [one], (j, i): [one]})
        if isinstance(e.left, Index) and isinstance(e.right, Index) and e.left is not e.right:
            return self._triangle(e, e.left.name, e.right.name)
        if any(isinstance(n, Index) for side in (e.left, e.right) for n in (side, *side.children)) and not all(
            isinstance(side, (Tensor, Number, Call, Dim)) for side in (e.left, e.right)
        ):
            raise NoMatrix(f"the bracket {e} compares indices, not entries")
        return self._compared(e)

    def _compared(self, e: Bracket) -> MatrixPiece:
        sides = (e.left, e.right)
        return self._elementwise(e, sides, lambda trees: m.Indicator(e.relation, *trees), extra=price.COMPARED)

    # ----------------------------------------------------------------- sums of terms
    def _add(self, e: Expr, terms: tuple[Expr, ...]) -> MatrixPiece:
        letters = self._letters(e)
        pieces = [self._widened(self._get(t), letters, e) for t in terms]
        forms: Forms = {}
        for sign in _signs(letters):
            choices = [p.forms[sign] if len(pieces) <= _FEW else p.forms[sign][:1] for p in pieces]
            for parts in product(*choices):
                trees = collected([f.tree for f in parts])
                tree = trees[0] if len(trees) == 1 else m.TermSum(tuple(trees))
                torn = sum(f.cost - weight(f.tree) for f in parts if isinstance(f.tree, m.Hadamard))
                keep(forms, sign, Laid(tree, weight(tree) + torn, self._where.get(e, 0)))
        return MatrixPiece(letters, closed(forms))

    def _widened(self, p: MatrixPiece, letters: frozenset[str], e: Expr) -> MatrixPiece:
        """The piece repeated along the letters that it lacks, with vectors of ones."""
        if p.letters == letters:
            return p
        if len(letters) > 2:
            raise NoMatrix(f"{joined(sorted(letters))} all stay, and a matrix has two indices")
        forms: Forms = {}
        ones = {i: outer_ones(self._axis(i, e), self._rows, 1 << 30) for i in letters - p.letters}
        for sign in _signs(letters):
            r, c = sign
            if not p.letters:
                for f in p.forms[None, None]:
                    parts = [ones[r][0]] if r is not None else []
                    parts += [ones[c][1]] if c is not None else []
                    keep(forms, sign, repeated(f, times(*parts)))
            elif r is not None and c is not None and r in p.letters:
                for f in p.forms[r, None]:
                    ends = isinstance(f.tree, m.Product) and isinstance(_upright(f.tree.factors[-1]), m.Ones)
                    wide = times(f, ones[c][1])
                    keep(forms, sign, wide._replace(cost=wide.cost - price.ALIKE * ends))
            elif r is not None and c is not None:
                for f in p.forms[None, c]:
                    keep(forms, sign, times(ones[r][0]._replace(place=0), f))
        return MatrixPiece(letters, closed(forms))

    # ----------------------------------------------------------------- products
    def _product(self, e: Expr, factors: tuple[Expr, ...], summed: frozenset[str]) -> MatrixPiece:
        if (found := directed(factors, summed, self._carried)) is not None:
            return self._directed(e, found, summed)
        kept = self._letters(e) - summed
        ratio = Fraction(1)
        above: list[Laid] = []
        below: list[Expr] = []
        pieces: list[MatrixPiece] = []
        for f in _squares_apart(factors, summed, self._carried):
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
        for one in summed - frozenset[str]().union(*(p.letters for p in pieces)):
            above += [Laid(m.IndexSize(i, self._axis_of(i, e)), price.NAME, 1 << 20) for i in one.split(",")]
        if len(kept) > 2 and not any(len(p.letters) > 2 for p in pieces):
            raise NoMatrix(f"{joined(sorted(kept))} all stay, and a matrix has two indices")
        found = search(pieces, kept, lambda i: self._axis(i, e), self._rows, self._convention.plane)
        if found is None:
            raise NoMatrix(self._why_product(pieces, kept))
        scalars, rest = found
        if len(rest) == 2 and all(len(p.letters) == 1 for p in rest):
            rest = [merge(rest[0], rest[1], lambda i: self._axis(i, e), self._rows)]
        if len(rest) > 1:
            raise NoMatrix(f"{joined(sorted(kept))} all stay, and a matrix has two indices")
        if ratio == 0:
            rest = []
        above += scalars
        above.sort(key=lambda f: (_length(f.tree), f.place))
        under = [self._get(d).forms[None, None][0] for d in below]
        forms: Forms = {}
        place = self._where.get(e, 0)
        for sign, held in (rest[0].forms if rest else {(None, None): [None]}).items():
            for body in held:
                tree, cost = assembled(ratio, above, body, under)
                parts = [*above, body] if body else above
                keep(forms, sign, Laid(tree, cost, min([f.place for f in parts], default=place)))
        return MatrixPiece(rest[0].letters if rest else _NOTHING, forms)

    def _directed(self, e: Expr, d: DirectedProduct, summed: frozenset[str]) -> MatrixPiece:
        """A product with a derivative along some of its factors."""
        along = self._product(d.along, factors_of(d.along), d.inner)
        along = self._widened(along, frozenset(d.pair), e)
        self._done[d.stands] = forms(d, self._get(d.derivative.body), along, self._where.get(d.derivative, 0))
        return self._product(mul(*d.rest, d.stands), (*d.rest, d.stands), summed - d.gone)

    def _why_product(self, pieces: list[MatrixPiece], kept: frozenset[str]) -> str:
        has: dict[str, int] = {}
        for p in pieces:
            for i in p.letters:
                has[i] = has.get(i, 0) + 1
        many = sorted(i for i, n in has.items() if n > 2)
        if len(kept) > 2:
            return f"{joined(sorted(kept))} all stay, and a matrix has two indices"
        if many:
            joins = "joins" if len(many) == 1 else "join"
            return f"{joined(many)} {joins} more than two factors, and every order of multiplying needs three indices"
        return "every order of multiplying needs three indices at once"

    # ----------------------------------------------------------------- functions
    def _call(self, e: Call) -> MatrixPiece:
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
                if isinstance(f.tree, m.ScalarPower) and f.tree.exponent == _TWO and isinstance(f.tree.base, m.Norm):
                    return self._scalar(f.tree.base, f.cost - price.SIGN, e)
                return self._scalar(m.Entrywise("sqrt", (f.tree,)), f.cost + price.SIGN, e)
            case Call(function, ()):
                return self._scalar(m.Entrywise(function, ()), price.NAME, e)
            case Call(function, args):
                return self._elementwise(e, args, lambda trees: m.Entrywise(function, trees), extra=price.FUNCTION)

    def _power(self, e: Expr, base: Expr, n: Fraction) -> MatrixPiece:
        if self._letters(base) or n > 0 or n.denominator > 1:
            return self._raised(e, base, m.Figure(n), price.NAME)
        f = self._get(power(base, number(-n)) if n != -1 else base)
        f = f.forms[None, None][0]
        return self._scalar(m.Quotient(m.Figure(Fraction(1)), f.tree), f.cost + price.NAME + price.SIGN, e)

    def _raised(self, e: Expr, base: Expr, exponent: MathTree, cost: float) -> MatrixPiece:
        p = self._get(base)
        if not p.letters:
            f = p.forms[None, None][0]
            match f.tree, exponent:
                case m.ScalarPower(inner, m.Figure(one)), m.Figure(other):
                    return self._scalar(m.ScalarPower(inner, m.Figure(one * other)), f.cost, e)
                case _:
                    pass
            return self._scalar(
                m.ScalarPower(f.tree, exponent), f.cost + cost + price.PARENTHESES * (level(f.tree) < m.ATOM), e
            )
        forms: Forms = {}
        for sign in _signs(p.letters):
            f = p.forms[sign][0]
            tree = m.ElementPower(f.tree, exponent)
            within = price.PARENTHESES * (level(f.tree) < m.ATOM) + price.TURNED_WITHIN * transposes(tree)
            keep(forms, sign, Laid(tree, f.cost + cost + within, self._where.get(e, f.place)))
        return MatrixPiece(p.letters, closed(forms))

    def _elementwise(
        self, e: Expr, args: tuple[Expr, ...], build: Callable[[tuple[MathTree, ...]], MathTree], extra: float
    ) -> MatrixPiece:
        letters = self._letters(e)
        pieces = [self._get(a) for a in args]
        pieces = [self._widened(p, letters, e) if p.letters else p for p in pieces]
        forms: Forms = {}
        for sign in _signs(letters):
            parts = [p.forms[sign if p.letters else (None, None)][0] for p in pieces]
            tree = build(tuple(f.tree for f in parts))
            cost = sum(f.cost for f in parts) + extra + price.TURNED_WITHIN * transposes(tree)
            keep(forms, sign, Laid(tree, cost, self._where.get(e, 0)))
        return MatrixPiece(letters, closed(forms))

    # ----------------------------------------------------------------- reductions
    def _reduced(self, e: Reduce) -> MatrixPiece:
        """What is reduced; the mean of a product is read as a sum over a size, too: ``mean_n(a_n b_n) = aᵀb/|n|``."""
        summed = self._mean_of_products(e)
        if summed is None:
            return self._reduce(e)
        try:
            found = self._reduce(e)
        except NoMatrix:
            return summed
        forms: Forms = {}
        for p in (found, summed):
            for sign, held in p.forms.items():
                for f in held:
                    keep(forms, sign, f)
        return MatrixPiece(found.letters, closed(forms))

    def _mean_of_products(self, e: Reduce) -> MatrixPiece | None:
        """A mean over letters each of which stands in several factors, or is added up outside: a sum over a size."""
        if e.op != "mean":
            return None
        inner, body = (e.body.indices, e.body.body) if isinstance(e.body, Sum) else ((), e.body)
        factors, bound = factors_of(body), (*inner, *e.indices)
        if any(i not in self._added and sum(i in f.free for f in factors) < 2 for i in bound):
            return None
        try:
            sizes = [power(self._axis_of(i, e), number(-1)) for i in e.indices]
            found = self._product(body, (*factors, *sizes), self._whole(bound))
        except NoMatrix:
            return None
        return self._over(tuple(i for i in bound if i in self._added), found)

    def _reduce(self, e: Reduce) -> MatrixPiece:
        if is_matrix(e.op):
            return self._whole_matrix(e)
        place = self._where.get(e, 0)
        p = self._get(e.body)
        indices = self._whole(e.indices)
        if set(e.indices) & self._carried:
            raise NoMatrix(f"{e.op} runs along an index that is carried")
        bound = [i for i in p.letters if i in indices]
        if len(bound) < len(indices):
            raise NoMatrix(f"{e.op} runs along an index that its body does not have")
        forms: Forms = {}
        if keeps(e.op):
            if len(indices) == 1 and p.letters == indices and self._carried.issuperset(e.at[0].free):
                return self._entry(e, p)
            names: dict[str, str] = {}
            for i, a in zip(e.indices, e.at, strict=True):
                if not isinstance(a, Index) or a.name in p.letters - {i} or a.name in self._carried:
                    raise NoMatrix(f"{e.op} is taken at one entry")
                if orders(e.op) and a.name != i:
                    raise NoMatrix(f"of what {e.op} orders along {i} fewer entries {a.name} may be read")
                if i in self._one or a.name in self._one:
                    if i != a.name:
                        raise NoMatrix(f"{e.op} is taken at another of the indices that are taken as one")
                    continue
                names[i] = a.name
            if len(set(names.values())) < len(names):
                raise NoMatrix(f"{e.op} is taken on its diagonal")
            for sign in _signs(p.letters):
                for f in p.forms[sign]:
                    tree = m.Along(e.op, f.tree, _over(sign, set(bound)), True)
                    late = price.COLUMNS * (tree.over == "columns")
                    after = (names.get(sign[0] or "", sign[0]), names.get(sign[1] or "", sign[1]))
                    keep(forms, after, Laid(tree, f.cost + price.FUNCTION + late, place))
            return MatrixPiece(frozenset(names.get(i, i) for i in p.letters), closed(forms))
        letters = p.letters - set(bound)
        for sign in _signs(p.letters):
            over = _over(sign, set(bound))
            after = (None, None) if over == "all" else (sign[0], None) if over == "rows" else (None, sign[1])
            for f in p.forms[sign]:
                cost = f.cost + price.FUNCTION + price.TURNED_WITHIN * transposes(f.tree)
                keep(forms, after, Laid(m.Along(e.op, f.tree, over, False), cost, place))
        return MatrixPiece(letters, closed(forms))

    def _entry(self, e: Reduce, p: MatrixPiece) -> MatrixPiece:
        """One entry of what is made of a vector: ``logsoftmax(z_b)[y_b]``."""
        f = min((f for sign in _signs(p.letters) for f in p.forms[sign]), key=lambda f: f.cost)
        along = m.Along(e.op, f.tree, "all", True)
        place = self._get(e.at[0]).forms[None, None][0]
        return self._scalar(m.Picked(along, place.tree), f.cost + place.cost + price.FUNCTION + price.COMPARED, e)

    def _whole_matrix(self, e: Reduce) -> MatrixPiece:
        r, c = e.indices
        p = self._get(e.body)
        if p.letters != frozenset((r, c)):
            raise NoMatrix(f"{e.op} of a matrix for every value of another index")
        place = self._where.get(e, 0)
        f = p.forms[r, c][0]
        if not has_entries(e.op):
            return self._scalar(m.WholeMatrix(e.op, f.tree), f.cost + price.FUNCTION, e)
        raised = e.op in ("inv", "pinv")
        cost = f.cost + (price.SIGN + price.PARENTHESES * (level(f.tree) < m.ATOM) if raised else price.FUNCTION)
        match e.at:
            case (Index(i),) if i not in self._carried:
                return self._vector(i, Laid(m.WholeMatrix(e.op, f.tree, self._upright), cost, place))
            case (Index(i), Index(j)) if not {i, j} & self._carried:
                return self._matrix(i, j, Laid(_whole(e.op, f.tree), cost, place))
            case (_, _, _, *_):
                raise NoMatrix(f"{e.op} has {counted(len(e.at), 'index', 'indices', words=True)} and a matrix two")
            case _:
                raise NoMatrix(f"one entry of {e.op} is read")


def _whole(op: str, of: MathTree) -> MathTree:
    """A function of a matrix that has entries of two indices."""
    if op == "inv_cholesky":
        return m.Inverse(m.WholeMatrix("cholesky", of, "matrix"))
    return m.Inverse(of) if op == "inv" else m.WholeMatrix(op, of, "matrix")


def _counts(e: Bracket) -> bool:
    """Whether a bracket compares numbers made of indices and sizes: ``[t + 1 < dim(x, 0)]``."""
    return all(isinstance(n, (Index, Dim, Number, Add, Mul)) for side in (e.left, e.right) for n in postorder(side))


def _both(e: Bracket) -> bool:
    """Whether there are indices on both sides."""
    return bool(e.left.free and e.right.free)


_TWO = m.Figure(Fraction(2))


def _upright(t: MathTree) -> MathTree:
    return t.of if isinstance(t, m.Transpose) else t


def _length(scalar: MathTree) -> int:
    """Scalars stand in this order: names, what is written as one thing, functions, products."""
    if isinstance(scalar, (m.Name, m.Figure, m.IndexSize)):
        return 0
    if isinstance(scalar, (m.ScalarPower, m.MatrixTrace, m.Norm)):
        return 1
    return 3 if isinstance(scalar, m.Product) else 2


def _signs(letters: frozenset[str]) -> list[tuple[str | None, str | None]]:
    match sorted(letters):
        case []:
            return [(None, None)]
        case [i]:
            return [(i, None), (None, i)]
        case [i, j]:
            return [(i, j), (j, i)]
        case more:
            raise NoMatrix(f"{joined(more)} all stay, and a matrix has two indices")


def _over(sign: tuple[str | None, str | None], bound: set[str]) -> Literal["rows", "columns", "all"]:
    r, c = sign
    rest = {i for i in (r, c) if i is not None} - bound
    return "all" if not rest else "rows" if c in bound else "columns"


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


def _squares_apart(factors: tuple[Expr, ...], summed: frozenset[str], carried: frozenset[str]) -> Iterator[Expr]:
    """A square whose every index is summed, and has no other factor, is a product: ``Σ_i x_i²`` is ``x_i x_i``."""
    for n, f in enumerate(factors):
        match f:
            case Call("power", (base, Number(value))) if value == 2 and (own := base.free - carried) and own <= summed:
                others = frozenset[str]().union(*(g.free for k, g in enumerate(factors) if k != n))
                if not own & others:
                    yield base
                yield base if not own & others else f
            case _:
                yield f
