"""Cases of the corpus whose index form is prose, written out: value and all gradients, in both backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tests.corpora.read import SEEDS, Case, arrays, cases, close, definition

LSTM = """
    z_gbj = x_bi W_gij + h_bk U_gkj + b_gj
    r_bj = σ(z_{1,b,j}) c_bj + σ(z_{0,b,j}) tanh(z_{2,b,j})
    y_bj = σ(z_{3,b,j}) tanh(r_bj)
"""
TEXTS = {
    "huber": "r_ij = y_ij - t_ij; L = mean_ij(where([abs(r_ij) ≤ 1], 0.5 r_ij^2, abs(r_ij) - 0.5))",
    "conv1d-stride": "y_not = x[n,c,2t+k] W_ock + b_o",
    "conv1d-dilated": "y_not = x[n,c,t+2k-2] W_ock + b_o; outside(x) = 0; dim(t) = dim(x,2)",
    "conv1d-full": "y_not = x[n,c,3t+2k-1] W_ock + b_o; outside(x) = 0; dim(t) = 3",
    "conv2d-stride": "y[n,o,t,u] = x[n, c, 2t+k-1, 2u+j-1] W_ockj + b_o; outside(x) = 0; dim(t) = 3; dim(u) = 3",
    "conv2d-depthwise": "y_nctu = x[n, c, t+k, u+j] W_ckj",
    "maxpool2d": "y_nctu = max_kj(x[n, c, 2t+k, 2u+j]); dim(k) = 2; dim(j) = 2",
    "meanpool-masked": "y_bd = m_bt x_btd / Σ_s m_bs",
    "embedding": "y_btd = W[i_bt, d]",
    "rope": "y_tij = [j = 0] (x[t,i,0] c_ti - x[t,i,1] s_ti) + [j = 1] (x[t,i,0] s_ti + x[t,i,1] c_ti); dim(j) = 2",
    "attention-rope": """
        q_tij = [j = 0] (Q[t,i,0] c_ti - Q[t,i,1] s_ti) + [j = 1] (Q[t,i,0] s_ti + Q[t,i,1] c_ti)
        k_tij = [j = 0] (K[t,i,0] c_ti - K[t,i,1] s_ti) + [j = 1] (K[t,i,0] s_ti + K[t,i,1] c_ti)
        dim(j) = 2; p_tu = softmax_u(q_tij k_uij / 2); y_td = p_tu V_ud
    """,
    "lstm-cell": LSTM,
    "lstm-cell-2out": LSTM + "out_bj = r_bj",
    "transformer-mlp-block": """
        μ_b = mean_i(x_bi); v_b = mean_i((x_bi - μ_b)^2); n_bi = (x_bi - μ_b) / sqrt(v_b + 0.00001) g_i
        z_bk = n_bj W_jk + a_k; y_bi = x_bi + gelu_tanh(z_bk) V_ki + c_i
    """,
}
CASES = [c for c in cases("backprop_rules.json") if not c["index_evaluable"]]


def test_every_case_is_written_out() -> None:
    assert {c["id"] for c in CASES} == TEXTS.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_value_and_gradients(case: Case, x64: None) -> None:
    s = tp.parse(TEXTS[case["id"]])
    given = arrays(case, SEEDS[0])
    want = definition(case["forward_code"], "forward")(**given)
    values: tuple[Any, ...] = want if isinstance(want, tuple) else (want,)
    rng = np.random.default_rng(2)
    seeds = {f"δ{n}": rng.normal(size=np.shape(v)) for n, v in zip(s.outputs, values, strict=True)}
    wrt = tuple(case["differentiate"])
    both = s + tp.adjoint(s, wrt=wrt)
    asked = {n: a for n, a in seeds.items() if n in both.inputs}
    cotangents = tuple(seeds[n] if n in asked else np.ones(()) for n in seeds)
    slopes = definition(case["backward_code"], "backward")(
        cotangents if isinstance(want, tuple) else cotangents[0], **given
    )
    for backend in ("jax", "numpy"):
        f = tp.compile(both, backend=backend, outputs=[*s.outputs, *(f"δ{n}" for n in wrt)])
        found = f(**given, **asked)
        for n, v in zip(s.outputs, values, strict=True):
            assert close(np.asarray(found[n]), v), (backend, n)
        for n in wrt:
            assert close(np.asarray(found[f"δ{n}"]), slopes[n]), (backend, n)
