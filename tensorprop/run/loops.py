"""A recurrence as a program: one scan, whose steps hold what they read of the past and nothing else.

In: a loop in numbers, and a lowering that works out right sides. Out: the arrays of the loop's tensors that somebody
outside reads, with the starts that lie outside of them in front or behind.

    h_tj = tanh(q_tj + h_{t-1,k} W_kj),   h_{-1,j} = g_j:      (h_{t-1}; q_t)  ↦  (h_t; h_t)      scanned over t

What waits for none of the loop's tensors is made before (`run.before`) and read step by step; of every tensor so many
entries are carried as the farthest read goes back; what is read outside of the loop is stacked as it is made. So the
gates of an LSTM are saved once, and ``δW_kj = Σ_t h_{t-1,k} δz_tj`` is one product after its loop.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tensorprop.core.affine import shift
from tensorprop.core.build import substitute
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.run.before import Ready, scoped, split
from tensorprop.run.count import Shaped
from tensorprop.run.lowerings.cumulative import combined, step_of
from tensorprop.run.sizes import Extents, Steps, counted
from tensorprop.run.timing import timed
from tensorprop.run.values import Array, Operations, Sizes, Value

__all__ = ["Past", "looped"]

Held = dict[tuple[Expr, tuple[int, ...]], Value]

_TIME = Index("⟨time⟩")


class Past(NamedTuple):
    """Entries of a loop's tensors on their time axis: by how many steps they lie back, or (``at`` None) by place.

    ``low``: where each tensor stands in the lowest step; ``at``: the time that an equation has there, with a minus.
    """

    axes: Mapping[str, int]
    entries: Mapping[str, Mapping[int, Array]]
    low: Mapping[str, int]
    at: int | None
    back: int

    def find(self, t: Tensor, shapes: Any) -> tuple[Array | None, int]:
        """What is read there, and the axis that it lacks; None if nothing is there."""
        axis = self.axes[t.name]
        s = t.subscripts[axis]
        if self.at is None:
            return self.entries[t.name].get(counted(s, shapes, {})), axis
        found = shift(s)
        assert found is not None
        return self.entries[t.name].get((found[1] - self.at - self.low[t.name]) * self.back), axis

    def over_shapes(self) -> Past:
        """The same over shapes."""
        entries = {
            name: {k: Shaped("given", (), a.shape, 4) for k, a in found.items()} for name, found in self.entries.items()
        }
        return self._replace(entries=entries)


class Lowering(Protocol):
    """What a loop is worked out by: right sides in which time has one value, and nodes over all times."""

    ops: Operations
    extents: Extents

    def inner(self, values: Iterable[Expr]) -> Within: ...
    def over(self, node: Expr, sizes: Sizes, first: str) -> Value: ...


class Within(Protocol):
    """A lowering within a step."""

    time: dict[str, Array]
    held: Held
    past: Past | None

    def side(self, eq: Equation, value: Expr | None = None) -> Array: ...


def _state(value: Expr, name: str) -> Tensor:
    """What a step reads of its own past."""
    return next(t for t in tensors_of(value) if t.name == name)


def looped(on: Lowering, steps: Steps, wanted: frozenset[str], riders: Container[str] = ()) -> dict[str, Array]:
    """The tensors of a loop that are wanted, by name; ``riders`` are those of equations that came in later."""
    return _Scan(on, steps, wanted, riders).arrays()


class _Scan:
    def __init__(self, on: Lowering, steps: Steps, wanted: frozenset[str], riders: Container[str]) -> None:
        self.riders = riders
        self.on, self.ops, self.steps, self.loop = on, on.ops, steps, steps.loop
        self.wanted = [eq.name for eq in self.loop.body if eq.name in wanted]
        self.low, self.count, self.body, self.first = timed(steps, on.extents)
        self.given = {eq: frozenset(steps.given(eq)) for eq in self.body}
        self.holds = {eq: self.given[eq].issuperset(self.stands(eq)) for eq in self.body}
        self.times = {eq: self._time(eq) for eq in self.body}
        self.starts: dict[str, dict[int, Array]] = {}
        self.met: dict[tuple[Expr, int, tuple[tuple[str, int], ...]], Value] = {}
        self.depth = self._depth()

    def stands(self, eq: Equation) -> range:
        """The places of an equation in the steps."""
        low = self.low[eq.name]
        return range(low, low + self.count)

    def _time(self, eq: Equation) -> tuple[str, int]:
        """The letter that is the time of an equation, and its value in the lowest step."""
        letter, n = self.loop.time(eq)
        return letter, self.low[eq.name] - n

    def _depth(self) -> dict[str, int]:
        """How many steps back each tensor is read."""
        found = dict.fromkeys(self.loop.axes, 0)
        for eq, value in self.body.items():
            for t in tensors_of(value):
                if t.name in found:
                    there = shift(t.subscripts[self.loop.axes[t.name]])
                    assert there is not None
                    back = (self.low[t.name] - self.times[eq][1] - there[1]) * self.loop.step
                    found[t.name] = max(found[t.name], back)
        return found

    # ----------------------------------------------------------------- before the loop
    def begun(self) -> None:
        """The starts, in the order in which they stand, and what is worked out before the first step."""
        self.starts = {name: {} for name in self.loop.axes}
        past = Past(self.loop.axes, self.starts, self.low, None, 0)
        for name, there in self.steps.places.items():
            for place, eq in there.items():
                run = self.on.inner([eq.value])
                run.past = past
                self.starts[name][place] = run.side(eq)
        for eq, place, value in self.first:
            letter, n = self.loop.time(eq)
            run = self.on.inner([value])
            run.past, run.time = past, {letter: self.ops.full((), place - n)}
            self.starts[eq.name][place] = run.side(eq, value)

    def nothing(self, name: str) -> Array:
        """An entry that nothing reads."""
        shape = list(self.on.extents.shapes[name])
        del shape[self.loop.axes[name]]
        return self.ops.full(tuple(shape), 0.0)

    def carried(self) -> dict[str, list[Array]]:
        """What the first step finds."""
        found: dict[str, list[Array]] = {}
        for name, depth in self.depth.items():
            first = self.low[name] + (0 if self.loop.step > 0 else self.count - 1)
            before = [first - k * self.loop.step for k in range(1, depth + 1)]
            found[name] = [self.starts[name][p] if p in self.starts[name] else self.nothing(name) for p in before]
        return found

    def _met(self, node: Expr, sizes: Sizes, letter: str, start: int) -> Value:
        """What is worked out before the loop: an array over time as the steps meet it, or one that no time changes.

        It is one array, by whatever letter equations call the time.
        """
        if letter not in sizes:
            return self.on.over(node, sizes, letter)
        binders = (n for n in postorder(node) if isinstance(n, (Sum, Reduce)))
        if not start and self.count < sizes[letter] and all(map(self.on.extents.steady, binders)):
            sizes = {**sizes, letter: self.count}
        key = substitute(node, {letter: _TIME}), start, tuple((i, n) for i, n in sizes.items() if i != letter)
        if key not in self.met:
            found = self.on.over(node, sizes, letter)
            if found.axes[:1] == (letter,):
                found = found._replace(array=self.read(start, found, sizes[letter]))
            self.met[key] = found._replace(axes=tuple(_TIME.name if i == letter else i for i in found.axes))
        found = self.met[key]
        return found._replace(axes=tuple(letter if i == _TIME.name else i for i in found.axes))

    def read(self, first: int, value: Value, size: int) -> Array:
        """An array over time, its first axis, as the steps meet it: one entry for each place."""
        end = first + self.count
        if (first, end) == (0, size):
            return value.array
        if first >= 0 and end <= size:
            return self.ops.shifted(value.array, 0, first, end - first, 1, 0)
        at = np.clip(np.arange(first, end), 0, size - 1)
        return self.ops.gather(value.array, (0,), [self.ops.table(at)], (), 0.0)

    # ----------------------------------------------------------------- the scan
    def arrays(self) -> dict[str, Array]:
        """All places of the tensors that are wanted."""
        self.begun()
        stacked = self._scanned() if self.count else {}
        return {name: self._placed(name, stacked.get(name)) for name in self.wanted}

    def _scanned(self) -> dict[str, Array]:
        extents, loop = self.on.extents, self.loop
        names: dict[tuple[str, int], dict[Expr, Tensor]] = {}
        ready = {
            eq: split(loop, eq, value, extents, names.setdefault(self.times[eq], {}), eq.name in self.riders)
            for eq, value in self.body.items()
        }
        steady: dict[tuple[str, int], Held] = {time: {} for time in names}
        passing: dict[tuple[str, int], dict[tuple[Expr, tuple[int, ...]], Value]] = {time: {} for time in names}
        once: Held = {}  # what no time changes is one array, by whatever letter an equation calls the time
        for eq, side in ready.items():
            letter, start = time = self.times[eq]
            turned = self._turned(side.value)
            for node, sizes in scoped(side.value, extents.letters(eq), extents):
                key = node, tuple(sizes.values())
                if node in turned and key not in steady[time]:
                    if key not in once:
                        found = self.on.over(node, sizes, letter)
                        order = tuple(found.axes.index(i) for i in turned[node])
                        once[key] = Value(self.ops.transpose(found.array, order), turned[node], found.truth)
                    steady[time][key] = once[key]
                if node not in side.held or key in steady[time] or key in passing[time]:
                    continue
                found = self._met(side.held[node], sizes, letter, start)
                (passing if found.axes[:1] == (letter,) else steady)[time][key] = found
        sides = {time: [side.value for eq, side in ready.items() if self.times[eq] == time] for time in names}
        read = {id(v.array): v.array for found in passing.values() for v in found.values()}
        carried = self.carried()
        shape = {name: len(entries) for name, entries in carried.items()}

        def step(place: Array, flat: Sequence[Array], parts: Sequence[Array]) -> tuple[list[Array], list[Array]]:
            held = {time: dict(found) for time, found in steady.items()}
            runs = {time: self.on.inner(values) for time, values in sides.items()}
            now = dict(zip(read, parts, strict=True))
            for time, found in passing.items():
                held[time] |= {key: Value(now[id(v.array)], v.axes[1:], v.truth) for key, v in found.items()}
            left = iter(flat)
            past = {name: {k + 1: next(left) for k in range(n)} for name, n in shape.items()}
            for eq in self.body:
                letter, start = time = self.times[eq]
                run = runs[time]
                run.held = held[time]
                run.time = {letter: self.ops.add(place, start) if start else place}
                run.past = Past(loop.axes, past, self.low, -start, -loop.step)
                past[eq.name][0] = self._held(eq, run.side(eq, ready[eq].value), place)
            new = [past[name][k] for name, n in shape.items() for k in range(n)]
            return new, [past[name][0] for name in self.wanted]

        def scanned() -> Sequence[Array]:
            first = [a for entries in carried.values() for a in entries]
            return self.ops.scan(step, first, [*read.values()], self.count, loop.step < 0)[1]

        whole = self._cumulative(ready, passing, carried)
        made = scanned() if whole is None else [self.ops.either(lambda: scanned()[0], whole)]
        return dict(zip(self.wanted, made, strict=True))

    def _cumulative(
        self,
        ready: Mapping[Equation, Ready],
        passing: Mapping[tuple[str, int], Held],
        carried: Mapping[str, Sequence[Array]],
    ) -> Callable[[], Array] | None:
        """A loop of one equation that only adds (or multiplies) what was made before, as one running sum."""
        eq, *rest = self.body
        if rest or self.wanted != [eq.name] or self.depth[eq.name] != 1 or not self.holds[eq]:
            return None
        nodes = {node: v for (node, _), v in passing[self.times[eq]].items() if not v.truth}
        found = step_of(ready[eq].value, eq.name, nodes)
        if found is None:
            return None
        op, node = found
        axis = self.loop.axes[eq.name]
        letters = tuple(i for k, i in enumerate(eq.letters) if k != axis)
        (start,) = carried[eq.name]
        state = _state(ready[eq].value, eq.name).subscripts
        if any(s is not Index(i) for s, i in zip((*state[:axis], *state[axis + 1 :]), letters, strict=True)):
            return None
        return lambda: combined(self.ops, op, nodes[node], letters, start, self.loop.step < 0)

    def _turned(self, value: Expr) -> dict[Expr, tuple[str, ...]]:
        """Matrices that every step multiplies by, and their letters in the order that it wants: those summed in front.

        ``W_jl δz_{t+1,l}`` reads the rows of Wᵀ, which is laid out once, before the loop; a batch of matrices stays.
        """
        found: dict[Expr, tuple[str, ...]] = {}
        for n in postorder(value):
            if not isinstance(n, Sum):
                continue
            factors = factors_of(n.body)
            own = [
                f.free.difference(n.indices) for f in factors if any(t.name in self.loop.axes for t in tensors_of(f))
            ]
            if not own:
                continue
            for f in factors:
                letters = f.letters if isinstance(f, Tensor) and f.name not in self.loop.axes else None
                front = tuple(i for i in letters or () if i in n.indices)
                order = (*front, *(i for i in letters or () if i not in front))
                if front and order != letters and self._plain(f) and all(map(f.free.isdisjoint, own)):
                    found.setdefault(f, order)
        return found

    def _plain(self, f: Expr) -> bool:
        """Whether this is a tensor of the page, of different letters, none of them the time."""
        times = {letter for letter, _ in self.times.values()}
        return (
            isinstance(f, Tensor)
            and f.name in self.on.extents.shapes
            and len(f.free) == len(f.subscripts)
            and f.free.isdisjoint(times)
        )

    def _held(self, eq: Equation, entry: Array, place: Array) -> Array:
        """The entry where the equation holds, the start where one stands, zero elsewhere."""
        if self.holds[eq]:
            return entry
        stands, given = self.stands(eq), self.given[eq]
        first, last = min(given, default=stands.stop), max(given, default=stands.stop - 1)
        place = self.ops.add(place, stands.start) if stands.start else place
        here: Array | None = None
        conditions = [("≥", first)] if first > stands.start else []
        conditions += [("≤", last)] if last < stands.stop - 1 else []
        conditions += [("≠", p) for p in range(first, last) if p not in given]
        for relation, p in conditions:
            one = self.ops.compare(relation, place, p)
            here = one if here is None else self.ops.both(here, one)
        assert here is not None
        other = self.nothing(eq.name)
        for p, start in self.starts[eq.name].items():
            if p in stands:
                other = self.ops.call("where", self.ops.compare("=", place, p), start, other)
        return self.ops.kept(self.ops.call("where", here, entry, other))

    # ----------------------------------------------------------------- after it
    def _placed(self, name: str, stacked: Array | None) -> Array:
        """What the steps made, with the starts before and after them, time on its own axis."""
        first, end = self.steps.spans[name]
        axis = self.loop.axes[name]
        begin, after = low, _ = self.low[name], self.low[name] + self.count
        if stacked is None:
            begin = after = end
        elif begin < first or after > end:
            begin, after = max(begin, first), min(after, end)
            stacked = self.ops.shifted(stacked, 0, begin - low, after - begin, 1, 0)
        parts = [self._start(name, p) for p in range(first, begin)]
        if stacked is not None:
            parts.append(stacked)
        parts += [self._start(name, p) for p in range(after, end)]
        if not parts:
            shape = self.on.extents.shapes[name]
            return self.ops.full((*shape[:axis], 0, *shape[axis + 1 :]), 0.0)
        whole = parts[0] if len(parts) == 1 else self.ops.concatenate(parts)
        if not axis:
            return whole
        return self.ops.transpose(whole, (*range(1, axis + 1), 0, *range(axis + 1, len(whole.shape))))

    def _start(self, name: str, place: int) -> Array:
        found = self.starts[name].get(place)
        return self.ops.expand(self.nothing(name) if found is None else found, (0,))
