"""What several rules work out is worked out once, and what is divided by a root only to be multiplied by it is not.

In: forward equations and rules that read them (`reuse`). Out: rules that come to the same, with tensors of their own:

    δn0_bi = g_i δn_bi          where n_bi = n0_bi g_i + c_i, and rules have g_i δn_bi more than once;
    δv0_b = δv_b s_b            where δv_b = … / s_b², and its one reader has δv_b s_b.

A normalisation whose scale and shift stand in its own line so has the rule of one whose scale has a line of its own, and
no rule of it reads its standard deviation: one over it is all that is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from fractions import Fraction

from tensorprop.core.build import add, mul, number, power, substitute
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Expr, Index, Mul, Number, Sum, Tensor
from tensorprop.core.names import adjoint_name, part_name
from tensorprop.core.order import names_in
from tensorprop.core.walk import postorder, transform

__all__ = ["gathered"]


def gathered(forward: System, rules: System, keep: Container[str] = ()) -> System:
    """The rules with products and powers in common gathered; those of the tensors in ``keep`` stay as they are.

    >>> from tensorprop.calculus import adjoint, reused
    >>> from tensorprop.text import parse
    >>> s = parse("m = mean_i(x_i); v = mean_i((x_i - m)^2); n_i = (x_i - m) / sqrt(v) g_i; E = n_i^2 y_i")
    >>> print(gathered(*reused(s, adjoint(s, "x")), keep={"δx"}))
    δn_i = 2 n_i y_i
    δn0_i = g_i δn_i
    δv0 = -1/2 n0_i δn0_i / sqrt(v)
    δm = -Σ_i δn0_i / sqrt(v)
    δx_i = δn0_i / sqrt(v) + 2 n0_i δv0 / dim(g, 0) + δm / dim(g, 0)
    """
    here = {b.name: b for b in rules.blocks if isinstance(b, Equation)}
    new = dict(here)
    taken = {*forward.names, *rules.names}
    _owed(forward, new, _readers(rules), taken)
    _beside(new, _readers([*new.values(), *(eq for eq in rules if eq.name not in here)]), taken, keep)
    if new == here:
        return rules
    return system([*new.values(), *(eq for eq in rules if eq.name not in here)], rules.facts)


def _readers(rules: Iterable[Equation]) -> dict[str, list[str]]:
    """The names of the equations that read a tensor."""
    found: dict[str, list[str]] = defaultdict(list)
    for eq in rules:
        for name in names_in(eq.value):
            found[name].append(eq.name)
    return found


def _put(rules: dict[str, Equation], new: list[Equation], instead: str = "") -> None:
    """Equations in the place of the one of the first's name, or of another."""
    old = {**rules}
    rules.clear()
    for name, eq in old.items():
        rules.update({e.name: e for e in new} if name == (instead or new[0].name) else {name: eq})


# --------------------------------------------------------------------- products that stand in several rules
def _owed(forward: System, rules: dict[str, Equation], readers: Mapping[str, list[str]], taken: set[str]) -> None:
    """Give what is owed to a part of a right side an equation where it is worked out more than once."""
    for eq in forward:
        given = Tensor(adjoint_name(eq.name), eq.target.subscripts)
        if given.name not in rules or not _is_entry(given):
            continue
        for part, rest in _parts(eq):
            owed = Tensor(adjoint_name(part.name), part.subscripts)
            mine = [n for n in readers[given.name] if n in rules]
            if owed.name in taken or part.name not in forward:
                continue
            found = [n for r in mine for n in postorder(rules[r].value) if _at(n, given, rest) is not None]
            if len(found) < 2:
                continue
            for r in mine:
                rules[r] = equation(rules[r].target, _with(rules[r].value, given, rest, owed))
            _put(rules, [rules[given.name], equation(owed, mul(*rest, given))])
            taken.add(owed.name)


def _parts(eq: Equation) -> Iterator[tuple[Tensor, tuple[Expr, ...]]]:
    """The tensors of all letters that a right side has once, as a factor of a term, and the other factors."""
    terms = eq.value.terms if isinstance(eq.value, Add) else (eq.value,)
    for term in terms:
        for f in term.factors if isinstance(term, Mul) else ():
            rest = tuple(g for g in term.factors if g is not f) if isinstance(term, Mul) else ()
            if isinstance(f, Tensor) and _is_entry(f) and f.free == eq.target.free and rest:
                once = sum(f.name in names_in(t) for t in terms) == 1 and not any(f.name in names_in(g) for g in rest)
                if once and not any(isinstance(g, Number) for g in rest):
                    yield f, rest


def _is_entry(t: Tensor) -> bool:
    return all(isinstance(i, Index) for i in t.subscripts) and len(t.free) == len(t.subscripts)


def _at(n: Expr, given: Tensor, rest: tuple[Expr, ...]) -> dict[str, Expr] | None:
    """The letters at which a product has these factors, the tensor ``given`` among them."""
    for f in n.factors if isinstance(n, Mul) else ():
        if isinstance(f, Tensor) and f.name == given.name and _is_entry(f):
            at = dict(zip((i.name for i in given.subscripts if isinstance(i, Index)), f.subscripts, strict=True))
            if isinstance(n, Mul) and all(substitute(g, at) in n.factors for g in rest):
                return at
    return None


def _with(e: Expr, given: Tensor, rest: tuple[Expr, ...], owed: Tensor) -> Expr:
    """An expression with what is owed in place of these factors."""

    def rule(n: Expr) -> Expr:
        at = _at(n, given, rest)
        if at is None or not isinstance(n, Mul):
            return n
        beside, entry = {substitute(g, at) for g in rest}, substitute(given, at)
        return mul(*(substitute(owed, at) if f is entry else f for f in n.factors if f not in beside))

    return transform(e, rule)


# --------------------------------------------------------------------- powers beside the one reader
def _beside(rules: dict[str, Equation], readers: Mapping[str, list[str]], taken: set[str], keep: Container[str]) -> None:
    """Let a factor that undoes a division of the only tensor beside it join the division."""
    for name in [*rules]:
        eq = rules[name]
        if name in keep or len(readers[name]) != 1 or readers[name][0] not in rules or not _is_entry(eq.target):
            continue
        below = {f.args[0]: f for n in _products(eq.value) for f in n.factors if _divides(f, eq)}
        reader = rules[readers[name][0]]
        terms = reader.value.terms if isinstance(reader.value, Add) else (reader.value,)
        mine = [t for t in terms if name in names_in(t)]
        if not below or len(mine) != 1 or not isinstance(term := mine[0], Mul):
            continue
        read = [f for f in term.factors if name in names_in(f)]
        if len(read) != 1 or not isinstance(entry := read[0], Tensor) or not _is_entry(entry):
            continue
        back = {i.name: Index(k) for i, k in zip(entry.subscripts, eq.letters, strict=True) if isinstance(i, Index)}
        undone = [f for f in term.factors if f.free <= entry.free and substitute(f, back) in below]
        if not undone:
            continue
        new = Tensor(part_name(name, taken), eq.target.subscripts)
        value = eq.value
        for f in undone:
            value = _times(value, below[substitute(f, back)])
        here = substitute(new, dict(zip(eq.letters, entry.subscripts, strict=True)))
        there = mul(*(here if f is entry else f for f in term.factors if f not in undone))
        rules[reader.name] = equation(reader.target, add(*(there if t is term else t for t in terms)))
        _put(rules, [equation(new, value)], instead=name)
        taken.add(new.name)


def _products(e: Expr) -> Iterator[Mul]:
    """The products of a right side: itself, what it sums, what its factors sum."""
    for n in (e, *(e.factors if isinstance(e, Mul) else ())):
        n = n.body if isinstance(n, Sum) else n
        if isinstance(n, Mul):
            yield n


def _divides(f: Expr, eq: Equation) -> bool:
    """A whole power below 0 of what has no letter that is summed."""
    match f:
        case Call("power", (_, Number(n))):
            return n < 0 and n.denominator == 1 and f.free <= eq.target.free
        case _:
            return False


def _times(e: Expr, below: Expr) -> Expr:
    """A product times what its factor ``below`` divides by, once."""

    def rule(n: Expr) -> Expr:
        if isinstance(n, Mul) and below in n.factors and isinstance(below, Call) and isinstance(below.args[1], Number):
            less = power(below.args[0], number(below.args[1].value + Fraction(1)))
            return mul(*(f for f in n.factors if f is not below), less)
        return n

    return transform(e, rule)
