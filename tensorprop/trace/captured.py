"""Arrays that a function holds: which they are, and the same function with others in their place.

In: a Python function. Out: the arrays that it reaches through what it closes over, its globals and its defaults, also
through functions that it calls and attributes of objects; and a copy of it that reaches others. The function itself is
left as it is. Nothing is called, and no library's inside is looked at but for the functions that it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = ["captured", "with_arrays"]

_LIBRARIES = frozenset(("jax", "jaxlib", "numpy", "scipy", "tensorprop", "functools"))
_COMPILED = "PjitFunction"  # the class of what jax.jit gives
_DEEP = 16


def captured(fn: Callable[..., Any]) -> list[Any]:
    """The arrays with axes that a function holds, each once.

    >>> import numpy as np
    >>> W = np.ones((2, 3))
    >>> [a.shape for a in captured((lambda W: lambda x: x @ W)(W))]
    [(2, 3)]
    """
    found: dict[int, Any] = {}

    def keep(a: Any) -> Any:
        found[id(a)] = a
        return a

    _Copy(keep).of(fn)
    return list(found.values())


def with_arrays(
    fn: Callable[..., Any], put: Mapping[int, Any], again: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """The function with other arrays in the place of those that it holds, told by ``id``.

    ``again``: what wraps a function that is wrapped, as a compiler does, once more.

    >>> import numpy as np
    >>> W = np.ones((2, 3))
    >>> f = (lambda W: lambda x: x @ W)(W)
    >>> with_arrays(f, {id(W): np.zeros((4, 5))})(np.ones((1, 4))).shape, f(np.ones((1, 2))).shape
    ((1, 5), (1, 3))
    """
    return _Copy(lambda a: put.get(id(a), a), again).of(fn)


class _Copy:
    """Values in which ``change`` was done to every array; what holds none is the same object."""

    def __init__(self, change: Callable[[Any], Any], again: Callable[..., Any] | None = None) -> None:
        self.change, self.again = change, again
        self.done: dict[int, Any] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        if depth > _DEEP:
            return value
        if id(value) not in self.done:
            self.done[id(value)] = value  # of a function that calls itself
            self.done[id(value)] = self._made(value, depth + 1)
        return self.done[id(value)]

    def _made(self, value: Any, depth: int) -> Any:
        if _is_array(value):
            return self.change(value)
        kind: Any = type(value)
        if kind is dict:
            new = {k: self.of(v, depth) for k, v in value.items()}
            return new if any(new[k] is not v for k, v in value.items()) else value
        if kind in (list, tuple) or (isinstance(value, tuple) and hasattr(kind, "_fields")):
            items = [self.of(v, depth) for v in value]
            if all(a is b for a, b in zip(items, value, strict=True)):
                return value
            return kind(*items) if hasattr(kind, "_fields") else kind(items)
        if isinstance(value, partial):
            parts = value.func, value.args, value.keywords
            new = tuple(self.of(p, depth) for p in parts)
            same = all(a is b for a, b in zip(new, parts, strict=True))
            return value if same else partial(new[0], *new[1], **new[2])
        if isinstance(value, MethodType):
            f, own = self.of(value.__func__, depth), self.of(value.__self__, depth)
            return value if f is value.__func__ and own is value.__self__ else MethodType(f, own)
        if isinstance(value, FunctionType):
            return self._function(value, depth)
        if kind.__name__ != _COMPILED:
            return self._object(value, depth) if _holds(value) else value
        inner = getattr(value, "__wrapped__", None)
        f = self.of(inner, depth) if isinstance(inner, FunctionType) else inner
        return value if f is inner or self.again is None else self.again(f)

    def _object(self, value: Any, depth: int) -> Any:
        """An object with other arrays among its attributes: a copy, or the object itself where there are none.

        One with whole numbers too is left alone: they may be the sizes of its arrays, and would not follow them.
        """
        held = _attributes(value)
        if any(map(_whole, held.values())):
            return value
        new = {k: self.of(v, depth) for k, v in held.items()}
        if all(new[k] is v for k, v in held.items()):
            return value
        other = copy(value)
        for k, v in new.items():
            if v is not held[k]:
                object.__setattr__(other, k, v)
        return other

    def _function(self, f: FunctionType, depth: int) -> Any:
        cells = tuple(_filled(c, self.of(c.cell_contents, depth)) if _full(c) else c for c in f.__closure__ or ())
        theirs = (f.__module__ or "").partition(".")[0] in _LIBRARIES
        names = [] if theirs else [n for n in dict.fromkeys(_names(f.__code__)) if n in f.__globals__]
        world = {n: self.of(f.__globals__[n], depth) for n in names}
        given = f.__defaults__, f.__kwdefaults__
        defaults = tuple(self.of(d, depth) for d in given)
        moved = {n: v for n, v in world.items() if v is not f.__globals__[n]}
        pairs = zip((*cells, *defaults), (*(f.__closure__ or ()), *given), strict=True)
        if not moved and all(a is b for a, b in pairs):
            return f
        g = FunctionType(
            f.__code__, {**f.__globals__, **moved} if moved else f.__globals__, f.__name__, defaults[0], cells
        )
        g.__kwdefaults__ = defaults[1]
        g.__dict__.update(f.__dict__)
        return g


def _is_array(value: Any) -> bool:
    """Whether a value is an array of numbers, with axes."""
    if not (hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__")):
        return False
    shape = value.shape
    return isinstance(shape, tuple) and len(shape) > 0 and not isinstance(value, type)


def _holds(value: Any) -> bool:
    """Whether a value is an object of somebody's own class, with attributes."""
    kind: Any = type(value)
    own = isinstance(getattr(value, "__dict__", None), dict) or bool(_slots(kind))
    return own and not isinstance(value, (type, ModuleType)) and kind.__module__.partition(".")[0] not in _LIBRARIES


def _slots(kind: type) -> list[str]:
    """The names of ``__slots__`` of a class and those that it is made of."""
    found: list[str] = []
    for c in kind.__mro__:
        names = vars(c).get("__slots__", ())
        found += [names] if isinstance(names, str) else [n for n in names if isinstance(n, str)]
    return found


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object: its own, those in slots, and arrays and numbers of its class that may be its own."""
    own: Mapping[str, Any] = getattr(value, "__dict__", {})
    slots = {n: getattr(value, n) for n in _slots(type(value)) if not n.startswith("__") and hasattr(value, n)}
    shared: dict[str, Any] = {}
    for c in type(value).__mro__ if hasattr(value, "__dict__") else ():
        if c.__module__.partition(".")[0] not in _LIBRARIES:
            found = vars(c).items()
            shared |= {k: v for k, v in found if k not in shared and k[:2] != "__" and (_is_array(v) or _whole(v))}
    return {**shared, **slots, **own}


def _whole(value: Any) -> bool:
    """Whether a value is a whole number that may be a size, or holds one."""
    if isinstance(value, (tuple, list)):
        return any(isinstance(v, int) and v > 1 for v in value)
    return isinstance(value, int) and value > 1


def _full(cell: CellType) -> bool:
    try:
        return hasattr(cell, "cell_contents")
    except ValueError:  # it is empty while its function is being made
        return False


def _filled(cell: CellType, value: Any) -> CellType:
    return cell if value is cell.cell_contents else CellType(value)


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function looks up, and those that functions inside it do."""
    yield from code.co_names
    for c in code.co_consts:
        if isinstance(c, CodeType):
            yield from _names(c)
