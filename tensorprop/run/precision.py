"""In what precision each tensor is worked out: ``precision={"default": "bfloat16", "E": "float32"}``.

In: dtypes by the names of tensors. Out: the dtype of every equation. An equation reads what it needs in its own
precision and has its value in it; an input that is named is read in the precision that is said, whatever reads it. The
adjoint δz is worked out as z is, unless it is named itself; a gradient comes in its parameter's own dtype all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tensorprop.core.equation import Loop, System
from tensorprop.core.names import primal
from tensorprop.errors import UnknownName, UsageError, among

__all__ = ["DTYPES", "Precision", "Precisions", "precise"]

Precisions = Mapping[str, object] | str | None

DTYPES = ("float16", "bfloat16", "float32", "float64")
DEFAULT = "default"


class Precision(NamedTuple):
    """The dtype of tensors by name, and of all others; None: that of the arrays."""

    named: Mapping[str, str] = {}
    others: str | None = None

    @property
    def table(self) -> dict[str, str]:
        """The same as it was given."""
        return {**self.named, **({DEFAULT: self.others} if self.others else {})}

    def of(self, name: str) -> str | None:
        """The dtype in which a tensor is worked out; δz is as z is."""
        while name not in self.named and primal(name) != name:
            name = primal(name)
        return self.named.get(name, self.others)

    def read(self, name: str, within: str | None, inputs: Iterable[str]) -> str | None:
        """The dtype in which an equation of dtype ``within`` reads a tensor."""
        return self.named[name] if name in self.named and name in inputs else within

    def together(self, loop: Loop) -> str | None:
        """The one dtype of a loop. Errors: UsageError where its tensors are to have several."""
        kinds = {eq.name: self.of(eq.name) for eq in loop.body}
        if len(set(kinds.values())) > 1:
            told = ", ".join(f"{name}: {kind or 'as given'}" for name, kind in kinds.items())
            raise UsageError(
                "the tensors of a recurrence are worked out together, in one precision",
                known=told,
                fix="name all of them, or none",
                about=loop.body[0].target,
            )
        return next(iter(kinds.values()))


def precise(given: Precisions, system: System) -> Precision | None:
    """What ``precision=`` says: a dtype for everything, or dtypes by name with ``default`` for all others.

    >>> from tensorprop.text import parse
    >>> p = precise({"default": "bfloat16", "E": "float32"}, parse("z_j = a_i W_ij; E = z_j z_j"))
    >>> p.of("z"), p.of("δz"), p.of("δE")
    ('bfloat16', 'bfloat16', 'float32')

    Errors: UnknownName for what is no tensor of the System, UsageError for what is no dtype of real numbers.
    """
    if given is None:
        return None
    table = given if isinstance(given, Mapping) else {DEFAULT: given}
    found: dict[str, str] = {}
    for name, dtype in table.items():
        if name != DEFAULT and name not in system.names and primal(name) not in system.names:
            raise UnknownName(f"no tensor is called {name}", **among(name, (*system.names, DEFAULT)))
        found[name] = _dtype(dtype)
    others = found.pop(DEFAULT, None) if DEFAULT not in system.names else None
    return Precision(found, others)


def _dtype(given: object) -> str:
    """``"bfloat16"``, ``jnp.bfloat16`` or ``np.dtype("float32")``, by its name."""
    name = given if isinstance(given, str) else getattr(given, "__name__", None) or getattr(given, "name", None)
    if name not in DTYPES:
        raise UsageError(f"{given!r} is no dtype of real numbers", known=f"dtypes: {', '.join(DTYPES)}")
    return str(name)
