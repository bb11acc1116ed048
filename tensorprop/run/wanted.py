"""What is asked of equations: which outputs, which one scalar, which inputs.

In: a System, and names as they were given. Out: names that are there, or an error that says which are.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorprop.calculus.source import names_in
from tensorprop.core.equation import System
from tensorprop.core.names import primal_axes
from tensorprop.errors import UnknownName, UsageError, among

__all__ = ["is_input", "not_known", "outputs_of", "scalar_of", "several", "spare_names"]


def several(x: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names_in(x)))


def outputs_of(s: System, outputs: str | Iterable[str] | None) -> tuple[str, ...]:
    names = s.outputs if outputs is None else several(outputs)
    if not names:
        raise UsageError("no output is asked for", fix=f"name some of {', '.join(eq.name for eq in s)}")
    for name in names:
        if not s.defines(name):
            raise not_known(name, [eq.name for eq in s], "no equation defines")
    return names


def is_input(s: System, name: str) -> None:
    if s.defines(name):
        raise UsageError(
            f"{name} is no input: an equation defines it",
            known=f"inputs: {', '.join(s.inputs)}",
            fix="ask for the rule of an intermediate with adjoint",
        )
    if name not in s.inputs:
        raise not_known(name, s.inputs, "no input is called")


def scalar_of(s: System, of: str | None) -> str:
    """The name of the one scalar whose gradient is meant."""
    if of is not None:
        (name,) = outputs_of(s, of)
        if s.rank(name):
            raise UsageError(
                f"{s[name].target} is not a scalar",
                fix=f"a gradient is of one number: sum it, E = Σ_{''.join(s[name].letters)} {s[name].target}",
            )
        return name
    if len(s.outputs) != 1:
        scalars = [n for n in s.outputs if s.rank(n) == 0]
        raise UsageError(
            f"the equations have {len(s.outputs)} outputs: {', '.join(s.outputs)}",
            fix=f'say whose gradient is meant: of="{(scalars or s.outputs)[0]}"',
        )
    return scalar_of(s, s.outputs[0])


def not_known(name: str, known: Iterable[str], problem: str) -> UnknownName:
    known = list(known)
    return UnknownName(
        f"{problem} {name}",
        **among(name, known),
    )


def spare_names(whole: System, needed: System) -> frozenset[str]:
    """Names that may be passed though nothing needs them: other inputs of the System, and what it is derived from."""
    primals = (name for eq in whole for name, _ in primal_axes(eq.target) or ())
    return frozenset((*whole.inputs, *primals)).difference(needed.inputs)
