"""The command line, second part: ``tensorprop formula | explain | docs``.

In: equations as `cli` reads them, or Markdown pages. Out: formulas, derivations, pages that are filled in; exit code 0
where all is well, 1 where the input is wrong or a page is stale. What a verb needs is imported when it runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from tensorprop.cli_text import equations, fail, is_ascii, several, told, write
from tensorprop.errors import TensorpropError, UsageError
from tensorprop.render.markdown import Request

__all__ = ["COMMANDS", "answer"]

_FORMATS = ("unicode", "ascii", "latex", "typst", "mathml", "numpy", "jax")
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
def formula(text: str, convention: str, as_json: bool, style: str, names: str | None, **options: Any) -> None:
    """Write equations, or an einsum spec such as "bi,ij->bj", as a formula in vectors and matrices."""
    from tensorprop.calculus.source import as_system
    from tensorprop.check.verbs import formula as convert
    from tensorprop.text.specs import pasted

    text = text.strip()
    found = convert(text if pasted(text) else as_system(text, convention), names=names, **options)
    if as_json:
        data = {name: getattr(found, name) for name in ("kind", *_FORMATS)}
        write(json.dumps({"ok": True, **data}, indent=2, default=str))
    else:
        told(str(getattr(found, style)))


@click.command()
@equations
@click.option(
    "--wrt",
    multiple=True,
    callback=several,
    metavar="NAMES",
    help="The tensors whose rules are wanted, such as W,b. By default all inputs.",
)
@click.option("--of", "output", metavar="NAME", help="The error, where there are several outputs.")
@click.option("--short", is_flag=True, help="Chain rule, rule and reasons only.")
@click.option("--attempt", metavar="FORMULA", help='A formula to be judged, such as "δz = δ W f′(z)".')
@click.option("--layout", type=click.Choice(["column", "row"]), default="column", help="Vectors are columns or rows.")
@click.option("--samples", type=click.Choice(["rows", "columns"]), default="rows", help="Where a batch stands.")
@click.option("--format", "style", type=click.Choice(_PAGES), default="text", help="What to print.")
def explain(
    text: str,
    convention: str,
    as_json: bool,
    wrt: tuple[str, ...],
    output: str | None,
    short: bool,
    style: str,
    **options: Any,
) -> None:
    """Derive backward rules step by step, every step with its law and its reason."""
    from tensorprop.calculus.source import as_forward
    from tensorprop.check.verbs import explain as derive

    x = as_forward(text, convention=convention) if convention != "strict" else text
    d = derive(x, wrt or None, output, "short" if short else "full", **options)
    if as_json or style == "json":
        write(json.dumps({"ok": True, **d.as_dict()}, indent=2, ensure_ascii=is_ascii()))
        return
    pages: dict[str, Callable[[], str]] = {
        "text": lambda: str(d),
        "markdown": lambda: d.markdown,
        "latex": lambda: d.latex,
        "align": lambda: d.tex(align=True),
        "html": lambda: d.html,
    }
    told(pages[style]()) if style == "text" else write(pages[style]())


@click.command()
@click.argument("pages", nargs=-1, required=True, metavar="PAGE.md...")
@click.option("--check", is_flag=True, help="Change nothing; the exit code is 1 where a page is stale.")
def docs(pages: Sequence[str], check: bool) -> None:
    """Fill in Markdown pages: blocks of equations become formulas or derivations.

    A block begins with three backticks and "tensorprop", then perhaps "explain wrt=W" or "formula layout=row". Its
    source stays in a comment, so that a page can be filled again.
    """
    stale: list[str] = []
    for name in pages:
        try:
            with open(name, encoding="utf-8", newline="") as f:
                before = f.read()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
            raise click.UsageError(f"cannot read {name}: {why}") from None
        try:
            after = _filled(before)
        except TensorpropError as error:
            error.problem = f"{name}, {error.problem}"
            fail(error, False)
            return
        if before == after:
            continue
        stale.append(name)
        if not check:
            with open(name, "w", encoding="utf-8", newline="") as f:
                f.write(after)
    for name in stale:
        write(f"{name} is stale; fill it in with: tensorprop docs {name}" if check else f"{name} filled in")
    if check and stale:
        sys.exit(1)


def _filled(page: str) -> str:
    """The page with every request answered, line ends as they were."""
    from tensorprop.render.markdown import fill

    if "\r\n" in page:
        return fill(page.replace("\r\n", "\n"), answer).replace("\n", "\r\n")
    return fill(page, answer)


def answer(r: Request) -> str:
    """What a request in a page comes to, as Markdown.

    Verbs: ``formula`` (options layout, samples, derivative, adjoint, names), ``explain`` (wrt, of, detail, attempt,
    layout, samples, level) and ``equations`` (none), which shows them with every Σ written.
    """
    match r.verb:
        case "formula":
            from tensorprop.check.verbs import formula

            options = r.only("layout", "samples", "derivative", "adjoint", "names")
            return "\n\n".join(f"$${line}$$" for line in formula(r.text.strip(), **options).latex.split("\n") if line)  # pyright: ignore[reportArgumentType]
        case "explain":
            from tensorprop.check.verbs import explain
            from tensorprop.render.document import markdown

            options = dict(r.only("wrt", "of", "detail", "attempt", "layout", "samples", "level"))
            level = int(options.pop("level", "3"))
            wrt = options.pop("wrt", None)
            return markdown(explain(r.text, wrt, **options).blocks(), level)  # pyright: ignore[reportArgumentType]
        case "equations":
            from tensorprop.render.derivation.passage import axes_of
            from tensorprop.render.notation import LATEX
            from tensorprop.text import parse

            r.only()
            s = parse(r.text)
            return "\n\n".join(f"$${LATEX.equation(eq, axes_of(s))}$$" for eq in s)
        case _:
            raise UsageError(f"no verb {r.verb!r}", known="verbs: formula, explain, equations")


COMMANDS = (formula, explain, docs)
