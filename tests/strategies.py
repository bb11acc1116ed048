"""Random Systems that are well typed by construction, with arrays that fit them.

Every axis has a kind, and a kind has a size; an index letter runs over one kind where it is bound, and may run over
another one elsewhere. A term is built from the letters in scope, so nothing has to be repaired or thrown away. The
same generator serves Hypothesis (which then shrinks) and plain loops over seeds (for volume).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tensorprop.core.build import (
    add,
    bracket,
    call,
    delta,
    divide,
    mul,
    negate,
    number,
    power,
    reduce,
    sum_over,
    tensor,
)
from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Expr, Index, Tensor

LETTERS = "ijklmn"
SIZES = {"p": 3, "q": 2, "r": 1, "s": 3}  # two kinds of one size, and one of size 1, which does not stretch
NAMES = "ABCDGPQRTUVWXY"

# Functions that are smooth wherever they may be called here.
EVERYWHERE = tuple("sin cos tanh sigmoid softplus arctan erf square silu gelu logsigmoid mish".split())
BOUNDED = ("sin", "cos", "tanh", "sigmoid", "arctan", "erf")
OF_POSITIVE = ("log", "sqrt", "rsqrt", "reciprocal", "log1p")


@dataclass
class Case:
    """A System, arrays for its inputs, and a seed for each of its outputs."""

    system: System
    arrays: dict[str, np.ndarray]
    seeds: dict[str, np.ndarray]

    @property
    def wrt(self) -> tuple[str, ...]:
        return self.system.inputs


@dataclass
class Maker:
    """One random System in the making."""

    random: Random
    kinds: Mapping[str, int] = field(default_factory=lambda: SIZES)
    inputs: dict[str, str] = field(default_factory=dict[str, str])  # name → kinds of its axes
    defined: dict[str, str] = field(default_factory=dict[str, str])

    # ---------------------------------------------------------------- leaves
    def leaf(self, scope: Mapping[str, str], letters: tuple[str, ...]) -> Tensor:
        """A tensor with these letters, an old one where the kinds fit, or a new one."""
        kinds = "".join(scope[i] for i in letters)
        known = [n for n, k in {**self.inputs, **self.defined}.items() if sorted(k) == sorted(kinds)]
        if known and self.random.random() < 0.6:
            name = self.random.choice(known)
            pool, order = list(letters), list[str]()
            for kind in {**self.inputs, **self.defined}[name]:
                letter = self.random.choice([i for i in pool if scope[i] == kind])
                pool.remove(letter)
                order.append(letter)
            return tensor(name, *order)
        return self.new(scope, letters)

    def new(self, scope: Mapping[str, str], letters: tuple[str, ...]) -> Tensor:
        """A new input with these letters."""
        taken = {*self.inputs, *self.defined}
        name = next(n for n in (*NAMES, *(f"{a}{b}" for b in range(100) for a in NAMES)) if n not in taken)
        self.inputs[name] = "".join(scope[i] for i in letters)
        return tensor(name, *letters)

    def some(self, scope: Mapping[str, str], most: int = 2) -> tuple[str, ...]:
        """A few letters of the scope, a diagonal (one letter twice) now and then."""
        letters = list(scope)
        self.random.shuffle(letters)
        chosen = letters[: self.random.randint(0, min(most, len(letters)))]
        if chosen and len(chosen) < 3 and self.random.random() < 0.12:
            chosen.append(chosen[0])
        return tuple(chosen)

    def bind(self, scope: Mapping[str, str], how_many: int = 1) -> dict[str, str]:
        """New letters, of random kinds, that are not in scope."""
        free = [i for i in LETTERS if i not in scope]
        self.random.shuffle(free)
        return {i: self.random.choice(list(self.kinds)) for i in free[:how_many]}

    # ---------------------------------------------------------------- expressions
    def expression(self, scope: Mapping[str, str], depth: int) -> Expr:
        """Any expression whose free letters are in scope."""
        if depth <= 0:
            return self.leaf(scope, self.some(scope))
        make = self.random.choice(
            (
                self.leaf_or_number,
                self.sum_of_terms,
                self.product,
                self.product,
                self.contraction,
                self.contraction,
                self.elementwise,
                self.elementwise,
                self.quotient,
                self.whole_power,
                self.reduction,
                self.normaliser,
                self.with_delta,
                self.masked,
            )
        )
        return make(scope, depth)

    def leaf_or_number(self, scope: Mapping[str, str], depth: int) -> Expr:
        if self.random.random() < 0.2:
            return number(self.random.choice((Fraction(1, 2), Fraction(-3, 2), Fraction(2), Fraction(1, 3))))
        return self.leaf(scope, self.some(scope))

    def sum_of_terms(self, scope: Mapping[str, str], depth: int) -> Expr:
        terms = [self.expression(scope, depth - 1) for _ in range(self.random.randint(2, 3))]
        return add(*(negate(t) if self.random.random() < 0.3 else t for t in terms))

    def product(self, scope: Mapping[str, str], depth: int) -> Expr:
        factors = [self.expression(scope, depth - 1) for _ in range(2)]
        if self.random.random() < 0.2:
            factors.append(factors[0])
        return mul(*factors)

    def contraction(self, scope: Mapping[str, str], depth: int) -> Expr:
        """Σ_u of a product in which two tensors or more have u."""
        bound = self.bind(scope, self.random.randint(1, 2) if len(scope) < 3 else 1)
        if not bound:
            return self.product(scope, depth)
        inner = {**scope, **bound}
        left = self.leaf(inner, (*bound, *self.some(scope, 1)))
        right = self.leaf(inner, (*self.some(scope, 1), *bound)) if self.random.random() < 0.8 else left
        factors: list[Expr] = [left, right]
        if self.random.random() < 0.5:
            factors.append(self.expression(inner, depth - 1))
        return sum_over(bound, mul(*factors))

    def elementwise(self, scope: Mapping[str, str], depth: int) -> Expr:
        how = self.random.random()
        if how < 0.15:
            return call("exp", call(self.random.choice(BOUNDED), self.expression(scope, depth - 1)))
        if how < 0.3:
            return call(self.random.choice(OF_POSITIVE), self.positive(scope, depth - 1))
        if how < 0.36:
            return call("relu", add(self.expression(scope, depth - 1), number(Fraction(3, 7))))
        if how < 0.42:
            return call("max", self.expression(scope, depth - 1), number(Fraction(3, 17)))
        return call(self.random.choice(EVERYWHERE), self.expression(scope, depth - 1))

    def positive(self, scope: Mapping[str, str], depth: int) -> Expr:
        """An expression that is well above zero."""
        inner = self.expression(scope, depth - 1)
        return self.random.choice(
            (
                lambda: add(number(Fraction(3, 2)), call(self.random.choice(BOUNDED[:3]), inner)),
                lambda: add(number(1), power(inner, number(2))),
                lambda: call("exp", call("tanh", inner)),
                lambda: add(number(1), call("softplus", inner)),
            )
        )()

    def quotient(self, scope: Mapping[str, str], depth: int) -> Expr:
        return divide(self.expression(scope, depth - 1), self.positive(scope, depth - 1))

    def whole_power(self, scope: Mapping[str, str], depth: int) -> Expr:
        if self.random.random() < 0.3:
            return power(self.positive(scope, depth - 1), number(self.random.choice((Fraction(-1, 2), Fraction(5, 2)))))
        return power(self.expression(scope, depth - 1), number(self.random.choice((2, 3))))

    def reduction(self, scope: Mapping[str, str], depth: int) -> Expr:
        """max, min, prod, mean, var, logsumexp of something that differs from entry to entry."""
        bound = self.bind(scope, 1)
        if not bound:
            return self.elementwise(scope, depth)
        inner = {**scope, **bound}
        body = add(self.new(inner, (*bound, *self.some(scope, 1))), call("tanh", self.expression(inner, depth - 1)))
        return reduce(self.random.choice(("max", "min", "prod", "mean", "var", "logsumexp", "mean")), bound, body)

    def normaliser(self, scope: Mapping[str, str], depth: int) -> Expr:
        """softmax_u or logsoftmax_u, its index kept, or one entry of it."""
        if not scope:
            return self.contraction(scope, depth)
        kept = self.random.choice(list(scope))
        body = add(self.leaf(scope, (kept,)), self.expression(scope, depth - 1))
        return reduce(self.random.choice(("softmax", "logsoftmax")), (kept,), body, (Index(kept),))

    def with_delta(self, scope: Mapping[str, str], depth: int) -> Expr:
        """Σ_v [u = v] …: a Kronecker delta that can be eliminated, or one between two letters in scope."""
        pairs = [(i, j) for i in scope for j in scope if i < j and scope[i] == scope[j]]
        if pairs and self.random.random() < 0.5:
            return mul(delta(*self.random.choice(pairs)), self.expression(scope, depth - 1))
        free = [i for i in LETTERS if i not in scope]
        if not scope or not free:
            return self.product(scope, depth)
        kept, v = self.random.choice(list(scope)), self.random.choice(free)
        inner = {**scope, v: scope[kept]}
        entry = self.leaf(inner, (v, *self.some(scope, 1)))
        return sum_over((v,), mul(delta(kept, v), entry, self.expression(inner, depth - 1)))

    def masked(self, scope: Mapping[str, str], depth: int) -> Expr:
        """[i ≤ j] between indices, or [x > 0] of a value."""
        if len(scope) >= 2 and self.random.random() < 0.6:
            i, j = self.random.sample(list(scope), 2)
            mask = bracket(self.random.choice("≤≥<>≠"), Index(i), Index(j))
        else:
            mask = bracket(self.random.choice("<>"), self.leaf(scope, self.some(scope)), number(Fraction(1, 7)))
        return mul(mask, self.expression(scope, depth - 1))

    # ---------------------------------------------------------------- equations
    def told(self, value: Expr, scope: Mapping[str, str]) -> Expr:
        """Every term multiplied by what it lacks, so that each letter of the left side stands in a plain subscript."""
        terms = value.terms if isinstance(value, add_type) else (value,)
        out: list[Expr] = []
        for t in terms:
            missing = tuple(i for i in scope if i not in plain_letters(t))
            out.append(mul(t, self.leaf(scope, missing)) if missing else t)
        return add(*out)

    def system(self, equations: int, depth: int) -> System:
        made = []
        for n in range(equations):
            last = n == equations - 1
            rank = self.random.choice((0, 0, 1, 2) if last else (0, 1, 1, 2))
            letters = self.random.sample(LETTERS, rank)
            scope = {i: self.random.choice(list(self.kinds)) for i in letters}
            value = self.told(self.expression(scope, depth), scope)
            name = "abcdfgh"[n] if not last else "E"
            if n and self.random.random() < 0.8:  # a chain: the equation before is used
                before = f"{'abcdfgh'[n - 1]}"
                value = add(value, self.told(self.use(before, scope), scope))
            made.append(equation(tensor(name, *letters), value))
            self.defined[name] = "".join(scope.values())
        return system(made)

    def use(self, name: str, scope: Mapping[str, str]) -> Expr:
        """A term with the tensor ``name`` in it: letters in scope where the kinds fit, sums over the rest."""
        letters, bound = list[str](), dict[str, str]()
        for kind in self.defined[name]:
            fits = [i for i in scope if scope[i] == kind]
            if fits and self.random.random() < 0.7:
                letters.append(self.random.choice(fits))
            else:
                free = next(i for i in LETTERS if i not in scope and i not in bound)
                bound[free] = kind
                letters.append(free)
        inner = {**scope, **bound}
        term: Expr = tensor(name, *letters)
        if self.random.random() < 0.5:
            term = call(self.random.choice(EVERYWHERE), term)
        return sum_over(bound, mul(term, self.leaf(inner, tuple(bound)))) if bound else term


add_type = type(add(tensor("a"), tensor("b")))


def plain_letters(e: Expr) -> frozenset[str]:
    """Letters free in ``e`` that are a whole subscript of a tensor, so that its axis tells their range."""
    found: set[str] = set()
    stack: list[tuple[Expr, frozenset[str]]] = [(e, frozenset())]
    while stack:
        n, bound = stack.pop()
        if isinstance(n, Tensor):
            found.update(s.name for s in n.subscripts if isinstance(s, Index) and s.name not in bound)
        inner = bound | frozenset(getattr(n, "indices", ()))
        stack.extend((c, inner) for c in n.children)
    return frozenset(found)


def arrays_for(maker: Maker, s: System, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Numbers in [-1, 1] for every input, in float64."""
    shapes = {n: tuple(maker.kinds[k] for k in kinds) for n, kinds in maker.inputs.items()}
    return {n: generator.uniform(-1, 1, shapes[n]) for n in s.inputs}


def make_case(random: Random, equations: tuple[int, int] = (1, 4), depth: tuple[int, int] = (1, 3)) -> Case:
    """A random well-typed case."""
    maker = Maker(random)
    s = maker.system(random.randint(*equations), random.randint(*depth))
    if not s.inputs:  # every tensor fell out: 2 a - 2 a
        return make_case(random, equations, depth)
    generator = np.random.default_rng(random.randrange(2**32))
    arrays = arrays_for(maker, s, generator)
    seeds = {n: _seed(generator, tuple(maker.kinds[k] for k in maker.defined[n])) for n in s.outputs}
    return Case(s, arrays, seeds)


def _seed(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.uniform(-1, 1, shape) if shape else np.float64(1)


def some(first: int, end: int, step: int, default: int) -> list[Any]:
    """The starts of blocks of case numbers: those below ``default`` in every run, the others in a campaign."""
    return [n if n < default else pytest.param(n, marks=pytest.mark.campaign) for n in range(first, end, step)]


OPTIONS = [*product(("column", "row"), ("rows", "columns"), ("denominator", "numerator"))]


def layouts() -> list[Any]:
    """All eight ways to print; four in which every two options meet are in every run, the others in a campaign."""
    marks = [[pytest.mark.campaign] if n.bit_count() % 2 else [] for n in range(len(OPTIONS))]
    return [pytest.param(*options, marks=m) for options, m in zip(OPTIONS, marks, strict=True)]


def case_number(seed: int, **limits: tuple[int, int]) -> Case:
    """The case with this number, always the same."""
    return make_case(Random(seed), **limits)


def cases() -> st.SearchStrategy[Case]:
    """Random cases for Hypothesis, which shrinks the choices that made them."""
    return st.randoms(use_true_random=False).map(make_case)
