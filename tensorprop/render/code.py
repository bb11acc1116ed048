"""Math trees as NumPy or JAX code, to be read and copied; nothing here is ever run.

In: a tree. Out: a Python expression. Vectors are one-dimensional arrays, whether they stand or lie; matrices are as the
formula shows them; a function left open is called by its name. One function for every kind of node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import singledispatch

from tensorprop.core.expr import Dim
from tensorprop.render import trees as m
from tensorprop.render.names import Adjoint, Derivative, Plain, spelled
from tensorprop.render.trees import Kind, Tree, coefficient, scaled

__all__ = ["Dialect", "code", "identifier"]

_SUM, _TIMES, _SIGN, _POWER, _ATOM = range(5)

# Functions that are not called as here; what stands in no table is called by its own name with the prefix.
_NUMPY = {
    "sigmoid": "1 / (1 + np.exp(-({})))", "erf": "scipy.special.erf({})", "erfc": "scipy.special.erfc({})",
    "softplus": "np.logaddexp({}, 0)", "logsigmoid": "-np.logaddexp(-({}), 0)", "relu": "np.maximum({}, 0)",
    "leaky_relu": "np.maximum({0}, 0.01 * ({0}))", "elu": "(np.maximum({0}, 0) + np.expm1(np.minimum({0}, 0)))",
    "selu": "1.0507009873554805 * (np.maximum({0}, 0) + 1.6732632423543772 * np.expm1(np.minimum({0}, 0)))",
    "silu": "({0}) / (1 + np.exp(-({0})))", "mish": "({0}) * np.tanh(np.logaddexp({0}, 0))",
    "gelu": "0.5 * ({0}) * scipy.special.erfc(-({0}) / np.sqrt(2))",
    "gelu_tanh": "0.5 * ({0}) * (1 + np.tanh(np.sqrt(2 / np.pi) * (({0}) + 0.044715 * ({0})**3)))",
    "softsign": "({0}) / (1 + np.abs({0}))",
    "step": "np.heaviside({}, 0)", "rsqrt": "1 / np.sqrt({})", "max": "np.maximum({})", "min": "np.minimum({})",
    "where": "np.where({})", "abs": "np.abs({})",
}  # fmt: skip
_JAX = {
    "sigmoid": "jax.nn.sigmoid({})", "erf": "jax.scipy.special.erf({})", "erfc": "jax.scipy.special.erfc({})",
    "softplus": "jax.nn.softplus({})", "logsigmoid": "jax.nn.log_sigmoid({})", "relu": "jax.nn.relu({})",
    "leaky_relu": "jax.nn.leaky_relu({})", "elu": "jax.nn.elu({})", "selu": "jax.nn.selu({})",
    "silu": "jax.nn.silu({})", "mish": "jax.nn.mish({})", "gelu": "jax.nn.gelu({}, approximate=False)",
    "gelu_tanh": "jax.nn.gelu({}, approximate=True)", "softsign": "jax.nn.soft_sign({})",
    "step": "jnp.heaviside({}, 0)", "rsqrt": "jax.lax.rsqrt({})", "max": "jnp.maximum({})", "min": "jnp.minimum({})",
    "where": "jnp.where({})", "abs": "jnp.abs({})",
}  # fmt: skip
_SHARED = frozenset(
    "exp expm1 log log1p log2 log10 sqrt square reciprocal sign sin cos tan sinh cosh tanh arcsin arccos arctan "
    "arcsinh arccosh arctanh".split()
)
_ALONG_NUMPY = {
    "softmax": "np.exp({0} - np.logaddexp.reduce({1}{2}, keepdims=True))",
    "logsoftmax": "({0} - np.logaddexp.reduce({1}{2}, keepdims=True))",
    "logsumexp": "np.logaddexp.reduce({1}{2})",
}
_ALONG_JAX = {"softmax": "jax.nn.softmax", "logsoftmax": "jax.nn.log_softmax", "logsumexp": "jax.nn.logsumexp"}


@dataclass(frozen=True)
class Dialect:
    """NumPy or JAX."""

    prefix: str
    functions: dict[str, str]
    reductions: dict[str, str]
    loops: tuple[tuple[str, str], ...] = ()
    """Carried indices that are called otherwise in the code, since a tensor has their name."""

    def loop(self, letter: str) -> str:
        """The variable that runs through the values of a carried index."""
        return dict(self.loops).get(letter, letter)


NUMPY = Dialect("np", _NUMPY, _ALONG_NUMPY)
JAX = Dialect("jnp", _JAX, _ALONG_JAX)


def identifier(name: str) -> str:
    """A name that Python accepts: ``W_k`` for ``W^(k)``, ``dy_dx`` for ``∂y/∂x``.

    >>> identifier("W^(k+1)"), identifier("∂y·/∂x·"), identifier("δz")
    ('W_k_plus_1', 'dy_dx', 'δz')
    """
    match spelled(name):
        case Plain(base, label):
            text = base + (f"_{label}" if label else "")
        case Adjoint(Plain(base, label)):
            text = f"δ{base}" + (f"_{label}" if label else "")
        case Derivative(of, by):
            text = f"d{len(by) if len(by) > 1 else ''}{of.base}_" + "".join(f"d{p.base}" for p in by)
    text = text.replace("+", "_plus_").replace("-", "_minus_")
    return re.sub(r"\W", "_", text)


def code(t: Tree, dialect: Dialect, carried: tuple[str, ...] = (), target: m.Name | None = None) -> str:
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


def _extent(t: Tree, letter: str) -> str:
    for n in t.walk():
        if isinstance(n, m.Name) and letter in n.slots:
            return f"{identifier(n.tensor)}.shape[{n.slots.index(letter)}]"
    return letter


def _size(axis: Dim) -> str:
    return f"{identifier(axis.tensor)}.shape[{axis.axis}]"


@singledispatch
def _code(t: Tree, d: Dialect) -> tuple[str, int]:
    raise TypeError(f"no way to print {type(t).__name__}")


def _at(t: Tree, least: int, d: Dialect) -> str:
    text, level = _code(t, d)
    return f"({text})" if level < least else text


@_code.register
def _(t: m.Name, d: Dialect) -> tuple[str, int]:
    text = identifier(t.tensor)
    if any(s is not None for s in t.slots):
        marks = [":" if s is None else d.loop(str(s)) for s in t.slots]
        while marks and marks[-1] == ":":
            marks.pop()
        text += f"[{', '.join(marks)}]"
    return (text + ".T" if t.order == (1, 0) and len(t.slots) > 2 else text), _ATOM


@_code.register
def _(t: m.Number, d: Dialect) -> tuple[str, int]:
    v = t.value
    if v.denominator == 1:
        return str(v), _SIGN if v < 0 else _ATOM
    if Fraction(repr(float(v))) == v:
        return repr(float(v)), _SIGN if v < 0 else _ATOM
    return f"{v.numerator} / {v.denominator}", _TIMES


@_code.register
def _(t: m.Size, d: Dialect) -> tuple[str, int]:
    return _size(t.axis), _ATOM


@_code.register
def _(t: m.Ones, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.ones({_size(t.axis)})", _ATOM


@_code.register
def _(t: m.Identity, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.eye({_size(t.axis)})", _ATOM


@_code.register
def _(t: m.Transpose, d: Dialect) -> tuple[str, int]:
    if t.kind in ("row", "column"):
        return _code(t.of, d)
    return _at(t.of, _ATOM, d) + ".T", _ATOM


@_code.register
def _(t: m.Product, d: Dialect) -> tuple[str, int]:
    scalars = [f for f in t.factors if f.kind == "scalar"]
    rest = [f for f in t.factors if f.kind != "scalar"]
    sign = ""
    if scalars and isinstance(scalars[0], m.Number) and scalars[0].value == -1:
        sign, scalars = "-", scalars[1:]
    parts = [_at(s, _SIGN, d) for s in scalars]
    if rest:
        text, level = _chain(rest, d)
        if not parts:
            return (f"{sign}({text})", _SIGN) if sign and level < _POWER else (sign + text, _SIGN if sign else level)
        parts.append(f"({text})" if level < _SIGN else text)
    return sign + " * ".join(parts), _TIMES if len(parts) > 1 else _SIGN


def _chain(factors: list[Tree], d: Dialect) -> tuple[str, int]:
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
def _(t: m.Hadamard, d: Dialect) -> tuple[str, int]:
    out = ""
    for n, f in enumerate(t.factors):
        upside = n > 0 and isinstance(f, m.ElementPower) and f.exponent == m.Number(m.MINUS)
        if upside and isinstance(f, m.ElementPower):
            f = f.base
        text, level = _code(f, d)
        if level < _SIGN:
            text = f"({text})"
        out += (" / " if upside else " * ") + text if n else text
    return out, _TIMES


@_code.register
def _(t: m.Sum, d: Dialect) -> tuple[str, int]:
    out = _at(t.terms[0], _TIMES, d)
    for term in t.terms[1:]:
        negative = coefficient(term) < 0
        text = _at(scaled(term, m.MINUS) if negative else term, _TIMES, d)
        out += (" - " if negative else " + ") + text
    return out, _SUM


@_code.register
def _(t: m.Quotient, d: Dialect) -> tuple[str, int]:
    return f"{_at(t.numerator, _SIGN, d)} / {_at(t.denominator, _SIGN, d)}", _TIMES


def _raised(base: Tree, exponent: Tree, d: Dialect) -> tuple[str, int]:
    if exponent == m.Number(m.MINUS):
        return f"1 / {_at(base, _SIGN, d)}", _TIMES
    if isinstance(exponent, m.Number) and exponent.value < 0 and exponent.value.denominator == 1:
        return f"1 / {_at(base, _ATOM, d)}**{-exponent.value}", _TIMES
    return f"{_at(base, _ATOM, d)}**{_at(exponent, _SIGN, d)}", _POWER


@_code.register
def _(t: m.Power, d: Dialect) -> tuple[str, int]:
    return _raised(t.base, t.exponent, d)


@_code.register
def _(t: m.ElementPower, d: Dialect) -> tuple[str, int]:
    return _raised(t.base, t.exponent, d)


@_code.register
def _(t: m.MatrixPower, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.linalg.matrix_power({_code(t.base, d)[0]}, {t.exponent})", _ATOM


@_code.register
def _(t: m.Inverse, d: Dialect) -> tuple[str, int]:
    if isinstance(t.of, m.Diag):
        return f"{d.prefix}.diag(1 / {_at(t.of.of, _SIGN, d)})", _ATOM
    return f"{d.prefix}.linalg.inv({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Apply, d: Dialect) -> tuple[str, int]:
    inner = ", ".join(_code(a, d)[0] for a in t.args)
    if t.function == "pi":
        return f"{d.prefix}.pi", _ATOM
    if t.function in _SHARED:
        return f"{d.prefix}.{t.function}({inner})", _ATOM
    if t.function in d.functions:
        text = d.functions[t.function].format(inner)
        return text, _ATOM if text[-1] == ")" and text[0].isalpha() else _TIMES
    return f"{called(t.function)}({inner})", _ATOM


def called(function: str) -> str:
    """What a function left open is called: ``df`` for ``f′``."""
    stem = function.rstrip("′″‴")
    order = sum("′″‴".index(c) + 1 for c in function[len(stem) :])
    return ("d" if order == 1 else f"d{order}" if order else "") + stem


@_code.register
def _(t: m.Indicator, d: Dialect) -> tuple[str, int]:
    sign = {"=": "==", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}[t.relation]
    inner = f"{_at(t.left, _TIMES, d)} {sign} {_at(t.right, _TIMES, d)}"
    return f"{d.prefix}.where({inner}, 1.0, 0.0)", _ATOM


@_code.register
def _(t: m.Along, d: Dialect) -> tuple[str, int]:
    axis = "" if t.over == "all" else f", axis={1 if t.over == 'rows' else 0}"
    head = d.reductions.get(t.op, f"{d.prefix}.{t.op}")
    if t.over == "all" and t.op in d.reductions:
        axis = ", axis=None"
    if "{" in head:
        return head.format(_at(t.of, _TIMES, d), _code(t.of, d)[0], axis), _ATOM
    return f"{head}({_code(t.of, d)[0]}{axis})", _ATOM


@_code.register
def _(t: m.Trace, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.trace({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Diagonal, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.diag({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Diag, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.diag({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.Norm, d: Dialect) -> tuple[str, int]:
    return f"{d.prefix}.linalg.norm({_code(t.of, d)[0]})", _ATOM


@_code.register
def _(t: m.WholeMatrix, d: Dialect) -> tuple[str, int]:
    inner = _code(t.of, d)[0]
    if t.function == "logdet":
        return f"{d.prefix}.linalg.slogdet({inner})[1]", _ATOM
    return f"{d.prefix}.linalg.{t.function}({inner})", _ATOM


@_code.register
def _(t: m.Kronecker, d: Dialect) -> tuple[str, int]:
    return f'{d.prefix}.einsum("ij,kl->ikjl", {_code(t.left, d)[0]}, {_code(t.right, d)[0]})', _ATOM


@_code.register
def _(t: m.KhatriRao, d: Dialect) -> tuple[str, int]:
    return f'{d.prefix}.einsum("ij,kj->ikj", {_code(t.left, d)[0]}, {_code(t.right, d)[0]})', _ATOM


@_code.register
def _(t: m.Outer, d: Dialect) -> tuple[str, int]:
    return f'{d.prefix}.einsum("ij,kl->ijkl", {_code(t.left, d)[0]}, {_code(t.right, d)[0]})', _ATOM


@_code.register
def _(t: m.ModeProduct, d: Dialect) -> tuple[str, int]:
    n = t.mode - 1
    inner = f"{d.prefix}.tensordot({_code(t.tensor, d)[0]}, {_code(t.matrix, d)[0]}, axes=({n}, 1))"
    return f"{d.prefix}.moveaxis({inner}, -1, {n})", _ATOM
