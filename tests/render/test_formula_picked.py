"""Entries at places that a tensor of whole numbers names: ``E[tok]``, ``logp_b[y_b]``, ``onehot(tok)``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.readback import reads
from tensorprop.render.layout import Convention

PRINTED = [
    ("e_btd = E[tok_bt, d]", "e = E[tok]"),
    ("e_td = E[tok_t, d]", "e = E[tok]"),
    ("l_b = logp[b, y_b]", "l_b = logp_b[y_b]  (for every b)"),
    ("l = Σ_b -logp[b, y_b]", "l = Σ_b −logp_b[y_b]"),
    ("y_i = p[i, π_i]", "y_i = p_i[π_i]  (for every i)"),
    ("y_bto = E[tok_bt, d] W_do", "y_b = E[tok_b] W  (for every b)"),
    ("w_bd = E[tok_b, d] x_bd", "w = E[tok] ⊙ x"),
    ("s_bt = E[u_b, d] F[v_t, d]", "s = E[u] F[v]ᵀ"),
    ("δE_vd = [tok_bt = v] δe_btd", "δE = onehot(tok)ᵀ δe  ((b,t) as one)"),
    ("δz_bc = p_bc - [c = y_b]", "δz = p − onehot(y)"),
    ("p_c = [c = k] x_c", "p = onehot(k) ⊙ x"),
    ("h_nd = [dst_e = n] x_ed", "h = onehot(dst)ᵀ x"),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"layout": "row", "samples": "columns"},
    {"derivative": "numerator", "adjoint": "∂E/∂z"},
    {"samples": "columns", "derivative": "numerator", "adjoint": "z̄", "bold": True},
]


@pytest.mark.parametrize("text, shown", PRINTED)
def test_what_is_picked_is_printed(text: str, shown: str) -> None:
    assert str(tp.formula(text)) == shown


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(map(str, o.values())))
def test_every_line_is_read_again_and_its_code_runs(options: dict[str, Any]) -> None:
    for text, _ in PRINTED:
        unread: list[str] = []

        def watched(*line: Any, unread: list[str] = unread) -> bool:
            found = reads(*line)
            unread.extend([] if found else [line[1]])
            return found

        shown = replace(tp.formula(text, **options), reads=watched)
        assert shown.unicode and shown.ascii and shown.latex and not unread
        for code in (shown.numpy, shown.jax, shown.torch, shown.loop):  # executed before it is given
            assert code.startswith("#") == text.startswith("h_nd")  # nothing tells how far n runs


def test_latex_and_code() -> None:
    found = tp.formula("l_b = logp[b, y_b]")
    assert found.latex == r"l_{b} = \mathrm{logp}_{b}[y_{b}] \quad (\mathrm{for\ every}\ b)"
    assert found.numpy == "l = logp[np.arange(logp.shape[0]), y]"
    adjoint = tp.formula("δE_vd = [tok_bt = v] δe_btd")
    assert r"\operatorname{onehot}(\mathrm{tok})^{\top}" in adjoint.latex
    assert "onehot(tok) has a 1 where tok says" in adjoint.convention


def test_rows_are_added_up_as_a_loop_does() -> None:
    rng = np.random.default_rng(5)
    tok, owed = rng.integers(0, 4, size=(2, 3)), rng.normal(size=(2, 3, 5))
    want = np.zeros((4, 5))
    for b in range(2):
        for t in range(3):
            want[tok[b, t]] += owed[b, t]
    space: dict[str, Any] = {"tok": tok, "δe": owed, "E": np.zeros((4, 5))}
    exec(tp.formula("δE_vd = [tok_bt = v] δe_btd").numpy, {"np": np}, space)
    np.testing.assert_allclose(space["δE"], want, rtol=1e-12)
    space = {"E": want, "tok": tok}
    exec(tp.formula("e_btd = E[tok_bt, d]").numpy, {"np": np}, space)
    assert all((space["e"][b, t] == want[tok[b, t]]).all() for b in range(2) for t in range(3))


@pytest.mark.parametrize("wrong", ["e = E[E]", "e = tok[E]", "e = Eᵀ[tok]", "e = onehot(tok) Eᵀ", "e = E[tok]ᵀ"])
def test_something_else_is_not_read_as_the_equation(wrong: str) -> None:
    (line,) = tp.formula("e_td = E[tok_t, d]").lines
    assert not reads(line, wrong, Convention())
    assert reads(line, "e = E[tok]", Convention())


def test_formulas_with_places_are_read_as_equations() -> None:
    like = "e_td = E[tok_t, d]; δE_vd = [tok_t = v] δe_td"
    assert str(tp.parse_formula("e = E[tok]", like=like)) == "e_td = E[tok_t, d]"
    assert str(tp.parse_formula("δE = onehot(tok)ᵀ δe", like=like)) == "δE_vd = [tok_t = v] δe_td"


def test_what_picks_elsewhere_is_said_in_indices() -> None:
    assert tp.formula("z_dt = X[d, tok_t] Y_dt + X[tok_t, tok_t]").kind == "index"
