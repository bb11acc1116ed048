"""Laws of whole matrices: inverses, determinants, Cholesky factors in proofs, and slips in rules of them."""

from __future__ import annotations

import pytest

import tensorprop as tp

EQUAL = (
    ("Y_ij = inv(A)_ik A_kj", "Y_ij = δ_ij [i < dim(A,0)]"),
    ("y_bi = inv(S_b)_ij S_bjk x_bk", "y_bi = x_bi [i < dim(S,1)]"),
    ("C_ij = A_ik B_kj; Y_ij = inv(C)_ij", "Y_ij = inv(B)_ik inv(A)_kj"),
    ("T_ij = A_ji; Y_ij = inv(T)_ij", "Y_ij = inv(A)_ji"),
    ("M_ij = inv(A)_ij; Y_ij = inv(M)_ij", "Y_ij = A_ij"),
    ("C_ij = 2 A_ij; Y_ij = inv(C)_ij", "Y_ij = 1/2 inv(A)_ij"),
    ("C_ij = A_ij + B_ij; Y_ij = inv(C)_ij", "C_ij = A_ij + B_ij; Y_ij = inv(A)_ij - inv(A)_ik B_kl inv(C)_lj"),
    ("C_ij = A_ik B_kj; y = det(C)", "y = det(A) det(B)"),
    ("T_ij = A_ji; y = logdet(T)", "y = logdet(A)"),
    ("M_ij = inv(A)_ij; y = logdet(M)", "y = -logdet(A)"),
    ("L_ij = cholesky(S)_ij; Y_ij = L_ik L_jk", "Y_ij = 1/2 (S_ij + S_ji)"),
    ("S_ij = L_ik L_jk; y = logdet(S); lower(L)", "y = 2 Σ_i log(abs(L_ii)); lower(L)"),
    (
        "S_ij = L_ik D_kl L_jl; y = logdet(S); lower(L); diagonal(D)",
        "y = 2 Σ_i log(abs(L_ii)) + Σ_i log(abs(D_ii)); lower(L); diagonal(D)",
    ),
    ("S_ij = Q_ik D_kl Q_jl; y = logdet(S); orthogonal(Q); diagonal(D)", "y = Σ_i log(abs(D_ii)); diagonal(D)"),
    (
        "M_bij = 2 S_bik inv(T_b)_kj; y_b = logdet(M_b); spd(S)",
        "y_b = dim(S, 1) log(2) + logdet(S_b) - logdet(T_b); spd(S)",
    ),
    ("y = log(det(S)); spd(S)", "y = logdet(S); spd(S)"),
    ("M_ij = expm(X)_ij; y = logdet(M)", "y = X_ii"),
)


@pytest.mark.parametrize("one, other", EQUAL)
def test_laws_of_matrices_are_proved(one: str, other: str) -> None:
    assert tp.equivalent(one, other) is True


@pytest.mark.parametrize(
    "one, other",
    [
        ("Y_ij = inv(A)_ij", "Y_ij = inv(A)_ji"),
        ("C_ij = A_ik B_kj; Y_ij = inv(C)_ij", "Y_ij = inv(A)_ik inv(B)_kj"),
        ("y = det(A)", "y = -det(A)"),
        ("M_ij = inv(A)_ij; y = logdet(M)", "y = logdet(A)"),
        ("S_ij = L_ik L_jk; y = logdet(S); lower(L)", "y = Σ_i log(abs(L_ii)); lower(L)"),
        ("M_ij = 2 S_ij; y = logdet(M); spd(S)", "y = log(2) + logdet(S); spd(S)"),
    ],
)
def test_what_is_no_law_is_not_proved(one: str, other: str) -> None:
    assert tp.equivalent(one, other) is not True


INV, DET, SOLVE = "Y_ij = inv(A)_ij", "y = det(A)", "y_i = inv(A)_ij b_j"
GAUSS = "E = 1/2 logdet(S) + 1/2 x_i inv(S)_ij x_j"
CHOLESKY = "L_ij = cholesky(S)_ij"
LOWER = "M_ij = inv(L)_ij; P_ij = L_ki δL_kj ([i > j] + 1/2 [i = j]); Q_ij = P_ij + P_ji"

RIGHT = (
    (INV, "δA_ij = -Y_ki δY_kl Y_jl"),
    (INV, "δA_ij = -inv(A)_ki δY_kl inv(A)_jl"),
    (DET, "δA_ij = δy det(A) inv(A)_ji"),
    (SOLVE, "δb_j = inv(A)_ij δy_i; δA_ij = -δb_i y_j"),
    (GAUSS, "a_i = inv(S)_ij x_j; b_i = inv(S)_ji x_j; δS_ij = 1/2 (inv(S)_ji - b_i a_j)"),
    ("C_ij = X_ki X_kj; y = logdet(C)", "δX_ki = 2 δy X_kj inv(C)_ij"),
    (CHOLESKY, f"{LOWER}; δS_ij = 1/2 M_ki Q_kl M_lj"),
)


@pytest.mark.parametrize("forward, rules", RIGHT)
def test_rules_of_matrices_are_proved(forward: str, rules: str) -> None:
    report = tp.check(tp.Layer(forward, rules))
    assert report.ok and all(v.proved for v in report.verdicts if v.written), str(report)


WRONG = (
    (INV, "δA_ij = -Y_ik δY_kl Y_jl", "transposed", "Y is transposed: Y_ik stands where Y_ki belongs"),
    (INV, "δA_ij = Y_ki δY_kl Y_jl", "sign", "the whole should be negated"),
    (INV, "δA_ij = -Y_ki δY_kl A_jl", "tensor", "A_jl stands where Y_jl belongs"),
    (DET, "δA_ij = δy y inv(A)_ij", "transposed", "the whole is transposed: i and j are exchanged in δA"),
    (DET, "δA_ij = δy inv(A)_ji", "missing factor", "the factor y is missing"),
    (SOLVE, "δb_j = inv(A)_ji δy_i", "transposed", "A is transposed: inv(A)_ji stands where inv(A)_ij belongs"),
    (GAUSS, "δS_ij = inv(S)_ji - 1/2 inv(S)_ki x_k x_l inv(S)_jl", "factor", "2 times what it should be"),
    (GAUSS, "δx_i = inv(S)_ij x_j", "transposed", "S is transposed"),
    ("C_ij = X_ki X_kj; y = logdet(C)", "δX_ki = δy X_kj inv(C)_ij", "factor", "a factor 2 is missing"),
    (CHOLESKY, f"{LOWER}; δS_ij = M_ki Q_kl M_lj", "factor", "the factor 2 is one too many"),
    (
        CHOLESKY,
        f"{LOWER.replace('([i > j] + 1/2 [i = j])', '[i ≥ j]')}; δS_ij = 1/2 M_ki Q_kl M_lj",
        "half",
        "the diagonal counts half, which is forgotten: [i ≥ j] stands where ([i > j] + 1/2 δ_ij) belongs",
    ),
)


@pytest.mark.parametrize("forward, rules, kind, words", WRONG)
def test_wrong_rules_of_matrices_are_named(forward: str, rules: str, kind: str, words: str) -> None:
    (finding,) = tp.check(tp.Layer(forward, rules)).findings
    assert finding.diagnosis is not None and finding.diagnosis.proved
    assert finding.diagnosis.kind == kind and words in finding.diagnosis.words, finding.diagnosis.words


@pytest.mark.parametrize(
    "forward, rule",
    [
        ("l = logdet(Q); orthogonal(Q)", "δQ_ij = Q_ij δl"),
        ("l = logdet(Q) + x^2; orthogonal(Q)", "δx = 2 x δl"),
        ("l = det(Q); orthogonal(Q)", "δQ_ij = l Q_ij δl"),
        ("Y_ij = inv(Q)_ij; orthogonal(Q)", "δQ_ij = -Q_ik δY_kl Q_lj"),
    ],
)
def test_what_jax_rounds_without_the_declaration_is_no_mistake(forward: str, rule: str) -> None:
    """JAX works Q⁻ᵀ out where Q is enough: it may differ by what an inverse rounds."""
    report = tp.check(tp.Layer(forward=forward, backward=rule))
    assert report.ok, str(report)


def test_a_wrong_rule_of_an_orthogonal_matrix_is_found() -> None:
    assert not tp.check(tp.Layer(forward="l = logdet(Q); orthogonal(Q)", backward="δQ_ij = Q_ji δl")).ok


@pytest.mark.parametrize("one", ["l = logdet(Q); orthogonal(Q)", "l = log(det(Q)^2); orthogonal(Q)"])
def test_logdet_of_an_orthogonal_matrix_is_zero(one: str) -> None:
    assert tp.equivalent(one, "l = 0") is True
    assert str(tp.simplify(one)).splitlines()[0] in ("l = 0", "l = log(1)")
    assert tp.equivalent("l = logdet(A)", "l = 0") is False
    assert tp.equivalent("l = logdet(A)", "l = log(abs(det(A)))") is True


@pytest.mark.parametrize("text", ["y_k = det(A) a_k", "y_bk = logdet(A_b) a_k", "y_k = inv(A)[0, 1] a_k"])
def test_rows_and_columns_of_a_whole_matrix_have_letters_in_words(text: str) -> None:
    told = tp.explain(text, wrt="A")
    assert "⟨" not in str(told) + told.markdown + told.latex


def test_the_exponential_is_held_to_what_its_squarings_round() -> None:
    """``∂ tr(exp A)/∂A`` by the derived rule, and by the book's, neither called wrong by rounding; wrong ones are."""
    assert tp.check("E = expm(A)_ii").ok
    assert tp.check("E = expm(A)_ii\nδA_ij = expm(A)_ji").ok
    for wrong in ("2 expm(A)_ji", "expm(A)_ij", "expm(A)_jj", "expm(A)_ji + A_ij"):
        report = tp.check(f"E = expm(A)_ii\nδA_ij = {wrong}")
        assert not report.ok and "⟨" not in str(report)


def test_a_rule_that_is_right_for_square_matrices_alone_is_told_so_and_no_slip_is_made_up() -> None:
    report = tp.check("M_ij = B_ik A_kj; E = det(M)\nδA_ij = det(M) inv(A)_ji")
    assert not report.ok
    assert "where sizes differ" in str(report) and "not square" in str(report)
    assert "belongs" not in str(report) and "correct:" not in str(report)


@pytest.mark.parametrize(
    "text, rule",
    [
        ("C_ij = X_ik X_jk; y = logdet(C)", "δX_ij = 2 δy inv(C)_ik X_kj"),
        ("M_ij = [i = j] + X_ki X_kj; y = logdet(M)", "δX_ij = 2 δy X_ik inv(M)_kj"),
    ],
)
def test_a_letter_that_runs_further_elsewhere_is_no_entry_of_a_matrix(text: str, rule: str) -> None:
    assert tp.check(f"{text}; {rule}").proved
    told = str(tp.check(f"{text}; {rule.replace('2 ', '')}"))
    assert "a factor 2 is missing" in told


@pytest.mark.parametrize(
    "text",
    [
        "y = dim(X, 0) logdet(X)",
        "y = eigvalsh(S)[dim(S, 0)-1]; S_ij = S_ji",
        "E = (ν + dim(X, 0) + 1) logdet(X) + V_ij inv(X)_ji; spd(X)",
    ],
)
def test_sizes_of_whole_matrices_are_told_by_letters_that_somebody_wrote(text: str) -> None:
    s = tp.parse(text)
    for shown in (tp.formula(s + tp.adjoint(s)), tp.explain(s)):
        assert "⟨" not in str(shown) and "⟨" not in shown.latex


def test_formula_of_the_factor_of_every_matrix() -> None:
    page = tp.parse("z_bi = cholesky(S_b)_ij x_bj; spd(S)")
    assert str(tp.formula(page)) == "z = cholesky(S) x  (for every b)"
    assert "δx = cholesky(S)ᵀ δz" in str(tp.formula(tp.adjoint(page)))


@pytest.mark.parametrize(
    "text, shown",
    [
        ("C_ij = A_ik X_kj; y = logdet(C)", "∂y/∂X = Aᵀ(AX)⁻ᵀ"),
        ("C_ij = A_ik X_kl B_lj; y = logdet(C)", "∂y/∂X = (B(AXB)⁻¹A)ᵀ"),
        ("C_ij = X_ik A_kl X_jl; y = logdet(C)", "∂y/∂X = (XAXᵀ)⁻ᵀXAᵀ + (XAXᵀ)⁻¹XA"),
    ],
)
def test_formula_of_a_product_that_is_singular_at_some_sizes(text: str, shown: str) -> None:
    """Where A X has more rows than A has columns it has no inverse, and no formula of it can be tried."""
    assert str(tp.formula(tp.derive(text, wrt="X"))) == shown
