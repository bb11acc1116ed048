"""From one definition for every operation to equations as a person would write them.

In: definitions in the order in which they were met, with anonymous names and letters. Out: a System: what is used once
and is simple stands where it is used, every dimension keeps its letter, intermediates have names that say what they
are. This file knows expressions and the sizes of letters; it does not know where the definitions come from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

from tensorprop.core.build import add, bracket, call, mul, number, reduce, remake, substitute, sum_over
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import keeps
from tensorprop.core.walk import postorder, tells, transform
from tensorprop.errors import TensorpropError, UnknownRange, Unsupported
from tensorprop.text import parse

__all__ = [
    "FINITE",
    "INFINITY",
    "NOT_A_NUMBER",
    "STOP",
    "Definition",
    "Output",
    "Trace",
    "bare",
    "readable",
    "size_of",
    "valid_name",
]

# Functions that only a reader of programs has: they are gone in the System.
STOP, FINITE, INFINITY, NOT_A_NUMBER = "·stop", "·finite", "·infinity", "·nan"
_SIZE = "·size"

T = TypeVar("T")


class Definition(NamedTuple):
    """``name[letters] = value``, and where it was written."""

    letters: tuple[str, ...]
    value: Expr
    where: str


class Output(NamedTuple):
    """What is to be called ``name``, with a letter for each of its axes."""

    name: str
    letters: tuple[str, ...]
    value: Expr


class Trace(NamedTuple):
    """A program read: definitions by anonymous name, inputs with the letters of their axes, outputs.

    ``find`` gives one letter for all those that run over the same range; ``trees``: inputs that come out of a dict or
    the like, which are parameters rather than data.
    """

    definitions: Mapping[str, Definition]
    inputs: Mapping[str, tuple[str, ...]]
    trees: frozenset[str]
    outputs: Sequence[Output]
    sizes: Mapping[str, int]
    find: Callable[[str], str]


def readable(trace: Trace, renamed: Mapping[str, str]) -> tuple[System, list[str]]:
    """The System, and what is to be said about it. ``renamed`` gives intermediates other names."""
    lines = _Folding(trace).lines()
    notes: list[str] = []
    if any(isinstance(n, Call) and n.function == STOP for line in lines for n in postorder(line.value)):
        notes.append("stop_gradient is read as its argument: derivatives go through it")
        lines = [line._replace(value=without_stop(line.value)) for line in lines]
    for line in lines:
        _check(line, trace)
    called = _names(lines, trace, renamed)
    return _Letters(lines, trace, called).system(), notes


def size_of(letter: str) -> Expr:
    """The size of what a letter runs over, until it is known which tensor tells it."""
    return Call(_SIZE, (Index(letter),))


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
        if not isinstance(n, (Tensor, Bracket)) and not (isinstance(n, Call) and n.function == _SIZE):
            stack.extend(n.children[:1] if isinstance(n, Reduce) else n.children)
    return False


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
class _Line(NamedTuple):
    """An equation to be; ``output``: under the name that was asked for."""

    name: str
    letters: tuple[str, ...]
    value: Expr
    where: str
    output: bool


_LIGHT, _MEDIUM = 8, 14  # nodes that count, inside a function and in all


class _Folding:
    """Definitions that are used once and are simple are put where they are used."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.kept: dict[str, Definition] = {}
        self.done: dict[str, Definition] = {}
        self.uses: Counter[str] = Counter()

    def lines(self) -> list[_Line]:
        defs, live = self.trace.definitions, list[str]()
        stack = [name for o in self.trace.outputs for name in _used(o.value)]
        seen: set[str] = set()
        while stack:
            name = stack.pop()
            if name in defs and name not in seen:
                seen.add(name)
                stack.extend(_used(defs[name].value))
        live = [name for name in defs if name in seen]
        for value in (*(defs[n].value for n in live), *(o.value for o in self.trace.outputs)):
            self.uses.update(_used(value))
        for name in live:
            letters, value, where = defs[name]
            self.done[name] = Definition(letters, self.fold(value, "top"), where)
        out = [_Line(o.name, o.letters, self.fold(o.value, "top"), "", True) for o in self.trace.outputs]
        need = set[str]()
        stack = [name for line in out for name in _used(line.value)]
        while stack:
            name = stack.pop()
            if name in defs and name not in need:
                need.add(name)
                stack.extend(_used(self.done[name].value))
        lines = [_Line(n, *self.done[n], False) for n in live if n in need]
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
                if place in ("top", "term") and all(_scale(f) for f in others[1:]):
                    inner = "scaled"
                twice = [
                    f for f, n in Counter(others).items() if n > 1 and isinstance(f, Tensor) and f.name in self.done
                ]
                if twice:  # (x_i - y_i) (x_i - y_i)
                    powers: dict[Expr, Expr] = {f: call("power", f, number(others.count(f))) for f in twice}
                    return self.fold(mul(*dict.fromkeys(powers.get(f, f) for f in e.factors)), place)
                return product([self.fold(f, inner if not _scale(f) else "divisor") for f in e.factors])
            case Sum():
                factors = [f for f in e.body.factors if isinstance(f, Tensor)] if isinstance(e.body, Mul) else []
                dot = len(factors) > 1
                made = dot and all(f.name in self.done for f in factors)
                body = self.fold(e.body, "made" if made else "dot" if dot else "sum")
                return merged(e.indices, body)
            case Call():
                inner = "divisor" if e.function == "power" and e.args[1] is _MINUS else "call"
                if e.function == _SIZE:
                    return e
                args = [self.fold(a, inner) for a in e.args]
                if e.function == "power" and isinstance(args[0], Call) and args[0].function == "power":
                    args = list(e.args)  # powers of powers stay apart, whatever their exponents come to
                return call(e.function, *args)
            case Reduce():
                return reduce(e.op, e.indices, self.fold(e.body, "reduce"), e.at)
            case Bracket():
                return bracket(e.relation, self.fold(e.left, "call"), self.fold(e.right, "call"))
            case _:
                return e

    def entry(self, e: Tensor, place: str) -> Expr:
        found = self.done.get(e.name)
        if found is None:
            return e
        letters, value, _ = found
        plain = all(isinstance(s, Index) for s in e.subscripts)
        inside = substitute(value, dict(zip(letters, e.subscripts, strict=True)))
        if isinstance(value, Tensor) and (value.letters is not None or value.name not in self.trace.definitions):
            return inside
        if self.uses[e.name] > 1 and not _trivial(value):
            return e
        if not plain and (place != "top" or any(isinstance(n, Reduce) and n.at for n in postorder(value))):
            return e if self.weight(value) > 2 else inside
        return inside if self.fits(value, place) else e

    def fits(self, e: Expr, place: str) -> bool:
        weight, product = self.weight(e), _contracts(e)
        called = any(isinstance(n, (Call, Reduce)) and not _arithmetic(n) for n in postorder(e))
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
            total += isinstance(n, (Tensor, Call, Reduce, Bracket)) and not _arithmetic(n)
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
        isinstance(f, (Tensor, Bracket)) or _scale(f) or (isinstance(f, (Call, Reduce)) and len(others) < 2)
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


def _scale(f: Expr) -> bool:
    """A factor that is a number in all but form: ``1/sqrt(dim(d))``."""
    return isinstance(f, Number) or (not f.free and not isinstance(f, (Sum, Reduce))) or _root_of_size(f)


def _root_of_size(f: Expr) -> bool:
    return (
        isinstance(f, Call)
        and all(isinstance(n, (Call, Number, Index, Mul)) for n in postorder(f))
        and any(isinstance(n, Call) and n.function == _SIZE for n in postorder(f))
    )


def _arithmetic(n: Expr) -> bool:
    """Calls that are read as arithmetic: powers by numbers, and what is no function at all."""
    if not isinstance(n, Call):
        return False
    return n.function in (STOP, _SIZE) or (n.function == "power" and isinstance(n.args[1], Number))


def _contracts(e: Expr) -> bool:
    """Whether there is a matrix product in it: a sum over factors that have different letters left."""
    for n in postorder(e):
        if isinstance(n, Sum) and isinstance(n.body, Mul):
            factors = [f for f in n.body.factors if f.free and not _scale(f) and not isinstance(f, Bracket)]
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


def _check(line: _Line, trace: Trace) -> None:
    """What no equation can say is refused, with its place."""
    known = f"at {line.where}" if line.where else None
    for n in postorder(line.value):
        if isinstance(n, Call) and n.function in (INFINITY, NOT_A_NUMBER):
            raise Unsupported(
                f"{n.function.strip('·')} is no number of the notation",
                known=known,
                fix="use a large number, such as -1e9, in a mask",
            )
        if isinstance(n, Call) and n.function == FINITE:
            raise Unsupported("is_finite has no counterpart in index notation", known=known)
        if isinstance(n, (Sum, Reduce)):
            for i in n.indices:
                if not _told(n.body, i):
                    raise UnknownRange(
                        f"an axis of size {trace.sizes.get(i, 0)} is summed or reduced that no tensor has",
                        known=known,
                        fix="multiply by an array that has this axis, or write the number",
                    )
    if bare(line.value):
        raise Unsupported("the value of an index is used as a number", known=known)
    for k, i in enumerate(line.letters):
        if not _told(line.value, i):
            raise UnknownRange(
                f"axis {k} of {line.name if line.output else 'an intermediate'}, of size {trace.sizes.get(i, 0)}, "
                "is that of no tensor: nothing tells how long it is",
                known=known,
                fix="return the array before it is repeated, or add an input that has this axis",
            )


def _told(e: Expr, letter: str) -> bool:
    if letter not in e.free:
        return False
    if tells(e, letter, by_ties=False) or any(isinstance(n, Tensor) and letter in n.free for n in postorder(e)):
        return True
    beside = {i for n in postorder(e) if isinstance(n, Bracket) and letter in n.free for i in n.free}
    return any(isinstance(n, Tensor) and n.free & beside for n in postorder(e))


# --------------------------------------------------------------------------- names
_ACTIVATIONS = frozenset(
    "tanh relu sigmoid silu gelu gelu_tanh elu selu leaky_relu softplus mish softsign max min sin cos erf where".split()
)
_OF_REDUCTION = {
    "mean": "m", "var": "v", "max": "m", "min": "m", "softmax": "p", "logsoftmax": "logp", "logsumexp": "l",
    "argmax": "k", "argmin": "k", "prod": "q",
}  # fmt: skip
_OF_CALL = {"exp": "e", "log": "l", "sqrt": "r", "rsqrt": "r", "power": "r"}


def _names(lines: Sequence[_Line], trace: Trace, renamed: Mapping[str, str]) -> dict[str, str]:
    """A name for every line, saying what it is: z, h, s, p …, numbered where there are several."""
    scores = {
        t.name
        for line in lines
        for n in postorder(line.value)
        if isinstance(n, Reduce) and (keeps(n.op) or n.op == "logsumexp")
        for t in postorder(n.body)
        if isinstance(t, Tensor)
    }
    scores |= {
        t.name
        for line in lines
        if isinstance(line.value, Mul) and any(isinstance(s, Sum) for f in line.value.factors for s in f.children)
        for n in postorder(line.value)
        if isinstance(n, Call) and n.function == "exp"
        for t in n.args
        if isinstance(t, Tensor)
    }
    taken = {*trace.inputs, *(line.name for line in lines if line.output)}
    called: dict[str, str] = {line.name: line.name for line in lines if line.output}
    stems: dict[str, tuple[str, str]] = {}
    for line in lines:
        if not line.output:
            stems[line.name] = _stem(line, scores, trace.inputs, stems)
    count = Counter(stems.values())
    several = {stem for stem, _ in stems.values() if sum(s == stem for s, _ in count) > 1 or count[stem, ""] > 1}
    number_of: Counter[str] = Counter()
    for name, (stem, mark) in stems.items():
        own = stem + mark if mark and count[stem, mark] == 1 else stem
        if own in taken or (own == stem and stem in several):
            while (own := f"{stem}{number_of[stem] + 1}") in taken:
                number_of[stem] += 1
        taken.add(own)
        called[name] = renamed.get(own, own)
    return called


def _stem(
    line: _Line, scores: set[str], inputs: Mapping[str, tuple[str, ...]], known: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """What a line is, as a letter, and the mark that it has from its weight: z1 of W1, z^(0) of W^(0), q of Wq."""
    e = line.value
    if isinstance(e, Mul):
        inner = [f for f in e.factors if not _scale(f)]
        e = inner[0] if len(inner) == 1 else e
    if line.name in scores and (_contracts(e) or isinstance(e, Call)):
        return "s", ""
    mark = ""
    if _contracts(e):
        weights = {t.name for t in postorder(e) if isinstance(t, Tensor) and t.name in inputs and t.name[0].isupper()}
        found = re.fullmatch(r"(.)([A-Za-z0-9]*)(\^\(.*\))?", weights.pop()) if len(weights) == 1 else None
        if found is not None and re.fullmatch("[a-z]", found[2]) and found[1] == "W" and not found[3]:
            return found[2], ""
        if found is not None and re.fullmatch("[0-9]*", found[2]):
            mark = found[2] + (found[3] or "")
        minus = isinstance(e, Add) and any(_is_minus(t) and not _contracts(t) for t in e.terms)
        return "r" if minus else "z", mark
    before = {known[t.name] for t in postorder(e) if isinstance(t, Tensor) and t.name in known}
    if len(before) == 1:
        ((_, mark),) = before
    match e:
        case Reduce():
            return _OF_REDUCTION.get(e.op, "q"), ""
        case Call():
            return ("h", mark) if e.function in _ACTIVATIONS else (_OF_CALL.get(e.function, "a"), "")
        case Sum():
            return "c", ""
        case Mul():
            calls = [n for f in e.factors for n in postorder(f) if isinstance(n, Call)]
            if any(n.function == "exp" for n in calls):
                return "p", ""
            if any(n.function in ("rsqrt", "sqrt") for n in calls) or any(isinstance(f, Add) for f in e.factors):
                return "n", ""
            return "g", ""
        case Add():
            return ("u" if len(e.terms) > 2 or not any(map(_is_minus, e.terms)) else "d"), ""
        case _:
            return "a", ""


def _is_minus(e: Expr) -> bool:
    return isinstance(e, Mul) and isinstance(e.factors[0], Number) and e.factors[0].value < 0


# --------------------------------------------------------------------------- letters
_POOL = "ijklmnpqrsvwxyzacdefgh"
_PLACES, _CLASSES = "tuvsw", "cdk"


class _Letters:
    """One letter for every dimension, the same in all equations."""

    def __init__(self, lines: Sequence[_Line], trace: Trace, called: Mapping[str, str]) -> None:
        self.lines = [n._replace(value=_ordered(n)) for n in lines]
        self.trace, self.called = trace, called
        self.find = trace.find
        self.scalars = {called.get(n.name, n.name) for n in lines if not n.letters}
        self.scalars |= {name for name, letters in trace.inputs.items() if not letters}
        self.letters: dict[str, list[str]] = {}
        self.shapes: dict[str, tuple[str, ...]] = {**trace.inputs, **{n.name: n.letters for n in lines}}
        self.choose()
        self.places = {n.name: self.rows_first(n) for n in lines if not n.output}
        turned = [n._replace(letters=self.turned(n.name, n.letters)) for n in self.lines]
        self.lines = [n._replace(value=_ordered(n)) for n in turned]
        self.shapes.update((n.name, n.letters) for n in self.lines)

    def rows_first(self, line: _Line) -> tuple[int, ...]:
        """The axes of an intermediate, b in front."""
        return tuple(sorted(range(len(line.letters)), key=lambda k: self.letters[self.find(line.letters[k])][0] != "b"))

    def turned(self, name: str, axes: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(axes[k] for k in self.places[name]) if name in self.places else axes

    def choose(self) -> None:
        """The first letters: b for the rows of data, t and u for positions, c for classes, then i, j, k …"""
        used = self.classes()
        weights = {self.find(i) for n, ls in self.trace.inputs.items() if self.parameter(n) for i in ls}
        paired = self.paired()
        attended = {c: side for c, side in self.attended().items() if c not in weights}
        order: list[str] = []
        for line in self.lines:
            for t in _reading(line.value):
                order += (self.find(i.name) for s in t.subscripts for i in postorder(s) if isinstance(i, Index))
            order += (self.find(i) for i in line.letters)
        present = {self.find(i.name) for line in self.lines for i in postorder(line.value) if isinstance(i, Index)}
        order = [c for c in dict.fromkeys(order) if c in present]
        taken = set(self.scalars)

        def give(c: str, wished: str) -> None:
            if c not in self.letters:
                letter = next((x for x in wished if x not in taken), None) or self.spare(taken)
                self.letters[c] = [letter]
                taken.add(letter)

        data = [n for n in self.trace.inputs if n in used and not self.parameter(n)]
        for c in order:
            if c in attended:
                give(c, "tuv" if attended[c] == "row" else "utv")
            elif c in paired and c not in weights:
                give(c, _PLACES)
        doubled = self.doubled()
        for n in data:
            shape = [self.find(i) for i in self.trace.inputs[n]]
            if len(shape) >= 2 and shape[0] not in weights and shape[0] not in self.letters and shape[0] not in doubled:
                give(shape[0], "b")
                break
        for c in order:
            if c in self.normalised():
                rows = [d for d in self.normalised()[c] if d not in self.letters and d not in weights]
                if len(rows) == 1 and "b" not in taken:
                    give(rows[0], "b")
                give(c, _CLASSES)
        for n in data:
            shape = [self.find(i) for i in self.trace.inputs[n]]
            if (len(shape) >= 3 or n in self.subscripts()) and len(shape) > 1 and shape[1] not in weights:
                give(shape[1], _PLACES)
        for c in order:
            give(c, _POOL)

    def spare(self, taken: set[str]) -> str:
        for letter in (*_POOL, *"btuocg", *(f"i{n}" for n in range(1, 1000))):
            if letter not in taken:
                return letter
        raise AssertionError

    def parameter(self, name: str) -> bool:
        data = {"Q", "K", "V"} if {"Q", "K"} <= self.trace.inputs.keys() else set[str]()
        return name in self.trace.trees or (name[0].isupper() and name not in {*data, "X", "Y"})

    def classes(self) -> set[str]:
        return {t.name for line in self.lines for t in postorder(line.value) if isinstance(t, Tensor)}

    def paired(self) -> set[str]:
        """Dimensions that a bracket compares with themselves by order: positions."""
        out: set[str] = set()
        for line in self.lines:
            for n in postorder(line.value):
                if isinstance(n, Bracket) and n.relation not in "=≠":
                    found = [self.find(i) for i in n.free if bare(n.left) and bare(n.right)]
                    out.update(c for c in found if found.count(c) > 1)
        return out

    def subscripts(self) -> set[str]:
        """Inputs that are looked up with, such as tokens."""
        return {
            s.name
            for line in self.lines
            for t in postorder(line.value)
            if isinstance(t, Tensor)
            for s in t.subscripts
            if isinstance(s, Tensor)
        }

    def doubled(self) -> set[str]:
        """Dimensions of which two letters stand in one entry: those of square matrices."""
        out: set[str] = set()
        for line in self.lines:
            found = [self.find(i) for i in line.letters]
            out.update(c for c in found if found.count(c) > 1)
            for t in postorder(line.value):
                if isinstance(t, Tensor):
                    found = [self.find(s.name) for s in t.subscripts if isinstance(s, Index)]
                    out.update(c for c in found if found.count(c) > 1)
        return out

    def attended(self) -> dict[str, str]:
        """Dimensions along which a softmax is taken that is summed over afterwards, and those of its rows."""
        out: dict[str, str] = {}
        along: dict[str, tuple[int, tuple[str, ...]]] = {}
        for line in self.lines:
            e = line.value
            soft = next((n for n in postorder(e) if isinstance(n, Reduce) and n.op == "softmax"), None)
            if soft is not None and len(soft.at) == 1 and isinstance(soft.at[0], Index):
                if soft.at[0].name in line.letters:
                    along[line.name] = line.letters.index(soft.at[0].name), line.letters
            elif isinstance(e, Mul) and any(isinstance(n, Call) and n.function == "exp" for n in postorder(e)):
                over = {i for n in postorder(e) if isinstance(n, (Sum, Reduce)) for i in n.indices}
                own = [k for k, i in enumerate(line.letters) if self.find(i) in {self.find(j) for j in over}]
                if own:
                    along[line.name] = own[-1], line.letters
        for line in self.lines:
            for n in postorder(line.value):
                if not isinstance(n, Sum):
                    continue
                for t in postorder(n.body):
                    if isinstance(t, Tensor) and t.name in along:
                        k, letters = along[t.name]
                        s = t.subscripts[k]
                        if isinstance(s, Index) and s.name in n.indices:
                            rows = [i for j, i in enumerate(letters) if j != k]
                            out.setdefault(self.find(letters[k]), "column")
                            if rows:
                                out[self.find(rows[-1])] = "row"
        return out

    def normalised(self) -> dict[str, tuple[str, ...]]:
        """Dimensions along which a softmax is taken, and those beside it."""
        out: dict[str, tuple[str, ...]] = {}
        for line in self.lines:
            for n in postorder(line.value):
                if isinstance(n, Reduce) and (keeps(n.op) or n.op == "logsumexp") and len(n.indices) == 1:
                    beside = sorted(n.body.free - set(n.indices))
                    out.setdefault(self.find(n.indices[0]), tuple(self.find(i) for i in beside))
        return out

    # ------------------------------------------------------------- equations
    def system(self) -> System:
        return system(self.equation(line) for line in self.lines)

    def equation(self, line: _Line) -> Equation:
        env: dict[str, str] = {}
        for i in line.letters:
            env[i] = self.pick(i, set(env.values()))
        target = Tensor(self.called[line.name], tuple(Index(env[i]) for i in line.letters))
        return equation(target, self.sized(self.written(line.value, env)))

    def pick(self, letter: str, taken: Iterable[str]) -> str:
        """The first letter of a dimension that is not taken yet."""
        c = self.find(letter)
        own = self.letters.setdefault(c, [])
        for x in own:
            if x not in taken:
                return x
        others = {x for d, ls in self.letters.items() if d != c for x in ls} | self.scalars
        wished = _POOL
        if own:
            start = _POOL.find(own[0]) + 1
            wished = _PLACES if own[0] in _PLACES else "nm" + _POOL if own[0] == "b" else _POOL[start:] + _POOL
        new = next((x for x in wished if x not in others and x not in own and x not in taken), None)
        if new is None:
            new = self.spare({*others, *own, *taken})
        own.append(new)
        return new

    def written(self, e: Expr, env: Mapping[str, str]) -> Expr:
        """``e`` with its letters, names and sizes as they are to be read."""
        match e:
            case Index():
                return Index(env[e.name])
            case Tensor():
                subscripts = tuple(self.written(s, env) for s in e.subscripts)
                return Tensor(self.called.get(e.name, e.name), self.turned(e.name, subscripts))
            case Sum():
                inner = dict(env)
                for i in e.indices:
                    inner[i] = self.pick(i, inner.values())
                return sum_over([inner[i] for i in e.indices], self.written(e.body, inner))
            case Reduce():
                inner = dict(env)
                at = {a.name for a in e.at if isinstance(a, Index)}
                for i in e.indices:
                    if i in at and i in env:
                        continue
                    inner[i] = self.pick(i, inner.values())
                entry = [self.written(a, env) for a in e.at]
                return reduce(e.op, [inner[i] for i in e.indices], self.written(e.body, inner), entry)
            case Call() if e.function == _SIZE:
                return e
            case _:
                return remake(e, tuple(self.written(c, env) for c in e.children))

    def sized(self, e: Expr) -> Expr:
        """``dim(i)`` where a size was meant."""
        sizes = {n for n in postorder(e) if isinstance(n, Call) and n.function == _SIZE}
        put: dict[Expr, Expr] = {n: self.size(n, e) for n in sizes}
        return transform(e, lambda n: put.get(n, n)) if put else e

    def size(self, n: Expr, e: Expr) -> Expr:
        assert isinstance(n, Call) and isinstance(n.args[0], Index)
        c = self.find(n.args[0].name)
        back = {self.called.get(name, name): letters for name, letters in self.shapes.items()}
        for t in postorder(e):
            if isinstance(t, Tensor) and t.name in back:
                for k, (s, i) in enumerate(zip(t.subscripts, back[t.name], strict=True)):
                    if isinstance(s, Index) and self.find(i) == c:
                        return Dim(t.name, k)
        for name, letters in self.trace.inputs.items():
            for k, i in enumerate(letters):
                if self.find(i) == c and name in self.classes():
                    return Dim(name, k)
        return number(self.trace.sizes[n.args[0].name])


def _reading(e: Expr) -> Iterator[Tensor]:
    """Tensors from left to right."""
    return (n for n in postorder(e) if isinstance(n, Tensor))


def _ordered(line: _Line) -> Expr:
    """Matrix products in the order in which the left side has their letters: ``A_ij B_jk C_kl`` for y_il."""

    def chain(tensors: list[Expr], summed: frozenset[str]) -> list[Expr]:
        lead = next((i for i in line.letters if sum(i in t.free for t in tensors) == 1), None)
        left = list(tensors)
        out = [next(t for t in left if lead is None or lead in t.free)]
        left.remove(out[0])
        while left:
            near = (t for t in left if t.free & out[-1].free & summed)
            out.append(next(near, left[0]))
            left.remove(out[-1])
        return out

    def rule(e: Expr) -> Expr:
        if isinstance(e, Add):
            return add(*map(rule, e.terms))
        if isinstance(e, Sum) and isinstance(e.body, Mul):
            factors = e.body.factors
            tensors: list[Expr] = [f for f in factors if isinstance(f, Tensor)]
            if len(tensors) > 1 and all(isinstance(f, Tensor) or _scale(f) for f in factors):
                order = iter(chain(tensors, frozenset(e.indices)))
                return Sum(e.indices, mul(*(next(order) if isinstance(f, Tensor) else f for f in factors)))
        return e

    return rule(line.value)
