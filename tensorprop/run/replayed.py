"""Equations that are alike are worked out once: what was done for one is done again on the arrays of the others.

In: a lowering and an equation of it. Out: the array of its left side. A model of many layers has few kinds of
equations; how one is done (its form, its order, its axes) is decided for the first of a kind, written down as the
operations that it came to, and these are done for the rest.

Two equations are alike if they are one text up to the names of their tensors, if what these names stand for is of one
type (shapes, dtypes, letters), if the same of their tensors are one array, and if the same of their nodes have values
already. What an equation leaves behind for others (values of shared nodes, products, trees) is written down with it,
and where it finds what others have left: if that is not there for another one, this is worked out by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Expr, Reduce, Sum, Tensor
from tensorprop.core.nameless import Nameless
from tensorprop.core.walk import called, postorder
from tensorprop.run.forms import gathering
from tensorprop.run.sizes import Extents
from tensorprop.run.values import Array, Operations, Pattern, Tree, Twin, Value

__all__ = ["Replays"]

_LITERALS = (int, float, complex, Fraction, str, type(None), np.ndarray, np.generic, np.dtype)


class Lowered(Protocol):
    """What is asked of the lowering whose equations these are."""

    system: System
    extents: Extents
    arrays: dict[str, Array]
    ops: Operations
    kind: str | None
    uses: Counter[Expr]
    values: dict[Any, Value]
    factors: dict[Any, Any]
    products: dict[Pattern, Twin]
    trees: list[Tree]
    grew: list[Array]

    def side(self, eq: Equation) -> Array: ...
    def grown(self, operands: Sequence[Array], path: Sequence[tuple[int, int]]) -> None: ...
    def alike(self, operands: Sequence[int], before: int | None = None) -> list[Tree]: ...


class _Slot(NamedTuple):
    """An array by its number among those that an equation is made of; below 0 those that it finds made."""

    number: int


class _OfNode(NamedTuple):
    """Where an array is found that other equations have made: the value of a node, under names of this equation."""

    node: Expr
    rest: tuple[Any, ...]
    kind: tuple[Any, ...]


class _OfPair(NamedTuple):
    """The same, of a product of two arrays."""

    one: _Slot
    other: _Slot
    pattern: tuple[tuple[int, ...], ...]
    kind: tuple[Any, ...]


class _Nest(NamedTuple):
    """A list or a tuple with arrays in it."""

    kind: type[Any]
    parts: tuple[Any, ...]


class _Meant(NamedTuple):
    """What an operation is told of: the left side (None), a tensor, a node, or one that was made, with its names."""

    what: int | str | Expr | None


class _Op(NamedTuple):
    """An operation by its name, and what it is given."""

    name: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]


class _Done(NamedTuple):
    """The operations of an equation, what they find made, the place of the result, and what it leaves behind."""

    names: tuple[str, ...]
    found: Sequence[_OfNode | _OfPair]
    steps: Sequence[_Op]
    result: Any
    values: Sequence[tuple[int | Expr, tuple[Any, ...], Any, Value]]
    products: Sequence[tuple[Any, Any, tuple[tuple[int, ...], ...], tuple[int, ...], Any]]
    trees: Sequence[tuple[tuple[Any, ...], tuple[tuple[int, int], ...]]]


class _Unknown(Exception):
    """Something was read that is no part of the equation."""


class Replays:
    """What was done for the equations of one lowering, by what they are."""

    def __init__(self, run: Lowered) -> None:
        codes = run.extents.codes
        self.codes = {eq: codes[eq] for eq in run.system if eq in codes}
        self.many = Counter(code.text for code in self.codes.values())
        self.records: dict[Any, _Done | None] = {}
        self.shared: dict[Expr, list[tuple[Any, ...]]] = {}
        self.seen = 0

    def side(self, run: Lowered, eq: Equation) -> Array:
        """The array of an equation's left side, worked out or done again."""
        code = self.codes.get(eq)
        if code is None or self.many[code.text] < 2 or gathering():
            return run.side(eq)
        for key, _ in islice(run.values.items(), self.seen, None):
            self.shared.setdefault(key[0], []).append(key)
        self.seen = len(run.values)
        given, kind = self._kind(run, eq, code)
        if kind is None:
            return run.side(eq)
        if kind not in self.records:
            recording = _Scribe(run, eq, code, given)
            array = recording.side()
            self.records[kind] = recording.record
            return array
        record = self.records[kind]
        found = None if record is None or _has_past(run, given, record) else _found(run, code, given, record)
        if record is None or found is None:
            return run.side(eq)
        return self.again(run, eq, code, [*given, *found], record)

    def _kind(self, run: Lowered, eq: Equation, code: Nameless) -> tuple[list[Array], Any]:
        """The arrays that an equation is made of, and all that decides how it is worked out."""
        given = [run.arrays.get(name) for name in code.names]
        told: list[Any] = [code.text, run.kind, tuple(run.extents.letters(eq).items())]
        told += [run.extents.shapes.get(name) for name in code.names]
        for k, n in enumerate(code.nodes):
            if isinstance(n, (Sum, Reduce)):
                if not run.extents.steady(n):
                    return given, None
                told.append(tuple(run.extents.bound(n, {}).items()))
            if isinstance(n, Sum):
                told.append(run.uses[n] > 1)
            if n in self.shared:
                told.append(k)
                for key in self.shared[n]:
                    v = run.values[key]
                    told += [key[1:], v.axes, v.truth, v.array if v.number else None]
                    if not v.number:
                        given.append(v.array)
        ops = run.ops
        told += [None if a is None else ops.typed(a) for a in given]
        first: dict[int, int] = {}
        told += [first.setdefault(ops.identity(a), k) for k, a in enumerate(given)]
        return given, tuple(told)

    def again(self, run: Lowered, eq: Equation, code: Nameless, given: Sequence[Array], record: _Done) -> Array:
        """What was done for one equation, done for another that is alike; ``given`` ends with what it finds made."""
        names = dict(zip(record.names, code.names, strict=True))
        split, ops = len(given) - len(record.found), run.ops
        arrays, found = [*given[:split]], given[split:]

        def at(a: Any) -> Any:
            if isinstance(a, _Slot):
                return arrays[a.number] if a.number >= 0 else found[-1 - a.number]
            return a.kind(map(at, a.parts)) if isinstance(a, _Nest) else a

        def node(n: int | Expr) -> Expr:
            return code.nodes[n] if isinstance(n, int) else called(n, lambda name: names.get(name, name))

        with ops.scope(eq.name):
            for step in record.steps:
                args = list(map(at, step.args))
                if step.name == "named" and isinstance(args[2], _Meant):
                    what = args[2].what
                    args[2] = eq.name if what is None else names[what] if isinstance(what, str) else node(what)
                arrays.append(getattr(ops, step.name)(*args, **{k: at(a) for k, a in step.options.items()}))
        for n, rest, array, v in record.values:
            run.values.setdefault((node(n), *rest), v._replace(array=at(array)))
        for one, other, pattern, axes, made in record.products:
            twins = at(one), at(other)
            key, number = _pattern(ops.identity(twins[0]), ops.identity(twins[1]), pattern)
            run.products.setdefault(key, Twin(at(made), tuple(number[k] for k in axes), twins))
        for of, path in record.trees:
            run.grown(list(map(at, of)), path)
        return at(record.result)


def _pattern(i: int, j: int, pattern: tuple[tuple[int, ...], ...]) -> tuple[Pattern, dict[int, int]]:
    """What a product of two other arrays is; the one that stands first in the key gives the numbers of the axes."""
    first, second, kept = pattern
    if i <= j:
        return (i, j, first, second, kept), {k: k for k in (*first, *second)}
    number = {k: n for n, k in enumerate(dict.fromkeys((*second, *first)))}
    one, other, both = (tuple(number[k] for k in axes) for axes in (second, first, kept))
    return (j, i, one, other, tuple(sorted(both))), number


def _has_past(run: Lowered, given: Sequence[Array], record: _Done) -> bool:
    """Whether products of these arrays are there, which those of the equation that was written down were not."""

    def identity(at: Any) -> int | None:
        known = isinstance(at, _Slot) and at.number < len(given)
        return run.ops.identity(given[at.number]) if known else None

    for one, other, pattern, *_ in record.products:
        i, j = identity(one), identity(other)
        if i is not None and j is not None and _pattern(i, j, pattern)[0] in run.products:
            return True
    for of, _ in record.trees:
        known = map(identity, of)
        if run.alike([-1 - n if k is None else k for n, k in enumerate(known)]):
            return True
    return False


def _found(run: Lowered, code: Nameless, given: Sequence[Array], record: _Done) -> list[Array] | None:
    """The arrays that other equations have made; None if one is not there, or is another sort of array."""
    names = dict(zip(record.names, code.names, strict=True))
    found: list[Array] = []

    def identity(at: _Slot) -> int:
        return run.ops.identity(given[at.number] if at.number >= 0 else found[-1 - at.number])

    for source in record.found:
        if isinstance(source, _OfNode):
            key = called(source.node, lambda name: names.get(name, name)), *source.rest
            there, axes = run.values.get(key), None
        else:
            key, number = _pattern(identity(source.one), identity(source.other), source.pattern)
            there, axes = run.products.get(key), number
        if there is None or _sort(run, there, axes) != source.kind:
            return None
        found.append(there.array)
    return found


def _sort(run: Lowered, there: Value | Twin, number: Mapping[int, int] | None) -> tuple[Any, ...]:
    """All that an equation can know of an array that it finds made."""
    if isinstance(there, Value):
        return there.axes, there.truth, there.over, run.ops.typed(there.array)
    assert number is not None
    back = {n: k for k, n in number.items()}
    return tuple(back[k] for k in there.axes), run.ops.typed(there.array)


class _Scribe:
    """Operations that are done and written down: what an equation is lowered with while its kind is new."""

    def __init__(self, run: Lowered, eq: Equation, code: Nameless, given: Sequence[Array]) -> None:
        self.run, self.eq, self.code = run, eq, code
        self.ops = run.ops
        self.place = {id(a): k for k, a in reversed([*enumerate(given)]) if a is not None}
        self.node = {n: k for k, n in enumerate(code.nodes)}
        self.arrays = [*given]
        self.given = {self.ops.identity(a): k for k, a in reversed([*enumerate(given)]) if a is not None}
        self.steps: list[_Op] = []
        self.found: list[_OfNode | _OfPair] = []
        self.record: _Done | None = None
        self.known = True

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.ops, name)
        if name in ("identity", "typed", "scope", "lies") or not callable(found):
            return found

        def done(*args: Any, **options: Any) -> Any:
            made = found(*args, **options)
            if self.known:
                try:
                    self._wrote(name, args, options, made)
                except _Unknown:
                    self.known = False
            return made

        self.__dict__[name] = done
        return done

    def _wrote(self, name: str, args: tuple[Any, ...], options: Mapping[str, Any], made: Any) -> None:
        if isinstance(made, _LITERALS) or (name == "named" and made is args[0]):
            return
        if name == "named":
            step = _Op(name, (self._told(args[0]), args[1], self._about(*args[2:])), {})
        else:
            step = _Op(name, tuple(map(self._told, args)), {k: self._told(a) for k, a in options.items()})
        self.steps.append(step)
        self.place.setdefault(id(made), len(self.arrays))
        self.arrays.append(made)

    def _told(self, a: Any) -> Any:
        """An argument with places in place of arrays."""
        if (at := self.place.get(id(a))) is not None:
            return _Slot(at)
        if type(a) in (tuple, list):
            parts = tuple(map(self._told, a))
            return _Nest(type(a), parts) if any(isinstance(b, (_Slot, _Nest)) for b in parts) else a
        if isinstance(a, _LITERALS):
            return a
        self.found.append(self._source(a))
        self.place[id(a)] = -len(self.found)
        return _Slot(-len(self.found))

    def _source(self, a: Any) -> _OfNode | _OfPair:
        """Where an array is found that is none of this equation's."""
        run, names = self.run, {*self.code.names}
        for key, v in run.values.items():
            if v.array is a and all(n.name in names for n in postorder(key[0]) if isinstance(n, Tensor)):
                return _OfNode(key[0], key[1:], _sort(run, v, None))
        for key, twin in run.products.items():
            if twin.array is a:
                one, other = self._ordered(key, twin)
                number = {k: k for k in (*key[2], *key[3])}
                return _OfPair(self._first(one), self._first(other), key[2:], _sort(run, twin, number))
        raise _Unknown

    def _about(self, what: Expr | str | None = None) -> Any:
        if what is None:
            return None
        if isinstance(what, str):
            if what != self.eq.name and what not in self.code.names:
                raise _Unknown
            return _Meant(None if what == self.eq.name else what)
        return _Meant(self.node.get(what, what))

    def side(self) -> Array:
        """The array of the left side; the record is there afterwards, if all that was read is known."""
        run = self.run
        before = len(run.values), len(run.products), len(run.trees), len(run.factors)
        held = len(run.grew)
        run.ops = cast("Operations", self)
        try:
            array = run.side(self.eq)
        finally:
            run.ops = self.ops
        past = any(run.alike(of, before[2]) for of, _ in run.trees[before[2] :])
        if self.known and not past and len(run.factors) == before[3]:
            try:
                self.record = self._made(array, before, held)
            except _Unknown:
                self.record = None
        return array

    def _made(self, array: Array, before: tuple[int, ...], held: int) -> _Done:
        run = self.run
        values = [
            (self.node[key[0]] if key[0] in self.node else key[0], key[1:], self._told(v.array), v)
            for key, v in islice(run.values.items(), before[0], None)
        ]
        products = [
            (*map(self._first, self._ordered(key, twin)), key[2:], twin.axes, self._told(twin.array))
            for key, twin in islice(run.products.items(), before[1], None)
        ]
        trees: list[tuple[tuple[Any, ...], tuple[tuple[int, int], ...]]] = []
        for of, path in run.trees[before[2] :]:
            trees.append((tuple(map(self._first, run.grew[held : held + len(of)])), path))
            held += len(of)
        return _Done(self.code.names, self.found, self.steps, self._told(array), values, products, trees)

    def _first(self, a: Array) -> Any:
        """The place of an array, as the first that is the same."""
        at = self.given.get(self.ops.identity(a))
        return self._told(a) if at is None else _Slot(at)

    def _ordered(self, key: tuple[Any, ...], twin: Twin) -> tuple[Array, Array]:
        """The two arrays of a product in the order in which its key has them."""
        one, other = twin.of
        return (one, other) if self.ops.identity(one) == key[0] else (other, one)
