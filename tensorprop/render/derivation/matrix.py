"""One equation as a formula in vectors and matrices, for a derivation.

In: an Equation, a Convention, the page that it stands on. Out: a `MatrixForm`: the formula in Unicode and in LaTeX and
its tree, or why there is none. Search and text are those of `formula`; sizes are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from tensorprop.core.equation import Equation, System, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Number
from tensorprop.core.names import is_adjoint
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.render import dialects
from tensorprop.render import trees as m
from tensorprop.render.derivation.indexed import Indexed, indexed
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.formula import told
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.choose import lines
from tensorprop.render.matrices.line import Line
from tensorprop.render.matrices.masks import Key, masks_of, with_masks
from tensorprop.render.pen import Pen, Style
from tensorprop.render.printer import TreePrinter
from tensorprop.render.trees import MathTree

__all__ = ["MatrixForm", "matrix", "named_masks"]


@dataclass(frozen=True)
class MatrixForm:
    """A formula without indices: both sides as one line, the tree of the right side, the indices carried along.

    ``index`` knows the letters of every part of the tree. Where there is no matrix form, ``unicode`` is empty and
    ``why`` says why.
    """

    unicode: str
    latex: str
    tree: MathTree | None
    carried: tuple[str, ...]
    why: str
    left: Math
    right: Math
    line: Line
    index: Indexed | None = None
    style: Style = field(default_factory=Style)
    transposed: bool = False  # the left side, a gradient in numerator layout

    def part(self, t: MathTree) -> Math:
        """A part of the formula, on its own."""
        return written(t, self.style)

    @property
    def whole(self) -> Math | None:
        """The formula with what it holds for, and what it names; None where there is none."""
        if not self.unicode:
            return None
        after = (told(self.line.legend, Pen(to, self.style)) for to in (dialects.UNICODE, dialects.LATEX))
        return Math(self.unicode, self.latex).then(*after)


def written(t: MathTree, style: Style) -> Math:
    """A part of a formula, in Unicode and in LaTeX."""
    return Math(TreePrinter(dialects.UNICODE, style).show(t), TreePrinter(dialects.LATEX, style).show(t))


def spelled(t: MathTree) -> MathTree:
    """The tree as it is printed: all entries but the diagonal are ``A − diag(diag(A))``."""
    t = t.map(spelled)
    if isinstance(t, m.Triangle) and t.part == "≠":
        return m.TermSum((t.of, m.Product((m.Figure(m.MINUS), m.Diag(m.Diagonal(t.of))))))
    return t


def _before(place: Expr) -> bool:
    """Whether a subscript lies before the first entry of an axis, or behind the last: ``-1``, ``dim(r, 0)``."""
    return isinstance(place, Dim) or (isinstance(place, Number) and place.value < 0)


@lru_cache(256)
def named_masks(page: System) -> tuple[tuple[Key, m.Mask], ...]:
    """The masks that a page has, each with the one name under which it stands in every line beside it."""
    if not any(isinstance(n, Bracket) and n.relation != "=" for eq in page for n in postorder(eq.value)):
        return ()
    return masks_of(lines(page, Convention(), style="carry"), page)


def matrix(eq: Equation, convention: Convention, page: System | None = None) -> MatrixForm:
    """The formula of one equation; what it names itself has a name that is free on its ``page``.

    >>> from tensorprop.text import parse
    >>> matrix(parse("z_j = a_i W_ij")["z"], Convention()).unicode
    'z = Wᵀa'
    """
    line = Line(eq, None, None, why="it gives one entry along an axis, a start of a recurrence")
    if not all(isinstance(s, Index) for s in eq.target.subscripts) and eq.place is None:
        line = Line(eq, None, None, why=f"it gives one step of a recurrence, {eq.target}, from those before it")
    elif any(_before(s) for t in tensors_of(eq.value) for s in t.subscripts):
        line = Line(eq, None, None, why="it reads where a recurrence starts, which is no entry of the array")
    elif eq.place is None:
        on = page if page is not None else system([eq])
        (line,) = with_masks(lines(system([eq]), convention, style="carry"), on, named_masks(on))
    shared = line.shared(bare=False)
    style = Style(adjoint=convention.adjoint, bold=convention.bold, names=convention.names, shared=shared)
    if line.left is None or line.right is None:
        return MatrixForm("", "", None, (), line.why, Math("", ""), Math("", ""), line, None, style)
    left, right = (written(t, style) for t in (line.left, line.right))
    return MatrixForm(
        f"{left.unicode} = {right.unicode}",
        TreePrinter(dialects.LATEX, style).equation(line.left, line.right),
        tree := spelled(line.right),
        line.carried,
        "",
        left,
        right,
        line,
        indexed(eq, line.left, tree, line.carried),
        style,
        convention.derivative == "numerator" and is_adjoint(eq.name),
    )
