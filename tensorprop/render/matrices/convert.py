"""From index notation to a formula in vectors and matrices, in one reading of its indices.

In: an Equation, a Convention and a Treatment. Out: its two sides as math trees, or the reason why there are none.
Products are left to `products`; here are sums, functions, brackets and reductions. It knows no output format and no
size; which reading is best is `choose`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import product
from typing import Literal

from tensorprop.core.build import number, power
from tensorprop.core.english import are, counted, joined
from tensorprop.core.equation import Equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import has_entries, is_matrix, keeps
from tensorprop.core.names import primal_axes
from tensorprop.core.ranges import infer, witness
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import UnknownRange
from tensorprop.render import trees as m
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.assemble import assembled, repeated
from tensorprop.render.matrices.collect import collected
from tensorprop.render.matrices.line import NoMatrix, shown
from tensorprop.render.matrices.products import (
    Form,
    Forms,
    Piece,
    closed,
    keep,
    merge,
    outer_ones,
    search,
    times,
)
from tensorprop.render.matrices.treatments import Treatment
from tensorprop.render.trees import Tree, level
from tensorprop.render.weight import transposes, weight

__all__ = ["Conversion"]

_NOTHING: frozenset[str] = frozenset()
_FEW = 3  # terms of a sum of which each is tried in two forms


# --------------------------------------------------------------------------- one equation
class Conversion:
    """The forms of every node of one equation's right side, bottom-up.

    Long because it has a rule for every kind of node, and they share what is carried and what is taken as one.
    """

    def __init__(self, eq: Equation, convention: Convention, reading: Treatment) -> None:
        self._eq = eq
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
        self._where = {e: n for n, e in enumerate(postorder(eq.value))}
        self._done: dict[Expr, Piece | NoMatrix] = {}

    def target(self) -> tuple[Tree, tuple[str | None, str | None]]:
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
                factors = factors_of(body)
                found = self._product(body, factors, self._whole(indices))
                return self._over(tuple(i for i in indices if i in self._added), found)
            case Call():
                return self._call(e)
            case Reduce():
                return self._reduce(e)
            case _:  # an index as a number stands only in brackets and subscripts
                raise NoMatrix("an index is used as a number")

    def _over(self, letters: tuple[str, ...], p: Piece) -> Piece:
        """The piece added up over carried indices."""
        if not letters:
            return p
        over = {
            sign: [f._replace(tree=m.Over(letters, f.tree), cost=f.cost + 2) for f in held]
            for sign, held in p.forms.items()
        }
        return Piece(p.letters, over)

    def _get(self, e: Expr) -> Piece:
        found = self._done[e] if e in self._done else self._rule(e)
        if isinstance(found, NoMatrix):
            raise found
        return found

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

    def _scalar(self, tree: Tree, cost: float, e: Expr) -> Piece:
        return Piece(_NOTHING, {(None, None): [Form(tree, cost, self._where.get(e, 0))]})

    def _axis(self, letter: str, e: Expr) -> tuple[Dim, ...]:
        return tuple(self._axis_of(i, e) for i in letter.split(","))

    def _axis_of(self, letter: str, e: Expr) -> Dim:
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
                    d = self._told_elsewhere(letter)
        if not isinstance(d, Dim):
            raise NoMatrix(f"{letter} does not run over an axis")
        return self._known.get(self._ranges.find(d.tensor, d.axis), d)

    def _told_elsewhere(self, letter: str) -> Expr:
        """The axis of a tensor beside a bracket, or of the index that this one is to be equal to."""
        for t in tensors_of(self._eq.value):
            for k, s in enumerate(t.subscripts):
                if s is Index(letter):
                    return Dim(t.name, k)
        for b in self._where:
            match b:
                case Bracket("=", Index(i), Index(j)) if letter in (i, j) and i != j:
                    try:
                        return witness(self._eq.value, j if i == letter else i)
                    except UnknownRange:
                        continue
                case _:
                    continue
        raise NoMatrix(f"nothing tells how far {letter} runs")

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
        return m.Name(t.name, tuple(slots), tuple(k for axis in order for k in first[axis]), kind, rows)

    def _tensor(self, t: Tensor) -> Piece:
        name = self._name(t)
        place = self._where.get(t, 0)
        letters = self._letters_of(t, name)
        cost = 1 + 0.25 * any(s is not None for s in name.slots)
        match name.kind, letters:
            case "scalar", _:
                return self._scalar(name, 1, t)
            case "column", [i]:
                return Piece(frozenset(letters), closed({(i, None): [Form(name, cost, place)]}))
            case "row", [i]:
                return Piece(frozenset(letters), closed({(None, i): [Form(name, cost, place)]}))
            case "matrix", [i, j] if i == j:
                lies: m.Kind = "row" if self._rows else "column"
                sign = (None, i) if self._rows else (i, None)
                return Piece(frozenset(letters), closed({sign: [Form(m.Diagonal(name, lies), cost + 2, place)]}))
            case "matrix", [i, j]:
                return Piece(frozenset(letters), closed({(i, j): [Form(name, cost, place)]}))
            case _:
                raise NoMatrix(self._why_not(t, letters))

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

    def _bracket(self, e: Bracket) -> Piece:
        place = self._where.get(e, 0)
        if isinstance(e.left, Index) and isinstance(e.right, Index) and e.relation == "=":
            i, j = e.left.name, e.right.name
            if {i, j} & self._one.keys():
                raise NoMatrix(f"the bracket [{i} = {j}] compares indices that are taken as one with others")
            if {i, j} & self._carried:
                raise NoMatrix(f"the bracket [{i} = {j}] is another unit vector for every value of a carried index")
            one = Form(m.Identity(self._axis_of(i, e)), 1, place)
            return Piece(frozenset((i, j)), {(i, j): [one], (j, i): [one]})
        if isinstance(e.left, Index) and isinstance(e.right, Index) and e.left is not e.right:
            return self._triangle(e, e.left.name, e.right.name)
        if any(isinstance(n, Index) for side in (e.left, e.right) for n in (side, *side.children)) and not all(
            isinstance(side, (Tensor, Number, Call, Dim)) for side in (e.left, e.right)
        ):
            raise NoMatrix(f"the bracket {e} compares indices, not entries")
        return self._elementwise(e, (e.left, e.right), lambda trees: m.Indicator(e.relation, *trees), extra=1.0)

    def _triangle(self, e: Bracket, i: str, j: str) -> Piece:
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
            keep(forms, (r, c), Form(m.Triangle(ones.tree, part), 2.3, self._where.get(e, 0)))
        return Piece(frozenset((i, j)), forms)

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
        for one in summed - frozenset[str]().union(*(p.letters for p in pieces)):
            above += [Form(m.Size(i, self._axis_of(i, e)), 1, 1 << 20) for i in one.split(",")]
        if len(kept) > 2 and not any(len(p.letters) > 2 for p in pieces):
            raise NoMatrix(f"{joined(sorted(kept))} all stay, and a matrix has two indices")
        found = search(pieces, kept, lambda i: self._axis(i, e), self._rows)
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
                keep(forms, sign, Form(tree, cost, min([f.place for f in parts], default=place)))
        return Piece(rest[0].letters if rest else _NOTHING, forms)

    def _why_product(self, pieces: list[Piece], kept: frozenset[str]) -> str:
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
            cost_here = f.cost + cost + (level(f.tree) < m.ATOM) + 0.05 * transposes(tree)
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
            cost = sum(f.cost for f in parts) + extra + 0.05 * transposes(tree)
            keep(forms, sign, Form(tree, cost, self._where.get(e, 0)))
        return Piece(letters, closed(forms))

    # ----------------------------------------------------------------- reductions
    def _reduce(self, e: Reduce) -> Piece:
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
            names: dict[str, str] = {}
            for i, a in zip(e.indices, e.at, strict=True):
                if not isinstance(a, Index) or a.name in p.letters - {i} or a.name in self._carried:
                    raise NoMatrix(f"{e.op} is taken at one entry")
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
                    late = 0.4 * (tree.over == "columns")
                    after = (names.get(sign[0] or "", sign[0]), names.get(sign[1] or "", sign[1]))
                    keep(forms, after, Form(tree, f.cost + 1.3 + late, place))
            return Piece(frozenset(names.get(i, i) for i in p.letters), closed(forms))
        letters = p.letters - set(bound)
        for sign in _signs(p.letters):
            over = _over(sign, set(bound))
            after = (None, None) if over == "all" else (sign[0], None) if over == "rows" else (None, sign[1])
            for f in p.forms[sign]:
                cost = f.cost + 1.3 + 0.05 * transposes(f.tree)
                keep(forms, after, Form(m.Along(e.op, f.tree, over, False), cost, place))
        return Piece(letters, closed(forms))

    def _whole_matrix(self, e: Reduce) -> Piece:
        r, c = e.indices
        p = self._get(e.body)
        if p.letters != frozenset((r, c)):
            raise NoMatrix(f"{e.op} of a matrix for every value of another index")
        place = self._where.get(e, 0)
        f = p.forms[r, c][0]
        if has_entries(e.op) and e.op != "inv":
            raise NoMatrix(f"entries of {e.op} stand in a product")
        if e.op != "inv":
            return self._scalar(m.WholeMatrix(e.op, f.tree), f.cost + 1.3, e)
        match e.at:
            case (Index(i), Index(j)) if i != j and not {i, j} & self._carried:
                cost = f.cost + 1 + (level(f.tree) < m.ATOM)
                return Piece(frozenset((i, j)), closed({(i, j): [Form(m.Inverse(f.tree), cost, place)]}))
            case _:
                raise NoMatrix("one entry of an inverse")


_MIRRORED = {"≥": "≤", "≤": "≥", ">": "<", "<": ">", "≠": "≠"}
_TWO = m.Number(Fraction(2))


def _upright(t: Tree) -> Tree:
    return t.of if isinstance(t, m.Transpose) else t


def _length(scalar: Tree) -> int:
    """Scalars stand in this order: names, what is written as one thing, functions, products."""
    if isinstance(scalar, (m.Name, m.Number, m.Size)):
        return 0
    return 1 if isinstance(scalar, (m.Power, m.Trace, m.Norm)) else 3 if isinstance(scalar, m.Product) else 2


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
