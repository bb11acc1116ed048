"""Start values of parameters: random arrays whose spread is read off the indices.

In: equations or a layer, a key of JAX, sizes. Out: a dict of arrays. What fan-in and fan-out are is said in
`calculus.fans`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import jax
import jax.numpy as jnp

from tensorprop.calculus.fans import Fans, fans
from tensorprop.calculus.source import Source, as_system, names_in
from tensorprop.core.equation import System
from tensorprop.errors import MissingInput, UnknownName, UsageError, among
from tensorprop.run.plan import input_shapes

__all__ = ["init"]

Scheme = str | float | Callable[..., Any]


class _Spread(NamedTuple):
    """A variance of ``gain`` over the fan-in, the fan-out or their mean, drawn as in the paper named."""

    gain: float
    over: str
    drawn: str


_SPREADS = {
    "glorot": _Spread(1, "mean", "uniform"),  # Glorot and Bengio, AISTATS 2010
    "he": _Spread(2, "into", "normal"),  # He, Zhang, Ren, Sun, ICCV 2015
    "lecun": _Spread(1, "into", "normal"),  # LeCun, Bottou, Orr, Müller, Efficient BackProp, 1998
}
_ALSO = {"xavier": "glorot", "kaiming": "he"}
_PLAIN = {"zeros": 0.0, "ones": 1.0}
_NAMES = (*_SPREADS, *_ALSO, *_PLAIN)
_START = {"scale": "ones", "shift": "zeros"}


def init(
    s: Source,
    key: Any,
    sizes: Mapping[str, int | tuple[int, ...]],
    schemes: Scheme | Mapping[str, Scheme] = "glorot",
    *,
    wrt: str | tuple[str, ...] | None = None,
    dtype: Any = None,
) -> dict[str, jax.Array]:
    """Start values for the parameters: ``{"W": …, "b": …}``, each of the shape that its indices have.

    ``sizes`` tells the size of every index of the parameters (of a tensor with an axis that no letter indexes, its
    shape: ``{"E": (1000, 64)}``). The parameters are a layer's, or those that ``wrt`` names; without either, every
    input all of whose indices have a size.

    Fan-in is the product of the sizes of the indices that are summed with the data, fan-out that of the indices that
    the data lack. ``schemes`` names what is drawn, for all or, as a dict, tensor by tensor: ``"glorot"`` (also
    ``"xavier"``; uniform, variance 2 / (fan-in + fan-out)), ``"he"`` (``"kaiming"``; normal, 2 / fan-in), ``"lecun"``
    (normal, 1 / fan-in), each with ``" uniform"`` or ``" normal"`` behind it if the other is meant; ``"zeros"``,
    ``"ones"``; a number, which is the standard deviation of a normal; or a function of JAX's
    (``jax.nn.initializers.orthogonal()``). What no sum runs over starts at one where it is a factor (γ of a
    normalisation) and at zero where it is added (a bias), unless the dict names it. An array depends on the key and on
    its own name alone.

    Errors: MissingInput for a size, UnknownName, UsageError for a scheme that is none or a tensor with two fans.

    >>> import jax
    >>> p = init("z_bj = a_bi W_ij + c_j", jax.random.key(0), {"i": 784, "j": 512})
    >>> {n: v.shape for n, v in p.items()}, float(abs(p["W"]).max()) < (6 / (784 + 512)) ** 0.5
    ({'W': (784, 512), 'c': (512,)}, True)
    """
    system = as_system(s)
    told = {n: v for n, v in sizes.items() if not isinstance(v, tuple)}
    shapes = {n: tuple(v) for n, v in sizes.items() if isinstance(v, tuple)}
    named = names_in(wrt, "wrt") if wrt is not None else names_in(getattr(s, "parameters", ()))
    for name in (*named, *shapes):
        if name not in system.inputs:
            raise UnknownName(f"no input is called {name}", **among(name, system.inputs, "inputs"))
    parameters = named or _sized(system, told, shapes)
    found = input_shapes(system, told, shapes, parameters)
    each = dict(schemes) if isinstance(schemes, Mapping) else {}
    for name in each:
        if name not in parameters:
            raise UnknownName(f"no parameter is called {name}", **among(name, parameters, "parameters"))
    general = "glorot" if isinstance(schemes, Mapping) else schemes
    dtype = jnp.result_type(float) if dtype is None else dtype
    out: dict[str, jax.Array] = {}
    for name in parameters:
        ways = fans(system, name, parameters)
        kinds = {way.kind for way in ways}
        start = _START[kinds.pop()] if kinds in ({"scale"}, {"shift"}) else general
        scheme = each.get(name, start)
        own = jax.random.fold_in(key, crc32(name.encode()))
        out[name] = _drawn(name, own, found[name], scheme, ways, dtype)
    return out


def _sized(system: System, sizes: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """The inputs all of whose axes have a size."""
    found: list[str] = []
    for name in system.inputs:
        try:
            input_shapes(system, sizes, shapes, (name,))
        except MissingInput:
            continue
        found.append(name)
    if not found:
        raise MissingInput(
            "no input has a size for every index",
            known=f"inputs: {', '.join(system.inputs)}",
            fix='tell the sizes of the indices of the parameters, such as {"i": 784, "j": 512}',
        )
    return tuple(found)


def _drawn(
    name: str, key: Any, shape: tuple[int, ...], scheme: Scheme, ways: tuple[Fans, ...], dtype: Any
) -> jax.Array:
    if callable(scheme):
        return scheme(key, shape, dtype)
    if isinstance(scheme, int | float):
        return scheme * jax.random.normal(key, shape, dtype)
    if scheme in _PLAIN:
        return jnp.full(shape, _PLAIN[scheme], dtype)
    base, _, way = scheme.replace("_", " ").partition(" ")
    base = _ALSO.get(base, base)
    if base not in _SPREADS or way not in ("", "uniform", "normal"):
        raise UsageError(
            f'no scheme is called "{scheme}"',
            known=f'schemes: {", ".join(_NAMES)}, and "he uniform", "glorot normal" …',
            fix="a number is the standard deviation of a normal",
        )
    spread = _SPREADS[base]
    several = {_fan(shape, way, spread.over) for way in ways} or {1.0}
    if len(several) > 1:
        raise UsageError(
            f"{name} is used in {len(ways)} ways, with the fans {' and '.join(f'{n:g}' for n in sorted(several))}",
            fix=f'say its standard deviation: schemes={{"{name}": 0.02}}',
        )
    deviation = math.sqrt(spread.gain / max(several.pop(), 1.0))
    if (way or spread.drawn) == "normal":
        return deviation * jax.random.normal(key, shape, dtype)
    edge = math.sqrt(3) * deviation
    return jax.random.uniform(key, shape, dtype, -edge, edge)


def _fan(shape: tuple[int, ...], way: Fans, over: str) -> float:
    into, out = (math.prod(shape[k] for k in axes) for axes in (way.into, way.out))
    return (into + out) / 2 if over == "mean" else into
