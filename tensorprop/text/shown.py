"""A text in pieces, and what the rule of sums sees of it.

In: pieces of text and the letters that stand open and closed in them. Out: the same, as a factor or a term of its own.
This file does not know nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tensorprop.text.implied import settled

__all__ = ["ATOM", "MAX_SHOWN", "POWER", "SUM", "TERM", "Shown", "bare", "clear", "term"]

MAX_SHOWN = 1_000_000

SUM, TERM, POWER, ATOM = 0, 1, 2, 3  # how tightly a text holds together


class Shown:
    """A text in pieces, and what the rule of sums sees of it. ``factors`` are those of a product."""

    __slots__ = (
        "alt",
        "closed",
        "factors",
        "level",
        "minus",
        "open",
        "parts",
        "raised",
        "shaky",
        "size",
        "soft",
        "under",
    )

    def __init__(
        self,
        level: int,
        parts: Sequence[str | Shown],
        open: tuple[str, ...] = (),
        closed: tuple[str, ...] = (),
        soft: tuple[str, ...] = (),
    ) -> None:
        self.level, self.open, self.closed, self.soft = level, open, closed, soft
        self.parts = tuple(parts)
        self.size = sum(len(p) if isinstance(p, str) else p.size for p in parts)
        if self.size > MAX_SHOWN:
            self.parts, self.size = ("…",), 1
        self.minus = False  # a minus goes in front of the text
        self.raised = False  # a whole power
        self.shaky = False  # one whose base sums inside, or has a letter twice
        self.alt: Shown | None = None  # the same sum with its Σ, where this text leaves it out
        self.factors: Sequence[Shown] = (self,)
        self.under: Sequence[bool] | None = None

    def doubt(self, letter: str, outer: Collection[str]) -> bool:
        return self.shaky

    def first(self) -> str:
        """The first character of the text."""
        p: str | Shown = self
        while isinstance(p, Shown):
            p = "-" if p.minus else next(q for q in p.parts if q)
        return p[0]

    def text(self) -> str:
        out: list[str] = ["-"] if self.minus else []
        stack: list[str | Shown] = list(reversed(self.parts))
        while stack:
            p = stack.pop()
            if isinstance(p, str):
                out.append(p)
            else:
                stack.extend(reversed(p.parts))
                if p.minus:
                    out.append("-")
        return "".join(out)


def bare(t: Shown) -> Shown:
    """The text without its minus, which the caller has written."""
    return Shown(t.level, t.parts, t.open, t.closed, t.soft) if t.minus else t


def term(t: Shown) -> Shown:
    """A factor as a term of its own: what it has twice, it closes."""
    if len(set(t.open)) == len(t.open):
        return t
    s = Shown(t.level, t.parts, *settled((t,), None))
    s.minus, s.alt, s.raised = t.minus, t.alt, t.raised
    return s


def clear(t: Shown) -> Shown:
    """A sum that only a power tells is easily overlooked inside something: there it gets its Σ."""
    return t.alt if t.alt is not None and t.raised else t
