"""Convolutions: ``a ⋆ k`` for ``Σ_u a[x + u] k_u``, ``a * k`` for ``Σ_u a[x − u] k_u``, channels summed.

In: an Equation with sums over the product of two tensors, one of which is read at shifted places, wherever they stand.
Out: the same with a stand-in for each such sum, and what the stand-in is as a tree; of windows that have no sign the
reason. A stride stands below the sign, ``(a ⋆₂ k)_x = Σ_u a[2x + u] k_u``, a dilation above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from tensorprop.core.affine import form
from tensorprop.core.build import ONE, add, mul, negate, number, substitute, sum_over
from tensorprop.core.canon import canonical
from tensorprop.core.english import joined
from tensorprop.core.equation import Equation, equation
from tensorprop.core.expr import Bracket, Expr, Index, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import tensors_of, transform
from tensorprop.render import trees as m
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.line import Line, NoMatrix
from tensorprop.render.matrices.stand_ins import Seen, Slid
from tensorprop.render.trees import MathTree

__all__ = ["as_windows", "put_in", "read_inside", "whole_window", "why_not"]


# --------------------------------------------------------------------------- found in an equation
def as_windows(eq: Equation) -> tuple[Equation, dict[str, Slid]]:
    """The equation with a tensor for every sum over a window, and which sum that is.

    >>> from tensorprop.text import parse
    >>> found, windows = as_windows(parse("y_x = relu(a[x+u] k_u + b)")["y"])
    >>> [(w.image.name, w.kernel.name, w.stays, w.gone) for w in windows.values()]
    [('a', 'k', ('x',), ('u',))]
    """
    found: dict[str, Slid] = {}

    def rule(e: Expr) -> Expr:
        if not isinstance(e, Sum):
            return e
        for bound, rest in _shares(factors_of(e.body)):
            outer = tuple(i for i in e.indices if any(i in f.free for f in rest))
            inner = tuple(i for i in e.indices if i not in outer)
            w = _window(Sum(inner, mul(*bound)), eq.letters) if inner else None
            if w is not None:
                name = f"{w.image.name}‹⋆ {canonical(w.sum)}›"
                found[name] = w
                return sum_over(outer, mul(*rest, Tensor(name, tuple(map(Index, w.letters)))))
        return e

    plain = equation(eq.target, transform(eq.value, rule))
    if not found or len({w.offsets for w in found.values()}) > 1:  # the legend tells one
        return eq, {}
    return plain, found


def _shares(factors: tuple[Expr, ...]) -> Iterator[tuple[tuple[Expr, ...], tuple[Expr, ...]]]:
    """Two tensors of a product, and the brackets that have no other letters; what else there is."""
    for pair in combinations([f for f in factors if isinstance(f, Tensor)], 2):
        ties = [f for f in factors if isinstance(f, Bracket) and f.relation == "=" and len(f.free) == 3]
        if ties or any(not isinstance(s, Index) for t in pair for s in t.subscripts):
            for more in ((), *((t,) for t in ties)):
                bound = tuple(f for f in factors if f in (*pair, *more))
                yield bound, tuple(f for f in factors if f not in bound)


def read_inside(eq: Equation) -> Equation:
    """The equation with ``Σ_x [w = x + u] a_x k_u`` as ``a[w − u] k_u``: what lies outside of a is 0.

    >>> from tensorprop.text import parse
    >>> print(read_inside(parse("y_w = [w = x+u] a_x k_u")["y"]))
    y_w = a[w-u] k_u
    """

    def rule(e: Expr) -> Expr:
        return (_unbracketed(e) or e) if isinstance(e, Sum) else e

    return equation(eq.target, transform(eq.value, rule))


def _unbracketed(e: Sum) -> Sum | None:
    """Two tensors and a bracket that ties an index of the one to one of the other, as a window."""
    factors = factors_of(e.body)
    ties = [f for f in factors if isinstance(f, Bracket) and f.relation == "=" and len(f.free) == 3]
    tensors = [f for f in factors if isinstance(f, Tensor) and f.letters is not None]
    if len(factors) != 3 or len(ties) != 1 or len(tensors) != 2:
        return None
    parts = form(add(ties[0].left, negate(ties[0].right)))
    letters = {p.name: c for p, c in parts.items() if isinstance(p, Index)}
    for i in (i for i in letters if i in e.indices):
        own = [t for t in tensors if i in t.free]
        if abs(letters.get(i, 0)) != 1 or len(letters) != 3 or len({*parts} - {ONE}) != 3 or len(own) != 1:
            continue
        place = add(*(mul(number(-c / letters[i]), p) for p, c in parts.items() if p != Index(i)))
        rest = tuple(j for j in e.indices if j != i)
        if rest and not (place.free & own[0].free):
            moved = substitute(own[0], {i: place})
            return Sum(rest, mul(*(moved if t is own[0] else t for t in tensors)))
    return None


def _window(e: Sum, order: tuple[str, ...]) -> Slid | None:
    opened = _unbracketed(e)
    e = opened or e
    factors = factors_of(e.body)
    if len(factors) != 2:
        return None
    for a, k in (factors, factors[::-1]):
        if isinstance(a, Tensor) and isinstance(k, Tensor) and k.letters is not None:
            found = _slid(e, a, k, order)
            if found is not None:
                return found if opened is None else replace(found, opened=True)
    return None


def _slid(e: Sum, a: Tensor, k: Tensor, order: tuple[str, ...]) -> Slid | None:
    summed, own = e.indices, k.letters or ()
    moves = _moves(a, summed, order)
    if not moves or len({*own}) < len(own):
        return None
    stays, gone = tuple(v[1] for v in moves), tuple(v[2] for v in moves)
    plain = [s.name for s in a.subscripts if isinstance(s, Index)]
    used = [*plain, *stays, *gone]
    if len({*used}) < len(used) or not {*gone} <= {*own} or {*stays} & {*own}:
        return None
    added = tuple(i for i in summed if i not in gone)
    carried = tuple(sorted(e.free - {*stays}, key=lambda i: _at(i, order)))
    if not {*added} <= {*plain} & {*own}:
        return None
    strides, dilations = tuple(v[3] for v in moves), tuple(abs(v[4]) for v in moves)
    axes, flipped = tuple(v[0] for v in moves), moves[0][4] < 0
    offsets = tuple(v[5] for v in moves) if any(v[5] for v in moves) else ()
    if offsets and min(offsets) < 0 < max(offsets):
        return None
    return Slid(a, k, axes, stays, gone, strides, dilations, flipped, added, carried, e, offsets=offsets)


def _moves(a: Tensor, summed: tuple[str, ...], order: tuple[str, ...]) -> list[tuple[int, str, str, int, int, int]]:
    """The shifted subscripts of a tensor, in the order of what stays: axis, x and u, how far each moves, what is added.

    Empty if one is another.
    """
    found: list[tuple[int, str, str, int, int, int]] = []
    for axis, s in enumerate(a.subscripts):
        if isinstance(s, Index):
            continue
        parts = form(s)
        offset = parts.pop(ONE, Fraction(0))
        names = {p.name: c for p, c in parts.items() if isinstance(p, Index)}
        stays, gone = [i for i in names if i not in summed], [i for i in names if i in summed]
        if (
            len(parts) != 2
            or len(stays) != 1
            or len(gone) != 1
            or any(c.denominator > 1 for c in (*names.values(), offset))
        ):
            return []
        x, u = stays[0], gone[0]
        if names[x] < 1:
            return []
        found.append((axis, x, u, int(names[x]), int(names[u]), int(offset)))
    if len({v[4] < 0 for v in found}) > 1:
        return []
    return sorted(found, key=lambda v: _at(v[1], order))


def _at(i: str, order: tuple[str, ...]) -> tuple[int, str]:
    """Where a letter stands: those of the left side first."""
    return order.index(i) if i in order else len(order), i


def why_not(eq: Equation) -> str:
    """Why a window has no sign of its own."""
    found: list[tuple[Fraction, str, str]] = []
    for t in tensors_of(eq.value):
        for s in t.subscripts:
            parts = {} if isinstance(s, (Index, Tensor)) else form(s)
            if sum(isinstance(p, Index) for p in parts) == 2:
                found.append((parts.pop(ONE, Fraction(0)), t.name, f"{t.name}[{s}]"))
                if any(not isinstance(p, Index) for p in parts):
                    return f"the window {found[-1][2]} is offset by a size"
    if len({offset for offset, _, _ in found}) > 1:
        return f"{joined([window for _, _, window in found])} have different offsets"
    lost = next(((name, window) for offset, name, window in found if offset < 0), None)
    return f"the window {lost[1]} begins outside of {lost[0]}, and no line says that it is 0 there" if lost else ""


# --------------------------------------------------------------------------- as trees
def put_in(t: MathTree, windows: Mapping[str, Slid], convention: Convention) -> MathTree:
    """A tree with the windows in place of what stands for them.

    Errors: NoMatrix where one is cut along what slides, or not along all the rest.
    """
    if isinstance(t, m.Name) and t.tensor in windows:
        return _shown(t, windows[t.tensor], convention)
    return t.map(lambda part: put_in(part, windows, convention))


def _shown(n: m.Name, w: Slid, convention: Convention) -> MathTree:
    many = len(w.carried)
    if n.slots != (*w.carried, *(None for _ in w.stays)) or n.order != tuple(range(many, many + len(w.stays))):
        raise NoMatrix(f"the window {w.image} moves along {', '.join(w.stays)} alone")
    out = {*w.added, *w.carried}
    places = {i: k for k, i in enumerate(w.kernel.letters or ())}
    image = _name(w.image, list(w.axes), out, convention)
    kernel = _name(w.kernel, [places[u] for u in w.gone], out, convention)
    if image is None or kernel is None or len({image.kind, kernel.kind, n.kind}) > 1:
        raise NoMatrix(f"the window {w.image} is shown transposed")
    tree: MathTree = m.Convolved(image, kernel, w.flipped, w.strides, w.dilations)
    return m.Over(w.added, tree) if w.added else tree


def _name(t: Tensor, order: list[int], out: set[str], convention: Convention) -> m.Name | None:
    """A tensor cut along what is carried; None where the convention shows it transposed."""
    slots = tuple(s.name if isinstance(s, Index) and s.name in out else None for s in t.subscripts)
    placed, kind = convention.placed(t, tuple(sorted(order))) if len(order) < 3 else (tuple(order), "tensor")
    return m.Name(t.name, slots, tuple(order), kind) if placed == tuple(order) else None


def whole_window(eq: Equation, met: Seen, convention: Convention) -> Line | None:
    """The line of a window in three directions or more, which is all of a right side."""
    e, target = met.equation.value, met.equation.target
    windows = dict(met.windows)
    if not isinstance(e, Tensor) or e.name not in windows or target.name != eq.name:
        return None
    w = windows[e.name]
    own = target.letters or ()
    if len(w.stays) < 3 or tuple(i for i in own if i not in w.carried) != w.stays or not {*w.carried} <= {*own}:
        return None
    many = len(w.carried)
    name = m.Name(e.name, (*w.carried, *(None for _ in w.stays)), (*range(many, many + len(w.stays)),), "tensor")
    left = _name(target, [k for k, i in enumerate(own) if i in w.stays], {*w.carried}, convention)
    carried = tuple(i for i in own if i in w.carried)
    return None if left is None else Line(eq, left, _shown(name, w, convention), carried, seen=met, computed=name)
