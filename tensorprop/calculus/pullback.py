"""Reverse differentiation of one right side: how a change of the value is owed to each tensor entry in it.

In: an expression, and the cotangent of its value. Out: the cotangent of every tensor entry that occurs in it.
The whole calculus is one rule a kind of node:

    value            owes to            what
    x + y            x                  g
    x y z            y                  x z g
    Σ_i x_i          x_i                g              (for every i)
    f(x)             x                  f′(x) g
    max_i x_i …      x_i                its row in the table of reductions

and one rule for indices: what is owed to something that does not depend on an index is added up over that index.
Sizes, text and Systems are not known here.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprop.calculus.reductions import pullback as pull_reduction
from tensorprop.calculus.slope import slope
from tensorprop.core.build import ZERO, add, bracket, fresh, mul, reduce, remake, substitute, sum_over
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, read
from tensorprop.core.plane import is_complex, settled
from tensorprop.core.ranges import axes_of, kept, size, tells, untold, witness
from tensorprop.core.walk import fold, inline, postorder
from tensorprop.errors import UnknownRange

__all__ = ["entry", "of_the_plane", "pullback"]


def pullback(
    value: Expr,
    seed: Expr,
    *,
    result: Expr | None = None,
    scope: frozenset[str] = frozenset(),
    fixed: frozenset[str] = frozenset(),
    plane: frozenset[str] = frozenset(),
) -> dict[Tensor, Expr]:
    """The cotangent of every tensor entry in ``value``, in reading order.

    ``scope``: letters of the left side that are added up where a part of the value does not depend on them (as in an
    adjoint). ``fixed``: letters that stay as they are (as in a Jacobian, whose rows they number). ``result`` is a
    name for the value itself, which slopes such as ``1 - y²`` may use.

    Where the tensors ``plane`` are complex, cotangents are those of the pairing ``Re(g dy)``: a holomorphic function
    multiplies by its slope, no conjugate taken, and what any other owes its row says (``plane``). To a tensor that is
    real the real part is owed, which whoever puts the shares together takes.

    The free indices of an entry's cotangent are among the entry's own and the fixed ones.
    """
    value = _distinct(value, fixed) if _untold(value) else value
    value = _apart(value, fixed) if fixed else value
    nodes = list(postorder(value))
    reach = _reach(nodes, result)
    varies = _varying(nodes)
    owed: dict[Expr, list[Expr]] = {}
    _owe(owed, value, seed, scope, value, reach)
    found: dict[Tensor, Expr] = {}
    for n in reversed(nodes):
        shares = owed.pop(n, None)
        if not shares:
            continue
        g = add(*shares)
        if g is ZERO:
            continue
        if isinstance(n, Tensor):
            found[n] = _ranged(n, g, scope | fixed, reach)
            continue
        here, whole = n.free, n
        if isinstance(n, (Sum, Reduce)):
            here, whole = here | frozenset(n.indices), n.body
        own = result if n is value and result is not None else n
        if plane and isinstance(n, Call) and (owed_there := of_the_plane(n, g, own, plane)) is not None:
            _owe(owed, n.args[0], owed_there, here - fixed, whole, reach)
            continue
        for child, share in _shares(n, g, own, varies):
            _owe(owed, child, share, here - fixed, whole, reach)
    return {t: found[t] for t in nodes if isinstance(t, Tensor) and t in found}


def _shares(n: Expr, g: Expr, result: Expr, varies: set[Expr]) -> list[tuple[Expr, Expr]]:
    """What a node owes to each of its children, as the table above has it."""
    match n:
        case Add(terms):
            return [(t, g) for t in terms if t in varies]
        case Mul(factors):
            return [(f, mul(*factors[:k], *factors[k + 1 :], g)) for k, f in enumerate(factors) if f in varies]
        case Sum(_, body):
            return [(body, g)]
        case Call(function, args):
            return [(a, mul(slope(function, k, args, result), g)) for k, a in enumerate(args) if a in varies]
        case Reduce():
            return [(n.body, pull_reduction(n, None if result is n else result, g))] if n.body in varies else []
        case _:
            return []  # numbers, brackets, sizes and indices are constant


def of_the_plane(n: Call, g: Expr, result: Expr, plane: frozenset[str]) -> Expr | None:
    """What a function that is not holomorphic owes to a complex argument; None for any other."""
    row = FUNCTIONS.get(n.function)
    if row is None or row.plane in ("", "holomorphic") or not is_complex(n.args[0], plane):
        return None
    values = {"x": n.args[0], "y": result, "g": g}
    return settled(inline(read(row.plane), {letter: ((), e) for letter, e in values.items()}), plane)


def _apart(value: Expr, fixed: frozenset[str]) -> Expr:
    """Normalisers whose entry is a fixed letter, their own letters called otherwise: ``softmax_v(s_v)[u]``."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        e = remake(n, children)
        if not isinstance(e, Reduce) or fixed.isdisjoint(e.indices):
            return e
        taken = set(fixed | value.free | value.binds | e.body.free | e.body.binds)
        names: dict[str, Expr] = {}
        for i in e.indices:
            names[i] = Index(fresh(i, taken))
            taken |= names[i].free
        letters = tuple(j.name for j in names.values() if isinstance(j, Index))
        return Reduce(e.op, letters, substitute(e.body, names), e.at)

    return fold(value, rule)


def _varying(nodes: list[Expr]) -> set[Expr]:
    """The nodes that depend smoothly on a tensor entry: not through a bracket, nor through a subscript."""
    found: set[Expr] = set()
    for n in nodes:
        if isinstance(n, Tensor) or (not isinstance(n, Bracket) and any(c in found for c in n.children)):
            found.add(n)
    return found


def _reach(nodes: list[Expr], result: Expr | None) -> Callable[[str, Expr], Expr]:
    """How far a letter of a right side runs: told by the part at hand, or else by its binder or the left side.

    Where the part does not tell it, letters are distinct.
    """

    def of(letter: str, part: Expr) -> Expr:
        binders = [n.body for n in nodes if isinstance(n, (Sum, Reduce)) and letter in n.indices]
        left = [result] if result is not None else []
        for place in (part, *binders, nodes[-1], *left):
            if letter in place.free and tells(place, letter, by_ties=False):
                return witness(place, letter)
        for place in (*binders, nodes[-1]):
            if letter in place.free and (found := size(place, letter)) is not None:
                return found
        raise untold(letter, part)

    return of


def _untold(value: Expr) -> bool:
    """Whether some part has a letter whose range only its surroundings tell, as ``tanh([k > m] p_m)`` has k."""

    return not all(isinstance(n, (Index, Bracket)) or n.free <= axes_of(n) for n in postorder(value))


def _distinct(value: Expr, fixed: frozenset[str]) -> Expr:
    """The same value with no letter bound by two binders, nor ``fixed``, so that each letter has one range."""
    taken: set[str] = set(value.free | fixed)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        e = remake(n, children)
        if not isinstance(e, (Sum, Reduce)) or (isinstance(e, Reduce) and e.at):
            return e
        names: dict[str, Expr] = {}
        for i in e.indices:
            names[i] = Index(fresh(i, taken | e.body.free | e.body.binds) if i in taken else i)
            taken.update(names[i].free)
        letters = [j.name for j in names.values() if isinstance(j, Index)]
        body = substitute(e.body, names)
        return sum_over(letters, body) if isinstance(e, Sum) else reduce(e.op, letters, body)

    return fold(value, rule)


def _ranged(t: Tensor, g: Expr, outer: frozenset[str], reach: Callable[[str, Expr], Expr]) -> Expr:
    """``g``, told how far letters of shifted subscripts run that neither it nor the entry tells: x[i+1] beside e_i."""
    shifted = {i for s in t.subscripts if not isinstance(s, Index) for i in s.free}
    plain = {s.name for s in t.subscripts if isinstance(s, Index)}
    sizes: dict[str, Expr | None] = {}
    for i in shifted - plain - outer:
        if not tells(g, i):
            try:
                sizes[i] = reach(i, t)
            except UnknownRange:
                continue
    return kept(g, sizes) if sizes else g


def _owe(
    owed: dict[Expr, list[Expr]],
    part: Expr,
    g: Expr,
    scope: frozenset[str],
    whole: Expr,
    reach: Callable[[str, Expr], Expr],
) -> None:
    """Owe ``g`` to ``part``, added up over every index of the scope that the part lacks."""
    if g is ZERO or (not part.children and not isinstance(part, Tensor)):
        return
    missing = scope - part.free
    if missing:
        seen = g.free & missing
        # Σ_j g = dim(j) g where g does not have j either
        sizes = [reach(j, whole) for j in sorted(missing - seen)]
        ranged = kept(g, {j: reach(j, whole) for j in seen if not tells(g, j)})
        g = sum_over(sorted(seen), mul(*sizes, ranged))
    owed.setdefault(part, []).append(g)


def entry(t: Tensor, g: Expr, letters: tuple[str, ...], fixed: frozenset[str] = frozenset()) -> Expr:
    """What the occurrence ``t`` with cotangent ``g`` contributes to the entry ``letters`` of the tensor's derivative.

    ``∂W_ij/∂W_kl = [i = k][j = l]``: a plain index that occurs for the first time is called as the entry calls it, and
    its bracket is gone; every other subscript keeps its bracket.

    >>> from tensorprop.core.build import tensor
    >>> entry(tensor("X", "i", "i"), tensor("g", "i"), ("k", "l"))
    Mul((Bracket('=', Index('k'), Index('l')), Tensor('g', (Index('k'),))))
    """
    names: dict[str, Expr] = {}
    kept: list[tuple[Expr, Expr]] = []
    for s, k in zip(t.subscripts, letters, strict=True):
        if isinstance(s, Index) and s.name not in names and s.name not in fixed:
            names[s.name] = Index(k)
        else:
            kept.append((s, Index(k)))
    left: list[str] = []
    taken = t.free | g.free | g.binds | frozenset(letters)
    for i in sorted(t.free - fixed - frozenset(names)):
        # a letter that is added up is none of the entry's own, in x[t+1] neither
        left.append(fresh(i, taken) if i in letters else i)
        names[i] = Index(left[-1])
        taken |= {left[-1]}
    pairs = [(substitute(s, names), k) for s, k in kept]
    held = [bracket("=", s, k) if s.free else bracket("=", k, s) for s, k in pairs]
    body = mul(*held, substitute(g, names))
    return sum_over(left, body) if left else body
