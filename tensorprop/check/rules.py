"""Every backward rule of a layer held against the derived one and against JAX.

In: a layer, a System or text. Out: a `Report`. A written rule is compared with the derived rule by canonical form, then
every rule, entry by entry in float64, with ``jax.vjp`` of a naive evaluation of the forward equations. What is wrong is
diagnosed elsewhere (``diagnose``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from typing import Any

import numpy as np

from tensorprop.calculus.backward import derived as rules_of
from tensorprop.calculus.page import Page, seed_of
from tensorprop.calculus.together import nearest
from tensorprop.check.numbers.draw import KINDS, arrays, fitted, shapes, sizes_told
from tensorprop.check.numbers.jax_oracle import Oracle, evaluate
from tensorprop.check.numbers.naive import Weighed, first_wrong
from tensorprop.check.numbers.naive_systems import weigh
from tensorprop.check.prove.decide import Decision, Definitions, Laws, decide, proves
from tensorprop.check.prove.inside import defined
from tensorprop.check.prove.ties import apart
from tensorprop.check.report import Diagnosis, Finding, Report, Verdict
from tensorprop.check.slips.diagnose import diagnose
from tensorprop.check.slips.samples import carried_outputs
from tensorprop.check.thresholds import thresholds
from tensorprop.core.build import ONE, bracket, number
from tensorprop.core.equation import DECLARED, Declared, Equation, Loop, Outside, Range, System, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Number, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, primal
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import (
    DuplicateDefinition,
    NotDifferentiable,
    NotFinite,
    OutOfRange,
    PlanTooLarge,
    SizeMismatch,
    TensorpropError,
    UsageError,
)
from tensorprop.layers.layer import Layer, as_layer, layer_of
from tensorprop.text import show

__all__ = ["check_rules"]

Arrays = Mapping[str, np.ndarray]

Given = tuple[tuple[Expr, Expr], ...]

DRAWS = 6
SEEDS = (0, 1, 2)
FAR = 2.0  # numbers up to here are met by the usual entries
FIRST = 2  # numbers up to here are met by the usual sizes, 3 and more
LARGEST = 10_000_000  # entries of an array that is drawn
SMALL = 100_000  # entries of one on which slips are looked for


def check_rules(x: Any, tolerance: float = 0.0) -> Report:
    """Every backward rule of a page of equations held against the derived one, and against JAX; see `check`."""
    layer = as_layer(x)
    s = layer.system
    labels = whole_numbers(s)
    try:
        derived = {eq.name: eq for eq in layer.derived if eq.place is None}
    except NotDifferentiable:
        if not layer.written:
            raise
        derived = {}
    written = {eq.name: eq for eq in layer.written}
    wanted = [name for name in (*derived, *written) if name in written or name in layer.rules]
    rules = {name: written[name] if name in written else derived[name] for name in wanted}
    laws = Laws(_both(layer), layer.page.given, labels)
    definitions = _definitions(layer, derived)
    decided = {
        name: decide(eq, derived[name], definitions, laws, numbers=False)
        for name, eq in written.items()
        if name in derived
    }
    ranged, taken = _ranged(layer)
    samples = _Samples(ranged, labels, all(name in decided and decided[name].proved for name in written))
    verdicts: list[Verdict] = []
    for name, rule in rules.items():
        finding, compared = samples.judge(rule, derived.get(name))
        decision = decided.get(name, Decision("open", ""))
        if finding is not None and finding.kind in ("undecided", "outside") and decision.proved:
            finding = None
        if finding is None and decision.status == "refuted":
            finding = Finding("proof", primal(name), note=f"{decision.how}; no sample of these sizes shows it")
        open_ = finding is None or finding.kind in ("undecided", "size")  # right wherever its sizes fit: no slip
        right = derived.get(name)
        if finding is not None and right is not None and name in written:
            right = nearest(rule, right, s, layer.derived, layer.page.given)
        if finding is not None and not open_ and name in written and right is not None:
            rest = layer.page, ranged.system, samples
            finding = replace(finding, diagnosis=_slip(rule, right, *rest, derived, written))
        told = ""
        if finding is not None and _within(finding, tolerance):
            assert finding.diagnosis is not None
            finding, told = None, f"right to {tolerance:g}: {finding.diagnosis.words}"
        elif finding is None and name in decided and not decision.proved:
            told = _apart_from_ties(rule, derived[name], definitions, laws)
        known = decision.proved, compared, finding, decision.how
        lines = "; ".join(show(eq) for eq in layer.page.places.get(name, ())) if name in written else ""
        verdicts.append(Verdict(rule, right, name in written, *known, formula=lines, told=told))
    given = [f"{left} = {right}" for left, right in layer.page.given]
    given += [f"{name} holds whole numbers within range" for name in s.inputs if name in labels]
    given += [f"dim({i}) = {n} where entries are compared, since no tensor tells it" for i, n in taken.items()]
    return Report(layer.name, s, tuple(verdicts), tuple(given), samples.how)


def _slip(
    rule: Equation,
    right: Equation,
    page: Page,
    s: System,
    samples: _Samples,
    derived: Mapping[str, Equation],
    written: Mapping[str, Equation],
) -> Diagnosis | None:
    """What is wrong with a written rule that is refuted."""
    return diagnose(
        rule,
        right,
        s,
        parts=samples.parts(rule),
        given=page.given,
        others=derived,
        rivals=written,
        source=page.origin,
        seen=samples.special(rule),
        shown=samples.shown(rule),
        refuted=True,
    )


def _ranged(layer: Layer) -> tuple[Layer, dict[str, int]]:
    """The layer with a range for every letter of which nothing tells one, so that it has values; and these ranges.

    ``m_g = Σ_n [g = s_n] x_n`` is so for any number of groups. What is proved is so without them.
    """
    s = layer.system
    taken = dict.fromkeys((i for _, _, i in infer(s).unknown if s.stated(i) is None), FIRST)
    if not taken:
        return layer, {}
    facts = (*s.facts, *(Range(i, number(n)) for i, n in taken.items()))
    p = layer.page
    return layer_of(Page(system(s, facts), p.rules, p.parts, p.given, p.origin, p.places), layer.name), taken


def _both(layer: Layer) -> System:
    """The forward equations and the derived rules, and all that is stated of ranges and of what lies outside."""
    s = layer.system
    try:
        rules = layer.derived
    except NotDifferentiable:
        return s
    more = [eq for eq in rules if eq.name not in s]
    try:
        return system([*s, *more], dict.fromkeys((*s.facts, *rules.facts)))
    except DuplicateDefinition:
        said = [f"outside({f.tensor}) = {f.value}" for f in rules.facts if isinstance(f, Outside)]
        raise UsageError(
            "what the page states of what lies outside is not so in the derived rules",
            known="; ".join(said),
            fix="nothing is owed outside of a tensor: its adjoint is 0 there",
        ) from None


def _within(finding: Finding, tolerance: float) -> bool:
    """Whether all that is wrong are rounded constants, and these by no more than is allowed."""
    slip = finding.diagnosis
    return slip is not None and slip.error is not None and slip.error <= tolerance


def _apart_from_ties(rule: Equation, derived: Equation, definitions: Definitions, laws: Laws) -> str:
    """That a rule is the derived one wherever no two entries that are compared are equal; empty if that is no proof."""
    (one, ties), (other, more) = apart(rule), apart(derived)
    ties = (*ties, *more)
    if not ties or not proves(one, other, definitions, laws):
        return ""
    tie = next((n for n in ties if n.relation == "="), ties[0])
    where = show(bracket("=", tie.left, tie.right))[1:-1]
    mine = (n for n in postorder(derived.value) if isinstance(n, Bracket))
    shared = "shares what is owed" if any(n.relation == "=" for n in mine) else "differs"
    return f"proved apart from ties: where {where}, the derived rule {shared}"


def _definitions(layer: Layer, derived: Mapping[str, Equation]) -> dict[str, tuple[tuple[str, ...], Expr]]:
    """What a proof may put in: intermediates, parts, the δ of intermediates, and δE = 1."""
    found = defined([*layer.system, *layer.page.parts, *derived.values()])
    seed = seed_of(layer.system)
    if seed is not None:
        found[seed] = ((), ONE)
    return found


Draw = tuple[dict[str, tuple[int, ...]], int, dict[str, np.ndarray]]
"""Shapes, a seed, and the true values and adjoints of every tensor."""


class _Samples:
    """Six draws of arrays, with the true values and adjoints of every tensor.

    What is proved holds for every size: it is compared where no two sizes are equal, for six seeds. Else half of the
    draws have all sizes equal: a rule that fits nowhere else has a value there.
    """

    def __init__(self, layer: Layer, labels: frozenset[str], proved: bool) -> None:
        self.proved = proved
        self.layer = layer
        self.labels = labels
        self.why = ""
        self.drawn: tuple[Draw, ...] = ()
        self.oracle = Oracle(layer.system, labels)
        self.far: dict[tuple[object, ...], dict[str, np.ndarray]] = {}
        self.wrong: dict[str, tuple[dict[str, np.ndarray], int]] = {}  # the draw on which a rule was found wrong
        try:
            self.drawn = _drawn(layer.system, layer.page.given, () if proved else SEEDS)
        except TensorpropError as error:
            self.why = error.problem

    def at_edges(self, rule: Equation) -> Iterator[Draw]:
        """Draws more, for numbers that the rule compares with: arrays long enough for ``[j ≠ 1000]`` and
        ``[dim(b) > 50]``, and entries on both sides of 100 for ``[x_i > 100]``."""
        s = self.layer.system
        ranges = infer(s)
        rules = (rule, *self.parts(rule))
        longer: dict[object, int] = {}
        for eq in rules:
            axes: dict[str, set[object]] = {}
            for t in (eq.target, *tensors_of(eq.value)):
                name = primal(t.name)
                for k, i in enumerate(t.subscripts):
                    if isinstance(i, Index) and name in s.names:
                        axes.setdefault(i.name, set()).add(ranges.find(name, k))
            for letter, n in _edges(eq.value):
                along = (
                    axes.get(letter, set()) if isinstance(letter, str) else {ranges.find(letter.tensor, letter.axis)}
                )
                for axis in along if n >= FIRST else ():
                    longer[axis] = max(longer.get(axis, 0), n + 2)
        if longer:
            axes_of_inputs = {ranges.find(name, k) for name in s.inputs for k in range(s.rank(name))}
            sizes = fitted(s, ranges, {axis: longer.get(axis, 2) for axis in axes_of_inputs})
            if max(math.prod(shape) for shape in sizes.values()) > LARGEST:
                raise PlanTooLarge(
                    f"an index is compared with {max(longer.values()) - 2}: the arrays would be too large"
                )
            with suppress(NotFinite):  # the layer itself has no value where arrays are so long
                yield sizes, 0, self.once(sizes)
        near = () if self.proved else tuple(sorted({n for eq in (*rules, *s) for n in thresholds(eq.value) if n}))
        for sign in (1.0, -1.0) if near and self.drawn and not s.complex else ():
            sizes = self.drawn[0][0]
            with suppress(NotFinite):  # the layer has no value there
                yield sizes, 1, self.once(sizes, sign, between=near)
        far = max((n for eq in rules for n in thresholds(eq.value)), default=0.0)
        for sign in (1.0, -1.0) if far > FAR and self.drawn else ():
            sizes = self.drawn[0][0]
            with suppress(NotFinite):  # the layer itself has no value so far out
                yield sizes, 0, self.once(sizes, sign * 2 * far)

    def once(
        self, sizes: Mapping[str, tuple[int, ...]], scale: float = 1.0, between: tuple[float, ...] = ()
    ) -> dict[str, np.ndarray]:
        """A draw of these sizes, which several rules may ask for."""
        key = tuple(sizes.items()), scale, between
        if key not in self.far:
            s, given = self.layer.system, self.layer.page.given
            self.far[key] = _values(s, given, sizes, int(bool(between)), self.oracle, scale, between)
        return self.far[key]

    def special(self, rule: Equation) -> tuple[dict[str, np.ndarray], int] | None:
        """The draw that is made for this rule, if it is small enough to look for slips on."""
        try:
            found = next(self.at_edges(rule), None)
        except TensorpropError:
            return None
        if found is None or max(a.size for a in found[2].values()) > SMALL:
            return None
        return found[2], found[1]

    def shown(self, rule: Equation) -> tuple[dict[str, np.ndarray], int] | None:
        """The draw on which a rule was found wrong, if it is small enough to look for slips on."""
        found = self.wrong.get(rule.name)
        return found if found is not None and max(a.size for a in found[0].values()) <= SMALL else None

    def parts(self, rule: Equation) -> list[Equation]:
        """The parts that a rule names, and those that they name."""
        needed = self._needed(rule)
        return [eq for eq in self.layer.page.parts if eq.name in needed]

    def judge(self, rule: Equation, derived: Equation | None) -> tuple[Finding | None, int]:
        """The first thing that is wrong with a rule, and the number of samples on which nothing was."""
        tensor = primal(rule.name)
        if not self.drawn:
            return Finding("undecided", tensor, note=f"not compared: {self.why}"), 0
        agreed, misfit = 0, ""
        draws = chain(self.drawn, self.at_edges(rule))
        while True:
            try:
                if (draw := next(draws, None)) is None:
                    break
                _, seed, truth = draw
                got = self._weigh(rule, truth, seed)
            except OutOfRange as error:
                return Finding("outside", tensor, note=f"it reads what is not there: {error.problem}"), agreed
            except SizeMismatch as error:
                misfit = f"where sizes differ, {error.about} does not fit: {error.problem}"
                continue
            except TensorpropError as error:
                return Finding("undecided", tensor, note=f"not compared: {error.problem}"), agreed
            expected = truth[rule.name]
            entry = first_wrong(self._widened(got, derived, truth, seed), expected)
            if entry is not None:  # what the oracle rounded further up comes out here
                spread = self._spread(truth, seed)
                entry = first_wrong(self._widened(got, derived, truth, seed, spread), expected)
            if entry is not None:
                self.wrong[rule.name] = truth, seed
                return Finding(
                    "value",
                    tensor,
                    entry,
                    expected[entry].item(),
                    got.value[entry].item(),
                    sizes_told([rule], {n: a.shape for n, a in truth.items()}),
                    seed,
                    misfit,
                ), agreed
            agreed += 1
        if misfit:
            return Finding("size", tensor, note=misfit), agreed
        return None, agreed

    def _weigh(self, rule: Equation, truth: Arrays, seed: int) -> Weighed:
        """The rule's value, its parts worked out first; what cancels in them counts."""
        arrays, scales = dict(truth), dict[str, np.ndarray]()
        for eq in system(self.layer.page.parts).ordered:
            if eq.name in self._needed(rule):
                part = weigh(eq, arrays, seed, scales, self.under)
                arrays[eq.name], scales[eq.name] = part.value, part.scale
        return weigh(rule, arrays, seed, scales, self.under)

    @cached_property
    def under(self) -> System:
        """The forward equations with all that is stated of ranges and of what lies outside, on either side."""
        s = self.layer.system
        try:
            return system(s, _both(self.layer).facts)
        except NotDifferentiable:
            return s

    def _needed(self, rule: Equation) -> set[str]:
        parts = {eq.name: eq for eq in self.layer.page.parts}
        need, stack = set[str](), list(rule.inputs)
        while stack:
            name = stack.pop()
            if name in parts and name not in need:
                need.add(name)
                stack.extend(parts[name].inputs)
        return need

    def _spread(self, truth: Arrays, seed: int) -> dict[str, np.ndarray]:
        """The Σ|terms| of every tensor, those of what it is made of put in: so much may cancel on the way to it."""
        scales: dict[str, np.ndarray] = {}
        for block in _both(self.layer).blocks:
            equations, steps = block.body if isinstance(block, Loop) else (block,), 1
            if isinstance(block, Loop):  # what one step rounds is carried to the next
                equations = tuple(eq for eq in equations if eq.name in truth)
                steps = max((truth[eq.name].shape[block.axes[eq.name]] for eq in equations), default=0)
                scales |= {eq.name: np.abs(truth[eq.name]) for eq in equations}
            for eq in [eq for _ in range(steps) for eq in equations if eq.name in truth]:
                try:
                    scale, whole = weigh(eq, truth, seed, scales, self.under).scale, np.abs(truth[eq.name])
                except TensorpropError:
                    continue
                alike = np.shape(scale) == whole.shape
                scales[eq.name] = np.maximum(scale if alike else np.max(scale, initial=0.0), whole)
        return scales

    def _widened(
        self, got: Weighed, derived: Equation | None, truth: Arrays, seed: int, scales: Arrays | None = None
    ) -> Weighed:
        """The value with the Σ|terms| of the derived rule where that is larger: JAX rounds as that one does."""
        for rule in () if derived is None else (derived, self._undeclared.get(derived.name)):
            try:
                other = got if rule is None else weigh(rule, truth, seed, scales, self.under)
            except TensorpropError:
                continue
            if other.value.shape == got.value.shape:
                got = got._replace(scale=np.maximum(got.scale, other.scale), terms=max(got.terms, other.terms))
        return got

    @cached_property
    def _undeclared(self) -> Mapping[str, Equation]:
        """The derived rules as JAX works them out, which knows nothing of what is declared: Q⁻ᵀ, where Q is enough."""
        s = self.layer.system
        if not s.declared:
            return {}
        free = system(s, (f for f in s.facts if not isinstance(f, Declared) or f.kind not in DECLARED))
        return {eq.name: eq for eq in rules_of(Page(free, self.layer.page.rules))}

    @property
    def how(self) -> str:
        """What was done, in a sentence."""
        if not self.drawn:
            return ""
        sizes = self.drawn[0][0]
        one = ", ".join(f"{i} = {n}" for i, n in sizes_told(self.layer.system, sizes).items())
        every = ", ".join(map(str, sorted({seed for _, seed, _ in self.drawn})))
        alike = "" if self.proved else " and for all 3" if one else "for all 3"
        where = (f"for sizes {one}" if one else "") + alike
        return f"Every entry was compared with jax.vjp in float64, {where}{', ' if where else ''}seeds {every}."


def _edges(e: Expr) -> Iterator[tuple[str | Dim, int]]:
    """Letters and sizes, and whole numbers that they are compared with; what else stands there goes as far."""
    for n in postorder(e):
        if isinstance(n, Bracket):
            sides = [m for side in n.children for m in (side, *(() if isinstance(side, Tensor) else side.children))]
            letters = [m.name for m in sides if isinstance(m, Index)]
            numbers = [math.ceil(abs(m.value)) for m in sides if isinstance(m, Number)]
            yield from ((letter, k) for letter in letters for k in numbers)
            if not letters:
                yield from ((d, k) for d in sides if isinstance(d, Dim) for k in numbers)
    yield from _tied(e)


def _tied(e: Expr) -> Iterator[tuple[str, int]]:
    """``[b = i] [i = 5]``: b goes as far as i."""
    pairs: set[tuple[str, str]] = set()
    ends: dict[str, int] = {}
    for n in postorder(e):
        match n:
            case Bracket("=", Index(i), Index(j)):
                pairs |= {(i, j), (j, i)}
            case Bracket(_, Index(i), Number(value)) | Bracket(_, Number(value), Index(i)):
                ends[i] = max(ends.get(i, 0), math.ceil(abs(value)))
            case _:
                pass
    for _ in pairs:
        for i, j in sorted(pairs):
            if i in ends and ends[i] > ends.get(j, 0):
                ends[j] = ends[i]
                yield j, ends[i]


@lru_cache(maxsize=64)
def _drawn(s: System, given: Given, square: tuple[int, ...]) -> tuple[Draw, ...]:
    """Arrays of all different sizes, and for the seeds ``square`` of equal ones. Errors: those of an evaluation,
    NotFinite."""
    oracle = Oracle(s, whole_numbers(s))
    apart = range(DRAWS - len(square))
    return tuple(
        (sizes, seed, _values(s, given, sizes, seed, oracle))
        for sizes, seeds in ((shapes(s), apart), (shapes(s, True), square))
        for seed in seeds
    )


def _values(
    s: System,
    given: Given,
    sizes: Mapping[str, tuple[int, ...]],
    seed: int,
    oracle: Oracle,
    scale: float = 1.0,
    between: tuple[float, ...] = (),
) -> dict[str, np.ndarray]:
    """Values and adjoints of all tensors; ``between``: the inputs lie on both sides of these numbers, and between."""
    fixed = whole_numbers(s) | {t.name for left, _ in given for t in tensors_of(left)}
    for kind in KINDS:
        inputs = arrays(s, sizes, seed, kind, given)
        free = {name: a for name, a in inputs.items() if name not in fixed and name not in s.declared}
        inputs |= {
            name: _around(scale * a, between, seed + 2 * (scale < 0)) if between else scale * a
            for name, a in free.items()
        }
        plain = evaluate(s, inputs, seed)  # NumPy says which subscript leaves its axis, JAX does not
        ends = _seeds(s, plain, seed)
        values, adjoints = oracle(inputs, ends, {name: a.shape for name, a in plain.items()}, seed)
        found = {**values, **{adjoint_name(name): a for name, a in adjoints.items()}}
        found |= {f"{adjoint_name(name)}^(out)": ends[name] for name in carried_outputs(s)}
        if all(np.isfinite(a).all() for a in found.values()):
            return found
    raise NotFinite("the values are not finite for any numbers that were tried")


def _around(a: np.ndarray, numbers: tuple[float, ...], seed: int) -> np.ndarray:
    """Entries of the same signs that lie below, between and above some numbers."""
    ends = (0.0, *numbers, 2 * numbers[-1])
    places = [low + (high - low) * part for low, high in pairwise(ends) for part in (0.3, 0.7)]
    places = np.random.default_rng([seed, a.size]).permutation(places)
    return np.sign(a) * np.resize(places, a.shape)  # as many of them as there is room for


def _seeds(s: System, values: Arrays, seed: int) -> dict[str, np.ndarray]:
    """The adjoints of the outputs: 1 for a number at the end, else random."""
    if seed_of(s) is not None:
        return {name: np.ones(()) for name in s.outputs}
    draw = np.random.default_rng([seed, len(KINDS)])
    found: dict[str, Any] = {name: draw.normal(size=values[name].shape) for name in s.outputs}
    for name in found:
        if np.iscomplexobj(values[name]):
            found[name] = found[name] + 1j * draw.normal(size=values[name].shape)
    return found
