"""A contraction tree made cheaper, part by part.

In: a tree that some search has found. Out: one that takes no more. Around every node the tree is opened down to a few
of its parts, for which the best of all trees is found and put in its place, until nothing gets cheaper. What is written
counts as well as arithmetic here, but arithmetic is not to grow by more than a little. No time is measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorprop.run.pairings import WRITE, Pairing

__all__ = ["mend"]

_PARTS = 7  # parts of a node for which all trees are tried
_SHARE = 1e-3  # what takes less of the whole is left as it is
_MORE = 0.02  # the share by which arithmetic may grow where less is written


def mend(tree: Pairing, tries: int) -> None:
    """Weigh so many pairs at most; the tree costs no more then.

    >>> from tensorprop.run.pairings import Operands
    >>> chain = Operands([frozenset("ab"), frozenset("bc"), frozenset("cd"), frozenset("d")], frozenset("a"),
    ...                 dict.fromkeys("abcd", 10))
    >>> tree = Pairing(chain, [(0, 1), (0, 1), (0, 1)])
    >>> mend(tree, 1000)
    >>> tree.path()
    [(2, 3), (1, 2), (0, 1)]
    """
    _Mending(tree, tries).run()


class _Mending:
    def __init__(self, tree: Pairing, tries: int) -> None:
        self.tree, self.tries = tree, tries
        self.most = tree.total * (1 + _MORE)

    def run(self) -> None:
        changed = True
        while changed and self.tries > 0:
            changed = False
            inner = range(self.tree.operands, len(self.tree.own))
            costs = {n: self.at(n) for n in inner}
            least = _SHARE * sum(costs.values())
            for n in sorted((n for n in inner if costs[n] > least), key=lambda n: (-costs[n], n)):
                changed |= self.tries > 0 and self.improve(n)

    def cost(self, one: int, other: int, made: int) -> float:
        """What it costs to multiply arrays over these letters."""
        size = self.tree.network.size
        return size(one | other) + WRITE * size(made)

    def at(self, n: int) -> float:
        """The cost of the product that node n is."""
        tree = self.tree
        return self.cost(tree.own[tree.left[n]], tree.own[tree.right[n]], tree.own[n])

    def improve(self, root: int) -> bool:
        """Open the tree below a node, and put the best tree of its parts in place; whether that is cheaper."""
        tree = self.tree
        parts, inner = [tree.left[root], tree.right[root]], [root]
        while len(parts) < _PARTS:
            opened = [k for k in parts if k >= tree.operands]
            if not opened:
                break
            n = max(opened, key=lambda k: tree.network.size(tree.own[k]))
            at = parts.index(n)
            parts[at : at + 1] = tree.left[n], tree.right[n]
            inner.append(n)
        if len(parts) < 3:
            return False
        before = sum(self.at(n) for n in inner)
        after, best, made = self._best([tree.own[k] for k in parts], tree.own[root])
        if after >= before * (1 - 1e-9):
            return False
        kept = tree.own[:], tree.left[:], tree.right[:], tree.work[:]
        self._place(root, parts, inner, best, made)
        if tree.total <= self.most:
            return True
        tree.own, tree.left, tree.right, tree.work = kept
        return False

    def _place(
        self, root: int, parts: Sequence[int], inner: Sequence[int], best: Sequence[int], made: Sequence[int]
    ) -> None:
        """The tree of these parts whose halves ``best`` names, in place of what is below a node."""
        tree, every = self.tree, (1 << len(parts)) - 1
        spare = [n for n in inner if n != root]
        names: dict[int, int] = {1 << k: part for k, part in enumerate(parts)}
        names[every] = root
        stack = [every]
        while stack:
            s = stack.pop()
            for half in (best[s], s ^ best[s]):
                if half not in names:
                    names[half] = spare.pop()
                    tree.own[names[half]] = made[half]
                    stack.append(half)
            tree.left[names[s]], tree.right[names[s]] = names[best[s]], names[s ^ best[s]]
        for n in inner:
            tree.work[n] = tree.of(n)

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
        self.tries -= 3**n // 2
        return cost[every], half, made
