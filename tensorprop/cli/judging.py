"""The command ``check``: rules of equations, or of all layers that stand in Python files.

In: equations, or the name of a module, a file or a folder. Out: a report, or a line for everything that is wrong, as
linters write it; the exit code is 1 where something is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tensorprop.cli.asked import Answer, equations_or, fail, slips
from tensorprop.cli.terminal import is_ascii, progress, told, write
from tensorprop.errors import TensorpropError

__all__ = ["check"]


def _is_source(word: str) -> bool:
    """Whether a word names Python code: a file of it, a folder, or what could be imported."""
    if word.endswith(".py") or Path(word).is_dir():
        return True
    return not Path(word).is_file() and all(part.isidentifier() for part in word.split("."))


def _linted(words: Sequence[str], as_json: bool) -> bool | None:
    return _lint(words, as_json) if all(map(_is_source, words)) else None


@click.command()
@equations_or(_linted)
def check(text: str, convention: str) -> Answer:
    """Hold backward rules (equations for a δ) against the derived ones and against JAX.

    Without any, the derived rules are compared with JAX. In place of equations the names of modules, Python files and
    folders: all layers that stand there are checked, as a linter does, and nothing of them is run. The exit code is 1
    where a rule is wrong.
    """
    from tensorprop.check.verbs import check as verify
    from tensorprop.layers import as_layer

    report = verify(as_layer(text, convention=convention))
    wrong = [f"{v.rule}: {v.words}" for v in report.verdicts if v.finding is not None]
    line = "; ".join(wrong) or f"{_count(len(report.verdicts), 'rule')}, {'proved' if report.proved else 'right'}"
    return Answer(report.show(ascii=is_ascii()), report.as_dict, line=line, ok=report.ok)


def _lint(targets: Sequence[str], as_json: bool) -> bool:
    """Check the layers that stand in files; whether nothing is wrong."""
    from tensorprop.check.linted import Complaint, Found, found, sources

    try:
        files = [path for target in targets for path in sources(target)]
    except TensorpropError as error:
        fail(error, as_json)
    remarks: list[Complaint] = []
    layers: list[Found] = []
    rules = proved = 0
    with progress("reading …") as words:
        for path in files:
            if isinstance(here := slips(lambda path=path: found(path)), TensorpropError):
                remarks.append(Complaint(str(path), 1, here.problem))
            else:
                layers += here
        for n, one in enumerate(layers, 1):
            words[0] = f"{n} of {len(layers)}: {one.name}"
            judged = slips(one.judged)
            if isinstance(judged, TensorpropError):
                remarks.append(Complaint(one.path, one.line, f"{one.name}: {judged}"))
                continue
            report, more = judged
            remarks += more
            if report is not None:
                rules += len(report.verdicts)
                proved += sum(v.written and v.proved and v.finding is None for v in report.verdicts)
    wrong = sum(r.kind == "error" for r in remarks)
    if as_json:
        data = [{"path": r.path, "line": r.line, "kind": r.kind, "message": r.words} for r in remarks]
        write(json.dumps({"ok": not wrong, "layers": len(layers), "rules": rules, "remarks": data}, indent=2))
        return not wrong
    for r in remarks:
        told(str(r))
    total = (
        f"{_count(len(layers), 'layer')} in {_count(len(files), 'file')}, {_count(rules, 'rule')}, {proved} proved; "
    )
    told(total + (f"{_count(wrong, 'thing')} wrong." if wrong else "nothing wrong."))
    return not wrong


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
