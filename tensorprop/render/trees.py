"""The math tree: a formula in vectors and matrices, before it is printed.

In: names and the operations of linear algebra. Out: a frozen tree that knows of each part whether it is a scalar, a
column, a row, a matrix or a tensor. It knows no index but the carried ones, no size and no output format: each
printer has a function for every node here, and an interpreter elsewhere computes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from tensorprop.core.expr import Bracket, Dim, Tensor

__all__ = [
    "Along", "Convolved", "Counter", "Diag", "Diagonal", "Directed", "ElementPower", "Entrywise", "Figure",
    "Hadamard", "Identity", "IndexSize", "Indicator", "Inner", "Inverse", "KhatriRao", "Kind", "Kronecker",
    "Mask", "MathTree", "MatrixPower", "MatrixTrace", "ModeProduct", "Name", "Norm", "Ones", "Outer", "Over",
    "Picked", "Product", "Quotient", "ScalarPower", "TermSum", "Transpose", "Triangle", "WholeMatrix", "level",
]  # fmt: skip

Kind = Literal["scalar", "column", "row", "matrix", "tensor"]

_TURNED: dict[Kind, Kind] = {
    "scalar": "scalar", "column": "row", "row": "column", "matrix": "matrix", "tensor": "tensor",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MathTree:
    """Any part of a formula."""

    @property
    def kind(self) -> Kind:
        """What it is: a scalar, a column, a row, a matrix, or a tensor of higher order."""
        return "scalar"

    @property
    def children(self) -> tuple[MathTree, ...]:
        """The parts right below, in reading order."""
        found: list[MathTree] = []
        for name in self.__slots__:
            value: object = getattr(self, name)
            if isinstance(value, MathTree):
                found.append(value)
            elif isinstance(value, tuple):
                found += [v for v in value if isinstance(v, MathTree)]  # pyright: ignore[reportUnknownVariableType]
        return tuple(found)

    def map(self, f: Callable[[MathTree], MathTree]) -> MathTree:
        """The same part with ``f`` of every part right below; itself if nothing changes."""
        new: dict[str, object] = {}
        for name in self.__slots__:
            value: object = getattr(self, name)
            if isinstance(value, MathTree):
                new[name] = f(value)
            elif isinstance(value, tuple) and any(isinstance(v, MathTree) for v in value):  # pyright: ignore[reportUnknownVariableType]
                parts: tuple[MathTree, ...] = value  # pyright: ignore[reportUnknownVariableType]
                new[name] = tuple(map(f, parts))
        return replace(self, **new) if any(v is not getattr(self, k) for k, v in new.items()) else self

    def walk(self) -> Iterator[MathTree]:
        """Every part, this one first."""
        stack: list[MathTree] = [self]
        while stack:
            t = stack.pop()
            yield t
            if type(t) not in _LEAVES:
                stack.extend(reversed(t.children))


# --------------------------------------------------------------------------- leaves
@dataclass(frozen=True, slots=True)
class Name(MathTree):
    """A tensor, whole or cut along carried indices: ``X``, ``X_b``, ``T_{·j·}``.

    ``slots``: for every axis the carried letter, a fixed entry, or None where the axis stays. ``order``: the axes
    that stay, those of the rows first; the first ``rows`` of a matrix's count its rows, several as one: with two,
    the rows of a tensor X are its (b, t). ``read``: the entry that the name stands for, if a subscript is computed.
    """

    tensor: str
    slots: tuple[str | int | None, ...]
    order: tuple[int, ...]
    of: Kind
    rows: int = 1
    read: Tensor | Bracket | None = None

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class Figure(MathTree):
    """An exact number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class IndexSize(MathTree):
    """How many values an index takes."""

    letter: str
    axis: Dim


@dataclass(frozen=True, slots=True)
class Counter(MathTree):
    """A carried index as the number that it is: t of ``[t = |t| − 1]``; ``axis``: along which it runs."""

    letter: str
    axis: Dim


@dataclass(frozen=True, slots=True)
class Ones(MathTree):
    """The vector of ones, as long as an axis, or as several that are taken as one."""

    axis: Dim
    of: Kind = "column"
    more: tuple[Dim, ...] = ()

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class Identity(MathTree):
    """The unit matrix, as large as an axis, or as several that are taken as one."""

    axis: Dim
    more: tuple[Dim, ...] = ()

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Mask(MathTree):
    """``L``: 1 where a bracket between row and column is true, else 0; ``ones`` are its rows and its columns.

    ``added``: 0 where it is true and −∞ elsewhere, which is added in front of a softmax.
    """

    name: str
    bracket: Bracket
    letters: tuple[str, str]
    part: str
    ones: tuple[Ones, Ones]
    added: bool = False

    @property
    def kind(self) -> Kind:
        return "matrix"

    @property
    def children(self) -> tuple[MathTree, ...]:
        return ()

    @property
    def spelled(self) -> MathTree:
        """The same without a name: ``tril(11ᵀ)``."""
        column, row = self.ones
        both = (column, Transpose(row)) if column.of == "column" else (Transpose(column), row)
        ones = Triangle(Product(both), self.part)
        return Entrywise("log", (ones,)) if self.added else ones


# --------------------------------------------------------------------------- operations
@dataclass(frozen=True, slots=True)
class Transpose(MathTree):
    """``Aᵀ``: rows and columns exchanged."""

    of: MathTree

    @property
    def kind(self) -> Kind:
        return _TURNED[self.of.kind]


@dataclass(frozen=True, slots=True)
class Product(MathTree):
    """Factors beside one another: scalars first, then vectors and matrices that are multiplied from left to right."""

    factors: tuple[MathTree, ...]

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
class Hadamard(MathTree):
    """``a ⊙ b``: entry times entry."""

    factors: tuple[MathTree, ...]

    @property
    def kind(self) -> Kind:
        return self.factors[0].kind


@dataclass(frozen=True, slots=True)
class Convolved(MathTree):
    """``a ⋆ k``, entry by entry ``Σ_u a[x + u] k_u``; ``flipped``: ``a * k``, of ``Σ_u a[x − u] k_u``.

    ``strides`` and ``dilations``: how far each direction moves for a step of x, and of u.
    """

    left: MathTree
    right: MathTree
    flipped: bool
    strides: tuple[int, ...] = (1,)
    dilations: tuple[int, ...] = (1,)

    @property
    def steps(self) -> tuple[str, str]:
        """What stands below and above the sign: empty where all move by single steps."""
        below, above = (
            "" if {*n} == {1} else str(n[0]) if len({*n}) == 1 else ",".join(map(str, n))
            for n in (self.strides, self.dilations)
        )
        return below, above

    @property
    def kind(self) -> Kind:
        return self.left.kind


@dataclass(frozen=True, slots=True)
class TermSum(MathTree):
    """``a + b − c``; a term that is subtracted begins with a negative number."""

    terms: tuple[MathTree, ...]

    @property
    def kind(self) -> Kind:
        return self.terms[0].kind


@dataclass(frozen=True, slots=True)
class Over(MathTree):
    """``Σ_b X_bᵀ Y_b``: added up over every value of carried indices."""

    letters: tuple[str, ...]
    body: MathTree

    @property
    def kind(self) -> Kind:
        return self.body.kind


@dataclass(frozen=True, slots=True)
class Quotient(MathTree):
    """Anything over a scalar."""

    numerator: MathTree
    denominator: MathTree

    @property
    def kind(self) -> Kind:
        return self.numerator.kind


@dataclass(frozen=True, slots=True)
class ScalarPower(MathTree):
    """A power of a scalar."""

    base: MathTree
    exponent: MathTree


@dataclass(frozen=True, slots=True)
class ElementPower(MathTree):
    """``x^{∘n}``: every entry to a power."""

    base: MathTree
    exponent: MathTree

    @property
    def kind(self) -> Kind:
        return self.base.kind


@dataclass(frozen=True, slots=True)
class MatrixPower(MathTree):
    """``A²`` = AA."""

    base: MathTree
    exponent: int

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Entrywise(MathTree):
    """``f(z)``: an elementwise function; scalars among the arguments serve every entry."""

    function: str
    args: tuple[MathTree, ...]

    @property
    def kind(self) -> Kind:
        kinds: list[Kind] = [a.kind for a in self.args if a.kind != "scalar"]
        return kinds[0] if kinds else "scalar"


@dataclass(frozen=True, slots=True)
class Indicator(MathTree):
    """``[z > 0]``: 1 where it is true, else 0, entry by entry."""

    relation: str
    left: MathTree
    right: MathTree

    @property
    def kind(self) -> Kind:
        return self.left.kind if self.left.kind != "scalar" else self.right.kind


@dataclass(frozen=True, slots=True)
class Along(MathTree):
    """``max``, ``mean``, ``softmax`` … of each row, of each column, or of all entries."""

    op: str
    of: MathTree
    over: Literal["rows", "columns", "all"]
    keeps: bool

    @property
    def kind(self) -> Kind:
        if self.keeps:
            return self.of.kind
        return "column" if self.over == "rows" else "row" if self.over == "columns" else "scalar"


@dataclass(frozen=True, slots=True)
class MatrixTrace(MathTree):
    """``tr(A)``."""

    of: MathTree


@dataclass(frozen=True, slots=True)
class Diagonal(MathTree):
    """``diag(A)``: the vector of a matrix's diagonal, a column or a row as vectors are."""

    of: MathTree
    lies: Kind = "column"

    @property
    def kind(self) -> Kind:
        return self.lies


@dataclass(frozen=True, slots=True)
class Diag(MathTree):
    """``diag(x)``: the matrix whose diagonal is a vector."""

    of: MathTree

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Triangle(MathTree):
    """``tril(A)``: the entries whose row and column stand in a relation, elsewhere zeros.

    ``part``: ≥ is the lower triangle with its diagonal, > without it, ≤ and < the upper one, ≠ all but the diagonal.
    """

    of: MathTree
    part: str

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class Norm(MathTree):
    """``‖x‖``, of a matrix Frobenius's."""

    of: MathTree


@dataclass(frozen=True, slots=True)
class Picked(MathTree):
    """``logsoftmax(z)[y]``: the entry of a vector at a place."""

    of: MathTree
    place: MathTree


@dataclass(frozen=True, slots=True)
class Inner(MathTree):
    """``⟨A, B⟩``: every entry times the same entry, all added up."""

    left: MathTree
    right: MathTree


@dataclass(frozen=True, slots=True)
class Inverse(MathTree):
    """``A⁻¹``."""

    of: MathTree

    @property
    def kind(self) -> Kind:
        return "matrix"


@dataclass(frozen=True, slots=True)
class WholeMatrix(MathTree):
    """``det(A)``, a number; ``expm(A)``, ``A⁺``, matrices; ``eigvalsh(A)``, a vector, as vectors lie."""

    function: str
    of: MathTree
    lies: Kind = "scalar"

    @property
    def kind(self) -> Kind:
        return self.lies


@dataclass(frozen=True, slots=True)
class Directed(MathTree):
    """``expm′(X)[E]``: the derivative of a function of a matrix at X along E."""

    function: str
    of: MathTree
    along: MathTree

    @property
    def kind(self) -> Kind:
        return "matrix"


# --------------------------------------------------------------------------- tensors of higher order
@dataclass(frozen=True, slots=True)
class Kronecker(MathTree):
    """``A ⊗ B``, its rows (i, k) and columns (j, l) kept as four axes i, k, j, l."""

    left: MathTree
    right: MathTree

    @property
    def kind(self) -> Kind:
        return "tensor"


@dataclass(frozen=True, slots=True)
class KhatriRao(MathTree):
    """Column by column the Kronecker product, its rows (i, j) kept as two axes."""

    left: MathTree
    right: MathTree

    @property
    def kind(self) -> Kind:
        return "tensor"


@dataclass(frozen=True, slots=True)
class Outer(MathTree):
    """``A ∘ B``: every entry times every entry, the axes of A first."""

    left: MathTree
    right: MathTree

    @property
    def kind(self) -> Kind:
        return "tensor"


@dataclass(frozen=True, slots=True)
class ModeProduct(MathTree):
    """``T ×ₙ U``: the n-th axis of T, counted from 1, runs through the columns of U."""

    tensor: MathTree
    mode: int
    matrix: MathTree

    @property
    def kind(self) -> Kind:
        return "tensor"


_LEAVES = frozenset((Name, Figure, IndexSize, Counter, Ones, Identity))


# --------------------------------------------------------------------------- precedence
MINUS = Fraction(-1)
SUM, HADAMARD, PRODUCT, POSTFIX, ATOM = range(1, 6)
_LEVEL: dict[type[MathTree], int] = {
    TermSum: SUM,
    Over: SUM,
    Hadamard: HADAMARD,
    Convolved: HADAMARD,
    Kronecker: HADAMARD,
    KhatriRao: HADAMARD,
    Outer: HADAMARD,
    ModeProduct: HADAMARD,
    Product: PRODUCT,
    Quotient: PRODUCT,
    Transpose: POSTFIX,
    ScalarPower: POSTFIX,
    ElementPower: POSTFIX,
    MatrixPower: POSTFIX,
    Inverse: POSTFIX,
}


def level(t: MathTree) -> int:
    """How tightly a part holds together: sums least, then ⊙, juxtaposition, superscripts, atoms."""
    if isinstance(t, Figure) and (t.value < 0 or t.value.denominator != 1):
        return PRODUCT
    if isinstance(t, WholeMatrix) and t.function == "pinv":
        return POSTFIX
    return _LEVEL.get(type(t), ATOM)


def coefficient(t: MathTree) -> Fraction:
    """The number that a term begins with, 1 if none does."""
    match t:
        case Figure(value):
            return value
        case Product((Figure(value), *_)):
            return value
        case Quotient(numerator, _):
            return coefficient(numerator)
        case Hadamard((first, *_)):
            return coefficient(first)
        case _:
            return Fraction(1)


def scaled(t: MathTree, by: Fraction) -> MathTree:
    """``by · t``, with the number in front."""
    match t:
        case Figure(value):
            return Figure(value * by)
        case Quotient(numerator, denominator):
            return Quotient(scaled(numerator, by), denominator)
        case Hadamard((first, *rest)):
            return Hadamard((scaled(first, by), *rest))
        case Product((Figure(value), *rest)):
            n, others = value * by, tuple(rest)
        case Product(factors):
            n, others = by, factors
        case _:
            n, others = by, (t,)
    if n == 1:
        return others[0] if len(others) == 1 else Product(others)
    return Product((Figure(n), *others))
