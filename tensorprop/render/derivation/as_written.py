"""Backward rules without a forward pass: why each of their signs stands there, as for a rule that was derived.

In: rules, a Convention. Out: a `Derivation` whose parts have one line, the rule as it was written, its form in
matrices, the table of its indices and its reasons.
"""

from __future__ import annotations

from typing import Literal

from tensorprop.core.equation import Equation, System
from tensorprop.core.names import primal
from tensorprop.render.derivation.contents import DerivationStep, RulePart
from tensorprop.render.derivation.index_table import index_table
from tensorprop.render.derivation.matrix import matrix
from tensorprop.render.derivation.passage import Passage, axes_of
from tensorprop.render.derivation.reasons import dimensions, reasons
from tensorprop.render.derivation.record import Derivation
from tensorprop.render.derivation.sentences import Math, say
from tensorprop.render.derivation.worked import worked
from tensorprop.render.layout import Convention

__all__ = ["as_written"]


def as_written(rules: System, detail: Literal["full", "short", "beside"], convention: Convention) -> Derivation:
    """The reasons for the signs of rules that are given, and not derived.

    >>> from tensorprop.text import parse
    >>> d = as_written(parse("δz_i = W_ij δy_j f′(z_i)"), "full", Convention())
    >>> [r.topic for r in d.parts[0].reasons]
    ['product', 'elementwise', 'transpose', 'order']
    """
    convention = convention.over(rules)
    parts = tuple(_part(eq, rules, convention) for eq in rules)
    return Derivation(rules, rules, convention, detail, (), parts, (), "E")


def _part(eq: Equation, rules: System, convention: Convention) -> RulePart:
    p = Passage(primal(eq.name), eq.letters, eq, (), eq, (), eq, (), axes_of(rules), rules.declared)
    shown = matrix(eq, convention, rules)
    why = reasons(p, shown, lambda other: matrix(other, convention, rules))
    step = DerivationStep("given", "As it is written", (eq,), "given", Math("", ""), say("The rule is given."))
    table = index_table(eq, shown, p.axes)
    return RulePart(p, eq, shown, (step,), why, dimensions(p, shown), table, example=worked(shown))
