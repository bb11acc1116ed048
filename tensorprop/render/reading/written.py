r"""Formulas as people write them, in Unicode, ASCII or LaTeX: read into typed parts.

In: text such as ``f′(z) ⊙ W δy`` or ``\frac{1}{2} \| h - y \|^{2}``. Out: a `Typed` part. What a name is and what fits
is known to `typed`; this file knows how things are written.

    formula   = sum                           factor = ["√"] atom { "ᵀ" | "⁻¹" | "²" | "^" exponent }
    sum       = ["−"] entrywise { ("+" | "−") entrywise }
    entrywise = product { ("⊙" | "⊘" | "*" | "∘") product }
    product   = factor { ["@" | "·"] factor | "/" factor }
    atom      = number | 𝟏 | name | "δ" name | function "(" sum { "," sum } ")" | "(" sum ")" | "[" sum relation sum "]"
              | "‖" sum "‖" | "|" sum "|"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from tensorprop.core.build import call, number
from tensorprop.core.functions import ALONG, SPELLED
from tensorprop.core.names import adjoint_name
from tensorprop.errors import AmbiguousNotation, ParseError, SpecTooLong, UnexpectedChar, UnexpectedEnd
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.dialects import GREEK
from tensorprop.render.reading.typed import Typed, Types
from tensorprop.text.scan import LETTERS

__all__ = ["LIMIT", "FormulaReader", "Lexeme", "adjoint_of", "plain", "tokens"]

LIMIT = 2_000  # characters of a formula
_DEPTH = 50  # parentheses inside one another
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SPECIAL = frozenset(("diag", "tr", "trace", "norm", "inv", "det", "logdet"))


# --------------------------------------------------------------------------- LaTeX and ASCII, as Unicode
_COMMANDS = {
    **{name: letter for letter, name in GREEK.items()},
    **{
        "odot": "⊙",
        "oslash": "⊘",
        "circ": "∘",
        "cdot": "·",
        "times": "·",
        "top": "⊤",
        "intercal": "⊤",
        "mathsf T": "⊤",
    },
    **{"partial": "∂", "sum": "Σ", "neq": "≠", "ne": "≠", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "prime": "′"},
    **{"mid": "|", "vert": "|", "lvert": "|", "rvert": "|", "Vert": "‖", "lVert": "‖", "rVert": "‖"},
    **dict.fromkeys(("left", "right", "quad", "qquad", "limits", "displaystyle", "big", "Big", "bigl", "bigr"), " "),
}
_NAMED = frozenset(("operatorname", "mathrm", "mathbf", "boldsymbol", "mathit", "text", "bm", "mathsf"))


def plain(text: str) -> str:
    r"""LaTeX and ASCII as Unicode: ``\frac{1}{2} W^{\top}`` as ``((1)/(2)) W^{⊤}``.

    >>> plain(r"\delta W = a^{\top} \, \delta z")
    'δW = a^{⊤}   δz'
    """
    if len(text) > LIMIT:
        raise SpecTooLong(f"the formula has {len(text):,} characters; the limit is {LIMIT:,}")
    out, p = "", 0
    if "\\" not in text:
        out = text
    else:
        while p < len(text):
            piece, p = _piece(text, p)
            out += piece
        out = re.sub("δ +", "δ", out)  # in Unicode δ W are two names, in LaTeX the space ends the command
    out = re.sub(r"\b(?:delta |delta(?=[A-Z]\b))", "δ", out)
    out = re.sub(r"\bpartial ", "∂", out)
    for ascii, sign in ((".*", "⊙"), ("./", "⊘"), (".^", "^∘"), ("!=", "≠"), ("<=", "≤"), (">=", "≥"), ("<>", "≠")):
        out = out.replace(ascii, sign)
    return out


def _piece(text: str, p: int) -> tuple[str, int]:
    """What stands at one place, as Unicode, and where the next begins."""
    if text[p] != "\\":
        return text[p], p + 1
    word = re.compile(r"[A-Za-z]+").match(text, p + 1)
    if word is None:  # \, \; \| \{
        sign = text[p + 1 : p + 2]
        return {"|": "‖", "{": "{", "}": "}", "\\": "\n", "_": "_"}.get(sign, " "), p + 2
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
    if name in _NAMED:
        inner, p = _argument(text, p)
        return ("𝟏" if inner == "1" else inner.replace(" ", "") if name != "text" else inner), p
    sign = _COMMANDS.get(name)
    if sign is None and (name in SPELLED or name in ALONG or name in _SPECIAL):
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
    | (?P<adjoint>∂\s*[A-Za-zℒℓ]*\s*/\s*∂|δ(?={_LETTER}))
    | (?P<name>{_LONG}|(?:{_LETTER})+[0-9₀-₉]*|δ|𝟏)
    | (?P<bar>\u0304)
    | (?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀ]+|\.T\b)
    | (?P<prime>['′″]+)
    | (?P<sign>[-+−=()\[\]{{}}@*⊙⊘∘·×/^_,|‖√<>≤≥≠⊤])
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


# --------------------------------------------------------------------------- the reader
class FormulaReader:
    """A recursive descent. ``bare`` says what a δ without a name stands for; ``ones``: a factor 1 is a vector."""

    def __init__(self, text: str, types: Types, bare: Callable[[], str] | None = None, ones: bool = True) -> None:
        self._text = text.rstrip()
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._bars = 0
        self._types = types
        self._bare = bare
        self._ones = ones

    # ----------------------------------------------------------------- what stands there
    def _peek(self, ahead: int = 0) -> Lexeme | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _sign(self, *signs: str) -> str | None:
        token = self._peek()
        if token is not None and token.kind == "sign" and token.text in signs:
            self._at += 1
            return token.text
        return None

    def _close(self, sign: str, opened: Lexeme) -> None:
        if not self._sign(sign):
            raise UnexpectedEnd("a parenthesis is not closed", self._text, opened.span)

    def _joined(self, ahead: int = 0) -> bool:
        """Whether a parenthesis follows at once."""
        one, other = self._peek(ahead - 1), self._peek(ahead)
        return one is not None and other is not None and other.text == "(" and one.span[1] == other.span[0]

    def formula(self) -> Typed:
        """The whole text."""
        value = self._sum()
        rest = self._peek()
        if rest is not None:
            raise UnexpectedChar(f"{rest.text!r} is not expected here", self._text, rest.span)
        return value

    # ----------------------------------------------------------------- sums and products
    def _sum(self) -> Typed:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ParseError(f"more than {_DEPTH} parentheses inside one another", self._text)
        lead = self._sign("-", "−", "+")
        value = self._entrywise()
        if lead in ("-", "−"):
            value = self._types.negative(value)
        while sign := self._sign("+", "-", "−"):
            value = self._types.plus(value, self._entrywise(), sign != "+")
        self._depth -= 1
        return value

    def _entrywise(self) -> Typed:
        value = self._product()
        while sign := self._sign("⊙", "⊘", "*", "∘"):
            value = self._types.entrywise(value, self._product(), sign == "⊘")
        return value

    def _product(self) -> Typed:
        value: Typed | None = None
        while True:
            dot = value is not None and self._sign("@", "·", "×") is not None
            token = self._peek()
            if value is not None and token is not None and token.kind == "sign" and token.text == "/":
                self._at += 1
                value = self._types.over(value, self._divisor())
            elif value is None or dot or self._starts(token):
                part = self._one(value) or self._factor()
                value = part if value is None else self._types.times(value, part)
            else:
                return value

    def _one(self, before: Typed | None) -> Typed | None:
        """A factor 1 among others is a vector of ones: nobody writes the number there."""
        token, after = self._peek(), self._peek(1)
        if token is None or token.kind != "number" or token.text.strip("1"):
            return None
        if len(token.text) > 1:  # 11ᵀ is 1 1ᵀ: a number has no transpose
            if after is None or not (after.text == "ᵀ" or (after.text == "^" and self._turns(2))):
                return None
            start = token.span[0]
            single = [Lexeme("number", "1", (start + k, start + k + 1)) for k in range(len(token.text))]
            self._tokens[self._at : self._at + 1] = single
            token, after = self._peek(), self._peek(1)
        raised = after is not None and after.kind == "raised" and "ᵀ" in after.text
        raised = raised or (after is not None and after.text == "^" and self._turns(2))
        if not self._ones and not raised:  # a number has no transpose
            return None
        if before is None and not raised and not (self._starts(after) and after is not None and after.text != "|"):
            return None
        self._at += 1
        return self._posts(self._types.ones())

    def _turns(self, ahead: int) -> bool:
        token = self._peek(ahead)
        if token is not None and token.text in ("{", "("):
            token = self._peek(ahead + 1)
        return token is not None and token.text in ("T", "⊤")

    def _starts(self, token: Lexeme | None) -> bool:
        """Whether a factor begins here."""
        if token is None:
            return False
        if token.text in ("|", "‖"):
            return self._bars == 0
        return token.kind in ("name", "adjoint", "number") or token.text in ("(", "{", "[", "√")

    def _divisor(self) -> Typed:
        """What stands under a fraction: ``|b|`` is a size there, if it can be one."""
        a, b, c = self._peek(), self._peek(1), self._peek(2)
        if a is not None and b is not None and c is not None and a.text == c.text == "|" and b.kind == "name":
            rank = self._types.names.rank(b.text)
            size = self._types.size(b.text, self._text) if rank != 0 else None
            if size is not None:
                self._at += 3
                return self._posts(size)
        return self._factor()

    # ----------------------------------------------------------------- factors
    def _factor(self) -> Typed:
        root = self._peek()
        if root is not None and self._sign("√"):
            inner = self._divisor_atom()
            shown = inner.math.unicode if inner.math.unicode.startswith(("(", "|")) else f"({inner.math.unicode})"
            value = self._types.apply("sqrt", 0, [inner])
            return self._posts(replace(value, math=Math(f"√{shown}", rf"\sqrt{{{inner.math.latex}}}")))
        return self._posts(self._atom())

    def _divisor_atom(self) -> Typed:
        """What stands under a root, without what stands above the root."""
        a, b, c = self._peek(), self._peek(1), self._peek(2)
        if a is not None and b is not None and c is not None and a.text == c.text == "|" and b.kind == "name":
            size = self._types.size(b.text, self._text)
            if size is not None:
                self._at += 3
                return size
        return self._atom()

    def _posts(self, value: Typed) -> Typed:
        """``ᵀ``, ``²``, ``⁻¹``, ``^{…}`` behind a factor."""
        while (token := self._peek()) is not None:
            if token.kind == "raised":
                self._at += 1
                value = self._above(value, ".T" if token.text == ".T" else token.text.translate(_RAISED), token)
            elif token.text == "^":
                self._at += 1
                value = self._exponent(value, token)
            else:
                break
        return value

    def _above(self, value: Typed, text: str, token: Lexeme) -> Typed:
        """What is raised: figures, and a ᵀ behind them."""
        if text in ("ᵀ", ".T"):
            return self._types.turned(value)
        figures = text.rstrip("ᵀ")
        if figures in ("", "-"):
            value = self._types.turned(self._types.inverse(value) if figures else value)
        else:
            value = self._types.raised(value, number(figures), figures)
        for _ in range(len(text) - len(figures) - (figures in ("", "-"))):
            value = self._types.turned(value)
        return value

    def _exponent(self, value: Typed, sign: Lexeme) -> Typed:
        """``^T``, ``^2``, ``^{-1}``, ``^{∘3}``, ``^{-⊤}``, ``^n``."""
        opened = self._peek()
        if opened is None:
            raise UnexpectedEnd("an exponent is missing", self._text, sign.span)
        close = {"{": "}", "(": ")"}.get(opened.text, "")
        if close:
            self._at += 1
        entrywise = self._sign("∘") is not None
        minus = self._sign("-", "−") is not None
        token = self._peek()
        if token is not None and token.text in ("T", "⊤") and not entrywise:
            self._at += 1
            value = self._types.turned(self._types.inverse(value) if minus else value)
        else:
            self._bars, bars = 0, self._bars
            inner = self._sum() if close else self._atom()
            self._bars = bars
            if not inner.scalar:
                raise ParseError("an exponent is one number", self._text, opened.span)
            exponent = self._types.negative(inner) if minus else inner
            value = self._types.raised(value, exponent.entry, exponent.math.unicode, entrywise)
        if close and not self._sign(close):
            more = self._peek()
            if more is not None and more.text in ("T", "⊤"):
                self._at += 1
                value = self._types.turned(value)
            self._close(close, opened)
        return value

    def _atom(self) -> Typed:
        token = self._peek()
        if token is None:
            end = len(self._text)
            raise UnexpectedEnd("the formula ends where a name is needed", self._text, (end, end))
        self._at += 1
        if token.kind == "number":
            value = _VULGAR.get(token.text, token.text)
            return self._types.number(Fraction(value), token.text)
        if token.kind in ("name", "adjoint"):
            return self._named(token)
        if token.kind == "sign":
            match token.text:
                case "(" | "{":
                    self._bars, bars = 0, self._bars
                    value = self._sum()
                    self._bars = bars
                    self._close(")" if token.text == "(" else "}", token)
                    return replace(value, math=Math(f"({value.math.unicode})", f"({value.math.latex})"))
                case "[":
                    return self._bracket(token)
                case "|" | "‖":
                    return self._between_bars(token)
                case _:
                    pass
        raise UnexpectedChar(f"{token.text!r} is not expected here", self._text, token.span)

    def _bracket(self, opened: Lexeme) -> Typed:
        self._bars, bars = 0, self._bars
        left = self._sum()
        relation = self._sign("=", "≠", "<", ">", "≤", "≥")
        if relation is None:
            raise ParseError("a bracket compares two sides: [x > 0]", self._text, opened.span)
        right = self._sum()
        self._bars = bars
        self._close("]", opened)
        return self._types.compared(relation, left, right)

    def _between_bars(self, opened: Lexeme) -> Typed:
        """``‖x‖``; ``|x|``, the size of an index where x is no tensor."""
        name, after = self._peek(), self._peek(1)
        if opened.text == "|" and name is not None and after is not None and after.text == "|":
            size = self._types.size(name.text, self._text) if self._types.names.rank(name.text) is None else None
            if size is not None:
                self._at += 2
                return size
        self._bars += 1
        value = self._sum()
        self._bars -= 1
        self._close(opened.text, opened)
        return self._types.apply("norm" if opened.text == "‖" else "abs", 0, [value])

    # ----------------------------------------------------------------- names
    def _named(self, token: Lexeme) -> Typed:
        """A tensor, one of several names side by side, or a function."""
        prefix = ""
        if token.kind == "adjoint":
            prefix, after = "δ", self._peek()
            if after is None or after.kind != "name":
                raise UnexpectedEnd("δ needs a name", self._text, token.span)
            token = after
            self._at += 1
        word = token.text.translate(_LOWERED)
        if word in ("𝟏", "ones") and not prefix:
            return self._types.ones()
        if word == "δ":
            if self._bare is None:
                raise AmbiguousNotation("δ does not say the adjoint of which tensor it is", self._text, token.span)
            return self._types.tensor(self._bare())
        if (bar := self._peek()) is not None and bar.kind == "bar":
            self._at += 1
            prefix = "δ"
        if not prefix and (called := self._function(word, token)) is not None:
            return called
        name = self._tensor(prefix, word)
        if name is not None:
            return self._types.tensor(name)
        if word == "I" and not prefix:
            return self._types.identity()
        if word in ("π", "pi") and not prefix:
            return Typed(call("pi"), None, None, Math("π", r"\pi"))
        pieces = self._pieces(word)
        if pieces is None or prefix:
            raise self._types.known(prefix + word, self._text, token.span)
        start = token.span[0]
        cut: list[Lexeme] = []
        for piece in pieces:
            cut.append(Lexeme("number" if piece == "1" else "name", piece, (start, start + len(piece))))
            start += len(piece)
        self._tokens[self._at - 1 : self._at] = cut  # as if spaces stood between them
        return self._named(cut[0])

    def _tensor(self, prefix: str, word: str) -> str | None:
        """The tensor of this name, a label or a lowered figure behind it taken too."""
        names = self._types.names
        if self._sign("_"):
            figure = self._lowered()
            if names.rank(prefix + word + figure) is not None and figure.isdigit():
                return prefix + word + figure
            if not set(figure) <= set(self._types.carried.values()):
                raise UnexpectedChar(f"{word}_{figure} has indices, and a formula of matrices has none", self._text)
        label = self._label()
        if label is not None:
            return f"{prefix}{word}^({label})"
        if names.rank(prefix + word) is not None:
            return prefix + word
        if not prefix and word[:1] == "d" and names.rank(word[1:]) is not None:
            return adjoint_name(word[1:])  # dW, as it stands in code
        return None

    def _lowered(self) -> str:
        opened = self._peek()
        found = ""
        if opened is not None and opened.text == "{":
            self._at += 1
            while (token := self._peek()) is not None and token.text != "}":
                found += token.text.strip(",·")
                self._at += 1
            self._close("}", opened)
        elif opened is not None:
            found = opened.text
            self._at += 1
        return found

    def _label(self) -> str | None:
        """The label of a layer, ``^(k+1)`` or ``^{(k)}``, where a tensor of this name has one."""
        at = self._at
        name = self._tokens[at - 1].text
        if (sign := self._peek()) is None or sign.text != "^":
            return None
        rest = self._text[sign.span[1] :]
        match = re.match(r"\s*\{?\s*\(([\w+−-]+)\)\s*", rest)
        if match is None or self._types.names.rank(f"{name}^({match[1]})") is None:
            return None
        end = sign.span[1] + match.end()
        while (token := self._peek()) is not None and token.span[0] < end:
            self._at += 1
        if "{" in match[0] and (token := self._peek()) is not None:
            if token.text == "}":
                self._at += 1
            else:  # W^{(k)⊤}: what is left of the braces is an exponent
                self._tokens[self._at : self._at] = [sign, Lexeme("sign", "{", token.span)]
        return match[1]

    def _function(self, word: str, token: Lexeme) -> Typed | None:
        """``f(z)``, ``f′(z)``, where the word is no tensor, or bears a prime."""
        after = self._peek()
        primes = 0
        if after is not None and after.kind == "prime":
            primes = sum("'′″".index(c) or 1 for c in after.text)
            primes = sum(2 if c == "″" else 1 for c in after.text)
        tensor = self._types.names.rank(word) is not None
        opens = self._joined(1) if primes else self._joined()
        if primes:
            self._at += 1
            if not self._sign("("):
                raise UnexpectedEnd("a function needs its argument: f′(z)", self._text, token.span)
        elif word == "dim" and opens and not tensor:
            return self._dim()
        elif tensor or not opens or (not self._is_function(word) and self._pieces(word) is not None):
            return None
        else:
            self._at += 1
        self._bars, bars = 0, self._bars
        args = [self._sum()]
        while self._sign(","):
            args.append(self._sum())
        self._bars = bars
        self._close(")", token)
        return self._types.apply(word, primes, args)

    def _dim(self) -> Typed:
        """``dim(x, 0)``, ``dim(i)``."""
        match = re.match(r"\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\)", self._text[self._tokens[self._at].span[0] :])
        size = None
        if match is not None:
            end = self._tokens[self._at].span[0] + match.end()
            while (token := self._peek()) is not None and token.span[1] <= end:
                self._at += 1
            size = self._types.dim(match[1], int(match[2])) if match[2] else self._types.size(match[1], self._text)
        if size is None:
            raise ParseError("dim(x, 0) is the size of axis 0 of x", self._text, self._tokens[self._at - 1].span)
        return size

    def _is_function(self, word: str) -> bool:
        side = word[:3] in ("row", "col") and word[3:] in ALONG
        return word in SPELLED or word in ALONG or word in _SPECIAL or side

    def _pieces(self, word: str) -> tuple[str, ...] | None:
        """A run of letters as names side by side, the last perhaps a function."""
        ways = list(self._cut(word))
        if len(ways) > 1:
            told = " or ".join(" ".join(way) for way in ways)
            raise AmbiguousNotation(f"{word} could be {told}", self._text, fix="write a space between names")
        return ways[0] if ways else None

    def _cut(self, word: str) -> Iterator[tuple[str, ...]]:
        if not word:
            return
        names = self._types.names
        for n in range(1, len(word)):
            head, tail = word[:n], word[n:]
            if names.rank(head) is None:
                continue
            if names.rank(tail) is not None or self._is_function(tail) or tail in ("I", "1"):
                yield head, tail
            yield from ((head, *rest) for rest in self._cut(tail))


def adjoint_of(text: str) -> str:
    """The name on a left side: ``∂E/∂z``, ``δ z`` and ``z̄`` are δz."""
    text = text.strip()
    if text.endswith("\u0304"):
        return adjoint_name(text[:-1])
    match = re.fullmatch(r"∂\s*[A-Za-zℒℓ]*\s*/\s*∂\s*(.+)", text)
    text = adjoint_name(match[1]) if match else text
    text = text.replace(" ", "").translate(_LOWERED)
    text = re.sub(r"_\{?(\d+)\}?", r"\1", text)
    return re.sub(r"\^\{(\([\w+−-]+\))\}", r"^\1", text)
