"""A cursor on the tokens, and what to say when they do not go on as they should.

In: tokens. Out: spans, limits, refusals. This file knows brackets and signs, but no grammar.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set as AbstractSet
from fractions import Fraction
from typing import NamedTuple, NoReturn

from tensorprop.core.expr import Index, Tensor
from tensorprop.errors import (
    NestedTooDeep,
    NumberTooLarge,
    TensorpropError,
    UnbalancedBracket,
    UnexpectedChar,
    UnexpectedEnd,
    UnsafeName,
)
from tensorprop.text.implied import Tree
from tensorprop.text.scan import Tokens

__all__ = ["MAX_DEPTH", "MAX_DIGITS", "MAX_OPERANDS", "MAX_POWER_OF_TEN", "RELATIONS", "Cursor", "Limit"]

MAX_DEPTH = 100
MAX_OPERANDS = 10_000
MAX_DIGITS = 100
MAX_POWER_OF_TEN = 5000

RELATIONS = frozenset(("=", "≠", "<", "≤", ">", "≥"))


class Limit(NamedTuple):
    """Limits of a sum: its letter, the last value, how they compare, the token after them.

    ``relation`` None: the letter runs over its axis, and ``last`` is the size of that.
    """

    letter: str
    last: str
    relation: str | None
    end: int


class Cursor(ABC):
    """A place in a token list. ``names``: tensors met so far; ``called``: functions, as they were spelled."""

    split: AbstractSet[str]  # names that have an underscore

    def __init__(self, tokens: Tokens) -> None:
        self.text: str = tokens.text
        self.kinds: list[str] = tokens.kinds
        self.texts: list[str] = tokens.texts
        self.starts: list[int] = tokens.starts
        self.ends: list[int] = tokens.ends
        self.p: int = 0
        self.depth: int = 0
        self.first: int = 0  # the first token of the equation that is being read
        self.in_bracket: bool = False
        self.entries: dict[str, tuple[Tensor, str] | None] = {}
        self.letters: dict[str, Index] = {}
        self.names: dict[str, int] = {}  # name → the token where it stands first
        self.called: dict[str, tuple[int, int]] = {}
        self.lines: list[tuple[str, str, Tree | str, tuple[int, int]]] = []  # what is stated of letters and tensors
        self.spans: dict[object, tuple[int, int]] | None = None
        self.marks: list[tuple[int, int]] = []  # where the subscripts stand that are being read
        self._relating: set[int] | None = None
        self._indices: tuple[int, frozenset[str], frozenset[str]] | None = None
        self.delta_is_tensor: bool = self._delta_defined()
        self.given: frozenset[str] = frozenset[str]()  # letters that are indices wherever they stand
        self.scalars: frozenset[str] = frozenset[str]()
        self.around: list[str] = []  # letters that are bound around what is being read
        self.placed: list[tuple[str, str, tuple[int, int]]] = []  # operator and letter of ``softmax_u(s_u)[t]``
        self.barred: bool = False  # between two ‖
        self.limits: dict[int, Limit] = {}  # of the sums of this equation that have limits
        self.counted: dict[str, str] = {}  # names that are sizes in this equation, and of which letter
        self.layers: frozenset[str] = frozenset[str]()  # names that are labels of layers in braces
        self.bare: list[tuple[str, tuple[int, int]]] = []  # names without subscripts outside brackets, in this equation
        self._tensors: frozenset[str] | None = None

    def _delta_defined(self) -> bool:
        """Whether some left side is δ with subscripts of its own."""
        if "δ" not in self.texts and not any(t.startswith(("δ_", "delta_")) or t == "delta" for t in self.texts):
            return False
        start = True
        for k, kind in enumerate(self.kinds):
            if start and kind in ("T", "N"):
                name = self.texts[k].partition("_")[0]
                after = self.kinds[k + 1]
                if name in ("δ", "delta") and (after != "^" if kind == "T" else after in ("s", "u", "[")):
                    return True
            start = kind == ";"
        return False

    def fail(
        self,
        kind: type[TensorpropError],
        problem: str,
        span: tuple[int, int],
        fix: str | None = None,
    ) -> NoReturn:
        """Refuse what stands at ``span``."""
        raise kind(problem, self.text, span, fix=fix)

    def unexpected(self, p: int, wanted: str, fix: str | None = None) -> NoReturn:
        """The token at ``p`` does not fit."""
        kind, span = self.kinds[p], (self.starts[p], self.ends[p])
        if kind in ("end", ";"):
            before = self.ends[p - 1] if p else 0
            last = self.texts[p - 1] if p else ""
            self.fail(
                UnexpectedEnd,
                f"{wanted}, and the {'text' if kind == 'end' else 'equation'} ends here",
                (before, before),
                fix or self._after(last),
            )
        if kind in (")", "]", "}"):
            opener = {")": "(", "]": "[", "}": "{"}[kind]
            if not self._opened(p, opener):
                self.fail(
                    UnbalancedBracket,
                    f'"{kind}" closes nothing',
                    span,
                    f'delete it, or write the "{opener}" that it belongs to',
                )
        if kind in ("<", ">"):
            self._angle(p)
        if kind in ("≤", "≥", "≠") and "=" in self.kinds[self.first : p]:
            self.compares(p)
        if kind in ("‖", "∇"):
            self.whole(p)
        token = self.text[span[0] : span[1]]
        self.fail(UnexpectedChar, f'"{token}" does not fit here: {wanted}', span, fix)

    def _after(self, last: str) -> str | None:
        return {
            "+": 'add the term, e.g. "+ b_j", or delete "+"',
            "-": 'add the term, e.g. "- b_j", or delete "-"',
            "/": 'add the divisor, or delete "/"',
            "*": "add the factor, or delete the sign",
            "^": 'add the exponent, e.g. "^2"',
            "=": "write the right side",
        }.get(last)

    def _opened(self, p: int, opener: str) -> bool:
        closer = {"(": ")", "[": "]", "{": "}"}[opener]
        level = 0
        for k in range(self.first, p):
            kind = self.kinds[k]
            if kind == opener or (opener == "{" and kind == "s" and self.texts[k] == "_{"):
                level += 1
            elif kind == closer:
                level -= 1
        return level > 0

    def _angle(self, p: int) -> NoReturn:
        """``<`` or ``>`` outside a bracket: in a name, or a comparison without its bracket."""
        span = (self.starts[p], self.ends[p])
        sign = self.text[span[0] : span[1]]
        left_side = "=" not in self.kinds[self.first : p]
        following, before = self.text[span[1] : span[1] + 1], self.text[span[0] - 1 : span[0]]
        if (
            len(sign) == 1
            and sign in "<>"
            and (left_side or following in ("/", "!") or (following.isalpha() and before.isalnum()))
        ):
            self.fail(UnsafeName, f'"{sign}" cannot be in a name', span, "use letters, digits and Greek letters")
        self.compares(p)

    def closing(self, p: int) -> int | None:
        """The token that closes the bracket at ``p``, in the same equation."""
        level = 0
        for q in range(p, len(self.kinds)):
            k = self.kinds[q]
            if k in ("(", "[", "{") or (k == "s" and self.texts[q] == "_{"):
                level += 1
            elif k in (")", "]", "}"):
                level -= 1
                if level == 0:
                    return q
            elif k in (";", "end"):
                return None
        return None

    def enter(self, p: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(
                NestedTooDeep,
                f"more than {MAX_DEPTH} levels inside one another",
                (self.starts[p], self.ends[p]),
                "name the inner part in an equation of its own",
            )

    def close(self, opener: int, closer: str) -> None:
        """Step over the bracket that closes the one at token ``opener``."""
        k = self.kinds[self.p]
        if k == closer:
            self.p += 1
            return
        if k == "=" and self.kinds[opener] == "(" and not self.in_bracket and self.closing(opener) is not None:
            self.compares(self.p)
        sign = self.text[self.starts[opener] : self.ends[opener]]
        if k in ("end", ";", "=", ")", "]", "}") and not (k == "=" and self.in_bracket):
            self.fail(
                UnbalancedBracket,
                f'"{sign}" is never closed',
                (self.starts[opener], self.ends[opener]),
                f'write the "{closer}" that belongs to it',
            )
        if k in RELATIONS:
            self.compares(self.p)
        if k == ",":
            self.unexpected(self.p, "a comma separates only arguments and subscripts")
        self.unexpected(self.p, f'"{closer}" or a sign should stand here')

    def value(self, p: int) -> Fraction:
        """The number at ``p``, exactly as it is written."""
        token = self.texts[p]
        mantissa, _, exponent = token.lower().partition("e")
        digits = len(mantissa.replace(".", ""))
        if digits > MAX_DIGITS or len(exponent) > 6 or (exponent and abs(int(exponent)) > MAX_POWER_OF_TEN):
            self.fail(
                NumberTooLarge,
                f"a number of more than {MAX_DIGITS} digits, or beyond 1e{MAX_POWER_OF_TEN}",
                (self.starts[p], self.ends[p]),
                "write fewer digits",
            )
        return Fraction(token)

    def _relates(self, p: int) -> bool:
        """Whether the bracket at ``p`` holds a relation."""
        if self._relating is None:
            self._relating = set[int]()
            openers: list[int] = []
            for q, k in enumerate(self.kinds):
                if k in ("[", "(", "{") or (k == "s" and self.texts[q] == "_{"):
                    openers.append(q)
                elif k in ("]", ")", "}"):
                    if openers:
                        openers.pop()
                elif k in RELATIONS:
                    if openers:
                        self._relating.add(openers[-1])
                elif k == ";":
                    openers.clear()
        return p in self._relating

    def compared(self, opener: int) -> bool:
        """Whether the first argument in these parentheses is a comparison: ``where(u <= t, …)``."""
        q = opener + 1
        while self._relates(opener) and self.kinds[q] not in (",", ")", ";", "end"):
            if self.kinds[q] in RELATIONS:
                return True
            inner = self.closing(q) if self.kinds[q] in ("(", "[", "{") or self.texts[q] == "_{" else None
            q = q + 1 if inner is None else inner + 1
        return False

    def end_of_equation(self) -> int:
        p = self.first
        while self.kinds[p] not in (";", "end"):
            p += 1
        return p

    def kinds_of_equation(self) -> list[str]:
        return self.kinds[self.first : self.end_of_equation()]

    @abstractmethod
    def expression(self, nested: bool = True) -> Tree:
        """Terms joined by + and -."""

    @abstractmethod
    def product(self, minus: bool, first: int, nested: bool) -> Tree:
        """Factors side by side, or joined by a sign of multiplication or by /."""

    @abstractmethod
    def group(self) -> Tree:
        """What stands in parentheses or braces."""

    @abstractmethod
    def named(self) -> Tree:
        """What a name begins."""

    @abstractmethod
    def indices_between(self, start: int, stop: int) -> tuple[list[str], set[str]]:
        """The letters that are indices in a run of tokens, in reading order, and the names that are scalars there."""

    @abstractmethod
    def known_indices(self) -> tuple[frozenset[str], frozenset[str]]:
        """The letters that are indices somewhere in this equation, and the names that are scalars in it."""

    @abstractmethod
    def tensor_names(self) -> frozenset[str]:
        """Names that stand somewhere as a tensor's, with subscripts and no parenthesis at once after them."""

    @abstractmethod
    def compares(self, p: int) -> NoReturn:
        """Refuse a relation that stands in no bracket."""
        raise NotImplementedError

    @abstractmethod
    def whole(self, p: int) -> NoReturn:
        """Refuse a sign that speaks of a whole tensor: ``‖``, ``∇``."""
        raise NotImplementedError

    @abstractmethod
    def no_value(self, p: int) -> None:
        """Refuse a function's value as a subscript."""

    @abstractmethod
    def typeset(self, p: int) -> Tree | None:
        """What LaTeX writes with a function's name and without parentheses at once, where it has one meaning."""

    @abstractmethod
    def within(self, body: Tree, limit: Limit) -> Tree:
        """What is summed, with the bracket that the limits of the sum say."""

    @abstractmethod
    def condition(self, opener: int) -> Tree:
        """The first argument of where."""

    @abstractmethod
    def dim(self) -> Tree:
        """``dim(i)``."""

    @abstractmethod
    def bars(self) -> Tree:
        """``|i|``."""
