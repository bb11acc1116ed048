"""Tokens in, trees out: the grammar, by recursive descent.

In: the tokens of a System. Out, equation by equation: the target and the tree of the right side. Names are told
apart here (function, reduction, tensor, adjoint, Kronecker's delta), subscripts become nodes; which sums are meant
is decided in ``terms``. This file does not know what the nodes are used for.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NoReturn

from tensorprop.core.build import add, delta, mul, number, reduce
from tensorprop.core.expr import Call, Dim, Expr, Index, Tensor
from tensorprop.core.names import FUNCTION_ALIASES, FUNCTION_ARITY, MATRIX_OPS, NORMALISERS, REDUCTION_ALIASES, REDUCTION_OPS
from tensorprop.errors import (
    AmbiguousNotation,
    LimitExceeded,
    MissingIndex,
    NameConflict,
    NestedTooDeep,
    NumberTooLarge,
    ParseError,
    RepeatedOutputIndex,
    TensorpropError,
    UnbalancedBracket,
    UnexpectedChar,
    UnexpectedEnd,
    UnknownFunction,
    UnknownRange,
    UnsafeName,
    near,
)
from tensorprop.text.scan import LETTERS, Tokens, lower, raised
from tensorprop.text.terms import Apply, Bind, Leaf, Plus, Power, Relate, Size, Term, Tree

__all__ = ["COLUMN", "KNOWN", "MAX_DEPTH", "MAX_OPERANDS", "ROW", "SYMBOLS", "Reader"]

MAX_DEPTH = 100
MAX_OPERANDS = 10_000
MAX_DIGITS = 100
MAX_POWER_OF_TEN = 1024
MAX_ORDER = 9  # of a derivative

ROW, COLUMN = "row", "column"  # what runs along a matrix in det(X); never printed

BINDERS: dict[str, str] = {
    "Σ": "sum",
    "∑": "sum",
    "sum": "sum",
    "∏": "prod",
    **{op: op for op in (*REDUCTION_OPS, *NORMALISERS, *MATRIX_OPS)},
    **REDUCTION_ALIASES,
}
KNOWN: dict[str, str] = {**{f: f for f in FUNCTION_ARITY}, **FUNCTION_ALIASES}
SYMBOLS = frozenset(("σ", "sigma", "π", "pi", "√"))  # functions whose bare or subscripted name is an ordinary tensor
_SPLIT = frozenset(n for n in (*KNOWN, *REDUCTION_ALIASES) if "_" in n)  # names that have an underscore
_RESERVED = frozenset((*KNOWN, *BINDERS, "dim", "partial")) - SYMBOLS
_PRIMES = {"'": 1, "′": 1, "″": 2, "‴": 3}
_PRIME_SIGNS = ("", "′", "″", "‴")
_ORDERS = ("⁰", "", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹")

_STARTS = frozenset(("T", "N", "n", "(", "[", "{", "∂", "√", "frac", "|"))  # kinds with which a factor starts
_AFTER = frozenset(("^", "p", "q", "s", "u"))  # kinds that go on with the name before them
_RELATIONS = frozenset(("=", "≠", "<", "≤", ">", "≥"))
_LABEL = re.compile(rf"\^\s*(?:\(\s*([{LETTERS}0-9][{LETTERS}0-9+\-, ]*?)\s*\)|\{{\s*\(\s*([{LETTERS}0-9][{LETTERS}0-9+\-, ]*?)\s*\)\s*\}})")
_COMPACT = re.compile(rf"[{LETTERS}]+")


class Reader:
    """Reads one token list. ``names``: tensors met so far; ``called``: functions met so far, as they were spelled."""

    def __init__(self, tokens: Tokens) -> None:
        self.text, self.kinds, self.texts, self.starts, self.ends = tokens
        self.p = 0
        self.depth = 0
        self.first = 0  # the first token of the equation that is being read
        self.in_bracket = False
        self.entries: dict[str, tuple[Tensor, str] | None] = {}
        self.letters: dict[str, Index] = {}
        self.names: dict[str, tuple[int, int]] = {}
        self.called: dict[str, tuple[int, int]] = {}
        self.spans: dict[object, tuple[int, int]] | None = None
        self._indices: tuple[int, frozenset[str], frozenset[str]] | None = None
        self.delta_is_tensor = self._delta_defined()
        self.given = frozenset[str]()  # letters that are indices wherever they stand
        self.scalars = frozenset[str]()

    # ------------------------------------------------------------------- refusals
    def fail(self, kind: type[TensorpropError], problem: str, span: tuple[int, int], fix: str | None = None, known: str | None = None) -> NoReturn:
        raise kind(problem, self.text, span, fix=fix, known=known)

    def unexpected(self, p: int, wanted: str, fix: str | None = None) -> NoReturn:
        """The token at ``p`` does not fit."""
        kind, span = self.kinds[p], (self.starts[p], self.ends[p])
        if kind in ("end", ";"):
            before = self.ends[p - 1] if p else 0
            last = self.texts[p - 1] if p else ""
            self.fail(UnexpectedEnd, f"{wanted}, and the {'text' if kind == 'end' else 'equation'} ends here", (before, before), fix or self._after(last))
        if kind in (")", "]", "}"):
            opener = {")": "(", "]": "[", "}": "{"}[kind]
            if not self._opened(p, opener):
                self.fail(UnbalancedBracket, f'"{kind}" closes nothing', span, f'delete it, or write the "{opener}" that it belongs to')
        if kind in ("<", ">"):
            self._angle(p)
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
        if len(sign) == 1 and sign in "<>" and (left_side or following in ("/", "!") or (following.isalpha() and before.isalnum())):
            self.fail(UnsafeName, f'"{sign}" cannot be in a name', span, "use letters, digits and Greek letters")
        self.fail(UnexpectedChar, f'"{sign}" compares only inside a bracket', span, "write [a > b]: 1 where it holds, else 0")

    def enter(self, p: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(NestedTooDeep, f"more than {MAX_DEPTH} levels inside one another", (self.starts[p], self.ends[p]), "name the inner part in an equation of its own")

    # ------------------------------------------------------------------- equations
    def _delta_defined(self) -> bool:
        """Whether some left side is δ with subscripts of its own."""
        if "δ" not in self.texts and not any(t.startswith(("δ_", "delta_")) or t == "delta" for t in self.texts):
            return False
        start = True
        for k, kind in enumerate(self.kinds):
            if start and kind in ("T", "N"):
                name = self.texts[k].partition("_")[0]
                if name in ("δ", "delta") and (kind == "T" or self.kinds[k + 1] in ("s", "u", "[", "^")):
                    return True
            start = kind == ";"
        return False

    def target(self) -> tuple[Tensor, tuple[int, int]]:
        """The left side of an equation, up to and with its ``=``."""
        p = self.first = self.p
        kinds = self.kinds
        if kinds[p] == "T" and kinds[p + 1] == "=":
            texts = self.texts
            got = self.entries[texts[p]] if texts[p] in self.entries else self.compact(p)
            if got is not None:
                node, letters = got
                if len(node.free) != len(letters):
                    self._repeated(node, letters, (self.starts[p], self.ends[p]))
                self.p = p + 2
                return node, (self.starts[p], self.ends[p])
        if kinds[p] not in ("T", "N", "∂", "frac"):
            self.unexpected(p, "an equation starts with the tensor that it defines")
        tree = self.derivative() if kinds[p] in ("∂", "frac") or self.texts[p] == "partial" else self.named()
        end = self.ends[self.p - 1]
        span = (self.starts[p], end)
        if kinds[self.p] == "/" and kinds[self.p + 1] in ("T", "N"):
            tree = self._plain_derivative(tree, p)
            span = (self.starts[p], self.ends[self.p - 1])
        if kinds[self.p] != "=":
            if "=" not in self._kinds_of_equation():
                stop = self._end_of_equation()
                first_line = self.text[self.starts[p] : self.ends[stop - 1]]
                short = first_line if len(first_line) < 40 else "…"
                self.fail(
                    UnexpectedEnd if kinds[self.p] in ("end", ";") else UnexpectedChar,
                    'an equation needs "="',
                    (end, end) if kinds[self.p] in ("end", ";") else (self.starts[self.p], self.ends[self.p]),
                    f"name what is meant: y = {short}",
                )
            if kinds[self.p] in ("<", ">"):
                self._angle(self.p)
            self.unexpected(self.p, "the left side is one tensor, followed by =")
        if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
            self.fail(UnexpectedChar, "the left side is one tensor, with its indices", span, "write the tensor's name and indices: y_i = …")
        node = tree.node
        letters = node.letters
        if letters is None:
            self.fail(RepeatedOutputIndex, "an axis of the left side has a letter of its own", span, "write plain indices on the left, and a bracket such as [i = 0] on the right")
        if len(set(letters)) != len(letters):
            self._repeated(node, letters, span)
        self.p += 1
        return node, span

    def _repeated(self, node: Tensor, letters: str | tuple[str, ...], span: tuple[int, int]) -> NoReturn:
        twice = next(c for k, c in enumerate(letters) if c in letters[:k])
        at = self.text.rfind(twice, *span)
        self.fail(
            RepeatedOutputIndex,
            f'index "{twice}" stands twice on the left',
            (at, at + len(twice)) if at >= 0 else span,
            "give every axis its own letter and put a bracket on the right: D_ij = a_i [i = j]",
        )

    def _kinds_of_equation(self) -> list[str]:
        return self.kinds[self.first : self._end_of_equation()]

    def _end_of_equation(self) -> int:
        p = self.first
        while self.kinds[p] not in (";", "end"):
            p += 1
        return p

    def finish(self) -> None:
        """The equation must end here."""
        if self.kinds[self.p] not in (";", "end"):
            fix = None
            if self.kinds[self.p] == "=":
                fix = "one equation, one =; separate equations by ; or a new line"
            self.unexpected(self.p, "the equation should end, or go on with + or a factor", fix)

    # ------------------------------------------------------------------- sums and products
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
                self.fail(LimitExceeded, f"a sum of more than {MAX_OPERANDS:,} terms", (self.starts[at], self.ends[at]), "split it over several equations")
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
            if k == "T" and kinds[p + 1] not in _AFTER:
                token = texts[p]
                got = entries[token] if token in entries else self.compact(p)
            elif k not in _STARTS:
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
            elif k in _STARTS:
                divides = False
            else:
                break
            if len(factors) >= MAX_OPERANDS:
                self.fail(LimitExceeded, f"a product of more than {MAX_OPERANDS:,} factors", (starts[p], ends[p]), "split it over several equations")
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
            tree = self.group()
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
        else:
            self._no_factor(p)
        k = self.kinds[self.p]
        if k == "^" or k == "p":
            return self.powers(tree, p)
        if k == "q":
            self.unexpected(self.p, "a prime marks the slope of a function", "write f′(z_i); a tensor's name has no primes")
        if k == "s" or k == "u":
            self._stray_subscript(self.p)
        return tree

    def _stray_subscript(self, p: int) -> NoReturn:
        self.unexpected(p, "only a name bears subscripts, and one list of them", "name the expression in an equation of its own, then write its entry")

    def number(self) -> Tree:
        p = self.p
        self.p = p + 1
        return Leaf(self.starts[p], self.ends[p], "", number(self.value(p)))

    def value(self, p: int) -> Fraction:
        """The number at ``p``, exactly as it is written."""
        token = self.texts[p]
        mantissa, _, exponent = token.lower().partition("e")
        if len(mantissa) > MAX_DIGITS + 1 or len(exponent) > 6 or (exponent and abs(int(exponent)) > MAX_POWER_OF_TEN):
            self.fail(NumberTooLarge, f"a number of more than {MAX_DIGITS} digits, or beyond 1e{MAX_POWER_OF_TEN}", (self.starts[p], self.ends[p]), "write fewer digits")
        return Fraction(token)

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

    def close(self, opener: int, closer: str) -> None:
        """Step over the bracket that closes the one at token ``opener``."""
        k = self.kinds[self.p]
        if k == closer:
            self.p += 1
            return
        sign = self.text[self.starts[opener] : self.ends[opener]]
        if k in ("end", ";", "=", ")", "]", "}") and not (k == "=" and self.in_bracket):
            self.fail(UnbalancedBracket, f'"{sign}" is never closed', (self.starts[opener], self.ends[opener]), f'write the "{closer}" that belongs to it')
        if k == ",":
            self.unexpected(self.p, "a comma separates only arguments and subscripts")
        self.unexpected(self.p, f'"{closer}" or a sign should stand here')

    # ------------------------------------------------------------------- powers
    def powers(self, base: Tree, first: int) -> Tree:
        """``base^exponent``; ``^`` is right associative."""
        while True:
            p = self.p
            k = self.kinds[p]
            if k == "p":
                run = raised(self.texts[p])
                self.p = p + 1
                base = self._raised(base, run, first, p)
            elif k == "^":
                if isinstance(base, Leaf) and isinstance(base.node, Tensor) and self.starts[first] == base.start:
                    m = _LABEL.match(self.text, self.starts[p])
                    if m is not None and self.kinds[p + 1] == "(":
                        self._label_or_power(base, m, first)
                self.p = p + 1
                exponent = self.exponent(p)
                base = self._power(base, exponent, first)
            else:
                return base

    def _label_or_power(self, base: Leaf, m: re.Match[str], first: int) -> NoReturn:
        shown = self.text[base.start : base.end]
        name, _, rest = shown.partition("_")
        label = m[1].replace(" ", "")
        self.fail(
            AmbiguousNotation,
            f"{shown}^({label}) is a power, or {name} of layer {label}",
            (base.start, m.end()),
            f"write `{shown}^{{{label}}}` for the power, or `{name}^({label})_{rest}` for the layer's tensor" if rest else f"write `{shown}^{{{label}}}` for the power, or `{shown}^{{({label})}}` for the layer's number",
        )

    def _raised(self, base: Tree, run: str, first: int, p: int) -> Tree:
        span = (self.starts[p], self.ends[p])
        if run.lstrip("+-").isdigit() and run[1:].isdigit() | (len(run) == 1):
            return self._power(base, Leaf(*span, "", number(int(run))), first)
        if len(run) == 1 and run.isalpha():
            return self._power(base, Leaf(*span, "", Tensor(run, ())), first)
        self.fail(UnexpectedChar, "a raised exponent is a whole number or one letter", span, "write it as ^(…)")

    def _power(self, base: Tree, exponent: Tree, first: int) -> Tree:
        times = 0
        if isinstance(exponent, Leaf) and not exponent.open:
            value = getattr(exponent.node, "value", None)
            if isinstance(value, Fraction) and value.denominator == 1 and value >= 2:
                times = 2
        return Power(self.starts[first], self.ends[self.p - 1], base, exponent, times)

    def exponent(self, caret: int) -> Tree:
        """A number, a name, or something in parentheses or braces, perhaps with a minus; then perhaps another ``^``."""
        self.enter(caret)
        p = self.p
        minus = self.kinds[p] == "-"
        if minus or self.kinds[p] == "+":
            self.p = p + 1
        k = self.kinds[self.p]
        at = self.p
        if k == "n":
            tree = self.number()
        elif k in ("T", "N"):
            tree = self.named()
        elif k in ("(", "{"):
            tree = self.group()
        else:
            self.unexpected(self.p, '"^" needs an exponent: a number, a name, or something in parentheses')
        if self.kinds[self.p] in ("^", "p"):
            tree = self.powers(tree, at)
        self.depth -= 1
        if not minus:
            return tree
        if isinstance(tree, Leaf) and not tree.open:
            return Leaf(self.starts[p], tree.end, "", mul(number(-1), tree.node))
        return Term(self.starts[p], self.ends[self.p - 1], True, [tree], None, dict.fromkeys(tree.open, 1), type(tree) is Leaf).settle()

    # ------------------------------------------------------------------- names
    def compact(self, p: int) -> tuple[Tensor, str] | None:
        """The entry that a token such as ``W_ij`` stands for, with its letters; None for every other meaning."""
        token = self.texts[p]
        name, _, sub = token.partition("_")
        letters = sub[1:-1] if sub[0] == "{" else sub
        got: tuple[Tensor, str] | None = None
        if name == "delta":
            name = "δ"
        if name not in _RESERVED and name not in BINDERS and token not in _SPLIT and not (name == "δ" and len(letters) == 2 and not self.delta_is_tensor):
            index = self.letters
            subscripts: list[Index] = []
            for c in letters:
                i = index.get(c)
                if i is None:
                    i = index[c] = Index(c)
                subscripts.append(i)
            got = (Tensor(name, tuple(subscripts)), letters)
            self.names.setdefault(name, (self.starts[p], self.ends[p]))
            if self.spans is not None:
                at = self.starts[p] + token.index("_") + 1 + (sub[0] == "{")
                for k, c in enumerate(letters):
                    if self.text.startswith(c, at + k):
                        self.spans.setdefault(index[c], (at + k, at + k + 1))
                        self.spans.setdefault((got[0], k), (at + k, at + k + 1))
        if self.spans is None:
            self.entries[token] = got
        return got

    def named(self) -> Tree:
        """What a name begins: a tensor's entry, a function's value, a reduction, an adjoint, a delta."""
        p = self.p
        token = self.texts[p]
        if self.kinds[p] == "T" and token not in _SPLIT:
            if self.kinds[p + 1] not in _AFTER:
                got = self.entries[token] if token in self.entries else self.compact(p)
                if got is not None:
                    self.p = p + 1
                    return Leaf(self.starts[p], self.ends[p], got[1], got[0])
            name, _, sub = token.partition("_")
            if name in BINDERS:
                return self.binder(name)
        else:
            name = token
            following = self.kinds[p + 1] if self.ends[p] == self.starts[p + 1] else ""
            if name in BINDERS and (name not in KNOWN or following in ("s", "u", "[")):
                return self.binder(name)
            if name == "dim":
                return self.dim()
            if name == "partial":
                return self.derivative()
            if following in ("(", "q") or self._labelled_function(p):
                return self.function()
            if name in KNOWN and (name not in SYMBOLS or (self.kinds[p + 1] == "(" and KNOWN[name] != "pi")):
                self._bare_function(p)
            if name in ("π", "pi") and following not in ("s", "u", "[") and not self._labelled(p):
                self.p = p + 1
                return Leaf(self.starts[p], self.ends[p], "", Call("pi", ()))
            if name in ("δ", "delta") and self.kinds[p + 1] in ("T", "N") and self._is_tensor_name(p + 1):
                self.p = p + 1
                tree = self.named()
                assert isinstance(tree, Leaf)
                if not isinstance(tree.node, Tensor):
                    self.unexpected(p + 1, "the adjoint of a tensor is written δ and its name")
                return Leaf(self.starts[p], tree.end, tree.open, self._tensor("δ" + tree.node.name, tree.node.subscripts, (self.starts[p], tree.end)))
        return self.entry()

    def _is_tensor_name(self, p: int) -> bool:
        name = self.texts[p].partition("_")[0]
        if self.texts[p] in _SPLIT or name in _RESERVED or name in BINDERS:
            return False
        at_once = self.kinds[p + 1] in ("(", "q") and self.ends[p] == self.starts[p + 1]
        return self.kinds[p] == "T" or not at_once

    def _labelled_function(self, p: int) -> bool:
        """``f^(k)(z)`` and ``f^{\\prime}(z)``: a name, a raised label or prime, and at once a parenthesis."""
        if self.kinds[p + 1] != "^":
            return False
        if self.kinds[p + 2] == "q" or (self.kinds[p + 2] == "{" and self.kinds[p + 3] == "q"):
            return True
        m = _LABEL.match(self.text, self.starts[p + 1])
        return m is not None and self.text.startswith(("(", "'", "′", "″"), m.end()) and self.kinds[p] == "N"

    def _labelled(self, p: int) -> bool:
        """Whether a raised layer label follows the name at ``p``, in one of its two spellings."""
        m = _LABEL.match(self.text, self.starts[p + 1]) if self.kinds[p + 1] == "^" else None
        return m is not None and (m[2] is not None or self._followed_by_subscript(m.end()))

    def _followed_by_subscript(self, at: int) -> bool:
        return bool(re.match("[_\\[ₐ-ₜᵢ-ᵪⱼ₀-₎]", self.text[at : at + 1]))

    def _bare_function(self, p: int) -> NoReturn:
        name = self.texts[p]
        span = (self.starts[p], self.ends[p])
        if self.kinds[p + 1] == "(":
            self.fail(AmbiguousNotation, f'"{name} (" with a space: the function {name}, or a product?', span, f"write `{name}(…)` for the function; a tensor called {name} needs another name, or `{name} · (…)`")
        if self.kinds[p + 1] in ("s", "u", "["):
            self._function_subscript(p, name)
        self.fail(UnexpectedChar, f"{name} is a function and needs parentheses", span, f"write {name}(z_i)")

    def _function_subscript(self, p: int, name: str) -> NoReturn:
        self.fail(NameConflict, f"{name} is a function and bears no subscripts", (self.starts[p], self.ends[p]), f"put them inside, {name}(z_i), or give the tensor another name")

    def entry(self) -> Leaf:
        """A tensor's entry: name, label, subscripts, in that order or with the label last."""
        p = self.p
        token = self.texts[p]
        name, bar, sub = token.partition("_") if self.kinds[p] == "T" else (token, "", "")
        self.p = p + 1
        if name in _RESERVED or (token in _SPLIT and self.kinds[p] == "T"):
            if token in KNOWN or name in KNOWN:
                self._function_subscript(p, name)
            self.fail(NameConflict, f"{name} is a word of the notation, not a tensor's name", (self.starts[p], self.ends[p]), "use another name")
        name = "δ" if name == "delta" else name
        label = ""
        kinds = self.kinds
        if kinds[self.p] == "^" and not bar:
            label = self.label(p, name)
        subscripts: list[Expr] = []
        letters: list[str] = []
        listed = bool(bar)
        if bar:
            at = self.starts[p] + len(token.partition("_")[0]) + 1 + (sub[0] == "{")
            plain = sub.strip("{}")
            self._letters(plain, at, subscripts, letters)
        else:
            listed = self.subscripts(subscripts, letters, p)
        if not label and listed and kinds[self.p] == "^" and kinds[self.p + 1] == "{":
            m = _LABEL.match(self.text, self.starts[self.p])
            if m is not None:
                label = self._take_label(m)
        if kinds[self.p] in ("s", "u") and self.starts[self.p] == self.ends[self.p - 1]:
            self._stray_subscript(self.p)
        span = (self.starts[p], self.ends[self.p - 1])
        if name == "δ" and not label and len(subscripts) == 2 and not self.delta_is_tensor and all(isinstance(s, Index) for s in subscripts):
            if subscripts[0] is subscripts[1]:
                self.fail(UnknownRange, f"δ with {letters[0]} twice is 1", span, f"write 1, or dim({letters[0]}) for its sum")
            return Leaf(*span, tuple(letters), delta(*subscripts))
        return Leaf(*span, tuple(letters), self._tensor(name + label, tuple(subscripts), span))

    def _tensor(self, name: str, subscripts: tuple[Expr, ...], span: tuple[int, int]) -> Tensor:
        self.names.setdefault(name, span)
        node = Tensor(name, subscripts)
        if self.spans is not None:
            for k, s in enumerate(subscripts):
                if isinstance(s, Index) and s in self.spans:
                    self.spans.setdefault((node, k), span)
        return node

    def label(self, p: int, name: str) -> str:
        """``^(k)`` after a bare name, where subscripts follow or where braces tell that it is no power."""
        m = _LABEL.match(self.text, self.starts[self.p])
        if m is None:
            return ""
        if m[2] is None and not self._followed_by_subscript(m.end()):
            if self.kinds[self.p + 1] == "(":
                self._label_or_power(Leaf(self.starts[p], self.ends[p], "", Tensor(name, ())), m, p)
            return ""
        return self._take_label(m)

    def _take_label(self, m: re.Match[str]) -> str:
        while self.starts[self.p] < m.end() and self.kinds[self.p] != "end":
            self.p += 1
        return "^(" + (m[1] or m[2]).replace(" ", "") + ")"

    # ------------------------------------------------------------------- subscripts
    def _letters(self, run: str, at: int, subscripts: list[Expr], letters: list[str]) -> None:
        for k, c in enumerate(run):
            i = self.letters.get(c)
            if i is None:
                i = self.letters[c] = Index(c)
            subscripts.append(i)
            letters.append(c)
            if self.spans is not None:
                self.spans.setdefault(i, (at + k, at + k + 1))

    def subscripts(self, subscripts: list[Expr], letters: list[str], name: int) -> bool:
        """The list of subscripts at once after a name, in any spelling; whether there is one."""
        p = self.p
        k = self.kinds[p]
        if k == "u":
            self.p = p + 1
            self._run(lower(self.texts[p]), p, subscripts, letters)
            return True
        if k == "s":
            self.p = p + 1
            token = self.texts[p]
            if token == "_":
                if self.kinds[p + 1] == "N" and self.starts[p + 1] == self.ends[p]:  # W_\\alpha
                    self.p = p + 2
                    self._letters(self.texts[p + 1], self.starts[p + 1], subscripts, letters)
                    return True
                shown = self.text[self.starts[name] : self.ends[p]]
                word = self.texts[name]
                self.fail(
                    MissingIndex,
                    f'"{shown}" ends with an underscore but no index follows',
                    (self.starts[name], self.ends[p]),
                    f'write "{word}_i", or "{word}" for a scalar' if word not in BINDERS else f"name the index: {word}_i",
                )
            if token != "_{":
                self._run(token[1:], p, subscripts, letters)
                return True
            self.braces(p, subscripts, letters)
            return True
        if k == "[" and self.starts[p] == self.ends[p - 1] and not self._relates(p):
            self.p = p + 1
            if self.kinds[self.p] == "]":
                self.p += 1
                return True
            self.list_of(p, "]", subscripts, letters)
            return True
        return False

    def _run(self, run: str, p: int, subscripts: list[Expr], letters: list[str]) -> None:
        """Compact subscripts with digits or signs in them: ``z_0``, ``hₜ₋₁``."""
        span = (self.starts[p], self.ends[p])
        at = span[1] - len(run)
        if _COMPACT.fullmatch(run):
            self._letters(run, at, subscripts, letters)
            return
        if run.isdigit() and len(run) == 1:
            subscripts.append(number(int(run)))
            return
        m = re.fullmatch(rf"([{LETTERS}])([+-])([0-9]+|[{LETTERS}])", run)
        if m is not None:
            right: Expr = number(int(m[3])) if m[3].isdigit() else Index(m[3])
            subscripts.append(add(Index(m[1]), mul(number(-1), right) if m[2] == "-" else right))
            letters.append(m[1])
            if not m[3].isdigit():
                letters.append(m[3])
            return
        split = re.findall(rf"[{LETTERS}]|[0-9]", run)
        name = re.findall(rf"[{LETTERS}][0-9]*|[0-9]+", run)
        self.fail(AmbiguousNotation, f"the subscripts {run} have two readings", span, f"write [{', '.join(split)}], or [{', '.join(name)}]")

    def braces(self, p: int, subscripts: list[Expr], letters: list[str]) -> None:
        """``_{…}``: one index per letter, or a list with commas, or one affine form of single letters."""
        kinds = self.kinds
        q, commas, level = p + 1, False, 0
        while kinds[q] not in ("end", ";"):
            k = kinds[q]
            if k == "}" and level == 0:
                break
            if k in ("{", "(", "[") or (k == "s" and self.texts[q] == "_{"):
                level += 1
            elif k in ("}", ")", "]"):
                level -= 1
            elif k == "," and level == 0:
                commas = True
            q += 1
        if kinds[q] != "}":
            self.fail(UnbalancedBracket, '"_{" is never closed', (self.starts[p], self.ends[p]), 'write the "}" that belongs to it')
        self.p = p + 1
        if q == p + 1:
            self.fail(MissingIndex, "the braces hold no index", (self.starts[p], self.ends[q]), "write the indices, or leave the subscript out")
        inside = kinds[p + 1 : q]
        if not commas and all(k == "N" for k in inside):
            for m in range(p + 1, q):
                word = self.texts[m]
                if not _COMPACT.fullmatch(word):
                    self._run(word, m, subscripts, letters)
                else:
                    self._letters(word, self.starts[m], subscripts, letters)
            self.p = q + 1
            return
        if not commas and not any(k in ("T", "s", "u", "[") for k in inside):
            for m in range(p + 1, q):
                word = self.texts[m]
                if (kinds[m] == "N" and len(word) > 1) or (kinds[m] == "n" and len(word) > 1 and q == p + 2):
                    shown = self.text[self.starts[p + 1] : self.ends[q - 1]]
                    self.fail(AmbiguousNotation, f"the subscripts {shown} have two readings", (self.starts[m], self.ends[m]), f"separate them by commas: [{', '.join(word)}], or [{shown}] for one")
            if kinds[p + 1] == "n" and kinds[p + 2] == "N" and q == p + 3 and self.starts[p + 2] == self.ends[p + 1]:
                self._run(self.texts[p + 1] + self.texts[p + 2], p + 1, subscripts, letters)
                self.p = q + 1
                return
        self.list_of(p, "}", subscripts, letters)

    def list_of(self, opener: int, closer: str, subscripts: list[Expr], letters: list[str]) -> None:
        """Affine forms between commas, up to the closing bracket."""
        self.enter(opener)
        while True:
            at = self.p
            node = self.affine(letters)
            subscripts.append(node)
            if self.spans is not None:
                self.spans.setdefault(node, (self.starts[at], self.ends[self.p - 1]))
            if self.kinds[self.p] != ",":
                break
            self.p += 1
        if self.kinds[self.p] != closer:
            k = self.kinds[self.p]
            if k in ("end", ";", "="):
                self.fail(UnbalancedBracket, f'"{self.texts[opener]}" is never closed', (self.starts[opener], self.ends[opener]), f'write the "{closer}" that belongs to it')
            self.unexpected(self.p, "a subscript is an index, a whole number, a form such as 2x + u - 1, or an entry such as tok_bt")
        self.p += 1
        self.depth -= 1

    def affine(self, letters: list[str]) -> Expr:
        """``2x + u - 1``."""
        terms: list[Expr] = []
        k = self.kinds[self.p]
        while True:
            minus = k == "-"
            if k in ("+", "-"):
                self.p += 1
            factors: list[Expr] = []
            while True:
                factors.append(self.affine_factor(letters))
                if self.kinds[self.p] == "*":
                    self.p += 1
                elif self.kinds[self.p] not in ("n", "N", "T", "(", "|"):
                    break
            if sum(1 for f in factors if f.free) > 1:
                self.unexpected(self.p - 1, "a subscript is no product of indices", "separate two indices by a comma")
            term = mul(*factors)
            terms.append(mul(number(-1), term) if minus else term)
            k = self.kinds[self.p]
            if k not in ("+", "-"):
                return add(*terms)

    def affine_factor(self, letters: list[str]) -> Expr:
        p = self.p
        k = self.kinds[p]
        if k == "n":
            value = self.value(p)
            if value.denominator != 1:
                self.unexpected(p, "a subscript is whole")
            self.p = p + 1
            return number(value)
        if k == "(":
            self.enter(p)
            self.p = p + 1
            node = self.affine(letters)
            self.close(p, ")")
            self.depth -= 1
            return node
        if k == "|":
            tree = self.bars()
        elif k == "N" and self.texts[p] == "dim":
            tree = self.dim()
        elif k == "N" and (self.ends[p] != self.starts[p + 1] or self.kinds[p + 1] not in ("s", "u", "[", "(", "q")) and self.kinds[p + 1] != "^":
            word = self.texts[p]
            self.p = p + 1
            i = self.letters.setdefault(word, Index(word))
            letters.append(word)
            if self.spans is not None:
                self.spans.setdefault(i, (self.starts[p], self.ends[p]))
            return i
        elif k in ("T", "N"):
            tree = self.named()
            if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
                self.unexpected(p, "a subscript is an index, a whole number, a form such as 2x + u - 1, or an entry such as tok_bt")
            letters.extend(tree.open)
            if self.spans is not None:
                self.spans.setdefault(tree.node, (tree.start, tree.end))
            return tree.node
        else:
            self.unexpected(p, "a subscript is an index, a whole number, a form such as 2x + u - 1, or an entry such as tok_bt")
        if isinstance(tree, Leaf):
            return tree.node
        self.fail(UnexpectedChar, "in a subscript a size is written dim(x, 0)", (tree.start, tree.end), "name the tensor and the axis, counted from 0")

    def _relates(self, p: int) -> bool:
        """Whether the bracket at ``p`` holds a relation."""
        level = 0
        for q in range(p, len(self.kinds)):
            k = self.kinds[q]
            if k in ("[", "(", "{") or (k == "s" and self.texts[q] == "_{"):
                level += 1
            elif k in ("]", ")", "}"):
                level -= 1
                if level == 0:
                    return False
            elif k in _RELATIONS and level == 1:
                return True
            elif k in (";", "end"):
                return False
        return False

    # ------------------------------------------------------------------- functions
    def function(self) -> Tree:
        """``f(a, b)``: a known function, or one left open, with its primes and its label."""
        p = self.p
        name = self.texts[p]
        self.p = p + 1
        label, primes = "", 0
        if self.kinds[self.p] == "^":
            m = _LABEL.match(self.text, self.starts[self.p])
            if m is not None:
                label = self._take_label(m)
            else:
                braces = self.kinds[self.p + 1] == "{"
                self.p += 2 if braces else 1
                while self.kinds[self.p] == "q":
                    primes += sum(_PRIMES[c] for c in self.texts[self.p])
                    self.p += 1
                if braces:
                    self.close(self.p - 1, "}")
        if self.kinds[self.p] == "q":
            primes += sum(_PRIMES[c] for c in self.texts[self.p])
            self.p += 1
        span = (self.starts[p], self.ends[self.p - 1])
        if primes > 3:
            self.fail(LimitExceeded, "more than three primes", span, "name the function's slope in a way of its own")
        if self.kinds[self.p] != "(" or self.starts[self.p] != self.ends[self.p - 1]:
            self.unexpected(self.p, "a prime marks the slope of a function, whose argument follows in parentheses", "write f′(z_i); a tensor's name has no primes")
        canonical = KNOWN.get(name) if not label else None
        if canonical is None:
            self._open(name, span)
            canonical = "δ" if name == "delta" else name
        if canonical == name or canonical == "δ" or name in SYMBOLS:
            self.called.setdefault(name + label, span)
        return self.arguments(p, canonical, canonical + label + _PRIME_SIGNS[primes], name)

    def _open(self, name: str, span: tuple[int, int]) -> None:
        """Refuse a name that was probably meant to be a known function's."""
        if len(name.rstrip("0123456789")) > 1 and name not in self.called:
            like = near(name, [*KNOWN, *BINDERS, "dim"])
            if like:
                self.fail(UnknownFunction, f'function "{name}" is unknown', span, f"did you mean {' or '.join(like)}? A function left open has a name less like a known one, such as f")

    def arguments(self, first: int, base: str, function: str, spelled: str) -> Tree:
        """``(a, b)`` after the name of a function."""
        p = self.p
        self.enter(p)
        self.p = p + 1
        args: list[Tree] = []
        if self.kinds[self.p] == ")":
            self.unexpected(self.p, f"{spelled} needs something to act on")
        while True:
            args.append(self.expression())
            if self.kinds[self.p] != ",":
                break
            self.p += 1
        self.close(p, ")")
        self.depth -= 1
        span = (self.starts[first], self.ends[self.p - 1])
        wanted = FUNCTION_ARITY.get(base) if base != function or base in FUNCTION_ARITY else None
        if "^" in function:
            wanted = None
        if wanted is not None and wanted != len(args):
            one = "argument" if wanted == 1 else "arguments"
            fix = f"along an index write {spelled}_u(…)" if base in ("max", "min") else None
            self.fail(ParseError, f"{spelled} takes {wanted or 'no'} {one}, not {len(args)}", span, fix)
        if function == "power":
            exponent = args[1]
            return self._power_at(span, args[0], exponent)
        return Apply(*span, function, args)

    def _power_at(self, span: tuple[int, int], base: Tree, exponent: Tree) -> Tree:
        value = getattr(exponent.node, "value", None) if isinstance(exponent, Leaf) else None
        whole = isinstance(value, Fraction) and value.denominator == 1 and value >= 2
        return Power(*span, base, exponent, 2 if whole else 0)

    def root(self) -> Tree:
        """``√(x)``, ``√2``, ``√x_i``, ``\\sqrt{x}``."""
        p = self.p
        self.p = p + 1
        k = self.kinds[p + 1]
        if k == "[":
            self.unexpected(p + 1, "roots other than the square root are powers", "write x^(1/3)")
        self.enter(p)
        if k in ("(", "{"):
            tree = self.group()
        elif k == "n":
            tree = self.number()
        elif k in ("T", "N"):
            tree = self.named()
        else:
            self.unexpected(p + 1, "the root needs something to act on")
        self.depth -= 1
        return Apply(self.starts[p], self.ends[self.p - 1], "sqrt", [tree])

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

    # ------------------------------------------------------------------- sums and reductions
    def binder(self, name: str) -> Tree:
        """``Σ_u e``, ``max_u(e)``, ``softmax_u(e)``, ``inv(X)_ij``."""
        p = self.p
        op = BINDERS[name]
        letters: list[str] = []
        spans: list[tuple[int, int]] = []
        self.p = p + 1
        if self.kinds[p] == "T":
            token = self.texts[p]
            run = token.partition("_")[2]
            at = self.starts[p] + len(token.partition("_")[0]) + 1 + (run[0] == "{")
            for k, c in enumerate(run.strip("{}")):
                letters.append(c)
                spans.append((at + k, at + k + 1))
        elif op in MATRIX_OPS and self.kinds[self.p] == "(":
            return self.matrix(p, op)
        else:
            self.indices_of(p, letters, spans)
        span = (self.starts[p], self.ends[self.p - 1])
        if len(set(letters)) != len(letters):
            twice = next(k for k, c in enumerate(letters) if c in letters[:k])
            self.fail(RepeatedOutputIndex, f'index "{letters[twice]}" stands twice under {name}', spans[twice], "name it once")
        if op in MATRIX_OPS and len(letters) != 2:
            self.fail(ParseError, f"{op} is of a matrix: two indices, or its bare name", span, f"write {op}(X)")
        if self.kinds[self.p] == "p" or self.kinds[self.p] == "^":
            self.unexpected(self.p, "an index runs over the whole of its axis", "write Σ_i, and a bracket such as [i < n] for a part of the axis")
        self.enter(p)
        at: tuple[Expr, ...] = ()
        outside: list[str] = []
        keeps = op in NORMALISERS or op == "inv"
        if self.kinds[self.p] == "(" and self.starts[self.p] == self.ends[self.p - 1]:
            body = self.group()
            if keeps and self.kinds[self.p] in ("s", "u", "[") and self.starts[self.p] == self.ends[self.p - 1] and not (self.kinds[self.p] == "[" and self._relates(self.p)):
                given: list[Expr] = []
                self.subscripts(given, outside, p)
                at = tuple(given)
                if len(at) != len(letters):
                    self.fail(ParseError, f"{op} along {len(letters)} indices has {len(letters)} subscripts, not {len(at)}", (self.starts[p], self.ends[self.p - 1]))
        else:
            if self.kinds[self.p] not in _STARTS and self.kinds[self.p] not in ("+", "-"):
                self.unexpected(self.p, f"{name} needs something to act on", f"write {name}_{''.join(letters)}(…)")
            body = self.product(False, self.p, True)
        if keeps and not at:
            at, outside = tuple(Index(c) for c in letters), list(letters)
        self.depth -= 1
        return Bind(self.starts[p], self.ends[self.p - 1], op, tuple(letters), spans, body, at, tuple(outside))

    def indices_of(self, p: int, letters: list[str], spans: list[tuple[int, int]]) -> None:
        """The indices under a sum or a reduction, in any spelling but the compact one."""
        name = self.texts[p]
        k = self.kinds[self.p]
        if k not in ("s", "u", "[") or self.starts[self.p] != self.ends[p]:
            self.fail(MissingIndex, f"{name} needs the index along which it goes", (self.starts[p], self.ends[p]), f"write {name}_i(…)")
        q = self.p
        closer = {"_{": "}", "[": "]"}.get(self.texts[q])
        while closer and self.kinds[q] not in (closer, "end", ";"):
            q += 1
            if self.kinds[q] in _RELATIONS:
                first = self.texts[self.p + 1]
                self.unexpected(q, "an index runs over the whole of its axis", f"write Σ_{first}, and a bracket such as [{first} < n] for a part of the axis")
        at = self.p
        found: list[Expr] = []
        held, self.spans = self.spans, {}
        try:
            self.subscripts(found, letters, p)
            where = self.spans
        finally:
            self.spans = held
        if not found or not all(isinstance(s, Index) for s in found):
            self.fail(MissingIndex, f"{name} goes along plain indices", (self.starts[at], self.ends[self.p - 1]), f"write {name}_i(…)")
        spans.extend(where.get(s, (self.starts[at], self.ends[self.p - 1])) for s in found)

    def matrix(self, p: int, op: str) -> Tree:
        """``inv(X)_ij``, ``det(X)``: the bare name of a matrix, the entry outside."""
        if self.starts[self.p] != self.ends[p]:
            self.fail(AmbiguousNotation, f'"{op} (" with a space: the function {op}, or a product?', (self.starts[p], self.ends[p]), f"write `{op}(X)`")
        self.enter(self.p)
        opener = self.p
        self.p += 1
        wanted = f"{op} takes the bare name of a matrix"
        fix = f"name the matrix in an equation of its own, M_ij = …, then write {op}(M)" + ("_ij" if op == "inv" else "")
        at = self.p
        if self.kinds[at] != "N":
            shown = (self.starts[at], self.ends[at])
            if self.kinds[at] == "T" and self.kinds[at + 1] == ")":
                self.fail(UnexpectedChar, wanted, shown, f"write {op}({self.texts[at].partition('_')[0]}), and the entry outside")
            self.unexpected(at, wanted, fix)
        leaf = self.named()
        if not isinstance(leaf, Leaf) or not isinstance(leaf.node, Tensor) or leaf.node.subscripts:
            self.fail(UnexpectedChar, wanted, (leaf.start, leaf.end), fix)
        if self.kinds[self.p] != ")":
            self.unexpected(self.p, wanted, fix)
        self.close(opener, ")")
        self.depth -= 1
        subscripts: list[Expr] = []
        letters: list[str] = []
        listed = self.kinds[self.p] in ("s", "u", "[") and self.starts[self.p] == self.ends[self.p - 1] and self.subscripts(subscripts, letters, p)
        span = (self.starts[p], self.ends[self.p - 1])
        if op == "inv" and len(subscripts) != 2:
            self.fail(MissingIndex, f"an entry of the inverse has two subscripts: {self.text[self.starts[p]:self.ends[self.p-1]]}_ij", span, "write them outside: inv(X)_ij")
        if op != "inv" and listed:
            self._stray_subscript(self.p - 1)
        body = Tensor(leaf.node.name, (Index(ROW), Index(COLUMN)))
        return Leaf(*span, tuple(letters), reduce(op, (ROW, COLUMN), body, subscripts))

    # ------------------------------------------------------------------- sizes, brackets, derivatives
    def dim(self) -> Tree:
        """``dim(i)``, or ``dim(x, 1)`` for an axis, counted from 0."""
        p = self.p
        if self.kinds[p + 1] != "(":
            self.fail(NameConflict, "dim is a word of the notation: the size of an index", (self.starts[p], self.ends[p]), "write dim(i)")
        self.p = p + 2
        at = self.p
        if self.kinds[at] != "N":
            self.unexpected(at, "dim takes one index", "write dim(i), or dim(x, 0) for the first axis of x")
        if self.kinds[at + 1] == ")":
            self.p = at + 2
            return Size(self.starts[p], self.ends[at + 1], self.texts[at])
        leaf = self.named()
        if isinstance(leaf, Leaf) and isinstance(leaf.node, Tensor) and not leaf.node.subscripts and self.kinds[self.p] == "," and self.kinds[self.p + 1] == "n":
            axis = self.value(self.p + 1)
            if axis.denominator == 1 and axis < 64 and self.kinds[self.p + 2] == ")":
                self.p += 3
                return Leaf(self.starts[p], self.ends[self.p - 1], "", Dim(leaf.node.name, int(axis)))
        self.unexpected(self.p, "dim takes one index, or a tensor and an axis", "write dim(i), or dim(x, 0) for the first axis of x")

    def bars(self) -> Tree:
        """``|i|``."""
        p = self.p
        if self.kinds[p + 1] == "N" and self.kinds[p + 2] == "|":
            self.p = p + 3
            return Size(self.starts[p], self.ends[p + 2], self.texts[p + 1])
        self.fail(UnexpectedChar, "bars mean the size of an index: |i|", (self.starts[p], self.ends[p]), "for an absolute value write abs(…)")

    def iverson(self) -> Tree:
        """``[left relation right]``."""
        p = self.p
        if not self._relates(p):
            before = self.text[self.starts[p - 1] : self.ends[p - 1]] if p else ""
            near_name = p and self.kinds[p - 1] in ("N", "T")
            end = self.p
            while self.kinds[end] not in ("]", "end", ";"):
                end += 1
            if self.kinds[end] != "]":
                self.fail(UnbalancedBracket, '"[" is never closed', (self.starts[p], self.ends[p]), 'write the "]" that belongs to it')
            self.fail(
                UnexpectedChar,
                "a bracket on its own holds a relation",
                (self.starts[p], self.ends[p]),
                f"write [t ≥ u], or {before}[…] without a space for subscripts" if near_name else "write [t ≥ u], or ( … ) to group",
            )
        self.enter(p)
        self.p = p + 1
        held, self.in_bracket = self.in_bracket, True
        left = self.side()
        relation = self.kinds[self.p]
        if relation not in _RELATIONS:
            self.unexpected(self.p, "a relation = ≠ < ≤ > ≥ should stand here")
        self.p += 1
        right = self.side()
        if self.kinds[self.p] in _RELATIONS:
            self.unexpected(self.p, "a bracket holds one relation", "write two brackets: [a ≤ b] [b < c]")
        self.in_bracket = held
        self.close(p, "]")
        self.depth -= 1
        return Relate(self.starts[p], self.ends[self.p - 1], relation, left, right)

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
                            f"{n.name} is an index of this equation and a scalar of the System: which of them is compared?",
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
                return Power(t.start, t.end, self._turn(t.base, indices, scalars), self._turn(t.exponent, indices, scalars), t.times)
            case Apply():
                return Apply(t.start, t.end, t.function, [self._turn(a, indices, scalars) for a in t.args])
            case _:
                return t

    def known_indices(self) -> tuple[frozenset[str], frozenset[str]]:
        """The letters that are indices somewhere in this equation, and the names that are scalars in it."""
        if self._indices is not None and self._indices[0] == self.first:
            return self._indices[1], self._indices[2]
        indices: set[str] = set()
        scalars: set[str] = set(self.scalars)
        kinds, texts = self.kinds, self.texts
        stop = self._end_of_equation()
        q = self.first
        subscript: list[str] = []  # the closers of open subscript lists
        nested: list[str] = []
        while q < stop:
            k = kinds[q]
            if k == "^":
                m = _LABEL.match(self.text, self.starts[q])
                if m is not None:  # a layer label, or a power that looks like one
                    while q + 1 < stop and self.starts[q + 1] < m.end():
                        q += 1
                    q += 1
                    continue
            at_once = q > 0 and self.starts[q] == self.ends[q - 1] and kinds[q - 1] in ("N", ")")
            if k == "T" and texts[q] not in _SPLIT:
                indices.update(texts[q].partition("_")[2].strip("{}"))
            elif k == "u":
                indices.update(c for c in lower(texts[q]) if c.isalpha())
            elif k == "s" and texts[q] not in ("_", "_{"):
                indices.update(c for c in texts[q][1:] if c.isalpha())
            elif (k == "s" and texts[q] == "_{") or (k == "[" and at_once and not self._relates(q)):
                nested.append("list")
                subscript.append("")
            elif k in ("(", "[", "{"):
                nested.append("[" if k == "[" else "(")
            elif k in (")", "]", "}") and nested:
                if nested.pop() == "list":
                    subscript.pop()
            elif k == "N":
                bare = kinds[q + 1] not in ("(", "q", "s", "u", "[") or self.starts[q + 1] != self.ends[q]
                if subscript and bare:
                    commas = "," in kinds[q - 1 : q + 2] or kinds[q - 1] == "["
                    indices.update((texts[q],) if commas or len(texts[q]) == 1 else texts[q])
                elif bare and "[" not in nested and kinds[q - 1] != "|" and not (kinds[q - 1] == "(" and texts[q - 2] == "dim"):
                    scalars.add(texts[q])
            q += 1
        self._indices = (self.first, frozenset(indices) | self.given, frozenset(scalars) - self.given)
        return self._indices[1], self._indices[2]

    def derivative(self) -> Tree:
        """``∂y_i/∂x_k``, ``∂²E/∂x_k∂x_l``, ``\\frac{\\partial E}{\\partial x}``: the tensor that holds it."""
        p = self.p
        braces = self.kinds[p] == "frac"
        if braces:
            self.p = p + 2
        order = 1
        self._partial()
        if self.kinds[self.p] == "p" and raised(self.texts[self.p]).isdigit():
            order = int(raised(self.texts[self.p]))
            self.p += 1
        elif self.kinds[self.p] == "^":
            self.p += 1
            inner = self.kinds[self.p] == "{"
            self.p += inner
            if self.kinds[self.p] != "n" or not self.texts[self.p].isdigit():
                self.unexpected(self.p, "the order of a derivative is a whole number")
            order = int(self.texts[self.p]) if len(self.texts[self.p]) < 4 else 1000
            self.p += 1 + inner
        if not 1 <= order <= MAX_ORDER:
            self.fail(LimitExceeded, f"a derivative of order {order}; the limit is {MAX_ORDER}", (self.starts[p], self.ends[self.p - 1]))
        top = self._differentiated()
        if braces:
            if self.kinds[self.p] != "}" or self.kinds[self.p + 1] != "{":
                self.unexpected(self.p, "a derivative is written \\frac{\\partial y}{\\partial x}")
            self.p += 2
        else:
            if self.kinds[self.p] != "/":
                self.unexpected(self.p, "a derivative is written ∂y_i/∂x_k")
            self.p += 1
        below: list[Leaf] = []
        for _ in range(order):
            self._partial()
            below.append(self._differentiated())
            if self.kinds[self.p] in ("^", "p"):
                self.unexpected(self.p, "every ∂ below has a tensor of its own", "write ∂²E/∂x_k∂x_l")
        if braces:
            self.close(p + 1, "}")
        return self._quotient(top, below, p)

    def _quotient(self, top: Leaf, below: list[Leaf], p: int) -> Leaf:
        subscripts: list[Expr] = []
        letters: list[str] = []
        name = f"∂{_ORDERS[len(below)]}"
        for k, leaf in enumerate((top, *below)):
            assert isinstance(leaf.node, Tensor)
            name += ("/∂" if k == 1 else "∂" if k else "") + leaf.node.name + "·" * len(leaf.node.subscripts)
            subscripts += leaf.node.subscripts
            letters += leaf.open
        span = (self.starts[p], self.ends[self.p - 1])
        return Leaf(*span, tuple(letters), self._tensor(name, tuple(subscripts), span))

    def _partial(self) -> None:
        if self.kinds[self.p] != "∂" and self.texts[self.p] != "partial":
            self.unexpected(self.p, "a derivative is written ∂y_i/∂x_k, with one ∂ below for each above")
        self.p += 1

    def _differentiated(self) -> Leaf:
        p = self.p
        if self.kinds[p] not in ("T", "N"):
            self.unexpected(p, "∂ stands before a tensor's name")
        held = dict(self.names)
        tree = self.named()
        self.names = held
        if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
            self.fail(UnexpectedChar, "∂ stands before a tensor's name", (tree.start, tree.end), "write ∂y_i/∂x_k")
        return tree

    def _plain_derivative(self, top: Tree, p: int) -> Tree:
        """``dy_i/dx_k`` on a left side, where it can mean nothing else."""
        slash = self.p
        if isinstance(top, Leaf) and isinstance(top.node, Tensor) and len(top.node.name) > 1 and top.node.name[0] == "d" and self.texts[slash + 1][0] == "d":
            self.p = slash + 1
            below = self.named()
            if isinstance(below, Leaf) and isinstance(below.node, Tensor) and len(below.node.name) > 1:
                parts = [Leaf(t.start, t.end, t.open, Tensor(t.node.name[1:], t.node.subscripts)) for t in (top, below) if isinstance(t.node, Tensor)]
                self.names.pop(top.node.name, None)
                self.names.pop(below.node.name, None)
                return self._quotient(parts[0], parts[1:], p)
            self.p = slash
        return top
