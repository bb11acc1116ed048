"""Value and gradients where part of the way there is made again for the way back: ``save="p"``, or ``memory=``.

In: the forward equations, the rules, and the tensors to keep. Out: a program of two parts. The first works out the
values and what is kept; the second has these, the inputs, and the rules, and makes again what else they need. Between
the two the compiler may carry nothing else over. Which equations each part holds is decided in `calculus.ways`.

What is made again is made as late as it can be: it is tied to what is owed where it is first read (`lower.Tie`), else
a compiler may make everything again at once, before the way back begins, and then all of it lies in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tensorprop.calculus.ways import Task, Way, stored
from tensorprop.core.equation import Equation, Loop, Range, System, equation
from tensorprop.core.expr import Expr, Tensor
from tensorprop.core.walk import tensors_of, transform
from tensorprop.run.extents import extents
from tensorprop.run.lower import Tie, lower
from tensorprop.run.precision import Precision
from tensorprop.run.sizes import Extents
from tensorprop.run.values import Operations

__all__ = ["TwoParts"]

Arrays = Mapping[str, Any]


class TwoParts:
    """The two Systems, and the tensors that go from the one to the other.

    ``values`` are the tensors that are wanted of the ``forward`` equations, ``slopes`` those of the ``rules``.
    """

    def __init__(
        self, forward: System, rules: System, values: Sequence[str], slopes: Sequence[str], save: frozenset[str]
    ) -> None:
        self.task = Way(forward, rules, save).plan(tuple(slopes), ())
        made = [n for n in self.task.saved if forward.defines(n)]
        self.names = tuple(dict.fromkeys((*values, *made)))
        self.there = forward.only(self.names)
        self.back, self.ties = _late(self.task, frozenset(self.again))

    @property
    def saved(self) -> tuple[str, ...]:
        """What the way back is given: tensors that were made, and inputs."""
        return self.task.saved

    @property
    def again(self) -> tuple[str, ...]:
        """What is made a second time."""
        read = frozenset(self.task.loops)  # of these what was kept is read, and only their starts are made
        return tuple(dict.fromkeys(eq.name for eq in self.task.system if eq.name in self.there and eq.name not in read))

    def __str__(self) -> str:
        return f"{', '.join(self.again)} made again on the way back"

    def lower(
        self,
        system: System,
        arrays: Arrays,
        outputs: Sequence[str],
        ops: Operations,
        sizes: Extents,
        precision: Precision | None = None,
    ) -> dict[str, Any]:
        """The arrays of the outputs, in place of `run.lower.lower`."""
        shapes = sizes.shapes
        old = {new: n for tie in self.ties.values() for new, n in tie.arrays.items()}

        def worked(s: System, given: Arrays, wanted: Iterable[str], ties: Mapping[str, Tie]) -> dict[str, Any]:
            known = extents(s, {n: shapes[old.get(n, n.removeprefix(stored("")))] for n in s.inputs})
            return lower(s, given, tuple(wanted), ops, known, precision, ties=ties)

        found = {**arrays, **worked(self.there, arrays, self.names, {})}
        read = dict.fromkeys((*self.task.saved, *self.task.system.inputs))
        kept = ops.apart({n: found[n] for n in read if n in found}, ())
        kept = {**kept, **{stored(n): kept[n] for n in self.task.loops}}
        if precision is None:
            found |= worked(self.back, kept, self.task.results, self.ties)
        else:  # in which dtype a tensor is read is said by its name
            found |= worked(self.task.system, kept, self.task.results, {})
        return {n: found[n] for n in outputs}


def _late(task: Task, again: frozenset[str]) -> tuple[System, dict[str, Tie]]:
    """The equations of the way back, each that makes something ``again`` in front of the first that needs it."""
    whole = task.system
    turned = whole.of([*_soon(whole, again), *(eq for eq in whole if eq.name in again)])
    told = {f.tensor for f in whole.facts if not isinstance(f, Range)}
    owed: set[str] = set()
    waiting: list[Equation] = []
    left: list[Equation] = []
    ties: dict[str, Tie] = {}
    for block in turned.blocks:
        if isinstance(block, Equation) and block.name in again:
            waiting.append(block)
            continue
        here = block.equations if isinstance(block, Loop) else (block,)
        after = () if isinstance(block, Loop) else tuple(n for n in block.inputs if n in owed)
        if waiting and after:
            waiting = _tied(waiting, after, told, ties)
        left += [*waiting, *here]
        waiting = []
        owed.update(eq.name for eq in here if eq.name not in again)
    return whole.of([*left, *waiting]), ties


def _soon(whole: System, again: frozenset[str]) -> list[Equation]:
    """The rules in their order; one that no other reads, and that reads what is made again, as soon as it can be.

    The other gradients that nobody reads stay at the end: compilers leave them there.
    """
    rules = [eq for eq in whole if eq.name not in again]
    place = {eq.name: k for k, eq in enumerate(rules)}
    read = {n for eq in rules for n in eq.inputs}

    def when(eq: Equation) -> tuple[int, int]:
        if eq.name in read or eq.place is not None or again.isdisjoint(eq.inputs):
            return place[eq.name], 0
        return max((place[n] for n in eq.inputs if n in place), default=place[eq.name]), 1

    return sorted(rules, key=when)


def _tied(eqs: list[Equation], after: tuple[str, ...], told: set[str], ties: dict[str, Tie]) -> list[Equation]:
    """Equations that read what they read from outside only ``after`` these tensors are there."""
    own = {eq.name for eq in eqs}
    read = dict.fromkeys(t.name for eq in eqs for t in tensors_of(eq.value) if t.name not in own | told)
    if not read:
        return eqs
    new = {n: f"·{len(ties)}·{n}" for n in read}
    ties[eqs[0].name] = Tie({new[n]: n for n in read}, after)

    def called(e: Expr) -> Expr:
        return Tensor(new[e.name], e.subscripts) if isinstance(e, Tensor) and e.name in new else e

    return [equation(eq.target, transform(eq.value, called)) for eq in eqs]
