"""A Python function held against equations: every entry of its values and of its VJP.

In: a function of arrays, such as a kernel with a ``jax.custom_vjp``, and the equations that say what it computes.
Out: a `Report`. How the function works is not known here: it is called, differentiated with ``jax.vjp``, and its
numbers are compared with those of the equations; numbers prove nothing, so nothing is called proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tensorprop.calculus import adjoint
from tensorprop.calculus.source import Source
from tensorprop.check.calling import Function, bound, closed, names_given, real_dtype, seeds_in, variables
from tensorprop.check.report import Finding, Report, Verdict, apart
from tensorprop.check.slips.computed import slip_of
from tensorprop.check.trials import Spec, Trial, shapes_tried, where_tried
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.errors import UsageError
from tensorprop.layers.layer import as_layer
from tensorprop.trace.probe import eps

__all__ = ["FunctionReport", "check_function"]

SEEDS = (0, 1, 2)
DIAGNOSED = 2  # wrong gradients for which a slip is looked for


def check_function(
    fn: Function,
    against: Source,
    *,
    args: str | Iterable[str] | None = None,
    wrt: str | Iterable[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    dtype: Any = "float64",
    seeds: Sequence[int] = SEEDS,
) -> FunctionReport:
    """Hold the values of a function, and every entry of its VJP, against what equations say.

    The function takes the inputs of the equations, by name where its parameters are called so, else by place, and gives
    an array, or a tuple in the order of the outputs, or a dict of them. It is called and differentiated by ``jax.vjp``
    on sizes that are all different, on equal ones, and on larger ones; on normally distributed numbers, and on positive
    ones, whose sums do not cancel; with random cotangents, also where the output is one number, so that a rule which
    ignores its cotangent is found. An entry is wrong if it is off by more than (16 + 4√K) eps s, where at most K terms
    are added up, and s is the root of the sum of its terms' squares, or the largest entry of its tensor.

    args:   the inputs in the order of the parameters, where names and places do not tell: ``"W x"``.
    wrt:    the inputs whose gradients are compared; by default all that the equations are smooth in.
    sizes:  of letters, ``{"b": 1000}``; then these sizes are tried, and no others.
    dtype:  of the arrays with which the function is called. What it should give is worked out in float64.

    Errors: UsageError where parameters or results do not fit, or the function cannot be called; UnknownName.

    >>> import jax.numpy as jnp
    >>> check_function(lambda a, W: jnp.tanh(a @ W), "h_bj = tanh(a_bi W_ij)").ok
    True
    """
    layer = as_layer(against)
    s = layer.system
    closed(s)
    dtype, seeds = real_dtype(dtype), seeds_in(seeds)
    names = variables(s, names_given("wrt", wrt))
    rules = {eq.name: eq for eq in adjoint(s, wrt=names)} if names else {}
    called = bound(fn, s, names_given("args", args))
    spec = Spec(s)
    trials = [
        Trial(spec, layer, shape, seed, dtype, first)
        for shape in shapes_tried(s, sizes)
        for seed, first in (*((seed, 0) for seed in seeds), (seeds[0], 1))
    ]
    for trial in trials:
        trial.run(called, names, list(rules.values()))
    if all(t.refused for t in trials):
        raise UsageError(
            f"the function cannot be called: {trials[0].refused}",
            known=f"it was given {', '.join(f'{n} {a.shape}' for n, a in trials[0].given.items())}",
            fix="say with args which input each parameter is, or with sizes which sizes the function takes",
        )
    rows = [s[name] for name in s.outputs] + [rules[adjoint_name(name)] for name in names]
    blamed = _blamed(trials, [adjoint_name(name) for name in names])
    verdicts = [Compared(eq, eq, False, False, *_judged(eq.name, trials, blamed)) for eq in rows]
    left = DIAGNOSED
    for n, v in enumerate(verdicts):
        if v.finding is not None and v.finding.kind != "size":
            slip = slip_of(v.rule, trials, s, rules, search=left > 0)
            left -= v.finding.kind == "value"
            verdicts[n] = replace(v, finding=replace(v.finding, diagnosis=slip))
    given = [f"{one} = {other}" for one, other in layer.page.given]
    name = getattr(fn, "__name__", type(fn).__name__)
    return FunctionReport(name, s, tuple(verdicts), tuple(given), _how(trials, seeds))


# --------------------------------------------------------------------------- what is reported
class Difference(Finding):
    """A wrong entry of what a function gave: of a value, or of the gradient by a tensor."""

    def lines(self) -> list[str]:
        """The finding in words, a line each."""
        out: list[str] = []
        if self.entry is not None:
            name = self.tensor if self.kind == "output" else adjoint_name(self.tensor)
            where = name + (f"[{', '.join(map(str, self.entry))}]" if self.entry else "")
            expected, got = apart(self.expected or 0.0, self.got or 0.0)
            sizes = ", ".join(f"{i} = {n}" for i, n in self.sizes.items())
            places = "; ".join(part for part in (sizes, f"seed {self.seed}") if part)
            out.append(f"first wrong entry: {where} should be {expected}, the function gives {got}  ({places})")
        return [*out, *([self.note] if self.note else [])]


class Compared(Verdict):
    """What is known of one output, or of the gradient by one input."""

    @property
    def words(self) -> str:
        """The verdict in a word or two."""
        if self.finding is not None:
            return "WRONG"
        return f"agrees on {self.samples} samples" if self.samples else "not compared"


class FunctionReport(Report):
    """The verdicts on a function's outputs, and on its gradient by every input."""

    @property
    def proved(self) -> bool:
        """Numbers prove nothing."""
        return False

    def _total(self) -> str:
        wrong = len(self.findings)
        if wrong:
            return f"{wrong} of {len(self.verdicts)} {'is' if wrong == 1 else 'are'} not right."
        return "Values and gradients agree in every entry; that is no proof."


def _how(trials: Sequence[Trial], seeds: Sequence[int]) -> str:
    told = dict.fromkeys(", ".join(f"{i} = {n}" for i, n in t.letters.items()) for t in trials)
    where = "; ".join(t for t in told if t)
    gives = max((t.gives for t in trials), key=eps)
    return (
        f"Every entry of values and VJP was compared, the function called in {trials[0].dtype}, "
        "the equations in float64, "
        + (f"for sizes {where}, " if where else "")
        + f"normally distributed numbers (seeds {', '.join(map(str, seeds))}) and positive ones."
        + (f" It gives {gives}, and was held to the rounding of that." if gives != trials[0].dtype else "")
    )


# --------------------------------------------------------------------------- judging
def _judged(name: str, trials: Sequence[Trial], blamed: frozenset[str]) -> tuple[int, Finding | None]:
    """On how many trials a tensor agreed, and the first thing that is wrong with it."""
    kind, tensor = ("value", primal(name)) if is_adjoint(name) else ("output", name)
    agreed, misfit = 0, ""
    for t in trials:
        got = t.got.get(name)
        if got is None:
            if kind == "output":
                misfit = misfit or f"the function fails{where_tried(t)}: {t.refused}"
            elif t.unpulled and name in blamed:
                misfit = misfit or f"the VJP fails{where_tried(t)}: {t.unpulled}"
        elif got.shape != t.truth[name].shape:
            misfit = misfit or f"its shape is {got.shape}, and should be {t.truth[name].shape}{where_tried(t)}"
        elif len(wrong := t.wrong(name)):
            entry = tuple(int(k) for k in wrong[0])
            expected, found = float(t.truth[name][entry]), float(got[entry])
            return agreed, Difference(kind, tensor, entry, expected, found, t.letters, t.seed, misfit)
        else:
            agreed += 1
    return agreed, Difference("size", tensor, note=misfit) if misfit else None


def _blamed(trials: Sequence[Trial], names: Sequence[str]) -> frozenset[str]:
    """The gradients for whose sake a VJP fails: wrong where it does not, or of the shape that JAX names, or all."""
    failed = [t for t in trials if t.unpulled]
    if not failed:
        return frozenset()
    wrong = {n for n in names for t in trials if n in t.got and len(t.wrong(n))}
    if wrong:
        return frozenset(wrong)
    told = re.search(r"an input of type \w+\[([\d,]*)\]", failed[0].unpulled)
    if told is not None:
        shape = tuple(int(k) for k in told[1].split(",") if k)
        found = [n for n in names if failed[0].truth[n].shape == shape]
        if len(found) == 1:
            return frozenset(found)
    return frozenset(names)
