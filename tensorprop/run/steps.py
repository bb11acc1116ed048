"""The record of a program as steps: what is one loop, what lies in memory and how long, and how it is called.

In: the results of a program done over shapes (`run.count`). Out: steps in their order, each with its flops, the memory
that it reads and writes, what is held meanwhile, and an expression for people.

What lies in memory. A contraction, a sum and a reduction write their result. What is entrywise is done as it is read,
in the loop of whoever needs it, and has no place of its own, unless it is an output, is read by something that needs
an array (a contraction, a way back that makes other things again), or is costly and read by two loops. An entrywise
step writes where its operand lay if nothing else needs that any more, a ``where`` apart. Inputs are held throughout, an
output from its step to the end, anything else from its step to its last use, or, of a product for one of the parts of
an array, until these are put together: XLA works out such products first, and copies all that they read before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tensorprop.core.expr import Expr
from tensorprop.core.functions import REDUCTIONS, keeps
from tensorprop.run.count import VIEWS, WRITES, Shaped
from tensorprop.run.described import Described, Description

__all__ = ["Made", "steps"]

# What is dear enough not to be done twice.
_COSTLY = frozenset({"call", "power", "divide"})
# Other readings of the same memory, entry for entry.
_RENAMES = frozenset({"named", "transpose"})


class Made(NamedTuple):
    """One row, which ``row`` tells in words.

    ``reads`` are the arrays in memory that it reads; ``array`` is where the result lies, None where it is done as it
    is read. ``held``: the bytes in memory meanwhile. ``about``: the node that it is the value of, if that is known.
    ``result``: whether it is a tensor of the System.
    """

    equation: str
    row: Description
    shape: tuple[int, ...]
    flops: int
    reads: tuple[Shaped, ...]
    array: Shaped | None
    held: int
    about: Expr | None
    result: bool


def steps(results: Mapping[str, Shaped], given: Iterable[Shaped]) -> list[Made]:
    """The steps that make ``results``, which are named; ``given`` are the inputs, needed or not."""
    return list(_Record(results).steps(sum(a.bytes for a in given)))


def core(a: Shaped, through: frozenset[str] = VIEWS) -> Shaped:
    """The operation behind other readings of its result."""
    while a.kind in through:
        a = a.operands[0]
    return a


class _Record:
    """The operations that the results need, in order; who reads each, which lie in memory, which begin a row."""

    def __init__(self, results: Mapping[str, Shaped]) -> None:
        self.ops = _needed(results.values())
        self.readers: dict[Shaped, list[Shaped]] = {}
        self.equation: dict[Shaped, str] = {}
        self.node: dict[Shaped, Expr] = {}
        self.tensors: dict[Shaped, Shaped] = {}  # the operation, or reading, that makes a tensor → its name's reading
        waiting: list[Shaped] = []
        for a in self.ops:
            waiting.append(a)
            if a.kind not in VIEWS:
                for b in a.sources:
                    self.readers.setdefault(core(b), []).append(a)
            elif isinstance(a.note, str):
                made = core(a, _RENAMES)
                self.tensors[a if made.kind in ("given", *VIEWS) or made in self.tensors else made] = a
                self.equation.update((b, a.note) for b in waiting if b not in self.equation)
                waiting = []
            elif isinstance(a.note, Expr):
                self.node.setdefault(core(a), a.note)
        self.outputs = {self._maker(a) for a in results.values()}
        self.kept = {core(a) for a in self.ops if a.kind == "apart"}
        self.memory: set[Shaped] = set()
        self.folded: set[Shaped] = set()
        self._settle()
        self.rows = [a for a in self.ops if a in self.memory or a in self.tensors]

    def _maker(self, a: Shaped) -> Shaped:
        return next(made for made, name in self.tensors.items() if name is a)

    def _settle(self) -> None:
        """What lies in memory, from the results back: whoever reads an operation has been settled before it."""
        loops: dict[Shaped, set[Shaped]] = {}
        for a in reversed(self.ops):
            if a.kind in VIEWS and a not in self.outputs:
                continue
            readers = self.readers.get(a, [])
            found: set[Shaped] = set()
            for r in readers:
                found |= {r} if r in self.memory else loops[r]
            loops[a] = found
            if a.kind == "given" or a in self.folded:
                continue
            needed = a in self.kept or any(r.kind in ("dot", "conv") for r in readers)
            twice = len(found) > 1 or any(r.kind == "reduce" and REDUCTIONS[r.note[0]].passes > 1 for r in readers)
            if a in self.outputs or a.kind in WRITES or needed or (twice and self._costly(a)):
                self.memory.add(a)
                inner = self._scaled(a)
                if inner is not None:
                    self.folded.add(inner)

    def _scaled(self, a: Shaped) -> Shaped | None:
        """The sum that ``a`` only multiplies by a number: done in its place."""
        if a.kind not in ("multiply", "negative") or len(a.sources) != 1:
            return None
        inner = core(a.sources[0], _RENAMES)
        alone = len(self.readers.get(inner, ())) == 1 and inner not in self.tensors and inner.kind in WRITES
        return inner if alone and inner.size == a.size else None

    def _costly(self, a: Shaped) -> bool:
        """Whether doing ``a`` again, down to what writes an array, takes more than arithmetic."""
        stack, seen = [a], {a}
        while stack:
            b = stack.pop()
            if b.kind in _COSTLY:
                return True
            for c in map(core, b.sources):
                if c not in seen and c.kind not in WRITES and c.kind != "given" and c not in self.tensors:
                    seen.add(c)
                    stack.append(c)
        return False

    def reads(self, a: Shaped) -> tuple[Shaped, ...]:
        """The arrays in memory that the loop of ``a`` reads."""
        found: dict[Shaped, None] = {}
        seen: set[Shaped] = set()
        stack = list(reversed(a.sources))
        while stack:
            b = stack.pop()
            if b in seen:
                continue
            seen.add(b)
            if b in self.memory or b.kind == "given":
                found[b] = None
            else:
                stack.extend(reversed(b.sources))
        return tuple(found)

    def _work(self, a: Shaped, done: set[Shaped]) -> int:
        """Flops of the row of ``a``: of what it needs and no row before it has done."""
        total, stack = 0, [a]
        while stack:
            b = stack.pop()
            if b not in done and (b is a or not (b in self.memory or b in self.tensors)):
                done.add(b)
                total += b.flops
                stack.extend(b.sources)
        return total

    def steps(self, held: int) -> Iterator[Made]:
        """The rows, with what is held while each of them runs."""
        described = Described(self.ops, self.tensors, self.rows)
        reads = {a: self.reads(a) for a in self.rows}
        last = {b: a for a in self.rows if a in self.memory for b in reads[a]}
        whole, later = _together(reads), dict[Shaped, int]()
        copies = {
            a for a in self.memory if a in whole and a.kind not in WRITES and all(b.kind == "given" for b in reads[a])
        }
        early: dict[Shaped, int] = {}  # the copies of parts of inputs, by the array whose parts they are for
        for a in copies:
            early[whole[a]] = early.get(whole[a], 0) + a.bytes
        done: set[Shaped] = set()
        for a in self.rows:
            lies = a if a in self.memory else None
            flops = self._work(a, done)
            free = [
                b for b in (reads[a] if lies else ()) if last[b] is a and b.kind != "given" and b not in self.outputs
            ]
            chosen = a.kind == "call" and a.note == "where"  # XLA writes a choice beside what it chooses from
            along = (a.kind not in WRITES and not chosen) or (a.kind == "reduce" and keeps(a.note[0]))
            used = next((b for b in free if b.bytes == a.bytes and along), None)
            held += early.pop(whole[a], 0) if a in whole else 0
            held += a.bytes if lies and used is None and a not in copies else 0
            yield Made(
                self.equation.get(a, ""),
                described.row(a),
                self.tensors.get(a, a).shape,
                flops,
                reads[a] if lies else (),
                lies,
                held,
                self.node.get(core(a)),
                a in self.tensors,
            )
            for b in free:
                if b is not used:
                    until = whole.get(b, a) if b.kind == "dot" else a
                    later[until] = later.get(until, 0) + b.bytes
            held -= later.pop(a, 0)
            if lies and a not in last and a not in self.outputs:
                held -= a.bytes


def _together(reads: Mapping[Shaped, Iterable[Shaped]]) -> dict[Shaped, Shaped]:
    """What only parts of one array need, and that array: their products do not wait for one another."""
    readers: dict[Shaped, list[Shaped]] = {}
    whole: dict[Shaped, Shaped] = {}
    for a, found in reversed([*reads.items()]):
        goals = {r if r.kind == "stack" and len(r.operands) > 1 else whole.get(r) for r in readers.get(a, ())}
        goal = next(iter(goals), None)
        if len(goals) == 1 and goal is not None:
            whole[a] = goal
        for b in found:
            readers.setdefault(b, []).append(a)
    return whole


def _needed(results: Iterable[Shaped]) -> list[Shaped]:
    """Everything that these need, in the order in which it was recorded."""
    seen: set[Shaped] = set()
    stack = list(results)
    while stack:
        a = stack.pop()
        if a not in seen:
            seen.add(a)
            stack.extend(a.sources)
    return sorted(seen, key=lambda a: a.serial)
