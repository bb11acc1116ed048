"""What a normaliser is in elementary functions, and how its slope comes about from that.

In: the name of a softmax or of its kin. Out: its definition, the derivative by the rules of school, and the sentence
that leads to the row of the table of reductions. A test holds each row against what is derived here.
"""

from __future__ import annotations

from functools import cache

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.functions import REDUCTIONS, keeps, read
from tensorprop.render.derivation.passage import derivative, moves
from tensorprop.render.derivation.sentences import Sentence, entry, say
from tensorprop.text import parse, parse_expression

__all__ = ["MEANING", "derived", "from_meaning"]

MEANING = {
    "softmax": ("y_v = exp(x_v) / Σ_w exp(x_w)", "exp(x_v) / Σ_w exp(x_w)", "y_v"),
    "logsoftmax": ("y_v = x_v - log(Σ_w exp(x_w))", "exp(x_u) / Σ_w exp(x_w)", "exp(y_u)"),
    "logsumexp": ("y = log(Σ_w exp(x_w))", "exp(x_u) / Σ_w exp(x_w)", "exp(x_u - y)"),
}
"""Reductions whose slope is not obvious: the definition, the fraction that is found again in it, and what it is."""


@cache
def derived(op: str) -> tuple[Equation, Expr]:
    """The definition of a reduction, and its derivative by x_u, brackets used up.

    >>> eq, slope = derived("logsumexp")
    >>> print(eq, "|", slope)
    y = log(Σ_w exp(x_w)) | exp(x_u) / Σ_w exp(x_w)
    """
    (eq,) = parse(MEANING[op][0])
    found = derivative(eq, "x", ("u",))
    assert found is not None
    value = found.rule.value
    for move in moves(value, slope(op)):
        value = move.result
    return eq, value


def slope(op: str) -> Expr:
    """The row of the table, in the letters of the definition."""
    return read(REDUCTIONS[op].slope, ("u", "v") if keeps(op) else ("u",))


def from_meaning(op: str) -> Sentence | None:
    """How the row of a normaliser comes about: what it is, its derivative, and what is found again in it."""
    if op not in MEANING:
        return None
    eq, value = derived(op)
    _, fraction, name = (entry(parse_expression(text.rpartition("= ")[2], free="uv")) for text in MEANING[op])
    above = Tensor("y", (Index("v"),)) if keeps(op) else Tensor("y", ())
    return say(
        "{op} is {y} = {means}. So the derivative of {y} by {x} is {value}, and {fraction} is {name}.",
        op=op.capitalize(),
        y=entry(above),
        x=entry(Tensor("x", (Index("u"),))),
        means=entry(eq.value),
        value=entry(value),
        fraction=fraction,
        name=name,
    )
