"""A model told as a person reads it: its blocks once, each under a heading, then the lines that use them.

In: a Layer that was put together from others, and how. Out: a text that `compose` reads, and that is given out only if
it is read as this very Layer,

    Dense(a; W, b):
        z_bj = a_bi W_ij + b_j
    model(a):
        x = Dense(a)
        y = Dense(x)

Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tensorprop.calculus.page import Page
from tensorprop.calculus.source import names_in
from tensorprop.core.build import rename
from tensorprop.core.canon import same
from tensorprop.core.equation import Equation, Fact, Range
from tensorprop.core.expr import Expr, Index
from tensorprop.core.names import primal
from tensorprop.errors import TensorpropError
from tensorprop.layers.layer import Layer
from tensorprop.package import verb
from tensorprop.text import show

__all__ = ["Blocks", "Use"]

_MANY = 6  # tensors that a line names in a remark


class Use(NamedTuple):
    """A line ``y = Page(x, W=V)``: what it gives, which page, what of its inputs is which tensor, what
    it learns, and how often."""

    gives: tuple[str, ...]
    page: Layer
    fed: Mapping[str, str]
    learns: tuple[str, ...]
    times: int | bool | None = None


class Blocks(NamedTuple):
    """How a Layer was put together: lines that use others, and equations, in the order in which they are worked out.

    ``rules`` are written rules of the equations, ``parameters`` what these learn.
    """

    lines: tuple[Use | Equation, ...]
    rules: tuple[Equation, ...] = ()
    parameters: tuple[str, ...] = ()

    def around(self, total: Equation) -> Blocks:
        """The same with an equation more at the end."""
        return self._replace(lines=(*self.lines, total))

    def text(self, whole: Layer) -> str | None:
        """The text, if some block is used more than once and the text is read as the Layer ``whole``."""
        told = _Telling(whole.name)
        told.heading(whole)
        if not told.again:
            return None
        text = "\n".join(told.said)
        try:
            read = verb("compose")(text)
        except TensorpropError:
            return None
        return text if _alike(read, whole) else None


# --------------------------------------------------------------------------- what is said
class _Telling:
    """The text, from the innermost block to the whole."""

    def __init__(self, whole: str) -> None:
        self.whole = whole  # what the model is called, and no block in it
        self.said: list[str] = []
        self.called: dict[Layer, str] = {}
        self.inside = 0  # how many blocks are being told
        self.again = False  # whether a block is used more than once

    def heading(self, layer: Layer) -> str:
        """What a block is called; it is told where that is asked for the first time."""
        if layer in self.called:
            self.again = True
            return self.called[layer]
        blocks = layer.blocks if isinstance(layer.blocks, Blocks) else None
        self.inside += 1
        body = self._equations(layer) if blocks is None else self._lines(layer, blocks)
        self.inside -= 1
        last = not self.inside
        name, n = layer.name, 1
        while name in self.called.values() or (name == self.whole and not last):
            name, n = f"{layer.name}{n + 1}", n + 1
        self.called[layer] = name
        learnt = names_in(layer.parameters) if blocks is None else blocks.parameters
        told = (", ".join(names) for names in (_order(layer), learnt))
        self._under(f"{name}({'; '.join(filter(None, told))}):", body)
        if blocks is None and layer.for_inference is not layer:
            self._under(f"{name} at inference:", self._equations(layer.for_inference, rules=False))
        return name

    def _under(self, heading: str, body: Iterable[str]) -> None:
        self.said += [heading, *("    " + line for part in body for line in part.splitlines())]

    def _equations(self, layer: Layer, rules: bool = True) -> list[str]:
        """The page of a block that is equations; rules that nobody wrote are remarks."""
        page = layer.page
        given = [f"{show(x)} = {show(y)}" for x, y in page.given]
        lines = [show(page.system), *given]
        if rules:
            mine = {eq.name for eq in (*page.rules, *page.parts)}
            lines.append("backward:" if mine else "# backward")
            for eq, line in zip(layer.rules, map(show, layer.rules), strict=True):
                lines.append(line if eq.name in mine else f"# {line}    derived")
        return lines

    def _lines(self, layer: Layer, blocks: Blocks) -> list[str]:
        """The lines that use blocks, each with what it learns as a remark, and equations."""
        lines: list[str] = []
        for line in blocks.lines:
            if isinstance(line, Equation):
                lines += [show(line)]
                continue
            self.again |= line.times is not None
            given = [line.fed[i] for i in _order(line.page)]
            learnt = names_in(line.page.parameters)
            given += [f"{p}={t}" for p, t in line.fed.items() if p in learnt]
            given += [] if line.times is None else [f"repeat={line.times}"]
            called = self.heading(line.page)
            learns = line.learns
            some = learns if len(learns) <= _MANY else (learns[0], "…", learns[-1])
            remark = f"    # {' '.join(some)}" if some else ""
            lines.append(f"{', '.join(line.gives)} = {called}({', '.join(given)}){remark}")
        return [*lines, *map(show, blocks.rules)]


def _order(layer: Layer) -> list[str]:
    """What a layer takes, in the order in which a line gives it."""
    return sorted(layer.inputs, key=lambda i: i != layer.takes)


# --------------------------------------------------------------------------- what was read again
def _alike(read: Layer, whole: Layer) -> bool:
    """Whether two Layers are one but for letters, and rules that reading derives: those of what several lines read."""
    if tuple(read.parameters) != tuple(whole.parameters) or set(read.inputs) != set(whole.inputs):
        return False
    variants = read.for_inference, whole.for_inference
    if (variants[0] is read) != (variants[1] is whole):
        return False
    pages = [(read.page, whole.page)]
    if variants[0] is not read:
        pages.append((variants[0].page, variants[1].page))
    return all(_same_page(a, b) for a, b in pages)


def _same_page(read: Page, whole: Page) -> bool:
    lines = {eq.name for eq in read.rules}
    rules = [eq for eq in whole.rules if eq.name in lines or not _read_twice(whole, primal(eq.name))]
    return (
        _same_lines(read.system, whole.system)
        and _same_lines(read.rules, rules)
        and _same_lines(read.parts, whole.parts)
        and len(read.given) == len(whole.given)
        and set(map(_but_for_letters, read.system.facts)) == set(map(_but_for_letters, whole.system.facts))
    )


def _but_for_letters(fact: Fact) -> object:
    """What a line of facts says, whatever its letter is called."""
    return fact.size if isinstance(fact, Range) else fact


def _read_twice(page: Page, name: str) -> bool:
    """Whether several lines read a tensor, or what starts with it is read by several."""
    readers = [eq for eq in page.system if name in eq.inputs]
    starts = len(readers) == 1 and readers[0].place is not None and readers[0].name != name
    return len(readers) > 1 or (starts and _read_twice(page, readers[0].name))


def _same_lines(these: Iterable[Equation], those: Iterable[Equation]) -> bool:
    """Whether the lines say the same, in whatever order and letters."""
    left, right = _by_name(these), _by_name(those)
    return left.keys() == right.keys() and all(
        len(left[n]) == len(right[n]) and all(any(_same_line(a, b) for b in right[n]) for a in left[n]) for n in left
    )


def _by_name(lines: Iterable[Equation]) -> Mapping[str, Sequence[Equation]]:
    found: dict[str, list[Equation]] = {}
    for eq in lines:
        found.setdefault(eq.name, []).append(eq)
    return found


def _same_line(this: Equation, that: Equation) -> bool:
    if len(this.target.subscripts) != len(that.target.subscripts):
        return False
    pairs = zip(this.target.subscripts, that.target.subscripts, strict=True)
    new = {a.name: b.name for a, b in pairs if isinstance(a, Index) and isinstance(b, Index)}

    def moved(e: Expr) -> Expr:
        return rename(e, new)

    return all(map(same, map(moved, this.target.subscripts), that.target.subscripts)) and same(
        moved(this.value), that.value
    )
