"""What is refused: the kind of the error, the place under its caret, and the words that help."""

from __future__ import annotations

import re

import pytest

from tensorprop import errors
from tensorprop.errors import AmbiguousSum, TensorpropError
from tensorprop.text import parse, parse_expression

# text with the marked place between « and », the kind of the error, and words that its message has
REFUSED = [
    # the text breaks off, or a sign stands in the wrong place
    ("z_j = a_i W_ij +«»", "UnexpectedEnd", ['"+" needs a term', 'delete "+"']),
    ("z_j = a_i W_ij -«»; y = a", "UnexpectedEnd", ['"-" needs a term', "equation ends"]),
    ("z_j =«»", "UnexpectedEnd", ["write the right side"]),
    ("z = a /«»", "UnexpectedEnd", ["factor on its right"]),
    ("z = a^«»", "UnexpectedEnd", ["exponent"]),
    ("a_i «b_i»", "UnexpectedChar", ['needs "="', "y = a_i b_i"]),
    ("y_ij«»", "UnexpectedEnd", ['needs "="', "y_ij = …"]),
    ("«=» a", "UnexpectedChar", ["tensor that it defines"]),
    ("y_i = x_i «=» z_i", "UnexpectedChar", ["one equation, one ="]),
    ("y_i «+» 1 = x_i", "UnexpectedChar", ["left side is one tensor"]),
    ("z_j «==» a_j", "UnexpectedChar", ['one "="']),
    ("z = a «**» 2", "UnexpectedChar", ["`a^2`"]),
    ("ij,jk«->»ik", "UnexpectedChar", ["parse_einsum"]),
    ("y = a * «/» b", "UnexpectedChar", ["factor on its right"]),
    ("y = (a«,» b)", "UnexpectedChar", ["comma"]),
    ("y = «(»a + b", "UnbalancedBracket", ["never closed", '")"']),
    ("y = a + b«)»", "UnbalancedBracket", ["closes nothing"]),
    ("y = W«[»i, j", "UnbalancedBracket", ["never closed"]),
    ("y = W«_{»ij", "UnbalancedBracket", ["never closed"]),
    ("y_i = «[»i = 2", "UnbalancedBracket", ["never closed"]),
    ("y = f«(»a; z = b", "UnbalancedBracket", ["never closed"]),
    ("y = («)»", "UnexpectedChar", ["empty"]),
    ("y = f(«)»", "UnexpectedChar", ["something to act on"]),
    ("y_i = x_i «@» z_i", "UnexpectedChar", ["`x_i z_i`"]),
    (r"y = «\foo» x", "UnexpectedChar", ["LaTeX command"]),
    (r"y = «\{»x\}", "UnexpectedChar", ["( and )"]),
    # characters
    ("z_j = a_i W_ij «\ufffd»", "UnexpectedChar", ["U+FFFD", "UTF-8"]),
    ("y_«і» = 2 x_i", "ConfusableChar", ["U+0456", "Cyrillic", '"i"']),
    ("y_i = «а»_i", "ConfusableChar", ["U+0430", '"a"']),
    ("y_i = «Α»_i", "ConfusableChar", ["U+0391", "Greek", '"A"']),
    ("y_i = «ｘ»_i", "ConfusableChar", ["Fullwidth", '"x"']),
    ("y_i = «µ»_i", "ConfusableChar", ['"μ"']),
    ("y_i = x_i«\0»", "ControlChar", ["NUL", "column 10"]),
    ("y_i = «\u200b»x_i", "ControlChar", ["ZERO WIDTH SPACE"]),
    ("y_i = x_i «–» 1", "UnexpectedChar", ['write "-"']),
    ("y_ij = A«ᵀ»_ij", "UnexpectedChar", ["transpose", "A_ji"]),
    (r"y_ij = A_ij^«\top»", "UnexpectedChar", ["transpose", "A_ji"]),
    ("«<»/script>_i = a_i", "UnsafeName", ["cannot be in a name"]),
    ("y_i = a«<»b", "UnsafeName", ["cannot be in a name"]),
    ("y_i = x_i «>» 0", "UnexpectedChar", ["[a > b]"]),
    ("z_j = «__import__»('os')", "ForbiddenName", ["__", "Python"]),
    ("z = a«__b»", "ForbiddenName", ["one underscore"]),
    ("o_bx = a_b«[»x+u] k_u", "UnexpectedChar", ["write a[b, x+u]"]),
    ("E = -log(softmax_c(z_c))«[»y]", "UnexpectedChar", ["a line of its own", "p[y]"]),
    ("y_x = a[x+u] k_u; dim(x) = «1/2»", "UnexpectedChar", ["a range is a whole number"]),
    # facts of what no equation has
    ("y_i = x[i-1]; outside(«b») = 0", "UnknownName", ["tensors: y, x", "drop the line"]),
    ("y_i = x_i; dim(«z») = 3", "UnknownName", ["no index z", "indices: i"]),
    ("y_g = Σ_n [g = seg_n] x_n; dim(g) = 3; sorted(«segs»)", "UnknownName", ["did you mean seg?"]),
    # names and functions
    ("z_j = «a_» W_ij", "MissingIndex", ['"a_"', '"a_i"']),
    ("y = x«_{}»", "MissingIndex", ["no index"]),
    ("y = «sum»(x_i)", "MissingIndex", ["sum_i"]),
    ("y = «Σ» x_i", "MissingIndex", ["Σ_i"]),
    ("y_i = «softmax»(x_i)", "MissingIndex", ["softmax_i"]),
    ("y_i = «gelux»(x_i)", "UnknownFunction", ["gelu"]),
    ("y_i = «sotfmax»(x_i)", "UnknownFunction", ["softmax"]),
    ("y = «tr»(X)", "UnknownFunction", ["X_ii"]),
    ("y_i = «tanh» (x_i)", "AmbiguousNotation", ["tanh(…)", "tanh · (…)"]),
    ("y_i = «tanh» x_i", "UnexpectedChar", ["parentheses"]),
    ("y_i = «tanh_i»", "NameConflict", ["no subscripts", "tanh(z_i)"]),
    ("y_i = «log»_2(x_i)", "NameConflict", ["no subscripts"]),
    ("«mean»_i = x_i", "NameConflict", ["word of the notation"]),
    ("y_i = «dim» i", "NameConflict", ["dim(i)"]),
    ("y_i = f(x_i) + «f_i»", "NameConflict", ["function and as a tensor", "f (x + y)"]),
    ("y_i = «c'»", "UnexpectedChar", ["prime", "f′(z_i)"]),
    ("y_i = A_ij«'»", "UnexpectedChar", ["prime"]),
    ("y_i = «tanh(x_i, 2)»", "ParseError", ["1 argument"]),
    ("y_i = «max(x_i)»", "ParseError", ["max_u"]),
    ("y = det(«X_ij»)", "UnexpectedChar", ["bare name", "det(X)"]),
    ("y = «inv(X)»", "MissingIndex", ["two subscripts"]),
    ("y = inv(X «+» Y)_ij", "UnexpectedChar", ["M_ij = …"]),
    ("y = x_i«_j»", "UnexpectedChar", ["one list"]),
    ("y = (x)«_i»", "UnexpectedChar", ["only a name"]),
    ("y = ∂E/«x»", "UnexpectedChar", ["∂y_i/∂x_k"]),
    ("∂E/∂x_k«^»2 = 3", "UnexpectedChar", ["∂²E/∂x_k∂x_l"]),
    # two readings
    ("y = x«_12»", "AmbiguousNotation", ["[1, 2]", "[12]"]),
    ("y = x«_i0»", "AmbiguousNotation", ["[i, 0]", "[i0]"]),
    ("y_t = a_{«tk»-1} b_k", "AmbiguousNotation", ["[t, k-1]", "[tk-1]"]),
    ("y = «a^(n)»", "AmbiguousNotation", ["a^{n}", "a^{(n)}"]),
    ("y_i = «a_i^(2)»", "AmbiguousNotation", ["a_i^{2}", "a^(2)_i"]),
    ("y_i = x_i«^T»", "AmbiguousNotation", ["transpose", "(x_i)^T"]),
    ("y_i = i [«i» = 3] x_i", "AmbiguousNotation", ["index", "scalar", "i[]"]),
    # brackets
    ("y_i = «[»x_i]", "UnexpectedChar", ["relation"]),
    ("y_i = x_i «[»i j]", "UnexpectedChar", ["x_i[…]"]),
    ("y_i = [0 < x_i «<» 1]", "UnexpectedChar", ["one relation", "two brackets"]),
    ("y_i = «|»x_i|", "UnexpectedChar", ["abs"]),
    ("y = Σ_{i«=»1} x_i", "UnexpectedChar", ["whole of its axis"]),
    ("y = Σ_i«^»n x_i", "UnexpectedChar", ["whole of its axis"]),
    # indices
    ("z_j = «a_i W_ik» + b_j", "FreeIndexMismatch", ['term 1 has no "j"', "W_ij"]),
    ("W_ij = V_ij - η «g_ik»", "FreeIndexMismatch", ['no "j"', "g_ij"]),
    ("z_j«k» = a_i W_ij", "FreeIndexMismatch", ["k is on the left", "left: j k", "right: j"]),
    ("y_«i» = 0", "FreeIndexMismatch", ["in no term"]),
    ("y_«i» = 0 x_i", "FreeIndexMismatch", ["in no term"]),
    ("D_i«i» = a_i", "RepeatedOutputIndex", ["bracket"]),
    ("«z_0» = 3", "RepeatedOutputIndex", ["one entry"]),
    ("«z[i+1]» = a_i", "RepeatedOutputIndex", ["letter of its own"]),
    ("y = Σ_i«i» A_ij", "RepeatedOutputIndex", ["twice"]),
    ("x_i = sum_«i» a_i", "BoundIndexEscapes", ["summed away", "left"]),
    ("y = Σ_i a_i Σ_«i» b_i", "BoundIndexEscapes", ["further out"]),
    ("y_i = max_«i»(a_i)", "BoundIndexEscapes", ["taken away"]),
    ("y = Σ_«i» 1", "UnknownRange", ["range", "dim(x, 0)"]),
    ("y = «dim(q)»", "UnknownRange", ["range of q", "dim(x, 0)"]),
    ("y = «|i|»", "UnknownRange", ["abs(i)"]),
    ("y = «dim(i)» (Σ_i a_i) (Σ_i b_i)", "UnknownRange", ["range of i"]),
    ("y = «δ_ii»", "UnknownRange", ["twice"]),
    # sums with two readings
    ("y_i = «A_ij»", "AmbiguousSum", ["`Σ_j A_ij`", "left of y"]),
    ("C = «A_ij» B_jk", "AmbiguousSum", ["`Σ_ik A_ij B_jk`", "i and k"]),
    ("y = exp(«s_u»)", "AmbiguousSum", ["`Σ_u exp(s_u)`", "`exp(Σ_u s_u)`"]),
    ("y_t = exp(s_t) / exp(«s_u»)", "AmbiguousSum", ["`Σ_u exp(s_t) / exp(s_u)`", "`exp(s_t) / exp(Σ_u s_u)`"]),
    ("y_t = exp(s_t) / exp(«s_u»)", "AmbiguousSum", ["`exp(s_t) / Σ_u exp(s_u)`"]),
    ("y_t = exp(s_t) / exp(«s_u») · x_t", "AmbiguousSum", ["`exp(s_t) / (Σ_u exp(s_u)) · x_t`"]),
    (r"y = \frac«123» a", "UnexpectedChar", [r"\frac{a}{b}"]),
    ("y_t = «e^{s_t}»", "AmbiguousNotation", ["`exp(s_t)`", "`(e)^(s_t)`"]),
    ("y = «e^-x»", "AmbiguousNotation", ["`exp(-x)`"]),
    ("y = 2 («a_i» + b)", "AmbiguousSum", ["`Σ_i 2 (a_i + b)`", "`2 (Σ_i a_i + b)`"]),
    ("y = exp(«a_i» + b_i)", "AmbiguousSum", ["`Σ_i exp(a_i + b_i)`", "`exp(Σ_i (a_i + b_i))`"]),
    ("y = «(u_i u_i)(v_i v_i)»", "AmbiguousSum", ["`Σ_i (u_i u_i)(v_i v_i)`", "`(Σ_i u_i u_i)(Σ_i v_i v_i)`"]),
    ("y = «exp(a_i b_i) exp(c_i d_i)»", "AmbiguousSum", ["`exp(Σ_i a_i b_i) exp(Σ_i c_i d_i)`"]),
    ("y = «a_i b_i / sqrt(a_i a_i)»", "AmbiguousSum", ["`a_i b_i / sqrt(Σ_j a_j a_j)`"]),
    ("y = «max(a_i b_i, c_i d_i)»", "AmbiguousSum", ["`max(Σ_i a_i b_i, Σ_i c_i d_i)`"]),
    ("y = «(A_ij - C_ik S_kj)^2»", "AmbiguousSum", ["`Σ_ij (A_ij - Σ_k C_ik S_kj)^2`", "`Σ_ijk (A_ij - C_ik S_kj)^2`"]),
    ("y = «W_ii^2»", "AmbiguousSum", ["`Σ_i W_ii^2`", "`(Σ_i W_ii)^2`"]),
    ("y = 1 / «x_i^2»", "AmbiguousSum", ["`Σ_i 1 / x_i^2`", "`1 / (Σ_i x_i^2)`"]),
    ("y = 1 / «W_ii»", "AmbiguousSum", ["`1 / (Σ_i W_ii)`"]),
    # the equations together
    ("a_i = b_i; «a_i» = c_i", "DuplicateDefinition", ["defined twice"]),
    ("y = a_i b_i; z = «a_ij» c_ij", "RankMismatch", ["1 axis", "2 axes"]),
    ("a_i = b_i; «b_i» = a_i", "CircularDefinition", ["a → b → a"]),
    (
        "q[t+1] = q_t + m_t; «g_t» = sin(q[t+1]); m[t+1] = m_t - g_t; q[0] = a; m[0] = b; dim(t) = 5",
        "CircularDefinition",
        ["g_t reads q[t+1]", "g[t+1] = …"],
    ),
    ("z_j = a_i W_ij; «a_i» = f(z_i); δ_i = W_ij δ_j f′(z_i)", "CircularDefinition", ["is read by Layer, check"]),
    # limits
    ("y = «1e99999»", "NumberTooLarge", ["5000"]),
    ("y = «" + "9" * 101 + "»", "NumberTooLarge", ["100 digits"]),
    ("s = «10^10^8»", "NumberTooLarge", ["digits"]),
    ("s = «x^2000»", "NumberTooLarge", ["1024"]),
    ("s = «9^999 9^999 9^999 9^999 9^999 9^999»", "NumberTooLarge", ["digits"]),
    ("y = " + "(" * 100 + "«(»" + "x" + ")" * 101, "NestedTooDeep", ["100 levels"]),
    ("y = " + "f(" * 100 + "f«(»" + "x" + ")" * 101, "NestedTooDeep", ["100 levels"]),
    ("y = " + "2^" * 100 + "2«^»2", "NestedTooDeep", ["100 levels"]),
    ("y = " + "δ " * 100 + "«δ» x", "NestedTooDeep", ["100 levels"]),
    ("«∂^99»E/∂x_k = 3", "LimitExceeded", ["order"]),
]


@pytest.mark.parametrize("marked, kind, words", REFUSED, ids=[t[:40] for t, _, _ in REFUSED])
def test_refused_with_kind_place_and_words(marked: str, kind: str, words: list[str]) -> None:
    start, end = marked.index("«"), marked.index("»") - 1
    text = marked.replace("«", "").replace("»", "")
    with pytest.raises(getattr(errors, kind)) as info:
        parse(text)
    error = info.value
    assert type(error).__name__ == kind
    assert error.text == text
    assert error.span == (start, end)
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize("text", [t.replace("«", "").replace("»", "") for t, k, _ in REFUSED if k == "AmbiguousSum"])
def test_every_reading_that_is_offered_can_be_read(text: str) -> None:
    with pytest.raises(AmbiguousSum) as info:
        parse(text)
    offered = re.findall("`([^`]+)`", info.value.fix or "")
    assert offered
    left = text.partition("=")[0]
    read = [parse(f"{left} = {reading}") for reading in offered]
    assert len(set(read)) == len(read)


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "# only a comment\n", ";;"])
def test_nothing_to_read(text: str) -> None:
    with pytest.raises(errors.EmptySpec) as info:
        parse(text)
    assert info.value.span == (0, 0)
    with pytest.raises(errors.ParseError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text, kind",
    [
        ("y = exp(s_u)", "AmbiguousSum"),
        ("y = 1 / s_u", "AmbiguousSum"),
        ("y = 2 (a_i + b)", "AmbiguousSum"),
        ("y = [a_i > 0]", "AmbiguousSum"),
        ("y = mean_b(x_bi)", "AmbiguousSum"),
        ("y = (A_ij - C_ik S_kj)^2", "AmbiguousSum"),
        ("y_i = A_jk", "FreeIndexMismatch"),
    ],
)
def test_einsums_convention_still_refuses_what_has_two_readings(text: str, kind: str) -> None:
    with pytest.raises(getattr(errors, kind)):
        parse(text, convention="einsum")


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(errors.UsageError):
        parse(3)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError):
        parse("y = a", convention="loose")


def test_too_long_is_refused_before_it_is_read() -> None:
    text = "z_j = " + " + ".join(["a_i W_ij"] * 100_000)
    with pytest.raises(errors.SpecTooLong) as info:
        parse(text)
    assert "1,100,003" in str(info.value) and "65,536" in str(info.value)
    with pytest.raises(errors.SpecTooLong):
        parse("y = \0" + " " * 70_000)


def test_the_caret_stands_under_the_line_it_means() -> None:
    with pytest.raises(TensorpropError) as info:
        parse("a_i = 2 b_i  # fine\nz_j = a_i W_ik + b_j\nc = 3 d")
    assert str(info.value).split("\n")[1:3] == ["  z_j = a_i W_ik + b_j", "        ^^^^^^^^"]
