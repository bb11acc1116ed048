"""A function is written out where a rule reads a part of it: gelu(z_n), of which δz_n has ``erfc(-z_n / √2)``.

In: forward equations and their rules. Out: the forward equations, in which that function is its meaning, ``½ z_n
erfc(-z_n / √2)``. The part is then one node of both, and what it takes is worked out once.
"""

from __future__ import annotations

from collections.abc import Container
from functools import cache

from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Call, Expr, Mul, Number, Tensor
from tensorprop.core.functions import FUNCTIONS, read, watch
from tensorprop.core.walk import inline, postorder, transform

__all__ = ["written_out"]


def written_out(forward: System, rules: System, given: Container[str] = ()) -> System:
    """The forward equations, functions of which the rules read a part being written out; not those in ``given``,
    which mean something else.

    >>> from tensorprop.calculus import adjoint
    >>> from tensorprop.text import parse
    >>> s = parse("h_n = silu(z_n); E = h_n y_n")
    >>> print(written_out(s, adjoint(s, "z"))["h"])
    h_n = z_n σ(z_n)
    """
    meanings = _meanings()
    there = {n for eq in forward for n in postorder(eq.value) if isinstance(n, Call) and n.function in meanings}
    if not there:
        return forward
    read_back = {n for eq in rules for n in postorder(eq.value) if isinstance(n, Call)}
    new: dict[Expr, Expr] = {}
    for n in there:
        assert isinstance(n, Call)
        letters, meaning = meanings[n.function]
        made = inline(meaning, {i: ((), a) for i, a in zip(letters, n.args, strict=True)})
        if n.function not in given and isinstance(made, Mul) and not read_back.isdisjoint(made.factors):
            new[n] = made
    if not new:
        return forward
    return system([equation(eq.target, transform(eq.value, lambda n: new.get(n, n))) for eq in forward], forward.facts)


@cache
def _meanings() -> dict[str, tuple[tuple[str, ...], Expr]]:
    """Functions that mean an argument times a function of it, and a number; and this with the arguments' names.

    Others are not: ``sinh(x) / cosh(x)`` is no number far out, where tanh(x) is 1.
    """
    found: dict[str, tuple[tuple[str, ...], Expr]] = {}
    for name, row in FUNCTIONS.items():
        meaning = read(row.means) if row.means else None
        if isinstance(meaning, Mul):
            rest = [f for f in meaning.factors if not isinstance(f, (Number, Tensor))]
            part = rest[0] if len(rest) == 1 and any(isinstance(f, Tensor) for f in meaning.factors) else None
            if isinstance(part, Call) and part.function != "power":
                found[name] = row.arguments, meaning
    return found


watch(_meanings.cache_clear)
