"""Tensor diagrams: what is summed, kept and shared, as a picture, in SVG and in characters.

In: equations in index notation. Out: a Diagram. A factor is a node. An index that is summed over two factors is a wire
between them; one that is kept is a leg with an open end; what several factors share and keep is a leg with a dot, and a
sum over one factor alone ends in a dot. A node that is cut out is dashed. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tensorprop.calculus.source import as_system
from tensorprop.core.equation import Equation, System
from tensorprop.core.expr import Add, Expr, Mul, Number, Sum, Tensor
from tensorprop.face import Face
from tensorprop.render.notation import UNICODE
from tensorprop.render.svg import Network, svg

__all__ = ["Diagram", "Network", "diagram", "diagram_of", "drawn", "factors_within", "network", "networks"]


@dataclass(frozen=True, repr=False)
class Diagram(Face):
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
        return "\n\n".join("\n".join(drawn(n)) for n in self.networks)

    @property
    def svg(self) -> str:
        """The diagrams as one SVG, which needs no style from elsewhere."""
        return svg(self.networks)

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
        yield network(factors_within(term), eq.letters, f"{UNICODE.name(eq.name)} =" if n == 0 else "+")


def network(factors: Sequence[Expr], kept: Iterable[str], lead: str = "", cut: Expr | None = None) -> Network:
    """The network of a product; ``kept`` are its open indices."""
    open_ = set(kept)
    nodes = [f for f in factors if not isinstance(f, Number)]
    letters = dict.fromkeys(i for f in nodes for i in _in_order(f))
    wires = tuple((i, tuple(n for n, f in enumerate(nodes) if i in f.free), i in open_) for i in letters)
    labels = tuple(_label(f) for f in nodes)
    return Network(labels or ("1",), wires, lead, next((n for n, f in enumerate(nodes) if f is cut), None))


def factors_within(term: Expr) -> tuple[Expr, ...]:
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
def drawn(net: Network) -> list[str]:
    """Nodes in a line; wires between neighbours in it, all others and open legs as rails beneath."""
    direct: dict[tuple[int, ...], str] = {  # of neighbours that share one summed index, the wire stands between them
        ends: i for i, ends, kept in reversed(net.wires) if not kept and len(ends) == 2 and ends[1] == ends[0] + 1
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
