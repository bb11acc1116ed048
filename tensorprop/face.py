"""What every noun has: it shows itself, and is equal to what was made of the same.

In: a noun. Out: its `repr`, which is the text that `print` gives, and what notebooks ask for. How a noun is shown in
HTML, LaTeX and Markdown is in the table of `faces`, which is loaded when somebody asks.
"""

from __future__ import annotations

from typing import Any

from tensorprop.package import verb

__all__ = ["Face", "MadeOf"]


class Face:
    """`repr` is what `print` prints; a notebook is given HTML with MathML, LaTeX or Markdown, as the table has it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        return verb("face")(self, "html")

    def _repr_latex_(self) -> str | None:
        return verb("face")(self, "latex")

    def _repr_markdown_(self) -> str | None:
        return verb("face")(self, "markdown")


class MadeOf(Face):
    """What is made of the same parts is equal, hashes alike, and is pickled as its parts."""

    _parts: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, MadeOf) and self._parts == other._parts

    def __hash__(self) -> int:
        parts = (frozenset(p) if isinstance(p, dict) else p for p in self._parts)
        return hash((type(self).__name__, *parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._parts
