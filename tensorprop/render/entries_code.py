"""Equations as code without matrices: chains of einsum, nested loops, and array code for what has no matrix form.

In: an Equation. Out: Python for NumPy, its arrays as in the equation. An entry is one number for every value of the
indices; `einsums` keeps them as axes of arrays, `loops` runs through them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

from tensorprop.core.affine import form
from tensorprop.core.build import ZERO, add, fresh, negate, number, power, substitute
from tensorprop.core.equation import Equation, Outside, Range, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, keeps, orders, read
from tensorprop.core.names import primal_axes
from tensorprop.core.plane import is_complex
from tensorprop.core.ranges import size
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import inline, postorder, tensors_of
from tensorprop.render import trees as m
from tensorprop.render.code import COMPARED, ArrayCode, called, figure, filled, identifier
from tensorprop.render.snippet import ATOM, NUMPY, POWER, SIGN, SUM, TIMES, ArrayLibrary, Snippet
from tensorprop.render.window_code import NoCode, length_code, one_call, window_code

__all__ = ["NoCode", "array_code", "einsums", "loops", "spec_of"]


def spec_of(eq: Equation) -> tuple[str, list[str]] | None:
    """The einsum spec of a bare product of tensors, and its operands; None of anything else.

    >>> from tensorprop.text import parse
    >>> spec_of(next(iter(parse("z_bj = a_bi W_ij"))))
    ('bi,ij->bj', ['a', 'W'])
    """
    e = eq.value.body if isinstance(eq.value, Sum) else eq.value
    names: list[str] = []
    places: list[str] = []
    for f in factors_of(e):
        if not isinstance(f, Tensor) or f.letters is None or any(len(i) > 1 or not i.isascii() for i in f.letters):
            return None
        names.append(identifier(f.name))
        places.append("".join(f.letters))
    if set(eq.letters) - {*"".join(places)}:
        return None
    return f"{','.join(places)}->{''.join(eq.letters)}", names


def _extents(eq: Equation, turned: bool = False, page: System | None = None) -> dict[str, Expr]:
    """How long every index runs, read off the arrays; ``turned``: the left side alone has its axes exchanged.

    ``page``: the equation with what is stated of ranges, and of what lies outside.
    """
    found = {f.letter: f.size for f in page.facts if isinstance(f, Range)} if page is not None else dict[str, Expr]()
    for t in tensors_of(eq.value):
        for k, s in enumerate(t.subscripts):
            if isinstance(s, Index):
                found.setdefault(s.name, Dim(t.name, k))
    for (name, k), i in zip(primal_axes(eq.target) or (), eq.letters[::-1] if turned else eq.letters, strict=False):
        found.setdefault(i, Dim(name, k))
    binders = [(n.indices, n.body) for n in postorder(eq.value) if isinstance(n, (Sum, Reduce))]
    for letters, e in ((eq.letters, eq.value), *binders):
        for i in letters:  # a[x+u] k_u: x runs as far as every entry is inside
            length = None if i in found else size(e, i, under=page)
            if length is not None:
                found[i] = length
    return found


def _sizes(eq: Equation, turned: bool = False, page: System | None = None) -> dict[str, str]:
    """The same as code."""
    return {i: text for i, e in _extents(eq, turned, page).items() if (text := length_code(e)) is not None}


# --------------------------------------------------------------------------- einsum
def einsums(eq: Equation, page: System | None = None) -> str:
    """A spec, or a chain of specs, each with its operands: two at a time, the smallest results first.

    >>> from tensorprop.text import parse
    >>> print(einsums(next(iter(parse("y_i = A_ij B_jk x_k")))))
    t1 = np.einsum("jk,k->j", B, x)
    y = np.einsum("ij,j->i", A, t1)
    """
    name = identifier(eq.name)
    found = spec_of(eq)
    if found is None:
        return f"{name} = {array_code(eq, NUMPY, page=page)}"
    spec, operands = found
    into, out = spec.split("->")
    parts: list[tuple[str, str]] = list(zip(into.split(","), operands, strict=True))
    lines: list[str] = []
    while len(parts) > 2:
        a, b = min(combinations(range(len(parts)), 2), key=lambda pair: _cost(parts, pair, out))
        rest: list[tuple[str, str]] = [p for k, p in enumerate(parts) if k not in (a, b)]
        kept = {*out, *"".join(p[0] for p in rest)}
        left = "".join(dict.fromkeys(i for i in parts[a][0] + parts[b][0] if i in kept))
        made = next(f"t{n}" for n in range(len(lines) + 1, 99) if f"t{n}" not in operands)
        lines.append(f'{made} = np.einsum("{parts[a][0]},{parts[b][0]}->{left}", {parts[a][1]}, {parts[b][1]})')
        parts = [*rest, (left, made)]
    spec = ",".join(p[0] for p in parts) + "->" + out
    return "\n".join([*lines, f'{name} = np.einsum("{spec}", {", ".join(p[1] for p in parts)})'])


def _cost(parts: list[tuple[str, str]], pair: tuple[int, int], out: str) -> tuple[int, int, int]:
    """Indices of a result, those of the work, and whether two share none."""
    both = {*parts[pair[0]][0], *parts[pair[1]][0]}
    rest = {*out, *"".join(p[0] for k, p in enumerate(parts) if k not in pair)}
    shared = {*parts[pair[0]][0]} & {*parts[pair[1]][0]}
    return len(both), len(both & rest), not shared


# --------------------------------------------------------------------------- arrays, an axis for every index
def array_code(eq: Equation, to: ArrayLibrary, turned: bool = False, page: System | None = None) -> str:
    """The right side as one expression of arrays; ``turned``: a gradient has its axes exchanged.

    ``page``: the equation with what is stated of ranges, and of what lies outside. Errors: NoCode.

    >>> from tensorprop.text import parse
    >>> array_code(next(iter(parse("z_bj = tanh(a_bi W_ij + c_j)"))), NUMPY)
    'np.tanh(np.einsum("bi,ij->bj", a, W) + c)'
    """
    return _Entries(eq, to, turned, page).right()


class _Entries(ArrayCode):
    """Array code of an expression: every index is an axis."""

    def __init__(self, eq: Equation, to: ArrayLibrary, turned: bool, page: System | None = None) -> None:
        compared = sorted(i for n in postorder(eq.value) if isinstance(n, Bracket) for i in n.free)
        letters = dict.fromkeys((*eq.letters, *sorted(i for t in tensors_of(eq.value) for i in t.free), *compared))
        super().__init__(to, frozenset(), tuple(letters))
        self._eq = eq
        self._page = page
        self._extents = _extents(eq, turned, page)
        self._sizes_of = _sizes(eq, turned, page)
        self.bench.sizes |= self._sizes_of

    def right(self) -> str:
        """The right side, its axes as on the left."""
        found = self.entry(self._eq.value)
        missing = [i for i in self._eq.letters if i not in found.axes]
        if missing:
            self._known(missing)
            sizes = tuple(self._sizes_of[i] for i in self._eq.letters)
            found = self.bench.alike(found, Snippet("", ATOM, "scalar", self._eq.letters))[0] if found.axes else found
            shape = ", ".join(sizes) + "," * (len(sizes) == 1)
            return f"{self.to.call('broadcast_to')}({found.text}, ({shape}))"
        return self.bench.ordered(found, self._eq.letters).text

    def _known(self, letters: list[str]) -> None:
        if any(i not in self._sizes_of for i in letters):
            raise NoCode(f"nothing tells how far {letters[0]} runs")

    def entry(self, e: Expr) -> Snippet:
        """An expression, with an axis for each of its free indices."""
        match e:
            case Number(value):
                return self.of(m.Figure(value))
            case Dim(name, axis):
                return Snippet(f"{identifier(name)}.shape[{axis}]", ATOM, "scalar")
            case Tensor():
                return self._tensor(e)
            case Index(name):
                self._known([name])
                return Snippet(f"{self.to.call('arange')}({self._sizes_of[name]})", ATOM, "scalar", (name,))
            case Bracket(relation, left, right):
                x, y, out = self.bench.alike(self.entry(left), self.entry(right))
                text = self._where(f"{x.at(TIMES)} {COMPARED[relation]} {y.at(TIMES)}")
                return Snippet(text, ATOM, "scalar", out.axes)
            case Add(terms):
                return self._added([*terms])
            case Mul(factors):
                return self._multiplied(factors, ())
            case Sum(indices, body):
                return self._multiplied(factors_of(body), indices)
            case Call(function, args):
                return self._called(function, args)
            case Reduce():
                return self._reduced(e)
            case _:
                raise NoCode(f"{type(e).__name__} has no code")

    def _tensor(self, t: Tensor) -> Snippet:
        name = identifier(t.name)
        if t.letters is not None and len(set(t.letters)) == len(t.letters):
            return Snippet(name, ATOM, "scalar", t.letters)
        if t.letters is not None:
            one = tuple(dict.fromkeys(t.letters))
            whole = Snippet(name, ATOM, "scalar", t.letters)
            return self.bench.einsum(Snippet("", ATOM, "scalar"), (whole,), one)
        first, *rest = t.subscripts
        plain = [s.name for s in rest if isinstance(s, Index)]
        if isinstance(first, Tensor) and len(plain) == len(rest):  # E[tok_bt, d]
            rows = self._tensor(first)
            if not {*rows.axes} & {*plain} and len(set(plain)) == len(plain):
                return Snippet(f"{name}[{rows.text}]", ATOM, "scalar", (*rows.axes, *plain))
        if any(isinstance(s, Tensor) for s in t.subscripts):
            return self._at_places(name, t)
        marks = [":" if s.free else _place(s, Dim(t.name, k)) for k, s in enumerate(t.subscripts)]
        letters = tuple(s.name for s in t.subscripts if isinstance(s, Index))
        if len({*letters}) == sum(mark == ":" for mark in marks):
            while marks[-1] == ":":
                marks.pop()
            return Snippet(f"{name}[{', '.join(marks)}]", ATOM, "scalar", letters)
        if any(isinstance(n, Bracket) and n.relation != "=" and n.free & t.free for n in postorder(self._eq.value)):
            raise NoCode(f"brackets keep what is read of {t.name} inside")
        text, axes = window_code(t, self._extents, self._zero_outside(t), self.to)
        return Snippet(text, ATOM, "scalar", axes)

    def _zero_outside(self, t: Tensor) -> bool:
        return self._page is not None and self._page.outside(t.name) is ZERO

    def _slid(self, factors: tuple[Expr, ...], gone: tuple[str, ...]) -> Snippet | None:
        """A convolution of two vectors that is one call."""
        match factors, gone:
            case (Tensor() as a, Tensor() as k), (_,) if self._page is None or not self._page.complex:
                a, k = (a, k) if a.letters is None else (k, a)
                call = one_call(a, k, self._extents, self._zero_outside(a), self.to)
                left = [i for i in (*sorted(a.free), *sorted(k.free)) if i not in gone]
                return None if call is None else Snippet(call, ATOM, "scalar", tuple(left))
            case _:
                return None

    def _at_places(self, name: str, t: Tensor) -> Snippet:
        """``logp[b, y_b]`` as ``logp[np.arange(n), y]``: every subscript an array, its axes those of all letters."""
        letters = tuple(dict.fromkeys(n.name for s in t.subscripts for n in postorder(s) if isinstance(n, Index)))
        whole = Snippet("", ATOM, "scalar", letters)
        places: list[str] = []
        for k, s in enumerate(t.subscripts):
            if isinstance(s, Index):
                part = Snippet(f"{self.to.call('arange')}({name}.shape[{k}])", ATOM, "scalar", (s.name,))
            elif isinstance(s, (Tensor, Number)):
                part = self.entry(s)
            else:
                raise NoCode(f"{t.name} has a subscript that is computed")
            places.append(self.bench.alike(part, whole)[0].text if part.axes else part.text)
        return Snippet(f"{name}[{', '.join(places)}]", ATOM, "scalar", letters)

    def _added(self, terms: list[Expr]) -> Snippet:
        out = self.entry(terms[0])
        for t in terms[1:]:
            first, *rest = factors_of(t)
            negative = isinstance(first, Number) and first.value < 0
            if isinstance(t, Number) and negative:
                out = self.bench.plus(out, self.entry(Number(-t.value)), True)
                continue
            if negative and isinstance(t, Mul) and isinstance(first, Number):
                head = (Number(-first.value),) if first.value != -1 else ()
                s = self._multiplied((*head, *rest), ())
            else:
                s, negative = self.entry(t), False
            out = self.bench.plus(out, s, negative)
        return out

    def _multiplied(self, factors: tuple[Expr, ...], gone: tuple[str, ...]) -> Snippet:
        """A product; what is summed is summed by einsum, a quotient stands behind."""
        if (slid := self._slid(factors, gone)) is not None:
            return slid
        above: list[Snippet] = []
        below: list[Snippet] = []
        for f in factors:
            match f:
                case Call("power", (base, Number(value))) if value == -1 and not base.free & {*gone}:
                    below.append(self.entry(base))
                case _:
                    above.append(self.entry(f))
        lone = [i for i in gone if not any(i in s.axes for s in above)]
        self._known(lone)
        above += [Snippet(self._sizes_of[i], ATOM, "scalar") for i in lone]
        bound = [s for s in above if {*s.axes} & {*gone}]
        out: Snippet | None = None
        for s in (s for s in above if s not in bound and not s.axes):
            out = s if out is None else self.bench.times(out, s)
        if bound:
            joined = [s for s in above if s.axes]
            order = tuple(i for i in self.bench.carried if any(i in s.axes for s in joined) and i not in gone)
            if len(joined) == 1:
                s = self.bench.summed(joined[0], tuple(i for i in gone if i in joined[0].axes))
            else:
                s = self.bench.einsum(Snippet("", ATOM, "scalar"), tuple(joined), order)
            out = s if out is None else self.bench.times(out, s)
        else:
            for s in (s for s in above if s.axes):
                out = s if out is None else self.bench.times(out, s)
        out = out or Snippet("1", ATOM, "scalar")
        for s in below:
            out = self.bench.over(out, s)
        return out

    def _called(self, function: str, args: tuple[Expr, ...]) -> Snippet:
        match function, args:
            case "power", (base, exponent):
                return self.raised(self.entry(base), self.entry(exponent))
            case _:
                return self.applied(function, [self.entry(a) for a in args])

    def _reduced(self, e: Reduce) -> Snippet:
        s = self.entry(e.body)
        row = REDUCTIONS.get(e.op)
        if row is None or len(e.indices) != 1 or e.indices[0] not in s.axes or row.kind == "matrix":
            if row is not None and row.kind == "matrix":
                raise NoCode(f"entries of {e.op} are read apart")
            raise NoCode(f"{e.op} runs along an index that its body lacks")
        (i,) = e.indices
        told = self.to.told(row) or f"{self.to.call(e.op)}({{1}}{{2}})"
        text = filled(told, s.at(TIMES), s.text, f", {self.to.axis}={s.axes.index(i)}")
        level = ATOM if re.fullmatch(r"[a-z(][\w.]*\(.*\)", text) else TIMES
        if not keeps(e.op):
            return Snippet(text, level, "scalar", tuple(a for a in s.axes if a != i))
        (at,) = e.at
        if not isinstance(at, Index) or (at.name in s.axes and at.name != i):
            return self._entry_of(Snippet(text, level, "scalar", s.axes), i, at)
        if orders(e.op) and at.name != i:
            raise NoCode(f"of what {e.op} orders along {i} fewer entries {at.name} may be read: take a slice")
        return Snippet(text, level, "scalar", tuple(at.name if a == i else a for a in s.axes))

    def _entry_of(self, s: Snippet, i: str, at: Expr) -> Snippet:
        """``log_softmax(z)[np.arange(n), y]``: of an array the entry at a place along one axis."""
        letters = tuple(dict.fromkeys(k for k in (*s.axes, *at.free) if k != i))
        whole = Snippet("", ATOM, "scalar", letters)
        parts = (self.entry(at if k == i else Index(k)) for k in s.axes)
        places = [self.bench.alike(part, whole)[0].text if part.axes else part.text for part in parts]
        return Snippet(filled("{0}[{1}]", s.at(ATOM), ", ".join(places)), ATOM, "scalar", letters)


def _place(e: Expr, axis: Dim) -> str:
    """A place without letters, as code: ``-1`` for the last. Errors: NoCode."""
    parts = dict(form(e))
    if parts.pop(axis, 0) == 1 and len(parts) == 1:
        ((one, n),) = parts.items()
        if isinstance(one, Number) and n * one.value < 0:
            return str(n * one.value)
    text = length_code(e)
    if text is None:
        raise NoCode(f"{axis.tensor} has a subscript that is computed")
    return text


# --------------------------------------------------------------------------- loops
def loops(
    eq: Equation, taken: Iterable[str] = (), plane: frozenset[str] = frozenset(), page: System | None = None
) -> str:
    """Nested Python loops over every index: what an index is; ``taken`` are names of other things. Errors: NoCode.

    >>> from tensorprop.text import parse
    >>> print(loops(next(iter(parse("z_j = a_i W_ij + c_j")))))
    z = np.zeros((W.shape[1],))
    for j in range(W.shape[1]):
        s1 = 0.0
        for i in range(a.shape[0]):
            s1 += a[i] * W[i, j]
        z[j] = s1 + c[j]
    """
    return "\n".join(_Loops(eq, taken, bool(plane) and is_complex(eq.value, plane), page).lines())


class _Loops:
    def __init__(self, eq: Equation, taken: Iterable[str], wide: bool, page: System | None = None) -> None:
        self._eq = eq
        self._zero = " + 0j" * wide
        self._sizes = _sizes(eq, page=page)
        self._outside = {f.tensor: f.value for f in page.facts if isinstance(f, Outside)} if page is not None else {}
        self._taken = {*taken, *(identifier(t.name) for t in (eq.target, *tensors_of(eq.value)))}
        self._letters: dict[str, str] = {}
        self._made = 0
        self._out: list[str] = []
        self._depth = 0
        self._running: frozenset[str] = frozenset()

    def lines(self) -> Iterator[str]:
        name = identifier(self._eq.name)
        letters = self._eq.letters
        if letters:
            sizes = ", ".join(self._size(i) for i in letters)
            self._say(f"{name} = np.zeros(({sizes}{',' * (len(letters) == 1)})){self._zero}")
        for i in letters:
            self._for(i)
        text = self._entry(self._eq.value)[0]
        at = f"[{', '.join(map(self._letter, letters))}]" if letters else ""
        self._say(f"{name}{at} = {text}")
        yield from self._out

    def _say(self, text: str) -> None:
        self._out.append("    " * self._depth + text)

    def _size(self, i: str) -> str:
        if i not in self._sizes:
            raise NoCode(f"nothing tells how far {i} runs")
        return self._sizes[i]

    def _letter(self, i: str) -> str:
        return self._letters.setdefault(i, identifier(i) + "_" * (identifier(i) in self._taken))

    def _for(self, i: str) -> None:
        self._say(f"for {self._letter(i)} in range({self._size(i)}):")
        self._running = self._running | {i}
        self._depth += 1

    def _fresh(self) -> str:
        self._made += 1
        return next(n for k in range(self._made, 999) if (n := f"s{k}") not in self._taken)

    def _at(self, e: Expr, least: int) -> str:
        text, level = self._entry(e)
        return f"({text})" if level < least else text

    def _entry(self, e: Expr) -> tuple[str, int]:
        match e:
            case Number(value):
                return figure(value)
            case Dim(name, axis):
                return f"{identifier(name)}.shape[{axis}]", ATOM
            case Index(name):
                return self._letter(name), ATOM
            case Tensor():
                return self._read(e), ATOM
            case Bracket(relation, left, right):
                return f"float({self._at(left, TIMES)} {COMPARED[relation]} {self._at(right, TIMES)})", ATOM
            case Add(terms):
                return self._added(terms), SUM
            case Mul(factors):
                return self._multiplied(factors)
            case Sum(indices, body):
                return self._gathered("0.0", "{0} += {1}", indices, body), ATOM
            case Call("power", (base, exponent)):
                return f"{self._at(base, ATOM)}**{self._at(exponent, SIGN)}", POWER
            case Call(function, args):
                return self._called(function, args)
            case Reduce():
                return self._reduced(e)
            case _:
                raise NoCode(f"{type(e).__name__} has no code")

    def _read(self, e: Tensor) -> str:
        """One entry; where it may lie outside of the array, what is stated of it there."""
        name, places = identifier(e.name), [self._entry(s)[0] for s in e.subscripts]
        stated = self._outside.get(e.name)
        inside: list[str] = []
        for k, s in enumerate(e.subscripts) if stated is not None else ():
            at, long = places[k], f"{name}.shape[{k}]"
            if isinstance(s, (Number, Tensor)) or (isinstance(s, Index) and self._sizes.get(s.name) == long):
                continue
            match stated:
                case "edge":
                    places[k] = f"min(max({at}, 0), {long} - 1)"
                case "wrap":
                    places[k] = f"({at}) % {long}"
                case "mirror":
                    raise NoCode("a mirror image outside of an array is read")
                case _:
                    inside.append(f"0 <= {at} < {long}")
        text = name + f"[{', '.join(places)}]" * bool(places)
        if not inside:
            return text
        beyond = figure(stated.value)[0] if isinstance(stated, Number) else {"∞": "np.inf"}.get(str(stated), "-np.inf")
        return f"({text} if {' and '.join(inside)} else {beyond})"

    def _added(self, terms: tuple[Expr, ...]) -> str:
        out = self._at(terms[0], SUM)
        for t in terms[1:]:
            text = self._at(t, TIMES)
            out += f" - {text[1:]}" if text.startswith("-") and not isinstance(t, Add) else f" + {text}"
        return out

    def _multiplied(self, factors: tuple[Expr, ...]) -> tuple[str, int]:
        out = ""
        for f in factors:
            match f:
                case Number(value) if value == -1 and not out and len(factors) > 1:
                    out = "-"
                    continue
                case Call("power", (base, Number(value))) if value == -1:
                    out = f"{out if out not in ('', '-') else out + '1'} / {self._at(base, SIGN)}"
                case _:
                    text = self._at(f, SIGN)
                    out = f"{out} * {text}" if out not in ("", "-") else out + text
        return out, TIMES

    def _gathered(self, start: str, step: str, indices: tuple[str, ...], body: Expr) -> str:
        """A number that grows in loops over indices."""
        made = self._fresh()
        self._say(f"{made} = {start}")
        depth = self._depth
        new = {i: fresh(i, {*self._sizes, *self._taken}) for i in indices if i in self._running}
        for i in indices:  # a letter may run elsewhere over something else
            own = next(((t.name, t.letters.index(i)) for t in tensors_of(body) if t.letters and i in t.letters), None)
            if own is not None:
                self._sizes[new.get(i, i)] = f"{identifier(own[0])}.shape[{own[1]}]"
            elif i in new:
                self._sizes[new[i]] = self._size(i)
        body = substitute(body, {i: Index(j) for i, j in new.items()}) if new else body
        running = self._running
        for i in indices:
            self._for(new.get(i, i))
        self._say(step.format(made, self._entry(body)[0]))
        self._depth, self._running = depth, running
        return made

    def _called(self, function: str, args: tuple[Expr, ...]) -> tuple[str, int]:
        row = FUNCTIONS.get(function)
        if row is not None and not row.numpy:
            return self._entry(inline(read(row.means), dict(zip(row.arguments, (((), a) for a in args), strict=True))))
        inner = ", ".join(self._entry(a)[0] for a in args)
        text = f"{called(function)}({inner})" if row is None else filled(row.numpy, inner)
        return text, ATOM if re.fullmatch(r"[a-z.]+|[a-z][\w.]*\(.*\)", text) else TIMES

    def _reduced(self, e: Reduce) -> tuple[str, int]:
        if len(e.indices) != 1:
            raise NoCode(f"{e.op} has no loop")
        (i,) = e.indices
        match e.op:
            case "max" | "min":
                step = f"{{0}} = {e.op}({{0}}, {{1}})"
                return self._gathered("-np.inf" if e.op == "max" else "np.inf", step, e.indices, e.body), ATOM
            case "prod":
                return self._gathered("1.0", "{0} *= {1}", e.indices, e.body), ATOM
            case "var":
                body = add(e.body, negate(Reduce("mean", e.indices, e.body, ())))
                return self._entry(Reduce("mean", e.indices, power(body, number(2)), ()))
            case "mean":
                return f"{self._gathered('0.0', '{0} += {1}', e.indices, e.body)} / {self._size(i)}", TIMES
            case "logsumexp":
                return f"np.log({self._gathered('0.0', '{0} += np.exp({1})', e.indices, e.body)})", ATOM
            case "softmax" | "logsoftmax":
                total = self._gathered("0.0", "{0} += np.exp({1})", e.indices, e.body)
                own = self._entry(substitute(e.body, {i: e.at[0]}))
                if e.op == "softmax":
                    return f"np.exp({own[0]}) / {total}", TIMES
                return f"{own[0] if own[1] > SUM else f'({own[0]})'} - np.log({total})", SUM
            case _:
                raise NoCode(f"{e.op} has no loop")
