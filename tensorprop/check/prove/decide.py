"""Are two right sides equal for arrays of all sizes? Proved, refuted with a counterexample, or left open.

In: expressions, Systems or text. Out: a `Decision`. Three judges, the cheapest first: canonical forms, which are one
object where two expressions are equal as sums of products; the same after the laws of functions (``unfold``); exact
evaluation at random points of finite fields (``identity``). Then numbers, which can refute, and prove nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass

from tensorprop.calculus.declared import by_rows, masked, shorter, symmetrised
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.check.numbers.draw import KINDS, arrays, declared, letter_sizes, shapes
from tensorprop.check.prove.conjugates import alike, all_complex
from tensorprop.check.prove.determinants import taken_apart
from tensorprop.check.prove.identity import Tested, identical
from tensorprop.check.prove.inside import Inside, straight
from tensorprop.check.prove.unfold import settled, unfolded
from tensorprop.check.report import Counterexample
from tensorprop.core.build import ONE, add, call, mul, power, remake, substitute, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.equation import COMPLEX, Declared, Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import is_adjoint, primal
from tensorprop.core.plane import complex_names, said_complex
from tensorprop.core.ranges import Ranges, infer, kept, size, tells
from tensorprop.core.terms import factors_of
from tensorprop.core.told import limit
from tensorprop.core.walk import fold, freshen, postorder, transform
from tensorprop.errors import RankMismatch, TensorpropError

__all__ = ["Decision", "Laws", "decide", "proves"]

Definitions = Mapping[str, tuple[tuple[str, ...], Expr]]

_ROUNDS = 24  # times that names which only one side has are put in, before everything is
_NODES = 4_000  # nodes of an expression beyond which nothing more is put in
_SAMPLES = 12  # arrays that are drawn at most, and three at least
_ENTRIES = 60  # entries that are compared, then no more are drawn
_LONG = 400  # terms up to which an expression is multiplied out
_ASIDE = 4  # forms of the two sides of which the brackets of indices are straightened
_SHORT = 10  # terms of a part up to which there may be many


class Laws:
    """What may be used in a proof besides algebra: which axes are equally long, what is given of the inputs.

    ``given`` holds pairs such as ``Σ_c y_bc`` and 1; ``labels`` are tensors of whole numbers within range, of which
    a one-hot row ``[y_b = c]`` adds up to 1 over c.
    """

    def __init__(
        self, s: System, given: Iterable[tuple[Expr, Expr]] = (), labels: frozenset[str] = frozenset()
    ) -> None:
        self._system = s
        self._spreads = False
        self._ranges: Ranges = infer(s)
        self.inside = Inside(s, self.axis)
        self.facts = [f for f in s.facts if isinstance(f, Declared)]
        self.declared = s.declared
        self.plane = complex_names(s)
        self.symmetric = frozenset(name for name, what in self.declared.items() if "symmetric" in what)
        self.orthogonal = {name: what for name, what in self.declared.items() if "orthogonal" in what}
        self.labels = labels
        self.given = tuple(given)
        self.sums: dict[str, tuple[frozenset[int], Number]] = {}
        for left, right in self.given:
            match left, right:
                case Sum(indices, Tensor(name=name) as t), Number():
                    axes = frozenset(k for k, i in enumerate(t.letters or ()) if i in indices)
                    self.sums[name] = axes, right
                case _:
                    pass

    def knowing(self, definitions: Definitions) -> Laws:
        """The same laws, with the axes of parts that a rule names for itself."""
        parts = {name: body for name, body in definitions.items() if name not in self._system.names}
        if not parts:
            return self
        laws = copy(self)
        try:
            own = [equation(Tensor(name, tuple(map(Index, letters))), e) for name, (letters, e) in parts.items()]
            laws._ranges = infer(system([*self._system, *own], self._system.facts))
        except TensorpropError:
            return self
        return laws

    def said_outside(self, e: Expr) -> Expr:
        """``e`` with what a System says of reads outside."""
        return self.inside.spread(e) if self._spreads else self.inside.said(e)

    def spreading(self) -> Laws:
        """The same laws; a read of what is 0 outside is a sum over its axis."""
        laws = copy(self)
        laws._spreads = True
        return laws

    def axis(self, d: Dim) -> Dim:
        """One axis that stands for all of the same length; δz is as long as z."""
        return Dim(*self._ranges.find(primal(d.tensor), d.axis))

    def stated(self, at: tuple[str, int]) -> int | None:
        """How long an axis is, where a line says so in a number: ``dim(g) = 4``."""
        size = self._ranges.size(primal(at[0]), at[1])
        return int(size.value) if isinstance(size, Number) else None

    def said(self, e: Expr) -> Expr:
        """``e`` with what is declared written into every entry."""
        return symmetrised(masked(shorter(by_rows(e, self.declared), self.orthogonal), self.declared), self.symmetric)

    def logarithms_apart(self, eq: Equation, definitions: Definitions) -> Equation:
        """The equation with logarithms of determinants of products of square matrices taken apart."""
        if self.plane:
            return eq

        def square(name: str) -> bool:
            return name in self.declared or self.axis(Dim(name, 0)) is self.axis(Dim(name, 1))

        return Equation(eq.target, taken_apart(eq.value, definitions, square, self.declared))

    def normal(self, e: Expr) -> Expr:
        """The canonical form, what is given put in."""
        while True:
            e = canonical(e, self.axis)
            new = shorter(transform(e, lambda n: self._known(_exponential(n))), self.orthogonal)
            if new is e:
                return e
            e = new

    def straight(self, e: Expr) -> Expr:
        """The expression with brackets of indices in one form, and such sums taken as have one term."""
        new = straight(e, self.axis, self.labels)
        return e if new is e and not _reads_aside(e) else straight(simplify_expr(new), self.axis, self.labels)

    def form(self, e: Expr) -> Expr:
        """The canonical form of an expression after the laws of functions."""
        return settled(unfolded(e), self.normal)

    def _known(self, n: Expr) -> Expr:
        """A sum in which one factor alone has an index over which it adds up to a number that is known."""
        if not isinstance(n, Sum):
            return n
        factors = factors_of(n.body)
        for f in factors:
            others = [g for g in factors if g is not f]
            elsewhere = frozenset[str]().union(*(g.free for g in others if not _only_limits(g, n.indices)))
            for letters, total in self._adds_up(f, frozenset(n.indices) - elsewhere):
                left = tuple(i for i in n.indices if i not in letters)
                others = [g for g in others if not _only_limits(g, letters)]
                return sum_over(left, mul(total, *others))
        return n

    def _adds_up(self, f: Expr, over: frozenset[str]) -> Iterable[tuple[frozenset[str], Number]]:
        match f:
            case Tensor(name) if name in self.sums and f.letters is not None:
                axes, total = self.sums[name]
                letters = frozenset(f.letters[k] for k in axes)
                if letters <= over:
                    yield letters, total
            case Bracket("=", left, right):
                for label, i in ((left, right), (right, left)):
                    if isinstance(label, Tensor) and label.name in self.labels and isinstance(i, Index):
                        letters = frozenset((i.name,))
                        if letters <= over - label.free:
                            yield letters, ONE
            case _:
                pass


def _only_limits(f: Expr, letters: Iterable[str]) -> bool:
    """Whether ``f`` says the range of a letter and nothing else: ``[c < dim(s, 1)]``."""
    return any(isinstance(limit(f, i), Dim) for i in letters)


def _exponential(n: Expr) -> Expr:
    """``exp(x + n log y) = y^n exp(x)``, whole n; where the left side is a number, y is positive."""
    if not (isinstance(n, Call) and n.function == "exp"):
        return n
    kept: list[Expr] = []
    out: list[Expr] = []
    for term in n.args[0].terms if isinstance(n.args[0], Add) else (n.args[0],):
        match term:
            case Call("log", (y,)):
                out.append(y)
            case Mul((Number(value) as times, Call("log", (y,)))) if value.denominator == 1:
                out.append(power(y, times))
            case _:
                kept.append(term)
    return mul(*out, call("exp", add(*kept)) if kept else ONE) if out else n


def _reads_aside(e: Expr) -> bool:
    """Whether something is read at another place than a plain letter, or an equation of indices stands in a product."""
    return any(
        (isinstance(n, Tensor) and n.letters is None) or (isinstance(n, Bracket) and n.relation == "=")
        for n in postorder(e)
    )


# --------------------------------------------------------------------------- decisions
@dataclass(frozen=True)
class Decision:
    """Whether two sides are equal: ``status`` is "proved", "refuted" or "open", and ``how`` says by what.

    ``probability`` bounds the chance that the status is wrong: 0 for a canonical form, next to nothing for identity
    testing. ``samples``: on how many random samples both were equal where nothing was decided.
    """

    status: str
    how: str
    probability: float = 0.0
    counterexample: Counterexample | None = None
    samples: int = 0

    @property
    def proved(self) -> bool:
        """Whether both are equal for all arrays."""
        return self.status == "proved"

    def __str__(self) -> str:
        return f"{self.status}: {self.how}" if self.how else self.status


def decide(
    one: Equation,
    other: Equation,
    definitions: Definitions | None = None,
    laws: Laws | None = None,
    numbers: bool = True,
) -> Decision:
    """Whether the right sides of two equations are equal, the indices of their left sides matched by place.

    Names that only one side has are put in first, by their ``definitions``; then, if that does not do, everything.
    Random ``numbers`` are tried where a proof is not at hand: they find the counterexample. Without them, a difference
    that is one of polynomials, roots and exponentials is still refuted; another one is left open.

    >>> from tensorprop.text import parse
    >>> left, = parse("δz_i = δh_i / cosh(z_i)^2")
    >>> right, = parse("δz_i = δh_i (1 - h_i^2)")
    >>> h, = parse("h_i = tanh(z_i)")
    >>> decide(left, right, {"h": (h.letters, h.value)}).status
    'proved'
    """
    definitions = definitions or {}
    laws = (laws or Laws(system([one]))).knowing(definitions)
    if len(one.letters) != len(other.letters):
        return Decision("refuted", "the left sides have different numbers of indices")
    other = other.rename(dict(zip(other.letters, one.letters, strict=True)))
    one, other = (laws.logarithms_apart(eq, definitions) for eq in (one, other))
    if laws.declared:
        one, other = (Equation(eq.target, laws.said(eq.value)) for eq in (one, other))
    stages = [*_stages(one.value, freshen(other.value, one.value.free), definitions, laws)]
    stages = [*dict.fromkeys(stages[::-1])][::-1]  # each once, everything put in last
    if laws.plane:
        return _of_complex_numbers(one, stages, definitions, laws, numbers)
    for a, b in stages:
        if _is_short(a) and _is_short(b) and laws.normal(a) is laws.normal(b):
            return Decision("proved", "one canonical form")
    aside = [(x, y) for a, b in stages if (x := laws.straight(a), y := laws.straight(b)) != (a, b)]
    for a, b in aside[:_ASIDE]:
        if _is_short(a) and _is_short(b) and laws.normal(a) is laws.normal(b):
            return Decision("proved", "one canonical form")
    if laws.inside.outside and _moved_apart(one, other, definitions, laws):
        return Decision("proved", "one canonical form")
    # a name that only one side has is put in before anything is evaluated
    stages = [s for k, s in enumerate(stages) if k == len(stages) - 1 or not _names(s[0]) ^ _names(s[1])]
    tested = Tested(None)
    for a, b in stages:
        tested = _tested(unfolded(a), unfolded(b), one, laws, flips=False)
        if tested.equal:
            return Decision("proved", _told(tested), tested.error)
    found = Decision("open", tested.why)
    a, b = stages[-1]
    if not (_names(a) | _names(b)) & definitions.keys():  # else they may be equal, and seem to differ
        if numbers:
            found = _by_numbers(equation(one.target, a), equation(one.target, b), laws)
        if found.status == "open" and tested.equal is False and tested.exact and tested.whole:
            found = Decision("refuted", "they differ at a random point modulo a prime", samples=found.samples)
        if found.status == "refuted":
            return found
    for a, b in [] if tested.whole else stages:
        if not (_is_short(a) and _is_short(b)):
            break
        a, b = laws.form(a), laws.form(b)
        if a is b:
            return Decision("proved", "one canonical form, by the laws of functions")
        tested = _tested(a, b, one, laws)
        if tested.equal:
            return Decision("proved", _told(tested), tested.error)
    return found


def _moved_apart(one: Equation, other: Equation, definitions: Definitions, laws: Laws) -> bool:
    """Whether two sums read one product from two ends: ``Σ_x w[z-x] δy_x = Σ_u w_u δy[z-u]``, both 0 outside."""
    laws = laws.spreading()
    stages = [*_stages(one.value, freshen(other.value, one.value.free), definitions, laws)]
    for a, b in dict.fromkeys(stages[:_ASIDE]):
        a, b = (straight(e, laws.axis, laws.labels) for e in (a, b))
        if _is_short(a) and _is_short(b) and laws.normal(a) is laws.normal(b):
            return True
    return False


def _of_complex_numbers(
    one: Equation, stages: list[tuple[Expr, Expr]], definitions: Definitions, laws: Laws, numbers: bool
) -> Decision:
    """By canonical forms of what holds for complex numbers, else by numbers: the other judges know real ones."""
    plane = all_complex(laws.plane, definitions)
    for a, b in stages:
        if _is_short(a) and _is_short(b) and alike(a, b, plane, laws.normal):
            return Decision("proved", "one canonical form")
    a, b = stages[-1]
    if not numbers or (_names(a) | _names(b)) & definitions.keys():
        return Decision("open", "")
    return _by_numbers(equation(one.target, a), equation(one.target, b), laws, plane)


def _tested(a: Expr, b: Expr, one: Equation, laws: Laws, flips: bool = True) -> Tested:
    return identical(
        a, b, one.target, laws.axis, laws.labels, laws.sums, flips=flips, told=laws.inside.told, declared=laws.declared,
        stated=laws.stated,
    )  # fmt: skip


def _told(tested: Tested) -> str:
    chance = f", an error has a chance below 2^{math.ceil(math.log2(tested.error))}" if 0 < tested.error < 1 else ""
    return f"equal at {tested.points} random points modulo primes above 2^61{chance}"


def proves(one: Equation, other: Equation, definitions: Definitions, laws: Laws) -> bool:
    """Whether the two right sides are equal for all arrays, definitions put in as far as that needs."""
    return decide(one, other, definitions, laws, numbers=False).proved


def _stages(a: Expr, b: Expr, definitions: Definitions, laws: Laws) -> Iterator[tuple[Expr, Expr]]:
    """Both sides with more and more definitions put in: names that only one of them has, values, then everything."""
    a, b = laws.said_outside(a), laws.said_outside(b)
    yield a, b
    start = a, b
    for rounds in (_towards, _odd, *((_theirs, _ours) if laws.inside.loops else ())):
        a, b = start
        used: set[str] = set()  # of a recurrence, one step is put in
        for _ in range(_ROUNDS):
            put = {name: definitions[name] for name in rounds(_names(a), _names(b), definitions) if name not in used}
            if not put:
                break
            used |= put.keys() & laws.inside.loops.keys()
            a, b = put_in(a, put, laws), put_in(b, put, laws)
            if max(_count(a), _count(b)) > _NODES:
                break
            yield a, b
    forward = {name: body for name, body in definitions.items() if not is_adjoint(name)}
    for known in (forward, definitions):
        before = a, b
        for n in range(_ROUNDS):
            put = {name: body for name, body in known.items() if not n or name not in laws.inside.loops}
            if not (_names(a) | _names(b)) & put.keys():
                break
            a, b = put_in(a, put, laws), put_in(b, put, laws)
            if max(_count(a), _count(b)) > _NODES:
                return
        if (a, b) != before:
            yield a, b


def _odd(ours: set[str], theirs: set[str], definitions: Definitions) -> set[str]:
    """Names that only one side has."""
    return (ours ^ theirs) & definitions.keys()


def _ours(ours: set[str], theirs: set[str], definitions: Definitions) -> set[str]:
    """Names that only the first side has: of a recurrence, one step of one side may be what the other has."""
    return (ours - theirs) & definitions.keys()


def _theirs(ours: set[str], theirs: set[str], definitions: Definitions) -> set[str]:
    """Names that only the second side has."""
    return (theirs - ours) & definitions.keys()


def _towards(ours: set[str], theirs: set[str], definitions: Definitions) -> set[str]:
    """Names of which a few steps of definitions lead to one that only one side has: put in, they bring it to the other
    side. The nearest ones; the odd names themselves, where no way leads to any."""
    odd = ours ^ theirs
    if not odd:
        return set()
    reached = {name: _names(definitions[name][1]) for name in (ours | theirs) & definitions.keys()}
    for _ in range(_ROUNDS):
        near = {name for name, there in reached.items() if there & odd}
        if near:
            return near
        reached = {
            name: there.union(*(_names(definitions[n][1]) for n in there if n in definitions))
            for name, there in reached.items()
        }
    return odd & definitions.keys()


def put_in(e: Expr, definitions: Definitions, laws: Laws) -> Expr:
    """``e`` with names replaced by what defines them. A sum over an index whose range only such a name told is told it
    by a bracket: Σ_c q_c, in which q_c is a number, is ``Σ_c [c < dim(q, 0)] q``."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Tensor) and n.name in definitions:
            letters, body = definitions[n.name]
            return substitute(laws.said_outside(body), dict(zip(letters, children, strict=True)))
        if isinstance(n, (Sum, Reduce)) and children[0] is not n.body:
            lost = {i: size(n.body, i) for i in n.indices if i in n.body.free and tells(n.body, i, False)}
            named = {i: laws.axis(d) if isinstance(d, Dim) else d for i, d in lost.items()}
            children = kept(children[0], named), *children[1:]
        return remake(n, children)

    return fold(e, rule)


def _names(e: Expr) -> set[str]:
    return {n.name for n in postorder(e) if isinstance(n, Tensor)}


def _is_short(e: Expr) -> bool:
    """Whether an expression may be multiplied out: a short one, or a long one all of whose parts are very short."""
    longest, together = _terms(e)
    return together <= _LONG or (longest <= _SHORT and together <= _LONG * _SHORT)


def _terms(e: Expr) -> tuple[int, int]:
    """About how many terms the longest part has when all is multiplied out, and all parts together."""
    done: dict[Expr, int] = {}
    for n in postorder(e):
        below = [done[c] for c in n.children]
        match n:
            case Add():
                done[n] = sum(below)
            case Mul():
                done[n] = math.prod(below)
            case Sum():
                done[n] = below[0]
            case Call("power", (_, Number(value))) if value.denominator == 1 and value > 0:
                done[n] = below[0] ** int(min(value, 8))
            case Reduce(op="softmax" | "logsoftmax" | "mean"):
                done[n] = 2 * below[0]
            case Reduce(op="var"):
                done[n] = 9 * below[0]
            case _:
                done[n] = 1
        done[n] = min(done[n], _LONG + 1)
    return max(done.values()), sum(done.values())


def _count(e: Expr) -> int:
    return sum(1 for _ in postorder(e))


def _by_numbers(a: Equation, b: Equation, laws: Laws, plane: frozenset[str] = frozenset()) -> Decision:
    """Refuted where a sample tells two right sides apart, else open."""
    from tensorprop.check.numbers.naive import first_wrong  # they import JAX, which a proof does without
    from tensorprop.check.numbers.naive_systems import weigh

    samples = entries = 0
    both = equation(a.target, add(a.value, b.value))
    facts = [f for f in laws.facts if f.tensor in both.inputs and f.kind != COMPLEX]
    facts += said_complex(plane.intersection(both.inputs))
    both = system([both], facts)  # so that shapes are drawn that fit the two
    inputs = set(both.inputs)
    pairs = [pair for pair in laws.given if _names(pair[0]) <= inputs]
    try:
        for sample in range(_SAMPLES):
            if sample >= 3 and entries >= _ENTRIES:
                break
            for kind in KINDS if sample < 3 or pairs else ("whole", *KINDS):
                drawn = shapes(both, first=sample % 3 + 2)
                given = arrays(both, drawn, sample, "general" if kind == "whole" else kind, pairs)
                if kind == "whole":  # ties and kinks are met at whole numbers only
                    given = {name: x.round() for name, x in given.items()}
                    given |= {n: declared(given[n], what, whole=True) for n, what in both.declared.items()}
                one, other = weigh(a, given, sample), weigh(b, given, sample)
                if one.finite and other.finite:
                    entries += one.value.size
                    entry = first_wrong(one, other)
                    if entry is not None:
                        apart = one.value[entry].item(), other.value[entry].item()
                        sizes = letter_sizes([a, b], drawn)
                        found = Counterexample(sizes, entry, *apart, {n: x.tolist() for n, x in given.items()})
                        return Decision("refuted", "they differ on a random sample", counterexample=found)
                    samples += 1
                    break
    except RankMismatch as error:  # one name with two numbers of axes: no arrays fit both
        return Decision("refuted", error.problem)
    except TensorpropError as error:
        return Decision("open", f"not compared: {error.problem}")
    except (OverflowError, RecursionError) as error:  # a number beyond float64, equations some hundred deep
        return Decision("open", f"not compared: {str(error).partition('(')[0] or type(error).__name__}")
    return Decision("open", f"equal on {samples} samples, not proved", samples=samples)
