"""Words that are no tensor's name, and the LaTeX that people paste: what is read, what is refused, which fix."""

from __future__ import annotations

import re

import pytest

from tensorprop import errors, parse_formula
from tensorprop.errors import TensorpropError
from tensorprop.text import parse, parse_einsum, show
from tensorprop.text.elsewhere import ALONG_AN_AXIS, FUNCTIONS_ELSEWHERE
from tensorprop.text.reserved import ELSEWHERE, PROGRAMMING, SPELLED_OUT, TAKEN_ALONG
from tensorprop.text.vocabulary import BINDERS, KNOWN

# text with the marked place between « and », the kind of the error, and words that its message has
REFUSED = [
    # taken along an index, and no reduction of the tables
    ("y_i = «f_i»(x_i)", "UnknownFunction", ["f_i (x_i)", "f(x_i)"]),
    ("y_i = «W_ij»(x_j - m_j)", "UnknownFunction", ["`W_ij (x_j - m_j)` with a space"]),
    ("y_i = «W_{ij}»(x_j - m_j)", "UnknownFunction", ["`W_{ij} (x_j - m_j)` with a space"]),
    ("y_i = «W[in, i]»(x[in] - m)", "UnknownFunction", ["with a space"]),
    ("s_j = «meen_b»(x_bj)", "UnknownFunction", ["did you mean mean_b"]),
    # powers of functions that are not known, and of what is defined
    ("y_i = 5 «sech^2»(x_i)", "AmbiguousNotation", ["`sech(x_i)^2`", "`sech^2 (x_i)` with a space"]),
    (r"y_i = x_i \cdot «\mathrm{sech}^2»(x_i)", "AmbiguousNotation", ["`sech(x_i)^2`"]),
    ("«z_i^l» = W_ij a_j", "AmbiguousNotation", ["`z^(l)_i = …`"]),
    ("«z_i^{l+1}» = W_ij a_j", "AmbiguousNotation", ["`z^(l+1)_i = …`"]),
    ("y = «sort_ij»(x_ij)", "ParseError", ["sort runs along one index", "sort_j"]),
    ("y_b = «max(x_bj)»", "ParseError", ["max_j(x_bj)"]),
    ("y = «det» A", "MissingIndex", ["write det(A)"]),
    ("y_ij = «inv» A", "MissingIndex", ["write inv(A)_ij"]),
    # words of programming
    ("s_tu = where([u ≤ t], a_tu, -«inf»)", "ForbiddenName", ["reserved word", "exp(s_tu) [u ≤ t]"]),
    ("s_tu = where([u ≤ t], a_tu, -«∞»)", "ForbiddenName", ["reserved word"]),
    (r"s_tu = where([u ≤ t], a_tu, -«\infty»)", "ForbiddenName", ["reserved word"]),
    ("y_i = «nan» x_i", "ForbiddenName", ["reserved word"]),
    ("s_tu = where([u ≤ t] «and» [m_u > 0], a_tu, 0)", "ForbiddenName", ["`[u ≤ t] [m_u > 0]`"]),
    ("s_tu = where([u ≤ t] «∧» [m_u > 0], a_tu, 0)", "ForbiddenName", ["reserved word"]),
    ("s_tu = where([u ≤ t] «or» [m_u > 0], a_tu, 0)", "ForbiddenName", ["`max([u ≤ t], [m_u > 0])`"]),
    ("y_i = x_i «if» z_i else w_i", "ForbiddenName", ["`where([z_i ≠ 0], x_i, w_i)`"]),
    ("y_i = x_i «if» [z_i > 0] else w_i", "ForbiddenName", ["`where([z_i > 0], x_i, w_i)`"]),
    ("y_i = «if» z_i then x_i else w_i", "ForbiddenName", ["`where([z_i ≠ 0], x_i, w_i)`"]),
    ("y_i = «not» m_i", "ForbiddenName", ["1 - m_u"]),
    ("y_t = x_t [t «mod» 2 = 0]", "ForbiddenName", ["m_t for [t mod 2 = 0]"]),
    (r"y_t = x_t [t «\bmod» 2 = 0]", "ForbiddenName", ["reserved word"]),
    ("y_t = x_t [t «%» 2 = 0]", "UnexpectedChar", ["`remainder(t, 2)`"]),
    ("y_b = x_b «in» s", "ForbiddenName", ["[y_b = c]"]),
    ("y_i = «True» x_i", "ForbiddenName", ["write 1"]),
    ("«in»_bi = x_bi", "ForbiddenName", ["another name", "in1"]),
    ("y_bi = 2 «in»_bi", "ForbiddenName", ["another name", "in1"]),
    ("y_i = δ «in»_i", "ForbiddenName", ["another name"]),
    ("y_i = «np.»exp(x_i)", "UnexpectedChar", ["exp(x_i)"]),
    ("y = x_i«.»sum()", "UnexpectedChar", ["Σ_i x_i"]),
    ("y_ij = X_ij«.»T", "UnexpectedChar", ["transpose", "A_ji"]),
    # an index is no number
    ("s_tu = q_td k_ud / sqrt(«d»)", "AmbiguousNotation", ["`dim(d)`", "`d[]`"]),
    ("y_t = «t» x_t", "AmbiguousNotation", ["`dim(t)`", "`t[]`", "pos_t"]),
    ("y_t = g^«t» x_t", "AmbiguousNotation", ["`dim(t)`", "`t[]`"]),
    ("y_t = Σ_u exp(«u») a_tu", "AmbiguousNotation", ["`dim(u)`", "`u[]`"]),
    ("d = 3; s_td = x_td / «d»", "AmbiguousNotation", ["`dim(d)`", "`d[]`"]),
    # the fix is told in the user's own letters
    ("p_bc = «softmax»(s_bc)", "MissingIndex", ["write softmax_c(s_bc)"]),
    ("y_b = «mean»(x_bi)", "MissingIndex", ["write mean_i(x_bi)"]),
    ("E = «sum»(x_bi)", "MissingIndex", ["write sum_bi(x_bi)"]),
    ("E = «Σ» x_q", "MissingIndex", ["write Σ_q x_q"]),
    ("y_k = «tanh» x_k", "UnexpectedChar", ["write tanh(x_k)"]),
    ("y_k = «log»_2(x_k)", "NameConflict", ["write log2(x_k)"]),
    ("d_j = 1 - «tanh^2»(z_j)", "UnexpectedChar", ["write tanh(z_j)^2"]),
    ("d_j = 1 - «tanh²»(z_j)", "UnexpectedChar", ["write tanh(z_j)^2"]),
    ("y_b = «\\|»x_bi - y_bi\\|_i^2", "UnexpectedChar", ["write `Σ_i (x_bi - y_bi)^2`"]),
    (r"z_j = a_i W_ij; («\nabla»_W L)_ij = a_i \delta z_j", "UnexpectedChar", ["δW_ij"]),
    (r"d_j = «\sin^{-1}»(z_j)", "AmbiguousNotation", ["`arcsin(z_j)`", "`1 / sin(z_j)`"]),
    (r"d_j = «\sigma^2»(z_j)", "AmbiguousNotation", ["`σ(z_j)^2`", r"`\sigma^2 (z_j)` with a space"]),
    ("d_j = «f^{-1}»(z_j)", "AmbiguousNotation", ["`1 / f(z_j)`", "`f^{-1} (z_j)` with a space"]),
    ("s_tu = where(a_tu «==» 0, 1, a_tu)", "UnexpectedChar", ["in brackets"]),
    ("y_i = x_i «≥» 0", "UnexpectedChar", ["write [x_i ≥ 0]"]),
    ("y_i = (x_i «>» 0) x_i", "UnexpectedChar", ["write [x_i > 0]"]),
    ("z_bj = x_bi W_q«_ij»", "UnexpectedChar", ["`Wq_ij`", "`W^(q)_ij`", "no underscore"]),
    ("h_j = tanh(W_ij h_prev«_i»)", "UnexpectedChar", ["`hprev_i`", "`h^(prev)_i`"]),
    ("y_i = W«_1i» x_1", "AmbiguousNotation", ["[1, i]", "W1_i"]),
    ("y_i = A[i]«[»j] x_j", "UnexpectedChar", ["A[i, j]"]),
    ("y_i = x_i^«*»", "UnexpectedChar", ["xstar"]),
    (r"y_i = x_i^«\star»", "UnexpectedChar", ["xstar"]),
    # LaTeX
    (r"«\nabla»_W = x_i W_ij", "UnexpectedChar", ["δW_ij", "∂E/∂W_ij"]),
    (r"y_ij = «\nabla»_{W} L; z_j = W_ij x_i", "UnexpectedChar", ["δW_ij"]),
    (r"y_k = «\nabla»_{\theta} L; E = \theta_k x_k", "UnexpectedChar", ["write it entry by entry"]),
    (r"y_i = «\hat{x_i}»", "UnexpectedChar", [r"\hat{x}_{i}"]),
    ("y_i = Wx«\u0302»_i", "UnexpectedChar", ["x\u0302_i", "xhat_i"]),
    ("z_i = «ŷ»y_i", "UnexpectedChar", ["yhat_i"]),
    (r"y_i = «\hat{x + y}»", "UnexpectedChar", ["one name"]),
    (r"y_i = «\hat»", "UnbalancedBracket", [r"\hat{x}_i"]),
    ("z_i = «W^{l}_{ij}» a_j", "AmbiguousNotation", ["`W^{(l)}_{ij}`", "`W_{ij}^{l}`"]),
    ("z_i = W_ij «a^{l-1}_j»", "AmbiguousNotation", ["`a^{(l-1)}_j`"]),
    (r"y = \sum_{k«=»0}^{n} x_k", "UnexpectedChar", ["Σ_k [k < n + 1]"]),
    (r"n = «\|»x\|; y_i = x_i", "UnexpectedChar", ["`sqrt(Σ_i x_i^2)`"]),
    ("n = «||»x_i - y_i||^2", "UnexpectedChar", ["`Σ_i (x_i - y_i)^2`"]),
    (r"y = «\mathbb{E}»[x_i]", "AmbiguousNotation", ["mean_b(…)"]),
    (r"y_i = «\mathbb{1}»[x_i = 0]", "UnexpectedChar", ["bracket alone"]),
    (r"y_i = x_i «\mathbb{I}»[x_i > 0]", "UnexpectedChar", ["`[x_i > 0]`"]),
    (r"y_i = x_i «\mathbf{1}»\{x_i > 0\}", "UnexpectedChar", ["`[x_i > 0]`"]),
    (r"«x_{\text{new}}» = 2", "AmbiguousNotation", ["`xnew`", "`x^{(new)}`"]),
    (r"y_i = «W^{\text{in}}_{ij}» x_j", "AmbiguousNotation", ["`Win_{ij}`", "`W^(in)_{ij}`"]),
    (r"L = \sum_{i«<»j} w_{ij}", "UnexpectedChar", ["`Σ_ij [i<j] …`"]),
    (r"L = \sum_{j«=»i+1}^{n} w_{ij}", "UnexpectedChar", ["Σ_j [j ≥ i+1]"]),
    (r"y_i = \sum_{j «\in» N_i} x_j", "UnexpectedChar", ["factor of 0 and 1"]),
    ("z = x«^H» y", "AmbiguousNotation", ["conj(A_ji)"]),
    ("y_i = «SIGMOID»(x_i)", "UnknownFunction", ["did you mean sigmoid"]),
    (r"y_i = «\begin»{aligned} x_i", "UnexpectedChar", ["leave the environment out"]),
]


@pytest.mark.parametrize("marked, kind, words", REFUSED, ids=[t for t, _, _ in REFUSED])
def test_refused_with_what_was_meant(marked: str, kind: str, words: list[str]) -> None:
    start, end = marked.index("«"), marked.index("»") - 1
    text = marked.replace("«", "").replace("»", "")
    with pytest.raises(getattr(errors, kind)) as info:
        parse(text)
    error = info.value
    assert type(error).__name__ == kind
    assert error.span == (start, end)
    for word in words:
        assert word in str(error)


def offers(text: str) -> list[str]:
    """The right sides that a refusal offers for the whole of this one."""
    with pytest.raises(TensorpropError) as info:
        parse(text)
    return re.findall("`([^`]+)`", info.value.fix or "")


@pytest.mark.parametrize("word", [w for w in TAKEN_ALONG if w not in BINDERS and w not in KNOWN])
def test_what_is_taken_along_an_index_is_told_how_to_write(word: str) -> None:
    read = 0
    for text in (f"s_j = {word}_b(x_bj)", f"s_bj = {word}_b(x_bj - m_j)", f"E = {word}_b(x_b)"):
        first, product = offers(text)
        left = text.partition(" =")[0]
        parse(f"{left} = {product}", convention="einsum")
        try:
            read += parse(f"{left} = {first}") is not None
        except TensorpropError:  # taken away, so that it cannot stand on the left
            continue
    assert read, word
    assert offers(f"s_j = {word}(x_bj)")


ARGUMENTS = ("x_i", "w_i + 1", "v_i")


@pytest.mark.parametrize("word", FUNCTIONS_ELSEWHERE)
def test_functions_of_other_libraries_are_told_with_a_line_that_is_read(word: str) -> None:
    for count in FUNCTIONS_ELSEWHERE[word]:
        arguments = ARGUMENTS[:count] if word != "cross" else ("a", "w")
        for left in ("y_i", "y", "y_ij") if "«i»" not in FUNCTIONS_ELSEWHERE[word][count] else ("y",):
            (told,) = offers(f"{left} = {word}({', '.join(arguments)})")
            assert "«" not in told and "«" not in str(told)
            for free in (left, "y", "y_i", "y_ic"):  # what is summed leaves the left side
                try:
                    s = parse(f"{free} = {told}")
                except TensorpropError:
                    continue
                assert parse(show(s)) is s
                break
            else:
                raise AssertionError(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("y_i = f(x_i) // 2", "floor(f(x_i) / 2)"),
        ("y_i = (x_i + 1) % n", "remainder((x_i + 1), n)"),
        ("y_i = tanh(x_i) ** 2", "tanh(x_i)^2"),
        ("y_i = x[i+1] ** (n + 1)", "x[i+1]^{n + 1}"),
        (r"y_i = \left\lfloor x_i / 2 \right\rfloor", "floor(x_i / 2)"),
        ("y_i = ⌈x_i⌉ w_i", "ceil(x_i)"),
        ("y_i = a_i ÷ b_i", "a_i / b_i"),
        ("y_i = ∛x_i", "cbrt(x_i)"),
        ("y_i = [x_i - 1]_+", "max(0, x_i - 1)"),
        (r"y_i = (x_i)^{+}", "max(0, x_i)"),
        ("y_i = 𝟙[x_i > 0]", "[x_i > 0]"),
        ("y_i = 𝟙{x_i > 0}", "[x_i > 0]"),
        ("y_i = c_i ? x_i : 0", "where([c_i ≠ 0], x_i, 0)"),
        ("y_i = x_i & w_i", "x_i w_i"),
        ("y = <a_i, b_i>", "a_i b_i"),
        (r"y = \langle a_i, b_i \rangle", "a_i b_i"),
        ("y_i = x_i!", "exp(lgamma(x_i + 1))"),
        ("y_i = x_i @ w_i", "x_i w_i"),
        ("y_i = sg[x_i]", "stop(x_i)"),
        ("y_i = heaviside(x_i, 0.5)", "[x_i > 0] + 0.5 [x_i = 0]"),
        ("y_bc = one_hot(t_b, 10)", "[t_b = c]"),
        ("c_i = cross(a_i, b_i)", "ε_ijk a_j b_k"),
        ("y = cos_sim(a, b)", "(Σ_i a_i b_i) / (norm_i(a_i) norm_i(b_i))"),
        (
            "a_bi = concat(x_bj, z_bk)",
            "[i < dim(x, 1)] x[b, i] + [i ≥ dim(x, 1)] z[b, i - dim(x, 1)]; dim(i) = dim(x, 1) + dim(z, 1)",
        ),
        ("y_i = flip(x_i)", "x[dim(x, 0) - 1 - i]; dim(i) = dim(x, 0)"),
        ("y_ti = diff(x_ui)", "x[t + 1, i] - x[t, i]; dim(t) = dim(x, 0) - 1"),
        ("y_i = roll(x_i)", "[i = 0] x[dim(x, 0) - 1] + [i ≥ 1] x[i - 1]; dim(i) = dim(x, 0)"),
        (r"k = \arg\max_j x_j", "argmax_j(x_j)"),
        ("y_b = kl(p_bi, q_bi)", "Σ_i p_bi log(p_bi / q_bi)"),
    ],
)
def test_signs_and_words_of_elsewhere_are_told_in_the_users_letters(text: str, told: str) -> None:
    assert told in offers(text), offers(text)
    left = text.partition(" =")[0]
    s = parse(f"{left} = {told}")
    assert parse(show(s)) is s


@pytest.mark.parametrize("text", ["y_i = x_i - oo", "y_i = x_i + infinity", "y_i = x_i ∝ 2", "y_i += x_i", "y_i ← x_i"])
def test_what_is_no_number_and_no_equation_is_refused(text: str) -> None:
    with pytest.raises(TensorpropError) as info:
        parse(text)
    assert info.value.fix


@pytest.mark.parametrize("word", sorted(w for w in ELSEWHERE if w not in BINDERS and w not in KNOWN))
def test_what_no_equation_says_is_refused(word: str) -> None:
    for text in (f"m_j = {word}_b(x_bj)", f"m_j = {word}(x_j)")[: 1 + (word not in ALONG_AN_AXIS)]:
        with pytest.raises(errors.UnknownFunction) as info:
            parse(text)
        assert "give it as an input" in str(info.value)


@pytest.mark.parametrize("word", [w for w in PROGRAMMING if w != "∞" and w not in BINDERS and w not in KNOWN])
def test_a_reserved_word_is_no_tensor(word: str) -> None:
    for text in (
        f"y_i = x_i {word} z_i",
        f"y_i = {word}_i",
        f"{word}_i = x_i",
        f"{word} = x_i x_i",
        f"y_i = {word}(x_i)",
    ):
        with pytest.raises(errors.ForbiddenName):
            parse(text)
    with pytest.raises(errors.UsageError):
        parse_einsum("i->i", names=[word])
    s = parse(f"y_i = W[{word}, i] x[{word}] [{word} ≥ i]")  # an index may be called so
    assert parse(show(s)) is s


@pytest.mark.parametrize("word", sorted(SPELLED_OUT))
def test_words_of_matrix_notation_are_spelled_out(word: str) -> None:
    with pytest.raises(errors.UnknownFunction):
        parse(f"y = {word}(X)")


def test_a_name_that_is_a_tensor_elsewhere_is_one_before_a_parenthesis() -> None:
    one = parse("y_i = W_ij(x_j - m_j); m_j = W_ij h_i")
    assert one is parse("y_i = W_ij (x_j - m_j); m_j = W_ij h_i")
    assert parse("δa_i = δh_i(1 - h_i^2)") is parse("δa_i = δh_i (1 - h_i^2)")
    assert parse("y_i = W[in, i](x[in] - m); z = W[in, i] v[in] v_i".replace("v[in] v_i", "v_i v[in]"))


# pasted, and the same in the plain notation
PASTED = [
    (r"y_i = \hat{x}_i + \bar{\mu}_{i} \tilde x_i", "y_i = xhat_i + μbar_i xtilde_i"),
    (r"\widehat{y}_i = \mathbf{W}_{ij} \hat{\mathbf{x}}_j", "yhat_i = W_ij xhat_j"),
    (r"\dot{x}_i = A_ij \overline{x}_{j}", "xdot_i = A_ij xbar_j"),
    ("ŷ_i = Â_ij x̄_j + μ̂ ẋ_i; δŷ_i = ŷ_i - ỹ_i", "yhat_i = Ahat_ij xbar_j + μhat xdot_i; δyhat_i = yhat_i - ytilde_i"),
    ("L = ŷ y", "L = yhat y"),
    (r"y_\ell = W_{\ell i} x_i", "y_ℓ = W_ℓi x_i"),
    (r"z^{(\ell)}_{i} = W^{(\ell)}_{ij} a^{(\ell-1)}_j", "z^(ℓ)_i = W^(ℓ)_ij a^(ℓ-1)_j"),
    (r"z^{[l]}_{i} = W^{[l]}_{ij} a^{[l-1]}_j + b^{[l]}_i", "z^(l)_i = W^(l)_ij a^(l-1)_j + b^(l)_i"),
    (r"y_i = \softmax_i(x_i) \relu(x_i)", "y_i = softmax_i(x_i) relu(x_i)"),
    (r"y_i = \operatorname{softmax}_i(x_i)", "y_i = softmax_i(x_i)"),
    (r"y_i = \vec{x}_i", "y_i = x_i"),
]


def test_a_second_tensor_of_one_name_is_offered_another_one() -> None:
    with pytest.raises(errors.RankMismatch) as info:
        parse("v_i = var_j(x_ij); y_ij = x_ij v_ij / v_i")
    assert "such as v2_ij" in str(info.value)


@pytest.mark.parametrize("pasted, plain", PASTED)
def test_pasted_latex_is_read(pasted: str, plain: str) -> None:
    s = parse(pasted)
    assert s is parse(plain)
    assert parse(show(s)) is s
    assert parse(show(s, ascii=True)) is s


@pytest.mark.parametrize("text", ["s_td = q_td / sqrt(d[])", "y_t = t[] x_t", "y_t = g^(t[]) x_t", "n[] = Σ_n x_n"])
def test_a_scalar_called_as_an_index_is_written_with_brackets(text: str) -> None:
    s = parse(text)
    assert parse(show(s)) is s
    assert parse(show(s, ascii=True)) is s


@pytest.mark.parametrize(
    "text, shown",
    [
        ("y_i = 0 x_i + 0.5", "y_i = 1/2 [i < dim(x, 0)]"),
        ("y_ij = x_i + 0 w_j", "y_ij = x_i [j < dim(w, 0)]"),
        ("y_i = foo^2(x_i); foo = 3", "y_i = foo^2 x_i\nfoo = 3"),
        ("y_i = a^2(x_i + 1)", "y_i = a^2 (x_i + 1)"),
    ],
)
def test_a_term_that_is_0_keeps_its_letters_and_known_scalars_have_powers(text: str, shown: str) -> None:
    assert show(parse(text)) == shown and parse(shown) is parse(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # bold letters are vectors and matrices
        (r"z = \mathbf{W}\mathbf{x}", r"z_i = \mathbf{W}_{ij}\mathbf{x}_j"),
        (
            r"\mathbf{z} = \boldsymbol{W} \boldsymbol{x} + \bm{b}",
            r"\mathbf{z}_i = \boldsymbol{W}_{ij} \boldsymbol{x}_j + \bm{b}_i",
        ),
        (r"y = \vec{a} \cdot \vec{b}", r"y = \vec{a}_i \cdot \vec{b}_i"),
        (r"\mathbf{C} = \mathbf{A}\mathbf{B}", r"\mathbf{C}_{ik} = \mathbf{A}_{ij}\mathbf{B}_{jk}"),
        (r"E = \mathbf{x}^T \mathbf{A} \mathbf{x}", r"E = \mathbf{x}_i \mathbf{A}_{ij} \mathbf{x}_j"),
        (
            r"\mathbf{h} = \tanh(\mathbf{W}^T \mathbf{x} \odot \mathbf{m})",
            r"\mathbf{h}_i = \tanh(\mathbf{W}_{ji} \mathbf{x}_j \odot \mathbf{m}_i)",
        ),
        (
            r"\mathbf{h}^{(1)} = \sigma(\mathbf{W}^{(1)}\mathbf{x})",
            r"\mathbf{h}^{(1)}_i = \sigma(\mathbf{W}^{(1)}_{ij}\mathbf{x}_j)",
        ),
        (r"g = \lambda \hat{\mathbf{x}}", r"g_i = \lambda \hat{\mathbf{x}}_i"),
        # an entry of the inverse
        ("y_i = A^{-1}_ij b_j", "y_i = «inv(A)_ij» b_j"),
        ("y_i = A^{-1}_{ij} b_j", "y_i = «inv(A)_{ij}» b_j"),
        ("y_i = A⁻¹_ij b_j", "y_i = «inv(A)_ij» b_j"),
        (r"y_ij = \mathbf{A}^{-1}_{ij}", r"y_ij = «inv(\mathbf{A})_{ij}»"),
        # a function's value as a subscript
        ("y = x[argmax_u(s_u)]", "k = argmax_u(s_u); y = x[k[]]"),
        ("y_k = x[argmax_u(s_u), k]", "n = argmax_u(s_u); y_k = x[n[], k]"),
        ("l_b = logp[b, argmax_c(s_bc)]", "k_b = argmax_c(s_bc); l_b = logp[b, k_b]"),
        ("y_k = v[argtop_u(x_u)[k]]", "n_k = argtop_u(x_u)[k]; y_k = v[n_k]"),
        ("y_u = v[argsort_u(x_u)]", "k_u = argsort_u(x_u); y_u = v[k_u]"),
        # lengths, gradients, powers and sums
        (r"n = \|x\|", "n = «sqrt(Σ_i x_i^2)»"),
        (r"n = \|\theta - t\|^2", r"n = «Σ_i (\theta_i - t_i)^2»"),
        (r"n = \|A\|_F^2", "n = «Σ_ij A_ij^2»"),
        (r"g = \nabla_W L", "g_ij = ∂L/∂W_ij"),
        (r"g_k = \nabla_\theta J", "g_k = «∂J/∂θ_k»"),
    ],
)  # fmt: skip
def test_what_is_told_to_be_written_is_read(text: str, written: str) -> None:
    """The fix, all that is written or the part between « and », stands in the message, and is read when typed in."""
    told = re.search("«(.*)»", written)
    with pytest.raises(TensorpropError, match=re.escape(told[1] if told else written)):
        parse(text)
    s = parse(re.sub("[«»]", "", written))
    assert parse(str(s)) is s


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"z_i = inv(\mathbf{A})_{ij} \mathbf{b}_j", "z_i = inv(A)_ij b_j"),
        (r"y_i = \mathbf{f}(x_i)", "y_i = f(x_i)"),
        (r"y_i = \mathbf{c}[] \mathbf{x}_i", "y_i = c x_i"),
    ],
)
def test_bold_names_with_subscripts_are_names(text: str, read: str) -> None:
    assert str(parse(text)) == read


def test_bold_formulas_are_read_where_the_message_says() -> None:
    for text, read in (
        (r"\mathbf{z} = \mathbf{W}\mathbf{x} + \bm{b}", "z_i = W_ij x_j + b_i"),
        (r"y = \vec{a}^T \vec{b}", "y = a_i b_i"),
        (r"\mathbf{x} = \mathbf{A}^{-1}\mathbf{b}", "x_i = inv(A)_ij b_j"),
    ):
        assert str(parse_formula(text)) == read


def test_bold_letters_without_subscripts_are_never_numbers() -> None:
    for text in (r"z = \mathbf{W} x", r"z = \mathbf{w}\mathbf{x}", r"y_i = \mathbf{c} x_i", r"E = f(\mathbf{x})"):
        with pytest.raises(TensorpropError, match="bold"):
            parse(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        # functions as LaTeX writes them
        (r"d_j = 1 - \tanh^2(z_j)", "d_j = 1 - tanh(z_j)^2"),
        (r"d_j = 1 - \tanh^{2}\left(z_j\right) \sin²z_j", "d_j = 1 - tanh(z_j)^2 sin(z_j)^2"),
        (r"y_i = \cos^2\theta_i + \sin^{2} (\theta_i)", "y_i = cos(θ_i)^2 + sin(θ_i)^2"),
        (r"H = -\sum_{i=1}^n p_i \log_2 p_i", "H = -Σ_i p_i log2(p_i)"),
        (r"y_i = \log \sum_j \exp \left(x_{ij}\right)", "y_i = log(Σ_j exp(x_ij))"),
        (r"L_b = -t_{bc} \log \frac{a_{bc}}{\|v_{bk}\|}", "L_b = -t_bc log(a_bc / norm_k(v_bk))"),
        # lengths
        (r"n = \|x_k\|_2^2", "n = Σ_k x_k^2"),
        (r"n_b = \lVert x_{bi} \rVert", "n_b = norm_i(x_bi)"),
        (r"n = \lVert x_i \rVert_1 + \|v_j\|_{\infty}", "n = Σ_i abs(x_i) + max_j(abs(v_j))"),
        (r"n = \|W_{ij}\|_F^2 \|W_{ij}\|_F", "n = (Σ_ij W_ij^2) norm_ij(W_ij)"),
        (r"d_i = \left\|x_ik - c_k\right\|^2", "d_i = Σ_k (x_ik - c_k)^2"),
        (r"L = \frac12 \|A_{ij} x_j - b_i\|^2", "L = 1/2 Σ_i (A_ij x_j - b_i)^2"),
        (r"L = \frac{1}{n} \sum_{b=1}^{n} \|x_{bi}\|", "L = 1/dim(b) Σ_b norm_i(x_bi)"),
        # limits of sums
        (r"m = \frac{1}{N}\sum^{N}_{i=1} x_i; v = \frac{1}{N}\sum_{i=1}^N (x_i - m)^2",
         "m = 1/dim(i) Σ_i x_i; v = 1/dim(i) Σ_i (x_i - m)^2"),
        (r"y_j = \sum_{i=0}^{n-1} a_i W_ij", "y_j = a_i W_ij"),
        (r"y_t = \sum_{u=0}^{t} x_u - \sum_{u=0}^{t-1} w_u", "y_t = [u ≤ t] x_u - Σ_u [u < t] w_u"),
        # comparisons, gradients, layers
        ("s_tu = where(u <= t, a_tu, 0)", "s_tu = where([u ≤ t], a_tu, 0)"),
        ("y_t = where(t = 0, x_t, where(x_t > n, 1, 0))", "y_t = where([t = 0], x_t, where([x_t > n], 1, 0))"),
        (r"\nabla_{W_{ij}} L = x_i g_j; V_ij = W_ij - η \nabla_{W_{ij}} L",
         "∂L/∂W_ij = x_i g_j; V_ij = W_ij - η ∂L/∂W_ij"),
        (r"z^{l}_{i} = W^{l}_{ij} a_j^{l-1}; a^{l}_i = \sigma(z^{l}_i)",
         "z^(l)_i = W^(l)_ij a^(l-1)_j; a^(l)_i = σ(z^(l)_i)"),
    ],
)  # fmt: skip
def test_what_people_paste_is_read_where_it_has_one_meaning(text: str, plain: str) -> None:
    assert parse(text) is parse(plain) and parse(str(parse(text))) is parse(text)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        (r"y_i = \log x_i y_i", ["log(x_i) y_i", "log(x_i y_i)"]),
        (r"y_i = \sin x_i^2", ["sin(x_i)^2", "sin(x_i^2)"]),
        (r"n = \|W_{ij}\|", [r"\|W_{ij}\|_F", "norm2(W)"]),
        ("y_i = Wσ(x_i)", ["W σ(x_i)", "W1(x_i)"]),
        ("y_d = softmax_c(x_c)[d]; dim(d) = dim(x, 0) - 1", ["p[d]", "softmax_d(…)"]),
        ("y_i = W_i relu(x_i) + Wrelu(x_i)", ["W relu(x_i)"]),
        ("z_i = W_ijσ(x_j)", ["W_ij σ(x_j)"]),
        ("y_i = f^2(x_i)", ["f(x_i)^2", "f^2 (x_i)"]),
        ("y_t = where(0 < t < 3, x_t, 0)", ["[0 < t] [t < 3]"]),
        ("y_i = where(x_i > 0 and x_i < 1, x_i, 0)", ["[x_i > 0] [x_i < 1]"]),
        (r"y = \sum_{i=1}^{n} x_i; z = n", ["Σ_i [i < n]"]),  # n is a size, or a scalar
        (r"y = \sum_{i=1}^{n} x_{i-1}", ["Σ_i [i < n]"]),  # counted from 1, or from 0
        (r"y_t = \sum_{u=1}^{t} x_u", ["Σ_u [u < t]"]),
        (r"y_t = \prod_{u=0}^{t} x_u", ["prod_u(where([u < t + 1], …, 1))"]),
        (r"y = \sum_{i=1}^n \sum_{j=1}^n K_{ij}", ["Σ_i"]),  # says that K is square
        (r"z^{l}_i = x_i^{l} l", ["`z^{(l)}_i`"]),
        (r"\nabla_W L = x_i y_j", ["∂L/∂W_ij"]),
        (r"y_i = x_i / \|x\|", ["sqrt(Σ_k x_k^2)"]),
    ],
)
def test_what_has_two_readings_is_refused_with_both(text: str, readings: list[str]) -> None:
    with pytest.raises(TensorpropError) as e:
        parse(text)
    assert all(r in str(e.value) for r in readings), str(e.value)
