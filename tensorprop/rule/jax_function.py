"""A layer as a JAX function that differentiates by the layer's own rules: ``jax_function``.

In: forward equations and backward rules. Out: a function of arrays that ``jax.grad`` differentiates by these rules, or
``jax.jvp`` by the derived tangents. What is decided here is which equations are worked out on the way forward, what is
kept, and which on the way back; how JAX is told of it is in ``rule.jax_rule``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tensorprop.calculus import adjoint, stabilise
from tensorprop.calculus.backward import completed
from tensorprop.calculus.source import Source, as_page, names_in
from tensorprop.calculus.tangent import tangent_name, tangents
from tensorprop.core.build import ZERO
from tensorprop.core.equation import Equation, Fact, System, equation, system
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.kinds import smooth
from tensorprop.core.names import adjoint_name, is_adjoint, outer_adjoint, owed_to, primal
from tensorprop.core.walk import tensors_of, transform
from tensorprop.errors import TensorpropError, UnknownName, UsageError, among, meant, public
from tensorprop.face import MadeOf
from tensorprop.run.api import concrete_all
from tensorprop.run.arrays import accept
from tensorprop.run.bound import Functions, bound
from tensorprop.run.extents import Extents, extents, supported
from tensorprop.run.lower import lower
from tensorprop.text import locate, show

if TYPE_CHECKING:
    from tensorprop.run.jax_types import Array

__all__ = ["JaxFunction", "jax_function"]

Arrays = Mapping[str, Any]
Shapes = dict[str, tuple[int, ...]]


def jax_function(
    layer: Source,
    save: str | Iterable[str] | None = None,
    wrt: str | Iterable[str] | None = None,
    forward: bool = False,
    functions: Functions | None = None,
) -> JaxFunction:
    """The layer as a plain JAX function, in which its backward rules are what ``jax.grad`` uses.

    ``fn(a=…, W=…)`` or ``fn(a, W)``, in the order of ``System.inputs``, gives the array of the output, or a dict of
    them by name. Rules that somebody wrote are used as they were written, the others are derived. Nothing is proved
    here: `check` does that. The function works under ``jit``, ``vmap``, ``scan``, ``checkpoint``; second derivatives
    (``jax.hessian``, gradients of gradients) are JAX's derivatives of the rules.

    save:     tensors to keep on the way forward, ``"p"`` or ``("p", "r")``. What else the rules need is worked out
              again from the inputs (and what is kept). By default the intermediates and outputs that the rules name.
    wrt:      the inputs to differentiate by; the others are constants, as under ``jax.lax.stop_gradient``. By default
              all that have a rule. Whole numbers and truth values have no derivative.
    forward:  True gives the variant for ``jax.jvp``, ``jax.linearize`` and ``jax.jacfwd``: the derived tangent
              equations take the place of the rules, and ``jax.grad`` transposes them. JAX has no function that
              takes a reverse rule and can be differentiated forwards as well.
    functions: open functions bound, ``{"f": jnp.tanh}``, as in `compile`: f′ is given under its own name, or is JAX's
              derivative of f.

    Two that are made of the same equations, rules and options are equal, so that neither ``jit`` nor a module that
    holds one as a static field traces again; they can be pickled.

    Errors: UnknownName, RankMismatch, UsageError, NotDifferentiable, OpenFunction here, and those of `compile` at the
    call; UsageError at the call if the reverse variant is differentiated forwards.

    >>> import jax, jax.numpy as jnp
    >>> f = jax_function("a_j = tanh(z_j); δz_j = δa_j (1 - a_j^2)")
    >>> f.saved
    ('a',)
    >>> jax.grad(lambda z: f(z).sum())(jnp.zeros(2)).tolist()
    [1.0, 1.0]
    """
    whole, rules, variables = _read(layer, _names(wrt, "wrt") if wrt is not None else None, derive=not forward)
    calls = functions or {}
    if forward:
        if save is not None:
            raise UsageError(
                "save belongs to the reverse rule", fix="forward=True differentiates forwards: leave save out"
            )
        return JaxFunction(whole, tangents(stabilise(whole), variables), variables, None, True, calls)
    return JaxFunction(whole, rules, variables, None if save is None else _kept(whole, save), False, calls)


class JaxFunction(MadeOf):
    """What `jax_function` gives: ``fn(**arrays)`` or ``fn(*arrays)``.

    ``system`` holds the forward equations, ``rules`` those of its derivative, ``wrt`` the inputs that have one,
    ``saved`` the tensors that the way back is given if it is asked for all of them.
    """

    def __init__(
        self,
        whole: System,
        rules: System,
        wrt: tuple[str, ...],
        save: frozenset[str] | None,
        forward: bool,
        functions: Functions,
    ) -> None:
        self.system = whole
        self.rules = rules
        self.inputs = whole.inputs
        self.outputs = whole.outputs
        self.wrt = wrt
        self.forward = forward
        self._parts = whole, rules, wrt, save, forward, dict(functions)
        self._calls = bound((*whole.functions, *rules.functions), functions)
        for s in (whole, rules):
            supported(s, self._calls)
        self._ready = stabilise(whole)
        self._way_back = _Backward(self._ready, rules, save)
        self.saved = () if forward else self._way_back.of(wrt).saved
        self._owed = {} if forward else self._way_back.owed(wrt)
        self._labels = frozenset(whole.inputs) - smooth(whole)
        self._single = len(self.outputs) == 1
        self.__name__ = self.__qualname__ = "_".join(self.outputs)
        self.__doc__ = show(whole)
        if all(n.isidentifier() and not iskeyword(n) for n in self.inputs):
            self.__signature__ = Signature([Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in self.inputs])
        self._run = self._installed()

    def _installed(self) -> Callable[[Arrays], Any]:
        from tensorprop.rule.jax_rule import forward_rule, reverse_rule
        from tensorprop.run.jax import jit

        if self.forward:
            rule = forward_rule(self._value, self._push, self.outputs)
        else:
            rule = reverse_rule(self._value, self._save, self._pull, self.outputs, self._way_back.again(self.wrt))
        return jit(lambda arrays: rule(_arrays(arrays)), self.__name__)

    @public
    def __call__(self, /, *positional: Any, **named: Any) -> Array:
        arrays = self._bound(positional, named)
        try:
            out = self._run(arrays)
        except RuntimeError:  # an array whose memory is gone; anything else is not ours to tell
            accept(self.system, arrays)
            raise
        except (TypeError, ValueError, OverflowError) as error:
            from tensorprop.rule.jax_rule import is_forward_refusal

            if isinstance(error, TypeError) and is_forward_refusal(error):
                raise UsageError(
                    "this function is differentiated by its reverse rules, and JAX was asked to go forwards",
                    fix="take jax_function(…, forward=True) for jax.jvp, jax.linearize and jax.jacfwd; "
                    "for jax.grad, jax.vjp, jax.jacrev and jax.hessian this one",
                ) from error
            accept(self.system, arrays)
            out = self._run(concrete_all(arrays))
        return cast("Array", out[0] if self._single else dict(zip(self.outputs, out, strict=True)))

    def _bound(self, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if len(positional) > len(self.inputs):
            raise UsageError(
                f"{len(positional)} arrays for {len(self.inputs)} inputs", known=f"inputs: {', '.join(self.inputs)}"
            )
        arrays = dict(zip(self.inputs, positional, strict=False))
        twice = [n for n in arrays if n in named]
        if twice:
            raise UsageError(f"{', '.join(twice)}: given by place and again by name", fix="pass it once")
        return {**arrays, **named}

    # ----------------------------------------------------------------- what JAX calls while it traces
    def _lowered(self, s: System, arrays: Arrays, names: tuple[str, ...], sizes: Extents) -> tuple[Array, ...]:
        return _lowered(s, arrays, names, sizes, self._labels, self._calls)

    def _value(self, arrays: Arrays) -> tuple[Array, ...]:
        return self._real(arrays, self._worked(arrays, self.outputs)[0])

    def _real(self, arrays: Arrays, out: tuple[Array, ...]) -> tuple[Array, ...]:
        """Whole numbers as real ones, where a rule hands their cotangent on: ``y_i = [x_i > 0]; δx_i = δy_i``."""
        from tensorprop.rule.jax_rule import as_real

        return tuple(
            as_real(o, [arrays[x] for x in self._owed.get(n, ())]) for n, o in zip(self.outputs, out, strict=False)
        )

    def _worked(
        self, arrays: Arrays, names: tuple[str, ...], derivative: bool = False
    ) -> tuple[tuple[Array, ...], Shapes]:
        """The named tensors of the forward equations, and the shapes of all."""
        given, sizes = accept(self.system, arrays, derivative)
        if self._ready is not self.system:
            sizes = extents(self._ready, {n: g.shape for n, g in given.items()})
        out = self._lowered(self._ready, arrays, names, sizes)
        return out, {**sizes.shapes, **{n: g.shape for n, g in given.items()}}

    def _save(self, arrays: Arrays, wanted: tuple[str, ...]) -> tuple[tuple[Array, ...], dict[str, Array], Any]:
        plan = self._way_back.of(tuple(n for n in wanted if n in self.wrt))
        made = tuple(n for n in plan.saved if n not in arrays and n not in self.outputs)
        out, shapes = self._worked(arrays, (*self.outputs, *made), derivative=True)
        found = {**arrays, **dict(zip((*self.outputs, *made), out, strict=True))}
        kept = {n: found[n] for n in plan.saved}
        return self._real(arrays, out[: len(self.outputs)]), kept, tuple(sorted(shapes.items()))

    def _pull(self, kept: Any, cotangents: dict[str, Array]) -> dict[str, Array]:
        shapes: Shapes = dict(kept.note)
        wanted = tuple(n for n in kept.wanted if n in self.wrt)
        plan = self._way_back.of(wanted, tuple(n for n in self.outputs if n not in cotangents))
        seeds = self._way_back.seeds
        arrays = {**kept.arrays, **{seeds[n]: c for n, c in cotangents.items()}}
        arrays |= {_stored(n): kept.arrays[n] for n in plan.loops}
        of = {_stored(n): n for n in plan.loops}
        sizes = extents(plan.system, {n: shapes[of.get(n, owed_to(n))] for n in plan.system.inputs})
        out = self._lowered(plan.system, arrays, plan.gradients, sizes)
        found = {primal(n): g for n, g in zip(plan.gradients, out, strict=True)}
        if self._way_back.seeded:
            (seed,) = cotangents.values()
            found = {n: g * seed.astype(g.dtype) for n, g in found.items()}
        return found

    def _push(self, arrays: Arrays, moved: dict[str, Array]) -> tuple[tuple[Array, ...], dict[str, Array]]:
        s = self._ready
        still = [n for n in self.wrt if n not in moved]
        rules = _without(self.rules, {tangent_name(n, s.rank(n)) for n in still}, ())
        names = tuple(n for n in self.outputs if tangent_name(n, s.rank(n)) in rules)
        targets = tuple(tangent_name(n, s.rank(n)) for n in names)
        whole = (s + rules).only((*self.outputs, *targets))
        given, _ = accept(self.system, arrays, derivative=True)
        shapes = {n: g.shape for n, g in given.items()}
        ready = {**arrays, **{tangent_name(n, s.rank(n)): t for n, t in moved.items()}}
        shapes |= {tangent_name(n, s.rank(n)): shapes[n] for n in moved}
        sizes = extents(whole, {n: shapes[n] for n in whole.inputs})
        out = self._lowered(whole, ready, (*self.outputs, *targets), sizes)
        count = len(self.outputs)
        return out[:count], dict(zip(names, out[count:], strict=True))

    def __copy__(self) -> JaxFunction:
        return self

    def __deepcopy__(self, memo: object) -> JaxFunction:
        return self

    def __str__(self) -> str:
        way = "tangents" if self.forward else "rules"
        head = f"<JAX function: {', '.join(self.inputs)} → {', '.join(self.outputs)}>"
        return f"{head}\n{show(self.system)}\n# {way}\n{show(self.rules)}"


# --------------------------------------------------------------------------- the way back
class Pull(NamedTuple):
    """Equations to work out, the δ that are wanted of them, and what they need of the way forward."""

    system: System
    gradients: tuple[str, ...]
    saved: tuple[str, ...]
    loops: tuple[str, ...]  # of these the tensors that a recurrence makes: what it starts from is added here


class _Backward:
    """Rules joined with the forward equations of what was not kept, for the gradients that are wanted."""

    def __init__(self, forward: System, rules: System, save: frozenset[str] | None) -> None:
        self.forward = forward
        self.rules = rules
        self.kept = frozenset(eq.name for eq in forward) if save is None else save
        outputs = forward.outputs
        self.seeds = {n: outer_adjoint(n) if outer_adjoint(n) in rules.inputs else adjoint_name(n) for n in outputs}
        self.seeded = len(outputs) == 1 and forward.rank(outputs[0]) == 0
        self._plans: dict[tuple[tuple[str, ...], tuple[str, ...]], Pull] = {}

    def of(self, wanted: tuple[str, ...], idle: tuple[str, ...] = ()) -> Pull:
        """What to do for the gradients of ``wanted``, where no cotangent comes from the outputs ``idle``."""
        key = wanted, idle
        if key not in self._plans:
            self._plans[key] = self._plan(wanted, idle)
        return self._plans[key]

    def _plan(self, wanted: tuple[str, ...], idle: tuple[str, ...]) -> Pull:
        names = tuple(adjoint_name(n) for n in wanted)
        rules = _without(self.rules, {self.seeds[n] for n in idle}, names)
        again = [eq for eq in self.forward if eq.name not in self.kept or eq.place is not None]
        loops = tuple(dict.fromkeys(eq.name for eq in again if eq.name in self.kept))
        again += [_as_stored(eq) for eq in self.forward if eq.name in loops and eq.place is None]
        gradients = tuple(n for n in names if n in rules)
        whole = stabilise(system([*again, *rules], _facts(self.forward, rules)).only(gradients))
        read = {t.name for eq in whole for t in tensors_of(eq.value)}
        loops = tuple(n for n in loops if _stored(n) in read)
        of = {_stored(n): n for n in loops}
        saved = tuple(dict.fromkeys(of.get(n, n) for n in whole.inputs if n in read and not is_adjoint(n)))
        return Pull(whole, gradients, saved, loops)

    def owed(self, wanted: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """For every output the inputs whose rule needs its cotangent."""
        needs = {n: self.rules.only([adjoint_name(n)]).inputs for n in wanted if adjoint_name(n) in self.rules}
        return {out: tuple(n for n in needs if self.seeded or end in needs[n]) for out, end in self.seeds.items()}

    def again(self, wanted: tuple[str, ...]) -> bool:
        """Whether part of the forward equations is worked out a second time."""
        return any(eq.name in self.forward for eq in self.of(wanted).system)


def _stored(name: str) -> str:
    """What the array is called that was kept of a tensor which a recurrence makes; no text can spell it."""
    return f"·{name}"


def _as_stored(eq: Equation) -> Equation:
    """In place of a recurrence's step, what was kept of it: ``h_tj = ·h_tj``; its starts stay equations."""
    plain = tuple(Index(i) for s in eq.target.subscripts for i in sorted(s.free))
    return equation(Tensor(eq.name, plain), Tensor(_stored(eq.name), plain))


def _without(rules: System, zero: set[str], wanted: Iterable[str]) -> System:
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


# --------------------------------------------------------------------------- reading
def _read(layer: Any, wrt: tuple[str, ...] | None, derive: bool) -> tuple[System, System, tuple[str, ...]]:
    """The forward equations, the rules of what is differentiated by, and its names."""
    page = as_page(layer.system if isinstance(layer, JaxFunction) and layer.forward else layer)
    forward = page.system
    _inputs_only(forward, wrt)
    if not derive:
        rules = system(())
        ruled = forward.inputs
        if wrt is None:
            smoothly = adjoint(forward)
            ruled = tuple(n for n in forward.inputs if adjoint_name(n) in smoothly)
    else:
        rules = _completed(forward, completed(page, wrt or None))
        rules = system((equation(eq.target, transform(eq.value, _sized)) for eq in rules), rules.facts)
        ruled = tuple(n for n in forward.inputs if adjoint_name(n) in rules)
    for name in wrt or ():
        if name not in ruled:
            raise UnknownName(
                f"there is no rule for {name}",
                known=f"the equations are not smooth in {name}, and none is written",
                fix=f"write one, δ{name} = …, or leave {name} out of wrt",
            )
    return forward, rules, ruled if wrt is None else tuple(dict.fromkeys(wrt))


def _inputs_only(s: System, wrt: tuple[str, ...] | None) -> None:
    """Gradients are by inputs."""
    for name in wrt or ():
        if name not in s.inputs:
            made = name in s.names
            raise UnknownName(
                f"{name} is worked out from other tensors, and wrt names inputs" if made else f"no input {name}",
                known=f"inputs: {', '.join(s.inputs) or 'none'}",
                fix=None if made else meant(name, s.inputs),
            )


def _completed(forward: System, rules: System) -> System:
    """The rules, and those for the intermediates whose adjoints they use, smooth or not: ``δx_i = δh_i``."""
    open_ends = [n for n in forward.names if n not in forward.outputs and adjoint_name(n) in rules.inputs]
    if not open_ends:
        return rules
    more = [eq for eq in adjoint(forward, wrt=dict.fromkeys(open_ends)) if eq.name not in rules]
    return system([*rules, *more], _facts(forward, rules)).only([eq.name for eq in rules])


def _facts(*systems: System) -> Iterable[Fact]:
    """What is stated of letters and tensors, once."""
    return dict.fromkeys(f for s in systems for f in s.facts)


def _sized(n: Expr) -> Expr:
    """δz is as large as z."""
    return Dim(primal(n.tensor), n.axis) if isinstance(n, Dim) else n


def _names(x: str | Iterable[str], option: str) -> tuple[str, ...]:
    """Names as ``"a b"``, or one by one."""
    return tuple(dict.fromkeys(names_in(x, option)))


def _kept(s: System, save: str | Iterable[str]) -> frozenset[str]:
    """The tensors that are to be kept, checked; inputs need no keeping."""
    names = _names(save, "save")
    for name in names:
        if name not in s.names:
            raise UnknownName(
                f"no tensor {name} to save",
                **among(name, s.names, "the forward equations have"),
            )
    return frozenset(names)


# --------------------------------------------------------------------------- arrays
def _arrays(given: Arrays) -> Arrays:
    from tensorprop.run.jax import raw

    return {n: raw(a) for n, a in given.items()}


def _lowered(
    s: System, arrays: Arrays, names: tuple[str, ...], sizes: Extents, labels: frozenset[str], calls: Functions
) -> tuple[Array, ...]:
    """The named tensors of a System whose sizes are known."""
    from tensorprop.run.jax import JaxOperations, array, common_dtype

    ready = {n: array(arrays[n]) for n in s.inputs if n in arrays}
    try:
        dtype = common_dtype(a for n, a in ready.items() if n not in labels)
        out = lower(s, ready, names, JaxOperations(dtype, calls), sizes)
    except TensorpropError as error:
        raise locate(error, s) from None
    return tuple(out[n] for n in names)
