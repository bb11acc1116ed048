"""Random Systems with every kind of node, well typed by construction, for the round trip of the text."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from tensorprop.core.build import add, bracket, call, delta, divide, mul, number, power, reduce, sum_over, tensor
from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Dim, Expr, Index
from tensorprop.text.vocabulary import COLUMN, ROW

LETTERS = ("i", "j", "k", "l", "m", "in", "out", "β")
NAMES = ("a", "W", "x0", "h", "α", "μx", "W^(k)", "b^(k+1)", "δz", "δW^(2)", "∂y·/∂x·", "∂²E/∂x·∂z·", "t")
FUNCTIONS = ("exp", "tanh", "sigmoid", "sqrt", "relu", "leaky_relu", "f", "f′", "g″", "f^(k)", "sigmoid′")
NUMBERS = (
    2,
    3,
    -1,
    -2,
    Fraction(1, 2),
    Fraction(-3, 7),
    Fraction(1, 50),
    Fraction(1, 10**7),
    10**14,
    Fraction(22, 7),
    10**120 + 3,
)
RANKS = {"∂y·/∂x·": 2, "∂²E/∂x·∂z·": 2}


class Maker:
    """One System in the making. Every tensor keeps its rank; bound letters are new on their path."""

    def __init__(self, r: Random) -> None:
        self.r = r
        self.ranks: dict[str, int] = dict(RANKS)
        self.defined: set[str] = set()

    def system(self) -> System:
        r = self.r
        equations = []
        for name in r.sample(("y", "z", "E", "q^(1)", "δa", "n"), r.randint(1, 3)):
            letters = tuple(r.sample(LETTERS, r.randint(0, 3)))
            value = self.expression(letters, r.randint(1, 4))
            missing = [i for i in letters if i not in value.free]
            if missing:
                value = mul(value, self.tensor(missing))
            if name in self.ranks:
                continue
            equations.append(equation(tensor(name, *letters), value))
            self.ranks[name] = len(letters)
        return system(equations) if equations else self.system()

    def name(self, rank: int) -> str:
        r = self.r
        name = r.choice(NAMES)
        while self.ranks.setdefault(name, rank) != rank:
            name = r.choice("ABCDGHPQRSTUV") + r.choice(("", str(rank)))
        return name

    def bare_name(self, rank: int) -> str:
        name = self.name(rank)
        while name.startswith("∂"):
            name = self.name(rank)
        return name

    def tensor(self, letters: list[str] | tuple[str, ...]) -> Expr:
        return tensor(self.name(len(letters)), *letters)

    def leaf(self, scope: tuple[str, ...]) -> Expr:
        r = self.r
        kind = r.random()
        if not scope or kind < 0.1:
            return self.tensor(()) if r.random() < 0.6 else number(r.choice(NUMBERS))
        if kind < 0.7:
            return self.tensor([r.choice(scope) for _ in range(r.randint(1, 3))])
        if kind < 0.78:
            subscripts = [self.subscript(scope) for _ in range(r.randint(1, 3))]
            return tensor(self.name(len(subscripts)), *subscripts)
        if kind < 0.84 and len(scope) > 1:
            return delta(*r.sample(scope, 2))
        if kind < 0.9:
            return bracket(
                r.choice("=≠<≤>≥"),
                Index(r.choice(scope)),
                r.choice((number(1), add(Index(r.choice(scope)), number(2)), self.tensor([r.choice(scope)]))),
            )
        if kind < 0.94:
            name = self.bare_name(2)
            op = r.choice(("inv", "det", "logdet"))
            at = [Index(r.choice(scope)) for _ in range(2)] if op == "inv" else []
            return reduce(op, (ROW, COLUMN), tensor(name, ROW, COLUMN), at)
        if kind < 0.97:
            return Dim(self.bare_name(1), 0)
        return call("pi")

    def subscript(self, scope: tuple[str, ...]) -> Expr:
        r = self.r
        i = Index(r.choice(scope))
        return r.choice(
            (
                i,
                i,
                number(r.randint(0, 12)),
                add(mul(number(2), i), Index(r.choice(scope)), number(-1)),
                add(i, number(1)),
                tensor("t", i) if self.ranks.setdefault("t", 1) == 1 else i,
            )
        )

    def expression(self, scope: tuple[str, ...], depth: int) -> Expr:
        r = self.r
        if depth == 0:
            return self.leaf(scope)
        sub = lambda: self.expression(scope, r.randint(0, depth - 1))  # noqa: E731
        kind = r.random()
        free = [i for i in LETTERS if i not in scope]
        if kind < 0.22:
            return add(*(sub() for _ in range(r.randint(2, 3))))
        if kind < 0.47:
            return mul(*(sub() for _ in range(r.randint(2, 4))))
        if kind < 0.52:
            return divide(sub(), sub())
        if kind < 0.72 and free:
            bound = r.sample(free, r.randint(1, min(2, len(free))))
            body = self.expression((*scope, *bound), depth - 1)
            lacking = [i for i in bound if i not in body.free]
            if lacking:
                body = mul(body, self.tensor(lacking))
            if r.random() < 0.5:
                body = mul(body, self.tensor([r.choice(bound)]))
            return sum_over(bound, body)
        if kind < 0.8 and free:
            u = r.choice(free)
            op = r.choice(("max", "mean", "logsumexp", "softmax", "argmin", "logsoftmax"))
            body = mul(self.expression((*scope, u), depth - 1), self.tensor([u]))
            at = (
                [Index(r.choice(scope))]
                if scope and op.endswith("softmax")
                else [number(0)]
                if op.endswith("softmax")
                else []
            )
            return reduce(op, (u,), body, at)
        if kind < 0.9:
            return call(r.choice(FUNCTIONS), sub())
        if kind < 0.93:
            return call(r.choice(("max", "min")), sub(), sub())
        exponent = r.choice(
            (
                number(2),
                number(3),
                number(-2),
                number(Fraction(1, 2)),
                number(Fraction(-1, 3)),
                tensor("n0"),
                add(tensor("n0"), number(1)),
            )
        )
        self.ranks["n0"] = 0
        return power(sub(), exponent)


def random_system(seed: int) -> System:
    """The System of this seed."""
    return Maker(Random(seed)).system()
