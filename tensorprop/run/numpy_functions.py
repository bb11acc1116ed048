"""Elementwise functions and reductions in NumPy: what each row of ``core.functions`` means, in float64.

In: arrays of numbers. Out: arrays. Written to be right to the last digits, also far out, and not to be fast; only NumPy
and the standard library's ``erf`` are used. This file knows no expressions and no letters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
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


def _logit(x: Array) -> Array:
    """log(x / (1 - x)); near ½ by 1 + |2 x - 1| / min(x, 1 - x), of which nothing cancels, and which is over 1."""
    x = _float(x)
    low = x < 0.5
    middle = np.log1p(np.abs(2 * x - 1) / np.where(low, x, 1 - x))
    return np.where((x > 0.25) & (x < 0.75), np.where(low, -middle, middle), np.log(x) - np.log1p(-x))


def _xlogy(x: Array, w: Array) -> Array:
    return np.where(np.equal(x, 0), 0.0, x * np.log(np.where(np.equal(x, 0), 1.0, w)))


def _entr(x: Array) -> Array:
    """-x log x, 0 at 0, and -∞ to the left."""
    return np.where(np.less(x, 0), -np.inf, -_xlogy(x, np.where(np.less(x, 0), 1.0, x)))


# Bernoulli's numbers B₂, B₄ … B₂₀.
_BERNOULLI = [Fraction(t) for t in "1/6 -1/30 1/42 -1/30 5/66 -691/2730 7/6 -3617/510 43867/798 -174611/330".split()]
_FAR = 24  # from there on what Euler and Maclaurin add to an integral is right to the last digit


def _risen(x: Array, term: Callable[[Array], Array]) -> tuple[Array, Array]:
    """x raised by whole numbers until it is far to the right, and Σ term(x + k) over the steps."""
    x = np.asarray(_float(x), np.longdouble)
    total, x = np.zeros_like(x), np.where(x > -1e4, x, np.nan)
    with np.errstate(all="ignore"):
        while (near := x < _FAR).any():
            total = total + np.where(near, term(np.where(near, x, 1)), 0)
            x = x + near
    return x, total


def _digamma(x: Array) -> Array:
    """ψ(x) = ψ(x + n) - Σ_{k<n} 1 / (x + k), and log x - 1 / 2x - Σ_j B_2j / (2 j x^2j) far to the right."""
    far, below = _risen(x, lambda x: 1 / x)
    series = sum((np.longdouble(float(b)) / (2 * j * far ** (2 * j)) for j, b in enumerate(_BERNOULLI, 1)), 0 * far)
    return (np.log(far) - 0.5 / far - series - below).astype(np.float64)


def _zeta(s: Array, x: Array) -> Array:
    """Σ_k (x + k)^-s: a few terms one by one, the others by an integral and what it lacks."""
    far, near = _risen(x, lambda x: x**-s)
    rest, rising = far ** (1 - s) / (s - 1) + far**-s / 2, s
    for j, b in enumerate(_BERNOULLI, 1):  # rising = s (s + 1) … (s + 2 j - 2)
        rest = rest + np.longdouble(float(b / math.factorial(2 * j))) * rising * far ** -(s + 2 * j - 1)
        rising = rising * (s + 2 * j - 1) * (s + 2 * j)
    return near + rest


def _polygamma(n: Array, x: Array) -> Array:
    """(-1)^(n+1) n! Σ_k (x + k)^-(n+1)."""
    n, x = np.broadcast_arrays(np.asarray(_float(n), np.longdouble), np.asarray(_float(x), np.longdouble))
    sign = np.where(np.fmod(n, 2) == 1, 1.0, -1.0)
    factorial = np.vectorize(math.gamma, otypes=[np.float64])((n + 1).astype(np.float64))
    return (sign * factorial * _zeta(n + 1, x)).astype(np.float64)


@cache
def _zetas() -> tuple[Array, ...]:
    """ζ(2), ζ(3) … ζ(89)."""
    return tuple(_zeta(np.longdouble(k), np.longdouble(1)) for k in range(2, 90))


_EULER = np.longdouble("0.57721566490153286060651209008240243")


def _log_gamma(x: float) -> float:
    """log Γ(x); near its zeros 1 and 2 by a series in the distance: -γ z + Σ_k ζ(k) (-z)^k / k."""
    zero = 1 if abs(x - 1) < 0.5 else 2
    z = np.longdouble(x) - zero
    if abs(z) < 0.6:
        series = -_EULER * z + sum((c * (-z) ** k / k for k, c in enumerate(_zetas(), 2)), np.longdouble(0))
        return float(series if zero == 1 else np.log1p(z) + series)
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole, or too large
        return math.inf


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
    "logit":      _logit,
    "xlogy":      _xlogy,
    "entr":       _entr,
    "lgamma":     np.vectorize(_log_gamma, otypes=[np.float64]),
    "digamma":    _digamma,
    "polygamma":  _polygamma,
    "remainder":  np.remainder,
    "fmod":       np.fmod,
    "copysign":   np.copysign,
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
