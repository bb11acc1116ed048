"""Identities of textbooks that are in no corpus: traces, determinants, likelihoods, gains, factors, batches.

In: nothing. Out: ``IDENTITIES``, a row each: the equations, arrays for them, the same in JAX, by what it is
differentiated, a rule by hand, and rules that are wrong (a transposed inverse, a forgotten half, a sign).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["IDENTITIES", "Identity"]


class Identity(NamedTuple):
    """``fn`` takes the arrays in their order; ``wrt``: names with spaces between."""

    name: str
    text: str
    arrays: dict[str, np.ndarray]
    fn: Callable[..., Any]
    wrt: str
    right: str | None = None
    wrong: tuple[str, ...] = ()


_rng = np.random.default_rng(13)


def general(*shape: int) -> np.ndarray:
    return _rng.normal(size=shape)


def positive(*shape: int) -> np.ndarray:
    return _rng.uniform(1, 2, shape)


def well(*lead: int) -> np.ndarray:
    return 0.4 * general(*lead, 3, 3) + 2 * np.eye(3)


def definite(n: int = 3, *lead: int) -> np.ndarray:
    a = general(*lead, n, n)
    return a @ np.swapaxes(a, -1, -2) + np.eye(n)


def lower() -> np.ndarray:
    return np.tril(general(3, 3)) + 2 * np.eye(3)


def orthogonal() -> np.ndarray:
    return np.linalg.qr(general(3, 3))[0]


inv, det, chol, expm, tr = jnp.linalg.inv, jnp.linalg.det, jnp.linalg.cholesky, jax.scipy.linalg.expm, jnp.trace


def ld(a: Any) -> Any:
    return jnp.linalg.slogdet(a)[1]


IDENTITIES = [
    Identity(
        "tr A inv(X) B",
        "y = A_ij inv(X)_jk B_ki",
        {"A": general(2, 3), "X": well(), "B": general(3, 2)},
        lambda A, X, B: tr(A @ inv(X) @ B),
        "X",
        "δX_ij = -δy inv(X)_ki A_lk B_ml inv(X)_jm",
        (
            "δX_ij = -δy inv(X)_ik A_lk B_ml inv(X)_jm",
            "δX_ij = δy inv(X)_ki A_lk B_ml inv(X)_jm",
        ),
    ),
    Identity(
        "det AXB",
        "C_ij = A_ik X_kl B_lj; y = det(C)",
        {"A": well(), "X": well(), "B": well()},
        lambda A, X, B: det(A @ X @ B),
        "X",
    ),
    Identity(
        "logdet XᵀX",
        "C_ij = X_ki X_kj; y = logdet(C)",
        {"X": general(3, 2)},
        lambda X: ld(X.T @ X),
        "X",
    ),
    Identity(
        "logdet XXᵀ",
        "C_ij = X_ik X_jk; y = logdet(C)",
        {"X": general(2, 3)},
        lambda X: ld(X @ X.T),
        "X",
        "δX_ij = 2 δy inv(C)_ik X_kj",
        ("δX_ij = δy inv(C)_ik X_kj",),
    ),
    Identity(
        "det(X)^k",
        "y = det(X)^3",
        {"X": well()},
        lambda X: det(X) ** 3,
        "X",
        "δX_ij = 3 δy det(X)^3 inv(X)_ji",
        ("δX_ij = 3 δy det(X)^2 inv(X)_ji",),
    ),
    Identity(
        "tr X^4",
        "y = X_ij X_jk X_kl X_li",
        {"X": general(3, 3)},
        lambda X: tr(X @ X @ X @ X),
        "X",
        "δX_ij = 4 δy X_jk X_kl X_li",
        ("δX_ij = 4 δy X_ik X_kl X_lj",),
    ),
    Identity(
        "tr matpow5",
        "M_ij = matpow(X, 5)_ij; y = M_ii",
        {"X": general(3, 3)},
        lambda X: tr(jnp.linalg.matrix_power(X, 5)),
        "X",
        "δX_ij = 5 δy matpow(X, 4)_ji",
        ("δX_ij = 5 δy matpow(X, 4)_ij",),
    ),
    Identity(
        "a inv^2 b",
        "y = a_i inv(X)_ij inv(X)_jk b_k",
        {"a": general(3), "X": well(), "b": general(3)},
        lambda a, X, b: a @ inv(X) @ inv(X) @ b,
        "X",
    ),
    Identity(
        "tr (X+A)^-1 B",
        "C_ij = X_ij + A_ij; y = inv(C)_ij B_ji",
        {"X": well(), "A": general(3, 3) * 0.1, "B": general(3, 3)},
        lambda X, A, B: tr(inv(X + A) @ B),
        "X",
        "δX_ij = -δy inv(C)_ki B_lk inv(C)_jl",
        ("δX_ij = -δy inv(C)_ki B_kl inv(C)_jl",),
    ),
    Identity(
        "tr (XᵀCX)^-1 A",
        "M_ij = X_ki C_kl X_lj; y = inv(M)_ij A_ji",
        {"X": general(3, 2), "C": definite(), "A": general(2, 2)},
        lambda X, C, A: tr(inv(X.T @ C @ X) @ A),
        "X",
    ),
    Identity(
        "tr (XᵀCX)^-1(XᵀBX) sym",
        "M_ij = X_ki C_kl X_lj; N_ij = X_ki B_kl X_lj; y = inv(M)_ij N_ji; C_ij = C_ji; B_ij = B_ji",
        {"X": general(3, 2), "C": definite(), "B": definite()},
        lambda X, C, B: tr(inv(X.T @ C @ X) @ (X.T @ B @ X)),
        "X",
        "δX_ij = 2 δy (B_ik X_kl inv(M)_lj - C_ik X_kl inv(M)_lp N_pq inv(M)_qj)",
        ("δX_ij = δy (B_ik X_kl inv(M)_lj - C_ik X_kl inv(M)_lp N_pq inv(M)_qj)",),
    ),
    Identity(
        "logdet I+AXᵀ.. lowrank",
        "M_ij = [i = j] + X_ki X_kj; y = logdet(M)",
        {"X": general(3, 2)},
        lambda X: ld(jnp.eye(2) + X.T @ X),
        "X",
        "δX_ij = 2 δy X_ik inv(M)_kj",
        ("δX_ij = 2 δy X_ik inv(M)_kj - 2 δy X_ij",),
    ),
    Identity(
        "pinv",
        "y = a_i pinv(X)_ij b_j",
        {"a": general(2), "X": general(3, 2), "b": general(3)},
        lambda a, X, b: a @ jnp.linalg.pinv(X) @ b,
        "X",
    ),
    Identity(
        "projector",
        "y = a_i X_ij pinv(X)_jk b_k",
        {"a": general(3), "X": general(3, 2), "b": general(3)},
        lambda a, X, b: a @ X @ jnp.linalg.pinv(X) @ b,
        "X",
    ),
    Identity(
        "lstsq resid",
        "r_i = X_ij pinv(X)_jk b_k - b_i; y = r_i r_i",
        {"X": general(3, 2), "b": general(3)},
        lambda X, b: jnp.sum((X @ jnp.linalg.pinv(X) @ b - b) ** 2),
        "X b",
    ),
    Identity(
        "eig sum log",
        "y = Σ_i log(eigvalsh(S)_i); spd(S)",
        {"S": definite()},
        lambda S: jnp.sum(jnp.log(jnp.linalg.eigvalsh(S))),
        "S",
    ),
    Identity(
        "largest eig",
        "y = eigvalsh(S)[dim(S, 0)-1]; S_ij = S_ji",
        {"S": definite()},
        lambda S: jnp.linalg.eigvalsh(S)[-1],
        "S",
    ),
    Identity(
        "nuclear",
        "y = nuclear(X)",
        {"X": general(3, 2)},
        lambda X: jnp.sum(jnp.linalg.svd(X, compute_uv=False)),
        "X",
    ),
    Identity(
        "schatten4",
        "y = Σ_i svdvals(X)_i^4",
        {"X": general(3, 2)},
        lambda X: jnp.sum(jnp.linalg.svd(X, compute_uv=False) ** 4),
        "X",
    ),
    Identity(
        "spectral",
        "y = norm2(X)",
        {"X": general(3, 2)},
        lambda X: jnp.linalg.svd(X, compute_uv=False)[0],
        "X",
    ),
    Identity(
        "frob dist",
        "y = sqrt(sum_ij((X_ij - A_ij)^2))",
        {"X": general(3, 2), "A": general(3, 2)},
        lambda X, A: jnp.sqrt(jnp.sum((X - A) ** 2)),
        "X",
        "δX_ij = δy (X_ij - A_ij) / y",
        (
            "δX_ij = δy (X_ij - A_ij)",
            "δX_ij = δy (A_ij - X_ij) / y",
        ),
    ),
    Identity(
        "gauss",
        "E = -1/2 logdet(S) - 1/2 (x_i - μ_i) inv(S)_ij (x_j - μ_j); spd(S)",
        {"S": definite(), "x": general(3), "μ": general(3)},
        lambda S, x, μ: -0.5 * ld(S) - 0.5 * (x - μ) @ inv(S) @ (x - μ),
        "S μ x",
        "δμ_i = inv(S)_ij (x_j - μ_j)",
        (
            "δμ_i = -inv(S)_ij (x_j - μ_j)",
            "δμ_i = 1/2 inv(S)_ij (x_j - μ_j)",
        ),
    ),
    Identity(
        "gauss batch",
        "E = -1/2 logdet(S) - 1/2 mean_b((x_bi - μ_i) inv(S)_ij (x_bj - μ_j)); spd(S)",
        {"S": definite(), "x": general(4, 3), "μ": general(3)},
        lambda S, x, μ: -0.5 * ld(S) - 0.5 * jnp.mean(jnp.einsum("bi,ij,bj->b", x - μ, inv(S), x - μ)),
        "S μ",
    ),
    Identity(
        "gauss precision",
        "E = 1/2 logdet(Λ) - 1/2 (x_i - μ_i) Λ_ij (x_j - μ_j); spd(Λ)",
        {"Λ": definite(), "x": general(3), "μ": general(3)},
        lambda Λ, x, μ: 0.5 * ld(Λ) - 0.5 * (x - μ) @ Λ @ (x - μ),
        "Λ μ",
        "δΛ_ij = 1/2 inv(Λ)_ij - 1/2 (x_i - μ_i) (x_j - μ_j)",
        (
            "δΛ_ij = inv(Λ)_ij - (x_i - μ_i) (x_j - μ_j)",
            "δΛ_ij = 1/2 inv(Λ)_ij + 1/2 (x_i - μ_i) (x_j - μ_j)",
        ),
    ),
    Identity(
        "gauss chol",
        "z_i = inv(L)_ij (x_j - μ_j); E = -1/2 z_i z_i - logdet(L); lower(L)",
        {"L": lower(), "x": general(3), "μ": general(3)},
        lambda L, x, μ: -0.5 * jnp.sum(jnp.linalg.solve(L, x - μ) ** 2) - ld(L),
        "L μ",
        "δμ_i = inv(L)_ji z_j",
        ("δμ_i = inv(L)_ij z_j",),
    ),
    Identity(
        "gauss S=LLt",
        "S_ij = L_ik L_jk; E = logdet(S) + x_i inv(S)_ij x_j; lower(L)",
        {"L": lower(), "x": general(3)},
        lambda L, x: ld(L @ L.T) + x @ inv(L @ L.T) @ x,
        "L x",
        "δx_i = 2 inv(S)_ij x_j",
        ("δx_i = inv(S)_ij x_j",),
    ),
    Identity(
        "KL gauss",
        "E = 1/2 (inv(T)_ij S_ji + (ν_i - μ_i) inv(T)_ij (ν_j - μ_j) - dim(S, 0) + logdet(T) - logdet(S)); "
        "spd(S); spd(T)",
        {"T": definite(), "S": definite(), "ν": general(3), "μ": general(3)},
        lambda T, S, ν, μ: 0.5 * (tr(inv(T) @ S) + (ν - μ) @ inv(T) @ (ν - μ) - 3 + ld(T) - ld(S)),
        "T S μ",
        "δμ_i = inv(T)_ij (μ_j - ν_j); δS_ij = 1/2 (inv(T)_ij - inv(S)_ij)",
        (
            "δμ_i = inv(T)_ij (ν_j - μ_j); δS_ij = 1/2 (inv(T)_ij - inv(S)_ij)",
            "δμ_i = inv(T)_ij (μ_j - ν_j); δS_ij = inv(T)_ij - inv(S)_ij",
        ),
    ),
    Identity(
        "wishart",
        "E = 1/2 (ν - dim(X, 0) - 1) logdet(X) - 1/2 inv(V)_ij X_ji - 1/2 ν logdet(V); spd(X); spd(V)",
        {"ν": np.array(5.0), "X": definite(), "V": definite()},
        lambda ν, X, V: 0.5 * (ν - 3 - 1) * ld(X) - 0.5 * tr(inv(V) @ X) - 0.5 * ν * ld(V),
        "X V",
    ),
    Identity(
        "inv wishart",
        "E = -1/2 (ν + dim(X, 0) + 1) logdet(X) - 1/2 V_ij inv(X)_ji; spd(X)",
        {"ν": np.array(5.0), "X": definite(), "V": definite()},
        lambda ν, X, V: -0.5 * (ν + 3 + 1) * ld(X) - 0.5 * tr(V @ inv(X)),
        "X",
    ),
    Identity(
        "mixture",
        "l_bk = -1/2 logdet(S_k) - 1/2 (x_bi - μ_ki) inv(S_k)_ij (x_bj - μ_kj) + w_k; "
        "E = mean_b(logsumexp_k(l_bk)); spd(S)",
        {"S": definite(3, 2), "x": general(4, 3), "μ": general(2, 3), "w": general(2)},
        lambda S, x, μ, w: jnp.mean(
            jax.nn.logsumexp(
                -0.5 * jax.vmap(ld)(S)
                - 0.5 * jnp.einsum("bki,kij,bkj->bk", x[:, None] - μ, jax.vmap(inv)(S), x[:, None] - μ)
                + w,
                -1,
            )
        ),
        "S μ w",
    ),
    Identity(
        "student",
        "q = x_i inv(S)_ij x_j; E = -1/2 logdet(S) - 1/2 (ν + dim(x, 0)) log(1 + q/ν); spd(S)",
        {"S": definite(), "x": general(3), "ν": np.array(4.0)},
        lambda S, x, ν: -0.5 * ld(S) - 0.5 * (ν + 3) * jnp.log(1 + x @ inv(S) @ x / ν),
        "S x",
    ),
    Identity(
        "kalman gain",
        "S_ij = H_ik P_kl H_jl + R_ij; K_ij = P_ik H_lk inv(S)_lj; y_i = m_i + K_ij (z_j - H_jk m_k); spd(P); spd(R)",
        {"P": definite(), "H": general(2, 3), "R": definite(2), "m": general(3), "z": general(2)},
        lambda P, H, R, m, z: m + P @ H.T @ inv(H @ P @ H.T + R) @ (z - H @ m),
        "P H R m z",
    ),
    Identity(
        "kalman cov",
        "S_ij = H_ik P_kl H_jl + R_ij; K_ij = P_ik H_lk inv(S)_lj; N_ij = P_ij - K_ik H_kl P_lj; E = N_ii; "
        "spd(P); spd(R)",
        {"P": definite(), "H": general(2, 3), "R": definite(2)},
        lambda P, H, R: tr(P - P @ H.T @ inv(H @ P @ H.T + R) @ H @ P),
        "P H R",
    ),
    Identity(
        "joseph",
        "I_ij = [i = j] - K_ik H_kj; N_ij = I_ik P_kl I_jl + K_ik R_kl K_jl; E = N_ii; spd(P); spd(R)",
        {"P": definite(), "H": general(2, 3), "R": definite(2), "K": general(3, 2)},
        lambda P, H, R, K: tr((jnp.eye(3) - K @ H) @ P @ (jnp.eye(3) - K @ H).T + K @ R @ K.T),
        "K",
    ),
    Identity(
        "gp",
        "D_ij = Σ_k (X_ik - X_jk)^2; K_ij = exp(-1/2 D_ij / l^2) + s [i = j]; "
        "E = 1/2 y_i inv(K)_ij y_j + 1/2 logdet(K)",
        {"X": general(4, 2), "l": np.array(0.9), "s": np.array(0.3), "y": general(4)},
        lambda X, r, s, y: (lambda K: 0.5 * y @ inv(K) @ y + 0.5 * ld(K))(
            jnp.exp(-0.5 * jnp.sum((X[:, None] - X) ** 2, -1) / r**2) + s * jnp.eye(4)
        ),
        "X l s y",
    ),
    Identity(
        "gp mean",
        "K_ij = exp(-1/2 Σ_k (X_ik - X_jk)^2) + s [i = j]; k_ti = exp(-1/2 Σ_k (Z_tk - X_ik)^2); "
        "f_t = k_ti inv(K)_ij y_j",
        {"X": general(4, 2), "Z": general(2, 2), "s": np.array(0.3), "y": general(4)},
        lambda X, Z, s, y: (
            jnp.exp(-0.5 * jnp.sum((Z[:, None] - X) ** 2, -1))
            @ inv(jnp.exp(-0.5 * jnp.sum((X[:, None] - X) ** 2, -1)) + s * jnp.eye(4))
            @ y
        ),
        "X Z y",
    ),
    Identity(
        "riccati resid",
        "M_ij = R_ij + B_ki X_kl B_lj; "
        "F_ij = A_ki X_kl A_lj - X_ij - A_ki X_kl B_lp inv(M)_pq B_rq X_rs A_sj + Q_ij; E = F_ij F_ij; "
        "spd(R); spd(X)",
        {"X": definite(), "A": general(3, 3), "B": general(3, 2), "R": definite(2), "Q": definite()},
        lambda X, A, B, R, Q: jnp.sum((A.T @ X @ A - X - A.T @ X @ B @ inv(R + B.T @ X @ B) @ B.T @ X @ A + Q) ** 2),
        "X A B",
    ),
    Identity(
        "barrier",
        "y = t c_ij X_ij - logdet(X); spd(X)",
        {"X": definite(), "c": general(3, 3), "t": np.array(1.3)},
        lambda X, c, t: t * jnp.sum(c * X) - ld(X),
        "X",
        "δX_ij = δy (t c_ij - inv(X)_ij)",
        (
            "δX_ij = δy (t c_ij + inv(X)_ij)",
            "δX_ij = δy (c_ij - inv(X)_ij)",
        ),
    ),
    Identity(
        "D-opt",
        "M_ij = w_k a_ki a_kj; y = -logdet(M)",
        {"w": positive(5), "a": general(5, 3)},
        lambda w, a: -ld(a.T @ (w[:, None] * a)),
        "w",
        "δw_k = -δy a_ki inv(M)_ij a_kj",
        (
            "δw_k = δy a_ki inv(M)_ij a_kj",
            "δw_k = -2 δy a_ki inv(M)_ij a_kj",
        ),
    ),
    Identity(
        "A-opt",
        "M_ij = w_k a_ki a_kj; y = trace(N); N_ij = inv(M)_ij",
        {"w": positive(5), "a": general(5, 3)},
        lambda w, a: tr(inv(a.T @ (w[:, None] * a))),
        "w",
    ),
    Identity(
        "expm quad",
        "y = a_i expm(X)_ij b_j",
        {"a": general(3), "X": general(3, 3) * 0.5, "b": general(3)},
        lambda a, X, b: a @ expm(X) @ b,
        "X a",
        "δa_i = δy expm(X)_ij b_j",
        ("δa_i = δy expm(X)_ji b_j",),
    ),
    Identity(
        "det expm",
        "M_ij = expm(X)_ij; y = logdet(M)",
        {"X": general(3, 3) * 0.5},
        lambda X: ld(expm(X)),
        "X",
    ),
    Identity(
        "cayley",
        "I_ij = [i = j] + A_ij; J_ij = [i = j] - A_ij; y_i = inv(I)_ij J_jk x_k",
        {"A": general(3, 3) * 0.3, "x": general(3)},
        lambda A, x: inv(jnp.eye(3) + A) @ (jnp.eye(3) - A) @ x,
        "A x",
    ),
    Identity(
        "whitening",
        "z_bi = inv(L)_ij x_bj; L_ij = cholesky(S)_ij; S_ij = mean_b(x_bi x_bj); y = Σ_bi z_bi^4",
        {"x": general(6, 3)},
        lambda x: jnp.sum((inv(chol(x.T @ x / 6)) @ x.T) ** 4),
        "x",
    ),
    Identity(
        "chol param",
        "L_ij = [i > j] M_ij + [i = j] exp(M_ij); y = x_i inv(L)_ij b_j + logdet(L)",
        {"M": general(3, 3), "x": general(3), "b": general(3)},
        lambda M, x, b: (
            x @ inv(jnp.tril(M, -1) + jnp.diag(jnp.exp(jnp.diag(M)))) @ b
            + ld(jnp.tril(M, -1) + jnp.diag(jnp.exp(jnp.diag(M))))
        ),
        "M x",
    ),
    Identity(
        "woodbury",
        "D_ij = d_i [i = j] + U_ik U_jk; y = x_i inv(D)_ij x_j + logdet(D)",
        {"d": positive(3), "U": general(3, 2), "x": general(3)},
        lambda d, U, x: x @ inv(jnp.diag(d) + U @ U.T) @ x + ld(jnp.diag(d) + U @ U.T),
        "d U x",
    ),
    Identity(
        "factor analysis",
        "S_ij = U_ik U_jk + ψ_i [i = j]; E = 1/2 logdet(S) + 1/2 inv(S)_ij C_ji",
        {"ψ": positive(3), "U": general(3, 2), "C": definite()},
        lambda ψ, U, C: 0.5 * ld(jnp.diag(ψ) + U @ U.T) + 0.5 * tr(inv(jnp.diag(ψ) + U @ U.T) @ C),
        "ψ U",
    ),
    Identity(
        "kron solve",
        "y_ij = inv(A)_ik X_kl inv(B)_jl",
        {"A": well(), "B": well(), "X": general(3, 3)},
        lambda A, B, X: inv(A) @ X @ inv(B).T,
        "A B X",
        "δX_kl = inv(A)_ik δy_ij inv(B)_jl",
        ("δX_kl = inv(A)_ki δy_ij inv(B)_jl",),
    ),
    Identity(
        "matrix normal",
        "R_ni = X_ni - M_ni; "
        "E = 1/2 inv(V)_ij R_nj inv(U)_nm R_mi + 1/2 dim(V,0) logdet(U) + 1/2 dim(U,0) logdet(V); spd(U); "
        "spd(V)",
        {"X": general(3, 3), "M": general(3, 3), "U": definite(), "V": definite()},
        lambda X, M, U, V: 0.5 * tr(inv(V) @ (X - M).T @ inv(U) @ (X - M)) + 0.5 * 3 * ld(U) + 0.5 * 3 * ld(V),
        "U V M",
    ),
    Identity(
        "procrustes",
        "y = sum_ij((A_ik Q_kj - B_ij)^2); orthogonal(Q)",
        {"A": general(4, 3), "Q": orthogonal(), "B": general(4, 3)},
        lambda A, Q, B: jnp.sum((A @ Q - B) ** 2),
        "Q A",
        "δQ_ij = 2 δy A_ki (A_kl Q_lj - B_kj); δA_ij = 2 δy (A_ik Q_kl - B_il) Q_jl",
        ("δQ_ij = 2 δy A_ki (A_kl Q_lj - B_kj); δA_ij = 2 δy (A_ik Q_kl - B_il) Q_lj",),
    ),
    Identity(
        "rayleigh",
        "y = (x_i S_ij x_j) / (x_k x_k); S_ij = S_ji",
        {"x": general(3), "S": definite()},
        lambda x, S: x @ S @ x / (x @ x),
        "x",
        "δx_i = 2 δy (S_ij x_j - y x_i) / (x_k x_k)",
        (
            "δx_i = δy (S_ij x_j - y x_i) / (x_k x_k)",
            "δx_i = 2 δy S_ij x_j / (x_k x_k)",
        ),
    ),
    Identity(
        "LDA trace",
        "y = inv(A)_ij C_ji; A_ij = W_ki M_kl W_lj; C_ij = W_ki N_kl W_lj; spd(M); spd(N)",
        {"W": general(3, 2), "M": definite(), "N": definite()},
        lambda W, M, N: tr(inv(W.T @ M @ W) @ (W.T @ N @ W)),
        "W",
    ),
    Identity(
        "mahalanobis metric",
        "D_ij = L_ik L_jk; y = (x_i - z_i) D_ij (x_j - z_j)",
        {"L": general(3, 2), "x": general(3), "z": general(3)},
        lambda L, x, z: (x - z) @ L @ L.T @ (x - z),
        "L",
        "δL_ik = 2 δy (x_i - z_i) (x_j - z_j) L_jk",
        ("δL_ik = δy (x_i - z_i) (x_j - z_j) L_jk",),
    ),
    Identity(
        "batch inv",
        "y = Σ_b u_bi inv(S_b)_ij v_bj",
        {"u": general(2, 3), "S": well(2), "v": general(2, 3)},
        lambda u, S, v: jnp.einsum("bi,bij,bj->", u, inv(S), v),
        "S u",
        "δS_bij = -δy inv(S_b)_ki u_bk inv(S_b)_jl v_bl",
        (
            "δS_bij = -δy inv(S_b)_ik u_bk inv(S_b)_jl v_bl",
            "δS_bij = -δy inv(S_b)_kj u_bk inv(S_b)_il v_bl",
        ),
    ),
    Identity(
        "batch logdet",
        "y_b = logdet(S_b); spd(S)",
        {"S": definite(3, 2)},
        lambda S: jax.vmap(ld)(S),
        "S",
        "δS_bij = δy_b inv(S_b)_ij",
        ("δS_bij = Σ_c δy_c inv(S_b)_ij",),
    ),
    Identity(
        "batch det",
        "y_b = det(S_b)",
        {"S": well(2)},
        lambda S: jax.vmap(det)(S),
        "S",
        "δS_bij = δy_b y_b inv(S_b)_ji",
        (
            "δS_bij = δy_b inv(S_b)_ji",
            "δS_bij = δy_b y_b inv(S_b)_ij",
        ),
    ),
    Identity(
        "batch expm",
        "z_bi = expm(A_b)_ij x_bj",
        {"A": general(2, 3, 3) * 0.5, "x": general(2, 3)},
        lambda A, x: jnp.einsum("bij,bj->bi", jax.vmap(expm)(A), x),
        "A x",
    ),
    Identity(
        "batch chol",
        "z_bi = cholesky(S_b)_ij x_bj; spd(S)",
        {"S": definite(3, 2), "x": general(2, 3)},
        lambda S, x: jnp.einsum("bij,bj->bi", jax.vmap(chol)(S), x),
        "S x",
    ),
    Identity(
        "two idx batch",
        "y_bh = u_bhi inv(S_bh)_ij u_bhj; spd(S)",
        {"u": general(2, 2, 3), "S": definite(3, 2, 2)},
        lambda u, S: jnp.einsum("bhi,bhij,bhj->bh", u, inv(S), u),
        "S u",
        "δu_bhi = 2 δy_bh inv(S_bh)_ij u_bhj",
        ("δu_bhi = δy_bh inv(S_bh)_ij u_bhj",),
    ),
    Identity(
        "lyapunov-like",
        "y = trace(M); M_ij = A_ik X_kl A_jl - X_ij + Q_ij; X_ij = X_ji",
        {"A": general(3, 3), "X": definite(), "Q": definite()},
        lambda A, X, Q: tr(A @ X @ A.T - X + Q),
        "X A",
        "δX_ij = δy (A_ki A_kj - [i = j]); δA_ij = 2 δy A_ik X_kj",
        (
            "δX_ij = δy (A_ik A_jk - [i = j]); δA_ij = 2 δy A_ik X_kj",
            "δX_ij = δy (A_ki A_kj - [i = j]); δA_ij = δy A_ik X_kj",
        ),
    ),
    Identity(
        "flow logdet",
        "J_ij = [i = j] + u_i w_j h; y = logdet(J)",
        {"u": general(3) * 0.3, "w": general(3) * 0.3, "h": np.array(0.5)},
        lambda u, w, h: ld(jnp.eye(3) + jnp.outer(u, w) * h),
        "u w",
    ),
    Identity(
        "diag D",
        "s = x_i D_ij z_j + logdet(D); diagonal(D)",
        {"x": general(3), "D": np.diag([1.0, 2.0, 3.0]), "z": general(3)},
        lambda x, D, z: x @ D @ z + ld(D),
        "x",
    ),
    Identity(
        "ridge",
        "M_ij = X_ni X_nj + λ [i = j]; w_i = inv(M)_ij X_nj t_n; E = 1/2 Σ_n (X_ni w_i - t_n)^2",
        {"X": general(5, 3), "λ": np.array(0.4), "t": general(5)},
        lambda X, λ, t: 0.5 * jnp.sum((X @ inv(X.T @ X + λ * jnp.eye(3)) @ X.T @ t - t) ** 2),
        "X λ t",
    ),
    Identity(
        "GCV hat",
        "M_ij = X_ni X_nj + λ [i = j]; H_nm = X_ni inv(M)_ij X_mj; y = H_nn",
        {"X": general(5, 3), "λ": np.array(0.4)},
        lambda X, λ: tr(X @ inv(X.T @ X + λ * jnp.eye(3)) @ X.T),
        "λ X",
        "δλ = -δy X_ni inv(M)_ij inv(M)_jk X_nk",
        ("δλ = δy X_ni inv(M)_ij inv(M)_jk X_nk",),
    ),
    Identity(
        "GLS",
        "b_i = inv(M)_ij X_nj inv(V)_nm t_m; M_ij = X_ni inv(V)_nm X_mj; y = b_i b_i; spd(V)",
        {"X": general(4, 2), "V": definite(4), "t": general(4)},
        lambda X, V, t: jnp.sum((inv(X.T @ inv(V) @ X) @ X.T @ inv(V) @ t) ** 2),
        "X V t",
    ),
    Identity(
        "REML",
        "M_ij = X_ni inv(V)_nm X_mj; E = 1/2 logdet(V) + 1/2 logdet(M); spd(V)",
        {"X": general(4, 2), "V": definite(4)},
        lambda X, V: 0.5 * ld(V) + 0.5 * ld(X.T @ inv(V) @ X),
        "X V",
    ),
    Identity(
        "softmax logdet",
        "p_i = softmax_i(z_i); M_ij = p_i [i = j] - p_i p_j + [i = j]; y = logdet(M)",
        {"z": general(3)},
        lambda z: (lambda p: ld(jnp.diag(p) - jnp.outer(p, p) + jnp.eye(3)))(jax.nn.softmax(z)),
        "z",
    ),
    Identity(
        "newton step",
        "d_i = -inv(H)_ij g_j; y = g_i d_i + 1/2 d_i H_ij d_j; spd(H)",
        {"H": definite(), "g": general(3)},
        lambda H, g: (lambda d: g @ d + 0.5 * d @ H @ d)(-inv(H) @ g),
        "H g",
    ),
    Identity(
        "gauss-newton",
        "J_ni = tanh(x_nj W_ji); M_ij = J_ni J_nj + λ [i = j]; y = logdet(M)",
        {"x": general(5, 2), "W": general(2, 3), "λ": np.array(0.3)},
        lambda x, W, λ: ld(jnp.tanh(x @ W).T @ jnp.tanh(x @ W) + λ * jnp.eye(3)),
        "W",
    ),
    Identity(
        "bures",
        "R_ij = cholesky(S)_ij; y = S_ii + T_ii - 2 nuclear(M); M_ij = R_ki K_kj; K_ij = cholesky(T)_ij; "
        "spd(S); spd(T)",
        {"S": definite(), "T": definite()},
        lambda S, T: tr(S) + tr(T) - 2 * jnp.sum(jnp.linalg.svd(chol(S).T @ chol(T), compute_uv=False)),
        "S T",
    ),
    Identity(
        "stein div",
        "M_ij = (X_ij + Y_ij)/2; y = logdet(M) - 1/2 logdet(X) - 1/2 logdet(Y); spd(X); spd(Y)",
        {"X": definite(), "Y": definite()},
        lambda X, Y: ld((X + Y) / 2) - 0.5 * ld(X) - 0.5 * ld(Y),
        "X",
        "δX_ij = 1/2 δy (inv(M)_ij - inv(X)_ij)",
        ("δX_ij = δy (inv(M)_ij - inv(X)_ij)",),
    ),
    Identity(
        "burg",
        "y = X_ij inv(Y)_ji - logdet(X) + logdet(Y) - dim(X, 0); spd(X); spd(Y)",
        {"X": definite(), "Y": definite()},
        lambda X, Y: tr(X @ inv(Y)) - ld(X) + ld(Y) - 3,
        "X Y",
        "δX_ij = δy (inv(Y)_ij - inv(X)_ij); δY_ij = δy (inv(Y)_ij - inv(Y)_ik X_kl inv(Y)_lj)",
        ("δX_ij = δy (inv(Y)_ij - inv(X)_ij); δY_ij = δy (inv(Y)_ij - inv(Y)_ik X_kj)",),
    ),
]
