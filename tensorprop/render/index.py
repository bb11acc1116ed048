"""Equations in index notation for people: every Σ written out, as Unicode, LaTeX or Typst.

In: an Equation or a System. Out: text. LaTeX is read back to the same System, so what a page shows can be pasted
into a program. It knows no matrices and no sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import MATRIX_OPS
from tensorprop.core.walk import fold, tensors_of
from tensorprop.errors import TensorpropError
from tensorprop.render import latex as tex
from tensorprop.render import typst as ty
from tensorprop.render import unicode as uni
from tensorprop.render.names import GREEK, Adjoint, Derivative, Plain, Style, spelled
from tensorprop.text import parse

__all__ = ["einstein", "written"]

Output = Literal["unicode", "latex", "typst"]
_ADD, _SUM, _MUL, _POWER, _ATOM = range(5)


@dataclass(frozen=True)
class _Text:
    text: str
    level: int = _ATOM

    def at(self, least: int) -> str:
        """The text, in parentheses if it holds together less than ``least``."""
        return f"({self.text})" if self.level < least else self.text


def written(eq: Equation, output: Output, style: Style | None = None, sums: bool = True) -> str:
    """One equation. ``sums``: whether Σ is written, or left to the summation convention."""
    pen = _Pen(eq, output, style or Style(), sums)
    left = pen.tensor(eq.target, [s.name for s in eq.target.subscripts if isinstance(s, Index)])
    return f"{left} = {fold(eq.value, pen.rule).text}"


def einstein(eq: Equation) -> str:
    """One equation in LaTeX without Σ where the summation convention says the same, else with Σ."""
    short = written(eq, "latex", sums=False)
    try:
        same = parse(short) is system([eq])
    except TensorpropError:
        same = False
    return short if same else written(eq, "latex")


class _Pen:
    """One equation on its way to paper."""

    def __init__(self, eq: Equation, output: Output, style: Style, sums: bool) -> None:
        self._eq = eq
        self._to: Output = output
        self._style = style
        self._sums = sums

    def rule(self, e: Expr, parts: tuple[_Text, ...]) -> _Text:
        """One node, given the text of its children."""
        match e:
            case Number(value):
                return self._number(value)
            case Index(name):
                return _Text(self._letter(name))
            case Dim():
                return _Text(self._dim(e))
            case Tensor():
                return _Text(self.tensor(e, [p.text for p in parts]))
            case Bracket(relation, left, right):
                if relation == "=" and isinstance(left, Index) and isinstance(right, Index):
                    return _Text(self._scripted(self._greek("δ"), [parts[0].text, parts[1].text]))
                signs: dict[str, str] = tex.RELATIONS if self._to == "latex" else {}
                return _Text(f"[{parts[0].text} {signs.get(relation, relation)} {parts[1].text}]")
            case Add():
                return self._add(parts)
            case Mul(factors):
                return self._mul(factors, parts)
            case Sum(indices):
                if not self._sums:
                    return _Text(parts[0].at(_SUM), max(parts[0].level, _SUM))
                return _Text(f"{self._sum(indices)} {parts[0].at(_SUM)}", _SUM)
            case Call(function, args):
                return self._call(function, args, parts)
            case Reduce():
                return self._reduce(e, parts)
            case _:
                raise TypeError(f"no way to print {type(e).__name__}")

    # ----------------------------------------------------------------- names and letters
    def _letter(self, name: str) -> str:
        return "\\" + GREEK[name] if self._to == "latex" and name in GREEK else name

    def _greek(self, letter: str) -> str:
        return "\\" + GREEK[letter] if self._to == "latex" else letter

    def _scripted(self, base: str, subs: Sequence[str]) -> str:
        if not subs:
            return base
        short = all(len(s) == 1 or (s.startswith("\\") and s[1:].isalpha()) for s in subs)
        match self._to:
            case "latex":
                glued = "".join(s + (" " if s.startswith("\\") else "") for s in subs).strip()
                if not short and len(subs) == 1:  # in braces each letter would be an index of its own
                    return f"{base}[{subs[0]}]"
                return f"{base}_{{{glued if short else ','.join(subs)}}}"
            case "typst":
                return f"{base}_({' '.join(subs) if short else ', '.join(subs)})"
            case "unicode":
                return f"{base}_{''.join(subs)}" if short else f"{base}[{', '.join(subs)}]"

    def _base(self, p: Plain, subs: Sequence[str]) -> str:
        match self._to:
            case "latex":
                plain = len(p.base) == 1 or not p.base.isascii()
                base = tex.base_name(p.base) if plain else f"\\mathrm{{{p.base}}}"
                return self._scripted(base + (f"^{{({p.label})}}" if p.label else ""), subs)
            case "typst":
                return self._scripted(ty.base_name(p.base) + (f"^(({p.label}))" if p.label else ""), subs)
            case "unicode":
                return self._scripted(p.base + (f"^({p.label})" if p.label else ""), subs)

    def tensor(self, t: Tensor, subs: Sequence[str]) -> str:
        """A tensor's entry: ``W_{ij}``, ``\\delta z_{bj}``, ``\\frac{\\partial y_{i}}{\\partial x_{k}}``."""
        match spelled(t.name):
            case Plain() as p:
                return self._base(p, subs)
            case Adjoint(of):
                mark = r"\delta " if self._to == "latex" else "δ " if self._to == "typst" else "δ"
                return mark + self._base(of, subs)
            case Derivative(of, by, slots):
                return self._derivative(of, by, slots, subs)

    def _derivative(self, of: Plain, by: tuple[Plain, ...], slots: tuple[int, ...], subs: Sequence[str]) -> str:
        parts: list[str] = []
        for p, n in zip((of, *by), slots, strict=True):
            parts.append(self._base(p, subs[:n]))
            subs = subs[n:]
        n = len(by)
        match self._to:
            case "latex":
                order = "" if n == 1 else f"^{{{n}}}"
                below = " ".join(f"\\partial {p}" for p in parts[1:])
                return f"\\frac{{\\partial{order} {parts[0]}}}{{{below}}}"
            case "typst":
                order = "" if n == 1 else f"^{n}"
                return f"frac(partial{order} {parts[0]}, {' '.join(f'partial {p}' for p in parts[1:])})"
            case "unicode":
                order = "" if n == 1 else str(n).translate(uni.SUPERSCRIPT)
                return f"∂{order}{parts[0]}/" + "".join(f"∂{p}" for p in parts[1:])

    def _dim(self, d: Dim) -> str:
        """``|i|`` where the first tensor with the index i is the one that is meant, else ``dim(W, 0)``."""
        first: dict[str, Dim] = {}
        for t in (*tensors_of(self._eq.value), self._eq.target):
            for axis, s in enumerate(t.subscripts):
                if isinstance(s, Index):
                    first.setdefault(s.name, Dim(t.name, axis))
        for i, where in first.items():
            if where is d:
                letter = self._letter(i)
                return f"abs({letter})" if self._to == "typst" else f"|{letter}|"
        head = r"\mathrm{dim}" if self._to == "latex" else "dim"
        return f"{head}({self._base(_named(d.tensor), ())}, {d.axis})"

    # ----------------------------------------------------------------- operations
    def _number(self, v: Fraction) -> _Text:
        if self._to == "latex":
            return _Text(tex.number(v), _MUL if v < 0 or v.denominator > 1 else _ATOM)
        text = str(v) if v.denominator <= 12 else uni.figures(v)
        return _Text(text, _MUL if v < 0 or "/" in text else _ATOM)

    def _add(self, parts: tuple[_Text, ...]) -> _Text:
        out = parts[0].at(_SUM)
        for p in parts[1:]:
            text = p.at(_SUM)
            out += f" - {text[1:].lstrip()}" if text.startswith("-") else f" + {text}"
        return _Text(out, _ADD)

    def _mul(self, factors: tuple[Expr, ...], parts: tuple[_Text, ...]) -> _Text:
        """Factors in their order; what is divided by stands under what comes before it."""
        out: list[str] = []
        sign = ""
        if factors[0] is _MINUS_ONE:
            sign, factors, parts = "-", factors[1:], parts[1:]
        elif isinstance(factors[0], Number) and factors[0].value < 0:
            sign, parts = "-", (self._number(-factors[0].value), *parts[1:])
        last = len(factors) - 1
        for n, (f, p) in enumerate(zip(factors, parts, strict=True)):
            below = _reciprocal(f)
            if below is not None:
                text = fold(below, self.rule)
                if self._to == "unicode":
                    head = " ".join(out) if out else "1"
                    out = [f"{head} / {text.at(_POWER)}"]
                    continue
                above, out = " ".join(out) if out else "1", []
                text = f"\\frac{{{above}}}{{{text.text}}}" if self._to == "latex" else f"frac({above}, {text.text})"
                out = [text]
                continue
            text = p.text if p.level == _SUM and n == last else p.at(_MUL)
            if n and isinstance(factors[n - 1], Number) and text[0].isdigit():
                text = (r"\cdot " if self._to == "latex" else "· " if self._to == "unicode" else "dot ") + text
            elif self._to == "unicode" and n and _reciprocal(factors[n - 1]) is not None:
                text = "· " + text
            out.append(text)
        return _Text(sign + " ".join(out), _MUL)

    def _sum(self, indices: tuple[str, ...]) -> str:
        letters = [self._letter(i) for i in indices]
        match self._to:
            case "latex":
                return self._scripted(r"\sum", letters)
            case "typst":
                return f"sum_({' '.join(letters)})"
            case "unicode":
                return f"Σ_{''.join(letters)}" if all(len(i) == 1 for i in letters) else f"Σ_{{{','.join(letters)}}}"

    def _call(self, function: str, args: tuple[Expr, ...], parts: tuple[_Text, ...]) -> _Text:
        if function == "power" and len(parts) == 2:
            base = parts[0].at(_ATOM)
            top = parts[1].text
            if (self._to == "latex" and isinstance(args[0], Tensor) and args[0].name.count("^(")) or base.startswith(
                ("\\frac", "\\delta ")
            ):
                base = f"({base})"
            if isinstance(args[0], Call) and args[0].function != "power" and args[0].args and self._to != "unicode":
                base = f"({base})"
            match self._to:
                case "latex":
                    return _Text(f"{base}^{{{top}}}", _POWER)
                case "typst":
                    return _Text(f"{base}^({top})", _POWER)
                case "unicode":
                    simple = top.lstrip("-").isdigit()
                    return _Text(base + (top.translate(uni.SUPERSCRIPT) if simple else f"^({top})"), _POWER)
        inner = ", ".join(p.text for p in parts)
        if self._to == "latex":
            if function == "sqrt":
                return _Text(f"\\sqrt{{{inner}}}")
            upright = "\\mathrm{" + function.replace("_", "\\_") + "}"
            called = upright if "_" in function or function == "abs" else tex.function(function)
        elif self._to == "typst":
            if function in ("sqrt", "abs"):
                return _Text(f"{function}({inner})")
            called = ty.function(function)
        else:
            called = uni.FUNCTIONS.get(function, function)
        return _Text(f"{called}({inner})" if parts else called)

    def _reduce(self, e: Reduce, parts: tuple[_Text, ...]) -> _Text:
        letters = [self._letter(i) for i in e.indices]
        if e.op in MATRIX_OPS and isinstance(e.body, Tensor):
            head = self._op(e.op)
            return _Text(self._scripted(f"{head}({self._base(_named(e.body.name), ())})", [p.text for p in parts[1:]]))
        text = f"{self._scripted(self._op(e.op), letters)}({parts[0].text})"
        if any(not isinstance(a, Index) or a.name != i for a, i in zip(e.at, e.indices, strict=False)):
            text += f"[{', '.join(p.text for p in parts[1:])}]"
        return _Text(text)

    def _op(self, op: str) -> str:
        short = op in ("max", "min", "det")
        match self._to:
            case "latex":
                return "\\" + op if short else f"\\mathrm{{{op}}}"
            case "typst":
                return op if short else f'op("{op}")'
            case "unicode":
                return op


def _named(name: str) -> Plain:
    base, mark, label = name.partition("^(")
    return Plain(base, label.removesuffix(")") if mark else "")


_MINUS_ONE = Number(Fraction(-1))


def _reciprocal(f: Expr) -> Expr | None:
    match f:
        case Call("power", (base, Number(n))) if n == -1:
            return base
        case _:
            return None


def lines(x: Equation | System) -> list[Equation]:
    """The equations, as written."""
    return list(x.equations) if isinstance(x, System) else [x]
