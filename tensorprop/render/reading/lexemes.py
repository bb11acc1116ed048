r"""Formulas as characters: LaTeX and ASCII turned into Unicode, and cut into tokens.

In: a text. Out: the same in Unicode; its `Lexeme`s, each with its place. What they mean is known to `written`.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import normalize

from tensorprop.core.functions import ALONG, SPELLED
from tensorprop.core.names import adjoint_name
from tensorprop.errors import SpecTooLong, UnexpectedChar, UnexpectedEnd
from tensorprop.render.dialects import GREEK
from tensorprop.render.reading.typst import from_typst, is_typst
from tensorprop.text.characters import ACCENTED, ACCENTS, LETTERS, accented

__all__ = ["LIMIT", "LOWERED", "WHOLE", "Lexeme", "adjoint_of", "plain", "tokens"]

LIMIT = 2_000  # characters of a formula
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
WHOLE = frozenset(("diag", "tr", "trace", "norm", "inv", "det", "logdet", "tril", "triu"))
"""Functions of a whole vector or matrix."""


# --------------------------------------------------------------------------- LaTeX and ASCII, as Unicode
_COMMANDS = {
    **{name: letter for letter, name in GREEK.items()},
    **{
        "odot": "⊙",
        "oslash": "⊘",
        "circ": "∘",
        "cdot": "·",
        "times": "×",
        "otimes": "⊗",
        "star": "⋆",
        "ast": "⊙_KR",
        "langle": "⟨",
        "rangle": "⟩",
        "top": "⊤",
        "intercal": "⊤",
        "mathsf T": "⊤",
        "dagger": "†",
    },
    **{"partial": "∂", "sum": "Σ", "neq": "≠", "ne": "≠", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "prime": "′"},
    **{"mid": "|", "vert": "|", "lvert": "|", "rvert": "|", "Vert": "‖", "lVert": "‖", "rVert": "‖"},
    "infty": "∞",
    **{"dots": "…", "ldots": "…"},
    **dict.fromkeys(("left", "right", "quad", "qquad", "limits", "displaystyle", "big", "Big", "bigl", "bigr"), " "),
}
_ABOVE = {name: mark for mark, name in ACCENTS.items() if name != "bar"} | {"widehat": "\u0302", "widetilde": "\u0303"}
_NAMED = frozenset(("operatorname", "mathrm", "mathbf", "boldsymbol", "mathit", "text", "bm", "mathsf", "vec"))


_LIFTED = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋", "0123456789aehijklmnoprstuvx+-")
_BELOW = re.compile("[₀-₉]*[ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋][₀-₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋]*")
_SPACE = "\u00a0"  # ``\\ ``, which stands also between upright words


def plain(text: str) -> str:
    r"""LaTeX and ASCII as Unicode: ``\frac{1}{2} W^{\top}`` as ``((1)/(2)) W^{⊤}``.

    >>> plain(r"\delta W = a^{\top} \, \delta z")
    'δW = a^{⊤}   δz'
    """
    if len(text) > LIMIT:
        raise SpecTooLong(f"the formula has {len(text):,} characters; the limit is {LIMIT:,}")
    out, p = "", 0
    if "\\" not in text:
        out = from_typst(text) if is_typst(text) else text
    else:
        while p < len(text):
            piece, p = _piece(text, p)
            out += piece
        out = re.sub(r"\blog +det\b", "logdet", out)
        out = out.replace(_SPACE, " ")
        out = re.sub("δ +", "δ", out)  # in Unicode δ W are two names, in LaTeX the space ends the command
    out = re.sub(r"\b(?:delta |delta(?=[A-Z]\b))", "δ", out)
    out = re.sub(r"\bbar\(([^\W\d_])\)", "\\1\u0304", out)
    out = re.sub("[āēīōūȳĀĒĪŌŪȲ]", lambda found: normalize("NFD", found[0]), out)
    out = re.sub(ACCENTED, _above, out)
    out = re.sub("\u0304([0-9₀-₉]+)", "\\1\u0304", out)  # the bar of x0 stands over its letter
    out = re.sub(r"\bpartial ", "∂", out)
    out = re.sub(r"\bsum_", "Σ_", out)
    out = re.sub(r"_\{[.\w,]+\}", lambda found: found[0].replace(".", "·"), out)
    out = _BELOW.sub(lambda found: f"_{{{found[0].translate(_LIFTED)}}}", out.replace("...", "…"))
    for ascii, sign in (
        ("(*)", "⋆"),
        (".*", "⊙"),
        ("./", "⊘"),
        (".^", "^∘"),
        ("!=", "≠"),
        ("<=", "≤"),
        (">=", "≥"),
        ("<>", "≠"),
    ):
        out = out.replace(ascii, sign)
    return out


def _above(found: re.Match[str]) -> str:
    """``ŷ`` as the name yhat, on its own among letters; a bar is left, which makes an adjoint of a name."""
    if "\u0304" in normalize("NFD", found[0]):
        return found[0]
    text, at = found.string, found.span()
    gaps = (at[0] > 0 and text[at[0] - 1].isalnum(), at[1] < len(text) and text[at[1]].isalnum())
    return " " * gaps[0] + accented(found[0]) + " " * gaps[1]


def _piece(text: str, p: int) -> tuple[str, int]:
    """What stands at one place, as Unicode, and where the next begins."""
    if text[p] != "\\":
        return text[p], p + 1
    word = re.compile(r"[A-Za-z]+").match(text, p + 1)
    if word is None:  # \, \; \| \{
        sign = text[p + 1 : p + 2]
        return {"|": "‖", "{": "{", "}": "}", "\\": "\n", "_": "_", " ": _SPACE}.get(sign, " "), p + 2
    name, p = word[0], word.end()
    if name in ("frac", "dfrac", "tfrac"):
        above, p = _argument(text, p)
        below, p = _argument(text, p)
        if "∂" in above and "∂" in below:
            return f"{above}/{below}", p
        return f"(({above})/({below}))", p
    if name == "sqrt":
        inner, p = _argument(text, p)
        return f"√({inner})", p
    if name == "bar":
        inner, p = _argument(text, p)
        return f"{inner}\u0304", p
    if name in _ABOVE:
        inner, p = _argument(text, p)
        return f"{inner}{_ABOVE[name]}", p
    if name in _NAMED:
        inner, p = _argument(text, p)
        return ("𝟏" if inner == "1" else inner.replace(" ", "") if name != "text" else inner), p
    sign = _COMMANDS.get(name)
    if sign is None and (name in SPELLED or name in ALONG or name in WHOLE):
        sign = name
    if sign is None:
        raise UnexpectedChar(f"\\{name} has no meaning in a formula of matrices", text, (p - len(name) - 1, p))
    spaced = sign in ("δ", "∂") or not sign.isalpha()
    return sign if spaced or p >= len(text) or not text[p].isalnum() else f"{sign} ", p


def _argument(text: str, p: int) -> tuple[str, int]:
    """What stands in braces, or the one character or command that does."""
    while p < len(text) and text[p] == " ":
        p += 1
    if p >= len(text):
        raise UnexpectedEnd("the formula ends where an argument is needed", text, (p, p))
    if text[p] != "{":
        return _piece(text, p)
    depth, start, p = 0, p + 1, p
    out = ""
    while p < len(text):
        if text[p] == "{" and (p == start - 1 or text[p - 1] != "\\"):
            depth += 1
        if text[p] == "}":
            depth -= 1
            if not depth:
                return out, p + 1
        if p < start:
            p += 1
            continue
        piece, p = _piece(text, p)
        out += piece
    raise UnexpectedEnd("a brace is not closed", text, (start - 1, start))


# --------------------------------------------------------------------------- tokens
_LONG = "|".join(sorted((f for f in SPELLED if "_" in f), key=len, reverse=True))
_LETTER = f"(?![δ∂])[{LETTERS}ℓ]"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+|[½⅓⅔¼¾])
    | (?P<adjoint>∂\s*[A-Za-zℒℓ]*\s*/\s*∂|δ(?=δ*{_LETTER}))
    | (?P<name>{_LONG}|(?:{_LETTER})+[0-9₀-₉]*|δ|𝟏|ⅈ)
    | (?P<bar>\u0304)
    | (?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀ]+|ᴴ|†|\.T\b|\.H\b)
    | (?P<prime>['′″]+)
    | (?P<sign>[-+−=()\[\]{{}}@*⋆⊙⊘∘⊗·×/^_,|‖√<>≤≥≠⊤⟨⟩Σ₀-₉])
    | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)


class Lexeme(NamedTuple):
    """A word, a sign, a number, with its place."""

    kind: str
    text: str
    span: tuple[int, int]


def tokens(text: str) -> list[Lexeme]:
    """The tokens of a text without line ends."""
    found: list[Lexeme] = []
    end, at = len(text.rstrip()), 0
    text = text[:end]
    while at < end:
        match = _TOKEN.match(text, at)
        assert match is not None
        kind = match.lastgroup or "bad"
        token = Lexeme(kind, match[kind], match.span(kind))
        if kind == "bad":
            raise UnexpectedChar(
                f"{token.text!r} has no meaning in a formula of matrices",
                text,
                token.span,
                fix="write names, juxtaposition or @, ⊙ or *, ᵀ or ^T, + and −, f′(z)",
            )
        found.append(token)
        at = match.end()
    return found


# --------------------------------------------------------------------------- a left side
def adjoint_of(text: str) -> str:
    """The name on a left side: ``∂E/∂z``, ``δ z`` and ``z̄`` are δz."""
    text = text.strip()
    if "\u0304" in text:
        text = adjoint_name(text.replace("\u0304", ""))
    match = re.fullmatch(r"∂\s*[A-Za-zℒℓ]*\s*/\s*∂\s*(.+)", text)
    text = adjoint_name(match[1]) if match else text
    text = text.replace(" ", "").translate(LOWERED)
    text = re.sub(r"_\{?(\d+)\}?", r"\1", text)
    return re.sub(r"\^\{(\([\w+−-]+\))\}", r"^\1", text)
