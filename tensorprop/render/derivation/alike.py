"""Which rules come about alike: the same steps with other names, so that one may be said to be "as for" the other.

In: the lines of two derivations. Out: whether they differ in names of tensors and letters only, and which name stands
for which. Nothing is worded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import fold

__all__ = ["Likeness", "pattern"]

_PART = re.compile(r"[^δ∂/·]+")


class Likeness:
    """Lines with their names and letters numbered in the order in which they are met."""

    def __init__(self, lines: Iterable[Equation]) -> None:
        self.names: dict[str, int] = {}
        self._letters: dict[str, int] = {}
        lines = tuple(lines)
        for eq in lines:
            for e in (eq.target, eq.value):
                self._number(e)
        self.key = tuple((self._text(eq.target), self._text(eq.value)) for eq in lines)

    def instead(self, other: Likeness) -> list[tuple[str, str]]:
        """Names here that stand where ``other`` has another, each with that one."""
        return [(mine, theirs) for mine, theirs in zip(self.names, other.names, strict=True) if mine != theirs]

    def _number(self, e: Expr) -> None:
        stack = [e]
        while stack:
            n = stack.pop()
            for name in _PART.findall(n.name) if isinstance(n, Tensor) else _own_name(n):
                self.names.setdefault(name, len(self.names))
            for i in _own_letters(n):
                self._letters.setdefault(i, len(self._letters))
            stack.extend(reversed(n.children))

    def _name(self, name: str) -> str:
        return _PART.sub(lambda found: f"<{self.names[found.group()]}>", name)

    def _text(self, e: Expr) -> str:
        def rule(n: Expr, parts: tuple[str, ...]) -> str:
            own = "".join(f"#{self._letters[i]}" for i in _own_letters(n))
            inner = ",".join(parts)
            match n:
                case Tensor(name):
                    return f"{self._name(name)}[{inner}]"
                case Dim(tensor, axis):
                    return f"dim({self._name(tensor)},{axis})"
                case Number(value):
                    return str(value)
                case Call(function):
                    return f"{function}({inner})"
                case Reduce(op):
                    return f"{op}{own}({inner})"
                case Bracket(relation):
                    return f"[{relation}:{inner}]"
                case _:
                    return f"{type(n).__name__}{own}({inner})"

        return fold(e, rule)


def _own_name(n: Expr) -> Iterator[str]:
    if isinstance(n, Dim):
        yield from _PART.findall(n.tensor)


def _own_letters(n: Expr) -> tuple[str, ...]:
    match n:
        case Index(name):
            return (name,)
        case Sum(indices) | Reduce(_, indices):
            return indices
        case _:
            return ()


def pattern(lines: Iterable[Equation], known: Mapping[str, Likeness]) -> tuple[Likeness, str | None]:
    """The pattern of some lines, and under which key of ``known`` the same stands already.

    >>> from tensorprop.text import parse
    >>> one, two = (parse(t) for t in ("z_j = a_i W_ij", "y_k = h_j V_jk"))
    >>> first, _ = pattern(one, {})
    >>> second, like = pattern(two, {"z": first})
    >>> like, second.instead(first)
    ('z', [('y', 'z'), ('h', 'a'), ('V', 'W')])
    """
    made = Likeness(lines)
    return made, next((name for name, other in known.items() if other.key == made.key), None)
