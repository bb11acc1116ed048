"""Why every sign of a formula stands where it stands: read off the indices of the formula's own tree.

In: a formula whose parts know their indices (`indexed`). Out: `Fact`s: for each sign (a product, its order, ᵀ, ⊙, ⊘,
diag, a trace, 1, "for every" …) what is summed there and what is kept, in which factors, along which axis, and why the
order is forced or is not. The forward equations, and how a page is laid out, are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tensorprop.render import trees as m
from tensorprop.render.derivation.contractions import Products, verb
from tensorprop.render.derivation.indexed import Indexed, Spot, scaling
from tensorprop.render.derivation.sentences import Math, letter, letters, listed, say
from tensorprop.render.derivation.signs import (
    MARKS,
    Claim,
    Fact,
    Sign,
    divides,
    is_ones,
    reciprocal,
    signs,
    unsigned,
    upright,
)
from tensorprop.render.trees import MathTree
from tensorprop.text.vocabulary import COLUMN, ROW

__all__ = ["TWIN", "facts"]


def facts(f: Indexed, shown: Callable[[MathTree], Math], left: Math) -> Iterator[Fact]:
    """The facts of a formula, those of its products first; ``shown`` writes a part, ``left`` is the left side."""
    yield from _Facts(f, shown, left).all()


_TWICE = "{A} stands with {i} first, and again with {j} first."
TWIN = f"{_TWICE} Matrices are added place by place, so one of the two is turned."
_EVERY = Math("every index", r"\text{every index}")


def equal(i: str, j: str) -> Math:
    """``[i = j]``."""
    return Math(f"[{i} = {j}]", f"[{letter(i).latex} = {letter(j).latex}]")


class _Facts(Products):
    """The facts of one formula."""

    def all(self) -> Iterator[Fact]:
        """Products, then what is done entry by entry, then transposes and what is left."""
        covered: set[Sign] = set()
        for fact in self._found():
            if not fact.signs or not covered.issuperset(fact.signs):
                covered.update(fact.signs)
                yield fact

    def _found(self) -> Iterator[Fact]:
        spots = list(self._f)
        for s in spots:
            if isinstance(s.tree, m.Product) and s.seams:
                yield from self.product(s)
        for s in spots:
            if isinstance(s.tree, m.Hadamard):
                yield from self._hadamard(s)
        for s in spots:
            if isinstance(s.tree, m.Transpose) and s.path not in self._told:
                yield self._turned(s)
        for s in spots:
            yield from self._other(s)
        yield from self._numbers(spots)
        yield from self._every()

    def _numbers(self, spots: list[Spot]) -> Iterator[Fact]:
        """What has no index, beside what has."""
        for s in spots:
            if not isinstance(s.tree, (m.Product, m.Quotient)) or s.tree.kind == "scalar":
                continue
            below = self._f.below(s)
            numbers = [
                b for b in below if b.tree.kind == "scalar" and any(isinstance(t, m.Name) for t in b.tree.walk())
            ]
            rest = m.Product(tuple(b.tree for b in below if b.tree.kind != "scalar"))
            does = ("divides", "divide") if isinstance(s.tree, m.Quotient) else ("multiplies", "multiply")
            if numbers and not all(is_ones(t) for t in rest.factors):
                c, claims = (
                    listed([self._show(b.tree) for b in numbers]),
                    tuple(Claim("kept", (), b.path) for b in numbers),
                )
                many = len(numbers) > 1
                said = say(_EACH[many], c=c, does=does[many], A=self._show(rest))
                yield Fact("number", said, say("{c} {are}.", c=c, are=_ARE[many]), (), claims)

    # ----------------------------------------------------------------- entry by entry
    def _hadamard(self, s: Spot) -> Iterator[Fact]:
        assert isinstance(s.tree, m.Hadamard)
        kept = [i for i in s.letters if i in self._f.equation.letters]
        later = [i for i in s.letters if i not in kept]
        names = [x for x in signs(self._f) if x.path == s.path and x.mark in "⊙⊘"]
        claims = (Claim("shared", s.letters, s.path), Claim("kept", s.letters, s.path))
        for sign in names:
            if sign.mark == "⊘":
                n = next(k for k, t in enumerate(s.tree.factors) if k and reciprocal(t))
                under = s.tree.factors[n]
                assert isinstance(under, m.ElementPower)
                said = say(
                    "{i} {verb} kept above and below: every entry is divided by that of {D} in its place.",
                    i=letters(s.letters), verb=verb(s.letters), D=self._show(under.base),
                )  # fmt: skip
                brief = say("{i} {verb} kept: ⊘.", i=letters(s.letters), verb=verb(s.letters))
                yield Fact("over", said, brief, (sign,), claims)
            elif later:
                said = say("In {f} every factor has {i}: entry by entry first, then the sum over {j}.",
                           i=letters(s.letters), f=self._show(s.tree), j=letters(later))  # fmt: skip
                brief = say("{f} is taken before the sum over {j}.", f=self._show(s.tree), j=letters(later))
                yield Fact("elementwise", said, brief, (sign,), claims)
            elif s.path or any(t.path != s.path and isinstance(t.tree, m.Product) and t.seams for t in self._f):
                factors = [self._show(unsigned(t)) for t in s.tree.factors if not reciprocal(t)]
                said = say("{i} {verb} kept by {told}, so nothing is summed between them: elementwise, ⊙.",
                           i=letters(kept), verb=verb(kept), told=listed(factors))  # fmt: skip
                if not s.path and len(factors) == 2:
                    said = say("{i} {verb} kept by both factors, so nothing is summed between them: elementwise, ⊙.",
                               i=letters(kept), verb=verb(kept))  # fmt: skip
                brief = say("{i} {verb} kept: ⊙.", i=letters(kept), verb=verb(kept))
                yield Fact("elementwise", said, brief, (sign,), claims)
            else:
                said = say("{i} {verb} kept by every factor, so nothing is summed: elementwise, ⊙.",
                           i=letters(kept) if kept else _EVERY, verb=verb(kept))  # fmt: skip
                brief = say("{i} {verb} kept: ⊙.", i=letters(kept) if kept else _EVERY,
                            verb=verb(kept))  # fmt: skip
                yield Fact("elementwise", said, brief, (sign,), claims)

    # ----------------------------------------------------------------- transposes elsewhere
    def _turned(self, s: Spot) -> Fact:
        """A transpose outside products: what stands beside it, or the left side, has its indices the other way."""
        sign = (Sign("ᵀ", s.path),)
        above = self._f.parent(s)
        plain = self.name(s)
        if len(s.letters) != 2:
            said = say("{A} {lies} here: {T}.", A=plain, T=self._show(s.tree),
                       lies="stands as a column" if s.tree.kind == "column" else "lies as a row")  # fmt: skip
            return Fact("transpose", said, said, sign)
        rows, columns = s.letters
        if {ROW, COLUMN} & {rows, columns}:  # nobody has called them
            said = say("{A} is turned here: {T}.", A=plain, T=self._show(s.tree))
            return Fact("transpose", said, said, sign)
        claims = (Claim("rows", (rows,), s.path), Claim("columns", (columns,), s.path))
        facts_: dict[str, Math | str] = {"A": plain, "i": letter(rows), "j": letter(columns), "T": self._show(s.tree)}
        twin = self._twin(s, above)
        if twin is not None:
            said = say(TWIN, **{k: facts_[k] for k in "Aij"})
        elif above is not None and isinstance(above.tree, (m.TermSum, m.Hadamard)):
            does = "added" if isinstance(above.tree, m.TermSum) else "multiplied"
            said = say("{A} has {j} for its rows and {i} for its columns. Matrices are {does} place by place, and "
                       "beside it {i} numbers the rows: so {A} is turned.", does=does, **facts_)  # fmt: skip
        elif above is None:
            said = say("{A} has {j} for its rows and {i} for its columns, {x} the other way round: so {A} is turned, "
                       "{T}.", x=self._left, **facts_)  # fmt: skip
        else:
            said = say("{A} has {j} for its rows and {i} for its columns; here {i} must number the rows, so it is "
                       "turned: {T}.", **facts_)  # fmt: skip
        return Fact("transpose", said, said, sign, claims)

    def _twin(self, s: Spot, above: Spot | None) -> Spot | None:
        """Of ``A + Aᵀ`` the other one."""
        if above is None or not isinstance(above.tree, m.TermSum):
            return None
        return next((t for t in self._f.below(above) if t.tree == upright(s.tree)), None)

    # ----------------------------------------------------------------- all other signs
    def _other(self, s: Spot) -> Iterator[Fact]:
        above = self._f.parent(s)
        around = above.tree if above is not None else None
        own = letters(s.letters) if s.letters else None
        match s.tree:
            case m.Ones() if not (isinstance(around, m.Product) and len(above.seams if above else ()) > 0) and not (
                isinstance(around, m.Transpose) and self._in_product(above)
            ):
                assert own is not None
                one = self._show(s.tree)
                said = brief = say("{one} is a vector of ones, the same for every {i}.", i=own, one=one)
                if isinstance(around, m.Product):
                    rest = tuple(t for t in around.factors if t.kind == "scalar")
                    number = self._show(rest[0] if len(rest) == 1 else m.Product(rest))
                    said = say("{s} is one number; {one}, a vector of ones, repeats it for every {i}.", s=number,
                               i=own, one=one)  # fmt: skip
                    brief = say("{s} is one number: {one} repeats it.", s=number, one=one)
                yield Fact("ones" if isinstance(around, (m.TermSum, type(None))) else "broadcast", said, brief,
                           (Sign("1", s.path),), (Claim("kept", s.letters, s.path),))  # fmt: skip
            case m.Identity():
                i, j = s.letters
                said = say(
                    "{I} is 1 where {i} and {j} are equal and 0 elsewhere: the bracket {b} as a matrix.",
                    I=self._show(s.tree),
                    i=letter(i),
                    j=letter(j),
                    b=equal(i, j),
                )
                yield Fact("bracket", said, said, (Sign("I", s.path),), (Claim("kept", s.letters, s.path),))
            case m.MatrixTrace():
                yield self._simple(s, "trace", "tr", "{j} is summed, and is both indices of {A}: the trace.")
            case m.Diagonal():
                yield self._simple(s, "diagonal", "diagonal", "Only the entries of {A} where both indices are {i} are "
                                   "wanted: its diagonal.")  # fmt: skip
            case m.Norm():
                yield self._simple(s, "norm", "‖‖", "{A} meets itself, and every index is summed: its norm.")
            case m.ElementPower() if not divides(self._f, s):
                yield self._simple(s, "power", "∘", "With ∘ a power is taken entry by entry.")
            case m.MatrixPower() if not self._in_scaling(s):
                yield self._simple(s, "power", "power", "{A} times itself as a matrix: {j} is summed between the two.")
            case m.Along(_, _, over, _):
                along = {"rows": "each row", "columns": "each column", "all": "all entries"}[over]
                said = say("It is taken along {along} of {A}{rest}.", along=along, A=self._show(s.tree.of),
                           rest=say(" and runs over {j}", j=letters(s.summed)).unicode if s.summed else "")  # fmt: skip
                yield Fact("along", said, said, (Sign("along", s.path),), (Claim("summed", s.summed, s.path),))
            case m.Diag() if not self._in_scaling(s):
                i, j = s.letters
                said = say("{f} is a matrix that is 0 unless {b}: {A} stands on its diagonal.", f=self._show(s.tree),
                           b=equal(i, j), A=self._show(s.tree.of))  # fmt: skip
                yield Fact("scale", said, said, (Sign("diag", s.path),), (Claim("kept", s.letters, s.path),))
            case m.Inverse() if not self._in_scaling(s):
                yield self._inverse(s)
            case m.Triangle() | m.Mask():
                yield self._triangle(s) if isinstance(s.tree, m.Triangle) else self._mask(s)
            case m.WholeMatrix() | m.Directed():
                yield self._simple(s, "whole", "whole", _WHOLE[s.tree.kind == "scalar"])
            case m.Kronecker() | m.KhatriRao() | m.Outer() | m.ModeProduct():
                yield from self._tensor(s, around)
            case _:
                pass

    def _inverse(self, s: Spot) -> Fact:
        """An inverse that is no factor of a product."""
        assert isinstance(s.tree, m.Inverse)
        if isinstance(s.tree.of, m.Diag):
            return self._simple(s, "scale", "inverse", "The inverse of a diagonal matrix has the reciprocals.")
        return self._simple(s, "inverse", "inverse", "{f} is the inverse of the whole matrix {A}.")

    def _triangle(self, s: Spot) -> Fact:
        """``tril``, ``triu``: a bracket between the index of the rows and that of the columns."""
        assert isinstance(s.tree, m.Triangle)
        said = say("{b} lets the entries of {A} on one side of the diagonal stand, and makes all others 0: {f}.",
                   b=self._bracket(s, s.tree.part), A=self._show(s.tree.of), f=self._show(s.tree))  # fmt: skip
        return Fact("triangle", said, said, (Sign("triangle", s.path),), (Claim("kept", s.letters, s.path),))

    def _mask(self, s: Spot) -> Fact:
        """A triangle of ones, or what is added in front of a softmax, by its name."""
        assert isinstance(s.tree, m.Mask)
        places: dict[str, Math | str] = {"L": self._show(s.tree), "b": self._bracket(s, s.tree.part)}
        if s.tree.added:
            said = say("{L} is added: 0 where {b} is 1, and −∞ elsewhere, where the softmax then is 0.", **places)
        else:
            said = say("{L} is the bracket {b} as a matrix, ones on one side of the diagonal and zeros elsewhere: a "
                       "product with it is a sum over what the bracket lets stand.", **places)  # fmt: skip
        return Fact("triangle", said, said, (Sign("mask", s.path),), (Claim("kept", s.letters, s.path),))

    def _bracket(self, s: Spot, relation: str) -> Math:
        """``[i ≥ j]`` of the rows and columns of a part."""
        i, j = (letter(x) for x in s.letters)
        sign = {"≥": r"\geq", "≤": r"\leq"}.get(relation, relation)
        return Math(f"[{i.unicode} {relation} {j.unicode}]", f"[{i.latex} {sign} {j.latex}]")

    def _simple(self, s: Spot, topic: str, mark: str, text: str) -> Fact:
        """A sentence with {A} for the part within, {i} for what is left, {j} for what is summed, {f} for all."""
        places: dict[str, Math | str] = {"A": self._show(s.tree.children[0]), "f": self._show(s.tree)}
        if "{i}" in text:
            places["i"] = letter(s.letters[0])
        if "{j}" in text:
            places["j"] = letters(s.summed)
        places = {k: v for k, v in places.items() if f"{{{k}}}" in text}
        claims = (Claim("summed", s.summed, s.path),) if s.summed else ()
        said = say(text, **places)
        return Fact(topic, said, said, (Sign(mark, s.path),), claims)

    def _in_product(self, s: Spot | None) -> bool:
        above = self._f.parent(s) if s is not None else None
        return above is not None and bool(above.seams) and s is not None and s.path in above.factors

    def _in_scaling(self, s: Spot) -> bool:
        """Whether a diagonal matrix is a factor of a product, which has told why."""
        at: Spot | None = s if scaling(s.tree) is not None else None
        while at is not None and isinstance(at.tree, (m.Diag, m.Inverse, m.MatrixPower, m.Transpose)):
            if self._in_product(at):
                return True
            at = self._f.parent(at)
        return False

    def _tensor(self, s: Spot, around: MathTree | None) -> Iterator[Fact]:
        """Products that have more than two indices left."""
        if type(s.tree) is type(around) is m.Outer:
            return
        mark = MARKS[type(s.tree)]
        n = str(len(s.letters))
        if isinstance(s.tree, m.ModeProduct):
            a, b = self._f.below(s)
            said = say(
                "{j} is summed, and stands in {A} and {B}; {n} indices are left, more than a matrix has. The number "
                "at × says which axis of {A} runs through the matrix.",
                j=letters(s.summed), A=self._show(a.tree), B=self._show(b.tree), n=n,
            )  # fmt: skip
            turned = self._turns(b)
            if turned:
                said += say("{B} is turned, since its first index is the summed one.", B=self.name(b))
            yield Fact("tensor", said, said, (Sign(mark, s.path), *turned), (Claim("summed", s.summed, s.path),))
            return
        said = say("Nothing is summed, and all of {own} are left: {n} indices, more than a matrix has, so {mark} is "
                   "written for it.", own=letters(s.letters), n=n, mark=mark.split("_")[0].split(" ")[0])  # fmt: skip
        chain = [x for x in signs(self._f) if x.mark == mark and x.path[: len(s.path)] == s.path]
        yield Fact("tensor", said, said, tuple(chain) if isinstance(s.tree, m.Outer) else (Sign(mark, s.path),),
                    (Claim("kept", s.letters, s.path),))  # fmt: skip

    def _every(self) -> Iterator[Fact]:
        """Indices that are carried along."""
        c = self._f.carried
        if not c:
            return
        whole = self._f.whole.tree
        cut = list(dict.fromkeys(t for t in whole.walk() if isinstance(t, m.Name) and any(i in c for i in t.slots)))
        one = len(c) == 1
        if not cut:  # a number, the same for every one
            said = say("{c} {verb} kept: there is one such formula for every {c}.", c=letters(c), verb=verb(c))
            yield Fact("every", said, said, (Sign("for every", ()),))
            return
        said = say(
            "{c} {verb} kept wherever {it} {stands}, and never summed: there is one such formula for every {c}, with "
            "{T}.",
            c=letters(c), verb=verb(c), it="it" if one else "they", stands="stands" if one else "stand",
            T=listed([self._show(t) for t in cut]),
        )  # fmt: skip
        brief = say("There is one such formula for every {c}.", c=letters(c))
        yield Fact("every", said, brief, (Sign("for every", ()),))


_ARE = ("is one number", "are numbers")
_EACH = ("{c} has no index: it is one number, which {does} every entry of {A}.",
         "{c} have no index: they are numbers, which {does} every entry of {A}.")  # fmt: skip
_WHOLE = ("{f} is a function of the whole matrix {A}.", "{f} is one number, a function of the whole matrix {A}.")
