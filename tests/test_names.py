"""Several names have one spelling in every verb: ``"W b"``, ``"W, b"`` or a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus.source import names_in
from tensorprop.errors import UnknownName, UsageError

S = tp.parse("z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2")
ARRAYS = {"a": np.ones((2, 3)), "W": np.ones((3, 4)), "b": np.ones(4), "y": np.ones((2, 4))}

# each verb, with the names W and b spelled in one way
VERBS: dict[str, Callable[[Any], object]] = {
    "adjoint": lambda n: tp.adjoint(S, wrt=n),
    "derive": lambda n: tp.derive(S, wrt=n),
    "explain": lambda n: str(tp.explain(S, wrt=n)),
    "batch": lambda n: tp.batch(S, "n", over=n),
    "compile": lambda n: tp.compile("W_i = 2 x_i; b_i = 3 x_i", outputs=n, backend="numpy")(x=np.ones(2))["b"].tolist(),
    "plan": lambda n: str(tp.plan("W_i = 2 x_i; b_i = 3 x_i", {"i": 3}, outputs=n)),
    "value_and_grad": lambda n: tp.value_and_grad(S, wrt=n).wrt,
    "layer": lambda n: tp.Layer("z_bj = a_bi W_ij + b_j", parameters=n).parameters,
    "jax_function": lambda n: tp.jax_function("z_bj = a_bi W_ij + b_j", wrt=n).inputs,
}


@pytest.mark.parametrize("verb", VERBS)
def test_one_spelling_of_several_names(verb: str) -> None:
    one, *others = [VERBS[verb](names) for names in ("W b", "W, b", "W,b", ("W", "b"), ["W", "b"])]
    assert all(other == one for other in others)


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "jax_function"])
def test_what_is_no_name_is_refused(verb: str) -> None:
    with pytest.raises(UsageError):
        VERBS[verb]((3,))


def test_subscripts_hold_together() -> None:
    assert names_in("x_k, x_{in, out} x[in, out] W^(k + 1)_ij") == ("x_k", "x_{in, out}", "x[in, out]", "W^(k + 1)_ij")
    assert tp.derive("y = x_i A_ij x_j", wrt="x_k x_l") is tp.derive("y = x_i A_ij x_j", wrt=("x_k", "x_l"))


def test_a_derivative_takes_the_inputs_of_the_equations_from_which_it_came() -> None:
    hessian = tp.derive("r_i = A_ij x_j - b_i; E = r_i r_i", wrt=("x_k", "x_l"))
    f = tp.compile(hessian, backend="numpy")
    A, x, b = np.arange(6.0).reshape(2, 3), np.ones(3), np.ones(2)
    assert np.array_equal(f(A=A, x=x, b=b), 2 * A.T @ A)
    assert np.array_equal(f(A=A), 2 * A.T @ A)
    with pytest.raises(UnknownName):
        f(A=A, q=b)


@pytest.mark.parametrize(
    "noun", "System Equation Layer Formula Derivation Report Plan Compiled Gradient JaxFunction".split()
)
def test_a_noun_can_be_imported_for_annotations(noun: str) -> None:
    made = {
        "System": lambda: S,
        "Equation": lambda: S["z"],
        "Layer": lambda: tp.Layer("z_j = a_i W_ij"),
        "Formula": lambda: tp.formula(S),
        "Derivation": lambda: tp.explain(S, wrt="W"),
        "Report": lambda: tp.check("z_j = a_i W_ij"),
        "Plan": lambda: tp.plan("y_i = 2 x_i", {"i": 3}),
        "Compiled": lambda: tp.compile("y_i = 2 x_i"),
        "Gradient": lambda: tp.value_and_grad("E = x_i x_i", "x"),
        "JaxFunction": lambda: tp.jax_function("y_i = 2 x_i"),
    }[noun]()
    assert noun in tp.__all__ and isinstance(made, getattr(tp, noun))


# names that the library itself uses somewhere, in derivations, laws, samples, code; any other name is as good
RISKY = "u E J value entry np".split()


@pytest.mark.parametrize("name", RISKY)
def test_a_tensor_may_have_any_name(name: str) -> None:
    for text in (f"H_k = f({name}_k)", f"Y_p = {name}_pq X_q", f"{name} = X_p A_pq X_q"):
        s = tp.parse(text)
        wrt = s.inputs[0]
        assert tp.parse(tp.show(s)) is s
        rules = tp.adjoint(s, wrt=wrt)
        assert str(tp.explain(s, wrt=wrt)) and str(tp.formula(s)) and tp.formula(s).numpy
        assert tp.check(f"{s}; {rules}").ok
        assert tp.equivalent(s, s) is True
    assert tp.equivalent(f"{name}_i + {name}_i", f"2 {name}_i") is True
