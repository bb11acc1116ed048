"""The pen: a tensor's name, an index, a function and a number, spelled one way throughout a page.

In: a name such as ``W^(k)``, ``δz`` or ``∂²y/∂x·∂x·``, a dialect and a Style. Out: the name as that dialect writes it.
It knows neither formulas nor expressions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tensorprop.core.names import Adjoint, Derivative, Plain, parts_of_name, stem_and_label
from tensorprop.render.dialects import GREEK, Dialect
from tensorprop.text.numerals import whole

__all__ = ["Pen", "Style", "figures"]


def _no_names() -> dict[str, str]:
    return {}


def _no_sizes() -> dict[tuple[str, int], str]:
    return {}


@dataclass(frozen=True)
class Style:
    """How names are dressed. ``adjoint`` shows the adjoint of z: ``δz``, ``∂E/∂z`` (any letter for E), ``z̄``.

    ``labels``: whether carried indices are shown at the names. ``bold``: vectors and matrices in bold type.
    """

    adjoint: str = "δz"
    bold: bool = False
    labels: bool = True
    time: frozenset[str] = frozenset()
    """Letters of time, which stand below a name as small as the format has them: ``hₜ₋₁``."""
    names: Mapping[str, str] = field(default_factory=_no_names)
    sizes: Mapping[tuple[str, int], str] = field(default_factory=_no_sizes)
    """A letter for an axis whose size stands in a subscript: ``h_{|t|−1}``."""
    shared: frozenset[str] = frozenset()
    """Carried indices at which several names are cut, so that no dots need say which axis is fixed: ``Q_h K_hᵀ``."""

    @property
    def loss(self) -> str | None:
        """E, if the adjoint of z is written ∂E/∂z."""
        if self.adjoint.startswith("∂"):
            return self.adjoint[1:].split("/")[0]
        return None

    @property
    def bar(self) -> bool:
        """Whether the adjoint of z is written z̄."""
        return "\u0304" in self.adjoint or self.adjoint == "bar"


class Pen:
    """A dialect's hand.

    >>> from tensorprop.render.dialects import LATEX
    >>> Pen(LATEX).name("δx0", ["i", "j"]), Pen(LATEX).function("relu")
    ('\\\\delta \\\\mathrm{x0}_{ij}', '\\\\operatorname{relu}')
    """

    def __init__(self, dialect: Dialect, style: Style | None = None, exact: bool = False) -> None:
        self.to = dialect
        self.style = style or Style()
        self.names = {n: v for n, v in self.style.names.items() if not v.startswith("\\")}
        self._written = {n: v for n, v in self.style.names.items() if dialect.name == "latex" and n not in self.names}
        self._exact = exact  # what is written reads back: one long index is not to be taken for several letters

    # ----------------------------------------------------------------- letters and words
    def letter(self, name: str, bold: bool = False) -> str:
        """A name without decoration, be it an index or a tensor: ``i``, ``\\alpha``, ``\\mathrm{in}``."""
        d = self.to
        if name.isdigit():
            return d.figure.format(name)
        if len(name) == 1:
            shown = d.letters.get(name, name)
            return (d.bold[name in GREEK] if bold else d.symbol).format(shown)
        if name[1:] in d.accents:
            return d.accents[name[1:]].format(self.letter(name[0], bold))
        inner = "".join(d.letters.get(c, c) + " " * (c in d.letters) for c in name).rstrip()
        inner = inner.replace("_", r"\_") if d.name == "latex" else inner
        return (d.bold_word if bold and d.bold_word else d.word).format(inner)

    def function(self, name: str) -> str:
        """A function's name: ``tanh``, ``f′``, ``σ``."""
        d = self.to
        if name in ("sigmoid", "pi"):
            return d.sign("σ" if name == "sigmoid" else "π")
        if name == "imaginary":
            return d.sign("ⅈ")
        stem = name.rstrip("′″‴⁗")
        marks = name[len(stem) :]
        if "′" in d.signs:
            marks = d.signs["′"] * sum("′″‴⁗".index(c) + 1 for c in marks)
        base_name, label = stem_and_label(stem)
        if base_name in d.known:
            base = d.known_as.format(base_name)
        elif len(base_name) == 1:
            base = self.letter(base_name)
        else:
            base = d.operator.format(base_name.replace("_", r"\_") if d.name == "latex" else base_name)
        return self._scripts(base, label) + marks

    def figure(self, digits: str) -> str:
        """Digits with perhaps a sign."""
        return self.to.sign("−") * digits.startswith("-") + self.to.figure.format(digits.lstrip("-"))

    def number(self, v: Fraction) -> str:
        """An exact number: ``3``, ``1/2``, ``\\frac{1}{2}``, ``0.044715``, ``10^{-5}``."""
        d = self.to
        sign, v = d.sign("−") * (v < 0), abs(v)
        text = figures(v)
        if " + " in text:  # of more digits than are written at once
            return f"{sign}({' + '.join(self.number(Fraction(part)) for part in text.split(' + '))})"
        digits, mark, exponent = text.partition("e")
        if mark and d.fraction:
            head = "" if digits == "1" else d.figure.format(digits) + d.sign("dot")
            return sign + head + d.sup.format(d.figure.format("10"), self.figure(str(int(exponent))))
        if "/" in text and d.fraction:
            return sign + self.quotient(*map(d.figure.format, text.split("/")))
        return sign + d.figure.format(text)

    def quotient(self, above: str, below: str) -> str:
        """A fraction, or ``above/below`` where there are none."""
        return self.to.fraction.format(above, below) if self.to.fraction else f"{above}/{below}"

    # ----------------------------------------------------------------- scripts
    def raised(self, base: str, above: str) -> str:
        """``base`` with ``above`` as its exponent."""
        d = self.to
        if d.raised and all(c in d.raised for c in above.replace("−", "-")):
            return base + "".join(d.raised[c] for c in above.replace("−", "-"))
        return f"{base}^{above}" if not d.both and (above.isalpha() or above.isdigit()) else d.sup.format(base, above)

    def lowered(self, base: str, digits: str) -> str:
        """``base`` with digits below it."""
        d = self.to
        if d.lowered:
            return base + "".join(d.lowered[c] for c in digits)
        return d.sub.format(base, d.figure.format(digits))

    def slides(self, flipped: bool, stride: str = "", dilation: str = "") -> str:
        """The sign of a convolution, its stride below, its dilation above."""
        d = self.to
        out = d.sign("*" if flipped else "⋆")
        if d.both and stride and dilation:
            return d.both.format(out, stride, dilation)
        if stride:
            plain = d.lowered and all(c in d.lowered for c in stride)
            out = self.lowered(out, stride) if plain or stride.isdigit() else d.cut_sub.format(out, stride)
        if dilation:
            plain = d.raised and all(c in d.raised for c in dilation)
            out = self.raised(out, dilation) if plain or dilation.isdigit() else f"{out}^{{{dilation}}}"
        return out

    def row(self, parts: Sequence[str], cut: bool = False) -> str:
        """Subscripts beside one another: letters touch, longer ones, and figures among them, have commas."""
        short = all(map(_short, parts)) if cut else _touch(parts)
        comma = self.to.commas[not short]
        gaps = [" " * (not comma and p.startswith("\\")) for p in parts[:-1]]
        return "".join(p + gap + comma for p, gap in zip(parts, gaps, strict=False)) + "".join(parts[-1:])

    def subscript(self, base: str, parts: Sequence[str], cut: bool = False) -> str:
        """``base`` with subscripts, if there are any; ``cut``: they cut a slice."""
        if not parts:
            return base
        d = self.to
        if cut and len(parts) == 1 and not parts[0].isdigit():
            (part,) = parts
            if self.style.time and d.lowered and all(c in d.lowered for c in part):
                return base + "".join(d.lowered[c] for c in part)
            if not d.both and len(part) > 1 and not part.isalnum():
                return d.cut_sub.format(base, part)
        dotted = d.sign("·") in parts or (len(parts) > 1 and any(_bare(p).isdigit() for p in parts))
        if cut and (dotted or len(parts) > 1) and not (all(map(_short, parts)) and not dotted):
            return d.cut_sub.format(base, self.row(parts, cut).replace(", ", ","))
        short = cut or _touch(parts)
        form = d.sub if short else "{0}[{1}]" if self._exact and len(parts) == 1 else d.long_sub
        return form.format(base, self.row(parts, cut))

    def _scripts(self, base: str, label: str, parts: Sequence[str] = (), above: str = "", cut: bool = False) -> str:
        """A name with its layer, its subscripts and what stands above it."""
        d = self.to
        up = d.label.format(label) if label else ""
        if not d.both:
            return self.subscript(base + (f"^{up}" if up else ""), parts, cut) + above
        if above and parts:
            return d.both.format(base, self.row(parts, cut), up + above)
        if up or above:
            base = d.sup.format(base, up + (" " if up and above and d.name == "typst" else "") + above)
        return self.subscript(base, parts, cut)

    # ----------------------------------------------------------------- names
    def name(
        self, tensor: str, subs: Sequence[str | None] = (), above: str = "", bold: bool = False, cut: bool = False
    ) -> str:
        """A tensor's name: ``W_{ij}``, ``δz``, ``∂E/∂z``, ``∂y_i/∂x_k``.

        ``subs``: a text for every axis, None where a slice keeps the axis; ``above``: what stands above the name.
        """
        d = self.to
        match parts_of_name(tensor, self.names):
            case Plain(base, label):
                return self._scripts(self._stem(base, bold), label, self._parts(subs), above, cut)
            case Adjoint(Plain(base, label) as of):
                if self.style.loss:
                    over = d.sign("∂") + self.letter(self.style.loss)
                    return self._held(self.quotient(over, d.sign("∂") + self._plain(of, subs, bold, cut)), above)
                if self.style.bar:
                    shown = d.bar.format(base[0]) + base[1:] if not d.both else d.bar.format(self._stem(base, bold))
                    return self._scripts(shown, label, self._parts(subs), above, cut)
                sign = f"{self._written['δ']} " if "δ" in self._written else d.sign("δ")
                return sign + self._scripts(self._stem(base, bold), label, self._parts(subs), above, cut)
            case Derivative(of, by, slots):
                parts: list[str] = []
                for p, n in zip((of, *by), slots, strict=True):
                    parts.append(self._plain(p, subs[:n], bold, cut))
                    subs = subs[n:]
                partial = d.sign("∂")
                order = "" if len(by) == 1 else self.raised("", self.figure(str(len(by))))
                top = partial.rstrip() + order + " " * partial.endswith(" ") + parts[0] if order else partial + parts[0]
                gap = " " if d.name in ("latex", "typst") else ""
                return self._held(self.quotient(top, gap.join(partial + p for p in parts[1:])), above)

    def _stem(self, base: str, bold: bool) -> str:
        """A tensor's letter; in LaTeX as the reader has it written."""
        return self._written.get(base) or self.letter(base, bold)

    def fraction(self, tensor: str) -> bool:
        """Whether the name is itself a quotient, such as ∂E/∂z."""
        found = parts_of_name(tensor, self.names)
        return isinstance(found, Derivative) or (isinstance(found, Adjoint) and bool(self.style.loss))

    def _plain(self, p: Plain, subs: Sequence[str | None], bold: bool, cut: bool) -> str:
        return self._scripts(self._stem(p.base, bold), p.label, self._parts(subs), "", cut)

    def _held(self, text: str, above: str) -> str:
        if not above:
            return text
        closed = f"{self.to.parens[0]}{text}{self.to.parens[1]}"
        return closed + above if not self.to.both else self.to.sup.format(closed, above)

    def _parts(self, subs: Sequence[str | None]) -> list[str]:
        """The subscripts that are shown: none where nothing is cut, dots where the first axis is kept, or one before
        a fixed entry, which no letter tells the axis of."""
        given = [s for s in subs if s is not None]
        fixed = next((k for k, s in enumerate(subs) if s is not None and _bare(s).isdigit()), 0)
        if not given or (subs[0] is not None and None not in subs[:fixed]):
            return given
        return [self.to.sign("·") if s is None else s for s in subs]


def _bare(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


def _touch(parts: Sequence[str]) -> bool:
    """Whether subscripts stand beside one another without commas: ``0l`` has two readings."""
    return all(map(_short, parts)) and not (len(parts) > 1 and any(_bare(p).isdigit() for p in parts))


def _short(text: str) -> bool:
    """Whether a subscript is one letter."""
    text = _bare(text)
    return len(text) == 1 or text == r"\cdot" or text == "dot.op" or (text[:1] == "\\" and text[1:].isalpha())


def figures(v: Fraction) -> str:
    """A number in figures: a decimal where it ends and was surely written as one, else a fraction.

    >>> figures(Fraction(1, 2)), figures(Fraction(1, 10)), figures(Fraction(1, 100000)), figures(Fraction(1, 60))
    ('1/2', '0.1', '1e-5', '1/60')
    """
    if v.denominator == 1 and abs(v).numerator.bit_length() <= _BITS:
        return "-" * (v < 0) + whole(abs(v.numerator))
    rest = v.denominator
    for p in (2, 5):
        while rest % p == 0:
            rest //= p
    if rest != 1 or (v.denominator <= 12 and v.denominator != 10):
        return str(v)
    text = repr(float(v)) if abs(v) < 1e300 else ""
    if text and Fraction(text) == v:
        return text.replace("e-0", "e-")
    places = 0
    while (v * 10**places).denominator != 1:
        places += 1
    digits = str(abs(v.numerator) * 10**places // v.denominator).rjust(places + 1, "0")
    return f"{'-' * (v < 0)}{digits[:-places]}.{digits[-places:]}" if places <= _PLACES else str(v)


_BITS = 1000  # of a whole number that may have its zeros as a power of ten
_PLACES = 40  # digits behind the point; what has more is written as a fraction
