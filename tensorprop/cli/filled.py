"""The command ``docs``: pages that are filled in.

In: pages in Markdown, MyST or reStructuredText, notebooks, Python files with docstrings. Out: the same, every request
with its answer; exit code 1 where a page is stale or a request is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tensorprop.cli.asked import report, slips
from tensorprop.cli.terminal import progress, write
from tensorprop.errors import TensorpropError

__all__ = ["docs"]


def _read(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as f:
            return f.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise click.UsageError(f"cannot read {path}: {why}") from None


@click.command()
@click.argument("pages", nargs=-1, required=True, metavar="PAGE...")
@click.option("--check", is_flag=True, help="Change nothing; the exit code is 1 where a page is stale.")
def docs(pages: Sequence[str], check: bool) -> None:
    """Fill in pages: blocks of equations become formulas, derivations, proofs, plans.

    Pages are Markdown (.md, MyST too), reStructuredText (.rst), notebooks (.ipynb) and docstrings (.py); of a folder
    all of them. A block in Markdown begins with three backticks and "tensorprop", then perhaps a verb and options:
    "explain wrt=W", "formula layout=row", "check", "plan b=128 i=784", "derive wrt=W". Its source stays in a comment,
    so that a page can be filled again. All that can be is filled in; what is wrong is told with file and line.
    """
    from tensorprop.pages.files import KINDS, filled_file

    named = [p for page in pages for p in (sorted(Path(page).rglob("*")) if Path(page).is_dir() else [Path(page)])]
    paths = [p for p in named if p.suffix.lower() in KINDS or str(p) in pages]
    stale: list[Path] = []
    fine = True
    with progress("reading …") as words:
        for n, path in enumerate(paths, 1):
            words[0] = f"{n} of {len(paths)}: {path}"
            before = _read(path)
            found = slips(lambda path=path, before=before: filled_file(str(path), before))
            if isinstance(found, TensorpropError):
                report(found)
                fine = False
                continue
            after, wrong = found
            for one in wrong:
                one.error.problem = f"{one.place}: {one.error.problem}"
                report(one.error)
            fine &= not wrong
            if before != after:
                stale.append(path)
                if not check:
                    with open(path, "w", encoding="utf-8", newline="") as f:
                        f.write(after)
    for path in stale:
        write(f"{path} is stale; fill it in with: tensorprop docs {path}" if check else f"{path} filled in")
    sys.exit(0 if fine and not (check and stale) else 1)
