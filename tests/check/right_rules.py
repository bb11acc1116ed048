"""Right rules, as people write them: a forward pass, and backward rules that are each to be proved.

`RIGHT` holds the layers, each rule in several algebraic forms; `CORPUS` the hand-written gradients of a public
collection of layers (tests/data), put into the notation. One row is one forward pass with one or more rules.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BLOCK", "CORPUS", "RIGHT", "Page"]


class Page(NamedTuple):
    """A forward pass, and rules of which each is right; ``given`` is what the inputs make equal."""

    name: str
    forward: str
    rules: tuple[str, ...]
    given: str = ""


def page(name: str, forward: str, *rules: str, given: str = "") -> Page:
    return Page(name, forward, rules, given)


RIGHT: tuple[Page, ...] = (
    # ------------------------------------------------------------- linear maps
    page(
        "dense",
        "z_bj = a_bi W_ij + b_j",
        "δa_bi = δz_bj W_ij",
        "δa_bi = Σ_j W_ij δz_bj",
        "δW_ij = a_bi δz_bj",
        "δW_kl = Σ_n δz_nl a_nk",
        "δW_ij = dim(b) mean_b(a_bi δz_bj)",
        "δb_j = Σ_b δz_bj",
        "δb_j = dim(b) mean_b(δz_bj)",
        "δb_l = Σ_bj [j = l] δz_bj",
    ),
    page(
        "bilinear form",
        "E = x_i A_ij x_j",
        "δx_k = (A_kj + A_jk) x_j",
        "δx_k = A_kj x_j + x_i A_ik",
        "δA_ij = x_i x_j",
        "δA_ij = x_j x_i δE",
    ),
    page("two paths", "y_i = W_ij x_j + V_ij x_j", "δx_j = (W_ij + V_ij) δy_i", "δx_j = δy_i W_ij + V_ij δy_i"),
    page("outer product", "Y_ij = a_i b_j", "δa_i = Y_ij δY_ij / a_i", "δb_j = a_i δY_ij"),
    page("trace", "t = A_ii", "δA_ij = [i = j]", "δA_ij = [j = i] δt"),
    # ------------------------------------------------------------- logistic functions
    page(
        "sigmoid",
        "a_i = σ(z_i)",
        "δz_i = a_i (1 - a_i) δa_i",
        "δz_i = σ(z_i) σ(-z_i) δa_i",
        "δz_i = δa_i (a_i - a_i²)",
        "δz_i = δa_i exp(-z_i) / (1 + exp(-z_i))²",
        "δz_i = δa_i exp(-z_i) a_i²",
        "δz_i = δa_i / (exp(z_i) + 2 + exp(-z_i))",
        "δz_i = 1/4 δa_i (1 - tanh(z_i / 2)²)",
        "δz_i = δa_i / (4 cosh(z_i / 2)²)",
    ),
    page(
        "tanh",
        "h_i = tanh(z_i)",
        "δz_i = δh_i (1 - h_i²)",
        "δz_i = δh_i (1 - h_i) (1 + h_i)",
        "δz_i = δh_i / cosh(z_i)²",
        "δz_i = δh_i - δh_i tanh(z_i)²",
        "δz_i = 4 σ(2 z_i) σ(-2 z_i) δh_i",
        "δz_i = 4 δh_i / (exp(z_i) + exp(-z_i))²",
        "δz_i = δh_i (1 - h_i tanh(z_i))",
    ),
    page(
        "tanh of an affine map",
        "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj)",
        "δW_ij = a_bi (1 - h_bj²) δh_bj",
        "δa_bi = W_ij δh_bj / cosh(a_bk W_kj + b_j)²",
        "δb_j = Σ_b δh_bj (1 - tanh(z_bj)²)",
        "δz_bj = δh_bj 4 σ(2 z_bj) (1 - σ(2 z_bj))",
    ),
    page(
        "softplus",
        "a_i = softplus(z_i)",
        "δz_i = σ(z_i) δa_i",
        "δz_i = δa_i (1 - exp(-a_i))",
        "δz_i = δa_i / (1 + exp(-z_i))",
        "δz_i = δa_i exp(z_i - a_i)",
        "δz_i = δa_i exp(z_i) / (1 + exp(z_i))",
    ),
    page(
        "log σ",
        "a_i = logsigmoid(z_i)",
        "δz_i = σ(-z_i) δa_i",
        "δz_i = δa_i (1 - exp(a_i))",
        "δz_i = δa_i - δa_i σ(z_i)",
        "δz_i = δa_i / (1 + exp(z_i))",
    ),
    page(
        "silu",
        "a_i = silu(z_i)",
        "δz_i = δa_i (a_i + σ(z_i) (1 - a_i))",
        "δz_i = δa_i σ(z_i) (1 + z_i (1 - σ(z_i)))",
        "δz_i = δa_i (σ(z_i) + z_i σ(z_i) σ(-z_i))",
        "s_i = σ(z_i); δz_i = δa_i (s_i + z_i s_i (1 - s_i))",
    ),
    page(
        "mish",
        "a_i = mish(z_i)",
        "t_i = tanh(softplus(z_i)); δz_i = δa_i (t_i + z_i σ(z_i) (1 - t_i²))",
        "δz_i = δa_i (tanh(softplus(z_i)) + z_i σ(z_i) / cosh(log(1 + exp(z_i)))²)",
    ),
    page(
        "gelu",
        "a_i = gelu(z_i)",
        "δz_i = δa_i (1/2 erfc(-z_i / sqrt(2)) + z_i exp(-z_i² / 2) / sqrt(2 π))",
        "δz_i = δa_i (1/2 (1 + erf(z_i / sqrt(2))) + z_i exp(-1/2 z_i²) / sqrt(2 π))",
        "δz_i = δa_i (1 - 1/2 erfc(z_i / sqrt(2)) + z_i exp(-1/2 z_i²) / sqrt(2 π))",
    ),
    page(
        "gelu by tanh",
        "a_i = gelu_tanh(z_i)",
        "s_i = σ(sqrt(8 / π) (z_i + 0.044715 z_i³)); δz_i = δa_i (s_i + a_i (1 - s_i) sqrt(8 / π) (1 + 0.134145 z_i²))",
        "t_i = tanh(sqrt(2 / π) (z_i + 0.044715 z_i³)); "
        "δz_i = δa_i (1/2 (1 + t_i) + 1/2 z_i (1 - t_i²) sqrt(2 / π) (1 + 3 * 0.044715 z_i²))",
    ),
    # ------------------------------------------------------------- rectifiers
    page(
        "relu",
        "a_i = relu(z_i)",
        "δz_i = δa_i [z_i > 0]",
        "δz_i = δa_i step(z_i)",
        "δz_i = δa_i (1 - [z_i ≤ 0])",
        "δz_i = where([z_i > 0], δa_i, 0)",
        "δz_i = δa_i [a_i > 0]",
        "δz_i = δa_i sign(a_i)",
    ),
    page(
        "leaky relu",
        "a_i = leaky_relu(z_i)",
        "δz_i = δa_i ([z_i ≥ 0] + 0.01 [z_i < 0])",
        "δz_i = δa_i (1 - 0.99 [z_i < 0])",
        "δz_i = where([z_i < 0], 0.01 δa_i, δa_i)",
    ),
    page(
        "elu",
        "a_i = elu(z_i)",
        "δz_i = δa_i ([z_i > 0] + [z_i ≤ 0] (a_i + 1))",
        "δz_i = δa_i ([z_i > 0] + [z_i ≤ 0] exp(z_i))",
        "δz_i = where([z_i > 0], δa_i, δa_i exp(z_i))",
        "δz_i = δa_i exp(min(z_i, 0))",
    ),
    page(
        "selu",
        "a_i = selu(z_i)",
        "l = 1.0507009873554804934193349852946; m = 1.6732632423543772848170429916717; "
        "δz_i = δa_i (l [z_i > 0] + [z_i ≤ 0] (a_i + l m))",
        "l = 1.0507009873554804934193349852946; m = 1.6732632423543772848170429916717; "
        "δz_i = l δa_i where([z_i > 0], 1, m exp(z_i))",
    ),
    page(
        "softsign",
        "a_i = softsign(z_i)",
        "δz_i = δa_i / (1 + abs(z_i))²",
        "δz_i = δa_i (1 - abs(a_i))²",
    ),
    page("abs", "a_i = abs(z_i)", "δz_i = δa_i sign(z_i)", "δz_i = δa_i ([z_i > 0] - [z_i < 0])"),
    page(
        "max of two",
        "y_i = max(a_i, c_i)",
        "δa_i = δy_i ([a_i > c_i] + 1/2 [a_i = c_i])",
        "δa_i = 1/2 δy_i (1 + sign(a_i - c_i))",
        "δc_i = δy_i (1 - [a_i > c_i] - 1/2 [a_i = c_i])",
    ),
    page(
        "where",
        "y_i = where(c_i, a_i, d_i)",
        "δa_i = [c_i ≠ 0] δy_i",
        "δa_i = δy_i - [c_i = 0] δy_i",
        "δd_i = where(c_i, 0, δy_i)",
    ),
    page(
        "clipped",
        "y_i = min(max(x_i, 0), 1) + relu(x_i)²",
        "δx_i = δy_i (2 relu(x_i) + [x_i > 0] [x_i < 1] + 1/2 [x_i = 0] + 1/2 [x_i = 1])",
    ),
    # ------------------------------------------------------------- open functions
    page(
        "any f",
        "z_bj = a_bi W_ij + b_j; h_bj = f(z_bj)",
        "δz_bj = f′(z_bj) δh_bj",
        "δW_ij = a_bi f′(z_bj) δh_bj",
        "δa_bi = W_ij f′(a_bk W_kj + b_j) δh_bj",
        "δb_j = Σ_b f′(z_bj) δh_bj",
    ),
    # ------------------------------------------------------------- powers, roots, logarithms
    page("cube", "y_i = x_i³", "δx_i = 3 x_i² δy_i", "δx_i = 3 δy_i y_i / x_i"),
    page(
        "root",
        "y_i = sqrt(x_i)",
        "δx_i = δy_i / (2 sqrt(x_i))",
        "δx_i = 1/2 δy_i / y_i",
        "δx_i = 1/2 y_i δy_i / x_i",
        "δx_i = 1/2 δy_i rsqrt(x_i)",
        "δx_i = 1/2 δy_i x_i^-0.5",
    ),
    page("inverse root", "y_i = rsqrt(x_i)", "δx_i = -1/2 y_i³ δy_i", "δx_i = -δy_i y_i / (2 x_i)"),
    page("reciprocal", "y_i = 1 / x_i", "δx_i = -y_i² δy_i", "δx_i = -δy_i / x_i²", "δx_i = -δy_i y_i / x_i"),
    page(
        "power",
        "y_i = x_i^{w_i}",
        "δx_i = w_i y_i δy_i / x_i",
        "δx_i = w_i x_i^{w_i - 1} δy_i",
    ),
    page("exp", "y_i = exp(x_i)", "δx_i = y_i δy_i", "δx_i = exp(x_i) δy_i", "δx_i = δy_i exp(x_i / 2)²"),
    page("log", "y_i = log(x_i)", "δx_i = δy_i / x_i", "δx_i = δy_i exp(-y_i)"),
    page("sin", "y_i = sin(x_i)", "δx_i = cos(x_i) δy_i", "δx_i = δy_i (1 - 2 sin(x_i / 2)²)"),
    page("tan", "y_i = tan(x_i)", "δx_i = (1 + y_i²) δy_i", "δx_i = δy_i / cos(x_i)²"),
    page("arcsin", "y_i = arcsin(x_i)", "δx_i = δy_i / sqrt(1 - x_i²)", "δx_i = δy_i rsqrt((1 + x_i) (1 - x_i))"),
    page(
        "rational", "y_i = x_i / (1 + x_i²)", "δx_i = δy_i (1 - x_i²) / (1 + x_i²)²", "δx_i = δy_i (y_i / x_i - 2 y_i²)"
    ),
    page(
        "unit vector",
        "s = sqrt(x_i x_i); y_i = x_i / s",
        "δx_i = (δy_i - y_i y_k δy_k) / s",
        "δx_i = δy_i / s - x_i (x_k δy_k) / s³",
        "δs = -x_i δy_i / s²",
        "δs = -y_i δy_i / s",
    ),
    page("norm", "E = sqrt(x_i x_i)", "δx_i = x_i / E", "δx_i = x_i / sqrt(Σ_k x_k²)", "δx_i = x_i E / (x_k x_k)"),
    # ------------------------------------------------------------- softmax
    page(
        "softmax",
        "p_bj = softmax_j(z_bj)",
        "δz_bj = p_bj (δp_bj - Σ_k p_bk δp_bk)",
        "δz_bj = p_bj δp_bj - p_bj p_bk δp_bk",
        "δz_bj = Σ_k δp_bk p_bk ([j = k] - p_bj)",
        "g_b = p_bj δp_bj; δz_bj = p_bj (δp_bj - g_b)",
        "δz_bj = Σ_k p_bj p_bk (δp_bj - δp_bk)",
        "δz_bj = (δp_bj - p_bl δp_bl) exp(z_bj) / Σ_k exp(z_bk)",
    ),
    page(
        "softmax by hand",
        "e_j = exp(z_j); s = Σ_j e_j; p_j = e_j / s",
        "δz_j = p_j (δp_j - p_k δp_k)",
        "δs = -p_j δp_j / s",
        "δe_j = (δp_j - p_k δp_k) / s",
        "δz_j = e_j δe_j",
    ),
    page(
        "softmax, shifted",
        "m = c_j c_j; e_j = exp(z_j - m); p_j = e_j / Σ_k e_k",
        "δz_j = p_j (δp_j - p_k δp_k)",
        "δm = 0 z_j c_j",
        "δz_j = softmax_j(z_j) (δp_j - Σ_k softmax_k(z_k) δp_k)",
    ),
    page(
        "log softmax",
        "l_j = logsoftmax_j(z_j)",
        "δz_j = δl_j - exp(l_j) Σ_k δl_k",
        "δz_j = δl_j - softmax_j(z_j) Σ_k δl_k",
        "δz_j = Σ_k softmax_k(z_k) (δl_j - δl_k) + Σ_k (softmax_k(z_k) - softmax_j(z_j)) δl_k",
    ),
    page(
        "logsumexp",
        "y_b = logsumexp_c(s_bc)",
        "δs_bc = δy_b softmax_c(s_bc)",
        "δs_bc = δy_b exp(s_bc - y_b)",
        "δs_bc = δy_b exp(s_bc) / Σ_k exp(s_bk)",
    ),
    page("largest", "y_b = max_c(s_bc)", "δs_bc = δy_b [s_bc = y_b] / Σ_k [s_bk = y_b]"),
    # ------------------------------------------------------------- losses
    page(
        "mean squared error",
        "E = mean_bj((a_bj - y_bj)²)",
        "δa_bj = 2 (a_bj - y_bj) / (dim(b) dim(j))",
        "δa_bj = 2 a_bj / (dim(b) dim(j)) - 2 / dim(j) y_bj / dim(b)",
        "δy_bj = -δa_bj",
        "δy_bj = 2 (y_bj - a_bj) / dim(b) / dim(j)",
    ),
    page(
        "cross-entropy of labels",
        "l_bc = logsoftmax_c(s_bc); E = -mean_b(l_bc [y_b = c])",
        "δs_bc = (softmax_c(s_bc) - [y_b = c]) / dim(b)",
        "δs_bc = (exp(l_bc) - [c = y_b]) / dim(b)",
        "δl_bc = -[y_b = c] / dim(b)",
    ),
    page(
        "cross-entropy of a distribution",
        "l_bc = logsoftmax_c(s_bc); E = -mean_b(y_bc l_bc)",
        "δs_bc = (softmax_c(s_bc) - y_bc) / dim(b)",
        "δs_bc = (exp(l_bc) - y_bc) / dim(b)",
        given="Σ_c y_bc = 1",
    ),
    page(
        "cross-entropy of a softmax",
        "p_bc = softmax_c(s_bc); E = -mean_b(y_bc log(p_bc))",
        "δs_bc = (p_bc - y_bc) / dim(b)",
        "δp_bc = -y_bc / (p_bc dim(b))",
        given="Σ_c y_bc = 1",
    ),
    page(
        "cross-entropy of anything",
        "p_bc = softmax_c(s_bc); E = -mean_b(y_bc log(p_bc))",
        "δs_bc = (p_bc Σ_k y_bk - y_bc) / dim(b)",
    ),
    page(
        "binary cross-entropy",
        "p_b = σ(x_b); E = -mean_b(t_b log(p_b) + (1 - t_b) log(1 - p_b))",
        "δx_b = (p_b - t_b) / dim(b)",
        "δp_b = (p_b - t_b) / (p_b (1 - p_b) dim(b))",
        "δx_b = (σ(x_b) (1 - t_b) - t_b σ(-x_b)) / dim(b)",
    ),
    page(
        "binary cross-entropy of scores",
        "E = mean_b(softplus(x_b) - x_b t_b)",
        "δx_b = (σ(x_b) - t_b) / dim(b)",
        "δx_b = (1 / (1 + exp(-x_b)) - t_b) / dim(b)",
        "δt_b = -x_b / dim(b)",
    ),
    page(
        "Huber",
        "e_b = a_b - y_b; E = mean_b(1/2 e_b² [abs(e_b) ≤ 1] + (abs(e_b) - 1/2) [abs(e_b) > 1])",
        "δa_b = (e_b [abs(e_b) ≤ 1] + sign(e_b) [abs(e_b) > 1]) / dim(b)",
        "δy_b = -(e_b [abs(e_b) ≤ 1] + sign(a_b - y_b) [abs(e_b) > 1]) / dim(b)",
        "δa_b = where([abs(e_b) ≤ 1], e_b, sign(e_b)) / dim(b)",
    ),
    page(
        "Kullback and Leibler",
        "E = mean_b(y_bc (log(y_bc) - log(p_bc)))",
        "δp_bc = -y_bc / p_bc / dim(b)",
        "δy_bc = (log(y_bc) - log(p_bc) + 1) / dim(b)",
    ),
    # ------------------------------------------------------------- normalisation
    page(
        "layer norm",
        "m_b = mean_i(x_bi); v_b = var_i(x_bi); r_b = 1 / sqrt(v_b + 1e-5); n_bi = (x_bi - m_b) r_b; "
        "y_bi = g_i n_bi + c_i",
        "δx_bi = r_b (δn_bi - mean_k(δn_bk) - n_bi mean_k(δn_bk n_bk))",
        "δx_bi = r_b / dim(i) (dim(i) δn_bi - Σ_k δn_bk - n_bi Σ_k δn_bk n_bk)",
        "d_bi = g_i δy_bi; δx_bi = r_b (d_bi - mean_k(d_bk) - n_bi mean_k(d_bk n_bk))",
        "δx_bi = rsqrt(v_b + 1e-5) (g_i δy_bi - mean_k(g_k δy_bk) - n_bi mean_k(g_k δy_bk n_bk))",
        "δg_i = Σ_b δy_bi n_bi",
        "δg_i = Σ_b δy_bi (x_bi - m_b) / sqrt(v_b + 1e-5)",
        "δc_i = Σ_b δy_bi",
        "δn_bi = g_i δy_bi",
        "δr_b = δn_bi n_bi / r_b",
        "δv_b = -1/2 r_b³ (x_bi - m_b) δn_bi",
    ),
    page(
        "batch norm",
        "m_i = mean_b(x_bi); v_i = mean_b((x_bi - m_i)²); n_bi = (x_bi - m_i) / sqrt(v_i + 1e-5); y_bi = g_i n_bi "
        "+ c_i",
        "δx_bi = g_i / sqrt(v_i + 1e-5) (δy_bi - mean_a(δy_ai) - n_bi mean_a(δy_ai n_ai))",
        "δx_bi = g_i / (dim(b) sqrt(v_i + 1e-5)) (dim(b) δy_bi - Σ_a δy_ai - n_bi Σ_a δy_ai n_ai)",
        "δx_bi = (δn_bi - mean_a(δn_ai) - n_bi mean_a(n_ai δn_ai)) rsqrt(v_i + 1e-5)",
        "δg_i = Σ_b n_bi δy_bi",
    ),
    page(
        "root mean square norm",
        "r_b = sqrt(mean_i(x_bi²) + 1e-6); y_bi = g_i x_bi / r_b",
        "δx_bi = g_i δy_bi / r_b - x_bi mean_k(g_k δy_bk x_bk) / r_b³",
        "d_bi = g_i δy_bi; n_bi = x_bi / r_b; δx_bi = (d_bi - n_bi mean_k(d_bk n_bk)) / r_b",
        "δg_i = Σ_b δy_bi y_bi / g_i",
        "δr_b = -y_bi δy_bi / r_b",
    ),
    page("mean", "m_b = mean_i(x_bi)", "δx_bi = δm_b / dim(i)", "δx_bi = Σ_k δm_b (1 + x_bk - x_bk) / dim(i)²"),
    page(
        "variance",
        "v_b = var_i(x_bi)",
        "δx_bi = 2 δv_b (x_bi - mean_k(x_bk)) / dim(i)",
        "δx_bi = 2 δv_b / dim(i)² Σ_k (x_bi - x_bk)",
    ),
    # ------------------------------------------------------------- nets
    page(
        "two-layer tanh net",
        "z_bj = x_bi W_ij + b_j; h_bj = tanh(z_bj); o_bk = h_bj V_jk + c_k; E = 1/2 (o_bk - y_bk)²",
        "δo_bk = o_bk - y_bk",
        "δV_jk = h_bj (o_bk - y_bk)",
        "δh_bj = V_jk δo_bk",
        "δz_bj = (1 - h_bj²) V_jk (o_bk - y_bk)",
        "δW_ij = x_bi (1 - h_bj²) V_jk (o_bk - y_bk)",
        "δW_ij = x_bi δz_bj",
        "δb_j = Σ_b (1 - tanh(z_bj)²) δh_bj",
        "δb_j = Σ_bk V_jk δo_bk / cosh(z_bj)²",
        "δx_bi = W_ij (1 - h_bj) (1 + h_bj) δh_bj",
        "δc_k = Σ_b (o_bk - y_bk)",
    ),
    page(
        "relu net with softmax",
        "z_bj = x_bi W_ij; h_bj = relu(z_bj); s_bk = h_bj V_jk; E = -mean_b(logsoftmax_k(s_bk) [y_b = k])",
        "δs_bk = (softmax_k(s_bk) - [y_b = k]) / dim(b)",
        "δV_jk = h_bj δs_bk",
        "δW_ij = x_bi [z_bj > 0] V_jk δs_bk",
        "δW_ij = x_bi [h_bj > 0] V_jk (softmax_k(s_bk) - [y_b = k]) / dim(b)",
    ),
    page(
        "attention",
        "s_tu = Q_td K_ud / sqrt(dim(d)); p_tu = softmax_u(s_tu); o_te = p_tu V_ue",
        "δV_ue = p_tu δo_te",
        "δp_tu = δo_te V_ue",
        "δs_tu = p_tu (δp_tu - Σ_w p_tw δp_tw)",
        "δs_tu = p_tu (δp_tu - Σ_e o_te δo_te)",
        "δQ_td = δs_tu K_ud / sqrt(dim(d))",
        "δK_ud = δs_tu Q_td / sqrt(dim(d))",
        "δQ_td = p_tu (δp_tu - p_tw δp_tw) K_ud rsqrt(dim(d))",
        "g_tu = δo_te V_ue; δK_ud = p_tu (g_tu - p_tw g_tw) Q_td / sqrt(dim(d))",
    ),
    page(
        "causal attention",
        "s_tu = Q_td K_ud; e_tu = exp(s_tu) [t ≥ u]; n_t = Σ_u e_tu; p_tu = e_tu / n_t; o_te = p_tu V_ue",
        "δs_tu = p_tu (δp_tu - Σ_w p_tw δp_tw)",
        "δs_tu = p_tu δp_tu - p_tu o_te δo_te",
        "δe_tu = (δp_tu - p_tw δp_tw) / n_t",
        "δn_t = -p_tu δp_tu / n_t",
        "δQ_td = p_tu (δo_te V_ue - δo_te o_te) K_ud",
    ),
    page(
        "gated unit",
        "a_bj = x_bi W_ij; c_bj = x_bi U_ij; s_bj = σ(c_bj); y_bj = a_bj s_bj",
        "δc_bj = δy_bj y_bj (1 - s_bj)",
        "δc_bj = δy_bj a_bj s_bj σ(-c_bj)",
        "δa_bj = δy_bj / (1 + exp(-c_bj))",
        "δx_bi = W_ij s_bj δy_bj + U_ij y_bj (1 - s_bj) δy_bj",
    ),
    page(
        "recurrent cell",
        "i_j = σ(u_j); f_j = σ(v_j); g_j = tanh(w_j); o_j = σ(q_j); c_j = f_j d_j + i_j g_j; t_j = tanh(c_j); "
        "h_j = o_j t_j",
        "δq_j = δh_j h_j (1 - o_j)",
        "δc_j = δh_j o_j (1 - t_j²)",
        "δu_j = δc_j g_j i_j (1 - i_j)",
        "δv_j = δc_j d_j f_j (1 - f_j)",
        "δw_j = δc_j i_j (1 - g_j²)",
        "δd_j = δh_j o_j (1 - t_j²) f_j",
        "δw_j = δh_j o_j / cosh(c_j)² i_j / cosh(w_j)²",
    ),
    page(
        "depth",
        "a_j = tanh(W_ij x_i); b_k = tanh(U_jk a_j); c_l = tanh(V_kl b_k)",
        "δx_i = W_ij (1 - a_j²) U_jk (1 - b_k²) V_kl (1 - c_l²) δc_l",
        "δa_j = U_jk (1 - b_k²) δb_k",
        "δV_kl = b_k δc_l / cosh(V_ml b_m)²",
    ),
    # ------------------------------------------------------------- what needs a second look
    page(
        "elu by min",
        "a_i = elu(z_i)",
        "δz_i = δa_i min(1, exp(z_i))",
        "δz_i = δa_i (1 + min(a_i, 0))",
        "δz_i = δa_i exp(min(z_i, 0))",
    ),
    page("sine by a quarter turn", "a_i = sin(z_i)", "δz_i = δa_i sin(z_i + π / 2)", "δz_i = δa_i sin(π / 2 - z_i)"),
    page(
        "squared hinge",
        "E = 1/2 Σ_b relu(1 - y_b s_b)²",
        "δs_b = -y_b max(0, 1 - y_b s_b)",
        "δs_b = y_b (y_b s_b - 1) [y_b s_b < 1]",
    ),
    page(
        "squared hinge of a linear score",
        "E = 1/2 Σ_b relu(1 - y_b Σ_i w_i x_bi)²",
        "δw_i = -Σ_b x_bi y_b max(0, 1 - y_b Σ_j w_j x_bj)",
    ),
    page(
        "label smoothing",
        "q_bc = (1 - ε) [y_b = c] + ε / dim(s, 1); E = -q_bc logsoftmax_c(s_bc)",
        "δs_bc = softmax_c(s_bc) - q_bc",
        "δs_bc = softmax_c(s_bc) - (1 - ε) [y_b = c] - ε / dim(c)",
    ),
    page(
        "a learnable power",
        "y_i = x_i^{a}",
        "δa = δy_i y_i log(x_i)",
        "δx_i = a δy_i y_i / x_i",
    ),
    page(
        "Box-Cox",
        "y_i = (x_i^{λ} - 1) / λ",
        "δx_i = δy_i x_i^{λ - 1}",
        "δλ = Σ_i δy_i (x_i^{λ} log(x_i) - y_i) / λ",
        "δλ = Σ_i δy_i (λ x_i^{λ} log(x_i) - x_i^{λ} + 1) / λ²",
    ),
    page(
        "adjoint that cancels",
        "m = max_i(z_i); e_i = exp(z_i - m); s = Σ_i e_i; p_i = e_i / s",
        "δm = 0",
        "δz_i = p_i (δp_i - Σ_j p_j δp_j)",
        "δe_i = (δp_i - Σ_j p_j δp_j) / s",
    ),
    page(
        "planar flow",
        "h = w_i x_i + b; y_i = x_i + u_i tanh(h); J = log(abs(1 + (1 - tanh(h)²) u_i w_i))",
        "δu_i = δy_i tanh(h) + δJ (1 - tanh(h)²) w_i / (1 + (1 - tanh(h)²) u_j w_j)",
    ),
)

BLOCK = page(
    "transformer block",
    """m_t = mean_d(x_td); r_t = rsqrt(mean_d((x_td - m_t)²) + 1e-5); n_td = (x_td - m_t) r_t
    q_tk = n_td A_dk; k_uk = n_ud B_dk; v_ue = n_ud C_de
    s_tu = q_tk k_uk / sqrt(dim(k)); w_tu = [t ≥ u] exp(s_tu); p_tu = w_tu / Σ_v w_tv; o_te = p_tu v_ue
    y_td = x_td + o_te O_ed; z_tj = y_td W_dj; h_tj = gelu(z_tj); f_td = y_td + h_tj V_jd""",
    "δs_tu = p_tu (δp_tu - Σ_v p_tv δp_tv)",
    "δs_tu = p_tu (v_ue δo_te - δo_te o_te)",
    "δq_tk = p_tu (v_ue δo_te - δo_te o_te) k_uk / sqrt(dim(k))",
    "δx_td = δy_td + r_t (δn_td - mean_e(δn_te) - n_td mean_e(n_te δn_te))",
)
"""Large: whatever is not needed for a proof had better not be put in."""

CORPUS: tuple[Page, ...] = (
    page("dense", "y_bo = x_bi W_io + b_o", "δx_bi = δy_bo W_io", "δW_io = x_bi δy_bo", "δb_o = Σ_b δy_bo"),
    page(
        "dense, three axes",
        "y_bto = x_bti W_oi + b_o",
        "δx_bti = δy_bto W_oi",
        "δW_oi = δy_bto x_bti",
        "δb_o = Σ_bt δy_bto",
    ),
    page(
        "addmv",
        "y_i = beta s_i + alpha A_ij x_j",
        "δs_i = beta δy_i",
        "δA_ij = alpha δy_i x_j",
        "δx_j = alpha A_ij δy_i",
        "δalpha = δy_i A_ij x_j",
        "δbeta = δy_i s_i",
    ),
    page("ger", "Y_ij = a_i b_j", "δa_i = δY_ij b_j", "δb_j = δY_ij a_i"),
    page("sigmoid", "y_bi = sigmoid(x_bi)", "δx_bi = δy_bi (σ(x_bi) (1 - σ(x_bi)))"),
    page("tanh", "y_bi = tanh(x_bi)", "δx_bi = δy_bi (1 - tanh(x_bi)²)"),
    page("relu", "y_bi = relu(x_bi)", "δx_bi = δy_bi [x_bi > 0]"),
    page(
        "selu",
        "y_bi = 1.0507009873554805 (relu(x_bi) + 1.6732632423543772 step(-x_bi) (exp(x_bi) - 1))",
        "δx_bi = δy_bi 1.0507009873554805 ([x_bi > 0] + 1.6732632423543772 [x_bi < 0] exp(min(x_bi, 0)))",
    ),
    page(
        "gelu",
        "y_bi = 0.5 x_bi (1 + erf(x_bi / sqrt(2)))",
        "δx_bi = δy_bi (0.5 (1 + erf(x_bi / sqrt(2))) + x_bi exp(-x_bi² / 2) / sqrt(2 π))",
    ),
    page(
        "mish",
        "y_bi = x_bi tanh(log(1 + exp(x_bi)))",
        "t_bi = tanh(log(1 + exp(x_bi))); δx_bi = δy_bi (t_bi + x_bi (1 - t_bi²) σ(x_bi))",
    ),
    page("softsign", "y_bi = x_bi / (1 + abs(x_bi))", "δx_bi = δy_bi / (1 + abs(x_bi))²"),
    page("rsqrt", "y_bi = x_bi^-0.5", "δx_bi = δy_bi (-0.5 x_bi^-1.5)"),
    page("rational", "y_bi = x_bi / (1 + x_bi²)", "δx_bi = δy_bi ((1 - x_bi²) / (1 + x_bi²)²)"),
    page(
        "prelu",
        "y_bi = relu(x_bi) - a_i relu(-x_bi)",
        "δx_bi = δy_bi ([x_bi > 0] + a_i [x_bi < 0])",
        "δa_i = Σ_b δy_bi where([x_bi > 0], 0, x_bi)",
    ),
    page("softmax", "e_bi = exp(x_bi); y_bi = e_bi / sum_j(e_bj)", "δx_bi = y_bi (δy_bi - Σ_j δy_bj y_bj)"),
    page("logsumexp", "y_b = log(sum_i(exp(x_bi)))", "e_bi = exp(x_bi); δx_bi = δy_b e_bi / Σ_j e_bj"),
    page(
        "soft cross-entropy",
        "e_bc = exp(x_bc); p_bc = e_bc / sum_k(e_bk); L = -0.25 T_bc log(p_bc)",
        "l_bc = x_bc - log(Σ_k exp(x_bk)); δx_bc = δL (exp(l_bc) Σ_k T_bk - T_bc) / 4",
        "δT_bc = -δL (x_bc - log(Σ_k exp(x_bk))) / 4",
    ),
    page(
        "label smoothing",
        "e_bc = exp(x_bc); p_bc = e_bc / sum_k(e_bk); q_bc = 0.9 T_bc + 0.1 / dim(c); L = -0.25 q_bc log(p_bc)",
        "δx_bc = δL (p_bc - q_bc) / 4",
        given="Σ_c T_bc = 1",
    ),
    page(
        "binary cross-entropy",
        "L = mean_bi(log(1 + exp(x_bi)) - x_bi t_bi)",
        "δx_bi = δL (σ(x_bi) - t_bi) / (dim(b) dim(i))",
    ),
    page(
        "Huber",
        "r_bi = y_bi - t_bi; L = mean_bi(where([abs(r_bi) ≤ 1], r_bi² / 2, abs(r_bi) - 1/2))",
        "δy_bi = δL max(-1, min(1, y_bi - t_bi)) / (dim(b) dim(i))",
    ),
    page(
        "kl",
        "e_bc = exp(z_bc); q_bc = e_bc / sum_k(e_bk); L = 0.25 p_bc (log(p_bc) - log(q_bc))",
        "l_bc = z_bc - log(Σ_k exp(z_bk)); δz_bc = δL (exp(l_bc) Σ_k p_bk - p_bc) / 4",
        "l_bc = z_bc - log(Σ_k exp(z_bk)); δp_bc = δL (log(p_bc) + 1 - l_bc) / 4",
    ),
    page("poisson", "L = sum_bi(exp(x_bi)) - t_bi x_bi", "δx_bi = δL (exp(x_bi) - t_bi)", "δt_bi = -x_bi"),
    page(
        "focal",
        "p_b = sigmoid(x_b); L = -mean_b(t_b (1 - p_b)² log(p_b) + (1 - t_b) p_b² log(1 - p_b))",
        "d_b = -t_b ((1 - p_b)² / p_b - 2 (1 - p_b) log(p_b)) - (1 - t_b) (2 p_b log(1 - p_b) - p_b² / (1 - p_b)); "
        "δx_b = δL d_b p_b (1 - p_b) / dim(b)",
    ),
    page(
        "rms norm",
        "r_bt = sqrt(mean_i(x_bti²) + 1e-6); y_bti = x_bti g_i / r_bt",
        "d_bti = δy_bti g_i; δx_bti = d_bti / r_bt - x_bti mean_k(d_btk x_btk) / r_bt³",
        "δg_i = Σ_bt δy_bti x_bti / r_bt",
    ),
    page(
        "batch norm of Bessel",
        "mu_i = mean_b(x_bi); v_i = sum_b((x_bi - mu_i)²) / (dim(b) - 1); r_i = rsqrt(v_i + 1e-5); "
        "n_bi = (x_bi - mu_i) r_i; y_bi = g_i n_bi + c_i",
        "δx_bi = g_i r_i / dim(b) (dim(b) δy_bi - Σ_a δy_ai - dim(b) / (dim(b) - 1) n_bi Σ_a δy_ai n_ai)",
        "δg_i = Σ_b δy_bi n_bi",
        "δc_i = Σ_b δy_bi",
    ),
    page(
        "batch norm of images",
        "mu_c = mean_nhw(x_nchw); v_c = mean_nhw((x_nchw - mu_c)²); y_nchw = g_c (x_nchw - mu_c) / sqrt(v_c "
        "+ 1e-5) + b_c",
        "r_c = 1 / sqrt(v_c + 1e-5); n_nchw = (x_nchw - mu_c) r_c; "
        "δx_nchw = g_c r_c (δy_nchw - mean_mij(δy_mcij) - n_nchw mean_mij(δy_mcij n_mcij))",
        "r_c = 1 / sqrt(v_c + 1e-5); n_nchw = (x_nchw - mu_c) r_c; δg_c = Σ_nhw δy_nchw n_nchw",
        "δb_c = Σ_nhw δy_nchw",
    ),
    page(
        "group norm",
        "mu_ng = mean_cp(x_ngcp); v_ng = mean_cp((x_ngcp - mu_ng)²); "
        "y_ngcp = w_gc (x_ngcp - mu_ng) / sqrt(v_ng + 1e-5) + b_gc",
        "r_ng = 1 / sqrt(v_ng + 1e-5); n_ngcp = (x_ngcp - mu_ng) r_ng; d_ngcp = δy_ngcp w_gc; "
        "δx_ngcp = r_ng (d_ngcp - mean_kq(d_ngkq) - n_ngcp mean_kq(d_ngkq n_ngkq))",
        "r_ng = 1 / sqrt(v_ng + 1e-5); δw_gc = Σ_np δy_ngcp (x_ngcp - mu_ng) r_ng",
        "δb_gc = Σ_np δy_ngcp",
    ),
    page(
        "weight norm",
        "s_o = sqrt(sum_i(v_oi²)); y_bo = x_bi g_o v_oi / s_o",
        "u_oi = v_oi / s_o; δx_bi = δy_bo g_o u_oi",
        "u_oi = v_oi / s_o; w_oi = δy_bo x_bi; δg_o = w_oi u_oi",
        "u_oi = v_oi / s_o; w_oi = δy_bo x_bi; δv_oi = g_o / s_o (w_oi - u_oi Σ_k w_ok u_ok)",
    ),
    page("pooled maximum", "y_nct = max_k(X_nctk)", "δX_nctk = δy_nct [X_nctk = y_nct] / Σ_l [X_nctl = y_nct]"),
    page("masked mean", "y_bd = m_bt x_btd / sum_u(m_bu)", "δx_btd = δy_bd m_bt / Σ_s m_bs"),
    page("embedding", "y_btd = H_btv W_vd", "δW_vd = H_btv δy_btd"),
    page("gathered embedding", "y_btd = W[i_bt, d]", "δW_vd = Σ_bt δy_btd [i_bt = v]"),
    page(
        "attention",
        "s_qk = 0.5 Q_qd K_kd; e_qk = exp(s_qk); p_qk = e_qk / sum_j(e_qj); y_qd = p_qk V_kd",
        "g_qk = δy_qd V_kd; a_qk = p_qk (g_qk - g_qj p_qj) / 2; δQ_qd = a_qk K_kd",
        "g_qk = δy_qd V_kd; a_qk = p_qk (g_qk - g_qj p_qj) / 2; δK_kd = a_qk Q_qd",
        "δV_kd = p_qk δy_qd",
    ),
    page(
        "causal attention of several heads",
        "s_bhqk = Q_bqhd K_bkhd / sqrt(3) + M_qk; e_bhqk = exp(s_bhqk); p_bhqk = e_bhqk / sum_j(e_bhqj); "
        "y_bqhd = p_bhqk V_bkhd",
        "g_bhqk = δy_bqhd V_bkhd; a_bhqk = p_bhqk (g_bhqk - g_bhqj p_bhqj) / sqrt(3); δQ_bqhd = a_bhqk K_bkhd",
        "g_bhqk = δy_bqhd V_bkhd; a_bhqk = p_bhqk (g_bhqk - g_bhqj p_bhqj) / sqrt(3); δK_bkhd = a_bhqk Q_bqhd",
        "δV_bkhd = p_bhqk δy_bqhd",
    ),
    page(
        "additive attention",
        "h_qka = tanh(Q_qd W_da + K_kd U_da); s_qk = h_qka v_a; e_qk = exp(s_qk); p_qk = e_qk / sum_j(e_qj); "
        "y_qd = p_qk K_kd",
        *(
            "g_qk = δy_qd K_kd; t_qk = p_qk (g_qk - g_qj p_qj); z_qka = t_qk v_a (1 - h_qka²); " + rule
            for rule in (
                "δQ_qd = Σ_ka z_qka W_da",
                "δK_kd = p_qk δy_qd + Σ_qa z_qka U_da",
                "δW_da = Σ_qk Q_qd z_qka",
                "δU_da = Σ_qk K_kd z_qka",
            )
        ),
        "g_qk = δy_qd K_kd; t_qk = p_qk (g_qk - g_qj p_qj); δv_a = t_qk h_qka",
    ),
    page(
        "rotary embedding",
        "y_tij = x_tik R_tikj",
        "δx_tik = R_tikj δy_tij",
    ),
    page(
        "recurrent cell with gates in one",
        "z_gbj = x_bi W_gij + h_bk U_gkj + b_gj; i_bj = σ(z[0, b, j]); f_bj = σ(z[1, b, j]); g_bj = tanh(z[2, b, j]); "
        "o_bj = σ(z[3, b, j]); n_bj = f_bj c_bj + i_bj g_bj; y_bj = o_bj tanh(n_bj)",
        "t_bj = tanh(n_bj); d_bj = δy_bj o_bj (1 - t_bj²); δc_bj = d_bj f_bj",
        "t_bj = tanh(n_bj); d_bj = δy_bj o_bj (1 - t_bj²); "
        "δz_gbj = d_bj g_bj i_bj (1 - i_bj) [g = 0] + d_bj c_bj f_bj (1 - f_bj) [g = 1] "
        "+ d_bj i_bj (1 - g_bj²) [g = 2] + δy_bj t_bj o_bj (1 - o_bj) [g = 3]",
        "δx_bi = δz_gbj W_gij",
        "δU_gkj = δz_gbj h_bk",
        "δb_gj = Σ_b δz_gbj",
    ),
    page(
        "gru cell",
        "r_bj = sigmoid(x_bi A_ij + h_bk B_kj); z_bj = sigmoid(x_bi C_ij + h_bk D_kj); "
        "n_bj = tanh(x_bi E_ij + r_bj h_bk F_kj); y_bj = (1 - z_bj) n_bj + z_bj h_bj",
        *(
            "q_bj = h_bk F_kj; u_bj = δy_bj (1 - z_bj) (1 - n_bj²); s_bj = δy_bj (h_bj - n_bj) z_bj (1 - z_bj); "
            "t_bj = u_bj q_bj r_bj (1 - r_bj); w_bj = u_bj r_bj; " + rule
            for rule in (
                "δx_bi = t_bj A_ij + s_bj C_ij + u_bj E_ij",
                "δh_bk = δy_bk z_bk + t_bj B_kj + s_bj D_kj + w_bj F_kj",
                "δA_ij = x_bi t_bj",
                "δD_kj = h_bk s_bj",
                "δF_kj = h_bk w_bj",
            )
        ),
    ),
    page(
        "ssm step",
        "a_bdn = exp(t_bd A_dn); g_bdn = a_bdn h_bdn + t_bd B_bn x_bd; y_bd = g_bdn C_bn + D_d x_bd",
        "e_bdn = δy_bd C_bn; δt_bd = e_bdn h_bdn a_bdn A_dn + e_bdn B_bn x_bd",
        "e_bdn = δy_bd C_bn; δA_dn = e_bdn h_bdn a_bdn t_bd",
        "δh_bdn = δy_bd C_bn a_bdn",
        "δB_bn = δy_bd C_bn t_bd x_bd",
        "δC_bn = δy_bd g_bdn",
        "δx_bd = δy_bd C_bn B_bn t_bd + δy_bd D_d",
        "δD_d = Σ_b δy_bd x_bd",
    ),
    page(
        "lora",
        "y_bo = x_bi W_io + 0.5 x_bi A_ir B_ro",
        "t_br = δy_bo B_ro; δx_bi = δy_bo W_io + 0.5 t_br A_ir",
        "δW_io = x_bi δy_bo",
        "t_br = δy_bo B_ro; δA_ir = 0.5 x_bi t_br",
        "δB_ro = 0.5 (x_bi A_ir) δy_bo",
    ),
    page("tensor train", "y_bop = x_bij G_ior H_rjp", "δx_bij = δy_bop G_ior H_rjp", "δG_ior = δy_bop x_bij H_rjp"),
    page("Kronecker layer", "y_bop = x_bij A_oi B_pj", "δA_oi = δy_bop x_bij B_pj", "δB_pj = δy_bop x_bij A_oi"),
    page(
        "orbital transform",
        "Y_pqrs = C_pi C_qj I_ijkl C_rk C_sl",
        "δC_xy = δY_xqrs C_qj I_yjkl C_rk C_sl + δY_pxrs C_pi I_iykl C_rk C_sl "
        "+ δY_pqxs C_pi C_qj I_ijyl C_sl + δY_pqrx C_pi C_qj I_ijky C_rk",
        "δI_ijkl = δY_pqrs C_pi C_qj C_rk C_sl",
    ),
    page("quadratic form", "y = x_i A_ij x_j", "δx_i = (A_ij + A_ji) x_j", "δA_ij = x_i x_j"),
    page(
        "glu",
        "y_bo = x_bi W_io sigmoid(x_bj V_jo)",
        "a_bo = x_bi W_io; s_bo = σ(x_bi V_io); δx_bi = δy_bo s_bo W_io + δy_bo a_bo s_bo (1 - s_bo) V_io",
        "s_bo = σ(x_bi V_io); δW_io = x_bi δy_bo s_bo",
        "a_bo = x_bi W_io; s_bo = σ(x_bi V_io); δV_io = x_bi δy_bo a_bo s_bo (1 - s_bo)",
    ),
    page(
        "swiglu",
        "z_bh = x_bi V_ih; y_bo = z_bh sigmoid(z_bh) x_bj W_jh U_ho",
        "s_bh = σ(z_bh); a_bh = x_bi W_ih; d_bh = δy_bo U_ho; "
        "δx_bi = d_bh z_bh s_bh W_ih + Σ_h d_bh a_bh s_bh (1 + z_bh (1 - s_bh)) V_ih",
        "δU_ho = z_bh σ(z_bh) x_bi W_ih δy_bo",
    ),
    page(
        "mixture of experts",
        "e_bk = m_bk exp(x_bi G_ik); p_bk = e_bk / sum_j(e_bj); y_bo = p_bk x_bi W_kio",
        "d_bk = δy_bo x_bi W_kio; z_bk = p_bk (d_bk - d_bj p_bj); δx_bi = z_bk G_ik + p_bk δy_bo W_kio",
        "d_bk = δy_bo x_bi W_kio; z_bk = p_bk (d_bk - d_bj p_bj); δG_ik = x_bi z_bk",
        "δW_kio = p_bk x_bi δy_bo",
    ),
    page(
        "film",
        "y_nchw = x_nchw z_nd G_dc + z_ne B_ec",
        "δx_nchw = δy_nchw z_nd G_dc",
        "δz_nd = δy_nchw x_nchw G_dc + δy_nchw (B_dc + x_nchw - x_nchw)",
        "δG_dc = z_nd δy_nchw x_nchw",
    ),
    page(
        "triplet",
        "L = mean_b(relu(sum_i((a_bi - p_bi)²) - sum_i((a_bi - n_bi)²) + 1))",
        *(
            "w_b = [Σ_i (a_bi - p_bi)² - Σ_i (a_bi - n_bi)² + 1 > 0] / dim(b); " + rule
            for rule in (
                "δa_bi = 2 w_b (n_bi - p_bi)",
                "δp_bi = -2 w_b (a_bi - p_bi)",
                "δn_bi = 2 w_b (a_bi - n_bi)",
            )
        ),
    ),
    page(
        "distances",
        "D_ij = sum_d((x_id - z_jd)²)",
        "δx_id = 2 (x_id Σ_j δD_ij - Σ_j δD_ij z_jd)",
        "δz_jd = 2 (z_jd Σ_i δD_ij - Σ_i δD_ij x_id)",
    ),
    page(
        "kernel",
        "K_ij = exp(-g sum_d((x_id - z_jd)²))",
        "W_ij = -g δK_ij K_ij; δx_id = 2 (x_id Σ_j W_ij - W_ij z_jd)",
        "δg = -Σ_ij δK_ij K_ij Σ_d (x_id - z_jd)²",
    ),
    page(
        "logistic regression",
        "L = sum_n(log(1 + exp(-y_n X_nd w_d))) + 0.5 lam w_d w_d",
        "c_n = -y_n σ(-y_n X_ne w_e); δw_d = X_nd c_n + lam w_d",
        "c_n = -y_n σ(-y_n X_ne w_e); δX_nd = c_n w_d",
    ),
    page(
        "matrix factorisation",
        "p_ij = 5 sigmoid(F_ik U_jk); L = 0.5 sum_ij((R_ij - p_ij)²) + 0.5 a F_ik F_ik",
        "s_ij = σ(F_ik U_jk); D_ij = -5 (R_ij - 5 s_ij) s_ij (1 - s_ij); δF_ik = D_ij U_jk + a F_ik",
        "s_ij = σ(F_ik U_jk); D_ij = -5 (R_ij - 5 s_ij) s_ij (1 - s_ij); δU_jk = D_ij F_ik",
        "δa = 0.5 Σ_ik F_ik²",
    ),
    page(
        "variational autoencoder",
        "z_bi = mu_bi + exp(0.5 s_bi) eps_bi; L = 0.5 sum_bi((z_bi - t_bi)²) - 0.5 sum_bi(1 + s_bi - mu_bi² "
        "- exp(s_bi))",
        "r_bi = mu_bi + exp(0.5 s_bi) eps_bi - t_bi; δmu_bi = r_bi + mu_bi",
        "r_bi = mu_bi + exp(0.5 s_bi) eps_bi - t_bi; δs_bi = 0.5 r_bi exp(0.5 s_bi) eps_bi - 0.5 (1 - exp(s_bi))",
    ),
    page(
        "affine coupling",
        "s_bj = tanh(a_bi W_ij); z_bj = c_bj exp(s_bj) + a_bi V_ij; L = 0.5 z_bj z_bj - sum_bj(s_bj)",
        "d_bj = (z_bj c_bj exp(s_bj) - 1) (1 - s_bj²); δa_bi = d_bj W_ij + z_bj V_ij",
        "δc_bj = z_bj exp(s_bj)",
        "d_bj = (z_bj c_bj exp(s_bj) - 1) (1 - s_bj²); δW_ij = a_bi d_bj",
        "δV_ij = a_bi z_bj",
    ),
    page(
        "graph convolution",
        "y_io = relu(A_ij X_jk W_ko)",
        "d_io = δy_io [A_ij X_jk W_ko > 0]; δX_jk = A_ij d_io W_ko",
        "d_io = δy_io [y_io > 0]; δW_ko = A_ij X_jk d_io",
    ),
    page(
        "policy gradient",
        "e_bk = exp(z_bk); p_bk = e_bk / sum_j(e_bj); L = -0.25 A_b T_bk log(p_bk)",
        "δz_bk = A_b (p_bk - T_bk) / 4",
        given="Σ_k T_bk = 1",
    ),
    page(
        "transformer's net",
        "m_b = mean_j(x_bj); r_b = rsqrt(var_j(x_bj) + 1e-5); v_bj = (x_bj - m_b) r_b; n_bj = v_bj g_j; "
        "z_bk = n_bj W_jk + a_k; h_bk = gelu_tanh(z_bk); y_bi = x_bi + h_bk V_ki + c_i",
        "δh_bk = δy_bi V_ki",
        "t_bk = tanh(sqrt(2 / π) (z_bk + 0.044715 z_bk³)); "
        "δz_bk = δh_bk (0.5 (1 + t_bk) + 0.5 z_bk (1 - t_bk²) sqrt(2 / π) (1 + 0.134145 z_bk²))",
        "δn_bj = δz_bk W_jk",
        "d_bj = δn_bj g_j; δx_bj = δy_bj + r_b (d_bj - mean_i(d_bi) - v_bj mean_i(d_bi v_bi))",
        "δg_j = Σ_b δn_bj v_bj",
        "δV_ki = h_bk δy_bi",
    ),
    page("sum", "y_i = sum_j(x_ij)", "δx_ij = δy_i"),
    page("variance", "m_i = mean_j(x_ij); y_i = sum_j((x_ij - m_i)²) / 3", "δx_ij = δy_i 2 / 3 (x_ij - mean_k(x_ik))"),
    page("Frobenius norm", "y = sqrt(sum_ij(x_ij²))", "δx_ij = x_ij / sqrt(Σ_kl x_kl²)"),
    page("trace", "y = x_ii", "δx_ij = [i = j]"),
)
