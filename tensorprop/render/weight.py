"""How hard a formula is to read.

In: a math tree. Out: its number of symbols.
"""

from __future__ import annotations

from itertools import pairwise

from tensorprop.render import trees as m
from tensorprop.render.matrices.products import diag_cost
from tensorprop.render.trees import MathTree, level

__all__ = ["transposes", "weight"]


def weight(t: MathTree) -> float:
    """How many symbols a formula has: names, signs, and pairs of parentheses.

    A function's name counts with its parentheses as one and a bit; juxtaposition counts nothing.
    """
    total = 0.0
    for n in t.walk():
        match n:
            case m.Name(slots=slots):
                total += 1 + 0.25 * any(s is not None for s in slots)
            case m.Figure() | m.Ones() | m.Identity() | m.IndexSize():
                total += 1
            case m.Product(factors):
                total += sum(level(f) < m.PRODUCT or isinstance(f, m.Product) for f in factors)
                if isinstance(factors[0], m.Figure) and factors[0].value == -1:
                    total -= 1
                pairs = pairwise(factors)
                total -= 0.5 * any(_eleven(a, b) for a, b in pairs)
            case m.Hadamard(factors):
                total += len(factors) - 1 + sum(level(f) < m.HADAMARD for f in factors)
            case m.TermSum(terms):
                total += len(terms) - 1
            case m.Transpose(of):
                total += 1 if level(of) >= m.POSTFIX else 2.5
            case m.Diag(of):
                total += diag_cost(of)
            case m.Diagonal(of):
                total += 2 + 0.3 * all(any(s is not None for s in x.slots) for x in of.walk() if isinstance(x, m.Name))
            case m.MatrixTrace():
                total += 1.5
            case m.Entrywise() | m.Along() | m.WholeMatrix() | m.Triangle():
                total += 1.3 + 0.05 * transposes(n)
            case m.ScalarPower(base=base) | m.ElementPower(base=base) | m.MatrixPower(base=base):
                total += (level(base) < m.ATOM) + 0.05 * transposes(base)
            case m.Inverse(base):
                total += 1 + (level(base) < m.ATOM)
            case _:
                total += 1
    return total


def _upright(t: MathTree) -> MathTree:
    return t.of if isinstance(t, m.Transpose) else t


def _eleven(a: MathTree, b: MathTree) -> bool:
    """Whether two factors are 11ᵀ, whatever the two lengths."""
    both = isinstance(_upright(a), m.Ones) and isinstance(_upright(b), m.Ones)
    return both and a.kind == "column" and b.kind == "row"


def transposes(t: MathTree) -> int:
    """How many parts are transposed; inside a function it reads better outside."""
    return sum(isinstance(n, m.Transpose) for n in t.walk())
