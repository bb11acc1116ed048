"""What it costs: the order of every contraction, with flops, bytes moved and memory, before anything is allocated.

In: a System and sizes, by index letter or by the shapes of its tensors. Out: a `Plan`, whose text is a table. No array
is seen.

How things are counted. A contraction of two arrays takes 2 flops for every value of all its indices if it sums, 1 if
not; entrywise arithmetic 1 for every operation and entry. A step reads its operands and writes its result once; what
is entrywise is one step as far as it goes. Inputs are held throughout, outputs from their step to the end, anything
else from its step to its last use.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, NamedTuple

from tensorprop.calculus.source import as_system
from tensorprop.core.build import fresh, mul, remake, rename, tensor
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Bracket, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import REDUCTIONS, is_matrix
from tensorprop.core.ranges import Axis, Ranges, infer
from tensorprop.core.walk import postorder
from tensorprop.errors import MissingInput, PlanTooLarge, SizeMismatch, TensorpropError, UnknownName, UsageError, near
from tensorprop.run.extents import Extents, Key, Visit, extents
from tensorprop.run.path import contraction_path
from tensorprop.text import locate, show

__all__ = ["Plan", "Step", "contraction_path", "plan"]

_MANY_READS = 64  # arrays that one entrywise step reads at most

# Entrywise passes that a reduction makes over its body: a softmax takes max, difference, exp, sum and quotient.


# --------------------------------------------------------------------------- the plan
@dataclass(frozen=True, slots=True)
class Step:
    """One operation on whole arrays.

    ``makes`` is the result as it is called in the table, ``by`` what is done, ``spec`` its letters as in einsum (empty
    where it is entrywise), ``equation`` the tensor on whose left side it serves; ``flops``, ``bytes`` moved, ``shape``
    and ``size`` (bytes) of the result, ``held`` the bytes in memory while it runs.
    """

    equation: str
    makes: str
    by: str
    spec: str
    flops: int
    bytes: int
    shape: tuple[int, ...]
    size: int
    held: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, and what they cost. ``str`` is a table."""

    steps: tuple[Step, ...]
    sizes: Mapping[str, int | tuple[int, ...]]
    shapes: Mapping[str, tuple[int, ...]]
    itemsize: int
    flops: int = field(init=False)
    bytes: int = field(init=False)
    peak: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "flops", sum(s.flops for s in self.steps))
        object.__setattr__(self, "bytes", sum(s.bytes for s in self.steps))
        object.__setattr__(self, "peak", max((s.held for s in self.steps), default=0))

    @property
    def order(self) -> tuple[str, ...]:
        """What is done, step by step: ``("Σ_i a_bi W_ij", "#1_bj + b_j")``."""
        return tuple(s.by for s in self.steps)

    @property
    def largest(self) -> Step | None:
        """The step with the largest result."""
        return max(self.steps, key=lambda s: s.size, default=None)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return {
            "sizes": {i: list(n) if isinstance(n, tuple) else n for i, n in self.sizes.items()},
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
            "itemsize": self.itemsize,
            "flops": self.flops,
            "bytes": self.bytes,
            "peak": self.peak,
            "steps": [
                {
                    "equation": s.equation,
                    "makes": s.makes,
                    "by": s.by,
                    "spec": s.spec,
                    "flops": s.flops,
                    "bytes": s.bytes,
                    "shape": list(s.shape),
                    "size": s.size,
                    "held": s.held,
                }
                for s in self.steps
            ],
        }

    def __str__(self) -> str:
        head = ("", "makes", "by", "flops", "", "moved", "result")
        rows = [
            (
                str(n),
                s.makes,
                s.by,
                _flops(s.flops),
                _share(s.flops, self.flops),
                memory(s.bytes),
                memory(s.size),
            )
            for n, s in enumerate(self.steps, 1)
        ]
        total = ("", "total", "", _flops(self.flops), "", memory(self.bytes), "")
        lines = _table([head, *rows, total], wide=2, width=100)
        notes: list[str] = []
        if self.sizes:
            notes.append("sizes: " + ", ".join(f"{i} = {_several(n)}" for i, n in self.sizes.items()))
        largest = self.largest
        if largest is not None:
            notes.append(
                f"memory: {memory(self.peak)} at most, inputs included; the largest result is {largest.makes}, "
                f"{memory(largest.size)}"
            )
            costly = max(self.steps, key=lambda s: s.flops)
            if self.flops and len(self.steps) > 1:
                notes.append(f"most work: step {self.steps.index(costly) + 1}, {costly.makes} = {costly.by}")
        notes.append(f"numbers of {self.itemsize} bytes; #n is the result of step n")
        return "\n".join([*lines, "", *(line for note in notes for line in wrap(note, 100))])


def plan(
    s: System | Equation | str,
    sizes: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    outputs: Iterable[str] | None = None,
    *,
    itemsize: int = 4,
    memory_limit: int | str = "1TiB",
    ascii: bool = False,
) -> Plan:
    """The steps in which the equations are computed, and their cost in flops, bytes moved and memory.

    ``sizes`` gives the size of index letters, left sides' and summed ones', wherever they stand; ``shapes`` that of
    tensors, for what letters do not tell (it goes first). ``outputs`` are the tensors that are wanted, all of
    `System.outputs` if none are named. ``itemsize`` is the bytes of a number. ``ascii`` keeps the table to ASCII.

    >>> from tensorprop.text import parse
    >>> p = plan(parse("y_i = A_ij B_jk x_k"), {"i": 100, "j": 100, "k": 100})
    >>> p.flops, [s.spec for s in p.steps]
    (40000, ['jk,k->j', 'ij,j->i'])

    Errors: MissingInput (the letters that still need a size), UnknownName, SizeMismatch, PlanTooLarge (a result larger
    than ``memory_limit``, which is in bytes or such as "2GB").
    """
    system = as_system(s)
    try:
        limit = _bytes(memory_limit)
        wanted = tuple(system.outputs if outputs is None else (outputs,) if isinstance(outputs, str) else outputs)
        for name in wanted:
            system[name]
        found = extents(system, _shapes(system, sizes or {}, shapes or {}))
        return _Planner(found, wanted, itemsize, limit, ascii).plan()
    except TensorpropError as error:
        raise locate(error, system) from None


# --------------------------------------------------------------------------- sizes by letter
def _labels(system: System, ranges: Ranges) -> dict[str, dict[Axis, None]]:
    """For every letter, the classes of axes that it runs over somewhere."""
    labels: dict[str, dict[Axis, None]] = {}
    for eq in system.equations:
        for letter, axis in ranges.letters(eq).items():
            labels.setdefault(letter, {})[axis] = None
        for e in postorder(eq.value):
            for letter, axis in ranges.bound(e).items():
                if isinstance(axis, tuple):
                    labels.setdefault(letter, {})[axis] = None
    return labels


def _shapes(
    system: System, sizes: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The shapes of the inputs: those given, then what the letters say."""
    ranges = infer(system)
    labels = _labels(system, ranges)
    for what, n in [*sizes.items(), *((name, n) for name, shape in shapes.items() for n in shape)]:
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise UsageError(f"the size {n!r} of {what} is not a whole number")
    for letter in sizes:
        if letter not in labels:
            close = near(letter, list(labels))
            raise UnknownName(
                f"no index is called {letter}",
                known=f"indices: {', '.join(labels) or 'none'}",
                fix=f"did you mean {close[0]}?" if close else None,
            )
    known: dict[Axis, tuple[int, str]] = {}
    for name, shape in shapes.items():
        if name in system.names and len(shape) == _rank(system, name, len(shape)):
            for axis, n in enumerate(shape):
                known.setdefault(ranges.find(name, axis), (n, f"axis {axis + 1} of {name}"))
    told = dict(known)
    for letter, n in sizes.items():
        rooms = [axis for axis in labels[letter] if axis not in told]
        for axis in rooms:
            if axis in known and known[axis][0] != n:
                raise SizeMismatch(
                    f"{letter} and {known[axis][1]} run over one range, and are to be {n} and {known[axis][0]}",
                    fix="give both the same size, or one of them",
                )
            known.setdefault(axis, (n, letter))
        clash = [axis for axis in labels[letter] if axis in told and told[axis][0] != n]
        if len(clash) == len(labels[letter]):
            raise SizeMismatch(
                f"{letter} is to be {n}, but {told[clash[0]][1]}, over which it runs, has size {told[clash[0]][0]}",
                fix=f"drop {letter} from sizes, or the tensor from shapes",
            )
    found: dict[str, tuple[int, ...]] = {}
    need: dict[str, None] = {}
    for name in system.inputs:
        if name in shapes:
            found[name] = tuple(shapes[name])
            continue
        axes = [ranges.find(name, k) for k in range(_rank(system, name, 0))]
        for k, axis in enumerate(axes):
            if axis not in known:
                letters = [letter for letter, classes in labels.items() if axis in classes]
                need[letters[0] if letters else f"axis {k + 1} of {name}"] = None
        found[name] = tuple(known[axis][0] if axis in known else 0 for axis in axes)
    if need:
        unnamed = [n for n in need if n.startswith("axis ")]
        raise MissingInput(
            f"no size for {', '.join(need)}",
            known="indices: " + ", ".join(labels) + ("; given: " + ", ".join(sizes) if sizes else ""),
            fix="an axis that no letter indexes takes its size from shapes={name: (…)}"
            if unnamed
            else "say for example sizes={" + ", ".join(f'"{i}": 64' for i in need) + "}",
        )
    return {**found, **{name: tuple(shape) for name, shape in shapes.items() if name not in system}}


def _rank(system: System, name: str, otherwise: int) -> int:
    try:
        return system.rank(name)
    except UnknownName:
        return otherwise


# --------------------------------------------------------------------------- steps
class _Item(NamedTuple):
    """A node while the steps are made: an array in memory, or entrywise work (``flops``) that is not done yet.

    ``expr`` is what the table shows; what earlier steps have made stands there as a tensor of its own, ``#n``.
    """

    expr: Expr
    buffer: int | None
    flops: int
    reads: frozenset[int]


class _Factor(NamedTuple):
    """A factor of a product that is summed: the node, and what its letters are called in the product."""

    key: Key
    names: Mapping[str, str]
    letters: tuple[str, ...]


class _Array(NamedTuple):
    """An operand of a contraction: the letters of its axes, where it comes from, and the node that it is."""

    letters: tuple[str, ...]
    item: _Item
    node: Expr


class _Draft(NamedTuple):
    """A step whose memory is not known yet."""

    equation: str
    makes: str
    by: str
    spec: str
    flops: int
    reads: frozenset[int]
    shape: tuple[int, ...]
    buffer: int


class _Product:
    """A sum over a product being put together. Letters of sums within get names of their own."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.free = frozenset(sizes)
        self.sizes = dict(sizes)
        self.factors: list[_Factor] = []
        self.masks: list[_Factor] = []
        self.same: dict[str, str] = {}

    def bind(self, sizes: Mapping[str, int]) -> dict[str, str]:
        """Take letters in; what each is called here."""
        names: dict[str, str] = {}
        for i, n in sizes.items():
            names[i] = i if i not in self.sizes else fresh(i, frozenset(self.sizes))
            self.sizes[names[i]] = n
        return names

    def merge(self, e: Bracket, names: Mapping[str, str]) -> bool:
        """``Σ_i [i = j] x_i`` is ``x_j``: no work at all."""
        if e.relation != "=" or not (isinstance(e.left, Index) and isinstance(e.right, Index)):
            return False
        a, b = (self.called(names[i.name]) for i in (e.left, e.right))
        if a in self.free:
            a, b = b, a
        if a not in self.free and a != b:
            self.same[a] = b
        return a == b or a not in self.free

    def called(self, letter: str) -> str:
        """The letter that stands for this one, once brackets have made them equal."""
        while letter in self.same:
            letter = self.same[letter]
        return letter

    def size(self, letters: Iterable[str]) -> int:
        """The number of values of these letters together."""
        return math.prod(self.sizes[i] for i in set(letters))


class _Planner:
    """One pass over the equations that the outputs need."""

    def __init__(self, sizes: Extents, outputs: Sequence[str], itemsize: int, limit: int, ascii: bool) -> None:
        self.sizes = sizes
        self.system = sizes.system
        self.outputs = outputs
        self.itemsize = itemsize
        self.limit = limit
        self.ascii = ascii
        self.number = {eq: n for n, eq in enumerate(self.system.equations)}
        self.bytes: list[int] = []  # of every buffer
        self.of: dict[str, int] = {}  # the buffer of every tensor
        self.drafts: list[_Draft] = []

    def plan(self) -> Plan:
        """All steps, with the memory that is held during each."""
        wanted = self.system.only(self.outputs)
        for name in self.system.inputs:
            self.of[name] = self._buffer(math.prod(self.sizes.shapes[name]))
        given = len(self.bytes)
        for eq in wanted.ordered:
            self._equation(eq)
        keep = {self.of[name] for name in self.outputs}
        last = {b: n for n, d in enumerate(self.drafts) for b in (*d.reads, d.buffer)}
        held = sum(self.bytes[self.of[name]] for name in wanted.inputs)
        steps: list[Step] = []
        for n, d in enumerate(self.drafts):
            size = self.bytes[d.buffer]
            held += size
            moved = size + sum(self.bytes[b] for b in d.reads)
            steps.append(Step(d.equation, d.makes, d.by, d.spec, d.flops, moved, d.shape, size, held))
            done = {b for b in (*d.reads, d.buffer) if b >= given and b not in keep and last[b] == n}
            held -= sum(self.bytes[b] for b in done)
        shapes = {name: self.sizes.shapes[name] for name in wanted.names}
        return Plan(tuple(steps), self._letters(wanted), shapes, self.itemsize)

    def _letters(self, system: System) -> dict[str, int | tuple[int, ...]]:
        """Every letter's size; several where different equations use it for different ranges."""
        found: dict[str, dict[int, None]] = {}
        for eq in system.ordered:
            here = dict(self.sizes.letters(eq))
            for letter, n in [*here.items(), *(b for v in self.sizes.visits(eq) for b in v.bound.items())]:
                found.setdefault(letter, {})[n] = None
        return {i: next(iter(ns)) if len(ns) == 1 else tuple(ns) for i, ns in found.items()}

    def _buffer(self, entries: int) -> int:
        self.bytes.append(entries * self.itemsize)
        return len(self.bytes) - 1

    # ----------------------------------------------------------------- one equation
    def _equation(self, eq: Equation) -> None:
        self.eq = eq
        self.left = self.sizes.letters(eq)
        self.visits = {v.key: v for v in self.sizes.visits(eq)}
        order = list(self.visits.values())
        self.root = order[-1]
        self.parents = Counter(k for v in order for k in v.children)
        self.products: dict[Key, _Product] = {}
        self.items: dict[Key, _Item] = {}
        uses = Counter([self.root.key])
        for v in reversed(order):  # parents first: a sum takes the factors of the sums within it
            if uses[v.key] and isinstance(v.node, Sum):
                product = self.products[v.key] = self._product(v)
                uses.update(f.key for f in (*product.factors, *product.masks))
            elif uses[v.key]:
                uses.update(v.children)
        for v in order:
            if uses[v.key]:
                item = self._item(v)
                shared = uses[v.key] > 1 and item.flops and v.node.free
                if item.buffer is None and v is not self.root and (shared or len(item.reads) > _MANY_READS):
                    item = self._made(self.sizes.free(v.node), v.sizes, item, about=v.node)
                self.items[v.key] = item
        if eq.name not in self.of:
            self._made(eq.letters, self.left, self.items[self.root.key], result=True)

    def _made(
        self,
        letters: tuple[str, ...],
        sizes: Mapping[str, int],
        work: _Item,
        *,
        by: str | None = None,
        spec: str = "",
        result: bool = False,
        about: Expr | None = None,
    ) -> _Item:
        """One more step: ``work`` done, and its result in memory over these letters."""
        eq = self.eq
        shape = tuple(sizes[i] for i in letters)
        entry = tensor(eq.name if result else f"#{len(self.drafts) + 1}", *letters)
        buffer = self._buffer(math.prod(shape))
        by = _cut(show(work.expr, ascii=self.ascii), 400) if by is None else by
        if self.bytes[buffer] > self.limit:
            what = show(entry) if result else f"the intermediate {_cut(by, 60)}"
            raise PlanTooLarge(
                f"{what} would need {memory(self.bytes[buffer])}: "
                + " × ".join(f"{i} = {n}" for i, n in zip(letters, shape, strict=True)),
                known=f"the limit for one array is {memory(self.limit)}, at {self.itemsize} bytes a number",
                fix="sum an index, take smaller sizes, or raise memory_limit",
                about=(self.number[eq], eq.target if result else about),
            )
        if result:
            self.of[eq.name] = buffer
        makes = show(entry, ascii=self.ascii)
        self.drafts.append(_Draft(eq.name, makes, by, spec, work.flops, work.reads, shape, buffer))
        return _Item(entry, buffer, 0, frozenset((buffer,)))

    # ----------------------------------------------------------------- one node
    def _item(self, v: Visit) -> _Item:
        e, size = v.node, math.prod(v.shape)
        match e:
            case Number() | Dim() | Index():
                return _Item(e, None, 0, frozenset())
            case Tensor() if all(isinstance(s, (Index, Number)) for s in e.subscripts):
                buffer = self.of[e.name]
                return _Item(e, buffer, 0, frozenset((buffer,)))
            case Sum():
                return self._contraction(v, self.products[v.key])
            case Reduce():
                return self._reduction(e, v)
            case _:
                parts = [self.items[k] for k in v.children]
                reads = frozenset(b for p in parts for b in p.reads)
                if isinstance(e, Tensor):
                    reads |= {self.of[e.name]}
                work = len(parts) - 1 if isinstance(e, (Add, Mul)) else 1
                expr = remake(e, tuple(p.expr for p in parts))
                return _Item(expr, None, size * work + sum(p.flops for p in parts), reads)

    def _reduction(self, e: Reduce, v: Visit) -> _Item:
        body = self.items[v.children[0]]
        inside = {**v.sizes, **v.bound}
        size = math.prod(inside[i] for i in e.body.free | frozenset(e.indices))
        flops = 2 * size * max(v.bound.values()) if is_matrix(e.op) else REDUCTIONS[e.op].passes * size
        work = _Item(remake(e, (body.expr, *e.at)), None, body.flops + flops, body.reads)
        return self._finished(v, work)

    def _finished(self, v: Visit, work: _Item, by: str | None = None, spec: str = "") -> _Item:
        """A step that makes the node, or the left side where the node is all of the right."""
        if v is self.root:
            return self._made(self.eq.letters, self.left, work, by=by, spec=spec, result=True)
        return self._made(self.sizes.free(v.node), v.sizes, work, by=by, spec=spec, about=v.node)

    # ----------------------------------------------------------------- contractions
    def _product(self, v: Visit) -> _Product:
        """The factors of a sum, and of sums within it that nothing else uses."""
        p = _Product(v.sizes)
        todo: list[tuple[Key, Mapping[str, str]]] = [(v.key, {i: i for i in v.sizes})]
        while todo:
            key, names = todo.pop()
            e, here = key[0], self.visits[key]
            if isinstance(e, Mul):
                todo.extend((k, names) for k in reversed(here.children))
            elif isinstance(e, Sum) and (key == v.key or self.parents[key] < 2):
                todo.append((here.children[0], {**names, **p.bind(here.bound)}))
            elif isinstance(e, Bracket):
                if not p.merge(e, names):
                    p.masks.append(_Factor(key, names, self.sizes.free(e)))
            elif not isinstance(e, (Number, Dim)):
                letters = e.letters if isinstance(e, Tensor) else None
                p.factors.append(_Factor(key, names, self.sizes.free(e) if letters is None else letters))
        return p

    def _array(self, p: _Product, f: _Factor) -> _Array:
        """A factor under the product's own letters."""
        names = {i: p.called(f.names[i]) for i in f.key[0].free}
        item = self.items[f.key]
        letters = item.expr.letters if isinstance(item.expr, Tensor) else None
        axes = tuple(names[i] for i in letters or f.letters)
        return _Array(axes, item._replace(expr=rename(item.expr, names)), f.key[0])

    def _contraction(self, v: Visit, p: _Product) -> _Item:
        """A sum over a product, two operands at a time."""
        e, output = v.node, frozenset(v.sizes)
        scalars = [self.items[f.key] for f in p.factors if not f.letters]
        last = _Item(e, None, sum(s.flops for s in scalars), frozenset(b for s in scalars for b in s.reads))
        arrays = [self._array(p, f) for f in p.factors if f.letters]
        for f in p.masks:  # on the smallest operand that has all its letters, or by itself
            mask = self._array(p, f)
            hosts = [k for k, a in enumerate(arrays) if set(mask.letters) <= set(a.letters)]
            if hosts:
                k = min(hosts, key=lambda k: p.size(arrays[k].letters))
                letters, item, node = arrays[k]
                flops = mask.item.flops + item.flops + p.size(letters)
                both = _Item(mul(mask.item.expr, item.expr), None, flops, mask.item.reads | item.reads)
                arrays[k] = _Array(letters, both, node)
            else:
                arrays.append(mask)
        if not arrays:
            return last
        if len(arrays) > 1:
            arrays = [self._alone(p, k, arrays, e) for k in range(len(arrays))]
        path = contraction_path([a.letters for a in arrays], output, p.sizes)
        for first, second in path:
            pair = arrays[first], arrays[second]
            arrays = [a for k, a in enumerate(arrays) if k not in (first, second)]
            keep = output.union(*(a.letters for a in arrays))
            merged = self._summed(p, [self._held(p, a) for a in pair], keep, e, last if not arrays else None, v)
            arrays.append(merged)
        if not path:
            return self._summed(p, arrays, output, e, last, v).item
        return arrays[0].item

    def _held(self, p: _Product, a: _Array) -> _Array:
        """An operand that is in memory."""
        if a.item.buffer is not None:
            return a
        letters = tuple(dict.fromkeys(a.letters))
        return _Array(letters, self._made(letters, p.sizes, a.item, about=a.node), a.node)

    def _alone(self, p: _Product, k: int, arrays: Sequence[_Array], about: Expr) -> _Array:
        """An operand summed over the letters that nothing else has."""
        a = arrays[k]
        others = p.free.union(*(b.letters for n, b in enumerate(arrays) if n != k))
        return self._summed(p, [a], others, about) if set(a.letters) - others else a

    def _summed(
        self, p: _Product, arrays: Sequence[_Array], keep: frozenset[str], about: Expr,
        last: _Item | None = None, v: Visit | None = None,
    ) -> _Array:  # fmt: skip
        """One or two operands multiplied, and summed over the letters that are not kept: one step."""
        every = tuple(dict.fromkeys(i for a in arrays for i in a.letters))
        letters = tuple(i for i in every if i in keep)
        inner = tuple(i for i in every if i not in keep)
        product = mul(*(a.item.expr for a in arrays))
        flops = sum(a.item.flops for a in arrays) + p.size(every) * (len(arrays) - (0 if inner else 1))
        reads = frozenset(b for a in arrays for b in a.item.reads)
        sign = _under("sum" if self.ascii else "Σ", inner) + " " if inner else ""
        by = _cut(sign + show(product, ascii=self.ascii), 400)
        if last is None or v is None:
            spec = _spec([a.letters for a in arrays], letters)
            work = _Item(product, None, flops, reads)
            return _Array(letters, self._made(letters, p.sizes, work, by=by, spec=spec, about=about), about)
        work = _Item(product, None, flops + last.flops, reads | last.reads)
        final = self.eq.letters if v is self.root else self.sizes.free(v.node)
        spec = _spec([a.letters for a in arrays], tuple(i for i in final if i in letters))
        return _Array(final, self._finished(v, work, by, spec), about)


# --------------------------------------------------------------------------- text
def _under(word: str, letters: Sequence[str]) -> str:
    """``Σ_ij``, and ``Σ_{in,out}`` for long names."""
    return f"{word}_{''.join(letters)}" if all(len(i) == 1 for i in letters) else f"{word}_{{{','.join(letters)}}}"


def _spec(operands: Sequence[Sequence[str]], output: Sequence[str]) -> str:
    """``ij,jk->ik``."""
    gap = "" if all(len(i) == 1 for o in operands for i in o) else " "
    return ",".join(gap.join(o) for o in operands) + "->" + gap.join(output)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + ".."


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole if whole else 0
    return "<1%" if 0 < percent < 0.5 else f"{percent:.0f}%" if part else ""


def _flops(n: int) -> str:
    """A count in three digits: 51.4 M."""
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if n >= 10**power:
            return f"{n / 10**power:.3g} {unit}" if n < 10 ** (power + 3) else f"{n / 10**power:.3e} {unit}"
    return str(n)


def memory(n: int) -> str:
    """Bytes in three digits.

    >>> memory(2**31)
    '2 GiB'
    """
    for power, unit in ((50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if n >= 1 << power:
            x = n / (1 << power)
            return f"{x:.3g} {unit}" if x < 1000 else f"{x:.0f} {unit}" if x < 10**6 else f"{x:.1e} {unit}"
    return f"{n} B"


_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def _bytes(limit: int | str) -> int:
    """``"2GB"`` is 2·10⁹, ``"2GiB"`` 2·2³⁰."""
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        return limit
    found = re.fullmatch(r"\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kmgtp]?)(i?)(b?)\s*", str(limit).lower())
    if not isinstance(limit, str) or found is None or (found[3] and not found[2]):
        raise UsageError(f"memory_limit={limit!r} is no size", fix='give bytes, or text such as "2GB" or "512MiB"')
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _UNITS[found[2]])


def _several(n: int | tuple[int, ...]) -> str:
    return str(n) if isinstance(n, int) else " or ".join(map(str, n))


def _table(rows: Sequence[Sequence[str]], wide: int, width: int) -> list[str]:
    """Aligned columns, a line under the first row and one above the last; the column ``wide`` gives way."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    widths[1] = min(widths[1], 22)
    spare = width - 2 * (len(widths) - 1) - sum(w for k, w in enumerate(widths) if k != wide)
    widths[wide] = min(widths[wide], max(spare, 8))
    left = (1, wide)
    lines = [
        "  ".join(
            _cut(c, w).ljust(w) if k in left else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * min(width, sum(widths) + 2 * (len(widths) - 1))
    return [line.rstrip() for line in (lines[0], rule, *lines[1:-1], rule, lines[-1])]
