"""A hand rule held against the derived one: samples of both, the forms and names that edits need, the work left.

In: a hand-written rule (or numbers that something gave for it), the derived rule, the forward equations. Out: whether
an expression is the one or the other on every sample, and every edit of either. Which is the slip is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import numpy as np

from tensorprop.calculus.page import seed_of
from tensorprop.calculus.simplify import known, simplify_expr
from tensorprop.check.prove.ties import apart
from tensorprop.check.slips.edits import Edit, Names, by_cases, edits, multiplied_out
from tensorprop.check.slips.samples import Sample, same_values
from tensorprop.check.slips.wording import Wording
from tensorprop.core.build import (
    ONE,
    add,
)
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation, Loop, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Tensor
from tensorprop.core.names import primal
from tensorprop.core.plane import settled
from tensorprop.core.ranges import infer
from tensorprop.core.walk import freshen, inline, postorder, tensors_of, transform
from tensorprop.errors import TensorpropError
from tensorprop.text import show

__all__ = ["Explanation", "Held", "rational", "simple"]

_EDITS = 4_000  # edits of one rule that are tried
_WORK = 40_000  # edits that are looked at, an edit that is brought to its form counted as ten, a proof as five hundred
_DEEP = 12  # δ that are put into one another
_LONG = 250  # nodes of a derived rule in which others are put
_NO_RULES = system(())


class Explanation(NamedTuple):
    """An explanation: kinds and words of its slips, what is right instead, and how far-fetched it is."""

    cost: float
    kinds: tuple[str, ...]
    words: tuple[str, ...]
    corrected: Expr | None  # a right side for the hand rule; None: the derived one
    proof: tuple[Expr, Expr] | None  # what must be equal
    edit: Edit | None = None
    part: Equation | None = None  # the part in which the slip is, if it is not in the rule


class Held:
    """One hand rule, or the numbers that something gave for it, held against the derived rule."""

    def __init__(
        self,
        derived: Equation,
        forward: System,
        samples: Sequence[Sample],
        got: Sequence[np.ndarray | None],
        hand: Equation | None,
        parts: System,
        others: Mapping[str, Equation],
        rivals: Mapping[str, Equation],
        backward: System = _NO_RULES,
        source: str | None = None,
    ) -> None:
        self.derived = derived
        self.forward = forward
        self.backward = backward
        self.hand = hand
        self.parts = parts
        self.ranges = infer(forward)
        self.others = others
        self.rivals = rivals
        self.samples = list(samples)
        self.got = list(got)
        self.wanted = [s.value(derived.value) for s in samples]
        self.letters = derived.letters
        self.tensor = primal(derived.name)
        rules = [eq for eq in (derived, hand, *parts) if eq is not None]
        self.names = Names(forward, rules, _later(forward, self.tensor))
        self.words = Wording(derived, hand, forward, self.names, source)
        self.runs = dict(zip(derived.letters, self.names.axes.get(self.tensor, ()), strict=False))
        whole = dict.fromkeys((derived.value, self._fused()))
        self.forms = list(dict.fromkeys((*whole, *map(self._apart_from_ties, whole))))
        self.plain: dict[str, tuple[tuple[str, ...], Expr]] = {  # h_j = tanh(z_j): two names of one thing
            eq.name: (eq.letters, eq.value)
            for eq in forward
            if isinstance(eq.value, Call) and len(eq.value.args) == 1 and isinstance(eq.value.args[0], Tensor)
        }
        self.work = _WORK

    def _fused(self) -> Expr:
        """The derived rule with the δ put in that the hand rule does without: as one writes it in one line."""
        value = self.derived.value
        if self.hand is None:
            return value
        kept = {t.name for t in tensors_of(self.whole(self.hand.value))}
        rules = {eq.name: (eq.letters, eq.value) for eq in self.backward if eq.name not in kept}
        if (last := seed_of(self.forward)) is not None:
            rules[last] = ((), ONE)
        carried = {eq.name for b in self.backward.blocks if isinstance(b, Loop) for eq in b.body}
        for _ in range(_DEEP):
            here = {t.name for t in tensors_of(value)} & rules.keys()
            if not here:
                break
            for name in here & carried:  # of a recurrence, one step
                value = inline(value, {name: rules.pop(name)})
            value = inline(value, {name: rules[name] for name in here if name in rules})
            if sum(1 for _ in postorder(value)) > _LONG:
                return self.derived.value
        value = freshen(value, frozenset(self.letters))
        value = known(value, {}, self.names.plane) if self.names.plane else simplify_expr(value)
        return value if value.free <= frozenset(self.letters) else self.derived.value

    def _apart_from_ties(self, value: Expr) -> Expr:
        """A form of the derived rule where no two entries are equal that it compares, as people write it."""
        strict, ties = apart(equation(self.derived.target, value))
        return simplify_expr(strict.value) if any(n.relation == "=" for n in ties) else value

    def whole(self, e: Expr) -> Expr:
        """An expression with the parts put in that it names."""
        for eq in reversed(self.parts.ordered):
            e = inline(e, {eq.name: (eq.letters, eq.value)})
        return freshen(e, frozenset(self.letters)) if len(self.parts) else e

    def spent(self, work: int) -> bool:
        """Whether all the work is done that may be, this included."""
        self.work -= work
        return self.work <= 0

    def repairs(self, e: Expr) -> bool:
        """Whether an expression is the derived rule on every sample."""
        return all(w is None or same_values(s.value(e), w) for s, w in zip(self.samples, self.wanted, strict=True))

    def spoils(self, e: Expr) -> bool:
        """Whether an expression is the hand rule on every sample."""
        return all(g is None or same_values(s.value(e), g) for s, g in zip(self.samples, self.got, strict=True))

    def edits_of(self, form: Expr) -> Iterator[tuple[Edit, Expr]]:
        """Edits of the derived rule in one of its forms, and of its terms; each with that form."""
        far = 0.0 if form is self.derived.value else 0.7
        apart = add(*multiplied_out(form))
        for e in islice(edits(form, self.letters, self.names, self.runs), _EDITS):
            yield replace(e, cost=e.cost + far), form
        if apart is not form and isinstance(apart, Add) and len(apart.terms) <= 8:
            for e in islice(edits(apart, self.letters, self.names, self.runs), _EDITS):
                yield replace(e, cost=e.cost + far + 0.5), form

    def edited(self, adding: bool = False) -> Iterator[tuple[Edit, Expr, Equation | None]]:
        """Edits of the hand rule and of its parts: the edit, the rule with it, and the part."""
        if self.hand is None:
            return
        for e in islice(edits(self.hand.value, self.letters, self.names, self.runs, adding), _EDITS):
            yield e, e.value, None
        cases = by_cases(self.hand.value)
        if cases is not self.hand.value:
            for e in islice(edits(cases, self.letters, self.names, self.runs, adding), _EDITS):
                yield replace(e, cost=e.cost + 0.3), e.value, None
        for part in self.parts:
            for e in islice(edits(part.value, part.letters, self.names, None, adding), _EDITS // 4):
                if (whole := self.with_value(part, e.value)) is not None:
                    yield e, whole, part

    def with_value(self, part: Equation, value: Expr) -> Expr | None:
        """The whole rule where one of its parts has another right side."""
        assert self.hand is not None
        changed = {eq.name: (eq.letters, eq.value) for eq in self.parts} | {part.name: (part.letters, value)}
        whole = self.hand.value
        for eq in reversed(self.parts.ordered):
            whole = inline(whole, {eq.name: changed[eq.name]})
        whole = freshen(whole, frozenset(self.letters))
        return whole if whole.free <= frozenset(self.letters) else None

    def with_part(self, part: Equation, letters: tuple[str, ...], value: Expr, axis: int, letter: str) -> Expr | None:
        """The whole rule with another part in place of one, used at a letter of the left side along one axis."""
        assert self.hand is not None

        def moved(n: Expr) -> Expr:
            if not (isinstance(n, Tensor) and n.name == part.name):
                return n
            return Tensor(n.name, (*n.subscripts[:axis], Index(letter), *n.subscripts[axis + 1 :]))

        whole = transform(self.hand.value, moved)
        for eq in reversed(self.parts.ordered):
            body = (letters, value) if eq is part else (eq.letters, transform(eq.value, moved))
            whole = inline(whole, {eq.name: body})
        whole = freshen(whole, frozenset(self.letters))
        return whole if whole.free <= frozenset(self.letters) else None

    def form(self, e: Expr) -> Expr:
        value = inline(self.whole(e), self.plain)
        return canonical(settled(value, self.names.plane) if self.names.plane else value, self.axis)

    def axis(self, d: Dim) -> Dim:
        """One axis for all that are equally long."""
        name = primal(d.tensor)
        return Dim(*self.ranges.find(name, d.axis)) if name in self.forward.names else d

    def sized(self, eq: Equation) -> Equation:
        """The same equation, each size named by an axis that reads ``dim(b)`` there, if there is one."""
        for d in {n for n in postorder(eq.value) if isinstance(n, Dim)}:
            here = self.axis(d)
            others = [
                other
                for t in (*tensors_of(eq.value), eq.target)
                for k in range(len(t.subscripts))
                if primal(t.name) in self.forward.names and self.axis(other := Dim(primal(t.name), k)) is here
            ]
            tries = [eq]
            for other in dict.fromkeys(others):
                tries.append(equation(eq.target, _resized(eq.value, d, other)))
            eq = min(tries, key=lambda e: len(show(e)))
        return eq

    def proof_of(self, e: Expr, hand: bool = False) -> tuple[Expr, Expr] | None:
        """What a proof has to show equal."""
        if not hand:
            return e, self.derived.value
        return None if self.hand is None else (self.hand.value, e)

    def turned(self, eq: Equation, order: Sequence[int]) -> Expr | None:
        """The right side of a rule, its letters on the left those of this one in another order."""
        try:
            return eq.rename({i: self.letters[k] for i, k in zip(eq.letters, order, strict=True)}).value
        except TensorpropError:
            return None

    def axes(self) -> list[Dim]:
        """One axis for every range."""
        ranges = self.ranges
        found: dict[object, Dim] = {}
        for e in (self.derived.value, *([self.hand.value] if self.hand is not None else [])):
            for t in (self.derived.target, *tensors_of(e)):
                name = primal(t.name)
                if name in self.forward.names:
                    for k in range(len(t.subscripts)):
                        found.setdefault(ranges.find(name, k), Dim(name, k))
        for name in self.forward.names:
            for k in range(self.forward.rank(name)):
                found.setdefault(ranges.find(name, k), Dim(name, k))
        return list(found.values())


def _resized(e: Expr, old: Dim, new: Dim) -> Expr:
    return transform(e, lambda n: new if n is old else n)


def _later(forward: System, tensor: str) -> set[str]:
    """The tensors that depend on this one: their adjoints are there when its own is worked out."""
    found = {tensor}
    for eq in forward.ordered:
        if not found.isdisjoint(eq.inputs):
            found.add(eq.name)
    carried = any(tensor in b.axes for b in forward.blocks if isinstance(b, Loop))  # then its own, of another step
    return found if carried else found - {tensor}


def rational(c: float, error: float = 2e-13) -> Fraction | None:
    """The simplest number with this value: a fraction of small numbers, or a decimal of up to twelve digits."""
    lost = [1 / q for n in (6,) if c and (q := Fraction(f"{1 / c:.{n}g}"))]  # a decimal was lost: 1/0.797885
    for q in (*(Fraction(c).limit_denominator(n) for n in (12, 1_000)), *lost, Fraction(f"{c:.12g}")):
        if abs(float(q) - c) <= error * max(abs(c), 1e-3):
            return q
    return None


def simple(c: float | None) -> Fraction | None:
    """-1, 2, 1/2 … or None: what somebody forgets besides."""
    if c is None:
        return None
    q = rational(c)
    return q if q is not None and q != 1 and abs(q.numerator) <= 4 and q.denominator <= 4 else None
