"""The calculation behind a derivation: from the chain rule to the finished rule, one law at a time.

In: a System, one of its tensors x, and the rule for δx that the calculus gives. Out: the same rule on its way there:
chain rule, local derivatives with their brackets, insertion, and every law that was applied. All lines are Equations of
equal value. How they are worded or printed is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from tensorprop.calculus.adjoint import adjoint, holds
from tensorprop.calculus.declared import DECLARED_LAW, Kinds
from tensorprop.calculus.laws import (
    bracket_of_bracket,
    bracket_once,
    collect,
    common_factor,
    common_number,
    meet_bracket,
    merge_powers,
    one_point,
    trace_of_expm,
)
from tensorprop.calculus.pullback import pullback
from tensorprop.calculus.rewrite import Law, beside_laws
from tensorprop.calculus.simplify import known
from tensorprop.calculus.wirtinger import wirtinger
from tensorprop.core.build import (
    ONE,
    ZERO,
    add,
    bracket,
    call,
    fresh,
    mul,
    number,
    remake,
    rename,
    substitute,
    sum_over,
)
from tensorprop.core.canon import canonical, same
from tensorprop.core.equation import DECLARED, Declared, Equation, Loop, System, equation, system
from tensorprop.core.expr import Add, Bracket, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.names import adjoint_name, derivative_name, labelled, stem_and_label
from tensorprop.core.plane import complex_names, has_parts, is_complex, real_part, settled, squares, with_adjoints
from tensorprop.core.ranges import OneAxis, infer, one_axis, spelled
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import apart, fold, freshen, lettered, postorder, tensors_of, transform
from tensorprop.text.vocabulary import COLUMN, ROW

__all__ = ["PLANE_LAW", "Local", "Move", "Passage", "axes_of", "derivative", "moves", "passage"]


PLANE_LAW = beside_laws(
    Law("conj(a b) == conj(a) conj(b)", (), "conjugates and parts are worked out", lambda e: None), "conjugates"
)
"""The caption of a step that works out conjugates and real parts."""


class Local(NamedTuple):
    """``∂v_J/∂x_K`` of the forward equation ``v_J = …``, its brackets kept.

    Of complex x there may be two, ``mirrored`` by conj(x), and ``way`` says how they count: ``plain``, ``twice`` (v is
    real: the other is the conjugate of the one), ``both``, and ``real``, the real part for an x that is real.
    """

    forward: Equation
    rule: Equation
    entries: tuple[Tensor, ...]  # where x stands in the forward equation
    mirrored: Equation | None = None
    way: str = "plain"

    @property
    def rules(self) -> tuple[Equation, ...]:
        """The derivative by x, and that by conj(x) where it counts."""
        return (self.rule,) if self.mirrored is None else (self.rule, self.mirrored)

    def chained(self, seed: Expr) -> Expr:
        """What the chain rule has of this equation, before it is added up."""
        share = mul(seed, self.rule.target)
        if self.mirrored is not None:
            return add(share, call("conj", mul(seed, self.mirrored.target)))
        return mul(number(2), share) if self.way == "twice" else share


class Move(NamedTuple):
    """A law applied, perhaps several times in a row, and the line that it leaves."""

    law: Law
    result: Expr
    put: tuple[tuple[str, Expr], ...]  # letters that a bracket let go of: i := k


class Passage(NamedTuple):
    """All lines from the chain rule to the rule for δx, the last one the calculus' own."""

    name: str
    letters: tuple[str, ...]  # K, those of x while it is differentiated
    chain: Equation
    locals: tuple[Local, ...]
    inserted: Equation
    moves: tuple[tuple[Move, Equation], ...]
    rule: Equation
    outer: tuple[Expr, ...]  # what an output is owed from outside that the equations read themselves
    axes: Mapping[tuple[str, int], str]  # a letter for every axis, for sizes that are shown
    declared: Kinds  # what the page declares of its matrices
    plane: frozenset[str] = frozenset()  # what holds complex numbers


def passage(s: System, rules: System, name: str, axis: OneAxis | None = None) -> Passage:
    """How ``rules["δname"]`` comes about.

    ``s`` are the forward equations on the way to the error; ``rules`` what `adjoint` gives for them; ``axis`` is
    ``one_axis(s)``, for whoever has it already.
    """
    axis = one_axis(s) if axis is None else axis
    s = spelled(s)
    rule = rules[adjoint_name(name)]
    uses = [eq for eq in s.ordered if name in eq.inputs and _matters(s, rules, eq)]
    letters = _apart(rule.letters, uses, rule, s)
    target = Tensor(adjoint_name(name), tuple(map(Index, letters)))
    plane = complex_names(s)
    found = [(eq, local) for eq in uses if (local := derivative(eq, name, letters, plane)) is not None]
    outer = _from_outside(s, name, letters)
    chain: list[Expr] = list(outer)
    inserted: list[Expr] = list(outer)
    for eq, local in found:
        seed = mul(_seed(s, eq), *_held(s, eq))
        total = sum_over(eq.letters, local.chained(seed))
        chain.append(call("re", total) if local.way == "real" else total)
        inserted += _inserted(eq, local, seed, letters, with_adjoints(plane))
    first = equation(target, add(*chain))
    start = equation(target, add(*inserted))
    path: list[tuple[Move, Equation]] = []
    aim = rename(rule.value, dict(zip(rule.letters, letters, strict=True)))
    plain = _undeclared(s, name, letters) or aim
    for move in moves(start.value, plain, axis):
        path.append((move, equation(target, move.result)))
    last = path[-1][0].result if path else start.value
    steps = all(eq.place is None for eq, _ in found) and len(_shifted(last)) <= len(_shifted(plain))
    if plane and steps and not same(last, plain):  # what a shifted bracket or a start leaves is told with the last line
        path.append((Move(PLANE_LAW, plain, ()), equation(target, plain)))
    if plain is not aim and not same(plain, aim):
        path.append((Move(DECLARED_LAW, aim, ()), equation(target, aim)))
    locals_ = tuple(local for _, local in found)
    return Passage(name, letters, first, locals_, start, tuple(path), rule, outer, axes_of(s), s.declared, plane)


def _inserted(
    eq: Equation, local: Local, seed: Expr, letters: tuple[str, ...], plane: frozenset[str]
) -> Iterator[Expr]:
    """The terms of the chain rule for one equation, with the local derivatives put in."""
    twice = [number(2)] if local.way == "twice" else []
    for rule in local.rules:
        if rule.value is ZERO:
            continue
        for term in rule.value.terms if _sum_of_terms(rule.value) else (rule.value,):
            inner, body = (term.indices, term.body) if isinstance(term, Sum) else ((), term)
            clash = (seed.free | frozenset(letters)) & frozenset(inner)
            assert not clash
            share = mul(*twice, seed, body)
            if rule is local.mirrored:
                share = settled(call("conj", share), plane)
            total = sum_over((*eq.letters, *inner), share)
            yield real_part(total, plane) if local.way == "real" else total


def _shifted(e: Expr) -> list[Bracket]:
    """The equality brackets of which a side is more than a letter."""
    found = (n for n in postorder(e) if isinstance(n, Bracket) and n.relation == "=")
    return [n for n in found if not all(isinstance(c, Index) for c in n.children)]


def _undeclared(s: System, name: str, letters: Sequence[str]) -> Expr | None:
    """The right side of δname without what is declared of matrices, where something is."""
    if not s.declared:
        return None
    facts = [f for f in s.facts if not isinstance(f, Declared) or f.kind not in DECLARED]
    rule = adjoint(system(s.equations, facts), wrt=name)[adjoint_name(name)]
    return rule.rename(dict(zip(rule.letters, letters, strict=True))).value


def axes_of(s: System) -> dict[tuple[str, int], str]:
    """A letter for every axis of every tensor and its adjoint: the first that the equations have there."""
    found: dict[tuple[str, int], str] = {}
    for eq in s:
        for t in (eq.target, *tensors_of(eq.value)):
            for axis, i in enumerate(t.subscripts):
                if isinstance(i, Index) and i.name not in (ROW, COLUMN):
                    found.setdefault((t.name, axis), i.name)
                    found.setdefault((adjoint_name(t.name), axis), i.name)
    return found


def _matters(s: System, rules: System, eq: Equation) -> bool:
    """Whether the error depends on what an equation defines."""
    if eq.name in s.outputs:
        return True
    return adjoint_name(eq.name) in rules and rules[adjoint_name(eq.name)].value is not ZERO


def _seed(s: System, eq: Equation) -> Expr:
    """``δv_J``, which is 1 where v is the error itself."""
    if s.outputs == (eq.name,) and not eq.letters:
        return ONE
    return Tensor(adjoint_name(eq.name), eq.target.subscripts)


def _held(s: System, eq: Equation) -> list[Expr]:
    """Where an equation holds beside which starts stand."""
    loop = next((b for b in s.blocks if isinstance(b, Loop) and eq in b.body), None)
    return [] if loop is None else holds(loop, eq, infer(s))


def _from_outside(s: System, name: str, letters: tuple[str, ...]) -> tuple[Expr, ...]:
    """What is owed to an output that the equations read themselves, as a recurrence reads its past."""
    if name not in s.outputs or not s.recurrent:
        return ()
    alone = len(s.outputs) == 1 and not s.rank(name)
    return (ONE if alone else Tensor(f"{adjoint_name(name)}^(out)", tuple(map(Index, letters))),)


def _sum_of_terms(e: Expr) -> TypeGuard[Add]:
    return isinstance(e, Add)


_FEW = 12  # letters in a System that are all avoided; the alphabet is finite


def _apart(like: Sequence[str], uses: Sequence[Equation], rule: Equation, s: System) -> tuple[str, ...]:
    """Letters for x that no equation around it uses; in a small System, that none uses."""
    taken = set(like) | rule.value.binds
    everywhere = {i for eq in s for i in (*eq.letters, *eq.value.binds)}
    taken |= everywhere if len(everywhere) <= _FEW else set()
    for eq in uses:
        taken |= {*eq.letters, *eq.value.free, *eq.value.binds}
        for t in (eq.target, *tensors_of(eq.value)):
            taken |= {*stem_and_label(t.name)[1], t.name}  # the k of W^(k), and what is a tensor itself
    found: list[str] = []
    for i in like:
        found.append(fresh(i, taken))
        taken.add(found[-1])
    return tuple(found)


def derivative(eq: Equation, name: str, letters: tuple[str, ...], plane: frozenset[str] = frozenset()) -> Local | None:
    """The derivative of an equation's right side, with a bracket for every index of x; None where it is zero."""
    shares, way = _shares(eq, name, plane)
    straight = [(t, g) for t, g, _ in shares if g is not ZERO]
    mirrored = [(t, g) for t, _, g in shares if g is not ZERO]
    if not straight and not mirrored:
        return None
    by = name
    made: list[tuple[Equation, tuple[Tensor, ...]]] = []
    for part in (straight, mirrored) if mirrored else (straight,):
        target = Tensor(
            derivative_name(eq.name, len(eq.target.subscripts), [(by, len(letters))]),
            (*eq.target.subscripts, *map(Index, letters)),
        )
        value, entries = _bracketed(eq, part, letters)
        made.append((equation(target, value), entries))
        by = mirror_name(name, (eq.name, *eq.inputs))
    (rule, entries), *more = made
    other = next((r for r, _ in more), None)
    return Local(eq, rule, entries or more[0][1], other, way)


def mirror_name(name: str, taken: Iterable[str]) -> str:
    """What the conjugate of a tensor is called below a derivative, ``∂w/∂z̄``."""
    stem, label = stem_and_label(name)
    found = next(n for n in (f"{stem}bar", f"{stem}conj", f"{stem}mirrored") if n not in taken)
    return labelled(found, label) if label else found


def _shares(eq: Equation, name: str, plane: frozenset[str]) -> tuple[list[tuple[Tensor, Expr, Expr]], str]:
    """For every entry of x its derivative and that by conj(x), and how they count (`Local`)."""
    left = frozenset(eq.letters)
    value = squares(eq.value, plane) if plane else eq.value
    complex_ = bool(plane) and is_complex(value, plane)
    real = name not in plane
    if not plane or (complex_ is not real and not has_parts(value, plane)):
        found = pullback(value, ONE, result=eq.target, fixed=left)
        return [(t, g, ZERO) for t, g in found.items() if t.name == name], "plain"
    if real and not complex_:
        found = pullback(value, ONE, result=eq.target, fixed=left, plane=plane)
        return [(t, known(real_part(g, plane), {}, plane), ZERO) for t, g in found.items() if t.name == name], "plain"
    pairs = wirtinger(value, plane, result=eq.target, fixed=left)
    own = [(t, pair) for t, pair in pairs.items() if t.name == name]
    if real:
        return [(t, known(add(a, call("conj", b)), {}, plane), ZERO) for t, (a, b) in own], "real"
    if not complex_:
        return [(t, a, ZERO) for t, (a, _) in own], "twice"
    both = any(b is not ZERO for _, (_, b) in own)
    turned = [(t, a, known(call("conj", b), {}, plane)) for t, (a, b) in own]
    return turned, "both" if both else "plain"


def _bracketed(
    eq: Equation, shares: Iterable[tuple[Tensor, Expr]], letters: tuple[str, ...]
) -> tuple[Expr, tuple[Tensor, ...]]:
    """The derivative by an entry from those by the entries that stand there, and these."""
    left = frozenset(eq.letters)
    terms: list[Expr] = []
    entries: list[Tensor] = []
    for t, g in shares:
        t, g = _lettered(t, g, left, letters)
        entries.append(t)
        kept = [bracket("=", s, Index(k)) for s, k in zip(t.subscripts, letters, strict=True)]
        g = _called(g, eq)
        inner = t.free - left
        for share in g.terms if _sum_of_terms(g) and not inner and not kept else (g,):
            terms.append(sum_over(sorted(inner), mul(share, *kept)))
    value = freshen(add(*terms), left | frozenset(letters))
    value = transform(value, lambda n: bracket_of_bracket(n) or n)
    own = {*left, *letters, *eq.value.binds}
    return lettered(value, apart({*value.binds}, own, {eq.name, *eq.inputs})), tuple(entries)


def _lettered(t: Tensor, g: Expr, left: frozenset[str], letters: tuple[str, ...]) -> tuple[Tensor, Expr]:
    """An entry with letters of its own: what nobody has named, as rows and columns of a whole matrix, or x has."""
    named: dict[str, str] = {}
    for i in sorted(t.free & {ROW, COLUMN, *letters} - left, reverse=True):
        like = "i" if i in (ROW, COLUMN) else i
        named[i] = fresh(like, {*left, *letters, *t.free, *g.free, *g.binds, *named.values()})
    return (rename(t, named), rename(g, named)) if named else (t, g)


def _called(g: Expr, eq: Equation) -> Expr:
    """``softmax_v(s_tv)[u]`` called ``p_tu`` where that is the equation's own name for it."""
    whole = eq.value
    if not isinstance(whole, Reduce) or not whole.at or not all(isinstance(a, Index) for a in whole.at):
        return g

    def rule(n: Expr, parts: tuple[Expr, ...]) -> Expr:
        e = remake(n, parts)
        if not isinstance(e, Reduce) or e.op != whole.op or len(e.at) != len(whole.at):
            return e
        put = {a.name: b for a, b in zip(whole.at, e.at, strict=True) if isinstance(a, Index)}
        return substitute(eq.target, put) if same(substitute(whole, put), e) else e

    return fold(g, rule)


# --------------------------------------------------------------------------- laws, one at a time
_LIMIT = 400  # laws applied in one passage; every one leaves less to do
_TOGETHER = (trace_of_expm, collect, common_factor, common_number, merge_powers)  # what makes a line shorter


def moves(e: Expr, aim: Expr, axis: OneAxis | None = None) -> Iterator[Move]:
    """The laws that lead from ``e`` towards ``aim``: brackets first, then like terms and common factors.

    Laws that only move a Σ are left to the last line, in which the reader sees no step.
    """
    spent = 0
    for laws in ((one_point, bracket_once, meet_bracket), _TOGETHER):
        open_: Move | None = None
        while spent < _LIMIT:
            if _looks(e, aim, axis):
                break
            hit = _first(e, laws)
            if hit is None:
                break
            law, old, new = hit
            put = _solved(old) if law is one_point else ()
            e = fold(e, lambda n, parts, old=old, new=new: new if n is old else remake(n, parts))
            spent += 1
            if open_ is not None and open_.law is not law:
                yield open_
                open_ = None
            open_ = Move(law, e, (*(open_.put if open_ else ()), *put))
        if open_ is not None:
            yield open_


def _looks(e: Expr, aim: Expr, axis: OneAxis | None) -> bool:
    """Whether two expressions differ in the order of factors and in bound letters only."""
    return e is aim or (_parts(e) == _parts(aim) and canonical(e, axis) is canonical(aim, axis))


def _parts(e: Expr) -> Counter[str]:
    """What an expression is made of, shared parts counted as often as they stand."""

    def rule(n: Expr, below: tuple[Counter[str], ...]) -> Counter[str]:
        own = n.name if isinstance(n, Tensor) else type(n).__name__
        return sum(below, Counter([own]))

    return fold(e, rule)


def _first(root: Expr, laws: Sequence[Law]) -> tuple[Law, Expr, Expr] | None:
    for law in laws:
        for n in postorder(root):
            new = law(n)
            if new is not None and new is not n:
                return law, n, new
    return None


def _solved(e: Expr) -> tuple[tuple[str, Expr], ...]:
    """``i := k`` where ``Σ_i [i = k] …`` has one term."""
    if isinstance(e, Sum):
        for f in factors_of(e.body):
            if isinstance(f, Bracket) and f.relation == "=":
                for i, other in ((f.left, f.right), (f.right, f.left)):
                    if isinstance(i, Index) and i.name in e.indices and isinstance(other, Index) and other is not i:
                        return ((i.name, other),)
    return ()
