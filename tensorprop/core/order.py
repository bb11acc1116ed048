"""Which block of equations comes first: an equation by itself, or a loop of those that read their own past.

In: targets and values, each name defined by one equation, perhaps with starts such as ``h_{-1,j} = g_j`` beside it.
Out: blocks in an order in which each finds what it needs, the written order where that is free. A ring of equations is
a loop if one axis, time, orders it: every equation writes its tensor at ``t + n`` and reads those of the ring at
``t + m``, all before what it writes (or, in a loop that goes backwards, after it). Any other ring is refused.
Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tensorprop.core.affine import shift
from tensorprop.core.build import add, number
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Tensor
from tensorprop.core.names import is_adjoint, primal_axes
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import CircularDefinition

__all__ = ["Ring", "arrange", "measured_outside", "names_in"]


class Ring(NamedTuple):
    """A loop by numbers of equations: its body in the order of one step, its starts, and the time axis of each name.

    ``step`` is 1 where time goes up and -1 where it goes down.
    """

    body: tuple[int, ...]
    starts: tuple[int, ...]
    axes: dict[str, int]
    step: int


def names_in(value: Expr) -> Mapping[str, None]:
    """The names that a right side needs, as they are met from left to right; remembered with it."""
    try:
        return value.names
    except AttributeError:
        pass
    names: dict[str, None] = {}
    for e in postorder(value):
        if isinstance(e, Tensor):
            names[e.name] = None
        elif isinstance(e, Dim):
            names[e.tensor] = None
    object.__setattr__(value, "names", names)
    return names


def arrange(
    targets: Sequence[Tensor], values: Sequence[Expr], where: Mapping[str, int], uses: Sequence[Mapping[str, None]]
) -> list[int | Ring]:
    """Numbers of equations, and rings of them, each after what it needs. ``where``: the equation that defines a name.

    Errors: CircularDefinition, for a ring that is no loop.
    """
    starts: dict[int, list[int]] = {}
    for n, t in enumerate(targets):
        if where[t.name] != n:
            starts.setdefault(where[t.name], []).append(n)
    needs: dict[int, list[int]] = {}
    for n in where.values():
        names = {name: None for k in (*starts.get(n, ()), n) for name in uses[k]}
        needs[n] = [where[name] for name in names if name in where]
    found: list[int | Ring] = []
    for group in _components(needs):
        if len(group) == 1 and group[0] not in needs[group[0]] and group[0] not in starts:
            found.append(group[0])
        else:
            found.append(_ring(group, starts, targets, values, where))
    return found


def measured_outside(targets: Sequence[Tensor], values: Sequence[Expr], where: Mapping[str, int]) -> list[Expr]:
    """The right sides, in which a size of a tensor of the same ring is that of one outside which runs with it.

    ``c_t = h_t/dim(h, 0) + c_{t-1}; h_t = x_t + c_{t-1}`` waits for the size of h, which is that of x. Of several, a
    tensor that is given comes first, then one that is worked out before, an adjoint last.
    """
    uses = [names_in(v) for v in values]
    ring: dict[str, frozenset[str]] = {}
    for group in _components({n: [where[name] for name in uses[n] if name in where] for n in where.values()}):
        names = frozenset(targets[n].name for n in group)
        ring.update(dict.fromkeys(names, names))
    found: dict[Dim, Dim] = {}
    for own in dict.fromkeys(ring.values()):
        group = [n for n, t in enumerate(targets) if t.name in own and where[t.name] == n]
        for d in dict.fromkeys(
            e for n in group for e in postorder(values[n]) if isinstance(e, Dim) and e.tensor in own
        ):
            places = [Dim(e.name, k) for n in group for e, k in _alike(targets[n], values[n], d) if e.name not in own]
            repeated = (primal_axes(targets[where[d.tensor]]) or [])[d.axis : d.axis + 1]
            places += [Dim(*axis) for axis in repeated if axis[0] not in own]
            if places:
                found[d] = min(places, key=lambda p: (is_adjoint(p.tensor), p.tensor in where))
    return [transform(v, lambda e: found.get(e, e) if isinstance(e, Dim) else e) for v in values]


def _alike(target: Tensor, value: Expr, size: Dim) -> Iterator[tuple[Tensor, int]]:
    """The entries, and axes, under the letter that runs along an axis of this size, where nothing bounds it."""
    entries = [e for e in (target, *postorder(value)) if isinstance(e, Tensor)]
    own = {s for e in entries if e.name == size.tensor for s in e.subscripts[size.axis : size.axis + 1]}
    own &= {s for s in target.subscripts if isinstance(s, Index)}
    bounds = {e.left for e in postorder(value) if isinstance(e, Bracket) and e.relation == "<" and not e.right.free}
    return ((e, k) for e in entries for k, s in enumerate(e.subscripts) if s in own - bounds)


def _components(needs: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The strongly connected components, each after those that it needs (Tarjan's, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_: dict[int, None] = {}
    found: list[list[int]] = []
    for root in needs:
        work: list[tuple[int, Iterator[int]]] = []
        if root not in index:
            index[root] = low[root] = len(index)
            open_[root] = None
            work.append((root, iter(needs[root])))
        while work:
            n, rest = work[-1]
            for m in rest:
                if m not in index:
                    index[m] = low[m] = len(index)
                    open_[m] = None
                    work.append((m, iter(needs[m])))
                    break
                if m in open_:
                    low[n] = min(low[n], index[m])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[n])
                if low[n] == index[n]:
                    group = list(open_)[list(open_).index(n) :]
                    for m in group:
                        del open_[m]
                    found.append(sorted(group))
    return found


def _ring(
    group: list[int],
    starts: Mapping[int, Sequence[int]],
    targets: Sequence[Tensor],
    values: Sequence[Expr],
    where: Mapping[str, int],
) -> Ring:
    """The ring as a loop. The time axis is that of the starts, or one along which something is read shifted."""
    inside = {targets[n].name for n in group}
    places = tuple(k for n in group for k in starts.get(n, ()))
    reads = {n: [e for e in postorder(values[n]) if isinstance(e, Tensor) and e.name in inside] for n in group}
    sizes = {e for n in (*group, *places) for e in postorder(values[n]) if isinstance(e, Dim) and e.tensor in inside}
    sized = False
    for name, axis in _candidates(group, places, targets, reads):
        axes = _axes(name, axis, group, targets, reads, where)
        if axes is not None and any(axes[e.tensor] == e.axis for e in sizes):  # time ends where nothing is known yet
            sized = True
            continue
        if axes is None or any(_outside(targets[k], axes) for k in places):
            continue
        order = _order(group, axes, targets, reads, where)
        if order is not None:
            body, step = order
            return Ring(tuple(body), places, axes, step)
    raise _circle(group, targets, reads, where, sized)


def _candidates(
    group: list[int], places: Sequence[int], targets: Sequence[Tensor], reads: Mapping[int, list[Tensor]]
) -> list[tuple[str, int]]:
    """Axes that may be time."""
    found: dict[tuple[str, int], None] = {}
    for k in places:
        for axis, s in enumerate(targets[k].subscripts):
            if not s.free:
                found[targets[k].name, axis] = None
    for n in group:
        for e in reads[n]:
            for axis, s in enumerate(e.subscripts):
                if not isinstance(s, Index) and shift(s) is not None:
                    found[e.name, axis] = None
        for axis, s in enumerate(targets[n].subscripts):
            if not isinstance(s, Index):
                found[targets[n].name, axis] = None
    return list(found)


def _axes(
    name: str,
    axis: int,
    group: list[int],
    targets: Sequence[Tensor],
    reads: Mapping[int, list[Tensor]],
    where: Mapping[str, int],
) -> dict[str, int] | None:
    """The time axis of every tensor of the ring, if time is this axis of this one; None if it cannot be."""
    axes = {name: axis}
    todo = [where[name]]
    seen: set[int] = set()
    while todo:
        n = todo.pop()
        if n in seen:
            continue
        seen.add(n)
        own = shift(targets[n].subscripts[axes[targets[n].name]])
        if own is None:
            return None
        for e in reads[n]:
            at = [k for k, s in enumerate(e.subscripts) if own[0] in s.free]
            if len(at) != 1 or shift(e.subscripts[at[0]]) is None or axes.setdefault(e.name, at[0]) != at[0]:
                return None
            todo.append(where[e.name])
        if not todo:  # a tensor of the ring that only others read
            todo += [
                m
                for m in group
                if m not in seen and any(e.name in axes for e in reads[m]) and _by_reader(m, axes, targets, reads)
            ]
    return axes if len(axes) == len(group) else None


def _by_reader(m: int, axes: dict[str, int], targets: Sequence[Tensor], reads: Mapping[int, list[Tensor]]) -> bool:
    """Let the time axis of an equation be that of the letter with which it reads one whose time axis is known."""
    for e in reads[m]:
        if e.name in axes:
            found = shift(e.subscripts[axes[e.name]])
            at = [k for k, s in enumerate(targets[m].subscripts) if found is not None and found[0] in s.free]
            if len(at) == 1:
                axes.setdefault(targets[m].name, at[0])
                return True
    return False


def _outside(start: Tensor, axes: Mapping[str, int]) -> bool:
    """Whether a start is none along the time axis."""
    return any(bool(s.free) == (k == axes[start.name]) for k, s in enumerate(start.subscripts))


def _order(
    group: list[int],
    axes: Mapping[str, int],
    targets: Sequence[Tensor],
    reads: Mapping[int, list[Tensor]],
    where: Mapping[str, int],
) -> tuple[list[int], int] | None:
    """The order within a step, and the direction of time; None if something is read from both sides."""
    now: dict[int, list[int]] = {n: [] for n in group}
    signs: set[int] = set()
    for n in group:
        own = shift(targets[n].subscripts[axes[targets[n].name]])
        for e in reads[n]:
            there = shift(e.subscripts[axes[e.name]])
            if own is None or there is None:
                return None
            gap = there[1] - own[1]
            if gap:
                signs.add(-1 if gap > 0 else 1)
            else:
                now[n].append(where[e.name])
    if len(signs) > 1:
        return None
    groups = _components(now)
    if any(len(g) > 1 or g[0] in now[g[0]] for g in groups):
        return None
    return [g[0] for g in groups], signs.pop() if signs else 1


def _circle(
    group: list[int],
    targets: Sequence[Tensor],
    reads: Mapping[int, list[Tensor]],
    where: Mapping[str, int],
    sized: bool,
) -> CircularDefinition:
    """What to say of a ring that is no loop."""
    ring, n = [group[0]], group[0]
    while True:
        n = next((where[e.name] for e in reads[n]), n)
        if n in ring:
            ring = ring[ring.index(n) :]
            break
        ring.append(n)
    names = [targets[k].name for k in ring]
    both = _both_ways(group, targets, reads)
    shifted = any(not isinstance(s, Index) for k in ring for e in reads[k] for s in e.subscripts)
    if both is not None:
        (k, e, letter, gap), (m, other, _, _) = both
        there = Tensor(
            targets[k].name, tuple(add(s, number(gap)) if letter in s.free else s for s in targets[k].subscripts)
        )
        fix = (
            f"{targets[k]} reads {e}, and {targets[m]} reads {other}, which lies on the other side in time: "
            f"write it where it is known, {there} = …, and read it there"
        )
        return CircularDefinition(
            "these tensors are defined by one another, some by what lies before and some by what lies after",
            fix=fix,
            about=(k, targets[k]),
        )
    if sized or not shifted:
        fix = "give the new value a name of its own, such as " + _renamed(names[0])
        if names[0] != "δ" and any(is_adjoint(t.name) or t.name == "δ" for t in targets):
            fix += "; a page with its backward rules is read by Layer, check, formula, adjoint and explain as it stands"
    else:
        fix = (
            "a recurrence reads its tensors at one letter of the left side plus or minus a whole number, "
            "all before it or all after it: h_tj = … h_{t-1,k} …; h_{-1,j} = g_j"
        )
    return CircularDefinition(
        "these tensors are defined by one another: " + " → ".join([*names, names[0]])
        if len(names) > 1
        else f"{names[0]} is defined by itself",
        fix=fix,
        about=(ring[-1], targets[ring[-1]]),
    )


_Read = tuple[int, Tensor, str, int]
"""An equation by its number, a tensor that it reads, and how far ahead along a letter."""


def _both_ways(
    group: list[int], targets: Sequence[Tensor], reads: Mapping[int, list[Tensor]]
) -> tuple[_Read, _Read] | None:
    """A read of what lies ahead of an equation, and one of what lies behind another; the rarer kind first."""
    found: tuple[list[_Read], list[_Read]] = ([], [])
    for n in group:
        own = dict(filter(None, map(shift, targets[n].subscripts)))
        for e in reads[n]:
            for letter, k in filter(None, map(shift, e.subscripts)):
                if k != own.get(letter, k):
                    found[k < own[letter]].append((n, e, letter, k - own[letter]))
    if not all(found) or not {n for n, *_ in found[0]}.isdisjoint(n for n, *_ in found[1]):
        return None
    rare, common = sorted(found, key=len)
    return rare[0], common[0]


def _renamed(name: str) -> str:
    """What to call a second tensor; of two layers' δ, as textbooks have them."""
    if name == "δ":
        return "δ^(k) where the other is δ^(k+1), or write this as the backward rule of a Layer"
    return name + "2"
