"""``[q = 0] a_j + [q = 1] b_j``: entries put side by side along q, in place of a sum of masked arrays.

Brackets ``[q = c]`` with different numbers c are never 1 together, and so at q = c nothing is left of the sum but the
term of c. What several terms read of one tensor at numbers, ``z[t, 0, j]`` and ``z[t, 1, j]``, owes it such a sum.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from tensorprop.core.build import mul
from tensorprop.core.expr import Add, Bracket, Expr, Index, Mul, Number
from tensorprop.run.lowerings.entries import Asks
from tensorprop.run.values import Rule, Sizes, Value, Wish

__all__ = ["placed", "side_by_side"]


def placed(e: Add, sizes: Sizes, fixed: Container[str]) -> tuple[str, dict[int, Expr], list[Expr]] | None:
    """The letter, the terms by their place on it, and the terms that have none; None if fewer than two have one."""
    found: dict[str, dict[int, Expr]] = {}
    where: dict[Expr, str] = {}
    for t in e.terms:
        factors = t.factors if isinstance(t, Mul) else ()
        for k, f in enumerate(factors):
            match f:
                case Bracket("=", Index(name=q), Number(value=c)) if c.denominator == 1 and q not in fixed:
                    rest = mul(*(g for n, g in enumerate(factors) if n != k))
                    terms = found.setdefault(q, {})
                    if q not in rest.free and int(c) not in terms and 0 <= c < sizes[q] and t not in where:
                        terms[int(c)], where[t] = rest, q
                case _:
                    pass
    q = max(found, key=lambda i: len(found[i]), default=None)
    if q is None or len(found[q]) < 2:
        return None
    return q, found[q], [t for t in e.terms if where.get(t) != q]


def side_by_side(on: Any, letter: str, terms: dict[int, Expr], sizes: Sizes) -> Rule:
    """An array along ``letter`` whose entries are these terms, zero where there is none."""
    asks: Asks = on
    found: dict[int, Value] = {}
    for c, t in terms.items():
        v = yield Wish(t, sizes)
        found[c] = Value(on.plain(v), v.axes)
    frame = on.frame([*found.values()])
    shape = [sizes[i] for i in frame]
    rows: list[Any] = []
    for c in range(sizes[letter]):
        there = found.get(c)
        rows.append(asks.ops.full(tuple(shape), 0.0) if there is None else asks.spread(there, frame, sizes))
    axes = on.sorted((*frame, letter))
    made = asks.ops.stack(rows, axes.index(letter))
    if [i for i in axes if i != letter] != [*frame]:
        made = asks.ops.stack(rows, len(frame))
        axes = (*frame, letter)
    return Value(made, axes)
