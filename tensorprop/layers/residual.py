"""A layer with a way around it: its input is added to its output.

In: a Layer. Out: a Layer whose page has one equation more, and whose rule for the input has one term more.
"""

from __future__ import annotations

from tensorprop.calculus.page import Page, axis_letters
from tensorprop.core.build import add, fresh
from tensorprop.core.equation import Equation, equation, system
from tensorprop.core.expr import Index, Tensor
from tensorprop.core.names import adjoint_name
from tensorprop.errors import RankMismatch
from tensorprop.layers.chain import entry_of, exit_of
from tensorprop.layers.layer import Layer, layer_of

__all__ = ["residual"]


def residual(layer: Layer) -> Layer:
    """``r = x + f(x)`` for a layer f; so ``δx`` is what f owes it and δr besides, and what f gave is owed δr.

    The output has the indices of the input, so that both have the same sizes. A rule that was written for δx is kept,
    with the term δr added. Errors: UsageError where the layer has several inputs or outputs that could be meant,
    RankMismatch where these have different numbers of axes.

    >>> print(residual(Layer("h_j = tanh(x_j)", "δx_j = δh_j (1 - h_j^2)")))
    # Layer
    h_j = tanh(x_j)
    r_j = x_j + h_j
    # backward
    δh_j = δr_j    # derived
    δx_j = δh_j (1 - h_j^2) + δr_j
    """
    page, entry, out = layer.page, entry_of(layer, 0), exit_of(layer, 0)
    if page.system.rank(out) != page.system.rank(entry):
        raise RankMismatch(
            f"{layer.name} takes {entry} with {page.system.rank(entry)} axes and gives {page.system[out].target}",
            known="an input is added to an output with as many axes",
            fix="let the layer give what it takes",
        )
    own = zip(axis_letters(page.system, entry), page.system[out].letters, strict=True)
    letters = [i or j for i, j in own]
    name = fresh("q", {*page.system.names, *(eq.name for eq in page.parts)})
    plain = tuple(map(Index, letters))
    around = equation(Tensor(name, plain), add(Tensor(entry, plain), Tensor(out, plain)))

    def owed(eq: Equation) -> Equation:
        if eq.name != adjoint_name(entry):
            return eq
        return equation(eq.target, add(eq.value, Tensor(adjoint_name(name), eq.target.subscripts)))

    whole = Page(
        system([*page.system, around], page.system.facts), tuple(map(owed, page.rules)), page.parts, page.given
    )
    return layer_of(whole, layer.name, layer.parameters, entry, layer.numbered)
