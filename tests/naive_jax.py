"""A System as plain jax.numpy, node by node, with nothing clever: what jax.grad differentiates in tests.

In: a System and JAX arrays. Out: its tensors. Of the package only the classes of the nodes are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce as fold
from typing import Any

import jax
import jax.numpy as jnp

from tensorprop.core.equation import System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor

FUNCTIONS: dict[str, Any] = {
    **{n: getattr(jnp, n) for n in "exp log log1p expm1 sqrt abs sign sin cos tan sinh cosh tanh arctan".split()},
    **{n: getattr(jax.nn, n) for n in "sigmoid softplus relu elu silu mish".split()},
    "logsigmoid": jax.nn.log_sigmoid,
    "softsign": jax.nn.soft_sign,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "erf": jax.scipy.special.erf,
    "rsqrt": jax.lax.rsqrt,
    "square": jnp.square,
    "reciprocal": lambda x: 1 / x,
    "step": lambda x: jnp.where(x > 0, 1.0, 0.0),
    "max": jnp.maximum,
    "min": jnp.minimum,
    "where": lambda c, a, b: jnp.where(c != 0, a, b),
    "power": lambda a, b: a**b,
    "pi": lambda: jnp.asarray(jnp.pi),
}
REDUCTIONS: dict[str, Any] = {
    "max": jnp.max,
    "min": jnp.min,
    "prod": jnp.prod,
    "mean": jnp.mean,
    "var": jnp.var,
    "logsumexp": jax.scipy.special.logsumexp,
    "softmax": jax.nn.softmax,
    "logsoftmax": jax.nn.log_softmax,
}
RELATIONS: dict[str, Any] = {
    "=": jnp.equal,
    "≠": jnp.not_equal,
    "<": jnp.less,
    "≤": jnp.less_equal,
    ">": jnp.greater,
    "≥": jnp.greater_equal,
}


def evaluate(system: System, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Every tensor that the System defines."""
    known = dict(arrays)
    for eq in system.ordered:
        sizes = {i: _range(i, eq.value, known) for i in eq.letters}
        value, letters = _value(eq.value, known, sizes)
        known[eq.name] = _aligned(value, letters, eq.letters, sizes)
    return {eq.name: known[eq.name] for eq in system}


def _range(letter: str, e: Expr, known: Mapping[str, Any]) -> int:
    stack = [e]
    while stack:
        n = stack.pop()
        if letter not in n.free:
            continue
        if isinstance(n, Tensor):
            for axis, s in enumerate(n.subscripts):
                if isinstance(s, Index) and s.name == letter:
                    return int(jnp.shape(known[n.name])[axis])
        if isinstance(n, Reduce):
            for bound, a in zip(n.indices, n.at, strict=False):
                if isinstance(a, Index) and a.name == letter:
                    return _range(bound, n.body, known)
        stack += reversed(n.children)
    raise LookupError(f"no tensor tells the range of {letter}")


def _aligned(value: Any, letters: tuple[str, ...], wanted: tuple[str, ...], sizes: Mapping[str, int]) -> Any:
    """The array with one axis for each wanted letter, repeated along those that it lacks."""
    if letters != wanted:
        value = jnp.transpose(value, [letters.index(i) for i in wanted if i in letters])
        lacking = [k for k, i in enumerate(wanted) if i not in letters]
        value = jnp.broadcast_to(jnp.expand_dims(value, lacking), [sizes[i] for i in wanted])
    return value


def _value(e: Expr, known: Mapping[str, Any], sizes: Mapping[str, int]) -> tuple[Any, tuple[str, ...]]:
    """The array of ``e`` with one axis for each of its free letters, in alphabetical order."""
    letters = tuple(sorted(e.free))

    def at(child: Expr) -> Any:
        value, have = _value(child, known, sizes)
        return _aligned(value, have, letters, sizes)

    def over(indices: tuple[str, ...], body: Expr) -> tuple[Any, tuple[str, ...], dict[str, int]]:
        inner = {**sizes, **{i: _range(i, body, known) for i in indices}}
        value, have = _value(body, known, inner)
        return value, have, inner

    match e:
        case Number(value=value):
            return jnp.asarray(float(value)), letters
        case Index(name=name):
            return jnp.arange(sizes[name]), letters
        case Dim(tensor=name, axis=axis):
            return jnp.asarray(float(jnp.shape(known[name])[axis])), letters
        case Tensor(name=name, subscripts=subscripts):
            plain = tuple(s.name for s in subscripts if isinstance(s, Index))
            if len(plain) == len(subscripts) == len(letters):
                return _aligned(known[name], plain, letters, sizes), letters
            places = tuple(at(s) if s.free else jnp.asarray(int(s.value)) for s in subscripts)  # type: ignore[attr-defined]
            return known[name][places], letters
        case Bracket(relation=relation, left=left, right=right):
            return jnp.where(RELATIONS[relation](at(left), at(right)), 1.0, 0.0), letters
        case Add(terms=terms):
            return fold(lambda a, b: a + b, [at(t) for t in terms]), letters
        case Mul(factors=factors):
            return fold(lambda a, b: a * b, [at(f) for f in factors]), letters
        case Call(function="power", args=(base, Number(value=n))) if n.denominator == 1:
            return at(base) ** int(n), letters
        case Call(function="power", args=(base, Number(value=n))):
            return at(base) ** float(n), letters
        case Call(function=name, args=args):
            return FUNCTIONS[name](*(at(a) for a in args)), letters
        case Sum(indices=indices, body=body):
            value, have, inner = over(indices, body)
            value = _aligned(value, have, (*indices, *letters), inner)
            return jnp.sum(value, tuple(range(len(indices)))), letters
        case Reduce(op=op, indices=indices, body=body, at=()):
            value, have, inner = over(indices, body)
            value = _aligned(value, have, (*indices, *letters), inner)
            return REDUCTIONS[op](value, tuple(range(len(indices)))), letters
        case Reduce(op=op, indices=(u,), body=body, at=(Index(name=v),)):
            value, have, inner = over((u,), body)
            if v != u:
                assert v not in body.free
                have, inner = tuple(v if i == u else i for i in have), {**inner, v: inner[u]}
            return _aligned(REDUCTIONS[op](value, have.index(v)), have, letters, inner), letters
        case _:
            raise NotImplementedError(f"{type(e).__name__} {e}")
