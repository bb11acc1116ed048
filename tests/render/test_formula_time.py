"""Recurrences as formulas, line by line with a time index: as printed, and read again, in every option set."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

import tensorprop as tp
import tensorprop.layers as library
from tensorprop.check.readback import reads
from tensorprop.core.canon import same
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.stand_ins import kept_inside

RNN = "h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj + b_j); h_{-1,j} = g_j"
ROWS = "h_btj = tanh(x_bti U_ij + h_{b,t-1,k} W_kj + c_j); h_{b,-1,j} = g_bj"
DEPTH = "x_{l+1,b,j} = relu(x_{l,b,i} W[l,i,j]); x_{0,b,j} = a_bj"
BACK = "s_tj = x_tj + a_j s_{t+1,j}; outside(s) = 0"
LSTM = """
    i_tj = σ(x_tk A_kj + h_{t-1,l} B_lj); f_tj = σ(x_tk C_kj + h_{t-1,l} D_lj); u_tj = tanh(x_tk R_kj + h_{t-1,l} S_lj)
    o_tj = σ(x_tk P_kj + h_{t-1,l} Q_lj); c_tj = f_tj c_{t-1,j} + i_tj u_tj; h_tj = o_tj tanh(c_tj)
    h_{-1,j} = g_j; c_{-1,j} = e_j
"""

PRINTED = [
    (RNN, {}, ["hₜ = tanh(Uᵀ xₜ + Wᵀ hₜ₋₁ + b)  (for t = 0, 1, …)", "h₋₁ = g"]),
    (RNN, {"layout": "row"}, ["hₜ = tanh(xₜ U + hₜ₋₁ W + b)  (for t = 0, 1, …)", "h₋₁ = g"]),
    (ROWS, {}, ["hₜ = tanh(xₜ U + hₜ₋₁ W + 1cᵀ)  (for t = 0, 1, …)", "h₋₁ = g"]),
    (DEPTH, {}, ["xₗ₊₁ = relu(xₗ Wₗ)  (for l = 0, 1, …)", "x_0 = a"]),
    (BACK, {}, ["sₜ = xₜ + a ⊙ sₜ₊₁  (for t = …, 1, 0, s = 0 outside)"]),
    (
        "f_t = f_{t-1} + f_{t-2}; f_{0} = a; f_{1} = b; dim(t) = 6",
        {},
        ["fₜ = fₜ₋₁ + fₜ₋₂  (for t = 2, 3, …)", "f_0 = a", "f_1 = b"],
    ),
    ("s_t = a s_{t-1} + x_t", {}, ["sₜ = a sₜ₋₁ + xₜ  (for t = 0, 1, …)"]),
    ("m_tij = 2 m_{t-1,i,j} + x_ti x_tj; m_{-1,i,j} = 0", {}, ["mₜ = 2 mₜ₋₁ + xₜ xₜᵀ  (for t = 0, 1, …)", "m₋₁ = 0"]),
]
ADJOINT = [
    (
        ROWS,
        {},
        [
            "δhₜ = δh^(out)ₜ + ((11ᵀ − hₜ₊₁^{∘2}) ⊙ δhₜ₊₁)Wᵀ  (for t = …, 1, 0, δh = 0 outside)",
            "δxₜ = ((11ᵀ − hₜ^{∘2}) ⊙ δhₜ)Uᵀ  (for every t)",
            "δU = Σ_t xₜᵀ ((11ᵀ − hₜ^{∘2}) ⊙ δhₜ)",
            "δW = Σ_t hₜ₋₁ᵀ ((11ᵀ − hₜ^{∘2}) ⊙ δhₜ)",
        ],
    ),
    (
        BACK,
        {},
        [
            "δsₜ = δs^(out)ₜ + a ⊙ δsₜ₋₁  (for t = 0, 1, …, δs = 0 outside)",
            "δxₜ = δsₜ  (for every t)",
            "δa = Σ_t sₜ₊₁ ⊙ δsₜ  (s = 0 outside)",
        ],
    ),
    (RNN, {}, ["δW = Σ_t hₜ₋₁ ((1 − hₜ^{∘2}) ⊙ δhₜ)ᵀ", "δb = Σ_t (1 − hₜ^{∘2}) ⊙ δhₜ"]),
]
OPTIONS: list[dict[str, Any]] = [
    dict(zip(("layout", "samples", "derivative", "adjoint"), chosen, strict=True))
    for chosen in itertools.product(
        ("column", "row"), ("rows", "columns"), ("denominator", "numerator"), ("δz", "∂E/∂z", "z̄")
    )
]


@pytest.mark.parametrize("text, options, lines", PRINTED)
def test_a_recurrence_is_printed_line_by_line(text: str, options: dict[str, Any], lines: list[str]) -> None:
    found = tp.formula(text, **options)
    assert str(found).replace(", f_", "\nf_").splitlines() == lines
    assert found.kind != "index"


@pytest.mark.parametrize("text, options, lines", ADJOINT)
def test_the_rules_of_a_recurrence_are_printed(text: str, options: dict[str, Any], lines: list[str]) -> None:
    s = tp.parse(text)
    found = tp.formula(s + tp.adjoint(s), **options)
    assert set(lines) <= {*str(found).splitlines()}, str(found)
    assert found.kind != "index"


def test_rules_that_read_a_start_by_its_number_have_a_formula_without_their_page() -> None:
    rules = tp.adjoint("m_t = max(m_{t-1}, x_t); m_{-1} = g")
    assert str(tp.formula(rules)).splitlines()[-1] == "δg = ½ δm_0 (2 [m₋₁ > x_0] + [m₋₁ = x_0])"


def test_lstm_and_its_rules_have_a_formula_in_every_line() -> None:
    s = tp.parse(LSTM)
    lines = str(tp.formula(s + tp.adjoint(s))).splitlines()
    assert "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ uₜ  (for t = 0, 1, …)" in lines
    assert "δcₜ = fₜ₊₁ ⊙ δcₜ₊₁ + (1 − tanh(cₜ)^{∘2}) ⊙ oₜ ⊙ δhₜ  (for t = …, 1, 0, δc = 0 outside)" in lines
    assert "δe = f_0 ⊙ δc_0" in lines


def test_dialects() -> None:
    found = tp.formula(RNN)
    assert found.ascii.splitlines() == ["h_t = tanh(U^T x_t + W^T h_{t-1} + b)  (for t = 0, 1, ...)", "h_{-1} = g"]
    assert found.latex == (
        r"h_{t} = \tanh(U^{\top} x_{t} + W^{\top} \, h_{t-1} + b) \quad (\mathrm{for}\ t = 0, 1, \dots), "
        r"\quad h_{-1} = g"
    )
    assert 'h_(t-1) + b) quad "(for t = 0, 1, …)"' in found.typst


@pytest.mark.parametrize("options", [OPTIONS[0], OPTIONS[10], OPTIONS[23]], ids=lambda o: " ".join(o.values()))
@pytest.mark.parametrize("text", [RNN, ROWS, BACK, DEPTH])
def test_every_line_is_read_again_in_every_option_set(text: str, options: dict[str, Any]) -> None:
    s = tp.parse(text)
    if text is not DEPTH:  # [l < |W|] ends its rule before x does
        s = s + tp.adjoint(s)
    unread: list[str] = []

    def watched(*line: Any) -> bool:
        found = reads(*line)
        unread.extend([] if found else [line[1]])
        return found

    shown = replace(tp.formula(s, **options), reads=watched)
    assert shown.unicode and shown.ascii and shown.latex and not unread
    assert shown.kind != "index"


@pytest.mark.parametrize(
    "wrong",
    [
        "hₜ = tanh(Uᵀ xₜ + Wᵀ hₜ₊₁ + b)  (for t = 0, 1, …)",
        "hₜ = tanh(Uᵀ xₜ + Wᵀ hₜ + b)  (for t = 0, 1, …)",
        "hₜ = tanh(Uᵀ xₜ₋₁ + Wᵀ hₜ₋₁ + b)  (for t = 0, 1, …)",
        "hₜ₊₁ = tanh(Uᵀ xₜ + Wᵀ hₜ₋₁ + b)  (for t = 0, 1, …)",
        "hₜ = tanh(Uᵀ xₜ + W hₜ₋₁ + b)  (for t = 0, 1, …)",
    ],
)
def test_a_line_that_says_another_time_is_not_read_as_the_equation(wrong: str) -> None:
    found = tp.formula(RNN)
    page = tuple(line.equation for line in found.lines)
    assert not reads(found.lines[0], wrong, Convention(), page)
    assert reads(found.lines[0], str(found).splitlines()[0], Convention(), page)


def test_brackets_at_the_end_of_time_are_told_as_zeros() -> None:
    s = tp.parse("s_t = x_t + [t + 1 < dim(x, 0)] a s[t+1]")
    assert str(kept_inside(s)) == "s_t = x_t + a s[t+1]\noutside(s) = 0"
    assert str(tp.formula(s)) == "sₜ = xₜ + a sₜ₊₁  (for t = …, 1, 0, s = 0 outside)"
    other = tp.parse("s_t = x_t + [t + 3 < dim(x, 0)] a s[t+1]")  # ends earlier: no such thing
    assert str(tp.formula(other)) == "sₜ = xₜ + a sₜ₊₁ [t + 3 < |t|]  (for t = …, 1, 0)"


@pytest.mark.parametrize("name", ["Rnn", "Gru", "LinearRecurrence", "SelectiveStateSpace", "Retention"])
def test_layers_with_time_have_a_formula_in_every_line(name: str) -> None:
    assert tp.formula(getattr(library, name)).kind != "index"


@pytest.mark.parametrize("text", [RNN, ROWS, DEPTH, BACK, LSTM])
def test_a_page_with_time_is_read_as_its_equations(text: str) -> None:
    s = tp.parse(text)
    found = tp.formula(s, layout="row")
    for shown in (found.unicode, found.ascii, found.latex):
        for eq, want in zip(tp.parse_formula(shown, like=s, layout="row"), s, strict=True):
            assert str(eq.target) == str(want.target) and same(eq.value, want.value)


LAST = "h_tj = tanh(W_ji h[t-1, i] + x_tj); h[-1, j] = g_j; y = h[dim(x, 0)-1, j] v_j"


def test_a_loss_at_the_last_step_is_printed_run_and_read_with_its_rules() -> None:
    s = tp.parse(LAST)
    page = s + tp.adjoint(s)
    found = tp.formula(page)
    lines = str(found).splitlines()
    assert lines[2] == "y = h_{|t|−1}ᵀ v" and lines[-1] == "δv = h_{|t|−1}"
    rule = "δhₜ = [t = |t| − 1] v + Wᵀ diag(1 − hₜ₊₁^{∘2}) δhₜ₊₁  (for t = …, 1, 0, δh = 0 outside)"
    assert rule in lines and "where(t == (x.shape[0] - 1), 1.0, 0.0) * v + " in found.numpy
    for shown in (found.unicode, found.latex):
        for eq, want in zip(tp.parse_formula(shown, like=page), page, strict=True):
            assert str(eq.target) == str(want.target)


@pytest.mark.parametrize(
    ("text", "shown", "code"),
    [
        ("y = h[dim(h, 0)-1, j] v_j", "y = h_{dim(h,0)−1}ᵀ v", 'y = np.einsum("j,j->", h[-1], v)'),
        ("y_bj = h[b, dim(h, 1)-1, j] v_j", "y = h_{·,dim(h,1)−1,·} diag(v)", "y = h[:, -1] * v"),
        ("y_ij = h[dim(x, 0)-1, j] x_ij", "y = x diag(h_{|i|−1})", "y = h[x.shape[0] - 1] * x"),
        (
            "δh_tj = [t = dim(h, 0)-1] v_j",
            "δh_t = [t = |t| − 1] v  (for every t)",
            "δh = np.where(np.arange(h.shape[0]) == (h.shape[0] - 1), 1.0, 0.0)[:, None] * v",
        ),
        (
            "y_t = x[t-2] w_t; outside(x) = 0",
            "y_t = x_{t−2} w_t  (x = 0 outside, for every t)",
            "y = np.pad(x, (2, max(0, w.shape[0] - x.shape[0] - 2)))[np.arange(w.shape[0])] * w",
        ),
    ],
)
def test_places_that_are_counted_from_the_end_and_letters_as_numbers(text: str, shown: str, code: str) -> None:
    found = tp.formula(text)
    assert str(found) == shown and found.numpy == code


def test_a_covariance_that_is_carried_on_has_a_form():
    s = tp.parse("P_tij = F_ik P_{t-1,k,l} F_jl + Q_ij; P_{-1,i,j} = S_ij; y_t = P_tij c_i c_j")
    shown = str(tp.formula(s + tp.adjoint(s))).split("\n")
    assert {
        "Pₜ = F Pₜ₋₁ Fᵀ + Q  (for t = 0, 1, …)",
        "yₜ = cᵀ Pₜ c  (for every t)",
        "δQ = Σ_t δPₜ",
        "δS = Fᵀ δP_0 F",
    } <= {*shown}
