"""What an attempt is judged by: the equations, the rules and their names, what a proof may put in, and the laws.

In: a System and its derived rules. Out: whether an equation is one of them. How a formula is read is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from tensorprop.calculus.page import Given, seed_of
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.together import Ends
from tensorprop.check.prove.decide import Decision, Laws, decide
from tensorprop.check.prove.inside import defined
from tensorprop.check.verified import closed
from tensorprop.check.verified import whole as drawn_whole
from tensorprop.core.build import ONE, ZERO
from tensorprop.core.equation import Equation, Outside, System, equation, system
from tensorprop.core.expr import Expr, Index
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import is_adjoint, outer_adjoint
from tensorprop.core.ranges import one_axis
from tensorprop.core.walk import inline, tensors_of
from tensorprop.errors import TensorpropError
from tensorprop.render.derivation.passage import axes_of
from tensorprop.render.reading.lengths import Known
from tensorprop.run.reference import evaluate

__all__ = ["Candidate", "Court"]

Array: TypeAlias = np.ndarray

_INSIDE = 8  # δ that are put into one another
_FAR = 1e-6  # of numbers of about 1: no rounding comes to that


class Candidate(NamedTuple):
    """A rule, some of its δ put in."""

    name: str
    eq: Equation


class Court:
    """The equations, what a proof may put in, and the laws."""

    def __init__(self, s: System, rules: System, given: Given) -> None:
        self.system = s
        self.rules = rules
        self.given = given
        self._told: dict[tuple[Equation, Equation, frozenset[str]], Decision] = {}
        self.names = Known(s)
        for name in s.outputs:  # what a recurrence is owed from outside has the axes of what it is owed to
            if outer_adjoint(name) in rules.names:
                self.names.ranks[outer_adjoint(name)] = s.rank(name)
                for k in range(s.rank(name)):
                    self.names.equate((outer_adjoint(name), k), (name, k))
        self.axes = axes_of(s)
        self.axis = one_axis(s)

    @cached_property
    def definitions(self) -> dict[str, tuple[tuple[str, ...], Expr]]:
        """Intermediates, the δ of intermediates, and δE = 1."""
        found = {**defined([*self.system, *self.rules])}
        seed = seed_of(self.system)
        return found if seed is None else {**found, seed: ((), ONE)}

    @cached_property
    def ends(self) -> tuple[Candidate, ...]:
        """The rules that are put together, as books end them; and with the δ put in that they still speak of."""
        return tuple(c for rule in self._ended for c in self.put_in(rule))

    @cached_property
    def _ended(self) -> tuple[Equation, ...]:
        return tuple(made.rule for made in Ends(self.system, self.rules, self.given).all() if not made.named)

    def put_in(self, rule: Equation) -> Iterator[Candidate]:
        """A rule as it is, and with one δ after another put in, as books end it."""
        value, ended = rule.value, {end.name: end for end in self._ended}
        yield Candidate(rule.name, rule)
        for _ in range(_INSIDE):
            inner = next((t.name for t in tensors_of(value) if t.name in self.rules and t.name != rule.name), None)
            if inner is None:
                break
            put = ended.get(inner, self.rules[inner])
            value = simplify_expr(inline(value, {inner: (put.letters, put.value)}))
            yield Candidate(rule.name, equation(rule.target, value))

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule, with more and more δ put in."""
        return tuple(c for rule in self.rules for c in self.put_in(rule))

    @cached_property
    def laws(self) -> Laws:
        """Which axes are equally long, what is given."""
        return self._laws(frozenset())

    def _laws(self, images: frozenset[str]) -> Laws:
        """The laws where ``images`` are 0 outside besides those of which it is said."""
        lines = [*self.system, *(eq for eq in self.rules if eq.name not in self.system)]
        zero = (Outside(name, ZERO) for name in sorted(images))
        facts = dict.fromkeys((*self.system.facts, *self.rules.facts, *zero))
        return Laws(system(lines, facts), self.given, whole_numbers(self.system))

    def decided(self, one: Equation, rule: Equation, slides: bool = False) -> Decision:
        """Whether two rules are one. Nothing is owed outside of a tensor; ``slides``: the first was written with ``*``,
        whose image is 0 outside."""
        images = _images(one.value) - self.laws.inside.outside.keys()
        images = frozenset(n for n in images if is_adjoint(n) or (slides and n not in self.laws.inside.told))
        asked = one, rule, images
        if asked not in self._told and not images and self._differ(one, rule):
            self._told[asked] = Decision("refuted", "other numbers")
        if asked not in self._told:  # several layouts give one equation
            laws = self._laws(images) if images else self.laws
            self._told[asked] = decide(one, rule, self.definitions, laws, numbers=False)
        return self._told[asked]

    @cached_property
    def _drawn(self) -> tuple[dict[str, Array], dict[str, str]] | None:
        """Arrays of all tensors and their δ, and what stands for open functions; None where nothing has values."""
        s = self.system
        if self.given or s.declared or s.recurrent or not s.equations:
            return None
        try:
            arrays, made, known = drawn_whole(system([*s, *(r for r in self.rules if r.name not in s)], s.facts))
        except (TensorpropError, ValueError, ArithmeticError, IndexError):
            return None
        return arrays | made, known

    def _differ(self, one: Equation, rule: Equation) -> bool:
        """Whether two rules give other numbers, which is seen sooner than that they are no identity."""
        if self._drawn is None:
            return False
        arrays, known = self._drawn
        found: list[Array] = []
        for eq in (one, rule):
            try:
                s = system([closed(eq, known)[0]], self.system.facts)
                with np.errstate(all="ignore"):
                    found.append(evaluate(s, {name: arrays[name] for name in s.inputs})[eq.name])
            except (TensorpropError, ValueError, KeyError, IndexError):
                return False
        a, b = found
        finite = a.shape == b.shape and bool(np.all(np.isfinite(a)) and np.all(np.isfinite(b)))
        return finite and bool(np.max(np.abs(a - b), initial=0.0) > _FAR * np.max(np.abs(b), initial=1.0))


def _images(e: Expr) -> frozenset[str]:
    """The tensors that are read at a place that is computed from letters."""
    return frozenset(
        t.name
        for t in tensors_of(e)
        if any(not isinstance(i, Index) and i.free and not any(True for _ in tensors_of(i)) for i in t.subscripts)
    )
