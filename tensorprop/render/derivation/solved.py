"""Sums whose bracket has a shifted subscript: ``Σ_x [x + u = w] …`` has one term, x := w - u.

In: the last line before a rule, and the rule. Out: sentences: which letter is solved for, where that is a value of it,
and which factor is read the other way round. Nothing is derived here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.core.affine import difference, form, parts, written
from tensorprop.core.equation import System
from tensorprop.core.expr import Bracket, Expr, Index, Sum, Tensor
from tensorprop.core.names import is_adjoint
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.render.derivation.passage import Passage
from tensorprop.render.derivation.sentences import Math, Sentence, entry, letters, listed, say
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["solved"]


def solved(p: Passage, last: Expr, aim: Expr, rules: System) -> list[Sentence]:
    """How brackets with shifted subscripts went away between two lines; nothing where none did."""
    before, after = _equal(last), _equal(aim)
    if len(before) <= len(after):
        return []
    found: list[Sentence] = []
    inside = set(postorder(aim))
    summed = {i for n in postorder(last) if isinstance(n, Sum) for i in n.indices}
    for b in before:
        hit = next(((i, e) for i, e in _solutions(b, summed) if e in inside), None)
        if hit is None:
            continue
        i, e = hit
        told = Math(f"{i} := {UNICODE.show(e)}", f"{LATEX.show(Index(i))} := {LATEX.show(e)}")
        found.append(say("Of the sum over {i} with {b} one term is left, {told}, where that is a value of {i}.",
                         i=letters([i]), b=entry(b), told=told))  # fmt: skip
        found += _where(p, last, aim, e, rules)
        found += _flipped(p, aim)
    return list(dict.fromkeys(found))


def _equal(e: Expr) -> list[Bracket]:
    """The equality brackets of which a side is more than a letter or an entry."""
    return [
        n
        for n in dict.fromkeys(postorder(e))
        if isinstance(n, Bracket) and n.relation == "=" and not all(isinstance(x, (Index, Tensor)) for x in n.children)
    ]


def _solutions(b: Bracket, summed: set[str]) -> Iterator[tuple[str, Expr]]:
    """``i := …`` for every summed letter that the equation tells."""
    f = difference(b.left, b.right)
    own, _ = parts(f)
    for i, c in own.items():
        if i in summed and abs(c) == 1:
            yield i, written({x: -n / c for x, n in f.items() if x is not Index(i)})


def _where(p: Passage, last: Expr, aim: Expr, e: Expr, rules: System) -> Iterator[Sentence]:
    """Where there is such a value: said by brackets, or by what an entry outside counts as."""
    old = set(postorder(last))
    new = [n for n in dict.fromkeys(postorder(aim)) if isinstance(n, Bracket) and n not in old]
    if new:
        yield say("{b} {says} where that is.", b=listed([entry(n, p.axes) for n in new]),
                  says="says" if len(new) == 1 else "say")  # fmt: skip
    for t in tensors_of(aim):
        if e in t.subscripts and rules.outside(t.name) is not None:
            yield say("Outside its range {d} counts as 0.", d=entry(t))
            return


def _flipped(p: Passage, aim: Expr) -> Iterator[Sentence]:
    """A factor whose letter is added in the subscript forward, and subtracted backward."""
    for local in p.locals:
        for x in local.entries:
            for u in {i for s in x.subscripts for i, c in parts(form(s))[0].items() if c > 0}:
                reads = [t for t in tensors_of(aim) if is_adjoint(t.name) and _sign(t, u) < 0]
                beside = [t for t in tensors_of(aim) if not is_adjoint(t.name) and Index(u) in t.subscripts]
                if reads and beside and not all(isinstance(s, Index) for s in x.subscripts):
                    yield say(
                        "Forward {k} meets {x}, backward {d}: {u} is added there and subtracted here, so the kernel is "
                        "read the other way round (flipped).",
                        k=entry(beside[0]), x=entry(x), d=entry(reads[0]), u=letters([u]),
                    )  # fmt: skip
                    return


def _sign(t: Tensor, i: str) -> int:
    for s in t.subscripts:
        c = parts(form(s))[0].get(i, 0)
        if c and not isinstance(s, Index):
            return 1 if c > 0 else -1
    return 0
