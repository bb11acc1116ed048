"""Derivatives as tensors: ``∂y_i/∂x_k``, ``∂²E/∂x_k∂x_l``, ``\\frac{\\partial E}{\\partial x}``, ``dy_i/dx_k``.

In: the tokens from the first ∂ on. Out: the leaf of the tensor that holds the derivative. No derivative is taken here.
"""

from __future__ import annotations

import re

from tensorprop.core.expr import Expr, Tensor
from tensorprop.core.names import derivative_name
from tensorprop.errors import LimitExceeded, UnexpectedChar
from tensorprop.text.binders import Binders
from tensorprop.text.characters import raised
from tensorprop.text.implied import Leaf, Tree
from tensorprop.text.vocabulary import WORDS

__all__ = ["Derivatives"]

MAX_ORDER = 9  # of a derivative
_ORDERS = ("⁰", "", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹")


class Derivatives(Binders):
    """Reads quotients of ∂."""

    def derivative(self) -> Tree:
        """``∂y_i/∂x_k``, ``∂²E/∂x_k∂x_l``, ``\\frac{\\partial E}{\\partial x}``: the tensor that holds it."""
        p = self.p
        braces = self.kinds[p] == "frac"
        if braces:
            if self.kinds[p + 1] != "{":
                self.unexpected(p + 1, "a fraction is written \\frac{a}{b}")
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
            self.fail(
                LimitExceeded,
                f"a derivative of order {order}; the limit is {MAX_ORDER}",
                (self.starts[p], self.ends[self.p - 1]),
            )
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
                m = re.match(r"\^\s*\{?([^\W\d_](?:[+-]\d)?)\}?\s*(_\{\w+\}|_\w+)", self.text[self.starts[self.p] :])
                named = self.text[below[-1].start : below[-1].end]
                fix = (
                    f"write `{named}^{{({m[1]})}}{m[2]}` for the tensor of layer {m[1]}" if m else "write ∂²E/∂x_k∂x_l"
                )
                self.unexpected(self.p, "every ∂ below has a tensor of its own", fix)
        if braces:
            self.close(p + 1, "}")
        return self._quotient(top, below, p)

    def _quotient(self, top: Leaf, below: list[Leaf], p: int) -> Leaf:
        subscripts: list[Expr] = []
        letters: list[str] = []
        named: list[tuple[str, int]] = []
        for leaf in (top, *below):
            assert isinstance(leaf.node, Tensor)
            named.append((leaf.node.name, len(leaf.node.subscripts)))
            subscripts += leaf.node.subscripts
            letters += leaf.open
        name = derivative_name(*named[0], named[1:])
        span = (self.starts[p], self.ends[self.p - 1])
        return Leaf(*span, tuple(letters), self.tensor(name, tuple(subscripts), p))

    def _partial(self) -> None:
        if self.kinds[self.p] != "∂" and self.texts[self.p] != "partial":
            self.unexpected(self.p, "a derivative is written ∂y_i/∂x_k, with one ∂ below for each above")
        self.p += 1

    def _differentiated(self) -> Leaf:
        p = self.p
        if self.kinds[p] not in ("T", "N"):
            self.unexpected(p, "∂ stands before a tensor's name")
        held, bare = dict(self.names), len(self.bare)
        tree = self.named()
        self.names = held
        del self.bare[bare:]
        if not isinstance(tree, Leaf) or not isinstance(tree.node, Tensor):
            self.fail(UnexpectedChar, "∂ stands before a tensor's name", (tree.start, tree.end), "write ∂y_i/∂x_k")
        return tree

    def plain_derivative(self, top: Tree, p: int) -> Tree:
        """``dy_i/dx_k`` on a left side, where it can mean nothing else."""
        slash = self.p
        if isinstance(top, Leaf) and isinstance(top.node, Tensor) and _differential(top.node.name):
            self.p = slash + 1
            below = self.named()
            if isinstance(below, Leaf) and isinstance(below.node, Tensor) and _differential(below.node.name):
                parts = [
                    Leaf(t.start, t.end, t.open, Tensor(t.node.name[1:], t.node.subscripts))
                    for t in (top, below)
                    if isinstance(t.node, Tensor)
                ]
                self.names.pop(top.node.name, None)
                self.names.pop(below.node.name, None)
                return self._quotient(parts[0], parts[1:], p)
            self.p = slash
        return top


def _differential(name: str) -> bool:
    """Whether a name is d and another name: ``dy``."""
    return name[0] == "d" and name[1:2].isalpha() and name[1:] not in WORDS
