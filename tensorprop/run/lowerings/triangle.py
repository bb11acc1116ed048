"""``Σ_u [u ≤ t] x_tu``, for t in a block from a to b, is ``Σ_{u < b} [u ≤ t] x_tu``: what is zero is not worked out.

Brackets that bound ``t - u`` below, above, or both tell outside of which stripe of (t, u) an expression is zero: a
product with such a bracket, a tensor that was made by one, a softmax over u whose body is masked there,

    softmax_u(where([u ≤ t], s_tu, c)),   softmax_u(s_tu + c [u > t]),   softmax_u(s_tu + log([u ≤ t])),   c ≤ -10⁸,

if every t has some u inside: beside a weight exp(s), exp(c) is no number of the machine's other than 0. Where t or u is
summed, the rows t are taken in blocks, and of u, in each, as much as the stripe has there. The rows of a result are put
together, columns and sums are added. Blocks of a letter are `Part`s of its range.

A tensor over both letters that is read inside of its stripe alone is never made whole: its equation waits, and is
worked out in the blocks in which it is read (`waiting`). So scores, weights and the adjoints of both cost their stripe.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from tensorprop.core.build import ZERO
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder
from tensorprop.run.lowerings.whole_form import affine
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.sizes import Extents, Part, begin
from tensorprop.run.values import Rule, Sizes, Value, Wish

__all__ = ["LEAST", "Zeros", "blocks", "narrowed", "ordered", "read", "trimmed", "waiting"]

_ROWS, _MOST = 64, 8  # rows of a block, and how many blocks there are at most
LEAST = 4 * _ROWS
"""Rows and columns from which on blocks are looked at."""

_NOTHING = -(10**8)
_DEPTH = 40


class Stripe(NamedTuple):
    """``low ≤ row - col ≤ high``, None where nothing is said; ``firm``: it is known which of the two is the row."""

    row: Any
    col: Any
    low: int | None
    high: int | None
    firm: bool = False

    def turned(self) -> Stripe:
        """The same, said of ``col - row``."""
        low, high = (None if n is None else -n for n in (self.high, self.low))
        return Stripe(self.col, self.row, low, high, self.firm)

    def columns(self, row: int, end: int) -> tuple[int, int | None]:
        """The first column, and the one after the last, that rows from ``row`` to before ``end`` have."""
        return max(0, row - self.high) if self.high is not None else 0, None if self.low is None else end - self.low


Stripes = dict[frozenset[Any], Stripe]


def _both(a: Stripes, b: Stripes) -> Stripes:
    """What lies in both."""
    made = dict(a)
    for pair, s in b.items():
        other = made.get(pair, s)
        if other.row != s.row:
            other, s = (other.turned(), s) if s.firm else (other, s.turned())
        lows = [n for n in (other.low, s.low) if n is not None]
        highs = [n for n in (other.high, s.high) if n is not None]
        made[pair] = Stripe(s.row, s.col, max(lows, default=None), min(highs, default=None), s.firm or other.firm)
    return made


def _either(a: Stripes, b: Stripes) -> Stripes:
    """What lies in one of them."""
    made: Stripes = {}
    for pair in a.keys() & b.keys():
        one, s = a[pair], b[pair]
        if one.row != s.row:
            one, s = (one.turned(), s) if s.firm else (one, s.turned())
        low = None if one.low is None or s.low is None else min(one.low, s.low)
        high = None if one.high is None or s.high is None else max(one.high, s.high)
        if low is not None or high is not None:
            made[pair] = Stripe(s.row, s.col, low, high, s.firm or one.firm)
    return made


def _renamed(stripes: Iterable[Stripe], names: Mapping[Any, Any]) -> Stripes:
    """The stripes of letters that have a new name, no two of them the same."""
    made: Stripes = {}
    for s in stripes:
        if s.row in names and s.col in names and names[s.row] != names[s.col]:
            pair = frozenset((names[s.row], names[s.col]))
            made = _both(made, {pair: s._replace(row=names[s.row], col=names[s.col])})
    return made


class Zeros:
    """Where expressions are zero: the stripes outside of which they are, by their letters, and of tensors by axes."""

    def __init__(self, extents: Extents) -> None:
        self.extents = extents
        self.tensors: dict[str, Stripes] = {}
        self._known: dict[tuple[Any, ...], Stripes] = {}

    def of(self, e: Expr, sizes: Sizes, depth: int = 0) -> Stripes:
        """The stripes of ``e``, where its letters have these sizes."""
        if depth > _DEPTH or len(e.free) < 2:
            return {}
        key = (e, *((sizes[i], begin(sizes[i])) for i in self.extents.free(e)))
        if key not in self._known:
            self._known[key] = self._of(e, sizes, depth + 1)
        return self._known[key]

    def _of(self, e: Expr, sizes: Sizes, depth: int) -> Stripes:
        made: Stripes = {}
        match e:
            case Bracket("≠", inner, right) if right is ZERO:
                return self.of(inner, sizes, depth)
            case Bracket():
                return self.compared(e)
            case Mul():
                for f in e.factors:
                    made = _both(made, self.of(f, sizes, depth))
            case Add():
                made = self.of(e.terms[0], sizes, depth)
                for t in e.terms[1:]:
                    made = _either(made, self.of(t, sizes, depth)) if made else made
            case Sum():
                inside = {**sizes, **self.extents.bound(e, sizes)}
                found = self.of(e.body, inside, depth)
                made = {pair: s for pair, s in found.items() if pair.isdisjoint(e.indices)}
            case Call("where", (mask, x, y)) if y is ZERO:
                return _both(self.of(mask, sizes, depth), self.of(x, sizes, depth))
            case Reduce("softmax", (u,), _, (Index(name=at),)) if at not in e.body.free - {u}:
                found = self.masked(e, {**sizes, **self.extents.bound(e, sizes)}, depth)
                made = _renamed(found.values(), {i: at if i == u else i for i in e.body.free})
            case Tensor() if e.name in self.tensors:
                return _renamed(self.tensors[e.name].values(), _plain(e))
            case _:
                pass
        return made

    def compared(self, e: Bracket) -> Stripes:
        """What an order bracket says of two letters; the larger one is taken for the row."""
        if e.relation in ("=", "≠"):
            return {}
        left, right = affine(e.left, self.extents.shapes), affine(e.right, self.extents.shapes)
        if left is None or right is None:
            return {}
        letters, rest = left.less(right)
        if sorted(letters.values()) != [-1, 1]:
            return {}
        row, col = sorted(letters, key=lambda i: -letters[i])
        low, high = {"<": (None, -1), "≤": (None, 0), ">": (1, None), "≥": (0, None)}[e.relation]
        said = Stripe(row, col, None if low is None else low - rest, None if high is None else high - rest)
        return {frozenset(letters): said if high is None else said.turned()}

    def masked(self, e: Reduce, inner: Sizes, depth: int = 0) -> Stripes:
        """The stripes outside of which the weights of a softmax are 0, its letter the column."""
        (u,) = e.indices
        made: Stripes = {}
        body = e.body
        if isinstance(body, Call) and body.function == "where" and _low(body.args[2]):
            made = self._brackets(body.args[0])
        for t in body.terms if isinstance(body, Add) else ():
            match t:
                case Mul((c, Bracket() as b)) if _low(c) and b.relation in _OPPOSITE:
                    made = _both(made, self.compared(Bracket(_OPPOSITE[b.relation], b.left, b.right)))
                case Call("log", (mask,)):
                    made = _both(made, self._brackets(mask))
                case _:
                    pass
        found: Stripes = {}
        for pair, s in made.items():
            if u in pair:
                s = s if s.col == u else s.turned()
                first = begin(inner[s.row])
                ends = first + inner[s.row] - 1, inner[u]
                if (s.low is None or s.low <= first) and (s.high is None or ends[0] - s.high < ends[1]):
                    found[pair] = s._replace(firm=True)
        return found if len(made) == 1 else {}

    def _brackets(self, e: Expr) -> Stripes:
        """The stripe of a product of order brackets of two letters; nothing where anything else is in it."""
        made: Stripes = {}
        for f in e.factors if isinstance(e, Mul) else (e,):
            said = self.compared(f) if isinstance(f, Bracket) else {}
            if not said:
                return {}
            made = _both(made, said)
        return made if len(made) == 1 else {}


_OPPOSITE = {"<": "≥", "≥": "<", ">": "≤", "≤": ">"}


def _low(e: Expr) -> bool:
    return isinstance(e, Number) and e.value <= _NOTHING


def _plain(e: Tensor) -> dict[int, str]:
    """The letters that are subscripts by themselves, by axis."""
    return {k: i.name for k, i in enumerate(e.subscripts) if isinstance(i, Index)}


def ordered(system: System) -> bool:
    """Whether two letters are compared anywhere: else there is nothing to look for."""
    nodes = (n for eq in system for n in postorder(eq.value))
    return any(isinstance(n, Bracket) and n.relation in _OPPOSITE and len(n.free) == 2 for n in nodes)


# --------------------------------------------------------------------------- tensors that are never made whole
def waiting(system: System, extents: Extents, outputs: Container[str]) -> tuple[Zeros, frozenset[str]]:
    """Where tensors are zero, and those that are read in blocks only."""
    zeros = Zeros(extents)
    plain = [b for b in system.blocks if isinstance(b, Equation)]
    for eq in plain:
        found = zeros.of(eq.value, extents.letters(eq))
        zeros.tensors[eq.name] = _renamed(found.values(), {i: k for k, i in enumerate(eq.letters)})
    needed: dict[str, Stripes] = {}
    whole = {n for eq in system if eq not in plain for n in eq.inputs}
    for eq in reversed(plain):
        mine = needed.get(eq.name, {})
        shape = extents.shapes[eq.name]
        mine = {pair: s for pair, s in mine.items() if min(shape[k] for k in pair) >= LEAST}
        if eq.name in whole or eq.name in outputs or len(set(eq.letters)) != len(shape) or not _steady(zeros, eq.value):
            mine = {}
        needed[eq.name] = mine
        inside = _renamed(mine.values(), dict(enumerate(eq.letters)))
        for read, stripes in _reads(zeros, eq, inside):
            there = _renamed(stripes.values(), {i: k for k, i in _plain(read).items()})
            needed[read.name] = _either(needed[read.name], there) if read.name in needed else there
    return zeros, frozenset(eq.name for eq in plain if needed[eq.name])


def _steady(zeros: Zeros, e: Expr) -> bool:
    """Whether no letter that is bound in ``e`` runs as far as another one, of which there may be a part."""
    return all(zeros.extents.steady(n) for n in postorder(e) if isinstance(n, (Sum, Reduce)))


def _reads(zeros: Zeros, eq: Equation, inside: Stripes) -> Iterator[tuple[Tensor, Stripes]]:
    """Every tensor that an equation reads, with the stripes of which entries are needed.

    ``inside`` are those of the left side, empty if it is made whole: rows and columns that both stay are then all
    there, and one of a pair has to be summed.
    """
    stack: list[tuple[Expr, Sizes, Stripes, frozenset[str]]] = [
        (eq.value, zeros.extents.letters(eq), inside, frozenset())
    ]
    seen: set[tuple[Any, ...]] = set()
    while stack:
        e, sizes, there, summed = stack.pop()
        there = _both(there, zeros.of(e, sizes))
        key = (e, frozenset(there.values()), summed)
        if key in seen:
            continue
        seen.add(key)
        below = there
        if isinstance(e, Tensor):
            yield e, {p: s for p, s in there.items() if inside or not p.isdisjoint(summed)}
        if isinstance(e, (Sum, Reduce)):
            sizes = {**sizes, **zeros.extents.bound(e, sizes)}
            below = {p: s for p, s in there.items() if p.isdisjoint(e.indices)}
            summed = summed.union(e.indices) if isinstance(e, Sum) else summed
            if isinstance(e, Reduce) and e.op == "softmax" and len(e.indices) == 1:
                below = _both(below, zeros.masked(e, sizes))
        masked = isinstance(e, Call) and e.function == "where"
        for k, c in enumerate(e.children):
            more = zeros.of(e.children[0], sizes) if masked and k == 1 else {}
            scope = {i: n for i, n in sizes.items() if i in c.free}
            stack.append((c, scope, _both(below, more), summed))


# --------------------------------------------------------------------------- products and softmaxes, in blocks
def _cut(f: Factor, p: Contraction) -> Factor:
    """A factor where letters of the product have parts of their ranges."""
    e, names, sizes = f
    return e, names, {i: p.sizes[p.called(i, names)] if i in e.free else n for i, n in sizes.items()}


def _stripes(zeros: Zeros, p: Contraction) -> Stripes:
    """Outside of which stripes a product is zero, by its own letters."""
    made: Stripes = {}
    for e, names, sizes in (*p.masks, *p.factors):
        found = zeros.of(e, sizes)
        if found:
            made = _both(made, _renamed(found.values(), {i: p.called(i, names) for i in e.free}))
    return made


def trimmed(zeros: Zeros, p: Contraction) -> None:
    """Let summed letters run only as far as the parts of others leave them entries."""
    for s in _stripes(zeros, p).values():
        for s_ in (s, s.turned()):
            if s_.col in p.bound and isinstance(p.sizes[s_.row], Part):
                _narrow(p.sizes, s_)
    for kind in ("factors", "divisors", "masks"):
        setattr(p, kind, [_cut(f, p) for f in getattr(p, kind)])


def _narrow(sizes: dict[str, int], s: Stripe) -> None:
    """The columns that the rows leave."""
    first = begin(sizes[s.row])
    low, end = s.columns(first, first + sizes[s.row])
    here = begin(sizes[s.col])
    stop = here + sizes[s.col]
    low = min(max(low, here), stop)
    end = stop if end is None else max(low, min(end, stop))
    if (low, end) != (here, stop):
        sizes[s.col] = Part(end - low, low)


def narrowed(zeros: Zeros, e: Reduce, inner: Mapping[str, int]) -> dict[str, int]:
    """The sizes within a softmax, its letter as far as the mask leaves it entries."""
    sizes = dict(inner)
    if e.op == "softmax" and len(e.indices) == 1:
        for s in zeros.masked(e, inner).values():
            if isinstance(sizes[s.row], Part):
                _narrow(sizes, s)
    return sizes


def blocks(zeros: Zeros, p: Contraction) -> Callable[[Any], Rule] | None:
    """The rule for a sum of a product that is zero outside of a stripe; None where there are no two letters to it."""
    if p.picks or not p.bound or any(isinstance(n, Part) or not isinstance(n, int) for n in p.sizes.values()):
        return None
    for pair, s in _stripes(zeros, p).items():
        if pair.isdisjoint(p.bound) or min(p.sizes[i] for i in pair) < LEAST:
            continue
        if not all(_steady(zeros, f[0]) for f in (*p.factors, *p.divisors, *p.masks)):
            return None
        return lambda on, s=s: _in_blocks(on, zeros, p, s)
    return None


def _in_blocks(on: Any, zeros: Zeros, p: Contraction, s: Stripe) -> Rule:
    rows = p.sizes[s.row]
    count = min(_MOST, rows // _ROWS)
    edges = [rows * k // count for k in range(count + 1)]
    parts: list[Value] = []
    total: Value | None = None
    for first, end in pairwise(edges):
        q = p.within(p.free, ())
        q.sizes[s.row] = Part(end - first, first)
        _narrow(q.sizes, s)
        here = q.sizes[s.col]
        q.result = q.size(q.free)
        trimmed(zeros, q)
        v = (yield from on.contract(q)) if here else Value(Fraction(0), ())
        if s.row in p.free:
            parts.append(v)
            continue
        if s.col in p.free and here:
            axes = v.axes if s.col in v.axes else (*v.axes, s.col)
            array = on.spread(Value(on.plain(v), v.axes), axes, q.sizes)
            array = on.ops.spaced(array, axes.index(s.col), begin(here), p.sizes[s.col], 1)
            v = Value(on.ops.named(array, axes), axes)
        total = v if total is None else on.joined(total, v, False)
    if total is not None:
        return total
    axes = parts[0].axes if s.row in parts[0].axes else (s.row, *parts[0].axes)
    arrays: list[Any] = []
    for v, (first, end) in zip(parts, pairwise(edges), strict=True):
        arrays.append(on.spread(Value(on.plain(v), v.axes), axes, {**p.sizes, s.row: end - first}))
    array = on.ops.concatenate(arrays, axes.index(s.row))
    return Value(on.ops.named(array, axes), axes)


def read(on: Any, e: Tensor, sizes: Sizes) -> Rule | None:
    """The part of a waiting tensor that is read here, from its equation; None where the whole is asked for."""
    letters = [i.name for i in e.subscripts if isinstance(i, Index)]
    if len(set(letters)) < len(e.subscripts) or not any(isinstance(sizes[i], Part) for i in letters):
        return None
    return _part(on, on.system[e.name], letters, sizes)


def _part(on: Any, eq: Equation, letters: list[str], sizes: Sizes) -> Rule:
    place, kind = on.place, on.kind
    on.place = {i: k for k, i in enumerate(eq.letters)}
    on.turn(on.precision and on.precision.of(eq.name))
    v = yield Wish(eq.value, {i: sizes[there] for i, there in zip(eq.letters, letters, strict=True)})
    array = on.plain(v) if on.kind is None else on.ops.cast(on.plain(v), on.kind)
    on.place = place
    on.turn(kind)
    names = dict(zip(eq.letters, letters, strict=True))
    return Value(on.cast(eq.name, array), tuple(names[i] for i in v.axes))
