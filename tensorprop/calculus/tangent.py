"""Tangents of a System: one equation ``∂z/∂ε`` for every tensor that moves when the variables do.

In: a System and the names of variables. Out: a System of equations for the derivatives by a number ε on which the
variables depend, linear in theirs. Sizes are not known here, and nothing is expanded: as `adjoint` sweeps back over
blocks of equations, this goes forward over them. `derive` goes the same way where a recurrence stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tensorprop.calculus.pullback import pullback
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.source import as_system
from tensorprop.core.build import ONE, ZERO, add, fresh, mul, negate, sum_over
from tensorprop.core.equation import Equation, Range, System, equation, reached, system
from tensorprop.core.expr import Expr, Index, Reduce, Tensor
from tensorprop.core.names import derivative_name
from tensorprop.core.plane import (
    IMAGINARY,
    complex_names,
    has_parts,
    is_complex,
    real_part,
    refuse_parts,
    settled,
)
from tensorprop.core.ranges import infer, spelled
from tensorprop.core.walk import freshen

__all__ = ["Moved", "forwards", "tangent_name", "tangents"]


def tangent_name(name: str, rank: int) -> str:
    """The tensor ∂z/∂ε, which has the axes of z: ``tangent_name("z", 2)`` is ``∂z··/∂ε``."""
    return derivative_name(name, rank, [("ε", 0)])


def tangents(s: System | Equation | str, wrt: Iterable[str]) -> System:
    """The chain rule forwards: for every tensor v that depends on ``wrt``,

        ∂v_J/∂ε = Σ over tensors x in v's equation, Σ_K  ∂v_J/∂x_K ∂x_K/∂ε.

    The coefficients are the cotangents of x's entries for the seed 1 at v_J. Where conj, re, im, abs or angle of a
    complex number stands in v's equation, these pair with a change as Re(g dv) does, and the seeds 1 and -ⅈ give both
    parts of it: ``dv = re(Σ g dx) + ⅈ re(Σ g′ dx)``. In a recurrence that is an equation with
    the same shifts; where it starts at what does not move, ``∂h_{-1,j}/∂ε = 0``.

    Errors: NotDifferentiable for functions without a slope.

    >>> print(tangents("z_j = a_i W_ij; h_j = tanh(z_j)", ("a",)))
    ∂z_j/∂ε = W_ij ∂a_i/∂ε
    ∂h_j/∂ε = (1 - h_j^2) ∂z_j/∂ε
    """
    s = spelled(as_system(s))
    wrt = tuple(wrt)
    moved = {n: Moved(tangent_name(n, s.rank(n)), ()) for n in s.names if s.defines(n) or n in wrt}
    rules, facts = forwards(s, wrt, moved, None)
    return system(rules, (*s.facts, *facts)).of(rules)


class Moved(NamedTuple):
    """The derivative of a tensor: its name, and the letters that its axes have behind those of the tensor."""

    name: str
    letters: tuple[str, ...]

    def at(self, subscripts: tuple[Expr, ...]) -> Tensor:
        """The derivative of an entry."""
        return Tensor(self.name, (*subscripts, *map(Index, self.letters)))


Own = Callable[[Tensor, Expr, frozenset[str]], Expr]
"""What an entry with its cotangent adds by itself, beside what the derivative of its tensor does: of the variable."""


def forwards(
    s: System, roots: Iterable[str], moved: Mapping[str, Moved], own: Own | None
) -> tuple[list[Equation], list[Range]]:
    """An equation for the derivative of every tensor that depends smoothly on the roots, and lines on their letters.

    In the loop of ``x_{l+1} = x_l W_l`` x tells nothing of its time; in that of ∂x/∂ε the letter of x would, so that a
    line says how far it runs.
    """
    if own is not None:
        refuse_parts(s, "a derivative is one number", "adjoint goes back, by what is owed to every tensor")
    plane = complex_names(s) if own is None else frozenset[str]()
    moving, ranges = set(roots), infer(s)
    written = {eq: n for n, eq in enumerate(s)}
    rules: dict[int, Equation] = {}
    for block in s.blocks:
        body, starts = ((block,), ()) if isinstance(block, Equation) else (block.body, block.starts)
        looped = bool(starts)
        new = reached((*body, *starts), moving)
        found: dict[Equation, Equation] = {}
        while new:
            there = moving | new
            found = {eq: _rule(eq, there, moved, own, looped, plane) for eq in (*starts, *body) if eq.name in new}
            still = {eq.name for eq, rule in found.items() if rule.value is not ZERO}
            if still == new:
                break
            new &= still
        moving |= new
        rules |= {written[eq]: rule for eq, rule in found.items() if eq.name in new}
    said: list[Range] = []
    for n, rule in rules.items():
        eq = s.equations[n]
        for i in eq.letters:
            far = ranges.reach_left(eq, i)
            if far is not None and s.stated(i) is None and ranges.further(eq.value, i, far):
                others = (e for e in s if i in e.value.binds or (i in e.letters and ranges.reach_left(e, i) is not far))
                taken = {j for e in s for j in (*e.letters, *e.value.free, *e.value.binds)} | rule.value.binds
                new = fresh(i, taken | {f.letter for f in said}) if any(others) else i
                rules[n] = rule = rule.rename({i: new})
                said.append(Range(new, far))
    return [rules[n] for n in sorted(rules)], list(dict.fromkeys(said))


def _rule(
    eq: Equation,
    moving: set[str],
    moved: Mapping[str, Moved],
    own: Own | None,
    looped: bool,
    plane: frozenset[str] = frozenset(),
) -> Equation:
    """One equation's derivative: 0 where it depends on what moves only in brackets and subscripts."""
    target = moved[eq.name].at(eq.target.subscripts)
    fixed = frozenset(eq.letters) | target.free
    terms: list[Expr] = []
    again = looped and isinstance(eq.value, Reduce) and eq.value.op in ("max", "min")
    result = None if again else eq.target  # what is worked out after the loop has other last digits
    value = freshen(eq.value, fixed)
    if has_parts(value, plane):
        every = plane | {moved[n].name for n in plane if n in moved}
        for unit, seed in ((ONE, ONE), (IMAGINARY, negate(IMAGINARY)))[: 1 + is_complex(value, plane)]:
            owed = pullback(value, seed, result=result, fixed=fixed, plane=every)
            change = add(*(_carried(t, g, moved, fixed) for t, g in owed.items() if t.name in moving))
            terms.append(mul(unit, real_part(change, every)))
        return equation(target, settled(simplify_expr(freshen(add(*terms), fixed)), every))
    for t, g in pullback(value, ONE, result=result, fixed=fixed).items():
        if t.name in moving:
            if t.name in moved:
                terms.append(_carried(t, g, moved, fixed))
            if own is not None:
                terms.append(own(t, g, frozenset(eq.letters)))
    return equation(target, simplify_expr(freshen(add(*terms), fixed)))


def _carried(t: Tensor, g: Expr, moved: Mapping[str, Moved], fixed: frozenset[str]) -> Expr:
    """``Σ_K g ∂x_K/∂ε``."""
    return sum_over(sorted(t.free - fixed), mul(g, moved[t.name].at(t.subscripts)))
