"""For machines: sizes, plans, the slow reference, and compilation with JAX. Each is imported on its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorprop.package import fetched

if TYPE_CHECKING:
    from tensorprop.run.api import compile, value_and_grad
    from tensorprop.run.extents import extents
    from tensorprop.run.plan import plan
    from tensorprop.run.reference import evaluate

__all__ = ["compile", "evaluate", "extents", "plan", "value_and_grad"]

fetched(
    __name__,
    {
        "tensorprop.run.api": "compile value_and_grad",
        "tensorprop.run.extents": "extents",
        "tensorprop.run.plan": "plan",
        "tensorprop.run.reference": "evaluate",
    },
)
