"""Which tensors hold whole numbers, and which are values that can be differentiated: one answer for everybody.

In: a System. Out: names. Arrays and their types are not known here; what is told is what the equations ask of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tensorprop.core.equation import System
from tensorprop.core.expr import Bracket, Expr, Index, Reduce, Tensor
from tensorprop.core.walk import postorder, tensors_of

__all__ = ["smooth", "whole_numbers"]


@lru_cache(maxsize=512)
def whole_numbers(s: System) -> frozenset[str]:
    """Tensors of whole numbers: those that stand in subscripts, in brackets beside an index, or pick an entry.

    >>> from tensorprop.text import parse
    >>> sorted(whole_numbers(parse("E = -Σ_bc l_bc [y_b = c]; h_bd = T[tok_b, d]; p_b = softmax_c(s_bc)[k_b]")))
    ['k', 'tok', 'y']
    """
    found: set[str] = set()
    for eq in s:
        for n in postorder(eq.value):
            places: tuple[Expr, ...] = n.subscripts if isinstance(n, Tensor) else n.at if isinstance(n, Reduce) else ()
            if isinstance(n, Bracket) and any(isinstance(m, Index) for side in n.children for m in _outside(side)):
                places = n.children
            for place in places:
                found.update(t.name for t in tensors_of(place))
    return frozenset(found)


@lru_cache(maxsize=512)
def smooth(s: System) -> frozenset[str]:
    """Tensors that stand as values somewhere, and not only in brackets, and that do not hold whole numbers.

    >>> from tensorprop.text import parse
    >>> sorted(smooth(parse("p_b = softmax_c(s_bc)[k_b]; h_i = x_i [x_i > t]")))
    ['s', 'x']
    """
    found: set[str] = set()
    seen: set[Expr] = set()
    stack = [eq.value for eq in s]
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        if isinstance(n, Tensor):
            found.add(n.name)
        elif isinstance(n, Reduce):
            stack.append(n.body)
        elif not isinstance(n, Bracket):
            stack.extend(n.children)
    return frozenset(found) - whole_numbers(s)


def _outside(side: Expr) -> Iterator[Expr]:
    """The nodes of a bracket's side that are not inside a tensor's subscripts."""
    stack = [side]
    while stack:
        n = stack.pop()
        yield n
        if not isinstance(n, Tensor):
            stack.extend(n.children)
