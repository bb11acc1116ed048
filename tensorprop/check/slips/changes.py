"""What can go wrong at one place of an expression: each change with its kind, what stood there and what stands now.

In: a place, and what is known of the names around it. Out: changes, each with its cost from the one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations, islice, product

from tensorprop.calculus.slope import slope
from tensorprop.check.prove.monomials import is_about_indices
from tensorprop.check.slips.conjugated import conjugated
from tensorprop.check.slips.costs import COST
from tensorprop.check.slips.shifts import crossed, shifted
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    bracket,
    call,
    fresh,
    mul,
    negate,
    number,
    power,
    reduce,
    remake,
    rename,
    substitute,
    subtract,
    sum_over,
)
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, is_matrix, turns
from tensorprop.core.names import adjoint_name, primal
from tensorprop.core.plane import complex_names, with_adjoints
from tensorprop.core.ranges import infer
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import TensorpropError

__all__ = ["About", "Change", "Names", "Occurrence", "changes_adding", "changes_at"]

_FACTORS = 5  # factors of a product of which every selection is tried
_LETTERED = 200  # entries that could stand at one place
_PRIMES = "′″‴"
_FAMILY = ("exp", "log", "sin", "cos", "tanh", "sigmoid", "sqrt", "relu", "abs", "sign", "square", "step")
_NUMBERS = tuple(Fraction(n) for n in ("1", "2", "3", "4", "1/2"))


class Names:
    """The tensors that a rule may use: how many axes each has, and over what these run."""

    def __init__(self, forward: System, rules: Iterable[Equation], later: Iterable[str]) -> None:
        """``later``: the tensors whose adjoints a rule may use."""
        rules = tuple(rules)
        ranges = infer(forward)
        self.axes: dict[str, tuple[object, ...]] = {}
        later = frozenset(later)
        for name in forward.names:
            found = tuple(ranges.find(name, k) for k in range(forward.rank(name)))
            self.axes[name] = found
            if name in later:
                self.axes[adjoint_name(name)] = found
        self.plane = with_adjoints(complex_names(forward))
        """What holds complex numbers."""
        self.defined: Mapping[str, Equation] = {eq.name: eq for eq in forward if eq.place is None}
        entries: dict[Tensor, None] = {}
        functions: dict[str, None] = {}
        self.calls = tuple(
            dict.fromkeys(n for eq in forward for n in postorder(eq.value) if isinstance(n, Call) and len(n.args) == 1)
        )
        for eq in (*forward, *rules):
            for n in (eq.target, *postorder(eq.value)):
                if isinstance(n, Tensor) and n.letters is not None:
                    entries[n] = None
                elif isinstance(n, Call) and len(n.args) == 1:
                    functions[n.function] = None
        self.entries = tuple(entries)
        both = (*forward, *rules)
        self.shifted = any(
            isinstance(s, (Add, Mul, Number)) for eq in both for t in tensors_of(eq.value) for s in t.subscripts
        )
        """Whether something is read at another place than a letter."""
        self.functions = tuple(dict.fromkeys((*functions, *_FAMILY)))

    def runs(self, value: Expr) -> dict[str, object]:
        """The range of every letter, by the first axis that it indexes."""
        found: dict[str, object] = {}
        for n in postorder(value):
            if isinstance(n, Tensor):
                axes = self.axes.get(n.name) or self.axes.get(primal(n.name)) or ()
                for i, axis in zip(n.subscripts, axes, strict=False):
                    if isinstance(i, Index):
                        found.setdefault(i.name, axis)
        return found

    def fitting(self, scope: Iterable[str], runs: Mapping[str, object]) -> list[Tensor]:
        """Every entry of every tensor, in letters that are about and run over the right ranges."""
        letters = sorted(scope)
        every = (
            Tensor(name, tuple(map(Index, some)))
            for name, axes in self.axes.items()
            for some in product(*([i for i in letters if runs.get(i) == axis] for axis in axes))
        )
        return list(islice(every, _LETTERED))

    def like(self, name: str) -> Iterator[tuple[str, bool]]:
        """Other names with as many axes, and whether these run over the same ranges."""
        mine = self.axes.get(name)
        if mine is not None:
            for other, axes in self.axes.items():
                if other != name and len(axes) == len(mine):
                    yield other, axes == mine


class Occurrence:
    """A node where it stands: the node around it, the letters that may stand there, whether it is an argument."""

    __slots__ = ("argument", "node", "number", "parent", "scope")

    def __init__(
        self, node: Expr, parent: Occurrence | None, number: int, scope: frozenset[str], argument: bool
    ) -> None:
        self.node = node
        self.parent = parent
        self.number = number
        self.scope = scope
        self.argument = argument

    @property
    def outermost(self) -> bool:
        """Whether the place is a whole subscript, or a side of a bracket of indices."""
        around = None if self.parent is None else self.parent.node
        return isinstance(around, Tensor) or (isinstance(around, Bracket) and is_about_indices(around))

    @property
    def aside(self) -> bool:
        """Whether the place is in a subscript, or in a bracket of indices."""
        return self.parent is not None and (self.outermost or self.parent.aside)

    def put(self, new: Expr) -> tuple[Expr, tuple[tuple[Expr, Expr], ...]]:
        """The whole with ``new`` here, and the nodes around, before and after."""
        steps = [(self.node, new)]
        here: Occurrence = self
        while here.parent is not None:
            around = here.parent.node
            children = list(around.children)
            children[here.number] = new
            if isinstance(around, Sum) and not frozenset(around.indices) <= new.free:
                new = sum_over((i for i in around.indices if i in new.free), new)  # what was summed is gone
            else:
                new = remake(around, tuple(children))
            here = here.parent
            steps.append((here.node, new))
        return new, tuple(steps)


class About:
    """What is known around an expression: names, and the entries that fit where certain letters are about."""

    def __init__(self, names: Names, runs: Mapping[str, object]) -> None:
        self.names = names
        self.runs = runs
        self._fitting: dict[frozenset[str], list[Tensor]] = {}

    def fitting(self, scope: frozenset[str]) -> list[Tensor]:
        if scope not in self._fitting:
            self._fitting[scope] = self.names.fitting(scope, self.runs)
        return self._fitting[scope]


# --------------------------------------------------------------------------- what can go wrong at one place
# kind, what stood, what stands now, what the place holds now (often the same), cost, a letter or a name
Change = tuple[str, Expr, Expr, Expr, float, str]


def changes_at(p: Occurrence, about: About) -> Iterator[Change]:
    n, names = p.node, about.names
    if p.aside:
        if p.outermost and _may_be_shifted(p, names):
            yield from shifted(n, p.scope if names.shifted else frozenset())
        if not isinstance(n, (Index, Tensor)):
            return
    if names.plane and not p.aside:
        yield from conjugated(n, None if p.parent is None else p.parent.node, names.plane)
    match n:
        case Tensor():
            yield from _entry(n, p, about)
        case Index(name) if p.parent is not None and isinstance(p.parent.node, (Bracket, Tensor, Add, Mul)):
            for i in sorted(p.scope - {name}):
                yield "index", n, Index(i), Index(i), COST["another letter"], i
        case Number():
            yield from _number(n, p)
        case Add():
            yield from _terms(n)
        case Mul():
            yield from _factors(n, p)
        case Sum():
            yield from _sum(n, p)
        case Reduce():
            yield from _reduction(n)
            if not n.at:
                yield from _sideways(n, p)
        case Call():
            yield from _call(n, p, names)
        case Bracket():
            for relation in "<≤>≥=≠":
                if relation != n.relation:
                    new = bracket(relation, n.left, n.right)
                    yield "relation", n, new, new, COST["another relation"], ""
            if n.relation != "=" and is_about_indices(n):  # the lower half of a symmetric matrix, its diagonal halved
                half = add(bracket("<" if n.relation in "<≤" else ">", n.left, n.right),
                           mul(number("1/2"), bracket("=", n.left, n.right)))  # fmt: skip
                yield "half", n, half, half, COST["half a diagonal"], ""
        case _:
            pass
    if isinstance(n, (Call, Mul, Add, Reduce)) and not _whole_number(p):
        for i in sorted(n.free):
            for j in sorted(p.scope - {i}):
                new = rename(n, {i: j})
                yield "index", n, new, new, COST["another letter throughout a part"], j
    if isinstance(n, (Tensor, Mul, Call)) and not _whole_number(p):
        yield from _summed(n, p)


def _may_be_shifted(p: Occurrence, names: Names) -> bool:
    """Whether slips of a shift are looked for here: of a bracket on the side that is shifted, else on the right."""
    around = None if p.parent is None else p.parent.node
    if isinstance(around, Bracket):
        if not p.node.free:  # how far a letter runs
            return False
        return not isinstance(p.node, Index)
    return names.shifted


def _whole_number(p: Occurrence) -> bool:
    """Whether the place is a subscript, a bracket's side or an exponent."""
    return p.parent is not None and (
        isinstance(p.parent.node, (Tensor, Bracket))
        or (isinstance(p.parent.node, Call) and p.parent.node.function == "power" and p.number == 1)
    )


def _entry(t: Tensor, p: Occurrence, about: About) -> Iterator[Change]:
    """Two indices exchanged; another tensor, perhaps in other letters; the square of it; its function's slope."""
    names = about.names
    yield from crossed(t)
    for a, b in combinations(range(len(t.subscripts)), 2):
        places = list(t.subscripts)
        places[a], places[b] = places[b], places[a]
        new = Tensor(t.name, tuple(places))
        yield "transposed", t, new, new, COST["two indices exchanged"], t.name
    for other, fits in names.like(t.name):
        new = Tensor(other, t.subscripts)
        kind = "argument" if p.argument else "tensor"
        what = f"another {kind}" if fits else "another tensor of another range"
        yield kind, t, new, new, COST[what], other
    if _whole_number(p):
        return
    for new in about.fitting(p.scope):
        if new.name != t.name and new.subscripts != t.subscripts:
            kind = "argument" if p.argument else "tensor"
            yield kind, t, new, new, COST[f"another {kind} in other letters"], new.name
    other = subtract(ONE, t)
    yield "complement", t, other, other, COST["1 - x for x"], ""
    yield "power", t, power(t, number(2)), power(t, number(2)), COST["an entry squared"], ""
    eq = names.defined.get(t.name)
    if eq is not None and isinstance(eq.value, Call) and len(eq.value.args) == 1 and eq.place is None:
        there = dict(zip(eq.letters, t.subscripts, strict=True))
        args = tuple(substitute(a, there) for a in eq.value.args)
        yield from _slope(t, eq.value.function, args, t, eq.value.function)


def _slope(n: Expr, function: str, args: tuple[Expr, ...], result: Expr, name: str) -> Iterator[Change]:
    try:
        new = slope(function, 0, args, result)
    except TensorpropError:
        return
    yield "slope", n, new, new, COST["the slope of a known function"], name


def _number(n: Number, p: Occurrence) -> Iterator[Change]:
    if p.parent is not None and isinstance(p.parent.node, (Tensor, Bracket)):
        steps = (Fraction(1), Fraction(-1))
        values = [n.value + s for s in steps]
    else:
        near = (n.value + 1, n.value - 1, -n.value, n.value * 2, n.value / 2)
        values = [*near, *([1 / n.value] if n.value else []), *_NUMBERS]
    power_of = p.parent is not None and isinstance(p.parent.node, Call) and p.parent.node.function == "power"
    for v in dict.fromkeys(values):
        new = Number(v)
        yield "power" if power_of else "number", n, new, new, COST["another number"], ""


def _terms(n: Add) -> Iterator[Change]:
    if len(n.terms) == 2 and n.terms[0] is ONE and isinstance(bare := negate(n.terms[1]), Tensor):
        yield "complement", n, bare, bare, COST["1 - x for x"], ""
    for k, t in enumerate(n.terms):
        rest = add(*n.terms[:k], *n.terms[k + 1 :])
        yield (
            "term dropped",
            t,
            ZERO,
            rest,
            COST["a term beside a number" if isinstance(rest, Number) else "a term"],
            "",
        )
        turned = sum_over(t.indices, negate(t.body)) if isinstance(t, Sum) else negate(t)
        yield "sign", t, turned, add(*n.terms[:k], turned, *n.terms[k + 1 :]), COST["the sign of a term"], ""
    for size in range(2, len(n.terms)) if len(n.terms) <= _FACTORS else ():  # ``+ (1 - p)`` for ``- (1 - p)``
        for first in range(len(n.terms) - size + 1):
            some = n.terms[first : first + size]
            turned = tuple(map(negate, some))
            whole = add(*n.terms[:first], *turned, *n.terms[first + size :])
            yield "sign", add(*some), add(*turned), whole, COST["the sign of some terms"], ""


def _factors(n: Mul, p: Occurrence) -> Iterator[Change]:
    for k, f in enumerate(n.factors):
        if not isinstance(f, Number):
            yield "factor dropped", f, ONE, mul(*n.factors[:k], *n.factors[k + 1 :]), COST["a factor"], ""
    some = [k for k, f in enumerate(n.factors) if not isinstance(f, Number)]
    if 2 < len(some) <= _FACTORS:
        for pair in combinations(some, 2):
            both = mul(*(n.factors[k] for k in pair))
            rest = mul(*(f for k, f in enumerate(n.factors) if k not in pair))
            yield "factor dropped", both, ONE, rest, COST["two factors"], ""
    yield from _crossed(n, p)
    if p.parent is not None and isinstance(p.parent.node, Add):
        return
    yield "sign", n, negate(n), negate(n), COST["the sign of a product"], ""


def _crossed(n: Mul, p: Occurrence) -> Iterator[Change]:
    """Two letters exchanged between two entries of a product: ``y_j y_j g_i`` for ``y_i y_j g_j``."""
    entries = [k for k, f in enumerate(n.factors) if isinstance(f, Tensor)]
    for a, b in combinations(entries, 2) if len(entries) <= _FACTORS else ():
        one, other = n.factors[a], n.factors[b]
        for i in sorted(one.free):
            for j in sorted(other.free - {i}):
                turned = {i: j, j: i}
                new = rename(one, turned), rename(other, turned)
                if new != (one, other) and new != (other, one):
                    factors = list(n.factors)
                    factors[a], factors[b] = new
                    yield (
                        "index",
                        mul(one, other),
                        mul(*new),
                        mul(*factors),
                        COST["letters exchanged between factors"],
                        j,
                    )


def _sum(n: Sum, p: Occurrence) -> Iterator[Change]:
    """The sum forgotten: its letter is another one that is about, or the one value 0; or it is not a sum at all."""
    for i in n.indices:
        others = tuple(j for j in n.indices if j != i)
        for j in sorted(p.scope):
            new = sum_over(others, rename(n.body, {i: j}))
            yield "sum dropped", n, new, new, COST["a sum, its letter another one"], i
        new = sum_over(others, substitute(n.body, {i: ZERO}))
        yield "sum dropped", n, new, new, COST["a sum, its letter 0"], i
    for op in ("mean", "max", "prod"):
        new = reduce(op, n.indices, n.body)
        yield "reduction", n, new, new, COST["another reduction for a sum"], op
    yield from _sideways(n, p)
    # a factor slides out of the sum, its letter that of the surroundings
    if isinstance(n.body, Mul):
        for f in n.body.factors:
            rest = mul(*(g for g in n.body.factors if g is not f))
            for i in sorted(f.free & frozenset(n.indices)):
                for j in sorted(p.scope):
                    if i in rest.free:
                        moved = rename(f, {i: j})
                        if moved.free.isdisjoint(n.indices):
                            yield (
                                "index",
                                f,
                                moved,
                                mul(moved, sum_over(n.indices, rest)),
                                COST["a factor outside of its sum"],
                                j,
                            )


def _sideways(n: Sum | Reduce, p: Occurrence) -> Iterator[Change]:
    """The sum along another axis: ``Σ_w a_wu`` for ``Σ_w a_tw``, or ``Σ_w a_wt`` for it."""
    for i in n.indices:
        for j in sorted(n.body.free & p.scope):
            for k in sorted((p.scope - n.body.free) | {j}):
                new = remake(n, (rename(n.body, {i: k, j: i}), *n.children[1:]))
                yield "sideways", n, new, new, COST["a sum along another axis"], i


def _summed(n: Expr, p: Occurrence) -> Iterator[Change]:
    """A sum over a letter of the surroundings, which is another letter then."""
    parts: list[tuple[Expr, tuple[Expr, ...]]] = [(n, ())]
    if isinstance(n, Mul):
        some = [f for f in n.factors if not isinstance(f, Number)]
        if 2 < len(some) <= _FACTORS:
            for size in range(2, len(some)):
                for chosen in combinations(range(len(some)), size):
                    rest = tuple(f for k, f in enumerate(some) if k not in chosen)
                    number_of = tuple(f for f in n.factors if isinstance(f, Number))
                    parts.append((mul(*(some[k] for k in chosen)), number_of + rest))
    if isinstance(n, Tensor) and p.parent is not None and isinstance(p.parent.node, Call):
        return
    for e, rest in parts:
        for i in sorted(_indexing(e)):
            k = fresh(i, p.scope | n.free | n.binds)
            new = sum_over((k,), rename(e, {i: k}))
            what = "a sum over an entry" if isinstance(e, Tensor) else "a sum over a part"
            yield "sum added", e, new, mul(*rest, new), COST[what], k


def _indexing(e: Expr) -> frozenset[str]:
    """The letters that a tensor has outside brackets: over others nobody sums."""
    return (
        frozenset()
        if isinstance(e, Bracket)
        else e.free
        if isinstance(e, Tensor)
        else e.free & frozenset(i for c in e.children for i in _indexing(c))
    )


def _reduction(n: Reduce) -> Iterator[Change]:
    if not n.at:
        new = sum_over(n.indices, n.body)
        yield "reduction", n, new, new, COST["a sum for a reduction"], "Σ"
        for op in ("mean", "max", "min"):
            if op != n.op:
                new = reduce(op, n.indices, n.body)
                yield "reduction", n, new, new, COST["another reduction"], op
    if turns(n.op) and len(n.at) == 2 and n.at[0] is not n.at[1] and isinstance(n.body, Tensor):
        new = reduce(n.op, n.indices, n.body, n.at[::-1])
        yield "transposed", n, new, new, COST["two indices exchanged"], n.body.name
    for op in ("softmax", "logsoftmax"):
        if n.at and op != n.op and not is_matrix(n.op):
            new = reduce(op, n.indices, n.body, n.at)
            yield "function", n, new, new, COST["another function"], op


def _call(n: Call, p: Occurrence, names: Names) -> Iterator[Change]:
    if n.function == "power":
        base, exponent = n.args
        root = call("sqrt", base)
        others = [power(base, e) for e in map(number, (1, 2, -1, -2, 3)) if e is not exponent]
        for new in (*others, root, power(root, MINUS_ONE)):
            yield "power", n, new, new, COST["another power"], ""
        return
    if len(n.args) != 1:
        for k in range(1 + (n.function == "where"), len(n.args)):
            args = list(n.args)
            args[k - 1], args[k] = args[k], args[k - 1]
            new = call(n.function, *args)
            yield "argument", n, new, new, COST["two arguments exchanged"], ""
        return
    stem = n.function.rstrip(_PRIMES)
    if stem not in FUNCTIONS:
        for name in (stem, *(stem + prime for prime in _PRIMES[:2])):
            if name != n.function:
                new = call(name, *n.args)
                yield "slope", n, new, new, COST["another prime"], name
    else:
        yield from _slope(n, n.function, n.args, n, n.function)
        for name in names.functions:
            if name != n.function and name in FUNCTIONS and not (names.plane and FUNCTIONS[name].plane == ""):
                new = call(name, *n.args)
                yield "function", n, new, new, COST["another function"], name
    if not names.plane or n.function not in ("conj", "re", "im"):
        yield "function", n, n.args[0], n.args[0], COST["a function left out"], ""
    new = call(n.function, negate(n.args[0]))
    yield "sign", n.args[0], negate(n.args[0]), new, COST["the sign of an argument"], ""
    yield "power", n, power(n, number(2)), power(n, number(2)), COST["a function squared"], ""
    for t in names.entries:
        if t.free == n.free and t is not n.args[0]:
            new = call(n.function, t)
            yield "argument", n.args[0], t, new, COST["an argument that is about"], ""


def _function_of(n: Expr, around: Expr | None, names: Names) -> Iterator[Change]:
    """A function of the equations put on what it is taken at there: ``abs(x_i)`` for ``x_i``."""
    for f in names.calls:
        if f.args[0] is n and not (isinstance(around, Call) and around.function == f.function):
            yield "function", n, f, f, COST["a function left out"], ""


def changes_adding(p: Occurrence, about: About) -> Iterator[Change]:
    """A factor put in: an entry, a size or one over it, 2 or a half."""
    n = p.node
    around = None if p.parent is None else p.parent.node
    if not p.aside and not _whole_number(p):
        yield from _function_of(n, around, about.names)
    if isinstance(n, (Sum, Index, Dim)) or isinstance(around, Mul) or _whole_number(p):
        return
    if isinstance(n, Number) and not isinstance(around, Add):
        return
    if isinstance(around, Reduce) and p.number > 0:
        return
    there = factors_of(n)
    for t in about.fitting(p.scope):
        if any(t in (f, *f.children) for f in there):  # that is a power
            continue
        yield "factor added", ONE, t, mul(n, t), COST["an entry put in"], ""
    sizes: dict[object, Dim] = {}
    for name, axes in about.names.axes.items():
        for k, axis in enumerate(axes):
            sizes.setdefault(axis, Dim(primal(name), k))
    for d in sizes.values():
        for factor in (power(d, MINUS_ONE), d):
            yield "factor added", ONE, factor, mul(n, factor), COST["a size put in"], ""
    if isinstance(around, Add):
        for c in ("2", "1/2"):
            new = mul(number(c), n)
            yield "number", n, new, new, COST["twice or half a term"], ""
