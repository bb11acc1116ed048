"""Conventions of a formula: columns or rows, samples, layout of derivatives, how adjoints are called.

In: a tensor's name and its axes. Out: which of two axes is the rows', and whether a vector stands or lies. This file
knows no expression and no output format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Index, Tensor
from tensorprop.core.names import Derivative, is_adjoint, parts_of_name, primal, primal_axes
from tensorprop.core.plane import complex_names
from tensorprop.core.walk import tensors_of
from tensorprop.render.trees import Kind

__all__ = ["Convention"]


def _no_names() -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Convention:
    """What the reader has agreed to.

    ``layout``: vectors are columns, or rows. ``samples``: the examples of a batch are rows, or columns; ``batch`` is
    the letter that counts them. ``derivative``: in the denominator layout a gradient has the shape of its variable,
    in the numerator layout that shape transposed. ``adjoint``: how the adjoint of z is written: ``δz``, ``∂E/∂z``,
    ``z̄``. ``names``: other names for tensors. ``turned``: tensors with samples along their first axis. ``plane``: those
    of complex numbers, of which ‖z‖² is not Σ z².
    """

    layout: Literal["column", "row"] = "column"
    samples: Literal["rows", "columns"] = "rows"
    derivative: Literal["denominator", "numerator"] = "denominator"
    adjoint: str = "δz"
    batch: str = "b"
    bold: bool = False
    names: Mapping[str, str] = field(default_factory=_no_names)
    turned: frozenset[str] = frozenset()
    plane: frozenset[str] = frozenset()

    def over(self, equations: Iterable[Equation]) -> Convention:
        """The same for these equations: which tensors are complex, and, with samples as columns, which are turned."""
        if isinstance(equations, System) and (plane := complex_names(equations)) - self.plane:
            return replace(self, plane=self.plane | plane).over(equations)
        if self.samples != "columns":
            return self
        everything = [t for eq in equations for t in (eq.target, *tensors_of(eq.value))]
        turned = frozenset(t.name for t in everything if self.leads(t))
        turned |= {name[1:] for name in turned if is_adjoint(name)}
        return replace(self, turned=self.turned | turned)

    def leads(self, t: Tensor) -> bool:
        """Whether a matrix counts samples along its first axis."""
        return len(t.subscripts) == 2 and t.subscripts[0] is Index(self.batch)

    def placed(self, tensor: Tensor, stay: tuple[int, ...]) -> tuple[tuple[int, ...], Kind]:
        """The axes that stay, those of the rows first, and what the tensor is with them.

        >>> from tensorprop.core.build import tensor
        >>> Convention(derivative="numerator").placed(tensor("δW", "i", "j"), (0, 1))
        ((1, 0), 'matrix')
        """
        if not stay:
            return (), "scalar"
        if len(stay) > 2:
            return stay, "tensor"
        flip = self._transposed(tensor, stay)
        if len(stay) == 1:
            return stay, "column" if (self.layout == "column") != flip else "row"
        return (stay[::-1] if flip else stay), "matrix"

    def _transposed(self, tensor: Tensor, stay: tuple[int, ...]) -> bool:
        name = tensor.name
        axes = primal_axes(tensor)
        if axes is None:
            return len(stay) == 2 and name in self.turned
        if is_adjoint(name):
            turned = len(stay) == 2 and primal(name) in self.turned
            return turned != (self.derivative == "numerator")
        made = parts_of_name(name)
        assert isinstance(made, Derivative)
        if made.order > 1:
            return False
        function = made.slots[0]  # the function's axes come first
        of_function = sum(axis < function for axis in stay)
        of_variable = len(stay) - of_function
        if of_function and of_variable:
            return self.derivative == "denominator"
        return of_variable > 0 and self.derivative == "numerator"

    def says(self, derivatives: bool, batched: bool) -> str:
        """The convention in one line; what does not occur is left out."""
        parts = [f"vectors are {self.layout}s"]
        if batched:
            parts.append(f"samples are {self.samples}")
        if derivatives:
            shape = "its variable" if self.derivative == "denominator" else "its variable transposed"
            parts.append(f"a gradient has the shape of {shape} ({self.derivative} layout)")
        return "; ".join(parts)
