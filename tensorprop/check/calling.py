"""How a function of arrays is called with the inputs of equations, and which options may be given.

In: a function, equations, what the user said. Out: a function of arrays in the order of the inputs, giving a tuple in
the order of the outputs. Errors: UsageError where parameters or results do not fit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from tensorprop.calculus import adjoint
from tensorprop.calculus.source import names_in
from tensorprop.core.equation import System
from tensorprop.core.expr import Call
from tensorprop.core.functions import is_known
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import primal
from tensorprop.core.walk import postorder
from tensorprop.errors import OpenFunction, UnknownName, UsageError, among
from tensorprop.text import locate
from tensorprop.trace.probe import dtype_of, is_real

__all__ = ["Function", "bound", "closed", "names_given", "outputs_of", "real_dtype", "seeds_in", "variables"]

Function = Callable[..., Any]


# --------------------------------------------------------------------------- options
def closed(s: System) -> None:
    """Every function is known: one that is left open is whatever it is called with, and nothing can be compared."""
    for n, eq in enumerate(s.equations):
        for e in postorder(eq.value):
            if isinstance(e, Call) and not is_known(e.function):
                problem = f"{e.function} is open: nothing says which function it is"
                raise locate(OpenFunction(problem, fix="write a known one in its place, such as tanh", about=(n, e)), s)


def real_dtype(x: Any) -> np.dtype[Any]:
    try:
        found = dtype_of(x)
    except TypeError:
        found = None
    if found is None or not is_real(found):
        raise UsageError(
            f"dtype is one of real numbers, not {x!r:.40}", fix='write dtype="float64", "float32" or "bfloat16"'
        )
    return found


def seeds_in(x: Any) -> tuple[int, ...]:
    found = tuple(cast("Iterable[Any]", x)) if isinstance(x, Iterable) else (x,)
    if not found or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in found):
        raise UsageError(f"seeds are whole numbers from 0, not {x!r:.40}", fix="write seeds=(0, 1, 2)")
    return tuple(map(int, found))


def names_given(option: str, x: Any) -> tuple[str, ...] | None:
    if x is None or isinstance(x, str):
        return None if x is None else names_in(x)
    found = tuple(cast("Iterable[Any]", x)) if isinstance(x, Iterable) else (x,)
    for name in found:
        if not isinstance(name, str):
            raise UsageError(
                f"{option} names inputs; {name!r:.40} is no name", fix=f'write {option}="a b" or {option}=("a", "b")'
            )
    return found


# --------------------------------------------------------------------------- how the function is called
def variables(s: System, wrt: tuple[str, ...] | None) -> tuple[str, ...]:
    smooth = [primal(eq.name) for eq in adjoint(s)]
    labels = whole_numbers(s)
    known = tuple(n for n in s.inputs if n in smooth and n not in labels)
    for name in wrt or ():
        if name not in known:
            raise UnknownName(
                f"no input {name} that the equations are smooth in",
                **among(name, known, "smooth inputs"),
            )
    return known if wrt is None else wrt


def bound(fn: Function, s: System, args: tuple[str, ...] | None) -> Callable[..., tuple[Any, ...]]:
    """The function of arrays in the order of ``s.inputs``, giving a tuple in the order of ``s.outputs``."""
    if not callable(fn):
        raise UsageError(f"a {type(fn).__name__} cannot be called", fix="pass a function of arrays")
    names = s.inputs
    if args is not None:
        if sorted(args) != sorted(names):
            raise UsageError(
                f"args names {' '.join(args)}, but the inputs are {' '.join(names)}",
                fix="name each input once, in order",
            )
        order = [names.index(n) for n in args]
        return lambda *arrays: outputs_of(fn(*(arrays[k] for k in order)), s)
    if _by_name(fn, names):
        return lambda *arrays: outputs_of(fn(**dict(zip(names, arrays, strict=True))), s)
    return lambda *arrays: outputs_of(fn(*arrays), s)


def _by_name(fn: Function, names: tuple[str, ...]) -> bool:
    """Whether the inputs are passed by name; by place otherwise, if that leaves no doubt."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return False
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    called = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if (anything or called.issuperset(names)) and set(needed) <= set(names):
        return True
    many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    enough = sum(p.default is p.empty for p in plain) <= len(names) and (many or len(names) <= len(plain))
    only = any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters)
    crossed = [p.name for k, p in enumerate(plain) if p.name in names and names.index(p.name) != k]
    if enough and not only and not crossed:
        return False
    told = ", ".join(p.name for p in parameters)
    raise UsageError(
        f"{' and '.join(crossed)} would be taken for another input"
        if crossed
        else "the parameters do not fit the inputs",
        known=f"parameters: {told or 'none'}\ninputs: {', '.join(names)}",
        fix=f'name the inputs in the order of the parameters: args="{" ".join(names)}"; '
        f"or pass lambda {', '.join(names)}: …",
    )


def outputs_of(out: Any, s: System) -> tuple[Any, ...]:
    """What the function gave, as a tuple in the order of the outputs."""
    names = s.outputs
    fields = getattr(out, "_fields", ())  # of a named tuple
    if isinstance(out, Mapping) or (fields and set(names) <= set(fields)):
        by_name = cast("Mapping[str, Any]", out if isinstance(out, Mapping) else out._asdict())
        missing = [n for n in names if n not in by_name]
        if missing:
            raise UsageError(
                f"the function gives no {', '.join(missing)}",
                known=f"it gives {', '.join(map(str, by_name)) or 'nothing'}",
            )
        given = tuple(by_name[n] for n in names)
    else:
        given = tuple(cast("Iterable[Any]", out)) if isinstance(out, (tuple, list)) else (out,)
    if len(given) != len(names):
        raise UsageError(
            f"the function gives {len(given)} {'array' if len(given) == 1 else 'arrays'}, "
            f"the equations have {len(names)} {'output' if len(names) == 1 else 'outputs'}: {', '.join(names)}",
            fix="return a tuple in this order, or a dict by name",
        )
    for name, y in zip(names, given, strict=True):
        dtype = getattr(y, "dtype", None)
        if y is None or isinstance(y, (str, bytes, complex, Mapping)) or (dtype is not None and dtype.kind in "cOUSMm"):
            raise UsageError(
                f"what the function gives for {name} is "
                + (f"of dtype {dtype}" if dtype is not None else f"a {type(y).__name__}")
                + ", not an array of real numbers",
                fix="return arrays, and nothing besides: wrap the function in a lambda that picks them",
            )
    return given
