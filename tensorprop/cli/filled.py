"""The command ``docs``: pages that are filled in.

In: Markdown pages. Out: the same, every block of equations with what it comes to; exit code 1 where a page is stale or
a block is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from tensorprop.cli.asked import fail
from tensorprop.cli.terminal import write
from tensorprop.errors import TensorpropError, UsageError
from tensorprop.render.markdown import Request

__all__ = ["answer", "docs"]


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
