"""The names of derivatives and of layers' tensors: made and taken apart here, and nowhere else.

In: names. Out: names, and the parts of one. ``δz`` is the adjoint ∂E/∂z, ``∂y·/∂x··`` the derivative of y by x, with
one · for every subscript of each (``∂²y/∂x·∂x·`` the second one), ``W^(k)`` the tensor W of layer k. How a name is
printed is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from tensorprop.core.expr import Tensor

__all__ = [
    "NOBODY",
    "Adjoint",
    "Derivative",
    "Plain",
    "adjoint_name",
    "also_adjoints",
    "derivative_name",
    "innermost",
    "is_adjoint",
    "is_derivative",
    "labelled",
    "moved",
    "outer_adjoint",
    "owed_to",
    "part_name",
    "parts_of_name",
    "primal",
    "primal_axes",
    "stem_and_label",
]

_OUT = "^(out)"
NOBODY = "δδ"  # a tensor of which only the right side is wanted; no text can spell it, so it is nobody's
_ORDERS = ("⁰", "", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹")
_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


@dataclass(frozen=True)
class Plain:
    """A base and a layer label: W and k+1."""

    base: str
    label: str = ""

    def __str__(self) -> str:
        return labelled(self.base, self.label) if self.label else self.base


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

    @property
    def order(self) -> int:
        """How often is differentiated."""
        return len(self.by)


# --------------------------------------------------------------------------- adjoints
def adjoint_name(name: str) -> str:
    """``z`` → ``δz``, the tensor ∂E/∂z."""
    return f"δ{name}"


def outer_adjoint(name: str) -> str:
    """What comes from outside to an output that a recurrence reads itself; its adjoint is all that is owed to it.

    >>> outer_adjoint("h")
    'δh^(out)'
    """
    return adjoint_name(name) + _OUT


def owed_to(name: str) -> str:
    """The tensor of which this is the adjoint, or the part of it that comes from outside.

    >>> owed_to("δh"), owed_to("δh^(out)"), owed_to("h")
    ('h', 'h', 'h')
    """
    return primal(name).removesuffix(_OUT) if is_adjoint(name) else name


def is_adjoint(name: str) -> bool:
    """Whether a name is that of an adjoint, ``δz``; a bare ``δ`` is the adjoint of nothing in particular."""
    return name.startswith("δ") and len(name) > 1


def primal(name: str) -> str:
    """The tensor whose adjoint this is; any other name, as it stands.

    >>> primal("δz"), primal("z")
    ('z', 'z')
    """
    return name[1:] if is_adjoint(name) else name


def also_adjoints(names: Mapping[str, str]) -> Callable[[str], str]:
    """What tensors are called, and their adjoints with them.

    >>> [*map(also_adjoints({"x": "z"}), ("x", "δx", "y"))]
    ['z', 'δz', 'y']
    """

    def new(old: str) -> str:
        stem = primal(old)
        return adjoint_name(names[stem]) if stem != old and stem in names else names.get(old, old)

    return new


def innermost(name: str) -> str:
    """The tensor below every δ: z of ``δδz``; a name of δ alone, as it stands."""
    return name.lstrip("δ") or name


# --------------------------------------------------------------------------- derivatives
def derivative_name(of: str, rank: int, by: Iterable[tuple[str, int]]) -> str:
    """The name of a derivative: of which tensor with how many subscripts, by which others.

    >>> derivative_name("y", 1, [("x", 2), ("x", 2)])
    '∂²y·/∂x··∂x··'
    """
    below = [f"∂{name}{'·' * n}" for name, n in by]
    order = "".join(_DIGITS[int(c)] for c in str(len(below))) if len(below) > 9 else _ORDERS[len(below)]
    return f"∂{order}{of}{'·' * rank}/{''.join(below)}"


def is_derivative(name: str) -> bool:
    """Whether a name is that of a derivative, ``∂y/∂x·``."""
    return name.startswith("∂")


def moved(name: str) -> str:
    """The tensor whose derivative this is; any other name, as it stands.

    >>> moved("∂a··/∂ε"), moved("∂²a··/∂x·∂x·"), moved("a")
    ('a', 'a', 'a')
    """
    return _stems(name)[0][0] if is_derivative(name) else name


def parts_of_name(name: str, names: Mapping[str, str] | None = None) -> Plain | Adjoint | Derivative:
    """The parts of a name; ``names`` says what some are called otherwise.

    >>> parts_of_name("δW^(k)")
    Adjoint(of=Plain(base='W', label='k'))
    >>> parts_of_name("∂²y/∂x·∂x·").by
    (Plain(base='x', label=''), Plain(base='x', label=''))
    """
    names = names or {}
    if name in names:
        return _plain(names[name], {})
    if is_adjoint(name):
        return Adjoint(_plain(primal(name), names))
    if is_derivative(name):
        stems = _stems(name)
        plain = [_plain(stem, names) for stem, _ in stems]
        return Derivative(plain[0], tuple(plain[1:]), tuple(n for _, n in stems))
    return _plain(name, names)


def _plain(name: str, names: Mapping[str, str]) -> Plain:
    return Plain(*stem_and_label(names.get(name, name)))


def _stems(name: str) -> list[tuple[str, int]]:
    """The tensors of a derivative's name, the one above first, each with its number of subscripts."""
    above, _, below = name.partition("/∂")
    stems = [above.lstrip("∂" + _DIGITS), *below.split("∂")]
    return [(stem.rstrip("·"), stem.count("·")) for stem in stems]


def primal_axes(target: Tensor) -> list[tuple[str, int]] | None:
    """Which axis of which tensor each axis of a derivative repeats: ``δz_bj`` has those of z.

    ``None`` for an ordinary tensor. A derivative's name holds one · for every subscript: ``∂y·/∂x··``.

    >>> from tensorprop.core.build import tensor
    >>> primal_axes(tensor("∂y·/∂x··", "i", "j", "k"))
    [('y', 0), ('x', 0), ('x', 1)]
    >>> primal_axes(tensor("δz", "b", "j"))
    [('z', 0), ('z', 1)]
    """
    if target.name[:1] not in ("δ", "∂"):  # asked of every equation, and nearly always so
        return None
    if is_adjoint(target.name):
        return [(primal(target.name), k) for k in range(len(target.subscripts))]
    if not is_derivative(target.name):
        return None
    return [(name, k) for name, n in _stems(target.name) for k in range(n)]


# --------------------------------------------------------------------------- layers
def labelled(name: str, label: str) -> str:
    """The tensor of a layer: ``labelled("W", "k")`` is ``W^(k)``."""
    return f"{name}^({label})"


def stem_and_label(name: str) -> tuple[str, str]:
    """A name without its layer's label, and the label.

    >>> stem_and_label("W^(k+1)"), stem_and_label("W")
    (('W', 'k+1'), ('W', ''))
    """
    stem, _, label = name.partition("^")
    return stem, label.removeprefix("(").removesuffix(")")


def part_name(name: str, taken: Container[str]) -> str:
    """A name that nobody has, for a part of what a tensor is made of.

    >>> part_name("n", {"n", "n0"}), part_name("n^(1)", {"n^(1)"})
    ('n1', 'n0^(1)')
    """
    stem, label = stem_and_label(name)
    names = (labelled(f"{stem}{k}", label) if label else f"{stem}{k}" for k in count())
    return next(n for n in names if n not in taken)
