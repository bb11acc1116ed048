"""Random arrays that fit a System.

In: a System, and a seed. Out: a shape and numbers for every input, on sizes that are all different or all the same.
How anything is evaluated is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from tensorprop.core.build import COLUMN, ROW
from tensorprop.core.equation import SORTED, Equation, Range, System
from tensorprop.core.expr import Add, Bracket, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix, orders
from tensorprop.core.functions import runs as reached
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import primal, primal_axes
from tensorprop.core.plane import complex_names
from tensorprop.core.ranges import Ranges, infer
from tensorprop.core.told import Axis, limit
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import PlanTooLarge, TensorpropError
from tensorprop.run.sizes import counted

__all__ = ["KINDS", "arrays", "below", "can_be_drawn", "fitted", "letter_sizes", "shapes", "sizes_told"]

KINDS = ("general", "positive", "unit")
"""Normally distributed; between 1/2 and 3/2; between 0.1 and 0.9. The first whose values are finite serves."""

MAX_ENTRIES = 2**24  # of an array that is drawn; sizes are small, so that only many axes make it large
MAX_STEPS = 2**19  # of all letters together, beyond which a sum by hand takes seconds
MAX_AXES = 32  # NumPy 1 has no more, and einsum neither


def can_be_drawn(name: str, shape: tuple[int, ...]) -> None:
    """Refuse an array that no machine holds, before it is asked for.

    Errors: PlanTooLarge.
    """
    if math.prod(shape) > MAX_ENTRIES or len(shape) > MAX_AXES:
        raise PlanTooLarge(
            f"{name} has {len(shape)} axes, too many for an array of numbers to be compared", fix="give it fewer axes"
        )


def shapes(s: System, square: bool = False, first: int = 3) -> dict[str, tuple[int, ...]]:
    """A shape for every input: axes of one range have one size, others another one (or all ``first``).

    Where so many ranges of different sizes would make long sums, sizes repeat, neighbours staying different.

    >>> from tensorprop.text import parse
    >>> shapes(parse("z_bj = a_bi W_ij + b_j"))
    {'a': (3, 4), 'W': (4, 5), 'b': (5,)}
    """
    ranges = infer(s)
    axes = [ranges.find(name, k) for name in s.inputs for k in range(s.rank(name))]
    axes = list(dict.fromkeys((*_of_matrices(s, ranges), *axes)))  # theirs the smallest, so that Xᵀ X has an inverse
    chosen = [first] * len(axes) if square else list(range(first, first + len(axes)))
    if not square and math.prod(chosen) > MAX_STEPS:
        chosen = [first - 1 + k % 4 for k in range(len(axes))]
    return fitted(s, ranges, dict(zip(axes, chosen, strict=True)))


def fitted(s: System, ranges: Ranges, sizes: Mapping[Axis, int]) -> dict[str, tuple[int, ...]]:
    """A shape for every input, told the size of every range; an axis that ``x[2t+s]`` runs along is made long enough.

    >>> from tensorprop.text import parse
    >>> s = parse("y_t = w_s x[2t+s] m_t")
    >>> fitted(s, infer(s), {("w", 0): 2, ("x", 0): 2, ("m", 0): 3})
    {'w': (2,), 'x': (6,), 'm': (3,)}
    """
    grown = dict(sizes)

    def number(e: Expr) -> int | None:
        return _number(e, ranges, grown)

    for _ in range(3):  # what is shifted may tell the range of another shift
        before = dict(grown)
        for eq in s:
            entries = list(tensors_of(eq.value))
            runs: dict[str, int] = {}
            for t in entries:
                for k, i in enumerate(t.subscripts):
                    if isinstance(i, Index) and (n := before.get(ranges.find(t.name, k))) is not None:
                        runs[i.name] = max(runs.get(i.name, 0), n)
            for (name, k), i in zip(primal_axes(eq.target) or (), eq.target.subscripts, strict=False):
                if isinstance(i, Index) and (n := before.get(ranges.find(name, k))) is not None:
                    runs[i.name] = max(runs.get(i.name, 0), n)  # δk_u = a[x+u] δy_x: u runs as in k
            for t in entries:
                for k, place in enumerate(t.subscripts):
                    alone = {i: _stated(s, i) for i in place.free}  # told by no axis
                    ends = None if isinstance(place, Index) else _ends(place, {**alone, **runs}, number)
                    axis = ranges.find(t.name, k)
                    if ends is not None and axis in grown:
                        grown[axis] = max(grown[axis], ends[1] + 1)
                    low = ends[0] if ends is not None and s.outside(t.name) is None else 0
                    for d in postorder(place) if low < 0 else ():  # b[i-j+dim(q, 0)-1]: q is at least as long as j
                        if isinstance(d, Dim) and (far := ranges.find(d.tensor, d.axis)) in grown:
                            grown[far] -= low
            for letter, n in _orders(eq.value):  # there are as many as are taken
                for axis in _run_by({*n.indices}, n.body, ranges):
                    if axis in grown:
                        grown[axis] = max(grown[axis], runs.get(letter, 0), _stated(s, letter))
        if grown == before:
            break
    for fact in s.facts:
        if isinstance(fact, Range):
            _divided(fact.size, ranges, grown)
    _grouped(s, ranges, grown)
    _followed(s, ranges, grown)
    return {name: tuple(grown[ranges.find(name, k)] for k in range(s.rank(name))) for name in s.inputs}


def _followed(s: System, ranges: Ranges, grown: dict[Axis, int]) -> None:
    """An axis as long as an expression of sizes says is so: ``w_g`` beside ``p_g = max_u(a[2g+u])``; as a line."""
    said = {axis: size for axis in grown if not isinstance(size := ranges.size(*axis), Dim)}
    for eq in s:
        for t in tensors_of(eq.value):
            for k, i in enumerate(t.subscripts):
                size = s.stated(i.name) if isinstance(i, Index) else None
                if size is not None and (axis := ranges.find(t.name, k)) in grown:
                    said[axis] = size
    for axis, size in said.items():
        if (n := _number(size, ranges, grown)) is not None:
            grown[axis] = max(0, n)
    for eq in s:  # [g < n] w_g runs as far as n, and w is as long at least
        for f in postorder(eq.value):
            i = f.left.name if isinstance(f, Bracket) and isinstance(f.left, Index) else ""
            n = _number(far, ranges, grown) if (far := limit(f, i)) is not None else None
            for axis in _run_by({i}, eq.value, ranges) if n is not None else ():
                if axis in grown:
                    grown[axis] = max(grown[axis], n or 0)


def _grouped(s: System, ranges: Ranges, grown: dict[Axis, int]) -> None:
    """What is added up by groups, ``c_g = Σ_n [g = s_n]``, is so long that no group need be empty."""
    for eq in s:
        for b in postorder(eq.value):
            for i, label in (b.children, b.children[::-1]) if isinstance(b, Bracket) and b.relation == "=" else ():
                if not (isinstance(i, Index) and isinstance(label, Tensor) and i.name in eq.letters and label.letters):
                    continue
                size = ranges.size(eq.name, eq.letters.index(i.name))
                n, along = _number(size, ranges, grown), ranges.find(label.name, len(label.letters) - 1)
                if along in grown and n is not None and label.letters[-1] not in eq.letters:
                    grown[along] = max(grown[along], n + 2)  # some groups have several


def _number(size: Expr, ranges: Ranges, grown: Mapping[Axis, int]) -> int | None:
    """A size in numbers, if those are known that it is made of."""
    dims = [d for d in postorder(size) if isinstance(d, Dim)]
    known = {(d.tensor, d.axis): grown.get(ranges.find(d.tensor, d.axis)) for d in dims}
    return None if size.free or None in known.values() else counted(size, known, {})


def _orders(e: Expr) -> Iterable[tuple[str, Reduce]]:
    """The letter that counts what is sorted: k of ``top_u(x_u)[k]``."""
    for n in postorder(e):
        if isinstance(n, Reduce) and orders(n.op):
            for i in n.at:
                if isinstance(i, Index):
                    yield i.name, n


def _divided(size: Expr, ranges: Ranges, grown: dict[Axis, int]) -> None:
    """Make the first axis of a stated size longer until it is a whole number: ``dim(x) = dim(a, 1) / 2``."""
    dims = [d for d in postorder(size) if isinstance(d, Dim) and ranges.find(d.tensor, d.axis) in grown]
    for _ in range(24 if dims else 0):
        known = {(d.tensor, d.axis): grown[ranges.find(d.tensor, d.axis)] for d in dims}
        try:
            if isinstance(counted(size, known, {}), int):
                return
        except (TensorpropError, KeyError):
            return  # a letter, or a tensor that is made
        grown[ranges.find(dims[0].tensor, dims[0].axis)] += 1


def _stated(s: System, letter: str) -> int:
    """How far a letter runs that no axis tells: as a line says, or over two values, so that it runs at all."""
    size = s.stated(letter)
    return int(size.value) if isinstance(size, Number) else 2


def _ends(place: Expr, runs: Mapping[str, int], known: Callable[[Expr], int | None]) -> tuple[int, int] | None:
    """Between what an affine subscript lies, its letters running so far, sizes ``known``; None if not affine."""
    match place:
        case Index(name):
            return (0, runs[name] - 1) if name in runs else None
        case Mul((Number(value), Index(name))):
            far = int(value * (runs[name] - 1)) if name in runs else 0
            return (min(0, far), max(0, far)) if name in runs else None
        case Add(terms):
            ends = [_ends(t, runs, known) for t in terms]
            return None if None in ends else (sum(e[0] for e in ends if e), sum(e[1] for e in ends if e))
        case _:
            n = None if place.free else known(place)
            return None if n is None else (n, n)


def arrays(
    s: System,
    shapes: Mapping[str, tuple[int, ...]],
    seed: int,
    kind: str = "general",
    given: Iterable[tuple[Expr, Expr]] = (),
) -> dict[str, np.ndarray]:
    """Numbers of these shapes; whole ones within range for labels, and moved so that what is ``given`` holds."""
    draw = np.random.default_rng([seed, KINDS.index(kind)])
    whole, alike = whole_numbers(s), _compared(s)
    found: dict[str, np.ndarray] = {}
    for name in s.inputs:
        shape = shapes[name]
        can_be_drawn(name, shape)
        if name in whole:
            found[name] = _labels(draw, below(s, name, shapes), shape)
        elif name in alike:
            found[name] = np.asarray(_ALIKE[kind])[_labels(draw, 2, shape).astype(int)]
        elif kind == "general":
            found[name] = draw.normal(size=shape)
        else:
            low, high = (0.5, 1.5) if kind == "positive" else (0.1, 0.9)
            found[name] = draw.uniform(low, high, shape)
    for name in sorted(complex_names(s) & found.keys()):
        found[name] = found[name] + 1j * draw.normal(size=shapes[name])
    for name in s.inputs:
        found[name] = np.sort(found[name], -1) if s.declares(SORTED, name) else found[name]
    for name, plain in _factored(s).items():
        x = found[name]
        found[name] = x @ np.swapaxes(x, -1, -2) / x.shape[-1] + np.eye(x.shape[-1]) if plain else x
    for name, what in s.declared.items():
        if name in found:
            found[name] = declared(found[name], what)
    for left, right in given:
        match left, right:
            case Sum(indices, Tensor(name=name) as t), Number(value):
                letters = t.letters or ()
                axes = tuple(k for k, i in enumerate(letters) if i in indices)
                x = found[name]
                if kind == "general":  # nothing says that they are positive
                    found[name] = x + (float(value) - x.sum(axes, keepdims=True)) / math.prod(x.shape[k] for k in axes)
                else:
                    found[name] = x * (float(value) / x.sum(axes, keepdims=True))
            case _:
                pass
    return found


_ALIKE = {"general": (-0.5, 0.75), "positive": (0.75, 1.25), "unit": (0.25, 0.75)}
"""What entries are that are asked whether they are equal: of two values, so that some are."""


def _compared(s: System) -> frozenset[str]:
    """Inputs whose entries are compared with entries of inputs: ``[r_f = r_e]``."""
    sides = (b.children for eq in s for b in postorder(eq.value) if isinstance(b, Bracket) and b.relation in "=≠")
    names = ([t.name for t in both if isinstance(t, Tensor) and t.name in s.inputs] for both in sides)
    return frozenset(name for both in names if len(both) == 2 for name in both)


def _labels(draw: np.random.Generator, below: int, shape: tuple[int, ...]) -> np.ndarray:
    """Whole numbers below a bound; each of them is there, if there is room: no group is empty."""
    found = draw.integers(0, below, shape)
    if 0 < below <= found.size:
        every = np.concatenate([np.arange(below), found.ravel()[below:]])
        found = draw.permutation(every).reshape(shape)
    return found.astype(float)


def declared(x: np.ndarray, what: frozenset[str], whole: bool = False) -> np.ndarray:
    """The matrices of x, changed so that what is declared of them holds; ``whole`` numbers stay whole."""
    if "spd" in what and whole:
        x = x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1])
    if "orthogonal" in what and whole:
        x = np.where(x > 0, 1.0, -1.0) * np.eye(x.shape[-1])[::-1]
    elif "orthogonal" in what:
        q, r = np.linalg.qr(x)
        x = q * np.sign(np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :] + 0.5)
    if "lower" in what:
        x = np.tril(x)
    if "diagonal" in what:
        x = x * np.eye(x.shape[-1])
    elif "symmetric" in what:
        x = np.tril(x) + np.swapaxes(np.tril(x, -1), -1, -2)
    return x


def below(s: System, name: str, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many values a tensor of whole numbers may take: the size of the axis that it picks from."""
    ranges = infer(s)
    sizes = {ranges.find(n, k): size for n, shape in shapes.items() for k, size in enumerate(shape)}
    axes = {axis for eq in s for e in postorder(eq.value) for axis in _picked(eq, e, name, ranges)}
    told = (sizes[axis] if axis in sizes else _number(ranges.size(*axis), ranges, sizes) for axis in axes)
    return min((n for n in told if n is not None), default=2)


def _picked(eq: Equation, e: Expr, name: str, ranges: Ranges) -> Iterable[Axis]:
    """The axes that an entry of ``name`` is a place of: ``E[name_b, d]``, ``[name_b = c]``, ``s_bc[name_b]``."""
    if isinstance(e, Tensor):
        for axis, place in enumerate(e.subscripts):
            if any(t.name == name for t in tensors_of(place)):
                yield ranges.find(e.name, axis)
    elif isinstance(e, Reduce):
        entry = zip(reached(e.op, e.indices), e.at, strict=False)
        letters = {i for i, place in entry if any(t.name == name for t in tensors_of(place))}
        yield from _run_by(letters, e.body, ranges)
    elif isinstance(e, Bracket) and any(t.name == name for side in e.children for t in tensors_of(side)):
        sides = [side for side in e.children if not isinstance(side, Tensor)]
        letters = {n.name for side in sides for n in (side, *side.children) if isinstance(n, Index)}
        yield from _run_by(letters, eq.value, ranges)
        yield from ((eq.name, eq.letters.index(i)) for i in letters & {*eq.letters} if primal(eq.name) == eq.name)


def _of_matrices(s: System, ranges: Ranges) -> Iterable[Axis]:
    """The rows and columns of whole matrices that have functions."""
    for eq in s:
        for e in postorder(eq.value):
            if isinstance(e, Reduce) and is_matrix(e.op):
                yield from _run_by({*e.indices}, e.body, ranges)


def _factored(s: System) -> dict[str, bool]:
    """Inputs that have to be positive definite: so it is declared, or ``cholesky(S)_ij`` is taken."""
    found = {name: True for name in s.inputs if s.declares("spd", name)}
    for eq in s:
        for e in postorder(eq.value):
            if isinstance(e, Reduce) and e.op in ("cholesky", "inv_cholesky") and isinstance(e.body, Tensor):
                t = e.body
                if t.name in s.inputs:
                    found[t.name] = {*e.indices} == {i.name for i in t.subscripts[-2:] if isinstance(i, Index)}
    return found


def _run_by(letters: set[str], e: Expr, ranges: Ranges) -> Iterable[Axis]:
    for t in tensors_of(e) if letters else ():
        for axis, place in enumerate(t.subscripts):
            if isinstance(place, Index) and place.name in letters:
                yield ranges.find(t.name, axis)


def letter_sizes(equations: Iterable[Equation], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes of the letters in these equations, as far as plain subscripts tell; δz has the shape of z."""
    found: dict[str, int] = {}
    for eq in equations:
        for t in (eq.target, *tensors_of(eq.value)):
            shape = shapes.get(t.name, shapes.get(primal(t.name)))
            for place, n in zip(t.subscripts, shape or (), strict=False):
                if isinstance(place, Index):
                    found.setdefault(place.name, n)
    return found


def sizes_told(equations: Iterable[Equation], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The same of the letters that a text has: what runs along a named matrix, ``inv(A)_ij``, has none."""
    return {i: n for i, n in letter_sizes(equations, shapes).items() if i not in (ROW, COLUMN)}
