"""What an equation is up to the names of its tensors: of a model of many layers most are alike.

In: equations. Out: a text of numbers and letters (`Nameless`), which two of them share that are the same but for names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tensorprop.core.equation import Equation, Loop, Range, System
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.walk import postorder

__all__ = ["Nameless", "codes", "joined_axes", "plainly_told"]


class Nameless(NamedTuple):
    """The text of an equation with numbers in place of the names of its tensors; these names, and its nodes."""

    text: tuple[Any, ...]
    names: tuple[str, ...]
    nodes: tuple[Expr, ...]


def codes(s: System) -> dict[Equation, Nameless]:
    """The codes of the equations of which nothing is said elsewhere: no loop and no fact names one of their tensors,
    and no letter has a stated range."""
    if any(isinstance(f, Range) for f in s.facts):
        return {}
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


def joined_axes(equations: Iterable[Equation]) -> dict[tuple[str, int], int] | None:
    """The axes of tensors that one letter after another ties together in these equations, by the number of their part.

    None where a letter has two meanings in an equation, or a subscript is no letter. The letter of ``softmax_i(x_i)``
    has one, inside and outside.

    >>> from tensorprop.text import parse
    >>> joined_axes(parse("y_i = A_ij x_j; z_k = y_k B_kl c_l"))
    {('y', 0): 0, ('A', 0): 0, ('A', 1): 1, ('x', 0): 1, ('z', 0): 0, ('B', 0): 0, ('B', 1): 2, ('c', 0): 2}
    """
    parts: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for eq in equations:
        nodes = [*postorder(eq.value)]
        if any(isinstance(n, Reduce) and is_matrix(n.op) for n in nodes):
            return None
        bound = [i for n in nodes if isinstance(n, (Sum, Reduce)) for i in n.indices if Index(i) not in n.children[1:]]
        if len({*bound, *eq.letters}) < len(bound) + len(eq.letters):
            return None
        first: dict[str, tuple[str, int]] = {}
        for t in (eq.target, *(n for n in nodes if isinstance(n, Tensor))):
            for axis, s in enumerate(t.subscripts):
                if not isinstance(s, Index):
                    return None
                here = parts.setdefault((t.name, axis), {(t.name, axis)})
                there = parts[first.setdefault(s.name, (t.name, axis))]
                if here is not there:
                    there |= here
                    parts.update(dict.fromkeys(here, there))
    number: dict[int, int] = {}
    return {at: number.setdefault(id(part), len(number)) for at, part in parts.items()}


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
