"""Bounds of reads, said once: ``outside(δz) = 0`` in place of ``[u ≤ w] [w - u < dim(δz, 0)]`` beside ``δz[w-u]``.

In: equations in which reads that may leave their axis stand beside brackets that are false there. Out: equations and a
line of the System that means the same. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from tensorprop.core.affine import difference, form, written
from tensorprop.core.build import ONE, ZERO, add, bracket, mul, negate, number, remake, subtract, sum_over
from tensorprop.core.equation import Equation, Outside, System, equation, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Mul, Number, Tensor
from tensorprop.core.names import is_adjoint, owed_to, primal
from tensorprop.core.ranges import infer
from tensorprop.core.walk import fold, tensors_of, transform

__all__ = ["said_outside", "within"]


def within(t: Tensor, g: Expr, how: Number | str | None, fixed: Iterable[str] = ()) -> list[tuple[Tensor, Expr]]:
    """The entries inside that a read means, each with the cotangent ``g`` where it is meant; ``fixed`` letters stay.

    ``edge``: entry 0 where s < 0, the last one where s ≥ n. ``wrap``: s + n and s - n; ``mirror``: -s and 2(n - 1) - s,
    no further than one length outside. A number outside has no entry.
    """
    if not isinstance(how, str) or how.endswith("∞"):
        return [(t, g)]
    reads = [(t, g)]
    for axis, s in enumerate(t.subscripts):
        if isinstance(s, Index):
            continue
        n = Dim(t.name, axis)
        last = subtract(n, ONE)
        low, high = bracket("<", s, ZERO), bracket("≥", s, n)
        if how == "edge":
            moved = [(ZERO, low), (last, high)]
        elif how == "wrap":
            moved = [(add(s, n), low), (subtract(s, n), high)]
        else:
            moved = [(negate(s), low), (subtract(mul(number(2), last), s), high)]
        reads += [
            (Tensor(r.name, (*r.subscripts[:axis], written(form(place)), *r.subscripts[axis + 1 :])), mul(where, h))
            for r, h in reads
            for place, where in moved
        ]
    return [(r, sum_over(sorted((t.free - r.free - {*fixed}) & h.free), h)) for r, h in reads]


def said_outside(rules: System, forward: System) -> System:
    """Rules in which bounds such as ``[u ≤ w] [w - u < dim(δz, 0)]`` beside ``δz[w-u]`` are said once, for all reads.

    ``outside(δz) = 0`` takes the place of the bounds of δz, if all its reads that are not plain have them, and nothing
    else in their products needs them.
    """
    names = {
        t.name for eq in rules for t in tensors_of(eq.value) if not all(isinstance(s, Index) for s in t.subscripts)
    }
    for name in sorted(names, key=lambda n: (not is_adjoint(n), n)):
        told = forward.outside(name)
        shifted = any(t.name == name and t.letters is None for eq in forward for t in tensors_of(eq.value))
        if (told is not None and told is not ZERO) or (told is None and shifted):
            continue
        new = [_Unbounded(rules, forward, name).equation(eq) for eq in rules]
        if all(eq is not None for eq in new) and any(a is not b for a, b in zip(new, rules, strict=True)):
            facts = rules.facts if told is ZERO else (*rules.facts, Outside(name, ZERO))
            rules = system([eq for eq in new if eq is not None], facts)
    return rules


class _Unbounded:
    """Equations in which the reads of one tensor have lost their bounds."""

    def __init__(self, rules: System, forward: System, name: str) -> None:
        self.name = name
        self.sizes, self.names = infer(forward), forward.names
        self.primal = primal(name) if primal(name) in forward.names else name

    def equation(self, eq: Equation) -> Equation | None:
        """The equation with no bounds beside the tensor's reads; None where one of them stays bounded otherwise."""
        lost = False

        def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
            nonlocal lost
            e = remake(n, parts)
            if not isinstance(e, Mul):
                return e
            reads = [t for f in e.factors for t in tensors_of(f) if t.name == self.name and t.letters is None]
            if len(set(reads)) != 1 or reads[0] not in e.factors:
                lost = lost or bool(reads)
                return e
            bounds = [b for k, s in enumerate(reads[0].subscripts) for b in self.bounds(k, s, e)]
            others = [f for f in e.factors if f not in bounds and f is not reads[0]]
            if bounds and not any(self.needs(f, b) for f in others for b in bounds):
                return mul(*(f for f in e.factors if f not in bounds))
            return e

        value = fold(eq.value, rule)
        return None if lost else eq if value is eq.value else equation(eq.target, value)

    def bounds(self, axis: int, s: Expr, e: Mul) -> list[Expr]:
        """The brackets of the product that only say that the subscript is one of the axis."""
        if isinstance(s, Index):
            return []
        s = self.named(s)
        low, high = form(s), difference(subtract(self.sizes.size(self.primal, axis), ONE), s)
        found: list[Expr] = []
        for b in e.factors:
            if not isinstance(b, Bracket) or b.relation not in ("<", "≤", "≥", ">"):
                continue
            left, right = self.named(b.left), self.named(b.right)
            f = difference(right, left) if b.relation in "<≤" else difference(left, right)
            f = f if b.relation in "≤≥" else {**f, ONE: f.get(ONE, Fraction(0)) - 1}
            if {p: c for p, c in f.items() if c} in (low, high):
                found.append(b)
        return found

    def named(self, e: Expr) -> Expr:
        """An expression with one name for all axes of a size."""

        def rule(n: Expr) -> Expr:
            if not isinstance(n, Dim):
                return n
            name = owed_to(n.tensor)
            return self.sizes.size(name if name in self.names else n.tensor, n.axis)

        return transform(e, rule)

    def needs(self, f: Expr, bound: Expr) -> bool:
        """Whether a factor reads something at a place that the bound keeps inside."""
        plain = isinstance(bound, Bracket) and isinstance(bound.left, Index) and not bound.right.free
        return any(
            (plain or not isinstance(s, Index)) and not s.free.isdisjoint(bound.free)
            for t in tensors_of(f)
            for s in t.subscripts
        )
