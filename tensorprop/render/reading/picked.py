"""Entries at places that a tensor of whole numbers names, read: ``E[tok]``, ``logp_b[y_b]``, ``onehot(y)``.

In: a tensor and its places. Out: a `Typed` part: what the places have as rows, and behind it the axis that is left.
"""

from __future__ import annotations

from tensorprop.core.build import bracket
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.errors import RankMismatch
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.reading.typed import Typed, Types

__all__ = ["one_hot", "picked"]


def picked(types: Types, name: str, cut: tuple[str, ...], place: Typed) -> Typed:
    """``E[tok]``: the first axis of E that is not carried is at the place that tok names."""
    if len(place.letters) > 1 or not isinstance(place.entry, Tensor):
        raise RankMismatch(f"{place.math.unicode} names more places than the rows of a matrix")
    rank = types.names.rank(name)
    assert rank is not None
    entry, stay = types.slots(name, cut)
    if not stay:
        raise RankMismatch(f"{name} has no axis left that {place.math.unicode} could pick from")
    first, *rest = stay
    value = Tensor(name, tuple(place.entry if k == first else s for k, s in enumerate(entry.subscripts)))
    letters = [s.name for k, s in enumerate(entry.subscripts) if k in rest and isinstance(s, Index)]
    math = Math(f"{name}[{place.math.unicode}]", f"{name}[{place.math.latex}]")
    own = [*place.letters, *letters]
    if len(own) > 2:
        raise RankMismatch(f"{math.unicode} has {len(own)} axes, and a matrix has two")
    return _laid(types, value, own, math)


def one_hot(types: Types, place: Typed) -> Typed:
    """``onehot(y)``: in each row a one at the place that y names."""
    if len(place.letters) > 1 or not isinstance(place.entry, Tensor):
        raise RankMismatch(f"{place.math.unicode} names more places than the rows of a matrix")
    column = types.any()
    math = Math(f"onehot({place.math.unicode})", rf"\operatorname{{onehot}}({place.math.latex})")
    return _laid(types, bracket("=", place.entry, Index(column)), [*place.letters, column], math)


def _laid(types: Types, value: Expr, own: list[str], math: Math) -> Typed:
    """The rows, then the columns; a vector as vectors lie."""
    match own:
        case []:
            return Typed(value, None, None, math)
        case [i]:
            return Typed(value, None, i, math) if types.row else Typed(value, i, None, math)
        case _:
            return Typed(value, own[0], own[1], math)
