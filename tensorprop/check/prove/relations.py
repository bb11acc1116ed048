"""What elementwise functions have to do with one another: laws in the notation.

``RELATIONS`` follow from what functions mean: each is proved by the machine, and none is used as a rule. ``COMPOSED``
are used: a function of the inverse of another one. They hold wherever both sides are real numbers.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMPOSED", "RELATIONS", "Relation"]


class Relation(NamedTuple):
    """``left == right`` over numbers x, w and a condition c; ``where`` says for which x, anywhere if it is empty."""

    text: str
    where: str = ""

    @property
    def sides(self) -> tuple[str, str]:
        """The two sides of the text."""
        left, _, right = self.text.partition(" == ")
        return left, right


RELATIONS: tuple[Relation, ...] = (
    # of one function with itself
    Relation("σ(-x) == 1 - σ(x)"),
    Relation("tanh(-x) == -tanh(x)"),
    Relation("erf(-x) == -erf(x)"),
    Relation("sin(-x) == -sin(x)"),
    Relation("cos(-x) == cos(x)"),
    Relation("arctan(-x) == -arctan(x)"),
    Relation("exp(x) exp(w) == exp(x + w)"),
    Relation("exp(-x) == 1 / exp(x)"),
    Relation("exp(x)^2 == exp(2 x)"),
    Relation("sqrt(x)^2 == x", "x > 0"),
    Relation("sqrt(x²) == abs(x)"),
    Relation("sqrt(x) sqrt(w) == sqrt(x w)", "x > 0"),
    Relation("x / sqrt(x) == sqrt(x)", "x > 0"),
    Relation("rsqrt(x)³ == rsqrt(x) / x", "x > 0"),
    Relation("x^{w + 1} == x x^w", "x > 0"),
    Relation("sign(x)² == 1 - [x = 0]"),
    # of two
    Relation("sin(x)² + cos(x)² == 1"),
    Relation("cosh(x)² - sinh(x)² == 1"),
    Relation("tanh(x) == sinh(x) / cosh(x)"),
    Relation("tanh(x) == (exp(2 x) - 1) / (exp(2 x) + 1)"),
    Relation("1 - tanh(x)² == 1 / cosh(x)²"),
    Relation("1 - tanh(x)² == 4 σ(2 x) (1 - σ(2 x))"),
    Relation("1 + tan(x)² == 1 / cos(x)²"),
    Relation("sin(x + w) == sin(x) cos(w) + cos(x) sin(w)"),
    Relation("cos(2 x) == 1 - 2 sin(x)²"),
    Relation("sin(x + π) == -sin(x)"),
    Relation("sin(π / 2 - x) == cos(x)"),
    Relation("cos(x + 2 π) == cos(x)"),
    Relation("sinh(2 x) == 2 sinh(x) cosh(x)"),
    Relation("σ(x) == 1 / (1 + exp(-x))"),
    Relation("σ(x) == exp(x) / (1 + exp(x))"),
    Relation("σ(x) == 1/2 (1 + tanh(x / 2))"),
    Relation("exp(x) σ(-x) == σ(x)"),
    Relation("log(σ(x)) == -softplus(-x)"),
    Relation("log(1 - σ(x)) == -softplus(x)"),
    Relation("softplus(x) - softplus(-x) == x"),
    Relation("exp(softplus(x)) == 1 + exp(x)"),
    Relation("exp(-softplus(x)) == σ(-x)"),
    Relation("tanh(softplus(x)) == ((1 + exp(x))² - 1) / ((1 + exp(x))² + 1)"),
    Relation("log(exp(x)) == x"),
    Relation("log(4) == 2 log(2)"),
    Relation("log(2 + 2 x²) == log(2) + log(1 + x²)"),
    Relation("exp(w log(x)) == x^w", "x > 0"),
    Relation("exp(x)^w == exp(w x)"),
    Relation("x^w log(x + [x = 0]) == x^w log(x)", "x > 0"),
    Relation("log(1 / x) == -log(x)", "x > 0"),
    Relation("log(sqrt(x)) == 1/2 log(x)", "x > 0"),
    Relation("exp(log(x)) == x", "x > 0"),
    Relation("exp(1/2 log(x)) == sqrt(x)", "x > 0"),
    # with comparisons
    Relation("[x > 0] + [x ≤ 0] == 1"),
    Relation("[x > w] + [x < w] + [x = w] == 1"),
    Relation("[x ≥ w] == 1 - [x < w]"),
    Relation("[x ≠ w] == 1 - [x = w]"),
    Relation("[2 x > 0] == [x > 0]"),
    Relation("[-x > 0] == [x < 0]"),
    Relation("x [x = 0] == 0"),
    Relation("x [x = w] == w [x = w]"),
    Relation("x [x ≥ 0] == x [x > 0]"),
    Relation("[x > 1] [x > 0] == [x > 1]"),
    Relation("[x > 1] [x < 0] == 0"),
    Relation("[x < 1] [x > 0] == [x < 1] - [x ≤ 0]"),
    Relation("[abs(x) ≤ 1] == [x ≤ 1] - [x < -1]"),
    Relation("max(-1, min(1, x)) == x [abs(x) ≤ 1] + sign(x) [abs(x) > 1]"),
    Relation("min(max(x, 0), 1) == relu(x) - relu(x - 1)"),
    Relation("relu(x) == max(x, 0)"),
    Relation("relu(x) == 1/2 (x + abs(x))"),
    Relation("relu(x)² == x² [x > 0]"),
    Relation("relu(x) - relu(-x) == x"),
    Relation("abs(x) == x sign(x)"),
    Relation("abs(x)² == x²"),
    Relation("max(x, w) + min(x, w) == x + w"),
    Relation("max(x, w) == 1/2 (x + w + abs(x - w))"),
    Relation("max(x, w) == max(w, x)"),
    Relation("max(-x, -w) == -min(x, w)"),
    Relation("where(c, x, w) == [c ≠ 0] x + [c = 0] w"),
    Relation("exp(min(x, 0)) == [x > 0] + [x ≤ 0] exp(x)"),
    Relation("where([x > 0], w, c) == [x > 0] w + [x ≤ 0] c"),
    Relation("[tanh(x) > 0] == [x > 0]"),
    Relation("[relu(x) > 0] == [x > 0]"),
    Relation("[x exp(w) > 0] == [x > 0]"),
    Relation("[exp(x) > 1] == [x > 0]"),
    Relation("[exp(x) > exp(w)] == [x > w]"),
    Relation("[x w > 0] == [x > 0] [w > 0] + [x < 0] [w < 0]"),
    Relation("sign(x w) == sign(x) sign(w)"),
    Relation("abs(x w) == abs(x) abs(w)"),
    Relation("relu(x w - 1) [x w = 1] == 0"),
    Relation("max(exp(x), exp(w)) == exp(max(x, w))"),
    Relation("max(x, max(w, c)) == max(max(c, x), w)"),
    Relation("sign(softsign(x)) == sign(x)"),
    Relation("abs(softsign(x)) == 1 - 1 / (1 + abs(x))"),
)
"""What follows: each is proved by what functions mean, by the canonical form, and by identity testing."""
COMPOSED: tuple[Relation, ...] = (
    Relation("sin(arcsin(x)) == x", "|x| < 1"),
    Relation("cos(arccos(x)) == x", "|x| < 1"),
    Relation("sin(arccos(x)) == sqrt(1 - x²)", "|x| < 1"),
    Relation("cos(arcsin(x)) == sqrt(1 - x²)", "|x| < 1"),
    Relation("sin(arctan(x)) == x rsqrt(1 + x²)"),
    Relation("cos(arctan(x)) == rsqrt(1 + x²)"),
    Relation("exp(arcsinh(x)) == x + sqrt(1 + x²)"),
    Relation("exp(arccosh(x)) == x + sqrt(x - 1) sqrt(x + 1)", "x > 1"),
    Relation("exp(arctanh(x)) == sqrt(1 + x) rsqrt(1 - x)", "|x| < 1"),
)
"""A function of the inverse of another one."""
