"""What kind of page a file is, and where in it there is text: Markdown, reStructuredText, notebooks, docstrings.

In: a file's name and its contents. Out: the contents with every answer filled in, and what is wrong, by line. Line ends
stay as they are.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tensorprop.errors import TensorpropError, UsageError
from tensorprop.pages.answers import answer, as_rst
from tensorprop.pages.directives import filled_rst
from tensorprop.pages.fenced import filled

__all__ = ["KINDS", "Wrong", "filled_file"]

Problems = list[tuple[int, TensorpropError]]


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a request: its place in the file, such as ``page.md:12``, and the error."""

    place: str
    error: TensorpropError

    def __str__(self) -> str:
        return f"{self.place}: {self.error}"


def filled_file(name: str, contents: str) -> tuple[str, list[Wrong]]:
    """The file with every answer filled in that there is, and what is wrong with the other requests.

    Errors: UsageError for a file that is of no known kind, or broken.
    """
    kind = KINDS.get(PurePath(name).suffix.lower())
    if kind is None:
        raise UsageError(f"{name} is no page that is known", known=f"pages end in {', '.join(KINDS)}")
    crlf = "\r\n" in contents
    out, wrong = kind(name, contents.replace("\r\n", "\n") if crlf else contents)
    return out.replace("\n", "\r\n") if crlf else out, wrong


def _markdown(name: str, page: str) -> tuple[str, list[Wrong]]:
    out, wrong = filled(page, answer)
    return out, _placed(name, wrong)


def _restructured(name: str, page: str) -> tuple[str, list[Wrong]]:
    out, wrong = filled_rst(page, as_rst)
    return out, _placed(name, wrong)


def _placed(name: str, wrong: Problems, above: int = 0) -> list[Wrong]:
    return [Wrong(f"{name}:{line + above}", error) for line, error in wrong]


def _notebook(name: str, page: str) -> tuple[str, list[Wrong]]:
    """A notebook's Markdown cells; the others, and what else is in it, stay."""
    try:
        book: dict[str, Any] = json.loads(page)
        cells: list[dict[str, Any]] = book["cells"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{name} is no notebook", fix="cells are needed, in the format of nbformat 4") from None
    found: list[Wrong] = []
    changed = False
    for n, cell in enumerate(cells, 1):
        if cell.get("cell_type") != "markdown":
            continue
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        out, wrong = filled(text, answer)
        found += [Wrong(f"{name}, cell {n}, line {line}", error) for line, error in wrong]
        if out != text:
            changed = True
            cell["source"] = out if isinstance(source, str) else out.splitlines(keepends=True)
    if not changed:
        return page, found
    return json.dumps(book, indent=1, ensure_ascii=False) + ("\n" if page.endswith("\n") else ""), found


def _docstrings(name: str, page: str) -> tuple[str, list[Wrong]]:
    """The docstrings of Python source, in Markdown or reStructuredText; what is filled in has to be raw."""
    try:
        tree = ast.parse(page)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{name}:{getattr(error, 'lineno', 1)}: this is no Python") from None
    lines = page.split("\n")
    found: list[Wrong] = []
    for doc in reversed(_docs(tree)):
        first, last = doc.lineno - 1, doc.end_lineno or doc.lineno
        before = lines[first:last]
        text = "\n".join(before)
        if "tensorprop" not in text:
            continue
        indent = doc.col_offset
        body = [before[0], *(line[indent:] if line[:indent].isspace() else line for line in before[1:])]
        out, wrong = filled("\n".join(body), answer)
        out, more = filled_rst(out, as_rst)
        found += _placed(name, [*wrong, *more], first)
        if out == "\n".join(body):
            continue
        if not before[0].lstrip().lower().startswith(("r'", 'r"')):
            raw = UsageError("this docstring holds formulas, and is not raw", fix='begin it with r"""')
            found.append(Wrong(f"{name}:{doc.lineno}", raw))
            continue
        head, *rest = out.split("\n")
        lines[first:last] = [head, *(" " * indent + line if line else "" for line in rest)]
    return "\n".join(lines), sorted(found, key=lambda w: int(w.place.rpartition(":")[2]))


def _docs(tree: ast.Module) -> list[ast.expr]:
    """The docstrings of a module, its classes and functions, in their order."""
    owners = [
        n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    firsts = [n.body[0] for n in owners if n.body]
    docs = [e.value for e in firsts if isinstance(e, ast.Expr) and isinstance(e.value, ast.Constant)]
    return sorted((d for d in docs if isinstance(d.value, str)), key=lambda d: d.lineno)


KINDS: dict[str, Callable[[str, str], tuple[str, list[Wrong]]]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".mdx": _markdown,
    ".txt": _markdown,
    ".rst": _restructured,
    ".ipynb": _notebook,
    ".py": _docstrings,
}
