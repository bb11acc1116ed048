"""Smart constructors: the only way in which nodes are put together.

They keep the invariants that every pass relies on: an Add has no Add right below it, a Mul no Mul (but for very long
ones); a Mul has at most one Number, in front, and it is neither 0 nor 1; a Sum is not directly inside a Sum, and no
letter is bound twice on a path. Nothing else is simplified, and what people wrote stays in the order in which they
wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import overload

from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix, is_square, orders, runs, turns
from tensorprop.errors import NumberTooLarge

__all__ = [
    "COLUMN",
    "MAX_EXPONENT",
    "MINUS_ONE",
    "ONE",
    "ROW",
    "ZERO",
    "add",
    "bracket",
    "call",
    "delta",
    "divide",
    "fresh",
    "mul",
    "negate",
    "number",
    "power",
    "reduce",
    "remake",
    "rename",
    "substitute",
    "subtract",
    "sum_over",
    "tensor",
]

FLAT = 64  # a nested sum or product is made one with the outer one up to this many operands, so that x x, squared
# again and again, stays a shared chain and does not become 2^n factors
MAX_EXPONENT = 1024  # |exponent| of a number that is multiplied out, or written at all

ZERO, ONE, MINUS_ONE = Number(Fraction(0)), Number(Fraction(1)), Number(Fraction(-1))
ROW, COLUMN = "⟨row⟩", "⟨column⟩"  # what runs along a matrix that has a name; no text has them
_PREFERRED = "ijklmnpqrstuvwxyzabcdefgh"


def number(value: int | Fraction | str) -> Number:
    """An exact number. ``number("0.1")`` is 1/10, not the nearest double."""
    return Number(Fraction(value))


def tensor(name: str, *subscripts: str | int | Expr) -> Tensor:
    """``tensor("W", "i", "j")`` is ``W_ij``."""
    return Tensor(
        name, tuple(Index(s) if isinstance(s, str) else number(s) if isinstance(s, int) else s for s in subscripts)
    )


def add(*terms: Expr) -> Expr:
    """The sum of the terms, flat, in order; numbers are put together where the first one stands."""
    flat: list[Expr] = []
    place, total = -1, Fraction(0)
    room = sum(len(t.terms) if isinstance(t, Add) else 1 for t in terms) <= FLAT
    for t in terms:
        for u in t.terms if isinstance(t, Add) and room else (t,):
            if isinstance(u, Number):
                if place < 0:
                    place = len(flat)
                    flat.append(u)
                total += u.value
            else:
                flat.append(u)
    if place >= 0:
        if total:
            flat[place] = Number(total)
        else:
            del flat[place]
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Add(tuple(flat))


def mul(*factors: Expr) -> Expr:
    """The product of the factors, flat, in order; numbers are multiplied into one in front."""
    flat: list[Expr] = []
    total: Fraction | None = None
    room = sum(len(f.factors) if isinstance(f, Mul) else 1 for f in factors) <= FLAT
    for f in factors:
        for u in f.factors if isinstance(f, Mul) and room else (f,):
            if isinstance(u, Number):
                total = u.value if total is None else total * u.value
            else:
                flat.append(u)
    if total is not None and total != 1:
        if total == 0:
            return ZERO
        flat.insert(0, Number(total))
    if not flat:
        return ONE
    return flat[0] if len(flat) == 1 else Mul(tuple(flat))


def negate(e: Expr) -> Expr:
    """``-e``."""
    return mul(MINUS_ONE, e)


def subtract(a: Expr, b: Expr) -> Expr:
    """``a - b``."""
    return add(a, negate(b))


def power(base: Expr, exponent: Expr) -> Expr:
    """``base^exponent``; whole powers of numbers are worked out, whole powers of whole powers multiplied."""
    if isinstance(exponent, Number):
        n = exponent.value
        if abs(n) > MAX_EXPONENT or n.denominator > 10**18:
            raise NumberTooLarge(
                f"an exponent of {_short(n)} would be expanded",
                fix=f"keep exponents below {MAX_EXPONENT}",
                about=exponent,
            )
        if n == 1:
            return base
        if n == 0:
            return ONE
        if isinstance(base, Number):
            if n.denominator == 1 and (base.value != 0 or n > 0):
                if max(base.value.numerator.bit_length(), base.value.denominator.bit_length()) * abs(n) > 16_384:
                    raise NumberTooLarge("a power of a number would have thousands of digits", about=base)
                return Number(base.value ** int(n))
            if base.value == 1:
                return ONE
        if n.denominator == 1 and isinstance(base, Call) and base.function == "power":
            inner = base.args[1]
            if isinstance(inner, Number) and inner.value.denominator == 1:
                return power(base.args[0], Number(inner.value * n))
    return Call("power", (base, exponent))


def _short(n: Fraction) -> str:
    text = str(n)
    return text if len(text) < 24 else f"{text[:6]}… ({len(text)} digits)"


def divide(a: Expr, b: Expr) -> Expr:
    """``a / b``."""
    return mul(a, power(b, MINUS_ONE))


def call(function: str, *args: Expr) -> Expr:
    """``function(args)``; powers keep their invariants."""
    if function == "power" and len(args) == 2:
        return power(*args)
    return Call(function, args)


_MIRROR = {"=": "=", "≠": "≠", "<": ">", "≤": "≥", ">": "<", "≥": "≤"}


def bracket(relation: str, left: Expr, right: Expr) -> Expr:
    """``[left relation right]``; 0 or 1 at once where both sides are numbers or the same index."""
    if isinstance(left, Number) and isinstance(right, Number):
        a, b = left.value, right.value
        holds = {"=": a == b, "≠": a != b, "<": a < b, "≤": a <= b, ">": a > b, "≥": a >= b}[relation]
        return ONE if holds else ZERO
    if left is right and isinstance(left, Index):
        return ONE if relation in "=≤≥" else ZERO
    return Bracket(relation, left, right)


def delta(i: str | Expr, j: str | Expr) -> Expr:
    """Kronecker's ``δ_ij``, which is ``[i = j]``."""
    return bracket("=", Index(i) if isinstance(i, str) else i, Index(j) if isinstance(j, str) else j)


def sum_over(indices: Iterable[str], body: Expr) -> Expr:
    """``Σ_indices body``, directly nested sums made one, its letters in the order in which the body has them."""
    bound = list(indices)
    if body is ZERO:
        return ZERO
    if isinstance(body, Sum):
        clash = frozenset(bound) & frozenset(body.indices)
        if clash:
            body = _rebind(body, clash, avoid=frozenset(bound))
        assert isinstance(body, Sum)
        bound += body.indices
        body = body.body
    if not bound:
        return body
    clash = frozenset(bound) & body.binds
    if clash:
        new = _fresh_map(sorted(clash), body.free | body.binds | frozenset(bound))
        body = substitute(body, {old: Index(letter) for old, letter in new.items()})
        bound = [new.get(i, i) for i in bound]
    if len(bound) > 1:
        order = reading_order(body)
        bound.sort(key=lambda i: (order.get(i, len(order)), i))
    return Sum(tuple(bound), body)


def reduce(op: str, indices: Iterable[str], body: Expr, at: Iterable[Expr] = ()) -> Expr:
    """``op_indices(body)``; where ``at`` is plain fresh letters, the bound ones take their names.

    Not in an order, ``top_u(x_u)[k]``, of which fewer entries may be read than there are: k has a range of its own.
    Else the rows and columns of a named matrix are called `ROW` and `COLUMN`, so that ``inv(X)_ii`` is one object; an
    entry of f(Xᵀ) is one of f(X) where that is the same.
    """
    bound, entry, names = tuple(indices), tuple(at), ()
    if turns(op) and isinstance(body, Tensor) and body.subscripts[-2:] == tuple(map(Index, bound[::-1])):
        body, entry = Tensor(body.name, (*body.subscripts[:-2], *map(Index, bound))), entry[::-1]
    over = bound if is_square(op) else runs(op, bound)
    if sorted(over) == sorted(bound) and len(entry) == len(bound) and not orders(op):
        letters = {i: a.name for i, a in zip(over, entry, strict=True) if isinstance(a, Index)}
        names = tuple(letters[i] for i in bound if i in letters)
        if names != bound and len(set(names)) == len(bound):
            others = body.free - frozenset(bound)
            if others.isdisjoint(names):
                body = substitute(body, {old: Index(new) for old, new in zip(bound, names, strict=True)})
                bound = names
    if is_matrix(op) and (ROW in bound or not entry or names != bound):
        body, bound = _along_matrix(bound, body)
    clash = frozenset(bound) & body.binds
    if clash and not entry:
        new = _fresh_map(sorted(clash), body.free | body.binds | frozenset(bound))
        body = substitute(body, {old: Index(letter) for old, letter in new.items()})
        bound = tuple(new.get(i, i) for i in bound)
    return Reduce(op, bound, body, entry)


def _along_matrix(bound: tuple[str, ...], body: Expr) -> tuple[Expr, tuple[str, ...]]:
    """A matrix with its rows and columns called `ROW` and `COLUMN` where it has a name, and otherwise letters."""
    own = (Index(ROW), Index(COLUMN))
    plain = isinstance(body, Tensor) and body.subscripts[-2:] == tuple(map(Index, bound))
    if plain and isinstance(body, Tensor) and not any(s.free & {*bound, ROW, COLUMN} for s in body.subscripts[:-2]):
        return Tensor(body.name, (*body.subscripts[:-2], *own)), (ROW, COLUMN)
    new = _fresh_map([i for i in bound if i in (ROW, COLUMN)], body.free | body.binds)
    return substitute(body, {i: Index(letter) for i, letter in new.items()}), tuple(new.get(i, i) for i in bound)


def remake(e: Expr, children: tuple[Expr, ...]) -> Expr:
    """The same kind of node over other children, with the invariants kept."""
    if children == e.children:
        return e
    match e:
        case Add():
            return add(*children)
        case Mul():
            return mul(*children)
        case Sum():
            return sum_over(e.indices, children[0])
        case Reduce():
            return reduce(e.op, e.indices, children[0], children[1:])
        case Call():
            return call(e.function, *children)
        case Bracket():
            return bracket(e.relation, *children)
        case _:
            return e.rebuild(children)


# --------------------------------------------------------------------------- letters
def fresh(like: str, avoid: frozenset[str] | set[str]) -> str:
    """A letter near ``like`` that is not in ``avoid``.

    >>> fresh("i", {"i", "j"})
    'k'
    """
    start = _PREFERRED.find(like) + 1
    for letter in _PREFERRED[start:] + _PREFERRED[:start]:
        if letter not in avoid:
            return letter
    stem, n = like.rstrip("0123456789"), 1
    while f"{stem}{n}" in avoid:
        n += 1
    return f"{stem}{n}"


def _fresh_map(old: Iterable[str], avoid: frozenset[str]) -> dict[str, str]:
    taken, new = set(avoid), dict[str, str]()
    for i in old:
        new[i] = fresh(i, taken)
        taken.add(new[i])
    return new


def reading_order(e: Expr) -> dict[str, int]:
    """The free letters of an expression, numbered as they are met from left to right."""
    order: dict[str, int] = {}
    stack, seen = [e], set[Expr]()
    while stack:
        n = stack.pop()
        if n in seen or len(order) == len(e.free):
            continue
        seen.add(n)
        if isinstance(n, Index):
            if n.name in e.free:
                order.setdefault(n.name, len(order))
        else:
            stack.extend(c for c in reversed(n.children) if c.free)
    return order


def _rebind(e: Sum | Reduce, clash: frozenset[str], avoid: frozenset[str]) -> Expr:
    """The binder ``e`` with the letters of ``clash`` that it binds called otherwise."""
    old = [i for i in e.indices if i in clash]
    new = _fresh_map(old, e.body.free | e.body.binds | e.free | avoid | frozenset(e.indices))
    body = substitute(e.body, {i: Index(letter) for i, letter in new.items()})
    indices = tuple(new.get(i, i) for i in e.indices)
    return Sum(indices, body) if isinstance(e, Sum) else Reduce(e.op, indices, body, e.at)


def substitute(e: Expr, values: Mapping[str, Expr]) -> Expr:
    """``e`` with subscripts put for its free indices; bound letters step aside (no capture).

    >>> from tensorprop.core.expr import Index
    >>> substitute(sum_over("j", mul(tensor("A", "i", "j"), tensor("x", "j"))), {"i": Index("j")})  # doctest: +ELLIPSIS
    Sum(('k',), ...
    """
    keys = frozenset(k for k, v in values.items() if not (isinstance(v, Index) and v.name == k))
    if not (e.free & keys):
        return e
    incoming: frozenset[str] = frozenset[str]().union(*(values[k].free for k in e.free & keys))
    done: dict[Expr, Expr] = {}
    stack: list[tuple[Expr, bool]] = [(e, False)]
    while stack:
        n, ready = stack.pop()
        if n in done:
            continue
        if not (n.free & keys):
            done[n] = n
        elif isinstance(n, Index):
            done[n] = values[n.name]
        elif isinstance(n, (Sum, Reduce)):
            bound = frozenset(n.indices)
            if isinstance(n, Reduce) or bound & incoming or bound & keys:
                done[n] = _substitute_binder(n, values, incoming)
            elif ready:
                done[n] = sum_over(n.indices, done[n.body])
            else:
                stack += [(n, True), (n.body, False)]
        elif ready:
            done[n] = remake(n, tuple(done[c] for c in n.children))
        else:
            stack.append((n, True))
            stack.extend((c, False) for c in n.children if c not in done)
    return done[e]


def _substitute_binder(n: Sum | Reduce, values: Mapping[str, Expr], incoming: frozenset[str]) -> Expr:
    """Substitution into a binder whose own letters may be in the way."""
    at = tuple(substitute(a, values) for a in n.at) if isinstance(n, Reduce) else ()
    inner = {k: v for k, v in values.items() if k not in n.indices}
    indices, body = n.indices, n.body
    if body.free & frozenset(inner):
        clash = frozenset(indices) & incoming
        if clash:
            renamed = _rebind(n, clash, avoid=incoming | frozenset(values))
            assert isinstance(renamed, (Sum, Reduce))
            indices, body = renamed.indices, renamed.body
        body = substitute(body, inner)
    return sum_over(indices, body) if isinstance(n, Sum) else reduce(n.op, indices, body, at)


@overload
def rename(e: Tensor, letters: Mapping[str, str]) -> Tensor: ...
@overload
def rename(e: Expr, letters: Mapping[str, str]) -> Expr: ...
def rename(e: Expr, letters: Mapping[str, str]) -> Expr:
    """``e`` with its free indices called otherwise, at once: ``{"i": "j", "j": "i"}`` swaps them."""
    return substitute(e, {old: Index(new) for old, new in letters.items() if old != new})
