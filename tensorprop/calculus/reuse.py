"""Backward rules that read what the way there has made: the three-term rule of a normalisation, from saved statistics.

In: forward equations and the rules derived from them. Out: equal ones, in which

    (x_bi - m_b) is n_bi s_b             where n_bi = (x_bi - m_b) / s_b has a name, alone or inside a right side,
                                         or n_bi = (x_bi - m_b) r_b with r_b = 1 / s_b,
    Σ_i (x_bi - m_b) is 0                where m_b = mean_i(x_bi),

for any sum in place of ``x_bi - m_b`` and any divisors. Mean, variance and result, written as three equations that name
one another, so come to ``δx_bi = (δn_bi - mean_i(δn_bi) - n_bi mean_i(n_bi δn_bi)) / s_b``: no rule reads x_bi again,
which a compiler would work out anew from all the layers below. And

    [u ≤ t] p_tu is p_tu                 where p_tu = softmax_u(where([u ≤ t], s_tu, -1e30))

in floating point, where the exponential of what is so far below another is 0. So much for what is computed. For what is
shown, an entry that was divided is read so, too: ``x_bi`` is ``n_bi r_b`` where ``n_bi = x_bi / r_b``, as in RMS norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from tensorprop.calculus.stable import MASKED, match
from tensorprop.core.build import ONE, ZERO, add, bracket, fresh, mul, number, power, rename, substitute
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import part_name, primal
from tensorprop.core.terms import factors_of, number_and_rest
from tensorprop.core.walk import postorder, tensors_of, transform

__all__ = ["reused", "unmasked"]


class _Divided(NamedTuple):
    """``result_J = above / below``: all letters of the sum above stand on the left."""

    above: Expr  # a sum, or an entry
    below: tuple[Expr, ...]
    result: Tensor
    whole: bool  # the right side is the quotient; else it is a part that gets a name


def reused(forward: System, rules: System, *, entries: bool = False) -> tuple[System, System]:
    """The forward equations and the rules, in which a difference that was divided is read off the quotient.

    With ``entries`` an entry that was divided is, too; whether a rule becomes shorter by it is not asked here.

    >>> from tensorprop.calculus import adjoint
    >>> from tensorprop.text import parse
    >>> s = parse("m = mean_i(x_i); v = mean_i((x_i - m)^2); n_i = (x_i - m) / sqrt(v); E = n_i y_i")
    >>> forward, rules = reused(s, adjoint(s, "x"))
    >>> print(rules)
    δn_i = y_i
    δv = -1/2 n_i δn_i / sqrt(v)^2
    δm = -(Σ_i δn_i) / sqrt(v)
    δx_i = δn_i / sqrt(v) + 2 n_i δv / dim(x, 0) · sqrt(v) + δm / dim(x, 0)
    """
    plain = [b for b in forward.blocks if isinstance(b, Equation)]
    backward = [b for b in rules.blocks if isinstance(b, Equation)]
    kinds = (Add, Call, Tensor) if entries else (Add,)
    sums = {eq: {_tensors(n) for n in postorder(eq.value) if isinstance(n, kinds)} for eq in backward}
    read = frozenset[frozenset[str]]().union(*sums.values())
    names = {*forward.names, *rules.names}
    reciprocals = {eq.name for eq in plain if _divides(eq.value)}  # r_b = 1 / sqrt(v_b)
    found: dict[frozenset[str], _Divided] = {}
    for eq in plain:
        for q in _quotients(eq, names, reciprocals, {primal(r.name) for r in backward} if entries else None):
            if _tensors(q.above) in read:
                found.setdefault(_tensors(q.above), q)
    if not found:
        return forward, rules
    means = {eq.name: eq for eq in plain if isinstance(eq.value, Reduce) and eq.value.op == "mean"}
    new: dict[Equation, Equation] = {}
    for eq in backward:  # whose sums are none of tensors that were divided, or of a mean, stays as it is
        value = _read(eq.value, found, means) if any(s in found or s & means.keys() for s in sums[eq]) else eq.value
        new[eq] = eq if value is eq.value else equation(eq.target, value)
    made = system((new.get(eq, eq) for eq in rules), rules.facts)
    used = {t.name for eq in new.values() for t in tensors_of(eq.value)}
    named = {q.result.name: q for q in found.values() if not q.whole and q.result.name in used}
    if not named:
        return forward, made
    parts: dict[Expr, _Divided] = {q.above: q for q in named.values()}
    there = [
        equation(eq.target, transform(eq.value, lambda n: _shorter(n, parts))) if eq in plain else eq for eq in forward
    ]
    return system([*(equation(q.result, _quotient(q)) for q in named.values()), *there], forward.facts), made


def unmasked(forward: System, rules: System) -> System:
    """The rules without masks beside the weights of a softmax that is masked so: there they are 0 already.

    Either every row has an entry that is not masked, as ``[u ≤ t]`` lets ``u = 0`` be, wherever t is; or the mask
    stands beside the softmax, too, which then is read by its name.

    >>> from tensorprop.calculus import adjoint
    >>> from tensorprop.text import parse
    >>> s = parse("p_tu = softmax_u(where([u ≤ t], s_tu, -1e30)); E = p_tu g_tu")
    >>> print(unmasked(s, adjoint(s, "s"))["δs"])
    δs_tu = p_tu (δp_tu - Σ_v p_tv δp_tv)
    """
    found = {eq.name: m for eq in forward if (m := _weights(eq)) is not None}
    if not found:
        return rules

    def rule(n: Expr) -> Expr:
        if not isinstance(n, Mul):
            return n
        n = _by_name(n, found)
        zero = {
            zero
            for f in n.factors
            if isinstance(f, Tensor) and f.name in found
            for zero in found[f.name].zero(dict(zip(found[f.name].target.letters or (), f.subscripts, strict=True)))
        }
        return mul(*(_without(f, zero) for f in n.factors)) if zero else n

    return system((equation(eq.target, transform(eq.value, rule)) for eq in rules), rules.facts)


class _Weights(NamedTuple):
    """``target = [masks] softmax``, of what is masked so; ``apart``: the masks stand beside it."""

    target: Tensor
    masks: tuple[Expr, ...]
    softmax: Reduce
    apart: bool

    def zero(self, at: Mapping[str, Expr]) -> set[Expr]:
        """The masks there, one by one and as one."""
        masks = [substitute(m, at) for m in self.masks]
        return {z for m in (*masks, mul(*masks)) for z in (m, bracket("≠", m, ZERO))}


def _weights(eq: Equation) -> _Weights | None:
    """The weights of a masked softmax that are 0 where they are masked."""
    if len(eq.letters) != len(eq.target.subscripts):
        return None
    factors = factors_of(eq.value)
    beside = tuple(f for f in factors if isinstance(f, Bracket))
    rest = [f for f in factors if f not in beside]
    match rest:
        case [Reduce("softmax", (v,), Call("where", (mask, _, low)), (Index() as u,)) as softmax] if low is MASKED:
            masks = tuple(substitute(m, {v: u}) for m in factors_of(mask))
            if beside and {*beside} == {*masks}:
                apart = _bound(softmax, (fresh(v, {*eq.letters, *softmax.body.free}),))
                return _Weights(eq.target, masks, apart, True)
            if not beside and isinstance(mask, Bracket):
                bound = Bracket("≤", mask.right, mask.left) if mask.relation == "≥" else mask
                if bound.relation == "≤" and bound.left is Index(v) and isinstance(bound.right, Index):
                    return _Weights(eq.target, masks, softmax, False)
        case _:
            pass
    return None


def _bound(e: Reduce, letters: tuple[str, ...]) -> Reduce:
    """A reduction with other bound letters, unless they stand in it already."""
    if e.indices == letters or not e.body.free.isdisjoint(letters):
        return e
    return Reduce(e.op, letters, rename(e.body, dict(zip(e.indices, letters, strict=True))), e.at)


def _by_name(n: Mul, found: Mapping[str, _Weights]) -> Mul:
    """A product in which weights beside their masks are read by their name."""
    for f in n.factors:
        for w in found.values():
            if not (w.apart and isinstance(f, Reduce) and f.op == "softmax"):
                continue
            at = match(w.softmax, _bound(f, w.softmax.indices), w.target.letters or ())
            zero = w.zero(at) if at is not None else set[Expr]()
            masks = mul(*(g for g in n.factors if g in zero))
            if at is not None and (masks in zero or masks is mul(*(substitute(m, at) for m in w.masks))):
                name = substitute(w.target, at)
                made = mul(*(name if g is f else g for g in n.factors if g not in zero))
                return _by_name(made, found) if isinstance(made, Mul) else n
    return n


def _without(e: Expr, zero: set[Expr]) -> Expr:
    """A factor without the brackets that what stands beside it has, its terms, too."""
    if e in zero:
        return ONE
    if isinstance(e, Add):
        return add(*(_without(t, zero) for t in e.terms))
    return mul(*(f for f in e.factors if f not in zero)) if isinstance(e, Mul) else e


def _tensors(e: Expr) -> frozenset[str]:
    return frozenset(t.name for t in tensors_of(e))


def _quotient(q: _Divided) -> Expr:
    return mul(q.above, *q.below)


def _quotients(eq: Equation, names: set[str], reciprocals: set[str], own: set[str] | None = None) -> Iterable[_Divided]:
    """The quotients of a right side over all of its letters; what is only a part of it is called otherwise.

    ``own`` are tensors whose entries may stand above, beside others, and None where only sums may.
    """
    letters = frozenset(eq.letters)
    if len(letters) != len(eq.target.subscripts):
        return
    for n in postorder(eq.value):
        if not isinstance(n, Mul):
            continue
        below = tuple(f for f in n.factors if _divides(f) or (isinstance(f, Tensor) and f.name in reciprocals))
        above: list[Expr] = [f for f in n.factors if isinstance(f, Add) and f.free == letters]
        if not above and own is not None:
            above = [f for f in n.factors if isinstance(f, (Call, Tensor)) and f.free == letters and f not in below]
            above = [f for f in above if isinstance(f, Tensor) and f.name in own] if len(above) > 1 else above
        if not below or len(above) != 1 or not all(f.free <= letters for f in below):
            continue
        whole = n is eq.value and len(n.factors) == len(below) + 1
        result = eq.target if whole else Tensor(part_name(eq.name, names), eq.target.subscripts)
        names.add(result.name)
        yield _Divided(above[0], below, result, whole)


def _divides(f: Expr) -> bool:
    """A power below 0, which is 0 nowhere."""
    return isinstance(f, Call) and f.function == "power" and isinstance(f.args[1], Number) and f.args[1].value < 0


def _shorter(n: Expr, parts: Mapping[Expr, _Divided]) -> Expr:
    """A product in which a quotient that has a name now is read."""
    if isinstance(n, Mul):
        for f in n.factors:
            q = parts.get(f)
            if q is not None and all(b in n.factors for b in q.below):
                return mul(*(q.result if g is f else g for g in n.factors if g not in q.below))
    return n


def _read(value: Expr, found: Mapping[frozenset[str], _Divided], means: Mapping[str, Equation]) -> Expr:
    """The right side of a rule with quotients in place of what they were made of."""

    def rule(n: Expr) -> Expr:
        if isinstance(n, Sum) and isinstance(n.body, Add) and _cancels(n, n.body, means):
            return ZERO
        return _of_quotient(n, found) if isinstance(n, Mul) else n

    made = transform(value, rule)
    return made if made.free == value.free else value


def _of_quotient(n: Mul, found: Mapping[frozenset[str], _Divided]) -> Expr:
    """A product, factors of which are what quotients were made of."""
    for f in n.factors:
        q = found.get(_tensors(f)) if isinstance(f, (Add, Call, Tensor)) else None
        at = match(q.above, f, tuple(q.above.free)) if q is not None else None
        if q is not None and at is not None:
            result = substitute(q.result, at)
            made = _collected([result if g is f else g for g in n.factors], [substitute(b, at) for b in q.below])
            return _of_quotient(made, found) if isinstance(made, Mul) else made
    return n


def _cancels(n: Sum, body: Add, means: Mapping[str, Equation]) -> bool:
    """``Σ_i (x_bi - m_b)``, where ``m_b = mean_i(x_bi)``."""
    if len(body.terms) != 2:
        return False
    for x, less in (body.terms, body.terms[::-1]):
        c, m = number_and_rest(less)
        if c == -1 and isinstance(m, Tensor) and m.name in means and m.free.isdisjoint(n.indices):
            eq = means[m.name]
            assert isinstance(eq.value, Reduce)
            if len(eq.letters) != len(m.subscripts) or set(eq.value.indices) & set(eq.letters):
                continue
            mean = substitute(eq.value, dict(zip(eq.letters, m.subscripts, strict=True)))
            assert isinstance(mean, Reduce)
            at = match(mean.body, x, mean.indices)
            if at is not None and {*at.values()} == {Index(i) for i in n.indices}:
                return True
    return False


def _collected(factors: list[Expr], below: list[Expr]) -> Expr:
    """A product of factors over powers below 0: powers of one base are one."""
    powers: dict[Expr, Fraction] = {}
    for b in below:
        match b:
            case Call(function="power", args=(base, Number(n))):
                pass
            case _:
                base, n = b, Fraction(1)
        powers[base] = powers.get(base, Fraction(0)) - n
    left: list[Expr] = []
    for f in factors:
        if isinstance(f, Call) and f.function == "power" and f.args[0] in powers and isinstance(f.args[1], Number):
            powers[f.args[0]] += f.args[1].value
        elif f in powers:
            powers[f] += 1
        else:
            left.append(f)
    return mul(*left, *(power(b, number(n)) for b, n in powers.items() if n))
