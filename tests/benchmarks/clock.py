"""How things are timed: two functions in turns in one process, the medians of their ratios, with their spread."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any, NamedTuple

import jax

SHORT = 0.002
"""Seconds that are timed at once, at least."""


class Ratio(NamedTuple):
    """Milliseconds of both, and theirs over ours: the median over rounds, the 10th and the 90th percentile."""

    ours: float
    theirs: float
    middle: float
    low: float
    high: float


def seconds(f: Callable[[], Any], calls: int = 1) -> float:
    """A call, until its result is there: of several in a row, each its share."""
    start = time.perf_counter()
    for _ in range(calls - 1):
        f()
    jax.block_until_ready(f())
    return (time.perf_counter() - start) / calls


def interleaved(ours: Callable[[], Any], theirs: Callable[[], Any], budget: float) -> Ratio:
    """Rounds of ours, theirs, theirs, ours for ``budget`` seconds: whoever comes second finds the caches warm.

    What is short is called several times in a row and waited for once, as in training: a wait of 10 µs is no step.
    """
    for f in (ours, theirs) * 5:
        seconds(f)
    calls = [max(1, int(SHORT / min(seconds(f) for _ in range(3)))) for f in (ours, theirs)]
    rounds: list[tuple[float, float]] = []
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(rounds) < 20:
        turns = ((ours, calls[0]), (theirs, calls[1]), (theirs, calls[1]), (ours, calls[0]))
        first, second, third, fourth = (seconds(f, n) for f, n in turns)
        rounds.append(((first + fourth) / 2, (second + third) / 2))
    ratios = [b / a for a, b in rounds]
    tenths = quantiles(ratios, n=10)
    mine, other = (1e3 * median(r[k] for r in rounds) for k in (0, 1))
    return Ratio(mine, other, median(ratios), tenths[0], tenths[-1])


def spent(f: Callable[[], Any]) -> tuple[float, Any]:
    """What one call takes of the processor, in seconds, and what it gives."""
    start = time.process_time()
    found = f()
    return time.process_time() - start, found


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
    command = [sys.executable, "-c", code]
    return median(float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(repeats))
