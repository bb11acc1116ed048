"""The fastest of several programs that give the same, by timing them; what was found is kept on disk.

In: programs of the same arrays by name, and these arrays' types. Out: the name of one. They are compiled and run in
turns on random arrays of the types, so nothing of a user's arrays is read, and it is done once for each set of types,
while a function is traced. One that gives other numbers than the first is left out.

A file for each product of program, types, device and versions lies in ``$TENSORPROP_CACHE``, else in
``$XDG_CACHE_HOME/tensorprop`` or ``~/.cache/tensorprop``; a file that cannot be read is made anew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from typing import Any

import jax
import numpy as np

__all__ = ["fastest"]

Program = Callable[[dict[str, Any]], tuple[Any, ...]]
_ROUNDS, _SECONDS = 40, 0.5  # runs of every program, and the seconds after which there are no more
_GAIN = 0.97  # another than the first must take less than this share
_SAME = 1e-2


def fastest(programs: Mapping[str, Program], types: Mapping[str, Any], key: str | None) -> str:
    """The name of the program that took least; ``key`` is what it computes, None if that has no text."""
    file = None if key is None else _file(key, types)
    known = _read(file)
    if known in programs:
        return str(known)
    arrays = {n: _drawn(k, a) for k, (n, a) in enumerate(sorted(types.items()))}
    first: Any = None
    compiled: dict[str, Any] = {}
    texts: set[str] = set()
    for name, program in programs.items():
        lowered = jax.jit(program).lower(types)
        if (text := lowered.as_text()) in texts:
            continue
        texts.add(text)
        made = lowered.compile()
        out = [np.asarray(a) for a in made(arrays)]
        first = first or out
        if all(map(_alike, out, first)):
            compiled[name] = made
    taken: dict[str, list[float]] = {name: [] for name in compiled}
    end = time.perf_counter() + _SECONDS * len(compiled)
    for _ in range(_ROUNDS if len(compiled) > 1 else 1):
        for name, made in compiled.items():
            start = time.perf_counter()
            jax.block_until_ready(made(arrays))
            taken[name].append(time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    times = {name: median(found) for name, found in taken.items()}
    least, plain = min(times, key=lambda name: times[name]), next(iter(programs))
    chosen = least if times[least] < _GAIN * times[plain] else plain
    _write(file, {"chosen": chosen, "milliseconds": {n: 1e3 * t for n, t in times.items()}})
    return chosen


def _drawn(seed: int, a: Any) -> Any:
    """An array of a type: numbers about 1, places that are there."""
    rng = np.random.default_rng(seed)
    if not jax.numpy.issubdtype(a.dtype, np.inexact):
        return np.zeros(a.shape, a.dtype)
    return np.asarray(0.5 + 0.5 * rng.random(a.shape)).astype(a.dtype)


def _alike(a: Any, b: Any) -> bool:
    a, b = np.asarray(a, np.complex128), np.asarray(b, np.complex128)
    return bool(np.all(np.abs(a - b) <= _SAME * np.max(np.abs(b), initial=1e-30)))


def _file(key: str, types: Mapping[str, Any]) -> Path:
    device = jax.devices()[0]
    own = str(vars(sys.modules["tensorprop"])["__version__"])
    told = [key, jax.__version__, own, device.platform, device.device_kind, str(os.cpu_count())]
    told += [f"{n} {a.dtype} {a.shape}" for n, a in sorted(types.items())]
    home = os.environ.get("TENSORPROP_CACHE")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(home) if home else Path(cache).expanduser() / "tensorprop"
    return folder / f"{sha256(chr(10).join(told).encode()).hexdigest()[:40]}.json"


def _read(file: Path | None) -> object:
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file is not None else None
    except (OSError, ValueError):
        return None
    return found.get("chosen") if isinstance(found, dict) else None


def _write(file: Path | None, found: dict[str, Any]) -> None:
    """Whole or not at all; where nothing can be written, nothing is kept."""
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as out:
            json.dump(found, out, ensure_ascii=False, indent=1)
        Path(out.name).replace(file)
    except OSError:
        return
