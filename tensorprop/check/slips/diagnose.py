"""What is wrong with a rule, in words: the smallest edit that makes the derived rule of it, or it of the derived rule.

In: a hand-written rule (or the numbers that a function gave), the derived rule, the forward equations. Out: a
`Diagnosis`. Every explanation that passes a few numbers is proved before it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np

from tensorprop.calculus.page import Given, seed_of
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.check.numbers.jax_oracle import evaluate
from tensorprop.check.prove.decide import Laws, proves
from tensorprop.check.prove.inside import defined
from tensorprop.check.prove.monomials import is_about_indices
from tensorprop.check.prove.ties import apart, unguarded
from tensorprop.check.report import Counterexample, Diagnosis
from tensorprop.check.slips.constants import has_constants, rounded
from tensorprop.check.slips.edits import multiplied_out
from tensorprop.check.slips.held import Explanation, Held
from tensorprop.check.slips.replaced import replaced
from tensorprop.check.slips.samples import Arrays, Sample, adjoints_of, both, draws, same_values
from tensorprop.check.slips.search import exactly, explanations, supposing
from tensorprop.check.slips.smallest import smallest
from tensorprop.check.slips.theirs import as_written, in_their_text
from tensorprop.core.build import ONE, add, mul, subtract
from tensorprop.core.equation import Equation, Loop, System, equation, system
from tensorprop.core.expr import Bracket, Number, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.walk import postorder
from tensorprop.errors import TensorpropError
from tensorprop.text import show

__all__ = ["diagnose", "diagnose_values"]

_LIKELY = 7.0  # explanations by two slips that are told without a proof cost no more
_PLAIN = 3.0  # explanations that are farther off give way to a rounded constant beside a slip
_WORDY = 90  # characters of words from which on another way to say it is looked for
_SMALL = frozenset(Fraction(n) for n in ("1", "2", "1/2", "3", "1/3", "4", "1/4"))
_PROOFS = 40  # edits that pass the numbers and are taken to the proof


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
    shown: tuple[Arrays, int] | None = None,
    refuted: bool = False,
) -> Diagnosis | None:
    """What is wrong with a hand rule; None where it equals the derived rule on every sample.

    ``parts``: equations that the hand rule names for itself. ``given``: what is known of the inputs. ``others``: the
    derived rules of the other tensors, ``rivals`` the hand-written ones, by name (``"δW"``): gradients that are handed
    to the wrong parameter are found by them. ``source``: the text in which the rule was written. ``shown``:
    values and adjoints of all tensors, and their seed, on which the rule was found wrong; ``seen``: such as were made
    for this rule. ``refuted``: the rule is known to be wrong, though perhaps by less than any sample shows here.

    >>> from tensorprop.text import parse
    >>> s = parse("z_j = a_i W_ij; δa_i = W_ij δz_j; δa2_i = W_ji δz_j")
    >>> forward, derived = parse("z_j = a_i W_ij"), s["δa"]
    >>> found = diagnose(equation(derived.target, s["δa2"].value), derived, forward)
    >>> found.kind, found.words
    ('transposed', 'W is transposed: W_ji stands where W_ij belongs')
    """
    pieces = system(parts)
    backward = adjoints_of(forward)
    derived = _as_told(derived, hand, seed_of(forward))
    samples = _samples(hand, forward, pieces, given, [d for d in (shown, seen) if d is not None])
    if not samples:
        return _apart(hand, derived, None)
    got = [s.value(hand.value) for s in samples]
    known = others if others is not None else {eq.name: eq for eq in backward}
    held = Held(derived, forward, samples, got, hand, pieces, known, rivals or {}, backward, source)
    if held.wanted[0] is None:
        return _apart(hand, derived, None)
    alike = all(w is None or same_values(g, w) for g, w in zip(got, held.wanted, strict=True))
    definitions = defined([*forward, *pieces, *backward])
    if (last := seed_of(forward)) is not None:
        definitions[last] = ((), ONE)
    rules = both(forward, backward)
    laws = Laws(rules, given, whole_numbers(forward))
    if alike and (not refuted or proves(hand, derived, definitions, laws)):
        return None
    small = smallest(hand, derived, forward, parts=pieces, given=given, backward=backward)
    full = rounded(hand, derived)
    if full is not None and proves(full.rule, derived, definitions, laws):
        return Diagnosis("rounded", full.words, ("rounded",), hand, full.rule, None, True, small, None, full.error)
    exact = rounded(derived, hand)
    if exact is not None and proves(hand, exact.rule, definitions, laws):
        words = f"exact constants stand where rounded ones belong: {exact.words}"
        return Diagnosis("rounded", words, ("rounded",), hand, derived, None, True, small, None, exact.error)

    def holds(f: Explanation, more: Given = given) -> bool:
        assert f.proof is not None
        one, other = (equation(hand.target, e) for e in f.proof)
        known = laws if more is given else Laws(rules, more, whole_numbers(forward))
        if proves(one, other, definitions, known):
            return True
        (one, ties), (other, also) = apart(one), apart(other)  # a rule that is right but there is right
        return bool(ties or also) and proves(one, other, definitions, known)

    best, proved = _best(held, alike, holds, None if seen is not None else given)
    if best is None or not proved or best.cost > _PLAIN or len(best.kinds) > 1:
        more = _in_full(hand, derived, forward, parts=pieces, given=given, rivals=rivals)
        if more is not None:
            return replace(more, written=hand, counterexample=small)
    best, proved = _shorter(best, proved, held, holds)
    if best is None:
        return _apart(held.sized(hand), held.sized(derived), small, held)
    return _told(best, proved, held, hand, derived, source, small)


def _shorter(
    best: Explanation | None, proved: bool, held: Held, holds: Callable[..., bool]
) -> tuple[Explanation | None, bool]:
    """What stands for what, where nothing better is proved, or where more words would say the same."""
    said = sum(map(len, best.words)) if best is not None else 0
    plain = best is not None and len(best.kinds) == 1
    first, stands, _ = best.words[0].partition("stands where") if best is not None else ("", "", "")
    wordy = plain and proved and said >= _WORDY and bool(stands) and ": " not in first  # "transposed in one term: …"
    if (proved or plain) and not wordy:
        return best, proved
    other = next((f for f in replaced(held) if (not proved or sum(map(len, f.words)) < 0.7 * said) and holds(f)), None)
    return (other, True) if other is not None else (best, proved)


def _in_full(
    hand: Equation,
    derived: Equation,
    forward: System,
    *,
    parts: System,
    given: Given,
    rivals: Mapping[str, Equation] | None,
) -> Diagnosis | None:
    """What is wrong with a rule beside its rounded constants: with all in full, those of the equations too."""
    full, exact = rounded(hand, derived), rounded(derived, hand)
    if full is None or not (exact is not None or has_constants(derived)):
        return None
    kept = set(postorder(full.rule.value))
    there = [n.value for eq in (derived, *forward) for n in postorder(eq.value) if isinstance(n, Number) and n.value]
    own = [n.value for n in postorder(hand.value) if isinstance(n, Number) and n not in kept]
    if all(any(abs(q / v) in _SMALL and v.denominator > 12 for v in there) for q in own):
        return None  # the equations have the decimal too, perhaps a few times
    lines = [(eq, rounded(eq)) for eq in forward]
    if any(found is not None for _, found in lines) and not any(isinstance(b, Loop) for b in forward.blocks):
        forward = system(found.rule if found is not None else eq for eq, found in lines)
        derived = exact.rule if exact is not None else derived
    try:
        more = diagnose(full.rule, derived, forward, parts=parts, given=given, rivals=rivals)
    except TensorpropError:
        return None
    if more is None or not more.proved or more.kind in ("function", "unknown", "rounded"):
        return None
    return replace(more, words=f"{more.words}; {full.words}", kinds=(*more.kinds, "rounded"))


def _samples(
    hand: Equation, forward: System, pieces: System, given: Given, seen: Iterable[tuple[Arrays, int]]
) -> list[Sample]:
    """The draws on which slips are looked for, the parts that a rule names for itself among their tensors."""
    samples: list[Sample] = []
    under = both(forward, adjoints_of(forward))
    for truth, seed in (*seen, *draws(forward, given)):
        try:
            more = evaluate(pieces, {n: truth[n] for n in pieces.inputs}, seed) if len(pieces) else {}
        except (TensorpropError, KeyError):
            more = {}
        samples.append(Sample({**truth, **more}, seed, hand.target, under))
    return samples


def _best(held: Held, alike: bool, holds: Callable[..., bool], given: Given | None) -> tuple[Explanation | None, bool]:
    """The likeliest explanation that is proved, else the likeliest; and whether it is proved.

    ``alike``: no sample shows the slip. ``given`` is what is known of the inputs, to which something may be added: None
    where the samples are special.
    """
    best: Explanation | None = None
    numbers = (n for n in postorder(held.derived.value) if isinstance(n, Bracket) and not is_about_indices(n))
    compared = sum(1 for _ in numbers)  # a proof with comparisons of numbers looks at many points
    found = exactly(held) if alike else explanations(held)
    for f in islice(found, _PROOFS):
        if f.cost > 3.4 and not alike:
            supposed = supposing(held, given) if best is None and given is not None else ()
            best = next((g for g, known in supposed if holds(g, known)), best)
            if best is not None and best.kinds == ("given",):
                return best, True
        if f.proof is not None:
            if holds(f):
                return f, True
            if held.spent(500 * (1 + 4 * compared)):
                return best or f, False
            if f.cost > _LIKELY and len(f.kinds) > 1:  # two slips that are not proved are none
                continue
        best = best or f
    return best, False


def _told(
    best: Explanation,
    proved: bool,
    held: Held,
    hand: Equation,
    derived: Equation,
    source: str | None,
    small: Counterexample | None,
) -> Diagnosis:
    """An explanation as it is told: words, what was written and what belongs there, in the user's own spelling."""
    before, raw = hand, derived
    if best.part is not None and best.edit is not None:
        before, raw = best.part, equation(best.part.target, best.edit.value)
    elif best.corrected is not None and best.corrected is not derived.value:
        raw = equation(hand.target, best.corrected)
    after = held.sized(raw)
    edited = best.edit is not None and raw.value is best.edit.value
    texts = in_their_text(source, before, after, best.edit) if edited else None
    return Diagnosis(best.kinds[0], held.words.said(best.words), best.kinds, before, after, texts, proved, small, None)


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
    flat = np.asarray(got, dtype=np.complex128 if np.iscomplexobj(got) else np.float64).ravel()
    others = {eq.name: eq for eq in adjoints_of(forward)}
    held = Held(derived, forward, [sample], [flat], None, system(()), others, {})
    wanted = held.wanted[0]
    if wanted is None or wanted.shape != flat.shape or same_values(flat, wanted):
        return None
    best = next(explanations(held), None)
    if best is None:
        return None
    return Diagnosis(best.kinds[0], held.words.said(best.words), best.kinds, None, derived, None, False, None, None)


def _as_told(derived: Equation, hand: Equation, seed: str | None) -> Equation:
    """The derived rule in the letters and the order of the one that was written, without guards that this has not.

    And with ∂E/∂E = 1 as a factor, where the one that was written has it: ``δA_ij = δy y inv(A)_ji``.
    """
    letters = dict(zip(derived.letters, hand.letters, strict=True))
    if seed is not None and seed in hand.inputs and seed not in derived.inputs:
        derived = equation(derived.target, mul(Tensor(seed, ()), derived.value))
    return unguarded(as_written(derived.rename(letters), hand), hand)


def _apart(hand: Equation, derived: Equation, small: Counterexample | None, search: Held | None = None) -> Diagnosis:
    """Nothing is near: the difference of the two, simplified, in whichever form of the derived rule it is shortest."""
    forms = [derived.value] if search is None else [derived.value, *search.forms]
    written = [hand.value] if search is None else [hand.value, search.whole(hand.value)]
    apart = (subtract(one, form) for one in written for form in forms)
    rests = [equation(hand.target, simplify_expr(e)) for d in apart for e in (d, add(*multiplied_out(d)))]
    rest = min(rests if search is None else map(search.sized, rests), key=lambda e: len(show(e)))
    words = "no single slip explains it"
    return Diagnosis("unknown", words, ("unknown",), hand, derived, None, False, small, rest.value)
