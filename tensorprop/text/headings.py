"""Pages that are told in a text under headings, ``Dense(a; W, b):`` with indented lines below.

In: a text. Out: the headings with what stands below them, and the text with blank lines in their place. What the lines
mean is not known here.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import NamedTuple

from tensorprop.errors import DuplicateDefinition, UnknownName, UsageError

__all__ = ["PageHeading", "headings"]

_NAMES = r"(?:[^();]|\^\([^()]*\))*"
_LINE = re.compile(
    r"(?P<indent>[ \t]*)(?P<name>\w+)"
    rf"(?:\((?P<takes>{_NAMES})(?:;(?P<learnt>{_NAMES}))?\)|(?P<later>[ \t]+at[ \t]+inference)):[ \t]*(?:#.*)?\n?"
)


class PageHeading(NamedTuple):
    """A page under a heading: its name, what it takes and learns, its text, that for inference, and where it stands."""

    name: str
    takes: tuple[str, ...]
    learnt: tuple[str, ...]
    body: str
    inference: str | None
    span: tuple[int, int]


def headings(text: str) -> tuple[list[PageHeading], str]:
    """The pages told in a text, and the rest of it.

    Errors: UsageError for a heading with nothing below, DuplicateDefinition, UnknownName.

    >>> found, rest = headings("Twice(x):\\n    y_i = 2 x_i\\nz = Twice(a)")
    >>> found[0].name, found[0].body, rest.strip()
    ('Twice', 'y_i = 2 x_i', 'z = Twice(a)')
    """
    found: dict[str, PageHeading] = {}
    rest, at = "", 0
    lines = text.splitlines(keepends=True)
    n = 0
    while n < len(lines):
        hit = _LINE.fullmatch(lines[n])
        end = n + 1
        if hit is None:
            rest += lines[n]
        else:
            while end < len(lines) and (not lines[end].strip() or _deeper(lines[end], hit["indent"])):
                end += 1
            span = at + hit.start("name"), at + len(lines[n].rstrip())
            body = dedent("".join(lines[n + 1 : end])).strip("\n")
            _add(found, hit, body, text, span)
            rest += "".join(" " * len(line.rstrip("\r\n")) + line[len(line.rstrip("\r\n")) :] for line in lines[n:end])
        at += sum(map(len, lines[n:end]))
        n = end
    return list(found.values()), rest


def _deeper(line: str, indent: str) -> bool:
    own = line[: len(line) - len(line.lstrip())]
    return len(own) > len(indent)


def _add(found: dict[str, PageHeading], hit: re.Match[str], body: str, text: str, span: tuple[int, int]) -> None:
    """One heading more."""
    name = hit["name"]
    if not body:
        raise UsageError(f"nothing stands below {name}", text, span, fix="write its lines below, indented")
    if hit["later"]:
        if name not in found:
            raise UnknownName(f"no page {name} stands above", text, span, fix=f"write {name}(…): and its lines first")
        found[name] = found[name]._replace(inference=body)
        return
    if name in found:
        raise DuplicateDefinition(f"{name} is told twice", text, span, fix="give one another name")
    found[name] = PageHeading(name, _names(hit["takes"]), _names(hit["learnt"] or ""), body, None, span)


def _names(said: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, said.split(","))))
