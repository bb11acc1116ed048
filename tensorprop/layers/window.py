"""Convolutions and pooling: pages of equations. x, y, … are places, u, v, … offsets inside a window, c and o channels.

What is called a convolution in networks is a correlation: the window's offset is added to the place. A place w of the
input is met by every offset u with ``w = s x + d u``, which is where the bracket in ``δa`` comes from, and why the
window runs backwards there.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer
from tensorprop.layers.options import whole_option

__all__ = [
    "AveragePool",
    "AveragePool2d",
    "Convolution1d",
    "Convolution2d",
    "Convolution3d",
    "DepthwiseConvolution",
    "GlobalAveragePool",
    "MaxPool",
    "MaxPool2d",
    "SeparableConvolution",
    "TransposedConvolution",
]


def _at(place: str, offset: str, stride: int, dilation: int) -> str:
    """``2x+u``, the place of the input that is read."""
    return f"{stride if stride > 1 else ''}{place}+{dilation if dilation > 1 else ''}{offset}"


class _Convolution(Layer):
    """A convolution along as many axes as ``places`` has letters."""

    parameters = "K β"
    places = "x"
    offsets = "u"
    into = "w"

    def __init__(self, stride: int = 1, dilation: int = 1) -> None:
        s, d = whole_option(stride, "stride"), whole_option(dilation, "dilation")
        reads = [_at(x, u, s, d) for x, u in zip(self.places, self.offsets, strict=True)]
        a, z = f"a[b, {', '.join(reads)}, c]", f"z[b, {', '.join(self.places)}, o]"
        kernel = f"K[{', '.join(self.offsets)}, c, o]"
        met = " ".join(f"[{w} = {r}]" for w, r in zip(self.into, reads, strict=True))
        super().__init__(
            forward=f"{z} = {a} {kernel} + β_o",
            backward=f"""
                δ{kernel} = {a} δ{z}
                δa[b, {", ".join(self.into)}, c] = {met} {kernel} δ{z}
                δβ_o = Σ_b{self.places} δ{z}
            """,
        )


class Convolution1d(_Convolution):
    """``z_bxo = Σ_uc a[b, s x + d u, c] K_uco + β_o`` for a stride s and a dilation d, where the window fits.

    Backward ``δK_uco = Σ_bx a[b, s x + d u, c] δz_bxo``; ``δa_bwc = Σ_xuo [w = s x + d u] K_uco δz_bxo``: every place
    that saw w adds its part. For zeros outside write the line ``outside(a) = 0`` on a page of your own.

    Shapes: a (b, w, c), K (u, c, o), β (o), z (b, x, o).
    Reference: LeCun et al., Backpropagation applied to handwritten zip code recognition, Neural Computation 1 (1989).

    >>> print(Convolution1d(stride=2).system)
    z_bxo = a[b, 2x+u, c] K_uco + β_o
    """


class Convolution2d(_Convolution):
    """``z_bxyo = Σ_uvc a[b, s x + d u, s y + d v, c] K_uvco + β_o``.

    Backward as in one dimension: ``δK`` correlates the input with what is owed, ``δa`` spreads it over the window.

    Shapes: a (b, w, h, c), K (u, v, c, o), β (o), z (b, x, y, o).
    Reference: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition (1998).
    """

    places, offsets, into = "xy", "uv", "wh"


class Convolution3d(_Convolution):
    """``z_bxyzo``-wise as Convolution2d, along three axes: places x, y, t and offsets u, v, r.

    Backward as in one dimension, with a bracket for every axis: ``δa = Σ [w = …] [h = …] [l = …] K δz``.

    Shapes: a (b, w, h, l, c), K (u, v, r, c, o), β (o), z (b, x, y, t, o).
    Reference: Tran, Bourdev, Fergus, Torresani, Paluri, Learning spatiotemporal features with 3D convolutional
    networks (2015).
    """

    places, offsets, into = "xyt", "uvr", "whl"


class DepthwiseConvolution(Layer):
    """A window of its own for every channel: ``z_bxc = Σ_u a[b, x + u, c] K_uc``; c is kept, not summed.

    Backward ``δK_uc = Σ_bx a[b, x + u, c] δz_bxc``, ``δa_bwc = Σ_xu [w = x + u] K_uc δz_bxc``.

    Shapes: a (b, w, c), K (u, c), z (b, x, c).
    Reference: Sifre, Mallat, Rigid-motion scattering for image classification (2014).
    """

    forward = "z[b,x,c] = a[b, x+u, c] K[u,c]"
    backward = """
        δK[u,c]   = Σ_bx a[b, x+u, c] δz[b,x,c]
        δa[b,w,c] = [w = x+u] K[u,c] δz[b,x,c]
    """
    parameters = "K"


class SeparableConvolution(Layer):
    """A depthwise convolution, then a mix of channels: ``h_bxc = Σ_u a[b, x + u, c] D_uc``, ``z_bxo = Σ_c h_bxc W_co``.

    Backward: Dense along the channels, then the depthwise rule: ``δh = δz Wᵀ``, ``δD_uc = Σ_bx a[b, x + u, c] δh_bxc``.

    Shapes: a (b, w, c), D (u, c), W (c, o), z (b, x, o).
    Reference: Chollet, Xception: deep learning with depthwise separable convolutions (2017).
    """

    forward = """
        h[b,x,c] = a[b, x+u, c] D[u,c]
        z[b,x,o] = h[b,x,c] W_co
    """
    backward = """
        δW_co     = h[b,x,c] δz[b,x,o]
        δh[b,x,c] = W_co δz[b,x,o]
        δD[u,c]   = Σ_bx a[b, x+u, c] δh[b,x,c]
        δa[b,w,c] = [w = x+u] D[u,c] δh[b,x,c]
    """
    parameters = "D W"


class TransposedConvolution(Layer):
    """What Convolution1d does to what is owed, as a layer: ``z_bwo = Σ_xuc [w = s x + u] a_bxc K_uco``.

    Backward a convolution: ``δa_bxc = Σ_uo K_uco δz[b, s x + u, o]``.

    Shapes: a (b, x, c), K (u, c, o), z (b, w, o), w running over ``s (|x| - 1) + |u|`` places.
    Reference: Zeiler, Krishnan, Taylor, Fergus, Deconvolutional networks (2010).

    >>> print(TransposedConvolution(stride=2).system)
    z_bwo = a_bxc K_uco [w = 2 x + u]
    dim(w) = 2 dim(a, 1) + dim(K, 0) - 2
    """

    parameters = "K"

    def __init__(self, stride: int = 2) -> None:
        s = whole_option(stride, "stride")
        at = _at("x", "u", s, 1)
        super().__init__(
            forward=f"""
                z[b,w,o] = a[b,x,c] K[u,c,o] [w = {at}]
                dim(w) = {s if s > 1 else ""} dim(a, 1) + dim(K, 0) - {s}
            """,
            backward=f"""
                δK[u,c,o] = a[b,x,c] δz[b, {at}, o]
                δa[b,x,c] = K[u,c,o] δz[b, {at}, o]
            """,
        )


class MaxPool(Layer):
    """The largest of every k neighbours, windows side by side: ``y_bxc = max_u(a[b, k x + u, c])``, u from 0 to k - 1.

    Backward: what is owed goes to the entry that was largest, in equal shares where several were:
    ``δa_bwc = Σ_xu [w = k x + u] [a_bwc = y_bxc] δy_bxc / n_bxc`` with n of them.

    Shapes: a (b, w, c), y (b, x, c).
    Reference: Riesenhuber, Poggio, Hierarchical models of object recognition in cortex, Nature Neuroscience 2 (1999).
    """

    def __init__(self, size: int = 2) -> None:
        k = whole_option(size, "size")
        at = _at("x", "u", k, 1)
        super().__init__(
            forward=f"""
                y[b,x,c] = max_u(a[b, {at}, c])
                dim(u) = {k}
            """,
            backward=f"""
                n[b,x,c]  = Σ_u [a[b, {at}, c] = y[b,x,c]]
                δa[b,w,c] = Σ_xu [w = {at}] [a[b,w,c] = y[b,x,c]] δy[b,x,c] / n[b,x,c]
            """,
        )


class AveragePool(Layer):
    """The mean of every k neighbours, windows side by side: ``y_bxc = mean_u(a[b, k x + u, c])``, u from 0 to k - 1.

    Backward every neighbour is owed its share: ``δa_bwc = Σ_xu [w = k x + u] δy_bxc / k``.

    Shapes: a (b, w, c), y (b, x, c).
    Reference: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition (1998).
    """

    def __init__(self, size: int = 2) -> None:
        k = whole_option(size, "size")
        at = _at("x", "u", k, 1)
        super().__init__(
            forward=f"""
                y[b,x,c] = mean_u(a[b, {at}, c])
                dim(u) = {k}
            """,
            backward=f"δa[b,w,c] = 1/{k} Σ_xu [w = {at}] δy[b,x,c]",
        )


class GlobalAveragePool(Layer):
    """The mean over all places: ``y_bc = mean_xw(a_bxwc)``; every place is owed ``δy_bc / (|x| |w|)``.

    Shapes: a (b, x, w, c), y (b, c).
    Reference: Lin, Chen, Yan, Network in network (2014).
    """

    forward = "y_bc = mean_xw(a_bxwc)"
    backward = "δa_bxwc = δy_bc / (dim(x) dim(w))"


class MaxPool2d(Layer):
    """The largest of every k × k neighbours: ``y_bxzc = max_uv(a[b, k x + u, k z + v, c])``, u and v from 0 to k - 1.

    Backward: what is owed goes to the entry that was largest, in equal shares where several were:
    ``δa_bwsc = Σ_xuzv [w = k x + u] [s = k z + v] [a_bwsc = y_bxzc] δy_bxzc / n_bxzc`` with n of them.

    Shapes: a (b, w, s, c), y (b, x, z, c).
    Reference: Riesenhuber, Poggio, Hierarchical models of object recognition in cortex, Nature Neuroscience 2 (1999).
    """

    def __init__(self, size: int = 2) -> None:
        k = whole_option(size, "size")
        at, to = _at("x", "u", k, 1), _at("z", "v", k, 1)
        super().__init__(
            forward=f"""
                y[b,x,z,c] = max_uv(a[b, {at}, {to}, c])
                dim(u) = {k}
                dim(v) = {k}
            """,
            backward=f"""
                n[b,x,z,c]  = Σ_uv [a[b, {at}, {to}, c] = y[b,x,z,c]]
                δa[b,w,s,c] = Σ_xuzv [w = {at}] [s = {to}] [a[b,w,s,c] = y[b,x,z,c]] δy[b,x,z,c] / n[b,x,z,c]
            """,
        )


class AveragePool2d(Layer):
    """The mean of every k × k neighbours: ``y_bxzc = mean_uv(a[b, k x + u, k z + v, c])``, u and v from 0 to k - 1.

    Backward every neighbour is owed its share: ``δa_bwsc = Σ_xuzv [w = k x + u] [s = k z + v] δy_bxzc / k²``.

    Shapes: a (b, w, s, c), y (b, x, z, c).
    Reference: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition (1998).
    """

    def __init__(self, size: int = 2) -> None:
        k = whole_option(size, "size")
        at, to = _at("x", "u", k, 1), _at("z", "v", k, 1)
        super().__init__(
            forward=f"""
                y[b,x,z,c] = mean_uv(a[b, {at}, {to}, c])
                dim(u) = {k}
                dim(v) = {k}
            """,
            backward=f"δa[b,w,s,c] = 1/{k * k} Σ_xuzv [w = {at}] [s = {to}] δy[b,x,z,c]",
        )
