"""The numbers at which a rule bends or jumps: what entries are compared with, through whatever function they are.

In: an expression. Out: sizes of entries, on both sides of which a rule is to be looked at. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tensorprop.core.expr import Bracket, Call, Expr, Number, Tensor
from tensorprop.core.functions import FUNCTIONS, read
from tensorprop.core.terms import number_and_rest, terms_of
from tensorprop.core.walk import postorder, tensors_of

__all__ = ["thresholds"]

_ENDLESS = 1e6  # numbers from here on stand for infinity


def thresholds(e: Expr) -> Iterator[float]:
    """Where entries meet what they are compared with: 100 of ``[x_i > 100]``, 2.5 of ``clip(0.2 x_i + 0.5, 0, 1)``."""
    for n in postorder(e):
        if not isinstance(n, Bracket) and not (isinstance(n, Call) and n.function in FUNCTIONS and _bends(n.function)):
            continue
        if not any(True for _ in tensors_of(n)):
            continue
        sides = [m for side in n.children for m in (side, *(() if isinstance(side, Tensor) else side.children))]
        ends = {m.value for m in (*sides, *_ends_of(n)) if isinstance(m, Number)}
        lines = [line for m in sides if (line := _line(m)) is not None]
        met = {(c - b) / a for a, b in lines for c in {*ends, 0}}
        yield from (float(abs(c)) for c in sorted(ends | met) if abs(c) < _ENDLESS)


def _bends(function: str) -> bool:
    """Whether a function has kinks or steps."""
    row = FUNCTIONS[function]
    return bool(row.kink) and function not in ("power", "where", "stop", "hypot", "polygamma")


def _ends_of(n: Expr) -> Iterator[Expr]:
    """The numbers at which a function of the table bends: 0 and 6 of relu6."""
    if isinstance(n, Call):
        for text in FUNCTIONS[n.function].slopes:
            for m in postorder(read(text)):
                if isinstance(m, Bracket):
                    yield from m.children


def _line(e: Expr) -> tuple[Fraction, Fraction] | None:
    """a and b of ``a x_i + b``, where x is whatever is no number."""
    terms = terms_of(e)
    rest = [t for t in terms if not isinstance(t, Number)]
    if len(rest) != 1 or isinstance(e, Number):
        return None
    a = number_and_rest(rest[0])[0]
    return (a, sum((t.value for t in terms if isinstance(t, Number)), Fraction(0))) if a else None
