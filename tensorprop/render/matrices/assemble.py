"""A product put together: number, scalars, matrices, over the divisors.

In: forms. Out: a tree and what it costs, or a form.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprop.render import trees as m
from tensorprop.render import weight as price
from tensorprop.render.matrices.laid import Laid
from tensorprop.render.trees import MathTree, level, scaled

__all__ = ["assembled", "repeated", "scalar_factors"]


def repeated(f: Laid, ones: Laid) -> Laid:
    """A scalar at every entry: 1 becomes the ones themselves."""
    if f.tree == m.Figure(Fraction(1)):
        return ones
    if isinstance(f.tree, m.Figure):
        return Laid(scaled(ones.tree, f.tree.value), ones.cost + price.NAME, f.place)
    tail = ones.tree.factors if isinstance(ones.tree, m.Product) else (ones.tree,)
    if isinstance(f.tree, m.Quotient):
        head = f.tree.numerator
        top = tail if head == m.Figure(Fraction(1)) else (*scalar_factors(head), *tail)
        up = top[0] if len(top) == 1 else m.Product(top)
        return Laid(m.Quotient(up, f.tree.denominator), f.cost + ones.cost, f.place)
    cost = f.cost + ones.cost + price.PARENTHESES * (level(f.tree) <= m.PRODUCT)
    return Laid(m.Product((*scalar_factors(f.tree), *tail)), cost, f.place)


def scalar_factors(t: MathTree) -> tuple[MathTree, ...]:
    """The factors of a scalar that may stand on their own in front of something."""
    if isinstance(t, m.Product) and all(f.kind == "scalar" for f in t.factors):
        return t.factors
    return (t,)


def assembled(ratio: Fraction, above: list[Laid], body: Laid | None, below: list[Laid]) -> tuple[MathTree, float]:
    """Number, scalars, body, over the divisors."""
    front: list[MathTree] = []
    for f in above:
        front += scalar_factors(f.tree)
    parts = (*above, *((body,) if body else ()), *below)
    cost = sum(f.cost for f in parts) + price.SIGN * bool(below)
    if body is not None and not front and isinstance(body.tree, m.Hadamard):
        tree = scaled(body.tree, ratio)
        cost += price.NAME * (ratio != 1)
    else:
        tail: tuple[MathTree, ...] = ()
        if body is not None:
            tail = body.tree.factors if isinstance(body.tree, m.Product) else (body.tree,)
            cost += price.PARENTHESES * (level(body.tree) < m.PRODUCT and bool(front or ratio != 1))
        everything = [*front, *tail]
        numbers = [t for t in everything if isinstance(t, m.Figure)]
        for t in numbers:
            ratio *= t.value
        everything = [t for t in everything if not isinstance(t, m.Figure)]
        cost += price.PARENTHESES * sum(isinstance(t, m.Product) for t in everything) * (len(everything) > 1)
        if ratio != 1 or not everything:
            everything.insert(0, m.Figure(ratio))
            cost += price.NAME
        tree = everything[0] if len(everything) == 1 else m.Product(tuple(everything))
    if below:
        under = [t for f in below for t in scalar_factors(f.tree)]
        tree = m.Quotient(tree, under[0] if len(under) == 1 else m.Product(tuple(under)))
    return tree, cost
