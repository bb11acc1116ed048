"""What a page asks for: a verb with its options, and equations.

In: the words of a request, ``explain wrt=W,b detail=short``, and the lines below. Out: a `Request`. Which verbs there
are is not known here, nor in what kind of page a request stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tensorprop.errors import TensorpropError, UsageError, among

__all__ = ["Request", "Stretch", "Wrong", "answered", "asked", "inline_requests", "options_above"]

_WORD = re.compile(r"""[\w-]+=(?:"[^"]*"|'[^']*'|\S*)|\S+""")


@dataclass(frozen=True)
class Request:
    """``verb`` with its ``options``, the equations, and the line of the page (from 1) where they begin.

    ``words`` are verb and options as they were written; ``inline``, whether it stands in a line of prose.
    """

    verb: str
    options: dict[str, str]
    text: str
    line: int
    words: str = ""
    inline: bool = False

    def only(self, *known: str) -> dict[str, str]:
        """The options. Errors: UsageError for one that the verb does not have."""
        for name in self.options:
            if name not in known:
                told = among(name, known, "options") if known else {"known": "it has none", "fix": None}
                raise UsageError(f"{self.verb} has no option {name}", known=told["known"], fix=told["fix"])
        return self.options


@dataclass(frozen=True)
class Stretch:
    """A stretch of a page: its lines, and the request that stands there, if any.

    ``first`` and ``rest`` go before the first and every further line of what is filled in (the marks of lists and
    quotes). What is ``live`` stays: a request that is
    answered by whoever builds the page, or a block that is no prose. ``wrong`` is what is wrong with it.
    """

    lines: tuple[str, ...]
    line: int
    request: Request | None = None
    first: str = ""
    rest: str = ""
    live: bool = False
    wrong: TensorpropError | None = field(default=None, compare=False)


Wrong = list[tuple[int, TensorpropError]]
"""What is wrong on a page, by line."""


def answered(
    page: Iterable[Stretch],
    put: Callable[[Stretch, Request], Iterable[str]],
    prose: Callable[[str, int, Wrong], str],
) -> tuple[str, Wrong]:
    """The page, in every request's place the lines that ``put`` gives and in that of every other line ``prose``.

    What raises stays as it is, and is told.
    """
    out: list[str] = []
    wrong: Wrong = []
    for piece in page:
        lines: Iterable[str] = piece.lines
        try:
            if piece.wrong is not None:
                raise piece.wrong
            if piece.request is not None:
                lines = put(piece, piece.request)
            elif not piece.live:
                lines = [prose(line, piece.line + n, wrong) for n, line in enumerate(piece.lines)]
        except TensorpropError as error:
            wrong.append((piece.request.line if piece.request else piece.line, error))
        out += lines
    return "\n".join(out), wrong


def asked(words: str, lines: Sequence[str], line: int, *, inline: bool = False) -> Request:
    """The request of these words, with the equations below, which begin at this line.

    >>> r = asked('explain wrt=W,b attempt="δW = δz aᵀ"', ["z_j = a_i W_ij"], 2)
    >>> r.verb, r.options
    ('explain', {'wrt': 'W,b', 'attempt': 'δW = δz aᵀ'})

    Errors: UsageError for two verbs.
    """
    options: dict[str, str] = {}
    verb = ""
    for word in _WORD.findall(words):
        name, equals, value = word.partition("=")
        if equals:
            options[name] = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
        elif verb:
            raise UsageError(f"{verb} and {word} are two verbs", fix="write options as name=value")
        else:
            verb = word
    return Request(verb or "formula", options, "\n".join(lines), line, words.strip(), inline)


_OPTION = re.compile(r"\s*:([\w-]+):\s*(.*?)\s*$")


def options_above(lines: Sequence[str]) -> tuple[str, list[str], int]:
    """The lines ``:wrt: W`` above a directive's equations, as words; the equations; how many lines are above them.

    >>> options_above([":wrt: W b", "", "z_j = a_i W_ij"])
    ('wrt="W b"', ['z_j = a_i W_ij'], 2)
    """
    words: list[str] = []
    at = 0
    while at < len(lines) and (m := _OPTION.match(lines[at])):
        words.append(f'{m[1]}="{m[2]}"')
        at += 1
    while at < len(lines) and not lines[at].strip():
        at += 1
    return " ".join(words), list(lines[at:]), at


def inline_requests(found: Iterator[re.Match[str]], line: int) -> Iterator[tuple[re.Match[str], Request]]:
    """The requests in a line of prose; a match's groups are verb with options, and equation."""
    for m in found:
        yield m, asked(m["words"] or "", [m["text"].strip()], line, inline=True)
