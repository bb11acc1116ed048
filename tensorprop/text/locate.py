"""Errors found late, and where in the text they belong.

In: an error whose ``about`` names an equation and a node in it, and the System. Out: the same error with its text and
the span of that node's first occurrence. The text is read once more for it, so that nothing need be kept in the nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Index, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.errors import TensorpropError
from tensorprop.text.einsum import operand_spans
from tensorprop.text.parse import Spans, equations
from tensorprop.text.show import MAX_SHOWN, show

__all__ = ["locate"]


def locate(error: TensorpropError, system: System) -> TensorpropError:
    """``error`` with a caret under what it is about, to be raised.

    ``error.about`` is ``(number of the equation or None, what)``, or just what: a node, an Equation, a tensor's name;
    ``(number, Tensor, axis)`` or ``(Tensor, axis)`` is one subscript. The text is the one that the System was read
    from; where that has no such node, the text that the System prints.

    >>> from tensorprop.errors import SizeMismatch
    >>> from tensorprop.text import parse
    >>> s = parse("z_j = a_i W_ij")
    >>> W = s["z"].value.body.factors[1]
    >>> print(locate(SizeMismatch("index i is 3 in a and 4 in W", about=(0, W, 0)), s))
    SizeMismatch: index i is 3 in a and 4 in W
      z_j = a_i W_ij
                  ^
    """
    if error.text is not None or error.about is None:
        return error
    number, what = _about(error.about)
    if isinstance(what, Equation) and what in system.equations:
        number, what = system.equations.index(what), what.target
    for text, spans in _read(system):
        here = [spans[number]] if number is not None and number < len(spans) else []
        for each in (*here, *spans):
            span = _find(each, what)
            if span is not None:
                return error.at(text, span)
    for text, spans in _read(system):
        if number is not None and number < len(spans):
            return error.at(text, spans[number].get(system.equations[number].target, (0, 0)))
    return error


def _about(about: object) -> tuple[int | None, object]:
    """The number of the equation, if it is known, and what is meant in it."""
    if not isinstance(about, tuple):
        return None, about
    parts = cast("tuple[object, ...]", about)
    if len(parts) > 1 and (parts[0] is None or isinstance(parts[0], int)):
        number = parts[0] if isinstance(parts[0], int) else None
        return number, parts[1] if len(parts) == 2 else parts[1:]
    return None, parts


def _read(system: System) -> Iterator[tuple[str, list[Spans]]]:
    """The texts of a System, the one it was read from first, with the places of the nodes of every equation."""
    origin = system.origin
    if origin is not None and "->" in origin and len(system) == 1:
        yield origin, [_einsum_places(origin, system.equations[0])]
    elif origin is not None:
        for convention in ("strict", "einsum"):
            spans: list[Spans] = []
            try:
                equations(origin, convention, spans)
            except TensorpropError:
                continue
            yield origin, spans
            break
    text = show(system)
    if len(text) < MAX_SHOWN and text != origin:
        spans = []
        try:
            equations(text, "strict", spans)
        except TensorpropError:
            return
        yield text, spans


def _einsum_places(spec: str, eq: Equation) -> Spans:
    """The places of the operands of a spec, of its output and of every index."""
    places, output = operand_spans(spec)
    body = eq.value.body if isinstance(eq.value, Sum) else eq.value
    operands = factors_of(body)
    spans: Spans = {}
    for t, (start, end) in zip((*operands, eq.target), (*places, output), strict=False):
        spans.setdefault(t, (start, end))
        if isinstance(t, Tensor):
            _axes(spec, t, start, end, spans)
    return spans


def _axes(spec: str, t: Tensor, start: int, end: int, spans: Spans) -> None:
    at = start
    written = [s for s in t.subscripts if isinstance(s, Index)]
    hidden = len(written) - sum(1 for c in spec[start:end] if c.isalpha())
    k = 0
    while at < end and k < len(written):
        if spec.startswith("...", at):
            for _ in range(hidden):
                spans.setdefault((t, k), (at, at + 3))
                spans.setdefault(written[k], (at, at + 3))
                k += 1
            at += 3
            continue
        if spec[at].isalpha():
            spans.setdefault((t, k), (at, at + 1))
            spans.setdefault(written[k], (at, at + 1))
            k += 1
        at += 1


def _find(spans: Spans, what: object) -> tuple[int, int] | None:
    if isinstance(what, str):
        return next((span for n, span in spans.items() if isinstance(n, Tensor) and n.name == what), None)
    found = spans.get(what)
    match what:
        case (Tensor() as t, int()) if found is None:
            return spans.get(t)
        case _:
            return found
