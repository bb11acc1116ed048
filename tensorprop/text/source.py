"""What a verb may be given where it needs a System: text, an Equation, a System, or something that has one."""

from __future__ import annotations

from typing import Any

from tensorprop.core.equation import Equation, System, system
from tensorprop.errors import UsageError
from tensorprop.text.parse import parse

__all__ = ["as_system"]


def as_system(x: Any) -> System:
    """The System that is meant: text is parsed, an Equation stands alone, a layer gives its forward equations."""
    if isinstance(x, System):
        return x
    if isinstance(x, str):
        return parse(x)
    if isinstance(x, Equation):
        return system([x])
    if isinstance(x, type) and hasattr(x, "forward"):  # the class of a layer
        x = x()
    inner = getattr(x, "system", None)
    if isinstance(inner, System):
        return inner
    raise UsageError(
        f"equations are needed here, not {type(x).__name__}",
        fix='write them as text, "z_j = a_i W_ij", or pass a System, an Equation or a Layer',
    )
