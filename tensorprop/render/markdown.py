"""Markdown pages with live formulas: a fenced block of equations is replaced by what it comes to.

In: a page, and a function that answers a request. Out: the page with every answer filled in. A fresh request is a fence

    ```tensorprop explain wrt=W
    z_j = a_i W_ij + b_j
    ```

and afterwards the same lines in a comment, ``<!-- tensorprop explain wrt=W … -->``, the answer, and the comment
``<!-- /tensorprop -->``; so the page can be filled again, and filling it twice changes nothing. Fences of other
languages are left alone, with all that stands in them. What a request means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tensorprop.errors import TensorpropError, UnexpectedEnd, UsageError

__all__ = ["Request", "fill", "requests"]

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})\s*(.*)$")
_OPEN = re.compile(r"^<!-- tensorprop(?:\s+(.*))?$")
_CLOSE = "<!-- /tensorprop -->"


@dataclass(frozen=True)
class Request:
    """``verb`` with its ``options``, the equations, and the line of the page (from 1) where they begin."""

    verb: str
    options: dict[str, str]
    text: str
    line: int
    words: str

    def only(self, *known: str) -> dict[str, str]:
        """The options. Errors: UsageError for one that the verb does not have."""
        for name in self.options:
            if name not in known:
                raise UsageError(
                    f"{self.verb} has no option {name}",
                    known=f"options: {', '.join(known)}" if known else "it has none",
                )
        return self.options


@dataclass(frozen=True)
class _Stretch:
    """A stretch of the page: plain lines, or a request."""

    lines: tuple[str, ...] = ()
    request: Request | None = None


def fill(page: str, answer: Callable[[Request], str]) -> str:
    """The page with every request answered.

    Errors: whatever ``answer`` raises, with the page's line in front; UnexpectedEnd for a request without its end.

    >>> print(fill("See\\n\\n```tensorprop\\ny = x\\n```\\n", lambda r: f"[{r.text}]"))
    See
    <BLANKLINE>
    <!-- tensorprop
    y = x
    -->
    [y = x]
    <!-- /tensorprop -->
    <BLANKLINE>
    """
    out: list[str] = []
    for piece in _pieces(page):
        r = piece.request
        if r is None:
            out += piece.lines
            continue
        try:
            answered = answer(r).strip("\n")
        except TensorpropError as error:
            error.problem = f"line {r.line} of the page: {error.problem}"
            raise
        head = f"<!-- tensorprop {r.words}".rstrip()
        out += [head, *r.text.replace("-->", "--\\>").split("\n"), "-->", *answered.split("\n"), _CLOSE]
    return "\n".join(out)


def requests(page: str) -> list[Request]:
    """The requests of a page, fresh ones and answered ones."""
    return [p.request for p in _pieces(page) if p.request is not None]


def _pieces(page: str) -> Iterator[_Stretch]:
    lines = page.split("\n")
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        comment = _OPEN.match(lines[at])
        if fence:
            end = _fence_end(lines, at, fence[2])
            words = fence[3].split()
            if words and words[0] == "tensorprop":
                if end is None:
                    raise UnexpectedEnd(f"line {at + 1} of the page: this block is never closed")
                yield _Stretch(request=_request(fence[3].partition("tensorprop")[2], lines[at + 1 : end], at + 2))
            else:
                end = len(lines) - 1 if end is None else end
                yield _Stretch(lines=tuple(lines[at : end + 1]))
            at = end + 1
        elif comment:
            close = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == "-->"), None)
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == _CLOSE), None)
            if close is None or end is None or close > end:
                raise UnexpectedEnd(
                    f"line {at + 1} of the page: this comment has lost its end", fix=f"it ends with a line {_CLOSE}"
                )
            source = [line.replace("--\\>", "-->") for line in lines[at + 1 : close]]
            yield _Stretch(request=_request(comment[1] or "", source, at + 2))
            at = end + 1
        else:
            yield _Stretch(lines=(lines[at],))
            at += 1


def _fence_end(lines: list[str], at: int, mark: str) -> int | None:
    for n in range(at + 1, len(lines)):
        m = _FENCE.match(lines[n])
        if m and m[2][0] == mark[0] and len(m[2]) >= len(mark) and not m[3]:
            return n
    return None


def _request(words: str, lines: list[str], line: int) -> Request:
    """``explain wrt=W,b detail=short`` and what stands below."""
    options: dict[str, str] = {}
    verb = ""
    for word in re.findall(r"""\w+="[^"]*"|\S+""", words):
        name, equals, value = word.partition("=")
        if equals:
            options[name] = value.strip('"')
        elif verb:
            raise UsageError(
                f"line {line - 1} of the page: {verb} and {word} are two verbs", fix="write options as name=value"
            )
        else:
            verb = word
    return Request(verb or "formula", options, "\n".join(lines), line, words.strip())
