"""A contraction tree made cheaper by turning it about, many times, at first also for the worse.

In: a tree and how many turns are tried. Out: the cheapest tree that was met. A turn makes ``(a b) c`` into ``(a c) b``:
only two products change, and the letters of the new one are those of a and c that b or what is above still has. It is
taken when these two become cheaper, and else with a chance that falls with the factor by which they become dearer and
with the temperature. No time is measured, and chance is a seed's: the same product has the same tree everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tensorprop.run.pairings import Pairing

__all__ = ["anneal"]

_COLD = 0.02  # the last temperature, in powers of e
_ROUND = 4  # turns for each product between two looks at the whole


def anneal(tree: Pairing, turns: int, hot: float, seed: int = 0) -> None:
    """Try so many turns, from the temperature ``hot`` down; the tree is the best that was met.

    >>> from tensorprop.run.pairings import Operands
    >>> chain = Operands([frozenset("ab"), frozenset("bc"), frozenset("cd"), frozenset("d")], frozenset("a"),
    ...                 dict.fromkeys("abcd", 10))
    >>> tree = Pairing(chain, [(0, 1), (0, 2), (0, 1)])
    >>> anneal(tree, 100, 0.5)
    >>> tree.total
    300.0
    """
    n = tree.operands
    if n < 3:
        return
    each = _ROUND * n
    rounds = max(turns // each, 1)
    best, kept = tree.total, _parts(tree)
    heat, chance = hot, Random(seed).random
    cooler = (_COLD / hot) ** (1 / max(rounds - 1, 1))
    for _ in range(rounds):
        _round(tree, each, 1 / heat, chance)
        if (now := tree.total) < best:
            best, kept = now, _parts(tree)
        heat *= cooler
    tree.own, tree.left, tree.right, tree.work = kept


def _parts(tree: Pairing) -> tuple[list[int], list[int], list[int], list[float]]:
    return tree.own[:], tree.left[:], tree.right[:], tree.work[:]


def _round(tree: Pairing, turns: int, cold: float, draw: Callable[[], float]) -> None:
    """So many turns at one temperature: this loop is what the search spends its time in."""
    own, left, right, work, size = tree.own, tree.left, tree.right, tree.work, tree.network.size
    n = tree.operands
    count = n - 1
    for _ in range(turns):
        drawn = draw() * count
        p = int(drawn)
        drawn -= p  # what is left of it decides the rest
        p += n
        x, c = (left[p], right[p]) if drawn < 0.5 else (right[p], left[p])
        drawn = 2 * drawn % 1.0
        if x < n:
            x, c = c, x
            if x < n:
                continue
        a, b = (left[x], right[x]) if drawn < 0.5 else (right[x], left[x])
        both, beside = own[a] | own[c], own[b]
        made = both & (own[p] | beside)
        one, other = size(both), size(made | beside)
        before, after = work[x] + work[p], one + other
        if after <= before or 2 * drawn % 1.0 < (before / after) ** cold:
            left[x], right[x], own[x], work[x] = a, c, made, one
            left[p], right[p], work[p] = x, b, other
