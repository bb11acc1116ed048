"""Which number a program's number is: 1/3, √(2/π), or something made of sizes.

In: a number as a program holds it, rounded, one for each of several sizes of its arguments. Out: the exact expression
that it stands for. One size alone cannot tell 0.25 from 1/dim(b), so a number that changes with the sizes is held
against ``a g + b`` where g is made of sizes (n, nm, 1/n, √n, n - 1, log n …); whole numbers against affine forms.
This file knows neither letters nor programs: a size is a tuple of its values and the expression for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.build import ONE, add, call, divide, mul, negate, number, power
from tensorprop.core.expr import Expr, Number

__all__ = ["Extent", "constant_number", "fitted", "fitted_whole", "rounded", "simplest", "times"]

Extent = tuple[int, ...]
"""A size, as it is in each of the traces."""


def times(extents: Iterable[Extent], count: int) -> Extent:
    """The product of sizes, trace by trace."""
    out = (1,) * count
    for e in extents:
        out = tuple(a * b for a, b in zip(out, e, strict=True))
    return out


# --------------------------------------------------------------------------- numbers that stay the same
_PI = call("pi")
_BASES: list[tuple[Expr, float]] = [
    (_PI, math.pi),
    (call("sqrt", number(2)), math.sqrt(2)),
    (call("sqrt", mul(number(2), _PI)), math.sqrt(2 * math.pi)),
    (call("sqrt", _PI), math.sqrt(math.pi)),
    (call("log", number(2)), math.log(2)),
    (call("log", mul(number(2), _PI)), math.log(2 * math.pi)),
    (call("log", _PI), math.log(math.pi)),
    (call("log", number(10)), math.log(10)),
    (call("sqrt", number(3)), math.sqrt(3)),
    (call("sqrt", number(5)), math.sqrt(5)),
    (call("exp", ONE), math.e),
    (call("sqrt", divide(number(2), _PI)), math.sqrt(2 / math.pi)),
    (power(_PI, number(2)), math.pi**2),
]
_FACTORS = [Fraction(t) for t in "1 2 1/2 4 1/3 1/4 3 1/6 1/8 8 6 3/2 2/3 3/4 4/3 180 1/180 1/12".split()]
_EXACT: dict[str, int] = {"float32": 7, "float64": 15}  # digits from which on a decimal is nobody's own


def _constants() -> Iterator[tuple[Expr, float]]:
    for f in _FACTORS:
        for e, v in _BASES:
            yield mul(Number(f), e), float(f) * v
            yield divide(Number(f), e), float(f) / v


_CONSTANTS = list(_constants())


def constant_number(value: Any, dtype: Any = None) -> Expr | None:
    """What a number of a program stands for, as its type rounds it; None for infinities and what is no number.

    The shortest decimal that the type rounds to this value: 0.1. Where that has as many digits as the type, a
    fraction or a constant of which it is the nearest number: 1/3, 2 π.

    >>> import numpy as np
    >>> from tensorprop.text import show
    >>> [show(constant_number(np.float32(x))) for x in (0.1, 1 / 3, 2 * np.pi, 0.33333)]
    ['0.1', '1/3', '2 π', '0.33333']
    """
    a = np.asarray(value)
    kind = np.dtype(dtype if dtype is not None else a.dtype)
    if kind.kind in "biu":
        return Number(Fraction(int(a)))
    x = float(a)
    if not math.isfinite(x):
        return None
    text = rounded(x, kind)
    digits = len(text.lstrip("-").partition("e")[0].replace(".", "").strip("0"))
    if digits >= _EXACT.get(kind.name, 99):
        exact = _named(x, kind)
        if exact is not None:
            return exact
    return Number(Fraction(text))


def rounded(x: float, kind: np.dtype[Any]) -> str:
    """The decimal with the fewest digits that a type rounds to ``x``."""
    if kind.name in ("float16", "float32", "float64"):
        return np.format_float_scientific(kind.type(x), unique=True)
    with np.errstate(all="ignore"):
        for digits in range(1, 18):
            text = f"{x:.{digits}g}"
            if float(kind.type(float(text))) == float(kind.type(x)):
                return text
    return repr(x)


def _named(x: float, kind: np.dtype[Any]) -> Expr | None:
    """A fraction with a small divisor, or a known constant, of which ``x`` is the nearest number of the type."""
    size, same = abs(x), float(kind.type(x))
    with np.errstate(all="ignore"):
        near = Fraction(size).limit_denominator(60)
        if 0 < near.numerator < 1000 and float(kind.type(math.copysign(float(near), x))) == same:
            return Number(near if x > 0 else -near)
        for e, v in _CONSTANTS:
            if abs(v - size) < 1e-6 * v and float(kind.type(math.copysign(v, x))) == same:
                return e if x > 0 else negate(e)
        for e, v in _root_or_logarithm(size):
            if float(kind.type(math.copysign(v, x))) == same:
                return e if x > 0 else negate(e)
    return None


def _root_or_logarithm(size: float) -> Iterator[tuple[Expr, float]]:
    """√ of a small number or fraction and the logarithm of a whole number that are near, and what they are."""
    square = Fraction(size * size).limit_denominator(60)
    if 0 < square.numerator < 1000:
        yield call("sqrt", Number(square)), math.sqrt(square)
    if 0.6 < size < 12:
        whole = round(math.exp(size))
        yield call("log", number(whole)), math.log(whole)


def simplest(x: float, close: float) -> Expr:
    """The simplest number within a relative distance of ``x``: a whole number, a fraction, a decimal, a constant."""
    if x == 0:
        return number(0)
    size, sign = abs(x), 1 if x > 0 else -1
    near = Fraction(size).limit_denominator(64)
    if near and abs(float(near) / size - 1) < close:
        return Number(sign * near)
    short = next((t for n in range(1, 5) if abs(float(t := f"{size:.{n}g}") / size - 1) < close), None)
    if short is None:
        for e, v in _CONSTANTS:
            if abs(v / size - 1) < close:
                return e if sign > 0 else negate(e)
        short = next((t for n in range(5, 17) if abs(float(t := f"{size:.{n}g}") / size - 1) < close), repr(size))
    return Number(sign * Fraction(short))


# --------------------------------------------------------------------------- numbers that change with the sizes
class _SizeProduct(NamedTuple):
    """A function of sizes: its logarithm in each trace, and above and below the fraction line."""

    log: np.ndarray[Any, Any]
    above: tuple[Expr, ...]
    below: tuple[Expr, ...]


def _atoms(name: Expr, values: np.ndarray[Any, Any]) -> list[tuple[Expr, np.ndarray[Any, Any]]]:
    found = [(name, values)]
    if values.min() > 1:
        found.append((add(name, number(-1)), values - 1))
    found.append((add(name, ONE), values + 1))
    return found


def _powers(atom: Expr, values: np.ndarray[Any, Any], plain: bool) -> Iterator[_SizeProduct]:
    log = np.log(values)
    root = call("sqrt", atom)
    yield _SizeProduct(-log, (), (atom,))
    yield _SizeProduct(log, (atom,), ())
    yield _SizeProduct(-log / 2, (), (root,))
    yield _SizeProduct(log / 2, (root,), ())
    if plain:
        square = power(atom, number(2))
        yield _SizeProduct(2 * log, (square,), ())
        yield _SizeProduct(-2 * log, (), (square,))
        for p in (Fraction(1, 4), Fraction(1, 3)):
            yield _SizeProduct(-float(p) * log, (), (call("power", atom, Number(p)),))
            yield _SizeProduct(float(p) * log, (call("power", atom, Number(p)),), ())
        if values.min() > 1:
            ln = call("log", atom)
            yield _SizeProduct(np.log(log), (ln,), ())
            yield _SizeProduct(-np.log(log), (), (ln,))
            yield _SizeProduct(np.log(log) / 2, (call("sqrt", ln),), ())


def _forms(dims: Mapping[Extent, Expr]) -> Iterator[list[_SizeProduct]]:
    """Functions of sizes, simpler ones first."""
    sizes = [(e, np.array(n, float)) for n, e in dims.items()]
    singles: list[list[_SizeProduct]] = []
    for e, n in sizes:
        own = [f for k, (a, v) in enumerate(_atoms(e, n)) for f in _powers(a, v, not k)]
        for (a, v), (b, w) in combinations(_atoms(e, n)[:2], 2):  # n (n - 1), n / (n - 1) …
            own += _pairs(_reciprocal_or_not(a, v), _reciprocal_or_not(b, w))
        singles.append(own)
    yield [f for own in singles for f in own[:14]]
    yield [f for own in singles for f in own[14:]]
    plain = [_reciprocal_or_not(e, n) + list(_roots(e, n)) for e, n in sizes]
    yield [f for a, b in combinations(plain, 2) for f in _pairs(a, b)]
    for (d, n), (e, m) in combinations(sizes, 2):  # n + m, as in Glorot's √(2 / (n + m))
        yield list(_powers(add(d, e), n + m, False))
        for x, y, v in ((d, e, n - m), (e, d, m - n)):
            if v.min() > 0:
                yield list(_powers(add(x, negate(y)), v, False))
        yield list(_powers(add(mul(d, e), number(-1)), n * m - 1, False))
    if len(sizes) > 2:
        short = [_reciprocal_or_not(e, n) for e, n in sizes]
        yield [f for a, b, c in combinations(short, 3) for f in _pairs(_pairs(a, b), c)]
        every = [_reciprocal_or_not(e, n)[0] for e, n in sizes]
        for count in range(4, len(every) + 1):
            for some in combinations(every, count):
                whole = some[0]
                for f in some[1:]:
                    (whole,) = _pairs([whole], [f])
                yield [whole, _SizeProduct(-whole.log, whole.below, whole.above)]
        for some in combinations(sizes, 3):
            all_ = mul(*(e for e, _ in some))
            yield list(_powers(add(all_, number(-1)), np.prod([n for _, n in some], axis=0) - 1, False))
    if len(sizes) > 1:
        yield [f for a, b in combinations(singles, 2) for f in _pairs(a, b)]
    for k in (2, 3, 4):  # what differences of differences leave
        less = [(add(e, number(-k)), n - k) for e, n in sizes if n.min() > k]
        yield [f for e, n in less for f in _powers(e, n, False)]
        short = [(_reciprocal_or_not(e, n), _reciprocal_or_not(d, m)) for (e, n), (d, m) in product(less, sizes)]
        yield [f for a, b in short for f in _pairs(a, b)]


def _reciprocal_or_not(e: Expr, n: np.ndarray[Any, Any]) -> list[_SizeProduct]:
    log = np.log(n)
    return [_SizeProduct(-log, (), (e,)), _SizeProduct(log, (e,), ())]


def _roots(e: Expr, n: np.ndarray[Any, Any]) -> list[_SizeProduct]:
    log, root = np.log(n) / 2, call("sqrt", e)
    return [_SizeProduct(-log, (), (root,)), _SizeProduct(log, (root,), ())]


def _pairs(a: Sequence[_SizeProduct], b: Sequence[_SizeProduct]) -> list[_SizeProduct]:
    return [_SizeProduct(x.log + y.log, (*x.above, *y.above), (*x.below, *y.below)) for x, y in product(a, b)]


def fitted(values: Sequence[float], dims: Mapping[Extent, Expr], close: float) -> tuple[Expr, Expr] | None:
    """Above and below the fraction line of what has these values; None if nothing that is known has them.

    ``dims``: every size that changes, and its name. Values are to be right but for a relative error ``close``.

    >>> from tensorprop.core.expr import Dim
    >>> from tensorprop.text import show
    >>> n, m = Dim("x", 0), Dim("x", 1)
    >>> above, below = fitted((2 / 15, 2 / 21, 2 / 55, 2 / 26), {(3, 7, 5, 13): n, (5, 3, 11, 2): m}, 1e-9)
    >>> show(above), show(below)
    ('2', 'dim(x, 0) dim(x, 1)')
    """
    v = np.array(values, float)
    if len(v) < 2 or not dims or not np.isfinite(v).all():
        return None
    groups = list(_forms(dims))
    if (v != 0).all() and ((v > 0).all() or (v < 0).all()):
        logs = np.log(np.abs(v))
        for forms in groups:
            found = _scaled(forms, v, logs, close)
            if found is not None:
                return found
    for forms in groups[:3]:
        shifted = _shifted(forms, v, close)
        if shifted is not None:
            return shifted, ONE
    return None


def _scaled(
    forms: Sequence[_SizeProduct], v: np.ndarray[Any, Any], logs: np.ndarray[Any, Any], close: float
) -> tuple[Expr, Expr] | None:
    """``a g``: the one whose a is the simplest."""
    if not forms:
        return None
    ratio = logs - np.array([f.log for f in forms])
    spread = ratio.max(1) - ratio.min(1)
    best: tuple[int, tuple[Expr, Expr]] | None = None
    for k in np.flatnonzero(spread < 4 * close):
        f = forms[int(k)]
        a = simplest(float(np.sign(v[0]) * np.exp(ratio[k].mean())), 4 * close)
        cost = _cost(a)
        if best is None or cost < best[0]:
            if isinstance(a, Number) and f.below:
                above = mul(Number(Fraction(a.value.numerator)), *f.above)
                below = mul(Number(Fraction(a.value.denominator)), *f.below)
                best = cost, (above, below)
            else:
                best = cost, (mul(a, *f.above), mul(*f.below))
    return best[1] if best is not None else None


def _shifted(forms: Sequence[_SizeProduct], v: np.ndarray[Any, Any], close: float) -> Expr | None:
    """``a g + b``, where a and b are short numbers."""
    if not forms or len(v) < 4:
        return None
    best: tuple[int, Expr] | None = None
    scale = np.abs(v).max()
    for f in forms:
        g = np.exp(f.log)
        k, j = int(g.argmin()), int(g.argmax())
        if g[j] - g[k] < 1e-9 * g[j]:
            continue
        a = (v[j] - v[k]) / (g[j] - g[k])
        b = v[k] - a * g[k]
        if np.abs(a * g + b - v).max() > 8 * close * scale:
            continue
        wide = 16 * close * (1 + scale / max(abs(a) * (g[j] - g[k]), 1e-300))
        a_, b_ = simplest(a, min(wide, 1e-3)), simplest(b, min(16 * close * (1 + scale / max(abs(b), 1e-300)), 1e-3))
        cost = _cost(a_) + _cost(b_)
        if cost < 40 and (best is None or cost < best[0]):
            best = cost, add(divide(mul(a_, *f.above), mul(*f.below)), b_)
    return best[1] if best is not None else None


def _cost(e: Expr) -> int:
    """How long a number is."""
    return 3 * len(str(e.value)) if isinstance(e, Number) else 16


def fitted_whole(values: Extent, dims: Mapping[Extent, Expr]) -> Expr | None:
    """A whole number that changes with the sizes, as ``a n + b``, ``n ± m + b``, ``n m``, ``n/m``, ``floor``.

    None if it is none of these.

    >>> from tensorprop.core.expr import Dim
    >>> from tensorprop.text import show
    >>> show(fitted_whole((4, 6, 10), {(5, 7, 11): Dim("x", 0)}))
    'dim(x, 0) - 1'
    """
    if len(set(values)) == 1:
        return number(values[0])
    if values in dims:
        return dims[values]
    singles = list(dims.items())
    pairs = list(combinations(singles, 2))
    forms: list[tuple[Expr, Extent]] = [(e, n) for n, e in singles]
    forms += [(add(d, e), tuple(a + b for a, b in zip(n, m, strict=True))) for (n, d), (m, e) in pairs]
    for (n, d), (m, e) in pairs:
        for x, y, one, two in ((d, e, n, m), (e, d, m, n)):
            forms.append((add(x, negate(y)), tuple(a - b for a, b in zip(one, two, strict=True))))
    forms += [(mul(d, e), tuple(a * b for a, b in zip(n, m, strict=True))) for (n, d), (m, e) in pairs]
    for (n, e), k in product(singles, (0, 1)):
        forms.append((power(add(e, number(-k)), number(2)), tuple((x - k) ** 2 for x in n)))
    for (n, d), (m, e) in pairs:
        for x, y, one, two in ((d, e, n, m), (e, d, m, n)):
            if all(b and a % b == 0 for a, b in zip(one, two, strict=True)):
                forms.append((divide(x, y), tuple(a // b for a, b in zip(one, two, strict=True))))
    forms += [
        (mul(*(e for _, e in some)), times((n for n, _ in some), len(values))) for some in combinations(singles, 3)
    ]
    for a, b in ((2, 1), (1, 2), (2, -1), (-1, 2), (3, 1), (1, 3), (4, 1), (1, 4)):
        forms += [
            (add(mul(number(a), d), mul(number(b), e)), tuple(a * x + b * y for x, y in zip(n, m, strict=True)))
            for (n, d), (m, e) in pairs
        ]
    for e, n in forms:
        k = next((k for k in range(1, len(n)) if n[k] != n[0]), None)
        if k is None:
            continue
        a = Fraction(values[k] - values[0], n[k] - n[0])
        b = values[0] - a * n[0]
        if a and all(a * x + b == y for x, y in zip(n, values, strict=True)):
            q = a.denominator  # (dim(k, 0) - 1)/2
            return mul(Number(Fraction(1, q)), add(mul(Number(a * q), e), Number(b * q)))
    return _floored(values, forms)


def _floored(values: Extent, forms: Sequence[tuple[Expr, Extent]]) -> Expr | None:
    """The same as ``floor((n + c)/q)``, which windows with a stride and halves of odd sizes have."""
    for q, (e, n) in product((2, 3, 4), forms):
        if len(set(values)) < 3:
            return None
        low = max(q * y - x for x, y in zip(n, values, strict=True))
        high = min(q * y - x + q - 1 for x, y in zip(n, values, strict=True))
        if low <= high:
            c = next((c for c in (0, -1, 1, q - 1) if low <= c <= high), low)
            return call("floor", mul(Number(Fraction(1, q)), add(e, number(c))))
    return None
