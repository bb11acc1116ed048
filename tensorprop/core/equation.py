"""Equations and Systems of them: named tensors, each defined once, in an order without circles.

In: targets and values, and what is stated of ranges. Out: what is defined, what is given, in which order to work, in
blocks: an equation, or a loop. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from tensorprop.core.affine import shift, whole
from tensorprop.core.build import rename, sum_over
from tensorprop.core.english import counted
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Interned, Number, Tensor, node
from tensorprop.core.names import moved, primal, primal_axes
from tensorprop.core.order import Ring, arrange, measured_outside, names_in
from tensorprop.core.walk import freshen, postorder
from tensorprop.errors import (
    CircularDefinition,
    DuplicateDefinition,
    FreeIndexMismatch,
    RankMismatch,
    RepeatedOutputIndex,
    UnknownName,
    UsageError,
)
from tensorprop.face import Face
from tensorprop.package import verb

__all__ = [
    "COMPLEX",
    "DECLARED",
    "SAID",
    "SORTED",
    "Declared",
    "Equation",
    "Fact",
    "Loop",
    "Outside",
    "Range",
    "System",
    "equation",
    "reached",
    "renamed",
    "system",
]


@node
class Range(Interned):
    """``dim(x) = size``: what is said of how far a letter runs, in every equation of the System that has it."""

    letter: str
    size: Expr


@node
class Outside(Interned):
    """``outside(a) = 0``: what an entry of ``a`` is where a subscript is none of 0, 1, 2 … dim - 1.

    ``value`` is a Number, ``"∞"`` or ``"-∞"``; or an entry inside is meant: the last one (``"edge"``), the one after a
    whole number of lengths (``"wrap"``), or the mirror image, in which the last entry is not repeated (``"mirror"``).
    """

    tensor: str
    value: Number | str


@node
class Declared(Interned):
    """What the matrix S is, or that for every value of its other letters: one of `DECLARED`; or one of `SAID`.

    ``S_ij = S_ji`` (symmetric), ``spd(S)`` (and positive definite), ``orthogonal(Q)``, ``diagonal(D)``, ``lower(L)``;
    ``complex(z)``, ``sorted(s)``.
    """

    kind: str
    tensor: str


DECLARED = ("spd", "orthogonal", "diagonal", "lower", "symmetric")
"""What can be declared of a square matrix: orthogonal is ``Σ_k Q_ki Q_kj = [i = j]``, lower 0 above the diagonal."""

COMPLEX = "complex"
"""What is declared of a tensor of complex numbers, ``complex(z)``: of any rank, and beside the others."""

SORTED = "sorted"
"""What is declared of a tensor whose entries do not fall along its last axis, ``sorted(s)``: ``s_n ≤ s_{n+1}``."""

SAID = (COMPLEX, SORTED)
"""What can be declared of a tensor that need be no matrix."""

_IMPLIED = {"symmetric": ("spd", "diagonal"), "lower": ("diagonal",)}

Fact = Range | Outside | Declared


@node
class Equation(Face, Interned):
    """``target = value`` for every value of the target's indices, which are plain letters.

    In a recurrence one of them may be shifted, ``x_{l+1,j} = x_{l,j} + …``; where it starts, a place stands there:
    ``h_{-1,j} = g_j``, ``v[dim(r, 0)] = 0``.
    """

    target: Tensor
    value: Expr

    @property
    def name(self) -> str:
        """The name that the equation defines."""
        return self.target.name

    @property
    def letters(self) -> tuple[str, ...]:
        """The indices of the left side."""
        return tuple(i for s in self.target.subscripts if s.free for i in s.free)

    @property
    def place(self) -> tuple[Expr | None, ...] | None:
        """Where the equation holds, if not everywhere: a place for every axis that has one on the left."""
        if all(s.free for s in self.target.subscripts):
            return None
        return tuple(None if s.free else s for s in self.target.subscripts)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that the right side needs, as they are met from left to right."""
        return tuple(names_in(self.value))

    def rename(self, letters: Mapping[str, str]) -> Equation:
        """The same equation with its free indices called otherwise."""
        return equation(rename(self.target, letters), rename(self.value, letters))


class Loop(NamedTuple):
    """Equations that read their own past: ``body``, each after those that it needs within one step, and ``starts``.

    ``axes`` names the time axis of every tensor of the loop; ``step`` is 1 where time goes up, -1 where it goes down.
    """

    body: tuple[Equation, ...]
    starts: tuple[Equation, ...]
    axes: dict[str, int]
    step: int

    @property
    def equations(self) -> tuple[Equation, ...]:
        """Starts and body, in the order in which they are needed."""
        return (*self.starts, *self.body)

    def time(self, eq: Equation) -> tuple[str, int]:
        """The letter that is the time of an equation of the body, and n where its tensor is written at ``t + n``."""
        found = shift(eq.target.subscripts[self.axes[eq.name]])
        assert found is not None
        return found

    def places(self, name: str) -> list[tuple[Expr, Equation]]:
        """The starts of a tensor and where on the time axis they are."""
        return [(eq.target.subscripts[self.axes[name]], eq) for eq in self.starts if eq.name == name]


def reached(equations: Sequence[Equation], names: Iterable[str]) -> set[str]:
    """The names that these equations define by way of some, or of one another."""
    found, known, before = set[str](), {*names}, -1
    while len(found) > before:  # a tensor may depend on one that stands after it
        before = len(found)
        for eq in equations:
            if eq.name not in found and not known.isdisjoint(eq.inputs):
                found.add(eq.name)
                known.add(eq.name)
    return found


def equation(target: Tensor, value: Expr) -> Equation:
    """An Equation; letters bound on the right that stand on the left step aside.

    Errors: RepeatedOutputIndex, FreeIndexMismatch (an index on the right that is neither summed nor on the left).
    """
    letters = [i for s in target.subscripts for i in s.free]
    plain = all(shift(s) is not None if s.free else whole(s) for s in target.subscripts)
    if not plain or len(set(letters)) != len(letters):
        raise RepeatedOutputIndex(
            f"the left side {target} needs different plain indices",
            fix="give every axis its own letter and put a bracket on the right: D_ij = a_i [i = j]",
            about=target,
        )
    free = frozenset(letters)
    if not value.free <= free:
        extra = ", ".join(sorted(value.free - free))
        raise FreeIndexMismatch(f"{extra} is neither summed nor on the left", about=value)
    return Equation(target, freshen(value, free))


class System(Face, Interned):
    """Equations, each name defined once, and what is stated of their letters and tensors (`facts`).

    ``origin`` is the text that the System was last read from, if any; it plays no part in equality. ``recurrent``:
    some tensor is defined by its own past, as in ``h_tj = tanh(x_tj + h_{t-1,k} W_kj); h_{-1,j} = g_j``.
    """

    __slots__ = (
        "_functions", "_inputs", "_names", "_outputs", "_ranks", "_where", "blocks", "equations", "facts", "origin"
    )  # fmt: skip
    _fields = ("equations", "facts")
    equations: tuple[Equation, ...]
    facts: tuple[Fact, ...]
    origin: str | None
    blocks: tuple[Equation | Loop, ...]
    _where: dict[str, int]
    _ranks: dict[str, int]
    _inputs: tuple[str, ...]
    _outputs: tuple[str, ...]
    _functions: tuple[str, ...]
    _names: tuple[str, ...]

    def __new__(cls, equations: tuple[Equation, ...], facts: tuple[Fact, ...] = ()) -> System:
        return super().__new__(cls, equations, facts)

    def _made(self) -> None:
        put = object.__setattr__
        where = _defined(self.equations)
        ranks: dict[str, int] = {}
        uses: list[dict[str, None]] = []
        functions: dict[str, None] = {}
        for n, eq in enumerate(self.equations):
            names: dict[str, None] = {}
            for place, e in enumerate((eq.target, *postorder(eq.value))):
                if isinstance(e, Tensor):
                    rank = ranks.setdefault(e.name, len(e.subscripts))
                    if rank != len(e.subscripts):
                        raise RankMismatch(
                            f"{e.name} has {counted(rank, 'axis', 'axes')} in one place and "
                            f"{counted(len(e.subscripts), 'axis', 'axes')} in another",
                            fix="one name, one number of axes: correct the subscripts or use another name, such as "
                            f"{e.name}2{str(e).removeprefix(e.name)}",
                            about=(n, e),
                        )
                    if place:
                        names[e.name] = None
                elif isinstance(e, Dim):
                    names[e.tensor] = None
                elif isinstance(e, Call):
                    functions[e.function] = None
            uses.append(names)
        put(self, "_where", where)
        put(self, "_ranks", ranks)
        order = arrange([eq.target for eq in self.equations], [eq.value for eq in self.equations], where, uses)
        blocks = tuple(self._block(n) for n in order)
        put(self, "blocks", blocks)
        put(self, "_functions", tuple(functions))
        put(self, "_outputs", self._unused(blocks, uses))
        given = [name for names in uses for name in names if name not in where]
        said = {f.letter for f in self.facts if isinstance(f, Range)}
        shapes = [p for eq in self.equations for p in _shape_names(eq, said) if p not in where]
        stated = [
            d.tensor
            for place in (
                *(s for eq in self.equations for s in eq.target.subscripts if not s.free),
                *(f.size for f in self.facts if isinstance(f, Range)),
            )
            for d in postorder(place)
            if isinstance(d, Dim) and d.tensor not in where
        ]
        put(self, "_inputs", tuple(dict.fromkeys(given + shapes + stated)))
        put(self, "_names", tuple(dict.fromkeys((*self._inputs, *ranks))))
        put(self, "origin", None)

    def _unused(self, blocks: tuple[Equation | Loop, ...], uses: list[dict[str, None]]) -> tuple[str, ...]:
        """The names that nothing reads but, in a loop, later steps."""
        loops = [b for b in blocks if isinstance(b, Loop)]
        ring = {eq.name: k for k, b in enumerate(loops) for eq in b.body}
        used = {e.name for b in loops for e in _present(b)}
        for eq, names in zip(self.equations, uses, strict=True):
            own = ring.get(eq.name, eq.name)
            used.update(names if eq.name not in ring else (name for name in names if ring.get(name, name) != own))
        for k, b in enumerate(loops):  # a state that feeds what is read outside is read there
            own = {eq.name for eq in b.body}
            if any(name in used and ring.get(name) == k and _outer(name, self.equations, own, uses) for name in own):
                used.update(name for eq in b.body for name in eq.inputs if name in own and name != eq.name)
        return tuple(dict.fromkeys(eq.name for eq in self.equations if eq.name not in used))

    def _block(self, n: int | Ring) -> Equation | Loop:
        if isinstance(n, int):
            return self.equations[n]
        body, starts = (tuple(self.equations[k] for k in part) for part in (n.body, n.starts))
        return Loop(body, starts, n.axes, n.step)

    @property
    def recurrent(self) -> bool:
        """Whether some tensor is defined by its own past."""
        return any(isinstance(b, Loop) for b in self.blocks)

    @property
    def ordered(self) -> tuple[Equation, ...]:
        """The equations, each after those that it needs (those of a loop: that it needs within one step)."""
        return tuple(eq for b in self.blocks for eq in (b.equations if isinstance(b, Loop) else (b,)))

    def stated(self, letter: str) -> Expr | None:
        """The size that ``dim(letter) = …`` states, if the System has such a line."""
        return next((f.size for f in self.facts if isinstance(f, Range) and f.letter == letter), None)

    def outside(self, tensor: str) -> Number | str | None:
        """What ``outside(tensor) = …`` states, if the System has such a line.

        Of a tangent ∂a/∂ε it says what it says of a: the derivative of a number is 0, and of an
        entry inside it is that entry's.

        >>> s = System((), (Outside("a", Number(3)), Outside("b", "edge")))
        >>> str(s.outside("∂a·/∂ε")), s.outside("∂b·/∂ε")
        ('0', 'edge')
        """
        said = {f.tensor: f.value for f in self.facts if isinstance(f, Outside)}
        of = moved(tensor) if said and tensor not in said else tensor
        value = said.get(of)
        if of == tensor or value is None:
            return value
        return Number(Fraction(0)) if isinstance(value, Number) or value.endswith("∞") else value

    def declares(self, kind: str, tensor: str) -> bool:
        """Whether a line such as ``spd(S)`` says this of a tensor, or implies it: a diagonal matrix is symmetric."""
        kinds = (kind, *_IMPLIED.get(kind, ()))
        return any(isinstance(f, Declared) and f.kind in kinds and f.tensor == tensor for f in self.facts)

    @property
    def declared(self) -> dict[str, frozenset[str]]:
        """All that is declared of each matrix, what is implied included."""
        names = dict.fromkeys(f.tensor for f in self.facts if isinstance(f, Declared) and f.kind in DECLARED)
        return {name: frozenset(kind for kind in DECLARED if self.declares(kind, name)) for name in names}

    @property
    def complex(self) -> frozenset[str]:
        """The tensors that are declared to be complex."""
        return frozenset(f.tensor for f in self.facts if isinstance(f, Declared) and f.kind == COMPLEX)

    @property
    def constants(self) -> Mapping[str, object]:
        """Arrays that the System brings along for some of its inputs, by name: of one that was read from code."""
        return {}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names that are used and not defined, in the order in which they are met."""
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names that are defined and used by no other equation."""
        return self._outputs

    @property
    def names(self) -> tuple[str, ...]:
        """Every tensor's name."""
        return self._names

    @property
    def functions(self) -> tuple[str, ...]:
        """Every function's name."""
        return self._functions

    @property
    def ranks(self) -> Mapping[str, int]:
        """How many axes each tensor has that stands in an equation."""
        return self._ranks

    def rank(self, name: str) -> int:
        """The number of axes of a tensor; of one of which nothing but sizes is read, of the axes that are spoken of."""
        if name in self._ranks:
            return self._ranks[name]
        if name not in self._inputs:
            raise UnknownName(f"no tensor {name} here", known=f"known: {', '.join(self.names)}")
        places = [s for eq in self.equations for s in (*eq.target.subscripts, eq.value)]
        places += [f.size for f in self.facts if isinstance(f, Range)]
        spoken = [(d.tensor, d.axis) for p in places for d in postorder(p) if isinstance(d, Dim)]
        spoken += [axis for eq in self.equations for axis in primal_axes(eq.target) or ()]
        return max((k + 1 for tensor, k in spoken if tensor == name), default=0)

    def defines(self, name: str) -> bool:
        """Whether an equation has this name on its left."""
        return name in self._where

    def __getitem__(self, name: str) -> Equation:
        try:
            return self.equations[self._where[name]]
        except (KeyError, TypeError):
            known = ", ".join(self._where) or "nothing"
            raise UnknownName(f"no equation defines {name}", known=f"defined: {known}") from None

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.equations)

    def __len__(self) -> int:
        return len(self.equations)

    def __contains__(self, name: object) -> bool:
        return name in self._where

    def __add__(self, other: System) -> System:
        """The equations of both."""
        if not isinstance(other, System):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError("only a System can be added to a System")
        return system((*self.equations, *other.equations), dict.fromkeys((*self.facts, *other.facts)))

    def only(self, outputs: Iterable[str]) -> System:
        """The equations that these outputs need, and no others."""
        need, stack = set[str](), list(outputs)
        sides: dict[str, list[Expr]] = {}
        for eq in self.equations:
            sides.setdefault(eq.name, []).append(eq.value)
        while True:
            while stack:
                name = stack.pop()
                if name not in need and name in sides:
                    need.add(name)
                    stack.extend(n for value in sides[name] for n in names_in(value))
            kept = self.of(eq for eq in self.equations if eq.name in need)
            stack = [name for name in kept.inputs if name in sides]  # of these only sizes are read
            if not stack:
                return kept

    def of(self, equations: Iterable[Equation]) -> System:
        """A System of these equations, with those of the facts that concern them."""
        kept = tuple(equations)
        if not self.facts:
            return system(kept)
        letters: set[str] = set()
        tensors: set[str] = set()
        for eq in kept:
            for e in (*postorder(eq.target), *postorder(eq.value)):
                letters |= e.free | e.binds
                if isinstance(e, Tensor):
                    tensors |= {e.name, moved(e.name), primal(e.name)}
        return system(
            kept, (f for f in self.facts if (f.letter in letters if isinstance(f, Range) else f.tensor in tensors))
        )

    def to_dict(self) -> dict[str, object]:
        """The System as strings, for JSON.

        >>> from tensorprop.text import parse
        >>> s = parse("z_j = a_i W_ij; h_j = tanh(z_j)")
        >>> s.to_dict()["equations"], System.from_dict(s.to_dict()) is s
        (['z_j = a_i W_ij', 'h_j = tanh(z_j)'], True)
        """
        return {"equations": str(self).splitlines(), "inputs": list(self.inputs), "outputs": list(self.outputs)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> System:
        """The System that `to_dict` wrote. Errors: UsageError for what is no such dict, those of `parse`."""
        lines = data.get("equations")
        if not isinstance(lines, list | tuple) or not all(isinstance(x, str) for x in lines):  # pyright: ignore
            raise UsageError("no System is in this dict", fix='it has the equations as strings, {"equations": ["…"]}')
        return verb("parse")("; ".join(map(str, lines)))  # pyright: ignore

    def definitions(self) -> dict[str, tuple[tuple[str, ...], Expr]]:
        """``{"z": (("b", "j"), right side)}``, as ``walk.inline`` takes it."""
        return {eq.name: (eq.letters, eq.value) for eq in self.equations}


def system(equations: Iterable[Equation], facts: Iterable[Fact] = ()) -> System:
    """A System of these equations, of whose letters and tensors the facts are stated.

    Errors: DuplicateDefinition where two facts speak of the same letter or tensor, and those of a System.
    """
    lines = tuple(facts)
    said: dict[object, Fact] = {}
    for n, f in enumerate(lines):
        kind = f.kind if isinstance(f, Declared) else "outside"
        key = ("dim", f.letter) if isinstance(f, Range) else (kind, f.tensor)
        if said.setdefault(key, f) is not f:
            raise DuplicateDefinition(
                f"{key[0]}({key[1]}) is stated twice", fix="keep one of the two lines", about=(-1 - n, f)
            )
    made = _ordered(tuple(equations), lines)
    for n, f in enumerate(lines):
        least = 0 if not isinstance(f, Declared) or f.kind == COMPLEX else 1 if f.kind == SORTED else 2
        if isinstance(f, Declared) and f.tensor in made.names and (rank := made.ranks.get(f.tensor, least)) < least:
            what, which = ("a matrix", "last two subscripts are rows and columns") if least == 2 else (
                "what stands in a row", "last subscript counts through what is sorted")  # fmt: skip
            raise RankMismatch(
                f"{f.kind} is said of {what}, and {f.tensor} has {counted(rank, 'axis', 'axes')}",
                fix=f"declare it of a tensor whose {which}, or drop the line",
                about=(-1 - n, f),
            )
    return made


def _ordered(equations: tuple[Equation, ...], facts: tuple[Fact, ...]) -> System:
    """The System; where it waits for a size of its own, that of another tensor stands there."""
    try:
        return System(equations, facts)
    except CircularDefinition:
        targets, values = [eq.target for eq in equations], [eq.value for eq in equations]
        new = measured_outside(targets, values, _defined(equations))
        if new == values:
            raise
        return System(tuple(Equation(t, v) for t, v in zip(targets, new, strict=True)), facts)


def renamed(facts: Iterable[Fact], change: Callable[[Expr], Expr]) -> tuple[Fact, ...]:
    """The facts of a System whose letters, tensors and sizes are put through ``change``.

    >>> renamed([Range("x", Dim("a", 1))], lambda e: Dim("b", 1) if isinstance(e, Dim) else e)
    (Range('x', Dim('b', 1)),)
    """
    made: dict[Fact, None] = {}
    for f in facts:
        if isinstance(f, Range):
            letter = change(Index(f.letter))
            made[Range(letter.name if isinstance(letter, Index) else f.letter, change(f.size))] = None
        else:
            changed = change(Tensor(f.tensor, ()))
            name = changed.name if isinstance(changed, Tensor) else f.tensor
            made[Declared(f.kind, name) if isinstance(f, Declared) else Outside(name, f.value)] = None
    return tuple(made)


def _defined(equations: tuple[Equation, ...]) -> dict[str, int]:
    """The equation that defines each name everywhere but where a start does."""
    where: dict[str, int] = {}
    starts: set[tuple[str, object]] = set()
    for n, eq in enumerate(equations):
        if eq.place is not None and (eq.name, eq.place) not in starts:
            starts.add((eq.name, eq.place))
            continue
        if eq.name in where or eq.place is not None:
            raise DuplicateDefinition(
                f"{eq.name} is defined twice",
                fix=f"add the two right sides in one equation, or give the second another name than {eq.name}",
                about=(n, eq.target),
            )
        where[eq.name] = n
    begun = {name for name, _ in starts}
    for n, eq in enumerate(equations):
        if eq.place is not None and eq.name not in where:
            raise RepeatedOutputIndex(
                f"{eq.target} is one entry, and no equation gives the others",
                fix="write plain indices on the left, and a bracket such as [i = 0] on the right",
                about=(n, eq.target),
            )
        if eq.name not in begun and not all(isinstance(s, Index) for s in eq.target.subscripts):
            raise RepeatedOutputIndex(
                f"{eq.target} is shifted, and nothing says where {eq.name} starts",
                fix="an axis of the left side has a letter of its own: write plain indices on the left and shift those "
                "on the right; or add the start, x_{0,j} = a_j beside x_{l+1,j} = …",
                about=(n, eq.target),
            )
    return where


def _outer(name: str, equations: Sequence[Equation], own: set[str], uses: Sequence[Mapping[str, None]]) -> bool:
    """Whether an equation outside of a loop reads a tensor of it."""
    return any(name in names for eq, names in zip(equations, uses, strict=True) if eq.name not in own)


def _present(loop: Loop) -> Iterator[Tensor]:
    """What the body of a loop reads of it at the very step that it writes: that is on its way to something else."""
    for eq in loop.body:
        own = loop.time(eq)
        for e in postorder(eq.value):
            if isinstance(e, Tensor) and e.name in loop.axes and e.name != eq.name:
                there = shift(e.subscripts[loop.axes[e.name]])
                if there is not None and there[1] == own[1]:
                    yield e


def summed(target: Tensor, value: Expr) -> Equation:
    """The equation whose right side is ``value`` summed over every index that is not on the left."""
    free = frozenset(target.letters or ())
    return equation(target, sum_over(sorted(value.free - free), value))


def _shape_names(eq: Equation, said: Iterable[str]) -> list[str]:
    """Tensors that alone tell the range of a letter on the left, unless it is ``said``: X in ``∂y/∂X_ij = [i = j]``."""
    axes = primal_axes(eq.target)
    if axes is None:
        return []
    told: set[str] = set(said)
    ties: list[set[str]] = []
    for e in postorder(eq.value):
        if isinstance(e, Tensor):
            told.update(e.letters or ())
        elif isinstance(e, Bracket) and e.relation == "=" and isinstance(e.left, Index) and isinstance(e.right, Index):
            ties.append({e.left.name, e.right.name})
    needed: list[str] = []
    letters = eq.letters
    ties = [t for t in ties if t.issubset(letters)]
    plain = [(name, s.name) for (name, _), s in zip(axes, eq.target.subscripts, strict=False) if isinstance(s, Index)]
    for name, i in reversed(plain):  # the variable before the function
        alike = {i}
        for _ in ties:
            alike.update(*(t for t in ties if t & alike))
        if alike.isdisjoint(told):
            needed.append(name)
            told.add(i)
    return needed[::-1]
