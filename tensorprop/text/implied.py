"""Terms as they were written, and the rule that says which sums are meant.

Every tree knows the letters that stand *open* in it (neither bound nor summed inside) and those that it *closes* (its
own implicit sums would take them). The rule, for a letter that is not bound further out and a maximal product:

* it stands open twice or more (a factor raised to a whole power counts twice): summed around the whole product;
* it stands open nowhere, and one factor closes it: summed inside that factor;
* it stands open once and no factor closes it: alone, refused;
* several factors close it, or one does and it stands open twice besides: two readings, refused; but a power inside
  parentheses, as in ``W_ij δ_j (1 - h_j^2)``, gives way to what stands open outside;
* only a power, or only a divisor, makes two of it, and the sum could as well stand inside: refused.

``elaborate`` puts the sums in by this rule, ``show`` leaves out what the rule puts back. This file knows no text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.names import is_derivative

__all__ = [
    "Apply",
    "Bind",
    "Factor",
    "Leaf",
    "Letters",
    "Place",
    "Plus",
    "Power",
    "Relate",
    "Size",
    "Term",
    "Tree",
    "gathered",
    "parts",
    "places",
    "settled",
    "written",
]

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


def places(factors: Sequence[Factor], under: Sequence[bool] | None, outer: Collection[str]) -> dict[str, Place]:
    """Where the sum over each letter that is not bound further out stands, by the rule above."""
    times: dict[str, int] = {}
    last: dict[str, int] = {}
    split: set[str] = set()  # open in several factors
    closers: dict[str, int] = {}
    yielding: dict[str, int] = {}
    for k, f in enumerate(factors):
        for c in f.open:
            times[c] = times.get(c, 0) + 1
            if last.setdefault(c, k) != k:
                split.add(c)
        soft = () if under is not None and under[k] else frozenset(f.soft)
        for c in f.closed:
            count = yielding if c in soft else closers
            count[c] = count.get(c, 0) + 1
    found: dict[str, Place] = {}
    for c in (*times, *(c for c in (*closers, *yielding) if c not in times)):
        if c in outer:
            continue
        open_, shut, gives = times.get(c, 0), closers.get(c, 0), yielding.get(c, 0)
        if not open_:
            found[c] = "inside" if shut + gives == 1 else "twice"
        elif shut > 1 or (shut and open_ + gives > 1):
            found[c] = "twice"
        elif shut or gives or c in split:
            found[c] = "here"
        elif open_ == 1:
            found[c] = "lone"
        else:
            k = last[c]
            found[c] = "power" if (under is not None and under[k]) or factors[k].doubt(c, outer) else "here"
    return found


def written(t: Tree, letter: str) -> bool:
    """Whether a letter stands somewhere in a tree, open or not."""
    stack = [t]
    while stack:
        t = stack.pop()
        if letter in t.open or letter in t.closed:
            return True
        stack += parts(t)
    return False


def axis_written(t: Tree, letter: str) -> Dim | None:
    """An axis that a letter indexes where it stands in a tree: of ``0 x_i`` that of x, though nothing is left of x."""
    stack = [t]
    while stack:
        t = stack.pop()
        if isinstance(t, Leaf) and isinstance(t.node, Tensor) and not is_derivative(t.node.name):
            for axis, s in enumerate(t.node.subscripts):
                if isinstance(s, Index) and s.name == letter:
                    return Dim(t.node.name, axis)
        stack += reversed(parts(t))
    return None


def parts(t: Tree) -> list[Tree]:
    """The trees of which a tree is made."""
    match t:
        case Term():
            return t.factors
        case Plus():
            return t.terms
        case Power():
            return [t.base, t.exponent]
        case Apply():
            return t.args
        case Relate():
            return [t.left, t.right]
        case Bind():
            return [t.body]
        case _:
            return []


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
        self,
        start: int,
        end: int,
        minus: bool,
        factors: list[Tree],
        under: list[bool] | None,
        counts: dict[str, int],
        plain: bool,
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
            self.open, self.closed, self.soft = settled(self.factors, self.under)
        return self

    def places(self, outer: Collection[str]) -> dict[str, Place]:
        return places(self.factors, self.under, outer)


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
        self.start, self.end, self.op, self.letters, self.spans = start, end, op, letters, spans
        self.body, self.at = body, at
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


Summary = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def gathered(parts: Sequence[Factor]) -> Summary:
    """The letters open in some part; those closed in some and open in none; of these, those closed by powers alone."""
    if len(parts) == 1:
        p = parts[0]
        return tuple(dict.fromkeys(p.open)), tuple(p.closed), tuple(p.soft)
    opened: dict[str, None] = {}
    closed: dict[str, None] = {}
    firm: set[str] = set()
    for p in parts:
        opened.update(dict.fromkeys(p.open))
        if p.closed:
            closed.update(dict.fromkeys(p.closed))
            firm.update(set(p.closed).difference(p.soft))
    shut = tuple(c for c in closed if c not in opened)
    return tuple(opened), shut, tuple(c for c in shut if c not in firm)


def settled(factors: Sequence[Factor], under: Sequence[bool] | None) -> Summary:
    """The letters that a product leaves open, those that it closes, and those that it closes by powers alone."""
    opened: list[str] = []
    closed: list[str] = []
    soft: list[str] = []
    holders: dict[str, int] = {}
    for k, f in enumerate(factors):
        for c in (*f.open, *f.closed):
            if holders.setdefault(c, k) != k:
                holders[c] = -1
    for c, where in places(factors, under, ()).items():
        if where == "lone":
            opened.append(c)
            continue
        closed.append(c)
        k = holders[c]
        if k >= 0 and not (under is not None and under[k]) and (factors[k].raised or c in factors[k].soft):
            soft.append(c)
    return tuple(opened), tuple(closed), tuple(soft)
