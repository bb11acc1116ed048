"""The characters of the notation: letters, lowered and raised ones, Greek ones by name, and what is said of others.

In: a character, or a text and a place in it. Out: what it stands for, or an error. This file knows no tokens.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NoReturn

from tensorprop.errors import ConfusableChar, ControlChar, TensorpropError, UnexpectedChar
from tensorprop.text.foreign import meant_by

__all__ = [
    "ACCENTED",
    "ACCENTS",
    "GREEK",
    "HIGH",
    "LETTERS",
    "LOW",
    "NAME",
    "accented",
    "lookalike",
    "lower",
    "raised",
    "refuse_character",
    "refuse_transpose",
]

LETTERS = "A-Za-zΓΔΘΛΞΠΦΨΩα-νξπ-ωℓ"  # no Σ, which is a sign, and no Greek letter that looks like a Latin one
NAME = f"[{LETTERS}][{LETTERS}0-9]*"

GREEK = {
    **dict(
        zip(
            "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu".split(), "αβγδεζηθικλμ", strict=True
        )
    ),
    **dict(zip("nu xi pi rho sigma tau upsilon varphi chi psi omega".split(), "νξπρστυφχψω", strict=True)),
    **dict(zip("Gamma Delta Theta Lambda Xi Pi Phi Psi Omega".split(), "ΓΔΘΛΞΠΦΨΩ", strict=True)),
    "varsigma": "ς",
    "epsilon": "ε",
    "phi": "φ",
    "vartheta": "θ",
    "varrho": "ρ",
    "ell": "ℓ",
}

ACCENTS = dict(
    zip(
        "\u0302\u0303\u0304\u0307\u0308\u030c\u0306\u0301\u0300\u030a\u0305",
        "hat tilde bar dot ddot check breve acute grave mathring bar".split(),
        strict=True,
    )
)
"""What stands above a letter becomes a part of its name: ŷ_i and \\hat{y}_i are yhat_i."""


def _composed() -> str:
    """The characters that are a letter of the notation and an accent in one."""
    parts = {chr(c): unicodedata.normalize("NFD", chr(c)) for c in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))}
    return "".join(c for c, p in parts.items() if len(p) == 2 and p[1] in ACCENTS and re.match(f"[{LETTERS}]", p[0]))


ACCENTED = f"δ?(?:[{LETTERS}][{''.join(ACCENTS)}]|[{_composed()}])"


def accented(name: str) -> str:
    """A letter with an accent as a name: ``accented("ŷ")`` is ``yhat``."""
    return "".join(ACCENTS.get(c, c) for c in unicodedata.normalize("NFD", name))


LOW = dict(zip("ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ₀₁₂₃₄₅₆₇₈₉₊₋", "aehijklmnoprstuvxβγρφχ0123456789+-", strict=True))
HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵏᵐ", "0123456789+-nkm", strict=True))


def lower(run: str) -> str:
    """Lowered characters on the line: ``lower("ᵢⱼ")`` is ``ij``."""
    return "".join(LOW[c] for c in run)


def raised(run: str) -> str:
    """Raised characters on the line: ``raised("⁻¹")`` is ``-1``."""
    return "".join(HIGH[c] for c in run)


def refuse_transpose(text: str, start: int, end: int) -> NoReturn:
    """Index notation has no transpose."""
    raise UnexpectedChar(
        "index notation has no transpose", text, (start, end), fix="swap the indices: the transpose of A_ij is A_ji"
    )


# --------------------------------------------------------------------------- characters that are refused
_CYRILLIC = dict(zip("аеорсухіјѕһԁԛԝӏАВЕКМНОРСТУХІЈЅԌԚԜѵѡ", "aeopcyxijshdqwlABEKMHOPCTYXIJSGQWvw", strict=True))
_GREEK = dict(zip("οΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oABEZHIKMNOPTYX", strict=True))
_OTHER = {
    "ı": "i",
    "ȷ": "j",
    "ɡ": "g",
    "ɑ": "a",
    "օ": "o",
    "ս": "u",
    "հ": "h",
    "ց": "g",
    "ո": "n",
    "µ": "μ",
    "∆": "Δ",
    "Ω": "Ω",
}
_DASHES = "‐‑‒–—―﹣－"


def lookalike(c: str) -> str | None:
    """The letter that ``c`` looks like, if it is another one: Latin i for Cyrillic і."""
    found = _CYRILLIC.get(c) or _GREEK.get(c) or _OTHER.get(c)
    if found is None and not c.isascii():
        plain = unicodedata.normalize("NFKC", c)
        if len(plain) == 1 and plain != c and plain.isalnum():
            found = plain
    return found


def refuse_character(text: str, at: int, kind: type[TensorpropError] = UnexpectedChar) -> NoReturn:
    """Raise what is to be said of the character at this place."""
    c, span = text[at], (at, at + 1)
    code = f"U+{ord(c):04X}"
    if c == "\ufffd":
        raise UnexpectedChar(
            f"{code}, the sign of a decoding error", text, span, fix="check the encoding of the file (expected UTF-8)"
        )
    if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        name = unicodedata.name(c, "NUL" if c == "\0" else "control character")
        raise ControlChar(
            f"{code} ({name}) in the text", text, span, fix=f"delete the character at column {_column(text, at)}"
        )
    if c in "ᵀ⊤" or re.match(r"\.(T\b|mT\b|t\(\)|transpose\()", text[at:]):
        refuse_transpose(text, at, at + 1)
    if c == "." and re.match(r"\.[A-Za-z_]+\(", text[at:]):
        fix = "nothing is called as a method: write Σ_i x_i for a sum, mean_i(x_i), exp(x_i)"
        if not re.search(r"(np|jnp|math|torch|tf|F|nn|jax|numpy)$", text[:at]):
            raise kind('"." is not in the notation', text, span, fix=fix)
    if c == "." and (m := re.search(r"(np|jnp|math|torch|tf|F|nn|jax|numpy)$", text[:at])):
        raise kind(
            f'"{m[0]}." is not in the notation',
            text,
            (m.start(), at + 1),
            fix=f"leave it out: a function is written by its name, such as {_called(text, at + 1)}(x_i)",
        )
    plain = unicodedata.normalize("NFD", c)
    if plain[-1] in ACCENTS and re.fullmatch(f"[{LETTERS}]?", plain[:-1]):
        letter = plain[:-1] or (text[at - 1] if at and re.match(f"[{LETTERS}]", text[at - 1]) else "x")
        forms = f"write {letter}{plain[-1]}_i, or {letter}{ACCENTS[plain[-1]]}_i"
        fix = f"it stands above a letter that is a name of its own: {forms}"
        raise UnexpectedChar(f'the accent of "{letter}{plain[-1]}" is in the middle of a name', text, span, fix=fix)
    like = lookalike(c)
    if like is not None and c.isalpha():
        script = unicodedata.name(c, "another script").split()[0].capitalize()
        raise ConfusableChar(
            f'"{c}" ({code}, {script}) looks like "{like}" but is another character',
            text,
            span,
            fix=f'replace it by "{like}"',
        )
    if c in _DASHES:
        raise UnexpectedChar(f'"{c}" ({code}) is not a minus sign', text, span, fix='write "-"')
    fixes = {
        "’": "write ' or ′ for a slope",
        "$": "leave it out",
        "∫": "sums over an index are written Σ_i",
        ".": "write a product as a b, a · b or a * b, a number as 0.5",
        ":": "write a System as equations, separated by ; or new lines",
        '"': "nothing is quoted here",
    }
    raise kind(
        f'"{c}"{"" if c.isascii() else f" ({code})"} is not in the notation',
        text,
        span,
        fix=meant_by(c, text, at, at + 1) or fixes.get(c),
    )


def _called(text: str, at: int) -> str:
    m = re.match(r"(?:[a-z]+\.)*([A-Za-z_]+)", text[at:])
    return m[1] if m else "exp"


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at)
