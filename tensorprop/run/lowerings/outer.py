"""``Σ_pqr (B_ir A_pq + A_ir B_pq) x_r x_p x_q``: a sum of outer products is not spread over their letters.

In: a product with such a factor. Out: the form in which each term has a product of its own. So are the uses of a tensor
added by reverse differentiation; rules have their common factors in front. Terms of fewer letters, ``x_ni − c_ki``,
stay together: they may nearly cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprop.core.expr import Add
from tensorprop.core.walk import tensors_of
from tensorprop.run.lowerings.selection import added, beside
from tensorprop.run.product import Contraction
from tensorprop.run.values import Rule

__all__ = ["outer_products"]


def outer_products(p: Contraction) -> Callable[[Any], Rule] | None:
    """The form for a product with such a factor, by whoever lowers it."""
    for k, (e, names, sizes) in enumerate(p.factors):
        if isinstance(e, Add) and _of_outer_products(e):
            return lambda on: added(on, [beside(p, k, t, names, sizes) for t in e.terms])
    return None


def _of_outer_products(e: Add) -> bool:
    """Whether every term has all letters, and no tensor does."""
    return all(t.free == e.free for t in e.terms) and not any(t.free >= e.free for t in tensors_of(e))
