"""Is a hand-written rule right? Proved by canonical form, compared with JAX, and reported.

Names are fetched on their first use: `formula` and `explain` live here too, and work without JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorprop.check.function import assert_rule, check_function
    from tensorprop.check.prove.decide import equivalent
    from tensorprop.check.report import Finding, Report, Verdict
    from tensorprop.check.rules import check

__all__ = ["Finding", "Report", "Verdict", "assert_rule", "check", "check_function", "equivalent"]

_HOME = {
    "Finding": "report",
    "Report": "report",
    "Verdict": "report",
    "assert_rule": "function",
    "check": "rules",
    "check_function": "function",
    "equivalent": "prove.decide",
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
