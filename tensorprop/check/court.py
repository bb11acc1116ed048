"""What an attempt is judged by: the equations, the rules and their names, what a proof may put in, and the laws.

In: a System and its derived rules. Out: whether an equation is one of them. How a formula is read is not known here.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from tensorprop.calculus.page import Given, seed_of
from tensorprop.calculus.together import Ends
from tensorprop.check.prove.decide import Decision, Laws, decide
from tensorprop.check.prove.inside import defined
from tensorprop.core.build import ONE, ZERO
from tensorprop.core.equation import Equation, Outside, System, system
from tensorprop.core.expr import Expr, Index
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import is_adjoint, outer_adjoint
from tensorprop.core.ranges import one_axis
from tensorprop.core.walk import tensors_of
from tensorprop.render.derivation.passage import axes_of
from tensorprop.render.reading.lengths import Known

__all__ = ["Candidate", "Court"]


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
        """The rules that are put together, as books end them."""
        found = Ends(self.system, self.rules, self.given).all()
        return tuple(Candidate(made.rule.name, made.rule) for made in found if not made.named)

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
        if asked not in self._told:  # several layouts give one equation
            laws = self._laws(images) if images else self.laws
            self._told[asked] = decide(one, rule, self.definitions, laws, numbers=False)
        return self._told[asked]


def _images(e: Expr) -> frozenset[str]:
    """The tensors that are read at a place that is computed from letters."""
    return frozenset(
        t.name
        for t in tensors_of(e)
        if any(not isinstance(i, Index) and i.free and not any(True for _ in tensors_of(i)) for i in t.subscripts)
    )
