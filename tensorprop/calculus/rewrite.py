"""Rewriting by laws: each law is a string in the notation, checked by a machine, and a function that applies it.

In: an expression and a list of laws. Out: the expression with every law applied until none applies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from tensorprop.core.build import remake
from tensorprop.core.expr import Expr

__all__ = ["LAWS", "Law", "beside_laws", "law", "rewrite"]

_ROUNDS = 64  # a node is rewritten at most this often; every law makes it smaller or puts it in order


@dataclass(frozen=True, eq=False)
class Law:
    """``left == right``, as text, over the free letters; ``because`` captions a step that uses it.

    ``apply`` is the law at a node of one of the kinds ``on``. There is one object for each law.
    """

    text: str
    free: tuple[str, ...]
    because: str
    apply: Callable[[Any], Expr | None]
    on: tuple[type[Expr], ...] = (Expr,)

    def __call__(self, e: Expr) -> Expr | None:
        """The new expression, or None where the law does not apply."""
        return self.apply(e) if isinstance(e, self.on) else None

    def __reduce__(self) -> tuple[Callable[[str], Law], tuple[str]]:
        return named, (self.apply.__name__,)

    @property
    def sides(self) -> tuple[str, str]:
        """The two sides of the text."""
        left, _, right = self.text.partition(" == ")
        return left, right


LAWS: dict[str, Law] = {}


_BESIDE: dict[str, Law] = {}


def named(name: str) -> Law:
    """The law of a name."""
    return LAWS[name] if name in LAWS else _BESIDE[name]


def beside_laws(made: Law, name: str) -> Law:
    """A law that holds of declared matrices only: it captions a step, and is no law of every expression."""
    made.apply.__name__ = name
    return _BESIDE.setdefault(name, made)


E = TypeVar("E", bound=Expr)


def law(
    text: str, *, free: str, because: str, on: type[E] | tuple[type[E], ...] = Expr
) -> Callable[[Callable[[E], Expr | None]], Law]:
    """Register a law: ``@law("Σ_i [i = j] x_i == x_j", free="j", because="…", on=Sum)``; ``==`` parts the two sides.

    ``on`` is the kind of node, or are the kinds, that the left side may be.
    """

    def register(apply: Callable[[E], Expr | None]) -> Law:
        kinds = on if isinstance(on, tuple) else (on,)
        LAWS[apply.__name__] = made = Law(text, tuple(free.split()), because, apply, kinds)
        return made

    return register


@lru_cache(maxsize=256)
def _about(kind: type[Expr], laws: tuple[Law, ...]) -> tuple[Callable[[Any], Expr | None], ...]:
    return tuple(a.apply for a in laws if issubclass(kind, a.on))


def rewrite(root: Expr, laws: Sequence[Law], done: dict[Expr, Expr] | None = None, depth: int = 0) -> Expr:
    """``root`` with the laws applied to every node, from the leaves up, until none applies any more.

    ``done`` holds what is settled and may be kept between calls with the same laws. The recursion is one level for
    every law that applies at the same node, not one for every node.
    """
    done = {} if done is None else done
    laws = tuple(laws)
    stack: list[tuple[Expr, bool]] = [(root, False)]
    while stack:
        n, ready = stack.pop()
        if n in done:
            continue
        if not ready:
            stack.append((n, True))
            stack.extend((c, False) for c in reversed(n.children) if c not in done)
            continue
        e = remake(n, tuple(done[c] for c in n.children))
        if e not in done:
            new = next((r for r in (apply(e) for apply in _about(type(e), laws)) if r is not None and r is not e), None)
            done[e] = e if new is None or depth >= _ROUNDS else rewrite(new, laws, done, depth + 1)
        done[n] = done[e]
    return done[root]
