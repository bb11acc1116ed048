"""From a System to a program: every node becomes one array whose axes bear index letters.

In: a System, its arrays (or a tracer's stand-ins for them), their sizes, and the array operations to use.
Out: the arrays that the outputs name. What is decided here is which operations are done, on which axes and in
which order; the operations themselves (`values.Operations`) are given. This file does not know JAX, and it runs once
per set of shapes, while a function is traced: nothing of it is left in the compiled program.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from tensorprop.core.build import power
from tensorprop.core.equation import Equation, Loop, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.walk import tensors_of
from tensorprop.errors import NumberTooLarge, OutOfRange, UsageError
from tensorprop.run.count import Count, Shaped
from tensorprop.run.loops import Held, Past, looped
from tensorprop.run.lowerings.abreast import placed, side_by_side
from tensorprop.run.lowerings.band import bands
from tensorprop.run.lowerings.boxes import box, boxed_mean
from tensorprop.run.lowerings.convolution import convolution
from tensorprop.run.lowerings.entries import entries, read_often
from tensorprop.run.lowerings.frechet import frechet
from tensorprop.run.lowerings.greatest import greatest
from tensorprop.run.lowerings.outer import outer_products
from tensorprop.run.lowerings.running import running_product, running_reduction
from tensorprop.run.lowerings.selection import added, of_brackets, pick, put, read_at, scatter, targets
from tensorprop.run.lowerings.solving import inverse, logdet, solving
from tensorprop.run.lowerings.symmetric import mirrored_product
from tensorprop.run.lowerings.triangle import LEAST, Zeros, blocks, narrowed, ordered, read, trimmed, waiting
from tensorprop.run.lowerings.weights import running_weights
from tensorprop.run.lowerings.whole_form import Affine, affine, always
from tensorprop.run.precision import Precision
from tensorprop.run.price import priced
from tensorprop.run.product import Contraction, Factor, contracted, divisor
from tensorprop.run.replayed import Replays
from tensorprop.run.riders import Rider, names_of, ridden
from tensorprop.run.sizes import Extents, Part, Steps, begin
from tensorprop.run.values import Array, Operations, Rule, Sizes, Value, Values, Wish

__all__ = ["Tie", "lower"]

Form = Callable[["_Run"], Rule]
"""One way to work out an expression, for a run that asks it."""

_Key = tuple[Expr, tuple[int, ...], tuple[int, ...], bool, str | None]


class Tie(NamedTuple):
    """Arrays under new names, by their old ones, which are there once the tensors ``after`` are."""

    arrays: Mapping[str, str]
    after: tuple[str, ...]


_ENDS = {"∞": math.inf, "-∞": -math.inf}


def lower(
    system: System,
    arrays: Mapping[str, Array],
    outputs: Sequence[str],
    ops: Operations,
    sizes: Extents,
    precision: Precision | None = None,
    in_blocks: bool = True,
    ties: Mapping[str, Tie] | None = None,
) -> dict[str, Array]:
    """The arrays that ``outputs`` name, each with the axes of its equation's left side, in its order.

    ``sizes`` are the :class:`Extents` of these arrays' shapes. Shared nodes are computed once in every
    ``precision``. Unless ``in_blocks`` is false, what is zero beside a triangle is left out where that takes less.
    ``ties``: what is done before the equation of a tensor.
    """
    through = (n for tie in (ties or {}).values() for n in (*tie.arrays.values(), *tie.after) if n in system)
    run = _Run(system.only((*outputs, *through)), arrays, ops, sizes, precision=precision)
    if in_blocks and not ties:
        _parted(run, outputs)
    return _all(run, outputs, ties)


def _parted(run: _Run, outputs: Sequence[str]) -> None:
    """Leave out what is zero beside a triangle, if the whole program takes less so."""
    sizes = [n for shape in run.extents.shapes.values() for n in shape]
    if not all(isinstance(n, int) for n in sizes) or max(sizes, default=0) < LEAST or not ordered(run.system):
        return
    run.zeros, waits = waiting(run.system, run.extents, outputs)
    costs: list[float] = []
    for names in (frozenset[str](), waits) if waits else ():
        shadow = run.shadow()
        shadow.waiting = names
        costs.append(priced([*_all(shadow, outputs).values()]))
    run.waiting = waits if waits and costs[1] < costs[0] else frozenset()


def _all(run: _Run, outputs: Sequence[str], ties: Mapping[str, Tie] | None = None) -> dict[str, Array]:
    """The arrays of the outputs, one equation or loop after the other; what waits is made when it is read."""
    run.replays = Replays(run) if run.precision is None and run.zeros is None else None
    for block in run.system.blocks:
        eq = block.body[0] if isinstance(block, Loop) else block
        try:
            if isinstance(block, Loop):
                run.loop(run.extents.steps[eq.name], outputs)
            elif block.name not in run.waiting and block.name not in run.arrays:
                _tied(run, (ties or {}).get(block.name))
                run.equation(block)
        except OverflowError:
            raise NumberTooLarge(
                "a number here is outside the range of floating point",
                fix="divide it among the factors, or work with its logarithm",
                about=eq.target,
            ) from None
    return {name: run.stored(name) for name in outputs}


def _tied(run: _Run, tie: Tie | None) -> None:
    """The arrays that an equation reads once others are there."""
    if tie is not None:
        arrays = {new: run.stored(old) for new, old in tie.arrays.items()}
        run.arrays.update(run.ops.apart(arrays, [run.stored(n) for n in tie.after]))


class _Run(Values):
    """One lowering: the arrays made so far, the values of nodes, and how often each node is used."""

    def __init__(
        self,
        system: System,
        arrays: Mapping[str, Array],
        ops: Operations,
        extents: Extents,
        sides: Sequence[Expr] | None = None,
        precision: Precision | None = None,
        kind: str | None = None,
    ) -> None:
        super().__init__(ops)
        self.system = system
        self.arrays = dict(arrays)
        self.extents = extents
        self.precision, self.kind = precision, kind
        self.time: dict[str, Array] = {}
        """The letter that is the time of a loop, and its value now."""
        self.past: Past | None = None
        self.held: Held = {}
        self.values: dict[_Key, Value] = {}
        self.factors: dict[Any, Any] = {}
        """Factors of matrices, see `lowerings.solving`."""
        self.zeros: Zeros | None = None
        self.waiting: frozenset[str] = frozenset()
        """Tensors that are read in blocks, see `lowerings.triangle`."""
        self.replays: Replays | None = None
        sides = [eq.value for eq in system] if sides is None else sides
        self.uses = Counter(c for n in _nodes(sides) for c in n.children)
        self.uses.update(sides)

    def equation(self, eq: Equation) -> None:
        """Work out an equation, and keep its array."""
        self.turn(self.precision and self.precision.of(eq.name))
        self.arrays[eq.name] = self.side(eq) if self.replays is None else self.replays.side(self, eq)

    def turn(self, kind: str | None) -> None:
        """Work in the dtype that is asked for from here on."""
        if kind != self.kind:
            self.kind, self.ops, self.factors = kind, self.ops.at(kind), {}

    def cast(self, name: str, a: Array) -> Array:
        """A tensor's array in the dtype in which it is read."""
        if self.precision is None or a is None:
            return a
        return self.ops.cast(a, self.precision.read(name, self.kind, self.system.inputs))

    def side(self, eq: Equation, value: Expr | None = None) -> Array:
        """The right side (or what stands for it) with the axes of the left, but for a letter that has one value now."""
        with self.ops.scope(eq.name):
            return self._side(eq, eq.value if value is None else value)

    def _side(self, eq: Equation, value: Expr) -> Array:
        sizes = self.extents.letters(eq)
        letters = tuple(i for i in eq.letters if i not in self.time)
        self.place = {letter: k for k, letter in enumerate(letters)}
        made = self.value(value, sizes)
        array = self.spread(Value(self.plain(made), made.axes), letters, sizes)
        if self.kind is not None:
            array = self.ops.cast(array, self.kind)
        return self.ops.named(array, letters, eq.name)

    def loop(self, steps: Steps, wanted: Collection[str]) -> None:
        """The tensors of a loop that anybody else reads, or that are wanted."""
        self.turn(self.precision and self.precision.together(steps.loop))
        loop, riders = steps.loop, dict[str, Rider]()
        if self.ops.rides and self.precision is None and self.zeros is None:
            steps, riders = ridden(self, steps, wanted)
        others = (b for b in self.system.blocks if b != loop and (isinstance(b, Loop) or b.name not in riders))
        read = {*wanted, *(n for b in others for n in names_of(b))}
        made = looped(self, steps, frozenset((*loop.axes.keys() & read, *riders)), riders)
        for name, r in riders.items():
            whole = self.ops.sum(made[name], (0,)) if r.summed else made[name]
            made[name] = self.ops.named(whole, r.equation.letters, name)
        self.arrays.update(made)

    def inner(self, values: Iterable[Expr]) -> _Run:
        """A lowering of right sides within a step of a loop, or of its starts."""
        return _Run(self.system, self.arrays, self.ops, self.extents, list(values), self.precision, self.kind)

    def over(self, node: Expr, sizes: Sizes, first: str) -> Value:
        """The value of a node, with the axis of one letter in front if it has that."""
        self.place = {letter: k for k, letter in enumerate(sorted(sizes, key=lambda i: i != first))}
        v = self.value(node, sizes)
        axes = tuple(sorted(v.axes, key=lambda i: i != first))
        return v if axes == v.axes else Value(self.align(v, axes), axes, v.truth)

    def stored(self, name: str) -> Array:
        """The array of a tensor; of one that a loop makes, without the starts that lie outside of it."""
        if name in self.waiting and name not in self.arrays:
            place, kind = self.place, self.kind
            self.equation(self.system[name])
            self.place = place
            self.turn(kind)
        steps, array = self.extents.steps.get(name), self.arrays[name]
        if steps is None:
            return array
        axis, (first, end) = steps.loop.axes[name], steps.spans[name]
        size = self.extents.shapes[name][axis]
        own = next(eq.letters for eq in steps.loop.body if eq.name == name)
        whole = array if (first, end) == (0, size) else self.ops.shifted(array, axis, -first, size, 1, 0)
        return self.ops.named(whole, own, name)

    def whole_tensor(self, name: str, letters: tuple[str, ...]) -> Value:
        """All entries of a tensor, its axes under these letters."""
        return Value(self.ops.named(self.cast(name, self.stored(name)), letters), letters)

    def zero_outside(self, name: str) -> bool:
        """Whether the System says that a tensor is 0 outside."""
        stated = self.system.outside(name)
        return isinstance(stated, Number) and not stated.value

    def size(self, name: str, axis: int) -> int:
        """The length of an axis."""
        return self.extents.shapes[name][axis]

    def affine(self, e: Expr) -> Affine | None:
        """``e`` as a sum of letters with whole factors; None if something else is in it, such as a time that passes."""
        return None if not e.free.isdisjoint(self.time) else affine(e, self.extents.shapes)

    # ----------------------------------------------------------------- nodes, each once
    def value(self, node: Expr, sizes: Sizes) -> Value:
        """The value of a node. Rules ask for other nodes by yielding them, so that depth costs no stack."""
        wish = Wish(node, sizes)
        sent = self.values.get(self.key(wish))
        return self.answered(self.rule(wish), self.key(wish)) if sent is None else sent

    def answered(self, rule: Rule, key: _Key | None = None) -> Value:
        """What a rule comes to."""
        sent: Value | None = None
        stack: list[tuple[_Key | None, Rule]] = [(key, rule)]
        while stack:
            key, rule = stack[-1]
            try:
                wish = next(rule) if sent is None else rule.send(sent)
            except StopIteration as stop:
                sent = stop.value
                if key is not None and sent is not None:
                    sent = self.values[key] = sent._replace(array=self.ops.named(sent.array, sent.axes, key[0]))
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
        sizes = tuple(wish.sizes[i] for i in self.extents.free(wish.node))
        return wish.node, sizes, tuple(map(begin, sizes)), wish.negated, self.kind

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
        match e:
            case Number():
                return Value(-e.value if negated else e.value, ())
            case Dim():
                n = self.extents.shapes[e.tensor][e.axis]
                return Value(Fraction(n) if isinstance(n, int) else self.ops.full((), n), ())
            case Index():
                if e.name in self.time:
                    return Value(self.time[e.name], ())
                place, first = self.ops.iota(int(sizes[e.name])), begin(sizes[e.name])
                return Value(self.ops.named(self.ops.add(place, first) if first else place, (e.name,)), (e.name,))
            case Tensor() if (key := (e, tuple(sizes[i] for i in self.extents.free(e)))) in self.held:
                return self.held[key]
            case Tensor() if e.name in self.waiting and (part := read(self, e, sizes)) is not None:
                return (yield from part)
            case Tensor():
                stated = self.system.outside(e.name)
                outside = float(stated.value) if isinstance(stated, Number) else _ENDS.get(stated or "", stated)
                spans = [self.extents.span(e.name, k) for k in range(len(e.subscripts))]
                array, subscripts = self.arrays.get(e.name), list(e.subscripts)
                array = self.cast(e.name, self.stored(e.name) if e.name in self.waiting else array)
                if self.past is not None and e.name in self.past.axes:
                    array, axis = self.past.find(e, self.extents.shapes)
                    array = self.cast(e.name, array)
                    del spans[axis], subscripts[axis]
                    if array is None:
                        raise OutOfRange(f"nothing gives {e} before it is read", fix="add a start for it", about=e)
                return (yield from entries(self, array, subscripts, sizes, outside, spans, read_often(self, e)))
            case _:
                raise UsageError(f"{e} has no value of its own", about=e)

    def bracket(self, e: Bracket, sizes: Sizes) -> Rule:
        key = e, tuple(sizes[i] for i in self.extents.free(e))
        if key in self.held or always(e, self.extents.shapes, sizes):
            return self.held.get(key, Value(Fraction(1), ()))
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
        if e.function == "imaginary":
            return Value(self.ops.named(self.ops.call("imaginary"), ()), ())
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
        if e.op == "logdet":
            return (yield from logdet(self, e, sizes))
        if e.op == "inv":
            array, left = yield from inverse(self, e, sizes)
            return (yield from entries(self, array, [*(Index(i) for i in left), *e.at], sizes))
        inner = {**sizes, **self.extents.bound(e, sizes)}
        parts = self.zeros is not None and any(isinstance(n, Part) for n in sizes.values())
        if parts and self.zeros is not None:
            return (yield from self.plain_reduction(e, sizes, narrowed(self.zeros, e, inner)))
        forms = (form(self, e, sizes, inner) for form in (running_reduction, greatest, boxed_mean))
        others = [form for form in forms if form is not None]
        return (yield from self.cheapest(lambda on: on.plain_reduction(e, sizes, inner), others))

    def plain_reduction(self, e: Reduce, sizes: Sizes, inner: Sizes) -> Rule:
        """A reduction of an array over all letters of the body."""
        body = yield Wish(e.body, inner)
        axes = (*body.axes, *(i for i in e.indices if i not in body.axes))
        array = self.spread(Value(self.plain(body), body.axes), axes, inner)
        out = self.ops.reduce(e.op, self.ops.named(array, axes), tuple(axes.index(i) for i in e.indices))
        if not e.at:
            left = tuple(i for i in axes if i not in e.indices)
            return Value(self.ops.named(out, left), left)
        if is_matrix(e.op):  # its own axes stand last
            left = tuple(i for i in axes if i not in e.indices)
            return (yield from entries(self, out, [*(Index(i) for i in left), *e.at], sizes))
        entry = dict(zip(e.indices, e.at, strict=True))
        spans = [(begin(inner[i]), begin(inner[i]) + inner[i]) for i in axes]
        at = [entry[i] if i in entry else Index(i) for i in axes]
        return (yield from entries(self, out, at, sizes, None, spans))

    def terms(self, e: Add, sizes: Sizes) -> Rule:
        """Terms in their order, those with a minus sign subtracted; the first with a plus sign leads.

        Of three and more, tensors by themselves are added last: XLA works a long chain ``x + a + b`` out again for all
        who read it, and not ``x + (a + b)``.
        """
        found = None if any(isinstance(n, Part) for n in sizes.values()) else placed(e, sizes, self.time)
        if found is not None:
            letter, parts, rest = found
            whole = yield from side_by_side(self, letter, parts, sizes)
            for t in rest:
                v = yield Wish(t, sizes)
                whole = self.joined(whole, Value(self.plain(v) if v.truth else v.array, v.axes), False)
            return whole
        signed = [(_negative(t), t) for t in e.terms]
        if len(signed) > 2:
            signed.sort(key=lambda term: isinstance(term[1], Tensor))
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
        p = Contraction(e.free, sizes, self.time)
        _gather(self, p, e, {}, sizes)
        if negated:
            p.coefficient = -p.coefficient
        return (yield from self.contract(p))

    def distributed(self, e: Sum, body: Add, sizes: Sizes) -> Rule:
        """``Σ_j (A_ij x_j + B_ij y_j)`` is contracted term by term."""
        bound = self.extents.bound(e, sizes)
        products = [Contraction(e.free, sizes, self.time) for _ in body.terms]
        for p, t in zip(products, body.terms, strict=True):
            _gather(self, p, t, p.bind(bound, {}), {**sizes, **bound})
        return (yield from added(self, products))

    def contract(self, p: Contraction) -> Rule:
        """A product in the form that suits it: a convolution, else the cheapest of the others that fit."""
        p.masks = [m for m in p.masks if not p.merge(m[0], m[1])]
        if self.zeros is not None and any(isinstance(n, Part) for n in p.sizes.values()):
            trimmed(self.zeros, p)
            return (yield from self.plain_product(p.within(p.free, ())))
        rule = convolution(self, p) if not p.ready else None
        if rule is not None:
            return (yield from rule)
        for form in (box, solving, frechet, of_brackets):
            rule = form(self, p)
            if rule is not None:
                return (yield from rule)
        if p.ready:
            return (yield from self.plain_product(p.within(p.free, ())))
        forms = [make for form in (running_product, running_weights, bands) if (make := form(self, p)) is not None]
        parts = blocks(self.zeros, p) if self.zeros is not None else None
        if parts is not None and any(_waits(self, f[0]) for f in (*p.factors, *p.divisors)):
            return (yield from parts(self))
        forms += [form for form in (parts, outer_products(p), mirrored_product(p)) if form is not None]
        return (yield from self.cheapest(lambda on: on.plain_product(p.within(p.free, ())), forms))

    def plain_product(self, p: Contraction) -> Rule:
        """A product as it stands: selections by brackets, else divisions, brackets and pairs in order."""
        p.picks.update(pick(self, p))
        found = targets(self, p)
        if found:
            return (yield from scatter(self, p, found))
        masks = yield from self.values_of(p, p.masks, 0)
        operands = yield from self.values_of(p, p.factors, 0)
        for v in p.ready:
            operands.append((yield from read_at(self, v, p.picks, p.sizes, 0)))
        divisors = yield from self.values_of(p, p.divisors, 1)
        return contracted(self, p, masks, operands, divisors)

    def shadow(self) -> _Run:
        """The same run over shapes alone."""
        arrays = {n: Shaped("given", (), a.shape, 4) for n, a in self.arrays.items()}
        shadow = _Run(self.system, arrays, Count(), self.extents)
        shadow.time = {i: Shaped("iota", (), (), 4) for i in self.time}
        shadow.held = {k: _shape(v) for k, v in self.held.items()}
        if self.past is not None:
            shadow.past = self.past.over_shapes()
        shadow.place = self.place
        shadow.zeros, shadow.waiting = self.zeros, self.waiting
        return shadow

    def cheapest(self, plain: Form, others: Iterable[Form]) -> Rule:
        """The plain form, or one that takes less: each is lowered over shapes first."""
        forms = [*others]
        if not forms:
            return plain(self)
        costs: list[float] = []
        for form in (plain, *forms):
            shadow = self.shadow()
            costs.append(priced([shadow.answered(form(shadow)).array]))
        return [plain, *forms][costs.index(min(costs))](self)

    def finish(self, p: Contraction, v: Value, after: Contraction) -> Rule:
        """A part of a product, times what was left for after it."""
        after.free = p.free
        for d in (yield from self.values_of(after, after.divisors, 1)):
            v = self.divided(v, d)
        for f in (yield from self.values_of(after, after.factors, 0)):
            v = self.scaled(v, f.array, []) if f.number else self.pair(v, f, frozenset((*v.axes, *f.axes)))
        for m in (yield from self.values_of(after, after.masks, 0)):
            v = self.masked(v, m) if not m.number else v if m.array else Value(Fraction(0), ())
        return v

    def values_of(
        self, p: Contraction, factors: Iterable[Factor], outside: float
    ) -> Generator[Wish, Value, list[Value]]:
        """The values of factors, their axes under the product's own letters; equal letters become a diagonal.

        Letters that brackets say what they are are put there; where that leaves an axis stands ``outside``.
        """
        found: list[tuple[Value, tuple[str, ...]]] = []
        for f in factors:
            e, names, sizes = put(p, f)
            v = (yield from divisor(e, sizes)) if outside else (yield Wish(e, sizes))
            found.append((v, tuple(names.get(i, i) for i in v.axes)))
        out: list[Value] = []
        for v, axes in found:
            array, axes = self.diagonal(v.array, [p.same.get(i, i) for i in axes])[:2] if axes else (v.array, axes)
            made = Value(array, axes, v.truth, v.over)
            out.append((yield from read_at(self, made, p.picks, p.sizes, outside)))
        return out


def _gather(run: _Run, p: Contraction, e: Expr, names: Mapping[str, str], sizes: Sizes) -> None:
    """Sort the factors of ``e`` into ``p``; a sum that nothing else uses is opened, its letters kept apart."""
    todo: list[tuple[Expr, Mapping[str, str], Sizes]] = [(e, names, sizes)]
    while todo:
        f, names, sizes = todo.pop()
        match f:
            case Number(value=c):
                p.coefficient *= c
            case Mul():
                todo.extend((g, names, sizes) for g in reversed(f.factors))
            case Sum() if f is e or run.uses[f] < 2:
                bound = run.extents.bound(f, sizes)
                todo.append((f.body, p.bind(bound, names), {**sizes, **bound}))
            case Bracket() if always(f, run.extents.shapes, sizes):
                pass
            case Bracket():
                p.masks.append((f, names, sizes))
            case Call(function="power", args=(base, Number(value=n))) if n < 0 and n.denominator == 1:
                p.divisors.append((power(base, Number(-n)), names, sizes))
            case _:
                p.factors.append((f, names, sizes))


def _waits(run: _Run, e: Expr) -> bool:
    """Whether a tensor stands in ``e`` that is read in blocks."""
    return any(n.name in run.waiting and n.name not in run.arrays for n in tensors_of(e))


def _shape(v: Value) -> Value:
    """The value over shapes."""
    return v if v.number else v._replace(array=Shaped("given", (), v.array.shape, 4))


def _negative(e: Expr) -> bool:
    """Whether a term has a minus sign: it is then subtracted, not multiplied by a negative number."""
    inner = e.body if isinstance(e, Sum) else e
    c = inner.factors[0] if isinstance(inner, Mul) else e
    return isinstance(c, Number) and c.value < 0


def _wide(e: Expr) -> bool:
    """A product with more indices than any of its factors: not to be stored before it is summed."""
    return isinstance(e, Mul) and not any(e.free <= f.free for f in e.factors)


def _nodes(sides: Iterable[Expr]) -> Iterator[Expr]:
    seen: set[Expr] = set()
    for side in sides:
        stack = [side]
        while stack:
            n = stack.pop()
            if n not in seen:
                seen.add(n)
                stack.extend(n.children)
                yield n


def _power(base: Any, n: Fraction) -> Any:
    if n.denominator == 1:
        return base ** int(n) if base or n > 0 else math.inf
    return float(base) ** float(n) if base >= 0 and (base or n > 0) else math.nan


def _compare(relation: str, a: Any, b: Any) -> bool:
    return {"=": a == b, "≠": a != b, "<": a < b, "≤": a <= b, ">": a > b, "≥": a >= b}[relation]
