"""Equations and Systems of them: named tensors, each defined once, in an order without circles.

In: targets and values. Out: what is defined, what is given, in which order to work. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tensorprop.core.build import rename, sum_over
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Interned, Number, Tensor, node
from tensorprop.core.walk import freshen, postorder
from tensorprop.errors import (
    CircularDefinition,
    DuplicateDefinition,
    FreeIndexMismatch,
    RankMismatch,
    RepeatedOutputIndex,
    UnknownName,
    Unsupported,
    UsageError,
)

__all__ = ["Equation", "System", "equation", "primal_axes", "system", "unrolled"]


@node
class Equation(Interned):
    """``target = value`` for every value of the target's indices, which are plain letters.

    Where a recurrence starts, a subscript on the left is a number: ``h_{-1,j} = g_j``.
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
        return tuple(s.name for s in self.target.subscripts if isinstance(s, Index))

    @property
    def place(self) -> tuple[Expr | None, ...] | None:
        """Where the equation holds, if not everywhere: a number for every axis that has one on the left."""
        if all(isinstance(s, Index) for s in self.target.subscripts):
            return None
        return tuple(s if isinstance(s, Number) else None for s in self.target.subscripts)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that the right side needs, as they are met from left to right."""
        return tuple(_names_in(self.value))

    def rename(self, letters: Mapping[str, str]) -> Equation:
        """The same equation with its free indices called otherwise."""
        target = rename(self.target, letters)
        assert isinstance(target, Tensor)
        return equation(target, rename(self.value, letters))


def equation(target: Tensor, value: Expr) -> Equation:
    """An Equation; letters bound on the right that stand on the left step aside.

    Errors: RepeatedOutputIndex, FreeIndexMismatch (an index on the right that is neither summed nor on the left).
    """
    letters = [s.name for s in target.subscripts if isinstance(s, Index)]
    plain = all(isinstance(s, (Index, Number)) for s in target.subscripts)
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


class System(Interned):
    """Equations, each name defined once.

    ``origin`` is the text that the System was last read from, if any; it plays no part in equality. ``recurrent``:
    some tensor is defined by its own past, as in ``h_tj = tanh(x_tj + h_{t-1,k} W_kj); h_{-1,j} = g_j``.
    """

    __slots__ = ("_functions", "_inputs", "_order", "_outputs", "_ranks", "_where", "equations", "origin", "recurrent")
    _fields = ("equations",)
    equations: tuple[Equation, ...]
    origin: str | None
    recurrent: bool
    _where: dict[str, int]
    _ranks: dict[str, int]
    _order: tuple[Equation, ...]
    _inputs: tuple[str, ...]
    _outputs: tuple[str, ...]
    _functions: tuple[str, ...]

    def _made(self) -> None:
        put = object.__setattr__
        where: dict[str, int] = {}
        starts: set[tuple[str, object]] = set()
        for n, eq in enumerate(self.equations):
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
        ranks: dict[str, int] = {}
        uses: list[dict[str, None]] = []
        functions: dict[str, None] = {}
        used: dict[str, None] = {}
        for n, eq in enumerate(self.equations):
            names: dict[str, None] = {}
            for place, e in enumerate((eq.target, *postorder(eq.value))):
                if isinstance(e, Tensor):
                    rank = ranks.setdefault(e.name, len(e.subscripts))
                    if rank != len(e.subscripts):
                        raise RankMismatch(
                            f"{e.name} has {_axes(rank)} in one place and {_axes(len(e.subscripts))} in another",
                            fix="one name, one number of axes: correct the subscripts or use another name",
                            about=(n, e),
                        )
                    if place:
                        names[e.name] = None
                elif isinstance(e, Dim):
                    names[e.tensor] = None
                elif isinstance(e, Call):
                    functions[e.function] = None
            uses.append(names)
            used.update((name, None) for name in names if name != eq.name)
        put(self, "_where", where)
        put(self, "_ranks", ranks)
        for n, eq in enumerate(self.equations):
            if eq.place is not None and eq.name not in where:
                raise RepeatedOutputIndex(
                    f"{eq.target} is one entry, and no equation gives the others",
                    fix="write plain indices on the left, and a bracket such as [i = 0] on the right",
                    about=(n, eq.target),
                )
        recurrent, order = bool(starts), self.equations
        try:
            order = _ordered(self.equations, uses, where)
        except CircularDefinition:
            recurrent = True
        if recurrent:
            now = [_present(eq, names) for eq, names in zip(self.equations, uses, strict=True)]
            order = _ordered(self.equations, now, where)
            used = {name: None for names in now for name in names}
        put(self, "_order", order)
        put(self, "recurrent", recurrent)
        put(self, "_functions", tuple(functions))
        put(self, "_outputs", tuple(dict.fromkeys(eq.name for eq in self.equations if eq.name not in used)))
        given = [name for names in uses for name in names if name not in where]
        shapes = [p for eq in self.equations for p in _shape_names(eq) if p not in where]
        put(self, "_inputs", tuple(dict.fromkeys(given + shapes)))
        put(self, "origin", None)

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
        return tuple(dict.fromkeys((*self._inputs, *self._ranks)))

    @property
    def functions(self) -> tuple[str, ...]:
        """Every function's name."""
        return self._functions

    @property
    def ordered(self) -> tuple[Equation, ...]:
        """The equations, each after those that it needs."""
        return self._order

    def rank(self, name: str) -> int:
        """The number of axes of a tensor."""
        try:
            return self._ranks[name]
        except KeyError:
            raise UnknownName(f"no tensor {name} here", known=f"known: {', '.join(self.names)}") from None

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
        return system((*self.equations, *other.equations))

    def only(self, outputs: Iterable[str]) -> System:
        """The equations that these outputs need, and no others."""
        need, stack = set[str](), list(outputs)
        while stack:
            name = stack.pop()
            if name not in need and name in self._where:
                need.add(name)
                stack.extend(_names_in(self[name].value))
        return system(eq for eq in self.equations if eq.name in need)

    def definitions(self) -> dict[str, tuple[tuple[str, ...], Expr]]:
        """``{"z": (("b", "j"), right side)}``, as ``walk.inline`` takes it."""
        return {eq.name: (eq.letters, eq.value) for eq in self.equations}


def system(equations: Iterable[Equation]) -> System:
    """A System of these equations."""
    return System(tuple(equations))


def _present(eq: Equation, names: dict[str, None]) -> dict[str, None]:
    """The names that an equation reads at the same place as it writes: ``h_{t-1}`` on the way to h_t is past."""
    place = {s.name: k for k, s in enumerate(eq.target.subscripts) if isinstance(s, Index)}
    now: dict[str, None] = {}
    for e in postorder(eq.value):
        if isinstance(e, Dim):
            now[e.tensor] = None
        if isinstance(e, Tensor) and not any(
            _shift(s) is not None and place.get(_shift(s) or "") == k for k, s in enumerate(e.subscripts)
        ):
            now[e.name] = None
    return {name: None for name in names if name in now}


def _shift(s: Expr) -> str | None:
    """The letter t of ``t - 1``, ``t - 2`` …"""
    match s:
        case Add((Index(name), Number(n))) if n < 0:
            return name
        case _:
            return None


def unrolled(s: System, verb: str) -> System:
    """The System, if no tensor of it is defined by its own past.

    Errors: Unsupported.
    """
    if s.recurrent:
        for n, eq in enumerate(s.equations):
            past = _present(eq, dict.fromkeys(eq.inputs)).keys() != dict.fromkeys(eq.inputs).keys()
            if past or eq.place is not None:
                raise Unsupported(
                    f"{eq.name} is defined by a recurrence, which this version reads and writes but cannot {verb}",
                    fix=f"write the steps out: {eq.name}1 = …; {eq.name}2 = …",
                    about=(n, eq.target),
                )
    return s


def summed(target: Tensor, value: Expr) -> Equation:
    """The equation whose right side is ``value`` summed over every index that is not on the left."""
    free = frozenset(target.letters or ())
    return equation(target, sum_over(sorted(value.free - free), value))


def primal_axes(target: Tensor) -> list[tuple[str, int]] | None:
    """Which axis of which tensor each axis of a derivative repeats: ``δz_bj`` has those of z.

    ``None`` for an ordinary tensor. A derivative's name holds one · for every subscript: ``∂y·/∂x··``.

    >>> from tensorprop.core.build import tensor
    >>> primal_axes(tensor("∂y·/∂x··", "i", "j", "k"))
    [('y', 0), ('x', 0), ('x', 1)]
    >>> primal_axes(tensor("δz", "b", "j"))
    [('z', 0), ('z', 1)]
    """
    if target.name.startswith("δ") and len(target.name) > 1:
        return [(target.name[1:], k) for k in range(len(target.subscripts))]
    if not target.name.startswith("∂"):
        return None
    axes: list[tuple[str, int]] = []
    for part in target.name.replace("/", "").split("∂")[1:]:
        stem = part.lstrip("⁰¹²³⁴⁵⁶⁷⁸⁹")
        name = stem.rstrip("·")
        axes += [(name, k) for k in range(len(stem) - len(name))]
    return axes


def _shape_names(eq: Equation) -> list[str]:
    """Tensors that alone tell the range of a letter on the left: X in ``∂y/∂X_ij = [i = j]``."""
    axes = primal_axes(eq.target)
    if axes is None:
        return []
    told: set[str] = set()
    ties: list[set[str]] = []
    for e in postorder(eq.value):
        if isinstance(e, Tensor):
            told.update(e.letters or ())
        elif isinstance(e, Bracket) and e.relation == "=" and isinstance(e.left, Index) and isinstance(e.right, Index):
            ties.append({e.left.name, e.right.name})
    needed: list[str] = []
    for (name, _), i in reversed(list(zip(axes, eq.letters, strict=True))):  # the variable before the function
        alike = {i}
        for _ in ties:
            alike.update(*(t for t in ties if t <= frozenset(eq.letters) and t & alike))
        if alike.isdisjoint(told):
            needed.append(name)
            told.add(i)
    return needed[::-1]


def _names_in(value: Expr) -> dict[str, None]:
    names: dict[str, None] = {}
    for e in postorder(value):
        if isinstance(e, Tensor):
            names[e.name] = None
        elif isinstance(e, Dim):
            names[e.tensor] = None
    return names


def _axes(n: int) -> str:
    return "no axes" if n == 0 else "1 axis" if n == 1 else f"{n} axes"


def _renamed(name: str) -> str:
    """What to call a second tensor; of two layers' δ, as textbooks have them."""
    if name == "δ":
        return "δ^(k) where the other is δ^(k+1), or write this as the backward rule of a Layer"
    return name + "2"


def _ordered(
    equations: tuple[Equation, ...], uses: list[dict[str, None]], where: Mapping[str, int]
) -> tuple[Equation, ...]:
    """Dependency order, the written order where it is free; a circle is refused and shown."""
    state = [0] * len(equations)  # 0 new, 1 open, 2 done
    order: list[int] = []
    for root in range(len(equations)):
        stack: list[tuple[int, Iterator[str]]] = []
        if state[root] == 0:
            state[root] = 1
            stack.append((root, iter(uses[root])))
        while stack:
            n, names = stack[-1]
            for name in names:
                m = where.get(name)
                if m is None or state[m] == 2:
                    continue
                if state[m] == 1:
                    path = [k for k, _ in stack]
                    ring = [equations[k].name for k in path[path.index(m) :]]
                    raise CircularDefinition(
                        "these tensors are defined by one another: " + " → ".join([*ring, ring[0]])
                        if len(ring) > 1
                        else f"{ring[0]} is defined by itself",
                        fix="give the new value a name of its own, such as " + _renamed(ring[0]),
                        about=(n, equations[n].target),
                    )
                state[m] = 1
                stack.append((m, iter(uses[m])))
                break
            else:
                state[n] = 2
                order.append(n)
                stack.pop()
    return tuple(equations[n] for n in order)
