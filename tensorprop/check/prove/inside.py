"""Reads that may leave their axis said by brackets, and brackets of indices in one form.

In: expressions, and the System under whose lines they stand. Out: equal expressions in which a read of what lies
outside, ``outside(δy) = 0``, stands beside ``[0 ≤ w - u] [w - u < dim(δy, 0)]``; in which a read that may be a start of
a recurrence, ``h[t-1, k]`` beside ``h_{-1,k} = g_k``, is ``[t = 0] g_k + [t ≠ 0] h[t-1, k]``; and in which a bracket of
indices is ``[f ≥ 0]`` or ``[f = 0]``, whatever way it was written. No size is known here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

from tensorprop.calculus.laws import relation_of, straightened
from tensorprop.core.affine import Form, difference, form, shift, written
from tensorprop.core.build import ONE, ZERO, add, bracket, fresh, mul, number, remake, substitute, subtract, sum_over
from tensorprop.core.equation import Equation, Loop, Range, System, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Mul, Number, Tensor
from tensorprop.core.names import NOBODY
from tensorprop.core.ranges import spelled
from tensorprop.core.walk import fold, postorder, transform

__all__ = ["Inside", "defined", "straight"]


class Inside:
    """What the lines and the recurrences of a System say of reads outside."""

    def __init__(self, s: System, axis: Callable[[Dim], Dim]) -> None:
        self.s = s
        self.axis = axis
        self.loops: dict[str, Loop] = {eq.name: b for b in s.blocks if isinstance(b, Loop) for eq in b.body}
        self.outside: dict[str, Number] = {}
        for name in s.names:
            value = s.outside(name)
            if isinstance(value, Number):
                self.outside[name] = value
        self.told = frozenset({*self.loops, *(n for n in s.names if s.outside(n) is not None)})
        """Tensors of which a System says what an entry outside is."""

    def said(self, e: Expr) -> Expr:
        """The expression with bounds beside the reads of which the System says what lies outside, and with the ranges
        of bound letters that a line states said where they are bound."""
        return self._spelled(e, self._said)

    def spread(self, e: Expr) -> Expr:
        """``said``, but a read of what is 0 outside is a sum over its axis: ``δy[w - u]`` is ``Σ_v [v = w - u] δy_v``.
        So it does not matter which of two factors is read where the other is not."""
        return self._spelled(e, self._spread)

    def _spelled(self, e: Expr, rule: Callable[[Expr, tuple[Expr, ...]], Expr]) -> Expr:
        if any(isinstance(f, Range) and f.letter in e.binds for f in self.s.facts):
            line = Equation(Tensor(NOBODY, tuple(map(Index, sorted(e.free)))), e)
            e = spelled(system([line], self.s.facts)).equations[0].value
        if not self.told or not any(isinstance(n, Tensor) and n.name in self.told for n in postorder(e)):
            return e
        return fold(e, rule)

    def _spread(self, n: Expr, children: tuple[Expr, ...]) -> Expr:
        e = remake(n, children)
        if not isinstance(e, Tensor) or self.outside.get(e.name) is not ZERO or e.name in self.loops:
            return self._said(n, children)
        new: list[Expr] = []
        at: list[Expr] = []
        taken = set(e.free)
        for k, s in enumerate(e.subscripts):
            if self._bounds(e.name, k, s):
                taken.add(v := fresh("v", taken))
                new.append(Index(v))
                at.append(bracket("=", Index(v), s))
            else:
                new.append(s)
        return sum_over(sorted(taken - e.free), mul(*at, Tensor(e.name, tuple(new)))) if at else e

    def _said(self, n: Expr, children: tuple[Expr, ...]) -> Expr:
        e = remake(n, children)
        if not isinstance(e, Tensor):
            return e
        if e.name in self.loops and (begun := self._begun(e, self.loops[e.name])) is not e:
            return begun
        if e.name in self.outside:
            inside = [b for k, s in enumerate(e.subscripts) for b in self._bounds(e.name, k, s)]
            if inside:
                value, there = self.outside[e.name], mul(*inside)
                return mul(there, e) if value is ZERO else add(mul(there, e), mul(value, subtract(ONE, there)))
        return e

    def _bounds(self, name: str, axis: int, s: Expr) -> list[Expr]:
        """``[0 ≤ s]`` and ``[s < dim]``, of the two what is not plain."""
        if not s.free or (isinstance(s, Index) and self.s.stated(s.name) is None):
            return []
        return [b for f in (form(s), self._left(name, axis, s)) if (b := _at_least(f)) is not ONE]

    def _left(self, name: str, axis: int, s: Expr) -> Form:
        """``dim - 1 - s``."""
        return difference(subtract(self.axis(Dim(name, axis)), ONE), s)

    def _begun(self, e: Tensor, loop: Loop) -> Expr:
        """A read of a recurrence, its starts put in where it may be one."""
        axis = loop.axes[e.name]
        s = e.subscripts[axis]
        terms: list[Expr] = []
        apart: list[Expr] = []
        for place, eq in loop.places(e.name):
            meets = self._meets(e.name, axis, s, place)
            if meets is ZERO:
                continue
            letters = {t.name: u for k, (t, u) in enumerate(zip(eq.target.subscripts, e.subscripts, strict=True))
                       if k != axis and isinstance(t, Index)}  # fmt: skip
            terms.append(mul(meets, substitute(eq.value, letters)))
            apart.append(subtract(ONE, meets))
        return add(*terms, mul(*apart, e)) if terms else e

    def _meets(self, name: str, axis: int, s: Expr, place: Expr) -> Expr:
        """``[s = place]``; 0 where a plain letter of the axis cannot be there."""
        f = {p: c for p, c in difference(self._named(s), self._named(place)).items() if c}
        if isinstance(s, Index):
            low = form(self._named(place))
            past = difference(self._named(place), self.axis(Dim(name, axis)))
            if (low and all(c < 0 for c in low.values())) or all(c >= 0 for c in past.values()):
                return ZERO
        return _zero(f)

    def _named(self, e: Expr) -> Expr:
        return transform(e, lambda n: self.axis(n) if isinstance(n, Dim) else n)


# --------------------------------------------------------------------------- brackets of indices
def straight(e: Expr, axis: Callable[[Dim], Dim], labels: frozenset[str]) -> Expr:
    """Brackets of indices, sizes and labels as ``[f ≥ 0]``, ``[i < n]`` and ``[f = 0]``, each once in a product.

    >>> from tensorprop.text import parse_expression
    >>> e = parse_expression("[w - u > -1] a[w-u] b_u", free="w u")
    >>> str(straight(e, lambda d: d, frozenset()))
    '[u ≤ w] a[w-u] b_u'
    """

    def whole(p: Expr) -> bool:
        return isinstance(p, (Index, Dim)) or p is ONE or (isinstance(p, Tensor) and p.name in labels)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        e = remake(n, children)
        if isinstance(e, Bracket):
            left, right = (transform(side, lambda m: axis(m) if isinstance(m, Dim) else m) for side in e.children)
            f = {p: c for p, c in difference(left, right).items() if c}
            if any(isinstance(p, Index) for p in f) and all(whole(p) and c.denominator == 1 for p, c in f.items()):
                return _straight(e.relation, f)
        elif isinstance(e, Mul) and len(set(e.factors)) < len(e.factors):
            once: dict[int | Expr, Expr] = {f if isinstance(f, Bracket) else k: f for k, f in enumerate(e.factors)}
            return mul(*once.values())
        return e

    return fold(e, rule)


def _straight(relation: str, f: Form) -> Expr:
    less = {p: -c for p, c in f.items()}
    match relation:
        case "=":
            return _zero(f)
        case "≠":
            return subtract(ONE, _zero(f))
        case "≥":
            return _at_least(f, always=False)
        case ">":
            return _at_least(_minus_one(f), always=False)
        case "≤":
            return _at_least(less, always=False)
        case _:
            return _at_least(_minus_one(less), always=False)


def _minus_one(f: Form) -> Form:
    return {p: c for p, c in {**f, ONE: f.get(ONE, Fraction(0)) - 1}.items() if c}


def _at_least(f: Form, always: bool = True) -> Expr:
    """``[f ≥ 0]``, divided by what its parts have in common; ``always``: 1 where no letter can make it false."""
    if always and all(c >= 0 for c in f.values()):
        return ONE
    common = math.gcd(*(int(c) for p, c in f.items() if p is not ONE))
    if common > 1:
        f = {p: Fraction(math.floor(c / common)) if p is ONE else c / common for p, c in f.items()}
    f = {p: c for p, c in f.items() if c}
    letters = [p for p in f if isinstance(p, Index)]
    if len(letters) == 1 and f[letters[0]] == -1 and all(p is letters[0] or isinstance(p, (Dim, Number)) for p in f):
        last = {p: c for p, c in f.items() if p is not letters[0]}
        return bracket("<", letters[0], written({**last, ONE: last.get(ONE, Fraction(0)) + 1}))  # which tells its range
    return relation_of(f, "≥")


def _zero(f: Form) -> Expr:
    """``[f = 0]``, its first part positive."""
    rest = sorted((p for p in f if p is not ONE), key=str)
    common = math.gcd(*(int(c) for p, c in f.items() if p is not ONE)) if rest else 1
    constant = f.get(ONE, Fraction(0))
    if not rest:
        return ONE if not constant else ZERO
    if constant and all((c > 0) == (constant > 0) and isinstance(p, (Index, Dim, Number)) for p, c in f.items()):
        return ZERO  # t + 2 = 0
    if constant % common:
        return ZERO  # 2x = 2u + 1 at no whole numbers
    sign = common if f[rest[0]] > 0 else -common
    left = {p: c / sign for p, c in f.items() if c / sign > 0}
    right = {p: -c / sign for p, c in f.items() if c / sign < 0}
    return bracket("=", written(left), written(right))


def defined(equations: Iterable[Equation]) -> dict[str, tuple[tuple[str, ...], Expr]]:
    """``{"z": (("b", "j"), right side)}``, in a recurrence what holds where no start stands, at a plain letter.

    >>> from tensorprop.text import parse
    >>> print(defined(parse("x_{l+1,j} = W_ij x_li + b_lj; x_{0,j} = a_j"))["x"][1])
    W_ij x[l-1, i] + b[l-1, j]
    """
    found: dict[str, tuple[tuple[str, ...], Expr]] = {}
    for eq in equations:
        if eq.place is None:
            moved = dict(filter(None, map(shift, eq.target.subscripts)))
            back = {i: add(Index(i), number(-n)) for i, n in moved.items() if n}
            found[eq.name] = tuple(moved), straightened(substitute(eq.value, back)) if back else eq.value
    return found
