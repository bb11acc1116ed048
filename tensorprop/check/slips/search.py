"""Explanations of a wrong rule, the likeliest first: by one edit, by terms, by two edits that meet half way.

In: a rule and what it is held against. Out: explanations, compared on a few numbers; the proof is not here. Edits are
made on the rule and on the derived rule: what is one step from either is one slip, what meets half way is two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np

from tensorprop.calculus.page import Given, axis_letters
from tensorprop.check.numbers.draw import shapes
from tensorprop.check.numbers.jax_oracle import evaluate
from tensorprop.check.slips.constants import constant
from tensorprop.check.slips.costs import COST
from tensorprop.check.slips.edits import Edit, multiplied_out
from tensorprop.check.slips.held import Explanation, Held, rational, simple
from tensorprop.check.slips.recovered import recovered
from tensorprop.check.slips.samples import Sample, both, ratio_of, same_values, true_values
from tensorprop.check.slips.whole import as_a_whole, times
from tensorprop.check.slips.wording import factor_apart, narrowed, with_sign, written_out
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    mul,
    reduce,
    sum_over,
)
from tensorprop.core.english import run_together
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Call, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import TensorpropError

__all__ = ["exactly", "explanations", "supposing"]

_FAR = 3.3  # explanations that are farther off wait for factors put in, and for other forms of the derived rule


def explanations(h: Held) -> Iterator[Explanation]:
    """Explanations, the likeliest first, each equal on all samples."""
    mine = list(h.edited())
    theirs = list(h.edits_of(h.derived.value))
    near = [*as_a_whole(h), *_by_terms(h, h.derived.value), *_single(h, mine, theirs)]
    near = sorted([*map(partial(_weighed, h), near), *_parts_sideways(h)], key=lambda f: f.cost)
    yield from (f for f in near if f.cost < _FAR)
    added = [*h.edited(adding=True), *recovered(h)]
    others = [pair for form in h.forms[1:] for pair in h.edits_of(form)]
    far = [*(f for form in h.forms[1:] for f in _by_terms(h, form)), *_single(h, added, others)]
    far = [*(f for f in near if f.cost >= _FAR), *map(partial(_weighed, h), far)]
    yield from sorted(far, key=lambda f: f.cost)
    if h.work > 0:
        yield from sorted(_double(h, [*mine, *added], [*theirs, *others]), key=lambda f: f.cost)


def exactly(h: Held) -> Iterator[Explanation]:
    """Slips that no sample shows: an edit makes the same canonical form of both."""
    if h.hand is None:
        return
    wanted, got = ({h.form(f) for f in forms} for forms in (h.forms, [h.hand.value]))
    found: list[Explanation] = []
    for e, whole, part in (*h.edited(), *h.edited(adding=True)):
        if h.form(whole) in wanted:
            kind, words = h.words.of(e, repair=True)
            found.append(Explanation(e.cost, (kind,), (words,), e.value, h.proof_of(whole), e, part))
        if h.spent(10):
            break
    for form in h.forms:
        for e, _ in h.edits_of(form):
            if h.form(e.value) in got:
                kind, words = h.words.of(e, repair=False)
                right = None if form is h.derived.value else form
                found.append(Explanation(e.cost + 0.1, (kind,), (words,), right, h.proof_of(e.value, hand=True), e))
            if h.spent(10):
                break
    yield from sorted(found, key=lambda f: f.cost)


def _weighed(h: Held, f: Explanation) -> Explanation:
    """An explanation that needs more than algebra is farther off: ``Σ_k p_k = 1`` makes many things equal."""
    if f.proof is None or f.cost < 1 or h.names.shifted:  # bounds of reads make canonical forms differ
        return f
    one, other = map(h.form, f.proof)
    forms = map(h.form, h.forms) if f.proof[1] is h.derived.value else ()
    if one is other or one in forms:
        return f
    return f._replace(cost=f.cost + (2.5 if h.hand is None or f.proof[0] is not h.hand.value else 3.5))


def supposing(h: Held, given: Given) -> Iterator[tuple[Explanation, Given]]:
    """The rule is right where entries of an input add up to 1, which nobody has said: ``Σ_c y_bc = 1``."""
    if h.hand is None:
        return
    used = {t.name for e in (h.hand.value, *h.forms) for t in tensors_of(e)}
    labels = whole_numbers(h.forward)
    for name in h.forward.inputs:
        if name not in used or name in labels or any(t.name == name for left, _ in given for t in tensors_of(left)):
            continue
        letters = [i for i in axis_letters(h.forward, name) if i is not None]
        if len(letters) < h.forward.rank(name):
            continue
        entry = Tensor(name, tuple(map(Index, letters)))
        for i in letters:
            more = (*given, (sum_over((i,), entry), ONE))
            if _right_under(h, more):
                left = f"Σ_{run_together((i,))} {entry}"
                words = f'this is right only where {left} = 1, which is not given: say given="{left} = 1"'
                right = None if h.forms[-1] is h.derived.value else h.forms[-1]
                yield Explanation(3.4, ("given",), (words,), right, (h.hand.value, h.derived.value)), more


def _right_under(h: Held, given: Given) -> bool:
    """Whether the rule is right on samples for which something more is given."""
    assert h.hand is not None
    shown = 0
    for square, first, seed in ((True, 3, 0), (False, 2, 1), (True, 2, 2)):
        truth = true_values(h.forward, h.backward, shapes(h.forward, square, first), seed, given)
        if truth is None:
            continue
        try:
            more = evaluate(h.parts, {n: truth[n] for n in h.parts.inputs}, seed) if len(h.parts) else {}
        except (TensorpropError, KeyError):
            return False
        sample = Sample({**truth, **more}, seed, h.hand.target, both(h.forward, h.backward))
        wanted = sample.value(h.derived.value)
        if wanted is None or not same_values(sample.value(h.hand.value), wanted):
            return False
        shown += bool(wanted.any())
    return shown > 1


def _by_terms(h: Held, form: Expr) -> Iterator[Explanation]:
    """``hand = Σ_k c_k t_k`` over the terms t_k of the derived rule: c = 0, -1 or another number is a slip."""
    terms = multiplied_out(form)
    if isinstance(form, Add) and len(form.terms) < len(terms):  # as they stand, and in parts
        yield from _by_these(h, form, form.terms)
    yield from _by_these(h, form, terms)


def _by_these(h: Held, form: Expr, terms: Sequence[Expr]) -> Iterator[Explanation]:
    if not 2 <= len(terms) <= 8 or all(g is None for g in h.got):
        return
    rows = [n for n, (g, w) in enumerate(zip(h.got, h.wanted, strict=True)) if g is not None and w is not None]
    same = [n for n in rows if h.samples[n].sizes == h.samples[rows[0]].sizes][:3]
    columns = [[h.samples[n].value(t) for n in same] for t in terms]
    if any(v is None for column in columns for v in column) or not same:
        return
    matrix = np.stack([np.concatenate([v for v in c if v is not None]) for c in columns], axis=1)
    target = np.concatenate([g for n in same if (g := h.got[n]) is not None])
    found, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=None)
    if rank < len(terms) or not same_values(matrix @ found, target):
        return
    if np.iscomplexobj(found):
        if np.abs(found.imag).max() > 1e-9 * np.abs(found).max():
            return
        found = found.real
    cs = [_called(float(c)) for c in found]
    slips = [(k, c) for k, c in enumerate(cs) if c is not None and c is not ONE]
    alike = len({c for _, c in slips}) == 1 and slips[0][1] is not ZERO
    if None in cs or not slips or (len(slips) > 2 and not alike) or (len(slips) == len(terms) and alike):
        return
    if all(c is ZERO for c in cs):
        return
    spoilt = add(*(mul(c, t) for c, t in zip(cs, terms, strict=True) if c is not None))
    if not h.spoils(spoilt):
        return
    told = [h.words.term(terms[k], c, len(slips)) for k, c in slips]
    if alike and len(slips) > 1:
        c = slips[0][1]
        which = " and ".join(with_sign(terms[k]) for k, _ in slips)
        told = (
            [("sign", f"the signs of {which} are wrong")]
            if c is MINUS_ONE
            else [("factor", f"the terms {which} are {h.words.times(c)}")]
        )
    corrected: Expr | None = None if form is h.derived.value else form
    if h.hand is not None and all(c is ZERO for _, c in slips):
        corrected = add(h.hand.value, *(terms[k] for k, _ in slips))
    near = isinstance(h.derived.value, Add) or told[0][0] == "second path"
    slight = 0.0 if slips[0][1] in (ZERO, MINUS_ONE) else 1.1  # a term that stands there twice is one too many
    cost = (2.6 if near else 4.3) + slight + 2.4 * (len(told) - 1) + (0.0 if form is h.derived.value else 0.7)
    kinds, words = zip(*told, strict=True)
    yield Explanation(cost, tuple(kinds), tuple(words), corrected, h.proof_of(spoilt, hand=True))


def _called(c: float) -> Expr | None:
    """The number, or the constant, that stands before a term."""
    q = rational(c, 1e-9)
    known = constant(c) if q is not None and q.denominator > 1000 else None
    return known if known is not None or q is None else Number(q)


def _parts_sideways(h: Held) -> Iterator[Explanation]:
    """A part that is added up, or averaged, along another axis: ``c_i = mean_b(…)`` for ``c_b = mean_i(…)``."""
    if h.hand is None:
        return
    runs = h.names.runs(h.hand.value) | h.runs
    for part in h.parts:
        inner = [n for n in postorder(part.value) if isinstance(n, (Sum, Reduce)) and len(n.indices) == 1]
        for n, i in product([n for n in inner if not (isinstance(n, Reduce) and n.at)], part.letters):
            j = n.indices[0]
            turned = sum_over((i,), n.body) if isinstance(n, Sum) else reduce(n.op, (i,), n.body)
            value = transform(part.value, lambda m, n=n, turned=turned: turned if m is n else m)
            letters = tuple(j if k == i else k for k in part.letters)
            for k in sorted(h.letters):
                if i in value.free or runs.get(k) is None or not set(letters) >= value.free:
                    continue
                axis = part.letters.index(i)
                whole = h.with_part(part, letters, value, axis, k)
                if whole is not None and h.repairs(whole):
                    op = "Σ" if isinstance(n, Sum) else n.op
                    words = f"{op}_{j} stands where {op}_{i} belongs in {part.name}: "
                    words += f"{written_out(n)} should be {written_out(turned)}"
                    yield Explanation(COST["a part along another axis"], ("index",), (words,), whole, h.proof_of(whole))


def _single(
    h: Held, mine: list[tuple[Edit, Expr, Equation | None]], theirs: list[tuple[Edit, Expr]]
) -> Iterator[Explanation]:
    """What is one edit away, or one edit and a constant."""
    first = h.samples[0]
    spoken = set() if h.hand is None else _functions(h.whole(h.hand.value))
    wanted, got = h.wanted[0], h.got[0]
    h.work -= len(mine) + len(theirs)
    for e, whole, part in mine:
        value = first.value(whole)
        if same_values(value, wanted):
            if h.repairs(whole):
                kind, words = h.words.of(e, repair=True)
                corrected = e.value
                yield Explanation(e.cost, (kind,), (words,), corrected, h.proof_of(whole), e, part)
        elif part is None and (c := simple(ratio_of(wanted, value))) is not None:
            scaled = times(Number(c), whole)
            if h.repairs(scaled):
                kind, words = h.words.of(e, repair=True)
                more, also = h.words.multiple(1 / c, ())
                yield Explanation(
                    e.cost + (1.5 if c == -1 else 2.5),
                    (kind, more),
                    (words, also),
                    scaled,
                    h.proof_of(scaled),
                    None,
                )
    for e, form in theirs:
        right = None if form is h.derived.value else form
        strange = 0.0 if h.hand is None or _functions(e.new) <= spoken else 3.0  # nobody wrote that function
        if e.kind == "number" and h.words.unwritten(e.new):
            strange += 2.0
        value = first.value(e.value)
        if same_values(value, got):
            if h.spoils(e.value):
                kind, words = h.words.of(e, repair=False)
                cost = e.cost + strange + 0.1
                yield Explanation(cost, (kind,), (words,), right, h.proof_of(e.value, hand=True), e)
        elif (c := simple(ratio_of(got, value))) is not None:
            scaled = mul(Number(c), e.value)
            if h.spoils(scaled):
                kind, words = h.words.of(e, repair=False)
                more, also = h.words.multiple(c, ())
                cost = e.cost + strange + (1.6 if c == -1 else 2.6)
                yield Explanation(cost, (kind, more), (words, also), right, h.proof_of(scaled, hand=True))


def _double(
    h: Held, mine: list[tuple[Edit, Expr, Equation | None]], theirs: list[tuple[Edit, Expr]]
) -> Iterator[Explanation]:
    """What is one edit from the hand rule and one from the derived rule: it meets half way."""
    first = h.samples[0]
    table: dict[int, list[tuple[Edit, np.ndarray, Expr | None]]] = {}
    for e, form in theirs:
        value = first.value(e.value)
        if value is not None and value.any():
            right = None if form is h.derived.value else form
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
            if one.old is other.old and one.new is other.new:  # that takes away what differs
                continue
            tried += 1
            if tried > 400 or h.spent(1):
                return
            if one.kind == other.kind == "factor dropped" and one.old is not other.old and _put_for(h, one, other):
                kind = "tensor" if isinstance(one.old, Tensor) and isinstance(other.old, Tensor) else "function"
                factor = factor_apart(*narrowed(one.old, other.old))
                words = (factor or f"{written_out(one.old)} stands where {written_out(other.old)} belongs",)
                yield Explanation(6, (kind,), words, right, (whole, other.value))
                continue
            kinds, words = zip(h.words.of(one, repair=True), h.words.of(other, repair=False), strict=True)
            yield Explanation(one.cost + other.cost + 2, tuple(kinds), tuple(words), right, (whole, other.value))


def _put_for(h: Held, one: Edit, other: Edit) -> bool:
    """Whether the rule is right with the other's factor where the one's stands."""
    if h.hand is None or not one.steps:
        return False
    around, rest = one.steps[0]
    return h.repairs(h.whole(transform(h.hand.value, lambda n: mul(rest, other.old) if n is around else n)))


def _functions(e: Expr) -> set[str]:
    """The functions in an expression, powers apart; a reduction that is made of one counts as that."""
    found = {n.function for n in postorder(e) if isinstance(n, Call) and n.function != "power"}
    return found | {n.op for n in postorder(e) if isinstance(n, Reduce)}


def _hash(value: np.ndarray) -> int:
    weights = np.cos(np.arange(value.size) * 1.7 + 0.3)
    return round(float(np.vdot(weights, value).real) / float(np.abs(value).max()) * 1e7)
