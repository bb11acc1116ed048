"""Are these arrays of numbers, of the right shape? Asked of anything like an array, and without touching an entry.

In: a System and what the user gave for its inputs: NumPy and JAX arrays, traced values, shapes with a dtype, numbers,
nested lists. Out: shape and dtype of each, and the sizes of everything, or an error that says which input is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorprop.core.equation import System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Sum, Tensor
from tensorprop.core.plane import complex_names
from tensorprop.core.walk import postorder
from tensorprop.errors import (
    ComplexConvention,
    IntegerOverflowRisk,
    MissingInput,
    NonNumericDtype,
    RaggedInput,
    TensorpropError,
)
from tensorprop.run.extents import Extents, Key, brief, entries, extents
from tensorprop.run.sizes import length
from tensorprop.text import locate

__all__ = ["Given", "accept", "is_one_array", "look"]

_DEPTH = 32  # NumPy's own limit is 64 axes; deeper lists are a mistake, or contain themselves
_NARROW = 32  # bits; integers with fewer overflow in everyday sums


class Given(NamedTuple):
    """Shape and dtype of one input. ``weak``: a bare Python number or a list of them, which takes any dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool = False


def accept(system: System, arrays: Mapping[str, object], derivative: bool = False) -> tuple[dict[str, Given], Extents]:
    """Shape and dtype of every input, and all sizes, if the arrays fit the equations.

    Errors: RaggedInput, NonNumericDtype, IntegerOverflowRisk (a sum or product of integers narrower than 32 bits that
    may not fit them), ComplexConvention (a ``derivative`` where an input is complex), and those of `extents`.
    """
    try:
        given: dict[str, Given] = {}
        for name, value in arrays.items():
            given[name] = look(value, name)
        sizes = extents(system, {name: g.shape for name, g in given.items()})
        plane = complex_names(system)
        if plane or derivative:
            _refuse_complex(system, given, plane)
        _refuse_overflow(sizes, given)
        return given, sizes
    except TensorpropError as error:
        if isinstance(error.about, str):
            error.about = entries(system).get(error.about)
        raise locate(error, system) from None


def _deleted(value: object) -> bool:
    """Whether a JAX array has given its memory away."""
    ask: object = getattr(value, "is_deleted", None)
    try:
        return callable(ask) and ask() is True
    except Exception:  # a value that is only traced has no memory, and refuses the question
        return False


def look(value: object, name: str) -> Given:
    """Shape and dtype of one value; ``name`` is what errors call it.

    >>> look([[1, 2, 3], [4, 5, 6]], "W").shape
    (2, 3)
    """
    if isinstance(value, (bool, int, float, complex)):
        return Given((), np.dtype(type(value)), True)
    if isinstance(value, (list, tuple, range)):
        shape, leaves = _rows(value, name, 0)
        return Given(shape, _numeric(np.result_type(*leaves) if leaves else np.dtype(float), name), True)
    if isinstance(value, np.ma.MaskedArray):
        raise NonNumericDtype(
            f"{name} is a masked array, whose mask would be lost",
            fix=f"pass {name}.filled(0), and the mask as an input of its own",
            about=name,
        )
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if hasattr(value, "toarray") and not hasattr(value, "__array__"):
        raise NonNumericDtype(f"{name} is a sparse matrix", fix=f"pass {name}.toarray()", about=name)
    if _deleted(value):
        raise MissingInput(
            f"the array of {name} was deleted: a JAX function that was given it donated its memory",
            fix=f"keep a copy of {name}, or take what that function returned in its place",
            about=name,
        )
    if isinstance(shape, tuple) and dtype is not None:
        try:
            return Given(tuple(map(length, shape)), _numeric(np.dtype(dtype), name))
        except TypeError:
            pass
    if hasattr(value, "__array__"):
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            pass
        else:
            return Given(array.shape, _numeric(array.dtype, name))
    raise NonNumericDtype(
        f"{name} is a {type(value).__name__}, not an array of numbers", fix="pass an array or nested lists", about=name
    )


def _rows(value: Sequence[object], name: str, depth: int) -> tuple[tuple[int, ...], list[np.dtype[Any]]]:
    """Shape of nested lists, and the dtypes at their ends."""
    if depth > _DEPTH:
        raise NonNumericDtype(f"{name} is nested more than {_DEPTH} lists deep", about=name)
    shape: tuple[int, ...] | None = None
    dtypes: dict[np.dtype[Any], None] = {}
    for n, row in enumerate(value):
        if isinstance(row, (list, tuple, range)):
            found, leaves = _rows(row, name, depth + 1)
        elif isinstance(row, (str, bytes)) or row is None:
            raise NonNumericDtype(
                f"{name} holds {'text' if row is not None else 'None'}, not numbers: {row!r:.20}",
                fix="pass numbers",
                about=name,
            )
        else:
            one = look(row, name)
            found, leaves = one.shape, [one.dtype]
        dtypes.update(dict.fromkeys(leaves))
        if shape is None:
            shape = found
        elif shape != found:
            raise RaggedInput(
                f"{name} is a list whose rows differ: the first {_row(shape)}, number {n + 1} {_row(found)}",
                fix="pad the rows to one length, or pass an array",
                about=name,
            )
    return (len(value), *(shape or ())), list(dtypes)


def _row(shape: tuple[int, ...]) -> str:
    return f"has length {shape[0]}" if len(shape) == 1 else f"has shape {shape}" if shape else "is a number"


def _numeric(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """The dtype, if it is one of numbers; bfloat16 and its like are none to NumPy, and are told by their names."""
    known = dtype.kind in "biufc" or (
        dtype.kind == "V" and dtype.fields is None and dtype.name.startswith(("bfloat", "float", "int", "uint"))
    )
    if not known:
        kinds = {"U": "text", "S": "bytes", "O": "Python objects", "M": "dates", "m": "times"}
        what = f"which is {kinds[dtype.kind]}, " if dtype.kind in kinds else ""
        raise NonNumericDtype(f"{name} has dtype {dtype}, {what}not numbers", fix="pass numbers", about=name)
    return dtype


def _refuse_complex(system: System, given: Mapping[str, Given], plane: frozenset[str]) -> None:
    """Complex arrays of tensors that are not declared to be complex: of a page that declares some, or in a derivative,
    whose result is complex then; what is owed to something complex is another thing than to a real one."""
    lost = [name for name, g in given.items() if g.dtype.kind == "c" and name not in plane]
    if plane and lost:
        raise ComplexConvention(
            f"{lost[0]} is given complex numbers, and the page does not say that it has any",
            fix=f"add the line complex({lost[0]}), or pass real numbers",
            about=lost[0],
        )
    origin = {name: name for name in lost}
    for eq in system.ordered:
        found = next((origin[name] for name in eq.inputs if name in origin), None)
        if found is not None:
            origin[eq.name] = found
    for n, eq in enumerate(system.equations):
        if eq.name in system.outputs and eq.name in origin:
            raise ComplexConvention(
                f"{eq.name} is complex, since {origin[eq.name]} is; a gradient is defined for a real result",
                fix=f"add the line complex({origin[eq.name]}), and take the gradient of a real number such as "
                f"re({eq.name}) or abs({eq.name})",
                about=(n, eq.target),
            )


# --------------------------------------------------------------------------- narrow integers
class _Bound(NamedTuple):
    """The largest magnitude of an integer expression, and the narrow dtype that holds it (None: any)."""

    value: int
    dtype: np.dtype[Any] | None


def _refuse_overflow(sizes: Extents, given: Mapping[str, Given]) -> None:
    """Sums and products of int8, uint8, int16 … whose largest possible value does not fit."""
    narrow = {
        name: _Bound(max(-int(np.iinfo(g.dtype).min), int(np.iinfo(g.dtype).max)), g.dtype)
        for name, g in given.items()
        if g.dtype.kind in "iu" and g.dtype.itemsize * 8 < _NARROW
    }
    if not narrow:
        return
    system = sizes.system
    number = {eq: n for n, eq in enumerate(system.equations)}
    for eq in system.ordered:
        done: dict[Key, _Bound | None] = {}
        worst: tuple[Key, _Bound, np.dtype[Any]] | None = None
        for v in sizes.visits(eq):
            bound = done[v.key] = _bound(v.node, [done[k] for k in v.children], narrow, v.bound)
            if bound is None or bound.dtype is None or bound.value <= np.iinfo(bound.dtype).max:
                continue
            if isinstance(v.node, Sum) or worst is None:  # the sum says more than the product within
                outer = worst is None or worst[0] in v.children
                worst = (v.key, bound, bound.dtype) if outer and not isinstance(v.node, Tensor) else worst
        if worst is not None:
            (node, _), reach, dtype = worst
            found = [e for e in postorder(node) if isinstance(e, Tensor) and e.name in narrow]
            raise IntegerOverflowRisk(
                f"{dtype} may overflow: {brief(node)} can reach {_size(reach.value)}, "
                f"and {dtype} ends at {np.iinfo(dtype).max}",
                fix=f"cast {' and '.join(dict.fromkeys(e.name for e in found))} to int32 or float first",
                about=(number[eq], found[0]),
            )
        whole = next(reversed(done.values()))
        if whole is not None and whole.dtype is not None:
            narrow[eq.name] = whole


def _size(n: int) -> str:
    return f"{n:,}" if n < 10**12 else f"{float(n):.1e}" if n < 10**300 else "more than 10^300"


def _bound(
    e: Expr, parts: list[_Bound | None], narrow: Mapping[str, _Bound], bound: Mapping[str, int]
) -> _Bound | None:
    """The bound of an expression of narrow integers only; None as soon as anything wider takes part."""
    match e:
        case Tensor():
            return narrow.get(e.name)
        case Number():
            return _Bound(abs(int(e.value)), None) if e.value.denominator == 1 else None
        case Bracket() | Index() | Dim():
            return _Bound(1, None) if isinstance(e, Bracket) else None
        case _ if any(p is None for p in parts):
            return None
    known = [p for p in parts if p is not None]
    dtypes = [p.dtype for p in known if p.dtype is not None]
    dtype = np.result_type(*dtypes) if dtypes else None
    if dtype is not None and dtype.itemsize * 8 >= _NARROW:
        return None
    match e:
        case Add():
            return _Bound(sum(p.value for p in known), dtype)
        case Mul():
            value = 1
            for p in known:
                value = min(value * p.value, 10**400)
            return _Bound(value, dtype)
        case Sum():
            value = known[0].value
            for n in bound.values():
                value *= n
            return _Bound(min(value, 10**400), dtype)
        case Call(function="power", args=(_, Number(value=n))) if n.denominator == 1 and n > 0:
            return _Bound(min(known[0].value ** int(n), 10**400), known[0].dtype)
        case _:
            return None


_ONE_ARRAY: dict[type, bool] = {list: True, tuple: True}


def is_one_array(value: object) -> bool:
    """Whether a value is an array, or lists that are made into one, rather than a tree that holds arrays."""
    kind = type(value)
    if kind not in _ONE_ARRAY:
        from tensorprop.run.jax_trees import is_tree

        _ONE_ARRAY[kind] = not is_tree(value)
    return _ONE_ARRAY[kind]
