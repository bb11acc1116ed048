"""Derivations: numbered steps from the forward equations to each backward rule, each with its law and its reason.

In: a System, and which tensors. Out: a `Derivation`, which prints itself for a terminal, Markdown, LaTeX and HTML. The
calculation is that of `derivation_steps`; here it gets its words. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.rewrite import LAWS
from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.source import as_forward, names_in
from tensorprop.core.build import bracket, mul, rename
from tensorprop.core.english import numeral
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Add, Call, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, keeps, read
from tensorprop.core.names import adjoint_name, is_adjoint, primal, stem_and_label
from tensorprop.core.terms import number_and_rest, terms_of
from tensorprop.core.walk import inline, postorder, tensors_of
from tensorprop.errors import UsageError
from tensorprop.render.derivation.alike import Pattern, pattern
from tensorprop.render.derivation.index_table import index_table
from tensorprop.render.derivation.matrix import Shown, matrix
from tensorprop.render.derivation.parts import Like, Part, Remark, Step
from tensorprop.render.derivation.passage import Local, Passage, one_axis, passage
from tensorprop.render.derivation.reasons import Reason, dimensions, reasons
from tensorprop.render.derivation.record import Derivation
from tensorprop.render.derivation.sentences import Math, Sentence, entry, join, letter, letters, listed, say, whole
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX, UNICODE
from tensorprop.text import parse_expression

__all__ = ["Derivation", "Part", "Step", "explain"]


# The laws of differentiation and of matrices, beside those of simplification (`calculus.rewrite.LAWS`).
LAWS_OF_CHANGE: dict[str, Math] = {
    "chain_rule": Math(
        "∂E/∂x_k = Σ_j ∂E/∂v_j ∂v_j/∂x_k",
        r"\frac{\partial E}{\partial x_k} = \sum_j \frac{\partial E}{\partial v_j} \frac{\partial v_j}{\partial x_k}",
    ),
    "definition": Math("δx_k = ∂E/∂x_k", r"\delta x_k = \frac{\partial E}{\partial x_k}"),
    "entry": Math("∂x_j/∂x_k = [j = k]", r"\frac{\partial x_j}{\partial x_k} = [j = k]"),
    "insertion": Math(
        "Σ_j a_j (Σ_i b_ij) = Σ_ji a_j b_ij", r"\sum_j a_j \left(\sum_i b_{ij}\right) = \sum_{ji} a_j b_{ij}"
    ),
    "bound_letters": Math("Σ_i a_i = Σ_k a_k, a b = b a", r"\sum_i a_i = \sum_k a_k, \; a b = b a"),
    "matrix_product": Math("(A B)_ik = Σ_j A_ij B_jk", r"(A B)_{ik} = \sum_j A_{ij} B_{jk}"),
    "outer_product": Math("(a bᵀ)_ij = a_i b_j", r"(a b^\top)_{ij} = a_i b_j"),
    "hadamard": Math("(A ⊙ B)_ij = A_ij B_ij", r"(A \odot B)_{ij} = A_{ij} B_{ij}"),
    "entries": Math(
        "A = B where A_ij = B_ij for all i, j", r"A = B \text{ where } A_{ij} = B_{ij} \text{ for all } i, j"
    ),
}
_BY_TOPIC = {
    "product": "matrix_product",
    "inner": "matrix_product",
    "outer": "outer_product",
    "elementwise": "hadamard",
}


def explain(
    s: System | Equation | str,
    wrt: str | Iterable[str] | None = None,
    of: str | None = None,
    detail: Literal["full", "short"] = "full",
    layout: Literal["column", "row"] = "column",
    samples: Literal["rows", "columns"] = "rows",
    derivative: Literal["denominator", "numerator"] = "denominator",
) -> Derivation:
    """How the rule ``δx_K = ∂E/∂x_K`` of every tensor x on the way from ``wrt`` to the error comes about:

        δx_K = Σ_J δv_J ∂v_J/∂x_K, one such sum for each equation v_J = … that uses x,

    with the local derivative, its brackets, their elimination, the matrix form, and for each the law and the reason.
    ``of`` is the error E, by default the only output if that is a scalar; outputs with indices have a δ that is given.
    The last line of every part is the Equation that `adjoint` gives.

    Errors: as `adjoint`; UsageError for another level of detail.

    >>> d = explain("z_j = a_i W_ij + b_j", wrt="a")
    >>> print(d.part("a").rule)
    δa_i = W_ij δz_j
    >>> d.part("a").shown.unicode
    'δa = W δz'
    """
    if detail not in ("full", "short"):
        raise UsageError(f"no level of detail {detail!r}", fix='"full" or "short"')
    if layout not in ("column", "row"):
        raise UsageError(f"no layout {layout!r}", fix='"column" or "row"')
    if samples not in ("rows", "columns"):
        raise UsageError(f"samples={samples!r}", fix='"rows" or "columns"')
    if derivative not in ("denominator", "numerator"):
        raise UsageError(f"derivative={derivative!r}", fix='"denominator" or "numerator"')
    names = None if wrt is None else names_in(wrt, "wrt")
    s = as_forward(s, *(names or ()), of)
    if of is not None:
        s[of]
        s = s.only([of])
    rules = adjoint(s, names, of)
    convention = Convention(layout=layout, samples=samples, derivative=derivative).over([*s, *rules])
    worker = _Words(s, rules, convention)
    parts = tuple(worker.part(rule) for rule in rules)
    error = s.outputs[0] if len(s.outputs) == 1 and s.rank(s.outputs[0]) == 0 else "E"
    forward = tuple((eq, matrix(eq, convention)) for eq in s)
    remarks = tuple(worker.remarks(parts))
    return Derivation(s, rules, convention, detail, forward, parts, remarks, error)


class _Words:
    """The sentences for one System."""

    def __init__(self, s: System, rules: System, convention: Convention) -> None:
        self._system = s
        self._rules = rules
        self._convention = convention
        self._axis = one_axis(s)
        self._patterns: dict[str, Pattern] = {}  # those of earlier rules, so that no rule is told twice
        self._topics: dict[str, list[str]] = {}
        self._counted = False  # that a derivative may have more indices than a matrix, which is said once
        self._told = False  # why the letters of x are fresh, which is said once

    def part(self, rule: Equation) -> Part:
        p = passage(self._system, self._rules, primal(rule.name), self._axis)
        shown = matrix(rule, self._convention)
        why = reasons(p, shown, lambda eq: matrix(eq, self._convention))
        check = dimensions(p, shown)
        steps = tuple(self._steps(p, shown, why))
        table = index_table(rule, shown)
        return Part(p, rule, shown, steps, why, check, table, self._like(p, shown, [r.topic for r in why]))

    def _like(self, p: Passage, shown: Shown, topics: list[str]) -> Like | None:
        """The earlier rule that comes about in the same way, if there is one."""
        lines = (*(local.forward for local in p.locals), p.chain, p.inserted, *(eq for _, eq in p.moves), p.rule)
        made, found = pattern(lines, self._patterns)
        if found is not None and self._topics[found] == topics and len(made.names) == len(self._patterns[found].names):
            names = {p.name, *(name for t in tensors_of(p.rule.value) for name in (t.name, _of_primal(t.name)))}
            pairs = [(a, b) for a, b in made.instead(self._patterns[found]) if a in names and a != p.name]
            return Like(found, tuple(pairs))
        self._patterns[p.name] = made
        self._topics[p.name] = topics
        return None

    # ----------------------------------------------------------------- steps
    def _steps(self, p: Passage, shown: Shown, why: tuple[Reason, ...]) -> Iterator[Step]:
        yield self._chain(p)
        if not p.locals:
            return
        yield self._local(p)
        bare = all(
            isinstance(t, Tensor) for t in (terms_of(p.chain.value))
        )
        if not bare:
            yield Step(
                "insert",
                "Insert",
                (p.inserted,),
                "insertion",
                LAWS_OF_CHANGE["insertion"],
                say("The local derivative is put in; sums within sums are one."),
            )
        for move, eq in p.moves:
            yield self._move(move.law.apply.__name__, eq, move.put)
        last = p.moves[-1][1] if p.moves else p.inserted
        yield self._rename(p, last)
        if shown.unicode:
            yield self._matrix(shown, next((_BY_TOPIC[r.topic] for r in why if r.topic in _BY_TOPIC), "entries"))

    def _chain(self, p: Passage) -> Step:
        x = Tensor(p.name, tuple(map(Index, p.letters)))
        n = len(p.locals)
        if not p.locals:
            return Step(
                "chain",
                "Chain rule",
                (p.chain,),
                "chain_rule",
                LAWS_OF_CHANGE["chain_rule"],
                say("{x} does not reach the error by any smooth path: nothing is owed to it.", x=entry(x)),
            )
        through = [local.forward.target for local in p.locals]
        if n == 1:
            (v,) = through
            if isinstance(p.chain.value, Tensor):
                return Step(
                    "chain",
                    "Definition",
                    (p.chain,),
                    "definition",
                    LAWS_OF_CHANGE["definition"],
                    say("{x} enters the error {v} itself.", x=entry(x), v=entry(v)),
                )
            if not v.letters:
                reason = say(
                    "{x} reaches the error through {v} only, which is one number: there is nothing to sum over.",
                    x=whole(p.name),
                    v=entry(v),
                )
            else:
                reason = say(
                    "{x} reaches the error through {v} only, there through {y} for every {j}: the contributions are "
                    "added.",
                    x=whole(p.name),
                    v=whole(v.name),
                    y=entry(v),
                    j=letters(v.letters or ()),
                )
            if v.letters and p.letters and not self._told:
                self._told = True
                reason += say(
                    "{k} {verb} fresh, since {j} {runs} over all of {v}.",
                    k=letters(p.letters),
                    verb="is" if len(p.letters) == 1 else "are",
                    j=letters(v.letters),
                    runs="runs" if len(v.letters) == 1 else "run",
                    v=whole(v.name),
                )
        else:
            reason = say(
                "{x} reaches the error along {n} paths, through {vs}. Their contributions are added.",
                x=whole(p.name),
                n=numeral(n),
                vs=listed([entry(v) for v in through]),
            )
        brief = None
        if n == 1:
            brief = say("{x} reaches the error through {v} only.", x=whole(p.name), v=whole(through[0].name))
        law = LAWS_OF_CHANGE["chain_rule"]
        return Step("chain", "Chain rule", (p.chain,), "chain_rule", law, reason, brief=brief)

    def _local(self, p: Passage) -> Step:
        lines = tuple(local.rule for local in p.locals)
        notes: list[Sentence] = []
        for local in p.locals:
            notes += [n for n in _notes(local, p) if n not in notes]
        x = Tensor(p.name, tuple(Index(i) for i in p.rule.letters))
        y = Tensor(p.name, tuple(Index(i) for i in p.letters))
        if p.letters:
            pairs = [Math(f"[{i} = {k}]", f"[{i} = {k}]") for i, k in zip(p.rule.letters, p.letters, strict=True)]
            notes.append(
                say(
                    "{d} = {b}: an entry depends on itself alone.",
                    d=Math(
                        f"∂{UNICODE.show(x)}/∂{UNICODE.show(y)}",
                        rf"\partial {LATEX.show(x)} / \partial {LATEX.show(y)}",
                    ),
                    b=Math(" ".join(a.unicode for a in pairs), " ".join(a.latex for a in pairs)),
                )
            )
        for local in p.locals:
            if len(local.rule.letters) > 2 and local.forward.letters and not self._counted:
                self._counted = True
                notes.append(_too_many(local))
        several = "s" if len(lines) > 1 else ""
        return Step(
            "local",
            f"Local derivative{several}",
            lines,
            "entry",
            LAWS_OF_CHANGE["entry"],
            say(
                "How {v} {verb} with one entry of {x}.",
                v=listed([entry(local.forward.target) for local in p.locals]),
                verb="changes" if len(lines) == 1 else "change",
                x=whole(p.name),
            ),
            tuple(notes),
        )

    def _move(self, name: str, eq: Equation, put: tuple[tuple[str, Expr], ...]) -> Step:
        law = LAWS[name]
        left, right = (entry(parse_expression(side, free=law.free)) for side in law.sides)
        statement = Math(f"{left.unicode} = {right.unicode}", f"{left.latex} = {right.latex}")
        if name == "one_point":
            seen = list(dict.fromkeys(put))
            told = listed([Math(f"{i} := {UNICODE.show(e)}", f"{i} := {LATEX.show(e)}") for i, e in seen])
            reason = say("Of a sum with {b} only one term is left: {told}.",
                         b=listed([entry(_bracket(i, e)) for i, e in seen], "or"), told=told)  # fmt: skip
            return Step("brackets", "Sum over a Kronecker delta", (eq,), name, statement, reason)
        titles = {
            "bracket_once": "A Kronecker delta twice is one",
            "meet_bracket": "Take the sum apart",
            "collect": "Collect like terms",
            "common_factor": "Take out what is common",
            "common_number": "Take out what is common",
            "merge_powers": "Collect powers",
        }
        return Step(
            "collect" if name != "meet_bracket" else "brackets",
            titles.get(name, "Simplify"),
            (eq,),
            name,
            statement,
            say(law.because[:1].upper() + law.because[1:] + "."),
        )

    def _rename(self, p: Passage, last: Equation) -> Step:
        pairs = [(k, i) for k, i in zip(p.letters, p.rule.letters, strict=True) if k != i]
        parts: list[Sentence] = []
        if pairs:
            parts.append(
                say(
                    "{old} {verb} called {new} again.",
                    old=letters([k for k, _ in pairs]),
                    new=letters([i for _, i in pairs]),
                    verb="is" if len(pairs) == 1 else "are",
                )
            )
        aim = rename(p.rule.value, dict(zip(p.rule.letters, p.letters, strict=True)))
        title = "Name the indices" if pairs else "Put the factors in order"
        if _terms(aim) < _terms(last.value):
            title = "Take out what is common" + ", name the indices" * bool(pairs)
            parts.append(
                say("A factor without the summed index stands before its Σ, and a factor of every term before all.")
            )
        elif aim is not last.value:
            parts.append(
                say("Factors are numbers and may stand in any order.")
                if aim.binds == last.value.binds
                else say("Factors are numbers and may stand in any order, and a summed index may have any name.")
            )
        if not parts:
            parts.append(say("This is the rule."))
            title = "The rule"
        return Step("rename", title, (p.rule,), "bound_letters", LAWS_OF_CHANGE["bound_letters"], join(parts))

    def _matrix(self, shown: Shown, law: str) -> Step:
        text = say("The same numbers, written without indices.")
        if shown.carried:
            text = say("The same numbers, for every {b} written without the other indices.", b=letters(shown.carried))
        return Step("matrix", "In vectors and matrices", (), law, LAWS_OF_CHANGE[law], text, (), shown)

    # ----------------------------------------------------------------- remarks
    def remarks(self, parts: tuple[Part, ...]) -> Iterator[Remark]:
        yield from self._recursion(parts)
        yield from self._to_the_end(parts)
        yield from self._biases(parts)

    def _recursion(self, parts: tuple[Part, ...]) -> Iterator[Remark]:
        """Two rules put together, where a label says that they repeat: δz^(k) by δz^(k+1)."""
        for part in parts:
            stem, label = stem_and_label(part.name)
            if not label:
                continue
            whole_rule = self._put_together(part.rule, stem)
            if whole_rule is None:
                continue
            eq, used = whole_rule
            yield Remark(
                "The recursion",
                say(
                    "Put together, {rules} lead from one layer to the one before; this is the whole of "
                    "backpropagation.",
                    rules=listed([whole(name) for name in used]),
                ),
                (eq,),
                (matrix(eq, self._convention),),
            )

    def _to_the_end(self, parts: tuple[Part, ...]) -> Iterator[Remark]:
        """The first rule that speaks of a δ whose own rule speaks of none: a loss and what stands before it."""
        for part in parts:
            inner = {t.name for t in tensors_of(part.rule.value) if is_adjoint(t.name)}
            if len(inner) != 1 or not inner <= {r.name for r in self._rules}:
                continue
            (name,) = inner
            if any(is_adjoint(t.name) for t in tensors_of(self._rules[name].value)):
                continue
            eq = equation(part.rule.target, unfolded(part.rule.value, self._rules, name))
            yield Remark(
                "Put together",
                say("{d} put in, no other δ is needed.", d=whole(name)),
                (eq,),
                (matrix(eq, self._convention),),
            )
            return

    def _put_together(self, rule: Equation, stem: str) -> tuple[Equation, list[str]] | None:
        value, used = rule.value, [rule.name]
        for _ in range(4):
            inner = [t for t in tensors_of(value) if is_adjoint(t.name)]
            if any(stem_and_label(primal(t.name))[0] == stem for t in inner):
                return (equation(rule.target, value), used) if len(used) > 1 else None
            if len({t.name for t in inner}) != 1 or inner[0].name not in self._rules:
                return None
            value = unfolded(value, self._rules, inner[0].name)
            used.append(inner[0].name)
        return None

    def _biases(self, parts: tuple[Part, ...]) -> Iterator[Remark]:
        """A term that stands alone beside a product with weights: a weight whose input is 1."""
        for part in parts:
            for local in part.passage.locals:
                value = local.forward.value
                if not isinstance(value, Add) or not all(t in value.terms for t in local.entries):
                    continue
                weights = [
                    (t, f)
                    for t in value.terms
                    if isinstance(t, Sum) and isinstance(t.body, Mul)
                    for f in t.body.factors
                    if isinstance(f, Tensor) and adjoint_name(f.name) in self._rules and set(part.rule.letters) < f.free
                ]
                for term, weight in weights[:1]:
                    assert isinstance(term, Sum) and isinstance(term.body, Mul)
                    others = [f for f in term.body.factors if f is not weight]
                    yield Remark(
                        "The bias as a weight",
                        say(
                            "{b} is a weight whose input is 1: put 1 for {a} in the rule for {W}.",
                            b=entry(local.entries[0]),
                            W=whole(weight.name),
                            a=entry(mul(*others)),
                        ),
                    )
                    return


def _bracket(i: str, e: Expr) -> Expr:
    return bracket("=", Index(i), e)


def _terms(e: Expr) -> int:
    """Terms that are added at the top."""
    return len(e.terms) if isinstance(e, Add) else 1


def unfolded(value: Expr, rules: System, name: str) -> Expr:
    """``value`` with the rule for ``name`` put in."""
    return simplify_expr(inline(value, {name: (rules[name].letters, rules[name].value)}))


# --------------------------------------------------------------------------- what a local derivative rests on
def _notes(local: Local, p: Passage) -> Iterator[Sentence]:
    """The rules that lead from the forward equation to its local derivative, from the outside in."""
    inside: dict[Expr, bool] = {}
    for n in postorder(local.forward.value):
        inside[n] = n.name == p.name if isinstance(n, Tensor) else any(inside[c] for c in n.children)
    seen: set[Expr] = set()
    stack: list[Expr] = [local.forward.value]
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
                rest = [f for f in parts if not inside[f] and not isinstance(f, Number)]
                if len(mine) > 1:
                    yield say(
                        "{n} factors depend on {x}: each is differentiated in turn, the others stay (product rule).",
                        n=numeral(len(mine)).capitalize(),
                        x=x,
                    )
                elif rest:
                    yield say("{rest} {verb} as a factor.", rest=entry(mul(*rest), p.axes), verb="stays")
            case Call():
                yield from _slope(n, local, p, [k for k, a in enumerate(n.args) if inside[a]])
            case Reduce() if n.op in REDUCTIONS:
                yield _reduction(n, local)
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
        yield say("Slope: {law}.", law=Math("(x^n)′ = n x^(n − 1)", "(x^n)' = n x^{n-1}"))
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
            yield say("Slope: {law}.", law=law)


def _of_primal(name: str) -> str:
    return primal(name) if is_adjoint(name) else name


def _too_many(local: Local) -> Sentence:
    """Why vectors and matrices have no name for this derivative."""
    n = len(local.rule.letters)
    return say(
        "{d} has {n} indices: it is no matrix, and vectors have no name for it. Most of it is zero.",
        d=entry(local.rule.target),
        n=numeral(n),
    )


def _reduction(n: Reduce, local: Local) -> Sentence:
    """The row of the table of reductions that is used."""
    row = REDUCTIONS[n.op]
    if not row.slope:
        return say("{y} does not change with small changes of its arguments: the derivative is 0.", y=entry(n))
    slope = entry(read(row.slope, ("u", "v") if keeps(n.op) else ("u",)))
    head = "∂y_v/∂x_u", r"\partial y_v / \partial x_u"
    if not keeps(n.op):
        head = "∂y/∂x_u", r"\partial y / \partial x_u"
    law = Math(f"{head[0]} = {slope.unicode}", f"{head[1]} = {slope.latex}")
    run = letters(n.indices)
    extra = say(", with n the number of values of {u}", u=run) if n.op in ("mean", "var") else say("")
    return join(
        [say("Slope of {op} along {u}: {row}", op=n.op, u=run, row=law), extra, say(".")],
        between="",
    )
