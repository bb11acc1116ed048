"""A contraction tree made cheaper, part by part.

In: the letters of operands, sizes, and a tree of pairs that some search has found. Out: pairs of a tree that takes no
more. Around every node the tree is opened down to a few of its parts, for which the best of all trees is found and put
in its place, until nothing gets cheaper. No time is measured here: the same product has the same tree everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["cost_of", "mended"]

Path = Sequence[tuple[int, int]]
_PARTS = 7  # parts of a node for which all trees are tried
_TRIES = 150_000  # pairs that are weighed at most
_SHARE = 1e-3  # what takes less of the whole is left as it is

_WRITE = 8.0  # what an entry costs that is written and read again, in multiplications


class _Nested:
    """Nodes by number, operands first; letters are bits. ``own[n]`` are the letters of what node n makes."""

    def __init__(self, operands: Sequence[frozenset[str]], output: frozenset[str], sizes: Mapping[str, int]) -> None:
        used = sorted(frozenset[str]().union(*operands))
        bit = {i: 1 << k for k, i in enumerate(used)}
        self.length = [float(sizes[i]) for i in used]
        self.own = [sum(bit[i] for i in o) for o in operands]
        self.output = sum(bit[i] for i in output if i in bit)
        self.halves: dict[int, tuple[int, int]] = {}
        self.sizes: dict[int, float] = {0: 1.0}
        self.weighed = 0

    def size(self, letters: int) -> float:
        """The entries of an array over these letters."""
        found = self.sizes.get(letters)
        if found is None:
            low = letters & -letters
            found = self.sizes[letters] = self.size(letters ^ low) * self.length[low.bit_length() - 1]
        return found

    def grow(self, path: Path) -> int:
        """Put in the tree of a path; its root."""
        now, left = list(range(len(self.own))), list(self.own)
        for first, second in path:
            one, other = now[first], now[second]
            rest = [k for k in now if k not in (one, other)]
            keep = self.output
            for k in rest:
                keep |= left[k]
            n = len(self.own)
            self.own.append((left[one] | left[other]) & keep)
            left.append(self.own[n])
            self.halves[n] = one, other
            now = [*rest, n]
        return now[0]

    def cost(self, one: int, other: int, made: int) -> float:
        """What it costs to multiply arrays over these letters."""
        return self.size(one | other) + _WRITE * self.size(made)

    def at(self, n: int) -> float:
        """The cost of the product that node n is."""
        one, other = self.halves[n]
        return self.cost(self.own[one], self.own[other], self.own[n])

    def total(self, root: int) -> float:
        """The cost of all products below a node."""
        found, stack = 0.0, [root]
        while stack:
            n = stack.pop()
            if n in self.halves:
                found += self.at(n)
                stack += self.halves[n]
        return found

    def improve(self, root: int) -> bool:
        """Open the tree below a node, and put the best tree of its parts in place; whether that is cheaper."""
        parts, inner = list(self.halves[root]), [root]
        while len(parts) < _PARTS:
            opened = [k for k in parts if k in self.halves]
            if not opened:
                break
            n = max(opened, key=lambda k: self.size(self.own[k]))
            at = parts.index(n)
            parts[at : at + 1] = self.halves[n]
            inner.append(n)
        if len(parts) < 3:
            return False
        before = sum(self.at(n) for n in inner)
        after, best, made = self._best([self.own[k] for k in parts], self.own[root])
        if after >= before * (1 - 1e-9):
            return False
        spare = [n for n in inner if n != root]
        names: dict[int, int] = {1 << k: part for k, part in enumerate(parts)}
        names[(1 << len(parts)) - 1] = root
        stack = [(1 << len(parts)) - 1]
        while stack:
            s = stack.pop()
            for half in (best[s], s ^ best[s]):
                if half not in names:
                    names[half] = spare.pop()
                    self.own[names[half]] = made[half]
                    stack.append(half)
            self.halves[names[s]] = names[best[s]], names[s ^ best[s]]
        return True

    def _best(self, parts: Sequence[int], keep: int) -> tuple[float, list[int], list[int]]:
        """The best tree of a few arrays: its cost, one half of every set of them, and the letters that it keeps."""
        n, every = len(parts), (1 << len(parts)) - 1
        has = [0] * (every + 1)
        for s in range(1, every + 1):
            low = s & -s
            has[s] = has[s ^ low] | parts[low.bit_length() - 1]
        made = [has[s] & (keep | has[every ^ s]) for s in range(every + 1)]
        cost, half = [0.0] * (every + 1), [0] * (every + 1)
        for s in range(1, every + 1):
            if s & (s - 1) == 0:
                continue
            least, part = float("inf"), (s - 1) & s
            while part > s ^ part:
                other = s ^ part
                below = cost[part] + cost[other]
                if below < least:
                    below += self.cost(made[part], made[other], made[s])
                    if below < least:
                        least, half[s] = below, part
                part = (part - 1) & s
            cost[s] = least
        self.weighed += 3**n // 2
        return cost[every], half, made

    def path(self, root: int, operands: int) -> list[tuple[int, int]]:
        """The tree below a node as pairs of places in the list, as it then is."""
        order, stack = list[int](), [root]
        while stack:
            n = stack.pop()
            if n in self.halves:
                order.append(n)
                stack += self.halves[n]
        now, found = list(range(operands)), list[tuple[int, int]]()
        for n in reversed(order):
            one, other = self.halves[n]
            first, second = sorted((now.index(one), now.index(other)))
            found.append((first, second))
            now = [k for k in now if k not in (one, other)] + [n]
        return found


def cost_of(operands: Sequence[frozenset[str]], output: frozenset[str], sizes: Mapping[str, int], path: Path) -> float:
    """Multiplications of a tree, and a little for what it writes."""
    tree = _Nested(operands, output, sizes)
    return tree.total(tree.grow(path))


def mended(
    operands: Sequence[frozenset[str]], output: frozenset[str], sizes: Mapping[str, int], path: Path
) -> list[tuple[int, int]]:
    """The pairs of a tree that costs no more than that of ``path``.

    >>> chain = [frozenset("ab"), frozenset("bc"), frozenset("cd"), frozenset("d")]
    >>> size = dict.fromkeys("abcd", 10)
    >>> mended(chain, frozenset("a"), size, [(0, 1), (0, 1), (0, 1)])
    [(2, 3), (1, 2), (0, 1)]
    """
    tree = _Nested(operands, output, sizes)
    root = tree.grow(path)
    changed = True
    while changed and tree.weighed < _TRIES:
        least = _SHARE * tree.total(root)
        costs = {n: tree.at(n) for n in tree.halves}
        changed = False
        for n in sorted((n for n in costs if costs[n] > least), key=lambda n: (-costs[n], n)):
            changed |= tree.weighed < _TRIES and tree.improve(n)
    return tree.path(root, len(operands))
