"""What an equation is up to the names of its tensors: of a model of many layers most are alike.

In: equations. Out: a text of numbers and letters (`Nameless`), which two of them share that are the same but for names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tensorprop.core.equation import Equation, Loop, Range, System
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder, transform

__all__ = ["Nameless", "codes", "plainly_told", "renamed"]


class Nameless(NamedTuple):
    """The text of an equation with numbers in place of the names of its tensors; these names, and its nodes."""

    text: tuple[Any, ...]
    names: tuple[str, ...]
    nodes: tuple[Expr, ...]


def codes(s: System) -> dict[Equation, Nameless]:
    """The codes of the equations of which nothing is said elsewhere: no loop and no fact names one of their tensors."""
    told = {f.tensor for f in s.facts if not isinstance(f, Range)}
    told |= {eq.name for b in s.blocks if isinstance(b, Loop) for eq in b.equations}
    found = {eq: _code(eq) for eq in s if eq.place is None and eq.name not in told}
    return {eq: c for eq, c in found.items() if told.isdisjoint(c.names)} if told else found


def plainly_told(s: System) -> bool:
    """Whether every letter of a System is told by the axes alone that it indexes: no facts, loops or shifted reads, and
    no brackets but those of two letters."""
    if s.facts or any(isinstance(b, Loop) for b in s.blocks):
        return False
    for eq in s:
        for n in postorder(eq.value):
            if isinstance(n, (Tensor, Bracket)) and not all(isinstance(c, (Index, Tensor)) for c in n.children):
                return False
    return all(isinstance(i, Index) for eq in s for i in eq.target.subscripts)


def _code(eq: Equation) -> Nameless:
    nodes = tuple(postorder(eq.value))
    place: dict[Expr, int] = {}
    names: dict[str, int] = {}
    text: list[Any] = [eq.letters]
    for k, n in enumerate(nodes):
        place[n] = k
        below = [place[c] for c in n.children]
        match n:
            case Tensor():
                text.append((names.setdefault(n.name, len(names)), *below))
            case Number() | Index():
                text.append(n)
            case Call():
                text.append((n.function, *below))
            case Sum():
                text.append(("Σ", n.indices, *below))
            case Reduce():
                text.append((n.op, n.indices, *below))
            case Bracket():
                text.append((n.relation, *below))
            case Dim():
                text.append(("dim", names.setdefault(n.tensor, len(names)), n.axis))
            case _:
                text.append((type(n), *below))
    return Nameless(tuple(text), tuple(names), nodes)


def renamed(e: Expr, names: Mapping[str, str]) -> Expr:
    """The expression of other tensors.

    >>> from tensorprop.core.build import mul, tensor
    >>> renamed(mul(tensor("a", "i"), tensor("b", "i")), {"a": "c"})
    Mul((Tensor('c', (Index('i'),)), Tensor('b', (Index('i'),))))
    """

    def rule(n: Expr) -> Expr:
        if isinstance(n, Tensor):
            return Tensor(names.get(n.name, n.name), n.subscripts)
        return Dim(names.get(n.tensor, n.tensor), n.axis) if isinstance(n, Dim) else n

    return transform(e, rule)
