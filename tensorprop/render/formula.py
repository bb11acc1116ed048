"""A formula as people see it: lines of math, in every output format, with the convention that they follow.

In: equations and a Convention. Out: a Formula, printable as Unicode, LaTeX, Typst, NumPy and JAX code. Whether the
formula is right is checked elsewhere, on numbers; this file knows none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Index, Mul, Sum, Tensor
from tensorprop.core.walk import tensors_of
from tensorprop.render import code as numpy
from tensorprop.render import index, latex, typst, unicode
from tensorprop.render import trees as m
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.convert import Line, lines
from tensorprop.render.names import Style

__all__ = ["Formula", "as_latex", "render"]

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
        derivatives = any(t.tensor.startswith("∂") or (t.tensor.startswith("δ") and len(t.tensor) > 1) for t in names)
        batched = any(_samples_first(line.equation, self.style.batch) for line in self.lines)
        notes = [self.style.says(derivatives, batched)]
        if any(isinstance(t, m.Along) and t.keeps and t.over == "rows" for t in trees):
            notes.append("softmax acts on each row")
        sizes = dict.fromkeys(t.letter for t in trees if isinstance(t, m.Size))
        notes += [f"|{i}| is the size of {i}" for i in sizes]
        if any(isinstance(t, m.Ones) for t in trees):
            notes.append("1 is a vector of ones")
        return "; ".join(notes)

    # ----------------------------------------------------------------- output
    @property
    def unicode(self) -> str:
        """Text for a terminal."""
        return self._joined(
            unicode.show, lambda eq, s: index.written(eq, "unicode", s), "  (for every {})", ", ", terminal=True
        )

    @property
    def latex(self) -> str:
        """LaTeX for math mode, without environments."""
        suffix = r" \quad (\mathrm{{for\ every}}\ {})"
        return self._joined(
            latex.show, lambda eq, s: index.written(eq, "latex", s), suffix, r", \quad ", noted=_latex_note
        )

    @property
    def typst(self) -> str:
        """Typst's math notation."""
        return self._joined(
            typst.show,
            lambda eq, s: index.written(eq, "typst", s),
            ' quad "(for every {})"',
            ", quad ",
            noted=lambda note: f' quad "{note.strip(" ,")}"' if note else "",
        )

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

    def _style(self) -> Style:
        style = Style(self.style.adjoint, self.style.bold, True, self.style.names)
        return style if self.bare or not _evident(self.lines) else replace(style, labels=False)

    def _joined(
        self,
        show: Callable[[m.Tree, Style], str],
        fallback: Callable[[Equation, Style], str],
        suffix: str,
        comma: str,
        terminal: bool = False,
        noted: Callable[[str], str] = str,
    ) -> str:
        style = self._style()
        shown: list[str] = []
        for line in self.lines:
            if line.right is None or line.left is None:
                shown.append(fallback(line.equation, style))
                continue
            right = show(line.right, style) + (line.note if terminal else noted(line.note))
            shown.append(right if self.bare else f"{show(line.left, style)} = {right}")
        carried = {line.carried for line in self.lines}
        if len(carried) == 1:
            (letters,) = carried
            end = suffix.format(", ".join(letters)) if letters else ""
            together = comma.join(shown)
            if not terminal or len(together) + len(end) <= _WIDTH:
                return together + end
            return "\n".join(shown) + ("\n" + end.strip() if end else "")
        ends = [suffix.format(", ".join(line.carried)) if line.carried else "" for line in self.lines]
        return ("\n" if terminal else comma).join(text + end for text, end in zip(shown, ends, strict=True))

    def _code(self, dialect: numpy.Dialect) -> str:
        out: list[str] = []
        for line in self.lines:
            if line.right is None or line.left is None:
                text = _einsum(line.equation, dialect)
            else:
                target = line.left if isinstance(line.left, m.Name) else None
                text = numpy.code(line.right, dialect, line.carried, target)
            out.append(text if self.bare else f"{numpy.identifier(line.equation.name)} = {text}")
        return "\n".join(out)


def _latex_note(note: str) -> str:
    """How a result of higher order is to be read, upright."""
    words = note.strip(" ,").replace("–", "-").replace(" ", r"\ ")
    return rf" \quad \mathrm{{{words}}}" if words else ""


def render(s: System, convention: Convention, carry: tuple[str, ...] | None = None, bare: bool = False) -> Formula:
    """The formula of every equation, not yet checked on numbers."""
    if convention.samples == "columns":
        everything = [t for eq in s for t in (eq.target, *tensors_of(eq.value))]
        turned = frozenset(t.name for t in everything if _leads(t, convention.batch))
        turned |= {name[1:] for name in turned if name.startswith("δ") and len(name) > 1}
        convention = replace(convention, turned=turned)
    return Formula(tuple(lines(s, convention, carry)), convention, bare)


def _leads(t: Tensor, batch: str) -> bool:
    return len(t.subscripts) == 2 and t.subscripts[0] is Index(batch)


def _samples_first(eq: Equation, batch: str) -> bool:
    return any(_leads(t, batch) for t in (eq.target, *tensors_of(eq.value)))


def _evident(rows: tuple[Line, ...]) -> bool:
    """Whether every name has all the carried indices in front, so that they need not be shown."""
    for line in rows:
        for side in (line.left, line.right):
            for t in side.walk() if side else ():
                if isinstance(t, m.Name) and t.slots and t.slots[: len(line.carried)] != line.carried:
                    return False
    return True


def _einsum(eq: Equation, dialect: numpy.Dialect) -> str:
    """``np.einsum`` of a bare product; of anything else a comment that says there is none."""
    e = eq.value.body if isinstance(eq.value, Sum) else eq.value
    factors = e.factors if isinstance(e, Mul) else (e,)
    names: list[str] = []
    places: list[str] = []
    for f in factors:
        if not isinstance(f, Tensor) or f.letters is None or any(len(i) > 1 or not i.isascii() for i in f.letters):
            return f"...  # no matrix form: {index.written(eq, 'unicode')}"
        names.append(numpy.identifier(f.name))
        places.append("".join(f.letters))
    return f'{dialect.prefix}.einsum("{",".join(places)}->{"".join(eq.letters)}", {", ".join(names)})'


def as_latex(x: Equation | System, sums: Literal["explicit", "einstein"] = "explicit") -> str:
    """Equations in index notation as LaTeX, one a line, that parses back to them.

    >>> from tensorprop.text import parse
    >>> print(as_latex(parse("z_bj = a_bi W_ij + b_j")))
    z_{bj} = \\sum_{i} a_{bi} W_{ij} + b_{j}
    >>> print(as_latex(parse("z_bj = a_bi W_ij + b_j"), sums="einstein"))
    z_{bj} = a_{bi} W_{ij} + b_{j}
    """
    found = index.lines(x)
    return "\n".join(index.einstein(eq) if sums == "einstein" else index.written(eq, "latex") for eq in found)
