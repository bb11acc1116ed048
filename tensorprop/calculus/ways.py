"""Which equations are worked out for a derivative of a layer, and what of the way forward they are given.

In: the forward equations of a System, and those of its derivative: rules for the way back, or tangents for the way
ahead. Out: a `Task` for the results that are wanted, with the tensors to keep; what is not kept is worked out again.
Arrays and JAX are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.source import names_in
from tensorprop.calculus.stable import stabilise
from tensorprop.calculus.tangent import tangent_name, tangents
from tensorprop.core.build import ZERO, fresh
from tensorprop.core.equation import Equation, Fact, Range, System, equation, system
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.core.names import adjoint_name, outer_adjoint
from tensorprop.core.walk import tensors_of, transform
from tensorprop.errors import TensorpropError, UnknownName, among

__all__ = ["Ahead", "Back", "Task", "Way", "completed_by_adjoints", "kept_of", "stored"]


class Task(NamedTuple):
    """Equations to work out, the tensors that are wanted of them, and what they need of the way forward."""

    system: System
    results: tuple[str, ...]
    saved: tuple[str, ...]
    loops: tuple[str, ...]  # of these the tensors that a recurrence makes: what it starts from is added here


class Way:
    """Equations of a derivative joined with the forward equations of what was not ``kept``."""

    def __init__(self, forward: System, rules: System, kept: frozenset[str]) -> None:
        self.forward = forward
        self.rules = rules
        self.kept = kept
        self._plans: dict[tuple[tuple[str, ...], tuple[str, ...]], Task] = {}

    def plan(self, wanted: tuple[str, ...], idle: tuple[str, ...]) -> Task:
        """What to do for the tensors ``wanted`` of the rules, where the given ones that are ``idle`` are zero."""
        key = wanted, idle
        if key not in self._plans:
            self._plans[key] = self._plan(wanted, idle)
        return self._plans[key]

    def _plan(self, wanted: tuple[str, ...], idle: tuple[str, ...]) -> Task:
        rules = _without(self.rules, set(idle))
        again = [eq for eq in self.forward if eq.name not in self.kept or eq.place is not None]
        loops = tuple(dict.fromkeys(eq.name for eq in again if eq.name in self.kept))
        stated = {f.letter for f in _facts(self.forward, rules) if isinstance(f, Range)}
        again += [_as_stored(eq, stated) for eq in self.forward if eq.name in loops and eq.place is None]
        results = tuple(n for n in wanted if n in rules)
        whole = stabilise(system([*again, *rules], _facts(self.forward, rules)).only(results))
        read = {t.name for eq in whole for t in tensors_of(eq.value)}
        loops = tuple(n for n in loops if stored(n) in read)
        of = {stored(n): n for n in loops}
        known = frozenset(self.forward.names)
        saved = tuple(dict.fromkeys(of.get(n, n) for n in whole.inputs if n in read and (n in known or n in of)))
        return Task(whole, results, saved, loops)


class Back(Way):
    """The way back: the gradients of inputs, by the rules, of the cotangents of the outputs."""

    def __init__(self, forward: System, rules: System, save: frozenset[str] | None) -> None:
        super().__init__(forward, rules, frozenset(eq.name for eq in forward) if save is None else save)
        outputs = forward.outputs
        self.seeds = {n: outer_adjoint(n) if outer_adjoint(n) in rules.inputs else adjoint_name(n) for n in outputs}
        self.seeded = len(outputs) == 1 and forward.rank(outputs[0]) == 0

    def of(self, wanted: tuple[str, ...], idle: tuple[str, ...] = ()) -> Task:
        """What to do for the gradients of ``wanted``, where no cotangent comes from the outputs ``idle``."""
        return self.plan(tuple(map(adjoint_name, wanted)), tuple(self.seeds[n] for n in idle))

    def owed(self, wanted: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """For every output the inputs whose rule needs its cotangent."""
        needs = {n: self.rules.only([adjoint_name(n)]).inputs for n in wanted if adjoint_name(n) in self.rules}
        return {out: tuple(n for n in needs if self.seeded or end in needs[n]) for out, end in self.seeds.items()}

    def again(self, wanted: tuple[str, ...]) -> bool:
        """Whether part of the forward equations is worked out a second time."""
        return any(eq.name in self.forward for eq in self.of(wanted).system)


class Ahead(Way):
    """The way ahead: the tangents of the outputs, by the chain rule, of those of the inputs ``wrt``."""

    def __init__(self, forward: System, rules: System, wrt: tuple[str, ...]) -> None:
        super().__init__(forward, rules, frozenset(eq.name for eq in forward))
        self.wrt = wrt

    @staticmethod
    def derived(forward: System, wrt: tuple[str, ...]) -> Ahead | TensorpropError:
        """The way by derived tangents; where there are none, why."""
        try:
            return Ahead(forward, tangents(forward, wrt), wrt)
        except TensorpropError as error:
            return error

    def name(self, tensor: str) -> str:
        """The tangent of a tensor."""
        return tangent_name(tensor, self.forward.rank(tensor))

    def of(self, moved: tuple[str, ...]) -> Task:
        """What to do where these inputs move."""
        still = tuple(self.name(n) for n in self.wrt if n not in moved)
        return self.plan(tuple(map(self.name, self.forward.outputs)), still)

    def moving(self, moved: tuple[str, ...]) -> tuple[str, ...]:
        """The outputs that move with these inputs."""
        results = self.of(moved).results
        return tuple(n for n in self.forward.outputs if self.name(n) in results)


def kept_of(s: System, save: str | Iterable[str]) -> frozenset[str]:
    """The tensors that are to be kept, ``"p r"`` or one by one; inputs need no keeping. Errors: UnknownName.

    >>> from tensorprop.text import parse
    >>> sorted(kept_of(parse("z_j = a_i W_ij; h_j = tanh(z_j)"), "h"))
    ['h']
    """
    names = names_in(save, "save")
    for name in names:
        if name not in s.names:
            raise UnknownName(f"no tensor {name} to save", **among(name, s.names, "the forward equations have"))
    return frozenset(names)


def stored(name: str) -> str:
    """What the array is called that was kept of a tensor which a recurrence makes; no text can spell it."""
    return f"·{name}"


def _as_stored(eq: Equation, stated: set[str]) -> Equation:
    """In place of a recurrence's step, what was kept of it: ``h_tj = ·h_tj``; its starts stay equations.

    Its letters run over all that was kept, the starts too, whatever is ``stated`` of those of the step.
    """
    letters = [i for s in eq.target.subscripts for i in sorted(s.free)]
    taken = stated | set(letters)
    plain = list[Index]()
    for i in letters:
        plain.append(Index(fresh(i, taken) if i in stated else i))
        taken.add(plain[-1].name)
    return equation(Tensor(eq.name, tuple(plain)), Tensor(stored(eq.name), tuple(plain)))


def _without(rules: System, zero: set[str]) -> System:
    """The rules where these tensors are zero; what is zero then is left out, and so is what nothing needs."""
    if not zero:
        return rules
    gone, left = set(zero), list[Equation]()

    def rule(n: Expr) -> Expr:
        return ZERO if isinstance(n, Tensor) and n.name in gone else n

    for block in rules.blocks:
        equations = (block,) if isinstance(block, Equation) else block.equations
        gone.update(eq.name for eq in equations)  # a loop is zero if it is found zero where it is taken for zero
        made: dict[Equation, Expr] = {}
        while not made or not gone.isdisjoint(eq.name for eq, value in made.items() if value is not ZERO):
            gone -= {eq.name for eq, value in made.items() if value is not ZERO}
            made = {eq: transform(eq.value, rule) for eq in equations}
        left += [equation(eq.target, value) for eq, value in made.items() if eq.name not in gone]
    return system(left, rules.facts)


def completed_by_adjoints(forward: System, rules: System) -> System:
    """The rules, and those for the intermediates whose adjoints they use, smooth or not: ``δx_i = δh_i``."""
    open_ends = [n for n in forward.names if n not in forward.outputs and adjoint_name(n) in rules.inputs]
    if not open_ends:
        return rules
    more = [eq for eq in adjoint(forward, wrt=dict.fromkeys(open_ends)) if eq.name not in rules]
    return system([*rules, *more], _facts(forward, rules)).only([eq.name for eq in rules])


def _facts(*systems: System) -> Iterable[Fact]:
    """What is stated of letters and tensors, once."""
    return dict.fromkeys(f for s in systems for f in s.facts)
