"""Every noun shows itself, equals what was made of the same, and goes through pickle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

import tensorprop as tp
from tensorprop.errors import UsageError

TEXT = "z_bj = a_bi W_ij + c_j; E = 1/2 (tanh(z_bj) - y_bj)^2"
NOUNS: dict[str, Callable[[], object]] = {
    "System": lambda: tp.parse(TEXT),
    "Equation": lambda: tp.derive("y = x_i A_ij x_j", "x_k"),
    "Layer": lambda: tp.Layer(TEXT, parameters="W c"),
    "a class of layer": lambda: tp.Dense(),
    "chain": lambda: tp.chain(tp.Dense(), "h_bj = tanh(z_bj)"),
    "Formula": lambda: tp.formula("δW_ij = a_bi δz_bj"),
    "Derivation": lambda: tp.explain(TEXT, wrt="W"),
    "Report": lambda: tp.check("z_j = a_i W_ij; δa_i = W_ij δz_j"),
    "Plan": lambda: tp.plan(TEXT, {"b": 2, "i": 3, "j": 4}),
    "Compiled": lambda: tp.compile(TEXT),
    "Gradient": lambda: tp.value_and_grad(TEXT, "W"),
    "ByParameters": lambda: tp.value_and_grad(TEXT),
    "Diagram": lambda: tp.diagram("z_j = a_i W_ij"),
    "JaxFunction": lambda: tp.jax_function(TEXT),
}


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_shows_itself_compares_and_is_pickled(noun: str) -> None:
    one, other = NOUNS[noun](), NOUNS[noun]()
    assert repr(one) == str(one) and "Tensor(" not in repr(one)
    assert one == other and hash(one) == hash(other) and one != "something else"
    again = pickle.loads(pickle.dumps(one))
    assert again == one and hash(again) == hash(one) and str(again) == str(one)
    assert copy.deepcopy(one) == one
    shown = {form: getattr(one, f"_repr_{form}_")() for form in ("html", "latex", "markdown")}
    if noun == "Diagram":
        assert one._repr_svg_().startswith("<svg")  # pyright: ignore
        return
    assert any(shown.values()) and shown["html"]
    assert "<math" in shown["html"] or noun in ("Plan", "Report")
    assert "$" not in shown["html"] and (shown["latex"] or "$$").startswith("$")


def test_a_report_shows_its_verdict() -> None:
    wrong = tp.check("z_j = a_i W_ij; δa_i = W_ji δz_j")
    assert ">WRONG</b>" in wrong._repr_html_() and ">proved</b>" in tp.check(tp.Dense())._repr_html_()


def test_different_things_differ() -> None:
    assert tp.compile(TEXT) != tp.compile(TEXT, jit=False) and tp.compile(TEXT) != tp.value_and_grad(TEXT, "W")
    assert tp.Dense() != tp.Dense().rename(W="U") and tp.Layer("z_j = a_i W_ij") != tp.Layer("z_j = a_i W_ij", name="x")


@pytest.mark.parametrize("text", [TEXT, "y_x = a[x+u] k_u; dim(x) = 7; outside(a) = 0", "p_t = softmax_t(s_t)"])
def test_a_system_is_a_dict_of_strings(text: str) -> None:
    s = tp.parse(text)
    assert tp.System.from_dict(s.to_dict()) is s
    with pytest.raises(UsageError):
        tp.System.from_dict({"lines": []})
