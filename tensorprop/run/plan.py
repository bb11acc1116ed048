"""What it costs: the order of every contraction, with flops, bytes moved and memory, before anything is allocated.

In: a System and sizes, by index letter or by the shapes of its tensors. Out: a `Plan`, whose text is a table. No array
is seen.

What is priced is the program that ``compile`` makes, done over shapes (`run.count`); what of it is one step and what
lies in memory is said in `run.steps`. A step reads its operands and writes its result once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from tensorprop.calculus import stabilise
from tensorprop.calculus.declared import rowed
from tensorprop.calculus.source import Source, as_system, names_in
from tensorprop.core.build import COLUMN, ROW
from tensorprop.core.english import run_together
from tensorprop.core.equation import System
from tensorprop.core.expr import Add, Expr, Index, Mul, Number, Reduce, Sum
from tensorprop.core.ranges import Ranges, infer
from tensorprop.core.told import Axis
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import MissingInput, PlanTooLarge, SizeMismatch, TensorpropError, UnknownName, UsageError, among
from tensorprop.face import Face
from tensorprop.run.bound import Functions, bound
from tensorprop.run.budget import fitting
from tensorprop.run.count import Count
from tensorprop.run.described import Description
from tensorprop.run.extents import Extents, extents, supported
from tensorprop.run.how import effort_of, in_bytes, memory
from tensorprop.run.lower import lower
from tensorprop.run.path import contraction_path, searching
from tensorprop.run.steps import steps
from tensorprop.text import locate, show

__all__ = ["Plan", "PlanStep", "contraction_path", "in_short", "memory", "plan", "table"]


# --------------------------------------------------------------------------- the plan
@dataclass(frozen=True, slots=True)
class PlanStep:
    """One operation on whole arrays.

    ``makes`` is the result as it is called in the table, ``by`` what is done, ``spec`` its letters as in einsum (empty
    where it is entrywise), ``equation`` the tensor on whose left side it serves; ``flops``, ``bytes`` moved, ``shape``
    of the result and its ``size`` in memory (bytes; 0 where it is done as it is read), ``held`` the bytes in memory
    while it runs.
    """

    equation: str
    row: Description
    flops: int
    bytes: int
    shape: tuple[int, ...]
    size: int
    held: int
    ascii: bool = False

    @property
    def makes(self) -> str:
        """The result as it is called in the table."""
        return show(self.row.makes, ascii=self.ascii)

    @property
    def by(self) -> str:
        """What is done."""
        return _cut(_written(self.row.by, self.ascii), 400)

    @property
    def spec(self) -> str:
        """The letters of a contraction, as in einsum; empty where it is none."""
        return "" if self.row.spec is None else _spec(*self.row.spec)


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Face):
    """Steps in their order, and what they cost. ``str`` is a table."""

    steps: tuple[PlanStep, ...]
    sizes: Mapping[str, int | tuple[int, ...]]
    shapes: Mapping[str, tuple[int, ...]]
    itemsize: int
    system: System | None = None
    cut: str | None = None
    flops: int = field(init=False)
    bytes: int = field(init=False)
    peak: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "flops", sum(s.flops for s in self.steps))
        object.__setattr__(self, "bytes", sum(s.bytes for s in self.steps))
        object.__setattr__(self, "peak", max((s.held for s in self.steps), default=0))

    @property
    def order(self) -> tuple[str, ...]:
        """What is done, step by step: ``("Σ_i a_bi W_ij", "#1_bj + b_j")``."""
        return tuple(s.by for s in self.steps)

    @property
    def largest(self) -> PlanStep | None:
        """The step with the largest result."""
        return max(self.steps, key=lambda s: s.size, default=None)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return {
            "sizes": {i: list(n) if isinstance(n, tuple) else n for i, n in self.sizes.items()},
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
            "itemsize": self.itemsize,
            "flops": self.flops,
            "bytes": self.bytes,
            "peak": self.peak,
            "steps": [
                {
                    "equation": s.equation,
                    "makes": s.makes,
                    "by": s.by,
                    "spec": s.spec,
                    "flops": s.flops,
                    "bytes": s.bytes,
                    "shape": list(s.shape),
                    "size": s.size,
                    "held": s.held,
                }
                for s in self.steps
            ],
        }

    def __hash__(self) -> int:
        return hash((self.steps, self.flops))

    def __str__(self) -> str:
        return self.show()

    def show(self, width: int = 100) -> str:
        """The plan as a table within so many columns."""
        head = ("", "makes", "by", "flops", "", "moved", "result")
        rows = [
            (
                str(n),
                s.makes,
                s.by,
                in_short(s.flops),
                _share(s.flops, self.flops),
                memory(s.bytes),
                memory(s.size),
            )
            for n, s in enumerate(self.steps, 1)
        ]
        total = ("", "total", "", in_short(self.flops), "", memory(self.bytes), "")
        lines = table([head, *rows, total], wide=2, width=width)
        notes: list[str] = []
        if self.sizes:
            notes.append("sizes: " + ", ".join(f"{i} = {_several(n)}" for i, n in self.sizes.items()))
        largest = self.largest
        if largest is not None:
            notes.append(
                f"memory: {memory(self.peak)} at most, inputs included; the largest result is {largest.makes}, "
                f"{memory(largest.size)}"
            )
            costly = max(self.steps, key=lambda s: s.flops)
            if self.flops and len(self.steps) > 1:
                notes.append(f"most work: step {self.steps.index(costly) + 1}, {costly.makes} = {costly.by}")
        if self.cut:
            notes.append(f"cut: {self.cut}")
        notes.append(f"numbers of {self.itemsize} bytes; #n is the result of step n")
        return "\n".join([*lines, "", *(line for note in notes for line in wrap(note, width))])


def plan(
    s: Source,
    sizes: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    outputs: str | Iterable[str] | None = None,
    *,
    itemsize: int = 4,
    memory_limit: int | str = "1TiB",
    ascii: bool = False,
    functions: Functions | None = None,
    effort: float = 1.0,
    memory: int | str | None = None,
) -> Plan:
    """The steps in which the equations are computed, and their cost in flops, bytes moved and memory.

    ``sizes`` gives the size of index letters, left sides' and summed ones', wherever they stand; ``shapes`` that of
    tensors, for what letters do not tell (it goes first). ``outputs`` are the tensors that are wanted, all of
    `System.outputs` if none are named. ``itemsize`` is the bytes of a number. ``ascii`` keeps the table to ASCII.
    ``functions`` binds open functions, as in ``compile``: each counts as one flop for every entry.
    ``effort`` is how long an order of many operands is searched for: 1 is a second or two for hundreds, 10 ten times
    that. It is counted in steps: the same product has the same order everywhere. ``memory`` is what may lie in memory
    at a time, inputs included: where the program needs more, an index is cut, and its parts are done one after another,
    or what a way back reads is made again, as ``compile`` and ``value_and_grad`` do it then; ``Plan.cut`` says which.

    >>> from tensorprop.text import parse
    >>> p = plan(parse("y_i = A_ij B_jk x_k"), {"i": 100, "j": 100, "k": 100})
    >>> p.flops, [s.spec for s in p.steps]
    (40000, ['jk,k->j', 'ij,j->i'])

    Errors: MissingInput (the letters that still need a size), UnknownName, SizeMismatch, PlanTooLarge (a result larger
    than ``memory_limit``, which is in bytes or such as "2GB", or no cut that keeps within ``memory``).
    """
    system = as_system(s)
    try:
        limit = in_bytes(memory_limit, "memory_limit")
        wanted = system.outputs if outputs is None else names_in(outputs, "outputs")
        for name in wanted:
            system[name]
        found = extents(system, input_shapes(system, sizes or {}, shapes or {}))
        needed = system.only(wanted)
        supported(needed, bound(needed.functions, functions))
        with searching(effort_of(effort)):
            return _plan(found, wanted, itemsize, limit, ascii, None if memory is None else in_bytes(memory))
    except TensorpropError as error:
        raise locate(error, system) from None


# --------------------------------------------------------------------------- sizes by letter
NAMELESS = frozenset((ROW, COLUMN))  # no text has them: what they run over is told by the tensor's shape


def _labels(system: System, ranges: Ranges) -> dict[str, dict[Axis, None]]:
    """For every letter that the text has, the classes of axes that it runs over somewhere."""
    labels: dict[str, dict[Axis, None]] = {}
    for eq in system.equations:
        for letter, axis in ranges.letters(eq).items():
            labels.setdefault(letter, {})[axis] = None
        for e in postorder(eq.value):
            for letter, axis in ranges.bound(e).items() if isinstance(e, (Sum, Reduce)) else ():
                if isinstance(axis, tuple):
                    labels.setdefault(letter, {})[axis] = None
    others: dict[str, dict[Axis, None]] = {}  # the time of x[t+1] = f(x[t], W_tij)
    for t in (t for eq in system.equations for t in tensors_of(eq.value)):
        for k, place in enumerate(t.subscripts):
            if isinstance(place, Index) and place.name not in labels:
                others.setdefault(place.name, {})[ranges.find(t.name, k)] = None
    labels |= others
    return {letter: axes for letter, axes in labels.items() if letter not in NAMELESS}


def input_shapes(
    system: System,
    sizes: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    names: Iterable[str] | None = None,
) -> dict[str, tuple[int, ...]]:
    """The shapes of the inputs, or of those that are named: as they are given, then as the letters say."""
    _whole([*sizes.items(), *((name, n) for name, shape in shapes.items() for n in shape)])
    names = tuple(system.inputs if names is None else names)
    if not sizes and shapes.keys() >= {*names}:
        rest = {name: tuple(shape) for name, shape in shapes.items() if name not in system}
        return {**{name: tuple(shapes[name]) for name in names}, **rest}
    ranges = infer(system)
    labels = _labels(system, ranges)
    for letter in sizes:
        if letter not in labels:
            raise UnknownName(
                f"no index is called {letter}",
                **among(letter, labels, "indices"),
            )
    known: dict[Axis, tuple[int, str]] = {}
    for name, shape in shapes.items():
        if name in system.names and len(shape) == _rank(system, name, len(shape)):
            for axis, n in enumerate(shape):
                known.setdefault(ranges.find(name, axis), (n, f"axis {axis + 1} of {name}"))
    told = dict(known)
    for letter, n in sizes.items():
        rooms = [axis for axis in labels[letter] if axis not in told]
        for axis in rooms:
            if axis in known and known[axis][0] != n:
                raise SizeMismatch(
                    f"{letter} and {known[axis][1]} run over one range, and are to be {n} and {known[axis][0]}",
                    fix="give both the same size, or one of them",
                )
            known.setdefault(axis, (n, letter))
        clash = [axis for axis in labels[letter] if axis in told and told[axis][0] != n]
        if len(clash) == len(labels[letter]):
            raise SizeMismatch(
                f"{letter} is to be {n}, but {told[clash[0]][1]}, over which it runs, has size {told[clash[0]][0]}",
                fix=f"drop {letter} from sizes, or the tensor from shapes",
            )
    found: dict[str, tuple[int, ...]] = {}
    need: dict[str, None] = {}
    for name in names:
        if name in shapes:
            found[name] = tuple(shapes[name])
            continue
        axes = [ranges.find(name, k) for k in range(_rank(system, name, 0))]
        for k, axis in enumerate(axes):
            if axis not in known:
                letters = [letter for letter, classes in labels.items() if axis in classes]
                need[letters[0] if letters else f"axis {k + 1} of {name}"] = None
        found[name] = tuple(known[axis][0] if axis in known else 0 for axis in axes)
    if need:
        raise _unsized([*need], labels, sizes)
    return {**found, **{name: tuple(shape) for name, shape in shapes.items() if name not in system}}


def _whole(sizes: Iterable[tuple[str, object]]) -> None:
    """Refuse sizes that count nothing."""
    for what, n in sizes:
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise UsageError(f"the size {n!r} of {what} is not a whole number")


def _unsized(need: list[str], labels: Iterable[str], sizes: Iterable[str]) -> MissingInput:
    """What is said of letters, or axes, whose size nothing tells."""
    unnamed = any(n.startswith("axis ") for n in need)
    return MissingInput(
        f"no size for {', '.join(need)}",
        known="indices: " + (", ".join(labels) or "none") + ("; given: " + ", ".join(sizes) if sizes else ""),
        fix="an axis that no letter indexes takes its size from shapes={name: (…)}"
        if unnamed
        else "say for example sizes={" + ", ".join(f'"{i}": 64' for i in need) + "}",
    )


def _rank(system: System, name: str, otherwise: int) -> int:
    try:
        return system.rank(name)
    except UnknownName:
        return otherwise


# --------------------------------------------------------------------------- steps
def _plan(
    sizes: Extents, names: Sequence[str], itemsize: int, limit: int, ascii: bool, most: int | None = None
) -> Plan:
    """The program that is compiled, done over shapes."""
    whole = sizes.system
    needed = whole.only(names)
    program = stabilise(rowed(needed))
    shapes = {name: sizes.shapes[name] for name in needed.inputs}
    ops = Count(itemsize)
    arrays = {name: ops.given(name, shape) for name, shape in shapes.items()}
    known = sizes if program is whole else extents(program, {n: shapes[n] for n in program.inputs})
    cut = None if most is None else fitting(program, known, names, itemsize, most)
    run = lower if cut is None else cut.lower
    results = run(program, arrays, names, ops, known)
    place = {eq.name: n for n, eq in enumerate(whole.equations)}
    found: list[PlanStep] = []
    for made in steps(results, arrays.values()):
        size = made.array.bytes if made.array is not None else 0
        if size > limit:
            row = made.row
            what = show(row.makes) if made.result else f"the intermediate {_cut(_written(row.by, ascii), 60)}"
            letters = row.makes.letters or ()
            raise PlanTooLarge(
                f"{what} would need {memory(size)}: "
                + " × ".join(f"{i} = {n}" for i, n in zip(letters, made.shape, strict=True)),
                known=f"the limit for one array is {memory(limit)}, at {itemsize} bytes a number",
                fix="sum an index, take smaller sizes, or raise memory_limit",
                about=(place[made.equation], whole[made.equation].target if made.result else made.about),
            )
        moved = size + sum(a.bytes for a in made.reads)
        found.append(PlanStep(made.equation, made.row, made.flops, moved, made.shape, size, made.held, ascii))
    shapes = {name: sizes.shapes[name] for name in needed.names}
    told = None if cut is None else str(cut)
    return Plan(tuple(found), _letters(sizes, needed), shapes, itemsize, needed, told)


def _written(e: Expr, ascii: bool) -> str:
    """The expression, a sum in front with its letters: the table says what is summed even where readers know."""
    match e:
        case Mul(factors=(Number() as c, Sum() as inner)):
            front = "-" if c.value == -1 else f"{show(c, ascii=ascii)} "
            return front + _written(inner, ascii)
        case Sum():
            letters = run_together(e.indices)
            body = show(e.body, ascii=ascii)
            return f"{'sum' if ascii else 'Σ'}_{letters} " + (f"({body})" if isinstance(e.body, Add) else body)
        case _:
            return show(e, ascii=ascii)


def _letters(sizes: Extents, system: System) -> dict[str, int | tuple[int, ...]]:
    """Every letter's size; several where different equations use it for different ranges."""
    found: dict[str, dict[int, None]] = {}
    for eq in system.ordered:
        here = dict(sizes.letters(eq))
        for letter, n in [*here.items(), *sizes.inner(eq)]:
            if letter not in NAMELESS:
                found.setdefault(letter, {})[n] = None
    return {i: next(iter(ns)) if len(ns) == 1 else tuple(ns) for i, ns in found.items()}


# --------------------------------------------------------------------------- text
def _spec(operands: Sequence[Sequence[str]], output: Sequence[str]) -> str:
    """``ij,jk->ik``."""
    gap = "" if all(len(i) == 1 for o in operands for i in o) else " "
    return ",".join(gap.join(o) for o in operands) + "->" + gap.join(output)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + ".."


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole if whole else 0
    return "<1%" if 0 < percent < 0.5 else f"{percent:.0f}%" if part else ""


def in_short(n: int) -> str:
    """A count in three digits: 51.4 M."""
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if n >= 10**power:
            return f"{n / 10**power:.3g} {unit}" if n < 10 ** (power + 3) else f"{n / 10**power:.3e} {unit}"
    return str(n)


def _several(n: int | tuple[int, ...]) -> str:
    return str(n) if isinstance(n, int) else " or ".join(map(str, n))


def table(rows: Sequence[Sequence[str]], wide: int, width: int, name: int | None = 1) -> list[str]:
    """Aligned columns, a line under the first row and one above the last; the column ``wide`` gives way.

    ``name`` is the column of names, which are not long.
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    if name is not None:
        widths[name] = min(widths[name], 22)
    spare = width - 2 * (len(widths) - 1) - sum(w for k, w in enumerate(widths) if k != wide)
    widths[wide] = min(widths[wide], max(spare, 8))
    left = (name, wide)
    lines = [
        "  ".join(
            _cut(c, w).ljust(w) if k in left else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * min(width, sum(widths) + 2 * (len(widths) - 1))
    return [line.rstrip() for line in (lines[0], rule, *lines[1:-1], rule, lines[-1])]
