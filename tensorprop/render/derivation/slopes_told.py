"""What a local derivative rests on: the rule of every node between the left side and the tensor, from the outside in.

In: the derivative of one forward equation by one of its tensors. Out: sentences, one for each rule that is used. How
the derivative was found is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.calculus.laws import bracket_of_bracket
from tensorprop.core.build import ONE, mul
from tensorprop.core.english import numeral
from tensorprop.core.expr import Add, Bracket, Call, Expr, Index, Mul, Number, Reduce, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, has_entries, keeps, read
from tensorprop.core.plane import squares
from tensorprop.core.terms import number_and_rest
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.render.derivation.mirrored import both_slopes, not_holomorphic, square_told
from tensorprop.render.derivation.normalisers import from_meaning
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
    size_of,
    whole,
)
from tensorprop.render.notation import LATEX, UNICODE
from tensorprop.text.vocabulary import COLUMN, ROW

__all__ = ["notes", "too_many"]


def notes(local: Local, p: Passage) -> Iterator[Sentence]:
    """The rules that lead from the forward equation to its local derivative, from the outside in."""
    value = local.forward.value
    if p.plane and (square := squares(value, p.plane)) is not value:
        yield square_told()
        value = square
    inside: dict[Expr, bool] = {}
    for n in postorder(value):
        inside[n] = n.name == p.name if isinstance(n, Tensor) else any(inside[c] for c in n.children)
    seen: set[Expr] = set()
    stack: list[Expr] = [value]
    x = whole(p.name)
    while stack:
        n = stack.pop()
        if n in seen or not inside[n]:
            continue
        seen.add(n)
        stack.extend(reversed([c for c in n.children if inside[c]]))
        match n:
            case Add(terms):
                rest = [number_and_rest(t)[1] for t in terms if not inside[t]]
                if rest:
                    yield say(
                        "{rest} {verb} not depend on {x}: the derivative is 0.",
                        rest=listed([entry(t, p.axes) for t in rest]),
                        verb="does" if len(rest) == 1 else "do",
                        x=x,
                    )
            case Mul(parts):
                mine = [f for f in parts if inside[f]]
                bounds = [f for f in parts if isinstance(f, Bracket) and f.relation == "<" and not inside[f]]
                rest = [f for f in parts if not inside[f] and not isinstance(f, Number) and f not in bounds]
                for b in bounds:
                    yield say("{b} says how far {i} runs.", b=entry(b, p.axes), i=letters(sorted(b.left.free)))
                if len(mine) > 1:
                    yield say(
                        "{n} factors depend on {x}: each is differentiated in turn, the others stay (product rule).",
                        n=numeral(len(mine)).capitalize(),
                        x=x,
                    )
                elif rest:
                    yield say("{rest} {verb} as a factor.", rest=entry(mul(*rest), p.axes), verb="stays")
            case Call() if p.plane and not_holomorphic(n, p.plane):
                yield both_slopes(n)
            case Call():
                yield from _slope(n, local, p, [k for k, a in enumerate(n.args) if inside[a]])
            case Reduce() if n.op in REDUCTIONS:
                told = from_meaning(n.op, letters(n.indices))
                yield _reduction(n, local) if told is None else told
            case _:
                pass


def _slope(n: Call, local: Local, p: Passage, places: list[int]) -> Iterator[Sentence]:
    """The row of the table of slopes that is used."""
    row = FUNCTIONS.get(n.function)
    if row is None:
        stem = n.function
        slope = Call(stem + "′", n.args)
        f = Math(UNICODE.function(stem), LATEX.function(stem))
        yield say(
            "{f} is left open; {g} is the name of its slope, taken where {f} is taken: {s}.",
            f=f,
            g=Math(UNICODE.function(stem + "′"), LATEX.function(stem + "′")),
            s=entry(slope, p.axes),
        )
        return
    if n.function == "power":
        if 0 in places:
            yield say("Slope: {law}.", law=Math("(x^n)′ = n x^(n − 1)", "(x^n)' = n x^{n-1}"))
        if 1 in places:
            law = Math("∂(x^n)/∂n = x^n log(x)", r"\partial x^n / \partial n = x^n \log(x)")
            zero = Math("[x = 0]", "[x = 0]")
            yield say("Slope: {law}; {b} beside x makes the logarithm 0 where x is 0, as x^n is.", law=law, b=zero)
        return
    for k in places:
        shown = entry(read(row.slopes[k]))
        arguments = ", ".join(row.arguments)
        head = Call(n.function, tuple(Tensor(a, ()) for a in row.arguments))
        name = UNICODE.function(n.function), LATEX.function(n.function)
        if len(row.slopes) == 1:
            left = Math(f"{name[0]}′({arguments})", f"{name[1]}'({arguments})")
        else:
            letter_ = row.arguments[k]
            left = Math(f"∂{UNICODE.show(head)}/∂{letter_}", rf"\partial {LATEX.show(head)} / \partial {letter_}")
        law = Math(f"{left.unicode} = {shown.unicode}", f"{left.latex} = {shown.latex}")
        names_result = any(t.name == "y" for t in tensors_of(read(row.slopes[k])))
        if names_result and n is local.forward.value:
            yield say("Slope: {law} with the result {y}, here {v}.", law=law, y=letter("y"),
                      v=entry(local.forward.target))  # fmt: skip
        elif names_result:
            yield say("Slope: {law} with the result {y}, here {v}.", law=law, y=letter("y"),
                      v=entry(n, p.axes))  # fmt: skip
        else:
            of = _of_bracket(n, read(row.slopes[k]))
            if of is None:
                yield say("Slope: {law}.", law=law)
            else:
                old, new = (entry(e, p.axes) for e in of)
                yield say("Slope: {law}; {old} is {new}.", law=law, old=old, new=new)


def _of_bracket(n: Call, slope: Expr) -> tuple[Expr, Expr] | None:
    """``[[u ≤ t] ≠ 0]``, which is ``[u ≤ t]``: a slope that asks whether an argument is 0, where that is a bracket."""
    given = dict(zip(FUNCTIONS[n.function].arguments, n.args, strict=True))
    put = transform(slope, lambda t: given[t.name] if isinstance(t, Tensor) else t)
    return None if (new := bracket_of_bracket(put)) is None else (put, new)


def too_many(local: Local) -> Sentence:
    """Why vectors and matrices have no name for this derivative."""
    n = len(local.rule.letters)
    return say(
        "{d} has {n} indices: it is no matrix, and vectors have no name for it.",
        d=entry(local.rule.target),
        n=numeral(n),
    )


def _reduction(n: Reduce, local: Local) -> Sentence:
    """The row of the table of reductions that is used."""
    row = REDUCTIONS[n.op]
    if row.kind == "matrix":
        return _matrix_law(n)
    if not row.slope:
        return say("{y} does not change with small changes of its arguments: the derivative is 0.", y=entry(n))
    slope = entry(read(row.slope, ("u", "v") if keeps(n.op) else ("u",)))
    head = "∂y_v/∂x_u", r"\partial y_v / \partial x_u"
    if not keeps(n.op):
        head = "∂y/∂x_u", r"\partial y / \partial x_u"
    law = Math(f"{head[0]} = {slope.unicode}", f"{head[1]} = {slope.latex}")
    run = letters(n.indices)
    extra = say(", with n for {N}, the number of values of {u}", u=run, N=size_of(n.indices)) if n.op in (
        "mean", "var") else say("")  # fmt: skip
    return join(
        [say("Slope of {op} along {u}: {row}", op=n.op, u=run, row=law), extra, say(".")],
        between="",
    )


def _matrix_law(n: Reduce) -> Sentence:
    """The row of a function of a whole matrix: ``∂inv(X)_ab/∂X_uv = -inv(X)_au inv(X)_vb``."""
    row = REDUCTIONS[n.op]
    letters_ = ("a", "b") if has_entries(n.op) else ()
    law = transform(read(row.pullback, (*letters_, "u", "v")), lambda e: ONE if e == Tensor("g", ()) else e)
    matrix = (Tensor("X", (Index(ROW), Index(COLUMN))),)
    y = Reduce(n.op, (ROW, COLUMN), matrix[0], tuple(map(Index, letters_)))
    top, below, slope = entry(y), entry(Tensor("X", (Index("u"), Index("v")))), entry(law)
    told = Math(f"∂{top.unicode}/∂{below.unicode} = {slope.unicode}",
                rf"\partial {top.latex} / \partial {below.latex} = {slope.latex}")  # fmt: skip
    if any(t.name == "y" for t in tensors_of(law)):
        return say("Slope of {op}: {law}, with the result {y}.", op=n.op, law=told, y=letter("y"))
    return say("Slope of {op}: {law}.", op=n.op, law=told)
