"""The commands ``formula`` and ``explain``: equations in, formulas and derivations out.

In: a text. Out: an `Answer`. What a verb needs is imported when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from tensorprop.cli.asked import Answer, equations, variables
from tensorprop.cli.terminal import columns, is_ascii

__all__ = ["explain", "formula"]

_FORMATS = ("unicode", "ascii", "latex", "typst", "mathml", "numpy", "jax", "torch", "einsum", "loop")
_PAGES = ("text", "markdown", "latex", "align", "html", "json")


@click.command()
@equations
@click.option("--layout", type=click.Choice(["column", "row"]), default="column", help="Vectors are columns or rows.")
@click.option("--samples", type=click.Choice(["rows", "columns"]), default="rows", help="Where a batch stands.")
@click.option(
    "--derivative",
    type=click.Choice(["denominator", "numerator"]),
    default="denominator",
    help="A gradient has the shape of its variable, or that shape transposed.",
)
@click.option("--adjoint", default="δz", metavar="STYLE", help="How the adjoint of z looks: δz, ∂E/∂z or bar.")
@click.option("--names", metavar="NAMES", help='Names for the operands of an einsum spec, such as "A B".')
@click.option("--format", "style", type=click.Choice(_FORMATS), default="unicode", help="What to print.")
def formula(text: str, convention: str, style: str, names: str | None, **options: Any) -> Answer:
    """Write equations, or an einsum spec such as "bi,ij->bj", as a formula in vectors and matrices."""
    from tensorprop.calculus.source import as_system
    from tensorprop.check.verbs import formula as convert
    from tensorprop.text.specs import pasted

    text = text.strip()
    found = convert(text if pasted(text) else as_system(text, convention), names=names, **options)
    shown = str(getattr(found, style))
    return Answer(shown, lambda: {name: getattr(found, name) for name in ("kind", *_FORMATS)}, raw=style != "unicode")


@click.command()
@equations
@variables("The tensors whose rules are wanted, such as W,b. By default all inputs.")
@click.option("--of", "output", metavar="NAME", help="The error, where there are several outputs.")
@click.option("--short", is_flag=True, help="Chain rule, rule and reasons only.")
@click.option("--beside", is_flag=True, help="A table: entry by entry, and beside it in vectors and matrices.")
@click.option("--attempt", metavar="FORMULA", help='A formula to be judged, such as "δz = δ W f′(z)".')
@click.option("--layout", type=click.Choice(["column", "row"]), default="column", help="Vectors are columns or rows.")
@click.option("--samples", type=click.Choice(["rows", "columns"]), default="rows", help="Where a batch stands.")
@click.option("--format", "style", type=click.Choice(_PAGES), default="text", help="What to print.")
@click.option("--html", "page", type=click.Path(dir_okay=False), metavar="PAGE", help="A page in one file, too.")
def explain(
    text: str,
    convention: str,
    wrt: tuple[str, ...],
    output: str | None,
    short: bool,
    beside: bool,
    style: str,
    page: str | None,
    **options: Any,
) -> Answer:
    """Derive backward rules step by step, every step with its law and its reason."""
    from tensorprop.calculus.source import as_forward
    from tensorprop.check.verbs import explain as derive

    x = as_forward(text, convention=convention) if convention != "strict" else text
    d = derive(x, wrt or None, output, "beside" if beside else "short" if short else "full", **options)
    if page is not None:
        with open(page, "w", encoding="utf-8") as file:
            file.write(d.html)
    pages: dict[str, Callable[[], str]] = {
        "text": lambda: d.show(columns()),
        "markdown": lambda: d.markdown,
        "latex": lambda: d.latex,
        "align": lambda: d.tex(align=True),
        "html": lambda: d.html,
        "json": lambda: json.dumps({"ok": True, **d.as_dict()}, indent=2, ensure_ascii=is_ascii()),
    }
    shown = "; ".join(p.shown.unicode or str(p.rule) for p in d.parts)
    return Answer(pages[style](), d.as_dict, line=shown if style == "text" else None, raw=style != "text")
