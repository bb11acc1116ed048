"""What a primitive of JAX means as an expression with indices: one table, a row for each.

In: a line of a program (its primitive, its parameters and the shapes at each of the sizes) and the values of its
arguments. Out: the values of its results. This file executes nothing, and imports nothing of JAX: it sees names, whole
numbers and shapes. Primitives that move axes about are in ``trace.axes``, those that add up in ``trace.sums``; each
file adds its rows to the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from tensorprop.core.build import ONE, ZERO, add, bracket, call, mul, negate, number, power, subtract
from tensorprop.core.expr import Bracket, Call, Expr, Index, Mul, Number
from tensorprop.core.functions import FUNCTIONS, watch
from tensorprop.core.plane import IMAGINARY
from tensorprop.trace.numbers import Extent
from tensorprop.trace.readable import FINITE, IS_NAN, STOP, bare, clipped, distance
from tensorprop.trace.recognise import OTHER, Recognition
from tensorprop.trace.sheet import INF, NO_POSITIONS, TWO, Traced

__all__ = ["INSTEAD", "PRIMITIVES", "Operation", "Rule", "chosen", "elementwise", "row", "rule_of"]


class Operation(NamedTuple):
    """A line of a program: what it does, and the shapes before and after, each size at all the sizes of the trace.

    ``params`` are those of the first trace, ``every`` those of all; ``kinds``: f floats, i, u whole numbers, b truth.
    """

    name: str
    params: Mapping[str, Any]
    every: tuple[Mapping[str, Any], ...]
    ins: tuple[tuple[Extent, ...], ...]
    outs: tuple[tuple[Extent, ...], ...]
    kinds: tuple[str, ...]
    kind: str

    def sizes(self, key: str) -> tuple[Extent, ...]:
        """A parameter that is a list of whole numbers, each at all the sizes."""
        return tuple(zip(*(tuple(int(n) for n in p[key]) for p in self.every), strict=True))

    def size(self, key: str) -> Extent:
        """A parameter that is a whole number."""
        return tuple(int(p[key]) for p in self.every)


Rule = Callable[[Recognition, Operation, list[Traced]], Traced | list[Traced]]
PRIMITIVES: dict[str, Rule] = {}


def row(*names: str) -> Callable[[Rule], Rule]:
    """Put a rule into the table under the names of its primitives."""

    def put(rule: Rule) -> Rule:
        PRIMITIVES.update(dict.fromkeys(names, rule))
        return rule

    return put


def elementwise(page: Recognition, args: Sequence[Traced], rule: Callable[..., Expr]) -> Traced:
    """``rule`` of the entries of arrays of one shape."""

    def made(some: list[Traced]) -> Traced:
        exprs, axes = page.aligned(some)
        return page.define(rule(*exprs), axes)

    return page.by_parts(args, made)


def unnamed(page: Recognition, args: Sequence[Traced], rule: Callable[..., Expr]) -> Traced:
    """The same for what needs no name of its own."""

    def made(some: list[Traced]) -> Traced:
        exprs, axes = page.aligned(some)
        return Traced(rule(*exprs), axes)

    return page.by_parts(args, made)


# --------------------------------------------------------------------------- arithmetic
PRIMITIVES["add"] = PRIMITIVES["add_any"] = lambda page, line, args: elementwise(page, args, page.sum)
PRIMITIVES["sub"] = lambda page, line, args: elementwise(page, args, lambda a, b: page.sum(a, negate(b)))
PRIMITIVES["neg"] = lambda page, line, args: elementwise(page, args, negate)
PRIMITIVES["mul"] = lambda page, line, args: elementwise(page, args, page.product)
PRIMITIVES["square"] = lambda page, line, args: elementwise(page, args, lambda a: power(a, TWO))
PRIMITIVES["one_minus_square"] = lambda page, line, args: elementwise(
    page, args, lambda a: subtract(ONE, power(a, TWO))
)
PRIMITIVES["log2"] = lambda page, line, args: elementwise(page, args, lambda a: call("log2", a))
PRIMITIVES["exp2"] = lambda page, line, args: elementwise(page, args, lambda a: call("power", TWO, a))


def _function(function: str) -> Rule:
    def rule(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
        def made(*exprs: Expr) -> Expr:
            if function == "abs" and bare(exprs[0]):
                return call("abs", exprs[0])
            if function in ("max", "min") and any(map(bare, exprs)) and all(page.bounds(e) for e in exprs):
                return call(function, *exprs)
            if any(bare(e) for e in exprs):
                raise page.refuse(f"the value of an index is used as a number, by {line.name}", NO_POSITIONS)
            return page.function(function, *exprs)

        return elementwise(page, args, made)

    return rule


_FUNCTIONS: dict[str, Rule] = {}
"""JAX's primitives that are functions of the table of functions."""


def _learn() -> None:
    """What the rows of the table of functions say of JAX, as they are now."""
    _FUNCTIONS.clear()
    _FUNCTIONS.update((f.primitive, _function(name)) for name, f in FUNCTIONS.items() if f.primitive)


watch(_learn)


def rule_of(primitive: str) -> Rule | None:
    """The row of a primitive: its own, or that of the elementwise function that it is."""
    return PRIMITIVES.get(primitive) or _FUNCTIONS.get(primitive)


@row("div")
def _div(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    if line.kind in "iu":
        raise page.refuse("the quotient of whole numbers is cut to a whole number", "divide floats")
    return elementwise(page, args, page.quotient)


@row("integer_pow")
def _integer_pow(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    exponent = Number(Fraction(line.params["y"]))
    return elementwise(page, args, lambda a: power(a, exponent))


@row("pow")
def _pow(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    def rule(a: Expr, b: Expr) -> Expr:
        if bare(a) or bare(b):
            raise page.refuse("the value of an index is used as a number, by pow", NO_POSITIONS)
        if isinstance(b, Number) and abs(b.value) == Fraction(1, 2):
            return call("sqrt" if b.value > 0 else "rsqrt", a)
        return call("power", a, b)

    return elementwise(page, args, rule)


@row("polynomial")
def _polynomial(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``c_0 + x (c_1 + x (…))``."""
    total = args[-1]
    for c in args[-2:0:-1]:
        product = elementwise(page, [args[0], total], page.product)
        total = elementwise(page, [c, product], page.sum)
    return total


@row("complex")
def _complex(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """``x + ⅈ y``."""
    return elementwise(page, args, lambda x, y: page.sum(x, mul(IMAGINARY, y)))


@row("clamp")
def _clamp(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    def rule(low: Expr, a: Expr, high: Expr) -> Expr:
        if bare(a) and not all(page.bounds(e) for e in (low, a, high)):
            raise page.refuse("the value of an index is used as a number, by clamp", NO_POSITIONS)
        return call("min", call("max", a, low), high)

    return elementwise(page, args, rule)


@row("stop_gradient")
def _stop_gradient(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    def rule(e: Expr) -> Expr:
        return e if isinstance(e, (Number, Index, Bracket)) else call(STOP, e)

    return unnamed(page, args, rule)


@row("round")
def _round(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    """Halves to the even number, or away from 0: ``sign(x) floor(abs(x) + 1/2)``."""
    if int(line.params["rounding_method"]):
        return elementwise(page, args, lambda e: call("round", e))
    half = Number(Fraction(1, 2))
    return elementwise(page, args, lambda e: mul(call("sign", e), call("floor", add(call("abs", e), half))))


@row("is_finite")
def _is_finite(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    return unnamed(page, args, lambda e: call(FINITE, e))


@row("convert_element_type")
def _convert(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    old, new = line.kinds[0], line.kind
    if new in "iu" and old not in "iub" and not isinstance(args[0].expr, Number):
        raise page.refuse("floats are cut to whole numbers", "leave the conversion out, or do it beforehand")
    if new == "b" and old != "b":
        return unnamed(page, args, lambda e: bracket("≠", e, ZERO))
    return args[0]


# --------------------------------------------------------------------------- truth
@row("select_n")
def _select(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
    return chosen(page, args[0], args[1:])


def chosen(page: Recognition, which: Traced, some: Sequence[Traced]) -> Traced:
    """One of several values: by a truth value, or by a whole number, ``where([k = 0], x, where([k = 1], y, z))``."""
    if len(some) == 2:
        return elementwise(page, [which, *some], page.choose)

    def rule(k: Expr, *exprs: Expr) -> Expr:
        e = exprs[-1]
        for n, other in reversed(list(enumerate(exprs[:-1]))):
            e = page.choose(page.settled(bracket("=", k, number(n))), e, other)
        return e

    return elementwise(page, [which, *some], rule)


TURNED = {"=": "=", "≠": "≠", "<": ">", ">": "<", "≤": "≥", "≥": "≤"}


def _within(e: Expr, relation: str, n: Expr) -> Expr:
    """``abs(t - u) ≤ n`` as ``[t - u ≤ n] [t - u ≥ -n]``."""
    if relation in "=≠":
        both = add(bracket("=", e, n), bracket("=", e, negate(n))) if n is not ZERO else bracket("=", e, n)
    else:
        near = relation if relation in "<≤" else OTHER[relation]
        both = mul(bracket(near, e, n), bracket(TURNED[near], e, negate(n)))
    return both if relation in "=<≤" else subtract(ONE, both)


def _beside_infinity(relation: str, end: Expr, value: Expr, x: Expr) -> Expr:
    """``x = ∞`` and the like: of what is infinite, the sign tells which; nan is neither smaller nor larger.

    ``relation`` is towards ``end``, whichever of the two that is; ``value`` is what x is, if that has a name.
    """
    if isinstance(value, Call) and value.function == "abs" and end is INF:
        x = value.args[0]
        side = ONE
    else:
        side = bracket(">" if end is INF else "<", x, ZERO)
    no_number, infinite = call(IS_NAN, x), subtract(subtract(ONE, call(FINITE, x)), call(IS_NAN, x))
    edge = mul(infinite, side)
    match relation:
        case "=" | "≥":
            return edge
        case "≠":
            return subtract(ONE, edge)
        case "<":
            return subtract(subtract(ONE, no_number), edge)
        case "≤":
            return subtract(ONE, no_number)
        case _:
            return ZERO


def _comparison(relation: str) -> Rule:
    def rule(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
        def made(a: Expr, b: Expr) -> Expr:
            if a is b and not bare(a):
                if line.kinds[0] not in "iub" and relation in "=≠":
                    return call(IS_NAN, a) if relation == "≠" else subtract(ONE, call(IS_NAN, a))
                return ONE if relation in "=≤≥" else ZERO
            for x, y, way in ((a, b, relation), (b, a, TURNED[relation])):
                apart = distance(x)
                if apart is not None and not bare(y):
                    return _within(apart, way, y)
                if y in (INF, negate(INF)):
                    if isinstance(x, Number) or bare(x) or (page.guarding and relation == "="):
                        return ONE if relation == "≠" or way in ("<≤" if y is INF else ">≥") else ZERO
                    return _beside_infinity(way if y is INF else TURNED[way], y, page.look(x), x)
            return ONE if page.positive(relation, a, b) else bracket(relation, a, b)

        def settled(a: Expr, b: Expr) -> Expr:
            e = page.settled(made(a, b))
            if (clipped(a) or clipped(b)) and e.free:
                raise page.refuse("a position that is clipped is compared", "compare the position")
            return e

        return unnamed(page, args, settled)

    return rule


PRIMITIVES.update(
    (n, _comparison(r)) for n, r in {"gt": ">", "lt": "<", "ge": "≥", "le": "≤", "eq": "=", "ne": "≠"}.items()
)
PRIMITIVES.update((f"{n}_to", PRIMITIVES[n]) for n in ("lt", "le", "eq"))  # of sorted numbers, with nan at the end


def _negation(e: Expr) -> Expr:
    return bracket(OTHER[e.relation], e.left, e.right) if isinstance(e, Bracket) else subtract(ONE, e)


def _is_truth(e: Expr) -> bool:
    """Whether a whole number is 0 or 1: a truth value, or a product of these."""
    if isinstance(e, Number):
        return e.value in (0, 1)
    return isinstance(e, Bracket) or (isinstance(e, Mul) and all(map(_is_truth, e.factors)))


def _unlike(a: Expr, b: Expr) -> Expr:
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Number):
            return _negation(y) if x.value else y
    return bracket("≠", a, b)


def _boolean(rule: Callable[..., Expr]) -> Rule:
    def checked(page: Recognition, line: Operation, args: list[Traced]) -> Traced:
        if line.kind != "b" and (line.name == "not" or not all(_is_truth(page.look(v.expr)) for v in args)):
            raise page.refuse(f"{line.name} of the bits of whole numbers", "work with truth values")
        return elementwise(page, args, rule)

    return checked


def _either(a: Expr, b: Expr) -> Expr:
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Number):
            return ONE if x.value else y
    return call("max", a, b)


PRIMITIVES["and"] = _boolean(mul)
PRIMITIVES["or"] = _boolean(_either)
PRIMITIVES["not"] = _boolean(_negation)
PRIMITIVES["xor"] = _boolean(_unlike)

# --------------------------------------------------------------------------- what has no counterpart
INSTEAD = {
    "fft": "multiply by the matrix of the transform, given as an argument: jnp.fft.fft(jnp.eye(n)) @ x",
    "eig": "eigenvalues of symmetric matrices, jnp.linalg.eigh, are read",
    "qr": "factor with jnp.linalg.cholesky(A.T @ A), or solve with jnp.linalg.lstsq",
    "call_hi_primitive": "read the function itself, and take tensorprop.adjoint of the equations",
    "bessel_i0e": "give its values as an argument",
    "bessel_i1e": "give its values as an argument",
    "erf_inv": "give its values as an argument",
    "nextafter": "leave it out, or add a small number such as 1e-6",
    "bitcast_convert_type": "it reads the bits of a number: give what is made of them as an argument",
    "while": "read the body of the loop alone",
    "random_bits": "draw random numbers outside, and pass them as an argument",
}
