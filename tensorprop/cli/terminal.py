"""What a terminal can show: Unicode or ASCII, colours or none, so many columns, and a line that tells of progress.

In: text. Out: the same text as the terminal can show it. What the text is about is not known here, but for the few
words that are painted: a verdict at the end of a line, carets, the name of an error, a heading.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from tensorprop.errors import TensorpropError

__all__ = ["columns", "in_colour", "is_ascii", "painted", "progress", "told", "write"]

_SLOW = 2.0  # seconds after which a terminal is told what goes on
_TICK = 0.5

# What is painted, and how: the first group of the pattern.
_PAINT: tuple[tuple[re.Pattern[str], dict[str, Any]], ...] = (
    (re.compile(r"(?m)^( *\^[\^ ]*)$"), {"fg": "red", "bold": True}),
    (re.compile(r"(?m)^([A-Z][A-Za-z]+)(?=: )"), {"fg": "red", "bold": True}),
    (re.compile(r"(?m)\b(WRONG)\b"), {"fg": "red", "bold": True}),
    (re.compile(r"(?m)  (proved|derived|right)$"), {"fg": "green"}),
    (re.compile(r"(?m)  (undecided|equal on \d+ samples, not proved)$"), {"fg": "yellow"}),
    (re.compile(r"(?m)^(.+)(?=\n[─-]{3,}$)"), {"bold": True}),
)


def is_ascii(stream: Any = None) -> bool:
    """Whether standard output (or another stream) cannot show the notation."""
    try:
        "δΣ∂′≤·".encode(getattr(stream or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def in_colour(stream: Any = None) -> bool:
    """Whether a stream takes colours: a terminal, where NO_COLOR does not forbid it; FORCE_COLOR asks for them."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and _is_terminal(stream or sys.stdout)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def columns() -> int:
    """How wide a page may be: as the terminal, from 40 to 100 columns; 100 where there is none."""
    return max(40, min(100, shutil.get_terminal_size((100, 24)).columns))


def painted(text: str) -> str:
    """The text with verdicts, carets, names of errors and headings in colour."""
    for pattern, how in _PAINT:
        text = pattern.sub(lambda m, how=how: m[0].replace(m[1], click.style(m[1], **how), 1), text)
    return text


def write(text: str, err: bool = False, paint: bool = False) -> None:
    """Print what the terminal can show; what it cannot is escaped, never a crash."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "ascii"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    colour = paint and in_colour(stream)
    click.echo(painted(text) if colour else text, err=err, color=colour)


def told(text: str) -> None:
    """Print a page, in ASCII where the terminal has no more."""
    write(_plain(text) if is_ascii() else text, paint=True)


def _plain(text: str) -> str:
    from tensorprop.check.report import plain

    return "\n".join(map(plain, text.split("\n")))


def in_ascii(error: TensorpropError) -> TensorpropError:
    """The same error in ASCII, its caret still under the same place."""
    from tensorprop.check.report import plain

    error.problem = plain(error.problem)
    error.known, error.fix = error.known and plain(error.known), error.fix and plain(error.fix)
    if error.text is not None:
        if error.span is not None:
            start, end = (len(plain(error.text[:place])) for place in error.span)
            error.span = start, end
        error.text = _plain(error.text)
    return error


@contextmanager
def progress(doing: str) -> Iterator[list[str]]:
    """While the body runs: a terminal is told on standard error what goes on, once it has taken over two seconds.

    The body may put what it is about in place of ``doing``: ``words[0] = "3 of 12: Dense"``. The line is wiped away.
    """
    words = [doing]
    if not _is_terminal(sys.stderr):
        yield words
        return
    done = threading.Event()
    thread = threading.Thread(target=_tell, args=(words, done), daemon=True)
    thread.start()
    try:
        yield words
    finally:
        done.set()
        thread.join()


def _tell(words: list[str], done: threading.Event) -> None:
    waited = _SLOW
    if done.wait(_SLOW):
        return
    while True:
        line = f"{words[0]} ({waited:.0f} s)"[: columns() - 1]
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
        if done.wait(_TICK):
            break
        waited += _TICK
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
