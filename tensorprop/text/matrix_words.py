"""Words for what other words say: ``trace(A)``, ``solve(A, b)_i``, ``matpow(A, 3)_ij``, ``norm2(A)``, ``nuclear(A)``.

In: the tokens after such a word. Out: the leaf of what it means, so that nothing beyond this file has to know it. The
word is taken where a parenthesis follows at once; elsewhere it is a name like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tensorprop.core.build import delta, fresh, mul, number, reduce, sum_over
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.errors import LimitExceeded, MissingIndex, ParseError, UnexpectedChar
from tensorprop.text.derivatives import Derivatives
from tensorprop.text.implied import Leaf, Tree

__all__ = ["MATRIX_WORDS", "MatrixWords"]

POWER = 12  # the largest power of a matrix that is written out

Entry = tuple[Expr, ...]
Matrix = Callable[[Expr, Expr], Expr]


def _inverse(a: Tensor) -> Matrix:
    def entry(i: Expr, j: Expr) -> Expr:
        body = Tensor(a.name, (*a.subscripts, Index("i0"), Index("j0")))
        return reduce("inv", ("i0", "j0"), body, (i, j))

    return entry


def _chain(factors: Sequence[Matrix], letters: Sequence[str], at: Entry) -> Expr:
    """The entry ``at`` of a product of matrices, summed over these letters."""
    steps = (at[0], *map(Index, letters), at[-1])
    return sum_over(letters, mul(*(f(i, j) for f, i, j in zip(factors, steps, steps[1:], strict=False))))


def _singular(a: Tensor, at: Expr) -> Expr:
    body = Tensor(a.name, (*a.subscripts, Index("i0"), Index("j0")))
    return reduce("svdvals", ("i0", "j0"), body, (at,))


def _plain(a: Tensor) -> Matrix:
    return lambda i, j: Tensor(a.name, (*a.subscripts, i, j))


# the word, how many arguments it takes, how many subscripts it may have outside
MATRIX_WORDS: dict[str, tuple[int, tuple[int, ...]]] = {
    "trace": (1, (0,)), "solve": (2, (1, 2)), "matpow": (2, (2,)), "norm2": (1, (0,)), "nuclear": (1, (0,)),
}  # fmt: skip


class MatrixWords(Derivatives):
    """Reads words for functions of matrices that are written in terms of others."""

    def matrix_word(self) -> Tree:
        """``trace(A)``, ``solve(A, b)_i`` …"""
        p = self.p
        word = self.texts[p]
        self.p = p + 1
        self.enter(self.p)
        opener = self.p
        self.p += 1
        wanted, outside = MATRIX_WORDS[word]
        leaves = [self._bare(word)]
        exponent = 0
        if wanted == 2:
            if self.kinds[self.p] != ",":
                self.unexpected(
                    self.p, f"{word} takes two arguments", f"write {word}(A, {'3' if word == 'matpow' else 'b'})"
                )
            self.p += 1
            if word == "matpow":
                exponent = self._exponent()
            else:
                leaves.append(self._bare(word))
        self.close(opener, ")")
        self.depth -= 1
        subscripts: list[Expr] = []
        letters: list[str] = []
        if self.kinds[self.p] in ("s", "u", "[") and self.starts[self.p] == self.ends[self.p - 1]:
            self.subscripts(subscripts, letters, p)
        span = (self.starts[p], self.ends[self.p - 1])
        if len(subscripts) not in outside:
            entry = "ij"[: outside[0]]
            what = (
                f"an entry of {word}(…) has its subscripts outside"
                if entry
                else f"{word}(…) is a number, without entries"
            )
            self.fail(MissingIndex if entry else ParseError, what, span, f"write {word}(…)" + (entry and f"_{entry}"))
        node = self._meaning(
            word, [leaf.node for leaf in leaves if isinstance(leaf.node, Tensor)], exponent, tuple(subscripts)
        )
        return Leaf(*span, (*(i for leaf in leaves for i in leaf.open), *letters), node)

    def _meaning(self, word: str, of: list[Tensor], exponent: int, at: Entry) -> Expr:
        a = of[0]
        match word:
            case "trace":
                (k,) = self._unused(1)
                return sum_over((k,), _plain(a)(Index(k), Index(k)))
            case "nuclear":
                (k,) = self._unused(1)
                return sum_over((k,), _singular(a, Index(k)))
            case "norm2":
                return _singular(a, number(0))
            case "solve":
                (k,) = self._unused(1)
                b = Tensor(of[1].name, (*of[1].subscripts, Index(k), *at[1:]))
                return sum_over((k,), mul(_inverse(a)(at[0], Index(k)), b))
            case _:
                one = _plain(a) if exponent > 0 else _inverse(a)
                if not exponent:
                    return delta(at[0], at[1])
                return _chain([one] * abs(exponent), self._unused(abs(exponent) - 1), at)

    def _bare(self, word: str) -> Leaf:
        """The bare name of a matrix, or of one for every b: ``A``, ``A_b``."""
        fix = f"name it in an equation of its own, M_ij = …, then write {word}(M…)"
        if self.kinds[self.p] not in ("N", "T"):
            self.unexpected(self.p, f"{word} takes the bare name of a matrix", fix)
        told = len(self.bare)
        leaf = self.named()
        del self.bare[told:]  # a matrix stands for no number
        if not isinstance(leaf, Leaf) or not isinstance(leaf.node, Tensor):
            self.fail(UnexpectedChar, f"{word} takes the bare name of a matrix", (leaf.start, leaf.end), fix)
        return leaf

    def _exponent(self) -> int:
        negative = self.kinds[self.p] == "-"
        self.p += negative
        value = self.value(self.p) if self.kinds[self.p] == "n" else None
        if value is None or value.denominator != 1:
            self.unexpected(self.p, "the power of a matrix is a whole number here", "write matpow(A, 3)_ij")
        if abs(value) > POWER:
            self.fail(
                LimitExceeded,
                f"a power of a matrix is written out up to {POWER}",
                (self.starts[self.p], self.ends[self.p]),
                "name a smaller power in an equation of its own: B_ij = matpow(A, 10)_ij, then matpow(B, 10)_ij",
            )
        self.p += 1
        return -int(value) if negative else int(value)

    def _unused(self, n: int) -> list[str]:
        """Letters that stand nowhere in the text."""
        taken = set(self.text)
        found: list[str] = []
        for _ in range(n):
            found.append(fresh("j", taken))
            taken.add(found[-1])
        return found
