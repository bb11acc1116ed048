"""The textbook's shorthand: one letter for two layers' tensors, told apart by their index.

In: the equations of a layer, forward and backward, as they were written. Out: the same equations with every tensor's
name spelled out. In

    z_j = a_i W_ij + b_j        δ_i = W_ij δ_j f′(z_i)
    a_i = f(z_i)

z_i belongs to layer k and z_j to layer k+1: taken literally, z would be defined by a, and a by z. A bare δ_i is the
adjoint of z_i. What has two readings is refused, with both. Sizes and derivatives are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tensorprop.core.equation import Equation, Fact, System, equation, system
from tensorprop.core.expr import Dim, Expr, Tensor
from tensorprop.core.names import (
    Derivative,
    adjoint_name,
    is_derivative,
    labelled,
    parts_of_name,
    primal,
    stem_and_label,
)
from tensorprop.core.walk import tensors_of, transform
from tensorprop.errors import AmbiguousNotation, CircularDefinition, UsageError

__all__ = ["Split", "adjoints_spelled", "forward_spelled", "renamed"]


class Split(NamedTuple):
    """The name ``name`` stands for two tensors: with ``low`` at ``axis`` that of layer k, with ``high`` that of k+1."""

    name: str
    axis: int
    low: str
    high: str

    def spell(self, t: Tensor | Dim) -> Tensor | Dim:
        """``z_i`` → ``z^(k)_i``, ``δz_j`` → ``δz^(k+1)_j``; other tensors as they are."""
        if isinstance(t, Dim):
            return self._size(t)
        if primal(t.name) != self.name:
            return t
        letters = t.letters or ()
        letter = letters[self.axis] if self.axis < len(letters) else None
        if letter not in (self.low, self.high):
            raise AmbiguousNotation(
                f"{t} could belong to layer k or to layer k+1",
                known=f"{self.name} with {self.low} is layer k, with {self.high} layer k+1",
                fix=f"write {self.low} or {self.high} there, or the layer: {t.name}^(k), {t.name}^(k+1)",
                about=(None, t),
            )
        return Tensor(labelled(t.name, "k" if letter == self.low else "k+1"), t.subscripts)

    def _size(self, d: Dim) -> Dim:
        if primal(d.tensor) != self.name:
            return d
        if d.axis == self.axis:
            raise AmbiguousNotation(
                f"dim() could be the size of {self.name}_{self.low} or of {self.name}_{self.high}",
                fix=f"label the layers: {self.name}^(k), {self.name}^(k+1)",
                about=(None, d),
            )
        return Dim(labelled(d.tensor, "k+1"), d.axis)


def forward_spelled(equations: tuple[Equation, ...], facts: Iterable[Fact] = ()) -> tuple[System, Split | None]:
    """The forward System; where it is a circle, one name in it is read as two layers' tensors.

    Errors: CircularDefinition where that does not help, AmbiguousNotation where it helps in two ways.
    """
    try:
        return system(equations, dict.fromkeys(facts)), None
    except CircularDefinition as circle:
        readings = [
            (split, built)
            for split in _splits(equations)
            if (built := _try(renamed(eq, split.spell) for eq in equations)) is not None
        ]
        if not readings:
            raise
        if len(readings) > 1:
            names = [split.name for split, _ in readings]
            ways = " or ".join(f"{s.name}_{s.low} and {s.name}_{s.high}" for s, _ in readings)
            raise AmbiguousNotation(
                f"{' and '.join(names)} each could stand for two layers' tensors: {ways}",
                fix=f"label one of them: {names[0]}^(k), {names[0]}^(k+1)",
                about=circle.about,
            ) from None
        return readings[0][1], readings[0][0]


def _splits(equations: tuple[Equation, ...]) -> Iterable[Split]:
    """Names that are defined with one index and used with another one in its place."""
    for eq in equations:
        seen = {t.letters for other in equations for t in tensors_of(other.value) if t.name == eq.name}
        others = [u for u in seen if u != eq.letters]
        if len(others) != 1 or others[0] is None or "^" in eq.name:
            continue
        differ = [k for k, (i, j) in enumerate(zip(others[0], eq.letters, strict=False)) if i != j]
        if len(differ) == 1 and len(others[0]) == len(eq.letters):
            yield Split(eq.name, differ[0], others[0][differ[0]], eq.letters[differ[0]])


def _try(equations: Iterable[Equation]) -> System | None:
    try:
        return system(equations)
    except (CircularDefinition, AmbiguousNotation):
        return None


def adjoints_spelled(
    rules: Iterable[Equation], forward: System, split: Split | None, said: dict[Expr, Expr]
) -> tuple[Equation, ...]:
    """Hand-written rules with bare ``δ_i``, ``∂E/∂z_i``, ``dz_i`` and the two layers' names spelled out.

    ``said`` is told of every tensor that was spelled otherwise: the new one, and what was written.
    """

    def spell(t: Tensor | Dim) -> Tensor | Dim:
        new: Tensor | Dim = t
        if isinstance(t, Tensor):
            new = _derivative(t, forward)
            new = Tensor(_plain(new.name, forward.names), t.subscripts)
            if new.name == "δ":
                new = Tensor(_bare(t, forward, split), t.subscripts)
        new = split.spell(new) if split is not None else new
        said.setdefault(new, t)
        return new

    return tuple(renamed(eq, spell) for eq in rules)


def _derivative(t: Tensor, forward: System) -> Tensor:
    """``∂E/∂z_i`` → ``δz_i``."""
    if not is_derivative(t.name):
        return t
    made = parts_of_name(t.name)
    assert isinstance(made, Derivative)
    above = str(made.of)
    if made.order > 1 or made.slots[0]:
        raise UsageError(
            f"{t} is not the adjoint of one tensor",
            fix="a layer's backward rules say ∂E/∂x for a scalar error E, written δx or ∂E/∂x",
            about=(None, t),
        )
    if above in forward.names and not (forward.outputs == (above,) and forward.rank(above) == 0):
        raise UsageError(
            f"{t} is the derivative of {above}, which is not the error",
            fix="a layer's backward rules say ∂E/∂x for a scalar error E that follows the layer, written δx or ∂E/∂x",
            about=(None, t),
        )
    return Tensor(adjoint_name(str(made.by[0])), t.subscripts)


def _plain(name: str, known: Iterable[str]) -> str:
    """``dz`` and ``zbar`` are δz among backward rules, where the forward equations have a z and no tensor of that name.

    >>> _plain("dz", ("a", "z")), _plain("zbar", ("a", "z")), _plain("dz", ("dz", "z")), _plain("dw", ("z",))
    ('δz', 'δz', 'dz', 'dw')
    """
    known = frozenset(known)
    if name in known:
        return name
    for stem in (name.removeprefix("d"), name.removesuffix("bar")):
        if stem != name and stem in known:
            return adjoint_name(stem)
    return name


def _bare(t: Tensor, forward: System, split: Split | None) -> str:
    """What a ``δ`` without a name is the adjoint of."""
    if split is not None:  # δ_i and δ_j are the adjoints of z_i and z_j, unless another tensor of layer k+1 has this j
        rivals = [eq.name for eq in forward if stem_and_label(eq.name)[1] != "k+1" and split.high in eq.letters]
        found = [split.name, *rivals]
    else:
        found = [eq.name for eq in forward if eq.letters == t.letters] or [
            eq.name for eq in forward if len(eq.letters) == len(t.subscripts)
        ]
    if len(found) == 1:
        return adjoint_name(found[0])
    raise AmbiguousNotation(
        f"{t} could be the adjoint of {' or of '.join(found)}" if found else f"{t} is the adjoint of nothing here",
        fix="name it: " + ", ".join(adjoint_name(name) for name in found or forward.names),
        about=(None, t),
    )


def renamed(eq: Equation, spell: Callable[[Tensor | Dim], Tensor | Dim]) -> Equation:
    """The equation with every tensor, and every size that is told by one, put through ``spell``."""

    def rule(n: Expr) -> Expr:
        return spell(n) if isinstance(n, (Tensor, Dim)) else n

    target = spell(eq.target)
    assert isinstance(target, Tensor)
    return equation(target, transform(eq.value, rule))
