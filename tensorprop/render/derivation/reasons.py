"""Why a rule looks as it does: its formula's signs, and what the forward equation has to do with them.

In: the passage to a rule, and its formula in matrices if it has one. Out: reasons, each with the question that it
answers, the signs of the formula that it explains and what it claims of indices. What a sign means is read off the
formula's own tree (`signs`); here stand the forward equation's part in it, the order in which a reader meets the
questions, and the check of dimensions. Nothing here is derived, and no output format is known.

The four facts behind every reason. In a product, an index is kept (it stands on the left) or summed; and it stands in
one factor, or in several:

                 in several factors                 in one factor
    kept         ⊙: nothing is summed               a row or a column of the result
    summed       matrix product, inner product      a sum along an axis
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tensorprop.calculus.known_sums import lettered
from tensorprop.calculus.simplify import known
from tensorprop.core.build import add, bracket, mul
from tensorprop.core.canon import canonical
from tensorprop.core.english import numeral
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.names import NOBODY, adjoint_name
from tensorprop.core.terms import factors_of, number_and_rest
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.render import trees as m
from tensorprop.render.derivation.facts import facts
from tensorprop.render.derivation.index_table import patterns
from tensorprop.render.derivation.indexed import Indexed, Spot
from tensorprop.render.derivation.matrix import MatrixForm
from tensorprop.render.derivation.merged import answers
from tensorprop.render.derivation.passage import Local, Passage
from tensorprop.render.derivation.sentences import (
    Math,
    Sentence,
    entry,
    letter,
    letters,
    listed,
    say,
    size_of,
    turned,
    whole,
)
from tensorprop.render.derivation.signs import Claim, Fact, Sign, signs, upright
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["Reason", "dimensions", "patterns", "reasons"]


@dataclass(frozen=True)
class Reason:
    """The answer to one question.

    ``topic`` is ``elementwise``, ``transpose`` …, ``question`` what a learner would ask; ``brief`` is the answer for
    a reader who has met the like before. ``signs`` are those of the formula that it explains, ``claims`` what it says
    of indices, ``at`` the parts that it is about.
    """

    topic: str
    question: str
    answer: Sentence
    brief: Sentence
    signs: tuple[Sign, ...] = ()
    claims: tuple[Claim, ...] = ()


_QUESTIONS = {
    "alone": "Why δ alone?",
    "plain": "Why no sign?",
    "twice": "Why several terms?",
    "recurrence": "Why backwards in time?",
    "softmax": "Why is something subtracted?",
    "sum": "Why a sum?",
    "mean": "Why the 1/n?",
    "broadcast": "Why the same for all?",
    "outer": "Why an outer product?",
    "product": "Why a matrix product?",
    "inner": "Why an inner product?",
    "elementwise": "Why ⊙?",
    "over": "Why ⊘?",
    "transpose": "Why the transpose, or none?",
    "order": "Why that order?",
    "number": "Why a number beside a vector?",
    "scale": "Why a diagonal matrix?",
    "diagonal": "Why a diagonal?",
    "trace": "Why a trace?",
    "triangle": "Why a triangle?",
    "ones": "Why 1?",
    "norm": "Why a norm?",
    "power": "Why ∘, or a power?",
    "along": "Along what?",
    "inverse": "Why an inverse?",
    "whole": "Why a function of the whole matrix?",
    "tensor": "Why that product?",
    "bracket": "Why a bracket?",
    "every": "Why one formula for each?",
    "jacobian": "And the matrix of derivatives?",
}

Form = Callable[[Equation], MatrixForm]


def reasons(p: Passage, shown: MatrixForm, form: Form) -> tuple[Reason, ...]:
    """The reasons for a rule, each question once, in the order in which a reader meets them.

    ``shown`` is the rule in matrices, ``form`` gives that of any other equation.
    """
    by_topic: dict[str, list[Fact]] = {}
    for fact in _all(p, shown, form):
        by_topic.setdefault(fact.topic, []).append(fact)
    made: list[Reason] = []
    for topic in _QUESTIONS:
        found = by_topic.get(topic)
        if not found:
            continue
        answer, brief = answers(topic, found)
        made.append(
            Reason(
                topic,
                _QUESTIONS[topic],
                answer,
                brief,
                tuple(dict.fromkeys(s for f in found for s in f.signs)),
                tuple(dict.fromkeys(c for f in found for c in f.claims)),
            )
        )
    return tuple(made)


def _all(p: Passage, shown: MatrixForm, form: Form) -> Iterator[Fact]:
    yield from _alone(p)
    yield from _twice(p)
    yield from _later(p)
    for local in p.locals:
        yield from _normaliser(p, local)
    yield from _sums(p)
    yield from _mean(p)
    index = shown.index
    if index is None:
        yield from _left_over(p)
        return
    if index.whole.letters and not signs(index) and not any(_alone(p)):
        told = say("No index is summed, and none stands in two factors: entry by entry, as it is written.")
        yield _fact("plain", told, say("Nothing is summed: as it is written."))
    seen = False
    for fact in facts(index, shown.part, shown.left):
        if fact.topic == "elementwise" and not seen:
            seen = True
            fact = _with(fact, _diagonal_said(p, form))
        if fact.topic == "transpose":
            fact = _with(fact, _exchanged(p, index, fact, form))
        yield fact
    if index.whole.tree.kind == "column":
        yield from _jacobian(p, form)
    if not any(isinstance(s.tree, m.Identity) for s in index):
        yield from _left_over(p)


def _with(fact: Fact, more: Sentence | None) -> Fact:
    return fact if more is None else Fact(fact.topic, fact.said + more, fact.brief, fact.signs, fact.claims)


def _fact(topic: str, said: Sentence, brief: Sentence | None = None) -> Fact:
    return Fact(topic, said, brief or said)


# --------------------------------------------------------------------------- matrices of derivatives
def _diagonal_said(p: Passage, form: Form) -> Sentence | None:
    """That ⊙ is a diagonal matrix in disguise, where the local derivative is one."""
    diagonal = _diagonal(p)
    if diagonal is None:
        return None
    local, slope = diagonal
    d = Tensor(local.rule.name.replace("·", ""), ())
    law = Math("diag(u) v = u ⊙ v", r"\operatorname{diag}(u) v = u \odot v")
    if len(p.letters) == 1:
        told = transform(slope, _positive_first)
        u = form(equation(Tensor(NOBODY, local.forward.target.subscripts), told))
        if u.unicode:
            return say(
                "As a matrix, {d} is {u}, and {law}.",
                d=entry(d),
                u=Math(f"diag({u.right.unicode})", rf"\operatorname{{diag}}({u.right.latex})"),
                law=law,
            )
    return say(
        "{d} is zero but for equal indices, a diagonal matrix in disguise: {law}.", d=entry(local.rule.target), law=law
    )


def _diagonal(p: Passage) -> tuple[Local, Expr] | None:
    """The local derivative, if it is zero but for equal indices; and what stands on its diagonal."""
    if len(p.locals) != 1:
        return None
    (local,) = p.locals
    value = local.rule.value
    if isinstance(value, (Sum, Add)) or len(local.forward.letters) != len(p.letters) or not p.letters:
        return None
    brackets = [f for f in factors_of(value) if isinstance(f, Bracket) and f.relation == "="]
    pairs = {(f.left.name, f.right.name) for f in brackets if isinstance(f.left, Index) and isinstance(f.right, Index)}
    if {k for _, k in pairs} != set(p.letters) or {j for j, _ in pairs} != set(local.forward.letters):
        return None
    return local, mul(*(f for f in factors_of(value) if f not in brackets))


def _brackets_last(n: Expr) -> Expr:
    """``p_j [j = l]``: a canonical form has its factors in no order that is meant for people."""
    if not isinstance(n, Mul):
        return n
    return mul(*sorted(n.factors, key=lambda f: (isinstance(f, Bracket), not isinstance(f, Number), UNICODE.show(f))))


def _length(f: MatrixForm) -> int:
    return len(f.unicode) or 999


def _jacobian(p: Passage, form: Form) -> Iterator[Fact]:
    """Of a column by a column, the derivative is a matrix, and the rule is that matrix times δ."""
    if len(p.locals) != 1 or len(p.letters) != 1 or len(p.locals[0].forward.letters) != 1 or _diagonal(p) is not None:
        return
    (local,) = p.locals
    (j,), (k,) = local.forward.letters, p.letters
    value = known(local.rule.value, p.declared)
    ways = [e for e in (value, _positive_first(canonical(value))) if e.free == value.free]  # as it is, multiplied out
    pairs = [[form(equation(Tensor(NOBODY, (Index(a), Index(b))), e)) for a, b in ((k, j), (j, k))] for e in ways]
    above, below = min(pairs, key=lambda pair: sum(map(_length, pair)))  # both of one way: one turned is the other
    if not above.unicode or not below.unicode:
        return
    d = Tensor(local.rule.name.replace("·", ""), ())
    matrix = Math(f"{UNICODE.show(d)} = {above.right.unicode}", f"{LATEX.show(d)} = {above.right.latex}")
    if above.right == below.right:
        told = say("It is {D}, which is symmetric: here all layouts agree.", D=matrix)
        if isinstance(ways[-1], Add):
            same = bracket("=", Index(j), Index(k))
            turned_ = bracket("=", Index(k), Index(j))
            entries = transform(lettered(ways[-1], value), lambda n: same if n is turned_ else _brackets_last(n))
            told += say("Its entries are {e}.", e=entry(entries))
        yield _fact("jacobian", told)
        return
    yield _fact(
        "jacobian",
        say(
            "It is {D} with the index of {x} for the rows (denominator layout); in numerator layout {N}, and all "
            "formulas are transposed.",
            D=matrix,
            N=below.right,
            x=whole(p.name),
        ),
        say("It is {D} in denominator layout, {N} in numerator layout.", D=matrix, N=below.right),
    )


def _positive_first(e: Expr) -> Expr:
    """``a - b`` for ``-b + a``."""
    return add(*sorted(e.terms, key=lambda t: number_and_rest(t)[0] < 0)) if isinstance(e, Add) else e


# --------------------------------------------------------------------------- sums and copies
def _summed(p: Passage) -> frozenset[str]:
    """Every letter over which the rule sums."""
    return frozenset(i for n in postorder(p.rule.value) if isinstance(n, Sum) for i in n.indices)


def _sums(p: Passage) -> Iterator[Fact]:
    """What has no index b forward is owed the sum over b; what was summed forward is owed the same everywhere."""
    back = dict(zip(p.letters, p.rule.letters, strict=True))
    gone_in_rule = _summed(p)
    copied: dict[tuple[Tensor, tuple[str, ...]], list[Tensor]] = {}
    for local in p.locals:
        for t in local.entries:
            if lacking := tuple(j for j in local.forward.letters if j not in t.free and j in gone_in_rule):
                copied.setdefault((t, lacking), []).append(local.forward.target)
    for (t, lacking), enters in copied.items():
        text = "{x} has no index {none}: the same {x} enters {v} for every {j}. "
        text += "The contributions from every {j} are added."
        if all(_alone_in(p.rule.value, j) for j in lacking):
            text += " Forward it is copied along {j} (a broadcast); backward a copy becomes a sum."
        none = listed([letter(j) for j in lacking], "or")
        told = {"x": entry(t), "v": listed(list(map(entry, enters))), "j": letters(lacking), "none": none}
        brief = say("{x} has no {none}: contributions are added.", x=told["x"], none=none)
        yield _fact("sum", say(text, **told), brief)
    for local in p.locals:
        for t in local.entries:
            gone = [
                back[k] for s, k in zip(t.subscripts, p.letters, strict=True) if not s.free & set(local.forward.letters)
            ]
            free = [i for i in gone if i not in p.rule.value.free]
            if free:
                yield _fact(
                    "broadcast",
                    say(
                        "Forward, {x} is summed over {i}, and each counts with the same weight; so backward each gets "
                        "the same. A sum becomes a copy (a broadcast).",
                        x=entry(t),
                        i=letters(free),
                    ),
                )


def _alone_in(value: Expr, j: str) -> bool:
    """Whether a summed letter stands in one factor only."""
    return all(
        sum(j in f.free for f in factors_of(n.body)) < 2
        for n in postorder(value)
        if isinstance(n, Sum) and j in n.indices
    )


def _alone(p: Passage) -> Iterator[Fact]:
    rule = p.rule
    if isinstance(rule.value, Tensor) and rule.value.letters == rule.letters and len(p.locals) == 1:
        local = p.locals[0]
        if rule.value.name != adjoint_name(local.forward.name):
            return
        yield _fact(
            "alone",
            say(
                "{x} is added to {v} as it is: the slope is 1.",
                x=entry(local.entries[0]),
                v=entry(local.forward.target),
            ),
        )


def _later(p: Passage) -> Iterator[Fact]:
    """The reverse recurrence: what is owed at one time comes from the next one that was computed."""
    for local in p.locals:
        if local.forward.name != p.name:
            continue
        back = [t for t in tensors_of(p.rule.value) if t.name == p.rule.name]
        if not back:
            continue
        read = local.entries[0]
        i = next((i for i, s, b in zip(p.rule.letters, back[0].subscripts, local.forward.target.subscripts, strict=True)
                  if s is not Index(i) and not isinstance(s, Index) and b.free), p.rule.letters[0])  # fmt: skip
        yield _fact(
            "recurrence",
            say(
                "Forward, {v} reads {x}; so backward {dx} reads {dv}: it runs the other way along {t}, from "
                "the end where nothing comes after.",
                v=entry(local.forward.target), x=entry(read), dx=entry(p.rule.target), dv=entry(back[0]), t=letter(i),
            ),
        )  # fmt: skip


def _twice(p: Passage) -> Iterator[Fact]:
    stands: dict[tuple[str, tuple[Tensor, ...]], list[Math]] = {}
    for local in p.locals:
        if len(local.entries) > 1:
            whole_matrix = any(
                isinstance(n, Reduce) and is_matrix(n.op) and any(t.name == p.name for t in tensors_of(n))
                for n in postorder(local.forward.value)
            )
            where = "in {n} places" if whole_matrix else "as {all}"  # of inv(S)_ij no entry is read alone
            stands.setdefault((where, local.entries), []).append(entry(local.forward.target))
    for (where, entries), within in stands.items():
        said = say(
            f"{{x}} stands in {{v}} {where}: each is differentiated in turn while the others stay, and the results are "
            "added.",
            x=whole(p.name),
            v=listed(within),
            n=numeral(len(entries)),
            all=listed([entry(t) for t in entries]),
        )
        yield _fact("twice", said)


def _normaliser(p: Passage, local: Local) -> Iterator[Fact]:
    value = local.forward.value
    if not isinstance(value, Reduce) or value.op not in ("softmax", "logsoftmax"):
        return
    u = value.indices
    rest = [i for i in local.forward.letters if i not in u]
    each = say(" for every {b}", b=letters(rest)) if rest else say("")
    if value.op == "softmax":
        text = (
            "The entries of {p} add up to 1: what one gains, the others lose. So the mean of δ, weighted with {y}, is "
            "subtracted: one number{each}."
        )
        brief = "The mean of δ, weighted with {y}, is subtracted."
    else:
        text = (
            "The logarithm of the common denominator is subtracted from every {y}, and depends on every {x} with the "
            "slope {e}. So the sum of all δ is one number{each}, shared out by {e} and subtracted."
        )
        brief = "The sum of all δ is shared out by {e} and subtracted."
    exp = Call("exp", (local.forward.target,))
    places: dict[str, Math] = {
        **dict(each.places),
        "y": entry(local.forward.target),
        "p": whole(local.forward.name),
        "x": entry(local.entries[0]),
        "e": entry(exp),
    }
    text = text.replace("{each}", each.text)
    answer, short = (say(t, **{k: m for k, m in places.items() if f"{{{k}}}" in t}) for t in (text, brief))
    yield _fact("softmax", answer, short)


def _mean(p: Passage) -> Iterator[Fact]:
    for local in p.locals:
        for n in postorder(local.forward.value):
            if (
                isinstance(n, Reduce)
                and n.op in ("mean", "var")
                and any(t in set(postorder(n.body)) for t in local.entries)
            ):
                count = size_of(n.indices)
                below = count if len(n.indices) == 1 else Math(f"({count.unicode})", f"({count.latex})")
                weight = Math(f"1/{below.unicode}", f"1/{below.latex}")
                said = say("A mean over {u} is a sum divided by how many there are, {n}: each has the weight {w}, "
                           "forward and backward.", u=letters(n.indices), n=count, w=weight)  # fmt: skip
                brief = say("In a mean over {u} each has the weight {w}.", u=letters(n.indices), w=weight)
                yield _fact("mean", said, brief)
                return


def _left_over(p: Passage) -> Iterator[Fact]:
    for n in postorder(p.rule.value):
        if isinstance(n, Bracket) and n.relation == "=" and isinstance(n.left, Index) and isinstance(n.right, Index):
            yield _fact(
                "bracket",
                say(
                    "{b} stays, since both its indices are on the left: the rule is zero where they differ.",
                    b=entry(n),
                ),
            )
            return


# --------------------------------------------------------------------------- forward and backward
def _exchanged(p: Passage, index: Indexed, fact: Fact, form: Form) -> Sentence | None:
    """Forward one index of W is summed and the other kept, backward the other way round."""
    if len(p.locals) != 1:
        return None
    (local,) = p.locals
    about = {c.path for c in fact.claims}
    used = {t.tensor: isinstance(index[s].tree, m.Transpose) for s in about
            if isinstance(t := upright(index[s].tree), m.Name)}  # fmt: skip
    for n in postorder(local.forward.value):
        if not isinstance(n, Sum):
            continue
        inside = [t for t in factors_of(n.body) if isinstance(t, Tensor)]
        if not any(t in local.entries for t in inside):
            continue
        for t in inside:
            if t.name not in used or t.name == p.name or t.letters is None or len(t.letters) < 2:
                continue
            gone = [i for i in t.letters if i in n.indices]
            kept = [j for j in t.letters if j in local.forward.letters and j not in p.rule.letters]
            if len(gone) != 1 or len(kept) != 1 or gone[0] not in p.rule.letters:
                continue
            before, now = _turned(t.name, form(local.forward).tree), used[t.name]
            if before is None:
                return None
            text = "Forward {i} is summed and {j} left, "
            if before == now:
                text += "and {W} stands on the other side of the product."
            else:
                text += "so {W} is transposed in one formula only."
            return say(text, i=letter(gone[0]), j=letter(kept[0]), W=whole(t.name))
    return None


def _turned(name: str, tree: m.MathTree | None) -> bool | None:
    """Whether a formula has a tensor transposed; None where it is not there once."""
    if tree is None:
        return None
    names = [n for n in tree.walk() if isinstance(n, m.Name) and n.tensor == name]
    flipped = [
        n for n in tree.walk() if isinstance(n, m.Transpose) and isinstance(n.of, m.Name) and n.of.tensor == name
    ]
    return bool(flipped) if len(names) == 1 else None


# --------------------------------------------------------------------------- dimensions, afterwards
def dimensions(p: Passage, shown: MatrixForm) -> Sentence | None:
    """The check of dimensions that people use as the argument, here as what follows from it.

    None where the formula is no product of two tensors.
    """
    index = shown.index
    if index is None:
        return None
    for s in index:
        if not isinstance(s.tree, m.Product) or len(s.factors) != 2:
            continue
        left, right = (index[f] for f in s.factors)
        outer = set(s.letters)
        if not outer or len(outer) < len(s.letters) or not outer <= set(p.rule.letters):
            continue
        if not all(isinstance(upright(f.tree), m.Name) for f in (left, right)):
            continue
        told = _sized(p, shown, left, right)
        matrices = sorted((f for f in (left, right) if len(f.letters) == 2 and s.summed),
                          key=lambda f: not isinstance(f.tree, m.Transpose))  # fmt: skip
        if not matrices or s.seams[0] not in s.summed:
            return told
        (j,) = s.summed
        matrix = matrices[0]
        other = next(i for i in matrix.letters if i != j)
        plain = shown.part(upright(matrix.tree))
        flipped = plain if isinstance(matrix.tree, m.Transpose) else turned(plain)
        return told + say(
            "That proves nothing: with as many values of {i} as of {j}, {T} in place of {W} fits, too.",
            i=letter(other),
            j=letter(j),
            T=flipped,
            W=shown.part(matrix.tree),
        )
    return None


def _sized(p: Passage, shown: MatrixForm, left: Spot, right: Spot) -> Sentence:
    shapes = [_shape(left), _shape(right)]
    a, b = shown.part(left.tree), shown.part(right.tree)
    return say(
        "{A} is {sa} and {B} is {sb}, so {f} is {sf}, as {x} is.",
        A=a,
        sa=_times(*shapes[0]),
        B=b,
        sb=_times(*shapes[1]),
        f=Math(f"{a.unicode} {b.unicode}", f"{a.latex} {b.latex}"),
        sf=_times(shapes[0][0], shapes[1][1]),
        x=turned(whole(p.name)) if shown.transposed else whole(p.name),
    )


def _shape(s: Spot) -> tuple[str | None, str | None]:
    if len(s.letters) == 2:
        return s.letters[0], s.letters[1]
    return (s.letters[0], None) if s.tree.kind == "column" else (None, s.letters[0])


def _times(rows: str | None, columns: str | None) -> Math:
    one, other = (letter(i) if i else Math("1", "1") for i in (rows, columns))
    bar = [Math(f"|{x.unicode}|", f"|{x.latex}|") if x.unicode != "1" else x for x in (one, other)]
    return Math(f"{bar[0].unicode} × {bar[1].unicode}", rf"{bar[0].latex} \times {bar[1].latex}")
