"""What is divided only to be multiplied again is not divided.

In: rules that read quotients (`reuse`). Out: rules that come to the same, in which ``δv_b = … / s_b²``, whose one
reader has ``δv_b s_b``, is ``δv0_b = … / s_b``, and the reader has ``δv0_b``. No rule of a normalisation then reads its
standard deviation: one over it is all that is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from tensorprop.core.build import add, mul, number, power, substitute
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Expr, Index, Mul, Sum, Tensor
from tensorprop.core.names import part_name
from tensorprop.core.order import names_in
from tensorprop.core.terms import base_and_exponent, factors_of, terms_of
from tensorprop.core.walk import transform

__all__ = ["undone"]


def undone(rules: System, taken: Iterable[str] = (), keep: Container[str] = ()) -> System:
    """The rules, in which a factor that undoes a division of the tensor beside it has joined the division.

    Those of the tensors in ``keep`` stay as they are; names in ``taken`` are others'.

    >>> from tensorprop.calculus import adjoint, reused
    >>> from tensorprop.text import parse
    >>> s = parse("m = mean_i(x_i); v = mean_i((x_i - m)^2); n_i = (x_i - m) / sqrt(v); E = n_i y_i")
    >>> print(undone(reused(s, adjoint(s, "x"))[1]))
    δn_i = y_i
    δv0 = -1/2 n_i δn_i / sqrt(v)
    δm = -(Σ_i δn_i) / sqrt(v)
    δx_i = δn_i / sqrt(v) + 2 n_i δv0 / dim(x, 0) + δm / dim(x, 0)
    """
    here = {b.name: b for b in rules.blocks if isinstance(b, Equation)}
    readers: dict[str, list[str]] = defaultdict(list)
    for eq in rules:
        for name in names_in(eq.value):
            readers[name].append(eq.name)
    names = {*taken, *rules.names}
    new = dict(here)
    for name, eq in here.items():
        below = _below(eq) if name not in keep and len(readers[name]) == 1 and _is_entry(eq.target) else {}
        reader = new.get(readers[name][0]) if below else None
        made = _joined(new[name], reader, below, names) if reader is not None else None
        if made is not None:
            new[name], new[readers[name][0]] = made
            names.add(made[0].name)
    return rules if new == here else system((new.get(eq.name, eq) for eq in rules), rules.facts)


def _joined(
    eq: Equation, reader: Equation, below: Mapping[Expr, Expr], names: Container[str]
) -> tuple[Equation, Equation] | None:
    """An equation times what stands beside it where it is read, under a name of its own, and who reads that."""
    terms = terms_of(reader.value)
    term, *more = (t for t in terms if eq.name in names_in(t))
    entry, *others = (f for f in factors_of(term) if eq.name in names_in(f))
    if more or others or not isinstance(entry, Tensor) or not _is_entry(entry):
        return None
    letters: dict[str, Expr] = {
        i.name: Index(k) for i, k in zip(entry.subscripts, eq.letters, strict=True) if isinstance(i, Index)
    }
    beside = {f: substitute(f, letters) for f in factors_of(term) if f.free <= entry.free}
    undoing = {f: below[at] for f, at in beside.items() if at in below}
    if not undoing:
        return None
    called = part_name(eq.name, names)
    left = mul(*(Tensor(called, entry.subscripts) if f is entry else f for f in factors_of(term) if f not in undoing))
    return (
        equation(Tensor(called, eq.target.subscripts), _times(eq.value, undoing.values())),
        equation(reader.target, add(*(left if t is term else t for t in terms))),
    )


def _is_entry(t: Tensor) -> bool:
    return all(isinstance(i, Index) for i in t.subscripts) and len(t.free) == len(t.subscripts)


def _below(eq: Equation) -> dict[Expr, Expr]:
    """By what the products of a right side divide that has no letter that is summed, and the factor that does."""
    found: dict[Expr, Expr] = {}
    for part in factors_of(eq.value):
        for f in factors_of(part.body if isinstance(part, Sum) else part):
            base, n = base_and_exponent(f)
            if n < 0 and n.denominator == 1 and f.free <= eq.target.free:
                found[base] = f
    return found


def _times(e: Expr, below: Iterable[Expr]) -> Expr:
    """A right side times what factors of it divide by, once each."""
    less = {f: power(base, number(n + 1)) for f in below for base, n in (base_and_exponent(f),)}

    def rule(n: Expr) -> Expr:
        return mul(*(less.get(f, f) for f in n.factors)) if isinstance(n, Mul) else n

    return transform(e, rule)
