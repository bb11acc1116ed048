"""Why a product stands as it does: what is summed between which neighbours, who is turned, who stands left.

In: a product within a formula whose parts know their indices. Out: its `Fact`s. What else a formula has is not known
here (`facts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tensorprop.render import trees as m
from tensorprop.render.derivation.indexed import Indexed, Path, Spot, scaling
from tensorprop.render.derivation.sentences import Math, Sentence, join, letter, letters, listed, say, turned
from tensorprop.render.derivation.signs import Claim, Fact, Sign, is_ones, upright
from tensorprop.render.trees import MathTree

__all__ = ["Products", "verb"]


def verb(names: tuple[str, ...] | list[str]) -> str:
    """``is`` for one, ``are`` for several."""
    return "is" if len(names) == 1 else "are"


class Products:
    """The facts of the products of one formula; ``shown`` writes a part, ``left`` is the left side."""

    def __init__(self, f: Indexed, shown: Callable[[MathTree], Math], left: Math) -> None:
        self._f = f
        self._show = shown
        self._left = left
        self._told: set[Path] = set()  # transposes that a product has explained

    # ----------------------------------------------------------------- words for parts
    def name(self, s: Spot) -> Math:
        """A factor as a sentence calls it, without the transpose around it."""
        return self._held(upright(s.tree))

    def _held(self, t: MathTree) -> Math:
        """A part in a sentence: in parentheses where it is a sum or an elementwise product."""
        x = self._show(t)
        return Math(f"({x.unicode})", rf"\left({x.latex}\right)") if m.level(t) < m.PRODUCT else x

    def _turns(self, s: Spot) -> tuple[Sign, ...]:
        """The sign ᵀ of a factor that is explained along with its product."""
        if isinstance(s.tree, m.Transpose):
            self._told.add(s.path)
            return (Sign("ᵀ", s.path),)
        return ()

    def _is(self, a: Spot, letter_: str) -> str:
        """Which index of a matrix a letter is, as the matrix is named: ``first``, ``second``, ``row``, ``column``."""
        names = a.letters[::-1] if isinstance(a.tree, m.Transpose) else a.letters
        t = upright(a.tree)
        natural = isinstance(t, m.Name) and list(t.order) == sorted(t.order)
        return ("first", "second")[names.index(letter_)] if natural else ("row", "column")[names.index(letter_)]

    # ----------------------------------------------------------------- products
    def product(self, s: Spot) -> Iterator[Fact]:
        parts = [self._f[p] for p in s.factors]
        order = (Sign("order", s.path),)
        inner: list[tuple[str, Spot, Spot]] = []  # summed between two
        where: dict[str, list[int]] = {}
        told: list[Fact] = []
        for n, (i, a, b) in enumerate(zip(s.seams, parts, parts[1:], strict=False)):
            seam = Sign("product", s.path, n)
            if is_ones(a.tree) or is_ones(b.tree):
                told.append(self._ones(s, i, a, b, seam))
            elif i is None:
                told.append(self._outer(s, a, b, seam))
            else:
                where.setdefault(i, []).append(n)
        for i, at in where.items():
            marks = tuple(Sign("product", s.path, n) for n in at)
            chain = parts[at[0] : at[-1] + 2]
            ends = [c for c in chain if scaling(c.tree) is None]
            scaled = [c for c in chain if scaling(c.tree) is not None]
            if scaled:
                told.append(self._scale(s, i, ends, scaled, marks))
            if i in s.summed and len(ends) == 2:
                inner.append((i, ends[0], ends[1]))
        if inner:
            taken = {x for fact in told for x in fact.signs}
            seams = tuple(x for i, _, _ in inner for n in where[i] if (x := Sign("product", s.path, n)) not in taken)
            yield from self._contraction(s, inner, seams, order)
        yield from told
        covered = {x.mark for fact in told for x in fact.signs}
        if not inner and "order" not in covered:
            yield Fact("order", self._place_said(s), self._place_said(s), order)

    def _place_said(self, s: Spot) -> Sentence:
        return say("In {f} the factors stand in the order of their indices.", f=self._show(s.tree))

    def _contraction(
        self, s: Spot, inner: list[tuple[str, Spot, Spot]], seams: tuple[Sign, ...], order: tuple[Sign, ...]
    ) -> Iterator[Fact]:
        """What is summed between two factors: an inner product, a matrix product, several of them."""
        above = self._f.parent(s)
        summed = tuple(dict.fromkeys(i for i, _, _ in inner))
        claims = (
            Claim("summed", summed, s.path),
            *(Claim("meets", (i,), s.path, (a.path, b.path)) for i, a, b in inner),
        )
        head = self._meet(s, inner)
        if above is not None and isinstance(above.tree, m.MatrixTrace):
            c = above.summed
            said = head + say(
                "as in a matrix product; {i}, which is left at both ends, is one index and summed too. The sum along "
                "the diagonal is the trace. In a trace the first factor may as well stand last: the order is not "
                "forced.",
                i=letters(c),
            )
            yield Fact("trace", said, said, (*seams, *order, Sign("tr", above.path)),
                       (*claims, Claim("summed", c, above.path)))  # fmt: skip
        elif above is not None and isinstance(above.tree, m.Diagonal):
            yield from self._diagonal(s, above, head, seams, order, claims)
        elif not s.letters:
            yield self._inner(inner, head, (*seams, *order), claims)
            if len(inner) == 1 and all(len(c.letters) < 2 for _, a, b in inner for c in (a, b)):
                return
        else:
            claims = (*claims, Claim("kept", s.letters, s.path))
            yield self._matrix_product(s, inner, head, seams, claims)
            yield from self._laid(s, inner)
            yield self._between(s, inner, order, claims)
            return
        yield from self._laid(s, inner)

    def _meet(self, s: Spot, inner: list[tuple[str, Spot, Spot]]) -> Sentence:
        """What is summed, and where it stands."""
        if len(inner) > 1:
            pairs = [
                say("{j} is summed, and stands in {A} and {B}", j=letter(i), A=self.name(a), B=self.name(b))
                for i, a, b in inner
            ]
            return join(pairs, "; ")
        i, a, b = inner[0]
        if upright(a.tree) == upright(b.tree) and not s.letters:
            return say("{j} is summed, and stands in {A} twice", j=letter(i), A=self.name(a))
        return say("{j} is summed, and stands once in {A} and once in {B}", j=letter(i), A=self.name(a), B=self.name(b))

    def _inner(
        self, inner: list[tuple[str, Spot, Spot]], head: Sentence, marks: tuple[Sign, ...], claims: tuple[Claim, ...]
    ) -> Fact:
        """No index is left: one number."""
        tail = say("; neither has an index of its own left. That is an inner product.")
        if len(inner) > 1:
            tail = say("; no index is left. That is an inner product, with a matrix in between.")
        both = join([head, tail], "")
        alone = say("A number is its own transpose, so either may stand first.")
        turns = tuple(x for _, a, b in inner for c in (a, b) if len(c.letters) == 1 for x in self._turns(c))
        if turns:
            alone += say("The first lies as a row, the last stands as a column.")
        return Fact("inner", both + alone, both, (*marks, *dict.fromkeys(turns)), claims)

    def _matrix_product(
        self, s: Spot, inner: list[tuple[str, Spot, Spot]], head: Sentence, seams: tuple[Sign, ...],
        claims: tuple[Claim, ...],
    ) -> Fact:  # fmt: skip
        left = say("; {left} {verb} left", left=letters(s.letters), verb=verb(s.letters))
        brief = [
            say("{j} is summed, in {A} and {B}.", j=letter(i), A=self.name(a), B=self.name(b)) for i, a, b in inner
        ]
        said = join([head, left, say(".")], "")
        return Fact("product", said, join(brief), seams, claims)

    def _between(
        self, s: Spot, inner: list[tuple[str, Spot, Spot]], order: tuple[Sign, ...], claims: tuple[Claim, ...]
    ) -> Fact:
        """Why the factors of a matrix product stand in that order."""
        stands = [
            say("{j} must stand between the two", j=letter(inner[0][0]))
            if len(s.factors) == 2
            else say("{j} must stand between {A} and {B}", j=letter(i), A=self.name(a), B=self.name(b))
            for i, a, b in inner
        ]
        tail = say(", {out} outside: {f}.", out=letters(s.letters), f=self._bare(s))
        where = join([join(stands, ", "), tail], "")
        return Fact("order", join([say("Numbers commute, matrices do not: "), where], ""), where, order, claims)

    def _bare(self, s: Spot) -> Math:
        """A product without the scalars in front."""
        assert isinstance(s.tree, m.Product)
        rest = tuple(t for t in s.tree.factors if t.kind != "scalar")
        return self._spaced(rest)

    def _spaced(self, factors: tuple[MathTree, ...], space: str = " ") -> Math:
        """Factors beside one another, always with a space between."""
        wrapped = [self._held(t) for t in factors]
        return Math(space.join(x.unicode for x in wrapped), " ".join(x.latex for x in wrapped))

    def _diagonal(
        self, s: Spot, above: Spot, head: Sentence, seams: tuple[Sign, ...], order: tuple[Sign, ...],
        claims: tuple[Claim, ...],
    ) -> Iterator[Fact]:  # fmt: skip
        """The diagonal of a product: inner products, one for every value of an index."""
        c = letters(above.letters)
        said = join([head, say("; {c} is kept by both. That is an inner product for every {c}. Matrices have no sign "
                               "for that: one multiplies entry by entry and adds, or takes the diagonal of a product.",
                               c=c)], "")  # fmt: skip
        brief = join([head, say("; {c} is kept by both: an inner product for every {c}.", c=c)], "")
        kept = (*claims, Claim("kept", above.letters, above.path))
        yield Fact("inner", said, brief, seams, kept)
        said = say(
            "{i} is kept by both factors, while a matrix product lets each have an index of its own. Only the entries "
            "where both are {i} are wanted: the diagonal. A product and its transpose have the same diagonal, so "
            "either order would do.",
            i=c,
        )
        brief = say("Of the product only the entries where both outer indices are {i} are wanted.", i=c)
        yield Fact("diagonal", said, brief, (Sign("diagonal", above.path), *order), kept)

    def _outer(self, s: Spot, a: Spot, b: Spot, seam: Sign) -> Fact:
        """A column times a row."""
        own = (*a.letters, *b.letters)
        if len(set(own)) < len(own):
            return self._same_index(s, a, b, (seam, *self._turns(a), *self._turns(b)))
        signs_ = (seam, *self._turns(a), *self._turns(b), *([Sign("order", s.path)] if len(s.factors) == 2 else []))
        facts_ = {"i": letter(a.letters[0]), "j": letter(b.letters[-1]), "A": self._show(a.tree),
                  "B": self._show(b.tree)}  # fmt: skip
        where = say("{i} numbers the rows, so {A} stands first, upright; {j} the columns, so {B} stands last, lying.",
                    **facts_)  # fmt: skip
        said = say(
            "{parts} stand in different factors, {told}, and all are left: nothing is summed, and every entry meets "
            "every entry.",
            parts=letters(own),
            told=listed([self.name(a), self.name(b)]),
        )
        brief = say("Nothing is summed: {parts} stand in different factors.", parts=letters(own))
        if len(s.factors) > 2 and set(own) & set(s.summed):
            said = say("{parts} stand in different factors, {told}, so between these two nothing is summed.",
                       parts=letters(own), told=listed([self.name(a), self.name(b)]))  # fmt: skip
            where = say("{A} stands upright, {B} lies: every entry meets every entry.", **{k: facts_[k] for k in "AB"})
            brief = said
        claims = (Claim("rows", a.letters[:1], a.path), Claim("columns", b.letters[-1:], b.path),
                  Claim("lacks", own[:1], b.path), Claim("lacks", own[-1:], a.path))  # fmt: skip
        return Fact("outer", said + where, brief, signs_, claims)

    def _same_index(self, s: Spot, a: Spot, b: Spot, marks: tuple[Sign, ...]) -> Fact:
        """Within a diagonal: of all products of two only those with equal indices are used."""
        said = say("{f} has every product of two entries; of these only the ones with equal indices are used.",
                   f=self._spaced((a.tree, b.tree)))  # fmt: skip
        return Fact("outer", said, said, (*marks, Sign("order", s.path)), (Claim("kept", s.letters, s.path),))

    def _ones(self, s: Spot, i: str | None, a: Spot, b: Spot, seam: Sign) -> Fact:
        """1 beside something: the sum of its rows or columns, or the same again and again."""
        one, other = (b, a) if is_ones(b.tree) else (a, b)
        (j,) = one.letters
        bare = self._spaced((a.tree, b.tree))
        ones = self._show(upright(one.tree))
        marks = (seam, Sign("1", one.path if not isinstance(one.tree, m.Transpose) else (*one.path, 0)))
        marks += self._turns(one)
        if is_ones(a.tree) and is_ones(b.tree):
            marks += (Sign("1", other.path if not isinstance(other.tree, m.Transpose) else (*other.path, 0)),)
            marks += self._turns(other)
        alone = len(s.factors) == 2 or not any(x is not None and x in s.summed for x in s.seams)
        if alone or (seam.n == 0 and all(is_ones(self._f[p].tree) for p in s.factors[1:])):
            marks += (Sign("order", s.path),)
        if i is not None and i in s.summed:
            said = say("{j} is summed, and stands in {A} alone. A matrix product sums over an index of two factors: "
                       "the second is {one}, a vector of ones", j=letter(j), A=self.name(other), one=ones)  # fmt: skip
            brief = say("{j} is summed, in {A} alone, by {one}.", j=letter(j), A=self.name(other), one=ones)
            if isinstance(other.tree, m.Transpose):
                said = join([said, say(", {f}.", f=bare)], "") + self._sum_turned(other, j)
                if len(other.letters) == 2:
                    brief = say("{j} is summed, the {own} index of {A} alone: {f}.", j=letter(j), A=self.name(other),
                                own=self._is(other, j), f=bare)  # fmt: skip
                marks += self._turns(other)
            else:
                side = say(". On the {side} it adds up every {line}.", side="left" if one is a else "right",
                           line="row" if one is b else "column")  # fmt: skip
                said = join([said, side if len(other.letters) == 2 else say(", {f}.", f=bare)], "")
            claims = (Claim("summed", (j,), s.path), Claim("kept", s.letters, s.path))
            return Fact("sum", said, brief, marks, claims)
        if j in other.letters:
            return self._same_index(s, a, b, marks)
        said = say("{A} has no {j}; {one}, a vector of ones, repeats it for every {j}: {f}.", A=self.name(other),
                   j=letter(j), f=bare, one=ones)  # fmt: skip
        if is_ones(other.tree) and s.factors[0] == a.path:
            said = say("{f} is a matrix of ones.", f=self._spaced((a.tree, b.tree), ""))
            return Fact("ones", said, said, marks, (Claim("lacks", (j,), other.path),))
        lacks = (Claim("lacks", (j,), other.path),)
        if is_ones(other.tree):
            said = say("{one}, a row of ones, repeats the sums for every {j}.", j=letter(j),
                       one=self._show(one.tree))  # fmt: skip
            return Fact("sum", said, say("{one} repeats the sums.", one=self._show(one.tree)), marks, lacks)
        brief = say("{A} has no {j}: {one} repeats it.", A=self.name(other), j=letter(j), one=ones)
        return Fact("broadcast", said, brief, marks, lacks)

    def _sum_turned(self, other: Spot, j: str) -> Sentence:
        if len(other.letters) == 1:
            return say("{A} lies as a row, {T}.", A=self.name(other), T=self._show(other.tree))
        return say("{j} is the {own} index of {A}, and is wanted as the other: {T}.", j=letter(j), A=self.name(other),
                   own=self._is(other, j), T=self._show(other.tree))  # fmt: skip

    def _scale(self, s: Spot, i: str, ends: list[Spot], scaled: list[Spot], marks: tuple[Sign, ...]) -> Fact:
        """A diagonal matrix beside a matrix, or between two."""
        vectors = [scaling(c.tree) for c in scaled]
        us = listed([self._show(v) for v in vectors if v is not None])
        over = any(isinstance(upright(c.tree), m.Inverse) for c in scaled)
        signs_ = [*marks]
        for c in scaled:
            signs_ += self._turns(c)
            at = (*c.path, 0) if isinstance(c.tree, m.Transpose) else c.path
            t = self._f[at].tree
            mark = "inverse" if isinstance(t, m.Inverse) else "power" if isinstance(t, m.MatrixPower) else ""
            signs_ += [Sign(mark, at), Sign("diag", (*at, 0))] if mark else [Sign("diag", at)]
        told = listed([self._show(c.tree) for c in scaled])
        if i in s.summed and len(ends) == 2:
            said = say(
                "{j} stands in more than two factors at once, {A}, {u} and {B}, and a product of two matrices has room "
                "for two: the last index of the one and the first of the other. {D} between them puts {u} into every "
                "term of the sum.",
                j=letter(i), A=self.name(ends[0]), u=us, B=self.name(ends[1]), D=told,
            )  # fmt: skip
            brief = say("{j} stands in {A}, {u} and {B}: {D} puts {u} into every term of the sum.", j=letter(i),
                        A=self.name(ends[0]), u=us, B=self.name(ends[1]), D=told)  # fmt: skip
            return Fact("scale", said, brief, tuple(signs_), (Claim("summed", (i,), s.path),))
        other = ends[0] if ends else scaled[-1]
        rows = scaled[0].path < other.path
        gone = [k for k in s.letters if k != i]  # none in a diagonal, where both ends of the product are i
        places: dict[str, Math | str] = {
            "i": letter(i), "u": us, "A": self._show(other.tree), "side": "left" if rows else "right",
            "row": "row" if rows else "column", "does": "divided by" if over else "multiplied with",
        }  # fmt: skip
        lacks, serves = "Here ", ""
        if gone:
            places["gone"] = letters(gone)
            lacks, serves = "{u} has no {gone}: ", "{u} has no {gone}: the same value serves every {gone}. "
        whole = "To scale whole {row}s is to multiply with a diagonal matrix on the {side}"
        each = "{row} {i} of {A} is {does} entry {i} of {u}."
        said = say(f"{{i}} is kept by {{u}} and {{A}}: nothing is summed. {serves}{whole}: {each}", **places)
        brief = say(lacks + each, **places)
        if not any(k in s.summed for k in s.seams) and not any(k is None for k in s.seams):
            signs_.append(Sign("order", s.path))
        return Fact("scale", said, brief, tuple(dict.fromkeys(signs_)), (Claim("kept", (i,), s.path),))

    # ----------------------------------------------------------------- transposes within a product
    def _laid(self, s: Spot, inner: list[tuple[str, Spot, Spot]]) -> Iterator[Fact]:
        """Why the factors of a product are turned or not."""
        if len(inner) == 1 and len(s.letters) == 1:
            yield from self._by_vector(inner[0])
            return
        law = say("A matrix product sums over the last index of the left factor and the first of the right one.")
        said: list[Sentence] = []
        brief: list[Sentence] = []
        signs_: list[Sign] = []
        claims: list[Claim] = []
        seen: set[Path] = set()
        for i, a, b in inner:
            for c, where in ((a, "last"), (b, "first")):
                if c.path in seen or (len(c.letters) != 2 and not isinstance(c.tree, m.Transpose)):
                    continue
                seen.add(c.path)
                turned = isinstance(c.tree, m.Transpose)
                told = self._stands(c, i, where)
                signs_ += self._turns(c)
                short = say("{j} is summed, the {own} index of {A}: {T}.", j=letter(i), A=self.name(c),
                            T=self._show(c.tree), own=self._end(c, i)) if len(c.letters) == 2 else told  # fmt: skip
                claims.append(Claim("columns" if where == "last" else "rows", (i,), c.path))
                said.append(told)
                brief += [short] * turned
        if len(said) == 2 and (both := self._both(*inner[0])) is not None:
            said = [both]
        if said:
            short = join(brief or [say("In {f} no factor needs to be turned.", f=self._bare(s))])
            yield Fact("transpose", join([law, *said]), short, tuple(signs_), tuple(claims))

    def _both(self, i: str, a: Spot, b: Spot) -> Sentence | None:
        """That a letter has the same place in both factors, so that one of them is turned."""
        own = self._end(a, i) if len(a.letters) == len(b.letters) == 2 else ""
        if not own or own != self._end(b, i) or isinstance(a.tree, m.Transpose) == isinstance(b.tree, m.Transpose):
            return None
        turned, stays = (a, b) if isinstance(a.tree, m.Transpose) else (b, a)
        return say("{j} is the {own} index of both: {A} stays, {B} is turned, {T}.", j=letter(i), own=own,
                   A=self.name(stays), B=self.name(turned), T=self._show(turned.tree))  # fmt: skip

    def _end(self, c: Spot, i: str) -> str:
        own = self._is(c, i)
        return "last" if own == "second" else own

    def _stands(self, c: Spot, i: str, where: str) -> Sentence:
        if len(c.letters) != 2:
            return say("{A} lies as a row: {T}.", A=self.name(c), T=self._show(c.tree))
        own = self._end(c, i)
        if isinstance(c.tree, m.Transpose):
            return say("{j} is the {own} index of {A}, so {A} is turned: {T}.", j=letter(i), own=own, A=self.name(c),
                       T=self._show(c.tree))  # fmt: skip
        return say("{j} is the {own} index of {A}: it stays.", j=letter(i), own=own, A=self.name(c))

    def _by_vector(self, inner: tuple[str, Spot, Spot]) -> Iterator[Fact]:
        """A matrix times a column, a row times a matrix."""
        j, a, b = inner
        matrix = a if len(a.letters) == 2 else b
        vector = b if matrix is a else a
        if len(matrix.letters) != 2:
            return
        which, other = ("second", "first") if matrix is a else ("first", "second")
        own = self._is(matrix, j)
        phrase = "a matrix times a column" if matrix is a else "a row times a matrix"
        plain = self.name(matrix)
        marks = (*self._turns(matrix), *self._turns(vector))
        claims = (Claim("columns" if matrix is a else "rows", (j,), matrix.path),)
        told: dict[str, Math | str] = {
            "W": plain, "T": turned(plain), "j": letter(j), "f": self._spaced((a.tree, b.tree)), "which": which,
            "other": other, "vector": phrase, "own": own,
        }  # fmt: skip
        if isinstance(matrix.tree, m.Transpose):
            said = say("The sum runs over {W}'s {own} index, {j}; {vector} sums over the {which} index of the matrix. "
                       "So {W} is turned: {f}.", **told)  # fmt: skip
            brief = say(f"The sum runs over {{W}}'s {own} index, {{j}}: {{W}} is turned.", W=plain, j=letter(j))
        else:
            said = say("The sum runs over {W}'s {own} index, {j}, and {vector} sums over the {which} index of the "
                       "matrix: {f}.", **told)  # fmt: skip
            if isinstance(matrix.tree, m.Name):
                said += say("For {T} it would be the {other} one.", **told)
            brief = say("The sum runs over {W}'s {own} index, {j}: {W} stays.", **told)
        if isinstance(vector.tree, m.Transpose):
            lies = say("{v} {lies}: {T}.", v=self.name(vector), T=self._show(vector.tree),
                       lies="stands as a column" if vector is b else "lies as a row")  # fmt: skip
            said, brief = said + lies, brief + lies
        yield Fact("transpose", said, brief, marks, claims)
