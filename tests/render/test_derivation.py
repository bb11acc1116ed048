"""What a derivation says, in every format; derivations of record; formulas that learners try."""

from __future__ import annotations

import html.parser
import json
import re
import sys
from pathlib import Path

import pytest

from tensorprop.check.verbs import explain
from tensorprop.core.canon import same
from tensorprop.errors import ParseError, UnknownName, UsageError
from tensorprop.layers import Dense, LogSoftmax, Softmax, chain
from tensorprop.render.derivation.derivation import Derivation
from tensorprop.text import parse_expression

DATA = Path(__file__).resolve().parent.parent / "data" / "derivations"
LAYER = "z_j = a_i W_ij + b_j; h_j = f(z_j)"
BATCH = "z_bj = a_bi W_ij + b_j"
BEFORE = "a_i = f(z_i); y_j = a_i W_ij"
ATTENTION = "S_tu = Q_td K_ud / sqrt(dim(d)); P_tu = softmax_u(S_tu); O_te = P_tu V_ue"
NORM = "m_b = mean_i x_bi; v_b = mean_i (x_bi - m_b)^2; y_bi = (x_bi - m_b) / sqrt(v_b + eps); h_bi = g_i y_bi + c_i"

# Derivations of record: name, equations, wrt, detail, attempt.
RECORD: list[tuple[str, str, str | tuple[str, ...] | None, str, str | None]] = [
    ("layer", LAYER, None, "full", None),
    ("batch", BATCH, ("a", "W", "b"), "full", None),
    ("textbook", "z_j = a_i W_ij + b_j; a_j = f(z_j)", "W", "full", None),
    ("recursion", "z^(k+1)_j = W^(k)_ij a^(k)_i; a^(k)_i = f(z^(k)_i)", "z^(k)", "full", None),
    ("network", "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2", ("W", "b"), "full", None),
    ("softmax", "p_j = softmax_j(z_j)", "z", "full", None),
    ("cross_entropy", "q_bj = logsoftmax_j(z_bj); E = -y_bj q_bj", "z", "full", None),
    ("layer_norm", NORM, ("x", "g", "c"), "full", None),
    ("attention", ATTENTION, ("Q", "K", "V"), "full", None),
    ("heads", "S_bhtu = Q_bhtd K_bhud; O_bhte = S_bhtu V_bhue", ("Q", "V"), "short", None),
    ("quadratic_form", "y = x_i A_ij x_j", None, "full", None),
    ("gram", "G_ij = X_ki X_kj", "X", "full", None),
    ("sum", "s_i = Σ_j x_ij", "x", "full", None),
    ("trace", "y = Σ_i X_ii", "X", "full", None),
    ("attempt", BEFORE, "z", "short", "δz = δ W f′(z)"),
]  # fmt: skip


@pytest.mark.parametrize("name, text, wrt, detail, attempt", RECORD, ids=[row[0] for row in RECORD])
def test_derivations_of_record(name: str, text: str, wrt: object, detail: str, attempt: str | None) -> None:
    """What is printed is what was read and approved; ``python -m tests.render.test_derivation`` writes it anew."""
    d = explain(text, wrt, detail=detail, attempt=attempt)  # type: ignore[arg-type]
    assert str(d) + "\n" == (DATA / f"{name}.txt").read_text(encoding="utf-8")


# --------------------------------------------------------------------------- steps
def test_kinds_of_steps_in_their_order() -> None:
    d = explain(LAYER)
    for part in d.parts:
        assert [s.kind for s in part.steps] == ["chain", "local", "insert", "brackets", "rename", "matrix"]
    kinds = [s.kind for s in explain("p_j = softmax_j(z_j)", wrt="z").part("z").steps]
    assert kinds == ["chain", "local", "insert", "brackets", "brackets", "brackets", "collect", "rename", "matrix"]


def test_every_step_has_a_law_a_reason_and_a_line() -> None:
    for _, text, wrt, _, _ in RECORD:
        for part in explain(text, wrt).parts:
            for step in part.steps:
                assert step.law and step.statement.unicode and step.statement.latex
                assert step.reason.unicode.endswith((".", "!")) and step.title
                assert step.equations or step.matrix


def test_the_error_itself_has_a_definition_and_no_chain() -> None:
    first = explain("E = 1/2 (h_i - y_i)^2", "h").part("h").steps[0]
    assert (first.title, first.law) == ("Definition", "definition")
    s = explain("s = w_i x_i; y_j = s v_j", "w").part("w").steps[0]
    assert s.title == "Chain rule" and "one number: there is nothing to sum over" in s.reason.unicode


def test_a_step_names_indices_only_where_some_are_named_anew() -> None:
    titles = [step.title for step in explain("y_i = s x_i^2", "s").part("s").steps]
    assert not any("Name the indices" in title for title in titles)


def test_a_norm_in_a_table_of_a_page_stays_a_norm() -> None:
    r"""A bar would end the cell, and ``\\vert`` is a line break and a word."""
    page = explain("z_bj = a_bi W_ij; E = 1/2 (z_bj - y_bj)^2", "W").markdown
    assert r"\Vert  z - y \Vert ^{2}" in page and r"\\vert" not in page


def test_the_rule_of_a_maximum_is_explained() -> None:
    assert "δA = diag(δm ⊘ [A = m1ᵀ] 1) [A = m1ᵀ]" in str(explain("m_i = max_j(A_ij)"))


def test_the_learners_three_lines_stand_beside_the_vectors() -> None:
    shown = str(explain(LAYER))
    _, table = shown.split("All rules")
    for line in (
        "∂E/∂z_j = f′(z_j) ∂E/∂h_j     δz = f′(z) ⊙ δh",
        "∂E/∂a_i = Σ_j W_ij ∂E/∂z_j    δa = W δz",
        "∂E/∂W_ij = a_i ∂E/∂z_j        δW = a δzᵀ",
        "∂E/∂b_j = ∂E/∂z_j             δb = δz",
    ):
        assert line in table


# --------------------------------------------------------------------------- reasons, from the pattern of the indices
@pytest.mark.parametrize(
    "text, name, topics",
    [
        (LAYER, "z", {"elementwise"}),
        (LAYER, "a", {"sum", "product", "transpose", "order", "jacobian"}),
        (LAYER, "W", {"outer"}),
        (LAYER, "b", {"alone"}),
        (BATCH, "a", {"sum", "product", "transpose", "order"}),
        (BATCH, "W", {"sum", "product", "transpose", "order"}),
        (BATCH, "b", {"sum"}),
        ("s_i = Σ_j x_ij", "x", {"broadcast"}),
        ("m = mean_i(x_i)", "x", {"mean", "broadcast"}),
        ("p_j = softmax_j(z_j)", "z", {"softmax", "elementwise", "jacobian", "inner", "broadcast"}),
        ("y = x_i w_i", "x", {"plain"}),
        ("y_bi = g_i x_bi", "x", {"scale"}),
        ("y_bi = g_i x_bi", "g", {"sum", "elementwise"}),
        ("y_b = x_i A_bi", "x", {"sum", "product", "transpose", "order", "jacobian"}),
        ("G_ij = X_ki X_kj", "X", {"twice", "sum", "product", "transpose", "order"}),
        ("y = x_i A_ij x_j", "x", {"twice", "product", "transpose", "order"}),
        ("y = Σ_i X_ii", "X", {"bracket"}),
    ],
)
def test_reasons(text: str, name: str, topics: set[str]) -> None:
    assert {r.topic for r in explain(text, name).part(name).reasons} == topics


@pytest.mark.parametrize("weight, other", [("W", "a"), ("delta9", "Q"), ("a", "W"), ("f", "g")])
def test_reasons_do_not_hang_on_names(weight: str, other: str) -> None:
    """Other names, the same sentences."""
    text = f"z_j = {other}_i {weight}_ij + b_j"
    plain = explain("z_j = x_i M_ij + b_j", "x").part("x")
    renamed = explain(text, other).part(other)
    for one, two in zip(plain.reasons, renamed.reasons, strict=True):
        assert one.topic == two.topic and one.answer.text == two.answer.text


def test_the_sentence_on_the_transpose_says_which_index() -> None:
    up = {r.topic: r.answer.unicode for r in explain("z_j = a_i W_ij", "a").part("a").reasons}
    down = {r.topic: r.answer.unicode for r in explain("z_i = W_ij a_j", "a").part("a").reasons}
    assert "W's second index, j" in up["transpose"] and "For Wᵀ it would be the first" in up["transpose"]
    assert "W's first index, i" in down["transpose"] and "So W is turned: Wᵀ δz" in down["transpose"]
    row = explain("z_j = a_i W_ij", "a", layout="row").part("a")
    assert row.shown.unicode == "δa = δz Wᵀ"
    said = next(r.answer.unicode for r in row.reasons if r.topic == "transpose")
    assert "a row times a matrix" in said and "So W is turned: δz Wᵀ" in said


def test_the_change_of_parts_is_told_as_it_is() -> None:
    """Forward and backward differ by a transpose, or the matrix changes sides."""

    def said(name: str) -> str:
        return next(r.answer.unicode for r in explain(ATTENTION, name).part(name).reasons if r.topic == "transpose")

    assert said("Q").endswith("so K is transposed in one formula only.")
    assert said("K").endswith("and Q stands on the other side of the product.")


def test_dimensions_are_told_as_a_consequence() -> None:
    told = explain(LAYER, "a").part("a").dimension
    assert told is not None
    assert "W is |i| × |j| and δz is |j| × 1, so W δz is |i| × 1" in told.unicode and "Wᵀ in place of W" in told.unicode
    assert explain("y_bi = g_i x_bi", "g").part("g").dimension is None


def test_a_loss_is_put_together_with_what_stands_before_it() -> None:
    remark, supposed = explain("q_bj = logsoftmax_j(z_bj); E = -y_bj q_bj", "z").remarks
    assert supposed.title == "Where a sum is 1"
    assert remark.title == "Put together"
    assert same(remark.equations[0].value, parse_expression("exp(q_bj) Σ_k y_bk - y_bj", free="bj"))


def test_remarks() -> None:
    titles = [r.title for r in explain(LAYER).remarks]
    assert titles == ["The bias as a weight"]
    (recursion,) = explain("z^(k+1)_j = W^(k)_ij a^(k)_i; a^(k)_i = f(z^(k)_i)", "z^(k)").remarks
    assert recursion.shown[0].unicode == "δz^(k) = f′(z^(k)) ⊙ W^(k) δz^(k+1)"


# --------------------------------------------------------------------------- what is explained
def test_layers_and_chains() -> None:
    assert [p.name for p in explain(Dense()).parts] == ["a", "W", "b"]
    d = explain(chain(Dense(), LogSoftmax(), Dense()), wrt="W1")
    assert d.parts[-1].name == "W1" and "δW1_ij = Σ_b a_bi δz1_bj" in str(d)
    assert explain(Softmax()).parts[0].shown.unicode


def test_shorthand_and_labels() -> None:
    d = explain("z_j = a_i W_ij + b_j; a_j = f(z_j)", wrt=("a", "W"))
    assert d.part("a^(k)").shown.unicode == "δa^(k) = W δz"
    assert d.part("W").shown.unicode == "δW = a^(k) δzᵀ"


def test_of_chooses_the_error() -> None:
    d = explain("y_i = x_i w_i; E = Σ_i y_i; F = y_i y_i", wrt="x", of="F")
    assert str(d.part("y").rule) == "δy_i = 2 y_i" and d.error == "F"
    assert "∂F/∂x" in str(d)


def test_refusals() -> None:
    with pytest.raises(UnknownName):
        explain(LAYER, wrt="V")
    with pytest.raises(UsageError):
        explain(LAYER, detail="long")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        explain(LAYER, layout="diagonal")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        explain(LAYER, wrt="W").part("a")


# --------------------------------------------------------------------------- formats
@pytest.fixture(scope="module", params=[row[0] for row in RECORD])
def recorded(request: pytest.FixtureRequest) -> Derivation:
    _, text, wrt, detail, attempt = next(row for row in RECORD if row[0] == request.param)
    return explain(text, wrt, detail=detail, attempt=attempt)  # type: ignore[arg-type]


class _Balanced(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "mspace"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in ("meta", "mspace") or self.open.pop() == tag


def test_html_is_balanced_and_escaped(recorded: Derivation) -> None:
    page = recorded.html
    reader = _Balanced()
    reader.feed(page)
    assert reader.open == [] and page.count("<math") == page.count("</math>") >= 1
    tags = "html head body title style section h2 h3 h4 p ul li strong code div span details summary table tr th td"
    math = "math mfrac mi mn mo mover mpadded mroot mrow mspace msqrt msub msubsup msup mtable mtd mtext mtr"
    known = "|".join((tags + " figure munder " + math).split())
    assert "$" not in page and "\\" not in page, "TeX is left"
    assert not re.search(rf"<(?!/?({known})\b|!DOCTYPE|meta|svg|path|rect|circle|text|/svg|/text)", page)
    assert "http" not in page.replace("http://www.w3.org", "")  # one file, which needs nothing from elsewhere


def test_html_escapes_what_it_is_given() -> None:
    page = explain("y_i = [x_i < w_i] x_i", wrt="x").html
    assert "&lt;" in page and "x_{i} <" not in page


def test_latex_is_balanced(recorded: Derivation) -> None:
    for text in (recorded.latex, recorded.tex(align=True), recorded.markdown):
        for one, other in (("{", "}"), (r"\left(", r"\right)"), (r"\[", r"\]")):
            assert text.count(one) == text.count(other), one
        assert text.count("$") % 2 == 0
        assert not re.search(r"\}\^\{[^{}]*\}\^", text), "two superscripts"
        assert "·" not in text.replace(r"\cdot", "")
    assert "align" not in recorded.latex
    assert r"\begin{align*}" in recorded.tex(align=True) or len(recorded.parts) < 2


def test_latex_formulas_can_be_drawn(recorded: Derivation) -> None:
    """Matplotlib's mathtext is the strictest reader at hand: what it draws, KaTeX draws too."""
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    formulas = re.findall(r"\\\[ (.*?) \\\]", recorded.latex)
    assert formulas
    for formula in formulas:
        plain = re.sub(r"\\(?:left|right)(?=[()|])", "", formula).replace(r"\top", "T").replace(r"\ne", r"\neq")
        plain = re.sub(r"\\text\{([^{}]*)\}", "", plain)
        parser.parse(f"${plain}$")


def test_plain_data_is_json(recorded: Derivation) -> None:
    data = recorded.as_dict()
    again = json.loads(json.dumps(data))
    assert again == data
    assert [r["of"] for r in data["rules"]] == [p.name for p in recorded.parts]
    assert all(step["law"]["name"] and step["reason"] for r in data["rules"] for step in r["steps"])


def test_notebooks_get_three_formats(recorded: Derivation) -> None:
    bundle = recorded._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/markdown", "text/html"} and bundle["text/plain"] == str(recorded)


def test_terminal_lines_of_prose_are_short(recorded: Derivation) -> None:
    for line in str(recorded).split("\n"):
        assert len(line) <= 100 or " = " in line, line


def test_long_lines_are_broken_between_terms() -> None:
    lines = str(explain(NORM, "x")).split("\n")
    first = next(n for n, line in enumerate(lines) if "δx_cj = Σ_bi δm_b [b = c]" in line)
    assert lines[first + 1].strip().startswith("+ Σ_bi δy_bi")


def test_layer_norm_is_explained_in_few_calls() -> None:
    """0.13 s where nothing else runs; calls are counted, which no load changes."""
    str(explain(NORM))  # tables are read once
    calls = 0

    def counted(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(counted)
    try:
        str(explain(NORM))
    finally:
        sys.setprofile(None)
    assert calls < 350_000, calls


# --------------------------------------------------------------------------- attempts
@pytest.mark.parametrize(
    "text, attempt",
    [
        (LAYER, "δW = a δz^T"),
        (LAYER, "a δzᵀ"),
        (LAYER, "∂E/∂a = W ∂E/∂z"),
        (LAYER, "δz = diag(f′(z)) δh"),
        (LAYER, "δz = f'(z) * δh"),
        (LAYER, "δb = δz"),
        (LAYER, r"\delta W = a \, \delta z^\top"),
        (LAYER, "delta a = W delta z"),
        (BEFORE, "δz = (W δ) ⊙ f′(z)"),
        (BEFORE, "δz = f'(z) * (W @ δy)"),
        (BEFORE, "δa = W δy"),
        (BATCH, "δW = aᵀ δz"),
        (BATCH, "δa = δz Wᵀ"),
        (BATCH, "δb = δzᵀ ones"),
        ("h_j = tanh(z_j)", "δz = (1 - h²) ⊙ δh"),
        ("h_j = tanh(z_j)", "δz = tanh'(z) ⊙ δh"),
        ("y = x_i A_ij x_j", "δx = (A + Aᵀ) x"),
        ("y = x_i A_ij x_j", "δx = A x + Aᵀ x"),
        ("h_i = x_i + W_ij y_j; y_j = f(x_j)", "δy = Wᵀ δh"),
    ],
)
def test_right_attempts_are_confirmed(text: str, attempt: str) -> None:
    verdict = explain(text, attempt=attempt).verdict
    assert verdict is not None and verdict.right, str(verdict)
    assert str(verdict).startswith("This is right")


@pytest.mark.parametrize(
    "text, attempt, words",
    [
        (BEFORE, "δ W f′(z)", ["δy and W do not fit", "j is summed", "⊙, and no product", "f′(z) ⊙ W δy"]),
        (BEFORE, "δz = W δ f′(z)", ["W δy and f′(z) do not fit", "⊙"]),
        (BEFORE, "δa = Wᵀ δy", ["Wᵀ and δy do not fit", "columns of Wᵀ (i)", "Right is δa = W δy"]),
        (BEFORE, "δa = Wᵀ δy", ["W is transposed, and should not be."]),
        (BATCH, "δa = δz W", ["W should be transposed, and is not."]),
        (LAYER, "δa = -W δz", ["The sign is wrong: the whole should be negated."]),
        (LAYER, "δa = 2 W δz", ["The whole is 2 times what it should be"]),
        (LAYER, "δW = δz aᵀ", ["transposed", "Right is δW = a δzᵀ"]),
        (LAYER, "δW = a δz", ["a and δz do not fit", "there is only one"]),
        (LAYER, "δa = δzᵀ Wᵀ", ["lying down", "Right is δa = W δz"]),
        (LAYER, "δz = f′(h) ⊙ δh", ["f′ is taken at h, not at z"]),
        (LAYER, "δz = δh", ["missing", "f′"]),
        (LAYER, "δb = a δzᵀ", ["is |i| × |j|, and δb is |j| × 1"]),
        (BATCH, "δb = δz", ["δz is |b| × |j|, and δb is |j| × 1", "Right is δb = δzᵀ 1"]),
        (BATCH, "δW = δz aᵀ", ["δz and aᵀ do not fit"]),
        ("h_i = x_i + W_ij y_j; y_j = f(x_j)", "δy = W δh", ["W is transposed: W_ji stands where W_ij belongs"]),
        ("y = x_i A_ij x_j", "δx = 2 A x", ["A is transposed", "(A + Aᵀ)x"]),
    ],
)
def test_wrong_attempts_are_told_why(text: str, attempt: str, words: list[str]) -> None:
    verdict = explain(text, attempt=attempt).verdict
    assert verdict is not None and not verdict.right
    for word in words:
        assert word in str(verdict), str(verdict)


@pytest.mark.parametrize(
    "attempt", ["", "δz =", "δz = (W δh", "δz = W ) δh", "δz = W ? δh", "= W", "δz = ⊙ W", "(" * 99, "W" * 3000]
)
def test_what_is_no_formula_is_refused(attempt: str) -> None:
    with pytest.raises((ParseError, UnknownName)):
        explain(LAYER, attempt=attempt)


def test_unknown_names_in_an_attempt() -> None:
    with pytest.raises(UnknownName, match="no tensor V"):
        explain(LAYER, attempt="δa = V δz")
    with pytest.raises(UnknownName, match="no rule for δq"):
        explain(LAYER, attempt="δq = W δz")


if __name__ == "__main__":
    for name, text, wrt, detail, attempt in RECORD:
        d = explain(text, wrt, detail=detail, attempt=attempt)  # type: ignore[arg-type]
        (DATA / f"{name}.txt").write_text(f"{d}\n", encoding="utf-8")
