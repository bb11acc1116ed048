"""Are two right sides equal for arrays of all sizes? Proved by canonical form, refuted by numbers, or left open.

In: expressions, Systems or text. Out: True, False or None. A canonical form is one object, so that two expressions
are equal if theirs is the same; the converse is not claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tensorprop.check.sample import KINDS, arrays, shapes
from tensorprop.core.build import ONE, add, call, mul, power, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Sum, Tensor
from tensorprop.core.ranges import Ranges, infer
from tensorprop.core.walk import freshen, inline, postorder, transform
from tensorprop.errors import OutOfRange, RankMismatch, UnknownRange, Unsupported, UsageError
from tensorprop.text import parse_expression
from tensorprop.text.source import as_system

__all__ = ["Laws", "equivalent", "proves"]

Definitions = Mapping[str, tuple[tuple[str, ...], Expr]]

_ROUNDS = 24  # times that names which only one side has are put in, before everything is
_NODES = 4_000  # nodes of an expression beyond which nothing more is put in


class Laws:
    """What may be used in a proof besides algebra: which axes are equally long, what is given of the inputs.

    ``given`` holds pairs such as ``Σ_c y_bc`` and 1; ``labels`` are tensors of whole numbers within range, of which
    a one-hot row ``[y_b = c]`` adds up to 1 over c.
    """

    def __init__(
        self, s: System, given: Iterable[tuple[Expr, Expr]] = (), labels: frozenset[str] = frozenset()
    ) -> None:
        self._ranges: Ranges = infer(s)
        self._labels = labels
        self._sums: dict[str, tuple[frozenset[int], Number]] = {}
        for left, right in given:
            match left, right:
                case Sum(indices, Tensor(name=name) as t), Number():
                    axes = frozenset(k for k, i in enumerate(t.letters or ()) if i in indices)
                    self._sums[name] = axes, right
                case _:
                    pass

    def axis(self, d: Dim) -> Dim:
        """One axis that stands for all of the same length; δz is as long as z."""
        return Dim(*self._ranges.find(d.tensor.removeprefix("δ"), d.axis))

    def normal(self, e: Expr) -> Expr:
        """The canonical form, what is given put in."""
        while True:
            e = canonical(e, self.axis)
            new = transform(e, lambda n: self._known(_exponential(n)))
            if new is e:
                return e
            e = new

    def _known(self, n: Expr) -> Expr:
        """A sum in which one factor alone has an index over which it adds up to a number that is known."""
        if not isinstance(n, Sum):
            return n
        factors = n.body.factors if isinstance(n.body, Mul) else (n.body,)
        for f in factors:
            others = [g for g in factors if g is not f]
            elsewhere = frozenset[str]().union(*(g.free for g in others if not _limits(g, n.indices)))
            for letters, total in self._adds_up(f, frozenset(n.indices) - elsewhere):
                left = tuple(i for i in n.indices if i not in letters)
                others = [g for g in others if not _limits(g, letters)]
                return sum_over(left, mul(total, *others))
        return n

    def _adds_up(self, f: Expr, over: frozenset[str]) -> Iterable[tuple[frozenset[str], Number]]:
        match f:
            case Tensor(name) if name in self._sums and f.letters is not None:
                axes, total = self._sums[name]
                letters = frozenset(f.letters[k] for k in axes)
                if letters <= over:
                    yield letters, total
            case Bracket("=", left, right):
                for label, i in ((left, right), (right, left)):
                    if isinstance(label, Tensor) and label.name in self._labels and isinstance(i, Index):
                        letters = frozenset((i.name,))
                        if letters <= over - label.free:
                            yield letters, ONE
            case _:
                pass


def _limits(f: Expr, letters: Iterable[str]) -> bool:
    """Whether ``f`` says the range of a letter and nothing else: ``[c < dim(s, 1)]``."""
    match f:
        case Bracket("<", Index(name), Dim()) | Bracket(">", Dim(), Index(name)):
            return name in letters
        case _:
            return False


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


def proves(one: Equation, other: Equation, definitions: Definitions, laws: Laws) -> bool:
    """Whether the two right sides have one canonical form, definitions put in as far as that needs.

    Names that only one side has are put in first; then, if that does not do, everything.
    """
    a, b = one.value, freshen(other.rename(dict(zip(other.letters, one.letters, strict=True))).value, one.value.free)
    for _ in range(_ROUNDS):
        if laws.normal(a) is laws.normal(b):
            return True
        mine, theirs = _names(a), _names(b)
        odd = {name: definitions[name] for name in mine ^ theirs if name in definitions}
        if not odd:
            break
        a, b = inline(a, odd), inline(b, odd)
        if max(_count(a), _count(b)) > _NODES:
            return False
    for _ in range(_ROUNDS):
        if not (_names(a) | _names(b)) & definitions.keys():
            break
        a, b = inline(a, definitions), inline(b, definitions)
        if max(_count(a), _count(b)) > _NODES:
            return False
    return laws.normal(a) is laws.normal(b)


def _names(e: Expr) -> set[str]:
    return {n.name for n in postorder(e) if isinstance(n, Tensor)}


def _count(e: Expr) -> int:
    return sum(1 for _ in postorder(e))


# --------------------------------------------------------------------------- the public verb
def equivalent(x: Any, y: Any) -> bool | None:
    """Whether two expressions, equations or Systems give the same numbers for all arrays.

    True where their canonical forms agree, False where random samples differ by more than rounding, None where
    neither is so. Right sides alone (``"a_i b_i"``) are compared over their free indices by name, equations and
    Systems output by output, the indices of a left side by their places.

    Errors: UsageError where the outputs do not correspond.

    >>> equivalent("z_i = A_ij (B_jk x_k)", "z_i = (A_ij B_jk) x_k")
    True
    >>> equivalent("δa_i = W_ij δz_j", "δa_i = W_ji δz_j")
    False
    """
    ours, theirs = _equations(x), _equations(y)
    pairs = _paired(ours, theirs)
    if any(len(a.letters) != len(b.letters) for a, b in pairs):
        return False
    pairs = [(a, b.rename(dict(zip(b.letters, a.letters, strict=True)))) for a, b in pairs]
    if all(proves(a, b, {}, Laws(system([a]))) for a, b in pairs):
        return True
    try:
        return _refuted(pairs)
    except RankMismatch:  # one name with two numbers of axes: no arrays fit both
        return False


def _equations(x: Any) -> dict[str, Equation]:
    """The outputs, each as one equation in terms of the inputs."""
    if isinstance(x, Expr) or (isinstance(x, str) and not _is_equation(x)):
        e = parse_expression(x, free=None) if isinstance(x, str) else x
        return {"": equation(Tensor("value", tuple(Index(i) for i in sorted(e.free))), e)}
    s = as_system(x)
    full: dict[str, tuple[tuple[str, ...], Expr]] = {}
    for eq in s.ordered:
        full[eq.name] = (eq.letters, freshen(inline(eq.value, full), frozenset(eq.letters)))
    return {name: equation(s[name].target, full[name][1]) for name in s.outputs}


def _is_equation(text: str) -> bool:
    """Whether an equation sign stands outside of brackets."""
    depth = 0
    for c in text:
        depth += (c == "[") - (c == "]")
        if c == "=" and depth == 0:
            return True
    return False


def _paired(ours: dict[str, Equation], theirs: dict[str, Equation]) -> list[tuple[Equation, Equation]]:
    if len(ours) == 1 and len(theirs) == 1:
        return list(zip(ours.values(), theirs.values(), strict=True))
    if set(ours) != set(theirs):
        raise UsageError(
            f"the outputs do not correspond: {', '.join(ours)}, and {', '.join(theirs)}",
            fix="compare Systems that define the same names",
        )
    return [(ours[name], theirs[name]) for name in ours]


def _refuted(pairs: list[tuple[Equation, Equation]]) -> bool | None:
    """False where a sample tells two right sides apart, else None."""
    from tensorprop.check.numeric import first_wrong, weigh  # it imports JAX, which a proof does without

    for a, b in pairs:
        both = system([equation(a.target, add(a.value, b.value))])  # so that shapes are drawn that fit the two
        for sample in range(3):
            for kind in KINDS:
                given = arrays(both, shapes(both, first=sample + 2), sample, kind)
                try:
                    one = weigh(a, given, sample)
                    other = weigh(equation(a.target, b.value), given, sample)
                except (Unsupported, UnknownRange, OutOfRange):
                    return None
                if one.finite and other.finite:
                    if first_wrong(one, other) is not None:
                        return False
                    break
    return None
