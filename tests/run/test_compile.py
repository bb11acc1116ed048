"""Compiled Systems against naive loops in extended precision: every kind of node, every form of product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorprop.core.expr import Index, Number, Tensor
from tensorprop.core.walk import postorder
from tensorprop.run.api import compile
from tensorprop.run.reference import evaluate
from tensorprop.text import parse
from tests import oracle
from tests.compare import wrong
from tests.strategies import case_number, some

SIZES = dict(zip("ijklmnbctudhpqrvw", (3, 4, 5, 2, 6, 3, 7, 5, 4, 3, 2, 3, 2, 2, 3, 4, 2), strict=True))


def arrays_for(text: str, square: bool = False, positive: bool = False, seed: int = 0) -> dict[str, Any]:
    """Normal numbers for every input, each axis as long as its letter says (``square``: all of length 3)."""
    s, rng, shapes = parse(text), np.random.default_rng(seed), dict[str, list[int]]()
    for eq in s:
        for e in postorder(eq.value):
            if isinstance(e, Tensor) and e.name in s.inputs:
                shape = shapes.setdefault(e.name, [0] * len(e.subscripts))
                for k, x in enumerate(e.subscripts):
                    n = SIZES[x.name] if isinstance(x, Index) else int(x.value) + 1 if isinstance(x, Number) else 0
                    shape[k] = 3 if square else max(shape[k], n)
    made = {name: rng.normal(size=shapes[name]) for name in s.inputs}
    return {n: np.abs(a) + 0.5 if positive else a for n, a in made.items()}


def faults(text: str, arrays: dict[str, Any]) -> list[str]:
    """Where the compiled outputs are further from the loops than rounding explains."""
    s = parse(text)
    f = compile(s)
    out = f(**arrays)
    judged = {n: j for n, j in oracle.values(s, arrays).items() if n in f.outputs}
    return wrong(out if len(judged) > 1 else {f.outputs[0]: out}, judged)


@pytest.mark.parametrize("text", [
    # matrix products in every orientation
    "c_ik = A_ij B_jk", "c_ki = A_ij B_jk", "c_ij = A_ik B_jk", "c_ij = A_ki B_kj", "c_ij = A_ki B_jk",
    "y_i = A_ij x_j", "y_j = x_i A_ij", "s = x_i A_ij y_j", "y_i = A_ij B_jk C_kl x_l", "y_i = a_j A_jk b_k x_i",
    # batches
    "c_bik = A_bij B_bjk", "c_ibk = A_bij B_bjk", "c_bi = A_bij x_bj", "S_bhtu = Q_bthd K_buhd",
    "O_bthd = P_bhtu V_buhd", "n_b = a_bi a_bi d_bj d_bj",
    # entry by entry, and sums of that
    "s = x_i y_i", "y_i = x_i w_i z_i", "c_ij = x_i y_j", "c_ji = x_i y_j z_j", "s = Σ_ij A_ij", "y_i = Σ_j A_ij",
    "s = Σ_ij x_i y_j", "G_ijkl = A_ij B_kl", "y_j = Σ_k A_ij B_ij C_ik", "y_i = Σ_jk A_ij B_ik",
    # numbers, divisions and powers
    "y_i = 2 A_ij x_j / 3", "y_i = -A_ij x_j", "y_i = -1/7 A_ij x_j s", "y_i = s r x_i", "y = s r / q", "y = 3",
    "y = 2 - 3 s", "y_j = Σ_i A_ij / dim(i)", "y_i = x_i dim(i)^2", "y_i = x_i dim(i)^(1/2)",
    "y_i = sqrt(dim(i)) x_i", "y_i = π x_i", "y_i = x_i^2", "y_i = 2 x_i^3 - x_i",
    # sums of terms
    "z_bj = a_bi W_ij + c_j", "z_bj = c_j - a_bi W_ij", "y_ij = -A_ij - x_i + 1", "y_ij = 1 - A_ij",
    "y_ij = x_i + z_j", "y_ijk = x_i - z_j + A_jk", "y_i = Σ_j (A_ij x_j + B_ij z_j)",
    "y_i = Σ_j (A_ij x_j - C_ik w_k + 3)", "y_i = Σ_j (-A_ij x_j - C_ij w_j)", "s = 1/2 (A_ij - x_i)^2",
    "E = Σ_mn 1/2 (T_mn - U_mk V_nk)^2", "y_i = (A_ij x_j) (B_ik w_k) z_i", "y_i = x_i (A_ij (B_jk w_k))",
    # brackets
    "y_i = [x_i > 0] x_i", "y_ij = [x_i ≥ z_j] A_ij", "s = Σ_i [x_i > 0]", "y_i = Σ_j [A_ij < 0] A_ij z_j",
    "y_i = [x_i > 0]", "y_tu = [t ≥ u] s_tu", "y_td = Σ_u [t > u] p_tu v_ud", "y_i = [i < 2] x_i",
    "y_i = x_i + [x_i > 0]", "n = Σ_i [x_i > 0] [x_i < 1]", "y_i = [s > 0] x_i",
    "y_ij = [x_i > 0] [z_j > 0] A_ij + [i ≠ j]",
    # entries
    "y_i = x_0 A_{i,1} z_i", "s = A_{0,1}", "y_j = A_{1,j}",
    # reductions
    "m_i = max_j A_ij", "m = min_ij A_ij", "m_j = mean_i A_ij", "v_i = var_j A_ij", "l_i = logsumexp_j A_ij",
    "q_i = prod_j A_ij", "p_i = softmax_j(A_ij)[1]", "l = logsumexp_ij(A_ij + x_i)", "s = x_i max_j(A_ij)",
    "m_i = mean_j(A_ij z_j - w_j)",
    # functions
    "y_ij = tanh(A_ij) σ(x_i)", "y_i = exp(A_ij z_j)", "y_ij = max(x_i, A_ij)", "y_i = relu(x_i) + gelu(x_i)",
    # several equations
    "h_bj = tanh(a_bi W_ij + c_j); E = 1/2 (h_bj - y_bj)^2", "u_i = exp(x_i); v_i = exp(x_i) + u_i",
])  # fmt: skip
def test_value(text: str, x64: None) -> None:
    assert faults(text, arrays_for(text)) == []


@pytest.mark.parametrize("text", [
    "t = A_ii", "d_i = A_ii", "d_ki = B_iki", "s = A_ii B_jj", "y_i = A_ii x_i", "s = B_iii", "D_ij = δ_ij A_ij",
    "y_i = A_ij δ_jk x_k", "s = δ_ij A_ij", "y_ij = A_ij + B_ji", "y_ij = A_ij - A_ji", "y_ij = 2 δ_ij - A_ij",
    "y_ij = A_ik A_jk", "s = A_ij A_ji", "y_ik = A_ij A_jk", "t = A_ij B_jk A_ki", "s = x_i x_i", "s = x_i A_ij x_j",
    "y_i = Σ_j softmax_j(A_ij) A_ji", "p_t = softmax_u(A_ut)[t]",
])  # fmt: skip
def test_value_where_one_tensor_has_a_letter_twice(text: str, x64: None) -> None:
    assert faults(text, arrays_for(text, square=True)) == []


@pytest.mark.parametrize("text", [
    "y_i = A_ij x_j / d_i", "y_i = A_ij x_j / d_j", "y_ij = x_i / (d_j e_i)", "y_i = 1 / x_i", "y_i = -1 / x_i^2",
    "y_i = 2 / x_i^3", "y_i = x_i^-2 + 2 x_i^(1/2)", "y_i = x_i^(-1/2) A_ij z_j", "y_i = x_i^(3/2)", "y_ij = x_i^z_j",
    "e = 2 / s", "y_i = x_i / s", "y_i = Σ_j 1 / A_ij", "p_ij = exp(A_ij) / Σ_k exp(A_ik)",
    "y_i = Σ_j [A_ij > 1] A_ij / d_i", "y_i = log(x_i) - rsqrt(x_i)", "y_i = x_i / (A_ij z_j)",
    "q_i = -x_i / (2 z_i)",
])  # fmt: skip
def test_value_of_positive_numbers(text: str, x64: None) -> None:
    assert faults(text, arrays_for(text, positive=True)) == []


@pytest.mark.parametrize("text", [
    "p_ij = softmax_j A_ij", "p_ij = softmax_ij A_ij", "p_ji = logsoftmax_i A_ij", "p_tv = softmax_u(A_ut)[v]",
    "D_ij = x_i δ_ij", "y_ik = Σ_j δ_ij δ_jk A_ij", "C_ijk = A_ij δ_jk", "y_i = where([x_i > 0], x_i, 2 z_i)",
    "n_i = argmax_j A_ij", "n_i = argmin_j(A_ij x_j)", "y_i = [dim(i) > 5] x_i / 0",
    "y_i = [i = 1] x_i + [dim(i) ≤ 5]", "g_i = Σ_u [y_i = u] p_iu", "δx_ij = δy_i x_ij / x_ij",
])  # fmt: skip
def test_value_of_the_reference(text: str, x64: None) -> None:
    arrays = arrays_for(text, square=True)
    if "y" in arrays:
        arrays["y"] = np.array([2, 0, 1])
    got, want = compile(text)(**arrays), next(iter(evaluate(parse(text), arrays).values()))
    assert got.shape == want.shape
    assert np.asarray(got) == pytest.approx(want, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("start", some(60_000, 60_150, 25, 60_025))
def test_random_systems(start: int, x64: None) -> None:
    for number in range(start, start + 25):
        case = case_number(number)
        s = case.system
        out = compile(s, outputs=[eq.name for eq in s])(**case.arrays)
        found = out if isinstance(out, dict) else {s.outputs[0]: out}
        assert wrong(found, oracle.values(s, case.arrays)) == [], f"case {number}\n{s}"
