"""What is raised: ``base^exponent``, ``x²``, ``√(x)``.

In: a base and the tokens after it. Out: its tree with all the powers that stand there. What a power is not, a transpose
or the exponential function, is refused here.
"""

from __future__ import annotations

import re
from fractions import Fraction

from tensorprop.core.build import mul, number
from tensorprop.core.expr import Number, Tensor
from tensorprop.errors import AmbiguousNotation, NumberTooLarge, UnexpectedChar
from tensorprop.text import doubts
from tensorprop.text.characters import LETTERS, raised
from tensorprop.text.cursor import MAX_DIGITS
from tensorprop.text.implied import Apply, Leaf, Power, Term, Tree
from tensorprop.text.subscripts import LABEL
from tensorprop.text.words import Words

__all__ = ["Powers"]


class Powers(Words):
    """Reads powers and roots."""

    def number(self) -> Tree:
        p = self.p
        self.p = p + 1
        return Leaf(self.starts[p], self.ends[p], "", number(self.value(p)))

    def powers(self, base: Tree, first: int) -> Tree:
        """``base^exponent``; ``^`` is right associative."""
        while True:
            p = self.p
            k = self.kinds[p]
            if k == "p":
                run = raised(self.texts[p])
                self.p = p + 1
                base = self._raised(base, run, first, p)
                if self.kinds[self.p] == "(" and self.starts[self.p] == self.ends[self.p - 1]:
                    doubts.raised_name(self, base, first)
            elif k == "^":
                if isinstance(base, Leaf) and isinstance(base.node, Tensor) and self.starts[first] == base.start:
                    m = LABEL.match(self.text, self.starts[p])
                    if m is not None and self.kinds[p + 1] == "(":
                        self.label_or_power(base, m, first)
                self.p = p + 1
                exponent = self.exponent(p)
                if isinstance(base, Leaf) and isinstance(base.node, Tensor) and self.starts[first] == base.start:
                    self._no_transpose(base, exponent, p)
                    self._no_exponential(base, exponent, first)
                base = self._power(base, exponent, first)
                if self.kinds[self.p] == "(" and self.starts[self.p] == self.ends[self.p - 1]:
                    doubts.raised_name(self, base, first)
            else:
                return base

    def _no_transpose(self, base: Leaf, exponent: Tree, p: int) -> None:
        """``A_ij^T``, by which people mean a transpose."""
        if not (isinstance(exponent, Leaf) and isinstance(exponent.node, Tensor)):
            return
        name, shown = exponent.node.name, self.text[base.start : base.end]
        if name == "T" or (name == "H" and "H" not in self.texts[: self.p - 1]):
            swapped = "A_ji" if name == "T" else "conj(A_ji)"
            self.fail(
                AmbiguousNotation,
                f"a {'' if name == 'T' else 'conjugate '}transpose, or the power {name}?",
                (self.starts[p], self.ends[self.p - 1]),
                f"index notation has no transpose, swap the indices: {swapped}; the power is `({shown})^{name}`",
            )

    def _no_exponential(self, base: Leaf, exponent: Tree, first: int) -> None:
        """``e^{x_i}``, by which people mean the exponential function."""
        digits = isinstance(exponent, Leaf) and isinstance(exponent.node, Number)
        shown = self.text[exponent.start : exponent.end]
        if base.node is Tensor("e", ()) and not digits and re.search(f"[{LETTERS}]", shown):
            self.fail(
                AmbiguousNotation,
                "the exponential function, or a power of the tensor e?",
                (self.starts[first], self.ends[self.p - 1]),
                f"write `exp({shown})`, or `(e)^({shown})` for the power",
            )

    def _raised(self, base: Tree, run: str, first: int, p: int) -> Tree:
        span = (self.starts[p], self.ends[p])
        if len(run) > MAX_DIGITS:
            self.fail(NumberTooLarge, f"an exponent of more than {MAX_DIGITS} digits", span, "write fewer digits")
        if re.fullmatch("[+-]?[0-9]+", run):
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
        if k == "*" or (k == "{" and self.kinds[at + 1] == "*"):
            name = self.texts[caret - 1].partition("_")[0]
            self.unexpected(at, "a star is no exponent", f"give the tensor a name of its own, such as {name}star")
        if k == "n":
            tree = self.number()
        elif k in ("T", "N"):
            tree = self.named()
        elif k in ("(", "{"):
            tree = self.group()
        else:
            self.unexpected(
                self.p, '"^" needs an exponent: a number, a name, or something in parentheses', 'write it, as in "^2"'
            )
        if self.kinds[self.p] in ("^", "p"):
            tree = self.powers(tree, at)
        self.depth -= 1
        if not minus:
            return tree
        if isinstance(tree, Leaf) and not tree.open:
            return Leaf(self.starts[p], tree.end, "", mul(number(-1), tree.node))
        return Term(
            self.starts[p], self.ends[self.p - 1], True, [tree], None, dict.fromkeys(tree.open, 1), type(tree) is Leaf
        ).settle()

    def root(self) -> Tree:
        """``√(x)``, ``√2``, ``√x_i``, ``√|i|``, ``\\sqrt{x}``."""
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
        elif k == "|":
            tree = self.bars()
        else:
            self.unexpected(p + 1, "the root needs something to act on")
        self.depth -= 1
        return Apply(self.starts[p], self.ends[self.p - 1], "sqrt", [tree])

    def raised_target(self, p: int) -> None:
        """``z_i^l = …``, ``z_i^{l} = …``: what is defined is no power."""
        found = re.match(rf"\^\s*(\{{[^{{}}]*\}}|[{LETTERS}0-9]+)", self.text[self.starts[self.p] :])
        written = self.text[self.starts[p] : self.ends[self.p - 1]]
        name, bar, rest = written.partition("_")
        if found is None or not bar or not name.isalnum():
            return
        label = found[1].strip("{} ")
        self.fail(
            AmbiguousNotation,
            f"{written}^{found[1]} on the left: the tensor {name} of layer {label}? A power is not defined",
            (self.starts[p], self.starts[self.p] + found.end()),
            f"write `{name}^({label})_{rest} = …` for the tensor of layer {label}",
        )
