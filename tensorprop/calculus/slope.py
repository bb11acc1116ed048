"""Slopes of elementwise functions, as the rows of ``core.functions`` say them.

In: the name of a function, the place of an argument, the arguments and the result. Out: the partial derivative there,
as an expression. How a function is computed is not known here (see ``run.numpy_functions``).
"""

from __future__ import annotations

from tensorprop.core.build import ZERO
from tensorprop.core.expr import Call, Expr
from tensorprop.core.functions import FUNCTIONS, read
from tensorprop.core.walk import inline
from tensorprop.errors import NotDifferentiable

__all__ = ["slope"]

_PRIMES = "′″‴⁗"  # f′ f″ f‴ f⁗, then f⁗′ …


def slope(name: str, k: int, args: tuple[Expr, ...], result: Expr) -> Expr:
    """``∂y/∂x_k`` of ``y = name(x_0, x_1, …)`` at the given arguments, in terms of them and of the result y.

    ``k`` counts arguments from 0. The slope of an open function f is f′, that of f′ is f″, and so on.
    Raises NotDifferentiable for an open function of several arguments, whose partial derivatives have no name.

    >>> from tensorprop.core.build import number, power, tensor
    >>> x, y = tensor("x", "i"), tensor("y", "i")
    >>> str(slope("tanh", 0, (x,), y))
    '1 - y_i^2'
    >>> str(slope("power", 0, (x, number(3)), power(x, number(3))))
    '3 x_i^2'
    >>> str(slope("f′", 0, (x,), y))
    'f″(x_i)'
    """
    row = FUNCTIONS.get(name)
    if row is None:
        if len(args) == 1:
            return Call(_primed(name), args)
        raise NotDifferentiable(
            f"{name} is an open function of {len(args)} arguments, and its partial derivatives have no names",
            fix=f"write {name} out in terms of known functions",
            about=Call(name, args),
        )
    template = read(row.slopes[k])
    if template is ZERO:
        return ZERO
    values = dict(zip(row.arguments, args, strict=True)) | {"y": result}
    return inline(template, {letter: ((), value) for letter, value in values.items()})


def _primed(name: str) -> str:
    """``f`` → ``f′``, ``f′`` → ``f″``: the same function with one prime more."""
    stem = name.rstrip(_PRIMES)
    n = 1 + sum(_PRIMES.index(c) + 1 for c in name[len(stem) :])
    return stem + _PRIMES[-1] * ((n - 1) // 4) + _PRIMES[(n - 1) % 4]
