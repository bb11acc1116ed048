"""Formulas of tensors of higher order, read: ``A ⊗ B``, ``a ∘ b ∘ c``, ``T ×₁ U ×₂ Vᵀ``, ``A ⊙_KR B``, ``⟨A, B⟩``.

In: a right side that has one of these signs, or ⊙ between tensors of three or more axes. Out: its entry and its axes;
None of anything else. Rows and columns are kept as axes of their own, as `formula` writes them.
"""

from __future__ import annotations

import re

from tensorprop.core.build import mul, substitute, sum_over
from tensorprop.core.expr import Expr, Index, Tensor
from tensorprop.errors import RankMismatch
from tensorprop.render.reading.slid import place
from tensorprop.render.reading.typed import Types

__all__ = ["higher", "of_slices", "without_remark"]

_REMARK = re.compile(r",? *(?:\((?:reshaped *to|tensor *outer *product).*|column-wise *Khatri.Rao.*)$")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_NAME = r"[^\W\d_](?:(?!ᵀ)\w)*(?:\^\([\w+−-]+\))?"
_MODE = re.compile(rf"\s*[×x]_?\{{?([0-9₀-₉]+)\}}?\s+({_NAME})(ᵀ|\^T|\^\{{⊤\}})?")


def without_remark(text: str) -> str:
    """A formula without what is said about how its result is to be read."""
    return _REMARK.sub("", text.strip()).strip()


def higher(text: str, types: Types) -> tuple[Expr, tuple[str, ...]] | None:
    """The entry and the axes of a formula of tensors; None where it has no such sign."""
    text = without_remark(text)
    if (found := re.fullmatch(rf"({_NAME})\[({_NAME})\]", text)) is not None:
        return _picked(found[1], found[2], types)
    if (found := re.fullmatch(rf"[⟨<]\s*({_NAME}),\s*({_NAME})\s*[⟩>]", text)) is not None:
        a, b = (_tensor(n, types) for n in found.groups())
        _meets(a, b, types)
        same = _renamed(b, a)
        return sum_over(a[1], mul(a[0], same)), ()
    if re.match(rf"{_NAME}\s+[×x]_?\{{?[0-9₀-₉]", text) is not None:
        return _modes(text, types)
    for sign, join in (("⊙_KR", _khatri_rao), ("(kr)", _khatri_rao), ("⊗", _kronecker), ("(x)", _kronecker)):
        found = re.fullmatch(rf"({_NAME})\s+{re.escape(sign)}\s+({_NAME})", text)
        if found is not None:
            return join(_tensor(found[1], types), _tensor(found[2], types), types)
    found = re.fullmatch(rf"({_NAME})\s+([⋆*])\s+({_NAME})", text)
    if found is not None and all(types.names.rank(found[k]) is not None for k in (1, 3)):
        return _slid(_tensor(found[1], types), _tensor(found[3], types), found[2] == "*", types)
    for sign in (" ∘ ", " o ", " ⊙ "):
        names = [n.strip() for n in text.split(sign)]
        if len(names) > 1 and all(types.names.rank(n) is not None for n in names):
            parts = [_tensor(n, types) for n in names]
            if sign != " ⊙ ":
                return mul(*(e for e, _ in parts)), tuple(i for _, axes in parts for i in axes)
            if len(parts[0][1]) > 2:
                for part in parts[1:]:
                    _meets(parts[0], part, types)
                return mul(parts[0][0], *(_renamed(p, parts[0]) for p in parts[1:])), parts[0][1]
    return None


_CUT = r"([^\W\d_](?:(?!ᵀ)[^\W_])*(?:\^\([\w+−-]+\))?)(?:_(?:\{([^}]*)\}|(\w+)))?"
_SLICES = re.compile(rf"(?:Σ_(?:\{{([^}}]*)\}}|(\w+))\s+)?{_CUT}\s+([⋆*])\s+{_CUT}")


def of_slices(text: str, types: Types) -> tuple[Expr, tuple[str, ...]] | None:
    """``Σ_c a_bc ⋆ K_co`` in three directions or more, for every value of what is carried; None of anything else."""
    found = _SLICES.fullmatch(text.strip())
    if found is None or any(types.names.rank(name) is None for name in (found[3], found[7])):
        return None
    carried, every = types.carried, types.every
    added = _letters(found[1] or found[2])
    types.carried, types.every = dict(carried), (*every, *added)
    for i in added:
        types.carry(i)
    a, k = (_slice(found[n], _letters(found[n + 1] or found[n + 2]), types) for n in (3, 7))
    types.carried, types.every = carried, every
    whole = _slid(a, k, found[6] == "*", types)
    return None if whole is None else (sum_over(added, whole[0]), whole[1])


def _letters(below: str | None) -> tuple[str, ...]:
    """The letters that stand below: each by itself, longer ones between commas."""
    text = (below or "").replace(" ", "")
    return tuple(text.split(",") if "," in text else text)


def _slice(name: str, cut: tuple[str, ...], types: Types) -> Whole:
    value, stay = types.slots(name, cut)
    return value, tuple(s.name for k, s in enumerate(value.subscripts) if k in stay and isinstance(s, Index))


def _slid(a: Whole, k: Whole, flipped: bool, types: Types) -> Whole | None:
    """A convolution in three directions or more, by single steps."""
    if len(a[1]) != len(k[1]) or len(a[1]) < 3:
        return None
    new = tuple(types.any() for _ in a[1])
    offsets = types.slid * len(new) if types.slid and len(types.slid) == 1 else types.slid or (0,) * len(new)
    if len(offsets) != len(new):
        return None
    moved = {i: place(x, u, flipped, offset=n) for i, x, u, n in zip(a[1], new, k[1], offsets, strict=True)}
    return sum_over(k[1], mul(substitute(a[0], moved), k[0])), new


Whole = tuple[Expr, tuple[str, ...]]


def _tensor(name: str, types: Types) -> Whole:
    rank = types.names.rank(name)
    if rank is None:
        raise types.known(name, name, (0, len(name)))
    axes = tuple(types.new((name, k)) for k in range(rank))
    return Tensor(name, tuple(map(Index, axes))), axes


def _picked(name: str, place: str, types: Types) -> Whole | None:
    """``E[tok]`` of three axes or more."""
    (entry, axes), (at, places) = _tensor(name, types), _tensor(place, types)
    if len(axes) + len(places) < 4:
        return None
    assert isinstance(entry, Tensor)
    return Tensor(name, (at, *entry.subscripts[1:])), (*places, *axes[1:])


def _fits(i: str, j: str, types: Types) -> None:
    if not types.fits(i, j):
        raise RankMismatch("axes of different lengths meet", fix="compare the equations' indices")


def _meets(a: Whole, b: Whole, types: Types) -> None:
    if len(a[1]) != len(b[1]):
        raise RankMismatch(f"one has {len(a[1])} axes, the other {len(b[1])}", fix="⊙ takes equals")
    for i, j in zip(a[1], b[1], strict=True):
        _fits(i, j, types)


def _renamed(b: Whole, a: Whole) -> Expr:
    assert isinstance(b[0], Tensor)
    return Tensor(b[0].name, tuple(map(Index, a[1])))


def _kronecker(a: Whole, b: Whole, types: Types) -> Whole:
    (i, j), (k, n) = _two(a), _two(b)
    return mul(a[0], b[0]), (i, k, j, n)


def _khatri_rao(a: Whole, b: Whole, types: Types) -> Whole:
    (i, j), (k, n) = _two(a), _two(b)
    _fits(j, n, types)
    assert isinstance(b[0], Tensor)
    return mul(a[0], Tensor(b[0].name, (Index(k), Index(j)))), (i, k, j)


def _two(a: Whole) -> tuple[str, str]:
    if len(a[1]) != 2:
        raise RankMismatch("⊗ stands between matrices", fix="a matrix has two axes")
    return a[1][0], a[1][1]


def _modes(text: str, types: Types) -> Whole:
    first = re.match(_NAME, text)
    assert first is not None
    entry, axes = _tensor(first[0], types)
    now, at, bound = list(axes), first.end(), list[str]()
    while (found := _MODE.match(text, at)) is not None:
        mode, (matrix, (r, c)) = int(found[1].translate(_LOWERED)) - 1, _of_two(found[2], types)
        inner, outer = (r, c) if found[3] else (c, r)
        if not 0 <= mode < len(now):
            raise RankMismatch(f"{first[0]} has no axis {mode + 1}", text)
        _fits(now[mode], inner, types)
        place = {inner: now[mode], outer: outer}
        entry = mul(entry, Tensor(matrix.name, (Index(place[r]), Index(place[c]))))
        bound.append(now[mode])
        now[mode], at = outer, found.end()
    if text[at:].strip():
        raise RankMismatch(f"{text[at:].strip()} stands behind a mode product", text)
    return sum_over(bound, entry), tuple(now)


def _of_two(name: str, types: Types) -> tuple[Tensor, tuple[str, str]]:
    whole = _tensor(name, types)
    assert isinstance(whole[0], Tensor)
    return whole[0], _two(whole)
