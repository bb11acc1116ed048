"""Code for pages with recurrences: a Python loop over time, in the direction in which it goes.

In: the lines of a page and its System. Out: statements, each block after what it needs. In a loop a tensor is a dict of
what it is at each step, ``h[t]``, and every line is the code of one step, written as any other line is; behind the loop
the steps are stacked. What is read there at ``t - 1`` is the array moved by one step, ``h_before``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from tensorprop.core.affine import shift
from tensorprop.core.build import MINUS_ONE
from tensorprop.core.equation import Equation, Loop, System, equation
from tensorprop.core.expr import Add, Bracket, Dim, Expr, Index, Number, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.render import trees as m
from tensorprop.render.code import identifier
from tensorprop.render.matrices.line import Line
from tensorprop.render.snippet import ArrayLibrary
from tensorprop.render.trees import MathTree
from tensorprop.render.window_code import NoCode

__all__ = ["timed"]

Write = Callable[[Line], str]
"""The code of a line without computed subscripts: statements that end in an assignment to its left side."""


def timed(lines: Iterable[Line], s: System, to: ArrayLibrary, write: Write) -> str:
    """The code of a page with loops. Errors: NoCode."""
    return "\n".join(_TimedPage(tuple(lines), s, to, write).statements())


class _TimedPage:
    def __init__(self, lines: tuple[Line, ...], s: System, to: ArrayLibrary, write: Write) -> None:
        self._lines = {line.equation: line for line in lines}
        self._s = s
        self._to = to
        self._write = write
        self._loops = {eq.name: b for b in s.blocks if isinstance(b, Loop) for eq in b.body}
        ranges = infer(s)
        self._kin = {axis: tuple(axes) for axes in ranges.classes() for axis in axes}
        self._made: set[str] = set(s.inputs)
        self._moved: dict[tuple[str, int], str] = {}
        self._out: list[str] = []

    def statements(self) -> list[str]:
        for block in self._s.blocks:
            if isinstance(block, Loop):
                self._loop(block)
            else:
                self._out += self._write(self._after(self._lines[block])).split("\n")
                self._made.add(block.name)
        return self._out

    def _letter(self, letter: str) -> str:
        """What a letter of time is called, beside the arrays."""
        name = identifier(letter)
        return name + "_" * (name in {identifier(n) for n in self._s.names})

    # ----------------------------------------------------------------- sizes
    def _size(self, tensor: str, axis: int) -> str:
        """How long an axis is, read off an array that is there already."""
        for name, k in sorted(self._kin.get((tensor, axis), ((tensor, axis),)), key=lambda a: (len(a[0]), a)):
            if name in self._made:
                return f"{identifier(name)}.shape[{k}]"
        raise NoCode(f"nothing tells how long axis {axis} of {tensor} is before it is made")

    def _steps(self, loop: Loop, eq: Equation) -> str:
        """How far the time of an equation of a loop runs."""
        letter, own = loop.time(eq)
        said = self._s.stated(letter)
        if isinstance(said, Number):
            return str(said.value)
        for t in (*tensors_of(eq.value), eq.target):
            for k, place in enumerate(t.subscripts):
                if isinstance(place, Index) and place.name == letter and (t.name not in loop.axes or not own):
                    try:
                        return self._size(t.name, k)
                    except NoCode:
                        continue
        return self._size(eq.name, loop.axes[eq.name])

    # ----------------------------------------------------------------- loops
    def _loop(self, loop: Loop) -> None:
        (letter, own), *others = dict.fromkeys(loop.time(eq) for eq in loop.body)
        if others:
            raise NoCode("equations of one loop write at different steps, or call time by different letters")
        steps = min((self._steps(loop, eq) for eq in loop.body), key=len)
        first = max([0, *(self._first(loop, eq, own) for eq in loop.body)])
        for eq in loop.body:
            if self._first(loop, eq, own) != first and loop.places(eq.name):
                raise NoCode("tensors of one loop start at different steps")
        end = _plus(steps, own)
        body = [text for eq in loop.body for text in self._write_step(self._lines[eq], loop, letter).split("\n")]
        head: list[str] = []
        for eq in loop.body:
            head.append(f"{identifier(eq.name)} = {{{', '.join(self._begun(loop, eq, end, first))}}}")
        for start in loop.starts:
            place = start.target.subscripts[loop.axes[start.name]]
            assert isinstance(place, Number)
            head += self._start(self._lines[start], int(place.value), loop)
        run = f"range({steps})" if not first else f"range({first}, {steps})"
        self._out += head
        self._out.append(f"for {self._letter(letter)} in {run if loop.step > 0 else f'reversed({run})'}:")
        self._out += [f"    {text}" for text in body]
        for eq in loop.body:
            name, axis = identifier(eq.name), loop.axes[eq.name]
            where = f", {self._to.axis}={axis}" if axis else ""
            each = f"[{name}[{self._letter(letter)}] for {self._letter(letter)} in range({end})]"
            self._out.append(f"{name} = {self._to.call('stack')}({each}{where})")
            self._made.add(eq.name)

    def _first(self, loop: Loop, eq: Equation, own: int) -> int:
        """The first time that the equation itself, and no start, gives."""
        places = [place for place, _ in loop.places(eq.name)]
        if not all(isinstance(p, Number) for p in places) or (places and loop.step < 0):
            raise NoCode("where a loop starts depends on sizes")
        return max([0, *(int(p.value) + 1 - own for p in places if isinstance(p, Number))])

    def _begun(self, loop: Loop, eq: Equation, end: str, first: int) -> list[str]:
        """What stands in the dict before the loop: what lies outside, where a step reads that."""
        value, axis = self._s.outside(eq.name), loop.axes[eq.name]
        own = loop.time(eq)[1]
        entries = [t for e in loop.body for t in tensors_of(e.value) if t.name == eq.name]
        gaps = {found[1] - own for t in entries if (found := shift(t.subscripts[axis])) is not None}
        held = {int(p.value) for p, _ in loop.places(eq.name) if isinstance(p, Number)}
        before = range(first + own + min(gaps, default=0), first + own) if loop.step > 0 else range(0)
        needed = [str(n) for n in before if n not in held]
        needed += [_plus(end, n) for n in range(max(gaps, default=0))] if loop.step < 0 else []
        if not needed:
            return []
        if not isinstance(value, Number):
            raise NoCode(f"nothing says what {eq.name} is before it starts")
        return [f"{place}: {self._filled(eq, axis, value)}" for place in needed]

    def _filled(self, eq: Equation, time: int, value: Number) -> str:
        """An array, or a number, every entry of which is the same."""
        fill = str(float(value.value))
        sizes = [self._size(eq.name, k) for k in range(len(eq.target.subscripts)) if k != time]
        if not sizes:
            return fill
        shape = f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
        return f"{self._to.call('full')}({shape}, {fill})" if value.value else f"{self._to.call('zeros')}({shape})"

    def _start(self, line: Line, place: int, loop: Loop) -> list[str]:
        eq, name = line.equation, identifier(line.equation.name)
        if isinstance(eq.value, Number):
            return [f"{name}[{place}] = {self._filled(eq, loop.axes[eq.name], eq.value)}"]
        if (same := _copied(eq)) is not None:
            return [f"{name}[{place}] = {same}"]
        assert line.seen is not None
        text = self._write(_called(line, {line.seen.equation.name: "_s0_"}))
        return text.replace("_s0_", f"{name}[{place}]").split("\n")

    def _write_step(self, line: Line, loop: Loop, letter: str) -> str:
        """The code of a line at one step: every tensor at its time."""
        plain = line.plain
        entries = {n: t for n, t in line.seen.entries if isinstance(t, Tensor)} if line.seen is not None else {}
        if line.seen is not None and len(entries) < len(line.seen.entries):
            raise NoCode("ones at places stand in a step of time")
        at: dict[str, str] = {}
        names: dict[str, tuple[str, int | None]] = {}
        for t in (plain.target, *tensors_of(plain.value)):
            gone = next((k for k, i in enumerate(t.subscripts) if i is Index(letter)), None)
            if t.name in names:
                continue
            if gone is not None:
                place = f"_s{len(names)}_"
                names[t.name] = adjoint_name(place) if is_adjoint(t.name) else place, gone
                at[t.name] = self._at(entries.get(t.name, t), loop, letter)
            elif t.name in entries:
                names[t.name] = self._fixed(entries[t.name]), None
        sizes = {d: f"_n{n}_" for n, d in enumerate(_lengths(plain.value, names))}
        if self._to.prefix == "torch" and (sizes or any(letter in b.free for b in _brackets(plain.value))):
            raise NoCode("torch compares tensors, and time is a number")
        text = self._write(_changed(line, names, letter, sizes))
        text = re.sub(r"\b_now_\b", self._letter(letter), text)
        for d, place in sizes.items():
            read = entries.get(d.tensor)
            text = text.replace(place, self._size(d.tensor if read is None else read.name, d.axis))
        for name, shown in at.items():
            place, gone = names[name]
            read = entries.get(name)
            text = self._put(text, place, shown, name if read is None else read.name, gone)
        return text

    def _put(self, text: str, place: str, shown: str, name: str, gone: int | None) -> str:
        """The text with a tensor at its time in its place: ``x[:, t]`` at ``b, i`` is ``x[b, t, i]``."""

        def shape(found: re.Match[str]) -> str:
            k = int(found[1])
            try:
                return self._size(name, k + (gone is not None and k >= gone))
            except NoCode:
                return f"{shown}.shape[{k}]"

        text = re.sub(rf"\b(?:{place}|{primal(place)})\.shape\[(\d+)\]", shape, text)
        if name in self._made:
            text = re.sub(rf"\b{place}\[([^\[\]]+)\]", lambda found: _merged(shown, found[1]), text)
        return text.replace(place, shown)

    def _at(self, t: Tensor, loop: Loop, letter: str) -> str:
        """A tensor at its time: an entry of the dict, or a slice of an array."""
        place = next(k for k, i in enumerate(t.subscripts) if letter in i.free)
        found = shift(t.subscripts[place])
        rest = [i for k, i in enumerate(t.subscripts) if k != place]
        if found is None or any(not isinstance(i, (Index, Number)) for i in rest):
            raise NoCode(f"{t.name} is read where nothing but its time should be computed")
        if t.name in loop.axes:
            return f"{identifier(t.name)}[{_plus(self._letter(letter), found[1])}]"
        name = identifier(t.name) if not found[1] else self._array(t.name, place, found[1])
        return f"{name}[{', '.join([':'] * place + [self._letter(letter)])}]"

    # ----------------------------------------------------------------- behind the loop
    def _after(self, line: Line) -> Line:
        """The line with arrays that are moved in time where it reads another step."""
        if line.seen is None:
            return line
        names: dict[str, str] = {}
        for name, t in line.seen.entries:
            if not isinstance(t, Tensor):
                raise NoCode(f"{t} stands on a page with steps of time")
            computed = [k for k, i in enumerate(t.subscripts) if not isinstance(i, Index)]
            found = shift(t.subscripts[computed[0]]) if len(computed) == 1 else None
            names[name] = self._fixed(t) if found is None else self._array(t.name, computed[0], found[1])
        return _called(line, names)

    def _fixed(self, t: Tensor) -> str:
        """An array at one place, by its name."""
        computed = [k for k, i in enumerate(t.subscripts) if not isinstance(i, Index)]
        if len(computed) > 1:
            raise NoCode(f"{t.name} is read at a place that is computed")
        return self._entry(t, computed[0])

    def _entry(self, t: Tensor, axis: int) -> str:
        """An array at one place in time, by its name: the first, the last, that of a start."""
        place, loop = t.subscripts[axis], self._loops.get(t.name)
        if isinstance(place, Number) and loop is not None and place.value < 0:
            start = next((eq for p, eq in loop.places(t.name) if p is place), None)
            same = _copied(start) if start is not None else None
            if same is None:
                raise NoCode(f"a start of {t.name} is computed")
            return same
        at = str(place.value) if isinstance(place, Number) else ""
        if isinstance(place, Add) and [isinstance(p, Dim) for p in place.terms] == [True, False]:
            d, n = place.terms
            kin = self._kin.get((t.name, axis), ())
            at = "-1" if isinstance(d, Dim) and (d.tensor, d.axis) in kin and n is MINUS_ONE else ""
        if not at:
            raise NoCode(f"{t.name} is read at a place that is computed")
        name = f"{identifier(t.name)}_{'last' if at == '-1' else f'at_{at}'}"
        if name not in self._made:
            self._out.append(f"{name} = {identifier(t.name)}[{', '.join([':'] * axis + [at])}]")
            self._made.add(name)
            for k in range(len(t.subscripts)):
                if k != axis:
                    self._kin[name, k - (k > axis)] = self._kin.get((t.name, k), ((t.name, k),))
        return name

    def _array(self, name: str, axis: int, n: int) -> str:
        """The array of a tensor moved by n steps; what comes in is a start, or what lies outside."""
        if (name, n) in self._moved:
            return self._moved[name, n]
        made = f"{identifier(name)}_{'after' if n > 0 else 'before'}{'_' + str(abs(n)) if abs(n) > 1 else ''}"
        if made in self._made or name not in self._made:
            raise NoCode(f"{name} is read at another step before it is made")
        loop = self._loops.get(name)
        whole = ", ".join([":"] * axis)
        head = f"{whole}, " if whole else ""
        own = loop.time(self._s[name])[1] if loop is not None else 0
        if own:  # it has as many entries more as it is written ahead
            raise NoCode(f"{name} has more steps than its equation")
        rest = f"{identifier(name)}[{head}{n}:]" if n > 0 else f"{identifier(name)}[{head}:{n}]"
        edge = f"{identifier(name)}[{head}{f':{n}' if n > 0 else f'{n}:'}]"
        more = self._edges(name, axis, n, edge, loop)
        parts = f"[{rest}, {more}]" if n > 0 else f"[{more}, {rest}]"
        where = f", {self._to.axis}={axis}" if axis else ""
        self._out.append(f"{made} = {self._to.call('concatenate')}({parts}{where})")
        self._moved[name, n] = made
        self._made.add(made)
        for k in range(len(self._s[name].target.subscripts) if name in self._s else self._s.rank(name)):
            self._kin[made, k] = self._kin.get((name, k), ((name, k),))
        return made

    def _edges(self, name: str, axis: int, n: int, edge: str, loop: Loop | None) -> str:
        """What comes in at the end of an array that is moved."""
        starts = {
            int(p.value): eq for p, eq in (loop.places(name) if loop is not None else []) if isinstance(p, Number)
        }
        value = self._s.outside(name)
        if n < 0 and all(p in starts for p in range(n, 0)):
            same = _copied(starts[-1])
            if n < -1 or (same is None and not isinstance(starts[-1].value, Number)):
                raise NoCode(f"the starts of {name} are computed")
            if same is not None and not starts[-1].letters:
                return f"{self._to.call('asarray')}({same})[None]"
            if same is not None:
                return f"{same}[{', '.join([':'] * axis + ['None'])}]"
            value = starts[-1].value
        if isinstance(value, Number):
            zeros = f"{self._to.call('zeros_like')}({edge})"
            return zeros if not value.value else f"{zeros} + {value.value}"
        raise NoCode(f"nothing says what {name} is outside")


def _copied(start: Equation) -> str | None:
    """The array that a start is, if it is one as it stands: ``h[-1, j] = g_j``."""
    rest = [i for i in start.target.subscripts if isinstance(i, Index)]
    same = isinstance(start.value, Tensor) and list(start.value.subscripts) == rest
    return identifier(start.value.name) if same and isinstance(start.value, Tensor) else None


def _merged(at: str, rest: str) -> str:
    """``x[:, t]`` at ``b, i`` is ``x[b, t, i]``."""
    name, _, inner = at.partition("[")
    more = iter(rest.split(", "))
    marks = [next(more, ":") if mark == ":" else mark for mark in inner.removesuffix("]").split(", ")]
    return f"{name}[{', '.join([*marks, *more])}]"


def _plus(text: str, n: int) -> str:
    if text.isdigit():
        return str(int(text) + n)
    return text if not n else f"{text} {'+' if n > 0 else '-'} {abs(n)}"


# --------------------------------------------------------------------------- lines of other tensors
def _called(line: Line, names: Mapping[str, str]) -> Line:
    """The line with other names for its stand-ins."""
    return _changed(line, {old: (new, None) for old, new in names.items()}, "", {})


def _lengths(e: Expr, names: Mapping[str, tuple[str, int | None]]) -> list[Dim]:
    """The sizes of axes that a step has not."""
    dims = dict.fromkeys(d for d in postorder(e) if isinstance(d, Dim))
    return [d for d in dims if d.tensor in names and names[d.tensor][1] == d.axis]


def _brackets(e: Expr) -> list[Bracket]:
    return [b for b in postorder(e) if isinstance(b, Bracket)]


def _changed(line: Line, names: Mapping[str, tuple[str, int | None]], letter: str, sizes: Mapping[Dim, str]) -> Line:
    def rule(e: Expr) -> Expr:
        if isinstance(e, Index) and e.name == letter:
            return Tensor("_now_", ())
        if isinstance(e, Dim) and e in sizes:
            return Tensor(sizes[e], ())
        if isinstance(e, Tensor) and e.name in names:
            name, gone = names[e.name]
            return Tensor(name, tuple(i for k, i in enumerate(e.subscripts) if k != gone))
        if isinstance(e, Dim) and e.tensor in names:
            return dim(e)
        return e

    def dim(d: Dim) -> Dim:
        name, gone = names.get(d.tensor, (d.tensor, None))
        if gone is not None and d.axis == gone:
            raise NoCode("a step asks how many steps there are")
        return Dim(name, d.axis - (gone is not None and d.axis > gone))

    def tree(t: MathTree) -> MathTree:
        match t:
            case m.Name():
                name, gone = names.get(t.tensor, (t.tensor, None))
                slots = tuple(i for k, i in enumerate(t.slots) if k != gone)
                order = tuple(k - (gone is not None and k > gone) for k in t.order)
                return replace(t, tensor=name, slots=slots, order=order, read=None)
            case m.Ones():
                return replace(t, axis=dim(t.axis), more=tuple(map(dim, t.more)))
            case m.Identity():
                return replace(t, axis=dim(t.axis), more=tuple(map(dim, t.more)))
            case m.IndexSize(axis=axis) if axis in sizes:
                return m.Name(sizes[axis], (), (), "scalar")
            case m.Counter(i) if i == letter:
                return m.Name("_now_", (), (), "scalar")
            case m.IndexSize() | m.Counter():
                return replace(t, axis=dim(t.axis))
            case _:
                return t.map(tree)

    target, value = rule(line.plain.target), transform(line.plain.value, rule)
    assert isinstance(target, Tensor)
    sides = (None if side is None else tree(side) for side in (line.left, line.right))
    carried = tuple(i for i in line.carried if i != letter)
    left, right = sides
    return replace(line, equation=equation(target, value), left=left, right=right, carried=carried, seen=None)
