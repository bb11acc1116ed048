"""Math trees as Typst math: ``delta z = W^top delta a``. One function for every kind of node.

In: a tree and a Style. Out: the text between Typst's dollar signs.
"""

from __future__ import annotations

from functools import singledispatch

from tensorprop.render import trees as m
from tensorprop.render.names import Adjoint, Derivative, Plain, Style, spelled
from tensorprop.render.trees import ATOM, HADAMARD, POSTFIX, PRODUCT, Tree, coefficient, level, scaled
from tensorprop.render.unicode import along, figures

__all__ = ["base_name", "function", "name", "show"]

_BUILT_IN = frozenset("exp log sin cos tan sinh cosh tanh arcsin arccos arctan max min det tr".split())
_RELATIONS = {"=": "=", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}


@singledispatch
def show(t: Tree, style: Style) -> str:
    """The tree in Typst's math notation."""
    raise TypeError(f"no way to print {type(t).__name__}")


def _at(t: Tree, least: int, style: Style) -> str:
    return f"({show(t, style)})" if level(t) < least else show(t, style)


def base_name(base: str, bold: bool = False) -> str:
    """A name without decoration: ``W``, ``alpha`` as its letter, ``X_0``, ``"lam"``."""
    stem = base.rstrip("0123456789")
    digits = base[len(stem) :]
    text = stem if len(stem) == 1 else f'"{stem}"'
    return (f"bold({text})" if bold else text) + (f"_{digits}" if digits else "")


def name(tensor: str, style: Style, bold: bool = False) -> tuple[str, str]:
    """A tensor's name and its layer label, which stands above it."""
    match spelled(tensor, style.names):
        case Plain(base, label):
            return base_name(base, bold), label
        case Adjoint(Plain(base, label)):
            inner = base_name(base, bold)
            if style.bar:
                return f"overline({inner})", label
            if style.loss:
                above = f"^(({label}))" if label else ""
                return f"(partial {base_name(style.loss)})/(partial {inner}{above})", ""
            return f"δ {inner}", label
        case Derivative(of, by):
            order = "" if len(by) == 1 else f"^{len(by)}"
            below = " ".join(f"partial {_labelled(p, bold)}" for p in by)
            return f"(partial{order} {_labelled(of, bold)})/({below})", ""


def _labelled(p: Plain, bold: bool) -> str:
    return base_name(p.base, bold) + (f"^(({p.label}))" if p.label else "")


def _named(t: m.Name, style: Style, above: str = "") -> str:
    base, label = name(t.tensor, style, style.bold and t.kind != "scalar")
    slots = [s for s in t.slots if isinstance(s, int) or (s is not None and style.labels)]
    below = ""
    if slots:
        cut = [s is not None for s in t.slots]
        whole = slots if cut == sorted(cut, reverse=True) else ["dot.op" if s is None else s for s in t.slots]
        below = " ".join(f'"{s}"' if isinstance(s, str) and len(s) > 1 and s != "dot.op" else str(s) for s in whole)
    if base.startswith("(partial") and (above or below):
        base = f"({base})"
    if below and "_" in base:
        base, _, digits = base.rpartition("_")
        below = f"{digits},{below}"
    up = (f"({label})" if label else "") + (" " if label and above else "") + above
    return base + (f"_({below})" if below else "") + (f"^({up})" if up else "")


@show.register
def _(t: m.Name, style: Style) -> str:
    return _named(t, style)


@show.register
def _(t: m.Number, style: Style) -> str:
    v = t.value
    if v.denominator == 1:
        return str(v)
    text = figures(v)
    if (v.denominator > 12 or v.denominator == 10) and "/" not in text:
        digits, mark, exponent = text.partition("e")
        if mark:
            head = digits.removesuffix("1") if digits in ("1", "-1") else f"{digits} dot "
            return f"{head}10^({int(exponent)})"
        return text
    return f"{'-' if v < 0 else ''}{abs(v.numerator)}/{v.denominator}"


@show.register
def _(t: m.Size, style: Style) -> str:
    return f"abs({t.letter})"


@show.register
def _(t: m.Ones, style: Style) -> str:
    return "bold(1)"


@show.register
def _(t: m.Identity, style: Style) -> str:
    return "bold(I)" if style.bold else "I"


@show.register
def _(t: m.Transpose, style: Style) -> str:
    if isinstance(t.of, m.Name):
        return _named(t.of, style, "top")
    if isinstance(t.of, m.Inverse):
        return _at(t.of.of, ATOM, style) + "^(-top)"
    return _at(t.of, ATOM, style) + "^top"


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
            figure = isinstance(factors[n - 1], m.Number) and text[0].isdigit()
            out += " dot " if figure else " "
        out += text
    return out


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
    out = show(t.terms[0], style)
    for term in t.terms[1:]:
        negative = coefficient(term) < 0
        text = _at(scaled(term, m.MINUS) if negative else term, HADAMARD, style)
        out += (" - " if negative else " + ") + text
    return out


@show.register
def _(t: m.Quotient, style: Style) -> str:
    return f"frac({show(t.numerator, style)}, {show(t.denominator, style)})"


@show.register
def _(t: m.Power, style: Style) -> str:
    text = _at(t.base, ATOM, style)
    return (f"({text})" if "/" in text else text) + f"^({show(t.exponent, style)})"


@show.register
def _(t: m.ElementPower, style: Style) -> str:
    return f"{_at(t.base, ATOM, style)}^(compose {show(t.exponent, style)})"


@show.register
def _(t: m.MatrixPower, style: Style) -> str:
    return f"{_at(t.base, ATOM, style)}^{t.exponent}"


@show.register
def _(t: m.Inverse, style: Style) -> str:
    return _at(t.of, ATOM, style) + "^(-1)"


def function(called: str) -> str:
    if called in ("sigmoid", "pi"):
        return {"sigmoid": "σ", "pi": "π"}[called]
    stem = called.rstrip("′″‴")
    primes = "".join("'" * ("′″‴".index(c) + 1) for c in called[len(stem) :])
    return (stem if stem in _BUILT_IN or len(stem) == 1 else f'op("{stem}")') + primes


@show.register
def _(t: m.Apply, style: Style) -> str:
    if not t.args:
        return function(t.function)
    inner = ", ".join(show(a, style) for a in t.args)
    if t.function in ("sqrt", "abs"):
        return f"{t.function}({inner})"
    return f"{function(t.function)}({inner})"


@show.register
def _(t: m.Indicator, style: Style) -> str:
    return f"[{show(t.left, style)} {_RELATIONS[t.relation]} {show(t.right, style)}]"


@show.register
def _(t: m.Along, style: Style) -> str:
    called = along(t)
    return f"{called if called in _BUILT_IN else f'op({chr(34)}{called}{chr(34)})'}({show(t.of, style)})"


@show.register
def _(t: m.Trace, style: Style) -> str:
    return f"tr({show(t.of, style)})"


@show.register
def _(t: m.Diagonal, style: Style) -> str:
    return f'op("diag")({show(t.of, style)})'


@show.register
def _(t: m.Diag, style: Style) -> str:
    return f'op("diag")({show(t.of, style)})'


@show.register
def _(t: m.Norm, style: Style) -> str:
    return f"norm({show(t.of, style)})"


@show.register
def _(t: m.WholeMatrix, style: Style) -> str:
    return ("det" if t.function == "det" else "log det") + f"({show(t.of, style)})"


@show.register
def _(t: m.Kronecker, style: Style) -> str:
    return f"{_at(t.left, POSTFIX, style)} ⊗ {_at(t.right, POSTFIX, style)}"


@show.register
def _(t: m.KhatriRao, style: Style) -> str:
    return f"{_at(t.left, POSTFIX, style)} ast.op {_at(t.right, POSTFIX, style)}"


@show.register
def _(t: m.Outer, style: Style) -> str:
    return f"{_at(t.left, POSTFIX, style)} compose {_at(t.right, POSTFIX, style)}"


@show.register
def _(t: m.ModeProduct, style: Style) -> str:
    return f"{show(t.tensor, style)} times_{t.mode} {_at(t.matrix, POSTFIX, style)}"
