"""What has a row in the tables and no value of its own: its value by what its row says that it means.

In: a row's meaning and the values of what is simpler. Out: a function of arrays, NumPy's or JAX's: which of the two is
not known here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from tensorprop.core.expr import Add, Bracket, Call, Expr, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, keeps, read
from tensorprop.core.walk import fold
from tensorprop.errors import NoMeaning, OpenFunction

__all__ = ["Composed", "ComposedAlong"]

Array = Any
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "≠": operator.ne, "<": operator.lt, "≤": operator.le, ">": operator.gt, "≥": operator.ge,
}  # fmt: skip


class Composed(dict[str, Callable[..., Array]]):
    """Composed of functions by name; one that is not here is put together from what the function means.

    Errors: OpenFunction for a name that is open, NoMeaning for a row that says neither a value nor a meaning.

    >>> import math
    >>> Composed({"exp": math.exp})["expm1"](1.0) == math.e - 1
    True
    """

    def __missing__(self, name: str) -> Callable[..., Array]:
        row = FUNCTIONS.get(name)
        if row is None:
            raise OpenFunction(f"{name} is open: nothing says which function it is")
        if not row.means:
            raise NoMeaning(
                f"nothing computes {name}: its row has no meaning, and it has no value here",
                fix=f'say what it means in its row, or give its value: NUMPY["{name}"] = …, JAX["{name}"] = …',
            )
        meaning = read(row.means)

        def value(*args: Array) -> Array:
            given = dict(zip(row.arguments, args, strict=True))
            return fold(meaning, lambda e, parts: given[e.name] if isinstance(e, Tensor) else self.node(e, parts))

        self[name] = value
        return value

    def node(self, e: Expr, parts: tuple[Any, ...]) -> Any:
        """The value of a node of a meaning, from those of its children."""
        match e:
            case Number(value=c):
                return int(c) if c.denominator == 1 else float(c)
            case Add():
                return reduce(operator.add, parts)
            case Mul(factors=factors):
                rest = [p for f, p in zip(factors, parts, strict=True) if not isinstance(f, Bracket)]
                holds = [p for f, p in zip(factors, parts, strict=True) if isinstance(f, Bracket)]
                product = reduce(operator.mul, rest, 1)
                return self["where"](reduce(operator.and_, holds), product, 0.0) if holds else product
            case Bracket(relation=relation):
                return _COMPARE[relation](*parts)
            case Call(function=function):
                return self[function](*parts)
            case _:
                raise NoMeaning(f"the meaning of a function holds {e}, which is not elementwise")


class ComposedAlong(dict[str, Callable[[Array, tuple[int, ...]], Array]]):
    """Composed of reductions by name, of an array and axes; one that is not here is put together from what it means.

    Errors: NoMeaning for a row that has no meaning, or one that compares two runs over the axes.
    """

    def __init__(self, functions: Composed, values: dict[str, Callable[[Array, tuple[int, ...]], Array]]) -> None:
        super().__init__(values)
        self.functions = functions

    def __missing__(self, op: str) -> Callable[[Array, tuple[int, ...]], Array]:
        row = REDUCTIONS[op]
        if not row.means:
            raise NoMeaning(
                f"nothing computes {op}: its row has no meaning, and it has no value here",
                fix=f'say what it means in its row, or give its value: NUMPY_REDUCE["{op}"] and JAX_REDUCE["{op}"]',
            )
        meaning = read(row.means, ("u",) if keeps(op) else ())

        def value(x: Array, axes: tuple[int, ...]) -> Array:
            whole = fold(meaning, lambda e, parts: self._node(e, parts, x, axes))
            return whole if keeps(op) else whole.reshape([n for k, n in enumerate(x.shape) if not _among(k, axes, x)])

        self[op] = value
        return value

    def _node(self, e: Expr, parts: tuple[Any, ...], x: Array, axes: tuple[int, ...]) -> Any:
        """A node of a meaning; the axes that are gone over stay, with size 1."""
        match e:
            case Tensor(name="x"):
                return x
            case Tensor(name="n"):
                return math.prod(x.shape[k] for k in axes)
            case Sum(indices=indices, body=body) | Reduce(indices=indices, body=body) if body.free <= {*indices}:
                if isinstance(e, Sum):
                    return parts[0].sum(axis=axes, keepdims=True)
                found = self[e.op](parts[0], axes)
                shape = [1 if _among(k, axes, x) else n for k, n in enumerate(x.shape)]
                return found if keeps(e.op) else found.reshape(shape)
            case Number() | Add() | Mul() | Bracket() | Call():
                return self.functions.node(e, parts)
            case _:
                return None if not e.children else _refuse(e)


def _among(axis: int, axes: tuple[int, ...], x: Array) -> bool:
    return axis in axes or axis - x.ndim in axes


def _refuse(e: Expr) -> Any:
    raise NoMeaning(f"the meaning of a reduction holds {e}, which compares two runs over its index")
