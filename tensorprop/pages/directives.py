"""reStructuredText with live formulas: the directive, the role, and a comment that is answered below itself.

In: a page, and a function that answers a request. Out: the page with every answer filled in. The directive

    .. tensorprop:: explain
       :wrt: W

       z_j = a_i W_ij

and the role are answered by Sphinx: they are read, and stay as they are. Where nobody builds the page, a comment (or a
code block of the language tensorprop) is answered between itself and ``.. /tensorprop``:

    .. tensorprop explain wrt=W
       z_j = a_i W_ij

What a request means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from tensorprop.errors import TensorpropError, UnexpectedEnd
from tensorprop.pages.request import Request, Stretch, Wrong, answered, asked, inline_requests, options_above

__all__ = ["filled_rst"]

_HEAD = re.compile(
    r"(?P<indent>\s*)\.\. (?:(?P<live>tensorprop)::|code(?:-block)?:: tensorprop\b|tensorprop(?=\s|$))\s*(?P<words>.*)$"
)
_CLOSE = re.compile(r"\s*\.\. /tensorprop\s*$")
_ROLE = re.compile(r":tensorprop:`(?P<words>)(?P<text>[^`]+)`")


def filled_rst(page: str, answer: Callable[[Request], str]) -> tuple[str, Wrong]:
    """The page with every request answered that can be, and what is wrong with the others, by line.

    >>> print(filled_rst(".. tensorprop\\n   y = x\\n\\nmore", lambda r: f"[{r.text}]")[0])
    .. tensorprop
       y = x
    <BLANKLINE>
    [y = x]
    <BLANKLINE>
    .. /tensorprop
    <BLANKLINE>
    more
    """

    def put(piece: Stretch, request: Request) -> Iterable[str]:
        told = answer(request).strip("\n")
        return piece.lines if piece.live else _put(piece, request, told)

    def prose(line: str, number: int, wrong: Wrong) -> str:
        for _, request in inline_requests(_ROLE.finditer(line), number):
            try:
                answer(request)
            except TensorpropError as error:
                wrong.append((number, error))
        return line

    return answered(_pieces(page), put, prose)


def _put(piece: Stretch, r: Request, told: str) -> list[str]:
    source = [f"   {line}".rstrip() for line in r.text.split("\n")]
    lines = [f".. tensorprop {r.words}".rstrip(), *source, "", *told.split("\n"), "", ".. /tensorprop"]
    return [piece.first + line if line else "" for line in lines]


def _pieces(page: str) -> Iterator[Stretch]:
    """The page, cut at its requests."""
    lines = page.split("\n")
    at = 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head is None:
            yield Stretch((lines[at],), at + 1)
            at += 1
            continue
        piece = _request(lines, at, head)
        yield piece
        at += len(piece.lines)


def _request(lines: list[str], at: int, head: re.Match[str]) -> Stretch:
    """The request that begins at a line, with its answer where it has one."""
    wide = len(head["indent"])
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > wide):
        end += 1
    body = lines[at + 1 : end]
    while body and not body[-1].strip():
        body.pop()
    live = head["live"] is not None
    words, source, above = options_above(body)
    last = at + 1 + len(body)
    if not live and (close := _close(lines, last)) is not None:
        last = close + 1
    whole = tuple(lines[at:last])
    indent = min((len(x) - len(x.lstrip()) for x in source if x.strip()), default=0)
    if not source:
        return Stretch(
            whole, at + 1, wrong=UnexpectedEnd("no equations stand below", fix="indent them below this line")
        )
    try:
        r = asked(f"{head['words']} {words}", [x[indent:] for x in source], at + 2 + above)
    except TensorpropError as error:
        return Stretch(whole, at + 1, wrong=error)
    return Stretch(whole, at + 1, r, head["indent"], head["indent"], live)


def _close(lines: list[str], at: int) -> int | None:
    """The line that ends an answer, if one comes before the next request."""
    for n in range(at, len(lines)):
        if _CLOSE.match(lines[n]):
            return n
        if _HEAD.match(lines[n]):
            return None
    return None
