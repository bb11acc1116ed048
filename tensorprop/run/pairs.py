"""Which two operands of a product are contracted first, when some such pairs have been contracted already.

In: the arrays of a product, which letters are kept, and what has been multiplied before. Out: pairs. A product that is
there costs nothing. The cost counts entries that are moved as well as arithmetic, since a tree of fewest flops that
moves more loses.

All gradients of a product share one tree with it. A product that differs from one before in one operand is the gradient
by that operand: with what is owed in its place, the tree is gone down from its root, one half multiplied on after the
other. That is what reverse differentiation does; the next gradient finds the first steps done, and those count for none
of the two when they are compared. So another tree must take less than half to be chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Protocol

from tensorprop.run.forms import form, way
from tensorprop.run.path import contraction_path
from tensorprop.run.values import DOT, MOVE, Value, Values

__all__ = ["order"]

_DOUBT = 0.5  # a tree of its own must take less than this share of the one turned about
_ALL = 8  # operands up to which every tree is looked at
_BATCH = 40.0  # nanoseconds that one product of a batch of them takes beside its arithmetic
_ENTRYWISE = 0.3

Path = list[tuple[int, int]]


class Scope(Protocol):
    """What is asked of a product: the letters of its result, and how long they are."""

    free: frozenset[str]
    sizes: dict[str, int]

    def size(self, letters: Iterable[str]) -> int: ...


Letters = frozenset[str]
Size = Callable[[Letters], int]
Found = tuple[float, Value | None, int]  # what a set of operands costs, its array if it is there, one half of it


def order(on: Values, p: Scope, operands: Sequence[Value]) -> Path:
    """Pairs of places in the list, as it then is; the result is put at its end."""
    if len(operands) < 3:
        return [(0, 1)] * (len(operands) - 1)
    size = _sizes(p)
    if len(operands) > _ALL:  # what goes back down a tree that was searched is not searched again
        best = next(_turned(on, operands), None)
        if best is None:
            best = contraction_path([v.axes for v in operands], p.free, p.sizes)
            on.fates |= _fates(p, operands, best)
            on.grown([v.array for v in operands], best)
        return best
    turned = [*_turned(on, operands)]
    best = _of_several(on, p, operands, size, turned) if turned else _of_inner(on, p, operands, size)
    on.grown([v.array for v in operands], best)
    return best


def _fates(p: Scope, operands: Sequence[Value], path: Path) -> dict[str, int]:
    """After how many pairs each letter is summed."""
    now, fates = [frozenset(v.axes) for v in operands], dict[str, int]()
    for n, pair in enumerate(path):
        both = now[pair[0]] | now[pair[1]]
        now = [letters for k, letters in enumerate(now) if k not in pair]
        kept = both & p.free.union(*now)
        fates |= dict.fromkeys(both - kept, n)
        now.append(kept)
    return fates


def _of_several(on: Values, p: Scope, operands: Sequence[Value], size: Size, turned: list[Path]) -> Path:
    """The cheapest tree turned about, or one of its own that takes much less; another way is one of the others."""
    own = _pairs(_of_all(on, p, operands, size), len(operands))
    cost = {tuple(t): _of_path(on, p, operands, t, size) for t in (own, *turned)}
    trees = sorted(filter(lambda t: t != tuple(own), cost), key=lambda t: cost[t])
    doubt = bool(trees) and cost[tuple(own)] >= _DOUBT * cost[trees[0]]
    trees.insert(1 if doubt else 0, tuple(own))
    return [*trees[way(lambda: (_told(p, operands, "back"), len(trees), cost[trees[0]]))]]


def _of_inner(on: Values, p: Scope, operands: Sequence[Value], size: Size) -> Path:
    """The cheapest tree; another way is the cheapest without one of its inner products."""
    best = _of_all(on, p, operands, size)
    every = len(best) - 1
    inner = [s for s, _ in _products(best) if s != every]
    chosen = way(lambda: (_told(p, operands, "there"), 1 + len(inner), best[every][0]))
    return _pairs(_of_all(on, p, operands, size, inner[chosen - 1]) if chosen else best, len(operands))


def _told(p: Scope, operands: Sequence[Value], where: str) -> str:
    """What a product of several arrays is, whatever its letters are called."""
    number = {i: k for k, i in enumerate(dict.fromkeys(i for v in operands for i in v.axes))}
    told = " × ".join(",".join(f"{number[i]}:{p.size((i,))}" for i in v.axes) for v in operands)
    return f"tree {where} {told} → {[k for i, k in number.items() if i in p.free]}"


def _of_all(on: Values, p: Scope, operands: Sequence[Value], size: Size, without: int = 0) -> list[Found]:
    """The cheapest of all trees, bottom-up over sets of operands; ``without``: a set that none of its products is."""
    every = (1 << len(operands)) - 1
    has = [frozenset[str]()] * (every + 1)
    for s in range(1, every + 1):
        low = s & -s
        has[s] = has[s ^ low] | frozenset(operands[low.bit_length() - 1].axes)
    left = [has[s] & (p.free | has[every ^ s]) for s in range(every + 1)]
    best: list[Found] = [(0.0, None, 0)] * (every + 1)
    for k, v in enumerate(operands):
        best[1 << k] = (0.0, v, 0)
    for s in sorted(range(1, every + 1), key=int.bit_count):
        if s & (s - 1) == 0:
            continue
        if s == without:
            best[s] = (math.inf, None, s & -s)
            continue
        found: Found | None = None
        keep = p.free | has[every ^ s]
        part = (s - 1) & s
        while part > s ^ part:
            one, other = best[part], best[s ^ part]
            cost, made = one[0] + other[0], None
            if found is None or cost <= found[0]:
                if one[1] is not None and other[1] is not None:
                    made = on.known(one[1], other[1], keep)
                cost += 0.0 if made is not None else _cost(size, left[part], left[s ^ part], keep)
                if found is None or cost <= found[0]:  # of equal ones, that from left to right
                    found = (cost, made, part)
            part = (part - 1) & s
        assert found is not None
        best[s] = found
    return best


def _products(best: Sequence[Found]) -> list[tuple[int, int]]:
    """The products of the tree of the whole set, from the root down: the set, and one half of it."""
    found: list[tuple[int, int]] = []
    stack = [len(best) - 1]
    while stack:
        s = stack.pop()
        if s & (s - 1):
            part = best[s][2]
            found.append((s, part))
            stack += [part, s ^ part]
    return found


def _pairs(best: Sequence[Found], n: int) -> Path:
    """The tree of the whole set as pairs."""
    now = [1 << k for k in range(n)]
    pairs: Path = []
    for s, one in reversed(_products(best)):
        other = s ^ one
        first, second = sorted((now.index(one), now.index(other)))
        pairs.append((first, second))
        now = [s for s in now if s not in (one, other)] + [one | other]
    return pairs


def _turned(on: Values, operands: Sequence[Value]) -> Iterator[Path]:
    """Trees of products that differ in one operand, with what stands in its place at the root.

    From there down to where the operand was, one half after the other is multiplied on, each as it was multiplied.
    """
    here = [on.ops.identity(v.array) for v in operands]
    for there, path in on.alike(here):
        places = _matched(there, here)
        gone = [k for k in range(len(there)) if k not in places]
        if len(gone) != 1:
            continue
        halves: dict[int, tuple[int, int]] = {}
        above: dict[int, int] = {}
        now = list(range(len(there)))
        for n, (first, second) in enumerate(path, len(there)):
            one, other = now[first], now[second]
            halves[n] = one, other
            above[one] = above[other] = n
            now = [k for k in now if k not in (one, other)] + [n]
        line = [gone[0]]
        while line[-1] in above:
            line.append(above[line[-1]])
        walk = _Walk(len(here))
        used = frozenset(places.values())
        owed = [k for k in range(len(here)) if k not in used]
        total = reduce(walk.join, owed) if owed else None  # nothing is owed to a scalar that is the result
        for below, parent in zip(line[-2::-1], line[:0:-1], strict=True):
            sibling = walk.subtree(next(k for k in halves[parent] if k != below), halves, places)
            total = sibling if total is None else walk.join(total, sibling)
        yield walk.pairs


def _matched(there: Sequence[int], here: Sequence[int]) -> dict[int, int]:
    """Which operand of the one list is which of the other."""
    left = list(range(len(here)))
    places: dict[int, int] = {}
    for k, a in enumerate(there):
        found = next((n for n in left if here[n] == a), None)
        if found is not None:
            places[k] = found
            left.remove(found)
    return places


class _Walk:
    """Pairs as they are joined; a product has the number after the last."""

    def __init__(self, n: int) -> None:
        self.now = list(range(n))
        self.next = n
        self.pairs: Path = []

    def join(self, one: int, other: int) -> int:
        first, second = sorted((self.now.index(one), self.now.index(other)))
        self.pairs.append((first, second))
        self.now = [k for k in self.now if k not in (one, other)] + [self.next]
        self.next += 1
        return self.next - 1

    def subtree(self, k: int, halves: Mapping[int, tuple[int, int]], places: Mapping[int, int]) -> int:
        """What node k of the other tree is here, joined from the operands up."""
        order, stack = list[int](), [k]
        while stack:
            n = stack.pop()
            if n not in places:
                order.append(n)
                stack += halves[n]
        made = dict(places)
        for n in reversed(order):
            one, other = halves[n]
            made[n] = self.join(made[one], made[other])
        return made[k]


def _of_path(on: Values, p: Scope, operands: Sequence[Value], path: Iterable[tuple[int, int]], size: Size) -> float:
    """What a tree costs, less what is there."""
    now: list[tuple[Letters, Value | None]] = [(frozenset(v.axes), v) for v in operands]
    total = 0.0
    for pair in path:
        (left, one), (right, other) = (now[k] for k in pair)
        now = [a for k, a in enumerate(now) if k not in pair]
        keep = p.free.union(*(letters for letters, _ in now))
        made = on.known(one, other, keep) if one is not None and other is not None else None
        total += 0.0 if made is not None else _cost(size, left, right, keep)
        now.append(((left | right) & keep, made))
    return total


def _sizes(p: Scope) -> Size:
    known: dict[Letters, int] = {}

    def size(letters: Letters) -> int:
        if letters not in known:
            known[letters] = p.size(letters)
        return known[letters]

    return size


def _cost(size: Size, left: Letters, right: Letters, keep: Letters) -> float:
    """About nanoseconds for one pair: as `Values.product_of_two` does it."""
    both = left | right
    if form().by_flops:
        return 2.0 * size(both) + size(both & keep) / 64
    moved = size(left) + size(right) + size(both & keep)
    if (left & right) <= keep or left == right:
        return _ENTRYWISE * size(both) + MOVE * moved / 2
    batch = left & right & keep
    return 2 * DOT * size(both) + MOVE * moved + (_BATCH * size(batch) if batch else 0.0)
