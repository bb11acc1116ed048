"""What is wrong with a rule as a whole: zero, a multiple, its transpose, another tensor's rule.

In: a rule and what it is held against. Out: explanations, each equal on all samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, permutations, product

import numpy as np

from tensorprop.check.slips.costs import COST
from tensorprop.check.slips.edits import edits
from tensorprop.check.slips.held import Explanation, Held, rational, simple
from tensorprop.check.slips.samples import EXACT, ratio_of
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    bracket,
    mul,
    number,
    power,
    subtract,
    sum_over,
)
from tensorprop.core.equation import Loop
from tensorprop.core.expr import Add, Dim, Expr, Index, Number, Sum
from tensorprop.core.names import primal
from tensorprop.core.walk import tensors_of
from tensorprop.text import show

__all__ = ["as_a_whole", "times"]


def as_a_whole(h: Held) -> Iterator[Explanation]:
    """Zero; a multiple of what it should be; another tensor's rule; its transpose."""
    if all(g is not None and not g.any() for g in h.got) and any(w is not None and w.any() for w in h.wanted):
        yield Explanation(
            COST["zero"], ("zero",), ("the rule gives zero everywhere",), None, h.proof_of(ZERO, hand=True)
        )
        return
    yield from _multiples(h)
    yield from _at_the_end(h)
    rank = len(h.letters)
    for order in permutations(range(rank)):
        if order == tuple(range(rank)):
            continue
        turned = h.turned(h.derived, order)
        if turned is None:
            continue
        a, b = next((h.letters[k], h.letters[n]) for k, n in enumerate(order) if k != n)
        words = f"the whole is transposed: {a} and {b} are exchanged in {h.derived.name}"
        if h.spoils(turned):
            yield Explanation(
                COST["the whole transposed"], ("transposed",), (words,), None, h.proof_of(turned, hand=True)
            )
        elif (c := simple(ratio_of(h.got[0], h.samples[0].value(turned)))) is not None:
            scaled = mul(Number(c), turned)
            if h.spoils(scaled):
                kind, more = h.words.multiple(c, ())
                yield Explanation(
                    COST["the whole transposed, and a number"],
                    ("transposed", kind),
                    (words, more),
                    None,
                    h.proof_of(scaled, hand=True),
                )
    mine = set() if h.hand is None else {t.name for t in tensors_of(h.hand.value)}
    for name, eq in h.others.items():
        if name == h.derived.name or len(eq.letters) != rank or name in mine:
            continue
        if not {primal(name), h.tensor} <= {*h.forward.inputs}:
            continue
        for order in permutations(range(rank)):
            turned = h.turned(eq, order)
            if turned is not None and h.spoils(turned):
                rival = h.rivals.get(name)
                both = rival is not None and any(
                    h.repairs(e) for o in permutations(range(rank)) if (e := h.turned(rival, o)) is not None
                )
                words = (
                    f"{h.derived.name} and {name} are exchanged: this is the rule of {name}"
                    if both
                    else f"this is the rule of {name}, not of {h.derived.name}"
                )
                yield Explanation(
                    COST["two rules exchanged" if both else "another rule"],
                    ("exchanged",),
                    (words,),
                    None,
                    h.proof_of(turned, hand=True),
                )
                break


def _at_the_end(h: Held) -> Iterator[Explanation]:
    """Right at every step of a recurrence but the first or the last, which is lost."""
    times = {b.axes[h.tensor] for b in h.forward.blocks if isinstance(b, Loop) and h.tensor in b.axes}
    for axis, i in enumerate(h.letters) if h.hand is not None else ():
        if axis not in times:
            continue
        for last in (True, False):
            if _only_there(h, axis, last):
                size = h.words.called(Dim(h.tensor, axis))
                place = f"{i} = {size} - 1" if last else f"{i} = 0"
                at = subtract(Dim(h.tensor, axis), ONE) if last else ZERO
                elsewhere = bracket("≠", Index(i), at)
                words = f"only the {'last' if last else 'first'} step, {place}, is wrong: the rule is right elsewhere"
                assert h.hand is not None
                proof = (mul(elsewhere, h.hand.value), mul(elsewhere, h.derived.value))
                yield Explanation(COST["the first or last step"], ("step",), (words,), None, proof)


def _only_there(h: Held, axis: int, last: bool) -> bool:
    shown = False
    for s, got, wanted in zip(h.samples, h.got, h.wanted, strict=True):
        if got is None or wanted is None:
            return False
        sizes = [s.sizes[i] for i in s.letters]
        far = np.abs(got - wanted) > EXACT * max(float(np.abs(wanted).max(initial=0.0)), 1e-300)
        wrong = np.moveaxis(far.reshape(sizes), axis, 0)
        if sizes[axis] < 2 or (wrong[:-1] if last else wrong[1:]).any():
            return False
        shown = shown or (sizes[axis] > 2 and bool(wrong.any()))
    return shown


def _multiples(h: Held) -> Iterator[Explanation]:
    """``hand = c derived``, c a number, perhaps times sizes."""
    ratios = [ratio_of(g, w) for g, w in zip(h.got, h.wanted, strict=True)]
    if any(
        r is None and g is not None and w is not None and w.any()
        for r, g, w in zip(ratios, h.got, h.wanted, strict=True)
    ):
        return
    if all(r is None for r in ratios):
        return
    for q, sizes in _constants(h, ratios):
        if q == 1 and not sizes:
            continue
        spoilt = mul(Number(q), *(power(d, number(n)) for d, n in sizes), h.derived.value)
        if not h.spoils(spoilt):
            continue
        back = mul(Number(1 / q), *(power(d, number(-n)) for d, n in sizes))
        corrected = None
        if h.hand is not None and not (q == -1 and isinstance(h.hand.value, Add)):
            corrected = _scaled(h, back)
        kind, words = h.words.multiple(q, sizes)
        what = "a size" if sizes else "the sign" if q == -1 else "a number"
        cost = COST[f"{what} {'of' if what == 'the sign' else 'before'} the whole"] + 0.1 * len(sizes)
        yield Explanation(cost, (kind,), (words,), corrected, h.proof_of(spoilt, hand=True))
        return
    c = next(r for r in ratios if r is not None)
    if all(r is None or abs(r - c) <= 1e-9 * abs(c) for r in ratios):
        yield Explanation(
            COST["about a number before the whole"],
            ("factor",),
            (f"the whole is about {c:.6g} times what it should be",),
            None,
            None,
        )


def _scaled(h: Held, back: Expr) -> Expr | None:
    """The hand rule times a constant: by an edit where one does it, so that what was written stays."""
    assert h.hand is not None
    for e in () if back is MINUS_ONE else edits(h.hand.value, h.letters, h.names, h.runs):  # not in a denominator
        if e.kind in ("number", "reduction", "factor dropped", "power") and h.repairs(e.value):
            return e.value
    return times(back, h.hand.value)


def _constants(h: Held, ratios: Sequence[float | None]) -> Iterator[tuple[Fraction, tuple[tuple[Dim, int], ...]]]:
    """Numbers and powers of sizes that have these values on the samples, the simplest first."""
    axes = h.axes()
    choices: list[tuple[tuple[Dim, int], ...]] = [()]
    for n in (1, 2):
        for some in combinations(axes, n):
            for powers in product((1, -1, 2, -2), repeat=n):
                choices.append(tuple(zip(some, powers, strict=True)))
    for sizes in choices:
        values = [
            None if r is None else r / math.prod(float(s.arrays[d.tensor].shape[d.axis]) ** n for d, n in sizes)
            for r, s in zip(ratios, h.samples, strict=True)
        ]
        known = [v for v in values if v is not None]
        q = rational(known[0]) if known else None
        if q is None or (sizes and (q.denominator > 12 or abs(q.numerator) > 12)):
            continue
        if all(abs(v - float(q)) <= 1e-11 * abs(float(q)) for v in known):
            yield q, sizes


def times(c: Expr, e: Expr) -> Expr:
    """``c e``, the number where people write it."""
    if isinstance(e, Sum):
        return min(mul(c, e), sum_over(e.indices, mul(c, e.body)), key=lambda x: len(show(x)))
    return add(*(mul(c, t) for t in e.terms)) if isinstance(e, Add) and c is MINUS_ONE else mul(c, e)
