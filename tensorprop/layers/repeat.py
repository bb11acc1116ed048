"""A page many times, one after the other: a recurrence over depth.

In: a layer whose output fits its input, and how often. Out: the layer ``x ↦ y`` in which what the page learns bears the
number l of the repetition, and what it gives is read by the next one,

    h_lbj = tanh(z_lbj);   z_lbj = h[l-1, b, i] W_lij + b_lj;   h[-1, b, j] = x_bj;   y_bj = h[n-1, b, j].

It compiles once, whatever the depth, as every recurrence does. Sizes of axes are not known here.
"""

from __future__ import annotations

from tensorprop.calculus.batch import lifted
from tensorprop.calculus.page import Page, axis_letters, seed_of
from tensorprop.calculus.source import names_in
from tensorprop.core.build import add, bracket, fresh, mul, number, substitute
from tensorprop.core.equation import Equation, Fact, Range, equation, renamed, system
from tensorprop.core.expr import Dim, Expr, Index, Number, Tensor
from tensorprop.core.names import adjoint_name
from tensorprop.core.walk import transform
from tensorprop.errors import RankMismatch, UsageError
from tensorprop.layers.blocks import Blocks, Use
from tensorprop.layers.layer import Layer, entry_of, exit_of, layer_of

__all__ = ["repeated"]

_BEFORE, _ONE = number(-1), number(1)


def repeated(block: Layer, times: int | bool) -> Layer:
    """The block ``times`` times as one recurrence; True: as many times as its parameters have entries in front.

    Errors: UsageError where nothing counts the repetitions; RankMismatch where it gives what it cannot take.
    """
    entry, out = entry_of(block, 0), exit_of(block, 0)
    learnt = names_in(block.parameters)
    if seed_of(block.system) is not None:
        raise UsageError(f"{block.name} is a loss, and gives nothing to go on with", fix="put the loss after the chain")
    known = block.system.rank(entry), block.system.rank(out)
    if known[0] != known[1]:
        raise RankMismatch(
            f"{block.name} takes {entry} with {known[0]} axes and gives {block.system[out].target}",
            fix="what is repeated gives what it takes",
        )
    if times is True and not learnt:
        raise UsageError(
            f"{block.name} learns nothing, so that no array tells how often it is repeated", fix="write repeat=12"
        )
    if times is not True and times < 1:
        raise UsageError(f"repeat={times}", fix="repeat a block once or more, or repeat=True: as its parameters tell")
    used = {i for eq in (*block.system, *block.page.rules, *block.page.parts) for i in _letters(eq)}
    depth = fresh("l", used) if "l" in used else "l"
    page = lifted(block.page, depth, (entry, *learnt))
    n: Expr = Dim(learnt[0], 0) if times is True else number(times)
    made = _Depth(page, entry, out, depth, n, frozenset(map(adjoint_name, learnt)))
    facts = [*page.system.facts, *([] if times is True else [Range(depth, n)])]
    variant = None if block.for_inference is block else repeated(block.for_inference, times)
    layer = layer_of(made.page(facts), block.name, learnt, entry, block.numbered, variant)
    layer.kept = block.kept
    layer.save = block.save if block.save is None else block.save | {made.end}
    layer.blocks = Blocks((Use((made.end,), block, {entry: entry}, learnt, times),))
    return layer


def _letters(eq: Equation) -> set[str]:
    return {*eq.letters, *eq.value.free, *eq.value.binds}


class _Depth:
    """The page of a recurrence over the number of the repetition, of that for every such number."""

    def __init__(self, page: Page, entry: str, out: str, depth: str, n: Expr, rest: frozenset[str]) -> None:
        self.of, self.entry, self.out, self.depth, self.n = page, entry, out, depth, n
        self.rest = rest  # adjoints of what may have more entries along l than are used: the others are owed nothing
        s = page.system
        self.end = fresh("y", {*s.names, *(eq.name for eq in page.parts)})
        own = s[out].letters[1:]
        taken = axis_letters(s, entry)[1:]
        self.axes = tuple(Index(j or i) for i, j in zip(own, taken, strict=True))

    def page(self, facts: list[Fact]) -> Page:
        """All of it: the steps, where they start and what comes out."""
        s = self.of.system
        steps = [equation(eq.target, self.read(eq.value)) for eq in s]
        start = equation(Tensor(self.out, (_BEFORE, *self.axes)), Tensor(self.entry, self.axes))
        end = equation(Tensor(self.end, self.axes), Tensor(self.out, (add(self.n, _BEFORE), *self.axes)))
        rules = [eq for rule in self.of.rules for eq in self.owed(rule)]
        parts = tuple(equation(eq.target, self.read(eq.value)) for eq in self.of.parts)
        given = tuple((self.read(a), self.read(b)) for a, b in self.of.given)
        return Page(system([*steps, start, end], renamed(facts, self.read)), tuple(rules), parts, given)

    def read(self, e: Expr) -> Expr:
        """What is taken is what came out one repetition before."""

        def rule(n: Expr) -> Expr:
            if isinstance(n, Tensor) and n.name == self.entry:
                return Tensor(self.out, (add(n.subscripts[0], _BEFORE), *n.subscripts[1:]))
            return Dim(n.tensor, n.axis - 1) if isinstance(n, Dim) and n.tensor == self.entry and n.axis else n

        return transform(e, rule)

    def owed(self, eq: Equation) -> list[Equation]:
        """A written rule; that for what is taken is owed to what came out before, and at last to what comes in."""
        value = self.read(eq.value)
        if eq.name != adjoint_name(self.entry):
            if isinstance(self.n, Number) and eq.name in self.rest:
                value = mul(bracket("<", Index(self.depth), self.n), value)
            return [equation(eq.target, value)]
        left = eq.target.subscripts[1:]
        here, after = Index(self.depth), add(Index(self.depth), _ONE)
        later = mul(bracket("<", after, self.n), substitute(value, {self.depth: after}))
        last = mul(bracket("=", after, self.n), Tensor(adjoint_name(self.end), left))
        return [
            equation(Tensor(adjoint_name(self.out), (here, *left)), add(later, last)),
            equation(Tensor(eq.name, left), substitute(value, {self.depth: number(0)})),
        ]
