"""What is printed is read again before it is shown: every line, in Unicode, ASCII and LaTeX, in every option set."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tensorprop as tp
import tensorprop.layers as library
from tensorprop.check.readback import reads
from tensorprop.errors import TensorpropError
from tensorprop.render import dialects
from tensorprop.render.formula import told
from tensorprop.render.layout import Convention
from tensorprop.render.pen import Pen

DATA = Path(__file__).parents[1] / "data"
WRITTEN = [c["written"] for c in json.loads((DATA / "printed_formulas.json").read_text(encoding="utf-8"))["cases"]]
SPECS = json.loads((DATA / "einsum_to_matrix.json").read_text(encoding="utf-8"))["cases"]
WRITTEN += [c["spec"] for c in SPECS if "->" in c["spec"]]  # without an arrow a spec is refused
NAMED = [getattr(library, n) for n in library.__all__]  # fetched on first use
LAYERS = [k for k in NAMED if isinstance(k, type) and k is not tp.Layer and issubclass(k, tp.Layer)]
OPTIONS: list[dict[str, Any]] = [
    dict(zip(("layout", "samples", "derivative", "adjoint", "bold"), chosen, strict=True))
    for chosen in itertools.product(
        ("column", "row"), ("rows", "columns"), ("denominator", "numerator"), ("δz", "∂E/∂z", "z̄"), (False, True)
    )
]


def unread(x: Any, times: list[float], **options: Any) -> list[str]:
    """The lines of a formula that are not read as their equation."""
    out: list[str] = []
    read = set[str]()

    def watched(*line: Any) -> bool:
        start = time.perf_counter()
        found = reads(*line)
        times.append(time.perf_counter() - start)
        if found:
            read.add(line[1].replace(" ", ""))
        else:
            out.append(line[1])
        return found

    shown = replace(tp.formula(x, **options), reads=watched)
    assert shown.unicode and shown.ascii and shown.latex
    return [text for text in out if not _apart(text, read)]


def _apart(text: str, read: set[str]) -> bool:
    """Whether the same line was read once its names stood apart."""
    return text.replace(" ", "") in read


def test_every_printed_line_is_read_again():
    times: list[float] = []
    for written in WRITTEN[::3]:
        assert not unread(written, times), written
    times.sort()
    assert times[len(times) // 2] < 0.005


@pytest.mark.campaign
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(map(str, o.values())))
def test_every_printed_line_is_read_again_in_every_option_set(options):
    times: list[float] = []
    for x in (*WRITTEN, *(kind() for kind in LAYERS)):
        try:
            assert not unread(x, times, **options), x
        except TensorpropError:
            assert not isinstance(x, str)  # a layer with a recurrence has no formula
    assert sorted(times)[len(times) // 2] < 0.005


@pytest.mark.campaign
def test_every_formula_of_a_derivation_is_read_again():
    for kind in LAYERS:
        if kind is library.CrossAttention:
            continue  # one rule has e for two ranges, and says |e|
        try:
            d = tp.explain(kind())
        except TensorpropError:
            continue
        page = (*d.system, *d.rules)
        for f in d.formulas:
            for text, to in ((f.unicode, dialects.UNICODE), (f.latex, dialects.LATEX)):
                assert not text or reads(f.line, text + told(f.line.legend, Pen(to)), d.convention, page), text


def test_letters_that_touch_are_written_apart_where_they_could_be_another_name():
    assert str(tp.formula("y_i = A_ij B_jk x_k; z_i = AB_ij x_j")) == "y = A B x, z = AB x"


def test_a_text_that_says_something_else_is_not_shown():
    found = tp.formula("z_j = a_i W_ij")
    assert str(replace(found, reads=lambda *_: False)) == "z_j = Σ_i a_i W_ij"
    (line,) = found.lines
    assert reads(line, "z = Wᵀa", Convention()) and not reads(line, "z = W a", Convention())


@pytest.mark.parametrize(
    "text, equation",
    [
        ("Q = XW  (rows (b,t), columns (h,d))", "Q_bthd = X_btc W_chd"),
        (r"\delta W = X^{\top} \, \delta Y \quad ((b,t)\ \mathrm{as\ one})", "δW_ij = X_bti δY_btj"),
        ("δW = Σ_b X_bᵀ δY_b", "δW_ij = X_bti δY_btj"),
        ("delta W = sum_b X_b^T delta Y_b", "δW_ij = X_bti δY_btj"),
        ("S_bh = Q_bh K_bhᵀ  (for every b, h)", "S_bhtu = Q_bthd K_buhd"),
        ("Q_bh = x_b W^(q)_{·h·}  (for every b, h)", "Q_bthd = x_btc W^(q)_chd"),
        (r"Q_{bh} = x_b W_{\cdot h\cdot}^{(q)} \quad (\mathrm{for\ every}\ b, h)", "Q_bthd = x_btc W^(q)_chd"),
        ("i_b = σ(z_{b·0·})  (for every b)", "i_btj = σ(z[b, t, 0, j])"),
        ("y = colmean(a)ᵀ  ((x,w) as one, for every b)", "y_bc = mean_xw(a_bxwc)"),
        ("B = A − diag(diag(A))", "B_ij = [i ≠ j] A_ij"),
        ("S = Σ[head] f(Q_head K_head)", "S[q,k] = Σ[head] f(Σ[d] Q[head,q,d] K[head,d,k])"),
        (r"S = \sum_{\mathrm{head}} f(Q_{\mathrm{head}} K_{head})", "S[q,k] = Σ[head] f(Σ[d] Q[head,q,d] K[head,d,k])"),
        ("S_qk = Σ_{head,d} f(Q[head, q, d] K[head, d, k])", "S[q,k] = Σ[head,d] f(Q[head,q,d] K[head,d,k])"),
        ("y = Σ[out] g_out f(W_{out,out})", "y[b] = Σ[out] g[out] f(W[b, out, out])"),
        ("δc = −1/|b|", "δc_b = -1 / dim(b)"),
    ],
)
def test_legends_and_cuts_are_read(text, equation):
    s = tp.parse(equation)
    assert tp.equivalent(tp.parse_formula(text, s), s)
    assert not tp.equivalent(tp.parse_formula(text, s), tp.parse(equation.replace("= ", "= 2 ")))
