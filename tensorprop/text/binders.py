"""Sums, reductions, normalisers, functions of a matrix, sizes: ``Σ_u e``, ``softmax_u(e)``, ``inv(X)_ij``, ``dim(i)``.

In: the tokens after a word that takes indices or a bare name. Out: a tree.
"""

from __future__ import annotations

import re
from typing import NoReturn

from tensorprop.core.build import reduce
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.functions import REDUCTIONS, has_entries, is_matrix, orders, runs
from tensorprop.errors import (
    AmbiguousNotation,
    MissingIndex,
    NameConflict,
    ParseError,
    RepeatedOutputIndex,
    UnexpectedChar,
)
from tensorprop.text import doubts
from tensorprop.text.cursor import RELATIONS
from tensorprop.text.implied import Bind, Leaf, Size, Tree
from tensorprop.text.meant import argument, conditioned, entry_end, following, indexed, length, piece, run_through
from tensorprop.text.subscripts import Subscripts
from tensorprop.text.vocabulary import BINDERS, COLUMN, ROW, SPLIT, STARTS

__all__ = ["Binders"]

_INVERSE = re.compile(r"\{?\(\s*[^\W\d_][^()\s⁻^]*\s*(?:⁻¹|\^\s*(?:-1|−1|\{\s*[-−]\s*1\s*\}))\s*\)\s*\}?[_\[]")
_PRIMES = {"'": 1, "′": 1, "″": 2, "‴": 3}


def _subscripts(n: int) -> str:
    return f"{('no', 'one', 'two', 'three', 'four', 'five', 'six')[n]} subscript{'s' * (n != 1)}"


class Binders(Subscripts):
    """Reads what binds or asks for an index."""

    def binder(self, name: str) -> Tree:
        """``Σ_u e``, ``max_u(e)``, ``softmax_u(e)``, ``inv(X)_ij``."""
        p = self.p
        op = BINDERS[name]
        letters: list[str] = []
        spans: list[tuple[int, int]] = []
        self.p = p + 1
        if is_matrix(op) and self.kinds[self.p] == "q":
            name = op = self._primed(p, op)
        if is_matrix(op) and self.kinds[self.p] == "(" and (self.kinds[p] != "T" or name in SPLIT):
            return self.matrix(p, op)
        self._along(p, name, letters, spans)
        span = (self.starts[p], self.ends[self.p - 1])
        if len(set(letters)) != len(letters):
            twice = next(k for k, c in enumerate(letters) if c in letters[:k])
            self.fail(
                RepeatedOutputIndex, f'index "{letters[twice]}" stands twice under {name}', spans[twice], "name it once"
            )
        if is_matrix(op) and len(letters) != 2:
            self.fail(ParseError, f"{op} is of a matrix: two indices, or its bare name", span, f"write {op}(X)")
        if op in REDUCTIONS and REDUCTIONS[op].single and len(letters) != 1:
            self.fail(ParseError, f"{op} runs along one index", span, f"write {name}_{letters[-1]}(…)")
        if self.kinds[self.p] == "p" or self.kinds[self.p] == "^":
            self.unexpected(
                self.p,
                "an index runs over the whole of its axis",
                "write Σ_i, and a bracket such as [i < n] for a part of the axis",
            )
        self.enter(p)
        self.around += letters
        entry: tuple[Expr, ...] = ()
        outside: list[str] = []
        kept = has_entries(op)
        at_once = self.kinds[self.p] == "(" and self.starts[self.p] == self.ends[self.p - 1]
        if at_once and not self.text.startswith(("\\sum", "\\prod"), self.starts[p]):  # in LaTeX a space says nothing
            body = self.group()
            if op == "sum" and name == "Σ" and self.kinds[self.p] in ("^", "p"):
                self._power_of_sum(p)
            if kept:
                entry = self._outside(p, op, len(runs(op, tuple(letters))), outside)
                self._told_apart(p, op, letters, entry)
        else:
            if self.kinds[self.p] not in STARTS and self.kinds[self.p] not in ("+", "-", "‖", "∇"):
                self.unexpected(self.p, f"{name} needs something to act on", f"write {name}_{''.join(letters)}(…)")
            body = self.product(False, self.p, True)
        if p in self.limits:
            body = self.within(body, self.limits[p])
        del self.around[len(self.around) - len(letters) :]
        if kept and not entry:
            wanted = len(runs(op, tuple(letters)))
            if runs(op, tuple(letters)) != tuple(letters) and (not is_matrix(op) or REDUCTIONS[op].axes != "uu"):
                entry_span = (self.starts[p], self.ends[self.p - 1])
                self.fail(MissingIndex, f"an entry of {op} has {_subscripts(wanted)}", entry_span, "write them outside")
            entry, outside = tuple(Index(c) for c in letters), list(letters)
        self.depth -= 1
        return Bind(self.starts[p], self.ends[self.p - 1], op, tuple(letters), spans, body, entry, tuple(outside))

    def _along(self, p: int, name: str, letters: list[str], spans: list[tuple[int, int]]) -> None:
        """The letters under a sum or a reduction."""
        if self.kinds[p] == "T" and name not in SPLIT:
            token = self.texts[p]
            run = token.partition("_")[2]
            at = self.starts[p] + len(token.partition("_")[0]) + 1 + (run[0] == "{")
            for k, c in enumerate(run.strip("{}")):
                letters.append(c)
                spans.append((at + k, at + k + 1))
        elif p in self.limits:
            letters.append(self.limits[p].letter)
            spans.append((self.starts[p], self.ends[p]))
            self.p = self.limits[p].end
        else:
            self.indices_of(p, letters, spans)

    def _told_apart(self, p: int, op: str, letters: list[str], entry: tuple[Expr, ...]) -> None:
        """Keep that a normaliser's entry bears another letter than the one inside, ``softmax_u(s_u)[t]``."""
        if not orders(op) and not is_matrix(op):
            here = (self.starts[p], self.ends[self.p - 1])
            others = [s.name for s in entry if isinstance(s, Index) and s.name not in letters]
            self.placed += [(op, name, here) for name in others]

    def _power_of_sum(self, p: int) -> NoReturn:
        """``Σ_j(e)^2``, which books write for the sum of squares."""
        whole = self.text[self.starts[p] : self.ends[self.p - 1]]
        sign, _, inner = whole.partition("(")
        self.fail(
            AmbiguousNotation,
            "the square of the sum, or the sum of squares?",
            (self.starts[p], self.ends[self.p]),
            f"write `{sign} ({inner}^…` with a space for the sum of powers, or `({whole})^…` for the power of the sum",
        )

    def _outside(self, p: int, op: str, wanted: int, outside: list[str]) -> tuple[Expr, ...]:
        """The entry that is named outside, ``softmax_v(s_tv)[u]``, if one is."""
        k = self.kinds[self.p]
        if (
            k not in ("s", "u", "[")
            or self.starts[self.p] != self.ends[self.p - 1]
            or (k == "[" and self._relates(self.p))
        ):
            return ()
        given: list[Expr] = []
        self.subscripts(given, outside, p)
        if len(given) != wanted:
            self.fail(
                ParseError,
                f"{op} along {wanted} indices has {wanted} subscripts, not {len(given)}",
                (self.starts[p], self.ends[self.p - 1]),
            )
        return tuple(given)

    def _primed(self, p: int, op: str) -> str:
        """``expm′``: a derivative of a function of a matrix, where it has a name."""
        n = sum(_PRIMES[c] for c in self.texts[self.p])
        primed = op + "′″‴"[n - 1 : n]
        if n > 3 or primed not in REDUCTIONS:
            self.fail(
                ParseError,
                f"{op} has no {'slope' if n == 1 else 'such derivative'} with a name of its own",
                (self.starts[p], self.ends[self.p]),
                "its derivative follows from its row: derive it",
            )
        self.p += 1
        return primed

    def indices_of(self, p: int, letters: list[str], spans: list[tuple[int, int]]) -> None:
        """The indices under a sum or a reduction, in any spelling but the compact one."""
        name = self.texts[p]
        k = self.kinds[self.p]
        if k not in ("s", "u", "[") or self.starts[self.p] != self.ends[self.p - 1]:
            self._no_index(p, name)
        q = self.p
        closer = {"_{": "}", "[": "]"}.get(self.texts[q])
        while closer and self.kinds[q] not in (closer, "end", ";"):
            q += 1
            if self.kinds[q] in RELATIONS or (self.texts[q] == "in" and self.kinds[q - 1] == "N"):  # i in B, not Σ[in]
                fix = run_through(self, name, q) if self.kinds[q] == "=" else conditioned(self, name, q)
                sign, span = piece(self, q, q + 1), (self.starts[q], self.ends[q])
                problem = f'"{sign}" does not fit here: an index runs over the whole of its axis'
                self.fail(UnexpectedChar, problem, span, fix)
        at = self.p
        found: list[Expr] = []
        held, self.spans = self.spans, {}
        try:
            self.subscripts(found, letters, p)
            where = self.spans
        finally:
            self.spans = held
        if not found or not all(isinstance(s, Index) for s in found):
            self.fail(
                MissingIndex,
                f"{name} goes along plain indices",
                (self.starts[at], self.ends[self.p - 1]),
                f"write {name}_i(…)",
            )
        spans.extend(where.get(s, (self.starts[at], self.ends[self.p - 1])) for s in found)

    def _no_index(self, p: int, name: str) -> NoReturn:
        """``softmax(s_bc)``: the fix says ``softmax_c(s_bc)``."""
        inside = argument(self, p + 1)
        acts_on = following(self, p + 1)
        if is_matrix(BINDERS.get(name, "")):
            entry = "_ij" if len(REDUCTIONS[BINDERS[name]].axes) == 2 else ""
            what = f"{name} takes the bare name of a matrix, in parentheses at once"
            self.fail(MissingIndex, what, (self.starts[p], self.ends[p]), f"write {name}({acts_on or 'A'}){entry}")
        start, stop = inside or (p + 1, entry_end(self, p + 1) if acts_on else p + 1)
        letters = indexed(self, name, start, stop)
        short = letters is None or len(letters) == 1 or all(len(i) == 1 for i in self.indices_between(start, stop)[0])
        under = f"_{letters or 'i'}" if short else f"[{letters}]"
        sign = (
            f"{name}{under} {acts_on or '…'}"
            if name in ("Σ", "∑", "∏") and not inside
            else f"{name}{under}({acts_on or '…'})"
        )
        self.fail(
            MissingIndex,
            f"{name} needs the index along which it goes",
            (self.starts[p], self.ends[p]),
            f"write {sign}",
        )

    def matrix(self, p: int, op: str) -> Tree:
        """``inv(X)_ij``, ``det(X)``: the bare name of a matrix, the entry outside."""
        if self.starts[self.p] != self.ends[self.p - 1]:
            self.fail(
                AmbiguousNotation,
                f'"{op} (" with a space: the function {op}, or a product?',
                (self.starts[p], self.ends[p]),
                f"write `{op}(X)`",
            )
        self.enter(self.p)
        opener = self.p
        self.p += 1
        wanted = f"{op} takes the bare name of a matrix"
        entry = "".join("ijklmnpq"[: len(REDUCTIONS[op].axes)])
        fix = f"name the matrix in an equation of its own, M_ij = …, then write {op}(M)" + (entry and f"_{entry}")
        at = self.p
        if self.kinds[at] not in ("N", "T"):
            self.unexpected(at, wanted, fix)
        told = len(self.bare)
        leaf = self.named()
        del self.bare[told:]  # a matrix stands for no number
        if not isinstance(leaf, Leaf) or not isinstance(leaf.node, Tensor):
            self.fail(UnexpectedChar, wanted, (leaf.start, leaf.end), fix)
        if self.kinds[self.p] != ")":
            self.unexpected(self.p, wanted, fix)
        self.close(opener, ")")
        self.depth -= 1
        return self._entry_of(p, op, leaf, leaf.node)

    def inverse(self) -> Tree | None:
        """``(M⁻¹)_ij``, ``{(M^{-1})}_{ij}``: an entry of an inverse as books write it; None for anything else."""
        p = self.p
        if _INVERSE.match(self.text, self.starts[p]) is None:
            return None
        held = self.kinds[p] == "{"
        self.enter(p)
        self.p = p + held + 1
        told = len(self.bare)
        leaf = self.named()
        del self.bare[told:]
        while self.kinds[self.p] not in (")", "end"):  # the exponent, which was seen
            self.p += 1
        self.p += 1 + held
        self.depth -= 1
        if not isinstance(leaf, Leaf) or not isinstance(leaf.node, Tensor):
            self.p = p
            return None
        return self._entry_of(p, "inv", leaf, leaf.node)

    def _entry_of(self, p: int, op: str, leaf: Leaf, matrix: Tensor) -> Tree:
        """A function of a matrix, with the entry that is named outside."""
        wanted = f"{op} takes the bare name of a matrix"
        entry = "".join("ijklmnpq"[: len(REDUCTIONS[op].axes)])
        subscripts: list[Expr] = []
        letters: list[str] = []
        listed = (
            self.kinds[self.p] in ("s", "u", "[")
            and self.starts[self.p] == self.ends[self.p - 1]
            and self.subscripts(subscripts, letters, p)
        )
        span = (self.starts[p], self.ends[self.p - 1])
        each = matrix.subscripts  # a matrix for every one of these
        if len(each) == 2 and (not subscripts or {*leaf.open} & {*letters}):
            bare = f"write {op}({matrix.name}), and the entry outside"
            self.fail(UnexpectedChar, wanted, (leaf.start, leaf.end), bare)
        if has_entries(op) and len(subscripts) != len(entry):
            of = "the inverse" if op == "inv" else f"{op}({matrix.name})"
            here = self.text[self.starts[p] : self.ends[self.p - 1]]
            self.fail(
                MissingIndex,
                f"an entry of {of} has {_subscripts(len(entry))}" + ("" if subscripts else f": {here}_{entry}"),
                span,
                f"write them outside: {op}({matrix.name})_{entry}",
            )
        if not has_entries(op) and listed:
            doubts.after_subscripts(self, self.p - 1)
        body = Tensor(matrix.name, (*each, Index(ROW), Index(COLUMN)))
        return Leaf(*span, (*leaf.open, *letters), reduce(op, (ROW, COLUMN), body, subscripts))

    def dim(self) -> Tree:
        """``dim(i)``, or ``dim(x, 1)`` for an axis, counted from 0."""
        p = self.p
        if self.kinds[p + 1] != "(":
            self.fail(
                NameConflict,
                "dim is a word of the notation: the size of an index",
                (self.starts[p], self.ends[p]),
                "write dim(i)",
            )
        self.p = p + 2
        at = self.p
        if self.kinds[at] != "N":
            self.unexpected(at, "dim takes one index", "write dim(i), or dim(x, 0) for the first axis of x")
        if self.kinds[at + 1] == ")":
            self.p = at + 2
            return Size(self.starts[p], self.ends[at + 1], self.texts[at])
        told = len(self.bare)
        leaf = self.named()
        del self.bare[told:]  # a tensor whose axis is meant stands for no number
        if (
            isinstance(leaf, Leaf)
            and isinstance(leaf.node, Tensor)
            and not leaf.node.subscripts
            and self.kinds[self.p] == ","
            and self.kinds[self.p + 1] == "n"
        ):
            axis = self.value(self.p + 1)
            if axis.denominator == 1 and axis < 64 and self.kinds[self.p + 2] == ")":
                self.p += 3
                return Leaf(self.starts[p], self.ends[self.p - 1], "", Dim(leaf.node.name, int(axis)))
        self.unexpected(
            self.p, "dim takes one index, or a tensor and an axis", "write dim(i), or dim(x, 0) for the first axis of x"
        )

    def _between_bars(self, p: int) -> str:
        """The text up to the bar that closes the one at ``p``."""
        stop = next((q for q in range(p + 1, self.end_of_equation()) if self.kinds[q] == "|"), p + 1)
        return piece(self, p + 1, stop)

    def bars(self) -> Tree:
        """``|i|``."""
        p = self.p
        if self.kinds[p + 1] == "N" and self.kinds[p + 2] == "|":
            self.p = p + 3
            return Size(self.starts[p], self.ends[p + 2], self.texts[p + 1])
        if self.kinds[p + 1] == "|" and self.starts[p + 1] == self.ends[p]:
            self.fail(
                UnexpectedChar,
                "bars mean the size of an index, |i|, and double bars a length in LaTeX alone, \\|x_i\\|",
                (self.starts[p], self.ends[p + 1]),
                length(self, p, 2),
            )
        self.fail(
            UnexpectedChar,
            "bars mean the size of an index: |i|",
            (self.starts[p], self.ends[p]),
            f"for an absolute value write abs({self._between_bars(p) or '…'})",
        )
