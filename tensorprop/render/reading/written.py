r"""Formulas as people write them, in Unicode, ASCII or LaTeX: read into typed parts.

In: text such as ``f′(z) ⊙ W δy`` or ``\frac{1}{2} \| h - y \|^{2}``. Out: a `Typed` part. What a name is and what fits
is known to `typed`; this file knows how things are written.

    formula   = sum                           factor = ["√"] atom { "ᵀ" | "⁻¹" | "²" | "^" exponent }
    sum       = ["−"] entrywise { ("+" | "−") entrywise }
    entrywise = product { ("⊙" | "⊘" | "*" | "∘" | "⋆" | "⋆₂" | "*²") product }
    product   = factor { ["@" | "·"] factor | "/" factor }
    atom      = number | 𝟏 | name | "δ" name | function "(" sum { "," sum } ")" | "(" sum ")" | "[" sum relation sum "]"
              | "‖" sum "‖" | "|" sum "|"
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from tensorprop.core.build import number, sum_over
from tensorprop.errors import ParseError, UnexpectedChar, UnexpectedEnd
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.reading.lexemes import LOWERED, Lexeme
from tensorprop.render.reading.named import NameReader
from tensorprop.render.reading.slid import convolved, slides
from tensorprop.render.reading.typed import Typed, of_matrix

__all__ = ["FormulaReader"]

_DEPTH = 50  # parentheses inside one another
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}
_DAGGERS = ("H", "†", "dagger")
_LOWERED = frozenset("₀₁₂₃₄₅₆₇₈₉")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


class FormulaReader(NameReader):
    """A recursive descent.

    ``bare`` says what a δ without a name stands for; ``ones``: a factor 1 is a vector, and if it is None any 1 is.
    """

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
        while sign := self._sign("⊙", "⊘", "*", "∘", "⋆"):
            steps = self._steps() if sign in "⋆*" else ((), ())
            other = self._product()
            if sign == "⋆" or any(steps) or (sign == "*" and slides(self._types, value, other)):
                value = convolved(self._types, value, other, sign == "*", *steps)
            else:
                value = self._types.entrywise(value, other, sign == "⊘")
        return value

    def _steps(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What stands below the sign of a convolution, its stride, and above it, its dilation: ``⋆₂``, ``*²``."""
        found: dict[str, list[str]] = {"_": [], "^": []}
        while (token := self._peek()) is not None:
            if token.text in _LOWERED or (token.kind == "raised" and token.text.translate(_RAISED).isdigit()):
                self._at += 1
                way = "^" if token.kind == "raised" else "_"
                found[way] = ["".join([*found[way][:1], token.text.translate(_RAISED).translate(LOWERED)])]
            elif token.text in found and (digits := self._figures()):
                found[token.text] = digits
            else:
                break
        below, above = (tuple(map(int, digits)) for digits in found.values())
        return below, above

    def _figures(self) -> list[str]:
        """``_2``, ``^{2,1}``: figures behind a sign; none where something else follows it."""
        ahead, out = 1, list[str]()
        braced = (after := self._peek(ahead)) is not None and after.text in ("{", "(")
        ahead += braced
        while (token := self._peek(ahead)) is not None and (token.text.isdigit() or (braced and token.text == ",")):
            out += [token.text] if token.text.isdigit() else []
            ahead += 1
            if not braced:
                break
        self._at += (ahead + braced) * bool(out)
        return out

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
        if self._ones is False and not raised:  # a number has no transpose
            return None
        if (
            self._ones
            and before is None
            and not raised
            and not (self._starts(after) and after is not None and after.text != "|")
        ):
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
        return token.kind in ("name", "adjoint", "number") or token.text in ("(", "{", "[", "√", "Σ")

    def _divisor(self) -> Typed:
        """What stands under a fraction: ``|b|`` is a size there, if it can be one."""
        a, b, c = self._peek(), self._peek(1), self._peek(2)
        if a is not None and b is not None and c is not None and a.text == c.text == "|" and b.kind == "name":
            rank = self._types.names.rank(b.text)
            size = self._types.size(b.text, self._text) if rank != 0 else None
            if size is not None:
                self._at += 3
                return self._posts(size)
        around, self._under = self._under, a is not None and a.text in ("(", "{")
        value = self._factor()
        self._under = around
        return value

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
                value = self._above(value, token.text if token.text[0] == "." else token.text.translate(_RAISED), token)
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
        if text in ("ᴴ", "†", ".H"):
            return self._types.turned(value, conjugated=True)
        if text.startswith("ᵀ"):  # Sᵀ⁻¹
            return self._above(self._types.turned(value), text[1:], token)
        figures = text.rstrip("ᵀ")
        if figures == "+":
            value = self._pseudo(value)
        elif figures in ("", "-"):
            value = self._types.turned(self._types.inverse(value) if figures else value)
        else:
            value = self._types.raised(value, number(figures), figures)
        for _ in range(len(text) - len(figures) - (figures in ("", "-"))):
            value = self._types.turned(value)
        return value

    def _pseudo(self, value: Typed) -> Typed:
        """``A⁺``."""
        math = Math(f"{value.math.unicode}⁺", f"{value.math.latex}^{{+}}")
        return replace(of_matrix(self._types, "pinv", value), math=math)

    def _plus(self, closed: bool) -> bool:
        """Whether what is raised is a + alone, or one and a ᵀ: ``A^+``, ``A^{+⊤}``."""
        token, after = self._peek(), self._peek(1)
        if token is None or token.text != "+":
            return False
        return not closed or (after is not None and after.text in ("}", ")", "T", "⊤"))

    def _dagger(self, braced: bool) -> bool:
        """Whether what is raised is an H that is no tensor's name, or a dagger; alone in its braces."""
        token, after = self._peek(), self._peek(1)
        named = token is not None and token.text == "H" and self._types.names.rank("H") is not None
        return not named and (not braced or (after is not None and after.text in ")}"))

    def _exponent(self, value: Typed, sign: Lexeme) -> Typed:
        """``^T``, ``^2``, ``^{-1}``, ``^{∘3}``, ``^{-⊤}``, ``^n``."""
        opened = self._peek()
        if opened is None:
            raise UnexpectedEnd("an exponent is missing", self._text, sign.span)
        close = {"{": "}", "(": ")"}.get(opened.text, "")
        if close:
            self._at += 1
        entrywise = self._sign("∘") is not None
        plus = not entrywise and self._plus(bool(close)) and self._sign("+") is not None
        minus = self._sign("-", "−") is not None
        token = self._peek()
        if plus:
            value = self._pseudo(value)
        elif token is not None and token.text in ("T", "⊤") and not entrywise:
            self._at += 1
            value = self._types.turned(self._types.inverse(value) if minus else value)
        elif token is not None and token.text in _DAGGERS and not (entrywise or minus) and self._dagger(bool(close)):
            self._at += 1
            value = self._types.turned(value, conjugated=True)
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
                case "Σ":
                    return self._added(token)
                case "|" | "‖":
                    return self._between_bars(token)
                case _:
                    pass
        raise UnexpectedChar(f"{token.text!r} is not expected here", self._text, token.span)

    def _added(self, sign: Lexeme) -> Typed:
        """``Σ_b X_bᵀ Y_b``: added up over every value of indices that are carried within."""
        if not self._sign("_") and not self._joined(sign="["):
            raise ParseError("Σ says over which index it adds up: Σ_b X_b", self._text, sign.span)
        letters = self._lowered(self._types.names.long)
        carried, every = self._types.carried, self._types.every
        self._types.carried, self._types.every = dict(carried), (*every, *letters)
        for i in letters:
            self._types.carry(i)
        minus = self._sign("-", "−")
        body = self._entrywise() if not minus else self._types.negative(self._entrywise())
        self._types.carried, self._types.every = carried, every
        long = any(len(i) > 1 for i in letters)
        below = ",".join(letters) if long else "".join(letters)
        shown = f"Σ[{below}]" if long else f"Σ_{below}"
        math = Math(f"{shown} {body.math.unicode}", rf"\sum_{{{below}}} {body.math.latex}")
        return replace(body, entry=sum_over(letters, body.entry), math=math)

    def _bracket(self, opened: Lexeme) -> Typed:
        self._bars, bars = 0, self._bars
        around, self._compares = self._compares, True
        left = self._sum()
        relation = self._sign("=", "≠", "<", ">", "≤", "≥")
        if relation is None:
            raise ParseError("a bracket compares two sides: [x > 0]", self._text, opened.span)
        right = self._sum()
        self._bars, self._compares = bars, around
        self._close("]", opened)
        return self._types.compared(relation, left, right)

    def _between_bars(self, opened: Lexeme) -> Typed:
        """``‖x‖``; ``|x|``, the size of an index where x is no tensor."""
        name, after = self._peek(), self._peek(1)
        if opened.text == "|" and name is not None and after is not None and after.text == "|":
            rank = self._types.names.rank(name.text)
            told = rank is None or (self._under and rank != 0)
            size = self._types.size(name.text, self._text) if told else None
            if size is not None:
                self._at += 2
                return size
        self._bars += 1
        value = self._sum()
        self._bars -= 1
        self._close(opened.text, opened)
        return self._types.apply("norm" if opened.text == "‖" else "abs", 0, [value])
