"""Code of entries at computed places: ``a[x+u]`` as windows laid side by side, with zeros around what is 0 outside.

In: an entry, how far its letters run, and an array library. Out: an expression and its axes, or NoCode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import lcm

from tensorprop.core.affine import form
from tensorprop.core.build import add, mul, negate, number
from tensorprop.core.expr import Call, Dim, Expr, Index, Number, Tensor
from tensorprop.render.code import identifier
from tensorprop.render.snippet import ArrayLibrary, NoCode

__all__ = ["NoCode", "length_code", "one_call", "window_code"]


def length_code(e: Expr) -> str | None:
    """A size made of the sizes of axes, as code; None of what is no whole multiple of them.

    >>> from tensorprop.core.ranges import size
    >>> from tensorprop.text import parse
    >>> length_code(size(parse("y_x = a[x+u] k_u")["y"].value, "x"))
    'a.shape[0] - k.shape[0] + 1'
    >>> length_code(size(parse("y_x = a[2x+u] k_u")["y"].value, "x"))
    '(a.shape[0] - k.shape[0]) // 2 + 1'
    """
    out = ""
    parts = sorted(form(e).items(), key=lambda at: (isinstance(at[0], Number), not isinstance(at[0], Call), at[1] < 0))
    for part, n in parts:
        match part:
            case Dim(tensor, axis):
                text = f"{identifier(tensor)}.shape[{axis}]"
            case Call("floor", (inside,)) if n > 0:
                below = lcm(*(c.denominator for c in form(inside).values()))
                above = length_code(mul(number(below), inside))
                if above is None:
                    return None
                text = f"({above}) // {below}"
            case Number():
                text = "1"
            case _:
                return None
        if n.denominator != 1:
            return None
        once = str(abs(n)) if isinstance(part, Number) else text if abs(n) == 1 else f"{abs(n)} * {text}"
        out += f" {'-' if n < 0 else '+'} {once}"
    return (out.removeprefix(" + ") if not out.startswith(" -") else out.strip().replace("- ", "-", 1)) or "0"


def window_code(t: Tensor, extents: Mapping[str, Expr], outside: bool, to: ArrayLibrary) -> tuple[str, tuple[str, ...]]:
    """The windows of an array side by side, and the letters of its axes. Errors: NoCode.

    >>> from tensorprop.render.snippet import NUMPY
    >>> from tensorprop.text import parse_expression
    >>> n, m = Dim("y", 0), Dim("k", 0)
    >>> window_code(parse_expression("a[b, x+u]", free=None), {"x": n, "u": m}, False, NUMPY)
    ('a[:, np.arange(y.shape[0])[:, None] + np.arange(k.shape[0])]', ('b', 'x', 'u'))
    >>> window_code(parse_expression("a[x-1]", free=None), {"x": Dim("a", 0)}, True, NUMPY)[0]
    'np.pad(a, (1, 0))[np.arange(a.shape[0])]'
    """
    axes: list[str] = []
    pads: list[tuple[str, str]] = []
    text = ""
    for axis, s in reversed([*enumerate(t.subscripts)]):
        if isinstance(s, Index):
            axes.insert(0, s.name)
            pads.insert(0, ("0", "0"))
            continue
        parts = form(s)
        letters = [p.name for p in parts if isinstance(p, Index)]
        if not letters or any(not isinstance(p, (Index, Dim, Number)) or c.denominator > 1 for p, c in parts.items()):
            raise NoCode(f"{t.name} has a subscript that is computed")
        if any(i not in extents for i in letters):
            raise NoCode(f"nothing tells how far {next(i for i in letters if i not in extents)} runs")
        around = ("0", "0")
        if outside:
            first, last = (_end(s, letters, extents, up) for up in (False, True))
            behind = _pad(add(last, number(1), negate(Dim(t.name, axis))), t.name)
            shorter = re.search(r"- \D", behind) is not None  # by an array that may be the longer one
            around = (_pad(negate(first), t.name), f"max(0, {behind})" if shorter else behind)
            s = add(s, negate(first)) if around[0] != "0" else s
        pads.insert(0, around)
        text += f"[{':, ' * axis}{_places(s, letters, extents, to)}]"
        axes[:0] = letters
    if len({*axes}) < len(axes):
        raise NoCode(f"a letter stands twice in {t}")
    return _padded(identifier(t.name), pads, to) + text, tuple(axes)


def _pad(e: Expr, name: str) -> str:
    """How many zeros: none where there are less than none."""
    text = length_code(e)
    if text is None:
        raise NoCode(f"nothing tells how far {name} is read outside")
    return "0" if text[:1] == "-" and text[1:].isdigit() else text


def _end(s: Expr, letters: list[str], extents: Mapping[str, Expr], up: bool) -> Expr:
    """The least, or the greatest, value of a subscript."""
    ends: list[Expr] = []
    for part, c in form(s).items():
        if isinstance(part, Index):
            part = add(extents[part.name], number(-1)) if (c > 0) == up else number(0)
        ends.append(mul(number(c), part))
    return add(*ends)


def _places(s: Expr, letters: list[str], extents: Mapping[str, Expr], to: ArrayLibrary) -> str:
    out = ""
    parts = form(s)
    for n, i in enumerate(letters):
        c, long = parts.pop(Index(i)), length_code(extents[i])
        if long is None:
            raise NoCode(f"nothing tells how far {i} runs")
        once = f"{to.call('arange')}({long})" + f"[:{', None' * (len(letters) - 1 - n)}]" * (n < len(letters) - 1)
        once = once if abs(c) == 1 else f"{abs(c)} * {once}"
        out += f" {'-' if c < 0 else '+'} {once}" if out else ("-" if c < 0 else "") + once
    rest = length_code(add(*(mul(number(c), p) for p, c in parts.items()))) if parts else None
    if parts and rest is None:
        raise NoCode("a place is not a whole number")
    return out if rest is None else f"{out} - {rest[1:]}" if rest.startswith("-") else f"{out} + {rest}"


def _padded(name: str, pads: list[tuple[str, str]], to: ArrayLibrary) -> str:
    if all(p == ("0", "0") for p in pads):
        return name
    if to.prefix == "torch":  # the last axis first
        ends = [end for pad in reversed(pads) for end in pad]
        while ends[-2:] == ["0", "0"]:
            ends = ends[:-2]
        return f"torch.nn.functional.pad({name}, ({', '.join(ends)}))"
    inner = [before if before == after and len(pads) == 1 else f"({before}, {after})" for before, after in pads]
    around = inner[0] if len(inner) == 1 else f"({', '.join(inner)})"
    return f"{to.call('pad')}({name}, {around})"


def one_call(a: Tensor, k: Tensor, extents: Mapping[str, Expr], outside: bool, to: ArrayLibrary) -> str | None:
    """``np.correlate`` or ``np.convolve`` of two vectors, if it gives as many entries."""
    if (
        len(a.subscripts) != 1
        or len(k.subscripts) != 1
        or to.prefix == "torch"
        or not isinstance(k.subscripts[0], Index)
    ):
        return None
    parts, u = form(a.subscripts[0]), k.subscripts[0].name
    others = [p.name for p in parts if isinstance(p, Index) and p.name != u]
    if len(parts) != 2 or len(others) != 1 or parts[Index(others[0])] != 1 or abs(parts.get(Index(u), 0)) != 1:
        return None
    flipped = parts[Index(u)] < 0
    long, n, m = extents.get(others[0]), Dim(a.name, 0), Dim(k.name, 0)
    full = add(n, mul(number(1 if flipped else -1), m), number(-1 if flipped else 1))
    if long is None or form(add(long, negate(full))) or flipped != outside:
        return None
    names = f"{identifier(a.name)}, {identifier(k.name)}"
    return f"{to.call('convolve')}({names})" if flipped else f'{to.call("correlate")}({names}, "valid")'
