"""Indices beyond a matrix's two: carried, taken as one, or added up; a page reads a tensor one way."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorprop as tp
from tensorprop.check.executed import executed
from tensorprop.check.verbs import formula
from tensorprop.core.build import mul, sum_over, tensor
from tensorprop.core.equation import System, equation, system
from tensorprop.core.walk import tensors_of
from tensorprop.errors import AmbiguousNotation, TensorpropError
from tensorprop.render.matrices.treatments import looks
from tensorprop.run.reference import evaluate
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
        ("carry", "tr(A_iᵀ B_j)  (for every i, j)"),
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


@pytest.mark.parametrize(
    "equation, expected",
    [
        ("D_ij = d_i [i = j]", "D = diag(d)"),
        ("H_ij = X_ni (1 - s_n) s_n X_nj", "H = Xᵀ diag(s ⊙ (1 − s)) X"),
        ("J_ij = p_i (δ_ij - p_j)", "J = diag(p) − ppᵀ"),
        ("Y_ik = d_i d_j A_ij X_jl W_lk", "Y = diag(d) A diag(d) XW"),
        ("C_ij = (X_ni - m_i) (X_nj - m_j) / c", "C = (X − 1mᵀ)ᵀ(X − 1mᵀ)/c"),
        ("g_i = exp(logsoftmax_i(z_i)) - t_i", "g = softmax(z) − t"),
        ("g_i = δy_bi n_bi", "g = (δy ⊙ n)ᵀ1"),
        ("L_tu = [t ≥ u] A_tu", "L = tril(A)"),
        ("L_tu = [t > u] A_tu", "L = tril(A, −1)"),
        ("U_tu = [t ≤ u] A_tu", "U = triu(A)"),
        ("B_ij = [i ≠ j] A_ij", "B = A − diag(diag(A))"),
        ("c_t = [t ≥ u] x_u y_t", "c = L x ⊙ y  (L_tu = [t ≥ u])"),
        ("B_ij = A_ij - v_j / n", "B = A − 1vᵀ/n"),
        ("B_ij = A_ij - v_i / n", "B = A − v1ᵀ/n"),
        ("B_ij = A_ij v_j / n - v_j / n", None),
    ],
)
def test_known_lines_come_out(equation, expected):
    found = str(formula(equation))
    assert found == (expected or found)
    assert "1−" not in found
    assert "𝟏−" not in found


@pytest.mark.parametrize("sign", ["-", "+"])
@pytest.mark.parametrize("term", ["v_j / n", "v_i / n", "v_i w_j / n", "(v_i - 1) / n", "2 v_j / n", "v_j / 2"])
@pytest.mark.parametrize("first", ["A_ij", "-A_ij", "A_ij / n", "u_i w_j"])
def test_no_sign_stands_after_a_factor(sign, term, first):
    """A negative quotient as a factor is in parentheses: what is printed is what was computed."""
    for text in (formula(f"B_ij = {first} {sign} {term}").unicode, formula(f"B_ij = {first} {sign} {term}").latex):
        body = text.replace("−", "-").partition("= ")[2].replace(" - ", " ~ ")
        assert not re.search(r"[\w)ᵀ}]-", body.replace("{-", "{").replace("^{-", "^{")), text


@pytest.mark.parametrize(
    "text, expected",
    [
        ("...ij,...jk->...ik", "AB  (for every leading index)"),
        ('np.einsum("ij,jk->ik", X, W)', "XW"),
        ("y = jnp.einsum('bi,ij->bj', x, W)", "xW"),
        ("ij,jk->ik; ij,j->i", "AB\nAx"),
        ("ij,jk->ik\nbqhd,bkhd->bhqk", "AB\nA_bh B_bhᵀ  (for every b, h)"),
        ("b t c, c d -> b t d", "A_b B  (for every b)"),
    ],
)
def test_specs_as_authors_have_them(text, expected):
    assert str(formula(text)) == expected


def test_words_have_two_readings():
    with pytest.raises(AmbiguousNotation) as caught:
        formula("row col, col -> row")
    assert "words=True" in str(caught.value)
    assert str(formula("row col, col -> row", names="A x", words=True)) == "Ax"
    assert formula("row col, col -> row", words=False).kind == "batched"


def test_a_bad_spec_of_several_is_told_by_its_number():
    with pytest.raises(TensorpropError, match="spec 2"):
        formula("ij,jk->ik; ij,j->q")


@pytest.mark.parametrize(
    "equation, options",
    [
        ("d_bc = (p_bc - t_bc) / dim(p, 0)", {"samples": "columns"}),
        ("z_bj = a_bi W_ij + c_j", {"samples": "columns"}),
        ("m_i = (Σ_b x_bi) / dim(x, 0)", {"samples": "columns"}),
    ],
)
def test_sizes_are_those_of_the_arrays_as_the_formula_shows_them(equation, options):
    s = parse(equation)
    rng = np.random.default_rng(0)
    sizes = {"b": 5, "c": 3, "i": 4, "j": 2}
    arrays = {
        t.name: rng.normal(size=[sizes[i] for i in t.letters])
        for eq in s
        for t in tensors_of(eq.value)
        if t.letters is not None
    }
    turned = {n: v.T if v.ndim == 2 and v.shape[0] == 5 else v for n, v in arrays.items()}
    found = formula(equation, **options).numpy.partition(" = ")[2]
    got = eval(found, {"np": np, "__builtins__": {}, **turned})
    want = evaluate(s, arrays)[s.outputs[0]]
    np.testing.assert_allclose(got.T if want.ndim == 2 else got, want, rtol=1e-12)


def test_a_fixed_entry_is_of_the_axis_that_the_layout_shows():
    f = formula("δg_j = W_jl (1 - h[0,l]^2) δh[0,l]", derivative="numerator")
    assert f.numpy == "δg = (δh[:, 0] * (1 - h[0]**2)) @ W.T"  # executed before it is shown


def test_large_numbers_are_powers_of_ten():
    s = parse("m_t = max_u(where([u ≤ t], x_u, -1e30))")
    assert str(formula(s)) == "m = rowmax(where(L, 1xᵀ, −1e30))  (L_tu = [u ≤ t])"
    assert "-10^{30}" in formula(s).latex and "-1e30" in formula(s + tp.adjoint(s)).numpy


def test_no_form_is_no_code():
    assert formula("q_t = p[t, 2 t] c").numpy.startswith("#")


@st.composite
def pages(draw: st.DrawFn) -> System:
    """Equations that share tensors, each a product of two of them."""
    shapes = {n: draw(st.permutations("bhqkd"))[: draw(st.integers(1, 4))] for n in "ABCD"}
    found = []
    for n in range(draw(st.integers(2, 3))):
        value = mul(*(tensor(x, *shapes[x]) for x in draw(st.permutations("ABCD"))[:2]))
        kept = draw(st.permutations(sorted(value.free)))[: draw(st.integers(0, 4))]
        found.append(equation(tensor(f"Y{n}", *kept), sum_over(sorted(value.free - set(kept)), value)))
    return system(found)


@given(pages())
@settings(max_examples=15, deadline=None)
def test_on_any_page_a_tensor_is_read_one_way(s):
    known: dict[str, object] = {}
    for line in formula(s).lines:
        assert line.right is not None or line.why
        for name, look in (looks(line) or {}).items():
            assert known.setdefault(name, look) == look


@pytest.mark.parametrize(
    "spec, expected",
    [("i,ij,j->", "xᵀAy"), ("ij,j->i", "Ax"), ("i,j->ij", "xyᵀ"), ("i,i->", "xᵀy"), ("ij,kj->ik", "ABᵀ"),
     (",i->i", "c x"), ("bi,ij->bj", "AB"), ("i,j,k->ijk", "x ∘ y ∘ z"), ("row col, col -> row", "Ax")],
)  # fmt: skip
def test_vectors_are_small_and_matrices_capital_where_nobody_named_them(spec, expected):
    assert str(formula(spec, words=True if "row" in spec else None)) == expected


def test_names_as_latex_writes_them():
    found = formula("δW_ij = a_bi δz_bj", names={"delta": r"\boldsymbol\delta"})
    assert found.latex == r"\boldsymbol\delta W = a^{\top} \, \boldsymbol\delta z" and str(found) == "δW = aᵀ δz"
    found = formula("δW_ij = a_bi δz_bj", names={"W": r"\mathbf{W}", "a": r"\boldsymbol\alpha"})
    assert found.latex == r"\delta \mathbf{W} = \boldsymbol\alpha^{\top} \, \delta z"
    assert found.unicode == "δW = aᵀ δz"
    for name in (r"\input{x}", r"\mathbf{\input{x}}", r"\def", r"\mathbf{W}x"):
        with pytest.raises(TensorpropError):
            formula("y_i = x_i", names={"x": name})


@pytest.mark.parametrize(
    "call, expected",
    [
        ('np.einsum("ij,jk", A, B)', "AB"),  # a call says whose convention is meant
        ('Y = jnp.einsum("ba,bc", x, W)', "xᵀW"),
        ('np.einsum("ji", A)', "Aᵀ"),
        ('np.einsum("ii", A)', "tr(A)"),
        ('np.einsum("...i,...i", a, b)', "aᵀb  (for every leading index)"),
        ('torch.einsum("...,...", a, b)', "a b  (for every leading index)"),
        ("opt_einsum.contract('ij,jk->ik', A, B)", "AB"),
        ('np.einsum("ij,jk->ik", A, B.T)', "ABᵀ"),
        ('np.einsum("...ij,...jk->...ik", a.mT, B)', "aᵀB  (for every leading index)"),
        ('np.einsum("ij,jk->ik", self.W, x_in)', "W xin"),
        ('einsum(q, k, "b q dim, b k dim -> b q k")', "q_b k_bᵀ  (for every b)"),  # einops: each word an index
        ('einsum(x, w, "... c, c d -> ... d")', "wᵀx  (for every leading index)"),
        ("C = np.einsum(A, [0, 1], B.T, [1, 2], [0, 2])", "ABᵀ"),
        ("np.einsum(A, [0, 0])", "tr(A)"),
    ],
)
def test_calls_are_pasted_as_they_stand(call, expected):
    assert str(formula(call)) == expected


@pytest.mark.parametrize(
    "spec, numpy, torch, einsum",
    [
        ("...ij,...jk->...ik", "A @ B", "A @ B", "...ij,...jk->...ik"),
        ("...ij,...j->...i", 'np.einsum("...ij,...j->...i", A, x)', 'torch.einsum("...ij,...j->...i", A, x)', ""),
        ("...i,ij->...j", "x @ A", "x @ A", "...i,ij->...j"),
        ("...ij->...ji", "A.mT", "A.mT", "...ij->...ji"),
        ("...ii->...i", "np.diagonal(A, axis1=-2, axis2=-1)", "torch.diagonal(A, dim1=-2, dim2=-1)", ""),
        (
            "i...,i...->...",
            'np.einsum("i...,i...->...", x, y)',
            'torch.einsum("i...,i...->...", x, y)',
            "i...,i...->...",
        ),
    ],
)
def test_code_serves_the_axes_of_an_ellipsis(spec, numpy, torch, einsum):
    """It is run with one axis in front, and with two."""
    f = formula(spec)
    assert (f.numpy, f.torch) == (numpy, torch)
    assert f.einsum.startswith(f'Y = np.einsum("{einsum or spec}"')
    assert "for n in range(" in f.loop


@pytest.mark.parametrize(
    "text, words",
    [
        ("...ij, ...j", r'"\.\.\.ij, \.\.\.j->\.\.\.i", or ".*->" to sum everything'),  # both readings, dots and all
        ("...", "arrow is missing"),
        ('np.einsum("ij,jk->ik", A, B) / 2', "more than one call"),
        ('np.einsum("...,i->i", a.T, b)', "does not name"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text, words):
    with pytest.raises(TensorpropError, match=words):
        formula(text)


@pytest.mark.parametrize(
    "page, expected",
    [
        ("c_t = Σ_u [u ≤ t] x_u", "c = L x  (L_tu = [u ≤ t])"),
        ("c_u = Σ_t [u ≤ t] x_t", "c = Lᵀ x  (L_tu = [u ≤ t])"),
        ("c_t = Σ_u [u < t] x_u", "c = L x  (L_tu = [u < t])"),
        ("c_btd = Σ_u [u ≤ t] x_bud", "c = L x  (L_tu = [u ≤ t], for every b)"),
        ("L = Σ_u [u ≤ t] x_u y_t", "L = yᵀ M x  (M_tu = [u ≤ t])"),  # a name that is free
        ("c_t = [t ≥ u] x_u; d_u = [t ≥ u] c_t", "c = L x, d = Lᵀ c  (L_tu = [t ≥ u])"),
        ("o_td = Σ_u [u ≤ t] A_tu x_ud", "o = tril(A) x"),  # a mask around a matrix
        (
            "P_tu = [u ≤ t] exp(S_tu) / Σ_v [v ≤ t] exp(S_tv)",
            "P = softmax(S + M)  (M_tu = 0 where u ≤ t, −∞ elsewhere)",
        ),
    ],
)
def test_sums_of_what_came_before(page, expected):
    found = formula(page)
    assert str(found) == expected
    for text in (found.unicode, found.ascii, found.latex, found.typst):
        assert "um" not in text.replace("sum(", ""), text  # read again in every dialect: no index notation


@pytest.mark.parametrize(
    "text, expected",
    [
        ("c = L x  (L_tu = [u ≤ t])", "c_i = [j ≤ i] x_j"),
        (r"c = L x \quad (L_{tu} = [u \leq t])", "c_i = [j ≤ i] x_j"),
        ("c = Mᵀ x  (M_tu = [u < t])", "c_j = [j < i] x_i"),
    ],
)
def test_a_matrix_of_ones_is_read_as_its_definition(text, expected):
    assert str(tp.parse_formula(text)) == expected


@pytest.mark.parametrize(
    "page, expected",
    [
        ("P_tu = softmax_u(S_tu + log([u ≤ t]))", "P = softmax(S + M)  (M_tu = 0 where u ≤ t, −∞ elsewhere)"),
        (
            "P_htu = exp(S_htu) [t ≥ u] / Σ_v exp(S_htv) [t ≥ v]",
            "P = softmax(S + M)  (M_tu = 0 where t ≥ u, −∞ elsewhere, for every h)",
        ),
        (
            "P_tu = softmax_u(S_tu + M_tu + log([u < t]))",
            "P = softmax(S + M + N)  (N_tu = 0 where u < t, −∞ elsewhere)",
        ),
        ("P_tu = softmax_u(S_tu + M_tu)", "P = softmax(S + M)"),
    ],
)
def test_what_a_softmax_leaves_out_is_a_matrix_with_a_name(page, expected):
    found = formula(page)
    assert str(found) == expected
    assert "softmax" in found.latex and "softmax" in found.typst and "softmax(S + M" in found.ascii
    assert "#" not in found.numpy + found.torch
    assert tp.equivalent(tp.parse_formula(expected, like=page), page) is not False


def test_a_matrix_of_ones_with_the_name_of_a_tensor_is_refused():
    with pytest.raises(AmbiguousNotation, match="L is a tensor"):
        tp.parse_formula("c = L x  (L_tu = [u ≤ t])", like="c_t = L_tu x_u")


@pytest.mark.parametrize(
    "page, expected",
    [
        ("y_x = a[x+u] k_u", "y = a ⋆ k"),
        ("y_x = Σ_u a[x-u] k_u; outside(a) = 0", "y = a * k  (a = 0 outside)"),
        ("y_xz = a[x+u, z+v] K_uv", "y = a ⋆ K"),
        ("y[b,m,n,o] = a[b,m+u,n+v,c] K[u,v,c,o]", "y_bo = Σ_c a_bc ⋆ K_co  (for every b, o)"),
        ("y[b,o,x,y,z] = a[b,c,x+u,y+v,z+w] K[o,c,u,v,w]", "y_bo = Σ_c a_bc ⋆ K_oc  (for every b, o)"),
        (
            "d_bxyc = a[b,x+u,y+v,c] D_uvc; y_bxyo = d_bxyc P_co",
            "d_bc = a_bc ⋆ D_c  (for every b, c)\ny_bo = Σ_c P_co d_bc  (for every b, o)",
        ),
        ("y[x,y,z] = a[x+u,y+v,z+w,c] K[u,v,w,c]", "y = Σ_c a_c ⋆ K_c"),
        ("y_bxyo = (a[b,x+u,y+v,c] D_uvc) P_co", "y_bo = Σ_c P_co (a_bc ⋆ D_c)  (for every b, o)"),
        ("y_box = a[b, c, x+u] K_ocu", "y_bo = Σ_c a_bc ⋆ K_oc  (for every b, o)"),
        ("h_bx = a[b, x+u] k_u; z_bx = relu(h_bx)", "h_b = a_b ⋆ k, z = relu(h)  (for every b)"),
    ],
)
def test_convolutions(page, expected):
    found = formula(page)
    assert str(found) == expected
    for text in (found.ascii, found.latex, found.typst):
        assert "[x" not in text
        assert "x + u" not in text


def test_the_gradient_of_one_convolution_is_the_other():
    s = parse("y_x = a[x+u] k_u")
    found = str(formula(s + tp.adjoint(s)))
    assert found.split("\n") == ["y = a ⋆ k", "δa = δy * k  (δy = 0 outside)", "δk = a ⋆ δy"]


@pytest.mark.parametrize("page, code", [
    ("y_x = a[x+u] k_u", 'y = np.correlate(a, k, "valid")'),
    ("y_bx = a[b, x+u] k_u",
     'y = np.einsum("bxu,u->bx", a[:, np.arange(a.shape[1] - k.shape[0] + 1)[:, None] + np.arange(k.shape[0])], k)'),
])  # fmt: skip
def test_the_code_of_a_convolution(page, code):
    assert formula(page).numpy == code


@pytest.mark.parametrize(
    "page, expected",
    [
        ("y_x = a[x+u] k_u + b", "y = a ⋆ k + b 1"),
        ("y_x = relu(2 a[x+u] k_u + b)", "y = relu(2 (a ⋆ k) + b 1)"),
        ("y_x = c_x a[x+u] k_u", "y = c ⊙ (a ⋆ k)"),
        ("E = a[x+u] k_u t_x", "E = tᵀ (a ⋆ k)"),
        ("y[b,x,o] = relu(a[b,x+u,c] K[o,c,u] + b_o)", "y_bo = relu((Σ_c a_bc ⋆ K_oc) + b_o 1)  (for every b, o)"),
        ("y_x = a[2x+u] k_u", "y = a ⋆₂ k"),
        ("y_xz = a[2x+u, z+3v] K_uv", "y = a ⋆_{2,1}^{1,3} K"),
        ("y_x = a[x+2u] k_u", "y = a ⋆² k"),
        ("y[x,y,z] = a[x+u, y+v, z+w] k[u,v,w]", "y = a ⋆ k"),
        ("y_w = [w = x+u] a_x k_u; dim(w) = dim(a, 0) + dim(k, 0) - 1", "y = a * k  (a = 0 outside)"),
    ],
)
def test_convolutions_within_an_equation_and_by_larger_steps(page, expected):
    found = formula(page)
    assert str(found) == expected
    for text in (found.ascii, found.latex, found.typst):
        assert not re.search(r"x *[+=]", text)
    assert "#" not in found.numpy + found.torch + found.einsum


def test_the_gradient_of_a_convolution_with_a_stride_has_a_dilation():
    s = parse("y_bxo = a[b, 2x+u, c] K_ocu + c_o")
    found = formula(tp.adjoint(s, wrt="a K c"))
    assert str(found).split("\n") == [
        "δa_bc = Σ_o K_oc *² δy_bo  (K = 0 outside, for every b, c)",
        "δK_oc = Σ_b a_bc ⋆² δy_bo  (for every c, o)",
        "δc_o = Σ_b 1ᵀ δy_bo  (for every o)",
    ]
    assert "(a *² k)_x = Σ_u a[x − 2u] k_u" in found.convention
    assert "np.pad(K" in found.numpy
    assert "#" not in found.numpy + found.torch


def test_windows_that_leave_the_array_are_padded_in_code():
    found = formula("y_x = a[x+u-1] k_u; outside(a) = 0; dim(x) = dim(a, 0)")
    assert str(found) == "y = a ⋆ k  (padding 1, a = 0 outside)"
    assert found.numpy == (
        'y = np.einsum("xu,u->x", '
        "np.pad(a, (1, k.shape[0] - 2))[np.arange(a.shape[0])[:, None] + np.arange(k.shape[0])], k)"
    )
    assert found.torch.count("torch.nn.functional.pad(a, (1, k.shape[0] - 2))") == 1


@pytest.mark.parametrize(
    "page, expected",
    [
        (
            "y_x = a[x+u-1] k_u; outside(a) = 0",
            ["y = a ⋆ k  (padding 1, a = 0 outside)", "δa = δy * k  (offset 1, δy = 0 outside)",
             "δk = a ⋆ δy  (padding 1, a = 0 outside)"],
        ),
        (
            "y_xz = a[x+u-1, z+v-2] K_uv; outside(a) = 0",
            ["y = a ⋆ K  (padding (1, 2), a = 0 outside)", "δa = δy * K  (offset (1, 2), δy = 0 outside)",
             "δK = a ⋆ δy  (padding (1, 2), a = 0 outside)"],
        ),
        (
            "y_x = a[2x+u-1] k_u; outside(a) = 0",
            ["y = a ⋆₂ k  (padding 1, a = 0 outside)", "δa = k *² δy  (offset 1, k = 0 outside)",
             "δk = a ⋆² δy  (padding 1, a = 0 outside)"],
        ),
        (
            "Y_nox = A[n, c, x+u-1] K_ocu; outside(A) = 0",
            ["Y_no = Σ_c A_nc ⋆ K_oc  (padding 1, A = 0 outside, for every n, o)",
             "δA_nc = Σ_o δY_no * K_oc  (offset 1, δY = 0 outside, for every c, n)",
             "δK_oc = Σ_n A_nc ⋆ δY_no  (padding 1, A = 0 outside, for every c, o)"],
        ),
        (
            "Y[x,y,z] = A[x+u-1, y+v-1, z+w-1] K_uvw; outside(A) = 0",
            ["Y = A ⋆ K  (padding 1, A = 0 outside)", "δA = δY * K  (offset 1, δY = 0 outside)",
             "δK = A ⋆ δY  (padding 1, A = 0 outside)"],
        ),
    ],
)  # fmt: skip
def test_padding_is_told_beside_a_convolution_and_its_gradients(page, expected):
    s = parse(page)
    found = formula(s), formula(tp.adjoint(s))
    assert [line for f in found for line in str(f).split("\n")] == expected
    assert "padding p: p zeros stand before a" in found[0].convention
    for text in (found[0].ascii, found[0].latex, found[0].typst):  # read again, or it were index notation
        assert not re.search(r"[xz] *[+=]", text)


def test_the_windows_of_a_line_have_one_padding():
    found = formula("y_x = a[x+u-1] k_u + c[x+u] h_u; outside(a) = 0; outside(c) = 0")
    assert (found.kind, found.why) == ("index", "a[x + u - 1] and c[x + u] have different offsets")
    assert formula("y_x = a[x+u-1] k_u").kind == "index"  # nobody knows what stands before a


@pytest.mark.parametrize(
    "text, like, expected",
    [
        ("y = a ⋆ k  (padding 1, a = 0 outside)", None, "y_i = a[i+j-1] k_j"),
        ("y = a * k  (offset 1, a = 0 outside)", None, "y_i = a[i-j+1] k_j"),
        (r"Y = A \star K \quad (\mathrm{padding\ (1, 2)})", None, "Y_ik = A[i+j-1, k+l-2] K_jl"),
        ("y = a ⋆ k", None, "y_i = a[i+j] k_j"),
        (r"y = a \star k", "y_x = a[x+u] k_u", "y_x = a[x+u] k_u"),
        ("y = a * k", "y_x = a[x+u] k_u", "y_x = a[x-u] k_u"),  # they are not equally long: no ⊙
        ("y = a * k", None, "y_i = a_i k_i"),
        ("y = a ⋆₂ k + b 1", "y_x = a[2x+u] k_u + b", "y_x = a[2x+u] k_u + b"),
        (r"y = a \star_{2} k", None, "y_i = a[2i+j] k_j"),
        ("Y = A ⋆_{2,1}^{3} K", None, "Y_ik = A[2i+3j, k+3l] K_jl"),
        ("y = a *² k", None, "y_i = a[i-2j] k_j"),
        ("y = a ⋆ k", "y_abc = a[a+u, b+v, c+w] k_uvw", "y_abc = a[a+u, b+v, c+w] k_uvw"),
    ],
)
def test_convolutions_are_read(text, like, expected):
    assert str(tp.parse_formula(text, like=like)) == expected


def test_projected_heads_are_read_one_way_on_the_whole_page():
    """Where projections alone would be read with joined axes, attention between them asks for b and h to be carried."""
    s = tp.parse(
        "Q_bthd = X_bti A_ihd; K_bthd = X_bti B_ihd; V_bthd = X_bti C_ihd; S_bhtu = Q_bthd K_buhd / sqrt(dim(Q, 3))\n"
        "P_bhtu = softmax_u(S_bhtu); O_bthd = P_bhtu V_buhd; Y_bti = O_bthd D_hdi"
    )
    every = "  (for every b, h)"
    shown = str(tp.formula(s + tp.adjoint(s))).split("\n")
    assert {
        f"Q_bh = X_b A_h{every}", f"S = QKᵀ/√|d|{every}", f"P = softmax(S){every}", f"O = PV{every}",
        "Y_b = Σ_h O_bh D_h  (for every b)", f"δO_bh = δY_b D_hᵀ{every}", f"δP = δO Vᵀ{every}", f"δV = Pᵀ δO{every}",
        f"δS = P ⊙ (δP − (P ⊙ δP)11ᵀ){every}", f"δQ = δS K/√|d|{every}", f"δK = δSᵀ Q/√|d|{every}",
        "δA_h = Σ_b X_bᵀ δQ_bh  (for every h)", "δD_h = Σ_b O_bhᵀ δY_b  (for every h)",
    } <= {*shown}  # fmt: skip
    mixture = tp.parse("l_nk = w_k - 1/2 Σ_d ((x_nd - m_kd)^2 / v_kd + log(v_kd)); L = -mean_n(logsumexp_k(l_nk))")
    assert "L = −Σ_n logsumexp(l_n)/|n|" in str(tp.formula(mixture + tp.adjoint(mixture)))


@pytest.mark.parametrize("spec", ["i...,i...->...", "ij...,j...->i...", "ij...,j...->ij...", "...ij,...jk->...ik"])
def test_code_of_an_ellipsis_serves_an_operand_that_has_none_of_its_axes(spec):
    f = formula(spec)
    first, second, *_ = re.findall(r"[a-zA-Z.]+", spec)
    sizes = dict(zip("ijk", (2, 3, 4), strict=True))
    for many, few in (((5, 6), ()), ((), (5, 6)), ((5, 6), (6,))):
        draw = np.random.default_rng(0)

        def array(part, more, draw=draw):
            inner = [sizes[i] for i in part.replace(".", "")]
            return draw.normal(size=(*more, *inner) if part.startswith(".") else (*inner, *more))

        arrays = array(first, many), array(second, few)
        names = re.findall(r"\b[A-Zxy]\b", f.numpy)
        arrays_of = dict(zip(dict.fromkeys(names), arrays, strict=True))
        got = executed(f"Y = {f.numpy}", arrays_of)["Y"]
        np.testing.assert_allclose(got, np.einsum(spec, *arrays), rtol=1e-12)


def test_a_mixture_of_experts_has_formulas_forward_and_backward():
    """In δx the letter of the gates' softmax is bound in one term, and is another index in the other."""
    s = tp.parse("g_te = softmax_e(x_td G_de); h_tef = relu(x_td U_edf); y_td = g_te h_tef V_efd; E = y_td t_td")
    f = tp.formula(s + tp.adjoint(s, wrt=("x", "U", "V", "G")))
    assert f.kind == "batched" and {
        "y = Σ_f (g ⊙ h_f) V_f",
        "δx = (Σ_f ([x U_fᵀ > 0] ⊙ δh_f) U_f) + (g ⊙ (δg − (g ⊙ δg)11ᵀ))Gᵀ",
        "δV_f = (g ⊙ h_f)ᵀ δy  (for every f)",
    } <= {*str(f).split("\n")}


def test_heads_of_a_group_are_carried_and_not_time():
    page = formula("S_bghtu = Q_btghd K_bugd / sqrt(dim(d)); P_bghtu = softmax_u(S_bghtu); O_btghd = P_bghtu V_bugd")
    assert str(page) == "S_bgh = Q_bgh K_bgᵀ/√|d|, P = softmax(S), O_bgh = P_bgh V_bg  (for every b, g, h)"


def test_a_loss_of_labels_in_one_line_leaves_its_page_in_matrices():
    page = "h_bj = tanh(x_bi W_ij + c_j); z_bk = h_bj V_jk + d_k; E = -mean_b(logsoftmax_k(z_bk)[y_b])"
    f = tp.formula(page)
    assert str(f) == "h = tanh(xW + 1cᵀ), z = hV + 1dᵀ, E = −Σ_b logsoftmax(z_b)[y_b]/|b|"
    assert "E = -np.mean(" in f.numpy
