"""How nouns look in a notebook: a table from a noun to its HTML, LaTeX and Markdown.

In: a noun. Out: text in a format, or nothing where the format has nothing to say. Formulas stand as MathML in HTML, so
that nothing has to typeset them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from tensorprop.core.equation import Equation, System
from tensorprop.render import document
from tensorprop.render.mathml import mathml
from tensorprop.render.notation import as_latex

__all__ = ["face"]

_GREEN, _AMBER, _RED = "#1a7f37", "#9a6700", "#cf222e"


def face(x: object, form: str) -> str | None:
    """``x`` in a format, by the row of its class or of one that it derives from.

    >>> from tensorprop.text import parse
    >>> face(parse("y_i = A_ij x_j"), "latex")
    '$$y_{i} = \\\\sum_{j} A_{ij} x_{j}$$'
    """
    row = next((_ROWS[c.__name__] for c in type(x).__mro__ if c.__name__ in _ROWS), {})
    return row[form](x) if form in row else None


def _equations(x: Any) -> Equation | System:
    return x if isinstance(x, Equation | System) else x.system


def _latex(x: Any) -> str:
    return "\n\n".join(f"$${line}$$" for line in as_latex(_equations(x)).split("\n"))


def _lines(x: Any) -> Iterable[str]:
    yield from (mathml(line, display=True) for line in as_latex(_equations(x)).split("\n"))


def _html(x: Any) -> str:
    return "<div>" + "".join(_lines(x)) + "</div>"


def _layer(x: Any) -> str:
    rules = "".join(mathml(as_latex(eq), display=True) for eq in x.rules)
    return f"<div><b>{escape(x.name)}</b>{''.join(_lines(x))}<i>backward</i>{rules}</div>"


def _report(x: Any) -> str:
    """The page of a report, every verdict in its colour."""
    text = escape(str(x))
    for v in x.verdicts:
        colour = _RED if v.finding is not None else _GREEN if v.words in ("proved", "derived") else _AMBER
        words = escape(v.words)
        text = text.replace(f"  {words}\n", f'  <b style="color:{colour}">{words}</b>\n')
    head = f'<b style="color:{_GREEN if x.ok else _RED}">{"right" if x.ok else "WRONG"}</b>'
    return f'<div>{head}<pre style="line-height:1.3">{text}</pre></div>'


def _text(x: Any) -> str:
    return f"<pre>{escape(str(x))}</pre>"


def _fenced(x: Any) -> str:
    return f"```text\n{x}\n```"


def _dollars(x: Any) -> str:
    return "\n\n".join(f"$${line}$$" for line in x.latex.split("\n") if line)


Row = dict[str, Callable[[Any], str]]
_PAGE: Row = {"html": _html, "latex": _latex}
_ROWS: dict[str, Row] = {
    "Compiled": _PAGE,
    "ByParameters": _PAGE,
    "Derivation": {"html": lambda d: document.html(d.blocks()), "markdown": lambda d: d.markdown},
    "Equation": _PAGE,
    "Formula": {"html": lambda f: f.mathml, "latex": _dollars},
    "Gradient": _PAGE,
    "JaxFunction": _PAGE,
    "Layer": {"html": _layer, "latex": _latex},
    "Listing": {"html": _text, "markdown": _fenced},
    "Plan": {"html": _text, "markdown": _fenced},
    "Report": {"html": _report, "markdown": _fenced},
    "System": _PAGE,
}
