"""Layers that are linear in their input: pages of equations."""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = ["Dense"]


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
