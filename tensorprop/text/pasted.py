"""LaTeX's own ways of writing, read where they have one meaning.

In: the tokens of ``\\tanh^2(z)``, ``\\log p_c``, ``\\|x_i\\|``, ``\\nabla_{W_{ij}} L``. Out: the tree of what it means
in the notation. What has two readings is left to the refusals of the other files, or refused here with both.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NoReturn

from tensorprop.core.build import number
from tensorprop.core.expr import Index
from tensorprop.core.functions import FUNCTIONS
from tensorprop.errors import AmbiguousNotation, UnbalancedBracket, UnexpectedChar
from tensorprop.text.characters import raised
from tensorprop.text.cursor import RELATIONS, Limit
from tensorprop.text.implied import Apply, Bind, Leaf, Power, Relate, Term, Tree
from tensorprop.text.limits import labels, limits
from tensorprop.text.meant import bracketed, gradient, left, length, piece
from tensorprop.text.powers import Powers
from tensorprop.text.scan import Tokens
from tensorprop.text.vocabulary import KNOWN, STARTS, SYMBOLS

__all__ = ["Pasted"]

_ARGUMENTS = frozenset(("T", "N", "n", "frac", "√"))  # with which an argument without parentheses starts
_GOES_ON = STARTS | {"/", "*", "^", "p", "q", "‖"}  # after which it would have two ends


class Pasted(Powers):
    """Reads what LaTeX writes otherwise."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self.limited = "Σ" in self.texts or "∏" in self.texts  # sums whose letters stand apart, perhaps with limits
        if "^" in self.kinds:
            self.layers = labels(self)

    def take_limits(self, p: int) -> None:
        """What the limits of the sums say of the equation at token ``p``."""
        self.limits = limits(self, p)
        self.counted = {n.last: n.letter for n in self.limits.values() if n.relation is None}

    def typeset(self, p: int) -> Tree | None:
        """``\\tanh^2(z)`` is ``tanh(z)^2``, and ``\\log p_c`` is ``log(p_c)``; None where it may be something else."""
        name = self.texts[p]
        if not self.text.startswith("\\", self.starts[p]) or name in SYMBOLS:
            return None
        function = KNOWN[name]
        self.p = at = p + 1
        if self.kinds[at] == "s":  # \\log_2, \\log_{10}
            braced = self.texts[at] == "_{"
            function = KNOWN.get(name + (self.texts[at + 1] if braced else self.texts[at][1:]), "")
            self.p = at = at + 1 + 2 * braced
            if not function or (braced and self.kinds[at - 1] != "}"):
                self.p = p
                return None
        up = self._whole_power() if self.kinds[at] in ("^", "p") else None
        if self.kinds[at] in ("^", "p") and up is None:
            self.p = p
            return None
        if self.kinds[self.p] == "(":
            tree = self.arguments(p, function, function, name)
        elif self.kinds[self.p] in _ARGUMENTS and len(FUNCTIONS[function].slopes) == 1:
            tree = Apply(self.starts[p], self.ends[self.p], function, [self._followed(p, up is not None)])
        else:
            self.p = p
            return None
        tree.end = self.ends[self.p - 1]
        return tree if up is None else Power(tree.start, tree.end, tree, up, 2)

    def _whole_power(self) -> Leaf | None:
        """The exponent at the cursor, if it is a whole number from 2 on."""
        p = self.p
        braced = self.kinds[p] == "^" and self.kinds[p + 1] == "{"
        at = p + (self.kinds[p] == "^") + braced
        run = raised(self.texts[p]) if self.kinds[p] == "p" else self.texts[at]
        if not run.isdigit() or not 2 <= int(run) <= 1024 or (braced and self.kinds[at + 1] != "}"):
            return None
        self.p = at + 1 + braced
        return Leaf(self.starts[p], self.ends[self.p - 1], "", number(int(run)))

    def _followed(self, p: int, powered: bool) -> Tree:
        """The argument of a function without parentheses, where nothing goes on after it."""
        at = self.p
        k = self.kinds[at]
        self.enter(p)
        if k == "n":
            tree = self.number()
        else:
            tree = self.fraction() if k == "frac" else self.root() if k == "√" else self.named()
        self.depth -= 1
        if self.kinds[self.p] in _GOES_ON and not (isinstance(tree, Bind) and self.kinds[self.p] == "‖"):
            name, argument = self.texts[p], piece(self, at, self.p)
            stop = self._end_of_term()
            head, rest = self.text[self.starts[p] : self.starts[at]].rstrip(), piece(self, self.p, stop)
            up = head[len(name) + 1 :].strip() if powered else ""
            gap = "" if self.kinds[self.p] in ("^", "p", "q") else " "
            self.fail(
                AmbiguousNotation,
                f"how much of what follows is {name} taken of?",
                (self.starts[p], self.ends[self.p - 1]),
                f"write `{name}({argument}){up}{gap}{rest}`, or `{name}({argument}{gap}{rest}){up}`",
            )
        return tree

    def _end_of_term(self) -> int:
        """The token after the term that the cursor is in."""
        q = self.p
        while self.kinds[q] not in ("+", "-", ")", "]", "}", ",", ";", "end", "=") and self.kinds[q] not in RELATIONS:
            inner = self.closing(q) if self.kinds[q] in ("(", "[", "{") or self.texts[q] == "_{" else None
            q = q + 1 if inner is None else inner + 1
        return q

    @abstractmethod
    def fraction(self) -> Tree:
        """``\\frac{a}{b}``."""

    @abstractmethod
    def side(self) -> Tree:
        """One side of a relation."""

    # ------------------------------------------------------------------- lengths
    def length(self) -> Tree:
        """``\\|x_i\\|`` is ``norm_i(x_i)``, ``\\|x_i\\|_1`` a sum of sizes, ``\\|W_{ij}\\|_F^2`` one of squares.

        The letters that are free in it, and are not on the left nor bound around it, are those of the norm.
        """
        p = self.p
        if self.barred or self.kinds[p + 1] == "‖":
            self.whole(p)
        self.enter(p)
        bare = len(self.bare)
        self.p, self.barred = p + 1, True
        body = self.expression()
        self.barred = False
        self.depth -= 1
        if self.kinds[self.p] != "‖":
            self.fail(
                UnbalancedBracket, "the bars are never closed", (self.starts[p], self.ends[p]), "write the other ‖"
            )
        self.p += 1
        held = {*left(self), *self.given, *self.around}
        letters = tuple(i for i in dict.fromkeys(body.open) if i not in held)
        kind = self._norm()
        if not letters or kind is None or len(self.bare) > bare:
            self.p = p
            self.whole(p)
        if len(letters) > 1 and kind != "F":
            self._which_norm(p, letters)
        spans = [(body.start, body.end)] * len(letters)
        whole = (self.starts[p], self.ends[self.p - 1])
        if kind in ("1", "∞"):
            op = "sum" if kind == "1" else "max"
            return Bind(*whole, op, letters, spans, Apply(body.start, body.end, "abs", [body]), (), ())
        after = self.p
        two = self._whole_power() if self.kinds[after] in ("^", "p") else None
        if two is None or two.node is not number(2):
            self.p = after
            return Bind(*whole, "norm", letters, spans, body, (), ())
        squares = Power(body.start, two.end, body, two, 2)
        return Bind(whole[0], two.end, "sum", letters, spans, squares, (), ())

    def _norm(self) -> str | None:
        """Which norm the subscript after the bars says: ``""``, 1, 2, F or ∞."""
        p = self.p
        if self.kinds[p] != "s":
            return ""
        named = self.texts[p] in ("_", "_{")
        said = self.texts[p + 1] if named else self.texts[p][1:]
        if said not in ("1", "2", "F", "∞") or (self.texts[p] == "_{" and self.kinds[p + 2] != "}"):
            return None
        self.p = p + 1 + named + (self.texts[p] == "_{")
        return said

    def _which_norm(self, p: int, letters: tuple[str, ...]) -> NoReturn:
        close = next(q for q in range(p + 1, self.p) if self.kinds[q] == "‖")
        inner = piece(self, p + 1, close)
        plain = self.kinds[p + 1] in ("N", "T") and close == p + 2
        spectral = f", `norm2({self.texts[p + 1].partition('_')[0]})` for the largest singular value" if plain else ""
        self.fail(
            AmbiguousNotation,
            "which norm of a matrix? It is a number for every entry that is free, and two letters are free here",
            (self.starts[p], self.ends[self.p - 1]),
            f"write `\\|{inner}\\|_F` for the root of the sum of squares{spectral}",
        )

    # ------------------------------------------------------------------- gradients, ranges, comparisons
    def nabla(self) -> Leaf:
        """``\\nabla_{W_{ij}} L`` is ``∂L/∂W_ij``; without indices it stands for a whole tensor, and is refused."""
        p = self.p
        if self.texts[p + 1] != "_{" or self.kinds[p + 2] not in ("T", "N"):
            self.whole(p)
        self.p = p + 2
        below = self._differentiated()
        if self.kinds[self.p] != "}" or not below.open or self.kinds[self.p + 1] not in ("T", "N"):
            self.p = p
            self.whole(p)
        self.p += 1
        return self._quotient(self._differentiated(), [below], p)

    def within(self, body: Tree, limit: Limit) -> Tree:
        """``[u ≤ t] x_u`` of ``\\sum_{u=0}^{t} x_u``."""
        if limit.relation is None:
            return body
        span = (body.start, body.start)
        ends = [Leaf(*span, (i,), self.letters.setdefault(i, Index(i))) for i in (limit.letter, limit.last)]
        kept = Relate(*span, limit.relation, *ends)
        counts: dict[str, int] = {}
        for part in (kept, body):
            for c in part.open:
                counts[c] = counts.get(c, 0) + 1
        return Term(body.start, body.end, False, [kept, body], None, counts, False).settle()

    def condition(self, opener: int) -> Tree:
        """The first argument of where; a comparison, ``where(u <= t, …)``, is its bracket."""
        if not self.compared(opener):
            return self.expression()
        p = self.p
        relation, *sides = self.comparison()
        return Relate(self.starts[p], self.ends[self.p - 1], relation, *sides)

    def comparison(self) -> tuple[str, Tree, Tree]:
        """``left relation right``, of a bracket or of where: the relation, and its sides."""
        p = self.p
        held, self.in_bracket = self.in_bracket, True
        left = self.side()
        relation = self.kinds[self.p]
        if relation not in RELATIONS:
            self.unexpected(self.p, "a relation = ≠ < ≤ > ≥ should stand here")
        self.p += 1
        right = self.side()
        self.in_bracket = held
        if self.kinds[self.p] in RELATIONS:
            middle = next(q for q in range(p, self.p) if self.kinds[q] == relation)
            self.fail(
                UnexpectedChar,
                "a comparison holds one relation",
                (self.starts[self.p], self.ends[self.p]),
                f"write two brackets: {bracketed(self, middle)} {bracketed(self, self.p)}",
            )
        return relation, left, right

    def whole(self, p: int) -> NoReturn:
        """Refuse a sign that speaks of a whole tensor: ``‖``, ``∇``."""
        span = (self.starts[p], self.ends[p])
        if self.kinds[p] == "‖":
            self.fail(
                UnexpectedChar,
                "the length of a whole tensor, and every equation here is of entries",
                span,
                length(self, p, 1),
            )
        what = "∇ stands for a whole gradient, and every equation here for one entry"
        self.fail(UnexpectedChar, what, span, gradient(self, p))
