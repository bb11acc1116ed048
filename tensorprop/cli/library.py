"""The command ``layers``: the pages of the library, listed or shown.

In: a name, or none. Out: the layer's page with what its docstring tells, or a line for each.
"""

from __future__ import annotations

import json
import sys
from inspect import getdoc
from typing import TYPE_CHECKING, Any

import click

from tensorprop.cli.asked import fail, slips
from tensorprop.cli.terminal import columns, is_ascii, told, write
from tensorprop.errors import TensorpropError, UnknownName, among

if TYPE_CHECKING:
    from tensorprop.layers import Layer

__all__ = ["layers"]


def _library() -> dict[str, type[Layer]]:
    """The layers of the library by name."""
    from tensorprop import layers as room

    kinds = ((name, getattr(room, name)) for name in room.__all__)
    return {n: k for n, k in kinds if isinstance(k, type) and issubclass(k, room.Layer) and k is not room.Layer}


def _names(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return [name for name in _library() if name.lower().startswith(begun.lower())]


def _first_line(kind: type[Layer]) -> str:
    return (getdoc(kind) or "").split("\n")[0]


def _page(name: str) -> tuple[type[Layer], Layer]:
    known = {n.lower(): kind for n, kind in _library().items()}
    if name.lower() not in known:
        raise UnknownName(f"there is no layer {name}", **among(name, _library(), "layers"))
    kind = known[name.lower()]
    return kind, kind()


@click.command()
@click.argument("name", required=False, shell_complete=_names)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def layers(name: str | None, as_json: bool) -> None:
    """List the layers of the library, or show the page of one: its equations, what it is, where it comes from."""
    if name is None:
        rows = {n: _first_line(kind) for n, kind in sorted(_library().items())}
        if as_json:
            write(json.dumps({"ok": True, "layers": rows}, indent=2, ensure_ascii=is_ascii()))
            return
        wide = max(map(len, rows))
        for n, line in rows.items():
            told(
                f"{n.ljust(wide)}  {line if len(line) <= columns() - wide - 2 else line[: columns() - wide - 3] + '…'}"
            )
        return
    got: Any = slips(lambda: _page(name))
    if isinstance(got, TensorpropError):
        fail(got, as_json)
    kind, layer = got
    prose = (getdoc(kind) or "").split("\n>>>")[0].rstrip()
    if as_json:
        page = {
            "name": layer.name,
            "forward": [str(eq) for eq in layer.system],
            "rules": [str(eq) for eq in layer.rules],
        }
        page |= {"inputs": layer.inputs, "parameters": layer.parameters, "told": prose}
        write(json.dumps({"ok": True, **page}, indent=2, ensure_ascii=is_ascii()))
        sys.exit(0)
    write(layer.show(ascii=is_ascii()))
    told(f"\n{prose}")
