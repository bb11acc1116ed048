"""Derivations of whatever may be differentiated: recurrences, shifted reads, gathers, matrices, and any name."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import adjoint
from tensorprop.check import equivalent, explain
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Expr, Tensor
from tensorprop.core.walk import inline, transform
from tensorprop.errors import TensorpropError
from tensorprop.layers import Layer
from tensorprop.render.document import TextTable
from tensorprop.render.mathml import mathml
from tensorprop.run.reference import evaluate
from tensorprop.text import parse

# text, shapes, and words that must be told
ANY: dict[str, tuple[str, dict[str, tuple[int, ...]], tuple[str, ...]]] = {
    "recurrent network": (
        "h_tj = tanh(x_ti V_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j",
        {"x": (4, 2), "V": (2, 3), "W": (3, 3), "g": (3,)},
        ("t := u + 1", "[u + 1 < |t|] says where that is", "so backward δh_tj reads δh[t + 1, l]",
         "δh[−1, j] is what the recurrence for δh gives", "and δh^(out) is given"),
    ),
    "linear recurrence": (
        "s_t = a_t s_{t-1} + x_t; s_{-1} = 0; E = 1/2 s_t^2", {"a": (4,), "x": (4,)},
        ("s reaches the error along two paths", "it runs the other way along t"),
    ),
    "start inside": (
        "s_t = a_t s_{t-1} + x_t; s_0 = g", {"a": (4,), "x": (4,), "g": ()}, ("it runs the other way along t",),
    ),
    "convolution": (
        "y_x = a[x+u] k_u", {"a": (6,), "k": (3,)},
        ("x := z − u", "δy[z − u] counts as 0", "read the other way round (flipped)", "δy has a subscript"),
    ),
    "average pooling": (
        "y[b,x,c] = mean_u(a[b,2x+u,c]); dim(u) = 2", {"a": (2, 6, 2)},
        ("u := z − 2 x", "[2 x ≤ z] and [z − 2 x < 2] say where that is"),
    ),
    "gather": ("x_td = E[tok_t, d]", {"E": (5, 2), "tok": (3,)}, ("δE = ∂L/∂E", "[tok_t = w]")),
    "inverse": (
        "r_i = x_i - m_i; e = r_i inv(S)_ij r_j", {"x": (3,), "m": (3,), "S": (3, 3)},
        ("∂(X⁻¹)_ab/∂X_uv = −(X⁻¹)_au (X⁻¹)_vb",),
    ),
    "determinant": ("e = logdet(S)", {"S": (3, 3)}, ("∂logdet(X)/∂X_uv = (X⁻¹)_vu",)),
}  # fmt: skip


def _frozen(eq: Equation) -> Equation:
    """A line in which δ of the left side stands on the right: there it is a value like any other."""
    name = eq.name

    def rule(n: Expr) -> Expr:
        return Tensor("given", n.subscripts) if isinstance(n, Tensor) and n.name == name else n

    return equation(eq.target, transform(eq.value, rule))


def _value(eq: Equation, s: System, arrays: Mapping[str, np.ndarray], facts: tuple[object, ...]) -> np.ndarray:
    """A line's value beside the forward equations, whose starts a recurrence reads."""
    whole = system([*s, _frozen(eq)], facts)  # type: ignore[arg-type]
    given = {**arrays, "given": arrays[eq.name]}
    return np.asarray(evaluate(whole, {name: given[name] for name in whole.inputs})[eq.name])


@pytest.mark.parametrize("name", ANY)
def test_whatever_is_differentiated_is_explained(name: str) -> None:
    """Every line from the insertion on has the value of the rule, and the words tell what happens."""
    text, shapes, words = ANY[name]
    s = parse(text)
    rules = adjoint(s)
    rng = np.random.default_rng(3)
    arrays = {n: rng.uniform(0.5, 2.0, shape) for n, shape in shapes.items()}
    arrays |= {n: rng.integers(0, 5, shape) for n, shape in shapes.items() if n == "tok"}
    inputs = dict(arrays)
    arrays |= evaluate(s, arrays)
    for n in rules.inputs:
        if n.startswith("δ"):
            arrays[n] = inputs[n] = rng.uniform(0.5, 2.0, np.shape(arrays[n[1:].removesuffix("^(out)")]))
    both = s + rules
    arrays |= evaluate(both, {k: inputs[k] for k in both.inputs})
    d = explain(text, [r.name[1:] for r in rules if r.name[1:] in s.inputs])
    told = " ".join(str(d).split())
    for phrase in words:
        assert phrase in told, phrase
    for part in d.parts:
        if any(local.forward.place for local in part.passage.locals):
            continue  # a start of a recurrence: δh[-1, j] is no entry of an array
        for line in (part.passage.inserted, *(eq for _, eq in part.passage.moves), part.passage.rule):
            facts = (*s.facts, *(f for f in rules.facts if f not in s.facts))
            try:
                got = _value(line, s, arrays, facts)
            except TensorpropError:  # a δ that is read outside needs the rule's own bounds
                continue
            np.testing.assert_allclose(got, arrays[part.rule.name], rtol=1e-12, err_msg=str(line))
    assert d.html and d.markdown and d.latex and d.as_dict()


TEXTS = (
    "h_j = f({0}_j)", "{0}_j = a_i W_ij + b_j; h_j = f({0}_j)", "z_j = a_i {0}_ij + b_j",
    "{0} = 1/2 z_j^2; z_j = W_ij q_i",
)  # fmt: skip
NAMES = [*string.ascii_letters, *"αβγδεζηθκλμνξπρστφψωΓΔΘΛΞΦΨΩ", "E'", "x1", "mean", "max", "dim", "inv",
         "stop", "outside", "lambda", "J1", "W2", "tr", "diag", "if", "None", "dx", "partial", "E2", "log"]  # fmt: skip


def test_any_name_is_explained() -> None:
    """Whatever may be differentiated is explained, whatever its tensors are called; the error is none of them."""
    for k, name in enumerate(NAMES):
        for n, text in ((0, TEXTS[0]), (turn := 1 + k % 3, TEXTS[turn])):
            try:
                adjoint(text.format(name))
            except TensorpropError:
                continue
            d = explain(text.format(name))
            assert str(d) and (n or d.html)
            assert d.system.rank(d.error) == 0 if d.error in d.system.names else True


def test_letters_are_none_of_the_tensors() -> None:
    """``δE_xe`` beside a tensor x would be read as if x were a subscript."""
    for text in ("x_td = E[tok_t, d]", "y_x = a[x+u] k_u", "l_i = k_j m_ij"):
        for part in explain(text).parts:
            assert not set(part.passage.letters) & set(parse(text).names)


# text, wrt, what is given, the last line, and what is said of it
LAST: list[tuple[str, str, str, str, str]] = [
    ("s_b = σ(x_bi w_i + c); L = mean_b(-y_b log(s_b) - (1 - y_b) log(1 - s_b))", "w", "",
     "δw_i = (s_b - y_b) x_bi / dim(x, 0)", "δs put in"),
    ("s_b = σ(z_b); L = -y_b log(s_b) - (1 - y_b) log(1 - s_b)", "z", "", "δz_b = s_b - y_b", "δs put in"),
    ("p_bc = softmax_c(z_bc); L = -t_bc log(p_bc)", "z", "Σ_c t_bc = 1", "δz_bc = p_bc - t_bc", "Σ_d t_bd = 1"),
    ("p_bc = softmax_c(z_bc); L = -t_bc log(p_bc)", "z", "", "δz_bc = p_bc Σ_d t_bd - t_bc", "no other δ"),
    ("m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); h_bi = (x_bi - m_b) / sqrt(v_b + ε)", "x", "",
     "δx_bi = (δh_bi - mean_j(δh_bj) - (x_bi - m_b) / (v_b + ε) mean_j(δh_bj (x_bj - m_b))) / sqrt(v_b + ε)",
     "deviations from a mean add up to 0"),
    ("m_i = mean_b(x_bi); v_i = mean_b((x_bi - m_i)^2); h_bi = (x_bi - m_i) / sqrt(v_i + ε)", "x", "",
     "δx_bi = (δh_bi - mean_c(δh_ci) - (x_bi - m_i) / (v_i + ε) mean_c(δh_ci (x_ci - m_i))) / sqrt(v_i + ε)",
     "deviations from a mean add up to 0"),
]  # fmt: skip


@pytest.mark.parametrize("text, wrt, given, last, said", LAST)
def test_the_textbooks_last_line(text: str, wrt: str, given: str, last: str, said: str) -> None:
    d = explain(Layer(forward=text, given=given), wrt)
    remark = next(r for r in d.remarks if r.title == "Put together")
    eq = remark.equations[-1]
    made = {e.name: (e.letters, e.value) for e in parse(text) if e.name not in parse(last).inputs}
    assert equivalent(equation(eq.target, inline(eq.value, made)), parse(last)) is not False
    assert said in remark.text.unicode
    assert not any(i.startswith("%") for i in remark.equations[0].value.binds)


NORMS = [
    ("m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); h_bi = (x_bi - m_b) / sqrt(v_b + ε); y_bi = g_i h_bi + c_i",
     "δx_bi = (δh_bi - h_bi mean_j(h_bj δh_bj) - mean_j(δh_bj)) / sqrt(v_b + ε)"),
    ("m_i = mean_b(x_bi); v_i = var_b(x_bi); y_bi = (x_bi - m_i) / sqrt(v_i + ε)",
     "δx_bi = (δy_bi - y_bi mean_c(y_ci δy_ci) - mean_c(δy_ci)) / sqrt(v_i + ε)"),
    ("m_b = mean_i(x_bi); v_b = mean_i((x_bi - m_b)^2); r_b = 1 / sqrt(v_b + ε); n_bi = (x_bi - m_b) r_b",
     "δx_bi = r_b (δn_bi - n_bi mean_j(n_bj δn_bj) - mean_j(δn_bj))"),
    ("m_b = mean_i(x_bi); v_b = var_i(x_bi); y_bi = g_i (x_bi - m_b) / sqrt(v_b + ε) + c_i",
     "δx_bi = (g_i δy_bi - y0_bi mean_k(g_k y0_bk δy_bk) - mean_j(g_j δy_bj)) / sqrt(v_b + ε)"),
]  # fmt: skip


@pytest.mark.parametrize("text, last", NORMS)
def test_normalisations_come_to_three_terms(text: str, last: str) -> None:
    """Folded back to what was made on the way there, and right at random arrays."""
    page = parse(text)
    remark = next(r for r in explain(page, "x").remarks if r.title == "Put together")
    *named, eq = remark.equations
    assert equivalent(eq, parse(last)) is True
    rng = np.random.default_rng(0)
    shapes = {"x": (3, 4), "g": (4,), "c": (4,), "ε": (), f"δ{page.outputs[-1]}": (3, 4)}
    given = {n: rng.uniform(0.5, 2, shape) for n, shape in shapes.items()}
    both = page + adjoint(page, "x")
    there = evaluate(both, {n: a for n, a in given.items() if n in both.inputs})
    line = system([*named, eq])
    found = evaluate(line, {n: a for n, a in {**given, **there}.items() if n in line.inputs})["δx"]
    assert np.allclose(found, there["δx"], rtol=1e-12)


def test_what_would_be_so_is_said_to_be_so_only_there() -> None:
    d = explain("p_bc = softmax_c(z_bc); L = -t_bc log(p_bc)", "z")
    first, supposed = (r for r in d.remarks if r.equations)
    assert first.shown[0].unicode == "δz = diag(t1) p − t"
    assert supposed.shown[0].unicode == "δz = p − t"
    assert "Where Σ_d t_bd = 1" in supposed.text.unicode


def test_signs_of_mathml() -> None:
    """``:=`` is one operator, the bars of a size are fences, a prime stands above."""
    found = mathml("|i| := k'")
    assert "<mo>:=</mo>" in found and "<msup><mi>k</mi><mrow><mo>′</mo></mrow></msup>" in found
    assert found.count('form="prefix"') == found.count('form="postfix"') == 1


def test_a_shift_on_the_left_is_explained() -> None:
    """Depth is a recurrence too; its step has no matrix form, and its last lines are what `adjoint` gives."""
    text = "x[l+1, j] = x_lj + tanh(x_li W_lij); x[0, j] = a_j; E = x[dim(W, 0), j] y_j"
    shown = tp.explain(text, wrt="W")
    assert [str(rule) for rule in shown.rules] == [str(rule) for rule in tp.adjoint(text, wrt="W")]
    assert "Why backwards in time?" in str(shown) and "δx[l + 1, j]" in str(shown)


@pytest.mark.parametrize(
    "text",
    [
        "α_tj = logsumexp_i(α_{t-1,i} + T_ij) + o_tj; α_{-1,j} = π_j",
        "h_tj = [t < n] tanh(x_tj + h_{t-1,k} W_kj) + [t ≥ n] h_{t-1,j}; h_{-1,j} = g_j",
        "x_{l+1,b,j} = x_lbj + tanh(x_lbi W_lij); x_{0,b,j} = a_bj",
    ],
)
def test_rules_that_read_where_a_recurrence_starts_are_explained(text: str) -> None:
    shown = tp.explain(text)
    assert [str(rule) for rule in shown.rules] == [str(rule) for rule in tp.adjoint(text)]


@pytest.mark.parametrize("options", [{}, {"layout": "row"}, {"derivative": "numerator"}])
@pytest.mark.parametrize(
    "text, left",
    [
        ("z_j = W_ij a_i + b_j; h_j = f(z_j)", {"W"}),
        ("z_bj = a_bi W_ij + b_j; h_bj = f(z_bj); E = 1/2 (h_bj - y_bj)^2", {"W", "b", "z"}),
        ("y = x_i A_ij x_j", set()),
        ("z_k = T_ijk a_i b_j", {"T"}),
    ],
)
def test_two_derivations_side_by_side(text: str, left: set[str], options: dict[str, Any]) -> None:
    """The line at which the vector version leaves matrices is that of a derivative with three indices or more."""
    d = explain(text, detail="beside", **options)
    table = next(b for b in d.blocks() if isinstance(b, TextTable))
    chains = [row for row in table.rows if "chain rule" in row[0].unicode]
    assert {p.name for p, row in zip(d.parts, chains, strict=True) if "here it leaves" in row[2].unicode} == left
    for row in table.rows:
        if row[0].unicode == "so":
            part = next(p for p in d.parts if d.line(p.rule).unicode == row[1].unicode)
            assert part.shown.unicode in row[2].unicode
            assert ("comes back" in row[2].unicode) is (part.name in left and bool(part.shown.unicode))
