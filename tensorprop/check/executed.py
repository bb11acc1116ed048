"""Printed code, computed: the Python that a formula shows, on NumPy arrays, without Python's own ``eval``.

In: an equation and code for it, in the words of NumPy, JAX or PyTorch. Out: nothing, or WrongCode. The syntax tree is
walked here; names of functions are looked up in NumPy, and those of the other libraries in a table of what they mean,
so that no library but NumPy has to be there: a name that NumPy lacks and the table too is an error.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tensorprop.check.numbers.naive_matrices import MATRICES
from tensorprop.check.verified import PATIENCE, asks_for_ties, sample, whole
from tensorprop.core.equation import Equation, System
from tensorprop.core.functions import SPELLED
from tensorprop.core.walk import tensors_of
from tensorprop.errors import OutOfRange, TensorpropError
from tensorprop.render.code import called, identifier
from tensorprop.run.numpy_functions import NUMPY, NUMPY_REDUCE

__all__ = ["WrongCode", "agrees", "executed"]

_LIBRARIES = ("np", "jnp", "torch", "jax", "scipy", "math")
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.MatMult: operator.matmul, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_CALLED = {
    **{"log_softmax": "logsoftmax", "log_sigmoid": "logsigmoid", "soft_sign": "softsign", "amax": "max"},
    **{"amin": "min", "logsumexp": "logsumexp", "softmax": "softmax"},
}
_WORDS = {"dim": "axis", "dims": "axes", "dim1": "axis1", "dim2": "axis2"}
_PLAIN: dict[str, Callable[..., Any]] = {
    **{"range": range, "reversed": reversed, "float": float, "max": max, "min": min},
}


class WrongCode(TensorpropError):
    """Code that does not compute what its equation says: a mistake in this library, never shown as a result."""


class _Undefined(WrongCode):
    """Code that divides by 0 on these arrays, where a maximum was none of the entries; on others it may be right."""


def agrees(eq: Equation | System, text: str, turned: frozenset[str] = frozenset()) -> bool:
    """Whether a line of code, or several, gives what the equation does; arrays of ``turned`` are transposed.

    Of a System what every equation defines has to be so; where it is not, or nothing can be computed, the answer is no.

    Errors: WrongCode, of an equation.
    """
    if isinstance(eq, System):
        try:
            return _same(eq, text, turned, *whole(eq))
        except TensorpropError:
            return False
    left = PATIENCE if asks_for_ties(eq) else 1
    for seed in range(left):
        try:
            drawn = sample(eq, seed)
        except OutOfRange:  # what lies outside is stated elsewhere
            return False
        if drawn is None:
            return False
        arrays, want, opened = drawn
        try:
            return _same(eq, text, turned, arrays, {eq.name: want}, opened)
        except _Undefined:
            if seed == left - 1:
                raise
    return False


def _same(
    eq: Equation | System,
    text: str,
    turned: frozenset[str],
    arrays: dict[str, Any],
    wanted: dict[str, Any],
    opened: dict[str, str],
) -> bool:
    """Whether code gives on these arrays what is wanted. Errors: WrongCode."""

    def shown(name: str, v: Any) -> Any:
        return v.T if name in turned and v.ndim == 2 else v

    space: dict[str, Any] = {identifier(n): shown(n, v) for n, v in arrays.items()}
    for function, known in opened.items():
        space[called(function)] = _stand_in(known)
    try:
        with np.errstate(all="ignore"):
            found = executed(text, space)
            gotten = {name: np.asarray(found[identifier(name)]) for name in wanted}
    except IndexError as error:
        if isinstance(eq, Equation) and any(t.letters is None for t in tensors_of(eq.value)):
            return False  # brackets keep inside what is read there, and code reads it all the same
        raise WrongCode(f"the code for {', '.join(wanted)} cannot be run: {error}", known=text) from error
    except (TensorpropError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise WrongCode(f"the code for {', '.join(wanted)} cannot be run: {error}", known=text) from error
    for name, want in wanted.items():
        got, want = gotten[name], shown(name, want)
        scale = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
        near = 1e-9 * max(scale, 1e-3)
        close = got.shape == want.shape and np.isclose(got, want, rtol=1e-7, atol=near, equal_nan=True)
        if isinstance(eq, Equation) and asks_for_ties(eq):  # 0/0 in code where a bracket is 0 and asks for nothing more
            close |= np.isnan(got) & ~np.all(np.isnan(got))
        if not np.all(close):
            undefined = got.shape == want.shape and np.all(close | np.isnan(got))
            raise (_Undefined if undefined else WrongCode)(
                f"the code for {name} is not what its equation says", known=f"{eq}\n{text}"
            )
    return True


def _stand_in(known: str) -> Callable[..., Any]:
    return lambda *args: NUMPY[known](sum((n + 1) * a for n, a in enumerate(args)))


def executed(text: str, space: dict[str, Any]) -> dict[str, Any]:
    """The names after statements have been run: assignments, loops over ranges.

    >>> executed("y = x.T @ x", {"x": np.arange(3.0)})["y"]
    np.float64(5.0)
    """
    machine = _Machine(dict(space))
    for n in ast.parse(text).body:
        machine.run(n)
    return machine.space


class _Machine:
    def __init__(self, space: dict[str, Any]) -> None:
        self.space = space

    def run(self, n: ast.stmt) -> None:
        """A statement."""
        match n:
            case ast.Assign([ast.Name(name)], value):
                self.space[name] = self.value(value)
            case ast.Assign([ast.Subscript(of, index)], value):
                self.value(of)[self.value(index)] = self.value(value)
            case ast.AugAssign(ast.Name(name), op, value):
                self.space[name] = _BINARY[type(op)](self.space[name], self.value(value))
            case ast.AugAssign(ast.Subscript(of, index), op, value):
                array, at = self.value(of), self.value(index)
                array[at] = _BINARY[type(op)](array[at], self.value(value))
            case ast.For(ast.Name(name), over, body):
                for k in self.value(over):
                    self.space[name] = k
                    for inner in body:
                        self.run(inner)
            case _:
                raise TypeError(f"{type(n).__name__} is no statement of printed code")

    def value(self, n: ast.expr) -> Any:
        """An expression."""
        match n:
            case ast.Constant(value):
                return value
            case ast.Name(name):
                return self.space[name]
            case ast.Tuple(parts) | ast.List(parts):
                return tuple(map(self.value, parts))
            case ast.Dict(keys, values):
                return {self.value(k): self.value(v) for k, v in zip(keys, values, strict=True) if k is not None}
            case ast.ListComp(each, [ast.comprehension(ast.Name(name), over, [])]):
                before = dict(self.space)
                found: list[Any] = []
                for k in self.value(over):
                    self.space[name] = k
                    found.append(self.value(each))
                self.space = before
                return tuple(found)
            case ast.UnaryOp(ast.USub(), of):
                return -self.value(of)
            case ast.BinOp(left, op, right):
                return _BINARY[type(op)](self.value(left), self.value(right))
            case ast.Compare(left, [op], [right]):
                return _COMPARE[type(op)](self.value(left), self.value(right))
            case ast.Compare(left, ops, [*parts]):  # 0 <= k < n
                sides = [self.value(left), *map(self.value, parts)]
                return all(_COMPARE[type(op)](a, b) for op, (a, b) in zip(ops, pairwise(sides), strict=True))
            case ast.BoolOp(ast.And(), parts):
                return all(self.value(p) for p in parts)
            case ast.IfExp(test, yes, no):
                return self.value(yes if self.value(test) else no)
            case ast.Attribute(of, name):
                return self._attribute(of, name)
            case ast.Subscript(of, index):
                return self.value(of)[self.value(index)]
            case ast.Slice(first, last, None):
                return slice(*(None if end is None else self.value(end) for end in (first, last)))
            case ast.Call(function, args, words):
                given = {str(w.arg): self.value(w.value) for w in words}
                return self._call(function, [self.value(a) for a in args], given)
            case _:
                raise TypeError(f"{type(n).__name__} is no part of printed code")

    def _attribute(self, of: ast.expr, name: str) -> Any:
        if isinstance(of, ast.Name) and of.id in _LIBRARIES and of.id not in self.space:
            return {"pi": np.pi, "inf": np.inf, "newaxis": None}[name]
        value = self.value(of)
        match name:
            case "shape" | "dtype":
                return getattr(value, name)
            case "T":
                return value.T
            case "mT":
                return np.swapaxes(value, -1, -2)
            case _:
                raise AttributeError(name)

    def _call(self, function: ast.expr, args: list[Any], words: dict[str, Any]) -> Any:
        parts: list[str] = []
        at = function
        while isinstance(at, ast.Attribute):
            parts.insert(0, at.attr)
            at = at.value
        words = {_WORDS.get(k, k): v for k, v in words.items()}
        if isinstance(at, ast.Name) and at.id in _LIBRARIES and at.id not in self.space:
            return _library(at.id, parts, args, words)
        if isinstance(function, ast.Name):
            return (self.space.get(function.id) or _PLAIN[function.id])(*args)
        assert isinstance(function, ast.Attribute)
        array = self.value(function.value)
        methods: dict[str, Callable[..., Any]] = {
            "swapaxes": np.swapaxes, "transpose": lambda a, *p: np.transpose(a, p), "sum": np.sum,
            "permute": lambda a, *p: np.transpose(a, p), "diagonal": np.diagonal, "to": np.asarray,
        }  # fmt: skip
        return methods[parts[-1]](array, *args, **words)


def _library(library: str, parts: list[str], args: list[Any], words: dict[str, Any]) -> Any:
    """A function of a library, in NumPy."""
    *path, last = parts
    name = _CALLED.get(last) or SPELLED.get(last, last)
    approximate = words.pop("approximate", True)
    words.pop("correction", None)
    if last == "gelu" and library == "jax":
        name = "gelu_tanh" if approximate else "gelu"
    reduces = name in ("logsumexp", "softmax", "logsoftmax") or (library == "torch" and last in ("amax", "amin"))
    if reduces and parts[-2:] != ["logaddexp", "reduce"]:
        axis = words.get("axis")
        v = np.asarray(args[0])
        axes = tuple(range(v.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        return NUMPY_REDUCE[name](v, tuple(a % v.ndim for a in axes))
    if last in ("expm", "matrix_exp"):
        return MATRICES["expm"](np, args[0])
    if last == "expm_frechet":
        return np.einsum("abuv,uv->ab", MATRICES["expm′"](np, args[0]), args[1])
    if last == "clamp":
        return np.clip(args[0], words.get("min"), words.get("max"))
    if last == "pad" and library == "torch":
        around = [*args[1], *([0] * (2 * np.ndim(args[0]) - len(args[1])))]
        return np.pad(args[0], [*zip(around[::2], around[1::2], strict=True)][::-1])
    if path in (["nn"], ["nn", "functional"], ["special"], ["scipy", "special"], ["lax"]) or not hasattr(np, parts[0]):
        if last == "logdet":
            return np.linalg.slogdet(args[0])[1]
        return NUMPY[name](*args)
    if last == "vector_norm":
        return np.linalg.norm(args[0], **words) if np.ndim(args[0]) < 3 else np.sqrt(np.sum(args[0] ** 2, **words))
    found: Any = np
    for p in parts:
        found = getattr(found, p)
    return found(*args, **words)
