"""Nothing is long without a reason: files to 600 lines, classes to 400, functions to 60; names do not repeat.

What is longer says why in ``LONG``; a name that several rooms use with different meanings is in none. Both tables hold
exactly: an entry that is no longer needed is a fault too, so that they can only get shorter.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "tensorprop"
FILE, CLASS, FUNCTION = 600, 400, 60

# path, or path:name → why it is as long as it is
LONG: dict[str, str] = {}

# file names and class names that stand in several rooms, one meaning each → why
REPEATED: dict[str, str] = {}


def _lines(n: ast.AST) -> int:
    """How long a definition is, its docstring and decorators apart."""
    assert isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    total = (n.end_lineno or n.lineno) - n.lineno + 1
    first = n.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def _sources() -> dict[str, str]:
    return {p.relative_to(PACKAGE).as_posix(): p.read_text(encoding="utf-8") for p in sorted(PACKAGE.rglob("*.py"))}


def long(files: dict[str, str]) -> dict[str, int]:
    """What is longer than it may be, by path or path:name."""
    found: dict[str, int] = {}
    for path, source in files.items():
        n = len(source.splitlines())
        if n > FILE:
            found[path] = n
        for node in ast.walk(ast.parse(source)):
            limit = CLASS if isinstance(node, ast.ClassDef) else FUNCTION
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _lines(node) > limit:
                found[f"{path}:{node.name}"] = _lines(node)
    return found


def repeated(files: dict[str, str]) -> dict[str, list[str]]:
    """Names of files and of classes that stand in more than one room (private classes too)."""
    where: dict[str, set[str]] = defaultdict(set)
    for path, source in files.items():
        name = path.split("/")[-1].removesuffix(".py")
        if not name.startswith("__"):
            where[name].add(path)
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                where[node.name.lstrip("_")].add(f"{path}:{node.name}")
    return {name: sorted(paths) for name, paths in where.items() if len(paths) > 1}


def test_nothing_is_long_without_a_reason() -> None:
    found = long(_sources())
    assert found.keys() == LONG.keys(), {k: found.get(k) for k in found.keys() ^ LONG.keys()}


def test_a_name_has_one_meaning() -> None:
    found = repeated(_sources())
    assert found.keys() == REPEATED.keys(), {k: found.get(k) for k in found.keys() ^ REPEATED.keys()}


def test_the_test_finds_what_it_should() -> None:
    body = "\n".join("    x = 1" for _ in range(61))
    assert long({"a.py": f"def f():\n{body}\n", "b.py": "x = 1\n" * 601}) == {"a.py:f": 62, "b.py": 601}
