"""In the words of whoever wrote the rule: the derived rule in their letters and order, the correction in their text.

In: both rules, an edit, the text. Out: equations and lines that look like what was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tensorprop.check.slips.edits import Edit
from tensorprop.core.build import (
    reduce,
    remake,
    rename,
    sum_over,
)
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Add, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.terms import sign_and_rest
from tensorprop.core.walk import fold, postorder, tensors_of
from tensorprop.errors import TensorpropError
from tensorprop.text import show
from tensorprop.text.parse import equations

__all__ = ["as_written", "in_their_text"]

Arrays = Mapping[str, np.ndarray]


def as_written(derived: Equation, hand: Equation) -> Equation:
    """The derived rule with the bound letters of the hand rule, its factors and terms in the hand rule's order."""
    bound: dict[tuple[str, int], str] = {}
    place: dict[object, int] = {}
    for n in postorder(hand.value):
        place.setdefault(n, len(place))
        if isinstance(n, Tensor):
            place.setdefault(n.name, len(place))
            for k, i in enumerate(n.subscripts):
                if isinstance(i, Index) and i.name not in hand.letters:
                    bound.setdefault((n.name, k), i.name)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Mul() | Add():
                known = sorted((p, k) for k, c in enumerate(children) if (p := at(c)) is not None)
                slots = sorted(k for _, k in known)
                new = list(children)
                for slot, (_, k) in zip(slots, known, strict=True):
                    new[slot] = children[k]
                if isinstance(n, Add) and sign_and_rest(new[0])[0] < 0 < sign_and_rest(children[0])[0]:
                    return remake(n, children)
                return remake(n, tuple(new))
            case Sum(indices) | Reduce(_, indices, _, ()):
                body = children[0]
                taken = set(hand.letters) | body.free | body.binds
                names: dict[str, str] = {}
                for i in indices:
                    names[i] = next((b for b in wishes(body, i) if b not in taken), i)
                    taken.add(names[i])
                body = rename(body, names)
                letters = tuple(names.values())
                return sum_over(letters, body) if isinstance(n, Sum) else reduce(n.op, letters, body)
            case _:
                return remake(n, children)

    def at(c: Expr) -> int | None:
        _, bare = sign_and_rest(c)
        if isinstance(bare, Number):
            return None
        found = place.get(c, place.get(bare))
        return place.get(bare.name) if found is None and isinstance(bare, Tensor) else found

    def wishes(body: Expr, i: str) -> Iterator[str]:
        for t in tensors_of(body):
            for k, s in enumerate(t.subscripts):
                if isinstance(s, Index) and s.name == i and (t.name, k) in bound:
                    yield bound[t.name, k]

    return equation(derived.target, fold(derived.value, rule))


def in_their_text(source: str | None, before: Equation, after: Equation, edit: Edit | None) -> tuple[str, str] | None:
    """The line as it was written and as it should be, in the user's own spelling, where the edit can be put there."""
    if source is None or edit is None:
        return None
    spans: list[dict[object, tuple[int, int]]] = []
    try:
        found = equations(source, "strict", spans)[1]
    except TensorpropError:
        return None
    place = next((n for n, eq in enumerate(found) if eq is before), None)
    if place is None:
        return None
    start = spans[place][before.target][0]
    end = max(b for _, b in spans[place].values())
    while end < len(source) and source[end] in ")]} ":
        end += 1
    line = source[start:end].rstrip()
    for old, new in edit.steps:
        span = spans[place].get(old)
        if span is None:
            continue
        for text in (show(new), f"({show(new)})"):
            fixed = line[: span[0] - start] + text + line[span[1] - start :]
            try:
                if equations(fixed, "strict", None)[1] == [after]:
                    return " ".join(line.split()), " ".join(fixed.split())
            except TensorpropError:
                continue
    return None
