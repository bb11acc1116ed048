"""Layers that are linear in their input: pages of equations."""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import Real, exact

__all__ = [
    "Bilinear",
    "Dense",
    "Embedding",
    "Film",
    "Lora",
    "LowRank",
    "OneHot",
    "Unembedding",
]


class Dense(Layer):
    """Affine map of every example b: ``z_bj = Σ_i a_bi W_ij + b_j``; with rows as examples ``z = a W + 1 bᵀ``.

    Backward ``δa = δz Wᵀ``, ``δW = aᵀ δz``, ``δb = δzᵀ 1``: j is what z and the weights share, so it is summed for
    δa; i is kept by a and W alike, so for δW only the example b is summed; the bias serves every example.
    For one example (no index b) drop b everywhere: ``z = Wᵀ a + b``, ``δa = W δz``, ``δW = a δzᵀ``, ``δb = δz``.

    Shapes: a (b, i), W (i, j), b (j), z (b, j).
    Reference: Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, Nature 323 (1986).

    >>> print(Dense())
    # Dense
    z_bj = a_bi W_ij + b_j
    # backward
    δa_bi = δz_bj W_ij
    δW_ij = a_bi δz_bj
    δb_j = Σ_b δz_bj
    >>> Dense().shapes(i=784, j=512)
    {'W': (784, 512), 'b': (512,)}
    """

    forward = "z_bj = a_bi W_ij + b_j"
    backward = """
        δa_bi = δz_bj W_ij
        δW_ij = a_bi δz_bj
        δb_j  = Σ_b δz_bj
    """
    parameters = "W b"


class LowRank(Layer):
    """Affine map through r values: ``h_br = Σ_i a_bi U_ir``, ``z_bj = Σ_r h_br V_rj + b_j``; ``z = a U V + 1 bᵀ``.

    Backward ``δh = δz Vᵀ``, ``δa = δh Uᵀ``, ``δU = aᵀ δh``, ``δV = hᵀ δz``: the product U V, i × j numbers, is never
    made, forwards or backwards.

    Shapes: a (b, i), U (i, r), V (r, j), b (j), z (b, j).
    Reference: Sainath, Kingsbury, Sindhwani, Arisoy, Ramabhadran, Low-rank matrix factorization for deep neural
    network training with high-dimensional output targets (2013).
    """

    forward = """
        h_br = a_bi U_ir
        z_bj = h_br V_rj + b_j
    """
    backward = """
        δh_br = δz_bj V_rj
        δa_bi = δh_br U_ir
        δU_ir = a_bi δh_br
        δV_rj = h_br δz_bj
        δb_j  = Σ_b δz_bj
    """
    parameters = "U V b"


class Lora(Layer):
    """A frozen map and a low-rank correction: ``z = a W + s (a A) B``, where W is given and only A and B are learnt.

    Backward ``δh = s δz Bᵀ``, ``δA = aᵀ δh``, ``δB = s hᵀ δz``, ``δa = δz Wᵀ + δh Aᵀ``; W is an input like any other,
    and nothing asks for its gradient.

    Shapes: a (b, i), W (i, j), A (i, r), B (r, j), z (b, j).
    Reference: Hu et al., LoRA: low-rank adaptation of large language models (2022).

    >>> print(Lora(scale=2).system)
    h_br = a_bi A_ir
    z_bj = a_bi W_ij + 2 h_br B_rj
    """

    takes = "a"
    parameters = "A B"

    def __init__(self, scale: Real = 1) -> None:
        s = exact(scale, "scale")
        super().__init__(
            forward=f"""
                h_br = a_bi A_ir
                z_bj = a_bi W_ij + {s} h_br B_rj
            """,
            backward=f"""
                δh_br = {s} δz_bj B_rj
                δA_ir = a_bi δh_br
                δB_rj = {s} h_br δz_bj
                δa_bi = δz_bj W_ij + δh_br A_ir
            """,
        )


class Bilinear(Layer):
    """A form in two inputs for every k: ``z_bk = Σ_ij x_bi W_ikj y_bj + b_k``.

    Backward ``δx_bi = Σ_kj W_ikj y_bj δz_bk`` and the like for y; ``δW_ikj = Σ_b x_bi δz_bk y_bj`` keeps all three
    indices, so that it is a sum of outer products.

    Shapes: x (b, i), y (b, j), W (i, k, j), b (k), z (b, k).
    Reference: Tenenbaum, Freeman, Separating style and content with bilinear models, Neural Computation 12 (2000).
    """

    forward = "z_bk = x_bi W_ikj y_bj + b_k"
    backward = """
        δx_bi  = W_ikj y_bj δz_bk
        δy_bj  = x_bi W_ikj δz_bk
        δW_ikj = x_bi δz_bk y_bj
        δb_k   = Σ_b δz_bk
    """
    parameters = "W b"
    takes = "x"


class Embedding(Layer):
    """The row of E that a whole number names: ``e_btd = E[n_bt, d]``.

    Backward ``δE_vd = Σ_bt [v = n_bt] δe_btd``: row v is owed what every place owes where v stood; added up, since one
    word may stand in many places. n is a whole number and is owed nothing.

    Shapes: n (b, t) of whole numbers below v, E (v, d), e (b, t, d).
    Reference: Bengio, Ducharme, Vincent, Jauvin, A neural probabilistic language model, JMLR 3 (2003).

    >>> print(Embedding().rules)
    δE_vd = [v = n_bt] δe_btd
    """

    forward = "e_btd = E[n_bt, d]"
    backward = "δE_vd = [v = n_bt] δe_btd"
    parameters = "E"
    takes = "n"


class Unembedding(Layer):
    """Scores of all words: ``s_btv = Σ_d h_btd E_vd``; ``S = H Eᵀ`` with rows (b, t). E may be the table of Embedding.

    Backward ``δh = δs E``, ``δE = δsᵀ h``: d is summed forwards, v for h, the places (b, t) for E.

    Shapes: h (b, t, d), E (v, d), s (b, t, v).
    Reference: Press, Wolf, Using the output embedding to improve language models (2017).
    """

    forward = "s_btv = h_btd E_vd"
    backward = """
        δh_btd = δs_btv E_vd
        δE_vd  = δs_btv h_btd
    """
    parameters = "E"


class Film(Layer):
    """Every channel c scaled and shifted by what another network says: ``y_btc = γ_bc x_btc + β_bc``.

    Backward ``δx = γ ⊙ δy``, ``δγ_bc = Σ_t x_btc δy_btc``, ``δβ_bc = Σ_t δy_btc``: γ and β serve all places t.

    Shapes: x (b, t, c), γ (b, c), β (b, c), y (b, t, c).
    Reference: Perez, Strub, de Vries, Dumoulin, Courville, FiLM: visual reasoning with a general conditioning layer
    (2018).
    """

    forward = "y_btc = γ_bc x_btc + β_bc"
    backward = """
        δx_btc = γ_bc δy_btc
        δγ_bc  = x_btc δy_btc
        δβ_bc  = Σ_t δy_btc
    """
    takes = "x"


class OneHot(Layer):
    """Whole numbers n as rows with a single 1, ``o_bv = [n_b = v]``, and a linear map of these, ``z = o W``.

    It is Embedding as a product; backward ``δW = oᵀ δz``: row v is owed what the examples with ``n_b = v`` are.

    Shapes: n (b) whole numbers, o (b, v), W (v, j), z (b, j).
    Reference: Goodfellow, Bengio, Courville, Deep Learning (2016), section 12.4.2.
    """

    forward = """
        o_bv = [n_b = v]
        z_bj = o_bv W_vj
        dim(v) = dim(W, 0)
    """
    backward = "δW_vj = o_bv δz_bj"
    parameters = "W"
