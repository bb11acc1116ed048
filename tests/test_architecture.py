"""The house of docs/architecture.md holds: who may import whom, and what may be called."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tensorprop"

# A room may import from itself and from the rooms named here.
ROOMS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "package": frozenset(),
    "face": frozenset({"package"}),
    "core": frozenset({"errors", "face", "package"}),
    "text": frozenset({"errors", "core"}),
    "calculus": frozenset({"errors", "core", "text"}),
    "layers": frozenset({"face", "errors", "core", "text", "calculus", "package"}),
    "render": frozenset({"face", "errors", "core", "text", "calculus"}),
    "faces": frozenset({"core", "render"}),
    "run": frozenset({"face", "errors", "core", "text", "calculus", "package"}),
    "rule": frozenset({"face", "errors", "core", "text", "calculus", "run"}),
    "trace": frozenset({"errors", "core", "text", "calculus", "run"}),
    "check": frozenset({"face", "errors", "core", "text", "calculus", "layers", "render", "run", "rule", "trace"}),
    "pages": frozenset("errors core text calculus render run check".split()),
    "sphinx": frozenset("errors render pages __init__".split()),
    "markdown": frozenset({"errors", "pages"}),
    "cli": frozenset("errors core text calculus layers render run rule trace check pages __init__".split()),
    "__init__": frozenset("package face faces errors core text calculus layers render run rule trace check".split()),
    "__main__": frozenset({"cli"}),
}

# Packages from outside, and the only files that may import them (a prefix of the path inside the package).
OUTSIDE: dict[str, tuple[str, ...]] = {
    "jax": (
        *("run/jax", "rule/jax_rule.py", "rule/jax_both.py", "trace/jax_", "trace/probe.py"),
        *("check/numbers/naive.py", "check/numbers/jax_"),
    ),
    "numpy": ("run/", "rule/", "trace/", "check/"),
    "opt_einsum": ("run/path.py",),
    "click": ("cli/",),
    "docutils": ("sphinx.py",),
    "sphinx": ("sphinx.py",),
    "markdown": ("markdown.py",),
    "pymdownx": ("markdown.py",),
}
STANDARD = sys.stdlib_module_names
FORBIDDEN_CALLS = frozenset({"eval", "exec", "__import__", "compile"})
FORBIDDEN_MODULES = frozenset(
    "pickle cPickle marshal shelve dill cloudpickle joblib sympy subprocess socket urllib http ctypes".split()
)


def room_of(path: str) -> str:
    """``core/expr.py`` is in the room ``core``, ``cli.py`` in ``cli``."""
    return path.split("/")[0].removesuffix(".py")


def imported(tree: ast.Module, path: str) -> list[tuple[str, int]]:
    """Every module that a file imports, at its top or inside functions, with the line; relative ones made absolute."""
    inside = ["tensorprop", *path.split("/")[:-1]]
    found: list[tuple[str, int]] = []
    for n in ast.walk(tree):
        if isinstance(n, ast.Import):
            found += [(a.name, n.lineno) for a in n.names]
        elif isinstance(n, ast.ImportFrom):
            stem = n.module or ""
            if n.level:
                stem = ".".join([*inside[: len(inside) - n.level + 1], *([stem] if stem else [])])
            # `from tensorprop import run` imports the room run, not only the package
            found += [(f"{stem}.{a.name}" if stem == "tensorprop" else stem, n.lineno) for a in n.names]
        elif isinstance(n, ast.Call) and isinstance(n.func, ast.Name | ast.Attribute):
            name = n.func.id if isinstance(n.func, ast.Name) else n.func.attr
            if name == "import_module" and n.args and isinstance(n.args[0], ast.Constant):
                found.append((str(n.args[0].value), n.lineno))
    return found


def faults(files: dict[str, str]) -> list[str]:
    """What in these files (path inside the package → source) breaks the rules."""
    out: list[str] = []
    for path, source in files.items():
        tree = ast.parse(source, path)
        room = room_of(path)
        if room not in ROOMS:
            out.append(f"{path}: a room that the table does not know")
            continue
        for module, line in imported(tree, path):
            first, *rest = module.split(".")
            where = f"{path}:{line}"
            if first == "tensorprop":
                target = rest[0] if rest and rest[0] in ROOMS else "__init__"
                if target != room and target not in ROOMS[room]:
                    out.append(f"{where}: {room} imports {target}")
            elif first in FORBIDDEN_MODULES:
                out.append(f"{where}: {first} is not used here")
            elif first in OUTSIDE:
                if not path.startswith(OUTSIDE[first]):
                    out.append(f"{where}: {first} is imported only in {', '.join(OUTSIDE[first])}")
            elif first not in STANDARD:
                out.append(f"{where}: {first} is neither of the standard library nor a dependency")
        for n in ast.walk(tree):
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in FORBIDDEN_CALLS:
                defined = {d.name for d in ast.walk(tree) if isinstance(d, ast.FunctionDef)}
                taken = {a.asname or a.name for i in ast.walk(tree) if isinstance(i, ast.ImportFrom) for a in i.names}
                if n.func.id not in defined | taken:
                    out.append(f"{path}:{n.lineno}: {n.func.id}() is not called here")
        if source.strip() and ast.get_docstring(tree) is None:
            out.append(f"{path}: no docstring says what comes in, what goes out, what is not known here")
        if "\\" in source and room in ("core", "calculus", "layers"):
            out += _backslashes(tree, path)
    return out


def _backslashes(tree: ast.Module, path: str) -> list[str]:
    """TeX is known where text is read and where it is printed, nowhere else."""
    docs = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef) and n.body and isinstance(n.body[0], ast.Expr)
    }
    return [
        f"{path}:{n.lineno}: a backslash in a string"
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and "\\" in n.value and id(n) not in docs
    ]


def package() -> dict[str, str]:
    return {p.relative_to(PACKAGE).as_posix(): p.read_text(encoding="utf-8") for p in sorted(PACKAGE.rglob("*.py"))}


def circles(files: dict[str, str]) -> list[list[str]]:
    """Files that import one another round a circle, also inside functions; a room's ``__init__`` is only its door."""
    names = {"tensorprop." + p.removesuffix(".py").replace("/", "."): p for p in files if not p.endswith("__init__.py")}
    reach: dict[str, set[str]] = {}
    for name, path in names.items():
        found: set[str] = set()
        for n in ast.walk(ast.parse(files[path])):
            if isinstance(n, ast.ImportFrom) and n.module:
                found |= {n.module, *(f"{n.module}.{a.name}" for a in n.names)} & names.keys()
        reach[name] = found
    while True:
        more = {name: found.union(*(reach[f] for f in found)) for name, found in reach.items()}
        if more == reach:
            break
        reach = more
    rings = {tuple(sorted(b for b in reach if b in reach[a] and a in reach[b])) for a in reach if a in reach[a]}
    return sorted(map(list, rings))


def test_no_import_goes_round_in_a_circle() -> None:
    assert circles(package()) == []
    ring = {"a/x.py": "from tensorprop.a.y import f", "a/y.py": "def f():\n    from tensorprop.a import x"}
    assert circles(ring) == [["tensorprop.a.x", "tensorprop.a.y"]]


def test_the_directory_names_every_file() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    directory = page.split("## Directory")[1].split("\n## ")[0]
    words = set(re.findall(r"\w+", directory))
    files = [Path(p).stem for p in package() if not p.endswith(("__init__.py", "__main__.py"))]
    assert [f for f in files if f not in words] == []
    assert [w for w in re.findall(r"\b\w+(?=\.py)", directory) if w not in {*files, "__init__"}] == []


def test_the_house_holds() -> None:
    files = package()
    assert len(files) > 20
    assert faults(files) == []


@pytest.mark.parametrize(
    "path, source, complaint",
    [
        ("core/expr.py", "from tensorprop.text import parse", "core imports text"),
        ("core/expr.py", "from ..text import parse", "core imports text"),
        ("errors.py", "from .core import expr", "errors imports core"),
        ("text/parse.py", "def f():\n    from tensorprop.calculus import derive", "text imports calculus"),
        ("layers/dense.py", "from tensorprop import run", "layers imports run"),
        ("layers/dense.py", "import tensorprop", "layers imports __init__"),
        ("run/api.py", "import tensorprop.layers.layer", "run imports layers"),
        ("render/printer.py", "import importlib\nimportlib.import_module('tensorprop.run.api')", "render imports run"),
        ("calculus/derive.py", "import numpy as np", "numpy is imported only in"),
        ("run/reference.py", "import jax.numpy as jnp", "jax is imported only in"),
        ("run/lower.py", "from opt_einsum import contract_path", "opt_einsum is imported only in"),
        ("text/parse.py", "from sympy import sympify", "sympy is not used here"),
        ("run/api.py", "import pickle", "pickle is not used here"),
        ("cli/asked.py", "import subprocess", "subprocess is not used here"),
        ("run/api.py", "import requests", "requests is neither"),
        ("text/parse.py", "eval('1')", "eval() is not called here"),
        ("text/parse.py", "exec('1')", "exec() is not called here"),
        ("kitchen/soup.py", "x = 1", "a room that the table does not know"),
        ("core/build.py", "x = '\\\\sum'", "a backslash in a string"),
    ],
)
def test_the_check_can_fail(path: str, source: str, complaint: str) -> None:
    found = faults({path: '"""A bad tree."""\n' + source})
    assert len(found) == 1 and complaint in found[0], found


def test_a_file_without_a_docstring_is_found() -> None:
    found = faults({"core/expr.py": "x = 1"})
    assert len(found) == 1 and "no docstring" in found[0]


def test_the_tables_are_acyclic() -> None:
    """Every room's imports come earlier in the table than itself."""
    seen: set[str] = set()
    for room, allowed in ROOMS.items():
        if "__init__" not in allowed:  # these may use the public verbs; nothing imports them
            assert allowed <= seen, room
        seen.add(room)


def _cut_up(tree: ast.Module) -> list[int]:
    """Lines that cut a δ, a ∂ or a layer's label off a name, or glue one to it."""
    found: list[int] = []
    for n in ast.walk(tree):
        match n:
            case ast.Call(
                func=ast.Attribute(attr="removeprefix" | "startswith" | "lstrip" | "partition" | "split"),
                args=[ast.Constant(value=str(mark))],
            ) if mark in ("δ", "∂", "/∂", "^", "^("):
                found.append(n.lineno)
            case ast.Subscript(ast.Attribute(attr="name" | "tensor"), ast.Slice(lower=ast.Constant(value=1))):
                found.append(n.lineno)
            case ast.JoinedStr(values=[ast.Constant(value="δ" | "∂"), ast.FormattedValue()]):
                found.append(n.lineno)
            case ast.BinOp(left=ast.Constant(value="δ" | "∂"), op=ast.Add()):
                found.append(n.lineno)
            case _:
                pass
    return found


# What is cut there is no name: an option of ``formula``, the d of a differential as people type it.
_CUTS = frozenset({"core/names.py", "check/verbs.py", "render/pen.py", "render/printer.py", "text/derivatives.py"})


def test_names_of_derivatives_are_made_and_taken_apart_in_one_file() -> None:
    cut = {path: _cut_up(ast.parse(source)) for path, source in package().items() if path not in _CUTS}
    assert {path: lines for path, lines in cut.items() if lines} == {}


@pytest.mark.parametrize(
    "source", ['x.removeprefix("δ")', "t.name[1:]", 'f"δ{x}"', '"δ" + name', 'n.startswith("∂")', 'n.partition("^(")']
)
def test_a_name_that_is_cut_up_is_seen(source: str) -> None:
    assert _cut_up(ast.parse(source)) == [1]
