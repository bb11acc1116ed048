"""Canonical form: expressions that are equal as sums of products become one object.

In: an expression. Out: an equal one in which products are multiplied out, like terms collected, factors and terms
sorted, brackets used up where a sum meets them, bound letters named after their places. So ``canonical(a) is
canonical(b)`` proves a = b for all arrays; the converse is not claimed (products beyond a limit stay as they are, and
elementwise functions are unknowns with no laws but those of powers).

Naming bound letters is the isomorphism of graphs: letters are told apart by colours that are refined until they are
stable, and ties are broken by trying each, up to a limit. A binder around other binders has names with one % more than
those, so that no letter is captured.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from tensorprop.core.build import MAX_EXPONENT, ONE, ZERO, add, bracket, mul, number, power
from tensorprop.core.build import substitute as put
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import watch
from tensorprop.core.ranges import size
from tensorprop.core.templates import meaning
from tensorprop.core.terms import base_and_exponent, factors_of, terms_of
from tensorprop.core.told import limit
from tensorprop.core.walk import dims_of, fold, postorder

__all__ = ["canonical", "leading", "same"]

MAX_TERMS = 400  # products of sums are multiplied out up to this many terms
MAX_POWER = 8  # whole powers of sums are multiplied out up to this exponent
MAX_BRANCHES = 120  # namings that are tried where colours leave a tie

# A term is (bound letters, ((atom, exponent), …)); a polynomial maps terms to their coefficients.
Term = tuple[tuple[str, ...], tuple[tuple[Expr, Fraction], ...]]
Poly = dict[Term, Fraction]

_UNIT: Term = ((), ())
Done = dict[Expr, Expr]
_cache: Done = {}
_CACHED = 50_000  # canonical forms that are remembered before all are forgotten
_rank: weakref.WeakKeyDictionary[Expr, int] = weakref.WeakKeyDictionary()
_counter = itertools.count()


def _forget() -> None:
    """What rows mean has changed."""
    global _cache
    _cache = {}


watch(_forget)


def same(a: Expr, b: Expr) -> bool:
    """Whether two expressions have one canonical form, which proves them equal.

    >>> from tensorprop.core.build import sum_over, tensor
    >>> chain = [mul(tensor("A", "i", k), tensor("B", k, "j")) for k in "kl"]
    >>> same(sum_over("k", chain[0]), sum_over("l", chain[1]))
    True
    """
    return a is b or _alike(a, b) or canonical(a) is canonical(b)


def _alike(a: Expr, b: Expr) -> bool:
    """Whether two sums over products of tensors have the same factors, their bound letters exchanged."""
    one, other = _flat(a), _flat(b)
    if one is None or other is None or len(one) != len(other):
        return False
    there, back = dict[str | int, str | int](), dict[str | int, str | int]()
    for (name, mine), (known, theirs) in zip(one, other, strict=True):
        if name != known or len(mine) != len(theirs):
            return False
        for i, j in zip(mine, theirs, strict=True):
            if there.setdefault(i, j) != j or back.setdefault(j, i) != i or (isinstance(i, str) and i != j):
                return False
    return True


def _flat(e: Expr) -> list[tuple[str, tuple[str | int, ...]]] | None:
    """The factors by name, a number for each bound letter; None where something else stands there."""
    out: list[tuple[str, tuple[str | int, ...]]] = []
    stack: list[tuple[Expr, dict[str, int]]] = [(e, {})]
    bound = 0
    while stack:
        n, known = stack.pop()
        match n:
            case Sum(indices, body):
                stack.append((body, known | dict(zip(indices, range(bound, bound + len(indices)), strict=True))))
                bound += len(indices)
            case Mul(factors):
                stack += [(f, known) for f in reversed(factors)]
            case Tensor(name) if (letters := n.letters) is not None:
                out.append((name, tuple([known.get(i, i) for i in letters])))
            case _:
                return None
    if len({i for _, letters in out for i in letters if isinstance(i, int)}) < bound:
        return None  # a sum over nothing is a size
    out.sort(key=lambda f: f[0])
    return out


def canonical(e: Expr, axis: Callable[[Dim], Dim] | None = None) -> Expr:
    """The canonical form of ``e``; ``axis`` may name one axis for all that are known to have the same size.

    >>> from tensorprop.core.build import tensor
    >>> x, y = tensor("x", "i"), tensor("y", "i")
    >>> canonical(mul(add(x, y), add(x, y))) is canonical(add(mul(x, x), mul(number(2), y, x), mul(y, y)))
    True
    """
    if axis is not None:
        e = _canonical(e, axis, {})
        # a size that took the place of a sum was not seen by ``axis``
        return e if all(axis(d) is d for d in dims_of(e)) else _canonical(e, axis, {})
    global _cache
    if len(_cache) > _CACHED:
        _cache = {}  # a new one: a call further out may still be filling the old one
    return _canonical(e, None, _cache)


def leading(e: Expr) -> Fraction:
    """The number before the first term of a canonical expression; that of ``-e`` is its negative.

    >>> from tensorprop.core.build import tensor
    >>> leading(canonical(mul(number(-2), tensor("x", "i"))))
    Fraction(-2, 1)
    """
    first = e.terms[0] if isinstance(e, Add) else e
    body = first.body if isinstance(first, Sum) else first
    head = body.factors[0] if isinstance(body, Mul) else body
    return head.value if isinstance(head, Number) else Fraction(1)


def _canonical(e: Expr, axis: Callable[[Dim], Dim] | None, done: Done) -> Expr:
    return fold(e, lambda n, children: _expr(_poly(n, list(children), axis, done)), done)


# --------------------------------------------------------------------------- polynomials
def _poly(n: Expr, children: list[Expr], axis: Callable[[Dim], Dim] | None, done: Done) -> Poly:
    """The polynomial of a node whose children are canonical."""
    match n:
        case Number(value):
            return {_UNIT: value} if value else {}
        case Dim():
            return _atom(axis(n) if axis else n)
        case Index():
            return _atom(n)
        case Tensor():
            return _atom(Tensor(n.name, tuple(children)))
        case Bracket():
            return _read(_bracket(n.relation, *children))
        case Add():
            return _plus(_read(c) for c in children)
        case Mul():
            return _times([_read(c) for c in children])
        case Sum():
            return _sum(n.indices, _read(children[0]), n.body)
        case Reduce():
            return _reduction(n, children, axis, done)
        case Call():
            return _call(n.function, children)
        case _:
            return _atom(n)


def _atom(e: Expr, exponent: Fraction = Fraction(1)) -> Poly:
    return {((), ((e, exponent),)): Fraction(1)}


def _bracket(relation: str, left: Expr, right: Expr) -> Expr:
    """``[a > b]`` and ``[b < a]`` are one; so are the two sides of an equality."""
    if relation in "<≤" or (relation in "=≠" and _order(right) < _order(left)):
        mirror = {"<": ">", "≤": "≥"}
        return bracket(mirror.get(relation, relation), right, left)
    return bracket(relation, left, right)


def _plus(polys: Iterable[Poly]) -> Poly:
    out: Poly = {}
    for p in polys:
        for t, c in p.items():
            total = out.get(t, 0) + c
            if total:
                out[t] = Fraction(total)
            else:
                del out[t]
    return out


def _times(polys: list[Poly]) -> Poly:
    size = 1
    for p in polys:
        size *= max(1, len(p))
    if size > MAX_TERMS:
        long = [p for p in polys if len(p) > 1]
        polys = [p for p in polys if len(p) <= 1] + [_atom(_expr(p)) for p in long]
    out: Poly = {_UNIT: Fraction(1)}
    for p in polys:
        new: Poly = {}
        for (s, c), (t, d) in itertools.product(out.items(), p.items()):
            term = _join(s, t)
            for u, k in _tidy(*term).items():
                total = new.get(u, 0) + k * c * d
                if total:
                    new[u] = Fraction(total)
                else:
                    new.pop(u, None)
        out = new
    return out


def _join(s: Term, t: Term) -> tuple[tuple[str, ...], dict[Expr, Fraction]]:
    """The product of two terms, bound letters kept apart."""
    fresh = _letters([a for a, _ in (*s[1], *t[1])], (*s[0], *t[0]))
    bound = dict(zip(s[0], fresh, strict=False))
    bound2 = dict(zip(t[0], fresh[len(s[0]) :], strict=True))
    factors: dict[Expr, Fraction] = {}
    for names, part in ((bound, s[1]), (bound2, t[1])):
        values = {old: Index(new) for old, new in names.items() if old != new}
        for atom, n in part:
            renamed = canonical(put(atom, values)) if values and not values.keys().isdisjoint(atom.free) else atom
            factors[renamed] = factors.get(renamed, Fraction(0)) + n
    return (*bound.values(), *bound2.values()), factors


def _letters(atoms: Iterable[Expr], bound: Sequence[str]) -> list[str]:
    """Names for letters bound around these atoms: one % more than any binder in them has, and none that is free."""
    depth, taken = 1, set[str]()
    for a in atoms:
        taken |= a.free
        for i in a.binds:
            depth = max(depth, 1 + len(i) - len(i.lstrip("%")))
    names = (name for k in itertools.count() if (name := f"{'%' * depth}{k}") in bound or name not in taken)
    return list(itertools.islice(names, len(bound)))


def _sum(indices: tuple[str, ...], p: Poly, whole: Expr) -> Poly:
    """The sum over some letters; where a term lacks one, its size stands for it, as ``whole`` tells it."""
    parts: list[Poly] = []
    for (bound, factors), c in p.items():
        named: dict[Expr, Fraction] = {}
        kept: list[str] = []
        for i in indices:
            n = None if any(i in a.free for a, _ in factors) else size(whole, i)
            if not isinstance(n, Dim):
                kept.append(i)
            else:
                named[n] = named.get(n, Fraction(0)) + 1
        letters = (*bound, *kept)
        fresh = _letters([a for a, _ in factors], letters)
        names = dict(zip(letters, fresh, strict=True))
        for a, n in _called(factors, names):
            named[a] = named.get(a, Fraction(0)) + n
        parts.append({t: k * c for t, k in _tidy(tuple(fresh), named).items()})
    return _plus(parts)


def _power(p: Poly, n: Fraction) -> Poly:
    """A numeric power: of one product factor by factor, of a sum multiplied out while it is small."""
    if n == 1:
        return p
    if not p:
        return {} if n > 0 else _atom(power(ZERO, number(n)))
    if len(p) == 1:
        (((bound, factors), c),) = p.items()
        if not bound and n.denominator == 1:
            scale = _scale(c, n)
            if scale is not None:
                # 0·∞ aside, (x y)^n = x^n y^n for whole n
                return {t: k * scale for t, k in _tidy((), {a: e * n for a, e in factors}).items()}
        if not bound and c == 1 and len(factors) == 1:
            (atom, e) = factors[0]
            if e.denominator == 1 and e % 2:
                return {((), ((atom, e * n),)): Fraction(1)}
    if n.denominator == 1 and 1 < n <= MAX_POWER and len(p) ** int(n) <= MAX_TERMS:
        return _times([p] * int(n))
    c, common, rest = _content(p)
    if n.denominator == 1 and (c != 1 or common):
        scale = _scale(c, n)
        if scale is not None:
            outer = {((), tuple((a, e * n) for a, e in common)): scale}
            return _times([outer, _atom(_expr(rest), n)])
    return _atom(_expr(p), n)


def _scale(c: Fraction, n: Fraction) -> Fraction | None:
    """c^n, where that is a number of reasonable length."""
    size = max(c.numerator.bit_length(), c.denominator.bit_length())
    return c ** int(n) if abs(n) * size <= 4096 and (c or n > 0) else None


def _content(p: Poly) -> tuple[Fraction, tuple[tuple[Expr, Fraction], ...], Poly]:
    """A sum as number × common powers × rest, the rest's first coefficient 1."""
    lead = p[min(p, key=_term_order)]
    bound = frozenset(i for t in p for i in t[0])
    common: dict[Expr, Fraction] | None = None
    for _, factors in p:
        here = {a: e for a, e in factors if not (a.free & bound)}
        common = here if common is None else {a: min(e, here[a]) for a, e in common.items() if a in here}
    shared = {a: e for a, e in (common or {}).items() if e.denominator == 1}
    rest: Poly = {}
    for (letters, factors), c in p.items():
        left = tuple((a, e - shared.get(a, 0)) for a, e in factors if e != shared.get(a, 0))
        rest[(letters, left)] = c / lead
    return lead, tuple(sorted(shared.items(), key=lambda f: _order(f[0]))), rest


_POWERS = {"sqrt": Fraction(1, 2), "rsqrt": Fraction(-1, 2), "square": Fraction(2), "reciprocal": Fraction(-1)}


def _call(function: str, args: list[Expr]) -> Poly:
    if function in _POWERS:
        return _power(_read(args[0]), _POWERS[function])
    if function == "power" and isinstance(args[1], Number):
        return _power(_read(args[0]), args[1].value)
    if function == "exp":
        return _exponential(_read(args[0]))
    if function == "power":
        inside = _exponent(_read(args[0]))
        if inside is not None:
            return _exponential(_times([inside, _read(args[1])]))
    if function in ("max", "min"):
        return _atom(_chain(function, args))
    return _atom(Call(function, tuple(args)))


def _chain(function: str, args: list[Expr]) -> Expr:
    """max(max(x, y), z), the arguments in order, each once."""
    flat: dict[Expr, None] = {}
    stack = args[::-1]
    while stack:
        a = stack.pop()
        if isinstance(a, Call) and a.function == function:
            stack.extend(a.args[::-1])
        else:
            flat[a] = None
    first, *others = sorted(flat, key=_order)
    for a in others:
        first = Call(function, (first, a))
    return first


def _exponent(p: Poly) -> Poly | None:
    """2 x + y, where a polynomial is exp(x)^2 exp(y); else None."""
    if len(p) != 1:
        return None
    (((bound, factors), c),) = p.items()
    if bound or c != 1 or not all(isinstance(a, Call) and a.function == "exp" for a, _ in factors):
        return None
    return _plus(_times([_read(a.children[0]), {_UNIT: n}]) for a, n in factors)


def _exponential(p: Poly) -> Poly:
    """exp(2 x + y + n log z) = exp(x)^2 exp(y) z^n, and exp(w log z) = z^w."""
    if len(p) > MAX_POWER:
        return _atom(Call("exp", (_expr(p),)))
    factors: list[Poly] = []
    for t, c in p.items():
        bound, atoms = t
        base: Expr = Call("exp", (_expr({t: Fraction(1)}),))
        if not bound and len(atoms) == 1:
            atom, n = atoms[0]
            if n == 1 and isinstance(atom, Call) and atom.function == "log":
                base = atom.args[0]
        logs = [a for a, n in atoms if n == 1 and isinstance(a, Call) and a.function == "log"]
        if not bound and len(logs) == 1 and len(atoms) > 1:
            others = tuple((a, n) for a, n in atoms if a is not logs[0])
            factors.append(_atom(Call("power", (logs[0].children[0], _expr({(bound, others): c})))))
        else:
            factors.append(_power(_read(base), c))
    return _times(factors)


def _reduction(n: Reduce, children: list[Expr], axis: Callable[[Dim], Dim] | None, done: Done) -> Poly:
    """Means and normalisers by what they mean; other reductions are unknowns over a canonical body."""
    body, at = children[0], tuple(children[1:])
    simpler = meaning(n, body, at)
    if simpler is not None:
        return _read(_canonical(simpler, axis, done))
    if not at and n.op in _IN_ANY_ORDER:
        (bound, ((inner, _),)) = _named(n.indices, ((body, Fraction(1)),))
        return _atom(Reduce(n.op, bound, inner, at))
    names = dict(zip(n.indices, _letters([body], n.indices), strict=True))
    inner = canonical(put(body, {i: Index(new) for i, new in names.items()}))
    return _atom(Reduce(n.op, tuple(names.values()), inner, at))


_IN_ANY_ORDER = frozenset(("max", "min", "prod"))


# --------------------------------------------------------------------------- terms
def _tidy(bound: tuple[str, ...], factors: dict[Expr, Fraction]) -> Poly:
    """One product, brackets used up and bound letters named after their places."""
    while True:
        step = _one_point(bound, factors)
        if step is None:
            break
        bound, factors = step
    items = {a: n for a, n in factors.items() if n}
    if any(_compound(a, n) for a, n in items.items()):
        parts = _times([_power(_read(a), n) if _compound(a, n) else _atom(a, n) for a, n in items.items()])
        return _sum(bound, parts, mul(*items)) if bound else parts
    for i in bound:
        users = [a for a in items if i in a.free]
        n = limit(users[0], i) if len(users) == 1 else None
        if isinstance(n, Dim):  # Σ_i [i < n] = n
            del items[users[0]]
            items[n] = items.get(n, Fraction(0)) + 1
            bound = tuple(j for j in bound if j != i)
    return {_named(bound, tuple(items.items())): Fraction(1)}


def _compound(a: Expr, n: Fraction) -> bool:
    """Whether a factor can be read as a product of others; the base of a root or of a divisor stays whole."""
    if isinstance(a, Sum):
        return n.denominator == 1 and 1 <= n <= MAX_POWER
    return n.denominator == 1 and (isinstance(a, Number) or (n > 0 and isinstance(a, Mul)))


def _one_point(
    bound: tuple[str, ...], factors: dict[Expr, Fraction]
) -> tuple[tuple[str, ...], dict[Expr, Fraction]] | None:
    for b, n in factors.items():
        if not isinstance(b, Bracket):
            continue
        if n != 1 and n > 0:
            return bound, {**factors, b: Fraction(1)}
        if b.relation != "=" or not isinstance(b.left, Index) or not isinstance(b.right, Index):
            continue
        i, j = b.left.name, b.right.name
        others = {a: e for a, e in factors.items() if a is not b}
        if i in bound or j in bound:
            old, new = (i, j) if i in bound else (j, i)
            left = tuple(k for k in bound if k != old)
            if new in left and not any(new in a.free or old in a.free for a in others):
                continue
            return left, _put_all(others, old, new)
        low, high = sorted((i, j))
        if any(high in a.free for a in others):
            moved = _put_all(others, high, low)
            moved[b] = Fraction(1)
            return bound, moved
    return None


def _put_all(factors: dict[Expr, Fraction], old: str, new: str) -> dict[Expr, Fraction]:
    out: dict[Expr, Fraction] = {}
    for a, n in factors.items():
        r = canonical(put(a, {old: Index(new)})) if old in a.free else a
        if r is ONE:
            continue
        out[r] = out.get(r, Fraction(0)) + n
    return out


def _named(bound: tuple[str, ...], factors: tuple[tuple[Expr, Fraction], ...]) -> Term:
    """The term with its bound letters called %0, %1 … in an order that does not depend on their old names."""
    if not bound:
        return (), tuple(sorted(factors, key=_factor_order))
    fresh = _letters([a for a, _ in factors], bound)
    if len(bound) == 1:
        return tuple(fresh), tuple(sorted(_called(factors, {bound[0]: fresh[0]}), key=_factor_order))
    colours = _refine({i: 0 for i in bound}, factors)
    best: Term | None = None
    for order in itertools.islice(_orders(colours, factors), MAX_BRANCHES):
        names = dict(zip(order, fresh, strict=True))
        candidate = (tuple(names.values()), tuple(sorted(_called(factors, names), key=_factor_order)))
        if best is None or _term_order(candidate) < _term_order(best):
            best = candidate
    assert best is not None
    return best


def _called(factors: Iterable[tuple[Expr, Fraction]], names: dict[str, str]) -> list[tuple[Expr, Fraction]]:
    values = {old: Index(new) for old, new in names.items() if old != new}
    if not values:
        return list(factors)
    # two steps, so that a letter that is both old and new is not taken twice
    return [(canonical(put(a, values)) if not values.keys().isdisjoint(a.free) else a, n) for a, n in factors]


def _orders(colours: dict[str, int], factors: tuple[tuple[Expr, Fraction], ...]) -> Iterable[list[str]]:
    """Orders of the letters that agree with the colours; a tie is broken by each of its letters in turn."""
    classes: dict[int, list[str]] = {}
    for i, c in colours.items():
        classes.setdefault(c, []).append(i)
    tied = next((classes[c] for c in sorted(classes) if len(classes[c]) > 1), None)
    if tied is None:
        yield sorted(colours, key=lambda i: colours[i])
        return
    for i in tied:
        split = {k: 2 * c + 1 for k, c in colours.items()}
        split[i] -= 1
        yield from _orders(_refine(split, factors), factors)


def _refine(colours: dict[str, int], factors: tuple[tuple[Expr, Fraction], ...]) -> dict[str, int]:
    """Colours refined until stable: two letters keep one colour only where they stand in like places."""
    count = len(set(colours.values()))
    while True:
        marks: dict[str, list[tuple[object, ...]]] = {i: [] for i in colours}
        for atom, n in factors:
            here = [i for i in colours if i in atom.free]
            for i in here:
                marks[i].append((n, _signature(atom, colours, i)))
        ranked = {i: (colours[i], tuple(sorted(map(repr, marks[i])))) for i in colours}
        numbers = {m: k for k, m in enumerate(sorted(set(ranked.values())))}
        colours = {i: numbers[m] for i, m in ranked.items()}
        if len(numbers) == count:
            return colours
        count = len(numbers)


def _signature(root: Expr, colours: dict[str, int], point: str) -> int:
    """A number for an atom in which bound letters are seen as their colours, and ``point`` as itself."""
    done: dict[Expr, int] = {}
    for n in postorder(root):
        if colours.keys().isdisjoint(n.free):
            done[n] = hash(("whole", _order(n)))
            continue
        parts = tuple(done[c] for c in n.children)
        match n:
            case Index(name):
                value = (
                    ("point",) if name == point else ("letter", colours[name]) if name in colours else ("name", name)
                )
            case Add() | Mul():
                value = (type(n).__name__, tuple(sorted(parts)))
            case Bracket():
                value = ("bracket", n.relation, tuple(sorted(parts)) if n.relation in "=≠" else parts)
            case Tensor():
                value = ("tensor", n.name, parts)
            case Call():
                value = ("call", n.function, parts)
            case Sum():
                value = ("sum", len(n.indices), parts)
            case Reduce():
                value = ("reduce", n.op, len(n.indices), parts)
            case _:
                value = ("other", parts)
        done[n] = hash(value)
    return done[root]


# --------------------------------------------------------------------------- order, reading, writing
def _order(e: Expr) -> int:
    """A number for an expression: any total order of objects that are alive will do."""
    found = _rank.get(e)
    if found is None:
        found = _rank[e] = next(_counter)
    return found


def _factor_order(f: tuple[Expr, Fraction]) -> tuple[int, Fraction]:
    return _order(f[0]), f[1]


def _term_order(t: Term) -> tuple[object, ...]:
    return len(t[0]), len(t[1]), tuple(_factor_order(f) for f in t[1])


def _expr(p: Poly) -> Expr:
    """A polynomial as an expression, terms in order."""
    terms: list[Expr] = []
    for t in sorted(p, key=_term_order):
        bound, factors = t
        body = mul(number(p[t]), *(a if n == 1 else _raised(a, n) for a, n in factors))
        terms.append(Sum(bound, body) if bound else body)
    return add(*terms)


def _raised(a: Expr, n: Fraction) -> Expr:
    tame = abs(n) <= MAX_EXPONENT and n.denominator <= 10**18
    return power(a, number(n)) if tame else Call("power", (a, number(n)))


def _read(e: Expr) -> Poly:
    """The polynomial of a canonical expression: the inverse of ``_expr``."""
    out: Poly = {}
    for t in terms_of(e):
        bound: tuple[str, ...] = ()
        body = t
        if isinstance(t, Sum):
            bound, body = t.indices, t.body
        coefficient = Fraction(1)
        factors: dict[Expr, Fraction] = {}
        for f in factors_of(body):
            if isinstance(f, Number):
                coefficient *= f.value
                continue
            base, n = base_and_exponent(f)
            factors[base] = factors.get(base, Fraction(0)) + n
        if coefficient:
            key = (bound, tuple(sorted(factors.items(), key=_factor_order)))
            out[key] = out.get(key, Fraction(0)) + coefficient
    return out
