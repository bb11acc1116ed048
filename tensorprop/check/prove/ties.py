"""Rules apart from ties: where no two numbers that are compared are equal.

In: an equation. Out: the same with strict comparisons alone, and the comparisons that differed at ties. Which side of a
kink a subgradient takes is a choice, so that two right rules may differ there.
"""

from __future__ import annotations

from tensorprop.core.build import ONE, ZERO, bracket
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Add, Bracket, Expr, Index
from tensorprop.core.walk import postorder, tensors_of, transform

__all__ = ["apart", "unguarded"]


def unguarded(eq: Equation, like: Equation) -> Equation:
    """The equation with x for ``x + [x = 0]``, a guard against 0/0, if ``like`` asks for no ``=``.

    >>> from tensorprop.text import parse
    >>> s = parse("y_i = conj(z_i) / (abs(z_i) + [abs(z_i) = 0]); w_i = conj(z_i)")
    >>> print(unguarded(s["y"], s["w"]))
    y_i = conj(z_i) / abs(z_i)
    """
    if any(isinstance(n, Bracket) and n.relation == "=" for n in postorder(like.value)):
        return eq

    def rule(n: Expr) -> Expr:
        match n:
            case Add((x, Bracket("=", left, right))) if left is x and right is ZERO:
                return x
            case _:
                return n

    return equation(eq.target, transform(eq.value, rule))


def apart(eq: Equation) -> tuple[Equation, tuple[Bracket, ...]]:
    """The equation where no two entries that it compares are equal, and the comparisons that were told apart by that.

    >>> from tensorprop.text import parse
    >>> found, ties = apart(parse("y_i = ([x_i > a] + 1/2 [x_i = a]) w_i")["y"])
    >>> print(found, "apart from", *ties)
    y_i = [x_i > a] w_i apart from [x_i = a]
    """
    ties: list[Bracket] = []

    def strict(n: Expr) -> Expr:
        if not isinstance(n, Bracket) or any(isinstance(side, Index) for side in n.children):
            return n  # a label beside an index is no tie
        if n.relation in "<>" or not any(True for side in n.children for _ in tensors_of(side)):
            return n
        ties.append(n)
        match n.relation:
            case "=":
                return ZERO
            case "≠":
                return ONE
            case _:
                return bracket("<" if n.relation == "≤" else ">", n.left, n.right)

    return equation(eq.target, transform(eq.value, strict)), tuple(ties)
