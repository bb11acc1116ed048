"""Whatever `explain` prints is judged right when it is given back as an attempt: in every layout, in every spelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorprop as tp
import tensorprop.layers as library
from tensorprop.check.attempt import judge
from tensorprop.check.executed import WrongCode
from tensorprop.core.equation import System, equation
from tensorprop.core.ranges import one_axis, sized
from tensorprop.render.derivation.derivation import Derivation
from tensorprop.render.derivation.derivation import explain as derivation
from tests.corpora.read import cases

LAYOUTS: list[dict[str, Any]] = [{"layout": "row"}, {"samples": "columns"}, {"derivative": "numerator"}, {}]
LAYERS = [n for n in library.__all__ if isinstance(getattr(library, n), type) and n != "Layer"]
CASES = [c for c in cases("backprop_rules.json") if c.get("index_evaluable")]
TEXTS = [
    "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2",
    "z_j = a_i W_ij + b_j; h_j = f(z_j)",
    "S_bqk = Q_bqd K_bkd / sqrt(dim(d)); P_bqk = softmax_k(S_bqk); O_bqe = P_bqk V_bke",
    "m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); y_bi = (x_bi - m_b) / sqrt(v_b + e)",
    "z_k = T_ijk a_i b_j",
    "y = x_i A_ij x_j",
    "e = r_i inv(S)_ij r_j",
]
KINDS = [  # places that are computed, masks, sizes called like a tensor, starts of loops, functions of matrices
    "m_j = mean_b(x_bj); c_bj = x_bj - m_j; y_bj = c_bj + b_j",
    "y_t = Σ_u [abs(t - u) <= 2] A_tu x_u",
    "c_t = Σ_u [u <= t] x_u",
    "y[x, c] = a[x+u-1, c] k_u; outside(a) = 0; dim(u) = 3; dim(x) = dim(a, 0)",
    "e_td = E[tok_t, d]",
    "y_b = z[b, k_b]",
    "h_tj = tanh(x_tj + h_{t-1,k} W_kj); h_{-1,j} = g_j",
    "M_ij = A_ij + u_i v_j; y_i = inv(M)_ij b_j",
    "L_ij = cholesky(S)_ij; y_i = L_ij x_j",
    "s_u = v_j tanh(W_ij q_i + U_kj h_uk); p_u = softmax_u(s_u)",
    "E = Σ_ij [i != j] C_ij^2",
    "d_t = x[t+1] - x_t; E = Σ_t d_t^2",
    "y_i = 1/2 x_i (1 + erf(x_i)); E = y_i v_i",
    "z[b, out] = x[b, in] W[in, out] + c[out]",
    "K_td = X_ti U_id; S_tu = X_td K_ud / sqrt(dim(d)); L_t = logsumexp_u(S_tu)",
    "z_tj = inv_ij(S_tij) x_ti; L = Σ_t z_tj v_j",
]


def spellings(d: Derivation, options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every rule of a derivation as it is printed, entry by entry and in matrices, and as NumPy code."""
    axis = one_axis(d.system)
    for part in d.parts:
        shown = part.shown.whole
        line = d.line(part.rule)
        yield "entries", line.unicode
        yield "entries in LaTeX", line.latex
        if shown is None:
            continue
        rule = equation(part.rule.target, sized(part.rule.value, part.rule.target, axis))
        yield "unicode", shown.unicode
        yield "latex", shown.latex
        if part.shown.carried:
            yield "without its remark", part.shown.unicode
        try:
            code = tp.formula(rule, **options).numpy
        except (WrongCode, ValueError, np.linalg.LinAlgError):
            continue  # no code is shown for it
        told = not (options.get("samples") == "columns" and ".shape" in code)
        if told and not code.startswith("#") and "\n" not in code:
            yield "numpy", code


def given_back(s: System, options: dict[str, Any]) -> int:
    """How many spellings were judged, all of them right as they stand."""
    d = derivation(s, **options)
    judged = 0
    for kind, text in spellings(d, options):
        found = judge(text, d.system, d.rules, d.convention).judgement
        assert found.right and str(found).startswith("This is right:"), (kind, text, str(found))
        judged += 1
    return judged


@pytest.mark.parametrize("k, text", list(enumerate(TEXTS)))
def test_printed_rules_are_judged_right(k: int, text: str) -> None:
    assert given_back(tp.parse(text), LAYOUTS[k % 4]) >= 3


@pytest.mark.parametrize("k", range(4))
def test_printed_rules_of_all_kinds_are_judged_right(k: int) -> None:
    for text in KINDS[k::4]:
        assert given_back(tp.parse(text), LAYOUTS[(k + 3) % 4]) >= 2, text


@pytest.mark.campaign
@pytest.mark.parametrize("text", [*TEXTS, *KINDS])
def test_printed_rules_are_judged_right_in_every_layout(text: str) -> None:
    assert all(given_back(tp.parse(text), layout) >= 3 for layout in LAYOUTS)


@pytest.mark.parametrize("k, name", list(enumerate(LAYERS))[::24])
def test_printed_rules_of_layers_are_judged_right(k: int, name: str) -> None:
    given_back(getattr(library, name)().system, LAYOUTS[k % 4])


@pytest.mark.campaign
@pytest.mark.parametrize("name", LAYERS)
def test_printed_rules_of_every_layer_are_judged_right_in_every_layout(name: str) -> None:
    for layout in LAYOUTS:
        given_back(getattr(library, name)().system, layout)


@pytest.mark.campaign
@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_printed_rules_of_collections_are_judged_right(case: Any) -> None:
    s = tp.parse(case["index_forward"])
    for layout in LAYOUTS:
        given_back(s, layout)


@pytest.mark.parametrize("text", [TEXTS[0], TEXTS[1], TEXTS[5]])
def test_a_rule_in_another_layout_is_right_and_told_so(text: str) -> None:
    """Printed for one convention and judged in the usual one: right, and said for which it is."""
    plain = derivation(tp.parse(text))
    usual = {p.name: p.shown.unicode for p in plain.parts}
    for layout, words in zip(LAYOUTS[:3], ("vectors as rows", "samples as columns", "numerator layout"), strict=True):
        d = derivation(plain.system, **layout)
        told = []
        for part in d.parts:
            if not part.shown.unicode or part.shown.unicode == usual[part.name]:
                continue
            assert part.shown.whole is not None
            found = judge(part.shown.whole.unicode, d.system, d.rules, plain.convention).judgement
            assert found.right, (part.shown.unicode, str(found))
            told.append(str(found))
        assert not told or any(words in t for t in told), told


@pytest.mark.parametrize(
    "text, attempt, words",
    [
        (TEXTS[2], "δV_b = P_b δO_b", "P"),
        (TEXTS[2], "δP_b = 2 δO_b V_bᵀ", "The whole is 2 times what it should be"),
        (TEXTS[4], "δa_i = -bᵀ T_i δz", "The sign is wrong"),
        (TEXTS[0], "δW = np.einsum('bi,bj->ij', a, h)", "δW_ij = Σ_b a_bi h_bj"),
        (TEXTS[2], "δV = np.einsum('bqk,bqe->bke', S, δO)", "S_bqk stands where P_bqk belongs"),
    ],
)
def test_a_wrong_one_is_diagnosed(text: str, attempt: str, words: str) -> None:
    found = tp.explain(text, attempt=attempt).verdict
    assert found is not None and not found.right and words in str(found), str(found)


@pytest.mark.parametrize(
    "attempt", ["δS = -Sᵀ⁻¹ r rᵀ Sᵀ⁻¹", "δS = -S⁻ᵀ r rᵀ S⁻ᵀ", r"\delta S = -S^{-\top} r r^\top S^{-\top}"]
)
def test_an_inverse_of_a_transpose_is_read(attempt: str) -> None:
    found = tp.explain("e = r_i inv(S)_ij r_j", attempt=attempt).verdict
    assert found is not None and found.right, str(found)


@pytest.mark.parametrize("between", ["\n", "; ", r", \quad ", r" \\ "])
def test_of_several_formulas_every_one_is_judged(between: str) -> None:
    """A right line does not cover the wrong one beside it."""
    text = "z_b = x_bi w_i; s_b = σ(z_b); L = -t_b log(s_b) - (1 - t_b) log(1 - s_b)"
    first, right, wrong = r"\delta z = s - t", r"\delta w = x^\top \delta z", r"\delta w = x^\top (\delta z + t)"
    whole = tp.explain(text, attempt=first + between + right).verdict
    assert whole is not None and whole.right
    verdict = tp.explain(text, attempt=first + between + wrong).verdict
    assert verdict is not None and not verdict.right and "δw_i" in str(verdict)


def test_every_wrong_line_of_an_attempt_is_quoted() -> None:
    found = tp.explain("z_i = A_ij x_j; y_i = σ(z_i)", attempt="δz = δy ⊙ y\nδx = Aᵀ δz\nδA = x δzᵀ")
    assert found.verdict is not None and [one.right for one in found.verdict.each] == [False, True, False]
    told = str(found.verdict)
    assert "δz = δy ⊙ y\n" in told and "δA = x δzᵀ\n" in told and "δx" not in told
    assert all(f"The attempt: {one}" in str(found) for one in ("δz = δy ⊙ y", "δx = Aᵀ δz", "δA = x δzᵀ"))
    assert [one["right"] for one in found.as_dict()["attempt"]["lines"]] == [False, True, False]


@pytest.mark.parametrize(
    ("page", "wrt"),
    [("δx_i = h_i^2", "h"), ("y_i = W_ij δx_j δx_i", "δx"), ("δx_bi = W_ij h_bj; z_bi = δx_bi^2 δy_bi", "h")],
)
def test_rules_of_a_page_about_a_delta_are_given_back(page: str, wrt: str) -> None:
    """δδx is the adjoint of δx where the page has a δx of its own; a line with indices is a rule, not a forward one."""
    for part in tp.explain(page, wrt=wrt).parts:
        for form in (str(part.rule), part.shown.unicode, part.shown.latex):
            verdict = tp.explain(page, wrt=wrt, attempt=form).verdict
            assert verdict is not None and verdict.right, (form, str(verdict))
