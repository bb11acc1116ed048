"""Why a rule looks as it does: read off the pattern of its indices, never off a name.

In: the passage to a rule, and its formula in matrices if it has one. Out: sentences, each with the question that it
answers: why ⊙ here and a matrix product there, why the transpose, why that order, why a sum.
Nothing here is derived, and no output format is known.

The four facts behind every reason. In a product, an index is kept (it stands on the left) or summed; and it stands in
one factor, or in several:

                 in several factors                 in one factor
    kept         ⊙: nothing is summed               a row or a column of the result
    summed       matrix product, inner product      a sum along an axis
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from tensorprop.calculus.adjoint import adjoint_name
from tensorprop.calculus.laws import factors, split
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.core.build import add, mul
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder
from tensorprop.render import trees as m
from tensorprop.render.derivation.matrix import Shown
from tensorprop.render.derivation.passage import Local, Passage
from tensorprop.render.derivation.sentences import (
    Math,
    Sentence,
    entry,
    join,
    letter,
    letters,
    listed,
    say,
    turned,
    whole,
)
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["Pattern", "Reason", "dimensions", "patterns", "reasons"]


class Reason(NamedTuple):
    """The answer to one question: ``topic`` is ``⊙``, ``transpose`` …, ``question`` is what a learner would ask."""

    topic: str
    question: str
    answer: Sentence


_QUESTIONS = {
    "elementwise": "Why ⊙?",
    "outer": "Why an outer product?",
    "product": "Why a matrix product?",
    "inner": "Why an inner product?",
    "transpose": "Why the transpose, or none?",
    "order": "Why that order?",
    "jacobian": "And the matrix of derivatives?",
    "sum": "Why a sum?",
    "broadcast": "Why the same for all?",
    "alone": "Why δ alone?",
    "mean": "Why the 1/n?",
    "softmax": "Why is something subtracted?",
    "twice": "Why several terms?",
    "scale": "Why does one factor serve many?",
    "diagonal": "Why a diagonal?",
    "bracket": "Why a bracket?",
}


class Pattern(NamedTuple):
    """One product of a rule: which letters are kept, which are summed, and the factors that have letters."""

    whole: Expr
    kept: tuple[str, ...]
    summed: tuple[str, ...]
    factors: tuple[Expr, ...]

    def having(self, i: str) -> list[Expr]:
        """The factors in which a letter stands."""
        return [f for f in self.factors if i in f.free]


def patterns(value: Expr, left: Iterable[str]) -> list[Pattern]:
    """The products that a right side is the sum of."""
    found: list[Pattern] = []
    order = list(left)
    for term in value.terms if isinstance(value, Add) else (value,):
        summed: tuple[str, ...] = ()
        parts = list(factors(term))
        inner = [f for f in parts if isinstance(f, Sum)]
        if len(inner) == 1:  # a_k Σ_i b_i c_i is one product, too
            parts = [g for f in parts for g in (factors(f.body) if isinstance(f, Sum) else (f,))]
            summed = inner[0].indices
        with_letters = tuple(f for f in parts if f.free)
        kept = tuple(i for i in order if i in term.free)
        found.append(Pattern(term, kept, summed, with_letters))
    return found


def reasons(p: Passage, shown: Shown, form: Callable[[Equation], Shown]) -> tuple[Reason, ...]:
    """The reasons for a rule, each question once, in the order in which a reader meets them.

    ``shown`` is the rule in matrices, ``form`` gives that of any other equation.
    """
    made: dict[str, Reason] = {}
    pats = patterns(p.rule.value, p.rule.letters)
    for topic, answer in _all(p, pats, shown.tree, form):
        if topic not in made:
            made[topic] = Reason(topic, _QUESTIONS[topic], answer)
    return tuple(made.values())


Form = Callable[[Equation], Shown]


def _all(p: Passage, pats: list[Pattern], tree: m.Tree | None, form: Form) -> Iterator[tuple[str, Sentence]]:
    several = len(pats) > 1
    yield from _alone(p)
    yield from _twice(p)
    for local in p.locals:
        yield from _normaliser(p, local)
    yield from _sums(p, pats)
    for pat in pats:
        lead = say("The term {term}:", term=entry(pat.whole, p.axes)) if several else say("")
        for topic, answer in _pattern(p, pat, form):
            if tree is None and topic in ("product", "inner", "outer"):
                continue  # there is no such product in what is shown
            yield topic, (lead + answer if several else answer)
    if tree is not None:
        yield from _layout(p, tree, form)
        if tree.kind == "column":
            yield from _jacobian(p, form)
    yield from _mean(p)
    yield from _left_over(p)


# --------------------------------------------------------------------------- one product
def _pattern(p: Passage, pat: Pattern, form: Form) -> Iterator[tuple[str, Sentence]]:
    if len(pat.factors) < 2:
        return
    by_hand = [f for f in pat.factors]
    for j in pat.summed:
        hits = pat.having(j)
        if len(hits) == 2:
            yield from _contraction(p, pat, j, hits)
        elif len(hits) > 2:
            yield (
                "product",
                say(
                    "{j} is summed, and stands in {n} factors at once: they are multiplied entry by entry before the "
                    "sum.",
                    j=letter(j),
                    n=str(len(hits)),
                ),
            )
        for f in hits:
            yield from _turned_term(f, j)
    if pat.summed:
        return
    shared = [i for i in pat.kept if all(i in f.free for f in by_hand)]
    if len(shared) == len(pat.kept) and shared:
        yield "elementwise", _elementwise(p, pat, form)
    elif not any(len(pat.having(i)) > 1 for i in pat.kept):
        owners = [(f, [i for i in pat.kept if i in f.free]) for f in by_hand]
        told = listed([_name(f, p) for f, _ in owners])
        parts = listed([letter(i) for _, own in owners for i in own])
        yield (
            "outer",
            say(
                "{parts} stand in different factors, {told}, and all are left: nothing is summed, and every entry of "
                "the one meets every entry of the other. That is an outer product.",
                parts=parts,
                told=told,
            ),
        )
    else:
        lacking = [(f, [i for i in pat.kept if i not in f.free]) for f in by_hand]
        short = next((f, gone) for f, gone in lacking if gone)
        yield (
            "scale",
            say(
                "Nothing is summed, so it is a product entry by entry. {f} has no {gone}: the same value serves "
                "every {gone}. To scale whole rows or columns is to multiply with a diagonal matrix.",
                f=_name(short[0], p),
                gone=letters(short[1]),
            ),
        )


def _turned_term(f: Expr, j: str) -> Iterator[tuple[str, Sentence]]:
    """Of ``A_ij + A_ji`` the one is A and the other Aᵀ."""
    terms = [t for t in f.terms if isinstance(t, Tensor) and t.letters] if isinstance(f, Add) else []
    for n, one in enumerate(terms):
        for other in terms[n + 1 :]:
            a, b = one.letters or (), other.letters or ()
            if one.name == other.name and len(a) == 2 and a == b[::-1] and a != b:
                last, first = (one, other) if a[1] == j else (other, one)
                yield (
                    "transpose",
                    say(
                        "{j}, which is summed, is {A}'s second index in {last} and its first in {first}. Matrices are "
                        "added place by place, so one of the two is turned.",
                        j=letter(j),
                        A=whole(one.name),
                        last=entry(last),
                        first=entry(first),
                    ),
                )
                return


def _elementwise(p: Passage, pat: Pattern, form: Form) -> Sentence:
    first = say(
        "{i} {verb} kept by every factor, so nothing is summed: elementwise, ⊙.",
        i=letters(pat.kept),
        verb="is" if len(pat.kept) == 1 else "are",
    )
    diagonal = _diagonal(p)
    if diagonal is None:
        return first
    local, slope = diagonal
    d = Tensor(local.rule.name.replace("·", ""), ())
    if len(p.letters) == 1:
        u = form(equation(Tensor("u", local.forward.target.subscripts), slope))
        if u.unicode:
            return first + say(
                "As a matrix, {d} is {u}: zero off the diagonal. And {law}.",
                d=entry(d),
                u=Math(f"diag({u.right})", rf"\operatorname{{diag}}({u.latex.partition(' = ')[2]})"),
                law=Math("diag(u) v = u ⊙ v", r"\operatorname{diag}(u) v = u \odot v"),
            )
    return first + say(
        "{d} is zero unless {same}, and then {s}: a diagonal matrix in disguise, and {law}.",
        d=entry(local.rule.target),
        same=listed([Math(f"{i} = {k}", f"{i} = {k}") for i, k in zip(local.forward.letters, p.letters, strict=True)]),
        s=entry(slope),
        law=Math("diag(u) v = u ⊙ v", r"\operatorname{diag}(u) v = u \odot v"),
    )


def _diagonal(p: Passage) -> tuple[Local, Expr] | None:
    """The local derivative, if it is zero but for equal indices; and what stands on its diagonal."""
    if len(p.locals) != 1:
        return None
    (local,) = p.locals
    value = local.rule.value
    if isinstance(value, (Sum, Add)) or len(local.forward.letters) != len(p.letters):
        return None
    brackets = [f for f in factors(value) if isinstance(f, Bracket) and f.relation == "="]
    pairs = {(f.left.name, f.right.name) for f in brackets if isinstance(f.left, Index) and isinstance(f.right, Index)}
    if {k for _, k in pairs} != set(p.letters) or {j for j, _ in pairs} != set(local.forward.letters):
        return None
    return local, mul(*(f for f in factors(value) if f not in brackets))


def _contraction(p: Passage, pat: Pattern, j: str, hits: list[Expr]) -> Iterator[tuple[str, Sentence]]:
    one, other = hits
    kept = [[i for i in pat.kept if i in f.free] for f in hits]
    common = [i for i in kept[0] if i in kept[1]]
    own = [[i for i in k if i not in common] for k in kept]
    every = (
        say(
            "{c} {verb} kept by both: the same for every {c}.",
            c=letters(common),
            verb="is" if len(common) == 1 else "are",
        )
        if common
        else None
    )
    facts: dict[str, Math | str] = {"j": letter(j), "A": _name(one, p), "B": _name(other, p)}
    if not own[0] and not own[1]:
        text = (
            "{j} is summed, and stands once in each of two factors, {A} and {B}; neither has an index of its own left. "
            "That is an inner product"
        )
        if common:
            text += (
                ", one for every {c}. Matrices have no sign for that: one multiplies entry by entry and adds along "
                "{j}, or takes the diagonal of a product."
            )
            facts["c"] = letters(common)
        yield "inner", say(text if common else text + ".", **facts)
    else:
        left = [i for i in pat.kept if i in (*own[0], *own[1])]
        text = (
            "{j} is summed, and stands once in each of two factors, {A} and {B}; {left} {verb} left. That is what a "
            "matrix product does."
        )
        verb = "is" if len(left) == 1 else "are"
        yield "product", _with(say(text, **facts, left=letters(left), verb=verb), every)


def _with(one: Sentence, other: Sentence | None) -> Sentence:
    return one if other is None else one + other


def _jacobian(p: Passage, form: Form) -> Iterator[tuple[str, Sentence]]:
    """Of a column by a column, the derivative is a matrix, and the rule is that matrix times δ."""
    if len(p.locals) != 1 or len(p.letters) != 1 or len(p.locals[0].forward.letters) != 1 or _diagonal(p) is not None:
        return
    (local,) = p.locals
    (j,), (k,) = local.forward.letters, p.letters
    value = simplify_expr(local.rule.value)
    ways = [e for e in (value, _positive_first(canonical(value))) if e.free == value.free]  # as it is, multiplied out
    above, below = (
        min((form(equation(Tensor("J", (Index(a), Index(b))), e)) for e in ways), key=lambda f: len(f.unicode) or 999)
        for a, b in ((k, j), (j, k))
    )
    if not above.unicode or not below.unicode:
        return
    d = Tensor(local.rule.name.replace("·", ""), ())
    if above.right == below.right:
        matrix = Math(f"{UNICODE.show(d)} = {above.right}", f"{LATEX.show(d)} = {above.latex.partition(' = ')[2]}")
        yield "jacobian", say("It is {D}, which is symmetric: here all layouts agree.", D=matrix)
        return
    yield (
        "jacobian",
        say(
            "It is {D}, with the index of {x} for the rows and that of {v} for the columns (denominator layout). With "
            "the index of {v} first (numerator layout) it is {N}, and all formulas are transposed. Both say {both}.",
            D=Math(f"{UNICODE.show(d)} = {above.right}", f"{LATEX.show(d)} = {above.latex.partition(' = ')[2]}"),
            N=Math(below.right, below.latex.partition(" = ")[2]),
            x=whole(p.name),
            v=whole(local.forward.name),
            both=entry(local.rule.target).then(f" = {UNICODE.show(value)}", f" = {LATEX.show(value)}"),
        ),
    )


def _positive_first(e: Expr) -> Expr:
    """``a - b`` for ``-b + a``."""
    return add(*sorted(e.terms, key=lambda t: split(t)[0] < 0)) if isinstance(e, Add) else e


def _name(e: Expr, p: Passage) -> Math:
    """A factor as the sentence calls it: a tensor by its name, anything else by its entry."""
    return whole(e.name) if isinstance(e, Tensor) else entry(e, p.axes)


# --------------------------------------------------------------------------- sums and copies
def _sums(p: Passage, pats: list[Pattern]) -> Iterator[tuple[str, Sentence]]:
    """What has no index b forward is owed the sum over b; what was summed forward is owed the same everywhere."""
    back = dict(zip(p.letters, p.rule.letters, strict=True))
    for local in p.locals:
        for t in local.entries:
            lacking = [j for j in local.forward.letters if j not in t.free]
            summed = [j for j in lacking if any(j in q.summed for q in pats)]
            if summed:
                pattern = next(q for q in pats if summed[0] in q.summed)
                alone = all(len(pattern.having(j)) == 1 for j in summed)
                text = (
                    "{x} has no index {none}: one and the same {x} enters {v} for every {j}, and what all of them owe "
                    "it is added up."
                )
                if alone:
                    text += " Forward it is copied along {j} (a broadcast); backward a copy becomes a sum."
                none = listed([letter(j) for j in summed], "or")
                yield "sum", say(text, x=entry(t), v=entry(local.forward.target), j=letters(summed), none=none)
            gone = [
                back[k] for s, k in zip(t.subscripts, p.letters, strict=True) if not s.free & set(local.forward.letters)
            ]
            free = [i for i in gone if not any(i in q.kept for q in pats)]
            if free:
                yield (
                    "broadcast",
                    say(
                        "Forward, {x} is summed over {i}, and every one of them counts with the same weight; so each "
                        "is owed the same. Backward a sum becomes a copy (a broadcast).",
                        x=entry(t),
                        i=letters(free),
                    ),
                )


def _alone(p: Passage) -> Iterator[tuple[str, Sentence]]:
    rule = p.rule
    if isinstance(rule.value, Tensor) and rule.value.letters == rule.letters and len(p.locals) == 1:
        local = p.locals[0]
        if rule.value.name != adjoint_name(local.forward.name):
            return
        yield (
            "alone",
            say(
                "{x} is added to {v} as it is: the slope is 1, and it enters no other entry. So it is owed what {v} is "
                "owed.",
                x=entry(local.entries[0]),
                v=entry(local.forward.target),
            ),
        )


def _twice(p: Passage) -> Iterator[tuple[str, Sentence]]:
    for local in p.locals:
        if len(local.entries) > 1:
            yield (
                "twice",
                say(
                    "{x} stands in {v} as {all}: by the product rule each is differentiated in turn, the others kept.",
                    x=whole(p.name),
                    v=entry(local.forward.target),
                    all=listed([entry(t) for t in local.entries]),
                ),
            )


def _normaliser(p: Passage, local: Local) -> Iterator[tuple[str, Sentence]]:
    value = local.forward.value
    if not isinstance(value, Reduce) or value.op not in ("softmax", "logsoftmax"):
        return
    u = value.indices
    rest = [i for i in p.rule.letters if i not in u]
    each = say(" for every {b}", b=letters(rest)) if rest else say("")
    if value.op == "softmax":
        text = (
            "All {y} with the same denominator depend on every {x}: a larger {x} makes one entry larger and all others "
            "smaller, since they add up to 1. The bracket gives {y} times its own δ; the second part is an inner "
            "product, the mean of all δ weighted with {y}: one number{each}, subtracted from each."
        )
    else:
        text = (
            "The logarithm of the common denominator is subtracted from every {y}, and depends on every {x} with the "
            "slope {e}. So the sum of all δ is one number{each}, shared out by {e} and subtracted."
        )
    exp = Call("exp", (local.forward.target,))
    yield (
        "softmax",
        say(
            text.replace("{each}", each.text),
            **dict(each.places),
            y=entry(local.forward.target),
            x=entry(local.entries[0]),
            e=entry(exp),
        ),
    )


def _mean(p: Passage) -> Iterator[tuple[str, Sentence]]:
    for local in p.locals:
        for n in postorder(local.forward.value):
            if (
                isinstance(n, Reduce)
                and n.op in ("mean", "var")
                and any(t in set(postorder(n.body)) for t in local.entries)
            ):
                yield (
                    "mean",
                    say(
                        "A mean over {u} is a sum divided by how many there are, {n}: each has the weight {w}, and is "
                        "owed that share.",
                        u=letters(n.indices),
                        n=letter("n"),
                        w=Math("1/n", "1/n"),
                    ),
                )
                return


def _left_over(p: Passage) -> Iterator[tuple[str, Sentence]]:
    for n in postorder(p.rule.value):
        if isinstance(n, Bracket) and n.relation == "=" and isinstance(n.left, Index) and isinstance(n.right, Index):
            yield (
                "bracket",
                say(
                    "{b} stays, since both its indices are on the left: the rule is zero where they differ.",
                    b=entry(n),
                ),
            )
            return


# --------------------------------------------------------------------------- layout: transposes and order
class _Laid(NamedTuple):
    """A factor of a matrix product: how it is written, its name, its letters as it stands there."""

    math: Math
    name: str
    letters: tuple[str, ...]
    turned: bool
    kind: str


def _layout(p: Passage, tree: m.Tree, form: Form) -> Iterator[tuple[str, Sentence]]:
    for left, right in _pairs(p.rule, tree):
        for topic, answer in _pair(left, right):
            flip = _exchanged(p, left, right, form) if topic == "transpose" else None
            yield topic, _with(answer, flip)
    for node in tree.walk():
        if isinstance(node, m.Diagonal) and isinstance(node.of, m.Product):
            (i, *_) = p.rule.letters
            yield (
                "diagonal",
                say(
                    "{i} is kept by both factors, while a matrix product lets each have an index of its own. Only the "
                    "entries where both are {i} are wanted: the diagonal.",
                    i=letter(i),
                ),
            )


def _pairs(rule: Equation, tree: m.Tree) -> Iterator[tuple[_Laid, _Laid]]:
    """Neighbours in the formula's matrix products, both tensors of which one knows the letters."""
    known: dict[str, tuple[str, ...] | None] = {}
    for n in postorder(rule.value):
        if isinstance(n, Tensor):
            found = n.letters
            known[n.name] = found if known.get(n.name, found) == found else None
    for node in tree.walk():
        if isinstance(node, m.Product):
            laid = [_laid(f, known) for f in node.factors if f.kind != "scalar"]
            for left, right in pairwise(laid):
                if left is not None and right is not None and _fits(left, right, rule):
                    yield left, right


def _fits(left: _Laid, right: _Laid, rule: Equation) -> bool:
    """Whether a product's outer indices are those of the rule, each its own: not so inside a trace or a diagonal."""
    outer = [i for laid, k in ((left, 0), (right, -1)) if laid.kind == "matrix" for i in [laid.letters[k]]]
    if left.kind == "column":
        outer = [left.letters[0], right.letters[-1]]
    return len(set(outer)) == len(outer) and set(outer) <= set(rule.letters)


def _laid(t: m.Tree, known: dict[str, tuple[str, ...] | None]) -> _Laid | None:
    flipped = isinstance(t, m.Transpose)
    inner = t.of if isinstance(t, m.Transpose) else t
    if not isinstance(inner, m.Name):
        return None
    names = known.get(inner.tensor)
    if names is None or any(axis >= len(names) for axis in inner.order):
        return None
    own = tuple(names[axis] for axis in inner.order)
    math = whole(inner.tensor)
    if flipped:
        own, math = own[::-1], turned(math)
    return _Laid(math, inner.tensor, own, flipped, t.kind)


def _pair(left: _Laid, right: _Laid) -> Iterator[tuple[str, Sentence]]:
    both = Math(f"{left.math.unicode} {right.math.unicode}", f"{left.math.latex} {right.math.latex}")
    kinds = (left.kind, right.kind)
    if kinds not in (("matrix", "column"), ("row", "matrix"), ("matrix", "matrix")):
        return
    j = left.letters[-1]
    if right.letters[0] != j:
        return
    if kinds == ("matrix", "matrix"):
        yield (
            "transpose",
            join(
                [
                    say(
                        "In a matrix product the summed index stands last in the left factor and first in the right "
                        "one."
                    ),
                    _stands(left, j, "last", "left"),
                    _stands(right, j, "first", "right"),
                ]
            ),
        )
        out = letters([left.letters[0], right.letters[1]])
    else:
        matrix, which = (left, "second") if kinds[1] == "column" else (right, "first")
        other = "first" if which == "second" else "second"
        vector = "a matrix times a column" if kinds[1] == "column" else "a row times a matrix"
        plain = whole(matrix.name)
        if matrix.turned:
            text = (
                "The sum runs over {W}'s {other} index, {j}; {vector} sums over the {which} index of the matrix. So "
                "{W} is turned: {f}."
            )
        else:
            text = (
                "The sum runs over {W}'s {which} index, {j}, and {vector} sums over the {which} index of the matrix: "
                "{f}. For {T} it would be the {other} one."
            )
        yield (
            "transpose",
            say(text, W=plain, T=turned(plain), j=letter(j), f=both, which=which, other=other, vector=vector),
        )
        out = letters([matrix.letters[0] if which == "second" else matrix.letters[1]])
    yield (
        "order",
        say(
            "In index notation the factors commute. Written as matrices the order is forced by which index is summed "
            "and which is left: {j} must stand between the two, {out} outside: {f}.",
            j=letter(j),
            out=out,
            f=both,
        ),
    )


def _exchanged(p: Passage, left: _Laid, right: _Laid, form: Form) -> Sentence | None:
    """Forward one index of W is summed and the other kept, backward the other way round."""
    if len(p.locals) != 1:
        return None
    (local,) = p.locals
    for n in postorder(local.forward.value):
        if not isinstance(n, Sum):
            continue
        inside = [t for t in postorder(n.body) if isinstance(t, Tensor)]
        if not any(t in local.entries for t in inside):
            continue
        for t in inside:
            if t.name not in (left.name, right.name) or t.name == p.name or t.letters is None or len(t.letters) < 2:
                continue
            gone = [i for i in t.letters if i in n.indices]
            kept = [j for j in t.letters if j in local.forward.letters and j not in p.rule.letters]
            if len(gone) != 1 or len(kept) != 1 or gone[0] not in p.rule.letters:
                continue
            before, now = (
                _turned(t.name, form(local.forward).tree),
                left.turned if t.name == left.name else right.turned,
            )
            if before is None:
                return None
            text = "Forward {i} is summed and {j} is left; backward it is the other way round, "
            if before == now:
                text += "and {W} stands on the other side of the product."
            else:
                text += "so {W} is transposed in one of the two formulas and not in the other."
            return say(text, i=letter(gone[0]), j=letter(kept[0]), W=whole(t.name))
    return None


def _turned(name: str, tree: m.Tree | None) -> bool | None:
    """Whether a formula has a tensor transposed; None where it is not there once."""
    if tree is None:
        return None
    names = [n for n in tree.walk() if isinstance(n, m.Name) and n.tensor == name]
    flipped = [
        n for n in tree.walk() if isinstance(n, m.Transpose) and isinstance(n.of, m.Name) and n.of.tensor == name
    ]
    return bool(flipped) if len(names) == 1 else None


def _stands(laid: _Laid, j: str, where: str, side: str) -> Sentence:
    plain = whole(laid.name)
    if laid.turned:
        own = "first" if where == "last" else "last"
        return say("{j} is the {own} index of {A}, so {A} is turned: {T}.", j=letter(j), own=own, A=plain, T=laid.math)
    return say("{j} is the {where} index of {A}, which stays as it is.", j=letter(j), where=where, A=plain)


# --------------------------------------------------------------------------- dimensions, afterwards
def dimensions(p: Passage, tree: m.Tree | None) -> Sentence | None:
    """The check of dimensions that people use as the argument, here as what follows from it.

    None where the formula is no product of two tensors with known letters.
    """
    if tree is None:
        return None
    for left, right in _pairs(p.rule, tree):
        shapes = [_shape(left), _shape(right)]
        rows, columns = shapes[0][0], shapes[1][1]
        if rows is None and columns is None:
            return None
        both = Math(f"{left.math.unicode} {right.math.unicode}", f"{left.math.latex} {right.math.latex}")
        told = say(
            "{A} is {sa} and {B} is {sb}, so {f} is {sf}, as {x} is.",
            A=left.math,
            sa=_times(*shapes[0]),
            B=right.math,
            sb=_times(*shapes[1]),
            f=both,
            sf=_times(rows, columns),
            x=whole(p.name),
        )
        j = left.letters[-1] if left.kind != "column" else None
        matrices = sorted((x for x in (left, right) if x.kind == "matrix"), key=lambda x: not x.turned)
        matrix = matrices[0] if matrices else None
        if j is None or matrix is None:
            return told
        other = next((i for i in matrix.letters if i != j), None)
        if other is None:
            return told
        plain = whole(matrix.name)
        flipped = plain if matrix.turned else turned(plain)
        return told + say(
            "It is no argument: where {i} and {j} run over equally many values, {T} in place of {W} has the same shape "
            "and is wrong. The index says which.",
            i=letter(other),
            j=letter(j),
            T=flipped,
            W=matrix.math,
        )
    return None


def _shape(laid: _Laid) -> tuple[str | None, str | None]:
    if laid.kind == "matrix":
        return laid.letters[0], laid.letters[1]
    return (laid.letters[0], None) if laid.kind == "column" else (None, laid.letters[0])


def _times(rows: str | None, columns: str | None) -> Math:
    one, other = (letter(i) if i else Math("1", "1") for i in (rows, columns))
    bar = [Math(f"|{x.unicode}|", f"|{x.latex}|") if x.unicode != "1" else x for x in (one, other)]
    return Math(f"{bar[0].unicode} × {bar[1].unicode}", rf"{bar[0].latex} \times {bar[1].latex}")
