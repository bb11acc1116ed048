"""Adjoints of a System: one equation ``δx = ∂E/∂x`` for every named tensor between the variables and the error.

In: a System and the names of variables. Out: a System of δ-equations, one line each, in the order in which the
sweep goes back. Nothing is expanded: an equation speaks of the δ of what its tensor feeds, and of saved values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from tensorprop.calculus.outside import said_outside, within
from tensorprop.calculus.projected import convention, projected
from tensorprop.calculus.pullback import entry, pullback
from tensorprop.calculus.simplify import known, simplify_expr
from tensorprop.calculus.source import Source, as_forward, names_in
from tensorprop.calculus.stable import stable_expr
from tensorprop.calculus.together import ended
from tensorprop.core.affine import Form, difference, form, shift, whole, written
from tensorprop.core.build import ONE, ZERO, add, bracket, fresh, mul, number, substitute, subtract
from tensorprop.core.equation import Equation, Fact, Loop, Range, System, equation, reached, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Mul, Number, Reduce, Tensor
from tensorprop.core.kinds import smooth
from tensorprop.core.nameless import codes, joined_axes, plainly_told
from tensorprop.core.names import adjoint_name, also_adjoints, is_adjoint, outer_adjoint, owed_to
from tensorprop.core.plane import complex_names, real_part, said_complex, squares, with_adjoints
from tensorprop.core.ranges import Ranges, infer, spelled, told
from tensorprop.core.told import Witness, is_size
from tensorprop.core.walk import apart, called, dims_of, freshen, lettered, tensors_of, transform
from tensorprop.errors import CircularDefinition, ComplexConvention, NameConflict, UnknownName, UsageError, among
from tensorprop.text.vocabulary import COLUMN, ROW

__all__ = ["adjoint", "holds"]


def adjoint(
    s: Source,
    wrt: str | Iterable[str] | None = None,
    of: str | None = None,
    *,
    symmetry: str = "free",
    together: bool = False,
) -> System:
    """The backward rules of a System: for every tensor x on a path from ``wrt`` to the output,

        δx_K = Σ over equations v_J = e(…x…), Σ_J  δv_J ∂v_J/∂x_K.

    The error E is ``of``, or the System's only output if that is a scalar; then δE = 1. Outputs with indices (and
    all of several outputs) have adjoints that are inputs of the result. ``wrt`` defaults to every input that the
    output depends on smoothly; letters are those with which the forward equations use the tensor.

    ``symmetry`` says what the gradient by a matrix is of which the System declares something (``S_ij = S_ji``):
    ``"free"``, its entries as if they were independent, which is JAX's gradient; ``"projected"`` along the matrices
    of which that holds, ``(δS + δSᵀ)/2``; ``"triangle"``, by each free entry, ``δS + δSᵀ - δS ⊙ I``.

    ``together``: rules are put together to a textbook's last line, the three terms of a normalisation, ``p - t``,
    where the δ between are needed no more.

    Errors: UnknownName for a name that is not in the System, NotDifferentiable for functions without a slope.

    >>> print(adjoint("z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2", wrt=("W", "b")))
    δh_bj = h_bj - y_bj
    δz_bj = (1 - h_bj^2) δh_bj
    δW_ij = a_bi δz_bj
    δb_j = Σ_b δz_bj
    """
    convention(symmetry)
    asked = () if wrt is None else names_in(wrt, "wrt")
    given = as_forward(s, *asked, of)
    rules = _rules(given, wrt, of, symmetry)
    return ended(given if of is None else given.only([of]), rules, asked) if together else rules


def _rules(given: System, wrt: str | Iterable[str] | None, of: str | None, symmetry: str) -> System:
    """The rules, whatever letters are stated."""
    stated = {f.letter for f in given.facts if isinstance(f, Range)}
    if not stated:
        return _swept(given, wrt, of, symmetry)
    own = {i: f"{i}·" for i in stated}  # letters that are stated, so that no letter that is new is called like one
    rules = _swept(_called(given, own), wrt, of, symmetry)
    made: list[Equation] = []
    for eq in rules:
        letters = {*eq.letters, *eq.value.free, *eq.value.binds}
        taken, names = letters | stated, dict[str, str]()
        for i in sorted(letters & stated):
            names[i] = fresh(i, taken)
            taken.add(names[i])
        made.append(_renamed(eq, {**names, **{mark: i for i, mark in own.items()}}))
    return system(made, (f for f in _facts_of(rules, {mark: i for i, mark in own.items()})))


def _renamed(eq: Equation, names: Mapping[str, str]) -> Equation:
    """The equation with letters called otherwise, on both sides."""
    target = lettered(eq.target, names)
    assert isinstance(target, Tensor)
    return equation(target, lettered(eq.value, names))


def _facts_of(s: System, names: Mapping[str, str]) -> Iterator[Fact]:
    for f in s.facts:
        yield Range(names.get(f.letter, f.letter), lettered(f.size, names)) if isinstance(f, Range) else f


def _called(s: System, names: Mapping[str, str]) -> System:
    return system((_renamed(eq, names) for eq in s), _facts_of(s, names))


def _swept(s: System, wrt: str | Iterable[str] | None, of: str | None, symmetry: str) -> System:
    """The rules of a System no letter of whose stated ones is called like one that is made."""
    s = spelled(s)
    names, whole = _variables(s, wrt), s
    if of is not None:
        if not s.defines(of):
            raise _unknown(s, of)
        s = s.only([of])
    sweep = _Sweep(s, whole, names)
    for block in reversed(s.blocks):
        sweep.block(block)
    last = (projected(sweep.rule(name), name, s, symmetry) for name in names if not s.defines(name))
    rules = [*sweep.rules, *last]
    wanted = {adjoint_name(n) for n in names}
    try:
        result = said_outside(system(_called_apart(rules, whole), s.facts), whole)
    except CircularDefinition:
        _no_second(s, sweep.active)
        raise
    if sweep.plane:  # what is read of the forward equations, and what is owed to it, are inputs here
        more = said_complex(sweep.owed.intersection(result.inputs) - s.complex)
        result = system(result, (*result.facts, *more))
    return result.of(result) if all(r.name in wanted or _used(result, r.name) for r in rules) else result.only(wanted)


def _no_second(s: System, active: Iterable[str]) -> None:
    """Refuse equations that have a δh already which would be the adjoint of h, too: of another error. NameConflict."""
    outputs = s.outputs  # what they are owed is given
    twice = [n for n in active if n not in outputs and adjoint_name(n) in s.names]
    if twice:
        name = min(twice, key=s.names.index)
        given = adjoint_name(name)
        raise NameConflict(
            f"{given} is in these equations already, and would be the adjoint of {name} besides",
            fix=f"call what is there otherwise, g in place of {given}; or differentiate the forward equations alone: "
            "derive(…, wrt=(…, …)), or jax.grad of a jax_function, gives second derivatives",
            about=s[given].target if given in s else None,
        )


def _called_apart(rules: list[Equation], s: System) -> list[Equation]:
    """Rules none of whose new letters is called like a tensor: no ``x_x`` where nobody wrote one."""
    names = {name for name in s.names if len(name) == 1}
    if not any(names.intersection((*r.letters, *r.value.binds)) for r in rules):
        return rules
    own = {i for eq in s for i in (*eq.letters, *eq.value.binds)} | {f.letter for f in s.facts if isinstance(f, Range)}
    return [_renamed(r, apart({*r.letters, *r.value.binds}, own, names)) for r in rules]


class _Sweep:
    """The way back over the blocks of a System, and what is owed so far to every tensor."""

    def __init__(self, s: System, whole: System, names: tuple[str, ...]) -> None:
        self.s, self.whole = s, whole
        self.ranges = infer(whole)
        self.loops = {eq.name for b in whole.blocks if isinstance(b, Loop) for eq in b.body}
        self.outputs = s.outputs
        self.scalar = len(s.outputs) == 1 and s.rank(s.outputs[0]) == 0
        self.plane = complex_names(whole)
        self.owed = with_adjoints(self.plane) if self.plane else self.plane
        if self.scalar and s.outputs[0] in self.plane:
            real = fresh("R", {*s.names})
            raise ComplexConvention(
                f"{s.outputs[0]} is complex, and a gradient is that of a real number",
                fix=f"add an equation such as {real} = re({s.outputs[0]}) or {real} = abs({s.outputs[0]})^2",
                about=s[s.outputs[0]].target,
            )
        self.shares: dict[str, list[tuple[Tensor, Expr]]] = {}
        self.readers: dict[str, list[tuple[Equation, Expr]]] | None = None
        """Where rules are alike up to names: the equations that read a tensor, with what is owed to them."""
        if not self.plane and plainly_told(whole) and not any(map(is_adjoint, whole.names)):
            self.readers = {}
            self.codes = codes(s)
        self.kinds: dict[object, tuple[tuple[str, ...], Equation, dict[Dim, tuple[str, int]]]] = {}
        self.gone: dict[Equation, dict[str, list[tuple[Tensor, Expr]]]] = {}
        """What an equation owes, once somebody has asked."""
        self.rules: list[Equation] = []
        self.active = {*names, *reached(s.equations, names)}

    def block(self, block: Equation | Loop) -> None:
        """What a block owes to what it is made of, once it is known what is owed to it."""
        if isinstance(block, Loop):
            if any(eq.name in self.active for eq in block.body):
                self.loop(block)
            return
        if block.name not in self.active:
            return
        if block.name in self.outputs:
            seed: Expr = ONE if self.scalar else Tensor(adjoint_name(block.name), block.target.subscripts)
        else:
            rule = self.rule(block.name)
            self.rules.append(rule)
            if rule.value is ZERO:
                return
            seed = Tensor(adjoint_name(block.name), block.target.subscripts)
        self.back(block, seed)

    def back(self, eq: Equation, seed: Expr) -> None:
        """Owe the seed to the tensors of a right side."""
        if self.readers is not None:
            for name in eq.inputs:
                if name in self.active:
                    self.readers.setdefault(name, []).append((eq, seed))
        else:
            self.owe(eq, seed)

    def owe(self, eq: Equation, seed: Expr) -> None:
        """See `back`."""
        if any(name in self.active for name in eq.inputs):
            seed = mul(seed, *self._bounds(eq))
            again = eq.name in self.loops and isinstance(eq.value, Reduce) and eq.value.op in ("max", "min")
            result = None if again else eq.target  # what is worked out after the loop has other last digits
            value = squares(eq.value, self.plane) if self.plane else eq.value
            for t, g in pullback(value, seed, result=result, scope=frozenset(eq.letters), plane=self.owed).items():
                if t.name in self.active:
                    self.shares.setdefault(t.name, []).extend(within(t, g, self.s.outside(t.name)))

    def loop(self, loop: Loop) -> None:
        """A recurrence that goes the other way: what is owed to a tensor at one time comes from later ones too.

        Of an output that the loop reads itself, ``δh^(out)`` is what comes from outside, and ``δh`` is all of it.
        """
        for eq in loop.body:
            if eq.name in self.outputs and eq.name in self.active:
                letters = tuple(Index(i) for i in eq.letters)
                out = ONE if self.scalar else Tensor(outer_adjoint(eq.name), letters)
                self.shares.setdefault(eq.name, []).append((Tensor(eq.name, letters), out))
        for eq in loop.body:
            if eq.name in self.active:
                seed: Expr = Tensor(adjoint_name(eq.name), eq.target.subscripts)
                self.back(eq, mul(seed, *holds(loop, eq, self.ranges)))
        made = [(eq, self.rule(eq.name)) for eq in reversed(loop.body) if eq.name in self.active]
        self.rules += [rule for _, rule in made]
        for eq in reversed(loop.starts):
            if eq.name in self.active and not self.active.isdisjoint(eq.inputs):
                axis = loop.axes[eq.name]
                place = eq.target.subscripts[axis]
                if self._inside(loop, eq.name, place):
                    self.back(eq, Tensor(adjoint_name(eq.name), eq.target.subscripts))
                else:
                    self.back(eq, self._at(loop, eq, axis, place))
        for eq in loop.body:
            self.shares.pop(eq.name, None)

    def _inside(self, loop: Loop, name: str, place: Expr) -> bool:
        """Whether a start is an entry of the tensor itself."""
        f = form(place)
        if f and all(c < 0 for c in f.values()):
            return False
        return _before(difference(self.ranges.named(place), self.ranges.size(name, loop.axes[name])))

    def _bounds(self, eq: Equation) -> list[Expr]:
        """``[l < n]`` for letters of the left side that run less far than an axis that they index on the right.

        So does the time of x_{l+1} = … x_l …, and a letter whose range is stated.
        """
        found: list[Expr] = []
        for i in eq.letters:
            far = self.ranges.reach_left(eq, i)
            if far is not None and self.ranges.further(eq.value, i, far):
                found.append(bracket("<", Index(i), far))
        return found

    def _at(self, loop: Loop, eq: Equation, axis: int, place: Expr) -> Expr:
        """What is owed to a start outside of its tensor: by those that read it at that place."""
        letters = tuple(s.name if isinstance(s, Index) else "τ" for s in eq.target.subscripts)
        readers = [b for b in loop.body if eq.name in b.inputs]
        ends = {self.ranges.reach_left(b, loop.time(b)[0]) for b in readers}
        end = ends.pop() if len(ends) == 1 else None
        terms: list[Expr] = []
        for t, g in self.shares.get(eq.name, []):
            read = shift(t.subscripts[axis])
            if read is not None and read[1]:
                held = g if end is None else mul(g, bracket("<", Index(read[0]), end))
                terms.append(entry(t, freshen(held, frozenset(letters) - t.free), letters))
        whole = substitute(freshen(add(*terms), frozenset(letters)), {"τ": place})
        return _nonempty(simplify_expr(self._sized(whole)))

    def _sized(self, value: Expr) -> Expr:
        """Sizes of adjoints told by the tensors that they are of, where these have axes that are as long."""

        def rule(n: Expr) -> Expr:
            if isinstance(n, Dim) and is_adjoint(n.tensor):
                name = owed_to(n.tensor)
                size = self.ranges.size(name, n.axis) if name in self.whole.names else n
                return size if isinstance(size, Dim) or name in self.loops else n
            return n

        return transform(value, rule) if any(is_adjoint(d.tensor) for d in dims_of(value)) else value

    def _unstated(self, name: str, letters: tuple[str, ...]) -> tuple[str, ...]:
        """The letters, others in place of those that are stated to run not so far as the axis."""
        taken = {f.letter for f in self.whole.facts if isinstance(f, Range)} | set(letters)
        new: list[str] = []
        for axis, i in enumerate(letters):
            said = self.whole.stated(i)
            if said is not None and difference(self.ranges.named(said), self.ranges.size(name, axis)):
                i = fresh(i, frozenset(taken))
                taken.add(i)
            new.append(i)
        return tuple(new)

    def _bounded(self, e: Mul, name: str, letters: tuple[str, ...]) -> Expr:
        """``[b < n] d_b`` in place of ``[b - 1 < n - 1] d_b``, where d is shorter or longer than what b runs over."""
        if not any(isinstance(f, Bracket) and f.relation == "<" and is_size(f.right) for f in e.factors):
            return e
        own = {i: self.ranges.size(name, k) for k, i in enumerate(letters)}
        reads = {
            s.name
            for t in tensors_of(e)
            if not is_adjoint(t.name) and t.name in self.whole.names
            for k, s in enumerate(t.subscripts)
            if isinstance(s, Index) and s.name in own and difference(self.ranges.size(t.name, k), own[s.name])
        }

        def moved(f: Expr) -> Expr:
            if not (isinstance(f, Bracket) and f.relation == "<" and is_size(f.right)):
                return f
            left = form(f.left)
            i = next((p.name for p, c in left.items() if isinstance(p, Index) and c == 1), None)
            if i not in reads or set(left) - {Index(i), ONE} or Index(i) is f.left:
                return f
            return bracket("<", Index(i), written(form(subtract(f.right, subtract(f.left, Index(i))))))

        return mul(*map(moved, e.factors)) if reads else e

    def rule(self, name: str) -> Equation:
        """``δname_K = …``, as the rule of a tensor reads that is read alike, or worked out."""
        if self.readers is None:
            return self.worked(name)
        readers = self.readers.get(name, ())
        key, names = self._kind(name, readers)
        if key not in self.kinds:
            for eq, seed in readers:
                if eq not in self.gone:
                    self.shares = self.gone[eq] = {}
                    self.owe(eq, seed)
            self.shares = {name: [share for eq, _ in readers for share in self.gone[eq].get(name, ())]}
            made = self.worked(name)
            sizes = [*dims_of(made.value)]
            told = self._told_here(sizes, [eq for eq, _ in readers]) if sizes else {}
            if told is not None:
                self.kinds[key] = names, made, told
            return made
        old, rule, told = self.kinds[key]
        names_here = dict(zip(old, names, strict=True))
        new = also_adjoints(names_here)
        target = called(rule.target, new)
        assert isinstance(target, Tensor)
        sizes = {d: self.ranges.size(names_here[of], axis) for d, (of, axis) in told.items()}
        return equation(target, called(rule.value, new, sizes))

    def _kind(self, name: str, readers: Iterable[tuple[Equation, Expr]]) -> tuple[object, tuple[str, ...]]:
        """All that a rule is made of, up to names, and these names."""
        names = {name: 0}
        told: list[object] = [self.whole.rank(name), self.whole.defines(name) and self.whole[name].letters]
        for eq, seed in readers:
            code = self.codes[eq]
            told += [code.text, seed is ONE, names.setdefault(eq.name, len(names))]
            told += [names.setdefault(n, len(names)) for n in code.names]
        return tuple(told), tuple(names)

    def _told_here(self, sizes: Iterable[Dim], readers: Iterable[Equation]) -> dict[Dim, tuple[str, int]] | None:
        """Sizes that other tensors tell, and axes here that are as long; None where it takes other equations to say so.

        Which tensor tells a size is seen of all equations of the System together; elsewhere it may be another one.
        """
        parts = joined_axes(readers)
        if parts is None:
            return None
        found: dict[Dim, tuple[str, int]] = {}
        for d in sizes:
            own = self.ranges.find(d.tensor, d.axis)
            here = [at for at in parts if self.ranges.find(*at) == own]
            if len({parts[at] for at in here}) != 1:
                return None
            if (d.tensor, d.axis) not in parts:
                if self.ranges.size(*here[0]) is not d:
                    return None
                found[d] = here[0]
        return found

    def worked(self, name: str) -> Equation:
        """``δname_K = …``: the contributions put together, in the letters of the first plain use."""
        shares = self.shares.get(name, [])
        letters = self._unstated(name, _letters(self.whole, name, [t for t, _ in shares]))
        terms = [entry(t, freshen(g, frozenset(letters) - t.free), letters) for t, g in shares]
        target = Tensor(adjoint_name(name), tuple(Index(i) for i in letters))
        value = freshen(add(*terms), frozenset(letters))
        if self.plane and name not in self.plane:
            value = real_part(value, self.owed)
        value = once = known(value, self.whole.declared, self.owed)
        value = transform(value, lambda n: self._bounded(n, name, letters) if isinstance(n, Mul) else n)
        value = self._sized(_own_sizes(self._sized(value), name, letters, self.ranges))
        value = value if value is once else known(value, self.whole.declared, self.owed)
        return equation(target, value if self.plane else stable_expr(value))


def holds(loop: Loop, eq: Equation, ranges: Ranges) -> list[Expr]:
    """Where an equation of a loop holds: brackets that are false where a start stands in its place, or before 0."""
    letter, n = loop.time(eq)
    found: list[Expr] = [bracket("≥", Index(letter), number(-n))] if n < 0 else []
    for place, _ in loop.places(eq.name):
        f = form(subtract(place, number(n)))
        if f and all(c < 0 for c in f.values()):
            continue
        far = ranges.reach_left(eq, letter)
        past: Form = difference(ranges.named(written(f)), far) if far is not None else {ONE: Fraction(-1)}
        if _before(past):
            p = written(f)
            found.append(bracket(">", Index(letter), ZERO) if p is ZERO else bracket("≠", Index(letter), p))
    return found


def _before(past: Form) -> bool:
    """Whether a place less a size is below 0: ``dim(x, 0) - 1 - dim(x, 0)``.

    Of two sizes that are told by different tensors, one is where the loop ends and the other how far it runs: one size.
    """
    sizes = sum(c for p, c in past.items() if p is not ONE)
    return sizes < 0 or (sizes == 0 and past.get(ONE, Fraction(0)) < 0)


def _nonempty(value: Expr) -> Expr:
    """The value without brackets that say no more than that a loop has a step: ``[0 < dim(x, 0)]`` is 1."""

    def rule(n: Expr) -> Expr:
        if not isinstance(n, Bracket) or n.free or not (whole(n.left) and whole(n.right)):
            return n
        f = difference(n.right, n.left)
        sizes = [c for p, c in f.items() if p is not ONE]
        positive = sum(f.values()) > 0 and all(c > 0 for c in sizes)
        negative = sum(f.values()) < 0 and all(c < 0 for c in sizes)
        if n.relation == "<" and (positive or negative or not f):
            return ONE if positive else ZERO
        return ZERO if n.relation == "=" and (positive or negative) else n

    return transform(value, rule)


def _used(s: System, name: str) -> bool:
    return name not in s.outputs


def _variables(s: System, wrt: str | Iterable[str] | None) -> tuple[str, ...]:
    """The names asked for, checked; by default every input that occurs as a value."""
    if wrt is None:
        values = smooth(s)
        return tuple(n for n in s.inputs if n in values)
    names = names_in(wrt, "wrt")
    if not names:
        raise UsageError("wrt names no variable", fix=f"name some of {', '.join(s.inputs)}")
    for name in names:
        if name not in s.names:
            raise _unknown(s, name)
    return tuple(dict.fromkeys(names))


def _unknown(s: System, name: str) -> UnknownName:
    return UnknownName(
        f"no tensor {name} in these equations",
        **among(name, s.names),
    )


def _own_sizes(value: Expr, name: str, letters: tuple[str, ...], ranges: Ranges) -> Expr:
    """The value with the sizes of its own letters told by its own tensors, so that they read ``dim(i)``."""
    own = {
        i: place for i, place in told(value).known.items() if i in letters and _as_long(place, name, i, letters, ranges)
    }
    letters_of = {ranges.find(name, axis): i for axis, i in reversed(list(enumerate(letters)))}

    def rule(n: Expr) -> Expr:
        if isinstance(n, Dim) and (i := letters_of.get(ranges.find(n.tensor, n.axis))) in own:
            return own[i].size
        return n

    return transform(value, rule) if any(dims_of(value)) else value


def _as_long(place: Witness, name: str, letter: str, letters: tuple[str, ...], ranges: Ranges) -> bool:
    """Whether the axis that tells a letter is as long as that of the tensor whose adjoint has the letter."""
    tensor = owed_to(place.name) if is_adjoint(place.name) else place.name
    return not difference(ranges.size(tensor, place.axis), ranges.size(name, letters.index(letter)))


def _own_letters(letters: tuple[str, ...]) -> tuple[str, ...]:
    """Letters for a left side: the row and the column of a whole matrix have none that people write."""
    taken = set(letters)
    found: list[str] = []
    for i in letters:
        found.append(fresh("h", taken) if i in (ROW, COLUMN) else i)
        taken.add(found[-1])
    return tuple(found)


def _letters(s: System, name: str, uses: list[Tensor]) -> tuple[str, ...]:
    """Letters for the axes of an adjoint: those of the first plain use, or of its equation; else new ones."""
    for t in uses:
        found = t.letters
        if found is not None and len(set(found)) == len(found):
            return _own_letters(found)
    if s.defines(name) and len(s[name].letters) == s.rank(name):
        return s[name].letters
    if all(isinstance(i, (Index, Number)) for t in uses for i in t.subscripts):
        plainly: list[str] = []
        for _ in range(s.rank(name)):
            plainly.append(fresh("h", frozenset(plainly)))
        return tuple(plainly)
    taken = {i for t in uses for i in t.free} | {f.letter for f in s.facts if isinstance(f, Range)}
    letters: list[str] = []
    for axis in range(s.rank(name)):
        plain = [u.name for t in uses if isinstance(u := t.subscripts[axis], Index) and u.name not in letters]
        letters.append(plain[0] if plain else fresh("v" if uses else "h", frozenset({*taken, *letters})))
    return tuple(letters)
