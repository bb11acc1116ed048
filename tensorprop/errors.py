"""Every error that a user can cause, the drawing of the caret, and where a traceback ends.

In: what went wrong, the text and the span where it did, what is known there, how to mend it.
Out: an exception whose text teaches, and whose traceback ends at the line that called the library. This is the only
place where a caret is drawn. This file knows nothing of expressions.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, NoReturn, TypedDict, TypeVar, cast

__all__ = ["TensorpropError", "public"]

_WINDOW = 96  # columns of a long line that are shown around the caret


class TensorpropError(Exception):
    """What went wrong, where, what is known, and what to do.

    ``problem`` is one sentence. ``text`` and ``span`` (half open, in characters of ``text``) say where;
    ``known`` is a line of facts; ``fix`` says what to write instead.

    >>> print(UnexpectedChar("\\"==\\" is not an equation sign", "z_j == a_j", (4, 6), fix='write one "="'))
    UnexpectedChar: "==" is not an equation sign
      z_j == a_j
          ^^
      write one "="
    """

    def __init__(
        self,
        problem: str,
        text: str | None = None,
        span: tuple[int, int] | None = None,
        *,
        known: str | None = None,
        fix: str | None = None,
        about: object = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.text = text
        self.span = span
        self.known = known
        self.fix = fix
        self.about = about  # the node or the equation that is meant, for whoever knows where it was written

    @property
    def kind(self) -> str:
        """The name of the error's class, as the first word of its message."""
        return type(self).__name__

    def at(self, text: str, span: tuple[int, int]) -> TensorpropError:
        """The same error with its place, for a caller that knows the text; returned, to be raised."""
        if self.text is None:
            self.text, self.span = text, span
        return self

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.problem}"]
        if self.text is not None:
            lines += _quote(self.text, self.span)
        lines += [f"  {line}" for part in (self.known, self.fix) if part for line in part.split("\n")]
        return "\n".join(lines)

    def __init_subclass__(cls) -> None:
        """In a traceback the kind stands once, in the message: what is in front of it is ``tensorprop.errors``."""
        super().__init_subclass__()
        if cls.__module__ == __name__:
            cls.__module__, cls.__qualname__ = __name__.split(".", 1)

    def __reduce__(self) -> tuple[object, ...]:
        cls = self.kind if globals().get(self.kind) is type(self) else type(self)
        return (_rebuild, (cls, self.problem, self.text, self.span, self.known, self.fix))

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the frames of whoever called, and the message with its kind once."""
        from traceback import format_exception

        tb = self.__traceback__
        while tb is not None and tb.tb_frame.f_globals.get("__name__", "").split(".")[0] in ("IPython", "ipykernel"):
            tb = tb.tb_next
        return "".join(format_exception(type(self), self, tb)).rstrip().split("\n")


def _rebuild(
    kind: str | type[TensorpropError],
    problem: str,
    text: str | None,
    span: tuple[int, int] | None,
    known: str | None,
    fix: str | None,
) -> TensorpropError:
    cls = globals()[kind] if isinstance(kind, str) else kind
    return cls(problem, text, span, known=known, fix=fix)


# --------------------------------------------------------------------------- where a traceback ends
F = TypeVar("F", bound=Callable[..., Any])


def public(call: F) -> F:
    """The same callable; an error that a user caused ends its traceback at the line that called it.

    With TENSORPROP_TRACEBACK=1 in the environment the frames of the library stay.
    """

    @wraps(call)
    def called(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        try:
            return call(*args, **options)
        except TensorpropError as error:
            if os.environ.get("TENSORPROP_TRACEBACK"):
                raise
            caught = error
        caught.__cause__, caught.__suppress_context__ = None, True
        caught.__notes__ = [note for note in getattr(caught, "__notes__", ()) if "JAX_TRACEBACK_FILTERING" not in note]
        if sys.version_info < (3, 12):
            raise caught.with_traceback(None)
        return _Cut(caught), _thrown(caught)

    return cast("F", called)


def callers_level() -> int:
    """The ``stacklevel`` with which a warning of whoever calls this is told at the line that called the library."""
    level, frame = 1, sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == __name__.split(".")[0]:
        level, frame = level + 1, frame.f_back
    return level


def _thrown(error: TensorpropError) -> NoReturn:
    __tracebackhide__ = True
    raise error.with_traceback(None)


class _Cut:
    """Lies on the stack while an error leaves the last frame of the library, and takes that frame with it."""

    __slots__ = ("error",)

    def __init__(self, error: TensorpropError) -> None:
        self.error = error

    def __del__(self) -> None:
        self.error.__traceback__ = None


def _quote(text: str, span: tuple[int, int] | None) -> list[str]:
    """The line of ``text`` that holds the span, and a caret line under it."""
    if span is None:
        return [f"  {_shown(line)[:_WINDOW]}" for line in text.split("\n")[:12]]
    start, end = max(0, min(span[0], len(text))), max(0, min(span[1], len(text)))
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    end = max(start, min(end, last))
    left = first if start - first < _WINDOW else start - _WINDOW // 2
    right = min(last, max(left + _WINDOW, end))
    right = min(right, left + 2 * _WINDOW)
    head, mark, tail = text[left:start], text[start : min(end, right)], text[end:right]
    dots = "…" if left > first else ""
    more = "…" if right < last else ""
    line = dots + _shown(head) + _shown(mark) + _shown(tail) + more
    caret = " " * _width(dots + _shown(head)) + "^" * max(1, _width(_shown(mark)))
    return [f"  {line}", f"  {caret}"]


def _shown(text: str) -> str:
    """Control characters made visible: a NUL prints as ``<U+0000>``."""
    return "".join(f"<U+{ord(c):04X}>" if _is_control(c) else c for c in text)


def _is_control(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and c != "\n"


def _width(text: str) -> int:
    """Columns that a terminal uses: combining marks take none, wide characters two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def near(name: str, known: Sequence[str]) -> list[str]:
    """The known names that ``name`` was probably meant to be, best first.

    >>> near("gelux", ["exp", "gelu", "relu"])
    ['gelu']
    """
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=3, cutoff=0.7)


class Among(TypedDict):
    """What is known, and which of it was probably meant: two parts of an error."""

    known: str
    fix: str | None


def among(name: str, known: Iterable[str], called: str = "known") -> Among:
    """The parts of an error that says that ``name`` is none of those that are ``known``.

    >>> among("gelux", ["exp", "gelu"], "functions")
    {'known': 'functions: exp, gelu', 'fix': 'did you mean gelu?'}
    """
    names = list(known)
    return {"known": f"{called}: {', '.join(names) or 'none'}", "fix": meant(name, names)}


def meant(name: str, known: Iterable[str], before: str = "") -> str | None:
    """The question which of the known names was meant, ``before`` in front of it; None where none is near."""
    close = near(name, list(known))
    return f"did you mean {before}{close[0]}?" if close else None


# --------------------------------------------------------------------------- characters and syntax
class ParseError(TensorpropError):
    """The text is not in the notation."""


class UnexpectedChar(ParseError):
    """A character or sign that the notation does not have, or not at this place."""


class UnexpectedEnd(ParseError):
    """The text ends where something is still needed."""


class UnbalancedBracket(ParseError):
    """A bracket without its partner."""


class MissingIndex(ParseError):
    """An underscore or a reduction with no index after it."""


class ConfusableChar(ParseError):
    """A letter that looks like another one (Cyrillic і for Latin i)."""


class ControlChar(ParseError):
    """An invisible or control character."""


class UnsafeName(ParseError):
    """A name with a character that no name has."""


class ForbiddenName(ParseError):
    """A name that is reserved, such as one that starts with two underscores."""


class AmbiguousNotation(ParseError):
    """The text has two readings; both are spelled out."""


class EmptySpec(ParseError):
    """There is nothing to read."""


class BadArrow(ParseError):
    """The arrow of an einsum spec is missing, doubled, broken or reversed."""


class EmptyOperand(ParseError):
    """A comma of an einsum spec with no operand beside it."""


class OperandCount(ParseError):
    """An einsum spec with more or fewer places than operands or names."""


class InvalidEllipsis(ParseError):
    """Dots that are not one ellipsis ``...``."""


class RepeatedOutputIndex(ParseError):
    """An index that stands twice on the left side or in an einsum's output."""


class UnknownFunction(ParseError):
    """A function that is not known and whose name is too near a known one to be left open."""


# --------------------------------------------------------------------------- limits
class LimitExceeded(ParseError):
    """The input is larger than the limits allow."""


class SpecTooLong(LimitExceeded):
    """Too many characters."""


class NestedTooDeep(LimitExceeded):
    """Too many brackets inside one another."""


class NumberTooLarge(LimitExceeded):
    """A number or an exponent whose digits would fill the memory."""


class PlanTooLarge(TensorpropError):
    """A result or an intermediate that cannot fit in memory."""


# --------------------------------------------------------------------------- indices and names
class IndexMismatch(TensorpropError):
    """The indices of the two sides, or of a term, do not fit."""


class FreeIndexMismatch(IndexMismatch):
    """A term has an index that is neither summed nor on the left, or lacks one."""


class BoundIndexEscapes(IndexMismatch):
    """An index that is summed away is used outside its sum."""


class AmbiguousSum(FreeIndexMismatch):
    """An index whose sum has two readings."""


class UnknownRange(IndexMismatch):
    """An index whose range no tensor tells."""


class RankMismatch(TensorpropError):
    """One tensor with two numbers of axes."""


class NameConflict(TensorpropError):
    """A name used for two different things."""


class UnknownName(TensorpropError):
    """A name that nothing has here."""


class DuplicateDefinition(TensorpropError):
    """A tensor that two equations define."""


class CircularDefinition(TensorpropError):
    """Tensors that are defined by one another."""


# --------------------------------------------------------------------------- arrays
class MissingInput(TensorpropError):
    """An array that the equations need was not given."""


class SizeMismatch(TensorpropError):
    """One index with two sizes."""


class SizeOneBroadcast(SizeMismatch):
    """An axis of size 1 that stands in for a larger one."""


class OutOfRange(TensorpropError):
    """A subscript outside its axis."""


class NotSorted(TensorpropError):
    """Entries that are said to be sorted, and fall."""


class NotFinite(TensorpropError):
    """A NaN, or an infinity that nobody put in."""


class NonNumericDtype(TensorpropError):
    """Something that is not an array of numbers."""


class IntegerOverflowRisk(NonNumericDtype):
    """Integers so narrow that a sum of products may overflow."""


class RaggedInput(NonNumericDtype):
    """Nested lists whose rows have different lengths."""


class ComplexConvention(TensorpropError):
    """A derivative of something complex."""


# --------------------------------------------------------------------------- what cannot be done
class NotDifferentiable(TensorpropError):
    """A derivative that the tables do not have."""


class OpenFunction(TensorpropError):
    """A function of which nothing says which one it is, where numbers are wanted."""


class NotElementwise(TensorpropError):
    """A function given for every entry that is no function of one entry."""


class NoMeaning(TensorpropError):
    """A row of a table that says neither a value nor what the function means."""


class UnreadableFunction(TensorpropError):
    """A JAX function in which something stands that index notation has no words for."""


class RuleMismatch(TensorpropError):
    """A hand-written rule that differs from the derived one."""


class UsageError(TensorpropError):
    """A verb called with arguments that do not fit."""
