"""What stands beside the steps: rules put together, and the bias as a weight.

In: the rules of a System, each with how it came about. Out: `Remark`s. The steps themselves are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.calculus.simplify import simplify_expr
from tensorprop.core.build import mul
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Add, Expr, Mul, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal, stem_and_label
from tensorprop.core.walk import inline, tensors_of
from tensorprop.render.derivation.contents import Remark, RulePart
from tensorprop.render.derivation.matrix import matrix
from tensorprop.render.derivation.sentences import entry, listed, say, whole
from tensorprop.render.layout import Convention

__all__ = ["Remarks"]


class Remarks:
    """The remarks of one derivation."""

    def __init__(self, rules: System, convention: Convention) -> None:
        self._rules = rules
        self._convention = convention

    def all(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """Every remark, in the order in which they stand."""
        yield from self._recursion(parts)
        yield from self._to_the_end(parts)
        yield from self._biases(parts)

    def _recursion(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """Two rules put together, where a label says that they repeat: δz^(k) by δz^(k+1)."""
        for part in parts:
            stem, label = stem_and_label(part.name)
            if not label:
                continue
            whole_rule = self._put_together(part.rule, stem)
            if whole_rule is None:
                continue
            eq, used = whole_rule
            yield Remark(
                "The recursion",
                say(
                    "Put together, {rules} lead from one layer to the one before; this is the whole of "
                    "backpropagation.",
                    rules=listed([whole(name) for name in used]),
                ),
                (eq,),
                (matrix(eq, self._convention),),
            )

    def _to_the_end(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """The first rule that speaks of a δ whose own rule speaks of none: a loss and what stands before it."""
        for part in parts:
            inner = {t.name for t in tensors_of(part.rule.value) if is_adjoint(t.name)}
            if len(inner) != 1 or not inner <= {r.name for r in self._rules}:
                continue
            (name,) = inner
            if any(is_adjoint(t.name) for t in tensors_of(self._rules[name].value)):
                continue
            eq = equation(part.rule.target, unfolded(part.rule.value, self._rules, name))
            yield Remark(
                "Put together",
                say("{d} put in, no other δ is needed.", d=whole(name)),
                (eq,),
                (matrix(eq, self._convention),),
            )
            return

    def _put_together(self, rule: Equation, stem: str) -> tuple[Equation, list[str]] | None:
        value, used = rule.value, [rule.name]
        for _ in range(4):
            inner = [t for t in tensors_of(value) if is_adjoint(t.name)]
            if any(stem_and_label(primal(t.name))[0] == stem for t in inner):
                return (equation(rule.target, value), used) if len(used) > 1 else None
            if len({t.name for t in inner}) != 1 or inner[0].name not in self._rules:
                return None
            value = unfolded(value, self._rules, inner[0].name)
            used.append(inner[0].name)
        return None

    def _biases(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """A term that stands alone beside a product with weights: a weight whose input is 1."""
        for part in parts:
            for local in part.passage.locals:
                value = local.forward.value
                if not isinstance(value, Add) or not all(t in value.terms for t in local.entries):
                    continue
                weights = [
                    (t, f)
                    for t in value.terms
                    if isinstance(t, Sum) and isinstance(t.body, Mul)
                    for f in t.body.factors
                    if isinstance(f, Tensor) and adjoint_name(f.name) in self._rules and set(part.rule.letters) < f.free
                ]
                for term, weight in weights[:1]:
                    assert isinstance(term, Sum) and isinstance(term.body, Mul)
                    others = [f for f in term.body.factors if f is not weight]
                    yield Remark(
                        "The bias as a weight",
                        say(
                            "{b} is a weight whose input is 1: put 1 for {a} in the rule for {W}.",
                            b=entry(local.entries[0]),
                            W=whole(weight.name),
                            a=entry(mul(*others)),
                        ),
                    )
                    return


def unfolded(value: Expr, rules: System, name: str) -> Expr:
    """``value`` with the rule for ``name`` put in."""
    return simplify_expr(inline(value, {name: (rules[name].letters, rules[name].value)}))
