"""Passes over an expression: each visits a node once, however often it is shared, and needs no recursion.

In: an expression, and what to do at a node. Out: a value or an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from tensorprop.core.build import fresh, reduce, remake, substitute, sum_over
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Reduce, Sum, Tensor
from tensorprop.errors import UnknownRange

__all__ = ["dims_of", "fold", "freshen", "inline", "postorder", "tells", "tensors_of", "transform", "witness"]

V = TypeVar("V")


def postorder(root: Expr) -> Iterator[Expr]:
    """Every node below ``root`` once, children before parents, in reading order."""
    seen: set[Expr] = set()
    stack: list[tuple[Expr, bool]] = [(root, False)]
    while stack:
        n, ready = stack.pop()
        if ready:
            yield n
        elif n not in seen:
            seen.add(n)
            stack.append((n, True))
            stack.extend((c, False) for c in reversed(n.children) if c not in seen)


def fold(root: Expr, rule: Callable[[Expr, tuple[V, ...]], V], done: dict[Expr, V] | None = None) -> V:
    """``rule(node, values of its children)``, from the leaves up; ``done`` may be kept between calls."""
    done = {} if done is None else done
    stack: list[tuple[Expr, bool]] = [(root, False)]
    while stack:
        n, ready = stack.pop()
        if n in done:
            continue
        if ready:
            done[n] = rule(n, tuple(done[c] for c in n.children))
        else:
            stack.append((n, True))
            stack.extend((c, False) for c in reversed(n.children) if c not in done)
    return done[root]


def transform(root: Expr, rule: Callable[[Expr], Expr], done: dict[Expr, Expr] | None = None) -> Expr:
    """The expression with ``rule`` applied to every node after its children."""
    return fold(root, lambda n, children: rule(remake(n, children)), done)


def tensors_of(root: Expr) -> Iterator[Tensor]:
    """Every distinct tensor entry of an expression, in reading order."""
    return (n for n in postorder(root) if isinstance(n, Tensor))


def dims_of(root: Expr) -> Iterator[Dim]:
    """Every distinct size that an expression names."""
    return (n for n in postorder(root) if isinstance(n, Dim))


def freshen(e: Expr, avoid: frozenset[str]) -> Expr:
    """The same expression with no letter of ``avoid`` bound anywhere in it."""
    if not (e.binds & avoid):
        return e

    def rule(n: Expr) -> Expr:
        if isinstance(n, Sum) and not avoid.isdisjoint(n.indices):
            new = _away(n.indices, n.body.free | n.body.binds | avoid)
            return sum_over(new.values(), substitute(n.body, {i: Index(letter) for i, letter in new.items()}))
        if isinstance(n, Reduce) and n.binds & avoid and not avoid.isdisjoint(n.indices):
            new = _away(n.indices, n.body.free | n.body.binds | avoid)
            return reduce(n.op, new.values(), substitute(n.body, {i: Index(letter) for i, letter in new.items()}), n.at)
        return n

    return transform(e, rule)


def _away(indices: tuple[str, ...], avoid: frozenset[str]) -> dict[str, str]:
    taken, new = set(avoid | frozenset(indices)), dict[str, str]()
    for i in indices:
        new[i] = fresh(i, taken) if i in avoid else i
        taken.add(new[i])
    return new


def inline(e: Expr, definitions: Mapping[str, tuple[tuple[str, ...], Expr]]) -> Expr:
    """``e`` with tensors replaced by what defines them: ``{"z": (("b", "j"), body)}``."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Tensor) and n.name in definitions:
            letters, body = definitions[n.name]
            return substitute(body, dict(zip(letters, children, strict=True)))
        return remake(n, children)  # which may be a tensor of one of these names: x^1, once x is put for it

    return fold(e, rule)


def witness(e: Expr, letter: str) -> Dim:
    """The size of a free index, told by the first tensor axis that it runs along, or else by ``[i < dim(…)]``.

    >>> from tensorprop.core.build import mul, tensor
    >>> witness(mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i")
    Dim('a', 1)
    """
    stack = [(e, letter)]
    seen: set[tuple[Expr, str]] = set()
    while stack:
        place = stack.pop()
        n, i = place
        if place in seen or i not in n.free:
            continue
        seen.add(place)
        if isinstance(n, Tensor):
            for axis, s in enumerate(n.subscripts):
                if isinstance(s, Index) and s.name == i:
                    return Dim(n.name, axis)
        if isinstance(n, Reduce):  # softmax_v(s_v)[i]: i runs over what v runs over
            stack.extend((a, i) for a in reversed(n.at))
            same = [v for v, a in zip(n.indices, n.at, strict=False) if isinstance(a, Index) and a.name == i]
            stack.extend((n.body, v) for v in (same if i in n.indices else [*same, i]))
        else:
            stack.extend((c, i) for c in reversed(n.children))
    for n in _brackets(e, letter):
        if n.relation == "<" and isinstance(n.left, Index) and n.left.name == letter and isinstance(n.right, Dim):
            return n.right
    raise UnknownRange(
        f"no tensor tells the range of {letter}", fix=f"let a tensor with the index {letter} stand there", about=e
    )


def _brackets(e: Expr, letter: str) -> list[Bracket]:
    """The brackets that compare a free letter."""
    return [n for n in postorder(e) if isinstance(n, Bracket) and letter in n.free]


def tells(e: Expr, letter: str, by_ties: bool = True) -> bool:
    """Whether ``e`` says what the letter runs over: by a tensor's axis, by ``[i < dim(…)]``, or by ``[i = j]``."""
    try:
        witness(e, letter)
    except UnknownRange:
        return by_ties and any(
            n.relation == "=" and isinstance(n.left, Index) and isinstance(n.right, Index) for n in _brackets(e, letter)
        )
    return True
