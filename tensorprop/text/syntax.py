"""Tokens in, trees out: the grammar, by recursive descent.

In: the tokens of a System. Out, equation by equation: the target and the tree of the right side. Which sums are meant
is decided later, in ``elaborate``; what names mean, in ``words``; their subscripts are read in ``subscripts``.
"""

from __future__ import annotations

import re
from typing import NoReturn

from tensorprop.core.affine import shift, whole
from tensorprop.core.equation import DECLARED, SAID
from tensorprop.core.expr import Index, Tensor
from tensorprop.errors import (
    AmbiguousNotation,
    LimitExceeded,
    RepeatedOutputIndex,
    UnbalancedBracket,
    UnexpectedChar,
    UnexpectedEnd,
)
from tensorprop.text import doubts
from tensorprop.text.cursor import MAX_OPERANDS
from tensorprop.text.implied import Apply, Leaf, Plus, Power, Relate, Term, Tree
from tensorprop.text.pasted import Pasted
from tensorprop.text.vocabulary import AFTER, STARTS

__all__ = ["Reader"]

_STATED = (*DECLARED, *SAID)


class Reader(Pasted):
    """Reads one token list, equation by equation."""

    def target(self) -> tuple[Tensor, tuple[int, int]]:
        """The left side of an equation, up to and with its ``=``."""
        p = self.first = self.p
        kinds = self.kinds
        if self.limited:
            self.take_limits(p)
        if kinds[p] == "T" and kinds[p + 1] == "=":
            texts = self.texts
            got = self.entries[texts[p]] if texts[p] in self.entries else self.compact(p)
            if got is not None:
                node, letters = got
                if len(node.free) != len(letters):
                    self._repeated(node, letters, (self.starts[p], self.ends[p]))
                self.p = p + 2
                return node, (self.starts[p], self.ends[p])
        if kinds[p] not in ("T", "N", "∂", "frac", "∇"):
            at = p + (kinds[p] == "(" and kinds[p + 1] == "∇")  # (∇_W E)_ij
            self.unexpected(at, "an equation starts with the tensor that it defines")
        self.no_word(p)
        if kinds[p] == "∇":
            tree: Tree = self.nabla()
        else:
            tree = self.derivative() if kinds[p] in ("∂", "frac") or self.texts[p] == "partial" else self.named()
        end = self.ends[self.p - 1]
        span = (self.starts[p], end)
        if kinds[self.p] == "/" and kinds[self.p + 1] in ("T", "N"):
            tree = self.plain_derivative(tree, p)
            span = (self.starts[p], self.ends[self.p - 1])
        if kinds[self.p] != "=":
            self._no_equals(p)
        if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
            self.fail(
                UnexpectedChar,
                "the left side is one tensor, with its indices",
                span,
                "write the tensor's name and indices: y_i = …",
            )
        node = tree.node
        letters = tuple(i for s in node.subscripts for i in s.free)
        if any(shift(s) is None if s.free else not whole(s) for s in node.subscripts):
            self.fail(
                RepeatedOutputIndex,
                "an axis of the left side has a letter of its own, or one place for the start of a recurrence",
                span,
                "write plain indices on the left, and shift those on the right: h_tj = … h_{t-1,j} …; h_{-1,j} = …",
            )
        if len(set(letters)) != len(letters):
            self._repeated(node, letters, span)
        self.p += 1
        return node, span

    def _no_equals(self, p: int) -> NoReturn:
        """What stands where the ``=`` of an equation should."""
        kinds = self.kinds
        end = self.ends[self.p - 1]
        if "=" not in self.kinds_of_equation():
            stop = self.end_of_equation()
            first_line = self.text[self.starts[p] : self.ends[stop - 1]]
            short = first_line if len(first_line) < 40 else "…"
            self.fail(
                UnexpectedEnd if kinds[self.p] in ("end", ";") else UnexpectedChar,
                'an equation needs "="',
                (end, end) if kinds[self.p] in ("end", ";") else (self.starts[self.p], self.ends[self.p]),
                f"name what is meant: y = {short}" if self.p < stop else f"write the right side: {short} = …",
            )
        if kinds[self.p] in ("<", ">"):
            self._angle(self.p)
        if kinds[self.p] == "^":
            self.raised_target(p)
            after = self.closing(self.p + 1)
            after = self.p + 2 if after is None else after + 1
            if after < len(kinds) and kinds[after] in ("s", "u"):
                doubts.after_subscripts(self, after)
            up = re.match(r"\^\s*\{?([^\W\d_]+)\}?", self.text[self.starts[self.p] :])
            name = self.text[self.starts[p] : self.ends[p]]
            if up is not None and "_" not in name:
                fix = f"indices stand below: write `{name}_{up[1]}`; a layer in parentheses: `{name}^({up[1][0]})_i`"
                self.unexpected(self.p, "the left side is one tensor, followed by =", fix)
        self.unexpected(self.p, "the left side is one tensor, followed by =")

    def states(self) -> str | None:
        """Which line of facts stands here, if one does: ``dim(x) = …`` or ``outside(a) = …``."""
        p = self.p
        word = self.texts[p]
        at_once = self.kinds[p] == "N" and self.kinds[p + 1] == "(" and self.starts[p + 1] == self.ends[p]
        if not at_once or word not in ("dim", "outside", *_STATED):
            return None
        closing = self.closing(p + 1)
        ends = word in _STATED and closing is not None and self.kinds[closing + 1] in (";", "end")
        return word if ends or word not in _STATED else None

    def fact(self, word: str) -> tuple[str, Tree | str, tuple[int, int]]:
        """A line of facts: whose it is, what it says, and where it stands.

        ``dim(x) = size`` gives the tree of the size, ``outside(a) = how`` a word, or the tree of a number.
        """
        p = self.first = self.p
        kinds, texts = self.kinds, self.texts
        self.p = p + 2
        about = self.named() if kinds[self.p] in ("N", "T") else None
        name = about.node.name if isinstance(about, Leaf) and isinstance(about.node, Tensor) else ""
        if not name or not isinstance(about, Leaf) or about.open or kinds[self.p] != ")":
            what = "a range is stated of one letter" if word == "dim" else "what lies outside is stated of one tensor"
            how = "write dim(x) = dim(a, 1), or dim(x) = 28" if word == "dim" else "write its bare name: outside(a) = 0"
            if word in _STATED:
                one, name = ("tensor", "z") if word in SAID else ("matrix", "S")
                what, how = f"{word} is declared of one {one}", f"write its bare name: {word}({name})"
            self.unexpected(self.p, what, how)
        self.p += 1
        if word in _STATED:
            return name, "", (self.starts[p], self.ends[self.p - 1])
        if kinds[self.p] != "=":
            self.unexpected(self.p, f"{word}({name}) is followed by =, and by what it is")
        at = self.p = self.p + 1
        said: Tree | str | None = None
        if word == "outside":
            minus = kinds[at] == "-"
            sign = texts[at + minus]
            if sign in ("∞", "inf") or (sign in ("edge", "wrap", "mirror") and not minus):
                said = ("-" if minus else "") + ("∞" if sign == "inf" else sign)
                self.p = at + minus + 1
        said = self.expression() if said is None else said
        if kinds[self.p] not in (";", "end"):
            self.unexpected(self.p, "the line should end")
        return name, said, (self.starts[p], self.ends[self.p - 1])

    def _repeated(self, node: Tensor, letters: str | tuple[str, ...], span: tuple[int, int]) -> NoReturn:
        twice = next(c for k, c in enumerate(letters) if c in letters[:k])
        at = self.text.rfind(twice, *span)
        self.fail(
            RepeatedOutputIndex,
            f'index "{twice}" stands twice on the left',
            (at, at + len(twice)) if at >= 0 else span,
            "give every axis its own letter and put a bracket on the right: D_ij = a_i [i = j]",
        )

    def finish(self) -> None:
        """The equation must end here."""
        if self.kinds[self.p] not in (";", "end"):
            fix = None
            if self.kinds[self.p] == "=":
                fix = "one equation, one =; separate equations by ; or a new line"
            self.unexpected(self.p, "the equation should end, or go on with + or a factor", fix)

    def expression(self, nested: bool = True) -> Tree:
        """Terms joined by + and -."""
        p = self.p
        kinds = self.kinds
        sign = kinds[p]
        if sign == "+" or sign == "-":
            self.p = p + 1
        tree = self.product(sign == "-", p, nested)
        sign = kinds[self.p]
        if sign != "+" and sign != "-":
            return tree
        terms = [tree]
        while sign == "+" or sign == "-":
            at = self.p
            self.p = at + 1
            terms.append(self.product(sign == "-", at + 1, nested))
            if len(terms) > MAX_OPERANDS:
                self.fail(
                    LimitExceeded,
                    f"a sum of more than {MAX_OPERANDS:,} terms",
                    (self.starts[at], self.ends[at]),
                    "split it over several equations",
                )
            sign = kinds[self.p]
        return Plus(self.starts[p], self.ends[self.p - 1], terms, nested)

    def product(self, minus: bool, first: int, nested: bool) -> Tree:
        """Factors side by side, or joined by a sign of multiplication or by /."""
        kinds, texts, starts, ends = self.kinds, self.texts, self.starts, self.ends
        entries = self.entries
        p = self.p
        k = kinds[p]
        factors: list[Tree] = []
        under: list[bool] | None = None
        divides = False
        plain = True
        counts: dict[str, int] = {}
        while True:
            while k == "-" or k == "+":
                minus ^= k == "-"
                p += 1
                k = kinds[p]
            self.p = p
            got = None
            if k == "T" and kinds[p + 1] not in AFTER:
                token = texts[p]
                got = entries[token] if token in entries else self.compact(p)
            elif k not in STARTS and k not in ("‖", "∇"):
                self._no_factor(p)
            if got is not None:
                f: Tree = Leaf(starts[p], ends[p], got[1], got[0])
                self.p = p + 1
            else:
                f = self.factor()
                plain = plain and type(f) is Leaf
            for c in f.open:
                counts[c] = counts.get(c, 0) + 1
            factors.append(f)
            if divides and under is None:
                under = [False] * (len(factors) - 1)
                plain = False
            if under is not None:
                under.append(divides)
            p = self.p
            k = kinds[p]
            if k == "*" or k == "/":
                divides = k == "/"
                p += 1
                k = kinds[p]
            elif k in STARTS or k == "∇" or (k == "‖" and not self.barred):
                divides = False
            else:
                break
            if len(factors) >= MAX_OPERANDS:
                self.fail(
                    LimitExceeded,
                    f"a product of more than {MAX_OPERANDS:,} factors",
                    (starts[p], ends[p]),
                    "split it over several equations",
                )
        if len(factors) == 1 and not minus and len(counts) == len(factors[0].open):
            return factors[0]
        t = Term(starts[first], ends[p - 1], minus, factors, under, counts, plain)
        return t.settle() if nested else t

    def _no_factor(self, p: int) -> NoReturn:
        before = self.texts[p - 1] if p else ""
        if before in ("+", "-"):
            self.unexpected(p, f'"{before}" needs a term on its right')
        if before in ("*", "/"):
            self.unexpected(p, f'"{before}" needs a factor on its right')
        self.unexpected(p, "something with a value should stand here")

    def factor(self) -> Tree:
        """A primary and the powers that it is raised to."""
        p = self.p
        k = self.kinds[p]
        if k == "T" or k == "N":
            tree = self.named()
        elif k == "n":
            tree = self.number()
        elif k == "(" or k == "{":
            tree = self.inverse() or self.group()
        elif k == "[":
            tree = self.iverson()
        elif k == "∂":
            tree = self.derivative()
        elif k == "frac":
            tree = self.fraction()
        elif k == "√":
            tree = self.root()
        elif k == "|":
            tree = self.bars()
        elif k == "‖":
            tree = self.length()
        elif k == "∇":
            tree = self.nabla()
        else:
            self._no_factor(p)
        k = self.kinds[self.p]
        if k == "^" or k == "p":
            tree = self.powers(tree, p)
            k = self.kinds[self.p]
        if k == "q":
            self.unexpected(
                self.p, "a prime marks the slope of a function", "write f′(z_i); a tensor's name has no primes"
            )
        if k == "s" or k == "u":
            doubts.after_subscripts(self, self.p)
        return tree

    def group(self) -> Tree:
        """``( … )`` or ``{ … }``: what stands inside, transparent where it is one factor."""
        p = self.p
        closer = ")" if self.kinds[p] == "(" else "}"
        self.enter(p)
        self.p = p + 1
        if self.kinds[self.p] == closer:
            self.unexpected(self.p, "the parentheses are empty", "write what they should hold, or delete them")
        tree = self.expression()
        self.close(p, closer)
        self.depth -= 1
        return tree

    def fraction(self) -> Tree:
        """``\\frac{a}{b}``."""
        p = self.p
        if self.kinds[p + 1] == "{" and (self.kinds[p + 2] == "∂" or self.texts[p + 2] == "partial"):
            return self.derivative()
        self.p = p + 1
        parts: list[Tree] = []
        for _ in range(2):
            if self.kinds[self.p] != "{":
                self.unexpected(self.p, "a fraction is written \\frac{a}{b}")
            parts.append(self.group())
        opened: dict[str, int] = {}
        for t in parts:
            for c in t.open:
                opened[c] = opened.get(c, 0) + 1
        return Term(self.starts[p], self.ends[self.p - 1], False, parts, [False, True], opened, False).settle()

    def iverson(self) -> Tree:
        """``[left relation right]``."""
        p = self.p
        if not self._relates(p):
            self._no_relation(p)
        self.enter(p)
        self.p = p + 1
        relation, left, right = self.comparison()
        self.close(p, "]")
        self.depth -= 1
        return Relate(self.starts[p], self.ends[self.p - 1], relation, left, right)

    def _no_relation(self, p: int) -> NoReturn:
        """A bracket without a relation: subscripts that stand where none can, or one that was never closed."""
        before = self.text[self.starts[p - 1] : self.ends[p - 1]] if p else ""
        touching = bool(p) and self.starts[p] == self.ends[p - 1]
        end = next(q for q in range(p, len(self.kinds)) if self.kinds[q] in ("]", "end", ";"))
        inside = self.text[self.ends[p] : self.starts[end]].strip()
        name, letters = before.split("_", 1) if "_" in before else ("", "")
        if self.kinds[end] != "]":
            what = '"[" is never closed'
            self.fail(UnbalancedBracket, what, (self.starts[p], self.ends[p]), 'write the "]" that belongs to it')
        if touching and name and letters:
            self.unexpected(p, "a name has one list of subscripts", f"write {name}[{', '.join([*letters, inside])}]")
        if touching and (before in ("]", "}") or letters):
            self.unexpected(p, "only a name bears subscripts, and one list of them", "write one list, as in A[i, j]")
        if touching and before == ")":
            self.unexpected(
                p,
                "subscripts stand behind a name, or behind a function along an index",
                f"give what stands before it a line of its own, and take the entry of that: p[{inside}]",
            )
        near_name = p and self.kinds[p - 1] in ("N", "T")
        fix = f"{before}[…] without a space for subscripts" if near_name else "( … ) to group"
        what = "a bracket on its own holds a relation"
        self.fail(UnexpectedChar, what, (self.starts[p], self.ends[p]), f"write [t ≥ u], or {fix}")

    def side(self) -> Tree:
        """One side of a relation: there a bare letter is the index of that name, if the equation has one."""
        tree = self.expression()
        return self._as_indices(tree)

    def _as_indices(self, tree: Tree) -> Tree:
        """The tree with bare names that are indices of this equation turned into their values."""
        indices, scalars = self.known_indices()
        return self._turn(tree, indices, scalars)

    def _turn(self, t: Tree, indices: frozenset[str], scalars: frozenset[str]) -> Tree:
        match t:
            case Leaf():
                n = t.node
                if isinstance(n, Tensor) and not n.subscripts and n.name in indices and self.text[t.end - 1] != "]":
                    if n.name in scalars:
                        self.fail(
                            AmbiguousNotation,
                            f"{n.name} is an index of this equation and also a scalar: which of them is compared?",
                            (t.start, t.end),
                            f"give one of them another letter, or write {n.name}[] for the scalar",
                        )
                    self.letters.setdefault(n.name, Index(n.name))
                    return Leaf(t.start, t.end, (n.name,), self.letters[n.name])
                return t
            case Term():
                factors = [self._turn(f, indices, scalars) for f in t.factors]
                counts: dict[str, int] = {}
                for f in factors:
                    for c in f.open:
                        counts[c] = counts.get(c, 0) + 1
                plain = t.under is None and all(type(f) is Leaf for f in factors)
                return Term(t.start, t.end, t.minus, factors, t.under, counts, plain).settle()
            case Plus():
                return Plus(t.start, t.end, [self._turn(u, indices, scalars) for u in t.terms], True)
            case Power():
                return Power(
                    t.start,
                    t.end,
                    self._turn(t.base, indices, scalars),
                    self._turn(t.exponent, indices, scalars),
                    t.times,
                )
            case Apply():
                return Apply(t.start, t.end, t.function, [self._turn(a, indices, scalars) for a in t.args])
            case _:
                return t
