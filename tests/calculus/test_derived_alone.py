"""What derive gives can be worked out by itself: Jacobians of shifted reads and of loops against differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.core.equation import Equation

RNG = np.random.default_rng(2)
A, K, W = RNG.normal(size=5), RNG.normal(size=3), RNG.normal(size=(2, 2))
SAME = "y_x = a[x+u-1] k_u; dim(x) = dim(a, 0); outside(a) = "


def windows(a: Any, k: Any, step: int = 1, apart: int = 1) -> Any:
    n = (len(a) - apart * (len(k) - 1) - 1) // step + 1
    return np.array([sum(a[step * x + apart * u] * k[u] for u in range(len(k))) for x in range(n)])


def padded(mode: Any) -> Callable[..., Any]:
    return lambda a, k: windows(np.pad(a, 1, mode=mode), k)


def two_stages(A: Any, g: Any, steps: int = 3) -> Any:
    x = g
    for _ in range(steps):
        k = A @ np.tanh(x)
        x = x + k + A @ np.tanh(x + 0.5 * k)
    return x.sum()


def beside_the_past(x: Any, U: Any, V: Any, w: Any) -> Any:
    h, total, before = np.zeros(2), 0.0, np.zeros(3)
    for now in x:
        h = np.tanh(before @ U + now @ V + h @ w)
        total, before = total + h.sum(), now
    return total


STAGES = (
    "k_ni = A_ij tanh(x_nj); l_ni = A_ij tanh(x_nj + 0.5 k_nj); x_{n+1,i} = x_ni + k_ni + l_ni; x_{0,i} = g_i; "
    "dim(n) = 3; E = Σ_i x[3,i]"
)
PAST = (
    "h_tj = tanh(x[t-1, i] U_ij + x_ti V_ij + h_{t-1,k} w_kj); h_{-1,j} = 0; outside(x) = 0; E = Σ_tj h_tj; "
    "dim(t) = dim(x, 0)"
)
CASES: list[tuple[str, Callable[..., Any], dict[str, Any], str]] = [
    (SAME + "0", padded("constant"), {"a": A, "k": K}, "a k"),
    (SAME + "edge", padded("edge"), {"a": A, "k": K}, "a k"),
    (SAME + "wrap", padded("wrap"), {"a": A, "k": K}, "a k"),
    (SAME + "mirror", padded("reflect"), {"a": A, "k": K}, "a k"),
    ("y_x = a[x+u] k_u", windows, {"a": A, "k": K}, "a k"),
    ("y_x = a[2x+u] k_u", lambda a, k: windows(a, k, 2), {"a": A, "k": K}, "a k"),
    ("y_x = mean_u(a[2x+u]); dim(u) = 2", lambda a: windows(a, [0.5, 0.5], 2), {"a": A}, "a"),
    ("y_x = Σ_u a[2x+u]^2; dim(u) = 2", lambda a: windows(a**2, [1, 1], 2), {"a": A}, "a"),
    ("y_i = a_i x[i-1]; outside(x) = 0", lambda a, x: a * np.append(0, x[:-1]), {"a": A, "x": A[::-1]}, "a x"),
    ("y_t = Σ_u [u ≤ t] x_u", lambda x: np.cumsum(x), {"x": A}, "x"),
    ("y_n = x_e [n = r_e]; dim(n) = 3", lambda x: np.bincount([0, 2, 2, 0, 2], x), {"x": A}, "x"),
    (PAST, beside_the_past, {"x": RNG.normal(size=(3, 3)), "U": RNG.normal(size=(3, 2)), "V": RNG.normal(size=(3, 2)),
                             "w": W}, "x U V w"),
    (STAGES, two_stages, {"A": W / 2, "g": A[:2]}, "A g"),
]  # fmt: skip


def differences(f: Callable[..., Any], arrays: dict[str, Any], by: str, ε: float) -> Any:
    """The Jacobian of f by one array, as central differences."""
    found = np.zeros((*np.shape(f(**arrays)), *arrays[by].shape))
    for k in np.ndindex(arrays[by].shape):
        step = np.zeros(arrays[by].shape)
        step[k] = ε
        ends = [f(**{**arrays, by: arrays[by] + s * step}) for s in (1, -1)]
        found[(..., *k)] = (ends[0] - ends[1]) / (2 * ε)
    return found


def worked_out(text: str, wrt: Iterable[str], arrays: dict[str, Any]) -> Any:
    d = tp.derive(text, wrt=wrt)
    assert str(tp.parse(str(d))) == str(d)
    f = tp.compile(d, "numpy", outputs=None if isinstance(d, Equation) else d.outputs[-1])
    given = {**arrays, "r": np.array([0, 2, 2, 0, 2])}
    return f(**{n: given[n] for n in f.inputs})


@pytest.mark.parametrize("text, naive, arrays, wrt", CASES)
def test_a_jacobian_needs_nothing_but_the_inputs(text: str, naive: Any, arrays: Any, wrt: str) -> None:
    for by in wrt.split():
        want = differences(naive, arrays, by, 1e-5)
        np.testing.assert_allclose(worked_out(text, [by], arrays), want, rtol=1e-6, atol=1e-8, err_msg=by)


def test_no_letter_of_a_second_derivative_is_taken_by_a_sum() -> None:
    """Two sums over j in an equation whose derivative is by A_kl and A_mp: neither is called m."""
    arrays = {"A": W / 2, "g": A[:2]}

    def slope(**given: Any) -> Any:
        return differences(two_stages, given, "A", 1e-4)

    want = differences(slope, arrays, "A", 1e-4)
    np.testing.assert_allclose(worked_out(STAGES, ["A", "A"], arrays), want, rtol=1e-5, atol=1e-5)


def test_what_only_tells_a_size_is_worked_out_too() -> None:
    """y is read by nobody and as long as its derivative: no array has to be passed for it."""
    f = tp.compile("y_t = Σ_u [u ≤ t] x_u; ∂y_t/∂x_k = [k ≤ t]", "numpy", outputs="∂y·/∂x·")
    assert f.inputs == ("x",)
    np.testing.assert_array_equal(f(x=np.ones(3)), np.tri(3))
