"""Math trees for people, in any dialect: ``δ = Wᵀδz ⊙ f′(z)``.

In: a tree, a dialect and a Style. Out: a line of text. What is grouped, where parentheses and signs stand is decided
here, once for all formats; how a sign looks, in the dialect's table; how a name is spelled, by the pen.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprop.core.expr import Bracket, Expr, Index, Tensor
from tensorprop.core.names import parts_of_name
from tensorprop.render import trees as m
from tensorprop.render.dialects import Dialect
from tensorprop.render.matrices.stand_ins import Read, letters_of, picks
from tensorprop.render.notation import Notation
from tensorprop.render.pen import Pen, Style
from tensorprop.render.trees import ATOM, HADAMARD, POSTFIX, PRODUCT, MathTree, coefficient, level, scaled

__all__ = ["TreePrinter", "along"]

_ALONG = {"rows": "row", "columns": "col"}
_BETWEEN: dict[type[MathTree], str] = {m.Kronecker: "⊗", m.KhatriRao: "⊙_KR", m.Outer: "∘"}


class TreePrinter:
    """Writes trees in one dialect.

    >>> from tensorprop.render.dialects import LATEX, UNICODE
    >>> a, w = m.Name("a", (None,), (0,), "column"), m.Name("W", (None, None), (0, 1), "matrix")
    >>> t = m.Product((m.Transpose(w), a))
    >>> TreePrinter(UNICODE).show(t), TreePrinter(LATEX).show(t)
    ('Wᵀa', 'W^{\\\\top} a')
    """

    def __init__(self, dialect: Dialect, style: Style | None = None) -> None:
        self.to = dialect
        self.style = style or Style()
        self.pen = Pen(dialect, self.style)

    def equation(self, left: MathTree, right: MathTree) -> str:
        """``left = right``."""
        return f"{self.show(left)} {self.to.sign('=')} {self.show(right)}"

    def show(self, t: MathTree) -> str:
        """A tree in one line."""
        d = self.to
        match t:
            case m.Name():
                return self._name(t)
            case m.Figure(value):
                text = d.vulgar.get(str(abs(value)))
                return d.sign("−") * (value < 0) + text if text else self.pen.number(value)
            case m.IndexSize(letter, axis) if "," in letter:  # no index in sight runs along it
                return self._called("dim", m.Name(axis.tensor, (), (), "scalar"), m.Figure(Fraction(axis.axis)))
            case m.IndexSize(letter):
                return d.size.format(self.pen.letter(letter))
            case m.Counter(letter):
                return self.pen.letter(letter)
            case m.Ones():
                return d.sign("𝟏")
            case m.Mask(name=name):
                return self.pen.letter(name, self.style.bold)
            case m.Identity():
                return self.pen.letter("I", self.style.bold)
            case m.Transpose(of):
                return self._transpose(of)
            case m.Product(factors):
                return self._product(factors)
            case m.Hadamard(factors):
                return self._hadamard(factors)
            case m.Convolved(left, right):
                return f"{self._at(left, PRODUCT)} {self.pen.slides(t.flipped, *t.steps)} {self._at(right, PRODUCT)}"
            case m.TermSum(terms):
                return self._sum(terms)
            case m.Over(letters, body):
                sign = self.pen.subscript(self.to.sign("Σ"), [self.pen.letter(i) for i in letters])
                return f"{sign} {self._at(body, HADAMARD)}"
            case m.Quotient():
                return self._quotient(t)
            case m.ScalarPower(base, exponent):
                return self.pen.raised(self._base(base), self.show(exponent))
            case m.ElementPower(base, exponent):
                above = self.show(exponent)
                if d.dotted and not isinstance(exponent, m.Name) and not above.isdigit():
                    above = self._parens(above)  # x.^-1/2 is half of 1/x
                return d.entrywise.format(self._base(base), above)
            case m.MatrixPower(base, n):
                return self.pen.raised(self._base(base), self.pen.figure(str(n)))
            case m.Inverse(of):
                return self.pen.raised(self._base(of), self.pen.figure("-1"))
            case m.ModeProduct(tensor, mode, matrix):
                sign = self.pen.lowered(d.sign("×"), str(mode))
                return f"{self.show(tensor)} {sign} {self._at(matrix, POSTFIX)}"
            case m.Kronecker(left, right) | m.KhatriRao(left, right) | m.Outer(left, right):
                first = self.show(left) if isinstance(left, m.Outer) else self._at(left, PRODUCT)  # ∘ is associative
                return f"{first} {d.sign(_BETWEEN[type(t)])} {self._at(right, PRODUCT)}"
            case _:
                return self._function(t)

    def _function(self, t: MathTree) -> str:
        """What is written as a function, or between a sign and its mirror."""
        d = self.to
        match t:
            case m.Entrywise(function, args):
                return self._apply(function, args)
            case m.Indicator(relation, left, right):
                inner = f"{self.show(left)} {d.sign(relation)} {self.show(right)}"
                return f"{d.sign('[')}{inner}{d.sign(']')}"
            case m.Picked(of, place):
                return f"{self.show(of)}{d.sign('[')}{self.show(place)}{d.sign(']')}"
            case m.Norm(of):
                return d.norm.format(self.show(of))
            case m.Inner(left, right):
                return self.to.inner.format(self.show(left), self.show(right))
            case m.Along(of=of):
                return self._called(along(t), of)
            case m.MatrixTrace(of):
                return self._called("tr", of)
            case m.Diagonal(of) | m.Diag(of):
                return self._called("diag", of)
            case m.Triangle(of, part):
                return self._triangle(of, part)
            case m.WholeMatrix("logdet", of) if "log" in d.known:
                return f"{self.pen.function('log')} {self._called('det', of)}"
            case m.WholeMatrix("pinv", of):
                return self.pen.raised(self._base(of), self.to.sign("+"))
            case m.WholeMatrix(function, of):
                return self._called(function, of)
            case m.Directed(function, of, direction):
                return f"{self._called(function, of)}{d.sign('[')}{self.show(direction)}{d.sign(']')}"
            case _:
                raise TypeError(f"no way to print {type(t).__name__}")

    # ----------------------------------------------------------------- pieces
    def _parens(self, text: str) -> str:
        return f"{self.to.parens[0]}{text}{self.to.parens[1]}"

    def _at(self, t: MathTree, least: int, first: bool = True) -> str:
        """A part, in parentheses if it holds together less than ``least``, or begins with a minus amid others."""
        text = self.show(t)
        return self._parens(text) if level(t) < least or (not first and self._negative(text)) else text

    def _negative(self, text: str) -> bool:
        return text.startswith(self.to.sign("−"))

    def _base(self, t: MathTree) -> str:
        """What bears an exponent."""
        text = self._at(t, ATOM)
        scripted = isinstance(t, m.Name) and (
            self.pen.fraction(t.tensor) or (bool(self.to.both) and bool(self._label(t)))
        )
        return self._parens(text) if scripted else text

    def _label(self, t: m.Name) -> str:
        return getattr(parts_of_name(t.tensor, self.pen.names), "label", "")

    def _called(self, function: str, *args: MathTree) -> str:
        return self.pen.function(function) + self._parens(self._list(args))

    def _triangle(self, of: MathTree, part: str) -> str:
        """``tril(A)``, ``tril(A, −1)``; the ones outside the diagonal are ``11ᵀ − I``."""
        if part == "≠":
            return self._parens(self.show(m.TermSum((of, m.Product((m.Figure(m.MINUS), m.Diag(m.Diagonal(of))))))))
        shift = {">": m.Figure(m.MINUS), "<": m.Figure(m.MINUS * m.MINUS)}.get(part)
        return self._called("tril" if part in "≥>" else "triu", of, *((shift,) if shift else ()))

    def _list(self, args: tuple[MathTree, ...]) -> str:
        return self.to.signs.get(",", ", ").join(map(self.show, args))

    def _place(self, e: Expr) -> str:
        """A subscript, without spaces in it."""
        text = Notation(self.to, self.style).show(e, self.style.sizes)
        return text if "<" in text else text.replace(" ", "")

    def _name(self, t: m.Name, above: str = "") -> str:
        bold = self.style.bold and t.kind != "scalar"
        subs = [
            None if s is None else self.pen.letter(str(s)) if isinstance(s, int) or self.style.labels else None
            for s in t.slots
        ]
        cut = {i for i, s in zip(letters_of(t.read), t.slots, strict=True) if s is not None} if t.read else set[str]()
        if isinstance(t.read, Bracket) or (isinstance(t.read, Tensor) and picks(t.read) is not None):
            return self._held(self._picked(t.read, cut, bold), above)
        if t.read is not None:
            subs = [self._place(i) if not isinstance(i, Index) or i.name in cut else None for i in t.read.subscripts]
        at = {s for s in t.slots if s is not None}
        timed = bool(self.style.time) and at <= self.style.time and (t.read is not None or None in subs)
        if timed or (t.read is None and at <= self.style.shared):
            subs = [s for s in subs if s is not None]  # the letter tells the axis, wherever it stands
        return self.pen.name(t.tensor if t.read is None else t.read.name, subs, above, bold, cut=True)

    def _picked(self, read: Read, cut: set[str], bold: bool) -> str:
        """``E[tok]``: the rows that tok names; ``onehot(tok)``: ones there."""
        axis = picks(read)
        place = read.children[axis or 0]
        assert isinstance(place, Tensor)
        letters = [self.pen.letter(i) for i in place.letters or () if i in cut]
        inner = self.pen.name(place.name, letters, cut=True)
        if not isinstance(read, Tensor):
            return self.pen.function("onehot") + self._parens(inner)
        rest = [i.name for k, i in enumerate(read.subscripts) if k != axis and isinstance(i, Index)]
        name = self.pen.name(read.name, [self.pen.letter(i) for i in rest if i in cut], "", bold, cut=True)
        return f"{name}{self.to.sign('[')}{inner}{self.to.sign(']')}"

    def _held(self, text: str, above: str) -> str:
        if not above:
            return text
        return self.to.sup.format(text, above) if self.to.both else text + above

    def _transpose(self, of: MathTree) -> str:
        mark = self.to.sign("ᵀ")
        if isinstance(of, m.Entrywise) and of.function == "conj":  # Aᴴ, conjugated and transposed
            (of,), mark = of.args, self.to.sign("ᴴ")
        if isinstance(of, m.Name):
            return self._name(of, mark)
        if isinstance(of, m.Inverse) or (isinstance(of, m.WholeMatrix) and of.function == "pinv"):
            sign, raised = ("−", "⁻") if isinstance(of, m.Inverse) else ("+", "⁺")
            if self.to.raised:
                return self._base(of.of) + raised + mark
            if not self.to.both and sign == "−":
                return f"{self._base(of.of)}^-{mark.lstrip('^')}"
            return self.to.sup.format(self._base(of.of), self.to.sign(sign) + mark.lstrip("^"))
        if not self.to.both:
            return self._at(of, POSTFIX) + mark
        return self.to.sup.format(self._at(of, ATOM), mark)

    # ----------------------------------------------------------------- products
    def _product(self, factors: tuple[MathTree, ...]) -> str:
        sign = ""
        if isinstance(factors[0], m.Figure) and factors[0].value < 0:
            sign = self.to.sign("−")
            rest = factors[1:]
            value = -factors[0].value
            factors = rest if value == 1 and rest else (m.Figure(value), *rest)
        if len(factors) == 1 and isinstance(factors[0], m.Over):
            return sign + self.show(factors[0])
        inline = not self.to.fraction
        nested = (m.Product, m.Quotient) if inline else (m.Product,)
        grouped = sum(isinstance(f, nested) for f in factors) > 1
        out, before = sign, ""
        for n, f in enumerate(factors):
            loose = isinstance(f, nested) and (n < len(factors) - 1 or grouped)
            text = self.show(f)
            if level(f) < PRODUCT or loose or (self._negative(text) and (n or sign)):
                text = self._parens(text)
            if n:
                out += self._between(factors[n - 1], f, before, text)
            out += text
            before = text
        return out

    def _between(self, before: MathTree, after: MathTree, left: str, right: str) -> str:
        """Nothing where single letters meet, a space where a name is longer, a dot before a figure."""
        d = self.to
        if isinstance(before, m.Figure) and (_figure(after) or right[0] in "0123456789"):
            return d.sign("dot")
        if not d.tight:
            return d.thin if _long(before) or _long(after) else d.space
        if isinstance(before, m.Figure):
            return " " if _wide(after, right) or "/" in left or "e" in left else ""
        if before.kind == "scalar" and (not left.endswith(")") or after.kind != "scalar"):
            return " "
        return " " if _wide(before, left) or _wide(after, right) else ""

    def _hadamard(self, factors: tuple[MathTree, ...]) -> str:
        out = ""
        for n, f in enumerate(factors):
            upside = n > 0 and isinstance(f, m.ElementPower) and f.exponent == m.Figure(m.MINUS)
            if upside and isinstance(f, m.ElementPower):
                f = f.base
            text = self._at(f, PRODUCT, first=n == 0)
            out += f" {self.to.sign('⊘' if upside else '⊙')} {text}" if n else text
        return out

    def _sum(self, terms: tuple[MathTree, ...]) -> str:
        first = scaled(terms[0], m.MINUS) if coefficient(terms[0]) == -1 else terms[0]
        out = self._parens(self.show(terms[0])) if isinstance(first, m.Over) else self.show(terms[0])
        for n, term in enumerate(terms[1:], 2):
            negative = coefficient(term) < 0
            term = scaled(term, m.MINUS) if negative else term
            ends = isinstance(term, m.Over) and n == len(terms)  # a Σ takes what follows it
            text = self.show(term) if ends else self._at(term, HADAMARD, False)
            out += f" {self.to.sign('−' if negative else '+')} {text}"
        return out

    def _quotient(self, t: m.Quotient) -> str:
        above, below = t.numerator, t.denominator
        if self.to.fraction:
            sign = ""
            if coefficient(above) < 0 and not isinstance(above, m.TermSum):
                sign, above = self.to.sign("−"), scaled(above, m.MINUS)
            return sign + self.to.fraction.format(self.show(above), self.show(below))
        top = self._at(above, PRODUCT)
        if isinstance(above, m.Quotient):
            top = self._parens(top)
        under = self.show(below)
        if level(below) <= PRODUCT or "/" in under:
            under = self._parens(under)
        return f"{top}/{under}"

    def _apply(self, function: str, args: tuple[MathTree, ...]) -> str:
        if not args:
            return self.pen.function(function)
        inner = self._list(args)
        match function, args:
            case "sqrt", (m.IndexSize(),):
                return self.to.short_root.format(inner)
            case "sqrt", (m.Name() | m.Figure() as a,) if len(self.show(a)) == 1:
                return self.to.short_root.format(inner)
            case "sqrt", _:
                return self.to.root.format(inner)
            case "abs", _:
                return self.to.absolute.format(inner)
            case _:
                return self._called(function, *args)


def along(t: m.Along) -> str:
    """How an operation on rows or columns is called: ``softmax`` of rows, ``colsoftmax``, ``rowmax``, ``max``."""
    if t.over == "all" or (t.keeps and t.over == "rows"):
        return t.op
    return _ALONG[t.over] + t.op


def _figure(t: MathTree) -> bool:
    """Whether the text of a part begins with a figure."""
    return isinstance(t, m.Figure) or (isinstance(t, m.ScalarPower) and isinstance(t.base, m.Figure))


def _long(t: MathTree) -> bool:
    """Whether a factor needs a thin space beside it: ``\\delta z``, ``diag(x)``."""
    while isinstance(t, (m.Transpose, m.Inverse)) or (isinstance(t, m.WholeMatrix) and t.function == "pinv"):
        t = t.of
    if isinstance(t, m.Name):
        return len(t.tensor) > 1
    return isinstance(t, (m.Diag, m.Diagonal, m.MatrixTrace, m.Entrywise, m.Along, m.WholeMatrix))


def _wide(t: MathTree, text: str) -> bool:
    """Whether a factor is written with more than one letter, not counting what stands above it."""
    if isinstance(t, m.Transpose):
        t = t.of
    if isinstance(t, (m.ScalarPower, m.MatrixPower, m.ElementPower)):
        return _wide(t.base, text)
    if isinstance(t, m.Inverse) or (isinstance(t, m.WholeMatrix) and t.function == "pinv"):
        return _wide(t.of, text)
    if isinstance(t, m.Name):
        return len(text.rstrip("ᵀ⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹").replace("\u0304", "")) > 1
    return not isinstance(t, (m.Figure, m.Ones, m.Identity, m.TermSum, m.Hadamard, m.Product, m.Quotient, m.Norm))
