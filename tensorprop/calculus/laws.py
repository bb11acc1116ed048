"""The laws of simplification: each one a string that a machine checks, and the few lines that apply it.

Order does not matter (a test applies them shuffled); every law keeps the value and leaves less to do. Products keep
the order in which they were written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from math import gcd, lcm

from tensorprop.calculus.rewrite import law
from tensorprop.core.affine import Form, difference, form, written
from tensorprop.core.build import (
    MAX_EXPONENT,
    ZERO,
    add,
    bracket,
    mul,
    number,
    power,
    reduce,
    rename,
    substitute,
    subtract,
    sum_over,
)
from tensorprop.core.canon import canonical
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import is_adjoint
from tensorprop.core.ranges import kept, size, tells
from tensorprop.core.terms import base_and_exponent, factors_of, number_and_rest, scaled
from tensorprop.core.walk import freshen, postorder, transform
from tensorprop.text.numerals import is_decimal
from tensorprop.text.show import show

_LONG = 200  # nodes; like terms are looked for in shorter ones


# --------------------------------------------------------------------------- brackets
def _solves(b: Expr, bound: Sequence[str]) -> tuple[str, Expr] | None:
    """``[i = e]`` read as i := e for a bound letter i, where e is another index."""
    if not isinstance(b, Bracket) or b.relation != "=":
        return None
    for i, e in ((b.left, b.right), (b.right, b.left)):
        if isinstance(i, Index) and i.name in bound and isinstance(e, Index) and e is not i:
            return i.name, e
    return None


@law(
    "Σ_i [i = j] a_i b_ik == a_j b_jk",
    free="j k",
    because="of a sum with [i = j] only the term with i = j is left",
    on=Sum,
)
def one_point(e: Sum) -> Expr | None:
    parts = factors_of(e.body)
    for k, f in enumerate(parts):
        found = _solves(f, e.indices)
        if found is not None:
            i, value = found
            rest = [i2 for i2 in e.indices if i2 != i]
            body = substitute(mul(*parts[:k], *parts[k + 1 :]), {i: value})
            kept = [i2 for i2 in rest if i2 in body.free]
            if len(kept) < len(rest):  # a letter would lose its range
                return None
            return sum_over(rest, body)
    return None


@law(
    "Σ_x [w = x + u] a_x b_ux == [u ≤ w] [w - u < dim(a, 0)] a[w-u] b[u, w-u]",
    free="u w",
    because="of a sum with [w = x + u] only the term with x = w - u is left, if there is one",
    on=Sum,
)
def one_place(e: Sum) -> Expr | None:
    """Solved for a letter that stands in it once, of which a factor tells how far it runs; an adjoint's rather."""
    parts = factors_of(e.body)
    for k, b in enumerate(parts):
        if (
            not isinstance(b, Bracket)
            or b.relation != "="
            or (isinstance(b.left, Index) and isinstance(b.right, Index))
        ):
            continue
        f = difference(b.left, b.right)
        rest = parts[:k] + parts[k + 1 :]
        found = [i for i in e.indices if _once(f, i) and tells(mul(*rest), i, by_ties=False)]
        for i in sorted(found, key=lambda i: (not _of_adjoint(rest, i), -e.indices.index(i))):
            new = _placed(e, f, i, mul(*rest))
            if new is not None:
                return new
    return None


def _once(f: Form, letter: str) -> bool:
    """Whether a form has ±1 of a letter, and the letter in no other part."""
    return abs(f.get(Index(letter), 0)) == 1 and all(p is Index(letter) or letter not in p.free for p in f)


def _of_adjoint(parts: Sequence[Expr], letter: str) -> bool:
    return any(isinstance(t, Tensor) and is_adjoint(t.name) and Index(letter) in t.subscripts for t in parts)


def _placed(e: Sum, f: Form, letter: str, rest: Expr) -> Expr | None:
    """The one term in which the letter makes the form zero, where it is one of its values."""
    c = f[Index(letter)]
    place = written({p: -n / c for p, n in f.items() if p is not Index(letter)})
    if any(isinstance(t, Tensor) for t in postorder(place)):  # which need not be a whole number
        return None
    n = size(rest, letter)
    others = [i for i in e.indices if i != letter]
    if n is None or any(v.denominator != 1 for v in f.values()):
        return None
    body = mul(*_bounds(place, n), straightened(substitute(rest, {letter: place})))
    body = kept(body, {i: size(rest, i) for i in others})
    return sum_over(others, body) if all(i in body.free for i in others) else None


def _bounds(place: Expr, n: Expr) -> list[Expr]:
    """``0 ≤ place`` and ``place < n``, of the two what is not plain."""
    low = [] if _never_negative(form(place)) else [relation_of(form(place), "≥")]
    high = [] if _never_negative(difference(subtract(n, number(1)), place)) else [bracket("<", place, n)]
    return low + high


def relation_of(f: Form, relation: str) -> Expr:
    """``f ≥ 0`` as people write it: ``[u ≤ w]``, ``[t ≥ 1]``."""
    left = {p: c for p, c in f.items() if c > 0}
    right = {p: -c for p, c in f.items() if c < 0}
    if len(left) == 1 and number(1) in left:
        mirror = {"≥": "≤", ">": "<"}
        return bracket(mirror[relation], written(right), written(left))
    if right.keys() == {number(1)} or not right:
        return bracket(relation, written(left), written(right))
    mirror = {"≥": "≤", ">": "<"}
    return bracket(mirror[relation], written(right), written(left))


def _never_negative(f: Form) -> bool:
    """Whether a form of letters and sizes is 0 at least, whatever they are."""
    return all(c >= 0 and (isinstance(p, (Index, Dim)) or p is number(1)) for p, c in f.items())


def straightened(e: Expr) -> Expr:
    """Subscripts and sides of brackets as one form each: ``a[w-u+u]`` is ``a[w]``."""

    def rule(n: Expr) -> Expr:
        if isinstance(n, Tensor):
            return Tensor(n.name, tuple(_straight(s) for s in n.subscripts))
        if isinstance(n, Bracket) and not any(isinstance(p, (Call, Sum, Reduce)) for p in postorder(n)):
            return bracket(n.relation, _straight(n.left), _straight(n.right))
        return n

    return transform(e, rule)


def _straight(s: Expr) -> Expr:
    return s if not isinstance(s, (Add, Mul)) else written(form(s))


@law("[i + 1 > 0] a_i == a_i", free="i", because="an index is never negative", on=Mul)
def always(e: Mul) -> Expr | None:
    """A bracket that holds for every value of its letters, which others have besides."""
    left = [f for f in e.factors if not (isinstance(f, Bracket) and _holds(f))]
    if len(left) == len(e.factors):
        return None
    new = mul(*left)
    return new if new.free == e.free else None


def _holds(b: Bracket) -> bool:
    f = difference(b.left, b.right) if b.relation in "≥>≠" else difference(b.right, b.left)
    match b.relation:
        case "≥" | "≤":
            return _never_negative(f)
        case ">" | "<":
            f[number(1)] = f.get(number(1), Fraction(0)) - 1
            return _never_negative(f) or not any(f.values())
        case "≠":
            return _never_negative({**f, number(1): f.get(number(1), Fraction(0)) - 1})
        case _:
            return False


@law("[i = j] [i = j] a_i == [i = j] a_i", free="i j", because="a bracket is 0 or 1", on=Mul)
def bracket_once(e: Mul) -> Expr | None:
    seen: set[Expr] = set()
    kept: list[Expr] = []
    for f in e.factors:
        if isinstance(f, Bracket) and f in seen:
            continue
        seen.add(f)
        kept.append(f)
    return mul(*kept) if len(kept) < len(e.factors) else None


_CONTRARY = {"=": "≠", "≠": "=", "<": "≥", "≥": "<", ">": "≤", "≤": ">"}


@law("[[x > y] = 0] == [x <= y]", free="", because="a bracket is 0 where its contrary holds", on=Bracket)
def bracket_of_bracket(e: Bracket) -> Expr | None:
    """What is compared with 0 and is a bracket itself: it, or its contrary."""
    inner = e.left
    if not isinstance(inner, Bracket) or e.right is not ZERO or e.relation not in ("=", "≠"):
        return None
    return inner if e.relation == "≠" else bracket(_CONTRARY[inner.relation], inner.left, inner.right)


@law(
    "Σ_i (a_i + [i = j]) b_i == Σ_i a_i b_i + Σ_i [i = j] b_i",
    free="j",
    because="a sum is taken apart where a bracket waits in it",
    on=Sum,
)
def meet_bracket(e: Sum) -> Expr | None:
    parts = factors_of(e.body)
    for k, f in enumerate(parts):
        if isinstance(f, Add) and any(any(_solves(g, e.indices) for g in factors_of(t)) for t in f.terms):
            terms = [mul(*parts[:k], t, *parts[k + 1 :]) for t in f.terms]
            if all(t.free >= frozenset(e.indices) for t in terms):
                return add(*(sum_over(e.indices, t) for t in terms))
    return None


# --------------------------------------------------------------------------- collecting
def _key(e: Expr) -> object:
    """A form in which like terms are the same object: factors sorted, bound letters called after their places.

    A long term is like another only where it has the same factors over the same letters: to multiply out what is
    hundreds of nodes large would cost more than it could show.
    """
    if sum(1 for _ in islice(postorder(e), _LONG)) < _LONG:
        return canonical(e)
    body = e.body if isinstance(e, Sum) else e
    return e.indices if isinstance(e, Sum) else (), frozenset(Counter(factors_of(body)).items())


def _sketch(t: Expr) -> tuple[object, ...]:
    """What like terms have in common at a glance: how much they sum over, and the heads of their factors."""
    body = t.body if isinstance(t, Sum) else t
    heads: list[str] = []
    for f in factors_of(body):
        if not isinstance(f, Number):
            name = f.name if isinstance(f, Tensor) else f.function if isinstance(f, Call) else ""
            heads.append(f"{type(f).__name__} {name}")
    return len(t.indices) if isinstance(t, Sum) else 0, *sorted(heads)


@law("2 a_i b_i + 3 b_i a_i == 5 a_i b_i", free="i", because="like terms are collected", on=Add)
def collect(e: Add) -> Expr | None:
    alike = Counter(map(_sketch, e.terms))
    if len(alike) == len(e.terms):
        return None
    total: dict[object, Fraction] = {}
    first: dict[object, Expr] = {}
    for t in e.terms:
        c, rest = number_and_rest(t)
        k = _key(rest) if alike[_sketch(t)] > 1 else rest
        ck, k = number_and_rest(k) if isinstance(k, Expr) else (Fraction(1), k)
        if not ck:
            continue
        total[k] = total.get(k, Fraction(0)) + c * ck
        first.setdefault(k, rest if ck == 1 else scaled(1 / ck, rest))
    if len(total) == len(e.terms):
        return None
    left = add(*(scaled(c, first[k]) for k, c in total.items() if c))
    # a letter that went with its terms keeps its range, by a bracket that is always true
    return kept(left, {i: size(e, i) for i in e.free - left.free})


@law("a_i x_ij + a_i y_ij == a_i (x_ij + y_ij)", free="i j", because="a factor of every term is taken out", on=Add)
def common_factor(e: Add) -> Expr | None:
    aligned = _aligned(e.terms)
    if aligned is not None:
        bound, bodies = aligned
        taken = _take(bodies)
        if taken is not None and _told(bound, bodies):
            return sum_over(bound, taken)
    return _take(list(e.terms)) if any(isinstance(t, Sum) for t in e.terms) else None


def _take(terms: list[Expr]) -> Expr | None:
    """The factors that all terms share, times the sum of what they leave; a factor may come out of a Σ over others."""
    common = Counter(_outer(terms[0]))
    for t in terms[1:]:
        common &= Counter(_outer(t))
        if not common:
            return None
    if not common:
        return None
    inner = add(*(_without(t, common) for t in terms))
    body = whole.body if isinstance(whole := number_and_rest(terms[0])[1], Sum) else whole
    first = [f for f in factors_of(body) if not isinstance(f, Number)]
    left, order = Counter(common), list[Expr]()
    for f in first:
        if left[f] > 0:
            left[f] -= 1
            order.append(f)
    return mul(*order, inner) if common[first[0]] > 0 else mul(inner, *order)


def _told(bound: tuple[str, ...], bodies: list[Expr]) -> bool:
    """Whether a shared factor tells the range of every letter: two sums over i may run over different ranges."""
    common = set(factors_of(bodies[0])).intersection(*(factors_of(b) for b in bodies[1:]))
    shared = mul(*(f for f in factors_of(bodies[0]) if f in common))
    return all(tells(shared, i, by_ties=False) for i in bound)


def _outer(t: Expr) -> list[Expr]:
    """The factors of a term that do not depend on what it sums over; numbers do not count."""
    _, rest = number_and_rest(t)
    bound = frozenset(rest.indices) if isinstance(rest, Sum) else frozenset[str]()
    body = rest.body if isinstance(rest, Sum) else rest
    return [f for f in factors_of(body) if not isinstance(f, Number) and not (f.free & bound)]


def _without(t: Expr, common: Counter[Expr]) -> Expr:
    before, whole = number_and_rest(t)
    left, kept = Counter(common), list[Expr]()
    for f in factors_of(whole.body if isinstance(whole, Sum) else whole):
        if left[f] > 0:
            left[f] -= 1
        else:
            kept.append(f)
    if not isinstance(whole, Sum):
        return mul(number(before), *kept)
    c, rest = number_and_rest(mul(*kept))
    return mul(number(before * c), sum_over(whole.indices, rest))


def _aligned(terms: tuple[Expr, ...]) -> tuple[tuple[str, ...], list[Expr]] | None:
    """Sums over as many letters as one another, written over the same letters; no sums at all, as they are."""
    if not any(isinstance(t, Sum) for t in terms):
        return (), list(terms)
    first = terms[0]
    if not all(isinstance(t, Sum) and len(t.indices) == 1 for t in terms) or not isinstance(first, Sum):
        same = {t.indices for t in terms if isinstance(t, Sum)}
        if len(same) == 1 and all(isinstance(t, Sum) for t in terms):
            return same.pop(), [t.body for t in terms if isinstance(t, Sum)]
        return None
    letter = first.indices[0]
    bodies: list[Expr] = []
    for t in terms:
        assert isinstance(t, Sum)
        if t.indices[0] != letter and letter in t.body.free | t.body.binds:
            return None
        bodies.append(t.body if t.indices[0] == letter else rename(t.body, {t.indices[0]: letter}))
    return (letter,), bodies


@law("(2 a_i + 4 b_i) c_i == 2 (a_i + 2 b_i) c_i", free="i", because="a number of every term is taken out", on=Mul)
def common_number(e: Mul) -> Expr | None:
    """Inside a product only: a sum that stands alone keeps its numbers."""
    for k, f in enumerate(e.factors):
        if isinstance(f, Add):
            c = _content(f)
            if c != 1:
                inner = add(*(scaled(a / c, r) for a, r in map(number_and_rest, f.terms)))
                return mul(number(c), *e.factors[:k], inner, *e.factors[k + 1 :])
    return None


def _content(e: Add) -> Fraction:
    """The number that can be taken out of a sum so that what is left has whole coefficients without a divisor.

    Decimals stay as they are, unless all are multiples of one: ``1 + 1.3 x`` is not ``0.1 (10 + 13 x)``.
    """
    numbers = [number_and_rest(t)[0] for t in e.terms]
    if any(map(is_decimal, numbers)):
        least = min(map(abs, numbers))
        alike = all(c.denominator > 1 and (c / least).denominator == 1 for c in numbers)
        return (-1 if all(c < 0 for c in numbers) else 1) * (least if alike else Fraction(1))
    top = gcd(*(abs(c.numerator) for c in numbers))
    low = lcm(*(c.denominator for c in numbers))
    if low > 1000:
        return Fraction(1)
    sign = -1 if all(c < 0 for c in numbers) else 1
    return Fraction(sign * top, low)


# --------------------------------------------------------------------------- products
@law(
    "-a_i + b_i + c_i == b_i - a_i + c_i",
    free="i",
    because="what is added is written before what is taken away",
    on=Add,
)
def add_first(e: Add) -> Expr | None:
    """Only the first place matters: the others keep their order."""
    if number_and_rest(e.terms[0])[0] > 0:
        return None
    k = next((k for k, t in enumerate(e.terms) if number_and_rest(t)[0] > 0), None)
    return add(e.terms[k], *e.terms[:k], *e.terms[k + 1 :]) if k is not None else None


@law("-(a_i - b_i) == b_i - a_i", free="i", because="a difference is turned round", on=Mul)
def turn_round(e: Mul) -> Expr | None:
    match e:
        case Mul((Number(c), Add(terms))) if c == -1 and any(number_and_rest(t)[0] < 0 for t in terms):
            turned = [scaled(-a, r) for a, r in map(number_and_rest, terms)]
            return add(*sorted(turned, key=lambda t: number_and_rest(t)[0] < 0))
        case _:
            return None


@law("x_i^2 x_i^3 == x_i^5", free="i", because="powers of one base are put together", on=(Add, Mul))
def merge_powers(e: Add | Mul) -> Expr | None:
    """``x x`` stays as it was written; ``x / x`` is 1, where others tell how far its letters run."""
    new = add(*(_merged(t) for t in e.terms)) if isinstance(e, Add) else _merged(e)
    return _ranged(new, e) if new is not e else None


def _ranged(new: Expr, e: Expr) -> Expr | None:
    """What took the place of ``e``; a letter of which only brackets are left keeps its range by one that is true."""
    return kept(new, {i: size(e, i) for i in e.free}) if new.free == e.free else None


def _merged(e: Expr) -> Expr:
    if not isinstance(e, Mul):
        return e
    out: list[tuple[Expr, Fraction, Expr]] = []
    for f in e.factors:
        base, n = base_and_exponent(f)
        k = next((k for k, (b, m, _) in enumerate(out) if b is base and _merge(b, m, n)), None)
        if k is None:
            out.append((base, n, f))
            continue
        n += out[k][1]
        out[k] = base, n, power(base, number(n))
    return mul(*(f for _, _, f in out)) if len(out) < len(e.factors) else e


def _merge(base: Expr, m: Fraction, n: Fraction) -> bool:
    """Whether ``x^m x^n`` is shorter as one power: not ``x x``, and not ``√x x``, which is as long."""
    if abs(m + n) > MAX_EXPONENT or isinstance(base, Number):
        return False
    return m * n < 0 or isinstance(base, Dim) or (m.denominator == n.denominator == 1 and (m, n) != (1, 1))


@law("x_i / (a_i x_i)^2 == x_i / a_i^2 / x_i^2", free="i", because="a power of a product is one of its factors", on=Mul)
def power_apart(e: Mul) -> Expr | None:
    """Where one of these cancels: ``(a b)^2`` stays as it was written."""
    for k, f in enumerate(e.factors):
        base, n = base_and_exponent(f)
        if n.denominator != 1 or not isinstance(base, Mul):
            continue
        others = (*e.factors[:k], *e.factors[k + 1 :])
        there, inner = dict(map(base_and_exponent, others)), [*map(base_and_exponent, base.factors)]
        small = all(abs(m * n) <= MAX_EXPONENT for _, m in inner)
        if small and any(m * n * there.get(b, 0) < 0 for b, m in inner if not isinstance(b, Number)):
            return mul(*others, *(power(g, number(n)) for g in base.factors))
    return None


@law("1 / (a_i / b_i) == b_i / a_i", free="i", because="one over a quotient turns it over", on=Call)
def turn_over(e: Call) -> Expr | None:
    base, n = base_and_exponent(e)
    if n.denominator != 1 or n > 0 or not isinstance(base, Mul):
        return None
    parts = [base_and_exponent(f) for f in base.factors]
    if all(m > 0 and not isinstance(b, Number) for b, m in parts):
        return None
    if any(isinstance(b, Number) and not b.value for b, _ in parts) or any(abs(m * n) > MAX_EXPONENT for _, m in parts):
        return None
    return _divided(mul(*(power(b, number(m * n)) for b, m in parts)))


@law(
    "x_i (a_i / x_i + b_i) == a_i + x_i b_i",
    free="i",
    because="what is divided out again is put into the brackets",
    on=Mul,
)
def divide_out(e: Mul) -> Expr | None:
    for k, f in enumerate(e.factors):
        if not isinstance(f, Add):
            continue
        below = {b for t in f.terms for b, n in map(base_and_exponent, factors_of(t)) if n < 0}
        for j, g in enumerate(e.factors):
            base, n = base_and_exponent(g)
            if j != k and not isinstance(g, Number) and n > 0 and base in below:
                inner = add(*(_merged(mul(g, freshen(t, g.free | g.binds))) for t in f.terms))
                new = mul(*(inner if n == k else h for n, h in enumerate(e.factors) if n != j))
                return _ranged(new, e)
    return None


@law("1 / x_i a_i == a_i / x_i", free="i", because="what divides is written last", on=Mul)
def divide_last(e: Mul) -> Expr | None:
    new = _divided(e)
    return new if new is not e else None


def _divided(e: Expr) -> Expr:
    """A product with what divides at its end."""
    return mul(*sorted(factors_of(e), key=lambda f: base_and_exponent(f)[1] < 0))


@law(
    "a_k (W_ij x_j) == a_k W_ij x_j", free="i k", because="a factor without the index may stand inside the sum", on=Mul
)
def widen_sum(e: Mul) -> Expr | None:
    """Where every bound letter stands twice, the sum is understood: nothing needs a Σ or brackets.

    A number alone stays before its Σ: ``p_t (g_t - Σ_u p_u g_u)`` says more than ``p_t (g_t - p_u g_u)``.
    """
    if sum(not isinstance(f, Number) for f in e.factors) < 2:
        return None
    for k, f in enumerate(e.factors):
        if isinstance(f, Sum) and _understood(f):
            others = frozenset[str]().union(*(g.free | g.binds for j, g in enumerate(e.factors) if j != k))
            inner = freshen(f, others) if not others.isdisjoint(f.indices) else f
            assert isinstance(inner, Sum)
            if not others.isdisjoint(inner.indices):
                return None
            return sum_over(inner.indices, mul(*e.factors[:k], inner.body, *e.factors[k + 1 :]))
    return None


def _understood(e: Sum) -> bool:
    """Whether every letter of a sum stands in two factors of its body, or twice in one tensor."""
    if isinstance(e.body, Add):
        return False
    parts = factors_of(e.body)
    for i in e.indices:
        hits = [f for f in parts if i in f.free]
        twice = any(isinstance(f, Tensor) and sum(i in s.free for s in f.subscripts) > 1 for f in hits)
        if len(hits) < 2 and not twice:
            return False
    within = any(f.binds and not f.free.isdisjoint(e.indices) for f in parts if isinstance(f, Call))
    return not within or not show(e).startswith("Σ")  # beside f(Σ_j y_n X_nj) a sum over n has two readings


@law("Σ_i a_j b_i == a_j Σ_i b_i", free="j", because="a factor without the index stands before the sum", on=Sum)
def narrow_sum(e: Sum) -> Expr | None:
    """Where a letter stands once, so that its Σ is written, the Σ is put before the factors that it concerns."""
    if not isinstance(e.body, Mul) or _understood(e):
        return None
    bound = frozenset(e.indices)
    outside = [f for f in e.body.factors if not (f.free & bound)]
    inside = [f for f in e.body.factors if f.free & bound]
    if not inside or not outside:
        return None
    return mul(*outside, sum_over(e.indices, mul(*inside)))


@law("-Σ_i (-2 a_i b_ij) == 2 Σ_i a_i b_ij", free="j", because="numbers before and behind a Σ are one", on=Mul)
def numbers_meet(e: Mul) -> Expr | None:
    if not any(isinstance(f, Number) for f in e.factors):
        return None
    for k, f in enumerate(e.factors):
        if isinstance(f, Sum):
            inside = factors_of(f.body)
            numbers = [n for n in inside if isinstance(n, Number)]
            if numbers and len(numbers) < len(inside):
                rest = sum_over(f.indices, mul(*(n for n in inside if not isinstance(n, Number))))
                return mul(*numbers, *e.factors[:k], rest, *e.factors[k + 1 :])
    return None


@law("mean_c(mean_x(A_cx)) == mean_cx(A_cx)", free="", because="a mean of equally many is one mean", on=Reduce)
def mean_of_means(e: Reduce) -> Expr | None:
    match e:
        case Reduce("mean", outer, Reduce("mean", inner, body)) if {*outer} <= body.free:
            return reduce("mean", (*outer, *inner), body)
        case _:
            return None


@law("exp(logsoftmax_u(x_u)) == softmax_u(x_u)", free="u", because="the exponential undoes the logarithm", on=Call)
def exp_of_log(e: Call) -> Expr | None:
    match e:
        case Call("exp", (Reduce("logsoftmax", indices, body, at),)):
            return reduce("softmax", indices, body, at)
        case _:
            return None


@law("Σ_k expm′(A)_kkij == expm(A)_ji", free="i j", because="tr exp(A) changes along E by tr(exp(A) E)", on=Sum)
def trace_of_expm(e: Sum) -> Expr | None:
    parts = factors_of(e.body)
    for n, f in enumerate(parts):
        match f:
            case Reduce("expm′", indices, body, (Index(k), Index(also), row, column)) if k == also and k in e.indices:
                rest = mul(*parts[:n], *parts[n + 1 :])
                if k not in rest.free | row.free | column.free | (body.free - {*indices}):
                    one = reduce("expm", indices, body, (column, row))
                    return sum_over([i for i in e.indices if i != k], mul(*parts[:n], one, *parts[n + 1 :]))
            case _:
                pass
    return None
