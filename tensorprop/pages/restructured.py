"""Documents as reStructuredText, for pages that nobody builds with Sphinx.

In: blocks. Out: a string. Headings are rubrics, which may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tensorprop.render.derivation.sentences import Sentence
from tensorprop.render.document import Block, Heading, Lines, Paragraph, Picture, TextTable, Verbatim

__all__ = ["pieces_of", "restructured"]


def pieces_of(s: Sentence) -> list[tuple[str, bool]]:
    """A sentence in pieces: words, and LaTeX (marked by True).

    >>> from tensorprop.render.derivation.sentences import Math
    >>> pieces_of(Sentence("{i} is summed", (("i", Math("i", "i")),)))
    [('i', True), (' is summed', False)]
    """
    return [(piece, bool(n % 2)) for n, piece in enumerate(s.latex.split("$")) if piece]


def _told(s: Sentence) -> str:
    """A sentence; a role needs space or a sign beside it."""
    out = ""
    for piece, is_math in pieces_of(s):
        if not is_math:
            glue = "\\ " if out and piece[0].isalnum() else ""
            out += glue + re.sub(r"([*`|\\]|_(?=\W|$))", r"\\\1", piece)
        else:
            out += ("\\ " if out and out[-1].isalnum() else "") + f":math:`{piece}`"
    return out


def restructured(blocks: Iterable[Block]) -> str:
    """The blocks under one another."""
    out: list[str] = []
    for b in blocks:
        match b:
            case Heading(_, words, law, statement):
                name = f"{law}: " if law else ""
                beside = f"   ({name}:math:`{statement.latex}`)" if statement.latex else ""
                out += [f".. rubric:: {_told(words)}{beside}", ""]
            case Paragraph(words, bullet, lead):
                told = f"**{lead}** {_told(words)}" if lead else _told(words)
                out += [f"- {told}" if bullet else told, ""]
            case Lines(rows, _):
                for one, other in rows:
                    latex = one.latex if other is None else rf"{one.latex} \qquad {other.latex}"
                    out += [f".. math:: {latex}", ""]
            case TextTable(head, rows):
                out += [".. list-table::", "   :header-rows: 1", ""]
                for row in (head, *rows):
                    out += [
                        f"   {'-' if n else '* -'} {_told(cell)}".replace("   - ", "     - ")
                        for n, cell in enumerate(row)
                    ]
                out.append("")
            case Verbatim(text) | Picture(_, text):
                out += ["::", "", *(f"   {line}".rstrip() for line in text.split("\n")), ""]
    return "\n".join(out).strip("\n") + "\n"
