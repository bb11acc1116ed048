"""Sums over all entries of several tensors as one sum over their entries side by side.

In: a System and the names of tensors that lie side by side in one vector. Out: a System in which

    Σ_ij f(W_ij) + Σ_k f(c_k)    is    Σ_n f(p_n),

p being the entries of W, then those of c, and of what each such p is made. So are written penalties on all parameters
and norms of all gradients; in a vector they are one pass over it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from tensorprop.core.build import add, mul, remake, sum_over
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Dim, Expr, Index, Mul, Reduce, Sum, Tensor
from tensorprop.core.walk import fold, postorder, transform

__all__ = ["ByRuns", "merged"]

_OWN = "·"
"""What the name of a tensor that is put together begins with; nobody writes it."""


class ByRuns(NamedTuple):
    """A gradient in which sums over all entries of several parameters are one sum over their entries side by side.

    ``runs``: the parameters of which each new tensor is made; ``places``: the leaf of each parameter.
    """

    gradient: Any
    runs: Mapping[str, tuple[str, ...]]
    places: Mapping[str, int]


class _Penalty(NamedTuple):
    """``scale · Σ_n body``, with the tensor whose entries the sum runs over called ``·``."""

    scale: Expr
    body: Expr
    name: str


def merged(s: System, names: Mapping[str, int]) -> tuple[System, Mapping[str, tuple[str, ...]]]:
    """The System with such sums made one, and the tensors of which each new one is made, in their order.

    They are made in the order of the places of ``names``. Nothing is put together of a tensor of which a line says
    something, nor in a loop.
    """
    if s.facts or any(eq.place is not None for eq in s):
        return s, {}
    made: dict[tuple[str, ...], str] = {}
    adds = [n for eq in s for n in postorder(eq.value) if isinstance(n, Add)]
    inner = {t for n in adds for t in n.terms if isinstance(t, Add)}  # of very many terms, parts of a sum

    def rule(n: Expr) -> Expr:
        if not isinstance(n, Add) or n in inner:
            return n
        groups: dict[tuple[Expr, Expr], list[str]] = {}
        whole = [*_terms(n)]
        for t in whole:
            term = _term(t, names)
            if term is not None:
                groups.setdefault(term[:2], []).append(term.name)
        several = {key: of for key, of in groups.items() if len(of) > 1 and len(set(of)) == len(of)}
        if not several:
            return n
        terms: list[Expr] = []
        for t in whole:
            term = _term(t, names)
            of = several.get(term[:2]) if term is not None else None
            if term is None or of is None:
                terms.append(t)
            elif term.name == of[0]:
                name = made.setdefault(tuple(sorted(of, key=names.__getitem__)), f"{_OWN}{len(made)}")
                terms.append(mul(term.scale, sum_over(("n",), _over(term.body, _OWN, name))))
        return add(*terms)

    done: dict[Expr, Expr] = {}
    equations: list[Equation] = [equation(eq.target, transform(eq.value, rule, done)) for eq in s]
    return (system(equations), {name: of for of, name in made.items()}) if made else (s, {})


def _terms(n: Expr) -> Iterator[Expr]:
    """The terms of a sum, through sums that are terms."""
    stack = [n]
    while stack:
        t = stack.pop()
        if isinstance(t, Add):
            stack.extend(reversed(t.terms))
        else:
            yield t


def _term(t: Expr, names: Collection[str]) -> _Penalty | None:
    """A term that is a number times a sum over all entries of one of these tensors, and of nothing else."""
    factors = t.factors if isinstance(t, Mul) else (t,)
    sums = [f for f in factors if isinstance(f, Sum)]
    if len(sums) != 1 or t.free:
        return None
    scale = mul(*(f for f in factors if f is not sums[0]))
    nodes = [*postorder(sums[0].body)]
    entries = [n for n in nodes if isinstance(n, Tensor) and n.subscripts]
    if len(entries) != 1 or entries[0].name not in names or entries[0].letters is None:
        return None
    letters = entries[0].letters
    if len(set(letters)) < len(letters) or {*letters} != {*sums[0].indices}:
        return None
    plain = (n for n in nodes if not isinstance(n, (Tensor, Index)))
    if any(isinstance(n, (Sum, Reduce, Dim, Bracket)) or any(isinstance(c, Index) for c in n.children) for n in plain):
        return None
    if any(n.subscripts for n in postorder(scale) if isinstance(n, Tensor)):
        return None
    return _Penalty(scale, _over(sums[0].body, entries[0].name, _OWN), entries[0].name)


def _over(body: Expr, name: str, new: str) -> Expr:
    """The same function of the entries of a vector."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Tensor) and n.name == name and n.subscripts:
            return Tensor(new, (Index("n"),))
        return remake(n, children)

    return fold(body, rule)
