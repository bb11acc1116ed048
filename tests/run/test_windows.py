"""Windows and bands: pooling, finite differences, banded masks and their adjoints, against loops; never a grid."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tests.run.judged import differences, lowered

RNG = np.random.default_rng(5)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def pooled(
    f: Any, size: int, step: int, start: int = 0, apart: int = 1, out: int | None = None, fill: float = 0.0
) -> Any:
    """f of the windows a[b, step x + apart u + start, c], one after the other; what is outside is ``fill``."""

    def naive(a: Any) -> Any:
        n = (a.shape[1] - start - apart * (size - 1) - 1) // step + 1 if out is None else out
        rows: list[Any] = []
        for x in range(n):
            at = [step * x + apart * u + start for u in range(size)]
            ends = jnp.full_like(a[:, 0], fill)
            rows.append(f(jnp.stack([a[:, i] if 0 <= i < a.shape[1] else ends for i in at]), 0))
        return jnp.stack(rows, 1)

    return naive


def banded(width: int) -> Any:
    def naive(s: Any, v: Any) -> Any:
        def row(t: int) -> Any:
            return sum(jnp.exp(s[t, u] + s[u, t]) * v[u] for u in range(max(0, t - width + 1), t + 1))

        return jnp.stack([row(t) for t in range(len(v))])

    return naive


POOL = "y[b,x,c] = {}_u(a[b, {}, c]); dim(u) = {}"
CASES: list[tuple[str, dict[str, Any], Any]] = [
    (POOL.format("max", "2x+u", 2), {"a": normal(2, 8, 3)}, pooled(jnp.max, 2, 2)),
    (POOL.format("max", "2x+u", 2), {"a": normal(2, 9, 3)}, pooled(jnp.max, 2, 2)),
    (POOL.format("max", "3x+u", 2), {"a": normal(2, 10, 3)}, pooled(jnp.max, 2, 3)),
    (POOL.format("min", "2x+u", 3), {"a": normal(2, 9, 3)}, pooled(jnp.min, 3, 2)),
    (POOL.format("max", "x+2u", 3), {"a": normal(2, 9, 3)}, pooled(jnp.max, 3, 1, apart=2)),
    (POOL.format("max", "2x+u-1", 3) + "; outside(a) = -∞; dim(x) = 4", {"a": normal(2, 8, 3)},
     pooled(jnp.max, 3, 2, -1, out=4, fill=-np.inf)),
    (POOL.format("mean", "3x+u", 3), {"a": normal(2, 9, 3)}, pooled(jnp.mean, 3, 3)),
    (POOL.format("mean", "2x+u", 3), {"a": normal(2, 9, 3)}, pooled(jnp.mean, 3, 2)),
    (POOL.format("sum", "2x+u+1", 2), {"a": normal(2, 9, 3)}, pooled(jnp.sum, 2, 2, 1)),
    (POOL.format("sum", "8-2x-u", 2) + "; dim(x) = 4", {"a": normal(2, 9, 3)},
     lambda a: jnp.stack([a[:, 8 - 2 * x] + a[:, 7 - 2 * x] for x in range(4)], 1)),
    (POOL.format("max", "x+2u", 3) + "; outside(a) = wrap; dim(x) = 5", {"a": normal(2, 9, 3)},
     pooled(jnp.max, 3, 1, apart=2)),
    ("y_bt = Σ_u [u ≥ t + 2] [u < t] a_bu", {"a": normal(2, 6)}, lambda a: 0 * a),
    ("y_bt = max_u([u ≥ t + 2] [u < t] a_bu)", {"a": normal(2, 6)}, lambda a: 0 * a),
    ("y[b,x,z,c] = max_{u,v}(a[b, 2x+u, 2z+v, c]); dim(u) = 2; dim(v) = 2", {"a": normal(2, 4, 6, 3)},
     lambda a: jnp.max(a.reshape(2, 2, 2, 3, 2, 3), (2, 4))),
    ("d_x = a[x+1] - 2 a[x] + a[x-1]; outside(a) = 0; dim(x) = dim(a, 0)", {"a": normal(9)},
     lambda a: jnp.append(a[1:], 0) - 2 * a + jnp.append(0, a[:-1])),
    ("o_td = Σ_u [t - u < 3][u ≤ t] exp(s_tu + s_ut) v_ud", {"s": normal(24, 24), "v": normal(24, 2)}, banded(3)),
]  # fmt: skip


@pytest.mark.parametrize("text, arrays, naive", CASES, ids=[f"{n} {c[0]}" for n, c in enumerate(CASES)])
def test_windows_and_their_gradients(text: str, arrays: dict[str, Any], naive: Any, x64: None) -> None:
    assert not differences(text, arrays, " ".join(arrays), naive)


@pytest.mark.parametrize("op", ["max", "mean"])
def test_the_gradient_of_pooling_compares_only_inside_windows(op: str) -> None:
    """No array over places of the input and of the result; where windows tile, no gather and no scatter."""
    arrays = {"a": np.ones((1, 98, 2), np.float32)}
    text = lowered(POOL.format(op, "2x+u", 2), arrays, "a")
    assert "98x49" not in text and "49x98" not in text and "gather" not in text and "scatter" not in text
    text = lowered(POOL.format(op, "2x+u", 3), arrays, "a")
    assert "98x48" not in text and "48x98" not in text


def test_a_fault_in_a_window_is_seen(monkeypatch: pytest.MonkeyPatch, x64: None) -> None:
    """A shift that is off by one, a stride that is lost, and places that overwrite in place of adding."""
    from tensorprop.run.jax import JaxOperations
    from tensorprop.run.lowerings import selection, whole_form

    right_shift, right_digits = JaxOperations.shifted, whole_form.Affine.digits
    text, arrays, naive = CASES[7]

    def one_off(self: Any, a: Any, axis: int, start: int, size: int, step: int, fill: float) -> Any:
        return right_shift(self, a, axis, start + 1, size, step, fill)

    def strideless(self: Any, a: Any, axis: int, start: int, size: int, step: int, fill: float) -> Any:
        return right_shift(self, a, axis, start, size, 1, fill)

    for shifted in (one_off, strideless):
        with monkeypatch.context() as m:
            m.setattr(JaxOperations, "shifted", shifted)
            assert differences(text, arrays, "a", naive)
    with monkeypatch.context() as m:
        m.setattr(JaxOperations, "add", lambda self, a, b: b)
        assert differences(text, arrays, "a", naive)
    with monkeypatch.context() as m:
        m.setattr(selection.Affine, "digits", lambda self, sizes: (right_digits(self, sizes) or [])[::-1] or None)
        assert differences(*CASES[0][:2], "a", CASES[0][2])
