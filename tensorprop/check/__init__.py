"""Is a hand-written rule right? Proved by canonical form, compared with JAX, and reported.

Names are fetched on their first use: `formula` and `explain` live here too, and work without JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorprop.check.function import check_function
    from tensorprop.check.report import Finding, Report, Verdict
    from tensorprop.check.verbs import assert_rule, check, equivalent, explain, formula

__all__ = ["Finding", "Report", "Verdict", "assert_rule", "check", "check_function", "equivalent", "explain", "formula"]

_HOME = {
    "Finding": "report",
    "Report": "report",
    "Verdict": "report",
    "assert_rule": "verbs",
    "check": "verbs",
    "check_function": "function",
    "equivalent": "verbs",
    "explain": "verbs",
    "formula": "verbs",
}


def __getattr__(name: str) -> object:
    """A name, on its first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
