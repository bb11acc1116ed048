"""LaTeX as this library writes it, as MathML, so that a page needs nothing from elsewhere.

In: a formula in LaTeX: names, scripts, fractions, roots, sums, words. Out: a ``<math>`` element, everything escaped.
What a formula means is not known here, and LaTeX that the library does not write is shown letter by letter.
"""

from __future__ import annotations

import re
from html import escape

from tensorprop.render.dialects import GREEK

__all__ = ["mathml"]

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|[0-9]+(?:\.[0-9]+)?|:=|.")
_SYMBOLS = {
    "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "ast": "∗", "circ": "∘", "times": "×", "cdot": "·", "sum": "∑",
    "ne": "≠", "neq": "≠", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "top": "⊤", "partial": "∂", "|": "‖",
    "Vert": "‖", "vert": "|", "to": "→", "in": "∈", "dots": "…", "ldots": "…", "cdots": "⋯",
}  # fmt: skip
_LETTERS = {name: letter for letter, name in GREEK.items()}
_SPACES = {",": "0.17em", ";": "0.28em", " ": "0.33em", "quad": "1em", "qquad": "2em", "!": "-0.17em"}
_UPRIGHT = frozenset({"mathrm", "text", "operatorname", "mathit", "mathbf", "boldsymbol", "texttt"})
_WORDS = frozenset("exp log sin cos tan sinh cosh tanh arcsin arccos arctan max min det tr".split())


def mathml(latex: str, display: bool = False) -> str:
    r"""A formula as a ``<math>`` element.

    >>> mathml(r"W^{\top} a")
    '<math><msup><mi>W</mi><mrow><mo>⊤</mo></mrow></msup><mi>a</mi></math>'
    """
    inner = _LatexReader(_TOKEN.findall(latex)).row(None)
    return f'<math display="block">{inner}</math>' if display else f"<math>{inner}</math>"


class _LatexReader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._barred = False  # within bars, |i|

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _peek(self, spaces: bool = False) -> str:
        """The next token; spaces count among words only."""
        while not spaces and self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def row(self, end: str | None) -> str:
        """Everything up to a closing brace, or to the end."""
        parts: list[str] = []
        while self._peek() and self._peek() != end:
            parts.append(self._scripted())
        self._next()
        return "".join(parts)

    def _scripted(self) -> str:
        """One part with what stands below and above it."""
        big = self._peek() == r"\sum"
        base = self._atom()
        below = above = ""
        primes = 0
        while self._peek() in ("_", "^", "'"):
            mark = self._next()
            if mark == "'":
                primes += 1
            elif mark == "_":
                below = self._atom()
            else:
                above = self._atom()
        if primes:
            above = _row("<mo>′</mo>" * primes + above)
        if below and above:
            tag = "munderover" if big else "msubsup"
            return f"<{tag}>{base}{below}{above}</{tag}>"
        if below:
            return f"<munder>{base}{below}</munder>" if big else f"<msub>{base}{below}</msub>"
        return f"<msup>{base}{above}</msup>" if above else base

    def _atom(self) -> str:
        token = self._next()
        if token == "{":
            return _row(self.row("}"))
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[:1].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>"
        if token == "-":
            return "<mo>−</mo>"
        if token == "|":
            self._barred = not self._barred
            form = "prefix" if self._barred else "postfix"
            return f'<mo fence="true" form="{form}" stretchy="false">|</mo>'
        if token in ("(", ")", "[", "]"):
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{escape(token)}</mo>" if token else "<mrow></mrow>"

    def _command(self, name: str) -> str:
        if name in _LETTERS:
            return f"<mi>{_LETTERS[name]}</mi>"
        if name in _SYMBOLS:
            return f"<mo>{_SYMBOLS[name]}</mo>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}"/>'
        if name in _WORDS:
            return f"<mi>{name}</mi><mo>&#x2061;</mo>" if self._peek() not in ("_", "^", "'") else f"<mi>{name}</mi>"
        if name in _UPRIGHT:
            return self._word(name)
        if name in ("left", "right"):
            token = self._next()
            return f"<mo>{_SYMBOLS.get(token[1:], escape(token.lstrip(chr(92))))}</mo>"
        if name == "frac":
            return f"<mfrac>{self._atom()}{self._atom()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self._atom()}</msqrt>"
        if name == "bar":
            return f"<mover>{self._atom()}<mo>¯</mo></mover>"
        return f"<mo>{escape(name)}</mo>"

    def _word(self, kind: str) -> str:
        """A name of several letters, or words."""
        if self._peek() != "{":
            return self._atom()
        self._next()
        depth, letters = 1, list[str]()
        while token := self._peek(spaces=True):
            self._at += 1
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            letters.append(_LETTERS.get(token[1:], token.lstrip("\\")))
        text = escape("".join(letters))
        if kind == "text":
            return f"<mtext>&#xa0;{text}&#xa0;</mtext>"
        if kind in ("mathbf", "boldsymbol"):
            tag = "mn" if text.isdigit() else "mi"
            return f'<{tag} mathvariant="bold">{text}</{tag}>'
        if " " in text:
            return f"<mtext>{text}</mtext>"
        return f'<mi mathvariant="{"italic" if kind == "mathit" else "normal"}">{text}</mi>'


def _row(inner: str) -> str:
    """One element around several, so that a script belongs to all of them."""
    return f"<mrow>{inner}</mrow>"
