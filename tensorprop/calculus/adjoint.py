"""Adjoints of a System: one equation ``δx = ∂E/∂x`` for every named tensor between the variables and the error.

In: a System and the names of variables. Out: a System of δ-equations, one line each, in the order in which the
sweep goes back. Nothing is expanded: an equation speaks of the δ of what its tensor feeds, and of saved values.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorprop.calculus.pullback import entry, pullback
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.source import as_forward, names_in
from tensorprop.calculus.stable import stable_expr
from tensorprop.core.build import ONE, ZERO, add, fresh
from tensorprop.core.equation import Equation, System, equation, system, unrolled
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.kinds import smooth
from tensorprop.core.names import adjoint_name
from tensorprop.core.ranges import Ranges, infer
from tensorprop.core.walk import dims_of, freshen, tells, transform, witness
from tensorprop.errors import UnknownName, UsageError, among
from tensorprop.text.vocabulary import COLUMN, ROW

__all__ = ["adjoint"]


def adjoint(s: System | Equation | str, wrt: str | Iterable[str] | None = None, of: str | None = None) -> System:
    """The backward rules of a System: for every tensor x on a path from ``wrt`` to the output,

        δx_K = Σ over equations v_J = e(…x…), Σ_J  δv_J ∂v_J/∂x_K.

    The error E is ``of``, or the System's only output if that is a scalar; then δE = 1. Outputs with indices (and
    all of several outputs) have adjoints that are inputs of the result. ``wrt`` defaults to every input that the
    output depends on smoothly; letters are those with which the forward equations use the tensor.

    Errors: UnknownName for a name that is not in the System, NotDifferentiable for functions without a slope.

    >>> print(adjoint("z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2", wrt=("W", "b")))
    δh_bj = h_bj - y_bj
    δz_bj = (1 - h_bj^2) δh_bj
    δW_ij = a_bi δz_bj
    δb_j = Σ_b δz_bj
    """
    asked = () if wrt is None else names_in(wrt, "wrt")
    s = unrolled(as_forward(s, *asked, of), "differentiate")
    names, whole = _variables(s, wrt), s
    ranges = infer(s)
    if of is not None:
        if not s.defines(of):
            raise _unknown(s, of)
        s = s.only([of])
    outputs = s.outputs
    scalar = len(outputs) == 1 and s.rank(outputs[0]) == 0
    active = set(names)
    for eq in s.ordered:
        if any(name in active for name in eq.inputs):
            active.add(eq.name)
    shares: dict[str, list[tuple[Tensor, Expr]]] = {}
    rules: list[Equation] = []
    for eq in reversed(s.ordered):
        if eq.name not in active:
            continue
        if eq.name in outputs:
            seed: Expr = ONE if scalar else Tensor(adjoint_name(eq.name), eq.target.subscripts)
        else:
            rule = _rule(s, eq.name, shares.pop(eq.name, []), ranges)
            rules.append(rule)
            if rule.value is ZERO:
                continue
            seed = Tensor(adjoint_name(eq.name), eq.target.subscripts)
        if any(name in active for name in eq.inputs):
            for t, g in pullback(eq.value, seed, result=eq.target, scope=frozenset(eq.letters)).items():
                if t.name in active:
                    shares.setdefault(t.name, []).append((t, g))
    rules += [_rule(whole, name, shares.get(name, []), ranges) for name in names if not s.defines(name)]
    wanted = {adjoint_name(n) for n in names}
    result = system(rules)
    return result if all(r.name in wanted or _used(result, r.name) for r in rules) else result.only(wanted)


def _used(s: System, name: str) -> bool:
    return name not in s.outputs


def _variables(s: System, wrt: str | Iterable[str] | None) -> tuple[str, ...]:
    """The names asked for, checked; by default every input that occurs as a value."""
    if wrt is None:
        values = smooth(s)
        return tuple(n for n in s.inputs if n in values)
    names = names_in(wrt, "wrt")
    if not names:
        raise UsageError("wrt names no variable", fix=f"name some of {', '.join(s.inputs)}")
    for name in names:
        if name not in s.names:
            raise _unknown(s, name)
    return tuple(dict.fromkeys(names))


def _unknown(s: System, name: str) -> UnknownName:
    return UnknownName(
        f"no tensor {name} in these equations",
        **among(name, s.names),
    )


def _rule(s: System, name: str, shares: list[tuple[Tensor, Expr]], ranges: Ranges) -> Equation:
    """``δname_K = …``: the contributions put together, in the letters of the first plain use."""
    letters = _letters(s, name, [t for t, _ in shares])
    terms = [entry(t, freshen(g, frozenset(letters) - t.free), letters) for t, g in shares]
    target = Tensor(adjoint_name(name), tuple(Index(i) for i in letters))
    value = _own_sizes(freshen(add(*terms), frozenset(letters)), name, letters, ranges)
    return equation(target, stable_expr(simplify_expr(value)))


def _own_sizes(value: Expr, name: str, letters: tuple[str, ...], ranges: Ranges) -> Expr:
    """The value with the sizes of its own letters told by its own tensors, so that they read ``dim(i)``."""
    told = {ranges.find(name, axis): i for axis, i in reversed(list(enumerate(letters)))}

    def rule(n: Expr) -> Expr:
        if isinstance(n, Dim) and (i := told.get(ranges.find(n.tensor, n.axis))) and tells(value, i, by_ties=False):
            return witness(value, i)
        return n

    return transform(value, rule) if any(dims_of(value)) else value


def _own_letters(letters: tuple[str, ...]) -> tuple[str, ...]:
    """Letters for a left side: the row and the column of a whole matrix have none that people write."""
    taken = set(letters)
    found: list[str] = []
    for i in letters:
        found.append(fresh("h", taken) if i in (ROW, COLUMN) else i)
        taken.add(found[-1])
    return tuple(found)


def _letters(s: System, name: str, uses: list[Tensor]) -> tuple[str, ...]:
    for t in uses:
        found = t.letters
        if found is not None and len(set(found)) == len(found):
            return _own_letters(found)
    if s.defines(name):
        return s[name].letters
    taken: list[str] = []
    for _ in range(s.rank(name)):
        taken.append(fresh("h", frozenset(taken)))
    return tuple(taken)
