"""Open functions, bound to what computes them: ``compile(s, functions={"f": jnp.tanh})``.

In: the names of functions that the table does not know, and callables of one array. Out: a callable for each of them,
and for those with primes: f′ is given under its own name, or is JAX's derivative of f.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tensorprop.core.functions import is_known
from tensorprop.errors import NotElementwise, TensorpropError, UnknownName, UsageError, among

__all__ = ["Functions", "bound", "open_functions"]

Functions = Mapping[str, Callable[..., Any]]

_COUNT = {"′": 1, "'": 1, "″": 2, "‴": 3, "⁗": 4}


def _parts(name: str) -> tuple[str, int]:
    """``f″`` is f with two primes, in any spelling."""
    stem = name.rstrip("".join(_COUNT))
    return stem, sum(_COUNT[c] for c in name[len(stem) :])


def open_functions(names: Iterable[str]) -> list[str]:
    """Those that the table does not know."""
    return [name for name in names if not is_known(name)]


def bound(names: Iterable[str], given: Functions | None) -> dict[str, Callable[..., Any]]:
    """What computes each open function among ``names``; those that nothing is given for are left out.

    Errors: UnknownName for a function that is given and is not open here, UsageError for what cannot be called.
    """
    wanted = open_functions(names)
    known: dict[tuple[str, int], Callable[..., Any]] = {}
    stems = {_parts(name)[0] for name in wanted}
    for name, f in (given or {}).items():
        key = _parts(name)
        if key[0] not in stems:
            if is_known(name):
                raise UsageError(f"{name} is known: only an open function is given", fix="give yours another name")
            raise UnknownName(f"no function {name} is open here", **among(name, sorted(stems)))
        if not callable(f):
            fix = f'write functions={{"{name}": jnp.tanh}}'
            raise UsageError(f"{name} is to be a function, not of type {type(f).__name__}", fix=fix)
        if _mixes(f):
            raise NotElementwise(
                f"{name} is applied to every entry, and what was given makes each entry of all of them",
                fix=f"write what it does along an index, softmax_i(…), or give {name} a function of one number",
            )
        known[key] = f
    found: dict[str, Callable[..., Any]] = {}
    for name in wanted:
        stem, n = _parts(name)
        below = next((k for k in range(n, -1, -1) if (stem, k) in known), None)
        if below is not None:
            f = known[stem, below]
            for _ in range(n - below):
                f = _slope(f)
            found[name] = _entrywise(name, f)
    return found


def _mixes(f: Callable[..., Any]) -> bool:
    """Whether an entry of what a function gives depends on the other entries: softmax, a mean taken off."""
    probe = np.array([0.3, 0.7, 0.2])
    try:
        together = np.asarray(f(probe), float)
        apart = np.concatenate([np.asarray(f(probe[k : k + 1]), float) for k in range(3)])
    except Exception:  # what it does with other arguments, or while a program is traced, is told where it is called
        return False
    return together.shape == apart.shape == (3,) and not np.allclose(together, apart, 1e-3, 1e-3, equal_nan=True)


def _slope(f: Callable[..., Any]) -> Callable[..., Any]:
    from tensorprop.run.jax import slope_of

    return slope_of(f)


def _entrywise(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """The function, held to give an entry for every entry."""

    def applied(*args: Any) -> Any:
        try:
            y = f(*args)
        except TensorpropError:
            raise
        except Exception as error:  # somebody's function may raise anything
            raise _failed(name, error) from None
        shape = getattr(args[0], "shape", ())
        if getattr(y, "shape", ()) != shape:
            raise NotElementwise(
                f"{name} is applied to every entry, and what was given takes an array of shape {shape} to "
                f"{getattr(y, 'shape', type(y).__name__)}",
                fix="give a function of one number, written for arrays: jnp.tanh, lambda x: x * x",
            )
        return y

    return applied


def _failed(name: str, error: Exception) -> UsageError:
    """What a function that was given did with an array, or with what JAX traces in place of one."""
    first = str(error).strip().split("\n", 1)[0]
    return UsageError(
        f"{name}, as it was given, ends in {type(error).__name__}" + (f": {first}" if first else ""),
        known="it is called with a whole array, and while a program is made with what stands for one",
        fix=f'write it with jax.numpy, for any shape: functions={{"{name}": lambda x: jnp.where(x > 0, x, 0)}}',
    )
