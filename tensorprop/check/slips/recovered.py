"""Numbers that are wrong, solved for: a rule is linear in most of its numbers, and in what stands before its terms.

In: a rule and what it is held against. Out: the edits that put the right number in, on one sample. With c for the
number, ``rule(c) = rule(0) + c (rule(1) - rule(0))`` entry by entry: c is what the derived rule's values say, if they
all say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from tensorprop.check.slips.changes import Occurrence
from tensorprop.check.slips.costs import COST
from tensorprop.check.slips.edits import Edit, by_cases, places_of
from tensorprop.check.slips.held import Held, rational
from tensorprop.check.slips.samples import same_values
from tensorprop.core.build import ONE, ZERO, mul, number
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Call, Expr, Mul, Number, Tensor
from tensorprop.errors import TensorpropError

__all__ = ["recovered"]

_TWO = number(2)


def recovered(h: Held) -> Iterator[tuple[Edit, Expr, Equation | None]]:
    """Edits of the hand rule, and of its parts, that put another number in: edit, rule with it, and part."""
    if h.hand is None or h.wanted[0] is None:
        return
    whole = h.hand.value
    cases = by_cases(whole)
    for form in dict.fromkeys((whole, cases)):
        yield from ((e, e.value, None) for e in _of(h, form, h.letters, lambda value: value))
    for part in h.parts:
        inside = _of(h, part.value, part.letters, lambda value, part=part: h.with_value(part, value))
        for e in inside:
            if (found := h.with_value(part, e.value)) is not None:
                yield e, found, part


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
