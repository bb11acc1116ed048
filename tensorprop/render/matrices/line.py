"""One equation as it is to be shown: its two sides as math trees, or why there are none.

In: nothing. Out: the class that the search fills in and the printers read, and a few words in plain English.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Tensor
from tensorprop.core.walk import tensors_of
from tensorprop.render.matrices.stand_ins import Seen, padding
from tensorprop.render.trees import Mask, MathTree, Name

__all__ = ["Legend", "Line", "NoMatrix", "shown"]


Legend: TypeAlias = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
"""What is told beside a formula: words, and the indices that they are about, those that are taken as one together."""


class NoMatrix(Exception):
    """There is no matrix form, and why."""


@dataclass(frozen=True)
class Line:
    """One equation as it is to be shown.

    ``left`` and ``right`` are None where there is no matrix form; then ``why`` says so. ``carried``: indices for
    every value of which the line holds. ``joined``: indices that are taken as one, such as (b, t). ``note``: how a
    result of higher order is to be read.
    """

    equation: Equation
    left: MathTree | None
    right: MathTree | None
    carried: tuple[str, ...] = ()
    why: str = ""
    note: str = ""
    joined: tuple[tuple[str, ...], ...] = ()
    leading: tuple[Equation, str] | None = None  # the same with an index for those that an ellipsis stands for
    seen: Seen | None = None  # the equation as the search met it, where subscripts are computed
    computed: MathTree | None = None  # the right side with what stands for convolutions

    @property
    def plain(self) -> Equation:
        """The equation in plain letters, of which the trees are."""
        return self.equation if self.seen is None else self.seen.equation

    def shared(self, bare: bool) -> frozenset[str]:
        """The carried indices at which two tensors or more are cut; ``bare``: the left side is not shown.

        That of a spec counts all the same where it is no single tensor's: ``T_{·j·}`` alone has its dots.

        >>> from tensorprop.text import parse
        >>> from tensorprop.render.layout import Convention
        >>> from tensorprop.render.matrices.choose import lines
        >>> (one,) = lines(parse("S_hqk = Q_qhd K_khd"), Convention())
        >>> sorted(one.shared(bare=True))
        ['h']
        """
        alone = bare and len({t.name for t in tensors_of(self.plain.value)}) == 1
        sides = [side for side in (self.right, None if alone else self.left) if side is not None]
        at: dict[object, set[str]] = {}
        for n in (n for side in sides for n in side.walk() if isinstance(n, Name)):
            for i in n.slots:
                at.setdefault(i, set()).add(n.tensor)
        return frozenset(i for i, names in at.items() if isinstance(i, str) and len(names) > 1)

    @property
    def masks(self) -> tuple[Mask, ...]:
        """The matrices of ones and zeros that the formula names, each once."""
        return tuple(dict.fromkeys(t for t in (self.right.walk() if self.right else ()) if isinstance(t, Mask)))

    @property
    def defined(self) -> tuple[str, ...]:
        """What they are: ``L_tu = [u ≤ t]``."""
        told = ((t, str(t.bracket)) for t in self.masks)
        return tuple(
            f"{t.name}_{''.join(t.letters)} = " + (f"0 where {order[1:-1]}, −∞ elsewhere" if t.added else order)
            for t, order in told
        )

    @property
    def offsets(self) -> tuple[str, ...]:
        """From where images of convolutions are read, where not from 0: ``padding 1``."""
        return tuple(padding(w for _, w in self.seen.windows)) if self.seen is not None and self.right else ()

    @property
    def legend(self) -> Legend:
        """How the indices beyond a matrix's two are read: what its rows and columns are, what is summed as one.

        >>> from tensorprop.text import parse
        >>> from tensorprop.render.layout import Convention
        >>> from tensorprop.render.matrices.choose import lines
        >>> lines(parse("Y_bthk = X_btc W_chk"), Convention())[0].legend
        (('rows', (('b', 't'),)), ('columns', (('h', 'k'),)))
        """
        out: list[tuple[str, tuple[tuple[str, ...], ...]]] = []
        rest = list(self.joined)
        if isinstance(self.left, Name):
            subscripts = self.plain.letters
            order = [subscripts[axis] for axis in self.left.order]
            split = self.left.rows if self.left.kind == "matrix" else len(order)
            for words, part in (("rows", tuple(order[:split])), ("columns", tuple(order[split:]))):
                if part in rest:
                    rest.remove(part)
                    out.append((words if self.left.kind == "matrix" else "entries", (part,)))
        out += [("", (group,)) for group in rest]
        out += [(words, ()) for words in self.defined]
        if self.leading:
            out.append((f"for every {_where(*self.leading)} index", ()))
        time = self.seen.time if self.seen is not None else ""
        if self.seen is not None:
            out += [(words, ()) for words in self.seen.when]
        every = sorted(i for i in self.carried if i != time)
        if every:
            out.append(("for every", tuple((i,) for i in every)))
        return tuple(out)


def _where(eq: Equation, letter: str) -> str:
    """Where the axes stand that an ellipsis is for: in front of the others in every tensor, behind them, or amid."""
    has = [[*t.letters] for t in (eq.target, *tensors_of(eq.value)) if t.letters and letter in t.letters]
    return "leading" if {i[0] for i in has} == {letter} else "trailing" if {i[-1] for i in has} == {letter} else "other"


def shown(t: Tensor) -> str:
    """A tensor's entry, for a sentence: ``T_ijk``."""
    letters = t.letters
    if letters is None:
        return t.name
    return t.name + ("_" + "".join(letters) if all(len(i) == 1 for i in letters) else f"[{', '.join(letters)}]")
