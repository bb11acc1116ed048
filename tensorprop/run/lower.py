"""From a System to a program: every node becomes one array whose axes bear index letters.

In: a System, its arrays (or a tracer's stand-ins for them), their sizes, and the array operations to use.
Out: the arrays that the outputs name. What is decided here is which operations are done, on which axes and in
which order; the operations themselves (:class:`Operations`) are given. This file does not know JAX, and it runs
once per set of shapes, while a function is traced: nothing of it is left in the compiled program.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple, Protocol

from tensorprop.core.build import power
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import NORMALISERS
from tensorprop.errors import NumberTooLarge, Unsupported
from tensorprop.run.extents import Extents
from tensorprop.run.plan import contraction_path

__all__ = ["Operations", "lower"]

_LOOK_AGAIN = 8  # operands up to which each step asks anew what has been made before
_MEMORY_BOUND = 8  # what a multiplication outside a matrix product costs, in those inside one

Array = Any
Sizes = Mapping[str, int]
_Axes = tuple[int, ...]


class Operations(Protocol):
    """What a program is made of. Operands of the elementwise ones have the same rank, or are Python's numbers.

    Arrays tell their ``shape``. Axes are counted from 0. ``where`` is zero where the mask is false.
    """

    def multiply(self, a: Array, b: Array) -> Array: ...
    def divide(self, a: Array, b: Array) -> Array: ...
    def add(self, a: Array, b: Array) -> Array: ...
    def subtract(self, a: Array, b: Array) -> Array: ...
    def negative(self, a: Array) -> Array: ...
    def power(self, a: Array, exponent: Fraction) -> Array: ...
    def call(self, function: str, *args: Array) -> Array: ...
    def constant(self, function: str, *args: float) -> float: ...
    def compare(self, relation: str, a: Array, b: Array) -> Array: ...
    def both(self, a: Array, b: Array) -> Array: ...
    def where(self, mask: Array, a: Array) -> Array: ...
    def full(self, shape: _Axes, a: float) -> Array: ...
    def iota(self, size: int) -> Array: ...
    def transpose(self, a: Array, order: _Axes) -> Array: ...
    def expand(self, a: Array, axes: _Axes) -> Array: ...
    def broadcast(self, a: Array, shape: _Axes) -> Array: ...
    def diagonal(self, a: Array, first: int, second: int) -> Array: ...
    def take(self, a: Array, entry: int, axis: int) -> Array: ...
    def sum(self, a: Array, axes: _Axes) -> Array: ...
    def reduce(self, op: str, a: Array, axes: _Axes) -> Array: ...
    def dot(self, a: Array, b: Array, summed: tuple[_Axes, _Axes], batch: tuple[_Axes, _Axes]) -> Array: ...


class Value(NamedTuple):
    """An array and the letter of each of its axes; without axes it may be a Python number. ``truth``: of booleans."""

    array: Array
    axes: tuple[str, ...]
    truth: bool = False

    @property
    def number(self) -> bool:
        """Whether this is a Python number, known while the program is made."""
        return isinstance(self.array, (int, float, Fraction))


class Wish(NamedTuple):
    """A node whose value is needed where its letters have these sizes; ``negated``: with the other sign."""

    node: Expr
    sizes: Sizes
    negated: bool = False


_Key = tuple[Expr, tuple[int, ...], bool]
Rule = Generator[Wish, Value, Value]


def lower(
    system: System, arrays: Mapping[str, Array], outputs: Sequence[str], ops: Operations, sizes: Extents
) -> dict[str, Array]:
    """The arrays that ``outputs`` name, each with the axes of its equation's left side, in its order.

    ``sizes`` are the :class:`Extents` of these arrays' shapes. Shared nodes are computed once.
    """
    run = _Run(system.only(outputs), arrays, ops, sizes)
    for eq in run.system.ordered:
        try:
            run.equation(eq)
        except OverflowError:
            raise NumberTooLarge(
                "a number here is outside the range of floating point",
                fix="divide it among the factors, or work with its logarithm",
                about=eq.target,
            ) from None
    return {name: run.arrays[name] for name in outputs}


class _Run:
    """One lowering: the arrays made so far, the values of nodes, and how often each node is used."""

    def __init__(self, system: System, arrays: Mapping[str, Array], ops: Operations, extents: Extents) -> None:
        self.system = system
        self.arrays = dict(arrays)
        self.ops = ops
        self.extents = extents
        self.values: dict[_Key, Value] = {}
        self.uses = Counter(c for n in _nodes(system) for c in n.children)
        self.uses.update(eq.value for eq in system)
        self.products: dict[_Pattern, _Made] = {}
        self.place: dict[str, int] = {}

    def equation(self, eq: Equation) -> None:
        """Work out the right side, and give it the axes of the left."""
        sizes = self.extents.letters(eq)
        self.place = {letter: k for k, letter in enumerate(eq.letters)}
        value = self.value(eq.value, sizes)
        self.arrays[eq.name] = self.spread(Value(self.plain(value), value.axes), eq.letters, sizes)

    # ----------------------------------------------------------------- nodes, each once
    def value(self, node: Expr, sizes: Sizes) -> Value:
        """The value of a node. Rules ask for other nodes by yielding them, so that depth costs no stack."""
        wish = Wish(node, sizes)
        key = self.key(wish)
        sent = self.values.get(key)
        stack: list[tuple[_Key, Rule]] = [] if sent is not None else [(key, self.rule(wish))]
        while stack:
            key, rule = stack[-1]
            try:
                wish = next(rule) if sent is None else rule.send(sent)
            except StopIteration as stop:
                sent = self.values[key] = stop.value
                stack.pop()
                continue
            key = self.key(wish)
            sent = self.values.get(key)
            if sent is None:
                stack.append((key, self.rule(wish)))
        assert sent is not None
        return sent

    def key(self, wish: Wish) -> _Key:
        """A node has one value for given sizes of its indices."""
        return wish.node, tuple(wish.sizes[i] for i in self.extents.free(wish.node)), wish.negated

    def rule(self, wish: Wish) -> Rule:
        node, sizes, negated = wish
        match node:
            case Mul() | Sum():
                return self.product(node, sizes, negated)
            case Add():
                return self.terms(node, sizes)
            case Call():
                return self.call(node, sizes)
            case Bracket():
                return self.bracket(node, sizes)
            case Reduce():
                return self.reduction(node, sizes)
            case _:
                return self.leaf(node, sizes, negated)

    def leaf(self, e: Expr, sizes: Sizes, negated: bool) -> Rule:
        """Numbers, sizes, the values of an index, and entries of tensors."""
        yield from ()  # a rule that asks for nothing
        match e:
            case Number():
                return Value(-e.value if negated else e.value, ())
            case Dim():
                return Value(Fraction(self.extents.shapes[e.tensor][e.axis]), ())
            case Index():
                return Value(self.ops.iota(sizes[e.name]), (e.name,))
            case Tensor():
                return self.entry(self.arrays[e.name], e.subscripts)
            case _:
                raise Unsupported(f"{e} cannot be compiled", about=e)

    def entry(self, array: Array, subscripts: Sequence[Expr]) -> Value:
        """``X_ij`` as it is, ``X_ii`` its diagonal, ``X_0j`` a row of it."""
        for k in reversed(range(len(subscripts))):
            s = subscripts[k]
            if isinstance(s, Number):
                array = self.ops.take(array, int(s.value), k)
        return self.diagonal(array, [s.name for s in subscripts if isinstance(s, Index)])

    def diagonal(self, array: Array, axes: Sequence[str]) -> Value:
        """Axes with the same letter become one."""
        left = list(axes)
        while len(set(left)) < len(left):
            second = next(k for k, i in enumerate(left) if i in left[:k])
            first = left.index(left[second])
            array = self.ops.diagonal(array, first, second)
            letter = left.pop(second)
            left.pop(first)
            left.append(letter)
        return Value(array, tuple(left))

    def bracket(self, e: Bracket, sizes: Sizes) -> Rule:
        left = yield Wish(e.left, sizes)
        right = yield Wish(e.right, sizes)
        if left.number and right.number:
            return Value(Fraction(_compare(e.relation, left.array, right.array)), ())
        frame = self.frame((left, right))
        return Value(self.ops.compare(e.relation, *(self.align(v, frame) for v in (left, right))), frame, truth=True)

    def call(self, e: Call, sizes: Sizes) -> Rule:
        """An elementwise function; whole and half powers have operations of their own."""
        if e.function == "pi":
            return Value(math.pi, ())
        if e.function == "power" and isinstance(e.args[1], Number):
            base = yield Wish(e.args[0], sizes)
            n = e.args[1].value
            if base.number:
                return Value(_power(base.array, n), ())
            return Value(self.ops.power(self.plain(base), n), base.axes)
        args: list[Value] = []
        for k, a in enumerate(e.args):
            v = yield Wish(a, sizes)
            args.append(v if e.function == "where" and k == 0 else Value(self.plain(v), v.axes))
        if all(v.number for v in args):
            return Value(self.ops.constant(e.function, *(v.array for v in args)), ())
        frame = self.frame(args)
        return Value(self.ops.call(e.function, *(self.align(v, frame) for v in args)), frame)

    def reduction(self, e: Reduce, sizes: Sizes) -> Rule:
        """``max_u`` and the like drop their indices, ``softmax_u`` keeps them as ``at`` names them."""
        inner = {**sizes, **self.extents.bound(e, sizes)}
        body = yield Wish(e.body, inner)
        axes = (*body.axes, *(i for i in e.indices if i not in body.axes))
        array = self.spread(Value(self.plain(body), body.axes), axes, inner)
        out = self.ops.reduce(e.op, array, tuple(axes.index(i) for i in e.indices))
        if e.op not in NORMALISERS:
            return Value(out, tuple(i for i in axes if i not in e.indices))
        entry = dict(zip(e.indices, e.at, strict=True))
        return self.entry(out, [entry[i] if i in entry else Index(i) for i in axes])

    def terms(self, e: Add, sizes: Sizes) -> Rule:
        """Terms in their order, those with a minus sign subtracted; the first with a plus sign leads."""
        signed = [(_negative(t), t) for t in e.terms]
        lead = next((k for k, (minus, _) in enumerate(signed) if not minus), 0)
        signed.insert(0, signed.pop(lead))
        total: Value | None = None
        for minus, t in signed:
            v = yield Wish(t, sizes, minus)
            v = Value(self.plain(v) if v.truth else v.array, v.axes)
            total = v if total is None else self.joined(total, v, minus != signed[0][0])
        assert total is not None
        return self.scaled(total, -1, []) if signed[0][0] else total

    # ----------------------------------------------------------------- products and their sums
    def product(self, e: Mul | Sum, sizes: Sizes, negated: bool) -> Rule:
        """``Σ a b c``: factors that are products or sums themselves join in, then the whole is contracted."""
        if isinstance(e, Sum) and isinstance(e.body, Add) and any(_wide(t) for t in e.body.terms):
            return (yield from self.distributed(e, e.body, sizes))
        p = _Product(e.free, sizes)
        self.gather(p, e, {}, sizes)
        if negated:
            p.coefficient = -p.coefficient
        return (yield from self.contract(p))

    def distributed(self, e: Sum, body: Add, sizes: Sizes) -> Rule:
        """``Σ_j (A_ij x_j + B_ij y_j)`` is contracted term by term."""
        bound = self.extents.bound(e, sizes)
        total: Value | None = None
        for t in body.terms:
            p = _Product(e.free, sizes)
            self.gather(p, t, p.bind(bound, {}), {**sizes, **bound})
            minus = total is not None and p.coefficient < 0
            if minus:
                p.coefficient = -p.coefficient
            v = yield from self.contract(p)
            total = v if total is None else self.joined(total, v, minus)
        assert total is not None
        return total

    def gather(self, p: _Product, e: Expr, names: Mapping[str, str], sizes: Sizes) -> None:
        """Sort the factors of ``e`` into ``p``; a sum that nothing else uses is opened, its letters kept apart."""
        todo: list[tuple[Expr, Mapping[str, str], Sizes]] = [(e, names, sizes)]
        while todo:
            f, names, sizes = todo.pop()
            match f:
                case Number(value=c):
                    p.coefficient *= c
                case Mul():
                    todo.extend((g, names, sizes) for g in reversed(f.factors))
                case Sum() if f is e or self.uses[f] < 2:
                    bound = self.extents.bound(f, sizes)
                    todo.append((f.body, p.bind(bound, names), {**sizes, **bound}))
                case Bracket():
                    p.masks.append((f, names, sizes))
                case Call(function="power", args=(base, Number(value=n))) if n < 0 and n.denominator == 1:
                    p.divisors.append((power(base, Number(-n)), names, sizes))
                case _:
                    p.factors.append((f, names, sizes))

    def contract(self, p: _Product) -> Rule:
        """One product: divisions where the arrays are small, brackets as masks, then pairs in the planned order."""
        masks = yield from self.values_of(p, [m for m in p.masks if not p.merge(m[0], m[1])])
        operands = yield from self.values_of(p, p.factors)
        divisors = yield from self.values_of(p, p.divisors)
        if any(v.number and not v.array for v in masks):
            return Value(Fraction(0), ())
        c = p.coefficient
        for v in operands:
            c = c * v.array if v.number else c
        for v in divisors:
            c = _over(c, v.array) if v.number else c
        scalar = self.grouped([v for v in operands if not v.axes and not v.number])
        operands = self.grouped([v for v in operands if v.axes])
        masks = self.grouped([v for v in masks if not v.number])
        divisors = [v for v in divisors if not v.number]

        summed_mask = any(not p.free.issuperset(m.axes) for m in masks)
        late: list[Value] = []
        for d in divisors:
            k = p.smallest(operands, d.axes)
            if p.free.issuperset(d.axes) and (k is None or (p.result < p.size(operands[k].axes) and not summed_mask)):
                late.append(d)
            elif k is not None:
                operands[k] = self.divided(operands[k], d)
            else:
                operands.append(Value(self.ops.power(d.array, Fraction(-1)), d.axes))

        # a bracket is zero whatever stands beside it: it goes on the result, or on every operand that has its indices
        after: list[Value] = []
        for m in masks:
            k = p.smallest(operands, m.axes)
            if p.free.issuperset(m.axes) and (k is None or p.result <= 4 * p.size(operands[k].axes)):
                after.append(m)
            elif k is None:
                operands.append(Value(self.plain(m), m.axes))
            else:
                operands = [self.masked(v, m) if set(m.axes) <= set(v.axes) else v for v in operands]
        return self.finished(p, c, scalar, operands, late, after)

    def values_of(self, p: _Product, factors: Iterable[_Factor]) -> Generator[Wish, Value, list[Value]]:
        """The values of factors, their axes under the product's own letters; equal letters become a diagonal."""
        found: list[tuple[Value, tuple[str, ...]]] = []
        for e, names, sizes in factors:
            v = yield Wish(e, sizes)
            found.append((v, tuple(names.get(i, i) for i in v.axes)))
        out: list[Value] = []
        for v, axes in found:
            array, axes = self.diagonal(v.array, [p.same.get(i, i) for i in axes])[:2] if axes else (v.array, axes)
            out.append(Value(array, axes, v.truth))
        return out

    def finished(
        self, p: _Product, c: Any, scalar: list[Value], operands: list[Value], late: list[Value], after: list[Value]
    ) -> Value:
        """Sum what one operand alone has, contract pair by pair, then do what is done on the result."""
        seen = Counter(i for v in operands for i in v.axes)
        for i in p.bound:
            c = c if seen[i] else c * p.sizes[i]
        operands = [self.summed(v, [i for i in v.axes if seen[i] == 1 and i not in p.free]) for v in operands]
        k = p.smallest(operands, ())
        if k is None:
            result = self.scaled(scalar[0], c, []) if scalar else Value(c, ())
        else:
            early = p.size(operands[k].axes) < p.size(p.free.intersection(seen))
            if early:
                operands[k] = self.scaled(operands[k], c, scalar)
            result = self.paired(p, operands)
            if not early:
                result = self.scaled(result, c, scalar)
        for d in late:
            result = self.divided(result, d)
        for m in after:
            result = self.masked(result, m)
        return result

    def paired(self, p: _Product, operands: list[Value]) -> Value:
        """The operands contracted two at a time; without a sum, from left to right."""
        if not p.bound:
            total = operands[0]
            for v in operands[1:]:
                total = self.pair(total, v, frozenset((*total.axes, *v.axes)))
            return total
        path: list[tuple[int, int]] = []
        while len(operands) > 1:
            if len(operands) <= _LOOK_AGAIN or not path:
                path = self.path(p, operands)
            (first, second), *path = path
            left, right = operands[first], operands[second]
            operands = [v for k, v in enumerate(operands) if k not in (first, second)]
            operands.append(self.pair(left, right, p.free.union(*(v.axes for v in operands))))
        return operands[0]

    def path(self, p: _Product, operands: Sequence[Value]) -> list[tuple[int, int]]:
        """Which pairs to contract, in order. A pair whose product is there already costs nothing, and may lead."""
        axes = [v.axes for v in operands]
        best = contraction_path(axes, p.free, p.sizes)
        cost = p.work(axes, best)
        for pair in combinations(range(len(operands)), 2) if 2 < len(operands) <= _LOOK_AGAIN else ():
            left, right = (operands[k] for k in pair)
            rest = [v.axes for k, v in enumerate(operands) if k not in pair]
            keep = p.free.union(*rest)
            if _pattern(left, right, keep)[0] in self.products:
                rest.append(tuple(i for i in dict.fromkeys((*left.axes, *right.axes)) if i in keep))
                after = contraction_path(rest, p.free, p.sizes)
                if p.work(rest, after) < cost:
                    best, cost = [pair, *after], p.work(rest, after)
        return best

    def pair(self, left: Value, right: Value, keep: frozenset[str]) -> Value:
        """A product of two arrays, made once however its indices are called."""
        key, letters = _pattern(left, right, keep)
        known = self.products.get(key)
        if known is None:
            made = self.product_of_two(left, right, keep)
            axes = tuple(map(letters.index, made.axes))
            known = self.products[key] = _Made(made.array, axes, (left.array, right.array))
        return Value(known.array, tuple(letters[k] for k in known.axes))

    def product_of_two(self, left: Value, right: Value, keep: frozenset[str]) -> Value:
        """A matrix product where a side has a letter of its own, else entry by entry, and then summed."""
        batch = [i for i in left.axes if i in right.axes and i in keep]
        summed = [i for i in left.axes if i in right.axes and i not in keep]
        own = [i for i in left.axes if i not in right.axes], [i for i in right.axes if i not in left.axes]
        if not summed or not any(own):
            frame = self.frame((left, right))
            product = self.ops.multiply(self.align(left, frame), self.align(right, frame))
            return self.summed(Value(product, frame), summed)
        if all(own) and self.swapped(left, right, own):
            left, right, own = right, left, own[::-1]
        array = self.ops.dot(
            left.array,
            right.array,
            (tuple(map(left.axes.index, summed)), tuple(map(right.axes.index, summed))),
            (tuple(map(left.axes.index, batch)), tuple(map(right.axes.index, batch))),
        )
        return Value(array, (*batch, *own[0], *own[1]))

    def swapped(self, left: Value, right: Value, own: tuple[list[str], list[str]]) -> bool:
        """Whether the right operand's indices are the rows: as the left side has them, else the larger ones."""
        here, there = (min((self.place[i] for i in letters if i in self.place), default=None) for letters in own)
        if here is not None and there is not None:
            return there < here
        rows, columns = (
            math.prod(v.array.shape[v.axes.index(i)] for i in letters)
            for v, letters in zip((left, right), own, strict=True)
        )
        return columns > rows

    # ----------------------------------------------------------------- small steps
    def plain(self, v: Value) -> Array:
        """The array as numbers: fractions as Python's numbers, truth as 1 and 0."""
        if v.number:
            return _python(v.array)
        return self.ops.where(v.array, 1) if v.truth else v.array

    def frame(self, values: Sequence[Value]) -> tuple[str, ...]:
        """The axes of a result: those of the largest operand, in its order; the left side's order decides a tie."""
        lead: tuple[str, ...] = ()
        for v in values:
            if len(v.axes) > len(lead) or (len(v.axes) == len(lead) and v.axes == self.sorted(v.axes)):
                lead = v.axes
        extra = dict.fromkeys(i for v in values for i in v.axes if i not in lead)
        return self.sorted((*lead, *extra)) if extra else lead

    def sorted(self, axes: Iterable[str]) -> tuple[str, ...]:
        """Axes in the order of the left side, then the others as they come."""
        return tuple(sorted(axes, key=lambda i: self.place.get(i, len(self.place))))

    def align(self, v: Value, frame: tuple[str, ...]) -> Array:
        """The array with its axes in the frame's order, and axes of size 1 where it has none."""
        if v.number or not v.axes:
            return self.plain(v)
        array = v.array
        present = [i for i in frame if i in v.axes]
        order = tuple(map(v.axes.index, present))
        if order != tuple(range(len(order))):
            array = self.ops.transpose(array, order)
        if len(present) < len(frame):
            array = self.ops.expand(array, tuple(k for k, i in enumerate(frame) if i not in v.axes))
        return array

    def spread(self, v: Value, axes: tuple[str, ...], sizes: Sizes) -> Array:
        """The array over all these axes, in this order, repeated along those that it lacks."""
        shape = tuple(sizes[i] for i in axes)
        if v.number:
            return self.ops.full(shape, float(v.array))
        array = self.align(v, axes)
        return array if len(v.axes) == len(axes) else self.ops.broadcast(array, shape)

    def joined(self, a: Value, b: Value, minus: bool) -> Value:
        """``a + b`` or ``a - b``."""
        if a.number and b.number:
            return Value(a.array - b.array if minus else a.array + b.array, ())
        frame = self.frame((a, b))
        join = self.ops.subtract if minus else self.ops.add
        return Value(join(self.align(a, frame), self.align(b, frame)), frame)

    def divided(self, a: Value, d: Value) -> Value:
        frame = self.frame((a, d))
        return Value(self.ops.divide(self.align(a, frame), self.align(d, frame)), frame)

    def masked(self, a: Value, m: Value) -> Value:
        """``a`` where the bracket holds, zero elsewhere, whatever ``a`` is there."""
        frame = self.frame((a, m))
        return Value(self.ops.where(self.align(m, frame), self.align(a, frame)), frame)

    def scaled(self, v: Value, c: Any, scalar: Sequence[Value]) -> Value:
        """``c v``, and times a scalar array if there is one: one pass over ``v``."""
        array = v.array
        for s in scalar:
            factor = self.scaled(s, c, []).array
            return Value(self.ops.multiply(array, factor), v.axes)
        if c == 1:
            return v
        return Value(self.ops.negative(array) if c == -1 else self.ops.multiply(array, _python(c)), v.axes)

    def summed(self, v: Value, letters: Sequence[str]) -> Value:
        if not letters:
            return v
        array = self.ops.sum(v.array, tuple(map(v.axes.index, letters)))
        return Value(array, tuple(i for i in v.axes if i not in letters))

    def grouped(self, values: Sequence[Value]) -> list[Value]:
        """Arrays over the same indices multiplied (brackets: joined by "and"), in the order of their first."""
        groups: dict[frozenset[str], Value] = {}
        for v in values:
            key = frozenset(v.axes)
            known = groups.get(key)
            if known is None:
                groups[key] = v
            elif v.truth:
                frame = self.frame((known, v))
                groups[key] = Value(self.ops.both(self.align(known, frame), self.align(v, frame)), frame, truth=True)
            else:
                groups[key] = self.pair(known, v, key)
        return list(groups.values())


_Factor = tuple[Expr, Mapping[str, str], Sizes]


class _Product:
    """A product being put together: its factors by kind, its summed letters, and every letter's size."""

    def __init__(self, free: frozenset[str], sizes: Sizes) -> None:
        self.free = free
        self.sizes = {i: sizes[i] for i in free}
        self.bound: list[str] = []
        self.same: dict[str, str] = {}
        self.coefficient: Any = Fraction(1)
        self.factors: list[_Factor] = []
        self.divisors: list[_Factor] = []
        self.masks: list[_Factor] = []
        self.result = self.size(free)

    def bind(self, sizes: Sizes, names: Mapping[str, str]) -> Mapping[str, str]:
        """Take in a sum's letters, each under a name that is not in use yet; the names of the scope within."""
        inner = dict(names)
        for i, n in sizes.items():
            letter = i
            while letter in self.sizes:
                letter += "′"
            inner[i] = letter
            self.sizes[letter] = n
            self.bound.append(letter)
        return inner

    def merge(self, e: Expr, names: Mapping[str, str]) -> bool:
        """``Σ_i [i = j] x_i`` is ``x_j``: let a summed letter be the letter that a bracket says it equals."""
        match e:
            case Bracket(relation="=", left=Index(name=a), right=Index(name=b)):
                a, b = (self.same.get(i, i) for i in (names.get(a, a), names.get(b, b)))
                if a not in self.bound:
                    a, b = b, a
                if a == b or a not in self.bound or self.sizes[a] != self.sizes[b]:
                    return a == b
                self.bound.remove(a)
                self.same = {k: b if v == a else v for k, v in self.same.items()} | {a: b}
                return True
            case _:
                return False

    def size(self, letters: Iterable[str]) -> int:
        """The number of entries of an array over these letters."""
        return math.prod(self.sizes[i] for i in letters)

    def work(self, operands: Sequence[tuple[str, ...]], path: Iterable[tuple[int, int]]) -> int:
        """Multiplications that an order takes; outside matrix products one costs several, for memory is slower."""
        axes, total = [frozenset(o) for o in operands], 0
        for pair in path:
            left, right = (axes[k] for k in pair)
            axes = [a for k, a in enumerate(axes) if k not in pair]
            keep = self.free.union(*axes)
            matrix = left - right and right - left and not (left & right) <= keep
            total += self.size(left | right) * (1 if matrix else _MEMORY_BOUND)
            axes.append((left | right) & keep)
        return total

    def smallest(self, values: Sequence[Value], letters: Iterable[str]) -> int | None:
        """The place of the smallest array that has all these letters."""
        need = frozenset(letters)
        fit = [k for k, v in enumerate(values) if need.issubset(v.axes)]
        return min(fit, key=lambda k: self.size(values[k].axes), default=None)


_Pattern = tuple[int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]


class _Made(NamedTuple):
    """A product of two arrays (which are kept, so that nothing else takes their identity), its axes by number."""

    array: Array
    axes: tuple[int, ...]
    of: tuple[Array, Array]


def _pattern(left: Value, right: Value, keep: frozenset[str]) -> tuple[_Pattern, list[str]]:
    """What a product of two arrays is, whatever its indices are called; and these in the order of their numbers."""
    if id(left.array) > id(right.array):
        left, right = right, left
    number = {i: k for k, i in enumerate(dict.fromkeys((*left.axes, *right.axes)))}
    first, second = (tuple(number[i] for i in v.axes) for v in (left, right))
    kept = tuple(k for i, k in number.items() if i in keep)
    return (id(left.array), id(right.array), first, second, kept), list(number)


def _negative(e: Expr) -> bool:
    """Whether a term has a minus sign: it is then subtracted, not multiplied by a negative number."""
    inner = e.body if isinstance(e, Sum) else e
    c = inner.factors[0] if isinstance(inner, Mul) else e
    return isinstance(c, Number) and c.value < 0


def _wide(e: Expr) -> bool:
    """A product with more indices than any of its factors: not to be stored before it is summed."""
    return isinstance(e, Mul) and not any(e.free <= f.free for f in e.factors)


def _nodes(system: System) -> Iterator[Expr]:
    seen: set[Expr] = set()
    for eq in system:
        stack = [eq.value]
        while stack:
            n = stack.pop()
            if n not in seen:
                seen.add(n)
                stack.extend(n.children)
                yield n


def _python(c: Any) -> int | float:
    """A Python number, which takes the dtype of the array that it meets."""
    if isinstance(c, float):
        return c
    return int(c) if c.denominator == 1 and abs(c) < 2**31 else float(c)


def _over(c: Any, d: Any) -> Any:
    """``c / d``; by zero it is infinite or not a number, as in floating point."""
    if d:
        return c / d
    return math.nan if c == 0 or c != c else math.copysign(math.inf, c)


def _power(base: Any, n: Fraction) -> Any:
    if n.denominator == 1:
        return base ** int(n) if base or n > 0 else math.inf
    return float(base) ** float(n) if base >= 0 and (base or n > 0) else math.nan


def _compare(relation: str, a: Any, b: Any) -> bool:
    return {"=": a == b, "≠": a != b, "<": a < b, "≤": a <= b, ">": a > b, "≥": a >= b}[relation]
