"""How hard a formula is to read, and the last touch before it is printed.

In: a math tree. Out: its number of symbols; the same tree with AA as A².
"""

from __future__ import annotations

from itertools import pairwise

from tensorprop.render import trees as m
from tensorprop.render.matrices.products import diag_cost
from tensorprop.render.trees import Tree, level

__all__ = ["polished", "transposes", "weight"]


def weight(t: Tree) -> float:
    """How many symbols a formula has: names, signs, and pairs of parentheses.

    A function's name counts with its parentheses as one and a bit; juxtaposition counts nothing.
    """
    total = 0.0
    for n in t.walk():
        match n:
            case m.Name(slots=slots):
                total += 1 + 0.25 * any(s is not None for s in slots)
            case m.Number() | m.Ones() | m.Identity() | m.Size():
                total += 1
            case m.Product(factors):
                total += sum(level(f) < m.PRODUCT or isinstance(f, m.Product) for f in factors)
                if isinstance(factors[0], m.Number) and factors[0].value == -1:
                    total -= 1
                pairs = pairwise(factors)
                total -= 0.5 * any(_eleven(a, b) for a, b in pairs)
            case m.Hadamard(factors):
                total += len(factors) - 1 + sum(level(f) < m.HADAMARD for f in factors)
            case m.Sum(terms):
                total += len(terms) - 1
            case m.Transpose(of):
                total += 1 if level(of) >= m.POSTFIX else 2.5
            case m.Diag(of):
                total += diag_cost(of)
            case m.Diagonal(of):
                total += 2 + 0.3 * all(any(s is not None for s in x.slots) for x in of.walk() if isinstance(x, m.Name))
            case m.Trace():
                total += 1.5
            case m.Apply() | m.Along() | m.WholeMatrix():
                total += 1.3 + 0.05 * transposes(n)
            case m.Power(base=base) | m.ElementPower(base=base) | m.MatrixPower(base=base):
                total += (level(base) < m.ATOM) + 0.05 * transposes(base)
            case m.Inverse(base):
                total += 1 + (level(base) < m.ATOM)
            case _:
                total += 1
    return total


def _upright(t: Tree) -> Tree:
    return t.of if isinstance(t, m.Transpose) else t


def _eleven(a: Tree, b: Tree) -> bool:
    """Whether two factors are 11ᵀ, whatever the two lengths."""
    both = isinstance(_upright(a), m.Ones) and isinstance(_upright(b), m.Ones)
    return both and a.kind == "column" and b.kind == "row"


def transposes(t: Tree) -> int:
    """How many parts are transposed; inside a function it reads better outside."""
    return sum(isinstance(n, m.Transpose) for n in t.walk())


def polished(t: Tree) -> Tree:
    """The last touch: AA is written A²."""
    match t:
        case m.Product(factors):
            out: list[Tree] = []
            for f in map(polished, factors):
                before = out[-1] if out else None
                base, n = (before.base, before.exponent) if isinstance(before, m.MatrixPower) else (before, 1)
                if f.kind == "matrix" and base == f:
                    out[-1] = m.MatrixPower(f, n + 1)
                else:
                    out.append(f)
            return out[0] if len(out) == 1 else m.Product(tuple(out))
        case m.Hadamard(factors):
            return m.Hadamard(tuple(map(polished, factors)))
        case m.Sum(terms):
            return m.Sum(tuple(map(polished, terms)))
        case m.Quotient(a, b):
            return m.Quotient(polished(a), polished(b))
        case m.Power(a, b):
            return m.Power(polished(a), b)
        case m.ElementPower(a, b):
            return m.ElementPower(polished(a), b)
        case m.Apply(function, args):
            return m.Apply(function, tuple(map(polished, args)))
        case m.Indicator(relation, a, b):
            return m.Indicator(relation, polished(a), polished(b))
        case m.Along(op, of, over, keeps):
            return m.Along(op, polished(of), over, keeps)
        case m.WholeMatrix(function, of):
            return m.WholeMatrix(function, polished(of))
        case m.Transpose(of):
            return m.Transpose(polished(of))
        case m.Trace(of):
            return m.Trace(polished(of))
        case m.Diagonal(of, lies):
            return m.Diagonal(polished(of), lies)
        case m.Diag(of):
            return m.Diag(polished(of))
        case m.Norm(of):
            return m.Norm(polished(of))
        case m.Inverse(of):
            return m.Inverse(polished(of))
        case _:
            return t
