"""Are two expressions equal? Both evaluated exactly, at random points of finite fields.

In: two expressions whose functions are few (see ``prove.unfold``), and which axes are equally long. Out: whether they
agree, at how many points, and a bound on the chance that they agree and are not equal.

A polynomial that is not zero has few zeros: of degree d it vanishes at a random point modulo a prime p with
probability d/p at most (Schwartz; Zippel). So entries of tensors become random residues, sums over small sizes are
added up, quotients use inverses, all in whole numbers of Python, and no digit is rounded. What is not a polynomial:

- ``exp(x)`` is g^x in a larger field, g of the order of the smaller one, in which x is evaluated. So
  ``exp(x + y) = exp(x) exp(y)`` holds there too, and no relation besides (Gonnet, Determining equivalence of
  expressions in random polynomial time, 1984). One exponential in another takes one field more. sin and cos come from
  another g.
- Residues that are squares play the positive numbers: 2, 3, 5 … are, -1 is not, products behave, and a square has one
  root that is a square. A point at which what stands under a root is none is drawn again.
- Any other function is an unknown for each value of its argument.
- Brackets of indices are exact. A comparison of numbers is an unknown too, ``[x > 0] + [x = 0] + [x < 0] = 1``: any
  residues first, which is a proof at ties as well; then 0 and 1.
- The size of an axis, where it stands as a number, is an unknown, so that what is proved holds for all sizes. A sum
  over it counts each entry w_i times, for unknown weights that add up to the size: what is true of all sizes is true
  where entries are repeated, hence of all whole weights, hence of any. Where an index is compared, or moved, entries
  are not alike, and the weights are 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tensorprop.check.prove.fields import NoRoot, Unevaluated
from tensorprop.check.prove.point import Point, aligned
from tensorprop.check.prove.setting import POINTS, Axis, Setting, Table
from tensorprop.core.expr import Dim, Expr, Number, Tensor

__all__ = ["Tested", "identical"]

FLIPS = 256  # with 0 and 1 for comparisons
SIGNS = 96  # where a root may be that of a square
_DRAWN = 64  # times that a point is drawn again because a root is not there


@dataclass(frozen=True)
class Tested:
    """What identity testing found.

    ``equal``: whether all points agreed; None where that cannot be evaluated, and ``why``. ``error`` bounds the
    probability that two expressions which are not equal agreed. ``exact``: a difference is one of numbers, since no
    function was an unknown. ``whole``: multiplying out would bring nothing to light, since nothing is in the
    expressions whose laws need a canonical argument.
    """

    equal: bool | None
    points: int = 0
    error: float = 1.0
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    exact: bool = False
    whole: bool = False
    why: str = ""


def identical(
    a: Expr,
    b: Expr,
    target: Tensor,
    axis: Callable[[Dim], Dim] = lambda d: d,
    labels: Iterable[str] = (),
    sums: Mapping[str, tuple[frozenset[int], Number]] | None = None,
    seed: int = 0,
    flips: bool = True,
    told: frozenset[str] = frozenset(),
    declared: Mapping[str, frozenset[str]] | None = None,
    stated: Callable[[tuple[str, int]], int | None] = lambda at: None,
) -> Tested:
    """Whether ``a`` and ``b`` agree, for each entry of ``target``, whose letters are their free ones.

    ``axis`` names one axis for all of the same length, ``labels`` are tensors of whole numbers within range, and
    ``sums`` says of a tensor to what it adds up along some axes. Without ``flips``, comparisons are any residues only.
    Of ``told`` tensors brackets say where a read is inside, so that sizes need not be large enough for all reads.
    Matrices are drawn so that what is ``declared`` of them holds; labels of an axis lie below its ``stated`` length.

    >>> from tensorprop.text import parse_expression
    >>> left, right = parse_expression("sin(x)^2 + cos(x)^2"), parse_expression("1")
    >>> identical(left, right, Tensor("y", ())).equal, identical(left, Tensor("x", ()), Tensor("y", ())).equal
    (True, False)
    """
    try:
        setting = Setting(a, b, target, axis, frozenset(labels), sums or {}, told, declared or {}, stated)
    except Unevaluated as error:
        return Tested(None, why=str(error))
    found = Tested(None)
    for kind in ("formal", "flips") if setting.compares and flips else ("formal",):
        found = _points(setting, kind, FLIPS if kind == "flips" else setting.points, seed)
        if found.equal is not False:
            break
    if found.equal is False and not setting.measured <= setting.weighted:
        # Σ_i 1 may have come about unseen, where the size as an unknown says nothing
        setting.measured = setting.weighted = frozenset()
        if _points(setting, "flips" if setting.compares and flips else "formal", POINTS, seed).equal is not False:
            return Tested(None, why="equal for some sizes")
    return found


def _points(setting: Setting, kind: str, points: int, seed: int) -> Tested:
    sizes: dict[str, int] = {}
    doubtful = setting.roots()
    k = -1
    while (k := k + 1) < points or (doubtful and k < SIGNS):
        largest: dict[Axis, int] = {}
        agreed = None
        for attempt in range(_DRAWN * (4 if setting.factored else 1)):
            # sizes are others at each point; where roots are missing again and again, fewer of them have to be there
            try:
                largest = setting.sizes(k if k < setting.points and attempt < _DRAWN // 2 else None)
                agreed = _agree(setting, largest, kind, (seed, kind, k, attempt), k)
                break
            except NoRoot as error:
                doubtful.discard(error.node)
            except Unevaluated as error:
                return Tested(None, k, why=str(error))
        if agreed is None:
            return Tested(None, k, why="the roots at no random point are all there")
        for (name, at), n in largest.items():
            sizes[f"dim({name}, {at})"] = max(n, sizes.get(f"dim({name}, {at})", 0))
        if not agreed:
            return Tested(False, k + 1, 0.0, sizes, setting.exact, setting.whole)
    error = setting.error(kind, k, len(doubtful))
    return Tested(True, k, error, sizes, setting.exact, setting.whole)


def _agree(setting: Setting, sizes: Mapping[Axis, int], kind: str, seed: object, number: int) -> bool:
    """Whether all entries agree at one random point."""
    point = Point(setting, sizes, kind, seed, number)
    done: dict[tuple[Expr, int], Table] = {}
    for n, level in setting.order:
        letters, x = point.value(n, level, [done[c] for c in setting.children(n, level)])
        done[n, level] = letters, np.asarray(x, dtype=object)  # NumPy makes a number of an array of no axes
    p = point.fields[0].p
    _, (one, other) = aligned([done[setting.a, 0], done[setting.b, 0]])
    return not np.any((one - other) % p)
