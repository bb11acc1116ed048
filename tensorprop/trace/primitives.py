"""From JAX code to equations: a function is traced, and its jaxpr is read line by line.

In: a function of arrays and example arguments. Out: a System. What is decided here is what a primitive of JAX means as
an expression with indices; in how many equations that is written, and with which names and letters, is the business of
``trace.readable``. This file executes nothing: it sees shapes, and no array but the constants of the function.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from jax.tree_util import DictKey, GetAttrKey, SequenceKey, tree_flatten_with_path

from tensorprop.core.build import ONE, ZERO, bracket, call, mul, negate, power, reduce, substitute, subtract, sum_over
from tensorprop.core.equation import System
from tensorprop.core.expr import Bracket, Expr, Index, Number, Tensor
from tensorprop.core.functions import FUNCTIONS, watch
from tensorprop.core.names import labelled, stem_and_label
from tensorprop.errors import Unsupported, UsageError
from tensorprop.trace.readable import FINITE, NOT_A_NUMBER, STOP, bare, readable, valid_name
from tensorprop.trace.recognise import INF, NO_POSITIONS, OTHER, TWO, Axis, Page, Value

__all__ = ["from_jax"]


Names = str | Sequence[str] | Mapping[str, str] | None


def from_jax(fn: Callable[..., Any], *example_args: Any, names: Names = None) -> System:
    """The System of equations that a JAX function computes.

    ``fn`` is traced with the example arguments: arrays, ``jax.ShapeDtypeStruct``, or trees of them. Their sizes are
    only examples, for a System has none: take sizes of at least 3 that all differ, where they mean different things.
    Inputs are called as the parameters of ``fn`` and the keys of dicts are, the result ``y``; ``names`` says otherwise:
    ``"x W -> z"`` for all of them in order, or a dict from one name to another. What JAX writes out for stability comes
    back as what was meant (``softmax_u``, ``logsumexp_u``), a division by a count as a mean.

    >>> import jax, jax.numpy as jnp
    >>> def layer(x, W, b):
    ...     return jnp.tanh(x @ W + b)
    >>> f32 = lambda *shape: jax.ShapeDtypeStruct(shape, "float32")
    >>> print(from_jax(layer, f32(5, 3), f32(3, 4), f32(4)))
    z_bj = x_bi W_ij + b_j
    y_bj = tanh(z_bj)

    Errors: Unsupported, for a primitive that has no counterpart in index notation, with the line that it comes from;
    UnknownRange for an axis that no input has; UsageError for names that do not fit. Warns of what is read in a way
    that may matter: ``stop_gradient`` is its argument, an array that ``fn`` closes over is an input.
    """
    if not callable(fn):
        told = f"this is of type {type(fn).__name__}"
        raise UsageError("from_jax reads a function", known=told, fix="from_jax(fn, *example_args)")
    leaves, _ = tree_flatten_with_path(example_args)
    for path, leaf in leaves:
        if not hasattr(leaf, "shape") and not isinstance(leaf, (int, float)):
            raise UsageError(
                f"example argument {_spelled(path)} is a {type(leaf).__name__}, not an array",
                fix="pass arrays or jax.ShapeDtypeStruct; fix everything else with functools.partial or a lambda",
            )
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(*example_args)
    outs, _ = tree_flatten_with_path(shape)
    called, result, renamed = _names(names, fn, leaves, [path for path, _ in outs])
    reader = _Reader()
    values: list[Value] = []
    for name, var, (path, _) in zip(called, closed.jaxpr.invars, leaves, strict=True):
        if _kind(getattr(var.aval, "dtype", float)) == "c":
            raise Unsupported(f"{name} is complex", fix="write real and imaginary parts")
        values.append(reader.input(name, tuple(var.aval.shape), tree=len(path) > 1))
    results = reader.jaxpr(closed.jaxpr, [reader.constant(c) for c in closed.consts], values)
    outputs = [reader.output(name, v) for name, v in zip(result, results, strict=True)]
    system, notes = readable(reader.trace(outputs), renamed)
    for note in dict.fromkeys((*reader.notes, *notes)):
        warnings.warn(f"from_jax: {note}", stacklevel=2)
    return system


# --------------------------------------------------------------------------- names
def _names(
    names: Names,
    fn: Callable[..., Any],
    leaves: Sequence[tuple[tuple[Any, ...], Any]],
    outs: Sequence[tuple[Any, ...]],
) -> tuple[list[str], list[str], Mapping[str, str]]:
    """The names of the inputs and outputs, and what is to be called otherwise in the end."""
    called = _input_names(fn, leaves)
    result = _output_names(outs, called)
    if names is None:
        return called, result, {}
    if isinstance(names, Mapping):
        _check(names.values())
        called = [names.get(n, n) for n in called]
        return called, [names.get(n, n) for n in _output_names(outs, called)], names
    if isinstance(names, str):
        left, arrow, right = names.replace("→", "->").partition("->")
        given, wanted = left.replace(",", " ").split(), right.replace(",", " ").split()
    else:
        given, wanted, arrow = list(names), [], ""
    for here, there, what in ((given, called, "inputs"), (wanted, outs, "outputs")):
        if (here or what == "inputs" or arrow) and len(here) != len(there):
            raise UsageError(
                f"{len(here)} names for {len(there)} {what}",
                known=f"{what}: {', '.join(called if what == 'inputs' else result) or 'none'}",
                fix='name all of them, "x W -> y", or some: {"x": "a"}',
            )
    _check((*given, *wanted))
    both = [*given, *wanted]
    if len(set(both)) < len(both):
        raise UsageError("names calls two things the same", known=f"names: {', '.join(both)}")
    return given, wanted or _output_names(outs, given), {}


def _check(names: Any) -> None:
    for n in names:
        if not valid_name(n):
            raise UsageError(f"{n} is no name of a tensor", fix="a letter, then letters and digits: W, x0, W^(1)")


def _input_names(fn: Callable[..., Any], leaves: Sequence[tuple[tuple[Any, ...], Any]]) -> list[str]:
    """Parameters' names and dicts' keys; what stands in several places bears a label: ``W^(1)``."""
    try:
        params = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        params = []
    plain = [p.name for p in params if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p.name for p in params if p.kind is p.VAR_POSITIONAL]
    stems: list[tuple[str, tuple[str, ...]]] = []
    for path, leaf in leaves:
        k = path[0].idx
        keys = [_key(p) for p in path[1:]]
        if k < len(plain):
            keys.insert(0, plain[k])
        else:
            keys[:0] = [rest[0] if rest else "x", str(k - len(plain))]
        words = [n for n, key in enumerate(keys) if not key.isdigit()]
        where = words[-1]
        stem, label = keys[where], (*keys[:where], *keys[where + 1 :])
        if where == 0 and len(keys) > 2:  # a list of pairs (W, b)
            stem, label = ("W", "b")[len(np.shape(leaf)) < 2], tuple(keys[1:-1])
        elif where == 0:
            label = tuple(keys[1:])
        else:
            label = tuple(label[1:])  # the parameter's own name says nothing
        stems.append((_word(stem), tuple(_word(w) if not w.isdigit() else w for w in label)))
    out: list[str] = []
    for stem, label in stems:
        alone = sum(s == stem for s, _ in stems) == 1
        name = stem if alone or not label else labelled(stem, ",".join(label))
        out.append(_free(name, out))
    return out


def _output_names(outs: Sequence[tuple[Any, ...]], called: Sequence[str]) -> list[str]:
    """y, or y1, y2 …, or the keys of the dict that is returned."""
    out: list[str] = []
    for n, path in enumerate(outs):
        words = [_key(p) for p in path if not _key(p).isdigit()]
        name = _word(words[-1]) if words else "y" if len(outs) == 1 else f"y{n + 1}"
        if name in called and not words and len(outs) == 1:
            name = next(n for n in ("E", "out", "result") if n not in called)
        out.append(_free(name, [*called, *out]))
    return out


def _key(p: Any) -> str:
    match p:
        case SequenceKey(idx):
            return str(idx)
        case DictKey(key):
            return str(key)
        case GetAttrKey(name):
            return name
        case _:
            return str(getattr(p, "key", p))


def _word(key: str) -> str:
    """``w_in`` → ``wIn``: a name of the notation as near to the key as can be."""
    first, *others = [w for w in "".join(c if c.isalnum() and c.isascii() else " " for c in key).split()] or ["x"]
    name = first + "".join(w[0].upper() + w[1:] for w in others)
    name = name if name[0].isalpha() else f"x{name}"
    return name if valid_name(name) else f"{name}1"


def _free(name: str, taken: Sequence[str]) -> str:
    stem, label = stem_and_label(name)
    n = 2
    while name in taken:
        name, n = labelled(f"{stem}{n}", label) if label else f"{stem}{n}", n + 1
    return name


def _spelled(path: Sequence[Any]) -> str:
    return "".join(f"[{_key(p)}]" if n else _key(p) for n, p in enumerate(path))


# --------------------------------------------------------------------------- the reader
class _Reader(Page):
    """A page on which the lines of a jaxpr are written, each primitive by the method that is called as it is."""

    def constant(self, c: Any) -> Value:
        """An array that the function holds: numbers, masks and the like as such, anything else as an input."""
        a = np.asarray(c)
        if a.dtype.kind == "c":
            raise Unsupported("complex numbers are not read", fix="write real and imaginary parts")
        letters = [self.letter(n) if n > 1 else None for n in a.shape]
        axes: tuple[Axis, ...] = tuple((i,) if i is not None else () for i in letters)
        flat = a.reshape(-1)
        if a.size and (flat == flat[0]).all():
            return Value(_number(flat[0]), axes)
        match letters:
            case [str(i)] if _kind(a.dtype) in ("i", "u") and (a == np.arange(len(a))).all():
                return Value(Index(i), axes)
            case [str(i), str(j)] if a.shape[0] == a.shape[1]:
                row, column = np.arange(len(a))[:, None], np.arange(len(a))[None]
                for relation, compare in _COMPARE.items():
                    if (a == compare(row, column)).all():
                        self.one_range(i, j)
                        return Value(bracket(relation, Index(i), Index(j)), axes)
            case _:
                pass
        name = next(n for k in range(1, len(self.inputs) + 2) if (n := f"const{k}") not in self.inputs)
        self.notes.append(
            f"an array of shape {a.shape} that the function closes over is the input {name}; "
            "pass it as an argument to give it a name"
        )
        return self.input(name, a.shape)

    # ------------------------------------------------------------- jaxprs
    def jaxpr(self, jaxpr: Any, consts: Sequence[Value], args: Sequence[Value]) -> list[Value]:
        env: dict[Any, Value] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True))

        def read(v: Any) -> Value:
            return Value(_number(v.val, getattr(v.aval, "dtype", None)), ()) if isinstance(v, Literal) else env[v]

        needed = {v for v in jaxpr.outvars if not isinstance(v, Literal)}
        lines: list[Any] = []
        for eqn in reversed(jaxpr.eqns):
            if not needed.isdisjoint(eqn.outvars):
                lines.append(eqn)
                needed.update(v for v in eqn.invars if not isinstance(v, Literal))
        for eqn in reversed(lines):
            before = self.where, self.mean, self.close
            self.locate(eqn)
            values = self.line(eqn, [read(v) for v in eqn.invars])
            env.update(zip(eqn.outvars, values, strict=True))
            self.where, self.mean, self.close = before
        return [self.shaped(read(v), tuple(v.aval.shape)) for v in jaxpr.outvars]

    def shaped(self, v: Value, shape: tuple[int, ...]) -> Value:
        """A literal stands for an array of any shape."""
        if len(v.axes) == len(shape):
            return v
        return Value(v.expr, tuple((self.letter(n),) if n > 1 else () for n in shape))

    def locate(self, eqn: Any) -> None:
        """Where a line of the jaxpr was written, and whether JAX wrote it to take a mean."""
        info = eqn.source_info
        try:
            from jax._src import source_info_util  # the only place that tells; without it errors lack the line

            where = source_info_util.summarize(info)
        except Exception:
            where = ""
        self.where = where if where and where != "unknown" else self.where
        dtype = getattr(eqn.outvars[0].aval, "dtype", None) if eqn.outvars else None
        self.close = max(1e-6, 4 * float(jnp.finfo(dtype).eps)) if dtype is not None and _kind(dtype) == "f" else 1e-6
        frames = getattr(getattr(info, "traceback", None), "frames", ())
        self.mean = self.mean or any(
            f.function_name.split(".")[-1] in _MEANS and f.file_name.replace("\\", "/").endswith(_MEAN_FILES)
            for f in frames
        )

    def line(self, eqn: Any, args: list[Value]) -> list[Value]:
        """The values of one line of a jaxpr."""
        name, params = eqn.primitive.name, eqn.params
        if name in _SAME:
            return args
        inner = _inner(name, params)
        if inner is not None:
            known = _known(eqn, inner)
            if known is not None and len(args) == 1:
                return [self.define(call(known, args[0].expr), args[0].axes)]
            if name.startswith("custom_") and not _of_jax(getattr(inner, "jaxpr", inner)):
                self.notes.append(f"the function at {self.where} has a derivative rule of its own, which is not read")
            consts = [self.constant(c) for c in getattr(inner, "consts", ())]
            jaxpr = getattr(inner, "jaxpr", inner)
            return self.jaxpr(jaxpr, consts, args)
        rule = getattr(self, f"read_{name}", None)
        shape = tuple(eqn.outvars[0].aval.shape)
        if rule is not None:
            v = rule(args, params, eqn)
        elif name in _RELATIONS:
            v = self.compare(args, _RELATIONS[name])
        elif name in _REDUCTIONS:
            v = self.reduction(_REDUCTIONS[name], args, params)
        elif name in _ELEMENTWISE:
            exprs, axes = self.aligned(args)
            if any(bare(e) for e in exprs):
                raise self.refuse(f"the value of an index is used as a number, by {name}", NO_POSITIONS)
            v = self.define(self.function(_ELEMENTWISE[name], *exprs), axes)
        else:
            raise self.refuse(
                f"{name} has no counterpart in index notation", _INSTEAD.get(name, "write it with sums of products")
            )
        return [self.shaped(v, shape)] if len(v.axes) != len(shape) else [v]

    # ------------------------------------------------------------- arithmetic
    def elementwise(self, args: Sequence[Value], rule: Callable[..., Expr]) -> Value:
        exprs, axes = self.aligned(args)
        return self.define(rule(*exprs), axes)

    def read_add(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, self.sum)

    read_add_any = read_add

    def read_sub(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, lambda a, b: self.sum(a, negate(b)))

    def read_neg(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, negate)

    def read_mul(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, self.product)

    def read_div(self, args: list[Value], params: Any, eqn: Any) -> Value:
        if _kind(eqn.outvars[0].aval.dtype) in "iu":
            raise self.refuse("the quotient of whole numbers is cut to a whole number", "divide floats")
        return self.elementwise(args, self.quotient)

    def read_integer_pow(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, lambda a: power(a, Number(Fraction(params["y"]))))

    def read_square(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, lambda a: power(a, TWO))

    def read_exp2(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.elementwise(args, lambda a: call("power", TWO, a))

    def read_pow(self, args: list[Value], params: Any, eqn: Any) -> Value:
        def rule(a: Expr, b: Expr) -> Expr:
            if isinstance(b, Number) and abs(b.value) == Fraction(1, 2):
                return call("sqrt" if b.value > 0 else "rsqrt", a)
            return call("power", a, b)

        return self.elementwise(args, rule)

    def read_clamp(self, args: list[Value], params: Any, eqn: Any) -> Value:
        low, x, high = args
        return self.elementwise([low, x, high], lambda lo, a, hi: call("min", call("max", a, lo), hi))

    def read_stop_gradient(self, args: list[Value], params: Any, eqn: Any) -> Value:
        (v,) = args
        plain = isinstance(v.expr, (Number, Index, Bracket))
        return v if plain else Value(call(STOP, v.expr), v.axes)

    def read_is_finite(self, args: list[Value], params: Any, eqn: Any) -> Value:
        (v,) = args
        return Value(call(FINITE, v.expr), v.axes)

    def read_convert_element_type(self, args: list[Value], params: Any, eqn: Any) -> Value:
        (v,) = args
        old, new = _kind(eqn.invars[0].aval.dtype), _kind(params["new_dtype"])
        if new == "c":
            raise self.refuse("complex numbers are not read", "write real and imaginary parts")
        if new in "iu" and old not in "iub" and not isinstance(v.expr, Number):
            raise self.refuse("floats are cut to whole numbers", "leave the conversion out, or do it beforehand")
        if new == "b" and old != "b":
            return Value(bracket("≠", v.expr, ZERO), v.axes)
        return v

    # ------------------------------------------------------------- truth
    def read_select_n(self, args: list[Value], params: Any, eqn: Any) -> Value:
        if len(args) != 3:
            raise self.refuse("a choice among more than two", "nest jnp.where")
        return self.elementwise(args, self.choose)

    def compare(self, args: list[Value], relation: str) -> Value:
        def rule(a: Expr, b: Expr) -> Expr:
            if a is b:
                return ONE if relation in "=≤≥" else ZERO
            return bracket(relation, a, b)

        exprs, axes = self.aligned(args)
        return Value(rule(*exprs), axes)

    def boolean(self, eqn: Any) -> None:
        if _kind(eqn.outvars[0].aval.dtype) != "b":
            raise self.refuse(f"{eqn.primitive.name} of the bits of whole numbers", "work with truth values")

    def read_and(self, args: list[Value], params: Any, eqn: Any) -> Value:
        self.boolean(eqn)
        return self.elementwise(args, mul)

    def read_or(self, args: list[Value], params: Any, eqn: Any) -> Value:
        self.boolean(eqn)
        return self.elementwise(args, lambda a, b: call("max", a, b))

    def read_not(self, args: list[Value], params: Any, eqn: Any) -> Value:
        self.boolean(eqn)
        return self.elementwise(args, _negation)

    # ------------------------------------------------------------- axes
    def read_iota(self, args: list[Value], params: Any, eqn: Any) -> Value:
        shape, k = params["shape"], params["dimension"]
        axes = tuple((self.letter(n),) if n > 1 else () for n in shape)
        return Value(Index(axes[k][0]) if axes[k] else ZERO, axes)

    def read_pad(self, args: list[Value], params: Any, eqn: Any) -> Value:
        if any(n for config in params["padding_config"] for n in config):
            raise self.refuse("pad has no counterpart in index notation", "mask with jnp.where")
        return args[0]

    def read_transpose(self, args: list[Value], params: Any, eqn: Any) -> Value:
        (v,) = args
        return Value(v.expr, tuple(v.axes[k] for k in params["permutation"]))

    def read_broadcast_in_dim(self, args: list[Value], params: Any, eqn: Any) -> Value:
        v, old = args[0], eqn.invars[0].aval.shape
        from_ = {int(d): k for k, d in enumerate(params["broadcast_dimensions"])}
        put: dict[str, Expr] = {}
        axes: list[Axis] = []
        for d, n in enumerate(params["shape"]):
            k = from_.get(d)
            if k is not None and old[k] == n:
                axes.append(v.axes[k])
                continue
            if k is not None:
                put.update({i: ZERO for i in v.axes[k]})
            axes.append((self.letter(n),) if n != 1 else ())
        pieces = tuple(substitute(p, put) for p in v.pieces)
        return Value(substitute(v.expr, put), tuple(axes), pieces)

    def read_squeeze(self, args: list[Value], params: Any, eqn: Any) -> Value:
        (v,) = args
        gone = {k % len(v.axes) for k in params["dimensions"]}
        put: dict[str, Expr] = {i: ZERO for k in gone for i in v.axes[k]}
        return Value(substitute(v.expr, put), tuple(a for k, a in enumerate(v.axes) if k not in gone))

    def read_expand_dims(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return self.read_reshape(args, {"new_sizes": eqn.outvars[0].aval.shape}, eqn)

    def read_reshape(self, args: list[Value], params: Any, eqn: Any) -> Value:
        """Axes are divided and put together; what does neither keeps its letter."""
        if params.get("dimensions") is not None:
            raise self.refuse("a reshape that also transposes")
        (v,) = args
        new = tuple(params["new_sizes"])
        put: dict[str, Expr] = {}
        atoms: list[str] = []
        for axis, n in zip(v.axes, eqn.invars[0].aval.shape, strict=True):
            if n == 1:
                put.update({i: ZERO for i in axis})
            else:
                atoms += axis
        axes: list[Axis] = []
        queue = list(atoms)
        k = 0
        while k < len(new):
            n = new[k]
            if n == 1:
                axes.append(())
                k += 1
                continue
            if not queue or self.sizes[queue[0]] == 0:
                raise self.refuse("a reshape of an array without entries")
            here = [queue.pop(0)]
            if self.sizes[here[0]] > n:  # one axis divided
                first, parts = here[0], [k]
                while prod(new[p] for p in parts) < self.sizes[first] and parts[-1] + 1 < len(new):
                    parts.append(parts[-1] + 1)
                if prod(new[p] for p in parts) != self.sizes[first]:
                    raise self.refuse(f"a reshape from {tuple(eqn.invars[0].aval.shape)} to {new}", _RESHAPE)
                letters = tuple(self.letter(new[p]) for p in parts if new[p] > 1)
                put[first] = self.affine(letters)
                rest = iter(letters)
                axes += [(next(rest),) if new[p] > 1 else () for p in parts]
                k = parts[-1] + 1
                continue
            while self.size(tuple(here)) < n and queue:
                here.append(queue.pop(0))
            if self.size(tuple(here)) != n:
                raise self.refuse(f"a reshape from {tuple(eqn.invars[0].aval.shape)} to {new}", _RESHAPE)
            axes.append(tuple(here))
            k += 1
        whole = self.undivided(Value(substitute(v.expr, put), tuple(axes)))
        if isinstance(whole.expr, Tensor) and whole.expr.name in self.definitions and whole.expr.letters is None:
            return Value(self.named(whole.expr, whole.axes), whole.axes)
        return whole

    def undivided(self, v: Value) -> Value:
        """``x[3h + k]`` with h and k made one again is ``x_j``."""
        expr = v.expr
        if isinstance(expr, Tensor) and isinstance(self.look(expr), Tensor):
            expr = self.look(expr)  # it was divided before
        if not isinstance(expr, Tensor):
            return v
        axes = list(v.axes)
        for k, axis in enumerate(v.axes):
            if len(axis) < 2:
                continue
            whole = self.affine(axis)
            if whole in expr.subscripts and sum(not s.free.isdisjoint(axis) for s in expr.subscripts) == 1:
                letter = self.letter(self.size(axis))
                self.tie(expr, expr.subscripts.index(whole), letter)
                expr = Tensor(expr.name, tuple(Index(letter) if s is whole else s for s in expr.subscripts))
                axes[k] = (letter,)
        return Value(expr, tuple(axes)) if axes != list(v.axes) else v

    def tie(self, e: Tensor, axis: int, letter: str) -> None:
        letters = self.definitions[e.name].letters if e.name in self.definitions else self.inputs[e.name]
        self.one_range(letters[axis], letter)

    def read_slice(self, args: list[Value], params: Any, eqn: Any) -> Value:
        (v,) = args
        shape = eqn.invars[0].aval.shape
        put: dict[str, Expr] = {}
        axes: list[Axis] = []
        strides = params["strides"] or (1,) * len(shape)
        for axis, n, first, end, step in zip(
            v.axes, shape, params["start_indices"], params["limit_indices"], strides, strict=True
        ):
            if (first, end, step) == (0, n, 1):
                axes.append(axis)
            elif -(-(end - first) // step) == 1 and len(axis) == 1:
                if first == n - 1:
                    self.notes.append(f"the last entry of an axis is read as entry {first}, at {self.where}")
                put[axis[0]] = Number(Fraction(first))
                axes.append(())
            else:
                raise self.refuse("a part of an axis", "pass the part as an argument, or mask: jnp.where(i < n, x, 0)")
        return Value(substitute(v.expr, put), tuple(axes))

    def read_dynamic_slice(self, args: list[Value], params: Any, eqn: Any) -> Value:
        v, starts = self.fresh(args[0]), args[1:]
        put: dict[str, Expr] = {}
        axes: list[Axis] = []
        for axis, n, taken, start in zip(v.axes, eqn.invars[0].aval.shape, params["slice_sizes"], starts, strict=True):
            if taken == n:
                axes.append(axis)
            elif taken == 1 and len(axis) == 1:
                put[axis[0]] = self.subscript(start.expr)
                axes.append(())
            else:
                raise self.refuse("a window of an axis", "pass the part as an argument")
        return Value(substitute(v.expr, put), tuple(axes))

    def read_concatenate(self, args: list[Value], params: Any, eqn: Any) -> Value:
        """Whole numbers side by side, for a gather; nothing else has a letter that runs over two arrays."""
        axis, rank = params["dimension"], len(eqn.outvars[0].aval.shape)
        whole = _kind(eqn.outvars[0].aval.dtype) in "iu"
        if axis != rank - 1 or not whole or any(v.aval.shape[axis] != 1 for v in eqn.invars):
            raise self.refuse("arrays put together along an axis", "keep the parts apart: [a, b] W is a A + b B")
        exprs, axes = self.aligned([self.read_squeeze([v], {"dimensions": (axis,)}, eqn) for v in args])
        return Value(ZERO, (*axes, ()), tuple(exprs))

    def subscript(self, e: Expr) -> Expr:
        if isinstance(e, (Index, Number, Tensor)) or bare(e):
            return e
        raise self.refuse("an index that is computed from other things than positions", "gather by an integer array")

    def read_gather(self, args: list[Value], params: Any, eqn: Any) -> Value:
        """An entry is looked up: letters of the array are replaced by the numbers that say where."""
        d, sizes = params["dimension_numbers"], params["slice_sizes"]
        shape = eqn.invars[0].aval.shape
        array, where = self.fresh(args[0]), args[1]
        pieces = where.pieces
        if not pieces:
            last = where.axes[-1]
            if not last:
                pieces = (where.expr,)
            else:
                count = self.size(last)
                pieces = tuple(substitute(where.expr, {last[0]: Number(Fraction(n))}) for n in range(count))
        put: dict[str, Expr] = {}
        offset: list[Axis] = []
        along: list[str] = []
        looked: list[tuple[str, Expr]] = []
        for k, axis in enumerate(array.axes):
            if k in d.operand_batching_dims:
                there = where.axes[d.start_indices_batching_dims[d.operand_batching_dims.index(k)]]
                put.update(self.put(axis, there))
                along += there
                continue
            kept = axis
            if k in d.start_index_map:
                piece = self.subscript(pieces[d.start_index_map.index(k)])
                if sizes[k] == 1 and len(axis) < 2:
                    kept = ()
                    for i in axis:
                        put[i] = piece
                        if isinstance(piece, Index):
                            self.one_range(i, piece.name)
                            along.append(piece.name)
                        elif isinstance(piece, Tensor):
                            looked.append((i, piece))
                elif sizes[k] != shape[k] or piece is not ZERO:
                    raise self.refuse("a gather of windows", "gather single entries: x[i]")
            elif sizes[k] != shape[k]:
                raise self.refuse("a gather of a part of an axis", "gather single entries: x[i]")
            if k not in d.collapsed_slice_dims:
                offset.append(kept)
        rows = iter(where.axes[:-1])
        rest = iter(offset)
        rank = len(eqn.outvars[0].aval.shape)
        axes = tuple(next(rest) if k in d.offset_dims else next(rows) for k in range(rank))
        if len(looked) == 1 and along and not any(offset):  # logp[b, y_b] is [y_b = c] logp_bc
            ((i, piece),) = looked
            del put[i]
            entry = substitute(array.expr, put)
            return self.define(sum_over((i,), mul(bracket("=", piece, Index(i)), entry)), axes)
        return self.define(substitute(array.expr, put), axes)

    # ------------------------------------------------------------- sums
    def read_dot_general(self, args: list[Value], params: Any, eqn: Any) -> Value:
        a, b = map(self.fresh, args)
        (la, lb), (ba, bb) = params["dimension_numbers"]
        put_a: dict[str, Expr] = {}
        put_b: dict[str, Expr] = {}
        joint: list[Axis] = []
        for p, q in zip((*la, *ba), (*lb, *bb), strict=True):
            left, right = a.axes[p], b.axes[q]
            axis = max(left, right, key=len)
            put_a.update(self.put(left, axis))
            put_b.update(self.put(right, axis))
            joint.append(axis)
        x, y = substitute(a.expr, put_a), substitute(b.expr, put_b)
        if bare(x) or bare(y):
            raise self.refuse("the value of an index is used as a number", NO_POSITIONS)
        summed = [i for axis in joint[: len(la)] for i in axis]
        axes = (
            *joint[len(la) :],
            *(axis for k, axis in enumerate(a.axes) if k not in (*la, *ba)),
            *(axis for k, axis in enumerate(b.axes) if k not in (*lb, *bb)),
        )
        return self.define(self.dot(summed, x, y), axes)

    def read_reduce_sum(self, args: list[Value], params: Any, eqn: Any) -> Value:
        letters, body, axes = self.reduced(args[0], [int(k) for k in params["axes"]])
        return self.define(self.total(letters, body), axes)

    def reduction(self, op: str, args: list[Value], params: Any) -> Value:
        letters, body, axes = self.reduced(args[0], [int(k) for k in params["axes"]])
        kept = [i for i in letters if i in body.free]
        if op.startswith("arg") and len(kept) != 1:
            raise self.refuse(f"{op} over {len(kept)} axes", "take it along one axis")
        if op == "prod" and len(kept) < len(letters):
            raise self.refuse("a product over an axis that nothing depends on", "write the power")
        return self.define(reduce(op, kept, body) if kept else body, axes)

    def read_cumsum(self, args: list[Value], params: Any, eqn: Any) -> Value:
        """``Σ_u [t ≥ u] x_u``."""
        (v,), k = args, params["axis"]
        if len(v.axes[k]) != 1 or v.axes[k][0] not in v.expr.free:
            raise self.refuse("a cumulative sum over an axis that nothing depends on")
        (t,) = v.axes[k]
        letters, body, _ = self.reduced(v, (k,))
        order = bracket("≤" if params["reverse"] else "≥", Index(t), Index(letters[0]))
        return self.define(sum_over(letters, mul(order, body)), v.axes)

    def read_cond(self, args: list[Value], params: Any, eqn: Any) -> Value:
        """What JAX does otherwise on another device is read as it is done on a CPU."""
        platforms = params.get("branches_platforms")
        if platforms is None:
            raise self.refuse("cond has no counterpart in index notation", _INSTEAD["cond"])
        k = next(k for k, p in enumerate(platforms) if p is None or "cpu" in p)
        branch = params["branches"][k]
        return self.jaxpr(branch.jaxpr, [self.constant(c) for c in branch.consts], args[1:])[0]

    def read_platform_index(self, args: list[Value], params: Any, eqn: Any) -> Value:
        return Value(ZERO, ())

    # ------------------------------------------------------------- what is known by another name


# --------------------------------------------------------------------------- tables
_MEANS = frozenset(("mean", "_mean", "var", "_var", "nanmean", "average"))
_MEAN_FILES = ("jax/_src/numpy/reductions.py", "jax/_src/nn/functions.py")
_RESHAPE = "index notation can divide an axis or put axes together, not both at once"
_SAME = frozenset("copy copy_p name device_put sharding_constraint optimization_barrier reduce_precision pvary".split())
_KINDS = {"f": np.floating, "i": np.signedinteger, "u": np.unsignedinteger, "b": np.bool_, "c": np.complexfloating}
_CALLS = frozenset(
    "jit pjit closed_call core_call call remat remat2 checkpoint custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr "
    "custom_lin xla_call".split()
)
_RELATIONS = {"gt": ">", "lt": "<", "ge": "≥", "le": "≤", "eq": "=", "ne": "≠"}
_COMPARE = {"=": np.equal, "≥": np.greater_equal, "≤": np.less_equal, ">": np.greater, "<": np.less, "≠": np.not_equal}
_REDUCTIONS = {
    "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "argmax": "argmax", "argmin": "argmin",
    "reduce_or": "max", "reduce_and": "min",
}  # fmt: skip
_INSTEAD = {
    "scan": "write the steps out, or read the body of the loop alone",
    "while": "read the body of the loop alone",
    "cond": "read one branch, or choose entry by entry with jnp.where",
    "conv_general_dilated": "write the equation by hand: y[b, x, c] = a[b, x+u, d] k[u, d, c]",
    "sort": "sort beforehand",
    "split": "split the weights beforehand, and use the parts",
    "random_bits": "draw random numbers outside, and pass them as an argument",
    "scatter-add": "write the gather whose adjoint it is",
    "rev": "reverse the array beforehand",
}
_ELEMENTWISE: dict[str, str] = {}
"""JAX's primitives that are functions of the table."""

_NAMED: dict[str, str] = {}
"""Functions of jax.nn that are read by name, where what is inside is what JAX has there."""


def _learn() -> None:
    """What the rows of the table say of JAX, as they are now."""
    _ELEMENTWISE.clear()
    _ELEMENTWISE.update({row.primitive: name for name, row in FUNCTIONS.items() if row.primitive})
    _NAMED.clear()
    for name, row in FUNCTIONS.items():
        called = re.fullmatch(r"jax\.nn\.(\w+)\(\{\}\)", row.jax)
        if called:
            _NAMED[called[1]] = name


watch(_learn)


def _inner(name: str, params: Mapping[str, Any]) -> Any:
    """The jaxpr that a call holds."""
    if name not in _CALLS:
        return None
    return next((params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in params), None)


def _known(eqn: Any, inner: Any) -> str | None:
    """The function that a call is, if its lines are those of jax.nn, and its name where it has one."""
    if len(eqn.invars) != 1:
        return None
    own, aval = eqn.params.get("name"), eqn.invars[0].aval
    for name in (own,) if own else _NAMED:
        if name in _NAMED and str(inner) == _lines(name, tuple(aval.shape), str(aval.dtype), eqn.primitive.name):
            return _NAMED[name]
    return None


@cache
def _lines(name: str, shape: tuple[int, ...], dtype: str, primitive: str) -> str:
    """What jax.nn has inside a function of that name."""
    eqns = jax.make_jaxpr(getattr(jax.nn, name))(jax.ShapeDtypeStruct(shape, dtype)).jaxpr.eqns
    if len(eqns) != 1 or eqns[0].primitive.name != primitive:
        return ""
    return str(_inner(primitive, eqns[0].params))


def _kind(dtype: Any) -> str:
    """``f`` floats, ``i`` and ``u`` whole numbers, ``b`` truth, ``c`` complex numbers, nothing for anything else."""
    return next((k for k, group in _KINDS.items() if jnp.issubdtype(dtype, group)), "")


def _of_jax(jaxpr: Any) -> bool:
    """Whether a function with a rule of its own is one of JAX's libraries: nobody else's lines are between."""
    for eqn in jaxpr.eqns[:1]:
        for f in getattr(getattr(eqn.source_info, "traceback", None), "frames", ()):
            path = f.file_name.replace("\\", "/")
            if path.endswith("custom_derivatives.py"):
                return True
            if "/jax/" not in path:
                return False
    return False


def _number(value: Any, dtype: Any = None) -> Expr:
    """The number with the fewest digits that the array's type rounds to this value."""
    a = np.asarray(value)
    kind = np.dtype(dtype if dtype is not None else a.dtype)
    if kind.kind in "biu":
        return Number(Fraction(int(a)))
    x = float(a)
    if np.isnan(x):
        return call(NOT_A_NUMBER)
    if np.isinf(x):
        return INF if x > 0 else negate(INF)
    for digits in range(1, 18):
        text = f"{x:.{digits}g}"
        if kind.type(float(text)) == kind.type(x):
            return Number(Fraction(text))
    return Number(Fraction(x))


def _negation(e: Expr) -> Expr:
    return bracket(OTHER[e.relation], e.left, e.right) if isinstance(e, Bracket) else subtract(ONE, e)
