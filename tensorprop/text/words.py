"""What a name begins: an entry, a function's value, an adjoint; in other files a reduction or a derivative.

In: a name and the tokens after it. Out: a tree. The names that are known come from ``vocabulary``; what they mean is
not known here.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from fractions import Fraction
from typing import NoReturn

from tensorprop.core.build import delta
from tensorprop.core.expr import Call, Expr, Index, Tensor
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.names import adjoint_name, innermost
from tensorprop.errors import (
    AmbiguousNotation,
    LimitExceeded,
    NameConflict,
    ParseError,
    UnexpectedChar,
    UnknownRange,
)
from tensorprop.text import doubts
from tensorprop.text.implied import Apply, Leaf, Power, Size, Tree
from tensorprop.text.limits import layer
from tensorprop.text.matrix_words import MATRIX_WORDS, MatrixWords
from tensorprop.text.meant import left
from tensorprop.text.reserved import PROGRAMMING
from tensorprop.text.subscripts import LABEL, label_text
from tensorprop.text.vocabulary import AFTER, BINDERS, CONSTANTS, KNOWN, RESERVED, SPLIT, SYMBOLS, WORDS

__all__ = ["Words"]

_PRIMES = {"'": 1, "′": 1, "″": 2, "‴": 3}
_PRIME_SIGNS = ("", "′", "″", "‴")


class Words(MatrixWords):
    """Reads what names begin."""

    split: AbstractSet[str] = SPLIT

    def compact(self, p: int) -> tuple[Tensor, str] | None:
        """The entry that a token such as ``W_ij`` stands for, with its letters; None for every other meaning."""
        token = self.texts[p]
        name, _, sub = token.partition("_")
        letters = sub[1:-1] if sub[0] == "{" else sub
        got: tuple[Tensor, str] | None = None
        if name == "delta":
            name = "δ"
        if (
            name not in RESERVED
            and name not in BINDERS
            and name not in PROGRAMMING
            and (name[0] != "δ" or innermost(name) not in WORDS)
            and token not in SPLIT
            and not (name == "δ" and len(letters) == 2 and not self.delta_is_tensor)
        ):
            index = self.letters
            subscripts: list[Index] = []
            for c in letters:
                i = index.get(c)
                if i is None:
                    i = index[c] = Index(c)
                subscripts.append(i)
            got = (Tensor(name, tuple(subscripts)), letters)
            self.names.setdefault(name, p)
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
        if self.kinds[p] == "T" and token not in SPLIT:
            if self.kinds[p + 1] not in AFTER:
                got = self.entries[token] if token in self.entries else self.compact(p)
                if got is not None:
                    self.p = p + 1
                    return Leaf(self.starts[p], self.ends[p], got[1], got[0])
            name, _, _ = token.partition("_")
            if name in BINDERS:
                return self.binder(name)
        else:
            name = token
            if name in PROGRAMMING:
                doubts.programming_word(self, p, name)
            following = self.kinds[p + 1] if self.ends[p] == self.starts[p + 1] else ""
            if name in BINDERS and (name not in KNOWN or following in ("s", "u", "[")):
                return self.binder(name)
            if name == "dim":
                return self.dim()
            if name == "partial":
                return self.derivative()
            if following == "(" and name in MATRIX_WORDS:
                return self.matrix_word()
            if following in ("(", "q") or self._labelled_function(p):
                return self.function()
            if name in KNOWN and (name not in SYMBOLS or (self.kinds[p + 1] == "(" and name not in CONSTANTS)):
                typeset = self.typeset(p)
                if typeset is not None:
                    return typeset
                doubts.bare_function(self, p)
            if name in CONSTANTS and following not in ("s", "u", "[") and not self.labelled(p):
                self.p = p + 1
                return Leaf(self.starts[p], self.ends[p], "", Call(CONSTANTS[name], ()))
            if name in ("δ", "delta") and self.kinds[p + 1] in ("T", "N") and self._is_tensor_name(p + 1):
                self.p = p + 1
                self.enter(p)
                held = len(self.bare)
                tree = self.named()
                del self.bare[held:]
                self.depth -= 1
                assert isinstance(tree, Leaf)
                if not isinstance(tree.node, Tensor):
                    self.unexpected(p + 1, "the adjoint of a tensor is written δ and its name")
                return Leaf(
                    self.starts[p],
                    tree.end,
                    tree.open,
                    self.tensor(adjoint_name(tree.node.name), tree.node.subscripts, p),
                )
        return self.entry()

    def no_word(self, p: int) -> None:
        """Refuse a word of the notation where a tensor is defined."""
        name = self.texts[p].partition("_")[0]
        if name in PROGRAMMING:
            doubts.programming_word(self, p, name)
        if name in BINDERS or name == "dim":
            self.fail(
                NameConflict,
                f"{name} is a word of the notation, not a tensor's name",
                (self.starts[p], self.starts[p] + len(name)),
                "use another name, such as mu_i for a mean",
            )

    def no_value(self, p: int) -> None:
        """Refuse a function's value as a subscript."""
        doubts.value_as_subscript(self, p)

    def _is_tensor_name(self, p: int) -> bool:
        name = self.texts[p].partition("_")[0]
        if self.texts[p] in SPLIT or name in RESERVED or name in BINDERS:
            return False
        at_once = self.kinds[p + 1] in ("(", "q") and self.ends[p] == self.starts[p + 1]
        return self.kinds[p] == "T" or not at_once

    def _labelled_function(self, p: int) -> bool:
        """``f^(k)(z)`` and ``f^{\\prime}(z)``: a name, a raised label or prime, and at once a parenthesis."""
        if self.kinds[p + 1] != "^":
            return False
        if self.kinds[p + 2] == "q" or (self.kinds[p + 2] == "{" and self.kinds[p + 3] == "q"):
            return True
        m = LABEL.match(self.text, self.starts[p + 1])
        return m is not None and self.text.startswith(("(", "'", "′", "″"), m.end()) and self.kinds[p] == "N"

    def entry(self) -> Tree:
        """A tensor's entry: name, label, subscripts, in that order or with the label last."""
        p = self.p
        token = self.texts[p]
        name, bar, sub = token.partition("_") if self.kinds[p] == "T" else (token, "", "")
        self.p = p + 1
        if name in PROGRAMMING:
            doubts.programming_word(self, p, name)
        if self.kinds[p + 1] == "[" and not bar and self.kinds[p + 2] == "T":
            doubts.elsewhere(self, p)  # sg[x_i]
        self._no_entry(p, name)
        name = "δ" if name == "delta" else name
        label = ""
        kinds = self.kinds
        if kinds[self.p] == "^" and not bar:
            label = self.label(p, name)
        subscripts: list[Expr] = []
        letters: list[str] = []
        held, self.marks = self.marks, []
        listed = bool(bar)
        if bar:
            at = self.starts[p] + len(token.partition("_")[0]) + 1 + (sub[0] == "{")
            plain = sub.strip("{}")
            self._letters(plain, at, subscripts, letters)
        else:
            listed = self.subscripts(subscripts, letters, p)
        if not label and listed and kinds[self.p] == "^" and kinds[self.p + 1] == "{":
            m = LABEL.match(self.text, self.starts[self.p]) or layer(self, self.p)
            if m is not None:
                label = self.take_label(m)
        if kinds[self.p] in ("s", "u") and self.starts[self.p] == self.ends[self.p - 1]:
            doubts.after_subscripts(self, self.p)
        marks, self.marks = self.marks, held
        span = (self.starts[p], self.ends[self.p - 1])
        if kinds[self.p] == "(" and self.starts[self.p] == span[1] and listed and not label:
            doubts.applied(self, p, name, letters)
        if not listed and not label and name in self.counted:
            return Size(*span, self.counted[name])
        if not listed and not label and not self.in_bracket:
            self.bare.append((name, span))
        if (
            name == "δ"
            and not label
            and len(subscripts) == 2
            and not self.delta_is_tensor
            and all(isinstance(s, Index) for s in subscripts)
        ):
            if subscripts[0] is subscripts[1]:
                self.fail(
                    UnknownRange, f"δ with {letters[0]} twice is 1", span, f"write 1, or dim({letters[0]}) for its sum"
                )
            return Leaf(*span, tuple(letters), delta(*subscripts))
        return Leaf(*span, tuple(letters), self.tensor(name + label, tuple(subscripts), p, marks))

    def _no_entry(self, p: int, name: str) -> None:
        """Refuse a word of the notation where a tensor's name should stand."""
        token = self.texts[p]
        stem = innermost(name) if len(name) > 1 else ""
        if stem in WORDS and stem != name:
            self.fail(
                NameConflict,
                f"{stem} is a word of the notation, so that {name} is no tensor's adjoint",
                (self.starts[p], self.ends[p]),
                "use another name",
            )
        if name in RESERVED or (token in SPLIT and self.kinds[p] == "T"):
            if token in KNOWN or name in KNOWN:
                doubts.function_subscript(self, p, name)
            self.fail(
                NameConflict,
                f"{name} is a word of the notation, not a tensor's name",
                (self.starts[p], self.ends[p]),
                "use another name",
            )

    def label(self, p: int, name: str) -> str:
        """``^(k)`` after a bare name, where subscripts follow or where braces tell that it is no power."""
        m = LABEL.match(self.text, self.starts[self.p])
        if m is None:
            m = layer(self, self.p)
            return self.take_label(m) if m is not None and self.followed_by_subscript(m.end()) else ""
        if m[1] is not None and not self.followed_by_subscript(m.end()):
            if self.kinds[self.p + 1] == "(":
                self.label_or_power(Leaf(self.starts[p], self.ends[p], "", Tensor(name, ())), m, p)
            return ""
        return self.take_label(m)

    def label_or_power(self, base: Leaf, m: re.Match[str], first: int) -> NoReturn:
        shown = self.text[base.start : base.end]
        name, _, rest = shown.partition("_")
        label = label_text(m)
        self.fail(
            AmbiguousNotation,
            f"{shown}^({label}) is a power, or {name} of layer {label}",
            (base.start, m.end()),
            f"write `{shown}^{{{label}}}` for the power, or `{name}^({label})_{rest}` for the layer's tensor"
            if rest
            else f"write `{shown}^{{{label}}}` for the power, or `{shown}^{{({label})}}` for the layer's number",
        )

    def function(self) -> Tree:
        """``f(a, b)``: a known function, or one left open, with its primes and its label."""
        p = self.p
        name = self.texts[p]
        self.p = p + 1
        label, primes = "", 0
        if self.kinds[self.p] == "^":
            m = LABEL.match(self.text, self.starts[self.p])
            if m is not None:
                label = self.take_label(m)
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
            self.fail(
                UnexpectedChar,
                "a prime marks the slope of a function, whose argument follows in parentheses",
                span,
                f"write f′(z_i) for a slope; a tensor's name has no primes: {name}prime, or {name}1",
            )
        canonical = KNOWN.get(name) if not label else None
        if canonical is None:
            doubts.open_function(self, name, span)
            canonical = "δ" if name == "delta" else name
        if canonical == name or canonical == "δ" or name in SYMBOLS:
            self.called.setdefault(name + label, span)
        return self.arguments(p, canonical, canonical + label + _PRIME_SIGNS[primes], name)

    def arguments(self, first: int, base: str, function: str, spelled: str) -> Tree:
        """``(a, b)`` after the name of a function."""
        p = self.p
        self.enter(p)
        self.p = p + 1
        args: list[Tree] = []
        if self.kinds[self.p] == ")":
            self.unexpected(self.p, f"{spelled} needs something to act on")
        while True:
            args.append(self.condition(p) if base == "where" and not args else self.expression())
            if self.kinds[self.p] != ",":
                break
            self.p += 1
        self.close(p, ")")
        self.depth -= 1
        span = (self.starts[first], self.ends[self.p - 1])
        wanted = len(FUNCTIONS[base].slopes) if base in FUNCTIONS else None
        if "^" in function:
            wanted = None
        if wanted is not None and wanted != len(args):
            doubts.elsewhere(self, first)
            one = "argument" if wanted == 1 else "arguments"
            own = left(self)
            inner = [i for i in dict.fromkeys(self.indices_between(first, self.p)[0]) if i not in own]
            along = f"{inner[-1]}({self.text[self.starts[p + 1] : self.ends[self.p - 2]]})" if inner else "u(…)"
            fix = f"along an index write {spelled}_{along}" if base in BINDERS else None
            self.fail(ParseError, f"{spelled} takes {wanted or 'no'} {one}, not {len(args)}", span, fix)
        if function == "power":
            exponent = args[1]
            return self._power_at(span, args[0], exponent)
        return Apply(*span, function, args)

    def _power_at(self, span: tuple[int, int], base: Tree, exponent: Tree) -> Tree:
        value = getattr(exponent.node, "value", None) if isinstance(exponent, Leaf) else None
        whole = isinstance(value, Fraction) and value.denominator == 1 and value >= 2
        return Power(*span, base, exponent, 2 if whole else 0)
