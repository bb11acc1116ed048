"""Recurrences under the names that they have anyway.

In: definitions, or lines, among which are recurrences. Out: the same, in which what a loop carries is called as the
line of its body is that it is equal to, or as the output is. Where the recurrences come from is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorprop.core.build import substitute
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.walk import transform
from tensorprop.trace.readable import Definition, Draft, Output, Start, Transcript

__all__ = ["as_outputs", "under_one_name"]


def under_one_name(trace: Transcript) -> Transcript:
    """``h_t = z_t; h_{-1} = g; z_t = f(h_{t-1})`` is ``z_t = f(z_{t-1}); z_{-1} = g``."""
    defs = dict(trace.definitions)
    names: dict[str, tuple[str, list[int]]] = {}
    for name, (letters, value, _, start) in trace.definitions.items():
        line = defs.get(value.name) if isinstance(value, Tensor) else None
        if start is None or line is None or line.start is not None or not isinstance(value, Tensor):
            continue
        own = value.letters
        if own is None or sorted(own) != sorted(letters) or value.name == name:
            continue
        order = [letters.index(i) for i in own]
        called = {i: Index(line.letters[order.index(k)]) for k, i in enumerate(letters)}
        axis = order.index(start.axis)
        rest = line.letters[:axis] + line.letters[axis + 1 :]
        begun = Start(rest[:axis], axis, start.place, rest[axis:], substitute(start.value, called))
        defs[value.name] = line._replace(start=begun)
        del defs[name]
        names[name] = value.name, order
    if not names:
        return trace

    def rule(e: Expr) -> Expr:
        if isinstance(e, Tensor) and e.name in names:
            new, order = names[e.name]
            return Tensor(new, tuple(e.subscripts[k] for k in order))
        return e

    def renamed(d: Definition) -> Definition:
        start = d.start._replace(value=transform(d.start.value, rule)) if d.start is not None else None
        return d._replace(value=transform(d.value, rule), start=start)

    outputs = [Output(o.name, o.letters, transform(o.value, rule)) for o in trace.outputs]
    return trace._replace(definitions={n: renamed(d) for n, d in defs.items()}, outputs=outputs)


def as_outputs(lines: Sequence[Draft]) -> list[Draft]:
    """``h_t = f(h_{t-1}); y_t = h_t`` is ``y_t = f(y_{t-1})``."""
    found = list(lines)
    for out in lines:
        e = out.value
        begun = isinstance(e, Tensor) and any(n.name == e.name and n.place is not None for n in found)
        if not (out.output and isinstance(e, Tensor) and begun and e.letters is not None):
            continue
        if any(n.name == e.name and n.output for n in found) or sorted(e.letters) != sorted(out.letters):
            continue
        order = [e.letters.index(i) for i in out.letters]
        found = [_called(n, e.name, out.name, order) for n in found if n is not out]
    return found


def _called(line: Draft, old: str, new: str, order: Sequence[int]) -> Draft:
    """A line in which a tensor has another name, and its axes another order."""

    def rule(e: Expr) -> Expr:
        return Tensor(new, tuple(e.subscripts[k] for k in order)) if isinstance(e, Tensor) and e.name == old else e

    value = transform(line.value, rule)
    if line.name != old:
        return line._replace(value=value)
    if line.place is None:
        return line._replace(name=new, letters=tuple(line.letters[k] for k in order), value=value, output=True)
    full: list[str | None] = list(line.letters)
    full.insert(line.axis, None)
    moved = [full[k] for k in order]
    letters = tuple(i for i in moved if i is not None)
    return line._replace(name=new, letters=letters, value=value, output=True, axis=moved.index(None))
