"""The last touch: what the search found, as people write it.

In: a math tree. Out: a tree of the same value: AA is A², diag(s) diag(t) is diag(s ⊙ t), exp of a logsoftmax is the
softmax. A rule is a function of one node, whose parts are polished; it gives the node back where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from tensorprop.render import trees as m
from tensorprop.render.trees import MathTree, coefficient, scaled
from tensorprop.render.weight import transposes, weight

__all__ = ["flipped", "polished"]


def polished(t: MathTree) -> MathTree:
    """The tree with every rule applied from the leaves up."""
    t = t.map(polished)
    for rule in _RULES:
        t = rule(t)
    return t


def _product(factors: list[MathTree]) -> MathTree:
    """Factors beside one another; products among them are opened, numbers come to the front as one."""
    number, scalars, rest = m.Figure(m.MINUS * m.MINUS), list[MathTree](), list[MathTree]()
    for f in factors:
        for g in f.factors if isinstance(f, m.Product) and f.kind != "scalar" else (f,):
            if isinstance(g, m.Figure):
                number = m.Figure(number.value * g.value)
            else:
                (scalars if g.kind == "scalar" else rest).append(g)
    whole = [*scalars, *rest]
    if not whole:
        return number
    return scaled(whole[0] if len(whole) == 1 else m.Product(tuple(whole)), number.value)


def _no_quotient_within(t: MathTree) -> MathTree:
    """``1(−vᵀ/n)`` is ``−1vᵀ/n``, so that a sum can subtract it."""
    if not isinstance(t, m.Product) or t.kind in ("scalar", "tensor"):
        return t
    below = [f for f in t.factors if isinstance(f, m.Quotient) and f.kind != "scalar"]
    if len(below) != 1 or coefficient(below[0]) > 0:
        return t
    (q,) = below
    above = _product([q.numerator if f is q else f for f in t.factors])
    return m.Quotient(above, q.denominator)


def _one_diagonal(t: MathTree) -> MathTree:
    """``diag(s) diag(t)`` is ``diag(s ⊙ t)``, what is shorter first."""
    if not isinstance(t, m.Product):
        return t
    out: list[MathTree] = []
    for f in t.factors:
        before = out[-1] if out else None
        if isinstance(f, m.Diag) and isinstance(before, m.Diag) and f.of.kind == before.of.kind:
            out[-1] = m.Diag(m.Hadamard((*sorted((*_entries(before.of), *_entries(f.of)), key=weight),)))
        else:
            out.append(f)
    return t if len(out) == len(t.factors) else _product(out)


def _entries(t: MathTree) -> tuple[MathTree, ...]:
    return t.factors if isinstance(t, m.Hadamard) else (t,)


def _unit_opened(t: MathTree) -> MathTree:
    """``diag(p) (I − 1pᵀ)`` is ``diag(p) − ppᵀ``."""
    if not isinstance(t, m.Product):
        return t
    for n, f in enumerate(t.factors):
        if not isinstance(f, m.TermSum) or not any(isinstance(x, m.Identity) for x in f.terms) or len(t.factors) != 2:
            continue
        other = t.factors[1 - n]
        if not isinstance(other, m.Diag):
            continue
        terms = [_beside(other, x, left=n == 1) for x in f.terms]
        opened = m.TermSum(tuple(terms))
        if weight(opened) <= weight(t):
            return opened
    return t


def _beside(d: m.Diag, t: MathTree, left: bool) -> MathTree:
    """A diagonal matrix times something: of the unit matrix itself, of ones its vector."""
    factors = list(t.factors) if isinstance(t, m.Product) else [t]
    lead = sum(f.kind == "scalar" for f in factors)
    near = lead if left else len(factors) - 1
    vector = d.of if d.of.kind == "column" else m.Transpose(d.of)
    match factors[near]:
        case m.Identity():
            factors[near] = d
        case m.Ones(of="column") if left:
            factors[near] = vector
        case m.Transpose(m.Ones(of="column")) if not left:
            factors[near] = m.Transpose(vector)
        case _:
            factors.insert(near if left else near + 1, d)
    return _product(factors)


def _outer_to_diagonals(t: MathTree) -> MathTree:
    """``(ddᵀ ⊙ A) X`` is ``diag(d) A diag(d) X``."""
    if not isinstance(t, m.Product):
        return t
    out: list[MathTree] = []
    for f in t.factors:
        parts = f.factors if isinstance(f, m.Hadamard) and len(f.factors) == 2 and f.kind == "matrix" else ()
        outer = next(
            (p for p in parts if isinstance(p, m.Product) and [x.kind for x in p.factors] == ["column", "row"]), None
        )
        if outer is None:
            out.append(f)
            continue
        (rest,) = [p for p in parts if p is not outer]
        u, v = outer.factors
        out += [m.Diag(u), *(rest.factors if isinstance(rest, m.Product) else (rest,)), m.Diag(flipped(v))]
    return t if len(out) == len(t.factors) else _product(out)


def flipped(t: MathTree) -> MathTree:
    """The transpose, taken inside sums and products."""
    match t:
        case m.Transpose(of):
            return of
        case m.TermSum(terms):
            return m.TermSum(tuple(map(flipped, terms)))
        case m.Product(factors):
            lead = sum(f.kind == "scalar" for f in factors)
            return m.Product((*factors[:lead], *map(flipped, reversed(factors[lead:]))))
        case m.Diag() | m.Identity():
            return t
        case _:
            return t if t.kind == "scalar" else m.Transpose(t)


def _gram(t: MathTree) -> MathTree:
    """``(Xᵀ − m1ᵀ)(X − 1mᵀ)`` is ``(X − 1mᵀ)ᵀ(X − 1mᵀ)``, also with a matrix between them."""
    if not isinstance(t, m.Product):
        return t
    out = list(t.factors)
    sums = [n for n, f in enumerate(out) if isinstance(f, m.TermSum) and f.kind != "scalar"]
    for n, last in pairwise(sums):
        a, b = out[n], out[last]
        if flipped(a) == b:
            turned = transposes(a) > transposes(b)
            out[n], out[last] = (m.Transpose(b), b) if turned else (a, m.Transpose(a))
    return m.Product(tuple(out))


def _triangles(t: MathTree) -> MathTree:
    """``tril(11ᵀ) ⊙ A`` is ``tril(A)``; without its diagonal A is ``A − diag(diag(A))``."""
    if not isinstance(t, m.Hadamard):
        return t
    marks = [f for f in t.factors if isinstance(f, m.Triangle) and _only_ones(f.of)]
    rest = tuple(f for f in t.factors if f not in marks)
    if len(marks) != 1 or not rest:
        return t
    whole = rest[0] if len(rest) == 1 else m.Hadamard(rest)
    if marks[0].part != "≠":
        return m.Triangle(whole, marks[0].part)
    return m.TermSum((whole, m.Product((m.Figure(m.MINUS), m.Diag(m.Diagonal(whole))))))


def _only_ones(t: MathTree) -> bool:
    return all(isinstance(x, (m.Product, m.Transpose, m.Ones)) for x in t.walk())


def _softmax(t: MathTree) -> MathTree:
    """``exp(logsoftmax(z))`` is ``softmax(z)``."""
    match t:
        case m.Entrywise("exp", (m.Along("logsoftmax", of, over, keeps),)):
            return m.Along("softmax", of, over, keeps)
        case _:
            return t


def _powers(t: MathTree) -> MathTree:
    """``AA`` is ``A²``."""
    if not isinstance(t, m.Product):
        return t
    out: list[MathTree] = []
    for f in t.factors:
        before = out[-1] if out else None
        base, n = (before.base, before.exponent) if isinstance(before, m.MatrixPower) else (before, 1)
        if f.kind == "matrix" and base == f:
            out[-1] = m.MatrixPower(f, n + 1)
        else:
            out.append(f)
    return out[0] if len(out) == 1 else m.Product(tuple(out))


_RULES: tuple[Callable[[MathTree], MathTree], ...] = (
    _softmax, _triangles, _no_quotient_within, _outer_to_diagonals, _one_diagonal, _unit_opened, _gram,
    _powers,
)  # fmt: skip
