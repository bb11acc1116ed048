"""What an expression is: ten kinds of frozen, interned nodes.

An expression is a scalar for each assignment of its free indices. There is one object per distinct node, so
equality is identity and hashing is free. A node knows its fields, its children, its free indices and the
letters that it binds; it knows nothing of text, derivatives, sizes or arrays.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

__all__ = [
    "Add",
    "Bracket",
    "Call",
    "Dim",
    "Expr",
    "Index",
    "Mul",
    "Number",
    "Reduce",
    "Sum",
    "Tensor",
]

_NONE: frozenset[str] = frozenset()
_put = object.__setattr__


class _Ref(weakref.ref["Interned"]):
    __slots__ = ("key",)
    key: tuple[Any, ...]


_table: dict[tuple[Any, ...], _Ref] = {}
_lock = threading.RLock()


def _forget(ref: weakref.ref[Interned]) -> None:
    assert isinstance(ref, _Ref)
    if _table.get(ref.key) is ref:
        del _table[ref.key]


class Interned:
    """One object per distinct tuple of fields."""

    __slots__ = ("__weakref__",)
    _fields: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *fields: Any) -> Self:
        key = (cls, *fields)
        ref = _table.get(key)
        if ref is not None:
            node = ref()
            if node is not None:
                return node  # pyright: ignore[reportReturnType]
        if len(fields) != len(cls._fields):
            raise TypeError(f"{cls.__name__} takes {len(cls._fields)} fields: {', '.join(cls._fields)}")
        with _lock:
            ref = _table.get(key)
            node = ref() if ref is not None else None
            if node is None:
                node = object.__new__(cls)
                for name, value in zip(cls._fields, fields, strict=True):
                    _put(node, name, value)
                node._made()
                ref = _Ref(node, _forget)
                ref.key = key
                _table[key] = ref
        return node  # pyright: ignore[reportReturnType]

    def _made(self) -> None:
        """Called once, when the object is new."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __str__(self) -> str:
        return repr(self) if _printer is None else _printer(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(getattr(self, f)) for f in self._fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), tuple(getattr(self, f) for f in self._fields))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


_printer: Callable[[Any], str] | None = None


def set_printer(show: Callable[[Any], str]) -> None:
    """Let ``str()`` of every node be ``show(node)``; called once, by the package that prints."""
    global _printer
    _printer = show


T = TypeVar("T", bound=Interned)


@dataclass_transform(frozen_default=True, eq_default=False)
def node(cls: type[T]) -> type[T]:
    """Make a class of annotations into an interned node with slots."""
    space = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
    fields = tuple(k for k, v in cls.__annotations__.items() if not str(v).startswith("ClassVar"))
    space["__slots__"] = fields
    space["_fields"] = fields
    space["__match_args__"] = fields
    return type(cls)(cls.__name__, cls.__bases__, space)


class Expr(Interned):
    """Any expression. ``free``: indices that it depends on. ``binds``: letters bound somewhere inside.

    ``below`` and ``names`` are there once they were asked for (`walk.postorder`, `order.names_in`).
    """

    __slots__ = ("below", "binds", "free", "names")
    free: frozenset[str]
    binds: frozenset[str]
    below: tuple[Expr, ...]
    names: Mapping[str, None]

    @property
    def children(self) -> tuple[Expr, ...]:
        """The expressions right below this one, in reading order."""
        return ()

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """The same node over other children, as it stands: nothing is simplified."""
        return self

    def _made(self) -> None:
        free, binds = _NONE, _NONE
        for c in self.children:
            if (more := c.free) and more is not free:
                free = free | more if free else more
            if (more := c.binds) and more is not binds:
                binds = binds | more if binds else more
        _set(self, free, binds)


def _set(e: Expr, free: frozenset[str], binds: frozenset[str]) -> None:
    _put(e, "free", free)
    _put(e, "binds", binds)


@node
class Number(Expr):
    """An exact number: 3, 1/2."""

    value: Fraction

    def _made(self) -> None:
        object.__setattr__(self, "value", Fraction(self.value))
        _set(self, _NONE, _NONE)


@node
class Index(Expr):
    """The value of an index, 0, 1, 2 …, as it stands in a subscript or a bracket."""

    name: str

    def _made(self) -> None:
        _set(self, frozenset((self.name,)), _NONE)


@node
class Dim(Expr):
    """The size of an axis of a tensor (counted from 0). ``dim(i)`` is read as an axis that i runs over."""

    tensor: str
    axis: int

    def _made(self) -> None:
        _set(self, _NONE, _NONE)


@node
class Tensor(Expr):
    """``W_ij``: one entry of the tensor W. A subscript is an Index, a Number, an affine form or an integer Tensor."""

    name: str
    subscripts: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.subscripts

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Tensor(self.name, children)

    @property
    def letters(self) -> tuple[str, ...] | None:
        """The index letters, if every subscript is a plain index."""
        names = tuple(s.name for s in self.subscripts if isinstance(s, Index))
        return names if len(names) == len(self.subscripts) else None


@node
class Bracket(Expr):
    """Iverson's bracket ``[left relation right]``: 1 where true, else 0. ``relation`` is one of = ≠ < ≤ > ≥."""

    relation: str
    left: Expr
    right: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Bracket(self.relation, *children)


@node
class Add(Expr):
    """A sum of two terms or more."""

    terms: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.terms

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Add(children)


@node
class Mul(Expr):
    """A product of two factors or more; at most one is a Number, and it stands first."""

    factors: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.factors

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Mul(children)


@node
class Sum(Expr):
    """``Σ_ij body``: the body added over every value of its indices."""

    indices: tuple[str, ...]
    body: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.body,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Sum(self.indices, *children)

    def _made(self) -> None:
        bound = frozenset(self.indices)
        _set(self, self.body.free - bound, self.body.binds | bound)


@node
class Reduce(Expr):
    """``max_u body``, ``softmax_u body`` …: an operation along indices, other than the sum.

    What keeps an index (softmax, cumulative forms, the entries of an inverse) is read off ``at``: the bound
    ``indices`` run inside the body, the subscripts ``at`` say which entry of the result is meant, outside.
    """

    op: str
    indices: tuple[str, ...]
    body: Expr
    at: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.body, *self.at)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Reduce(self.op, self.indices, children[0], children[1:])

    def _made(self) -> None:
        bound = frozenset(self.indices)
        outer, binds = _NONE, self.body.binds
        for a in self.at:
            outer, binds = outer | a.free, binds | a.binds
        _set(self, (self.body.free - bound) | outer, binds | (bound - outer))


@node
class Call(Expr):
    """``f(z_i)``: an elementwise function of any number of arguments; π is one of none."""

    function: str
    args: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.args

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Call(self.function, children)
