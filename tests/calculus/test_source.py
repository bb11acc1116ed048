"""Every verb takes every kind of text, or says in one sentence why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import tensorprop as tp
from tensorprop.calculus.source import as_forward, as_page, as_system
from tensorprop.cli import main

# One layer, told in every way in which one may tell it.
TEXTBOOK = "z_j = a_i W_ij + b_j; a_i = tanh(z_i); δ_i = W_ij δ_j (1 - a_i^2)"
LITERAL = "z_j = a_i W_ij + b_j; a_i = tanh(x_i); δx_i = W_ij δz_j (1 - a_i^2)"
KINDS: dict[str, Callable[[], Any]] = {
    "text": lambda: "z_j = a_i W_ij + b_j; a_i = tanh(x_i)",
    "an einsum spec": lambda: "i,ij->j",
    "an Equation": lambda: tp.parse("z_j = a_i W_ij")["z"],
    "a System": lambda: tp.parse("z_j = a_i W_ij + b_j; a_i = tanh(x_i)"),
    "a page": lambda: LITERAL,
    "a page in ASCII": lambda: "z_j = a_i W_ij + b_j\na_i = tanh(x_i)\ndelta x_i = W_ij delta z_j (1 - a_i^2)",
    "a page with ∂E/∂x": lambda: "z_j = a_i W_ij + b_j; a_i = tanh(x_i); ∂E/∂x_i = W_ij δz_j (1 - a_i^2)",
    "a page that was parsed": lambda: tp.parse(LITERAL),
    "the textbook's line": lambda: TEXTBOOK,
    "the textbook's forward lines": lambda: "z_j = a_i W_ij + b_j; a_i = tanh(z_i)",
    "a layer": lambda: tp.Layer(LITERAL),
    "a layer in the textbook's letters": lambda: tp.Layer(TEXTBOOK),
    "the class of a layer": lambda: tp.Dense,
}
VERBS: dict[str, Callable[[Any], Any]] = {
    "adjoint": tp.adjoint,
    "derive": lambda x: tp.derive(x, wrt=as_forward(x).inputs[0], of=as_forward(x).outputs[0]),
    "simplify": tp.simplify,
    "formula": tp.formula,
    "explain": tp.explain,
    "check": lambda x: tp.check(x),
    "plan": lambda x: tp.plan(x, {i: 3 for eq in as_system(x) for i in (*eq.letters, *eq.value.binds)}),
    "compile": tp.compile,
    "batch": lambda x: tp.batch(x, "n", over=as_system(x).inputs[0]),
    "jax_function": tp.jax_function,
    "equivalent": lambda x: tp.equivalent(x, x),
    "value_and_grad": lambda x: tp.value_and_grad(x, wrt=as_forward(x).inputs[0]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_every_kind_of_text(verb: str, kind: str) -> None:
    x = KINDS[kind]()
    if verb == "value_and_grad":
        with pytest.raises(tp.TensorpropError, match="scalar"):  # none of these layers ends in one number
            VERBS[verb](x)
    else:
        found = VERBS[verb](x)
        assert found is True if verb == "equivalent" else str(found)


@pytest.mark.parametrize("kind", [k for k in KINDS if isinstance(KINDS[k](), str)])
@pytest.mark.parametrize("command", ["derive", "check", "plan --size i=2 --size j=2", "formula", "explain"])
def test_every_command_takes_every_kind_of_text(command: str, kind: str) -> None:
    verb, *options = command.split()
    found = CliRunner().invoke(main, [verb, KINDS[kind](), *options])
    assert found.exit_code == 0, found.output


def test_parse_reads_what_is_no_circle() -> None:
    assert tp.parse(LITERAL).outputs == ("z", "δx")
    with pytest.raises(tp.TensorpropError, match="defined by one another"):
        tp.parse(TEXTBOOK)


# --------------------------------------------------------------------------- what is done with the lines of a page
def test_the_textbooks_line_gives_the_rule_that_is_derived() -> None:
    assert str(tp.adjoint(TEXTBOOK, wrt="z^(k)")) == "δa_i = W_ij δz^(k+1)_j\nδz^(k)_i = (1 - a_i^2) δa_i"
    assert tp.check(TEXTBOOK).proved
    assert "δz^(k) = W δz^(k+1) ⊙ (1 − a^{∘2})" in str(tp.formula(TEXTBOOK))


def test_the_textbooks_line_computes_forwards_and_backwards() -> None:
    a, W, b, d = np.array([0.5, -1.0]), np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]), np.zeros(3), np.ones(3)
    names = {"z^(k)": a, "W": W, "b": b, "δz^(k+1)": d}
    found = tp.compile(TEXTBOOK, backend="numpy")(**names)
    np.testing.assert_allclose(found["z^(k+1)"], np.tanh(a) @ W)
    np.testing.assert_allclose(found["δz^(k)"], (W @ d) * (1 - np.tanh(a) ** 2))


def test_verbs_that_differentiate_take_the_forward_lines() -> None:
    assert tp.adjoint(LITERAL) is tp.adjoint("z_j = a_i W_ij + b_j; a_i = tanh(x_i)")
    assert tp.explain(LITERAL, wrt="W").rules.names == tp.explain("z_j = a_i W_ij + b_j", wrt="W").rules.names


def test_a_rule_that_is_asked_for_is_differentiated_itself() -> None:
    hessian = tp.derive("E = x_i A_ij x_j; δx_i = (A_ij + A_ji) x_j", wrt="x_k", of="δx")
    assert str(hessian) == "∂δx_i/∂x_k = A_ik + A_ki"
    assert str(tp.adjoint("δa_i = W_ij δz_j", wrt="δz")) == "δδz_j = W_ij δδa_i"


def test_jax_function_uses_the_rules_of_a_page_in_any_spelling(x64: None) -> None:
    import jax

    wrong = TEXTBOOK.replace("(1 - a_i^2)", "2")
    f = tp.jax_function(wrong)
    zeros = {"W": np.eye(2), "b": np.zeros(2)}
    grad = jax.grad(lambda z: f(**{"z^(k)": z}, **zeros).sum())
    assert grad(np.zeros(2)).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("x", [3, None, lambda x: x, int])
@pytest.mark.parametrize("read", [as_page, as_system, as_forward])
def test_what_is_no_equation_is_refused(read: Callable[[Any], Any], x: Any) -> None:
    with pytest.raises(tp.TensorpropError, match="equations are needed here"):
        read(x)


def test_a_batch_carries_the_rules_of_a_page_along() -> None:
    s = tp.batch("z_j = a_i W_ij + b_j; t_j = δz_j; δa_i = W_ij t_j; δb_j = t_j", "n", over="a")
    assert [str(eq) for eq in s] == [
        "z_nj = a_ni W_ij + b_j", "t_nj = δz_nj", "δa_ni = W_ij t_nj", "δb_j = Σ_n t_nj",
    ]  # fmt: skip
    assert tp.check(s).proved
    with pytest.raises(tp.TensorpropError, match="the one number E"):
        tp.batch("E = x_i x_i; δx_i = 2 x_i", "n", over="x")
