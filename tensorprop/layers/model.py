"""Small models, whole: pages of equations from the data to the error, or to the parts of an error.

Where E is defined it is the error itself, so δE = 1 and the backward rules start there.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = [
    "AffineCoupling",
    "Autoencoder",
    "DiffusionLoss",
    "FactorisationMachine",
    "GaussianMixture",
    "GaussianProcess",
    "GraphAttention",
    "GraphConvolution",
    "LogisticRegression",
    "MatrixFactorisation",
    "RidgeRegression",
    "SoftmaxRegression",
    "VariationalAutoencoder",
    "VariationalBottleneck",
]


class LogisticRegression(Layer):
    """``s = x w + c``, ``E = mean_b (softplus(s) - y s)``; ``δs = (σ(s) - y) / n``, ``δw = xᵀ δs``, ``δc = 1ᵀ δs``.

    Shapes: x (b, i), w (i), c (), y (b) between 0 and 1, E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.2.

    >>> print(LogisticRegression().rules["δw"])
    δw_i = x_bi δs_b
    """

    forward = """
        s_b = x_bi w_i + c
        E   = mean_b(softplus(s_b) - y_b s_b)
    """
    backward = """
        δs_b = (σ(s_b) - y_b) / dim(b)
        δw_i = x_bi δs_b
        δc   = Σ_b δs_b
    """
    parameters = "w c"
    takes = "x"


class SoftmaxRegression(Layer):
    """``S = x W + 1 uᵀ``, ``E = -mean_b Σ_c y_bc log softmax_c(S_bc)``; ``δS = (softmax(S) - y) / n``, ``δW = xᵀ δS``.

    Shapes: x (b, i), W (i, c), u (c), y (b, c) with ``Σ_c y_bc = 1``, E ().
    Reference: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
    """

    forward = """
        s_bc = x_bi W_ic + u_c
        l_bc = logsoftmax_c(s_bc)
        E    = -mean_b(y_bc l_bc)
    """
    backward = """
        δs_bc = (softmax_c(s_bc) - y_bc) / dim(b)
        δW_ic = x_bi δs_bc
        δu_c  = Σ_b δs_bc
    """
    given = "Σ_c y_bc = 1"
    parameters = "W u"
    takes = "x"


class RidgeRegression(Layer):
    """``E = ½ |x w - y|² + ½ λ |w|²``; ``δw = xᵀ (x w - y) + λ w``.

    Shapes: x (b, i), w (i), y (b), λ (), E ().
    Reference: Hoerl, Kennard, Ridge regression, Technometrics 12 (1970).
    """

    forward = """
        e_b = x_bi w_i - y_b
        E   = 1/2 Σ_b e_b^2 + 1/2 λ Σ_i w_i^2
    """
    backward = "δw_i = x_bi e_b + λ w_i"
    parameters = "w"
    takes = "x"


class MatrixFactorisation(Layer):
    """``E = ½ |M ⊙ (U Vᵀ - Y)|²`` for a mask M of what is known; with ``e = M ⊙ (U Vᵀ - Y)``, ``δU = (M ⊙ e) V``.

    ``δV = (M ⊙ e)ᵀ U``: j is summed for U and i for V, which is where the transpose comes from.

    Shapes: U (i, r), V (j, r), Y (i, j), M (i, j), E ().
    Reference: Koren, Bell, Volinsky, Matrix factorization techniques for recommender systems, Computer 42 (2009).
    """

    forward = """
        e_ij = M_ij (U_ir V_jr - Y_ij)
        E    = 1/2 Σ_ij e_ij^2
    """
    backward = """
        δU_ir = M_ij e_ij V_jr
        δV_jr = M_ij e_ij U_ir
    """
    parameters = "U V"
    takes = "Y"


class FactorisationMachine(Layer):
    """``y_b = w + Σ_i x_bi v_i + Σ_{i<j} x_bi x_bj Σ_r V_ir V_jr``, the pairs as ``½ Σ_r (q_br² - Σ_i x_bi² V_ir²)``.

    With ``q = x V`` taken once, the sum over pairs is linear in i. Backward
    ``δV_ir = Σ_b δy_b x_bi (q_br - x_bi V_ir)``.

    Shapes: x (b, i), w (), v (i), V (i, r), y (b).
    Reference: Rendle, Factorization machines (2010).
    """

    forward = """
        q_br = x_bi V_ir
        y_b  = w + x_bi v_i + 1/2 Σ_r (q_br^2 - Σ_i x_bi^2 V_ir^2)
    """
    backward = """
        δw    = Σ_b δy_b
        δv_i  = x_bi δy_b
        δV_ir = Σ_b δy_b x_bi (q_br - x_bi V_ir)
    """
    parameters = "w v V"
    takes = "x"


class GaussianProcess(Layer):
    """``E = ½ yᵀ K⁻¹ y + ½ log|K|``, K positive definite: minus the logarithm of a normal density, up to a constant.

    Backward, with ``α = K⁻¹ y`` and ``β = K⁻ᵀ y``: ``δy = ½ (α + β)`` and ``δK = ½ (K⁻ᵀ - β αᵀ)``, every entry of K on
    its own; where K is symmetric that is ``δy = α`` and ``δK = ½ (K⁻¹ - α αᵀ)``.

    Shapes: y (i), K (i, j) symmetric, E ().
    Reference: Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), section 5.4.1.
    """

    forward = "E = 1/2 y_i inv(K)_ij y_j + 1/2 logdet(K)"
    backward = """
        α_i   = inv(K)_ij y_j
        β_i   = inv(K)_ji y_j
        δy_i  = 1/2 (α_i + β_i)
        δK_ij = 1/2 (inv(K)_ji - β_i α_j)
    """
    parameters = "K"
    takes = "y"


class GaussianMixture(Layer):
    """Points of k normal clusters along axes: ``l_nk = w_k - ½ Σ_d ((x_nd - μ_kd)² / v_kd + log v_kd)``,
    ``E = -mean_n logsumexp_k(l_nk)``, up to a constant.

    Backward, with ``r = softmax(l)``, how much of point n is k's: ``δμ_kd = -Σ_n r_nk (x_nd - μ_kd) / v_kd / |n|``;
    set to 0 it says that μ is the mean of the points, weighed by r: the step of expectation-maximisation.

    Shapes: x (n, d), μ (k, d), v (k, d) positive, w (k), E ().
    Reference: Dempster, Laird, Rubin, Maximum likelihood from incomplete data via the EM algorithm (1977).
    """

    forward = """
        l_nk = w_k - 1/2 Σ_d ((x_nd - μ_kd)^2 / v_kd + log(v_kd))
        E    = -mean_n(logsumexp_k(l_nk))
    """
    backward = """
        r_nk  = softmax_k(l_nk)
        δw_k  = -Σ_n r_nk / dim(n)
        δμ_kd = -Σ_n r_nk (x_nd - μ_kd) / v_kd / dim(n)
        δv_kd = 1/2 Σ_n r_nk (1 / v_kd - (x_nd - μ_kd)^2 / v_kd^2) / dim(n)
    """
    parameters = "w μ v"
    takes = "x"


class VariationalBottleneck(Layer):
    """The middle of a variational autoencoder: ``z = m + exp(s/2) ⊙ ε`` for noise ε that was drawn, and
    ``k_b = ½ Σ_i (m² + exp(s) - 1 - s)``, how far that is from a standard normal distribution.

    Backward ``δm = δz + m δk``, ``δs = ½ δz ⊙ ε ⊙ exp(s/2) + ½ (exp(s) - 1) δk``: m and s are owed by the draw and by
    the distance.

    Shapes: m (b, i), s (b, i) the logarithm of the variance, ε (b, i), z (b, i), k (b).
    Reference: Kingma, Welling, Auto-encoding variational Bayes (2014).
    """

    forward = """
        z_bi = m_bi + exp(s_bi / 2) ε_bi
        k_b  = 1/2 Σ_i (m_bi^2 + exp(s_bi) - 1 - s_bi)
    """
    backward = """
        δm_bi = δz_bi + m_bi δk_b
        δs_bi = 1/2 δz_bi ε_bi exp(s_bi / 2) + 1/2 (exp(s_bi) - 1) δk_b
    """
    takes = "m"


class Autoencoder(Layer):
    """x through few values and back, with one matrix for both ways: ``h = tanh(x W + 1 uᵀ)``, ``y = h Wᵀ + 1 vᵀ``.

    Backward: W is owed twice, ``δW = xᵀ (δh ⊙ (1 - h²)) + δyᵀ h``: once as the way in and once as the way out.

    Shapes: x (b, i), W (i, j), u (j), v (i), E ().
    Reference: Hinton, Salakhutdinov, Reducing the dimensionality of data with neural networks, Science 313 (2006).
    """

    forward = """
        h_bj = tanh(x_bi W_ij + u_j)
        y_bi = h_bj W_ij + v_i
        E    = mean_bi((y_bi - x_bi)^2)
    """
    backward = """
        δy_bi = 2 (y_bi - x_bi) / (dim(b) dim(i))
        δh_bj = δy_bi W_ij
        g_bj  = δh_bj (1 - h_bj^2)
        δW_ij = x_bi g_bj + δy_bi h_bj
        δu_j  = Σ_b g_bj
        δv_i  = Σ_b δy_bi
    """
    parameters = "W u v"
    takes = "x"


class GraphConvolution(Layer):
    """Every node n takes from its neighbours, weighed by A: ``z = A x W``.

    Backward ``δh = δz Wᵀ`` for ``h = A x``, ``δx = Aᵀ δh``: along the edges, the other way.

    Shapes: A (n, m), x (m, i), W (i, j), z (n, j).
    Reference: Kipf, Welling, Semi-supervised classification with graph convolutional networks (2017).
    """

    forward = """
        h_ni = A_nm x_mi
        z_nj = h_ni W_ij
    """
    backward = """
        δW_ij = h_ni δz_nj
        δh_ni = δz_nj W_ij
        δx_mi = A_nm δh_ni
    """
    parameters = "W"
    takes = "x"


class GraphAttention(Layer):
    """Neighbours weighed by what they say: ``h = x W``, ``s_nm = leaky_relu(h_n u + h_m v)``, a softmax of s over the
    neighbours m of n (A_nm is 1 for these, else 0), ``y = P h``.

    Backward: h is owed as value, ``Pᵀ δy``, as the one that looks, ``e_n u``, and as the one looked at, ``e_m v``.

    Shapes: x (n, i), A (n, m) of zeros and ones, W (i, j), u (j), v (j), y (n, j).
    Reference: Veličković et al., Graph attention networks (2018).
    """

    forward = """
        h_nj = x_ni W_ij
        s_nm = leaky_relu(h_nj u_j + h_mj v_j)
        P_nm = A_nm exp(s_nm) / Σ_k A_nk exp(s_nk)
        y_nj = P_nm h_mj
    """
    backward = """
        δP_nm = δy_nj h_mj
        δs_nm = P_nm (δP_nm - P_nk δP_nk)
        e_nm  = δs_nm ([s_nm ≥ 0] + 0.01 [s_nm < 0])
        δu_j  = Σ_nm e_nm h_nj
        δv_j  = Σ_nm e_nm h_mj
        δh_nj = P_mn δy_mj + Σ_m e_nm u_j + Σ_m e_mn v_j
        δW_ij = x_ni δh_nj
    """
    parameters = "W u v"
    takes = "x"


class AffineCoupling(Layer):
    """Half of the entries, z, scaled and shifted by what the other half, x, says: ``y = z ⊙ exp(s) + t`` with
    ``s = tanh(x W)``, ``t = x V``; the logarithm of the determinant is ``l_b = Σ_j s_bj``.

    Backward ``δs = δy ⊙ z ⊙ exp(s) + δl``, ``δt = δy``, ``δz = δy ⊙ exp(s)``.

    Shapes: x (b, i), z (b, j), W (i, j), V (i, j), y (b, j), l (b).
    Reference: Dinh, Sohl-Dickstein, Bengio, Density estimation using Real NVP (2017).
    """

    forward = """
        s_bj = tanh(x_bi W_ij)
        t_bj = x_bi V_ij
        y_bj = z_bj exp(s_bj) + t_bj
        l_b  = Σ_j s_bj
    """
    backward = """
        δs_bj = δy_bj z_bj exp(s_bj) + δl_b
        δt_bj = δy_bj
        δz_bj = δy_bj exp(s_bj)
        g_bj  = δs_bj (1 - s_bj^2)
        δW_ij = x_bi g_bj
        δV_ij = x_bi δt_bj
        δx_bi = g_bj W_ij + δt_bj V_ij
    """
    parameters = "W V"
    takes = "z"


class DiffusionLoss(Layer):
    """Noise to be guessed: ``x_b = sqrt(a_b) z_b + sqrt(1 - a_b) ε_b`` goes into a network, here a linear one,
    ``n = x W + 1 uᵀ``, and ``E = mean_bi (n - ε)²``.

    Backward ``δn = 2 (n - ε) / (|b| |i|)``; z, ε and a are data.

    Shapes: z (b, i), ε (b, i), a (b) between 0 and 1, W (i, j), u (j), E ().
    Reference: Ho, Jain, Abbeel, Denoising diffusion probabilistic models (2020).
    """

    forward = """
        x_bi = sqrt(a_b) z_bi + sqrt(1 - a_b) ε_bi
        n_bj = x_bi W_ij + u_j
        E    = mean_bj((n_bj - ε_bj)^2)
    """
    backward = """
        δn_bj = 2 (n_bj - ε_bj) / (dim(b) dim(j))
        δW_ij = x_bi δn_bj
        δu_j  = Σ_b δn_bj
    """
    parameters = "W u"
    takes = "z"


class VariationalAutoencoder(Layer):
    """x to a mean m and the logarithm s of a variance, a draw ``z = m + exp(s/2) ⊙ ε`` with noise ε that was drawn, and
    back to logits o; ``E = mean_b (Σ_i (softplus(o) - x ⊙ o) + ½ Σ_k (m² + exp(s) - 1 - s))``, minus the bound of the
    evidence.

    Backward ``δo = (σ(o) - x) / n`` through the decoder to ``δz``; m and s are owed by the draw and by the distance,
    ``δm = δz + m/n``, ``δs = ½ δz ⊙ ε ⊙ exp(s/2) + ½ (exp(s) - 1)/n``; then through the encoder.

    Shapes: x (b, i) between 0 and 1, ε (b, k), W (i, j), u (j), M and S (j, k), μ and ν (k), V (k, l), v (l), D (l, i),
    ω (i), E ().
    Reference: Kingma, Welling, Auto-encoding variational Bayes (2014).
    """

    forward = """
        h_bj = tanh(x_bi W_ij + u_j)
        m_bk = h_bj M_jk + μ_k
        s_bk = h_bj S_jk + ν_k
        z_bk = m_bk + exp(s_bk / 2) ε_bk
        g_bl = tanh(z_bk V_kl + v_l)
        o_bi = g_bl D_li + ω_i
        E    = mean_b(Σ_i (softplus(o_bi) - x_bi o_bi) + 1/2 Σ_k (m_bk^2 + exp(s_bk) - 1 - s_bk))
    """
    backward = """
        δo_bi = (σ(o_bi) - x_bi) / dim(b)
        δg_bl = δo_bi D_li
        e_bl  = δg_bl (1 - g_bl^2)
        δz_bk = e_bl V_kl
        δm_bk = δz_bk + m_bk / dim(b)
        δs_bk = 1/2 δz_bk ε_bk exp(s_bk / 2) + 1/2 (exp(s_bk) - 1) / dim(b)
        δh_bj = δm_bk M_jk + δs_bk S_jk
        d_bj  = δh_bj (1 - h_bj^2)
        δW_ij = x_bi d_bj
        δu_j  = Σ_b d_bj
        δM_jk = h_bj δm_bk
        δS_jk = h_bj δs_bk
        δμ_k  = Σ_b δm_bk
        δν_k  = Σ_b δs_bk
        δV_kl = z_bk e_bl
        δv_l  = Σ_b e_bl
        δD_li = g_bl δo_bi
        δω_i  = Σ_b δo_bi
    """
    parameters = "W u M μ S ν V v D ω"
    takes = "x"
