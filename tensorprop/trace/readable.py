"""From one definition for every operation to equations as a person would write them.

In: definitions in the order in which they were met, with anonymous names and letters. Out: lines: what is used once
and is simple stands where it is used. Names and letters for them are chosen in ``trace.naming``. This file knows
expressions; it does not know where the definitions come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from tensorprop.core.build import ZERO, add, bracket, call, mul, negate, number, reduce, substitute, sum_over
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_known, is_matrix
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import TensorpropError, UnknownRange, UnreadableFunction
from tensorprop.text import parse

__all__ = [
    "FACTORS",
    "FINITE",
    "INFINITY",
    "IS_NAN",
    "NOT_A_NUMBER",
    "STOP",
    "Definition",
    "Draft",
    "Output",
    "Start",
    "Transcript",
    "arithmetic",
    "bare",
    "clipped",
    "contracts",
    "distance",
    "folded",
    "merged",
    "scale",
    "shorter",
    "size_of",
    "valid_name",
]

# Functions that only a reader of programs has: they are gone in the System.
STOP, FINITE, INFINITY, NOT_A_NUMBER = "·stop", "·finite", "·infinity", "·nan"
FACTORS, IS_NAN = "·factors", "·isnan"


class Start(NamedTuple):
    """Where a recurrence starts, and with what: ``h[s, -1, j] = value``.

    ``around``: letters in front of the time, which stands on axis ``axis``; ``place``: what stands there.
    """

    around: tuple[str, ...]
    axis: int
    place: Expr
    letters: tuple[str, ...]
    value: Expr


class Definition(NamedTuple):
    """``name[letters] = value``, and where it was written; ``start``: of one that speaks of itself one step before."""

    letters: tuple[str, ...]
    value: Expr
    where: str
    start: Start | None = None


class Output(NamedTuple):
    """What is to be called ``name``, with a letter for each of its axes."""

    name: str
    letters: tuple[str, ...]
    value: Expr


class Transcript(NamedTuple):
    """A program read: definitions by anonymous name, inputs with the letters of their axes, outputs.

    ``find`` gives one letter for all those that run over the same range; ``trees``: inputs that come out of a dict or
    the like, which are parameters rather than data. ``sizes``: the size of every letter, at each of the sizes at which
    the program was read; ``dims``: sizes that change, as the axis of an input tells them; ``stated``: letters of parts
    of axes, whose size is to be stated; ``tables``: inputs that depend on no argument; ``outside``: tensors that are
    read outside their axes, where they are 0; ``complex``: inputs of complex numbers.
    """

    definitions: Mapping[str, Definition]
    inputs: Mapping[str, tuple[str, ...]]
    trees: frozenset[str]
    outputs: Sequence[Output]
    sizes: Mapping[str, tuple[int, ...]]
    find: Callable[[str], str]
    dims: Mapping[tuple[int, ...], Expr]
    stated: frozenset[str]
    tables: Mapping[str, tuple[tuple[Any, ...], str]]
    outside: frozenset[str]
    complex: frozenset[str]


def shorter(sizes: Mapping[str, tuple[int, ...]], letters: Sequence[str], places: Sequence[Expr]) -> bool:
    """Whether a letter that is put for another has another range: ``softmax_u(s_u)`` at i, a part of u."""
    pairs = zip(letters, places, strict=True)
    return any(isinstance(p, Index) and sizes[p.name] != sizes[i] for i, p in pairs)


def folded(trace: Transcript) -> tuple[list[Draft], list[str]]:
    """The equations to be, and what is to be said about them."""
    lines = _Folding(trace).lines()
    notes: list[str] = []
    words = {marker: name for marker, name in ((STOP, "stop"), (FINITE, "finite"), (IS_NAN, "isnan")) if is_known(name)}
    if words:
        lines = [line._replace(value=_worded(line.value, words)) for line in lines]
    if any(isinstance(n, Call) and n.function == STOP for line in lines for n in postorder(line.value)):
        notes.append("stop_gradient is read as its argument: derivatives go through it")
        lines = [line._replace(value=without_stop(line.value)) for line in lines]
    for line in lines:
        _check(line, trace)
    return lines, notes


def _worded(e: Expr, words: Mapping[str, str]) -> Expr:
    """Markers of the reader as the words that the notation has for them."""

    def rule(n: Expr) -> Expr:
        if isinstance(n, Call) and n.function in (INFINITY, NOT_A_NUMBER):  # -log(0), and what no number is
            return negate(call("log", ZERO)) if n.function == INFINITY else call("log", number(-1))
        return call(words[n.function], *n.args) if isinstance(n, Call) and n.function in words else n

    return transform(e, rule)


def size_of(letter: str) -> Expr:
    """The size of what a letter runs over, until it is known which tensor tells it."""
    return Dim(letter, 0)


def without_stop(e: Expr) -> Expr:
    return transform(e, lambda n: n.args[0] if isinstance(n, Call) and n.function == STOP else n)


def bare(e: Expr) -> bool:
    """Whether the value of an index itself stands in an expression, outside subscripts and brackets.

    >>> from tensorprop.core.build import tensor
    >>> bare(Index("t")), bare(tensor("x", "t")), bare(add(Index("t"), number(1)))
    (True, False, True)
    """
    stack = [e]
    while stack:
        n = stack.pop()
        if isinstance(n, Index):
            return True
        if not isinstance(n, (Tensor, Bracket)):
            stack.extend(n.children[:1] if isinstance(n, Reduce) else n.children)
    return False


def distance(e: Expr) -> Expr | None:
    """What stands between the bars of ``abs(t - u)``, how far two places are from one another; None of others."""
    return e.args[0] if isinstance(e, Call) and e.function == "abs" and bare(e.args[0]) else None


def clipped(e: Expr) -> Call | None:
    """The first ``max(t - 1, 0)`` or ``min(t + 1, n)`` of positions in an expression of them."""
    for n in postorder(e):
        if isinstance(n, Call) and n.function in ("max", "min") and bare(n):
            return n
    return None


@cache
def valid_name(name: str) -> bool:
    """Whether the notation takes a word for the name of a tensor."""
    other = "q" if name != "q" else "p"
    try:
        read, defined = parse(f"{other}_i = 2 {name}_i"), parse(f"{name}_i = 2 {other}_i")
        return (read.inputs, defined.outputs) == ((name,), (name,))
    except TensorpropError:
        return False


# --------------------------------------------------------------------------- what stands where
class Draft(NamedTuple):
    """An equation to be; ``output``: under the name that was asked for.

    ``axis`` and ``place``: of a start of a recurrence, where the time is and what stands there.
    """

    name: str
    letters: tuple[str, ...]
    value: Expr
    where: str
    output: bool
    axis: int = 0
    place: Expr | None = None

    def entry(self, letters: Mapping[str, Expr]) -> tuple[Expr, ...]:
        """The subscripts of the left side."""
        found = [letters[i] for i in self.letters]
        return tuple(found) if self.place is None else (*found[: self.axis], self.place, *found[self.axis :])


_LIGHT, _MEDIUM = 8, 14  # nodes that count, inside a function and in all


class _Folding:
    """Definitions that are used once and are simple are put where they are used."""

    def __init__(self, trace: Transcript) -> None:
        self.trace = trace
        self.kept: dict[str, Definition] = {}
        self.done: dict[str, Definition] = {}
        self.uses: Counter[str] = Counter()

    def lines(self) -> list[Draft]:
        defs, live = self.trace.definitions, list[str]()
        stack = [name for o in self.trace.outputs for name in _used(o.value)]
        seen: set[str] = set()
        while stack:
            name = stack.pop()
            if name in defs and name not in seen:
                seen.add(name)
                stack.extend(_reads(defs[name]))
        live = [name for name in defs if name in seen]
        for used in (*(_reads(defs[n]) for n in live), *(_used(o.value) for o in self.trace.outputs)):
            self.uses.update(used)
        for name in live:
            letters, value, where, start = defs[name]
            start = start._replace(value=self.fold(start.value, "top")) if start is not None else None
            self.done[name] = Definition(letters, self.fold(value, "top"), where, start)
        out = [Draft(o.name, o.letters, self.fold(o.value, "top"), "", True) for o in self.trace.outputs]
        need = set[str]()
        stack = [name for line in out for name in _used(line.value)]
        while stack:
            name = stack.pop()
            if name in defs and name not in need:
                need.add(name)
                stack.extend(_reads(self.done[name]))
        lines: list[Draft] = []
        for n in live:
            if n in need:
                letters, value, where, start = self.done[n]
                lines.append(Draft(n, letters, value, where, False))
                if start is not None:
                    lines.append(
                        Draft(n, (*start.around, *start.letters), start.value, where, False, start.axis, start.place)
                    )
        return [*lines, *out]

    def fold(self, e: Expr, place: str) -> Expr:
        """``e`` with definitions put in; ``place`` says what is around it."""
        match e:
            case Tensor():
                return self.entry(e, place)
            case Add():
                inner = place if place in ("call", "dot", "made", "reduce", "factor") else "term"
                return add(*(self.fold(t, inner) for t in e.terms))
            case Mul():
                others = [f for f in e.factors if not isinstance(f, Number)]
                alone = len(others) == 1 and place != "top"
                inner = place if alone or place in ("dot", "made") else "factor"
                if place in ("top", "term") and all(scale(f) for f in others[1:]):
                    inner = "scaled"
                twice = [
                    f for f, n in Counter(others).items() if n > 1 and isinstance(f, Tensor) and f.name in self.done
                ]
                if twice:  # (x_i - y_i) (x_i - y_i)
                    powers: dict[Expr, Expr] = {f: call("power", f, number(others.count(f))) for f in twice}
                    return self.fold(mul(*dict.fromkeys(powers.get(f, f) for f in e.factors)), place)
                return product([self.fold(f, inner if not scale(f) else "divisor") for f in e.factors])
            case Sum():
                factors = [f for f in e.body.factors if isinstance(f, Tensor)] if isinstance(e.body, Mul) else []
                dot = len(factors) > 1
                made = dot and all(f.name in self.done for f in factors)
                body = self.fold(e.body, "made" if made else "dot" if dot else "sum")
                return merged(e.indices, body)
            case Call():
                inner = "divisor" if e.function == "power" and e.args[1] is _MINUS else "call"
                args = [self.fold(a, inner) for a in e.args]
                if e.function == "power" and isinstance(args[0], Call) and args[0].function == "power":
                    args = list(e.args)  # powers of powers stay apart, whatever their exponents come to
                return call(e.function, *args)
            case Reduce() if is_matrix(e.op):  # a matrix as a whole has a name
                return e
            case Reduce():
                return reduce(e.op, e.indices, self.fold(e.body, "reduce"), e.at)
            case Bracket():
                return bracket(e.relation, self.fold(e.left, "call"), self.fold(e.right, "call"))
            case _:
                return e

    def entry(self, e: Tensor, place: str) -> Expr:
        found = self.done.get(e.name)
        if found is None or found.start is not None:
            return e
        letters, value, _, _ = found
        plain = all(isinstance(s, Index) for s in e.subscripts)
        inside = substitute(value, dict(zip(letters, e.subscripts, strict=True)))
        if isinstance(value, Tensor) and (value.letters is not None or value.name not in self.trace.definitions):
            return inside
        if e.name in self.trace.outside or (self.uses[e.name] > 1 and not _trivial(value)):
            return e
        kept = any(isinstance(n, Reduce) and n.at for n in postorder(value))
        if kept and shorter(self.trace.sizes, letters, e.subscripts):
            return e
        if not plain and (place != "top" or kept):
            return e if self.weight(value) > 2 else inside
        return inside if self.fits(value, place) else e

    def fits(self, e: Expr, place: str) -> bool:
        weight, product = self.weight(e), contracts(e)
        called = any(isinstance(n, (Call, Reduce)) and not arithmetic(n) and not _fixed(n) for n in postorder(e))
        match place:
            case "top":
                return True
            case "term":
                return weight <= _MEDIUM and not (product and called)
            case "scaled":
                return weight <= _MEDIUM and not (product and called)
            case "factor":
                return weight <= _LIGHT and not product
            case "divisor":
                return weight <= _LIGHT and not product
            case "dot" | "made":
                return not called and weight <= 5 and not (product and place == "made")
            case "sum":
                return weight <= _MEDIUM and (not product or isinstance(e, Sum))
            case _:  # inside a function or a reduction
                return weight <= _LIGHT and not product

    def weight(self, e: Expr) -> int:
        """How much there is to read."""
        total, stack = 0, [e]
        while stack and total < 100:
            n = stack.pop()
            total += isinstance(n, (Tensor, Call, Reduce, Bracket)) and not arithmetic(n)
            if not isinstance(n, Tensor):
                stack.extend(n.children)
        return total


_MINUS = number(-1)


def product(factors: Sequence[Expr]) -> Expr:
    """``2 (Σ_i a_i b_i)`` is ``Σ_i 2 a_i b_i``: the sums of plain products stand around the whole term."""
    if not any(isinstance(f, Sum) for f in factors):
        return mul(*factors)
    others = [f for f in factors if not isinstance(f, Sum)]
    sums = [f for f in factors if isinstance(f, Sum)]
    body = sums[0].body
    inside = [f for f in body.factors if not isinstance(f, Number)] if isinstance(body, Mul) else []
    plain = all(isinstance(f, (Number, Tensor, Bracket, Call)) for f in others) and all(
        isinstance(f, (Tensor, Bracket)) or scale(f) or (isinstance(f, (Call, Reduce)) and len(others) < 2)
        for f in inside
    )
    if len(sums) > 1 or len(inside) < 2 or not plain:
        return mul(*factors)
    return sum_over(sums[0].indices, mul(*(body if f is sums[0] else f for f in factors)))


def merged(indices: Sequence[str], body: Expr) -> Expr:
    """``Σ body``; a bracket that says that two letters are the same is used."""
    total = sum_over(indices, body)
    if isinstance(total, Sum) and isinstance(total.body, Mul):
        for f in total.body.factors:
            if not isinstance(f, Bracket) or f.relation != "=":
                continue
            if isinstance(f.left, Index) and isinstance(f.right, Index):
                gone, kept = f.left.name, f.right.name
                if gone not in total.indices:
                    gone, kept = kept, gone
                if gone in total.indices:
                    rest = substitute(mul(*(g for g in total.body.factors if g is not f)), {gone: Index(kept)})
                    left = [i for i in total.indices if i != gone]
                    if all(i in rest.free for i in (*left, kept)):
                        return merged(left, rest)
    return total


def scale(f: Expr) -> bool:
    """A factor that is a number in all but form: ``1/sqrt(dim(d))``."""
    return isinstance(f, Number) or (not f.free and not isinstance(f, (Sum, Reduce)))


def arithmetic(n: Expr) -> bool:
    """Calls that are read as arithmetic: powers by numbers, and what is no function at all."""
    if not isinstance(n, Call):
        return False
    return n.function == STOP or (n.function == "power" and isinstance(n.args[1], Number))


def _fixed(e: Expr) -> bool:
    """Whether there are only numbers and sizes in it: ``sqrt(dim(d))``."""
    return not e.free and not any(isinstance(n, (Tensor, Sum, Reduce, Bracket)) for n in postorder(e))


def contracts(e: Expr) -> bool:
    """Whether there is a matrix product in it: a sum over factors that have different letters left."""
    for n in postorder(e):
        if isinstance(n, Sum) and isinstance(n.body, Mul):
            factors = [f for f in n.body.factors if f.free and not scale(f) and not isinstance(f, Bracket)]
            left = {f.free - frozenset(n.indices) for f in factors}
            if len(left) > 1:
                return True
    return False


def _trivial(e: Expr) -> bool:
    """So short that a name would be longer: ``2 x_i``, ``-x_i``."""
    match e:
        case Mul(factors):
            return len(factors) == 2 and isinstance(factors[0], Number) and isinstance(factors[1], Tensor)
        case _:
            return isinstance(e, (Number, Tensor, Bracket))


def _reads(d: Definition) -> Iterator[str]:
    """The names in a definition."""
    yield from _used(d.value)
    if d.start is not None:
        yield from _used(d.start.value)


def _used(e: Expr) -> Iterator[str]:
    """The names in an expression, once for each place."""
    seen: set[Expr] = set()
    stack = [e]
    if isinstance(e, Tensor):
        yield e.name
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        for c in dict.fromkeys(n.children):
            if isinstance(c, Tensor):
                yield c.name
            stack.append(c)


def _check(line: Draft, trace: Transcript) -> None:
    """What no equation can say is refused, with its place."""
    known = f"at {line.where}" if line.where else None
    for n in postorder(line.value):
        if isinstance(n, Call) and n.function == FINITE:
            raise UnreadableFunction("is_finite has no counterpart in index notation", known=known)
        if isinstance(n, Call) and n.function == IS_NAN:
            problem = "an array is compared with itself, which asks where it is nan"
            raise UnreadableFunction(problem, known=known, fix="use jnp.isfinite")
        if isinstance(n, Call) and n.function == FACTORS:
            fix = "solve with jnp.linalg.solve, and take log|A| with jnp.linalg.slogdet: they are read as such"
            raise UnreadableFunction("lu has no counterpart in index notation", known=known, fix=fix)
        if isinstance(n, (Sum, Reduce)):
            for i in n.indices:
                if i not in n.body.free:
                    raise UnknownRange(
                        f"an axis of size {trace.sizes[i][0]} is summed or reduced that no tensor has",
                        known=known,
                        fix="multiply by an array that has this axis, or write the number",
                    )
    if bare(line.value):
        raise UnreadableFunction("the value of an index is used as a number", known=known)
