"""What is declared of a matrix, used: ``S_ij = S_ji``, ``spd(S)``, ``orthogonal(Q)``, ``diagonal(D)``, ``lower(L)``.

In: an expression and what is declared of which names. Out: an expression that is equal where the declarations hold.
`shorter` does so for people: ``S_ij + S_ji = 2 S_ij``, ``Σ_k Q_ki Q_kj = [i = j]``, ``Σ_j D_ij x_j = D_ii x_i``.
`symmetrised` and `masked` write what is declared into every entry, for proofs: ``½ (S_ij + S_ji)`` is unchanged when S
is transposed, ``[i = j] D_ij`` and ``[i ≥ j] L_ij`` are 0 where the matrix is.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from fractions import Fraction

from tensorprop.calculus.rewrite import Law, beside_laws
from tensorprop.core.build import ONE, ZERO, add, bracket, mul, number, reduce, remake, substitute, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.matrix_rows import DECLARED_ROWS
from tensorprop.core.ranges import kept, tells, unlimited
from tensorprop.core.templates import matrix_instance
from tensorprop.core.terms import base_and_exponent, factors_of, number_and_rest, scaled
from tensorprop.core.told import limit
from tensorprop.core.walk import fold, postorder

__all__ = ["DECLARED_LAW", "Kinds", "by_row", "by_rows", "masked", "orientations", "rowed", "shorter", "symmetrised"]

Kinds = Mapping[str, frozenset[str]]
"""All that is declared of each name."""

_HALF = number(Fraction(1, 2))
_ALIKE = frozenset(("inv", "pinv", "expm"))


# --------------------------------------------------------------------------- for people
def shorter(e: Expr, kinds: Kinds) -> Expr:
    """``e`` with what is declared put to use once, at every node.

    >>> from tensorprop.text import parse
    >>> s = parse("y_i = (S_ij + S_ji) Q_kj Q_kl x_l; S_ij = S_ji; orthogonal(Q)")
    >>> print(shorter(s["y"].value, s.declared))
    2 S_ij x_l δ_jl
    """
    if not kinds or not any(isinstance(n, Tensor) and n.name in kinds for n in postorder(e)):
        return e
    symmetric = frozenset(name for name, what in kinds.items() if "symmetric" in what)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        new = remake(n, children)
        match new:
            case Add():
                return _alike(_told_beside(n, new), symmetric)
            case Sum():
                return _contracted(new, kinds)
            case Reduce() if (row := by_row(new, kinds)) is not None:
                return row
            case Call("abs", (Reduce("det", body=Tensor() as q),)) if "orthogonal" in kinds.get(q.name, ()):
                return _along(ONE, q)
            case Call("power", (Reduce("det", body=Tensor() as q), Number(m))) if (
                "orthogonal" in kinds.get(q.name, ()) and m.denominator == 1 and m.numerator % 2 == 0
            ):
                return _along(ONE, q)
            case Reduce("logdet", body=Tensor() as q) if "orthogonal" in kinds.get(q.name, ()):
                return _along(ZERO, q)
            case _:
                return new

    return fold(e, rule)


def _told_beside(old: Expr, new: Add) -> Add:
    """The sum without bounds that came about for letters whose range another term tells: ``δ_ik + a_i a_k``."""
    if len(old.children) != len(new.terms):
        return new
    terms: list[Expr] = []
    for k, (before, term) in enumerate(zip(old.children, new.terms, strict=True)):
        came = [
            i
            for i in term.free
            if term is not before
            and any(limit(f, i) for f in factors_of(term))
            and not any(limit(f, i) for f in factors_of(before))
            and any(tells(other, i) for j, other in enumerate(new.terms) if j != k)
        ]
        terms.append(unlimited(term, came))
    made = add(*terms)
    return made if isinstance(made, Add) else new


def _alike(e: Add, symmetric: Container[str]) -> Expr:
    """Terms that differ in which subscript of a symmetric matrix comes first, as one."""
    found: dict[Expr, tuple[Fraction, Expr]] = {}
    for term in e.terms:
        times, rest = number_and_rest(term)
        key = canonical(symmetrised(rest, symmetric))
        before, first = found.get(key, (Fraction(0), rest))
        found[key] = before + times, first
    if len(found) == len(e.terms):
        return e
    sizes: dict[str, Expr | None] = {i: d for n in postorder(e) if isinstance(n, Tensor) for i, d in _axes(n)}
    new = add(*(scaled(times, rest) for times, rest in found.values() if times))
    return kept(new, {i: sizes.get(i) for i in e.free - new.free})


def _contracted(e: Sum, kinds: Kinds) -> Expr:
    """``Σ_k Q_ki Q_kj = [i = j]`` of an orthogonal matrix; ``D_ii`` for the sum over j of ``D_ij``."""
    factors = [f for factor in factors_of(e.body) for f in _opened(factor, kinds)]
    for n, one in enumerate(factors):
        if not isinstance(one, Tensor) or len(one.subscripts) < 2:
            continue
        what = kinds.get(one.name, frozenset())
        if "diagonal" in what:
            for i, other in (one.subscripts[-2:], one.subscripts[:-3:-1]):
                if isinstance(i, Index) and i.name in e.indices and i is not other and i.name not in other.free:
                    left = tuple(j for j in e.indices if j != i.name)
                    return sum_over(left, substitute(e.body, {i.name: other}))
        if "orthogonal" in what:
            for other in factors[n + 1 :]:
                met = _met(one, other, e, factors)
                if met is not None:
                    k, new = met
                    left = [f for f in factors if f is not one and f is not other]
                    value = _left(mul(*left), new, one, [j for j in e.indices if j != k])
                    return kept(value, {i: d for i, d in _axes(one) if i in e.free - value.free})
    return e


def _left(rest: Expr, new: Expr, one: Tensor, indices: list[str]) -> Expr:
    """The sum of ``rest [i = j]``, in which one of the two letters has to say how far both run."""
    sizes = dict(_axes(one))
    tied = new.free or one.free
    lost = sorted(i for i in (tied & sizes.keys()) - rest.free)
    if new is ONE and (counted := [i for i in lost if i in indices]):  # nothing else depends on it: Σ_i 1
        (i,) = counted
        return sum_over([j for j in indices if j != i], mul(rest, sizes[i]))
    return sum_over(indices, mul(kept(rest, {lost[0]: sizes[lost[0]]}) if lost and not tied & rest.free else rest, new))


def _opened(f: Expr, kinds: Kinds) -> tuple[Expr, ...]:
    base, exponent = base_and_exponent(f)
    return (base, base) if exponent == 2 and isinstance(base, Tensor) and base.name in kinds else (f,)


def _met(one: Tensor, other: Expr, e: Sum, factors: list[Expr]) -> tuple[str, Expr] | None:
    """The letter over which two entries of an orthogonal matrix are summed, and what is left: ``[i = j]``."""
    if not isinstance(other, Tensor) or other.name != one.name or other.subscripts[:-2] != one.subscripts[:-2]:
        return None
    for axis in (-2, -1):
        k, i, j = one.subscripts[axis], one.subscripts[-3 - axis], other.subscripts[-3 - axis]
        if not isinstance(k, Index) or k is not other.subscripts[axis] or k.name not in e.indices:
            continue
        if k.name in i.free | j.free or sum(k.name in f.free for f in factors) != 2:
            continue
        return k.name, ONE if i is j else bracket("=", i, j)
    return None


def by_row(e: Expr, kinds: Kinds) -> Expr | None:
    """A function of a matrix by what is declared of it, as the table says: ``logdet(L) = Σ_i log(abs(L_ii))``."""
    if not isinstance(e, Reduce) or not is_matrix(e.op) or not isinstance(e.body, Tensor):
        return None
    places = e.body.subscripts[-2:]
    if {s.name for s in places if isinstance(s, Index)} != {*e.indices} or len(places) != 2:
        return None
    what = kinds.get(e.body.name, ())
    row = next((row for (op, kind), row in DECLARED_ROWS.items() if op == e.op and kind in what), None)
    if row is None:
        return None
    value = matrix_instance(row, e, {}, e.at)
    return kept(value, {i: d for i, d in _axes(e.body) if i in e.free - value.free})


def rowed(s: System) -> System:
    """A page whose functions of matrices are what the table says: what is computed, not what is differentiated."""
    kinds = s.declared
    if not kinds or all(by_rows(eq.value, kinds) is eq.value for eq in s):
        return s
    return system((equation(eq.target, by_rows(eq.value, kinds)) for eq in s), s.facts)


def by_rows(e: Expr, kinds: Kinds) -> Expr:
    """`by_row` at every node.

    >>> from tensorprop.text import parse
    >>> s = parse("y_b = logdet(L_b) + inv(D)_ij x_bi x_bj; lower(L); diagonal(D)")
    >>> print(by_rows(s["y"].value, s.declared))
    Σ_l log(abs(L_bll)) + δ_ij / D_ii · x_bi x_bj
    """

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        new = remake(n, children)
        row = by_row(new, kinds)
        return new if row is None else row

    return fold(e, rule) if kinds else e


def _along(value: Expr, q: Tensor) -> Expr:
    """A number in place of a function of each of the matrices q, |det Q| = 1 and log|det Q| = 0."""
    return kept(value, {i: d for i, d in _axes(q) if i in frozenset().union(*(s.free for s in q.subscripts[:-2]))})


def _axes(t: Tensor) -> Iterator[tuple[str, Dim]]:
    for axis, s in enumerate(t.subscripts):
        if isinstance(s, Index):
            yield s.name, Dim(t.name, axis)


DECLARED_LAW = beside_laws(
    Law("S_ij + S_ji == 2 S_ij", ("i", "j"), "it is declared of the matrix", lambda e: None), "declared"
)
"""The caption of a step that uses what is declared."""


def orientations(eq: Equation, symmetric: Container[str], most: int = 4) -> Iterator[Equation]:
    """The equation, and then with the subscripts of symmetric matrices turned, one set of entries after the other.

    Those of the inverse of one, too: ``inv(S)_ij`` is ``inv(S)_ji``.
    """
    nodes = list(dict.fromkeys(postorder(eq.value)))
    whole = {n.body for n in nodes if isinstance(n, Reduce) and is_matrix(n.op)}
    entries = [n for n in nodes if n not in whole and _turns(n, symmetric)][:most]
    for chosen in range(2 ** len(entries)):
        turned = {t for k, t in enumerate(entries) if chosen >> k & 1}

        def rule(n: Expr, children: tuple[Expr, ...], turned: set[Expr] = turned) -> Expr:
            if isinstance(n, Reduce) and n in turned:
                return reduce(n.op, n.indices, n.body, children[:0:-1])
            if isinstance(n, Tensor) and n in turned:
                return Tensor(n.name, (*n.subscripts[:-2], n.subscripts[-1], n.subscripts[-2]))
            return remake(n, children)

        yield equation(eq.target, fold(eq.value, rule))


def _turns(n: Expr, symmetric: Container[str]) -> bool:
    """Whether an entry is one of a symmetric matrix, or of a function of it that is symmetric, off the diagonal."""
    if isinstance(n, Reduce) and n.op in _ALIKE and isinstance(n.body, Tensor) and n.body.name in symmetric:
        return len(n.at) == 2 and n.at[0] is not n.at[1]
    return isinstance(n, Tensor) and n.name in symmetric and n.subscripts[-1] is not n.subscripts[-2]


# --------------------------------------------------------------------------- for proofs
def symmetrised(e: Expr, names: Container[str]) -> Expr:
    """``e`` with both orders of the subscripts of every symmetric matrix."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match n:
            case Reduce() if is_matrix(n.op) and isinstance(n.body, Tensor) and n.body.name in names:
                at = children[1:]
                one = reduce(n.op, n.indices, n.body, at)
                if n.op not in _ALIKE or at[0] is at[1]:
                    return one
                return mul(_HALF, add(one, reduce(n.op, n.indices, n.body, at[::-1])))
            case Tensor(name=name) if name in names and len(children) > 1 and children[-1] is not children[-2]:
                turned = Tensor(name, (*children[:-2], children[-1], children[-2]))
                return mul(_HALF, add(Tensor(name, children), turned))
            case _:
                return remake(n, children)

    return fold(e, rule)


def masked(e: Expr, kinds: Kinds) -> Expr:
    """``e`` with ``[i = j] D_ij`` and ``[i ≥ j] L_ij`` for the entries of diagonal and of lower matrices."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Reduce) and is_matrix(n.op) and isinstance(n.body, Tensor):
            return reduce(n.op, n.indices, n.body, children[1:])
        if isinstance(n, Tensor) and len(children) > 1 and (what := kinds.get(n.name)):
            row, column = children[-2:]
            if row is not column and "diagonal" in what:
                return mul(bracket("=", row, column), Tensor(n.name, children))
            if row is not column and "lower" in what:
                return mul(bracket("≥", row, column), Tensor(n.name, children))
        return remake(n, children)

    return fold(e, rule)
