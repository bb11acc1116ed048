"""An inverse that is multiplied is a solve; a matrix is factored once; of a declared spd matrix by Cholesky."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

_rng = np.random.default_rng(0)
A = _rng.normal(size=(5, 5)) + 3 * np.eye(5)
S = A @ A.T + np.eye(5)
x = _rng.normal(size=5)
B, y = _rng.normal(size=(5, 3)), _rng.normal(size=(2, 5))
C = np.stack([A, S])
ARRAYS = {"A": A, "S": S, "x": x, "B": B, "C": C, "y": y}
inv = np.linalg.inv

SOLVED: list[tuple[str, Any]] = [
    ("o_i = inv(A)_ij x_j", inv(A) @ x),
    ("o_j = x_i inv(A)_ij", x @ inv(A)),
    ("o_ik = inv(A)_ij B_jk", inv(A) @ B),
    ("o = x_i inv(A)_ij x_j", x @ inv(A) @ x),
    ("o_bi = inv(C_b)_ij y_bj", np.einsum("bij,bj->bi", inv(C), y)),
    ("o_bi = inv(C_b)_ij x_j", inv(C) @ x),
    ("o_bi = inv(A)_ij y_bj", y @ inv(A).T),
    ("o_il = inv(A)_ij inv(S)_jk B_kl", inv(A) @ inv(S) @ B),
    ("o = x_i inv(A)_ij inv(A)_kj x_k", x @ inv(A) @ inv(A).T @ x),
    ("o_i = Σ_j inv(A)_ij exp(x_j) / (1 + x_j^2)", inv(A) @ (np.exp(x) / (1 + x * x))),
    ("o_il = -inv(A)_ki S_kl inv(A)_lj x_j x_i", -(inv(A).T @ S) * (inv(A) @ x) * x[:, None]),
    ("o_i = inv(S)_ij x_j; spd(S)", inv(S) @ x),
    ("o_i = solve(A, x)_i", inv(A) @ x),
]
MADE: list[tuple[str, Any]] = [
    ("o_i = Σ_j [i ≥ j] inv(A)_ij x_j", np.tril(inv(A)) @ x),
    ("o = inv(A)_ij S_ji", np.trace(inv(A) @ S)),
    ("o = inv(A)_ii", np.trace(inv(A))),
    ("o_ij = inv(A)_ji", inv(A).T),
    ("o_ij = inv(S)_ij + logdet(S); spd(S)", inv(S) + np.linalg.slogdet(S)[1]),
]


def primitives(text: str) -> list[tuple[str, tuple[int, ...]]]:
    """Every operation of the program, and the shape of its first result."""
    s = tp.parse(text)
    f = tp.compile(s, jit=False)

    def walk(jaxpr: Any) -> Any:
        for eqn in jaxpr.eqns:
            yield eqn.primitive.name, eqn.outvars[0].aval.shape
            for p in eqn.params.values():
                if hasattr(p, "jaxpr"):
                    yield from walk(p.jaxpr)

    given = {n: jnp.asarray(ARRAYS[n]) for n in s.inputs}
    return list(walk(jax.make_jaxpr(lambda a: f(**a))(given).jaxpr))


@pytest.mark.parametrize("text, expected", SOLVED + MADE, ids=[t for t, _ in SOLVED + MADE])
def test_values(text: str, expected: Any, x64: None) -> None:
    s = tp.parse(text)
    assert tp.parse(str(s)) is s and tp.parse(text) is s
    np.testing.assert_allclose(
        tp.compile(s, jit=False)(**{n: ARRAYS[n] for n in s.inputs}), expected, rtol=1e-11, atol=1e-13
    )


@pytest.mark.parametrize("text", [t for t, _ in SOLVED])
def test_no_inverse_is_in_the_program(text: str, x64: None) -> None:
    solved = [shape for name, shape in primitives(text) if name == "triangular_solve"]
    assert (solved and all(shape[-2] == 5 and shape[-1] < 5 for shape in solved)) or "S_kl" in text


def test_a_matrix_is_factored_once(x64: None) -> None:
    text = "E = x_i inv(S)_ij x_j + logdet(S) + inv(S)_ii"
    names = [name for name, _ in primitives(text)]
    assert names.count("lu") == 1 and "cholesky" not in names
    names = [name for name, _ in primitives(f"{text}; spd(S)")]
    assert names.count("cholesky") == 1 and "lu" not in names


def test_what_is_solved_is_solved_once(x64: None) -> None:
    """Both subscripts of a symmetric inverse, and every value of a letter that ties them."""
    text = "r_bi = y_bi - x_i; E = Σ_bij r_bi inv(S)_ij r_bj; G_ij = r_bk r_bl inv(S)_ki inv(S)_jl; spd(S)"
    found = [shape for name, shape in primitives(text) if name == "triangular_solve"]
    assert found == [(5, 2), (5, 2)]
    f = tp.compile(text, jit=False)
    r = y - x
    out = f(y=y, x=x, S=S)
    np.testing.assert_allclose(out["E"], np.trace(r @ inv(S) @ r.T), rtol=1e-11)
    np.testing.assert_allclose(out["G"], inv(S) @ r.T @ r @ inv(S), rtol=1e-10, atol=1e-13)


def test_gradients_of_a_declared_matrix(x64: None) -> None:
    """What is declared stands in the rules too; the gradient is that of S as a matrix of free entries."""
    s = tp.parse("E = x_i inv(S)_ij x_j + logdet(S); spd(S)")
    assert "spd(S)" in str(tp.adjoint(s)) and "spd(S)" in str(tp.batch(s, "b", over=("x",)))
    _, grads = tp.value_and_grad(s, "S x")({"S": S, "x": x})

    def loss(S: Any, x: Any) -> Any:
        return x @ jnp.linalg.solve(S, x) + jnp.linalg.slogdet(S)[1]

    for name, expected in zip("Sx", jax.grad(loss, (0, 1))(S, x), strict=True):
        np.testing.assert_allclose(grads[name], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("text", ["E = logdet(S); spd(S, S)", "E = logdet(S); spd(S_b)", "E = logdet(S); spd()"])
def test_declarations_are_refused(text: str) -> None:
    with pytest.raises(tp.TensorpropError, match="spd"):
        tp.parse(text)


def test_spd_may_be_an_open_function_of_an_equation() -> None:
    assert tp.parse("y_i = spd(x_i)").functions == ("spd",)


def test_a_plan_of_a_solve() -> None:
    shown = str(tp.plan("o_i = inv(A)_ij b_j + c_i logdet(A)", sizes={"i": 50}))
    assert all(word in shown for word in ("factors_ij", "solution", "logdet"))
