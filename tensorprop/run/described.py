"""A recorded operation as an expression that people read: its operands' entries under the subscripts of its own.

In: operations over shapes (`run.count`), of which some begin a row of the table. Out: for every row what it makes, by
which expression, and over which letters. Costs are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tensorprop.core import build
from tensorprop.core.affine import form, written
from tensorprop.core.expr import Expr, Index, Number, Tensor
from tensorprop.core.functions import REDUCTIONS, is_matrix, keeps
from tensorprop.run.count import Shaped

__all__ = ["Described", "Description", "Spec"]

_ROOM = 150  # nodes of one expression; what is longer is cut in any table
_REST = build.tensor("…")

Subscripts = tuple[Expr, ...]
Spec = tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]
"""Letters of the operands, and of the result."""

_ENTRYWISE: dict[str, Callable[..., Expr]] = {
    "multiply": build.mul,
    "divide": build.divide,
    "add": build.add,
    "subtract": build.subtract,
    "negative": build.negate,
    "both": build.mul,
    "where": build.mul,
}


Words = tuple[Tensor, Expr, Spec | None]


class Description:
    """What a row makes, by what, and the letters of a contraction: worked out when it is asked for, and kept."""

    __slots__ = ("_ask", "_words")

    def __init__(self, described: Described, a: Shaped) -> None:
        self._ask: tuple[Described, Shaped] | None = (described, a)
        self._words: Words | None = None

    @property
    def words(self) -> Words:
        """All three."""
        if self._words is None:
            assert self._ask is not None
            self._words, self._ask = self._ask[0].words(self._ask[1]), None
        return self._words

    @property
    def makes(self) -> Tensor:
        """The result as it is called."""
        return self.words[0]

    @property
    def by(self) -> Expr:
        """What is done."""
        return self.words[1]

    @property
    def spec(self) -> Spec | None:
        """The letters of the operands and of the result, where it contracts."""
        return self.words[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Description) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return repr(self.words)

    def __getstate__(self) -> Words:
        return self.words

    def __setstate__(self, words: Words) -> None:
        self._ask, self._words = None, words


class Described:
    """``tensors``: operations that make a tensor of the System, and the reading that has its name and letters."""

    def __init__(self, ops: Sequence[Shaped], tensors: Mapping[Shaped, Shaped], rows: Sequence[Shaped]) -> None:
        self.tensors = tensors
        self.called = {a: str(tensors[a].note) if a in tensors else f"#{n}" for n, a in enumerate(rows, 1)}
        self.letters: dict[Shaped, tuple[str | None, ...]] = {}
        self.room = 0
        for a in ops:
            if a.kind == "named" and a.letters is not None:
                self.letters.setdefault(a.operands[0], a.letters)
        for a in ops:
            if a not in self.letters:
                self.letters[a] = a.letters or _axes(a, self.letters)

    def row(self, a: Shaped) -> Description:
        """A row in words, which are found once somebody asks."""
        return Description(self, a)

    def words(self, a: Shaped) -> Words:
        """What a row makes, by what, and the letters of a contraction."""
        self.room = _ROOM
        at = self.fresh(a, (), range(len(a.shape)))
        spec: list[tuple[tuple[str, ...], ...]] = []
        by = self.expr(a, at, spec, top=True)
        makes = self.entry(a, at)
        return makes, by, (spec[0], makes.letters or ()) if spec else None

    def fresh(self, a: Shaped, avoid: Iterable[Expr], axes: Iterable[int]) -> Subscripts:
        """Letters for axes of ``a``: as it has them, none twice, none with a prime, none that is used around it."""
        taken: set[str] = set().union(*(e.free for e in avoid))
        out: list[Expr] = []
        for k in axes:
            letter = (self.letters[a][k] or "i").rstrip("′")
            letter = build.fresh(letter, taken) if letter in taken else letter
            taken.add(letter)
            out.append(Index(letter))
        return tuple(out)

    def entry(self, a: Shaped, at: Subscripts) -> Tensor:
        """An entry of what a row makes, its subscripts in the order of the tensor that it is."""
        b = self.tensors.get(a, a)
        chain: list[Shaped] = []
        while b is not a:
            chain.append(b)
            b = b.operands[0]
        for b in reversed(chain):
            at = tuple(at[k] for k in b.note) if b.kind == "transpose" else at
        return build.tensor(self.called[a], *at)

    def expr(self, a: Any, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]], top: bool = False) -> Expr:
        """The entry of ``a`` at these subscripts."""
        if not isinstance(a, Shaped):
            return _number(a)
        if a in self.called and not top:
            return self.entry(a, at)
        self.room -= 1
        if self.room < 0:
            return _REST
        match a.kind:
            case "given":
                return build.tensor(a.note, *at)
            case "full":
                return _number(a.note)
            case "iota":
                return at[0] if at else _REST  # the step that a loop is at
            case "sum":
                return self.sum(a, at, spec)
            case "reduce":
                return self.reduction(a, at, spec)
            case "dot":
                return self.contraction(a, at, spec)
            case "gather":
                return self.gather(a, at, spec)
            case "scatter":
                return self.scatter(a, at, spec)
            case "running":
                return self.running(a, at, spec)
            case "spaced":
                axis, start, step = a.note
                bound = self.fresh(a.operands[0], at, (axis,))[0]
                body = self.expr(a.operands[0], (*at[:axis], bound, *at[axis + 1 :]), spec)
                here = build.bracket("=", at[axis], _along(bound, start, step))
                return build.sum_over((i for i in bound.free), build.mul(here, body))
            case "stack" | "table" | "reshape" | "conv":
                return build.tensor("…", *at)
            case "factor" | "solved" | "logdet" | "frechet":
                return build.tensor(
                    {"factor": "factors", "solved": "solution", "frechet": "along_expm"}.get(a.kind, a.kind), *at
                )
            case "within":
                return self.expr(a.operands[0], at, spec)
            case "named" | "transpose" | "expand" | "broadcast" | "apart" | "diagonal" | "take" | "shifted":
                return self.expr(a.operands[0], _within(a, at), spec)
            case _:
                return _entrywise(a, [self.expr(b, at if getattr(b, "shape", ()) else (), spec) for b in a.operands])

    def sum(self, a: Shaped, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]]) -> Expr:
        """``Σ_j`` of the operand, or of the two that it is the product of."""
        b, axes = a.operands[0], a.note
        bound = self.fresh(b, at, axes)
        inner = _put(at, axes, bound)
        body = self.expr(b, inner, [])
        while b.kind == "named":
            b = b.operands[0]
        pair = [self.expr(c, inner, []) for c in b.sources] if b.kind == "multiply" and b not in self.called else []
        whole = len(pair) == 2 and all(isinstance(e, Tensor) and e.letters is not None for e in pair)
        one = body if isinstance(body, Tensor) and body.letters is not None else build.tensor("", *inner)
        spec.append(tuple(map(_letters, pair)) if whole else (_letters(one),))
        return build.sum_over((i.name for i in bound if isinstance(i, Index)), body)

    def reduction(self, a: Shaped, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]]) -> Expr:
        op, axes = a.note
        b = a.operands[0]
        if keeps(op):
            bound = self.fresh(b, [i for k, i in enumerate(at) if k not in axes], axes)
            inner = tuple(bound[axes.index(k)] if k in axes else i for k, i in enumerate(at))
            entry = tuple(at[k] for k in axes)
        elif is_matrix(op):
            lead = at[: len(b.shape) - 2]
            bound = self.fresh(b, at, axes)
            inner, entry = _put(lead, axes, bound), at[len(lead) :]
        else:
            bound = self.fresh(b, at, axes)
            inner, entry = _put(at, axes, bound), ()
        return build.reduce(op, (i.name for i in bound if isinstance(i, Index)), self.expr(b, inner, []), entry)

    def running(self, a: Shaped, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]]) -> Expr:
        """``Σ_u [u ≤ t]`` of the operand, or another reduction with a where in place of the bracket's product."""
        op, axis, back, before = a.note
        (bound,) = self.fresh(a.operands[0], at, (axis,))
        body = self.expr(a.operands[0], (*at[:axis], bound, *at[axis + 1 :]), spec)
        here = build.bracket("≥" if back else "≤", _along(bound, before, 1), at[axis])
        if op == "sum":
            return build.sum_over((i for i in bound.free), build.mul(here, body))
        return build.reduce(op, tuple(bound.free), build.call("where", here, body, _REST))

    def gather(self, a: Shaped, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]]) -> Expr:
        b, *index = a.sources
        axes, batch = a.note
        rank = len(index[0].shape)
        paired = dict(batch)
        rest = iter(at[rank:])
        inner: list[Expr] = []
        for k in range(len(b.shape)):
            if k in axes:
                inner.append(self.expr(index[axes.index(k)], at[:rank], spec))
            else:
                inner.append(at[paired[k]] if k in paired else next(rest))
        return self.expr(b, tuple(inner), spec)

    def scatter(self, a: Shaped, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]]) -> Expr:
        b, *index = a.sources
        batch, rank, n = a.note, len(index[0].shape), len(index)
        bound = self.fresh(b, at, range(batch, rank))
        inner = (*at[:batch], *bound)
        here = [build.bracket("=", i, self.expr(x, inner, spec)) for i, x in zip(at[batch:], index, strict=False)]
        body = self.expr(b, (*inner, *at[batch + n :]), spec)
        return build.sum_over((i.name for i in bound if isinstance(i, Index)), build.mul(*here, body))

    def contraction(self, a: Shaped, at: Subscripts, spec: list[tuple[tuple[str, ...], ...]]) -> Expr:
        (left, right), (summed, batch) = a.sources, a.note
        bound = self.fresh(left, at, summed[0])
        rest = iter(at[len(batch[0]) :])
        parts: list[Subscripts] = []
        for side, b in enumerate((left, right)):
            parts.append(
                tuple(
                    at[batch[side].index(k)]
                    if k in batch[side]
                    else bound[summed[side].index(k)]
                    if k in summed[side]
                    else next(rest)
                    for k in range(len(b.shape))
                )
            )
        spec.append(tuple(_letters(build.tensor("", *p)) for p in parts))
        body = build.mul(*(self.expr(b, p, []) for b, p in zip((left, right), parts, strict=True)))
        return build.sum_over((i.name for i in bound if isinstance(i, Index)), body)


def _axes(a: Shaped, letters: Mapping[Shaped, tuple[str | None, ...]]) -> tuple[str | None, ...]:
    """The letters of an operation's axes, as its operands have them; None where nothing says."""
    of = [letters[b] for b in a.sources]
    match a.kind:
        case "transpose":
            return tuple(of[0][k] for k in a.note)
        case "expand":
            left = iter(of[0])
            return tuple(None if k in a.note else next(left) for k in range(len(a.shape)))
        case "diagonal":
            first, second = a.note
            return (*(i for k, i in enumerate(of[0]) if k not in (first, second)), of[0][first])
        case "take":
            return tuple(i for k, i in enumerate(of[0]) if k != a.note[1])
        case "sum":
            return tuple(i for k, i in enumerate(of[0]) if k not in a.note)
        case "reduce":
            op, axes = a.note
            if is_matrix(op):
                return (*(i for k, i in enumerate(of[0]) if k not in axes), *(None,) * len(REDUCTIONS[op].axes))
            return of[0] if keeps(op) else tuple(i for k, i in enumerate(of[0]) if k not in axes)
        case "dot":
            summed, batch = a.note
            own = [
                i for side in (0, 1) for k, i in enumerate(of[side]) if k not in batch[side] and k not in summed[side]
            ]
            return (*(of[0][k] for k in batch[0]), *own)
        case _:
            rank = len(a.shape)
            full = [o for o in of if len(o) == rank]
            return tuple(next((o[k] for o in full if o[k]), None) for k in range(rank))


def _within(a: Shaped, at: Subscripts) -> Subscripts:
    """The subscripts of the operand of which ``a`` is another reading, where its own are ``at``."""
    inner = list(at)
    match a.kind:
        case "transpose":
            inner = [at[a.note.index(k)] for k in range(len(at))]
        case "expand":
            inner = [i for k, i in enumerate(at) if k not in a.note]
        case "diagonal":
            last = inner.pop()
            for k in sorted(a.note):
                inner.insert(k, last)
        case "take":
            entry, axis = a.note
            inner.insert(axis, Number(Fraction(entry)) if isinstance(entry, int) else Index("t"))
        case "shifted":
            axis, start, step = a.note
            inner[axis] = _along(at[axis], start, step)
        case _:
            pass
    return tuple(inner)


def _along(e: Expr, start: int, step: int) -> Expr:
    """``start + step e``, as it is written in a subscript."""
    return written(form(build.add(build.mul(build.number(step), e), build.number(start))))


def _entrywise(a: Shaped, parts: Sequence[Expr]) -> Expr:
    match a.kind:
        case "power":
            return build.power(parts[0], Number(a.note))
        case "call":
            return build.call(a.note, *parts)
        case "compare":
            return build.bracket(a.note, *parts)
        case _:
            return _ENTRYWISE[a.kind](*parts)


def _put(at: Subscripts, axes: Sequence[int], bound: Sequence[Expr]) -> Subscripts:
    """The subscripts of an operand that is summed over ``axes``."""
    left = iter(at)
    return tuple(bound[axes.index(k)] if k in axes else next(left) for k in range(len(at) + len(axes)))


def _letters(e: Expr) -> tuple[str, ...]:
    return tuple(s.name for s in e.subscripts if isinstance(s, Index)) if isinstance(e, Tensor) else ()


def _number(x: float | Fraction) -> Expr:
    """A number of the program, to six digits where it is no fraction."""
    if isinstance(x, float):
        if x != x or x in (float("inf"), float("-inf")):
            return build.tensor("nan" if x != x else "∞" if x > 0 else "-∞")
        x = Fraction(f"{x:.6g}")
    return Number(Fraction(x))
