"""Markdown with live formulas: a fenced block of equations is replaced by what it comes to.

In: a page, and a function that answers a request. Out: the page with every answer filled in. A fresh request is a fence

    ```tensorprop explain wrt=W
    z_j = a_i W_ij
    ```

and afterwards the same lines in a comment, ``<!-- tensorprop explain wrt=W … -->``, the answer, and the comment
``<!-- /tensorprop -->``; so the page can be filled again, and filling it twice changes nothing. It may stand in lists,
quotes and admonitions. In a line, `` `tensorprop: δW_ij = a_i δz_j` `` becomes ``<!-- tensorprop: … -->$…$<!-- / -->``.
MyST's fence with ``{tensorprop}``, and its role, are answered by Sphinx: they are read, and stay as they are. Fences of
other languages are left alone, with all that stands in them. What a request means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from tensorprop.errors import TensorpropError, UnexpectedEnd
from tensorprop.pages.request import Request, Stretch, Wrong, answered, asked, inline_requests, options_above

__all__ = ["fill", "filled", "pieces", "requests"]

_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,}|:{3,}(?=\{tensorprop\}))\s*(.*)$")
_OPEN = re.compile(r" {0,3}<!-- tensorprop(?:\s+(?P<words>[^:]*?))?$")
_CLOSE = "<!-- /tensorprop -->"
_LIVE = re.compile(r"\{tensorprop\}\s*(.*)$")
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?: +|$)")
_BOX = re.compile(r" {0,3}(?:!!!|\?\?\?\+?|===\+?|///)\s")  # an admonition, whose lines stand four columns in
_FRESH_INLINE = re.compile(r"(?<![`\\])`tensorprop(?P<words>(?: [\w-]+(?:=[^\s:`]+)?)*): (?P<text>[^`]+)`(?!`)")
_OLD_INLINE = re.compile(r"<!-- tensorprop(?P<words>(?: [^:<>]*)?): (?P<text>.*?) -->\$.*?\$<!-- / -->")
_ROLE = re.compile(r"\{tensorprop\}`(?P<words>)(?P<text>[^`]+)`")
_SPAN = re.compile(r"(`{2,}).*?\1")

Answer = Callable[[Request], str]


def fill(page: str, answer: Answer) -> str:
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
    out, wrong = filled(page, answer)
    for line, error in wrong:
        error.problem = f"line {line} of the page: {error.problem}"
        raise error
    return out


def filled(page: str, answer: Answer, bare: bool = False) -> tuple[str, Wrong]:
    """The page with every request answered that can be, and what is wrong with the others, by line.

    ``bare``: the answers stand alone, without their sources, and live requests are answered too.
    """

    def put(piece: Stretch, request: Request) -> Iterable[str]:
        told = answer(request).strip("\n")
        if bare:
            return [(piece.rest if n else piece.first) + line for n, line in enumerate(told.split("\n"))]
        return piece.lines if piece.live else _put(piece, request, told)

    return answered(pieces(page), put, lambda line, number, wrong: _in_line(line, number, answer, bare, wrong))


def requests(page: str) -> list[Request]:
    """The requests of a page, fresh ones and answered ones. Errors: those of a request that cannot be read."""
    out: list[Request] = []
    for p in pieces(page):
        if p.wrong is not None:
            p.wrong.problem = f"line {p.line} of the page: {p.wrong.problem}"
            raise p.wrong
        if p.request is not None:
            out.append(p.request)
    return out


def _put(piece: Stretch, r: Request, told: str) -> list[str]:
    """The source in a comment, and the answer below, within the marks of lists and quotes."""
    head = f"<!-- tensorprop {r.words}".rstrip()
    lines = [head, *r.text.replace("-->", "--\\>").split("\n"), "-->", *told.split("\n"), _CLOSE]
    return [(piece.rest if n else piece.first) + line if line else piece.rest.rstrip() for n, line in enumerate(lines)]


def _in_line(line: str, number: int, answer: Answer, bare: bool, wrong: Wrong) -> str:
    """A line of prose, every formula in it filled in."""
    if "tensorprop" not in line:
        return line
    spans = [m.span() for m in _SPAN.finditer(line)]
    for pattern in (_OLD_INLINE, _FRESH_INLINE, _ROLE):
        out, at = "", 0
        for m, r in inline_requests(pattern.finditer(line), number):
            if any(a <= m.start() < b for a, b in spans):
                continue
            try:
                told = answer(r).strip()
            except TensorpropError as error:
                wrong.append((number, error))
                continue
            words = f" {r.words}" if r.words else ""
            if bare or pattern is not _ROLE:
                shown = told if bare else f"<!-- tensorprop{words}: {r.text} -->{told}<!-- / -->"
                out += line[at : m.start()] + shown
                at = m.end()
        line = out + line[at:]
        spans = [m.span() for p in (_SPAN, _OLD_INLINE) for m in p.finditer(line)]
    return line


# --------------------------------------------------------------------------- where requests stand
class _Place:
    """The lists, quotes and admonitions that are open at a line; each is a quote, or a column where its lines begin."""

    def __init__(self) -> None:
        self.open: list[int | None] = []

    def enter(self, line: str) -> int:
        """Where a line's own text begins; what it closes and opens is noted."""
        at, kept = 0, 0
        for column in self.open:
            m = _QUOTE.match(line, at) if column is None else None
            if m:
                at = m.end()
            elif column is not None and not line[at:].strip():
                at = min(column, len(line))
            elif column is not None and line[at:column].isspace() and len(line) >= column:
                at = column
            else:
                break
            kept += 1
        del self.open[kept:]
        while True:
            if m := _QUOTE.match(line, at):
                self.open.append(None)
            elif m := _ITEM.match(line, at):
                self.open.append(m.end() if m[0].endswith(" ") else m.end() + 1)
            else:
                break
            at = m.end()
        if m := _BOX.match(line, at):
            self.open.append(at + len(m[0]) - len(m[0].lstrip()) + 4)
        return at


def _stripped(line: str, rest: str) -> str | None:
    """A further line of a block without the marks before it; None where it has lost them."""
    if line.startswith(rest):
        return line[len(rest) :]
    if line.rstrip() == rest.rstrip():
        return ""
    return None if ">" in rest else line.lstrip() if line[: len(rest)].isspace() or not rest.strip() else None


def pieces(page: str) -> Iterator[Stretch]:
    """The page, cut at its requests."""
    lines = page.split("\n")
    place = _Place()
    at = 0
    while at < len(lines):
        begin = place.enter(lines[at])
        own = lines[at][begin:]
        rest = re.sub(r"[^>]", " ", lines[at][:begin])
        fence, comment = _FENCE.match(own), _OPEN.match(own)
        if fence:
            inside, end = _inside(lines, at, rest, lambda x, f=fence: _closes(x, f[2]))
            piece = _of_fence(lines, at, begin, rest, fence, inside, end)
        elif comment:
            inside, end = _inside(lines, at, rest, lambda x: x.strip() == _CLOSE)
            piece = _of_comment(lines, at, begin, rest, comment, inside, end)
        else:
            piece = Stretch((lines[at],), at + 1)
        yield piece
        at += len(piece.lines)


def _inside(lines: list[str], at: int, rest: str, closes: Callable[[str], bool]) -> tuple[list[str], int | None]:
    """The lines of a block that begins at a line, and the line that closes it, if one does."""
    inside: list[str] = []
    for n in range(at + 1, len(lines)):
        line = _stripped(lines[n], rest)
        if line is None:
            break
        if closes(line):
            return inside, n
        inside.append(line)
    return inside, None


def _closes(line: str, mark: str) -> bool:
    m = re.fullmatch(r" {0,3}(`{3,}|~{3,}|:{3,})\s*", line)
    return m is not None and m[1][0] == mark[0] and len(m[1]) >= len(mark)


def _of_fence(
    lines: list[str], at: int, begin: int, rest: str, fence: re.Match[str], inside: list[str], end: int | None
) -> Stretch:
    """What a fence is: a request, a live one, or a block of something else."""
    live = _LIVE.match(fence[3])
    words = fence[3].split()
    mine = live is not None or words[:1] == ["tensorprop"]
    last = (at + len(inside) if end is None else end) + 1
    whole = tuple(lines[at : last if end is not None or not mine else at + 1])
    if not mine:
        return Stretch(whole, at + 1, live=True)
    if end is None:
        return Stretch(whole, at + 1, wrong=UnexpectedEnd("this block is never closed"))
    try:
        if live is not None:
            options, body, above = options_above(inside)
            r = asked(f"{live[1]} {options}", body, at + 2 + above)
        else:
            r = asked(fence[3].partition("tensorprop")[2], [_undented(x, len(fence[1])) for x in inside], at + 2)
    except TensorpropError as error:
        return Stretch(whole, at + 1, wrong=error)
    return Stretch(whole, at + 1, r, lines[at][:begin] + fence[1], rest + fence[1], live is not None)


def _of_comment(
    lines: list[str], at: int, begin: int, rest: str, comment: re.Match[str], inside: list[str], end: int | None
) -> Stretch:
    """A request that was answered before."""
    close = next((n for n, line in enumerate(inside) if line.strip() == "-->"), None)
    if end is None or close is None:
        lost = UnexpectedEnd("this comment has lost its end", fix=f"it ends with a line {_CLOSE}")
        return Stretch((lines[at],), at + 1, wrong=lost)
    whole = tuple(lines[at : end + 1])
    source = [line.replace("--\\>", "-->") for line in inside[:close]]
    try:
        r = asked(comment["words"] or "", source, at + 2)
    except TensorpropError as error:
        return Stretch(whole, at + 1, wrong=error)
    return Stretch(whole, at + 1, r, lines[at][:begin], rest)


def _undented(line: str, indent: int) -> str:
    """A line of a fence that itself stands some columns in."""
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]
