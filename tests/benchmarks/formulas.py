"""Formulas of random contractions of two to five tensors with up to five indices, each printed: milliseconds.

``python -m tests.benchmarks 0 formulas`` prints the median, nine in ten, and the longest. Each is searched, computed
beside the index notation and read back, as everybody's is.
"""

from __future__ import annotations

import random
import time
from statistics import median, quantiles
from typing import NamedTuple

import tensorprop as tp


class Spread(NamedTuple):
    """Processor time of one formula, in milliseconds; how many have no matrix form."""

    middle: float
    nine_in_ten: float
    longest: float
    without: int


def contraction(rng: random.Random) -> str:
    """A spec of two to five tensors with one to five of three to eight letters each."""
    letters = "abcdefgh"[: rng.randint(3, 8)]
    operands = [rng.sample(letters, min(len(letters), rng.randint(1, 5))) for _ in range(rng.randint(2, 5))]
    kept = [i for i in sorted({i for o in operands for i in o}) if rng.random() < 0.4][:5]
    rng.shuffle(kept)
    return f"{','.join(map(''.join, operands))}->{''.join(kept)}"


def formulas(many: int = 1000, seed: int = 0) -> Spread:
    """The time of so many, after a few that fill the caches of tables."""
    rng = random.Random(seed)
    for spec in ("ij,jk->ik", "bij,bjk->bik", "i,i->"):
        str(tp.formula(spec))
    took: list[float] = []
    without = 0
    for spec in [contraction(rng) for _ in range(many)]:
        start = time.process_time()
        found = tp.formula(spec)
        str(found)
        took.append(1e3 * (time.process_time() - start))
        without += found.kind == "index"
    return Spread(median(took), quantiles(took, n=10)[-1], max(took), without)
