"""Functions of whole matrices: one row each, in strings.

In: nothing. Out: rows for the table of reductions. In a row, X is the matrix, u and v its row and column, a, b, c … the
subscripts of the entry that is meant, y that entry, and g its cotangent; other letters are summed. The row is then
what the entry X_uv is owed: ``g ∂y/∂X_uv``. A row names functions of X again, its own among them, so that derivatives
of every order follow from it, but for the matrix exponential, whose first two derivatives are functions of their own
("-": there is no row).

**The derivative of a power series.** Of f(X) = Σ_n c_n Xⁿ the derivative in the direction E is the sum of c_n Xᵖ E X^q
over p + q = n - 1, the upper right block of f at the matrix [[X, E], [0, X]] (Higham, Functions of Matrices, 2008).
``expm′(X)_abuv`` is ∂expm(X)_ab/∂X_uv, and each prime more adds the two subscripts of one more direction.
"""

from __future__ import annotations

from tensorprop.core.rows import Reduction

__all__ = ["DECLARED_ROWS", "ENTRY", "MATRIX_ROWS"]

ENTRY = "abcdefhi"
"""The letters of an entry's subscripts in a row."""


def _half(row: str, column: str) -> str:
    """The lower triangle and half of the diagonal."""
    return f"([{row} > {column}] + 1/2 [{row} = {column}])"


def _pair(one: str, other: str) -> str:
    """(M dX Mᵀ)_kb for M = L⁻¹ and a symmetric dX, twice: what it takes of dX_uv."""
    m = "inv_cholesky(X)"
    return f"({m}_{one}u {m}_{other}v + {m}_{one}v {m}_{other}u)"


# dX⁺ = -X⁺ dX X⁺ + X⁺ X⁺ᵀ dXᵀ (1 - X X⁺) + (1 - X⁺ X) dXᵀ X⁺ᵀ X⁺, as long as the rank stays (Golub and Pereyra, 1973).
_PINV = (
    "-g pinv(X)_au pinv(X)_vb"
    " + g Σ_k pinv(X)_ak pinv(X)_vk ([u = b] - Σ_l X_ul pinv(X)_lb)"
    " + g Σ_k ([a = v] - Σ_l pinv(X)_al X_lv) pinv(X)_ku pinv(X)_kb"
)
# Eigenvectors of the symmetric part: dV_b = Σ_{k≠b} V_k (V_kᵀ dX V_b) / (λ_b - λ_k); equal λ have no derivative.
_V, _L = "eigvecs(X)", "eigvalsh(X)"
_EIGVECS = (
    f"1/2 g Σ_k [{_L}_k ≠ {_L}_b] {_V}_ak ({_V}_uk {_V}_vb + {_V}_vk {_V}_ub) / ({_L}_b - {_L}_k + [{_L}_b = {_L}_k])"
)
# Right singular vectors are the eigenvectors of XᵀX, to σ²: d(XᵀX) = dXᵀ X + Xᵀ dX.
_W, _S = "svdright(X)", "svdvals(X)"
_SVDRIGHT = (
    f"g Σ_k [{_S}_k ≠ {_S}_b] {_W}_ak ({_W}_vk (Σ_l X_ul {_W}_lb) + (Σ_l X_ul {_W}_lk) {_W}_vb)"
    f" / ({_S}_b² - {_S}_k² + [{_S}_b = {_S}_k])"
)

MATRIX_ROWS = (
    Reduction("inv",        "-g inv(X)_au inv(X)_vb",   kind="matrix", axes="uu", domain="det(X) ≠ 0",
                                                        code="linalg.inv", holomorphic=True, turns=True),
    Reduction("det",        "g y inv(X)_vu",            kind="matrix", domain="det(X) ≠ 0 for the derivative",
                                                        code="linalg.det", holomorphic=True, turns=True),
    Reduction("logdet",     "g inv(X)_vu",              kind="matrix", domain="det(X) ≠ 0; of its absolute value",
                                                        numpy="np.linalg.slogdet({1})[1]",
                                                        jax="jnp.linalg.slogdet({1})[1]", turns=True),
    Reduction("pinv",       _PINV,                      kind="matrix", axes="vu", square=False,
                                                        domain="where the rank of X stays", code="linalg.pinv",
                                                        turns=True),
    Reduction("expm",       "g expm′(X)_abuv",          kind="matrix", axes="uu", numpy="scipy.linalg.expm({1})",
                                                        jax="jax.scipy.linalg.expm({1})", turns=True),
    Reduction("expm′",      "g expm″(X)_abcduv",        kind="matrix", axes="uuuu"),
    Reduction("expm″",      "-",                        kind="matrix", axes="uuuuuu"),
    Reduction("cholesky",   f"1/2 g Σ_k cholesky(X)_ak {_half('k', 'b')} {_pair('k', 'b')}",
                                                        kind="matrix", axes="uu", kink="of the symmetric part",
                                                        domain="(X + Xᵀ)/2 is positive definite",
                                                        code="linalg.cholesky"),
    Reduction("inv_cholesky", f"-1/2 g Σ_k {_half('a', 'k')} inv_cholesky(X)_kb {_pair('a', 'k')}",
                                                        kind="matrix", axes="uu", kink="of the symmetric part",
                                                        domain="(X + Xᵀ)/2 is positive definite",
                                                        numpy="np.linalg.inv(np.linalg.cholesky({1}))",
                                                        jax="jnp.linalg.inv(jnp.linalg.cholesky({1}))"),
    Reduction("eigvalsh",   f"g {_V}_ua {_V}_va",       kind="matrix", axes="u", kink="of the symmetric part",
                                                        domain="distinct eigenvalues, for the derivative",
                                                        code="linalg.eigvalsh"),
    Reduction("eigvecs",    _EIGVECS,                   kind="matrix", axes="uu", kink="of the symmetric part",
                                                        domain="distinct eigenvalues, for the derivative",
                                                        numpy="np.linalg.eigh({1})[1]",
                                                        jax="jnp.linalg.eigh({1})[1]"),
    Reduction("svdvals",    f"g Σ_k X_uk {_W}_ka {_W}_va / (y + [y = 0])",
                                                        kind="matrix", axes="v", square=False, kink="0 at 0",
                                                        domain="distinct singular values, for the derivative",
                                                        numpy="np.linalg.svd({1}, compute_uv=False)",
                                                        jax="jnp.linalg.svd({1}, compute_uv=False)"),
    Reduction("svdright",   _SVDRIGHT,                  kind="matrix", axes="vv", square=False,
                                                        domain="distinct singular values, for the derivative",
                                                        numpy="np.linalg.svd({1})[2].T",
                                                        jax="jnp.linalg.svd({1})[2].T"),
)  # fmt: skip

_DIAGONAL = "Σ_k log(abs(X_kk))"
DECLARED_ROWS: dict[tuple[str, str], str] = {
    ("inv", "orthogonal"): "X_ba",
    ("inv", "diagonal"): "[a = b] / X_aa",
    ("pinv", "orthogonal"): "X_ba",
    ("pinv", "spd"): "inv(X)_ab",
    ("det", "diagonal"): "prod_k(X_kk)",
    ("det", "lower"): "prod_k(X_kk)",
    ("logdet", "diagonal"): _DIAGONAL,
    ("logdet", "lower"): _DIAGONAL,
    ("expm", "diagonal"): "[a = b] exp(X_aa)",
    ("cholesky", "diagonal"): "[a = b] sqrt(X_aa)",
    ("inv_cholesky", "diagonal"): "[a = b] / sqrt(X_aa)",
}
"""What a function is of a matrix of which something is declared, in the letters of the rows above: entries a, b."""
