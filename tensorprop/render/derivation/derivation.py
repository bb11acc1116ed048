"""Derivations: numbered steps from the forward equations to each backward rule, each with its law and its reason.

In: a System, and which tensors. Out: a `Derivation`, which prints itself for a terminal, Markdown, LaTeX and HTML. The
calculation is that of `derivation_steps`; here it gets its words. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.declared import DECLARED_LAW, orientations
from tensorprop.calculus.known_sums import Given
from tensorprop.calculus.rewrite import named
from tensorprop.calculus.source import as_forward, names_in
from tensorprop.core.build import rename
from tensorprop.core.canon import canonical
from tensorprop.core.english import numeral
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.plane import complex_names
from tensorprop.core.ranges import one_axis, sized, spelled
from tensorprop.core.terms import terms_of
from tensorprop.core.walk import fold, postorder, tensors_of
from tensorprop.errors import UsageError
from tensorprop.render.derivation.alike import Likeness, pattern
from tensorprop.render.derivation.contents import DerivationStep, Like, RulePart
from tensorprop.render.derivation.index_table import index_table
from tensorprop.render.derivation.matrix import MatrixForm, matrix
from tensorprop.render.derivation.mirrored import CHAIN, TWICE, ways, worked_out
from tensorprop.render.derivation.passage import PLANE_LAW, Passage, passage
from tensorprop.render.derivation.reasons import Reason, dimensions, reasons
from tensorprop.render.derivation.record import Derivation
from tensorprop.render.derivation.remarks import Remarks
from tensorprop.render.derivation.sentences import Math, Sentence, entry, join, letters, listed, say, whole
from tensorprop.render.derivation.slopes_told import notes as notes_of
from tensorprop.render.derivation.slopes_told import too_many
from tensorprop.render.derivation.solved import solved
from tensorprop.render.derivation.worked import worked
from tensorprop.render.diagram import factors_within, network
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX, UNICODE
from tensorprop.render.svg import Network
from tensorprop.text import parse_expression

__all__ = ["Derivation", "DerivationStep", "RulePart", "explain"]


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
    "solve_bracket": Math("Σ_x [x + u = w] a_x = a_{w − u}", r"\sum_x [x + u = w] a_x = a_{w - u}"),
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
    detail: Literal["full", "short", "beside"] = "full",
    layout: Literal["column", "row"] = "column",
    samples: Literal["rows", "columns"] = "rows",
    derivative: Literal["denominator", "numerator"] = "denominator",
    given: Given = (),
) -> Derivation:
    """How the rule ``δx_K = ∂E/∂x_K`` of every tensor x on the way from ``wrt`` to the error comes about:

        δx_K = Σ_J δv_J ∂v_J/∂x_K, one such sum for each equation v_J = … that uses x,

    with the local derivative, its brackets, their elimination, the matrix form, and for each the law and the reason.
    ``of`` is the error E, by default the only output if that is a scalar; outputs with indices have a δ that is given.
    The last line of every part is the Equation that `adjoint` gives. ``given`` are pairs of expressions that the inputs
    make equal, such as ``Σ_c y_bc`` and 1: they are used where rules are put together.

    Errors: as `adjoint`; UsageError for another level of detail.

    >>> d = explain("z_j = a_i W_ij + b_j", wrt="a")
    >>> print(d.part("a").rule)
    δa_i = W_ij δz_j
    >>> d.part("a").shown.unicode
    'δa = W δz'
    """
    if detail not in ("full", "short", "beside"):
        raise UsageError(f"no level of detail {detail!r}", fix='"full", "short" or "beside"')
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
    plane = complex_names(s)
    convention = Convention(layout=layout, samples=samples, derivative=derivative, plane=plane).over([*s, *rules])
    if symmetric := frozenset(name for name, what in s.declared.items() if "symmetric" in what):
        rules = system((_turned(r, symmetric, convention) for r in rules), rules.facts)
    worker = _Teller(s, rules, convention)
    parts = tuple(worker.part(rule) for rule in rules)
    error = s.outputs[0] if len(s.outputs) == 1 and s.rank(s.outputs[0]) == 0 else _unused(s)
    forward = tuple((eq, matrix(eq, convention, s)) for eq in s)
    remarks = tuple(Remarks(s, rules, convention, given).all(parts))
    return Derivation(s, rules, convention, detail, forward, parts, remarks, error, given)


class _Teller:
    """The sentences for one System."""

    def __init__(self, s: System, rules: System, convention: Convention) -> None:
        self._system = s
        self._rules = rules
        self._convention = convention
        self._error = next((eq.target for eq in s if s.outputs == (eq.name,) and not eq.letters), None)
        self._axis = one_axis(s)
        self._patterns: dict[str, Likeness] = {}  # those of earlier rules, so that no rule is told twice
        self._topics: dict[str, list[str]] = {}
        self._counted = False  # that a derivative may have more indices than a matrix, which is said once
        self._said: set[str] = set()  # of the order of factors
        self._told = False  # why the letters of x are fresh, which is said once

    def part(self, rule: Equation) -> RulePart:
        p = passage(spelled(self._system), self._rules, primal(rule.name), self._axis)
        shown = self._form(equation(rule.target, sized(rule.value, rule.target, self._axis)))
        why = reasons(p, shown, self._form)
        check = dimensions(p, shown)
        steps = tuple(self._steps(p, shown, why))
        table = index_table(rule, shown, p.axes)
        like = self._like(p, shown, [r.topic for r in why])
        return RulePart(p, rule, shown, steps, why, check, table, like, _picture(p), worked(shown))

    def _form(self, eq: Equation) -> MatrixForm:
        return matrix(eq, self._convention, self._system)

    def _like(self, p: Passage, shown: MatrixForm, topics: list[str]) -> Like | None:
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
    def _steps(self, p: Passage, shown: MatrixForm, why: tuple[Reason, ...]) -> Iterator[DerivationStep]:
        yield self._chain(p)
        if not p.locals:
            return
        yield self._local(p)
        bare = all(isinstance(t, Tensor) for t in (terms_of(p.chain.value)))
        if not bare:
            yield DerivationStep(
                "insert",
                "Insert",
                (p.inserted,),
                "insertion",
                LAWS_OF_CHANGE["insertion"],
                say("The local derivative is put in."),
            )
        before = p.inserted
        for move, eq in p.moves:
            if move.law is DECLARED_LAW:
                yield self._declared(p, before, eq)
            elif move.law is PLANE_LAW:
                yield worked_out(eq)
            else:
                yield self._move(move.law.apply.__name__, eq, move.put)
            before = eq
        last = p.moves[-1][1] if p.moves else p.inserted
        yield self._rename(p, last)
        if shown.unicode:
            yield self._matrix(shown, next((_BY_TOPIC[r.topic] for r in why if r.topic in _BY_TOPIC), "entries"))

    def _chain(self, p: Passage) -> DerivationStep:
        """The chain rule, and where numbers are complex how each path counts."""
        step = self._paths(p)
        more = tuple(ways(p))
        if not more:
            return step
        law = TWICE if step.law == "definition" else CHAIN
        return replace(step, statement=law, notes=(*step.notes, *more))

    def _paths(self, p: Passage) -> DerivationStep:
        x = Tensor(p.name, tuple(map(Index, p.letters)))
        law = LAWS_OF_CHANGE["chain_rule"]
        if not p.locals:
            reason = say("{x} does not reach the error by any smooth path: its derivative is 0.", x=entry(x))
            return DerivationStep("chain", "Chain rule", (p.chain,), "chain_rule", law, reason)
        itself = [local.forward.target for local in p.locals if local.forward.target == self._error]
        through = [local.forward.target for local in p.locals if local.forward.target != self._error]
        if p.outer:
            reason = say("{x} reaches the error from outside, by {d}, and through {vs}, which {read} it: both count.",
                         x=entry(x), d=entry(p.outer[0]), vs=listed([entry(v) for v in through]),
                         read="reads" if len(through) == 1 else "read")  # fmt: skip
            return DerivationStep("chain", "Chain rule", (p.chain,), "chain_rule", law, reason)
        if itself and not through and all(local.way != "both" for local in p.locals):
            reason = say("{x} stands in {v} itself.", x=entry(x), v=entry(itself[0]))
            law = LAWS_OF_CHANGE["definition"]
            return DerivationStep("chain", "Definition", (p.chain,), "definition", law, reason)
        brief = None
        if itself and through:
            reason = say("{x} reaches the error along {n} paths, through {vs} and directly in {v}. Their "
                         "contributions are added.", x=whole(p.name), n=numeral(len(p.locals)), v=entry(itself[0]),
                         vs=listed([entry(v) for v in through], ","))  # fmt: skip
        elif len(through) == 1:
            reason = self._through(p, through[0])
            brief = say("{x} reaches the error through {v} only.", x=whole(p.name), v=whole(through[0].name))
        else:
            reason = say(
                "{x} reaches the error along {n} paths, through {vs}. Their contributions are added.",
                x=whole(p.name),
                n=numeral(len(through)),
                vs=listed([entry(v) for v in through]),
            )
        return DerivationStep("chain", "Chain rule", (p.chain,), "chain_rule", law, reason, brief=brief)

    def _through(self, p: Passage, v: Tensor) -> Sentence:
        """Why the chain rule sums where there is one equation only."""
        if not v.letters:
            return say(
                "{x} reaches the error through {v} only, which is one number: there is nothing to sum over.",
                x=whole(p.name),
                v=entry(v),
            )
        reason = say(
            "{x} reaches the error through every {y}: the contributions are added.", x=whole(p.name), y=entry(v)
        )
        if p.letters and not self._told:
            self._told = True
            reason += self._fresh(p, v)
        return reason

    def _fresh(self, p: Passage, v: Tensor) -> Sentence:
        """Why the variable's letters are others here: its own run over all of ``v``, or are summed within it."""
        own = dict.fromkeys(i for local in p.locals for x in local.entries for i in x.letters or ())
        k, verb = letters(p.letters), "is" if len(p.letters) == 1 else "are"
        sums = {
            i for local in p.locals for n in postorder(local.forward.value) if isinstance(n, Sum) for i in n.indices
        }
        axes = v.letters or ()
        if own and set(own) <= sums - set(axes):
            summed = "is" if len(own) == 1 else "are"
            i = letters(tuple(own))
            return say(
                "{k} {verb} fresh, since {i} {was} summed within {v}.", k=k, verb=verb, i=i, was=summed, v=entry(v)
            )
        runs = "runs" if len(axes) == 1 else "run"
        return say(
            "{k} {verb} fresh, since {j} {runs} over all of {v}.",
            k=k,
            verb=verb,
            j=letters(axes),
            runs=runs,
            v=whole(v.name),
        )

    def _local(self, p: Passage) -> DerivationStep:
        lines = tuple(rule for local in p.locals for rule in local.rules)
        notes: list[Sentence] = []
        for local in p.locals:
            notes += [n for n in notes_of(local, p) if n not in notes]
        placed = next((t for local in p.locals for t in local.entries if t.letters is None), None)
        x = placed or Tensor(p.name, tuple(Index(i) for i in p.rule.letters))  # the entry as it is read
        y = Tensor(p.name, tuple(Index(i) for i in p.letters))
        if p.letters:
            pairs = [entry(Bracket("=", s, k)) for s, k in zip(x.subscripts, y.subscripts, strict=True)]
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
                notes.append(too_many(local))
        several = "s" if len(lines) > 1 else ""
        return DerivationStep(
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

    def _move(self, name: str, eq: Equation, put: tuple[tuple[str, Expr], ...]) -> DerivationStep:
        law = named(name)
        left, right = (entry(parse_expression(side, free=law.free)) for side in law.sides)
        statement = Math(f"{left.unicode} = {right.unicode}", f"{left.latex} = {right.latex}")
        if name == "one_point":
            seen = list(dict.fromkeys(put))
            told = listed([Math(f"{i} := {UNICODE.show(e)}", f"{i} := {LATEX.show(e)}") for i, e in seen])
            each = "the sum" if len(seen) == 1 else "each sum"
            reason = say("Of {each} one term is left: {told}.", each=each, told=told)
            return DerivationStep("brackets", "Sum over a Kronecker delta", (eq,), name, statement, reason)
        titles = {
            "bracket_once": "A Kronecker delta twice is one",
            "meet_bracket": "Take the sum apart",
            "collect": "Collect like terms",
            "common_factor": "Take out what is common",
            "common_number": "Take out what is common",
            "merge_powers": "Collect powers",
        }
        return DerivationStep(
            "collect" if name != "meet_bracket" else "brackets",
            titles.get(name, "Simplify"),
            (eq,),
            name,
            statement,
            say(law.because[:1].upper() + law.because[1:] + "."),
        )

    def _declared(self, p: Passage, before: Equation, eq: Equation) -> DerivationStep:
        """What is declared of the matrices of a line, put to use."""
        used = {t.name for t in tensors_of(before.value)} & p.declared.keys()
        found = [(name, kind) for name in sorted(used) for kind in _DECLARED if kind in p.declared[name]]
        said = [say("{S} is declared {kind}.", S=whole(name), kind=kind) for name, kind in found]
        inverse = [n for n in postorder(before.value) if isinstance(n, Reduce) and n.op == "inv"]
        if inverse and "symmetric" in (kind for _, kind in found):
            said.append(say("An inverse is as symmetric as its matrix."))
        left, right = (entry(parse_expression(side, free=free))
                       for free, *sides in [_DECLARED[found[0][1]]] for side in sides)  # fmt: skip
        law = Math(f"{left.unicode} = {right.unicode}", f"{left.latex} = {right.latex}")
        return DerivationStep("collect", "Use what is declared", (eq,), "declared", law, join(said))

    def _rename(self, p: Passage, last: Equation) -> DerivationStep:
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
        elif UNICODE.show(aim) != UNICODE.show(last.value):
            shares = _shares(aim, last.value)
            parts += (say("Values of exp, divided by their sum, are a softmax: {p}.", p=entry(n)) for n in shares)
            if _entries(aim) < _entries(last.value) and not shares:
                parts.append(say("What stands above and below a fraction cancels."))
            they = "Terms and factors" if _moved(aim, last.value) else "Factors"
            said = [f"{they} are numbers and may stand in any order."]
            if aim.binds != last.value.binds:
                said = [f"{they} are numbers and may stand in any order, and a summed index may have any name."]
                if parts and said[0] not in self._said and self._said:
                    said = ["A summed index may have any name."]
            new = [text for text in said if text not in self._said or not parts]
            self._said.update(said)
            parts += map(say, new)
        law = "bound_letters"
        if told := solved(p, last.value, aim, self._rules):
            title, law = "Solve the bracket" + ", name the indices" * bool(pairs), "solve_bracket"
            parts = [*told, *parts]
        for local in p.locals:
            if local.forward.place is not None:
                parts.append(_started(local.forward))
        if not parts:
            parts.append(say("This is the rule."))
            title = "The rule"
        kind = "start" if any(local.forward.place is not None for local in p.locals) else "rename"
        return DerivationStep(kind, title, (p.rule,), law, LAWS_OF_CHANGE[law], join(parts))

    def _matrix(self, shown: MatrixForm, law: str) -> DerivationStep:
        text = say("The same numbers, written without indices.")
        if shown.carried:
            text = say("The same numbers, for every {b} written without the other indices.", b=letters(shown.carried))
        return DerivationStep("matrix", "In vectors and matrices", (), law, LAWS_OF_CHANGE[law], text, (), shown)


_DECLARED = {
    "orthogonal": ("ij", "Σ_k Q_ki Q_kj", "[i = j]"),
    "diagonal": ("ij", "D_ij", "[i = j] D_ij"),
    "lower": ("ij", "L_ij", "[i >= j] L_ij"),
    "symmetric": ("ij", "S_ij", "S_ji"),
}
"""What can be declared of a matrix, as a law."""


def _turned(rule: Equation, symmetric: frozenset[str], convention: Convention) -> Equation:
    """A rule with the subscripts of symmetric matrices in the order in which its formula is shortest."""
    ways = [*orientations(rule, symmetric)]
    shown = [matrix(way, convention).unicode for way in ways] if len(ways) > 1 else [""]
    return min(zip(ways, shown, strict=True), key=lambda w: (not w[1], len(w[1]), w[1].count("ᵀ")))[0]


def _picture(p: Passage) -> Network | None:
    """The product that a tensor stands in, drawn with its node cut out; None where it stands in no one product."""
    if len(p.locals) != 1 or len(p.locals[0].entries) != 1 or p.locals[0].forward.name == p.name:
        return None
    eq, x = p.locals[0].forward, p.locals[0].entries[0]
    for term in terms_of(eq.value):
        factors = factors_within(term)
        if x in factors and sum(isinstance(f, Tensor) for f in factors) > 1:
            return network(factors, eq.letters, f"{UNICODE.name(eq.name)} =", x)
    return None


def _terms(e: Expr) -> int:
    """Terms that are added at the top."""
    return len(e.terms) if isinstance(e, Add) else 1


def _moved(one: Expr, other: Expr) -> bool:
    """Whether the terms of one sum stand in another order in the other."""
    mine, theirs = ([canonical(t) for t in terms_of(e)] for e in (one, other))
    return mine != theirs and set(mine) == set(theirs)


def _shares(aim: Expr, last: Expr) -> list[Expr]:
    """Each softmax of the one line that stands in the other as a quotient."""
    old = {n.op for n in postorder(last) if isinstance(n, Reduce)}
    new = dict.fromkeys(n for n in postorder(aim) if isinstance(n, Reduce) and n.op == "softmax")
    return [] if "softmax" in old else list(new)


def _entries(e: Expr) -> int:
    """Entries of tensors that are written."""

    def rule(n: Expr, below: tuple[int, ...]) -> int:
        return 1 if isinstance(n, Tensor) else sum(below)

    return fold(e, rule)


def _unused(s: System) -> str:
    """A letter for the error that is none of the System's names."""
    return next((name for name in ("E", "L", "J", "C") if name not in s.names), "E′")


def _started(start: Equation) -> Sentence:
    """What is owed to a start of a recurrence."""
    d = Tensor(adjoint_name(start.name), start.target.subscripts)
    return say("{d} is what the recurrence for {x} gives at this place.", d=entry(d), x=whole(d.name))


def _of_primal(name: str) -> str:
    return primal(name) if is_adjoint(name) else name
