"""What of a loop does not wait for it: worked out before the first step, for all steps at once.

In: the right sides of a loop. Out: the same with names in place of what reads none of the loop's own tensors, and what
each name stands for. ``h_tj = tanh(x_ti U_ij + b_j + h_{t-1,k} W_kj)`` becomes ``h_tj = tanh(q_tj + h_{t-1,k} W_kj)``
with ``q_tj = x_ti U_ij + b_j``: one matrix product where there were as many as steps. Factors (and terms) are put
together as far as no array becomes larger than it was; brackets stay brackets, which keep what they make zero. A
product that has many rows in each step stays there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tensorprop.core.build import add, mul, remake
from tensorprop.core.equation import Equation, Loop
from tensorprop.core.expr import Add, Bracket, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import fold, postorder, transform
from tensorprop.run.lowerings.whole_form import always
from tensorprop.run.sizes import Extents

__all__ = ["Ready", "scoped", "split"]


_ROWS = 16  # rows from which on a matrix product of one step costs no more than its part of one over all steps


class Ready(NamedTuple):
    """A right side with names in it, and the nodes that are worked out before (a bracket by its own name)."""

    value: Expr
    held: dict[Expr, Expr]


def split(
    loop: Loop, eq: Equation, value: Expr, extents: Extents, names: dict[Expr, Tensor], apart: bool = False
) -> Ready:
    """The right side of an equation in the steps; ``names`` holds what was named for others of the same time.

    ``apart``: what passes with time is not put together before, but read entry by entry.
    """
    letter, sizes = loop.time(eq)[0], extents.letters(eq)
    own = _Waiting(letter, frozenset(loop.axes), extents, sizes, names, apart)
    value = own.side(_parted(value, letter, extents))
    inside = {*postorder(value)}
    return Ready(value, {n: e for n, e in own.held.items() if n in inside})


def _parted(value: Expr, letter: str, extents: Extents) -> Expr:
    """A right side in which what is read at one time alone has a sum of its own.

    ``Σ_i ([t = T] A_ij + x_{t+1,i}) K_ij`` is ``[t = T] Σ_i A_ij K_ij + Σ_i x_{t+1,i} K_ij``: the first is worked out
    before the loop, and the second is not spread over what it is multiplied by. So are uses of a tensor added that
    reverse differentiation has met one after the other; all other terms stay together, since they may nearly cancel.
    """

    def placed(e: Expr) -> bool:
        return isinstance(e, Bracket) and e.relation == "=" and e.free == {letter}

    def rule(n: Expr) -> Expr:
        several = [f for f in factors_of(n.body) if isinstance(f, Add)] if isinstance(n, Sum) else []
        if not isinstance(n, Sum) or len(several) != 1 or n.body is several[0]:
            return n
        once = [t for t in several[0].terms if any(map(placed, factors_of(t)))]
        others = [t for t in several[0].terms if t not in once]
        if not once or not others:
            return n
        rest = [f for f in factors_of(n.body) if f is not several[0]]
        terms: list[Expr] = []
        for t in (*once, add(*others)):
            made = Sum(n.indices, mul(*(f for f in factors_of(t) if not placed(f)), *rest))
            extents.same_bounds(made, n)
            terms.append(mul(*filter(placed, factors_of(t)), made))
        return add(*terms)

    return transform(value, rule, {})


class _Waiting:
    def __init__(
        self,
        letter: str,
        own: frozenset[str],
        extents: Extents,
        sizes: Mapping[str, int],
        names: dict[Expr, Tensor],
        apart: bool,
    ) -> None:
        self.apart = apart
        self.letter, self.own, self.extents, self.names = letter, own, extents, names
        self.sizes = sizes
        self.held: dict[Expr, Expr] = {}
        self.waits: dict[Expr, bool] = {}
        self.tensors: dict[Expr, frozenset[Tensor]] = {}

    def side(self, value: Expr) -> Expr:
        fold(value, lambda n, c: any(c) or (isinstance(n, Tensor) and n.name in self.own), self.waits)
        if not self.waits[value]:
            return self.keep(value)
        return fold(value, self.rule)

    def rule(self, n: Expr, children: tuple[Expr, ...]) -> Expr:
        """The node over what its children became; those that do not wait are still whole."""
        if not self.waits[n]:
            return n
        match n:
            case Mul(factors):
                return mul(*self.grouped(n, factors, children))
            case Add(terms):
                return add(*self.grouped(n, terms, children))
            case _:
                parts = zip(n.children, children, strict=True)
                made = remake(n, tuple(c if self.waits[old] else self.keep(c) for old, c in parts))
                if made is not n and isinstance(n, (Sum, Reduce)):
                    self.extents.same_bounds(made, n)
                return made

    def grouped(self, n: Expr, old: tuple[Expr, ...], new: tuple[Expr, ...]) -> list[Expr]:
        """Parts that do not wait put together where one of them has all letters of the others."""
        free = [
            k for k, e in enumerate(old) if not (self.waits[e] or isinstance(e, (Number, Bracket)) or self.stays(e))
        ]
        hosts = sorted((k for k in free if self.letter in old[k].free), key=lambda k: (-len(old[k].free), k))
        groups: dict[int, list[int]] = {}
        for k in hosts:
            if not any(k in g for g in groups.values()) and not self.spreads(old[k]):
                taken = {j for g in groups.values() for j in g}
                beside = (j for j in free if j not in taken and old[j].free <= old[k].free)
                groups[k] = [k] if self.apart else [*beside]
        inner = {j for g in groups.values() for j in g}
        out: list[Expr] = []
        for k, e in enumerate(old):
            if k in groups:
                parts = [old[j] for j in groups[k]]
                out.append(self.keep(mul(*parts) if isinstance(n, Mul) else add(*parts)))
            elif k not in inner:
                out.append(new[k] if self.waits[e] else self.keep(e))
        return out

    def keep(self, e: Expr) -> Expr:
        """A name for something that does not wait; what is no work, or would take more room, stays."""
        inside = self.inside(e)
        if not inside and not (isinstance(e, Bracket) and self.letter in e.free):
            return e
        match e:
            case Number() | Dim() | Index():
                return e
            case Bracket():
                if self.letter in e.free and not always(e, self.extents.shapes, self.sizes):
                    self.held[e] = e
                return e
            case Tensor() if self.letter not in e.free and all(isinstance(s, (Index, Number)) for s in e.subscripts):
                return e
            case _ if self.spreads(e) or self.stays(e):
                made = remake(e, tuple(self.keep(c) for c in e.children))
                if made is not e and isinstance(e, (Sum, Reduce)):
                    self.extents.same_bounds(made, e)
                return made
            case _:
                name = self.names.setdefault(e, Tensor(f"⟨{len(self.names)}⟩", tuple(map(Index, sorted(e.free)))))
                self.held[name] = e
                return name

    def inside(self, e: Expr) -> frozenset[Tensor]:
        """The entries of tensors in it."""
        none: frozenset[Tensor] = frozenset()
        return fold(e, lambda n, c: none.union(*c, (n,)) if isinstance(n, Tensor) else none.union(*c), self.tensors)

    def spreads(self, e: Expr) -> bool:
        """Whether an array of it would have more letters than any that it is made of."""
        if isinstance(e, (Sum, Reduce, Tensor)):
            return False
        return not any(e.free <= t.free for t in self.inside(e)) and not any(
            e.free <= n.free for n in postorder(e) if isinstance(n, (Sum, Reduce))
        )

    def stays(self, e: Expr) -> bool:
        """Whether something is worked out within the steps though it does not wait."""
        return self.busy(e) or (self.apart and self.letter in e.free and not isinstance(e, Tensor))

    def busy(self, e: Expr) -> bool:
        """Whether a contraction in it fills the machine within a step: all steps at once would only take room."""
        if isinstance(e, Mul):
            return any(self.busy(f) for f in e.factors)
        if not isinstance(e, Sum) or self.letter not in e.free:
            return False
        passing = [t for t in self.inside(e) if self.letter in t.free]
        return any(math.prod(self.sizes.get(i, 1) for i in (t.free & e.free) - {self.letter}) >= _ROWS for t in passing)


def scoped(value: Expr, sizes: Mapping[str, int], extents: Extents) -> Iterator[tuple[Expr, dict[str, int]]]:
    """Every node with the sizes of its letters, once for each set of sizes."""
    seen: set[tuple[Expr, tuple[int, ...]]] = set()
    stack: list[tuple[Expr, Mapping[str, int]]] = [(value, sizes)]
    while stack:
        node, scope = stack.pop()
        own = {i: scope[i] for i in extents.free(node)}
        key = node, tuple(own.values())
        if key in seen:
            continue
        seen.add(key)
        yield node, own
        inner = {**own, **extents.bound(node, scope)} if isinstance(node, (Sum, Reduce)) else own
        stack.extend((c, inner if k == 0 else own) for k, c in enumerate(node.children))
