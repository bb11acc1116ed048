"""What is wrong with a rule, in words: the smallest edit that makes the derived rule of it, or it of the derived rule.

In: a hand-written rule (or the numbers that a function gave), the derived rule, the forward equations. Out: a
`Diagnosis`. Every edit is compared on a few numbers first, and what passes is proved by canonical form. Edits are made
on the rule and on the derived rule: what is one step from either is one slip, what meets half way is two.

Long because one search has one state: what explains a rule as a whole, by its terms, by one edit and by two is held
against the same samples, and spends the same work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, islice, permutations, product
from typing import NamedTuple

import numpy as np

from tensorprop.calculus.page import Given, letters_of, seed_of
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.check.numbers.draw import shapes
from tensorprop.check.numbers.naive import evaluate
from tensorprop.check.prove.decide import Laws, proves
from tensorprop.check.report import Counterexample, Diagnosis
from tensorprop.check.slips.constants import rounded
from tensorprop.check.slips.edits import Edit, Names, edits, multiplied_out
from tensorprop.check.slips.samples import Arrays, Sample, adjoints_of, draws, ratio_of, same_values, true_values
from tensorprop.check.slips.smallest import smallest
from tensorprop.check.slips.theirs import as_written, in_their_text
from tensorprop.check.slips.wording import Wording, factor_apart, multiplied, narrowed, with_sign, written_out
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    mul,
    number,
    power,
    subtract,
    sum_over,
)
from tensorprop.core.canon import canonical
from tensorprop.core.english import run_together
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import primal
from tensorprop.core.ranges import infer
from tensorprop.core.walk import freshen, inline, postorder, tensors_of, transform
from tensorprop.errors import TensorpropError
from tensorprop.text import show

__all__ = ["diagnose", "diagnose_values"]


_EDITS = 4_000  # edits of one rule that are tried
_WORK = 40_000  # edits that are looked at, an edit that is brought to its form counted as ten, a proof as five hundred
_FAR = 3.3  # explanations that are farther off wait for factors put in, and for other forms of the derived rule
_DEEP = 12  # δ that are put into one another
_LONG = 250  # nodes of a derived rule in which others are put
_PROOFS = 40  # edits that pass the numbers and are taken to the proof


_NO_RULES = system(())


# --------------------------------------------------------------------------- numbers


# --------------------------------------------------------------------------- the search
class _Found(NamedTuple):
    """An explanation: kinds and words of its slips, what is right instead, and how far-fetched it is."""

    cost: float
    kinds: tuple[str, ...]
    words: tuple[str, ...]
    corrected: Expr | None  # a right side for the hand rule; None: the derived one
    proof: tuple[Expr, Expr] | None  # what must be equal
    edit: Edit | None = None
    part: Equation | None = None  # the part in which the slip is, if it is not in the rule


class _Search:
    """One hand rule, or the numbers that something gave for it, held against the derived rule.

    Long because all ways to explain a rule share its samples and its work; words, numbers and texts are elsewhere.
    """

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
        self.words = Wording(derived, hand, forward, self.names)
        self.runs = dict(zip(derived.letters, self.names.axes.get(self.tensor, ()), strict=False))
        self.forms = list(dict.fromkeys((derived.value, self._fused())))
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
        for _ in range(_DEEP):
            here = {t.name for t in tensors_of(value)} & rules.keys()
            if not here:
                break
            value = inline(value, {name: rules[name] for name in here})
            if sum(1 for _ in postorder(value)) > _LONG:
                return self.derived.value
        value = simplify_expr(freshen(value, frozenset(self.letters)))
        return value if value.free <= frozenset(self.letters) else self.derived.value

    def whole(self, e: Expr) -> Expr:
        """An expression with the parts put in that it names."""
        for eq in reversed(self.parts.ordered):
            e = inline(e, {eq.name: (eq.letters, eq.value)})
        return freshen(e, frozenset(self.letters)) if len(self.parts) else e

    def spent(self, work: int) -> bool:
        """Whether all the work is done that may be, this included."""
        self.work -= work
        return self.work <= 0

    # ----- comparisons
    def repairs(self, e: Expr) -> bool:
        """Whether an expression is the derived rule on every sample."""
        return all(w is None or same_values(s.value(e), w) for s, w in zip(self.samples, self.wanted, strict=True))

    def spoils(self, e: Expr) -> bool:
        """Whether an expression is the hand rule on every sample."""
        return all(g is None or same_values(s.value(e), g) for s, g in zip(self.samples, self.got, strict=True))

    # ----- everything
    def run(self) -> Iterator[_Found]:
        """Explanations, the likeliest first, each equal on all samples."""
        mine = list(self.edited())
        theirs = list(self._edits_of(self.derived.value))
        near = [*self.as_a_whole(), *self.by_terms(self.derived.value), *self.single(mine, theirs)]
        near = sorted(map(self._weighed, near), key=lambda f: f.cost)
        yield from (f for f in near if f.cost < _FAR)
        added = list(self.edited(adding=True))
        others = [pair for form in self.forms[1:] for pair in self._edits_of(form)]
        far = [*(f for form in self.forms[1:] for f in self.by_terms(form)), *self.single(added, others)]
        far = [*(f for f in near if f.cost >= _FAR), *map(self._weighed, far)]
        yield from sorted(far, key=lambda f: f.cost)
        if self.work > 0:
            yield from sorted(self.double([*mine, *added], [*theirs, *others]), key=lambda f: f.cost)

    def _edits_of(self, form: Expr) -> Iterator[tuple[Edit, Expr]]:
        """Edits of the derived rule in one of its forms, and of its terms; each with that form."""
        far = 0.0 if form is self.derived.value else 0.7
        apart = add(*multiplied_out(form))
        for e in islice(edits(form, self.letters, self.names, self.runs), _EDITS):
            yield replace(e, cost=e.cost + far), form
        if apart is not form and isinstance(apart, Add) and len(apart.terms) <= 8:
            for e in islice(edits(apart, self.letters, self.names, self.runs), _EDITS):
                yield replace(e, cost=e.cost + far + 0.5), form

    def supposing(self, given: Given) -> Iterator[tuple[_Found, Given]]:
        """The rule is right where entries of an input add up to 1, which nobody has said: ``Σ_c y_bc = 1``."""
        if self.hand is None:
            return
        used = {t.name for e in (self.hand.value, *self.forms) for t in tensors_of(e)}
        labels = whole_numbers(self.forward)
        for name in self.forward.inputs:
            if name not in used or name in labels or any(t.name == name for left, _ in given for t in tensors_of(left)):
                continue
            try:
                letters = letters_of(self.forward, name)
            except TensorpropError:
                continue
            for i in letters:
                more = (*given, (sum_over((i,), Tensor(name, tuple(map(Index, letters)))), ONE))
                if self._right_under(more):
                    left = f"Σ_{run_together((i,))} {Tensor(name, tuple(map(Index, letters)))}"
                    words = f'this is right only where {left} = 1, which is not given: say given="{left} = 1"'
                    right = None if self.forms[-1] is self.derived.value else self.forms[-1]
                    yield _Found(3.4, ("given",), (words,), right, (self.hand.value, self.derived.value)), more

    def _right_under(self, given: Given) -> bool:
        """Whether the rule is right on samples for which something more is given."""
        assert self.hand is not None
        shown = 0
        for square, first, seed in ((True, 3, 0), (False, 2, 1), (True, 2, 2)):
            truth = true_values(self.forward, self.backward, shapes(self.forward, square, first), seed, given)
            if truth is None:
                continue
            try:
                more = evaluate(self.parts, {n: truth[n] for n in self.parts.inputs}, seed) if len(self.parts) else {}
            except (TensorpropError, KeyError):
                return False
            sample = Sample({**truth, **more}, seed, self.hand.target)
            wanted = sample.value(self.derived.value)
            if wanted is None or not same_values(sample.value(self.hand.value), wanted):
                return False
            shown += bool(wanted.any())
        return shown > 1

    # ----- how sizes are written
    def sized(self, eq: Equation) -> Equation:
        """The same equation, each size named by an axis that reads ``dim(b)`` there, if there is one."""
        for d in {n for n in postorder(eq.value) if isinstance(n, Dim)}:
            here = self._axis(d)
            others = [
                other
                for t in (*tensors_of(eq.value), eq.target)
                for k in range(len(t.subscripts))
                if primal(t.name) in self.forward.names and self._axis(other := Dim(primal(t.name), k)) is here
            ]
            tries = [eq]
            for other in dict.fromkeys(others):
                tries.append(equation(eq.target, _resized(eq.value, d, other)))
            eq = min(tries, key=lambda e: len(show(e)))
        return eq

    def exactly(self) -> Iterator[_Found]:
        """Slips that no sample shows: an edit makes the same canonical form of both."""
        if self.hand is None:
            return
        wanted, got = ({self._form(f) for f in forms} for forms in (self.forms, [self.hand.value]))
        found: list[_Found] = []
        for e, whole, part in (*self.edited(), *self.edited(adding=True)):
            if self._form(whole) in wanted:
                kind, words = self.words.of(e, repair=True)
                found.append(_Found(e.cost, (kind,), (words,), e.value, self._same(whole), e, part))
            if self.spent(10):
                break
        for form in self.forms:
            for e, _ in self._edits_of(form):
                if self._form(e.value) in got:
                    kind, words = self.words.of(e, repair=False)
                    right = None if form is self.derived.value else form
                    found.append(_Found(e.cost + 0.1, (kind,), (words,), right, self._same(e.value, hand=True), e))
                if self.spent(10):
                    break
        yield from sorted(found, key=lambda f: f.cost)

    def _form(self, e: Expr) -> Expr:
        return canonical(inline(self.whole(e), self.plain), self._axis)

    def _weighed(self, f: _Found) -> _Found:
        """An explanation that needs more than algebra is farther off: ``Σ_k p_k = 1`` makes many things equal."""
        if f.proof is None or f.cost < 1:
            return f
        one, other = map(self._form, f.proof)
        forms = map(self._form, self.forms) if f.proof[1] is self.derived.value else ()
        if one is other or one in forms:
            return f
        return f._replace(cost=f.cost + (2.5 if self.hand is None or f.proof[0] is not self.hand.value else 3.5))

    def _axis(self, d: Dim) -> Dim:
        """One axis for all that are equally long."""
        name = primal(d.tensor)
        return Dim(*self.ranges.find(name, d.axis)) if name in self.forward.names else d

    def edited(self, adding: bool = False) -> Iterator[tuple[Edit, Expr, Equation | None]]:
        """Edits of the hand rule and of its parts: the edit, the rule with it, and the part."""
        if self.hand is None:
            return
        for e in islice(edits(self.hand.value, self.letters, self.names, self.runs, adding), _EDITS):
            yield e, e.value, None
        for part in self.parts:
            for e in islice(edits(part.value, part.letters, self.names, None, adding), _EDITS // 4):
                changed = {eq.name: (eq.letters, eq.value) for eq in self.parts} | {part.name: (part.letters, e.value)}
                whole = self.hand.value
                for eq in reversed(self.parts.ordered):
                    whole = inline(whole, {eq.name: changed[eq.name]})
                whole = freshen(whole, frozenset(self.letters))
                if whole.free <= frozenset(self.letters):
                    yield e, whole, part

    # ----- the rule as a whole
    def as_a_whole(self) -> Iterator[_Found]:
        """Zero; a multiple of what it should be; another tensor's rule; its transpose."""
        if all(g is not None and not g.any() for g in self.got) and any(w is not None and w.any() for w in self.wanted):
            yield _Found(0, ("zero",), ("the rule gives zero everywhere",), None, self._same(ZERO, hand=True))
            return
        yield from self.multiples()
        rank = len(self.letters)
        for order in permutations(range(rank)):
            if order == tuple(range(rank)):
                continue
            turned = self._turned(self.derived, order)
            if turned is None:
                continue
            a, b = next((self.letters[k], self.letters[n]) for k, n in enumerate(order) if k != n)
            words = f"the whole is transposed: {a} and {b} are exchanged in {self.derived.name}"
            if self.spoils(turned):
                yield _Found(1, ("transposed",), (words,), None, self._same(turned, hand=True))
            elif (c := _simple(ratio_of(self.got[0], self.samples[0].value(turned)))) is not None:
                scaled = mul(Number(c), turned)
                if self.spoils(scaled):
                    kind, more = self.words.multiple(c, ())
                    yield _Found(3, ("transposed", kind), (words, more), None, self._same(scaled, hand=True))
        mine = set() if self.hand is None else {t.name for t in tensors_of(self.hand.value)}
        for name, eq in self.others.items():
            if name == self.derived.name or len(eq.letters) != rank or name in mine:
                continue
            if not {primal(name), self.tensor} <= {*self.forward.inputs}:
                continue
            for order in permutations(range(rank)):
                turned = self._turned(eq, order)
                if turned is not None and self.spoils(turned):
                    rival = self.rivals.get(name)
                    both = rival is not None and any(
                        self.repairs(e) for o in permutations(range(rank)) if (e := self._turned(rival, o)) is not None
                    )
                    words = (
                        f"{self.derived.name} and {name} are exchanged: this is the rule of {name}"
                        if both
                        else f"this is the rule of {name}, not of {self.derived.name}"
                    )
                    yield _Found(1.2 if both else 4.1, ("exchanged",), (words,), None, self._same(turned, hand=True))
                    break

    def _turned(self, eq: Equation, order: Sequence[int]) -> Expr | None:
        """The right side of a rule, its letters on the left those of this one in another order."""
        try:
            return eq.rename({i: self.letters[k] for i, k in zip(eq.letters, order, strict=True)}).value
        except TensorpropError:
            return None

    def multiples(self) -> Iterator[_Found]:
        """``hand = c derived``, c a number, perhaps times sizes."""
        ratios = [ratio_of(g, w) for g, w in zip(self.got, self.wanted, strict=True)]
        if any(
            r is None and g is not None and w is not None and w.any()
            for r, g, w in zip(ratios, self.got, self.wanted, strict=True)
        ):
            return
        if all(r is None for r in ratios):
            return
        for q, sizes in self._constants(ratios):
            if q == 1 and not sizes:
                continue
            spoilt = mul(Number(q), *(power(d, number(n)) for d, n in sizes), self.derived.value)
            if not self.spoils(spoilt):
                continue
            back = mul(Number(1 / q), *(power(d, number(-n)) for d, n in sizes))
            corrected = None
            if self.hand is not None and not (q == -1 and isinstance(self.hand.value, Add)):
                corrected = self._scaled(back)
            kind, words = self.words.multiple(q, sizes)
            cost = 0.3 if q == -1 and not sizes else 0.6 if not sizes else 0.8 + 0.1 * len(sizes)
            yield _Found(cost, (kind,), (words,), corrected, self._same(spoilt, hand=True))
            return
        c = next(r for r in ratios if r is not None)
        if all(r is None or abs(r - c) <= 1e-9 * abs(c) for r in ratios):
            yield _Found(0.9, ("factor",), (f"the whole is about {c:.6g} times what it should be",), None, None)

    def _scaled(self, back: Expr) -> Expr | None:
        """The hand rule times a constant: by an edit where one does it, so that what was written stays."""
        assert self.hand is not None
        for e in edits(self.hand.value, self.letters, self.names, self.runs):
            if e.kind in ("number", "reduction", "factor dropped", "power") and self.repairs(e.value):
                return e.value
        return _times(back, self.hand.value)

    def _constants(self, ratios: Sequence[float | None]) -> Iterator[tuple[Fraction, tuple[tuple[Dim, int], ...]]]:
        """Numbers and powers of sizes that have these values on the samples, the simplest first."""
        axes = self._axes()
        choices: list[tuple[tuple[Dim, int], ...]] = [()]
        for n in (1, 2):
            for some in combinations(axes, n):
                for powers in product((1, -1, 2, -2), repeat=n):
                    choices.append(tuple(zip(some, powers, strict=True)))
        for sizes in choices:
            values = [
                None if r is None else r / math.prod(float(s.arrays[d.tensor].shape[d.axis]) ** n for d, n in sizes)
                for r, s in zip(ratios, self.samples, strict=True)
            ]
            known = [v for v in values if v is not None]
            q = _rational(known[0]) if known else None
            if q is None or (sizes and (q.denominator > 12 or abs(q.numerator) > 12)):
                continue
            if all(abs(v - float(q)) <= 1e-11 * abs(float(q)) for v in known):
                yield q, sizes

    def _axes(self) -> list[Dim]:
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

    # ----- term by term
    def by_terms(self, form: Expr) -> Iterator[_Found]:
        """``hand = Σ_k c_k t_k`` over the terms t_k of the derived rule: c = 0, -1 or another number is a slip."""
        terms = multiplied_out(form)
        if not 2 <= len(terms) <= 8:
            return
        rows = [
            n for n, (g, w) in enumerate(zip(self.got, self.wanted, strict=True)) if g is not None and w is not None
        ]
        same = [n for n in rows if self.samples[n].sizes == self.samples[rows[0]].sizes][:3]
        columns = [[self.samples[n].value(t) for n in same] for t in terms]
        if any(v is None for column in columns for v in column) or not same:
            return
        matrix = np.stack([np.concatenate([v for v in c if v is not None]) for c in columns], axis=1)
        target = np.concatenate([g for n in same if (g := self.got[n]) is not None])
        found, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=None)
        if rank < len(terms) or not same_values(matrix @ found, target):
            return
        cs = [_rational(float(c), 1e-9) for c in found]
        slips = [(k, c) for k, c in enumerate(cs) if c is not None and c != 1]
        alike = len({c for _, c in slips}) == 1 and slips[0][1] != 0
        if None in cs or not slips or (len(slips) > 2 and not alike) or (len(slips) == len(terms) and alike):
            return
        if all(c == 0 for c in cs):
            return
        spoilt = add(*(mul(Number(c), t) for c, t in zip(cs, terms, strict=True) if c is not None))
        if not self.spoils(spoilt):
            return
        told = [self.words.term(terms[k], c) for k, c in slips]
        if alike and len(slips) > 1:
            c = slips[0][1]
            which = " and ".join(with_sign(terms[k]) for k, _ in slips)
            told = (
                [("sign", f"the signs of {which} are wrong")]
                if c == -1
                else [("factor", f"the terms {which} are {multiplied(c)}")]
            )
        corrected: Expr | None = None if form is self.derived.value else form
        if self.hand is not None and all(c == 0 for _, c in slips):
            corrected = add(self.hand.value, *(terms[k] for k, _ in slips))
        near = isinstance(self.derived.value, Add) or told[0][0] == "second path"
        slight = 0.0 if slips[0][1] in (0, -1) else 1.1  # a term that stands there twice is one too many
        cost = (2.6 if near else 4.3) + slight + 2.4 * (len(told) - 1) + (0.0 if form is self.derived.value else 0.7)
        kinds, words = zip(*told, strict=True)
        yield _Found(cost, tuple(kinds), tuple(words), corrected, self._same(spoilt, hand=True))

    # ----- one edit, two edits
    def single(
        self, mine: list[tuple[Edit, Expr, Equation | None]], theirs: list[tuple[Edit, Expr]]
    ) -> Iterator[_Found]:
        """What is one edit away, or one edit and a constant."""
        first = self.samples[0]
        spoken = set() if self.hand is None else _functions(self.whole(self.hand.value))
        wanted, got = self.wanted[0], self.got[0]
        self.work -= len(mine) + len(theirs)
        for e, whole, part in mine:
            value = first.value(whole)
            if same_values(value, wanted):
                if self.repairs(whole):
                    kind, words = self.words.of(e, repair=True)
                    corrected = e.value
                    yield _Found(e.cost, (kind,), (words,), corrected, self._same(whole), e, part)
            elif part is None and (c := _simple(ratio_of(wanted, value))) is not None:
                scaled = _times(Number(c), whole)
                if self.repairs(scaled):
                    kind, words = self.words.of(e, repair=True)
                    more, also = self.words.multiple(1 / c, ())
                    yield _Found(
                        e.cost + (1.5 if c == -1 else 2.5),
                        (kind, more),
                        (words, also),
                        scaled,
                        self._same(scaled),
                        None,
                    )
        for e, form in theirs:
            right = None if form is self.derived.value else form
            strange = 0.0 if self.hand is None or _functions(e.new) <= spoken else 3.0  # nobody wrote that function
            value = first.value(e.value)
            if same_values(value, got):
                if self.spoils(e.value):
                    kind, words = self.words.of(e, repair=False)
                    cost = e.cost + strange + 0.1
                    yield _Found(cost, (kind,), (words,), right, self._same(e.value, hand=True), e)
            elif (c := _simple(ratio_of(got, value))) is not None:
                scaled = mul(Number(c), e.value)
                if self.spoils(scaled):
                    kind, words = self.words.of(e, repair=False)
                    more, also = self.words.multiple(c, ())
                    cost = e.cost + strange + (1.6 if c == -1 else 2.6)
                    yield _Found(cost, (kind, more), (words, also), right, self._same(scaled, hand=True))

    def double(
        self, mine: list[tuple[Edit, Expr, Equation | None]], theirs: list[tuple[Edit, Expr]]
    ) -> Iterator[_Found]:
        """What is one edit from the hand rule and one from the derived rule: it meets half way."""
        first = self.samples[0]
        table: dict[int, list[tuple[Edit, np.ndarray, Expr | None]]] = {}
        for e, form in theirs:
            value = first.value(e.value)
            if value is not None and value.any():
                right = None if form is self.derived.value else form
                table.setdefault(_hash(value), []).append((e, value, right))
        tried = 0
        for one, whole, part in mine:
            value = first.value(whole)
            if part is not None or value is None or not value.any():
                continue
            near = (_hash(value) + step for step in (-1, 0, 1))
            for other, theirs_value, right in [pair for key in near for pair in table.get(key, ())]:
                if one.cost + other.cost > 9 or not same_values(value, theirs_value):
                    continue
                tried += 1
                if tried > 400 or self.spent(1):
                    return
                if one.kind == other.kind == "factor dropped" and one.old is not other.old:
                    kind = "tensor" if isinstance(one.old, Tensor) and isinstance(other.old, Tensor) else "function"
                    factor = factor_apart(*narrowed(one.old, other.old))
                    words = (factor or f"{written_out(one.old)} stands where {written_out(other.old)} belongs",)
                    yield _Found(6, (kind,), words, right, (whole, other.value))
                    continue
                kinds, words = zip(self.words.of(one, repair=True), self.words.of(other, repair=False), strict=True)
                yield _Found(one.cost + other.cost + 2, tuple(kinds), tuple(words), right, (whole, other.value))

    def _same(self, e: Expr, hand: bool = False) -> tuple[Expr, Expr] | None:
        """What a proof has to show equal."""
        if not hand:
            return e, self.derived.value
        return None if self.hand is None else (self.hand.value, e)

    # ----- words


def _resized(e: Expr, old: Dim, new: Dim) -> Expr:
    return transform(e, lambda n: new if n is old else n)


def _functions(e: Expr) -> set[str]:
    """The functions in an expression, powers apart; a reduction that is made of one counts as that."""
    found = {n.function for n in postorder(e) if isinstance(n, Call) and n.function != "power"}
    return found | {n.op for n in postorder(e) if isinstance(n, Reduce)}


def _times(c: Expr, e: Expr) -> Expr:
    """``c e``, the number where people write it."""
    if isinstance(e, Sum):
        return min(mul(c, e), sum_over(e.indices, mul(c, e.body)), key=lambda x: len(show(x)))
    return add(*(mul(c, t) for t in e.terms)) if isinstance(e, Add) and c is MINUS_ONE else mul(c, e)


def _later(forward: System, tensor: str) -> set[str]:
    """The tensors that depend on this one: their adjoints are there when its own is worked out."""
    found = {tensor}
    for eq in forward.ordered:
        if not found.isdisjoint(eq.inputs):
            found.add(eq.name)
    return found - {tensor}


def _rational(c: float, error: float = 2e-13) -> Fraction | None:
    """The simplest number with this value: a fraction of small numbers, or a decimal of up to twelve digits."""
    for q in (*(Fraction(c).limit_denominator(n) for n in (12, 1_000)), Fraction(f"{c:.12g}")):
        if abs(float(q) - c) <= error * max(abs(c), 1e-3):
            return q
    return None


def _simple(c: float | None) -> Fraction | None:
    """-1, 2, 1/2 … or None: what somebody forgets besides."""
    if c is None:
        return None
    q = _rational(c)
    return q if q is not None and q != 1 and abs(q.numerator) <= 4 and q.denominator <= 4 else None


def _hash(value: np.ndarray) -> int:
    weights = np.cos(np.arange(value.size) * 1.7 + 0.3)
    return round(float(value @ weights) / float(np.abs(value).max()) * 1e7)


# --------------------------------------------------------------------------- the verbs
def diagnose(
    hand: Equation,
    derived: Equation,
    forward: System,
    *,
    parts: Iterable[Equation] = (),
    given: Given = (),
    others: Mapping[str, Equation] | None = None,
    rivals: Mapping[str, Equation] | None = None,
    source: str | None = None,
    seen: tuple[Arrays, int] | None = None,
    refuted: bool = False,
) -> Diagnosis | None:
    """What is wrong with a hand rule; None where it equals the derived rule on every sample.

    ``parts``: equations that the hand rule names for itself. ``given``: what is known of the inputs. ``others``: the
    derived rules of the other tensors, ``rivals`` the hand-written ones, by name (``"δW"``): gradients that are handed
    to the wrong parameter are found by them. ``source``: the text in which the rule was written. ``seen``: values and
    adjoints of all tensors, and their seed, on which the rule was found wrong, if they are special. ``refuted``: the
    rule is known to be wrong, though perhaps by less than any sample shows here.

    >>> from tensorprop.text import parse
    >>> s = parse("z_j = a_i W_ij; δa_i = W_ij δz_j; δa2_i = W_ji δz_j")
    >>> forward, derived = parse("z_j = a_i W_ij"), s["δa"]
    >>> found = diagnose(equation(derived.target, s["δa2"].value), derived, forward)
    >>> found.kind, found.words
    ('transposed', 'W is transposed: W_ji stands where W_ij belongs')
    """
    pieces = system(parts)
    backward = adjoints_of(forward)
    derived = as_written(derived.rename(dict(zip(derived.letters, hand.letters, strict=True))), hand)
    samples: list[Sample] = []
    for truth, seed in (*([seen] if seen else []), *draws(forward, given)):
        try:
            more = evaluate(pieces, {n: truth[n] for n in pieces.inputs}, seed) if len(pieces) else {}
        except (TensorpropError, KeyError):
            more = {}
        samples.append(Sample({**truth, **more}, seed, hand.target))
    if not samples:
        return _apart(hand, derived, None)
    got = [s.value(hand.value) for s in samples]
    known = others if others is not None else {eq.name: eq for eq in backward}
    search = _Search(derived, forward, samples, got, hand, pieces, known, rivals or {}, backward)
    if search.wanted[0] is None:
        return _apart(hand, derived, None)
    alike = all(w is None or same_values(g, w) for g, w in zip(got, search.wanted, strict=True))
    definitions = {**forward.definitions(), **pieces.definitions(), **backward.definitions()}
    if (last := seed_of(forward)) is not None:
        definitions[last] = ((), ONE)
    rules = system([*forward, *(eq for eq in backward if eq.name not in forward)])
    laws = Laws(rules, given, whole_numbers(forward))
    if alike and (not refuted or proves(hand, derived, definitions, laws)):
        return None
    small = smallest(hand, derived, forward, parts=pieces, given=given, backward=backward)
    full = rounded(hand)
    if full is not None and proves(full.rule, derived, definitions, laws):
        return Diagnosis("rounded", full.words, ("rounded",), hand, full.rule, None, True, small, None, full.error)
    best: _Found | None = None
    proved = False
    for found in islice(search.exactly() if alike else search.run(), _PROOFS) if got[0] is not None else ():
        if found.cost > 3.4 and not alike:
            supposed = search.supposing(given) if best is None and seen is None else ()
            under = ((f, Laws(rules, more, whole_numbers(forward))) for f, more in supposed)
            best = next((f for f, known in under if proves(hand, derived, definitions, known)), best)
            if best is not None and best.kinds == ("given",):
                proved = True
                break
        if found.proof is None:
            best = best or found
            continue
        one, other = (equation(hand.target, e) for e in found.proof)
        if proves(one, other, definitions, laws):
            best, proved = found, True
            break
        best = best or found
        if search.spent(500):
            break
    if best is None:
        return _apart(search.sized(hand), search.sized(derived), small, search)
    before, raw = hand, derived
    if best.part is not None and best.edit is not None:
        before, raw = best.part, equation(best.part.target, best.edit.value)
    elif best.corrected is not None and best.corrected is not derived.value:
        raw = equation(hand.target, best.corrected)
    after = search.sized(raw)
    edited = best.edit is not None and raw.value is best.edit.value
    return Diagnosis(
        best.kinds[0],
        search.words.said(best.words),
        best.kinds,
        before,
        after,
        in_their_text(source, before, after, best.edit) if edited else None,
        proved,
        small,
        None,
    )


def diagnose_values(
    got: np.ndarray, derived: Equation, forward: System, truth: Arrays, *, seed: int = 0
) -> Diagnosis | None:
    """What slip in the derived rule gives these numbers; None where they are right, or nothing near gives them.

    ``truth``: the values of all tensors that the rules name, adjoints among them, on which ``got`` was computed.

    >>> from tensorprop.text import parse
    >>> s = parse("z_j = a_i W_ij; δa_i = W_ij δz_j")
    >>> W, v = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([1.0, -1.0])
    >>> truth = {"a": v, "W": W, "δz": v, "z": v @ W}
    >>> diagnose_values(W.T @ v, s["δa"], parse("z_j = a_i W_ij"), truth).words
    'W is transposed: W_ji stands where W_ij belongs'
    """
    sample = Sample(truth, seed, derived.target)
    flat = np.asarray(got, dtype=np.float64).ravel()
    others = {eq.name: eq for eq in adjoints_of(forward)}
    search = _Search(derived, forward, [sample], [flat], None, system(()), others, {})
    wanted = search.wanted[0]
    if wanted is None or wanted.shape != flat.shape or same_values(flat, wanted):
        return None
    best = next(search.run(), None)
    if best is None:
        return None
    return Diagnosis(best.kinds[0], search.words.said(best.words), best.kinds, None, derived, None, False, None, None)


def _apart(hand: Equation, derived: Equation, small: Counterexample | None, search: _Search | None = None) -> Diagnosis:
    """Nothing is near: the difference of the two, simplified, in whichever form of the derived rule it is shortest."""
    forms = [derived.value] if search is None else [derived.value, *search.forms]
    written = [hand.value] if search is None else [hand.value, search.whole(hand.value)]
    apart = (subtract(one, form) for one in written for form in forms)
    rests = [equation(hand.target, simplify_expr(e)) for d in apart for e in (d, add(*multiplied_out(d)))]
    rest = min(rests if search is None else map(search.sized, rests), key=lambda e: len(show(e)))
    words = "no single slip explains it"
    return Diagnosis("unknown", words, ("unknown",), hand, derived, None, False, small, rest.value)


# --------------------------------------------------------------------------- in the user's own words
