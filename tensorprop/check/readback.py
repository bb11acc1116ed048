"""Printed formulas, read again: what a line says in Unicode, ASCII, LaTeX or Typst is the equation it was printed of.

In: a line, its text and the convention. Out: whether the reader of formulas makes of the text what the line says: in
canonical form or, where that does not tell, in numbers. What was read once is remembered.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from tensorprop.check.prove.decide import Laws, decide
from tensorprop.check.verified import closed, sample
from tensorprop.core.build import rename
from tensorprop.core.canon import same
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Expr
from tensorprop.core.ranges import unbounded
from tensorprop.errors import OutOfRange, TensorpropError
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.convolved import read_inside
from tensorprop.render.matrices.line import Line
from tensorprop.render.matrices.stand_ins import in_plain_letters
from tensorprop.render.reading.formulas import read_again
from tensorprop.render.reading.lengths import Known
from tensorprop.run.reference import evaluate

__all__ = ["reads"]


def reads(line: Line, text: str, convention: Convention, page: tuple[Equation, ...] = ()) -> bool:
    """Whether a text, read as a formula in this convention, is the line's equation; ``page``: all equations beside it.

    >>> from tensorprop.render.matrices.choose import lines
    >>> from tensorprop.text import parse
    >>> (dense,) = lines(parse("δW_ij = a_bi δz_bj"), Convention())
    >>> reads(dense, "δW = aᵀ δz", Convention()), reads(dense, "δW = δzᵀ a", Convention())
    (True, False)
    """
    key = (convention.layout, convention.samples, convention.derivative, convention.batch, convention.turned)
    return _reads(page if line.equation in page else (line.equation,), line.equation, text, key)


_Key = tuple[
    Literal["column", "row"], Literal["rows", "columns"], Literal["denominator", "numerator"], str, frozenset[str]
]


@lru_cache(maxsize=64)
def _known(page: tuple[Equation, ...]) -> tuple[System, Known, Laws]:
    s = system(page)
    return s, Known(s), Laws(s)


@lru_cache(maxsize=8192)
def _reads(page: tuple[Equation, ...], eq: Equation, text: str, key: _Key) -> bool:
    try:
        _, names, laws = _known(page)
    except TensorpropError:  # equations that are no page: a name is defined twice
        return len(page) > 1 and _reads((eq,), eq, text, key)
    layout, samples, derivative, batch, turned = key
    convention = Convention(layout, samples, derivative, batch=batch, turned=turned)
    try:
        (found,) = read_again(text, names, convention)
    except (TensorpropError, ValueError):
        return False
    if found.name != eq.name or len(found.letters) != len(eq.letters):
        return False
    letters = dict(zip(found.letters, eq.letters, strict=True))
    value = rename(found.value, letters)
    if not all(map(same, rename(found.target, letters).children, eq.target.children)):
        return False
    if same(value, eq.value) or any(same(value, way(eq).value) for way in (unbounded, read_inside)):
        return True
    if _in_numbers(eq, value):
        return True
    found = equation(eq.target, value)
    return len(page) > 1 and decide(found, eq, laws=laws, numbers=False).proved


def _in_numbers(eq: Equation, value: Expr) -> bool:
    """Whether another right side gives the same numbers, on arrays that fit the equation."""
    try:
        drawn = sample(in_plain_letters(eq))
    except OutOfRange:  # what lies outside is stated elsewhere
        return False
    if drawn is None:
        return False
    arrays, want, opened = drawn
    other, _ = closed(in_plain_letters(equation(eq.target, value)), opened)
    try:
        s = system([other])
        with np.errstate(all="ignore"):
            got = np.asarray(evaluate(s, {k: arrays[k] for k in s.inputs})[eq.name])
    except (TensorpropError, ValueError, KeyError, IndexError):
        return False
    scale = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    return got.shape == want.shape and np.allclose(got, want, rtol=1e-7, atol=1e-9 * max(scale, 1e-3), equal_nan=True)
