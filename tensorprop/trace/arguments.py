"""Names for the arguments and the results of a function, read off its parameters and the keys of trees.

In: paths of leaves in trees of arguments. Out: names that the notation takes, each once. No array is looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorprop.core.names import labelled, stem_and_label
from tensorprop.errors import UsageError
from tensorprop.trace.readable import valid_name

__all__ = ["Names", "named_arguments", "spelled"]

Names = str | Sequence[str] | Mapping[str, str] | None
Leaf = tuple[tuple[Any, ...], Any]
"""A path in a tree, and the number of axes of what is there."""


def named_arguments(
    names: Names, fn: Callable[..., Any], leaves: Sequence[Leaf], outs: Sequence[tuple[Any, ...]]
) -> tuple[list[str], list[str], Mapping[str, str]]:
    """The names of the inputs and outputs, and what is to be called otherwise in the end."""
    called = _input_names(fn, leaves)
    result = _output_names(outs, called)
    if names is None:
        return called, result, {}
    if isinstance(names, Mapping):
        _check(names.values())
        called = [names.get(n, n) for n in called]
        return called, [names.get(n, n) for n in _output_names(outs, called)], names
    if isinstance(names, str):
        left, arrow, right = names.replace("→", "->").partition("->")
        given, wanted = left.replace(",", " ").split(), right.replace(",", " ").split()
    else:
        given, wanted, arrow = list(names), [], ""
    for here, there, what in ((given, called, "inputs"), (wanted, outs, "outputs")):
        if (here or what == "inputs" or arrow) and len(here) != len(there):
            raise UsageError(
                f"{len(here)} names for {len(there)} {what}",
                known=f"{what}: {', '.join(called if what == 'inputs' else result) or 'none'}",
                fix='name all of them, "x W -> y", or some: {"x": "a"}',
            )
    _check((*given, *wanted))
    both = [*given, *wanted]
    if len(set(both)) < len(both):
        raise UsageError("names calls two things the same", known=f"names: {', '.join(both)}")
    return given, wanted or _output_names(outs, given), {}


def _check(names: Any) -> None:
    for n in names:
        if not valid_name(n):
            raise UsageError(f"{n} is no name of a tensor", fix="a letter, then letters and digits: W, x0, W^(1)")


def _input_names(fn: Callable[..., Any], leaves: Sequence[Leaf]) -> list[str]:
    """Parameters' names and dicts' keys; what stands in several places bears a label: ``W^(1)``."""
    try:
        params = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        params = []
    plain = [p.name for p in params if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p.name for p in params if p.kind is p.VAR_POSITIONAL]
    stems: list[tuple[str, tuple[str, ...]]] = []
    for path, rank in leaves:
        k = path[0].idx
        keys = [_key(p) for p in path[1:]]
        if k < len(plain):
            keys.insert(0, plain[k])
        else:
            keys[:0] = [rest[0] if rest else "x", str(k - len(plain))]
        words = [n for n, key in enumerate(keys) if not key.isdigit()]
        where = words[-1]
        stem, label = keys[where], (*keys[:where], *keys[where + 1 :])
        if where == 0 and len(keys) > 2:  # a list of pairs (W, b)
            stem, label = ("W", "b")[rank < 2], tuple(keys[1:-1])
        elif where == 0:
            label = tuple(keys[1:])
        else:
            label = tuple(label[1:])  # the parameter's own name says nothing
        stems.append((_word(stem), tuple(_word(w) if not w.isdigit() else w for w in label)))
    out: list[str] = []
    for stem, label in stems:
        alone = sum(s == stem for s, _ in stems) == 1
        name = stem if alone or not label else labelled(stem, ",".join(label))
        out.append(_free(name, out))
    return out


def _output_names(outs: Sequence[tuple[Any, ...]], called: Sequence[str]) -> list[str]:
    """y, or y1, y2 …, or the keys of the dict that is returned."""
    out: list[str] = []
    for n, path in enumerate(outs):
        words = [_key(p) for p in path if not _key(p).isdigit()]
        name = _word(words[-1]) if words else "y" if len(outs) == 1 else f"y{n + 1}"
        if name in called and not words and len(outs) == 1:
            name = next(n for n in ("E", "out", "result") if n not in called)
        out.append(_free(name, [*called, *out]))
    return out


def _key(p: Any) -> str:
    """The key of a step into a tree, whatever kind of step it is."""
    for name in ("idx", "key", "name"):
        if hasattr(p, name):
            return str(getattr(p, name))
    return str(p)


def _word(key: str) -> str:
    """``w_in`` → ``wIn``: a name of the notation as near to the key as can be."""
    first, *others = [w for w in "".join(c if c.isalnum() and c.isascii() else " " for c in key).split()] or ["x"]
    name = first + "".join(w[0].upper() + w[1:] for w in others)
    name = name if name[0].isalpha() else f"x{name}"
    return name if valid_name(name) else f"{name}1"


def _free(name: str, taken: Sequence[str]) -> str:
    stem, label = stem_and_label(name)
    n = 2
    while name in taken:
        name, n = labelled(f"{stem}{n}", label) if label else f"{stem}{n}", n + 1
    return name


def spelled(path: Sequence[Any]) -> str:
    """``x[W]``: where in the arguments a leaf is."""
    return "".join(f"[{_key(p)}]" if n else _key(p) for n, p in enumerate(path))
