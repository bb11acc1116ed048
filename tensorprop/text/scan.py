"""Characters in, tokens out.

In: the text of one System. Out: four lists of the same length: the kind of each token, its characters, where it
starts and where it ends. Kinds: ``T`` a name with a compact subscript (``W_ij``, ``W_{ij}``), ``N`` a bare name,
``n`` a number, ``s`` an underscore with what stands at it, ``u`` lowered and ``p`` raised Unicode characters,
``q`` primes, ``;`` between equations, ``end``, and for every sign the sign itself, in one spelling.
Characters that the notation does not have are refused here. This file knows no grammar.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple, NoReturn

from tensorprop.errors import (
    ConfusableChar,
    ControlChar,
    ForbiddenName,
    SpecTooLong,
    TensorpropError,
    UnbalancedBracket,
    UnexpectedChar,
)

__all__ = ["GREEK", "LETTERS", "MAX_CHARACTERS", "Tokens", "lookalike", "lower", "raised", "refuse_character", "scan"]

MAX_CHARACTERS = 65_536

LETTERS = "A-Za-zΓΔΘΛΞΠΦΨΩα-νξπ-ω"  # no Σ, which is a sign, and no Greek letter that looks like a Latin one
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
}

_LOW = dict(zip("ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ₀₁₂₃₄₅₆₇₈₉₊₋", "aehijklmnoprstuvxβγρφχ0123456789+-", strict=True))
_HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵏᵐ", "0123456789+-nkm", strict=True))

_SIGNS = {
    **{
        c: c
        for c in (
            "+",
            "-",
            "*",
            "/",
            "^",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            "=",
            "|",
            "<",
            ">",
            "≤",
            "≥",
            "≠",
            "∂",
            "√",
        )
    },
    **dict.fromkeys("·⊙×⋅∗", "*"),
    "−": "-",
    ">=": "≥",
    "<=": "≤",
    "!=": "≠",
}
_COMMANDS = {
    **dict.fromkeys(("odot", "cdot", "times", "ast", "circ"), "*"),
    **dict.fromkeys(("le", "leq", "leqslant"), "≤"),
    **dict.fromkeys(("ge", "geq", "geqslant"), "≥"),
    **dict.fromkeys(("ne", "neq"), "≠"),
    **dict.fromkeys(("frac", "tfrac", "dfrac"), "frac"),
    **dict.fromkeys(("vert", "lvert", "rvert", "mid"), "|"),
    "lt": "<",
    "gt": ">",
    "partial": "∂",
    "sqrt": "√",
    "prime": "q",
}
_SPACES = frozenset((",", ";", ":", "!", " ", "\n", "quad", "qquad", "displaystyle", "textstyle", "limits", "nolimits"))
_LIMITS = frozenset(("limits", "nolimits"))
_SIZES = frozenset(
    "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr".split(),
)
_FONTS = frozenset(
    "mathrm mathbf mathit mathsf mathtt mathcal mathbb boldsymbol bm text textrm textbf operatorname".split()
)
_NAMES = frozenset("exp log ln sin cos tan sinh cosh tanh arcsin arccos arctan max min det dim".split())

_TOKEN = re.compile(
    rf"""[ \t\r\u00a0\u2002-\u200a\u202f]*+(?:
      (?P<T>(?:{NAME}|[Σ∑∏])_(?:[{LETTERS}]++(?![0-9])|\{{[{LETTERS}]+\}}))
    | (?P<o>==|\*\*|->|<-|>=|<=|!=|[-+*/^()\[\]{{}},=|<>≤≥≠∂√·⊙×⋅∗−])
    | (?P<N>{NAME}|[Σ∑∏∞])
    | (?P<n>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<x>__\w*)
    | (?P<s>_(?:\{{|[{LETTERS}0-9]+)?)
    | (?P<u>[{"".join(_LOW)}]+)
    | (?P<p>[{"".join(_HIGH)}]+)
    | (?P<q>['′″‴]+)
    | (?P<b>[\n;])
    | (?P<c>\#[^\n]*)
    | (?P<l>\\(?:[A-Za-z]+|.|$))
    | (?P<bad>.)
    | (?P<e>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_DIGITS = re.compile(r"\s*([0-9])\s*([0-9])(?![0-9.eE])")
_GROUP = re.compile(r"\s*\{([^{}]*)\}")
_CONTINUES = frozenset((*_SIGNS, "frac")) - {")", "]", "}", "|"}  # a line that ends in one of these goes on


class Tokens(NamedTuple):
    """The tokens of a text, field by field; the last one is of kind ``end``."""

    text: str
    kinds: list[str]
    texts: list[str]
    starts: list[int]
    ends: list[int]


def scan(text: str) -> Tokens:
    """The tokens of ``text``. Errors: SpecTooLong, ControlChar, ConfusableChar, ForbiddenName, UnexpectedChar."""
    if len(text) > MAX_CHARACTERS:
        raise SpecTooLong(
            f"the text has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}",
            fix="split it into several Systems and add them: s1 + s2",
        )
    kinds, texts, starts, ends = list[str](), list[str](), list[int](), list[int]()
    depth, resume, pending = 0, 0, -1
    for m in _TOKEN.finditer(text):
        group = m.lastindex or 0
        kind, token, start, end = m.lastgroup or "", m[group], m.start(group), m.end()
        if start < resume:
            continue
        if kind == "o":
            sign = _SIGNS.get(token)
            if sign is None:
                _refuse_sign(text, token, start, end)
            kind = token = sign
            if sign in "([{":
                depth += 1
            elif sign in ")]}" and depth:
                depth -= 1
        elif kind == "b":
            if token == "\n" and (depth or not kinds or kinds[-1] in _CONTINUES):
                continue
            kind = ";"
        elif kind == "s":
            if token == "_{":
                depth += 1
        elif kind == "l":
            found = _latex(text, m[group], start, end)
            if found is None:
                if m[group][1:] in _SIZES:
                    pending = start
                elif m[group][1:] in _LIMITS and _joined(ends, start):
                    ends[-1] = end  # what stands under a sum follows it at once
                continue
            kind, token, end = found
            digits = _DIGITS.match(text, end) if kind == "frac" else None
            if digits is not None:  # \frac12
                braced = ("{", "n", "}")
                kinds += ("frac", *braced, *braced)
                texts += ("frac", "{", digits[1], "}", "{", digits[2], "}")
                starts += (start, *[digits.start(1)] * 3, *[digits.start(2)] * 3)
                ends += (end, *[digits.end(1)] * 3, *[digits.end(2)] * 3)
                resume, pending = digits.end(), -1
                continue
            resume = end
            if kind == "_{" or kind == "{":
                depth += 1
        elif kind == "c" or kind == "e":
            continue
        elif kind == "x":
            raise ForbiddenName(
                'names may not start with "__"'
                if not _joined(ends, start)
                else "a name has one underscore, before its indices",
                text,
                (start, end),
                fix="nothing here is evaluated as Python; use letters, digits and Greek letters",
            )
        elif kind == "bad":
            refuse_character(text, start)
        kinds.append(kind)
        texts.append(token)
        starts.append(start if pending < 0 else pending)
        ends.append(end)
        pending = -1
    last = ends[-1] if ends else 0
    kinds.append("end")
    texts.append("")
    starts.append(last)
    ends.append(last)
    return Tokens(text, kinds, texts, starts, ends)


def lower(run: str) -> str:
    """Lowered characters on the line: ``lower("ᵢⱼ")`` is ``ij``."""
    return "".join(_LOW[c] for c in run)


def raised(run: str) -> str:
    """Raised characters on the line: ``raised("⁻¹")`` is ``-1``."""
    return "".join(_HIGH[c] for c in run)


def _joined(ends: list[int], start: int) -> bool:
    return bool(ends) and ends[-1] == start


def _latex(text: str, command: str, start: int, end: int) -> tuple[str, str, int] | None:
    """Kind, characters and end of the token that a LaTeX command stands for; None where it only spaces."""
    word = command[1:]
    if word in GREEK:
        return "N", GREEK[word], end
    if word in _COMMANDS:
        return _COMMANDS[word], "′" if word == "prime" else _COMMANDS[word], end
    if word in _NAMES:
        return "N", word, end
    if word == "infty":
        return "N", "∞", end
    if word in ("sum", "prod"):
        return "N", "Σ" if word == "sum" else "∏", end
    if word in _SPACES or word in _SIZES:
        return None
    if word == "\\":
        return ";", ";", end
    if word in ("{", "}", "|"):
        raise UnexpectedChar(f'"{command}" groups nothing here', text, (start, end), fix="write ( and )")
    if word in _FONTS:
        m = _GROUP.match(text, end + 1 if text.startswith("*", end) else end)
        if m is None:
            raise UnbalancedBracket(
                f"{command} needs a name in braces", text, (start, end), fix=f"write {command}{{name}}"
            )
        name = re.sub(r"\\([A-Za-z]+)", lambda g: GREEK.get(g[1], g[0]), m[1])
        name = re.sub(r"[\s\\,_]", "", name) if name != "log_softmax" else name
        if not re.fullmatch(NAME, name):
            at = m.start(1)
            for k, c in enumerate(m[1]):
                if not re.match(f"[{LETTERS}0-9\\s\\\\]", c):
                    refuse_character(text, at + k)
            raise UnexpectedChar(f"no name in {command}{{}}", text, (start, m.end()), fix="a name starts with a letter")
        return "N", name, m.end()
    if word in ("top", "intercal", "dagger"):
        refuse_transpose(text, start, end)
    raise UnexpectedChar(f'the LaTeX command "{command}" is not in the notation', text, (start, max(end, start + 1)))


def refuse_transpose(text: str, start: int, end: int) -> NoReturn:
    """Index notation has no transpose."""
    raise UnexpectedChar(
        "index notation has no transpose", text, (start, end), fix="swap the indices: the transpose of A_ij is A_ji"
    )


def _refuse_sign(text: str, sign: str, start: int, end: int) -> NoReturn:
    problem, fix = {
        "==": ('"==" is not an equation sign here', 'write one "="'),
        "**": ('"**" is not in the notation', 'write "^": "a_i ^ 2"; the exponent is a number or a scalar'),
        "->": (
            '"->" belongs to an einsum spec',
            "read a spec such as ij,jk->ik with parse_einsum, or write C_ik = A_ij B_jk",
        ),
        "<-": ('"<-" is not in the notation', 'write "="'),
    }[sign]
    raise UnexpectedChar(problem, text, (start, end), fix=fix)


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
    if c in "ᵀ⊤":
        refuse_transpose(text, at, at + 1)
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
        "⊗": "write the product; the indices tell that it is an outer one: a_i b_j",
        "&": "leave it out",
        "$": "leave it out",
        "∇": "write ∂E/∂x_i",
        "∫": "sums over an index are written Σ_i",
        "@": "write the product with its indices: A_ij B_jk",
        ".": "write a product as a b, a · b or a * b, a number as 0.5",
        ":": "write a System as equations, separated by ; or new lines",
        '"': "nothing is quoted here",
        "!": "nothing is written with !",
        "%": "a comment starts with #",
        "…": "the text was abbreviated when it was printed; give it in full",
    }
    raise kind(f'"{c}"{"" if c.isascii() else f" ({code})"} is not in the notation', text, span, fix=fixes.get(c))


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at)
