"""A formula as people see it: lines of math, in every output format, with the convention that they follow.

In: equations and a Convention. Out: a Formula, printable as Unicode, LaTeX, Typst, NumPy and JAX code. Whether the
formula is right is checked elsewhere, on numbers; this file knows none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Sum, Tensor
from tensorprop.core.names import is_adjoint, is_derivative, primal
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import tensors_of
from tensorprop.render import code as numpy
from tensorprop.render import dialects
from tensorprop.render import trees as m
from tensorprop.render.dialects import Dialect
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.choose import lines
from tensorprop.render.matrices.line import Legend, Line
from tensorprop.render.matrices.treatments import Style as Handling
from tensorprop.render.notation import Notation
from tensorprop.render.pen import Pen, Style
from tensorprop.render.printer import TreePrinter

__all__ = ["Formula", "render", "told"]

_WIDTH = 88  # columns within which several short formulas share a line


@dataclass(frozen=True)
class Formula:
    """Equations as formulas in vectors and matrices; ``str`` is the Unicode.

    ``lines``: one for each equation. ``bare``: only right sides are shown, as for an einsum spec.
    """

    lines: tuple[Line, ...]
    style: Convention
    bare: bool = False

    @property
    def kind(self) -> Literal["matrix", "batched", "index"]:
        """``matrix``; ``batched`` where an index is carried along; ``index`` where a line has no matrix form."""
        if any(line.right is None for line in self.lines):
            return "index"
        return "batched" if any(line.carried for line in self.lines) else "matrix"

    @property
    def why(self) -> str:
        """Why there is no matrix form; empty where there is one."""
        return "; ".join(dict.fromkeys(line.why for line in self.lines if line.right is None))

    @property
    def convention(self) -> str:
        """What the formula takes for granted, in one line."""
        trees = [t for line in self.lines for side in (line.left, line.right) if side for t in side.walk()]
        names = [t for t in trees if isinstance(t, m.Name)]
        derivatives = any(is_derivative(t.tensor) or (is_adjoint(t.tensor)) for t in names)
        equations = [line.equation for line in self.lines]
        batched = any(self.style.leads(t) for eq in equations for t in (eq.target, *tensors_of(eq.value)))
        notes = [self.style.says(derivatives, batched)]
        if any(isinstance(t, m.Along) and t.keeps and t.over == "rows" for t in trees):
            notes.append("softmax acts on each row")
        sizes = dict.fromkeys(t.letter for t in trees if isinstance(t, m.IndexSize))
        notes += [f"|{i}| is the size of {i}" for i in sizes]
        if any(isinstance(t, m.Ones) for t in trees):
            notes.append("1 is a vector of ones")
        return "; ".join(notes)

    # ----------------------------------------------------------------- output
    @property
    def unicode(self) -> str:
        """Text for a terminal."""
        return self.written(dialects.UNICODE)

    @property
    def ascii(self) -> str:
        """Text for a terminal that has ASCII alone."""
        return self.written(dialects.ASCII)

    @property
    def latex(self) -> str:
        """LaTeX for math mode, without environments."""
        return self.written(dialects.LATEX)

    @property
    def typst(self) -> str:
        """Typst's math notation."""
        return self.written(dialects.TYPST)

    @property
    def mathml(self) -> str:
        """MathML, as browsers take it."""
        return self.written(dialects.MATHML)

    @property
    def numpy(self) -> str:
        """NumPy code, one statement a line; for an einsum spec an expression."""
        return self._code(numpy.NUMPY)

    @property
    def jax(self) -> str:
        """JAX code."""
        return self._code(numpy.JAX)

    def __str__(self) -> str:
        return self.unicode

    def written(self, to: Dialect) -> str:
        """The formula in a dialect: short lines beside one another, each with what holds for every value of it."""
        style = Style(self.style.adjoint, self.style.bold, True, self.style.names)
        full, short = TreePrinter(to, style), TreePrinter(to, replace(style, labels=False))
        notation = Notation(to, style, exact=True)
        terminal = to.page[0] == "\n"
        shown: list[str] = []
        for line in self.lines:
            if line.right is None or line.left is None:
                shown.append(notation.equation(line.equation))
                continue
            printer = full if self.bare or not _evident(line) else short
            right = printer.show(line.right) + (line.note if terminal else _noted(line.note, to))
            shown.append(right if self.bare else f"{printer.show(line.left)} {to.sign('=')} {right}")
        legends = {self._legend(line) for line in self.lines}
        if len(legends) == 1 and not (self.bare and len(self.lines) > 1):
            end = told(next(iter(legends)), full.pen)
            together = to.comma.join(shown)
            if not terminal or len(together) + len(end) <= _WIDTH:
                shown = [together + end]
            elif end:
                shown.append(end.strip())
        else:
            shown = [text + told(self._legend(line), full.pen) for text, line in zip(shown, self.lines, strict=True)]
        return to.page[1].format(to.page[0].join(map(to.line.format, shown)))

    def _legend(self, line: Line) -> Legend:
        """How a line is read; on a page of several, what is taken as one is the same for all."""
        groups = dict.fromkeys(g for other in self.lines for g in other.joined)
        if len(self.lines) == 1 or self.bare or not groups:
            return line.legend
        every = tuple(part for part in line.legend if part[0] == "for every")
        return (*(("", (g,)) for g in groups), *every)

    def _code(self, dialect: numpy.ArrayLibrary) -> str:
        dialect = replace(dialect, turned=self._turned())
        out: list[str] = []
        for line in self.lines:
            over = line.right is not None and any(isinstance(t, m.Over) for t in line.right.walk())
            if line.right is None or line.left is None or line.joined or over:
                text = _einsum(line.equation, dialect)
            else:
                target = line.left if isinstance(line.left, m.Name) else None
                text = numpy.code(line.right, dialect, line.carried, target)
            comment = self.bare or text.startswith("#")
            out.append(text if comment else f"{numpy.identifier(line.equation.name)} = {text}")
        return "\n".join(out)

    def _turned(self) -> frozenset[str]:
        """Matrices whose first axis the convention takes for the columns'; those that only a rule names among them."""
        found = set[str]()
        for line in self.lines:
            for t in (line.equation.target, *tensors_of(line.equation.value)):
                for x in (t, Tensor(primal(t.name), t.subscripts)) if is_adjoint(t.name) else (t,):
                    if len(x.subscripts) == 2 and self.style.placed(x, (0, 1))[0] == (1, 0):
                        found.add(x.name)
        return frozenset(found)


def told(legend: Legend, pen: Pen) -> str:
    """A legend behind a formula: ``(rows (b,t), for every h)``."""
    if not legend:
        return ""
    tex = pen.to.name == "latex"
    parts: list[str] = []
    for words, groups in legend:
        letters = [",".join(map(pen.letter if tex else str, g)) for g in groups]
        if not groups:
            parts.append(f"\\mathrm{{{_upright(words, pen.to)}}}" if tex else words)
            continue
        shown = ", ".join(f"({one})" if len(g) > 1 else one for one, g in zip(letters, groups, strict=True))
        words, after = (words, "") if words else ("", " as one")
        if tex:
            words = f"\\mathrm{{{_upright(words, pen.to)}}}\\ " if words else ""
            after = f"\\ \\mathrm{{{_upright(after.strip(), pen.to)}}}" if after else ""
        parts.append(words + " " * bool(words and not tex) + shown + after)
    text = f"({', '.join(parts)})"
    return pen.to.quad + (text if tex else pen.to.prose.format(text))


def _noted(note: str, to: Dialect) -> str:
    """How a result of higher order is to be read, upright."""
    return to.quad + to.prose.format(_upright(note.strip(" ,"), to)) if note else ""


def _upright(words: str, to: Dialect) -> str:
    return words.replace("–", "-").replace(" ", r"\ ") if to.name == "latex" else words


def render(
    s: System,
    convention: Convention,
    carry: tuple[str, ...] | None = None,
    bare: bool = False,
    style: Handling = None,
) -> Formula:
    """The formula of every equation, not yet checked on numbers."""
    convention = convention.over(s)
    return Formula(tuple(lines(s, convention, carry, style)), convention, bare)


def _evident(line: Line) -> bool:
    """Whether every name has all the carried indices, so that they need not be shown."""
    for side in (line.left, line.right):
        for t in side.walk() if side else ():
            if isinstance(t, m.Over):
                return False
            if isinstance(t, m.Name) and t.slots and sorted(map(str, _cuts(t))) != sorted(line.carried):
                return False
    return True


def _cuts(t: m.Name) -> list[str | int]:
    return [s for s in t.slots if s is not None]


def _einsum(eq: Equation, dialect: numpy.ArrayLibrary) -> str:
    """``np.einsum`` of a bare product; of anything else a comment that says there is none."""
    e = eq.value.body if isinstance(eq.value, Sum) else eq.value
    factors = factors_of(e)
    names: list[str] = []
    places: list[str] = []
    for f in factors:
        if not isinstance(f, Tensor) or f.letters is None or any(len(i) > 1 or not i.isascii() for i in f.letters):
            return f"# no matrix form: {Notation(dialects.UNICODE, exact=True).equation(eq)}"
        names.append(numpy.identifier(f.name))
        places.append("".join(f.letters))
    return f'{dialect.prefix}.einsum("{",".join(places)}->{"".join(eq.letters)}", {", ".join(names)})'
