"""The words that the notation knows: functions, reductions, words of its own, and how each is spelled.

In: the tables of ``core``. Out: a table for each question that a reader or a printer asks of a name. What the words
mean is not known here.
"""

from __future__ import annotations

from tensorprop.core.names import (
    FUNCTION_ALIASES,
    FUNCTION_ARITY,
    MATRIX_OPS,
    NORMALISERS,
    REDUCTION_ALIASES,
    REDUCTION_OPS,
)

__all__ = [
    "AFTER",
    "BINDERS",
    "COLUMN",
    "FUNCTION_ARITY",
    "KNOWN",
    "MATRIX_OPS",
    "NORMALISERS",
    "RESERVED",
    "ROW",
    "SPLIT",
    "STARTS",
    "SYMBOLS",
    "WORDS",
]

ROW, COLUMN = "row", "column"  # what runs along a matrix in det(X); never printed

BINDERS: dict[str, str] = {
    "Σ": "sum",
    "∑": "sum",
    "sum": "sum",
    "∏": "prod",
    **{op: op for op in (*REDUCTION_OPS, *NORMALISERS, *MATRIX_OPS)},
    **REDUCTION_ALIASES,
}
KNOWN: dict[str, str] = {**{f: f for f in FUNCTION_ARITY}, **FUNCTION_ALIASES}
SYMBOLS = frozenset(("σ", "sigma", "π", "pi", "√"))  # functions whose bare or subscripted name is an ordinary tensor
SPLIT = frozenset(n for n in (*KNOWN, *REDUCTION_ALIASES) if "_" in n)  # names that have an underscore
WORDS = frozenset((*KNOWN, *BINDERS, "dim", "partial", "delta")) - SYMBOLS  # of these a δ makes no adjoint
RESERVED = WORDS - {"delta"}  # no tensor is called so

STARTS = frozenset(("T", "N", "n", "(", "[", "{", "∂", "√", "frac", "|"))  # kinds with which a factor starts
AFTER = frozenset(("^", "p", "q", "s", "u"))  # kinds that go on with the name before them
