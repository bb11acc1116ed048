"""Index notation for people: every Σ written out, in any dialect.

In: an expression or an equation, a dialect and a Style. Out: a line of text. `text.show` leaves out the Σ that the
notation understands, and is the exact inverse of `parse`; here sums are shown, numbers and divisors are gathered as on
paper. With ``exact`` all stays where it stands, so that what is printed reads back to the same equation. Matrices are
not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from tensorprop.core.build import COLUMN, ROW, mul, negate, number, power, remake, sum_over
from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.names import is_adjoint
from tensorprop.core.walk import fold, tensors_of
from tensorprop.errors import TensorpropError
from tensorprop.render import dialects
from tensorprop.render.dialects import Dialect
from tensorprop.render.pen import Pen, Style, figures
from tensorprop.text import parse

__all__ = ["LATEX", "UNICODE", "Notation", "as_latex", "axes_in"]

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4  # how tightly an expression is held together
_MINUS_ONE = Number(Fraction(-1))

Text = tuple[str, int]
Axes = Mapping[tuple[str, int], str]


class Notation:
    """How index notation is written; with ``adjoint="∂E/∂z"`` in the style adjoints are written out.

    ``axes`` of a method names a letter for an axis, so that a size is shown as ``|i|``. ``sums``: whether Σ is written,
    or left to the summation convention. ``exact``: what is printed reads back.

    >>> from tensorprop.core.build import tensor
    >>> e = sum_over("i", mul(tensor("a", "i"), tensor("W", "i", "j")))
    >>> UNICODE.show(e), LATEX.show(e)
    ('Σ_i a_i W_ij', '\\\\sum_{i} a_{i} W_{ij}')
    """

    def __init__(self, dialect: Dialect, style: Style | None = None, *, exact: bool = False, sums: bool = True) -> None:
        self.to = dialect
        self.pen = Pen(dialect, style, exact)
        self._exact = exact
        self._sums = sums
        self._minus = dialect.sign("−")

    def equation(self, eq: Equation, axes: Axes | None = None) -> str:
        """``left = right``."""
        axes = axes_in(eq) if axes is None and self._exact else axes
        return f"{self.show(eq.target)} {self.to.sign('=')} {self.show(eq.value, axes)}"

    def show(self, e: Expr, axes: Axes | None = None) -> str:
        """An expression on one line."""
        known = axes or {}
        return fold(e if self._exact else _pulled(e), lambda n, parts: self._rule(n, parts, known))[0]

    # ----------------------------------------------------------------- names
    def letter(self, name: str) -> str:
        """An index letter."""
        return self.pen.letter(name)

    def name(self, name: str) -> str:
        """A tensor's name without subscripts."""
        return self.pen.name(name)

    def function(self, name: str) -> str:
        """A function's name: ``f′``, ``tanh``."""
        return self.pen.function(name)

    def number(self, value: Fraction) -> str:
        """An exact number: 3, 1/2."""
        return self.pen.number(value)

    # ----------------------------------------------------------------- nodes
    def _rule(self, n: Expr, parts: tuple[Text, ...], axes: Axes) -> Text:
        """One node, given the text of its children."""
        texts = [p for p, _ in parts]
        match n:
            case Number(value):
                loose = self._exact and (value < 0 or value.denominator > 1)
                return self.number(value), _PRODUCT if loose else _ATOM
            case Index(name):
                return self.letter(name), _ATOM
            case Dim(tensor, axis):
                letter = axes.get((tensor, axis))
                if letter:
                    return self.to.size.format(self.letter(letter)), _ATOM
                return f"{self.to.prose.format('dim')}({self.name(tensor)}, {axis})", _ATOM
            case Tensor(name, subscripts):
                return self.pen.name(name, [_told(s, t) for s, t in zip(subscripts, texts, strict=True)]), _ATOM
            case Bracket(relation, left, right):
                if self._exact and relation == "=" and isinstance(left, Index) and isinstance(right, Index):
                    return self.pen.subscript(self.to.sign("δ").rstrip(), texts), _ATOM
                inner = f"{texts[0]} {self.to.sign(relation)} {texts[1]}"
                return self.to.sign("[") + inner + self.to.sign("]"), _ATOM
            case Add():
                return self._add(parts)
            case Mul():
                return self._in_order(n, parts, axes) if self._exact else self._gathered(n, parts, axes)
            case Sum(indices):
                text, tight = parts[0]
                body = self.to.closed(text) if tight < _PRODUCT or (not self._exact and self._negative(text)) else text
                if not self._sums:
                    return body, max(tight, _PRODUCT)
                return f"{self._under(self.to.sign('Σ'), indices)} {body}", _PRODUCT
            case Reduce():
                return self._reduce(n, texts), _ATOM
            case Call():
                return self._call(n, parts, axes)
            case _:
                raise TypeError(f"no way to print {type(n).__name__}")

    def _add(self, parts: tuple[Text, ...]) -> Text:
        out = ""
        for text, _ in parts:
            if not out:
                out = text
            elif self._negative(text):
                out += f" {self._minus} {text[len(self._minus) :].lstrip()}"
            else:
                out += f" {self.to.sign('+')} {text}"
        return out, _SUM

    def _under(self, sign: str, indices: Sequence[str]) -> str:
        return self.pen.subscript(sign, [self.letter(i) for i in indices])

    # ----------------------------------------------------------------- products
    def _in_order(self, n: Mul, parts: tuple[Text, ...], axes: Axes) -> Text:
        """Factors as they stand; what is divided by stands under what comes before it."""
        out: list[str] = []
        sign, factors = "", n.factors
        if factors[0] is _MINUS_ONE:
            sign, factors, parts = self._minus, factors[1:], parts[1:]
        elif isinstance(factors[0], Number) and factors[0].value < 0:
            sign, parts = self._minus, ((self.number(-factors[0].value), _PRODUCT), *parts[1:])
        divided = False
        for k, (f, text) in enumerate(zip(factors, parts, strict=True)):
            below = _divisor(f, whole=True)
            if below is not None:
                under = self.show(below, axes), _held(below)
                above = self.to.space.join(out) if out else self.to.figure.format("1")
                out = [self._over(above, under)]
                divided = True
                continue
            last = k == len(factors) - 1
            opens = self._sums and isinstance(f, Sum)
            shown = text[0] if opens and last else self._wrap(text, _PRODUCT + opens)
            figures_meet = k and isinstance(factors[k - 1], Number) and shown[0].isdigit()
            if figures_meet or (divided and not self.to.fraction):
                shown = f"{self.to.sign('dot').strip()} {shown}"
            out.append(shown)
            divided = False
        return sign + self.to.space.join(out), _PRODUCT

    def _over(self, above: str, below: Text) -> str:
        if self.to.fraction:
            return self.to.fraction.format(above, below[0])
        return f"{above} / {self._wrap(below, _POWER)}"

    def _gathered(self, n: Mul, parts: tuple[Text, ...], axes: Axes) -> Text:
        """One quotient: all that is divided by below, the rest above."""
        above: list[Text] = []
        below: list[Text] = []
        sign = ""
        for f, text in zip(n.factors, parts, strict=True):
            if isinstance(f, Number):
                value = f.value
                if value < 0:
                    sign, value = self._minus, -value
                if len(n.factors) > 1 and "/" in figures(value):
                    if value.numerator != 1:
                        above.append((self.number(Fraction(value.numerator)), _ATOM))
                    below.append((self.number(Fraction(value.denominator)), _ATOM))
                elif value != 1:
                    above.append((self.number(value), _ATOM))
            elif (under := _divisor(f)) is not None:
                below.append((self.show(under, axes), _held(under)))
            else:
                above.append(text)
        top = self._product(above, len(n.factors) > 1)
        if not below:
            return sign + top, _PRODUCT
        share = below[0][0] if len(below) == 1 and _bare(below[0][0]).isdigit() else None
        if share is not None and any(self._opens(t) or tight < _POWER for t, tight in above):
            lead = self.pen.quotient(self.to.figure.format("1"), share)  # 1/2 Σ_j …, not (Σ_j …) / 2
            return f"{sign}{lead}{self.to.space}{self._product(above, True, beside=True)}", _PRODUCT
        if self.to.fraction:
            top = top or self.to.figure.format("1")
            return sign + self.to.fraction.format(top, self._product(below, False)), _PRODUCT
        if not above:
            top = "1"
        elif any(self._opens(t) for t, _ in above):
            top = f"({top})"
        under = f"({self._product(below, False)})" if len(below) > 1 else self._wrap(below[0], _POWER)
        return f"{sign}{top} / {under}", _PRODUCT

    def _product(self, parts: list[Text], mixed: bool, beside: bool = False) -> str:
        """Factors above or below a line; ``mixed``: whether others stand on the other side of it; ``beside``: whether
        one stands in front of them."""
        out: list[str] = []
        for k, (text, tight) in enumerate(parts):
            alone = len(parts) == 1 and not beside
            last = k == len(parts) - 1
            loose = tight < _PRODUCT and (not alone or (mixed and not self.to.fraction))
            loose |= (self._opens(text) and not last) or (self._negative(text) and not alone)
            out.append(self.to.closed(text) if loose else text)
        return self.to.space.join(out)

    # ----------------------------------------------------------------- reductions and functions
    def _reduce(self, n: Reduce, texts: list[str]) -> str:
        body, at = texts[0], texts[1:]
        if is_matrix(n.op) and isinstance(n.body, Tensor):
            apart = [s for s in n.body.subscripts if not (isinstance(s, Index) and s.name in n.indices)]
            head = self.pen.subscript(self.name(n.body.name), [self.show(s) for s in apart])  # a matrix for every b
            if self._exact or n.op != "inv":
                return self.pen.subscript(f"{self.function(n.op)}{self.to.closed(head)}", at)
            inverse = self.to.closed(self.pen.raised(head, self.pen.figure("-1")))
            return self.pen.subscript(f"{{{inverse}}}" if self.to.name == "latex" else inverse, at)
        entry = ""
        if at and at != [self.letter(i) for i in n.indices]:
            entry = self.to.sign("[") + self.to.signs.get(",", ", ").join(at) + self.to.sign("]")
        return f"{self._under(self.function(n.op), n.indices)}{self.to.closed(body)}{entry}"

    def _call(self, n: Call, parts: tuple[Text, ...], axes: Axes) -> Text:
        if n.function == "power":
            return self._power(n, parts, axes)
        texts = [p for p, _ in parts]
        if not texts:
            return self.function(n.function), _ATOM
        if n.function == "sqrt":
            return self._root(parts[0], isinstance(n.args[0], Tensor)), _ATOM
        if n.function == "square" and not self._exact:
            return self.pen.raised(self._wrap(parts[0], _ATOM), self.to.figure.format("2")), _POWER
        return self.function(n.function) + self.to.closed(self.to.signs.get(",", ", ").join(texts)), _ATOM

    def _root(self, inside: Text, name: bool) -> str:
        text, tight = inside
        short = name if self._exact else tight == _ATOM and not text.startswith("√")
        return (self.to.short_root if short else self.to.root).format(text)

    def _power(self, n: Call, parts: tuple[Text, ...], axes: Axes) -> Text:
        base, x = n.args
        value = x.value if isinstance(x, Number) else None
        if value == Fraction(1, 2) and not self._exact:
            return self._root(parts[0], False), _ATOM
        if value is not None and value < 0 and (not self._exact or value.denominator == 1):
            under = power(base, number(-value))
            text = self._over(self.to.figure.format("1"), (self.show(under, axes), _held(under)))
            return text, _ATOM if self.to.fraction and not self._exact else _PRODUCT
        held = self._wrap(parts[0], _ATOM)
        if self.to.both and held == parts[0][0]:
            scripted = isinstance(base, Tensor) and (
                "^(" in base.name or self.pen.fraction(base.name) or (self._exact and is_adjoint(base.name))
            )
            if scripted or (self._exact and isinstance(base, Call) and base.function != "power" and base.args):
                held = self.to.closed(held)
        above = parts[1][0]
        if self.to.raised and not self._exact and not (value is not None and value.denominator == 1):
            part = value is not None and value.denominator != 1
            return f"{held}^{self.to.closed(above) if part else self._wrap(parts[1], _ATOM)}", _POWER
        return self.pen.raised(held, above), _POWER

    # ----------------------------------------------------------------- small questions
    def _wrap(self, text: Text, least: int) -> str:
        return self.to.closed(text[0]) if text[1] < least or self._negative(text[0]) else text[0]

    def _negative(self, text: str) -> bool:
        return text.startswith(self._minus)

    def _opens(self, text: str) -> bool:
        """Whether a text begins with a Σ, which would take in what follows it."""
        return re.match(r"Σ_|sum_|\\sum_|<msub><mrow><mo>∑", text) is not None


UNICODE = Notation(dialects.UNICODE)
LATEX = Notation(dialects.LATEX)


# --------------------------------------------------------------------------- whole equations
def as_latex(x: Equation | System, sums: Literal["explicit", "einstein"] = "explicit") -> str:
    """Equations in index notation as LaTeX, one a line, that parses back to them.

    >>> print(as_latex(parse("z_bj = a_bi W_ij + b_j")))
    z_{bj} = \\sum_{i} a_{bi} W_{ij} + b_{j}
    >>> print(as_latex(parse("z_bj = a_bi W_ij + b_j"), sums="einstein"))
    z_{bj} = a_{bi} W_{ij} + b_{j}
    """
    write = _einstein if sums == "einstein" else Notation(dialects.LATEX, exact=True).equation
    return "\n".join(write(eq) for eq in (x if isinstance(x, System) else (x,)))


def _einstein(eq: Equation) -> str:
    """Without Σ where the summation convention says the same, else with Σ."""
    short = Notation(dialects.LATEX, exact=True, sums=False).equation(eq)
    try:
        same = parse(short) is system([eq])
    except TensorpropError:
        same = False
    return short if same else Notation(dialects.LATEX, exact=True).equation(eq)


def axes_in(eq: Equation) -> dict[tuple[str, int], str]:
    """For every letter the first axis that it runs along in reading order: the one that ``|i|`` means."""
    first: dict[str, tuple[str, int]] = {}
    for t in (*tensors_of(eq.value), eq.target):
        for axis, s in enumerate(t.subscripts):
            if isinstance(s, Index) and s.name not in (ROW, COLUMN):
                first.setdefault(s.name, (t.name, axis))
    return {axis: letter for letter, axis in first.items()}


def _told(subscript: Expr, text: str) -> str:
    """A subscript; a scalar is told from an index, ``x[k[]]``."""
    return f"{text}[]" if isinstance(subscript, Tensor) and not subscript.subscripts else text


def _bare(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


def _divisor(f: Expr, whole: bool = False) -> Expr | None:
    """``b`` where the factor is ``b^-1``; ``b²`` for ``b^-2``. ``whole``: only where the exponent is a whole number."""
    match f:
        case Call("power", (base, Number(n))) if n < 0 and (n.denominator == 1 or not whole):
            return power(base, number(-n))
        case _:
            return None


def _held(e: Expr) -> int:
    if isinstance(e, Add):
        return _SUM
    if isinstance(e, (Mul, Sum)):
        return _PRODUCT
    return _POWER if isinstance(e, Call) and e.function == "power" else _ATOM


def _pulled(e: Expr) -> Expr:
    """The expression with the number in front of a sum's body in front of its Σ: ``1/2 Σ_j (…)²``."""

    def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Sum):
            (body,) = parts
            if isinstance(body, Mul) and isinstance(body.factors[0], Number):
                inner = sum_over(n.indices, mul(*body.factors[1:]))
                return negate(inner) if body.factors[0].value == -1 else mul(body.factors[0], inner)
        return remake(n, parts)

    return fold(e, rule)
