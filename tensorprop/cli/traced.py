"""The command ``from-jax``: somebody's JAX function, read as equations.

In: ``module:function`` or ``file.py:function``, and the shapes of its arguments. Out: the equations. The module is
imported, as Python does it; nothing else of it is run but the function itself, which JAX traces.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from tensorprop.cli.asked import argument, fail, slips
from tensorprop.cli.terminal import is_ascii, progress, write
from tensorprop.errors import TensorpropError, UsageError

__all__ = ["from_jax"]

_SHAPE = re.compile(r"(?:(?P<name>[^\W\d][\w.]*)=)?\(?(?P<sizes>\d+(?:[,x]\d+)*,?|)\)?(?::(?P<dtype>\w+))?")


def _module(name: str) -> ModuleType:
    if name.endswith(".py"):
        spec = spec_from_file_location(Path(name).stem, name)
        if spec is None or spec.loader is None or not Path(name).is_file():
            raise UsageError(f"there is no file {name}")
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    sys.path.insert(0, "")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{name} cannot be imported: {error}", fix="write module:function or file.py:function"
        ) from None


def _function(target: str) -> Callable[..., Any]:
    """What ``module:function`` names; ``module:object.method`` too."""
    name, colon, path = target.rpartition(":")
    if not colon:
        raise UsageError(f"{target} names no function", fix="write module:function or file.py:function")
    found: Any = _module(name)
    for part in path.split("."):
        if not hasattr(found, part):
            known = [n for n in vars(found) if not n.startswith("_") and callable(getattr(found, n, None))]
            raise UsageError(f"{name} has no {part}", known=f"functions: {', '.join(known) or 'none'}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{target} is no function")
    return found


def _arguments(shapes: Sequence[str], fn: Callable[..., Any]) -> list[Any]:
    """``x=5,3 p.W=3,4 p.b=4:int32``, or shapes alone in the order of the parameters; dots are keys of dicts."""
    from tensorprop.trace.probe import placeholder

    params = [p.name for p in inspect.signature(fn).parameters.values()]
    found: dict[str, Any] = {}
    for n, word in enumerate(" ".join(shapes).split()):
        m = _SHAPE.fullmatch(word)
        if m is None:
            raise UsageError(f"{word} is no shape", fix="write 5,3 or x=5,3, a scalar as (), another dtype as 5:int32")
        name = m["name"] or (params[n] if n < len(params) else f"argument {n + 1}")
        first, *keys = name.split(".")
        if first not in params:
            raise UsageError(f"the function has no parameter {first}", known=f"parameters: {', '.join(params)}")
        sizes = tuple(int(size) for size in re.findall(r"\d+", m["sizes"]))
        try:
            leaf: Any = placeholder(sizes, m["dtype"] or "float32")
        except TypeError:
            raise UsageError(f"{m['dtype']} is no dtype", fix="write float32, int32 or bool") from None
        for key in reversed(keys):
            leaf = {key: leaf}
        found[first] = _merged(found[first], leaf) if first in found else leaf
    out: list[Any] = []
    for p in params:
        if p in found:
            out.append(found.pop(p))
        elif found:
            raise UsageError(f"the shape of {p} is not told", fix=f"--shapes {p}=5,3")
    return out


def _merged(one: Any, other: Any) -> Any:
    """Two dicts as one, key by key."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        raise UsageError("one argument is given two shapes")
    return one | {key: _merged(one[key], leaf) if key in one else leaf for key, leaf in other.items()}


@contextmanager
def _theirs(problem: str) -> Iterator[None]:
    """An error in somebody's code is told as one of theirs."""
    try:
        yield
    except TensorpropError:
        raise
    except Exception as error:
        told = str(error).strip().split("\n")
        raise UsageError(problem, known=f"{type(error).__name__}: {told[0]}") from None


@click.command("from-jax")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option(
    "--shapes", multiple=True, metavar="SHAPES", help='Of the arguments: "5,3 3,4" or "x=5,3 p.W=3,4"; may be repeated.'
)
@click.option("--names", metavar="NAMES", help='What inputs and result are called, such as "x W -> z".')
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def from_jax(function: str, shapes: Sequence[str], names: str | None, as_json: bool) -> None:
    """Read a JAX function as index equations; its module is imported, and the function traced.

    A shape is sizes with commas, a scalar (), with the dtype behind a colon where it is not float32 (n=8:int32).
    Without names they are those of the parameters, in order; dots are keys of dicts.
    """
    notes: list[str] = []

    def work() -> Any:
        from tensorprop.trace.jax_read import from_jax as read

        with _theirs(f"{function} cannot be imported"):
            fn = _function(argument(function))
        given = _arguments(shapes, fn)
        with warnings.catch_warnings(record=True) as caught, _theirs(f"{function} cannot be traced at these shapes"):
            warnings.simplefilter("always", UserWarning)
            s = read(fn, *given, names=names)
        notes.extend(str(w.message) for w in caught if str(w.message).startswith("from_jax:"))
        return s

    with progress(f"reading {function} …"):
        s = slips(work)
    if isinstance(s, TensorpropError):
        fail(s, as_json)
    if as_json:
        data = {"equations": [str(eq) for eq in s], "inputs": s.inputs, "outputs": s.outputs, "notes": notes}
        write(json.dumps({"ok": True, **data}, indent=2))
        return
    from tensorprop.text import show

    write(show(s, ascii=is_ascii()))
    for note in notes:
        write(note, err=True)
