"""How a tensor's name falls into parts: base, layer label, adjoint, derivative.

In: a name such as ``W^(k)``, ``δz`` or ``∂²y/∂x·∂x·``. Out: its parts, for a printer to decorate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["GREEK", "Adjoint", "Derivative", "Plain", "Style", "spelled"]

GREEK: dict[str, str] = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        strict=True,
    )
)
"""Greek letters as TeX and Typst call them."""


def _no_names() -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Style:
    """How names are dressed. ``adjoint`` shows the adjoint of z: ``δz``, ``∂E/∂z`` (any letter for E), ``z̄``.

    ``labels``: whether carried indices are shown at the names. ``bold``: vectors and matrices in bold type.
    """

    adjoint: str = "δz"
    bold: bool = False
    labels: bool = True
    names: Mapping[str, str] = field(default_factory=_no_names)

    @property
    def loss(self) -> str | None:
        """E, if the adjoint of z is written ∂E/∂z."""
        if self.adjoint.startswith("∂"):
            return self.adjoint[1:].split("/")[0]
        return None

    @property
    def bar(self) -> bool:
        """Whether the adjoint of z is written z̄."""
        return "\u0304" in self.adjoint or self.adjoint == "bar"


@dataclass(frozen=True)
class Plain:
    """A base and a layer label: W and k+1."""

    base: str
    label: str = ""


@dataclass(frozen=True)
class Adjoint:
    """The adjoint of a tensor."""

    of: Plain


@dataclass(frozen=True)
class Derivative:
    """The derivative of one tensor by others, each with its number of subscripts."""

    of: Plain
    by: tuple[Plain, ...]
    slots: tuple[int, ...]


def spelled(name: str, names: Mapping[str, str] | None = None) -> Plain | Adjoint | Derivative:
    """The parts of a name.

    >>> spelled("δW^(k)")
    Adjoint(of=Plain(base='W', label='k'))
    >>> spelled("∂²y/∂x·∂x·").by
    (Plain(base='x', label=''), Plain(base='x', label=''))
    """
    names = names or {}
    if name in names:
        return _plain(names[name], {})
    if name.startswith("δ") and len(name) > 1:
        return Adjoint(_plain(name[1:], names))
    if name.startswith("∂"):
        above, _, below = name.partition("/")
        stems = [above.lstrip("∂⁰¹²³⁴⁵⁶⁷⁸⁹"), *below.split("∂")[1:]]
        plain = [_plain(s.rstrip("·"), names) for s in stems]
        return Derivative(plain[0], tuple(plain[1:]), tuple(s.count("·") for s in stems))
    return _plain(name, names)


def _plain(name: str, names: Mapping[str, str]) -> Plain:
    name = names.get(name, name)
    base, mark, label = name.partition("^(")
    return Plain(base, label.removesuffix(")") if mark else "")
