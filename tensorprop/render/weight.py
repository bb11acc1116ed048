"""How hard a formula is to read: the one table of what a sign costs, and the price of a whole formula.

In: a math tree. Out: its number of symbols. The search adds the same prices up part by part (`matrices/products`,
`convert`), the choice among readings those of what is told beside the formula (`matrices/treatments`).
"""

from __future__ import annotations

from itertools import pairwise

from tensorprop.render import trees as m
from tensorprop.render.trees import MathTree, level

__all__ = ["diag_cost", "name_cost", "nested", "of_two", "transposed_cost", "transposes", "weight"]

# --------------------------------------------------------------------------- the table, in symbols
# Juxtaposition costs nothing. `tests/render/test_prices.py` holds that no other file has a price of its own.
NAME, ONES = 1.0, 1.0  # a name, a number, a size, a unit matrix; a vector of ones
SIGN, PARENTHESES = 1.0, 1.0  # an operation between two parts, an exponent, a root; a pair of parentheses
OVER = 2.0  # Σ_b in front of a part
CUT_NAME = 0.25  # indices below a name
FUNCTION, COMPARED = 1.3, 1.0  # a function's name with its parentheses; a bracket
TURNED_WITHIN = 0.05  # a transpose inside a function, which reads better outside
TRANSPOSED, TRANSPOSED_PARENTHESES = 1.0, 2.5
CONJUGATED = 0.5
DIAG, TRACE, SUMMED, NESTED, LOPSIDED = 2.0, 1.5, 0.2, 0.8, 2.5
DIAGONAL_OF_CUTS = 0.3  # the diagonal of a product of slices, rather than (A_b ⊙ B_b)1
DIAGONAL_OF_TWO = 2.6  # diag(ABᵀ), diag(AᵀB): most of the product is thrown away, rather than (A ⊙ B)1, (A ⊙ B)ᵀ1
TORN = 2.5  # an outer product beside what was written between its vectors: ddᵀ ⊙ A rather than diag(d) A diag(d)
ALIKE = 0.5  # two vectors of ones beside one another are one sign, 11ᵀ
COLUMNS = 0.4  # along columns rather than rows
AROUND = 1.6  # of two vectors the one that was written last stands first
BACKWARD, TRANSPOSED_LAST = 0.01, 0.02  # ties: the order as it was written, and tr(AᵀB) rather than tr(BAᵀ)
SCALED = 0.05  # a tie, too: A(u ⊙ v) rather than A diag(u) v

# What is told beside a formula.
LEADING, CARRIED, ADDED = 0.4, 0.9, 2.5  # an index that is carried and stands in front; any other; a Σ
LETTER = 8.0  # a letter for which some line of a page holds
WITHIN = 1.2  # a slice that is written with dots
JOINED, NEXT, SCATTERED = 0.8, 0.3, 0.6  # a group; a further one; a tensor whose axes are moved for it
BATCH = 1.0  # indices that every tensor has, taken as one rather than carried
BESIDE = 2.0  # an index that is carried beside time
FLAT = 5.0  # a matrix, or more, that is read as a vector
SCALAR, VECTOR, ENTRIES = 2.5, 1.5, 6.0  # so much is carried that a number is left, or a vector; numbers alone


def name_cost(slots: tuple[object, ...]) -> float:
    """A name, and what stands below it."""
    return NAME + CUT_NAME * any(s is not None for s in slots)


def transposed_cost(of: MathTree) -> float:
    """What the transpose of a part costs, beside the part."""
    return TRANSPOSED if level(of) >= m.POSTFIX else TRANSPOSED_PARENTHESES + nested(of)


def diag_cost(vector: MathTree) -> float:
    """What ``diag(…)`` costs to read around a vector: more where there are parentheses within."""
    return DIAG + 0.9 * (isinstance(vector, m.Diagonal) or nested(vector) > 0)


def nested(t: MathTree) -> float:
    """What it costs that parentheses stand within parentheses."""
    if isinstance(t, m.Product):
        return NESTED * any(level(f) < m.PRODUCT or _wraps(f) for f in t.factors)
    return 0.0


def of_two(t: MathTree) -> bool:
    """Whether it is a product of two, one of them turned, which meet entry by entry on the diagonal."""
    return isinstance(t, m.Product) and len(t.factors) == 2 and _turned(t.factors[0]) is not _turned(t.factors[1])


def _turned(t: MathTree) -> bool:
    return any(isinstance(n, m.Transpose) and n.of.kind == "matrix" for n in t.walk())


def _wraps(t: MathTree) -> bool:
    return isinstance(t, m.Transpose) and level(t.of) < m.POSTFIX


def weight(t: MathTree) -> float:
    """How many symbols a formula has: names, signs, and pairs of parentheses.

    A function's name counts with its parentheses as one and a bit; juxtaposition counts nothing.
    """
    total = 0.0
    for n in t.walk():
        match n:
            case m.Name(slots=slots):
                total += name_cost(slots)
            case m.Figure() | m.Mask() | m.Ones() | m.Identity() | m.IndexSize() | m.Counter():
                total += 1
            case m.Product(factors):
                total += sum(level(f) < m.PRODUCT or isinstance(f, m.Product) for f in factors)
                if isinstance(factors[0], m.Figure) and factors[0].value == -1:
                    total -= 1
                pairs = pairwise(factors)
                total -= ALIKE * any(_eleven(a, b) for a, b in pairs)
            case m.Hadamard(factors):
                total += len(factors) - 1 + sum(level(f) < m.HADAMARD for f in factors)
            case m.TermSum(terms):
                total += len(terms) - 1
            case m.Transpose(of):
                total += transposed_cost(of)
            case m.Diag(of):
                total += diag_cost(of)
            case m.Diagonal(of):
                total += (
                    DIAG
                    + DIAGONAL_OF_TWO * of_two(of)
                    + DIAGONAL_OF_CUTS
                    * all(any(s is not None for s in x.slots) for x in of.walk() if isinstance(x, m.Name))
                )
            case m.MatrixTrace():
                total += TRACE
            case m.WholeMatrix("pinv", base):
                total += 1 + (level(base) < m.ATOM)
            case m.Entrywise() | m.Along() | m.WholeMatrix() | m.Triangle():
                total += FUNCTION + TURNED_WITHIN * transposes(n)
            case m.Directed():
                total += FUNCTION
            case m.ScalarPower(base=base) | m.ElementPower(base=base) | m.MatrixPower(base=base):
                total += (level(base) < m.ATOM) + TURNED_WITHIN * transposes(base)
            case m.Inverse(base):
                total += 1 + (level(base) < m.ATOM)
            case _:
                total += 1
    return total


def _upright(t: MathTree) -> MathTree:
    return t.of if isinstance(t, m.Transpose) else t


def _eleven(a: MathTree, b: MathTree) -> bool:
    """Whether two factors are 11ᵀ, whatever the two lengths."""
    both = isinstance(_upright(a), m.Ones) and isinstance(_upright(b), m.Ones)
    return both and a.kind == "column" and b.kind == "row"


def transposes(t: MathTree) -> int:
    """How many parts are transposed; inside a function it reads better outside."""
    return sum(isinstance(n, m.Transpose) for n in t.walk())
