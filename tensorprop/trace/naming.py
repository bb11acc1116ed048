"""Names and letters for equations that were read, and how far each letter runs.

In: lines with anonymous names and letters. Out: a System: every dimension keeps its letter, intermediates have names
that say what they are, and the range of a letter that no tensor tells is stated. Where lines come from is not known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from tensorprop.core.build import add, bracket, mul, number, reduce, remake, substitute, sum_over
from tensorprop.core.equation import Equation, Outside, Range, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import keeps, orders, runs
from tensorprop.core.plane import said_complex
from tensorprop.core.walk import postorder, transform
from tensorprop.errors import UnknownRange
from tensorprop.trace.numbers import fitted_whole
from tensorprop.trace.readable import Draft, Transcript, bare, contracts, scale

__all__ = ["written"]

T = TypeVar("T")


def written(lines: Sequence[Draft], trace: Transcript, renamed: Mapping[str, str]) -> System:
    """The System. ``renamed`` gives intermediates other names."""
    return _Lettering(lines, trace, _names(lines, trace, renamed)).system()


# --------------------------------------------------------------------------- names
_ACTIVATIONS = frozenset(
    "tanh relu sigmoid silu gelu gelu_tanh elu selu leaky_relu softplus mish softsign max min sin cos erf where".split()
)
_OF_REDUCTION = {
    "mean": "m", "var": "v", "max": "m", "min": "m", "softmax": "p", "logsoftmax": "logp", "logsumexp": "l",
    "argmax": "k", "argmin": "k", "prod": "q", "std": "s", "norm": "n", "median": "m", "cumsum": "c", "sort": "s",
    "argsort": "k", "top": "s", "argtop": "k",
}  # fmt: skip
_OF_CALL = {"exp": "e", "log": "l", "sqrt": "r", "rsqrt": "r", "power": "r"}


def _names(lines: Sequence[Draft], trace: Transcript, renamed: Mapping[str, str]) -> dict[str, str]:
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
        if not line.output and line.place is None:
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
    line: Draft, scores: set[str], inputs: Mapping[str, tuple[str, ...]], known: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """What a line is, as a letter, and the mark that it has from its weight: z1 of W1, z^(0) of W^(0), q of Wq."""
    e = line.value
    if isinstance(e, Mul):
        inner = [f for f in e.factors if not scale(f)]
        e = inner[0] if len(inner) == 1 else e
    if line.name in scores and (contracts(e) or isinstance(e, Call)):
        return "s", ""
    mark = ""
    if contracts(e):
        weights = {t.name for t in postorder(e) if isinstance(t, Tensor) and t.name in inputs and t.name[0].isupper()}
        found = re.fullmatch(r"(.)([A-Za-z0-9]*)(\^\(.*\))?", weights.pop()) if len(weights) == 1 else None
        if found is not None and re.fullmatch("[a-z]", found[2]) and found[1] == "W" and not found[3]:
            return found[2], ""
        if found is not None and re.fullmatch("[0-9]*", found[2]):
            mark = found[2] + (found[3] or "")
        minus = isinstance(e, Add) and any(_is_minus(t) and not contracts(t) for t in e.terms)
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


class _Lettering:
    """One letter for every dimension, the same in all equations."""

    def __init__(self, lines: Sequence[Draft], trace: Transcript, called: Mapping[str, str]) -> None:
        self.lines = [n._replace(value=_ordered(n._replace(value=_first_letters(n)))) for n in lines]
        self.trace, self.called = trace, called
        self.find = trace.find
        self.scalars = {called.get(n.name, n.name) for n in lines if not n.letters}
        self.scalars |= {name for name, letters in trace.inputs.items() if not letters}
        self.letters: dict[str, list[str]] = {}
        self.shapes: dict[str, tuple[str, ...]] = {
            **trace.inputs,
            **{n.name: n.letters for n in lines if n.place is None},
        }
        self.choose()
        begun = {n.name for n in lines if n.place is not None}  # a recurrence has its time where the loop has it
        self.places = {n.name: self.rows_first(n) for n in lines if not n.output and n.name not in begun}
        turned = [n if n.place is not None else n._replace(letters=self.turned(n.name, n.letters)) for n in self.lines]
        self.lines = [n._replace(value=_ordered(n)) for n in turned]
        self.shapes.update((n.name, n.letters) for n in self.lines if n.place is None)

    def rows_first(self, line: Draft) -> tuple[int, ...]:
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
        starts = {n.name: n.axis for n in self.lines if n.place is not None}
        for line in self.lines:
            if line.place is None and line.name in starts:
                give(self.find(line.letters[starts[line.name]]), "tsuvw")
        doubled = self.doubled()
        for n in data:
            shape = [self.find(i) for i in self.trace.inputs[n]]
            shape = shape[1:] if starts and shape and shape[0] in self.letters else shape
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
            nodes = tuple(postorder(line.value))
            counts = {n.body for n in nodes if isinstance(n, Sum)}  # Σ_s [s < i]: the place i as a number
            for n in nodes:
                if isinstance(n, Bracket) and n.relation not in "=≠" and n not in counts:
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
        equations = [self.equation(line) for line in self.lines]
        read = {n.name for eq in equations for n in postorder(eq.value) if isinstance(n, Tensor)}
        names = dict.fromkeys(self.called.get(n, n) for n in self.trace.outside)
        outside = [Outside(n, number(0)) for n in names if n in read]
        plane = said_complex(n for n in self.trace.complex if n in read)
        return system(equations, [*self.facts(equations), *outside, *plane])

    def equation(self, line: Draft) -> Equation:
        env: dict[str, str] = {}
        for i in line.letters:
            env[i] = self.pick(i, set(env.values()))
        entry: tuple[Expr, ...] = line.entry({i: Index(x) for i, x in env.items()})
        if line.place is not None:
            entry = self.turned(line.name, tuple(self.sized(s) for s in entry))
        target = Tensor(self.called[line.name], entry)
        value = self.sized(self.written(line.value, env))
        idle = [bracket("<", Index(env[i]), self.size(i)) for i in line.letters if i not in line.value.free]
        return equation(target, mul(*idle, value))

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
            case _:
                return remake(e, tuple(self.written(c, env) for c in e.children))

    def sized(self, e: Expr) -> Expr:
        """``dim(x, 0)`` where a size was meant."""
        sizes = {n for n in postorder(e) if isinstance(n, Dim) and n.tensor in self.trace.sizes}
        put: dict[Expr, Expr] = {n: self.size(n.tensor, e) for n in sizes}
        return transform(e, lambda n: put.get(n, n)) if put else e

    def size(self, letter: str, e: Expr | None = None) -> Expr:
        """The size of a letter: of an axis of a tensor in ``e`` that has it, of an input's, or made of such."""
        c = self.find(letter)
        if e is not None:
            back = {self.called.get(name, name): letters for name, letters in self.shapes.items()}
            for t in postorder(e):
                if isinstance(t, Tensor) and t.name in back and t.letters is not None:
                    for k, i in enumerate(back[t.name]):
                        if self.find(i) == c:
                            return Dim(t.name, k)
        used = self.classes()
        axes = [(name, k, i) for name, letters in self.trace.inputs.items() for k, i in enumerate(letters)]
        axes.sort(key=lambda axis: (axis[0] in self.trace.tables, axis[0] not in used))
        for name, k, i in axes:
            if self.find(i) == c and name not in self.trace.tables:
                return Dim(self.called.get(name, name), k)
        extent = self.trace.sizes[letter]
        for name, k, i in axes:
            here = self.trace.sizes[i] == extent and name not in self.trace.tables
            if here and (name in used or len(set(extent)) > 1):
                return Dim(self.called.get(name, name), k)
        made = fitted_whole(extent, self.trace.dims) if len(set(extent)) > 1 else None
        if made is not None:
            return transform(made, lambda n: self.size(n.tensor) if isinstance(n, Dim) else n)
        for name, k, i in axes:
            if self.trace.sizes[i] == extent and len(set(extent)) > 1:
                return Dim(self.called.get(name, name), k)
        if len(set(extent)) > 1:
            raise UnknownRange(
                f"an axis of size {extent[0]} is {', '.join(map(str, extent[1:]))} long at other sizes of the "
                "arguments, and nothing tells how it changes",
                fix="add an input that has this axis",
            )
        return number(extent[0])

    # ------------------------------------------------------------- ranges
    def facts(self, equations: Sequence[Equation]) -> list[Range]:
        """``dim(t) = …`` for every letter whose range nothing tells, or that runs over a part of the axis that it has.

        Errors: UnknownRange, for a letter of a constant size that no term has.
        """
        classes = {x: c for c, letters in self.letters.items() for x in letters}
        axes = {self.called.get(n, n): [self.trace.sizes[i] for i in letters] for n, letters in self.shapes.items()}
        stated = {self.find(i) for i in self.trace.stated}
        extents = {x: self.trace.sizes[c] for x, c in classes.items() if c in self.trace.sizes}
        out: dict[str, Range] = {}
        for eq, line in zip(equations, self.lines, strict=True):
            for letter in _untold(eq, extents, axes):
                size = self.size(classes[letter])
                said = classes[letter] in stated or letter not in eq.letters or letter in eq.value.free
                if isinstance(size, Number) and not said:  # a left index that no term has
                    raise UnknownRange(
                        f"{_which(eq, letter, line.output)}, of size {self.trace.sizes[classes[letter]][0]}, "
                        "is that of no tensor: nothing tells how long it is",
                        known=f"at {line.where}" if line.where else None,
                        fix="return the array before it is repeated, or add an input that has this axis",
                    )
                out[letter] = Range(letter, size)
        return list(out.values())


def _which(eq: Equation, letter: str, output: bool) -> str:
    if letter in eq.letters:
        return f"axis {eq.letters.index(letter)} of {eq.name if output else 'an intermediate'}"
    return "an axis that is summed or reduced"


Extent = tuple[int, ...]


def _untold(eq: Equation, sizes: Mapping[str, Extent], axes: Mapping[str, Sequence[Extent]]) -> list[str]:
    """Letters of an equation that no axis tells: none has them alone, or one that is longer."""
    alone: set[str] = set()
    short: set[str] = set()
    binders: list[str] = []
    ties: list[frozenset[str]] = []
    for n in postorder(eq.value):
        match n:
            case Tensor():
                for s, extent in zip(n.subscripts, axes[n.name], strict=True):
                    if isinstance(s, Index):
                        (alone if sizes.get(s.name, extent) == extent else short).add(s.name)
            case Bracket(relation="=", left=Index(name=i), right=Index(name=j)):
                ties.append(frozenset((i, j)))
            case Bracket(relation="<", left=Index(name=i), right=Dim()):
                alone.add(i)
            case Sum():
                binders += n.indices
            case Reduce():
                binders += n.indices
                entry = zip(runs(n.op, n.indices), n.at, strict=False)
                own = not orders(n.op)  # of an order as many entries as one likes
                pairs = [(i, a.name) for i, a in entry if isinstance(a, Index)]
                ties += (frozenset((i, j)) for i, j in pairs if own or sizes.get(i) == sizes.get(j))
            case _:
                pass
    told = alone - short
    for _ in ties:
        told.update(i for t in ties if t & told for i in t)
    return [i for i in dict.fromkeys((*eq.letters, *binders)) if i not in told]


def _first_letters(line: Draft) -> Expr:
    """``δ_ij v_i``, never ``δ_ij v_j``: where a bracket ties two letters of the left side, the first one stands."""

    def rule(e: Expr) -> Expr:
        if not isinstance(e, Mul):
            return e
        for f in e.factors:
            match f:
                case Bracket(relation="=", left=Index(name=a), right=Index(name=b)):
                    i, j = sorted((a, b), key=lambda x: _place(line, x))
                    if i in line.letters and j in line.letters:
                        put = {j: Index(i)}
                        return mul(*(g if isinstance(g, Bracket) else substitute(g, put) for g in e.factors))
                case _:
                    pass
        return e

    return transform(line.value, rule)


def _place(line: Draft, letter: str) -> int:
    return line.letters.index(letter) if letter in line.letters else len(line.letters)


def _reading(e: Expr) -> Iterator[Tensor]:
    """Tensors from left to right."""
    return (n for n in postorder(e) if isinstance(n, Tensor))


def _ordered(line: Draft) -> Expr:
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
            if len(tensors) > 1 and all(isinstance(f, Tensor) or scale(f) for f in factors):
                order = iter(chain(tensors, frozenset(e.indices)))
                return Sum(e.indices, mul(*(next(order) if isinstance(f, Tensor) else f for f in factors)))
        return e

    return rule(line.value)
