"""What goes wrong with complex numbers: a conjugate that is missing, one too many, or at another factor; a part.

In: a place, and which tensors are complex. Out: changes, each with its cost from the one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from tensorprop.check.slips.costs import COST
from tensorprop.core.build import call, mul
from tensorprop.core.expr import Call, Expr, Mul, Tensor
from tensorprop.core.plane import is_complex

__all__ = ["conjugated", "turned"]

_FACTORS = 5  # factors of a product between which a conjugate may move
_PARTS = ("re", "im")

Change = tuple[str, Expr, Expr, Expr, float, str]


def conjugated(n: Expr, around: Expr | None, plane: frozenset[str]) -> Iterator[Change]:
    """Changes at one place: ``n`` where it stands, ``around`` the node around it."""
    if isinstance(n, Call) and n.function in _PARTS and is_complex(n.args[0], plane):
        yield "part", n, n.args[0], n.args[0], COST["a real part"], ""
        other = call("im" if n.function == "re" else "re", n.args[0])
        yield "part", n, other, other, COST["the other part"], ""
        return
    if not is_complex(n, plane):
        return
    if isinstance(n, Call) and n.function == "conj":
        yield "conjugate", n, n.args[0], n.args[0], COST["a conjugate"], ""
    elif not _is_conj(around) and (isinstance(n, (Tensor, Call)) or around is None or isinstance(around, Call)):
        new = turned(n)
        what = "a conjugate" if isinstance(n, Tensor) else "a conjugate of a part"
        yield "conjugate", n, new, new, COST[what], ""
    if isinstance(n, Mul):
        yield from _moved(n, plane)
    if around is None:
        real = call("re", n)
        yield "part", n, real, real, COST["a real part"], ""


def _is_conj(n: Expr | None) -> bool:
    return isinstance(n, Call) and n.function == "conj"


def turned(n: Expr) -> Expr:
    """The conjugate, or what it is the conjugate of."""
    return n.args[0] if isinstance(n, Call) and n.function == "conj" else call("conj", n)


def _moved(n: Mul, plane: frozenset[str]) -> Iterator[Change]:
    """The conjugate of one factor at another: ``a conj(b)`` for ``conj(a) b``."""
    places = [k for k, f in enumerate(n.factors) if is_complex(f, plane)]
    for a, b in permutations(places, 2) if len(places) <= _FACTORS else ():
        one, other = n.factors[a], n.factors[b]
        if _is_conj(one) and not _is_conj(other):
            factors = list(n.factors)
            factors[a], factors[b] = turned(one), turned(other)
            old = mul(*(n.factors[k] for k in sorted((a, b))))
            new = mul(*(factors[k] for k in sorted((a, b))))
            yield "conjugate moved", old, new, mul(*factors), COST["a conjugate at another factor"], ""
