"""The layers in Python source, held against their derived rules: found and read, never imported, as a linter does.

In: a file, a folder, or the name of a module or package. Out: for every layer there what a check found, with the file
and the line. No code of anybody's is run: classes and calls of ``Layer`` are found in the syntax tree, their text as
far as it is written out. What is computed is said not to have been read.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from tensorprop import layers
from tensorprop.check.report import Report
from tensorprop.check.rules import check_rules
from tensorprop.core.equation import Equation
from tensorprop.core.names import primal
from tensorprop.errors import TensorpropError, UsageError
from tensorprop.layers.layer import Layer
from tensorprop.text.parse import Spans, equations

__all__ = ["Complaint", "Found", "found", "sources"]

_TEXTS = ("forward", "backward", "given", "parameters", "takes")


@dataclass(frozen=True)
class Complaint:
    """Something about a line: ``kind`` is ``"error"`` where it is wrong, ``"note"`` where nothing is."""

    path: str
    line: int
    words: str
    kind: str = "error"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words}"


@dataclass(frozen=True)
class Found:
    """A layer that stands in a file: its name, its line, the texts that it is made of with their nodes."""

    path: str
    line: int
    name: str
    texts: dict[str, str]
    nodes: dict[str, ast.expr]
    computed: tuple[str, ...] = ()

    def judged(self) -> tuple[Report | None, list[Complaint]]:
        """The report, and a complaint for everything that is wrong or was not read."""
        if self.computed:
            told = f"{self.name}: {', '.join(self.computed)} is computed, and was not read"
            return None, [Complaint(self.path, self.line, told, "note")]
        try:
            layer = Layer(
                self.texts["forward"],
                self.texts.get("backward"),
                self.name,
                given=self.texts.get("given", ""),
                parameters=self.texts.get("parameters"),
                takes=self.texts.get("takes"),
            )
            report = check_rules(layer)
        except TensorpropError as error:
            return None, [Complaint(self.path, self._line_of(error), f"{self.name}: {error}")]
        out: list[Complaint] = []
        for v in report.verdicts:
            if v.finding is None and (v.proved or not v.written):
                continue
            slip = "" if v.finding is None else v.finding.diagnosis.words if v.finding.diagnosis else v.finding.note
            told = f"{self.name}: {v.rule}  {v.words}" + (f": {slip}" if slip else "")
            out.append(Complaint(self.path, self._line(v.rule), told, "note" if v.finding is None else "error"))
        return report, out

    def _line(self, rule: Equation) -> int:
        """The line on which a rule was written; the layer's where it was not."""
        for name in ("backward", "forward"):
            text = self.texts.get(name)
            if text is None:
                continue
            spans: list[Spans] = []
            try:
                _, read = equations(text, "strict", spans)
            except TensorpropError:
                continue
            for eq, places in zip(read, spans, strict=True):
                if eq.name == rule.name or (name == "backward" and primal(eq.name) == primal(rule.name)):
                    return self._at(name, places[eq.target][0])
        return self.line

    def _line_of(self, error: TensorpropError) -> int:
        """The line that an error of reading is about."""
        for name, text in self.texts.items():
            if error.text is not None and error.text == text:
                return self._at(name, error.span[0] if error.span else 0)
        return self.line

    def _at(self, name: str, place: int) -> int:
        """The line of the file that a place in a text is on, where the text is one literal."""
        node = self.nodes.get(name)
        if node is None:
            return self.line
        below = self.texts[name][:place].count("\n")
        return node.lineno + below if below <= (node.end_lineno or node.lineno) - node.lineno else node.lineno


# --------------------------------------------------------------------------- files
def sources(target: str) -> list[Path]:
    """The Python files that a path or a module's name stands for, a package's with all that is in it.

    Errors: UsageError where there is nothing of that name.
    """
    path = Path(target)
    if path.is_dir():
        return sorted(p for p in path.rglob("*.py") if not any(part.startswith(".") for part in p.parts))
    if path.is_file():
        return [path]
    places: list[str] | None = [".", *sys.path]
    origin: str | None = None
    for n, _ in enumerate(parts := target.split(".")):
        spec = PathFinder.find_spec(".".join(parts[: n + 1]), places) if parts[n].isidentifier() else None
        if spec is None:
            raise UsageError(
                f"there is no file, folder or module {target}", fix="give a path, or the name of what can be imported"
            )
        origin, places = spec.origin, list(spec.submodule_search_locations or ())
    if places:
        return sources(places[0])
    if origin is None or not origin.endswith(".py"):
        raise UsageError(f"{target} has no Python source")
    return [Path(origin)]


# --------------------------------------------------------------------------- layers in a file
def found(path: Path) -> list[Found]:
    """The layers that a file defines, in their order. Errors: UsageError where it is no Python.

    Whatever is a class that derives from a Layer, of the library or of this file, and whatever calls ``Layer``.
    """
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise UsageError(f"{path}:{line}: this is no Python: {getattr(error, 'msg', error)}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return list(_SourceFile(str(path), tree).layers())


class _SourceFile:
    """The names of a file, as far as they matter: which mean the library, which are texts, which are layers."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self.library: dict[str, str] = {}  # a local name → tensorprop, tensorprop.layers or the class that it is
        self.constants: dict[str, ast.expr] = {}
        self.classes: dict[str, Found] = {}
        for n in ast.walk(tree):
            if isinstance(n, ast.Import):
                for a in n.names:
                    if a.name.split(".")[0] == "tensorprop":
                        self.library[a.asname or "tensorprop"] = a.name if a.asname else "tensorprop"
            elif isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[0] == "tensorprop" and not n.level:
                self.library |= {a.asname or a.name: f"{n.module}.{a.name}" for a in n.names}
        for n in tree.body:
            if isinstance(n, ast.Assign) and len(n.targets) == 1 and isinstance(n.targets[0], ast.Name):
                self.constants[n.targets[0].id] = n.value

    def layers(self) -> Iterator[Found]:
        nodes = [n for n in ast.walk(self.tree) if isinstance(n, ast.ClassDef | ast.Call)]
        for n in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
            one = self._class(n) if isinstance(n, ast.ClassDef) else self._call(n)
            if one is not None:
                yield one

    def _class(self, n: ast.ClassDef) -> Found | None:
        body = {
            t.id: a.value for a in n.body if isinstance(a, ast.Assign) for t in a.targets if isinstance(t, ast.Name)
        }
        body |= {
            a.target.id: a.value
            for a in n.body
            if isinstance(a, ast.AnnAssign) and isinstance(a.target, ast.Name) and a.value is not None
        }
        bases = [self._base(b) for b in n.bases]
        base = next((b for b in bases if b is not None), None)
        if base is None and not (isinstance(body.get("forward"), ast.Constant) and self._looks_like_a_layer(n)):
            return None
        inherited = dict(base.texts) if base is not None else {}
        own = {name: value for name, value in body.items() if name in _TEXTS}
        if "forward" in own:
            inherited.pop("backward", None)
        made = self._made(n, n.name, own, inherited)
        self.classes[n.name] = made
        if not {"forward", "backward", "given"} & own.keys():
            return None  # a class that adds no equations, or none at all, has nothing to be judged
        return made

    @staticmethod
    def _looks_like_a_layer(n: ast.ClassDef) -> bool:
        """A base from elsewhere whose name says what it is."""
        return any(ast.unparse(b).endswith("Layer") for b in n.bases)

    def _base(self, b: ast.expr) -> Found | None:
        """What a class derives from, if that is a layer."""
        if isinstance(b, ast.Name) and b.id in self.classes:
            return self.classes[b.id]
        name = self._meant(b)
        if not name:
            return None
        kind = getattr(layers, name.rsplit(".", 1)[-1], None)
        if not (isinstance(kind, type) and issubclass(kind, Layer)):
            return None
        texts = {t: v for t in _TEXTS if isinstance(v := getattr(kind, t, None), str) and v}
        return Found("", 0, name, texts, {})

    def _call(self, n: ast.Call) -> Found | None:
        if self._meant(n.func).rsplit(".", 1)[-1] != "Layer":
            return None
        given = dict(zip(("forward", "backward", "name"), n.args, strict=False))
        given |= {k.arg: k.value for k in n.keywords if k.arg}
        if "forward" not in given:
            return None
        name = self._text(given["name"]) if "name" in given else None
        return self._made(n, name or "Layer", {t: given[t] for t in _TEXTS if t in given}, {})

    def _made(self, n: ast.ClassDef | ast.Call, name: str, own: dict[str, ast.expr], texts: dict[str, str]) -> Found:
        computed: list[str] = []
        nodes: dict[str, ast.expr] = {}
        for part, node in own.items():
            if isinstance(node, ast.Constant) and node.value is None:
                continue
            text = self._text(node)
            if text is not None:
                texts[part], nodes[part] = text, self._literal(node)
            elif part in ("forward", "backward", "given"):
                computed.append(part)
        return Found(self.path, n.lineno, name, texts, nodes, tuple(computed))

    def _meant(self, n: ast.expr) -> str:
        """The public name that an expression stands for, ``tensorprop.Layer`` for ``tp.Layer``; empty if it is none."""
        match n:
            case ast.Name(id):
                return self.library.get(id, "")
            case ast.Attribute(value, name):
                inner = self._meant(value)
                return f"{inner}.{name}" if inner else ""
            case _:
                return ""

    def _literal(self, n: ast.expr) -> ast.expr:
        """The literal in which a text is written."""
        while True:
            match n:
                case ast.Name(id) if id in self.constants:
                    n = self.constants[id]
                case ast.Call(args=[inner]):
                    n = inner
                case _:
                    return n

    def _text(self, n: ast.expr, depth: int = 0) -> str | None:
        """A text as far as it is written out: literals, sums of them, constants of the file, names in braces."""

        def inner(x: ast.expr) -> str | None:
            return self._text(x, depth + 1) if depth < 50 else None

        match n:
            case ast.Constant(str(text)):
                return text
            case ast.Name(id) if id in self.constants:
                return inner(self.constants[id])
            case ast.BinOp(left, ast.Add(), right):
                parts = [inner(left), inner(right)]
            case ast.JoinedStr(values):
                parts = [inner(v) for v in values]
            case ast.FormattedValue(value, -1, None):
                parts = [inner(value)]
            case ast.Call(ast.Name("dedent") | ast.Attribute(attr="dedent"), [one]):
                text = inner(one)
                return None if text is None else textwrap.dedent(text)
            case ast.Tuple(values) | ast.List(values):
                words = [inner(v) for v in values]
                return None if None in words else " ".join(w for w in words if w)
            case _:
                return None
        return None if None in parts else "".join(p for p in parts if p is not None)
