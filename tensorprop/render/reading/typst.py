"""Formulas in Typst, as Unicode: ``frac(1, 2) W^(top)`` as ``((1)/(2)) W^{⊤}``.

In: a text. Out: what `lexemes.plain` makes of the same in LaTeX; whether a text is Typst. What it means is not
known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tensorprop.errors import UnexpectedChar, UnexpectedEnd
from tensorprop.render.dialects import GREEK

__all__ = ["from_typst", "is_typst"]

_MARKS = re.compile(
    r'"\w|\b(?:frac|op|bold|overline|abs|norm|lr)\(|[_^]\((?:top|compose|-top)\b|\bquad\b|\w_\(|\b(?:compose|times|dot\.op)\b'
)
_TOKEN = re.compile(r'"(?P<said>[^"]*)"|(?P<word>[A-Za-z]+(?:\.[a-z]+)*)|(?P<script>[_^]\()|(?P<sign>.)', re.S)

_WORDS = {
    **{name: letter for letter, name in GREEK.items()},
    "top": "⊤", "compose": "∘", "times": "×", "ast.op": "⊙_KR", "dot.op": "·", "dot": "·", "dot.circle": "⊙",
    "star.op": "⋆",
    "partial": "∂", "sum": "Σ", "quad": " ", "angle.l": "⟨", "angle.r": "⟩", "dots": "…", "prime": "′",
}  # fmt: skip


def _fraction(above: str, below: str) -> str:
    return f"{above}/{below}" if "∂" in above and "∂" in below else f"(({above})/({below}))"


def _bold(inner: str) -> str:
    return "𝟏" if inner == "1" else inner


def _listed(*parts: str) -> str:
    return ", ".join(parts)


_CALLS: dict[str, Callable[..., str]] = {
    "frac": _fraction,
    "sqrt": "√({})".format,
    "abs": "|{}|".format,
    "norm": "‖{}‖".format,
    "overline": "{}\u0304".format,
    "op": "{}".format,
    "upright": "{}".format,
    "bold": _bold,
    "lr": _listed,
}  # fmt: skip


def is_typst(text: str) -> bool:
    """Whether a text has what only Typst has."""
    return _MARKS.search(text) is not None


def from_typst(text: str) -> str:
    """The formula in Unicode, scripts in braces.

    >>> from_typst('δ W = op("diag")(a)^(top) frac(δ z, sqrt(abs(i))) quad "(for every b)"')
    'δW = diag(a)^{⊤} ((δz)/(√(|i|)))   (for every b)'

    Errors: UnexpectedEnd for a parenthesis that is not closed, UnexpectedChar for a call with other arguments.
    """
    return re.sub(r"\blog +det\b", "logdet", re.sub("([δ∂]) +", r"\1", _Typst(text).until("")))


class _Typst:
    """A text, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def until(self, end: str) -> str:
        """What comes before ``end`` (a closing parenthesis, or nothing: the end), as Unicode; it is passed."""
        return ",".join(self.parts(end))

    def parts(self, end: str) -> list[str]:
        """The same, cut at its commas."""
        out, begin = [""], self.at
        while self.at < len(self.text):
            m = _TOKEN.match(self.text, self.at)
            assert m is not None
            self.at = m.end()
            if m[0] == end:
                return out
            if m[0] == "," and end:
                out.append("")
            else:
                out[-1] += self._piece(m)
        if end:
            raise UnexpectedEnd("a parenthesis is not closed", self.text, (begin - 1, begin))
        return out

    def _piece(self, m: re.Match[str]) -> str:
        if m["said"] is not None:
            return m["said"] if " " in m["said"] else m["said"].strip()
        if m["script"]:
            return f"{m[0][0]}{{{self.until(')')}}}"
        if m["word"] in _CALLS and self.text[self.at : self.at + 1] == "(":
            self.at += 1
            inner = [part.strip() for part in self.parts(")")]
            try:
                return _CALLS[m["word"]](*inner)
            except (TypeError, IndexError):
                span = (m.start(), self.at)
                raise UnexpectedChar(f"{m['word']} has other arguments in Typst", self.text, span) from None
        if m[0] == "(":
            return f"({self.until(')')})"
        return _WORDS.get(m["word"] or "", m[0])
