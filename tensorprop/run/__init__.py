"""For machines: sizes, plans, the slow reference, and compilation with JAX. Each is imported on its first use."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorprop.run.api import compile, value_and_grad
    from tensorprop.run.extents import extents
    from tensorprop.run.plan import plan
    from tensorprop.run.reference import evaluate

__all__ = ["compile", "evaluate", "extents", "plan", "value_and_grad"]

_HOME = {
    "compile": "api",
    "evaluate": "reference",
    "extents": "extents",
    "plan": "plan",
    "value_and_grad": "api",
}


def __getattr__(name: str) -> object:
    """A verb, on its first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _RunPackage(ModuleType):
    """A package in which a verb is not hidden by the module of the same name that holds it (``plan``, ``extents``)."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _RunPackage
