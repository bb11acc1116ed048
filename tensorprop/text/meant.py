"""What was meant: the fix for a text that is refused, in the user's own letters.

In: a cursor and the place where it stands. Out: words for the error. Nothing is refused here, and nothing is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tensorprop.core.build import fresh
from tensorprop.core.functions import keeps
from tensorprop.text.characters import GREEK, LETTERS
from tensorprop.text.cursor import RELATIONS, Cursor
from tensorprop.text.reserved import TAKEN_ALONG
from tensorprop.text.vocabulary import BINDERS

__all__ = [
    "argument",
    "bracketed",
    "chosen",
    "conditioned",
    "entry_end",
    "following",
    "gradient",
    "indexed",
    "joined",
    "length",
    "piece",
    "run_through",
    "spelled",
    "written_along",
]

_OPEN = ("(", "[", "{")


def piece(c: Cursor, p: int, stop: int) -> str:
    """The text of the tokens from ``p`` up to, and without, ``stop``."""
    return c.text[c.starts[p] : c.ends[stop - 1]] if stop > p else ""


def argument(c: Cursor, p: int) -> tuple[int, int] | None:
    """The tokens inside the parentheses that open at ``p``."""
    q = c.closing(p) if c.kinds[p] == "(" else None
    return (p + 1, q) if q is not None and q > p + 1 else None


def entry_end(c: Cursor, p: int) -> int:
    """The token after the name at ``p`` and all that it bears: subscripts, or an argument."""
    q = p + 1
    while c.kinds[q] in ("s", "u", "[", "(", "q") and c.starts[q] == c.ends[q - 1]:
        end = c.closing(q) if c.kinds[q] in ("(", "[") or c.texts[q] == "_{" else q
        if end is None:
            return q
        q = end + 1
    return q


def following(c: Cursor, p: int) -> str | None:
    """The factor at ``p``, if it is a name with what it bears, or something in parentheses: without these."""
    if c.kinds[p] in ("N", "T"):
        return piece(c, p, entry_end(c, p))
    inside = argument(c, p)
    return piece(c, *inside) if inside else None


def spelled(c: Cursor, name: str) -> str | None:
    """The first entry of a tensor in the text: ``W_ij`` for W."""
    for p, k in enumerate(c.kinds):
        if k == "T" and c.texts[p].partition("_")[0] == name:
            return c.text[c.starts[p] : c.ends[p]]
        if k == "N" and c.texts[p] == name and c.kinds[p + 1] in ("s", "u", "[") and c.starts[p + 1] == c.ends[p]:
            return piece(c, p, entry_end(c, p))
    return None


def left(c: Cursor) -> list[str]:
    """The indices of the left side of the equation that is being read."""
    stop = next((q for q in range(c.first, len(c.kinds)) if c.kinds[q] in ("=", ";", "end")), c.first)
    return c.indices_between(c.first, stop)[0]


def indexed(c: Cursor, op: str, start: int, stop: int) -> str | None:
    """The indices that a reduction of these tokens was probably meant to run along."""
    letters = list(dict.fromkeys(c.indices_between(start, stop)[0]))
    if not letters:
        return None
    own = left(c)
    summed = [i for i in letters if i not in own]
    if keeps(BINDERS.get(op, op)):
        return letters[-1]
    return "".join(summed) if summed and all(len(i) == 1 for i in summed) else (summed or letters)[-1]


def written_along(c: Cursor, name: str, letters: Sequence[str], start: int, stop: int) -> str | None:
    """How to write what people call ``name``, taken along ``letters``; None where the table does not say."""
    template = TAKEN_ALONG.get(name)
    if template is None or not letters or not all(len(i) == 1 for i in letters):
        return None
    taken = {*c.indices_between(c.first, c.end_of_equation())[0], *letters}
    other = "u" if "u" not in taken else fresh("u", taken)
    whole, factor, under = piece(c, start, stop), _factor(c, start, stop), "".join(letters)
    if len(letters) == 1 and letters[0] in left(c) and "«u»" not in template and "softmax" not in template:
        whole, factor, under = _renamed(whole, letters[0], other), _renamed(factor, letters[0], other), other
    return (
        template.replace("«a»", whole)
        .replace("«q»", factor)
        .replace("«r»", _renamed(factor, letters[-1], other))
        .replace("«i»", under)
        .replace("«u»", other)
    )


def _factor(c: Cursor, start: int, stop: int) -> str:
    """The tokens as one factor: in parentheses, unless they are one name with what it bears."""
    text = piece(c, start, stop)
    return text if c.kinds[start] in ("N", "T", "n") and entry_end(c, start) == stop else f"({text})"


def _renamed(text: str, old: str, new: str) -> str:
    """The text with an index called otherwise in every compact list of subscripts."""
    return re.sub(r"_(\{[^{}]*\}|[^\W\d_]+)|\[[^\[\]]*\]", lambda m: m[0].replace(old, new), text)


def bracketed(c: Cursor, p: int) -> str:
    """The comparison whose relation stands at ``p``, in brackets: ``[u ≤ t]`` of ``where(u <= t, …)``."""
    start = p
    level = 0
    while start > c.first:
        k = c.kinds[start - 1]
        level += (k in (")", "]", "}")) - (k in _OPEN or (k == "s" and c.texts[start - 1] == "_{"))
        if level < 0 or (not level and (k in (",", "=", ";") or c.texts[start - 1].lower() in _JOINS)):
            break
        if not level and k in RELATIONS and start - 1 != p:
            break
        start -= 1
    stop, level = p + 1, 0
    while c.kinds[stop] not in (";", "end"):
        k = c.kinds[stop]
        level += (k in _OPEN or (k == "s" and c.texts[stop] == "_{")) - (k in (")", "]", "}"))
        if level < 0 or (not level and (k == "," or k in RELATIONS or c.texts[stop].lower() in _JOINS)):
            break
        stop += 1
    return f"[{piece(c, start, p)} {c.kinds[p]} {piece(c, p + 1, stop)}]"


def chosen(c: Cursor) -> str | None:
    """``where([c_i ≠ 0], x_i, y_i)`` of ``y_i = x_i if c_i else y_i``."""
    stop = c.end_of_equation()
    at = {c.texts[q].lower(): q for q in range(c.first, stop) if c.kinds[q] == "N" and c.texts[q].lower() in _CHOICE}
    equals = next((q for q in range(c.first, stop) if c.kinds[q] == "="), None)
    last = at.get("else", at.get("otherwise"))
    if equals is None or "if" not in at or last is None or not equals < at["if"] < last < stop - 1:
        return None
    start = equals + 1
    if at["if"] == start and "then" in at:
        condition, first = piece(c, start + 1, at["then"]), piece(c, at["then"] + 1, last)
        p = start + 1
    else:
        condition, first = piece(c, at["if"] + 1, last), piece(c, start, at["if"])
        p = at["if"] + 1
    if not condition or not first:
        return None
    if c.kinds[p] != "[":
        q = next((q for q in range(p, last) if c.kinds[q] in RELATIONS), None)
        condition = f"[{condition} ≠ 0]" if q is None else f"[{condition}]"
    return f"where({condition}, {first}, {piece(c, last + 1, stop)})"


_JOINS = ("and", "or", "not")
_CHOICE = ("if", "then", "else", "otherwise")


def joined(c: Cursor, p: int) -> str | None:
    """Two brackets with ``and`` or ``or`` at ``p`` between them, as a product or a maximum; also bare comparisons."""
    before = next((q for q in range(p - 1, c.first, -1) if c.kinds[q] in (*RELATIONS, ",", "]")), 0)
    after = next((q for q in range(p, c.end_of_equation()) if c.kinds[q] in (*RELATIONS, ",", "[")), 0)
    if c.kinds[before] in RELATIONS and c.kinds[after] in RELATIONS and c.kinds[before] != "=":
        one, other = bracketed(c, before), bracketed(c, after)
        return f"{one} {other}" if c.texts[p].lower() == "and" else f"max({one}, {other})"
    if p == 0 or c.kinds[p - 1] != "]" or c.kinds[p + 1] != "[":
        return None
    end = c.closing(p + 1)
    start = next((q for q in range(p - 1, c.first, -1) if c.kinds[q] == "[" and c.closing(q) == p - 1), None)
    if end is None or start is None:
        return None
    one, other = piece(c, start, p), piece(c, p + 1, end + 1)
    return f"{one} {other}" if c.texts[p].lower() == "and" else f"max({one}, {other})"


def length(c: Cursor, p: int, width: int) -> str:
    """What ``\\|x_i\\|`` means, whose bars are the ``width`` tokens at ``p``: a sum of squares, or its root."""
    bar = c.kinds[p]
    stop = c.end_of_equation()
    start = p + width
    close = next((q for q in range(start, stop) if c.kinds[q] == bar and c.kinds[q + width - 1] == bar), None)
    if close is None or close == start:
        return "the length of x is sqrt(Σ_i x_i^2)"
    body = _with_letters(c, start, close) or _factor(c, start, close)
    letters = list(dict.fromkeys(c.indices_between(start, close)[0])) or list(_subscript(body.strip("()")))
    own = left(c)
    summed = [i for i in letters if i not in own] or letters
    if len(summed) == 1 and summed[0] in own:
        other = fresh("j", {*own, *c.indices_between(c.first, stop)[0]})
        body, summed = _renamed(body, summed[0], other), [other]
    after = c.text[c.ends[close + width - 1] :].replace("{", "").replace("}", "").replace(" ", "")
    named = re.match(r"_([^\W\d_]+)", after)
    if named and {*named[1]} <= {*letters}:  # ‖x_bi‖_i
        summed, after = list(named[1]), after[named.end() :]
    if not summed or not all(len(i) == 1 for i in summed):
        return "the length of x is sqrt(Σ_i x_i^2)"
    sign = f"Σ_{''.join(summed)} "
    if after.startswith("_1"):
        return f"write `{sign}abs({body.strip('()') if body[0] == '(' else body})`"
    squared = re.match(r"(_[2F])?(\^2|²)", after) is not None
    return f"write `{sign}{body}^2`" if squared else f"write `sqrt({sign}{body}^2)`"


def _with_letters(c: Cursor, start: int, stop: int) -> str | None:
    """A sum of bare names as entries, ``(y_i - t_i)`` of ``y - t``: of matrices where all names are capitals."""
    names = [q for q in range(start, stop) if c.kinds[q] == "N"]
    known = {q: spelled(c, c.texts[q]) for q in names}
    if any((k == "N") == (q % 2 != start % 2) for q, k in enumerate(c.kinds[start:stop], start)):
        return None
    if {c.kinds[q] for q in range(start, stop)} - {"N", "+", "-"}:
        return None
    under = "ij" if all(c.texts[q][0].isupper() for q in names) else "i"
    said, at = "", c.starts[start]
    for q in names:
        said += c.text[at : c.starts[q]]
        said += (known[q] if len(names) == 1 else None) or f"{piece(c, q, q + 1)}_{under}"
        at = c.ends[q]
    return f"({said})" if len(names) > 1 else said


def conditioned(c: Cursor, name: str, p: int) -> str:
    """What to write for ``\\sum_{i<j}``, whose relation stands at ``p``: a bracket; for ``j \\in N(i)`` a factor."""
    start = next(q for q in range(p, -1, -1) if c.texts[q] in ("_{", "["))
    stop = c.closing(start) or p + 1
    if c.texts[p] == "in":
        return f"which entries are meant is a factor of 0 and 1, an input: {name}_j A_ij …"
    letters = dict.fromkeys(t for q, t in enumerate(c.texts[start:stop], start) if c.kinds[q] == "N" and len(t) == 1)
    if name in ("∏", "prod"):
        return f"write prod_{''.join(letters)}(where([{piece(c, start + 1, stop)}], …, 1))"
    return f"write a bracket: `{name}_{''.join(letters)} [{piece(c, start + 1, stop)}] …`"


def run_through(c: Cursor, name: str, p: int) -> str:
    """What to write for ``\\sum_{i=1}^{m}``, whose relation stands at ``p``: the whole axis, or a part of it."""
    letter = c.texts[p - 1] if c.kinds[p - 1] == "N" else "i"
    first = c.texts[p + 1] if c.kinds[p + 1] == "n" else "0"
    limit = re.match(r"[^^]*?\}\s*\^\s*(?:\{([^{}]*)\}|(\w))", c.text[c.ends[p] :])
    last = (limit[1] or limit[2]).strip() if limit else "n"
    shorter = re.fullmatch(r"(\w+)\s*-\s*1", last)
    if first == "1":
        below = last
    elif last.isdigit():
        below = str(int(last) + 1)
    else:
        below = shorter[1] if shorter else f"{last} + 1"
    if name in ("∏", "prod"):
        return (
            f"write prod_{letter}(…) for the whole axis, which needs no limits; for a part of it"
            f" prod_{letter}(where([{letter} < {below}], …, 1)) (indices count from 0)"
        )
    sign = name
    end = c.closing(next(q for q in range(p, -1, -1) if c.texts[q] in ("_{", "["))) or p + 2
    if end > p + 2:  # j = i + 1
        return (
            f"write {sign}_{letter} for the whole axis, which needs no limits; for a part of it a bracket,"
            f" {sign}_{letter} [{letter} ≥ {piece(c, p + 1, end)}]"
        )
    return (
        f"write {sign}_{letter} for the whole axis, which needs no limits; for a part of it a bracket,"
        f" {sign}_{letter} [{letter} < {below}] (indices count from 0)"
    )


def gradient(c: Cursor, p: int) -> str:
    """What ``∇_W L`` with its sign at ``p`` is by entries: ``δW_ij``, which is ∂L/∂W_ij."""
    m = re.match(
        rf"\s*_?\s*\{{?\s*(\\?[{LETTERS}][{LETTERS}0-9]*)(_\{{[^{{}}]*\}}|_[{LETTERS}]+)?\s*\}}?", c.text[c.ends[p] :]
    )
    if m is None:
        return "write ∂E/∂x_i, or δx_i"
    if "_" not in m[0][: m.start(1)]:  # ∇L: by which tensor?
        return f"write ∂{m[1].strip(chr(92))}/∂x_i for each tensor x that is meant"
    name = GREEK.get(m[1][1:], m[1]) if m[1][0] == "\\" else m[1]
    shown = name + m[2] if m[2] else spelled(c, name)
    if shown is None:
        own = "".join(left(c)) if "=" in c.kinds[c.first : p] else _once(c, p)
        shown = f"{name}_{own or ('ij' if name[0].isupper() else 'i')}"
    after = next((q for q in range(p, len(c.kinds)) if c.starts[q] >= c.ends[p] + m.end() or c.kinds[q] == "end"), p)
    of = c.texts[after] if c.kinds[after] == "N" and after > p else "E"
    stop = c.end_of_equation()
    whole = c.kinds[p - 1] == "=" and p - c.first == 2 and c.kinds[c.first] == "N" and after >= stop - 1
    line = f"{c.texts[c.first]}_{_subscript(shown)} = " if whole and _subscript(shown) else ""
    return f"write it entry by entry: {line}δ{shown}, or {line}∂{of}/∂{shown}"


def _once(c: Cursor, p: int) -> str:
    """The letters that stand once after the ``=`` that follows ``p``."""
    stop = c.end_of_equation()
    start = next((q for q in range(p, stop) if c.kinds[q] == "="), stop)
    letters = c.indices_between(start, stop)[0]
    return "".join(i for i in dict.fromkeys(letters) if letters.count(i) == 1 and len(i) == 1)


def _subscript(text: str) -> str:
    m = re.search(r"_\{?([^\W\d_]+)\}?$", text)
    return m[1] if m else ""
