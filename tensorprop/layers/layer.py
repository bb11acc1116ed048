"""A layer is a page of equations: its forward rules, and those of its backward rules that somebody wrote.

In: text. Out: the forward System, and a System of backward rules in which what was not written is derived. Whether a
written rule is right is not known here; `tensorprop.check` proves or refutes it. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from tensorprop.calculus import adjoint
from tensorprop.core.build import ONE
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import (
    CircularDefinition,
    DuplicateDefinition,
    NameConflict,
    NotDifferentiable,
    RankMismatch,
    TensorpropError,
    UnknownName,
    UsageError,
    near,
)
from tensorprop.layers.shorthand import adjoints_spelled, forward_spelled
from tensorprop.text import parse_expression, show
from tensorprop.text.parse import Spans, equations
from tensorprop.text.source import as_system

__all__ = ["Layer", "as_layer"]


class Layer:
    """A page of equations: ``forward``, and where you like ``backward``.

    Write it as a class or with the constructor; both take text.

    forward:     equations ``z_j = a_i W_ij + b_j``, one a line. Names that are used and not defined are inputs.
    backward:    equations ``δx_i = …`` for any of the inputs and intermediates, in terms of inputs, intermediates,
                 outputs and the δ of what comes later; ``∂E/∂x_i`` says the same. Lines of another name (``t_j = …``)
                 name a part. What is not written is derived.
    parameters:  the inputs that are learnt, ``"W b"``.
    takes:       the input that comes from the layer before, in a chain; needed where several are no parameters.
    given:       what is known of the inputs, as ``Σ_c y_bc = 1``; a written rule may rely on it.

    A layer with one number at its end (a loss) has δ of it = 1. One letter may name two layers' tensors, told apart by
    their index, as textbooks do: ``z_j = a_i W_ij + b_j; a_i = f(z_i)`` with ``δ_i = W_ij δ_j f′(z_i)``.

    Errors: whatever is wrong with the text, with its place; UnknownName, RankMismatch for a rule of no tensor here.

    >>> class Dense(Layer):
    ...     forward = "z_j = a_i W_ij + b_j"
    ...     backward = "δW_ij = a_i δz_j"
    ...     parameters = "W b"
    >>> print(Dense())
    # Dense
    z_j = a_i W_ij + b_j
    # backward
    δa_i = W_ij δz_j    # derived
    δW_ij = a_i δz_j
    δb_j = δz_j    # derived
    """

    forward: ClassVar[str] = ""
    backward: ClassVar[str | None] = None
    parameters: str | Iterable[str] = ()
    takes: str | None = None
    given: ClassVar[str] = ""
    _page: Page | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not {"forward", "backward", "given"}.isdisjoint(vars(cls)):
            cls._page = read(cls.forward, cls.backward, cls.given) if cls.forward else None

    def __init__(
        self,
        forward: str | System | None = None,
        backward: str | None = None,
        name: str | None = None,
        *,
        parameters: str | Iterable[str] | None = None,
        takes: str | None = None,
        given: str = "",
    ) -> None:
        kind = type(self)
        if forward is not None:
            page = read(forward, backward, given)
        elif kind._page is not None and backward is None:
            page = kind._page
        elif kind._page is not None:
            page = read(kind.forward, backward, given or kind.given)
        else:
            raise UsageError(f"{kind.__name__} has no forward equations", fix='write forward = "z_j = a_i W_ij + b_j"')
        self._set(page, name or kind.__name__, parameters, takes)

    def _set(self, page: Page, name: str, parameters: str | Iterable[str] | None, takes: str | None) -> None:
        self.name = name
        self._page = page
        self.parameters = names_in(type(self).parameters if parameters is None else parameters)
        self.takes = takes or type(self).takes
        for known in (*self.parameters, *([self.takes] if self.takes else [])):
            if known not in page.system.inputs:
                close = near(known, page.system.inputs)
                raise UnknownName(
                    f"{known} is not an input of {name}",
                    known=f"inputs: {', '.join(page.system.inputs)}",
                    fix=f"did you mean {close[0]}?" if close else None,
                )

    @property
    def page(self) -> Page:
        """What was written, names spelled out."""
        assert self._page is not None
        return self._page

    @property
    def system(self) -> System:
        """The forward equations."""
        return self.page.system

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the layer takes besides its parameters, as it is met from left to right."""
        return tuple(name for name in self.system.inputs if name not in self.parameters)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the forward equations define and do not use themselves."""
        return self.system.outputs

    @property
    def written(self) -> tuple[Equation, ...]:
        """The backward rules that somebody wrote."""
        return self.page.rules

    @cached_property
    def derived(self) -> System:
        """The backward rules as the calculus finds them, also of the intermediates that were written about."""
        s = self.system
        named = [eq.name[1:] for eq in self.written if eq.name[1:] not in s.outputs]
        smooth = [name for name in s.inputs if name not in counts(s)]
        wrt = tuple(dict.fromkeys([*smooth, *named]))
        seed = seed_of(s)
        own = (
            [equation(Tensor(seed, ()), ONE)]
            if seed is not None and any(eq.name == seed for eq in self.written)
            else []
        )
        return system([*own, *(adjoint(s, wrt=wrt) if wrt else ())])

    @cached_property
    def rules(self) -> System:
        """The backward rules: as they were written, and derived where they were not.

        An adjoint of an intermediate that no rule uses is left out. Errors: NotDifferentiable.
        """
        mine = {eq.name: self._seeded(eq) for eq in self.written}
        smooth = [name for name in self.system.inputs if name not in counts(self.system)]
        try:
            found = list(self.derived)
        except NotDifferentiable:
            if not all(f"δ{name}" in mine for name in smooth):
                raise
            found = []
        parts = [self._seeded(eq) for eq in self.page.parts]
        names = {eq.name for eq in found}
        merged = system(
            [*parts, *(mine.get(eq.name, eq) for eq in found), *(eq for eq in mine.values() if eq.name not in names)]
        )
        return merged.only([*(f"δ{name}" for name in smooth), *mine])

    def _seeded(self, eq: Equation) -> Equation:
        """The rule with δE = 1, where E is the one number at the end."""
        seed = seed_of(self.system)
        if seed is None or eq.name == seed:
            return eq
        return equation(
            eq.target, transform(eq.value, lambda n: ONE if isinstance(n, Tensor) and n.name == seed else n)
        )

    def shapes(self, **sizes: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, told the sizes of the letters that it has in the forward equations.

        >>> Layer("z_bj = a_bi W_ij + b_j", parameters="W b").shapes(i=3, j=2)
        {'W': (3, 2), 'b': (2,)}
        """
        found: dict[str, tuple[int, ...]] = {}
        for name in names_in(self.parameters):
            letters = letters_of(self.system, name)
            missing = [i for i in letters if i not in sizes]
            if missing:
                raise UsageError(
                    f"the size of {' and '.join(missing)} is needed for {name}",
                    known=f"{name} has the indices {' '.join(letters)}",
                    fix=f"shapes({', '.join(f'{i}=…' for i in letters)})",
                )
            found[name] = tuple(sizes[i] for i in letters)
        return found

    def rename(self, **names: str) -> Layer:
        """The same layer with tensors called otherwise: ``Dense().rename(a="x")``.

        >>> print(Layer("z_j = a_i W_ij").rename(a="x", W="U").system)
        z_j = x_i U_ij
        """
        for name in names:
            if name not in self.system.names:
                raise UnknownName(f"no tensor {name} in {self.name}", known=f"known: {', '.join(self.system.names)}")
        called = [names.get(name, name) for name in self.system.names]
        for name in called:
            if called.count(name) > 1:
                raise NameConflict(f"two tensors of {self.name} would be called {name}", fix="choose another name")
        page = self.page.rename(names)
        return layer_of(
            page,
            self.name,
            [names.get(p, p) for p in names_in(self.parameters)],
            names.get(self.takes, self.takes) if self.takes else None,
        )

    def __str__(self) -> str:
        return self.show()

    def show(self, ascii: bool = False) -> str:
        """The page as text: forward equations, then backward rules; it can be read again."""
        known = "".join(f", given {show(x, ascii=ascii)} = {show(y, ascii=ascii)}" for x, y in self.page.given)
        lines = [f"# {self.name}", show(self.system, ascii=ascii), f"# backward{known}"]
        mine = {eq.name for eq in (*self.written, *self.page.parts)}
        for eq in self.rules:
            lines.append(show(eq, ascii=ascii) + ("" if eq.name in mine else "    # derived"))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.name}: {'; '.join(map(str, self.system))}>"


# --------------------------------------------------------------------------- pages
Given = tuple[tuple[Expr, Expr], ...]


class Page:
    """A layer's text, read: the forward System, the written rules, and the parts that these name for themselves.

    ``given`` are pairs of expressions that the inputs make equal. ``origin`` is the text of the rules as it was
    written, if it is known, so that what is wrong can be shown in the words of whoever wrote it.
    """

    __slots__ = ("given", "origin", "parts", "rules", "system")

    def __init__(
        self,
        forward: System,
        rules: tuple[Equation, ...] = (),
        parts: tuple[Equation, ...] = (),
        given: Given = (),
        origin: str | None = None,
    ) -> None:
        self.system = forward
        self.rules = rules
        self.parts = parts
        self.given = given
        self.origin = origin

    def rename(self, names: Mapping[str, str]) -> Page:
        """The page with tensors, and their adjoints, called otherwise."""

        def new(old: str) -> str:
            return f"δ{names[old[1:]]}" if old[:1] == "δ" and old[1:] in names else names.get(old, old)

        def rule(n: Expr) -> Expr:
            if isinstance(n, Tensor):
                return Tensor(new(n.name), n.subscripts)
            return Dim(new(n.tensor), n.axis) if isinstance(n, Dim) else n

        return self.map(lambda e: transform(e, rule))

    def map(self, change: Callable[[Expr], Expr]) -> Page:
        """The page with both sides of every equation put through ``change``."""

        def both(eq: Equation) -> Equation:
            target = change(eq.target)
            assert isinstance(target, Tensor)
            return equation(target, change(eq.value))

        return Page(
            system(map(both, self.system)),
            tuple(map(both, self.rules)),
            tuple(map(both, self.parts)),
            tuple((change(left), change(right)) for left, right in self.given),
        )


def read(forward: str | System, backward: str | None = None, given: str = "", *, convention: str = "strict") -> Page:
    """Read a page; see `Layer` for what may stand on it."""
    source = _Source(forward, convention)
    mine, theirs = _sorted(source.equations)
    if backward is not None and theirs:
        raise source.place(
            UsageError(
                f"{theirs[0].target} is a backward rule, and stands among the forward equations",
                fix="write it in backward",
                about=(None, theirs[0].target),
            )
        )
    back = source if backward is None else _Source(backward, convention)
    rest = theirs if backward is None else back.equations
    if not mine:
        raise source.place(UsageError("there is no forward equation", fix="write one, such as z_j = a_i W_ij + b_j"))
    try:
        built, split = forward_spelled(mine)
    except TensorpropError as error:
        raise source.place(error) from None
    try:
        spelled = adjoints_spelled(rest, built, split, back.said)
        rules = tuple(eq for eq in spelled if eq.name.startswith("δ"))
        parts = tuple(eq for eq in spelled if not eq.name.startswith("δ"))
        _verify(built, rules, parts)
    except TensorpropError as error:
        raise back.place(error) from None
    return Page(built, rules, parts, _given(given, built), back.text)


class _Source:
    """Equations with the text that they come from, for the caret of an error."""

    def __init__(self, x: str | System, convention: str) -> None:
        self.text = x if isinstance(x, str) else getattr(x, "origin", None)
        self.convention = convention
        if isinstance(x, str):
            self.equations = tuple(equations(x, convention, None)[1])
        else:
            self.equations = tuple(as_system(x))
        self.said: dict[Expr, Expr] = {}

    def place(self, error: TensorpropError) -> TensorpropError:
        """The error with its place in the text, where it speaks of something that stands there."""
        node = error.about[1] if isinstance(error.about, tuple) else error.about
        if self.text is None or error.text is not None or not isinstance(node, Expr):
            return error
        spans: list[Spans] = []
        try:
            equations(self.text, self.convention, spans)
        except TensorpropError:
            return error
        found = (places.get(n) for n in (node, self.said.get(node)) for places in spans)
        span = next((place for place in found if place is not None), None)
        return error if span is None else error.at(self.text, span)


def _given(text: str, s: System) -> Given:
    """``Σ_c y_bc = 1``: sums of entries of an input that are a known number."""
    pairs: list[tuple[Expr, Expr]] = []
    for line in filter(None, (part.strip() for part in text.replace("\n", ";").split(";"))):
        left, _, right = line.rpartition("=")
        pair = parse_expression(left, free=None), parse_expression(right, free=None)
        match pair:
            case Sum(_, Tensor(name)), Number() if name in s.inputs:
                pairs.append(pair)
            case _:
                raise UsageError(
                    f"{line} is not of the form that can be given",
                    fix="a sum of entries of an input is a number: Σ_c y_bc = 1",
                )
    return tuple(pairs)


def _sorted(equations: tuple[Equation, ...]) -> tuple[tuple[Equation, ...], tuple[Equation, ...]]:
    """Forward equations and backward ones; a line that needs a δ, or what needs one, belongs to the way back."""
    back = {eq.name for eq in equations if eq.name[:1] in "δ∂"}
    grown = True
    while grown:
        more = {
            eq.name for eq in equations if eq.name not in back and any(n[:1] in "δ∂" or n in back for n in eq.inputs)
        }
        back |= more
        grown = bool(more)
    return tuple(eq for eq in equations if eq.name not in back), tuple(eq for eq in equations if eq.name in back)


def _verify(forward: System, rules: tuple[Equation, ...], parts: tuple[Equation, ...]) -> None:
    """Rules speak of tensors that are there, each with its own number of axes."""
    for eq in parts:
        if eq.name in forward.names:
            raise DuplicateDefinition(
                f"{eq.name} names a part of a backward rule and a tensor of the layer",
                fix=f"give the part another name than {eq.name}",
                about=(None, eq.target),
            )
    seen: set[str] = set()
    for eq in (*rules, *parts):
        if eq.name in seen:
            raise DuplicateDefinition(
                f"there are two rules for {eq.name}",
                fix="add the two right sides in one rule: what a tensor is owed adds up",
                about=(None, eq.target),
            )
        seen.add(eq.name)
    ranks = {eq.name: len(eq.letters) for eq in parts}
    ranks |= {name: forward.rank(name) for name in forward.names}
    ranks |= {f"δ{name}": forward.rank(name) for name in forward.names}
    for eq in (*rules, *parts):
        for t in (eq.target, *tensors_of(eq.value)):
            if t.name not in ranks:
                raise _unknown(t, forward, ranks)
            if len(t.subscripts) != ranks[t.name]:
                stem = t.name.removeprefix("δ")
                raise RankMismatch(
                    f"{t} has {_count(len(t.subscripts), 'index', 'indices')}, "
                    f"but {stem} has {_count(ranks[t.name], 'axis', 'axes')}",
                    fix=f"an adjoint has the axes of its tensor: one index for each axis of {stem}",
                    about=(None, t),
                )
    for eq in rules:
        if eq.name[1:] in forward.outputs and eq.name != seed_of(forward):
            others = [f"δ{name}" for name in forward.names if name not in forward.outputs]
            raise UsageError(
                f"{eq.name} comes from what follows the layer: {eq.name[1:]} is its output",
                known=f"rules can be written for {', '.join(others)}",
                about=(None, eq.target),
            )
    try:
        system((*parts, *rules))
    except CircularDefinition as error:
        error.fix = "a rule may use the δ of what comes later in the forward pass, not its own"
        raise


def _count(n: int, one: str, many: str) -> str:
    return f"1 {one}" if n == 1 else f"{n or 'no'} {many}"


def _unknown(t: Tensor, forward: System, ranks: Mapping[str, int]) -> UnknownName:
    if t.name.startswith("δ"):
        close = near(t.name[1:], forward.names)
        return UnknownName(
            f"{t.name} is the adjoint of nothing here: no tensor {t.name[1:]} in the forward equations",
            known=f"known: {', '.join(forward.names)}",
            fix=f"did you mean δ{close[0]}?" if close else None,
            about=(None, t),
        )
    close = near(t.name, list(ranks))
    return UnknownName(
        f"no tensor {t.name} in the forward equations, and no line names such a part",
        known=f"known: {', '.join(ranks)}",
        fix=f"did you mean {close[0]}?" if close else None,
        about=(None, t),
    )


def layer_of(page: Page, name: str, parameters: str | Iterable[str] = (), takes: str | None = None) -> Layer:
    """A Layer of a page that has been read."""
    made = Layer.__new__(Layer)
    made._set(page, name, parameters, takes)
    return made


def as_layer(x: Layer | type[Layer] | System | Equation | str, convention: str = "strict") -> Layer:
    """The Layer that is meant, also by its class; in a text or a System, equations for a δ are its backward rules.

    >>> as_layer("z_j = a_i W_ij; δa_i = W_ij δz_j").written[0].name
    'δa'
    """
    if isinstance(x, Layer):
        return x
    if isinstance(x, type) and issubclass(x, Layer):
        return x()
    if isinstance(x, str):
        return layer_of(read(x, convention=convention), "Layer")
    return layer_of(read(as_system(x)), "Layer")


# --------------------------------------------------------------------------- questions about a System
def seed_of(s: System) -> str | None:
    """``δE`` where E is the System's one output and a number: there δE = 1."""
    return f"δ{s.outputs[0]}" if len(s.outputs) == 1 and s.rank(s.outputs[0]) == 0 else None


def counts(s: System) -> frozenset[str]:
    """Tensors of whole numbers: those that stand in subscripts, in brackets beside an index, or pick an entry.

    >>> from tensorprop.text import parse
    >>> sorted(counts(parse("E = -Σ_bc l_bc [y_b = c]; h_bd = T[tok_b, d]; p_b = softmax_c(s_bc)[k_b]")))
    ['k', 'tok', 'y']
    """
    found: set[str] = set()
    for eq in s:
        for n in postorder(eq.value):
            places: tuple[Expr, ...] = n.subscripts if isinstance(n, Tensor) else n.at if isinstance(n, Reduce) else ()
            if isinstance(n, Bracket) and any(isinstance(m, Index) for side in n.children for m in _outside(side)):
                places = n.children
            for place in places:
                found.update(t.name for t in tensors_of(place))
    return frozenset(found)


def _outside(side: Expr) -> Iterable[Expr]:
    """The nodes of a bracket's side that are not inside a tensor's subscripts."""
    stack = [side]
    while stack:
        n = stack.pop()
        yield n
        if not isinstance(n, Tensor):
            stack.extend(n.children)


def letters_of(s: System, name: str) -> tuple[str, ...]:
    """The letters with which the equations first use a tensor with plain indices.

    Errors: UsageError where no entry of it has plain indices.
    """
    for eq in s:
        for t in (eq.target, *tensors_of(eq.value)):
            if t.name == name and t.letters is not None:
                return t.letters
    raise UsageError(f"{name} has no letters of its own: it stands only with shifted or gathered indices")


def names_in(x: str | Iterable[str]) -> tuple[str, ...]:
    """``"W b"``, ``"W, b"`` or a sequence of names."""
    return tuple(x.replace(",", " ").split()) if isinstance(x, str) else tuple(x)
