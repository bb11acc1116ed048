"""Elementwise functions and reductions in NumPy: what each row of ``core.functions`` means, in float64.

In: arrays of numbers. Out: arrays. Written to be right to the last digits, also far out, and not to be fast; only NumPy
and the standard library's ``erf`` are used. This file knows no expressions and no letters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorprop.core.functions import complete
from tensorprop.errors import UsageError
from tensorprop.run.matrices import NUMPY_MATRICES
from tensorprop.run.meanings import Composed, ComposedAlong

__all__ = ["NUMPY", "NUMPY_REDUCE"]

Array = Any

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])

# In long double, which most machines have with 64 bits or more: √½ for GELU, √(8/π) and 0.044715 for its approximation.
_SQRT_HALF = np.sqrt(np.longdouble("0.5"))
_SQRT_8_π = np.sqrt(8 / np.longdouble("3.14159265358979323846264338327950288"))
_CUBIC = np.longdouble("0.044715")


def _float(x: Array) -> Array:
    """Integers and truth values as float64; all other numbers, as they are."""
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.inexact) else x.astype(np.float64)


def _reciprocal(x: Array) -> Array:
    return 1.0 / _float(x)


def _step(x: Array) -> Array:
    return np.where(np.asarray(x) > 0, 1.0, 0.0)


def _power(x: Array, w: Array) -> Array:
    return np.power(_float(x), w)


def _where(c: Array, x: Array, w: Array) -> Array:
    return np.where(np.not_equal(c, 0), x, w)


def _rsqrt(x: Array) -> Array:
    return 1.0 / np.sqrt(x)


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), through e^-|x|, which cannot overflow."""
    x = _float(x)
    if x.dtype.kind == "c":
        return 1.0 / (1.0 + np.exp(-x))
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _softplus(x: Array) -> Array:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|)."""
    x = _float(x)
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _logsigmoid(x: Array) -> Array:
    return -_softplus(-_float(x))


def _softsign(x: Array) -> Array:
    x = _float(x)
    return x / (1.0 + np.abs(x))


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _leaky_relu(x: Array) -> Array:
    x = _float(x)
    return np.where(x >= 0, x, 0.01 * x)


def _elu(x: Array) -> Array:
    x = _float(x)
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def _selu(x: Array) -> Array:
    x = _float(x)
    scale = 1.0507009873554804934193349852946
    left = scale * 1.6732632423543772848170429916717
    return np.where(x > 0, scale * x, left * np.expm1(np.minimum(x, 0.0)))


def _sinc(x: Array) -> Array:
    """sin(π x) / (π x); sin(π x) = ± sin(π r), where r is how far the nearest whole number is, exactly."""
    x = _float(x)
    whole = np.round(x)
    sign = 1 - 2 * np.abs(np.fmod(whole, 2))
    below = np.where(x == 0, 1.0, math.pi * x)
    return np.where(x == 0, 1.0, sign * np.sin(math.pi * (x - whole)) / below)


def _silu(x: Array) -> Array:
    return _float(x) * _sigmoid(x)


def _mish(x: Array) -> Array:
    return _float(x) * np.tanh(_softplus(x))


def _gelu(x: Array) -> Array:
    """x Φ(x), Φ(x) = ½ erfc(z), z = -x √½.

    Far to the left erfc multiplies an error of z by 2 z², so what rounding takes from z is put back: by the slope.
    """
    x = _float(x)
    exact = -x.astype(np.longdouble) * _SQRT_HALF
    z = exact.astype(np.float64)
    lost = np.where(np.isfinite(x), exact - z, 0).astype(np.float64)
    return 0.5 * x * (_erfc(z) - 2.0 / math.sqrt(math.pi) * np.exp(-z * z) * lost)


def _gelu_tanh(x: Array) -> Array:
    """½ x (1 + tanh(v)) = x σ(2 v), 2 v = √(8/π) (x + 0.044715 x³); σ multiplies an error of v by v, so v is exact."""
    x = _float(x)
    wide = np.clip(x.astype(np.longdouble), -1e3, 1e3)
    exact = _SQRT_8_π * wide * (1 + _CUBIC * wide * wide)
    small = np.exp(-np.abs(exact)).astype(np.float64)
    return x * (np.where(x >= 0, 1.0, small) / (1.0 + small))


NUMPY: dict[str, Callable[..., Array]] = Composed({
    "exp":        np.exp,
    "expm1":      np.expm1,
    "log":        np.log,
    "log1p":      np.log1p,
    "log2":       np.log2,
    "log10":      np.log10,
    "sqrt":       np.sqrt,
    "rsqrt":      _rsqrt,
    "square":     np.square,
    "reciprocal": _reciprocal,
    "power":      _power,
    "exp2":       np.exp2,
    "logaddexp":  np.logaddexp,
    "hypot":      np.hypot,
    "cbrt":       np.cbrt,
    "arctan2":    np.arctan2,
    "sinc":       _sinc,
    "trunc":      np.trunc,
    "finite":     lambda x: np.isfinite(x).astype(float),
    "isnan":      lambda x: np.isnan(x).astype(float),
    "stop":       _float,
    "floor":      np.floor,
    "ceil":       np.ceil,
    "round":      np.round,
    "clip":       lambda low, x, high: np.minimum(np.maximum(low, x), high),
    "abs":        np.abs,
    "sign":       np.sign,
    "step":       _step,
    "max":        np.maximum,
    "min":        np.minimum,
    "where":      _where,
    "sin":        np.sin,
    "cos":        np.cos,
    "tan":        np.tan,
    "arcsin":     np.arcsin,
    "arccos":     np.arccos,
    "arctan":     np.arctan,
    "sinh":       np.sinh,
    "cosh":       np.cosh,
    "tanh":       np.tanh,
    "arcsinh":    np.arcsinh,
    "arccosh":    np.arccosh,
    "arctanh":    np.arctanh,
    "sigmoid":    _sigmoid,
    "logsigmoid": _logsigmoid,
    "softplus":   _softplus,
    "softsign":   _softsign,
    "erf":        _erf,
    "erfc":       _erfc,
    "relu":       _relu,
    "leaky_relu": _leaky_relu,
    "elu":        _elu,
    "selu":       _selu,
    "silu":       _silu,
    "mish":       _mish,
    "gelu":       _gelu,
    "gelu_tanh":  _gelu_tanh,
    "conj":       np.conj,
    "re":         np.real,
    "im":         np.imag,
    "angle":      np.angle,
    "imaginary":  lambda: 1j,
    "pi":         lambda: math.pi,
})  # fmt: skip


# --------------------------------------------------------------------------- along axes
Axes = tuple[int, ...]


def _logsumexp(x: Array, axes: Axes) -> Array:
    """log Σ eˣ = m + log Σ e^(x - m), m the largest x."""
    return np.squeeze(_logsumexp_kept(_float(x), axes), axis=axes)


def _logsumexp_kept(x: Array, axes: Axes) -> Array:
    top = np.max(x, axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):  # every x is -∞: the logarithm of 0 is meant
        return top + np.log(np.sum(np.exp(x - top), axis=axes, keepdims=True))


def _softmax(x: Array, axes: Axes) -> Array:
    """eˣ / Σ eˣ, after the largest x is taken from all."""
    x = _float(x)
    y = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return y / np.sum(y, axis=axes, keepdims=True)


def _logsoftmax(x: Array, axes: Axes) -> Array:
    x = _float(x)
    rest = x - np.max(x, axis=axes, keepdims=True)
    return rest - np.log(np.sum(np.exp(rest), axis=axes, keepdims=True))


def _place(find: Callable[..., Array], op: str) -> Callable[[Array, Axes], Array]:
    def along(x: Array, axes: Axes) -> Array:
        if len(axes) != 1:
            raise UsageError(f"{op} runs over one index, not {len(axes)}", fix="a place is one number")
        return find(x, axis=axes[0])

    return along


def _order(x: Array, axis: int) -> Array:
    """Where the entries stand that are sorted upwards; equal ones stay in their order."""
    return np.argsort(x, axis=axis, kind="stable")


def _running(f: Callable[..., Array]) -> Callable[[Array, Axes], Array]:
    """Along several axes, along one after the other: over all that stands before in each."""

    def along(x: Array, axes: Axes) -> Array:
        for axis in axes:
            x = f(x, axis=axis)
        return x

    return along


NUMPY_REDUCE: dict[str, Callable[[Array, Axes], Array]] = ComposedAlong(NUMPY, {
    "max":        lambda x, axes: np.max(x, axis=axes),
    "min":        lambda x, axes: np.min(x, axis=axes),
    "prod":       lambda x, axes: np.prod(x, axis=axes),
    "mean":       lambda x, axes: np.mean(x, axis=axes),
    "var":        lambda x, axes: np.var(x, axis=axes),
    "std":        lambda x, axes: np.std(x, axis=axes),
    "norm":       lambda x, axes: np.sqrt(np.sum(np.square(x), axis=axes)),
    "median":     lambda x, axes: np.median(x, axis=axes),
    "logsumexp":  _logsumexp,
    "argmax":     _place(np.argmax, "argmax"),
    "argmin":     _place(np.argmin, "argmin"),
    "softmax":    _softmax,
    "logsoftmax": _logsoftmax,
    "cumsum":     _running(np.cumsum),
    "cumprod":    _running(np.cumprod),
    "sort":       _place(np.sort, "sort"),
    "argsort":    _place(_order, "argsort"),
    "top":        _place(lambda x, axis: np.take_along_axis(x, _order(-x, axis), axis), "top"),
    "argtop":     _place(lambda x, axis: _order(-x, axis), "argtop"),
    **NUMPY_MATRICES,
})  # fmt: skip

complete(NUMPY, NUMPY_REDUCE)
