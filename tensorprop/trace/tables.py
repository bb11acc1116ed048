"""Arrays that a program makes without its arguments, as inputs that the System brings along.

In: a System that was read, in which such inputs have anonymous names. Out: the System, with their values in
``constants``. What the values are at other sizes is known to whoever read the program at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from tensorprop.core.equation import Equation, Fact, System
from tensorprop.core.expr import Expr, Interned, Tensor
from tensorprop.core.walk import postorder, transform
from tensorprop.trace.readable import Draft, Transcript

__all__ = ["MadeArray", "ReadSystem", "named_tables"]


class MadeArray:
    """An array for every size at which the program was read."""

    def __init__(self, name: str, arrays: tuple[Any, ...]) -> None:
        self.name, self.arrays = name, arrays


class ReadSystem(System):
    """A System that was read from a program, and the inputs that the program makes itself.

    Equal to nothing but itself, since the arrays belong to it.
    """

    __slots__ = ("tables",)
    _fields = ("equations", "facts", "tables")
    equations: tuple[Equation, ...]
    facts: tuple[Fact, ...]
    tables: tuple[MadeArray, ...]

    def __new__(
        cls, equations: tuple[Equation, ...], facts: tuple[Fact, ...] = (), tables: tuple[MadeArray, ...] = ()
    ) -> System:
        return Interned.__new__(cls, equations, facts, tables)

    @property
    def constants(self) -> Mapping[str, Any]:
        """The values of the inputs that depend on no argument, at the sizes of the example."""
        return self.at(0)

    def at(self, trace: int) -> dict[str, Any]:
        """The same at another of the sizes at which the program was read."""
        return {t.name: t.arrays[min(trace, len(t.arrays) - 1)] for t in self.tables}


def named_tables(
    lines: Sequence[Draft], trace: Transcript
) -> tuple[list[Draft], Transcript, list[MadeArray], list[str]]:
    """Lines in which the arrays that are needed are called const1, const2 …; the arrays; what is to be said of them."""
    used = dict.fromkeys(
        e.name for line in lines for e in postorder(line.value) if isinstance(e, Tensor) and e.name in trace.tables
    )
    taken = {*trace.inputs, *(line.name for line in lines)}
    free = (name for n in count(1) if (name := f"const{n}") not in taken)
    names = {old: next(free) for old in used}

    def rule(e: Expr) -> Expr:
        return Tensor(names[e.name], e.subscripts) if isinstance(e, Tensor) and e.name in names else e

    notes: list[str] = []
    for old, name in names.items():
        arrays, where = trace.tables[old]
        shape = tuple(arrays[0].shape)
        if where:
            notes.append(
                f"an array of shape {shape} that depends on no argument, made at {where}, is the input {name}; "
                "its values at these sizes are in .constants"
            )
        else:
            notes.append(
                f"an array of shape {shape} that the function closes over is the input {name}; "
                "pass it as an argument to give it a name, or make it of jnp.arange in the function to have it read"
            )
    inputs = {names.get(n, n): letters for n, letters in trace.inputs.items() if n in names or n not in trace.tables}
    tables = [MadeArray(name, trace.tables[old][0]) for old, name in names.items()]
    lines = [line._replace(value=transform(line.value, rule)) for line in lines] if names else list(lines)
    left = {name: trace.tables[old] for old, name in names.items()}
    plane = frozenset(names.get(n, n) for n in trace.complex)
    return lines, trace._replace(inputs=inputs, tables=left, complex=plane), tables, notes
