"""The public verbs that judge: ``check``, ``assert_rule``, ``equivalent``, ``formula``, ``explain``.

In: text, an Equation, a System, a layer, an einsum spec, a function. Out: a Report, a truth value, a Formula, a
Derivation. What is given is read here, and options are looked at; the work is done in the files beside this one. What
needs JAX is imported when it is asked for, formulas and derivations do without; so is what derivations need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.declared import orientations
from tensorprop.calculus.page import Page, given_in, read, without_given
from tensorprop.calculus.simplify import known
from tensorprop.calculus.source import Source, as_forward, as_page, as_system, lone_rules, names_in
from tensorprop.calculus.together import ended
from tensorprop.check.executed import agrees
from tensorprop.check.prove.decide import Laws, decide, put_in
from tensorprop.check.readback import reads
from tensorprop.check.report import Report
from tensorprop.check.verified import verified, verify, without_ends
from tensorprop.core.equation import Declared, Equation, Fact, Loop, System, equation, system
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import NOBODY, stem_and_label
from tensorprop.core.walk import freshen
from tensorprop.errors import UnknownName, UsageError
from tensorprop.layers.layer import layer_of
from tensorprop.render.dialects import GREEK
from tensorprop.render.formula import Formula, render
from tensorprop.render.layout import Convention
from tensorprop.render.reading.formulas import is_formula, is_indexed, parse_formula
from tensorprop.text import parse_expression
from tensorprop.text.specs import is_spec, pasted

if TYPE_CHECKING:
    from tensorprop.render.derivation.derivation import Derivation

__all__ = ["assert_rule", "check", "equivalent", "explain", "formula"]

SEEDS = (0, 1, 2)


# --------------------------------------------------------------------------- check
def check(
    x: Source | Callable[..., Any],
    against: Source | None = None,
    *,
    rule: str | None = None,
    like: Source | Mapping[str, str] | None = None,
    tolerance: float = 0.0,
    args: str | Iterable[str] | None = None,
    wrt: str | Iterable[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    dtype: Any = "float64",
    seeds: Sequence[int] = SEEDS,
) -> Report:
    """Hold every backward rule against the derived one, and against JAX; or a function ``against`` equations.

    In a text or a System, equations for a δ (or ∂E/∂x) are rules, the others the forward pass. A written rule is
    *proved* when it has the canonical form of the derived rule, intermediates put in where needed; that holds for
    arrays of all sizes. Then every entry of every rule is compared in float64 with ``jax.vjp`` of a naive evaluation,
    on sizes that are all different and on equal ones, for three seeds, within (16 + 4√K) eps Σ|terms|. A rule is fed
    the true δ of what comes later, so that each error is found where it is made.

    A rule that is refuted is diagnosed: ``finding.diagnosis`` says which slip makes it of the right one.

    ``rule`` are rules that stand apart from the page, in index notation or as formulas in vectors and matrices; then
    the page may be such formulas too, ``like`` as in `parse_formula` saying what the letters are.

    ``tolerance``: constants that are rounded by no more than that (``0.797885`` for √(2/π)) are accepted, and named.

    Where ``x`` is a Python function, ``against`` says what it should compute: values and VJP are compared with these
    equations and their derived rules, in every entry. The options are those of
    `tensorprop.check.function.check_function`:

    args:   the inputs in the order of the parameters, where names and places do not tell: ``"W x"``.
    wrt:    the inputs whose gradients are compared; by default all that the equations are smooth in.
    sizes:  of letters, ``{"b": 1000}``; then these sizes are tried, and no others.
    dtype:  of the arrays with which the function is called; ``seeds`` are those of their numbers.

    Errors: whatever is wrong with the text, with its place; UsageError where ``x`` and ``against`` do not go together.

    >>> report = check("z_bj = a_bi W_ij + b_j; δW_ij = a_bi δz_bj; δb_j = mean_b(δz_bj)")
    >>> report.ok, [v.proved for v in report.verdicts if v.written]
    (False, [True, False])
    >>> print(check("z = Wᵀa + b", rule="δW = δz aᵀ").findings[0].note.splitlines()[1].partition(":")[0])
    The transpose stands at a, and belongs at δz
    >>> import jax.numpy as jnp
    >>> check(lambda a, W: jnp.tanh(a @ W), against="h_bj = tanh(a_bi W_ij)").ok
    True
    """
    code = callable(x) and not _is_equations(x)
    if against is not None:
        if not code:
            raise UsageError(
                f"against= is for functions, and this is {'text' if isinstance(x, str) else 'a page of equations'}",
                fix="two pages of equations are compared by equivalent(x, y); "
                "a layer with a backward rule is checked by check(layer)",
            )
        from tensorprop.check.function import check_function

        fn = cast("Callable[..., Any]", x)
        return check_function(fn, against, args=args, wrt=wrt, sizes=sizes, dtype=dtype, seeds=seeds)
    own = {"args": args, "wrt": wrt, "sizes": sizes, "dtype": dtype, "seeds": seeds}
    usual = {"dtype": "float64", "seeds": SEEDS}
    if said := [name for name, value in own.items() if value is not usual.get(name) and value != usual.get(name)]:
        raise UsageError(
            f"{', '.join(said)} belongs to a function that is held against equations",
            fix='say what the function should compute: check(fn, against="z_bj = …")',
        )
    if code:
        raise UsageError(
            f"the function {getattr(x, '__name__', type(x).__name__)} does not say what it should compute",
            fix='write it in index notation: check(fn, against="z_bj = …")',
        )
    from tensorprop.check.rules import check_rules

    page: Any = x
    if isinstance(x, str) and is_formula(x):
        page = parse_formula(x, like)
    if rule is None:
        return check_rules(page, tolerance)
    forward = as_page(page)
    if is_indexed(rule):
        both = read(forward.system, rule)
        page = Page(both.system, both.rules, both.parts, forward.given, both.origin, both.places)
        return check_rules(layer_of(page, "Layer"), tolerance)
    from tensorprop.check.attempt import check_formulas

    return check_formulas(rule, forward)


def _is_equations(x: object) -> bool:
    """Whether something is a page of equations, though it may be called: a layer, or the class of one."""
    return (hasattr(x, "system") and isinstance(getattr(x, "page", None), Page)) or isinstance(x, type)


def assert_rule(x: Source | Callable[..., Any], **options: Any) -> None:
    """Nothing if `check` finds nothing wrong with the rules of ``x``; for test suites.

    ``x`` is whatever `check` takes: a layer, a System, text, or a function with ``against=…``; so are ``options``.
    Raises AssertionError with the whole report.

    >>> assert_rule("z_j = a_i W_ij; δa_i = W_ij δz_j; δW_ij = a_i δz_j")
    """
    __tracebackhide__ = True
    report = check(x, **options)
    if not report.ok:
        raise AssertionError("\n" + str(report))


# --------------------------------------------------------------------------- equivalent
def equivalent(x: Any, y: Any) -> bool | None:
    """Whether two expressions, equations or Systems give the same numbers for all arrays.

    True where that is proved, False where a sample differs by more than rounding, None where neither is so. Right sides
    alone (``"a_i b_i"``) are compared over their free indices by name, equations and Systems output by output, the
    indices of a left side by their places.

    What either side declares of a matrix, ``S_ij = S_ji``, is used.

    Errors: UsageError where the outputs do not correspond.

    >>> equivalent("z_i = A_ij (B_jk x_k)", "z_i = (A_ij B_jk) x_k")
    True
    >>> equivalent("δa_i = W_ij δz_j", "δa_i = W_ji δz_j")
    False
    """
    ours, theirs = _equations(x), _equations(y)
    pairs = _paired(ours, theirs)
    if any(len(a.letters) != len(b.letters) for a, b in pairs):
        return False
    facts = dict.fromkeys(f for side in (x, y) for f in _declared(side))
    decisions = [decide(a, b, laws=Laws(system([a], facts)) if facts else None) for a, b in pairs]
    if any(d.status == "refuted" for d in decisions):
        return False
    return True if all(d.proved for d in decisions) else None


def _declared(x: Any) -> list[Fact]:
    if isinstance(x, Expr) or (isinstance(x, str) and not _is_equation(x) and "->" not in x):
        return []
    return [f for f in as_system(x).facts if isinstance(f, Declared)]


def _equations(x: Any) -> dict[str, Equation]:
    """The outputs, each as one equation in terms of the inputs."""
    if isinstance(x, Expr) or (isinstance(x, str) and not _is_equation(x) and "->" not in x):
        e = parse_expression(x, free=None) if isinstance(x, str) else x
        return {"": equation(Tensor(NOBODY, tuple(Index(i) for i in sorted(e.free))), e)}
    s = as_system(x)
    laws = Laws(s)
    full: dict[str, tuple[tuple[str, ...], Expr]] = {}
    for eq in s.ordered:
        full[eq.name] = (eq.letters, freshen(put_in(eq.value, full, laws), frozenset(eq.letters)))
    return {name: equation(s[name].target, full[name][1]) for name in s.outputs}


def _is_equation(text: str) -> bool:
    """Whether an equation sign stands outside of brackets."""
    depth = 0
    for c in text:
        depth += (c == "[") - (c == "]")
        if c == "=" and depth == 0:
            return True
    return False


def _paired(ours: dict[str, Equation], theirs: dict[str, Equation]) -> list[tuple[Equation, Equation]]:
    if len(ours) == 1 and len(theirs) == 1:
        return list(zip(ours.values(), theirs.values(), strict=True))
    if set(ours) != set(theirs):
        raise UsageError(
            f"the outputs do not correspond: {', '.join(ours)}, and {', '.join(theirs)}",
            fix="compare Systems that define the same names",
        )
    return [(ours[name], theirs[name]) for name in ours]


# --------------------------------------------------------------------------- formula
def formula(
    x: object,
    layout: Literal["column", "row"] = "column",
    *,
    names: str | Sequence[str] | Mapping[str, str] | None = None,
    samples: Literal["rows", "columns"] = "rows",
    batch: str = "b",
    derivative: Literal["denominator", "numerator"] = "denominator",
    adjoint: str = "δz",
    bold: bool = False,
    carry: str | tuple[str, ...] | None = None,
    style: Literal["carry", "join", "sum"] | None = None,
    words: bool | None = None,
) -> Formula:
    """The formula in vectors and matrices of an equation, a System, a derived rule, a layer or an einsum spec.

    layout:      vectors are ``"column"``s or ``"row"``s.
    names:       for an einsum spec the operands' names, ``"A B"``, by default small letters for vectors, capital ones
                 for matrices; else other names to show, ``{"a": "A"}``, or LaTeX for one, ``{"W": r"\\mathbf{W}"}``;
                 ``{"delta": r"\\boldsymbol\\delta"}`` is the sign of every adjoint, too.
    samples:     the examples of a batch are ``"rows"`` or ``"columns"`` of a matrix; ``batch`` is their letter.
    derivative:  ``"denominator"``: a gradient has the shape of its variable; ``"numerator"``: that shape transposed.
    adjoint:     how the adjoint of z looks: ``"δz"``, ``"∂E/∂z"``, ``"z̄"``.
    bold:        vectors and matrices in bold type, where the output has it.
    carry:       indices that the formula holds for every value of; by default chosen only where needed.
    style:       what becomes of indices beyond a matrix's two: ``"carry"`` (for every b), ``"join"`` (rows (b,t)),
                 ``"sum"`` (Σ_b X_bᵀ Y_b); by default whatever reads best.
    words:       whether the words of a spec between spaces are one index each, as in ``"row col, col -> row"``.

    Specs may be several, one a line or with ``;`` between, and calls such as ``np.einsum("ij,jk->ik", A, B)`` as they
    stand in code. An ellipsis on both sides is "for every leading index".

    The result is a Formula: ``str`` is Unicode, ``.latex``, ``.typst``, ``.numpy``, ``.jax`` the same otherwise;
    ``.kind`` is "matrix", "batched" (for every b: …) or "index" (no matrix form; ``.why`` says why).

    Errors: whatever is wrong with the text; UsageError for an unknown option.

    >>> print(formula("δW_ij = a_bi δz_bj"))
    δW = aᵀ δz
    >>> print(formula("ij,jk->ik", names="A B"))
    AB
    >>> print(formula("S_bqk = Q_bqd K_bkd / sqrt(c)"))
    S = QKᵀ/√c  (for every b)
    >>> print(formula("btc,chk->bthk", names="X W"))
    XW  (rows (b,t), columns (h,k))
    >>> print(formula("h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j", layout="row"))
    hₜ = tanh(xₜ U + hₜ₋₁ W)  (for t = 0, 1, …)
    h₋₁ = g
    >>> formula("ijk->kji").why
    'k, j and i all stay, and a matrix has two indices'
    """
    _one_of("layout", layout, "column", "row")
    _one_of("samples", samples, "rows", "columns")
    _one_of("derivative", derivative, "denominator", "numerator")
    if adjoint not in ("δ", "δz", "z̄", "bar") and not (adjoint.startswith("∂") and "/" in adjoint):
        raise UsageError(f"no way to write an adjoint as {adjoint!r}", fix='adjoint is "δz", "∂E/∂z" or "z̄"')
    shown: dict[str, str] = {}
    operands: str | Sequence[str] | None = None
    specs = pasted(x) if isinstance(x, str) else []
    if specs:
        if isinstance(names, Mapping):
            raise UsageError("an einsum spec takes the names of its operands", fix='names="A B"')
        operands = names
        found = [one.system(operands, words) for one in specs]
    else:
        if names is not None and not isinstance(names, Mapping):
            raise UsageError("names for equations are pairs", fix='names={"a": "A"}')
        for name in (names or {}).values():
            if not isinstance(name, str) or not _SHOWN.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise UsageError(f"{name!r} is not a name", fix="a name is letters and digits, such as W or W^(k)")
        found = [without_ends(_system(x))]
        own = {*found[0].names}
        shown = {n if n in own else _SPELLED.get(n, n): v for n, v in (names or {}).items()}
        if found[0].declared:
            found = [_turned(found[0])]
    convention = Convention(layout, samples, derivative, adjoint, batch, bold, shown)
    chosen = None if carry is None else tuple(carry.split()) if isinstance(carry, str) else tuple(carry)
    if style is not None:
        _one_of("style", style, "carry", "join", "sum")
    if not specs:
        return replace(verified(render(found[0], convention, chosen, False, style)), runs=agrees, reads=reads)
    each = [render(s, convention, chosen, True, style) for s in found]
    rows = [replace(f.lines[0], leading=spec.wide(operands, words)) for f, spec in zip(each, specs, strict=True)]
    return verified(replace(each[0], lines=tuple(rows), runs=agrees, reads=reads))


def _length(f: Formula) -> tuple[bool, int, int]:
    return f.kind == "index", len(str(f)), str(f).count("ᵀ")


def _turned(s: System) -> System:
    """The equations with what is declared put to use, and symmetric matrices turned so that formulas are short."""
    symmetric = frozenset(name for name, what in s.declared.items() if "symmetric" in what)

    plain = {name: what - {"diagonal"} for name, what in s.declared.items()}  # D x is as short as diag(D) ⊙ x

    looped = {eq for b in s.blocks if isinstance(b, Loop) for eq in b.body}

    def best(eq: Equation) -> Equation:
        if eq.place is not None or eq in looped:
            return eq
        value = known(eq.value, plain)
        old, eq = eq, eq if value.free != eq.value.free else equation(eq.target, value)
        ways = [*orientations(eq, symmetric)]
        if len(ways) == 1 and eq is old:
            return eq
        length, found = min((_length(render(system([way]), Convention())), n) for n, way in enumerate(ways))
        return old if length[0] else ways[found]

    return system(map(best, s), s.facts)


_DRESS = "boldsymbol|mathbf|mathrm|mathit|mathcal|mathbb|mathfrak|mathsf|bm|hat|widehat|tilde|bar|vec|dot"
_GREEK = "|".join(GREEK.values())
_SPELLED = {name: letter for letter, name in GREEK.items()}
_SHOWN = re.compile(
    r"[^\W\d_]\w*[′″']*(?:\^\([\w+−-]*\))?"
    rf"|(?:\\(?:{_DRESS})\s*\{{?\s*)*(?:\\(?:{_GREEK}|ell|nabla)|(?<=[\s{{])[A-Za-z]+)\s*\}}*"
)


def _one_of(option: str, value: str, *known: str) -> None:
    if value not in known:
        raise UsageError(f"{option}={value!r}", fix=f"{option} is {' or '.join(map(repr, known))}")


def _system(x: object) -> System:
    """Every line of a page; of a layer also the rules that nobody wrote, put together to a textbook's last line."""
    if isinstance(x, type) and hasattr(x, "forward"):
        x = x()
    rules, page = getattr(x, "rules", None), getattr(x, "page", None)
    if not isinstance(rules, System):
        return as_system(x)
    if isinstance(page, Page) and not page.rules:
        rules = ended(page.system, rules, given=page.given)
    return as_system(x) + rules


# --------------------------------------------------------------------------- explain
def explain(
    x: Source,
    wrt: str | Iterable[str] | None = None,
    of: str | None = None,
    detail: Literal["full", "short", "beside"] = "full",
    *,
    attempt: str | None = None,
    layout: Literal["column", "row"] = "column",
    samples: Literal["rows", "columns"] = "rows",
    derivative: Literal["denominator", "numerator"] = "denominator",
) -> Derivation:
    """How every backward rule comes about, in numbered steps: for each tensor x between ``wrt`` and the error E

        δx_K = Σ_J δv_J ∂v_J/∂x_K, one such sum for each equation v_J = … that uses x,

    then the local derivatives with their brackets, insertion, elimination of the brackets, and the formula in vectors
    and matrices; each step with its law, and the rule with its reasons: why ⊙, why the transpose, why that order.

    wrt:      one name or several; by default the parameters where the equations end in an error and tell which inputs
              are learnt, else every input. A name without its layer label is enough where one fits.
    of:       the error E; by default the only output, if that is a scalar. Other outputs have a δ that is given.
    detail:   ``"full"``; ``"short"``: rules and reasons; ``"beside"``: a table, entry by entry and in matrices.
    attempt:  a formula such as ``"δz = δ W f′(z)"``, to be judged: what it says, and what is wrong with it.
    layout:   vectors are ``"column"``s or ``"row"``s; ``samples``: ``"rows"`` or ``"columns"`` of a matrix.
    derivative: ``"denominator"``: a gradient has the shape of its variable; ``"numerator"``: that shape transposed.

    What is known of sums of inputs is told by a line such as ``Σ_c t_bc = 1``, and used where rules are put together.

    The result is a Derivation: ``str`` is for a terminal; ``.markdown``, ``.latex``, ``.tex(align=True)``, ``.html``,
    ``.as_dict()``. The textbook's shorthand is read as in a Layer; a layer's own backward rules are not needed.

    Errors: whatever is wrong with the text; UnknownName for a name that is not there; NotDifferentiable.

    >>> d = explain("z_j = a_i W_ij + b_j", wrt="a", attempt="δa = δz W")
    >>> d.part("a").shown.unicode
    'δa = W δz'
    >>> d.verdict.right
    False
    """
    from tensorprop.render.derivation.as_written import as_written
    from tensorprop.render.derivation.derivation import explain as derivation
    from tensorprop.render.derivation.learnt import learnt

    page = None if of is not None else _page(x)
    told = ""
    if isinstance(x, str):
        x, told = without_given(x)
    alone = lone_rules(x) if isinstance(x, str) and wrt is of is attempt is None and not is_spec(x) else None
    if alone is not None:  # rules without a forward pass: their signs are told
        return _verified(as_written(alone, detail, Convention(layout, samples, derivative)))
    s = as_forward(x, of) if page is None else page.system
    if wrt is None:
        wrt = learnt(s) or None
    names = None if wrt is None else [_labelled(name, s) for name in names_in(wrt, "wrt")]
    given = (*(() if page is None else page.given), *given_in(told, s))
    found = _verified(derivation(s, names, of, detail, layout, samples, derivative, given))
    if attempt is not None:
        from tensorprop.check.attempt import judge

        whole = system([*found.system, *found.named], found.system.facts) if found.named else found.system
        try:
            verdict = judge(attempt, whole, found.rules, found.convention, given).judgement
        except UnknownName:  # of a tensor that is not learnt: its rule is derived, too
            labels = whole_numbers(whole)
            rules = adjoint(whole, [n for n in whole.names if n not in (*whole.outputs, *labels)], of)
            verdict = judge(attempt, whole, rules, found.convention, given).judgement
        found = replace(found, verdict=verdict)
    return found


def _verified(d: Derivation) -> Derivation:
    for shown in d.formulas:
        verify(shown.line)  # raises if what is shown computes anything else
    return d


def _page(x: Source) -> Page | None:
    """The page of a layer, or of a text that has one."""
    page = getattr(x() if isinstance(x, type) else x, "page", None)
    return page if isinstance(page, Page) else None


def _labelled(name: str, s: System) -> str:
    """The name with its layer label, where it was given without and one alone can be meant."""
    if name in s.names:
        return name
    labelled = [n for n in s.inputs if stem_and_label(n)[0] == name] or [
        n for n in s.names if stem_and_label(n)[0] == name
    ]
    return labelled[0] if len(labelled) == 1 else name
