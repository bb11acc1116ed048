"""Sentences with mathematics in them, kept apart from how they are printed.

In: a sentence with named places, and for each place its mathematics in Unicode and in LaTeX. Out: one line of plain
text, or of LaTeX with ``$…$``. What the mathematics means is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tensorprop.core.expr import Expr, Index
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["Math", "Sentence", "entry", "join", "letter", "letters", "listed", "say", "size_of", "turned", "whole"]


class Math(NamedTuple):
    """A piece of mathematics, written twice."""

    unicode: str
    latex: str

    def then(self, unicode: str, latex: str) -> Math:
        """The same with something behind it."""
        return Math(self.unicode + unicode, self.latex + latex)


def letter(i: str) -> Math:
    """An index letter."""
    return entry(Index(i))


def letters(names: Sequence[str]) -> Math:
    """``i``, ``i and j``, ``b, h and i``: several letters as they stand in a sentence."""
    return listed([letter(i) for i in names])


def size_of(names: Sequence[str]) -> Math:
    """``|i|``, ``|i| |j|``: how many values letters have together."""
    each = [letter(i) for i in names]
    return Math(" ".join(f"|{i.unicode}|" for i in each), r" \, ".join(f"|{i.latex}|" for i in each))


def entry(e: Expr, axes: Mapping[tuple[str, int], str] | None = None) -> Math:
    """An expression in index notation; ``axes`` has the letters with which sizes are shown."""
    return Math(UNICODE.show(e, axes), LATEX.show(e, axes))


def whole(name: str) -> Math:
    """A tensor without its indices."""
    return Math(UNICODE.name(name), LATEX.name(name))


def turned(m: Math) -> Math:
    """The transpose; a layer label and ⊤ share one superscript."""
    label = m.latex.endswith(")}") and "^{(" in m.latex
    return Math(f"{m.unicode}ᵀ", m.latex[:-1] + r"\top}" if label else m.latex + r"^\top")


def listed(parts: Sequence[Math], last: str = "and") -> Math:
    """Several pieces, the last one after ``and``. In LaTeX the words leave the mathematics."""
    if len(parts) == 1:
        return parts[0]
    return Math(
        ", ".join(p.unicode for p in parts[:-1]) + f" {last} {parts[-1].unicode}",
        "$, $".join(p.latex for p in parts[:-1]) + f"$ {last} ${parts[-1].latex}",
    )


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` with ``{places}``, and what stands in each."""

    text: str
    places: tuple[tuple[str, Math], ...] = ()

    @property
    def unicode(self) -> str:
        """Plain text."""
        return _filled(self.text, {k: m.unicode for k, m in self.places})

    @property
    def latex(self) -> str:
        """Text with ``$…$``; the words are escaped."""
        return _filled(self.text, {k: f"${m.latex}$" for k, m in self.places})

    def __str__(self) -> str:
        return self.unicode

    def __add__(self, other: Sentence) -> Sentence:
        """Both, one after the other."""
        return join([self, other])


def say(text: str, **places: Math | str) -> Sentence:
    """A sentence; a place that is given as a string stands for itself.

    >>> say("{i} is kept by {n} factors", i=letter("i"), n="both").unicode
    'i is kept by both factors'
    """
    words = {k: v for k, v in places.items() if isinstance(v, str)}
    rest = {k: v for k, v in places.items() if not isinstance(v, str)}
    kept = {k: f"{{{k}}}" for k in rest}
    return Sentence(_filled(text, words | kept), tuple(rest.items()))


def join(parts: Sequence[Sentence], between: str = " ") -> Sentence:
    """Sentences in a row, as one."""
    texts: list[str] = []
    places: list[tuple[str, Math]] = []
    for n, s in enumerate(parts):
        names = {k: f"{{{n}:{k}}}" for k, _ in s.places}
        texts.append(_filled(s.text, names))
        places += [(f"{n}:{k}", m) for k, m in s.places]
    return Sentence(between.join(texts), tuple(places))


def _filled(text: str, values: dict[str, str]) -> str:
    """``{name}`` replaced by its value, once; unlike str.format, what is put in is not read again."""
    out: list[str] = []
    at = 0
    while (start := text.find("{", at)) >= 0:
        end = text.find("}", start)
        if end < 0:
            break
        out.append(text[at:start])
        name = text[start + 1 : end]
        out.append(values.get(name, text[start : end + 1]))
        at = end + 1
    out.append(text[at:])
    return "".join(out)
