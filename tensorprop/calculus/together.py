"""Rules put together, to the last line of textbooks: ``s - y``, ``p - t``, the three terms of a normalisation.

In: forward equations, their rules, pairs of expressions that the inputs make equal. Out: `Together`, a rule with those
of other δ put in, what is known of sums used, differences that were divided read off the quotient (`reused`), sums over
a count as means, what is common outside. Each bears what was used, so that it can be told; no words are known here.

    logistic regression       δz_b = σ(z_b) - y_b
    softmax, cross-entropy    δz_bc = p_bc - t_bc                                          where Σ_c t_bc = 1
    a normalisation           δx_bi = (δn_bi - n_bi mean_j(n_bj δn_bj) - mean_j(δn_bj)) / s_b
    RMS norm                  δx_bi = (δn_bi - n_bi mean_j(n_bj δn_bj)) / r_b
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from tensorprop.calculus.known_sums import Given, SumsKnown
from tensorprop.calculus.reuse import reused
from tensorprop.calculus.simplify import known, simplify_expr
from tensorprop.calculus.stable import match, stable_expr
from tensorprop.core.build import COLUMN, MINUS_ONE, ONE, ROW, add, fresh, mul, power, reduce, substitute, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.plane import complex_names, with_adjoints
from tensorprop.core.ranges import OneAxis, one_axis, sized
from tensorprop.core.terms import factors_of, number_and_rest, terms_of
from tensorprop.core.walk import fold, inline, lettered, postorder, tensors_of, transform

__all__ = ["Ends", "Together", "ended", "nearest", "unfolded"]

_STEPS = 6  # δ that are put into one rule
_FEW = 3  # rules, of which one that only speaks of the last is worth a line of its own
_WRITTEN = 9  # entries in a rule that is put together, of which nothing is read off a quotient
_READ = 11  # and in one of which something is
_LONG = 240  # of one that is not tried: nothing makes it that short


Lines = tuple[Equation, ...]


class Together(NamedTuple):
    """A rule with others put in, and what was used on the way."""

    rule: Equation
    put: tuple[str, ...]  # the δ whose rules were put in
    left: tuple[str, ...]  # the δ that it still speaks of
    sums: Given  # sums that are known, and what they are
    named: Lines  # quotients that have no name on the page, with the one that they get
    read: Lines  # forward equations, what stands on the left in place of the right side
    if_one: tuple[Expr, Equation] | None  # a sum that is not known, and the rule if it were 1


def ended(s: System, rules: System, wrt: Iterable[str] = (), given: Given = ()) -> System:
    """The rules of a page at their ends, where of the δ that were put in some are gone then: no rule speaks of them.

    ``wrt``: the tensors whose rules are wanted, by default the inputs.

    >>> from tensorprop.calculus.adjoint import adjoint
    >>> from tensorprop.text import parse
    >>> s = parse("m = mean_j(x_j); c_j = x_j - m; v = mean_j(c_j^2); n_j = c_j / sqrt(v + e)")
    >>> print(ended(s, adjoint(s, wrt="x")))
    δx_j = (δn_j - n_j mean_k(n_k δn_k) - mean_k(δn_k)) / sqrt(v + e)
    """
    wanted = [adjoint_name(name) for name in (wrt or s.inputs) if adjoint_name(name) in rules]
    found = {made.rule.name: made for made in Ends(s, rules, given).each()} if wanted and not s.recurrent else {}
    while found:
        lines = (found[eq.name].rule if eq.name in found else eq for eq in rules)
        whole = system(lines, rules.facts).only(wanted)
        vain = [name for name, made in found.items() if all(n in whole for n in made.put) or name not in whole]
        if not vain:
            return whole
        for name in vain:
            del found[name]
    return rules


def nearest(hand: Equation, derived: Equation, s: System, rules: System, given: Given = ()) -> Equation:
    """A derived rule in the form that speaks of the same δ as a rule that somebody wrote: as it is, or at its end."""
    spoken, own = _adjoints(hand.value), _adjoints(derived.value)
    if spoken <= own or s.recurrent:
        return derived
    ends = (made.rule for made in Ends(s, rules, given).each() if made.rule.name == derived.name)
    return next((end for end in ends if not spoken & (own - _adjoints(end.value))), derived)


class Ends:
    """The last lines of one System's rules."""

    def __init__(self, s: System, rules: System, given: Given = ()) -> None:
        self._known = SumsKnown(s, given)
        self._forward, self._inputs = s, s.inputs
        self._axis = one_axis(s)
        self._rules = rules
        self._order = {r.name: n for n, r in enumerate(rules)}

    def all(self) -> Iterator[Together]:
        """The rule that ends without a δ, and the one that ends with a single one, where there are such.

        Where there is neither, one that is shorter when it is read off what the page computes.
        """
        found = [*self._to_the_end(), *self._to_one()]
        yield from found or self._by_name()

    def _by_name(self) -> Iterator[Together]:
        """``δx_i = q_i (δq_i - Σ_j q_j δq_j)`` where ``q_i = exp(x_i) / Σ_j exp(x_j)``: nothing has to be put in."""
        for rule in self._plain():
            made = self._ended(rule, rule.value, [])
            if made.read and not made.named and _entries(made.rule.value) < _entries(rule.value):
                yield made
                return

    def _to_the_end(self) -> Iterator[Together]:
        """The first rule that speaks of a δ whose own rule speaks of none: a loss and what stands before it."""
        for rule in self._plain():
            inner = _adjoints(rule.value)
            if len(inner) != 1 or not inner <= {r.name for r in self._rules}:
                continue
            (name,) = inner
            if _moved(rule.value, name):
                continue
            if _adjoints(self._rules[name].value):
                continue
            value = self._known.shortest(unfolded(rule.value, self._rules, name))
            plain = inline(rule.value, {name: (self._rules[name].letters, self._rules[name].value)})
            shorter = _entries(value) < _entries(plain)
            summed = any(isinstance(n, Sum) for n in postorder(value))
            if not shorter and summed and (primal(rule.name) not in self._inputs or len(self._rules) > _FEW):
                continue
            yield self._ended(rule, value, [name])
            return

    def each(self) -> Iterator[Together]:
        """Every rule that has an end of its own, without a new name: the one that `all` tells, and others."""
        found = {made.rule.name: made for made in (*self._to_the_end(), *self._to_one())}
        for rule in self._plain():
            made = found.get(rule.name) or self._one_of(rule)
            if made is not None and not made.named:
                yield made

    def _to_one(self) -> Iterator[Together]:
        """The first rule that `_one_of` shortens, and what it is behind a loss."""
        for rule in sorted(self._plain(), key=lambda r: primal(r.name) not in self._inputs):
            made = self._one_of(rule)
            if made is not None:
                yield made
                yield from self._last(rule, made)
                return

    def _one_of(self, rule: Equation) -> Together | None:
        """A rule with several δ that are themselves made of one: that one is enough, as in a normalisation."""
        value, used, joined = rule.value, list[str](), False
        plain = value
        for _ in range(_STEPS):
            inner = _adjoints(value)
            later = [n for n in inner if n in self._order and not self._endless(n)]
            joined = joined or len(inner) > 1
            if not later or _nodes(value) > _LONG or any(_moved(value, n) for n in later):
                break
            used.append(max(later, key=self._order.__getitem__))
            value = unfolded(value, self._rules, used[-1])
            plain = inline(plain, {used[-1]: (self._rules[used[-1]].letters, self._rules[used[-1]].value)})
            if not joined or len(_adjoints(value)) != 1 or _nodes(value) > _LONG:
                continue
            made = self._ended(rule, self._known.shortest(value), used)
            read = bool(made.named or made.read)
            shorter = len(used) > 1 and _entries(made.rule.value) < _entries(plain)
            if (read or shorter) and _entries(made.rule.value) <= (_READ if read else _WRITTEN):
                return made
        return None

    def _last(self, rule: Equation, made: Together) -> Iterator[Together]:
        """Where the one δ that is left is told without any other: a loss right behind a normalisation."""
        (name,) = made.left
        if name in self._order and not made.named and not _adjoints(self._rules[name].value):
            value = self._known.shortest(unfolded(made.rule.value, self._rules, name))
            last = self._ended(rule, value, [*made.put, name])
            if _entries(last.rule.value) < _entries(made.rule.value):
                yield last

    def _plain(self) -> Iterable[Equation]:
        return iter(self._rules)

    def _endless(self, name: str) -> bool:
        """Whether a δ is made of itself, at another place of its loop: putting it in never ends."""
        return name in _adjoints(self._rules[name].value)

    def _ended(self, rule: Equation, value: Expr, put: list[str]) -> Together:
        """A rule put together, with what is known of sums; and what it would be if a sum were 1."""
        value, sums = self._known.used(value)
        again, named, read, more = self._read(rule, value)
        value = _written(sized(again, rule.target, self._axis), rule)
        if_one = None
        for left, short in self._known.supposed(value):
            if_one = left, equation(rule.target, _written(sized(short, rule.target, self._axis), rule))
        left = tuple(sorted(_adjoints(value)))
        made = equation(rule.target, value)
        return Together(made, tuple(dict.fromkeys(put)), left, (*sums, *more), named, read, if_one)

    def _read(self, rule: Equation, value: Expr) -> tuple[Expr, Lines, Lines, Given]:
        """The right side of a rule, in which what was divided is read off the quotient, as books end it.

        And the equations of those quotients that have no name on the page, and of those that have one. An entry that
        was divided is read so only where the rule becomes shorter; a difference always.
        """
        for entries in (False, True):
            start = _spread(value) if entries else value
            eq = equation(rule.target, _called(self._forward, start))
            there, rules = reused(self._forward, system([eq]), entries=entries)
            again = rules[eq.name].value
            if again is eq.value:
                continue
            more: Given = ()
            if entries:
                again, more = self._known.used(add(*(mul(*_opened_all(t)) for t in terms_of(again))))
                again = _spread(again)
                again, last = self._known.used(again)
                more = (*more, *(pair for pair in last if pair not in more))
                again = _spread(again) if last else again
            made = _brought_together(again, self._axis)
            if entries and _entries(made) >= _entries(value):
                continue
            before = _often(eq.value)
            new = {n for n, often in _often(rules[eq.name].value).items() if often > before.get(n, 0)}
            read = tuple(e for e in self._forward if e.name in new and not isinstance(e.value, (Reduce, Call)))
            return made, tuple(e for e in there if e.name not in self._forward.names), read, more
        return value, (), (), ()


def _written(e: Expr, rule: Equation) -> Expr:
    """``e`` with letters of people where a sum runs along the rows or columns of a whole matrix.

    >>> from tensorprop.core.build import tensor
    >>> from tensorprop.text import parse
    >>> s = parse("y = Σ_i x_i")
    >>> str(_written(sum_over((ROW,), tensor("x", ROW)), s["y"]))
    'Σ_l x_l'
    """
    own = [i for i in (ROW, COLUMN) if any(isinstance(n, Sum) and i in n.indices for n in postorder(e))]
    taken, names = {*rule.letters, *e.binds, *e.free, *(t.name for t in tensors_of(e))}, dict[str, str]()
    for i in own:
        names[i] = fresh("k", taken)
        taken.add(names[i])
    return lettered(e, names) if names else e


def _spread(e: Expr) -> Expr:
    """A product with a sum in it, multiplied out, and what does not depend on the letters of a Σ before it."""
    terms: list[Expr] = []
    for t in terms_of(e):
        factors = factors_of(t)
        inner = next((f for f in factors if isinstance(f.body if isinstance(f, Sum) else f, Add)), None)
        if inner is None:
            terms.append(simplify_expr(mul(*_opened_all(t))))
            continue
        parts = terms_of(inner.body if isinstance(inner, Sum) else inner)
        if isinstance(inner, Sum):
            parts = tuple(sum_over(inner.indices, x) for x in parts)
        terms += (_spread(mul(*(x if f is inner else f for f in factors))) for x in parts)
    return add(*terms)


def _often(e: Expr) -> dict[str, int]:
    """How often a tensor is written in an expression."""

    def rule(n: Expr, below: tuple[Counter[str], ...]) -> Counter[str]:
        return Counter([n.name]) if isinstance(n, Tensor) else sum(below, Counter[str]())

    return fold(e, rule)


def _adjoints(e: Expr) -> set[str]:
    return {t.name for t in tensors_of(e) if is_adjoint(t.name)}


def _moved(e: Expr, name: str) -> bool:
    """Whether a δ is read at places that are computed, outside of it too, where it is 0 and its rule may not be."""
    return any(t.name == name and t.letters is None for t in tensors_of(e))


def _entries(e: Expr) -> int:
    """How many entries of tensors are written in an expression."""

    def rule(n: Expr, below: tuple[int, ...]) -> int:
        return 1 if isinstance(n, Tensor) else sum(below)

    return fold(e, rule)


def unfolded(value: Expr, rules: System, name: str) -> Expr:
    """``value`` with the rule for ``name`` put in."""
    whole = inline(value, {name: (rules[name].letters, rules[name].value)})
    return known(whole, {}, with_adjoints(plane)) if (plane := complex_names(rules)) else simplify_expr(whole)


def _nodes(e: Expr) -> int:
    return sum(1 for _ in postorder(e))


def _called(forward: System, e: Expr) -> Expr:
    """The expression with reductions and reciprocals of the page by their names: ``m_b`` for ``mean_j(x_bj)``.

    And ``r_b³`` for ``1 / sqrt(v_b)³``, where r_b is ``1 / sqrt(v_b)``; ``p_i`` for ``softmax_i(x_i)``, also where the
    page has it as ``exp(x_i) / Σ_j exp(x_j)``.
    """
    plain = [eq for eq in forward if len({*eq.letters}) == len(eq.target.subscripts)]
    made = [eq for eq in plain if isinstance(eq.value, Reduce)]
    inverse = [(eq, *below) for eq in plain if (below := _power(eq.value)) is not None and below[1] < 0]

    soft = [(eq, canonical(form)) for eq in plain if _is_softmax(form := stable_expr(eq.value))]

    def rule(n: Expr) -> Expr:
        for eq, form in soft if _is_softmax(n) else ():
            at = match(form, canonical(n), eq.letters)
            if at is not None:
                return substitute(eq.target, at)
        below = _power(n) if isinstance(n, Call) and _divisor(n) is not None else None
        for eq, base, once in inverse if below is not None else ():
            assert below is not None
            at = match(canonical(base), canonical(below[0]), eq.letters)
            if at is not None:
                return power(substitute(eq.target, at), Number(below[1] / once))
        for eq in made if isinstance(n, Reduce) else ():
            assert isinstance(n, Reduce) and isinstance(eq.value, Reduce)
            if n.op == eq.value.op and not n.at and not eq.value.at and len(n.indices) == len(eq.value.indices):
                at = match(eq.value.body, n.body, (*eq.letters, *eq.value.indices))
                if at is not None and {at[i] for i in eq.value.indices} == set(map(Index, n.indices)):
                    return substitute(eq.target, {i: at[i] for i in eq.letters})
        return n

    return transform(e, rule)


def _is_softmax(e: Expr) -> bool:
    return isinstance(e, Reduce) and e.op == "softmax"


def _brought_together(e: Expr, axis: OneAxis) -> Expr:
    """Sums over a count as means, with what does not depend on their index before them; common factors outside."""
    factors = factors_of(e)
    if len([f for f in factors if isinstance(f, Add)]) == 1 and len(factors) > 1:
        inner = [_brought_together(f, axis) for f in factors if isinstance(f, Add)]
        others = [f for f in factors if not isinstance(f, Add)]
        return mul(*inner, *others) if _below(others) else mul(*others, *inner)
    ordered = sorted(terms_of(e), key=lambda t: number_and_rest(t)[0] < 0)
    terms = [_averaged(_opened_all(t), axis) for t in ordered]
    terms = [_saved_first([transform(f, _in_order) for f in fs]) for fs in terms]
    common: list[Expr] = []
    for f in terms[0]:
        if not isinstance(f, Number) and all(fs.count(f) > common.count(f) for fs in terms):
            common.append(f)
    if len(terms) < 2 or not common:
        return add(*(mul(*fs) for fs in terms))
    rest: list[Expr] = []
    for fs in terms:
        left = list(fs)
        for f in common:
            left.remove(f)
        rest.append(mul(*left) if left else ONE)
    return mul(add(*rest), *common) if _below(common) else mul(*common, add(*rest))


def _saved_first(factors: Iterable[Expr]) -> list[Expr]:
    return sorted(factors, key=lambda f: bool(_adjoints(f)))


def _in_order(n: Expr) -> Expr:
    return mul(*_saved_first(n.factors)) if isinstance(n, Mul) else n


def _below(factors: list[Expr]) -> bool:
    """Whether factors all divide."""
    return all(_divisor(f) is not None for f in factors)


def _divisor(f: Expr) -> Expr | None:
    match f:
        case Call(function="power", args=(base, Number(n))) if n < 0:
            return base
        case _:
            return None


def _power(e: Expr) -> tuple[Expr, Fraction] | None:
    """The base of a power, or of a root, and its exponent."""
    often = Fraction(1)
    while isinstance(e, Call):
        match e:
            case Call(function="power", args=(base, Number(n))):
                e, often = base, often * n
            case Call(function="sqrt", args=(base,)):
                e, often = base, often / 2
            case _:
                break
    return None if often == 1 else (e, often)


def _opened_all(term: Expr) -> list[Expr]:
    return [g for f in factors_of(term) for g in _opened(f)]


def _opened(f: Expr) -> list[Expr]:
    """``Σ_jk a_b c_bj d_k`` as ``a_b``, ``Σ_j c_bj`` and ``Σ_k d_k``."""
    if not isinstance(f, Sum) or isinstance(f.body, Add):
        return [f]
    groups: list[tuple[set[str], list[Expr]]] = []
    out: list[Expr] = []
    for g in factors_of(f.body):
        letters, beside = {*g.free}.intersection(f.indices), [g]
        if not letters:
            out.append(g)
            continue
        for old in [o for o in groups if o[0] & letters]:
            groups.remove(old)
            letters, beside = letters | old[0], [*old[1], *beside]
        groups.append((letters, beside))
    left = [i for i in f.indices if not any(i in letters for letters, _ in groups)]
    if left:
        return [f]
    return [*out, *(sum_over([i for i in f.indices if i in letters], mul(*gs)) for letters, gs in groups)]


def _axes_of(body: Expr, i: str) -> Iterator[Dim]:
    """The axes along which a letter runs."""
    for t in tensors_of(body):
        yield from (Dim(t.name, k) for k, s in enumerate(t.subscripts) if s is Index(i))


def _averaged(factors: list[Expr], axis: OneAxis) -> list[Expr]:
    """Factors in which a sum stands beside one over its count, of all letters over which it runs."""
    out = [h for g in factors for h in _single(g)]
    for f in factors:
        if not isinstance(f, Sum):
            continue
        counts: list[Expr] = []
        for i in f.indices:
            own: set[Expr] = {axis(d) for d in _axes_of(f.body, i)}
            counts += [g for g in out if g not in counts and _counts(g, own, axis)][:1]
        if len(counts) == len(f.indices):
            out[out.index(f)] = reduce("mean", f.indices, f.body)
            for g in counts:
                out.remove(g)
    return out


def _single(g: Expr) -> list[Expr]:
    """``1 / (|c| |x|)`` as ``1 / |c|`` and ``1 / |x|``."""
    d = _divisor(g)
    if isinstance(d, Mul) and g is power(d, MINUS_ONE) and all(isinstance(f, Dim) for f in d.factors):
        return [power(f, MINUS_ONE) for f in d.factors]
    return [g]


def _counts(g: Expr, own: set[Expr], axis: OneAxis) -> bool:
    """Whether a factor is one over the length of one of these axes."""
    d = _divisor(g)
    return isinstance(d, Dim) and g is power(d, MINUS_ONE) and axis(d) in own
