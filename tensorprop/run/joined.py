"""What a function is called with: parameters and data as one dict of arrays, and what may be an array all the same.

In: what somebody passes. Out: arrays by name, or an error that says what to pass. What is computed is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorprop.errors import MissingInput, NonNumericDtype, NumberTooLarge, UsageError

__all__ = ["concrete_all", "joined"]

Arrays = Mapping[str, Any]


def joined(params: object, data: Arrays, wrt: tuple[str, ...], inputs: tuple[str, ...]) -> dict[str, Any]:
    """Parameters and data under their names, each once."""
    if not isinstance(params, Mapping):
        raise UsageError(
            f"parameters are a dict of arrays by name, not a {type(params).__name__}",
            fix="g({" + ", ".join(f'"{n}": …' for n in wrt) + "}, …)",
        )
    twice = [n for n in params if n in data]
    if twice:
        raise UsageError(f"{', '.join(twice)}: given as parameter and again as data", fix="pass it once")
    for name, value in params.items():
        if isinstance(value, Mapping):
            raise UsageError(
                f"{name} is a dict within the parameters",
                known=f"inputs: {', '.join(inputs)}",
                fix="parameters are one flat dict from name to array",
            )
    missing = [n for n in wrt if n not in params]
    if missing:
        raise MissingInput(
            f"no parameter {', '.join(missing)}",
            known=f"parameters given: {', '.join(map(str, params)) or 'none'}",
            fix="what is differentiated belongs to the dict of parameters, the first argument",
        )
    return {**params, **data}


def concrete_all(arrays: Arrays) -> dict[str, Any]:
    """After JAX refused what may be arrays all the same: arrays of lists, data frames and the like."""
    from tensorprop.run.jax import concrete

    made: dict[str, Any] = {}
    for name, value in arrays.items():
        try:
            made[name] = concrete(value)
        except OverflowError:
            raise NumberTooLarge(f"{name} holds a whole number that no dtype of JAX holds", fix="pass floats") from None
        except (TypeError, ValueError) as cause:
            raise NonNumericDtype(f"{name} is no array for JAX: {cause}", fix="pass an array of numbers") from None
    return made
