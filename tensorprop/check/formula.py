"""Formulas in vectors and matrices, each computed and compared before it is shown.

In: a Formula. Out: the same, if every line gave, on random arrays with different sizes, what the index notation gives.
The search is `render`'s, the reference `run`'s; here they meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from tensorprop.check.numbers.draw import can_be_drawn
from tensorprop.core.build import add, call, mul, number
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Bracket, Call, Dim, Expr, Index, Reduce, Tensor
from tensorprop.core.functions import is_known, is_matrix
from tensorprop.core.names import primal_axes
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import TensorpropError
from tensorprop.render import trees as m
from tensorprop.render.formula import Formula
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.line import Line
from tensorprop.render.trees import Tree
from tensorprop.run.numpy_functions import NUMPY, NUMPY_REDUCE
from tensorprop.run.reference import evaluate
from tensorprop.text.numerals import floating

__all__ = ["WrongFormula", "verified", "verify"]

Array = np.ndarray[Any, np.dtype[Any]]


class WrongFormula(TensorpropError):
    """A formula that does not compute what its equation says: a mistake in this library, never shown as a result."""


def verified(found: Formula) -> Formula:
    """The formula, if every line of it gives what its equation says; WrongFormula else."""
    for line in found.lines:
        verify(line)
    return found


# --------------------------------------------------------------------------- the check
def verify(line: Line) -> None:
    """Raise WrongFormula if the tree and the equation give different numbers."""
    if line.right is not None:
        _agree(line)


@lru_cache(maxsize=4096)
def _agree(line: Line) -> None:
    eq, opened = _closed(line.equation)
    plain, inverses = _without_inverses(eq)
    if plain is None:
        return
    ties = _asks_for_ties(eq)
    for seed in range(3 if not ties else _PATIENCE):
        arrays = _arrays(system([eq]), seed, ties)
        given = dict(arrays)
        for name, (inner, op) in inverses.items():
            matrix = evaluate(system([inner]), {k: given[k] for k in system([inner]).inputs})[inner.name]
            given[name] = np.asarray(NUMPY_REDUCE[op](matrix, (0, 1)))
        s = system([plain])
        with np.errstate(all="ignore"):
            want = np.asarray(evaluate(s, {k: given[k] for k in s.inputs})[plain.name])
            got = _stacked(line, arrays, opened, want.shape)
        finite = np.isfinite(want)
        scale = float(np.max(np.abs(want[finite]), initial=0.0))
        close = np.isclose(got, want, rtol=1e-7, atol=1e-9 * max(scale, 1e-3), equal_nan=True)
        undefined = ties and got.shape == want.shape and bool(np.any(finite & np.isnan(got)))
        if undefined:  # 0/0 in matrices where a bracket is 0 and asks for nothing more; the next draw may have none
            close |= np.isnan(got)
        if got.shape != want.shape or not bool(np.all(close)):
            raise WrongFormula(
                f"the formula for {line.equation.name} is not what its equation says",
                known=f"{line.equation} gives {want.ravel()[:4]}\n{_text(line)} gives {got.ravel()[:4]}",
                fix="please report it: nothing was shown",
            )
        if undefined:
            continue
        if bool(np.all(finite)) and want.size and (ties or len(infer(system([eq])).classes()) <= _FEW):
            return


_PATIENCE = 20  # draws until every bracket that asks whether two entries are equal is met


def _asks_for_ties(eq: Equation) -> bool:
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


_FEW, _MANY = 7, 10  # classes of axes: few enough to be all different; so many that small sizes are needed
_STAND_INS = ("tanh", "sigmoid", "softplus", "cos", "arctan", "exp", "sin", "erf")


def _closed(eq: Equation) -> tuple[Equation, dict[str, str]]:
    """The equation with known functions for those left open."""
    opened: dict[str, str] = {}

    def rule(e: Expr) -> Expr:
        if isinstance(e, Call) and not is_known(e.function):
            known = opened.setdefault(e.function, _STAND_INS[len(opened) % len(_STAND_INS)])
            return call(known, add(*(mul(number(n + 1), a) for n, a in enumerate(e.args))))
        return e

    return equation(eq.target, transform(eq.value, rule)), opened


def _without_inverses(eq: Equation) -> tuple[Equation | None, dict[str, tuple[Equation, str]]]:
    """Functions of whole matrices replaced by tensors that are computed beforehand."""
    made: dict[str, tuple[Equation, str]] = {}
    nested = False

    def rule(e: Expr) -> Expr:
        nonlocal nested
        if isinstance(e, Reduce) and is_matrix(e.op):
            name = f"inverse{len(made)}"
            nested = nested or any(isinstance(n, Tensor) and n.name in made for n in postorder(e.body))
            target = Tensor(name + "of", tuple(Index(i) for i in e.indices))
            made[name] = (equation(target, e.body), e.op)
            return Tensor(name, e.at)
        return e

    value = transform(eq.value, rule)
    if nested:
        return None, {}
    return Equation(eq.target, value) if made else eq, made


def _arrays(s: System, seed: int, ties: bool = False) -> dict[str, Array]:
    """Random inputs; axes that no index joins have different sizes. ``ties``: many entries are equal."""
    ranges = infer(s)
    rng = np.random.default_rng(seed)
    classes = ranges.classes()
    pool = (2, 3, 4) if len(classes) <= _MANY else (1, 2)  # all different while all entries together stay few
    extent = range(2, len(classes) + 2) if len(classes) <= _FEW else rng.choice(pool, len(classes)).tolist()
    sizes = {axis: n for n, axes in zip(extent, classes, strict=True) for axis in axes}
    for one, other in _without_diagonal(s):
        sizes |= dict.fromkeys((axis for axis, n in list(sizes.items()) if n == sizes[other]), sizes[one])
    out: dict[str, Array] = {}
    for name in s.inputs:
        rank = _rank(s, name)
        shape = tuple(sizes.get((name, k), 2) for k in range(rank))
        can_be_drawn(name, shape)
        if ties:
            draw = rng.integers(1, 3, size=shape) / 2.0
        else:
            draw = rng.normal(size=shape) if seed == 1 else rng.uniform(0.2, 0.9, size=shape)
        out[name] = draw + (2.0 * np.eye(*shape) if len(shape) == 2 and shape[0] == shape[1] and seed == 0 else 0.0)
    return out


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
    """The number of axes, also of a tensor that only a derivative names."""
    try:
        return s.rank(name)
    except TensorpropError:
        axes = [k for eq in s for n, k in primal_axes(eq.target) or () if n == name]
        return max(axes, default=-1) + 1


def _stacked(line: Line, arrays: Mapping[str, Array], opened: Mapping[str, str], shape: tuple[int, ...]) -> Array:
    """The formula's value, once for every value of the carried indices, on the axes of the left side."""
    assert line.right is not None and isinstance(line.left, m.Name)
    target = line.left
    sizes = dict(zip(primal_axes(line.equation.target) or (), shape, strict=False))
    if target.kind == "tensor":
        return np.asarray(_Interpreter(arrays, {}, opened, sizes).value(line.right))
    extents = dict(zip(line.equation.letters, shape, strict=True))
    out = np.empty(shape)
    for point in product(*(range(extents[i]) for i in line.carried)):
        at = dict(zip(line.carried, point, strict=True))
        v = np.asarray(_Interpreter(arrays, at, opened, sizes).value(line.right))
        v = _unfolded(v, target, shape)
        where = tuple(at[s] if isinstance(s, str) else slice(None) for s in target.slots)
        if out[where].shape != v.shape:
            return np.empty(0)
        out[where] = v
    return out


def _unfolded(v: Array, target: m.Name, shape: tuple[int, ...]) -> Array:
    """A column, a row or a matrix on the axes that it stands for; empty where it does not fit."""
    sizes = [shape[axis] for axis in target.order]
    rows = target.rows if target.kind == "matrix" else len(sizes) * (target.kind == "column")
    need = () if target.kind == "scalar" else (math.prod(sizes[:rows]), math.prod(sizes[rows:]))
    if np.shape(v) != need:
        return np.empty(0)
    return np.transpose(np.reshape(v, sizes), np.argsort(target.order))


class _Interpreter:
    """Computes a math tree: columns are n × 1, rows 1 × n, so that every operation is checked by its shape."""

    def __init__(
        self,
        arrays: Mapping[str, Array],
        at: Mapping[str, int],
        opened: Mapping[str, str],
        sizes: Mapping[tuple[str, int], int],
    ) -> None:
        self._arrays = arrays
        self._at = at
        self._opened = opened
        self._sizes = sizes  # of tensors that only the left side names

    def _size(self, d: Dim) -> int:
        if d.tensor in self._arrays:
            return self._arrays[d.tensor].shape[d.axis]
        return self._sizes[d.tensor, d.axis]

    def value(self, t: Tree) -> Any:
        """The value of a part.

        Long because it has one case for every node.
        """
        match t:
            case m.Name():
                return self._name(t)
            case m.Number(v):
                return floating(v)
            case m.Size(_, axis):
                return float(self._size(axis))
            case m.Ones(axis, of, more):
                n = math.prod(map(self._size, (axis, *more)))
                return np.ones((n, 1) if of == "column" else (1, n))
            case m.Identity(axis, more):
                return np.eye(math.prod(map(self._size, (axis, *more))))
            case m.Over(letters, body):
                return self._over(letters, body)
            case m.Transpose(of):
                return np.transpose(self.value(of))
            case m.Product(factors):
                return self._product(factors, t.kind)
            case m.Hadamard(factors) | m.Sum(factors):
                parts = [self.value(f) for f in factors]
                if len({np.shape(p) for p in parts}) > 1:
                    raise ValueError("parts of different shapes")
                return math.prod(parts[1:], start=parts[0]) if isinstance(t, m.Hadamard) else sum(parts[1:], parts[0])
            case m.Quotient(above, below):
                return self.value(above) / np.float64(self.value(below))
            case m.Power(base, exponent) | m.ElementPower(base, exponent):
                return np.power(np.asarray(self.value(base), dtype=float), self.value(exponent))
            case m.MatrixPower(base, n):
                return np.linalg.matrix_power(self.value(base), n)
            case m.Apply(function, args):
                return self._apply(function, [self.value(a) for a in args])
            case m.Indicator(relation, left, right):
                return _compare(relation, self.value(left), self.value(right))
            case m.Along(op, of, over, keeps):
                return self._along(op, self.value(of), over, keeps)
            case m.Trace(of):
                return float(np.trace(_square(self.value(of))))
            case m.Diagonal(of, lies):
                entries = np.diag(_square(self.value(of)))
                return entries[None, :] if lies == "row" else entries[:, None]
            case m.Diag(of):
                return np.diag(np.ravel(self.value(of)))
            case m.Triangle(of, part):
                v = self.value(of)
                return np.where(_compare(part, *np.indices(v.shape)) > 0, v, 0.0)
            case m.Norm(of):
                return float(np.linalg.norm(self.value(of)))
            case m.Inverse(of):
                return np.linalg.inv(self.value(of))
            case m.WholeMatrix(function, of):
                return _whole(function, self.value(of))
            case m.Kronecker(left, right):
                return np.einsum("ij,kl->ikjl", self.value(left), self.value(right))
            case m.KhatriRao(left, right):
                return np.einsum("ij,kj->ikj", self.value(left), self.value(right))
            case m.Inner(left, right):
                return float(np.sum(self.value(left) * self.value(right)))
            case m.Outer(left, right) if t.kind == "tensor" and left.kind == "column":
                return np.multiply.outer(np.ravel(self.value(left)), np.ravel(self.value(right)))
            case m.Outer(left, right) if right.kind == "column":
                return np.multiply.outer(self.value(left), np.ravel(self.value(right)))
            case m.Outer(left, right):
                return np.multiply.outer(self.value(left), self.value(right))
            case m.ModeProduct(tensor, mode, matrix):
                axes = ([mode - 1], [1])
                return np.moveaxis(np.tensordot(self.value(tensor), self.value(matrix), axes), -1, mode - 1)
            case _:
                raise TypeError(f"no way to compute {type(t).__name__}")

    def _name(self, t: m.Name) -> Any:
        where = tuple(slice(None) if s is None else self._at[s] if isinstance(s, str) else s for s in t.slots)
        v = self._arrays[t.tensor][where]
        if t.kind == "scalar":
            return float(v)
        if t.kind == "tensor":
            return v
        kept = [k for k, s in enumerate(t.slots) if s is None]
        v = np.transpose(v, [kept.index(axis) for axis in t.order])
        rows = t.rows if t.kind == "matrix" else v.ndim * (t.kind == "column")
        return np.reshape(v, (math.prod(v.shape[:rows]), math.prod(v.shape[rows:])))

    def _over(self, letters: tuple[str, ...], body: Tree) -> Any:
        """The sum over every value of carried indices."""
        names = [n for n in body.walk() if isinstance(n, m.Name)]
        sizes = [next(self._arrays[n.tensor].shape[n.slots.index(i)] for n in names if i in n.slots) for i in letters]
        found = [
            _Interpreter(
                self._arrays, {**self._at, **dict(zip(letters, point, strict=True))}, self._opened, self._sizes
            ).value(body)
            for point in product(*map(range, sizes))
        ]
        return sum(found[1:], found[0])

    def _product(self, factors: tuple[Tree, ...], kind: str) -> Any:
        scale, out = 1.0, None
        for f in factors:
            v = self.value(f)
            if f.kind == "scalar":
                scale = scale * v
            else:
                out = v if out is None else out @ v
        if out is None:
            return scale
        return scale * (float(out.reshape(())) if kind == "scalar" else out)

    def _apply(self, function: str, args: list[Any]) -> Any:
        if function in self._opened:
            args = [sum((n + 1) * a for n, a in enumerate(args))]
            function = self._opened[function]
        return NUMPY[function](*args)

    def _along(self, op: str, v: Any, over: str, keeps: bool) -> Any:
        axes = (0, 1) if over == "all" else (1,) if over == "rows" else (0,)
        found = NUMPY_REDUCE[op](v, axes if op not in ("argmax", "argmin") or over != "all" else _long_axis(v))
        if keeps:
            return found
        if over == "all":
            return float(np.ravel(found)[0])
        return found[:, None] if over == "rows" else found[None, :]


def _long_axis(v: Array) -> tuple[int, ...]:
    return (0,) if v.shape[1] == 1 else (1,)


def _square(v: Array) -> Array:
    if v.shape[0] != v.shape[1]:
        raise ValueError("a trace or a diagonal of a matrix that is not square")
    return v


def _compare(relation: str, a: Any, b: Any) -> Any:
    compare = {
        "=": np.equal, "≠": np.not_equal, "<": np.less, "≤": np.less_equal, ">": np.greater, "≥": np.greater_equal,
    }[relation]  # fmt: skip
    return compare(a, b).astype(float)


def _whole(op: str, matrix: Array) -> float:
    return float(np.linalg.det(matrix)) if op == "det" else float(np.linalg.slogdet(matrix)[1])
