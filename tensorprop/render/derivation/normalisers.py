"""What a normaliser is in elementary functions, and how its slope comes about from that.

In: the name of a softmax or of its kin. Out: its definition, the derivative by the rules of school, and the sentence
that leads to the row of the table of reductions. A test holds each row against what is derived here.
"""

from __future__ import annotations

from functools import cache

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.functions import REDUCTIONS, keeps, read
from tensorprop.core.walk import transform
from tensorprop.render.derivation.passage import derivative, moves
from tensorprop.render.derivation.sentences import Math, Sentence, entry, say
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


def from_meaning(op: str, along: Math) -> Sentence | None:
    """How the row of a normaliser comes about: what it is, its derivative, and what is found again in it."""
    if op not in MEANING:
        return None
    eq, value = derived(op)
    above = entry(Tensor("y", (Index("v"),)) if keeps(op) else Tensor("y", ()))
    total, s = parse_expression("Σ_w exp(x_w)"), Tensor("s", ())
    short = (entry(transform(e, lambda n: s if n is total else n)) for e in (eq.value, value))
    x, last = entry(Tensor("x", (Index("u"),))), entry(slope(op))
    means, made = short
    return say(
        "{op} along {i} is {y} = {means} with {s} = {total}, so {law}.",
        op=op.capitalize(),
        i=along,
        y=above,
        means=means,
        s=entry(s),
        total=entry(total),
        law=Math(
            f"∂{above.unicode}/∂{x.unicode} = {made.unicode} = {last.unicode}",
            rf"\partial {above.latex} / \partial {x.latex} = {made.latex} = {last.latex}",
        ),
    )
