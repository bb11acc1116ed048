"""The array operations over shapes alone: what a program would do, written down and counted instead of done.

In: shapes in place of arrays. Out: the same shapes, each with the operation that it comes from (`Shaped`), so that the
whole program can be read back from its results. Nothing is computed, and no index letter is known but those that
:meth:`Count.named` is told, for whoever shows the record to people. What the record means for memory and for the
table is said in ``run.plan``.

Flops. A contraction takes 2 for every value of all its indices; arithmetic, comparison and selection 1 for every entry
of the result; a function what `FLOPS` says, which is what its program in ``run.jax_functions`` does; moving entries
about takes none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np

from tensorprop.core.expr import Expr
from tensorprop.core.functions import REDUCTIONS, is_known, is_matrix, keeps
from tensorprop.run.numpy_functions import NUMPY
from tensorprop.run.values import Step

__all__ = ["FLOPS", "VIEWS", "WRITES", "Count", "Shaped"]

_Axes = tuple[int, ...]

BOOL, WHOLE = 1, 4  # bytes of a truth value and of an index

# Operations for every entry where a function takes more than one.
FLOPS = {
    "log2": 2, "log10": 2, "where": 2, "logsigmoid": 8, "softplus": 6, "softsign": 3, "leaky_relu": 3, "elu": 4,
    "selu": 6, "silu": 2, "mish": 8, "gelu": 5, "gelu_tanh": 7, "logaddexp": 7, "hypot": 26, "clip": 2,
    "relu6": 2, "hard_tanh": 2, "hard_sigmoid": 4,
    "sinc": 15, "trunc": 4, "stop": 0, "logit": 18, "xlogy": 6, "entr": 9, "remainder": 8, "copysign": 4,
}  # fmt: skip

# What a reduction does besides its passes: for every entry that is left, and once.
LEFT_FLOPS = {
    "mean": (1, 0), "var": (3, 2), "std": (4, 2), "norm": (1, 0), "median": (2, 8), "logsumexp": (6, 0),
    "softmax": (1, 0), "logsoftmax": (2, 0),
}  # fmt: skip

# Functions of a matrix of m rows and n columns: this many times m n min(m, n), the leading order of LAPACK's programs
# (Golub and Van Loan, Matrix Computations, 2013); expm with seven products and two solves.
MATRIX_FLOPS: dict[str, float] = {
    "inv": 2, "det": 2 / 3, "logdet": 2 / 3, "pinv": 14, "expm": 18, "expm′": 8 * 18, "expm″": 64 * 18,
    "cholesky": 1 / 3, "inv_cholesky": 4 / 3, "eigvalsh": 9, "eigvecs": 9, "svdvals": 4, "svdright": 14,
}  # fmt: skip

# Operations that move nothing by themselves: other readings of the same memory.
VIEWS = frozenset({"named", "transpose", "expand", "broadcast", "apart"})

# Operations that write an array, whatever they read; all others are done as they are read.
WRITES = frozenset({"sum", "reduce", "dot", "conv", "gather", "scatter", "stack", "running"}) | {
    "factor", "solved", "logdet", "frechet"
}  # fmt: skip


class Shaped:
    """A shape, and the operation that makes an array of it: its kind, operands, flops, and what else tells it apart.

    ``letters`` are those of the axes, where somebody said so; ``itemsize`` is the bytes of an entry, ``serial`` counts
    operations in their order. ``sources`` are the operands that are arrays.
    """

    __slots__ = ("flops", "itemsize", "kind", "letters", "note", "operands", "serial", "shape", "sources")
    _serial = count()

    def __init__(
        self,
        kind: str,
        operands: tuple[Any, ...],
        shape: _Axes,
        itemsize: int,
        flops: int = 0,
        note: Any = None,
        letters: tuple[str, ...] | None = None,
    ) -> None:
        self.kind = kind
        self.operands = operands
        self.sources: tuple[Shaped, ...] = tuple([a for a in operands if isinstance(a, Shaped)])
        self.shape = shape
        self.itemsize = itemsize
        self.flops = flops
        self.note = note
        self.letters = letters
        self.serial = next(self._serial)

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """What the array takes in memory."""
        return self.size * self.itemsize

    def __repr__(self) -> str:
        return f"<{self.kind} {self.shape}>"


class Count:
    """See :class:`tensorprop.run.values.Operations`. ``itemsize`` is the bytes of a number."""

    def __init__(self, itemsize: int = 4) -> None:
        self.itemsize = itemsize

    def given(self, name: str, shape: _Axes, itemsize: int | None = None) -> Shaped:
        """An input of the program."""
        return Shaped("given", (), shape, self.itemsize if itemsize is None else itemsize, note=name)

    def _entrywise(self, kind: str, *operands: Any, note: Any = None, each: int = 1, itemsize: int = 0) -> Shaped:
        shape = np.broadcast_shapes(*(a.shape for a in operands if isinstance(a, Shaped)))
        return Shaped(kind, operands, shape, itemsize or self.itemsize, each * math.prod(shape), note)

    # ----------------------------------------------------------------- entry by entry
    def at(self, kind: str | None) -> Count:
        return self

    @property
    def rides(self) -> bool:
        return True

    def lies(self, a: Any) -> _Axes | None:
        return None

    def kept(self, a: Any) -> Any:
        return a

    def cast(self, a: Any, kind: str | None) -> Any:
        return a

    def multiply(self, a: Any, b: Any) -> Shaped:
        return self._entrywise("multiply", a, b)

    def divide(self, a: Any, b: Any) -> Shaped:
        return self._entrywise("divide", a, b)

    def add(self, a: Any, b: Any) -> Shaped:
        return self._entrywise("add", a, b)

    def subtract(self, a: Any, b: Any) -> Shaped:
        return self._entrywise("subtract", a, b)

    def negative(self, a: Any) -> Shaped:
        return self._entrywise("negative", a)

    def power(self, a: Any, exponent: Fraction) -> Shaped:
        """Negative whole powers are a power and a division."""
        each = 2 if exponent.denominator == 1 and exponent < -1 else 1
        return self._entrywise("power", a, note=exponent, each=each)

    def call(self, function: str, *args: Any) -> Shaped:
        return self._entrywise("call", *args, note=function, each=FLOPS.get(function, 1))

    def constant(self, function: str, *args: float) -> float:
        if not is_known(function):
            return 1.0  # open, and known when it runs
        with np.errstate(all="ignore"):
            return float(NUMPY[function](*map(float, args)))

    def compare(self, relation: str, a: Any, b: Any) -> Shaped:
        return self._entrywise("compare", a, b, note=relation, itemsize=BOOL)

    def both(self, a: Any, b: Any) -> Shaped:
        return self._entrywise("both", a, b, itemsize=BOOL)

    def where(self, mask: Any, a: Any) -> Shaped:
        return self._entrywise("where", mask, a)

    # ----------------------------------------------------------------- made of nothing, or moved about
    def full(self, shape: _Axes, a: float) -> Shaped:
        return Shaped("full", (), shape, self.itemsize, note=a)

    def iota(self, size: int) -> Shaped:
        return Shaped("iota", (), (size,), WHOLE)

    def transpose(self, a: Shaped, order: _Axes) -> Shaped:
        return Shaped("transpose", (a,), tuple(a.shape[k] for k in order), a.itemsize, note=order)

    def expand(self, a: Shaped, axes: _Axes) -> Shaped:
        shape = list(a.shape)
        for k in sorted(axes):
            shape.insert(k, 1)
        return Shaped("expand", (a,), tuple(shape), a.itemsize, note=axes)

    def broadcast(self, a: Shaped, shape: _Axes) -> Shaped:
        return Shaped("broadcast", (a,), shape, a.itemsize)

    def diagonal(self, a: Shaped, first: int, second: int) -> Shaped:
        left = [n for k, n in enumerate(a.shape) if k not in (first, second)]
        return Shaped("diagonal", (a,), (*left, a.shape[first]), a.itemsize, note=(first, second))

    def scan(
        self, step: Step, carried: Sequence[Shaped], read: Sequence[Shaped], length: int, back: bool
    ) -> tuple[Sequence[Shaped], Sequence[Shaped]]:
        """One step is done over shapes; what it does counts as often as there are steps."""
        place = Shaped("iota", (), (), WHOLE)
        after, made = step(place, carried, [self.take(a, None, 0) for a in read])
        seen: set[Shaped] = set()
        stack = [*after, *made]
        while stack:
            a = stack.pop()
            if a not in seen and a.serial > place.serial:
                seen.add(a)
                a.flops *= length
                stack.extend(a.sources)
        return after, [Shaped("stack", (a,), (length, *a.shape), a.itemsize, note=0) for a in made]

    def recurrence(self, rate: Shaped, a: Shaped, back: bool) -> Shaped:
        def step(_: Shaped, held: Sequence[Shaped], now: Sequence[Shaped]) -> tuple[list[Shaped], list[Shaped]]:
            total = self.add(self.multiply(now[0], held[0]), now[1])
            return [total], [total]

        return self.scan(step, [self.full(a.shape[1:], 0.0)], [rate, a], a.shape[0], back)[1][0]

    def either(self, plain: Callable[[], Shaped], other: Callable[[], Shaped]) -> Shaped:
        return plain()

    def concatenate(self, arrays: Sequence[Shaped], axis: int = 0) -> Shaped:
        shape = (*arrays[0].shape[:axis], sum(a.shape[axis] for a in arrays), *arrays[0].shape[axis + 1 :])
        return Shaped("stack", tuple(arrays), shape, arrays[0].itemsize, note=axis)

    def take(self, a: Shaped, entry: Any, axis: int) -> Shaped:
        return Shaped("take", (a,), (*a.shape[:axis], *a.shape[axis + 1 :]), a.itemsize, note=(entry, axis))

    def scope(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def named(self, a: Any, letters: tuple[str, ...], what: Expr | str | None = None) -> Any:
        if not isinstance(a, Shaped):
            return a
        if what is None and a.letters == letters:
            return a
        return Shaped("named", (a,), a.shape, a.itemsize, note=what, letters=letters)

    def reshape(self, a: Shaped, shape: _Axes) -> Shaped:
        return Shaped("reshape", (a,), shape, a.itemsize)

    def stack(self, arrays: Sequence[Shaped], axis: int) -> Shaped:
        shape = list(arrays[0].shape)
        shape.insert(axis, len(arrays))
        return Shaped("stack", tuple(arrays), tuple(shape), arrays[0].itemsize, note=axis)

    def table(self, entries: Any) -> Shaped:
        return Shaped("table", (), np.shape(entries), WHOLE)

    def whole(self, a: Shaped) -> Shaped:
        return a

    def within(self, index: Shaped, size: int, rule: str) -> Shaped:
        each = {"edge": 2, "wrap": 1, "mirror": 3}[rule]
        return self._entrywise("within", index, note=(size, rule), each=each, itemsize=WHOLE)

    def shifted(self, a: Shaped, axis: int, start: int, size: int, step: int, fill: float) -> Shaped:
        shape = (*a.shape[:axis], size, *a.shape[axis + 1 :])
        return Shaped("shifted", (a,), shape, a.itemsize, note=(axis, start, step))

    def spaced(self, a: Shaped, axis: int, start: int, size: int, step: int) -> Shaped:
        shape = (*a.shape[:axis], size, *a.shape[axis + 1 :])
        return Shaped("spaced", (a,), shape, a.itemsize, note=(axis, start, step))

    def gather(
        self, a: Shaped, axes: _Axes, index: Sequence[Shaped], batch: Sequence[tuple[int, int]], fill: float | None
    ) -> Shaped:
        left = [n for k, n in enumerate(a.shape) if k not in axes and k not in dict(batch)]
        shape = (*index[0].shape, *left)
        return Shaped("gather", (a, *index), shape, a.itemsize, note=(tuple(axes), tuple(batch)))

    def conv(
        self,
        a: Shaped,
        b: Shaped,
        strides: _Axes,
        pads: tuple[tuple[int, int], ...],
        spread: tuple[tuple[int, int], ...],
        groups: int,
    ) -> Shaped:
        """2 flops for every entry of the result, of the window and of a group's features."""
        axes: list[int] = []
        for n, (stride, (low, high), (one, other)) in enumerate(zip(strides, pads, spread, strict=True)):
            size = (a.shape[1 + n] - 1) * one + 1 + low + high
            axes.append((size - other * (b.shape[n] - 1) - 1) // stride + 1)
        shape = (a.shape[0], *axes, b.shape[-1])
        flops = 2 * math.prod(shape) * math.prod(b.shape[:-1])
        return Shaped("conv", (a, b), shape, self.itemsize, flops)

    def scatter(self, a: Shaped, index: Sequence[Shaped], sizes: _Axes, batch: int, rising: bool) -> Shaped:
        shape = (*a.shape[:batch], *sizes, *a.shape[len(index[0].shape) :])
        return Shaped("scatter", (a, *index), shape, a.itemsize, a.size, note=batch)

    def running(self, op: str, a: Shaped, axis: int, before: int, after: int, back: bool) -> Shaped:
        shape = (*a.shape[:axis], a.shape[axis] + before + after, *a.shape[axis + 1 :])
        each = FLOPS["logaddexp"] if op == "logsumexp" else 1
        return Shaped("running", (a,), shape, self.itemsize, each * math.prod(shape), note=(op, axis, back, before))

    def factor(self, a: Shaped, kind: str) -> Shaped:
        if kind in ("lower", "upper"):
            return Shaped("factor", (a,), a.shape, self.itemsize, 0, note=kind)
        flops = int(a.size * a.shape[-1] * (1 if kind == "spd" else 2) / 3)
        return Shaped("factor", (a,), a.shape, self.itemsize, flops, note=kind)

    def solved(self, factor: Shaped, b: Shaped, transposed: bool) -> Shaped:
        times = 1 if factor.note in ("lower", "upper") else 2
        return Shaped("solved", (factor, b), b.shape, self.itemsize, times * factor.shape[-1] * b.size, note=transposed)

    def logdet(self, factor: Shaped) -> Shaped:
        shape = factor.shape[:-2]
        return Shaped("logdet", (factor,), shape, self.itemsize, 3 * math.prod(factor.shape[:-1]))

    def frechet(self, a: Shaped, along: Shaped) -> Shaped:
        return Shaped(
            "frechet", (a, along), a.shape, self.itemsize, 3 * int(MATRIX_FLOPS["expm"]) * a.size * a.shape[-1]
        )

    def apart(self, arrays: Mapping[str, Shaped], after: Sequence[Shaped]) -> dict[str, Shaped]:
        return {n: Shaped("apart", (a,), a.shape, a.itemsize) for n, a in arrays.items()}

    def identity(self, a: Any) -> int:
        """Names apart: what is called twice is one array."""
        while isinstance(a, Shaped) and a.kind == "named":
            a = a.operands[0]
        return id(a)

    def typed(self, a: Shaped) -> Hashable:
        return a.shape, a.itemsize, a.letters

    # ----------------------------------------------------------------- along axes
    def sum(self, a: Shaped, axes: _Axes) -> Shaped:
        left = tuple(n for k, n in enumerate(a.shape) if k not in axes)
        return Shaped("sum", (a,), left, self.itemsize, a.size, note=axes)

    def reduce(self, op: str, a: Shaped, axes: _Axes) -> Shaped:
        left = tuple(n for k, n in enumerate(a.shape) if k not in axes)
        after, once = LEFT_FLOPS.get(op, (0, 0))
        shape = a.shape if keeps(op) else left
        flops = REDUCTIONS[op].passes * a.size + after * math.prod(left) + once
        if is_matrix(op):
            m, n = (a.shape[k] for k in axes)
            shape = (*left, *((m, n)["uv".index(c)] for c in REDUCTIONS[op].axes))
            flops = math.prod(left) * int(MATRIX_FLOPS.get(op, 1) * m * n * min(m, n) ** (1 + 2 * op.count("′")))
        return Shaped("reduce", (a,), shape, self.itemsize, flops, note=(op, axes))

    def greatest(self, op: str, a: Shaped, count: int) -> Shaped:
        return Shaped("reduce", (a,), (*a.shape[:-1], count), self.itemsize, a.size, note=(op, (len(a.shape) - 1,)))

    def dot(
        self,
        a: Shaped,
        b: Shaped,
        summed: tuple[_Axes, _Axes],
        batch: tuple[_Axes, _Axes],
        letters: tuple[tuple[str, ...], ...] = (),
    ) -> Shaped:
        own = [
            [n for k, n in enumerate(x.shape) if k not in summed[side] and k not in batch[side]]
            for side, x in enumerate((a, b))
        ]
        shape = (*(a.shape[k] for k in batch[0]), *own[0], *own[1])
        flops = 2 * math.prod(shape) * math.prod(a.shape[k] for k in summed[0])
        return Shaped("dot", (a, b), shape, self.itemsize, flops, note=(summed, batch))
