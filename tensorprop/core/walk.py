"""Passes over an expression: each visits a node once, however often it is shared, and needs no recursion.

In: an expression, and what to do at a node. Out: a value or an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from tensorprop.core.build import fresh, reduce, remake, substitute, sum_over
from tensorprop.core.expr import Dim, Expr, Index, Reduce, Sum, Tensor

__all__ = [
    "apart",
    "called",
    "dims_of",
    "fold",
    "freshen",
    "inline",
    "lettered",
    "postorder",
    "tensors_of",
    "transform",
]

V = TypeVar("V")


_KEPT = 200  # nodes up to which a walk is remembered: so that walks of all parts of something deep take no square


def postorder(root: Expr) -> Iterator[Expr]:
    """Every node below ``root`` once, children before parents, in reading order."""
    try:
        return iter((*root.below, root))
    except AttributeError:
        return iter(_walked(root))


def _walked(root: Expr) -> list[Expr]:
    """The nodes of a first walk; those below a small root are kept with it, without itself: nothing goes round."""
    found: list[Expr] = []
    seen: set[Expr] = set()
    stack: list[Expr | None] = [root]  # None: what stands below it comes next, its children are through
    while stack:
        n = stack.pop()
        if n is None:
            n = stack.pop()
            assert n is not None
            found.append(n)
        elif n not in seen:
            seen.add(n)
            if children := n.children:
                stack += (n, None)
                stack += [c for c in reversed(children) if c not in seen]
            else:
                found.append(n)
    if len(found) <= _KEPT:
        object.__setattr__(root, "below", tuple(found[:-1]))
    return found


def fold(root: Expr, rule: Callable[[Expr, tuple[V, ...]], V], done: dict[Expr, V] | None = None) -> V:
    """``rule(node, values of its children)``, from the leaves up; ``done`` may be kept between calls."""
    done = {} if done is None else done
    stack: list[Expr | None] = [root]
    while stack:
        n = stack.pop()
        if n is None:
            n = stack.pop()
            assert n is not None
            if n not in done:
                done[n] = rule(n, tuple([done[c] for c in n.children]))
        elif n not in done:
            if children := n.children:
                stack += (n, None)
                stack += [c for c in reversed(children) if c not in done]
            else:
                done[n] = rule(n, ())
    return done[root]


def transform(root: Expr, rule: Callable[[Expr], Expr], done: dict[Expr, Expr] | None = None) -> Expr:
    """The expression with ``rule`` applied to every node after its children."""
    done = {} if done is None else done
    stack: list[Expr | None] = [root]
    while stack:  # as in `fold`, but that a node whose children stay is not made again
        n = stack.pop()
        if n is None:
            n = stack.pop()
            assert n is not None
            if n not in done:
                children = n.children
                new = tuple([done[c] for c in children])
                done[n] = rule(n if new == children else remake(n, new))
        elif n not in done:
            if children := n.children:
                stack += (n, None)
                stack += [c for c in reversed(children) if c not in done]
            else:
                done[n] = rule(n)
    return done[root]


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


def apart(letters: set[str], own: set[str], names: set[str]) -> dict[str, str]:
    """Other letters for those that are called like one of ``names``, but for ``own``.

    >>> apart({"i", "x"}, {"i"}, {"x", "y"})
    {'x': 'z'}
    """
    taken, found = letters | own | names, dict[str, str]()
    for i in sorted(letters & names - own):
        found[i] = fresh(i, taken)
        taken.add(found[i])
    return found


def lettered(e: Expr, names: Mapping[str, str]) -> Expr:
    """The same expression with letters called otherwise, wherever they stand, free or bound; new names are others.

    >>> from tensorprop.core.build import tensor
    >>> lettered(sum_over("i", tensor("a", "i", "j")), {"i": "k", "j": "i"})
    Sum(('k',), Tensor('a', (Index('k'), Index('i'))))
    """

    def called(letters: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(i, i) for i in letters)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Index():
                return Index(names.get(n.name, n.name))
            case Sum():
                return sum_over(called(n.indices), children[0])
            case Reduce():
                return reduce(n.op, called(n.indices), children[0], children[1:])
            case _:
                return remake(n, children)

    return fold(e, rule)


_NONE: Mapping[Dim, Expr] = {}


def called(e: Expr, new: Callable[[str], str], sizes: Mapping[Dim, Expr] = _NONE) -> Expr:
    """The same expression of tensors that are called otherwise, and with what stands for some ``sizes``.

    >>> from tensorprop.core.build import mul, tensor
    >>> called(mul(tensor("a", "i"), Dim("b", 0)), str.upper)
    Mul((Tensor('A', (Index('i'),)), Dim('B', 0)))
    """

    def rule(n: Expr) -> Expr:
        if isinstance(n, Tensor):
            return Tensor(new(n.name), n.subscripts)
        if isinstance(n, Dim):
            return sizes[n] if n in sizes else Dim(new(n.tensor), n.axis)
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
