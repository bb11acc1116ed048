"""Which inputs of a model are learnt, as far as its equations tell.

In: a System that ends in one number, its error. Out: the names of its parameters, or nothing where the equations do not
tell. Nothing hangs on names of tensors; the letter b counts samples, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Expr, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of

__all__ = ["learnt"]


def learnt(s: System, batch: str = "b") -> tuple[str, ...]:
    """The parameters of a model.

    With samples, an input that counts them is data, and any other is learnt, but for single numbers in the error
    alone, as a margin or an exponent is. Without, an input is learnt that is
    multiplied with what was computed before, or added beside such a product; of a product of inputs alone, the one
    that has no index of the result is what comes in. Where an input is neither, nothing is told.

    >>> from tensorprop.text import parse
    >>> learnt(parse("z_j = x_i W_ij + b_j; h_j = tanh(z_j); u_k = h_j V_jk; E = (u_k - t_k)^2"))
    ('W', 'b', 'V')
    >>> learnt(parse("z_bj = x_bi W_ij + c_j; E = (z_bj - t_bj)^2"))
    ('W', 'c')
    >>> learnt(parse("y = x_i A_ij x_j"))
    ()
    """
    if len(s.outputs) != 1 or s.rank(s.outputs[0]) or len(s) < 2:
        return ()
    counted = {t.name for eq in s for t in tensors_of(eq.value) if t.letters and batch in t.letters}
    if counted & set(s.inputs):
        before = {name for eq in s if eq.name != s.outputs[0] for name in eq.inputs}
        return tuple(n for n in s.inputs if n not in counted and (s.rank(n) or n in before))
    return _by_place(s)


def _by_place(s: System) -> tuple[str, ...]:
    made = set(s.names) - set(s.inputs)
    weights: set[str] = set()
    data: set[str] = set()
    later: list[tuple[Equation, list[Tensor]]] = []
    for eq in s:
        for product in _products(eq.value):
            leaves = [f for f in product if isinstance(f, Tensor) and f.name not in made]
            if any(t.name in made for f in product for t in tensors_of(f)):
                if len(product) > 1:
                    weights.update(t.name for t in leaves if t.subscripts)
            elif len(leaves) == len(product) > 1:
                later.append((eq, leaves))
    if not weights:
        return ()
    for eq, leaves in later:
        lacking = [t for t in leaves if not set(eq.letters) & set(t.letters or ()) and eq.letters]
        data.update(t.name for t in lacking)
        weights.update(t.name for t in leaves if t not in lacking and lacking)
    for eq in s:
        terms = eq.value.terms if isinstance(eq.value, Add) else ()
        alone = [t for t in terms if isinstance(t, Tensor) and t.name not in made]
        if len(alone) < len(terms) and any(t.name in weights for t in tensors_of(eq.value)):
            weights.update(t.name for t in alone)
        if eq.name == s.outputs[0] or _only_in(s, eq):
            data.update(t.name for t in tensors_of(eq.value) if t.name in s.inputs and t.name not in weights)
    told = set(s.inputs) <= weights | data and not weights & data
    return tuple(name for name in s.inputs if name in weights) if told else ()


def _only_in(s: System, eq: Equation) -> bool:
    """Whether an equation has no product with a weight any more: it is a part of the error."""
    return False if eq.letters else eq.name != s.outputs[0]


def _products(e: Expr) -> Iterator[tuple[Expr, ...]]:
    """The products within an expression, each as its factors."""
    for n in postorder(e):
        if isinstance(n, Sum):
            yield factors_of(n.body)
