"""Which sums are meant: from terms as they were written to nodes, with every implicit sum in its place.

In: light trees, as ``syntax`` reads them, each with the letters that stand *open* in it (neither bound nor summed
inside) and those that it *closes* (its own implicit sums would take them). Out: nodes.

The rule, for a letter that is not bound further out and a maximal product of factors:

* it stands open twice or more (a factor raised to a whole power n counts n times): summed around the whole product;
* it stands open nowhere, and one factor closes it: summed inside that factor;
* it stands open once and no factor closes it: alone, refused;
* several factors close it, or one does and it stands open twice besides: two readings, refused; but a power inside
  parentheses, as in ``W_ij δ_j (1 - h_j^2)``, gives way to what stands open outside;
* only a power, or only a divisor, makes two of it, and the sum could as well stand inside: refused.

This file does not know how text is cut up. ``show`` asks the same rule, so that what it leaves out comes back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, Protocol

from tensorprop.core.build import add, bracket, call, mul, negate, power, reduce, sum_over
from tensorprop.core.expr import Add, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import NORMALISERS
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import (
    AmbiguousSum,
    BoundIndexEscapes,
    FreeIndexMismatch,
    NumberTooLarge,
    TensorpropError,
    UnknownRange,
)

__all__ = ["Apply", "Bind", "Builder", "Leaf", "Place", "Plus", "Power", "Relate", "Size", "Term", "Tree", "axis_of", "place"]

MAX_BITS = 3600  # of a number that arithmetic on numbers makes; its digits can then be written as a sum of numbers
Letters = str | tuple[str, ...]
Place = Literal["lone", "here", "inside", "twice", "power"]


class Factor(Protocol):
    """What the rule asks of a factor."""

    @property
    def open(self) -> Letters: ...
    @property
    def closed(self) -> Letters: ...
    @property
    def soft(self) -> Letters:
        """Letters that are closed by powers alone, and not inside a function or a divisor."""
        ...
    @property
    def raised(self) -> bool:
        """Whether it is a whole power, which alone makes two of its base's open letters."""
        ...
    def doubt(self, letter: str, outer: Collection[str]) -> bool:
        """Whether the factor, where it alone has the letter, has it twice in a way that can be read otherwise."""
        ...


def place(letter: str, factors: Sequence[Factor], under: Sequence[bool] | None, outer: Collection[str]) -> Place:
    """Where the sum over a letter that is not bound further out stands, by the rule above."""
    times = holders = closers = yielding = 0
    last = 0
    for k, f in enumerate(factors):
        n = f.open.count(letter)
        if n:
            times, holders, last = times + n, holders + 1, k
        elif letter in f.closed:
            if letter in f.soft and not (under is not None and under[k]):
                yielding += 1
            else:
                closers += 1
    if not times:
        return "inside" if closers + yielding == 1 else "twice"
    if closers > 1 or (closers and times + yielding > 1):
        return "twice"
    if closers or yielding:
        return "here"
    if times == 1:
        return "lone"
    if holders == 1 and ((under is not None and under[last]) or factors[last].doubt(letter, outer)):
        return "power"
    return "here"


# --------------------------------------------------------------------------- trees
class Tree:
    """A piece of text and the letters in it."""

    __slots__ = ("closed", "end", "open", "soft", "start")
    start: int
    end: int
    open: Letters
    closed: Letters
    soft: Letters

    @property
    def raised(self) -> bool:
        return False

    def doubt(self, letter: str, outer: Collection[str]) -> bool:
        return False


class Leaf(Tree):
    """A number, or a tensor's entry: the node is known at once."""

    __slots__ = ("node",)

    def __init__(self, start: int, end: int, letters: Letters, node: Expr) -> None:
        self.start, self.end, self.open, self.node = start, end, letters, node
        self.closed = self.soft = ()


class Term(Tree):
    """A product, perhaps with a minus in front; ``under[k]`` says that factor k is a divisor."""

    __slots__ = ("counts", "factors", "minus", "plain", "under")

    def __init__(
        self, start: int, end: int, minus: bool, factors: list[Tree], under: list[bool] | None, counts: dict[str, int], plain: bool
    ) -> None:
        self.start, self.end = start, end
        self.minus, self.factors, self.under, self.counts, self.plain = minus, factors, under, counts, plain
        self.open = self.closed = self.soft = ()

    def settle(self) -> Term:
        """Fill in the letters, for a product that becomes part of something larger."""
        if self.plain:
            self.open = tuple(c for c, n in self.counts.items() if n == 1)
            self.closed = tuple(c for c, n in self.counts.items() if n > 1)
        else:
            self.open, self.closed, self.soft = settled(self.letters(), self.factors, self.under)
        return self

    def letters(self) -> list[str]:
        """Every letter that the factors have open or close."""
        found = dict.fromkeys(self.counts)
        if not self.plain:
            for f in self.factors:
                found.update(dict.fromkeys(f.closed))
        return list(found)

    def place(self, letter: str, outer: Collection[str]) -> Place:
        if self.plain:
            return "lone" if self.counts[letter] == 1 else "here"
        return place(letter, self.factors, self.under, outer)


class Plus(Tree):
    """Terms added."""

    __slots__ = ("terms",)

    def __init__(self, start: int, end: int, terms: list[Tree], nested: bool) -> None:
        self.start, self.end, self.terms = start, end, terms
        self.open, self.closed, self.soft = gathered(terms) if nested else ((), (), ())


class Power(Tree):
    """``base^exponent``; ``times`` is a whole exponent of 2 or more, else 0."""

    __slots__ = ("base", "exponent", "times")

    def __init__(self, start: int, end: int, base: Tree, exponent: Tree, times: int) -> None:
        self.start, self.end, self.base, self.exponent, self.times = start, end, base, exponent, times
        opened, self.closed, self.soft = gathered((base, exponent))
        self.open = opened + opened if times else opened
        if not times:
            self.soft = ()

    @property
    def raised(self) -> bool:
        return bool(self.times)

    def doubt(self, letter: str, outer: Collection[str]) -> bool:
        return bool(self.times) and (self.base.open.count(letter) > 1 or any(c not in outer for c in self.base.closed))


class Apply(Tree):
    """``f(a, b)``."""

    __slots__ = ("args", "function")

    def __init__(self, start: int, end: int, function: str, args: list[Tree]) -> None:
        self.start, self.end, self.function, self.args = start, end, function, args
        self.open, self.closed, self.soft = *gathered(args)[:2], ()


class Relate(Tree):
    """``[left relation right]``; a letter open on both sides stands twice."""

    __slots__ = ("left", "relation", "right")

    def __init__(self, start: int, end: int, relation: str, left: Tree, right: Tree) -> None:
        self.start, self.end, self.relation, self.left, self.right = start, end, relation, left, right
        opened, self.closed, self.soft = *gathered((left, right))[:2], ()
        self.open = opened + tuple(c for c in opened if c in left.open and c in right.open)


class Bind(Tree):
    """``Σ_u body``, ``max_u body``, ``softmax_u(body)``: ``at`` are the entries meant, where the letters are kept."""

    __slots__ = ("at", "body", "letters", "op", "spans")

    def __init__(
        self,
        start: int,
        end: int,
        op: str,
        letters: tuple[str, ...],
        spans: list[tuple[int, int]],
        body: Tree,
        at: tuple[Expr, ...],
        outside: tuple[str, ...],
    ) -> None:
        self.start, self.end, self.op, self.letters, self.spans, self.body, self.at = start, end, op, letters, spans, body, at
        opened = [c for c in dict.fromkeys(body.open) if c not in letters]
        self.open = tuple(dict.fromkeys([*opened, *outside]))
        self.closed = tuple(c for c in body.closed if c not in letters and c not in self.open)
        self.soft = ()


class Size(Tree):
    """``dim(i)``."""

    __slots__ = ("letter",)

    def __init__(self, start: int, end: int, letter: str) -> None:
        self.start, self.end, self.letter = start, end, letter
        self.open = self.closed = self.soft = ()


def gathered(parts: Sequence[Factor]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The letters open in some part; those closed in some and open in none; of these, those closed by powers alone."""
    if len(parts) == 1:
        p = parts[0]
        return tuple(dict.fromkeys(p.open)), tuple(p.closed), tuple(p.soft)
    opened: dict[str, None] = {}
    closed: dict[str, None] = {}
    for p in parts:
        opened.update(dict.fromkeys(p.open))
        closed.update(dict.fromkeys(p.closed))
    shut = tuple(c for c in closed if c not in opened)
    return tuple(opened), shut, tuple(c for c in shut if all(c in p.soft for p in parts if c in p.closed))


def settled(
    letters: Iterable[str], factors: Sequence[Factor], under: Sequence[bool] | None
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The letters that a product leaves open, those that it closes, and those that it closes by powers alone."""
    opened: list[str] = []
    closed: list[str] = []
    soft: list[str] = []
    for c in letters:
        where = place(c, factors, under, ())
        if where == "lone":
            opened.append(c)
            continue
        closed.append(c)
        holders = [k for k, f in enumerate(factors) if c in f.open or c in f.closed]
        f = factors[holders[0]]
        if len(holders) == 1 and not (under is not None and under[holders[0]]) and (c in f.soft or f.raised):
            soft.append(c)
    return tuple(opened), tuple(closed), tuple(soft)


# --------------------------------------------------------------------------- nodes
class Builder:
    """Trees to nodes. One per equation; ``spans`` is filled where it is a dict: node → place of its first occurrence."""

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
            for c in t.letters():
                if c not in outer:
                    where = place(c, t.factors, t.under, outer)
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
            nodes = [f.node for f in t.factors]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
            if self.spans is not None:
                for f, node in zip(t.factors, nodes, strict=True):
                    self.spans.setdefault(node, (f.start, f.end))
        else:
            inner = outer.union(here) if here else outer
            nodes = [self.factor(f, inner) for f in t.factors]
            if t.under is not None:
                nodes = [self._power(n, Number(-1), f) if u else n for n, u, f in zip(nodes, t.under, t.factors, strict=True)]
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
        kept = t.op in NORMALISERS
        for c, span in zip(t.letters, t.spans, strict=True):
            if c in outer and not (kept and any(isinstance(a, Index) and a.name == c for a in t.at)):
                where = "free on the left" if c in self.left else "bound further out"
                other = next(x for x in "ijklmnpqrstuvwxyzabcdefgho" if x not in outer and x not in t.letters)
                raise BoundIndexEscapes(
                    f'"{c}" is {"taken by" if kept else "summed away by" if t.op == "sum" else "taken away by"} {t.op}_{"".join(t.letters)} but also {where}',
                    self.text,
                    span,
                    fix=f'give the bound index a letter of its own, such as {other}, or take "{c}" off the left side'
                    if c in self.left
                    else f"give the bound index a letter of its own, such as {other}",
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
                    fix=f"write dim(x, 0) times the term for as many copies as the first axis of x is long, or leave out {c}",
                )
        return sum_over(t.letters, body)

    def _power(self, base: Expr, exponent: Expr, t: Tree) -> Expr:
        if isinstance(base, Number) and isinstance(exponent, Number) and _bits(base) * abs(exponent.value) > MAX_BITS:
            raise NumberTooLarge("a power of numbers with more than 1,000 digits", self.text, (t.start, t.end))
        try:
            return power(base, exponent)
        except TensorpropError as e:
            raise e.at(self.text, (t.start, t.end)) from None

    def small(self, nodes: Sequence[Expr], t: Tree) -> None:
        """Refuse arithmetic that would make a number of thousands of digits."""
        bits = 0
        for n in nodes:
            k = type(n)
            if k is Number or k is Mul or k is Add:
                bits += _bits(n)
        if bits > MAX_BITS:
            raise NumberTooLarge("a number with more than 1,000 digits", self.text, (t.start, t.end))

    # ------------------------------------------------------------------- sizes
    def sized(self, body: Expr, letter: str) -> Expr:
        """``body``, in which ``letter`` is bound, with its ``dim(letter)`` told by a tensor."""
        mark = Dim(_SIZE + letter, 0)
        if mark not in postorder(body):
            return body
        found = axis_of(letter, body)
        if found is None:
            raise self.unknown(letter)
        return transform(body, lambda n: found if n is mark else n)

    def unknown(self, letter: str) -> UnknownRange:
        return UnknownRange(
            f"no tensor tells the range of {letter} here",
            self.text,
            self.sizes[letter],
            fix=f"name the axis: dim(x, 0) is the size of the first axis of x"
            + (f"; for an absolute value write abs({letter})" if self.text[self.sizes[letter][0]] == "|" else ""),
        )

    def rest_sized(self, value: Expr, told: dict[str, Dim]) -> Expr:
        """``value`` with what is left of ``dim(i)``: a letter of the left side, or one that is bound once elsewhere."""
        marks = [n for n in postorder(value) if isinstance(n, Dim) and n.tensor.startswith(_SIZE)]
        known: dict[Expr, Dim] = {}
        for mark in marks:
            letter = mark.tensor[len(_SIZE) :]
            if letter in self.left:
                found = axis_of(letter, value) or told.get(letter)
            else:
                scopes = {n: None for n in postorder(value) if isinstance(n, (Sum, Reduce)) and letter in n.indices}
                found = axis_of(letter, next(iter(scopes)).children[0]) if len(scopes) == 1 else None
            if found is None:
                raise self.unknown(letter)
            known[mark] = found
        return transform(value, lambda n: known.get(n, n))

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
            fixes = [self.text[holder.start : holder.end].replace(c, m) for m in missing] if type(holder) is Leaf else []
            raise FreeIndexMismatch(
                f'{where} has no "{missing[0]}", although {self.target} does, and {c} is not on the left',
                self.text,
                (indexed[0].start, indexed[-1].end),
                known=f"left: {' '.join(sorted(self.left))}    {where}: {has.replace(',', '')}",
                fix=("did you mean " + " or ".join(fixes) + "?") if fixes else f"write Σ_{c} where it is summed",
            )
        from tensorprop.text.readings import alone

        raise alone(self.text, c, letters, term, holder)

    def two_readings(self, letter: str, where: Place, t: Term, outer: frozenset[str]) -> None:
        from tensorprop.text.readings import doubled, twice

        here = [c for c in t.letters() if c not in outer and t.place(c, outer) in ("here", "power")]
        raise (twice if where == "twice" else doubled)(self.text, letter, here, t, outer)


_SIZE = "dim of "  # no name has a space


def axis_of(letter: str, body: Expr) -> Dim | None:
    """The first axis, in reading order, that the letter alone runs over."""
    for t in tensors_of(body):
        for k, s in enumerate(t.subscripts):
            if isinstance(s, Index) and s.name == letter:
                return Dim(t.name, k)
    return None


def _bits(n: Expr) -> int:
    if isinstance(n, Mul):
        n = n.factors[0]
    elif isinstance(n, Add):
        return sum(_bits(t) for t in n.terms if isinstance(t, Number))
    if isinstance(n, Number):
        return n.value.numerator.bit_length() + n.value.denominator.bit_length()
    return 0


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


def is_tensor(t: Tree) -> bool:
    """Whether the tree is one tensor's entry."""
    return isinstance(t, Leaf) and isinstance(t.node, Tensor)


def ambiguous(text: str, letter: str, span: tuple[int, int], problem: str, readings: list[str]) -> AmbiguousSum:
    """The refusal of a sum with several readings."""
    return AmbiguousSum(problem, text, span, fix="write " + ", or ".join(f"`{r}`" for r in readings))
