"""Pieces of array code whose axes are known, and how they are put together: broadcasting, ``@``, sums, einsum.

In: texts with the labels of their axes. Out: the same of what they make together. A piece may be *thin*: 1bᵀ is the
array b, the same for every row, and broadcasting repeats it when something of full size meets it. This file knows no
tree and no convention.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from tensorprop.core.functions import Function, Reduction
from tensorprop.render.trees import Kind

__all__ = [
    "ATOM",
    "JAX",
    "NUMPY",
    "POWER",
    "SIGN",
    "SUM",
    "TIMES",
    "TORCH",
    "ArrayLibrary",
    "Bench",
    "NoCode",
    "Snippet",
    "of_numbers",
]

SUM, TIMES, SIGN, POWER, ATOM = range(5)
_POOL = "ijklmnpqrstuvwxyzabcdefgh"


class NoCode(Exception):
    """What cannot be written so."""


@dataclass(frozen=True)
class ArrayLibrary:
    """NumPy, JAX or PyTorch: what its functions are called."""

    prefix: str
    axis: str = "axis"
    permute: str = "transpose"
    words: tuple[tuple[str, str], ...] = ()
    """Functions that are called otherwise than in NumPy."""
    like: str = ""
    """The array whose dtype is that of what is made: products of PyTorch's take equal ones."""

    @property
    def typed(self) -> str:
        """The dtype of what is made, where it has to be told."""
        return f", dtype={self.like}.dtype" if self.like else ""

    def call(self, name: str) -> str:
        """A function of arrays."""
        return f"{self.prefix}.{dict(self.words).get(name, name)}"

    def told(self, row: Function | Reduction) -> str:
        """The code that a row of the tables has in this library; empty where what it means has to do."""
        if self.prefix == "np":
            return row.numpy
        if self.prefix == "jnp":
            return row.jax
        return _BETWEEN.get(row.name, _TORCH.get(row.name, "")) if isinstance(row, Function) else _TORCH.get(row.op, "")

    def directed(self, function: str) -> str:
        """The call of a derivative of a function of a matrix along another; empty where there is none."""
        return _DIRECTED.get((self.prefix, function), "")


_DIRECTED = {("np", "expm′"): "scipy.linalg.expm_frechet", ("jnp", "expm′"): "jax.scipy.linalg.expm_frechet"}
NUMPY = ArrayLibrary("np")
JAX = ArrayLibrary("jnp")
TORCH = ArrayLibrary("torch", "dim", "permute", (("linalg.norm", "linalg.vector_norm"), ("full", "full")))
_SAME = "exp log sin cos tan sinh cosh tanh arcsin arccos arctan sqrt rsqrt abs sign log1p expm1 sigmoid erf erfc floor"
_BETWEEN = {"max": "torch.maximum({})", "min": "torch.minimum({})"}  # of two arrays, entry by entry
_TORCH: dict[str, str] = {
    **{f: f"torch.{f}({{}})" for f in _SAME.split()},
    **{f: f"torch.nn.functional.{f}({{}})" for f in ("relu", "softplus", "silu", "mish", "elu", "selu", "softsign")},
    **{"logsigmoid": "torch.nn.functional.logsigmoid({})", "gelu": "torch.nn.functional.gelu({})"},
    **{"max": "torch.amax({1}{2})", "min": "torch.amin({1}{2})", "mean": "torch.mean({1}{2})"},
    **{"prod": "torch.prod({1}{2})", "logsumexp": "torch.logsumexp({1}{2})"},
    **{"softmax": "torch.softmax({1}{2})", "logsoftmax": "torch.log_softmax({1}{2})"},
    **{"inv": "torch.linalg.inv({1})", "det": "torch.linalg.det({1})", "logdet": "torch.logdet({1})"},
    **{"pinv": "torch.linalg.pinv({1})", "expm": "torch.linalg.matrix_exp({1})"},
    **{"eigvalsh": "torch.linalg.eigvalsh({1})", "eigvecs": "torch.linalg.eigh({1})[1]"},
    **{"pi": "torch.pi", "cholesky": "torch.linalg.cholesky({1})", "var": "torch.var({1}{2}, correction=0)"},
}


def of_numbers(function: str, args: list[str]) -> str | None:
    """What PyTorch has for a function of plain numbers, which its own do not take; None where all are tensors.

    >>> of_numbers("log", ["2 * torch.pi"]), of_numbers("sqrt", ["x.shape[1]"]), of_numbers("max", ["0", "1 - y"])
    ('math.log(2 * torch.pi)', 'x.shape[1]**0.5', 'torch.clamp(1 - y, min=0)')
    >>> of_numbers("log", ["x"])
    """
    plain = [bool(_PLAIN_NUMBER.fullmatch(a)) for a in args]
    if len(args) == 2 and function in ("max", "min") and sum(plain) == 1:
        number, array = sorted(args, key=lambda a: not _PLAIN_NUMBER.fullmatch(a))
        return f"torch.clamp({array}, {'min' if function == 'max' else 'max'}={number})"
    if not args or not all(plain):
        return None
    if function == "sqrt":
        return f"{args[0]}**0.5" if re.fullmatch(r"[\w.\[\]]+", args[0]) else f"({args[0]})**0.5"
    return f"math.{function}({args[0]})" if function in _MATH and len(args) == 1 else None


_MATH = frozenset("exp log sin cos tan sinh cosh tanh".split())
_PLAIN_NUMBER = re.compile(r"(?:-?[\d.]+(?:e-?\d+)?|\w+\.shape\[\d+\]|torch\.pi| [-+*/] )+")


@dataclass(frozen=True)
class Snippet:
    """Code of an array: its axes in their order, which of them are the rows' and which the columns'.

    ``kind``: what it stands for. Where a matrix has no rows among its axes it is the same for each of ``tall`` rows;
    likewise ``broad`` for columns. What is no row and no column counts the values of carried indices. ``diagonal``: it
    is the vector of a diagonal matrix; ``under``: of that matrix's inverse. ``factors``: an einsum's operands.
    """

    text: str
    level: int
    kind: Kind
    axes: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    cols: tuple[str, ...] = ()
    tall: tuple[str, ...] = ()
    broad: tuple[str, ...] = ()
    diagonal: bool = False
    under: bool = False
    factors: tuple[Snippet, ...] = ()

    @property
    def turned(self) -> Snippet:
        """The transpose: the same array, its rows called columns."""
        kinds: dict[Kind, Kind] = {"row": "column", "column": "row"}
        kind = kinds.get(self.kind, self.kind)
        return replace(self, kind=kind, rows=self.cols, cols=self.rows, tall=self.broad, broad=self.tall)

    @property
    def one(self) -> bool:
        """Whether it is the number 1, repeated perhaps."""
        return self.text == "1" and not self.axes

    def at(self, least: int) -> str:
        """The text, in parentheses if it holds together less."""
        return f"({self.text})" if self.level < least else self.text


@dataclass
class Bench:
    """Where snippets are put together: the order of the carried indices, and how long every axis is."""

    to: ArrayLibrary
    carried: tuple[str, ...] = ()
    sizes: dict[str, str] = field(default_factory=lambda: {})

    def batch(self, *parts: Snippet) -> tuple[str, ...]:
        """The carried indices that these have."""
        return tuple(b for b in self.carried if any(b in p.axes for p in parts))

    # ----------------------------------------------------------------- axes
    def ordered(self, s: Snippet, order: tuple[str, ...]) -> Snippet:
        """The same with its axes in this order."""
        if s.axes == order:
            return s
        if s.factors:
            return self.einsum(s, s.factors, order)
        places = [s.axes.index(i) for i in order]
        moved = [k for k, p in enumerate(places) if k != p]
        text = s.at(ATOM)
        if len(order) == 2:
            text += ".T"
        elif moved == [len(order) - 2, len(order) - 1]:
            text += ".mT"
        elif len(moved) == 2:
            text += f".swapaxes({moved[0]}, {moved[1]})"
        else:
            text += f".{self.to.permute}({', '.join(map(str, places))})"
        return replace(s, text=text, level=ATOM, axes=order)

    def _spread(self, s: Snippet, order: tuple[str, ...]) -> Snippet:
        """The same beside an array that has the axes of ``order``: those that it lacks are of size 1."""
        own = tuple(i for i in order if i in s.axes)
        s = self.ordered(s, own)
        if not own:
            return s
        after = order[order.index(own[0]) :]
        if after == own:
            return s
        marks = [":" if i in own else "None" for i in after]
        if len(own) > 1 and marks[-2:] == [":", "None"] and "None" not in marks[:-1]:
            marks = ["...", "None"]
        return replace(s, text=f"{s.at(ATOM)}[{', '.join(marks)}]", level=ATOM)

    def alike(self, a: Snippet, b: Snippet) -> tuple[Snippet, Snippet, Snippet]:
        """Two arrays side by side, and what their result is, its text apart."""
        rows, cols = a.rows or b.rows, a.cols or b.cols
        names = zip((*b.rows, *b.cols), (*(rows if b.rows else ()), *(cols if b.cols else ())), strict=True)
        b = self._renamed(b, dict(names))
        axes = a.axes if set(b.axes) <= set(a.axes) else b.axes if set(a.axes) <= set(b.axes) else ()
        if not axes:
            axes = (*self.batch(a, b), *rows, *cols)
        kind = b.kind if a.kind == "scalar" else a.kind
        tall = () if rows else a.tall or b.tall
        broad = () if cols else a.broad or b.broad
        x, y = (self._spread(s, axes) if s.axes else s for s in (a, b))
        return x, y, Snippet("", ATOM, kind, axes, rows, cols, tall, broad)

    def _renamed(self, s: Snippet, to: dict[str, str]) -> Snippet:
        def new(axes: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(to.get(i, i) for i in axes)

        for old, i in to.items():
            if old in self.sizes:
                self.sizes.setdefault(i, self.sizes[old])
        factors = tuple(self._renamed(f, to) for f in s.factors)
        return replace(s, axes=new(s.axes), rows=new(s.rows), cols=new(s.cols), factors=factors)

    # ----------------------------------------------------------------- entry by entry
    def times(self, a: Snippet, b: Snippet) -> Snippet:
        """``a * b``, entry by entry."""
        x, y, out = self.alike(a, b)
        if a.one or b.one:
            keep = b if a.one else a
            return replace(out, text=keep.text, level=keep.level, axes=keep.axes, factors=keep.factors)
        if x.text == "-1":
            return replace(out, text="-" + y.at(POWER), level=SIGN)
        return replace(out, text=f"{x.at(TIMES)} * {y.at(SIGN)}", level=TIMES)

    def over(self, a: Snippet, b: Snippet) -> Snippet:
        """``a / b``, entry by entry."""
        x, y, out = self.alike(a, b)
        return replace(out, text=f"{x.at(TIMES)} / {y.at(SIGN)}", level=TIMES)

    def plus(self, a: Snippet, b: Snippet, minus: bool) -> Snippet:
        """``a + b``, ``a - b``."""
        x, y, out = self.alike(a, b)
        return replace(out, text=f"{x.text} {'-' if minus else '+'} {y.at(TIMES)}", level=SUM)

    # ----------------------------------------------------------------- sums and products
    def summed(self, s: Snippet, gone: tuple[str, ...]) -> Snippet:
        """The sum over some of its axes, and nothing else changed."""
        axes = tuple(i for i in s.axes if i not in gone)
        places = [s.axes.index(i) for i in s.axes if i in gone]
        where = ""
        if axes:
            where = f", {self.to.axis}={places[0] if len(places) == 1 else tuple(places)}"
        rows, cols = (tuple(i for i in side if i not in gone) for side in (s.rows, s.cols))
        text = f"{self.to.call('sum')}({s.text}{where})"
        return replace(s, text=text, level=ATOM, axes=axes, rows=rows, cols=cols, factors=())

    def added(self, s: Snippet) -> Snippet:
        """The sum of all entries, 1ᵀX1, for every carried index."""
        s = self.full(s)
        return replace(self.summed(s, (*s.rows, *s.cols)), kind="scalar")

    def product(self, a: Snippet, b: Snippet) -> Snippet:
        """The matrix product: the columns of one meet the rows of the other."""
        tall, wide = a.kind in ("column", "matrix"), b.kind in ("row", "matrix")
        kind: Kind = ("matrix" if wide else "column") if tall else ("row" if wide else "scalar")
        if a.diagonal:
            v = replace(a, kind="matrix", diagonal=False, under=False, cols=())
            return replace(self.over(b, v) if a.under else self.times(v, b), kind=b.kind)
        if b.diagonal:
            v = replace(b, kind="matrix", diagonal=False, under=False, rows=(), cols=b.rows)
            return replace(self.over(a, v) if b.under else self.times(a, v), kind=a.kind)
        a, b = self._apart(a, b)
        inner, other = a.cols, b.rows
        if a.kind == "column":  # nothing is between a column and a row
            return replace(self._outer(a, b), kind=kind)
        left, right = replace(a, cols=(), broad=()), replace(b, rows=(), tall=())
        if inner and not other:
            return replace(self._outer(self.summed(replace(a, broad=()), inner), right), kind=kind)
        if other and not inner:
            return replace(self._outer(left, self.summed(replace(b, tall=()), other)), kind=kind)
        if not inner:
            size = Snippet(" * ".join(a.broad or b.tall), TIMES, "scalar")
            return replace(self._outer(self.times(size, left), right), kind=kind)
        b = self._renamed(b, dict(zip(other, inner, strict=True)))
        out = Snippet("", TIMES, kind, (), a.rows, b.cols, a.tall, b.broad)
        return self._matched(a, b, inner, out)

    def _apart(self, a: Snippet, b: Snippet) -> tuple[Snippet, Snippet]:
        """The same, with no label in common but those of carried indices."""
        both = [i for i in (*b.rows, *b.cols) if i in a.axes]
        return a, self._renamed(b, {i: f"{i}'" for i in both})

    def _outer(self, a: Snippet, b: Snippet) -> Snippet:
        if len(a.axes) == len(b.axes) == 1 and a.rows and b.cols and not self.batch(a, b):
            text = f"{self.to.call('outer')}({a.text}, {b.text})"
            return Snippet(text, ATOM, "matrix", (*a.axes, *b.axes), a.rows, b.cols)
        return self.times(a, b)

    def _matched(self, a: Snippet, b: Snippet, inner: tuple[str, ...], out: Snippet) -> Snippet:
        """The sum over what two arrays share, written as people do where the axes lie well, else as einsum."""
        batch = self.batch(a, b)
        order = (*batch, *out.rows, *out.cols)
        if len(inner) > 1 or len(a.axes) > 2 or len(b.axes) > 2:
            found = self._at_hand(a, b, inner, batch)
            if found is not None:
                text, axes, level = found
                return replace(out, text=text, axes=axes, level=level)
            return self.einsum(out, (a, b), order)
        if not batch:
            x, y = self.ordered(a, (*a.rows, *inner)), self.ordered(b, (*inner, *b.cols))
            return replace(out, text=_matmul(x, y), axes=order)
        return self.einsum(out, (a, b), order)

    def _at_hand(
        self, a: Snippet, b: Snippet, inner: tuple[str, ...], batch: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...], int] | None:
        """``@`` of stacks of matrices, or tensordot, if no axis has to be moved but by ``.mT``."""
        if not batch and (len(inner) > 1 or len(b.axes) > 2 or a.axes[-1:] != inner):
            return self._tensordot(a, b, inner)
        if len(inner) > 1 or (len(a.rows) > 1 and batch) or (len(b.cols) > 1 and batch):
            return None
        mine, theirs = self.batch(a), self.batch(b)
        if not theirs and a.axes[-1:] == inner and len(b.axes) < 3:
            return _matmul(a, self.ordered(b, (*inner, *b.cols))), (*a.axes[:-1], *b.cols), TIMES
        if not mine and not b.cols and b.axes[-1:] == inner and len(a.axes) < 3:
            return _matmul(b, self.ordered(a, (*inner, *a.rows))), (*b.axes[:-1], *a.rows), TIMES
        if not a.rows or not b.cols:
            return None
        x, y = (*mine, *a.rows, *inner), (*theirs, *inner, *b.cols)
        if not all(_near(p.axes, q) for p, q in ((a, x), (b, y))) or not (mine[-len(theirs) :] == theirs or not theirs):
            return None
        if not (theirs[-len(mine) :] == mine if len(mine) < len(theirs) else True):
            return None
        return _matmul(self.ordered(a, x), self.ordered(b, y)), (*batch, *a.rows, *b.cols), TIMES

    def _tensordot(self, a: Snippet, b: Snippet, inner: tuple[str, ...]) -> tuple[str, tuple[str, ...], int]:
        mine, theirs = [a.axes.index(i) for i in inner], [b.axes.index(i) for i in inner]
        n = len(inner)
        if mine == [*range(len(a.axes) - n, len(a.axes))] and theirs == [*range(n)]:
            where = str(n)
        elif n == 1 and self.to.axis == "axis":
            where = f"({mine[0]}, {theirs[0]})"
        else:
            where = f"({mine}, {theirs})"
        axes = (*(i for i in a.axes if i not in inner), *(i for i in b.axes if i not in inner))
        word = "dims" if self.to.axis == "dim" else "axes"
        return f"{self.to.call('tensordot')}({a.text}, {b.text}, {word}={where})", axes, ATOM

    def einsum(self, out: Snippet, factors: tuple[Snippet, ...], order: tuple[str, ...]) -> Snippet:
        """The sum of a product over all axes but these."""
        labels = dict.fromkeys((*order, *(i for f in factors for i in f.axes)))
        taken = {i for i in labels if len(i) == 1 and i.isascii()}
        letters = {i: i for i in taken}
        pool = (c for c in _POOL if c not in taken)
        for i in labels:
            stem = i.rstrip("'0123456789·")[:1]
            if i not in letters:
                good = stem.isascii() and stem.isalpha() and stem not in letters.values()
                letters[i] = stem if good else next(c for c in pool if c not in letters.values())
        spec = ",".join("".join(letters[i] for i in f.axes) for f in factors)
        spec = f'"{spec}->{"".join(letters[i] for i in order)}"'
        text = f"{self.to.call('einsum')}({spec}, {', '.join(f.text for f in factors)})"
        return replace(out, text=text, level=ATOM, axes=order, factors=factors)

    # ----------------------------------------------------------------- all of it
    def full(self, s: Snippet, order: tuple[str, ...] = ()) -> Snippet:
        """The array in its full size, where it is the same for all rows, for all columns, for a carried index."""
        lacking = tuple(i for i in self.carried if i in order and i not in s.axes)
        if not s.tall and not s.broad and not lacking:
            return self.ordered(s, order) if order else s
        rows = s.rows or tuple(f"·row{k}" for k in range(len(s.tall)))
        cols = s.cols or tuple(f"·col{k}" for k in range(len(s.broad)))
        self.sizes |= dict(zip(rows, s.tall, strict=True)) if s.tall else {}
        self.sizes |= dict(zip(cols, s.broad, strict=True)) if s.broad else {}
        carried = tuple(i for i in self.carried if i in s.axes or i in lacking)
        axes = order if lacking else (*carried, *rows, *cols)
        shape = ", ".join(self.sizes[i] for i in axes) + "," * (len(axes) == 1)
        inner = self._spread(s, axes) if s.axes else s
        lone = shape.rstrip(",") if len(axes) == 1 else f"({shape})"
        if s.one or (s.text == "0" and not s.axes):
            text = f"{self.to.call('ones' if s.one else 'zeros')}({lone}{self.to.typed})"
        elif not s.axes and re.fullmatch(r"-?[\d.]+", s.text):
            shown = lone if self.to.prefix != "torch" else f"({shape})"
            text = f"{self.to.call('full')}({shown}, {s.text}{self.to.typed})"
        else:
            text = f"{self.to.call('broadcast_to')}({inner.text}, ({shape}))"
        made = Snippet(text, ATOM, s.kind, axes, rows, cols)
        return self.ordered(made, order) if order else made


def _matmul(x: Snippet, y: Snippet) -> str:
    chained = " @ " in x.text and x.level == TIMES and not re.search(r" [*/] ", x.text)
    return f"{x.text if chained else x.at(SIGN)} @ {y.at(SIGN)}"


def _near(axes: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether these are the axes wanted, but perhaps for the last two."""
    return axes in (wanted, (*wanted[:-2], *wanted[:-3:-1]))
