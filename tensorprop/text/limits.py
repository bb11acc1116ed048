"""``\\sum_{i=1}^{m}``: limits that run through a whole axis, or up to another index, and labels of layers in braces.

In: tokens. Out: what the limits of a sum say, where they have one meaning; which names are labels. An index counts
from 0 here and runs over the whole of its axis, so that ``1 … m`` and ``0 … n - 1`` are that axis, m or n its size;
``0 … t``, of another index t, is the bracket ``[i ≤ t]``. Whole numbers, and ``1 … t``, could count from 1 or from 0.
"""

from __future__ import annotations

import re

from tensorprop.text.characters import GREEK, LETTERS
from tensorprop.text.cursor import Cursor, Limit

__all__ = ["labels", "layer", "limits"]

_BRACED = re.compile(rf"\^\s*\{{\s*(([{LETTERS}]|\\[A-Za-z]+)(?:\s*[+\-]\s*[0-9]+)?)\s*\}}")


def limits(c: Cursor, p: int) -> dict[int, Limit]:
    """The sums with limits of the equation at token ``p`` that have one meaning, by the token of their sign."""
    stop = p
    while c.kinds[stop] not in (";", "end"):
        stop += 1
    found = {q: limit for q in range(p, stop) if (limit := _limit(c, q)) is not None}
    if not found:
        return {}
    indices, _ = c.known_indices()
    read = {
        q: limit for q, start, limit in _read(c, found, indices) if start == "0" or _counts_from_one(c, limit, p, stop)
    }
    whole = [limit.last for limit in read.values() if limit.relation is None]
    return {
        q: limit
        for q, limit in read.items()
        if limit.relation is not None or (whole.count(limit.last) == 1 and _only_size(c, limit, p))
    }


def _limit(c: Cursor, q: int) -> tuple[str, Limit, int] | None:
    """The first value, the rest, and what is taken from the last one, of ``Σ_{i=1}^{m}`` or ``Σ^m_{i=1}`` at ``q``."""
    if c.texts[q] not in ("Σ", "∏", "∑") or c.kinds[q] != "N":
        return None
    below = q + 1
    upper = _upper(c, below) if c.kinds[below] == "^" else None
    below = upper[2] if upper else below
    if c.texts[below] != "_{" or c.kinds[below + 1 : below + 5] != ["N", "=", "n", "}"]:
        return None
    end = below + 5
    if upper is None:
        upper = _upper(c, end)
        end = upper[2] if upper else end
    if upper is None or c.texts[below + 3] not in ("0", "1"):
        return None
    return c.texts[below + 3], Limit(c.texts[below + 1], upper[0], None, end), upper[1]


def _upper(c: Cursor, p: int) -> tuple[str, int, int] | None:
    """The name in ``^m``, ``^{m}`` or ``^{m-1}`` at ``p``, what is taken from it, and the token after it."""
    kinds = c.kinds
    if kinds[p : p + 2] == ["^", "N"]:
        return c.texts[p + 1], 0, p + 2
    if kinds[p : p + 4] == ["^", "{", "N", "}"]:
        return c.texts[p + 2], 0, p + 4
    if kinds[p : p + 6] == ["^", "{", "N", "-", "n", "}"] and c.texts[p + 4] == "1":
        return c.texts[p + 2], 1, p + 6
    return None


def _read(c: Cursor, found: dict[int, tuple[str, Limit, int]], indices: frozenset[str]) -> list[tuple[int, str, Limit]]:
    """Those of the limits whose ends say one thing."""
    out: list[tuple[int, str, Limit]] = []
    for q, (first, limit, less) in found.items():
        if limit.last in indices:
            if first == "0" and c.texts[q] != "∏":  # where a bracket is 0, a factor is 1
                out.append((q, first, limit._replace(relation="<" if less else "≤")))
        elif (first == "1") != bool(less):
            out.append((q, first, limit))
    return out


def _counts_from_one(c: Cursor, limit: Limit, p: int, stop: int) -> bool:
    """Whether nothing in the text counts from 0, and the letter stands for no number: in no sum, no bracket."""
    zero = any(k in ("s", "u") and ("0" in t or "₀" in t) for k, t in zip(c.kinds, c.texts, strict=True))
    zero = zero or any(
        c.kinds[q] == "n" and c.texts[q] == "0" and c.kinds[q + 1] in ("]", ",", "}") for q in range(stop)
    )
    signs = ("+", "-", "*", "n", "≤", "≥", "<", ">", "≠", "[", "/")
    alone = all(
        c.kinds[q - 1] not in signs and c.kinds[q + 1] not in signs
        for q in range(p, stop)
        if c.kinds[q] == "N" and c.texts[q] == limit.letter
    )
    return not zero and alone


def _only_size(c: Cursor, limit: Limit, p: int) -> bool:
    """Whether a name is the size of this letter in every equation in which it stands, and never something else."""
    known: set[int] = set()  # the equations that say so
    places: list[tuple[int, int]] = []
    start, end = 0, -1
    for q, (k, t) in enumerate(zip(c.kinds, c.texts, strict=True)):
        found = _limit(c, q)
        if found is not None:
            end = found[1].end
            known.update((start,) if found[1][:2] == limit[:2] else ())
        if k == "T" and t.partition("_")[0] == limit.last:
            return False
        if k == "N" and t == limit.last and q >= end:
            if q == start or c.kinds[q + 1] in ("s", "u", "[", "q", "("):
                return False
            places.append((start, q))
        start = q + 1 if k == ";" else start
    return all(where in known for where, _ in places)


def labels(c: Cursor) -> frozenset[str]:
    """Names that raise a tensor on a left side, ``z^{l}_i = …``, where nothing has a power: labels of layers.

    They stand nowhere but in such braces, perhaps with a whole number: ``a^{l-1}_j``.
    """
    kinds, texts = c.kinds, c.texts
    found: set[str] = set()
    for p in (0, *(q + 1 for q, k in enumerate(kinds) if k == ";")):
        after = {"T": ("=",), "N": ("s", "u", "[")}.get(kinds[p], ())
        if kinds[p + 1 : p + 5] == ["^", "{", "N", "}"] and kinds[p + 5] in after:
            found.add(texts[p + 3])
    return frozenset(name for name in found if name != "T" and all(_raises(c, q) for q in _places(c, name)))


def layer(c: Cursor, p: int) -> re.Match[str] | None:
    """``^{l-1}`` at token ``p``, where l is the label of a layer."""
    m = _BRACED.match(c.text, c.starts[p]) if c.layers else None
    return m if m is not None and GREEK.get(m[2][1:], m[2]) in c.layers else None


def _places(c: Cursor, name: str) -> list[int]:
    return [q for q, t in enumerate(c.texts) if c.kinds[q] == "N" and t == name]


def _raises(c: Cursor, q: int) -> bool:
    """Whether the name at ``q`` is ``^{l}``, ``^{l+1}`` or ``^{l-1}``."""
    kinds = c.kinds
    if kinds[q - 2 : q] != ["^", "{"]:
        return False
    return kinds[q + 1] == "}" or (kinds[q + 1] in ("+", "-") and kinds[q + 2 : q + 4] == ["n", "}"])
