"""The fastest of several programs that give the same, by timing them; what was found is kept on disk.

In: the forms in which a program can be made, and its arrays' types. Out: one form. They are compiled and run in
turns on random arrays of the types, so nothing of a user's arrays is read, and it is done once for each set of types,
while a function is traced. One that gives other numbers than the first is left out.

The fastest form is then changed at one place after the other, those that take most first: an order of a product without
one of its inner products, rows of the other operand, entries multiplied and summed in place of a product of matrices.
What is faster against it, in turns, stays. In the end the first form must be beaten once more.

A file for each product of program, types, device and versions lies in ``$TENSORPROP_CACHE``, else in
``$XDG_CACHE_HOME/tensorprop`` or ``~/.cache/tensorprop``; a file that cannot be read is made anew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import jax
import numpy as np

from tensorprop.run.forms import Choice, Form

__all__ = ["fastest"]

Program = Callable[[dict[str, Any]], tuple[Any, ...]]
Make = Callable[[Form, dict[str, Choice] | None], Program]
_ROUNDS, _SECONDS = 40, 0.5  # runs of every program, and the seconds after which there are no more
_DUEL, _HOPELESS = 15, 1.05  # rounds of two programs; after a third of them, one that takes so much more is left
_SEARCH = 15.0  # seconds after which no other place is tried
_LEAST = 0.01  # what a place takes of all places, so that it is tried
_SHORT = 3e-4  # seconds: shorter calls are timed several at a time
_GAIN = 0.97  # another than the first must take less than this share
_BETTER = 0.985  # what is changed at one place must take less than this share
_SAME = 1e-2

_LOWERING = "5"
"""Raised when the same choices come to another program: what was timed before says nothing of it then."""


class _Timed(NamedTuple):
    """A program that is compiled, the places at which there was a choice, and how many calls are timed together."""

    form: Form
    run: Callable[[], Any]
    places: dict[str, Choice]
    calls: int


def fastest(make: Make, forms: Sequence[Form], types: Mapping[str, Any], key: str | None) -> Form:
    """The form whose program took least; ``key`` is what it computes, None if that has no text."""
    file = None if key is None else _file(key, types)
    known = _read(file, forms)
    if known is not None:
        return known
    workshop = _Workshop(make, types)
    made = [m for m in map(workshop.made, forms) if m is not None]
    times = _times(made)
    own = min((m for m in made if not m.form.by_jax), key=lambda m: times[m.form])
    changed = workshop.changed(own)
    last = list({m.form: m for m in (made[0], min(made, key=lambda m: times[m.form]), changed)}.values())
    end = _times(last)
    least = min(last, key=lambda m: end[m.form]).form
    chosen = least if end[least] < _GAIN * end[made[0].form] else made[0].form
    told = {m.form.name: 1e3 * times[m.form] for m in made} | {"in the end": 1e3 * end[chosen]}
    _write(file, {"chosen": chosen.name, "ways": chosen.ways, "milliseconds": told})
    return chosen


def _times(programs: Sequence[_Timed]) -> dict[Form, float]:
    """Seconds that each takes, in turns."""
    taken: dict[Form, list[float]] = {m.form: [] for m in programs}
    end = time.perf_counter() + _SECONDS * len(programs)
    for _ in range(_ROUNDS if len(programs) > 1 else 1):
        for m in programs:
            taken[m.form].append(_seconds(m))
        if time.perf_counter() > end:
            break
    return {f: median(found) for f, found in taken.items()}


def _seconds(m: _Timed) -> float:
    start = time.perf_counter()
    for _ in range(m.calls - 1):
        m.run()
    jax.block_until_ready(m.run())
    return (time.perf_counter() - start) / m.calls


class _Workshop:
    """Compiles forms of one program for arrays of these types, each text once."""

    def __init__(self, make: Make, types: Mapping[str, Any]) -> None:
        self.make, self.types = make, types
        given = {n: _drawn(k, a) for k, (n, a) in enumerate(sorted(types.items()))}
        self.arrays = jax.jit(lambda a: a).lower(types).compile()(given)  # where the device has them
        self.texts: set[str] = set()
        self.first: list[Any] | None = None

    def made(self, form: Form) -> _Timed | None:
        """Compiled; None if it is a program that was there, or gives other numbers than the first."""
        places: dict[str, Choice] = {}
        lowered = jax.jit(self.make(form, places)).lower(self.types)
        if (text := lowered.as_text()) in self.texts:
            return None
        self.texts.add(text)
        compiled = lowered.compile()
        out = [np.asarray(a) for a in compiled(self.arrays)]
        self.first = self.first or out
        if not all(map(_alike, out, self.first)):
            return None
        once = _seconds(_Timed(form, lambda: compiled(self.arrays), {}, 1))
        return _Timed(form, lambda: compiled(self.arrays), places, max(1, int(_SHORT / once)))

    def changed(self, best: _Timed) -> _Timed:
        """The form, done another way at every place where that is faster."""
        end, tried = time.perf_counter() + _SEARCH, set[str]()
        while time.perf_counter() < end:
            all_places = sum(p.cost for p in best.places.values())
            left = {k: p for k, p in best.places.items() if k not in tried and p.cost >= _LEAST * all_places}
            if not left:
                break
            place = max(left, key=lambda k: left[k].cost)
            tried.add(place)
            for way in range(1, left[place].ways):
                ways = {**dict(best.form.ways), place: way}
                other = self.made(best.form._replace(ways=tuple(ways.items())))
                if other is not None and time.perf_counter() < end and _faster(other, best):
                    best = other
        return best


def _faster(other: _Timed, best: _Timed) -> bool:
    """Whether the other takes less, in turns: most of the time, and by more than two of one program differ."""
    ratios: list[float] = []
    for n in range(_DUEL):
        first, second, third, fourth = map(_seconds, (best, other, other, best))
        ratios.append((second + third) / (first + fourth))
        if n == _DUEL // 3 and median(ratios) > _HOPELESS:
            return False
    return median(ratios) < _BETTER and sum(r < 1 for r in ratios) > 0.7 * len(ratios)


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
    told = [key, _LOWERING, jax.__version__, own, device.platform, device.device_kind, str(os.cpu_count())]
    told += [f"{n} {a.dtype} {a.shape}" for n, a in sorted(types.items())]
    home = os.environ.get("TENSORPROP_CACHE")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(home) if home else Path(cache).expanduser() / "tensorprop"
    return folder / f"{sha256(chr(10).join(told).encode()).hexdigest()[:40]}.json"


def _read(file: Path | None, forms: Sequence[Form]) -> Form | None:
    if file is None:
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        chosen = next(f for f in forms if f.name == found["chosen"])
        return chosen._replace(ways=tuple((str(place), int(way)) for place, way in found["ways"]))
    except (OSError, ValueError, TypeError, KeyError, StopIteration):
        return None


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
