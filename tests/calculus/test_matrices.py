"""Functions of whole matrices: values, first and second derivatives against JAX's own, proofs, faults that are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tests.uncompiled import uncompiled

_rng = np.random.default_rng(0)
A = _rng.normal(size=(3, 3)) + 3 * np.eye(3)
S = A @ A.T + np.eye(3)
x, y = _rng.normal(size=(2, 3))
X, C = _rng.normal(size=(4, 3)), _rng.normal(size=(4, 4))
z = _rng.normal(size=4)
expm, pinv, svd, eigvalsh, power = (
    jax.scipy.linalg.expm, jnp.linalg.pinv, jnp.linalg.svd, jnp.linalg.eigvalsh, jnp.linalg.matrix_power,
)  # fmt: skip
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
    (
        "Y_ij = pinv(B)_ij; E = Y_ij Y_ij + Y_ij R_ij",
        {"B": X, "R": X.T * 0.3},
        lambda B, R: jnp.sum(pinv(B) * (pinv(B) + R)),
    ),
    ("E = x_i pinv(B)_ki z_k", {"B": X.T, "x": x, "z": z}, lambda B, x, z: z @ pinv(B) @ x),
    (
        "Y_bij = expm(S_b)_ij; E = Σ_b Y_bij x_i y_j",
        {"S": np.stack([A, S]) / 4, "x": x, "y": y},
        lambda S, x, y: jnp.einsum("bij,i,j->", jax.vmap(expm)(S), x, y),
    ),
    ("E = eigvalsh(S)_i x_i", {"S": S, "x": x}, lambda S, x: eigvalsh(S) @ x),
    (
        "E = Σ_b eigvalsh(S_b)_i x_i",
        {"S": np.stack([A, S]), "x": x},
        lambda S, x: jnp.sum(eigvalsh((S + S.mT) / 2) @ x),
    ),
    ("E = svdvals(B)_i x_i", {"B": X, "x": x}, lambda B, x: svd(B, compute_uv=False) @ x),
    ("E = norm2(B)^2", {"B": X}, lambda B: svd(B, compute_uv=False)[0] ** 2),
    ("E = nuclear(B)", {"B": X.T}, lambda B: jnp.sum(svd(B, compute_uv=False))),
    (
        "E = trace(A) y_i solve(A, x)_i",
        {"A": A, "x": x, "y": y},
        lambda A, x, y: jnp.trace(A) * y @ jnp.linalg.solve(A, x),
    ),
    (
        "Y_ij = matpow(A, 3)_ij; E = Y_ij Y_ij + matpow(A, -2)_ij Y_ij",
        {"A": A},
        lambda A: jnp.sum(power(A, 3) * (power(A, 3) + power(A, -2))),
    ),
    ("E = x_i inv(S)_ij x_j + logdet(S)", {"S": S, "x": x}, lambda S, x: x @ inv(S) @ x + logdet(S)),
]


@pytest.mark.parametrize("text, arrays, f", CASES, ids=[text for text, _, _ in CASES])
def test_value_and_gradients(text: str, arrays: dict[str, Any], f: Callable[..., Any], x64: None) -> None:
    s = tp.parse(text)
    assert tp.parse(str(s)) is not None and str(tp.parse(str(s))) == str(s)
    given = {name: jnp.asarray(a) for name, a in arrays.items()}
    want = uncompiled(f)(*given.values())
    for backend in ("jax", "numpy"):
        run = tp.compile(s, backend=backend)
        got = uncompiled(run)(**arrays) if backend == "jax" else run(**arrays)
        np.testing.assert_allclose(got, want, rtol=1e-12)
    _, grads = uncompiled(tp.value_and_grad(s, wrt=list(arrays)))(given)
    slopes = uncompiled(jax.grad(f, argnums=tuple(range(len(arrays)))))(*given.values())
    for name, expected in zip(arrays, slopes, strict=True):
        np.testing.assert_allclose(grads[name], expected, rtol=1e-9, atol=1e-10)
    rules = tp.adjoint(s)
    assert tp.parse(str(rules)) is not None and str(tp.parse(str(rules))) == str(rules)


@pytest.mark.parametrize(
    "text, f",
    [
        ("E = x_i inv(A)_ij x_j", lambda A: x @ inv(A) @ x),
        ("E = logdet(A)", logdet),
        ("E = det(A)", det),
        ("E = expm(A)_ij x_i x_j", lambda A: x @ expm(A) @ x),
        ("E = eigvalsh(A)_i x_i", lambda A: eigvalsh((A + A.T) / 2) @ x),
        ("E = svdvals(A)_i x_i", lambda A: svd(A, compute_uv=False) @ x),
        ("E = pinv(A)_ij x_i x_j", lambda A: x @ inv(A) @ x),
    ],
)
def test_second_derivatives(text: str, f: Callable[..., Any], x64: None) -> None:
    hessian = tp.derive(text, wrt=("A", "A"))
    given = {name: {"A": A, "x": x}[name] for name in tp.parse(str(hessian)).inputs if name in "Ax"}
    backend = "jax" if text.count("inv(") + text.count("det") and "pinv" not in text else "numpy"  # JAX compiles slowly
    np.testing.assert_allclose(
        tp.compile(hessian, backend=backend)(**given), uncompiled(jax.hessian(f))(A), rtol=1e-9, atol=1e-10
    )


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
        ("E = logdet(S); δS_ij = inv(S)_ij; spd(S)", True),
        ("E = logdet(S); δS_ij = 1/2 inv(S)_ij; spd(S)", False),
        ("E = x_i inv(S)_ij x_j; δx_i = 2 inv(S)_ij x_j; spd(S)", True),
        ("E = x_i inv(S)_ij x_j; δx_i = 2 inv(S)_ij x_j", False),
        ("E = x_i S_ij x_j; δx_i = 2 x_j S_ij; spd(S)", True),
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
