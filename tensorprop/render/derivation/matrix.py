"""One equation as a formula in vectors and matrices, for a derivation.

In: an Equation and a Convention. Out: a `Shown`: the formula in Unicode and in LaTeX and its tree, or why there is
none. The search is that of `matrix`; sizes are not known here.
"""

from __future__ import annotations

from typing import NamedTuple

from tensorprop.core.equation import Equation, system
from tensorprop.render import dialects
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.convert import lines
from tensorprop.render.names import Style
from tensorprop.render.printer import Printer
from tensorprop.render.trees import Tree

__all__ = ["Shown", "matrix"]


class Shown(NamedTuple):
    """A formula without indices: both sides as one line, the tree of the right side, the indices carried along.

    Where there is no matrix form, ``unicode`` is empty and ``why`` says why.
    """

    unicode: str
    latex: str
    tree: Tree | None
    carried: tuple[str, ...]
    why: str
    left: str
    right: str


def matrix(eq: Equation, convention: Convention) -> Shown:
    """The formula of one equation.

    >>> from tensorprop.text import parse
    >>> matrix(parse("z_j = a_i W_ij")["z"], Convention()).unicode
    'z = Wᵀa'
    """
    (line,) = lines(system([eq]), convention)
    if line.left is None or line.right is None:
        return Shown("", "", None, (), line.why, "", "")
    style = Style(adjoint=convention.adjoint, bold=convention.bold, names=convention.names)
    shown = Printer(dialects.UNICODE, style)
    left, right = shown.show(line.left), shown.show(line.right)
    return Shown(
        f"{left} = {right}",
        Printer(dialects.LATEX, style).equation(line.left, line.right),
        line.right,
        line.carried,
        "",
        left,
        right,
    )
