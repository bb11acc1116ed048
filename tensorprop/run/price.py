"""What one form of an expression costs beside another, before either is computed.

In: the record of a program over shapes (`run.count`). Out: one number, about nanoseconds on one core of a machine of
today; only its order matters, for it chooses between lowerings of one expression. Matrix products and convolutions
keep the machine's arithmetic busy, all else waits for memory, and a place that is known only at run time waits longest.
"""

from __future__ import annotations

import math
from typing import Any

from tensorprop.core.functions import orders
from tensorprop.run.count import VIEWS, Shaped
from tensorprop.run.values import DOT, MOVE

__all__ = ["START", "priced"]

# nanoseconds: for one entry that is worked on, called, found at run time, run over
_ENTRY = 0.25
_CALL = 1.5
_ROW = 8.0
_SCAN = 3.0
_LOOK, _TAKEN, _SORTED = 2.0, 0.4, 45.0  # of the greatest: for one entry, and each that is taken; of a sort, by log₂ n
START = 500.0  # of an operation that is a loop of its own

_FREE = VIEWS | {"given", "iota", "full", "table", "take", "reshape"}


def _cost(a: Shaped) -> float:
    match a.kind:
        case "dot" | "conv":
            return DOT * a.flops + MOVE * (a.size + sum(s.size for s in a.sources))
        case "gather" | "scatter":
            rows = math.prod(a.operands[1].shape)
            return START + _ROW * rows + _ENTRY * (max(a.size, a.operands[0].size) if a.kind == "scatter" else a.size)
        case "call":
            return _CALL * a.size
        case "running":
            return START + _SCAN * a.size
        case "reduce" if orders(a.note[0]):
            entries, taken = a.operands[0].size, a.shape[a.note[1][0]]
            there = a.operands[0].shape[a.note[1][0]]
            if taken < there:
                return START + entries * (_LOOK + _TAKEN * taken)
            return START + _SORTED * entries * math.log2(max(there, 2))
        case "sum" | "reduce":
            return _ENTRY * max(a.flops, a.size)
        case _:
            return 0.0 if a.kind in _FREE else _ENTRY * a.size


def priced(results: list[Any]) -> float:
    """The cost of everything that these results need, once each."""
    seen: set[int] = set()
    stack = [a for a in results if isinstance(a, Shaped)]
    total = 0.0
    while stack:
        a = stack.pop()
        if id(a) not in seen:
            seen.add(id(a))
            total += _cost(a)
            stack.extend(a.sources)
    return total
