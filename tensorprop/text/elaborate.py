"""Trees to nodes: every implicit sum in its place, every size named, what has two readings refused.

In: the tree of a right side and the letters of the left. Out: its node, and where it is asked for, the place of every
node in the text. This file does not know how text is cut up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorprop.core.build import add, bracket, call, fresh, mul, negate, number, power, reduce, sum_over
from tensorprop.core.expr import Add, Dim, Expr, Index, Mul, Number, Reduce, Sum
from tensorprop.core.functions import has_entries
from tensorprop.core.ranges import axis_of
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import BoundIndexEscapes, FreeIndexMismatch, NumberTooLarge, TensorpropError, UnknownRange
from tensorprop.text.implied import Apply, Bind, Leaf, Place, Plus, Power, Relate, Size, Term, Tree, places

__all__ = ["Builder"]

MAX_BITS = 16_384  # of a number that arithmetic on numbers makes, as for core's powers


class Builder:
    """Trees to nodes, for one equation. ``spans``, where it is a dict, is filled: node → where it stands first."""

    def __init__(self, text: str, einsum: bool, spans: dict[object, tuple[int, int]] | None) -> None:
        self.text, self.einsum, self.spans = text, einsum, spans
        self.left: frozenset[str] = frozenset()
        self.target = ""
        self.top: list[Tree] = []
        self.sizes: dict[str, tuple[int, int]] = {}

    def right_side(self, tree: Tree, left: frozenset[str], target: str) -> Expr:
        """The value of an equation whose left side, called ``target``, has the letters ``left``."""
        self.left, self.target = left, target
        self.top = tree.terms if isinstance(tree, Plus) else [tree]
        value = self.build(tree, left)
        return value

    def build(self, t: Tree, outer: frozenset[str]) -> Expr:
        """The node of a tree that stands where a term may stand."""
        kind = type(t)
        if kind is Term:
            node = self.term(t, outer)  # pyright: ignore[reportArgumentType]
        elif kind is Plus:
            node = self.plus(t, outer)  # pyright: ignore[reportArgumentType]
        else:
            lone = [c for c in t.open if c not in outer]
            if lone:
                return self.lone(lone, Term(t.start, t.end, False, [t], None, {}, False), t, outer)
            node = self.factor(t, outer)
        if self.spans is not None:
            self.spans.setdefault(node, (t.start, t.end))
        return node

    def term(self, t: Term, outer: frozenset[str]) -> Expr:
        """A product with the sums that stand around it."""
        here: list[str] = []
        lone: list[str] = []
        if t.plain:
            for c, n in t.counts.items():
                if c not in outer:
                    (here if n > 1 else lone).append(c)
        else:
            for c, where in places(t.factors, t.under, outer).items():
                if where == "here":
                    here.append(c)
                elif where == "lone":
                    lone.append(c)
                elif where != "inside":
                    self.two_readings(c, where, t, outer)
        if lone:
            if self.einsum and all(_linear(t, c) for c in lone):
                here += lone
            else:
                return self.lone(lone, t, t, outer)
        if t.plain and t.under is None:
            leaves: list[Any] = t.factors  # a plain product has leaves only
            nodes: list[Expr] = [f.node for f in leaves]
            if self.spans is not None:
                for f, node in zip(t.factors, nodes, strict=True):
                    self.spans.setdefault(node, (f.start, f.end))
        else:
            inner = outer.union(here) if here else outer
            nodes = [self.factor(f, inner) for f in t.factors]
            if t.under is not None:
                nodes = [
                    self._power(n, number(-1), f) if u else n for n, u, f in zip(nodes, t.under, t.factors, strict=True)
                ]
            self.small(nodes, t)
        value = mul(*nodes)
        if t.minus:
            value = negate(value)
        if not here:
            return value
        for c in here:
            if c in self.sizes:
                value = self.sized(value, c)
        free = value.free
        for c in here:
            if c not in free:
                if isinstance(value, Number) and not value.value:
                    return value
                raise UnknownRange(f"nothing that is left of this term has the index {c}", self.text, (t.start, t.end))
        return sum_over(here, value)

    def plus(self, t: Plus, outer: frozenset[str]) -> Expr:
        nodes = [self.build(u, outer) for u in t.terms]
        self.small(nodes, t)
        return add(*nodes)

    def factor(self, t: Tree, outer: frozenset[str]) -> Expr:
        """The node of a tree whose open letters are known to be bound further out."""
        match t:
            case Leaf():
                node = t.node
            case Term():
                node = self.term(t, outer)
            case Plus():
                node = self.plus(t, outer)
            case Power():
                self._apart((t.base, t.exponent), t, outer)
                node = self._power(self.factor(t.base, outer), self.build(t.exponent, outer), t)
            case Apply():
                self._apart(t.args, t, outer)
                node = call(t.function, *(self.build(a, outer) for a in t.args))
            case Relate():
                self._apart((t.left, t.right), t, outer)
                node = bracket(t.relation, self.build(t.left, outer), self.build(t.right, outer))
            case Bind():
                node = self.bind(t, outer)
            case Size():
                self.sizes.setdefault(t.letter, (t.start, t.end))
                node = Dim(_SIZE + t.letter, 0)
            case _:
                raise TypeError(t)
        if self.spans is not None:
            self.spans.setdefault(node, (t.start, t.end))
        return node

    def bind(self, t: Bind, outer: frozenset[str]) -> Expr:
        kept = has_entries(t.op)
        for c, span in zip(t.letters, t.spans, strict=True):
            if c in outer and not (kept and any(isinstance(a, Index) and a.name == c for a in t.at)):
                where = "free on the left" if c in self.left else "bound further out"
                what = "kept by" if kept else "summed away by" if t.op == "sum" else "taken away by"
                fix = f"give the bound index a letter of its own, such as {fresh(c, outer.union(t.letters))}"
                raise BoundIndexEscapes(
                    f'"{c}" is {what} {t.op}_{"".join(t.letters)} but also {where}',
                    self.text,
                    span,
                    fix=f'{fix}, or take "{c}" off the left side' if c in self.left else fix,
                )
        body = self.build(t.body, outer.union(t.letters))
        for c in t.letters:
            if c in self.sizes:
                body = self.sized(body, c)
        if t.op != "sum":
            return reduce(t.op, t.letters, body, t.at)
        for c, span in zip(t.letters, t.spans, strict=True):
            if c not in body.free:
                if isinstance(body, Number) and not body.value:
                    return body
                raise UnknownRange(
                    f"nothing in this sum has the index {c}, so nothing tells its range",
                    self.text,
                    span,
                    fix=f"write dim(x, 0) times the term for as many copies as x has on axis 0, or leave out {c}",
                )
        return sum_over(t.letters, body)

    def _power(self, base: Expr, exponent: Expr, t: Tree) -> Expr:
        if isinstance(base, Number) and isinstance(exponent, Number) and _bits(base) * abs(exponent.value) > MAX_BITS:
            raise NumberTooLarge("a power of numbers with thousands of digits", self.text, (t.start, t.end))
        try:
            return power(base, exponent)
        except TensorpropError as e:
            raise e.at(self.text, (t.start, t.end)) from None

    def small(self, nodes: Sequence[Expr], t: Tree) -> None:
        """Refuse arithmetic that would make a number of thousands of digits."""
        above = below = 0
        for n in nodes:
            k = type(n)
            if k is Number or k is Mul or k is Add:
                for m in n.terms if isinstance(n, Add) else n.factors[:1] if isinstance(n, Mul) else (n,):
                    if isinstance(m, Number):
                        bits = m.value.numerator.bit_length()
                        above = max(above, bits) if type(t) is Plus else above + bits
                        below += m.value.denominator.bit_length()
        if above + 2 * below > MAX_BITS:
            raise NumberTooLarge("a number with thousands of digits", self.text, (t.start, t.end))

    # ------------------------------------------------------------------- sizes
    def sized(self, body: Expr, letter: str) -> Expr:
        """``body``, in which ``letter`` is bound, with its ``dim(letter)`` told by a tensor."""
        mark = Dim(_SIZE + letter, 0)
        if mark not in postorder(body):
            return body
        found = axis_of(body, letter)
        if found is None:
            raise self.unknown(letter)
        return transform(body, lambda n: found if n is mark else n)

    def unknown(self, letter: str) -> UnknownRange:
        return UnknownRange(
            f"no tensor tells the range of {letter} here",
            self.text,
            self.sizes[letter],
            fix="name the axis: dim(x, 0) is the size of the first axis of x"
            + (f"; for an absolute value write abs({letter})" if self.text[self.sizes[letter][0]] == "|" else ""),
        )

    def rest_sized(self, value: Expr, told: dict[str, Dim]) -> Expr:
        """``value`` with what is left of ``dim(i)``: a letter of the left side, or one that is bound once elsewhere."""
        marks = [n for n in postorder(value) if isinstance(n, Dim) and n.tensor.startswith(_SIZE)]
        known: dict[Expr, Dim] = {}
        for mark in marks:
            letter = mark.tensor[len(_SIZE) :]
            if letter in self.left:
                found = axis_of(value, letter) or told.get(letter)
            else:
                scopes = {n: None for n in postorder(value) if isinstance(n, (Sum, Reduce)) and letter in n.indices}
                found = axis_of(next(iter(scopes)).children[0], letter) if len(scopes) == 1 else None
            if found is None:
                raise self.unknown(letter)
            known[mark] = found
        return transform(value, lambda n: known.get(n, n))

    def sized_by(self, value: Expr, axis: Callable[[str], Dim | None]) -> Expr:
        """``value`` with every ``dim(i)`` told by ``axis``."""
        known: dict[Expr, Dim] = {}
        for mark in [n for n in postorder(value) if isinstance(n, Dim) and n.tensor.startswith(_SIZE)]:
            found = axis(mark.tensor[len(_SIZE) :])
            if found is None:
                raise self.unknown(mark.tensor[len(_SIZE) :])
            known[mark] = found
        return transform(value, lambda n: known.get(n, n)) if known else value

    # ------------------------------------------------------------------- refusals
    def _apart(self, parts: Sequence[Tree], t: Tree, outer: frozenset[str]) -> None:
        """Two arguments that each sum the same letter are two readings."""
        seen: set[str] = set()
        for p in parts:
            for c in p.closed:
                if c in seen and c not in outer:
                    self.two_readings(c, "twice", Term(t.start, t.end, False, list(parts), None, {}, False), outer)
                seen.add(c)

    def lone(self, letters: list[str], term: Term, whole: Tree, outer: frozenset[str]) -> Expr:
        """An index that stands once: refused, or summed where einsum's convention has one reading."""
        if self.einsum and all(_linear(term, c) for c in letters):
            value = self.factor(term.factors[0], outer.union(letters))
            return sum_over(letters, value)
        c = letters[0]
        own = [x for f in term.factors for x in (*f.open, *f.closed)]
        holder = next(f for f in term.factors if c in f.open)
        missing = [x for x in sorted(self.left) if x not in own]
        if any(whole is x for x in self.top) and missing:
            number = next(k for k, x in enumerate(self.top) if whole is x)
            indexed = [f for f in term.factors if f.open or f.closed]
            where = f"term {number + 1}" if len(self.top) > 1 else "the right side"
            has = ", ".join(dict.fromkeys(own))
            fixes = (
                [self.text[holder.start : holder.end].replace(c, m) for m in missing] if type(holder) is Leaf else []
            )
            raise FreeIndexMismatch(
                f'{where} has no "{missing[0]}", although {self.target} does, and {c} is not on the left',
                self.text,
                (indexed[0].start, indexed[-1].end),
                known=f"left: {' '.join(sorted(self.left))}    {where}: {has.replace(',', '')}",
                fix=("did you mean " + " or ".join(fixes) + "?") if fixes else f"write Σ_{c} where it is summed",
            )
        from tensorprop.text.readings import alone

        raise alone(self.text, c, letters, term, holder, self.target if any(whole is x for x in self.top) else "")

    def two_readings(self, letter: str, where: Place, t: Term, outer: frozenset[str]) -> None:
        from tensorprop.text.readings import doubled, twice

        here = [c for c, at in t.places(outer).items() if at in ("here", "power")]
        raise (twice if where == "twice" else doubled)(self.text, letter, here, t, outer)


_SIZE = "dim of "  # no name has a space


def _bits(n: Number) -> int:
    return max(n.value.numerator.bit_length(), n.value.denominator.bit_length())


def _linear(t: Tree, letter: str) -> bool:
    """Whether the sum over a lone letter may as well stand inside as around ``t``: then there is one reading."""
    match t:
        case Leaf():
            return True
        case Term():
            return all(
                _linear(f, letter) and not (t.under is not None and t.under[k])
                for k, f in enumerate(t.factors)
                if letter in f.open
            )
        case Plus():
            return all(letter in u.open and _linear(u, letter) for u in t.terms)
        case Bind():
            return t.op == "sum" and _linear(t.body, letter)
        case _:
            return False
