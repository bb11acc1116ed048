"""Programs: the arrays by name in, the outputs' arrays out.

In: the equations that are computed, and those that a user wrote, which errors quote. Out: functions of arrays. Sizes
are checked before anything is computed; which form of the program is run is asked here and decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorprop.core.equation import System
from tensorprop.core.kinds import smooth
from tensorprop.core.plane import complex_names
from tensorprop.errors import NonNumericDtype, NumberTooLarge, OutOfRange, TensorpropError
from tensorprop.run.again import TwoParts
from tensorprop.run.arrays import accept, look
from tensorprop.run.bound import Functions
from tensorprop.run.budget import fitting
from tensorprop.run.extents import extents
from tensorprop.run.forms import FORMS, Choice, Form, done_as
from tensorprop.run.how import PLAIN, How
from tensorprop.run.lower import lower
from tensorprop.run.path import searching
from tensorprop.run.precision import Precision
from tensorprop.run.sizes import Extents
from tensorprop.text import locate, show

if TYPE_CHECKING:
    from tensorprop.run.jax_types import Array

__all__ = ["ByJax", "program_of", "reference_of"]

Arrays = Mapping[str, Any]


def program_of(
    needed: System,
    system: System,
    names: tuple[str, ...],
    calls: Functions,
    precision: Precision | None = None,
    debug: str | None = None,
    derivative: bool = False,
    two: TwoParts | None = None,
    how: How = PLAIN,
    by_jax: ByJax | None = None,
) -> Callable[[Arrays], tuple[Any, ...]]:
    """The arrays by name in, the outputs' arrays out; ``needed`` is what the user wrote, and errors quote it."""

    real, plane = smooth(system), complex_names(system)

    def program(arrays: Arrays) -> tuple[Any, ...]:
        from tensorprop.run.jax import JaxOperations, array, common_dtype, widened

        idle = {n: look(arrays[n], n) for n in system.inputs if n not in needed.inputs}
        given, sizes = accept(needed, {n: a for n, a in arrays.items() if n not in idle}, derivative)
        if system is not needed:
            sizes = extents(system, {n: (idle.get(n) or given[n]).shape for n in system.inputs})
        ready = {n: widened(array(arrays[n])) if n in plane else array(arrays[n]) for n in system.inputs}
        dtype = common_dtype((a for n, a in ready.items() if n in real), bool(plane))
        try:
            ops = JaxOperations(dtype, calls) if debug is None else _watched(dtype, calls, system, ready)
            with searching(how.effort):
                if two is not None:
                    out = two.lower(system, ready, names, ops, sizes, precision)
                    return tuple(out[n] for n in names)
                if how.memory is not None and debug is None and _sized(ready):
                    cut = fitting(system, sizes, names, dtype.itemsize, how.memory)
                    if cut is not None:
                        out = cut.lower(system, ready, names, ops, sizes, precision)
                        return tuple(out[n] for n in names)
                if how.tune and debug is None:
                    return _tuned(system, names, calls, precision, by_jax)(ready, sizes, ops)
                out = lower(system, ready, names, ops, sizes, precision, in_blocks=debug is None)
        except TensorpropError as error:
            raise locate(error, system) from None
        return tuple(out[n] for n in names)

    return program


class ByJax(NamedTuple):
    """The way there, whose scalar ``error`` JAX differentiates by ``wrt``; ``aux`` comes along."""

    there: System
    error: str
    wrt: tuple[str, ...]
    aux: tuple[str, ...]

    def lower(self, arrays: Arrays, ops: Any, precision: Precision | None) -> tuple[Any, ...]:
        """The scalar, its gradients by JAX, and the rest."""
        from tensorprop.run.jax import differentiated

        def values(params: Arrays) -> tuple[Any, tuple[Any, ...]]:
            given = {n: {**arrays, **params}[n] for n in self.there.inputs}
            known = extents(self.there, {n: tuple(a.shape) for n, a in given.items()})
            out = lower(self.there, given, (self.error, *self.aux), ops, known, precision)
            return out[self.error], tuple(out[n] for n in self.aux)

        (value, rest), grads = differentiated(values, {n: arrays[n] for n in self.wrt})
        return (value, *(grads[n] for n in self.wrt), *rest)


def _tuned(
    system: System, names: tuple[str, ...], calls: Functions, precision: Precision | None, by_jax: ByJax | None
) -> Callable[[Arrays, Extents, Any], tuple[Any, ...]]:
    """The program in the form that is the fastest for arrays of these types."""

    def run(ready: Arrays, sizes: Extents, ops: Any) -> tuple[Any, ...]:
        from tensorprop.run.jax import types_of_arrays
        from tensorprop.run.jax_tuned import fastest

        def program(chosen: Form, places: dict[str, Choice] | None = None) -> Callable[[Arrays], tuple[Any, ...]]:
            def of(arrays: Arrays) -> tuple[Any, ...]:
                with done_as(chosen, places):
                    if chosen.by_jax and by_jax is not None:
                        return by_jax.lower(arrays, ops, precision)
                    out = lower(system, arrays, names, ops, sizes, precision, in_blocks=not chosen.whole)
                    return tuple(out[n] for n in names)

            return of

        forms = [f for f in FORMS if by_jax is not None or not f.by_jax]
        if not _sized(ready):
            return program(forms[0])(ready)
        key = None if calls else "\n".join((show(system), *names, str(precision and precision.table)))
        return program(fastest(program, forms, types_of_arrays(ready), key))(ready)

    return run


def _sized(arrays: Arrays) -> bool:
    """Whether all sizes are numbers: what JAX exports for sizes that are not known yet has names for them."""
    return all(isinstance(n, int) for a in arrays.values() for n in a.shape)


def _watched(dtype: Any, calls: Functions, system: System, arrays: Arrays) -> Any:
    from tensorprop.run.jax_debug import Watched

    return Watched(dtype, calls, system, arrays)


def reference_of(needed: System, names: tuple[str, ...], calls: Functions) -> Callable[[Arrays], tuple[Array, ...]]:
    def program(arrays: Arrays) -> tuple[Any, ...]:
        from numpy.linalg import LinAlgError

        from tensorprop.run.reference import evaluate

        try:
            found = evaluate(needed, arrays, functions=calls)
        except LinAlgError:
            raise OutOfRange("a matrix has no inverse", fix="pass a matrix that is not singular") from None
        except OverflowError:
            raise NumberTooLarge("a number is outside the range of floating point") from None
        except (TypeError, ValueError) as cause:
            raise NonNumericDtype(f"an input is no array for NumPy: {cause}", fix="pass arrays of numbers") from None
        return tuple(found[n] for n in names)

    return program
