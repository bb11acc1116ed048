"""Brackets that compare two letters: running sums, products, maxima; linear in time and memory, and what loops give."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tests.run.judged import differences, lowered

RNG = np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def by_rows(f: Callable[..., Any], size: int | None = None) -> Callable[..., Any]:
    """y_t = f(t, x, …) for every t, one after the other."""

    def naive(x: Any, **others: Any) -> Any:
        return jnp.stack([f(t, x, **others) for t in range(len(x) if size is None else size)])

    return naive


def taken(op: Callable[..., Any], which: Callable[[int, int], bool], nothing: float, size: int | None = None) -> Any:
    """op of the x_u for which ``which(t, u)``, and of ``nothing`` for the others."""

    def row(t: int, x: Any) -> Any:
        return op(jnp.stack([x[u] if which(t, u) else x[u] * 0 + nothing for u in range(len(x))]), 0)

    return by_rows(row, size)


def logsumexp(x: Any, axis: int) -> Any:
    top = jnp.max(x, axis)
    return top + jnp.log(jnp.sum(jnp.exp(x - top), axis))


X = {"x": normal(9)}
LONG: list[tuple[str, dict[str, Any], str, Any]] = [
    ("y_t = Σ_u [u ≤ t] x_u", X, "x", taken(jnp.sum, lambda t, u: u <= t, 0)),
    ("y_t = Σ_u [t > u] x_u", X, "x", taken(jnp.sum, lambda t, u: u < t, 0)),
    ("y_t = Σ_u [u ≥ t] x_u", X, "x", taken(jnp.sum, lambda t, u: u >= t, 0)),
    ("y_t = Σ_u [u > t] x_u", X, "x", taken(jnp.sum, lambda t, u: u > t, 0)),
    ("y_bt = Σ_u [u ≤ t] x_bu", {"x": normal(3, 9)}, "x", lambda x: jnp.cumsum(x, 1)),
    ("y_tb = Σ_u [u ≤ t] x_ub", {"x": normal(9, 3)}, "x", lambda x: jnp.cumsum(x, 0)),
    ("y_t = Σ_u [u ≤ t + 3] x_u; dim(t) = 12", X, "x", taken(jnp.sum, lambda t, u: u <= t + 3, 0, 12)),
    ("y_t = Σ_u [u ≤ t - 3] x_u; dim(t) = 9", X, "x", taken(jnp.sum, lambda t, u: u <= t - 3, 0)),
    ("y_t = Σ_u [u < 2 t + 1] x_u; dim(t) = 7", X, "x", taken(jnp.sum, lambda t, u: u < 2 * t + 1, 0, 7)),
    ("y_t = Σ_u [u ≥ 8 - 2 t] x_u; dim(t) = 7", X, "x", taken(jnp.sum, lambda t, u: u >= 8 - 2 * t, 0, 7)),
    ("y_t = Σ_u [t - u < 5][u ≤ t] x_u", X, "x", taken(jnp.sum, lambda t, u: t - 5 < u <= t, 0)),
    ("y_t = Σ_u [u - t ≤ 2][t - u ≤ 1] x_u; dim(t) = 9", X, "x", taken(jnp.sum, lambda t, u: t - 1 <= u <= t + 2, 0)),
    ("y_t = Σ_u [t - u < 2 dim(x, 0)][u ≤ t] x_u", X, "x", taken(jnp.sum, lambda t, u: u <= t, 0)),
    ("y_td = a_t Σ_u [u ≤ t] x_ud b_u / (1 + b_u^2)", {"x": normal(9, 2), "a": normal(9), "b": normal(9)}, "x a b",
     lambda x, a, b: a[:, None] * jnp.cumsum(x * (b / (1 + b**2))[:, None], 0)),
    ("o_td = Σ_uk [u ≤ t] q_tk x_uk v_ud", {"q": normal(9, 2), "x": normal(9, 2), "v": normal(9, 3)}, "q x v",
     by_rows(lambda t, x, q, v: sum((q[t] @ x[u]) * v[u] for u in range(t + 1)))),
    ("E = Σ_tu [u ≤ t] x_u w_t", {"x": normal(9), "w": normal(9)}, "x w", lambda x, w: jnp.sum(jnp.cumsum(x) * w)),
    ("y_t = prod_u(where([u ≤ t], x_u, 1))", X, "x", taken(jnp.prod, lambda t, u: u <= t, 1)),
    ("y_t = prod_u(where([u < t], 1, x_u))", X, "x", taken(jnp.prod, lambda t, u: u >= t, 1)),
    ("y_bt = max_u(where([u ≤ t], x_bu, -1e30))", {"x": normal(2, 9)}, "x",
     lambda x: jnp.stack([jnp.max(x[:, : t + 1], 1) for t in range(9)], 1)),
    ("y_t = min_u(x_u + 1e30 [u > t])", X, "x", taken(jnp.min, lambda t, u: u <= t, 1e30)),
    ("y_t = max_u([u ≤ t] x_u)", X, "x", taken(jnp.max, lambda t, u: u <= t, 0)),
    ("y_t = max_u(where([u ≠ t], x_u, -1)); dim(t) = 9", X, "x", taken(jnp.max, lambda t, u: u != t, -1)),
    ("y_t = max_u(where([t - u < 4][u ≤ t], x_u, -2))", X, "x", taken(jnp.max, lambda t, u: t - 4 < u <= t, -2)),
    ("y_t = logsumexp_u(where([u ≤ t], x_u, -3))", X, "x", taken(logsumexp, lambda t, u: u <= t, -3)),
    ("y_t = logsumexp_u(where([u ≤ t][t - u < 4], x_u, -1e30))", X, "x",
     by_rows(lambda t, x: logsumexp(x[max(0, t - 3) : t + 1], 0))),
    ("y_t = log(Σ_u [u ≤ t] exp(x_u))", X, "x", by_rows(lambda t, x: logsumexp(x[: t + 1], 0))),
]  # fmt: skip
IDS = [f"{n} {c[0]}" for n, c in enumerate(LONG)]


@pytest.fixture
def never_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Always another form than the plain one, which is what short letters would take."""
    from tensorprop.run import lower

    falling = count()
    monkeypatch.setattr(lower, "priced", lambda results: -next(falling))


@pytest.mark.parametrize("text, arrays, wrt, naive", LONG, ids=IDS)
def test_what_runs_along_a_letter(
    text: str, arrays: dict[str, Any], wrt: str, naive: Any, never_plain: None, x64: None
) -> None:
    assert not differences(text, arrays, wrt, naive)


@pytest.mark.parametrize("text, arrays, wrt, naive", LONG[::5], ids=IDS[::5])
def test_what_is_cheapest(text: str, arrays: dict[str, Any], wrt: str, naive: Any, x64: None) -> None:
    assert not differences(text, arrays, wrt, naive)


@pytest.mark.parametrize("text", [c[0] for c in LONG[:4]] + [LONG[16][0], LONG[18][0].replace("b", ""), LONG[23][0]])
def test_a_million_entries(text: str) -> None:
    """No array over two letters: a grid would hold 10¹² entries."""
    program = lowered(text, {"x": np.zeros(10**6, np.float32)})
    assert "1000000x1000000" not in program


def test_the_gradient_of_a_million_entries() -> None:
    assert "1000000x1000000" not in lowered(LONG[0][0], {"x": np.zeros(10**6, np.float32)}, "x")


def test_the_plan_counts_what_runs() -> None:
    """A running sum is a flop for every entry, where a grid would be a hundred million."""
    plan = tp.plan(LONG[0][0], sizes={"u": 10**4, "t": 10**4})
    assert plan.flops < 10**5 and "Σ_u [u ≤ t] x_u" in str(plan)
    assert "max_u(where" in str(tp.plan(LONG[18][0], sizes={"u": 10**4, "t": 10**4, "b": 2}))


def test_faults_in_what_runs_are_seen(monkeypatch: pytest.MonkeyPatch, x64: None) -> None:
    """Forwards for backwards, strict for not strict, and a window that is one too wide."""
    from tensorprop.run import lower
    from tensorprop.run.jax import JaxOperations
    from tensorprop.run.lowerings import running

    falling = count()
    monkeypatch.setattr(lower, "priced", lambda results: -next(falling))
    right, window = JaxOperations.running, running._window

    def turned(self: Any, op: str, a: Any, axis: int, before: int, after: int, back: bool) -> Any:
        return right(self, op, a, axis, before, after, not back)

    def late(self: Any, op: str, a: Any, axis: int, before: int, after: int, back: bool) -> Any:
        return jnp.roll(right(self, op, a, axis, before, after, back), 1, axis)

    for fault in (turned, late):
        with monkeypatch.context() as m:
            m.setattr(JaxOperations, "running", fault)
            assert differences(*LONG[0])
    with monkeypatch.context() as m:
        m.setattr(running, "_window", lambda *a: window(*a[:-1], a[-1] + 1))
        assert differences(*LONG[10])
