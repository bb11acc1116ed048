"""``y[w] = Σ_u a[s w + d u + k] K[u]``: convolution; ``y[w] = Σ_xu [w = s x + d u + k] a[x] K[u]``: its transpose.

Any number of such axes up to three, in any order. Of the other letters, those of both factors that are summed are
features, those of both that are kept are groups, those of one factor alone are the batch or the features of the result.
A read of the second factor, ``K[w - s x + k]``, is the transpose: it says w = s x + u - k with u its subscript. What
lies outside counts nothing, so the factor that is read must be stated to be 0 there, or be read inside. Stride s,
dilation d, padding -k in front; a factor with a minus sign is read backwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tensorprop.core.expr import Index, Tensor
from tensorprop.run.lowerings.few_places import ConvAxis, few_places
from tensorprop.run.lowerings.selection import Selects, called, equalities, solved
from tensorprop.run.lowerings.whole_form import Affine
from tensorprop.run.product import Contraction, Factor
from tensorprop.run.values import Array, Rule, Value

__all__ = ["convolution"]


class Fit(NamedTuple):
    """A product that is a convolution: its axes, its factors by side, what is left for after it."""

    axes: list[ConvAxis]
    first: list[Factor]
    second: list[Factor]
    reads: list[tuple[Factor, list[str]]]  # factors that are read, and letters for their axes
    brackets: list[Factor]
    after: list[Factor]


def convolution(on: Selects, p: Contraction) -> Rule | None:
    """The rule for a product of this form, or nothing."""
    fit = _fit(on, p)
    return None if fit is None else _convolved(on, p, fit)


def _fit(on: Selects, p: Contraction) -> Fit | None:
    found = _reads(on, p)
    if found is None or len(found) > 2:
        return None
    axes = list(found[0][2]) if found else []
    for a in found[1][2] if len(found) > 1 else ():  # read on the other side: said of the result's letter instead
        turned = _turned(a)
        if turned is None:
            return None
        axes.append(turned)
    own = {id(f): frozenset(letters) for f, letters, _ in found}
    names = found[0][1] if found else []
    brackets: list[Factor] = []
    for m, f in equalities(p):
        for i in sorted(p.free):
            e = solved(f, i)
            known = on.affine(e) if e is not None else None
            if known is not None and len(known.letters) == 2 and known.letters.keys() <= set(p.bound):
                one, other = known.letters
                if other in names:
                    one, other = other, one
                axes.append(ConvAxis(i, one, other, i, known))
                brackets.append(m)
                break
    if not axes or len(axes) > 3 or len({a.out for a in axes}) < len(axes) or p.divisors:
        return None
    first, second = {a.first for a in axes}, {a.second for a in axes}
    if first & second or len(first) < len(axes) or len(second) < len(axes):
        return None
    if any(p.sizes.get(i, 1) == 0 for a in axes for i in (a.first, a.second, a.out)):
        return None  # a window of no entry is none of the machine's
    fit = Fit(axes, [], [], [(f, letters) for f, letters, _ in found], brackets, [])
    outs = {a.out for a in axes}
    rest: list[Factor] = []
    for f in p.factors:
        letters = own.get(id(f)) or p.letters(f)
        if letters & first or letters & second:
            if letters & outs or (letters & first and letters & second):
                return None
            (fit.first if letters & first else fit.second).append(f)
        elif letters <= p.free:
            fit.after.append(f)
        else:
            rest.append(f)
    if not fit.first or not fit.second or rest:
        return None
    if any(not p.letters(m) <= p.free for m in p.masks if m not in brackets):
        return None
    return fit


def _reads(on: Selects, p: Contraction) -> list[tuple[Factor, list[str], list[ConvAxis]]] | None:
    """The factors that are read at ``c w + d u + k``, letters for their axes; None if one is read otherwise."""
    found: list[tuple[Factor, list[str], list[ConvAxis]]] = []
    for f in p.factors:
        e, names, _ = f
        if not isinstance(e, Tensor) or all(isinstance(s, Index) for s in e.subscripts):
            continue
        letters: list[str] = []
        axes: list[ConvAxis] = []
        for k, s in enumerate(e.subscripts):
            if isinstance(s, Index) and s.name not in on.time:
                letters.append(p.called(s.name, names))
                continue
            known = on.affine(called(p, s, names))
            kept = [i for i in known.letters if i in p.free] if known is not None else []
            summed = [i for i in known.letters if i in p.bound] if known is not None else []
            if known is None or len(kept) != 1 or len(summed) != 1 or len(known.letters) != 2:
                return None
            low, high = known.bounds(p.sizes)
            if not on.zero_outside(e.name) and not (low >= 0 and high < on.size(e.name, k)):
                return None
            name = f" {len(found)}{k}"
            letters.append(name)
            axes.append(ConvAxis(kept[0], name, summed[0], name, known))
        own = [i for i in letters if not i.startswith(" ")]
        if not set(own).isdisjoint(i for a in axes for i in a.form.letters) or len(set(own)) < len(own):
            return None
        found.append((f, letters, axes))
    return found


def _convolved(on: Selects, p: Contraction, fit: Fit) -> Rule:
    sides: list[Value] = []
    for factors in (fit.first, fit.second):
        values: list[Value] = []
        for f in factors:
            names = next((letters for g, letters in fit.reads if g is f), None)
            if names is not None and isinstance(f[0], Tensor):
                values.append(on.whole_tensor(f[0].name, tuple(names)))
            else:
                values += yield from on.values_of(p, [f], 0)
        sides.append(on.multiplied(values))
    spatial = {i for a in fit.axes for i in (a.first, a.second)}
    both = [frozenset(v.axes) - spatial for v in sides]
    sides = [
        on.summed(v, [i for i in v.axes if i not in spatial and i not in p.free and i not in both[1 - n]])
        for n, v in enumerate(sides)
    ]
    axes = fit.axes
    turned = [_turned(a) for a in axes]
    first, second = (math.prod(n for i, n in zip(v.axes, v.array.shape, strict=True) if i in spatial) for v in sides)
    if second > first and all(t is not None for t in turned):
        axes = [t for t in turned if t is not None]
        sides.reverse()
    result = on.scaled(_placed(on, p, axes, sides[0], sides[1]), p.coefficient, [])
    after = p.within(p.free, fit.brackets)
    after.factors = fit.after
    return (yield from on.finish(p, result, after))


def _turned(a: ConvAxis) -> ConvAxis | None:
    """The same axis with the sides exchanged, if the letter that the form gives can be the result's."""
    if a.letter == a.out:
        return a._replace(first=a.second, second=a.first)
    c = a.form.letters[a.out]
    if c not in (1, -1):
        return None
    # first = c w + d u + k, so w = c (first - d u - k)
    form = Affine({a.first: c, a.second: -c * a.form.letters[a.second]}, -c * a.form.constant)
    return ConvAxis(a.out, a.second, a.first, a.out, form)


def _placed(on: Selects, p: Contraction, axes: Sequence[ConvAxis], left: Value, right: Value) -> Value:
    """The convolution of two arrays."""
    inner = {i for a in axes for i in (a.first, a.second)}
    shared = [i for i in left.axes if i in right.axes]
    groups = [i for i in shared if i in p.free]
    summed = [i for i in shared if i not in p.free]
    batch = [i for i in left.axes if i not in inner and i not in shared]
    features = [i for i in right.axes if i not in inner and i not in shared]
    where = {i: n for v in (left, right) for i, n in zip(v.axes, v.array.shape, strict=True)}
    shifts = few_places(on, p, axes, left, right, where)
    if shifts is not None:
        return shifts

    def many(letters: Sequence[str]) -> int:
        return math.prod(where[i] for i in letters)

    a = on.align(left, (*batch, *(x.first for x in axes), *groups, *summed))
    b = on.align(right, (*(x.second for x in axes), *summed, *groups, *features))
    strides: list[int] = []
    pads: list[tuple[int, int]] = []
    spread: list[tuple[int, int]] = []
    back: list[int] = []
    for n, x in enumerate(axes):
        size, window, out = where[x.first], where[x.second], p.sizes[x.out]
        k, c, dilated = x.form.constant, 1, 1
        if x.letter == x.out:  # w = c x + d u + k: the first lies c apart, at w - d u - k
            c, d = x.form.letters[x.first], x.form.letters[x.second]
            if c < 0:
                a, k = on.ops.shifted(a, len(batch) + n, size - 1, size, -1, 0), k + c * (size - 1)
            dilated, size = abs(c), (size - 1) * abs(c) + 1
            c, d, k = 1, -d, -k
        else:
            c, d = x.form.letters[x.out], x.form.letters[x.second]
        if d < 0:
            b, k = on.ops.shifted(b, n, window - 1, window, -1, 0), k + d * (window - 1)
        if c < 0:
            back.append(n)
            k += c * (out - 1)
        strides.append(abs(c))
        spread.append((dilated, abs(d)))
        pads.append((-k, (out - 1) * abs(c) + abs(d) * (window - 1) + 1 - size + k))
    a = on.ops.reshape(a, (many(batch), *(where[x.first] for x in axes), many(groups) * many(summed)))
    b = on.ops.reshape(b, (*(where[x.second] for x in axes), many(summed), many(groups) * many(features)))
    made: Array = on.ops.conv(a, b, tuple(strides), tuple(pads), tuple(spread), many(groups))
    for n in back:
        made = on.ops.shifted(made, 1 + n, made.shape[1 + n] - 1, made.shape[1 + n], -1, 0)
    letters = (*batch, *(x.out for x in axes), *groups, *features)
    out = tuple(where[i] if i in where else p.sizes[i] for i in letters)
    return Value(on.ops.named(on.ops.reshape(made, out), letters), letters)
