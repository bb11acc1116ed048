"""How names, functions, subscripts and sizes are spelled, in Unicode or in ASCII.

In: names and subscripts. Out: their text, which reads back. What stands around them is ``show``'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tensorprop.core.affine import is_reciprocal
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Tensor
from tensorprop.core.names import Derivative, innermost, is_derivative, parts_of_name, stem_and_label
from tensorprop.core.terms import factors_of, terms_of
from tensorprop.text.characters import GREEK
from tensorprop.text.shown import ATOM, POWER, Shown

__all__ = ["Spelled", "occurrences"]

_ASCII_PRIMES = str.maketrans({"′": "'", "″": "''", "‴": "'''"})
_COMMAND = {letter: word for word, letter in reversed(GREEK.items())}


class Spelled(ABC):
    """What a printer of one equation knows of names."""

    ascii: bool
    names: frozenset[str]
    indices: set[str]
    dims: dict[Dim, str]

    @abstractmethod
    def shown(self, n: Expr, below: list[Shown]) -> Shown:
        """The text of a node whose children are shown."""

    def _function(self, name: str) -> str:
        stem = name.rstrip("′″‴")
        primes = name[len(stem) :]
        if stem == "sigmoid" and not self.ascii and "σ" not in self.names:
            stem = "σ"
        if not self.ascii:
            return stem + primes
        stem, label = stem_and_label(stem)
        return self._name(stem) + (f"^({label})" if label else "") + primes.translate(_ASCII_PRIMES)

    def _dim(self, n: Dim) -> str:
        letter = self.dims.get(n)
        if letter is not None:
            return f"dim({self._name(letter)})"
        return f"dim({self._tensor_name(n.tensor, rank=0)}, {n.axis})"

    def _tensor(self, n: Tensor, below: list[Shown], left: bool = False) -> Shown:
        letters = occurrences(n.subscripts)
        if is_derivative(n.name):
            return Shown(POWER, (self._derivative(n, below),), letters)
        name = self._tensor_name(n.name, len(n.subscripts))
        if not n.subscripts and not left and n.name in self.indices:
            return Shown(ATOM, (name + "[]",))
        return Shown(ATOM, (name, self._subscripts(n.subscripts, below)), letters)

    def _derivative(self, n: Tensor, below: list[Shown]) -> str:
        """``∂y_i/∂x_k``: the name has one · for every subscript of each tensor in it."""
        made = parts_of_name(n.name)
        assert isinstance(made, Derivative)
        shown: list[str] = []
        at = 0
        for tensor, k in zip((made.of, *made.by), made.slots, strict=True):
            entry = self._subscripts(n.subscripts[at : at + k], below[at : at + k])
            sign = "partial" if self.ascii else "∂"
            if at == 0 and not shown and made.order > 1:
                sign += f"^{made.order}" if self.ascii else "⁰¹²³⁴⁵⁶⁷⁸⁹"[made.order]
            shown.append(sign + " " * self.ascii + self._tensor_name(str(tensor), k) + entry)
            at += k
        return shown[0] + "/" + (" " if self.ascii else "").join(shown[1:])

    def _tensor_name(self, name: str, rank: int) -> str:
        stem, label = stem_and_label(name)
        if label:
            label = f"^({label})" if rank else f"^{{({label})}}"
        adjoints = len(stem) - len(innermost(stem))
        if self.ascii and adjoints and stem[adjoints : adjoints + 1].isalpha():
            return "delta " * adjoints + self._name(stem[adjoints:]) + self._ascii_label(label)
        if self.ascii and stem == "δ":
            return "delta" + label
        return self._name(stem) + (self._ascii_label(label) if self.ascii else label)

    def _ascii_label(self, label: str) -> str:
        return label

    def _name(self, name: str) -> str:
        """A name, Greek letters as LaTeX commands on an ASCII terminal."""
        if not self.ascii or name.isascii():
            return name
        words = ["\\" + _COMMAND[c] if c in _COMMAND else c for c in name]
        if len(words) == 1:
            return words[0]
        spaced = "".join(w + " " if w[0] == "\\" else w for w in words).rstrip()
        return "\\mathrm{" + spaced + "}"

    def _subscripts(self, subscripts: Sequence[Expr], below: Sequence[Shown]) -> str:
        if not subscripts:
            return ""
        plain = [s.name for s in subscripts if isinstance(s, Index)]
        if len(plain) == len(subscripts):
            return self._indexed("", plain)
        if len(subscripts) == 1 and isinstance(subscripts[0], Number) and subscripts[0].value in range(10):
            return f"_{subscripts[0].value}"
        return "[" + ", ".join(self._subscript(s, t) for s, t in zip(subscripts, below, strict=True)) + "]"

    def _indexed(self, name: str, letters: Sequence[str]) -> str:
        """``Σ_ij`` and the like: compact where every index is one letter."""
        if all(len(i) == 1 for i in letters):
            if self.ascii and not all(i.isascii() for i in letters):
                return name + "_{" + " ".join(self._name(i) for i in letters) + "}"
            return f"{name}_{''.join(letters)}"
        return f"{name}[{', '.join(self._name(i) for i in letters)}]"

    def _subscript(self, s: Expr, t: Shown) -> str:
        return self._affine(s) if isinstance(s, (Add, Mul, Dim, Call)) else t.text() + _scalar(s)

    def _affine(self, s: Expr) -> str:
        """``2x+u-1``, with sizes in their long form."""
        out = ""
        for k, part in enumerate(terms_of(s)):
            factors = factors_of(part)
            minus = isinstance(factors[0], Number) and factors[0].value < 0
            text, below = "", ""
            for f in factors:
                if isinstance(f, Number):
                    piece = "" if abs(f.value.numerator) == 1 and len(factors) > 1 else str(abs(f.value.numerator))
                    below = f"/{f.value.denominator}" if f.value.denominator > 1 else ""
                elif isinstance(f, Dim):
                    piece = f"dim({self._tensor_name(f.tensor, rank=0)}, {f.axis})"
                elif isinstance(f, (Add, Mul)):
                    piece = f"({self._affine(f)})"
                elif isinstance(f, Call) and f.function == "floor":
                    piece = f"floor({self._affine(f.args[0])})"
                elif is_reciprocal(f) and text:
                    text += f"/{self._affine(f.children[0])}"
                    continue
                elif isinstance(f, Tensor):
                    piece = self._tensor(f, [self.shown(c, []) for c in f.subscripts]).text() + _scalar(f)
                else:
                    piece = self._name(f.name) if isinstance(f, Index) else str(f)
                if below and not isinstance(f, Number) and not f.free:
                    piece, below = piece + below, ""
                tight = text.isdigit() and piece[:1].isalpha() and piece[:1] not in "eE"
                text += piece if not text or tight else " " + piece
            out += ("-" if minus else "+" if k else "") + text
        return out


def _scalar(s: Expr) -> str:
    """What tells a scalar among subscripts from an index of its name: ``x[k[]]``."""
    return "[]" if isinstance(s, Tensor) and not s.subscripts else ""


def occurrences(subscripts: Sequence[Expr]) -> tuple[str, ...]:
    """The letters of subscripts in reading order, as often as they are written."""
    found: list[str] = []
    stack = list(reversed(subscripts))
    while stack:
        s = stack.pop()
        if isinstance(s, Index):
            found.append(s.name)
        else:
            stack.extend(reversed(s.children))
    return tuple(found)
