"""Every backward rule of a layer held against the derived one and against JAX.

In: a layer, a System or text. Out: a `Report`. A written rule is compared with the derived rule by canonical form, then
every rule, entry by entry in float64, with ``jax.vjp`` of a naive evaluation of the forward equations.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tensorprop.check.numeric import Oracle, Weighed, evaluate, first_wrong, weigh
from tensorprop.check.report import Finding, Report, Verdict
from tensorprop.check.sample import KINDS, arrays, letter_sizes, shapes
from tensorprop.check.symbolic import Laws, proves
from tensorprop.core.build import ONE
from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Expr
from tensorprop.errors import NotDifferentiable, SizeMismatch, TensorpropError, Unsupported
from tensorprop.layers.layer import Layer, as_layer, counts, seed_of

__all__ = ["check"]

Arrays = Mapping[str, np.ndarray]

SEEDS = (0, 1, 2)


def check(x: Layer | System | Equation | str) -> Report:
    """Hold every backward rule against the derived one, and against JAX.

    In a text or a System, equations for a δ (or ∂E/∂x) are rules, the others the forward pass. A written rule is
    *proved* when it has the canonical form of the derived rule, intermediates put in where needed; that holds for
    arrays of all sizes. Then every entry of every rule is compared in float64 with ``jax.vjp`` of a naive evaluation,
    on sizes that are all different and on equal ones, for three seeds, within (16 + 4√K) eps Σ|terms|. A rule is fed
    the true δ of what comes later, so that each error is found where it is made.

    Errors: whatever is wrong with the text, with its place.

    >>> report = check("z_bj = a_bi W_ij + b_j; δW_ij = a_bi δz_bj; δb_j = mean_b(δz_bj)")
    >>> report.ok, [v.proved for v in report.verdicts if v.written]
    (False, [True, False])
    """
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
    proved = {name: name in derived and proves(eq, derived[name], definitions, laws) for name, eq in written.items()}
    samples = _Samples(layer, labels)
    verdicts: list[Verdict] = []
    for name, rule in rules.items():
        finding, compared = samples.judge(rule, derived.get(name))
        if finding is not None and finding.kind == "undecided" and proved.get(name):
            finding = None
        verdicts.append(Verdict(rule, derived.get(name), name in written, proved.get(name, False), compared, finding))
    given = [f"{left} = {right}" for left, right in layer.page.given]
    given += [f"{name} holds whole numbers within range" for name in s.inputs if name in labels]
    return Report(layer.name, s, tuple(verdicts), tuple(given), samples.how)


def _definitions(layer: Layer, derived: Mapping[str, Equation]) -> dict[str, tuple[tuple[str, ...], Expr]]:
    """What a proof may put in: intermediates, parts, the δ of intermediates, and δE = 1."""
    found = {**layer.system.definitions()}
    found |= {eq.name: (eq.letters, eq.value) for eq in (*layer.page.parts, *derived.values())}
    seed = seed_of(layer.system)
    if seed is not None:
        found[seed] = ((), ONE)
    return found


class _Samples:
    """Arrays of both sorts of sizes for three seeds, with the true values and adjoints of every tensor."""

    def __init__(self, layer: Layer, labels: frozenset[str]) -> None:
        self.layer = layer
        self.why = ""
        self.drawn: list[tuple[dict[str, tuple[int, ...]], int, dict[str, np.ndarray]]] = []
        oracle = Oracle(layer.system, labels)
        try:
            for square in (False, True):
                sizes = shapes(layer.system, square)
                for seed in SEEDS:
                    self.drawn.append((sizes, seed, self._draw(oracle, sizes, seed)))
        except TensorpropError as error:
            self.drawn = []
            self.why = error.problem

    def _draw(self, oracle: Oracle, sizes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
        s = self.layer.system
        for kind in KINDS:
            given = arrays(s, sizes, seed, kind, self.layer.page.given)
            values, adjoints = oracle(given, self._seeds(given, seed), seed)
            found = {**values, **{f"δ{name}": a for name, a in adjoints.items()}}
            if all(np.isfinite(a).all() for a in found.values()):
                return found
        raise Unsupported("the values are not finite for any numbers that were tried")

    def _seeds(self, given: Arrays, seed: int) -> dict[str, np.ndarray]:
        """The adjoints of the outputs: 1 for a number at the end, else random."""
        s = self.layer.system
        if seed_of(s) is not None:
            return {name: np.ones(()) for name in s.outputs}
        draw = np.random.default_rng([seed, len(KINDS)])
        values = evaluate(s, given, seed)
        return {name: draw.normal(size=values[name].shape) for name in s.outputs}

    def judge(self, rule: Equation, derived: Equation | None) -> tuple[Finding | None, int]:
        """The first thing that is wrong with a rule, and the number of samples on which nothing was."""
        tensor = rule.name.removeprefix("δ")
        if not self.drawn:
            return Finding("undecided", tensor, note=f"not compared: {self.why}"), 0
        agreed, misfit = 0, ""
        for _, seed, truth in self.drawn:
            try:
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
