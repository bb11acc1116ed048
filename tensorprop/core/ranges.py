"""What every index letter runs over: the one answer to the question "how far?".

In: expressions, and what a System states. Out: for every letter a range, which is a class of axes (axes that one letter
indexes have one size, whatever that size is), or a size made of the sizes of axes. Numbers are not known here. Whoever
knows them walks the same way, and is told of any two axes that meet (`Letters`).

A letter's range is told, in this order, by

* an axis that it indexes alone, ``a_i``;
* the line ``dim(i) = …`` of the System;
* a bracket ``[i = j]``, by the range of j;
* a bound ``[i < n]``, where n is a number or made of sizes: this is also how a rule keeps the range of a letter whose
  last tensor it takes away (`kept`);
* shifted reads, ``a[2i + u]``: the largest range for which every read is inside;
* an order bracket ``[u ≤ i]`` of a letter on the left: what it is compared with.

A letter belongs to its binder: ``Σ_i a_i a_i + Σ_i b_i b_i`` has two different i. The same node may even stand
under both, so what a node tells is kept bottom-up, per node, without its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Set
from functools import lru_cache

from tensorprop.core.affine import difference, form, shift
from tensorprop.core.build import ONE, add, bracket, mul, number, power, reduce, remake, sum_over
from tensorprop.core.equation import Equation, Loop, System, equation, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Mul, Reduce, Sum, Tensor
from tensorprop.core.names import primal, primal_axes
from tensorprop.core.terms import factors_of
from tensorprop.core.told import Axis, Letters, Size, Told, Witness, as_expr, largest, limit
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import UnknownRange

__all__ = [
    "OneAxis",
    "Ranges",
    "axes_of",
    "axis_of",
    "infer",
    "kept",
    "one_axis",
    "size",
    "sized",
    "spelled",
    "tells",
    "told",
    "unbounded",
    "unlimited",
    "untold",
    "witness",
]

_told: dict[Expr, Told] = {}
_KEPT = 50_000  # nodes of which is remembered what they tell, before all are forgotten


def told(e: Expr) -> Told:
    """What an expression by itself tells of its free letters."""
    global _told
    found = _told.get(e)
    if found is not None:
        return found
    if len(_told) > _KEPT:
        _told = {}
    letters = Letters(lambda letter, one, other: None)
    letters.told = _told
    return letters.read(e)


_NO_LINES = System(())


def size(e: Expr, letter: str, around: Container[str] = (), under: System | None = None) -> Expr | None:
    """How far a free letter of ``e`` runs, as ``e`` tells it by itself; else None.

    Letters ``around`` it may stand in the answer, an ``Index`` for the size of each; the lines of the System ``under``
    which ``e`` stands are heeded.

    >>> from tensorprop.core.build import mul, tensor
    >>> size(mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i")
    Dim('a', 1)
    >>> a, k = Tensor("a", (add(Index("x"), Index("u")),)), tensor("k", "u")
    >>> str(size(mul(a, k), "x"))
    'dim(a, 0) - (-1 + dim(k, 0))'
    """
    lines = under if under is not None else _NO_LINES
    found = told(e) if under is None else Letters(lambda letter, one, other: None, lines.stated, lines.outside).read(e)
    limits = dict(found.limits)

    def plain(i: str) -> Expr | None:
        known = as_expr(found.known.get(i) or found.soft.get(i) or limits.get(i))
        return Index(i) if known is None and i in around and i != letter else known

    valid = plain(letter) or largest(letter, found.reads, plain, lines.outside)
    return None if valid is not None and letter in valid.free else valid


def axis_of(e: Expr, letter: str) -> Dim | None:
    """The first axis, in reading order, that a free letter of ``e`` indexes alone: as what ``dim(letter)`` is read.

    >>> from tensorprop.core.build import mul, tensor
    >>> axis_of(mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i")
    Dim('a', 1)
    """
    found = told(e)
    place = found.known.get(letter) or found.soft.get(letter)
    return None if place is None else place.size


def axes_of(e: Expr) -> Set[str]:
    """The free letters of ``e`` that index an axis of some tensor alone: those of which `axis_of` tells.

    >>> from tensorprop.core.build import mul, tensor
    >>> sorted(axes_of(mul(tensor("a", "b", "i"), tensor("W", "i", "j"))))
    ['b', 'i', 'j']
    """
    found = told(e)
    return found.known.keys() | found.soft.keys() if found.soft else found.known.keys()


def untold(letter: str, about: object) -> UnknownRange:
    """What a letter is refused with whose range nothing tells."""
    return UnknownRange(
        f"nothing tells the range of {letter}",
        fix=f"let {letter} stand alone as a subscript of some tensor, or state its range: dim({letter}) = …",
        about=about,
    )


def witness(e: Expr, letter: str) -> Expr:
    """The size of a free index, as ``e`` tells it.

    Errors: UnknownRange.

    >>> from tensorprop.core.build import mul, tensor
    >>> witness(mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i")
    Dim('a', 1)
    """
    found = size(e, letter)
    if found is None:
        raise UnknownRange(
            f"no tensor tells the range of {letter}", fix=f"let a tensor with the index {letter} stand there", about=e
        )
    return found


def tells(e: Expr, letter: str, by_ties: bool = True) -> bool:
    """Whether ``e`` says what the letter runs over: by a tensor's axis, by ``[i < n]``, or by ``[i = j]``.

    Shifted reads do not count: a rule that takes one of several away changes what the others tell.
    """
    found = told(e)
    if letter in found.known or letter in found.soft or any(i == letter for i, _ in found.limits):
        return True
    return by_ties and any(letter in group for group in found.ties)


def kept(e: Expr, sizes: Mapping[str, Expr | None]) -> Expr:
    """``e`` with these letters told to run so far; where ``e`` does not say it, by ``[i < size]``, which is true.

    This is the one place where a range outlives the tensor that told it.

    >>> from tensorprop.core.build import tensor
    >>> str(kept(mul(Bracket("≤", Index("k"), Index("m")), tensor("p", "m")), {"k": Dim("G", 0)}))
    '[k ≤ m] p_m [k < dim(G, 0)]'
    """
    lost = [
        bracket("<", Index(i), n)
        for i, n in sorted(sizes.items())
        if n is not None and not n.free and not tells(e, i) and size(e, i) is not n
    ]
    return mul(e, *lost) if lost else e


def unlimited(e: Expr, letters: Iterable[str]) -> Expr:
    """A product without the brackets that only say how far these letters run: what `kept` gave it."""
    if not isinstance(e, Mul):
        return e
    left = [f for f in e.factors if not any(limit(f, i) is not None for i in letters)]
    new = mul(*left)
    return new if len(left) < len(e.factors) and new.free == e.free else e


def spelled(s: System) -> System:
    """The System with what it states of a letter that is bound also said where it is bound, by ``[u < size]``.

    So that rules that take a sum apart, and call its letter otherwise, keep its range.

    >>> from tensorprop.core.build import reduce, tensor
    >>> from tensorprop.core.equation import Range, equation, system
    >>> a = Tensor("a", (add(Index("n"), Index("u")),))
    >>> s = system([equation(tensor("y", "n"), reduce("max", ("u",), a))], [Range("u", number(3))])
    >>> print(spelled(s)["y"].value)
    max_u(a[n+u] [u < 3])
    """
    if all(s.stated(i) is None for eq in s for i in eq.value.binds):
        return s

    ranges = infer(s)

    def same(body: Expr, letter: str, far: Expr) -> bool:
        """Whether every tensor of the body that has the letter says the same."""
        axes = {
            (t.name, k)
            for t in tensors_of(body)
            for k, u in enumerate(t.subscripts)
            if isinstance(u, Index) and u.name == letter
        }
        return bool(axes) and all(form(ranges.size(*at)) == form(ranges.named(far)) for at in axes)

    def rule(n: Expr) -> Expr:
        if not isinstance(n, (Sum, Reduce)):
            return n
        said = {i: far for i in n.indices if (far := s.stated(i)) is not None and not same(n.body, i, far)}
        have = {f for f in (n.body.factors if isinstance(n.body, Mul) else (n.body,)) if isinstance(f, Bracket)}
        new = [b for i, size in said.items() if (b := bracket("<", Index(i), size)) not in have]
        if new and isinstance(n, Reduce) and n.op == "mean" and any(i in told(n.body).known for i in said):
            short = [i for i in n.indices if i in said]  # the bound does not tell how many there are: an axis does
            rest = [i for i in n.indices if i not in said]
            inner = reduce("mean", rest, n.body) if rest else n.body
            counts = [power(said[i], number(-1)) for i in short]
            return mul(sum_over(short, mul(inner, *new)), *counts)
        return remake(n, (mul(n.body, *new), *n.children[1:])) if new else n

    return system((equation(eq.target, transform(eq.value, rule)) for eq in s), s.facts)


class Ranges:
    """Axes of equal size, and the letters that run over them. Made by `infer`."""

    def __init__(self, system: System) -> None:
        self._parent: dict[Axis, Axis] = {}
        self._order: dict[Axis, int] = {}
        self._left: dict[Equation, dict[str, Axis | Expr | None]] = {}
        self._sizes: dict[Axis, Expr] = {}
        self._first: dict[Axis, Axis] = {}
        self._loops = {eq.name for b in system.blocks if isinstance(b, Loop) for eq in b.body}
        self._given = {*system.inputs}
        self._ends: dict[Axis, Axis] = {}
        self.unknown: list[tuple[Equation, Expr, str]] = []
        """Letters whose range nothing tells: the equation, the binder (or the left side), the letter."""
        letters = Letters(lambda _, one, other: self._union(one[:2], other[:2]), system.stated, system.outside)
        self._bound = letters.bound
        for block in system.blocks:
            loop = block if isinstance(block, Loop) else None
            for eq in (block,) if isinstance(block, Equation) else block.equations:
                self._equation(eq, letters, loop)
        for name in system.declared:  # a declared matrix is square
            if (rank := system.ranks.get(name, 0)) > 1:
                self._union((name, rank - 2), (name, rank - 1))

    def _equation(self, eq: Equation, letters: Letters, loop: Loop | None) -> None:
        before = len(letters.binders)
        found = letters.equation(eq, loop=loop)
        for e in postorder(eq.value):
            if isinstance(e, Tensor):
                for axis in range(len(e.subscripts)):
                    self._add((e.name, axis))
            elif isinstance(e, Dim):
                self._add((e.tensor, e.axis))
        told: dict[str, Axis | Expr | None] = {}
        for axis, s in enumerate(eq.target.subscripts):
            self._add((eq.name, axis))
            moved = shift(s)
            if moved is None:
                continue
            letter, n = moved
            size = found[letter]
            whole_axis = (n == 0 and loop is None) or not (loop is not None and loop.axes[eq.name] == axis and n)
            if whole_axis:
                self._tie((eq.name, axis), size)
                told[letter] = (eq.name, axis)
            else:
                told[letter] = size[:2] if isinstance(size, Witness) else size
                n = max(n, n + len(loop.places(eq.name)) if loop is not None and n < 0 else n)
                if size is not None:
                    self._tie((eq.name, axis), add(as_expr(size) or ONE, number(n)))
            if size is None and not (primal_axes(eq.target) is None and eq.place is not None):
                self.unknown.append((eq, eq.target, letter))
        self._left[eq] = told
        for binder in letters.binders[before:]:
            self.unknown += [(eq, binder, i) for i, place in letters.bound[binder].items() if place is None]

    def _tie(self, axis: Axis, size: Witness | Expr | None) -> None:
        """Let an axis have a size: that of another axis, or an expression."""
        match size:
            case Witness():
                self._union(size[:2], axis)
            case Dim(tensor=name, axis=k):
                self._union((name, k), axis)
            case None:
                pass
            case _:
                self._sizes.setdefault(self.find(*axis), size)

    def _add(self, axis: Axis) -> None:
        if axis not in self._parent:
            self._parent[axis] = axis
            self._order[axis] = len(self._order)

    def _union(self, one: Axis, other: Axis) -> None:
        self._add(one)
        self._add(other)
        a, b = self.find(*one), self.find(*other)
        if self._order[a] > self._order[b]:
            a, b = b, a
        self._parent[b] = a
        if b in self._sizes and a is not b:
            self._sizes.setdefault(a, self._sizes.pop(b))

    def find(self, tensor: str, axis: int) -> Axis:
        """The axis that stands for the class of this one.

        >>> from tensorprop.core.build import mul, sum_over, tensor
        >>> from tensorprop.core.equation import equation, system
        >>> product = sum_over("i", mul(tensor("a", "i"), tensor("W", "i", "j")))
        >>> ranges = infer(system([equation(tensor("z", "j"), product)]))
        >>> ranges.find("W", 0), ranges.find("z", 0)
        (('a', 0), ('W', 1))
        """
        at = (tensor, axis)
        if at not in self._parent:
            return at
        while (up := self._parent[at]) != at:
            self._parent[at] = at = self._parent[up]
        return at

    def size(self, tensor: str, axis: int) -> Expr:
        """The size of an axis: that of the first axis of its class (of a tensor that no loop makes, if there is one),
        or what is stated or follows from reads. A loop that could go on ends with the arrays beside its tensors."""
        at = self.find(tensor, axis)
        if not self._first:
            for other in self._order:
                rest = self._first.setdefault(self.find(*other), other)
                if rest[0] in self._loops and other[0] not in self._loops:
                    self._first[self.find(*other)] = other
            looped = {self.find(*other) for other in self._order if other[0] in self._loops}
            for other in self._order:
                if other[0] in self._given and self.find(*other) in looped:
                    self._ends.setdefault(self.find(*other), other)
        end = self._ends.get(at) if at in self._sizes else None
        return Dim(*end) if end is not None else self._sizes.get(at) or Dim(*self._first.get(at, at))

    def named(self, e: Expr) -> Expr:
        """An expression in which every size is that of the axis which stands for its class."""
        if isinstance(e, Dim):
            return self.size(e.tensor, e.axis)
        return transform(e, lambda n: self.size(n.tensor, n.axis) if isinstance(n, Dim) else n)

    def classes(self) -> list[list[Axis]]:
        """Axes that share their size, each class and the list of them in the order of the equations."""
        found: dict[Axis, list[Axis]] = {}
        for axis in self._order:
            found.setdefault(self.find(*axis), []).append(axis)
        return list(found.values())

    def letters(self, equation: Equation) -> dict[str, Axis]:
        """The letters of the left side that run over a whole axis, and the class of each."""
        left = self._left[equation]
        return {letter: self.find(*axis) for letter, axis in left.items() if isinstance(axis, tuple)}

    def bound(self, node: Expr) -> Mapping[str, Axis | str | None]:
        """The letters that a Sum or Reduce binds: the class of each, or a letter outside that runs over the
        same range (through a bracket), or None where nothing tells it or where it is no axis (see `reach`)."""
        found: dict[str, Axis | str | None] = {}
        for i, p in self._bound.get(node, {}).items():
            axis = p[:2] if isinstance(p, Witness) else (p.tensor, p.axis) if isinstance(p, Dim) else None
            found[i] = p if isinstance(p, str) else self.find(*axis) if axis is not None else None
        return found

    def reach_left(self, equation: Equation, letter: str) -> Expr | None:
        """How far a letter of the left side runs: in a loop, its time may run less far than the axis is long."""
        found = self._left[equation].get(letter)
        if isinstance(found, Dim):
            return self.size(found.tensor, found.axis)
        return self.size(*found) if isinstance(found, tuple) else found

    def further(self, value: Expr, letter: str, far: Expr) -> bool:
        """Whether a letter that runs so far indexes an axis of the value that is longer, or shorter."""
        axes = {
            (t.name, k)
            for t in postorder(value)
            if isinstance(t, Tensor)
            for k, u in enumerate(t.subscripts)
            if isinstance(u, Index) and u.name == letter
        }
        return any(difference(self.size(*at), self.named(far)) for at in axes)

    def reach(self, node: Expr) -> Mapping[str, Size | None]:
        """How far the letters run that a Sum or Reduce binds, whatever tells it."""
        return self._bound.get(node, {})


def unbounded(eq: Equation) -> Equation:
    """The equation without brackets that say of a letter on its left no more than how far it runs.

    >>> from tensorprop.text import parse
    >>> print(unbounded(parse("A_ik = [i < dim(Q, 0)] δ_ik")["A"]), unbounded(parse("y_i = [i < dim(Q, 0)] x_i")["y"]))
    A_ik = δ_ik y_i = [i < dim(Q, 0)] x_i
    """
    bounds = [(i, n) for f in factors_of(eq.value) for i in eq.letters if (n := limit(f, i)) is not None]
    if not bounds:
        return eq
    ranges = infer(System((eq,)))
    value = unlimited(eq.value, [i for i, n in bounds if not difference(ranges.reach_left(eq, i) or ONE, n)])
    return eq if value is eq.value else equation(eq.target, value)


@lru_cache(maxsize=64)
def infer(system: System) -> Ranges:
    """Which axes have one size: those under one letter, tied by ``[i = j]``, or repeated by a derivative.

    Linear in the size of the expressions. Shifted subscripts (``a[x+u]``) and gathers tie nothing. What was found is
    remembered for a while, since Systems are interned.
    """
    return Ranges(system)


OneAxis = Callable[[Dim], Dim]
"""For a size, the one axis that stands for all that are as long."""


def one_axis(s: System) -> OneAxis:
    """For every size, one axis that stands for all that are as long: ``dim(δy, 1)`` and ``dim(x, 1)`` are the same."""
    ranges = infer(s)

    def axis(d: Dim) -> Dim:
        stem = primal(d.tensor)
        return Dim(*ranges.find(stem, d.axis))

    return axis


def sized(value: Expr, target: Tensor, axis: OneAxis) -> Expr:
    """The same with sizes told by the tensors that stand there: ``dim(z, 0)`` for ``dim(x, 0)`` where x is gone."""
    here = {axis(Dim(t.name, k)): Dim(t.name, k)
            for t in (*tensors_of(value), Tensor(primal(target.name), target.subscripts))
            for k in range(len(t.subscripts))}  # fmt: skip
    names = {d.tensor for d in here.values()}
    return transform(value, lambda n: here.get(axis(n), n) if isinstance(n, Dim) and n.tensor not in names else n)
