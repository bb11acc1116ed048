"""Contraction trees: which operands a product multiplies first, with letters as bits.

In: the letters of operands, those that are kept, and sizes. Out: a `Pairing`, grown from pairs and given back as pairs;
what each of its products takes. Nothing is searched here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, repeat
from operator import mul
from typing import TypeVar

__all__ = ["WRITE", "Operands", "Pairing", "Path"]

Path = Sequence[tuple[int, int]]
_Letter = TypeVar("_Letter", str, int)
WRITE = 8.0  # what an entry costs that is written and read again, in multiplications
_POWERS = 3  # lengths of axes up to which sizes are powers of them, counted in bits


class Operands:
    """Operands whose letters are bits, the letters that are kept, and how large arrays over letters are."""

    def __init__(
        self, operands: Sequence[frozenset[_Letter]], output: frozenset[_Letter], sizes: Mapping[_Letter, int]
    ) -> None:
        used = sorted(frozenset[_Letter]().union(*operands))
        bit = {i: 1 << k for k, i in enumerate(used)}
        self.operands = [sum(bit[i] for i in o) for o in operands]
        self.output = sum(bit[i] for i in output if i in bit)
        self.size = _sizes([sizes[i] for i in used])


def _sizes(lengths: Sequence[int]) -> Callable[[int], float]:
    """The entries of an array over letters: a power where few lengths are different, else a product that is kept."""
    places: dict[float, int] = {}
    for k, n in enumerate(lengths):
        places[float(n)] = places.get(float(n), 0) | 1 << k
    groups = [(mask, [*accumulate(repeat(n, mask.bit_count()), mul, initial=1.0)]) for n, mask in places.items()]

    def powers(letters: int) -> float:
        found = 1.0
        for mask, power in groups:
            found *= power[(letters & mask).bit_count()]
        return found

    known = {0: 1.0}
    axes = [float(n) for n in lengths]

    def product(letters: int) -> float:
        found = known.get(letters)
        if found is None:
            found, left = 1.0, letters
            while left:
                low = left & -left
                found *= axes[low.bit_length() - 1]
                left ^= low
            known[letters] = found
        return found

    return powers if len(groups) <= _POWERS else product


class Pairing:
    """Nodes by number: operands first, then products, the root last.

    ``own[n]`` are the letters of what node n makes, ``left[n]`` and ``right[n]`` its halves (-1 of an operand),
    ``work[n]`` the multiplications of its product.
    """

    def __init__(self, network: Operands, path: Path) -> None:
        self.network = network
        self.operands = n = len(network.operands)
        count = 2 * n - 1
        self.left, self.right = [-1] * count, [-1] * count
        now = list(range(n))
        for k, (first, second) in enumerate(path, n):
            one, other = now[first], now[second]
            self.left[k], self.right[k] = one, other
            now = [m for m in now if m not in (one, other)] + [k]
        has = network.operands + [0] * (n - 1)
        for k in range(n, count):
            has[k] = has[self.left[k]] | has[self.right[k]]
        outside = [0] * count
        outside[-1] = network.output
        self.own = has[:]
        for k in reversed(range(n, count)):
            one, other = self.left[k], self.right[k]
            outside[one], outside[other] = outside[k] | has[other], outside[k] | has[one]
            self.own[k] = has[k] & outside[k]
        self.work = [0.0] * n + [self.of(k) for k in range(n, count)]

    def __copy__(self) -> Pairing:
        made = object.__new__(Pairing)
        made.network, made.operands = self.network, self.operands
        made.own, made.left, made.right, made.work = self.own[:], self.left[:], self.right[:], self.work[:]
        return made

    def of(self, n: int) -> float:
        """The multiplications of the product that node n is."""
        return self.network.size(self.own[self.left[n]] | self.own[self.right[n]])

    @property
    def total(self) -> float:
        """Multiplications of all products."""
        return sum(self.work)

    @property
    def cost(self) -> float:
        """Multiplications, and what is written."""
        return self.total + WRITE * sum(self.network.size(o) for o in self.own[self.operands :])

    def path(self) -> list[tuple[int, int]]:
        """The tree as pairs of places in the list of operands, as it then is."""
        order, stack = list[int](), [len(self.own) - 1]
        while stack:
            n = stack.pop()
            if n >= self.operands:
                order.append(n)
                stack += self.left[n], self.right[n]
        now, found = list(range(self.operands)), list[tuple[int, int]]()
        for n in reversed(order):
            first, second = sorted((now.index(self.left[n]), now.index(self.right[n])))
            found.append((first, second))
            del now[second], now[first]
            now.append(n)
        return found
