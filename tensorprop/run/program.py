"""The program that runs, one line an equation: shapes, flops, and what is kept for the way back.

In: the equations as they are computed, and the shapes with which they were called. Out: a `Listing`, whose text is a
table. What is counted is what `plan` counts: the lowering over shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorprop.core.equation import System
from tensorprop.core.names import is_adjoint
from tensorprop.errors import TensorpropError
from tensorprop.face import Face
from tensorprop.run.count import Count, Shaped
from tensorprop.run.extents import extents
from tensorprop.run.lower import lower
from tensorprop.run.plan import in_short, memory, table
from tensorprop.run.steps import Made, steps
from tensorprop.text import show

__all__ = ["Listing", "Met", "ProgramLine", "met", "program"]

Shapes = Mapping[str, tuple[int, ...]]
Met = tuple[Shapes, int]
"""The shapes of inputs, and the bytes of a number."""


@dataclass(frozen=True, slots=True)
class ProgramLine:
    """An equation of the program: its text, the shape of what it makes, its flops, the bytes in which that lies.

    ``bytes`` is 0 where it is done as it is read. ``saved`` are the bytes of this equation that the way back reads.
    Shapes and numbers are None as long as sizes are not known.
    """

    tensor: str
    equation: str
    letters: tuple[str, ...]
    shape: tuple[int, ...] | None = None
    flops: int | None = None
    bytes: int | None = None
    saved: int | None = None
    reads_back: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Listing(Face):
    """The equations in the order in which they run, in their stable forms, what is never needed left out.

    >>> from tensorprop.run import value_and_grad
    >>> import numpy as np
    >>> g = value_and_grad("z_bj = x_bi W_ij; E = z_bj z_bj", wrt="W")
    >>> _ = g({"W": np.ones((3, 4))}, x=np.ones((2, 3)))
    >>> print(g.program)
       program              shape  flops  in memory  saved
    ------------------------------------------------------
    1  z_bj = x_bi W_ij     2 × 4     48       32 B   32 B
    2  E = z_bj z_bj       number     16        4 B
    3  δz_bj = 2 z_bj       2 × 4      8       32 B
    4  δW_ij = x_bi δz_bj   3 × 4     48       48 B
    ------------------------------------------------------
       total                         120              32 B
    <BLANKLINE>
    numbers of 4 bytes; saved is what the way back reads of the way there
    """

    lines: tuple[ProgramLine, ...]
    itemsize: int
    known: bool = True

    @property
    def saved(self) -> tuple[str, ...]:
        """The tensors of the way there that the way back reads."""
        return tuple(line.tensor for line in self.lines if line.saved or line.reads_back)

    def __str__(self) -> str:
        return self.show()

    def show(self, width: int = 100) -> str:
        """The program as a table within so many columns."""
        head = ("", "program", "shape", "flops", "in memory", "saved")
        rows = [
            (
                str(n),
                line.equation,
                _shape(line),
                "" if line.flops is None else in_short(line.flops),
                "" if line.bytes is None else memory(line.bytes) if line.bytes else "as read",
                _saved(line),
            )
            for n, line in enumerate(self.lines, 1)
        ]
        kept = sum(line.saved or 0 for line in self.lines)
        flops = in_short(sum(line.flops or 0 for line in self.lines))
        total = ("", "total", "", flops, "", memory(kept) if kept else "")
        lines = table([head, *rows, total], wide=1, width=width, name=None)
        told = "saved is what the way back reads of the way there"
        if not self.known:
            return "\n".join([*lines[:-2], "", f"sizes are known once it has been called; {told}"])
        return "\n".join([*lines, "", f"numbers of {self.itemsize} bytes; {told}"])


def _shape(line: ProgramLine) -> str:
    sizes = line.letters if line.shape is None else tuple(map(str, line.shape))
    return " × ".join(sizes) or "number"


def _saved(line: ProgramLine) -> str:
    return memory(line.saved) if line.saved else "yes" if line.reads_back and line.saved is None else ""


def program(s: System, names: Sequence[str], seen: Met | None) -> Listing:
    """The program of a System of which ``names`` are wanted; ``seen`` is what its inputs are, if that is known."""
    shapes, itemsize = seen or (None, 4)
    needed = s.only(names)
    back = {eq.name for eq in needed if is_adjoint(eq.name)}
    read = {name for eq in needed if eq.name in back for name in eq.inputs} - back
    made = _counted(needed, names, shapes, itemsize) if shapes is not None else None
    whole = {eq.name: eq for eq in needed.ordered}  # the last of a name: a recurrence, its starts before it
    lines: list[ProgramLine] = []
    for eq in needed.ordered:
        letters = tuple(eq.letters)
        if made is None or whole[eq.name] is not eq:
            lines.append(ProgramLine(eq.name, show(eq), letters, reads_back=made is None and eq.name in read))
            continue
        rows, full, saved = made
        mine = [row for row in rows if row[0] == eq.name]
        lies = [row.array for _, row in mine if row.array is not None]
        size = max(
            (a.bytes for _, r in mine if (a := r.array) is not None and (r.result or a.kind == "stack")), default=0
        )
        own = 0 if eq.name in back else sum(a.bytes for a in lies if a in saved)
        flops = sum(row.flops for _, row in mine)
        lines.append(ProgramLine(eq.name, show(eq), letters, full[eq.name], flops, size, own, eq.name in read))
    return Listing(tuple(lines), itemsize, made is not None)


def _counted(
    needed: System, names: Sequence[str], shapes: Shapes, itemsize: int
) -> tuple[list[tuple[str, Made]], Mapping[str, tuple[int, ...]], set[Shaped]] | None:
    """The rows of the plan with their equations, all shapes, and the arrays that rows of the way back read.

    None where sizes are open. What a loop stacks belongs to the tensor that it has just made.
    """
    if not all(isinstance(n, int) for shape in shapes.values() for n in shape):
        return None
    try:
        found = extents(needed, {name: shapes[name] for name in needed.inputs})
        ops = Count(itemsize)
        given = {name: ops.given(name, shapes[name]) for name in needed.inputs}
        rows = steps(lower(needed, given, names, ops, found), given.values())
    except (TensorpropError, KeyError):
        return None
    owned: list[tuple[str, Made]] = []
    last = ""
    for row in rows:
        stacked = row.array is not None and row.array.kind == "stack" and not row.result and last
        owned.append((last if stacked else row.equation, row))
        last = row.equation if row.result else last
    saved = {a for name, row in owned if is_adjoint(name) for a in row.reads}
    return owned, found.shapes, saved


def met(arrays: Mapping[str, Any]) -> Met:
    """The shapes of arrays, and the bytes of their numbers, as far as they have any."""
    sizes = [a.dtype.itemsize for a in arrays.values() if getattr(getattr(a, "dtype", None), "kind", "") in ("f", "V")]
    return {name: tuple(getattr(a, "shape", ())) for name, a in arrays.items()}, max(sizes, default=4)
