"""How things are timed: two functions in turns in one process, medians of the ratios of neighbours, with their spread."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any, NamedTuple

import jax


class Ratio(NamedTuple):
    """Milliseconds of both, and theirs over ours: the median of neighbouring pairs, and its 10th and 90th percentile."""

    ours: float
    theirs: float
    middle: float
    low: float
    high: float


def seconds(f: Callable[[], Any]) -> float:
    """One call, until its result is there."""
    start = time.perf_counter()
    jax.block_until_ready(f())
    return time.perf_counter() - start


def interleaved(ours: Callable[[], Any], theirs: Callable[[], Any], budget: float) -> Ratio:
    """Both in turns for ``budget`` seconds, each first in every other round."""
    for _ in range(5):
        seconds(ours), seconds(theirs)
    mine: list[float] = []
    other: list[float] = []
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(mine) < 20:
        if len(mine) % 2:
            mine.append(seconds(ours))
            other.append(seconds(theirs))
        else:
            other.append(seconds(theirs))
            mine.append(seconds(ours))
    ratios = [b / a for a, b in zip(mine, other, strict=True)]
    tenths = quantiles(ratios, n=10)
    return Ratio(1e3 * median(mine), 1e3 * median(other), median(ratios), tenths[0], tenths[-1])


def best(f: Callable[[], Any], repeats: int = 5) -> float:
    """The shortest of a few calls, in seconds."""
    times: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return min(times)


def import_time(module: str, repeats: int = 9) -> float:
    """The median over fresh interpreters of what importing a module takes, in seconds."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(repeats)]
    return median(float(r.stdout) for r in runs)
