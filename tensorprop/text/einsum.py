"""Einsum specs in, Systems out.

In: a spec such as ``bi,ij->bj``, by einsum's own convention: an index that is not in the output is summed, one that
stands twice in an operand runs along its diagonal. Out: a System of one equation. A spec without its arrow is refused,
since libraries differ in what they make of it. The arrays, their sizes and types are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from tensorprop.core.build import mul, sum_over
from tensorprop.core.english import counted
from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.errors import (
    BadArrow,
    EmptyOperand,
    EmptySpec,
    FreeIndexMismatch,
    InvalidEllipsis,
    NameConflict,
    OperandCount,
    RankMismatch,
    RepeatedOutputIndex,
    SpecTooLong,
    UnbalancedBracket,
    UnexpectedChar,
    UsageError,
)
from tensorprop.text.characters import LETTERS, refuse_character
from tensorprop.text.cursor import MAX_OPERANDS
from tensorprop.text.reserved import is_name
from tensorprop.text.scan import MAX_CHARACTERS

__all__ = ["implicit_output", "operand_spans", "parse_einsum"]

_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXZ"
_LETTER = re.compile(f"[{LETTERS}]")
_PLACE = re.compile(rf"(?:\s|[{LETTERS}])*(?:\.\.\.)?(?:\s|[{LETTERS}])*")
_ELLIPSIS = "opqrstuvwxyzabcdefghijklmn"  # letters that stand for the axes of an ellipsis


def parse_einsum(
    spec: str,
    names: str | Sequence[str] | None = None,
    *,
    out: str | None = None,
    shapes: Sequence[Sequence[int]] | None = None,
    ranks: Sequence[int] | Mapping[str, int] | None = None,
) -> System:
    """The System of one equation that an einsum spec stands for.

    ``names`` call the operands, in one string or in a sequence; by default A, B, C …; ``out`` calls the result, by
    default Y. An ellipsis stands for axes whose number the spec does not tell: it needs ``ranks`` (axes per operand)
    or ``shapes``. A place without an index is a scalar: in front always, after others where the operands are named, or
    their ranks or shapes told.

    >>> print(parse_einsum("bi,ij->bj", names="a W"))
    Y_bj = a_bi W_ij
    >>> print(parse_einsum("ii->", out="t"))
    t = A_ii
    >>> print(parse_einsum("...i,ij->...j", names="x W", ranks=(3, 2)))
    Y_opj = x_opi W_ij
    >>> print(parse_einsum(",i->i", names="c x"))
    Y_i = c x_i

    Errors: EmptySpec, BadArrow, EmptyOperand, InvalidEllipsis, RepeatedOutputIndex, FreeIndexMismatch (an output index
    that no operand has), OperandCount, RankMismatch, UnexpectedChar, ConfusableChar, ControlChar.
    """
    if not isinstance(spec, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(
            f"an einsum spec is a string, not {type(spec).__name__}", fix='write it in quotes: "ij,jk->ik"'
        )
    places, output = _split(spec)
    told = (
        names.replace(",", " ").split() if isinstance(names, str) else names if names is not None else shapes or ranks
    )
    _refuse_empty(spec, places, None if told is None else len(told))
    called = _called(names, spec, places)
    given = _ranks(ranks, shapes, called, spec, places)
    operands = [_letters(spec, place) for place in places]
    wanted = _letters(spec, output)
    if any("..." in p for p in (*operands, wanted)):
        _expand(spec, places, output, operands, wanted, given)
    elif given is not None:
        for k, (letters, rank) in enumerate(zip(operands, given, strict=True)):
            if len(letters) != rank:
                _refuse_rank(spec, places[k], k, len(letters), rank)
    known = {i for letters in operands for i in letters}
    _verify_output(spec, output, wanted, known)
    index = {i: Index(i) for i in known}
    factors = _factors(spec, places, called, operands, index)
    result = out if out is not None else next(n for n in ("Y", *_NAMES[::-1], "Y1") if n not in called)
    _check_name(result)
    if result in called:
        raise NameConflict(f"{result} is an operand already", fix="give the result another name: out=…")
    summed = [i for i in dict.fromkeys(i for letters in operands for i in letters) if i not in wanted]
    target = Tensor(result, tuple(index[i] for i in wanted))
    s = system((equation(target, sum_over(summed, mul(*factors))),))
    object.__setattr__(s, "origin", spec)
    return s


def operand_spans(spec: str) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Where the operands of a spec stand, and its output."""
    return _split(spec)


# --------------------------------------------------------------------------- the spec
def _split(spec: str) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """The spans of the operands and of the output."""
    if len(spec) > MAX_CHARACTERS:
        raise SpecTooLong(
            f"the spec has {len(spec):,} characters; the limit is {MAX_CHARACTERS:,}",
            fix="contract a part of the operands first",
        )
    if not spec.strip():
        raise EmptySpec("the spec is empty", spec, (0, 0), fix='write the indices of each operand, for example "i->i"')
    _characters(spec)
    arrow = _arrow(spec)
    places: list[tuple[int, int]] = []
    start = 0
    for piece in spec[:arrow].split(","):
        places.append(_trimmed(spec, start, start + len(piece)))
        start += len(piece) + 1
    output = _trimmed(spec, arrow + 2, len(spec))
    if len(places) > MAX_OPERANDS:
        raise SpecTooLong(f"{len(places):,} operands; the limit is {MAX_OPERANDS:,}", spec, places[MAX_OPERANDS])
    for place in (*places, output):
        _dots(spec, place)
    comma = spec.find(",", output[0])
    if comma >= 0:
        raise UnexpectedChar(
            "an einsum has one output", spec, (comma, comma + 1), fix="read each output from a spec of its own"
        )
    return places, output


def _characters(spec: str) -> None:
    """Refuse every character that no spec has."""
    for k, c in enumerate(spec):
        if _LETTER.match(c) or c in ",.-><= \t\n" or c == "→":
            if c == "=" or c == "→":
                _refuse_arrow(spec, k)
            continue
        span = (k, k + 1)
        if c in "([{":
            end = spec.find({"(": ")", "[": "]", "{": "}"}[c], k)
            if end < 0:
                raise UnbalancedBracket(f'"{c}" is never closed', spec, span, fix="an einsum spec has no brackets")
            inner = spec[k + 1 : end]
            raise UnexpectedChar(
                f'grouping "{spec[k : end + 1]}" is not einsum notation',
                spec,
                span,
                fix=f'reshape the operand first, or name the axes separately: "{inner}"',
            )
        if c in ")]}":
            raise UnbalancedBracket(f'"{c}" closes nothing', spec, span, fix="an einsum spec has no brackets")
        if c.isdigit() and c.isascii():
            raise UnexpectedChar(
                f'"{c}" is no index', spec, span, fix="an index is one letter; an axis of size 1 has one too"
            )
        if c in "*;|&/+_":
            raise UnexpectedChar(
                f'"{c}" is not einsum notation',
                spec,
                span,
                fix="operands are separated by commas, and the output follows ->",
            )
        refuse_character(spec, k)


def _refuse_arrow(spec: str, at: int) -> NoReturn:
    end = at + 2 if spec.startswith("=>", at) else at + 1
    fixed = spec[:at].rstrip("-") + "->" + spec[end:]
    if spec[at] == "=" and end == at + 1:
        raise BadArrow(
            '"=" is no arrow',
            spec,
            (at, end),
            fix='write the output after "->"; index notation such as y_i = A_ij x_j is read by parse',
        )
    raise BadArrow(f'the arrow is "->", not "{spec[at:end]}"', spec, (at, end), fix=f'"{fixed}"')


def _arrow(spec: str) -> int:
    """Where the one arrow stands."""
    arrows = [m.span() for m in re.finditer(r"-+>+|<-+>?|-\s+>|[-<>]", spec)]
    for at, end in arrows:
        sign = spec[at:end]
        if sign == "->":
            continue
        if sign.startswith("<"):
            if sign == "<-":
                left, right = spec[:at].strip(), spec[end:].strip()
                raise BadArrow('reversed arrow "<-"', spec, (at, end), fix=f'put the output last: "{right}->{left}"')
            raise BadArrow(f'"{sign}" is no arrow', spec, (at, end), fix=f'"{spec[:at]}->{spec[end:]}"')
        fixed = f'"{spec[:at]}->{spec[end:]}"'
        what = f'lone "{sign}"; the arrow is "->"' if len(sign) == 1 else f'"{sign}" is no arrow; the arrow is "->"'
        raise BadArrow(what, spec, (at, end), fix=fixed)
    if not arrows:
        once = implicit_output(spec)
        raise BadArrow(
            "the arrow is missing, and libraries differ in what they make of that",
            spec,
            (len(spec), len(spec)),
            fix=f'name the output: "{spec.rstrip()}->{once}", or "{spec.rstrip()}->" to sum everything',
        )
    if len(arrows) > 1:
        raise BadArrow("two arrows", spec, arrows[1], fix="one spec, one arrow: contract in two steps")
    return arrows[0][0]


def implicit_output(spec: str) -> str:
    """The output that einsum libraries make up: letters that stand once, sorted, behind an ellipsis.

    >>> implicit_output("...ij,jk")
    '...ik'
    """
    letters = [c for c in spec if _LETTER.match(c)]
    return ("..." if "..." in spec else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))


def _refuse_empty(spec: str, places: list[tuple[int, int]], operands: int | None) -> None:
    """A place with no index is a scalar in front, or where as many operands are told; else a comma too many."""
    empty = [k for k, (start, end) in enumerate(places) if start == end]
    slips = empty if operands is not None else [k for k in empty if any(a < b for a, b in places[:k])]
    if len(places) == 1 or not slips or operands == len(places):
        return
    k = slips[0]
    last = k == len(places) - 1
    commas = [i for i, c in enumerate(spec) if c == ","]
    at = commas[k - 1] if last else commas[k]
    where = "trailing" if last else "leading" if k == 0 else "doubled"
    filled = counted(len(places) - len(empty) if operands is None else operands, "operand")
    raise EmptyOperand(
        f"{where} comma: {len(places)} places but {filled}",
        spec,
        (at, at + 1),
        fix='delete the comma, or name every operand if one is a scalar: names="'
        + " ".join(_NAMES[: len(places)])
        + '"',
    )


def _dots(spec: str, place: tuple[int, int]) -> None:
    piece = spec[place[0] : place[1]]
    runs = [m.span() for m in re.finditer(r"\.(?:\s*\.)*", piece)]
    for n, (a, b) in enumerate(runs):
        span = (place[0] + a, place[0] + b)
        if piece[a:b] != "...":
            raise InvalidEllipsis(
                f'"{piece[a:b]}" is not an ellipsis',
                spec,
                span,
                fix='write three dots "..."; they may stand once in each term',
            )
        if n:
            raise InvalidEllipsis("two ellipses in one term", spec, span, fix='"..." may stand once in each term')


def _trimmed(spec: str, start: int, end: int) -> tuple[int, int]:
    while start < end and spec[start].isspace():
        start += 1
    while end > start and spec[end - 1].isspace():
        end -= 1
    return start, end


def _letters(spec: str, place: tuple[int, int]) -> list[str]:
    """The indices of a place in order; an ellipsis is one entry."""
    found: list[str] = []
    at = place[0]
    while at < place[1]:
        if spec.startswith("...", at):
            found.append("...")
            at += 3
        else:
            if not spec[at].isspace():
                found.append(spec[at])
            at += 1
    return found


def _where(spec: str, place: tuple[int, int], letter: str, skip: int) -> tuple[int, int]:
    at = place[0] - 1
    for _ in range(skip + 1):
        at = spec.find(letter, at + 1, place[1])
    return (at, at + 1) if at >= 0 else place


# --------------------------------------------------------------------------- names and ranks
def _called(names: str | Sequence[str] | None, spec: str, places: list[tuple[int, int]]) -> list[str]:
    if names is None:
        return [_NAMES[k] if k < len(_NAMES) else f"A{k}" for k in range(len(places))]
    called = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    for name in called:
        _check_name(name)
    if len(called) != len(places):
        raise OperandCount(
            f"{counted(len(places), 'operand')} in the spec, {counted(len(called), 'name')}",
            spec,
            places[len(called)] if len(called) < len(places) else places[-1],
            known=f"names: {', '.join(called)}",
            fix="give each operand a name, in the order of the spec",
        )
    return called


def _verify_output(spec: str, output: tuple[int, int], wanted: list[str], known: set[str]) -> None:
    """Every output index stands once, and some operand has it."""
    for k, i in enumerate(wanted):
        at = _where(spec, output, i, wanted[:k].count(i))
        if i in wanted[:k]:
            raise RepeatedOutputIndex(
                f'output index "{i}" stands twice',
                spec,
                at,
                fix=f'for a diagonal matrix multiply by a bracket: parse("D_{i}j = a_{i} [{i} = j]")',
            )
        if i not in known:
            raise FreeIndexMismatch(
                f'output index "{i}" is in no operand',
                spec,
                at,
                known=f"operands have: {' '.join(sorted(known)) or 'none'}",
                fix=f"delete {i}, or give an operand the index",
            )


def _factors(
    spec: str, places: list[tuple[int, int]], called: list[str], operands: list[list[str]], index: dict[str, Index]
) -> list[Expr]:
    """The operands as entries; one name has one number of axes."""
    ranks_seen: dict[str, int] = {}
    factors: list[Expr] = []
    for k, (name, letters) in enumerate(zip(called, operands, strict=True)):
        if ranks_seen.setdefault(name, len(letters)) != len(letters):
            raise RankMismatch(
                f"{name} has {ranks_seen[name]} axes in one place and {len(letters)} in another",
                spec,
                places[k],
                fix="one name, one number of axes",
            )
        factors.append(Tensor(name, tuple(index[i] for i in letters)))
    return factors


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not is_name(name):
        raise UsageError(
            f"{name!r} is not a tensor's name", fix='a name is letters and digits, such as W or x0: names="a W"'
        )


def _ranks(
    ranks: Sequence[int] | Mapping[str, int] | None,
    shapes: Sequence[Sequence[int]] | None,
    called: list[str],
    spec: str,
    places: list[tuple[int, int]],
) -> list[int] | None:
    if shapes is not None:
        given = [len(tuple(shape)) for shape in shapes]
    elif isinstance(ranks, Mapping):
        missing = [n for n in called if n not in ranks]
        if missing:
            raise UsageError(f"ranks does not tell the number of axes of {', '.join(missing)}")
        given = [ranks[n] for n in called]
    elif ranks is not None:
        given = list(ranks)
    else:
        return None
    if len(given) != len(places):
        raise OperandCount(
            f"{len(places)} operands in the spec, {len(given)} ranks",
            spec,
            places[-1],
            fix="give one for each operand, in order",
        )
    return given


def _expand(
    spec: str,
    places: list[tuple[int, int]],
    output: tuple[int, int],
    operands: list[list[str]],
    wanted: list[str],
    given: list[int] | None,
) -> None:
    """Letters in the place of every ellipsis, aligned at the right as einsum does."""
    if given is None:
        place = next(p for p in (*places, output) if "..." in spec[p[0] : p[1]])
        at = spec.index("...", place[0])
        raise InvalidEllipsis(
            "the spec does not tell how many axes an ellipsis stands for",
            spec,
            (at, at + 3),
            fix="write the axes as letters, or give the number of axes of each operand: ranks=(3, 2)",
        )
    used = {i for letters in (*operands, wanted) for i in letters}
    depths: list[int] = []
    for k, letters in enumerate(operands):
        extra = given[k] - (len(letters) - letters.count("..."))
        if extra < 0 or (extra and "..." not in letters):
            _refuse_rank(spec, places[k], k, len(letters) - letters.count("..."), given[k])
        depths.append(extra if "..." in letters else 0)
    depth = max(depths, default=0)
    free = [c for c in _ELLIPSIS + _ELLIPSIS.upper() if c not in used]
    if depth > len(free):
        raise UsageError(
            "no letters are left for the axes of the ellipsis",
            fix="write the equation in index notation with long index names",
        )
    axes = free[:depth]
    for letters, n in zip(operands, depths, strict=True):
        if "..." in letters:
            at = letters.index("...")
            letters[at : at + 1] = axes[depth - n :]
    if "..." in wanted:
        at = wanted.index("...")
        wanted[at : at + 1] = axes
    elif depth:
        raise InvalidEllipsis(
            "an operand has an ellipsis, the output has none",
            spec,
            output,
            fix='write "..." in the output, or letters for the axes that are summed',
        )


def _refuse_rank(spec: str, place: tuple[int, int], k: int, written: int, rank: int) -> NoReturn:
    raise RankMismatch(
        f"{written} {'index' if written == 1 else 'indices'} for operand {k + 1}, which has "
        f"{rank} {'axis' if rank == 1 else 'axes'}",
        spec,
        place,
        fix="write one index for each axis",
    )
