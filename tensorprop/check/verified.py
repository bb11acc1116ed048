"""Formulas in vectors and matrices, each computed and compared before it is shown.

In: a Formula. Out: the same, if every line gave, on random arrays with different sizes, what the index notation gives.
The search is `render`'s, the reference `run`'s; here they meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np

from tensorprop.check.interpreter import Array, Interpreter
from tensorprop.check.numbers import draw
from tensorprop.check.numbers.draw import below, can_be_drawn, fitted
from tensorprop.core.build import add, call, mul, number
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_known, is_matrix
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import primal_axes
from tensorprop.core.plane import complex_names, said_complex
from tensorprop.core.ranges import infer
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import TensorpropError, UnknownRange
from tensorprop.render import trees as m
from tensorprop.render.entries_code import spec_of
from tensorprop.render.formula import Formula
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.line import Line
from tensorprop.render.matrices.stand_ins import kept_inside
from tensorprop.run.reference import evaluate

__all__ = [
    "PATIENCE",
    "WrongFormula",
    "asks_for_ties",
    "closed",
    "sample",
    "verified",
    "verify",
    "whole",
    "without_ends",
]


class WrongFormula(TensorpropError):
    """A formula that does not compute what its equation says: a mistake in this library, never shown as a result."""


def verified(found: Formula) -> Formula:
    """The formula, if every line of it gives what its equation says; WrongFormula else."""
    return replace(found, lines=tuple(map(_verified, found.lines)))


def _verified(line: Line) -> Line:
    """The line; in index notation, if it cannot be computed by itself, as the start ``h[-1, i, j] = [i = j]``."""
    try:
        verify(line)
    except UnknownRange as error:
        if line.seen is None:
            raise
        why = str(error).splitlines()[0].partition(": ")[2]
        return replace(line, left=None, right=None, carried=(), joined=(), why=why)
    return line


def without_ends(s: System) -> System:
    """The System without brackets that keep reads of a loop inside, if what is 0 outside gives the same numbers."""
    short = kept_inside(s)
    if short is s:
        return s
    try:
        one, other = _opened(s), _opened(short)
        given = draw.arrays(one, draw.shapes(one), 0)
        want, got = evaluate(one, given), evaluate(other, given)
    except TensorpropError:
        return s
    return short if all(np.allclose(got[k], v, rtol=1e-9, atol=1e-12, equal_nan=True) for k, v in want.items()) else s


def whole(s: System) -> tuple[dict[str, Array], dict[str, Array], dict[str, str]]:
    """Random arrays for a page, what it gives, and the functions that stand for open ones."""
    known: dict[str, str] = {}
    one = _opened(s, known)
    shapes = draw.shapes(one)
    given: dict[str, Array] = {}
    for kind in draw.KINDS:
        given = draw.arrays(one, shapes, 0, kind)
        given |= {name: given[name].astype(int) for name in whole_numbers(one) if name in given}
        found = evaluate(one, given)
        if all(bool(np.all(np.isfinite(v))) for v in found.values()):
            break
    return given, {name: np.asarray(v) for name, v in evaluate(one, given).items()}, known


def _opened(s: System, known: dict[str, str] | None = None) -> System:
    """The System with known functions for those left open, which are noted."""
    known = known if known is not None else {}
    lines: list[Equation] = []
    for eq in s:
        line, opened = closed(eq, known)
        known |= opened
        lines.append(line)
    return system(lines, s.facts)


# --------------------------------------------------------------------------- the check
def verify(line: Line) -> None:
    """Raise WrongFormula if the tree and the equation give different numbers."""
    if line.right is None:
        return
    if line.computed is not None:  # what stands for a convolution is an array; it is read again where it is shown
        line = replace(line, right=line.computed)
    match line.plain.value:
        case Number(value) if line.right == m.Figure(value):  # every entry is this number
            return
        case _:
            _agree(line)


@lru_cache(maxsize=4096)
def _agree(line: Line) -> None:
    eq, opened = closed(line.plain)
    ties = asks_for_ties(eq)
    assert line.right is not None
    loops = (*line.carried, *(i for t in line.right.walk() if isinstance(t, m.Over) for i in t.letters))
    small = len(loops) > _LOOPS
    for seed in range(3 if not ties else PATIENCE):
        try:
            arrays, want = _drawn(eq, seed, ties, small, frozenset(loops))
            with np.errstate(all="ignore"):
                got = _stacked(line, arrays, opened, want.shape)
        except np.linalg.LinAlgError:  # a matrix without an inverse at these sizes
            continue
        except (ValueError, IndexError) as error:  # parts that do not fit together
            raise WrongFormula(
                f"the formula for {line.equation.name} cannot be computed",
                known=f"{line.equation}\n{_text(line)}",
                fix="please report it: nothing was shown",
            ) from error
        finite = np.isfinite(want)
        scale = float(np.max(np.abs(want[finite]), initial=0.0))
        close = np.isclose(got, want, rtol=1e-7, atol=1e-9 * max(scale, 1e-3), equal_nan=True)
        undefined = ties and got.shape == want.shape and bool(np.any(finite & np.isnan(got)))
        if undefined:  # 0/0 in matrices where a bracket is 0 and asks for nothing more; the next draw may have none
            close |= np.isnan(got)
        if got.shape == want.shape and not bool(np.all(close)) and _is_of_rounding(eq, arrays, want):
            continue
        if got.shape != want.shape or not bool(np.all(close)):
            raise WrongFormula(
                f"the formula for {line.equation.name} is not what its equation says",
                known=f"{line.equation} gives {want.ravel()[:4]}\n{_text(line)} gives {got.ravel()[:4]}",
                fix="please report it: nothing was shown",
            )
        if undefined:
            continue
        if bool(np.all(finite)) and want.size and (ties or (not small and len(infer(system([eq])).classes()) <= _FEW)):
            return


def _is_of_rounding(eq: Equation, arrays: Mapping[str, Array], want: Array) -> bool:
    """Whether what an equation gives is an inverse of nearly nothing: others by a few bits, it is another number."""
    if not any(isinstance(n, Reduce) and is_matrix(n.op) for n in postorder(eq.value)):
        return False
    rng = np.random.default_rng(0)
    moved = {k: v * (1 + 1e-12 * rng.normal(size=v.shape)) if v.dtype.kind in "fc" else v for k, v in arrays.items()}
    s = _declared(eq)
    try:
        with np.errstate(all="ignore"):
            again = np.asarray(evaluate(s, {k: moved[k] for k in s.inputs})[eq.name])
    except np.linalg.LinAlgError:
        return True
    return not bool(np.allclose(again, want, rtol=1e-4, equal_nan=True))


def _drawn(
    eq: Equation, seed: int, ties: bool, small: bool = False, loops: frozenset[str] = frozenset()
) -> tuple[dict[str, Array], Array]:
    """Random arrays, and what the equation gives for them; the indices of ``loops`` take few values."""
    s = _declared(eq)
    arrays = _arrays(s, seed, ties, small, loops)
    if (contraction := _contraction(eq)) is not None:
        spec, names = contraction
        return arrays, np.asarray(np.einsum(spec, *(arrays[name] for name in names), optimize=len(spec) > _LONG))
    with np.errstate(all="ignore"):
        return arrays, np.asarray(evaluate(s, {k: arrays[k] for k in s.inputs})[eq.name])


def _contraction(eq: Equation) -> tuple[str, list[str]] | None:
    """The spec and the operands of a sum over a product of tensors, which is computed as it stands."""
    spec = spec_of(eq)
    if spec is None:
        return None
    summed = eq.value.indices if isinstance(eq.value, Sum) else ()
    factors = factors_of(eq.value.body if isinstance(eq.value, Sum) else eq.value)
    names = [f.name for f in factors if isinstance(f, Tensor)]
    return (spec[0], names) if set(summed) <= {*spec[0]} and len(names) <= _OPERANDS else None


@lru_cache(maxsize=4096)
def sample(e: Equation, seed: int = 0) -> tuple[dict[str, Array], Array, dict[str, str]] | None:
    """Random arrays for all that an equation names, what it gives, and the functions that stand for open ones."""
    eq, opened = closed(e)
    s = system([eq])
    arrays, want = _drawn(eq, seed, asks_for_ties(eq))
    sizes = dict(zip(primal_axes(eq.target) or (), want.shape, strict=False))
    known = infer(s)
    sizes |= {(n, k): v.shape[k] for n, v in arrays.items() for k in range(v.ndim)}
    whole = {known.find(*axis): size for axis, size in sizes.items()}
    told = {d.tensor for d in postorder(eq.value) if isinstance(d, Dim)} | {n for n, _ in primal_axes(eq.target) or ()}
    for name in told - arrays.keys():
        arrays[name] = np.zeros([whole.get(known.find(name, k), 2) for k in range(_rank(s, name))])
    return arrays, want, opened


_LONG, _OPERANDS = 12, 12  # characters of a spec from which on its path is chosen; operands of a call at most
PATIENCE = 20  # draws until every bracket that asks whether two entries are equal is met


def asks_for_ties(eq: Equation) -> bool:
    """Whether entries are compared with ``=``, as in the rule for a maximum: random numbers would never be equal."""
    return any(
        isinstance(e, Bracket)
        and e.relation in "=≠"
        and not isinstance(e.left, Index)
        and not isinstance(e.right, Index)
        for e in postorder(eq.value)
    )


def _text(line: Line) -> str:
    return str(Formula((line,), Convention()))


_LOOPS = 3  # indices that are carried or added up outside, beyond which sizes are small
_FEW, _MANY = 7, 10  # classes of axes: few enough to be all different; so many that small sizes are needed
_STAND_INS = ("tanh", "sigmoid", "softplus", "cos", "arctan", "exp", "sin", "erf")


def closed(eq: Equation, known: Mapping[str, str] | None = None) -> tuple[Equation, dict[str, str]]:
    """The equation with known functions for those left open; ``known`` are such as stand already."""
    opened: dict[str, str] = dict(known or {})

    def rule(e: Expr) -> Expr:
        if isinstance(e, Call) and not is_known(e.function):
            stands = opened.setdefault(e.function, _STAND_INS[len(opened) % len(_STAND_INS)])
            return call(stands, add(*(mul(number(n + 1), a) for n, a in enumerate(e.args))))
        return e

    return equation(eq.target, transform(eq.value, rule)), opened


def _arrays(
    s: System, seed: int, ties: bool = False, small: bool = False, loops: frozenset[str] = frozenset()
) -> dict[str, Array]:
    """Random inputs; axes that no index joins have different sizes. ``ties``: many entries are equal;
    ``small``: sizes are 2 and 3, since many loops run over them; the least sizes are those of ``loops``."""
    ranges = infer(s)
    rng = np.random.default_rng(seed)
    looped = {
        ranges.find(t.name, k)
        for eq in s if loops
        for t in tensors_of(eq.value)
        for k, i in enumerate(t.subscripts)
        if isinstance(i, Index) and i.name in loops
    }  # fmt: skip
    classes = sorted(ranges.classes(), key=lambda axes: ranges.find(*axes[0]) not in looped)
    fixed = {  # an entry that is named has to be there
        (t.name, k): int(i.value) + 1
        for eq in s
        for t in tensors_of(eq.value)
        for k, i in enumerate(t.subscripts)
        if isinstance(i, Number)
    }
    pool = (2, 3, 4) if len(classes) <= _MANY else (1, 2)  # all different while all entries together stay few
    pool = (2, 3) if small else pool
    many = sum(ranges.find(*axes[0]) in looped for axes in classes)
    apart = range(2 + bool(many), len(classes) + 2)  # of those that are carried each value is one more formula
    apart = apart[::-1] if seed % 2 else apart  # A X is singular where it is longer than what is summed
    extent = [2] * many + [*apart] if len(classes) <= _FEW and not small else rng.choice(pool, len(classes)).tolist()
    sizes = {axis: n for n, axes in zip(extent, classes, strict=False) for axis in axes}
    for axes, need in ((axes, max(fixed.get(axis, 0) for axis in axes)) for axes in classes):
        sizes |= {axis: max(sizes[axis], need) for axis in axes}
    for one, other in _without_diagonal(s):
        sizes |= dict.fromkeys((axis for axis, n in list(sizes.items()) if n == sizes[other]), sizes[one])
    out: dict[str, Array] = {}
    whole = whole_numbers(s)
    of = {ranges.find(*axis): n for axis, n in sizes.items()}
    for name in s.inputs:
        of |= {ranges.find(name, k): of.get(ranges.find(name, k), 2) for k in range(_rank(s, name))}
    long_enough = fitted(s, ranges, of)
    of_matrices = {
        n.body.name
        for eq in s
        for n in postorder(eq.value)
        if isinstance(n, Reduce) and is_matrix(n.op) and isinstance(n.body, Tensor)
    }
    for name in s.inputs:
        shape = long_enough[name]
        can_be_drawn(name, shape)
        if name in whole:
            out[name] = rng.integers(0, below(s, name, long_enough), shape)
            continue
        if ties:
            draw = rng.integers(1, 3, size=shape) / 2.0
        else:
            draw = rng.normal(size=shape) if seed == 1 else rng.uniform(0.2, 0.9, size=shape)
        if name in s.complex:
            draw = draw + 1j * rng.normal(size=shape)
        square = _is_square(shape) and (len(shape) == 2 or name in of_matrices)
        out[name] = draw + (2.0 * np.eye(shape[-1]) if square and seed == 0 else 0.0)
    return out


def _is_square(shape: tuple[int, ...]) -> bool:
    return len({*shape[-2:]}) == 1 and len(shape) > 1


def _declared(eq: Equation) -> System:
    """The equation, with the tensors complex of which it takes a conjugate or a part, if they may be: where they are
    real, a conjugate in the wrong place is not seen."""
    parts = [e for e in postorder(eq.value) if isinstance(e, Call) and e.function in _PARTS]
    plain = system([eq])
    if not parts:
        return plain
    made = system([eq], said_complex({t.name for e in parts for t in tensors_of(e)}))
    try:
        complex_names(made)
    except TensorpropError:
        return plain
    return made


_PARTS = ("conj", "re", "im", "angle")


def _without_diagonal(s: System) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """Axes of the two indices of ``[i ≠ j]``: a matrix without its diagonal is square."""
    for eq in s:
        where = {
            i.name: (t.name, k)
            for t in tensors_of(eq.value)
            for k, i in enumerate(t.subscripts)
            if isinstance(i, Index)
        }
        for e in postorder(eq.value):
            match e:
                case Bracket("≠", Index(i), Index(j)) if i in where and j in where:
                    yield where[i], where[j]
                case _:
                    pass


def _rank(s: System, name: str) -> int:
    """The number of axes, also of a tensor that only a derivative or a size names."""
    try:
        return s.rank(name)
    except TensorpropError:
        axes = [k for eq in s for n, k in primal_axes(eq.target) or () if n == name]
        axes += [d.axis for eq in s for d in postorder(eq.value) if isinstance(d, Dim) and d.tensor == name]
        return max(axes, default=-1) + 1


def _stacked(line: Line, arrays: Mapping[str, Array], opened: Mapping[str, str], shape: tuple[int, ...]) -> Array:
    """The formula's value, once for every value of the carried indices, on the axes of the left side."""
    assert line.right is not None and isinstance(line.left, m.Name)
    target = line.left
    sizes = dict(zip(primal_axes(line.plain.target) or (), shape, strict=False))
    if target.kind == "tensor" and not line.carried:
        return np.asarray(Interpreter(arrays, {}, opened, sizes).value(line.right))
    extents = dict(zip(line.plain.letters, shape, strict=True))
    out: Array | None = None
    for point in product(*(range(extents[i]) for i in line.carried)):
        at = dict(zip(line.carried, point, strict=True))
        v = np.asarray(Interpreter(arrays, at, opened, sizes).value(line.right))
        v = _unfolded(v, target, shape)
        where = tuple(at[s] if isinstance(s, str) else slice(None) for s in target.slots)
        out = np.empty(shape, np.result_type(v, float)) if out is None else out
        if out[where].shape != v.shape:
            return np.empty(0)
        out[where] = v
    return np.empty(shape) if out is None else out


def _unfolded(v: Array, target: m.Name, shape: tuple[int, ...]) -> Array:
    """A column, a row, a matrix or a tensor on the axes that it stands for; empty where it does not fit."""
    sizes = [shape[axis] for axis in target.order]
    if target.kind == "tensor":
        return v if v.shape == tuple(sizes) and target.order == tuple(sorted(target.order)) else np.empty(0)
    rows = target.rows if target.kind == "matrix" else len(sizes) * (target.kind == "column")
    need = () if target.kind == "scalar" else (math.prod(sizes[:rows]), math.prod(sizes[rows:]))
    if np.shape(v) != need:
        return np.empty(0)
    return np.transpose(np.reshape(v, sizes), np.argsort(target.order))
