"""Random arrays that fit a System.

In: a System, and a seed. Out: a shape and numbers for every input, on sizes that are all different or all the same.
How anything is evaluated is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Bracket, Expr, Index, Number, Sum, Tensor
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.layers.layer import counts

__all__ = ["KINDS", "arrays", "letter_sizes", "shapes"]

KINDS = ("general", "positive", "unit")
"""Normally distributed; between 1/2 and 3/2; between 0.1 and 0.9. The first whose values are finite serves."""


def shapes(s: System, square: bool = False, first: int = 3) -> dict[str, tuple[int, ...]]:
    """A shape for every input: axes of one range have one size, others another one (or all ``first``).

    >>> from tensorprop.text import parse
    >>> shapes(parse("z_bj = a_bi W_ij + b_j"))
    {'a': (3, 4), 'W': (4, 5), 'b': (5,)}
    """
    ranges = infer(s)
    sizes: dict[tuple[str, int], int] = {}
    found: dict[str, tuple[int, ...]] = {}
    for name in s.inputs:
        axes = [ranges.find(name, k) for k in range(s.rank(name))]
        for axis in axes:
            sizes.setdefault(axis, first if square else first + len(sizes))
        found[name] = tuple(sizes[axis] for axis in axes)
    return found


def arrays(
    s: System,
    shapes: Mapping[str, tuple[int, ...]],
    seed: int,
    kind: str = "general",
    given: Iterable[tuple[Expr, Expr]] = (),
) -> dict[str, np.ndarray]:
    """Numbers of these shapes; whole ones within range for labels, and scaled so that what is ``given`` holds."""
    draw = np.random.default_rng([seed, KINDS.index(kind)])
    whole = counts(s)
    found: dict[str, np.ndarray] = {}
    for name in s.inputs:
        shape = shapes[name]
        if name in whole:
            found[name] = draw.integers(0, _limit(s, name, shapes), shape).astype(float)
        elif kind == "general":
            found[name] = draw.normal(size=shape)
        else:
            low, high = (0.5, 1.5) if kind == "positive" else (0.1, 0.9)
            found[name] = draw.uniform(low, high, shape)
    for left, right in given:
        match left, right:
            case Sum(indices, Tensor(name=name) as t), Number(value):
                letters = t.letters or ()
                axes = tuple(k for k, i in enumerate(letters) if i in indices)
                x = np.abs(found[name]) + 0.1
                found[name] = x * (float(value) / x.sum(axes, keepdims=True))
            case _:
                pass
    return found


def _limit(s: System, name: str, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many values a tensor of whole numbers may take: the size of the axis that it picks from."""
    sizes = [n for eq in s for e in postorder(eq.value) for n in _picked(eq, e, name, shapes)]
    return min(sizes, default=2)


def _picked(eq: Equation, e: Expr, name: str, shapes: Mapping[str, tuple[int, ...]]) -> Iterable[int]:
    if isinstance(e, Tensor):
        for axis, place in enumerate(e.subscripts):
            if e.name in shapes and any(t.name == name for t in tensors_of(place)):
                yield shapes[e.name][axis]
    elif isinstance(e, Bracket) and any(t.name == name for side in e.children for t in tensors_of(side)):
        letters = {n.name for side in e.children for n in (side, *side.children) if isinstance(n, Index)}
        for t in tensors_of(eq.value):
            for axis, place in enumerate(t.subscripts):
                if isinstance(place, Index) and place.name in letters and t.name in shapes:
                    yield shapes[t.name][axis]


def letter_sizes(equations: Iterable[Equation], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes of the letters in these equations, as far as plain subscripts tell; δz has the shape of z."""
    found: dict[str, int] = {}
    for eq in equations:
        for t in (eq.target, *tensors_of(eq.value)):
            shape = shapes.get(t.name, shapes.get(t.name.removeprefix("δ")))
            for place, n in zip(t.subscripts, shape or (), strict=False):
                if isinstance(place, Index):
                    found.setdefault(place.name, n)
    return found
