"""The signs of a formula that ask for a reason, and what a reason is: data, before any order or page.

In: a formula whose parts know their indices (`indexed`). Out: its `Sign`s, each product, order, ᵀ, ⊙, ⊘, diag, trace,
1 … once; and the classes of what is said of them. A `Fact` names its signs and its claims, so that a machine can hold
them against the formula. The sentences are made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from tensorprop.render import trees as m
from tensorprop.render.derivation.indexed import Indexed, Path, Spot
from tensorprop.render.derivation.sentences import Sentence
from tensorprop.render.trees import MathTree

__all__ = ["MARKS", "Claim", "Fact", "Sign", "divides", "is_ones", "reciprocal", "signs", "unsigned", "upright"]


class Sign(NamedTuple):
    """One sign of a formula: which, and the part that it makes; ``n`` counts the seams of a product."""

    mark: str
    path: Path
    n: int = 0


class Claim(NamedTuple):
    """What a sentence says about indices, at one part of the formula.

    ``summed``: these letters are summed there. ``kept``: they are left. ``shared``: they stand in all its factors.
    ``rows``, ``columns``: they number these. ``meets``: they stand in exactly the parts at ``others``. ``lacks``: the
    part has none of them.
    """

    kind: Literal["summed", "kept", "shared", "rows", "columns", "meets", "lacks"]
    letters: tuple[str, ...]
    path: Path
    others: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One thing that is true of a formula: its sentence, shorter where its like was said before, signs and claims."""

    topic: str
    said: Sentence
    brief: Sentence
    signs: tuple[Sign, ...] = ()
    claims: tuple[Claim, ...] = ()


def signs(f: Indexed) -> list[Sign]:
    """Every sign that asks for a reason, each once, from the outside in."""
    found = [Sign("for every", ())] if f.carried else []
    for s in f:
        match s.tree:
            case m.Product():
                found += [Sign("product", s.path, n) for n in range(len(s.seams))]
                found += [Sign("order", s.path)] * bool(s.seams)
            case m.Hadamard(factors):
                under = sum(reciprocal(t) for t in factors[1:])
                found += [Sign("⊙", s.path)] * (len(factors) - under > 1) + [Sign("⊘", s.path)] * (under > 0)
            case m.ElementPower() if divides(f, s):
                pass
            case _ if type(s.tree) in MARKS:
                found.append(Sign(MARKS[type(s.tree)], s.path))
            case _:
                pass
    return found


MARKS: dict[type[MathTree], str] = {
    m.Transpose: "ᵀ", m.Diag: "diag", m.Diagonal: "diagonal", m.MatrixTrace: "tr", m.Ones: "1", m.Identity: "I",
    m.Norm: "‖‖", m.ElementPower: "∘", m.MatrixPower: "power", m.Along: "along", m.Inverse: "inverse",
    m.Triangle: "triangle", m.Mask: "mask",
    m.WholeMatrix: "whole", m.Directed: "whole",
    m.Kronecker: "⊗", m.KhatriRao: "⊙_KR", m.Outer: "∘ tensors", m.ModeProduct: "×ₙ",
}  # fmt: skip


def reciprocal(t: MathTree) -> bool:
    return isinstance(t, m.ElementPower) and t.exponent == m.Figure(m.MINUS)


def divides(f: Indexed, s: Spot) -> bool:
    """Whether a reciprocal is printed as a divisor after ⊘."""
    above = f.parent(s)
    return above is not None and isinstance(above.tree, m.Hadamard) and s.path[-1] > 0 and reciprocal(s.tree)


def upright(t: MathTree) -> MathTree:
    """A part without the transpose around it."""
    return t.of if isinstance(t, m.Transpose) else t


def unsigned(t: MathTree) -> MathTree:
    """A part without the number in front of it."""
    if not isinstance(t, m.Product):
        return t
    rest = tuple(f for f in t.factors if not isinstance(f, m.Figure))
    return rest[0] if len(rest) == 1 else m.Product(rest)


def is_ones(t: MathTree) -> bool:
    return isinstance(upright(t), m.Ones)
