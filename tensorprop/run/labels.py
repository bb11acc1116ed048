"""Places that arrays tell, ``E[tok_bt, d]``: are they inside? Asked of arrays that are there when a function is called.

In: a System and its arrays. Out: nothing, or an error that says which entry of which array is outside of which axis.
Looked at are subscripts made of letters, sizes and whole-number inputs, where nothing says what lies outside and no
bracket or ``where`` beside them may make the entry count nothing. What is traced has no numbers yet: there an entry
outside is not a number (``nan``), and so is whatever needs it. What ``sorted(s)`` says of an input is asked here, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.affine import Form, form
from tensorprop.core.equation import SORTED, Loop, System
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Mul, Number, Tensor
from tensorprop.core.walk import tensors_of
from tensorprop.errors import NotSorted, OutOfRange
from tensorprop.run.extents import brief, extents
from tensorprop.text import locate

__all__ = ["Labels"]


class ToldPlace(NamedTuple):
    """A subscript that arrays tell: where it stands, its form, and the letters of its arrays."""

    equation: int
    entry: Tensor
    axis: int
    form: Form
    letters: tuple[str, ...]


class Labels:
    """The subscripts of a System that its whole-number inputs tell."""

    def __init__(self, s: System) -> None:
        self._system = s
        looped = {eq for b in s.blocks if isinstance(b, Loop) for eq in b.equations}
        self._told = [t for n, eq in enumerate(s.equations) if eq not in looped for t in _told(s, n, eq.value)]
        self._made = any(s.defines(t.entry.name) for t in self._told)
        self._shapes: dict[Any, Mapping[str, tuple[int, ...]]] = {}
        self._sorted = tuple(name for name in s.inputs if s.declares(SORTED, name))
        self.names = frozenset(a.name for t in self._told for a in t.form if isinstance(a, Tensor)).union(self._sorted)
        tables = s.inputs if self._made else tuple(dict.fromkeys(t.entry.name for t in self._told))
        self._read = tuple(self.names), tables
        self._inside: tuple[dict[str, Any], dict[str, Any]] | None = None

    def inside(self, arrays: Mapping[str, Any], lasting: bool = False) -> None:
        """Refuse places outside, and entries that are said to be sorted and fall. Errors: OutOfRange, NotSorted.

        Where the entries of all arrays that tell places are ``lasting``, it is kept that these lie inside.
        """
        self._look(arrays)
        names, tables = self._read
        kept = {n: arrays[n] for n in names}, {n: np.shape(arrays[n]) for n in tables}
        self._inside = kept if lasting else None

    def seen(self, params: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
        """Whether these are the very arrays that were found inside last, beside arrays of the same shapes."""
        if self._inside is None:
            return False
        arrays, shapes = self._inside
        told = ((data[n] if n in data else params.get(n)) is a for n, a in arrays.items())
        return all(told) and all(
            getattr(data[n] if n in data else params.get(n), "shape", None) == shape for n, shape in shapes.items()
        )

    def _look(self, arrays: Mapping[str, Any]) -> None:
        numbers = {n: np.asarray(arrays[n]) for n in self.names}
        for name in self._sorted:
            _rises(self._system, name, numbers[name])
        told = [t for t in self._told if not _plainly_inside(t, numbers, arrays)]
        if not told:
            return
        shapes: Mapping[str, tuple[int, ...]] = {n: np.shape(arrays[n]) for n in self._system.inputs}
        if self._made:
            key = tuple(shapes.values())
            if key not in self._shapes:
                self._shapes[key] = extents(self._system, shapes).shapes
            shapes = self._shapes[key]
        for t in told:
            _look(self._system, t, numbers, shapes)


def _plainly_inside(t: ToldPlace, numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> bool:
    """Whether the subscript is an entry of one array, all of which lie inside: what most subscripts are, told soon."""
    (part, c), *rest = t.form.items()
    if rest or c != 1 or not isinstance(part, Tensor) or t.entry.name not in arrays:
        return False
    found, size = numbers[part.name], np.shape(arrays[t.entry.name])[t.axis]
    signed = found.dtype.kind == "i" and found.dtype.isnative
    if found.size and signed:  # a number below 0 is one of the largest without a sign
        return found.view(f"u{found.itemsize}").max() < size
    return found.size > 0 and found.min() >= 0 and found.max() < size


def _rises(s: System, name: str, entries: Any) -> None:
    """Refuse entries that fall along the last axis, of a tensor of which ``sorted(s)`` is said."""
    falls = np.argwhere(entries[..., 1:] < entries[..., :-1])
    if len(falls):
        *before, n = (int(k) for k in falls[0])
        one, other = (f"{name}[{', '.join(map(str, (*before, k)))}] = {entries[(*before, k)]}" for k in (n, n + 1))
        raise NotSorted(
            f"{name} is said to be sorted, and falls: {one}, {other}",
            s.origin,
            _line(s.origin, name),
            fix=f"sort {name}, and what is read beside it, or drop the line sorted({name})",
        )


def _line(text: str | None, name: str) -> tuple[int, int] | None:
    """Where a text says that a tensor is sorted."""
    found = re.search(rf"\bsorted\(\s*{re.escape(name)}\s*\)", text) if text is not None else None
    return found.span() if found is not None else None


def _told(s: System, n: int, value: Expr) -> Iterator[ToldPlace]:
    stack = [value]
    seen: set[Expr] = set()
    while stack:
        e = stack.pop()
        if e in seen or (isinstance(e, Call) and e.function == "where"):
            continue
        seen.add(e)
        if isinstance(e, Mul) and any(isinstance(f, Bracket) for f in e.factors):
            continue
        stack += e.children
        if not isinstance(e, Tensor) or s.outside(e.name) is not None:
            continue
        for axis, place in enumerate(e.subscripts):
            arrays = list(tensors_of(place))
            f = form(place)
            letters = tuple(sorted({i.name for a in arrays for i in a.subscripts if isinstance(i, Index)}))
            plain = all(a.name in s.inputs and all(isinstance(i, Index) for i in a.subscripts) for a in arrays)
            known = all(isinstance(part, (Index, Tensor, Number, Dim)) and c.denominator == 1 for part, c in f.items())
            if arrays and plain and known and place.free <= set(letters):
                yield ToldPlace(n, e, axis, f, letters)


def _look(s: System, t: ToldPlace, numbers: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    sizes: dict[str, int] = {}
    for a in t.form:
        if isinstance(a, Tensor):
            names = [i.name for i in a.subscripts if isinstance(i, Index)]
            sizes.update(zip(names, numbers[a.name].shape, strict=True))
    total: Any = 0
    for part, c in t.form.items():
        match part:
            case Tensor(name, subscripts):
                value = _over(numbers[name], [i.name for i in subscripts if isinstance(i, Index)], t.letters)
            case Index(name):
                value = _over(np.arange(sizes[name]), [name], t.letters)
            case Dim(name, axis):
                value = shapes[name][axis]
            case _:
                value = 1 if not isinstance(part, Number) else int(part.value)
        total = total + int(c) * value if c != 1 else total + value
    size = shapes[t.entry.name][t.axis]
    if np.size(total) == 0 or (np.min(total) >= 0 and np.max(total) < size):
        return
    wrong = np.broadcast_to((total < 0) | (total >= size), [sizes[i] for i in t.letters])
    first = tuple(int(k) for k in np.argwhere(wrong)[0])
    value = np.broadcast_to(total, wrong.shape)[first]
    at = ", ".join(f"{i} = {k}" for i, k in zip(t.letters, first, strict=True))
    error = OutOfRange(
        f"a subscript of {brief(t.entry)} is {value}, "
        f"outside axis {t.axis + 1} of {t.entry.name}, which has size {size}",
        known=f"subscripts count from 0: 0 to {size - 1}" + (f"; needed for {at}" if at else ""),
        fix=f"say what lies outside: outside({t.entry.name}) = 0",
        about=(t.equation, t.entry),
    )
    raise locate(error, s)


def _over(a: Any, axes: list[str], letters: tuple[str, ...]) -> Any:
    """An array with its axes in the order of the letters, of length 1 where it has none."""
    if len(set(axes)) < len(axes):
        numbers = [axes.index(i) for i in axes]
        a, axes = np.einsum(a, numbers, sorted(set(numbers))), list(dict.fromkeys(axes))
    a = np.transpose(a, [axes.index(i) for i in letters if i in axes])
    return np.expand_dims(a, tuple(k for k, i in enumerate(letters) if i not in axes))
