"""Every backward rule of a layer held against the derived one and against JAX.

In: a layer, a System or text. Out: a `Report`. A written rule is compared with the derived rule by canonical form, then
every rule, entry by entry in float64, with ``jax.vjp`` of a naive evaluation of the forward equations. What is wrong is
diagnosed elsewhere (``diagnose``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from tensorprop.check.diagnose import diagnose
from tensorprop.check.numeric import Oracle, Weighed, evaluate, first_wrong, weigh
from tensorprop.check.report import Finding, Report, Verdict
from tensorprop.check.sample import KINDS, arrays, letter_sizes, shapes
from tensorprop.check.symbolic import Decision, Laws, decide
from tensorprop.core.build import ONE
from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Bracket, Expr, Index, Number, Tensor
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import NotDifferentiable, SizeMismatch, TensorpropError, Unsupported, UsageError, near
from tensorprop.layers.layer import Layer, as_layer, counts, seed_of

__all__ = ["check"]

Arrays = Mapping[str, np.ndarray]

Given = tuple[tuple[Expr, Expr], ...]

SEEDS = (0, 1, 2)
FIRST = 2  # numbers up to here are met by the usual sizes, 3 and more
LARGEST = 10_000_000  # entries of an array that is drawn
SMALL = 100_000  # entries of one on which slips are looked for


Rules = Layer | type[Layer] | System | Equation | str


def check(x: Rules | Callable[..., Any], against: Rules | None = None, **options: Any) -> Report:
    """Hold every backward rule against the derived one, and against JAX; or a function ``against`` equations.

    In a text or a System, equations for a δ (or ∂E/∂x) are rules, the others the forward pass. A written rule is
    *proved* when it has the canonical form of the derived rule, intermediates put in where needed; that holds for
    arrays of all sizes. Then every entry of every rule is compared in float64 with ``jax.vjp`` of a naive evaluation,
    on sizes that are all different and on equal ones, for three seeds, within (16 + 4√K) eps Σ|terms|. A rule is fed
    the true δ of what comes later, so that each error is found where it is made.

    A rule that is refuted is diagnosed: ``finding.diagnosis`` says which slip makes it of the right one.

    Where ``x`` is a Python function, ``against`` says what it should compute: values and VJP are compared with these
    equations and their derived rules, in every entry. ``options`` (``args``, ``wrt``, ``sizes``, ``dtype``, ``seeds``)
    are those of `tensorprop.check.function.check_function`.

    Errors: whatever is wrong with the text, with its place; UsageError where ``x`` and ``against`` do not go together.

    >>> report = check("z_bj = a_bi W_ij + b_j; δW_ij = a_bi δz_bj; δb_j = mean_b(δz_bj)")
    >>> report.ok, [v.proved for v in report.verdicts if v.written]
    (False, [True, False])
    >>> import jax.numpy as jnp
    >>> check(lambda a, W: jnp.tanh(a @ W), against="h_bj = tanh(a_bi W_ij)").ok
    True
    """
    if against is not None:
        return _function(x, against, options)
    if options:
        raise UsageError(
            f"{', '.join(options)} belongs to a function that is held against equations",
            fix='say what the function should compute: check(fn, against="z_bj = …")',
        )
    if not isinstance(x, (Layer, type, System, Equation, str)) and callable(x):
        raise UsageError(
            f"the function {getattr(x, '__name__', type(x).__name__)} does not say what it should compute",
            fix='write it in index notation: check(fn, against="z_bj = …")',
        )
    return _layer(x)


def _function(x: Any, against: Rules, options: dict[str, Any]) -> Report:
    from tensorprop.check.function import OPTIONS, check_function

    if isinstance(x, (Layer, System, Equation, str)) or (isinstance(x, type) and issubclass(x, Layer)):
        raise UsageError(
            f"against= is for functions, and this is {'text' if isinstance(x, str) else 'a page of equations'}",
            fix="two pages of equations are compared by equivalent(x, y); "
            "a layer with a backward rule is checked by check(layer)",
        )
    for name in options:
        if name not in OPTIONS:
            close = near(name, OPTIONS)
            raise UsageError(
                f"check has no option {name}",
                known=f"options: {', '.join(OPTIONS)}",
                fix=f"did you mean {close[0]}?" if close else None,
            )
    return check_function(x, against, **options)


def _layer(x: Any) -> Report:
    """The rules of a page of equations."""
    layer = as_layer(x)
    s = layer.system
    labels = counts(s)
    try:
        derived = {eq.name: eq for eq in layer.derived}
    except NotDifferentiable:
        if not layer.written:
            raise
        derived = {}
    written = {eq.name: eq for eq in layer.written}
    wanted = [name for name in (*derived, *written) if name in written or name in layer.rules]
    rules = {name: written[name] if name in written else derived[name] for name in wanted}
    laws = Laws(system([*s, *(eq for eq in derived.values() if eq.name not in s)]), layer.page.given, labels)
    definitions = _definitions(layer, derived)
    decided = {
        name: decide(eq, derived[name], definitions, laws, numbers=False)
        for name, eq in written.items()
        if name in derived
    }
    samples = _Samples(layer, labels)
    verdicts: list[Verdict] = []
    for name, rule in rules.items():
        finding, compared = samples.judge(rule, derived.get(name))
        decision = decided.get(name, Decision("open", ""))
        if finding is not None and finding.kind == "undecided" and decision.proved:
            finding = None
        if finding is None and decision.status == "refuted":
            finding = Finding(
                "proof", name.removeprefix("δ"), note=f"{decision.how}; no sample of these sizes shows it"
            )
        if finding is not None and finding.kind != "undecided" and name in written and name in derived:
            slip = diagnose(
                rule,
                derived[name],
                s,
                parts=samples.parts(rule),
                given=layer.page.given,
                others=derived,
                rivals=written,
                source=_source(x),
                seen=samples.special(rule),
            )
            finding = replace(finding, diagnosis=slip)
        verdicts.append(
            Verdict(rule, derived.get(name), name in written, decision.proved, compared, finding, decision.how)
        )
    given = [f"{left} = {right}" for left, right in layer.page.given]
    given += [f"{name} holds whole numbers within range" for name in s.inputs if name in labels]
    return Report(layer.name, s, tuple(verdicts), tuple(given), samples.how)


def _source(x: Layer | type[Layer] | System | Equation | str) -> str | None:
    """The text in which the rules were written, where it is known."""
    if isinstance(x, str):
        return x
    if isinstance(x, System):
        return x.origin
    return None if isinstance(x, Equation) else x.backward


def _definitions(layer: Layer, derived: Mapping[str, Equation]) -> dict[str, tuple[tuple[str, ...], Expr]]:
    """What a proof may put in: intermediates, parts, the δ of intermediates, and δE = 1."""
    found = {**layer.system.definitions()}
    found |= {eq.name: (eq.letters, eq.value) for eq in (*layer.page.parts, *derived.values())}
    seed = seed_of(layer.system)
    if seed is not None:
        found[seed] = ((), ONE)
    return found


Draw = tuple[dict[str, tuple[int, ...]], int, dict[str, np.ndarray]]
"""Shapes, a seed, and the true values and adjoints of every tensor."""


class _Samples:
    """Arrays of both sorts of sizes for three seeds, with the true values and adjoints of every tensor."""

    def __init__(self, layer: Layer, labels: frozenset[str]) -> None:
        self.layer = layer
        self.labels = labels
        self.why = ""
        self.drawn: tuple[Draw, ...] = ()
        try:
            self.drawn = _drawn(layer.system, layer.page.given)
        except TensorpropError as error:
            self.why = error.problem

    def at_edges(self, rule: Equation) -> Iterator[Draw]:
        """One draw more, large enough for every number that the rule compares an index with: ``[j ≠ 1000]``."""
        s = self.layer.system
        ranges = infer(s)
        longer: dict[object, int] = {}
        for eq in (rule, *self.parts(rule)):
            for letter, n in _edges(eq.value):
                for t in (eq.target, *tensors_of(eq.value)):
                    name = t.name.removeprefix("δ")
                    for k, i in enumerate(t.subscripts):
                        if isinstance(i, Index) and i.name == letter and name in s.names and n >= FIRST:
                            axis = ranges.find(name, k)
                            longer[axis] = max(longer.get(axis, 0), n + 2)
        if longer:
            sizes = {name: tuple(longer.get(ranges.find(name, k), 2) for k in range(s.rank(name))) for name in s.inputs}
            if max(math.prod(shape) for shape in sizes.values()) > LARGEST:
                raise Unsupported(
                    f"an index is compared with {max(longer.values()) - 2}: the arrays would be too large"
                )
            yield sizes, 0, _values(s, self.layer.page.given, sizes, 0, Oracle(s, self.labels))

    def special(self, rule: Equation) -> tuple[dict[str, np.ndarray], int] | None:
        """The draw that is made for this rule, if it is small enough to look for slips on."""
        try:
            found = next(self.at_edges(rule), None)
        except TensorpropError:
            return None
        if found is None or max(a.size for a in found[2].values()) > SMALL:
            return None
        return found[2], found[1]

    def parts(self, rule: Equation) -> list[Equation]:
        """The parts that a rule names, and those that they name."""
        needed = self._needed(rule)
        return [eq for eq in self.layer.page.parts if eq.name in needed]

    def judge(self, rule: Equation, derived: Equation | None) -> tuple[Finding | None, int]:
        """The first thing that is wrong with a rule, and the number of samples on which nothing was."""
        tensor = rule.name.removeprefix("δ")
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
            except SizeMismatch as error:
                misfit = f"where sizes differ, {error.about} does not fit: {error.problem}"
                continue
            except TensorpropError as error:
                return Finding("undecided", tensor, note=f"not compared: {error.problem}"), agreed
            expected = truth[rule.name]
            entry = first_wrong(self._widened(got, derived, truth, seed), expected)
            if entry is not None:
                return Finding(
                    "value",
                    tensor,
                    entry,
                    float(expected[entry]),
                    float(got.value[entry]),
                    letter_sizes([rule], {n: a.shape for n, a in truth.items()}),
                    seed,
                    misfit,
                ), agreed
            agreed += 1
        if misfit:
            return Finding("size", tensor, note=misfit), agreed
        return None, agreed

    def _weigh(self, rule: Equation, truth: Arrays, seed: int) -> Weighed:
        """The rule's value, its parts worked out first."""
        arrays = dict(truth)
        for eq in system(self.layer.page.parts).ordered:
            if eq.name in self._needed(rule):
                arrays[eq.name] = weigh(eq, arrays, seed).value
        return weigh(rule, arrays, seed)

    def _needed(self, rule: Equation) -> set[str]:
        parts = {eq.name: eq for eq in self.layer.page.parts}
        need, stack = set[str](), list(rule.inputs)
        while stack:
            name = stack.pop()
            if name in parts and name not in need:
                need.add(name)
                stack.extend(parts[name].inputs)
        return need

    def _widened(self, got: Weighed, derived: Equation | None, truth: Arrays, seed: int) -> Weighed:
        """The value with the Σ|terms| of the derived rule where that is larger: JAX rounds as that one does."""
        if derived is None:
            return got
        try:
            other = weigh(derived, truth, seed)
        except TensorpropError:
            return got
        if other.value.shape != got.value.shape:
            return got
        return got._replace(scale=np.maximum(got.scale, other.scale), terms=max(got.terms, other.terms))

    @property
    def how(self) -> str:
        """What was done, in a sentence."""
        if not self.drawn:
            return ""
        sizes = self.drawn[0][0]
        letters = letter_sizes(self.layer.system, sizes)
        one = ", ".join(f"{i} = {n}" for i, n in letters.items())
        return f"Every entry was compared with jax.vjp in float64, for sizes {one} and for all 3, seeds 0, 1, 2."


def _edges(e: Expr) -> Iterator[tuple[str, int]]:
    """Letters, and whole numbers that they are compared with."""
    for n in postorder(e):
        if isinstance(n, Bracket):
            sides = [m for side in n.children for m in (side, *(() if isinstance(side, Tensor) else side.children))]
            letters = [m.name for m in sides if isinstance(m, Index)]
            for m in sides:
                if isinstance(m, Number):
                    yield from ((letter, math.ceil(abs(m.value))) for letter in letters)


@lru_cache(maxsize=32)
def _drawn(s: System, given: Given) -> tuple[Draw, ...]:
    """Arrays of all different sizes and of equal ones, for three seeds. Errors: those of an evaluation, Unsupported."""
    oracle = Oracle(s, counts(s))
    return tuple(
        (sizes, seed, _values(s, given, sizes, seed, oracle))
        for sizes in (shapes(s, square) for square in (False, True))
        for seed in SEEDS
    )


def _values(
    s: System, given: Given, sizes: Mapping[str, tuple[int, ...]], seed: int, oracle: Oracle
) -> dict[str, np.ndarray]:
    for kind in KINDS:
        inputs = arrays(s, sizes, seed, kind, given)
        values, adjoints = oracle(inputs, _seeds(s, inputs, seed), seed)
        found = {**values, **{f"δ{name}": a for name, a in adjoints.items()}}
        if all(np.isfinite(a).all() for a in found.values()):
            return found
    raise Unsupported("the values are not finite for any numbers that were tried")


def _seeds(s: System, given: Arrays, seed: int) -> dict[str, np.ndarray]:
    """The adjoints of the outputs: 1 for a number at the end, else random."""
    if seed_of(s) is not None:
        return {name: np.ones(()) for name in s.outputs}
    draw = np.random.default_rng([seed, len(KINDS)])
    values = evaluate(s, given, seed)
    return {name: draw.normal(size=values[name].shape) for name in s.outputs}
