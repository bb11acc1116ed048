"""Results of higher order that have a sign of their own: ⊙ of tensors, ⟨A, B⟩, ⊗, Khatri–Rao, ∘, mode products.

In: an Equation whose right side is a bare product of tensors. Out: a Line, or None.
"""

from __future__ import annotations

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.render import trees as m
from tensorprop.render.matrices.line import Line
from tensorprop.render.trees import Kind, MathTree

__all__ = ["along_the_last", "mode_product", "special"]


def _plain_factors(eq: Equation) -> list[tuple[Tensor, tuple[str, ...]]] | None:
    """The tensors of a bare product, None if the right side is anything else."""
    e = eq.value.body if isinstance(eq.value, Sum) else eq.value
    factors = factors_of(e)
    out: list[tuple[Tensor, tuple[str, ...]]] = []
    for f in factors:
        if not isinstance(f, Tensor) or f.letters is None:
            return None
        out.append((f, f.letters))
    return out


def _whole(t: Tensor) -> m.Name:
    n = len(t.subscripts)
    kinds: list[Kind] = ["scalar", "column", "matrix"]
    return m.Name(t.name, (None,) * n, tuple(range(n)), kinds[n] if n < 3 else "tensor")


def special(eq: Equation) -> Line | None:
    """⊙ of tensors of any order; Kronecker, Khatri–Rao and outer products of two matrices."""
    factors = _plain_factors(eq)
    out = eq.letters
    if factors is None or len(factors) < 2:
        return None
    left = _whole(eq.target)
    if not out and len(factors) == 2:
        (a, one), (b, other) = factors
        if len(one) > 2 and one == other and len(set(one)) == len(one):
            return Line(eq, left, m.Inner(_whole(a), _whole(b)))
    if len(out) < 3:
        return None
    apart = len({*out}) == len(out) and tuple(i for _, letters in factors for i in letters) == out
    if apart and all(letters for _, letters in factors) and {len(letters) for _, letters in factors} != {2}:
        tree: MathTree = _whole(factors[0][0])
        for t, _ in factors[1:]:
            tree = m.Outer(tree, _whole(t))
        return Line(eq, left, tree)
    if all(letters == out for _, letters in factors):
        return Line(eq, left, m.Hadamard(tuple(_whole(t) for t, _ in factors)))
    if len(factors) != 2 or isinstance(eq.value, Sum) or any(len(letters) != 2 for _, letters in factors):
        return None
    for (a, (i, j)), (b, (p, q)) in (factors, factors[::-1]):
        x, y = _whole(a), _whole(b)
        if out == (i, p, j, q):
            return Line(eq, left, m.Kronecker(x, y), note=f" (reshaped to ({i}{p}),({j}{q}))")
        if out == (i, j, p, q):
            return Line(eq, left, m.Outer(x, y), note=" (tensor outer product)")
        if out == (i, p, j) and j == q:
            return Line(eq, left, m.KhatriRao(x, y), note=f", column-wise Khatri–Rao (reshaped to ({i}{p}),{j})")
    return None


def mode_product(eq: Equation) -> Line | None:
    """One tensor, each of some axes run through a matrix: ``T ×₁ U ×₃ V``."""
    factors = _plain_factors(eq)
    if factors is None or len(factors) < 2:
        return None
    large = [(t, letters) for t, letters in factors if len(letters) == len(eq.letters) and len(letters) > 2]
    if len(large) != 1:
        return None
    ((tensor, axes),) = large
    tree: MathTree = _whole(tensor)
    now = list(axes)
    if len(set(axes)) < len(axes):
        return None
    for t, letters in factors:
        if t is tensor and letters == axes:
            continue
        if len(letters) != 2:
            return None
        inner = [i for i in letters if i in axes and i not in eq.letters]
        outer = [i for i in letters if i in eq.letters and i not in axes]
        if len(inner) != 1 or len(outer) != 1 or inner[0] not in now:
            return None
        mode = now.index(inner[0])
        now[mode] = outer[0]
        matrix: MathTree = _whole(t) if letters == (outer[0], inner[0]) else m.Transpose(_whole(t))
        tree = m.ModeProduct(tree, mode + 1, matrix)
    if tuple(now) != eq.letters:
        return None
    modes: list[tuple[int, MathTree]] = []
    while isinstance(tree, m.ModeProduct):
        modes.append((tree.mode, tree.matrix))
        tree = tree.tensor
    for mode, matrix in sorted(modes, key=lambda pair: pair[0]):
        tree = m.ModeProduct(tree, mode, matrix)
    return Line(eq, _whole(eq.target), tree)


_SAMPLES = frozenset("bnBN")  # letters that count samples


def along_the_last(eq: Equation) -> bool:
    """Whether a mode product is plain multiplication for every sample, or every leading index, or with axes as one."""
    factors = _plain_factors(eq) or []
    if len(factors) != 2:
        return False
    (large,) = [letters for _, letters in factors if len(letters) == len(eq.letters)][:1]
    (_, first), _ = factors
    if first == (eq.letters[0], large[0]) and eq.letters[1:] == large[1:]:
        return True  # X_tc W_chd is XW with columns (h,d); W ×₁ X where the tensor is written first
    changed = [n for n, (i, j) in enumerate(zip(large, eq.letters, strict=True)) if i != j]
    return changed == [len(large) - 1] or large[0] in _SAMPLES
