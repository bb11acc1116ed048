"""The verbs that run equations: ``compile`` a System, or take the ``value_and_grad`` of its scalar.

In: equations. Out: callables that take arrays by name and give arrays. Sizes are checked before anything is computed,
while a function is traced for its shapes; a call after that is JAX's own dispatch. What the operations are is said in
``run.lower``, how they are done in ``run.jax``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypedDict, TypeVar, Unpack, cast, overload

from tensorprop.calculus import adjoint, reused, stabilise, stages, undone, unmasked
from tensorprop.calculus.declared import rowed
from tensorprop.calculus.derive import beside
from tensorprop.calculus.projected import convention
from tensorprop.calculus.source import Source, as_forward, as_system
from tensorprop.calculus.ways import kept_of
from tensorprop.core.equation import Equation, System
from tensorprop.core.names import adjoint_name
from tensorprop.core.walk import tensors_of
from tensorprop.errors import (
    NonNumericDtype,
    UsageError,
    public,
)
from tensorprop.face import MadeOf
from tensorprop.run.again import TwoParts
from tensorprop.run.arrays import accept, is_one_array, look
from tensorprop.run.bound import Functions, bound
from tensorprop.run.extents import supported
from tensorprop.run.how import PLAIN, How, how, unlike
from tensorprop.run.joined import concrete_all, joined
from tensorprop.run.labels import Labels
from tensorprop.run.made import ByJax, program_of, reference_of
from tensorprop.run.packing import Packing
from tensorprop.run.precision import Precision, Precisions, precise
from tensorprop.run.program import Listing, Met, met
from tensorprop.run.program import program as listing
from tensorprop.run.side_by_side import ByRuns, merged
from tensorprop.run.wanted import is_input, outputs_of, scalar_of, several, spare_names
from tensorprop.text import show

if TYPE_CHECKING:
    from tensorprop.run.jax_types import Array

__all__ = ["Compiled", "Gradient", "compile", "value_and_grad"]

Arrays = Mapping[str, Any]
P = TypeVar("P")
R = TypeVar("R")
"""What is given: an array, or what stands for several. A gradient is a tree as its parameters are."""
Paths = tuple[tuple[str, str], ...]


@overload
def compile(
    s: Source,
    backend: Literal["jax", "numpy"] = "jax",
    outputs: str | list[str] | None = None,
    *,
    jit: bool = True,
    functions: Functions | None = None,
    precision: Precisions = None,
    debug: Literal["nan"] | None = None,
    effort: float = 1.0,
    memory: int | str | None = None,
    tune: bool = False,
) -> Compiled[Array]: ...
@overload
def compile(
    s: Source,
    backend: Literal["jax", "numpy"] = "jax",
    *,
    outputs: tuple[str, str, *tuple[str, ...]],
    jit: bool = True,
    functions: Functions | None = None,
    precision: Precisions = None,
    debug: Literal["nan"] | None = None,
    effort: float = 1.0,
    memory: int | str | None = None,
    tune: bool = False,
) -> Compiled[dict[str, Array]]: ...
def compile(  # the verb is called so in the whole library; the built-in is not used here
    s: Source,
    backend: Literal["jax", "numpy"] = "jax",
    outputs: str | Iterable[str] | None = None,
    *,
    jit: bool = True,
    functions: Functions | None = None,
    precision: Precisions = None,
    debug: Literal["nan"] | None = None,
    effort: float = 1.0,
    memory: int | str | None = None,
    tune: bool = False,
) -> Compiled[Any]:
    """The function that a System is: ``f(a=…, W=…)`` gives the array of its output, or a dict of them by name.

    ``outputs`` names what is wanted, also intermediates; by default whatever no other equation uses. Axes stand in
    the order of the subscripts. Equal expressions are computed once, softmax and its like in their stable forms.
    The function is plain JAX: ``jax.jit``, ``jax.vmap``, ``jax.lax.scan`` and ``jax.grad`` apply to it. With
    ``backend="numpy"`` the equations are evaluated as they stand, in float64, slowly. ``functions`` binds functions
    that the equations leave open, ``{"f": jnp.tanh}``; f′ is JAX's derivative of f, or what is given as ``"f'"``.
    ``precision="bfloat16"``, or ``{"default": "bfloat16", "E": "float32"}``, says in which dtype each tensor is worked
    out (see ``run.precision``); by default in that of the arrays.
    ``debug="nan"`` runs step by step, slowly, and raises NotFinite for the first NaN or infinity: which step of which
    equation, which entry, and from which numbers.
    ``effort`` and ``memory`` are those of ``plan``: how long orders are searched for, and how many bytes may lie in
    memory, inputs included; if that is too little, an index is cut and its parts are done one after another, or what
    a way back reads is made again, and if neither is enough, nothing is computed. ``tune=True`` is that of
    ``value_and_grad``.

    Errors: OpenFunction here, for a function that nothing is given for; at the call MissingInput, UnknownName,
    RankMismatch, SizeMismatch and what else ``extents`` finds, before anything is computed.

    >>> import numpy as np
    >>> f = compile("z_bj = a_bi W_ij + b_j")
    >>> f(a=np.ones((2, 3)), W=np.ones((3, 4)), b=np.zeros(4)).shape
    (2, 4)
    """
    whole = as_system(s)
    names = outputs_of(whole, outputs)
    needed = whole.only(names)
    if backend not in ("jax", "numpy"):
        raise UsageError(f'no backend "{backend}"', fix='backend="jax" or backend="numpy"')
    calls = bound(needed.functions, functions)
    if backend == "jax":
        supported(needed, calls)
    spare = beside(s) if isinstance(s, Equation) else frozenset[str]()
    if precision is not None and backend != "jax":
        raise UsageError('precision= is for backend="jax"', fix='leave it out: backend="numpy" computes in float64')
    kinds = precise(precision, whole)
    made = how(effort, memory, tune)
    if backend != "jax" and made != PLAIN:
        raise UsageError('effort=, memory= and tune= are for backend="jax"', fix="leave them out")
    ways = _debug(debug, backend), made
    return Compiled(whole, needed, names, backend, jit, spare, calls, kinds, *ways)


class Options(TypedDict, total=False):
    """What else ``value_and_grad`` may be told."""

    functions: Functions | None
    precision: Precisions
    paths: Mapping[str, str] | None
    rest: Literal["zero", "none"]
    debug: Literal["nan"] | None
    effort: float
    memory: int | str | None
    tune: bool
    symmetry: Literal["free", "projected", "triangle"]
    save: str | Iterable[str] | None
    argnums: object
    has_aux: object


Names = str | Iterable[str]
WithAux: TypeAlias = "tuple[Array, dict[str, Array]]"


@overload
def value_and_grad(
    s: Source, wrt: Names, of: str | None = None, *, aux: tuple[()] = (), **options: Unpack[Options]
) -> Gradient[Array]: ...
@overload
def value_and_grad(
    s: Source, wrt: Names, of: str | None = None, *, aux: Names, **options: Unpack[Options]
) -> Gradient[WithAux]: ...
@overload
def value_and_grad(
    s: Source, wrt: None = None, of: str | None = None, *, aux: tuple[()] = (), **options: Unpack[Options]
) -> ByParameters[Array]: ...
@overload
def value_and_grad(
    s: Source, wrt: None = None, of: str | None = None, *, aux: Names, **options: Unpack[Options]
) -> ByParameters[WithAux]: ...
def value_and_grad(
    s: Source,
    wrt: str | Iterable[str] | None = None,
    of: str | None = None,
    *,
    aux: str | Iterable[str] = (),
    functions: Functions | None = None,
    precision: Precisions = None,
    paths: Mapping[str, str] | None = None,
    rest: Literal["zero", "none"] = "zero",
    debug: Literal["nan"] | None = None,
    symmetry: Literal["free", "projected", "triangle"] = "free",
    save: str | Iterable[str] | None = None,
    effort: float = 1.0,
    memory: int | str | None = None,
    tune: bool = False,
    argnums: object = None,
    has_aux: object = None,
) -> Gradient[Any] | ByParameters[Any]:
    """The value of a scalar E and its gradients ∂E/∂W for each W in ``wrt``, as one function.

    ``g(params, **data)`` takes a dict with at least the arrays of ``wrt``, the other inputs by name, and gives
    ``(E, {"W": ∂E/∂W, …})``, each gradient with shape and dtype of its parameter: a drop-in for
    ``jax.value_and_grad`` of the same model. The gradients are the rules of ``adjoint``, joined with the forward
    equations, so that intermediates are shared. ``of`` names the scalar where the System has several outputs.
    ``aux`` names further tensors to be returned: then the result is ``((E, {"h": …}), gradients)``. Without ``wrt``,
    the parameters of a layer are meant, or every input that the first argument of ``g`` holds.
    ``symmetry`` says what the gradient by a declared matrix is, as in ``adjoint``: by default JAX's, of free entries.
    ``functions`` binds open functions and ``precision`` says in which dtype a tensor is worked out, as in ``compile``
    (a gradient as what it is the gradient of); ``debug="nan"`` finds the first NaN or infinity, as there.

    ``params`` may be any pytree: nested dicts, tuples, dataclasses, modules. ``{"block1": {"W": …}}`` holds
    ``W^(block1)``; ``paths={"W": "layers.0.weight"}`` says what names do not tell. The gradients come in the same tree.
    A leaf that no equation names has the gradient zero, or None with ``rest="none"`` (and wherever it is no array of
    real numbers).

    ``save="p"``, ``("p", "r")`` or ``()`` names the tensors that are kept for the way back, as in ``jax_function``;
    what else the rules need is made again from these and the inputs. By default what the layer says
    (``chain(…, save="p")``), else all that the rules read. ``g.saved`` and ``g.again`` tell.
    ``effort`` and ``memory`` are those of ``plan``: value and gradients are added up part by part where they need more,
    or what the rules read is made again (``plan`` says which).
    ``tune=True`` compiles the program in several forms while it is traced (orders, layouts, JAX's own derivatives),
    times them on random arrays, and takes the fastest; what was found is kept on disk, in ``$TENSORPROP_CACHE`` or the
    user's cache, by equations, types, device and versions.

    Errors: NameConflict where several leaves could be meant, UsageError if there is no one scalar, UnknownName,
    NotDifferentiable, those of ``compile`` at the call, and NonNumericDtype for a parameter of integers.

    >>> import numpy as np
    >>> g = value_and_grad("z_i = W_ij x_j; E = 1/2 z_i z_i", wrt="W")
    >>> E, grads = g({"W": np.eye(2)}, x=np.array([1.0, 2.0]))
    >>> float(E), grads["W"].tolist()
    (2.5, [[1.0, 2.0], [2.0, 4.0]])
    """
    unlike(argnums, has_aux)
    if rest not in ("zero", "none"):
        raise UsageError(f"rest={rest!r}: what is the gradient of other leaves?", fix='rest="zero" or rest="none"')
    variables = several(wrt if wrt is not None else getattr(s, "parameters", ()))
    whole = as_forward(s, *variables, of)
    kinds = precise(precision, whole)
    save = getattr(s, "save", None) if save is None else save
    kept = None if save is None else kept_of(whole, save)
    debugging, made = _debug(debug), how(effort, memory, tune)
    if kept is not None and (tune or memory is not None):
        raise UsageError(
            "what is kept is said by save=, and memory= and tune= decide of the whole program",
            fix="leave one of them out",
        )
    if wrt is None and not variables:
        extra, free = several(aux), functions or {}
        return ByParameters(
            whole, scalar_of(whole, of), extra, free, kinds, _pairs(paths), rest, debugging, symmetry, kept, made
        )
    if not variables:
        raise UsageError("wrt names no variable", fix=f"name some of {', '.join(whole.inputs)}")
    for name in variables:
        is_input(whole, name)
    error = scalar_of(whole, of)
    extra = outputs_of(whole, aux) if aux else ()
    needed = whole.only((error, *extra))
    supported(needed, bound(needed.functions, functions))
    forward = stabilise(whole)
    if not set(variables) <= {t.name for eq in forward for t in tensors_of(eq.value)}:
        forward = whole  # what cancels in a softmax is a variable all the same, and its gradient is worked out
    forward = stages(forward, variables) if kept is None and debug is None else forward
    rules = adjoint(forward, variables, error, symmetry=symmetry)
    calls = bound(tuple(dict.fromkeys((*forward.functions, *rules.functions))), functions)
    told = _pairs(paths), rest, kinds, debugging, kept, made
    return Gradient(whole, needed, forward, rules, error, variables, extra, calls, *told)


class Compiled(MadeOf, Generic[R]):
    """What ``compile`` gives: ``f(**arrays)``.

    ``system`` holds the equations that it computes, ``traces`` counts the sets of shapes that it has met.
    """

    def __init__(
        self,
        whole: System,
        needed: System,
        names: tuple[str, ...],
        backend: str,
        jit: bool,
        spare: frozenset[str],
        calls: Functions,
        precision: Precision | None = None,
        debug: str | None = None,
        how: How = PLAIN,
    ) -> None:
        self._parts = whole, needed, names, backend, jit, spare, calls, precision, debug, how
        self.system = needed
        self.inputs = needed.inputs
        self.outputs = names
        self.traces = 0
        self._spare = spare_names(whole, needed) | spare.difference(needed.inputs)
        self._single = len(names) == 1
        self._mend = backend == "jax"
        self._stable = stabilise(rowed(needed)) if self._mend else needed
        made = reference_of(needed, names, calls)
        self._program = (
            program_of(needed, self._stable, names, calls, precision, debug, how=how) if self._mend else made
        )
        self._labels = Labels(needed)
        self._seen: Met | None = None
        self._run = _jit(self._all, "compiled") if self._mend and jit and not debug else self._all

    def _all(self, arrays: Arrays) -> Any:
        self.traces += 1
        self._seen = met(arrays)
        return self._program({n: a for n, a in arrays.items() if n not in self._spare})

    @property
    def program(self) -> Listing:
        """The program that runs, one line an equation; with shapes and flops once it has been called."""
        return listing(self._stable, self.outputs, self._seen)

    @public
    def __call__(self, /, *positional: object, **arrays: Any) -> R:
        if positional:
            raise UsageError("arrays are passed by name", fix=f"f({', '.join(f'{n}=…' for n in self.inputs)})")
        try:
            out = self._run(arrays)
        except RuntimeError:  # an array whose memory is gone; anything else is not ours to tell
            accept(self.system, {n: a for n, a in arrays.items() if n not in self._spare})
            raise
        except (TypeError, ValueError, OverflowError):
            if not self._mend:
                raise
            accept(self.system, {n: a for n, a in arrays.items() if n not in self._spare})
            out = self._run(concrete_all(arrays))
        _inside(self._labels, arrays)
        return cast("R", out[0] if self._single else dict(zip(self.outputs, out, strict=True)))

    def __str__(self) -> str:
        return f"<compiled: {', '.join(self.inputs)} → {', '.join(self.outputs)}>\n{show(self.system)}"


class Gradient(MadeOf, Packing, Generic[R]):
    """What ``value_and_grad`` gives: ``g(params, **data)``.

    ``rules`` are the δ-equations, ``system`` they and the forward equations together: what is computed.
    """

    def __init__(
        self,
        whole: System,
        needed: System,
        forward: System,
        rules: System,
        error: str,
        wrt: tuple[str, ...],
        aux: tuple[str, ...],
        calls: Functions,
        paths: Paths,
        rest: str,
        precision: Precision | None = None,
        debug: str | None = None,
        save: frozenset[str] | None = None,
        how: How = PLAIN,
    ) -> None:
        self._parts = whole, needed, forward, rules, error, wrt, aux, calls, paths, rest, precision, debug, save, how
        self.rules = rules
        self._paths = dict(paths)
        self._rest = rest
        self._met: dict[Any, dict[str, int]] = {}
        self._flat: set[tuple[object, ...]] = set()
        self.wrt = wrt
        self.inputs = tuple(dict.fromkeys((*needed.inputs, *wrt)))
        self._deltas = tuple(adjoint_name(name) for name in wrt)
        written, rules = reused(forward, unmasked(forward, rules))
        rules = undone(rules, written.names, {*self._deltas, *aux})
        forward = rowed(written)
        self.system = (forward + rules).only((error, *self._deltas, *aux))
        self._needed = needed
        self._labels = Labels(needed)
        self._error = error
        self.aux = aux
        self.traces = 0
        self._spare = spare_names(whole, needed) - frozenset(wrt)
        self._seen: Met | None = None
        names = (error, *self._deltas, *aux)
        self._two = (
            None if save is None else TwoParts(forward.only((error, *aux)), rules, (error, *aux), self._deltas, save)
        )
        own = ByJax(written.only((error, *aux)), error, wrt, aux)
        self._program = program_of(needed, self.system, names, calls, precision, debug, True, self._two, how, own)
        self._run = self._both if debug else _jit(self._both, "value_and_grad")

    @property
    def saved(self) -> tuple[str, ...]:
        """The tensors of the way there, and the inputs, that the way back is given."""
        return self._two.saved if self._two is not None else self.program.saved

    @property
    def again(self) -> tuple[str, ...]:
        """The tensors that are made a second time, since ``save=`` does not name them."""
        return self._two.again if self._two is not None else ()

    @property
    def program(self) -> Listing:
        """The program that runs, one line an equation; with shapes, flops and what is saved once it was called."""
        return listing(self.system, (self._error, *self._deltas, *self.aux), self._seen)

    def _both(self, params: Arrays, data: Arrays) -> Any:
        self.traces += 1
        arrays = joined(params, data, self.wrt, self.inputs)
        for name in self.wrt:
            _smooth(name, arrays[name])
        self._seen = met(arrays)
        value, *rest = self._program({n: a for n, a in arrays.items() if n not in self._spare})
        count = len(self.wrt)
        grads = {n: _as_dtype(g, arrays[n]) for n, g in zip(self.wrt, rest[:count], strict=True)}
        return ((value, dict(zip(self.aux, rest[count:], strict=True))) if self.aux else value), grads

    @public
    def __call__(self, params: P, /, **data: Any) -> tuple[R, P]:
        if type(params) is dict:
            told = (*params, *map(type, params.values()))
            if told in self._flat or self._is_flat(params, told):
                return self._called(params, data)
        return self.of_tree(params, data, self._rest)

    def _is_flat(self, params: Arrays, told: tuple[object, ...]) -> bool:
        """Whether these names with values of these types are the parameters as they are called; it is asked once."""
        known = self._spare.union(self.inputs)
        flat = not self._paths and known.issuperset(params) and params.keys() >= {*self.wrt}
        if flat and all(is_one_array(params[n]) for n in self.wrt):
            self._flat.add(told)
        return told in self._flat

    def of_tree(self, params: Any, data: Arrays, rest: str) -> Any:
        """Parameters in any tree: the leaves that are meant, by name, and the gradients in a tree of the same shape.

        ``rest`` says what stands for a leaf that no equation names, as in ``value_and_grad``.
        """
        from tensorprop.run.jax_trees import leaves

        tree = leaves(params)
        key = tree.shape, frozenset(data)
        if key not in self._met:
            self._met[key] = tree.met((*self.wrt, *(n for n in self.inputs if n not in data)), self._paths)
        met = self._met[key]
        missing = [n for n in self.wrt if n not in met]
        if missing:
            raise tree.missing(missing)
        twice = [n for n in self.wrt if n in data]
        if twice:
            raise UsageError(f"{', '.join(twice)}: given as parameter and again as data", fix="pass it once")
        value, grads = self._called({n: tree.values[k] for n, k in met.items()}, data)
        return value, tree.gradients({met[n]: g for n, g in grads.items()}, rest)

    def by_runs(self, tree: Any, data: Arrays) -> ByRuns | None:
        """The same gradient of leaves that lie side by side; None where nothing is put together, or where something is
        asked of single tensors: that they be kept, watched, of a dtype."""
        whole, *_, calls, paths, _, precision, debug, save, how = self._parts
        places = tree.met((*self.wrt, *(n for n in self.inputs if n not in data)), dict(paths))
        if precision or debug or save is not None or how != PLAIN or not places.keys() >= {*self.wrt}:
            return None
        found, runs = merged(whole.only((self._error, *self.aux)), {n: places[n] for n in self.wrt})
        if not runs:
            return None
        told = {**{n: tree.values[k] for n, k in places.items()}, **data}
        accept(self._needed, {n: a for n, a in told.items() if n in self._needed.inputs}, True)
        wrt = (*(n for n in self.wrt if n in found.inputs), *runs)
        return ByRuns(value_and_grad(found, wrt, self._error, aux=self.aux, functions=calls), runs, places)

    def _called(self, params: Arrays, data: Arrays) -> Any:
        try:
            found = self._run(params, data)
            if self._labels.names and not self._labels.seen(params, data):
                _inside(self._labels, joined(params, data, self.wrt, self.inputs))
            return found
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            arrays = joined(params, data, self.wrt, self.inputs)
            idle = self._spare.union(self.wrt).difference(self._needed.inputs)
            accept(self._needed, {n: a for n, a in arrays.items() if n not in idle})
            if isinstance(error, RuntimeError):
                raise
            return self._run(concrete_all(params), concrete_all(data))

    def __str__(self) -> str:
        gives = ", ".join((self._error, *self._deltas))
        return f"<value and gradient: {', '.join(self.inputs)} → {gives}>\n{show(self.system)}"


def _inside(labels: Labels, arrays: Arrays) -> None:
    """Refuse places outside, where the arrays that tell them are there and not traced."""
    if labels.names and not labels.seen({}, arrays):
        from tensorprop.run.jax import lasting, traced

        if not any(traced(arrays[n]) for n in labels.names):
            labels.inside(arrays, all(lasting(arrays[n]) for n in labels.names))


class ByParameters(MadeOf, Packing, Generic[R]):
    """What ``value_and_grad`` gives where nothing says what is differentiated: ``g(params, **data)``.

    The variables are the inputs that ``params`` holds; for each set of them the rules are derived once.
    """

    def __init__(
        self,
        whole: System,
        error: str,
        aux: tuple[str, ...],
        functions: Functions,
        precision: Precision | None,
        paths: Paths,
        rest: Literal["zero", "none"],
        debug: Literal["nan"] | None = None,
        symmetry: str = "free",
        save: frozenset[str] | None = None,
        how: How = PLAIN,
    ) -> None:
        self._parts = whole, error, aux, functions, precision, paths, rest, debug, symmetry, save, how
        self.inputs = whole.inputs
        self.system = whole
        self._whole = whole
        self._error = error
        self._options: dict[str, Any] = {
            "aux": aux, "functions": functions, "paths": dict(paths), "rest": rest, "debug": debug,
            "symmetry": convention(symmetry), "precision": precision and precision.table, "save": save,
            "effort": how.effort, "memory": how.memory, "tune": how.tune,
        }  # fmt: skip
        self._made: dict[tuple[str, ...], Gradient[R]] = {}
        self._met: dict[Any, tuple[str, ...]] = {}

    def of(self, names: tuple[str, ...]) -> Gradient[R]:
        """The gradient by these inputs."""
        if names not in self._made:
            made = value_and_grad(self._whole, names, self._error, **self._options)
            assert isinstance(made, Gradient)
            self._made[names] = made
        return self._made[names]

    @public
    def __call__(self, params: P, /, **data: Any) -> tuple[R, P]:
        return self.of(self._meant(params, data))(params, **data)

    def by_runs(self, tree: Any, data: Arrays) -> ByRuns | None:
        """See `Gradient.by_runs`."""
        return self.of(self._meant(tree.made(tree.values), data)).by_runs(tree, data)

    def of_tree(self, params: Any, data: Arrays, rest: str) -> Any:
        """See `Gradient.of_tree`."""
        return self.of(self._meant(params, data)).of_tree(params, data, rest)

    def _meant(self, params: Any, data: Arrays) -> tuple[str, ...]:
        """The inputs that these parameters hold."""
        from tensorprop.run.jax_trees import leaves

        tree = leaves(params)
        if (key := (tree.shape, frozenset(data))) not in self._met:
            self._met[key] = tuple(tree.met((n for n in self.inputs if n not in data), self._options["paths"]))
        if not (met := self._met[key]):
            raise tree.missing(n for n in self.inputs if n not in data)
        return met

    def __str__(self) -> str:
        return f"<value and gradient of {self._error} by what is given first>\n{show(self._whole)}"


def _pairs(paths: Mapping[str, str] | None) -> Paths:
    return tuple(sorted((paths or {}).items()))


def _debug(debug: str | None, backend: str = "jax") -> Literal["nan"] | None:
    if debug not in (None, "nan"):
        raise UsageError(f"debug={debug!r}", fix='debug="nan" finds the first NaN or infinity')
    if debug and backend != "jax":
        raise UsageError('debug="nan" is for backend="jax"', fix="leave one of them out")
    return "nan" if debug else None


def _jit(program: Callable[..., Any], name: str) -> Callable[..., Any]:
    from tensorprop.run.jax import jit

    return jit(program, name)


def _smooth(name: str, value: object) -> None:
    """A gradient by integers is refused."""
    given = look(value, name)
    if given.dtype.kind in "biu":
        raise NonNumericDtype(
            f"{name} holds {given.dtype}: there is no gradient by whole numbers", fix=f"pass {name}.astype(float)"
        )


def _as_dtype(g: Array, like: Array) -> Array:
    from tensorprop.run.jax import as_dtype

    return as_dtype(g, like)
