"""Index notation for people: every Σ written out, in Unicode or in LaTeX.

In: an expression or an equation. Out: a line of text. `text.show` leaves out the Σ that the notation understands; here
none is left out, since a derivation is about which index is summed. Matrices are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from tensorprop.core.build import mul, negate, number, power, remake, sum_over
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import fold

__all__ = ["LATEX", "UNICODE", "Notation", "latex_name"]

_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4  # how tightly an expression is held together
_UP = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi "
        "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        strict=True,
    )
)
_RELATIONS = {"≠": r"\ne", "≤": r"\le", "≥": r"\ge"}
_KNOWN_TO_TEX = frozenset("exp log sin cos tan sinh cosh tanh arcsin arccos arctan max min det".split())
_SHOWN = {"sigmoid": "σ", "pi": "π"}

Text = tuple[str, int]


class Notation:
    """How index notation is written; with ``adjoint="∂E/∂z"`` adjoints are written out.

    ``letters`` of a method names a letter for an axis, so that a size is shown as ``|i|``.

    >>> from tensorprop.core.build import tensor
    >>> e = sum_over("i", mul(tensor("a", "i"), tensor("W", "i", "j")))
    >>> UNICODE.show(e), LATEX.show(e)
    ('Σ_i a_i W_ij', '\\\\sum_{i} a_{i} W_{ij}')
    """

    def __init__(self, tex: bool, adjoint: str = "δz") -> None:
        self.tex = tex
        self.error = adjoint[1:].partition("/")[0] if adjoint.startswith("∂") else ""  # the E of ∂E/∂z
        self._write: dict[type[Expr], Callable[[Expr, tuple[Text, ...], Mapping[tuple[str, int], str]], Text]] = {
            Add: self._add,
            Mul: self._mul,
            Sum: self._sum,
            Reduce: self._reduce,
            Call: self._call,
            Bracket: self._bracket,
        }

    def equation(self, eq: Equation, letters: Mapping[tuple[str, int], str] | None = None) -> str:
        """``left = right``."""
        return f"{self.show(eq.target)} = {self.show(eq.value, letters)}"

    def show(self, e: Expr, letters: Mapping[tuple[str, int], str] | None = None) -> str:
        """An expression on one line."""
        axes = letters or {}

        def rule(n: Expr, parts: tuple[Text, ...]) -> Text:
            write = self._write.get(type(n))
            return write(n, parts, axes) if write else (self._leaf(n, tuple(p for p, _ in parts), axes), _ATOM)

        return fold(_pulled(e), rule)[0]

    # ----------------------------------------------------------------- leaves
    def _leaf(self, n: Expr, parts: tuple[str, ...], axes: Mapping[tuple[str, int], str]) -> str:
        match n:
            case Number(value):
                return self.number(value)
            case Index(name):
                return self.letter(name)
            case Dim(tensor, axis):
                letter = axes.get((tensor, axis))
                return f"|{self.letter(letter)}|" if letter else f"dim({self.name(tensor)}, {axis})"
            case Tensor(name):
                return self.entry(name, parts)
            case _:
                return str(n)

    def number(self, value: Fraction) -> str:
        """An exact number: 3, 1/2."""
        if value.denominator == 1:
            return str(value)
        decimal = _decimal(value)
        if decimal is not None:
            return decimal
        if self.tex:
            sign = "-" if value < 0 else ""
            return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
        return str(value)

    def letter(self, name: str) -> str:
        """An index letter."""
        return latex_name(name) if self.tex else name

    def name(self, name: str) -> str:
        """A tensor's name without subscripts."""
        return latex_name(name) if self.tex else name.replace("·", "")

    def entry(self, name: str, subscripts: tuple[str, ...]) -> str:
        """``W_ij``; derivatives as a quotient, ``∂z_j/∂W_kl``."""
        if name.startswith("δ") and len(name) > 1 and self.error:
            name = f"∂{self.error}/{'∂' + name[1:] + '·' * len(subscripts)}"
        if name.startswith("∂"):
            return self._derivative(name, subscripts)
        if self.tex:
            stem, label = _label(name)
            base = latex_name(stem) + (f"^{{({label})}}" if label else "")
            return base + self._subscript(subscripts)
        return name + self._subscript(subscripts)

    def _subscript(self, parts: tuple[str, ...]) -> str:
        if not parts:
            return ""
        plain = all(len(p) == 1 or (self.tex and p.startswith("\\") and p[1:].isalpha()) for p in parts)
        if self.tex:
            return "_{" + ("".join(_spaced(parts)) if plain else ",".join(parts)) + "}"
        return "_" + "".join(parts) if plain else f"[{', '.join(parts)}]"

    def _derivative(self, name: str, subscripts: tuple[str, ...]) -> str:
        above, _, below = name.partition("/")
        parts, rest = list[str](), list(subscripts)
        for piece in [above, *(f"∂{p}" for p in below.split("∂")[1:])]:
            stem = piece[1:].rstrip("·")
            dots = len(piece) - 1 - len(stem)
            power_ = stem[: len(stem) - len(stem.lstrip("⁰¹²³⁴⁵⁶⁷⁸⁹"))]
            inner = self.entry(stem[len(power_) :], tuple(rest[:dots]))
            rest = rest[dots:]
            sign = r"\partial" + (f"^{{{_digits(power_)}}}" if power_ else "") + " " if self.tex else "∂" + power_
            parts.append(sign + inner)
        if self.tex:
            return rf"\frac{{{parts[0]}}}{{{' '.join(parts[1:])}}}"
        return f"{parts[0]}/{''.join(parts[1:])}"

    # ----------------------------------------------------------------- nodes
    def _add(self, n: Expr, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        out = ""
        for text, _ in parts:
            if out:
                out += f" - {text[1:].lstrip()}" if _minus(text) else f" + {text}"
            else:
                out = text
        return (out if self.tex else out.replace(" - ", " − ")), _SUM

    def _mul(self, n: Expr, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        assert isinstance(n, Mul)
        above: list[Text] = []
        below: list[Text] = []
        sign = ""
        for f, text in zip(n.factors, parts, strict=True):
            if isinstance(f, Number):
                value = f.value
                if value < 0:
                    sign, value = self._minus, -value
                if value.denominator != 1 and len(n.factors) > 1 and _decimal(value) is None:
                    if value.numerator != 1:
                        above.append((str(value.numerator), _ATOM))
                    below.append((str(value.denominator), _ATOM))
                elif value != 1:
                    above.append((self.number(value), _ATOM))
            elif (under := _divisor(f)) is not None:
                below.append((self.show(under, axes), _held(under)))
            else:
                above.append(text)
        top = self._product(above, n.factors)
        if not below:
            return sign + top, _PRODUCT
        share = below[0][0] if len(below) == 1 and below[0][0].isdigit() else None
        if share is not None and any(_opens(t) or tight < _POWER for t, tight in above):  # 1/2 Σ_j …, not (Σ_j …) / 2
            lead = rf"\frac{{1}}{{{share}}}" if self.tex else f"1/{share}"
            return f"{sign}{lead} {self._product([(lead, _ATOM), *above], ())[len(lead) + 1 :]}", _PRODUCT
        if self.tex:
            return sign + rf"\frac{{{top or '1'}}}{{{self._product(below, ())}}}", _PRODUCT
        under = self._product(below, ()) if len(below) > 1 else self._wrap(below[0], _POWER)
        return sign + f"{self._tight(above, top)} / {f'({under})' if len(below) > 1 else under}", _PRODUCT

    def _tight(self, above: list[Text], top: str) -> str:
        """A numerator; a sum in it keeps its own parentheses."""
        if not above:
            return "1"
        return f"({top})" if any(_opens(t) for t, _ in above) else top

    def _product(self, parts: list[Text], factors: tuple[Expr, ...]) -> str:
        out: list[str] = []
        for k, (text, tight) in enumerate(parts):
            last = k == len(parts) - 1
            alone = len(parts) == 1
            open_ = (tight < _PRODUCT and not alone) or (_opens(text) and not last) or (_minus(text) and not alone)
            if tight < _PRODUCT and alone and factors and len(factors) > 1:
                open_ = not self.tex
            out.append(self._parens(text) if open_ else text)
        return " ".join(out)

    def _sum(self, n: Expr, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        assert isinstance(n, Sum)
        text, tight = parts[0]
        body = self._parens(text) if tight < _PRODUCT or _minus(text) else text
        return f"{self._under('Σ', n.indices)} {body}", _PRODUCT

    def _under(self, sign: str, indices: tuple[str, ...]) -> str:
        letters = tuple(self.letter(i) for i in indices)
        if self.tex:
            command = r"\sum" if sign == "Σ" else rf"\{sign}" if sign in _KNOWN_TO_TEX else rf"\operatorname{{{sign}}}"
            return (
                f"{command}_{{{''.join(_spaced(letters)) if all(len(i) == 1 for i in indices) else ','.join(letters)}}}"
            )
        return f"{sign}_{''.join(letters)}" if all(len(i) == 1 for i in indices) else f"{sign}_{{{','.join(letters)}}}"

    def _reduce(self, n: Expr, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        assert isinstance(n, Reduce)
        body, at = parts[0][0], tuple(p for p, _ in parts[1:])
        if n.op in ("inv", "det", "logdet") and isinstance(n.body, Tensor):
            head = self.name(n.body.name)
            bare = {"inv": f"{head}^{{-1}}" if self.tex else f"{head}⁻¹"}.get(n.op)
            if bare is not None:
                return (f"{{({bare})}}" if self.tex else f"({bare})") + self._subscript(at), _ATOM
            return (r"\log\det " if n.op == "logdet" else r"\det ") + head if self.tex else f"{n.op}({head})", _ATOM
        entry = ""
        if at and at != tuple(self.letter(i) for i in n.indices):
            entry = f"[{', '.join(at)}]"
        inner = rf"\left({body}\right)" if self.tex else f"({body})"
        return f"{self._under(n.op, n.indices)}{inner}{entry}", _ATOM

    def _call(self, n: Expr, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        assert isinstance(n, Call)
        if n.function == "power":
            return self._power(n, parts, axes)
        inside = [p for p, _ in parts]
        if not inside:
            return self.name(_SHOWN.get(n.function, n.function)), _ATOM
        if n.function == "square":
            return self._wrap(parts[0], _ATOM) + ("^{2}" if self.tex else "²"), _POWER
        if n.function == "sqrt":
            return self._root(parts[0]), _ATOM
        if n.function == "abs":
            return (rf"\left|{inside[0]}\right|" if self.tex else f"|{inside[0]}|"), _ATOM
        name = _SHOWN.get(n.function, n.function)
        return self.function(name) + self._parens(", ".join(inside)), _ATOM

    def _root(self, inside: Text) -> str:
        if self.tex:
            return rf"\sqrt{{{inside[0]}}}"
        return "√" + (inside[0] if inside[1] == _ATOM and not inside[0].startswith("√") else f"({inside[0]})")

    def function(self, name: str) -> str:
        """A function's name: ``f′``, ``tanh``."""
        stem = name.rstrip("′″‴⁗")
        primes = sum("′″‴⁗".index(c) + 1 for c in name[len(stem) :])
        if not self.tex:
            return name
        base, label = _label(stem)
        shown = (
            latex_name(base)
            if len(base) == 1
            else rf"\{base}"
            if base in _KNOWN_TO_TEX
            else rf"\operatorname{{{base}}}"
        )
        return shown.replace("_", r"\_") + (f"^{{({label})}}" if label else "") + "'" * primes

    def _power(self, n: Call, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        base, exponent = parts[0], n.args[1]
        if isinstance(exponent, Number):
            if exponent.value == Fraction(1, 2):
                return self._root(base), _ATOM
            if exponent.value < 0:
                under = power(n.args[0], number(-exponent.value))
                shown = self.show(under, axes), _held(under)
                if self.tex:
                    return rf"\frac{{1}}{{{shown[0]}}}", _ATOM
                return f"1 / {self._wrap(shown, _POWER)}", _PRODUCT
            if not self.tex and exponent.value.denominator == 1:
                return self._wrap(base, _ATOM) + str(exponent.value).translate(_UP), _POWER
        if self.tex:
            return f"{self._wrap(base, _ATOM)}^{{{parts[1][0]}}}", _POWER
        return f"{self._wrap(base, _ATOM)}^{self._wrap(parts[1], _ATOM)}", _POWER

    def _bracket(self, n: Expr, parts: tuple[Text, ...], axes: Mapping[tuple[str, int], str]) -> Text:
        assert isinstance(n, Bracket)
        relation = _RELATIONS.get(n.relation, n.relation) if self.tex else n.relation
        return f"[{parts[0][0]} {relation} {parts[1][0]}]", _ATOM

    @property
    def _minus(self) -> str:
        return "-" if self.tex else "−"

    def _wrap(self, text: Text, least: int) -> str:
        return self._parens(text[0]) if text[1] < least or _minus(text[0]) else text[0]

    def _parens(self, text: str) -> str:
        return rf"\left({text}\right)" if self.tex and (r"\frac" in text or r"\sum" in text) else f"({text})"


UNICODE = Notation(tex=False)
LATEX = Notation(tex=True)


# --------------------------------------------------------------------------- small questions
def latex_name(name: str) -> str:
    """A name in LaTeX: Greek letters by their commands, several letters upright, a layer label on top."""
    stem, label = _label(name)
    if label:
        return f"{latex_name(stem)}^{{({label})}}"
    if len(stem) > 1 and stem[0] in "δ∂":
        return rf"\{'delta' if stem[0] == 'δ' else 'partial'} {latex_name(stem[1:])}"
    stem = stem.replace("·", "")
    if len(stem) == 1:
        return f"\\{_GREEK[stem]}" if stem in _GREEK else stem
    if stem[1:].isdigit():
        return f"\\{_GREEK[stem[0]]}{stem[1:]}" if stem[0] in _GREEK else rf"\mathit{{{stem}}}"
    return r"\mathrm{" + "".join(f"\\{_GREEK[c]} " if c in _GREEK else c for c in stem).replace("_", r"\_") + "}"


def _label(name: str) -> tuple[str, str]:
    """``W^(k)`` → ``W``, ``k``."""
    stem, hat, label = name.partition("^")
    return (stem, label.strip("(){}")) if hat else (name, "")


def _spaced(parts: tuple[str, ...]) -> list[str]:
    """Letters one after the other; a command is parted from a letter that follows it."""
    return [p + " " if p.startswith("\\") and k + 1 < len(parts) else p for k, p in enumerate(parts)]


def _digits(superscript: str) -> str:
    return superscript.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))


def _decimal(value: Fraction) -> str | None:
    """A short decimal for what was surely written as one: 0.1, 0.044715, not 1/2."""
    rest = value.denominator
    for p in (2, 5):
        while rest % p == 0:
            rest //= p
    if rest != 1 or value.denominator in (2, 4, 5, 8):
        return None
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    digits = str(abs(value.numerator) * 10**scale // value.denominator).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}"
    if abs(value) < Fraction(1, 1000) and digits.strip("0") == "1":
        text = f"1e-{scale}"
    return f"-{text}" if value < 0 else text


def _minus(text: str) -> bool:
    return text[:1] in "-−" and bool(text)


def _opens(text: str) -> bool:
    """Whether a text begins with a Σ, which would take in what follows it."""
    return text.startswith(("Σ_", r"\sum_"))


def _divisor(f: Expr) -> Expr | None:
    """``b`` where the factor is ``b^-1``; ``b²`` for ``b^-2``."""
    if isinstance(f, Call) and f.function == "power" and isinstance(f.args[1], Number) and f.args[1].value < 0:
        return power(f.args[0], number(-f.args[1].value))
    return None


def _held(e: Expr) -> int:
    if isinstance(e, Add):
        return _SUM
    if isinstance(e, (Mul, Sum)):
        return _PRODUCT
    if isinstance(e, Call) and e.function == "power":
        return _POWER
    return _ATOM


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
