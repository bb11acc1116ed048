"""Linear maps whose array of weights is a product of small tensors: pages of equations.

No large array is made, forwards or backwards: the gradient of each factor is the same product with that factor left out
and δy put in.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = ["CanonicalPolyadic", "TensorTrain", "Tucker"]


class CanonicalPolyadic(Layer):
    """A sum of r outer products met with a tensor of three axes: ``y_b = Σ_r λ_r Σ_ijk x_bijk A_ir B_jr C_kr``.

    r stands in every factor and is kept until the end: ``h_br`` is what the r-th product gives, ``y = h λ``.

    Shapes: x (b, i, j, k), A (i, r), B (j, r), C (k, r), λ (r), y (b).
    Reference: Kolda, Bader, Tensor decompositions and applications, SIAM Review 51 (2009), section 3.
    """

    forward = """
        h_br = x_bijk A_ir B_jr C_kr
        y_b  = h_br λ_r
    """
    backward = """
        δh_br = δy_b λ_r
        δλ_r  = h_br δy_b
        δA_ir = x_bijk B_jr C_kr δh_br
        δB_jr = x_bijk A_ir C_kr δh_br
        δC_kr = x_bijk A_ir B_jr δh_br
    """
    parameters = "A B C λ"
    takes = "x"


class Tucker(Layer):
    """A small core G met with a tensor along each of its axes: ``y_b = Σ x_bijk A_ip B_jq C_kr G_pqr``.

    Shapes: x (b, i, j, k), A (i, p), B (j, q), C (k, r), G (p, q, r), y (b).
    Reference: Kolda, Bader, Tensor decompositions and applications, SIAM Review 51 (2009), section 4.
    """

    forward = "y_b = x_bijk A_ip B_jq C_kr G_pqr"
    backward = """
        δG_pqr = x_bijk A_ip B_jq C_kr δy_b
        δA_ip  = x_bijk B_jq C_kr G_pqr δy_b
        δB_jq  = x_bijk A_ip C_kr G_pqr δy_b
        δC_kr  = x_bijk A_ip B_jq G_pqr δy_b
    """
    parameters = "A B C G"
    takes = "x"


class TensorTrain(Layer):
    """A matrix of (i, j, k) rows and (l, m, n) columns as a train of cores: ``y_blmn = Σ x_bijk A_ilp B_pjmq C_qkn``.

    Shapes: x (b, i, j, k), A (i, l, p), B (p, j, m, q), C (q, k, n), y (b, l, m, n).
    Reference: Novikov, Podoprikhin, Osokin, Vetrov, Tensorizing neural networks (2015).
    """

    forward = "y_blmn = x_bijk A_ilp B_pjmq C_qkn"
    backward = """
        δA_ilp  = x_bijk B_pjmq C_qkn δy_blmn
        δB_pjmq = x_bijk A_ilp C_qkn δy_blmn
        δC_qkn  = x_bijk A_ilp B_pjmq δy_blmn
        δx_bijk = A_ilp B_pjmq C_qkn δy_blmn
    """
    parameters = "A B C"
