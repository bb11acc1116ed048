"""A package whose public names are fetched from where they live when they are first used.

In: the package's name, and the module of every public name. Out: the package, so that importing it imports nothing of
what is heavy. What the names mean is not known here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

__all__ = ["fetched", "verb"]


class _Package(ModuleType):
    """A package in which a public name is not hidden by a submodule that is called the same (``check``, ``plan``)."""

    _homes: dict[str, str]
    _public: Callable[[Any], Any] | None

    def __getattr__(self, name: str) -> object:
        """A public name, on its first use."""
        home = self._homes.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(home), name)
        if isinstance(value, FunctionType) and self._public is not None:
            value = self._public(value)
            value.__module__ = self.__name__  # where it is found, also when it is pickled
        vars(self)[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self._homes})

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in self._homes and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


def fetched(package: str, homes: Mapping[str, str], public: Callable[[Any], Any] | None = None) -> None:
    """Let ``package`` fetch its public names: ``homes`` says which of them, as words, are in which module.

    ``public`` is what becomes of a function that is fetched.
    """
    module = sys.modules[package]
    vars(module)["_homes"] = {name: home for home, names in homes.items() for name in names.split()}
    vars(module)["_public"] = public
    module.__class__ = _Package


def verb(name: str) -> Callable[..., Any]:
    """A public verb, for a noun that has it as a method: what computes stands above what is computed."""
    return getattr(sys.modules["tensorprop"], name)
