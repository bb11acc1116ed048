"""A formula as people see it: lines of math, in every output format, with the convention that they follow.

In: equations and a Convention. Out: a Formula, printable as Unicode, LaTeX, Typst, NumPy and JAX code. Whether the
formula is right is checked elsewhere, on numbers; this file knows none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from tensorprop.core.build import ZERO
from tensorprop.core.equation import Equation, Fact, Outside, Range, System, system
from tensorprop.core.expr import Dim, Expr, Index, Sum, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import is_adjoint, is_derivative, primal
from tensorprop.core.plane import said_complex
from tensorprop.core.ranges import infer
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import TensorpropError
from tensorprop.face import Face
from tensorprop.render import dialects, snippet
from tensorprop.render import trees as m
from tensorprop.render.code import ArrayCode, identifier
from tensorprop.render.dialects import Dialect
from tensorprop.render.entries_code import array_code, einsums, loops, spec_of
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.choose import lines
from tensorprop.render.matrices.convolved import read_inside
from tensorprop.render.matrices.line import Legend, Line
from tensorprop.render.matrices.masks import ToldMask, as_mask, with_masks
from tensorprop.render.matrices.stand_ins import Read, picks
from tensorprop.render.matrices.treatments import Style as Handling
from tensorprop.render.notation import Notation
from tensorprop.render.pen import Pen, Style
from tensorprop.render.printer import TreePrinter
from tensorprop.render.reading.typst import from_typst
from tensorprop.render.snippet import ArrayLibrary
from tensorprop.render.time_code import timed
from tensorprop.render.window_code import NoCode

__all__ = ["Formula", "render", "told"]

_WIDTH = 88  # columns within which several short formulas share a line


Runs: TypeAlias = Callable[[Equation | System, str, frozenset[str]], bool]
"""Whether code for an equation, or for a page, gives what it says, the arrays of some names transposed."""


def _unchecked(eq: Equation | System, text: str, turned: frozenset[str]) -> bool:
    return True


Reads: TypeAlias = Callable[[Line, str, Convention, tuple[Equation, ...]], bool]
"""Whether the text of a line is read as its equation, beside the others of its page."""

_READ = ("unicode", "ascii", "latex", "typst")


def _unread(line: Line, text: str, convention: Convention, page: tuple[Equation, ...]) -> bool:
    return True


@dataclass(frozen=True, repr=False)
class Formula(Face):
    """Equations as formulas in vectors and matrices; ``str`` is the Unicode.

    ``lines``: one for each equation. ``bare``: only right sides are shown, as for an einsum spec. ``timed``: the page,
    if it has recurrences.
    """

    lines: tuple[Line, ...]
    style: Convention
    bare: bool = False
    runs: Runs = field(default=_unchecked, compare=False, repr=False)
    reads: Reads = field(default=_unread, compare=False, repr=False)
    timed: System | None = field(default=None, compare=False, repr=False)
    page: System | None = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> Literal["matrix", "batched", "index"]:
        """``matrix``; ``batched`` where an index is carried along; ``index`` where a line has no matrix form."""
        if any(line.right is None for line in self.lines):
            return "index"
        return "batched" if any(line.carried for line in self.lines) else "matrix"

    @property
    def why(self) -> str:
        """Why there is no matrix form; empty where there is one."""
        return "; ".join(dict.fromkeys(line.why for line in self.lines if line.right is None))

    @property
    def convention(self) -> str:
        """What the formula takes for granted, in one line."""
        trees = [t for line in self.lines for side in (line.left, line.right) if side for t in side.walk()]
        names = [t for t in trees if isinstance(t, m.Name)]
        derivatives = any(is_derivative(t.tensor) or (is_adjoint(t.tensor)) for t in names)
        equations = [line.equation for line in self.lines]
        batched = any(self.style.leads(t) for eq in equations for t in (eq.target, *tensors_of(eq.value)))
        notes = [self.style.says(derivatives, batched)]
        if any(isinstance(t, m.Along) and t.keeps and t.over == "rows" for t in trees):
            notes.append("softmax acts on each row")
        sizes = dict.fromkeys(t.letter for t in trees if isinstance(t, m.IndexSize) and "," not in t.letter)
        notes += [f"|{i}| is the size of {i}" for i in sizes]
        if any(isinstance(t, m.Ones) for t in trees):
            notes.append("1 is a vector of ones")
        slid = {(t.flipped, *t.steps) for t in trees if isinstance(t, m.Convolved)}
        notes += [_slides(Pen(dialects.UNICODE, Style()), *found) for found in sorted(slid)]
        padded = {words.split()[0] for line in self.lines for words in line.offsets}
        notes += [_OFFSET[word] for word in sorted(padded)]
        notes += dict.fromkeys(said for n in names if n.read is not None and (said := _says(n.read)))
        return "; ".join(notes)

    # ----------------------------------------------------------------- output
    @property
    def unicode(self) -> str:
        """Text for a terminal."""
        return self.written(dialects.UNICODE)

    @property
    def ascii(self) -> str:
        """Text for a terminal that has ASCII alone."""
        return self.written(dialects.ASCII)

    @property
    def latex(self) -> str:
        """LaTeX for math mode, without environments."""
        return self.written(dialects.LATEX)

    @property
    def typst(self) -> str:
        """Typst's math notation."""
        return self.written(dialects.TYPST)

    @property
    def mathml(self) -> str:
        """MathML, as browsers take it."""
        return self.written(dialects.MATHML)

    @property
    def numpy(self) -> str:
        """NumPy code, one statement a line; for an einsum spec an expression."""
        return self._code(snippet.NUMPY)

    @property
    def jax(self) -> str:
        """JAX code."""
        return self._code(snippet.JAX)

    @property
    def torch(self) -> str:
        """PyTorch code; what its functions mean is looked up in a table, and computed with NumPy."""
        return self._code(snippet.TORCH)

    @property
    def einsum(self) -> str:
        """A call of ``np.einsum`` for each equation, or a chain of them, two operands at a time.

        Arrays are as in the equations. What is no bare product is array code with an axis for every index.
        """
        return self._entries(einsums)

    @property
    def loop(self) -> str:
        """The equations as nested Python loops over every index, their arrays as in the equations."""
        if self.timed is not None:
            taken = [identifier(name) for name in self.timed.names]
            return self._steps(self.timed, snippet.NUMPY, lambda line: loops(line.equation, taken, self.style.plane))
        return self._entries(lambda eq, page: loops(eq, (), self.style.plane, page), wide=False)

    def __str__(self) -> str:
        return self.unicode

    def __hash__(self) -> int:
        return hash((self.lines, self.bare))

    def written(self, to: Dialect) -> str:
        """The formula in a dialect: short lines beside one another, each with what holds for every value of it.

        A text that is not read as its equation is written with spaces between names, and else in index notation.
        """
        style = Style(self.style.adjoint, self.style.bold, True, self._time(), self.style.names, self._sizes())
        full = TreePrinter(to, style)
        notation = Notation(to, style, exact=True)
        terminal = to.page[0] == "\n"
        shown: list[str] = []
        for line in self.lines:
            sides = self._sides(line, to, style)
            if sides is None:
                shown.append(notation.equation(line.equation))
                continue
            right = sides[1] + (line.note if terminal else _noted(line.note, to))
            shown.append(right if self.bare else f"{sides[0]} {to.sign('=')} {right}")
        legends = {self._legend(line) for line in self.lines}
        if len(legends) == 1 and not (self.bare and len(self.lines) > 1):
            end = told(next(iter(legends)), full.pen)
            together = to.comma.join(shown)
            if not terminal or len(together) + len(end) <= _WIDTH:
                shown = [together + end]
            elif end:
                shown.append(end.strip())
        else:
            every = [self._legend(line) for line in self.lines]
            page = () if self.bare else tuple(part for part in every[0] if part[0] != "for every" and part[1])
            own = [tuple(part for part in legend if part not in page) for legend in every]
            shown = [text + told(legend, full.pen) for text, legend in zip(shown, own, strict=True)]
            if page:  # what is taken as one is so in every line, and told once
                shown.append(told(page, full.pen).strip())
        return to.page[1].format(to.page[0].join(map(to.line.format, shown)))

    def _sides(self, line: Line, to: Dialect, style: Style) -> tuple[str, str] | None:
        """Both sides as text that says what the equation says; None where there is none."""
        if line.right is None or line.left is None:
            return None
        page = () if self.bare else tuple(other.equation for other in self.lines)
        style = style if self.bare or style.time or not _evident(line) else replace(style, labels=False)
        style = replace(style, shared=line.shared(self.bare))
        for way in (to, replace(to, tight=False)) if to.tight else (to,):
            printer = TreePrinter(way, style)
            left, right = printer.show(line.left), printer.show(line.right)
            read = (left, right)
            if style.names:  # names that somebody chose are put in for what was read
                plain = TreePrinter(way, replace(style, names={}))
                read = plain.show(line.left), plain.show(line.right)
            text = f"{read[0]} = {read[1]}{told(line.legend, printer.pen)}"
            if to is dialects.TYPST:  # of which not every text bears a mark
                text = from_typst(text)
            if to.name not in _READ or self.reads(line, text, self.style, page):
                return left, right
        return None

    def _legend(self, line: Line) -> Legend:
        """How a line is read; on a page of several, what is taken as one is the same for all."""
        groups = dict.fromkeys(g for other in self.lines for g in other.joined)
        if len(self.lines) == 1 or self.bare or not groups:
            return line.legend
        defined = tuple((words, ()) for words in line.defined)
        every = tuple(part for part in line.legend if part[0] == "for every")
        return (*(("", (g,)) for g in groups), *defined, *every)

    def _time(self) -> frozenset[str]:
        """The letters of time of the loops on the page."""
        return frozenset(line.seen.time for line in self.lines if line.seen is not None and line.seen.time)

    def _sizes(self) -> dict[tuple[str, int], str]:
        """A letter for every axis whose size stands in a subscript: that of time, or another that runs as far."""
        reads = [e for line in self.lines if line.seen is not None for _, e in line.seen.entries]
        axes = {(d.tensor, d.axis) for e in reads for d in postorder(e) if isinstance(d, Dim)}
        if not axes or self.page is None:
            return {}
        ranges, time = infer(self.page), self._time()
        letters: dict[tuple[str, int], dict[str, None]] = {}
        for eq in self.page:
            for i, axis in ranges.letters(eq).items():
                letters.setdefault(ranges.find(*axis), {}).setdefault(i)
        near = {axis: [*letters.get(ranges.find(*axis), ())] for axis in axes}
        return {axis: next((i for i in found if i in time), found[0]) for axis, found in near.items() if found}

    def _entries(self, write: Callable[[Equation, System | None], str], wide: bool = True) -> str:
        """Code without matrices for every equation; of an ellipsis as one call (``wide``), else of one index for it."""
        out: list[str] = []
        for line in self.lines:
            try:
                if line.leading is not None:
                    eq, name = line.leading[0], identifier(line.equation.name)
                    text = f"{name} = {_ellipsis(line.leading, snippet.NUMPY)}" if wide else write(eq, None)
                    out.append(text if self.runs(eq, text, frozenset()) else f"# no code: {_indexed(eq)}")
                    continue
                if self.timed is not None:
                    raise NoCode("a page with steps of time is no einsum; see .numpy and .loop")
                page = _told_of(line, self.page)
                text = write(line.equation if page is None else next(iter(page)), page)
                if not self.runs(line.equation if page is None else page, text, frozenset()):
                    raise NoCode("an entry outside of an array is read")
            except NoCode as no:
                text = f"# {no}: {_indexed(line.equation)}"
            out.append(text)
        return "\n".join(out)

    def _steps(self, s: System, to: ArrayLibrary, write: Callable[[Line], str]) -> str:
        """Code of a page with recurrences: loops over time, in which every line is the code of one step."""
        try:
            text = timed(self.lines, s, to, write)
            if self.runs(s, text, frozenset()):
                return text
            raise NoCode("what could be written is not what the equations say")
        except NoCode as no:
            return "\n".join((f"# no code, since {no}:", *(f"# {_indexed(line.equation)}" for line in self.lines)))

    def _code(self, to: ArrayLibrary) -> str:
        if self.timed is not None:
            return self._steps(self.timed, to, lambda line: _statement(line, to))
        turned = self._turned()
        out: list[str] = []
        for line, to in ((line, replace(to, like=self._like(line, to))) for line in self.lines):
            page = _told_of(line, self.page)
            if page is None and (line.seen is None or not (line.seen.entries or line.seen.windows or line.seen.time)):
                text = _line(line, to, turned)
            else:
                text = _entry_by_entry(line, to, turned, page)
            statement = f"{identifier(line.equation.name)} = {text}"
            if line.leading is not None:
                text = self._over_leading(line.leading, text, identifier(line.equation.name), to)
                statement = f"{identifier(line.equation.name)} = {text}"
            elif text.startswith("#"):
                statement = text
            elif not self.runs(line.equation if page is None else page, statement, turned):
                text = statement = f"# an entry outside of an array is read: {_indexed(line.equation)}"
            out.append(text if self.bare else statement)
        return "\n".join(out)

    def _like(self, line: Line, to: ArrayLibrary) -> str:
        """The first array of a line that holds no whole numbers, where what PyTorch code makes takes its dtype."""
        whole = whole_numbers(self.page or system([line.equation]))
        names = (t.name for t in tensors_of(line.equation.value) if t.name not in whole)
        return identifier(next(names, "")) if to.prefix == "torch" else ""

    def _over_leading(self, leading: tuple[Equation, str], text: str, name: str, to: ArrayLibrary) -> str:
        """Code that serves axes in front, too: as it is, with ``.mT``, that of one more index, or as one einsum."""
        (line,) = lines(system([leading[0]]), self.style)
        for way in (text, text.replace(".T", ".mT"), _line(line, to, frozenset())):
            try:
                each = (leading[0], _twice(*leading), *_lacking(*leading))
                if not way.startswith("#") and all(self.runs(eq, f"{name} = {way}", frozenset()) for eq in each):
                    return way
            except TensorpropError:
                continue
        return _ellipsis(leading, to)

    def _turned(self) -> frozenset[str]:
        """Matrices whose first axis the convention takes for the columns'; those that only a rule names among them."""
        found = set[str]()
        for line in self.lines:
            for t in (line.equation.target, *tensors_of(line.equation.value)):
                for x in (t, Tensor(primal(t.name), t.subscripts)) if is_adjoint(t.name) else (t,):
                    if len(x.subscripts) == 2 and self.style.placed(x, (0, 1))[0] == (1, 0):
                        found.add(x.name)
        return frozenset(found)


_OFFSET = {
    "offset": "offset p: a is read p places further on, at x + u + p",
    "padding": "padding p: p zeros stand before a, which is read at x + u − p",
}


def _slides(pen: Pen, flipped: bool, stride: str, dilation: str) -> str:
    """What a sign of a convolution means; of several directions the first tells the others."""
    x, u = (n.partition(",")[0].replace("1", "") for n in (stride, dilation))
    sign = pen.slides(flipped, stride, dilation)
    return f"(a {sign} k)_x = Σ_u a[{x}x {'−' if flipped else '+'} {u}u] k_u"


def _says(read: Read) -> str:
    """What a sign for entries at places means."""
    axis = picks(read)
    place = read.children[axis or 0]
    if not isinstance(place, Tensor) or (axis is None and isinstance(read, Tensor)):
        return ""
    if isinstance(read, Tensor):
        return f"{read.name}[{place.name}] is what stands in {read.name} where {place.name} says"
    return f"onehot({place.name}) has a 1 where {place.name} says, in each row"


def told(legend: Legend, pen: Pen) -> str:
    """A legend behind a formula: ``(rows (b,t), for every h)``."""
    if not legend:
        return ""
    tex = pen.to.name == "latex"
    parts: list[str] = []
    for words, groups in legend:
        letters = [",".join(map(pen.letter if tex else str, g)) for g in groups]
        if not groups and (mask := as_mask(words)) is not None:
            parts.append(_mask(mask, pen))
            continue
        if not groups and "=" in words:  # for t = 0, 1, …
            parts.append(_mathematics(words, pen))
            continue
        if not groups:
            parts.append(f"\\mathrm{{{_upright(words, pen.to)}}}" if tex else words)
            continue
        shown = ", ".join(f"({one})" if len(g) > 1 else one for one, g in zip(letters, groups, strict=True))
        words, after = (words, "") if words else ("", " as one")
        if tex:
            words = f"\\mathrm{{{_upright(words, pen.to)}}}\\ " if words else ""
            after = f"\\ \\mathrm{{{_upright(after.strip(), pen.to)}}}" if after else ""
        parts.append(words + " " * bool(words and not tex) + shown + after)
    text = f"({', '.join(parts)})"
    return pen.to.quad + (text if tex else pen.to.prose.format(text))


def _mask(mask: ToldMask, pen: Pen) -> str:
    """``L_tu = [u ≤ t]``, ``M_tu = 0 where u ≤ t, −∞ elsewhere``."""
    sign, one, other = pen.to.sign, pen.letter(mask.left), pen.letter(mask.right)
    whole = pen.subscript(pen.letter(mask.name), [pen.letter(i) for i in mask.letters])
    order = f"{one} {sign(mask.relation)} {other}"
    where, elsewhere = (_word(w, pen.to) for w in ("where", "elsewhere"))
    text = f"0{where} {order}, {sign('−∞')}{elsewhere}" if mask.added else f"{sign('[')}{order}{sign(']')}"
    text = f"{whole} {sign('=')} {text}".removesuffix("\\")
    return f'" {text} "' if pen.to.name == "typst" else text


def _word(word: str, to: Dialect) -> str:
    """A word behind a sign."""
    return f"\\ \\mathrm{{{word}}}\\" * (to.name == "latex") or f' "{word}"' * (to.name == "typst") or f" {word}"


def _mathematics(words: str, pen: Pen) -> str:
    """Words of a legend that hold an equation."""
    text = words.replace("…", "..." if pen.to.name == "ascii" else "…")
    head, _, after = text.rpartition(" = ")
    tex = pen.to.name == "latex"
    if head.startswith("for "):
        letter = head.removeprefix("for ")
        if tex:
            return f"\\mathrm{{for}}\\ {pen.letter(letter)} = {after}".replace("…", r"\dots")
        return text
    names = ", ".join(map(pen.name if pen.to.name in ("latex", "ascii") else str, head.split(", ")))
    return f"{names} = {after}" if not tex else f"{names} = {after.replace(' ', chr(92) + ' ' + chr(92) + 'mathrm{')}}}"


def _noted(note: str, to: Dialect) -> str:
    """How a result of higher order is to be read, upright."""
    return to.quad + to.prose.format(_upright(note.strip(" ,"), to)) if note else ""


def _upright(words: str, to: Dialect) -> str:
    return words.replace("–", "-").replace(" ", r"\ ") if to.name == "latex" else words


def render(
    s: System,
    convention: Convention,
    carry: tuple[str, ...] | None = None,
    bare: bool = False,
    style: Handling = None,
) -> Formula:
    """The formula of every equation, not yet checked on numbers."""
    convention = convention.over(s)
    found = with_masks(lines(s, convention, carry, style), s)
    return Formula(found, convention, bare, timed=s if s.recurrent else None, page=s)


def _evident(line: Line) -> bool:
    """Whether every name has all the carried indices, so that they need not be shown."""
    for side in (line.left, line.right):
        for t in side.walk() if side else ():
            if isinstance(t, m.Over):
                return False
            if isinstance(t, m.Name) and t.read is not None:
                return False
            if isinstance(t, m.Name) and t.slots and sorted(map(str, _cuts(t))) != sorted(line.carried):
                return False
    return True


def _cuts(t: m.Name) -> list[str | int]:
    return [s for s in t.slots if s is not None]


def _indexed(eq: Equation) -> str:
    return Notation(dialects.UNICODE, exact=True).equation(eq)


_MOVES = ("einsum", "tensordot", "swapaxes", "transpose", "permute")


def _statement(line: Line, to: ArrayLibrary) -> str:
    """A line as an assignment. Errors: NoCode."""
    text = _line(line, to, frozenset())
    if text.startswith("#"):
        raise NoCode(text[2:].partition(":")[0])
    if line.right is not None and any(isinstance(t, m.Over) for t in line.right.walk()):
        other = _entry_by_entry(line, to, frozenset())
        text = other if not other.startswith("#") and len(other) < len(text) else text
    return f"{identifier(line.equation.name)} = {text}"


def _told_of(line: Line, page: System | None) -> System | None:
    """An equation with what is stated of its ranges, and of what lies outside; None where nothing is."""
    eq = line.equation
    opened = {w.image.name for _, w in line.seen.windows if w.opened} if line.seen is not None else set[str]()
    names = {t.name for t in tensors_of(eq.value) if t.letters is None}
    letters = {n.name for n in postorder(eq.value) if isinstance(n, Index)}
    facts: list[Fact] = [Outside(name, ZERO) for name in sorted(opened)]
    if page is not None and names:  # np.correlate takes the conjugate of one
        facts += said_complex(page.complex & {t.name for t in tensors_of(eq.value)})
    for f in page.facts if page is not None else ():
        if (isinstance(f, Outside) and f.tensor in names) or (isinstance(f, Range) and f.letter in letters):
            facts.append(f)
    return system([read_inside(eq) if opened else eq], facts) if facts else None


def _entry_by_entry(line: Line, to: ArrayLibrary, turned: frozenset[str], page: System | None = None) -> str:
    """The right side as code in which every index is an axis."""
    name = line.equation.name
    eq = next(iter(page)) if page is not None else line.equation
    try:
        return array_code(_as_shown(eq, turned), to, (name in turned) != (primal(name) in turned), page)
    except NoCode as no:
        return f"# {no}: {_indexed(line.equation)}"


def _ellipsis(leading: tuple[Equation, str], to: ArrayLibrary) -> str:
    """One einsum, an ellipsis in place of the index that stands for it."""
    eq, letter = leading
    factors = factors_of(eq.value.body if isinstance(eq.value, Sum) else eq.value)
    places = [t.letters or () for t in (*factors, eq.target) if isinstance(t, Tensor)]
    taken = {i for place in places for i in place if len(i) == 1}
    free = (i for i in "abcdefghijklmnopqrstuvwxyz" if i not in taken)
    short = {i: i if len(i) == 1 else next(free) for i in dict.fromkeys(i for place in places for i in place)}
    short[letter] = "..."
    *into, out = ("".join(short[i] for i in place) for place in places)
    names = ", ".join(identifier(t.name) for t in factors if isinstance(t, Tensor))
    return f'{to.call("einsum")}("{",".join(into)}->{out}", {names})'


def _twice(eq: Equation, letter: str) -> Equation:
    """The equation with two indices in place of one."""

    def rule(e: Expr) -> Expr:
        if not isinstance(e, Tensor):
            return e
        both = (Index(letter), Index(f"{letter}1"))
        return Tensor(e.name, tuple(n for s in e.subscripts for n in (both if s == both[0] else (s,))))

    target = rule(eq.target)
    assert isinstance(target, Tensor)
    return Equation(target, transform(eq.value, rule))


def _lacking(eq: Equation, letter: str) -> Iterator[Equation]:
    """The equations in which the ellipsis of one operand among several stands for no axis, as broadcasting allows."""
    having = [t.name for t in tensors_of(eq.value) if Index(letter) in t.subscripts]
    for name in having if len(having) > 1 else ():

        def rule(e: Expr, name: str = name) -> Expr:
            if not (isinstance(e, Tensor) and e.name == name):
                return e
            return Tensor(name, tuple(i for i in e.subscripts if i is not Index(letter)))

        yield Equation(eq.target, transform(eq.value, rule))


def _line(line: Line, to: ArrayLibrary, turned: frozenset[str]) -> str:
    """The right side as code: of matrices; as one einsum where axes would have to be moved; entry by entry."""
    eq = _as_shown(line.equation, turned)
    found = spec_of(eq)
    product = None if found is None else f'{to.call("einsum")}("{found[0]}", {", ".join(found[1])})'
    if line.right is not None and isinstance(line.left, m.Name) and line.left.kind != "tensor":
        carried = (*line.carried, *(i for t in line.right.walk() if isinstance(t, m.Over) for i in t.letters))
        order = [i for i in line.equation.letters if i in carried]
        code = ArrayCode(to, turned, tuple(dict.fromkeys((*order, *carried))))
        try:
            text = code.line(line.right, line.left)
        except NoCode as no:
            text = _entry_by_entry(line, to, turned)
            return f"# {no}: {_indexed(line.equation)}" if text.startswith("#") else text
        if found is None or len(found[1]) == 1 or not any(move in text for move in _MOVES):
            return text
    value = eq.value
    if isinstance(value, Tensor) and value.letters and sorted(value.letters) == sorted(eq.letters):
        moved = snippet.Snippet(identifier(value.name), snippet.ATOM, "tensor", value.letters)
        return snippet.Bench(to).ordered(moved, eq.letters).text
    return product if product is not None else _entry_by_entry(line, to, turned)


def _as_shown(eq: Equation, turned: frozenset[str]) -> Equation:
    """The equation of the arrays as the formula shows them: those that the convention turns are transposed."""

    def rule(e: Expr) -> Expr:
        return Tensor(e.name, e.subscripts[::-1]) if isinstance(e, Tensor) and e.name in turned else e

    if not turned:
        return eq
    target = rule(eq.target)
    assert isinstance(target, Tensor)
    return Equation(target, transform(eq.value, rule))
