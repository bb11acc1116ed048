"""Tensor diagrams as SVG, which needs no style from elsewhere.

In: networks of nodes and wires. Out: one picture, the networks under one another. What they mean is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Network", "svg"]


@dataclass(frozen=True)
class Network:
    """One product: ``nodes`` by label, ``wires`` from an index to the nodes that have it, kept ones open.

    ``cut``: which node is cut out. ``lead`` stands in front: ``z =``, ``+``.
    """

    nodes: tuple[str, ...]
    wires: tuple[tuple[str, tuple[int, ...], bool], ...]  # index, nodes, whether it is kept
    lead: str = ""
    cut: int | None = None


_STEP, _TOP, _RADIUS, _LEG = 96, 64, 19, 44
_INK, _WIRE = "#1b1b1b", "#2f6db3"


def svg(nets: Sequence[Network]) -> str:
    parts: list[str] = []
    height, wide = 0.0, 0.0
    for net in nets:
        sheet = _Drawing(net, height)
        drawn, w, h = sheet.pieces, sheet.wide, sheet.high
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


class _Drawing:
    """One network, drawn from ``top`` downwards: its ``pieces``, how wide and how high it is."""

    def __init__(self, net: Network, top: float) -> None:
        self._net = net
        self._lines: list[str] = []
        self._labels: list[str] = []
        self._halves = [max(_RADIUS, 4.4 * len(label) + 9) for label in net.nodes]
        self._xs: list[float] = []
        x = 14 + 8.5 * len(net.lead) + 16
        for half in self._halves:
            self._xs.append(x + half)
            x += 2 * half + _STEP - 2 * _RADIUS
        self._direct = {ends for _, ends, kept in net.wires if not kept and len(ends) == 2 and ends[1] == ends[0] + 1}
        far = [w for w in net.wires if not w[2] and w[1] not in self._direct]
        legs = [w for w in net.wires if w[2]]
        above = 26 * len(far) + 14 if far else 8
        self._y = top + above + _RADIUS + 8
        self._over(far)
        self._between()
        deep = self._legs(legs)
        self._nodes()
        self.pieces = self._lines + self._labels
        self.wide = x + 16
        self.high = above + 2 * _RADIUS + 16 + (_LEG if legs else 6) + 34 * max(0, deep - 1)

    def _over(self, far: Sequence[tuple[str, tuple[int, ...], bool]]) -> None:
        """Summed indices without a wire between neighbours: over the nodes."""
        for level, (i, ends, _) in enumerate(far):
            hub = self._y - _RADIUS - 22 - 26 * level
            centre = self._bundle(ends, hub)
            if len(ends) != 2:
                self._lines.append(_dot(centre, hub))
            self._labels.append(_text(centre + 8, hub - 5, i if len(ends) > 1 else f"Σ {i}", _WIRE))

    def _bundle(self, ends: tuple[int, ...], hub: float) -> float:
        """Wires from several nodes that meet above or below them; where."""
        centre = sum(self._xs[n] for n in ends) / len(ends)
        for n in ends:
            x = self._xs[n]
            self._lines.append(_path(f"M{x:.0f},{self._y:.0f} Q{x:.0f},{hub:.0f} {centre:.0f},{hub:.0f}"))
        return centre

    def _between(self) -> None:
        """Wires between neighbours, several of them as bows."""
        y = self._y
        seen: dict[tuple[int, ...], int] = {}
        for i, ends, kept in self._net.wires:
            if kept or ends not in self._direct:
                continue
            k = seen[ends] = seen.get(ends, -1) + 1
            a, b = self._xs[ends[0]], self._xs[ends[1]]
            bow = 0 if k == 0 else 26 * (1 if k % 2 else -1) * ((k + 1) // 2)
            self._lines.append(_path(f"M{a:.0f},{y:.0f} Q{(a + b) / 2:.0f},{y + bow:.0f} {b:.0f},{y:.0f}"))
            left, right = a + self._halves[ends[0]], b - self._halves[ends[1]]
            self._labels.append(_text((left + right) / 2, y + bow / 2 - 6, i, _WIRE))

    def _legs(self, legs: Sequence[tuple[str, tuple[int, ...], bool]]) -> int:
        """Kept indices, below the nodes; how many levels they take."""
        y = self._y
        used: dict[int, int] = {}
        many = {n: sum(n in ends and len(ends) == 1 for _, ends, _ in legs) for n in range(len(self._xs))}
        foot = y + _RADIUS + _LEG
        deep = 0
        for i, ends, _ in legs:
            if len(ends) == 1:
                (n,) = ends
                k = used[n] = used.get(n, -1) + 1
                end = self._xs[n] + (k - (many[n] - 1) / 2) * 30
                self._lines.append(_path(f"M{self._xs[n]:.0f},{y:.0f} L{end:.0f},{foot - 12:.0f}"))
                self._labels.append(_text(end, foot + 4, i))
            else:
                hub = y + _RADIUS + 18 + 34 * deep
                centre = self._bundle(ends, hub)
                self._lines += [
                    _path(f"M{centre:.0f},{hub:.0f} L{centre + 22:.0f},{hub + 18:.0f}"),
                    _dot(centre, hub),
                ]
                self._labels.append(_text(centre + 30, hub + 24, i))
                deep += 1
        return deep

    def _nodes(self) -> None:
        """The tensors, one that is cut out dashed, and what stands in front."""
        y = self._y
        for n, (label, x, half) in enumerate(zip(self._net.nodes, self._xs, self._halves, strict=True)):
            cut = n == self._net.cut
            shape = ' stroke-dasharray="5 4" fill="#ffffff"' if cut else ' fill="#f3efe4"'
            self._lines.append(
                f'<rect x="{x - half:.0f}" y="{y - _RADIUS:.0f}" width="{2 * half:.0f}" height="{2 * _RADIUS}" '
                f'rx="{_RADIUS}" stroke="{_INK}" stroke-width="1.5"{shape}/>'
            )
            self._labels.append(_text(x, y + 5, label, "#999999" if cut else _INK))
        if self._net.lead:
            self._labels.append(_text(8, y + 5, self._net.lead, anchor="start"))
