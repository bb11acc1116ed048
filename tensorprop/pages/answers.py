"""What a request comes to: the one answer that pages, Sphinx and Python-Markdown are given.

In: a `Request`. Out: blocks of a document, or the same as Markdown, reStructuredText or HTML. A verb is one row of the
table at the end. A rule that is asked to be checked and is not proved is an error, so that the page fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorprop.core.equation import Equation, System
from tensorprop.errors import RuleMismatch, UsageError, among
from tensorprop.pages.request import Request
from tensorprop.pages.restructured import restructured
from tensorprop.render import document
from tensorprop.render.derivation.passage import axes_of
from tensorprop.render.derivation.sentences import Math, Sentence
from tensorprop.render.document import Block, Lines, Paragraph, Verbatim
from tensorprop.render.mathml import mathml
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["VERBS", "answer", "as_html", "as_rst", "blocks", "formulas"]


def blocks(r: Request) -> list[Block]:
    """The answer. Errors: UsageError for a verb or an option that is not there; whatever the verb raises."""
    if r.verb not in VERBS:
        raise UsageError(f"no verb {r.verb!r}", **among(r.verb, VERBS, "verbs"))
    return VERBS[r.verb](r)


def answer(r: Request) -> str:
    """The answer as Markdown; within a line, its formulas between dollars."""
    if r.inline:
        return ", ".join(f"${m.latex}$" for m in formulas(r))
    level = r.options.get("level", "3")
    if not (level.isdecimal() and 1 <= int(level) <= 6):
        raise UsageError(f"{level} is no level of a heading", fix="level=3, from 1 to 6")
    return document.markdown(blocks(r), int(level))


def as_rst(r: Request) -> str:
    """The answer as reStructuredText."""
    return ", ".join(f":math:`{m.latex}`" for m in formulas(r)) if r.inline else restructured(blocks(r))


def as_html(r: Request) -> str:
    """The answer as HTML with MathML."""
    return ", ".join(mathml(m.latex) for m in formulas(r)) if r.inline else document.html(blocks(r))


def formulas(r: Request) -> list[Math]:
    """The formulas of an answer that stands in a line. Errors: UsageError where it is more than formulas."""
    found = blocks(r)
    if not all(isinstance(b, Lines) for b in found):
        raise UsageError(f"{r.verb} is too long for a line", fix="put it into a block")
    return [one for b in found if isinstance(b, Lines) for one, _ in b.rows]


# --------------------------------------------------------------------------- verbs
def _lines(rows: list[Math]) -> Block:
    return Lines(tuple((row, None) for row in rows))


def _shown(s: System | Equation) -> Block:
    """Equations with every Σ."""
    axes = axes_of(s) if isinstance(s, System) else None
    each = s if isinstance(s, System) else (s,)
    return _lines([Math(UNICODE.equation(eq, axes), LATEX.equation(eq, axes)) for eq in each])


def _formula(r: Request) -> list[Block]:
    from tensorprop.check.verbs import formula

    options: dict[str, Any] = dict(r.only("layout", "samples", "derivative", "adjoint", "names"))
    found = formula(r.text.strip(), **options)
    latex = [line for line in found.latex.split("\n") if line]
    unicode = str(found).split("\n")
    return [_lines([Math(*pair) for pair in zip(unicode if len(unicode) == len(latex) else latex, latex, strict=True)])]


def _explain(r: Request) -> list[Block]:
    from tensorprop.check.verbs import explain

    options: dict[str, Any] = dict(r.only("wrt", "of", "detail", "attempt", "layout", "samples", "level"))
    options.pop("level", None)
    return list(explain(r.text, **options).blocks())


def _equations(r: Request) -> list[Block]:
    from tensorprop.text import parse

    r.only()
    return [_shown(parse(r.text))]


def _derive(r: Request) -> list[Block]:
    from tensorprop.calculus import adjoint, derive
    from tensorprop.calculus.source import as_forward, names_in

    options = r.only("wrt", "of")
    wrt = names_in(options.get("wrt", ""))
    of = options.get("of")
    s = as_forward(r.text, *wrt, of)
    if any("_" in name or "[" in name for name in wrt):
        return [_shown(derive(s, wrt=wrt, of=of))]
    return [_shown(adjoint(s, wrt=wrt or None, of=of))]


def _check(r: Request) -> list[Block]:
    """Errors: RuleMismatch, with the whole report, where a written rule is not proved."""
    from tensorprop.check.verbs import check

    options = r.only("tolerance")
    report = check(r.text, tolerance=float(options.get("tolerance", 0)))
    written = [v for v in report.verdicts if v.written]
    if not written:
        raise UsageError("no backward rule is written here", fix="write one, such as δW_ij = a_i δz_j, or ask derive")
    if not report.proved:
        wrong = next(v for v in report.verdicts if v.finding is not None or (v.written and not v.proved))
        raise RuleMismatch(f"{wrong.rule} is {wrong.words}", known=str(report))
    rows = [Math(UNICODE.equation(v.rule), LATEX.equation(v.rule)) for v in written]
    one = len(rows) == 1
    return [_lines(rows), Paragraph(Sentence(f"{'This rule is' if one else 'These rules are'} proved."))]


def _plan(r: Request) -> list[Block]:
    from tensorprop.calculus import adjoint
    from tensorprop.calculus.source import as_forward, as_system, names_in
    from tensorprop.run import plan

    options = dict(r.options)
    wrt = names_in(options.pop("wrt", ""))
    for name, size in options.items():
        if not size.isdecimal():
            raise UsageError(f"{name}={size} is no size", fix="write an index and its size, such as b=128")
    s = as_forward(r.text, *wrt) if wrt else as_system(r.text)
    s = s + adjoint(s, wrt=wrt) if wrt else s
    return [Verbatim(str(plan(s, {name: int(size) for name, size in options.items()})))]


VERBS: dict[str, Callable[[Request], list[Block]]] = {
    "formula": _formula,
    "explain": _explain,
    "check": _check,
    "derive": _derive,
    "plan": _plan,
    "equations": _equations,
}
