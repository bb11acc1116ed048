"""A product summed over indices: its factors put together, its brackets and divisions placed, its pairs in order.

In: the factors of a product and, once they are made, their arrays. Out: the array of the whole. How large every letter
is is known here; which node a factor was is not asked any more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tensorprop.core.build import power
from tensorprop.core.expr import Bracket, Call, Expr, Index, Number
from tensorprop.run.pairs import order
from tensorprop.run.sizes import begin, weight
from tensorprop.run.values import Rule, Sizes, Value, Values, Wish

__all__ = ["Contraction", "Factor", "contracted", "divisor"]

_FEW = 8

Factor = tuple[Expr, Mapping[str, str], Sizes]


class Contraction:
    """A product being put together: its factors by kind, its summed letters, and every letter's size.

    Letters in ``fixed`` have one value now, and no axis.
    """

    def __init__(self, free: frozenset[str], sizes: Sizes, fixed: Container[str] = ()) -> None:
        self.free = frozenset(i for i in free if i not in fixed)
        self.fixed = bool(fixed)
        self.sizes = {i: sizes[i] for i in free}
        self.bound: list[str] = []
        self.same: dict[str, str] = {}
        self.coefficient: Any = Fraction(1)
        self.factors: list[Factor] = []
        self.divisors: list[Factor] = []
        self.masks: list[Factor] = []
        self.ready: list[Value] = []  # factors that are arrays already
        self.picks: dict[str, Expr] = {}  # letters that a bracket says what they are, see `lowerings.selection`
        self.result = self.size(free)

    def bind(self, sizes: Sizes, names: Mapping[str, str]) -> Mapping[str, str]:
        """Take in a sum's letters, each under a name that is not in use yet; the names of the scope within."""
        inner = dict(names)
        for i, n in sizes.items():
            letter = i
            while letter in self.sizes:
                letter += "′"
            inner[i] = letter
            self.sizes[letter] = n
            self.bound.append(letter)
        return inner

    def merge(self, e: Expr, names: Mapping[str, str]) -> bool:
        """``Σ_i [i = j] x_i`` is ``x_j``: let a summed letter be the letter that a bracket says it equals."""
        match e:
            case Bracket(relation="=", left=Index(name=a), right=Index(name=b)):
                a, b = (self.same.get(i, i) for i in (names.get(a, a), names.get(b, b)))
                if a not in self.bound:
                    a, b = b, a
                if b not in self.free and b not in self.bound:
                    return False
                same = (self.sizes[a], begin(self.sizes[a])) == (self.sizes[b], begin(self.sizes[b]))
                if a == b or a not in self.bound or not same:
                    return a == b
                self.bound.remove(a)
                self.same = {k: b if v == a else v for k, v in self.same.items()} | {a: b}
                return True
            case _:
                return False

    def called(self, letter: str, names: Mapping[str, str]) -> str:
        """What a factor's letter is called in the product."""
        letter = names.get(letter, letter)
        return self.same.get(letter, letter)

    def letters(self, f: Factor) -> frozenset[str]:
        """The letters of a factor, as the product calls them."""
        e, names, _ = f
        return frozenset(self.called(i, names) for i in e.free)

    def within(self, free: frozenset[str], without: Iterable[Factor]) -> Contraction:
        """The same product summed over fewer letters, and without some of its brackets."""
        gone = list(without)
        inner = Contraction(frozenset(), {})
        inner.free = free
        inner.fixed = self.fixed
        inner.sizes = dict(self.sizes)
        inner.bound = [i for i in self.bound if i not in free]
        inner.same = self.same
        inner.coefficient = self.coefficient
        inner.factors = list(self.factors)
        inner.ready = list(self.ready)
        inner.divisors = list(self.divisors)
        inner.masks = [m for m in self.masks if m not in gone]
        inner.picks = dict(self.picks)
        inner.result = self.size(free)
        return inner

    def split(self, which: Callable[[Factor], bool]) -> Contraction:
        """Take factors of one kind out; they make a product of their own, which nothing sums."""
        other = Contraction(frozenset(), {})
        other.free, other.sizes, other.same, other.picks = self.free, self.sizes, self.same, dict(self.picks)
        for kind in ("factors", "divisors", "masks"):
            mine: list[Factor] = getattr(self, kind)
            setattr(other, kind, [f for f in mine if which(f)])
            setattr(self, kind, [f for f in mine if not which(f)])
        return other

    def size(self, letters: Iterable[str]) -> int:
        """The number of entries of an array over these letters."""
        return math.prod(weight(self.sizes[i]) for i in letters)

    def smallest(self, values: Sequence[Value], letters: Iterable[str]) -> int | None:
        """The place of the smallest array that has all these letters."""
        need = frozenset(letters)
        fit = [k for k, v in enumerate(values) if need.issubset(v.axes)]
        return min(fit, key=lambda k: self.size(values[k].axes), default=None)


def contracted(on: Values, p: Contraction, masks: list[Value], operands: list[Value], divisors: list[Value]) -> Value:
    """One product: divisions where the arrays are small, brackets as masks, then pairs in the planned order."""
    if any(v.number and not v.array for v in masks):
        return Value(Fraction(0), ())
    c = p.coefficient
    for v in operands:
        c = c * v.array if v.number else c
    for v in divisors:
        c = _over(c, v.array) if v.number else c
    scalar = on.grouped([v for v in operands if not v.axes and not v.number])
    operands = on.grouped([v for v in operands if v.axes])
    masks = on.grouped([v for v in masks if not v.number])
    divisors = [v for v in divisors if not v.number]

    summed_mask = any(not p.free.issuperset(m.axes) for m in masks)
    late: list[Value] = []
    for d in divisors:
        k = p.smallest(operands, d.axes)
        if p.free.issuperset(d.axes) and (k is None or (p.result < p.size(operands[k].axes) and not summed_mask)):
            late.append(d)
        elif k is not None:
            operands[k] = on.divided(operands[k], d)
        else:
            operands.append(Value(d.array if d.over else on.ops.power(d.array, Fraction(-1)), d.axes))

    # a bracket is zero whatever stands beside it: it goes on the result, or on every operand that has its indices
    after: list[Value] = []
    for m in masks:
        k = p.smallest(operands, m.axes)
        if p.free.issuperset(m.axes) and (k is None or p.result <= 4 * p.size(operands[k].axes)):
            after.append(m)
        elif k is None:
            operands.append(Value(on.plain(m), m.axes))
        else:
            operands = [on.masked(v, m) if set(m.axes) <= set(v.axes) else v for v in operands]
    return _finished(on, p, c, scalar, operands, late, after)


def _finished(
    on: Values,
    p: Contraction,
    c: Any,
    scalar: list[Value],
    operands: list[Value],
    late: list[Value],
    after: list[Value],
) -> Value:
    """Sum what one operand alone has, contract pair by pair, then do what is done on the result."""
    seen = Counter(i for v in operands for i in v.axes)
    for i in p.bound:
        c = c if seen[i] else c * p.sizes[i]
    operands = [on.summed(v, [i for i in v.axes if seen[i] == 1 and i not in p.free]) for v in operands]
    k = p.smallest(operands, ())
    if k is None:
        result = on.scaled(scalar[0], c, []) if scalar else Value(c, ())
    else:
        few = len(operands) <= _FEW  # of many, what they make has been made for other gradients, too
        early = few and (2 if p.fixed else 1) * p.size(operands[k].axes) < p.size(p.free.intersection(seen))
        if early:
            operands[k] = on.scaled(operands[k], c, scalar)
        result = _paired(on, p, operands)
        if not early:
            result = on.scaled(result, c, scalar)
    for d in late:
        result = on.divided(result, d)
    for m in after:
        result = on.masked(result, m)
    return result


def _paired(on: Values, p: Contraction, operands: list[Value]) -> Value:
    """The operands contracted two at a time; without a sum, from left to right."""
    if not p.bound:
        total = operands[0]
        for v in operands[1:]:
            total = on.pair(total, v, frozenset((*total.axes, *v.axes)))
        return total
    left_over = Counter(i for v in operands for i in v.axes)
    for first, second in order(on, p, operands):
        left, right = operands[first], operands[second]
        operands = [v for k, v in enumerate(operands) if k not in (first, second)]
        here = [*left.axes, *right.axes]
        left_over.subtract(here)
        made = on.pair(left, right, frozenset(i for i in here if left_over[i] or i in p.free))
        left_over.update(made.axes)
        operands.append(made)
    return operands[0]


def divisor(e: Expr, sizes: Sizes) -> Rule:
    """The value of what is divided by: of a square root, and a power of one, one over it, to be multiplied by."""
    match e:
        case Call("sqrt", (x,)):
            over = power(x, Number(Fraction(-1, 2)))
        case Call("power", (Call("sqrt", (x,)), Number() as n)):
            over = power(power(x, Number(Fraction(-1, 2))), n)
        case _:
            return (yield Wish(e, sizes))
    v = yield Wish(over, sizes)
    return (yield Wish(e, sizes)) if v.number else v._replace(over=True)


def _over(c: Any, d: Any) -> Any:
    """``c / d``; by zero it is infinite or not a number, as in floating point."""
    if d:
        return c / d
    return math.nan if c == 0 or c != c else math.copysign(math.inf, c)
