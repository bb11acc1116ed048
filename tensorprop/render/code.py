"""Math trees as NumPy or JAX code, to be read and copied; nothing here is ever run.

In: a tree. Out: a Python expression. Vectors are one-dimensional arrays, whether they stand or lie; matrices are as the
formula shows them; a function left open is called by its name. One function for every kind of node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import singledispatch

from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Mul, Number, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, Function, Reduction, read
from tensorprop.core.names import Adjoint, Derivative, Plain, adjoint_name, parts_of_name
from tensorprop.core.walk import inline
from tensorprop.render import trees as m
from tensorprop.render.trees import Kind, MathTree, coefficient, scaled

__all__ = ["ArrayLibrary", "code", "identifier"]

_SUM, _TIMES, _SIGN, _POWER, _ATOM = range(5)
_COMPARED = {"=": "==", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}


@dataclass(frozen=True)
class ArrayLibrary:
    """NumPy or JAX."""

    prefix: str
    turned: frozenset[str] = frozenset()
    """Matrices that the convention has turned: the array is as the formula shows it."""
    loops: tuple[tuple[str, str], ...] = ()
    """Carried indices that are called otherwise in the code, since a tensor has their name."""

    def loop(self, letter: str) -> str:
        """The variable that runs through the values of a carried index."""
        return dict(self.loops).get(letter, letter)

    def told(self, row: Function | Reduction) -> str:
        """The code that a row of the tables has in this dialect."""
        return row.numpy if self.prefix == "np" else row.jax


NUMPY = ArrayLibrary("np")
JAX = ArrayLibrary("jnp")


def identifier(name: str) -> str:
    """A name that Python accepts: ``W_k`` for ``W^(k)``, ``dy_dx`` for ``∂y/∂x``.

    >>> identifier("W^(k+1)"), identifier("∂y·/∂x·"), identifier("δz")
    ('W_k_plus_1', 'dy_dx', 'δz')
    """
    match parts_of_name(name):
        case Plain(base, label):
            text = base + (f"_{label}" if label else "")
        case Adjoint(Plain(base, label)):
            text = adjoint_name(base) + (f"_{label}" if label else "")
        case Derivative(of, by):
            text = f"d{len(by) if len(by) > 1 else ''}{of.base}_" + "".join(f"d{p.base}" for p in by)
    text = text.replace("+", "_plus_").replace("-", "_minus_")
    return re.sub(r"\W", "_", text)


def code(t: MathTree, dialect: ArrayLibrary, carried: tuple[str, ...] = (), target: m.Name | None = None) -> str:
    """The tree as an expression; carried indices become a stack over their values."""
    taken = {identifier(n.tensor) for n in t.walk() if isinstance(n, m.Name)}
    dialect = replace(dialect, loops=tuple((i, f"{i}_") for i in carried if i in taken))
    text = _code(t, dialect)[0]
    if not carried:
        return text
    slots = list(target.slots) if target is not None else list(carried)
    done: list[str] = []
    for i in reversed(carried):
        inside = [s for s in slots if s not in carried or s in done]  # axes that the inner stack has
        axis = sum(1 for s in slots[: slots.index(i)] if s in inside)
        done.append(i)
        where = f", axis={axis}" if axis else ""
        text = f"{dialect.prefix}.stack([{text} for {dialect.loop(i)} in range({_extent(t, i)})]{where})"
    return text


def _extent(t: MathTree, letter: str) -> str:
    for n in t.walk():
        if isinstance(n, m.Name) and letter in n.slots:
            return f"{identifier(n.tensor)}.shape[{n.slots.index(letter)}]"
    return letter


def _size(axis: Dim, d: ArrayLibrary) -> str:
    k = 1 - axis.axis if axis.tensor in d.turned else axis.axis
    return f"{identifier(axis.tensor)}.shape[{k}]"


@singledispatch
def _code(t: MathTree, d: ArrayLibrary) -> tuple[str, int]:
    raise TypeError(f"no way to print {type(t).__name__}")


def _at(t: MathTree, least: int, d: ArrayLibrary) -> str:
    text, level = _code(t, d)
    return f"({text})" if level < least else text


@_code.register
def _(t: m.Name, d: ArrayLibrary) -> tuple[str, int]:
    text = identifier(t.tensor)
    if any(s is not None for s in t.slots):
        marks = [":" if s is None else d.loop(str(s)) for s in t.slots]
        while marks and marks[-1] == ":":
            marks.pop()
        text += f"[{', '.join(marks)}]"
    return (text + ".T" if t.order == (1, 0) and len(t.slots) > 2 else text), _ATOM


@_code.register
def _(t: m.Figure, d: ArrayLibrary) -> tuple[str, int]:
    v = t.value
    if v.denominator == 1:
        return str(v), _SIGN if v < 0 else _ATOM
    if abs(v) < 1e300 and Fraction(repr(float(v))) == v:
        return repr(float(v)), _SIGN if v < 0 else _ATOM
    return f"{v.numerator} / {v.denominator}", _TIMES


@_code.register
def _(t: m.IndexSize, d: ArrayLibrary) -> tuple[str, int]:
    return _size(t.axis, d), _ATOM


@_code.register
def _(t: m.Ones, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.ones({_size(t.axis, d)})", _ATOM


@_code.register
def _(t: m.Identity, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.eye({_size(t.axis, d)})", _ATOM


@_code.register
def _(t: m.Transpose, d: ArrayLibrary) -> tuple[str, int]:
    if t.kind in ("row", "column"):
        return _code(t.of, d)
    return _at(t.of, _ATOM, d) + ".T", _ATOM


@_code.register
def _(t: m.Product, d: ArrayLibrary) -> tuple[str, int]:
    scalars = [f for f in t.factors if f.kind == "scalar"]
    rest = [f for f in t.factors if f.kind != "scalar"]
    sign = ""
    if scalars and isinstance(scalars[0], m.Figure) and scalars[0].value == -1:
        sign, scalars = "-", scalars[1:]
    parts = [_at(s, _SIGN, d) for s in scalars]
    if rest:
        text, level = _chain(rest, d)
        if not parts:
            return (f"{sign}({text})", _SIGN) if sign and level < _POWER else (sign + text, _SIGN if sign else level)
        parts.append(f"({text})" if level < _SIGN else text)
    return sign + " * ".join(parts), _TIMES if len(parts) > 1 else _SIGN


def _chain(factors: list[MathTree], d: ArrayLibrary) -> tuple[str, int]:
    """Vectors and matrices multiplied from left to right."""
    text, level = _code(factors[0], d)
    kind: Kind = factors[0].kind
    for f in factors[1:]:
        right = f.kind
        if kind == "column" and right == "row":
            text, level = f"{d.prefix}.outer({text}, {_code(f, d)[0]})", _ATOM
        elif kind == "scalar":
            text, level = f"({text}) * {_at(f, _SIGN, d)}", _TIMES
        else:
            left = text if level >= _SIGN or (" @ " in text and level == _TIMES and " * " not in text) else f"({text})"
            text, level = f"{left} @ {_at(f, _SIGN, d)}", _TIMES
        tall, wide = kind in ("column", "matrix"), right in ("row", "matrix")
        full: Kind = "matrix" if tall else "row"
        thin: Kind = "column" if tall else "scalar"
        kind = right if kind == "scalar" else full if wide else thin
    return text, level


@_code.register
def _(t: m.Hadamard, d: ArrayLibrary) -> tuple[str, int]:
    out = ""
    for n, f in enumerate(t.factors):
        upside = n > 0 and isinstance(f, m.ElementPower) and f.exponent == m.Figure(m.MINUS)
        if upside and isinstance(f, m.ElementPower):
            f = f.base
        text, level = _code(f, d)
        if level < _SIGN:
            text = f"({text})"
        out += (" / " if upside else " * ") + text if n else text
    return out, _TIMES


@_code.register
def _(t: m.TermSum, d: ArrayLibrary) -> tuple[str, int]:
    out = _at(t.terms[0], _TIMES, d)
    for term in t.terms[1:]:
        negative = coefficient(term) < 0
        text = _at(scaled(term, m.MINUS) if negative else term, _TIMES, d)
        out += (" - " if negative else " + ") + text
    return out, _SUM


@_code.register
def _(t: m.Quotient, d: ArrayLibrary) -> tuple[str, int]:
    return f"{_at(t.numerator, _SIGN, d)} / {_at(t.denominator, _SIGN, d)}", _TIMES


def _raised(base: MathTree, exponent: MathTree, d: ArrayLibrary) -> tuple[str, int]:
    if exponent == m.Figure(m.MINUS):
        return f"1 / {_at(base, _SIGN, d)}", _TIMES
    if isinstance(exponent, m.Figure) and exponent.value < 0 and exponent.value.denominator == 1:
        return f"1 / {_at(base, _ATOM, d)}**{-exponent.value}", _TIMES
    return f"{_at(base, _ATOM, d)}**{_at(exponent, _SIGN, d)}", _POWER


@_code.register
def _(t: m.ScalarPower, d: ArrayLibrary) -> tuple[str, int]:
    return _raised(t.base, t.exponent, d)


@_code.register
def _(t: m.ElementPower, d: ArrayLibrary) -> tuple[str, int]:
    return _raised(t.base, t.exponent, d)


@_code.register
def _(t: m.MatrixPower, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.linalg.matrix_power({_code(t.base, d)[0]}, {t.exponent})", _ATOM


@_code.register
def _(t: m.Inverse, d: ArrayLibrary) -> tuple[str, int]:
    if isinstance(t.of, m.Diag):
        return f"{d.prefix}.diag(1 / {_at(t.of.of, _SIGN, d)})", _ATOM
    return f"{d.prefix}.linalg.inv({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Entrywise, d: ArrayLibrary) -> tuple[str, int]:
    row = FUNCTIONS.get(t.function)
    if row is not None and not d.told(row):
        return _meant(read(row.means), dict(zip(row.arguments, t.args, strict=True)), d)
    inner = ", ".join(_code(a, d)[0] for a in t.args)
    if row is None:
        return f"{called(t.function)}({inner})", _ATOM
    text = d.told(row).format(inner)
    return text, _ATOM if re.fullmatch(r"[a-z.]+|[a-z][\w.]*\(.*\)", text) else _TIMES


def _meant(e: Expr, given: dict[str, MathTree], d: ArrayLibrary) -> tuple[str, int]:
    """The code of what a function means, its arguments put in."""

    def at(e: Expr, least: int) -> str:
        text, level = _meant(e, given, d)
        return f"({text})" if level < least else text

    match e:
        case Tensor(name=name):
            return _code(given[name], d)
        case Number():
            return _code(m.Figure(e.value), d)
        case Add(terms):
            return " + ".join(at(t, _TIMES) for t in terms), _SUM
        case Mul(factors):
            return " * ".join(at(f, _SIGN) for f in factors), _TIMES
        case Bracket(relation, left, right):
            return f"{d.prefix}.where({at(left, _SUM)} {_COMPARED[relation]} {at(right, _SUM)}, 1.0, 0.0)", _ATOM
        case Call("power", (base, Number(value))) if value < 0:
            below = at(base, _SIGN) if value == -1 else f"{at(base, _ATOM)}**{at(Number(-value), _ATOM)}"
            return f"1 / {below}", _TIMES
        case Call("power", (base, exponent)):
            return f"{at(base, _ATOM)}**{at(exponent, _ATOM)}", _POWER
        case Call(function, args):
            row = FUNCTIONS[function]
            if not d.told(row):
                inner = inline(read(row.means), dict(zip(row.arguments, (((), a) for a in args), strict=True)))
                return _meant(inner, given, d)
            return f"({d.told(row).format(', '.join(at(a, _SUM) for a in args))})", _ATOM
        case _:
            raise TypeError(f"no way to print {type(e).__name__} in the meaning of a function")


def called(function: str) -> str:
    """What a function left open is called: ``df`` for ``f′``."""
    stem = function.rstrip("′″‴")
    order = sum("′″‴".index(c) + 1 for c in function[len(stem) :])
    return ("d" if order == 1 else f"d{order}" if order else "") + stem


@_code.register
def _(t: m.Indicator, d: ArrayLibrary) -> tuple[str, int]:
    inner = f"{_at(t.left, _TIMES, d)} {_COMPARED[t.relation]} {_at(t.right, _TIMES, d)}"
    return f"{d.prefix}.where({inner}, 1.0, 0.0)", _ATOM


@_code.register
def _(t: m.Along, d: ArrayLibrary) -> tuple[str, int]:
    told = d.told(REDUCTIONS[t.op]) or f"{d.prefix}.{t.op}({{1}}{{2}})"
    whole = ", axis=None" if d.told(REDUCTIONS[t.op]) else ""
    axis = whole if t.over == "all" else f", axis={1 if t.over == 'rows' else 0}"
    return told.format(_at(t.of, _TIMES, d), _code(t.of, d)[0], axis), _ATOM


@_code.register
def _(t: m.MatrixTrace, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.trace({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Diagonal, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.diag({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Diag, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.diag({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Triangle, d: ArrayLibrary) -> tuple[str, int]:
    inner = _code(t.of, d)[0]
    if t.part == "≠":
        return f"({inner} - {d.prefix}.diag({d.prefix}.diag({inner})))", _ATOM
    shift = {">": ", -1", "<": ", 1"}.get(t.part, "")
    return f"{d.prefix}.{'tril' if t.part in '≥>' else 'triu'}({inner}{shift})", _ATOM


@_code.register
def _(t: m.Norm, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.linalg.norm({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.WholeMatrix, d: ArrayLibrary) -> tuple[str, int]:
    return d.told(REDUCTIONS[t.function]).format("", _code(t.of, d)[0], ""), _ATOM


@_code.register
def _(t: m.Kronecker, d: ArrayLibrary) -> tuple[str, int]:
    return f'{d.prefix}.einsum("ij,kl->ikjl", {_code(t.left, d)[0]}, {_code(t.right, d)[0]})', _ATOM


@_code.register
def _(t: m.KhatriRao, d: ArrayLibrary) -> tuple[str, int]:
    return f'{d.prefix}.einsum("ij,kj->ikj", {_code(t.left, d)[0]}, {_code(t.right, d)[0]})', _ATOM


@_code.register
def _(t: m.Inner, d: ArrayLibrary) -> tuple[str, int]:
    return f"{d.prefix}.sum({_at(t.left, _SIGN, d)} * {_at(t.right, _SIGN, d)})", _ATOM


@_code.register
def _(t: m.Outer, d: ArrayLibrary) -> tuple[str, int]:
    return f'{d.prefix}.einsum("ij,kl->ijkl", {_code(t.left, d)[0]}, {_code(t.right, d)[0]})', _ATOM


@_code.register
def _(t: m.ModeProduct, d: ArrayLibrary) -> tuple[str, int]:
    n = t.mode - 1
    inner = f"{d.prefix}.tensordot({_code(t.tensor, d)[0]}, {_code(t.matrix, d)[0]}, axes=({n}, 1))"
    return f"{d.prefix}.moveaxis({inner}, -1, {n})", _ATOM
