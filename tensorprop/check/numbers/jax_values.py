"""Functions by number, as people write them, for NumPy and for JAX: what a naive evaluation applies.

In: an array module and arrays. Out: values, and how far these move with their arguments. The numbers with which the
library computes stand in `run`; these share no line with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as special
import numpy as np

from tensorprop.check.numbers.naive_matrices import MATRICES
from tensorprop.core.functions import complete, is_known
from tensorprop.errors import UsageError

__all__ = [
    "FUNCTIONS",
    "NORMALISERS",
    "REDUCTIONS",
    "SPREAD",
    "VALUES",
    "Function",
    "double_precision",
    "value_of",
    "widest",
]

Function = Callable[..., Any]


def double_precision() -> AbstractContextManager[Any]:
    """A context in which JAX computes with 64 bits, whatever the configuration says outside."""
    return jax.enable_x64(True)


# --------------------------------------------------------------------------- functions, as people write them
# Each takes the array module first: NumPy, or jax.numpy where JAX is to differentiate. These are what other functions
# mean, and those whose meaning would lose digits that a check needs: softplus far to the right, expm1 near 0, the two
# gelus far to the left. Every other function is evaluated by what its row says that it means.
FUNCTIONS: dict[str, Function] = {
    "pi": lambda xp: xp.asarray(math.pi),
    **{
        name: lambda xp, x, name=name: getattr(xp, name)(x)
        for name in (
            *("exp", "expm1", "log", "log1p", "sqrt", "sign"),
            *("sin", "cos", "tan", "arcsin", "arccos", "arctan"),
            *("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
        )
    },
    "abs": lambda xp, x: xp.where(x == 0, 0.0, xp.abs(x)),  # a median is one of its entries: 0 is met, with slope 0
    "conj": lambda xp, x: xp.conj(x),
    "re": lambda xp, x: xp.real(x),
    "im": lambda xp, x: xp.imag(x),
    "angle": lambda xp, x: xp.angle(x),
    "imaginary": lambda xp: xp.asarray(1j),
    "floor": lambda xp, x: xp.floor(x),
    "trunc": lambda xp, x: xp.trunc(x),
    "cbrt": lambda xp, x: xp.cbrt(x),
    "sinc": lambda xp, x: xp.sinc(x),
    "arctan2": lambda xp, x, y: xp.arctan2(x, y),
    "lgamma": lambda xp, x: xp.asarray(special.gammaln(x)),
    "digamma": lambda xp, x: xp.asarray(special.digamma(x)),
    "polygamma": lambda xp, n, x: xp.asarray(jax.lax.polygamma(*jnp.broadcast_arrays(1.0 * n, 1.0 * x))),
    "remainder": lambda xp, x, y: xp.remainder(x, y),
    "fmod": lambda xp, x, y: xp.fmod(x, y),
    "finite": lambda xp, x: xp.where(xp.isfinite(x), 1.0, 0.0),
    "isnan": lambda xp, x: xp.where(xp.isnan(x), 1.0, 0.0),
    "stop": lambda xp, x: jax.lax.stop_gradient(x) if xp is jnp else x,
    # at the ends these have the slope of one side
    "relu6": lambda xp, x: xp.where(x <= 0, 0.0, xp.where(x >= 6, 6.0, x)),
    "hard_tanh": lambda xp, x: xp.where(x < -1, -1.0, xp.where(x > 1, 1.0, x)),
    "hard_sigmoid": lambda xp, x: xp.where(x <= -3, 0.0, xp.where(x >= 3, 1.0, (x + 3) / 6)),
    "ceil": lambda xp, x: xp.ceil(x),
    "round": lambda xp, x: xp.round(x),
    "logaddexp": lambda xp, x, y: xp.logaddexp(x, y),
    "sigmoid": lambda xp, x: _sigmoid(xp, x),
    "softplus": lambda xp, x: xp.logaddexp(x, 0.0),
    "logsigmoid": lambda xp, x: -xp.logaddexp(-x, 0.0),
    "erf": lambda xp, x: special.erf(x) if xp is jnp else np.vectorize(math.erf, otypes=[float])(x),
    "erfc": lambda xp, x: special.erfc(x) if xp is jnp else np.vectorize(math.erfc, otypes=[float])(x),
    "gelu": lambda xp, x: x * FUNCTIONS["erfc"](xp, -x / math.sqrt(2)) / 2,
    "gelu_tanh": lambda xp, x: x * _sigmoid(xp, math.sqrt(8 / math.pi) * (x + 0.044715 * x**3)),
    # at 0 these have the slope of one side, and JAX would share that of max(x, 0)
    "relu": lambda xp, x: xp.where(x > 0, x, 0.0),
    "leaky_relu": lambda xp, x: xp.where(x >= 0, x, 0.01 * x),
    "selu": lambda xp, x: (
        1.0507009873554804934 * xp.where(x > 0, x, 1.6732632423543772848 * xp.expm1(xp.where(x > 0, 0.0, x)))
    ),
    "power": lambda xp, x, y: xp.power(x, y),
    "max": lambda xp, x, y: xp.maximum(x, y),
    "min": lambda xp, x, y: xp.minimum(x, y),
    "where": lambda xp, c, x, y: xp.where(c != 0, x, y),
}


def _sigmoid(xp: Any, x: Any) -> Any:
    return jax.nn.sigmoid(x) if xp is jnp else 1 / (1 + np.exp(-x))


# What an open function f stands for, another one for each sample: smooth, without symmetry, and with slopes in which
# nothing cancels, as it would in 1 - tanh². JAX gives f′, f″ …
_STAND_INS: tuple[Function, ...] = (
    lambda x, *more: jnp.arctan(x + 0.3) + 0.1 * sum((jnp.sin(m) for m in more), jnp.zeros(())),
    lambda x, *more: jnp.sin(1.3 * x + 0.4) + x / 3 + sum((0.2 * m * m for m in more), jnp.zeros(())),
    lambda x, *more: jnp.logaddexp(x, 0.0) + 0.05 * x * x + sum((jnp.tanh(m) * x for m in more), jnp.zeros(())),
)


def value_of(name: str, sample: int) -> Function:
    """The function of this name, to be called with the array module first.

    A function of the table is never taken for an open one: what has no value here has a meaning there.
    """
    known = FUNCTIONS.get(name)
    if known is not None:
        return known
    if is_known(name):
        raise UsageError(
            f"nothing says what {name} is: it has a row, and neither a meaning there nor a value for checks",
            fix=f'say it in the row, Function("{name}", …, means="…")',
        )
    stem = name.rstrip("′″‴⁗")
    f = _STAND_INS[(sample + sum(map(ord, stem))) % len(_STAND_INS)]
    for _ in range(sum({"′": 1, "″": 2, "‴": 3, "⁗": 4}[p] for p in name[len(stem) :])):
        f = _derivative(f)
    return lambda xp, *args: f(*args) if xp is jnp else np.asarray(f(*args))


def _derivative(f: Function) -> Function:
    return lambda x, *more: jax.jvp(lambda t: f(t, *more), (jnp.asarray(x),), (jnp.ones_like(x),))[1]


REDUCTIONS: dict[str, Function] = {
    "max": lambda xp, x, axes: xp.max(x, axes),
    "min": lambda xp, x, axes: xp.min(x, axes),
    "prod": lambda xp, x, axes: xp.prod(x, axes),
    "mean": lambda xp, x, axes: xp.mean(x, axes),
    "var": lambda xp, x, axes: xp.mean((x - xp.mean(x, axes, keepdims=True)) ** 2, axes),
    "std": lambda xp, x, axes: xp.sqrt(REDUCTIONS["var"](xp, x, axes)),
    "norm": lambda xp, x, axes: xp.sqrt(xp.sum(x * x, axes)),
    "median": lambda xp, x, axes: xp.median(x, axes),
    "logsumexp": lambda xp, x, axes: xp.log(xp.sum(xp.exp(x), axes)),
    "argmax": lambda xp, x, axes: xp.asarray(xp.argmax(x, axes[0]), dtype=float),
    "argmin": lambda xp, x, axes: xp.asarray(xp.argmin(x, axes[0]), dtype=float),
}


def _one_by_one(f: Function, x: Any, axes: tuple[int, ...]) -> Any:
    for axis in axes:
        x = f(x, axis)
    return x


def _places(xp: Any, x: Any, axis: int) -> Any:
    """Where the entries stood before they were sorted; of equal ones the first first, which JAX does unasked."""
    order = xp.argsort(x, axis, kind="stable") if xp is np else xp.argsort(x, axis)
    return xp.asarray(order, dtype=float)


NORMALISERS: dict[str, Function] = {
    "softmax": lambda xp, x, axes: xp.exp(x) / xp.sum(xp.exp(x), axes, keepdims=True),
    "logsoftmax": lambda xp, x, axes: x - xp.log(xp.sum(xp.exp(x), axes, keepdims=True)),
    "cumsum": lambda xp, x, axes: _one_by_one(xp.cumsum, x, axes),
    "cumprod": lambda xp, x, axes: _one_by_one(xp.cumprod, x, axes),
    "sort": lambda xp, x, axes: xp.sort(x, axes[0]),
    "argsort": lambda xp, x, axes: _places(xp, x, axes[0]),
    "top": lambda xp, x, axes: -xp.sort(-x, axes[0]),
    "argtop": lambda xp, x, axes: _places(xp, -x, axes[0]),
}
VALUES = frozenset((*REDUCTIONS, *NORMALISERS, *MATRICES))
complete(FUNCTIONS, VALUES)


def widest(value: Any, scale: Any, axes: tuple[int, ...]) -> Any:
    return np.max(scale, axes)


SPREAD: dict[str, Function] = {
    "prod": lambda value, scale, axes: np.prod(scale, axes),
    "mean": lambda value, scale, axes: np.mean(scale, axes),
    "norm": lambda value, scale, axes: np.sqrt(np.sum(scale**2, axes)),
    "std": lambda value, scale, axes: np.mean(scale + np.mean(scale, axes, keepdims=True), axes),
    "cumsum": lambda value, scale, axes: _one_by_one(np.cumsum, scale, axes),
    "cumprod": lambda value, scale, axes: _one_by_one(np.cumprod, np.maximum(scale, 1), axes),
    "var": lambda value, scale, axes: np.mean((scale + np.mean(scale, axes, keepdims=True)) ** 2, axes),
}
