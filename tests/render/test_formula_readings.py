"""Indices beyond a matrix's two: carried, taken as one, or added up; a page reads a tensor one way."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.check.verbs import formula
from tensorprop.render.matrices.readings import looks
from tensorprop.text import parse


@pytest.mark.parametrize(
    "spec, names, expected",
    [
        ("bqhd,bkhd->bhqk", "Q K", "Q_bh K_bhᵀ  (for every b, h)"),
        ("bhqk,bkhd->bqhd", "P V", "P_bh V_bh  (for every b, h)"),
        ("btc,chk->bthk", "X W", "XW  (rows (b,t), columns (h,k))"),
        ("bthk,hkc->btc", "X W", "XW  (rows (b,t), (h,k) as one)"),
        ("bti,btj->ij", "X Y", "XᵀY  ((b,t) as one)"),
        ("ncxk,ock->nox", "X W", "W X_n  ((c,k) as one, for every n)"),
        ("bij,bij->bi", "A B", "(A_b ⊙ B_b)1  (for every b)"),
        ("ijk,jl->ilk", "T A", "T ×₂ Aᵀ"),
        ("bti,oi->bto", "X W", "X_b Wᵀ  (for every b)"),
        ("bct,oc->bot", "X W", "W X_b  (for every b)"),
        ("bthi,ij->bthj", "X W", "XW  (rows (b,t,h))"),
        ("i,j,k->ijk", "a b c", "a ∘ b ∘ c"),
        ("ijk,ijk->", "A B", "⟨A, B⟩"),
        ("ijk,il,jm,kn->lmn", "T A B C", "T ×₁ Aᵀ ×₂ Bᵀ ×₃ Cᵀ"),
        ("ijkl,klm->ijm", "A B", "AB  (rows (i,j), (k,l) as one)"),
        ("bhtd,bhsd,bhsv->bhtv", "Q K V", "Q_bh K_bhᵀ V_bh  (for every b, h)"),
    ],
)
def test_what_a_paper_prints(spec, names, expected):
    assert str(formula(spec, names=names)) == expected


@pytest.mark.parametrize(
    "style, expected",
    [
        ("carry", "tr(A_{··i}ᵀ B_{··j})  (for every i, j)"),
        ("join", "AᵀB  ((b,t) as one)"),
        ("sum", "Σ_b A_bᵀ B_b"),
        (None, "AᵀB  ((b,t) as one)"),
    ],
)
def test_the_style_can_be_chosen(style, expected):
    assert str(formula("bti,btj->ij", style=style)) == expected


ATTENTION = "S_{s} = Q_{q} K_{k} / sqrt(c); P_{s} = softmax_k(S_{s}); O_{q} = P_{s} V_{k}; E = O_{q} G_{q}"


@pytest.mark.parametrize("s, q, k", [("bhqk", "bqhd", "bkhd"), ("bhqk", "bhqd", "bhkd"), ("hbqk", "hqbd", "hkbd")])
def test_attention_reads_alike_in_every_layout(s, q, k):
    page = parse(ATTENTION.replace("{s}", s).replace("{q}", q).replace("{k}", k))
    rules = tp.adjoint(page, wrt=("Q", "K", "V"))
    found = str(formula(page.only(["P", "O"]))).split("  (for")[0]
    assert found == "S = QKᵀ/√c, P = softmax(S), O = PV"
    assert str(formula(rules)).split("\n") == [
        "δO = G",
        "δP = δO Vᵀ",
        "δS = P ⊙ (δP − (P ⊙ δP)11ᵀ)",
        "δQ = δS K/√c",
        "δK = δSᵀ Q/√c",
        "δV = Pᵀ δO",
        "(for every b, h)",
    ]


@pytest.mark.parametrize(
    "page, expected",
    [
        (
            "z_btj = x_bti W_ij + c_j; h_btj = tanh(z_btj); dW_ij = x_bti dz_btj; dx_bti = W_ij dz_btj",
            "z = xW + 1cᵀ, h = tanh(z), dW = xᵀ dz, dx = dz Wᵀ  ((b,t) as one)",
        ),
        ("q_bthk = x_btc W_chk; y_btc = q_bthk V_hkc", "q = xW, y = qV  ((b,t) as one, (h,k) as one)"),
    ],
)
def test_a_page_is_read_as_a_whole(page, expected):
    assert str(formula(page)) == expected


@pytest.mark.parametrize("page", [ATTENTION.replace("{s}", "bhqk").replace("{q}", "bqhd").replace("{k}", "bkhd")])
def test_a_tensor_is_read_one_way_on_a_page(page):
    s = parse(page)
    known: dict[str, object] = {}
    for line in formula(s + tp.adjoint(s, wrt=("Q", "K", "V"))).lines:
        for name, look in (looks(line) or {}).items():
            assert known.setdefault(name, look) == look
