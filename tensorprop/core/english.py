"""Words of a message: how many, which ones, letters below a sign.

In: numbers, words, letters. Out: English. What the message is about is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["are", "counted", "joined", "numeral", "run_together"]

_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def numeral(n: int) -> str:
    """``three``; from ten on, in figures."""
    return _NUMERALS[n] if n < len(_NUMERALS) else str(n)


def counted(n: int, one: str, more: str = "", words: bool = False) -> str:
    """``3 axes``, ``1 axis``, ``no axes``; ``words``: ``three axes``.

    >>> counted(3, "axis", "axes"), counted(1, "name"), counted(0, "index", "indices", words=True)
    ('3 axes', '1 name', 'no indices')
    """
    return f"{numeral(n) if words or not n else n} {one if n == 1 else more or one + 's'}"


def joined(words: Sequence[str]) -> str:
    """``i, j and k``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def are(words: Sequence[str]) -> str:
    """``is`` or ``are``."""
    return "is" if len(words) == 1 else "are"


def run_together(letters: Sequence[str]) -> str:
    """Letters below a sign: ``ij`` of Σ_ij, ``{in,out}`` where one is longer.

    >>> run_together(("i", "j")), run_together(("in", "out"))
    ('ij', '{in,out}')
    """
    return "".join(letters) if all(len(i) == 1 for i in letters) else f"{{{','.join(letters)}}}"
