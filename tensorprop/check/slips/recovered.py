"""Numbers that are wrong, solved for: a rule is linear in most of its numbers, and in what stands before its terms.

In: a rule and what it is held against. Out: the edits that put the right number in, on one sample. With c for the
number, ``rule(c) = rule(0) + c (rule(1) - rule(0))`` entry by entry: c is what the derived rule's values say, if they
all say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product

import numpy as np

from tensorprop.check.prove.monomials import is_about_indices
from tensorprop.check.slips.changes import Occurrence
from tensorprop.check.slips.costs import COST
from tensorprop.check.slips.edits import Edit, by_cases, places_of
from tensorprop.check.slips.held import Held, rational
from tensorprop.check.slips.samples import same_values
from tensorprop.core.build import ONE, ZERO, bracket, mul, number
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Call, Expr, Mul, Number, Tensor
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import TensorpropError
from tensorprop.text.numerals import is_decimal

__all__ = ["recovered"]

_TWO = number(2)
_SMALL = {Fraction(n) for n in ("1", "2", "1/2", "3", "1/3", "4", "1/4")}
_PAIRS = 16  # numbers for others that are tried at all their places


def recovered(h: Held) -> Iterator[tuple[Edit, Expr, Equation | None]]:
    """Edits of the hand rule, and of its parts, that put another number in: edit, rule with it, and part."""
    if h.hand is None or h.wanted[0] is None:
        return
    whole = h.hand.value
    cases = by_cases(whole)
    for form in dict.fromkeys((whole, cases)):
        yield from ((e, e.value, None) for e in _of(h, form, h.letters, lambda value: value))
    yield from ((e, e.value, None) for e in (*_throughout(h, whole), *_compared(h, whole)))
    for part in h.parts:
        inside = _of(h, part.value, part.letters, lambda value, part=part: h.with_value(part, value))
        for e in inside:
            if (found := h.with_value(part, e.value)) is not None:
                yield e, found, part


def _throughout(h: Held, value: Expr) -> Iterator[Edit]:
    """A decimal for another one at all its places, also where it was multiplied by a small number: 0.8, and 0.4."""
    here = {n.value for n in postorder(value) if isinstance(n, Number)}
    ours, theirs = ([*filter(is_decimal, some)] for some in (here, h.words.numbers - here))
    pairs = sorted(product(ours, theirs), key=lambda p: ([q not in h.words.decimals for q in p], p))
    for old, new in pairs[:_PAIRS]:
        put = {Number(v): Number(v / old * new) for v in here if v and v / old in _SMALL}
        done = transform(value, lambda n, put=put: put.get(n, n) if isinstance(n, Number) else n)
        if len(put) and new and h.repairs(done):
            yield Edit("number", Number(old), Number(new), done, COST["a number, solved for"] - 0.2, ())


def _compared(h: Held, value: Expr) -> Iterator[Edit]:
    """Another number with which entries are compared: ``[abs(x_i) < 1]``, where the equations have 1.5."""
    brackets = [n for n in postorder(value) if isinstance(n, Bracket) and not is_about_indices(n)]
    sides = dict.fromkeys((b, m) for b in brackets for m in b.children if isinstance(m, Number))
    for (b, old), new in [p for p in product(sides, sorted(h.words.numbers)) if p[0][1].value != p[1]][:_PAIRS]:
        other = bracket(b.relation, *(Number(new) if m is old else m for m in b.children))
        done = transform(value, lambda n, b=b, other=other: other if n is b else n)
        if h.repairs(done):
            yield Edit("number", old, Number(new), done, COST["a bound of a comparison"], ())


def _of(h: Held, value: Expr, letters: tuple[str, ...], whole: Callable[[Expr], Expr | None]) -> Iterator[Edit]:
    for p in places_of(value, frozenset(letters)):
        n = p.node
        term = p.parent is not None and isinstance(p.parent.node, Add) and not isinstance(n, Number)
        sign = isinstance(n, Number) and abs(n.value) == 1 and p.parent is not None and isinstance(p.parent.node, Mul)
        if p.aside or p.argument or sign or not (term or isinstance(n, Number)) or _fixed(p):
            continue
        h.spent(3)

        def at(c: Number, p: Occurrence = p, term: bool = term) -> Expr | None:
            try:
                return whole(p.put(mul(c, p.node) if term else c)[0])
            except TensorpropError:
                return None

        c = _number(h, at)
        if c is None or (isinstance(n, Number) and c == n.value) or (term and c == 1):
            continue
        new = mul(Number(c), n) if term else Number(c)
        done, steps = p.put(new)
        known = _ratio(n, c) in _likely(h)
        cost = COST["a number, solved for"] + (0.1 if term else 0.0) + (0.0 if known else 1.5)
        yield Edit("number", n, new, done, cost, steps)


def _number(h: Held, at: Callable[[Number], Expr | None]) -> Fraction | None:
    """The number for which the rule has the derived rule's values on the first sample."""
    values = [h.samples[0].value(e) if (e := at(c)) is not None else None for c in (ZERO, ONE, _TWO)]
    none, one, two = values
    wanted = h.wanted[0]
    if none is None or one is None or two is None or wanted is None:
        return None
    slope = one - none
    k = int(np.abs(slope).argmax()) if slope.size else 0
    if not slope.size or slope[k] == 0 or not same_values(two, none + 2 * slope):
        return None
    c = complex((wanted - none)[k] / slope[k])
    real = np.isfinite(c) and abs(c.imag) <= 1e-12 * abs(c) and same_values(wanted, none + c.real * slope)
    return rational(c.real, 1e-9) if real else None


def _fixed(p: Occurrence) -> bool:
    """Whether a number is a subscript, a side of a comparison, or an exponent."""
    around = None if p.parent is None else p.parent.node
    power = isinstance(around, Call) and around.function == "power" and p.number == 1
    return power or isinstance(around, (Tensor, Bracket))


def _ratio(n: Expr, c: Fraction) -> Fraction | None:
    """How many times what stood there the right number is."""
    old = n.value if isinstance(n, Number) else Fraction(1)
    return abs(c / old) if old else None


def _likely(h: Held) -> set[Fraction | None]:
    """Factors that get lost: the numbers of the equations and of the derived rule, small ones, and one over these."""
    some = {*h.words.numbers, *(Fraction(k) for k in range(2, 7))}
    return {*some, *(1 / q for q in some if q)}
