"""What is wrong with a rule, in words: the smallest edit that makes the derived rule of it, or it of the derived rule.

In: a hand-written rule (or the numbers that a function gave), the derived rule, the forward equations. Out: a
`Diagnosis`. Every edit is compared on a few numbers first, and what passes is proved by canonical form. Edits are made
on the rule and on the derived rule: what is one step from either is one slip, what meets half way is two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, islice, permutations, product
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from tensorprop.calculus import adjoint
from tensorprop.calculus.page import letters_of, seed_of
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.slope import slope
from tensorprop.check.numbers.draw import KINDS, arrays, letter_sizes, shapes
from tensorprop.check.numbers.naive import Evaluation, double_precision, evaluate
from tensorprop.check.prove.decide import Laws, proves
from tensorprop.check.report import Counterexample, Diagnosis
from tensorprop.check.slips.constants import rounded
from tensorprop.check.slips.edits import Edit, Names, edits, multiplied_out
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    mul,
    negate,
    number,
    power,
    reduce,
    remake,
    rename,
    substitute,
    subtract,
    sum_over,
)
from tensorprop.core.canon import canonical, same
from tensorprop.core.english import run_together
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, is_adjoint, primal, primal_axes
from tensorprop.core.ranges import infer
from tensorprop.core.terms import number_and_rest, sign_and_rest
from tensorprop.core.walk import fold, freshen, inline, postorder, tensors_of, transform
from tensorprop.errors import NotDifferentiable, TensorpropError
from tensorprop.text import show
from tensorprop.text.parse import equations

__all__ = ["diagnose", "diagnose_values", "smallest"]

Arrays = Mapping[str, np.ndarray]
Given = tuple[tuple[Expr, Expr], ...]

_EXACT = 1e-11  # two values that differ by less, measured by the largest entry, are one
_EDITS = 4_000  # edits of one rule that are tried
_SECONDS = 4.0  # after which nothing farther off is looked for
_FAR = 3.3  # explanations that are farther off wait for factors put in, and for other forms of the derived rule
_DEEP = 12  # δ that are put into one another
_LONG = 250  # nodes of a derived rule in which others are put
_PROOFS = 40  # edits that pass the numbers and are taken to the proof


_NO_RULES = system(())


# --------------------------------------------------------------------------- numbers
class _Sample:
    """The true values and adjoints of one draw, and expressions evaluated on them, each part once."""

    def __init__(self, truth: Arrays, seed: int, target: Tensor) -> None:
        self.arrays: dict[str, Any] = {name: np.asarray(a, dtype=np.float64) for name, a in truth.items()}
        self.seed = seed
        self.letters = target.letters or ()
        axes = primal_axes(target) or []
        self.sizes = {i: self.arrays[name].shape[k] for i, (name, k) in zip(self.letters, axes, strict=True)}
        self.evaluation = Evaluation(np, self.arrays, seed, weighing=False)

    def value(self, e: Expr) -> np.ndarray | None:
        """The value over the letters of the left side, flat; None where it has none."""
        try:
            with double_precision(), np.errstate(all="ignore"):
                found = self.evaluation.at(e, self.sizes)
        except (TensorpropError, KeyError, ValueError, TypeError):
            return None
        order = [found.letters.index(i) for i in self.letters if i in found.letters]
        array = np.transpose(found.value, order)
        array = np.expand_dims(array, tuple(k for k, i in enumerate(self.letters) if i not in found.letters))
        whole = np.broadcast_to(array, [self.sizes[i] for i in self.letters]).ravel()
        return whole if np.isfinite(whole).all() else None


def _close(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Whether two values are one, rounding apart."""
    if a is None or b is None or a.shape != b.shape:
        return False
    size = max(float(np.abs(b).max(initial=0.0)), float(np.abs(a).max(initial=0.0)))
    return bool(np.abs(a - b).max(initial=0.0) <= _EXACT * size) or size == 0.0


def _ratio(a: np.ndarray | None, b: np.ndarray | None) -> float | None:
    """c with a = c b, where there is one."""
    if a is None or b is None or a.shape != b.shape or not a.size:
        return None
    k = int(np.abs(b).argmax())
    if b[k] == 0 or a[k] == 0 or float(b @ b) == 0:  # squares may underflow
        return None
    with np.errstate(all="ignore"):
        c = float(a @ b) / float(b @ b)
    return c if _close(a, c * b) else None


@lru_cache(maxsize=64)
def _drawn(forward: System, given: Given) -> tuple[tuple[dict[str, np.ndarray], int], ...]:
    """True values and adjoints of all tensors: sizes all 3, twice, all 2, and all different."""
    found: list[tuple[dict[str, np.ndarray], int]] = []
    whole = _backward(forward)
    for square, first, seed in ((True, 3, 0), (True, 3, 1), (True, 2, 2), (False, 2, 0)):
        truth = _truth(forward, whole, shapes(forward, square, first), seed, given)
        if truth is not None:
            found.append((truth, seed))
    return tuple(found)


def _backward(forward: System) -> System:
    """The adjoint of every tensor that has one."""
    labels = whole_numbers(forward)
    smooth = [name for name in forward.names if name not in labels and name not in forward.outputs]
    try:
        return adjoint(forward, wrt=smooth) if smooth else system(())
    except NotDifferentiable:
        found: dict[str, Equation] = {}
        for name in smooth:
            try:
                found |= {eq.name: eq for eq in adjoint(forward, wrt=name)}
            except NotDifferentiable:
                continue
        return system(found.values())


def _truth(
    forward: System, backward: System, sizes: Mapping[str, tuple[int, ...]], seed: int, given: Given
) -> dict[str, np.ndarray] | None:
    for kind in KINDS:
        try:
            inputs = arrays(forward, sizes, seed, kind, given)
            found = _completed(forward, backward, inputs, seed)
        except (TensorpropError, ValueError):
            return None
        if all(np.isfinite(a).all() for a in found.values()):
            return found
    return None


def _completed(
    forward: System, backward: System, inputs: Mapping[str, np.ndarray], seed: int, whole: bool = False
) -> dict[str, np.ndarray]:
    """Values and adjoints of all tensors; those of the outputs are drawn, or 1 for a number at the end."""
    values = evaluate(forward, inputs, seed)
    draw = np.random.default_rng([seed, 77])
    ends: dict[str, np.ndarray] = {}
    for name in forward.outputs:
        shape = values[name].shape
        ends[adjoint_name(name)] = (
            draw.integers(1, 4, shape) * draw.choice([-1.0, 1.0], shape) if whole else draw.normal(size=shape)
        )
    if (last := seed_of(forward)) is not None:
        ends[last] = np.ones(())
    if not len(backward):
        return {**values, **ends}
    return evaluate(system([*forward, *backward]), {**inputs, **ends}, seed) | ends


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
    """One hand rule, or the numbers that something gave for it, held against the derived rule."""

    def __init__(
        self,
        derived: Equation,
        forward: System,
        samples: Sequence[_Sample],
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
        self.runs = dict(zip(derived.letters, self.names.axes.get(self.tensor, ()), strict=False))
        self.forms = list(dict.fromkeys((derived.value, self._fused())))
        self.plain: dict[str, tuple[tuple[str, ...], Expr]] = {  # h_j = tanh(z_j): two names of one thing
            eq.name: (eq.letters, eq.value)
            for eq in forward
            if isinstance(eq.value, Call) and len(eq.value.args) == 1 and isinstance(eq.value.args[0], Tensor)
        }
        self.until = monotonic() + _SECONDS

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

    # ----- comparisons
    def repairs(self, e: Expr) -> bool:
        """Whether an expression is the derived rule on every sample."""
        return all(w is None or _close(s.value(e), w) for s, w in zip(self.samples, self.wanted, strict=True))

    def spoils(self, e: Expr) -> bool:
        """Whether an expression is the hand rule on every sample."""
        return all(g is None or _close(s.value(e), g) for s, g in zip(self.samples, self.got, strict=True))

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
        if monotonic() < self.until:
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
            truth = _truth(self.forward, self.backward, shapes(self.forward, square, first), seed, given)
            if truth is None:
                continue
            try:
                more = evaluate(self.parts, {n: truth[n] for n in self.parts.inputs}, seed) if len(self.parts) else {}
            except (TensorpropError, KeyError):
                return False
            sample = _Sample({**truth, **more}, seed, self.hand.target)
            wanted = sample.value(self.derived.value)
            if wanted is None or not _close(sample.value(self.hand.value), wanted):
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
                if primal(t.name) in self.forward.names
                and self._axis(other := Dim(primal(t.name), k)) is here
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
                kind, words = self._said(e, repair=True)
                found.append(_Found(e.cost, (kind,), (words,), e.value, self._same(whole), e, part))
            if monotonic() > self.until:
                break
        for form in self.forms:
            for e, _ in self._edits_of(form):
                if self._form(e.value) in got:
                    kind, words = self._said(e, repair=False)
                    right = None if form is self.derived.value else form
                    found.append(_Found(e.cost + 0.1, (kind,), (words,), right, self._same(e.value, hand=True), e))
                if monotonic() > self.until:
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
            elif (c := _simple(_ratio(self.got[0], self.samples[0].value(turned)))) is not None:
                scaled = mul(Number(c), turned)
                if self.spoils(scaled):
                    kind, more = self._multiple(c, ())
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
        ratios = [_ratio(g, w) for g, w in zip(self.got, self.wanted, strict=True)]
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
            kind, words = self._multiple(q, sizes)
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

    def _multiple(self, q: Fraction, sizes: tuple[tuple[Dim, int], ...]) -> tuple[str, str]:
        if not sizes:
            if q == -1:
                return "sign", "the sign is wrong: the whole should be negated"
            return "factor", f"the whole is {_multiplied(q)}"
        over = [self._called(d) for d, n in sizes for _ in range(n) if n > 0]
        under = [self._called(d) for d, n in sizes for _ in range(-n) if n < 0]
        more = "" if q == 1 else f", and a factor {_number(1 / q)}"
        means = self.hand is not None and any(
            isinstance(n, Reduce) and n.op == "mean" for n in postorder(self.hand.value)
        )
        if over and under:
            return "mean", f"{' '.join(under)} is divided by where {' '.join(over)} belongs{more}"
        if over:
            return "mean", f"the mean's 1/{' 1/'.join(over)} is missing{more}"
        if means:
            return "mean", f"a mean stands where a sum belongs: 1/{' 1/'.join(under)} is one too many{more}"
        return "mean", f"1/{' 1/'.join(under)} is one too many{more}"

    def said(self, f: _Found) -> str:
        """The words of an explanation, sizes named by letters."""
        words = "; ".join(f.words)
        return re.sub(r"dim\(([^(),]+), (\d+)\)", lambda m: self._called(Dim(m[1], int(m[2]))), words)

    def _called(self, d: Dim) -> str:
        """``dim(b)``, by a letter that runs along the axis in the rules."""
        ranges = self.ranges
        if primal(d.tensor) not in self.forward.names:
            return show(d)
        d = Dim(primal(d.tensor), d.axis)
        here = ranges.find(d.tensor, d.axis)
        for eq in (self.hand, self.derived, *self.forward):
            if eq is None:
                continue
            for t in (eq.target, *tensors_of(eq.value)):
                name = primal(t.name)
                for k, i in enumerate(t.subscripts):
                    if isinstance(i, Index) and name in self.forward.names and ranges.find(name, k) == here:
                        return f"dim({i.name})"
        return show(d)

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
        if rank < len(terms) or not _close(matrix @ found, target):
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
        told = [self._term(terms[k], c) for k, c in slips]
        if alike and len(slips) > 1:
            c = slips[0][1]
            which = " and ".join(_signed(terms[k]) for k, _ in slips)
            told = (
                [("sign", f"the signs of {which} are wrong")]
                if c == -1
                else [("factor", f"the terms {which} are {_multiplied(c)}")]
            )
        corrected: Expr | None = None if form is self.derived.value else form
        if self.hand is not None and all(c == 0 for _, c in slips):
            corrected = add(self.hand.value, *(terms[k] for k, _ in slips))
        near = isinstance(self.derived.value, Add) or told[0][0] == "second path"
        slight = 0.0 if slips[0][1] in (0, -1) else 1.1  # a term that stands there twice is one too many
        cost = (2.6 if near else 4.3) + slight + 2.4 * (len(told) - 1) + (0.0 if form is self.derived.value else 0.7)
        kinds, words = zip(*told, strict=True)
        yield _Found(cost, tuple(kinds), tuple(words), corrected, self._same(spoilt, hand=True))

    def _term(self, t: Expr, c: Fraction) -> tuple[str, str]:
        if c == 0:
            return self._missing(t)
        if c == -1:
            return "sign", _sign(t)
        return "factor", f"the term {_signed(t)} is {_multiplied(c)}"

    def _missing(self, t: Expr) -> tuple[str, str]:
        """A term that is not there: one way on which the tensor works."""
        uses = [n for eq in self.forward for n in _occurrences(eq.value) if n.name == self.tensor]
        if len(uses) < 2:
            return "missing term", f"the term {_signed(t)} is missing"
        there = {n.name for n in tensors_of(t) if is_adjoint(n.name)}
        mine = set() if self.hand is None else {n.name for n in tensors_of(self.hand.value)}
        ways = sorted(primal(name) for name in there - mine)
        if ways:
            return "second path", f"the second path, through {' and '.join(ways)}, is missing: {_signed(t)}"
        users = [eq.name for eq in self.forward if any(n.name == self.tensor for n in _occurrences(eq.value))]
        return (
            "second path",
            f"the second path is missing: {self.tensor} stands {_times_over(len(uses))} in {' and '.join(users)}, "
            f"and one of the places owes it {_signed(t)}",
        )

    # ----- one edit, two edits
    def single(
        self, mine: list[tuple[Edit, Expr, Equation | None]], theirs: list[tuple[Edit, Expr]]
    ) -> Iterator[_Found]:
        """What is one edit away, or one edit and a constant."""
        first = self.samples[0]
        spoken = set() if self.hand is None else _functions(self.whole(self.hand.value))
        wanted, got = self.wanted[0], self.got[0]
        for e, whole, part in mine:
            value = first.value(whole)
            if _close(value, wanted):
                if self.repairs(whole):
                    kind, words = self._said(e, repair=True)
                    corrected = e.value
                    yield _Found(e.cost, (kind,), (words,), corrected, self._same(whole), e, part)
            elif part is None and (c := _simple(_ratio(wanted, value))) is not None:
                scaled = _times(Number(c), whole)
                if self.repairs(scaled):
                    kind, words = self._said(e, repair=True)
                    more, also = self._multiple(1 / c, ())
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
            if _close(value, got):
                if self.spoils(e.value):
                    kind, words = self._said(e, repair=False)
                    cost = e.cost + strange + 0.1
                    yield _Found(cost, (kind,), (words,), right, self._same(e.value, hand=True), e)
            elif (c := _simple(_ratio(got, value))) is not None:
                scaled = mul(Number(c), e.value)
                if self.spoils(scaled):
                    kind, words = self._said(e, repair=False)
                    more, also = self._multiple(c, ())
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
                if one.cost + other.cost > 9 or not _close(value, theirs_value):
                    continue
                tried += 1
                if tried > 400 or monotonic() > self.until:
                    return
                if one.kind == other.kind == "factor dropped" and one.old is not other.old:
                    kind = "tensor" if isinstance(one.old, Tensor) and isinstance(other.old, Tensor) else "function"
                    factor = _factor_apart(*_narrowed(one.old, other.old))
                    words = (factor or f"{_shown(one.old)} stands where {_shown(other.old)} belongs",)
                    yield _Found(6, (kind,), words, right, (whole, other.value))
                    continue
                kinds, words = zip(self._said(one, repair=True), self._said(other, repair=False), strict=True)
                yield _Found(one.cost + other.cost + 2, tuple(kinds), tuple(words), right, (whole, other.value))

    def _same(self, e: Expr, hand: bool = False) -> tuple[Expr, Expr] | None:
        """What a proof has to show equal."""
        if not hand:
            return e, self.derived.value
        return None if self.hand is None else (self.hand.value, e)

    # ----- words
    def _said(self, e: Edit, repair: bool) -> tuple[str, str]:
        """The kind and the words of the slip that an edit undoes (``repair``), or makes."""
        wrong, right = (e.old, e.new) if repair else (e.new, e.old)
        stands = f"{_shown(wrong)} stands where {_shown(right)} belongs"
        match e.kind:
            case "term dropped":
                if repair:
                    return "extra term", f"the term {_signed(e.old)} is one too many"
                return self._missing(e.old)
            case "factor dropped" | "factor added":
                factor = e.old if e.kind == "factor dropped" else e.new
                extra = (e.kind == "factor dropped") == repair
                if _is_size(factor):
                    back = power(factor, MINUS_ONE)
                    if isinstance(factor, Dim):  # a size where one over it was divided by, or the other way
                        return "mean", f"{_shown(factor)} is {'one too many' if extra else 'missing'}"
                    return (
                        "mean",
                        f"1/{_shown(back)} is one too many" if extra else f"the mean's 1/{_shown(back)} is missing",
                    )
                if extra:
                    return "extra factor", f"the factor {_shown(factor)} is one too many"
                if e.kind == "factor added":
                    return "missing factor", f"the factor {_shown(factor)} is missing"
                slope_of = self._slope_of(e.old)
                of = f", the slope of {slope_of}," if slope_of else ""
                return "missing factor", f"the factor {_shown(e.old)}{of} is missing"
            case "sum dropped" | "sum added":
                missing = (e.kind == "sum added") == repair
                if missing:
                    letters = e.detail
                    return "missing sum", f"the sum over {letters} is missing: {stands}"
                return "extra sum", f"one sum too many: {stands}"
            case "transposed":
                name = wrong.name if isinstance(wrong, Tensor) else e.detail
                rank = len(wrong.subscripts) if isinstance(wrong, Tensor) else 2
                what = f"{name} is transposed" if rank == 2 else f"two indices of {name} are exchanged"
                return "transposed", f"{what}: {stands}"
            case "sign":
                return "sign", _sign(right)
            case "slope":
                return "slope", self._slope(e, wrong, right)
            case "argument":
                return "argument", self._argument(e, wrong, right)
            case "index" if isinstance(wrong, Index):
                one, other = next((pair for pair in e.steps if not isinstance(pair[0], Index)), (wrong, right))
                one, other = (one, other) if repair else (other, one)
                if one is ONE:  # [i = i]
                    return "missing factor", f"the factor {_shown(other)} is missing"
                return "index", f"{_shown(one)} stands where {_shown(other)} belongs"
            case "sideways":
                return "index", f"the sum runs over the wrong index: {stands}"
            case "tensor":
                return "tensor", stands
            case "reduction":
                return "reduction", stands
            case "number":
                if isinstance(wrong, Number) and isinstance(right, Number) and wrong.value == -right.value:
                    return "sign", _sign(right)
                within = e.steps[1][0] if len(e.steps) > 1 else None
                if isinstance(within, Mul) and wrong is ONE:
                    return "factor", f"the factor {_shown(right)} is missing"
                if isinstance(within, Mul) and right is ONE:
                    return "factor", f"the factor {_shown(wrong)} is one too many"
                return "factor", stands
            case _:
                one, other = _narrowed(wrong, right)
                factor = _factor_apart(one, other)
                if factor is not None:
                    return "factor", f"{factor}: {_signed(one)} stands where {_signed(other)} belongs"
                return e.kind, stands

    def _slope(self, e: Edit, wrong: Expr, right: Expr) -> str:
        match wrong, right:
            case Call(one), Call(other) if one.rstrip("′″‴") == other.rstrip("′″‴"):
                return f"{one} stands where {other} belongs: {show(wrong)} for {show(right)}"
            case _:
                return f"{show(wrong)} stands where {show(right)} belongs, the slope of {e.detail}"

    def _slope_of(self, factor: Expr) -> str | None:
        """The function of the forward pass whose slope this is."""
        for t in self.names.entries:
            eq = self.names.defined.get(t.name)
            if eq is None or not isinstance(eq.value, Call) or len(eq.value.args) != 1 or t.free != factor.free:
                continue
            args = tuple(substitute(a, dict(zip(eq.letters, t.subscripts, strict=True))) for a in eq.value.args)
            if same(slope(eq.value.function, 0, args, t), factor):
                return eq.value.function
        return None

    def _argument(self, e: Edit, wrong: Expr, right: Expr) -> str:
        around = next((n.function for n, _ in e.steps if isinstance(n, Call) and n.function != "power"), None)
        if around is None:
            return f"{show(wrong)} stands where {show(right)} belongs"
        if isinstance(wrong, Tensor) and isinstance(right, Tensor) and wrong.subscripts == right.subscripts:
            return f"{around} is taken at {wrong.name}, not at {right.name}"
        return f"{around} is taken at {show(wrong)}, not at {show(right)}"


def _narrowed(one: Expr, other: Expr) -> tuple[Expr, Expr]:
    """The smallest parts in which two expressions differ."""
    while type(one) is type(other) and len(one.children) == len(other.children) > 0:
        apart = [(a, b) for a, b in zip(one.children, other.children, strict=True) if a is not b]
        if len(apart) != 1 or isinstance(one, Tensor) or isinstance(apart[0][0], Number):
            break
        one, other = apart[0]
    return one, other


def _factor_apart(wrong: Expr, right: Expr) -> str | None:
    """What is said where two expressions are one but for a number in front, a decimal that got lost."""
    (c, rest), (d, same_rest) = number_and_rest(wrong), number_and_rest(right)
    if rest is not same_rest or rest is ONE or not c or not d:
        return None
    q = d / c
    if abs(c) == 1 and abs(q) != 1:
        return f"the factor {show(Number(abs(q)))} is missing"
    return f"the factor {show(Number(abs(1 / q)))} is one too many" if abs(d) == 1 and abs(q) != 1 else None


def _shown(e: Expr) -> str:
    """An expression, its own sum written out."""
    if not isinstance(e, Sum):
        return f"({show(e)})" if isinstance(e, Add) else show(e)
    body = show(e.body)
    return f"Σ_{run_together(e.indices)} " + (f"({body})" if isinstance(e.body, Add) else body)



def _signed(t: Expr) -> str:
    """A term with its sign in front: ``- a_i b_i``."""
    sign, bare = sign_and_rest(t)
    return f"{'+' if sign > 0 else '-'} {_shown(bare)}"


def _sign(right: Expr) -> str:
    """What is wrong where the sign of this belongs."""
    sign, bare = sign_and_rest(right)
    if isinstance(bare, Add) and sign_and_rest(bare.terms[0])[0] < 0:
        bare, sign = add(*map(negate, bare.terms)), -sign
    here, there = ("+", "-") if sign > 0 else ("-", "+")
    return f"the sign of {_shown(bare)} is wrong: {here} belongs there, not {there}"


def _resized(e: Expr, old: Dim, new: Dim) -> Expr:
    return transform(e, lambda n: new if n is old else n)


def _is_size(e: Expr) -> bool:
    """The size of an axis, or one over it."""
    return isinstance(e, Dim) or (isinstance(e, Call) and e.args[1:] == (MINUS_ONE,) and isinstance(e.args[0], Dim))


def _functions(e: Expr) -> set[str]:
    """The functions in an expression, powers apart; a reduction that is made of one counts as that."""
    found = {n.function for n in postorder(e) if isinstance(n, Call) and n.function != "power"}
    return found | {n.op for n in postorder(e) if isinstance(n, Reduce)}


def _times_over(n: int) -> str:
    return "twice" if n == 2 else f"{n} times"


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


def _multiplied(q: Fraction) -> str:
    """What a factor too many, or too few, has done."""
    if len(str(q)) > 7:
        return f"{_number(q)} times what it should be"
    if q.numerator == 1 and q.denominator > 1:
        return f"{q} of what it should be: a factor {1 / q} is missing"
    return f"{q} times what it should be: the factor {q} is one too many"


def _number(q: Fraction) -> str:
    """3, 1/2, -2; long ones in digits."""
    text = str(q)
    return text if len(text) <= 7 else f"{float(q):.12g}"


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


def _occurrences(e: Expr) -> Iterator[Tensor]:
    """The tensor entries of an expression, each as often as it is written, up to some."""
    stack, left = [e], 500
    while stack and left:
        left -= 1
        n = stack.pop()
        if isinstance(n, Tensor):
            yield n
        elif isinstance(n, Call) and n.function == "power" and isinstance(n.args[1], Number):
            stack.append(n.args[0])
        else:
            stack.extend(reversed(n.children))


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
    backward = _backward(forward)
    derived = _alike(derived.rename(dict(zip(derived.letters, hand.letters, strict=True))), hand)
    samples: list[_Sample] = []
    for truth, seed in (*([seen] if seen else []), *_drawn(forward, given)):
        try:
            more = evaluate(pieces, {n: truth[n] for n in pieces.inputs}, seed) if len(pieces) else {}
        except (TensorpropError, KeyError):
            more = {}
        samples.append(_Sample({**truth, **more}, seed, hand.target))
    if not samples:
        return _apart(hand, derived, None)
    got = [s.value(hand.value) for s in samples]
    known = others if others is not None else {eq.name: eq for eq in backward}
    search = _Search(derived, forward, samples, got, hand, pieces, known, rivals or {}, backward)
    if search.wanted[0] is None:
        return _apart(hand, derived, None)
    alike = all(w is None or _close(g, w) for g, w in zip(got, search.wanted, strict=True))
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
        if monotonic() > search.until:
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
        search.said(best),
        best.kinds,
        before,
        after,
        _in_their_text(source, before, after, best.edit) if edited else None,
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
    sample = _Sample(truth, seed, derived.target)
    flat = np.asarray(got, dtype=np.float64).ravel()
    others = {eq.name: eq for eq in _backward(forward)}
    search = _Search(derived, forward, [sample], [flat], None, system(()), others, {})
    wanted = search.wanted[0]
    if wanted is None or wanted.shape != flat.shape or _close(flat, wanted):
        return None
    best = next(search.run(), None)
    if best is None:
        return None
    return Diagnosis(best.kinds[0], search.said(best), best.kinds, None, derived, None, False, None, None)


def _apart(hand: Equation, derived: Equation, small: Counterexample | None, search: _Search | None = None) -> Diagnosis:
    """Nothing is near: the difference of the two, simplified, in whichever form of the derived rule it is shortest."""
    forms = [derived.value] if search is None else [derived.value, *search.forms]
    written = [hand.value] if search is None else [hand.value, search.whole(hand.value)]
    apart = (subtract(one, form) for one in written for form in forms)
    rests = [equation(hand.target, simplify_expr(e)) for d in apart for e in (d, add(*multiplied_out(d)))]
    rest = min(rests if search is None else map(search.sized, rests), key=lambda e: len(show(e)))
    words = "no single slip explains it"
    return Diagnosis("unknown", words, ("unknown",), hand, derived, None, False, small, rest.value)


def smallest(
    hand: Equation,
    derived: Equation,
    forward: System,
    *,
    parts: Iterable[Equation] = (),
    given: Given = (),
    backward: System | None = None,
) -> Counterexample | None:
    """The smallest sizes for which the two rules differ, an entry, both values, and small whole numbers that do it."""
    pieces = system(parts)
    backward = _backward(forward) if backward is None else backward
    ranges = infer(forward)
    classes = list(dict.fromkeys(ranges.find(n, k) for n in forward.inputs for k in range(forward.rank(n))))
    choices = sorted(
        product((1, 2, 3), repeat=min(len(classes), 5)), key=lambda c: (math.prod(c), max(c, default=1), c)
    )
    until = monotonic() + 1.0
    for choice in choices[:60]:
        sizes = dict(zip(classes, (*choice, *[2] * (len(classes) - len(choice))), strict=True))
        shape = {n: tuple(sizes[ranges.find(n, k)] for k in range(forward.rank(n))) for n in forward.inputs}
        for seed in range(2):
            truth = _whole(forward, backward, shape, given, seed)
            found = None if truth is None else _differs(hand, derived, pieces, truth)
            if found is not None:
                return found
        if monotonic() > until:
            break
    return None


def _whole(
    forward: System, backward: System, shape: Mapping[str, tuple[int, ...]], given: Given, seed: int
) -> dict[str, np.ndarray] | None:
    """Small whole numbers for every input, if the forward equations stand them."""
    labels = whole_numbers(forward)
    for low, scale in ((-3, 1.0), (1, 1.0), (1, 0.25)):
        try:
            inputs = arrays(forward, shape, seed, "positive", given)
            draw = np.random.default_rng(seed)
            fixed = {t.name for left, _ in given for t in tensors_of(left)}
            for name in inputs:
                if name not in labels and name not in fixed:
                    some = [n for n in range(low, 4) if n]
                    inputs[name] = draw.choice(some, inputs[name].shape) * scale
            found = _completed(forward, backward, inputs, 0, whole=True)
        except (TensorpropError, ValueError):
            continue
        if all(np.isfinite(a).all() for a in found.values()):
            return found
    return None


def _differs(hand: Equation, derived: Equation, parts: System, truth: dict[str, np.ndarray]) -> Counterexample | None:
    try:
        more = evaluate(parts, {n: truth[n] for n in parts.inputs}) if len(parts) else {}
    except (TensorpropError, KeyError):
        return None
    sample = _Sample({**truth, **more}, 0, hand.target)
    got, wanted = sample.value(hand.value), sample.value(derived.value)
    if got is None or wanted is None or _close(got, wanted):
        return None
    size = max(float(np.abs(got).max()), float(np.abs(wanted).max()))
    place = int(np.argmax(np.abs(got - wanted) > _EXACT * size))
    axes = tuple(sample.sizes[i] for i in sample.letters)
    entry = tuple(int(k) for k in np.unravel_index(place, axes)) if axes else ()
    named = dict.fromkeys(t.name for eq in (hand, derived) for t in tensors_of(eq.value) if t.name in truth)
    numbers = {name: (np.asarray(truth[name]) + 0.0).tolist() for name in named}  # -0.0 + 0.0 is 0.0
    known = letter_sizes([hand], {n: a.shape for n, a in truth.items()})
    return Counterexample(known, entry, float(wanted[place]) + 0.0, float(got[place]) + 0.0, numbers)


# --------------------------------------------------------------------------- in the user's own words
def _alike(derived: Equation, hand: Equation) -> Equation:
    """The derived rule with the bound letters of the hand rule, its factors and terms in the hand rule's order."""
    bound: dict[tuple[str, int], str] = {}
    place: dict[object, int] = {}
    for n in postorder(hand.value):
        place.setdefault(n, len(place))
        if isinstance(n, Tensor):
            place.setdefault(n.name, len(place))
            for k, i in enumerate(n.subscripts):
                if isinstance(i, Index) and i.name not in hand.letters:
                    bound.setdefault((n.name, k), i.name)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Mul() | Add():
                known = sorted((p, k) for k, c in enumerate(children) if (p := at(c)) is not None)
                slots = sorted(k for _, k in known)
                new = list(children)
                for slot, (_, k) in zip(slots, known, strict=True):
                    new[slot] = children[k]
                if isinstance(n, Add) and sign_and_rest(new[0])[0] < 0 < sign_and_rest(children[0])[0]:
                    return remake(n, children)
                return remake(n, tuple(new))
            case Sum(indices) | Reduce(_, indices, _, ()):
                body = children[0]
                taken = set(hand.letters) | body.free | body.binds
                names: dict[str, str] = {}
                for i in indices:
                    names[i] = next((b for b in wishes(body, i) if b not in taken), i)
                    taken.add(names[i])
                body = rename(body, names)
                letters = tuple(names.values())
                return sum_over(letters, body) if isinstance(n, Sum) else reduce(n.op, letters, body)
            case _:
                return remake(n, children)

    def at(c: Expr) -> int | None:
        _, bare = sign_and_rest(c)
        if isinstance(bare, Number):
            return None
        found = place.get(c, place.get(bare))
        return place.get(bare.name) if found is None and isinstance(bare, Tensor) else found

    def wishes(body: Expr, i: str) -> Iterator[str]:
        for t in tensors_of(body):
            for k, s in enumerate(t.subscripts):
                if isinstance(s, Index) and s.name == i and (t.name, k) in bound:
                    yield bound[t.name, k]

    return equation(derived.target, fold(derived.value, rule))


def _in_their_text(source: str | None, before: Equation, after: Equation, edit: Edit | None) -> tuple[str, str] | None:
    """The line as it was written and as it should be, in the user's own spelling, where the edit can be put there."""
    if source is None or edit is None:
        return None
    spans: list[dict[object, tuple[int, int]]] = []
    try:
        found = equations(source, "strict", spans)[1]
    except TensorpropError:
        return None
    place = next((n for n, eq in enumerate(found) if eq is before), None)
    if place is None:
        return None
    start = spans[place][before.target][0]
    end = max(b for _, b in spans[place].values())
    while end < len(source) and source[end] in ")]} ":
        end += 1
    line = source[start:end].rstrip()
    for old, new in edit.steps:
        span = spans[place].get(old)
        if span is None:
            continue
        for text in (show(new), f"({show(new)})"):
            fixed = line[: span[0] - start] + text + line[span[1] - start :]
            try:
                if equations(fixed, "strict", None)[1] == [after]:
                    return " ".join(line.split()), " ".join(fixed.split())
            except TensorpropError:
                continue
    return None
