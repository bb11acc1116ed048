"""Entries that arrays tell, and their adjoints: compiled against loops, with no one-hot array in the program."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import tensorprop as tp
from tests.run.forms import faults, normal, program, whole

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("e_btd = W[tok_bt, d]", {"W": normal(30, 4), "tok": whole(30, 2, 3)}, "W"),
    ("l_b = logp[b, y_b]", {"logp": normal(6, 20), "y": whole(20, 6)}, "logp"),
    ("q_i = p[i, π_i]", {"p": normal(6, 6), "π": whole(6, 6)}, "p"),
    ("z_nd = c[u_n, d] w_nd", {"c": normal(40, 3), "u": whole(40, 7), "w": normal(7, 3)}, "c w"),
    ("E = -mean_b(logp[b, y_b])", {"logp": normal(6, 20), "y": whole(20, 6)}, "logp"),
    ("l_b = softmax_c(s_bc)[k_b]", {"s": normal(6, 5), "k": whole(5, 6)}, "s"),
    ("x_e = A[r_e, c_e] w_e", {"A": normal(9, 8), "r": whole(9, 7), "c": whole(8, 7), "w": normal(7)}, "A w"),
    ("x_be = A[b, r_be, c_e]", {"A": normal(3, 9, 8), "r": whole(9, 3, 7), "c": whole(8, 7)}, "A"),
    ("z_td = x[lag_t, d] - x[lag_t, 0]", {"x": normal(40, 3), "lag": whole(40, 7)}, "x"),
    ("y_b = h[b, n_b - 1]", {"h": normal(4, 9), "n": 1 + whole(9, 4)}, "h"),
    ("y_bd = h[b, n_b + k_b, d]", {"h": normal(4, 9, 2), "n": whole(5, 4), "k": whole(5, 4)}, "h"),
    # a bracket summed is a gather, a bracket kept a scatter that adds
    ("o_bd = Σ_c [y_b = c] W_cd", {"W": normal(40, 3), "y": whole(40, 7)}, "W"),
    ("E = -Σ_bc [y_b = c] log(p_bc)", {"p": np.abs(normal(6, 40)) + 0.1, "y": whole(40, 6)}, "p"),
    ("E = -Σ_bc [y_b = c] log(p_bc) / p_bc", {"p": np.abs(normal(6, 40)) + 0.1, "y": whole(40, 6)}, "p"),
    ("o_bd = Σ_c [y_b = c] W_cd", {"W": normal(4, 3), "y": whole(6, 7)}, "W"),
    ("o_nd = g_nd Σ_e [n = r_e] x_ed", {"x": normal(9, 3), "r": whole(50, 9), "g": normal(50, 3)}, "x g"),
    ("o_nd = g_nd Σ_e [n = r_e] x_ed w_e / v_n",
     {"x": normal(9, 3), "w": normal(9), "r": whole(50, 9), "g": normal(50, 3), "v": 2 + normal(50)}, "x w g"),
    ("o_nd = g_nd Σ_e [n = r_e] x_ed B_ne",
     {"x": normal(9, 3), "B": normal(50, 9), "r": whole(50, 9), "g": normal(50, 3)}, "x B g"),
    ("o_bnd = g_n Σ_e [n = r_be] x_bed", {"x": normal(2, 9, 3), "r": whole(50, 2, 9), "g": normal(50)}, "x"),
    ("M_ij = G_ij Σ_e [i = r_e] [j = c_e] v_e",
     {"r": whole(30, 8), "c": whole(20, 8), "v": normal(8), "G": normal(30, 20)}, "v G"),
    ("o_n = g_n Σ_e [n = r_e] x_e", {"x": normal(9), "r": whole(90, 9) - 20, "g": normal(50)}, "x"),
]  # fmt: skip


@pytest.mark.parametrize("text, arrays, wrt", CASES, ids=[c[0] for c in CASES])
def test_gathers_and_scatters(text: str, arrays: dict[str, Any], wrt: str, x64: None) -> None:
    assert not faults(text, arrays, wrt)


def test_many_rows_make_no_one_hot() -> None:
    """Neither the entries nor their gradient hold an array over rows and values."""
    arrays = {"W": normal(5000, 8), "tok": whole(5000, 4, 6)}
    for wrt, has in (("", "gather"), ("W", "scatter")):
        text = program("e_btd = W[tok_bt, d]", arrays, wrt)
        assert has in text and "4x6x5000" not in text and "24x5000" not in text and "5000x4x6" not in text


def test_few_values_are_compared() -> None:
    """Where a label has few values, comparing takes less than reading at places that nobody foresees."""
    arrays = {"p": np.abs(normal(64, 10)) + 0.1, "y": whole(10, 64)}
    assert "gather" not in program("E = -Σ_bc [y_b = c] log(p_bc)", arrays)


OUTSIDE = [
    ("e_bd = W[tok_b, d]", {"W": normal(4, 3), "tok": np.array([0, 5, 1])},
     r"5, outside axis 1 of W, .*size 4(?s:.*)b = 1"),
    ("l_b = p[b, y_b]", {"p": normal(3, 2), "y": np.array([0, 1, -1])},
     r"-1, outside axis 2 of p, .*size 2(?s:.*)b = 2"),
    ("q_bc = x_bi W_ic; l_b = q[b, y_b]", {"x": normal(3, 2), "W": normal(2, 4), "y": np.array([0, 1, 4])},
     r"4, outside axis 2 of q, .*size 4(?s:.*)b = 2"),
    ("z_td = x[t - lag_t, d]", {"x": normal(9, 2), "lag": np.array([0, 1, 3])}, r"-1, outside axis 1 of x(?s:.*)t = 2"),
    ("z_t = x[k_t + k_t - 1]", {"x": normal(4), "k": np.array([1, 2, 3])}, r"5, outside axis 1 of x(?s:.*)t = 2"),
    ("y_bt = h[n_bt + dim(h, 0)]", {"h": normal(4), "n": np.array([[-1, 0]])}, r"4, outside axis 1 of h(?s:.*)t = 1"),
]  # fmt: skip


@pytest.mark.parametrize("text, arrays, message", OUTSIDE, ids=[c[0] for c in OUTSIDE])
def test_places_outside_are_refused_or_no_number(text: str, arrays: dict[str, Any], message: str) -> None:
    """With entry and value where the arrays are there; what is traced has no numbers, and gives none."""
    f = tp.compile(text)
    for backend in ("jax", "numpy"):
        with pytest.raises(tp.TensorpropError, match=message if backend == "jax" else "outside axis"):
            tp.compile(text, backend=backend)(**arrays)
    out = jax.jit(lambda d: f(**d))(arrays)
    assert np.isnan(out).any() and not np.isnan(out).all()


def test_places_outside_that_count_nothing_are_not_refused() -> None:
    p, y = np.ones((3, 2), np.float32), np.array([0, 1, -1])
    for text in ("l_b = [y_b ≥ 0] p[b, y_b]", "l_b = p[b, y_b]; outside(p) = 0", "l_b = Σ_c [y_b = c] p_bc"):
        np.testing.assert_array_equal(tp.compile(text)(p=p, y=y), [1, 1, 0])
    with pytest.raises(tp.TensorpropError, match="-1, outside axis 2 of p"):
        tp.value_and_grad("E = Σ_b p[b, y_b]", wrt="p")({"p": p}, y=y)


SEGMENTS = "y_gd = Σ_n [g = s_n] x_nd; sorted(s); dim(g) = 90"


def test_segments_that_are_said_to_be_sorted(x64: None) -> None:
    """The scatter is told so, forwards and as a gradient; the line is kept, and its values are as without it."""
    s = tp.parse(SEGMENTS)
    assert tp.parse(str(s)) is s is tp.parse(tp.show(s, ascii=True)) and "sorted(s)" in str(s)
    assert "sorted(s)" in str(tp.adjoint(s)) and "sorted(s)" in str(tp.batch(s, "b", over=("x", "s")))
    arrays = {"x": normal(40, 3), "s": np.sort(whole(90, 40))}
    told = {"w": normal(90, 3), **arrays}
    assert not faults("o_gd = w_gd Σ_n [g = s_n] x_nd; sorted(s)", told, "x w")
    assert "indices_are_sorted=True" in str(jax.make_jaxpr(lambda x: tp.compile(s)(x=x, s=arrays["s"]))(arrays["x"]))
    g = tp.value_and_grad("E = W[s_n, d] y_nd; sorted(s)", "W")
    jaxpr = str(jax.make_jaxpr(lambda W: g({"W": W}, s=arrays["s"], y=arrays["x"]))(normal(90, 3)))
    assert "scatter" in jaxpr and "indices_are_sorted=True" in jaxpr
    assert "indices_are_sorted=True" not in program(SEGMENTS.replace("sorted(s); ", ""), arrays)


def test_what_is_said_to_be_sorted_and_falls_is_refused() -> None:
    x, s = np.ones((4, 2), np.float32), np.array([0, 2, 1, 3])
    for backend in ("jax", "numpy"):
        with pytest.raises(tp.TensorpropError) as refused:
            tp.compile(SEGMENTS, backend=backend)(x=x, s=s)
        assert "s[1] = 2, s[2] = 1" in str(refused.value) and "^^^^^^^^^" in str(refused.value)
    with pytest.raises(tp.TensorpropError, match="falls"):
        tp.value_and_grad("E = W[s_n, d] y_nd; sorted(s)", "W")({"W": np.ones((9, 2))}, s=s, y=x)
    with pytest.raises(tp.TensorpropError, match="sorted is said of what stands in a row"):
        tp.parse("y_i = c x_i; sorted(c)")
