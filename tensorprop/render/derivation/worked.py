"""A rule with small whole numbers: an entry as a written-out sum, the same in matrices, and the wrong transpose.

In: a formula that is a product of two tensors, one index summed, whose parts know their indices. Out: a sentence. Sizes
are chosen here, two and three, and all numbers are whole; nothing is known of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod

from tensorprop.render import trees as m
from tensorprop.render.derivation.indexed import Spot
from tensorprop.render.derivation.matrix import MatrixForm
from tensorprop.render.derivation.sentences import Math, Sentence, letters, say, turned
from tensorprop.render.derivation.signs import upright

__all__ = ["worked"]

_GAP = r" \; "
_FIRST = (1, 2, 3, 4, 5, 6)
_SECOND = (1, 0, 2, 3, 1, 2)
Numbers = Mapping[tuple[int, ...], int]


def worked(shown: MatrixForm) -> Sentence | None:
    """The example of a formula; None where it is no plain product of two tensors that sums over one index.

    ``onehot(w)`` is no tensor whose numbers can be chosen.

    >>> from tensorprop.render.layout import Convention
    >>> from tensorprop.render.derivation.matrix import matrix
    >>> from tensorprop.text import parse
    >>> print(worked(matrix(parse("δa_i = W_ij δz_j")["δa"], Convention())))  # doctest: +ELLIPSIS
    With W = [1 2 3; 4 5 6] and δz = [1 0 2]ᵀ the first entry is Σ_j: 1·1 + 2·0 + 3·2 = 7, as in W δz = [7 16]ᵀ. ...
    """
    index = shown.index
    if index is None or shown.carried or not isinstance(index.whole.tree, m.Product):
        return None
    whole = index.whole
    parts = [index[p] for p in whole.factors]
    names = [t for p in parts if isinstance(t := upright(p.tree), m.Name) and t.read is None]
    plain = len(names) == len(whole.tree.children) == len(parts) == 2
    if not plain or len(whole.summed) != 1 or not whole.letters or whole.seams != whole.summed:
        return None
    if max(len(p.letters) for p in parts) < 2 or upright(parts[0].tree) == upright(parts[1].tree):
        return None
    return _told(shown, whole, parts[0], parts[1])


def _told(shown: MatrixForm, whole: Spot, a: Spot, b: Spot) -> Sentence:
    (j,) = whole.summed
    sizes = {j: 3} | dict.fromkeys(whole.letters, 2)
    x, y = _numbers(a, sizes, _FIRST), _numbers(b, sizes, _SECOND)
    values = [(x[_at(a, whole, first, j, k)], y[_at(b, whole, first, j, k)]) for first in [(0,) * len(whole.letters)]
              for k in range(3)]  # fmt: skip
    total = sum(p * q for p, q in values)
    sums = " + ".join(f"{p}·{q}" for p, q in values)
    tex = " + ".join(rf"{p} \cdot {q}" for p, q in values)
    square = dict.fromkeys(sizes, 2)
    x2, y2 = _numbers(a, square, _FIRST), _numbers(b, square, _SECOND)
    right = _product(whole, a, b, square, x2, y2)
    flips = sorted((f for f in (a, b) if len(f.letters) == 2), key=lambda f: not isinstance(f.tree, m.Transpose))
    other = flips[0]
    swapped = {at[::-1]: v for at, v in (x2 if other is a else y2).items()}
    wrong = _product(whole, a, b, square, swapped if other is a else x2, y2 if other is a else swapped)
    f, g = _beside(shown, a.tree, b.tree), _beside(shown, *(_flipped(t.tree) if t is other else t.tree for t in (a, b)))
    return say(
        "With {A} and {B} the first entry is {sum}, as in {f}. In a square case, {A2} and {B2}, the wrong transpose "
        "fits, too, and gives other numbers: {right}, but {wrong}.",
        A=_matrix(shown, a, x), B=_matrix(shown, b, y),
        sum=Math(f"Σ_{j}: {sums} = {total}", rf"\sum_{{{letters([j]).latex}}}: {tex} = {total}"),
        f=_equal(f, _shown(whole, _product(whole, a, b, sizes, x, y))),
        A2=_matrix(shown, a, x2), B2=_matrix(shown, b, y2),
        right=_equal(f, _shown(whole, right)), wrong=_equal(g, _shown(whole, wrong)),
    )  # fmt: skip


def _numbers(s: Spot, sizes: Mapping[str, int], numbers: tuple[int, ...]) -> Numbers:
    """A number for every entry, by the place of its letters in the factor; counted as the tensor itself lies."""
    names = s.letters[::-1] if isinstance(s.tree, m.Transpose) and len(s.letters) == 2 else s.letters
    places = list(product(*(range(sizes[i]) for i in names)))
    assert len(places) == prod(sizes[i] for i in names)
    back = names != s.letters
    return {(at[::-1] if back else at): n for at, n in zip(places, numbers, strict=False)}


def _at(s: Spot, whole: Spot, at: tuple[int, ...], j: str, k: int) -> tuple[int, ...]:
    """The place in a factor of what is summed for one entry of the product."""
    where = {**dict(zip(whole.letters, at, strict=True)), j: k}
    return tuple(where[i] for i in s.letters)


def _product(whole: Spot, a: Spot, b: Spot, sizes: Mapping[str, int], x: Numbers, y: Numbers) -> Numbers:
    (j,) = whole.summed
    return {
        at: sum(x[_at(a, whole, at, j, k)] * y[_at(b, whole, at, j, k)] for k in range(sizes[j]))
        for at in product(*(range(sizes[i]) for i in whole.letters))
    }


# --------------------------------------------------------------------------- words for it
def _shown(s: Spot, numbers: Numbers, back: bool = False) -> Math:
    """``[1 2; 3 4]``, ``[1 2]ᵀ`` for a column, ``[1 2]`` for a row."""
    if len(s.letters) == 1:
        column = (s.tree.kind == "column") != back
        line = " ".join(str(n) for _, n in sorted(numbers.items()))
        plain = Math(f"[{line}]", f"[{line.replace(' ', _GAP)}]")
        return turned(plain) if column else plain
    table = {(at[::-1] if back else at): n for at, n in numbers.items()}
    rows = [" ".join(str(n) for at, n in sorted(table.items()) if at[0] == r) for r in sorted({at[0] for at in table})]
    lines = f" ;{_GAP}".join(r.replace(" ", _GAP) for r in rows)
    return Math(f"[{'; '.join(rows)}]", f"[{lines}]")


def _matrix(shown: MatrixForm, s: Spot, numbers: Numbers) -> Math:
    """``W = [1 2; 3 4]``, the tensor as it lies by itself."""
    return _equal(shown.part(upright(s.tree)), _shown(s, numbers, isinstance(s.tree, m.Transpose)))


def _equal(a: Math, b: Math) -> Math:
    return Math(f"{a.unicode} = {b.unicode}", f"{a.latex} = {b.latex}")


def _beside(shown: MatrixForm, *trees: m.MathTree) -> Math:
    parts = [shown.part(t) for t in trees]
    return Math(" ".join(p.unicode for p in parts), r" \, ".join(p.latex for p in parts))


def _flipped(t: m.MathTree) -> m.MathTree:
    return t.of if isinstance(t, m.Transpose) else m.Transpose(t)
