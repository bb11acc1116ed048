"""What `formula` prints of windows, recurrences, sums along an order, gathers and products of higher order is judged
right when it is given back; a wrong one is not."""

from __future__ import annotations

from typing import Literal

import pytest

import tensorprop as tp
from tensorprop.check.attempt import judge
from tensorprop.render.layout import Convention
from tensorprop.render.reading.formulas import split

WINDOWS = [
    "y_x = a[x+u] k_u",
    "y_x = a[2x+u] k_u",
    "y_x = a[x+2u] k_u",
    "y_x = a[x-u] k_u",
    "y_x = relu(a[x+u] k_u + b)",
    "y[b,x,o] = a[b,x+u,c] K_uco",
    "y_bx = a[b,2x+u] k_u",
    "y_xz = a[x+u,z+v] k_uv",
    "y_x = a[u] k[x-2u]",
    "y_x = a[x+1] - a[x]",
    "y_x = max_u(a[2x+u])",
    "y_t = k[t-u] x_u [u ≤ t]",
    "y_t = x_t - φ x_{t-1}",
]
ORDERS = [
    "y_t = x_u [u ≤ t]",
    "y_t = x_u [u ≥ t]",
    "y_tj = x_ui [u < t] W_ij",
    "p_tu = softmax_u(q_td k_ud + M_tu); o_te = p_tu v_ue",
    "o_t = q_td k_ud v_u [u ≤ t]",
    "e_btd = E[tok_bt, d]",
    "L_b = logsumexp_k(z_bk) - z[b, y_b]",
    "y_kd = x_td [c_t = k]",
    "Y_pjk = A_ijk U_pi",
    "Y_ijk = G_abc A_ia B_jb C_kc",
    "Y_ijk = A_ir B_jr C_kr",
]
LOOPS = [
    "m_t = β m_{t-1} + (1-β) g_t; m_{-1} = m0",
    "h_tj = h_{t-1,k} A_kj + x_tj; h_{-1,j} = 0",
    "h_tj = tanh(x_ti W_ij + h_{t-1,k} U_kj); h_{-1,j} = g_j",
]


@pytest.mark.parametrize("k, page", list(enumerate(WINDOWS + ORDERS + LOOPS)))
def test_what_formula_prints_is_judged_right(k: int, page: str) -> None:
    s = tp.parse(page)
    rules = tp.adjoint(s)
    layout: Literal["column", "row"] = "row" if k % 2 else "column"
    judged = 0
    for source in (rules, s + rules):
        text = str(tp.formula(source, layout=layout))
        every = text.splitlines()[-1] if text.splitlines()[-1].startswith("(") else ""
        for line in text.splitlines():
            one = next(split(line), None)
            if one is not None and str(one.left).startswith("δ"):
                found = judge(f"{line}  {every}" if every else line, s, rules, Convention(layout=layout)).judgement
                assert found.right, (line, str(found))
                judged += 1
    assert judged >= 1


SLID = "y_x = a[x+u] w_u"


@pytest.mark.parametrize(
    "page, attempt, right",
    [
        (SLID, "δa = w * δy", True),
        (SLID, "δa = δy * w", True),
        (SLID, r"\delta a = w * \delta y", True),
        (SLID, "δw = a ⋆ δy", True),
        (SLID, "δa_v = Σ_u w_u δy[v-u]", True),
        (SLID, "δa = np.convolve(w, δy)", True),
        (SLID, "da = np.convolve(dy, w, mode='full')", True),
        (SLID, "da = np.correlate(dy, w[::-1], 'full')", True),
        (SLID, "dw = np.correlate(a, dy)", True),
        (SLID, "dw = np.correlate(a, dy, 'valid')", True),
        (SLID, "dw = np.convolve(a, dy[::-1], 'valid')", True),
        (SLID, "dw = np.convolve(dy[::-1], a, 'valid')", True),
        (SLID, "dw = np.correlate(a, dy[::-1], 'valid')", False),
        (SLID, "da = np.convolve(dy, w[::-1])", False),
        (SLID, "da = np.correlate(dy, w, 'full')", False),
        ("z_i = α_j W_ij", "dalpha = W.T @ dz", True),
        ("h_i = tanh(α_i)", "dalpha = (1 - h**2) * dh", True),
        ("z_i = W_ij x_j; α_i = tanh(z_i)", "dz = (1 - alpha**2) * dalpha", True),
        ("z_i = W_ij x_j; α_i = tanh(z_i)", "δz = (1 − α²) ⊙ dalpha", True),
        (SLID, "δa = w ⋆ δy", False),
        (SLID, "δw = δy ⋆ a", False),
        ("y_xz = a[x+u,z+v] k_uv", "δa = k * δy", True),
        ("y_x = a[2x+u] k_u", "δa = δy *² k", False),
        (SLID, "δa_v = Σ_u w_u δy[v+u]", False),
        ("y_i = W_ij x_j", "δx_j = W_ij δy_i", True),
        ("y_i = W_ij x_j", "δx_j = -W_ij δy_i", False),
    ],
)
def test_windows_are_judged_by_what_they_read(page: str, attempt: str, right: bool) -> None:
    s = tp.parse(page)
    assert judge(attempt, s, tp.adjoint(s), Convention()).judgement.right is right
