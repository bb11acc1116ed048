"""Characters in, tokens out.

In: the text of one System. Out: four lists of the same length: the kind of each token, its characters, where it
starts and where it ends. Kinds: ``T`` a name with a compact subscript (``W_ij``, ``W_{ij}``), ``N`` a bare name,
``n`` a number, ``s`` an underscore with what stands at it, ``u`` lowered and ``p`` raised Unicode characters,
``q`` primes, ``;`` between equations, ``end``, and for every sign the sign itself, in one spelling.
Characters that the notation does not have are refused here. This file knows no grammar.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from tensorprop.errors import (
    ForbiddenName,
    SpecTooLong,
    UnexpectedChar,
)
from tensorprop.text.characters import ACCENTED, ACCENTS, HIGH, LETTERS, LOW, NAME, accented, refuse_character
from tensorprop.text.foreign import POSITIVE_PART, meant_by
from tensorprop.text.latex import LIMITS, SIZES, latex

__all__ = ["MAX_CHARACTERS", "Tokens", "scan"]

MAX_CHARACTERS = 65_536

_SIGNS = {
    **{
        c: c
        for c in (
            "+",
            "-",
            "*",
            "/",
            "^",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            "=",
            "|",
            "<",
            ">",
            "≤",
            "≥",
            "≠",
            "∂",
            "√",
            "∇",
            "‖",
        )
    },
    **dict.fromkeys("·⊙×⋅∗", "*"),
    "−": "-",
    ">=": "≥",
    "<=": "≤",
    "!=": "≠",
}
_WORDS = {"∧": "and", "∨": "or", "¬": "not", "∈": "in"}  # signs that are refused as these words are

_TOKEN = re.compile(
    rf"""[ \t\r\u00a0\u2002-\u200a\u202f]*+(?:
      (?P<a>(?<![{LETTERS}0-9]){ACCENTED}(?![{LETTERS}0-9{"".join(ACCENTS)}]))
    | (?P<T>(?:{NAME}|[Σ∑∏])_(?:[{LETTERS}]++(?![0-9])|\{{[{LETTERS}]+\}}))
    | (?P<o>==|\*\*|//|:=|\+=|->|<-|>=|<=|!=|[-+*/^()\[\]{{}},=|<>≤≥≠∂√·⊙×⋅∗−∇‖])
    | (?P<N>{NAME}|[Σ∑∏∞ⅈ])
    | (?P<w>[∧∨¬∈])
    | (?P<n>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<x>__\w*)
    | (?P<s>_(?:\{{|[{LETTERS}0-9]+)?)
    | (?P<u>[{"".join(LOW)}]+)
    | (?P<p>[{"".join(HIGH)}]+)
    | (?P<q>['′″‴]+)
    | (?P<b>[\n;])
    | (?P<c>\#[^\n]*)
    | (?P<l>\\(?:[A-Za-z]+|.|$))
    | (?P<bad>.)
    | (?P<e>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_DIGITS = re.compile(r"\s*([0-9])\s*([0-9])(?![0-9.eE])")
_CONTINUES = frozenset((*_SIGNS, "frac")) - {")", "]", "}", "|"}  # a line that ends in one of these goes on


class Tokens(NamedTuple):
    """The tokens of a text, field by field; the last one is of kind ``end``."""

    text: str
    kinds: list[str]
    texts: list[str]
    starts: list[int]
    ends: list[int]


def scan(text: str) -> Tokens:
    """The tokens of ``text``.

    Errors: SpecTooLong, ControlChar, ConfusableChar, ForbiddenName, UnexpectedChar."""
    if len(text) > MAX_CHARACTERS:
        raise SpecTooLong(
            f"the text has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}",
            fix="split it into several Systems and add them: s1 + s2",
        )
    kinds, texts, starts, ends = list[str](), list[str](), list[int](), list[int]()
    depth, pending = 0, -1
    matches = _TOKEN.finditer(text)
    while (m := next(matches, None)) is not None:
        group = m.lastindex or 0
        kind, token, start, end = m.lastgroup or "", m[group], m.start(group), m.end()
        _refuse_positive_part(text, token, start, end)
        if kind == "o":
            kind = token = sign = _SIGNS.get(token) or _refuse_sign(text, token, start, end, depth)
            if sign in "([{":
                depth += 1
            elif sign in ")]}" and depth:
                depth -= 1
        elif kind == "b":
            if token == "\n" and (depth or not kinds or kinds[-1] in _CONTINUES):
                continue
            kind = ";"
        elif kind == "s":
            if token == "_{":
                depth += 1
        elif kind == "l":
            found = latex(text, m[group], start, end)
            if found is None:
                if m[group][1:] in SIZES:
                    pending = start
                elif m[group][1:] in LIMITS and _joined(ends, start):
                    ends[-1] = end  # what stands under a sum follows it at once
                continue
            kind, token, end = found
            digits = _DIGITS.match(text, end) if kind == "frac" else None
            if digits is not None:
                _short_fraction(digits, start, end, kinds, texts, starts, ends)
                matches, pending = _TOKEN.finditer(text, digits.end()), -1
                continue
            if end > m.end():
                matches = _TOKEN.finditer(text, end)
            if kind == "_{" or kind == "{":
                depth += 1
        elif kind in ("w", "a"):
            kind, token = "N", _WORDS[token] if kind == "w" else accented(token)
        elif kind == "c" or kind == "e":
            continue
        elif kind == "x":
            _refuse_underscores(text, start, end, _joined(ends, start))
        elif kind == "bad":
            refuse_character(text, start)
        kinds.append(kind)
        texts.append(token)
        starts.append(start if pending < 0 else pending)
        ends.append(end)
        pending = -1
    last = ends[-1] if ends else 0
    return Tokens(text, [*kinds, "end"], [*texts, ""], [*starts, last], [*ends, last])


def _short_fraction(
    digits: re.Match[str],
    start: int,
    end: int,
    kinds: list[str],
    texts: list[str],
    starts: list[int],
    ends: list[int],
) -> None:
    """``\\frac12``: the tokens of ``\\frac{1}{2}``."""
    braced = ("{", "n", "}")
    kinds += ("frac", *braced, *braced)
    texts += ("frac", "{", digits[1], "}", "{", digits[2], "}")
    starts += (start, *[digits.start(1)] * 3, *[digits.start(2)] * 3)
    ends += (end, *[digits.end(1)] * 3, *[digits.end(2)] * 3)


def _refuse_positive_part(text: str, token: str, start: int, end: int) -> None:
    if token in ("^", "_", "_{") and POSITIVE_PART.match(text, start):
        fix = meant_by(token[0], text, start, end)
        raise UnexpectedChar("a positive part is a maximum", text, (start, start + 1), fix=fix)


def _refuse_underscores(text: str, start: int, end: int, joined: bool) -> NoReturn:
    raise ForbiddenName(
        "a name has one underscore, before its indices" if joined else 'names may not start with "__"',
        text,
        (start, end),
        fix="nothing here is evaluated as Python; use letters, digits and Greek letters",
    )


def _joined(ends: list[int], start: int) -> bool:
    return bool(ends) and ends[-1] == start


def _refuse_sign(text: str, sign: str, start: int, end: int, depth: int) -> NoReturn:
    problem, fix = {
        "==": (
            '"==" is not an equation sign here',
            'write one "="' if not depth else 'a comparison stands in brackets, with one "=": [x_i = 0]',
        ),
        "->": (
            '"->" belongs to an einsum spec',
            "read a spec such as ij,jk->ik with parse_einsum, or write C_ik = A_ij B_jk",
        ),
    }.get(sign, (f'"{sign}" is not in the notation', meant_by(sign, text, start, end)))
    raise UnexpectedChar(problem, text, (start, end), fix=fix)
