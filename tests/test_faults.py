"""The random tests can fail: eight faults, put into the calculus one at a time, are each found by their comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from importlib import import_module
from typing import Any

import pytest

from tensorprop.core import build
from tensorprop.core.build import ONE, mul, negate, number, remake
from tensorprop.core.expr import Expr, Index, Mul, Reduce, Sum, Tensor
from tensorprop.errors import TensorpropError
from tests.compare import wrong_gradients
from tests.strategies import case_number

HOW_MANY = 150
# modules, not the verbs of the same names that the package shows
adjoint_module = import_module("tensorprop.calculus.adjoint")
pullback_module = import_module("tensorprop.calculus.pullback")


def no_delta(patch: pytest.MonkeyPatch) -> None:
    """∂X_ii/∂X_kl = [k = l] without the bracket."""
    patch.setattr(pullback_module, "bracket", lambda relation, left, right: ONE)


def missing_product_term(patch: pytest.MonkeyPatch) -> None:
    """(x y)′ = x′ y."""
    shares = pullback_module._shares

    def first_only(n: Expr, *rest: Any) -> list[tuple[Expr, Expr]]:
        found = shares(n, *rest)
        return found[:-1] if isinstance(n, Mul) else found

    patch.setattr(pullback_module, "_shares", first_only)


def no_slope(patch: pytest.MonkeyPatch) -> None:
    """f(x)′ = x′."""
    patch.setattr(pullback_module, "slope", lambda *_: ONE)


def swapped_axes(patch: pytest.MonkeyPatch) -> None:
    """δW_ij with i and j exchanged."""
    entry = pullback_module.entry

    def swapped(t: Tensor, g: Expr, letters: tuple[str, ...], fixed: frozenset[str] = frozenset()) -> Expr:
        return entry(t, g, letters[::-1], fixed)

    patch.setattr(adjoint_module, "entry", swapped)


def missing_broadcast_sum(patch: pytest.MonkeyPatch) -> None:
    """What is owed to something without the index i is taken at i = 0, not added up over i."""

    def at_zero(indices: list[str], body: Expr) -> Expr:
        return build.substitute(body, {i: build.ZERO for i in indices})

    def owe(*args: Any) -> None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(pullback_module, "sum_over", at_zero)
            right(*args)

    right = pullback_module._owe
    patch.setattr(pullback_module, "_owe", owe)


def wrong_sign(patch: pytest.MonkeyPatch) -> None:
    """cos′ = sin."""
    slope = pullback_module.slope
    patch.setattr(pullback_module, "slope", lambda f, *rest: negate(slope(f, *rest)) if f == "cos" else slope(f, *rest))


def nearly_one(patch: pytest.MonkeyPatch) -> None:
    """tanh′ too large by a factor of 1 + 10⁻⁹."""
    slope = pullback_module.slope
    factor = number(1 + Fraction(1, 10**9))
    patch.setattr(
        pullback_module, "slope", lambda f, *rest: mul(factor, slope(f, *rest)) if f == "tanh" else slope(f, *rest)
    )


def captured_index(patch: pytest.MonkeyPatch) -> None:
    """Renaming that lets a bound letter catch a free one: Σ_k A_ik with i := k becomes Σ_k A_kk."""

    def naive(e: Expr, values: Mapping[str, Expr]) -> Expr:
        if isinstance(e, Index):
            return values.get(e.name, e)
        if isinstance(e, Sum | Reduce):
            values = {k: v for k, v in values.items() if k not in e.indices}
        children = tuple(naive(c, values) for c in e.children)
        return e.rebuild(children) if isinstance(e, Sum | Reduce) else remake(e, children)

    patch.setattr(pullback_module, "substitute", naive)
    patch.setattr(adjoint_module, "freshen", lambda e, avoid: e)


FAULTS: list[Callable[[pytest.MonkeyPatch], None]] = [
    no_delta,
    missing_product_term,
    no_slope,
    swapped_axes,
    missing_broadcast_sum,
    wrong_sign,
    nearly_one,
    captured_index,
]


def something_is_wrong() -> bool:
    """Whether among the first random cases some gradient is found wrong by number; a refusal is no proof here."""
    for n in range(HOW_MANY):
        try:
            if wrong_gradients(case_number(n)):
                return True
        except TensorpropError:
            continue
    return False


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_a_seeded_fault_is_caught(fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert something_is_wrong(), fault.__doc__


def test_without_a_fault_nothing_is_wrong() -> None:
    assert not something_is_wrong()
