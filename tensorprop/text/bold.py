"""Bold letters are vectors and matrices, and have no subscripts: refused, with the entries in the user's letters.

In: a cursor at the start of an equation. Out: an error, or nothing where no bold letter stands for a whole tensor. The
arguments of functions of whole matrices, ``inv(\\mathbf{A})_{ij}``, are names without subscripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tensorprop.core.functions import is_matrix
from tensorprop.errors import AmbiguousNotation
from tensorprop.text.cursor import Cursor
from tensorprop.text.matrix_words import MATRIX_WORDS
from tensorprop.text.subscripts import LABEL
from tensorprop.text.vocabulary import BINDERS

__all__ = ["BOLD", "whole_tensors"]

BOLD = re.compile(r"\\(?:mathbf|boldsymbol|bm|vec)\b\*?\s*\{")
_ENTRY_AFTER = re.compile(r"\s*(?:\^\s*(?:\{[^{}]*\}|-?\w)|[⁻⁰-⁹¹²³]+)_")
_TRANSPOSED = re.compile(r"\s*\^\s*(?:T\b|\{\s*T\s*\})")


class _BoldName(NamedTuple):
    """A bold name without subscripts, up to its label, and after that up to its transpose."""

    name: str
    start: int
    named: int
    end: int

    @property
    def transposed(self) -> bool:
        return self.end > self.named


def whole_tensors(c: Cursor, p: int, reads: Callable[[str], bool]) -> None:
    """Refuse the equation at token ``p`` if it has bold names without subscripts; ``reads`` says if a text is read."""
    stop = next(q for q in range(p, len(c.kinds)) if c.kinds[q] in (";", "end"))
    equals = next((q for q in range(p, stop) if c.kinds[q] == "="), p - 1)
    found = list(_wholes(c, equals + 1, stop))
    if not found:
        return
    written = _by_entries(c, p, equals, stop, found) if equals > p else None
    shown = c.text[found[0].start : found[0].named]
    c.fail(
        AmbiguousNotation,
        f"{shown} is bold, so a vector or a matrix, and stands here without subscripts: every equation is of one entry",
        (found[0].start, found[0].named),
        (f"write `{written}`, " if written and reads(written) else f"write an entry, such as {shown}_i, ")
        + "or read the formula of whole tensors by tp.parse_formula",
    )


def _wholes(c: Cursor, p: int, stop: int) -> Iterator[_BoldName]:
    """The bold names of these tokens that no subscripts follow, and that no function of whole matrices takes."""
    opened: list[bool] = []  # of each open bracket, whether bare names belong there
    while p < stop:
        k = c.kinds[p]
        if k in ("(", "[", "{") or (k == "s" and c.texts[p] == "_{"):
            word = c.texts[p - 1].partition("_")[0] if k == "(" and c.starts[p] == c.ends[p - 1] else ""
            listed = k == "s" or (k == "[" and c.starts[p] == c.ends[p - 1])
            opened.append(listed or word in MATRIX_WORDS or (word in BINDERS and is_matrix(BINDERS[word])))
        elif k in (")", "]", "}") and opened:
            opened.pop()
        elif k == "N" and BOLD.search(c.text, c.starts[p], c.ends[p]) and not (opened and opened[-1]):
            end = c.ends[p]
            label = LABEL.match(c.text, end)
            end = label.end() if label else end
            after = next((q for q in range(p + 1, stop + 1) if c.starts[q] >= end), stop)
            bears = c.kinds[after] in ("s", "u", "[", "(", "q") and c.starts[after] == end
            bears = bears or _ENTRY_AFTER.match(c.text, end) is not None  # \mathbf{A}^{-1}_{ij} is refused by itself
            if not bears:
                raised = _TRANSPOSED.match(c.text, end)
                yield _BoldName(c.texts[p], c.starts[p], end, raised.end() if raised else end)
        p += 1


def _by_entries(c: Cursor, first: int, equals: int, stop: int, found: list[_BoldName]) -> str | None:
    """The equation with every whole tensor as its entry: capital letters are matrices, small ones vectors."""
    taken = {*c.indices_between(first, stop)[0], *(w.name for w in found)}
    letters = [i for i in "ijklmnpqrsuv" if i not in taken]
    runs: list[list[_BoldName]] = []
    for w in found:
        between = c.text[runs[-1][-1].end : w.start].strip() if runs else "+"
        vectors = runs and len(runs[-1]) == 1 and not w.name[0].isupper() and not runs[-1][0].name[0].isupper()
        if between == "" or (between == "\\cdot" and vectors):
            runs[-1].append(w)
        else:
            runs.append([w])
    out, at, frees = "", c.starts[equals + 1], set[str]()
    for run in runs:
        entries = _entries(run, letters, c.text)
        if entries is None:
            return None
        for w, under in zip(run, entries[0], strict=True):
            out += c.text[at : w.named] + _lowered(under)
            at = w.end
            out += " " if c.text[at : at + 1].isalnum() else ""
        frees.add(entries[1])
    free = frees - {""}
    if len(free) > 1:
        return None
    left = c.text[c.starts[first] : c.ends[equals - 1]]
    label = LABEL.search(left)
    bare = label.end() == len(left) if label else c.kinds[equals - 1] == "N"
    return f"{left}{_lowered(*free) if bare and free else ''} = {out}{c.text[at : c.ends[stop - 1]]}"


def _lowered(letters: str) -> str:
    return f"_{letters}" if len(letters) == 1 else f"_{{{letters}}}"


def _entries(run: list[_BoldName], letters: list[str], text: str) -> tuple[list[str], str] | None:
    """The subscripts of each factor of a product of whole tensors, and those that are left; None if they do not fit."""
    if len(run) + 1 > len(letters):
        return None
    row = len(run) > 1 and not run[0].name[0].isupper()  # aᵀ x, aᵀ A, a · b
    if row and not run[0].transposed and "\\cdot" not in text[run[0].end : run[1].start]:
        return None
    used = iter(letters)
    here = first = next(used)
    under: list[str] = []
    for k, w in enumerate(run):
        if w.name[0].isupper():
            there = next(used)
            under.append(there + here if w.transposed else here + there)
            here = there
        else:
            under.append(here)
            if 0 < k < len(run) - 1:
                return None
    open_end = run[-1].name[0].isupper()
    return under, ("" if row else first) + (here if open_end else "")
