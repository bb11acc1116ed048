"""What stands beside the steps: rules put together, and the bias as a weight.

In: the rules of a System, each with how it came about. Out: `Remark`s. The steps themselves are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tensorprop.calculus.known_sums import Given
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.together import Ends, Together, unfolded
from tensorprop.core.build import ZERO, mul
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Add, Expr, Mul, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal, stem_and_label
from tensorprop.core.ranges import one_axis, sized
from tensorprop.core.walk import inline, tensors_of
from tensorprop.render.derivation.contents import Remark, RulePart
from tensorprop.render.derivation.matrix import matrix
from tensorprop.render.derivation.sentences import Math, Sentence, entry, join, listed, say, whole
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["Remarks"]

_LINE = 100  # characters of a line that is shown between a rule and its end


def _signs(eq: Equation) -> list[str]:
    """What is written on the right, in whatever order: lines that have the same are one, reordered."""
    return sorted(c for c in str(eq.value) if c not in " +-()")


class Remarks:
    """The remarks of one derivation."""

    def __init__(self, s: System, rules: System, convention: Convention, given: Given = ()) -> None:
        self._ends = Ends(s, rules, given)
        self._rules = rules
        self._axis = one_axis(s)
        self._form = partial(matrix, convention=convention, page=s)

    def all(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """Every remark, in the order in which they stand."""
        yield from self._recursion(parts)
        for made in self._ends.all():
            yield from self._ended(made)
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
                (self._form(eq),),
            )

    def _ended(self, made: Together) -> Iterator[Remark]:
        """A rule that was put together, what was used, and what it would be if a sum were 1."""
        if not made.put:
            told = join([say("{x} is {n}.", x=entry(e.value), n=entry(e.target)) for e in made.read])
            yield Remark("By its own result", told, (made.rule,), (self._form(made.rule),))
            return
        put = listed([whole(n) for n in made.put])
        if made.left:
            told = say("With {ds} put in, {d} alone is needed.", ds=put, d=listed([whole(n) for n in made.left]))
        else:
            told = say("With {d} put in, no other δ is needed.", d=put)
        for old, new in made.sums:
            told += _since(old, new)
        if made.named:
            called = [(entry(e.value), entry(e.target)) for e in made.named]
            told += join([say("{x} is called {n}.", x=x, n=n) for x, n in called])
        elif made.read:
            told += join([say("{x} is {n}.", x=entry(e.value), n=entry(e.target)) for e in made.read])
        lines = (*made.named, made.rule)
        yield Remark("Put together", told, lines, tuple(map(self._form, lines)), before=tuple(self._between(made)))
        if made.if_one is not None:
            left, one = made.if_one
            yield Remark(
                "Where a sum is 1",
                say("Where {s} (one-hot rows, probabilities):",
                    s=Math(f"{UNICODE.show(left)} = 1", f"{LATEX.show(left)} = 1")),
                (one,),
                (self._form(one),),
                True,
            )  # fmt: skip

    def _between(self, made: Together) -> Iterator[tuple[Sentence, Equation]]:
        """The lines between a rule and its end: δ put in as their rules are, and what cancels gone."""
        rule = self._rules[made.rule.name]
        value = rule.value
        for name in made.put:
            value = inline(value, {name: (self._rules[name].letters, self._rules[name].value)})
        whole_ = equation(rule.target, sized(value, rule.target, self._axis))
        end = _signs(made.rule)
        if (
            _signs(whole_) == end
            or made.named
            or made.read
            or set(rule.letters) != set(made.rule.letters)
            or len(str(whole_)) > _LINE
        ):
            return
        yield say("Put in:"), whole_
        less = equation(rule.target, sized(simplify_expr(value), rule.target, self._axis))
        if _signs(less) != end and len(str(less)) < len(str(whole_)):
            yield say("What stands above and below a fraction cancels:"), less

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
                            "{b} is a weight with input 1: the rule for {W} with 1 for {a}.",
                            b=entry(local.entries[0]),
                            W=whole(weight.name),
                            a=entry(mul(*others)),
                        ),
                    )
                    return


def _since(old: Expr, new: Expr) -> Sentence:
    law = Math(f"{UNICODE.show(old)} = {UNICODE.show(new)}", f"{LATEX.show(old)} = {LATEX.show(new)}")
    if new is ZERO:
        return say("{law}, since deviations from a mean add up to 0: this term is gone.", law=law)
    return say("This uses {law}.", law=law)
