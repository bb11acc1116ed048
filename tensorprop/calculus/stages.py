"""What a step of a recurrence comes to on the way gets a name: ``h_tj = tanh(z_tj)``, ``z_tj = x_tj + h_{t-1,k} W_kj``.

In: a System. Out: the same, in whose recurrences the argument of a function, and a reduction, that reads the past is a
tensor of its own. The rules then name what is owed to it, which the steps back make and the products after them read;
and a reduction that was made on the way there is read on the way back, and not made again.

So is an argument of a function that sums over a window, ``a_t = tanh(Σ_s x_{t-s} f_s)``, or reads a tensor here and
there, ``√((x_{t+1} − x_t)² + 1)``: the rule of x reads it in all these places, ``δx_t = Σ_s f_s f′(z_{t+s}) δa_{t+s}``,
and would work it out in each. And so is one that adds what has different letters, ``v_j tanh(a_tj + c_uj)``: what is
owed to it is summed over u for a, and over t for c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tensorprop.core.affine import shift
from tensorprop.core.build import add, fresh, number, substitute, subtract
from tensorprop.core.equation import Equation, Loop, Range, System, equation, reached, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import part_name
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import postorder, tensors_of, transform

__all__ = ["stages"]


def stages(s: System, wrt: Iterable[str] | None = None) -> System:
    """The System with names for what its recurrences come to within a step, and for windows, and sums of what has
    different letters, that functions are of; ``wrt``: what is differentiated by, all inputs if nobody says.

    >>> from tensorprop.text import parse
    >>> print(stages(parse("h_tj = tanh(x_tj + h[t-1,k] W_kj); h[-1,j] = 0; E = h_tj y_tj")))
    h_tj = tanh(h0_tj)
    h0_tj = x_tj + h[t-1, k] W_kj
    h[-1, j] = 0
    E = h_tj y_tj
    """
    taken = {*s.names, *s.inputs}
    wrt = s.inputs if wrt is None else (*wrt,)
    active = {*wrt, *reached(s.equations, wrt)}
    made: dict[Equation, list[Equation]] = {}
    ranges: list[Range] = []
    for block in s.blocks:
        if isinstance(block, Equation):
            made[block] = _of_windows(s, block, taken, active)
        elif block.step > 0:
            for eq in block.body:
                made[eq] = _named(s, eq, block, taken, ranges)
    if all(len(found) == 1 for found in made.values()):
        return s
    return system([new for eq in s for new in made.get(eq, [eq])], (*s.facts, *ranges))


def _named(s: System, eq: Equation, loop: Loop, taken: set[str], ranges: list[Range]) -> list[Equation]:
    """An equation of a loop, and those of its parts that have names now."""
    time, ahead = loop.time(eq)
    first = _first(loop)
    if first is None or ahead:
        return [eq]
    parts: dict[Expr, Expr] = {}
    found: list[Equation] = []
    for n in _parts(eq.value, loop):
        letters = [i for i in eq.letters if i in n.free]
        letters += [i for i in _reading(n) if i in n.free and i not in letters]
        there = {sub.name for t in tensors_of(n) for sub in t.subscripts if isinstance(sub, Index)}
        if time not in letters or not there.issuperset(i for i in letters if i != time):
            continue
        now, ends = time, time in there
        places = (sub for t in tensors_of(n) for sub in t.subscripts if time in sub.free)
        if first and any(shift(sub) != (time, -1) for sub in places):
            continue
        if first or not ends:  # from the first time on, counted from 0
            others = {i for e in s for i in (*e.letters, *e.value.free, *e.value.binds)}
            now = fresh(time, others.union(letters, (r.letter for r in (*s.facts, *ranges) if isinstance(r, Range))))
            ranges.append(Range(now, subtract(Dim(eq.name, loop.axes[eq.name]), number(first))))
        name = part_name(eq.name, taken)
        taken.add(name)
        moved = substitute(n, {time: add(Index(now), number(first))})
        found.append(equation(Tensor(name, tuple(Index(now if i == time else i) for i in letters)), moved))
        at = add(Index(time), number(-first))
        parts[n] = Tensor(name, tuple(at if i == time else Index(i) for i in letters))
    if not parts:
        return [eq]
    return [equation(eq.target, transform(eq.value, lambda n: parts.get(n, n))), *found]


def _of_windows(s: System, eq: Equation, taken: set[str], active: set[str]) -> list[Equation]:
    """An equation without past, and those of its arguments that sum over a window, where their letters range alone."""
    parts: dict[Expr, Expr] = {}
    found: list[Equation] = []
    for n in _arguments(eq.value):
        letters = tuple(dict.fromkeys((*(i for i in eq.letters if i in n.free), *_reading(n))))
        letters = tuple(i for i in letters if i in n.free)
        if (
            n in parts
            or not (_window(n) or _outer(n, active))
            or _guarded(s, eq, n)
            or not all(_ranges(s, eq, n, i) for i in letters)
        ):
            continue
        name = part_name(eq.name, taken)
        taken.add(name)
        parts[n] = Tensor(name, tuple(map(Index, letters)))
        found.append(equation(Tensor(name, tuple(map(Index, letters))), n))
    return [equation(eq.target, transform(eq.value, lambda n: parts.get(n, n))), *found] if parts else [eq]


def _arguments(e: Expr) -> Iterator[Expr]:
    """The outermost arguments of functions that are neither tensors nor functions, and sums over windows that are
    multiplied by one another."""
    stack = [e]
    while stack:
        n = stack.pop()
        several = [c for c in factors_of(n) if isinstance(c, Sum) and _window(c)] if isinstance(n, Mul) else []
        for c in n.children:
            if (isinstance(n, Call) and not isinstance(c, (Tensor, Call))) or (len(several) > 1 and c in several):
                yield c
            else:
                stack.append(c)


def _outer(e: Expr, active: set[str]) -> bool:
    """Whether terms are added of which none has all letters, ``x_ik - x_jk``, and several are differentiated: each
    gradient sums what is owed to all of them over letters of its own."""
    if not isinstance(e, Add) or any(t.free == e.free for t in e.terms):
        return False
    return len({t.free for t in e.terms if any(u.name in active for u in tensors_of(t))}) > 1


def _window(e: Expr) -> bool:
    """Whether a tensor is read at several places for one entry: a sum goes over a window, of whose letters and others a
    subscript is made, or there are several subscripts with the same letters."""
    for n in postorder(e):
        if isinstance(n, Sum):
            read = (sub for t in tensors_of(n.body) for sub in t.subscripts)
            if any(len(sub.free) > 1 and not sub.free <= n.free for sub in read):
                return True
    places: dict[tuple[str, frozenset[str]], set[Tensor]] = {}
    for t in tensors_of(e):
        places.setdefault((t.name, t.free), set()).add(t)
    return any(
        len(there) > 1 and any(sub.free and not isinstance(sub, Index) for t in there for sub in t.subscripts)
        for there in places.values()
    )


def _guarded(s: System, eq: Equation, e: Expr) -> bool:
    """Whether a bracket around a part may keep it from being read outside of a tensor."""
    inside = {*postorder(e)}
    told = {i for n in postorder(eq.value) if isinstance(n, Bracket) and n not in inside for i in n.free}
    read = (sub for t in tensors_of(e) if s.outside(t.name) is None for sub in t.subscripts)
    return any(not isinstance(sub, Index) and not told.isdisjoint(sub.free) for sub in read)


def _ranges(s: System, eq: Equation, e: Expr, letter: str) -> bool:
    """Whether a part of an equation tells the range of a letter as the whole does."""
    if s.stated(letter) is not None:
        return True
    here = [t for t in tensors_of(e) if letter in t.free]
    if any(sub is Index(letter) for t in here for sub in t.subscripts):
        return True
    others = [t for t in tensors_of(eq.value) if letter in t.free and t not in here]
    return not others and all(s.outside(t.name) is None for t in here)


def _first(loop: Loop) -> int | None:
    """The first time at which the equations hold, if that is 0 or 1: after the starts, which lie before it."""
    places = [place for name in loop.axes for place, _ in loop.places(name)]
    if not all(isinstance(p, Number) and p.value <= 0 for p in places):
        return None
    return int(any(p == number(0) for p in places))


def _parts(e: Expr, loop: Loop) -> Iterator[Expr]:
    """The outermost nodes that are worth a name."""
    stack = [e]
    while stack:
        n = stack.pop()
        for c in n.children:
            argument = isinstance(n, Call) and n.function != "power" and not isinstance(c, (Tensor, Call))
            if (argument or (isinstance(c, Reduce) and not c.at)) and _reads(c, loop):
                yield c
            else:
                stack.append(c)


def _reads(e: Expr, loop: Loop) -> bool:
    """Whether an expression reads the past of a loop."""
    return any(t.name in loop.axes for t in tensors_of(e))


def _reading(e: Expr) -> list[str]:
    return [n.name for n in postorder(e) if isinstance(n, Index)]
