"""The math tree: a formula in vectors and matrices, before it is printed.

In: names and the operations of linear algebra. Out: a frozen tree that knows of each part whether it is a scalar, a
column, a row, a matrix or a tensor. It knows no index but the carried ones, no size and no output format: each
printer has a function for every node here, and an interpreter elsewhere computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Literal

from tensorprop.core.expr import Dim

__all__ = [
    "Along",
    "Apply",
    "Diag",
    "Diagonal",
    "ElementPower",
    "Hadamard",
    "Identity",
    "Indicator",
    "Inner",
    "Inverse",
    "KhatriRao",
    "Kind",
    "Kronecker",
    "MatrixPower",
    "ModeProduct",
    "Name",
    "Norm",
    "Number",
    "Ones",
    "Outer",
    "Over",
    "Power",
    "Product",
    "Quotient",
    "Size",
    "Sum",
    "Trace",
    "Transpose",
    "Tree",
    "Triangle",
    "WholeMatrix",
    "level",
]

Kind = Literal["scalar", "column", "row", "matrix", "tensor"]

_TURNED: dict[Kind, Kind] = {
    "scalar": "scalar", "column": "row", "row": "column", "matrix": "matrix", "tensor": "tensor",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """Any part of a formula."""

    @property
    def kind(self) -> Kind:
        """What it is: a scalar, a column, a row, a matrix, or a tensor of higher order."""
        return "scalar"

    @property
    def children(self) -> tuple[Tree, ...]:
        """The parts right below, in reading order."""
        found: list[Tree] = []
        for f in fields(self):
            value: object = getattr(self, f.name)
            found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Tree)]  # pyright: ignore[reportUnknownVariableType]
        return tuple(found)

    def map(self, f: Callable[[Tree], Tree]) -> Tree:
        """The same part with ``f`` of every part right below; itself if nothing changes."""
        new: dict[str, object] = {}
        for place in fields(self):
            value: object = getattr(self, place.name)
            if isinstance(value, Tree):
                new[place.name] = f(value)
            elif isinstance(value, tuple) and any(isinstance(v, Tree) for v in value):  # pyright: ignore[reportUnknownVariableType]
                parts: tuple[Tree, ...] = value  # pyright: ignore[reportUnknownVariableType]
                new[place.name] = tuple(map(f, parts))
        return replace(self, **new) if any(v is not getattr(self, k) for k, v in new.items()) else self

    def walk(self) -> Iterator[Tree]:
        """Every part, this one first."""
        stack: list[Tree] = [self]
        while stack:
            t = stack.pop()
            yield t
            stack.extend(reversed(t.children))


# --------------------------------------------------------------------------- leaves
@dataclass(frozen=True, slots=True)
class Name(Tree):
    """A tensor, whole or cut along carried indices: ``X``, ``X_b``, ``T_{·j·}``.

    ``slots``: for every axis the carried letter, a fixed entry, or None where the axis stays. ``order``: the axes
    that stay, those of the rows first; the first ``rows`` of a matrix's count its rows, several as one: with two,
    the rows of a tensor X are its (b, t).
    """

    tensor: str
    slots: tuple[str | int | None, ...]
    order: tuple[int, ...]
    of: Kind
    rows: int = 1

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class Number(Tree):
    """An exact number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Size(Tree):
    """How many values an index takes."""

    letter: str
    axis: Dim


@dataclass(frozen=True, slots=True)
class Ones(Tree):
    """The vector of ones, as long as an axis, or as several that are taken as one."""

    axis: Dim
    of: Kind = "column"
    more: tuple[Dim, ...] = ()

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class Identity(Tree):
    """The unit matrix, as large as an axis, or as several that are taken as one."""

    axis: Dim
    more: tuple[Dim, ...] = ()

    @property
    def kind(self) -> Kind:
        return "matrix"


# --------------------------------------------------------------------------- operations
@dataclass(frozen=True, slots=True)
class Transpose(Tree):
    """``Aᵀ``: rows and columns exchanged."""

    of: Tree

    @property
    def kind(self) -> Kind:
        return _TURNED[self.of.kind]


@dataclass(frozen=True, slots=True)
class Product(Tree):
    """Factors beside one another: scalars first, then vectors and matrices that are multiplied from left to right."""

    factors: tuple[Tree, ...]

    @property
    def kind(self) -> Kind:
        rest = [f.kind for f in self.factors if f.kind != "scalar"]
        if not rest:
            return "scalar"
        if "tensor" in rest:
            return "tensor"
        tall, wide = rest[0] in ("column", "matrix"), rest[-1] in ("row", "matrix")
        return ("matrix" if wide else "column") if tall else ("row" if wide else "scalar")


@dataclass(frozen=True, slots=True)
class Hadamard(Tree):
    """``a ⊙ b``: entry times entry."""

    factors: tuple[Tree, ...]

    @property
    def kind(self) -> Kind:
        return self.factors[0].kind


@dataclass(frozen=True, slots=True)
class Sum(Tree):
    """``a + b − c``; a term that is subtracted begins with a negative number."""

    terms: tuple[Tree, ...]

    @property
    def kind(self) -> Kind:
        return self.terms[0].kind


@dataclass(frozen=True, slots=True)
class Over(Tree):
    """``Σ_b X_bᵀ Y_b``: added up over every value of carried indices."""

    letters: tuple[str, ...]
    body: Tree

    @property
    def kind(self) -> Kind:
        return self.body.kind


@dataclass(frozen=True, slots=True)
class Quotient(Tree):
    """Anything over a scalar."""

    numerator: Tree
    denominator: Tree

    @property
    def kind(self) -> Kind:
        return self.numerator.kind


@dataclass(frozen=True, slots=True)
class Power(Tree):
    """A power of a scalar."""

    base: Tree
    exponent: Tree


@dataclass(frozen=True, slots=True)
class ElementPower(Tree):
    """``x^{∘n}``: every entry to a power."""

    base: Tree
    exponent: Tree

    @property
    def kind(self) -> Kind:
        return self.base.kind


@dataclass(frozen=True, slots=True)
class MatrixPower(Tree):
    """``A²`` = AA."""

    base: Tree
    exponent: int

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Apply(Tree):
    """``f(z)``: an elementwise function; scalars among the arguments serve every entry."""

    function: str
    args: tuple[Tree, ...]

    @property
    def kind(self) -> Kind:
        kinds: list[Kind] = [a.kind for a in self.args if a.kind != "scalar"]
        return kinds[0] if kinds else "scalar"


@dataclass(frozen=True, slots=True)
class Indicator(Tree):
    """``[z > 0]``: 1 where it is true, else 0, entry by entry."""

    relation: str
    left: Tree
    right: Tree

    @property
    def kind(self) -> Kind:
        return self.left.kind if self.left.kind != "scalar" else self.right.kind


@dataclass(frozen=True, slots=True)
class Along(Tree):
    """``max``, ``mean``, ``softmax`` … of each row, of each column, or of all entries."""

    op: str
    of: Tree
    over: Literal["rows", "columns", "all"]
    keeps: bool

    @property
    def kind(self) -> Kind:
        if self.keeps:
            return self.of.kind
        return "column" if self.over == "rows" else "row" if self.over == "columns" else "scalar"


@dataclass(frozen=True, slots=True)
class Trace(Tree):
    """``tr(A)``."""

    of: Tree


@dataclass(frozen=True, slots=True)
class Diagonal(Tree):
    """``diag(A)``: the vector of a matrix's diagonal, a column or a row as vectors are."""

    of: Tree
    lies: Kind = "column"

    @property
    def kind(self) -> Kind:
        return self.lies


@dataclass(frozen=True, slots=True)
class Diag(Tree):
    """``diag(x)``: the matrix whose diagonal is a vector."""

    of: Tree

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Triangle(Tree):
    """``tril(A)``: the entries whose row and column stand in a relation, elsewhere zeros.

    ``part``: ≥ is the lower triangle with its diagonal, > without it, ≤ and < the upper one, ≠ all but the diagonal.
    """

    of: Tree
    part: str

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Norm(Tree):
    """``‖x‖``, of a matrix Frobenius's."""

    of: Tree


@dataclass(frozen=True, slots=True)
class Inner(Tree):
    """``⟨A, B⟩``: every entry times the same entry, all added up."""

    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Inverse(Tree):
    """``A⁻¹``."""

    of: Tree

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class WholeMatrix(Tree):
    """``det(A)``, ``logdet(A)``."""

    function: str
    of: Tree


# --------------------------------------------------------------------------- tensors of higher order
@dataclass(frozen=True, slots=True)
class Kronecker(Tree):
    """``A ⊗ B``, its rows (i, k) and columns (j, l) kept as four axes i, k, j, l."""

    left: Tree
    right: Tree

    @property
    def kind(self) -> Kind:
        return "tensor"


@dataclass(frozen=True, slots=True)
class KhatriRao(Tree):
    """Column by column the Kronecker product, its rows (i, j) kept as two axes."""

    left: Tree
    right: Tree

    @property
    def kind(self) -> Kind:
        return "tensor"


@dataclass(frozen=True, slots=True)
class Outer(Tree):
    """``A ∘ B``: every entry times every entry, the axes of A first."""

    left: Tree
    right: Tree

    @property
    def kind(self) -> Kind:
        return "tensor"


@dataclass(frozen=True, slots=True)
class ModeProduct(Tree):
    """``T ×ₙ U``: the n-th axis of T, counted from 1, runs through the columns of U."""

    tensor: Tree
    mode: int
    matrix: Tree

    @property
    def kind(self) -> Kind:
        return "tensor"


# --------------------------------------------------------------------------- precedence
MINUS = Fraction(-1)
SUM, HADAMARD, PRODUCT, POSTFIX, ATOM = range(1, 6)
_LEVEL: dict[type[Tree], int] = {
    Sum: SUM,
    Over: SUM,
    Hadamard: HADAMARD,
    Kronecker: HADAMARD,
    KhatriRao: HADAMARD,
    Outer: HADAMARD,
    ModeProduct: HADAMARD,
    Product: PRODUCT,
    Quotient: PRODUCT,
    Transpose: POSTFIX,
    Power: POSTFIX,
    ElementPower: POSTFIX,
    MatrixPower: POSTFIX,
    Inverse: POSTFIX,
}


def level(t: Tree) -> int:
    """How tightly a part holds together: sums least, then ⊙, juxtaposition, superscripts, atoms."""
    if isinstance(t, Number) and (t.value < 0 or t.value.denominator != 1):
        return PRODUCT
    return _LEVEL.get(type(t), ATOM)


def coefficient(t: Tree) -> Fraction:
    """The number that a term begins with, 1 if none does."""
    match t:
        case Number(value):
            return value
        case Product((Number(value), *_)):
            return value
        case Quotient(numerator, _):
            return coefficient(numerator)
        case Hadamard((first, *_)):
            return coefficient(first)
        case _:
            return Fraction(1)


def scaled(t: Tree, by: Fraction) -> Tree:
    """``by · t``, with the number in front."""
    match t:
        case Number(value):
            return Number(value * by)
        case Quotient(numerator, denominator):
            return Quotient(scaled(numerator, by), denominator)
        case Hadamard((first, *rest)):
            return Hadamard((scaled(first, by), *rest))
        case Product((Number(value), *rest)):
            n, others = value * by, tuple(rest)
        case Product(factors):
            n, others = by, factors
        case _:
            n, others = by, (t,)
    if n == 1:
        return others[0] if len(others) == 1 else Product(others)
    return Product((Number(n), *others))
