"""One judge: an attempt in `explain`, a formula in `check` and a rule in index notation are told the same."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.check.report import typeset
from tests.render.test_reading import LAYOUTS, PAGES, rules

TANH = "h_j = tanh(z_j)"
LOSS = "E = 1/2 (h_j - y_j)^2"
BATCH = "z_bj = a_bi W_ij + b_j"
ALONE = "z_j = a_i W_ij + b_j"


@pytest.mark.parametrize(
    "page, attempt, rule, words",
    [
        (TANH, "δz = (1 + h²) ⊙ δh", "δz_j = (1 + h_j^2) δh_j", "the sign of h_j^2 is wrong: - belongs there, not +"),
        (TANH, "δz = (1 − z²) ⊙ δh", "δz_j = (1 - z_j^2) δh_j", "z_j stands where h_j belongs"),
        (TANH, "δz = δh", "δz_j = δh_j", "the factor (1 - h_j^2), the slope of tanh, is missing"),
        (LOSS, "δh = y − h", "δh_j = y_j - h_j", "the sign is wrong: the whole should be negated"),
        (ALONE, "δb = 2 δz", "δb_j = 2 δz_j", "the whole is 2 times what it should be: the factor 2 is one too many"),
    ],
)
def test_an_attempt_and_a_rule_are_judged_by_one_judge(page: str, attempt: str, rule: str, words: str) -> None:
    found = tp.check(f"{page}; {rule}").findings[0].diagnosis
    assert found is not None and found.proved and found.words == words
    assert typeset(words)[1:] in str(tp.explain(page, attempt=attempt).verdict)  # a sentence begins with a capital
    formula = tp.check(page, rule=attempt).findings[0].diagnosis
    assert formula is not None and formula.words == words


@pytest.mark.parametrize(
    "page, attempt, right, words",
    [
        (ALONE, "δW = aᵀ δz", True, "This is right for vectors as rows"),
        (BATCH, "δW = a δzᵀ", True, "This is right for samples as columns"),
        (BATCH, "δb = 1ᵀ δz", True, "This is right for vectors as rows"),
        (ALONE, "δb = 1ᵀ δz", False, "is 1 × 1, and δb is |j| × 1"),  # 1 is a vector of ones, not the number
        ("y_i = A_ij x_j", "δA = x δy", True, "This is right in numerator layout"),
        ("p_c = softmax_c(z_c); E = -t_c log(p_c)", "δz = p − t", False, "right only where Σ_c t_c = 1"),
        (ALONE, "δW = δz aᵀ", False, "The transpose stands at a, and belongs at δz"),
    ],
)
def test_other_layouts_are_told(page: str, attempt: str, right: bool, words: str) -> None:
    found = tp.explain(page, attempt=attempt).verdict
    assert found is not None and found.right is right and words in str(found), str(found)


SPD = "L = -1/2 logdet(S) - 1/2 r_i inv(S)_ij r_j; spd(S)"
SOFTMAX = "p_j = softmax_j(z_j); E = -t_j log(p_j); Σ_j t_j = 1"
ORDER = "y_t = Σ_u [u <= t] x_u"
RNN = "h_tj = tanh(x_ti W_ij + h_{t-1,k} U_kj); h_{-1,j} = g_j"
ATTEND = "S_tu = Q_td K_ud; P_tu = softmax_u(S_tu)"


@pytest.mark.parametrize(
    "page, name, attempt, right, words",
    [
        (SPD, "r", "dr = -np.linalg.solve(S, r)", True, "δr_i = −Σ_j (S⁻¹)_ij r_j"),
        (SPD, "r", "δr = −S⁻¹ r", True, "δr_i = −Σ_j (S⁻¹)_ij r_j"),
        (SPD, "S", "δS = ½(S⁻¹ r rᵀ S⁻¹ − S⁻¹)", True, "This is right: read"),
        (SPD, "S", "δS = ½(S⁻¹ − S⁻¹ r rᵀ S⁻¹)", False, "Right is δS = ½(S⁻¹rrᵀS⁻¹ − S⁻¹)."),
        (SOFTMAX, "z", "δz = t − p", False, "the rule is δz_j = p_j − t_j. The sign is wrong"),
        (ATTEND, "K", "δK = δS Q", False, "δS should be transposed, and is not."),
        (ORDER, "x", "δx = Lᵀ δy  (L_tu = [u ≤ t])", True, "This is right"),
        (ORDER, "x", "δx = Lᵀ δy", True, "This is right"),  # L is what the page calls it
        (ORDER, "x", "δx = L δy", False, "Right is δx = Lᵀ δy  (L_tu = [u ≤ t])."),
        (RNN, "W", "δW = xᵀ((1 - h²) ⊙ δh)", True, "This is right"),
        (RNN, "W", "δW = xᵀ δh", False, "The factor (1 − h_tj²), the slope of tanh, is missing."),
        (ATTEND, "Q", "dQ = (dS[:, :, None] * K[None]).sum(1)", True, "This is right"),
    ],
)
def test_a_judgement_is_in_the_words_of_the_page(page: str, name: str, attempt: str, right: bool, words: str) -> None:
    verdict = tp.explain(page, name, attempt=attempt).verdict
    assert verdict is not None and verdict.right is right
    assert words in " ".join(map(str, verdict.sentences))


def test_what_is_given_may_be_used() -> None:
    page = tp.Layer("p_c = softmax_c(z_c); E = -t_c log(p_c)", given="Σ_c t_c = 1")
    found = tp.explain(page, attempt="δz = p − t").verdict
    assert found is not None and found.right
    assert tp.check(page, rule="δz = p - t").proved


def test_a_page_of_formulas_is_checked() -> None:
    report = tp.check("z = Wᵀa + b; h = tanh(z); E = ‖h − y‖²", rule="δz = (1 − h²) ⊙ δh\nδW = a δz; δa = W δz")
    assert [v.words for v in report.verdicts] == ["proved", "WRONG", "proved"]
    assert "δW = a δz" in str(report) and "do not fit as neighbours" in str(report)
    report = tp.check("z = Wᵀa + b", rule="δW = δz aᵀ")
    assert not report.ok and "The transpose stands at a, and belongs at δz" in str(report)
    assert tp.check("z_j = W_ij a_i", rule="δW_ij = a_i δz_j").proved


@pytest.mark.parametrize("page", PAGES)
def test_every_printed_rule_is_judged_right_in_its_layout(page: str) -> None:
    for layout in LAYOUTS[:3]:
        for s, eq in rules(page):
            printed = tp.formula(eq, **layout)
            if eq.name[:1] != "δ" or printed.kind != "matrix" or eq.name[1:] not in s.inputs:
                continue
            found = tp.explain(s, wrt=eq.name[1:], attempt=printed.unicode, detail="short", **layout).verdict
            assert found is not None and found.right, (layout, printed.unicode, str(found))


LN = "m_b = mean_j(x_bj); c_bj = x_bj - m_b; s_b = sqrt(mean_j(c_bj^2) + e); n_bj = c_bj / s_b; y_bj = g_j n_bj"
END = "δx_bj = (δn_bj - n_bj mean_k(n_bk δn_bk) - mean_k(δn_bk)) / s_b"


@pytest.mark.parametrize(
    "wrong, words",
    [
        (END.replace(" - mean_k(δn_bk)", ""), "the term - mean_k(δn_bk)"),
        (END.replace("- n", "+ n"), "the sign of n_bj mean_k(n_bk δn_bk) is wrong"),
        (END.replace("/ s_b", "s_b"), "s_b stands where 1 / s_b belongs"),
        (END.replace("δn", "δy"), "δy_bj stands where δn_bj belongs"),
    ],
)
def test_a_normalisation_is_held_against_its_three_terms(wrong: str, words: str) -> None:
    """`adjoint`, `formula`, `explain` and the right line of a diagnosis tell one rule."""
    finding = tp.check(LN, rule=wrong).findings[0]
    assert finding.diagnosis is not None and finding.diagnosis.proved and words in finding.diagnosis.words, finding
    text = str(tp.check(LN, rule=wrong))
    assert ("derived:" in text) + ("correct:" in text) == 1, text


def test_one_end() -> None:
    rules = tp.adjoint(LN, wrt="x", together=True)
    assert [str(eq) for eq in rules] == ["δn_bj = g_j δy_bj", END]
    (made,) = [r.equations[0] for r in tp.explain(LN, wrt="x").remarks if r.title == "Put together"]
    assert str(made) == END and str(tp.formula(made)) in str(tp.formula(tp.Layer(forward=LN)))
    assert "δc" not in str(tp.formula(tp.Layer(forward=LN)))


LOGISTIC = "z_n = X_nd w_d + c; s_n = σ(z_n); L = -mean_n(y_n log(s_n) + (1 - y_n) log(1 - s_n))"
LORA = "h_br = x_bi A_ir; y_bj = x_bi W_ij + α h_br B_rj"
TO_ERROR = f"{BATCH}; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2"


@pytest.mark.parametrize(
    "page, attempt, right, words",
    [
        (LOGISTIC, "dw = X.T @ (s - y) / len(y)", True, "/ |n|"),
        (LOGISTIC, r"\delta w = \frac{1}{n} X^\top (s - y)", True, "/ |n|"),
        (LOGISTIC, "δw = Xᵀ(s − y)", False, "The mean's 1/|n| is missing"),
        (LOGISTIC, "dc = np.sum(s - y)", False, "Right is δc = 1ᵀ(s − y)/|n|."),
        (ATTEND + "; O_te = P_tu V_ue", "dP = dO @ V.T", True, "This is right"),
        ("S_tu = Q_td K_ud / sqrt(dim(d))", "dQ = dS @ K / np.sqrt(K.shape[-1])", True, "This is right"),
        ("S_tu = Q_td K_ud / sqrt(dim(d))", "dQ = dS @ K / np.sqrt(d)", True, "This is right"),
        (ORDER, "dx = np.tril(np.ones((n, n))).T @ dy", True, "This is right"),
        (LORA, "dB = alpha * h.T @ dy", True, "This is right"),
        (LORA, "δx = δy Wᵀ + α δh Aᵀ", False, "α"),
        ("E = λ w_i w_i", "dw = 2 * lam * w", True, "This is right"),
        ("y_j = g_j n_j", "dn = dy * g", True, "This is right"),
        (TO_ERROR, r"\nabla_W E = a^\top \delta z", True, "This is right"),
        (TO_ERROR, "∇_{W} E = δzᵀ a", False, "transposed"),
        (TO_ERROR, "δa = δz Wᵀ", True, "This is right"),  # of a tensor that is not learnt
    ],
)
def test_formulas_as_people_write_them(page: str, attempt: str, right: bool, words: str) -> None:
    """Sizes by their letter or by len, ∇ on the left, λ as Python can spell it, and what no parameter is."""
    found = tp.explain(page, attempt=attempt).verdict
    assert found is not None and found.right is right and words in str(found), str(found)


ENTRIES = """
dW = np.zeros((k, m))
for i in range(k):
    for j in range(m):
        for b in range(n):
            dW[i, j] += {}
"""
SUM = """
for b in range(n):
    for i in range(k):
        s = 0.0
        for j in range(m):
            s += W[i, j] * dz[b, j]
        da[b][i] = s
"""
TIME = """
for t in reversed(range(T)):
    dz = (1 - h[t]**2) * dh[t]
    dW += np.outer(x[t], dz)
    dU += np.outer({}, dz)
"""


@pytest.mark.parametrize(
    "page, attempt, right, words",
    [
        (BATCH, ENTRIES.format("a[b, i] * dz[b, j]"), True, "it says δW_ij = Σ_b a_bi δz_bj"),
        (BATCH, ENTRIES.format("2 * a[b, i] * dz[b, j]"), False, "2 times what it should be"),
        (BATCH, ENTRIES.format("a[b, j] * dz[b, i]"), False, "The loop over i counts axes of different lengths"),
        (BATCH, SUM, True, "it says δa_bi = Σ_j W_ij δz_bj"),
        (BATCH, SUM.replace("s += ", "s -= "), False, "sign is wrong"),
        (BATCH, "for b in range(n):\n    dW += np.outer(dz[b], a[b])", False, "The whole is transposed"),
        (RNN, TIME.format("h[t-1]"), True, "This is right"),
        (RNN, TIME.format("h[t]"), False, "The shift is off by one: h_tk stands where h[t − 1, k] belongs"),
    ],
)
def test_loops_are_read(page: str, attempt: str, right: bool, words: str) -> None:
    """What is added up in loops is a sum over their letters; whole rows of arrays may stand in a loop over time."""
    found = tp.explain(page, attempt=attempt).verdict
    assert found is not None and found.right is right and words in str(found), str(found)


@pytest.mark.parametrize(
    "attempt, words",
    [
        ("for t in range(T):\n    d = dh_next + x[t]\n    dh_next = U @ d", "dh_next is not known here"),
        ("for t in range(T):\n    dW = np.outer(x[t], dh[t])", "no array of these equations is filled"),
        ("for t in range(1, T):\n    dW += np.outer(x[t], dh[t])", "a loop runs over a whole axis"),
        ("for t in range(T):\n    dW[0, 0] += x[t, 0]", "has the names of loops as its places"),
    ],
)
def test_loops_that_are_not_read_are_told(attempt: str, words: str) -> None:
    with pytest.raises(tp.TensorpropError, match=words):
        tp.explain(RNN, attempt=attempt)
