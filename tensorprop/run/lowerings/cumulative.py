"""``s_tj = s_{t-1,j} + x_tj`` is a running sum of x; so is a step that multiplies, or takes ``max`` or ``logaddexp``:

    s_t = s_{-1} ∘ x_0 ∘ … ∘ x_t,      ∘ one of +, ·, max, min, logaddexp, which are associative.

Where steps come one after the other anyhow, on a CPU, the loop is kept; elsewhere it is one pass that the machine
divides. Both are in the program, and which of them runs is chosen when it is compiled for a machine.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from tensorprop.core.expr import Add, Call, Expr, Mul, Tensor
from tensorprop.run.values import Array, Operations, Value

__all__ = ["combined", "step_of"]

_JOINED = {"max": "max", "min": "min", "logaddexp": "logsumexp"}
_PAIRS: dict[str, Callable[[Operations, Array, Array], Array]] = {
    "sum": lambda ops, a, b: ops.add(a, b),
    "prod": lambda ops, a, b: ops.multiply(a, b),
    "max": lambda ops, a, b: ops.call("max", a, b),
    "min": lambda ops, a, b: ops.call("min", a, b),
    "logsumexp": lambda ops, a, b: ops.call("logaddexp", a, b),
}


def step_of(value: Expr, name: str, made: Container[Expr]) -> tuple[str, Expr] | None:
    """Which running reduction a step is of, and of what: of a node that was ``made`` before the loop, for all times."""
    match value:
        case Add((one, other)):
            op = "sum"
        case Mul((one, other)):
            op = "prod"
        case Call(function, (one, other)) if function in _JOINED:
            op = _JOINED[function]
        case _:
            return None
    for state, rest in ((one, other), (other, one)):
        if isinstance(state, Tensor) and state.name == name and rest in made:
            return op, rest
    return None


def combined(ops: Operations, op: str, v: Value, letters: tuple[str, ...], start: Array, back: bool) -> Array:
    """All states of a step from where they start: ``v`` over time, its first axis, and some of the letters."""
    order = sorted(range(1, len(v.axes)), key=lambda k: letters.index(v.axes[k]))
    array = ops.transpose(v.array, (0, *order))
    missing = tuple(1 + k for k, i in enumerate(letters) if i not in v.axes)
    array = ops.expand(array, missing) if missing else array
    array = ops.broadcast(array, (array.shape[0], *start.shape))
    return _PAIRS[op](ops, ops.expand(start, (0,)), ops.running(op, array, 0, 0, 0, back))
