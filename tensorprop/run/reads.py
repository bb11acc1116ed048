"""Are all reads inside? What a shifted subscript reaches, in numbers.

In: a System with its sizes. Out: nothing, or an error that names the tensor, the axis, the subscript and the size. Not
looked at are tensors of which a line ``outside(a) = …`` says what lies outside, and what a bracket of the same product,
or the condition of a ``where``, makes zero anyhow. A subscript that is itself an entry of an array is looked at when
its value is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.affine import form
from tensorprop.core.build import mul, number
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Bracket, Call, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder
from tensorprop.errors import OutOfRange, UnknownRange
from tensorprop.run.sizes import Extents, counted

__all__ = ["fold_outside", "inside"]

_GRID = 1 << 21  # values of the letters of a subscript and of its brackets that are tried one by one


def fold_outside(s: Any, size: int, how: Number | str | None) -> tuple[Any, Any]:
    """Subscripts as entries inside, and where they were inside or are told by one that is (None: everywhere).

    ``edge``, ``wrap`` and ``mirror`` name another entry; every other subscript outside is put to 0, and is not there.
    """
    if how == "edge":
        return np.clip(s, 0, size - 1), None
    if how == "wrap":
        return s % size, None
    if how == "mirror":
        period = max(1, 2 * size - 2)
        m = s % period
        return np.where(m < size, m, period - m), None
    there = (s >= 0) & (s < size)
    return np.where(there, s, 0), there


class _Standing(NamedTuple):
    """An entry where it stands: the sizes of letters around it, and the brackets that make its product zero."""

    node: Expr
    sizes: dict[str, int]
    guards: tuple[Bracket, ...]


def inside(x: Extents) -> None:
    """Refuse a System whose subscripts leave their axes.

    Errors: OutOfRange.
    """
    for n, eq in enumerate(x.system.equations):
        steps = x.steps.get(eq.name)
        guards: list[Bracket] = []
        if steps is not None and eq.place is None:
            letter, ahead = steps.loop.time(eq)
            guards = [Bracket("≠", Index(letter), number(p - ahead)) for p in steps.places[eq.name]]
        for read in _reads(x, eq, tuple(guards)):
            _look(x, n, read)


def _reads(x: Extents, eq: Equation, guards: tuple[Bracket, ...]) -> Iterator[_Standing]:
    """Every entry with subscripts that are not plain, once for each set of sizes and brackets around it."""
    if all(isinstance(s, Index) for t in postorder(eq.value) if isinstance(t, Tensor) for s in t.subscripts):
        return
    stack = [_Standing(eq.value, x.letters(eq), guards)]
    seen: set[object] = set()
    while stack:
        r = stack.pop()
        key = (r.node, tuple(r.sizes[i] for i in x.free(r.node)), r.guards)
        if key in seen:
            continue
        seen.add(key)
        e = r.node
        if isinstance(e, Tensor):
            yield r
            stack += [_Standing(s, r.sizes, r.guards) for s in e.subscripts if not isinstance(s, (Index, Number))]
        elif isinstance(e, Mul):
            own = tuple(dict.fromkeys((*r.guards, *(f for f in e.factors if isinstance(f, Bracket)))))
            stack += [_Standing(f, r.sizes, own) for f in e.factors]
        elif isinstance(e, Call) and e.function == "where":
            c = e.args[0]
            held = [f for f in (c.factors if isinstance(c, Mul) else (c,)) if isinstance(f, Bracket)]
            stack += [_Standing(c, r.sizes, r.guards), _Standing(e.args[1], r.sizes, (*r.guards, *held))]
            stack += [_Standing(e.args[2], r.sizes, r.guards)]
        elif isinstance(e, (Sum, Reduce)):
            free = tuple(g for g in r.guards if not g.free & frozenset(e.indices))
            stack.append(_Standing(e.children[0], {**r.sizes, **x.bound(e, r.sizes)}, free))
            stack += [_Standing(a, r.sizes, r.guards) for a in e.children[1:]]
        else:
            stack += [_Standing(c, r.sizes, r.guards) for c in e.children]


def _look(x: Extents, n: int, r: _Standing) -> None:
    """Refuse a read that leaves its axis where nothing makes it zero."""
    e = r.node
    assert isinstance(e, Tensor)
    how = x.system.outside(e.name)
    if how is not None and how not in ("wrap", "mirror"):
        return
    for axis, s in enumerate(e.subscripts):
        low, high = x.span(e.name, axis)
        if how is not None:  # no further than one length outside
            low, high = (-high, 2 * high) if how == "wrap" else (1 - high, 2 * high - 1)
        found = _affine(s, x)
        if found is None:
            continue
        letters, rest = found
        least = most = rest
        for i, c in letters.items():
            far = c * (r.sizes[i] - 1)
            least, most = least + min(far, 0), most + max(far, 0)
        if (low <= least and most < high) or any(r.sizes[i] == 0 for i in letters):
            continue
        wrong = _wrong(x, s, low, high, r)
        if wrong is None:
            continue
        value, where = wrong
        size = x.shapes[e.name][axis]
        named = f"axis {axis + 1} of {e.name}, which has size {size}"
        known = f"subscripts count from {low}: {low} to {high - 1}" if high > low else "no entry at all"
        if isinstance(s, Number):
            known = f"subscripts count from 0: {f'0 to {size - 1}' if size else 'no entry at all'}"
            raise OutOfRange(f"subscript {value} is outside {named}", known=known, about=(n, e))
        at = ", ".join(f"{i} = {k}" for i, k in where.items())
        loop = x.steps.get(e.name)
        start = loop is not None and loop.loop.axes[e.name] == axis
        raise OutOfRange(
            f"{f'for {at} ' if at else ''}the subscript {s} of {e.name} is {value}, outside {named}",
            known=known,
            fix=f"add a start, {e.name}[{value}, …] = …"
            if start
            else f"state a range that fits, dim({next(iter(letters), 'x')}) = …, or what lies outside: "
            f"outside({e.name}) = 0",
            about=(n, e, axis),
        )


def _affine(e: Expr, x: Extents) -> tuple[dict[str, Fraction], Fraction] | None:
    """The letters of an affine form, each with its factor, and the rest, as numbers: ``dim(W, 1) l + m - 1``.

    None where a part is a product of letters, or has an entry of a tensor, which is known when it is run.
    """
    letters: dict[str, Fraction] = {}
    rest = Fraction(0)
    for part, c in form(e).items():
        factors = part.factors if isinstance(part, Mul) else (part,)
        named = [f for f in factors if f.free]
        if len(named) > 1 or not all(isinstance(f, Index) for f in named):
            return None
        try:
            c *= Fraction(counted(mul(*(f for f in factors if not f.free)), x.shapes, {}))
        except UnknownRange:
            return None
        for f in named:
            assert isinstance(f, Index)
            letters[f.name] = letters.get(f.name, Fraction(0)) + c
        rest += 0 if named else c
    return letters, rest


def _wrong(x: Extents, s: Expr, low: int, high: int, r: _Standing) -> tuple[int, dict[str, int]] | None:
    """A value of the subscript outside, and of its letters; None where brackets make every such product zero."""
    affine = _affine(s, x)
    assert affine is not None
    letters, rest = affine
    guards = [g for g in r.guards if not any(isinstance(t, Tensor) for t in postorder(g))]
    close, grew = set(letters), True
    while grew:
        near = [g for g in guards if g.free & close]
        grew = bool({i for g in near for i in g.free} - close)
        close |= {i for g in near for i in g.free}
    near = [g for g in guards if g.free <= close and (g.free & close or not g.free)]
    names = sorted(close)
    if math.prod(r.sizes[i] for i in names) > _GRID or any(
        g.free & set(letters) for g in r.guards if any(isinstance(t, Tensor) for t in postorder(g))
    ):
        return None  # not decided here: what is read outside is no number, which shows
    grid = dict(zip(names, np.indices([r.sizes[i] for i in names]), strict=True))
    value = _over(s, x, grid)
    wrong = np.broadcast_to((value < low) | (value >= high), np.shape(next(iter(grid.values()), np.zeros(()))))
    for g in near:
        wrong = wrong & _RELATIONS[g.relation](_over(g.left, x, grid), _over(g.right, x, grid))
    found = np.argwhere(wrong)
    if len(found) == 0:
        return None
    at = {i: int(k) for i, k in zip(names, found[0], strict=True)}
    return int(rest + sum(c * at[i] for i, c in letters.items())), {i: at[i] for i in letters}


_RELATIONS = {
    "=": np.equal,
    "≠": np.not_equal,
    "<": np.less,
    "≤": np.less_equal,
    ">": np.greater,
    "≥": np.greater_equal,
}


def _over(e: Expr, x: Extents, grid: Mapping[str, Any]) -> Any:
    """An affine form over a grid of its letters; any other expression is a number that equals none (nan)."""
    affine = _affine(e, x)
    if affine is None:
        return np.nan
    letters, rest = affine
    return sum((float(c) * grid[i] for i, c in letters.items()), start=float(rest))
