"""Sums of terms: common factors are taken out as long as that makes them shorter.

In: the terms of a sum as math trees. Out: fewer terms: ``(A + Aᵀ)x`` for ``Ax + Aᵀx``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from tensorprop.render import trees as m
from tensorprop.render.matrices.laid import Laid, turn
from tensorprop.render.matrices.polish import flipped
from tensorprop.render.trees import MathTree, coefficient, scaled
from tensorprop.render.weight import weight

__all__ = ["collected"]


@dataclass(frozen=True)
class _ScaledTerm:
    """number · scalars · matrices / divisors."""

    ratio: Fraction
    scalars: tuple[MathTree, ...]
    rest: tuple[MathTree, ...]
    below: MathTree | None

    @staticmethod
    def of(t: MathTree) -> _ScaledTerm:
        """The parts of a term."""
        match t:
            case m.Quotient(numerator, denominator):
                inner = _ScaledTerm.of(numerator)
                return _ScaledTerm(inner.ratio, inner.scalars, inner.rest, denominator)
            case m.Figure(value):
                return _ScaledTerm(value, (), (), None)
            case m.Product(factors):
                ratio = Fraction(1)
                if isinstance(factors[0], m.Figure):
                    ratio, factors = factors[0].value, factors[1:]
                lead = 0
                while lead < len(factors) and factors[lead].kind == "scalar":
                    lead += 1
                return _ScaledTerm(ratio, factors[:lead], factors[lead:], None)
            case m.Hadamard():
                ratio = coefficient(t)
                return _ScaledTerm(ratio, (), (scaled(t, 1 / ratio),) if ratio else (t,), None)
            case _ if t.kind == "scalar":
                return _ScaledTerm(Fraction(1), (t,), (), None)
            case _:
                return _ScaledTerm(Fraction(1), (), (t,), None)

    @property
    def scalar_product(self) -> bool:
        """Whether it is a row times something times a column."""
        return len(self.rest) > 1 and self.rest[0].kind == "row" and self.rest[-1].kind == "column"

    def tree(self) -> MathTree:
        """The term put together again."""
        if not self.scalars and len(self.rest) == 1:
            t = scaled(self.rest[0], self.ratio)
        else:
            factors = (*self.scalars, *self.rest)
            t = m.Figure(self.ratio) if not factors else scaled(_joined(factors), self.ratio)
        return t if self.below is None else m.Quotient(t, self.below)


def _joined(factors: tuple[MathTree, ...]) -> MathTree:
    return factors[0] if len(factors) == 1 else m.Product(factors)


_MANY = 40  # terms; a longer sum is left as it is written


def collected(trees: list[MathTree], apart: int = 0) -> list[MathTree]:
    """Terms with their common factors taken out, as long as that makes them shorter.

    ``Ax + Aᵀx`` is ``(A + Aᵀ)x``. The first ``apart`` terms, and those after them, are known to have nothing in common
    among themselves.
    """
    terms = dict(enumerate(trees))
    if len(terms) > _MANY:
        return list(trees)
    gains: dict[tuple[int, int], tuple[float, MathTree] | None] = {
        pair: None
        for group in (range(apart), range(apart, len(trees)) if apart else ())
        for pair in combinations(group, 2)
    }
    while len(terms) > 1:
        best: tuple[float, int, int, MathTree] | None = None
        for i, j in combinations(terms, 2):
            if (i, j) not in gains:
                gains[i, j] = _gain(terms[i], terms[j])
            found = gains[i, j]
            if found is not None and (best is None or found[0] > best[0]):
                best = (found[0], i, j, found[1])
        if best is None:
            break
        _, i, j, t = best
        terms[i] = t
        del terms[j]
        gains = {pair: found for pair, found in gains.items() if i not in pair and j not in pair}
    return list(terms.values())


def _gain(a: MathTree, b: MathTree) -> tuple[float, MathTree] | None:
    """The shortest way to write two terms as one, and how many symbols it saves; None where it saves none."""
    best: tuple[float, MathTree] | None = None
    both = weight(m.TermSum((a, b)))
    for t in _together(a, b):
        gain = both - weight(t)
        if gain > -0.01 and (best is None or gain > best[0]):
            best = (gain, t)
    return best


def _together(a: MathTree, b: MathTree) -> Iterator[MathTree]:
    """The sum of two terms as one product, every way there is."""
    s, t = _ScaledTerm.of(a), _ScaledTerm.of(b)
    yield from _joined_terms(s, t)
    if s.scalar_product and t.scalar_product:  # a number is its own transpose: bᵀBx is xᵀBᵀb
        turned = tuple(turn(Laid(f, 0)).tree for f in reversed(t.rest))
        yield from _joined_terms(s, _ScaledTerm(t.ratio, t.scalars, turned, t.below))


def _joined_terms(s: _ScaledTerm, t: _ScaledTerm) -> Iterator[MathTree]:
    if s.below != t.below:
        return
    below = s.below
    ratio = Fraction(1)
    if s.ratio == t.ratio and s.ratio != 1:
        ratio = s.ratio
    elif s.ratio == -t.ratio and abs(s.ratio) != 1:
        ratio = abs(s.ratio)
    scalars = _shared(s.scalars, t.scalars)
    left = _ScaledTerm(s.ratio / ratio, _without(s.scalars, scalars), s.rest, None)
    right = _ScaledTerm(t.ratio / ratio, _without(t.scalars, scalars), t.rest, None)
    if below is not None or ((ratio != 1 or scalars) and (s.rest or t.rest or scalars)):
        body = _sum(left, right)
        scalar = body.kind == "scalar"
        yield _ScaledTerm(ratio, (*scalars, body) if scalar else scalars, () if scalar else (body,), below).tree()
    first = 0
    while first < min(len(s.rest), len(t.rest)) and s.rest[first] == t.rest[first]:
        first += 1
    last = 0
    while last < min(len(s.rest), len(t.rest)) and s.rest[-1 - last] == t.rest[-1 - last]:
        last += 1
    for head, tail in ((first, 0), (0, last)):
        if not (head or tail):
            continue
        x = s.rest[head : len(s.rest) - tail]
        y = t.rest[head : len(t.rest) - tail]
        if bool(x) != bool(y) or (x and (_only_ones(x) or _only_ones(y)) and _only_ones(_shared(s.rest, t.rest))):
            continue  # u1ᵀ + c 11ᵀ, and not (u + c 1)1ᵀ
        body = _sum(_ScaledTerm(left.ratio, left.scalars, x, None), _ScaledTerm(right.ratio, right.scalars, y, None))
        if body.kind == "scalar":
            yield _ScaledTerm(ratio, (*scalars, body), (*s.rest[:head], *s.rest[len(s.rest) - tail :]), below).tree()
        else:
            outer = (*s.rest[:head], _upright(body), *s.rest[len(s.rest) - tail :])
            yield _ScaledTerm(ratio, scalars, outer, below).tree()
    if len(s.rest) == len(t.rest) == 1 and isinstance(s.rest[0], m.Hadamard) and isinstance(t.rest[0], m.Hadamard):
        one, two = s.rest[0].factors, t.rest[0].factors
        common = _shared(one, two)
        x, y = _without(one, common), _without(two, common)
        if common and x and y:
            body = _sum(
                _ScaledTerm(left.ratio, left.scalars, (_entrywise(x),), None),
                _ScaledTerm(right.ratio, right.scalars, (_entrywise(y),), None),
            )
            yield _ScaledTerm(ratio, scalars, (m.Hadamard((*common, body)),), below).tree()


def _upright(body: MathTree) -> MathTree:
    """A sum of transposes as the transpose of a sum, where that is shorter: ``Wᵀ + AᵀBᵀ`` is ``(W + BA)ᵀ``."""
    if not isinstance(body, m.TermSum) or body.kind != "matrix":
        return body
    other = m.Transpose(m.TermSum(tuple(flipped(term) for term in body.terms)))
    return other if weight(other) < weight(body) else body


def _only_ones(factors: tuple[MathTree, ...]) -> bool:
    return all(isinstance(f.of if isinstance(f, m.Transpose) else f, m.Ones) for f in factors)


def _entrywise(factors: tuple[MathTree, ...]) -> MathTree:
    return factors[0] if len(factors) == 1 else m.Hadamard(factors)


def _sum(a: _ScaledTerm, b: _ScaledTerm) -> MathTree:
    x, y = a.tree(), b.tree()
    first = x.terms if isinstance(x, m.TermSum) else (x,)
    terms = collected([*first, *(y.terms if isinstance(y, m.TermSum) else (y,))], len(first))
    return terms[0] if len(terms) == 1 else m.TermSum(tuple(terms))


def _shared(one: tuple[MathTree, ...], two: tuple[MathTree, ...]) -> tuple[MathTree, ...]:
    """What two products have in common, each part as often as it stands in both."""
    left, out = list(two), list[MathTree]()
    for x in one:
        if x in left:
            left.remove(x)
            out.append(x)
    return tuple(out)


def _without(whole: tuple[MathTree, ...], part: tuple[MathTree, ...]) -> tuple[MathTree, ...]:
    left = list(part)
    out: list[MathTree] = []
    for x in whole:
        if x in left:
            left.remove(x)
        else:
            out.append(x)
    return tuple(out)
