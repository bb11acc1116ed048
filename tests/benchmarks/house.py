"""The house in figures: ``python -m tests.benchmarks.house`` prints the tables of docs/architecture.md.

Lines and files of each room; and the walk of each verb, called once on a small page after a warm-up on the same with
other names: every function of
the package that is called for the first time is a step, and a step into another file than the one before is a stay.
Returns are stays in files that were left before.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import tensorprop as tp

PACKAGE = Path(tp.__file__).parent
PAGE = "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj)"
LOSS = "z_bj = a_bi W_ij + b_j; E = z_bj z_bj"
RULES = "z_bj = a_bi W_ij + b_j\nδW_ij = a_bi δz_bj\nδb_j = Σ_b δz_bj\nδa_bi = W_ij δz_bj"
VERBS: dict[str, Callable[[Callable[[str], str]], Any]] = {  # each is handed its text by a function that may rename
    "parse": lambda named: tp.parse(named(PAGE)),
    "compile": lambda named: tp.compile(named(PAGE)),
    "adjoint": lambda named: tp.adjoint(named(LOSS)),
    "formula": lambda named: str(tp.formula(named(PAGE))),
    "check": lambda named: str(tp.check(named(RULES))),
    "plan": lambda named: str(tp.plan(named(PAGE), {"b": 3, "i": 4, "j": 2})),
    "explain": lambda named: str(tp.explain(named(PAGE))),
}


def rooms() -> dict[str, tuple[int, int]]:
    """Lines and files of every room; files beside the rooms are one room."""
    lines, files = Counter[str](), Counter[str]()
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).parts
        room = inside[0] if len(inside) > 1 else "(beside the rooms)"
        lines[room] += path.read_text(encoding="utf-8").count("\n")
        files[room] += 1
    return {room: (lines[room], files[room]) for room in sorted(lines)}


def walk(verb: Callable[[], Any]) -> tuple[int, int, int]:
    """Stays, files and returns of one call."""
    met: set[Any] = set()
    stays: list[str] = []

    def step(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code in met or code.co_name == "<module>":
            return
        if not code.co_filename.startswith(str(PACKAGE)):
            return
        met.add(code)
        if not stays or stays[-1] != code.co_filename:
            stays.append(code.co_filename)

    sys.setprofile(step)
    try:
        verb()
    finally:
        sys.setprofile(None)
    return len(stays), len(set(stays)), len(stays) - len(set(stays))


def main() -> None:
    found = rooms()
    print("| room | lines | files |\n|---|---|---|")
    for room, (lines, files) in found.items():
        print(f"| `{room}` | {lines} | {files} |")
    print(f"| the package | {sum(n for n, _ in found.values())} | {sum(n for _, n in found.values())} |\n")
    print("| verb | stays, files, returns |\n|---|---|")
    for name, verb in VERBS.items():
        verb(lambda text: text.replace("W", "V").replace("a_", "x_"))
        stays = walk(lambda verb=verb: verb(str))
        print(f"| `{name}` | {', '.join(map(str, stays))} |")


if __name__ == "__main__":
    main()
