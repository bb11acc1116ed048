"""Math trees as Unicode text: ``δ = Wᵀδz ⊙ f′(z)``. One function for every kind of node.

In: a tree and a Style. Out: a string for a terminal.
"""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch

from tensorprop.render import trees as m
from tensorprop.render.names import Adjoint, Derivative, Plain, Style, spelled
from tensorprop.render.trees import ATOM, HADAMARD, POSTFIX, PRODUCT, Tree, coefficient, level, scaled

__all__ = ["SUPERSCRIPT", "name", "show"]

SUPERSCRIPT = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
_VULGAR = {"1/2": "½", "1/3": "⅓", "2/3": "⅔", "1/4": "¼", "3/4": "¾"}
FUNCTIONS = {"sigmoid": "σ", "pi": "π", "relu": "relu"}
_ALONG = {"rows": "row", "columns": "col"}


@singledispatch
def show(t: Tree, style: Style) -> str:
    """The tree in one line of Unicode."""
    raise TypeError(f"no way to print {type(t).__name__}")


def _at(t: Tree, least: int, style: Style) -> str:
    """A part, in parentheses if it holds together less than ``least``."""
    text = show(t, style)
    return f"({text})" if level(t) < least else text


# --------------------------------------------------------------------------- leaves
def name(tensor: str, style: Style) -> str:
    """A tensor's name, its adjoint decorated as the style says."""
    match spelled(tensor, style.names):
        case Plain() as p:
            return _plain(p)
        case Adjoint(of):
            if style.bar:
                return _plain(Plain(of.base[0] + "\u0304" + of.base[1:], of.label))
            return f"∂{style.loss}/∂{_plain(of)}" if style.loss else f"δ{_plain(of)}"
        case Derivative(of, by):
            top = "∂" if len(by) == 1 else "∂" + str(len(by)).translate(SUPERSCRIPT)
            return f"{top}{_plain(of)}/" + "".join(f"∂{_plain(p)}" for p in by)


def _plain(p: Plain) -> str:
    return f"{p.base}^({p.label})" if p.label else p.base


@show.register
def _(t: m.Name, style: Style) -> str:
    return name(t.tensor, style) + labels(t, style)


def labels(t: m.Name, style: Style) -> str:
    """The subscript of a slice: ``_b`` where the first axes are cut, ``_{·j·}`` where others are."""
    slots = [s for s in t.slots if isinstance(s, int) or (s is not None and style.labels)]
    if not slots:
        return ""
    cut = [s is not None for s in t.slots]
    if cut == sorted(cut, reverse=True):
        marks = [str(s) for s in slots]
        joined = "".join(marks) if all(len(s) == 1 for s in marks) else ",".join(marks)
        return "_" + (joined if len(joined) == 1 or "," not in joined else f"{{{joined}}}")
    marks = ["·" if s is None else str(s) for s in t.slots]
    return "_{" + ("" if all(len(s) == 1 for s in marks) else ",").join(marks) + "}"


@show.register
def _(t: m.Number, style: Style) -> str:
    v = t.value
    text = str(v)
    if v.denominator > 12 or v.denominator == 10:
        return figures(v).replace("-", "−", v < 0)
    return _VULGAR.get(text) or (f"−{_VULGAR[text[1:]]}" if text[1:] in _VULGAR else text.replace("-", "−"))


def figures(v: Fraction) -> str:
    """A number in figures: a decimal where it ends, else a fraction."""
    twos = v.denominator
    for p in (2, 5):
        while twos % p == 0:
            twos //= p
    if twos != 1:
        return str(v)
    text = repr(float(v))
    return text.replace("e-0", "e-") if Fraction(text) == v else str(v)


@show.register
def _(t: m.Size, style: Style) -> str:
    return f"|{t.letter}|"


@show.register
def _(t: m.Ones, style: Style) -> str:
    return "1"


@show.register
def _(t: m.Identity, style: Style) -> str:
    return "I"


# --------------------------------------------------------------------------- operations
@show.register
def _(t: m.Transpose, style: Style) -> str:
    if isinstance(t.of, m.Inverse):
        return _at(t.of.of, ATOM, style) + "⁻ᵀ"
    text = show(t.of, style)
    if level(t.of) < POSTFIX or ("/" in text and isinstance(t.of, m.Name)):
        return f"({text})ᵀ"
    return text + "ᵀ"


@show.register
def _(t: m.Product, style: Style) -> str:
    factors = list(t.factors)
    sign = ""
    if isinstance(factors[0], m.Number) and factors[0].value < 0:
        sign = "−"
        factors[0] = m.Number(-factors[0].value)
        if factors[0].value == 1 and len(factors) > 1:
            del factors[0]
    out, before = sign, ""
    last = len(factors) - 1
    grouped = sum(isinstance(f, (m.Product, m.Quotient)) for f in factors) > 1
    for n, f in enumerate(factors):
        text = show(f, style)
        loose = isinstance(f, (m.Product, m.Quotient)) and (n < last or grouped)
        if level(f) < PRODUCT or loose:
            text = f"({text})"
        if n:
            out += _between(factors[n - 1], f, before, text)
        out += text
        before = text
    return out


def _between(before: Tree, after: Tree, left: str, right: str) -> str:
    """Nothing where single letters meet, a space where a name is longer, a dot before a figure."""
    if isinstance(before, m.Number) and right[0].isdigit():
        return "·"
    if isinstance(before, m.Number):
        return " " if _wide(after, right) or "/" in left else ""
    if before.kind == "scalar" and not left.endswith(")"):
        return " "
    if before.kind == "scalar" and after.kind != "scalar":
        return " "
    return " " if _wide(before, left) or _wide(after, right) else ""


def _wide(t: Tree, text: str) -> bool:
    """Whether a factor is written with more than one letter, not counting what stands above it."""
    if isinstance(t, m.Transpose):
        t = t.of
    if isinstance(t, (m.Power, m.MatrixPower, m.ElementPower, m.Inverse)):
        return _wide(t.base if not isinstance(t, m.Inverse) else t.of, text)
    if isinstance(t, m.Name):
        return len(text.rstrip("ᵀ⁻⁰¹²³⁴⁵⁶⁷⁸⁹").replace("\u0304", "")) > 1
    return not isinstance(t, (m.Number, m.Ones, m.Identity, m.Sum, m.Hadamard, m.Product, m.Quotient, m.Norm))


@show.register
def _(t: m.Hadamard, style: Style) -> str:
    out = ""
    for n, f in enumerate(t.factors):
        upside = n > 0 and isinstance(f, m.ElementPower) and f.exponent == m.Number(m.MINUS)
        if upside and isinstance(f, m.ElementPower):
            f = f.base
        text = _at(f, PRODUCT if upside or isinstance(f, m.Hadamard) else HADAMARD, style)
        out += (" ⊘ " if upside else " ⊙ ") + text if n else text
    return out


@show.register
def _(t: m.Sum, style: Style) -> str:
    out = ""
    for n, term in enumerate(t.terms):
        negative = coefficient(term) < 0
        if n == 0:
            out = show(term, style)
        elif negative:
            out += " − " + _at(scaled(term, m.MINUS), HADAMARD, style)
        else:
            out += " + " + _at(term, HADAMARD, style)
    return out


@show.register
def _(t: m.Quotient, style: Style) -> str:
    above = _at(t.numerator, PRODUCT, style)
    if isinstance(t.numerator, m.Quotient):
        above = f"({above})"
    below = show(t.denominator, style)
    if level(t.denominator) <= PRODUCT or "/" in below:
        below = f"({below})"
    return f"{above}/{below}"


def _exponent(t: Tree, style: Style) -> str:
    if isinstance(t, m.Number) and t.value.denominator == 1:
        return str(t.value).translate(SUPERSCRIPT)
    text = show(t, style)
    return f"^{text}" if len(text) == 1 and text.isalpha() else f"^({text})"


@show.register
def _(t: m.Power, style: Style) -> str:
    text = _at(t.base, ATOM, style)
    return (f"({text})" if "/" in text else text) + _exponent(t.exponent, style)


@show.register
def _(t: m.ElementPower, style: Style) -> str:
    return f"{_at(t.base, ATOM, style)}^{{∘{show(t.exponent, style)}}}"


@show.register
def _(t: m.MatrixPower, style: Style) -> str:
    return _at(t.base, ATOM, style) + str(t.exponent).translate(SUPERSCRIPT)


@show.register
def _(t: m.Inverse, style: Style) -> str:
    return _at(t.of, ATOM, style) + "⁻¹"


@show.register
def _(t: m.Apply, style: Style) -> str:
    called = FUNCTIONS.get(t.function, t.function)
    if not t.args:
        return called
    inner = ", ".join(show(a, style) for a in t.args)
    match t.function, t.args:
        case "sqrt", (m.Name() | m.Size() | m.Number() as a,) if len(show(a, style)) == 1 or isinstance(a, m.Size):
            return f"√{inner}"
        case "abs", _:
            return f"|{inner}|"
        case _:
            return f"{'√' if called == 'sqrt' else called}({inner})"


@show.register
def _(t: m.Indicator, style: Style) -> str:
    return f"[{show(t.left, style)} {t.relation} {show(t.right, style)}]"


def along(t: m.Along) -> str:
    """How an operation on rows or columns is called: ``softmax`` of rows, ``colsoftmax``, ``rowmax``, ``max``."""
    if t.over == "all" or (t.keeps and t.over == "rows"):
        return t.op
    return _ALONG[t.over] + t.op


@show.register
def _(t: m.Along, style: Style) -> str:
    return f"{along(t)}({show(t.of, style)})"


@show.register
def _(t: m.Trace, style: Style) -> str:
    return f"tr({show(t.of, style)})"


@show.register
def _(t: m.Diagonal, style: Style) -> str:
    return f"diag({show(t.of, style)})"


@show.register
def _(t: m.Diag, style: Style) -> str:
    return f"diag({show(t.of, style)})"


@show.register
def _(t: m.Norm, style: Style) -> str:
    return f"‖{show(t.of, style)}‖"


@show.register
def _(t: m.WholeMatrix, style: Style) -> str:
    return f"{t.function}({show(t.of, style)})"


@show.register
def _(t: m.Kronecker, style: Style) -> str:
    return f"{_at(t.left, PRODUCT, style)} ⊗ {_at(t.right, PRODUCT, style)}"


@show.register
def _(t: m.KhatriRao, style: Style) -> str:
    return f"{_at(t.left, PRODUCT, style)} ⊙_KR {_at(t.right, PRODUCT, style)}"


@show.register
def _(t: m.Outer, style: Style) -> str:
    return f"{_at(t.left, PRODUCT, style)} ∘ {_at(t.right, PRODUCT, style)}"


@show.register
def _(t: m.ModeProduct, style: Style) -> str:
    sub = str(t.mode).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    return f"{show(t.tensor, style)} ×{sub} {_at(t.matrix, POSTFIX, style)}"
