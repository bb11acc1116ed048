"""Math trees as code for NumPy, JAX or PyTorch, to be read and copied; nothing here is ever run.

In: a tree. Out: a Python expression, as people write it: ``a @ W + b``. Vectors are one-dimensional arrays, whether
they stand or lie; matrices are as the formula shows them; tensors of which slices are shown are as in the equation; a
carried index is an axis in front that broadcasting takes along. A function left open is called by its name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import singledispatchmethod
from itertools import count
from keyword import iskeyword
from typing import Any

from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Mul, Number, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, read, takes_symmetric_part
from tensorprop.core.names import Adjoint, Derivative, Plain, adjoint_name, is_adjoint, parts_of_name, primal
from tensorprop.core.walk import inline
from tensorprop.render import trees as m
from tensorprop.render.dialects import GREEK
from tensorprop.render.pen import figures
from tensorprop.render.snippet import ATOM, POWER, SIGN, SUM, TIMES, ArrayLibrary, Bench, NoCode, Snippet, of_numbers
from tensorprop.render.trees import MathTree, coefficient, scaled

__all__ = ["COMPARED", "ArrayCode", "called", "figure", "filled", "identifier", "in_words"]

COMPARED = {"=": "==", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}


def in_words(name: str) -> str:
    """A name without Greek letters, as it is typed in code.

    >>> in_words("α"), in_words("δW")
    ('alpha', 'deltaW')
    """
    return "".join(GREEK.get(c, c) for c in name)


def typed_as(name: str) -> tuple[str, ...]:
    """How people type a name: ``alpha`` for α; ``lam`` and ``lambda_`` for λ, since Python has the word for itself.

    >>> typed_as("α"), typed_as("λ")
    (('alpha',), ('lam', 'lambda_'))
    """
    words = in_words(identifier(name))
    return (words[:3], f"{words}_") if iskeyword(words) else (words,)


def identifier(name: str) -> str:
    """A name that Python accepts: ``W_k`` for ``W^(k)``, ``dy_dx`` for ``∂y/∂x``, ``in_`` for an index called so.

    >>> identifier("W^(k+1)"), identifier("∂y·/∂x·"), identifier("δz"), identifier("in")
    ('W_k_plus_1', 'dy_dx', 'δz', 'in_')
    """
    match parts_of_name(name):
        case Plain(base, label):
            text = base + (f"_{label}" if label else "")
        case Adjoint(Plain(base, label)):
            text = adjoint_name(base) + (f"_{label}" if label else "")
        case Derivative(of, by):
            text = f"d{len(by) if len(by) > 1 else ''}{of.base}_" + "".join(f"d{p.base}" for p in by)
    text = text.replace("+", "_plus_").replace("-", "_minus_")
    text = re.sub(r"\W", "_", text)
    return f"{text}_" if iskeyword(text) else text


def called(function: str) -> str:
    """What a function left open is called: ``df`` for ``f′``, ``f_k`` for ``f^(k)``.

    >>> called("f′"), called("f^(k)"), called("g^(2)″")
    ('df', 'f_k', 'd2g_2')
    """
    stem = function.rstrip("′″‴")
    order = sum("′″‴".index(c) + 1 for c in function[len(stem) :])
    return ("d" if order == 1 else f"d{order}" if order else "") + identifier(stem)


def figure(v: Fraction) -> tuple[str, int]:
    """An exact number as code, and how tightly that holds together: a decimal where it is one, else a quotient.

    >>> figure(Fraction(9, 10)), figure(Fraction(1, 3))
    (('0.9', 4), ('1 / 3', 1))
    """
    if v.denominator == 1:
        text = figures(v)
        if " + " in text:  # of more digits than are written at once
            return (f"-({text[1:]})", SIGN) if v < 0 else (text, SUM)
        return text, SIGN if v < 0 else ATOM
    if abs(v) < 1e300 and Fraction(repr(float(v))) == v:
        return repr(float(v)), SIGN if v < 0 else ATOM
    return f"{v.numerator} / {v.denominator}", TIMES


def filled(row: str, *args: str) -> str:
    """The code of a row of the tables with its arguments put in, without parentheses around what needs none.

    >>> filled("({0}) / (1 + np.abs({0}))", "x"), filled("np.exp({0})", "(a + b)"), filled("-np.log(({0}))", "a + b")
    ('x / (1 + np.abs(x))', 'np.exp(a + b)', '-np.log(a + b)')
    """
    text = row.format(*args)
    text = re.sub(r"(?<![\w.\])])\(([^\W\d][\w.]*(?:\[[^\[\]()]*\])*|\d+)\)", r"\1", text)
    for start in [n for n in range(len(text)) if text[n : n + 2] == "(("][::-1]:
        end, inner = _closing(text, start), _closing(text, start + 1)
        if end == inner + 1 and not _listed(text[start + 2 : inner]):
            text = text[:start] + text[start + 1 : inner] + text[end:]
    return text


def _listed(text: str) -> bool:
    """Whether a comma stands outside of all parentheses: a tuple."""
    depth = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            return True
    return False


def _closing(text: str, start: int) -> int:
    """Where the parenthesis closes that opens here."""
    depth = 0
    for n in range(start, len(text)):
        depth += (text[n] in "([") - (text[n] in ")]")
        if depth == 0:
            return n
    return len(text)


class ArrayCode:
    """Writes one line's right side; ``turned`` are the matrices that the convention shows transposed.

    >>> from tensorprop.render.snippet import NUMPY
    >>> a, w = m.Name("a", (None, None), (0, 1), "matrix"), m.Name("W", (None, None), (0, 1), "matrix")
    >>> ArrayCode(NUMPY).line(m.Product((m.Transpose(a), w)), m.Name("Y", (None, None), (0, 1), "matrix"))
    'a.T @ W'
    """

    def __init__(self, to: ArrayLibrary, turned: frozenset[str] = frozenset(), carried: tuple[str, ...] = ()) -> None:
        self.to = to
        self.turned = turned
        self.bench = Bench(to, carried)
        self._new = count()

    def line(self, t: MathTree, target: m.Name) -> str:
        """The right side, its axes in the order of the left side's."""
        found = self.bench.full(self.of(t))
        left = self._name(target)
        if is_adjoint(target.tensor):  # which is not there yet, and as large as what it is owed to
            for k, s in enumerate(target.slots):
                if isinstance(s, str):
                    self.bench.sizes[s] = self._size(Dim(primal(target.tensor), k))
        names = dict(zip((*left.rows, *left.cols), (*found.rows, *found.cols), strict=True))
        return self.bench.full(found, tuple(names.get(i, i) for i in left.axes)).text

    # ----------------------------------------------------------------- leaves
    def _size(self, axis: Dim) -> str:
        k = 1 - axis.axis if axis.tensor in self.turned else axis.axis
        return f"{identifier(axis.tensor)}.shape[{k}]"

    def _sizes(self, t: m.Ones | m.Identity) -> tuple[str, ...]:
        return tuple(self._size(axis) for axis in (t.axis, *t.more))

    def _name(self, t: m.Name) -> Snippet:
        text = identifier(t.tensor)
        turned = t.tensor in self.turned and len(t.slots) == 2
        if any(isinstance(s, int) for s in t.slots):
            marks = [str(s) if isinstance(s, int) else ":" for s in (t.slots[::-1] if turned else t.slots)]
            while marks[-1] == ":":
                marks.pop()
            text += f"[{', '.join(marks)}]"
        labels = {axis: f"·{next(self._new)}" for axis in t.order}
        for axis, i in labels.items():
            self.bench.sizes[i] = self._size(Dim(t.tensor, axis))
        axes = tuple(labels.get(k, str(s)) for k, s in enumerate(t.slots) if not isinstance(s, int))
        for k, s in enumerate(t.slots):
            if isinstance(s, str):
                self.bench.sizes.setdefault(s, self._size(Dim(t.tensor, k)))
        order = tuple(labels[axis] for axis in t.order)
        if turned:
            axes = axes[::-1]
        split = {"column": len(order), "row": 0, "matrix": t.rows}.get(t.kind, len(order))
        if len(set(axes)) < len(axes):  # a diagonal over carried indices
            whole = Snippet(text, ATOM, t.kind, axes)
            out = Snippet("", ATOM, t.kind, (), order[:split], order[split:])
            return self.bench.einsum(out, (whole,), (*dict.fromkeys(axes),))
        return Snippet(text, ATOM, t.kind, axes, order[:split], order[split:])

    @singledispatchmethod
    def of(self, t: MathTree) -> Snippet:
        """A part."""
        raise TypeError(f"no way to write {type(t).__name__} as code")

    @of.register
    def _(self, t: m.Name) -> Snippet:
        return self._name(t)

    @of.register
    def _(self, t: m.Figure) -> Snippet:
        text, level = figure(t.value)
        return Snippet(text, level, "scalar")

    @of.register
    def _(self, t: m.IndexSize) -> Snippet:
        return Snippet(self._size(t.axis), ATOM, "scalar")

    @of.register
    def _(self, t: m.Counter) -> Snippet:
        size = self._size(t.axis)
        self.bench.sizes.setdefault(t.letter, size)
        return Snippet(f"{self.to.call('arange')}({size})", ATOM, "scalar", (t.letter,))

    @of.register
    def _(self, t: m.Ones) -> Snippet:
        tall, broad = ((), self._sizes(t)) if t.of == "row" else (self._sizes(t), ())
        return Snippet("1", ATOM, t.of, tall=tall, broad=broad)

    @of.register
    def _(self, t: m.Identity) -> Snippet:
        return self._square(f"{self.to.call('eye')}({' * '.join(self._sizes(t))})", ())

    def _square(self, text: str, batch: tuple[str, ...]) -> Snippet:
        i, j = f"·{next(self._new)}", f"·{next(self._new)}"
        self.bench.sizes |= {i: f"{text}.shape[0]", j: f"{text}.shape[1]"}
        return Snippet(text, ATOM, "matrix", (*batch, i, j), (i,), (j,))

    # ----------------------------------------------------------------- products and sums
    @of.register
    def _(self, t: m.Transpose) -> Snippet:
        return self.of(t.of).turned

    @of.register
    def _(self, t: m.Product) -> Snippet:
        scalars = [self.of(f) for f in t.factors if f.kind == "scalar"]
        trees = [f for f in t.factors if f.kind != "scalar"]
        if _all_of(trees) and not isinstance(trees[1], m.Diag | m.Inverse | m.Identity):
            rest = [self.bench.added(self.of(trees[1]))]
        else:
            rest = [self._factor(f) for f in trees]
        out: Snippet | None = None
        for s in scalars:
            out = s if out is None else self.bench.times(out, s)
        if not rest:
            assert out is not None
            return out
        chain = rest[0]
        for f in rest[1:]:
            if chain.diagonal and f.diagonal:
                f = self._diagonal(f)
            chain = self.bench.times(chain, f) if chain.kind == "scalar" else self.bench.product(chain, f)
        if chain.diagonal:
            chain = self._diagonal(chain)
        return chain if out is None else self.bench.times(out, chain)

    def _factor(self, t: MathTree) -> Snippet:
        """A factor; a diagonal matrix is left as its vector."""
        match t:
            case m.Diag(of):
                return self._vector(self.of(of))
            case m.Inverse(m.Diag(of)):
                return replace(self._vector(self.of(of)), under=True)
            case _:
                return self.of(t)

    def _vector(self, s: Snippet) -> Snippet:
        s = s.turned if s.kind == "row" else s
        return _rewritten(self.bench.full(s), diagonal=True)

    def _diagonal(self, s: Snippet) -> Snippet:
        batch = self.bench.batch(s)
        s = self.bench.ordered(s, (*batch, *(i for i in s.axes if i not in batch)))
        if s.under:
            s = replace(s, text=f"1 / {s.at(SIGN)}", level=TIMES)
        if batch:
            eye = f"{self.to.call('eye')}({s.at(ATOM)}.shape[-1])"
            return replace(self._square(f"{s.at(ATOM)}[..., None] * {eye}", batch), level=TIMES)
        return self._square(f"{self.to.call('diag')}({s.text})", ())

    @of.register
    def _(self, t: m.Diag | m.Inverse) -> Snippet:
        if isinstance(t, m.Diag) or isinstance(t.of, m.Diag):
            return self._diagonal(self._factor(t))
        s = self._lying(t.of)
        return _rewritten(s, text=f"{self.to.call('linalg.inv')}({s.text})", level=ATOM)

    @of.register
    def _(self, t: m.Hadamard) -> Snippet:
        out: Snippet | None = None
        for f in t.factors:
            upside = out is not None and isinstance(f, m.ElementPower) and f.exponent == m.Figure(m.MINUS)
            s = self.of(f.base if upside and isinstance(f, m.ElementPower) else f)
            out = s if out is None else self.bench.over(out, s) if upside else self.bench.times(out, s)
        assert out is not None
        return out

    @of.register
    def _(self, t: m.TermSum) -> Snippet:
        out = self.of(t.terms[0])
        for term in t.terms[1:]:
            negative = coefficient(term) < 0
            out = self.bench.plus(out, self.of(scaled(term, m.MINUS) if negative else term), negative)
        return out

    @of.register
    def _(self, t: m.Over) -> Snippet:
        s = self.bench.full(self.of(t.body))
        return self.bench.summed(s, t.letters)

    @of.register
    def _(self, t: m.Quotient) -> Snippet:
        return self.bench.over(self.of(t.numerator), self.of(t.denominator))

    # ----------------------------------------------------------------- powers
    def raised(self, base: Snippet, exponent: Snippet) -> Snippet:
        """A power of every entry."""
        one = Snippet("1", ATOM, "scalar")
        if exponent.text == "-1":
            return self.bench.over(one, base)
        if re.fullmatch(r"-\d+", exponent.text):
            below = _rewritten(base, text=f"{base.at(ATOM)}**{exponent.text[1:]}", level=POWER)
            return self.bench.over(one, below)
        x, y, out = self.bench.alike(base, exponent)
        return _rewritten(out, text=f"{x.at(ATOM)}**{y.at(SIGN)}", level=POWER)

    @of.register
    def _(self, t: m.ScalarPower) -> Snippet:
        if isinstance(t.base, m.Norm) and t.exponent == m.Figure(Fraction(2)):
            s = self.bench.full(self.of(t.base.of))
            squared = _rewritten(s, text=f"{s.at(ATOM)}**2", level=POWER)
            return _rewritten(self.bench.summed(squared, (*s.rows, *s.cols)), kind="scalar")
        return self.raised(self.of(t.base), self.of(t.exponent))

    @of.register
    def _(self, t: m.ElementPower) -> Snippet:
        return self.raised(self.of(t.base), self.of(t.exponent))

    def _lying(self, t: MathTree) -> Snippet:
        """A part at full size, carried indices in front, then rows, then columns."""
        s = self.bench.full(self.of(t))
        return self.bench.ordered(s, (*self.bench.batch(s), *s.rows, *s.cols))

    @of.register
    def _(self, t: m.MatrixPower) -> Snippet:
        s = self._lying(t.base)
        return _rewritten(s, text=f"{self.to.call('linalg.matrix_power')}({s.text}, {t.exponent})", level=ATOM)

    # ----------------------------------------------------------------- functions
    @of.register
    def _(self, t: m.Entrywise) -> Snippet:
        return self.applied(t.function, [self.of(a) for a in t.args])

    def applied(self, function: str, args: list[Snippet]) -> Snippet:
        """A function of every entry."""
        row = FUNCTIONS.get(function)
        if len(args) > 1:
            out = args[0]
            for a in args[1:]:
                _, _, out = self.bench.alike(out, a)
            args = [self.bench.alike(out, a)[1] if a.axes else a for a in args]
        elif args:
            out = args[0]
        else:
            out = Snippet("", ATOM, "scalar")
        if row is not None and not self.to.told(row):
            text, level = self._meant(read(row.means), dict(zip(row.arguments, args, strict=True)))
            return _rewritten(out, text=text, level=level)
        inner = ", ".join(a.text for a in args)
        if row is None:
            return _rewritten(out, text=f"{called(function)}({inner})", level=ATOM)
        if self.to.prefix == "torch" and (plain := of_numbers(function, [a.text for a in args])) is not None:
            return _rewritten(out, text=plain, level=POWER if plain.endswith("**0.5") else ATOM)
        text = filled(self.to.told(row), inner)
        return _rewritten(out, text=text, level=ATOM if re.fullmatch(r"[a-z.]+|[a-z][\w.]*\(.*\)", text) else TIMES)

    def _meant(self, e: Expr, given: dict[str, Snippet]) -> tuple[str, int]:
        """The code of what a function means, its arguments put in."""

        def at(e: Expr, least: int) -> str:
            text, level = self._meant(e, given)
            return f"({text})" if level < least else text

        match e:
            case Tensor(name=name):
                return given[name].text, given[name].level
            case Number():
                s = self.of(m.Figure(e.value))
                return s.text, s.level
            case Add(terms):
                return " + ".join(at(t, TIMES) for t in terms), SUM
            case Mul(factors):
                return " * ".join(at(f, SIGN) for f in factors), TIMES
            case Bracket(relation, left, right):
                return self._where(f"{at(left, SUM)} {COMPARED[relation]} {at(right, SUM)}"), ATOM
            case Call("power", (base, Number(value))) if value < 0:
                below = at(base, SIGN) if value == -1 else f"{at(base, ATOM)}**{at(Number(-value), ATOM)}"
                return f"1 / {below}", TIMES
            case Call("power", (base, exponent)):
                return f"{at(base, ATOM)}**{at(exponent, ATOM)}", POWER
            case Call(function, args):
                row = FUNCTIONS[function]
                if not self.to.told(row):
                    inner = inline(read(row.means), dict(zip(row.arguments, (((), a) for a in args), strict=True)))
                    return self._meant(inner, given)
                return f"({self.to.told(row).format(', '.join(at(a, SUM) for a in args))})", ATOM
            case _:
                raise TypeError(f"no way to print {type(e).__name__} in the meaning of a function")

    def _where(self, condition: str) -> str:
        if self.to.like:
            return f"({condition}).to({self.to.like}.dtype)"
        return f"{self.to.call('where')}({condition}, 1.0, 0.0)"

    @of.register
    def _(self, t: m.Indicator) -> Snippet:
        x, y, out = self.bench.alike(self.of(t.left), self.of(t.right))
        condition = f"{x.at(TIMES)} {COMPARED[t.relation]} {y.at(TIMES)}"
        return _rewritten(out, text=self._where(condition), level=ATOM)

    # ----------------------------------------------------------------- along rows and columns
    def _places(self, s: Snippet, gone: tuple[str, ...]) -> str:
        places = [s.axes.index(i) for i in gone]
        if len(gone) == len(s.axes):
            return ""
        if places == [len(s.axes) - 1]:
            places = [-1] if len(s.axes) > 2 else places
        return f", {self.to.axis}={places[0] if len(places) == 1 else tuple(places)}"

    @of.register
    def _(self, t: m.Along) -> Snippet:
        s = self.bench.full(self.of(t.of))
        gone = (*s.rows, *s.cols) if t.over == "all" else s.cols if t.over == "rows" else s.rows
        told = self.to.told(REDUCTIONS[t.op]) or f"{self.to.call(t.op)}({{1}}{{2}})"
        where = self._places(s, gone)
        if not where:
            plain = t.over == "all" and not self.to.told(REDUCTIONS[t.op])
            where = "" if plain else f", {self.to.axis}={'None' if len(s.axes) != 1 else 0}"
        text = filled(told, s.at(TIMES), s.text, where)
        level = ATOM if re.fullmatch(r"[a-z][\w.]*\(.*\)", text) else TIMES
        if t.keeps:
            return _rewritten(s, text=text, level=ATOM if text.startswith("(") else level)
        axes, rows, cols = (tuple(i for i in side if i not in gone) for side in (s.axes, s.rows, s.cols))
        return _rewritten(Snippet(text, ATOM, t.kind, axes, rows, cols))

    @of.register
    def _(self, t: m.MatrixTrace) -> Snippet:
        if isinstance(t.of, m.Product) and len(t.of.factors) == 2:
            a, b = t.of.factors
            if isinstance(a, m.Transpose) is not isinstance(b, m.Transpose):  # tr(AᵀB) is Σ_ij A_ij B_ij
                one, other = (self.of(f.of if isinstance(f, m.Transpose) else f) for f in (a, b))
                return self.bench.added(self.bench.times(one, other))
        s = self._lying(t.of)
        batch = self.bench.batch(s)
        name, more = ("trace", "") if not batch else ("trace", ", axis1=-2, axis2=-1")
        if batch and self.to.axis == "dim":
            return Snippet(f"{s.at(ATOM)}.diagonal(dim1=-2, dim2=-1).sum(-1)", ATOM, "scalar", batch)
        return Snippet(f"{self.to.call(name)}({s.text}{more})", ATOM, "scalar", batch)

    @of.register
    def _(self, t: m.Diagonal) -> Snippet:
        if isinstance(t.of, m.Product) and len(t.of.factors) == 2:
            a, b = t.of.factors
            one, other = self.of(a), self.of(b).turned
            if len(one.rows) > 1:  # diag(ABᵀ) is (A ⊙ B)1
                s = self.bench.full(self.bench.times(one, other))
                out = replace(self.bench.summed(s, s.cols), kind="column")
                return out.turned if t.lies == "row" else out
        s = self._lying(t.of)
        batch = self.bench.batch(s)
        i = s.rows
        more = f", {self.to.axis}1=-2, {self.to.axis}2=-1" if batch else ""
        text = f"{self.to.call('diagonal' if batch else 'diag')}({s.text}{more})"
        out = Snippet(text, ATOM, "column", (*batch, *i), i)
        return out.turned if t.lies == "row" else out

    @of.register
    def _(self, t: m.Triangle) -> Snippet:
        s = self._lying(t.of)
        if t.part == "≠":
            diag = self.to.call("diag")
            return _rewritten(s, text=f"{s.at(TIMES)} - {diag}({diag}({s.text}))", level=SUM, factors=())
        shift = {">": ", -1", "<": ", 1"}.get(t.part, "")
        text = f"{self.to.call('tril' if t.part in '≥>' else 'triu')}({s.text}{shift})"
        return _rewritten(s, text=text, level=ATOM)

    @of.register
    def _(self, t: m.Mask) -> Snippet:
        ones = self.of(replace(t, added=False).spelled)
        if not t.added:
            return ones
        condition = f"{ones.text} > 0"
        return _rewritten(ones, text=f"{self.to.call('where')}({condition}, 0.0, -{self.to.prefix}.inf)", level=ATOM)

    @of.register
    def _(self, t: m.Picked) -> Snippet:
        raise NoCode("one entry is read for every value of what is carried")

    @of.register
    def _(self, t: m.Norm) -> Snippet:
        s = self.bench.full(self.of(t.of))
        gone = (*s.rows, *s.cols)
        if len(gone) > 2:
            text = f"{self.to.call('sqrt')}({self.to.call('sum')}({s.at(ATOM)}**2{self._places(s, gone)}))"
        else:
            text = f"{self.to.call('linalg.norm')}({s.text}{self._places(s, gone)})"
        return Snippet(text, ATOM, "scalar", self.bench.batch(s))

    @of.register
    def _(self, t: m.WholeMatrix) -> Snippet:
        s = self._lying(t.of)
        row, batch = REDUCTIONS[t.function], self.bench.batch(s)
        code = self.to.told(row)
        if not code:
            raise NoCode(f"{self.to.prefix} has no {t.function}")
        if not row.square and "u" not in row.axes:
            raise NoCode(f"of more columns than rows {self.to.prefix} leaves some of {t.function} out")
        if takes_symmetric_part(t.function):
            s = _rewritten(s, text=f"({s.at(TIMES)} + {self.bench.ordered(s, _last_two(s)).at(TIMES)}) / 2")
        first, *rest = (*(s.rows if axis == "u" else s.cols for axis in row.axes), ())
        second = tuple(f"{i}'" for i in first) if rest[:1] == [first] else next(iter(rest), ())
        lies: m.Kind = "column" if t.kind == "row" else t.kind
        found = Snippet(code.format("", s.text, ""), ATOM, lies, (*batch, *first, *second), first, second)
        return found.turned if t.kind == "row" else found

    @of.register
    def _(self, t: m.Directed) -> Snippet:
        x, e = self._lying(t.of), self._lying(t.along)
        call = self.to.directed(t.function)
        if not call or self.bench.batch(x, e):
            raise NoCode(f"{self.to.prefix} has no {t.function} {'for several matrices' if call else ''}".strip())
        text = f"{call}({x.text}, {e.text}, compute_expm=False)"
        return Snippet(text, ATOM, "matrix", x.axes, x.rows, x.cols)

    @of.register
    def _(self, t: m.Inner) -> Snippet:
        s = self.bench.times(self.of(t.left), self.of(t.right))
        return _rewritten(self.bench.summed(s, s.axes), kind="scalar")


def _last_two(s: Snippet) -> tuple[str, ...]:
    """The axes of a matrix, the last two exchanged."""
    return (*s.axes[:-2], *s.axes[:-3:-1])


def _all_of(factors: list[MathTree]) -> bool:
    """Whether it is 1ᵀX1, the sum of all entries."""
    if len(factors) != 3 or (factors[0].kind, factors[1].kind, factors[2].kind) != ("row", "matrix", "column"):
        return False
    return all(isinstance(f.of if isinstance(f, m.Transpose) else f, m.Ones) for f in (factors[0], factors[2]))


def _rewritten(s: Snippet, **changes: Any) -> Snippet:
    """The snippet with other text; what it was made of is forgotten."""
    return replace(s, **{"factors": (), **changes})
