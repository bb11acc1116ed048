"""Tensor diagrams: what is summed, kept and shared, as a picture, in SVG and in characters.

In: equations in index notation. Out: a Diagram. A factor is a node. An index that is summed over two factors is a wire
between them; one that is kept is a leg with an open end; what several factors share and keep is a leg with a dot, and a
sum over one factor alone ends in a dot. A node that is cut out is dashed. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tensorprop.calculus.source import as_system
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Expr, Mul, Number, Sum, Tensor
from tensorprop.render.notation import UNICODE

__all__ = ["Diagram", "Network", "diagram", "diagram_of", "network", "networks"]


@dataclass(frozen=True)
class Network:
    """One product: ``nodes`` by label, ``wires`` from an index to the nodes that have it, kept ones open.

    ``cut``: which node is cut out. ``lead`` stands in front: ``z =``, ``+``.
    """

    nodes: tuple[str, ...]
    wires: tuple[tuple[str, tuple[int, ...], bool], ...]  # index, nodes, whether it is kept
    lead: str = ""
    cut: int | None = None


@dataclass(frozen=True)
class Diagram:
    """Tensor diagrams under one another: ``svg`` for a page, ``text`` for a terminal.

    >>> from tensorprop.text import parse
    >>> print(diagram_of(parse("z_j = a_i W_ij")).text)
    z =   a ──i── W
                  │
                  j
    """

    networks: tuple[Network, ...]

    @property
    def text(self) -> str:
        """The diagrams in characters."""
        return "\n\n".join("\n".join(_drawn(n)) for n in self.networks)

    @property
    def svg(self) -> str:
        """The diagrams as one SVG, which needs no style from elsewhere."""
        return _svg(self.networks)

    def __str__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str:
        return self.svg


def diagram(x: object) -> Diagram:
    """The tensor diagram of every product of an equation, a System, a layer, text, a plan or a derivation.

    A factor is a node; a summed index is a wire between the factors that have it, a kept one a leg with an open end.

    Errors: UsageError for what has no equations; those of `parse` for text.

    >>> print(diagram("δW_ij = a_bi δz_bj").text)
    δW =   a ──b── δz
           │       │
           i       j
    """
    within = getattr(x, "system", None)
    return diagram_of(within if isinstance(within, System) else as_system(x))  # pyright: ignore[reportArgumentType]


def diagram_of(x: Equation | System) -> Diagram:
    """The diagram of every product of an equation or a System."""
    equations = (x,) if isinstance(x, Equation) else tuple(x)
    return Diagram(tuple(n for eq in equations for n in networks(eq)))


def networks(eq: Equation) -> Iterator[Network]:
    """A network for every term of the right side."""
    terms = eq.value.terms if isinstance(eq.value, Add) else (eq.value,)
    for n, term in enumerate(terms):
        yield network(_factors(term), eq.letters, f"{UNICODE.name(eq.name)} =" if n == 0 else "+")


def network(factors: Sequence[Expr], kept: Iterable[str], lead: str = "", cut: Expr | None = None) -> Network:
    """The network of a product; ``kept`` are its open indices."""
    open_ = set(kept)
    nodes = [f for f in factors if not isinstance(f, Number)]
    letters = dict.fromkeys(i for f in nodes for i in _in_order(f))
    wires = tuple((i, tuple(n for n, f in enumerate(nodes) if i in f.free), i in open_) for i in letters)
    labels = tuple(_label(f) for f in nodes)
    return Network(labels or ("1",), wires, lead, next((n for n, f in enumerate(nodes) if f is cut), None))


def _factors(term: Expr) -> tuple[Expr, ...]:
    """The factors of a product, a sum within it taken apart."""
    out: list[Expr] = []
    for f in term.factors if isinstance(term, Mul) else (term,):
        if isinstance(f, Sum):
            out += f.body.factors if isinstance(f.body, Mul) else (f.body,)
        else:
            out.append(f)
    return tuple(out)


def _in_order(f: Expr) -> Iterable[str]:
    if isinstance(f, Tensor):
        return [i for s in f.subscripts for i in sorted(s.free)]
    return sorted(f.free)


def _label(f: Expr) -> str:
    return UNICODE.name(f.name) if isinstance(f, Tensor) else UNICODE.show(f)


# --------------------------------------------------------------------------- in characters
def _drawn(net: Network) -> list[str]:
    """Nodes in a line; wires between neighbours in it, all others and open legs as rails beneath."""
    direct: dict[tuple[int, ...], str] = {  # of neighbours that share one summed index, the wire stands between them
        ends: i
        for i, ends, kept in reversed(net.wires)
        if not kept and len(ends) == 2 and ends[1] == ends[0] + 1
    }
    boxed = [f"[{label}]" if n == net.cut else label for n, label in enumerate(net.nodes)]
    row = f"{net.lead}   " if net.lead else ""
    own = [w for w in net.wires if direct.get(w[1]) != w[0]]
    legs = [[(i, kept) for i, ends, kept in own if n in ends] for n in range(len(boxed))]
    columns: list[dict[str, int]] = []
    for n, text in enumerate(boxed):
        width = max(len(text), 2 * len(legs[n]) - 1)
        columns.append({i: len(row) + (width - 2 * len(legs[n]) + 1) // 2 + 2 * k for k, (i, _) in enumerate(legs[n])})
        row += text.center(width) if width > len(text) else text
        if n + 1 < len(boxed):
            wire = direct.get((n, n + 1))
            row += f" ──{wire}── " if wire else "   "
    lines = [row.rstrip()]
    rails = own
    if rails:
        lines.append(_row({c: "│" for own in columns for c in own.values()}))
    single = [r for r in rails if r[2] and len(r[1]) == 1]
    pending = sorted((r for r in rails if r not in single), key=lambda r: -max(columns[n][r[0]] for n in r[1]))
    waiting = {(n, i) for n, own in enumerate(columns) for i in own}
    for i, ends, kept in pending:
        at = sorted(columns[n][i] for n in ends)
        marks = {columns[n][j]: "│" for n, j in waiting if (n, j) not in {(n, i) for n in ends}}
        line = {**{c: "─" for c in range(at[0], at[-1])}, **{c: "┼" for c in marks if at[0] < c < at[-1]}}
        line = {**marks, **line, **{c: "┴" for c in at}, at[0]: "└", at[-1]: "┘"}
        waiting -= {(n, i) for n in ends}
        if len(at) == 1:
            line[at[0]] = "●"
        end = max(at[-1], *marks, 0) + 1 if any(c > at[-1] for c in marks) else at[-1] + 1  # where nothing stands
        tail = f"●── {i}" if kept else f" Σ_{i}"
        if kept and len(at) > 1:
            line[at[-1]] = "●"
            tail = f"── {i}"
        for k, c in enumerate(tail):
            line.setdefault(end + k, c)
        lines.append(_row(line))
    if single:
        lines.append(_row({columns[ends[0]][i]: i[0] for i, ends, _ in single}))
        if any(len(i) > 1 for i, _, _ in single):
            lines.append("   ".join(i for i, _, _ in single))
    return lines


def _row(marks: dict[int, str]) -> str:
    return "".join(marks.get(c, " ") for c in range(max(marks) + 1)) if marks else ""


# --------------------------------------------------------------------------- as SVG
_STEP, _TOP, _RADIUS, _LEG = 96, 64, 19, 44
_INK, _WIRE = "#1b1b1b", "#2f6db3"


def _svg(nets: Sequence[Network]) -> str:
    parts: list[str] = []
    height, wide = 0.0, 0.0
    for net in nets:
        drawn, w, h = _network_svg(net, height)
        parts += drawn
        height += h
        wide = max(wide, w)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {height:.0f}" width="{wide:.0f}" '
        f'height="{height:.0f}" role="img" font-family="Georgia,serif" font-size="15">'
    )
    return head + "".join(parts) + "</svg>"


def _text(x: float, y: float, words: str, fill: str = _INK, anchor: str = "middle", italic: bool = True) -> str:
    style = ' font-style="italic"' if italic else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{fill}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


def _path(d: str) -> str:
    return f'<path d="{d}" fill="none" stroke="{_WIRE}" stroke-width="2"/>'


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{_WIRE}"/>'


def _network_svg(net: Network, top: float) -> tuple[list[str], float, float]:
    """One network: its pieces, how wide and how high it is."""
    lead = 14 + 8.5 * len(net.lead)
    halves = [max(_RADIUS, 4.4 * len(label) + 9) for label in net.nodes]
    xs: list[float] = []
    x = lead + 16
    for half in halves:
        xs.append(x + half)
        x += 2 * half + _STEP - 2 * _RADIUS
    direct = {ends for _, ends, kept in net.wires if not kept and len(ends) == 2 and ends[1] == ends[0] + 1}
    far = [w for w in net.wires if not w[2] and w[1] not in direct]
    seen: dict[tuple[int, ...], int] = {}
    above = 26 * len(far) + 14 if far else 8
    y = top + above + _RADIUS + 8
    lines: list[str] = []
    labels: list[str] = []
    for level, (i, ends, _) in enumerate(far):  # summed, and no wire between neighbours: over the nodes
        hub = y - _RADIUS - 22 - 26 * level
        centre = sum(xs[n] for n in ends) / len(ends)
        for n in ends:
            lines.append(_path(f"M{xs[n]:.0f},{y:.0f} Q{xs[n]:.0f},{hub:.0f} {centre:.0f},{hub:.0f}"))
        if len(ends) != 2:
            lines.append(_dot(centre, hub))
        labels.append(_text(centre + 8, hub - 5, i if len(ends) > 1 else f"Σ {i}", _WIRE))
    for i, ends, kept in net.wires:
        if kept or ends not in direct:
            continue
        k = seen[ends] = seen.get(ends, -1) + 1
        a, b = xs[ends[0]], xs[ends[1]]
        bow = 0 if k == 0 else 26 * (1 if k % 2 else -1) * ((k + 1) // 2)
        lines.append(_path(f"M{a:.0f},{y:.0f} Q{(a + b) / 2:.0f},{y + bow:.0f} {b:.0f},{y:.0f}"))
        left, right = a + halves[ends[0]], b - halves[ends[1]]
        labels.append(_text((left + right) / 2, y + bow / 2 - 6, i, _WIRE))
    legs = [w for w in net.wires if w[2]]
    used: dict[int, int] = {}
    many = {n: sum(n in ends and len(ends) == 1 for _, ends, _ in legs) for n in range(len(xs))}
    foot = y + _RADIUS + _LEG
    deep = 0
    for i, ends, _ in legs:
        if len(ends) == 1:
            (n,) = ends
            k = used[n] = used.get(n, -1) + 1
            end = xs[n] + (k - (many[n] - 1) / 2) * 30
            lines.append(_path(f"M{xs[n]:.0f},{y:.0f} L{end:.0f},{foot - 12:.0f}"))
            labels.append(_text(end, foot + 4, i))
        else:
            centre = sum(xs[n] for n in ends) / len(ends)
            hub = y + _RADIUS + 18 + 34 * deep
            for n in ends:
                lines.append(_path(f"M{xs[n]:.0f},{y:.0f} Q{xs[n]:.0f},{hub:.0f} {centre:.0f},{hub:.0f}"))
            lines += [_path(f"M{centre:.0f},{hub:.0f} L{centre + 22:.0f},{hub + 18:.0f}"), _dot(centre, hub)]
            labels.append(_text(centre + 30, hub + 24, i))
            deep += 1
    for n, (label, half) in enumerate(zip(net.nodes, halves, strict=True)):
        cut = n == net.cut
        shape = ' stroke-dasharray="5 4" fill="#ffffff"' if cut else ' fill="#f3efe4"'
        lines.append(
            f'<rect x="{xs[n] - half:.0f}" y="{y - _RADIUS:.0f}" width="{2 * half:.0f}" height="{2 * _RADIUS}" '
            f'rx="{_RADIUS}" stroke="{_INK}" stroke-width="1.5"{shape}/>'
        )
        labels.append(_text(xs[n], y + 5, label, "#999999" if cut else _INK))
    if net.lead:
        labels.append(_text(8, y + 5, net.lead, anchor="start"))
    height = above + 2 * _RADIUS + 16 + (_LEG if legs else 6) + 34 * max(0, deep - 1)
    return lines + labels, x + 16, height
