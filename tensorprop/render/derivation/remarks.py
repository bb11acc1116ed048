"""What stands beside the steps: rules put together, and the bias as a weight.

In: the rules of a System, each with how it came about. Out: `Remark`s. The steps themselves are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.calculus.simplify import simplify_expr
from tensorprop.core.build import mul
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Add, Call, Expr, Mul, Reduce, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal, stem_and_label
from tensorprop.core.walk import fold, inline, postorder, tensors_of
from tensorprop.render.derivation.contents import Remark, RulePart
from tensorprop.render.derivation.known import Given, SumsKnown
from tensorprop.render.derivation.matrix import matrix
from tensorprop.render.derivation.means import brought_together, read_again
from tensorprop.render.derivation.passage import one_axis, sized
from tensorprop.render.derivation.sentences import Math, Sentence, entry, join, listed, say, whole
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["Remarks"]

_STEPS = 6  # δ that are put into one rule
_FEW = 3  # rules, of which one that only speaks of the last is worth a line of its own
_NODES = 60  # of a rule that is put together and still read
_LONG = 240  # of one that is not tried: nothing makes it that short


class Remarks:
    """The remarks of one derivation."""

    def __init__(self, s: System, rules: System, convention: Convention, given: Given = ()) -> None:
        self._known = SumsKnown(s, given)
        self._forward, self._inputs = s, s.inputs
        self._axis = one_axis(s)
        self._rules = rules
        self._convention = convention

    def all(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """Every remark, in the order in which they stand."""
        yield from self._recursion(parts)
        yield from self._to_the_end(parts)
        yield from self._to_one(parts)
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
            value = self._known.shortest(unfolded(part.rule.value, self._rules, name))
            plain = inline(part.rule.value, {name: (self._rules[name].letters, self._rules[name].value)})
            shorter = _entries(value) < _entries(plain)
            summed = any(isinstance(n, Sum) for n in postorder(value))
            if not shorter and summed and (part.name not in self._inputs or len(parts) > _FEW):
                continue
            yield from self._remark(part, value, say("With {d} put in, no other δ is needed.", d=whole(name)))
            return

    def _to_one(self, parts: tuple[RulePart, ...]) -> Iterator[Remark]:
        """A rule with several δ that are themselves made of one: that one is enough, as in a normalisation."""
        order = [r.name for r in self._rules]
        for part in sorted(parts, key=lambda p: primal(p.name) not in self._inputs):
            value, used = part.rule.value, list[str]()
            for _ in range(_STEPS):
                inner = {t.name for t in tensors_of(value) if is_adjoint(t.name)}
                later = sorted((n for n in inner if n in order and not self._endless(n)), key=order.index)[::-1]
                if len(inner) < 2 or not later or _nodes(value) > _LONG:
                    break
                used.append(later[0])
                value = unfolded(value, self._rules, later[0])
            inner = {t.name for t in tensors_of(value) if is_adjoint(t.name)}
            if len(inner) != 1 or len(used) < 2 or _nodes(value) > _LONG:
                continue
            told = say("With {ds} put in, {d} alone is needed.", ds=listed([whole(n) for n in dict.fromkeys(used)]),
                       d=whole(min(inner)))  # fmt: skip
            remarks = list(self._remark(part, self._known.shortest(value), told))
            if _nodes(remarks[0].equations[-1].value) <= _NODES:
                yield from remarks
                return

    def _endless(self, name: str) -> bool:
        """Whether a δ is made of itself, at another place of its loop: putting it in never ends."""
        return any(t.name == name for t in tensors_of(self._rules[name].value))

    def _remark(self, part: RulePart, value: Expr, told: Sentence) -> Iterator[Remark]:
        """A rule put together, with what is known of sums; and what it would be if a sum were 1."""
        value, reasons = self._known.used(value)
        for reason in reasons:
            told += reason
        again, named = read_again(self._forward, equation(part.rule.target, value))
        if again is not value:
            new = {t.name for t in tensors_of(again)} - {t.name for t in tensors_of(value)}
            value = brought_together(self._forward, again)
            read = self._read(named, new)
            told = told if read is None else told + read
        value = sized(value, part.rule.target, self._axis)
        eq = equation(part.rule.target, value)
        lines = (*named, eq)
        yield Remark("Put together", told, lines, tuple(matrix(e, self._convention) for e in lines))
        for left, short in self._known.supposed(value):
            one = equation(part.rule.target, sized(short, part.rule.target, self._axis))
            yield Remark(
                "And where a sum is 1",
                say("Where {s}, as for one-hot rows or probabilities, this is the last line; elsewhere it is not.",
                    s=Math(f"{UNICODE.show(left)} = 1", f"{LATEX.show(left)} = 1")),
                (one,),
                (matrix(one, self._convention),),
            )  # fmt: skip

    def _read(self, named: tuple[Equation, ...], new: set[str]) -> Sentence | None:
        """What is read in place of a difference and its divisor."""
        if named:
            told = listed([whole(e.name) for e in named])
            return say("The difference and its divisor together are called {n}.", n=told)
        read = (e for e in self._forward if e.name in new and not isinstance(e.value, (Reduce, Call)))
        made = [say("{x} is {n}.", x=entry(e.value), n=entry(e.target)) for e in read]
        return join(made) if made else None

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


def _entries(e: Expr) -> int:
    """How many entries of tensors are written in an expression."""

    def rule(n: Expr, below: tuple[int, ...]) -> int:
        return 1 if isinstance(n, Tensor) else sum(below)

    return fold(e, rule)


def unfolded(value: Expr, rules: System, name: str) -> Expr:
    """``value`` with the rule for ``name`` put in."""
    return simplify_expr(inline(value, {name: (rules[name].letters, rules[name].value)}))


def _nodes(e: Expr) -> int:
    return sum(1 for _ in postorder(e))
