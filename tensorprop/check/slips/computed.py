"""The slip that numbers show: something about the whole, a few entries, or an edit of the derived rule.

In: what a function gave on some trials, and the derived rules. Out: a `Diagnosis`, or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import permutations, product

import numpy as np

from tensorprop.calculus.page import seed_of
from tensorprop.check.numbers.jax_values import double_precision
from tensorprop.check.report import Diagnosis
from tensorprop.check.slips.diagnose import diagnose_values
from tensorprop.check.trials import Trial, where_tried
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.names import adjoint_name, is_adjoint
from tensorprop.core.walk import inline
from tensorprop.errors import TensorpropError
from tensorprop.trace.probe import eps

__all__ = ["slip_of"]


def _by_rounding(name: str, fit: Sequence[Trial]) -> Diagnosis | None:
    """A narrower dtype inside the function, where its rounding would explain the differences."""
    if 2 * sum(len(t.wrong(name)) for t in fit) < sum(np.count_nonzero(t.truth[name]) for t in fit):
        return None  # it would touch most entries
    for wide, narrow in (("float64", "float32"), ("float32", "bfloat16")):
        wider = eps(narrow) / eps(wide)
        if all(
            t.dtype == wide and (np.abs(t.got[name] - t.truth[name]) <= wider * t.tolerance[name]).all() for t in fit
        ):
            words = f'rounding, if the function computes in {narrow}: then say dtype="{narrow}"'
            return Diagnosis("rounding", words, ("rounding",))
    return None


# --------------------------------------------------------------------------- the likely fault, from numbers
def slip_of(
    rule: Equation, trials: Sequence[Trial], s: System, rules: Mapping[str, Equation], search: bool
) -> Diagnosis | None:
    """What would give these numbers: something about the whole, a few entries, or a slip in the derived rule."""
    name = rule.name
    fit = [t for t in trials if name in t.got and t.got[name].shape == t.truth[name].shape]
    for kind, words in _as_a_whole(name, fit, s, rules):
        return Diagnosis(kind, words, (kind,))
    narrow = _by_rounding(name, fit)
    if narrow is not None:
        return narrow
    some = [t for t in fit if t.dtype == np.float64 and t.truth[name].size <= 1000]
    if search and some and is_adjoint(name):
        apart = [t for t in some if len(set(t.letters.values())) == len(t.letters)]
        found = _searched(rule, (apart or some)[0], s)
        if found is not None:
            return found
    worst = max(fit, key=lambda t: t.truth[name].size * bool(len(t.wrong(name))))
    few, entries = len(worst.wrong(name)), worst.truth[name].size
    if entries >= 4 and all(len(t.wrong(name)) <= max(1, t.truth[name].size // 8) for t in fit):
        words = f"{few} of {entries} entries {'is' if few == 1 else 'are'} wrong, the others agree{where_tried(worst)}"
        return Diagnosis("entries", words, ("entries",))
    return None


def _as_a_whole(name: str, fit: Sequence[Trial], s: System, rules: Mapping[str, Equation]) -> Iterator[tuple[str, str]]:
    if all(not t.got[name].any() for t in fit):
        yield "zero", "it is zero everywhere"
        return
    told = _multiple([_ratio(name, t) for t in fit], [t.letters for t in fit])
    if told is not None:
        yield told
    rank = len(fit[0].truth[name].shape)
    turns = [order for order in permutations(range(rank)) if order != tuple(range(rank))] if rank < 5 else []
    for order in turns:
        if all(t.near(name, np.transpose(t.truth[name], order)) for t in fit):
            yield "transposed", f"it is transposed: its axes are those of {name} in the order {order}"
    for other in rules:
        if other == name:
            continue
        same = [t for t in fit if other in t.truth and t.truth[other].shape == t.got[name].shape]
        if same and all(t.near(name, t.truth[other]) for t in same):
            yield "exchanged", f"it is {other}, the gradient by another input"
    if is_adjoint(name):
        ones = {n: np.ones_like(a) for n, a in fit[0].seeds.items()}
        with double_precision(), np.errstate(all="ignore"):
            if fit[0].near(name, fit[0].spec(fit[0].given, ones)[name]):
                ends = " and ".join(adjoint_name(n) for n in s.outputs)
                yield "cotangent", f"the cotangent is ignored: it is the gradient for {ends} = 1"


def _ratio(name: str, t: Trial) -> float | None:
    """c where what the function gave is c times what it should have."""
    got, truth = t.got[name].ravel(), t.truth[name].ravel()
    square = float(truth @ truth)
    if not square or not np.isfinite(got).all():
        return None
    c = float(got @ truth) / square
    return c if c and t.near(name, c * t.truth[name]) else None


def _multiple(ratios: Sequence[float | None], sizes: Sequence[Mapping[str, int]]) -> tuple[str, str] | None:
    """One number, or one number times a size or its root, for all trials."""
    known = [(r, n) for r, n in zip(ratios, sizes, strict=True) if r is not None]
    if not known or len(known) < len(ratios):
        return None
    c = _constant([r for r, _ in known])
    if c == "-1":
        return "sign", "it is negated"
    if c is not None:
        return "factor", f"it is {c} times what it should be"
    letters = [i for i in dict.fromkeys(i for n in sizes for i in n) if len({n[i] for n in sizes}) > 1]
    for (p, kind), i in product(((1.0, "mean"), (0.5, "factor")), letters):  # one size cannot be told from a number
        size = f"dim({i})" if kind == "mean" else f"sqrt(dim({i}))"
        under, over = (_constant([_rounded(r * n[i] ** q) for r, n in known]) for q in (p, -p))
        if under is not None:
            return kind, f"it is divided by {size}{'' if under == '1' else f', and {under} times as large'}"
        if over is not None:
            return kind, f"it is {size} times {'' if over == '1' else f'{over} times '}what it should be"
    return None


def _rounded(r: float) -> float:
    """A ratio to as many digits as rounding leaves it in a narrow dtype."""
    return 1.0 if abs(r - 1) < 1e-3 else r


def _constant(values: Sequence[float]) -> str | None:
    """The one number that these are, as short as it may be written."""
    c = values[0]
    from_one = abs(c - 1) if abs(c - 1) > 1e-9 else 1.0  # 1.000001 is told from 1, what rounding leaves is not
    if any(abs(v - c) > 1e-3 * min(abs(c), from_one) for v in values):
        return None
    q = Fraction(c).limit_denominator(16)
    return str(q) if q and abs(float(q) - c) <= 1e-12 * abs(c) else f"{c:.{6 if abs(c - 1) > 1e-4 else 12}g}"


def _searched(rule: Equation, t: Trial, s: System) -> Diagnosis | None:
    """The slip in the derived rule that gives these numbers; the seed of a single number is taken out of them."""
    truth, got, seed = {**t.given, **t.truth}, t.got[rule.name], seed_of(s)
    if seed is not None:
        scale = float(t.seeds[s.outputs[0]])
        truth |= {n: a / scale for n, a in truth.items() if is_adjoint(n)}
        got = got / scale
    truth |= {adjoint_name(n): a for n, a in t.seeds.items()} if seed is None else {seed: np.ones(())}
    unfolded = equation(rule.target, inline(rule.value, s.definitions()))  # a slope that its function's value tells
    for form in dict.fromkeys((rule, unfolded)):
        try:
            found = diagnose_values(got, form, s, truth, seed=t.seed)
        except (TensorpropError, ArithmeticError):  # numbers whose squares vanish: no diagnosis, but the finding stands
            continue
        if found is not None:
            return found
    return None
