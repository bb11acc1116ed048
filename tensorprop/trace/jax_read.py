"""From JAX code to equations: a function is traced at several sizes, read, and run at a size that it was not read at.

In: a function of arrays and example arguments. Out: a System. A number of the code that is a size changes with the
sizes, and is written as one; what cannot be told is said. What is read is run beside the function before it is
returned. What a primitive means is the business of ``trace.primitives``; in how many equations it is written, and with
which names and letters, that of ``trace.readable`` and ``trace.naming``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import tree_flatten_with_path

from tensorprop.core.equation import System
from tensorprop.core.expr import Call, Tensor
from tensorprop.core.functions import is_known
from tensorprop.core.plane import complex_names
from tensorprop.core.walk import postorder
from tensorprop.errors import TensorpropError, UnreadableFunction, UsageError, callers_level
from tensorprop.run.arrays import look
from tensorprop.run.jax_played import Played
from tensorprop.run.reference import evaluate
from tensorprop.trace.arguments import Names, named_arguments, spelled
from tensorprop.trace.captured import captured, with_arrays
from tensorprop.trace.carried import as_outputs, under_one_name
from tensorprop.trace.choice import (
    TRACES,
    Group,
    assignment,
    divided,
    groups,
    held_groups,
    offers,
    quotients,
    residues,
    shared,
    sizes_like,
    smaller,
)
from tensorprop.trace.jax_lines import JaxprReader, kind_of
from tensorprop.trace.naming import written
from tensorprop.trace.readable import folded
from tensorprop.trace.sheet import Apart, Sheet
from tensorprop.trace.tables import ReadSystem, named_tables

__all__ = ["from_jax"]

_WIDE = {"f": np.float64, "c": np.complex128}
_WORK = 2e7  # entries that a run for the sake of the check may fill


def from_jax(fn: Callable[..., Any], *example_args: Any, names: Names = None, verify: bool = True) -> System:
    """The System of equations that a JAX function computes.

    ``fn`` is traced with the example arguments: arrays, ``jax.ShapeDtypeStruct``, or trees of them, in which leaves
    that are functions stay as they are. Sizes are only examples: the function is traced at others too, and what
    changes with them is written as ``dim(x, 0)``, ``1/dim(b)``, ``log(dim(x, 1))``. Where the function takes one size
    alone, or where it is not told how a number changes, a warning names the number, the axis and the line.
    Inputs are called as the parameters of ``fn`` and the keys of dicts are, the result ``y``; ``names`` says otherwise:
    ``"x W -> z"`` for all of them in order, or a dict from one name to another. What JAX writes out for stability comes
    back as what was meant (``softmax_u``, ``logsumexp_u``), a division by a count as a mean. Arrays that depend on no
    argument, such as positions, are inputs ``const1``, whose values at the sizes of the example are in ``.constants``.

    What is read is run beside the function, at sizes of which it was not read, before it is returned;
    ``verify=False`` leaves that out.

    >>> import jax, jax.numpy as jnp
    >>> def layer(x, W, b):
    ...     return jnp.tanh(x @ W / jnp.sqrt(W.shape[0]) + b)
    >>> f32 = lambda *shape: jax.ShapeDtypeStruct(shape, "float32")
    >>> print(from_jax(layer, f32(5, 3), f32(3, 4), f32(4)))
    z_bj = x_bi W_ij / sqrt(dim(i)) + b_j
    y_bj = tanh(z_bj)

    Errors: UnreadableFunction, for a primitive without a counterpart in index notation, with the line where it stands;
    UnknownRange for an axis that no input has; UsageError for names that do not fit. Warns of what is read in a way
    that may matter.
    """
    if not callable(fn):
        told = f"this is of type {type(fn).__name__}"
        raise UsageError("from_jax reads a function", known=told, fix="from_jax(fn, *example_args)")
    program = _Program(fn, example_args)
    closed, shape = program.trace()
    outs = [path for path, _ in tree_flatten_with_path(shape)[0]]
    leaves = [(path, len(s)) for path, s in zip(program.paths, program.shapes, strict=True)]
    called, result, renamed = named_arguments(names, fn, leaves, outs)
    reading = _several(program, called, result, closed)
    trace = under_one_name(reading.trace)
    lines, notes = folded(trace)
    lines, trace, tables, more = named_tables(as_outputs(lines), trace)
    notes += more
    system = written(lines, trace, renamed)
    complex_names(system)
    if tables:
        system = ReadSystem(system.equations, system.facts, tuple(tables))
    doubts = reading.doubts
    if verify:
        _verify(program, system, called, result, reading, notes)
        if doubts and not isinstance(system, ReadSystem):
            doubts = [] if all(_agrees(program, system, called, result, some) for some in reading.others) else doubts
    for note in dict.fromkeys((*reading.page.notes, *reading.notes, *doubts, *notes)):
        warnings.warn(f"from_jax: {note}", stacklevel=callers_level())
    return system


class _Program:
    """A function, and the arrays among its arguments: where they are, their shapes and dtypes."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.fn = fn
        leaves, self.tree = tree_flatten_with_path(args)
        self.leaves = [leaf for _, leaf in leaves]
        self.at: list[int] = []
        self.paths: list[tuple[Any, ...]] = []
        for n, (path, leaf) in enumerate(leaves):
            if (hasattr(leaf, "shape") and hasattr(leaf, "dtype")) or isinstance(leaf, (int, float)):
                if not isinstance(leaf, jax.ShapeDtypeStruct):
                    look(leaf, f"example argument {spelled(path)}")
                self.at.append(n)
                self.paths.append(path)
            elif not callable(leaf):
                raise UsageError(
                    f"example argument {spelled(path)} is a {type(leaf).__name__}, not an array",
                    fix="pass arrays or jax.ShapeDtypeStruct; fix everything else with functools.partial or a lambda",
                )
        self.held: dict[str, Any] = {}  # arrays that the function holds, and that may be others
        given = [self.leaves[n] for n in self.at]
        self.shapes = [tuple(map(int, np.shape(a))) for a in given]
        self.dtypes = [jax.dtypes.canonicalize_dtype(getattr(a, "dtype", None) or jnp.result_type(a)) for a in given]
        for n, s, d in zip(self.at, self.shapes, self.dtypes, strict=True):
            if isinstance(self.leaves[n], jax.ShapeDtypeStruct) and self.leaves[n].dtype != d:
                self.leaves[n] = jax.ShapeDtypeStruct(s, d)

    def hold(self, page: JaxprReader) -> None:
        """Find which of the arrays that were read as constants the function has from outside."""
        try:
            arrays = captured(self.fn)
        except Exception:  # somebody's object that answers otherwise than others
            return
        for name, (found, where) in page.tables.items():
            alike = [a for a in arrays if a.shape == found[0].shape and np.array_equal(np.asarray(a), found[0])]
            if alike and not where:
                self.held[name] = alike[0]

    def function(self, shapes: Sequence[tuple[int, ...]]) -> Callable[..., Any]:
        """The function, where the arrays that it holds have the shapes that are told behind those of the arguments."""
        pairs = zip(self.held.values(), shapes[len(self.at) :], strict=False)
        put = {id(a): jnp.asarray(np.resize(np.asarray(a), s)) for a, s in pairs if a.shape != s}
        return with_arrays(self.fn, put, jax.jit) if put else self.fn

    def called(self, fn: Callable[..., Any], arrays: Sequence[Any]) -> Any:
        """The function of these arrays, everything else as in the example."""
        leaves = list(self.leaves)
        for n, a in zip(self.at, arrays, strict=True):
            leaves[n] = a
        return fn(*jax.tree_util.tree_unflatten(self.tree, leaves))

    def trace(self, shapes: Sequence[tuple[int, ...]] = ()) -> tuple[Any, Any]:
        """The jaxpr at these shapes, or at those of the example, and the shapes of what is returned."""
        structs = [self.leaves[n] for n in self.at]
        pairs = zip(structs, self.shapes, shapes or self.shapes, strict=False)
        structs = [a if same == s else _resized(a, s) for a, same, s in pairs]
        fn = self.function(shapes)
        return jax.make_jaxpr(lambda *some: self.called(fn, some), return_shape=True)(*structs)


def _resized(a: Any, shape: tuple[int, ...]) -> Any:
    return jax.ShapeDtypeStruct(shape, a.dtype, weak_type=getattr(a, "weak_type", False))


class _Reading(NamedTuple):
    """A program read at several sizes: the shapes of its arguments at each.

    ``doubts``: what is to be said of axes that could not vary while it was read, unless it agrees with the function at
    the ``others``, shapes at which they do.
    """

    page: JaxprReader
    trace: Any
    shapes: list[list[tuple[int, ...]]]
    notes: list[str]
    doubts: list[str]
    others: list[list[tuple[int, ...]]]


def _read(
    program: _Program, called: Sequence[str], result: Sequence[str], closed: Sequence[Any]
) -> tuple[JaxprReader, Any]:
    """One page, from the jaxprs of one function at several sizes."""
    page = JaxprReader(len(closed))
    values = []
    given = zip(*(c.jaxpr.invars for c in closed), strict=True)
    for name, path, some in zip(called, program.paths, given, strict=True):
        shape = tuple(zip(*(tuple(map(int, v.aval.shape)) for v in some), strict=True))
        values.append(page.input(name, shape, tree=len(path) > 1))
        if kind_of(some[0].aval.dtype) == "c":
            page.complex.add(name)
    results = page.jaxprs([c.jaxpr for c in closed], page.consts(closed), values)
    outputs = [page.output(name, v) for name, v in zip(result, results, strict=True)]
    page.told()
    return page, page.trace(outputs)


# --------------------------------------------------------------------------- several sizes
def _several(program: _Program, called: Sequence[str], result: Sequence[str], closed: Any) -> _Reading:
    """The program read at as many sizes as it allows: every axis that it lets vary does."""
    alone, trace = _read(program, called, result, [closed])
    program.hold(alone)
    called = [*called, *program.held]
    found = groups(alone, called)
    first = [list(program.shapes)]
    if not found:
        return _Reading(
            alone, trace, first, _suspicions(alone, held_groups(alone, called), called, {}, alone)[0], [], []
        )
    work = _Varied(program, called, result, closed, alone)
    first_of_size = {g.size: n for n, g in reversed(list(enumerate(found)))}
    reading, said = None, list[str]()
    shares = [(False, free) for free in (True, False) if not free or divided(alone, found)]
    shares += [(True, False)] if shared(alone, found) else []
    for place in (lambda n, g: n, lambda n, g: first_of_size[g.size]):  # axes that are alike may have to be
        for kind, (ratios, free) in product((0, -2, -1), shares):
            if reading is None:
                reading = work.attempt(
                    {g.root: list(offers(g.size, place(n, g)))[kind] for n, g in enumerate(found)}, ratios, free
                )
                if free and reading is None and work.reason is not None:  # it goes, and cannot be written
                    at = f", at {work.reason.where}" if work.reason.where else ""
                    said = [
                        f"{words} stays {n}: {work.reason.what}{at}" for words, n in quotients(alone, found, called)
                    ]
    if reading is None:
        reading = _one_by_one(work, found)
    if reading is not None:
        reading = _closer(work, found, reading)
    varied = reading[1] if reading is not None else {}
    page, trace, shapes = reading[0] if reading is not None else (alone, trace, first)
    fixed = [*(g for g in found if g.root not in varied), *held_groups(alone, called)]
    notes, doubts = _suspicions(page, fixed, called, work.why, alone)
    notes += said
    others = [work.shaped(assignment(alone, {g.root: next(offers(g.size, n))[0] for n, g in enumerate(found)}))]
    return _Reading(page, trace, shapes, notes, doubts, others if doubts else [])


class _Varied:
    """Attempts to read a program at other sizes."""

    def __init__(
        self, program: _Program, called: Sequence[str], result: Sequence[str], closed: Any, alone: Sheet
    ) -> None:
        self.program, self.called, self.result = program, called, result
        self.closed, self.alone = closed, alone
        self.why: dict[str, Apart] = {}

    def shaped(self, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
        """The shapes of the arguments where groups have these sizes."""
        out = []
        given = [*self.program.shapes, *(tuple(map(int, a.shape)) for a in self.program.held.values())]
        for name, shape in zip(self.called, given, strict=True):
            letters = self.alone.inputs[name]
            out.append(tuple(sizes.get(self.alone.find(i), n) for i, n in zip(letters, shape, strict=True)))
        return out

    def attempt(
        self, sizes: Mapping[str, tuple[int, ...]], ratios: bool = False, free: bool = False
    ) -> tuple[tuple[JaxprReader, Any, list[list[tuple[int, ...]]]], Mapping[str, tuple[int, ...]]] | None:
        """The program read with these sizes for the groups, or None if it is another one then, or none."""
        closed, shapes = [self.closed], [list(self.program.shapes)]
        self.reason: Apart | None = None
        try:
            for n in range(TRACES - 1):
                some = assignment(
                    self.alone, {root: offer[n] for root, offer in sizes.items()}, ratios, n + 1 if free else 0
                )
                if any(k < 1 for k in some.values()):
                    return None
                shapes.append(self.shaped(some))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    closed.append(self.program.trace(shapes[-1])[0])
        except Exception:  # whatever the function says about sizes that it does not take
            return None
        try:
            page, trace = _read(self.program, self.called[: len(self.program.at)], self.result, closed)
            page.square()
        except Apart as apart:
            self.reason = apart
            return None
        except TensorpropError:
            return None
        return (page, trace, shapes), sizes

    def instead(self, reading: Any, offer: tuple[int, ...], others: Iterable[tuple[int, ...] | None]) -> Any:
        """The first reading in which groups have other sizes than an offer; the one that there is, if none goes."""
        tries = (
            self.attempt({root: some if o == offer else o for root, o in reading[1].items()}) for some in others if some
        )
        return next((more for more in tries if more is not None), reading)


def _closer(work: _Varied, found: Sequence[Group], reading: Any) -> Any:
    """The same program read at sizes at which it might be another one.

    At such that leave other remainders, where a half of one was read, and at smaller ones, where places on an axis that
    were in an order no longer are.
    """
    for n, g in enumerate(found):
        offer = reading[1].get(g.root)
        if offer is not None:
            reading = work.instead(reading, offer, [residues(reading[0][0], g.root, n)])
            offer = reading[1][g.root]
            reading = work.instead(reading, offer, smaller(reading[0][0], g.root, offer))
    return reading


def _one_by_one(work: _Varied, found: Sequence[Group]) -> Any:
    """The groups that can vary, found one after the other."""
    good: dict[str, tuple[int, ...]] = {}
    reading = None
    for n, g in enumerate(found):
        if g.root in good:
            continue
        alike = [h.root for h in found if h.size == g.size and h.root not in good]
        for offer, roots in ((o, r) for r in dict.fromkeys(((g.root,), tuple(alike))) for o in offers(g.size, n)):
            more = work.attempt({**good, **dict.fromkeys(roots, offer)})
            if more is not None:
                good.update(dict.fromkeys(roots, offer))
                reading = more
                break
            if work.reason is not None:
                work.why[g.root] = work.reason
    return reading


def _suspicions(
    page: JaxprReader, fixed: Sequence[Group], called: Sequence[str], why: Mapping[str, Apart], alone: Sheet
) -> tuple[list[str], list[str]]:
    """What is to be said of sizes that the function does not let vary, and of those at which it is another one."""
    doubts: list[str] = []
    found: dict[str, tuple[int, str]] = {}  # by the place of a number: the simplest that it may be
    for g in fixed:
        axis = _axis_of(g, called, alone)
        apart = why.get(g.root)
        if apart is not None:
            at = f", at {apart.where}" if apart.where else ""
            doubts.append(f"{axis} is read at its size {g.size} alone: {apart.what}{at}")
            continue
        likely = sizes_like(g.size, [h.size for h in fixed if h is not g])
        for x, where in page.numbers:
            words = next((w for v, w in likely.items() if abs(x / v - 1) < 1e-6), None)
            at = f" at {where}" if where else ""
            if words is not None and (where not in found or len(words) < found[where][0]):
                found[where] = (
                    len(words),
                    (
                        f"the number {x:.6g}{at} may be {words}, n = {g.size} the size of {axis}, "
                        "which the function does not let vary: it stays a number"
                    ),
                )
    return [words for _, words in found.values()], doubts


def _axis_of(g: Group, called: Sequence[str], page: Sheet) -> str:
    """``axis 1 of x``: where a group of axes stands first, in an argument or in an array that the function holds."""
    for name in (*called, *page.inputs):
        for k, i in enumerate(page.inputs[name]):
            if i == g.letters[0]:
                shape = ", ".join(str(page.sizes[i][0]) for i in page.inputs[name])
                held = name in page.tables
                return f"axis {k} of {f'an array of shape ({shape}) that the function holds' if held else name}"
    return "an axis"


# --------------------------------------------------------------------------- run beside the function
def _verify(
    program: _Program, system: System, called: Sequence[str], result: Sequence[str], reading: _Reading, notes: list[str]
) -> None:
    """What was read and the function, on random arrays of other sizes than the example's.

    Errors: UnreadableFunction, where the two differ.
    """
    entries = [sum(float(np.prod(s)) for s in shapes) for shapes in reading.shapes]
    at = min(range(1, len(entries)), key=lambda n: entries[n], default=0)
    told: str | None = None
    tries = dict.fromkeys(((at, False), (at, True), (0, False)))  # those of the example, where others do not go
    for n, (at, first) in enumerate(tries, start=1):
        tables = system.at(at) if isinstance(system, ReadSystem) else None
        try:
            told = _differs(program, system, called, result, reading.shapes[at], tables, first, reading.page.idle)
            break
        except TensorpropError as error:
            if n == len(tries):
                notes.append(f"what was read could not be run to check it: {error.problem}")
                return
    shapes = reading.shapes[at]
    if told:
        sizes = ", ".join(f"{n} {s}" for n, s in zip(called, shapes, strict=False))
        raise UnreadableFunction(
            "what was read has other values than the function",
            known=f"{told}; shapes: {sizes}",
            fix="verify=False gives the equations as they were read",
        )


def _agrees(
    program: _Program, system: System, called: Sequence[str], result: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> bool:
    """Whether a System and the function have the same values at shapes at which both go."""
    try:
        return _differs(program, system, called, result, shapes, None) == ""
    except TensorpropError:
        return False


def _differs(
    program: _Program,
    system: System,
    called: Sequence[str],
    result: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    tables: Mapping[str, Any] | None,
    first: bool = False,
    idle: bool = False,
) -> str | None:
    """In what a System and the function differ at these shapes: nothing (""), some words, or None if one does not go.

    Whole numbers are entries of any axis, or (``first``) the first one; ``idle``: what is infinite says nothing.

    Errors: those of running the System.
    """
    if any(isinstance(e, Call) and not is_known(e.function) for eq in system for e in postorder(eq.value)):
        return None
    if _work(system, called, shapes) > _WORK:
        return None
    smallest = min((n for s in shapes for n in s if n > 1), default=2)
    told: str | None = None
    fn = program.function(shapes)
    function = Played(lambda *some: program.called(fn, some))
    for seed, wide in ((0, True), (2, True), (1, True), (1, False)):
        arrays = _drawn(shapes[: len(called)], program.dtypes, 1 if first else smallest, seed)
        theirs = _run(program, function, arrays, wide)
        if theirs is None:
            continue
        given: dict[str, Any] = {n: a for n, a in zip(called, arrays, strict=True) if n in system.inputs}
        ours = evaluate(system, {**given, **(tables or {})})
        floats = [y if np.iscomplexobj(y) else np.asarray(y, np.float64) for y in theirs]
        pairs = [(np.asarray(ours[n]), y) for n, y in zip(result, floats, strict=True)]
        pairs = [(ours, np.where(np.isinf(y), ours.reshape(y.shape), y)) for ours, y in pairs] if idle else pairs
        finite = all(np.isfinite(y).all() for _, y in pairs)
        if not finite and (told or seed in (0, 2)):
            continue
        words = [_difference(n, *p) for n, p in zip(result, pairs, strict=True)]
        found = next((w for w in words if w), "")
        if not found:
            return ""
        if not wide or not _of_rounding(program, function, arrays, pairs):
            told = found
    return told


def _of_rounding(program: _Program, fn: Played, arrays: Sequence[np.ndarray[Any, Any]], pairs: Sequence[Any]) -> bool:
    """Whether the function itself differs as much where its arguments are others by a few bits."""
    rng = np.random.default_rng(0)
    moved = [a * (1 + 1e-13 * rng.normal(size=a.shape)) if a.dtype.kind in "fc" else a for a in arrays]
    others = _run(program, fn, moved, True)
    if others is None:
        return False
    for (ours, theirs), other in zip(pairs, others, strict=True):
        if ours.size != theirs.size or np.abs(ours.reshape(theirs.shape) - theirs).max() > np.abs(other - theirs).max():
            return False
    return True


def _work(system: System, called: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> float:
    """How many entries the reference fills at once for a product: at most the product of all sizes that meet."""
    sizes = dict(zip(called, shapes, strict=False))
    most = 1.0
    for eq in system:
        letters: dict[str, int] = {}
        for e in postorder(eq.value):
            if isinstance(e, Tensor) and e.name in sizes:
                for s, n in zip(e.subscripts, sizes[e.name], strict=False):
                    letters.update((i, max(n, letters.get(i, 1))) for i in s.free)
        most = max(most, float(np.prod([float(n) for n in letters.values()])))
    return most


def _drawn(
    shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any], below: int, seed: int
) -> list[np.ndarray[Any, Any]]:
    """Random arrays: of either sign first, then between 0.1 and 0.9; whole numbers that are entries of any axis.

    The third are of either sign, and positive definite where they are square.
    """
    rng = np.random.default_rng(seed)
    out = []
    for shape, dtype in zip(shapes, dtypes, strict=True):
        kind = kind_of(dtype)
        if kind in ("f", "c"):
            a = rng.uniform(0.1, 0.9, shape) if seed == 1 else rng.normal(size=shape)
            if seed == 2 and len(shape) > 1 and shape[-1] == shape[-2]:
                a = a @ np.swapaxes(a, -1, -2) / shape[-1] + np.eye(shape[-1])
            out.append(a.astype(np.float64) if kind == "f" else a + 1j * rng.normal(size=shape))
        elif kind == "b":
            out.append(rng.random(shape) < 0.5)
        else:
            out.append(rng.integers(0, below, shape).astype(np.dtype(dtype)))
    return out


def _run(
    program: _Program, fn: Played, arrays: Sequence[np.ndarray[Any, Any]], wide: bool
) -> list[np.ndarray[Any, Any]] | None:
    """What the function gives, in float64 or as its arguments are; None if it does not go."""
    dtypes = [_WIDE.get(kind_of(d), d) if wide else d for d in program.dtypes]
    try:
        with jax.enable_x64(wide), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = fn(*(a.astype(d) for a, d in zip(arrays, dtypes, strict=True)))
            return [np.asarray(y) for y in jax.tree_util.tree_leaves(results)]
    except Exception:  # whatever the function says about these arrays
        return None


def _difference(name: str, ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> str | None:
    """In which entry two arrays differ by more than rounding; axes of size 1 are left out of what is read."""
    if ours.size == theirs.size:
        ours = ours.reshape(theirs.shape)
    if ours.shape != theirs.shape:
        return f"the shape of {name}: {theirs.shape} of the function, {ours.shape} as it was read"
    if not ours.size:
        return None
    both = np.isfinite(theirs) & np.isfinite(ours)
    scale = float(np.abs(theirs[both]).max()) if both.any() else 0.0
    with np.errstate(all="ignore"):
        off = np.abs(ours - theirs)
        alike = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        same = np.where(both, off <= 2e-3 * np.abs(theirs) + 1e-4 * scale, alike)
    if same.all():
        return None
    k = np.unravel_index(int(np.argmin(same)), same.shape)
    return f"entry {tuple(map(int, k))} of {name}: {theirs[k]:.6g} of the function, {ours[k]:.6g} as it was read"
