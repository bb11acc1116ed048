"""A layer as a JAX function that differentiates by the layer's own rules: ``jax_function``.

In: forward equations and backward rules. Out: a function of arrays that ``jax.grad`` differentiates by these rules, and
``jax.jvp`` by the derived tangents. Which equations are worked out for a derivative, and what is kept for them, is
decided in ``calculus.ways``; how JAX is told of it is in ``rule.jax_rule`` and ``rule.jax_both``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, cast

from tensorprop.calculus import adjoint, stabilise
from tensorprop.calculus.backward import completed
from tensorprop.calculus.source import Source, as_page, names_in
from tensorprop.calculus.tangent import tangents
from tensorprop.calculus.ways import Ahead, Back, Task, completed_by_adjoints, kept_of, stored
from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Dim, Expr
from tensorprop.core.kinds import smooth
from tensorprop.core.names import adjoint_name, primal
from tensorprop.core.walk import transform
from tensorprop.errors import TensorpropError, UnknownName, UsageError, meant, public
from tensorprop.face import MadeOf
from tensorprop.run.arrays import accept
from tensorprop.run.bound import Functions, bound
from tensorprop.run.extents import Extents, extents, supported
from tensorprop.run.joined import concrete_all
from tensorprop.run.labels import Labels
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
    (``jax.hessian``, gradients of gradients) are JAX's derivatives of the rules. From JAX 0.12 on ``jax.jvp``,
    ``jax.linearize`` and ``jax.jacfwd`` go by the derived tangents, whatever rules are written.

    save:     tensors to keep on the way forward, ``"p"`` or ``("p", "r")``. What else the rules need is worked out
              again from the inputs (and what is kept). By default what the layer says (``chain(…, save="p")``), else
              the intermediates and outputs that the rules name.
    wrt:      the inputs to differentiate by; the others are constants, as under ``jax.lax.stop_gradient``. By default
              all that have a rule. Whole numbers and truth values have no derivative.
    forward:  True puts the derived tangent equations in the place of the rules, so that ``jax.grad`` transposes them.
              Before JAX 0.12, which has no function that takes a reverse rule and can be differentiated forwards as
              well, this is the variant for ``jax.jvp``, ``jax.linearize`` and ``jax.jacfwd``.
    functions: open functions bound, ``{"f": jnp.tanh}``, as in `compile`: f′ is given under its own name, or is JAX's
              derivative of f.

    Two that are made of the same equations, rules and options are equal, so that neither ``jit`` nor a module that
    holds one as a static field traces again; they can be pickled.

    Errors: UnknownName, RankMismatch, UsageError, NotDifferentiable, OpenFunction here, and those of `compile` at the
    call; UsageError where JAX asks for tangents, if before JAX 0.12 they are not ``forward``, or if a rule is written
    where the equations have no slope, so that nothing says what the tangent is.

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
    save = getattr(layer, "save", None) if save is None else save
    return JaxFunction(whole, rules, variables, None if save is None else kept_of(whole, save), False, calls)


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
        self._way_back = None if forward else Back(self._ready, rules, save)
        self.saved = () if self._way_back is None else self._way_back.of(wrt).saved
        self._owed = {} if self._way_back is None else self._way_back.owed(wrt)
        self._labels = frozenset(whole.inputs) - smooth(whole)
        self._places = Labels(whole)
        self._single = len(self.outputs) == 1
        self.__name__ = self.__qualname__ = "_".join(self.outputs)
        self.__doc__ = show(whole)
        if all(n.isidentifier() and not iskeyword(n) for n in self.inputs):
            self.__signature__ = Signature([Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in self.inputs])
        self._run = self._installed()

    def _installed(self) -> Callable[[Arrays], Any]:
        from tensorprop.rule.jax_rule import Ways, carries_both, forward_rule, reverse_rule
        from tensorprop.run.jax import jit

        ways = Ways(
            self._value, self._save, self._pull, self._push, self._moving, self._saved, self._reach, self.outputs,
            barrier=self._way_back is not None and self._way_back.again(self.wrt),
        )  # fmt: skip
        if not self.forward and carries_both():
            from tensorprop.rule.jax_both import two_way_rule

            return two_way_rule(ways, self.__name__)
        rule = forward_rule(ways) if self.forward else reverse_rule(ways)
        return jit(lambda arrays: rule(_arrays(arrays)), self.__name__)

    @cached_property
    def _way_ahead(self) -> Ahead | TensorpropError:
        """The derived tangents, made when JAX first asks for them; or why there are none."""
        if self.forward:
            return Ahead(self._ready, self.rules, self.wrt)
        return Ahead.derived(self._ready, self.wrt)

    @public
    def __call__(self, /, *positional: Any, **named: Any) -> Array:
        from tensorprop.run.jax import traced

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
                    "for jax.grad, jax.vjp, jax.jacrev and jax.hessian this one. From JAX 0.12 on one serves both",
                ) from error
            accept(self.system, arrays)
            out = self._run(concrete_all(arrays))
        if self._places.names and not any(map(traced, map(arrays.get, self._places.names))):
            self._places.inside(arrays)
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

    def _saved(self, wanted: tuple[str, ...], back: bool, ahead: bool) -> tuple[str, ...]:
        wanted = tuple(n for n in wanted if n in self.wrt)
        names = self._way_back.of(wanted).saved if back and self._way_back is not None else ()
        if ahead and isinstance(self._way_ahead, Ahead):
            names += self._way_ahead.of(wanted).saved
        return tuple(dict.fromkeys(names))

    def _save(
        self, arrays: Arrays, wanted: tuple[str, ...], back: bool, ahead: bool
    ) -> tuple[tuple[Array, ...], dict[str, Array], Any]:
        saved = self._saved(wanted, back, ahead)
        made = tuple(n for n in saved if n not in arrays and n not in self.outputs)
        out, shapes = self._worked(arrays, (*self.outputs, *made), derivative=True)
        found = {**arrays, **dict(zip((*self.outputs, *made), out, strict=True))}
        kept = {n: found[n] for n in saved}
        return self._real(arrays, out[: len(self.outputs)]), kept, tuple(sorted(shapes.items()))

    def _moving(self, wanted: tuple[str, ...], ahead: bool) -> tuple[str, ...]:
        """The outputs that have a derivative by these inputs: a rule needs their cotangent, or they have a tangent."""
        wanted = tuple(n for n in wanted if n in self.wrt)
        more = self._way_ahead.moving(wanted) if ahead and isinstance(self._way_ahead, Ahead) else ()
        return tuple(n for n in self.outputs if n in more or not frozenset(wanted).isdisjoint(self._owed.get(n, ())))

    def _reach(self, name: str) -> frozenset[str]:
        """The inputs that a tensor depends on."""
        return frozenset((name,)) if name in self.inputs else frozenset(self._ready.only([name]).inputs)

    def _along(self, plan: Task, kept: Any, given: dict[str, Array], of: dict[str, str]) -> dict[str, Array]:
        """The results of a plan, of what was kept and the derivatives that are given ``of`` tensors."""
        shapes: Shapes = dict(kept.note)
        arrays = {**kept.arrays, **given, **{stored(n): kept.arrays[n] for n in plan.loops}}
        of = {**of, **{stored(n): n for n in plan.loops}}
        sizes = extents(plan.system, {n: shapes[of.get(n, n)] for n in plan.system.inputs})
        return dict(zip(plan.results, self._lowered(plan.system, arrays, plan.results, sizes), strict=True))

    def _pull(self, kept: Any, cotangents: dict[str, Array]) -> dict[str, Array]:
        back = cast("Back", self._way_back)
        wanted = tuple(n for n in kept.wanted if n in self.wrt)
        plan = back.of(wanted, tuple(n for n in self.outputs if n not in cotangents))
        given = {back.seeds[n]: c for n, c in cotangents.items()}
        found = self._along(plan, kept, given, {seed: n for n, seed in back.seeds.items()})
        if back.seeded:
            (seed,) = cotangents.values()
            found = {n: g * seed.astype(g.dtype) for n, g in found.items()}
        return {primal(n): g for n, g in found.items()}

    def _push(self, kept: Any, moved: dict[str, Array]) -> dict[str, Array]:
        ahead = self._way_ahead
        if isinstance(ahead, TensorpropError):
            raise ahead
        moved = {n: t for n, t in moved.items() if n in self.wrt}
        plan, names = ahead.of(tuple(moved)), {ahead.name(n): n for n in (*self.inputs, *self.outputs)}
        _refuse_without_slope(n for n in self._moving(tuple(moved), True) if ahead.name(n) not in plan.results)
        found = self._along(plan, kept, {ahead.name(n): t for n, t in moved.items()}, names)
        return {names[n]: t for n, t in found.items()}

    def __copy__(self) -> JaxFunction:
        return self

    def __deepcopy__(self, memo: object) -> JaxFunction:
        return self

    def __str__(self) -> str:
        way = "tangents" if self.forward else "rules"
        head = f"<JAX function: {', '.join(self.inputs)} → {', '.join(self.outputs)}>"
        return f"{head}\n{show(self.system)}\n# {way}\n{show(self.rules)}"


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
        rules = completed_by_adjoints(forward, completed(page, wrt or None))
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


def _sized(n: Expr) -> Expr:
    """δz is as large as z."""
    return Dim(primal(n.tensor), n.axis) if isinstance(n, Dim) else n


def _names(x: str | Iterable[str], option: str) -> tuple[str, ...]:
    """Names as ``"a b"``, or one by one."""
    return tuple(dict.fromkeys(names_in(x, option)))


def _refuse_without_slope(names: Iterable[str]) -> None:
    """Outputs whose cotangents a written rule hands on, where the equations have no slope: what their tangent is, is
    not said."""
    if rest := ", ".join(names):
        raise UsageError(
            f"{rest} has a rule backwards that somebody wrote, and by the equations it does not move",
            fix="go backwards (jax.grad, jax.vjp, jax.jacrev): rules of tangents cannot be written",
        )


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
