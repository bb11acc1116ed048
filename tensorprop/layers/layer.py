"""A layer is a page of equations: its forward rules, and those of its backward rules that somebody wrote.

In: text. Out: the forward System, and a System of backward rules in which what was not written is derived. Whether a
written rule is right is not known here; `tensorprop.check` proves or refutes it. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from tensorprop.calculus.backward import completed, derived
from tensorprop.calculus.page import Page, axis_letters, read
from tensorprop.calculus.source import Source, as_page, names_in
from tensorprop.core.equation import Equation, System
from tensorprop.core.names import adjoint_name
from tensorprop.errors import NameConflict, UnknownName, UsageError, among, public
from tensorprop.face import Face
from tensorprop.layers.residual import around
from tensorprop.package import verb
from tensorprop.text import show

__all__ = ["Layer", "as_layer", "entry_of", "exit_of", "layer_of", "saves"]


class PutTogether(Protocol):
    """How a Layer was put together from others."""

    def around(self, total: Equation) -> PutTogether:
        """The same with an equation more at the end."""
        ...

    def text(self, whole: Layer) -> str | None:
        """Its blocks and the lines that use them, where that is shorter than all equations."""
        ...


class Layer(Face):
    """A page of equations: ``forward``, and where you like ``backward``.

    Write it as a class or with the constructor; both take text.

    forward:     equations ``z_j = a_i W_ij + b_j``, one a line. Names that are used and not defined are inputs.
    backward:    equations ``δx_i = …`` for any of the inputs and intermediates, in terms of inputs, intermediates,
                 outputs and the δ of what comes later; ``∂E/∂x_i`` says the same. Lines of another name (``t_j = …``)
                 name a part. What is not written is derived.
    parameters:  the inputs that are learnt, ``"W b"``.
    takes:       the input that comes from the layer before, in a chain; needed where several are no parameters.
    given:       what is known of the inputs, as ``Σ_c y_bc = 1``; a written rule may rely on it.
    inference:   forward equations that stand in place of ``forward`` when the layer is used and no more learns, with
                 the same parameters and outputs: ``for_inference`` is that Layer.

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
    inference: ClassVar[str] = ""
    numbered: Mapping[str, tuple[str, int]] = MappingProxyType({})
    save: frozenset[str] | None = None
    """What is kept for the way back, where a chain said so; the rest that the rules need is made again."""
    _page: Page | None = None
    _variant: Layer | None = None
    blocks: PutTogether | None = None
    """How it was put together from other layers, where it was: what `show` tells once, and then uses."""
    kept: tuple[str, ...] = ()
    """Inputs of a page for inference that are worked out while it learns, such as means: numbered as these are."""

    @public
    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not {"forward", "backward", "given"}.isdisjoint(vars(cls)):
            cls._page = read(cls.forward, cls.backward, cls.given) if cls.forward else None

    @public
    def __init__(
        self,
        forward: str | System | None = None,
        backward: str | None = None,
        name: str | None = None,
        *,
        parameters: str | Iterable[str] | None = None,
        takes: str | None = None,
        given: str = "",
        inference: str | None = None,
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
        if inference or (inference is None and kind.inference and forward is None):
            self._variant = self._used(inference or kind.inference)

    def _set(self, page: Page, name: str, parameters: str | Iterable[str] | None, takes: str | None) -> None:
        self.name = name
        self._page = page
        self.parameters = names_in(type(self).parameters if parameters is None else parameters)
        self.takes = takes or type(self).takes
        for known in (*self.parameters, *([self.takes] if self.takes else [])):
            if known not in page.system.inputs:
                raise UnknownName(
                    f"{known} is not an input of {name}",
                    **among(known, page.system.inputs, "inputs"),
                )

    def _used(self, text: str) -> Layer:
        """The layer that these equations are, with what is learnt and taken here. Errors: UsageError."""
        page = read(text, None, "")
        if set(page.system.outputs) != set(self.outputs):
            raise UsageError(
                f"{self.name} gives {', '.join(self.outputs)}, and at inference {', '.join(page.system.outputs)}",
                fix="let both pages define the same outputs",
            )
        inputs = page.system.inputs
        parameters = [p for p in names_in(self.parameters) if p in inputs]
        entry = self.takes or next(iter(self.inputs), None)
        made = layer_of(page, self.name, parameters, entry if entry in inputs else None, self.numbered)
        made.kept = tuple(name for name in inputs if self.system.defines(name))
        return made

    @property
    def for_inference(self) -> Layer:
        """The layer as it is used when it no more learns: without dropout, with statistics that were kept.

        It is the layer itself where nothing else was written. A chain, a composition and a residual of layers have
        theirs made of their parts', with the same names, so that the same parameters fit.

        >>> drop = Layer("y_j = 2 m_j x_j", takes="x", inference="y_j = x_j")
        >>> print(drop.for_inference.system)
        y_j = x_j
        """
        return self if self._variant is None else self._variant

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
        return derived(self.page)

    @cached_property
    def rules(self) -> System:
        """The backward rules: as they were written, and derived where they were not.

        An adjoint of an intermediate that no rule uses is left out. Errors: NotDifferentiable.
        """
        return completed(self.page)

    def shapes(self, **sizes: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, told the sizes of its letters.

        These are the letters of the forward equations, and those of its rule for an axis that is only gathered or
        shifted there.

        >>> Layer("z_bj = a_bi W_ij + b_j", parameters="W b").shapes(i=3, j=2)
        {'W': (3, 2), 'b': (2,)}
        >>> Layer("e_bd = E[n_b, d]", "δE_vd = [v = n_b] δe_bd", parameters="E").shapes(v=100, d=8)
        {'E': (100, 8)}
        """
        found: dict[str, tuple[int, ...]] = {}
        for name in names_in(self.parameters):
            letters = self._letters(name)
            missing = [i for i in letters if i not in sizes]
            if missing:
                raise UsageError(
                    f"the size of {' and '.join(missing)} is needed for {name}",
                    known=f"{name} has the indices {' '.join(letters)}",
                    fix=f"shapes({', '.join(f'{i}=…' for i in letters)})",
                )
            found[name] = tuple(sizes[i] for i in letters)
        return found

    def _letters(self, name: str) -> tuple[str, ...]:
        """A letter for every axis of an input."""
        own = axis_letters(self.system, name)
        rule = adjoint_name(name)
        if None in own and rule in self.rules:
            own = tuple(i or j for i, j in zip(own, axis_letters(self.rules, rule), strict=True))
        letters = tuple(i for i in own if i is not None)
        if len(letters) < len(own):
            raise UsageError(f"{name} has an axis without a letter: it stands only with shifted or gathered indices")
        return letters

    def init(
        self, key: Any, schemes: Any = "glorot", *, dtype: Any = None, nested: bool | int = False, **sizes: Any
    ) -> dict[str, Any]:
        """Start values for the parameters, told the sizes of their letters; the verb ``init`` says what is drawn.

        ``nested`` gives those that a chain numbers, W1 and b1, as a dict by number: ``{"1": {"W": …, "b": …}}``.

        >>> import jax
        >>> {n: v.shape for n, v in Layer("z_bj = a_bi W_ij", parameters="W").init(jax.random.key(0), i=3, j=2).items()}
        {'W': (3, 2)}
        """
        inside = {i for eq in self.system for i in (*eq.letters, *eq.value.free, *eq.value.binds)}
        told = dict(sizes)
        for name in names_in(self.parameters):  # of a table that is looked up only its rule has the letters
            if None in axis_letters(self.system, name) and name not in sizes:
                letters = self._letters(name)
                if all(i in sizes for i in letters):
                    told = {i: n for i, n in told.items() if i in inside or i not in letters}
                    told[name] = tuple(sizes[i] for i in letters)
        flat = verb("init")(self, key, told, schemes, dtype=dtype)
        if not nested:
            return flat
        tree: dict[str, Any] = {}
        for name, value in flat.items():
            base, number = self.numbered.get(name, (name, None))
            (tree if number is None else tree.setdefault(str(number), {}))[base] = value
        return tree

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
        made = layer_of(
            self.page.rename(names),
            self.name,
            [names.get(p, p) for p in names_in(self.parameters)],
            names.get(self.takes, self.takes) if self.takes else None,
            {name: of for name, of in self.numbered.items() if name not in names},
        )
        made.save = self.save if self.save is None else frozenset(names.get(n, n) for n in self.save)
        if self._variant is not None:
            made._variant = self._variant.rename(**{n: m for n, m in names.items() if n in self._variant.system.names})
        return made

    def residual(self) -> Layer:
        """The layer with a way around it: ``r = x + f(x)`` for a layer f.

        So ``δx`` is what f owes it and δr besides, and what f gave is owed δr. The output has the indices of the input,
        so that both have the same sizes. A rule that was written for δx is kept, with the term δr added.

        Errors: UsageError where the layer has several inputs or outputs that could be meant, RankMismatch where these
        have different numbers of axes.

        >>> print(Layer("h_j = tanh(x_j)", "δx_j = δh_j (1 - h_j^2)").residual())
        # Layer
        h_j = tanh(x_j)
        r_j = x_j + h_j
        # backward
        δh_j = δr_j    # derived
        δx_j = δh_j (1 - h_j^2) + δr_j
        """
        entry = entry_of(self, 0)
        page = around(self.page, entry, exit_of(self, 0), self.name)
        made = layer_of(page, self.name, self.parameters, entry, self.numbered)
        made.save = self.save if self.save is None else self.save | {*made.outputs}
        made._variant = self._variant and self._variant.residual()
        made.blocks = self.blocks and self.blocks.around(page.system.equations[-1])
        return made

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Layer) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def _told(self) -> tuple[object, ...]:
        p = self.page
        return (
            p.system,
            p.rules,
            p.parts,
            p.given,
            self.name,
            tuple(self.parameters),
            self.takes,
            self.save,
            self._variant,
        )

    def __str__(self) -> str:
        return self.show()

    def show(self, ascii: bool = False, *, flat: bool = False) -> str:
        """The page as text: forward equations, then backward rules; it can be read again.

        A model in which a block is used more than once is told as its blocks, each once with its rules, and the lines
        that use them, which `compose` reads; ``flat``, and ``ascii``, write out all equations there too.
        """
        if not (flat or ascii) and self.blocks is not None and (told := self.blocks.text(self)) is not None:
            return told
        known = "".join(f", given {show(x, ascii=ascii)} = {show(y, ascii=ascii)}" for x, y in self.page.given)
        lines = [f"# {self.name}", show(self.system, ascii=ascii), f"# backward{known}"]
        mine = {eq.name for eq in (*self.written, *self.page.parts)}
        for eq in self.rules:
            lines.append(show(eq, ascii=ascii) + ("" if eq.name in mine else "    # derived"))
        return "\n".join(lines)


def layer_of(
    page: Page,
    name: str,
    parameters: str | Iterable[str] = (),
    takes: str | None = None,
    numbered: Mapping[str, tuple[str, int]] | None = None,
    variant: Layer | None = None,
) -> Layer:
    """A Layer of a page that has been read; ``numbered`` says which names are another with a chain's number.

    ``variant`` is the same layer for inference.
    """
    made = Layer.__new__(Layer)
    made._set(page, name, parameters, takes)
    made.numbered = dict(numbered or {})
    made._variant = variant
    return made


def saves(links: Iterable[tuple[Layer, Page, Mapping[str, str]]]) -> frozenset[str] | None:
    """What layers keep that stand together, each with its page and its names there: all of one that says nothing."""
    parts = list(links)
    if all(link.save is None for link, _, _ in parts):
        return None
    return frozenset(
        name
        for link, page, called in parts
        for name in (
            (eq.name for eq in page.system) if link.save is None else (called.get(n, n) for n in sorted(link.save))
        )
    )


def as_layer(x: Source, convention: str = "strict") -> Layer:
    """The Layer that is meant, also by its class; in a text or a System, equations for a δ are its backward rules.

    >>> as_layer("z_j = a_i W_ij; δa_i = W_ij δz_j").written[0].name
    'δa'
    """
    if isinstance(x, type) and issubclass(x, Layer):
        return x()
    return x if isinstance(x, Layer) else layer_of(as_page(x, convention), "Layer")


def entry_of(link: Layer, n: int) -> str:
    """The input of a layer that comes from the layer before."""
    if link.takes is not None:
        return link.takes
    if len(link.inputs) == 1:
        return link.inputs[0]
    if not link.inputs:
        raise UsageError(f"{link.name}, layer {n + 1}, has no input besides its parameters")
    one, *others = link.inputs
    raise UsageError(
        f"{link.name}, layer {n + 1}, has the inputs {', '.join(link.inputs)}: which comes from the layer before?",
        fix=f'say which are learnt, parameters="{" ".join(others)}", or which is taken, takes="{one}"',
    )


def exit_of(link: Layer, n: int, s: System | None = None) -> str:
    """The output of a layer that goes on; ``s`` are its equations as they stand in the chain."""
    s = link.system if s is None else s
    if len(s.outputs) == 1:
        return s.outputs[0]
    raise UsageError(
        f"{link.name}, layer {n + 1}, has the outputs {', '.join(s.outputs)}: a chain goes on with one",
        fix="leave out of the layer what nothing uses",
    )
