"""Entries whose subscripts are computed, seen as tensors of their own: ``h[t-1, k]`` is one with the axes t and k.

In: an equation of a System. Out: the same equation with a stand-in for each such entry, so that the search for a
formula meets plain letters alone; which letters have to be carried or added up because a subscript is computed of them,
and in which order a loop runs through its time. How an entry is printed is the printers'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tensorprop.core.affine import form, shift
from tensorprop.core.build import ZERO, mul, rename
from tensorprop.core.equation import Equation, Loop, Outside, System, equation, system
from tensorprop.core.expr import Bracket, Dim, Expr, Index, Mul, Number, Sum, Tensor
from tensorprop.core.names import is_adjoint
from tensorprop.core.walk import postorder, tensors_of, transform

__all__ = ["Read", "Seen", "ends", "in_plain_letters", "kept_inside", "letters_of", "padding", "picks", "seen"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


Read: TypeAlias = Tensor | Bracket
"""What a name stands for: an entry, ``h[t-1, k]``, ``E[tok_bt, d]``, or ones at places, ``[tok_bt = v]``."""


@dataclass(frozen=True)
class Slid:
    """A sum over a window: ``image[stride x ± dilation u, …] kernel[u, …]``.

    ``axes``: the image's that move; ``stays`` and ``gone``: the letters x and u of each; ``offsets``: what is added to
    the place, none where it is 0 in every direction; ``added``: letters that are summed besides; ``carried``: the
    others. ``sum``: what it is in indices, ``opened``: where a bracket said so.
    """

    image: Tensor
    kernel: Tensor
    axes: tuple[int, ...]
    stays: tuple[str, ...]
    gone: tuple[str, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    flipped: bool
    added: tuple[str, ...]
    carried: tuple[str, ...]
    sum: Sum
    opened: bool = False
    offsets: tuple[int, ...] = ()

    @property
    def letters(self) -> tuple[str, ...]:
        """The axes of what stands for it."""
        return (*self.carried, *self.stays)


@dataclass(frozen=True)
class Seen:
    """An equation in plain letters: ``entries`` says of which entry a name stands there.

    ``out``: letters that have to be carried or added up. ``time``: the letter of the loop's time, if it is in one.
    ``when``: what is told of the order of time, and of what lies outside. ``windows``: of which sum a name stands
    there.
    """

    equation: Equation
    entries: tuple[tuple[str, Read], ...] = ()
    out: frozenset[str] = frozenset()
    time: str = ""
    when: tuple[str, ...] = ()
    windows: tuple[tuple[str, Slid], ...] = ()


def letters_of(t: Read) -> tuple[str, ...]:
    """The letters of an entry in the order in which they are met: the axes of what stands for it.

    >>> from tensorprop.text import parse_expression
    >>> letters_of(parse_expression("h[t-1, k]", free=None))
    ('t', 'k')
    """
    return tuple(dict.fromkeys(n.name for s in t.children for n in postorder(s) if isinstance(n, Index)))


def picks(t: Read) -> int | None:
    """The axis at which a tensor of whole numbers picks: 0 of ``E[tok_bt, d]``; None where none does.

    >>> from tensorprop.text import parse
    >>> [picks(eq.value) for eq in parse("e_bd = E[tok_b, d]; l_b = p[b, y_b]; d_t = h[t-1]")]
    [0, 1, None]
    """
    return next((k for k, s in enumerate(t.children) if isinstance(s, Tensor)), None) if isinstance(t, Tensor) else None


def seen(
    eq: Equation, s: System, start: Equation | None = None, windows: Mapping[str, Slid] | None = None
) -> Seen | None:
    """The equation as the search is to meet it; None where it has plain letters alone, and no part in a loop.

    ``start``: the equation with a tensor for each of these ``windows``.

    >>> from tensorprop.text import parse
    >>> s = parse("h_tj = tanh(x_tj + h_{t-1,k} W_kj); h_{-1,j} = g_j")
    >>> seen(next(iter(s)), s).when
    ('for t = 0, 1, …',)
    """
    loops = [b for b in s.blocks if isinstance(b, Loop)]
    axes = {name: axis for b in loops for name, axis in b.axes.items()}
    loop = next((b for b in loops if eq in b.body), None)
    found: dict[str, Read] = {}
    plain = _plain(start or eq, axes, found)
    if loop is None and not found and not windows and start is None:
        return None
    windows = windows or {}
    out = {i for e in found.values() if isinstance(e, Tensor) for i in _carried(e)}
    out.update(*(w.carried for w in windows.values()))
    time = loop.time(eq)[0] if loop is not None else ""
    when = _when(loop, eq) if loop is not None else ()
    opened = {w.image.name for w in windows.values() if w.opened}
    when = (*when, *padding(windows.values()), *ends(eq, s, opened))
    return Seen(
        plain, tuple(found.items()), frozenset(out | ({time} if time else set())), time, when, tuple(windows.items())
    )


def padding(windows: Iterable[Slid]) -> Iterator[str]:
    """``padding 1``, where images are read from −1 on; ``offset 1``, from 1 on; ``padding (1, 2)`` by direction."""
    for offsets in dict.fromkeys(w.offsets for w in windows if w.offsets):
        sizes = [*map(str, map(abs, offsets))]
        word = "padding" if min(offsets) < 0 else "offset"
        yield f"{word} {sizes[0] if len({*sizes}) == 1 else '(' + ', '.join(sizes) + ')'}"


def in_plain_letters(eq: Equation) -> Equation:
    """The equation with a stand-in for every entry whose subscripts are computed.

    >>> from tensorprop.text import parse
    >>> in_plain_letters(next(iter(parse("y_t = x_t - x[t-1]")))).inputs
    ('x', 'x‹0 - 1›')
    """
    return _plain(eq, None, {})


def _carried(t: Tensor) -> set[str]:
    """Letters of an entry that no axis of it runs along alone."""
    places = [s.free for s in t.subscripts]
    moved = {i for s in t.subscripts if not isinstance(s, (Index, Tensor)) for i in s.free}
    return moved | {i for i in t.free if sum(i in free for free in places) > 1}


def _plain(eq: Equation, axes: dict[str, int] | None, found: dict[str, Read]) -> Equation:
    """The same with stand-ins, which are noted; ``axes``: those of time, None where any may be one."""

    def computed(e: Tensor) -> bool:
        return any(_moves(i, axes is None or axes.get(e.name) == k) for k, i in enumerate(e.subscripts))

    def rule(e: Expr) -> Expr:
        if isinstance(e, Bracket):
            picked = _one_hot(e)
            if picked is None:
                return e
            e = picked
        elif not isinstance(e, Tensor) or not computed(e):
            return e
        letters = letters_of(e)
        name = _called(e, letters)
        found.setdefault(name, e)
        return Tensor(name, tuple(map(Index, letters)))

    target, value = rule(eq.target), transform(eq.value, rule)
    assert isinstance(target, Tensor)
    return equation(target, value)


def _one_hot(b: Bracket) -> Bracket | None:
    """``[tok_bt = v]``, the place first, where v is no index of tok; None of any other bracket."""
    for place, i in ((b.left, b.right), (b.right, b.left)):
        if b.relation == "=" and isinstance(i, Index) and isinstance(place, Tensor) and i.name not in place.free:
            letters = place.letters
            return Bracket("=", place, i) if letters is not None and len(set(letters)) == len(letters) else None
    return None


def _moves(place: Expr, on_time: bool) -> bool:
    """Whether a subscript is ``t + n``, a tensor of whole numbers, or a place on the axis of time, as -1 always is."""
    if isinstance(place, Index):
        return False
    if isinstance(place, Tensor):
        return place.letters is not None and len(set(place.letters)) == len(place.letters)
    if isinstance(place, Number) and place.value >= 0:
        return on_time
    return shift(place) is not None or not place.free


def _called(e: Read, letters: tuple[str, ...]) -> str:
    """One name for an entry, whatever its letters are called."""
    plain = rename(e, {i: f"·{n}" for n, i in enumerate(letters)})
    if isinstance(e, Bracket):
        return f"onehot‹{plain.children[0]}›".replace("·", "")
    assert isinstance(plain, Tensor)
    return f"{e.name}‹{', '.join(map(str, plain.subscripts))}›".replace("·", "")


def _when(loop: Loop, eq: Equation) -> tuple[str, ...]:
    """The order in which a loop runs, from where its start leaves off."""
    letter, own = loop.time(eq)
    places = [place for place, _ in loop.places(eq.name)]
    if loop.step < 0:
        return (f"for {letter} = …, 1, 0",)
    last = [int(p.value) for p in places if isinstance(p, Number)]
    first = max([0, *(p + 1 - own for p in last)])
    return (f"for {letter} = {first}, {first + 1}, …",)


def ends(eq: Equation, s: System, opened: Iterable[str] = ()) -> Iterator[str]:
    """What is 0 where a shifted entry lies outside; that of ``opened`` is so since a bracket said where it is read."""
    shifted = {t.name for t in tensors_of(eq.value) if any(not isinstance(i, Index) and i.free for i in t.subscripts)}
    begun = {eq.name for b in s.blocks if isinstance(b, Loop) for eq in b.starts}
    owed = {name for name in shifted if is_adjoint(name)}
    said: dict[str, list[str]] = {}
    for name in sorted((owed or shifted) - begun):  # where what is owed is 0, all that it is multiplied with may be
        value = s.outside(name)
        if isinstance(value, Number):
            said.setdefault(str(value), []).append(name)
    for name in sorted(opened):
        if name not in said.get("0", ()):
            said.setdefault("0", []).append(name)
    for value, names in said.items():
        yield f"{', '.join(names)} = {value} outside"


# --------------------------------------------------------------------------- brackets that keep inside
def kept_inside(s: System) -> System:
    """The System without brackets that only say whether an entry of a loop is inside: what lies outside is 0 instead.

    ``[t + 1 < dim(h, 0)] δh[t+1, j]`` is ``δh[t+1, j]``, if it is stated that δh is 0 outside.

    >>> from tensorprop.text import parse
    >>> print(kept_inside(parse("s_t = x_t + [t + 1 < dim(x, 0)] a s[t+1]")))
    s_t = x_t + a s[t+1]
    outside(s) = 0
    """
    axes = {name: axis for b in s.blocks if isinstance(b, Loop) if not b.starts for name, axis in b.axes.items()}
    zero: dict[str, None] = {}
    beside: dict[str, None] = {}  # read at the same place, and multiplied by 0 there

    def rule(e: Expr) -> Expr:
        if not isinstance(e, Mul):
            return e
        factors = list(e.factors)
        for f in e.factors:
            if isinstance(f, Bracket):
                names = [t.name for t in _multiplied(mul(*(g for g in factors if g is not f))) if _keeps(f, t, axes)]
                if names:
                    zero.setdefault(names[0])
                    beside.update(_beside(f, e))
                    factors.remove(f)
        return mul(*factors)

    if not axes:
        return s
    lines = [equation(eq.target, transform(eq.value, rule)) for eq in s]
    stated = {f.tensor: f.value for f in s.facts if isinstance(f, Outside)}
    if not zero or any(stated.get(name, ZERO) is not ZERO for name in zero):
        return s
    new = [name for name in dict.fromkeys((*zero, *beside)) if name not in stated]
    return system(lines, (*s.facts, *(Outside(name, ZERO) for name in new)))


def _beside(b: Bracket, e: Expr) -> dict[str, None]:
    """Tensors of a product that are read at the letter of a bracket plus a whole number."""
    letters = b.left.free | b.right.free
    moved = ((t.name, shift(i)) for t in tensors_of(e) for i in t.subscripts if not isinstance(i, Index))
    return {name: None for name, found in moved if found is not None and found[0] in letters}


def _multiplied(e: Expr) -> Iterable[Tensor]:
    """The tensors that a product is 0 with."""
    stack, found = [e], list[Tensor]()
    while stack:
        n = stack.pop()
        if isinstance(n, Tensor):
            found.append(n)
        elif isinstance(n, Mul):
            stack.extend(n.factors)
        elif isinstance(n, Sum):
            stack.append(n.body)
    return found


def _keeps(b: Bracket, t: Tensor, axes: dict[str, int]) -> bool:
    """Whether a bracket compares the time at which an entry of a loop is read with a size."""
    if t.name not in axes or b.relation not in "<>≤≥":
        return False
    found = shift(t.subscripts[axes[t.name]])
    parts = [*form(b.left), *form(b.right)]
    letters = {p.name for p in parts if isinstance(p, Index)}
    return (
        found is not None
        and found[1] > 0
        and letters == {found[0]}
        and all(isinstance(p, (Index, Dim, Number)) for p in parts)
        and any(isinstance(p, Dim) for p in parts)
    )
