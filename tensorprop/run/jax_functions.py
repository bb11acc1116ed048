"""Elementwise functions and reductions in JAX, as one who writes JAX by hand would write them.

In: JAX arrays, or Python numbers, which take the type of the array beside them. Out: the same, in the type of the
arrays: bfloat16 and float32 stay what they are. Stable far out. This file knows no expressions and no letters.

No rule of differentiation is attached to anything here (``jax.nn.relu`` and others bring one): derivatives come from
the calculus. Whoever puts ``jax.grad`` on top of a compiled function gets JAX's own slope at a kink, which for
``relu`` written as a maximum is 1/2 at 0 and not 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from tensorprop.core.functions import complete
from tensorprop.errors import UsageError
from tensorprop.run.jax_matrices import JAX_MATRICES
from tensorprop.run.meanings import Composed, ComposedAlong

__all__ = ["JAX", "JAX_REDUCE", "cumlogsumexp"]

Array = Any


def _real(x: Array) -> Array:
    """A floating-point array: a Python number stays weak, whole numbers and truth values become floats."""
    x = jnp.asarray(float(x) if isinstance(x, int) else x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))


def _power(x: Array, w: Array) -> Array:
    """Powers that are known now cost what they should: ``x²`` is a product, ``x^(1/2)`` a square root."""
    if isinstance(w, float) and w.is_integer():
        w = int(w)
    if isinstance(w, int):
        return lax.integer_pow(_real(x), w)
    if isinstance(w, float) and abs(w) == 0.5:
        return jnp.sqrt(x) if w > 0 else lax.rsqrt(_real(x))
    return jnp.power(_real(x), w)


def _step(x: Array) -> Array:
    x = _real(x)
    return (x > 0).astype(x.dtype)


def _sigmoid(x: Array) -> Array:
    return lax.logistic(_real(x))


def _where(c: Array, x: Array, w: Array) -> Array:
    return jnp.where(c if getattr(c, "dtype", None) == jnp.bool_ else c != 0, x, w)


def _softplus(x: Array) -> Array:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|)."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def _sinc(x: Array) -> Array:
    """sin(π x) / (π x); sin(π x) = ± sin(π r), where r is how far the nearest whole number is, exactly."""
    x = _real(x)
    whole = jnp.round(x)
    sign = 1 - 2 * jnp.abs(jnp.fmod(whole, 2))
    below = jnp.where(x == 0, 1, math.pi * x)
    return jnp.where(x == 0, 1, sign * jnp.sin(math.pi * (x - whole)) / below)


def _xlogy(x: Array, w: Array) -> Array:
    return jnp.where(x == 0, 0, x * jnp.log(jnp.where(x == 0, 1, w)))


def _logit(x: Array) -> Array:
    """log(x / (1 - x)); near ½ by 1 + |2 x - 1| / min(x, 1 - x), of which nothing cancels, and which is over 1."""
    low = x < 0.5
    middle = jnp.log1p(jnp.abs(2 * x - 1) / jnp.where(low, x, 1 - x))
    return jnp.where((x > 0.25) & (x < 0.75), jnp.where(low, -middle, middle), jnp.log(x) - jnp.log1p(-x))


def _copysign(x: Array, w: Array) -> Array:
    x, w = _real(x), _real(w)
    return jnp.where(w < 0, -1, 1).astype(jnp.result_type(x, w)) * jnp.abs(x)


def _polygamma(n: Array, x: Array) -> Array:
    n, x = _real(n), _real(x)
    kind = jnp.result_type(n, x)
    return lax.polygamma(*jnp.broadcast_arrays(n.astype(kind), x.astype(kind)))


def _elu(x: Array) -> Array:
    return jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0)))


def _selu(x: Array) -> Array:
    scale = 1.0507009873554804934193349852946
    left = scale * 1.6732632423543772848170429916717
    return jnp.where(x > 0, scale * x, left * jnp.expm1(jnp.minimum(x, 0)))


def cumlogsumexp(a: Array, axis: int, back: bool) -> Array:
    """``l_t = m_t + log s_t``, m the running maximum and ``s_t = s_{t-1} exp(m_{t-1} - m_t) + exp(a_t - m_t)``.

    One loop of products and sums, all exponentials being there before: XLA's windows take 16 of them for each entry.
    """
    a = jnp.moveaxis(a, axis, 0)
    top = lax.cummax(a, 0, reverse=back)
    end = jnp.full_like(top[:1], -jnp.inf)
    before = jnp.concatenate([top[1:], end] if back else [end, top[:-1]])
    here = jnp.where(jnp.isfinite(top), top, 0)

    def step(s: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        s = s * now[0] + now[1]
        return s, s

    rate = jnp.where(before == top, 1, jnp.exp(before - top))  # of infinities that stay, too
    _, sums = lax.scan(step, jnp.zeros_like(a[0]), (rate, jnp.exp(a - here)), reverse=back)
    return jnp.moveaxis(here + jnp.log(sums), 0, axis)


def _gelu_tanh(x: Array) -> Array:
    """½ x (1 + tanh(v)) = x σ(2 v): the same function with nothing cancelled far to the left."""
    return x * _sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * (x * x * x)))


JAX: dict[str, Callable[..., Array]] = Composed({
    "exp":        jnp.exp,
    "expm1":      jnp.expm1,
    "log":        jnp.log,
    "log1p":      jnp.log1p,
    "log2":       jnp.log2,
    "log10":      jnp.log10,
    "sqrt":       jnp.sqrt,
    "rsqrt":      lambda x: lax.rsqrt(_real(x)),
    "square":     jnp.square,
    "reciprocal": lambda x: 1 / _real(x),
    "power":      _power,
    "exp2":       jnp.exp2,
    "logaddexp":  lambda x, w: jnp.maximum(x, w) + jnp.log1p(jnp.exp(-jnp.abs(x - w))),
    "hypot":      jnp.hypot,
    "cbrt":       lambda x: lax.cbrt(_real(x)),
    "logit":      _logit,
    "xlogy":      _xlogy,
    "entr":       lambda x: jnp.where(x < 0, -jnp.inf, -_xlogy(x, x)),
    "lgamma":     lambda x: lax.lgamma(_real(x)),
    "digamma":    lambda x: lax.digamma(_real(x)),
    "polygamma":  _polygamma,
    "remainder":  lambda x, w: jnp.remainder(_real(x), _real(w)),
    "copysign":   _copysign,
    "fmod":       lambda x, w: jnp.fmod(_real(x), _real(w)),
    "arctan2":    jnp.arctan2,
    "sinc":       _sinc,
    "trunc":      jnp.trunc,
    "finite":     lambda x: jnp.isfinite(_real(x)).astype(_real(x).dtype),
    "isnan":      lambda x: jnp.isnan(_real(x)).astype(_real(x).dtype),
    "stop":       lambda x: lax.stop_gradient(_real(x)),
    "floor":      jnp.floor,
    "ceil":       jnp.ceil,
    "round":      jnp.round,
    "clip":       lambda low, x, high: jnp.minimum(jnp.maximum(low, x), high),
    "abs":        jnp.abs,
    "sign":       jnp.sign,
    "step":       _step,
    "max":        jnp.maximum,
    "min":        jnp.minimum,
    "where":      _where,
    "sin":        jnp.sin,
    "cos":        jnp.cos,
    "tan":        jnp.tan,
    "arcsin":     jnp.arcsin,
    "arccos":     jnp.arccos,
    "arctan":     jnp.arctan,
    "sinh":       jnp.sinh,
    "cosh":       jnp.cosh,
    "tanh":       jnp.tanh,
    "arcsinh":    jnp.arcsinh,
    "arccosh":    jnp.arccosh,
    "arctanh":    jnp.arctanh,
    "sigmoid":    _sigmoid,
    "logsigmoid": lambda x: -_softplus(-x),
    "softplus":   _softplus,
    "softsign":   lambda x: x / (1 + jnp.abs(x)),
    "erf":        lambda x: lax.erf(_real(x)),
    "erfc":       lambda x: lax.erfc(_real(x)),
    "relu":       lambda x: jnp.maximum(x, 0),
    "leaky_relu": lambda x: jnp.where(x >= 0, x, 0.01 * x),
    "elu":        _elu,
    "selu":       _selu,
    "silu":       lambda x: x * _sigmoid(x),
    "mish":       lambda x: x * jnp.tanh(_softplus(x)),
    "gelu":       lambda x: 0.5 * x * lax.erfc(-x * math.sqrt(0.5)),
    "gelu_tanh":  _gelu_tanh,
    "conj":       jnp.conj,
    "re":         jnp.real,
    "im":         jnp.imag,
    "angle":      jnp.angle,
    "imaginary":  lambda: jnp.asarray(1j),
    "pi":         lambda: math.pi,
})  # fmt: skip


# --------------------------------------------------------------------------- along axes
Axes = tuple[int, ...]


def _place(find: Callable[..., Array], op: str) -> Callable[[Array, Axes], Array]:
    def along(x: Array, axes: Axes) -> Array:
        if len(axes) != 1:
            raise UsageError(f"{op} runs over one index, not {len(axes)}", fix="a place is one number")
        return find(x, axis=axes[0])

    return along


def _running(f: Callable[..., Array]) -> Callable[[Array, Axes], Array]:
    """Along several axes, along one after the other: over all that stands before in each."""

    def along(x: Array, axes: Axes) -> Array:
        for axis in axes:
            x = f(x, axis=axis)
        return x

    return along


JAX_REDUCE: dict[str, Callable[[Array, Axes], Array]] = ComposedAlong(JAX, {
    "max":        lambda x, axes: jnp.max(x, axis=axes),
    "min":        lambda x, axes: jnp.min(x, axis=axes),
    "prod":       lambda x, axes: jnp.prod(x, axis=axes),
    "mean":       lambda x, axes: jnp.mean(x, axis=axes),
    "var":        lambda x, axes: jnp.var(x, axis=axes),
    "std":        lambda x, axes: jnp.std(x, axis=axes),
    "norm":       lambda x, axes: jnp.sqrt(jnp.sum(jnp.square(x), axis=axes)),
    "median":     lambda x, axes: jnp.median(x, axis=axes),
    "logsumexp":  lambda x, axes: jax.nn.logsumexp(x, axis=axes),
    "argmax":     _place(jnp.argmax, "argmax"),
    "argmin":     _place(jnp.argmin, "argmin"),
    "softmax":    lambda x, axes: jax.nn.softmax(x, axis=axes),
    "logsoftmax": lambda x, axes: jax.nn.log_softmax(x, axis=axes),
    "cumsum":     _running(jnp.cumsum),
    "cumprod":    _running(jnp.cumprod),
    "sort":       _place(jnp.sort, "sort"),
    "argsort":    _place(jnp.argsort, "argsort"),
    "top":        _place(lambda x, axis: -jnp.sort(-x, axis=axis), "top"),
    "argtop":     _place(lambda x, axis: jnp.argsort(-x, axis=axis), "argtop"),
    **JAX_MATRICES,
})  # fmt: skip

complete(JAX, JAX_REDUCE)
