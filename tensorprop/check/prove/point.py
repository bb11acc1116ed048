"""The value of an expression at one random point of finite fields.

In: what is evaluated, sizes, a seed. Out: a table for each node, in whole numbers of Python; no digit is rounded.
What is an unknown, and why, stands at the head of ``prove.identity``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from hashlib import blake2b
from typing import Any

import numpy as np

from tensorprop.check.prove.fields import Field, NoRoot, Unevaluated, fields
from tensorprop.check.prove.modular import EXACT_MATRICES, matrix_of
from tensorprop.check.prove.monomials import is_odd
from tensorprop.check.prove.setting import WHOLE, Axis, Setting, Table, size_limits
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import is_matrix
from tensorprop.core.terms import factors_of

__all__ = ["Point", "aligned"]

_WHOLE: dict[str, Callable[[list[int]], int]] = {"prod": math.prod, "max": max, "min": min}
"""What reductions of whole numbers are, of subscripts and labels, exactly."""


class Point:
    """One random point: residues for all that is unknown."""

    def __init__(self, setting: Setting, sizes: Mapping[Axis, int], kind: str, seed: object, number: int) -> None:
        self.setting = setting
        self.sizes = sizes
        self.far = setting.domains(sizes)
        self.kind = kind
        self.seed = repr(seed)
        self.in_turn = number % 2 == 1
        self.fields = fields(hashed(seed) % 4, setting.circle)
        self.entries: dict[tuple[object, ...], int] = {}
        self.matrices: dict[tuple[object, ...], list[list[int]]] = {}
        self.number = number

    def draw(self, *key: object) -> int:
        """A random whole number for a key, the same one each time."""
        found = self.entries.get(key)
        if found is None:
            found = self.entries[key] = hashed((self.seed, *key))
        return found

    def value(self, n: Expr, level: int, parts: list[Table]) -> Table:
        """The table of a node, given those of what it is made of."""
        p = 0 if level == WHOLE else self.fields[level].p
        match n:
            case Number(value):
                if level == WHOLE:
                    if value.denominator != 1:
                        raise Unevaluated("a subscript is no whole number")
                    return (), np.array(int(value), dtype=object)
                return (), np.array(self._quotient(value, p), dtype=object)
            case Index(name):
                return (name,), np.array(range(self.far.get(name, 1)), dtype=object)
            case Dim():
                return (), np.array(self._size(n, level, p), dtype=object)
            case Tensor():
                return self._map(lambda *at: self._entry(n, at, level, p), parts, n)
            case Bracket():
                return self._bracket(n, parts, level, p)
            case Add():
                letters, arrays = aligned(parts)
                total: Any = sum(arrays[1:], arrays[0])
                return letters, total % p if p else total
            case Mul():
                letters, arrays = aligned(parts)
                product = arrays[0]
                for x in arrays[1:]:
                    product = product * x % p if p else product * x
                return letters, product
            case Sum():
                return self._sum(n, parts[0], level, p)
            case Reduce():
                return self._reduce(n, parts, level, p)
            case Call():
                if level == WHOLE:
                    raise Unevaluated(f"{n.function} stands in a subscript")
                return self._call(n, parts, level)
            case _:
                raise Unevaluated(f"{type(n).__name__} has no value here")

    def _map(self, rule: Callable[..., int], parts: list[Table], n: Expr) -> Table:
        if not parts:
            return (), np.array(rule(), dtype=object)
        letters, arrays = aligned(parts)
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
        out = np.empty(shape, dtype=object)
        columns = [np.broadcast_to(x, shape).reshape(-1).tolist() for x in arrays]
        out.reshape(-1)[:] = [rule(*row) for row in zip(*columns, strict=True)]
        return letters, out

    @staticmethod
    def _quotient(value: Fraction, p: int) -> int:
        if value.denominator % p == 0:
            raise NoRoot
        return value.numerator * pow(value.denominator, -1, p) % p

    def _size(self, d: Dim, level: int, p: int) -> int:
        k = self.setting.find((d.tensor, d.axis))
        if level == WHOLE:
            return self.sizes[k]
        return self.measure(k, level)

    def measure(self, k: Axis, level: int) -> int:
        """The size of a class as a number: an unknown, and positive."""
        if k not in self.setting.measured:
            return self.sizes[k]
        return pow(self.draw("size", k, level), 4, self.fields[level].p)

    def weights(self, k: Axis, level: int) -> list[int]:
        """How many times a sum over a class counts each of its entries: unknowns that add up to the size."""
        if k not in self.setting.weighted:
            return [1] * self.sizes[k]
        p = self.fields[level].p
        found = [self.draw("weight", k, level, i) % p for i in range(self.sizes[k] - 1)]
        return [*found, (self.measure(k, level) - sum(found)) % p]

    def _entry(self, t: Tensor, at: tuple[int, ...], level: int, p: int) -> int:
        if t.name in self.setting.labels:
            least = self.setting.least
            places = (k for k in self.setting.picks.get(t.name, ()) if k in self.sizes)
            picks = [min(self.sizes[k], least.get(k, self.sizes[k])) for k in places]
            reach = min(picks) if picks else self.setting.reach(t.name)
            # at every other point one value after the other, so that none is left out
            value = (self.draw("label", t.name) + sum(at) if self.in_turn else self.draw("label", t.name, at)) % reach
            return value if level == WHOLE else value % p
        if level == WHOLE:
            raise Unevaluated(f"{t.name} stands in a subscript")
        known = self.setting.sums.get(t.name)
        if known is not None:
            axes, total = known
            class_of = {k: self.setting.find((t.name, k)) for k in axes}
            times = {k: self.weights(c, level) if c in self.sizes else [1] for k, c in class_of.items()}
            if all(at[k] == len(w) - 1 for k, w in times.items()):
                rest = 0
                rows = (range(len(times[k])) if k in axes else (at[k],) for k in range(len(at)))
                for row in itertools.product(*rows):
                    if row != at:
                        often = math.prod(w[row[k]] for k, w in times.items())
                        rest += often * self.draw("entry", level, t.name, row)
                once = math.prod(w[at[k]] for k, w in times.items())
                return (self._quotient(total.value, p) - rest) * pow(once, -1, p) % p
        what = self.setting.declared.get(t.name)
        if what is not None and len(at) > 1:
            row, column = at[-2:]
            if "orthogonal" in what and max(row, column) < self.sizes[self.setting.find((t.name, len(at) - 1))]:
                return self._orthogonal(t.name, at[:-2], level)[row][column]
            if (row != column and "diagonal" in what) or (row < column and "lower" in what):
                return 0
            if "symmetric" in what:
                at = (*at[:-2], *sorted(at[-2:]))
        return self.draw("entry", level, t.name, at) % p

    def _orthogonal(self, name: str, lead: tuple[int, ...], level: int) -> list[list[int]]:
        """``(1 - A)(1 + A)⁻¹`` of a random A with ``Aᵀ = -A`` (Cayley), at every other point with a column negated.

        The first has determinant 1: so that both determinants occur, two binary digits of the point's number say for
        each matrix whether it is turned, and whether so is every other one of a family.
        """
        key = ("orthogonal", name, lead, level)
        if key not in self.matrices:
            here, n = self.fields[level], self.sizes[self.setting.find((name, len(lead) + 1))]
            low = [[self.draw("skew", level, name, lead, i, j) if j < i else 0 for j in range(n)] for i in range(n)]
            skew = [[low[i][j] - low[j][i] for j in range(n)] for i in range(n)]
            one = [[int(i == j) for j in range(n)] for i in range(n)]
            plus = matrix_of("inv", [[one[i][j] + skew[i][j] for j in range(n)] for i in range(n)], here)
            assert isinstance(plus, list)
            minus = [[one[i][j] - skew[i][j] for j in range(n)] for i in range(n)]
            m = [[sum(minus[i][k] * plus[k][j] for k in range(n)) % here.p for j in range(n)] for i in range(n)]
            digits = self.number >> 2 * self.setting.orthogonal.index(name)
            if bool(digits & 1) != bool(digits & 2 and sum(lead) % 2):
                m = [[-row[0] % here.p, *row[1:]] for row in m]
            self.matrices[key] = m
        return self.matrices[key]

    # ----------------------------------------------------------------- brackets
    def _bracket(self, b: Bracket, parts: list[Table], level: int, p: int) -> Table:
        if self.setting.of_indices(b):
            holds: dict[str, Callable[[int, int], bool]] = {
                "=": lambda x, y: x == y,
                "≠": lambda x, y: x != y,
                "<": lambda x, y: x < y,
                "≤": lambda x, y: x <= y,
                ">": lambda x, y: x > y,
                "≥": lambda x, y: x >= y,
            }
            rule = holds[b.relation]
            return self._map(lambda x, y: int(rule(x, y)), parts, b)
        if level == WHOLE:
            raise Unevaluated("what a subscript is made of is compared")
        zero = self.fields[0].p
        return self._map(lambda x, y: self._compared(b.relation, (x - y) % zero, level, p), parts, b)

    def _compared(self, relation: str, v: int, level: int, p: int) -> int:
        if v == 0:
            more, tie = 0, 1
        else:
            first = self.fields[0]
            turned = v > first.p // 2
            size = first.p - v if turned else v
            if self.kind == "formal":
                tie = self.draw("tie", size, level) % p
                more = self.draw("more", size, level) % p
                if turned:
                    more = (1 - more - tie) % p
            else:
                tie = int(self.draw("tie", size) % 4 == 0)
                if first.i:
                    more = int(not tie and bool(self.draw("more", size) % 2) != turned)
                else:
                    more = int(not tie and pow(v, first.positive, first.p) == 1)
        match relation:
            case ">":
                return more
            case "=":
                return tie
            case "≥":
                return (more + tie) % p
            case "<":
                return (1 - more - tie) % p
            case "≤":
                return (1 - more) % p
            case _:
                return (1 - tie) % p

    # ----------------------------------------------------------------- binders
    def _sum(self, n: Sum, part: Table, level: int, p: int) -> Table:
        letters, x = part
        for i in n.indices:
            if i not in letters:
                raise Unevaluated(f"nothing in a sum depends on {i}")
            k = letters.index(i)
            at = self.setting.range(n, i)
            if p and all(
                i not in f.free or any(size_limits(f, i)) for f in factors_of(n.body)
            ):  # Σ_i 1 is the size itself
                x = np.take(x, 0, axis=k) * self.measure(at, level)
            else:
                x = np.take(x, range(self.sizes[at]), axis=k)
                if p and at in self.setting.weighted:
                    shape = [-1 if a == k else 1 for a in range(x.ndim)]
                    x = x * np.array(self.weights(at, level), dtype=object).reshape(shape)
                x = x.sum(axis=k)
            x = np.asarray(x, dtype=object)
            letters = letters[:k] + letters[k + 1 :]
        return letters, x % p if p else x

    def _reduce(self, n: Reduce, parts: list[Table], level: int, p: int) -> Table:
        """A product exactly; any other reduction is an unknown for each family of values."""
        letters, x = parts[0]
        for i in n.indices:
            if i not in letters:
                raise Unevaluated(f"nothing in {n.op} depends on {i}")
        sizes = [self.sizes[self.setting.range(n, i)] for i in n.indices]
        for i, size in zip(n.indices, sizes, strict=True):
            x = np.take(x, range(size), axis=letters.index(i))
        kept = tuple(i for i in letters if i not in n.indices)
        order = [letters.index(i) for i in (*kept, *n.indices)]
        rows = x.transpose(order).reshape([*(x.shape[letters.index(i)] for i in kept), -1])
        out = np.empty(rows.shape[:-1], dtype=object)
        for place in np.ndindex(*out.shape):
            row = rows[place].tolist()
            if not p and n.op in _WHOLE:
                out[place] = _WHOLE[n.op](row)
            elif not p:
                raise Unevaluated(f"{n.op} of whole numbers has no value here")
            elif n.op == "prod":
                product = 1
                for f in row:
                    product = product * f % p
                out[place] = product
            elif n.op in ("max", "min"):
                out[place] = self.draw(n.op, level, tuple(sorted(set(row)))) % p
            elif is_matrix(n.op):
                out[place] = self._matrix(n.op, row, sizes, level)
            else:
                raise Unevaluated(f"{n.op} has no value here")
        table: Table = (kept, out)
        if n.at and n.op in EXACT_MATRICES:
            return self._map(_entry_of, [table, *parts[1:]], n)
        if n.at:
            table = self._map(lambda v, *at: self.draw(n.op, "entry", level, v, at) % p, [table, *parts[1:]], n)
        return table

    def _matrix(self, op: str, row: list[int], sizes: list[int], level: int) -> Any:
        """An inverse, a determinant, a Cholesky factor exactly; ``logdet`` is an unknown for each determinant."""
        here = self.fields[level]
        if sizes[0] != sizes[1]:
            raise Unevaluated(f"{op} of a matrix that is not square")
        m = [row[k : k + sizes[1]] for k in range(0, len(row), sizes[1])]
        if op in EXACT_MATRICES:
            return matrix_of(op, m, here)
        if op == "logdet":  # of A⁻¹ it is that of A negated, of Aᵀ the same
            det = matrix_of("det", m, here)
            assert isinstance(det, int)
            size, over = (min(d, here.p - d) for d in (det, pow(det, -1, here.p)))
            sign = (size < over) - (size > over)
            return sign * self.draw(op, level, min(size, over)) % here.p
        return self.draw(op, level, tuple(row)) % here.p

    # ----------------------------------------------------------------- functions
    def _call(self, n: Call, parts: list[Table], level: int) -> Table:
        here = self.fields[level]
        p, name = here.p, n.function
        match n:
            case Call("pi", ()):
                return (), np.array(pow(self.draw("pi", level), 4, p), dtype=object)
            case Call("exp", _):
                return self._map(lambda x: pow(here.g, x, p), parts, n)
            case Call("sigmoid", _):
                return self._map(lambda x: self._logistic(pow(here.g, x, p), p), parts, n)
            case Call("sin" | "cos", _):
                turn = pow(here.g, self.draw("turn", level) % here.order, p)
                return self._map(lambda x: self._circle(name, pow(turn, x, p), here), parts, n)
            case Call("power", (_, Number(value))):
                return self._map(lambda x: self._power(x, value, here, n), parts, n)
            case Call("power", _):
                return self._map(lambda x, y: pow(self._base(x, here), y, p), parts, n)
            case _:
                return self._map(lambda *x: self._function(name, x, level, p), parts, n)

    @staticmethod
    def _logistic(e: int, p: int) -> int:
        if (1 + e) % p == 0:
            raise NoRoot
        return e * pow(1 + e, -1, p) % p

    @staticmethod
    def _circle(name: str, u: int, field: Field) -> int:
        """cos x = (u + 1/u)/2 and sin x = (u - 1/u)/(2 i) for u = exp(i x)."""
        over = pow(u, -1, field.p)
        if name == "cos":
            return (u + over) * pow(2, -1, field.p) % field.p
        return (u - over) * pow(2 * field.i, -1, field.p) % field.p

    @staticmethod
    def _power(x: int, n: Fraction, field: Field, node: Expr) -> int:
        p = field.p
        if x == 0:
            if n < 0:
                raise NoRoot
            return 0
        if n.denominator == 1:
            return pow(x, n.numerator, p)
        if pow(x, field.positive, p) != 1:
            raise NoRoot(node)
        try:
            return pow(x, n.numerator * pow(n.denominator, -1, field.positive) % field.positive, p)
        except ValueError:
            raise Unevaluated(f"there is no root of order {n.denominator} in these fields") from None

    def _base(self, x: int, field: Field) -> int:
        """x^w = (a number of the order of the smaller field, drawn for x)^w."""
        return pow(field.g, self.draw("base", field.p, x) % field.order, field.p)

    def _function(self, name: str, x: tuple[int, ...], level: int, p: int) -> int:
        if is_odd(name) and x[0] > p // 2:
            return -self.draw("function", name, level, (p - x[0],)) % p
        if is_odd(name) and x[0] == 0:
            return 0
        return self.draw("function", name, level, x) % p


# --------------------------------------------------------------------------- small things
def hashed(key: object) -> int:
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=32).digest(), "big")


def aligned(parts: list[Table]) -> tuple[tuple[str, ...], list[Any]]:
    """Tables over the letters of all of them."""
    letters = tuple(sorted({i for own, _ in parts for i in own}))
    return letters, [x.reshape([x.shape[own.index(i)] if i in own else 1 for i in letters]) for own, x in parts]


def _entry_of(matrix: list[list[int]], i: int, j: int) -> int:
    """An entry; one outside stands for nothing, where a letter runs further elsewhere."""
    return matrix[i][j] if i < len(matrix) and j < len(matrix[i]) else 0
