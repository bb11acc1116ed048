"""Rules as Python loops: ``for i in range(n): dW[i, j] += a[i] * dz[j]``, read; nothing is run.

In: the text. Out: for every array that is filled its entries as an equation: what is added up in loops is a sum over
their letters. What is written in one turn of a loop and read in the next is refused: with its index it can be read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

from tensorprop.core.build import ZERO, add, mul, negate, number, power, sum_over
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.errors import ParseError, UnexpectedChar
from tensorprop.render.reading.formulas import lettered
from tensorprop.render.reading.python import Code, Operand
from tensorprop.render.reading.typed import Types

__all__ = ["OtherLength", "is_loop", "read_loops"]

_LOOP = re.compile(r"^\s*for\s+\w+\s+in\s+[^\n]*:\s*$", re.MULTILINE)
_CALLS = ("zeros", "zeros_like", "empty", "empty_like")


def is_loop(text: str) -> bool:
    """Whether a text is code with loops.

    >>> is_loop("for i in range(n):\\n    db[i] += dz[i]"), is_loop("δW = aᵀ δz  (for every b)")
    (True, False)
    """
    return _LOOP.search(text) is not None


def read_loops(text: str, types: Types) -> list[Equation]:
    """The rules that loops fill in, in the order in which their arrays stand there.

    Errors: ParseError for what is no Python, UnexpectedChar for what is not read.

    >>> from tensorprop.render.layout import Convention
    >>> from tensorprop.render.reading.lengths import Known
    >>> from tensorprop.text import parse
    >>> types = Types(Known(parse("z_bj = a_bi W_ij")), Convention())
    >>> code = '''
    ... dW = np.zeros(W.shape)
    ... for b in range(n):
    ...     for i in range(k):
    ...         for j in range(m):
    ...             dW[i, j] += a[b, i] * dz[b, j]
    ... '''
    >>> [str(eq) for eq in read_loops(code, types)]
    ['δW_ij = a_bi δz_bj']
    """
    try:
        tree = ast.parse(text.strip("\n"))
    except SyntaxError as error:
        raise ParseError(f"this is no Python code: {error.msg}", text) from None
    loops = _Statements(text.strip("\n"), types)
    loops.run(tree.body)
    return list(loops.rules())


class OtherLength(Exception):
    """A loop counts axes of different lengths: of what array, and which loop it is."""

    def __init__(self, tensor: str, loop: str) -> None:
        super().__init__()
        self.tensor, self.loop = tensor, loop


@dataclass
class _Filled:
    """What an array, or a number, is so far; ``depth``: in how many loops it was begun; ``at``: the letters of its
    axes."""

    value: Expr
    depth: int
    at: tuple[str, ...] = ()
    added: bool = False


class _Statements(Code):
    """Statements, one after the other, each with the letters of the loops around it."""

    def __init__(self, text: str, types: Types) -> None:
        super().__init__(text, types)
        self._around: dict[str, str] = {}  # a loop's name, and its letter
        self._here: dict[str, _Filled] = {}  # numbers and arrays that have no name on the page, or are filled
        self._arrays: dict[str, str] = {}  # what is filled, by the tensor that it is
        self._target = ""

    def rules(self) -> Iterator[Equation]:
        for name, tensor in self._arrays.items():
            it = self._here[name]
            yield lettered(Tensor(tensor, tuple(map(Index, it.at))), it.value, self.types)

    # ----------------------------------------------------------------- statements
    def run(self, body: list[ast.stmt]) -> None:
        for s in body:
            self._target = _filled_by(s) or self._target
            match s:
                case ast.For(ast.Name(name), ast.Call() as over, inside, []):
                    self._within(name, over, inside)
                case ast.Assign([ast.Name(name)], value):
                    self._set(name, value)
                case ast.Assign([ast.Subscript() as target], value):
                    self._entry(target, self.value(value).entry, False)
                case ast.AugAssign(ast.Name(name), ast.Add() | ast.Sub() as op, value):
                    self._add(name, self.value(value), isinstance(op, ast.Sub), s)
                case ast.AugAssign(ast.Subscript() as target, ast.Add() | ast.Sub() as op, value):
                    e = self.value(value).entry
                    self._entry(target, negate(e) if isinstance(op, ast.Sub) else e, True)
                case ast.AugAssign(ast.Name(name), ast.Div() | ast.Mult() as op, value) if not self._around:
                    it, e = self._filled(name, s), self.value(value).entry
                    it.value = mul(it.value, power(e, number(-1)) if isinstance(op, ast.Div) else e)
                case ast.Expr(ast.Constant()) | ast.Pass():
                    pass
                case _:
                    self.refuse(
                        s, f"{type(s).__name__} is not read in loops", "write dW[i, j] += … in for i in range(n)"
                    )

    def _within(self, name: str, over: ast.Call, inside: list[ast.stmt]) -> None:
        while isinstance(over.func, ast.Name) and over.func.id == "reversed" and isinstance(over.args[0], ast.Call):
            over = over.args[0]
        if not (isinstance(over.func, ast.Name) and over.func.id == "range" and len(over.args) == 1):
            self.refuse(over, "a loop runs over a whole axis here", "write for i in range(n)")
        self._around[name] = self.types.any()
        self.run(inside)
        del self._around[name]

    def _set(self, name: str, value: ast.expr) -> None:
        """A number, or an array that is begun."""
        begun = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _CALLS
        operand = None if begun else self.value(value)
        if operand is None or (operand.entry is ZERO and not operand.axes):
            self._here[name] = _Filled(ZERO, len(self._around))
            return
        if name in self._names and not self._around:  # dz = dh * (1 - h**2): a rule, all at once
            self._arrays.setdefault(name, self._names[name])
        self._here[name] = _Filled(operand.entry, len(self._around), tuple(i for i in operand.axes if i is not None))

    def _add(self, name: str, v: Operand, minus: bool, s: ast.stmt) -> None:
        """``s += …``, ``dW += np.outer(…)``."""
        it = self._filled(name, s)
        inner = list(self._around.values())[it.depth :]
        new = sum_over(inner, negate(v.entry) if minus else v.entry)
        if it.at and v.axes:
            _, new, _ = self._alike(Operand(ZERO, it.at, v.math), replace(v, entry=new), "+")
        it.at = it.at or tuple(i for i in v.axes if i is not None)
        it.value, it.added = add(it.value, new), bool(inner)

    def _filled(self, name: str, s: ast.AST) -> _Filled:
        if name not in self._here:
            self._here[name] = _Filled(ZERO, 0)
        if name in self._names:
            self._arrays.setdefault(name, self._names[name])
        return self._here[name]

    def _entry(self, target: ast.Subscript, value: Expr, added: bool) -> None:
        """``dW[i, j] += …``, ``dz[i] = …``."""
        places: list[ast.expr] = []
        of: ast.expr = target
        while isinstance(of, ast.Subscript):
            places[:0] = of.slice.elts if isinstance(of.slice, ast.Tuple) else [of.slice]
            of = of.value
        letters = [self._around.get(p.id, "") if isinstance(p, ast.Name) else "" for p in places]
        if not isinstance(of, ast.Name) or "" in letters or len(set(letters)) < len(letters):
            self.refuse(target, "an entry that is set has the names of loops as its places", "write dW[i, j] += …")
        it = self._filled(of.id, target)
        if of.id in self._arrays:
            self._joined(of.id, letters, target)
        rest = [i for i in self._around.values() if i not in letters]
        if rest and not added:
            self.refuse(target, "it is written over in every turn of a loop whose name it lacks", "add up with +=")
        value = sum_over(rest, value)
        it.value = add(it.value, value) if added and it.at == tuple(letters) else value
        it.at = tuple(letters)

    def _joined(self, name: str, letters: list[str], n: ast.AST) -> None:
        """The letters run along the axes of the tensor."""
        tensor = self._arrays[name]
        if self.types.names.rank(tensor) != len(letters):
            self.refuse(n, f"{name} has {self.types.names.rank(tensor)} axes")
        for k, i in enumerate(letters):
            if not self.types.names.same(self.types.range[i], (tensor, k)):
                raise OtherLength(tensor, next(v for v, letter in self._around.items() if letter == i))

    def refuse(self, n: ast.AST, problem: str, fix: str | None = None) -> NoReturn:
        """The error at one line of the code."""
        line = self._text.splitlines()[getattr(n, "lineno", 1) - 1]
        start, end = getattr(n, "col_offset", 0), getattr(n, "end_col_offset", 1) or 1
        one, other = (len(line.encode()[:k].decode(errors="ignore")) for k in (start, max(end, start + 1)))
        raise UnexpectedChar(problem, line, (one, other), fix=fix)

    # ----------------------------------------------------------------- values
    def value(self, n: ast.AST) -> Operand:
        match n:
            case ast.Call(ast.Name("float"), [of], []):
                return self.value(of)
            case _:
                return super().value(n)

    def named(self, n: ast.AST, name: str) -> Operand:
        if name in self._around:
            return Operand(Index(self._around[name]), (), self.math(n))
        if name in self._here:
            it = self._here[name]
            if it.added and len(self._around) > it.depth:
                self.refuse(n, f"{name} is read while it is added up", "read it behind the loop")
            if name not in self._arrays or (it.depth == 0 and not self._around):
                return Operand(it.value, it.at, self.math(n))
        elif name not in self._names and not self.types.names.called(name) and self._around:
            self.refuse(
                n, f"{name} is not known here: it is set later, for the next turn", "give it its index: dh[t + 1]"
            )
        return super().named(n, name)

    def at_places(self, entry: Expr, places: list[tuple[str | None, Operand]]) -> tuple[Expr, tuple[str | None, ...]]:
        for axis, place in places:
            i = place.entry.name if isinstance(place.entry, Index) else ""
            if i in self.types.range and axis is not None and not self.types.fits(i, axis):
                raise OtherLength(self._names.get(self._target, ""), place.math.unicode)
        return super().at_places(entry, places)


def _filled_by(s: ast.stmt) -> str:
    """The array that a statement fills."""
    targets = s.targets if isinstance(s, ast.Assign) else [s.target] if isinstance(s, ast.AugAssign) else [None]
    of: ast.expr | None = targets[0]
    while isinstance(of, ast.Subscript):
        of = of.value
    return of.id if isinstance(of, ast.Name) else ""
