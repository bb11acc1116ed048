"""Functions of whole matrices: values, first and second derivatives against JAX's own, proofs, faults that are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

_rng = np.random.default_rng(0)
A = _rng.normal(size=(3, 3)) + 3 * np.eye(3)
S = A @ A.T + np.eye(3)
x, y = _rng.normal(size=(2, 3))
X, C = _rng.normal(size=(4, 3)), _rng.normal(size=(4, 4))
inv, det, chol = jnp.linalg.inv, jnp.linalg.det, jnp.linalg.cholesky


def logdet(a: Any) -> Any:
    return jnp.linalg.slogdet(a)[1]


CASES: list[tuple[str, dict[str, Any], Callable[..., Any]]] = [
    ("E = x_i inv(A)_ij y_j", {"A": A, "x": x, "y": y}, lambda A, x, y: x @ inv(A) @ y),
    ("Y_ij = inv(A)_ij; E = Y_ij Y_ij", {"A": A}, lambda A: jnp.sum(inv(A) ** 2)),
    ("E = inv(A)_ii", {"A": A}, lambda A: jnp.trace(inv(A))),
    ("E = inv(A)_ij C_ji", {"A": A, "C": C[:3, :3]}, lambda A, C: jnp.trace(inv(A) @ C)),
    ("E = det(A)", {"A": A}, det),
    ("E = logdet(A)", {"A": A}, logdet),
    ("d_b = logdet(S_b); E = d_b d_b", {"S": np.stack([A, S])}, lambda S: jnp.sum(logdet(S) ** 2)),
    (
        "Y_bij = inv(S_b)_ij; E = Σ_b Y_bij x_i x_j",
        {"S": np.stack([A, S]), "x": x},
        lambda S, x: jnp.einsum("bij,i,j->", inv(S), x, x),
    ),
    ("M_ij = X_ki C_kl X_lj; E = det(M)", {"X": X, "C": C}, lambda X, C: det(X.T @ C @ X)),
    ("M_ij = X_ki X_kj; E = logdet(M)", {"X": X}, lambda X: logdet(X.T @ X)),
    (
        "L_ij = cholesky(S)_ij; E = L_ij x_i x_j^2",
        {"S": S, "x": x},
        lambda S, x: jnp.einsum("ij,i,j->", chol(S), x, x**2),
    ),
    ("E = x_i inv(S)_ij x_j + logdet(S)", {"S": S, "x": x}, lambda S, x: x @ inv(S) @ x + logdet(S)),
]


@pytest.mark.parametrize("text, arrays, f", CASES, ids=[text for text, _, _ in CASES])
def test_value_and_gradients(text: str, arrays: dict[str, Any], f: Callable[..., Any], x64: None) -> None:
    s = tp.parse(text)
    assert tp.parse(str(s)) is not None and str(tp.parse(str(s))) == str(s)
    given = {name: jnp.asarray(a) for name, a in arrays.items()}
    for backend in ("jax", "numpy"):
        np.testing.assert_allclose(tp.compile(s, backend=backend)(**arrays), f(*given.values()), rtol=1e-12)
    _, grads = tp.value_and_grad(s, wrt=list(arrays))(given)
    for name, expected in zip(arrays, jax.grad(f, argnums=tuple(range(len(arrays))))(*given.values()), strict=True):
        np.testing.assert_allclose(grads[name], expected, rtol=1e-9, atol=1e-10)
    rules = tp.adjoint(s)
    assert tp.parse(str(rules)) is not None and str(tp.parse(str(rules))) == str(rules)


@pytest.mark.parametrize(
    "text, f",
    [
        ("E = x_i inv(A)_ij x_j", lambda A: x @ inv(A) @ x),
        ("E = logdet(A)", logdet),
        ("E = det(A)", det),
    ],
)
def test_second_derivatives(text: str, f: Callable[..., Any], x64: None) -> None:
    hessian = tp.derive(text, wrt=("A", "A"))
    given = {name: {"A": A, "x": x}[name] for name in tp.parse(str(hessian)).inputs}
    np.testing.assert_allclose(tp.compile(hessian)(**given), jax.hessian(f)(jnp.asarray(A)), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "text, right",
    [
        ("E = logdet(A); δA_ij = inv(A)_ji", True),
        ("E = logdet(A); δA_ij = inv(A)_ij", False),
        ("E = det(A); δA_ij = E inv(A)_ji", True),
        ("E = det(A); δA_ij = det(A) inv(A)_ji", True),
        ("E = det(A); δA_ij = inv(A)_ji", False),
        ("E = x_i inv(A)_ij y_j; δA_ij = -inv(A)_ki x_k inv(A)_jl y_l", True),
        ("E = x_i inv(A)_ij y_j; δA_ij = inv(A)_ki x_k inv(A)_jl y_l", False),
        ("E = x_i inv(A)_ij y_j; δA_ij = -inv(A)_ik x_k inv(A)_lj y_l", False),
    ],
)
def test_rules_are_proved_or_refuted(text: str, right: bool) -> None:
    report = tp.check(text)
    assert report.ok is right, str(report)
    assert report.proved or not right


def test_derived_rules_of_a_factor_are_compared_with_jax() -> None:
    assert tp.check("L_ij = cholesky(S)_ij; E = L_ij x_i x_j^2").ok


def test_formulas() -> None:
    assert str(tp.formula("δA_ij = -δY_kl inv(A)_ki inv(A)_jl")) == "δA = −A⁻ᵀ δY A⁻ᵀ"
    assert str(tp.formula("δA_ij = inv(A)_ji")) == "δA = A⁻ᵀ"


def test_a_matrix_for_every_b_is_written_and_read() -> None:
    s = tp.parse("Y_bij = inv(S_b)_ij; d_b = det(S_b)")
    assert str(s) == "Y_bij = inv(S_b)_ij\nd_b = det(S_b)"
    with pytest.raises(tp.TensorpropError, match="takes the bare name"):
        tp.parse("d = det(A_ij)")
