"""What is written by hand becomes the form that does not overflow; the value stays."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus.stable import stabilise

CASES = [
    ("p_tu = exp(s_tu) / Σ_v exp(s_tv)", "softmax_u(s_tu)"),
    ("p_tu = exp(s_tu - max_v(s_tv)) / Σ_w exp(s_tw - max_v(s_tv))", "softmax_u(s_tu)"),
    ("m_t = max_u s_tu; e_tu = exp(s_tu - m_t); Z_t = Σ_u e_tu; p_tu = e_tu / Z_t", "softmax_u(s_tu)"),
    ("p_tu = softmax_u(s_tu + a_t - 3)", "softmax_u(s_tu)"),
    ("p_tu = softmax_u(s_u + a_t)", "softmax_u(s_u) [t < dim(a, 0)]"),
    ("p_tu = softmax_u(s_tu + a_u)", "softmax_u(s_tu + a_u)"),
    ("p_tu = log(exp(s_tu - max_v(s_tv)) / Σ_w exp(s_tw - max_v(s_tv)))", "logsoftmax_u(s_tu)"),
    ("p_tu = [u ≤ t] exp(s_tu) / Σ_v [v ≤ t] exp(s_tv)", "softmax_u(where([u ≤ t], s_tu, -1e30))"),
    ("p_tu = [t ≥ u] exp(s_tu) / Σ_v [v ≤ t] exp(s_tv)", "softmax_u(where([u ≤ t], s_tu, -1e30))"),
    ("m_t = max_u s_tu; e_tu = [t ≥ u] exp(s_tu - m_t); p_tu = e_tu / Σ_v e_tv",
     "softmax_u(where([t ≥ u], s_tu, -1e30))"),
    ("p_tu = [u < t] exp(s_tu) / Σ_v [v < t] exp(s_tv)", "[u < t] softmax_u(where([u < t], s_tu, -1e30))"),
    ("p_tu = [t - u < 3] [u ≤ t] exp(s_tu) / Σ_v [v ≤ t] [t - v < 3] exp(s_tv)",
     "[t - u < 3] [u ≤ t] softmax_u(where([u ≤ t] [t - u < 3], s_tu, -1e30))"),
    ("p_tu = [u ≤ t] exp(s_tu) / Σ_v exp(s_tv)", "[u ≤ t] softmax_u(s_tu)"),
    ("p_tu = exp(q_ta k_ua) / Σ_v exp(q_tb k_vb)", "softmax_u(q_tb k_ub)"),
    ("p_tu = [u ≤ t] exp(q_ta k_ua / 2) / Σ_v [v ≤ t] exp(q_tb k_vb / 2)",
     "softmax_u(where([u ≤ t], q_tb k_ub / 2, -1e30))"),
    ("p_tu = exp(q_tab k_uab) / Σ_v exp(q_tcd k_vcd)", "softmax_u(q_tcd k_ucd)"),
    ("p_tu = exp(q_tab k_uab) / Σ_v exp(q_tcd k_vdc)", None),  # another argument
    ("p_tu = exp(s_tu) / Σ_v [v ≤ t] exp(s_tv)", None),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", CASES, ids=[c[0] for c in CASES])
def test_by_hand(text: str, expected: str | None) -> None:
    s = tp.parse(text)
    assert stabilise(s)["p"].value is tp.parse(f"p_tu = {expected}" if expected else text)["p"].value
    rng = np.random.default_rng(0)
    arrays = {n: rng.normal(size=(5,) * s.rank(n)) for n in s.inputs}
    f = tp.compile(stabilise(s), backend="numpy", outputs="p")
    mine = f(**{n: arrays[n] for n in f.inputs})
    np.testing.assert_allclose(mine, tp.compile(s, backend="numpy", outputs="p")(**arrays), rtol=1e-13, atol=1e-15)


def test_large_numbers_do_not_overflow() -> None:
    for text in [text for text, form in CASES if form and form.startswith("softmax_u(where")]:
        f = tp.compile(text, outputs="p")
        p = f(**{n: np.full((4, 4), 2000.0 if n == "s" else 40.0, np.float32) for n in f.inputs})
        np.testing.assert_allclose(np.sum(p, 1), np.ones(4), rtol=1e-6)
