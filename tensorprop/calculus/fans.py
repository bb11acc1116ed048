"""Fan-in and fan-out of a parameter, read off its indices.

In: equations, and which inputs are parameters. Out: for a parameter the axes that are summed with the data, those that
the data lack, and whether it is multiplied with anything at all. Sizes are not known here.

``z_bj = a_bi W_ij + c_j``: i is summed with a, so it is W's fan-in; j is what a lacks, over which the rule of a sums
(``δa_bi = δz_bj W_ij``), so it is W's fan-out; c is only added. An index that data and parameter keep, as the h of
``z_bhj = a_bhi W_hij``, is neither. With a shifted subscript, ``z_xo = a[x+u, c] W_uco``, u and c are the fan-in,
u and o the fan-out: the rule of a sums over u too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tensorprop.core.equation import System
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Sum, Tensor
from tensorprop.core.walk import tensors_of

__all__ = ["Fans", "fans"]


class Fans(NamedTuple):
    """How a parameter is used: the axes of its fan-in and of its fan-out, and whether it is a factor at all.

    ``read``: an integer tensor says which of its entries are read, as in ``E[tok_bt, d]``.
    """

    into: tuple[int, ...]
    out: tuple[int, ...]
    factor: bool
    read: bool = False

    @property
    def kind(self) -> str:
        """``"matrix"``: a sum runs over it, or entries are looked up; ``"scale"``: a factor; ``"shift"``: a term."""
        return "matrix" if self.into or self.read else "scale" if self.factor else "shift"


def fans(s: System, name: str, parameters: Iterable[str]) -> tuple[Fans, ...]:
    """Every way in which ``name`` is used with data, each once; without any, every way in which it is used.

    >>> from tensorprop.text import parse
    >>> fans(parse("z_bj = a_bi W_ij + c_j"), "W", ["W", "c"])
    (Fans(into=(0,), out=(1,), factor=True, read=False),)
    """
    fixed = set(parameters)
    for eq in s.ordered:
        if all(n in fixed for n in eq.inputs):
            fixed.add(eq.name)
    found = [use for eq in s for use in _uses(eq.value, name, fixed, frozenset(), ())]
    met = [use for use, data in found if data] or [use for use, _ in found]
    summed = [use for use in met if use.into]
    return tuple(dict.fromkeys(summed or met))


def _uses(
    e: Expr, name: str, fixed: set[str], summed: frozenset[str], beside: tuple[Expr, ...]
) -> Iterator[tuple[Fans, bool]]:
    """The uses of a tensor below ``e``, ``summed`` over these letters and multiplied by what is ``beside`` it."""
    match e:
        case Tensor() if e.name == name:
            yield _use(e, summed, beside, fixed), _data(beside, fixed) or not beside
        case Tensor() | Call():
            for c in e.children:  # what a function does with a value is no sum of products
                yield from _uses(c, name, fixed, frozenset(), ())
        case Sum():
            yield from _uses(e.body, name, fixed, summed | frozenset(e.indices), beside)
        case Mul():
            for k, f in enumerate(e.factors):
                others = tuple(g for n, g in enumerate(e.factors) if n != k and not isinstance(g, Number | Dim))
                yield from _uses(f, name, fixed, summed, (*beside, *others))
        case Add():
            for c in e.terms:
                yield from _uses(c, name, fixed, summed, beside)
        case _:
            for c in e.children:
                yield from _uses(c, name, fixed, frozenset(), beside)


def _use(t: Tensor, summed: frozenset[str], beside: tuple[Expr, ...], fixed: set[str]) -> Fans:
    """``t`` meets the data and what is contracted with them on the way: V in ``a_bi U_ir V_rj`` meets a and U."""
    met = [f for f in beside if _data((f,), fixed)] or list(beside)
    letters = frozenset[str]().union(*(f.free for f in met))
    rest = [f for f in beside if f not in met]
    while near := [f for f in rest if f.free & letters & summed]:
        met += near
        rest = [f for f in rest if f not in near]
        letters = letters.union(*(f.free for f in near))
    plain = {i.name for f in met for x in tensors_of(f) for i in x.subscripts if isinstance(i, Index)}
    into = tuple(k for k, i in enumerate(t.subscripts) if i.free & summed & letters)
    out = tuple(k for k, i in enumerate(t.subscripts) if isinstance(i, Index) and i.name not in plain)
    read = any(next(tensors_of(i), None) is not None for i in t.subscripts)
    return Fans(into, out, bool(beside), read)


def _data(beside: tuple[Expr, ...], fixed: set[str]) -> bool:
    return any(x.name not in fixed for f in beside for x in tensors_of(f))
