"""What is known of sums when rules are put together: a mean times its count, probabilities that add up to 1.

In: a System, pairs such as ``Σ_c y_bc`` and 1 that its inputs make equal, and the right side of a rule. Out: the same
with these sums put in, which they were, and with terms that are 0 gone. Nothing is assumed that is not stated: what a
rule would be if a sum were 1 is handed out beside its condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorprop.calculus.simplify import simplify_expr
from tensorprop.core.build import MINUS_ONE, ONE, ZERO, add, fresh, mul, power, remake, rename, substitute, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.equation import System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.ranges import axis_of, one_axis
from tensorprop.core.terms import factors_of, number_and_rest
from tensorprop.core.walk import fold, postorder, tensors_of, transform

__all__ = ["Given", "SumsKnown", "lettered"]

Given = tuple[tuple[Expr, Expr], ...]


class SumsKnown:
    """Sums of one tensor that are known: given, or told by ``m_b = mean_i(x_bi)``, which is ``Σ_i x_bi = |i| m_b``."""

    def __init__(self, s: System, given: Given = ()) -> None:
        self._axis = one_axis(s)
        self._inputs = s.inputs
        self._labels = whole_numbers(s)
        self._sums: list[tuple[Tensor, tuple[str, ...], Expr]] = []
        for left, right in given:
            if isinstance(left, Sum) and isinstance(left.body, Tensor) and isinstance(right, Number):
                self._sums.append((left.body, left.indices, right))
        means = (n for eq in s for n in postorder(eq.value) if isinstance(n, Reduce) and n.op == "mean")
        several = dict.fromkeys(n.indices for n in means if len(n.indices) > 1)
        for eq in s:
            e = eq.value
            if isinstance(e, Reduce) and e.op == "mean" and isinstance(e.body, Tensor) and e.body.letters is not None:
                sizes = [Dim(e.body.name, e.body.letters.index(i)) for i in e.indices]
                self._sums.append((e.body, e.indices, mul(*sizes, eq.target)))
            elif eq.place is None and len({*eq.letters}) == len(eq.target.subscripts):
                for over in (*((i,) for i in eq.letters), *several):
                    if self._deviates(e, over):
                        self._sums.append((eq.target, over, ZERO))

    def _deviates(self, e: Expr, over: tuple[str, ...]) -> bool:
        """Whether an entry is a deviation from a mean over i, or that times what has no i: ``(x_bi - m_b) / s_b``."""
        with_i = [f for f in factors_of(e) if not f.free.isdisjoint(over)]
        if len(with_i) != 1 or not set(over) <= with_i[0].free:
            return False
        (e,) = with_i
        if isinstance(e, Add) and len(e.terms) == 2:
            e = add(*(transform(t, _summed) for t in e.terms))
        elif not isinstance(e, Tensor):
            return False
        whole = sum_over(over, e)
        return isinstance(whole, Sum) and self._put(whole) is ZERO

    def shortest(self, e: Expr) -> Expr:
        """The expression, or the same multiplied out and collected again where that is shorter."""
        ways = [e, lettered(_in_order_of(simplify_expr(canonical(e, self._axis)), e), e)]
        return min((w for w in ways if w.free == e.free), key=lambda w: (_entries(w), _nodes(w)))

    def used(self, e: Expr) -> tuple[Expr, Given]:
        """The expression with known sums put in, and which they are."""
        told: dict[Expr, Expr] = {}

        def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
            new = remake(n, parts)
            if not isinstance(new, Sum):
                return new
            put = self._put(new)
            if put is not new:
                told.setdefault(new, put)
            return put

        value = fold(e, rule)
        value = simplify_expr(value) if told else e
        value, more = self._at_labels(value)
        return value, (*told.items(), *more)

    def _put(self, n: Sum) -> Expr:
        """A known sum in place of a sum; 0 for one whose terms cancel."""
        hit = self._total(n)
        if hit is not None:
            return hit
        if len(n.indices) == 1 and (label := self._label_of(factors_of(n.body), n.indices[0])) is not None:
            met, at = label
            rest = mul(*(f for f in factors_of(n.body) if f is not met))
            return substitute(rest, {n.indices[0]: at})
        if isinstance(n.body, Add):
            apart = add(*(self._factored(n, t) for t in n.body.terms))
            if canonical(apart, self._axis) is ZERO:
                return ZERO
        return n

    def _label_of(self, factors: Sequence[Expr], c: str) -> tuple[Bracket, Tensor] | None:
        """``[y_b = c]`` among factors, of a label within range: over c, one entry of a one-hot row is 1."""
        for f in factors:
            if isinstance(f, Bracket) and f.relation == "=":
                for index, label in ((f.left, f.right), (f.right, f.left)):
                    if index is Index(c) and isinstance(label, Tensor) and c not in label.free:
                        return (f, label) if label.name in self._labels else None
        return None

    def _at_labels(self, e: Expr) -> tuple[Expr, Given]:
        """``[y_b = c] p_bc / p[b, y_b]`` as ``[y_b = c]``: where the bracket is 1, both are one entry."""
        told: dict[Expr, Expr] = {}

        def rule(n: Expr) -> Expr:
            if not isinstance(n, Mul):
                return n
            brackets = [f for f in n.factors if isinstance(f, Bracket)]
            for c in sorted({i.name for f in brackets for i in (f.left, f.right) if isinstance(i, Index)}):
                label = self._label_of(n.factors, c)
                for f in n.factors if label is not None else ():
                    assert label is not None
                    met, at = label
                    same = substitute(f, {c: at}) if isinstance(f, Tensor) and c in f.free else f
                    below = power(same, MINUS_ONE)
                    if same is not f and below in n.factors:
                        told[mul(met, f)] = mul(met, same)
                        return mul(*(g for g in n.factors if g not in (f, below)))
            return n

        apart = canonical(e, self._axis) if any(isinstance(t, Bracket) for t in postorder(e)) else e
        value = transform(apart, rule)
        if not told or value.free != e.free:
            return e, ()
        pairs = tuple((_label_first(lettered(a, e)), _label_first(lettered(b, e))) for a, b in told.items())
        return _label_first(lettered(_in_order_of(simplify_expr(value), e), e)), pairs

    def _factored(self, n: Sum, term: Expr) -> Expr:
        """``Σ_i m_b`` as ``|i| m_b``, ``Σ_i x_bi`` as what is known."""
        number, rest = number_and_rest(term)
        if set(n.indices) <= rest.free:
            whole = sum_over(n.indices, rest)
            known = self._total(whole) if isinstance(whole, Sum) else None
            return mul(Number(number), whole if known is None else known)
        sizes = [d for i in n.indices if i not in rest.free and (d := axis_of(n.body, i)) is not None]
        if len(sizes) < len(n.indices):
            return sum_over(n.indices, term)
        return mul(Number(number), *sizes, rest)

    def _total(self, n: Sum) -> Expr | None:
        if not isinstance(n.body, Tensor) or n.body.letters is None:
            return None
        for t, over, total in self._sums:
            if t.name != n.body.name or t.letters is None or len(over) != len(n.indices):
                continue
            names = dict(zip(t.letters, n.body.letters, strict=True))
            if {names[i] for i in over} == set(n.indices):
                return rename(total, {i: j for i, j in names.items() if i not in over})
        return None

    def supposed(self, e: Expr) -> Iterator[tuple[Expr, Expr]]:
        """What the expression would be if the sum of an input over an index were 1, where that makes it shorter."""
        for n in dict.fromkeys(postorder(e)):
            if isinstance(n, Sum) and isinstance(n.body, Tensor) and n.body.name in self._inputs:
                factor = any(n in factors_of(m) for m in postorder(e) if m is not n)
                short = self.shortest(simplify_expr(transform(e, lambda x, n=n: ONE if x is n else x)))
                if factor and _nodes(short) < _nodes(e):
                    yield n, short
                    return


def _label_first(e: Expr) -> Expr:
    """``[y_b = c]`` for ``[c = y_b]``."""

    def rule(n: Expr) -> Expr:
        match n:
            case Bracket("=", Index() as c, Tensor() as label):
                return Bracket("=", label, c)
            case _:
                return n

    return transform(e, rule)


def _summed(n: Expr) -> Expr:
    """A mean as its sum over its count."""
    if isinstance(n, Reduce) and n.op == "mean":
        sizes = [d for i in n.indices if (d := axis_of(n.body, i)) is not None]
        if len(sizes) == len(n.indices):
            return mul(sum_over(n.indices, n.body), *(power(d, MINUS_ONE) for d in sizes))
    return n


def lettered(e: Expr, like: Expr) -> Expr:
    """A canonical form with letters that people write: those that are bound in ``like``, then others."""
    met = (n for n in postorder(e) if isinstance(n, Index) and n.name in e.binds)
    strange = list(dict.fromkeys(n.name for n in met if n.name.startswith("%")))
    names: dict[str, str] = {}
    pool = sorted(like.binds - e.free - e.binds)
    for i in strange:
        names[i] = pool.pop(0) if pool else fresh("j", {*e.free, *e.binds, *like.binds, *names.values()})

    def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
        match n:
            case Index(i):
                return Index(names.get(i, i))
            case Sum(indices):
                return sum_over([names.get(i, i) for i in indices], parts[0])
            case Reduce(op, indices):
                return Reduce(op, tuple(names.get(i, i) for i in indices), parts[0], parts[1:])
            case _:
                return remake(n, parts)

    return fold(e, rule) if names else e


def _in_order_of(e: Expr, like: Expr) -> Expr:
    """Factors in the order in which ``like`` has them, what divides last; ``a - b`` for ``-b + a``.

    A canonical form has them in an order that is not the same tomorrow.
    """
    rank: dict[str, int] = {}
    stack = [like]
    while stack:
        n = stack.pop()
        if isinstance(n, (Tensor, Dim)):
            rank.setdefault(n.name if isinstance(n, Tensor) else n.tensor, len(rank))
        stack.extend(reversed(n.children))

    def key(n: Expr) -> tuple[object, ...]:
        names = [rank.get(t.name, len(rank)) for t in tensors_of(n)]
        free = sorted((i.startswith("%"), i) for i in n.free)  # what is summed comes last
        below = isinstance(n, Call) and n.function == "power" and isinstance(n.args[1], Number) and n.args[1].value < 0
        return not isinstance(n, Number), below, (min(names, default=len(rank)), len(names), sorted(names), free)

    def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
        match remake(n, parts):
            case Mul(factors):
                return mul(*sorted(factors, key=key))
            case Add(terms):
                return add(*sorted(terms, key=lambda t: (number_and_rest(t)[0] < 0, *key(t))))
            case new:
                return new

    return fold(e, rule)


def _entries(e: Expr) -> int:
    """How many entries of tensors are written in an expression."""

    def rule(n: Expr, below: tuple[int, ...]) -> int:
        return 1 if isinstance(n, Tensor) else sum(below)

    return fold(e, rule)


def _nodes(e: Expr) -> int:
    return sum(1 for _ in postorder(e))
