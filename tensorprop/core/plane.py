"""Complex numbers: which tensors hold them, and what may be done with them. One answer for everybody.

In: a System with lines such as ``complex(z)``, or an expression and the names of complex tensors. Out: whether a value
is complex; expressions with conjugates and parts worked out as far as laws go that hold for all complex numbers. What a
function does with a complex argument is said in its row (``core.functions``), what is owed to it in ``calculus``.

Given is complex what is declared so, and what is owed to it or moves with it; defined is complex what is made of it,
but for ``re im abs angle``, which are real. A page without a complex number in it has none of this: `complex_names` is
empty at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from tensorprop.core.build import MINUS_ONE, ONE, ZERO, add, call, mul, negate, power, remake, sum_over
from tensorprop.core.equation import COMPLEX, Declared, Fact, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS
from tensorprop.core.names import adjoint_name, is_adjoint, moved, owed_to
from tensorprop.core.walk import fold, postorder
from tensorprop.errors import ComplexConvention

__all__ = [
    "IMAGINARY",
    "complex_names",
    "conjugate",
    "guarded",
    "has_parts",
    "is_complex",
    "real_part",
    "refuse_parts",
    "said_complex",
    "settled",
    "squares",
    "unguarded",
    "with_adjoints",
]

IMAGINARY = call("imaginary")
"""The imaginary unit, ``ⅈ ⅈ = -1``."""

Names = frozenset[str]
_NONE: Names = frozenset()
_UNIT: Names = frozenset(("ⅈ",))  # where no tensor is complex, and a number is


@lru_cache(maxsize=512)
def complex_names(s: System) -> Names:
    """The tensors of a System that hold complex numbers.

    Errors: ComplexConvention for a function or a comparison that complex numbers do not have, and for a matrix that is
    declared to be complex and positive definite or orthogonal.

    >>> from tensorprop.text import parse
    >>> sorted(complex_names(parse("y_i = A_ij z_j; E = abs(y_i)^2; complex(z)")))
    ['y', 'z']
    """
    said = s.complex
    if not said and "imaginary" not in s.functions:
        return _NONE
    found = {n for n in (*said, *s.inputs) if not s.defines(n) and said & {n, owed_to(n), moved(n)}}
    for name, what in s.declared.items():
        if name in found and (wrong := what & {"spd", "orthogonal"}):
            kind = "spd" if "spd" in wrong else "orthogonal"
            raise ComplexConvention(
                f"{name} is declared to be complex and {kind}, which is said of real matrices",
                fix=f"leave one of the lines complex({name}) and {kind}({name}) out",
            )
    again = True
    while again:
        names = frozenset(found)
        found.update(eq.name for eq in s if eq.name not in found and is_complex(eq.value, names))
        again = len(found) > len(names)
    names = frozenset(found) or _UNIT
    for n, eq in enumerate(s.equations):
        _allowed(n, eq.value, names)
    return names


def is_complex(e: Expr, names: Names) -> bool:
    """Whether a value is complex, where these tensors are.

    >>> from tensorprop.text import parse_expression
    >>> e, f = parse_expression("2 x z"), parse_expression("x abs(z)")
    >>> is_complex(e, frozenset("z")), is_complex(f, frozenset("z"))
    (True, False)
    """
    return _kinds(e, names)[e]


def _kinds(e: Expr, names: Names) -> dict[Expr, bool]:
    done: dict[Expr, bool] = {}
    for n in postorder(e):
        match n:
            case Tensor():
                done[n] = n.name in names
            case Number() | Index() | Dim() | Bracket():
                done[n] = False
            case Call():
                row = FUNCTIONS.get(n.function)
                real = row is not None and row.onto_reals
                done[n] = n is IMAGINARY or (not real and any(done[a] for a in n.args))
            case Reduce():
                done[n] = done[n.body]
            case _:
                done[n] = any(done[c] for c in n.children)
    return done


def _allowed(number: int, e: Expr, names: Names) -> None:
    """Refuse what complex numbers do not have."""
    done = _kinds(e, names)
    for n in done:
        match n:
            case Bracket() if n.relation not in "=≠" and any(done[c] for c in n.children):
                raise ComplexConvention(
                    f"complex numbers have no order: {n}",
                    fix="compare real ones, such as abs(z), re(z) or im(z)",
                    about=(number, n),
                )
            case Call(function=name, args=args) if any(done[a] for a in args):
                row = FUNCTIONS.get(name)
                if row is None:
                    raise ComplexConvention(
                        f"{name} is open, and nothing says what it does with complex numbers",
                        fix=f"take it of re(…), im(…) or abs(…), or write {name} out",
                        about=(number, n),
                    )
                if not row.plane or (name == "where" and done[args[0]]):
                    raise ComplexConvention(
                        f"{name} compares numbers, and complex ones have no order"
                        if row.plane or row.kink
                        else f"{name} is not read as a function of complex numbers",
                        fix=f"take it of a real number, such as {name}(abs(z)), {name}(re(z)) or {name}(im(z))",
                        about=(number, n),
                    )
            case Reduce(op=op) if done[n.body] and not REDUCTIONS[op].holomorphic:
                raise ComplexConvention(
                    f"{op} is not read as a function of complex numbers",
                    fix="take it of real ones, such as abs(z), re(z) or im(z)",
                    about=(number, n),
                )
            case _:
                pass


def refuse_parts(s: System, what: str, fix: str) -> None:
    """Refuse a page that takes conj, re, im, abs or angle of complex numbers: its derivatives are not one number."""
    names = complex_names(s)
    for n, eq in enumerate(s.equations) if names else ():
        for e in _parts(eq.value, names):
            raise ComplexConvention(
                f"{what}, and {e.function} of a complex number is not holomorphic", fix=fix, about=(n, e)
            )


def has_parts(e: Expr, names: Names) -> bool:
    """Whether conj, re, im, abs or angle of something complex stands in a value."""
    return bool(names) and next(_parts(e, names), None) is not None


def _parts(e: Expr, names: Names) -> Iterator[Call]:
    for n in postorder(e):
        row = FUNCTIONS.get(n.function) if isinstance(n, Call) else None
        if row is not None and row.plane != "holomorphic" and isinstance(n, Call) and is_complex(n.args[0], names):
            yield n


def said_complex(names: Iterable[str]) -> list[Fact]:
    """The lines ``complex(z)`` of these tensors, in alphabetical order."""
    return [Declared(COMPLEX, name) for name in sorted(names)]


def with_adjoints(names: Names) -> Names:
    """The names, and those of their adjoints: what is owed to something complex is complex."""
    return names | {adjoint_name(n) for n in names if not is_adjoint(n)}


# --------------------------------------------------------------------------- laws
def real_part(e: Expr, names: Names) -> Expr:
    """``re(e)``, or e itself where it is real."""
    return settled(call("re", e), names)


def settled(e: Expr, names: Names) -> Expr:
    """``e`` with conjugates and parts worked out, by laws of all complex numbers:

        conj(a b) = conj(a) conj(b), of sums and whole powers too; conj(conj(z)) = z; conj(ⅈ) = -ⅈ; ⅈ ⅈ = -1
        conj(x) = x, re(x) = x, im(x) = 0 of real x; re(x z) = x re(z), im(x z) = x im(z); re(ⅈ z) = -im(z)

    >>> from tensorprop.text import parse_expression
    >>> print(settled(parse_expression("conj(x z + ⅈ conj(z)) + re(x) + ⅈ ⅈ"), frozenset("z")))
    x conj(z) - ⅈ z + x - 1
    """
    real: dict[Expr, bool] = {}

    def complex_(n: Expr) -> bool:
        if n not in real:
            real[n] = is_complex(n, names)
        return real[n]

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        new = remake(n, children)
        match new:
            case Call("conj", (z,)):
                return conjugate(z, complex_)
            case Call("re" | "im" as part, (z,)):
                return _part(part, z, complex_)
            case Mul():
                return _units(new)
            case Call("power", (Call("imaginary"), Number(k))) if k.denominator == 1:
                return _unit_power(int(k))
            case _:
                return new

    return fold(e, rule)


def conjugate(
    z: Expr, complex_: Callable[[Expr], bool], more: Callable[[Expr, Callable[[Expr], Expr]], Expr | None] | None = None
) -> Expr:
    """``conj(z)``, the conjugate moved inwards as far as laws of all complex numbers go.

    ``more(z, conj)`` is asked about what else it may be moved into.
    """

    def conj(w: Expr) -> Expr:
        return conjugate(w, complex_, more)

    if not complex_(z):
        return z
    if more is not None and (found := more(z, conj)) is not None:
        return found
    match z:
        case Call("imaginary"):
            return negate(z)
        case Call("conj", (w,)):
            return w
        case Add(terms):
            return add(*map(conj, terms))
        case Mul(factors):
            return mul(*map(conj, factors))
        case Sum(indices, body):
            return sum_over(indices, conj(body))
        case Call("power", (base, Number(k) as n)) if k.denominator == 1:
            return power(conj(base), n)
        case _:
            return call("conj", z)


def _part(part: str, z: Expr, complex_: Callable[[Expr], bool]) -> Expr:
    """``re(z)`` or ``im(z)``, real factors in front."""
    if not complex_(z):
        return z if part == "re" else ZERO
    match z:
        case Call("imaginary"):
            return ZERO if part == "re" else ONE
        case Call("conj", (w,)):
            inner = _part(part, w, complex_)
            return inner if part == "re" else negate(inner)
        case Sum(indices, Mul((Number() as k, *rest))):
            return mul(k, call(part, sum_over(indices, mul(*rest))))
        case Add(terms) if any(not complex_(t) for t in terms):
            return add(*(_part(part, t, complex_) for t in terms))
        case Mul(factors):
            outside = [f for f in factors if not complex_(f)]
            inside = [f for f in factors if complex_(f)]
            if IMAGINARY in inside and len(inside) > 1:
                inside.remove(IMAGINARY)
                turned = _part("im" if part == "re" else "re", mul(*inside), complex_)
                return mul(*outside, negate(turned) if part == "re" else turned)
            return mul(*outside, _part(part, mul(*inside), complex_)) if outside else call(part, z)
        case _:
            return call(part, z)


def _units(e: Mul) -> Expr:
    """A product in which ⅈ stands at most once."""
    rest = [f for f in e.factors if f is not IMAGINARY]
    k = len(e.factors) - len(rest)
    if k < 2:
        return e
    return mul(_unit_power(k), *rest)


def _unit_power(k: int) -> Expr:
    return (ONE, IMAGINARY, MINUS_ONE, negate(IMAGINARY))[k % 4]


def squares(e: Expr, names: Names) -> Expr:
    """``abs(z)^2 = re(z conj(z))`` of complex z, which has a derivative at 0 too."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        match new := remake(n, children):
            case Call("power", (Call("abs", (z,)), Number(k))) if k.denominator == 1 and k % 2 == 0 and k > 0:
                if is_complex(z, names):
                    return power(call("re", mul(z, call("conj", z))), Number(k / 2))
            case _:
                pass
        return new

    return fold(e, rule)


# --------------------------------------------------------------------------- roots
_ROOTS = ("sqrt", "rsqrt", "power")
_MARK = "·"


def guarded(e: Expr, names: Names) -> Expr:
    """``e`` with roots of complex numbers as functions that nobody knows: ``√(z³) = z^(3/2)`` is a law of real ones."""
    done = _kinds(e, names)

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Call) and n.function in _ROOTS and any(done[a] for a in n.args):
            whole = n.function == "power" and isinstance(n.args[1], Number) and n.args[1].value.denominator == 1
            if not whole:
                return Call(n.function + _MARK, children)
        return remake(n, children)

    return fold(e, rule)


def unguarded(e: Expr) -> Expr:
    """What `guarded` was given, simplified meanwhile."""

    def rule(n: Expr, children: tuple[Expr, ...]) -> Expr:
        if isinstance(n, Call) and n.function.endswith(_MARK):
            return call(n.function.removesuffix(_MARK), *children)
        return remake(n, children)

    return fold(e, rule)
