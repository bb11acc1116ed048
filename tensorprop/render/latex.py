"""Math trees as LaTeX, in the subset that KaTeX, MathML converters and matplotlib's mathtext all read.

In: a tree and a Style. Out: a string for math mode, without environments, macros or sized brackets. One function for
every kind of node.
"""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch

from tensorprop.render import trees as m
from tensorprop.render.names import GREEK, Adjoint, Derivative, Plain, Style, spelled
from tensorprop.render.trees import ATOM, HADAMARD, POSTFIX, PRODUCT, Tree, coefficient, level, scaled
from tensorprop.render.unicode import along, figures

__all__ = ["BUILT_IN", "RELATIONS", "base_name", "function", "name", "number", "show", "words"]

BUILT_IN = frozenset("exp log sin cos tan sinh cosh tanh arcsin arccos arctan max min det".split())
"""Functions that have a command of their own."""
RELATIONS = {"=": "=", "≠": r"\neq", "<": "<", "≤": r"\leq", ">": ">", "≥": r"\geq"}


@singledispatch
def show(t: Tree, style: Style) -> str:
    """The tree in LaTeX."""
    raise TypeError(f"no way to print {type(t).__name__}")


def _at(t: Tree, least: int, style: Style) -> str:
    return f"({show(t, style)})" if level(t) < least else show(t, style)


# --------------------------------------------------------------------------- names
def base_name(base: str, bold: bool = False) -> str:
    """A name without decoration: ``W``, ``\\alpha``, ``X_{0}``, ``\\mathrm{lam}``."""
    stem = base.rstrip("0123456789")
    digits = base[len(stem) :]
    if len(stem) == 1:
        text = "\\" + GREEK[stem] if stem in GREEK and stem not in "ο" else stem
        if bold:
            text = f"\\boldsymbol{{{text}}}" if stem in GREEK else f"\\mathbf{{{text}}}"
    else:
        text = "\\mathrm{" + stem + "}" if stem.isascii() else "".join(base_name(c, bold) + " " for c in stem).strip()
    return text + (f"_{{{digits}}}" if digits else "")


def name(tensor: str, style: Style, bold: bool = False) -> tuple[str, str]:
    """A tensor's name and its layer label, which stands above it."""
    match spelled(tensor, style.names):
        case Plain(base, label):
            return base_name(base, bold), label
        case Adjoint(Plain(base, label)):
            inner = base_name(base, bold)
            if style.bar:
                return f"\\bar{{{inner}}}", label
            if style.loss:
                above = f"^{{({label})}}" if label else ""
                return f"\\frac{{\\partial {base_name(style.loss)}}}{{\\partial {inner}{above}}}", ""
            return f"\\delta {inner}", label
        case Derivative(of, by):
            order = "" if len(by) == 1 else f"^{{{len(by)}}}"
            below = " ".join(f"\\partial {_labelled(p, bold)}" for p in by)
            return f"\\frac{{\\partial{order} {_labelled(of, bold)}}}{{{below}}}", ""


def _labelled(p: Plain, bold: bool) -> str:
    return base_name(p.base, bold) + (f"^{{({p.label})}}" if p.label else "")


def _scripts(base: str, below: str, above: str) -> str:
    """A name with what stands below and above it; two subscripts become one."""
    if below and base.endswith("}") and "_{" in base:
        base, _, digits = base[:-1].rpartition("_{")
        below = f"{digits},{below}"
    return base + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _named(t: m.Name, style: Style, above: str = "") -> str:
    base, label = name(t.tensor, style, style.bold and t.kind != "scalar")
    slots = [s for s in t.slots if isinstance(s, int) or (s is not None and style.labels)]
    below = ""
    if slots:
        cut = [s is not None for s in t.slots]
        whole = slots if cut == sorted(cut, reverse=True) else [r"\cdot" if s is None else s for s in t.slots]
        parts = [GREEK.get(str(s), str(s)) for s in whole]
        parts = ["\\" + p if p in GREEK.values() else p for p in parts]
        below = " ".join(parts) if all(len(str(s)) == 1 or s == r"\cdot" for s in whole) else ",".join(parts)
    if base.startswith("\\frac") and (above or below):
        return _scripts(f"({base})", below, above)
    return _scripts(base, below, (f"({label})" if label else "") + above)


@show.register
def _(t: m.Name, style: Style) -> str:
    return _named(t, style)


def number(v: Fraction) -> str:
    """A number: ``3``, ``\\frac{1}{2}``, ``10^{-5}``."""
    sign, v = "-" if v < 0 else "", abs(v)
    if v.denominator == 1:
        return sign + str(v)
    if v.denominator > 12 or v.denominator == 10:
        text = figures(v)
        digits, mark, exponent = text.partition("e")
        if mark:
            return sign + ("" if digits == "1" else digits + r" \cdot ") + f"10^{{{int(exponent)}}}"
        if "/" not in text:
            return sign + text
    return f"{sign}\\frac{{{v.numerator}}}{{{v.denominator}}}"


@show.register
def _(t: m.Number, style: Style) -> str:
    return number(t.value)


@show.register
def _(t: m.Size, style: Style) -> str:
    return f"|{t.letter}|"


@show.register
def _(t: m.Ones, style: Style) -> str:
    return r"\mathbf{1}"


@show.register
def _(t: m.Identity, style: Style) -> str:
    return r"\mathbf{I}" if style.bold else "I"


# --------------------------------------------------------------------------- operations
@show.register
def _(t: m.Transpose, style: Style) -> str:
    if isinstance(t.of, m.Name):
        return _named(t.of, style, r"\top")
    if isinstance(t.of, m.Inverse):
        return _at(t.of.of, ATOM, style) + r"^{-\top}"
    return _at(t.of, ATOM, style) + r"^{\top}"


@show.register
def _(t: m.Product, style: Style) -> str:
    factors = list(t.factors)
    out = ""
    if isinstance(factors[0], m.Number) and factors[0].value < 0:
        out = "-"
        factors[0] = m.Number(-factors[0].value)
        if factors[0].value == 1 and len(factors) > 1:
            del factors[0]
    last = len(factors) - 1
    grouped = sum(isinstance(f, m.Product) for f in factors) > 1
    for n, f in enumerate(factors):
        text = show(f, style)
        if level(f) < PRODUCT or (isinstance(f, m.Product) and (n < last or grouped)):
            text = f"({text})"
        if n:
            before = factors[n - 1]
            figure = isinstance(before, m.Number) and text[0].isdigit()
            out += r" \cdot " if figure else r" \, " if _long(before) or _long(f) else " "
        out += text
    return out


def _long(t: Tree) -> bool:
    """Whether a factor needs a thin space beside it: ``\\delta z``, ``diag(x)``."""
    while isinstance(t, (m.Transpose, m.Inverse)):
        t = t.of
    if isinstance(t, m.Name):
        return len(t.tensor) > 1 and not t.tensor[1:].isdigit()
    return isinstance(t, (m.Diag, m.Diagonal, m.Trace, m.Apply, m.Along, m.WholeMatrix))


@show.register
def _(t: m.Hadamard, style: Style) -> str:
    out = ""
    for n, f in enumerate(t.factors):
        upside = n > 0 and isinstance(f, m.ElementPower) and f.exponent == m.Number(m.MINUS)
        if upside and isinstance(f, m.ElementPower):
            f = f.base
        text = _at(f, PRODUCT if upside or isinstance(f, m.Hadamard) else HADAMARD, style)
        out += (r" \oslash " if upside else r" \odot ") + text if n else text
    return out


@show.register
def _(t: m.Sum, style: Style) -> str:
    out = show(t.terms[0], style)
    for term in t.terms[1:]:
        negative = coefficient(term) < 0
        text = _at(scaled(term, m.MINUS) if negative else term, HADAMARD, style)
        out += (" - " if negative else " + ") + text
    return out


@show.register
def _(t: m.Quotient, style: Style) -> str:
    sign = ""
    above = t.numerator
    if coefficient(above) < 0 and not isinstance(above, m.Sum):
        sign, above = "-", scaled(above, m.MINUS)
    return f"{sign}\\frac{{{show(above, style)}}}{{{show(t.denominator, style)}}}"


@show.register
def _(t: m.Power, style: Style) -> str:
    text = _at(t.base, ATOM, style)
    if text.startswith("\\frac") or (isinstance(t.base, m.Name) and "^" in text):
        text = f"({text})"
    return f"{text}^{{{show(t.exponent, style)}}}"


@show.register
def _(t: m.ElementPower, style: Style) -> str:
    text = _at(t.base, ATOM, style)
    if isinstance(t.base, m.Name) and ("^" in text or text.startswith("\\frac")):
        text = f"({text})"
    return f"{text}^{{\\circ {show(t.exponent, style)}}}"


@show.register
def _(t: m.MatrixPower, style: Style) -> str:
    text = _at(t.base, ATOM, style)
    return f"({text})^{{{t.exponent}}}" if "^" in text else f"{text}^{{{t.exponent}}}"


@show.register
def _(t: m.Inverse, style: Style) -> str:
    text = _at(t.of, ATOM, style)
    return f"({text})^{{-1}}" if isinstance(t.of, m.Name) and "^" in text else text + "^{-1}"


def function(called: str) -> str:
    """A function's name: ``\\exp``, ``\\sigma``, ``f'``, ``\\mathrm{relu}``."""
    if called == "sigmoid":
        return r"\sigma"
    if called == "pi":
        return r"\pi"
    stem = called.rstrip("′″‴")
    primes = "".join("'" * "′″‴".index(c) + "'" for c in called[len(stem) :])
    if stem in BUILT_IN:
        return "\\" + stem + primes
    return base_name(stem.replace("_", ""), False) + primes if len(stem) == 1 else f"\\mathrm{{{words(stem)}}}{primes}"


def words(text: str) -> str:
    """A name in upright type, its underscores readable."""
    return text.replace("_", r"\ ")


@show.register
def _(t: m.Apply, style: Style) -> str:
    if not t.args:
        return function(t.function)
    inner = ", ".join(show(a, style) for a in t.args)
    if t.function == "sqrt":
        return f"\\sqrt{{{inner}}}"
    if t.function == "abs":
        return f"|{inner}|"
    return f"{function(t.function)}({inner})"


@show.register
def _(t: m.Indicator, style: Style) -> str:
    return f"[{show(t.left, style)} {RELATIONS[t.relation]} {show(t.right, style)}]"


@show.register
def _(t: m.Along, style: Style) -> str:
    called = along(t)
    head = "\\" + called if called in BUILT_IN else f"\\mathrm{{{called}}}"
    return f"{head}({show(t.of, style)})"


@show.register
def _(t: m.Trace, style: Style) -> str:
    return f"\\mathrm{{tr}}({show(t.of, style)})"


@show.register
def _(t: m.Diagonal, style: Style) -> str:
    return f"\\mathrm{{diag}}({show(t.of, style)})"


@show.register
def _(t: m.Diag, style: Style) -> str:
    return f"\\mathrm{{diag}}({show(t.of, style)})"


@show.register
def _(t: m.Norm, style: Style) -> str:
    return f"\\| {show(t.of, style)} \\|"


@show.register
def _(t: m.WholeMatrix, style: Style) -> str:
    return ("\\det" if t.function == "det" else "\\log \\det") + f"({show(t.of, style)})"


@show.register
def _(t: m.Kronecker, style: Style) -> str:
    return f"{_at(t.left, POSTFIX, style)} \\otimes {_at(t.right, POSTFIX, style)}"


@show.register
def _(t: m.KhatriRao, style: Style) -> str:
    return f"{_at(t.left, POSTFIX, style)} \\ast {_at(t.right, POSTFIX, style)}"


@show.register
def _(t: m.Outer, style: Style) -> str:
    return f"{_at(t.left, POSTFIX, style)} \\circ {_at(t.right, POSTFIX, style)}"


@show.register
def _(t: m.ModeProduct, style: Style) -> str:
    return f"{show(t.tensor, style)} \\times_{{{t.mode}}} {_at(t.matrix, POSTFIX, style)}"
