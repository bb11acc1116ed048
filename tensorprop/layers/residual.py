"""A way around a page: its input is added to its output.

In: a page, and which tensors are meant. Out: a page with one equation more, whose rule for the input has one term more.
"""

from __future__ import annotations

from tensorprop.calculus.page import Page, axis_letters
from tensorprop.core.build import add, fresh
from tensorprop.core.equation import Equation, equation, system
from tensorprop.core.expr import Index, Tensor
from tensorprop.core.names import adjoint_name
from tensorprop.errors import RankMismatch

__all__ = ["around"]


def around(page: Page, entry: str, out: str, called: str) -> Page:
    """The page with ``r = x + y`` for its input x and its output y; ``called`` is whose page it is, for an error.

    Errors: RankMismatch where these have different numbers of axes.
    """
    if page.system.rank(out) != page.system.rank(entry):
        raise RankMismatch(
            f"{called} takes {entry} with {page.system.rank(entry)} axes and gives {page.system[out].target}",
            known="an input is added to an output with as many axes",
            fix="let the layer give what it takes",
        )
    own = zip(axis_letters(page.system, entry), page.system[out].letters, strict=True)
    plain = tuple(Index(i or j) for i, j in own)
    name = fresh("q", {*page.system.names, *(eq.name for eq in page.parts)})
    total = equation(Tensor(name, plain), add(Tensor(entry, plain), Tensor(out, plain)))

    def owed(eq: Equation) -> Equation:
        if eq.name != adjoint_name(entry):
            return eq
        return equation(eq.target, add(eq.value, Tensor(adjoint_name(name), eq.target.subscripts)))

    forward = system([*page.system, total], page.system.facts)
    return Page(forward, tuple(map(owed, page.rules)), page.parts, page.given)
