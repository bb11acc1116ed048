"""The words that the notation knows: functions, reductions, words of its own, and how each is spelled.

In: the tables of ``core``. Out: a table for each question that a reader or a printer asks of a name. What the words
mean is not known here.
"""

from __future__ import annotations

from tensorprop.core.build import COLUMN, ROW
from tensorprop.core.functions import ALONG, SPELLED, watch

__all__ = [
    "AFTER",
    "BINDERS",
    "COLUMN",
    "CONSTANTS",
    "KNOWN",
    "RESERVED",
    "ROW",
    "SPLIT",
    "STARTS",
    "SYMBOLS",
    "WORDS",
]

BINDERS = ALONG
KNOWN = SPELLED
SYMBOLS = frozenset(
    "σ sigma π pi √ ⅈ imaginary re im conj angle real imag conjugate".split()
)  # functions whose bare or subscripted name is an ordinary tensor
CONSTANTS = {"π": "pi", "pi": "pi", "ⅈ": "imaginary", "imaginary": "imaginary"}  # names without subscripts
SPLIT = set[str]()  # names that have an underscore
WORDS = set[str]()  # of these a δ makes no adjoint
RESERVED = set[str]()  # no tensor is called so


def _learn() -> None:
    """The words, as the tables have them now."""
    SPLIT.clear()
    SPLIT.update(n for n in (*KNOWN, *BINDERS) if "_" in n)
    WORDS.clear()
    WORDS.update({*KNOWN, *BINDERS, "dim", "partial", "delta"} - SYMBOLS)
    RESERVED.clear()
    RESERVED.update(WORDS - {"delta"})


watch(_learn)

STARTS = frozenset(("T", "N", "n", "(", "[", "{", "∂", "√", "frac", "|"))  # kinds with which a factor starts
AFTER = frozenset(("^", "p", "q", "s", "u", "("))  # kinds that may go on with the name before them
